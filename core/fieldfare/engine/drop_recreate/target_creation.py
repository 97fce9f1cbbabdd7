"""Creating the target before the rewrite pass, without a scan, so that each write indexes its document.

A scan reads every document once more when all of them are written: for a FLAT index that is half of the outage. Where
each document is written once, the server can index it then. What the pass does not write (a document without a value,
one that an application has changed before the target was there, or renamed) is written as it is: the server indexes
that, too.

That is safe while everything is known that others do to the keys (``run.tracking``), from before the dump to the end of
the pass. Whenever it is not, and after each interruption, the target is dropped, and created with a scan.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from attrs import evolve
from redis.exceptions import RedisError, ResponseError

from fieldfare.definition.attribute import Algorithm
from fieldfare.engine.drop_recreate.steps import drop_target
from fieldfare.engine.filling import TargetFilling
from fieldfare.engine.index import create_index, wait_until_ready
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import IndexNotFound
from fieldfare.plan import Phase, Receipt, Step
from fieldfare.server import index_commands
from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.server.inspect import index_exists, read_stats
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Command
from fieldfare.server.refusal import optional, trial_keys
from fieldfare.server.search import find_indexed
from fieldfare.server.unchanged_write import trial_unchanged_writes, write_unchanged

__all__ = ["abandon_filled_target", "begin_filling", "create_target", "discard_filled_target"]

ROUNDS: Final = 20
"""How often it is looked for documents that applications have renamed since the last time."""


def begin_filling(run: ActiveRun) -> None:
    """Create the target without a scan, if the pass that begins now can fill it."""
    if run.tracking is None or not _can_be_filled(run):
        return
    run.journal.update(filling=True)
    try:
        index_commands.create(run.server, run.target, scan=False)
    except ResponseError:  # somebody was faster; create_target decides about that index
        run.journal.update(filling=False)
        return
    changed = run.tracking.changed_keys()  # those after this moment are indexed as they are changed
    run.filling = TargetFilling(give_up=partial(discard_filled_target, run))
    if changed is None:
        run.filling.stop()
    else:
        run.filling.leave_out(changed)


def _can_be_filled(run: ActiveRun) -> bool:
    source, target, plan = run.source, run.target, run.plan
    vectors = [each for each in target.fields if each.is_vector]
    return (
        all(step.transforms for step in plan.steps if step.phase is Phase.REWRITE)  # one write of each document
        and all(each.attrs.get("algorithm") == Algorithm.FLAT for each in vectors)  # a graph takes long for each write
        and not plan.source.synonyms  # a scan follows them
        and source.filter is None
        and target.filter is None
        and source.prefixes == target.prefixes
        and source.temporary is None
        and target.temporary is None
        and _has_rights(run)
        and not index_exists(run.server, target.name)
    )


def _has_rights(run: ActiveRun) -> bool:
    """Whether the captured keys are all that a scan of the server would find, and could be written as they are."""
    commands: list[Command] = [("SCAN", 0, "COUNT", 1)]
    commands += [command for key in trial_keys(run.source.prefixes) for command in trial_unchanged_writes(key)]
    return optional(lambda: bool(require_allowed(run.server, commands)), otherwise=False)


def create_target(run: ActiveRun, step: Step) -> Receipt:
    """Create the target, its synonyms and aliases, and wait until every document is indexed.

    Raises:
        PreconditionError: another index has taken the name.
        TimeoutError: it was not ready in time.
    """
    if not _complete_filling(run):
        discard_filled_target(run)
    create_index(run.server, run.target, run.plan.source.synonyms, run.plan.source.aliases)
    wait_until_ready(run, run.target.name, step=step.id)
    return Receipt(step.id, documents=read_stats(run.server, run.target.name).num_docs)


def _complete_filling(run: ActiveRun) -> bool:
    """Have documents indexed that the pass has not written, and return whether the target holds every document."""
    filling, tracking = run.filling, run.tracking
    run.filling = None
    if filling is None or tracking is None:
        return False
    try:
        concerned = _index_rest(run, filling, tracking)
        found = read_stats(run.server, run.target.name).num_docs
    except (RedisError, IndexNotFound):
        return False
    if concerned is None or found < run.source_stats.num_docs - len(concerned):
        return False
    run.journal.progress = evolve(run.journal.progress, filling=False)  # saved with the step's receipt
    return True


def _index_rest(run: ActiveRun, filling: TargetFilling, tracking: ChangeTracking) -> set[bytes] | None:
    """Have documents indexed that the target may lack, and return the keys of all that the pass alone did not decide.

    These are the ones that it has not written, and documents that an application has renamed before they were indexed:
    the server does not index them under their new names then.

    Returns:
        None if not all of them are known.
    """
    tried = set[bytes]()
    rest = filling.missing
    for _ in range(ROUNDS):
        write_unchanged(run.server, sorted(rest), filling.limit)
        tried |= rest
        changed = tracking.changed_keys()
        if changed is None:
            return None
        rest = set(changed) - tried
        rest -= find_indexed(run.server, run.target.name, [key for key in rest if b"\0" not in key])
        if not rest:
            return tried | changed
    return None


def discard_filled_target(run: ActiveRun) -> None:
    """Drop a target that may be incomplete, because a pass that was to fill it did not.

    Raises:
        PreconditionError: the index of this name is neither target nor source.
    """
    run.filling = None
    if run.journal.progress.filling:
        drop_target(run)
        run.journal.update(filling=False)


def abandon_filled_target(run: ActiveRun) -> None:
    """Drop a target that may be incomplete, if this process still holds the lock: else it may be another one's.

    Raises:
        LockLost: another process may have resumed the run, and completed the target.
        PreconditionError: the index of this name is neither target nor source.
    """
    if run.journal.progress.filling and run.lock is not None:
        run.lock.check()
    discard_filled_target(run)
