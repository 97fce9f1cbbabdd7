"""Plan files: what is planned reads back, nothing else can be slipped in, and people can read them."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldfare.changes import (
    AddField,
    Change,
    ChangeFieldPath,
    ChangeFieldType,
    ChangePrefix,
    ChangeStorage,
    CustomChange,
    RemoveField,
    RenameField,
    RenameIndex,
    UpdateField,
    UpdateOption,
    apply_changes,
)
from fieldfare.definition import Field, FieldType, IndexDefinition, IndexStats, Snapshot, Storage
from fieldfare.errors import FieldfareError, FileError, PlanEdited
from fieldfare.plan import Claim, ClaimedChange, MigrationPlan, Phase, Step
from fieldfare.plan.file import fingerprint, load_plan, plan_from_dict, plan_to_dict, write_plan
from fieldfare.support.yamlfile import dump_yaml, load_yaml

DEFINITION = IndexDefinition(
    name="myindex",
    storage=Storage.JSON,
    prefixes=("doc:",),
    fields=(
        Field("title", FieldType.TEXT, "$.title"),
        Field(
            "embedding",
            FieldType.VECTOR,
            "$.embedding",
            {"algorithm": "HNSW", "dims": 384, "datatype": "float32", "distance_metric": "cosine"},
        ),
    ),
)
CHANGES: tuple[Change, ...] = (
    UpdateField("embedding", "datatype", "float32", "float16"),
    AddField(Field("category", FieldType.TAG, "$.category", {"separator": "|"})),
)


def plan_of(changes: tuple[Change, ...] = CHANGES, *, blocked: bool = False) -> MigrationPlan:
    claim = Claim.blocked("it is hard", workaround="do it by hand") if blocked else Claim.supported(lossy=True)
    return MigrationPlan(
        version=1,
        mode="drop_recreate",
        source=Snapshot(
            definition=DEFINITION,
            stats=IndexStats(num_docs=10000, hash_indexing_failures=2),
            synonyms={"car": ("auto", "car")},
            aliases=("docs",),
            key_sample=("doc:1", "doc:\udcff"),
            unreadable=("PHONETIC of title",),
        ),
        target=apply_changes(DEFINITION, changes),
        patch={"add_fields": [{"name": "category", "type": "tag"}]},
        claims=tuple(ClaimedChange(change, "quantize", claim) for change in changes),
        steps=(
            Step.new("index.drop", Phase.DROP, params={"index": "myindex"}).owned_by("index"),
            Step.rewrite("quantize.convert", ["$.embedding"], params={"to": "float16"}).owned_by("quantize"),
        ),
        plugins={"quantize": "0.1.0", "fields": "0.1.0"},
        warnings=("Index downtime is required",),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "migration_plan.yaml"


def test_the_file_has_the_keys_of_the_guide_in_its_order(path: Path) -> None:
    write_plan(plan_of(), path)

    data = load_yaml(path).data
    assert list(data) == [
        *("version", "mode", "source", "requested_changes", "diff_classification", "rename_operations"),
        *("merged_target_schema", "warnings", "changes", "steps", "plugins", "fingerprint"),
    ]
    assert data["source"] == {
        "schema_snapshot": {
            "index": {"name": "myindex", "prefix": "doc:", "storage_type": "json"},
            "fields": [
                {"name": "title", "type": "text"},
                {
                    "name": "embedding",
                    "type": "vector",
                    "attrs": {"algorithm": "hnsw", "datatype": "float32", "dims": 384, "distance_metric": "cosine"},
                },
            ],
        },
        "stats_snapshot": {
            "num_docs": 10000,
            "hash_indexing_failures": 2,
            "indexing": False,
            "percent_indexed": 1.0,
        },
        "keyspace": {"prefixes": ["doc:"], "key_sample": ["doc:1", "doc:\udcff"]},
        "synonyms": {"car": ["auto", "car"]},
        "aliases": ["docs"],
        "unreadable": ["PHONETIC of title"],
    }
    assert data["requested_changes"] == {"add_fields": [{"name": "category", "type": "tag"}]}
    assert data["diff_classification"] == {"supported": True, "blocked_reasons": []}
    assert data["rename_operations"] == {"rename_index": None, "change_prefix": None, "rename_fields": []}
    assert [field["name"] for field in data["merged_target_schema"]["fields"]] == ["title", "embedding", "category"]
    assert data["warnings"] == ["Index downtime is required"]
    assert data["changes"][0] == {
        "change": {"update_field": {"name": "embedding", "attribute": "datatype", "old": "float32", "new": "float16"}},
        "plugin": "quantize",
        "claim": {"is_supported": True, "lossy": True},
    }
    assert [step["kind"] for step in data["steps"]] == ["index.drop", "quantize.convert"]


def test_the_head_says_what_the_file_is_and_what_comes_next(path: Path) -> None:
    write_plan(plan_of(), path)
    assert path.read_text().startswith("# A migration plan, written by 'fieldfare plan'.")
    assert "#   fieldfare apply --plan" in path.read_text()

    write_plan(plan_of(blocked=True), path)
    assert "# A migration plan, written by 'fieldfare plan'. It cannot be applied" in path.read_text()
    assert "fieldfare apply" not in path.read_text()


def test_a_plan_reads_as_the_guide_says() -> None:
    plan = plan_of()

    assert plan.diff_classification.supported
    assert plan.diff_classification.blocked_reasons == ()
    assert plan.merged_target_schema["index"]["name"] == "myindex"
    assert plan.merged_target_schema == plan_to_dict(plan)["merged_target_schema"]
    assert plan.requested_changes["add_fields"] == [{"name": "category", "type": "tag"}]
    assert plan.rename_operations.rename_index is None
    assert plan.rename_operations.change_prefix is None


def test_a_blocked_plan_says_why(path: Path) -> None:
    write_plan(plan_of(blocked=True), path)

    classification = load_plan(path).diff_classification
    assert not classification.supported
    assert "it is hard. Workaround: do it by hand" in classification.blocked_reasons[0]


def test_renames_are_summed_up(path: Path) -> None:
    write_plan(
        plan_of((RenameField("title", "headline"), ChangePrefix("doc:", "new:"), RenameIndex("myindex", "news"))), path
    )

    renames = load_plan(path).rename_operations
    assert (renames.rename_index, renames.change_prefix) == ("news", "new:")
    assert [(rename.old_name, rename.new_name) for rename in renames.rename_fields] == [("title", "headline")]

    write_plan(plan_of((ChangePrefix("doc:", "x:"), ChangePrefix("art:", "y:"))), path)
    assert load_plan(path).rename_operations.change_prefix == {"doc:": "x:", "art:": "y:"}


def test_the_same_plan_is_the_same_file(path: Path, tmp_path: Path) -> None:
    write_plan(plan_of(), path)
    write_plan(plan_of(), tmp_path / "again.yaml")
    write_plan(load_plan(path), tmp_path / "copy.yaml")

    assert path.read_bytes() == (tmp_path / "again.yaml").read_bytes() == (tmp_path / "copy.yaml").read_bytes()


def test_memory_does_not_make_it_another_plan() -> None:
    plan = plan_of()
    grown = evolve(plan.source.stats, vector_index_size_mb=12.5, total_index_memory_size_mb=80.1)

    assert fingerprint(evolve(plan, source=evolve(plan.source, stats=grown))) == fingerprint(plan)


def test_another_plan_has_another_fingerprint() -> None:
    plan = plan_of()
    others = [
        evolve(plan, warnings=()),
        evolve(plan, patch={}),
        evolve(plan, plugins={}),
        evolve(plan, steps=plan.steps[:1]),
        evolve(plan, source=evolve(plan.source, aliases=())),
    ]

    assert len({fingerprint(each) for each in [plan, *others]}) == len(others) + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("supported: true\n  blocked", "supported: false\n  blocked"),
        ("num_docs: 10000", "num_docs: 10001"),
        ("new: float16", "new: bfloat16"),
        ("to: float16", "to: float32"),
        ("- docs", "- docs2"),
        ("phase: drop", "phase: create"),
        ("dims: 384", "dims: 385"),
        ("warnings:\n- Index downtime is required", "warnings: []"),
        ("fingerprint: ", "fingerprint: 0"),
    ],
)
def test_an_edited_plan_is_refused(path: Path, old: str, new: str) -> None:
    write_plan(plan_of(), path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))

    with pytest.raises(PlanEdited, match="edited after it was made") as caught:
        load_plan(path)
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)


def test_a_comment_or_another_layout_is_no_edit(path: Path) -> None:
    write_plan(plan_of(), path)
    path.write_text("# Reviewed.\n" + json.dumps(load_yaml(path).data))

    assert plan_to_dict(load_plan(path)) == plan_to_dict(plan_of())


def with_new_fingerprint(plain: dict[str, Any]) -> dict[str, Any]:
    content = json.dumps(
        {key: value for key, value in plain.items() if key != "fingerprint"}, sort_keys=True, separators=(",", ":")
    )
    return {**plain, "fingerprint": hashlib.sha256(content.encode()).hexdigest()}


def test_a_new_fingerprint_does_not_hide_a_contradiction() -> None:
    forged = plan_to_dict(plan_of(blocked=True))
    forged["diff_classification"] = {"supported": True, "blocked_reasons": []}

    with pytest.raises(PlanEdited, match="diff_classification does not follow from the rest"):
        plan_from_dict(with_new_fingerprint(forged))


def test_blocked_reasons_in_the_wording_of_version_0_1_are_read() -> None:
    plain = plan_to_dict(plan_of(blocked=True))
    reason = "field 'embedding': datatype float32 -> float16: it is hard. Workaround: do it by hand"
    plain["diff_classification"]["blocked_reasons"] = [reason] * len(plain["diff_classification"]["blocked_reasons"])

    assert plan_from_dict(with_new_fingerprint(plain)).claims == plan_of(blocked=True).claims


def test_all_that_is_wrong_is_said_with_its_line(path: Path) -> None:
    write_plan(plan_of(), path)
    text = path.read_text()
    for old, new in (
        ("mode: drop_recreate", "mode: 5"),
        ("num_docs: 10000", "num_docz: 10000"),
        ("phase: drop", "phase: dorp"),
        ("update_field:", "updatefield:"),
        ("type: text", "type: txt"),
        ("plugins:", "plugin_versions:"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)

    with pytest.raises(FileError) as caught:
        load_plan(path)

    lines = text.splitlines()
    said = list(caught.value.problems)
    assert len(said) == 8, said
    assert all("missing" in problem or problem.startswith("line ") for problem in said)
    for word in ("mode: 5", "num_docz", "phase: dorp", "updatefield", "type: txt", "plugin_versions"):
        number = next(number for number, line in enumerate(lines, 1) if word in line and line[0] != "#")
        assert any(problem.startswith(f"line {number}: ") for problem in said), (word, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nchanges: {}\n", "not a migration plan of fieldfare: it has no fingerprint"),
        ("fingerprint: 5\n", "not a migration plan of fieldfare"),
        ("version: 2\nfingerprint: x\nnews: here\n", "a plan of a newer fieldfare: format 2, this fieldfare reads 1"),
        ("version: 1\nfingerprint: x\n", "the key 'source' is missing"),
        ("just text\n", "must be a mapping"),
        ("a: [", "not YAML"),
    ],
)
def test_what_is_no_plan_is_a_usage_error(path: Path, text: str, said: str) -> None:
    path.write_text(text)

    with pytest.raises(FileError) as caught:
        load_plan(path)
    assert caught.value.exit_code == 2
    assert any(said in problem for problem in caught.value.problems)


texts = st.binary(min_size=1, max_size=6).map(lambda raw: raw.replace(b"\0", b"0").decode("utf-8", "surrogateescape"))
values = st.none() | st.booleans() | st.integers(0, 9) | st.floats(0, 1) | texts
plain = st.recursive(
    values, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2), max_leaves=4
)
params = st.dictionaries(texts, plain, max_size=3)
scalar_fields = st.builds(
    Field, texts, st.sampled_from([FieldType.GEO, FieldType.NUMERIC]), texts, st.sampled_from([{}, {"sortable": True}])
)
tuples = st.lists(texts, max_size=2).map(tuple)
changes = st.one_of(
    st.builds(AddField, scalar_fields),
    st.builds(RemoveField, texts),
    st.builds(UpdateField, texts, texts, values, values),
    st.builds(RenameField, texts, texts, st.booleans()),
    st.builds(RenameIndex, texts, texts),
    st.builds(ChangePrefix, texts, texts),
    st.builds(ChangeStorage, texts, texts),
    st.builds(ChangeFieldType, texts, texts, texts),
    st.builds(ChangeFieldPath, texts, texts, texts),
    st.builds(UpdateOption, texts, values | tuples, values | tuples),
    st.builds(CustomChange, texts, params),
)
claims = st.builds(Claim, st.booleans(), st.none() | texts, st.none() | texts, tuples, st.booleans(), st.booleans())
steps = st.builds(
    Step,
    *(texts, texts, texts, st.sampled_from(Phase), tuples, params, tuples),
    *(st.booleans(), st.booleans(), st.booleans(), texts),
)
definitions = st.builds(
    IndexDefinition,
    texts,
    st.sampled_from(Storage),
    st.lists(texts, min_size=1, max_size=3, unique=True).map(tuple),
    st.lists(scalar_fields, max_size=3, unique_by=lambda field: field.name).map(tuple),
    filter=st.none() | texts,
    stopwords=st.none() | tuples,
    score=st.floats(0, 1),
)
snapshots = st.builds(
    Snapshot,
    definitions,
    st.builds(IndexStats, st.integers(0), st.integers(0), st.booleans(), st.floats(0, 1)),
    st.dictionaries(texts, tuples, max_size=2),
    tuples,
    tuples,
    tuples,
)
plans = st.builds(
    MigrationPlan,
    st.just(1),
    texts,
    snapshots,
    definitions,
    params,
    st.lists(st.builds(ClaimedChange, changes, texts, claims), max_size=3).map(tuple),
    st.lists(steps, max_size=3).map(tuple),
    st.dictionaries(texts, texts, max_size=2),
    tuples,
)


@settings(max_examples=75)
@given(plan=plans)
def test_a_plan_reads_back_from_its_file(path: Path, plan: MigrationPlan) -> None:
    write_plan(plan, path)

    read = load_plan(path)
    assert read == plan
    assert fingerprint(read) == fingerprint(plan)
    assert plan_from_dict(json.loads(json.dumps(plan_to_dict(plan)))) == plan, "journals keep plans as JSON"


nonsense: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 1, -1.5, "", "x", [], {}, ["x"], {"x": 1}, [{}], float("nan")]
)


@settings(max_examples=100)
@given(st.data())
def test_no_mapping_breaks_the_reader(data: st.DataObject) -> None:
    mapping: Any = plan_to_dict(plan_of())
    around, place = mapping, data.draw(st.sampled_from(list(mapping)))
    while isinstance(around[place], dict | list) and around[place] and data.draw(st.integers(0, 3)):
        around = around[place]
        place = data.draw(st.sampled_from(list(around) if isinstance(around, dict) else range(len(around))))
    kept = around[place]
    around[place] = data.draw(nonsense)

    if around[place] == kept and type(around[place]) is type(kept):
        assert plan_to_dict(plan_from_dict(mapping)) == mapping
    else:
        with pytest.raises((FileError, PlanEdited)):
            plan_from_dict(mapping)


@settings(max_examples=100)
@given(data=st.data())
def test_no_file_breaks_the_reader(path: Path, data: st.DataObject) -> None:
    raw = bytearray(dump_yaml(plan_to_dict(plan_of())).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"\n", b": "])
        )
    path.write_bytes(raw)

    with suppress(FieldfareError):
        assert plan_to_dict(load_plan(path)) == plan_to_dict(plan_of())
