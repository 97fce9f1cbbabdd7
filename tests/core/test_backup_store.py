"""Keys and originals: what goes in comes out, also when the writer died."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldfare.backup import REWRITE, BackupStore, ExpectedBackup, backup_file, backup_prefix
from fieldfare.backup.record import Record
from fieldfare.documents import Batch, Column
from fieldfare.errors import BackupCorrupt, BackupUnusable

keys = st.binary(max_size=40)
fields = st.binary(max_size=20).map(lambda name: name.decode("utf-8", "surrogateescape"))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    rows = draw(st.lists(keys, max_size=6))
    width = draw(st.integers(0, 8))
    value = st.none() | st.binary(max_size=12) if draw(st.booleans()) else st.binary(min_size=width, max_size=width)
    names = draw(st.lists(fields, unique=True, max_size=3))
    column = st.lists(value, min_size=len(rows), max_size=len(rows)).map(Column.of)
    return Batch(tuple(rows), {name: draw(column) for name in names})


def vectors(number: int, rows: int = 4, width: int = 6) -> Batch:
    """A batch whose content follows from its number."""
    block = bytes((number * 31 + place) % 256 for place in range(rows * width))
    return Batch(tuple(b"doc:%d:%d" % (number, row) for row in range(rows)), {"vec": Column(block, [width] * rows)})


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return backup_prefix(tmp_path, "index")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The operating system refuses to let any file grow beyond this size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---------------------------------------------------------------- round trips


@given(st.lists(st.tuples(st.sampled_from([REWRITE, "acme.redact-0a1b2c3d", "ü\udcff"]), batches()), max_size=8))
def test_originals_come_back_by_tag_and_in_order(written: list[tuple[str, Batch]]) -> None:
    with TemporaryDirectory() as directory:
        prefix = backup_prefix(directory, "index")
        with BackupStore(prefix) as store:
            for tag, batch in written:
                store.append(tag, batch)
            store.sync()
        reopened = BackupStore(prefix)
        assert reopened.tags == tuple(sorted({tag for tag, _ in written}))
        for wanted in {tag for tag, _ in written}:
            expected = [batch for tag, batch in written if tag == wanted]
            assert reopened.count(wanted) == len(expected)
            reopened.verify(ExpectedBackup({wanted: len(expected)}))
            for start in range(len(expected) + 1):
                assert list(reopened.iter_batches(wanted, start)) == expected[start:]


@given(st.lists(st.lists(keys, max_size=9), max_size=6), st.integers(1, 5))
def test_keys_come_back_in_whole_batches(written: list[list[bytes]], batch_size: int) -> None:
    everything = [key for part in written for key in part]
    with TemporaryDirectory() as directory:
        prefix = backup_prefix(directory, "index")
        with BackupStore(prefix, batch_size=batch_size) as store:
            for part in written:
                store.append_keys(part)
            store.seal()
            store.seal()
            store.sync()
        reopened = BackupStore(prefix)
        expected = [tuple(everything[at : at + batch_size]) for at in range(0, len(everything), batch_size)]
        assert list(reopened.iter_keys()) == expected
        assert list(reopened.iter_keys(1)) == expected[1:]
        assert (reopened.key_batches, reopened.key_count, reopened.is_sealed) == (len(expected), len(everything), True)
        reopened.verify()
        places = reopened.key_places(range(len(expected)))
        for number, place in enumerate(places):
            assert list(reopened.iter_keys(number, len(expected), place)) == expected[number:]


def test_what_comes_before_a_place_is_not_read(prefix: Path) -> None:
    with BackupStore(prefix, batch_size=1) as store:
        store.append_keys([b"a", b"b", b"c"])
        store.seal()
        [place] = store.key_places([1])
    with backup_file(prefix, "keys").open("r+b") as file:
        file.write(b"\0\0")
    assert list(BackupStore(prefix).iter_keys(1, 2, place)) == [(b"b",)]
    with pytest.raises(BackupCorrupt):
        list(BackupStore(prefix).iter_keys(1, 2))


def test_sealed_keys_take_no_more(prefix: Path) -> None:
    with BackupStore(prefix) as store:
        store.append_keys([b"a"])
        store.seal()
        with pytest.raises(ValueError, match="sealed"):
            store.append_keys([b"b"])
    with pytest.raises(ValueError, match="sealed"):
        BackupStore(prefix).append_keys([b"b"])


def test_an_absent_backup_is_an_empty_one_and_nothing_is_created(prefix: Path) -> None:
    with BackupStore(prefix) as store:
        assert (store.key_count, store.is_sealed, store.count(REWRITE), store.tags) == (0, False, 0, ())
        assert not list(store.iter_keys())
        assert not list(store.iter_batches(REWRITE))
        store.sync()
        store.verify()
    assert not list(prefix.parent.iterdir())


def test_vectors_of_one_width_cost_few_bytes_beside_their_data(prefix: Path) -> None:
    rows, width = 500, 3072
    with BackupStore(prefix) as store:
        names = tuple(b"doc:%04d" % row for row in range(rows))
        store.append(REWRITE, Batch(names, {"vec": Column(bytes(rows * width), [width] * rows)}))
    assert backup_file(prefix, "data").stat().st_size - rows * (width + len(names[0])) < 128


def test_what_is_skipped_is_not_read(prefix: Path) -> None:
    with BackupStore(prefix) as store:
        for number in range(3):
            store.append(REWRITE, vectors(number))
    path = backup_file(prefix, "data")
    damaged = bytearray(path.read_bytes())
    at = damaged.index(b"doc:1:0")
    damaged[at] ^= 1
    path.write_bytes(damaged)
    assert list(BackupStore(prefix).iter_batches(REWRITE, 2)) == [vectors(2)]
    with pytest.raises(BackupCorrupt, match="checksum"):
        list(BackupStore(prefix).iter_batches(REWRITE))


def test_memory_holds_a_batch_and_never_the_whole_backup(prefix: Path) -> None:
    rows, width, count = 500, 1024, 60
    batch = Batch(tuple(b"%08d" % row for row in range(rows)), {"vec": Column(bytes(rows * width), [width] * rows)})
    with BackupStore(prefix, batch_size=rows) as store:
        tracemalloc.start()
        try:
            for _ in range(count):
                store.append_keys(batch.keys)
                store.append(REWRITE, batch)
            store.seal()
            store.verify(ExpectedBackup({REWRITE: count}))
            assert sum(len(each) for each in store.iter_batches(REWRITE)) == rows * count
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert backup_file(prefix, "data").stat().st_size > 30_000_000
    assert peak < 5_000_000


# ---------------------------------------------------------------- crashes


def test_a_frame_cut_short_anywhere_does_not_count_and_the_dump_goes_on(tmp_path: Path) -> None:
    whole = backup_prefix(tmp_path, "whole")
    path = backup_file(whole, "data")
    with BackupStore(whole) as store:
        store.append(REWRITE, vectors(0))
        store.append("step", vectors(1))
        start = path.stat().st_size
        store.append(REWRITE, vectors(2))
    content = path.read_bytes()
    torn = backup_prefix(tmp_path, "torn")
    for size in range(start + 1, len(content)):
        backup_file(torn, "data").write_bytes(content[:size])
        assert list(BackupStore(torn).iter_batches(REWRITE)) == [vectors(0)]
        with pytest.raises(BackupCorrupt, match="ends in the middle"):
            BackupStore(torn).verify()
        with BackupStore.recover(torn) as store:
            assert backup_file(torn, "data").stat().st_size == start
            assert (store.count(REWRITE), store.count("step")) == (1, 1)
            store.append(REWRITE, vectors(2))
            store.sync()
        assert backup_file(torn, "data").read_bytes() == content


def test_torn_keys_lose_their_last_batch_only(prefix: Path) -> None:
    path = backup_file(prefix, "keys")
    with BackupStore(prefix, batch_size=2) as store:
        store.append_keys([b"a", b"b", b"c", b"d"])
    path.write_bytes(path.read_bytes()[:-1])
    with BackupStore.recover(prefix, batch_size=2) as store:
        assert (store.key_batches, store.key_count, store.is_sealed) == (1, 2, False)
        store.append_keys([b"c", b"d", b"e"])
        store.seal()
        assert list(store.iter_keys()) == [(b"a", b"b"), (b"c", b"d"), (b"e",)]
        store.verify()


DUMP = """
import itertools, sys
from pathlib import Path
from fieldfare.backup import BackupStore
from fieldfare.documents import Batch, Column

store = BackupStore(Path(sys.argv[1]))
for number in itertools.count():
    block = bytes([number % 251]) * 400_000
    store.append("rewrite", Batch(tuple(b"%d" % row for row in range(100)), {"vec": Column(block, [4000] * 100)}))
    print(number, flush=True)
"""


def test_a_killed_dump_goes_on_where_it_stopped(prefix: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DUMP, prefix], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 5:
            pass
        process.send_signal(signal.SIGKILL)
    with BackupStore.recover(prefix) as store:
        count = store.count(REWRITE)
        assert count > 5
        store.append(REWRITE, vectors(0))
        store.sync()
        *dumped, last = store.iter_batches(REWRITE)
        assert [bytes(batch["vec"].block[:1]) for batch in dumped] == [bytes([at % 251]) for at in range(count)]
        assert last == vectors(0)
        store.verify(ExpectedBackup({REWRITE: count + 1}))


def test_a_full_disk_is_an_error_that_leaves_the_file_whole(prefix: Path) -> None:
    with BackupStore(prefix) as store:
        store.append(REWRITE, vectors(0))
        size = backup_file(prefix, "data").stat().st_size
        with largest_file(size + 100), pytest.raises(BackupUnusable, match="File too large"):
            store.append(REWRITE, vectors(1, rows=100))
        assert backup_file(prefix, "data").stat().st_size == size
        assert store.count(REWRITE) == 1
        store.append(REWRITE, vectors(1))
        store.verify(ExpectedBackup({REWRITE: 2}))


def test_a_file_that_cannot_be_opened_is_an_error(prefix: Path) -> None:
    backup_file(prefix, "data").mkdir()
    store = BackupStore(prefix)
    with pytest.raises(BackupUnusable, match="directory"):
        store.append(REWRITE, vectors(0))
    with pytest.raises(BackupUnusable, match="directory"):
        store.reset()


def test_reset_starts_over(prefix: Path) -> None:
    with BackupStore(prefix, batch_size=2) as store:
        store.append_keys([b"a", b"b", b"c"])
        store.seal()
        store.append(REWRITE, vectors(0))
        store.reset(batch_size=1)
        assert (store.key_count, store.is_sealed, store.count(REWRITE)) == (0, False, 0)
        store.append_keys([b"d", b"e"])
        store.append(REWRITE, vectors(1))
        assert list(store.iter_keys()) == [(b"d",), (b"e",)]
        assert list(store.iter_batches(REWRITE)) == [vectors(1)]


# ---------------------------------------------------------------- setting aside


def test_setting_aside_renames_everything_and_overwrites_nothing(prefix: Path) -> None:
    stale = []
    with BackupStore(prefix) as store:
        for number in range(3):
            store.append_keys([b"key"])
            store.seal()
            store.append(REWRITE, vectors(number))
            backup_file(prefix, "header").write_text(f'{{"format": {number}}}')
            stale.append(store.set_aside("20250101T000000Z"))
            assert (store.key_count, store.count(REWRITE)) == (0, 0)
    assert len(set(stale)) == 3
    assert all(path.name.startswith(f"{prefix.name}.20250101T000000Z") for path in stale)
    assert all(path.name.endswith(".stale") for path in stale)
    for number, path in enumerate(stale):
        assert isinstance(path, Path)
        assert list(BackupStore(path).iter_batches(REWRITE)) == [vectors(number)]
        assert backup_file(path, "header").read_text() == f'{{"format": {number}}}'
    assert len(list(prefix.parent.iterdir())) == 9


def test_a_stamp_cannot_lead_elsewhere(prefix: Path) -> None:
    with pytest.raises(ValueError, match="file name"):
        BackupStore(prefix).set_aside("../elsewhere")


# ---------------------------------------------------------------- misuse


def test_a_batch_that_is_too_large_says_what_to_do(prefix: Path) -> None:
    many = 3_000_000
    with BackupStore(prefix) as store, pytest.raises(BackupUnusable, match="smaller batch size"):
        store.append(REWRITE, Batch((b"",) * many, {"field": Column(b"", [0] * many)}))
    assert not list(prefix.parent.iterdir())


def test_a_column_of_another_length_is_refused(prefix: Path) -> None:
    with BackupStore(prefix) as store, pytest.raises(ValueError, match="2 rows"):
        store.append(REWRITE, Batch((b"a", b"b"), {"field": Column.of([b"x"])}))


def test_opening_and_checking_a_backup_reads_its_headers_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once to find the end, once with every byte; afterwards what it holds is known, however often it is asked."""
    prefix, number = backup_prefix(tmp_path, "many"), 30
    with BackupStore(prefix, batch_size=2) as store:
        for row in range(number):
            store.append_keys([b"d:%d" % row, b"e:%d" % row])
            store.append(REWRITE, Batch((b"d:%d" % row,), {"v": Column.of([b"x" * row])}))
        store.seal()
        saved = {REWRITE: store.count(REWRITE)}
        expected = ExpectedBackup(saved, store.key_count, store.digest(saved), (b"d:", b"e:"))
    parsed: list[int] = []
    parse = Record.parse

    def count(header: Mapping[str, Any], length: int) -> Record:
        parsed.append(length)
        return parse(header, length)

    monkeypatch.setattr(Record, "parse", count)
    with BackupStore(prefix) as store:
        store.sync()
        store.verify(expected)
        for _ in range(5):
            assert (store.count(REWRITE), store.key_count, store.key_batches) == (number, 2 * number, number)
            assert store.is_sealed
    assert len(parsed) == 2 * (number + number + 1)
