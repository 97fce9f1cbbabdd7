"""Each page, typed into a shell from top to bottom: every line works, or a table says why nobody types it.

``make test`` types into the environment of the tests; ``make torture`` into a bare one, with a fieldfare that was just
installed and a home directory that is empty.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from fieldfare.server import Server
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.servers import clear
from installed_copy import install_copy
from otlp_receiver import receiving
from pages import PAGES, ROOT, blocks, page_name, shell_lines
from reader import Reader, at_a_shell
from s3_store import s3_store
from typed_pages import AGAIN, FLOAT16, NOT_TYPED, TypedPage, is_typed, typed_page

SCHEMA = """\
index: {name: articles, prefix: doc, storage_type: hash}
fields:
  - {name: title, type: text}
  - {name: year, type: numeric}
  - {name: embedding, type: vector, attrs: {algorithm: flat, dims: 4, distance_metric: cosine, datatype: float16}}
"""
TORTURE = bool(os.environ.get("TORTURE"))
EXTRAS = "[dask,embedded,metrics,otel,s3]"
QUERIES = "queries: [{query: owl}]\n"
CATEGORIES = ("tools", "owls", "gulls")
DIMS = 4
TYPED = [page for page in PAGES if any(map(is_typed, shell_lines(page)))]


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Install fieldfare once for all workers, from a copy of the repository, if there is time for that."""
    if not TORTURE:
        return None
    directory = tmp_path_factory.getbasetemp().parent / "installed"
    with FileLock(f"{directory}.lock"):
        return install_copy(directory, EXTRAS)


@pytest.fixture
def reader(redis_url: str, programs: Path | None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Reader]:
    lines = "\n".join(shell_lines(request.getfixturevalue("page")))
    port = free_port()
    places = {
        "redis://localhost:6379": redis_url,
        "rediss://fieldfare:PASSWORD@redis:6379": redis_url,
        "scheduler:8786": f"127.0.0.1:{port}",
        "--port 8786": f"--host 127.0.0.1 --port {port}",
        "9464": free_port(),
        "--max-rate 500": "--max-rate 1",  # a run that has not ended when the next line is typed
        "examples/wordnet": str(ROOT / "examples" / "wordnet"),
        **{path: f"{tmp_path}/{path.rpartition('/')[2]}" for path in ("/var/lib/fieldfare", "/shared", "/tmp/pause")},  # noqa: S108 - replaced
    }
    environment: dict[str, str] = {}
    with ExitStack() as stack:
        if "://collector" in lines:
            places["http://collector:4318"] = stack.enter_context(receiving()).url
        if "s3://" in lines:
            store = stack.enter_context(s3_store())
            environment = store.environment
            places |= {
                "https://minio.example.org": environment["AWS_ENDPOINT_URL"],
                "s3://my-bucket/redis": store.url,
            }
        yield stack.enter_context(at_a_shell(Reader(redis_url, tmp_path, programs, places, environment)))


def prepare(page: Path, expected: TypedPage, server: Server, directory: Path) -> None:
    """Create the indexes that the page takes for granted, and the files that it shows."""
    queries = next((block for block in blocks(page, "yaml") if "queries:" in block), QUERIES)
    clear(server)
    for left in list(directory.iterdir()):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    vectors = np.random.default_rng(1).standard_normal((40, DIMS)).astype("<f4")
    more = ("category", "TAG") if "@category" in queries else ()
    fields = (*more, "title", "TEXT", "year", "NUMERIC", "embedding", "VECTOR", "FLAT", 6)
    for index, prefix in expected.indexes.items():
        for row, vector in enumerate(vectors):
            values = ("title", f"owl {row}", "category", CATEGORIES[row % 3], "year", 1930 + row)
            more_values = ("email", "ann@example.org", "embedding", vector.tobytes())
            server.command("HSET", f"{prefix}{row}", *values, *more_values)
        vector_type = ("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE")
        server.command("FT.CREATE", index, "PREFIX", 1, prefix, "SCHEMA", *fields, *vector_type)
        wait_until_indexed(server, index)
    shown = blocks(page, "yaml")[0] if expected.changes is None else None
    patch = shown or json.dumps({"version": 1, "changes": expected.changes})
    files = {
        "patch.yaml": patch,
        "quantize_patch.yaml": json.dumps({"version": 1, "changes": FLOAT16}),
        "queries.yaml": queries,
        "schema.yaml": SCHEMA,
        "vector.json": json.dumps(vectors[0].tolist()),
    }
    for toml in blocks(page, "toml"):
        (directory / "acme-redact").mkdir()
        files["acme-redact/pyproject.toml"] = toml
        files["acme-redact/acme_redact.py"] = blocks(page, "python")[0]
    for name, text in files.items():
        (directory / name).write_text(text)


def assert_restored(state: State, before: State) -> None:
    """Compare all documents, and the indexes, unless a name is an alias now: then the index has another one."""
    assert state[0] == before[0]
    assert state[1] == before[1] or state[1].keys() != before[1].keys()


@pytest.mark.parametrize("page", TYPED, ids=page_name)
def test_page_typed_from_top_to_bottom(page: Path, reader: Reader, server: Server) -> None:
    expected = typed_page(page_name(page))
    if expected.torture and not TORTURE:
        pytest.skip(f"TORTURE=1 runs it: {expected.torture}")
    waiting = [AGAIN, *filter(is_typed, shell_lines(page))]
    further = dict(expected.before)
    while waiting:
        line = waiting[0]
        start = next((start for start in further if line.startswith(start)), None)
        if start is not None:
            waiting[:0] = further.pop(start)
        elif waiting.pop(0) == AGAIN:
            reader.finish()
            prepare(page, expected, server, reader.directory)
            before = read_state(server)
            waiting[:0] = expected.first
        else:
            reader.type(line)
            if "rollback" in line.split():
                assert_restored(read_state(server), before)
    assert not further, "lines of the table that are not on the page"


def test_every_line_that_is_not_typed_is_on_a_page() -> None:
    lines = [line for page in PAGES for line in shell_lines(page)]
    assert [start for start in NOT_TYPED if not any(f"{line} ".startswith(start) for line in lines)] == []
