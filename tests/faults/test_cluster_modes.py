"""The modes ``alter`` and ``shadow`` in a cluster with a coordinator, while applications query and nodes are killed.

Each name by which an application knows the index leads to the same index on every primary, whatever happens.
``coordinator.py`` says what stands for the coordinator where the search module of the tests has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np
import pytest
from attrs import define, evolve, field
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from coordinator import MODULE, Node, start_coordinated
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.definition.info import parse_info
from fieldfare.definition.reply import mapping
from fieldfare.errors import FieldfareError
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result
from fieldfare.server import connect
from fieldfare.server.pipeline import Command, exchange
from fieldfare.server.routing import is_unknown_index
from fieldfare.support import fault_points
from fieldfare.testing.digest import database_digest
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.load import querying
from restarted_cluster import RestartedCluster
from torture import TORTURE

COUNT, DIMS = 30, 4
TAGS: Final = "abc" if MODULE else "a"
"""Hash tags of the documents: one for each node, or that of the node that answers queries for the others."""

DOCUMENTS: Final = COUNT * len(TAGS)
OWN, ALIAS = "books{a}", "library{a}"
ADDITIONS: Final = 2000
VECTORS = np.random.default_rng(8).standard_normal((DOCUMENTS + ADDITIONS, DIMS)).astype("<f4")
"""One for each document: of many that are equal, an HNSW graph does not reach all."""

CHANGES: Final[dict[str, Any]] = {
    "alter": {"add_fields": [{"name": "genre", "type": "tag"}, {"name": "year", "type": "numeric"}]},
    "shadow": {"update_fields": [{"name": "v", "attrs": {"algorithm": "HNSW"}}], "remove_fields": ["kind"]},
}
COMMANDS: Final = {"alter": ["apply", "rollback"], "shadow": ["apply", "switch", "finalize", "rollback"]}
DROPPED: Final = "The index was dropped before the query could be executed"
MOVES_NAMES: Final = {("alter", "rollback"): "create", ("shadow", "switch"): "switch", ("shadow", "rollback"): "switch"}
"""The mode and the command that moves a name from one index to another, and the activity in which it does."""

PHASES: Final = [
    *(("alter", "apply", phase) for phase in ("open", "rehearse", "alter", "index", "validate")),
    *(("alter", "rollback", phase) for phase in ("open", "create", "index", "validate")),
    *(("shadow", "apply", phase) for phase in ("open", "rehearse", "create", "index", "check")),
    *(("shadow", "switch", phase) for phase in ("open", "check", "switch")),
    *(("shadow", "finalize", phase) for phase in ("open", "finalize", "validate")),
    *(("shadow", "rollback", phase) for phase in ("open", "switch", "index", "drop", "validate")),
]
FIRST: Final = {phase: (mode, command, phase) for mode, command, phase in reversed(PHASES)}
TRIED: Final = [
    each
    for each in PHASES
    if TORTURE or each[2] not in {"open", "rehearse", "check", "validate"} or each == FIRST[each[2]]
]
"""``make test`` tries phases that change no index in the first command that has them."""

CASES: Final = [
    (*phase, name, node)
    for number, phase in enumerate(TRIED)
    for position, name in enumerate((OWN, ALIAS))
    for node in range(3)
    if TORTURE or (position, node) == (number % 2, number % 3)
]
"""The mode, the command, the phase in which a node is killed, the name that the application uses, and the node."""


@define
class Cluster(RestartedCluster):
    """Nodes that can be killed, with the migration of an index that has an alias."""

    backup_dir: Path
    plan: MigrationPlan = field(init=False)

    def load(self, changes: str, name: str, mode: str) -> None:
        """Create documents and the index, and plan for one of its names."""
        self.clear()
        server = self.server
        server.bulk([write(row * len(TAGS) + place)[1] for row in range(COUNT) for place in range(len(TAGS))])
        self.create(
            *("FT.CREATE", OWN, "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT", "n", "NUMERIC", "kind", "TAG"),
            *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        )
        server.command("FT.SYNUPDATE", OWN, "group", "word", "term")
        server.command("FT.ALIASADD", ALIAS, OWN)
        self.wait_until_found(OWN, DOCUMENTS)
        patch = {"version": 1, "mode": mode, "changes": CHANGES[changes]}
        self.plan = MigrationPlanner().create_plan_from_patch(name, schema_patch=patch, server=server, aliases=[ALIAS])
        assert self.plan.supported, self.plan.blocked_reasons

    def run(self, command: str) -> MigrationReport:
        """Apply the plan without the switch, switch, finalize, or roll back."""
        executor = MigrationExecutor()
        options: Any = {"server": self.server, "backup_dir": self.backup_dir, "retry_for": 60}
        match command:
            case "apply":
                return executor.apply(self.plan, switch=False, **options)
            case "switch":
                return executor.switch(**options)
            case "finalize":
                return executor.finalize(**options)
            case _:
                return executor.rollback(**options)

    def state(self) -> tuple[str, list[Any]]:
        """Return a digest of all documents, and what each primary answers for each name."""
        self.wait()
        wait_until_indexed(self.server)
        return database_digest(self.server), [self._held(node) for node in self.server.nodes()]

    def _held(self, node: Redis) -> Any:
        indexes = [each for each in self.server.command_at(node, "FT._LIST") if not each.startswith(b"fieldfare:")]
        return [len(indexes), *(self._answer(node, name) for name in (OWN, ALIAS))]

    def _answer(self, node: Redis, name: str) -> Any:
        info, synonyms = exchange(node, [("FT.INFO", name), ("FT.SYNDUMP", name)])
        if is_unknown_index(info):
            return None
        return evolve(parse_info(info).definition, name=""), mapping(synonyms)

    def assert_agreed(self) -> None:
        """Assert that all primaries answer the same for each name."""
        _, held = self.state()
        assert held[0] == held[1] == held[2]


def write(number: int) -> tuple[bytes, Command]:
    key = f"d:{number}{{{TAGS[number % len(TAGS)]}}}".encode()
    facts = ("n", number, "kind", "ab"[number % 2], "genre", "ab"[number % 2], "year", 1900 + number)
    return key, ("HSET", key, "t", "word", "v", VECTORS[number].tobytes(), *facts)


ADDED: Final = [write(DOCUMENTS + number) for number in range(ADDITIONS)]


def queries(name: str) -> Sequence[Command]:
    """Return queries of which each finds every document of the beginning, or as many."""
    vector = VECTORS[7].tobytes()
    keys = ("NOCONTENT", "LIMIT", 0, DOCUMENTS, "DIALECT", 2)
    knn = f"*=>[KNN {DOCUMENTS} @v $v]"
    groups = ("GROUPBY", 1, "@n", "REDUCE", "COUNT", 0, "AS", "count", "LIMIT", 0, DOCUMENTS)
    return [
        ("FT.SEARCH", name, "word", *keys),
        ("FT.SEARCH", name, "term", *keys),
        ("FT.SEARCH", name, knn, "PARAMS", 2, "v", vector, *keys),
        ("FT.AGGREGATE", name, "*", *groups),
    ]


@contextmanager
def timing(activity: str) -> Iterator[list[float]]:
    """Note when an activity sends something, and when it has got an answer."""
    seen: list[float] = []

    def listen(point: str) -> None:
        if point.startswith(f"{activity}:server."):
            seen.append(monotonic())

    fault_points.listen(listen)
    try:
        yield seen
    finally:
        fault_points.listen(None)


@pytest.fixture(scope="module")
def cluster_nodes() -> Iterator[Sequence[Node]]:
    """Three nodes that lose nothing when they are killed."""
    with start_coordinated() as nodes:
        yield nodes


@pytest.fixture
def shared(cluster_nodes: Sequence[Node], tmp_path: Path) -> Iterator[Cluster]:
    """A connection to them."""
    with connect(cluster_nodes[0].url) as server:
        assert server.capabilities.coordinator
        yield Cluster(cluster_nodes, server, tmp_path)


@pytest.mark.parametrize(
    ("mode", "requested", "name"),
    [("alter", "auto", OWN), ("alter", "alter", ALIAS), ("shadow", "shadow", OWN), ("shadow", "auto", ALIAS)],
)
def test_queries_go_on(shared: Cluster, mode: str, requested: str, name: str) -> None:
    shared.load(mode, name, requested)
    assert shared.plan.mode == mode
    gap = f"queries of {OWN!r} fail"
    assert any(gap in each for each in shared.plan.warnings) == (mode == "alter" or name == OWN)
    before = shared.state()[1]
    for command in COMMANDS[mode]:
        moving = timing(MOVES_NAMES.get((mode, command), "none"))
        with querying(shared.nodes[0].url, queries(name), ADDED, pause=0.02) as load, moving as seen:
            assert shared.run(command).validation.passed
        assert len(load.answers) > len(queries(name))
        for each in load.answers:
            if not each.error:
                assert each.results >= DOCUMENTS
                continue
            assert is_unknown_index(ResponseError(each.error)) or DROPPED in each.error, each
            # the name of an index has a gap while it becomes an alias of another one
            assert name == OWN
            assert seen
            assert seen[0] <= each.started + each.seconds
            assert each.started <= seen[-1]
        shared.assert_agreed()
    assert shared.state()[1] == before


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_node_is_killed_and_restarted(shared: Cluster, case: tuple[str, str, str, str, int]) -> None:
    mode, command, phase, name, node = case
    shared.load(mode, name, mode)
    before = shared.state()
    for each in COMMANDS[mode]:
        if each == command:
            with shared.killing(node, phase) as killed:
                try:
                    shared.run(each)
                except RedisError:
                    assert phase == "open"
                except FieldfareError as error:
                    assert error.exit_code == 3, error  # noqa: PT017 - the same command may be needed once more
            assert killed.is_set()
            shared.wait()
        assert shared.run(each).result in {Result.NOTHING_TO_DO, Result.SUCCEEDED, Result.ROLLED_BACK}
        shared.assert_agreed()
    assert shared.state() == before
