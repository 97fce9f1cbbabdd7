"""Which conversions keep every value, checked on the values themselves."""

from __future__ import annotations

from itertools import permutations

import ml_dtypes
import numpy as np
import pytest

from fieldfare_vectors.datatype import DATATYPES, is_lossless

LOSSLESS = {
    ("float16", "float32"),
    ("float16", "float64"),
    ("bfloat16", "float32"),
    ("bfloat16", "float64"),
    ("float32", "float64"),
}


@pytest.mark.parametrize(("source", "target"), list(permutations(DATATYPES, 2)))
def test_only_widening_keeps_every_value(source: str, target: str) -> None:
    assert is_lossless(DATATYPES[source], DATATYPES[target]) == ((source, target) in LOSSLESS)


@pytest.mark.parametrize("name", DATATYPES)
def test_the_table_agrees_with_numpy(name: str) -> None:
    row, native = DATATYPES[name], _native(name)
    bits = np.array([(1 << row.width * 8 - 1) - (1 << row.fraction)], dtype=f"=u{row.width}")
    assert row.width == native.itemsize
    assert row.width * 8 == 1 + row.exponent + row.fraction
    assert np.isinf(bits.view(native)).all()
    assert (bits - 1).view(native).astype(float) == [row.largest]


@pytest.mark.parametrize(("source", "target"), [("float16", "bfloat16"), ("bfloat16", "float16")])
def test_same_width_loses_values_in_both_directions(source: str, target: str) -> None:
    every = np.arange(2**16, dtype=np.uint16).view(_native(source))
    with np.errstate(all="ignore"):
        finite = every[np.isfinite(every)]
        assert (finite.astype(_native(target)).astype(np.float64) != finite.astype(np.float64)).any()


def _native(name: str) -> np.dtype[np.generic]:
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
