"""Commands that a user may lack, or a server: the rest goes on, and what cannot be known is said."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.app import run
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import IndexNotFound, Interrupted, UnsupportedServer
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_snapshot
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.testing.digest import read_state
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed

DATATYPE: Final = {
    "version": 1,
    "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]},
}
PATCH: Final = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
RAW: Final = re.compile(r"NOPERM|(?i:no permissions|unknown command|traceback)|search 2\.0\.0")


def fill(server: Server, *options: str, count: int = 30) -> None:
    """Write documents, and create an index with a synonym group and an alias."""
    for row in range(count):
        vector = struct.pack("<4f", row + 1, 1, -row, 0.5)
        server.command("HSET", f"doc:{row}", "title", f"about {row}", "price", row, "embedding", vector)
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:"),
        *options,
        *("SCHEMA", "title", "TEXT", "PHONETIC", "dm:en"),
        *("price", "NUMERIC", "embedding", "VECTOR", "HNSW", 8, "TYPE", "FLOAT32", "DIM", 4),
        *("DISTANCE_METRIC", "L2", "EF_RUNTIME", 33),
    )
    server.command("FT.SYNUPDATE", "articles", "group", "about", "on")
    server.command("FT.ALIASADD", "news", "articles")
    wait_until_indexed(server)


@pytest.fixture
def limited(server: Server, redis_url: str) -> Iterator[Server]:
    """The same server, for a user who may do everything, until a test takes something away."""
    server.command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all")
    with connect(redis_url.replace("://", "://limited:pw@")) as opened:
        yield opened
    server.command("ACL", "DELUSER", "limited")


class Program:
    """The program, in this process."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._url, self._capsys = url, capsys

    def __call__(self, line: tuple[str, ...], *, as_limited: bool = False) -> tuple[int, str]:
        """Run a command; return its exit code and what it wrote."""
        self._capsys.readouterr()
        url = self._url.replace("://", "://limited:pw@") if as_limited else self._url
        code = run([*line, "--url", url])
        out, err = self._capsys.readouterr()
        return code, out + err


@pytest.fixture
def program(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patch.yaml").write_text(PATCH)
    return Program(redis_url, capsys)


@pytest.mark.parametrize(
    ("denied", "warning"),
    [
        ("-ft._list", "which other indexes there are"),
        ("-ft.syndump", "may not read the synonym groups"),
        ("-ft.aggregate", ""),
        ("-ft.cursor", ""),
        ("-module", ""),
        ("-info", "a restart of the server during the run cannot be noticed"),
        ("-info -module -command", "may not read the version of the search module"),
        ("-config -ft.config", ""),
        ("-ft.explain", "PHONETIC of title"),
        ("-ft.debug", "EF_RUNTIME, EPSILON of embedding"),
        ("-eval -evalsha -script", ""),
        ("-@scripting", ""),
        ("-@transaction", ""),
        ("-acl -client", ""),
    ],
)
@pytest.mark.usefixtures("limited")
def test_a_migration_goes_on_with_what_is_left(denied: str, warning: str, server: Server, program: Program) -> None:
    fill(server)
    before = read_state(server)
    plan = ("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--alias", "news")
    assert program(plan)[0] == 0
    server.command("SCRIPT", "FLUSH")
    if server.capabilities.has_search((8, 0, 0)):
        denied = denied.replace("ft.debug", "_ft.debug")
    server.command("ACL", "SETUSER", "limited", *denied.split())
    commands: list[tuple[str, ...]] = [
        (*plan, "--plan-out", "of_limited.yaml"),
        ("apply", "--backup-dir", "backup"),
        ("validate",),
        ("rollback", "--backup-dir", "backup"),
    ]
    written = ""
    for command in commands:
        code, output = program(command, as_limited=True)
        assert code == 0, output
        written += output
    assert warning in written
    assert RAW.search(written) is None
    assert read_state(server) == before
    assert read_snapshot(server, "news").synonyms == {"group": ("about", "on")}


def test_commands_that_the_server_has_not(private_server: PrivateServer, tmp_path: Path) -> None:
    renamed = [
        each for name in ("EVAL", "EVALSHA", "SCRIPT", "INFO", "MODULE") for each in ("--rename-command", name, "")
    ]
    url = private_server(renamed).url
    with connect(url) as server:
        fill(server)
        assert not server.capabilities.knows_search_version
        before = read_state(server)
        plan = MigrationPlanner().create_plan_from_patch("news", schema_patch=DATATYPE, server=server)
        executor = MigrationExecutor()
        assert executor.apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED
        assert executor.rollback(server=server, backup_dir=tmp_path).result is Result.ROLLED_BACK
        assert read_state(server) == before
        assert server.command("KEYS", "fieldfare:*") == []


@pytest.mark.parametrize("denied", [("-ft.aggregate",), ("-ft.cursor",), ("-scan",)])
def test_documents_that_a_filter_leaves_out_stay_as_they_are(
    denied: tuple[str, ...], limited: Server, server: Server, tmp_path: Path
) -> None:
    fill(server, "FILTER", "@price < 20")
    server.command("ACL", "SETUSER", "limited", *denied)
    plan = MigrationPlanner().create_plan_from_patch("articles", schema_patch=DATATYPE, server=limited)
    report = MigrationExecutor().apply(plan, server=limited, backup_dir=tmp_path, batch_size=7)
    assert report.result is Result.SUCCEEDED
    lengths = [len(server.command("HGET", f"doc:{row}", "embedding")) for row in range(30)]
    assert lengths == [8] * 20 + [16] * 10


def test_neither_a_cursor_nor_a_scan(limited: Server, server: Server, tmp_path: Path) -> None:
    fill(server)
    plan = MigrationPlanner().create_plan_from_patch("news", schema_patch=DATATYPE, server=server)
    before = read_state(server)
    server.command("ACL", "SETUSER", "limited", "-ft.aggregate", "-scan")
    with pytest.raises(CommandNotAllowed, match=r"\+scan is missing, and in its place \+ft\.aggregate"):
        MigrationExecutor().apply(plan, server=limited, backup_dir=tmp_path)
    assert read_state(server) == before


def test_rights_that_hold_for_some_indexes_only(server: Server, redis_url: str, tmp_path: Path) -> None:
    """A selector allows reading the index; everything else is allowed on other keys."""
    if server.capabilities.has_search((8, 0, 0)):
        pytest.skip("search 8 asks for no rights on names of indexes")
    fill(server)
    plan = MigrationPlanner().create_plan_from_patch("news", schema_patch=DATATYPE, server=server)
    before = read_state(server)
    server.command(
        *("ACL", "SETUSER", "limited", "on", ">pw", "~doc:*", "~fieldfare:*", "+@all"),
        "(~articles ~news +ft.info +ft.search +ft.syndump +ft.aggregate +ft.cursor +ft.explain)",
    )
    try:
        with (
            connect(redis_url.replace("://", "://limited:pw@")) as limited,
            pytest.raises(CommandNotAllowed, match=r"may not use 'articles' with FT\.\w+: the right ~articles"),
        ):
            MigrationExecutor().apply(plan, server=limited, backup_dir=tmp_path)
    finally:
        server.command("ACL", "DELUSER", "limited")
    assert read_state(server) == before


def test_a_rollback_of_nothing_drops_nothing(limited: Server, server: Server, tmp_path: Path) -> None:
    fill(server)
    plan = MigrationPlanner().create_plan_from_patch("news", schema_patch=DATATYPE, server=server)
    stop = StopRequest()
    stop.set()
    with pytest.raises(Interrupted):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, stop=stop)
    server.command("ACL", "SETUSER", "limited", "-ft.dropindex")
    assert MigrationExecutor().rollback(server=limited, backup_dir=tmp_path).result is Result.NOTHING_TO_DO


@pytest.mark.usefixtures("limited")
def test_an_unknown_version_is_tried_before_the_drop(server: Server, redis_url: str, tmp_path: Path) -> None:
    fill(server)
    before = read_state(server)
    server.command("ACL", "SETUSER", "limited", "-info", "-module")
    patch: dict[str, Any] = {
        "version": 1,
        "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "int8"}}]},
    }
    with connect(redis_url.replace("://", "://limited:pw@")) as again:
        plan = MigrationPlanner(accept_recall_loss=True).create_plan_from_patch(
            "news", schema_patch=patch, server=again
        )
        assert plan.supported, plan.blocked_reasons
        if server.capabilities.indexes("int8"):
            assert MigrationExecutor().apply(plan, server=again, backup_dir=tmp_path).result is Result.SUCCEEDED
            return
        with pytest.raises(UnsupportedServer, match="an unknown search") as refused:
            MigrationExecutor().apply(plan, server=again, backup_dir=tmp_path)
    assert RAW.search(str(refused.value)) is None
    assert read_state(server) == before


def test_indexes_that_cannot_be_listed_are_not_said_to_be_none(limited: Server, server: Server) -> None:
    fill(server)
    server.command("ACL", "SETUSER", "limited", "-ft._list")
    with pytest.raises(IndexNotFound, match="may not list indexes") as missing:
        read_snapshot(limited, "nobody")
    assert missing.value.known is None


def test_an_index_that_may_not_be_read_is_named(limited: Server, server: Server) -> None:
    fill(server)
    server.command("FT.CREATE", "secret", "PREFIX", 2, "doc:", "hidden:", "SCHEMA", "embedding", "TAG")
    server.command("ACL", "SETUSER", "limited", "resetkeys", "~articles", "~news", "~doc:*", "~fieldfare:*")
    plan = MigrationPlanner().create_plan_from_patch("news", schema_patch=DATATYPE, server=limited)
    assert any("'secret'" in warning and "overlooked" in warning for warning in plan.warnings)


@pytest.mark.parametrize("rights", ["-watch", "-multi", "-exec"])
def test_a_lock_needs_scripts_or_transactions(rights: str, limited: Server, server: Server, tmp_path: Path) -> None:
    fill(server)
    plan = MigrationPlanner().create_plan_from_patch("news", schema_patch=DATATYPE, server=server)
    before = read_state(server)
    server.command("ACL", "SETUSER", "limited", "-eval", rights)
    with pytest.raises(CommandNotAllowed, match=rf"\+eval is missing, and in its place \+{rights[1:]}"):
        MigrationExecutor().apply(plan, server=limited, backup_dir=tmp_path)
    assert read_state(server) == before
    assert server.command("KEYS", "fieldfare:*") == [], "no lock is left behind"
