"""Creating the target before the rewrite pass, without a scan, so that each write indexes its document.

A scan reads every document once more when all of them are written: for a FLAT index that is half of the outage. Where
each document is written once, the server can index it then. What the pass does not write (a document without a value,
one that an application has changed before the target was there) is written as it is: the server indexes that, too.

That is safe while everything is known that others do to the keys (``run.tracking``), from before the dump to the end of
the pass. Whenever it is not, and after each interruption, the target is dropped, and created with a scan.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from attrs import evolve
from redis.exceptions import RedisError

from fieldfare.definition.attribute import Algorithm
from fieldfare.engine.drop_recreate.steps import drop_target
from fieldfare.engine.filling import TargetFilling
from fieldfare.engine.index import create_index, wait_until_ready
from fieldfare.engine.run import ActiveRun
from fieldfare.plan import Phase, Receipt, Step
from fieldfare.server import index_commands
from fieldfare.server.inspect import read_stats
from fieldfare.server.refusal import optional
from fieldfare.server.unchanged_write import write_unchanged

__all__ = ["begin_filling", "create_target", "discard_filled_target"]

LEAST_MISSING: Final = 1000
PART_MISSING: Final = 50
"""How many documents may be written as they are: so many, or one of so many."""


def begin_filling(run: ActiveRun) -> None:
    """Create the target without a scan, if the pass that begins now can fill it."""
    if run.tracking is None or not _can_be_filled(run):
        return
    run.journal.update(filling=True)
    index_commands.create(run.server, run.target, scan=False)
    changed = run.tracking.changed_keys()  # those after this moment are indexed as they are changed
    filling = TargetFilling(
        missing=set(changed or ()),
        most=max(LEAST_MISSING, run.document_count // PART_MISSING),
        give_up=partial(discard_filled_target, run),
    )
    run.filling = filling
    if changed is None:
        filling.is_given_up = True
        discard_filled_target(run)


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
        and _may_scan(run)
    )


def _may_scan(run: ActiveRun) -> bool:
    """Whether the captured keys are all that a scan of the server would find."""
    return bool(optional(lambda: run.server.command("SCAN", 0, "COUNT", 1), otherwise=None))


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
    if filling is None or filling.is_given_up or tracking is None:
        return False
    try:
        write_unchanged(run.server, sorted(filling.missing))
        changed = tracking.changed_keys()
        found = read_stats(run.server, run.target.name).num_docs
    except RedisError:
        return False
    if changed is None or found < run.source_stats.num_docs - len(filling.missing | changed):
        return False
    run.journal.progress = evolve(run.journal.progress, filling=False)  # saved with the step's receipt
    return True


def discard_filled_target(run: ActiveRun) -> None:
    """Drop a target that may be incomplete, because a pass that was to fill it did not.

    Raises:
        PreconditionError: the index of this name is neither target nor source.
    """
    run.filling = None
    if run.journal.progress.filling:
        drop_target(run)
        run.journal.update(filling=False)
