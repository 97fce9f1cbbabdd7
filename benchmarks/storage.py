"""Measure one migration and its rollback with a backup in a directory, at a file:// URL, and in an S3-compatible store.

The store is moto's server, in a process of its own on this machine: requests, objects and bytes are those of any store,
seconds are not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.request import Request, urlopen

import numpy as np
from rich.console import Console
from rich.table import Table

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.storage import StoragePath, backup_location
from fieldfare.testing.indexing import wait_until_indexed

PATCH: Final = {"version": 1, "changes": {"update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}]}}
STORE: Final = """
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
MotoRequestHandler.log = lambda *_: None
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), True,
                     request_handler=MotoRequestHandler)
print(server.port, flush=True)
server.serve_forever()
"""


@contextmanager
def s3_store() -> Iterator[str]:
    """Start a store, and yield a URL in it."""
    with subprocess.Popen([sys.executable, "-c", STORE], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            endpoint = f"http://127.0.0.1:{int(process.stdout.readline())}"  # type: ignore[union-attr]
            os.environ |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
            os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
            with urlopen(Request(f"{endpoint}/backups", method="PUT")):  # noqa: S310 - ours
                yield "s3://backups/run"
        finally:
            process.kill()


def load(server: Server, documents: int, dims: int) -> MigrationPlan:
    """Create an index and its documents, and plan."""
    vector = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "articles", "ON", "HASH", "PREFIX", 1, "doc:", "SCHEMA", "vec", *vector)
    vectors = np.random.default_rng(1).standard_normal((documents, dims), dtype="<f4")
    for start in range(0, documents, 1000):
        rows = range(start, min(start + 1000, documents))
        server.bulk([("HSET", f"doc:{row}", "vec", vectors[row].tobytes()) for row in rows])
    wait_until_indexed(server)
    return MigrationPlanner().create_plan_from_patch("articles", schema_patch=PATCH, server=server)


def measure(server: Server, plan: MigrationPlan, url: str) -> list[str]:
    """Migrate and roll back once; return seconds, requests, objects and bytes."""
    row = [url.partition("://")[0] if "://" in url else "directory"]
    for command in ("apply", "rollback"):
        location = backup_location(url)
        started = time.perf_counter()
        if command == "apply":
            MigrationExecutor().apply(plan, server=server, backup_dir=location)
        else:
            MigrationExecutor().rollback(server=server, backup_dir=location)
        row.append(f"{time.perf_counter() - started:.1f} s")
        if isinstance(location, StoragePath):
            row.append(", ".join(f"{count} {what}" for what, count in sorted(location.storage.requests.items())))
            if command == "apply":
                filesystem, root = location.storage.open()
                found = filesystem.find(root, detail=True).values()
                row.append(f"{len(found)}, {sum(each['size'] for each in found) / 1e6:,.0f} MB")
        else:
            row += ["-"] * (2 if command == "apply" else 1)
    return row


def main() -> None:
    """Measure all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--dims", type=int, default=384)
    options = parser.parse_args()
    table = Table("backup in", "apply", "requests", "objects", "rollback", "requests")
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        store = stack.enter_context(s3_store())
        server = stack.enter_context(connect(stack.enter_context(EmbeddedServer(tcp=True)).url))
        plan = load(server, options.documents, options.dims)
        for url in (f"{directory}/path", f"file://{directory}/url", store):
            table.add_row(*measure(server, plan, url))
    Console(width=160).print(f"{options.documents:,} documents of {options.dims} float32 values", table)


if __name__ == "__main__":
    main()
