"""int8 and uint8: what the codes are, what they stand for, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fieldfare.changes import UpdateField
from fieldfare.definition import Field, Storage
from fieldfare.documents import Batch, Column
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.patch import patch_from_dict, patch_to_dict
from fieldfare.plan import Claim, Step
from fieldfare.server import Server
from fieldfare_quantize import plugin
from fieldfare_quantize.calibrate import calibrate
from fieldfare_quantize.calibration import PER_VECTOR, Calibration
from fieldfare_quantize.codec import convert
from fieldfare_quantize.conversion import ConversionParameters, plan_conversion
from fieldfare_vectors.claim import read_field_options

Live = Callable[..., LiveIndex]
Embedding = Callable[..., Field]

VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:1000]
DIMS = VECTORS.shape[1]


def column(vectors: Any) -> Column:
    """Build a column of vectors."""
    return Column.of(vector.tobytes() for vector in vectors)


def read(converted: Column, datatype: str) -> Any:
    """Read a column of vectors of one length."""
    return np.frombuffer(converted.block, datatype).reshape(len(converted), -1)


REASONABLE = st.floats(-(2.0**100), 2.0**100, width=32).filter(lambda value: value == 0 or abs(value) > 2.0**-100)


@given(arrays.arrays(np.float32, (3, 5), elements=REASONABLE))
def test_under_cosine_each_vector_is_scaled_to_its_largest_magnitude(vectors: Any) -> None:
    codes = read(convert(column(vectors), "float32", "int8", 5, encoding=PER_VECTOR).column, "int8")
    for vector, row in zip(vectors.astype(np.float64), codes, strict=True):
        peak = np.abs(vector).max()
        assert np.abs(row).max() == (127 if peak else 0)
        assert np.abs(row * peak / 127 - vector).max() <= peak / 127 * 0.501


@pytest.mark.parametrize("datatype", ["int8", "uint8"])
def test_one_scale_for_all_brings_values_back_within_half_a_step(datatype: str) -> None:
    calibration = calibrate(VECTORS, datatype, "l2", clip=1.0)
    assert calibration.scale is not None
    there = convert(column(VECTORS), "float32", datatype, DIMS, encoding=calibration)
    assert (there.overflow, there.clipped) == ((), ())
    back = convert(there.column, datatype, "float32", DIMS, decoding=calibration)
    assert np.abs(read(back.column, "<f4") - VECTORS).max() <= calibration.scale * 0.501


@pytest.mark.parametrize("datatype", ["int8", "uint8"])
def test_the_quantile_with_the_least_error_is_chosen(datatype: str) -> None:
    vectors = VECTORS.copy()
    vectors[0, 0] = 50  # an outlier that would waste nearly all codes

    def error(calibration: Calibration) -> float:
        there = convert(column(vectors), "float32", datatype, DIMS, encoding=calibration).column
        back = convert(there, datatype, "float32", DIMS, decoding=calibration).column
        return float(((read(back, "<f4") - vectors)[1:] ** 2).sum())

    chosen = calibrate(vectors, datatype, "l2")
    assert chosen.clip is not None
    assert chosen.clip < 1
    assert error(chosen) < error(calibrate(vectors, datatype, "l2", clip=1.0)) / 100


def test_from_int8_to_uint8_and_back_no_code_is_lost() -> None:
    every = np.arange(-128, 128, dtype=np.int8).reshape(-1, 4)
    there = convert(column(every), "int8", "uint8", 4).column
    assert (read(there, "uint8").astype(int) == every.astype(int) + 128).all()
    assert (read(convert(there, "uint8", "int8", 4).column, "int8") == every).all()


def test_scaled_one_by_one_vectors_come_back_with_length_one() -> None:
    codes = convert(column(VECTORS[:5] * 7), "float32", "int8", DIMS, encoding=PER_VECTOR).column
    back = read(convert(codes, "int8", "float32", DIMS, decoding=PER_VECTOR).column, "<f4")
    assert np.allclose(np.linalg.norm(back, axis=1), 1, atol=1e-5)
    assert np.einsum("ij,ij->i", back, VECTORS[:5]).min() > 0.999


def transform(values: Sequence[Sequence[float]], scale: float | None) -> tuple[Any, dict[str, tuple[bytes, ...]]]:
    """Convert float32 vectors of two values to int8; return codes, and keys by kind of note."""
    step = plan_conversion(ConversionParameters("vec", "vec", "float32", "int8", 2, "l2", encoding=Calibration(scale)))
    keys = tuple(b"doc:%d" % row for row in range(len(values)))
    batch = plugin.fieldfare_transform(step, Batch(keys, {"vec": column(np.array(values, "<f4"))}))
    return read(batch["vec"], "int8").tolist(), {note.kind: note.keys for note in batch.notes}


def test_values_beyond_the_codes_get_the_nearest_code_and_a_note() -> None:
    codes, notes = transform([[1, -127], [130, 0], [0, -300], [0.2, 0.1]], 1.0)
    assert codes == [[1, -127], [127, 0], [0, -127], [0, 0]]
    assert notes == {"overflow": (b"doc:2",), "clipped": (b"doc:1",), "underflow": (b"doc:3",)}


@pytest.mark.parametrize("scale", [None, 1.0])
def test_nan_and_infinity_get_codes_and_notes(scale: float | None) -> None:
    codes, notes = transform([[float("nan"), 127], [float("-inf"), 127], [127, 127]], scale)
    assert codes == [[0, 127], [-127, 127], [127, 127]]
    assert notes == {"NaN": (b"doc:0",), "infinity": (b"doc:1",)}


def words(live: Live, embedding: Embedding, metric: str, datatype: str = "float32", **kind: Any) -> LiveIndex:
    """Build an index of real sentence embeddings."""
    native = {"float32": VECTORS, "int8": np.rint(VECTORS * 500).astype("int8")}[datatype]
    batch = Batch(tuple(b"product:%d" % row for row in range(len(native))), {"embedding": column(native)})
    return live(embedding(dims=DIMS, distance_metric=metric, datatype=datatype), documents=[batch], **kind)


def claim_of(live: LiveIndex, source: str, target: str, quantization: Mapping[str, Any] | None = None) -> Claim:
    """Return the claim on a change of the datatype, with this quantization in the patch."""
    update = {"name": "embedding", "attrs": {"datatype": target}, "quantization": quantization or {}}
    live = evolve(live, patch={"update_fields": [update]})
    claim = plugin.fieldfare_classify(UpdateField("embedding", "datatype", source, target), live)
    assert claim is not None
    return claim


def plan(live: LiveIndex, source: str, target: str, quantization: Mapping[str, Any] | None = None) -> Step:
    """Return the step of a change of the datatype."""
    claim = claim_of(live, source, target, quantization)
    assert claim.is_supported, claim.reason
    step, *_ = plugin.fieldfare_plan_steps(UpdateField("embedding", "datatype", source, target), claim, live)
    return step


@pytest.mark.parametrize("metric", ["cosine", "l2", "ip"])
def test_int8_keeps_the_neighbours_of_real_embeddings(live: Live, embedding: Embedding, metric: str) -> None:
    index = words(live, embedding, metric)
    claim = claim_of(index, "float32", "int8")
    assert claim.is_supported
    assert claim.lossy
    assert any("queries must be encoded as int8 too" in line for line in claim.warnings)
    row = next(each for each in claim.details["prediction"] if each["datatype"] == "int8")
    assert row["recall@10"] >= 0.98
    encoding = plan(index, "float32", "int8").params["encoding"]
    assert (encoding["scale"] == "per vector") == (metric == "cosine")


def test_uint8_under_inner_product_is_refused_with_its_figure(live: Live, embedding: Embedding) -> None:
    claim = claim_of(words(live, embedding, "ip"), "float32", "uint8")
    assert not claim.is_supported
    assert "uint8 would keep 0.6" in str(claim.reason)
    assert str(claim.workaround).startswith("choose int8, which keeps 0.99")
    assert claim_of(words(live, embedding, "l2"), "float32", "uint8").is_supported


def test_the_plan_says_literally_what_codes_stand_for(live: Live, embedding: Embedding) -> None:
    index = words(live, embedding, "l2")
    step = plan(index, "float32", "int8")
    chosen = calibrate(VECTORS, "int8", "l2")
    assert step.params["encoding"] == chosen.to_plain()
    assert ConversionParameters.of(step).encoding == chosen
    assert plan(index, "float32", "int8").id == step.id
    batch = plugin.fieldfare_transform(step, index.sample(["embedding"], 10)[0])
    assert batch["embedding"].lengths == (DIMS,) * 10


def test_the_patch_can_set_scale_or_clip(live: Live, embedding: Embedding) -> None:
    index = words(live, embedding, "l2")
    assert plan(index, "float32", "int8", {"scale": 0.002}).params["encoding"]["scale"] == 0.002
    assert plan(index, "float32", "int8", {"clip": 0.9999}).params["encoding"]["clip"] == 0.9999


@pytest.mark.parametrize(
    ("target", "quantization", "reason"),
    [
        ("int8", {"scale": 1, "clip": 1}, "takes scale or clip, not both"),
        ("int8", {"scale": 0}, "takes a scale above 0 and a clip above 0 and up to 1"),
        ("int8", {"clip": 99}, "takes a scale above 0 and a clip above 0 and up to 1"),
        ("int8", {"clip": float("nan")}, "takes a scale above 0 and a clip above 0 and up to 1"),
        ("int8", {"scale": 1e-40}, "takes a scale from 1e-30 to 1e+30, and an offset up to ±1e+30"),
        ("int8", {"scale": 10**400}, "takes a scale from 1e-30 to 1e+30, and an offset up to ±1e+30"),
        ("int8", {"scale": "big"}, "takes numbers"),
        ("int8", {"zero": 1}, "knows scale, clip, offset, not zero"),
        ("float16", {"scale": 1}, "is for changes between floats and int8 or uint8"),
    ],
)
def test_quantizations_that_are_refused(
    live: Live, embedding: Embedding, target: str, quantization: Mapping[str, Any], reason: str
) -> None:
    claim = claim_of(words(live, embedding, "l2"), "float32", target, quantization)
    assert claim.reason == f"quantization of 'embedding' {reason}"


def test_codes_come_back_with_the_scale_that_the_patch_names(live: Live, embedding: Embedding) -> None:
    index = words(live, embedding, "l2", "int8")
    step = plan(index, "int8", "float32", {"scale": 0.002, "offset": 0.5})
    assert not step.lossy
    batch = plugin.fieldfare_transform(step, index.sample(["embedding"], 10)[0])
    codes = np.rint(VECTORS[:10] * 500)
    assert np.allclose(read(batch["embedding"], "<f4"), codes * 0.002 + 0.5, atol=1e-6)
    assert any("the floats are the codes themselves" in line for line in claim_of(index, "int8", "float32").warnings)


def test_json_documents_are_not_turned_into_integers(live: Live, embedding: Embedding) -> None:
    index = live(embedding(), storage=Storage.JSON)
    assert str(claim_of(index, "float32", "int8").reason).startswith("JSON documents hold the numbers themselves")


def test_a_server_that_has_no_integers_is_named_with_what_it_needs(live: Live, embedding: Embedding) -> None:
    claim = claim_of(words(live, embedding, "l2", search=(2, 10, 5)), "float32", "int8")
    assert claim.reason == (
        "this server cannot index int8 vectors: it has search 2.10.5, and int8 needs search 8.0.0 or newer"
    )


@pytest.mark.parametrize("metric", ["cosine", "l2", "ip"])
def test_a_server_finds_what_was_encoded(live: Live, embedding: Embedding, server: Server, metric: str) -> None:
    if not server.capabilities.indexes("int8"):
        pytest.skip("this server has no int8 vectors")
    index = words(live, embedding, metric)
    (batch,) = index.sample(["embedding"], len(VECTORS))
    encoded = plugin.fieldfare_transform(plan(index, "float32", "int8"), batch)
    fields = ("embedding", "VECTOR", "FLAT", 6, "TYPE", "INT8", "DIM", DIMS, "DISTANCE_METRIC", metric.upper())
    server.command("FT.CREATE", "words", "PREFIX", 1, "product:", "SCHEMA", *fields)
    server.bulk(
        [
            ("HSET", key, "embedding", vector)
            for key, vector in zip(encoded.keys, encoded["embedding"], strict=True)
            if vector is not None
        ]
    )
    query_vector = encoded["embedding"][0]
    assert query_vector is not None
    query = "*=>[KNN 1 @embedding $vector]"
    reply = server.command("FT.SEARCH", "words", query, "PARAMS", 2, "vector", query_vector, "NOCONTENT", "DIALECT", 2)
    assert (reply[1] if isinstance(reply, list) else reply[b"results"][0][b"id"]) == b"product:0"


def test_the_planner_finds_the_quantization_of_a_patch_file() -> None:
    update = {"name": "vec", "attrs": {"datatype": "int8"}, "quantization": {"clip": 0.999}}
    renamed = {"old_name": "embedding", "new_name": "vec"}
    mapping = {"version": 1, "changes": {"update_fields": [update], "rename_fields": [renamed]}}
    written = patch_to_dict(patch_from_dict(mapping))
    assert written["update_fields"] == [update]
    assert (
        read_field_options(written, "embedding", "quantization")
        == read_field_options(written, "vec", "quantization")
        == {"clip": 0.999}
    )
    assert read_field_options(written, "other", "quantization") == {}
