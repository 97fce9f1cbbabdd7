"""A cluster of three: every command finds its node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from cluster_slots import assign_slot
from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.server import Server, connect
from fieldfare.server.document_reader import read_batches
from fieldfare.server.document_writer import write_documents
from fieldfare.server.inspect import list_indexes, read_definition, read_stats
from fieldfare.server.keys import iterate_keys, iterate_scan
from fieldfare.server.lock import IndexLock

KEYS = [b"doc:%d" % number for number in range(300)]
SLOT = 12182
"""Of ``foo``."""


def test_it_is_found_out_from_any_node(cluster_urls: list[str]) -> None:
    for url in cluster_urls:
        with connect(url) as server:
            assert server.capabilities.cluster
            assert len(server.nodes()) == 3
            assert server.capabilities.used_memory > 0


def test_a_node_can_be_used_alone(cluster_urls: list[str]) -> None:
    with connect(cluster_urls[0], cluster=False) as server:
        assert not server.capabilities.cluster
        assert len(server.nodes()) == 1


def test_bulk_answers_in_order_from_all_nodes(cluster: Server) -> None:
    assert cluster.bulk([("SET", key, key) for key in KEYS]) == [b"OK"] * len(KEYS)
    assert cluster.bulk([("GET", key) for key in KEYS]) == KEYS
    sizes = [cluster.command_at(node, "DBSIZE") for node in cluster.nodes()]
    assert sum(sizes) == len(KEYS)
    assert min(sizes) > 0


def test_streams_answer_in_order_from_all_nodes(cluster: Server) -> None:
    cluster.bulk([("SET", key, key) for key in KEYS])
    batches = [KEYS[start : start + 40] for start in range(0, len(KEYS), 40)]
    assert list(cluster.bulk_stream([("GET", key) for key in batch] for batch in batches)) == batches


def test_documents_are_read_and_written_on_all_nodes(cluster: Server) -> None:
    cluster.bulk([("HSET", key, "vec", key, "t", "same") for key in KEYS])
    cluster.bulk([("HPEXPIREAT", key, 3_000_000_000_000, "FIELDS", 1, "vec") for key in KEYS])
    new = Batch(tuple(KEYS), {"vec": Column.of(key[::-1] for key in KEYS), "gone": Column.of(KEYS)})
    assert write_documents(cluster, Storage.HASH, new, ["vec"]).written == len(KEYS)
    # two fields, one of them gone: that goes through scripts
    assert write_documents(cluster, Storage.HASH, new, ["vec", "gone"]).written == len(KEYS)
    [(found, problems)] = read_batches(cluster, Storage.HASH, [KEYS], ["vec", "t"])
    assert list(found["vec"]) == [key[::-1] for key in KEYS]
    assert set(found["t"]) == {b"same"}
    assert problems == {}
    assert cluster.bulk([("HPEXPIRETIME", KEYS[0], "FIELDS", 1, "vec")]) == [[3_000_000_000_000]]


def test_indexes_live_where_their_names_belong(cluster: Server) -> None:
    names = ["{1}index", "{2}index", "{3}index", "{4}index", "{5}index"]
    for name in names:
        tag = name[:3]
        cluster.command("FT.CREATE", name, "PREFIX", 1, f"{tag}doc:", "SCHEMA", "n", "NUMERIC")
        cluster.bulk([("HSET", f"{tag}doc:{number}", "n", number) for number in range(25)])
        cluster.command("FT.ALIASADD", f"{tag}alias", name)
    assert list_indexes(cluster) == names
    for name in names:
        definition = read_definition(cluster, name)
        assert read_definition(cluster, f"{name[:3]}alias").name == name
        expected = {f"{name[:3]}doc:{number}".encode() for number in range(25)}
        keys = iterate_keys(cluster, definition, read_stats(cluster, name), 10)
        assert {key for batch in keys for key in batch} == expected
        assert {key for batch in iterate_scan(cluster, definition, 10) for key in batch} == expected


def test_an_error_is_raised_once(cluster: Server) -> None:
    with pytest.raises(ResponseError, match=r"(?i)unknown index|no such index"):
        cluster.command("FT.SEARCH", "nothing", "*")


def test_locks_work(cluster: Server) -> None:
    with IndexLock(cluster, "articles", backup_dir="/backups") as held:
        held.check()
        assert cluster.command("EXISTS", "fieldfare:lock:articles") == 1
    assert cluster.command("EXISTS", "fieldfare:lock:articles") == 0


@pytest.fixture
def moving(cluster: Server) -> Iterator[tuple[Redis, Redis]]:
    """The node that has the slot of ``foo``, and another one; put right in the end."""
    nodes = list(cluster.nodes())
    cluster.command("SET", "foo", "bar")
    [source] = [node for node in nodes if cluster.command_at(node, "CLUSTER", "COUNTKEYSINSLOT", SLOT)]
    target = next(node for node in nodes if node is not source)
    yield source, target
    if cluster.command_at(target, "CLUSTER", "COUNTKEYSINSLOT", SLOT):
        assign_slot(SLOT, target, nodes)
        cluster.command_at(target, "DEL", "foo")
    assign_slot(SLOT, source, nodes)


def migrate(cluster: Server, source: Redis, target: Redis) -> None:
    """Begin to move the slot, and move its only key."""
    names = [cluster.command_at(node, "CLUSTER", "MYID") for node in (source, target)]
    cluster.command_at(target, "CLUSTER", "SETSLOT", SLOT, "IMPORTING", names[0])
    cluster.command_at(source, "CLUSTER", "SETSLOT", SLOT, "MIGRATING", names[1])
    port = target.connection_pool.connection_kwargs["port"]
    cluster.command_at(source, "MIGRATE", "127.0.0.1", port, "foo", 0, 5000)


def test_keys_are_found_while_their_slot_moves(cluster: Server, moving: tuple[Redis, Redis]) -> None:
    migrate(cluster, *moving)
    assert cluster.bulk([("GET", "foo"), ("SET", "other", "1"), ("STRLEN", "foo")]) == [b"bar", b"OK", 3]
    assert cluster.command("GET", "foo") == b"bar"


def test_keys_are_found_after_their_slot_has_moved(cluster: Server, moving: tuple[Redis, Redis]) -> None:
    stream = cluster.bulk_stream([("GET", "foo")] for _ in range(4))
    assert next(stream) == [b"bar"]
    migrate(cluster, *moving)
    assign_slot(SLOT, moving[1], list(cluster.nodes()))
    assert list(stream) == [[b"bar"]] * 3
    assert cluster.command("GET", "foo") == b"bar"
    assert cluster.command_at(moving[1], "GET", "foo") == b"bar"
