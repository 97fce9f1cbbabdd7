"""Every kind of plan, on a server that can be harmed and made good again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from attrs import define, field, frozen

from fieldfare.api import load_migration_plan
from fieldfare.server import Server
from fieldfare.server.inspect import list_indexes
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.faults import BALLAST, LARGEST_DISK, Fault, Scene
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.patient import Patient
from fieldfare.testing.servers import clear
from fieldfare.testing.survey import Survey, survey

DOCUMENTS: Final = 32
BATCH: Final = 8
DIMS: Final = 4
LEADING: Final = np.array([1, 0.8, 0.6, 0.001])
VECTORS: Final = (np.random.default_rng(11).standard_normal((DOCUMENTS, DIMS)) * LEADING).astype("<f4")
"""Of which the last value hardly counts."""

CHANGES: Final[dict[str, dict[str, Any]]] = {
    "index-only": {
        "add_fields": [{"name": "year", "type": "numeric", "attrs": {"sortable": True}}],
        "remove_fields": ["legacy"],
    },
    "quantize": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]},
    "redact": {"custom": [{"kind": "acme.redact_email", "field": "email"}]},
    "rename": {
        "rename_fields": [
            {"old_name": "embedding", "new_name": "vec"},
            {"old_name": "kind", "new_name": "sort"},
        ]
    },
    "prefix": {"index": {"prefix": "article:"}},
}
CHANGES["all"] = {
    **CHANGES["index-only"],
    "update_fields": [{"name": "embedding", "attrs": {"dims": DIMS - 1, "datatype": "float16"}}],
    **CHANGES["redact"],
    **CHANGES["rename"],
    "index": {"name": "articles_v2", "prefix": "article:"},
}


@frozen
class Shape:
    """What is migrated, and how.

    Attributes:
        storage: ``hash`` or ``json``.
        change: one of ``CHANGES``.
        workers: how many share the documents.
    """

    storage: str
    change: str
    workers: int

    @classmethod
    def parse(cls, name: str) -> Shape:
        """Read ``hash-index-only-4``."""
        storage, _, rest = name.partition("-")
        change, _, workers = rest.rpartition("-")
        return cls(storage, change, int(workers))

    def __str__(self) -> str:
        """Write it as ``parse`` reads it."""
        return f"{self.storage}-{self.change}-{self.workers}"

    def patch(self) -> str:
        """Return the patch; JSON is YAML."""
        changes = json.loads(json.dumps(CHANGES[self.change]))
        for custom in changes.get("custom", []):
            custom["field"] = "$.email" if self.storage == "json" else "email"
        return json.dumps({"version": 1, "changes": changes})


def load(server: Server, storage: str) -> None:
    """Make the index and its documents: with times to live, synonyms, an alias, and documents that lack fields."""
    clear(server)
    documents: list[dict[str, Any]] = [
        {
            "title": f"title {row}",
            "kind": "ab"[row % 2],
            "legacy": row,
            "year": 2000 + row,
            "email": f"ada{row}@example.org",
            "embedding": VECTORS[row],
        }
        for row in range(DOCUMENTS)
    ]
    del documents[2]["kind"], documents[2]["email"], documents[3]["embedding"]
    if storage == "json":
        server.bulk(
            [
                ("JSON.SET", f"doc:{row:03}", "$", json.dumps(each, default=lambda vector: vector.tolist()))
                for row, each in enumerate(documents)
            ]
        )
    else:
        for each in documents:
            each.update({name: value.tobytes() for name, value in each.items() if isinstance(value, np.ndarray)})
        server.bulk(
            [
                ("HSET", f"doc:{row:03}", *(part for pair in each.items() for part in pair))
                for row, each in enumerate(documents)
            ]
        )
        server.command("HPEXPIREAT", "doc:001", 4102444800456, "FIELDS", 2, "embedding", "kind")
    server.command("PEXPIREAT", "doc:000", 4102444800123)
    fields = {"title": "TEXT", "kind": "TAG", "legacy": "NUMERIC", "email": "TAG", "embedding": "VECTOR"}
    schema: list[str] = [
        part
        for name, kind in fields.items()
        for part in ((f"$.{name}", "AS", name, kind) if storage == "json" else (name, kind))
    ]
    server.command(
        *("FT.CREATE", "articles", "ON", storage.upper(), "PREFIX", 1, "doc:", "STOPWORDS", 1, "foo", "SCHEMA"),
        *schema,
        *("FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"),
    )
    server.command("FT.SYNUPDATE", "articles", "group", "title", "heading")
    server.command("FT.ALIASADD", "news", "articles")
    wait_until_indexed(server)


@define
class Bench:
    """One shape, on a server, with a disk: where faults are tried.

    Attributes:
        shape: what is migrated.
        patient: the server.
        disk: a file system of its own, for the backup.
        directory: for everything else.
        survey: what a run does that nothing disturbs.
    """

    shape: Shape
    patient: Patient
    disk: Path
    directory: Path
    survey: Survey = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Plan, and see what a run does that nothing disturbs."""
        (self.directory / "patch.yaml").write_text(self.shape.patch())
        self.reset()
        planned = self.command("plan", "--index", "news", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
        assert planned.code == 0, planned.stderr
        plan = load_migration_plan(self.directory / "plan.yaml")
        with self.patient.connect() as server:
            self.survey = survey(server, plan, self.backup, batch_size=BATCH, workers=self.shape.workers)
        assert self.survey.restored == self.original
        assert self.migrated != self.original

    @property
    def original(self) -> State:
        """The state before."""
        return self.survey.original

    @property
    def migrated(self) -> State:
        """The state after a run that nothing disturbed."""
        return self.survey.migrated

    @property
    def points(self) -> Counter[str]:
        """How often such a run reaches each point."""
        return self.survey.points

    @property
    def undo_points(self) -> Counter[str]:
        """How often its rollback does."""
        return self.survey.undo_points

    @property
    def backup(self) -> Path:
        """The backup directory."""
        return self.disk / "backup"

    @property
    def scene(self) -> Scene:
        """Where a fault happens."""
        return Scene(self.patient.embedded.url, self.backup, self.patient.pid)

    @property
    def command(self) -> CommandLine:
        """The command line."""
        return CommandLine(self.patient.embedded.url, self.directory)

    def reset(self) -> None:
        """Be as before."""
        self.heal()
        shutil.rmtree(self.backup, ignore_errors=True)
        self.backup.mkdir()
        with self.patient.connect() as server:
            load(server, self.shape.storage)
            server.command("SAVE")

    def heal(self) -> None:
        """Make server and disk good again."""
        self.patient.heal()
        (self.backup / BALLAST).unlink(missing_ok=True)

    def state(self) -> State:
        """Return what is there now."""
        with self.patient.connect() as server:
            return read_state(server)

    def left_overs(self) -> list[str]:
        """Return the indexes of ours that are still there."""
        with self.patient.connect() as server:
            return [name for name in list_indexes(server) if name.startswith("fieldfare:")]

    @property
    def has_small_disk(self) -> bool:
        """Whether the disk may be filled."""
        return shutil.disk_usage(self.disk).total <= LARGEST_DISK

    def apply(self, fault: Fault | None = None, *more: str, patiently: bool = True) -> Outcome:
        """Carry out the plan, or go on with it."""
        return self._run(
            *("apply", "--plan", "plan.yaml", "--backup-dir", str(self.backup), "--batch-size", str(BATCH)),
            *more,
            fault=fault,
            patiently=patiently,
        )

    def rollback(self, fault: Fault | None = None, *, patiently: bool = True) -> Outcome:
        """Take it back, or go on with that."""
        return self._run("rollback", "--backup-dir", str(self.backup), "--yes", fault=fault, patiently=patiently)

    def _run(self, *arguments: str, fault: Fault | None, patiently: bool) -> Outcome:
        self.patient.cared_for = fault is not None and fault.passing
        url = f"{self.patient.embedded.url}?socket_timeout=0.5"
        return self.command(
            *arguments,
            *("--workers", str(self.shape.workers), "--url", url),
            *("--retry-for", "60" if patiently else "0"),
            fault=None if fault is None else (fault, self.scene),
        )


@pytest.fixture(scope="session")
def patient() -> Iterator[Patient]:
    """Give a server that can be harmed."""
    with Patient() as patient:
        yield patient


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a file system of 4 MB; a plain directory where none can be mounted."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    yield place
    if mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S607 - as mount above, wherever it is


@pytest.fixture(scope="session")
def benches() -> dict[str, Bench]:
    """Give the benches that were made."""
    return {}


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    benches: dict[str, Bench],
    patient: Patient,
    disk: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bench:
    """Give the bench of the shape that the test is parametrized with."""
    name = request.param
    if name not in benches:
        benches[name] = Bench(Shape.parse(name), patient, disk, tmp_path_factory.mktemp(name))
    return benches[name]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the size of the matrix, as far as it was gone through."""
    counted: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                counted.update(dict(report.user_properties).get("faults", {}))
    if counted:
        tried, all_cases = counted.pop("tried"), counted.pop("all")
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
        terminalreporter.write_line(f"faults: {tried:,} of {all_cases:,} cases tried: {kinds}")
