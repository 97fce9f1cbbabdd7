"""Finalizing a run with shadow fields or copies: their originals are removed, once nobody reads or writes these."""

from __future__ import annotations

from typing import Any

from fieldfare.changes.renaming import overlaps
from fieldfare.engine.next_commands import NextCommands
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.convergence import synchronization_of
from fieldfare.engine.shadow.names import moved_names
from fieldfare.engine.shadow_fields.originals import remove_originals
from fieldfare.engine.shadow_keys.removal import remove_old_keys
from fieldfare.engine.shadow_pairs.synchronization import Synchronization
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.errors import PreconditionError
from fieldfare.plan import Receipt, Step
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import read_overlapping_indexes

__all__ = ["remove_superseded_keys", "remove_superseded_originals", "require_unused_keys", "require_unused_originals"]


def require_unused_originals(run: ActiveRun) -> None:
    """Refuse to remove originals that another index reads, or that applications have written since the last sync.

    With ``--force``, what they have written is converted first.

    Raises:
        PreconditionError: says who still needs them.
    """
    originals = sorted(shadow_paths(run.plan))
    for other in read_overlapping_indexes(run.server, run.target):
        readers = [each.path for each in other.fields]
        read = [path for path in originals if any(overlaps(each, path, other.storage) for each in readers)]
        if read and other.name != run.source.name:
            raise PreconditionError(
                f"The index {other.name!r} reads {', '.join(map(repr, read))} of the same documents, and would lose "
                "these values. Nothing was changed. Migrate or drop that index first"
            )
    _require_synchronized(synchronization_of(run), "old fields", "converted", "converts")


def require_unused_keys(run: ActiveRun) -> None:
    """Refuse to remove old keys that another index covers, or that applications have written since the last sync.

    With ``--force``, what they have written is copied first.

    Raises:
        PreconditionError: says who still needs them.
    """
    known = {run.source.name, run.target.name, *(real_name(run.server, name) for name in moved_names(run.plan))}
    for other in read_overlapping_indexes(run.server, run.source):
        gone = [each for each in run.source.prefixes if each not in run.target.prefixes]
        read = [each for each in gone if any(each.startswith(own) or own.startswith(each) for own in other.prefixes)]
        if read and other.name not in known:
            raise PreconditionError(
                f"The index {other.name!r} covers keys below {', '.join(map(repr, read))}, and would lose these "
                "documents. Nothing was changed. Migrate or drop that index first"
            )
    restarted = run.server.has_restarted_since(run.journal.progress.server_processes)
    synchronization = synchronization_of(run, may_lack_copies=restarted)
    done = "copied, or the server has lost the copies in a restart" if restarted else "copied"
    _require_synchronized(synchronization, "old keys", done, "copies")


def _require_synchronized(synchronization: Synchronization[Any], originals: str, done: str, does: str) -> None:
    run = synchronization.run
    if run.options.force:
        synchronization.compare_every()
        return
    outdated = synchronization.count_outdated()
    if outdated.count:
        commands = NextCommands.of_run(run.plan.index, run.journal.path.parent, run.options)
        raise PreconditionError(
            f"Applications wrote {originals} since these were {done}: {outdated}. Nothing was changed. First run: "
            f"{commands.sync} (or finalize with --force, which {does} them and then removes the {originals})"
        )


def remove_superseded_keys(run: ActiveRun, step: Step) -> Receipt:
    """Remove the old keys of copied documents, after their values are in the backup."""
    return Receipt(step.id, documents=remove_old_keys(run))


def remove_superseded_originals(run: ActiveRun, step: Step) -> Receipt:
    """Remove the originals of shadow fields, after they are in the backup."""
    return Receipt(step.id, documents=remove_originals(run))
