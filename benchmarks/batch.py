"""Migrate fifty indexes of a thousand documents: kill the batch, resume it, roll it back; then migrate in parallel.

``python benchmarks/batch.py`` uses a private server. Every step compares all documents and definitions.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from fieldfare.definition import Storage
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.inspect import list_indexes, read_definition, read_stats
from fieldfare.testing.commandline import CommandLine
from fieldfare_batch.overlap import Keyspace, connected_groups, find_overlaps

T = TypeVar("T")

KILLED: Final = -9
PATCH: Final = "version: 1\nchanges:\n  update_fields: [{name: embedding, attrs: {datatype: float16}}]\n"
APPLY: Final = ("batch-apply", "--backup-dir", "backups", "--accept-data-loss")


def main() -> None:
    """Run everything and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indexes", type=int, default=50)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--parallel", type=int, nargs="*", default=[1, 2, 4])
    options = parser.parse_args()
    compare_overlaps()
    with EmbeddedServer(tcp=True) as embedded, connect(embedded.url) as server:
        timed("load", lambda: load(server, options.indexes, options.documents, options.dims))
        original = digest(server, options.documents)
        with tempfile.TemporaryDirectory() as directory:
            crash(CommandLine(embedded.url, Path(directory)), options.indexes)
            expect(digest(server, options.documents) == original, "every byte is what it was")
        for parallel in options.parallel:
            with tempfile.TemporaryDirectory() as directory:
                line = CommandLine(embedded.url, Path(directory))
                apply_in_parallel(line, parallel)
            expect(digest(server, options.documents) == original, "every byte is what it was")


def crash(line: CommandLine, indexes: int) -> None:
    """Plan, kill in the middle, resume, kill the rollback, resume it."""
    timed("plan", lambda: plan(line))
    middle = f"rewrite:started:{indexes // 2}"
    expect(line(*APPLY, crash_at=middle, timeout=600).code == KILLED, f"killed at {middle}")
    timed("resume", lambda: run(line, "batch-resume", "--accept-data-loss"))
    expect(
        line("batch-rollback", crash_at=f"restore:started:{indexes // 2}", timeout=600).code == KILLED, "killed again"
    )
    timed("roll back the rest", lambda: run(line, "batch-rollback"))


def apply_in_parallel(line: CommandLine, parallel: int) -> None:
    """Migrate several indexes at the same time, and roll back."""
    plan(line)
    timed(f"apply, {parallel} at a time", lambda: run(line, *APPLY, "--parallel", str(parallel)))
    run(line, "batch-rollback")


def plan(line: CommandLine) -> None:
    """Make the batch plan."""
    (line.directory / "patch.yaml").write_text(PATCH)
    run(line, "batch-plan", "--pattern", "*", "--schema-patch", "patch.yaml")


def run(line: CommandLine, *arguments: str) -> None:
    """Run a command, which must succeed."""
    outcome = line(*arguments, timeout=600)
    expect(outcome.code == 0, f"{arguments[0]}: {outcome.stderr}")


def load(server: Server, indexes: int, documents: int, dims: int) -> None:
    """Create the indexes, each over a prefix of its own."""
    random = np.random.default_rng(50)
    for number in range(indexes):
        name = f"tenant_{number:04}"
        vectors = random.standard_normal((documents, dims)).astype("<f4")
        server.bulk([("HSET", f"{name}:{row}", "embedding", vectors[row].tobytes()) for row in range(documents)])
        server.command(
            *("FT.CREATE", name, "PREFIX", 1, f"{name}:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
            *("TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE"),
        )
    for name in list_indexes(server):
        while read_stats(server, name).num_docs < documents:
            time.sleep(0.05)


def digest(server: Server, documents: int) -> str:
    """Return a digest over all documents and definitions."""
    total = hashlib.sha256()
    for name in list_indexes(server):
        total.update(repr(read_definition(server, name)).encode())
        keys = [f"{name}:{row}" for row in range(documents)]
        total.update(repr(server.bulk([("HGET", key, "embedding") for key in keys])).encode())
    return total.hexdigest()


def compare_overlaps() -> None:
    """Time the overlap check of 2,000 indexes."""
    spaces = [Keyspace(f"i{n:04}", Storage.HASH, (b"tenant:%d:" % n, b"shared:%d:" % (n // 2))) for n in range(2000)]
    found = timed("2,000 indexes: find overlaps", lambda: list(find_overlaps(spaces)))
    groups = timed("2,000 indexes: divide into groups", lambda: connected_groups(spaces))
    expect(len(found) == len(groups) == 1000, "1,000 overlaps")  # noqa: PLR2004 - every two indexes share a prefix


def timed(what: str, work: Callable[[], T]) -> T:
    """Print how long some work took."""
    started = time.perf_counter()
    result = work()
    print(f"{what:<32} {time.perf_counter() - started:8.3f} s", flush=True)  # noqa: T201 - a script's output
    return result


def expect(fact: bool, what: str) -> None:  # noqa: FBT001 - a fact and its name
    """Stop if an expectation is not met."""
    if not fact:
        message = f"failed: {what}"
        raise SystemExit(message)


if __name__ == "__main__":
    main()
