"""When the server may have forgotten what the journal remembers: after a restart or a failover.

Redis answers before its disk or its replicas have a write. A server that was started again, or a replica that became
the primary, may be where the old one was a moment earlier, or much earlier. So what was done is done again.
"""

from __future__ import annotations

from attrs import evolve

from fieldfare.definition.compare import differences
from fieldfare.engine.preflight import drop_rehearsals
from fieldfare.engine.run import Run
from fieldfare.journal import Status, StepRecord, Undo
from fieldfare.plan import Phase
from fieldfare.server.inspect import index_exists, read_definition

__all__ = ["distrust", "source_is_back"]


def distrust(run: Run) -> None:
    """Take nothing for done, or undone, if the server is another process than the one that the journal knows.

    Steps behind the rewrite pass are undone then, so that documents have the names under which they are rewritten,
    and everything is executed from its first batch, as after a crash: what is done already is found done.
    """
    processes = run.server.processes()
    progress = run.journal.progress
    if processes == progress.server_processes:
        return
    drop_rehearsals(run.server, run.plan)  # the server may be back in the middle of one
    if not progress.server_processes or not progress.steps:
        run.journal.update(server_processes=processes)
        return
    if progress.undo is Undo.NONE:
        steps = _from_the_first_batch(run)
    else:
        steps = {
            name: StepRecord(Status.RUNNING) if record.status is Status.UNDONE else record
            for name, record in progress.steps.items()
        }
        run.journal.progress = evolve(progress, undo=Undo.RUNNING)
    run.journal.update(
        steps=steps,
        notes=progress.notes_before,
        server_processes=processes,
        server_changes=progress.server_changes + 1,
    )


def source_is_back(run: Run) -> bool:
    """Whether what a finished rollback put back is still there; it is the source that comes last."""
    if run.server.processes() == run.journal.progress.server_processes:
        return True
    name = run.source.name
    return index_exists(run.server, name) and not differences(run.source, read_definition(run.server, name))


def _from_the_first_batch(run: Run) -> dict[str, StepRecord]:
    """Undo the steps behind the rewrite pass, and return the records of the others."""
    records = dict(run.journal.progress.steps)
    for step in reversed(run.plan.steps):
        if step.id in records and step.phase.rank >= Phase.REWRITE.rank and not step.transforms:
            receipt = records.pop(step.id).receipt
            run.plugins.demand(step.owner, "fieldfare_undo_step", type(None), step=step, receipt=receipt, run=run)
    return {name: StepRecord(Status.RUNNING, shards=(0,) * len(each.shards)) for name, each in records.items()}
