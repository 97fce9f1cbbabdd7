"""Aliases on a server that lists them (FT.ALIASLIST, search 8.10): none is lost, and no warning is needed.

The servers of the extra ``embedded`` lack the command: here a server answers it as RediSearch's AliasListCommand does,
and passes everything else to a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoScriptError, ResponseError

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import StalePlan
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_snapshot
from fieldfare.server.pipeline import exchange
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed
from resp_server import serve

HELLO = {"server": "redis", "version": "8.10.0", "mode": "standalone", "role": "master", "modules": []}
SORTABLE = {"version": 1, "changes": {"update_fields": [{"name": "t", "attrs": {"sortable": True}}]}}
RENAME = {"version": 1, "changes": {"index": {"name": "j"}}}


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def newer(request: pytest.FixtureRequest, server: Server, redis_url: str) -> Iterator[Server]:
    """Give a connection to a server that lists aliases, with an index that has two."""
    server.bulk([("HSET", f"d:{row}", "t", f"word{row}") for row in range(20)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    wait_until_indexed(server, "i")
    with (
        Redis.from_url(redis_url, protocol=2) as older,
        Redis.from_url(redis_url, protocol=3) as recent,
        serve(listing_aliases({2: older, 3: recent}), HELLO) as url,
        connect(f"{url}?protocol={request.param}") as opened,
    ):
        opened.command("FT.ALIASADD", "news", "i")
        opened.command("FT.ALIASADD", "größe", "i")
        yield opened


def listing_aliases(clients: dict[int, Redis]) -> Callable[[list[str], int], Any]:
    aliases: dict[str, str] = {}

    def answer(words: list[str], protocol: int) -> Any:
        name = words[0].upper()
        if name == "FT.ALIASLIST":
            return {alias for alias, index in aliases.items() if index == words[1]}
        reply = exchange(clients[protocol], [tuple(word.encode("utf-8", "surrogateescape") for word in words)])[0]
        if not isinstance(reply, ResponseError):
            if name in {"FT.ALIASADD", "FT.ALIASUPDATE"}:
                aliases[words[1]] = words[2]
            elif name == "FT.ALIASDEL":
                del aliases[words[1]]
            elif name == "FT.DROPINDEX":
                for alias in [each for each, index in aliases.items() if index == words[1]]:
                    del aliases[alias]
        # redis-py cuts this word off
        return ResponseError(f"NOSCRIPT {reply}") if isinstance(reply, NoScriptError) else reply

    return answer


def plan_of(server: Server, patch: dict[str, Any]) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch("i", schema_patch=patch, server=server)


@pytest.mark.parametrize("patch", [SORTABLE, RENAME], ids=["sortable", "rename"])
def test_all_aliases_are_kept_without_being_named(newer: Server, patch: dict[str, Any], tmp_path: Path) -> None:
    before = database_digest(newer), index_state(newer)
    plan = plan_of(newer, patch)
    assert plan.source.aliases == ("größe", "news")
    assert not [line for line in plan.warnings if "alias" in line]
    MigrationExecutor().apply(plan, server=newer, backup_dir=tmp_path)
    assert read_snapshot(newer, plan.target.name).aliases == ("größe", "news")
    assert read_snapshot(newer, "news").definition.name == plan.target.name
    MigrationExecutor().rollback(server=newer, backup_dir=tmp_path)
    assert read_snapshot(newer, "i").aliases == ("größe", "news")
    assert (database_digest(newer), index_state(newer)) == before


def test_an_alias_that_was_added_after_the_plan_makes_it_stale(newer: Server, tmp_path: Path) -> None:
    plan = plan_of(newer, SORTABLE)
    newer.command("FT.ALIASADD", "late", "i")
    with pytest.raises(StalePlan, match="aliases: größe, news planned for, größe, late, news now"):
        MigrationExecutor().apply(plan, server=newer, backup_dir=tmp_path)
    assert read_snapshot(newer, "i").aliases == ("größe", "late", "news")


def test_an_index_without_aliases_needs_no_warning(newer: Server) -> None:
    newer.command("FT.ALIASDEL", "news")
    newer.command("FT.ALIASDEL", "größe")
    plan = plan_of(newer, SORTABLE)
    assert plan.source.aliases == ()
    assert not [line for line in plan.warnings if "alias" in line]


def test_elsewhere_they_are_still_to_be_named(server: Server) -> None:
    if server.capabilities.search_version >= (8, 10, 0):
        pytest.skip("this server lists aliases")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    server.command("FT.ALIASADD", "news", "i")
    assert read_snapshot(server, "i").aliases == ()
    assert [line for line in plan_of(server, SORTABLE).warnings if "name each alias of this index with --alias" in line]
