"""The check ``knn_self_query``: are documents found by their own vectors, as the source index found them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Final

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.backup.progress import SelfQueryBaseline
from fieldfare.changes import RenameField
from fieldfare.definition import Field, IndexDefinition, Snapshot
from fieldfare.definition.reply import encode, text
from fieldfare.engine.run import ActiveRun
from fieldfare.plan import MigrationPlan
from fieldfare.report import Finding, Severity
from fieldfare.server.document_vector import read_vector
from fieldfare.server.knn import nearest, unpack
from fieldfare.server.search import search_keys

__all__ = ["query_source", "read_limits", "self_query"]

NEAR: Final = 0.01
"""Distances up to this count as zero, for values of 8 bits; for L2 relative to the squared length."""

NEIGHBORS: Final = 10
"""How many neighbors a self-query asks for: an approximate graph may not return a vector itself as the first."""

KEYS_PER_QUERY: Final = 10
"""How many keys are read for each query: some documents lack the field."""


@frozen
class _Answers:
    """What an index finds by the vectors of some documents.

    Attributes:
        found: documents that it finds.
        lost: documents that it does not find.
        undefined: those of either whose answer has documents without a distance.
    """

    found: tuple[bytes, ...]
    lost: tuple[bytes, ...]
    undefined: frozenset[bytes]


def read_limits(plan: MigrationPlan) -> tuple[int, int]:
    """Return how many documents are queried by their vectors, and how many keys are read for that."""
    queries = len(plan.source.key_sample) or 1
    return queries, queries * KEYS_PER_QUERY


def query_source(run: ActiveRun) -> dict[str, SelfQueryBaseline]:
    """Return what the live source finds for each of its vector fields; a field that cannot be queried is left out."""
    limit, key_limit = read_limits(run.plan)
    fields = [each for each in run.source.fields if each.is_vector]
    keys = search_keys(run.server, run.source.name, key_limit) if fields else []
    baselines: dict[str, SelfQueryBaseline] = {}
    for field in fields:
        try:
            answers = _query(run, run.source, field, keys, limit)
        except ResponseError:
            continue
        found = [key for key in answers.found if key not in answers.undefined]
        not_found = [key for key in (*answers.found, *answers.lost) if key not in found]
        baselines[field.name] = SelfQueryBaseline(
            tuple(map(text, found)), tuple(map(text, not_found)), bool(answers.undefined)
        )
    return baselines


def self_query(run: ActiveRun, live: Snapshot, field: Field, limit: int) -> Finding:
    """Whether documents are found by their own vectors; one that the source index did not find is not a loss.

    A vector of zeros has no cosine: a server that ranks by NaN leaves out other documents, one index these and another
    index those. Where an index does so, a few lost documents are a warning, and all are if the source index lost most.
    """
    name = f"knn_self_query:{field.name}"
    baseline = _baseline(run, field)
    keys = [encode(key) for key in live.key_sample]
    if baseline is not None:
        keys = [encode(key) if run.rollback_started else run.plan.moved(encode(key)) for key in baseline.found]
    try:
        answers = _query(run, live.definition, field, keys, limit)
    except ResponseError as error:
        return Finding(name, passed=False, detail=str(error))
    queried = len(answers.found) + len(answers.lost)
    data = {"queried": queried, "lost": len(answers.lost)}
    detail = f"{queried} documents found by their own vector"
    severity = Severity.ERROR
    if answers.lost:
        lost = (key.decode("utf-8", "backslashreplace") for key in answers.lost)
        detail = f"not found by their own vector: {', '.join(lost)}"
    if baseline is not None and baseline.not_found:
        data["not_found_before"] = len(baseline.not_found)
        detail += f"; {len(baseline.not_found)} that the source index did not find either do not count"
    if answers.undefined or (baseline is not None and baseline.has_undefined):
        found_before = len(baseline.found) if baseline is not None else 0
        few = 2 * len(answers.lost) <= queried or found_before <= data.get("not_found_before", 0)
        severity = Severity.WARNING if few or baseline is None else Severity.ERROR
    if answers.undefined:
        detail += "; documents without a distance, such as vectors of zeros under cosine, are among the results"
    return Finding(name, not answers.lost, severity, detail, data)


def _baseline(run: ActiveRun, field: Field) -> SelfQueryBaseline | None:
    """Return what the source index found in a field; None if it is not known, or if no document had a vector."""
    if not run.has_backup:
        return None
    old_names = {each.new: each.old for each in run.plan.changes if isinstance(each, RenameField)}
    name = field.name if run.rollback_started else old_names.get(field.name, field.name)
    baseline = run.journal.progress.self_queries.get(name)
    return baseline if baseline and (baseline.found or baseline.not_found) else None


def _query(run: ActiveRun, index: IndexDefinition, field: Field, keys: Iterable[bytes], limit: int) -> _Answers:
    """Query an index with the vectors of documents; documents without one are passed over.

    With inner product the nearest vector is the longest, not the same one: there any answer passes.

    Raises:
        redis.exceptions.ResponseError: the server refuses a query.
    """
    found: list[bytes] = []
    lost: list[bytes] = []
    undefined: set[bytes] = set()
    for key in keys:
        if len(found) + len(lost) == limit:
            break
        vector = read_vector(run.server, index.storage, key, field)
        if vector is None:
            continue
        answer = nearest(run.server, index.name, field.name, vector, NEIGHBORS)
        is_found = key in answer or _is_crowded(field, vector, answer)
        if not is_found and read_vector(run.server, index.storage, key, field) != vector:
            continue  # an application has written it since
        (found if is_found else lost).append(key)
        if any(map(isnan, answer.values())):
            undefined.add(key)
    return _Answers(tuple(found), tuple(lost), frozenset(undefined))


def _is_crowded(field: Field, vector: bytes, found: Mapping[bytes, float]) -> bool:
    """Whether so many vectors are as near as the document's own that it need not be among the answers."""
    metric = field.attrs["distance_metric"]
    if metric == "ip":
        return bool(found)
    values = unpack(vector, str(field.attrs["datatype"]))
    scale = 1.0 if metric == "cosine" else sum(value * value for value in values)  # L2 is squared
    return len(found) == NEIGHBORS and all(distance <= NEAR * scale for distance in found.values())
