"""A live index with one vector field, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from attrs import evolve

from fieldfare.definition import Field, FieldType, IndexDefinition, IndexStats, Snapshot, Storage
from fieldfare.documents import Batch
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.server.capabilities import Capabilities


@pytest.fixture
def embedding() -> Callable[..., Field]:
    """Builds the field ``embedding``; keyword arguments are attributes."""

    def build(name: str = "embedding", path: str | None = None, **attrs: str | int) -> Field:
        known: dict[str, str | int] = {
            "algorithm": "HNSW",
            "datatype": "float32",
            "dims": 4,
            "distance_metric": "cosine",
        }
        return Field(name, FieldType.VECTOR, path or name, known | attrs)

    return build


@pytest.fixture
def live(embedding: Callable[..., Field]) -> Callable[..., LiveIndex]:
    """Builds a live index of these fields (by default ``title`` and ``embedding``) and these documents."""

    def build(
        *fields: Field,
        storage: Storage = Storage.HASH,
        search: tuple[int, int, int] = (8, 2, 0),
        overlapping_indexes: Sequence[IndexDefinition] = (),
        documents: Sequence[Batch] = (),
    ) -> LiveIndex:
        shown = fields or (Field("title", FieldType.TEXT, "title"), embedding())
        definition = IndexDefinition("products", storage, ("product:",), shown)

        def sample(paths: Sequence[str], limit: int) -> list[Batch]:
            chosen, left = [], limit
            for batch in documents:
                rows = range(min(left, len(batch)))
                chosen.append(evolve(batch.select(rows, paths), notes=()))
                left -= len(rows)
            return chosen

        return LiveIndex(
            definition=definition,
            snapshot=Snapshot(definition, IndexStats(num_docs=sum(map(len, documents)))),
            server=Capabilities(redis_version=(8, 2, 0), search_version=search),
            overlapping_indexes=tuple(overlapping_indexes),
            sample=sample,
        )

    return build
