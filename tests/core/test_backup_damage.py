"""Damaged and hostile files: every damage is found, and none makes the reader do harm."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldfare.backup import REWRITE, BackupStore, ExpectedBackup, backup_file, backup_prefix
from fieldfare.backup.frame import LONGEST_BODY, LONGEST_HEADER, MAGIC, PRELUDE, encode_frame
from fieldfare.documents import Batch, Column
from fieldfare.errors import BackupCorrupt


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A small complete backup."""
    prefix = backup_prefix(tmp_path, "index")
    with BackupStore(prefix, batch_size=2) as store:
        store.append_keys([b"doc:1", b"doc:2", b"doc:3"])
        store.seal()
        store.append(
            REWRITE, Batch((b"doc:1", b"doc:2"), {"vec": Column.of([b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"])})
        )
        store.append("step", Batch((b"doc:1",), {"name": Column.of([None]), "ü": Column.of([b"x"])}))
        store.append(REWRITE, Batch((b"doc:3",), {"vec": Column.of([b"\x09\x0a\x0b\x0c"])}))
        store.sync()
    return prefix


EXPECTED = {REWRITE: 2, "step": 1}


def frames(path: Path) -> list[bytes]:
    """Cut a file into its frames."""
    content, found = path.read_bytes(), []
    while content:
        _, header_length, body_length, *_ = PRELUDE.unpack_from(content)
        size = PRELUDE.size + header_length + body_length
        found.append(content[:size])
        content = content[size:]
    return found


def write_frame(path: Path, header: Any, body: bytes = b"") -> None:
    """Write one frame with sound checksums, whatever its header says."""
    packed = header if isinstance(header, bytes) else msgpack.packb(header)
    write_raw(path, len(packed), len(body), packed + body, crc32(packed), crc32(body))


def write_raw(path: Path, header_length: int, body_length: int, rest: bytes, *checksums: int) -> None:
    """Write one frame with a sound prelude, whatever lengths it claims."""
    prelude = PRELUDE.pack(MAGIC, header_length, body_length, *(checksums or (0, 0)), 0)[:-4]
    path.write_bytes(prelude + crc32(prelude).to_bytes(4, "little") + rest)


def verify(prefix: Path) -> None:
    """Read as a rollback does before it starts."""
    BackupStore(prefix).verify()


def read_everything(prefix: Path) -> None:
    """Read as a rollback does, without verifying first."""
    store = BackupStore(prefix)
    for _ in store.iter_keys():
        pass
    for tag in store.tags:
        for _ in store.iter_batches(tag):
            pass


def test_the_whole_backup_passes(prefix: Path) -> None:
    BackupStore(prefix).verify(ExpectedBackup(EXPECTED, 3))
    read_everything(prefix)


@pytest.mark.parametrize("ending", ["keys", "data"])
def test_every_flipped_bit_is_found(prefix: Path, ending: str) -> None:
    path = backup_file(prefix, ending)
    content = path.read_bytes()
    for bit in range(len(content) * 8):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(BackupCorrupt) as caught:
            BackupStore(prefix).verify()
        assert caught.value.path == str(path)
        assert caught.value.offset <= bit // 8
        with pytest.raises(BackupCorrupt):
            read_everything(prefix)


@pytest.mark.parametrize("ending", ["keys", "data"])
def test_every_truncation_is_found(prefix: Path, ending: str) -> None:
    path = backup_file(prefix, ending)
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(BackupCorrupt) as caught:
            BackupStore(prefix).verify(ExpectedBackup(EXPECTED, 3))
        assert caught.value.path == str(path)
        assert caught.value.offset <= size
        assert str(caught.value.offset) in str(caught.value)


@pytest.mark.parametrize(("ending", "missing"), [("data", "0 of 2 batches"), ("keys", "0 of 3 keys")])
def test_a_missing_file_is_found(prefix: Path, ending: str, missing: str) -> None:
    backup_file(prefix, ending).unlink()
    with pytest.raises(BackupCorrupt, match=missing):
        BackupStore(prefix).verify(ExpectedBackup(EXPECTED, 3))


@pytest.mark.parametrize("order", [(0, 1), (1, 2), (0, 2, 1), (1, 0, 2), (0, 0, 1, 2), (0, 1, 2, 2)])
def test_keys_that_were_cut_out_swapped_or_repeated_are_found(prefix: Path, order: Sequence[int]) -> None:
    path = backup_file(prefix, "keys")
    parts = frames(path)
    assert len(parts) == 3
    path.write_bytes(b"".join(parts[each] for each in order))
    with pytest.raises(BackupCorrupt):
        BackupStore(prefix).verify()


@pytest.mark.parametrize("order", [(0, 1), (1, 2), (2, 0, 1), (0, 0, 1, 2), (0, 1, 2, 2)])
def test_originals_that_were_cut_out_swapped_or_repeated_are_found(prefix: Path, order: Sequence[int]) -> None:
    path = backup_file(prefix, "data")
    parts = frames(path)
    assert len(parts) == 3
    path.write_bytes(b"".join(parts[each] for each in order))
    with pytest.raises(BackupCorrupt):
        BackupStore(prefix).verify(ExpectedBackup(EXPECTED))


def test_a_file_in_place_of_the_other_is_found(prefix: Path) -> None:
    backup_file(prefix, "keys").write_bytes(backup_file(prefix, "data").read_bytes())
    with pytest.raises(BackupCorrupt, match="does not belong here"):
        BackupStore(prefix).verify()


@pytest.mark.parametrize("ending", ["keys", "data"])
def test_rubbish_behind_the_last_frame_is_never_appended_to(prefix: Path, ending: str) -> None:
    path = backup_file(prefix, ending)
    path.write_bytes(path.read_bytes() + bytes(100))
    with pytest.raises(BackupCorrupt, match="no valid frame"):
        BackupStore.recover(prefix)
    with pytest.raises(BackupCorrupt):
        BackupStore(prefix).verify(ExpectedBackup(EXPECTED))


def test_a_damaged_body_is_found_by_recovery(prefix: Path) -> None:
    path = backup_file(prefix, "data")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupCorrupt, match="checksum"):
        BackupStore.recover(prefix)
    assert path.read_bytes() == content


# ---------------------------------------------------------------- hostile files, with sound checksums

GOOD = {"kind": "batch", "number": 0, "rows": 1, "tag": REWRITE, "keys": 1, "columns": [["f", 1]]}


def test_a_crafted_frame_is_read_if_it_makes_sense(tmp_path: Path) -> None:
    prefix = backup_prefix(tmp_path, "index")
    write_frame(backup_file(prefix, "data"), GOOD, b"kv")
    assert list(BackupStore(prefix).iter_batches(REWRITE)) == [Batch((b"k",), {"f": Column.of([b"v"])})]


@pytest.mark.parametrize(
    ("header_length", "body_length"),
    [(10, 2**60), (10, 2**64 - 1), (10, LONGEST_BODY + 1), (2**32 - 1, 0), (LONGEST_HEADER + 1, 0)],
)
def test_a_frame_that_claims_too_much_is_corrupt(tmp_path: Path, header_length: int, body_length: int) -> None:
    prefix = backup_prefix(tmp_path, "index")
    path = backup_file(prefix, "data")
    write_raw(path, header_length, body_length, bytes(100))
    with path.open("r+b") as file:
        os.truncate(file.fileno(), 2**40)  # sparse, so that the claims fit the file
    for read in (verify, read_everything):
        with pytest.raises(BackupCorrupt, match=f"{header_length} bytes and a body of {body_length} bytes"):
            read(prefix)


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"kind": "other"}, b"kv"),
        ({"kind": ["batch"]}, b"kv"),
        ({"kind": "keys"}, b"kv"),
        ({"number": 1}, b"kv"),
        ({"number": -1}, b"kv"),
        ({"number": True}, b"kv"),
        ({"rows": None}, b"kv"),
        ({"rows": 2}, b"kv"),
        ({"rows": 2**60}, b"kv"),
        ({"rows": 2**60, "keys": 0, "columns": []}, b""),
        ({"rows": 2**22, "keys": 0, "columns": [[str(each), -1] for each in range(2**10)]}, b"x" * 2**22),
        ({"keys": None}, b"kv"),
        ({"keys": -1}, b"kv"),
        ({"keys": [1, 1]}, b"kv"),
        ({"keys": ["1"]}, b"kv"),
        ({"keys": 2**62}, b"kv"),
        ({"columns": None}, b"kv"),
        ({"columns": {"f": 1}}, b"kv"),
        ({"columns": [["f"]]}, b"kv"),
        ({"columns": [[1, 1]]}, b"kv"),
        ({"columns": [["f", 1], ["f", 0]]}, b"kv"),
        ({"columns": [["f", -2]]}, b"kv"),
        ({"columns": [["f", [-2]]]}, b"kv"),
        ({"columns": [["f", 1.0]]}, b"kv"),
        ({"columns": []}, b"kv"),
        ({}, b"k"),
        ({}, b"kvx"),
    ],
)
def test_a_header_that_makes_no_sense_is_corrupt(tmp_path: Path, change: dict[str, Any], body: bytes) -> None:
    prefix = backup_prefix(tmp_path, "index")
    write_frame(backup_file(prefix, "data"), {**GOOD, **change}, body)
    tracemalloc.start()
    try:
        for read in (verify, read_everything):
            with pytest.raises(BackupCorrupt, match="at byte 0"):
                read(prefix)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc7\x04\x05evil",
        b"\x81\x90\x01",
        b"\x81\xa4kind\xd6\xff\x00\x00\x00\x00",
        msgpack.packb([1, 2]),
        msgpack.packb(GOOD) + b"\x00",
    ],
)
def test_a_header_that_is_no_map_is_corrupt(tmp_path: Path, packed: bytes) -> None:
    prefix = backup_prefix(tmp_path, "index")
    write_frame(backup_file(prefix, "data"), packed)
    with pytest.raises(BackupCorrupt, match="at byte 0"):
        BackupStore(prefix).verify()


@given(content=st.binary(max_size=300))
def test_random_bytes_never_pass_for_a_backup(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    prefix = backup_prefix(tmp_path_factory.getbasetemp(), "random")
    backup_file(prefix, "data").write_bytes(content)
    with pytest.raises(BackupCorrupt):
        BackupStore(prefix).verify(ExpectedBackup({REWRITE: 1}))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries({}, optional={key: st.just(value) | values for key, value in GOOD.items()}),
    st.binary(max_size=6),
)
def test_a_crafted_header_is_read_or_corrupt_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any], body: bytes
) -> None:
    prefix = backup_prefix(tmp_path_factory.getbasetemp(), "crafted")
    backup_file(prefix, "data").write_bytes(b"".join(encode_frame(header, [body])))
    try:
        BackupStore(prefix).verify()
        read_everything(prefix)
    except BackupCorrupt as error:
        assert error.offset == 0  # noqa: PT017 - passing is as good
