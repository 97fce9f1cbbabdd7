"""The output of commands: tables, lists, JSON, units."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fieldfare.cli.output import bullets, notice, show, show_json, table
from fieldfare.support.units import bytes_text, seconds_text


def test_a_table_outside_a_terminal_is_as_wide_as_it_needs() -> None:
    long = "x" * 300
    assert table(["Name", "Detail"], [["[b]a[/b]", long], ["b", ""]]) == (f"Name      Detail\n[b]a[/b]  {long}\nb")


def test_an_empty_list_has_no_title() -> None:
    assert bullets("Warnings:", []) == []
    assert bullets("Warnings:", ["a"]) == ["Warnings:", "- a"]


def test_names_that_are_not_utf8_are_kept_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    show_json({"indexes": [name], "key": b"caf\xe9"})
    read = json.loads(capsys.readouterr().out)
    assert read["indexes"][0].encode("utf-8", "surrogateescape") == b"caf\xe9"
    assert read["key"] == name


def test_a_closed_pipe_changes_nothing() -> None:
    script = (
        "import sys; sys.stdin.readline()\n"
        "from fieldfare.cli.output import show\n"
        "show('a' * 100_000); show('b'); sys.exit(4)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(b"go\n")
    assert (process.returncode, err) == (4, b"")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.50 KB"), (768 * 4 * 10**6, "2.86 GB"), (-2048, "-2.00 KB")],
)
def test_bytes_as_text(count: int, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0123, "0.012 s"), (4.2, "4.2 s"), (65.4, "1 min 5 s")])
def test_durations_as_text(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_lists_break_between_words_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "'embedding': float16 keeps about 3 significant digits of values-up-to 65504"
    assert bullets("Warnings:", [line]) == ["Warnings:", f"- {line}"]
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show("\n".join(bullets("Warnings:", [line, "one\ntwo"])))
    assert capsys.readouterr().out.splitlines() == [
        "Warnings:",
        "- 'embedding': float16 keeps about 3",
        "  significant digits of values-up-to",
        "  65504",
        "- one",
        "  two",
    ]


def test_labels_have_colours_in_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = "Error: a\nWarning: b\nNext: c\nError"
    notice(text)
    assert capsys.readouterr().err == f"{text}\n"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    notice(text)
    coloured = capsys.readouterr().err
    assert coloured == "\x1b[1;31mError\x1b[0m: a\n\x1b[33mWarning\x1b[0m: b\n\x1b[36mNext\x1b[0m: c\nError\n"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
        notice(text)
        assert capsys.readouterr().err == f"{text}\n"
        monkeypatch.setenv(name, "")
