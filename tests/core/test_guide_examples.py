"""Python that was written for RedisVL's migrator runs here, with only its imports changed.

The example of a batch is in ``tests/plugins/batch/test_batch_api.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from fieldfare.server import Server
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.vectors import direction

PATCH: Final = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
COUNT: Final = 60

Run: TypeAlias = Callable[[str], None]

PLAIN: Final = """\
from fieldfare.migration import MigrationPlanner, MigrationExecutor

planner = MigrationPlanner()
plan = planner.create_plan(
    "myindex",
    redis_url="redis://localhost:6379",
    schema_patch_path="schema_patch.yaml",
)

executor = MigrationExecutor()
report = executor.apply(
    plan,
    redis_url="redis://localhost:6379",
    backup_dir="/tmp/migration_backups",
)
print(f"Migration result: {report.result}")
"""

TUNED: Final = """\
from fieldfare.migration import MigrationPlanner, MigrationExecutor

plan = MigrationPlanner().create_plan(
    "myindex",
    redis_url="redis://localhost:6379",
    schema_patch_path="schema_patch.yaml",
)
executor = MigrationExecutor()

report = executor.apply(
    plan,
    redis_url="redis://localhost:6379",
    backup_dir="/tmp/migration_backups",  # enables crash-safe resume
    batch_size=500,                       # keys per pipeline batch
    num_workers=4,                        # parallel quantization workers
)
print(f"Quantized in {report.timings.quantize_duration_seconds}s")
"""

ASYNCHRONOUS: Final = """\
import asyncio
from fieldfare.migration import AsyncMigrationPlanner, AsyncMigrationExecutor

async def migrate():
    planner = AsyncMigrationPlanner()
    plan = await planner.create_plan(
        "myindex",
        redis_url="redis://localhost:6379",
        schema_patch_path="schema_patch.yaml",
    )

    executor = AsyncMigrationExecutor()
    report = await executor.apply(
        plan,
        redis_url="redis://localhost:6379",
        backup_dir="/tmp/migration_backups",
        num_workers=4,
    )
    print(f"Migration result: {report.result}")

asyncio.run(migrate())
"""

ROLLBACK: Final = """\
from fieldfare.backup import VectorBackup
import redis

r = redis.from_url("redis://localhost:6379")
backup = VectorBackup.load("/tmp/backups/migration_backup_myindex")

for keys, originals in backup.iter_batches():
    pipe = r.pipeline(transaction=False)
    for key in keys:
        if key in originals:
            for field_name, original_bytes in originals[key].items():
                pipe.hset(key, field_name, original_bytes)
    pipe.execute()

print("Rollback complete")
"""


def load(server: Server, index: str, prefix: str) -> None:
    server.bulk([("HSET", f"{prefix}{row}", "embedding", direction(row)) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", index, "PREFIX", 1, prefix, "SCHEMA", "embedding", "VECTOR", "HNSW", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "COSINE"),
    )


@pytest.fixture
def run(redis_url: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run examples of the guide; the places that they name are others here."""
    del server  # emptied
    monkeypatch.chdir(tmp_path)
    Path("schema_patch.yaml").write_text(PATCH)
    backups = str(tmp_path / "backups")
    places = {
        "redis://localhost:6379": redis_url,
        "/tmp/migration_backups": backups,  # noqa: S108 - as the guide writes it
        "/tmp/backups": backups,  # noqa: S108 - likewise
    }

    def run(example: str) -> None:
        for name, place in places.items():
            example = example.replace(name, place)
        exec(compile(example, "guide.py", "exec"), {"__name__": "guide"})  # noqa: S102 - that is what is tested

    return run


@pytest.mark.parametrize(
    ("example", "printed"),
    [(PLAIN, "Migration result: succeeded"), (TUNED, "Quantized in "), (ASYNCHRONOUS, "Migration result: succeeded")],
    ids=["plain", "tuned", "async"],
)
def test_migrate_and_roll_back(
    example: str, printed: str, run: Run, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    load(server, "myindex", "doc:")
    before, definition = database_digest(server), index_state(server)["myindex"][0]
    run(example)
    assert printed in capsys.readouterr().out
    assert server.command("HGET", "doc:7", "embedding") == direction(7, "e")
    assert index_state(server)["myindex"][0] != definition

    run(ROLLBACK)
    assert "Rollback complete" in capsys.readouterr().out
    assert database_digest(server) == before
