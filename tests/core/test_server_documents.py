"""Reading and writing documents: every byte, and nothing besides."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.server import Server, connect, document_reader
from fieldfare.server.capabilities import Version
from fieldfare.server.document_reader import read_batches, read_bounded_batches, read_documents
from fieldfare.server.document_writer import WriteResult, write_documents
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.testing.fixtures import PrivateServer

KEYS = (b"doc:1", b"doc:\xff", b"doc:3")


@pytest.fixture(params=[(8, 0, 0), (7, 4, 0)], ids=["HSETEX", "script"])
def writer(server: Server, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that writes hashes in one of two ways."""
    version: Version = request.param
    capabilities = server.capabilities
    if version > capabilities.redis_version:
        pytest.skip("this server has no HSETEX")
    server.capabilities = evolve(capabilities, redis_version=version)
    yield server
    server.capabilities = capabilities


@pytest.fixture
def json_server(server: Server) -> Server:
    if not server.capabilities.json:
        pytest.skip("this server has no JSON module")
    return server


def batch(**values: bytes | None) -> Batch:
    """One document, ``doc:1``."""
    return Batch((b"doc:1",), {name: Column.of([value]) for name, value in values.items()})


def test_hash_fields_are_read_byte_for_byte(server: Server) -> None:
    server.command("HSET", "doc:1", "vec", b"\x00\xff\r\n", "t", "")
    server.command("HSET", b"doc:\xff", "vec", b"abc", b"n\xff", "odd")
    name = b"n\xff".decode("utf-8", "surrogateescape")
    found, problems = read_documents(server, Storage.HASH, KEYS[:2], ["vec", "t", name])
    assert found.keys == KEYS[:2]
    assert list(found["vec"]) == [b"\x00\xff\r\n", b"abc"]
    assert list(found["t"]) == [b"", None]
    assert list(found[name]) == [None, b"odd"]
    assert problems == {}


def test_documents_that_cannot_be_read_are_told_apart(server: Server) -> None:
    server.command("HSET", "doc:1", "other", "1")
    server.command("SET", "doc:3", "no hash")
    found, problems = read_documents(server, Storage.HASH, KEYS, ["vec"])
    assert found.keys == (b"doc:1",)
    assert list(found["vec"]) == [None]
    assert problems == {"vanished": [b"doc:\xff"], "wrong type": [b"doc:3"]}


def test_batches_are_read_in_order(server: Server) -> None:
    keys = [b"doc:%d" % number for number in range(95)]
    server.bulk([("HSET", key, "n", key) for key in keys])
    batches = [keys[start : start + 10] for start in range(0, 95, 10)]
    read = [found for found, _ in read_batches(server, Storage.HASH, iter(batches), ["n"])]
    assert [list(found.keys) for found in read] == batches
    assert [list(found["n"]) for found in read] == batches


@pytest.mark.parametrize("storage", [Storage.HASH, Storage.JSON])
@pytest.mark.parametrize("topology", ["server", "cluster"])
def test_large_batches_are_split_and_lose_nothing(
    storage: Storage, topology: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Server = request.getfixturevalue(topology)
    if storage is Storage.JSON and not server.capabilities.json:
        pytest.skip("this server has no JSON module")
    most, names = 1000, ["a", "b"]
    monkeypatch.setattr(document_reader, "BATCH_BYTES", most)
    sizes = [1, 5, 400, 2000, 3, 700, 700, 1500, 1, 1, 1, *[90] * 60]
    keys = [b"doc:%d" % row for row in range(len(sizes))]
    server.bulk(
        [
            ("HSET", key, "a", "x" * size, "b", "y")
            if storage is Storage.HASH
            else ("JSON.SET", key, "$", json.dumps({"a": "x" * size, "b": "y"}))
            for key, size in zip(keys, sizes, strict=True)
        ]
    )
    gone, other = b"doc:gone", b"doc:other"
    server.command("SET", other, "text")
    wanted = [(*keys[:4], gone, *keys[4:6], other), tuple(keys[6:50]), (), tuple(keys[50:])]
    paths = names if storage is Storage.HASH else ["$.a", "$.b"]
    [whole] = list(read_batches(server, storage, [[key for part in wanted for key in part]], paths))
    found = list(read_bounded_batches(server, storage, wanted, paths))
    assert tuple(key for batch, _ in found for key in batch.keys) == whole[0].keys
    for path in paths:
        assert [value for batch, _ in found for value in batch[path]] == list(whole[0][path])
    problems = [(reason, key) for _, each in found for reason, missing in each.items() for key in missing]
    assert sorted(problems) == [("vanished", gone), ("wrong type", other)]
    assert len(found) > len(wanted)
    if topology == "server":
        assert all(len(batch) <= 1 or batch.size < 2 * most for batch, _ in found)
        assert {batch.keys for batch, _ in found} >= {(keys[3],), (keys[7],)}, "what is large alone is on its own"


def test_a_refused_read_names_the_document(server: Server, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_reader, "BATCH_BYTES", 10)
    keys = [b"doc:%d" % row for row in range(9)]
    server.bulk([("HSET", key, "a", "x" * 20) for key in keys])
    server.command("ACL", "SETUSER", "some", "on", ">secret", "+@all", *(f"~doc:{row}" for row in range(9) if row != 7))
    try:
        with (
            connect(redis_url.replace("//", "//some:secret@")) as limited,
            pytest.raises(CommandNotAllowed, match="'doc:7'"),
        ):
            list(read_bounded_batches(limited, Storage.HASH, [keys], ["a"]))
    finally:
        server.command("ACL", "DELUSER", "some")


def test_documents_without_fields_are_still_looked_for(server: Server) -> None:
    server.command("HSET", "doc:1", "n", "1")
    found, problems = read_documents(server, Storage.HASH, KEYS[:2], [])
    assert found.keys == (b"doc:1",)
    assert problems == {"vanished": [b"doc:\xff"]}


def test_an_error_about_more_than_one_document_is_raised(private_server: PrivateServer) -> None:
    url = private_server().url
    with connect(url) as owner:
        owner.command("ACL", "SETUSER", "blind", "on", ">pw", "~other:*", "+@all")
    with connect(url.replace("unix://", "unix://blind:pw@")) as server, pytest.raises(ResponseError):
        read_documents(server, Storage.HASH, KEYS, ["vec"])


@pytest.mark.parametrize("path", ["$.a", ".a", "a"])
def test_json_values_are_read_as_text(json_server: Server, path: str) -> None:
    json_server.command("JSON.SET", "doc:1", "$", '{"a": {"x": [1, 2.5, "é]"]}, "b": null}')
    json_server.command("JSON.SET", "doc:3", "$", '{"b": 1}')
    json_server.command("SET", b"doc:\xff", "no document")
    found, problems = read_documents(json_server, Storage.JSON, (*KEYS, b"doc:4"), [path, "$.b"])
    assert found.keys == (b"doc:1", b"doc:3")
    first, second = found[path]
    assert first is not None
    assert json.loads(first) == {"x": [1, 2.5, "é]"]}
    assert second is None
    assert list(found["$.b"]) == [b"null", b"1"]
    assert problems == {"wrong type": [b"doc:\xff"], "vanished": [b"doc:4"]}


def test_a_json_path_with_several_matches_is_a_problem(json_server: Server) -> None:
    json_server.command("JSON.SET", "doc:1", "$", '{"a": [{"x": 1}, {"x": 2}]}')
    json_server.command("JSON.SET", "doc:3", "$", '{"a": [{"x": "only ,"}]}')
    found, problems = read_documents(json_server, Storage.JSON, (b"doc:1", b"doc:3"), ["$.a[*].x"])
    assert list(found["$.a[*].x"]) == [b'"only ,"']
    assert problems == {"several matches": [b"doc:1"]}


@pytest.mark.parametrize(
    "array", ["[]", "[1,2.5,-3e20]", "[[1,2],[3]]", "[[1],2]", "[1,[2]]", "[[[1]]]", "[{}]", '[{"x":[1]}]', '["]]"]']
)
def test_a_json_array_is_one_match(json_server: Server, array: str) -> None:
    json_server.command("JSON.SET", "doc:1", "$", f'{{"a": {array}, "b": {{"a": [7]}}}}')
    found, problems = read_documents(json_server, Storage.JSON, (b"doc:1",), ["$.a"])
    assert [json.loads(value) for value in found["$.a"] if value] == [json.loads(array)]
    assert not problems
    assert read_documents(json_server, Storage.JSON, (b"doc:1",), ["$..a"])[1] == {"several matches": [b"doc:1"]}


def test_fields_are_overwritten_and_the_rest_stays(writer: Server) -> None:
    writer.command("HSET", "doc:1", "vec", "old", "other", "same", "t", "old")
    assert write_documents(writer, Storage.HASH, batch(vec=b"\x00new\xff", t=b""), ["vec", "t"]).written == 1
    assert as_dict(writer.command("HGETALL", "doc:1")) == {b"vec": b"\x00new\xff", b"t": b"", b"other": b"same"}


def test_nothing_comes_into_being(writer: Server) -> None:
    writer.command("HSET", b"doc:\xff", "other", "1")
    writer.command("SET", "doc:3", "no hash")
    result = write_documents(writer, Storage.HASH, Batch(KEYS, {"vec": Column.of([b"new"] * 3)}), ["vec"])
    assert result == WriteResult(written=0, vanished=[b"doc:1", b"doc:\xff"], wrong_type=[b"doc:3"])
    assert writer.command("EXISTS", "doc:1") == 0
    assert as_dict(writer.command("HGETALL", b"doc:\xff")) == {b"other": b"1"}
    assert writer.command("GET", "doc:3") == b"no hash"


def test_a_field_that_is_gone_does_not_hinder_the_others(writer: Server) -> None:
    writer.command("HSET", "doc:1", "vec", "old")
    assert write_documents(writer, Storage.HASH, batch(vec=b"new", gone=b"new"), ["vec", "gone"]).written == 1
    assert as_dict(writer.command("HGETALL", "doc:1")) == {b"vec": b"new"}


def test_a_value_that_is_none_is_left_alone(writer: Server) -> None:
    writer.command("HSET", "doc:1", "vec", "old", "t", "old")
    assert write_documents(writer, Storage.HASH, batch(vec=None, t=b"new"), ["vec", "t"]).written == 1
    assert writer.command("HMGET", "doc:1", "vec", "t") == [b"old", b"new"]
    assert write_documents(writer, Storage.HASH, batch(vec=None), ["vec"]) == WriteResult(0, [], [])


def test_only_the_named_columns_are_written(writer: Server) -> None:
    writer.command("HSET", "doc:1", "vec", "old", "t", "old")
    write_documents(writer, Storage.HASH, batch(vec=b"new", t=b"new"), ["t"])
    assert writer.command("HMGET", "doc:1", "vec", "t") == [b"old", b"new"]


def test_expiries_of_keys_and_fields_stay(writer: Server) -> None:
    if not writer.capabilities.has_hash_field_ttl:
        pytest.skip("this server has no expiry of hash fields")
    writer.command("HSET", "doc:1", "vec", "old", "t", "old")
    writer.command("PEXPIREAT", "doc:1", 4_000_000_000_000)
    writer.command("HPEXPIREAT", "doc:1", 3_000_000_000_000, "FIELDS", 1, "vec")
    assert write_documents(writer, Storage.HASH, batch(vec=b"new", t=b"new"), ["vec", "t"]).written == 1
    assert writer.command("HMGET", "doc:1", "vec", "t") == [b"new", b"new"]
    assert writer.command("PEXPIRETIME", "doc:1") == 4_000_000_000_000
    assert writer.command("HPEXPIRETIME", "doc:1", "FIELDS", 2, "vec", "t") == [3_000_000_000_000, -1]


def test_scripts_work_where_hash_fields_cannot_expire(server: Server) -> None:
    capabilities = server.capabilities
    server.capabilities = evolve(capabilities, redis_version=(7, 2, 0))
    try:
        server.command("HSET", "doc:1", "vec", "old")
        server.command("SCRIPT", "FLUSH")
        assert write_documents(server, Storage.HASH, batch(vec=b"new"), ["vec"]).written == 1
    finally:
        server.capabilities = capabilities
    assert server.command("HGET", "doc:1", "vec") == b"new"


def test_a_full_server_is_an_error(private_server: PrivateServer) -> None:
    with connect(private_server().url) as server:
        server.command("HSET", "doc:1", "vec", "old")
        server.command("CONFIG", "SET", "maxmemory", "1")
        for version in ((8, 0, 0), (7, 4, 0)):
            server.capabilities = evolve(server.capabilities, redis_version=version)
            with pytest.raises(ResponseError, match=r"OOM|memory"):
                write_documents(server, Storage.HASH, batch(vec=b"new"), ["vec"])
        assert server.command("HGET", "doc:1", "vec") == b"old"


def test_json_values_are_overwritten_only(json_server: Server) -> None:
    json_server.command("JSON.SET", "doc:1", "$", '{"a": [1], "b": 2}')
    json_server.command("PEXPIREAT", "doc:1", 4_000_000_000_000)
    json_server.command("JSON.SET", b"doc:\xff", "$", '{"b": 2}')
    json_server.command("SET", "doc:3", "no document")
    values = Batch((*KEYS, b"doc:4"), {"$.a": Column.of([b'{"x": 1.5}'] * 4)})
    result = write_documents(json_server, Storage.JSON, values, ["$.a"])
    assert result == WriteResult(1, [b"doc:\xff", b"doc:4"], [b"doc:3"])
    assert json.loads(json_server.command("JSON.GET", "doc:1")) == {"a": {"x": 1.5}, "b": 2}
    assert json.loads(json_server.command("JSON.GET", b"doc:\xff")) == {"b": 2}
    assert json_server.command("PEXPIRETIME", "doc:1") == 4_000_000_000_000
    assert json_server.command("EXISTS", "doc:4") == 0


def test_several_json_values_of_a_document_are_written_together(json_server: Server) -> None:
    json_server.command("JSON.SET", "doc:1", "$", '{"a": 1, "b": 2}')
    json_server.command("JSON.SET", "doc:3", "$", "{}")
    columns = {path: Column.of([b"9"] * 2) for path in ("$.a", "$.b", "$.gone")}
    result = write_documents(json_server, Storage.JSON, Batch((b"doc:1", b"doc:3"), columns), list(columns))
    assert result == WriteResult(1, [b"doc:3"], [])
    assert json.loads(json_server.command("JSON.GET", "doc:1")) == {"a": 9, "b": 9}
    assert json.loads(json_server.command("JSON.GET", "doc:3")) == {}


def test_what_was_read_can_be_written_back(json_server: Server) -> None:
    text = '{"a":{"x":[1,2.5,"é]\\""]},"b":null,"c":"\\u2028"}'
    json_server.command("JSON.SET", "doc:1", "$", text)
    before = json_server.command("JSON.GET", "doc:1")
    found, _ = read_documents(json_server, Storage.JSON, [b"doc:1"], ["$.a", "$.b", ".c"])
    assert write_documents(json_server, Storage.JSON, found, ["$.a", "$.b", ".c"]).written == 1
    assert json_server.command("JSON.GET", "doc:1") == before


@pytest.fixture
def scriptless(server: Server, redis_url: str) -> Iterator[Server]:
    """A connection of a user whom Redis forbids scripts."""
    server.command("ACL", "SETUSER", "scriptless", "on", ">secret", "~*", "&*", "+@all", "-@scripting")
    with connect(redis_url.replace("redis://", "redis://scriptless:secret@")) as connection:
        yield connection
    server.command("ACL", "DELUSER", "scriptless")


@pytest.mark.parametrize("storage", [Storage.HASH, Storage.JSON])
@pytest.mark.parametrize("user", ["server", "scriptless"])
def test_only_what_is_as_it_was_is_overwritten(user: str, storage: Storage, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(user)
    path = "$.a" if storage is Storage.JSON else "a"
    texts = {b"same": b"1", b"new": b"9", b"other": b"5", b"came": b"1", b"none": None, b"gone": None, b"short": None}
    for key, text in texts.items():
        if storage is Storage.JSON and key != b"gone":
            server.command("JSON.SET", key, "$", b'{"a": %b, "b": 1}' % text if text else b'{"b": 1}')
        elif key != b"gone":
            server.command("HSET", key, *(("a", text) if text else ()), "b", 1)
    server.command("SET", "string", "no document")
    if storage is Storage.HASH:
        server.command("HPEXPIREAT", "same", 4_000_000_000_000, "FIELDS", 1, "a")
    keys = (*texts, b"string")
    had = [b"1", b"1", b"1", None, None, b"1", b"1", b"1"]
    before = Batch(keys, {path: Column.of(had)})
    after = Batch(keys, {path: Column.of([None if value is None else b"9" for value in had])})

    result = write_documents(server, storage, after, [path], before=before)

    assert result == WriteResult(2, [b"gone", b"short"], [b"string"], [b"other", b"came"])
    found, _ = read_documents(server, storage, keys, [path])
    assert dict(zip(found.keys, found[path], strict=True)) == {
        b"same": b"9",
        b"new": b"9",
        b"other": b"5",
        b"came": b"1",
        b"none": None,
        b"short": None,
    }
    if storage is Storage.HASH:
        assert server.command("HPEXPIRETIME", "same", "FIELDS", 1, "a") == [4_000_000_000_000]


def as_dict(reply: dict[bytes, bytes] | list[bytes]) -> dict[bytes, bytes]:
    """A hash, in either protocol."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
