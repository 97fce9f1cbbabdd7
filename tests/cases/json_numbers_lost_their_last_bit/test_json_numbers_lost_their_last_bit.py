"""A rollback brought JSON documents back, and one number in a thousand was another one in its last bit.

Redis does not read every number as it writes it: see ``fieldfare.server.json_numbers``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import Claim, Step
from fieldfare.server import Server

COUNT = 50


class Negation:
    """Changes the sign of all numbers of a field."""

    @hookimpl
    def fieldfare_classify(self, change: Change) -> Claim | None:
        """Claim what is asked for."""
        return Claim.supported(rewrites_documents=True) if isinstance(change, CustomChange) else None

    @hookimpl
    def fieldfare_plan_steps(self) -> list[Step]:
        """Rewrite one field."""
        return [Step.rewrite("test.negate", ["$.numbers"])]

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Batch:
        """Negate."""
        values = ([-number for number in json.loads(value or b"")] for value in batch["$.numbers"])
        return batch.replace("$.numbers", [json.dumps(each).encode() for each in values])


def texts(server: Server) -> list[bytes]:
    """Read all documents."""
    found: list[bytes] = server.bulk([("JSON.GET", f"doc:{row}") for row in range(COUNT)])
    return found


def test_numbers_come_back_to_the_last_bit(server: Server, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    numbers = random.standard_normal((COUNT, 200)) * 10.0 ** random.integers(-30, 3, (COUNT, 200))
    server.bulk(
        [("JSON.SET", f"doc:{row}", "$", json.dumps({"numbers": each})) for row, each in enumerate(numbers.tolist())]
    )
    server.command("FT.CREATE", "idx", "ON", "JSON", "PREFIX", 1, "doc:", "SCHEMA", "$.name", "AS", "name", "TAG")
    before = texts(server)

    plugins = load_plugins(blocked=["acme_redact"])
    plugins.register(Negation(), "test", "1")
    patch = {"version": 1, "changes": {"custom": [{"kind": "test.negate"}]}}
    plan = MigrationPlanner(plugins=plugins).create_plan_from_patch("idx", schema_patch=patch, server=server)
    executor = MigrationExecutor(plugins=plugins)
    report = executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=20)

    assert report.notes == (), "nobody else wrote"
    read = [json.loads(text)["numbers"] for text in texts(server)]
    assert read == [[-number for number in json.loads(text)["numbers"]] for text in before]

    report = executor.rollback(server=server, backup_dir=tmp_path)
    assert report.notes == (), "nobody else wrote"
    assert texts(server) == before
