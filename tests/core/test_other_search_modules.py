"""Servers whose search module is not Redis Search are refused in a sentence that names them and what they lack.

Their replies are those of valkey-search 1.2 (src/index_schema.cc, src/module_loader.cc, src/version.h) and of Amazon
MemoryDB's documentation (vector-search-commands-ft.info).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError

from fieldfare.cli.app import run
from fieldfare.definition.info import parse_info
from fieldfare.errors import UnsupportedServer
from fieldfare.server import connect
from fieldfare.server.inspect import read_definition
from resp_server import Answer, serve

VALKEY_COMMANDS = {"FT.CREATE", "FT.DROPINDEX", "FT.INFO", "FT._LIST", "FT.SEARCH", "FT.AGGREGATE", "FT._DEBUG"}
MEMORYDB_COMMANDS = {
    *("FT.CREATE", "FT.DROPINDEX", "FT.INFO", "FT._LIST", "FT.SEARCH", "FT.AGGREGATE", "FT.EXPLAIN", "FT.PROFILE"),
    *("FT.ALIASADD", "FT.ALIASDEL", "FT.ALIASUPDATE", "FT._ALIASLIST", "JSON.GET"),
}
REDIS_COMMANDS = {"FT.CREATE", "FT.INFO", "FT.ALIASADD", "FT.ALIASUPDATE", "FT.SYNUPDATE", "FT.SYNDUMP", "FT.CURSOR"}
VALKEY_MODULE = {"name": "search", "ver": 0x010201, "path": "/usr/lib/valkey/libsearch.so", "args": []}
VALKEY_INFO = {
    "server": "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.0.1\r\n",
    "modules": "# Modules\r\nmodule:name=search,ver=66049,api=1,filters=0,usedby=[],using=[],options=[]\r\n",
}
VALKEY_FT_INFO: dict[str, Any] = {
    "index_name": "i",
    "index_definition": ["key_type", "HASH", "prefixes", ["d:"], "default_score", "1", "score_field", ""],
    "attributes": [
        [
            *("identifier", "v", "attribute", "v", "user_indexed_memory", 0, "type", "VECTOR", "index"),
            ["capacity", 10240, "dimensions", 4, "distance_metric", "COSINE", "size", "0", "data_type", "FLOAT32"],
        ],
        ["identifier", "t", "attribute", "t", "user_indexed_memory", 0, "type", "TAG", "SEPARATOR", ",", "SIZE", "0"],
    ],
    "num_docs": 0,
    "num_records": 0,
    "hash_indexing_failures": "0",
    "backfill_in_progress": "0",
    "backfill_complete_percent": "1.000000",
    "mutation_queue_size": "0",
    "recent_mutations_queue_delay": "0 sec",
    "state": "ready",
    "language": "english",
}
MEMORYDB_FT_INFO: dict[str, Any] = {
    "index_name": "i",
    "creation_timestamp": 165505,
    "key_type": "HASH",
    "key_prefixes": ["d:"],
    "fields": [["identifier", "v", "field_name", "v", "type", "VECTOR", "option", "", "vector_params", []]],
    "space_usage": 1,
    "num_docs": 0,
    "num_indexed_vectors": 0,
    "current_lag": 0,
    "backfill_status": "COMPLETED",
}
REDIS_INFO = "# Server\r\nredis_version:7.1.0\r\nos:Amazon MemoryDB\r\n"
NOT_ALLOWED = ResponseError("NOPERM this user has no permissions to run this command")


def other_server(
    commands: set[str],
    *,
    info: str | Exception,
    modules: Sequence[Any] | Exception = (),
    command_info: bool = True,
    ft_info: dict[str, Any] | None = None,
) -> Answer:
    def answer(words: list[str], _: int) -> Any:
        name = words[0].upper()
        if name == "COMMAND":
            known = [[each.lower(), -1, [], 1, 1, 1] if each in commands else None for each in words[2:]]
            return known if command_info else NOT_ALLOWED
        unknown = ResponseError(f"ERR unknown command '{name}', with args beginning with:")
        no_index = ResponseError(f"Index with name '{words[-1]}' not found")
        replies = {
            "INFO": info,
            "MODULE": modules,
            "PING": "PONG",
            "FT._LIST": ["i"],
            "FT.INFO": ft_info or (no_index if name in commands else unknown),
        }
        return replies.get(name, unknown)

    return answer


VALKEY_HELLO = {"server": "valkey", "version": "9.0.1", "mode": "standalone", "role": "master", "modules": []}
REDIS_HELLO = {"server": "redis", "version": "7.1.0", "mode": "standalone", "role": "master", "modules": []}
OWN = "Valkey 9.0.1 with the search module 1.2.1, which is Valkey's own"
ALL = "FT.ALIASADD, FT.ALIASUPDATE, FT.SYNUPDATE, FT.SYNDUMP, FT.CURSOR, FT.EXPLAIN"
CASES = {
    "valkey": (other_server(VALKEY_COMMANDS, info="".join(VALKEY_INFO.values())), VALKEY_HELLO, OWN, ALL),
    "valkey, modules by MODULE LIST": (
        other_server(VALKEY_COMMANDS, info=VALKEY_INFO["server"], modules=[VALKEY_MODULE]),
        *(VALKEY_HELLO, OWN, ALL),
    ),
    "valkey, no INFO": (
        other_server(VALKEY_COMMANDS, info=NOT_ALLOWED, modules=[VALKEY_MODULE]),
        *(VALKEY_HELLO, OWN, ALL),
    ),
    "valkey, no MODULE": (
        other_server(VALKEY_COMMANDS, info=VALKEY_INFO["server"], modules=NOT_ALLOWED),
        *(VALKEY_HELLO, "Valkey 9.0.1 with a search module of its own", ALL),
    ),
    "valkey, no COMMAND": (
        other_server(VALKEY_COMMANDS, info="".join(VALKEY_INFO.values()), command_info=False),
        *(VALKEY_HELLO, OWN, "for its FT.INFO"),
    ),
    "memorydb": (
        other_server(MEMORYDB_COMMANDS, info=REDIS_INFO, modules=NOT_ALLOWED),
        *(REDIS_HELLO, "Amazon MemoryDB with a search module of its own", "FT.SYNUPDATE, FT.SYNDUMP, FT.CURSOR"),
    ),
    "memorydb with valkey": (
        other_server(MEMORYDB_COMMANDS, info=VALKEY_INFO["server"], modules=NOT_ALLOWED),
        *(VALKEY_HELLO, "Amazon MemoryDB with a search module of its own", "FT.SYNUPDATE, FT.SYNDUMP, FT.CURSOR"),
    ),
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_in_one_sentence(case: str, protocol: int, capsys: pytest.CaptureFixture[str]) -> None:
    answer, hello, has, missing = CASES[case]
    with serve(answer, hello) as url:
        with pytest.raises(UnsupportedServer) as caught, connect(f"{url}?protocol={protocol}"):
            pass
        assert caught.value.has == has
        assert caught.value.needs.startswith("Redis Search, for its FT.INFO")
        assert caught.value.needs.endswith(missing)
        for command in (("list",), ("info", "--index", "i"), ("plan", "--index", "i", "--schema-patch", "p.yaml")):
            assert run((*command, "--url", f"{url}?protocol={protocol}")) == 4
            told = capsys.readouterr().err
            assert str(caught.value) in " ".join(told.split())
            assert "search 2.0.0" not in told


def test_redis_search_on_valkey_is_taken() -> None:
    redis_search = {"name": "search", "ver": 21005, "path": "/redisearch.so", "args": []}
    answer = other_server(
        REDIS_COMMANDS | {"FT.EXPLAIN"}, info=VALKEY_INFO["server"], modules=[redis_search], ft_info=VALKEY_FT_INFO
    )
    with serve(answer, VALKEY_HELLO) as url, connect(url) as server:
        assert server.capabilities.search_version == (2, 10, 5)
        with pytest.raises(UnsupportedServer, match=r"FT\.INFO of Redis Search: it has no 'index_options'"):
            read_definition(server, "i")


def test_a_user_who_may_not_list_modules_is_no_other_server() -> None:
    answer = other_server(REDIS_COMMANDS | {"FT.EXPLAIN"}, info=REDIS_INFO, modules=NOT_ALLOWED)
    with serve(answer, REDIS_HELLO) as url, connect(url):
        pass


@pytest.mark.parametrize("reply", [VALKEY_FT_INFO, MEMORYDB_FT_INFO], ids=["valkey", "memorydb"])
@pytest.mark.parametrize("resp2", [False, True])
def test_their_ft_info_is_told_from_that_of_redis_search(reply: dict[str, Any], *, resp2: bool) -> None:
    flat = [part for pair in reply.items() for part in pair]
    with pytest.raises(ValueError, match=r"not a reply to FT\.INFO of Redis Search: it has no 'index_"):
        parse_info(flat if resp2 else reply)


def test_valkey_without_a_search_module_is_named() -> None:
    told = r"this server has Valkey 9\.0\.1 without the search module"
    with (
        serve(other_server(set(), info=VALKEY_INFO["server"]), VALKEY_HELLO) as url,
        pytest.raises(UnsupportedServer, match=told),
    ):
        connect(url)
