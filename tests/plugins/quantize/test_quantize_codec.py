"""Converted bytes, against references that go value by value."""

from __future__ import annotations

import math
import struct
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fieldfare.documents import Column
from fieldfare_quantize.codec import convert
from fieldfare_vectors import rewritten_column
from fieldfare_vectors.datatype import DATATYPES
from fieldfare_vectors.rewritten_column import RewrittenColumn

DIRECTIONS = list(permutations(DATATYPES, 2))
FORMATS = {"float64": "<d", "float32": "<f", "float16": "<e"}
LARGEST = {"float32": b"\xff\xff\x7f\x7f", "float16": b"\xff\x7b", "bfloat16": b"\x7f\x7f"}


def pack(datatype: str, *values: float) -> bytes:
    """Write values as one vector; bfloat16 is cut out of float32, rounded to nearest, ties to even."""
    if datatype == "bfloat16":
        return b"".join(_bfloat16(value) for value in values)
    return b"".join(struct.pack(FORMATS[datatype], value) for value in values)


def unpack(datatype: str, vector: bytes) -> list[float]:
    """Read a vector value by value."""
    if datatype == "bfloat16":
        return [struct.unpack("<f", b"\0\0" + vector[at : at + 2])[0] for at in range(0, len(vector), 2)]
    return [value for (value,) in struct.iter_unpack(FORMATS[datatype], vector)]


def reference(source: str, target: str, vector: bytes) -> bytes:
    """Convert one vector, value by value; no vector of NaN."""
    return b"".join(_limited(target, value) for value in unpack(source, vector))


def headings(conversion: RewrittenColumn) -> dict[str, tuple[int, ...]]:
    """Return the headings that have rows."""
    names = ("wrong_length", "already_rewritten", "nan", "infinite", "overflow", "underflow")
    return {name: getattr(conversion, name) for name in names if getattr(conversion, name)}


def _bfloat16(value: float) -> bytes:
    single = _narrowed("float32", value)
    bits: int = struct.unpack("<I", single)[0]
    if math.isnan(value):
        return struct.pack("<H", bits >> 16 | 0x40)
    return struct.pack("<H", bits + 0x7FFF + (bits >> 16 & 1) >> 16)


def _narrowed(target: str, value: float) -> bytes:
    if target == "bfloat16":
        return _bfloat16(value)
    try:
        return struct.pack(FORMATS[target], value)
    except OverflowError:
        return struct.pack(FORMATS[target], math.copysign(math.inf, value))


def _limited(target: str, value: float) -> bytes:
    """Narrow a value to what the target can hold: only an infinity becomes one."""
    narrowed = _narrowed(target, value)
    if math.isfinite(value) and math.isinf(unpack(target, narrowed)[0]):
        largest = LARGEST[target]
        return largest if value > 0 else largest[:-1] + bytes([largest[-1] | 0x80])
    return narrowed


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
@given(data=st.data())
def test_every_bit_pattern_is_converted_as_the_reference_does(source: str, target: str, data: st.DataObject) -> None:
    dims = data.draw(st.integers(1, 9), "dims")
    length = dims * DATATYPES[source].width
    vectors = data.draw(st.lists(st.binary(min_size=length, max_size=length), max_size=9), "vectors")
    conversion = convert(Column.of(vectors), source, target, dims)
    assert len(conversion.column) == len(vectors)
    for row, (old, new) in enumerate(zip(vectors, conversion.column, strict=True)):
        values = unpack(source, old)
        assert new is not None
        assert (row in conversion.nan) == any(map(math.isnan, values))
        if row in conversion.nan:
            assert list(map(math.isnan, unpack(target, new))) == list(map(math.isnan, values))
            continue
        assert new == reference(source, target, old)
        assert list(map(math.isinf, unpack(target, new))) == list(map(math.isinf, values))
        too_large = any(math.isinf(unpack(target, _narrowed(target, value))[0]) for value in values)
        assert (row in conversion.infinite) == any(map(math.isinf, values))
        assert (row in conversion.overflow) == (too_large and row not in conversion.infinite)
        assert (row in conversion.underflow) == (any(values) and not any(unpack(target, new)))


@pytest.mark.parametrize(("source", "target"), [("float16", "bfloat16"), ("bfloat16", "float16")])
def test_every_value_of_a_two_byte_datatype(source: str, target: str) -> None:
    every = [struct.pack("<H", bits) for bits in range(2**16)]
    conversion = convert(Column.of(every), source, target, 1)
    nan = set(conversion.nan)
    assert nan == {row for row, vector in enumerate(every) if math.isnan(unpack(source, vector)[0])}
    assert all(
        new == reference(source, target, old)
        for row, (old, new) in enumerate(zip(every, conversion.column, strict=True))
        if row not in nan
    )


@pytest.mark.parametrize("target", ["float32", "float64"])
@pytest.mark.parametrize("source", ["float16", "bfloat16"])
def test_widening_and_back_gives_the_same_bytes(source: str, target: str) -> None:
    finite = [vector for bits in range(2**16) if math.isfinite(unpack(source, vector := struct.pack("<H", bits))[0])]
    there = convert(Column.of(finite), source, target, 1)
    assert headings(there) == {}
    assert convert(there.column, target, source, 1).column == Column.of(finite)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("source", "value", "overflows"),
    [
        ("float32", 65504.0, False),
        ("float32", 65519.99, False),
        ("float32", 65520.0, True),
        ("float64", 65519.99999999999, False),
        ("float64", 65520.0, True),
        ("bfloat16", 65280.0, False),
        ("bfloat16", 65536.0, True),
    ],
)
def test_float16_overflows_from_65520_on(source: str, value: float, overflows: bool, sign: int) -> None:  # noqa: FBT001 - a column of the table
    conversion = convert(Column.of([pack(source, 1.0, sign * value)]), source, "float16", 2)
    assert headings(conversion) == ({"overflow": (0,)} if overflows else {})
    first, second = unpack("float16", conversion.column[0] or b"")
    assert first == 1.0
    assert second == sign * (65504.0 if value > 65504 - 32 else value)


@pytest.mark.parametrize(
    ("source", "target", "largest", "beyond"),
    [
        ("float32", "bfloat16", 0x7F7F7FFF, 0x7F7F8000),
        ("float64", "float32", 0x47EFFFFFEFFFFFFF, 0x47EFFFFFF0000000),
    ],
)
def test_other_overflows_start_half_a_step_beyond_the_largest_value(
    source: str, target: str, largest: int, beyond: int
) -> None:
    layout = "<I" if source == "float32" else "<Q"
    column = Column.of([struct.pack(layout, largest), struct.pack(layout, beyond)])
    conversion = convert(column, source, target, 1)
    assert headings(conversion) == {"overflow": (1,)}
    assert unpack(target, conversion.column[0] or b"") == [DATATYPES[target].largest]


def test_subnormal_values_are_kept_and_smaller_ones_round_to_zero() -> None:
    smallest = 2.0**-24
    vectors = [
        pack("float32", smallest, 3 * smallest),
        pack("float32", smallest / 2, 0.0),
        pack("float32", math.nextafter(smallest / 2, 1) * 1.0001, 0.0),
        pack("float32", smallest / 2, 1.0),
        pack("float32", 0.0, -0.0),
    ]
    conversion = convert(Column.of(vectors), "float32", "float16", 2)
    assert headings(conversion) == {"underflow": (1,)}
    assert unpack("float16", conversion.column[0] or b"") == [smallest, 3 * smallest]
    assert unpack("float16", conversion.column[2] or b"") == [smallest, 0.0]
    assert conversion.column[4] == b"\x00\x00\x00\x80"


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7FC00001, 0xFFC12345, 0x7F800001, 0x7FBFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("target", ["float16", "bfloat16", "float64"])
def test_nan_stays_nan_whatever_its_payload_and_place(bits: int, target: str) -> None:
    nan = struct.pack("<I", bits)
    vectors = [pack("float32", *[1.0] * place) + nan + pack("float32", *[1.0] * (16 - place)) for place in range(17)]
    conversion = convert(Column.of(vectors), "float32", target, 17)
    assert headings(conversion) == {"nan": tuple(range(17))}
    new = [conversion.column[place] or b"" for place in range(17)]
    assert [list(map(math.isnan, unpack(target, vector))).index(True) for vector in new] == list(range(17))
    width = DATATYPES[target].width
    assert len({vector[place * width :][:width] for place, vector in enumerate(new)}) == 1


def test_nan_comes_before_infinity_and_infinity_before_overflow() -> None:
    vectors = [
        pack("float32", 1e9, math.inf, math.nan),
        pack("float32", 1e9, -math.inf, 1.0),
        pack("float32", 1e9, 1.0, 1.0),
    ]
    conversion = convert(Column.of(vectors), "float32", "float16", 3)
    assert headings(conversion) == {"nan": (0,), "infinite": (1,), "overflow": (2,)}


def test_other_rows_keep_their_bytes_and_their_places() -> None:
    good, big = pack("float32", 1.0, 2.0), pack("float32", 1.0, 1e6)
    converted = pack("float16", 1.0, 2.0)
    values = [None, good, b"short", converted, b"", good, big]
    conversion = convert(Column.of(values), "float32", "float16", 2)
    assert list(conversion.column) == [
        None,
        converted,
        b"short",
        converted,
        b"",
        converted,
        pack("float16", 1.0, 65504.0),
    ]
    assert headings(conversion) == {"wrong_length": (2, 4), "already_rewritten": (3,), "overflow": (6,)}


@pytest.mark.parametrize("values", [[], [None, None], [b"x", None]])
def test_a_batch_without_one_vector(values: list[bytes | None]) -> None:
    assert list(convert(Column.of(values), "float32", "bfloat16", 3).column) == values


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_block_of_bytes_is_read(kind: type[bytes | bytearray | memoryview]) -> None:
    block = np.arange(8, dtype="<f4").tobytes()
    conversion = convert(Column(kind(block), [16, 16]), "float32", "float64", 4)
    assert unpack("float64", b"".join(value or b"" for value in conversion.column)) == list(range(8))


def test_float64_goes_to_bfloat16_by_way_of_float32() -> None:
    # Rounded in one go, this value would be 1.0078125.
    conversion = convert(Column.of([pack("float64", 1 + 2**-8 + 2**-40)]), "float64", "bfloat16", 1)
    assert unpack("bfloat16", conversion.column[0] or b"") == [1.0]


def test_a_batch_gives_what_its_halves_give() -> None:
    vectors = [pack("float32", *np.random.default_rng(row).normal(size=7)) for row in range(13)]
    whole = convert(Column.of(vectors), "float32", "float16", 7).column
    halves = [convert(Column.of(part), "float32", "float16", 7).column for part in (vectors[:6], vectors[6:])]
    assert list(whole) == [value for half in halves for value in half]


def test_unknown_datatype() -> None:
    with pytest.raises(KeyError, match="int8"):
        convert(Column.of([b"abcd"]), "float32", "int8", 1)


def test_values_are_computed_when_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal reads none of them."""
    computed: list[int] = []

    def to_bytes(vectors: NDArray[Any]) -> bytes:
        computed.append(len(vectors))
        return vectors.tobytes()

    monkeypatch.setattr(rewritten_column, "to_bytes", to_bytes)
    vectors = np.array([[1, 2], [0, 0], [1e9, 1]], np.float32)
    done = convert(Column(vectors.tobytes(), [8] * 3), "float32", "float16", 2)
    assert (done.zero, done.overflow, done.column.lengths) == ((1,), (2,), (4,) * 3)
    assert computed == []
    assert list(done.column) == [each.tobytes() for each in np.array([[1, 2], [0, 0], [65504, 1]], np.float16)]
    assert computed == [3]
