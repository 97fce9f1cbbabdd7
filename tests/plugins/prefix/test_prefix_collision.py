"""New keys that exist already, keys that are deleted, and concurrent writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import Interrupted, StepFailed
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.report import StepReport
from fieldfare.server.inspect import read_stats

PATCH: Final = {"version": 1, "changes": {"index": {"prefix": "art:"}}}


class ActionAt:
    """An observer that acts the first time that a moment is reported."""

    def __init__(self, moment: str, action: Callable[[], Any]) -> None:
        self.moment = moment
        self.action = action
        self.done = False

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Act once."""
        if not self.done and f"{report.activity}:{report.moment}" == self.moment:
            self.done = True
            self.action()


def plugins_with_action(moment: str, action: Callable[[], Any]) -> Plugins:
    """Return all plugins, and an observer that acts at a moment of the run."""
    plugins = load_plugins()
    plugins.register(ActionAt(moment, action), "action")
    return plugins


@pytest.fixture
def source(database: Any) -> Any:
    """A database with the index ``idx`` over 50 documents."""
    database.server.bulk([("HSET", f"doc:{row}", "n", row) for row in range(50)])
    database.index("idx", "doc:")
    return database


def test_an_existing_new_key_stops_the_run_before_anything_moves(source: Any, migration: Any) -> None:
    source.server.bulk([("SET", f"art:{row}", "mine") for row in range(7)])
    before = source.state()
    migration.plan({"doc:": "art:"})
    said = migration.apply(code=4).stderr
    assert "the new key exists already: 7 documents, such as doc:" in said
    examples = [f"doc:{row} -> art:{row}" for row in range(7)]
    assert sum(example in said for example in examples) == 5
    assert source.state() == before
    source.server.command("DEL", *(f"art:{row}" for row in range(7)))
    migration.apply()
    assert source.state()[1]["idx"][2] == 50


def test_a_new_key_that_an_earlier_step_moves_away_does_not_stop_the_run(database: Any, migration: Any) -> None:
    server = database.server
    for prefix in ("a:", "b:"):
        server.bulk([("HSET", f"{prefix}{row}", "n", row) for row in range(10)])
    database.index("idx", "a:", "b:", filtered="@n<5")
    server.command("HSET", "a:9", "n", 1)  # moves to b:9, which the filter keeps out of the index and where it is
    before = database.state()
    migration.plan({"a:": "b:", "b:": "c:"})
    said = migration.apply(code=4).stderr
    assert "the new key exists already: 1 document, such as a:9 -> b:9" in said
    assert database.state() == before
    server.command("DEL", "b:9")
    migration.apply()
    assert database.state()[1]["idx"][2] == 11


@pytest.mark.parametrize(("old", "new", "key"), [("doc:", "doc:v2:", "doc:v2:7"), ("doc:v2:", "doc:", "doc:v2:v2:7")])
def test_keys_that_may_be_moved_already_stop_the_run(
    old: str, new: str, key: str, database: Any, migration: Any
) -> None:
    database.server.bulk([("HSET", f"{old}{row}", "n", row) for row in range(10)])
    database.server.command("HSET", key, "n", 1)
    database.index("idx", old)
    before = database.state()
    migration.plan({old: new})
    said = migration.apply(code=4).stderr
    assert "cannot tell whether a key is moved already" in said
    assert f"1 document, such as {key} -> " in said
    assert database.state() == before


@pytest.mark.parametrize("resume", [True, False])
def test_a_new_key_that_is_created_during_the_run_loses_nothing(resume: bool, source: Any, tmp_path: Any) -> None:  # noqa: FBT001 - a parameter
    server = source.server
    before = source.state()[1]
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)
    plugins = plugins_with_action("drop:finished", lambda: server.command("HSET", "art:30", "n", "another client's"))
    with pytest.raises(
        StepFailed, match="another client created the new key during the run: 1 document, such as doc:30 -> art:30"
    ) as error:
        MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=10)
    assert "some documents are rewritten" in str(error.value)
    assert server.command("HGET", "art:30", "n") == b"another client's"
    assert server.command("HGET", "doc:30", "n") == b"30"
    if resume:
        server.command("DEL", "art:30")
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, batch_size=10)
        assert server.command("HGET", "art:30", "n") == b"30"
        assert read_stats(server, "idx").num_docs == 50
    else:
        report = MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
        assert source.state()[1] == before
        assert server.command("HGET", "art:30", "n") == b"another client's"
        assert [(note.kind, note.keys) for note in report.notes] == [("exists under both names", (b"doc:30",))]


def test_keys_that_are_deleted_during_the_run_are_counted(source: Any, tmp_path: Any) -> None:
    server = source.server
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)
    plugins = plugins_with_action("drop:finished", lambda: server.command("DEL", "doc:7", "doc:8"))
    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=10)
    assert report.result == "succeeded"
    [note] = report.notes
    assert (note.kind, note.count, sorted(note.keys)) == ("vanished", 2, [b"doc:7", b"doc:8"])
    [step] = [each for name, each in report.steps.items() if name.startswith("prefix.move")]
    assert step["documents"] == 48
    assert len(source.contents()) == 48


def test_a_key_that_is_written_under_its_old_name_again_is_noted(source: Any, tmp_path: Any) -> None:
    server = source.server
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)

    def write() -> None:
        server.command("HSET", next(key for key in server.command("KEYS", "art:*")).replace(b"art:", b"doc:"), "n", 1)

    plugins = plugins_with_action("prefix.move:progress", write)
    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=10)
    assert report.result == "succeeded"
    [note] = report.notes
    assert (note.kind, note.count) == ("written under the old name again", 1)
    assert len(source.contents()) == 51


def test_rollback_keeps_both_keys_if_the_old_one_was_written_again(source: Any, tmp_path: Any) -> None:
    server = source.server
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    server.command("HSET", "doc:3", "n", "new")
    report = MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    assert (server.command("HGET", "doc:3", "n"), server.command("HGET", "art:3", "n")) == (b"new", b"3")
    assert [(note.kind, note.keys) for note in report.notes] == [("exists under both names", (b"doc:3",))]
    assert report.result == "rolled_back"


def test_rollback_reports_documents_added_below_the_new_prefix(source: Any, tmp_path: Any) -> None:
    """They keep their names, and the restored index does not cover them."""
    server = source.server
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    server.command("HSET", "art:new", "n", "1")
    report = MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    assert server.command("HGET", "art:new", "n") == b"1"
    [finding] = [each for each in report.validation.findings if each.name == "moved_back:art:"]
    assert not finding.passed
    assert not finding.fatal
    assert finding.detail.endswith("1 document, such as art:new")
    assert report.result == "rolled_back"


def test_ctrl_c_stops_between_two_batches(source: Any, tmp_path: Any) -> None:
    server = source.server
    before = source.state()
    stop = StopRequest()
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)
    executor = MigrationExecutor(plugins=plugins_with_action("prefix.move:progress", stop.set))
    with pytest.raises(Interrupted):
        executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=10, stop=stop)
    assert len(server.command("KEYS", "art:*")) == 10
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert len(server.command("KEYS", "art:*")) == 50
    MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    assert source.state() == before
