"""Finalizing a run with shadow fields: their originals are removed, once nobody reads or writes these."""

from __future__ import annotations

from fieldfare.changes.renaming import overlaps
from fieldfare.engine.next_commands import NextCommands
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.originals import remove_originals
from fieldfare.engine.shadow_fields.synchronization import Synchronization
from fieldfare.engine.shadow_keys.removal import remove_old_keys
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.errors import PreconditionError
from fieldfare.plan import Receipt, Step
from fieldfare.server.inspect import read_overlapping_indexes

__all__ = ["remove_superseded_keys", "remove_superseded_originals", "require_unused_originals"]


def require_unused_originals(run: ActiveRun) -> None:
    """Refuse to remove originals that another index reads, or that applications have written since the last sync.

    With ``--force``, what they have written is converted first.

    Raises:
        PreconditionError: says who still needs them.
    """
    commands = NextCommands.of_run(run.plan.index, run.journal.path.parent, run.options)
    originals = sorted(shadow_paths(run.plan))
    for other in read_overlapping_indexes(run.server, run.target):
        readers = [each.path for each in other.fields]
        read = [path for path in originals if any(overlaps(each, path, other.storage) for each in readers)]
        if read and other.name != run.source.name:
            raise PreconditionError(
                f"The index {other.name!r} reads {', '.join(map(repr, read))} of the same documents, and would lose "
                "these values. Nothing was changed. Migrate or drop that index first"
            )
    synchronization = Synchronization(run)
    if run.options.force:
        synchronization.compare_every()
        return
    outdated = synchronization.count_outdated()
    if outdated.count:
        raise PreconditionError(
            f"Applications wrote old fields since these were converted: {outdated}. Nothing was changed. First run: "
            f"{commands.sync} (or finalize with --force, which converts them and then removes the old fields)"
        )


def remove_superseded_keys(run: ActiveRun, step: Step) -> Receipt:
    """Remove the old keys of copied documents, after their values are in the backup."""
    return Receipt(step.id, documents=remove_old_keys(run))


def remove_superseded_originals(run: ActiveRun, step: Step) -> Receipt:
    """Remove the originals of shadow fields, after they are in the backup."""
    return Receipt(step.id, documents=remove_originals(run))
