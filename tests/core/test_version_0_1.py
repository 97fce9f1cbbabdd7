"""Backups, plans and reports of version 0.1, which had other names for tags, notes and keys, are still good."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Final

import pytest

from fieldfare import encode_query
from fieldfare.backup import CONCURRENT_INSERTS, CONCURRENT_UPDATES, OVERWRITTEN, VectorBackup
from fieldfare.definition.reply import mapping
from fieldfare.engine.index import create_index
from fieldfare.migration import MigrationExecutor, MigrationValidator, load_migration_plan
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed

DATA: Final = Path(__file__).parents[1] / "data/version_0_1"
UPDATED: Final = struct.pack("<4f", 1, 2, 3, 4)
"""What an application wrote to doc:03 while the index was dropped."""

Documents = dict[str, dict[str, bytes]]


def read_json(path: Path) -> Documents:
    documents = json.loads(path.read_text())
    return {key: {name: bytes.fromhex(value) for name, value in fields.items()} for key, fields in documents.items()}


def read_server(server: Server) -> Documents:
    keys = sorted(server.command("KEYS", "doc:*"))
    return {key.decode(): mapping(server.command("HGETALL", key)) for key in keys}


def begin(state: str, server: Server, tmp_path: Path) -> tuple[MigrationPlan, Path]:
    """Bring the server and a backup directory to where version 0.1 left them."""
    for key, fields in read_json(DATA / state / "documents.json").items():
        server.command("HSET", key, *(part for pair in fields.items() for part in pair))
    plan = load_migration_plan(DATA / state / "plan.yaml")
    if state == "finished":
        create_index(server, plan.target, plan.source.synonyms, plan.source.aliases)
        wait_until_indexed(server, plan.target.name)
    return plan, Path(shutil.copytree(DATA / state / "backups", tmp_path / "backups"))


def assert_restored(server: Server, report: MigrationReport, added: str | None = None) -> None:
    expected = read_json(DATA / "originals.json")
    expected["doc:03"]["embedding"] = UPDATED
    found = read_server(server)
    if added is not None:
        assert len(found.pop(added)["embedding"]) == len(UPDATED)
    assert found == expected
    assert report.result is Result.ROLLED_BACK
    assert report.validation.schema_match
    assert server.command("FT.INFO", "current")


def test_an_interrupted_run_is_resumed_and_rolled_back(server: Server, tmp_path: Path) -> None:
    plan, backup_dir = begin("interrupted", server, tmp_path)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=backup_dir, verify="full")
    assert report.result is Result.SUCCEEDED
    assert {len(fields["embedding"]) for fields in read_server(server).values()} == {8}
    assert [note.kind for note in report.notes] == ["updated during the run"]
    assert_restored(server, MigrationExecutor().rollback(server=server, backup_dir=backup_dir))


def test_a_finished_run_is_validated_and_rolled_back(server: Server, tmp_path: Path) -> None:
    plan, backup_dir = begin("finished", server, tmp_path)
    again = MigrationExecutor().apply(plan, server=server, backup_dir=backup_dir)
    assert again.result is Result.NOTHING_TO_DO
    checked = MigrationValidator().validate(plan, server=server, backup_dir=backup_dir, verify="full")
    assert checked.validation.passed
    details = {finding.name: finding.data for finding in checked.validation.findings}
    assert details["documents_updated"] == {"converted": 1, "unchanged": 0}
    assert details["documents_added"] == {"documents": 1, "unconverted": 0}
    assert_restored(server, MigrationExecutor().rollback(server=server, backup_dir=backup_dir), added="doc:90")


def test_a_rollback_that_was_interrupted_is_resumed(server: Server, tmp_path: Path) -> None:
    _, backup_dir = begin("half_rolled_back", server, tmp_path)
    report = MigrationExecutor().rollback(server=server, backup_dir=backup_dir)
    assert_restored(server, report, added="doc:90")
    assert "updated since the run" in {note.kind for note in report.notes}


@pytest.mark.parametrize(
    ("former", "tag"), [("late", CONCURRENT_UPDATES), ("added", CONCURRENT_INSERTS), ("superseded", OVERWRITTEN)]
)
def test_tags_are_read_by_both_names(former: str, tag: str) -> None:
    backup = VectorBackup.load(DATA / "half_rolled_back/backups/migration_backup_idx")
    assert list(backup.iter_batches(former)) == list(backup.iter_batches(tag)) != []


def test_a_report_says_what_queries_must_be() -> None:
    vector = encode_query([1.0, 2.0, 3.0, 4.0], DATA / "finished/report.yaml", "embedding")
    assert struct.unpack("<4e", vector) == (1.0, 2.0, 3.0, 4.0)
