"""The queries that measure recall before and after a migration, and their true neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen

from fieldfare.documents import Batch, Column
from fieldfare.planning.key_sample import sample_keys
from fieldfare.server.document_reader import read_documents
from fieldfare_vectors.exhaustive_search import ExhaustiveSearch, QueryVectors
from fieldfare_vectors.ground_truth import STORED_NEIGHBOURS, GroundTruth
from fieldfare_vectors.vector_reader import read_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from fieldfare.hooks.run import Run
    from fieldfare.plan import Step
    from fieldfare_vectors.recall_step import RecallParameters, VectorFormat

__all__ = ["RecallBaseline", "SourceVectors", "load_baseline", "same_key", "save_baseline"]

CANDIDATES_PER_QUERY: Final = 10
"""How many documents are drawn for each query: some of them have no vector."""

CHUNK: Final = 100
"""How many documents are read at a time."""

TRUTH_COLUMN: Final = "neighbourhood"
"""The column of the backup that holds the true neighbours."""


@frozen(eq=False)
class RecallBaseline:
    """What is known about the recall queries before anything is changed.

    Attributes:
        queries: documents with the vector, and all fields that the plan rewrites, as they were.
        truths: the true neighbours of each.
    """

    queries: Batch
    truths: tuple[GroundTruth, ...]


@frozen(eq=False)
class SourceVectors:
    """The vectors of a field as they were before the migration.

    Attributes:
        parameters: the parameters of the measurement.
        run: reads the documents, or their originals.
    """

    parameters: RecallParameters
    run: Run

    @property
    def format(self) -> VectorFormat:
        """Where the vectors are, and their datatype and dims."""
        return self.parameters.source_format(self.run.plan)

    def pick_queries(self, step: Step) -> Batch:
        """Return documents with a vector of finite numbers, spread over the whole index; always the same ones."""
        run, missing = self.run, self.parameters.query_count(self.run.plan)
        rewritten = [path for each in run.plan.steps if each.transforms for path in each.fields]
        paths = list(dict.fromkeys([self.format.path, *rewritten]))
        drawn = sample_keys(
            (key for batch in run.keys(step) for key in batch), missing * CANDIDATES_PER_QUERY, self.parameters.seed
        )
        picked: list[Batch] = []
        while drawn and missing:
            batch, _ = read_documents(run.server, run.source.storage, drawn[:CHUNK], paths)
            rows, _ = self.finite_vectors(batch)
            picked.append(batch.select(rows[:missing], paths))
            missing -= len(picked[-1])
            del drawn[:CHUNK]
        columns = {path: Column.of(value for batch in picked for value in batch[path]) for path in paths}
        return Batch(tuple(key for batch in picked for key in batch.keys), columns)

    def search_neighbours(self, queries: Batch) -> ExhaustiveSearch:
        """Return a search for the true neighbours of the query documents, which is still to see all vectors."""
        return ExhaustiveSearch(self._query_vectors(queries), queries.keys, STORED_NEIGHBOURS)

    def score_documents(
        self, queries: Batch, keys: Collection[bytes], *, path: str, new_key: Callable[[bytes], bytes]
    ) -> dict[bytes, list[float]]:
        """Return how near documents were to each of the query documents.

        Args:
            queries: the query documents.
            keys: the documents to score, by their keys now.
            path: where they have the vector now, if the plan does not rewrite it.
            new_key: gives the key that a captured document has now.

        Returns:
            Key → a score for each query.
        """
        query_vectors, source_path = self._query_vectors(queries), self.format.path
        if self.parameters.is_rewritten(self.run.plan):
            batches: Iterable[Batch] = self.documents()
        else:
            now, _ = read_documents(self.run.server, self.run.source.storage, sorted(keys), [path])
            batches, new_key = [Batch(now.keys, {source_path: now[path]})], same_key
        scores: dict[bytes, list[float]] = {}
        for batch in batches:
            rows = [row for row, key in enumerate(batch.keys) if new_key(key) in keys]
            part = batch.select(rows, [source_path])
            finite, vectors = self.finite_vectors(part)
            columns = query_vectors.scores(vectors).T.tolist()
            scores.update((new_key(part.keys[row]), column) for row, column in zip(finite, columns, strict=True))
        return scores

    def documents(self) -> Iterator[Batch]:
        """Yield all documents: from the backup, where the plan rewrites their vectors."""
        if not self.parameters.is_rewritten(self.run.plan):
            return self.run.documents([self.format.path])
        return self.run.originals(next(step for step in self.run.plan.steps if step.transforms))

    def _query_vectors(self, queries: Batch) -> QueryVectors:
        _, vectors = self.finite_vectors(queries)
        return QueryVectors(vectors, self.parameters.metric(self.run.plan))

    def finite_vectors(self, batch: Batch) -> tuple[Sequence[int], NDArray[Any]]:
        """Return the rows whose vectors are of finite numbers, and these vectors."""
        source = self.format
        rows, vectors = read_vectors(batch[source.path], self.run.source.storage, source.datatype, source.dims)
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(vectors.sum(dtype=np.float32)):  # what is not finite makes no finite sum
                return rows, vectors
            finite: NDArray[np.bool_] = np.all(np.isfinite(vectors.astype(np.float32)), axis=1, keepdims=False)
        return [row for row, is_finite in zip(rows, finite.tolist(), strict=True) if is_finite], vectors[finite]


def save_baseline(step: Step, run: Run, baseline: RecallBaseline) -> None:
    """Save the query documents and their true neighbours in the backup."""
    truths = Column.of(each.to_bytes() for each in baseline.truths)
    run.save(step, baseline.queries, report=False)
    run.save(step, Batch(baseline.queries.keys, {TRUTH_COLUMN: truths}), report=False)


def load_baseline(step: Step, run: Run) -> RecallBaseline:
    """Read what :func:`save_baseline` wrote."""
    queries, truths = run.originals(step)
    return RecallBaseline(
        queries, tuple(GroundTruth.from_bytes(value) for value in truths[TRUTH_COLUMN] if value is not None)
    )


def same_key(key: bytes) -> bytes:
    """Return the key of a document that the migration does not move."""
    return key
