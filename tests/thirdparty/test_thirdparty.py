"""Two third-party distributions, installed with pip as users install them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state

pytestmark = pytest.mark.skipif(find_spec("acme_redact") is None, reason="'make test' installs the plugins for tests")

COUNT = 120
PATCH = """\
version: 1
changes:
  custom:
    - kind: acme.redact_email
      field: email
"""
APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "25")


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    server.bulk(
        [("HSET", f"user:{row}", "name", f"user {row}", "email", f"ada{row}@example.org") for row in range(COUNT)]
    )
    server.bulk([("HSET", f"user:without{row}", "name", "nobody") for row in range(5)])
    server.command(
        "FT.CREATE", "users", "PREFIX", 1, "user:", "SCHEMA", "name", "TEXT", "email", "TAG", "SEPARATOR", ";"
    )
    (tmp_path / "patch.yaml").write_text(PATCH)
    command = CommandLine(redis_url, tmp_path)
    assert command("plan", "--index", "users", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml").code == 0
    return command


def emails(server: Server) -> set[bytes]:
    return set(server.bulk([("HGET", f"user:{row}", "email") for row in range(COUNT)]))


def test_custom_step_is_applied_validated_and_undone(fieldfare: CommandLine, server: Server) -> None:
    before = database_digest(server), index_state(server)

    outcome = fieldfare(*APPLY, "--json")

    assert outcome.code == 0, outcome.stderr
    assert emails(server) == {b"a***@example.org"}
    findings = {each["name"]: each for each in json.loads(outcome.stdout)["validation"]["findings"]}
    assert findings["acme.plain_text"]["passed"] is True
    assert fieldfare("rollback", "--backup-dir", "backup").code == 0
    assert (database_digest(server), index_state(server)) == before


def test_custom_step_killed_in_the_middle_resumes(fieldfare: CommandLine, server: Server) -> None:
    before = database_digest(server), index_state(server)

    assert fieldfare(*APPLY, crash_at="rewrite:progress:3").code == -9
    assert len(emails(server)) > 1, "killed half-way: some addresses are masked, others are not"
    outcome = fieldfare(*APPLY)

    assert outcome.code == 0, outcome.stderr
    assert emails(server) == {b"a***@example.org"}
    assert fieldfare("rollback", "--backup-dir", "backup").code == 0
    assert (database_digest(server), index_state(server)) == before


def test_failed_finding_of_a_third_party_plugin_is_reported(fieldfare: CommandLine) -> None:
    outcome = fieldfare("validate", "--plan", "plan.yaml", "--json")
    findings = {each["name"]: each for each in json.loads(outcome.stdout)["validation"]["findings"]}
    assert findings["acme.plain_text"]["passed"] is False
    assert "plain addresses in user:" in findings["acme.plain_text"]["detail"]


def test_plan_without_its_plugin_is_refused(fieldfare: CommandLine, server: Server) -> None:
    before = database_digest(server), index_state(server)
    outcome = fieldfare("-p", "no:acme_redact", *APPLY)
    assert outcome.code == 6
    assert "acme_redact 1.0.0: it is excluded with -p" in outcome.stderr
    assert (database_digest(server), index_state(server)) == before


def test_change_without_a_claim_names_the_plugins_asked(fieldfare: CommandLine) -> None:
    outcome = fieldfare(
        "-p", "no:acme_redact", "plan", "--index", "users", "--schema-patch", "patch.yaml", "--plan-out", "other.yaml"
    )
    assert outcome.code == 6
    assert "acme.redact_email" in outcome.stderr
    assert "Plugins asked: dims, fields, prefix, " in outcome.stderr
    assert not (fieldfare.directory / "other.yaml").exists()


def test_a_misspelled_parameter_is_the_mistake_of_whoever_wrote_the_patch(
    fieldfare: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "patch.yaml").write_text(PATCH.replace("field: email", "fieldd: email"))

    outcome = fieldfare("plan", "--index", "users", "--schema-patch", "patch.yaml", "--plan-out", "other.yaml")

    assert outcome.code == 2
    assert "'acme.redact_email' needs the parameter 'field'; the patch gives: 'fieldd'" in outcome.stderr
    assert not (tmp_path / "other.yaml").exists()
