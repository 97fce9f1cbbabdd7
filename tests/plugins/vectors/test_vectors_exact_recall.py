"""Recall, against neighbours that are found one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldfare_vectors.exact_recall import VectorSpace, compute_recall

METRICS = ("cosine", "l2", "ip")
RANDOM = np.random.default_rng(11)


def nearest(vectors: np.ndarray[Any, Any], query: int, metric: str, depth: int) -> set[int]:
    """Return the nearest rows, by the definition of the metric."""
    center = vectors[query]
    if metric == "l2":
        far = [float(((each - center) ** 2).sum()) for each in vectors]
    elif metric == "ip":
        far = [-float(each @ center) for each in vectors]
    else:
        far = [-float(each @ center) / float(np.linalg.norm(each) * np.linalg.norm(center)) for each in vectors]
    order = sorted((row for row in range(len(vectors)) if row != query), key=lambda row: far[row])
    return set(order[:depth])


@pytest.mark.parametrize("metric", METRICS)
def test_recall_is_the_share_of_true_neighbours_that_are_found(metric: str) -> None:
    before = RANDOM.standard_normal((300, 12)) * RANDOM.uniform(0.5, 2, (300, 1)) + 0.3
    after = before + RANDOM.standard_normal(before.shape) * 0.2
    queries = range(0, 300, 3)
    expected = {
        depth: np.mean(
            [len(nearest(before, row, metric, depth) & nearest(after, row, metric, depth)) / depth for row in queries]
        )
        for depth in (10, 100)
    }
    (found,) = compute_recall(VectorSpace.of(before, metric), [VectorSpace.of(after, metric)], np.array(queries))
    assert found == pytest.approx(expected, abs=1e-6)
    assert 0.2 < found[10] < 0.95


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_of_equals_is_no_loss(metric: str) -> None:
    vectors = np.repeat(RANDOM.standard_normal((5, 8)), 40, axis=0)
    (found,) = compute_recall(
        VectorSpace.of(vectors, metric), [VectorSpace.of(vectors[::1] * 1.0001, metric)], np.arange(200)
    )
    assert found == {10: 1.0, 100: 1.0}


def test_depths_with_too_few_vectors_are_left_out() -> None:
    assert list(
        compute_recall(VectorSpace.of(np.eye(11), "l2"), [VectorSpace.of(np.eye(11), "l2")], np.arange(11))
    ) == [{}]
    (found,) = compute_recall(VectorSpace.of(np.eye(50), "l2"), [VectorSpace.of(np.eye(50), "l2")], np.arange(50))
    assert list(found) == [10]
