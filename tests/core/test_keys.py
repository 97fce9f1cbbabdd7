"""The keys of an index: all of them, each once, whatever gets in the way."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.definition import IndexDefinition, IndexStats
from fieldfare.errors import PreconditionError
from fieldfare.server import Server, connect, keys
from fieldfare.server.inspect import read_definition, read_stats
from fieldfare.server.keys import iterate_keys, iterate_scan
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed

ODD_KEYS = {b"doc:\xff\xfe", b"doc:", b"doc: a b", b"doc:*", b"doc:\r\n", "doc:é".encode(), b"doc:doc:1"}


def create(server: Server, *arguments: str | bytes | int, name: str = "articles") -> None:
    """Create an index; the schema is ``n NUMERIC``."""
    server.command("FT.CREATE", name, *arguments, "SCHEMA", "n", "NUMERIC")


def add(server: Server, keys: Iterable[bytes]) -> set[bytes]:
    """Write a document under each key."""
    every = set(keys)
    server.bulk([("HSET", key, "n", 1) for key in every])
    return every


def settled(server: Server, name: str = "articles") -> tuple[IndexDefinition, IndexStats]:
    """The definition and the figures, when nothing is left to index."""
    wait_until_indexed(server, name)
    return read_definition(server, name), read_stats(server, name)


def numbered(count: int, prefix: bytes = b"doc:") -> set[bytes]:
    return {b"%b%d" % (prefix, number) for number in range(count)}


@pytest.mark.parametrize("protocol", [2, 3])
def test_every_document_is_given_once(server: Server, redis_url: str, protocol: int) -> None:
    create(server, "PREFIX", 1, "doc:")
    expected = add(server, numbered(1003) | ODD_KEYS)
    add(server, [b"other:1"])
    definition, stats = settled(server)
    assert stats.num_docs == len(expected)
    with connect(f"{redis_url}{'&' if '?' in redis_url else '?'}protocol={protocol}") as other:
        batches = list(iterate_keys(other, definition, stats, 100))
    assert [len(batch) for batch in batches] == [100] * 10 + [len(expected) - 1000]
    keys = [key for batch in batches for key in batch]
    assert len(keys) == len(expected)
    assert set(keys) == expected


def test_json_documents_are_given(server: Server) -> None:
    if not server.capabilities.json:
        pytest.skip("this server has no JSON module")
    server.command("FT.CREATE", "articles", "ON", "JSON", "PREFIX", 1, "doc:", "SCHEMA", "$.n", "AS", "n", "NUMERIC")
    server.bulk([("JSON.SET", key, "$", '{"n": 1}') for key in ODD_KEYS])
    add(server, [b"doc:hash"])
    definition, stats = settled(server)
    assert set(flat(iterate_keys(server, definition, stats, 3))) == ODD_KEYS
    assert set(flat(iterate_scan(server, definition, 3))) == ODD_KEYS


def test_an_index_without_documents_gives_none(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:")
    definition, stats = settled(server)
    assert list(iterate_keys(server, definition, stats, 10)) == []
    assert list(iterate_scan(server, definition, 10)) == []


def test_documents_that_were_not_indexed_are_given_too(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:")
    expected = add(server, numbered(20))
    server.command("HSET", "doc:bad", "n", "not a number")
    definition, stats = settled(server)
    assert stats.num_docs == 20
    assert set(flat(iterate_keys(server, definition, stats, 7))) == expected | {b"doc:bad"}


def test_documents_that_are_not_indexed_yet_are_given_too(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:")
    expected = add(server, numbered(20))
    definition = read_definition(server, "articles")
    assert set(flat(iterate_keys(server, definition, IndexStats(3, indexing=True), 7))) == expected


def test_a_filter_is_obeyed_even_when_documents_fail(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:", "FILTER", "@n > 5")
    server.bulk([("HSET", f"doc:{number}", "n", number) for number in range(10)])
    definition, stats = settled(server)
    failing = evolve(stats, hash_indexing_failures=1)
    assert set(flat(iterate_keys(server, definition, failing, 2))) == {b"doc:6", b"doc:7", b"doc:8", b"doc:9"}


def test_a_scan_knows_no_patterns_and_no_doubles(server: Server) -> None:
    prefixes = [b"a*b:", b"a*b:deep:", b"[x]:", b"q?:", b"back\\slash:", b"\xff:", b"^-:"]
    create(server, "PREFIX", len(prefixes), *prefixes)
    expected = add(server, [prefix + b"1" for prefix in prefixes])
    add(server, [b"aXb:1", b"x:1", b"qq:1", b"backslash:1", b"b:1"])
    server.command("SET", b"a*b:string", "no document")
    definition, stats = settled(server)
    keys = list(flat(iterate_scan(server, definition, 2)))
    assert sorted(keys) == sorted(expected)
    assert set(flat(iterate_keys(server, definition, stats, 100))) == expected


@pytest.mark.parametrize("most", [100, 50_000])
def test_keys_that_a_scan_repeats_are_given_once(server: Server, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    create(server, "PREFIX", 1, "doc:")
    expected = add(server, numbered(3000) | ODD_KEYS)
    definition, _ = settled(server)
    monkeypatch.setattr(keys, "MOST_KEYS", most)
    monkeypatch.setattr(keys, "nodes_with_index", lambda server, _: [*server.nodes(), *server.nodes()])
    assert sorted(flat(iterate_scan(server, definition, 7))) == sorted(expected)


def test_an_index_of_every_key_is_scanned(server: Server) -> None:
    create(server)
    expected = add(server, numbered(50) | ODD_KEYS)
    definition, _ = settled(server)
    assert sorted(flat(iterate_scan(server, definition, 10))) == sorted(expected)


def test_a_cursor_that_is_left_early_is_deleted(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:", "FILTER", "@n == 1")
    add(server, numbered(50))
    definition, stats = settled(server)
    before = cursors(server)
    keys = iterate_keys(server, definition, stats, 10)
    next(iter(keys))
    assert cursors(server) == before + 1
    keys.close()
    assert cursors(server) == before


def test_a_cursor_that_breaks_loses_and_repeats_nothing(server: Server) -> None:
    options = ("FILTER", "@n == 1")
    create(server, "PREFIX", 1, "doc:", *options)
    expected = add(server, numbered(105))
    definition, stats = settled(server)
    keys = iterate_keys(server, definition, stats, 10)
    given = next(keys) + next(keys)
    server.command("FT.DROPINDEX", "articles")
    create(server, "PREFIX", 1, "doc:", *options)
    settled(server)
    rest = list(keys)
    given += flat(rest)
    assert len(given) == 105
    assert set(given) == expected
    assert {len(batch) for batch in rest[:-1]} == {10}


@pytest.mark.parametrize("options", [(), ("FILTER", "@n == 1")], ids=["all", "filtered"])
def test_a_server_that_cuts_answers_short_hides_nothing(
    private_server: PrivateServer, options: tuple[str, ...]
) -> None:
    with connect(private_server().url) as server:
        server.command("FT.CONFIG", "SET", "MAXAGGREGATERESULTS", 30)
        create(server, "PREFIX", 1, "doc:", *options)
        expected = add(server, numbered(100))
        definition, stats = settled(server)
        keys = list(flat(iterate_keys(server, definition, stats, 10)))
    assert len(keys) == 100
    assert set(keys) == expected


def test_documents_that_vanish_meanwhile_are_no_trouble(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:")
    expected = add(server, numbered(100))
    definition, stats = settled(server)
    keys = iterate_keys(server, definition, stats, 10)
    given = next(keys)
    gone = expected - set(given)
    server.bulk([("DEL", key) for key in gone])
    given += flat(keys)
    assert len(given) == len(set(given))
    assert set(given) <= expected


def test_an_index_that_is_gone_is_an_error(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:", "FILTER", "@n == 1")
    definition, stats = settled(server)
    server.command("FT.DROPINDEX", "articles")
    with pytest.raises(ResponseError):
        list(iterate_keys(server, definition, stats, 10))


NUL_KEYS = {b"doc:2", b"doc:2\0x", b"doc:2\0y", b"doc:3\0", b"doc:4\0z", b"doc:\0"}
"""Some have a document under what is left of them before the NUL byte, some have none."""


@pytest.mark.parametrize("options", [(), ("FILTER", "@n == 1")], ids=["all", "filtered"])
@pytest.mark.parametrize("protocol", [2, 3])
def test_keys_with_a_nul_byte_are_given_in_full(
    server: Server, redis_url: str, options: tuple[str, ...], protocol: int
) -> None:
    create(server, "PREFIX", 1, "doc:", *options)
    expected = add(server, numbered(1003) | NUL_KEYS)
    definition, stats = settled(server)
    assert stats.num_docs == len(expected)
    with connect(f"{redis_url}{'&' if '?' in redis_url else '?'}protocol={protocol}") as other:
        keys = flat(iterate_keys(other, definition, stats, 100))
    assert len(keys) == len(expected)
    assert set(keys) == expected


def test_a_key_that_the_filter_refuses_does_not_stand_in_for_one_with_a_nul_byte(server: Server) -> None:
    create(server, "PREFIX", 1, "doc:", "FILTER", "@n == 1")
    add(server, [b"doc:1", b"doc:2\0x"])
    server.command("HSET", "doc:2", "n", 2)
    definition, stats = settled(server)
    assert set(flat(iterate_keys(server, definition, stats, 100))) == {b"doc:1", b"doc:2\0x"}


def test_a_server_that_tells_too_few_keys_says_which_setting_to_raise(private_server: PrivateServer) -> None:
    with connect(private_server().url) as server:
        create(server, "PREFIX", 1, "doc:", "FILTER", "@n == 1")
        add(server, numbered(20) | NUL_KEYS)
        definition, stats = settled(server)
        server.command("FT.CONFIG", "SET", "MAXSEARCHRESULTS", 10)
        with pytest.raises(PreconditionError, match=r"MAXSEARCHRESULTS is 10\. Set it to 25 or more"):
            list(iterate_keys(server, definition, stats, 10))


def test_documents_from_before_an_index_with_skipinitialscan_are_given(server: Server) -> None:
    expected = add(server, numbered(20))
    create(server, "PREFIX", 1, "doc:", "SKIPINITIALSCAN")
    definition, stats = settled(server)
    assert stats.num_docs == 0
    assert set(flat(iterate_keys(server, definition, stats, 7))) == expected


def flat(batches: Iterable[list[bytes]]) -> list[bytes]:
    return [key for batch in batches for key in batch]


def cursors(server: Server) -> int:
    """How many cursors are open on the server."""
    return sum(
        int(line.partition(b":")[2])
        for line in server.command("INFO", "modules").splitlines()
        if line.startswith(b"search_global_total")
    )


@pytest.mark.parametrize(
    "reply",
    [
        [2, [b"__key", b"d:1"], [b"__key", b"d:2"]],
        {b"results": [{b"extra_attributes": {b"__key": b"d:1"}}, {b"extra_attributes": {b"__key": b"d:2"}}]},
        {b"results": [{b"extra_attributes": [b"__key", b"d:1"]}, [b"extra_attributes", [b"__key", b"d:2"]]]},
    ],
    ids=["RESP2", "RESP3", "RESP3 of search 8.2.7 after the restart of a shard"],
)
def test_rows_are_read_in_every_shape(reply: object) -> None:
    assert keys._keys_of(reply) == [b"d:1", b"d:2"]  # noqa: SLF001 - no server here answers the third shape
