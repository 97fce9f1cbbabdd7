"""What became of the captured documents: asked once, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import ValidationFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Finding, Result
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_definition
from fieldfare.server.key_filter import GONE, find_other_replies
from fieldfare.server.keys import iterate_scan
from fieldfare.testing.indexing import wait_until_indexed
from run_moments import At

COUNT = 2500
"""More keys than one EXISTS of the script names."""


@pytest.fixture(params=["scripts", "no scripts"])
def connection(request: pytest.FixtureRequest, server: Server, redis_url: str) -> Iterator[Server]:
    """A connection of a user who may run scripts, or may not."""
    if request.param == "scripts":
        yield server
        return
    server.command("ACL", "SETUSER", "scriptless", "on", ">secret", "~*", "&*", "+@all", "-@scripting")
    with connect(redis_url.replace("redis://", "redis://scriptless:secret@")) as opened:
        yield opened
    server.command("ACL", "DELUSER", "scriptless")


def findings(
    server: Server, directory: Path, changes: list[dict[str, str]], act: Callable[[], object]
) -> dict[str, Finding]:
    """Rename fields while an application does something before the index is built."""
    patch = {"version": 1, "changes": {"rename_fields": changes}}
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=patch, server=server)
    plugins = load_plugins()
    plugins.register(At("create:started", act), "application")
    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=directory)
    assert report.result is Result.SUCCEEDED
    return {each.name: each for each in report.validation.findings}


@pytest.mark.parametrize("gone", [False, True])
def test_unusual_answers_and_keys_that_do_not_exist(connection: Server, server: Server, *, gone: bool) -> None:
    keys = [b"k:%d" % number for number in range(COUNT)]
    server.bulk([("HSET", key, "other", 1) for key in keys])
    server.command("HSET", "k:7", "field", 1)
    server.command("DEL", "k:8")
    server.command("DEL", "k:1500")
    server.command("DEL", "k:9")
    server.command("SET", "k:9", "text")
    [(asked, found)] = find_other_replies(connection, [keys], "HEXISTS", b"field", usual=b"0", finds_gone=gone)
    assert asked == keys
    assert found.pop(b"k:7") == b"1"
    assert b"WRONGTYPE" in found.pop(b"k:9")
    assert found == ({b"k:8": GONE, b"k:1500": GONE} if gone else {})
    [(_, types)] = find_other_replies(connection, [keys], "TYPE", usual=b"hash")
    assert types == {b"k:8": GONE, b"k:1500": GONE, b"k:9": b"string"}


def test_missing_documents_and_old_names_are_told_apart(connection: Server, server: Server, tmp_path: Path) -> None:
    server.bulk([("HSET", f"d:{row}", "t", f"text {row}", "u", row) for row in range(20)])
    server.command("HSET", "d:without", "u", 1)
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT", "u", "NUMERIC")
    wait_until_indexed(server, "i")

    def meanwhile() -> None:
        server.command("DEL", "d:1")
        server.command("DEL", "d:2")
        server.command("SET", "d:2", "no hash")
        server.command("HSET", "d:3", "t", "written under the old name")
        server.command("DEL", "d:4")
        server.command("HSET", "d:4", "t", "written under the old name alone", "x", 4)

    renames = [{"old_name": "t", "new_name": "text"}, {"old_name": "u", "new_name": "number"}]
    found = findings(connection, tmp_path, renames, meanwhile)

    assert found["documents_deleted"].data == {"documents": 1}
    assert "d:1" in found["documents_deleted"].detail
    assert found["documents_replaced"].data == {"documents": 1}
    assert "d:2" in found["documents_replaced"].detail
    assert found["renamed:text"].data == {"documents": 21, "old_name": 1, "both_names": 1}
    assert "'t' and no 'text': 1 document, such as d:4" in found["renamed:text"].detail
    assert "'t' besides 'text': 1 document, such as d:3" in found["renamed:text"].detail
    assert found["renamed:number"].passed
    assert found["renamed:number"].data == {"documents": 21, "old_name": 0, "both_names": 0}


def test_fields_that_exchange_their_names_are_not_taken_for_old_ones(server: Server, tmp_path: Path) -> None:
    server.bulk([("HSET", f"d:{row}", "a", f"a{row}", "b", f"b{row}") for row in range(20)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "a", "TAG", "b", "TAG")
    wait_until_indexed(server, "i")
    renames = [{"old_name": "a", "new_name": "c"}, {"old_name": "b", "new_name": "a"}]
    found = findings(server, tmp_path, renames, lambda: server.command("DEL", "d:1"))
    assert server.command("HGETALL", "d:5") in ([b"c", b"a5", b"a", b"b5"], {b"c": b"a5", b"a": b"b5"})
    assert found["documents_deleted"].data == {"documents": 1}
    assert found["renamed:a"].data == {"documents": 20, "old_name": 0, "both_names": 0}
    assert "renamed:c" not in found


def test_a_user_who_may_only_ask_for_types_gets_the_other_checks(
    server: Server, redis_url: str, tmp_path: Path
) -> None:
    server.bulk([("HSET", f"d:{row}", "t", f"text {row}") for row in range(20)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    wait_until_indexed(server, "i")
    server.command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@all", "-hgetall")
    with connect(redis_url.replace("redis://", "redis://reader:secret@")) as opened:

        def meanwhile() -> None:
            server.command("DEL", "d:1")
            server.command("ACL", "SETUSER", "reader", "-hexists")

        with pytest.raises(ValidationFailed, match=r"rename:broken: .* may not run HEXISTS") as failed:
            findings(opened, tmp_path, [{"old_name": "t", "new_name": "text"}], meanwhile)
    server.command("ACL", "DELUSER", "reader")
    assert failed.value.report is not None
    found = {each.name: each for each in failed.value.report.validation.findings}
    assert found["documents_deleted"].data == {"documents": 1}
    assert [each.name for each in found.values() if each.fatal] == ["rename:broken"]


def test_values_move_for_a_user_who_may_not_copy_them_with_one_command(
    server: Server, redis_url: str, tmp_path: Path
) -> None:
    server.bulk([("HSET", f"d:{row}", "t", f"text {row}") for row in range(600)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    wait_until_indexed(server, "i")
    server.command("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", "-hsetnx")
    with connect(redis_url.replace("redis://", "redis://limited:secret@")) as opened:
        found = findings(opened, tmp_path, [{"old_name": "t", "new_name": "text"}], lambda: None)
    server.command("ACL", "DELUSER", "limited")
    assert found["renamed:text"].data == {"documents": 600, "old_name": 0, "both_names": 0}
    assert server.bulk([("HMGET", f"d:{row}", "t", "text") for row in range(600)]) == [
        [None, b"text %d" % row] for row in range(600)
    ]


def test_a_scan_that_is_left_early_leaves_no_reply_behind(server: Server) -> None:
    server.bulk([("HSET", f"d:{row}", "t", "text") for row in range(6000)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    wait_until_indexed(server, "i")
    batches = iterate_scan(server, read_definition(server, "i"), 100)
    assert len(next(iter(batches))) == 100
    del batches
    assert server.command("HGET", "d:0", "t") == b"text"
    assert sum(map(len, iterate_scan(server, read_definition(server, "i"), 100))) == 6000
