"""One scan draws the keys of several indexes, and finds of each what a scan for it alone finds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fieldfare.definition import Snapshot
from fieldfare.planning import shared_listing
from fieldfare.planning.sampling import DocumentSampler
from fieldfare.planning.shared_listing import DRAWN_KEYS, MOST_KEYS, SharedListing
from fieldfare.server import Server
from fieldfare.server.inspect import read_snapshot
from fieldfare.testing.indexing import wait_until_indexed

HASHES = {"first": ["t:1:"], "second": ["t:2:", "other:"], "inner": ["t:1:2", "t:1:2:3"]}


def create(server: Server, name: str, prefixes: Sequence[str], *options: str | int) -> Snapshot:
    server.command("FT.CREATE", name, *options, "PREFIX", len(prefixes), *prefixes, "SCHEMA", "a", "TAG")
    wait_until_indexed(server, name)
    return read_snapshot(server, name)


@pytest.fixture
def snapshots(server: Server) -> list[Snapshot]:
    """Three indexes over hashes, two of them over some of the same keys, beside keys of others."""
    server.bulk([("HSET", f"t:{row % 3}:{row}", "a", "x") for row in range(3000)])
    server.bulk([("HSET", f"other:{row}", "a", "x") for row in range(10)])
    server.bulk([("SET", f"t:1:text{row}", "x") for row in range(10)])
    return [create(server, name, prefixes) for name, prefixes in HASHES.items()]


def scans(server: Server) -> int:
    """Return how many scans of all keys were begun since the last call."""
    calls: int = server.nodes()[0].info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"]
    server.command("CONFIG", "RESETSTAT")
    return calls


def test_each_index_gets_the_sample_and_the_count_that_it_gets_alone(server: Server, snapshots: list[Snapshot]) -> None:
    alone = [DocumentSampler(server, each) for each in snapshots]
    expected = [(each.keys(500), each.key_count) for each in alone]
    scans(server)
    listing = SharedListing(server, snapshots)
    together = [DocumentSampler(server, each, listing) for each in snapshots]

    assert [(each.keys(500), each.key_count) for each in together] == expected
    assert scans(server) == 1
    assert [count for _, count in expected] == [1000, 1010, 369]


def test_a_larger_sample_begins_with_the_same_keys(server: Server, snapshots: list[Snapshot]) -> None:
    server.bulk([("HSET", f"t:1:more{row}", "a", "x") for row in range(DRAWN_KEYS)])
    sampler = DocumentSampler(server, snapshots[0], SharedListing(server, snapshots))
    smaller = sampler.keys(DRAWN_KEYS)
    larger = sampler.keys(DRAWN_KEYS + 1)

    assert (len(smaller), len(set(larger)), sampler.key_count) == (DRAWN_KEYS, DRAWN_KEYS + 1, 1000 + DRAWN_KEYS)
    assert larger[:DRAWN_KEYS] == smaller


def test_two_indexes_are_listed_one_by_one(server: Server, snapshots: list[Snapshot]) -> None:
    listing = SharedListing(server, snapshots[:2])

    assert [listing.take(each.definition.name) for each in snapshots] == [None] * 3


def test_indexes_of_all_keys_of_the_server_are_listed_one_by_one_for_some_keys_suffice(server: Server) -> None:
    server.bulk([("HSET", f"t:{row}", "a", "x") for row in range(DRAWN_KEYS + 1)])
    snapshots = [create(server, name, ["t:"]) for name in HASHES]
    listing = SharedListing(server, snapshots)

    assert [listing.take(name) for name in HASHES] == [None] * 3

    server.command("HSET", "other", "a", "x")
    drawn = SharedListing(server, snapshots).take("first")
    assert drawn is not None
    assert (len(drawn.keys), drawn.count) == (DRAWN_KEYS, DRAWN_KEYS + 1)


def test_large_indexes_are_listed_one_by_one(
    server: Server, snapshots: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_listing, "MOST_DOCUMENTS", 2000)
    listing = SharedListing(server, snapshots)

    assert [listing.take(each.definition.name) for each in snapshots] == [None] * 3


def test_keys_are_taken_once_so_that_a_second_plan_sees_new_ones(server: Server, snapshots: list[Snapshot]) -> None:
    listing = SharedListing(server, snapshots)

    assert listing.take("inner") is not None
    assert listing.take("inner") is None
    assert listing.take("first") is not None
    assert listing.take("unknown") is None


def test_each_kind_of_documents_has_a_scan_and_an_index_with_a_filter_has_its_own(
    server: Server, snapshots: list[Snapshot]
) -> None:
    filtered = create(server, "filtered", ["t:"], "FILTER", "@a=='x'")
    server.command("JSON.SET", "t:1:json", "$", '{"a": "x"}')
    jsons = ["json1", "json2", "json3"]
    for name in jsons:
        server.command("FT.CREATE", name, "ON", "JSON", "PREFIX", 1, "t:", "SCHEMA", "$.a", "AS", "a", "TAG")
    listing = SharedListing(server, [filtered, *(read_snapshot(server, name) for name in jsons), *snapshots])
    scans(server)

    taken = {name: listing.take(name) for name in ("filtered", "first", *jsons, "inner", "second")}

    assert scans(server) == 2
    assert taken["filtered"] is None
    assert [each.keys if each else None for each in map(taken.get, jsons)] == [[b"t:1:json"]] * 3
    assert [each.count if each else None for each in map(taken.get, HASHES)] == [1000, 1010, 369]


def test_who_may_not_scan_gets_the_keys_from_each_index(server: Server, snapshots: list[Snapshot]) -> None:
    expected = [DocumentSampler(server, each).keys(500) for each in snapshots]
    server.command("ACL", "SETUSER", "default", "-scan")
    try:
        listing = SharedListing(server, snapshots)
        assert [DocumentSampler(server, each, listing).keys(500) for each in snapshots] == expected
    finally:
        server.command("ACL", "SETUSER", "default", "+scan")


def test_one_scan_draws_a_limited_number_of_keys(server: Server, snapshots: list[Snapshot]) -> None:
    count = MOST_KEYS // DRAWN_KEYS + 3
    more = [create(server, f"more{number:03}", ["t:1:"]) for number in range(count)]
    listing = SharedListing(server, more)
    scans(server)

    taken = [listing.take(each.definition.name) for each in more]

    assert scans(server) == 2
    assert all(each is not None and each.count == 1000 for each in taken)
    assert snapshots
