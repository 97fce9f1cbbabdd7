"""Each row of the page "What if it crashes?": the fault is injected, and the outcome is the one that the row names."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest

from fieldfare.server.lock import IndexLock
from fieldfare.testing.faults import Fault
from fieldfare.testing.indexing import wait_until_indexed

PAGE: Final = (Path(__file__).parents[2] / "docs/what-if.md").read_text()
HERE: Final = Path(__file__).parent

MOMENTS: Final = {
    "while planning": "open:server.receive:before:6",
    "while the originals are written": "dump:file.append:middle:2",
    "after the backup, before the drop": "open:file.sync:after:2",
    "after the drop": "drop:file.replace:after:1",
    "while documents are rewritten": "rewrite:server.send:before:6",
    "after the last document, before the create": "create:server.send:before:1",
    "after the create, while Redis fills the index": "index:server.send:before:1",
    "while validating": "validate:server.send:before:2",
    "while rolling back": "restore:server.receive:before:3",
}

FAULTS: Final = {
    "`kill -9`, or the out-of-memory killer": "rewrite:server.receive:before:2=kill",
    "the machine loses power": "rewrite:server.receive:before:2=power",
    "Ctrl-C": "rewrite:server.receive:before:2=interrupt",
    "the disk is full while originals are written": "dump:file.append:before:2=disk",
    "the disk is full later": "rewrite:server.receive:before:2=disk",
    "the connection breaks": "rewrite:server.receive:before:2=drop~",
    "the server is restarted and has its data": "rewrite:server.receive:before:2=restart~",
    "the server comes back in an older state": "create:server.send:before:2=forget@150~",
    "the server comes back without its data": "rewrite:server.receive:before:2=lose~",
    "the server refuses writes for a moment, as in a failover": "rewrite:server.send:before:2=readonly~",
    "the server keeps refusing writes": "rewrite:server.send:before:2=readonly",
    "the server has no memory left": "rewrite:server.send:before:2=oom",
    "the server hangs for a moment": "rewrite:server.send:before:2=hang~",
    "the server keeps hanging": "rewrite:server.send:before:2=hang",
    "an unexpected error": "rewrite:server.send:before:2=error",
}
ELSEWHERE: Final = {
    "a cluster is down for a moment": (
        "test_cluster_faults.py",
        "test_cluster_that_is_down_for_a_moment_is_retried",
    ),
    "a slot moves to another node": ("test_cluster_faults.py", "test_slot_that_moves_during_the_run_is_followed"),
    "a node of a cluster is killed and comes back with its data": (
        "test_cluster_restarts.py",
        "test_node_is_killed_and_restarted",
    ),
    "a node of a cluster stays down": ("test_cluster_restarts.py", "test_node_that_stays_down_is_named"),
    "the primaries of a cluster hold different indexes": (
        "test_cluster_restarts.py",
        "test_primary_that_differs_is_named",
    ),
    "the new index is not ready within `--index-timeout`": ("test_what_if.py", "test_index_that_is_not_ready_in_time"),
    "the server gives up building the index for lack of memory": (
        "../core/test_index_build.py",
        "test_resuming_builds_such_an_index_anew",
    ),
    "the new index makes no progress": (
        "../core/test_index_build.py",
        "test_progress_that_stands_still_is_reported_and_ends_the_wait",
    ),
    "the server is a replica": (
        "../core/test_replicas.py",
        "test_a_replica_is_named_at_plan_time_and_refused_afterwards",
    ),
    "somebody else starts the same migration": ("test_what_if.py", "test_second_copy"),
    "it is killed again while it resumes or rolls back": ("test_repeated_faults.py", "test_killed_again_and_again"),
    "the process or its machine is suspended, for longer than its lock lasts (30 s)": (
        "test_lock_and_journal.py",
        "test_suspended_process_drops_nothing",
    ),
    "one server is taken for another": (
        "../core/test_engine_server_identity.py",
        "test_rollback_on_another_server_changes_nothing",
    ),
    "two servers share a backup directory": (
        "../core/test_engine_server_identity.py",
        "test_backup_of_a_directory_that_two_servers_share",
    ),
}


NAMES = "test_no_index_name_leads_out_of_the_backup_directory"
FILES: Final = {
    "a patch, schema or list of names is damaged": ("test_fuzz.py", "test_no_mutated_file_does_harm"),
    "a plan was edited": ("test_cli_bad_input.py", "test_a_plan_edited_by_hand"),
    "a plan was forged, with a fingerprint that matches": (
        "test_untrusted_files.py",
        "test_no_mutated_plan_touches_anything_of_others",
    ),
    "a journal or a backup is damaged": (
        "test_refusals.py",
        "test_damaged_backup_is_neither_resumed_nor_rolled_back",
    ),
    "a backup holds originals of another run": ("test_untrusted_files.py", "test_originals_of_another_run_are_refused"),
    "a backup holds keys that the index does not cover": (
        "test_untrusted_files.py",
        "test_keys_that_the_index_does_not_cover_are_refused",
    ),
    "a file in the backup directory is a link, a pipe or a device": (
        "test_backup_safe_open.py",
        "test_links_pipes_and_devices_are_refused",
    ),
    "the name of an index is `../../x`, 10,000 characters, or not text at all": ("test_untrusted_files.py", NAMES),
    "a name holds control characters": ("test_cli_escape.py", "test_control_sequences_are_escaped"),
    "a small file claims to be huge, or repeats itself a billion times": (
        "test_small_memory.py",
        "test_a_small_yaml_file_takes_little_memory",
    ),
    "a file is huge": ("test_small_memory.py", "test_a_large_file_does_not_exhaust_memory"),
    "the record of a batch names other directories or plans": (
        "../plugins/batch/test_batch_untrusted_files.py",
        "test_an_invalid_state_file_is_refused",
    ),
    "the backups of a batch are not there": (
        "../plugins/batch/test_batch_untrusted_files.py",
        "test_a_batch_without_its_backup_directory_is_neither_resumed_nor_rolled_back",
    ),
}
PLACES: Final = {
    "plans, patches, journals, backups, reports, records of batches": "test_no_byte_of_a_migration_holds_the_password",
    "Redis: locks and whatever else fieldfare keeps there": "test_no_byte_of_a_batch_holds_the_password",
    "messages, `--json`, logs at any level, tracebacks, whatever goes wrong": "test_no_error_holds_the_password",
    "a URL that is not well-formed, or split by the shell": "test_a_url_with_a_blank_in_it_shows_neither_half",
    "`ps` and `/proc`, on Linux": "test_other_users_of_the_machine_do_not_see_it",
}


def rows(heading: str) -> dict[str, list[str]]:
    """Return the table below a heading: first cell → the others."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in re.findall(r"^\|.+\|$", section, re.MULTILINE)
    ]
    return {first: others for first, *others in cells[2:]}


STOPS: Final = rows("Where it stops")
HARMS: Final = rows("What goes wrong")


def test_every_row_is_a_test() -> None:
    assert STOPS.keys() == MOMENTS.keys()
    assert HARMS.keys() == FAULTS.keys() | ELSEWHERE.keys()
    for file, name in ELSEWHERE.values():
        assert name in functions_of(HERE / file)


def test_every_row_about_files_and_passwords_is_a_test() -> None:
    core = HERE.parent / "core"
    assert rows("What if a file is damaged, or from an untrusted source?").keys() == FILES.keys()
    assert rows("What if somebody looks for my password?").keys() == PLACES.keys()
    for file, name in FILES.values():
        assert name in functions_of(core / file)
    assert set(PLACES.values()) <= functions_of(core / "test_secrets.py")


def functions_of(path: Path) -> set[str]:
    return {each.name for each in ast.parse(path.read_text()).body if isinstance(each, ast.FunctionDef)}


def observed_state(bench: Any) -> tuple[str, str]:
    """Say which index there is, and how many documents are converted, in the words of the page."""
    digest, indexes = bench.state()
    there = "the old one" if indexes == bench.original[1] else "the new one"
    index = there if indexes else "none"
    with bench.restartable_server.connect() as server:
        widths = {
            len(value) for value in server.bulk([("HGET", f"doc:{row:03}", "embedding") for row in range(32)]) if value
        }
    documents = {(16,): "as before", (8,): "all new", (8, 16): "some old, some new"}[tuple(sorted(widths))]
    assert (documents == "as before") == (digest == bench.original[0])
    return index, documents


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
@pytest.mark.parametrize("row", STOPS)
def test_where_it_stops(bench: Any, row: str) -> None:
    index, documents, _ = STOPS[row]
    fault = Fault.parse(f"{MOMENTS[row]}=kill")
    for way in (bench.apply, bench.rollback)[: 1 if row == "while rolling back" else 2]:
        bench.reset()
        if row == "while planning":
            planned = bench.command(
                *("plan", "--index", "news", "--schema-patch", "patch.yaml", "--plan-out", "other.yaml"),
                fault=(fault, bench.fault_context),
            )
            assert planned.code == -9
        elif row == "while rolling back":
            assert bench.apply().code == 0
            assert bench.rollback(fault).code == -9
            assert bench.apply().code == 4
        else:
            assert bench.apply(fault).code == -9
        assert observed_state(bench) == (index, documents)
        if way == bench.apply and row != "while rolling back":
            assert way().code == 0
            assert bench.state() == bench.migrated
        has_backup = any(bench.backup.glob("*.header"))
        assert bench.rollback().code == (0 if has_backup else 4)
        assert bench.state() == bench.original


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
@pytest.mark.parametrize("row", FAULTS)
def test_what_goes_wrong(bench: Any, row: str) -> None:
    _, code, todo = HARMS[row]
    fault = Fault.parse(FAULTS[row])
    if fault.action == "disk" and not bench.has_small_disk:
        pytest.skip("needs the right to mount a small file system")
    for then in ("nothing",) if todo == "nothing" else ("resume", "roll back"):
        bench.reset()
        outcome = bench.apply(fault, with_retries=fault.transient)
        assert outcome.code == (-9 if code == "killed" else int(code)), outcome.stderr
        bench.repair()
        if fault.action == "lose":
            assert "document_count" in outcome.stdout
            assert bench.rollback().code == 3  # the definition is restored, and its validation misses the documents
            assert bench.state()[1].keys() == bench.original[1].keys()
            continue
        if then != "roll back":
            assert then == "nothing" or bench.apply().code == 0
            assert bench.state() == bench.migrated
        assert bench.rollback().code == 0
        assert bench.state() == bench.original


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
def test_index_that_is_not_ready_in_time(bench: Any) -> None:
    bench.reset()
    with bench.restartable_server.connect() as server:
        server.bulk([("HSET", f"doc:more:{row}", "embedding", bytes(16)) for row in range(20_000)])
        wait_until_indexed(server)
    before = bench.state()
    planned = bench.command("plan", "--index", "news", "--schema-patch", "patch.yaml", "--plan-out", "other.yaml")
    assert planned.code == 0, planned.stderr
    stopped = bench.apply(None, "--plan", "other.yaml", "--index-timeout", "0", "--batch-size", "500")
    assert stopped.code == 3
    assert "timeout waiting for index ready" in stopped.stderr
    assert bench.apply(None, "--plan", "other.yaml").code == 0
    assert bench.rollback().code == 0
    assert bench.state() == before


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
def test_second_copy(bench: Any) -> None:
    bench.reset()
    with bench.restartable_server.connect() as server, IndexLock(server, "articles", backup_dir="/elsewhere"):
        outcome = bench.apply()
    assert outcome.code == 4
    assert "process" in outcome.stderr
    assert "/elsewhere" in outcome.stderr
    assert bench.state() == bench.original
