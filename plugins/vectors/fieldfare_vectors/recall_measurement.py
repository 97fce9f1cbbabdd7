"""Measured recall: KNN queries to the source index before it is dropped, and to the target index once it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.plan import Receipt
from fieldfare.server.document_reader import read_documents
from fieldfare.server.search import find_indexed
from fieldfare.support.read_ahead import read_ahead
from fieldfare_vectors.ground_truth import GroundTruth, recall_of_results
from fieldfare_vectors.knn_query import TIMEOUT_MS, WIDE_EF_RUNTIME, run_knn_queries
from fieldfare_vectors.recall_comparison import compare_recall, recall_figures
from fieldfare_vectors.recall_queries import RecallBaseline, SourceVectors, load_baseline, same_key, save_baseline
from fieldfare_vectors.recall_step import RecallParameters, VectorFormat, is_exhaustive
from fieldfare_vectors.sample_warnings import count_vectors_that_hide_others
from fieldfare_vectors.vector_reader import find_non_finite_rows, read_query_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from fieldfare.definition import Field
    from fieldfare.documents import Batch
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Step
    from fieldfare_vectors.knn_query import KnnResult

__all__ = ["BaselineRecorder", "measure_recall", "record_baseline", "watch_dump"]


class BaselineRecorder:
    """Picks query documents, finds their true neighbours among all documents, and measures the source index.

    Memory: a batch of documents at a time, and the neighbours.

    Args:
        step: measures the recall.
        run: reads the query documents and writes the backup.
        inspect_batch: gets each batch of documents.
    """

    def __init__(self, step: Step, run: Run, inspect_batch: Callable[[Batch], None] | None = None) -> None:
        self._step, self._run, self._inspect_batch = step, run, inspect_batch
        self._source = SourceVectors(RecallParameters.of(step), run)
        self._queries = self._source.pick_queries(step)
        self._search = self._source.search_neighbours(self._queries)

    def add(self, batch: Batch) -> None:
        """Take documents with their vectors before the migration."""
        rows, vectors = self._source.finite_vectors(batch)
        self._search.add([batch.keys[row] for row in rows], vectors)
        if self._inspect_batch is not None:
            self._inspect_batch(batch)

    def save(self) -> None:
        """Write all of it to the backup."""
        source, run = self._source, self._run
        baseline = RecallBaseline(self._queries, tuple(GroundTruth(dict(each)) for each in self._search.results()))
        field = run.source.find(source.parameters.field)
        if field is not None and str(field.attrs["distance_metric"]).lower() == source.parameters.metric(run.plan):
            baseline = _with_source_recall(source, baseline, field)
        save_baseline(self._step, run, baseline)


def record_baseline(step: Step, run: Run, inspect_batch: Callable[[Batch], None] | None = None) -> None:
    """Read all documents, and save what a recorder finds; see :class:`BaselineRecorder`."""
    recorder = BaselineRecorder(step, run, inspect_batch)
    for batch in read_ahead(SourceVectors(RecallParameters.of(step), run).documents()):
        recorder.add(batch)
        run.advance(len(batch))
    recorder.save()


def watch_dump(step: Step, run: Run, inspect_batch: Callable[[Batch], None] | None = None) -> BaselineRecorder | None:
    """Return a recorder for the originals that are dumped; None if the plan leaves the vectors as they are."""
    if not RecallParameters.of(step).is_rewritten(run.plan):
        return None
    return BaselineRecorder(step, run, inspect_batch)


def measure_recall(step: Step, run: Run) -> Receipt:
    """Query the target index with the vectors that the query documents have now.

    Returns:
        A receipt with the figures; with the server's words where it refuses a query.
    """
    parameters = RecallParameters.of(step)
    field = parameters.target_field(run.plan)
    if field is None:  # removed by the same plan
        return Receipt(step.id)
    baseline = load_baseline(step, run)
    facts: dict[str, Any] = {
        "field": field.name,
        "queries": len(baseline.queries),
        "predicted_recall": parameters.predicted_recall,
        "min_recall": parameters.min_recall,
        "algorithm": str(field.attrs["algorithm"]).upper(),
        "ef_runtime": WIDE_EF_RUNTIME,
    }
    source, target = SourceVectors(parameters, run), VectorFormat.of(field)
    column = run.transformed(baseline.queries)[source.format.path]
    vectors = read_query_vectors(column, run.target.storage, target.datatype, target.dims)
    new_key = run.plan.moved if run.plan.moves_keys else same_key
    keys = [new_key(key) for key in baseline.queries.keys]
    truths = [
        evolve(truth, neighbours={new_key(key): score for key, score in truth.neighbours.items()})
        for truth in baseline.truths
    ]
    try:
        results = run_knn_queries(run, run.target.name, field, keys, vectors, truths)
        neighbours = sorted({key for truth in truths for key in truth.neighbours})
        indexed = find_indexed(run.server, run.target.name, neighbours, timeout=TIMEOUT_MS)
    except ResponseError as error:
        return Receipt(step.id, details={**facts, "error": str(error)})
    unusable = {
        *find_non_finite_rows(column, run.target.storage, target.datatype, target.dims),
        *(row for row, vector in enumerate(vectors) if vector is None),
    }
    found = indexed.union(*(each.keys for each in results))
    updated = _updated_documents(run, source.format.path, found, new_key)
    usable = (truth.restricted_to(() if row in unusable else indexed - updated) for row, truth in enumerate(truths))
    baseline = evolve(baseline, truths=tuple(usable))
    unstored = _unstored_keys(baseline, results)
    added = set(unstored)
    for captured in run.keys(step) if added else ():
        added.difference_update(map(new_key, captured))
    added |= _never_indexed(source, baseline, unstored - added, path=target.path, new_key=new_key)
    default_ef, wide_ef = _recall(source, baseline, results, target, ignored=added | updated, new_key=new_key)
    figures = recall_figures(baseline.truths, default_ef, wide_ef)
    compared = compare_recall(baseline.truths, default_ef, wide_ef, parameters.min_recall)
    return Receipt(step.id, details={**facts, **figures, **compared})


def _with_source_recall(source: SourceVectors, baseline: RecallBaseline, field: Field) -> RecallBaseline:
    """Return the baseline with the recall of the source index.

    A FLAT index finds every neighbour, unless some vectors hide others. It is not queried: each query would make a
    server that is in use compare all vectors.
    """
    run, queries, vectors = source.run, baseline.queries, source.format
    default_ef: Sequence[float | None]
    wide_ef: Sequence[float | None]
    undefined = [False] * len(baseline.truths)
    if is_exhaustive(field) and not count_vectors_that_hide_others(run.notes, field.path):
        default_ef = wide_ef = [1.0] * len(baseline.truths)
    else:
        packed = read_query_vectors(queries[vectors.path], run.source.storage, vectors.datatype, vectors.dims)
        try:
            results = run_knn_queries(run, run.source.name, field, queries.keys, packed, baseline.truths)
        except ResponseError:  # a query that the source refuses says nothing about the target
            return baseline
        default_ef, wide_ef = _recall(source, baseline, results, vectors)
        undefined = [each.has_undefined for each in results]
    measured = zip(baseline.truths, default_ef, wide_ef, undefined, strict=True)
    truths = (
        evolve(truth, source_recall=own, source_recall_wide_ef=wide, source_has_undefined=has_undefined)
        for truth, own, wide, has_undefined in measured
    )
    return evolve(baseline, truths=tuple(truths))


def _recall(  # noqa: PLR0913 - what recall follows from
    source: SourceVectors,
    baseline: RecallBaseline,
    results: Sequence[KnnResult],
    vectors: VectorFormat,
    *,
    ignored: Collection[bytes] = (),
    new_key: Callable[[bytes], bytes] = same_key,
) -> tuple[list[float | None], list[float | None]]:
    """Return the recall of each query, with the index's own EF_RUNTIME and with the wide one.

    Args:
        source: the vectors before the migration.
        baseline: the query documents and their true neighbours, by the keys that they have now.
        results: what an index found.
        vectors: the vectors of this index.
        ignored: documents that do not count.
        new_key: gives the key that a captured document has now.
    """
    ignored = {*ignored, *_non_finite(source.run, _unstored_keys(baseline, results), vectors)}
    # a document that is not stored may be as near as the tenth neighbour
    pairs = [pair for pair in zip(baseline.truths, results, strict=True) if pair[0].may_have_unstored_ties]
    tied = {key for truth, result in pairs for key in result.keys if key not in truth.neighbours}
    scores = source.score_documents(baseline.queries, tied, path=vectors.path, new_key=new_key) if tied else {}
    default_ef = recall_of_results(baseline.truths, [each.default_ef for each in results], scores, ignored)
    return default_ef, recall_of_results(baseline.truths, [each.wide_ef for each in results], scores, ignored)


def _never_indexed(
    source: SourceVectors,
    baseline: RecallBaseline,
    keys: set[bytes],
    *,
    path: str,
    new_key: Callable[[bytes], bytes],
) -> set[bytes]:
    """Return documents that the source index could not hold, for want of a vector that fits it: nobody's neighbours."""
    if not keys or not source.run.source_stats.hash_indexing_failures:
        return set()
    return keys - source.score_documents(baseline.queries, keys, path=path, new_key=new_key).keys()


def _updated_documents(run: Run, path: str, keys: Collection[bytes], new_key: Callable[[bytes], bytes]) -> set[bytes]:
    """Return those documents whose vector an application overwrote during the run: they have other neighbours now.

    Of these, the backup has a second, newer vector.

    Args:
        run: its backup is read.
        path: the path of the vectors, before the run.
        keys: the documents to look for, by their keys now.
        new_key: gives the key that a captured document has now.
    """
    updated: set[bytes] = set()
    for batch in run.concurrent_updates():
        if path in batch.columns:
            pairs = zip(batch.keys, batch[path], strict=True)
            updated.update(key for old, value in pairs if value is not None and (key := new_key(old)) in keys)
    return updated


def _non_finite(run: Run, keys: Collection[bytes], vectors: VectorFormat) -> set[bytes]:
    """Return those documents whose vectors have NaN or infinity: they are near nothing."""
    if not keys:
        return set()
    batch, _ = read_documents(run.server, run.source.storage, sorted(keys), [vectors.path])
    rows = find_non_finite_rows(batch[vectors.path], run.source.storage, vectors.datatype, vectors.dims)
    return {batch.keys[row] for row in rows}


def _unstored_keys(baseline: RecallBaseline, results: Sequence[KnnResult]) -> set[bytes]:
    """Return keys that an index found and that are not among the stored neighbours."""
    return {
        key
        for truth, result in zip(baseline.truths, results, strict=True)
        for key in result.keys
        if key not in truth.neighbours
    }
