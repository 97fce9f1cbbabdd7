"""Ctrl-C, and the question before a rollback."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from select import select
from textwrap import dedent
from typing import TypeAlias

import pytest

from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.installation import install_plugin
from terminal import read_screen, run_in_terminal

Interrupted: TypeAlias = Callable[..., Outcome]

PRESS_AGAIN_SECONDS = 10
COUNT = 60
PATCH = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
APPLY = ("apply", "--backup-dir", "backup", "--batch-size", "10")
WAYS = pytest.mark.parametrize("more", [(), ("--async",)], ids=["plain", "async"])

SENDER = """
import os, signal, threading
from fieldfare import hookimpl
from fieldfare.cli import signals

told, heard = signals.notice, threading.Event()

def notice(text):
    told(text)
    heard.set()

signals.notice = notice

@hookimpl
def fieldfare_step_report(report):
    if (report.activity, report.moment) == (os.environ.get("INTERRUPT_AT"), "progress") and not heard.is_set():
        for _ in range(int(os.environ["INTERRUPT_TIMES"])):
            os.kill(os.getpid(), signal.SIGINT)
            heard.wait(60)  # with --async it is another thread that hears
"""


@pytest.fixture
def environment(redis_url: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A planned migration, and a plugin that presses Ctrl-C."""
    server.bulk([("HSET", f"doc:{row}", "embedding", struct.pack("<2f", row, 1)) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2"),
    )
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patch.yaml").write_text(PATCH)
    assert run(["plan", "--index", "articles", "--schema-patch", "patch.yaml"]) == 0
    (tmp_path / "interrupt_plugin.py").write_text(dedent(SENDER))
    return {**os.environ, "PYTHONPATH": str(install_plugin(tmp_path, "interrupt", "interrupt_plugin"))}


@pytest.fixture
def interrupted(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Interrupted:
    """Applies the plan, and presses Ctrl-C at a moment so many times."""

    def apply(moment: str, times: int, *more: str) -> Outcome:
        monkeypatch.setenv("INTERRUPT_AT", moment)
        monkeypatch.setenv("INTERRUPT_TIMES", str(times))
        return CommandLine(environment["FIELDFARE_URL"], tmp_path, tmp_path)(*APPLY, *more)

    return apply


@WAYS
def test_ctrl_c_finishes_the_batch_and_names_the_command_to_resume(
    interrupted: Interrupted, server: Server, more: tuple[str, ...]
) -> None:
    before = database_digest(server), index_state(server)
    stopped = interrupted("rewrite", 1, *more)
    assert stopped.code == 130
    assert "Stopping after the current batch" in stopped.stderr
    assert "failed: interrupted" in stopped.stderr
    assert "fieldfare apply --plan migration_plan.yaml --backup-dir" in stopped.stderr
    assert "fieldfare rollback --backup-dir" in stopped.stderr
    assert run(APPLY) == 0
    assert server.command("HGET", "doc:7", "embedding") == struct.pack("<2e", 7, 1)
    assert run(["rollback", "--backup-dir", "backup"]) == 0
    assert (database_digest(server), index_state(server)) == before


@WAYS
def test_ctrl_c_before_anything_is_changed(interrupted: Interrupted, server: Server, more: tuple[str, ...]) -> None:
    before = database_digest(server), index_state(server)
    stopped = interrupted("dump", 1, *more)
    assert stopped.code == 130
    assert "nothing was changed" in stopped.stderr.lower()
    assert (database_digest(server), index_state(server)) == before
    assert run(APPLY) == 0


@WAYS
def test_a_second_ctrl_c_stops_at_once(interrupted: Interrupted, server: Server, more: tuple[str, ...]) -> None:
    before = database_digest(server), index_state(server)
    stopped = interrupted("rewrite", 2, *more)
    assert stopped.code == 130
    assert "Traceback" not in stopped.stderr
    assert run(APPLY) == 0
    assert run(["rollback", "--backup-dir", "backup"]) == 0
    assert (database_digest(server), index_state(server)) == before


@pytest.mark.parametrize(("answer", "code", "index"), [("n", 1, b"FLOAT16"), ("y", 0, b"FLOAT32")])
def test_in_a_terminal_rollback_asks(
    environment: dict[str, str], server: Server, answer: str, code: int, index: bytes
) -> None:
    assert run(APPLY) == 0
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, f"{answer}\n{answer}\n".encode())
        done, again = (
            subprocess.run(
                [sys.executable, "-m", "fieldfare", "rollback", "--backup-dir", "backup"],
                env=environment,
                stdin=terminal,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            for _ in range(2)
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert done.returncode == code
    assert "Roll back the migration recorded in backup? [y/N]" in done.stderr
    assert index in repr(server.command("FT.INFO", "articles")).encode()
    if answer == "y":
        assert "[y/N]" not in again.stderr, "what is done already is not asked about"
        assert "Nothing to do: everything is rolled back" in again.stdout


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_at_the_question_of_a_rollback_ctrl_c_changes_nothing(
    environment: dict[str, str], server: Server, key: bytes
) -> None:
    assert run(APPLY) == 0
    program, screen = pty.fork()
    if not program:  # in a session of its own, so that the terminal can send signals
        os.execve(  # noqa: S606 - the program itself, without a shell
            sys.executable, [sys.executable, "-m", "fieldfare", "rollback", "--backup-dir", "backup"], environment
        )
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(screen, 65536)
    os.write(screen, key)
    while True:
        if not select([screen], [], [], PRESS_AGAIN_SECONDS)[0]:
            os.write(screen, key)  # Python can miss a signal between its last check and its wait for a key
        elif chunk := read_screen(screen):
            shown += chunk
        else:
            break
    os.close(screen)
    assert os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]) == 130
    assert b"Interrupted. Nothing was changed." in shown
    assert b"Internal error" not in shown
    assert "FLOAT16" in repr(server.command("FT.INFO", "articles"))


def test_in_a_terminal_apply_asks_before_the_index_becomes_unavailable(
    environment: dict[str, str], server: Server
) -> None:
    code, shown = run_in_terminal(*APPLY, environment=environment, typed="y\n")
    assert code == 1, "only yes is yes"
    assert "~ field 'embedding': datatype: float32 → float16" in shown
    assert "The index cannot be queried during a part of the run." in shown
    assert "Information is lost that only the backup can restore." in shown
    assert "Nothing was changed." in shown
    assert "FLOAT32" in repr(server.command("FT.INFO", "articles"))
    code, shown = run_in_terminal(*APPLY, environment=environment, typed="yes\n")
    assert code == 0
    assert "FLOAT16" in repr(server.command("FT.INFO", "articles"))


def test_a_run_that_is_resumed_is_not_asked_about_again(interrupted: Interrupted, environment: dict[str, str]) -> None:
    assert interrupted("rewrite", 1).code == 130
    code, shown = run_in_terminal(*APPLY, environment=environment, typed="")
    assert code == 0
    assert "Apply this plan?" not in shown


def test_in_a_terminal_bars_are_drawn_without_colour_if_asked(environment: dict[str, str], server: Server) -> None:
    del server
    code, drawn = run_in_terminal(*APPLY, environment={**environment, "COLUMNS": "120"})
    assert code == 0
    assert "Back up originals: done, 60 docs in " in drawn
    assert "\x1b[3" not in drawn, "a colour"
