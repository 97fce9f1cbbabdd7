"""The guide's way of reading a backup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fieldfare.backup import REWRITE, BackupStore, VectorBackup, backup_file, backup_prefix
from fieldfare.documents import Batch, Column
from fieldfare.errors import BackupCorrupt, BackupUnusable


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    prefix = backup_prefix(tmp_path, "my:index")
    with BackupStore(prefix) as store:
        columns = {"vec": Column.of([b"\x00\x01", b"\x02\x03", None]), "näme": Column.of([b"", None, None])}
        store.append(REWRITE, Batch((b"doc:1", b"doc:\xff", b"doc:3"), columns))
        store.append("acme.redact-0a1b2c3d", Batch((b"doc:1",), {"email": Column.of([b"a@b.c"])}))
        store.append(REWRITE, Batch((b"doc:4",), {"vec": Column.of([b"\x04\x05"])}))
    header = {"format": 1, "phase": "ready", "dump_completed_batches": 2}
    backup_file(prefix, "header").write_text(json.dumps(header))
    return prefix


@pytest.mark.parametrize("name", ["migration_backup_my:index", "migration_backup_my_index", ""])
def test_the_loop_of_the_guide_gives_every_original(prefix: Path, name: str) -> None:
    backup = VectorBackup.load(str(prefix.with_name(name or prefix.name)))
    written = {}
    for keys, originals in backup.iter_batches():
        for key in keys:
            if key in originals:
                for field_name, original_bytes in originals[key].items():
                    written[key, field_name] = original_bytes
    assert written == {
        (b"doc:1", "vec"): b"\x00\x01",
        (b"doc:1", "näme"): b"",
        (b"doc:\xff", "vec"): b"\x02\x03",
        (b"doc:4", "vec"): b"\x04\x05",
    }
    assert [keys for keys, _ in backup.iter_batches()] == [(b"doc:1", b"doc:\xff", b"doc:3"), (b"doc:4",)]
    assert backup.header["phase"] == "ready"


def test_originals_of_a_plugin_are_read_by_its_step(prefix: Path) -> None:
    backup = VectorBackup.load(prefix)
    assert list(backup.iter_batches("acme.redact-0a1b2c3d")) == [((b"doc:1",), {b"doc:1": {"email": b"a@b.c"}})]


def test_a_backup_that_lacks_batches_is_refused(prefix: Path) -> None:
    path = backup_file(prefix, "data")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(BackupUnusable, match="1 of 2 batches"):
        list(VectorBackup.load(prefix).iter_batches())
    path.write_bytes(content[:-1] + b"\x00")
    with pytest.raises(BackupCorrupt):
        list(VectorBackup.load(prefix).iter_batches())
    path.unlink()
    with pytest.raises(BackupUnusable, match="0 of 2 batches"):
        list(VectorBackup.load(prefix).iter_batches())


def test_a_backup_without_its_header_is_refused(prefix: Path) -> None:
    backup_file(prefix, "header").unlink()
    with pytest.raises(BackupUnusable, match="no such backup"):
        VectorBackup.load(prefix)


def test_a_header_of_another_program_is_refused(prefix: Path) -> None:
    backup_file(prefix, "header").write_text('{"phase": "ready"}')
    with pytest.raises(BackupUnusable, match="did not write it"):
        VectorBackup.load(prefix)


def test_a_missing_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="no such backup"):
        VectorBackup.load(tmp_path / "migration_backup_myindex")
