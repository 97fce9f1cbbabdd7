"""A live index of a few fields, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fieldfare.changes import Change
from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, IndexStats, Snapshot, Storage
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim
from fieldfare.server.capabilities import Capabilities
from fieldfare_fields import plugin

VECTOR: Mapping[str, AttributeValue] = {
    "algorithm": "HNSW",
    "datatype": "float32",
    "dims": 4,
    "distance_metric": "cosine",
    "m": 20,
}


@pytest.fixture
def live() -> Callable[..., LiveIndex]:
    """Builds a live index; by default of ``title`` (text), ``price`` (numeric) and ``embedding`` (HNSW)."""

    def build(
        *fields: Field,
        storage: Storage = Storage.HASH,
        search: tuple[int, int, int] = (8, 2, 0),
        aliases: tuple[str, ...] = (),
        **options: Any,
    ) -> LiveIndex:
        dollar = "$." if storage is Storage.JSON else ""
        shown = fields or (
            Field("title", FieldType.TEXT, f"{dollar}title"),
            Field("price", FieldType.NUMERIC, f"{dollar}price", {"sortable": True}),
            Field("embedding", FieldType.VECTOR, f"{dollar}embedding", VECTOR),
        )
        definition = IndexDefinition("products", storage, ("product:",), shown, **options)
        return LiveIndex(
            definition=definition,
            snapshot=Snapshot(definition, IndexStats(num_docs=10), aliases=aliases),
            server=Capabilities(redis_version=(8, 2, 0), search_version=search),
            overlapping_indexes=(),
            sample=lambda *_: [],
        )

    return build


@pytest.fixture
def ask() -> Callable[[Change, LiveIndex], Claim]:
    """Asks the plugin about a change that is its own."""

    def classify(change: Change, live: LiveIndex) -> Claim:
        claim = plugin.fieldfare_classify(change, live)
        assert claim is not None
        assert claim.is_supported or (claim.reason and claim.workaround)
        assert not claim.rewrites_documents
        assert not claim.lossy
        return claim

    return classify
