"""The pages of the site that are made from the sources, and those that quote them."""

from __future__ import annotations

import os
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import typer

from command_reference import command_reference
from fieldfare.cli.app import build_app
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import MigrationReport, Result
from fieldfare.report.file import report_to_dict
from terminal_session import PICTURES, RECORDINGS, Session, record

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCES = "".join(
    path.read_text() for part in ("core/fieldfare", "plugins") for path in sorted((ROOT / part).glob("**/*.py"))
)
TORTURE = bool(os.environ.get("TORTURE"))


def shown(picture: Path) -> list[str]:
    """Return the lines of a recorded terminal."""
    texts = re.findall(r'<text class="session-r\d+" x="[^"]*" y="([^"]*)"[^>]*>(.*?)</text>', picture.read_text())
    lines: dict[str, str] = {}
    for row, text in texts:
        lines[row] = lines.get(row, "") + unescape(text)
    return [line.replace("\xa0", " ").rstrip() for line in lines.values()]


def test_command_reference_has_every_command_and_every_option() -> None:
    page = command_reference()
    program: Any = typer.main.get_command(build_app(load_plugins()))
    sections = dict(re.findall(r"^## `fieldfare (\S+)`(.+?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert sections.keys() == program.commands.keys()
    server = page.partition("## Which server?")[2].partition("## ")[0]
    for name, command in program.commands.items():
        documented = set(re.findall(r"--?[a-z][a-z-]*", sections[name] + server))
        options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
        assert {name for each in options for name in each.opts} <= documented, name


def test_messages_of_the_troubleshooting_page_are_those_of_the_program() -> None:
    sources = re.sub(r'"\s*f?"', "", SOURCES)
    messages = re.findall(r"^### `(.+)`$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(messages) > 10
    unknown = [message for message in messages for part in message.split("…") if part.strip(" :") not in sources]
    assert unknown == []


def test_every_key_of_a_report_is_documented() -> None:
    report = MigrationReport("a", "b", Result.SUCCEEDED, "", "", "", "")
    rows = re.findall(r"^\| (`.+?) \|", (DOCS / "report-file.md").read_text(), re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == report_to_dict(report).keys()


def test_every_finding_of_the_kernel_is_documented() -> None:
    found = set(re.findall(r'\bFinding\(\s*"(\w+)"', SOURCES))
    assert len(found) > 8
    page = (DOCS / "validation.md").read_text() + (DOCS / "doctor.md").read_text()
    assert {name for name in found if f"| `{name}` |" not in page} == set()


@pytest.mark.parametrize(("name", "session"), RECORDINGS.items(), ids=RECORDINGS)
def test_recorded_session_has_its_commands_and_loads_nothing_from_elsewhere(name: str, session: Session) -> None:
    lines = shown(PICTURES / name)
    typed = "".join(line.removeprefix("> ") for line in lines)
    for command in session.commands:
        assert command.replace("\n", "") in typed
    assert sum(line.endswith("Killed") for line in lines) == 1, "behind the bars, which have no line end"
    assert "url(http" not in (PICTURES / name).read_text()
    assert "session-" not in "".join(lines), "the directory of a recording is shown as ~"


@pytest.mark.skipif(not TORTURE or shutil.which("tmux") is None, reason="TORTURE=1 runs it; it needs tmux")
@pytest.mark.parametrize(("name", "session"), RECORDINGS.items(), ids=RECORDINGS)
def test_recorded_session_is_what_the_commands_show_today(name: str, session: Session) -> None:
    def same_each_time(lines: list[str]) -> list[str]:
        """Leave out figures, and the bars, which are killed at another moment each time."""
        killed = next(row for row, line in enumerate(lines) if line.endswith("Killed"))
        done = max((row for row, line in enumerate(lines[:killed]) if ": done" in line), default=killed - 1)
        return [re.sub(r"\d+|\s+", "", line) for line in (*lines[: done + 1], *lines[killed + 1 :]) if line.strip()]

    assert same_each_time(shown(PICTURES / name)) == same_each_time(record(session).plain.splitlines())
