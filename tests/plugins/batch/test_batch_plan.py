"""Batch plans: selection of indexes, conflicts, groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from fieldfare.errors import FileError
from fieldfare.server import Server
from fieldfare.server.inspect import REHEARSAL_PREFIX
from fieldfare.testing.commandline import CommandLine
from fieldfare_batch.plan_file import load_batch_plan
from fieldfare_batch.selection import read_names

PLAN = ("batch-plan", "--schema-patch", "patch.yaml")
SORTABLE = "version: 1\nchanges:\n  update_fields:\n    - {name: title, attrs: {sortable: true}}\n"

MESSAGE = """\
Error: Refusing to create batch plan: overlapping indexes detected.
Multiple indexes in the batch share Redis key prefixes. Running a
batch migration over overlapping indexes can mutate the same keys
more than once (e.g., double-quantization of vectors), corrupting
the underlying data.

Conflicts:
  - products_main <-> products_premium: 'product:' <-> 'product:premium:'
  - products_main <-> products_tv: 'product:' <-> 'product:tv:'

Resolve by migrating overlapping indexes one at a time, or by
narrowing the batch to a set of indexes with disjoint prefixes.
"""


def applicable(path: Path) -> dict[str, bool]:
    return {each["name"]: each["applicable"] for each in YAML(typ="safe").load(path)["indexes"]}


def use(fieldfare: CommandLine, patch: str) -> None:
    (fieldfare.directory / "patch.yaml").write_text(patch)


def test_overlapping_indexes_are_refused_with_every_pair(fieldfare: CommandLine, load: Any) -> None:
    load("products_tv", ["product:tv:"])
    load("products_premium", ["product:premium:", "gold:"])
    load("products_main", ["product:"])
    load("users")
    load("legacy", ["product:"], vector=False)
    refused = fieldfare(*PLAN, "--pattern", "*")
    assert refused.code == 4
    assert refused.stderr.startswith(MESSAGE)
    assert "legacy <->" not in refused.stderr, "a skipped index conflicts with none"
    # the vectors are shared, so no order of groups is safe: the plugin quantize blocks each of them
    ungroupable = refused.stderr.partition("Indexes in no group:")[2]
    for name in ("products_main", "products_premium", "products_tv"):
        assert f"  - {name}: " in ungroupable
    assert "covers some of the same keys and reads 'embedding' too" in ungroupable
    assert not (fieldfare.directory / "batch_plan.yaml").exists()
    assert not (fieldfare.directory / "plans").exists()


def test_an_index_over_all_keys_overlaps_everything(fieldfare: CommandLine, load: Any) -> None:
    load("all", [""])
    load("users")
    refused = fieldfare(*PLAN, "--indexes", "all,users")
    assert refused.code == 4
    assert "all <-> users: '' <-> 'users:'" in refused.stderr


def test_hashes_and_json_documents_are_different_keys(fieldfare: CommandLine, server: Server, load: Any) -> None:
    load("hashes", ["product:"])
    server.command(
        *("FT.CREATE", "documents", "ON", "JSON", "PREFIX", 1, "product:", "SCHEMA", "$.embedding", "AS", "embedding"),
        *("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 8, "DISTANCE_METRIC", "COSINE"),
    )
    planned = fieldfare(*PLAN, "--pattern", "*")
    assert planned.code == 0, planned.stderr
    assert applicable(fieldfare.directory / "batch_plan.yaml") == {"documents": True, "hashes": True}


def test_overlaps_where_nothing_is_rewritten_are_harmless_unless_strict(fieldfare: CommandLine, load: Any) -> None:
    use(fieldfare, SORTABLE)
    load("main", ["product:"])
    load("premium", ["product:premium:"])
    load("users")
    planned = fieldfare(*PLAN, "--pattern", "*")
    assert planned.code == 0, planned.stderr
    strict = fieldfare(*PLAN, "--pattern", "*", "--strict-overlap")
    assert strict.code == 4
    assert "1: main, users\n  2: premium" in strict.stderr
    grouped = fieldfare(*PLAN, "--pattern", "*", "--strict-overlap", "--suggest-groups", "--json")
    assert grouped.code == 0, grouped.stderr
    assert [Path(each["plan_path"]).name for each in json.loads(grouped.stdout)["batch_plans"]] == [
        "batch_plan_1.yaml",
        "batch_plan_2.yaml",
    ]
    assert applicable(fieldfare.directory / "batch_plan_1.yaml") == {"main": True, "users": True}
    assert applicable(fieldfare.directory / "batch_plan_2.yaml") == {"premium": True}


def test_groups_skip_indexes_that_no_order_makes_safe(fieldfare: CommandLine, load: Any) -> None:
    load("main", ["product:"])
    load("premium", ["product:premium:"])
    load("users")
    grouped = fieldfare(*PLAN, "--pattern", "*", "--suggest-groups")
    assert grouped.code == 0, grouped.stderr
    assert applicable(fieldfare.directory / "batch_plan.yaml") == {"users": True, "main": False, "premium": False}
    assert "covers some of the same keys" in grouped.stdout


def test_a_live_index_outside_the_batch_counts(fieldfare: CommandLine, load: Any) -> None:
    load("main", ["product:"])
    load("premium", ["product:premium:"])
    load("users")
    planned = fieldfare(*PLAN, "--indexes", "main,users")
    assert planned.code == 0, planned.stderr
    plan = load_batch_plan(fieldfare.directory / "batch_plan.yaml")
    assert [each.applicable for each in plan.indexes] == [False, True]
    assert "'premium'" in str(plan.indexes[0].skip_reason)


def test_one_name_for_several_indexes_is_refused(fieldfare: CommandLine, load: Any) -> None:
    use(fieldfare, "version: 1\nchanges:\n  index: {name: renamed}\n")
    load("one")
    load("two")
    refused = fieldfare(*PLAN, "--pattern", "*")
    assert refused.code == 4
    assert "'renamed': one, two" in refused.stderr
    assert not (fieldfare.directory / "plans").exists()


def test_names_come_from_a_file(fieldfare: CommandLine, load: Any) -> None:
    load("b_idx")
    load("a:idx#1")
    (fieldfare.directory / "names.txt").write_text("# first\n\n  b_idx  # comment\nmissing\r\na:idx#1\nb_idx\n")
    planned = fieldfare(*PLAN, "--indexes-file", "names.txt")
    assert planned.code == 0, planned.stderr
    plan = load_batch_plan(fieldfare.directory / "batch_plan.yaml")
    assert [(each.name, each.applicable) for each in plan.indexes] == [
        ("b_idx", True),
        ("missing", False),
        ("a:idx#1", True),
    ]
    assert "no index or alias named 'missing'" in str(plan.indexes[1].skip_reason)
    assert Path(str(plan.indexes[2].plan_path)).parent == fieldfare.directory / "plans"


def test_a_thousand_names_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(f"index_{number}" for number in range(1000)))
    assert len(read_names(path)) == 1000


def test_an_index_that_needs_no_change_is_skipped(fieldfare: CommandLine, load: Any) -> None:
    use(fieldfare, SORTABLE.replace("sortable: true", "weight: 1"))
    load("one")
    planned = fieldfare(*PLAN, "--pattern", "*")
    assert planned.code == 4
    assert "Nothing to do" in planned.stdout
    assert "applies to none of these indexes" in planned.stderr


def test_aliases_are_kept_by_their_index(fieldfare: CommandLine, server: Server, load: Any) -> None:
    load("one")
    load("two")
    server.command("FT.ALIASADD", "second", "two")
    planned = fieldfare(*PLAN, "--pattern", "*", "--alias", "second")
    assert planned.code == 0, planned.stderr
    plans = fieldfare.directory / "plans"
    assert YAML(typ="safe").load(plans / "two.yaml")["source"]["aliases"] == ["second"]
    assert YAML(typ="safe").load(plans / "one.yaml")["source"]["aliases"] == []


@pytest.mark.parametrize("names", ["one,first,also", "also,one,first", "first,also", "also,one"])
def test_aliases_by_which_an_index_was_named_are_kept(
    names: str, fieldfare: CommandLine, server: Server, load: Any
) -> None:
    load("one")
    for alias in ("first", "also"):
        server.command("FT.ALIASADD", alias, "one")
    planned = fieldfare(*PLAN, "--indexes", names)
    assert planned.code == 0, planned.stderr
    assert applicable(fieldfare.directory / "batch_plan.yaml") == {"one": True}
    [aliases] = [YAML(typ="safe").load(fieldfare.directory / "plans" / "one.yaml")["source"]["aliases"]]
    assert aliases == sorted({*names.split(",")} - {"one"})


def test_trial_indexes_of_other_migrations_are_ignored(fieldfare: CommandLine, server: Server, load: Any) -> None:
    load("one", [""])
    server.command(
        *(
            "FT.CREATE",
            f"{REHEARSAL_PREFIX}1",
            "PREFIX",
            1,
            f"{REHEARSAL_PREFIX}1:0:",
            "SCHEMA",
            "embedding",
            "VECTOR",
            "FLAT",
            6,
        ),
        *("TYPE", "FLOAT32", "DIM", 8, "DISTANCE_METRIC", "COSINE"),
    )
    planned = fieldfare(*PLAN, "--pattern", "*")
    assert planned.code == 0, planned.stderr
    assert applicable(fieldfare.directory / "batch_plan.yaml") == {"one": True}
    assert REHEARSAL_PREFIX not in fieldfare("list").stdout
    assert REHEARSAL_PREFIX not in fieldfare(*PLAN, "--pattern", "x*").stderr
    assert REHEARSAL_PREFIX not in fieldfare("info", "--index", "missing").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "exactly one of --pattern, --indexes and --indexes-file"),
        (("--pattern", "*", "--indexes", "one"), 2, "exactly one of"),
        (("--indexes", " , "), 2, "names no index"),
        (("--indexes-file", "nowhere.txt"), 2, "nowhere.txt"),
        (("--pattern", "x*"), 4, "No index matches the pattern 'x*'"),
        (("--pattern", "*", "--failure-policy", "never"), 2, "failure-policy"),
        (("--pattern", "*", "--alias", "missing"), 4, "missing"),
        (("--pattern", "one", "--alias", "second"), 4, "second: alias of 'two', which is not in the batch"),
    ],
)
def test_invalid_requests_are_refused(  # noqa: PLR0913, PLR0917 - a request and its fixtures
    arguments: tuple[str, ...], code: int, message: str, fieldfare: CommandLine, server: Server, load: Any
) -> None:
    load("one")
    load("two")
    server.command("FT.ALIASADD", "second", "two")
    refused = fieldfare(*PLAN, *arguments)
    assert refused.code == code
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_required_recall_applies_to_every_index(fieldfare: CommandLine, server: Server, load: Any) -> None:
    load("one")
    load("two")
    patch = fieldfare.directory / "patch.yaml"
    patch.write_text(patch.read_text().replace("float16", "bfloat16"))
    close = 1 + np.random.default_rng(1).standard_normal((20, 8)).astype("<f4") * 3e-2
    server.bulk([("HSET", f"two:{row}", "embedding", vector.tobytes()) for row, vector in enumerate(close)])
    assert fieldfare(*PLAN, "--pattern", "*", "--min-recall", "0.9").code == 0
    plans = fieldfare.directory / "plans"
    assert [path.stem for path in plans.iterdir()] == ["one"]
    skipped = fieldfare(*PLAN, "--indexes", "two", "--min-recall", "0.9")
    assert skipped.code == 4
    assert "less than the required 0.9" in skipped.stdout + skipped.stderr
    assert fieldfare(*PLAN, "--indexes", "two", "--min-recall", "0.9", "--accept-recall-loss").code == 0
    step = next(
        each for each in YAML(typ="safe").load(plans / "two.yaml")["steps"] if each["kind"] == "quantize.recall"
    )
    assert (step["params"]["min_recall"], step["params"]["accept_recall_loss"]) == (0.9, True)


def test_an_invalid_batch_plan_reports_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "batch_plan.yaml"
    path.write_text(
        "version: 1\nbatch_id: b\nmode: drop_recreate\nfailure_policy: sometimes\nrequires_quantization: maybe\n"
        "shared_patch: {}\nwarnings: []\nindexes: [{name: one}]\ncreated_at: now\n"
    )
    with pytest.raises(FileError) as refused:
        load_batch_plan(path)
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["line 4", "line 5", "line 8"]
