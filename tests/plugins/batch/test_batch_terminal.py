"""A batch in a real terminal: progress bars, and the confirmation of a rollback."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fieldfare.testing.commandline import CommandLine
from fieldfare_batch.state import Status
from fieldfare_batch.state_file import load_state
from terminal import run_in_terminal


def run_batch(fieldfare: CommandLine, *arguments: str, typed: str | None = None) -> tuple[int, str]:
    """Run a command in a terminal; return its exit code and what was drawn."""
    environment = {**os.environ, "FIELDFARE_URL": fieldfare.url, "COLUMNS": "100"}
    return run_in_terminal(*arguments, environment=environment, directory=fieldfare.directory, typed=typed)


@pytest.fixture
def planned(fieldfare: CommandLine, load: Any) -> CommandLine:
    for name in ("a", "b", "c"):
        load(name)
    assert fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--pattern", "*").code == 0
    return fieldfare


def test_one_bar_for_the_batch(planned: CommandLine) -> None:
    code, drawn = run_batch(planned, "batch-apply", "--backup-dir", "backups", "--accept-data-loss")
    assert code == 0, drawn
    assert "Indexes" in drawn
    assert "3/3" in drawn
    assert "\nc " in drawn.replace("\r", "").replace("\x1b[2K", ""), "a running index has a bar"


@pytest.mark.parametrize(("answer", "code", "count"), [("n\n", 1, 0), ("y\n", 0, 3)])
def test_rollback_asks(planned: CommandLine, answer: str, code: int, count: int) -> None:
    assert planned("batch-apply", "--backup-dir", "backups", "--accept-data-loss").code == 0
    ended, drawn = run_batch(planned, "batch-rollback", typed=answer)
    assert ended == code
    assert "a batch of 3 indexes? [y/N]" in drawn
    state = load_state(planned.directory / "batch_state.yaml")
    assert len(state.with_status(Status.ROLLED_BACK)) == count
