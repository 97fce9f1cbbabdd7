"""Backups as objects in a storage: what a crash leaves, what damage is found, who may write."""

from __future__ import annotations

import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import fsspec
import pytest
from fsspec.registry import _registry

from fieldfare.backup import (
    REWRITE,
    BackupStore,
    ExpectedBackup,
    backup_file,
    backup_prefix,
    open_directory,
    segment_file,
    write_durably,
)
from fieldfare.backup.safe_open import read_bytes
from fieldfare.documents import Batch, Column
from fieldfare.errors import BackupCorrupt, BackupUnusable, LockLost, StoragePackageMissing, UsageError
from fieldfare.storage import StoragePath, backup_location, claim_session
from fieldfare.storage.object_name import ObjectName
from fieldfare.support.fault_points import listen


@pytest.fixture
def url() -> str:
    return f"memory://{secrets.token_hex(8)}"


def prefix_at(url: str) -> StoragePath:
    """As another process sees it: nothing is known yet."""
    prefix = backup_prefix(url, "index")
    assert isinstance(prefix, StoragePath)
    return prefix


def vectors(number: int, rows: int = 4, width: int = 6) -> Batch:
    """A batch whose content follows from its number."""
    block = bytes((number * 31 + place) % 256 for place in range(rows * width))
    return Batch(tuple(b"doc:%d:%d" % (number, row) for row in range(rows)), {"vec": Column(block, [width] * rows)})


def write(url: str, *numbers: int, tag: str = REWRITE) -> None:
    """Write batches, one segment each."""
    with BackupStore(prefix_at(url)) as store:
        for number in numbers:
            store.append(tag, vectors(number))
            store.sync()


def objects(url: str, ending: str = "data") -> list[str]:
    """The paths of the objects of a file, in order."""
    folder = f"{url}/{prefix_at(url).file(ending).name}"
    memory = fsspec.filesystem("memory")
    return sorted(memory.find(folder)) if memory.exists(folder) else []


def overwrite(path: str, content: bytes) -> None:
    fsspec.filesystem("memory").pipe_file(path, content)


def content_of(path: str) -> bytes:
    data: bytes = fsspec.filesystem("memory").cat_file(path)
    return data


# ---------------------------------------------------------------- originals


def test_originals_come_back_by_tag_and_in_order(url: str) -> None:
    with BackupStore(prefix_at(url), batch_size=2) as store:
        store.append_keys([b"a", b"b", b"c"])
        store.seal()
        store.append(REWRITE, vectors(0))
        store.append("acme.redact", vectors(1))
        assert list(store.iter_batches(REWRITE)) == [vectors(0)], "also before they are written"
        store.sync()
        store.append(REWRITE, vectors(2))
        store.sync()
        digest = store.digest({REWRITE: 2})

    reopened = BackupStore(prefix_at(url))
    assert list(reopened.iter_keys()) == [(b"a", b"b"), (b"c",)]
    assert (reopened.key_count, reopened.is_sealed, reopened.tags) == (3, True, ("acme.redact", REWRITE))
    assert list(reopened.iter_batches(REWRITE)) == [vectors(0), vectors(2)]
    assert list(reopened.iter_batches(REWRITE, 1)) == [vectors(2)]
    assert list(reopened.iter_batches("acme.redact")) == [vectors(1)]
    assert reopened.digest({REWRITE: 2}) == digest
    reopened.verify(ExpectedBackup({REWRITE: 2}, keys=3, digest=digest))


def test_what_was_not_synced_is_not_in_the_storage(url: str) -> None:
    write(url, 0)
    BackupStore(prefix_at(url)).append(REWRITE, vectors(1))
    assert list(BackupStore(prefix_at(url)).iter_batches(REWRITE)) == [vectors(0)]


def test_a_segment_is_written_when_it_is_large_enough(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    width = 1000
    monkeypatch.setattr(segment_file, "SEGMENT_BYTES", 8 * width)
    with BackupStore(prefix_at(url)) as store:
        for number in range(5):
            store.append(REWRITE, vectors(number, rows=4, width=width))
        assert len(objects(url)) == 2
        store.sync()
    assert len(objects(url)) == 3
    assert BackupStore(prefix_at(url)).count(REWRITE) == 5


def test_several_workers_may_sync_at_the_same_time(url: str) -> None:
    with BackupStore(prefix_at(url)) as store, ThreadPoolExecutor(4) as pool:
        for number in range(10):
            store.append(REWRITE, vectors(number))
            list(pool.map(lambda _: store.sync(), range(4)))
    assert list(BackupStore(prefix_at(url)).iter_batches(REWRITE)) == [vectors(number) for number in range(10)]
    assert len(objects(url)) == 10


def test_reading_one_tag_passes_over_segments_without_it(url: str) -> None:
    write(url, 0, 1, 2)
    write(url, 3, tag="concurrent_updates")
    prefix = prefix_at(url)
    store = BackupStore(prefix)
    assert store.count(REWRITE) == 3
    before = prefix.storage.requests["read"]
    assert list(store.iter_batches("concurrent_updates")) == [vectors(3)]
    assert prefix.storage.requests["read"] == before + 1


def test_a_worker_reads_the_keys_of_its_shard_only(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_file, "SEGMENT_BYTES", 100)
    with BackupStore(prefix_at(url), batch_size=1) as store:
        store.append_keys([b"key-%04d" % number for number in range(30)])
        store.seal()
        store.sync()
        places = store.key_places([0, 7, 20, 29])
    assert len(objects(url, "keys")) > 5
    assert BackupStore(prefix_at(url)).key_places([0, 7, 20, 29]) == places, "also if somebody else wrote them"
    for start, place in zip([0, 7, 20, 29], places, strict=True):
        prefix = prefix_at(url)
        found = list(BackupStore(prefix).iter_keys(start, start + 1, place))
        assert found == [(b"key-%04d" % start,)]
        assert prefix.storage.requests["read"] == 1


def test_workers_write_shards(url: str) -> None:
    with BackupStore(prefix_at(url), batch_size=1) as store:
        store.append_keys([b"a", b"b"])
        store.seal()
        store.split(2)
        for shard in store.shards:
            shard.append(REWRITE, vectors(shard.number))
        store.sync()
    reopened = BackupStore(prefix_at(url))
    assert list(reopened.iter_batches(REWRITE)) == [vectors(0), vectors(1)]
    reopened.reset()
    assert BackupStore(prefix_at(url)).is_empty
    assert not BackupStore(prefix_at(url)).tags


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("kept", [0, 1, 20])
def test_a_last_segment_that_a_crash_cut_short_does_not_count(url: str, kept: int) -> None:
    write(url, 0, 1)
    last = objects(url)[-1]
    overwrite(last, content_of(last)[:kept])

    assert list(BackupStore(prefix_at(url)).iter_batches(REWRITE)) == [vectors(0)]
    write(url, 1, 2)
    assert list(BackupStore(prefix_at(url)).iter_batches(REWRITE)) == [vectors(0), vectors(1), vectors(2)]


def test_a_truncated_object_is_named(url: str) -> None:
    write(url, 0, 1, 2)
    overwrite(objects(url)[1], b"cut")
    with pytest.raises(BackupCorrupt, match=r"00000001-.*truncated.*Restore this file") as raised:
        BackupStore(prefix_at(url)).count(REWRITE)
    assert raised.value.path.endswith(objects(url)[1].rpartition("/")[2])


def test_the_last_object_is_named_if_the_journal_counts_it(url: str) -> None:
    write(url, 0, 1)
    last = objects(url)[-1]
    overwrite(last, b"cut")
    with pytest.raises(BackupCorrupt, match="ends with 1 of 2 batches") as raised:
        BackupStore(prefix_at(url)).verify(ExpectedBackup({REWRITE: 2}))
    assert raised.value.path.endswith(last.rpartition("/")[2])


def test_a_changed_object_is_named(url: str) -> None:
    write(url, 0, 1)
    last = objects(url)[-1]
    overwrite(last, content_of(last)[:-1] + b"?")
    with pytest.raises(BackupCorrupt, match="truncated or changed"):
        BackupStore(prefix_at(url)).verify()


def test_a_missing_object_is_named(url: str) -> None:
    write(url, 0, 1, 2)
    fsspec.filesystem("memory").rm_file(objects(url)[1])
    with pytest.raises(BackupCorrupt, match=r"its object 00000001.*missing"):
        BackupStore(prefix_at(url)).count(REWRITE)


def test_an_object_that_is_removed_while_the_backup_is_open_is_named(url: str) -> None:
    write(url, 0, 1, 2)
    store = BackupStore(prefix_at(url))
    assert store.count(REWRITE) == 3
    fsspec.filesystem("memory").rm_file(objects(url)[1])
    with pytest.raises(BackupCorrupt, match=r"00000001-.*the object was removed during the run"):
        list(store.iter_batches(REWRITE))


def test_foreign_objects_do_not_matter(url: str) -> None:
    write(url, 0)
    overwrite(f"{objects(url)[0].rpartition('/')[0]}/readme.txt", b"hello")
    assert list(BackupStore(prefix_at(url)).iter_batches(REWRITE)) == [vectors(0)]


# ---------------------------------------------------------------- small files


def test_a_small_file_is_replaced_by_a_further_object(url: str) -> None:
    header = prefix_at(url).file("header")
    for content in (b"one", b"two", b"three"):
        write_durably(header, content)
        assert read_bytes(prefix_at(url).file("header")) == content
        assert len(objects(url, "header")) == 1


def crash(point: str) -> None:
    raise KeyboardInterrupt(point)


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        ("storage.write:before", b"old"),
        ("storage.write:written", b"new"),
        ("storage.write:after", b"new"),
        ("storage.remove:before", b"new"),
        ("storage.remove:after", b"new"),
    ],
)
def test_a_crash_leaves_the_old_content_or_the_new_one(url: str, moment: str, kept: bytes) -> None:
    write_durably(prefix_at(url).file("header"), b"old")
    listen(lambda point: crash(point) if point == f"open:{moment}" else None)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_durably(prefix_at(url).file("header"), b"new")
    finally:
        listen(None)
    assert read_bytes(prefix_at(url).file("header")) == kept
    write_durably(prefix_at(url).file("header"), b"newer")
    assert read_bytes(prefix_at(url).file("header")) == b"newer"
    assert len(objects(url, "header")) == 1


def test_a_version_that_a_crash_cut_short_does_not_count(url: str) -> None:
    write_durably(prefix_at(url).file("header"), b"old")
    cut = ObjectName.of(b"newer", series=1, number=1, session=2)
    overwrite(f"{objects(url, 'header')[0].rpartition('/')[0]}/{cut}", b"new")
    assert read_bytes(prefix_at(url).file("header")) == b"old"


@pytest.mark.parametrize("numbers", [[0], [0, 1]])
def test_a_first_version_that_a_crash_cut_short_does_not_count(url: str, numbers: list[int]) -> None:
    for number in numbers:
        cut = ObjectName.of(b"content", series=1, number=number, session=1)
        overwrite(f"{url}/{prefix_at(url).file('header').name}/{cut}", b"con")
    with pytest.raises(FileNotFoundError):
        read_bytes(prefix_at(url).file("header"))
    write_durably(prefix_at(url).file("header"), b"content")
    assert read_bytes(prefix_at(url).file("header")) == b"content"


def test_the_version_in_use_that_is_truncated_is_named(url: str) -> None:
    for content in (b"first", b"content"):
        write_durably(prefix_at(url).file("header"), content)
    overwrite(objects(url, "header")[0], b"con")
    with pytest.raises(BackupCorrupt, match=r"header/0001-.*truncated"):
        read_bytes(prefix_at(url).file("header"))


# ---------------------------------------------------------------- processes


def test_a_process_that_was_replaced_cannot_write_its_journal(url: str) -> None:
    former, latter = prefix_at(url).file("header"), prefix_at(url).file("header")
    write_durably(former, b"former")
    write_durably(latter, b"latter")
    with pytest.raises(LockLost, match="another process wrote"):
        write_durably(former, b"too late")
    assert read_bytes(prefix_at(url).file("header")) == b"latter"


def test_two_processes_that_start_together_do_not_both_write(url: str) -> None:
    one, other = prefix_at(url).file("header"), prefix_at(url).file("header")
    assert one.session == other.session == 1
    write_durably(one, b"one")
    with pytest.raises(LockLost):
        write_durably(other, b"other")


def test_a_process_whose_backup_was_set_aside_cannot_write_its_journal(url: str) -> None:
    former = prefix_at(url).file("header")
    write_durably(former, b"former")
    other = prefix_at(url)
    other.set_aside()
    write_durably(other.file("header"), b"of another server")
    with pytest.raises(LockLost):
        write_durably(former, b"too late")


@pytest.mark.parametrize("_", range(5))
def test_processes_that_start_together_have_different_numbers(url: str, _: int) -> None:
    write_durably(prefix_at(url).file("header"), b"of an earlier session")
    together = Barrier(6)

    def claim(prefix: StoragePath) -> int:
        together.wait()
        return claim_session(prefix)

    prefixes = [prefix_at(url) for _ in range(together.parties)]
    with ThreadPoolExecutor(together.parties) as pool:
        numbers = list(pool.map(claim, prefixes))
    assert len(set(numbers)) == together.parties
    assert min(numbers) == 2
    assert [prefix.session for prefix in prefixes] == numbers
    assert claim_session(prefix_at(url)) == max(numbers) + 1
    assert len(objects(url, "session")) == 1, "only the highest number is kept"


def test_a_version_that_this_process_never_read_is_not_replaced(url: str) -> None:
    """It has the higher number, for it began later, and read before the other one wrote."""
    slow = prefix_at(url).file("header")
    assert not slow.exists()
    write_durably(prefix_at(url).file("header"), b"other")
    claim_session(slow)
    with pytest.raises(LockLost, match="another process wrote"):
        write_durably(slow, b"slow")
    assert read_bytes(prefix_at(url).file("header")) == b"other"


def test_of_two_processes_that_write_together_at_most_one_goes_on(url: str) -> None:
    paths = [prefix_at(url).file("header") for _ in range(4)]
    for path in paths:
        claim_session(path)
    together = Barrier(len(paths))

    def meet(point: str) -> None:
        if point == "open:storage.write:before":
            together.wait()

    def attempt(path: StoragePath) -> bytes | None:
        content = b"%d" % path.session
        try:
            write_durably(path, content)
        except LockLost:
            return None
        return content

    listen(meet)
    try:
        with ThreadPoolExecutor(len(paths)) as pool:
            written = [each for each in pool.map(attempt, paths) if each is not None]
    finally:
        listen(None)
    assert len(written) <= 1
    assert [content_of(each) for each in objects(url, "header")] == written


def test_segments_of_a_process_that_was_replaced_do_not_count(url: str) -> None:
    write(url, 0)
    former, latter = BackupStore(prefix_at(url)), BackupStore(prefix_at(url))
    for store in (former, latter):
        assert store.count(REWRITE) == 1
    former.append(REWRITE, vectors(7))
    former.sync()
    latter.append(REWRITE, vectors(1))
    latter.sync()
    former.append(REWRITE, vectors(8))
    former.sync()
    assert list(BackupStore(prefix_at(url)).iter_batches(REWRITE)) == [vectors(0), vectors(1)]


def test_a_backup_that_is_set_aside_stays_and_does_not_count(url: str) -> None:
    write_durably(prefix_at(url).file("header"), b"first run")
    write(url, 0, 1)
    store = BackupStore(prefix_at(url))
    store.set_aside("20260101T000000Z")
    assert store.is_empty
    write_durably(store.prefix.file("header"), b"second run")  # type: ignore[union-attr]
    store.append(REWRITE, vectors(5))
    store.sync()

    assert read_bytes(prefix_at(url).file("header")) == b"second run"
    assert list(BackupStore(prefix_at(url)).iter_batches(REWRITE)) == [vectors(5)]
    assert len(objects(url)) == 3
    assert len(objects(url, "header")) == 2


# ---------------------------------------------------------------- URLs


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    assert backup_location(tmp_path) == tmp_path
    assert backup_location("backups") == Path("backups")
    assert backup_location("./a:b/c") == Path("a:b/c")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/backups/", "s3://bucket/backups"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("abfs://container@account.dfs.core.windows.net/x", "abfs://container@account.dfs.core.windows.net/x"),
        ("sftp://joe:hunter2@host/x", "sftp://joe:***@host/x"),
        ("sftp://joe:hunt@er/2@host/x", "sftp://joe:***@host/x"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    location = backup_location(url)
    assert str(location) == str(backup_prefix(location, "x").parent) == shown
    assert "hunter2" not in repr(location)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "names no place"),
        ("s3://bucket/x?token=hunter2", "has options"),
        ("simplecache::s3://bucket/x", "chains file systems"),
    ],
)
def test_other_urls_are_refused(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        backup_location(url)
    assert "hunter2" not in str(raised.value)


def test_a_url_that_became_a_path_is_refused() -> None:
    with pytest.raises(UsageError, match="Give it as a str"):
        backup_location(Path("s3://bucket/x"))


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(UsageError, match="fsspec knows no protocol 'nowhere'"):
        open_directory("nowhere://bucket/x")


def test_nothing_at_a_url_is_said(url: str) -> None:
    with pytest.raises(BackupUnusable, match="nothing is stored there"):
        open_directory(url, create=False)


@pytest.mark.parametrize(
    ("protocol", "module", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs"), ("memory", "fsspec", "storage")]
)
def test_a_missing_package_is_named_with_its_extra(
    protocol: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(_registry, protocol, raising=False)  # another test may have used it
    with pytest.raises(StoragePackageMissing, match=rf"pip install 'fieldfare\[{extra}\]'") as raised:
        open_directory(f"{protocol}://bucket/x")
    assert raised.value.exit_code == 4


def test_a_path_imports_no_fsspec(tmp_path: Path) -> None:
    script = (
        "import sys; from fieldfare.backup import BackupStore, backup_prefix, open_directory\n"
        "open_directory(sys.argv[1]); store = BackupStore(backup_prefix(sys.argv[1], 'x'))\n"
        "store.append_keys([b'a']); store.seal(); store.sync(); print('fsspec' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_files_on_a_disk_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    write_durably(backup_file(backup_prefix(f"file://{tmp_path}/deep", "x"), "header"), b"content")
    assert len(synced) == 3, "the file, its folder, and the directory"
