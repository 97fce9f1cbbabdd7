"""Failed indexes: what happens to the other indexes, and how to continue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldfare.server import Server
from fieldfare.server.inspect import index_exists, read_definition
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.fixtures import PrivateServer
from fieldfare_batch.state_file import load_state

PLAN = ("batch-plan", "--schema-patch", "patch.yaml", "--pattern", "*")
APPLY = ("batch-apply", "--backup-dir", "backups", "--accept-data-loss")
RESUME = ("batch-resume", "--accept-data-loss")
TOO_LARGE = b"\x00\x00\x80\x7e" * 8  # 8.5e37 eight times, as float32


def plan(fieldfare: CommandLine, *options: str) -> None:
    planned = fieldfare(*PLAN, *options)
    assert planned.code == 0, planned.stderr


def statuses(fieldfare: CommandLine) -> dict[str, str]:
    state = load_state(fieldfare.directory / "batch_state.yaml")
    return {each.name: each.status.value for each in state.indexes}


def break_index(server: Server, name: str) -> bytes:
    original: bytes = server.command("HGET", f"{name}:3", "embedding")
    server.command("HSET", f"{name}:3", "embedding", TOO_LARGE)
    return original


def test_failing_indexes_do_not_stop_the_others_and_are_retried(
    fieldfare: CommandLine, server: Server, load: Any
) -> None:
    for name in ("a", "b", "c", "d"):
        load(name)
    before = database_digest(server), index_state(server)
    plan(fieldfare, "--failure-policy", "continue_on_error")
    originals = {name: break_index(server, name) for name in ("b", "c")}

    applied = fieldfare(*APPLY, "--json")
    assert applied.code == 3
    report = json.loads(applied.stdout)
    assert report["status"] == "partial_failure"
    assert report["summary"].items() >= {"successful": 2, "failed": 2, "remaining": 0}.items()
    assert "b:3" in report["indexes"][1]["error"]
    assert report["next"]["resume"].endswith("batch_state.yaml --retry-failed --accept-data-loss")

    for name, original in originals.items():
        server.command("HSET", f"{name}:3", "embedding", original)
    unchanged = fieldfare(*RESUME)
    assert unchanged.code == 3, "failed indexes are not retried without --retry-failed"
    assert "--retry-failed" in unchanged.stderr
    assert statuses(fieldfare) == {"a": "success", "b": "failed", "c": "failed", "d": "success"}
    refused = fieldfare("batch-resume", "--retry-failed")
    assert refused.code == 4
    assert "--accept-data-loss" in refused.stderr
    retried = fieldfare(*RESUME, "--retry-failed", "--json")
    assert retried.code == 0, retried.stderr
    assert json.loads(retried.stdout)["status"] == "completed"
    assert statuses(fieldfare) == dict.fromkeys("abcd", "success")

    assert fieldfare("batch-rollback").code == 0
    assert (database_digest(server), index_state(server)) == before


def test_fail_fast_stops_and_can_be_resumed(fieldfare: CommandLine, server: Server, load: Any) -> None:
    for name in ("a", "b", "c"):
        load(name)
    plan(fieldfare)
    break_index(server, "a")
    applied = fieldfare(*APPLY)
    assert applied.code == 1, "nothing was changed"
    assert "Batch failed" in applied.stdout
    assert statuses(fieldfare) == {"a": "failed", "b": "pending", "c": "pending"}
    shown = fieldfare("batch-status")
    assert "- a: failed - Some documents cannot be converted" in shown.stdout
    assert "Remaining: 2 (b, c)" in shown.stdout
    resumed = fieldfare(*RESUME)
    assert resumed.code == 3
    assert statuses(fieldfare) == {"a": "failed", "b": "success", "c": "success"}
    allowed = fieldfare(*RESUME, "--retry-failed", "--allow-overflow")
    assert allowed.code == 0, allowed.stderr


def test_an_index_that_was_dropped_fails_with_a_reason(fieldfare: CommandLine, server: Server, load: Any) -> None:
    for name in ("a", "b", "c"):
        load(name)
    plan(fieldfare, "--failure-policy", "continue_on_error")
    server.command("FT.DROPINDEX", "b")
    before = database_digest(server)
    applied = fieldfare(*APPLY)
    assert applied.code == 3
    assert "There is no index or alias named 'b'" in applied.stdout
    assert "Traceback" not in applied.stderr
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert database_digest(server) != before or not index_exists(server, "b")
    assert statuses(fieldfare) == dict.fromkeys("abc", "rolled_back")


def test_an_index_renamed_by_the_patch(fieldfare: CommandLine, server: Server, load: Any) -> None:
    (fieldfare.directory / "patch.yaml").write_text(
        "version: 1\nchanges:\n  index: {name: target}\n"
        "  update_fields: [{name: embedding, attrs: {datatype: float16}}]\n"
    )
    load("a")
    before = database_digest(server), index_state(server)
    plan(fieldfare)
    assert fieldfare(*APPLY, crash_at="validate:finished:1").code == -9
    resumed = fieldfare(*RESUME)
    assert resumed.code == 0, resumed.stderr
    assert read_definition(server, "target").name == "target"
    assert statuses(fieldfare) == {"a": "success"}
    server.command("FT.DROPINDEX", "target")
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert (database_digest(server), index_state(server)) == before


def test_a_rollback_that_fails_for_one_index_restores_the_others(
    fieldfare: CommandLine, server: Server, load: Any
) -> None:
    for name in ("a", "b"):
        load(name)
    before = database_digest(server), index_state(server)
    plan(fieldfare)
    assert fieldfare(*APPLY).code == 0
    [data] = (fieldfare.directory / "backups").glob("migration_backup_b-*.data")
    original = data.read_bytes()
    data.write_bytes(original[:-10])
    undone = fieldfare("batch-rollback")
    assert undone.code == 3
    assert "fieldfare batch-rollback --state" in undone.stderr
    assert statuses(fieldfare) == {"a": "rolled_back", "b": "failed"}
    refused = fieldfare(*RESUME)
    assert refused.code == 4
    assert "a rollback of the batch was started" in refused.stderr
    data.write_bytes(original)
    assert fieldfare("batch-rollback").code == 0
    assert (database_digest(server), index_state(server)) == before


def test_files_of_another_batch_are_refused(fieldfare: CommandLine, server: Server, load: Any) -> None:
    for name in ("a", "b"):
        load(name)
    plan(fieldfare)
    break_index(server, "b")
    assert fieldfare(*APPLY).code == 3
    other = fieldfare(*RESUME, "--backup-dir", "elsewhere")
    assert other.code == 4
    assert str(fieldfare.directory / "backups") in other.stderr
    again = fieldfare("batch-apply", "--accept-data-loss", "--backup-dir", "elsewhere")
    assert again.code == 4
    same = fieldfare(*RESUME, "--backup-dir", "./backups/../backups")
    assert same.code == 3

    second = fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--indexes", "b", "--plan-out", "second.yaml")
    assert second.code == 0, second.stderr
    taken = fieldfare(*APPLY, "--plan", "second.yaml")
    assert taken.code == 4
    assert "Use another --state" in taken.stderr
    overwritten = fieldfare(*RESUME, "--retry-failed")
    assert overwritten.code == 4, "the plan of b is another one now"
    assert "the file was overwritten" in overwritten.stderr


def test_a_partly_migrated_index_needs_no_plan_file(fieldfare: CommandLine, server: Server, load: Any) -> None:
    for name in ("a", "b"):
        load(name)
    plan(fieldfare)
    plans = fieldfare.directory / "plans"
    assert fieldfare(*APPLY, "--batch-size", "5", crash_at="rewrite:progress:3").code == -9
    (plans / "a.yaml").unlink()
    (plans / "b.yaml").rename(fieldfare.directory / "b.yaml")
    refused = fieldfare(*RESUME)
    assert refused.code == 2
    assert f"{plans / 'b.yaml'} cannot be used; nothing was changed" in refused.stderr
    assert statuses(fieldfare) == {"a": "in_progress", "b": "pending"}
    (fieldfare.directory / "b.yaml").rename(plans / "b.yaml")
    resumed = fieldfare(*RESUME)
    assert resumed.code == 0, resumed.stderr
    assert all(read_definition(server, name).find("embedding").attrs["datatype"] == "float16" for name in "ab")  # type: ignore[union-attr]  # they have the field


def test_an_unusable_backup_directory_leaves_no_state_file(fieldfare: CommandLine, load: Any) -> None:
    load("a")
    plan(fieldfare)
    refused = fieldfare("batch-apply", "--accept-data-loss", "--backup-dir", "patch.yaml")
    assert refused.code == 4
    assert "it is not a directory. Nothing was changed. Give another --backup-dir." in refused.stderr
    assert not (fieldfare.directory / "batch_state.yaml").exists()
    assert fieldfare(*APPLY).code == 0


def test_a_batch_is_not_rolled_back_on_another_server(
    fieldfare: CommandLine, server: Server, load: Any, private_server: PrivateServer
) -> None:
    for name in ("a", "b"):
        load(name)
    before = database_digest(server), index_state(server)
    plan(fieldfare)
    assert fieldfare(*APPLY, crash_at="rewrite:finished:1").code == -9
    elsewhere = CommandLine(private_server(tcp=True).url, fieldfare.directory)
    for command in (RESUME, ("batch-rollback",)):
        refused = elsewhere(*command)
        assert refused.code == 3, "a is partly migrated on its own server"
        assert "none of them are on this server" in refused.stdout
    target = ["a"] if server.capabilities.has_hsetex else []  # writes fill it from the start of the pass
    assert json.loads(fieldfare("list", "--json").stdout)["indexes"] == [*target, "b"]
    assert elsewhere("list").stdout.strip() == "Indices:"
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert (database_digest(server), index_state(server)) == before


def test_rollback_leaves_backups_of_other_plans_alone(fieldfare: CommandLine, server: Server, load: Any) -> None:
    load("a")
    (fieldfare.directory / "other.yaml").write_text(
        "version: 1\nchanges:\n  update_fields: [{name: title, attrs: {sortable: true}}]\n"
    )
    assert fieldfare("plan", "--index", "a", "--schema-patch", "other.yaml").code == 0
    assert fieldfare("apply", "--backup-dir", "backups").code == 0
    before = database_digest(server), index_state(server)
    plan(fieldfare)
    server.command("HSET", "a:3", "embedding", TOO_LARGE)
    assert fieldfare(*APPLY).code == 1
    server.command("HDEL", "a:3", "none")
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert index_state(server)["a"][0] == before[1]["a"][0], "the sortable title of the earlier migration stays"


@pytest.mark.parametrize("command", [("batch-resume",), ("batch-status",), ("batch-rollback",)])
def test_no_state(command: tuple[str, ...], fieldfare: CommandLine) -> None:
    refused = fieldfare(*command, "--state", "nowhere.yaml")
    assert refused.code == 4
    assert "there is no such file" in refused.stderr


def test_damaged_files_are_reported(fieldfare: CommandLine, load: Any) -> None:
    load("a")
    plan(fieldfare)
    state = fieldfare.directory / "batch_state.yaml"
    state.write_text("version: 1\nbatch_id: [\n")
    for command in (("batch-status",), RESUME, APPLY):
        refused = fieldfare(*command)
        assert refused.code == 2
        assert "batch_state.yaml cannot be used" in refused.stderr
    state.unlink()
    edited = Path(fieldfare.directory / "plans" / "a.yaml")
    edited.write_text(edited.read_text().replace("float16", "bfloat16"))
    refused = fieldfare(*APPLY)
    assert refused.code == 4
    assert "was edited" in refused.stderr
    edited.unlink()
    assert fieldfare(*APPLY).code == 2
    assert not state.exists()
    assert fieldfare("batch-apply", "--accept-data-loss").code == 2, "no backup directory"
