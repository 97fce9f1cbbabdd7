"""Keys move between slots with values, TTLs and access frequency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis.crc import key_slot

from fieldfare.errors import FieldfareError
from fieldfare.server import Server, connect
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare_cluster.transfer import transfer

LATER = 4102444800123


@pytest.fixture
def documents(cluster: Server) -> list[bytes]:
    """Write keys of all kinds to one slot, and return their names."""
    large = [part for row in range(3000) for part in (f"f{row}", f"value number {row}")]
    cluster.bulk(
        [
            ("HSET", b"{a}\x00\xff", "raw", bytes(range(256))),
            ("HSET", "{a}expiring", "n", 1, "m", 2),
            ("HSET", "{a}fields", "n", 1, "m", 2),
            ("HSET", "{a}large", *large),
            ("HSET", "{a}huge", "v", bytes(20_000_000)),
            ("JSON.SET", "{a}json", "$", '{"z": [1, {"é": null}], "a": 1.50, "b": 12345678901234567890}'),
            ("SET", "{a}text", "text"),
        ]
    )
    cluster.bulk([("PEXPIREAT", key, LATER) for key in ("{a}expiring", "{a}json")])
    cluster.bulk([("HPEXPIREAT", key, LATER, "FIELDS", 1, "n") for key in ("{a}fields",)])
    return [b"{a}" + name for name in (b"\x00\xff", b"expiring", b"fields", b"large", b"huge", b"json", b"text")]


def pairs_of(keys: list[bytes], tag: bytes = b"{b}") -> list[tuple[bytes, bytes]]:
    return [(key, tag + key[3:]) for key in keys]


def node_of(server: Server, key: bytes) -> str:
    client: Any = server.client
    return str(client.get_node_from_key(key).name)


def test_everything_about_a_key_moves(cluster: Server, documents: list[bytes], contents: Any) -> None:
    pairs = pairs_of(documents)
    assert node_of(cluster, b"{a}") != node_of(cluster, b"{b}")
    before = contents()
    assert transfer(cluster, pairs) == [True] * len(pairs)
    assert contents() == {new: before[old] for old, new in pairs}
    assert transfer(cluster, [(new, old) for old, new in pairs]) == [True] * len(pairs)
    assert contents() == before


@pytest.mark.parametrize("restored", [("{a}expiring", "{a}large"), ("{a}fields", "{a}huge", "{a}json", "{a}text")])
def test_a_copy_left_by_a_crash_is_recognised(
    restored: tuple[str, ...], cluster: Server, documents: list[bytes], contents: Any
) -> None:
    before = contents()
    for name in restored:
        key = name.encode()
        [dump, expires] = cluster.bulk([("DUMP", key), ("PEXPIRETIME", key)])
        cluster.command("RESTORE", b"{b}" + key[3:], max(expires, 0), dump, "ABSTTL")
    pairs = pairs_of(documents)
    assert transfer(cluster, pairs) == [True] * len(pairs)
    assert contents() == {new: before[old] for old, new in pairs}


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without"])
def test_concurrent_writes_to_a_moving_key_are_not_lost(
    cluster: Server, documents: list[bytes], monkeypatch: pytest.MonkeyPatch, *, has_scripts: bool
) -> None:
    """Written after its value was read, deleted after that, or written all the time: each is what it should be."""
    bulk = Server.bulk
    times: list[int] = []

    def bulk_with_writes(self: Server, commands: Any) -> list[Any]:
        if commands and commands[0][0] == b"EVALSHA":
            times.append(1)
            if len(times) == 1:
                bulk(cluster, [("HSET", "{a}large", "f7", "newer"), ("DEL", "{a}expiring")])
            bulk(cluster, [("HSET", "{a}fields", "n", len(times))])
            if not has_scripts:
                return [CommandNotAllowed("no scripts", command="EVALSHA", right="+evalsha") for _ in commands]
        return bulk(self, commands)

    monkeypatch.setattr(Server, "bulk", bulk_with_writes)
    moved = dict(zip(documents, transfer(cluster, pairs_of(documents)) or [], strict=True))
    monkeypatch.undo()
    assert cluster.bulk([("HGET", "{b}large", "f7"), ("EXISTS", "{a}large")]) == [b"newer", 0]
    assert cluster.bulk([("EXISTS", "{a}expiring"), ("EXISTS", "{b}expiring")]) == [0, 0]
    assert cluster.bulk([("HGET", "{a}fields", "n")]) == [str(len(times)).encode()], "it was not removed"
    assert [key for key, was in moved.items() if not was] == [b"{a}expiring", b"{a}fields"]


def test_a_different_key_under_the_new_name_is_left_alone(
    cluster: Server, documents: list[bytes], contents: Any
) -> None:
    large = [part for row in range(3000) for part in (f"f{row}", f"another value {row}")]
    cluster.bulk(
        [
            ("HSET", b"{b}\x00\xff", "raw", bytes(range(256)), "more", 1),
            ("HSET", "{b}expiring", "n", 1, "m", 2),  # the same, for good
            ("HSET", "{b}fields", "n", 1, "m", 2),  # the same, but its fields stay
            ("HSET", "{b}large", *large),
            ("HSET", "{b}text", "n", 1),  # of another type
        ]
    )
    before = contents()
    pairs = pairs_of(documents)
    assert transfer(cluster, pairs) == [False, False, False, False, True, True, False]
    moved = {b"{a}huge": b"{b}huge", b"{a}json": b"{b}json"}
    assert contents() == {moved.get(key, key): each for key, each in before.items()}


def test_a_missing_key_is_not_moved(cluster: Server, documents: list[bytes]) -> None:
    cluster.command("DEL", "{a}text")
    assert transfer(cluster, pairs_of([b"{a}text", b"{a}never", b"{a}json"])) == [False, False, True]
    assert cluster.command("EXISTS", "{b}text") == 0
    assert documents


def test_a_key_given_twice_is_moved_once(cluster: Server, documents: list[bytes], contents: Any) -> None:
    before = contents()
    assert transfer(cluster, pairs_of([b"{a}json", b"{a}json"])) == [True, True]
    assert contents() == {b"{b}json" if key == b"{a}json" else key: each for key, each in before.items()}
    assert documents


def test_names_in_one_slot_are_left_to_renamenx(cluster: Server) -> None:
    assert key_slot(b"{a}1") == key_slot(b"{a}2")
    assert transfer(cluster, [(b"{a}1", b"{b}1"), (b"{a}1", b"{a}2")]) is None


@pytest.fixture
def counting(cluster: Server) -> Iterator[Server]:
    """A cluster that counts how often keys are used, and evicts by that."""
    for node in cluster.nodes():
        cluster.command_at(node, "CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    with connect(cluster.url) as server:
        yield server
    for node in cluster.nodes():
        cluster.command_at(node, "CONFIG", "SET", "maxmemory-policy", "noeviction")


def test_the_access_frequency_of_a_key_moves_too(counting: Server) -> None:
    counting.command("HSET", "{a}model", "n", 1)
    dump = counting.command("DUMP", "{a}model")
    counting.command("RESTORE", "{a}often", 0, dump, "FREQ", 200)
    assert transfer(counting, [(b"{a}often", b"{b}often")]) == [True]
    assert 195 <= counting.command("OBJECT", "FREQ", "{b}often") <= 201


def test_a_node_without_memory_stops_the_move_and_nothing_is_lost(
    cluster: Server, documents: list[bytes], contents: Any
) -> None:
    before = contents()
    target: Any = cluster.client
    node = next(each for each in cluster.nodes() if each.connection_pool.connection_kwargs["port"] == port_of(target))
    cluster.command_at(node, "CONFIG", "SET", "maxmemory", "1mb")
    try:
        with pytest.raises(FieldfareError, match=r"refused to restore .* used memory"):
            transfer(cluster, pairs_of(documents))
    finally:
        cluster.command_at(node, "CONFIG", "SET", "maxmemory", "0")
    assert contents() == before
    assert all(transfer(cluster, pairs_of(documents)) or ())


def port_of(client: Any) -> int:
    return int(client.get_node_from_key(b"{b}").port)
