"""After a restart or a failover of the server, which may have lost what the journal says is done.

Redis acknowledges a write before it is on disk or on a replica. A restarted server, or a replica that became the
primary, may lack the latest writes, or many. So every step is executed again.
"""

from __future__ import annotations

from attrs import evolve

from fieldfare.backup.progress import RollbackStatus, Status, StepRecord
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.copied_keys import keeps_originals
from fieldfare.engine.rehearsal import drop_rehearsals
from fieldfare.engine.run import ActiveRun
from fieldfare.plan import Phase
from fieldfare.server.index_commands import find_differences
from fieldfare.server.inspect import index_exists, read_definition

__all__ = ["reset_after_restart", "source_is_restored"]


def reset_after_restart(run: ActiveRun) -> None:
    """Take no step for done, or undone, if the server is another process than the journal says.

    Steps after the rewrite pass are undone then, so that documents have the names under which they are rewritten,
    and every step is executed from its first batch, as after a crash.
    """
    progress = run.journal.progress
    if not run.server.has_restarted_since(progress.server_processes):
        return
    processes = run.server.run_ids()
    drop_rehearsals(run.server, run.plan)  # the server may be back in the middle of one
    if not progress.server_processes or not progress.steps:
        run.journal.update(server_processes=processes)
        return
    if progress.undo is RollbackStatus.NONE:
        steps = _first_batch_records(run)
    else:
        steps = {
            name: StepRecord(Status.RUNNING) if record.status is Status.UNDONE else record
            for name, record in progress.steps.items()
        }
        run.journal.progress = evolve(progress, undo=RollbackStatus.RUNNING)
    run.journal.update(
        steps=steps,
        notes=progress.notes_before,
        server_processes=processes,
        server_changes=progress.server_changes + 1,
    )


def source_is_restored(run: ActiveRun) -> bool:
    """Whether what a rollback has restored, the target of this run, is still there."""
    if not run.server.has_restarted_since(run.journal.progress.server_processes):
        return True
    name = run.target.name
    if not index_exists(run.server, name) or find_mismatches(run.target, read_definition(run.server, name)):
        return False
    return not find_differences(run.server, evolve(run.plan.source, definition=run.target))


def _first_batch_records(run: ActiveRun) -> dict[str, StepRecord]:
    """Undo the steps after the rewrite pass, and return the records of the others, from their first batch.

    Shadow fields and copies have the same names before and after: nothing is undone, above all not an index that
    answers.
    """
    records = dict(run.journal.progress.steps)
    for step in () if keeps_originals(run.plan) else reversed(run.plan.steps):
        if step.id in records and step.phase in {Phase.REWRITE, Phase.CREATE} and not step.transforms:
            receipt = records.pop(step.id).receipt
            run.plugins.call_required(
                step.owner, "fieldfare_undo_step", type(None), step=step, receipt=receipt, run=run
            )
    return {name: StepRecord(Status.RUNNING, shards=(0,) * len(each.shards)) for name, each in records.items()}
