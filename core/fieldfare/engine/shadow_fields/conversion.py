"""Converting documents: their shadow fields get what the transforms make of the originals that they have now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.external_values import equals_any
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.repeated_write import write_repeatedly
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.document_reader import Problems, read_documents
from fieldfare.server.guarded_write import GuardedWrite

__all__ = ["Conversion", "Decision", "ShadowedDocuments", "convert", "read_shadowed", "renamed"]


@frozen(hash=False)
class ShadowedDocuments:
    """Documents with their originals and their shadow fields.

    Attributes:
        originals: by the paths of the originals.
        shadows: what the shadow fields hold, by their paths.
        converted: what the transforms make of the originals, by the paths of the shadow fields. Where a shadow field
            holds the same value in another spelling of JSON, that spelling.
    """

    originals: Batch
    shadows: Batch
    converted: Batch

    def outdated(self) -> list[int]:
        """Return the documents of which some shadow field does not hold what the transforms make of its original."""
        columns = [(column, self.converted[path]) for path, column in self.shadows.columns.items()]
        return [
            row
            for row in range(len(self.shadows))
            if any(shadow[row] != converted[row] for shadow, converted in columns)
        ]

    def select(self, rows: Sequence[int]) -> ShadowedDocuments:
        """Return some of the documents."""
        parts = (each.select(rows, each.columns) for each in (self.originals, self.shadows, self.converted))
        return ShadowedDocuments(*parts)


Decision: TypeAlias = Callable[[ShadowedDocuments], ShadowedDocuments]
"""Takes documents with outdated shadow fields; returns those to convert, after it has recorded what that needs.

Where a value of ``converted`` equals that of ``shadows``, the field is left alone.
"""


@frozen(hash=False)
class Conversion:
    """What came of converting some documents.

    Attributes:
        converted: keys of documents whose shadow fields were written.
        vanished: keys that are gone.
        wrong_type: keys that hold something else.
        contended: keys that applications update faster than they can be converted.
    """

    converted: Sequence[bytes] = ()
    vanished: Sequence[bytes] = ()
    wrong_type: Sequence[bytes] = ()
    contended: Sequence[bytes] = ()


def convert(run: ActiveRun, keys: Sequence[bytes], decide: Decision) -> Conversion:
    """Convert documents whose shadow fields are not what the transforms make of their originals.

    A shadow field is only written while its original is what it was made of, and while it holds what was read. It is
    removed from a document that has no original.

    Args:
        run: the run.
        keys: the keys of the documents.
        decide: which of the outdated ones to convert.

    Raises:
        PluginError: a transform failed.
    """
    vanished: list[bytes] = []
    wrong_type: list[bytes] = []

    def choose(keys: Sequence[bytes]) -> GuardedWrite | None:
        found, problems = read_shadowed(run, keys)
        vanished.extend(problems.get("vanished", ()))
        wrong_type.extend(problems.get("wrong type", ()))
        rows = found.outdated()
        chosen = decide(found.select(rows)) if rows else None
        if chosen is None or not chosen.originals.keys:
            return None
        return GuardedWrite(chosen.converted, chosen.shadows, chosen.originals)

    done = write_repeatedly(run, keys, choose, shadow_paths(run.plan))
    return Conversion(done.keys, [*vanished, *done.vanished], [*wrong_type, *done.wrong_type], done.contended)


def read_shadowed(run: ActiveRun, keys: Sequence[bytes]) -> tuple[ShadowedDocuments, Problems]:
    """Read documents with their originals and their shadow fields, and transform the originals."""
    paths, storage = shadow_paths(run.plan), run.source.storage
    found, problems = read_documents(run.server, storage, keys, [*paths, *paths.values()])
    originals = found.select(range(len(found)), list(paths))
    shadows = found.select(range(len(found)), list(paths.values()))
    converted = renamed(run.transformed(originals), paths)
    if storage is Storage.JSON:
        converted = _spelled_alike(shadows, converted)
    return ShadowedDocuments(originals, shadows, converted), problems


def renamed(batch: Batch, paths: Mapping[str, str]) -> Batch:
    """Return a batch with the values of originals under the paths of their shadow fields."""
    return Batch(batch.keys, {new: batch[old] for old, new in paths.items()})


def _spelled_alike(shadows: Batch, converted: Batch) -> Batch:
    """Return the converted values in the spelling that Redis has given them, where they are the same."""
    columns = {
        path: Column.of(
            old if old is not None and new is not None and equals_any(Storage.JSON, old, [new]) else new
            for old, new in zip(shadows[path], column, strict=True)
        )
        for path, column in converted.columns.items()
    }
    return Batch(converted.keys, columns)
