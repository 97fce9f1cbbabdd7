"""``--index-workers``: the server's ``search-workers`` while an index is built, and afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.app import run
from fieldfare.engine import index_workers
from fieldfare.errors import PreconditionError, UsageError
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import write_plan
from fieldfare.report import MigrationReport, Moment, Result, StepReport
from fieldfare.server import Server, connect
from fieldfare.server.capabilities import Capabilities, Version
from fieldfare.server.cores import count_cores
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.index_workers import WorkersUnchangeable, require_changeable
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.fixtures import PrivateServer
from newer_search import STAND_IN, newer_search
from resp_server import serve

PATCH = {"version": 1, "changes": {"add_fields": [{"name": "n", "type": "numeric"}]}}
KILLED = -9


@pytest.fixture
def upstream(private_server: PrivateServer) -> EmbeddedServer:
    return private_server(tcp=True)


@pytest.fixture
def newer(upstream: EmbeddedServer) -> Iterator[Server]:
    with newer_search(upstream) as url, connect(url) as server:
        yield server


@pytest.fixture
def direct(upstream: EmbeddedServer) -> Iterator[Server]:
    with connect(upstream.url) as server:
        set_workers(server, 0)
        yield server


def workers(direct: Server) -> int:
    return int(direct.command("CONFIG", "GET", STAND_IN)[STAND_IN.encode()])


def set_workers(direct: Server, number: int) -> None:
    direct.command("CONFIG", "SET", STAND_IN, number)


def notes(report: MigrationReport) -> list[str]:
    return [each for each in report.warnings if each.startswith("search-workers")]


def planned(server: Server) -> MigrationPlan:
    server.bulk([("HSET", f"d:{row}", "t", "word", "n", row) for row in range(20)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    return MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)


@pytest.fixture
def plan(newer: Server) -> MigrationPlan:
    return planned(newer)


class Observer:
    """Sees how many workers there are while an index is built, and what the journal says of them."""

    def __init__(self, direct: Server, directory: Path) -> None:
        self._direct, self._directory = direct, directory
        self.seen: set[int] = set()
        self.journal: Any = None
        self.changes_to: int | None = None

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if (report.activity, report.moment) == ("index", Moment.PROGRESS):
            self.seen.add(workers(self._direct))
            [header] = self._directory.glob("*.header")
            self.journal = json.loads(header.read_text())["progress"]["raised_workers"]
            if self.changes_to is not None:
                set_workers(self._direct, self.changes_to)


@pytest.fixture
def observer(direct: Server, tmp_path: Path) -> Observer:
    return Observer(direct, tmp_path)


@pytest.fixture
def executor(observer: Observer, monkeypatch: pytest.MonkeyPatch) -> MigrationExecutor:
    monkeypatch.setattr(index_workers, "count_cores", lambda _: 8)
    plugins = load_plugins()
    plugins.register(observer, "observer")
    return MigrationExecutor(plugins=plugins)


@pytest.mark.parametrize(("choice", "raised"), [(4, 4), ("4", 4), ("auto", 8)])
def test_they_are_raised_during_a_build_and_put_back(  # noqa: PLR0913, PLR0917 - what a run consists of
    choice: int | str,
    raised: int,
    executor: MigrationExecutor,
    observer: Observer,
    plan: MigrationPlan,
    newer: Server,
    direct: Server,
    tmp_path: Path,
) -> None:
    before = database_digest(direct), index_state(direct)
    report = executor.apply(plan, server=newer, backup_dir=tmp_path, index_workers=choice)
    assert (report.result, notes(report)) == (Result.SUCCEEDED, [])
    assert observer.seen == {raised}
    assert list(observer.journal.values()) == [{"before": 0, "now": raised}]
    assert workers(direct) == 0
    observer.seen.clear()
    set_workers(direct, 2)
    rolled_back = executor.rollback(server=newer, backup_dir=tmp_path, index_workers=choice)
    assert (rolled_back.result, notes(rolled_back)) == (Result.ROLLED_BACK, [])
    assert observer.seen == {raised}
    assert workers(direct) == 2
    assert (database_digest(direct), index_state(direct)) == before


@pytest.mark.parametrize("choice", [None, "off", 3])
def test_what_is_enough_or_not_asked_for_stays(  # noqa: PLR0913, PLR0917 - what a run consists of
    choice: int | str | None,
    executor: MigrationExecutor,
    observer: Observer,
    plan: MigrationPlan,
    newer: Server,
    direct: Server,
    tmp_path: Path,
) -> None:
    set_workers(direct, 3)
    report = executor.apply(plan, server=newer, backup_dir=tmp_path, index_workers=choice)
    assert notes(report) == []
    assert (observer.seen, workers(direct), observer.journal) == ({3}, 3, {})


def test_no_more_than_there_are_cores(  # noqa: PLR0913, PLR0917 - what a run consists of
    executor: MigrationExecutor, observer: Observer, plan: MigrationPlan, newer: Server, direct: Server, tmp_path: Path
) -> None:
    report = executor.apply(plan, server=newer, backup_dir=tmp_path, index_workers=9)
    assert notes(report) == ["search-workers was raised to 8, not to 9: the server has no more cores"]
    assert (observer.seen, workers(direct)) == ({8}, 0)


def test_a_change_by_somebody_else_stays(  # noqa: PLR0913, PLR0917 - what a run consists of
    executor: MigrationExecutor, observer: Observer, plan: MigrationPlan, newer: Server, direct: Server, tmp_path: Path
) -> None:
    observer.changes_to = 5
    report = executor.apply(plan, server=newer, backup_dir=tmp_path, index_workers=4)
    [warning] = notes(report)
    assert "was 0 before the index was built, and is not restored: it is 5 by now" in warning
    assert workers(direct) == 5


@pytest.mark.parametrize("command", ["apply", "rollback"])
def test_after_a_kill_they_are_put_back(
    command: str, plan: MigrationPlan, newer: Server, direct: Server, tmp_path: Path
) -> None:
    before = database_digest(direct), index_state(direct)
    fieldfare = CommandLine(newer.url, tmp_path)
    write_plan(plan, tmp_path / "plan.yaml")
    apply = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup")
    killed = fieldfare(*apply, "--index-workers", "1", crash_at="index:progress:1")
    assert killed.code == KILLED, killed.stderr
    assert workers(direct) == 1
    again = fieldfare(*(apply if command == "apply" else ("rollback", "--backup-dir", "backup")))
    assert again.code == 0, again.stderr
    assert workers(direct) == 0
    if command == "rollback":
        assert (database_digest(direct), index_state(direct)) == before


def test_a_server_without_the_setting_is_named_in_the_report(server: Server, tmp_path: Path) -> None:
    if server.capabilities.has_search((8, 0, 0)):
        pytest.skip("this server has the setting")
    plan = planned(server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, index_workers="auto")
    assert report.result is Result.SUCCEEDED
    [warning] = notes(report)
    assert warning.startswith(f"search-workers was not changed: this server, with {server.capabilities.search_name}")


@pytest.mark.parametrize("right", ["config|get", "config|set"])
def test_a_user_without_the_right_has_a_note(
    right: str, plan: MigrationPlan, newer: Server, direct: Server, tmp_path: Path
) -> None:
    direct.command("ACL", "SETUSER", "some", "on", ">secret", "~*", "&*", "+@all", f"-{right}")
    with connect(newer.url.replace("//", "//some:secret@")) as limited:
        report = MigrationExecutor().apply(plan, server=limited, backup_dir=tmp_path, index_workers=1)
    assert report.result is Result.SUCCEEDED
    assert notes(report) == [f"search-workers was not changed: the right +{right} is missing"]
    assert workers(direct) == 0


def test_a_server_that_may_hang_is_left_alone(
    upstream: EmbeddedServer, direct: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned(direct)
    write_plan(plan, tmp_path / "plan.yaml")
    with newer_search(upstream, number=80002) as url:
        arguments = ("--plan", str(tmp_path / "plan.yaml"), "--backup-dir", str(tmp_path), "--url", url)
        assert run(["apply", *arguments, "--index-workers", "1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "search-workers was not changed: this server has search 8.0.2; before 8.2.7 and 8.4.3" in shown


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        *(((2, 10, 5), False), ((8, 0, 2), False), ((8, 2, 6), False), ((8, 2, 7), True), ((8, 3, 90), False)),
        *(((8, 4, 2), False), ((8, 4, 3), True), ((8, 6, 0), True), ((99, 99, 99), True), ((0, 0, 0), False)),
    ],
)
def test_which_versions_lower_the_number_safely(version: Version, *, is_safe: bool) -> None:
    capabilities = Capabilities((8, 2, 3), version)
    if is_safe:
        require_changeable(capabilities)
        return
    with pytest.raises(WorkersUnchangeable, match="MOD-11658"):
        require_changeable(capabilities)


def test_auto_is_refused_where_the_cores_are_not_known(  # noqa: PLR0913, PLR0917 - what a run consists of
    executor: MigrationExecutor,
    plan: MigrationPlan,
    newer: Server,
    direct: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index_workers, "count_cores", lambda _: None)
    before = database_digest(direct), index_state(direct)
    with pytest.raises(PreconditionError, match="Give the number of workers") as caught:
        executor.apply(plan, server=newer, backup_dir=tmp_path / "b", index_workers="auto")
    assert caught.value.exit_code == 4
    assert (database_digest(direct), index_state(direct)) == before
    assert not (tmp_path / "b").exists()
    assert notes(executor.apply(plan, server=newer, backup_dir=tmp_path, index_workers=9)) == []


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell the cores of a process")
def test_cores_are_known_where_the_server_runs_here(private_server: PrivateServer) -> None:
    with connect(private_server().url) as over_socket, connect(private_server(tcp=True).url) as over_port:
        for server in (over_socket, over_port):
            assert count_cores(server.nodes()[0]) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("facts", ["process_id:1\r\nuptime_in_seconds:77", "process_id:4194999", "", "process_id:0"])
def test_cores_of_a_server_elsewhere_are_not_known(facts: str) -> None:
    modules = "redis_version:8.2.0\r\nmodule:name=search,ver=80207,api=1\r\n"
    with (
        serve(lambda words, _: f"{modules}{facts}\r\n" if words[0] == "INFO" else "OK", {}) as url,
        connect(url) as elsewhere,
    ):
        assert count_cores(elsewhere.nodes()[0]) is None


@pytest.mark.parametrize("choice", ["0", "-1", "many", "1.5"])
def test_what_is_no_number_is_refused(choice: str, server: Server, tmp_path: Path) -> None:
    plan = planned(server)
    with pytest.raises(UsageError, match="index_workers="):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, index_workers=choice)
    for command in ("apply", "rollback", "batch-apply", "batch-resume", "batch-rollback"):
        assert run([command, "--backup-dir", str(tmp_path), "--index-workers", choice]) == 2
