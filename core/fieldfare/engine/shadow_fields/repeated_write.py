"""Writing documents that applications write, too: read, decide, write what is still as it was read, and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_pairs.synchronization import ATTEMPTS
from fieldfare.server.guarded_write import GuardedWrite, write_guarded

__all__ = ["write_repeatedly"]


def write_repeatedly(
    run: ActiveRun,
    keys: Sequence[bytes],
    decide: Callable[[Sequence[bytes]], GuardedWrite | None],
    fields: Mapping[str, str],
) -> tuple[int, Sequence[bytes]]:
    """Write documents, and decide again about those that applications have updated meanwhile.

    Args:
        run: the run; it is stopped between two writes if the user wants that.
        keys: the keys of the documents.
        decide: reads documents, and returns what to write with what must still be there then; None for nothing.
        fields: path of a guard → path of the field that it guards.

    Returns:
        How many documents were written, and the keys of those that applications update faster than they can be
        written, which are noted.
    """
    written = 0
    for _ in range(ATTEMPTS):
        write = decide(keys) if keys else None
        if write is None:
            return written, ()
        run.check()
        result = write_guarded(run.server, run.source.storage, write, fields)
        written += result.written
        keys = result.changed
    run.note(problem_notes({CONTENDED: keys}))
    return written, keys
