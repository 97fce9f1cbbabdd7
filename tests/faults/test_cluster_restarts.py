"""A node of a cluster is killed, and restarted with its data, at each phase of a run and of its rollback.

Every primary should hold the same index then, as with a coordinator (search 8). The search module of the ``embedded``
extra has none, so a proxy does its work (``coordinator.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from attrs import define, field
from redis import Redis
from redis.exceptions import RedisError

from coordinator import MODULE, Node, start_coordinated
from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.definition.info import parse_info
from fieldfare.definition.reply import mapping
from fieldfare.errors import FieldfareError, MigrationIncomplete, StalePlan
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result
from fieldfare.server import connect
from fieldfare.testing.digest import database_digest
from fieldfare.testing.indexing import wait_until_indexed
from restarted_cluster import RestartedCluster

COUNT, BATCH, DIMS = 24, 8, 4
SOURCE, TARGET, ALIAS = "idx{a}", "new{a}", "news{a}"
VECTORS = np.random.default_rng(3).standard_normal((COUNT, DIMS)).astype("<f4")
CHANGES: Final[dict[str, Any]] = {
    "rewrite": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]},
    "rename": {"index": {"name": TARGET}, "remove_fields": ["n"]},
}
PHASES: Final = [
    *(("rewrite", "apply", phase) for phase in ("open", "enumerate", "dump", "drop", "rewrite", "create", "index")),
    *(("rewrite", "apply", phase) for phase in ("catch_up", "validate")),
    *(("rewrite", "rollback", phase) for phase in ("open", "index.create", "restore", "create", "index", "validate")),
    *(("rename", "apply", phase) for phase in ("rehearse", "drop", "create", "index", "validate")),
    *(("rename", "rollback", phase) for phase in ("index.create", "create", "index", "validate")),
]
CASES: Final = [
    (*phase, node)
    for number, phase in enumerate(PHASES)
    for node in range(3)
    if "TORTURE" in os.environ or node == number % 3
]


@define
class Cluster(RestartedCluster):
    """Nodes that can be killed, with an index that a plan is for."""

    plan: MigrationPlan = field(init=False)

    def load(self, kind: str) -> None:
        """Create documents, and the index on every primary, and plan."""
        server = self.server
        self.clear()
        server.bulk(
            [
                ("HSET", f"doc:{row}{{{tag}}}", "v", VECTORS[row].tobytes(), "t", "word", "n", row)
                for row in range(COUNT)
                for tag in ("abc" if MODULE else "a")
            ]
        )
        server.command("PEXPIREAT", "doc:1{a}", 4102444800123)
        self.create(
            *("FT.CREATE", SOURCE, "PREFIX", 1, "doc:", "SCHEMA", "t", "TEXT", "n", "NUMERIC"),
            *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        )
        server.command("FT.SYNUPDATE", SOURCE, "group", "word", "term")
        server.command("FT.ALIASUPDATE", ALIAS, SOURCE)
        wait_until_indexed(server)
        patch = {"version": 1, "changes": CHANGES[kind]}
        self.plan = MigrationPlanner().create_plan_from_patch(
            SOURCE, schema_patch=patch, server=server, aliases=[ALIAS]
        )
        assert self.plan.supported, self.plan.blocked_reasons

    def state(self) -> tuple[str, list[Any]]:
        """Return a digest of all documents, and what each primary holds."""
        self.wait()
        wait_until_indexed(self.server)
        return database_digest(self.server), [self._held(node) for node in self.server.nodes()]

    def _held(self, node: Redis) -> Any:
        ask = self.server.command_at
        names = sorted(name for name in ask(node, "FT._LIST") if not name.startswith(b"fieldfare:"))
        return [
            (
                name,
                parse_info(ask(node, "FT.INFO", name)).definition,
                mapping(ask(node, "FT.SYNDUMP", name)),
                parse_info(ask(node, "FT.INFO", ALIAS)).definition.name,
            )
            for name in names
        ]

    def damage(self, number: int, commands: Sequence[tuple[str, ...]]) -> None:
        """Send commands to one node, past the coordinator."""
        with Redis(unix_socket_path=str(self.nodes[number].server.socket)) as client:
            for command in commands:
                client.execute_command(*command)

    def run(self, what: str, backup: Path, *, retry_for: float = 60) -> MigrationReport:
        """Apply, or roll back."""
        options: Any = {"server": self.server, "backup_dir": backup, "retry_for": retry_for}
        if what == "apply":
            return MigrationExecutor().apply(self.plan, batch_size=BATCH, **options)
        return MigrationExecutor().rollback(**options)


@pytest.fixture(scope="module")
def cluster_nodes() -> Iterator[Sequence[Node]]:
    """Three nodes that lose nothing when they are killed."""
    with start_coordinated() as nodes:
        yield nodes


@pytest.fixture
def shared(cluster_nodes: Sequence[Node]) -> Iterator[Cluster]:
    """A connection to them."""
    with connect(cluster_nodes[0].url) as server:
        assert server.capabilities.coordinator
        yield Cluster(cluster_nodes, server)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_node_is_killed_and_restarted(shared: Cluster, tmp_path: Path, case: tuple[str, str, str, int]) -> None:
    kind, what, phase, node = case
    shared.load(kind)
    before = shared.state()
    if what == "rollback":
        shared.run("apply", tmp_path)
    with shared.killing(node, phase) as killed:
        try:
            shared.run(what, tmp_path)
        except RedisError:
            assert phase == "open"
        except FieldfareError as error:
            assert error.exit_code == 3, error  # noqa: PT017 - the same command may be needed once more
    assert killed.is_set()
    shared.wait()
    assert shared.run(what, tmp_path).result in {Result.NOTHING_TO_DO, Result.SUCCEEDED, Result.ROLLED_BACK}
    _, held = shared.state()
    assert held[0] == held[1] == held[2]
    if what == "apply":
        assert [(name, found) for name, found, *_ in held[0]] == [
            (shared.plan.target.name.encode(), shared.plan.target)
        ]
        shared.run("rollback", tmp_path)
    digest, held = shared.state()
    assert held == before[1]
    assert digest == before[0]


@pytest.mark.parametrize("phase", ["drop", "create", "validate"])
def test_node_that_stays_down_is_named(shared: Cluster, tmp_path: Path, phase: str) -> None:
    shared.load("rewrite")
    with shared.killing(1, phase, restart=False), pytest.raises(MigrationIncomplete) as stopped:
        shared.run("apply", tmp_path, retry_for=0.2)
    shared.nodes[1].restart()
    assert stopped.value.exit_code == 3
    assert shared.address(1) in str(stopped.value), stopped.value
    assert "fieldfare apply" in str(stopped.value)
    shared.wait()
    assert shared.run("apply", tmp_path).result is Result.SUCCEEDED
    _, held = shared.state()
    assert held[0] == held[1] == held[2]


@pytest.mark.skipif(MODULE is not None, reason="the node behind a coordinator cannot be asked alone")
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ([("FT.DROPINDEX", SOURCE)], "has no index"),
        ([("FT.DROPINDEX", SOURCE), ("FT.CREATE", SOURCE, "SCHEMA", "t", "TAG")], "has another index"),
        ([("FT.SYNUPDATE", SOURCE, "group", "expression")], "has other synonym groups"),
        ([("FT.ALIASDEL", ALIAS)], "has no alias"),
    ],
    ids=lambda value: None if isinstance(value, list) else value.replace(" ", "-"),
)
def test_primary_that_differs_is_named(
    shared: Cluster, tmp_path: Path, harm: list[tuple[str, ...]], message: str
) -> None:
    shared.load("rewrite")
    shared.damage(2, harm)
    named = rf"{shared.address(2)} {message}"
    with pytest.raises(StalePlan, match=named):
        shared.run("apply", tmp_path)
    shared.load("rewrite")
    shared.run("apply", tmp_path)
    shared.damage(2, harm)
    report = MigrationValidator().validate(shared.plan, server=shared.server)
    assert re.search(named, str([each.detail for each in report.validation.findings if each.name == "primaries"]))
    with pytest.raises(StalePlan, match=named):
        shared.run("apply", tmp_path)
    # a rollback creates the source anew, on all of them
    if message != "has another index":
        assert shared.run("rollback", tmp_path).result is Result.ROLLED_BACK
        _, held = shared.state()
        assert held[0] == held[1] == held[2]
