"""Changing a vector's algorithm."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from fieldfare.changes import Change, UpdateField
from fieldfare.definition import Algorithm, AttributeValue, Field, FieldType
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim

Live = Callable[..., LiveIndex]
Ask = Callable[[Change, LiveIndex], Claim]


def vector(algorithm: str, **attrs: AttributeValue) -> Field:
    """Build a vector field."""
    given = {"algorithm": algorithm, "datatype": "float32", "dims": 4, "distance_metric": "cosine", **attrs}
    return Field("embedding", FieldType.VECTOR, "embedding", given)


@pytest.mark.parametrize(("old", "new"), list(permutations(Algorithm, 2)))
def test_every_direction(live: Live, ask: Ask, old: Algorithm, new: Algorithm) -> None:
    claim = ask(UpdateField("embedding", "algorithm", old, new), live(vector(old)))
    assert claim.is_supported
    (warning,) = claim.warnings
    assert warning.startswith(f"'embedding': {new} ")


@pytest.mark.parametrize(
    ("field", "new", "dropped"),
    [
        (
            vector("HNSW", m=20, ef_construction=150, epsilon=0.2),
            "FLAT",
            ["M 20", "EF_CONSTRUCTION 150", "EPSILON 0.2"],
        ),
        (vector("HNSW", m=20, epsilon=0.2), "SVS-VAMANA", ["M 20"]),
        (vector("FLAT", block_size=512, initial_cap=100), "HNSW", ["BLOCK_SIZE 512"]),
        (vector("SVS-VAMANA", compression="LVQ8"), "HNSW", ["COMPRESSION LVQ8"]),
        (vector("HNSW", m=16, ef_construction=200), "FLAT", []),
    ],
)
def test_attributes_that_do_not_apply_are_named(
    live: Live, ask: Ask, field: Field, new: str, dropped: list[str]
) -> None:
    _, *warnings = ask(UpdateField("embedding", "algorithm", field.attrs["algorithm"], new), live(field)).warnings
    assert warnings == [f"'embedding': {each} does not apply to {new} and is dropped" for each in dropped]


TO_SVS = UpdateField("embedding", "algorithm", "HNSW", "SVS-VAMANA")


def test_svs_needs_a_newer_server(live: Live, ask: Ask) -> None:
    claim = ask(TO_SVS, live(vector("HNSW"), search=(8, 0, 3)))
    assert claim.reason == "this server has search 8.0.3, and SVS-VAMANA needs search 8.2.0 or newer"


@pytest.mark.parametrize("datatype", ["float64", "bfloat16", "int8"])
def test_svs_takes_two_datatypes(live: Live, ask: Ask, datatype: str) -> None:
    claim = ask(TO_SVS, live(vector("HNSW", datatype=datatype)))
    assert claim.reason == f"SVS-VAMANA indexes float16 and float32 only, and 'embedding' holds {datatype}"
    assert ask(TO_SVS, live(vector("HNSW", datatype="FLOAT16"))).is_supported
