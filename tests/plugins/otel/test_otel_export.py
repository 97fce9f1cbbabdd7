"""What the command line sends to a receiver of OTLP, and that a receiver which fails does not matter."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from fieldfare.api import MigrationPlanner, write_migration_plan
from fieldfare.server import Server
from fieldfare_otel.signals import Signals
from otlp_receiver import Receiver

SECRET = "Ada Lovelace"  # noqa: S105 - a value of a document


@pytest.fixture
def plan(server: Server, tmp_path: Path) -> Path:
    server.bulk([("HSET", f"d:{row}", "name", SECRET) for row in range(20)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "name", "TEXT")
    patch = {"version": 1, "changes": {"index": {"prefix": "e:"}}}
    made = MigrationPlanner().create_plan_from_patch("i", schema_patch=patch, server=server)
    write_migration_plan(made, tmp_path / "plan.yaml")
    return tmp_path / "plan.yaml"


def apply(
    plan: Path, url: str, variables: Mapping[str, str], *options: str, program: tuple[str, ...] = ("-m", "fieldfare")
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    arguments = ("apply", "--plan", str(plan), "--backup-dir", str(plan.parent / "backup"), "--url", url, "--json")
    return subprocess.run(
        [sys.executable, *program, *arguments, *options],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_receiver_gets_the_spans_and_metrics_of_a_command(plan: Path, redis_url: str, receiver: Receiver) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_RESOURCE_ATTRIBUTES": "team=search"}
    done = apply(plan, redis_url, variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == "succeeded"
    assert {"fieldfare apply", "enumerate", "drop", "create", "validate"} <= {span.name for span in receiver.spans}
    [trace] = {span.trace_id for span in receiver.spans}
    assert trace
    assert {"fieldfare.documents", "fieldfare.runs"} <= {metric.name for metric in receiver.metrics}
    assert {(each["service.name"], each["team"]) for each in receiver.resources} == {("fieldfare", "search")}
    assert SECRET.encode() not in b"".join(receiver.bodies)


def test_the_option_switches_both_signals_on(plan: Path, redis_url: str, receiver: Receiver) -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "nightly",
    }
    done = apply(plan, redis_url, variables, "--otel")
    assert done.returncode == 0, done.stderr
    assert receiver.spans
    assert receiver.metrics == []
    assert {each["service.name"] for each in receiver.resources} == {"nightly"}


def test_a_receiver_that_is_not_there_fails_no_run(plan: Path, redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = apply(plan, redis_url, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == "succeeded"
    assert "Traceback" not in done.stderr


def test_a_receiver_that_refuses_fails_no_run(plan: Path, redis_url: str, receiver: Receiver) -> None:
    receiver.status = 400
    done = apply(plan, redis_url, {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url})
    assert done.returncode == 0, done.stderr
    assert receiver.bodies
    assert json.loads(done.stdout)["result"] == "succeeded"


@pytest.mark.parametrize("variables", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}])
def test_nothing_is_imported_unless_it_is_asked_for(plan: Path, redis_url: str, variables: dict[str, str]) -> None:
    script = (
        "import sys; from fieldfare.cli.app import run; code = run(sys.argv[1:]);"
        "names = set(sys.modules);"
        "sys.exit(code or 'fieldfare_otel.providers' in names or 'fieldfare_otel.plugin' not in names)"
    )
    assert apply(plan, redis_url, variables, program=("-c", script)).returncode == 0


def test_a_command_without_the_plugin_refuses_the_option(plan: Path, redis_url: str) -> None:
    done = apply(plan, redis_url, {}, "--otel", "-p", "no:otel")
    assert done.returncode == 2
    assert "--otel needs the plugin 'otel', which is not loaded" in done.stdout


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Signals()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, Signals(("otlp",), ("otlp",))),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, Signals((), ("otlp",))),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, Signals(("console", "otlp"))),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, Signals((), ("otlp",))),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, Signals()),
    ],
)
def test_variables_switch_signals_on(environment: dict[str, str], expected: Signals) -> None:
    assert Signals.read(environment) == expected
