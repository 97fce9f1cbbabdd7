"""Untrusted names on a terminal."""

from __future__ import annotations

import sys

import pytest

from fieldfare.cli.output import notice, show, show_json, table
from fieldfare.cli.styles import styled
from fieldfare.support.escape import UNSHOWABLE, escape_line, escape_text, style_sequence

ESCAPES = (
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[H",
    "\x1b[8m",
    "a\rb",
    "a\x08b",
    "\x00",
    "\x7f",
    "\x9b2J",
    "\u202egnp.exe",
    "\u2066x",
)


@pytest.mark.parametrize("name", ESCAPES)
def test_control_sequences_are_escaped(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for write in (show, notice):
        write(f"Index {name} of ünïcode 😀")
    show(table(["Name"], [[name]]))
    out, err = capsys.readouterr()
    for told in (out, err):
        assert all(character == "\n" or character.isprintable() for character in told), told
        assert "ünïcode 😀" in told


def test_json_is_not_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"name": ESCAPES[0]})
    assert "\\u001b]0;title\\u0007" in capsys.readouterr().out


def test_a_name_cannot_add_rows_to_a_table() -> None:
    assert table(["Name", "Status"], [["a\nEverything was rolled back.", "failed"]]).count("\n") == 1
    assert escape_line("a\tb\nc") == "a\\tb\\nc"


def test_our_own_formatting_is_kept_in_a_terminal() -> None:
    bold, red, end = map(style_sequence, ("1", "1;31", "0"))
    text = f"{bold}Name{end}\n\tü: {red}1{end}\n"
    assert escape_text(text, with_styles=True) == "\x1b[1mName\x1b[0m\n\tü: \x1b[1;31m1\x1b[0m\n"
    assert "\x1b" not in escape_text(text)


def test_a_name_has_no_colours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    name = "\x1b[31mred\x1b[0m"
    show(table(["Name"], [[name]]))
    notice(f"Error: no index {name}, {styled('bold', 'bold')}")
    out, err = capsys.readouterr()
    assert out.splitlines() == ["\x1b[1mName\x1b[0m", "\\x1b[31mred\\x1b[0m"]
    assert err == "\x1b[1;31mError\x1b[0m: no index \\x1b[31mred\\x1b[0m, \x1b[1mbold\x1b[0m\n"
    assert escape_text("\x1b[8mhidden\x1b[38;5;1m", with_styles=True) == "\\x1b[8mhidden\\x1b[38;5;1m"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", rb"a -> \u4e00\udcff"), ("utf-8", b"a \xe2\x86\x92 \xe4\xb8\x80" + rb"\udcff")]
)
def test_what_a_terminal_cannot_show_is_spelled_out(encoding: str, shown: bytes) -> None:
    assert "a → 一\udcff".encode(encoding, UNSHOWABLE) == shown
