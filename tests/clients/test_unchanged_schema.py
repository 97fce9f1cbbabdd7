"""The schema file of an index that RedisVL created asks for nothing.

``make clients`` runs this: RedisVL has an environment of its own, and is never imported here.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis import note as show

from fieldfare.api import MigrationPlanner
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.support.yamlfile import dump_yaml
from fieldfare.testing.servers import clear

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.server import Server

PYTHON = os.environ.get("REDISVL") or None
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="REDISVL does not name the Python of an environment with RedisVL (make clients does)"
)
EXAMPLES = 300

UNREAD = {"phonetic_matcher", "ef_runtime", "epsilon", "block_size", "search_window_size"}
"""Attributes that RedisVL does not read from a live index: its file of one says that they are at their default."""

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True) | st.sampled_from(["größe", "a b", "a-b", "type"])
words = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
booleans = st.booleans()
lexical: dict[str, st.SearchStrategy[Any]] = {"sortable": booleans, "index_missing": booleans, "no_index": booleans}
textual: dict[str, st.SearchStrategy[Any]] = {"withsuffixtrie": booleans, "index_empty": booleans}
ATTRIBUTES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "text": lexical
    | textual
    | {
        "weight": st.sampled_from([0.5, 1, 1.0, 2]),
        "no_stem": booleans,
        "unf": booleans,
        "phonetic_matcher": st.sampled_from([None, "dm:en", "dm:fr", "dm:pt", "dm:es"]),
    },
    "tag": lexical | textual | {"separator": st.sampled_from([",", ";", "|", " "]), "case_sensitive": booleans},
    "numeric": lexical | {"unf": booleans},
    "geo": lexical,
}
VECTORS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "flat": {"block_size": st.none() | st.integers(1, 2000)},
    "hnsw": {
        "m": st.integers(2, 64),
        "ef_construction": st.integers(1, 300),
        "ef_runtime": st.integers(1, 100),
        "epsilon": st.sampled_from([0.01, 0.5, 1]),
    },
    "svs-vamana": {
        "graph_max_degree": st.integers(1, 64),
        "construction_window_size": st.integers(1, 300),
        "search_window_size": st.integers(1, 100),
        "epsilon": st.sampled_from([0.01, 0.5]),
        "compression": st.sampled_from([None, "LVQ8", "LVQ4"]),
    },
}


@st.composite
def some_of(draw: st.DrawFn, options: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Draw a value for some of the options; the others keep RedisVL's defaults."""
    return {key: draw(values) for key, values in options.items() if draw(st.booleans())}


@st.composite
def vectors(draw: st.DrawFn, algorithms: tuple[str, ...]) -> dict[str, Any]:
    algorithm = draw(st.sampled_from(algorithms))
    datatypes = ["float16", "FLOAT32"] if algorithm == "svs-vamana" else ["float64", "FLOAT32", "float16", "bfloat16"]
    common: dict[str, st.SearchStrategy[Any]] = {
        "datatype": st.sampled_from(datatypes),
        "distance_metric": st.sampled_from(["cosine", "L2", "ip"]),
        "initial_cap": st.none() | st.integers(0, 100),
    }
    chosen = draw(some_of(common | VECTORS[algorithm]))
    return {"algorithm": algorithm, "dims": draw(st.integers(1, 64)), **chosen}


@st.composite
def fields(draw: st.DrawFn, storage: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
    kind = draw(st.sampled_from([*ATTRIBUTES, "vector"]))
    name = draw(names)
    attrs: dict[str, Any] = draw(vectors(algorithms) if kind == "vector" else some_of(ATTRIBUTES[kind]))
    if attrs.get("no_index"):
        attrs["sortable"] = True  # or RedisVL refuses
    field: dict[str, Any] = {"name": name, "type": kind}
    if storage == "json" and (not name.isidentifier() or not name.isascii() or draw(st.booleans())):
        field["path"] = draw(st.sampled_from(["$.{}", "$.deep.{}", "$.{}[*]"])).format(name.encode().hex())
    if attrs:
        field["attrs"] = attrs
    return field


@st.composite
def schemas(draw: st.DrawFn, algorithms: tuple[str, ...]) -> dict[str, Any]:
    storage = draw(st.sampled_from(["hash", "json"]))
    options: dict[str, st.SearchStrategy[Any]] = {
        "prefix": words | st.lists(words, min_size=1, max_size=3, unique=True),
        "key_separator": st.sampled_from([":", "/", ""]),
        "stopwords": st.none() | st.lists(words, max_size=3, unique=True),
    }
    some = draw(st.lists(fields(storage, algorithms), min_size=1, max_size=6, unique_by=lambda field: field["name"]))
    index = {"name": draw(words), "storage_type": storage, **draw(some_of(options))}
    return {"version": "0.1.0", "index": index, "fields": some}


class RedisVL:
    """RedisVL, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process, self._url = process, url

    def create(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Create an index; return what RedisVL makes of its schema."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"url": self._url, "schema": schema}), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def redisvl(redis_url: str) -> Iterator[RedisVL]:
    """Start RedisVL."""
    script = Path(__file__).with_name("redisvl_create.py")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(PYTHON), str(script)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield RedisVL(process, redis_url)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """Load the plugins once."""
    return load_plugins()


@settings(max_examples=EXAMPLES, print_blob=True)
@given(data=st.data())
def test_the_file_of_an_index_that_redisvl_created_asks_for_nothing(
    data: st.DataObject, redisvl: RedisVL, plugins: Plugins, server: Server, tmp_path: Path
) -> None:
    clear(server)
    algorithms = ("flat", "hnsw", "svs-vamana") if server.capabilities.has_svs else ("flat", "hnsw")
    schema = data.draw(schemas(algorithms))
    answer = redisvl.create(schema)
    if "error" in answer:  # what RedisVL and the server do not create is not asked of us
        show(answer["error"])
        return
    given_out = [dump_yaml(schema), answer["written"]]
    if not any(UNREAD.intersection(field.get("attrs", {})) for field in schema["fields"]):
        given_out.append(answer["read"])
    for number, text in enumerate(given_out):
        show(text)
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        name = schema["index"]["name"]
        plan = MigrationPlanner(plugins=plugins).create_plan(name, target_schema_path=path, server=server)
        assert plan.changes == ()
        assert plan.steps == ()
