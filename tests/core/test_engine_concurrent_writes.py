"""Applications that write while a migration runs: nothing of theirs is lost, and all of it is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import CONCURRENT_UPDATES, BackupStore, VectorBackup, backup_prefix
from fieldfare.changes import Change, CustomChange
from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.errors import ValidationFailed
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import Claim, MigrationPlan, Step
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server, connect
from fieldfare.testing.digest import index_state
from fieldfare.testing.indexing import wait_until_indexed
from run_moments import At

COUNT, DIMS, BATCH = 60, 8, 5


class Killed(BaseException):
    """The process ends here, as far as the run can tell."""


def die() -> None:
    raise Killed


def mark(storage: Storage, value: bytes) -> bytes:
    """The new form of a value begins with an equals sign."""
    text = json.loads(value) if storage is Storage.JSON else value.decode()
    text = text if text.startswith("=") else f"={text}"
    return json.dumps(text).encode() if storage is Storage.JSON else text.encode()


class Marker:
    """Rewrites the field ``t``."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.path = "$.t" if storage is Storage.JSON else "t"

    @hookimpl
    def fieldfare_classify(self, change: Change) -> Claim | None:  # noqa: D102 - as the hook says
        return Claim.supported(rewrites_documents=True) if isinstance(change, CustomChange) else None

    @hookimpl
    def fieldfare_plan_steps(self) -> list[Step]:  # noqa: D102 - as the hook says
        return [Step.rewrite("test.mark", [self.path])]

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Batch:  # noqa: D102 - as the hook says
        values = batch[self.path]
        return batch.replace(self.path, [None if each is None else mark(self.storage, each) for each in values])


def plugins_with(storage: Storage, observers: Sequence[At] = ()) -> Plugins:
    plugins = load_plugins(blocked=["acme_redact"])
    plugins.register(Marker(storage), "test", "1")
    for number, observer in enumerate(observers):
        plugins.register(observer, f"observer{number}")
    return plugins


@frozen
class Application:
    """Somebody who writes documents, with a connection of their own."""

    server: Server
    storage: Storage

    def write(self, row: int, text: str) -> None:
        """Make a document, or another one of it."""
        if self.storage is Storage.JSON:
            self.server.command("JSON.SET", f"d:{row:02}", "$", json.dumps({"t": text, "n": row}))
        else:
            self.server.command("HSET", f"d:{row:02}", "t", text, "n", row)

    def read(self, row: int) -> str | None:
        """Return the text of a document; None if it is gone."""
        if self.storage is Storage.JSON:
            found = self.server.command("JSON.GET", f"d:{row:02}", "$.t")
            return None if found is None else str(json.loads(found)[0])
        found = self.server.command("HGET", f"d:{row:02}", "t")
        return None if found is None else str(found.decode())

    def retype(self, row: int) -> None:
        """Put something else in its place."""
        self.server.command("SET", f"d:{row:02}", "something else")

    def delete(self, row: int) -> None:
        """Delete it."""
        self.server.command("DEL", f"d:{row:02}")

    def value(self, text: str) -> bytes:
        """How the backup spells it."""
        return json.dumps(text).encode() if self.storage is Storage.JSON else text.encode()


@frozen
class Scene:
    """An index, an application, and a plan."""

    server: Server
    application: Application
    plan: MigrationPlan
    directory: Path

    def apply(self, *observers: At, **options: Any) -> MigrationReport:
        """Apply the plan."""
        chosen: dict[str, Any] = {"batch_size": BATCH, **options}
        executor = MigrationExecutor(plugins=plugins_with(self.application.storage, observers))
        return executor.apply(self.plan, server=self.server, backup_dir=self.directory, **chosen)

    def rollback(self, *observers: At, **options: Any) -> MigrationReport:
        """Take it back."""
        executor = MigrationExecutor(plugins=plugins_with(self.application.storage, observers))
        return executor.rollback(server=self.server, backup_dir=self.directory, **options)

    def kept(self, tag: str) -> dict[bytes, bytes]:
        """Return the values that the backup holds under a tag, the newest of each document."""
        backup = VectorBackup.load(backup_prefix(self.directory, "i"))
        return {
            key: value
            for _, originals in backup.iter_batches(tag)
            for key, fields in originals.items()
            for value in fields.values()
        }

    def last_batch(self) -> list[int]:
        """The documents that are rewritten last."""
        with BackupStore(backup_prefix(self.directory, "i")) as store:
            *_, keys = store.iter_keys()
        return [int(key.removeprefix(b"d:")) for key in keys]


@pytest.fixture(params=[Storage.HASH, Storage.JSON], ids=["hash", "json"])
def scene(request: pytest.FixtureRequest, server: Server, redis_url: str, tmp_path: Path) -> Any:
    storage: Storage = request.param
    with connect(redis_url) as other:
        application = Application(other, storage)
        for row in range(COUNT):
            application.write(row, f"text {row}")
        server.command("PEXPIREAT", "d:03", 4102444800123)
        field = ("$.t", "AS", "t") if storage is Storage.JSON else ("t",)
        server.command("FT.CREATE", "i", "ON", str(storage), "PREFIX", 1, "d:", "SCHEMA", *field, "TEXT")
        wait_until_indexed(server, "i")
        plan = MigrationPlanner(plugins=plugins_with(storage)).create_plan_from_patch(
            "i", schema_patch={"version": 1, "changes": {"custom": [{"kind": "test.mark"}]}}, server=server
        )
        yield Scene(server, application, plan, tmp_path)


def notes(report: MigrationReport) -> dict[str, int]:
    return {note.kind: note.count for note in report.notes}


@pytest.mark.parametrize("workers", [1, 4])
def test_newer_value_is_saved_and_converted_and_comes_back(scene: Scene, workers: int) -> None:
    application = scene.application
    before = index_state(scene.server)

    def meanwhile() -> None:
        application.write(7, "newer")
        application.write(8, "=new form")
        application.delete(9)
        application.retype(10)

    report = scene.apply(At("drop:finished", meanwhile), num_workers=workers)

    assert report.result is Result.SUCCEEDED
    assert [application.read(row) for row in (6, 7, 8, 9)] == ["=text 6", "=newer", "=new form", None]
    assert scene.server.command("GET", "d:10") == b"something else"
    assert scene.kept("concurrent_updates") == {b"d:07": application.value("newer")}
    assert notes(report)["vanished"] == 1
    assert notes(report)["wrong type"] == 1
    [step] = [step for name, step in report.steps.items() if name.startswith("test.mark")]
    assert step["documents"] == COUNT - 3, "all but what is gone, what is no document, and what was new already"

    undone = scene.rollback(num_workers=workers)

    assert [application.read(row) for row in (6, 7, 8, 9)] == ["text 6", "newer", "text 8", None]
    assert scene.kept("overwritten_by_rollback") == {b"d:08": application.value("=new form")}
    assert notes(undone) == {"vanished": 1, "wrong type": 1, "updated since the run": 1}
    assert scene.server.command("PEXPIRETIME", "d:03") == 4102444800123
    assert index_state(scene.server)["i"][0] == before["i"][0]


def test_newer_value_in_the_middle_of_the_pass(scene: Scene) -> None:
    application = scene.application

    def meanwhile() -> None:
        for row in scene.last_batch():
            application.write(row, f"newer {row}")

    report = scene.apply(At("rewrite:progress", meanwhile))
    late = scene.last_batch()
    assert report.result is Result.SUCCEEDED
    assert {row: application.read(row) for row in range(COUNT)} == {
        row: f"=newer {row}" if row in late else f"=text {row}" for row in range(COUNT)
    }
    scene.rollback()
    assert {row: application.read(row) for row in range(COUNT)} == {
        row: f"newer {row}" if row in late else f"text {row}" for row in range(COUNT)
    }
    assert scene.kept("overwritten_by_rollback") == {}


@pytest.mark.parametrize("number", [1, 6, 11, 12])
def test_killed_and_resumed_with_newer_values(scene: Scene, number: int) -> None:
    application = scene.application
    with pytest.raises(Killed):
        scene.apply(
            At("drop:finished", lambda: application.write(7, "newer")),
            At("rewrite:progress", die, number=number),
        )
    report = scene.apply()
    assert report.result is Result.SUCCEEDED
    assert scene.kept("concurrent_updates") == {b"d:07": application.value("newer")}
    assert {row: application.read(row) for row in range(COUNT)} == {
        row: "=newer" if row == 7 else f"=text {row}" for row in range(COUNT)
    }
    with pytest.raises(Killed):
        scene.rollback(At("restore:progress", die, number=number))
    scene.rollback()
    assert {row: application.read(row) for row in range(COUNT)} == {
        row: "newer" if row == 7 else f"text {row}" for row in range(COUNT)
    }


def test_value_that_was_saved_just_before_a_kill_is_not_saved_again(scene: Scene) -> None:
    application = scene.application
    with pytest.raises(Killed):
        scene.apply(At("rewrite:started", die))
    application.write(7, "newer")
    path = "$.t" if application.storage is Storage.JSON else "t"
    with BackupStore(backup_prefix(scene.directory, "i")) as store:  # as far as it came
        late = Batch((b"d:07",), {path: Column.of([application.value("newer")])})
        store.append(CONCURRENT_UPDATES, late)
    scene.apply()
    assert application.read(7) == "=newer"
    assert [
        len(each) for _, each in VectorBackup.load(backup_prefix(scene.directory, "i")).iter_batches(CONCURRENT_UPDATES)
    ] == [1]


def test_what_was_written_behind_the_pass_is_kept_by_the_rollback(scene: Scene) -> None:
    application = scene.application

    def meanwhile() -> None:
        application.write(7, "third")
        application.write(8, "text 8")  # the old value, once more

    with pytest.raises(Killed):
        scene.apply(At("drop:finished", lambda: application.write(7, "second")), At("create:started", die))
    meanwhile()
    undone = scene.rollback()
    assert scene.kept("overwritten_by_rollback") == {b"d:07": application.value("third")}
    assert notes(undone) == {"updated since the run": 1}
    assert [application.read(row) for row in (6, 7, 8)] == ["text 6", "second", "text 8"]


def findings(report: MigrationReport) -> dict[str, tuple[bool, str]]:
    return {each.name: (each.passed, str(each.severity)) for each in report.validation.findings}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("moment", ["dump:finished", "rewrite:finished", "create:finished"])
def test_documents_added_meanwhile_are_converted(scene: Scene, moment: str, workers: int) -> None:
    application = scene.application

    def meanwhile() -> None:
        application.write(70, "added")
        application.write(71, "=added in the new form")
        application.delete(9)

    report = scene.apply(At(moment, meanwhile), num_workers=workers)

    assert report.result is Result.SUCCEEDED
    assert [application.read(row) for row in (70, 71)] == ["=added", "=added in the new form"]
    assert scene.kept("concurrent_inserts") == {b"d:70": application.value("added")}
    assert notes(report)["added during the run"] == 1
    found = findings(report)
    assert found["documents_added"] == (False, "warning")
    assert found["documents_deleted"] == (False, "warning")
    assert found["documents_updated"][0] is found["documents_replaced"][0] is found["document_contents"][0] is True
    [finding] = [each for each in report.validation.findings if each.name == "documents_added"]
    assert finding.data == {"documents": 2, "unconverted": 0}
    assert "d:70" in finding.detail

    scene.rollback(num_workers=workers)
    assert [application.read(row) for row in (70, 71)] == ["added", "=added in the new form"]


def test_documents_are_looked_for_once_where_the_server_tells_that_nobody_has_changed_any(scene: Scene) -> None:
    capabilities = scene.server.capabilities
    is_told = scene.application.storage is Storage.HASH and capabilities.has_hsetex and not capabilities.cluster
    scene.server.command("CONFIG", "RESETSTAT")
    assert scene.apply().validation.passed
    stats: Any = scene.server.nodes()[0].info("commandstats")
    assert stats["cmdstat_type"]["calls"] // COUNT == (1 if is_told else 2)


def test_document_that_was_added_after_the_server_has_closed_an_idle_connection_is_converted(scene: Scene) -> None:
    def meanwhile() -> None:
        client: Any = scene.application.server.client
        for each in client.client_list():
            if "t" in each["flags"]:  # it follows changes
                client.client_kill_filter(_id=each["id"])
        scene.application.write(70, "added")

    assert scene.apply(At("create:finished", meanwhile), retry_for=0).result is Result.SUCCEEDED
    assert scene.application.read(70) == "=added"


def test_document_that_was_saved_just_before_a_kill_is_converted(scene: Scene) -> None:
    application = scene.application
    path = "$.t" if application.storage is Storage.JSON else "t"
    with pytest.raises(Killed):
        scene.apply(At("create:finished", die))
    application.write(70, "added")
    with BackupStore(backup_prefix(scene.directory, "i")) as store:  # as far as it came
        store.append("added", Batch((b"d:70",), {path: Column.of([application.value("added")])}))
    report = scene.apply()
    assert application.read(70) == "=added"
    assert notes(report) == {"added during the run": 1}
    scene.rollback()
    assert application.read(70) == "added"


def test_documents_changed_behind_the_pass(scene: Scene) -> None:
    application = scene.application

    def meanwhile() -> None:
        application.write(7, "newer")
        application.write(8, "text 8")
        application.write(9, "=new form")

    report = scene.apply(At("create:finished", meanwhile), verify="full")
    assert report.result is Result.SUCCEEDED
    assert [application.read(row) for row in (7, 8, 9)] == ["=newer", "=text 8", "=new form"]
    [finding] = [each for each in report.validation.findings if each.name == "documents_updated"]
    assert finding.data == {"converted": 1, "unchanged": 1}
    assert findings(report)["document_contents"] == (True, "error")
    scene.rollback()
    assert [application.read(row) for row in (7, 8, 9)] == ["newer", "text 8", "text 9"]
    assert scene.kept("overwritten_by_rollback") == {b"d:09": application.value("=new form")}


def test_sample_finds_what_is_not_converted_and_the_same_command_mends_it(scene: Scene) -> None:
    application = scene.application
    told = r"document_contents: 60 of 60 documents compared.*d:07.*Run the same command"
    with pytest.raises(ValidationFailed, match=told) as failed:
        scene.apply(At("create:finished", lambda: application.write(7, "newer")), batch_size=10)
    assert failed.value.report is not None
    report = scene.apply()
    assert report.result is Result.SUCCEEDED
    assert application.read(7) == "=newer"
    assert findings(report)["documents_updated"] == (False, "warning")


def test_nothing_is_compared_if_nobody_wants_it(scene: Scene) -> None:
    report = scene.apply(verify="none")
    assert "document_contents" not in findings(report)
    assert all(passed for passed, _ in findings(report).values())


def test_vectors_of_one_width(server: Server, redis_url: str, tmp_path: Path) -> None:
    """From float16 to bfloat16 nothing but the bytes tells which of the two a value is."""
    vectors = np.random.default_rng(3).standard_normal((COUNT, DIMS)).astype("<f2")
    newer = np.random.default_rng(4).standard_normal(DIMS).astype("<f2").tobytes()
    server.bulk([("HSET", f"d:{row:02}", "v", vectors[row].tobytes()) for row in range(COUNT)])
    server.command("HPEXPIREAT", "d:08", 4102444800123, "FIELDS", 1, "v")
    server.command(
        *("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT16", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, "i")
    patch = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "bfloat16"}}]}}
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=patch, server=server)
    with connect(redis_url) as other:
        for moment in ("rewrite:progress", "rewrite:finished"):
            plugins = load_plugins()
            plugins.register(At("drop:finished", lambda: other.command("HSET", "d:07", "v", newer)), "application")
            plugins.register(At(moment, die, number=3 if moment.endswith("progress") else 1), "killer")
            with pytest.raises(Killed):
                MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH)
            report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
            assert report.result is Result.SUCCEEDED
            as_float = np.frombuffer(newer, "<f2").astype("<f4")
            found = np.frombuffer(server.command("HGET", "d:07", "v"), "<u2").astype("<u4") << 16
            assert np.allclose(found.view("<f4"), as_float, rtol=2**-8)
            assert server.command("HPEXPIRETIME", "d:08", "FIELDS", 1, "v") == [4102444800123]
            MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
            assert server.command("HGET", "d:07", "v") == newer
            assert server.command("HGET", "d:06", "v") == vectors[6].tobytes()
            assert server.command("HPEXPIRETIME", "d:08", "FIELDS", 1, "v") == [4102444800123]
            server.command("HSET", "d:07", "v", vectors[7].tobytes())
