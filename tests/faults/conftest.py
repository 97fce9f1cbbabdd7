"""Every kind of plan, on a server that faults can damage and that can be repaired."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pytest
from attrs import define, field, frozen

from fieldfare.api import load_migration_plan
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import list_indexes
from fieldfare.server.search import count_results
from fieldfare.testing.baseline import Baseline, record_baseline
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.faults import BALLAST, LARGEST_DISK, Fault, FaultContext
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.restartable_server import RestartableServer
from fieldfare.testing.servers import clear

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
CHANGES["alter"] = {
    "add_fields": [
        {"name": "year", "type": "numeric", "attrs": {"sortable": True}},
        {"name": "weight", "type": "tag"},
    ]
}
CHANGES["shadow-alias"] = CHANGES["shadow-own"] = CHANGES["index-only"]
CHANGES["shadow-rename"] = {**CHANGES["index-only"], "index": {"name": "articles_v2"}}
CHANGES["shadow-fields"] = {
    "update_fields": [{"name": "embedding", "attrs": {"dims": DIMS - 1}}],
    **CHANGES["redact"],
}
CHANGES["shadow-copy"] = {**CHANGES["redact"], **CHANGES["rename"]}
CHANGES["shadow-prefix"] = CHANGES["prefix"]
CHANGES["fill"], CHANGES["fill-redact"] = CHANGES["quantize"], CHANGES["redact"]
SHADOW: Final = ("shadow-alias", "shadow-own", "shadow-rename", "shadow-fields", "shadow-copy", "shadow-prefix")
MODES: Final = {"alter": "alter", **dict.fromkeys(SHADOW, "shadow")}
"""Change → mode of its plan, where it is not ``drop_recreate``."""

SWITCHED: Final = {
    "shadow-alias": {"news": "news__v2", "articles": "articles"},
    "shadow-own": {"news": "articles__v2", "articles": "articles__v2"},
    "shadow-rename": {"news": "articles_v2", "articles": "articles"},
    "shadow-fields": {"news": "news__v2", "articles": "articles"},
    "shadow-copy": {"news": "news__v2", "articles": "articles"},
    "shadow-prefix": {"news": "news__v2", "articles": "articles"},
}
"""Change → name → the index that it leads to after the run."""

CHANGES["all"] = {
    **CHANGES["index-only"],
    "update_fields": [{"name": "embedding", "attrs": {"dims": DIMS - 1, "datatype": "float16"}}],
    **CHANGES["redact"],
    **CHANGES["rename"],
    "index": {"name": "articles_v2", "prefix": "article:"},
}


@frozen
class Shape:
    """A kind of plan, and how it is applied.

    Attributes:
        storage: ``hash`` or ``json``.
        change: one of ``CHANGES``.
        workers: how many workers share the documents.
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
        return json.dumps({"version": 1, "mode": self.mode, "changes": changes})

    @property
    def mode(self) -> str:
        """The mode of the plan."""
        return MODES.get(self.change, "drop_recreate")

    @property
    def has_synonyms(self) -> bool:
        """Whether the index has some; where it has none, the rewrite pass fills the target."""
        return not self.change.startswith("fill")

    @property
    def index(self) -> str:
        """The name by which the user calls the index."""
        return "articles" if self.change == "shadow-own" else "news"

    @property
    def switched_names(self) -> dict[str, str] | None:
        """Where the names lead after the run; None for shapes that switch none."""
        return SWITCHED.get(self.change)

    @property
    def rollback_has_outage(self) -> bool:
        """Whether the rollback gives a name back to an index of its own."""
        return self.mode == "drop_recreate" or self.change in {"alter", "shadow-own"}


def load(server: Server, shape: Shape) -> None:
    """Create the index and its documents, with times to live, synonyms, an alias, and documents that lack fields."""
    clear(server)
    storage = shape.storage
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
    if shape.has_synonyms:
        server.command("FT.SYNUPDATE", "articles", "group", "title", "heading")
    server.command("FT.ALIASADD", "news", "articles")
    wait_until_indexed(server)


@define
class Bench:
    """One shape of plan on a server and a disk that faults can damage.

    Attributes:
        shape: the plan.
        restartable_server: the server.
        disk: a separate file system for the backup.
        directory: the directory for everything else.
        baseline: what an undisturbed run and its rollback do.
    """

    shape: Shape
    restartable_server: RestartableServer
    disk: Path
    directory: Path
    baseline: Baseline = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Plan, and record an undisturbed run."""
        (self.directory / "patch.yaml").write_text(self.shape.patch())
        self.reset()
        names = ("--index", self.shape.index, "--alias", "news")
        planned = self.command("plan", *names, "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
        assert planned.code == 0, planned.stderr
        plan = load_migration_plan(self.directory / "plan.yaml")
        with self.restartable_server.connect() as server:
            self.baseline = record_baseline(
                server, plan, self.backup, batch_size=BATCH, workers=self.shape.workers, **self._own_name
            )
        assert self.baseline.restored == self.original
        assert self.migrated != self.original

    @property
    def original(self) -> State:
        """The state before."""
        return self.baseline.original

    @property
    def migrated(self) -> State:
        """The state after an undisturbed run."""
        return self.baseline.migrated

    @property
    def points(self) -> Counter[str]:
        """How often an undisturbed run reaches each point."""
        return self.baseline.points

    @property
    def rollback_points(self) -> Counter[str]:
        """How often its rollback reaches each point."""
        return self.baseline.rollback_points

    @property
    def backup(self) -> Path:
        """The backup directory."""
        return self.disk / "backup"

    @property
    def fault_context(self) -> FaultContext:
        """The server and the disk that a fault acts on."""
        return FaultContext(self.restartable_server.embedded.url, self.backup, self.restartable_server.pid)

    @property
    def command(self) -> CommandLine:
        """The command line."""
        return CommandLine(self.restartable_server.embedded.url, self.directory)

    def reset(self) -> None:
        """Restore the original state."""
        self.repair()
        shutil.rmtree(self.backup, ignore_errors=True)
        self.backup.mkdir()
        with self.restartable_server.connect() as server:
            load(server, self.shape)
            server.command("SAVE")

    def repair(self) -> None:
        """Repair the server and the disk."""
        self.restartable_server.repair()
        (self.backup / BALLAST).unlink(missing_ok=True)

    def state(self) -> State:
        """Return the present state."""
        with self.restartable_server.connect() as server:
            return read_state(server)

    def names(self) -> dict[str, str | None]:
        """Return the index that each name leads to."""
        with self.restartable_server.connect() as server:
            return {name: real_name(server, name) for name in ("articles", "news")}

    def wrong_answers(self, *names: str) -> dict[str, int]:
        """Return the names with which not all documents are found, and how many are."""
        with self.restartable_server.connect() as server:
            wait_until_indexed(server)
            found = {name: count_results(server, name, "*") for name in names or ("articles", "news")}
        return {name: count for name, count in found.items() if count != DOCUMENTS}

    @property
    def _own_name(self) -> dict[str, bool]:
        return {"restore_own_name": True} if self.shape.mode != "drop_recreate" else {}

    def leftover_indexes(self) -> list[str]:
        """Return the rehearsal indexes that are still there."""
        with self.restartable_server.connect() as server:
            return [name for name in list_indexes(server) if name.startswith("fieldfare:")]

    @property
    def has_small_disk(self) -> bool:
        """Whether the disk may be filled."""
        return shutil.disk_usage(self.disk).total <= LARGEST_DISK

    def apply(self, fault: Fault | None = None, *more: str, with_retries: bool = True) -> Outcome:
        """Apply or resume the plan."""
        return self.run(
            *("apply", "--plan", "plan.yaml", "--backup-dir", str(self.backup), "--batch-size", str(BATCH)),
            *("--workers", str(self.shape.workers)),
            *more,
            fault=fault,
            with_retries=with_retries,
        )

    def rollback(self, fault: Fault | None = None, *, with_retries: bool = True) -> Outcome:
        """Roll back, or resume the rollback."""
        more = ["--restore-own-name"] if self._own_name else []
        return self.run(
            *("rollback", "--backup-dir", str(self.backup), "--yes", *more, "--workers", str(self.shape.workers)),
            fault=fault,
            with_retries=with_retries,
        )

    def run(self, *arguments: str, fault: Fault | None = None, with_retries: bool = True) -> Outcome:
        """Run a command that changes something."""
        self.restartable_server.restarts_automatically = fault is not None and fault.transient
        # a server that hangs is given up soon; any other may be slow, as its machine is
        seconds = 0.5 if fault is not None and fault.action == "hang" else 60
        url = f"{self.restartable_server.embedded.url}?socket_timeout={seconds}"
        return self.command(
            *arguments,
            *("--url", url),
            *("--reconnect-timeout", "60" if with_retries else "0"),
            fault=None if fault is None else (fault, self.fault_context),
        )


@pytest.fixture(scope="session")
def restartable_server() -> Iterator[RestartableServer]:
    """Give a server that faults can damage."""
    with RestartableServer() as started:
        yield started


@pytest.fixture(scope="session")
def disk() -> Iterator[Path]:
    """Give a file system of 4 MB; a plain directory where none can be mounted.

    It is no directory of pytest, which removes those of earlier runs, and could not if a killed run left one mounted.
    """
    with TemporaryDirectory(prefix="fieldfare-disk-") as place:
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place]
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        yield Path(place)
        if mounted:
            subprocess.run(["umount", "--lazy", place], check=True)  # noqa: S607 - as mount above, wherever it is


@pytest.fixture(scope="session")
def benches_by_shape() -> dict[str, Bench]:
    """Give the benches that exist, by shape."""
    return {}


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    benches_by_shape: dict[str, Bench],
    restartable_server: RestartableServer,
    disk: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bench:
    """Give the bench of the shape that the test is parametrized with."""
    name = request.param
    if name not in benches_by_shape:
        benches_by_shape[name] = Bench(Shape.parse(name), restartable_server, disk, tmp_path_factory.mktemp(name))
    return benches_by_shape[name]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how much of the matrix was tried."""
    counted: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                counted.update(dict(report.user_properties).get("faults", {}))
    if counted:
        tried, all_cases = counted.pop("tried"), counted.pop("all")
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
        terminalreporter.write_line(f"faults: {tried:,} of {all_cases:,} cases tried: {kinds}")
