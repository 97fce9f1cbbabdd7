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
