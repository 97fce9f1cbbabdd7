"""The mode ``shadow`` where a plan rewrites several fields of a document, and applications write some of these."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Final

from fieldfare.engine.shadow_pairs.synchronization import ATTEMPTS
from fieldfare.report import Result
from fieldfare.server import Server
from shadow_migration import DOCUMENTS, SHAPES, Migration
from two_vectors import applied, listening, new_form, old_form, values

TWO_CONVERTED: Final = {"update_fields": [{"name": name, "attrs": {"datatype": "float16"}} for name in "ab"]}
ONE_RENAMED: Final = {
    "update_fields": [{"name": "a", "attrs": {"datatype": "float16"}}],
    "rename_fields": [{"old_name": "b", "new_name": "c"}],
}


def test_a_rollback_converts_back_one_field_of_a_document_whose_other_field_is_outdated(
    server: Server, tmp_path: Path
) -> None:
    migration = applied(server, tmp_path / "backup", TWO_CONVERTED)
    server.command("HSET", "d:1", "a", old_form(100), "b__v2", new_form(200))
    assert migration.rollback() is Result.ROLLED_BACK
    assert values(server, "a", "b", "a__v2", "b__v2") == [old_form(100), old_form(200), None, None]


def test_a_new_name_that_an_application_wrote_before_the_switch_is_known_to_be_older_than_its_later_writes(
    server: Server, tmp_path: Path
) -> None:
    migration = applied(server, tmp_path / "backup", ONE_RENAMED, switch=False)
    server.command("HSET", "d:1", "a", old_form(100), "c", old_form(200))
    migration.sync()
    assert values(server, "a__v2", "c") == [new_form(100), old_form(200)]
    server.command("HSET", "d:1", "b", old_form(300))
    migration.sync()
    assert values(server, "a__v2", "c") == [new_form(100), old_form(300)]


def test_a_document_that_is_written_while_its_missing_shadow_field_is_made_is_decided_about_by_its_history(
    server: Server, tmp_path: Path
) -> None:
    migration = applied(server, tmp_path / "backup", TWO_CONVERTED)
    written = list[int]()
    for moment in range(1, 25):
        server.command("HSET", "d:1", "b", old_form(100 + moment))
        migration.sync()
        server.command("HDEL", "d:1", "a__v2")
        sends: Counter[str] = Counter()

        def write(point: str, seed: int = moment, sends: Counter[str] = sends) -> None:
            sends[point] += point.startswith("sync:")
            if point.startswith("sync:") and sends.total() == seed:
                written.append(seed)
                server.command("HSET", "d:1", "b__v2", new_form(1))  # by a new version that had read it long before
                server.command("HSET", "d:1", "b", old_form(200 + seed))  # by an old version, and later

        with listening(write):
            migration.sync()
        migration.sync()
        b = server.command("HGET", "d:1", "b")
        assert values(server, "a__v2", "b__v2") == [new_form(1), migration.shape.converted(b)], moment
    assert written, "it was never written meanwhile"


def test_a_document_of_which_both_fields_are_written_while_one_shadow_field_is_made_is_decided_about_by_its_history(
    server: Server, tmp_path: Path
) -> None:
    migration = applied(server, tmp_path / "backup", TWO_CONVERTED)
    keys = [f"d:{row}" for row in range(DOCUMENTS)]
    server.bulk([("HSET", key, "b", old_form(300)) for key in keys])
    migration.sync()
    server.bulk([("HDEL", key, "a__v2") for key in keys])
    left = enumerate(keys)

    def write(point: str) -> None:
        if point.startswith("sync:") and (found := next(left, None)):
            row, key = found
            server.command("HSET", key, "b__v2", new_form(row))  # by a new version that had read it long before
            server.command("HSET", key, "a", old_form(100), "b", old_form(200))  # by an old version, and later

    with listening(write):
        migration.sync()
    written = len(keys) - len([*left])
    assert written > 3
    migration.sync()
    for row, key in enumerate(keys):
        expected = (100, 200) if row < written else (row, 300)
        assert server.command("HMGET", key, "a__v2", "b__v2") == [new_form(seed) for seed in expected], row


def test_a_document_that_is_written_all_the_time_has_a_shadow_field(server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    seeds = itertools.count(1000)
    points: Counter[str] = Counter()

    def write(point: str) -> None:
        if point.endswith("server.send:before") and server.command("HEXISTS", "d:1", "v__v2"):
            points[point] += 1
            server.command(*migration.shape.update("d:1", next(seeds)))

    with listening(write):
        assert migration.apply(switch=False) is Result.SUCCEEDED
    assert points["rewrite:server.send:before"] > ATTEMPTS
    migration.sync()
    assert migration.outdated() == {}


def test_a_rollback_converts_back_a_field_of_a_document_that_had_the_new_name_of_another_one(
    server: Server, tmp_path: Path
) -> None:
    server.command("HSET", "d:1", "c", old_form(50))
    migration = applied(server, tmp_path / "backup", ONE_RENAMED, on_conflict="keep-old")
    server.command("HSET", "d:1", "a__v2", new_form(200))
    assert migration.rollback() is Result.ROLLED_BACK
    assert values(server, "a", "b", "c", "a__v2") == [old_form(200), old_form(1), old_form(50), None]


def test_a_rollback_restores_a_document_that_had_the_new_names_of_two_fields_and_the_old_name_of_one(
    server: Server, tmp_path: Path
) -> None:
    server.command("HSET", "d:x", "c", old_form(50), "b", old_form(60), "e", old_form(70))
    renames = {"rename_fields": [{"old_name": old, "new_name": new} for old, new in ("ac", "be")]}
    before = server.command("HGETALL", "d:x")
    migration = applied(server, tmp_path / "backup", renames, on_conflict="keep-old")
    assert server.command("HMGET", "d:x", "a", "b", "c", "e") == [None, old_form(60), old_form(50), old_form(60)]
    assert migration.rollback() is Result.ROLLED_BACK
    assert server.command("HGETALL", "d:x") == before
