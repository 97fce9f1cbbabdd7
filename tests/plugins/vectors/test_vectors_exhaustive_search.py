"""True neighbours, found batch by batch and compared with a search of all vectors at once; recall of results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldfare_vectors.exhaustive_search import ExhaustiveSearch, QueryVectors
from fieldfare_vectors.ground_truth import STORED_NEIGHBOURS, GroundTruth, mean_recall, recall_of_results

METRICS = ("cosine", "l2", "ip")
KEYS = [b"doc:%d" % row for row in range(500)]


def distances(vectors: np.ndarray[Any, Any], query: int, metric: str) -> np.ndarray[Any, Any]:
    """Return how far each vector is, by the definition of the metric."""
    values, center = vectors.astype(float), vectors[query].astype(float)
    if metric == "l2":
        far = ((values - center) ** 2).sum(axis=1)
    elif metric == "ip":
        far = -(values @ center)
    else:
        far = -(values @ center) / (np.linalg.norm(values, axis=1) * np.linalg.norm(center))
    far[query] = np.inf
    return np.asarray(far)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
@pytest.mark.parametrize("size", [1, 7, 500])
def test_batches_find_what_one_search_finds(metric: str, scale: float, size: int) -> None:
    random = np.random.default_rng(4)
    vectors = ((random.standard_normal((500, 16)) + 0.5) * random.uniform(0.5, 2, (500, 1)) * scale).astype(np.float32)
    queries = list(range(0, 500, 50))
    search = ExhaustiveSearch(QueryVectors(vectors[queries], metric), [KEYS[row] for row in queries], 10)
    for start in range(0, 500, size):
        search.add(KEYS[start : start + size], vectors[start : start + size])
    for row, found in zip(queries, search.results(), strict=True):
        expected = np.argsort(distances(vectors, row, metric))[:10]
        assert [key for key, _ in found] == [KEYS[each] for each in expected]


def test_fewer_vectors_than_neighbours() -> None:
    vectors = np.eye(4, dtype=np.float32)
    search = ExhaustiveSearch(QueryVectors(vectors[:1], "l2"), KEYS[:1], 10)
    search.add(KEYS[:4], vectors)
    assert [len(each) for each in search.results()] == [3]
    assert ExhaustiveSearch(QueryVectors(vectors[:0], "l2"), [], 10).results() == []


def test_a_vector_of_zeros_is_no_near_neighbour() -> None:
    vectors = np.array([[1, 0], [0, 0], [1, 1]], np.float32)
    search = ExhaustiveSearch(QueryVectors(vectors[:1], "cosine"), KEYS[:1], 2)
    search.add(KEYS[:3], vectors)
    assert [key for key, _ in search.results()[0]] == [KEYS[2], KEYS[1]]


def truth_of(*scores: float) -> GroundTruth:
    return GroundTruth({KEYS[row]: score for row, score in enumerate(scores)})


def test_recall_is_the_share_of_ten_neighbours_that_is_found() -> None:
    truth = truth_of(*(1 - row / 100 for row in range(STORED_NEIGHBOURS)))
    assert truth.recall(KEYS[:10], {}, ()) == 1.0
    assert truth.recall([*KEYS[:6], *KEYS[10:14]], {}, ()) == 0.6
    assert truth.recall([], {}, ()) == 0.0


def test_a_document_as_near_as_the_tenth_neighbour_counts() -> None:
    truth = truth_of(*(0.9 for _ in range(STORED_NEIGHBOURS)))
    assert truth.may_have_unstored_ties
    assert truth.recall(KEYS[20:30], {}, ()) == 1.0
    assert truth.recall(KEYS[100:110], {}, ()) == 0.0
    assert truth.recall(KEYS[100:110], dict.fromkeys(KEYS[100:105], 0.9), ()) == 0.5
    assert not truth_of(*(1 - row / 100 for row in range(STORED_NEIGHBOURS))).may_have_unstored_ties


def test_ignored_documents_do_not_lower_recall() -> None:
    truth = truth_of(*(1 - row / 100 for row in range(STORED_NEIGHBOURS)))
    found = [KEYS[400], *KEYS[:9], KEYS[9]]
    assert truth.recall(found, {}, {KEYS[400]}) == 1.0
    assert truth.recall(KEYS[400:410], {}, KEYS[400:410]) is None


def test_deleted_neighbours_are_replaced_by_the_next_ones() -> None:
    truth = truth_of(*(1 - row / 100 for row in range(STORED_NEIGHBOURS))).restricted_to(KEYS[5:])
    assert truth.recall(KEYS[5:15], {}, ()) == 1.0
    assert truth.restricted_to([]).recall(KEYS[:10], {}, ()) is None


def test_ground_truth_is_read_back_as_written() -> None:
    truth = GroundTruth({b"\xff\x00": 0.25, b"doc:1": -3.0}, source_recall=0.9, source_recall_wide_ef=1.0)
    assert GroundTruth.from_bytes(truth.to_bytes()) == truth


def test_the_mean_recall_leaves_out_unknown_values() -> None:
    assert mean_recall([1.0, None, 0.5]) == 0.75
    assert mean_recall([None]) is None
    truths = [truth_of(*(1 - row / 100 for row in range(STORED_NEIGHBOURS)))] * 2
    assert recall_of_results(truths, [KEYS[:10], KEYS[100:110]], {}) == [1.0, 0.0]
