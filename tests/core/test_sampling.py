"""What plugins see of the documents while a plan is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from time import sleep

import pytest
from attrs import define, field
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's

from fieldfare import hookimpl
from fieldfare.api import MigrationPlanner
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.errors import PluginBroken
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import Claim, Step
from fieldfare.plan.file import fingerprint
from fieldfare.planning.key_sample import sample_keys
from fieldfare.planning.planner import build_live_index
from fieldfare.planning.sampling import KEPT_KEYS, KEY_BATCH, LISTED_KEYS, DocumentSampler
from fieldfare.server import Server
from fieldfare.server.inspect import OtherIndexes, read_snapshot
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.restartable_server import RestartableServer
from fieldfare.testing.servers import clear

COUNT = 600


@define(eq=False)
class Appender:
    """Puts a word behind the values of the fields that a request names, and remembers what it saw before."""

    seen: list[list[Batch]] = field(factory=list)

    @hookimpl
    def fieldfare_classify(self, change: Change, live: LiveIndex) -> Claim | None:
        """Look at two fields."""
        if not isinstance(change, CustomChange):
            return None
        self.seen.append(list(live.sample(["a", "b"], COUNT)))
        return Claim.supported(rewrites_documents=True)

    @hookimpl
    def fieldfare_plan_steps(self, change: CustomChange) -> Sequence[Step]:
        """Rewrite what the request names."""
        return [Step.rewrite("test.append", change.params["fields"], params=change.params)]

    @hookimpl
    def fieldfare_transform(self, step: Step, batch: Batch) -> Batch:
        """Append the word, and say so."""
        word: str = step.params["word"]
        for name in step.fields:
            batch = batch.replace(name, [value and value + word.encode() for value in batch[name]])
        if word == "broken":
            raise ZeroDivisionError
        return batch.note("appended", step.fields[0], [0])


def plan(server: Server, *requests: tuple[str, list[str]]) -> list[list[Batch]]:
    """Plan a request after the other; return what each of them saw."""
    server.bulk([("HSET", f"d:{row}", "a", "old", "b", f"b{row}", "c", "c") for row in range(COUNT)])
    server.command("HDEL", "d:7", "a")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "a", "TAG")
    plugins = load_plugins(blocked=["acme_redact"])
    appender = Appender()
    plugins.register(appender, "test", "1")
    custom = [{"kind": "test.append", "word": word, "fields": fields} for word, fields in requests]
    patch = {"version": 1, "changes": {"custom": custom}}
    MigrationPlanner(plugins=plugins).create_plan_from_patch("i", schema_patch=patch, server=server)
    return appender.seen


def values(batches: Sequence[Batch], name: str) -> set[bytes | None]:
    return {value for batch in batches for value in batch[name]}


def test_a_change_sees_documents_as_earlier_ones_will_leave_them(server: Server) -> None:
    first, second, third = plan(server, ("1", ["a"]), ("2", ["a", "c"]), ("3", ["c"]))
    assert values(first, "a") == {b"old", None}
    assert values(second, "a") == {b"old1", None}
    assert values(third, "a") == {b"old12", None}
    numbered = {b"b%d" % row for row in range(COUNT)}
    for seen in (first, second, third):
        assert values(seen, "b") == numbered
        assert [len(batch) for batch in seen] == [500, 100]
        assert all(set(batch.columns) == {"a", "b"} and not batch.notes for batch in seen)
    keys = [[batch.keys for batch in seen] for seen in (first, second, third)]
    assert keys[0] == keys[1] == keys[2]


def test_fields_that_only_an_earlier_step_reads_reach_it(server: Server) -> None:
    _, _, third = plan(server, ("1", ["c", "b"]), ("2", ["c"]), ("3", ["a"]))
    assert values(third, "b") == {b"b%d1" % row for row in range(COUNT)}
    assert values(third, "a") == {b"old", None}


def test_a_transform_that_fails_is_named_while_planning(server: Server) -> None:
    with pytest.raises(PluginBroken, match="test"):
        plan(server, ("broken", ["a"]), ("2", ["a"]))
    assert server.command("HGET", "d:1", "a") == b"old"


def sampled(server: Server, limit: int, rows: Sequence[int]) -> tuple[list[bytes], list[bytes]]:
    """Write documents in this order into a live index; return the keys of two samples, the second half as large."""
    clear(server)
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "a", "TAG")
    server.bulk([("HSET", f"d:{row}", "a", "old") for row in rows])
    live = build_live_index(server, read_snapshot(server, "i"), other_indexes=OtherIndexes())
    larger, smaller = (live.sample(["a"], each) for each in (limit, limit // 2))
    return [key for batch in larger for key in batch.keys], [key for batch in smaller for key in batch.keys]


def test_a_sample_is_spread_over_the_whole_index(server: Server) -> None:
    larger, smaller = sampled(server, 1000, range(4000))
    numbers = [int(key.removeprefix(b"d:")) for key in larger]
    assert len(set(numbers)) == 1000
    assert [sum(start <= each < start + 1000 for each in numbers) for start in range(0, 4000, 1000)] == pytest.approx(
        [250] * 4, abs=60
    )
    assert smaller == larger[:500]


def test_a_larger_sample_is_drawn_from_the_same_keys(server: Server) -> None:
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "a", "TAG")
    server.bulk([("HSET", f"d:{row}", "a", "old") for row in range(100)])
    live = build_live_index(server, read_snapshot(server, "i"), other_indexes=OtherIndexes())
    smaller = [key for batch in live.sample(["a"], 10) for key in batch.keys]
    server.bulk([("HSET", f"d:{row}", "a", "new") for row in range(100, 200)])
    larger = [key for batch in live.sample(["a"], 200) for key in batch.keys]
    assert larger[:10] == smaller
    assert set(larger) == {b"d:%d" % row for row in range(100)}


def sampler_of(server: Server, count: int, prefixes: Sequence[str] = ("d:",)) -> DocumentSampler:
    """Return the sampler of an index with some documents, the only keys of the server."""
    server.command("FT.CREATE", "i", "PREFIX", len(prefixes), *prefixes, "SCHEMA", "a", "TAG")
    server.bulk([("HSET", f"{prefixes[row % len(prefixes)]}{row}", "a", "old") for row in range(count)])
    wait_until_indexed(server, "i")
    server.command("CONFIG", "RESETSTAT")
    return DocumentSampler(server, read_snapshot(server, "i"))


def scans(server: Server) -> int:
    """Return how often keys were listed since the documents were there."""
    calls: int = server.nodes()[0].info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"]
    return calls


def test_some_keys_suffice_where_the_server_has_nothing_but_documents(server: Server) -> None:
    count = 3 * LISTED_KEYS
    sampler = sampler_of(server, count)
    smaller = sampler.keys(1000)
    assert sampler.key_count == count
    assert scans(server) <= LISTED_KEYS / KEY_BATCH + 1
    thirds = Counter(int(key.removeprefix(b"d:")) // LISTED_KEYS for key in smaller)
    assert [thirds[number] for number in range(3)] == pytest.approx([333] * 3, abs=80)
    larger = sampler.keys(KEPT_KEYS + 1)
    assert (len(set(larger)), larger[:1000]) == (KEPT_KEYS + 1, smaller)


def test_a_sample_has_documents_of_each_prefix(server: Server) -> None:
    sampler = sampler_of(server, 3 * LISTED_KEYS, ("c:", "d:"))
    found = Counter(key[:2] for key in sampler.keys(1000))
    assert [found[b"c:"], found[b"d:"]] == pytest.approx([500, 500], abs=80)


def test_a_sample_has_documents_that_were_indexed_last_without_the_right_to_scan(server: Server) -> None:
    sampler = sampler_of(server, 3 * LISTED_KEYS)
    server.command("ACL", "SETUSER", "default", "-scan")
    try:
        thirds = Counter(int(key.removeprefix(b"d:")) // LISTED_KEYS for key in sampler.keys(1000))
    finally:
        server.command("ACL", "SETUSER", "default", "+scan")
    assert [thirds[number] for number in range(3)] == pytest.approx([333] * 3, abs=80)


def test_all_keys_are_listed_where_some_may_be_no_documents(server: Server) -> None:
    sampler = sampler_of(server, 2 * LISTED_KEYS)
    server.command("HSET", "d:later", "a", "new")
    sampler.keys(1000)
    assert sampler.key_count == 2 * LISTED_KEYS + 1
    assert scans(server) > LISTED_KEYS / KEY_BATCH + 1


@pytest.mark.parametrize(("prefix", "found"), [("other:", 0), ("d:1", 11), ("", 20), ("d:", 20)])
def test_keys_below_a_prefix_are_counted_where_documents_may_have_it(server: Server, prefix: str, found: int) -> None:
    sampler = sampler_of(server, 20)
    assert sampler.count(prefix) == found
    assert scans(server) == (found > 0)


def test_keys_of_others_are_counted(server: Server) -> None:
    sampler = sampler_of(server, 20)
    server.bulk([("HSET", f"other:{row}", "a", "theirs") for row in range(3)])
    assert sampler.count("other:") == 3


def test_who_wrote_documents_when_makes_no_other_sample(server: Server) -> None:
    assert sampled(server, 100, range(1500)) == sampled(server, 100, range(1499, -1, -1))


def test_a_plan_is_the_same_after_a_restart_and_in_whatever_order_documents_were_written(server: Server) -> None:
    plans = []
    for order in (range(COUNT), reversed(range(COUNT))):
        clear(server)
        server.bulk([("HSET", f"d:{row}", "a", f"{row}") for row in order])
        server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "a", "TEXT")
        wait_until_indexed(server, "idx")
        patch = {"version": 1, "changes": {"update_fields": [{"name": "a", "attrs": {"sortable": True}}]}}
        plans.append(MigrationPlanner().create_plan_from_patch("idx", schema_patch=patch, server=server))
    assert len(plans[0].source.key_sample) == 10
    assert fingerprint(plans[0]) == fingerprint(plans[1])


def test_a_restarted_server_gives_the_same_plan() -> None:
    patch = {"version": 1, "changes": {"update_fields": [{"name": "a", "attrs": {"sortable": True}}]}}
    plans = []
    with RestartableServer() as restartable:
        with restartable.connect() as server:
            server.bulk([("HSET", f"d:{row}", "a", f"{row}") for row in range(COUNT)])
            server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "a", "TEXT")
            server.bulk([("HSET", f"d:{row}", "a", f"new {row}") for row in range(0, COUNT, 7)])
        for _ in range(2):
            with restartable.connect() as server:
                wait_until_indexed(server, "idx")
                plans.append(MigrationPlanner().create_plan_from_patch("idx", schema_patch=patch, server=server))
                with suppress(ConnectionError):
                    server.command("SHUTDOWN", "SAVE")
            while not restartable.embedded.has_ended:
                sleep(0.01)
            restartable.repair()
    assert fingerprint(plans[0]) == fingerprint(plans[1])


@pytest.mark.parametrize("count", [0, 1, 100, 6000, 30_000])
def test_a_sample_of_many_keys_depends_neither_on_their_order_nor_on_repeated_ones(count: int) -> None:
    keys = [b"doc:%d" % number for number in range(20_000)]
    sample = sample_keys(keys, count, seed=1)
    assert len(set(sample)) == len(sample) == min(count, len(keys))
    assert sample_keys([*keys[:500], *reversed(keys)], count, seed=1) == sample
    assert sample_keys(keys, 30_000, seed=1)[:count] == sample


def test_keys_that_a_scan_repeats_take_no_place_of_others() -> None:
    keys = [b"doc:%d" % number for number in range(20_000)]
    repeated = [*(keys[:50] * 200), *keys[50:]]
    assert sample_keys(repeated, 100, seed=1) == sample_keys(keys, 100, seed=1)
