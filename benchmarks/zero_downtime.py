"""What an application notices of a migration: 4 clients query an index by name all the time, and one writes.

Shadow mode rebuilds a FLAT index as HNSW, alter mode adds two fields, and drop_recreate does the first of these with an
outage. Each is planned, applied, finalized and rolled back under load. The documents are the dictionary entries of
``examples/wordnet``, or other ones: ``--vectors`` takes a ``.npy`` file of float32, ``--entries`` the JSON lines beside
it. Run this on a machine that is otherwise idle: clients, migration and server share its processors.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.pipeline import Command
from fieldfare.server.search import find_indexed
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.load import Answer, Load, querying
from fieldfare.testing.servers import clear

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "wordnet"
NAME: Final = "words"
IDLE_SECONDS: Final = 3.0
"""How long the clients query before the migration, and after it."""

PAUSE: Final = 0.002
"""Seconds between two queries of a client."""

HNSW: Final = {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "HNSW"}}]}
FIELDS: Final = {"add_fields": [{"name": "pos", "type": "tag"}, {"name": "number", "type": "numeric"}]}


@frozen
class Entries:
    """Documents with their vectors; further ones are made of the first ones."""

    entries: Sequence[dict[str, Any]]
    vectors: NDArray[np.float32]

    @classmethod
    def read(cls, vectors: Path, entries: Path) -> Entries:
        """Read both files."""
        lines = entries.read_text(encoding="utf-8").splitlines()
        return cls([json.loads(line) for line in lines], np.load(vectors).astype("<f4"))

    def write(self, number: int, prefix: str = "word:") -> tuple[bytes, Command]:
        """Return the key of a document, and the command that writes it."""
        row = number % len(self.vectors)
        entry, key = self.entries[row], f"{prefix}{number}".encode()
        facts = ("gloss", entry["gloss"], "pos", entry["pos"], "number", number)
        return key, ("HSET", key, *facts, "embedding", self.vectors[row].tobytes())

    def add(self, number: int) -> tuple[bytes, Command]:
        """Return what the writing client does."""
        return self.write(number, "word:new:")

    def queries(self, *, kind: str) -> list[Command]:
        """Return a nearest-neighbor query, one of a text, one of a filter, and an aggregation."""
        vector, word = self.vectors[7].tobytes(), str(self.entries[7]["gloss"]).split(":", maxsplit=1)[0].split()[0]
        return [
            ("FT.SEARCH", NAME, "*=>[KNN 10 @embedding $v]", "PARAMS", 2, "v", vector, "NOCONTENT", "DIALECT", 2),
            ("FT.SEARCH", NAME, word, "NOCONTENT", "LIMIT", 0, 5),
            ("FT.SEARCH", NAME, f"@{kind}", "NOCONTENT", "LIMIT", 0, 5),
            ("FT.AGGREGATE", NAME, word, "GROUPBY", 1, "@kind", "REDUCE", "COUNT", 0, "AS", "count"),
        ]


@define
class Clock:
    """When each part of a migration began and ended."""

    parts: dict[str, tuple[float, float]] = field(factory=dict)
    switched: tuple[float, float] | None = None

    def note(self, activity: str, _detail: str) -> None:
        """Take the times of the switch alone; for ``progress_callback``."""
        if activity == "switch":
            now = time.monotonic()
            self.switched = (self.switched or (now, now))[0], now

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Take the time of the body."""
        started = time.monotonic()
        yield
        self.parts[name] = started, time.monotonic()


def create(server: Server, source: Entries, *, algorithm: str) -> None:
    """Load the documents, and create the index, with an alias as its name."""
    clear(server)
    documents = [source.write(number)[1] for number in range(len(source.vectors))]
    for start in range(0, len(documents), 500):
        server.bulk([(*each, "kind", "ab"[number % 2]) for number, each in enumerate(documents[start : start + 500])])
    dims = source.vectors.shape[1]
    server.command(
        *("FT.CREATE", f"{NAME}_1", "PREFIX", 1, "word:", "SCHEMA", "gloss", "TEXT", "kind", "TAG"),
        *("embedding", "VECTOR", algorithm, 6, "TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE"),
    )
    server.command("FT.ALIASADD", NAME, f"{NAME}_1")
    wait_until_indexed(server)


def migrate(server: Server, url: str, source: Entries, mode: str, changes: dict[str, Any]) -> tuple[Load, Clock, int]:
    """Plan, apply and finalize under load.

    Returns:
        What the clients saw, the times, and how many of the documents written in the meantime are not found.
    """
    clock, executor = Clock(), MigrationExecutor()
    with (
        tempfile.TemporaryDirectory() as backup_dir,
        querying(url, source.queries(kind="kind:{a}"), [source.add(n) for n in range(2000)], pause=PAUSE) as load,
    ):
        with clock.part("before"):
            time.sleep(IDLE_SECONDS)
        with clock.part("during"):
            patch = {"version": 1, "mode": mode, "changes": changes}
            plan = MigrationPlanner().create_plan_from_patch(NAME, schema_patch=patch, server=server)
            executor.apply(plan, server=server, backup_dir=backup_dir, switch=False)
        with clock.part("switch"):
            if mode == "shadow":
                executor.switch(server=server, backup_dir=backup_dir, progress_callback=clock.note)
                executor.finalize(server=server, backup_dir=backup_dir)
        with clock.part("after"):
            time.sleep(IDLE_SECONDS)
        with clock.part("rollback"):
            executor.rollback(server=server, backup_dir=backup_dir)
    wait_until_indexed(server)
    stale = len(load.written) - len(find_indexed(server, NAME, load.written))
    return load, clock, stale


def outage(answers: Sequence[Answer]) -> float:
    """Return the seconds from the first failed or empty query to the next one that succeeds, in all."""
    total, since = 0.0, None
    for each in sorted(answers, key=lambda answer: answer.started):
        if not each.results and since is None:
            since = each.started
        elif each.results and since is not None:
            total, since = total + each.started - since, None
    return total


def row(name: str, load: Load, clock: Clock, stale: int) -> list[str]:
    """Return a row of the table."""

    def percentile(part: str) -> str:
        seconds = [each.seconds for each in load.between(*clock.parts[part])]
        return f"{1000 * float(np.percentile(seconds, 99)):.1f}" if seconds else "-"

    until_rollback = [each for each in load.answers if each.started < clock.parts["rollback"][0]]
    around = load.between(*clock.switched) if clock.switched else []
    took = clock.parts["switch"][1] - clock.parts["during"][0]
    return [
        name,
        f"{took:.1f}",
        f"{len(until_rollback):,}",
        f"{sum(bool(each.error) for each in until_rollback):,}",
        f"{sum(not each.error and not each.results for each in until_rollback):,}",
        f"{outage(until_rollback):.2f}",
        str(stale),
        *(percentile(part) for part in ("before", "during", "after")),
        f"{1000 * max(each.seconds for each in around):.1f}" if around else "-",
    ]


CASES: Final[Sequence[tuple[str, str, str, dict[str, Any]]]] = (
    ("shadow, FLAT → HNSW", "FLAT", "shadow", HNSW),
    ("alter, two fields", "FLAT", "alter", FIELDS),
    ("drop_recreate, FLAT → HNSW", "FLAT", "drop_recreate", HNSW),
)


def main() -> None:
    """Run the measurement and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, default=EXAMPLE / "vectors.npy")
    parser.add_argument("--entries", type=Path, default=EXAMPLE / "documents.jsonl")
    chosen = parser.parse_args()
    source = Entries.read(chosen.vectors, chosen.entries)
    measured: list[list[str]] = []
    with EmbeddedServer(tcp=True) as embedded, connect(embedded.url) as server:
        for name, algorithm, mode, changes in CASES:
            create(server, source, algorithm=algorithm)
            measured.append(row(name, *migrate(server, embedded.url, source, mode, changes)))
    titles = (
        *("Migration", "Took, s", "Queries", "Errors", "Empty", "Outage, s", "Not found"),
        *("p99 before, ms", "during", "after", "Longest at the switch, ms"),
    )
    table = Table(*titles, title=f"{len(source.vectors):,} documents, {source.vectors.shape[1]} dimensions")
    for each in measured:
        table.add_row(*each)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
