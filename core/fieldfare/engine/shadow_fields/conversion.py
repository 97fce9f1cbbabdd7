"""Documents with their originals, their shadow fields, and what the transforms make of the originals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.external_values import equals_any
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.document_reader import Problems, read_documents

__all__ = ["ShadowedDocuments", "read_shadowed", "renamed"]


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

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys of the documents."""
        return self.originals.keys

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
