"""``batch-finalize``: all indexes of a batch are finalized, or the first that refuses stops it."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import pytest

from fieldfare.engine.stop import StopRequest
from fieldfare.errors import Interrupted
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import list_indexes
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import read_state
from fieldfare_batch import BatchMigrationExecutor

NAMES: Final = ("a", "b", "c")
NEW: Final = ["a__v2", "b__v2", "c__v2"]
FLOAT16: Final = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}
FINALIZE: Final = ("batch-finalize", "--yes")


@pytest.fixture
def books(server: Server, load: Any, fieldfare: CommandLine) -> Server:
    """Give a server with three indexes, which an application knows by aliases, and a patch for their vectors."""
    for name in NAMES:
        load(f"{name}_1")
        server.command("FT.ALIASADD", name, f"{name}_1")
    (fieldfare.directory / "patch.yaml").write_text(json.dumps({"version": 1, "mode": "shadow", "changes": FLOAT16}))
    return server


def migrate(fieldfare: CommandLine, *options: str, policy: str = "fail_fast") -> Outcome:
    arguments = ("--schema-patch", "patch.yaml", "--indexes", ",".join(NAMES), "--failure-policy", policy)
    planned = fieldfare("batch-plan", *arguments)
    assert planned.code == 0, planned.stderr
    applied = fieldfare("batch-apply", "--backup-dir", "backups", "--accept-data-loss", *options)
    assert applied.code == 0, applied.stderr
    return applied


def results(outcome: Outcome) -> dict[str, str]:
    return {each["name"]: each["result"] for each in json.loads(outcome.stdout)["indexes"]}


def write_old_form(server: Server, name: str) -> None:
    """Write a vector as an application does that knows nothing of the migration."""
    server.command("HSET", f"{name}:3", "embedding", np.ones(8, "<f4").tobytes())


def test_all_old_indexes_and_old_values_are_removed(fieldfare: CommandLine, books: Server) -> None:
    before = read_state(books)
    assert "To finalize:   fieldfare batch-finalize --state " in migrate(fieldfare).stdout
    assert "To finalize:" in fieldfare("batch-status").stdout
    done = fieldfare(*FINALIZE)
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("Batch finalized: batch_")
    assert "[3/3] c_1: finalized in " in done.stderr
    assert sorted(list_indexes(books)) == NEW
    assert sorted(books.command("HKEYS", "a_1:3")) == [b"embedding__v2", b"title"]
    assert "To finalize:" not in done.stdout + fieldfare("batch-status").stdout
    assert results(fieldfare(*FINALIZE, "--json")) == dict.fromkeys(("a_1", "b_1", "c_1"), "nothing to do")
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert [real_name(books, name) for name in NAMES] == ["a_1", "b_1", "c_1"]
    assert read_state(books) == before
    assert "was rolled back" in fieldfare(*FINALIZE).stderr


@pytest.mark.parametrize(("policy", "third"), [("fail_fast", "not finalized"), ("continue_on_error", "finalized")])
def test_the_policy_decides_what_a_refusal_stops(
    policy: str, third: str, fieldfare: CommandLine, books: Server
) -> None:
    migrate(fieldfare, policy=policy)
    write_old_form(books, "b_1")
    refused = fieldfare(*FINALIZE, "--json")
    assert refused.code == 4
    assert results(refused) == {"a_1": "finalized", "b_1": "failed", "c_1": third}
    assert "b_1" in list_indexes(books)
    shown = fieldfare(*FINALIZE)
    assert shown.stdout.startswith("Batch not finalized: batch_")
    assert "Applications wrote old fields since these were converted" in shown.stdout
    assert "To finalize:" in shown.stderr
    forced = fieldfare(*FINALIZE, "--force")
    assert forced.code == 0, forced.stdout
    assert sorted(list_indexes(books)) == NEW


def test_what_cannot_be_finalized_is_refused(fieldfare: CommandLine, books: Server) -> None:
    migrate(fieldfare, "--no-switch")
    refused = fieldfare(*FINALIZE)
    assert refused.code == 4
    assert "The batch is not complete. Nothing was changed. First run: fieldfare batch-resume" in refused.stderr
    assert "--switch" in refused.stderr
    assert len(list_indexes(books)) == 6
    assert fieldfare("batch-finalize").code == 2, "nobody can answer its question"


def test_only_the_mode_shadow_leaves_something(fieldfare: CommandLine, load: Any) -> None:
    for name in NAMES:
        load(name)
    migrate(fieldfare)
    refused = fieldfare(*FINALIZE)
    assert (refused.code, "Only the mode shadow leaves something" in refused.stderr) == (4, True)


def test_a_stop_between_two_indexes(fieldfare: CommandLine, books: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(fieldfare)
    monkeypatch.chdir(fieldfare.directory)
    stop = StopRequest()
    with pytest.raises(Interrupted, match="2 indexes are not finalized yet") as caught:
        BatchMigrationExecutor().finalize(
            server=books, stop=stop, progress_callback=lambda *event: stop.set() if event[3] == "finalized" else None
        )
    assert caught.value.resume == f"fieldfare batch-finalize --state {fieldfare.directory / 'batch_state.yaml'}"
    assert results(fieldfare(*FINALIZE, "--json")) == {"a_1": "nothing to do", "b_1": "finalized", "c_1": "finalized"}
