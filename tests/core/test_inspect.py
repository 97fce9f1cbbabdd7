"""Reading live indexes: what a server tells, what it does not, and what hangs on an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from attrs import evolve

from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.create import create_arguments
from fieldfare.definition.model import UNKNOWN_SECONDS
from fieldfare.errors import IndexNotFound, PreconditionError
from fieldfare.server import connect
from fieldfare.server.inspect import (
    index_exists,
    list_indexes,
    read_definition,
    read_overlapping_indexes,
    read_snapshot,
    read_stats,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.server import Server

FLAT: dict[str, AttributeValue] = {"algorithm": "FLAT", "dims": 4, "datatype": "float32", "distance_metric": "l2"}
HNSW: dict[str, AttributeValue] = {**FLAT, "algorithm": "HNSW", "m": 16, "ef_construction": 200}


def index(*fields: Field, name: str = "idx", prefix: str = "d:", **options: Any) -> IndexDefinition:
    return IndexDefinition(name, Storage.HASH, (prefix,), fields or (Field("n", FieldType.NUMERIC, "n"),), **options)


def created(server: Server, definition: IndexDefinition) -> IndexDefinition:
    server.command(*create_arguments(definition))
    return definition


def with_user(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}:secret@{parts.netloc.rpartition('@')[2]}"))


def with_protocol(url: str, protocol: int) -> str:
    return urlunsplit(urlsplit(url)._replace(query=f"protocol={protocol}"))


@pytest.fixture
def debug(server: Server) -> None:
    """Skip where FT.DEBUG has to be enabled first."""
    if server.capabilities.search_version >= (8, 0, 0):
        pytest.skip("search 8 has FT.DEBUG only with enable-debug-command")


@pytest.fixture
def watcher(server: Server, redis_url: str) -> Iterator[Server]:
    """Give the connection of a user who may do everything but FT.DEBUG."""
    server.command("ACL", "SETUSER", "watcher", "on", ">secret", "~*", "&*", "+@all", "-FT.DEBUG")
    with connect(with_user(redis_url, "watcher")) as connected:
        yield connected
    server.command("ACL", "DELUSER", "watcher")


def test_indexes_are_listed_by_name(server: Server) -> None:
    for name in ("b", "größe", "a"):
        created(server, index(name=name))
    server.command("FT.ALIASADD", "alias", "a")
    assert list_indexes(server) == ["a", "b", "größe"]


def test_an_index_exists_under_its_name_and_its_aliases(server: Server) -> None:
    created(server, index())
    server.command("FT.ALIASADD", "alias", "idx")
    assert index_exists(server, "idx")
    assert index_exists(server, "alias")
    assert not index_exists(server, "idy")


def test_an_index_that_is_not_there_is_an_error_that_names_the_others(server: Server) -> None:
    created(server, index(name="products"))
    for read in (read_snapshot, read_definition, read_stats):
        with pytest.raises(IndexNotFound) as raised:
            read(server, "produkts")
        assert raised.value.known == ("products",)


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_snapshot_holds_everything_that_hangs_on_an_index(server: Server, redis_url: str, protocol: int) -> None:
    definition = created(
        server,
        index(
            Field("title", FieldType.TEXT, "t", {"weight": 2.0}),
            Field("v", FieldType.VECTOR, "vec", {**HNSW, "ef_runtime": 33, "epsilon": 0.2}),
            Field("f", FieldType.VECTOR, "f", {**FLAT, "block_size": 512}),
            filter="@year > 2000",
            language_field="lang",
            stopwords=("foo",),
        ),
    )
    server.command("FT.SYNUPDATE", "idx", "cars", "Car", "auto mobile")
    server.command("FT.SYNUPDATE", "idx", "boats", "boat", "car")
    server.command("FT.ALIASADD", "live", "idx")
    server.command("FT.ALIASADD", "extra", "idx")
    for number in range(5):
        server.command("HSET", f"d:{number}", "t", "x", "year", "2001")
    with connect(with_protocol(redis_url, protocol)) as connected:
        snapshot = read_snapshot(connected, "live", aliases=["extra"], key_sample_limit=3)
    assert snapshot.definition == definition
    assert snapshot.stats.num_docs == 5
    assert snapshot.synonyms == {"boats": ("boat", "car"), "cars": ("auto mobile", "car")}
    assert snapshot.aliases == ("extra", "live")
    assert snapshot.key_sample == ("d:0", "d:1", "d:2")
    assert snapshot.unknown == ()
    assert snapshot.unreadable == ()


def test_an_index_asked_for_by_its_own_name_has_no_aliases(server: Server) -> None:
    created(server, index())
    server.command("FT.ALIASADD", "live", "idx")
    assert read_snapshot(server, "idx").aliases == ()


def test_aliases_must_lead_to_the_index(server: Server) -> None:
    created(server, index())
    created(server, index(name="other"))
    server.command("FT.ALIASADD", "elsewhere", "other")
    for alias, message in {
        "nowhere": "There is no alias named 'nowhere'",
        "elsewhere": "'elsewhere' is an alias of the index 'other', not of 'idx'",
        "other": "'other' is an index, not an alias of 'idx'",
        "idx": "'idx' is an index, not an alias of 'idx'",
    }.items():
        with pytest.raises(PreconditionError, match=message):
            read_snapshot(server, "idx", aliases=[alias])


def test_keys_are_sampled_as_far_as_asked(server: Server) -> None:
    created(server, index())
    server.command("HSET", b"d:\xff", "n", "1")
    server.command("HSET", "d:a", "n", "1")
    server.command("HSET", "e:a", "n", "1")
    assert read_snapshot(server, "idx").key_sample == ("d:a", "d:\udcff")
    assert read_snapshot(server, "idx", key_sample_limit=0).key_sample == ()


@pytest.mark.usefixtures("debug")
def test_attributes_at_their_default_are_not_added(server: Server) -> None:
    definition = created(
        server,
        index(
            Field("v", FieldType.VECTOR, "v", {**HNSW, "ef_runtime": 10, "epsilon": 0.01}),
            Field("f", FieldType.VECTOR, "f", {**FLAT, "block_size": 1024}),
        ),
    )
    found = read_definition(server, "idx")
    assert [field.attrs for field in found.fields] == [HNSW, FLAT]
    assert [field.name for field in found.fields] == [field.name for field in definition.fields]


@pytest.mark.usefixtures("debug")
def test_what_debug_is_needed_for_is_named_where_it_is_not_allowed(server: Server, watcher: Server) -> None:
    attrs: dict[str, AttributeValue] = {**HNSW, "ef_runtime": 33}
    definition = created(
        server,
        index(
            Field("title", FieldType.TEXT, "title"),
            Field("body", FieldType.TEXT, "body"),
            Field("v", FieldType.VECTOR, "v", attrs),
            Field("f", FieldType.VECTOR, "f", FLAT),
            temporary=1000,
        ),
    )
    snapshot = read_snapshot(watcher, "idx")
    assert snapshot.definition == evolve(
        definition.with_field("v", Field("v", FieldType.VECTOR, "v", HNSW)), temporary=UNKNOWN_SECONDS
    )
    assert snapshot.unreadable == (
        "EF_RUNTIME, EPSILON of v (FT.DEBUG is not allowed here)",
        "BLOCK_SIZE of f (FT.DEBUG is not allowed here)",
    )


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("seconds", [2, 60, 86400])
def test_a_temporary_index_keeps_its_time(server: Server, seconds: int) -> None:
    created(server, index(temporary=seconds))
    assert read_definition(server, "idx").temporary == seconds
    assert read_definition(server, "idx").temporary == seconds


def test_stats_tell_of_documents_that_failed(server: Server) -> None:
    created(server, index())
    server.command("HSET", "d:1", "n", "1")
    server.command("HSET", "d:2", "n", "one")
    stats = read_stats(server, "idx")
    assert (stats.num_docs, stats.hash_indexing_failures, stats.percent_indexed) == (1, 1, 1.0)


def test_neighbours_are_those_whose_prefixes_overlap(server: Server) -> None:
    mine = created(server, index(prefix="doc:"))
    created(server, index(name="narrower", prefix="doc:new:"))
    created(server, index(name="wider", prefix="do"))
    created(server, index(name="every", prefix=""))
    created(server, index(name="apart", prefix="docs:"))
    created(server, evolve(index(name="second"), prefixes=("x:", "doc:")))
    json = (Field("n", FieldType.NUMERIC, "$.n"),)
    created(server, IndexDefinition("json", Storage.JSON, ("doc:",), json))
    assert [each.name for each in read_overlapping_indexes(server, mine)] == ["every", "narrower", "second", "wider"]
