"""Measure fieldfare and RedisVL on the same migrations, on one private server, in one run; print ratios.

RedisVL runs in an environment of its own: ``python benchmarks/compare.py --redisvl /path/to/its/bin/python``.
Each case is loaded anew before each run, runs alternate, and the best of several counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import frozen
from rich.console import Console
from rich.table import Table

from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.testing.indexing import wait_until_indexed

DRIVER = Path(__file__).with_name("migrate_once.py")
INDEX = "bench"


@frozen
class Case:
    """One migration.

    Attributes:
        name: for the table.
        load: puts documents and index on a server.
        patch: what is migrated.
        ours: prefix of the step whose own time is compared; "" for the client's work in all.
        theirs: RedisVL's timing to compare it with.
    """

    name: str
    load: Callable[[Server], None]
    patch: str
    ours: str = ""
    theirs: str = ""


def load_vectors(count: int, dims: int) -> Callable[[Server], None]:
    """Return a loader of documents with one float32 vector each, under a FLAT index."""

    def load(server: Server) -> None:
        random = np.random.default_rng(1)
        for start in range(0, count, 500):
            vectors = random.standard_normal((500, dims)).astype("<f4")
            server.bulk([("HSET", f"doc:{start + row}", "vec", vectors[row].tobytes()) for row in range(500)])
        server.command(
            *("FT.CREATE", INDEX, "PREFIX", 1, "doc:", "SCHEMA", "vec", "VECTOR", "FLAT", 6),
            *("TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE"),
        )

    return load


def load_texts(count: int) -> Callable[[Server], None]:
    """Return a loader of documents with three short fields."""

    def load(server: Server) -> None:
        for start in range(0, count, 500):
            rows = range(start, start + 500)
            server.bulk(
                [("HSET", f"doc:{row}", "title", f"title {row}", "kind", "a", "year", row % 50) for row in rows]
            )
        server.command(
            *("FT.CREATE", INDEX, "PREFIX", 1, "doc:"),
            *("SCHEMA", "title", "TEXT", "kind", "TAG", "year", "NUMERIC"),
        )

    return load


CASES = (
    Case(
        "float32 -> float16, 50,000 x 768, FLAT",
        load_vectors(50_000, 768),
        "update_fields: [{name: vec, attrs: {datatype: float16}}]",
    ),
    Case(
        "rename a field, 100,000 documents",
        load_texts(100_000),
        "rename_fields: [{old_name: kind, new_name: sort}]",
        "rename.",
        "field_rename_duration_seconds",
    ),
    Case(
        "move a prefix, 100,000 documents",
        load_texts(100_000),
        "index: {prefix: 'article:'}",
        "prefix.",
        "key_rename_duration_seconds",
    ),
)


def run(python: str, module: str, server: Server, case: Case, url: str) -> dict[str, object]:
    """Load a case and carry it out in a process of its own."""
    server.client.flushall()
    case.load(server)
    wait_until_indexed(server, INDEX)  # so that no run pays for another's loading
    with tempfile.TemporaryDirectory() as directory:
        patch = Path(directory) / "patch.yaml"
        patch.write_text(f"version: 1\nchanges:\n  {case.patch}\n")
        command = [python, str(DRIVER), module, url, INDEX, str(patch), f"{directory}/backup"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our driver
    figures: dict[str, object] = json.loads(output.splitlines()[-1])
    if figures["result"] != "succeeded":
        raise SystemExit(f"{module}: {case.name}: {figures['result']}")
    return figures


def measured(figures: dict[str, object], case: Case, *, ours: bool) -> float:
    """Return the seconds to compare: a phase of its own, or all but the server's indexing."""
    timings: dict[str, float] = figures["timings"]  # type: ignore[assignment]  # as the driver writes it
    steps: dict[str, float] = figures["steps"]  # type: ignore[assignment]
    if case.ours and ours:
        return sum(seconds for step, seconds in steps.items() if step.startswith(case.ours))
    if case.theirs and not ours:
        return timings[case.theirs]
    indexing = "index_duration_seconds" if ours else "initial_indexing_duration_seconds"
    return float(figures["seconds"]) - timings.get(indexing, 0.0)  # type: ignore[arg-type]


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redisvl", required=True, help="python of an environment with redisvl")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="run the cases whose names contain this")
    chosen = parser.parse_args()
    table = Table("Migration", "Compared", "fieldfare", "RedisVL", "Ratio", "Peak MiB, ours / theirs")
    with EmbeddedServer(tcp=True) as embedded, connect(embedded.url) as server:
        for case in (each for each in CASES if chosen.only in each.name):
            best: dict[bool, float] = {}
            peak: dict[bool, float] = {}
            for ours in (True, False) * chosen.rounds:
                python, module = (sys.executable, "fieldfare.api") if ours else (chosen.redisvl, "redisvl.migration")
                figures = run(python, module, server, case, embedded.url)
                best[ours] = min(best.get(ours, float("inf")), measured(figures, case, ours=ours))
                peak[ours] = float(figures["peak_mib"])  # type: ignore[arg-type]
            compared = "the step" if case.ours else "all but indexing"
            ratio = f"{best[False] / best[True]:.1f} x"
            peaks = f"{peak[True]:.0f} / {peak[False]:.0f}"
            table.add_row(case.name, compared, f"{best[True]:.2f} s", f"{best[False]:.2f} s", ratio, peaks)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
