"""Measured recall: KNN queries to the source index before it is dropped, and to the target index once it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.changes import ChangePrefix
from fieldfare.plan import Receipt
from fieldfare.server.document_reader import read_documents
from fieldfare_vectors.ground_truth import mean_recall, recall_of_results
from fieldfare_vectors.knn_query import WIDE_EF_RUNTIME, find_indexed_keys, is_exhaustive, run_knn_queries
from fieldfare_vectors.recall_queries import (
    RecallBaseline,
    find_ground_truth,
    load_baseline,
    pick_queries,
    same_key,
    save_baseline,
    score_documents,
)
from fieldfare_vectors.recall_step import RecallParameters, VectorFormat
from fieldfare_vectors.sample_warnings import count_vectors_that_hide_others
from fieldfare_vectors.updated_vectors import find_updated_vectors
from fieldfare_vectors.vector_reader import find_non_finite_rows, read_query_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fieldfare.definition import Field
    from fieldfare.documents import Batch
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Step
    from fieldfare_vectors.ground_truth import GroundTruth
    from fieldfare_vectors.knn_query import KnnResult

__all__ = ["measure_recall", "record_baseline"]


def record_baseline(step: Step, run: Run, inspect_batch: Callable[[Batch], None] | None = None) -> None:
    """Pick query documents, find their true neighbours, measure the source index, and save all of it in the backup.

    Args:
        step: measures the recall.
        run: reads the documents and writes the backup.
        inspect_batch: gets each batch of documents that is read.
    """
    parameters = RecallParameters.of(step)
    queries = pick_queries(parameters, step, run)
    baseline = RecallBaseline(queries, find_ground_truth(parameters, queries, run, inspect_batch))
    source = run.source.find(parameters.field)
    if source is not None and str(source.attrs["distance_metric"]).lower() == parameters.metric(run.plan):
        baseline = _with_source_recall(parameters, baseline, run, source)
    save_baseline(step, run, baseline)


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
    target, source_path = VectorFormat.of(field), parameters.source_format(run.plan).path
    column = run.transformed(baseline.queries)[source_path]
    vectors = read_query_vectors(column, run.target.storage, target.datatype, target.dims)
    new_key = _key_mapping(run)
    keys = [new_key(key) for key in baseline.queries.keys]
    truths = _with_new_keys(baseline, new_key)
    try:
        results = run_knn_queries(run, run.target.name, field, keys, vectors)
        neighbours = sorted({key for truth in truths for key in truth.neighbours})
        indexed = find_indexed_keys(run, run.target.name, neighbours)
    except ResponseError as error:
        return Receipt(step.id, details={**facts, "error": str(error)})
    unusable = {
        *find_non_finite_rows(column, run.target.storage, target.datatype, target.dims),
        *(row for row, vector in enumerate(vectors) if vector is None),
    }
    found = indexed.union(*(each.keys for each in results))
    updated = find_updated_vectors(run, source_path, found, new_key)
    truths = tuple(
        truth.restricted_to(() if row in unusable else indexed - updated) for row, truth in enumerate(truths)
    )
    ignored = _new_documents(step, run, truths, results, new_key) | _non_finite(run, truths, results, target) | updated
    scores = _tie_scores(parameters, baseline.queries, run, truths, results, path=target.path, new_key=new_key)
    figures = {
        "recall@10": mean_recall(recall_of_results(truths, [each.wide_ef for each in results], scores, ignored)),
        "source_recall@10": mean_recall([each.source_recall_wide_ef for each in truths]),
        "recall@10_default_ef": mean_recall(
            recall_of_results(truths, [each.default_ef for each in results], scores, ignored)
        ),
        "source_recall@10_default_ef": mean_recall([each.source_recall for each in truths]),
    }
    return Receipt(step.id, details=facts | figures)


def _with_source_recall(
    parameters: RecallParameters, baseline: RecallBaseline, run: Run, field: Field
) -> RecallBaseline:
    """Return the baseline with the recall of the source index.

    A FLAT index finds every neighbour, unless some vectors hide others. It is not queried: each query would make a
    server that is in use compare all vectors.
    """
    queries, truths = baseline.queries, baseline.truths
    if is_exhaustive(field) and not count_vectors_that_hide_others(run.notes, field.path):
        return RecallBaseline(
            queries, tuple(evolve(each, source_recall=1.0, source_recall_wide_ef=1.0) for each in truths)
        )
    source = parameters.source_format(run.plan)
    vectors = read_query_vectors(queries[source.path], run.source.storage, source.datatype, source.dims)
    try:
        results = run_knn_queries(run, run.source.name, field, queries.keys, vectors)
    except ResponseError:  # a query that the source refuses says nothing about the target
        return baseline
    ignored = _non_finite(run, truths, results, source)
    scores = _tie_scores(parameters, queries, run, truths, results, path=source.path, new_key=same_key)
    default_ef = recall_of_results(truths, [each.default_ef for each in results], scores, ignored)
    wide_ef = recall_of_results(truths, [each.wide_ef for each in results], scores, ignored)
    return RecallBaseline(
        queries,
        tuple(
            evolve(truth, source_recall=default, source_recall_wide_ef=wide)
            for truth, default, wide in zip(truths, default_ef, wide_ef, strict=True)
        ),
    )


def _with_new_keys(baseline: RecallBaseline, new_key: Callable[[bytes], bytes]) -> tuple[GroundTruth, ...]:
    """Return the true neighbours by the keys that they have after the migration."""
    return tuple(
        evolve(truth, neighbours={new_key(key): score for key, score in truth.neighbours.items()})
        for truth in baseline.truths
    )


def _tie_scores(  # noqa: PLR0913 - where documents are, and under which keys
    parameters: RecallParameters,
    queries: Batch,
    run: Run,
    truths: Sequence[GroundTruth],
    results: Sequence[KnnResult],
    *,
    path: str,
    new_key: Callable[[bytes], bytes],
) -> dict[bytes, list[float]]:
    """Score documents that an index found and that are not stored, where they may be as near as the tenth neighbour."""
    pairs = [pair for pair in zip(truths, results, strict=True) if pair[0].may_have_unstored_ties]
    keys = {key for truth, result in pairs for key in result.keys if key not in truth.neighbours}
    return score_documents(parameters, queries, run, keys, path=path, new_key=new_key) if keys else {}


def _new_documents(
    step: Step,
    run: Run,
    truths: Sequence[GroundTruth],
    results: Sequence[KnnResult],
    new_key: Callable[[bytes], bytes],
) -> set[bytes]:
    """Return documents that an index found and that were added after the run started."""
    unknown = _keys_without_score(truths, results)
    for keys in run.keys(step):
        unknown.difference_update(map(new_key, keys))
    return unknown


def _non_finite(
    run: Run, truths: Sequence[GroundTruth], results: Sequence[KnnResult], vectors: VectorFormat
) -> set[bytes]:
    """Return documents that an index found though their vectors have NaN or infinity: they are near nothing."""
    unknown = sorted(_keys_without_score(truths, results))
    if not unknown:
        return set()
    batch, _ = read_documents(run.server, run.source.storage, unknown, [vectors.path])
    rows = find_non_finite_rows(batch[vectors.path], run.source.storage, vectors.datatype, vectors.dims)
    return {batch.keys[row] for row in rows}


def _keys_without_score(truths: Sequence[GroundTruth], results: Sequence[KnnResult]) -> set[bytes]:
    """Return keys that an index found and that are not among the stored neighbours."""
    return {
        key for truth, result in zip(truths, results, strict=True) for key in result.keys if key not in truth.neighbours
    }


def _key_mapping(run: Run) -> Callable[[bytes], bytes]:
    return run.plan.moved if any(isinstance(each, ChangePrefix) for each in run.plan.changes) else same_key
