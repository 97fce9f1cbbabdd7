"""Migrate 50,000 documents under an event loop that beats every 10 ms, and print how late the worst beat came.

A beat is late when the loop's thread gets no processor, or not Python's global lock: run this on a machine that is
otherwise idle. Python's own garbage collection holds that lock too, so its longest pause stands beside the worst
slip.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np
from attrs import define, field
from rich.console import Console
from rich.table import Table

from fieldfare.api.asynchronous import AsyncMigrationExecutor, AsyncMigrationPlanner
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.inspect import read_stats

BEAT: Final = 0.01
INDEX: Final = "heartbeat"
ROWS: Final = 500


@define
class Collections:
    """How long Python collected garbage each time, in seconds."""

    pauses: list[float] = field(factory=list)
    _started: float = 0.0

    def note(self, phase: str, _facts: dict[str, int]) -> None:
        """Take the time; for ``gc.callbacks``."""
        if phase == "start":
            self._started = time.perf_counter()
        else:
            self.pauses.append(time.perf_counter() - self._started)


@define
class Heart:
    """How late each beat came, in seconds."""

    slips: list[float] = field(factory=list)

    async def beat(self) -> None:
        """Beat until cancelled."""
        before = time.perf_counter()
        while True:
            await asyncio.sleep(BEAT)
            now = time.perf_counter()
            self.slips.append(now - before - BEAT)
            before = now


def load(server: Server, documents: int, dims: int) -> None:
    """Put documents and index on a server, and wait until they are indexed."""
    random = np.random.default_rng(1)
    for start in range(0, documents, ROWS):
        vectors = random.standard_normal((ROWS, dims)).astype("<f4")
        server.bulk([("HSET", f"doc:{start + row}", "vec", vectors[row].tobytes()) for row in range(ROWS)])
    server.command(
        *("FT.CREATE", INDEX, "PREFIX", 1, "doc:", "SCHEMA", "vec", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE"),
    )
    while read_stats(server, INDEX).percent_indexed < 1.0:
        pass


async def measure(table: Table, name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Await something under a heartbeat, and add a row with what became of it."""
    heart, collections = Heart(), Collections()
    gc.callbacks.append(collections.note)
    beating = asyncio.create_task(heart.beat())
    started = time.perf_counter()
    await work()
    seconds = time.perf_counter() - started
    await asyncio.sleep(2 * BEAT)  # the beat that was due counts too
    beating.cancel()
    gc.callbacks.remove(collections.note)
    figures = (float(np.median(heart.slips)), max(heart.slips), max(collections.pauses, default=0.0))
    table.add_row(name, f"{seconds:.2f} s", str(len(heart.slips)), *(f"{figure * 1000:.1f} ms" for figure in figures))


async def migrate(table: Table, url: str, backup_dir: str, batch_size: int) -> None:
    """Plan, apply and roll back."""
    planner, executor = AsyncMigrationPlanner(), AsyncMigrationExecutor()
    patch = {"version": 1, "changes": {"update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}]}}
    plan = await planner.create_plan_from_patch(INDEX, schema_patch=patch, redis_url=url)
    await measure(table, "nothing, for 3 seconds", lambda: asyncio.sleep(3))
    await measure(table, "plan", lambda: planner.create_plan_from_patch(INDEX, schema_patch=patch, redis_url=url))
    await measure(
        table,
        "apply",
        lambda: executor.apply(plan, redis_url=url, backup_dir=backup_dir, batch_size=batch_size),
    )
    await measure(table, "rollback", lambda: executor.rollback(redis_url=url, backup_dir=backup_dir))


def main() -> None:
    """Run the measurement and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--batch-size", type=int, default=500)
    chosen = parser.parse_args()
    table = Table("What", "Took", "Beats", "Median slip", "Worst slip", "Longest collection")
    with EmbeddedServer(tcp=True) as embedded, tempfile.TemporaryDirectory() as backup_dir:
        with connect(embedded.url) as server:
            load(server, chosen.documents, chosen.dims)
        asyncio.run(migrate(table, embedded.url, backup_dir, chosen.batch_size))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
