"""Every reader against thousands of damaged and hostile files.

A file is read as what it was, or it is refused with the exit code that the documentation promises. No reader ends
with another exception, and no damage of a journal or a backup passes for another content.

A case is told by SEED, the reader and its number. ``make torture`` reads thirty times as many.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any, Final

import msgpack
import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fieldfare.backup import REWRITE, BackupStore, ExpectedBackup, VectorBackup, backup_file, backup_prefix
from fieldfare.backup.frame import PRELUDE, encode_frame
from fieldfare.backup.journal import Journal
from fieldfare.backup.lock import describe_holder
from fieldfare.backup.progress import Progress, RollbackStatus, RunPhase, Status, StepRecord
from fieldfare.changes import RenameIndex, UpdateField, apply_changes
from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, IndexStats, Snapshot, Storage
from fieldfare.documents import Batch, Column, Note
from fieldfare.errors import FieldfareError, UsageError
from fieldfare.patch import load_patch, patch_to_dict
from fieldfare.patch.target_schema import load_target_schema
from fieldfare.plan import Claim, ClaimedChange, MigrationPlan, Phase, Receipt, Step
from fieldfare.plan.file import load_plan, plan_to_dict, write_plan
from fieldfare.queries.file import load_query_checks
from fieldfare.support.yamlfile import dump_yaml
from fieldfare_batch.plan import BatchIndex, BatchPlan, FailurePolicy
from fieldfare_batch.plan_file import load_batch_plan, write_batch_plan
from fieldfare_batch.selection import read_names
from fieldfare_batch.state import BatchState, IndexState, Settings
from fieldfare_batch.state import Status as IndexStatus
from fieldfare_batch.state_file import StateFile, load_state
from fieldfare_quantize.published_calibration import PublishedCalibration
from fieldfare_quantize.query_encoder import encode_query
from file_damage import mutate_bytes, mutate_lines, mutate_structure
from torture import TORTURE

SEED: Final = os.environ.get("SEED", "1")
LEAST: Final = 3_000
REFUSALS: Final = frozenset({2, 4})
"""What a file that cannot be used ends with: a wrong request, or a condition that is not met. Nothing was touched."""
INDEX: Final = "articles"

PATCH = """\
version: 1
changes:
  # what we want
  add_fields: &fields
    - {name: category, type: tag, attrs: {separator: "|"}}
  remove_fields: [old]
  update_fields:
    - name: embedding
      attrs: {datatype: float16}
  rename_fields:
    - {old_name: a, new_name: b}
  index: {name: renamed, prefix: "new:", stopwords: []}
  custom:
    - {kind: acme.redact, field: email}
"""
TARGET = """\
version: '0.1.0'
index: {name: articles, prefix: ["doc:", "post:"], storage_type: hash, score: 0.5}
fields:
  - {name: title, type: text, attrs: {weight: 2.0, sortable: true}}
  - name: embedding
    type: vector
    attrs: {algorithm: hnsw, dims: 8, datatype: float32, distance_metric: l2, m: 16}
"""
QUERIES = """\
keys_exist: ["doc:1"]
queries:
  - {query: "@title:hello", min_results: 1}
"""
NAMES = b"# indexes\narticles\n\n{tag}#1  # with a hash\nb\xc3\xbccher\ncaf\xe9\n"


@frozen(hash=False)
class Reader:
    """One kind of file, and what reads it.

    Attributes:
        name: of the kind.
        file: where the file stands, below the directory of a case.
        read: reads it, and returns what it means.
        cases: how many mutated files it gets.
        parse: bytes → plain values.
        spell: plain values → bytes, with sound checksums; None where only bytes can be changed.
        is_exact: whether a damage that nobody covered up must not pass for another content.
        refuses: whether some files are beyond repair.
    """

    name: str
    file: str
    read: Callable[[Path], object]
    cases: int
    parse: Callable[[bytes], Any] | None = None
    spell: Callable[[Any], bytes] | None = None
    is_exact: bool = False
    refuses: bool = True


def definition(datatype: str = "float32") -> IndexDefinition:
    vector: dict[str, AttributeValue] = {"algorithm": "FLAT", "dims": 4, "datatype": datatype, "distance_metric": "l2"}
    return IndexDefinition(INDEX, Storage.HASH, ("doc:",), (Field("v", FieldType.VECTOR, "v", vector),))


def plan() -> MigrationPlan:
    changes = (RenameIndex(INDEX, "renamed"), UpdateField("v", "datatype", "float32", "float16"))
    return MigrationPlan(
        version=1,
        mode="drop_recreate",
        source=Snapshot(definition(), IndexStats(3), {"car": ("auto",)}, ("docs",), ("doc:1",)),
        target=apply_changes(definition(), changes),
        patch={"index": {"name": "renamed"}},
        claims=tuple(ClaimedChange(each, "quantize", Claim.supported(details={"recall": 1.0})) for each in changes),
        steps=(
            Step.new("index.drop", Phase.DROP, params={"index": INDEX}).owned_by("index"),
            Step.rewrite("quantize.convert", ["v"], params={"to": "float16"}).owned_by("quantize"),
        ),
        plugins={"quantize": "0.1.0"},
    )


def make_plan(path: Path) -> None:
    write_plan(plan(), path)


def make_journal(path: Path) -> None:
    drop, convert = plan().steps
    steps = {
        drop.id: StepRecord(Status.DONE, receipt=Receipt(drop.id)),
        convert.id: StepRecord(Status.RUNNING, 2, 3, shards=(1, 1)),
    }
    note = Note("vanished", "v", 1, (b"doc:\xff",), detail="gone")
    progress = Progress(
        *(RunPhase.ACTIVE, 2, "2026-01-01T00:00:00+00:00", IndexStats(3), "plan.yaml"),
        documents=3,
        dump_completed_batches=2,
        saved_batches={REWRITE: 2},
        steps=steps,
        notes=(note,),
        timings={"dump": 0.5},
    )
    Journal(path, plan(), progress).save()


def make_backup(path: Path) -> None:
    """A whole backup, in two shards; the path is that of one of its files."""
    store = BackupStore(backup_prefix(path.parent, INDEX), batch_size=2)
    with store:
        store.append_keys([b"doc:1", b"doc:2", b"doc:\xff"])
        store.seal()
        store.split(2)
        first, second = store.shards
        first.append(REWRITE, Batch((b"doc:1", b"doc:2"), {"v": Column.of([b"\x01\x02\x03\x04", None])}))
        second.append(REWRITE, Batch((b"doc:\xff",), {"v": Column.of([b"\x05\x06\x07\x08"])}))
        store.append("step", Batch((b"doc:1",), {"ü": Column.of([b"x"])}))


def make_batch_plan(path: Path) -> None:
    indexes = (
        BatchIndex("articles", applicable=True, plan_path="plans/articles.yaml", fingerprint="f" * 64, documents=3),
        BatchIndex("books", applicable=False, skip_reason="no such field"),
    )
    patch = {"version": 1, "changes": {"remove_fields": ["x"]}}
    policy = FailurePolicy.FAIL_FAST
    write_batch_plan(BatchPlan(1, "batch_1", "drop_recreate", policy, False, patch, ("w",), indexes, "now"), path)  # noqa: FBT003 - as the file has it


def make_batch_state(path: Path) -> None:
    indexes = (
        IndexState("articles", IndexStatus.SUCCESS, plan_path="/plans/a.yaml", fingerprint="f" * 64, lossy=("x",)),
        IndexState("books", IndexStatus.SKIPPED, reason="why"),
    )
    fixed = {"version": 1, "batch_id": "batch_1", "backup_dir": "/backup", "report_dir": "/reports"}
    times = {"started_at": "now", "updated_at": "now", "elapsed_seconds": 1.5}
    state: dict[str, Any] = {**fixed, **times, "failure_policy": FailurePolicy.FAIL_FAST, "settings": Settings()}
    StateFile(path, BatchState(**state, rollback=RollbackStatus.NONE, indexes=indexes)).update()


def make_report(path: Path) -> None:
    calibration = {"scale": 0.5, "offset": 0.0, "clip": 0.999}
    published = {"version": 1, "index": INDEX, "field": "v", "datatype": "int8", "metric": "l2", "dims": 4, "plan": "f"}
    content = {
        "source_index": INDEX,
        "result": "succeeded",
        "vectors": {"v": {"previous_name": "w", "datatype": "int8", "dims": 4}},
        "steps": {"quantize.publish-1": {"details": {"calibration": {**published, **calibration}}}},
    }
    path.write_text(dump_yaml(content))


def make_calibration(path: Path) -> None:
    facts = {"index": INDEX, "field": "v", "datatype": "int8", "metric": "l2", "dims": 4, "plan": "f"}
    path.write_text(json.dumps({"version": 1, **facts, "scale": 0.5, "offset": 0.0, "clip": 0.999}))


MAKERS: Final[Mapping[str, Callable[[Path], object]]] = {
    "patch": lambda path: path.write_text(PATCH),
    "target schema": lambda path: path.write_text(TARGET),
    "query checks": lambda path: path.write_text(QUERIES),
    "indexes file": lambda path: path.write_bytes(NAMES),
    "plan": make_plan,
    "journal": make_journal,
    "keys": make_backup,
    "data": make_backup,
    "shard": make_backup,
    "manifest": make_backup,
    "holder": lambda path: path.write_text('{"host": "h", "pid": 1, "started": "2026"}'),
    "report": make_report,
    "calibration": make_calibration,
    "batch plan": make_batch_plan,
    "batch state": make_batch_state,
}


def read_journal(path: Path) -> object:
    journal = Journal.load(path)
    VectorBackup.load(path.with_name(path.name.removesuffix(".header")))
    return plan_to_dict(journal.plan), journal.progress


def read_backup(path: Path) -> object:
    """Read as a rollback does: all of it is checked first."""
    store = BackupStore(backup_prefix(path.parent, INDEX))
    store.verify(ExpectedBackup({REWRITE: 2, "step": 1}, 3))
    keys = [key for batch in store.iter_keys() for key in batch]
    return keys, {tag: list(store.iter_batches(tag)) for tag in store.tags}


def read_holder(path: Path) -> object:
    prefix = backup_prefix(path.parent, INDEX)
    return describe_holder(backup_file(prefix, "lock.json"))


def read_calibration(path: Path) -> object:
    try:
        return PublishedCalibration.parse(path.read_bytes())
    except ValueError as error:  # as the reader of the key in Redis says it
        raise UsageError(str(error)) from error


def from_yaml(content: bytes) -> Any:
    return YAML(typ="safe", pure=True).load(content.decode())


def to_yaml(value: Any) -> bytes:
    """Spell anything as YAML, also what our own writer does not write."""
    text = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.width = 100_000
    yaml.dump(value, text)
    return text.getvalue().encode("utf-8", "surrogatepass")


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def signed_plan(value: Any) -> bytes:
    return to_yaml(with_fingerprint(value))


def with_fingerprint(value: Any) -> Any:
    if not isinstance(value, dict) or "fingerprint" not in value:
        return value
    plain = {key: each for key, each in value.items() if key != "fingerprint"}
    signed = {key: each for key, each in plain.items() if key != "forecast"}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"))
    return {**plain, "fingerprint": hashlib.sha256(text.encode()).hexdigest()}


def signed_json(value: Any) -> bytes:
    if isinstance(value, dict):
        value = {key: with_fingerprint(each) for key, each in value.items() if key != "checksum"}
        value["checksum"] = digest(value)
    return json.dumps(value).encode()


def plain_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def from_frames(content: bytes) -> Any:
    """Cut a file into frames: header and body each."""
    frames = []
    while content:
        _, header_length, body_length, *_ = PRELUDE.unpack_from(content)
        middle = PRELUDE.size + header_length
        frames.append([msgpack.unpackb(content[PRELUDE.size : middle]), content[middle : middle + body_length]])
        content = content[middle + body_length :]
    return frames


def to_frames(frames: Any) -> bytes:
    """Spell frames with sound checksums, as far as msgpack can."""
    pieces: list[bytes] = []
    for frame in frames if isinstance(frames, list) else ():
        if isinstance(frame, list) and len(frame) == 2 and isinstance(frame[0], dict) and isinstance(frame[1], bytes):
            pieces += map(bytes, encode_frame(frame[0], [frame[1]]))
    return b"".join(pieces)


def own_file(ending: str) -> str:
    return backup_file(backup_prefix(Path(), INDEX), ending).name


BACKUP: Final[Mapping[str, Any]] = {"parse": from_frames, "spell": to_frames, "is_exact": True}
JSON: Final[Mapping[str, Any]] = {"parse": json.loads, "spell": signed_json, "is_exact": True}
PLAIN: Final[Mapping[str, Any]] = {"parse": from_yaml, "spell": to_yaml}
READERS: Final = (
    Reader("patch", "patch.yaml", lambda path: patch_to_dict(load_patch(path)), 1500, **PLAIN),
    Reader("target schema", "schema.yaml", load_target_schema, 900, **PLAIN),
    Reader("query checks", "queries.yaml", load_query_checks, 1000, **PLAIN),
    Reader("indexes file", "names.txt", read_names, 800),
    Reader("plan", "plan.yaml", lambda path: plan_to_dict(load_plan(path)), 500, from_yaml, signed_plan, is_exact=True),
    Reader("journal", own_file("header"), read_journal, 2000, **JSON),
    Reader("keys", own_file("keys"), read_backup, 1500, **BACKUP),
    Reader("data", own_file("data"), read_backup, 800, **BACKUP),
    Reader("shard", own_file("shard-1.data"), read_backup, 800, **BACKUP),
    Reader("manifest", own_file("manifest"), read_backup, 1000, **JSON),
    Reader("holder", own_file("lock.json"), read_holder, 300, json.loads, signed_json, refuses=False),
    Reader("report", "report.yaml", lambda path: encode_query([0.5] * 4, path, "v"), 500, **PLAIN),
    Reader("calibration", "calibration.json", read_calibration, 500, json.loads, plain_json),
    Reader("batch plan", "batch_plan.yaml", load_batch_plan, 500, **PLAIN),
    Reader("batch state", "batch_state.yaml", load_state, 500, **PLAIN),
)


@frozen
class Case:
    """One mutated file.

    Attributes:
        label: how to get it again.
        content: of the file.
        is_covered: whether its checksums fit all the same.
    """

    label: str
    content: bytes = field(repr=False)
    is_covered: bool


def tried(reader: Reader) -> int:
    """Return how many mutated files a reader is given."""
    return reader.cases * 10 if TORTURE else reader.cases // 3


def cases(reader: Reader, original: bytes) -> Iterator[Case]:
    """Yield as many different ways of damaging a file as its reader is to get."""
    for number in range(tried(reader)):
        label = f"SEED={SEED}, {reader.name}, case {number}"
        random = Random(f"{SEED}:{reader.name}:{number}")
        if reader.parse is not None and reader.spell is not None and number % 2:
            try:
                yield Case(label, reader.spell(mutate_structure(reader.parse(original), random)), is_covered=True)
                continue
            except (OverflowError, TypeError, ValueError):  # no such file can be written
                pass
        is_text = reader.parse is not from_frames and random.random() < 0.5
        mutate = mutate_lines if is_text else mutate_bytes
        yield Case(label, mutate(original, random), is_covered=False)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_no_mutated_file_does_harm(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / reader.file
    MAKERS[reader.name](path)
    original, meaning = path.read_bytes(), reader.read(path)
    others = {each.name for each in tmp_path.iterdir()}
    read = accepted = 0
    for case in cases(reader, original):
        path.write_bytes(case.content)
        read += 1
        refused: int | None = None
        try:
            found = reader.read(path)
        except FieldfareError as error:
            refused = error.exit_code
        except BaseException as error:
            error.add_note(case.label)
            raise
        if refused is not None:
            assert refused in REFUSALS, case.label
            continue
        accepted += 1
        if reader.is_exact and not case.is_covered:
            assert found == meaning, f"{case.label} passes for another content"
    assert read == tried(reader)
    assert (accepted < read) is reader.refuses
    assert {each.name for each in tmp_path.iterdir()} == others, "reading writes nothing"


def test_the_suite_reads_thousands_of_mutated_files() -> None:
    assert sum(map(tried, READERS)) >= LEAST
    assert {reader.name for reader in READERS} == set(MAKERS)


# ---------------------------------------------------------------- files that were never ours

names = st.sampled_from(("version", "changes", "index", "fields", "format", "checksum", "indexes", "name", "x"))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("reader", [each for each in READERS if each.spell is not None], ids=lambda each: each.name)
@settings(max_examples=600 if TORTURE else 40)
@given(value=values)
def test_no_other_file_does_harm(reader: Reader, value: Any, scratch: Path) -> None:
    assert reader.spell is not None
    path = scratch / reader.file
    try:
        path.write_bytes(reader.spell(value))
    except (OverflowError, TypeError, ValueError):  # no such file can be written
        return
    try:
        reader.read(path)
    except FieldfareError as error:
        assert error.exit_code in REFUSALS  # noqa: PT017 - passing is as good
