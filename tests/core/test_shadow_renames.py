"""Renaming fields in documents in the mode ``shadow``: values that applications have under the new name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from fieldfare.api import MigrationPlanner
from fieldfare.engine.shadow_paths import COPY
from fieldfare.errors import PlanEdited, PreconditionError, UnconvertibleDocuments
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.search import count_results
from fieldfare.testing.digest import read_state
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed
from shadow_migration import DIMS, DOCUMENTS, RENAMED, SHAPES, Migration, Shape, vector

PLAIN = {"hash": Shape("hash", {}, "v", "w", name="w"), "json": RENAMED["json-rename"]}


@pytest.fixture(params=PLAIN)
def migration(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Migration:
    found = Migration(PLAIN[request.param], server, tmp_path / "backup")
    found.fill()
    return found


def has(migration: Migration, key: str, *, old: float | None, new: float | None) -> bool:
    """Whether a document has the vectors of these seeds under the two names."""
    shape, server = migration.shape, migration.server
    found = [shape.read(server, key, path) for path in (shape.path, shape.shadow)]
    expected = []
    for seed in (old, new):
        server.bulk([shape.write("other", 0), shape.update("other", 0 if seed is None else seed)])
        expected.append(None if seed is None else shape.read(server, "other", shape.path))
    server.command("DEL", "other")
    return found == expected


def read_documents(server: Server) -> dict[bytes, Any]:
    """Return all documents; the members of an object have no order."""
    keys = server.command("KEYS", "d:*")
    is_json = server.command("TYPE", "d:1") != b"hash"
    return {key: json.loads(server.command("JSON.GET", key)) if is_json else server.client.hgetall(key) for key in keys}


def test_queries_name_the_new_field_and_documents_have_both_until_finalize(migration: Migration) -> None:
    plan = migration.plan()
    shape, server = migration.shape, migration.server
    assert plan.steps[0].summary == f"Copy {shape.path!r} to {shape.shadow!r} in every document"
    assert not any("nothing is written to disk" in line for line in load_plugins().estimate(plan).lines)
    migration.apply(plan)
    assert has(migration, "d:1", old=1, new=1)
    assert count_results(server, "books", "@t:(word 1)") > 0
    assert migration.finalize() is Result.SUCCEEDED
    assert has(migration, "d:1", old=None, new=1)


def test_documents_with_both_names_stop_the_run_before_it_changes_anything(migration: Migration) -> None:
    shape, server = migration.shape, migration.server
    server.bulk([shape.write_shadow("d:1", 900), shape.write_shadow("d:2", 2)])
    before = read_state(server)
    with pytest.raises(UnconvertibleDocuments, match="both exist in 1 document, such as d:1") as error:
        migration.apply()
    assert "--on-conflict keep-old" in str(error.value)
    assert read_state(server) == before


@pytest.mark.parametrize(("choice", "kept"), [("keep-old", 1), ("keep-new", 900)])
@pytest.mark.parametrize("is_finalized", [False, True])
def test_the_user_says_which_value_is_kept(
    choice: str, kept: float, migration: Migration, *, is_finalized: bool
) -> None:
    shape, server = migration.shape, migration.server
    # both names, both with the same value, and the new one alone
    server.bulk([shape.write_shadow("d:1", 900), shape.write_shadow("d:2", 2), shape.write_shadow("d:4", 901)])
    before = read_documents(server)
    assert migration.apply(on_conflict=choice) is Result.SUCCEEDED
    assert has(migration, "d:1", old=1, new=kept)
    assert has(migration, "d:4", old=None, new=901)
    if is_finalized:
        assert migration.finalize() is Result.SUCCEEDED
        assert has(migration, "d:1", old=None, new=kept)
        assert has(migration, "d:4", old=None, new=901)
    assert migration.rollback() is Result.ROLLED_BACK
    assert read_documents(server) == before


@pytest.mark.parametrize(("choice", "former"), [("keep-old", 1), ("keep-new", 900)])
@pytest.mark.parametrize("written", [700, 900], ids=["another value", "the former value"])
@pytest.mark.parametrize("last", ["apply", "sync", "finalize"])
def test_a_rollback_converts_back_what_an_application_wrote_over_a_former_value(
    choice: str, former: float, written: float, last: str, migration: Migration
) -> None:
    shape, server = migration.shape, migration.server
    # both names, and the new one alone
    server.bulk([shape.write_shadow("d:1", 900), shape.write_shadow("d:2", 900), shape.write_shadow("d:4", 901)])
    migration.apply(on_conflict=choice)
    assert has(migration, "d:1", old=1, new=former)
    old: float | None = 300 if former == written else 1
    if old == 300:  # a value that the run replaces, so that the former one is an application's when it is there again
        server.command(*shape.update("d:1", 300))
        migration.sync()
        assert has(migration, "d:1", old=300, new=300)
    if last == "finalize":
        migration.finalize()
        old = None
    server.bulk([shape.write_shadow("d:1", written), shape.write_shadow("d:4", 701)])
    if last == "sync":
        migration.sync()
    assert has(migration, "d:1", old=old, new=written)
    report = migration.executor.rollback(server=server, backup_dir=migration.backup_dir)
    assert has(migration, "d:1", old=written, new=written)
    assert has(migration, "d:2", old=2, new=900)
    assert has(migration, "d:4", old=701, new=701)
    assert {note.kind: note.count for note in report.notes if note.kind != "both names"} == {"converted back": 2}


@pytest.mark.parametrize("attrs", [{"datatype": "float16"}, {"dims": 2}], ids=["float16", "dims"])
@pytest.mark.parametrize("is_finalized", [False, True])
def test_a_converted_value_that_an_application_wrote_over_a_former_one(
    attrs: dict[str, Any], server: Server, tmp_path: Path, *, is_finalized: bool
) -> None:
    shape = Shape("hash", attrs, "v", "w", name="w")
    migration = Migration(shape, server, tmp_path / "backup")
    migration.fill()
    server.bulk([shape.write_shadow("d:1", 900), shape.write_shadow("d:2", 900)])
    migration.apply(on_conflict="keep-old")
    if is_finalized:
        migration.finalize()
    server.command(*shape.write_shadow("d:1", 700))
    report = migration.executor.rollback(server=server, backup_dir=migration.backup_dir)
    old, new = (vector(seed)[: attrs.get("dims", DIMS)] for seed in (900, 700))
    assert migration.values("d:1") == (vector(700 if shape.has_way_back else 1), new)
    assert migration.values("d:2") == (vector(2), old)
    kind = "converted back" if shape.has_way_back else "written in the new form"
    assert {note.kind: note.count for note in report.notes if note.kind != "both names"} == {kind: 1}


def test_an_old_version_that_writes_a_document_with_both_names_is_heard(migration: Migration) -> None:
    shape, server = migration.shape, migration.server
    server.bulk([shape.write_shadow("d:1", 900), shape.write_shadow("d:4", 901)])
    migration.apply(on_conflict="keep-new", switch=False)
    server.bulk([shape.update("d:1", 700), shape.update("d:4", 701)])
    migration.executor.switch(server=server, backup_dir=migration.backup_dir)
    assert has(migration, "d:1", old=700, new=700)
    assert has(migration, "d:4", old=701, new=701)
    assert migration.rollback() is Result.ROLLED_BACK
    assert has(migration, "d:1", old=700, new=900)
    assert has(migration, "d:4", old=701, new=901)


def test_what_applications_write_under_the_new_name_before_the_switch_stays(migration: Migration) -> None:
    shape, server = migration.shape, migration.server
    migration.apply(switch=False)
    whole = shape.write("d:new", 0)
    server.bulk([shape.write_shadow("d:1", 900), whole, shape.remove("d:new"), shape.write_shadow("d:new", 902)])
    server.bulk([shape.remove("d:6"), shape.write_shadow("d:7", 903), shape.remove("d:7")])
    for _ in range(2):
        migration.sync()
        assert has(migration, "d:1", old=1, new=900)
        assert has(migration, "d:new", old=None, new=902)
        assert has(migration, "d:6", old=None, new=None)
        assert has(migration, "d:7", old=None, new=903)
    migration.executor.switch(server=server, backup_dir=migration.backup_dir)
    assert has(migration, "d:1", old=1, new=900)


@pytest.mark.parametrize("switch", [False, True])
def test_a_new_form_that_equals_what_an_older_value_became_is_left_alone(migration: Migration, *, switch: bool) -> None:
    migration.apply(switch=switch)
    shape, server = migration.shape, migration.server
    server.command(*shape.update("d:1", 700))
    migration.sync()
    assert has(migration, "d:1", old=700, new=700)
    server.command(*shape.write_shadow("d:1", 1))
    for _ in range(2):
        migration.sync()
        assert has(migration, "d:1", old=700, new=1)
    if not switch:
        migration.executor.switch(server=server, backup_dir=migration.backup_dir)
    migration.finalize()
    assert has(migration, "d:1", old=None, new=1)
    migration.rollback()
    assert has(migration, "d:1", old=1, new=None)


def test_a_restarted_server_that_has_lost_a_conversion_gets_it_again(
    private_server: PrivateServer, tmp_path: Path
) -> None:
    embedded = private_server(["--appendonly", "yes"])
    shape = PLAIN["hash"]
    with connect(embedded.url) as server:
        migration = Migration(shape, server, tmp_path / "backup")
        migration.fill()
        migration.apply()
        server.command(*shape.update("d:1", 700))
        migration.sync()
        server.command(*shape.write_shadow("d:1", 1))  # as the server has it that lost what sync wrote
    embedded.restart()
    with connect(embedded.url) as server:
        migration = evolve(migration, server=server)
        wait_until_indexed(server)
        migration.sync()
        assert has(migration, "d:1", old=700, new=700)


def test_a_restarted_server_that_has_lost_the_move_of_the_name_keeps_new_forms(
    private_server: PrivateServer, tmp_path: Path
) -> None:
    embedded = private_server(["--appendonly", "yes"])
    shape = SHAPES["hash-datatype"]
    with connect(embedded.url) as server:
        migration = Migration(shape, server, tmp_path / "backup")
        migration.fill()
        migration.apply()
        server.command(*shape.write_shadow("d:1", 700))
        server.command("FT.ALIASUPDATE", "books", "books_1")  # as the server has it that lost the move
    embedded.restart()
    with connect(embedded.url) as server:
        migration = evolve(migration, server=server)
        wait_until_indexed(server)
        theirs = shape.read(server, "d:1", shape.shadow)
        migration.finalize(force=True)
        assert shape.read(server, "d:1", shape.shadow) == theirs
        following = [each for each in server.nodes()[0].client_list() if "t" in each["flags"]]
        assert following == [], "what follows changes is closed"


def test_a_rewritten_field_with_values_under_the_new_name_needs_two_plans(server: Server, tmp_path: Path) -> None:
    migration = Migration(RENAMED["hash-rename-datatype"], server, tmp_path / "backup")
    migration.fill()
    server.bulk([migration.shape.write_shadow("d:4", 901)])
    with pytest.raises(UnconvertibleDocuments, match="'w' exists already in 1 document, such as d:4: use two plans"):
        migration.apply()


def test_a_plan_that_copies_to_another_name_than_it_says_is_refused(migration: Migration) -> None:
    plan = migration.plan()
    steps = [evolve(each, params={"moves": {"v": "t"}}) if each.kind == COPY else each for each in plan.steps]
    with pytest.raises(PlanEdited):
        migration.apply(evolve(plan, steps=tuple(steps)))


def plan_renames(server: Server, renames: dict[str, str], mode: str = "shadow", **changes: Any) -> MigrationPlan:
    pairs = [{"old_name": old, "new_name": new} for old, new in renames.items()]
    patch = {"version": 1, "changes": {"rename_fields": pairs, **changes}}
    return MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server, mode=mode)


@pytest.mark.parametrize(
    ("renames", "changes", "reason"),
    [
        ({"a": "c", "b": "a"}, {}, "it moves values to 'a', which the live index reads"),
        ({"a": "c"}, {"index": {"name": "library"}}, "then no name moves, and sync is not possible"),
    ],
)
def test_what_cannot_be_renamed_while_the_index_answers(
    renames: dict[str, str], changes: dict[str, Any], reason: str, server: Server
) -> None:
    server.command("FT.CREATE", "books", "PREFIX", 1, "d:", "SCHEMA", "a", "TAG", "b", "TAG")
    reasons = plan_renames(server, renames, **changes).blocked_reasons
    assert any(reason in each for each in reasons)
    assert any("--mode drop_recreate, or --logical-renames" in each for each in reasons)
    assert plan_renames(server, renames, "auto", **changes).mode == "drop_recreate"


def test_a_place_in_an_object_that_documents_may_lack(server: Server) -> None:
    server.command("FT.CREATE", "books", "ON", "JSON", "PREFIX", 1, "d:", "SCHEMA", "$.a", "AS", "a", "TAG")
    [reason] = plan_renames(server, {"a": "meta.a"}).blocked_reasons
    assert "it moves values to '$.meta.a', in an object that documents may lack" in reason
    assert plan_renames(server, {"a": "b"}, "auto").mode == "shadow"


def test_all_values_of_an_array_are_copied(server: Server, tmp_path: Path) -> None:
    server.bulk([("JSON.SET", f"d:{row}", "$", json.dumps({"tags": ["x", f"y{row}"]})) for row in range(DOCUMENTS)])
    server.command("FT.CREATE", "books", "ON", "JSON", "PREFIX", 1, "d:", "SCHEMA", "$.tags[*]", "AS", "tags", "TAG")
    migration = Migration(PLAIN["json"], server, tmp_path / "backup")
    assert migration.apply(plan_renames(server, {"tags": "labels"})) is Result.SUCCEEDED
    assert count_results(server, "books", "@labels:{x}") == DOCUMENTS
    server.command("JSON.ARRAPPEND", "d:3", "$.tags", '"late"')
    migration.sync()
    assert count_results(server, "books", "@labels:{late}") == 1
    migration.finalize()
    assert json.loads(server.command("JSON.GET", "d:3")) == {"labels": ["x", "y3", "late"]}
    assert migration.rollback() is Result.ROLLED_BACK
    assert json.loads(server.command("JSON.GET", "d:3")) == {"tags": ["x", "y3", "late"]}


def test_another_index_reads_the_old_name_until_finalize(migration: Migration) -> None:
    shape, server = migration.shape, migration.server
    plain = shape.storage == "hash"
    field = ("v", "TAG") if plain else ("$.in.v[*]", "AS", "v", "NUMERIC")
    server.command("FT.CREATE", "other", "ON", shape.storage, "PREFIX", 1, "d:", "SCHEMA", *field)
    wait_until_indexed(server)
    assert "index 'other' covers some of the same keys" in migration.plan("drop_recreate").blocked_reasons[0]
    assert migration.plan("auto").mode == "shadow"
    before = count_results(server, "other", "*")
    assert migration.apply() is Result.SUCCEEDED
    assert count_results(server, "other", "*") == before
    with pytest.raises(PreconditionError, match="The index 'other' reads"):
        migration.finalize()
