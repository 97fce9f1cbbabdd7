"""The mode ``shadow``: the target is built beside the source, checked, and then gets its names."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import pytest
from attrs import define, field

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.cli.next_steps import next_lines
from fieldfare.errors import FieldfareError, PreconditionError, TargetRejected
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import list_indexes, read_definition
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.server.search import count_results
from fieldfare.support import fault_points
from fieldfare.testing.digest import read_state
from fieldfare.testing.indexing import wait_until_indexed
from torture import TORTURE

DOCUMENTS: Final = 60
HNSW: Final = {"update_fields": [{"name": "v", "attrs": {"algorithm": "hnsw"}}]}
FLAT_AGAIN: Final = {"update_fields": [{"name": "v", "attrs": {"algorithm": "flat"}}]}


def fill(server: Server, index: str = "books", alias: str = "") -> None:
    """Write documents, and create an index over them with a synonym group."""
    vectors = [struct.pack("<4f", row, 1, -row, 0.5) for row in range(DOCUMENTS)]
    server.bulk([("HSET", f"d:{row}", "t", f"word {row}", "v", each) for row, each in enumerate(vectors)])
    vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", index, "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT", *vector)
    server.command("FT.SYNUPDATE", index, "group", "word", "term")
    if alias:
        server.command("FT.ALIASADD", alias, index)
    wait_until_indexed(server)


def make_plan(server: Server, index: str = "books", changes: Any = HNSW, **options: Any) -> MigrationPlan:
    patch = {"version": 1, "changes": changes}
    return MigrationPlanner().create_plan_from_patch(index, schema_patch=patch, server=server, mode="shadow", **options)


def algorithm(server: Server, name: str) -> str:
    found = read_definition(server, name).find("v")
    assert found is not None
    return str(found.attrs["algorithm"]).lower()


@define
class Lifecycle:
    """One migration of one index, from plan to finalize or rollback."""

    server: Server
    backup_dir: Path
    executor: MigrationExecutor = field(factory=MigrationExecutor)

    def apply(self, plan: MigrationPlan, **options: Any) -> Result:  # noqa: D102 - each as it is called
        return self.executor.apply(plan, server=self.server, backup_dir=self.backup_dir, **options).result

    def switch(self, **options: Any) -> Result:  # noqa: D102 - each as it is called
        return self.executor.switch(server=self.server, backup_dir=self.backup_dir, **options).result

    def finalize(self) -> Result:  # noqa: D102 - each as it is called
        return self.executor.finalize(server=self.server, backup_dir=self.backup_dir).result

    def rollback(self, **options: Any) -> Result:  # noqa: D102 - each as it is called
        return self.executor.rollback(server=self.server, backup_dir=self.backup_dir, **options).result

    def state(self) -> str:  # noqa: D102 - each as it is called
        [status] = self.executor.status(self.backup_dir)
        return str(status["state"]).partition(":")[0]


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Lifecycle:
    return Lifecycle(server, tmp_path / "backup")


# ---- an alias, and a name of its own


@pytest.mark.parametrize(("index", "alias"), [("books", ""), ("books_1", "books")], ids=["own name", "alias"])
def test_the_name_leads_to_the_target(index: str, alias: str, server: Server, run: Lifecycle) -> None:
    fill(server, index, alias)
    plan = make_plan(server)
    assert (plan.mode, plan.target.name) == ("shadow", "books__v2")
    assert run.apply(plan) is Result.SUCCEEDED
    assert (real_name(server, "books"), algorithm(server, "books")) == ("books__v2", "hnsw")
    assert count_results(server, "books", "@t:term") == DOCUMENTS  # the synonyms came along
    assert run.state() == "switched"
    assert run.apply(plan) is Result.NOTHING_TO_DO
    assert sorted(list_indexes(server)) == (["books_1", "books__v2"] if alias else ["books__v2"])
    assert run.finalize() is Result.SUCCEEDED
    assert list_indexes(server) == ["books__v2"]
    assert run.state() == "finalized"
    assert run.finalize() is Result.NOTHING_TO_DO


@pytest.mark.parametrize("finalized", [False, True], ids=["switched", "finalized"])
def test_rollback_of_an_alias_leaves_no_trace(server: Server, run: Lifecycle, *, finalized: bool) -> None:
    fill(server, "books_1", "books")
    before = read_state(server)
    run.apply(make_plan(server))
    if finalized:
        run.finalize()
    assert run.rollback() is Result.ROLLED_BACK
    assert (real_name(server, "books"), list_indexes(server)) == ("books_1", ["books_1"])
    assert read_state(server) == before


def test_rollback_leaves_the_name_an_alias_unless_it_is_to_be_an_index_again(server: Server, run: Lifecycle) -> None:
    fill(server)
    before = read_state(server)
    plan = make_plan(server)
    run.apply(plan)
    report = run.executor.rollback(server=server, backup_dir=run.backup_dir)
    assert report.result is Result.ROLLED_BACK
    [warning] = [line for line in report.warnings if "alias" in line]
    assert "'books' was an index, and is an alias of 'books__v3' now" in warning
    assert warning.endswith(" --restore-own-name")
    assert (real_name(server, "books"), algorithm(server, "books")) == ("books__v3", "flat")
    assert list_indexes(server) == ["books__v3"]
    assert run.rollback() is Result.NOTHING_TO_DO
    own = run.executor.rollback(server=server, backup_dir=run.backup_dir, restore_own_name=True)
    assert (own.result, [line for line in own.warnings if "was an index" in line]) == (Result.ROLLED_BACK, [])
    assert read_state(server) == before
    assert run.rollback(restore_own_name=True) is Result.NOTHING_TO_DO
    other = Lifecycle(server, run.backup_dir.with_name("other"))
    other.apply(make_plan(server))
    assert other.rollback(restore_own_name=True) is Result.ROLLED_BACK
    assert read_state(server) == before


class Killed(BaseException):
    """The process ends here, as far as the run can tell."""


def test_making_the_name_an_index_again_can_be_interrupted_anywhere(server: Server, tmp_path: Path) -> None:
    fill(server)
    before = read_state(server)

    def end_at(last: int) -> bool:
        """End the process at one of the fault points; whether there was one."""
        run = Lifecycle(server, tmp_path / str(last))
        run.apply(make_plan(server))
        run.rollback()
        points = count(1)

        def reached(_: str) -> None:
            if next(points) == last:
                raise Killed

        fault_points.listen(reached)
        try:
            run.rollback(restore_own_name=True)
        except Killed:
            # this process goes on, so that a lock that it holds is not taken for that of an ended one
            server.bulk([("DEL", key) for key in server.command("KEYS", "fieldfare:lock:*")])
            return True
        finally:
            fault_points.listen(None)
            run.rollback(restore_own_name=True)
            assert read_state(server) == before
        return False

    assert not all(end_at(last) for last in range(5, 1000, 23 if TORTURE else 46))


def test_a_name_that_another_migration_has_moved_is_not_made_an_index(server: Server, run: Lifecycle) -> None:
    fill(server)
    run.apply(make_plan(server))
    run.rollback()
    server.command("FT.CREATE", "other", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    server.command("FT.ALIASUPDATE", "books", "other")
    with pytest.raises(PreconditionError, match="'books' leads to the index 'other'"):
        run.rollback(restore_own_name=True)
    assert real_name(server, "books") == "other"
    server.command("FT.ALIASUPDATE", "books", "books__v3")
    assert run.rollback() is Result.NOTHING_TO_DO


def test_a_new_name_from_the_patch_is_not_switched(server: Server, run: Lifecycle) -> None:
    fill(server)
    plan = make_plan(server, changes={**HNSW, "index": {"name": "library"}})
    assert any("'books' does not move: change it in the application to 'library'" in line for line in plan.warnings)
    assert run.apply(plan) is Result.SUCCEEDED
    assert (real_name(server, "books"), real_name(server, "library")) == ("books", "library")
    [status] = run.executor.status(run.backup_dir)
    assert (status["stage"], run.state()) == ("switched", "validated")
    assert next_lines(status)[-1].startswith("To finalize: ")
    run.finalize()
    assert list_indexes(server) == ["library"]


def test_further_aliases_move_along(server: Server, run: Lifecycle) -> None:
    fill(server, "books_1", "books")
    server.command("FT.ALIASADD", "reading", "books_1")
    run.apply(make_plan(server, aliases=["reading"]))
    assert {name: real_name(server, name) for name in ("books", "reading")} == dict.fromkeys(
        ("books", "reading"), "books__v2"
    )


def test_migrations_of_one_name_follow_each_other(server: Server, tmp_path: Path) -> None:
    fill(server)
    first, second, third = (Lifecycle(server, tmp_path / name) for name in ("1", "2", "3"))
    first.apply(make_plan(server))
    plan = make_plan(server, changes=FLAT_AGAIN, aliases=["books"])
    assert plan.target.name == "books__v3"
    second.apply(plan)
    second.finalize()
    assert (real_name(server, "books"), list_indexes(server)) == ("books__v3", ["books__v3"])
    patch = {"version": 1, "changes": HNSW}
    drop = MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server, aliases=["books"])
    assert (drop.mode, third.apply(drop)) == ("drop_recreate", Result.SUCCEEDED)
    assert (real_name(server, "books"), algorithm(server, "books")) == ("books__v3", "hnsw")


def test_an_earlier_migration_is_not_rolled_back_under_a_later_one(server: Server, tmp_path: Path) -> None:
    fill(server, "books_1", "books")
    first, second = (Lifecycle(server, tmp_path / name) for name in ("1", "2"))
    first.apply(make_plan(server))
    second.apply(make_plan(server, changes=FLAT_AGAIN, aliases=["books"]))
    with pytest.raises(FieldfareError, match="another migration has moved it"):
        first.rollback()
    assert real_name(server, "books") == "books__v3"


# ---- switching later


def test_nothing_is_switched_until_somebody_says_so(server: Server, run: Lifecycle) -> None:
    fill(server)
    plan = make_plan(server)
    assert run.apply(plan, switch=False) is Result.SUCCEEDED
    assert (real_name(server, "books"), run.state()) == ("books", "validated")
    assert sorted(list_indexes(server)) == ["books", "books__v2"]
    with pytest.raises(PreconditionError, match="not complete"):
        run.finalize()
    assert run.switch() is Result.SUCCEEDED
    assert (real_name(server, "books"), run.state()) == ("books__v2", "switched")
    assert run.switch() is Result.NOTHING_TO_DO


def test_rollback_before_the_switch_drops_the_target_alone(server: Server, run: Lifecycle) -> None:
    fill(server)
    before = read_state(server)
    run.apply(make_plan(server), switch=False)
    assert run.rollback() is Result.ROLLED_BACK
    assert read_state(server) == before
    assert list_indexes(server) == ["books"]


def test_a_name_that_was_moved_in_between_is_not_switched(server: Server, run: Lifecycle) -> None:
    fill(server, "books_1", "books")
    run.apply(make_plan(server), switch=False)
    server.command("FT.CREATE", "other", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    server.command("FT.ALIASUPDATE", "books", "other")
    with pytest.raises(FieldfareError, match="'books' leads to the index 'other'"):
        run.switch()
    assert real_name(server, "books") == "other"


# ---- checks before the switch


def test_a_target_that_fails_its_checks_gets_no_name(server: Server, run: Lifecycle, tmp_path: Path) -> None:
    fill(server)
    before = read_state(server)
    queries = tmp_path / "queries.yaml"
    queries.write_text("keys_exist: ['d:1', 'd:999']\n")
    with pytest.raises(TargetRejected) as caught:
        run.apply(make_plan(server), query_check_file=queries)
    assert caught.value.exit_code == 4
    assert caught.value.report is not None
    assert (real_name(server, "books"), run.state()) == ("books", "built")
    run.rollback()
    assert read_state(server) == before


@pytest.mark.parametrize("stopwords", [["word"], ["other"]], ids=["finds nothing", "finds the same"])
def test_the_users_own_queries_decide(stopwords: list[str], server: Server, run: Lifecycle, tmp_path: Path) -> None:
    fill(server)
    queries = tmp_path / "queries.yaml"
    queries.write_text("queries:\n  - {name: words, search: '@t:word'}\n  - {name: sevens, search: '@t:7'}\n")
    plan = make_plan(server, changes={"index": {"stopwords": stopwords}})
    if stopwords == ["other"]:
        assert run.apply(plan, query_check_file=queries) is Result.SUCCEEDED
        return
    with pytest.raises(
        TargetRejected, match="queries 'words': 'books__v2' finds too little of what 'books' finds"
    ) as caught:
        run.apply(plan, query_check_file=queries)
    assert caught.value.exit_code == 4
    assert "sevens" not in str(caught.value)
    assert (real_name(server, "books"), run.state()) == ("books", "built")


# ---- rights


@pytest.mark.parametrize("right", ["watch", "multi", "exec"])
def test_a_missing_right_is_named_where_it_would_leave_a_gap(
    right: str, server: Server, redis_url: str, run: Lifecycle
) -> None:
    fill(server)
    before = read_state(server)
    plan = make_plan(server)
    # without an alias beside the index, only the way with a gap is left
    server.command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", f"-{right}", "-ft.aliasadd")
    try:
        with (
            connect(redis_url.replace("://", "://limited:pw@")) as limited,
            pytest.raises(CommandNotAllowed) as caught,
        ):
            Lifecycle(limited, run.backup_dir).apply(plan)
    finally:
        server.command("ACL", "DELUSER", "limited")
    assert caught.value.right == f"+{right}"
    assert read_state(server) == before
    assert list_indexes(server) == ["books"]


# ---- the plan


def test_a_new_prefix_of_documents_that_the_same_patch_rewrites_is_blocked(server: Server) -> None:
    fill(server)
    renamed = {"rename_fields": [{"old_name": "t", "new_name": "title"}]}
    plan = make_plan(server, changes={"index": {"prefix": "e:"}, **renamed})
    assert not plan.supported
    assert "that the same patch rewrites: use two migrations" in plan.blocked_reasons[0]
    assert "--mode drop_recreate" in plan.blocked_reasons[0]


def test_the_plan_says_how_the_name_moves(server: Server) -> None:
    fill(server, "books_1", "books")
    own, alias = make_plan(server, "books_1"), make_plan(server)
    assert any("'books' is an alias: one command" in line for line in alias.warnings)
    assert any("'books_1' stays until 'fieldfare finalize' drops it" in line for line in alias.warnings)
    assert not any("downtime" in line for line in (*own.warnings, *alias.warnings))


def test_auto_takes_shadow_if_there_is_room(server: Server) -> None:
    fill(server)
    patch = {"version": 1, "changes": HNSW}
    plan = MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server, mode="auto")
    assert plan.mode == "shadow"
    assert any("alter cannot do it" in line for line in plan.warnings)


def test_validate_knows_the_mode(server: Server, run: Lifecycle) -> None:
    fill(server)
    plan = make_plan(server)
    for options in ({"switch": False}, {}):
        run.apply(plan, **options)
        report = MigrationValidator().validate(plan, server=server, backup_dir=run.backup_dir)
        assert report.result is Result.SUCCEEDED


# ---- while applications query and write


@define
class Application:
    """Queries an index by its name, and writes documents, until it is told to stop."""

    server: Server
    name: str
    queries: int = 0
    problems: list[str] = field(factory=list)
    written: int = 0
    _stop: Event = field(factory=Event)

    def query(self) -> None:  # noqa: D102 - each as it is called
        knn = ("*=>[KNN 5 @v $q]", "PARAMS", 2, "q", struct.pack("<4f", 7, 1, -7, 0.5), "DIALECT", 2, "NOCONTENT")
        while not self._stop.is_set():
            for query in (("@t:term", "LIMIT", 0, 0), knn):
                try:
                    found = self.server.command("FT.SEARCH", self.name, *query)
                except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is asked for
                    self.problems.append(str(error))
                    continue
                count = found[b"total_results"] if isinstance(found, dict) else found[0]
                if count < (DOCUMENTS if query is not knn else 5):
                    self.problems.append(f"{count} results")
                self.queries += 1

    def write(self) -> None:  # noqa: D102 - each as it is called
        while not self._stop.is_set():
            vector = struct.pack("<4f", self.written, 2, 0, 0)
            self.server.command("HSET", f"d:new{self.written}", "t", "word fresh", "v", vector)
            self.written += 1

    @contextmanager
    def running(self) -> Iterator[None]:  # noqa: D102 - each as it is called
        threads = [Thread(target=work) for work in (self.query, self.query, self.write)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def there_and_finalize(run: Lifecycle) -> None:
    run.apply(make_plan(run.server))
    run.finalize()


def there_and_back(run: Lifecycle) -> None:
    run.apply(make_plan(run.server))
    run.rollback()


@pytest.mark.parametrize("alias", ["", "books"], ids=["own name", "alias"])
@pytest.mark.parametrize("way", [there_and_finalize, there_and_back])
def test_no_query_fails_and_no_write_is_missed(
    way: Callable[[Lifecycle], None], alias: str, server: Server, run: Lifecycle
) -> None:
    fill(server, "books_1" if alias else "books", alias)
    application = Application(server, "books")
    with application.running():
        way(run)
    assert application.problems == []
    assert application.queries > 0
    wait_until_indexed(server)
    assert count_results(server, "books", "@t:fresh") == application.written
