"""A batch through the command line: plan, apply, status, rollback."""

from __future__ import annotations

import json
from typing import Any

from ruamel.yaml import YAML

from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state

PLAN = ("batch-plan", "--schema-patch", "patch.yaml")
APPLY = ("batch-apply", "--backup-dir", "backups", "--accept-data-loss")


def read(fieldfare: CommandLine, name: str) -> Any:
    return YAML(typ="safe").load(fieldfare.directory / name)


def datatype(server: Server, index: str) -> object:
    field = read_definition(server, index).find("embedding")
    assert field is not None
    return field.attrs["datatype"]


def test_batch_from_plan_to_rollback(fieldfare: CommandLine, server: Server, load: Any) -> None:
    load("products_idx")
    load("users_idx")
    load("legacy_idx", vector=False)
    load("other")
    before = database_digest(server), index_state(server)

    planned = fieldfare(*PLAN, "--pattern", "*_idx")
    assert planned.code == 0, planned.stderr
    plan = read(fieldfare, "batch_plan.yaml")
    assert list(plan)[:5] == ["version", "batch_id", "mode", "failure_policy", "requires_quantization"]
    assert plan["failure_policy"] == "fail_fast"
    assert plan["requires_quantization"] is True
    assert plan["shared_patch"] == {
        "version": 1,
        "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]},
    }
    assert [(each["name"], each["applicable"], each["plan_path"]) for each in plan["indexes"]] == [
        ("legacy_idx", False, None),
        ("products_idx", True, "plans/products_idx.yaml"),
        ("users_idx", True, "plans/users_idx.yaml"),
    ]
    assert plan["indexes"][0]["skip_reason"].startswith("Field 'embedding' not found")
    assert plan["indexes"][1]["skip_reason"] is None
    assert (fieldfare.directory / "plans" / "users_idx.yaml").exists()

    refused = fieldfare("batch-apply", "--backup-dir", "backups")
    assert refused.code == 4
    assert "--accept-data-loss" in refused.stderr
    assert "users_idx" in refused.stderr
    assert (database_digest(server), index_state(server)) == before

    applied = fieldfare(*APPLY)
    assert applied.code == 0, applied.stderr
    assert "[1/2] products_idx: in_progress" in applied.stderr
    assert "[2/2] users_idx: success" in applied.stderr
    assert [datatype(server, each) for each in ("products_idx", "users_idx", "other")] == [
        "float16",
        "float16",
        "float32",
    ]
    report = read(fieldfare, "batch_report.yaml")
    assert report["status"] == "completed"
    assert report["summary"].items() >= {"total_indexes": 3, "successful": 2, "failed": 0, "skipped": 1}.items()
    assert report["indexes"][1]["report_path"].endswith("reports/products_idx_report.yaml")
    assert read(fieldfare, "reports/products_idx_report.yaml")["result"] == "succeeded"

    status = fieldfare("batch-status")
    assert status.code == 0
    assert f"Batch ID: {plan['batch_id']}" in status.stdout
    assert "Completed: 2\n- products_idx: success (" in status.stdout
    assert "In Progress: none\nRemaining: 0\n" in status.stdout

    again = fieldfare(*APPLY, "--json")
    assert again.code == 0
    assert json.loads(again.stdout)["status"] == "completed"

    undone = fieldfare("batch-rollback", "--json")
    assert undone.code == 0, undone.stderr
    assert json.loads(undone.stdout)["status"] == "rolled_back"
    assert (database_digest(server), index_state(server)) == before
    assert fieldfare("batch-resume", "--accept-data-loss").code == 4

    anew = fieldfare(*APPLY)
    assert anew.code == 0, anew.stderr
    assert datatype(server, "users_idx") == "float16"
    assert list(fieldfare.directory.glob("batch_state.yaml.*.stale")), "the old state file is renamed, not deleted"


def test_options_for_the_load_hold_for_every_index_and_are_kept(
    fieldfare: CommandLine, server: Server, load: Any
) -> None:
    load("a_idx")
    load("b_idx")
    before = database_digest(server), index_state(server)
    assert fieldfare(*PLAN, "--pattern", "*_idx").code == 0
    assert fieldfare(*APPLY, "--max-rate", "0").code == 2
    applied = fieldfare(
        *APPLY, "--max-rate", "100000", "--max-latency", "60000", "--pause-file", "pause", "--index-workers", "2"
    )
    assert applied.code == 0, applied.stderr
    settings = read(fieldfare, "batch_state.yaml")["settings"]
    pause = str(fieldfare.directory / "pause")
    assert [settings[name] for name in ("max_rate", "max_latency", "pause_file", "index_workers")] == [
        100_000,
        60_000,
        pause,
        "2",
    ]
    undone = fieldfare("batch-rollback", "--max-rate", "200000", "--index-workers", "off")
    assert undone.code == 0, undone.stderr
    settings = read(fieldfare, "batch_state.yaml")["settings"]
    assert [settings[name] for name in ("max_rate", "max_latency", "pause_file", "index_workers")] == [
        200_000,
        60_000,
        pause,
        "off",
    ]
    assert (database_digest(server), index_state(server)) == before
