"""Concurrent updates: what an application wrote to a document after the dump is saved and converted, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from fieldfare.documents import Batch
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.value_history import ValueState, find_origins, value_versions
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.server.document_reader import read_documents
from fieldfare.server.document_writer import write_documents

__all__ = ["ATTEMPTS", "CONTENDED", "UPDATED", "UnconvertedUpdates", "convert_concurrent_updates"]

UPDATED: Final = "updated during the run"
CONTENDED: Final = "updated faster than it can be converted"
"""Kinds of notes about such documents."""

ATTEMPTS: Final = 5
"""How often a document is read again that an application updates between our read and our write."""


@frozen(hash=False)
class UnconvertedUpdates:
    """Documents that could not be converted.

    Attributes:
        vanished: keys that are gone.
        wrong_type: keys that hold something else.
        contended: keys that applications update faster than they can be converted.
        unchanged: keys whose new value the transforms leave as it is: it is converted already, or cannot be.
    """

    vanished: Sequence[bytes] = ()
    wrong_type: Sequence[bytes] = ()
    contended: Sequence[bytes] = ()
    unchanged: Sequence[bytes] = ()


def convert_concurrent_updates(
    run: ActiveRun, work: RewritePass, saved: SavedValues, dumped: Batch, keys: Sequence[bytes]
) -> UnconvertedUpdates:
    """Convert documents whose values are not the converted ones.

    A value that is not the original either goes to the backup first, as a further original; a value that an
    interrupted run has saved already is not saved again. A value that the transforms do not change stays.

    Args:
        run: the run.
        work: what is rewritten.
        saved: concurrent updates that were saved so far.
        dumped: the batch of the backup to which the documents belong.
        keys: theirs.
    """
    storage, paths = run.source.storage, list(work.paths)
    convert = run.transformed
    vanished: list[bytes] = []
    wrong_type: list[bytes] = []
    unchanged: set[bytes] = set()
    for _ in range(ATTEMPTS):
        found, problems = read_documents(run.server, storage, keys, paths)
        origins = find_origins(storage, found, value_versions(run, saved, dumped, convert))
        originals = origins.with_external()
        converted = convert(originals)
        stale = origins.stale(storage, converted)
        external = origins.rows(ValueState.EXTERNAL)
        unchanged = unchanged.union(found.keys[row] for row in external).difference(found.keys[row] for row in stale)
        if stale:
            with run.guard:
                saved.append(originals.select(stale, paths))
        rows = sorted({*stale, *origins.rows(ValueState.ORIGINAL)})
        run.check()
        result = write_documents(
            run.server, storage, converted.select(rows, paths), paths, before=found.select(rows, paths)
        )
        vanished += [*problems.get("vanished", ()), *result.vanished]
        wrong_type += [*problems.get("wrong type", ()), *result.wrong_type]
        keys = result.changed
        if not keys:
            break
    return UnconvertedUpdates(vanished, wrong_type, keys, sorted(unchanged.difference(vanished, wrong_type, keys)))
