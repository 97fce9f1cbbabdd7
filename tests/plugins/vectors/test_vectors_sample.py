"""A first sample of vectors, and the whole one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from attrs import evolve

from fieldfare.changes import Change, UpdateField
from fieldfare.definition import Field
from fieldfare.documents import Batch, Column
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim
from fieldfare_dims import plugin as dims
from fieldfare_quantize import plugin as quantize
from fieldfare_vectors.sample import draw_samples

Live = Callable[..., LiveIndex]
Embedding = Callable[..., Field]

DIMS = 32
FLOAT16 = UpdateField("embedding", "datatype", "float32", "float16")
FEWER_DIMS = UpdateField("embedding", "dims", DIMS, DIMS - 1)


@pytest.fixture
def claimed(live: Live, embedding: Embedding) -> Callable[..., tuple[Claim, list[int]]]:
    """Claims a change of documents with these values; returns the sizes of the samples that it took, too."""

    def claim(
        change: Change, values: Sequence[bytes | None], *, metric: str = "cosine", **options: object
    ) -> tuple[Claim, list[int]]:
        keys = tuple(b"product:%d" % row for row in range(len(values)))
        documents = [Batch(keys, {"embedding": Column.of(values)})]
        index = live(embedding(dims=DIMS, distance_metric=metric), documents=documents)
        limits: list[int] = []

        def sample(paths: Sequence[str], limit: int) -> Sequence[Batch]:
            limits.append(limit)
            return index.sample(paths, limit)

        watched = evolve(index, sample=sample, options=options)
        found = [plugin.fieldfare_classify(change, watched) for plugin in (quantize, dims)]
        (claim,) = [each for each in found if each is not None]
        return claim, limits

    return claim


def vectors(count: int) -> list[bytes | None]:
    """Return vectors whose last value hardly matters."""
    values = np.random.default_rng(5).standard_normal((count, DIMS)) * ([1] * (DIMS - 1) + [1e-4])
    return [each.astype("<f4").tobytes() for each in values]


def test_the_first_sample_is_enough_where_nearly_nothing_is_lost(
    claimed: Callable[..., tuple[Claim, list[int]]],
) -> None:
    for change in (FLOAT16, FEWER_DIMS, UpdateField("embedding", "datatype", "float32", "float64")):
        claim, limits = claimed(change, vectors(6000))
        assert claim.is_supported
        assert limits == [1000]
        if claim.details:
            assert claim.details["sample"]["documents"] == claim.details["sample"]["vectors"] == 1000
            assert claim.details["sample"]["queries"] == 250


@pytest.mark.parametrize(
    ("change", "min_recall"), [(FLOAT16, 0.999), (FEWER_DIMS, 1), (UpdateField("embedding", "dims", DIMS, 2), 0.95)]
)
def test_the_whole_sample_decides_where_the_recall_is_near_the_limit(
    claimed: Callable[..., tuple[Claim, list[int]]], change: Change, min_recall: float
) -> None:
    claim, limits = claimed(change, vectors(6000), min_recall=min_recall)
    assert limits == [1000, 5000]
    assert claim.details["sample"]["documents"] == 5000


def test_the_whole_sample_counts_vectors_that_need_attention(
    claimed: Callable[..., tuple[Claim, list[int]]],
) -> None:
    values = vectors(6000)
    for row in (3, 2000, 5500):
        values[row] = np.full(DIMS, np.nan, "<f4").tobytes()
    for change in (FLOAT16, FEWER_DIMS):
        claim, limits = claimed(change, values)
        assert limits == [1000, 5000]
        assert any(line.startswith("NaN in 'embedding' of 2 of 5,000 sampled") for line in claim.warnings)


def test_the_whole_sample_decides_where_few_documents_have_a_vector(
    claimed: Callable[..., tuple[Claim, list[int]]],
) -> None:
    values = [value if row % 3 == 0 else None for row, value in enumerate(vectors(6000))]
    claim, limits = claimed(FLOAT16, values)
    assert limits == [1000, 5000]
    assert claim.details["sample"]["vectors"] == 1667


@pytest.mark.parametrize(
    ("target", "metric", "limits"),
    [("int8", "cosine", [1000]), ("int8", "l2", [5000]), ("uint8", "cosine", [5000]), ("uint8", "l2", [5000])],
)
def test_a_scale_for_all_vectors_is_chosen_on_the_whole_sample(
    claimed: Callable[..., tuple[Claim, list[int]]], target: str, metric: str, limits: list[int]
) -> None:
    change = UpdateField("embedding", "datatype", "float32", target)
    assert claimed(change, vectors(6000), metric=metric, min_recall=0.1)[1] == limits


def test_an_index_with_few_documents_is_read_once(claimed: Callable[..., tuple[Claim, list[int]]]) -> None:
    for count in (0, 5, 900):
        claim, limits = claimed(FLOAT16, vectors(count), min_recall=1)
        assert limits == [1000]
        assert claim.details["sample"]["documents"] == count


@pytest.mark.parametrize(("dims", "limits"), [(1, [1000, 5000]), (4096, [500, 1280]), (8192, [640])])
def test_of_long_vectors_fewer_are_read(live: Live, dims: int, limits: list[int]) -> None:
    asked: list[int] = []
    index = live(documents=[Batch(tuple(b"%d" % row for row in range(2000)), {"e": Column.of([None] * 2000)})])

    def sample(paths: Sequence[str], limit: int) -> Sequence[Batch]:
        asked.append(limit)
        return index.sample(paths, limit)

    found = list(draw_samples(evolve(index, sample=sample), "e", "float32", dims))
    assert asked == limits
    assert [each.is_whole for each in found] == [*([False] * (len(limits) - 1)), True]
