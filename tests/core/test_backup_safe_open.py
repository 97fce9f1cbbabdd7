"""Files of a backup that somebody swapped for something else: never followed, never waited for, never written to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldfare.backup import (
    REWRITE,
    BackupStore,
    VectorBackup,
    backup_file,
    backup_prefix,
    lock_backup,
    open_directory,
    read_header,
)
from fieldfare.backup.journal import Journal
from fieldfare.backup.manifest import read_manifest, write_manifest
from fieldfare.documents import Batch, Column
from fieldfare.errors import BackupCorrupt, BackupUnusable

DOCUMENT = Batch((b"doc:1",), {"v": Column.of([b"1"])})


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    directory = tmp_path / "backup"
    directory.mkdir()
    return backup_prefix(directory, "index")


def link(path: Path, treasure: Path) -> None:
    path.symlink_to(treasure)


def dangling(path: Path, treasure: Path) -> None:
    path.symlink_to(treasure.with_name("not there"))


def device(path: Path, treasure: Path) -> None:
    del treasure
    path.symlink_to("/dev/zero")


def pipe(path: Path, treasure: Path) -> None:
    del treasure
    os.mkfifo(path)


def hold(prefix: Path) -> None:
    with lock_backup(prefix):
        pass


def append(prefix: Path) -> None:
    with BackupStore(prefix) as store:
        store.append(REWRITE, DOCUMENT)


def capture(prefix: Path) -> None:
    with BackupStore(prefix) as store:
        store.append_keys([b"doc:1"])
        store.seal()


OPENINGS: list[tuple[str, Callable[[Path], object]]] = [
    ("header", lambda prefix: read_header(backup_file(prefix, "header"))),
    ("header", lambda prefix: Journal.load(backup_file(prefix, "header"))),
    ("header", lambda prefix: open_directory(prefix.parent)),
    ("header", lambda prefix: open_directory(prefix.parent, index="index")),
    ("manifest", read_manifest),
    ("keys", capture),
    ("keys", lambda prefix: BackupStore(prefix).verify()),
    ("data", append),
    ("data", lambda prefix: BackupStore(prefix).verify()),
    ("data", BackupStore.recover),
    ("lock", hold),
]


@pytest.mark.parametrize("plant", [link, dangling, device, pipe])
@pytest.mark.parametrize(("ending", "opening"), OPENINGS)
def test_links_pipes_and_devices_are_refused(
    ending: str, opening: Callable[[Path], object], plant: Callable[[Path, Path], None], prefix: Path, tmp_path: Path
) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_text("mine")
    plant(backup_file(prefix, ending), treasure)
    with pytest.raises(BackupUnusable, match="not a regular file"):
        opening(prefix)
    assert treasure.read_text() == "mine"
    assert not (tmp_path / "not there").exists()


def test_a_shard_that_is_a_link_is_refused(prefix: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_bytes(b"mine")
    write_manifest(prefix, [range(1), range(1, 2)], batch_size=1, keys=2)
    backup_file(prefix, "shard-1.data").symlink_to(treasure)
    store = BackupStore(prefix)
    store.shards[0].append(REWRITE, DOCUMENT)
    with pytest.raises(BackupUnusable, match="not a regular file"):
        store.shards[1].append(REWRITE, DOCUMENT)
    with pytest.raises(BackupUnusable, match="not a regular file"):
        store.verify()
    assert treasure.read_bytes() == b"mine"


def test_a_link_in_place_of_the_note_of_the_holder_is_replaced_not_followed(prefix: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_text("mine")
    backup_file(prefix, "lock.json").symlink_to(treasure)
    hold(prefix)
    assert treasure.read_text() == "mine"


def test_what_is_removed_or_set_aside_is_the_link_and_not_what_it_leads_to(prefix: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_text("mine")
    for ending in ("data", "keys", "header"):
        backup_file(prefix, ending).symlink_to(treasure)
    BackupStore(prefix).set_aside("20250101")
    assert sorted(path.name.rpartition(".")[2] for path in prefix.parent.iterdir()) == ["data", "header", "keys"]
    backup_file(prefix, "data").symlink_to(treasure)
    BackupStore(prefix).reset()
    assert treasure.read_text() == "mine"


@pytest.mark.parametrize(
    "content",
    [
        '{"format": 1, "format": 1}',
        '{"format": 1, "phase": {"a": 1, "a": 2}}',
        '{"format": 1' + "0" * 400 + "}",
        '{"format": 1, "deep": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"format": 1',
        "[]",
        "\udcff\udcfe",
    ],
)
def test_json_that_fieldfare_does_not_write_is_refused(prefix: Path, content: str) -> None:
    for ending in ("header", "manifest"):
        backup_file(prefix, ending).write_text(content, errors="surrogateescape")
    with pytest.raises(BackupUnusable):
        VectorBackup.load(prefix)
    with pytest.raises(BackupCorrupt):
        read_manifest(prefix)


def test_a_file_far_too_large_is_refused_unread(prefix: Path) -> None:
    for ending in ("header", "manifest"):
        path = backup_file(prefix, ending)
        path.touch()
        os.truncate(path, 2**40)  # sparse
    for read in (lambda: Journal.load(backup_file(prefix, "header")), lambda: read_manifest(prefix)):
        with pytest.raises(BackupUnusable, match="larger than"):
            read()


@pytest.mark.parametrize(
    "shards",
    [
        None,
        5,
        [5],
        [{"file": "shard-0.data"}],
        [{"file": "shard-0.data", "batches": "ab", "keys": [0, 1]}],
        [{"file": "shard-0.data", "batches": [0, 1.5], "keys": [0, 1]}],
        [{"file": "shard-0.data", "batches": [0, True], "keys": [0, 1]}],
        [{"file": "shard-0.data", "batches": [1, 2], "keys": [0, 1]}],
        [{"file": "shard-0.data", "batches": [0, 0], "keys": [0, 1]}],
        [{"file": "shard-0.data", "batches": [0, -1], "keys": [0, 1]}],
        [{"file": "../shard-0.data", "batches": [0, 1], "keys": [0, 1]}],
        [{"file": f"shard-{n}.data", "batches": [0, 1], "keys": [0, 1]} for n in (0, 1)],
    ],
)
def test_a_manifest_with_a_sound_checksum_that_makes_no_sense_is_corrupt(prefix: Path, shards: object) -> None:
    write_manifest(prefix, [range(1)], batch_size=1, keys=1)
    content = json.loads(backup_file(prefix, "manifest").read_text())
    content["shards"] = shards
    signed(backup_file(prefix, "manifest"), content)
    with pytest.raises(BackupCorrupt):
        read_manifest(prefix)


def signed(path: Path, content: dict[str, object]) -> None:
    from hashlib import sha256  # noqa: PLC0415 - of this one place

    content.pop("checksum", None)
    content["checksum"] = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(content))


def test_shards_that_lost_their_manifest_are_not_continued(prefix: Path) -> None:
    with BackupStore(prefix, batch_size=1) as store:
        store.append_keys([b"doc:1", b"doc:2"])
        store.seal()
        store.split(2)
        store.shards[0].append(REWRITE, DOCUMENT)
    backup_file(prefix, "manifest").unlink()
    with BackupStore(prefix, batch_size=1) as store:
        store.split(2)
        assert [shard.batch_counts for shard in store.shards] == [{}, {}]


def test_a_backup_of_thousands_is_opened_without_a_look_at_the_others(tmp_path: Path) -> None:
    for number in range(3):
        backup_file(backup_prefix(tmp_path, f"other{number}"), "header").write_text("not JSON")
    assert open_directory(tmp_path, index="mine") == tmp_path
    with pytest.raises(BackupUnusable, match="other0"):
        open_directory(tmp_path, index="other0")
    with pytest.raises(BackupUnusable, match="is unusable"):
        open_directory(tmp_path)
