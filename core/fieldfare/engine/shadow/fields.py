"""Shadow fields during a run: filled before the target is built, kept equal to their originals until the switch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.keys import converge_copies, copy_until_moved
from fieldfare.engine.shadow.names import moved_names
from fieldfare.engine.shadow_fields.fill import convert_every, covered, fill, is_filled, keep_up
from fieldfare.engine.shadow_fields.synchronization import Synchronization
from fieldfare.plan import Receipt
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.index_names import real_name

__all__ = ["converge", "convert_until_moved", "fill_before_switch", "stop_following", "switch_has_begun"]


def fill_before_switch(run: ActiveRun, work: RewritePass) -> tuple[list[Receipt], bool]:
    """Fill the shadow fields; after the switch they are the application's, and are left alone.

    Returns:
        A receipt for each step, and whether they are filled.
    """
    if switch_has_begun(run):
        return [Receipt(step.id) for step in work.steps], True
    return fill(run, work), is_filled(run)


def switch_has_begun(run: ActiveRun) -> bool:
    """Whether some name leads to the target."""
    return any(real_name(run.server, name) == run.target.name for name in moved_names(run.plan))


def converge(run: ActiveRun) -> None:
    """Make every shadow field equal to what the transforms make of its original, and follow what is changed since.

    Where the server cannot tell what is changed, every document is compared. Copies of documents are made equal to
    these in the same way.
    """
    if copies_keys(run.plan):
        converge_copies(run)
        return
    if run.follower is None or not run.follower.is_reliable:
        if run.follower is not None:
            run.follower.close()
        run.follower = ChangeFollower.start(run.server, run.source.name, run.source.prefixes)
        convert_every(run)
    if not keep_up(run):
        convert_every(run)


def convert_until_moved(run: ActiveRun) -> None:
    """Convert what applications wrote to originals until the name moved."""
    if copies_keys(run.plan):
        copy_until_moved(run)
        return
    synchronization = Synchronization(run)
    keys = run.follower.drain() if run.follower is not None else None
    if keys is None:
        synchronization.compare_every()
    else:
        synchronization.convert_changes(covered(run, keys))


@contextmanager
def stop_following(run: ActiveRun) -> Iterator[None]:
    """Close the follower of the body, if it starts one."""
    try:
        yield
    finally:
        if run.follower is not None:
            run.follower.close()
            run.follower = None
