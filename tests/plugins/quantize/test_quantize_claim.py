"""What the plugin says to a change of a vector's datatype."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from fieldfare.changes import AddField, Change, RemoveField, UpdateField
from fieldfare.definition import Field, FieldType, Storage
from fieldfare.documents import Batch, Column
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim, Step
from fieldfare_quantize import plugin
from fieldfare_vectors.datatype import DATATYPES

Live = Callable[..., LiveIndex]
Embedding = Callable[..., Field]

FLOAT16 = UpdateField("embedding", "datatype", "float32", "float16")


def claim_of(change: Change, live: LiveIndex) -> Claim:
    """Return the claim, which there must be."""
    claim = plugin.fieldfare_classify(change, live)
    assert claim is not None
    return claim


def plan(change: Change, live: LiveIndex) -> list[Step]:
    """Return the steps of a change that is claimed."""
    return list(plugin.fieldfare_plan_steps(change, claim_of(change, live), live))


@pytest.mark.parametrize(("source", "target"), list(permutations(DATATYPES, 2)))
def test_every_direction_is_supported_for_hashes(live: Live, embedding: Embedding, source: str, target: str) -> None:
    index = live(embedding(datatype=source))
    change = UpdateField("embedding", "datatype", source, target)
    claim = claim_of(change, index)
    assert claim.is_supported
    assert claim.rewrites_documents
    assert claim.lossy == (target not in {"float32", "float64"} or source == "float64")
    assert bool(claim.warnings) == claim.lossy
    (step,) = plan(change, index)
    assert step.lossy == claim.lossy
    assert step.transforms
    assert step.fields == ("embedding",)
    assert step.params == {
        "field": "embedding",
        "path": "embedding",
        "source": source,
        "target": target,
        "dims": 4,
        "metric": "cosine",
    }
    assert step.summary == f"Convert 'embedding' from {source} to {target} (4 dims)"


def test_a_lossy_claim_says_what_is_left_of_the_values(live: Live) -> None:
    assert claim_of(FLOAT16, live()).warnings == (
        "'embedding': float16 keeps about 3 significant digits (float32: 7) of values up to ±65504",
    )


@pytest.mark.parametrize(("old", "new"), [("FLOAT32", "FLOAT16"), ("float32", "Float16")])
def test_case_does_not_matter(live: Live, old: str, new: str) -> None:
    change = UpdateField("embedding", "datatype", old, new)
    assert claim_of(change, live()).is_supported
    (step,) = plan(change, live())
    assert (step.params["source"], step.params["target"]) == ("float32", "float16")


def test_a_field_under_another_name_than_its_path(live: Live, embedding: Embedding) -> None:
    index = live(embedding("vec", "embedding"))
    (step,) = plan(UpdateField("vec", "datatype", "float32", "float16"), index)
    assert step.fields == ("embedding",)
    assert (step.params["field"], step.params["path"]) == ("vec", "embedding")


def test_json_needs_no_step(live: Live, embedding: Embedding) -> None:
    index = live(embedding("embedding", "$.embedding"), storage=Storage.JSON)
    claim = claim_of(FLOAT16, index)
    assert claim.is_supported
    assert not claim.rewrites_documents
    assert not claim.lossy
    assert claim.warnings == (
        (
            "'embedding': JSON documents keep their numbers; only the index holds float16, with about 3 significant "
            "digits up to ±65504"
        ),
    )
    assert plan(FLOAT16, index) == []


@pytest.mark.parametrize(
    ("source", "target", "search", "reason"),
    [
        (
            "float32",
            "uint8",
            (2, 10, 5),
            "this server cannot index uint8 vectors: it has search 2.10.5, and uint8 needs search 8.0.0 or newer",
        ),
        (
            "float32",
            "float16",
            (2, 8, 4),
            "this server cannot index float16 vectors: it has search 2.8.4, and float16 needs search 2.10.0 or newer",
        ),
        ("float32", "float8", (8, 2, 0), "Redis has no vector datatype 'float8'"),
    ],
)
@pytest.mark.parametrize("storage", Storage)
def test_datatypes_that_are_blocked(  # noqa: PLR0913 - columns of the table
    live: Live,
    embedding: Embedding,
    *,
    source: str,
    target: str,
    search: tuple[int, int, int],
    reason: str,
    storage: Storage,
) -> None:
    index = live(embedding(datatype=source), storage=storage, search=search)
    claim = claim_of(UpdateField("embedding", "datatype", source, target), index)
    assert claim.reason == reason
    assert claim.workaround


def test_an_unknown_datatype_is_answered_with_the_known_ones(live: Live) -> None:
    claim = claim_of(UpdateField("embedding", "datatype", "float32", None), live())
    assert claim.workaround == "choose one of float64, float32, float16, bfloat16, int8, uint8"


@pytest.mark.parametrize(
    ("source", "target", "supported"),
    [
        ("float32", "float16", True),
        ("float16", "float32", True),
        ("float32", "bfloat16", False),
        ("float16", "float64", False),
    ],
)
def test_svs_indexes_two_datatypes(
    live: Live, embedding: Embedding, source: str, target: str, *, supported: bool
) -> None:
    index = live(embedding(algorithm="SVS-VAMANA", datatype=source))
    claim = claim_of(UpdateField("embedding", "datatype", source, target), index)
    assert claim.is_supported == supported
    assert supported or claim.reason == f"SVS-VAMANA indexes float16 and float32 only, not {target}"


def test_two_fields_of_one_index_over_the_same_bytes_block(live: Live, embedding: Embedding) -> None:
    index = live(embedding(), embedding("exact", "embedding", algorithm="FLAT"))
    assert claim_of(FLOAT16, index).reason == (
        "field 'exact' of this index reads 'embedding' too: it would get float16 bytes"
    )
    assert claim_of(FLOAT16, index.after(RemoveField("exact"))).is_supported


@pytest.mark.parametrize(
    "change",
    [
        UpdateField("embedding", "m", 16, 20),
        UpdateField("title", "datatype", None, "float16"),
        UpdateField("nothing", "datatype", "float32", "float16"),
        AddField(Field("name", FieldType.TEXT, "name")),
    ],
)
def test_other_changes_are_left_to_others(live: Live, change: Change) -> None:
    assert plugin.fieldfare_classify(change, live()) is None


def vectors(*values: list[float] | bytes | None) -> Column:
    """Build a column of float32 vectors and odd values."""
    return Column.of(np.array(value, "<f4").tobytes() if isinstance(value, list) else value for value in values)


def test_a_sample_is_converted_and_its_notes_are_warnings(live: Live) -> None:
    fine = [0.5, 0.5, 0.5, 0.5]
    first = Batch(
        (b"product:1", b"product:2", b"product:\xff"),
        {"embedding": vectors(fine, [1e5, 0, 0, 0], [float("nan"), 0, 0, 0])},
    )
    second = Batch(
        (b"product:4", b"product:5", b"product:6"),
        {"embedding": vectors([0, -7e4, 0, 0], b"short", None)},
    )
    _, nan, overflow, wrong = claim_of(FLOAT16, live(documents=[first, second])).warnings
    assert nan == (
        "NaN in 'embedding' of 1 of 6 sampled documents (product:\\xff): NaN stays NaN in float16; "
        "apply stops unless --allow-overflow is given"
    )
    assert overflow == (
        "overflow in 'embedding' of 2 of 6 sampled documents (product:2, product:4): values beyond ±65504 are "
        "cut off there in float16; apply stops unless --allow-overflow is given"
    )
    assert wrong == (
        "wrong length in 'embedding' of 1 of 6 sampled documents (product:5): not the 16 bytes of a float32 vector: "
        "its bytes are kept, and Redis will not index it"
    )


def test_a_sample_without_surprises_is_not_mentioned(live: Live) -> None:
    batch = Batch((b"product:1",), {"embedding": vectors([1, 2, 3, 4])})
    widening = UpdateField("embedding", "datatype", "float32", "float64")
    assert claim_of(widening, live(documents=[batch])).warnings == ()


def test_no_more_than_five_thousand_documents_are_sampled(live: Live) -> None:
    keys = tuple(b"product:%d" % row for row in range(5500))
    batch = Batch(keys, {"embedding": vectors(*[[1e9, 0, 0, 0]] * 5500)})
    assert (
        "overflow in 'embedding' of 5,000 of 5,000 sampled documents"
        in claim_of(FLOAT16, live(documents=[batch])).warnings[1]
    )


def test_zeros_doubles_and_tiny_vectors_are_counted_with_their_keys(live: Live) -> None:
    batch = Batch(
        tuple(b"product:%d" % row for row in range(4)),
        {"embedding": vectors([0, 0, 0, 0], [1e-6, 0, 0, 0], [1, 2, 3, 4], [1, 2, 3, 4])},
    )
    _, zeros, tiny, double = claim_of(FLOAT16, live(documents=[batch])).warnings
    assert zeros.startswith("all zeros in 'embedding' of 1 of 4 sampled documents (product:0)")
    assert tiny.startswith("subnormal in 'embedding' of 1 of 4 sampled documents (product:1)")
    assert double.startswith("duplicate in 'embedding' of 1 of 4 sampled documents (product:3)")


def test_vectors_of_zeros_are_nothing_special_without_cosine(live: Live, embedding: Embedding) -> None:
    batch = Batch((b"product:1",), {"embedding": vectors([0, 0, 0, 0])})
    index = live(embedding(distance_metric="l2"), documents=[batch])
    assert not any("zero" in line for line in claim_of(FLOAT16, index).warnings)
