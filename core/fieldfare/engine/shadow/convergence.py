"""Shadow fields and copies of documents during a run: kept equal to their originals until the names have moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.outage import step_status
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.names import SWITCH, moved_names
from fieldfare.engine.shadow_fields.fill import fill, is_filled
from fieldfare.engine.shadow_fields.synchronization import FieldSynchronization
from fieldfare.engine.shadow_keys.synchronization import KeySynchronization
from fieldfare.engine.shadow_pairs.synchronization import Synchronization
from fieldfare.plan import Receipt
from fieldfare.server.index_names import real_name

__all__ = [
    "converge",
    "convert_until_moved",
    "fill_before_switch",
    "stop_following",
    "switch_has_begun",
    "synchronization_of",
]

ROUNDS: Final = 20
"""How often changes are converted that applications made while the ones before were converted."""

FEW: Final = 50
"""So many changed documents are converted in a moment."""


def fill_before_switch(run: ActiveRun, work: RewritePass) -> tuple[list[Receipt], bool]:
    """Fill the shadow fields; after the switch they are the application's, and are compared later.

    Returns:
        A receipt for each step, and whether they are filled.
    """
    if may_hold_new_form(run):
        return [Receipt(step.id) for step in work.steps], True
    return fill(run, work), is_filled(run)


def switch_has_begun(run: ActiveRun) -> bool:
    """Whether some name leads to the target."""
    return any(real_name(run.server, name) == run.target.name for name in moved_names(run.plan))


def may_hold_new_form(run: ActiveRun) -> bool:
    """Whether applications may have written shadow fields: some name leads to the target, or has led to it.

    A restarted server may have lost the move of the names, and kept what was written after it.
    """
    if switch_has_begun(run):
        return True
    progress = run.journal.progress
    was_restarted = progress.server_changes > 0 or run.server.has_restarted_since(progress.server_processes)
    return was_restarted and step_status(run.journal, SWITCH) is not None


def synchronization_of(
    run: ActiveRun, *, remembers: bool = False, may_lack_copies: bool = False
) -> Synchronization[Any]:
    """Return what keeps shadow fields, or copies of documents, equal to their originals.

    Args:
        run: with a target that is built.
        remembers: whether the state of every document that was looked at is kept in memory, for later changes.
        may_lack_copies: whether the server may have lost copies of documents.
    """
    if copies_keys(run.plan):
        return KeySynchronization(run, switch_has_begun(run), remembers, may_lack_copies)
    return FieldSynchronization(run, may_hold_new_form(run), remembers)


def converge(run: ActiveRun) -> None:
    """Make every pair equal, and follow what is changed since.

    Where the server cannot tell what is changed, every document is compared.
    """
    synchronization = synchronization_of(run)
    if run.follower is None or not run.follower.is_reliable:
        if run.follower is not None:
            run.follower.close()
        run.follower = synchronization.start_follower()
        synchronization.compare_every("catch_up")
    for _ in range(ROUNDS):
        keys = run.follower.drain()
        if keys is None:
            synchronization.compare_every("catch_up")
            return
        synchronization.follow_changes(keys)
        if len(keys) <= FEW:
            return


def convert_until_moved(run: ActiveRun) -> None:
    """Convert what applications wrote to originals until the name moved."""
    synchronization = synchronization_of(run)
    keys = run.follower.drain() if run.follower is not None else None
    if keys is None:
        synchronization.compare_every("catch_up")
    else:
        synchronization.follow_changes(keys)
    synchronization.note_contended()


@contextmanager
def stop_following(run: ActiveRun) -> Iterator[None]:
    """Close the follower of the body, if it starts one."""
    try:
        yield
    finally:
        if run.follower is not None:
            run.follower.close()
            run.follower = None
