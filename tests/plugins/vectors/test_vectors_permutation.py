"""The order of queries is that of numpy's generator."""

from __future__ import annotations

import numpy as np
import pytest

from fieldfare_vectors.permutation import SEED, permute


@pytest.mark.parametrize("count", [0, 1, 2, 3, 16, 17, 250, 1000, 1365, 5000])
def test_vectors_are_drawn_in_the_order_of_numpys_generator(count: int) -> None:
    assert permute(count) == np.random.default_rng(SEED).permutation(count).tolist()
