"""Writing documents that applications write, too: read, decide, write what is still as it was read, and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen

from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.run import ActiveRun
from fieldfare.server.guarded_write import GuardedWrite, write_guarded

__all__ = ["RepeatedWrite", "note_contended", "write_repeatedly"]

ATTEMPTS: Final = 20
"""How often a document is read again that an application updates between our read and our write."""


@frozen(hash=False)
class RepeatedWrite:
    """What came of writing some documents.

    Attributes:
        count: how many documents were written.
        keys: the keys of the documents that are as they were to be.
        vanished: keys that were gone when they were to be written.
        wrong_type: keys that held something else then.
        contended: keys that applications update faster than they can be written.
    """

    count: int = 0
    keys: Sequence[bytes] = ()
    vanished: Sequence[bytes] = ()
    wrong_type: Sequence[bytes] = ()
    contended: Sequence[bytes] = ()


def write_repeatedly(
    run: ActiveRun,
    keys: Sequence[bytes],
    decide: Callable[[Sequence[bytes]], GuardedWrite | None],
    fields: Mapping[str, str],
) -> RepeatedWrite:
    """Write documents, and decide again about those that applications have updated meanwhile.

    Args:
        run: the run; it is stopped between two writes if the user wants that.
        keys: the keys of the documents.
        decide: reads documents, and returns what to write with what must still be there then; None for nothing.
        fields: path of a guard → path of the field that it guards.
    """
    count, done = 0, list[bytes]()
    vanished: list[bytes] = []
    wrong_type: list[bytes] = []
    for _ in range(ATTEMPTS):
        write = decide(keys) if keys else None
        if write is None:
            keys = ()
            break
        run.check()
        result = write_guarded(run.server, run.source.storage, write, fields)
        others = {*result.vanished, *result.wrong_type, *result.changed}
        done += [key for key in write.after.keys if key not in others]
        count += result.written
        vanished += result.vanished
        wrong_type += result.wrong_type
        keys = result.changed
    return RepeatedWrite(count, done, vanished, wrong_type, keys)


def note_contended(run: ActiveRun, result: RepeatedWrite) -> None:
    """Note the documents that applications update faster than they can be written."""
    run.note(problem_notes({CONTENDED: result.contended}))
