"""True neighbours, found batch by batch, against a search of everything at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldfare_vectors.nearest import Nearest, Questions
from fieldfare_vectors.neighbourhood import KEPT, Neighbourhood, mean, shares

METRICS = ("cosine", "l2", "ip")
KEYS = [b"doc:%d" % row for row in range(500)]


def farness(vectors: np.ndarray[Any, Any], question: int, metric: str) -> np.ndarray[Any, Any]:
    """Return how far each vector is, by the definition of the metric."""
    values, wanted = vectors.astype(float), vectors[question].astype(float)
    if metric == "l2":
        far = ((values - wanted) ** 2).sum(axis=1)
    elif metric == "ip":
        far = -(values @ wanted)
    else:
        far = -(values @ wanted) / (np.linalg.norm(values, axis=1) * np.linalg.norm(wanted))
    far[question] = np.inf
    return np.asarray(far)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
@pytest.mark.parametrize("size", [1, 7, 500])
def test_batches_find_what_one_search_finds(metric: str, scale: float, size: int) -> None:
    random = np.random.default_rng(4)
    vectors = ((random.standard_normal((500, 16)) + 0.5) * random.uniform(0.5, 2, (500, 1)) * scale).astype(np.float32)
    asked = list(range(0, 500, 50))
    search = Nearest(Questions(vectors[asked], metric), [KEYS[row] for row in asked], 10)
    for start in range(0, 500, size):
        search.look_at(KEYS[start : start + size], vectors[start : start + size])
    for row, found in zip(asked, search.found(), strict=True):
        expected = np.argsort(farness(vectors, row, metric))[:10]
        assert [key for key, _ in found] == [KEYS[each] for each in expected]


def test_fewer_vectors_than_neighbours() -> None:
    vectors = np.eye(4, dtype=np.float32)
    search = Nearest(Questions(vectors[:1], "l2"), KEYS[:1], 10)
    search.look_at(KEYS[:4], vectors)
    assert [len(each) for each in search.found()] == [3]
    assert Nearest(Questions(vectors[:0], "l2"), [], 10).found() == []


def test_a_vector_of_zeros_is_nobodys_neighbour_before_others() -> None:
    vectors = np.array([[1, 0], [0, 0], [1, 1]], np.float32)
    search = Nearest(Questions(vectors[:1], "cosine"), KEYS[:1], 2)
    search.look_at(KEYS[:3], vectors)
    assert [key for key, _ in search.found()[0]] == [KEYS[2], KEYS[1]]


def around(*scores: float) -> Neighbourhood:
    return Neighbourhood({KEYS[row]: score for row, score in enumerate(scores)})


def test_the_share_of_ten_that_is_found() -> None:
    there = around(*(1 - row / 100 for row in range(KEPT)))
    assert there.share(KEYS[:10], {}, ()) == 1.0
    assert there.share([*KEYS[:6], *KEYS[10:14]], {}, ()) == 0.6
    assert there.share([], {}, ()) == 0.0


def test_whoever_is_as_near_as_the_tenth_counts() -> None:
    there = around(*(0.9 for _ in range(KEPT)))
    assert there.is_crowded
    assert there.share(KEYS[20:30], {}, ()) == 1.0
    assert there.share(KEYS[100:110], {}, ()) == 0.0
    assert there.share(KEYS[100:110], dict.fromkeys(KEYS[100:105], 0.9), ()) == 0.5
    assert not around(*(1 - row / 100 for row in range(KEPT))).is_crowded


def test_strangers_take_nobodys_place() -> None:
    there = around(*(1 - row / 100 for row in range(KEPT)))
    found = [KEYS[400], *KEYS[:9], KEYS[9]]
    assert there.share(found, {}, {KEYS[400]}) == 1.0
    assert there.share(KEYS[400:410], {}, KEYS[400:410]) is None


def test_those_that_are_gone_move_up() -> None:
    there = around(*(1 - row / 100 for row in range(KEPT))).within(KEYS[5:])
    assert there.share(KEYS[5:15], {}, ()) == 1.0
    assert there.within([]).share(KEYS[:10], {}, ()) is None


def test_a_neighbourhood_reads_back() -> None:
    there = Neighbourhood({b"\xff\x00": 0.25, b"doc:1": -3.0}, before=0.9, before_wide=1.0)
    assert Neighbourhood.of(there.to_bytes()) == there


def test_the_mean_is_of_those_that_there_are() -> None:
    assert mean([1.0, None, 0.5]) == 0.75
    assert mean([None]) is None
    there = [around(*(1 - row / 100 for row in range(KEPT)))] * 2
    assert shares(there, [KEYS[:10], KEYS[100:110]], {}) == [1.0, 0.0]
