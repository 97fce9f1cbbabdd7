"""A batch whose backups are at the URL of a storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import read_state


def test_a_batch_is_killed_resumed_and_rolled_back(
    fieldfare: CommandLine, load: Any, server: Server, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        load(name)
    original = read_state(server)
    url = f"file://{tmp_path}/storage"
    planned = fieldfare("batch-plan", "--indexes", "first,second", "--schema-patch", "patch.yaml")
    assert planned.code == 0, planned.stderr

    killed = fieldfare("batch-apply", "--accept-data-loss", "--backup-dir", url, crash_at="rewrite:finished:2")
    assert killed.code == -9, killed
    refused = fieldfare("batch-resume", "--accept-data-loss", "--backup-dir", f"{url}/other")
    assert refused.code == 4
    assert url in refused.stderr
    resumed = fieldfare("batch-resume", "--accept-data-loss", "--backup-dir", url)
    assert resumed.code == 0, resumed.stderr
    assert read_state(server) != original

    back = fieldfare("batch-rollback", "--yes")
    assert back.code == 0, back.stderr
    assert read_state(server) == original


def test_a_url_with_a_password_is_refused(fieldfare: CommandLine, load: Any, tmp_path: Path) -> None:
    load("first")
    assert fieldfare("batch-plan", "--indexes", "first", "--schema-patch", "patch.yaml").code == 0
    refused = fieldfare("batch-apply", "--accept-data-loss", "--backup-dir", "sftp://joe:hunter2@localhost/backups")
    assert refused.code == 2
    assert "would hold it" in refused.stderr
    assert "hunter2" not in refused.stdout + refused.stderr
    assert not list(tmp_path.glob("*state*"))


def test_a_batch_is_resumed_and_rolled_back_by_other_workers(
    fieldfare: CommandLine, load: Any, server: Server, tmp_path: Path
) -> None:
    """The processes that it was begun with may be gone."""
    load("first")
    original = read_state(server)
    assert fieldfare("batch-plan", "--indexes", "first", "--schema-patch", "patch.yaml").code == 0
    options = ("--accept-data-loss", "--backup-dir", f"file://{tmp_path}/storage")
    killed = fieldfare("batch-apply", *options, "--workers", "2", crash_at="rewrite:progress:1")
    assert killed.code == -9, killed
    both = fieldfare("batch-resume", *options, "--workers", "2", "--executor", "processes:1")
    assert both.code == 2
    assert "give one of them" in both.stderr
    unknown = fieldfare("batch-resume", *options, "--executor", "grid://gone")
    assert (unknown.code, "no plugin knows it" in unknown.stdout + unknown.stderr) == (3, True), unknown
    resumed = fieldfare("batch-resume", *options, "--retry-failed", "--workers", "1")
    assert resumed.code == 0, resumed.stderr
    assert read_state(server) != original
    assert fieldfare("batch-rollback", "--yes", "--executor", "grid://gone").code == 3
    assert fieldfare("batch-rollback", "--yes").code == 3, "the executor is that of the last attempt"
    back = fieldfare("batch-rollback", "--yes", "--executor", "processes:1")
    assert back.code == 0, back.stderr
    assert read_state(server) == original
