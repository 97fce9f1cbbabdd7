"""The mode ``alter``: fields are added to the index as it is, and it answers all the time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import MigrationIncomplete, PreconditionError, StalePlan
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.inspect import list_indexes, read_definition
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.server.search import count_results
from fieldfare.testing.digest import database_digest, index_state, read_state
from fieldfare.testing.indexing import wait_until_indexed

DOCUMENTS = 300
CHANGES = {
    "add_fields": [
        {"name": "kind", "type": "tag"},
        {"name": "weight", "type": "numeric", "attrs": {"sortable": True}},
    ]
}


def load(server: Server, storage: str) -> None:
    documents: list[dict[str, str | int]] = [
        {"title": f"word{row}", "kind": "ab"[row % 2], "weight": row} for row in range(DOCUMENTS)
    ]
    if storage == "json":
        server.bulk([("JSON.SET", f"d:{row}", "$", json.dumps(each)) for row, each in enumerate(documents)])
        schema = ["$.title", "AS", "title", "TEXT"]
    else:
        server.bulk(
            [
                ("HSET", f"d:{row}", *(part for pair in each.items() for part in pair))
                for row, each in enumerate(documents)
            ]
        )
        schema = ["title", "TEXT"]
    server.command("FT.CREATE", "books", "ON", storage.upper(), "PREFIX", 1, "d:", "SCHEMA", *schema)
    server.command("FT.SYNUPDATE", "books", "group", "word1", "first")
    server.command("FT.ALIASADD", "news", "books")
    wait_until_indexed(server, "books")


def make_plan(server: Server, storage: str = "hash") -> MigrationPlan:
    changes: dict[str, Any] = json.loads(json.dumps(CHANGES))
    if storage == "json":
        for each in changes["add_fields"]:
            each["path"] = f"$.{each['name']}"
    patch = {"version": 1, "mode": "alter", "changes": changes}
    return MigrationPlanner().create_plan_from_patch("news", schema_patch=patch, server=server)


@contextmanager
def queries(url: str, name: str, query: str, expected: int) -> Iterator[list[object]]:
    """Query all the time, and give what was answered otherwise than expected."""
    wrong: list[object] = []
    stop, asked = threading.Event(), threading.Event()

    def ask() -> None:
        with connect(url) as server:
            while not stop.is_set():
                try:
                    found = count_results(server, name, query)
                except Exception as error:  # noqa: BLE001 - every error is one that the application sees
                    wrong.append(error)
                else:
                    if found != expected:
                        wrong.append(found)
                asked.set()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert asked.wait(120)
        yield wrong
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("storage", ["hash", "json"])
def test_fields_are_added_while_the_index_answers(storage: str, server: Server, redis_url: str, tmp_path: Path) -> None:
    load(server, storage)
    before = read_state(server)
    plan = make_plan(server, storage)
    executor = MigrationExecutor()
    with queries(redis_url, "news", "*", DOCUMENTS) as wrong:
        report = executor.apply(plan, server=server, backup_dir=tmp_path)
    assert wrong == []
    assert report.result is Result.SUCCEEDED
    assert report.mode == "alter"
    assert report.timings.downtime_duration_seconds == 0
    assert count_results(server, "news", "@kind:{a}") == DOCUMENTS / 2
    assert count_results(server, "books", "@weight:[0 9]") == 10
    assert count_results(server, "books", "first") == 1, "synonyms stay"
    assert database_digest(server) == before[0]
    assert executor.apply(plan, server=server, backup_dir=tmp_path).result is Result.NOTHING_TO_DO

    with queries(redis_url, "news", "*", DOCUMENTS) as wrong, queries(redis_url, "books", "*", DOCUMENTS) as wrong_too:
        undone = executor.rollback(server=server, backup_dir=tmp_path)
    assert wrong + wrong_too == []
    assert undone.validation.passed
    assert database_digest(server) == before[0]
    assert list_indexes(server) == ["books__v2"], "the source, built again beside the altered index"
    assert read_definition(server, "news") == read_definition(server, "books")
    assert read_definition(server, "books").fields == before[1]["books"][0].fields
    assert count_results(server, "books", "first") == 1


@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "after a rollback without it"])
def test_a_rollback_can_give_the_name_back_to_the_index(server: Server, tmp_path: Path, *, is_late: bool) -> None:
    load(server, "hash")
    before = read_state(server)
    executor = MigrationExecutor()
    executor.apply(make_plan(server), server=server, backup_dir=tmp_path)
    if is_late:
        executor.rollback(server=server, backup_dir=tmp_path)
        assert list_indexes(server) == ["books__v2"]
    undone = executor.rollback(server=server, backup_dir=tmp_path, restore_own_name=True)
    assert undone.validation.passed
    assert undone.timings.downtime_duration_seconds > 0
    assert read_state(server) == before
    assert read_definition(server, "news").name == "books"


def test_a_field_name_that_is_an_option_of_ft_create(server: Server, tmp_path: Path) -> None:
    load(server, "hash")
    patch = {
        "version": 1,
        "changes": {"add_fields": [{"name": "kind", "type": "text"}, {"name": "weight", "type": "numeric"}]},
    }
    plan = MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server, mode="alter")
    assert MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path).validation.passed
    assert [each.name for each in read_definition(server, "books").fields] == ["title", "kind", "weight"]
    assert count_results(server, "books", "@weight:[7 7]") == 1


def test_an_index_that_somebody_altered_is_left_alone(server: Server, tmp_path: Path) -> None:
    load(server, "hash")
    plan = make_plan(server)
    server.command("FT.ALTER", "books", "SCHEMA", "ADD", "other", "TAG")
    with pytest.raises(StalePlan, match="other"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)


def test_another_field_that_came_after_a_run_keeps_the_rollback_from_dropping_the_index(
    server: Server, tmp_path: Path
) -> None:
    load(server, "hash")
    MigrationExecutor().apply(make_plan(server), server=server, backup_dir=tmp_path)
    server.command("FT.ALTER", "books", "SCHEMA", "ADD", "other", "TAG")
    before = read_state(server)
    with pytest.raises(Exception, match="has changed since the plan was made"):
        MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    assert read_state(server) == before
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path, force=True).validation.passed


def test_a_missing_right_is_found_before_anything_is_added(server: Server, redis_url: str, tmp_path: Path) -> None:
    load(server, "hash")
    plan, before = make_plan(server), (database_digest(server), index_state(server))
    server.command("ACL", "SETUSER", "somebody", "reset", "on", ">secret", "~*", "&*", "+@all", "-ft.alter")
    try:
        with (
            connect(redis_url.replace("redis://", "redis://somebody:secret@")) as restricted,
            pytest.raises(CommandNotAllowed, match=r"the right \+ft\.alter is missing"),
        ):
            MigrationExecutor().apply(plan, server=restricted, backup_dir=tmp_path)
    finally:
        server.command("ACL", "DELUSER", "somebody")
    assert (database_digest(server), index_state(server)) == before


def test_a_document_that_the_new_field_cannot_hold_is_found_before(server: Server, tmp_path: Path) -> None:
    load(server, "hash")
    server.bulk([("HSET", f"d:{row}", "weight", "heavy") for row in range(DOCUMENTS)])
    wait_until_indexed(server, "books")
    before = read_state(server)
    with pytest.raises(PreconditionError, match="would not be in the new index") as caught:
        MigrationExecutor().apply(make_plan(server), server=server, backup_dir=tmp_path)
    assert not isinstance(caught.value, MigrationIncomplete)
    assert read_state(server) == before
