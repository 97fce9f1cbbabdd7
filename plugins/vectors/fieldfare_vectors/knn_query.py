"""KNN queries to a live index: the nearest neighbours of documents."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Final

from attrs import frozen

from fieldfare.server.knn import nearest
from fieldfare_vectors.ground_truth import TOP_K

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fieldfare.definition import Field
    from fieldfare.hooks.run import Run
    from fieldfare_vectors.ground_truth import GroundTruth

__all__ = ["WIDE_EF_RUNTIME", "KnnResult", "run_knn_queries"]

WIDE_EF_RUNTIME: Final = 500
"""The EF_RUNTIME with which an HNSW graph finds nearly everything that an exhaustive search finds."""

TIMEOUT_MS: Final = 60_000
"""The TIMEOUT of a query: a result that the server's own, shorter limit cuts off would look like a loss of recall."""


@frozen
class KnnResult:
    """Keys that an index finds near a document, the nearest first; without the document itself.

    Attributes:
        default_ef: with the index's own EF_RUNTIME, as applications query it.
        wide_ef: with :data:`WIDE_EF_RUNTIME`; ``default_ef`` where the index has no graph or misses nothing.
        has_undefined: whether documents without a distance are among them, such as a vector of zeros under cosine:
            which others they displace is chance.
    """

    default_ef: tuple[bytes, ...]
    wide_ef: tuple[bytes, ...]
    has_undefined: bool = False

    @property
    def keys(self) -> set[bytes]:
        """All keys that were found."""
        return {*self.default_ef, *self.wide_ef}


def run_knn_queries(  # noqa: PLR0913, PLR0917 - what a query consists of
    run: Run,
    index: str,
    field: Field,
    keys: Sequence[bytes],
    queries: Sequence[bytes | None],
    truths: Sequence[GroundTruth],
) -> tuple[KnnResult, ...]:
    """Find the nearest neighbours of documents in an index.

    Where a graph gives the true neighbours with its own EF_RUNTIME, it is not queried with the wide one: then it visits
    the same documents, and more, and would give the same neighbours.

    Args:
        run: its server has the index.
        index: its name.
        field: its vector field.
        keys: the keys of the documents.
        queries: their vectors, encoded for the index; None where its datatype cannot hold the vector: such a query
            is not sent, and its result is empty.
        truths: their true neighbours.

    Raises:
        redis.exceptions.ResponseError: the server refuses a query.
        StopRequested: the user asked to stop.
    """
    has_graph = str(field.attrs.get("algorithm", "")).upper() == "HNSW"
    results = []
    for key, query, truth in zip(keys, queries, truths, strict=True):
        run.check()
        if query is None:
            results.append(KnnResult((), ()))
            continue
        default_ef = _run_query(run, index, field, query)
        is_exact = not has_graph or set(_without(key, default_ef)[:TOP_K]) == truth.nearest
        wide_ef = default_ef if is_exact else _run_query(run, index, field, query, ef_runtime=WIDE_EF_RUNTIME)
        has_undefined = any(map(isnan, (*default_ef.values(), *wide_ef.values())))
        results.append(KnnResult(_without(key, default_ef), _without(key, wide_ef), has_undefined))
    return tuple(results)


def _run_query(
    run: Run, index: str, field: Field, query: bytes, *, ef_runtime: int | None = None
) -> dict[bytes, float]:
    return nearest(run.server, index, field.name, query, TOP_K + 1, ef_runtime=ef_runtime, timeout=TIMEOUT_MS)


def _without(key: bytes, found: Mapping[bytes, float]) -> tuple[bytes, ...]:
    return tuple(each for each in found if each != key)
