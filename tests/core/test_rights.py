"""Every rule on the page of rights: enough for its command, and not one right too many."""

from __future__ import annotations

import os
import struct
from contextlib import nullcontext
from pathlib import Path
from typing import Final
from zlib import crc32

import pytest
from attrs import frozen

from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.server.lock import IndexLock
from fieldfare.testing.digest import read_state
from fieldfare.testing.indexing import wait_until_indexed

PAGE: Final = Path(__file__).parents[2] / "docs" / "rights.md"
USER: Final = "limited"
PASSWORD: Final = "pw"  # noqa: S105 - of a user that lives for a test

ADD_FIELD: Final = "  add_fields:\n    - {name: kind, type: tag}\n"
RENAME: Final = "  rename_fields:\n    - {old_name: title, new_name: headline}\n"
PREFIX: Final = "  index: {prefix: 'new:'}\n"
QUANTIZE: Final = "  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"

PLAN: Final = ("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--alias", "news")
APPLY: Final = ("apply", "--backup-dir", "backup")
ALTER: Final = (*PLAN, "--mode", "alter")
SHADOW: Final = (*PLAN, "--mode", "shadow")
SHADOW_OF_ALIAS: Final = ("plan", "--index", "news", "--schema-patch", "patch.yaml", "--mode", "shadow")
BUILD: Final = (*APPLY, "--no-switch")
ROLLBACK: Final = ("rollback", "--backup-dir", "backup", "--yes")
BATCH_PLAN: Final = ("batch-plan", "--pattern", "*", "--schema-patch", "patch.yaml", "--alias", "news")
BATCH_APPLY: Final = ("batch-apply", "--backup-dir", "backup", "--accept-data-loss")


@frozen
class Command:
    """A command line, and those that a user with all rights runs before it.

    Attributes:
        line: the command.
        changes: of the patch.
        before: commands of the user with all rights.
        json: whether the documents are JSON.
        locked: whether another migration holds the index ``more`` during the commands before.
    """

    line: tuple[str, ...]
    changes: str = ADD_FIELD
    before: tuple[tuple[str, ...], ...] = ()
    json: bool = False
    locked: bool = False


COMMANDS: Final = {
    "list": Command(("list",)),
    "info": Command(("info", "--index", "articles", "--alias", "news")),
    "plan": Command(PLAN),
    "plan that renames a field": Command(PLAN, RENAME),
    "plan that moves a prefix": Command(PLAN, PREFIX),
    "plan that converts vectors": Command(PLAN, QUANTIZE),
    "plan with shadow": Command(SHADOW),
    "apply": Command(APPLY, before=(PLAN,)),
    "apply that renames a field": Command(APPLY, RENAME, before=(PLAN,)),
    "apply that renames a field, JSON": Command(APPLY, RENAME, before=(PLAN,), json=True),
    "apply that moves a prefix": Command(APPLY, PREFIX, before=(PLAN,)),
    "apply that converts vectors": Command(APPLY, QUANTIZE, before=(PLAN,)),
    "apply that converts vectors, without scripts": Command(APPLY, QUANTIZE, before=(PLAN,)),
    "apply with alter": Command(APPLY, before=(ALTER,)),
    "apply with shadow": Command(APPLY, before=(SHADOW,)),
    "apply with shadow, of an alias": Command(APPLY, before=(SHADOW_OF_ALIAS,)),
    "apply with shadow that converts vectors": Command(APPLY, QUANTIZE, before=(SHADOW_OF_ALIAS,)),
    "apply with shadow that moves a prefix": Command(APPLY, PREFIX, before=(SHADOW_OF_ALIAS,)),
    "sync": Command(("sync", "--backup-dir", "backup"), QUANTIZE, before=(SHADOW_OF_ALIAS, APPLY)),
    "switch": Command(("switch", "--backup-dir", "backup"), before=(SHADOW, BUILD)),
    "finalize": Command(("finalize", "--backup-dir", "backup", "--yes"), before=(SHADOW_OF_ALIAS, APPLY)),
    "cleanup": Command(("cleanup", "--yes"), before=(SHADOW, BUILD)),
    "cleanup --fields": Command(("cleanup", "--fields", "--yes"), QUANTIZE, before=(SHADOW, BUILD)),
    "validate": Command(("validate", "--backup-dir", "backup"), before=(PLAN, APPLY)),
    "compare": Command(("compare", "--index", "articles", "--against", "more", "--min-overlap", "0")),
    "doctor": Command(("doctor", "--index", "articles")),
    "rollback": Command(ROLLBACK, before=(PLAN, APPLY)),
    "rollback that renames a field": Command(ROLLBACK, RENAME, before=(PLAN, APPLY)),
    "rollback that renames a field, JSON": Command(ROLLBACK, RENAME, before=(PLAN, APPLY), json=True),
    "rollback that moves a prefix": Command(ROLLBACK, PREFIX, before=(PLAN, APPLY)),
    "rollback that converts vectors": Command(ROLLBACK, QUANTIZE, before=(PLAN, APPLY)),
    "rollback with alter": Command(ROLLBACK, before=(ALTER, APPLY)),
    "rollback with shadow": Command(ROLLBACK, before=(SHADOW, APPLY)),
    "rollback with shadow, of an alias": Command(ROLLBACK, before=(SHADOW_OF_ALIAS, APPLY)),
    "batch-plan": Command(BATCH_PLAN),
    "batch-apply": Command(BATCH_APPLY, QUANTIZE, before=(BATCH_PLAN,)),
    "batch-resume": Command(
        ("batch-resume", "--retry-failed", "--backup-dir", "backup", "--accept-data-loss"),
        QUANTIZE,
        before=((*BATCH_PLAN, "--failure-policy", "continue_on_error"), BATCH_APPLY),
        locked=True,
    ),
}


def rules() -> dict[str, list[str]]:
    """Return the rights of each rule on the page, by the heading above it."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("### "):
            heading = line[4:].replace("`", "")
        elif line.startswith("ACL SETUSER"):
            found[heading] = line.split()[5:]
    return found


RULES: Final = rules()
NAMES: Final = {"~articles", "~articles__v*", "~news", "~news__v*", "~more"}
DOCUMENTS: Final = {"~articles": "~doc:*", "~more": "~more:*"}
"""The name of each index, and the right on its documents."""

PAIRS: Final = [(name, right) for name, rule in RULES.items() for right in rule]
TRIED: Final = PAIRS if os.environ.get("TORTURE") else [pair for pair in PAIRS if crc32(repr(pair).encode()) % 6 == 0]
"""Each right of each rule, or every sixth of them."""


class Limited:
    """A user with few rights, and a database with two indexes."""

    def __init__(self, server: Server, url: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._server, self._url, self._directory, self._capsys = server, url, directory, capsys

    def prepare(self, command: Command) -> None:
        """Write documents, create the indexes, and run the commands of the user with all rights."""
        fill(self._server, json=command.json)
        (self._directory / "patch.yaml").write_text(f"version: 1\nchanges:\n{command.changes}")
        for line in command.before:
            with IndexLock(self._server, "more", backup_dir="elsewhere") if command.locked else nullcontext():
                code, output = self.run(line, self._url)
                assert code == 0 or command.locked, output
        self._server.command("SCRIPT", "FLUSH")

    def run(self, line: tuple[str, ...], url: str) -> tuple[int, str]:
        """Run a command in this process; return its exit code and what it wrote."""
        self._capsys.readouterr()
        code = run([*line, "--url", url] if line[0] not in {"estimate", "status"} else line)
        out, err = self._capsys.readouterr()
        return code, out + err

    @property
    def needs_documents(self) -> bool:
        """Whether the server looks at the rights on documents in place of those on names."""
        return self._server.capabilities.has_search((8, 0, 0))

    def rule(self, name: str) -> list[str]:
        """Return the rights of a rule on this server."""
        rule = RULES[name]
        added = [right for index, right in DOCUMENTS.items() if index in rule and right not in rule]
        return [*rule, *added] if self.needs_documents else rule

    def run_with(self, command: Command, rights: list[str]) -> tuple[int, str]:
        """Run the command as a user with these rights alone."""
        self._server.command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", *rights)
        try:
            return self.run(command.line, self._url.replace("://", f"://{USER}:{PASSWORD}@"))
        finally:
            self._server.command("ACL", "DELUSER", USER)


def fill(server: Server, *, json: bool) -> None:
    """Write documents, and create two indexes; one has a synonym group and an alias."""
    for prefix in ("doc:", "more:"):
        for row in range(12):
            vector = [float(row + 1), 1.0, -float(row), 0.5]
            if json:
                server.command("JSON.SET", f"{prefix}{row}", "$", f'{{"title": "about {row}", "embedding": {vector}}}')
            else:
                packed = struct.pack("<4f", *vector)
                server.command("HSET", f"{prefix}{row}", "title", f"about {row}", "embedding", packed)
    title, embedding = ("$.title", "$.embedding") if json else ("title", "embedding")
    for index, prefix in (("articles", "doc:"), ("more", "more:")):
        server.command(
            *("FT.CREATE", index, "ON", "JSON" if json else "HASH", "PREFIX", 1, prefix, "SCHEMA"),
            *(title, "AS", "title", "TEXT", embedding, "AS", "embedding", "VECTOR", "FLAT", 6),
            *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2"),
        )
    server.command("FT.SYNUPDATE", "articles", "group", "about", "on")
    server.command("FT.ALIASADD", "news", "articles")
    wait_until_indexed(server)


@pytest.fixture
def limited(
    server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Limited:
    monkeypatch.chdir(tmp_path)
    return Limited(server, redis_url, tmp_path, capsys)


def test_every_command_has_a_rule() -> None:
    assert list(RULES) == list(COMMANDS)


@pytest.mark.parametrize("name", RULES)
def test_the_rule_is_enough(name: str, limited: Limited) -> None:
    limited.prepare(COMMANDS[name])
    code, output = limited.run_with(COMMANDS[name], limited.rule(name))
    assert code == 0, output


@pytest.mark.parametrize(("name", "right"), TRIED)
def test_no_right_is_too_many(name: str, right: str, limited: Limited, server: Server) -> None:
    if right in NAMES and limited.needs_documents:
        pytest.skip("search 8 asks for no rights on names of indexes")
    limited.prepare(COMMANDS[name])
    before = read_state(server)
    code, output = limited.run_with(COMMANDS[name], [each for each in limited.rule(name) if each != right])
    assert code in {1, 4}, output
    assert read_state(server) == before
    # search 8 does not say which prefix of the index it is
    assert right in output or (limited.needs_documents and right.startswith("~") and "~PREFIX*" in output)
    assert "NOPERM" not in output


def test_with_the_optional_rights_nothing_is_unknown(limited: Limited) -> None:
    rows = [
        right
        for line in PAGE.read_text().splitlines()
        if line.startswith("| `+")
        for right in line.split("`")[1].split()
    ]
    if limited.needs_documents:
        rows = ["+_ft.debug" if right == "+ft.debug" else right for right in rows]
    limited.prepare(COMMANDS["plan"])
    code, output = limited.run_with(COMMANDS["plan"], [*limited.rule("plan"), "~more", "~more:*", *rows])
    assert code == 0, output
    unknown = [line for line in output.splitlines() if "may not" in line or "not allowed" in line]
    # search 8 has a setting for FT.DEBUG besides the right
    assert not [line for line in unknown if not (limited.needs_documents and "FT.DEBUG" in line)]
