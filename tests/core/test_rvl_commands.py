"""Every command and option of ``rvl migrate`` is one of ``fieldfare``, and does the same on a real server."""

from __future__ import annotations

import shlex
import struct
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import pytest
import typer
from redis import Redis

from fieldfare.cli.app import build_app, run
from fieldfare.errors import UsageError
from fieldfare.hooks.manager import load_plugins
from fieldfare.migration import MigrationPlanner, MigrationWizard
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.support.yamlfile import load_yaml
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.indexing import wait_until_indexed

CONNECTION: Final = ("-u", "--url", "--host", "-p", "--port", "--user", "--ssl", "-a", "--password")

OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "helper": CONNECTION,
    "wizard": (
        *("-i", "--index", "--patch", "--plan-out", "--patch-out", "--target-schema-out", "--key-sample-limit"),
        *CONNECTION,
    ),
    "plan": (
        *("-i", "--index", "--schema-patch", "--target-schema", "--plan-out", "--key-sample-limit"),
        *CONNECTION,
    ),
    "apply": (
        *("--plan", "--async", "--backup-dir", "--batch-size", "--workers", "--report-out", "--benchmark-out"),
        *("--query-check-file", *CONNECTION),
    ),
    "estimate": ("--plan", "--aof-enabled"),
    "rollback": ("--backup-dir", "--index", "--yes", "-y", "--force", *CONNECTION),
    "validate": ("--plan", "--report-out", "--benchmark-out", "--query-check-file", *CONNECTION),
    "batch-plan": (
        *("--schema-patch", "--pattern", "--indexes", "--indexes-file", "--failure-policy", "--plan-out"),
        *CONNECTION,
    ),
    "batch-apply": (
        *("--plan", "--accept-data-loss", "--state", "--report-dir", "--backup-dir", "--batch-size", "--workers"),
        *CONNECTION,
    ),
    "batch-resume": (
        *("--state", "--plan", "--retry-failed", "--accept-data-loss", "--report-dir", "--backup-dir"),
        *("--batch-size", "--workers", *CONNECTION),
    ),
    "batch-status": ("--state",),
}
"""Command → options, as ``rvl migrate COMMAND --help`` of RedisVL 0.28 lists them."""

PATCH: Final = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
COUNT: Final = 12

GUIDE: Final = """\
fieldfare list --url URL
fieldfare plan --index products --schema-patch patch.yaml --url URL --plan-out migration_plan.yaml
fieldfare estimate --plan migration_plan.yaml
fieldfare estimate --plan migration_plan.yaml --aof-enabled
fieldfare apply --plan migration_plan.yaml --url URL --backup-dir ./migration_backups --report-out migration_report.yaml
fieldfare apply --plan migration_plan.yaml --url URL --backup-dir ./migration_backups --workers 4
fieldfare validate --plan migration_plan.yaml --url URL --report-out migration_report.yaml
fieldfare rollback --backup-dir ./migration_backups --url URL
fieldfare apply --plan migration_plan.yaml --async --backup-dir ./migration_backups --url URL
fieldfare rollback --backup-dir ./migration_backups --url URL
fieldfare batch-plan --pattern "*s" --schema-patch patch.yaml --plan-out batch_plan.yaml --url URL
fieldfare batch-plan --indexes "products,users" --schema-patch patch.yaml --plan-out batch_plan.yaml --url URL
fieldfare batch-plan --indexes-file indexes.txt --schema-patch patch.yaml --plan-out batch_plan.yaml --url URL
fieldfare batch-apply --plan batch_plan.yaml --backup-dir ./batch_backups --accept-data-loss --url URL
fieldfare batch-status --state batch_state.yaml
fieldfare batch-resume --state batch_state.yaml --accept-data-loss --url URL
fieldfare batch-resume --state batch_state.yaml --retry-failed --accept-data-loss --url URL
"""
"""The commands of RedisVL's migration guide, in its order, with our name of the program."""

Rvl: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def parts(redis_url: str) -> tuple[str, ...]:
    """The server by its parts, which are preferred to the URL in the environment."""
    address = urlsplit(redis_url)
    return ("--host", str(address.hostname), "-p", str(address.port))


@pytest.fixture
def rvl(redis_url: str, server: Server, tmp_path: Path) -> Rvl:
    """The command line, in a directory with patches, and two indexes; every command must end with 0."""
    for name in ("products", "users"):
        load(server, name)
    (tmp_path / "patch.yaml").write_text(PATCH)
    (tmp_path / "indexes.txt").write_text("products\nusers\n")
    (tmp_path / "checks.yaml").write_text("keys_exist: ['products:1']\n")
    command = CommandLine("redis://nowhere.invalid:1", tmp_path)
    del redis_url

    def succeed(*arguments: str) -> Outcome:
        done = command(*arguments)
        assert done.code == 0, (arguments, done.stdout, done.stderr)
        return done

    return succeed


def load(server: Server, name: str) -> None:
    for row in range(COUNT):
        server.command("HSET", f"{name}:{row}", "title", "a", "embedding", struct.pack("<4f", 1, 2, 3, row))
    server.command(
        *("FT.CREATE", name, "PREFIX", 1, f"{name}:", "SCHEMA", "title", "TEXT", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "COSINE"),
    )
    wait_until_indexed(server, name)


def datatype(server: Server, name: str) -> object:
    field = read_definition(server, name).find("embedding")
    return field and field.attrs["datatype"]


@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_of_rvl_is_there(command: str) -> None:
    program = typer.main.get_command(build_app(load_plugins()))
    found = program.commands[command]  # type: ignore[attr-defined]  # it is a group
    options = {name for parameter in found.params for name in parameter.opts}
    assert set(OPTIONS[command]) <= options


def test_one_index_with_the_options_of_rvl(rvl: Rvl, parts: tuple[str, ...], server: Server, tmp_path: Path) -> None:
    assert "- products" in rvl("helper", *parts).stdout
    made = rvl(
        *("plan", "-i", "products", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml"),
        *("--key-sample-limit", "3", *parts),
    )
    assert "Migration plan written to" in made.stdout
    assert len(load_yaml(tmp_path / "plan.yaml").data["source"]["keyspace"]["key_sample"]) == 3
    assert "AOF growth: ~" in rvl("estimate", "--plan", "plan.yaml", "--aof-enabled").stdout
    rvl(
        *("apply", "--plan", "plan.yaml", "--async", "--backup-dir", "backups", "--batch-size", "5", "--workers", "2"),
        *("--report-out", "report.yaml", "--benchmark-out", "benchmark.yaml", *parts),
    )
    assert datatype(server, "products") == "float16"
    rvl("validate", "--plan", "plan.yaml", "--report-out", "v.yaml", "--benchmark-out", "vb.yaml", *parts)
    for name in ("report.yaml", "benchmark.yaml", "v.yaml", "vb.yaml"):
        assert load_yaml(tmp_path / name).data["result"] == "succeeded", name
    rvl("rollback", "--backup-dir", "backups", "--index", "products", "-y", "--force", *parts)
    assert datatype(server, "products") == "float32"


def test_the_wizard_and_a_target_schema_with_the_options_of_rvl(
    rvl: Rvl, parts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", StringIO("8\n"))
    options = ("--plan-out", "w.yaml", "--patch-out", "wp.yaml", "--target-schema-out", "schema.yaml")
    arguments = ("wizard", "-i", "products", "--patch", "patch.yaml", *options, "--key-sample-limit", "2", *parts)
    assert run(arguments) == 0
    assert load_yaml(tmp_path / "wp.yaml").data["changes"]["update_fields"][0]["name"] == "embedding"
    assert len(load_yaml(tmp_path / "w.yaml").data["source"]["keyspace"]["key_sample"]) == 2
    target = load_yaml(tmp_path / "schema.yaml").data
    assert next(each for each in target["fields"] if each["name"] == "embedding")["attrs"]["datatype"] == "float16"
    made = rvl("plan", "--index", "products", "--target-schema", "schema.yaml", "--plan-out", "t.yaml", *parts)
    assert "float32 → float16" in made.stdout


def test_the_wizard_as_a_class_with_the_arguments_of_redisvl(
    rvl: Rvl, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del rvl
    with Redis.from_url(redis_url, decode_responses=True) as client:
        monkeypatch.setattr("sys.stdin", StringIO("products\n8\n"))
        plan = MigrationWizard(planner=MigrationPlanner()).run(
            index_name=None,
            redis_url=None,
            redis_client=client,
            existing_patch_path=str(tmp_path / "patch.yaml"),
            plan_out=str(tmp_path / "plan.yaml"),
            patch_out=str(tmp_path / "out.yaml"),
            target_schema_out=str(tmp_path / "schema.yaml"),
        )
        assert (plan.index, plan.supported) == ("products", True)
        assert {"plan.yaml", "out.yaml", "schema.yaml"} <= {path.name for path in tmp_path.iterdir()}
        assert client.ping(), "the caller's client stays open"
    with pytest.raises(UsageError, match="need different files"):
        MigrationWizard().run(index_name="products", redis_url=redis_url, plan_out="same", target_schema_out="same")


def test_ssl_means_tls(rvl: Rvl, parts: tuple[str, ...], tmp_path: Path) -> None:
    del rvl
    refused = CommandLine("redis://nowhere.invalid:1", tmp_path)("list", *parts, "--ssl")
    assert refused.code == 4
    assert "Cannot talk to Redis at rediss://" in refused.stderr


def test_a_batch_with_the_options_of_rvl(rvl: Rvl, parts: tuple[str, ...], server: Server, tmp_path: Path) -> None:
    chosen = ("--schema-patch", "patch.yaml", "--failure-policy", "continue_on_error")
    rvl("batch-plan", *chosen, "--pattern", "*s", "--plan-out", "p1.yaml", *parts)
    rvl("batch-plan", *chosen, "--indexes", "products,users", "--plan-out", "p2.yaml", *parts)
    rvl("batch-plan", *chosen, "--indexes-file", "indexes.txt", "--plan-out", "p3.yaml", *parts)
    server.command("FT.ALTER", "users", "SCHEMA", "ADD", "year", "NUMERIC")  # its plan is stale
    command = CommandLine("redis://nowhere.invalid:1", tmp_path)
    failed = command(
        *("batch-apply", "--plan", "p3.yaml", "--accept-data-loss", "--state", "state.yaml", "--report-dir", "reports"),
        *("--backup-dir", "backups", "--batch-size", "5", "--workers", "2", *parts),
    )
    assert failed.code == 3, failed.stderr
    assert "- users: failed" in rvl("batch-status", "--state", "state.yaml").stdout
    resumed = command(
        *("batch-resume", "--state", "state.yaml", "--plan", "p3.yaml", "--retry-failed", "--accept-data-loss"),
        *("--report-dir", "others", "--backup-dir", "backups", "--batch-size", "4", "--workers", "1", *parts),
    )
    assert resumed.code == 3, "the plan is still stale"
    state = load_yaml(tmp_path / "state.yaml").data
    assert (state["settings"]["batch_size"], state["settings"]["num_workers"]) == (4, 1)
    assert state["report_dir"] == str(tmp_path / "others")
    assert datatype(server, "products") == "float16"


def test_rollback_with_yes_rolls_back_every_index_of_a_directory(
    rvl: Rvl, parts: tuple[str, ...], server: Server, tmp_path: Path
) -> None:
    for name in ("products", "users"):
        rvl("plan", "-i", name, "--schema-patch", "patch.yaml", "--plan-out", f"{name}.yaml", *parts)
        rvl("apply", "--plan", f"{name}.yaml", "--backup-dir", "backups", *parts)
    several = CommandLine("redis://nowhere.invalid:1", tmp_path)("rollback", "--backup-dir", "backups", *parts)
    assert several.code == 4
    assert "name one with --index" in several.stderr
    done = rvl("rollback", "--backup-dir", "backups", "--yes", *parts)
    assert done.stdout.count("Rolled back: ") == 2
    assert {datatype(server, name) for name in ("products", "users")} == {"float32"}


def test_the_commands_of_the_guide_in_order(rvl: Rvl, server: Server, redis_url: str) -> None:
    for line in GUIDE.replace("URL", redis_url).splitlines():
        rvl(*shlex.split(line)[1:])
    assert {datatype(server, name) for name in ("products", "users")} == {"float16"}


def test_aof_is_noticed(rvl: Rvl, parts: tuple[str, ...], server: Server, redis_url: str) -> None:
    rvl("plan", "-i", "products", "--schema-patch", "patch.yaml", *parts)
    estimate = ("estimate", "--plan", "migration_plan.yaml")
    silent = rvl(*estimate)
    assert "AOF growth: not estimated (pass --aof-enabled if AOF is on" in silent.stdout
    assert "it is not known whether AOF is on" in silent.stderr, "the server in the environment does not answer"
    assert "AOF growth: none (AOF is off)" in rvl(*estimate, "-u", redis_url).stdout
    server.command("CONFIG", "SET", "appendonly", "yes")
    try:
        assert "AOF growth: ~" in rvl(*estimate, *parts).stdout
    finally:
        server.command("CONFIG", "SET", "appendonly", "no")


def test_a_url_and_a_host_are_refused(redis_url: str, tmp_path: Path) -> None:
    done = CommandLine(redis_url, tmp_path)("list", "-u", redis_url, "--host", "h", "-a", "correct horse")
    assert done.code == 2
    assert "Give --url, or --host and --password, not both." in done.stderr
    assert "horse" not in done.stderr


def test_a_user_with_a_password_connects_and_neither_is_shown(
    rvl: Rvl, parts: tuple[str, ...], server: Server, tmp_path: Path
) -> None:
    secret = "batt/ery@staple"  # noqa: S105 - of a test
    server.command("ACL", "SETUSER", "joe", "on", f">{secret}", "~*", "&*", "+@all")
    try:
        listed = rvl("list", *parts, "--user", "joe", "-a", secret)
        assert "products" in listed.stdout
        refused = CommandLine("redis://nowhere.invalid:1", tmp_path)(
            "list", "--traceback", *parts, "--user", "joe", "--password", f"{secret}-wrong"
        )
        assert refused.code == 4
        assert "redis://joe:***@" in refused.stderr
        assert "staple" not in refused.stderr + refused.stdout
    finally:
        server.command("ACL", "DELUSER", "joe")
