"""A whole schema as the request: what RedisVL wrote is taken as it is, and what is asked for is what is live then."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import evolve

from fieldfare.api import MigrationPlanner
from fieldfare.changes import UpdateField
from fieldfare.changes.diff import changes_from_schema
from fieldfare.cli.app import run
from fieldfare.definition import IndexDefinition, Storage
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.schema import from_schema
from fieldfare.patch.target_schema import with_unnamed_values
from fieldfare.plan.file import load_plan
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition, read_stats
from fieldfare.support.yamlfile import dump_yaml, parse_yaml
from fieldfare.testing.digest import database_digest, index_state

DIMS = 4
COUNT = 30
ARTICLES: dict[Storage, str] = {
    Storage.HASH: """\
index:
  name: articles
  prefix: article
  key_separator: ':'
  storage_type: hash
fields:
- name: title
  type: text
  attrs:
    sortable: true
    index_missing: false
    no_index: false
    weight: 2.0
    no_stem: false
    withsuffixtrie: false
    index_empty: false
    unf: false
- name: kind
  type: tag
  attrs:
    sortable: false
    index_missing: false
    no_index: false
    separator: '|'
    case_sensitive: false
    withsuffixtrie: false
    index_empty: false
- name: year
  type: numeric
  attrs:
    sortable: false
    index_missing: false
    no_index: false
    unf: false
- name: place
  type: geo
  attrs:
    sortable: false
    index_missing: false
    no_index: false
- name: embedding
  type: vector
  attrs:
    dims: 4
    algorithm: hnsw
    datatype: float32
    distance_metric: cosine
    index_missing: false
    m: 16
    ef_construction: 200
    ef_runtime: 10
    epsilon: 0.01
version: 0.1.0
"""
}
"""What ``IndexSchema.to_yaml`` of RedisVL 0.28 writes."""
ARTICLES[Storage.JSON] = ARTICLES[Storage.HASH].replace("storage_type: hash", "storage_type: json")
for name, kind in (("title", "text"), ("kind", "tag"), ("year", "numeric"), ("place", "geo"), ("embedding", "vector")):
    ARTICLES[Storage.JSON] = ARTICLES[Storage.JSON].replace(
        f"- name: {name}\n  type: {kind}\n", f"- name: {name}\n  type: {kind}\n  path: $.{name}\n"
    )

PATHS = {Storage.HASH: "", Storage.JSON: "$."}
Articles: TypeAlias = dict[str, Any]
Target: TypeAlias = Callable[[Articles], None]


@pytest.fixture(params=list(Storage))
def storage(request: pytest.FixtureRequest) -> Storage:
    """Take hashes, then JSON."""
    return Storage(request.param)


@pytest.fixture
def articles(server: Server, storage: Storage) -> Server:
    """The index as RedisVL creates it from this file, and documents."""
    at = PATHS[storage]
    for n in range(COUNT):
        vector = [math.cos(n), math.sin(n), math.cos(2 * n), 0.5]
        document: dict[str, Any] = {"title": f"title {n}", "kind": "ab"[n % 2], "year": n, "place": "1,2"}
        if storage is Storage.HASH:
            document["embedding"] = struct.pack(f"<{DIMS}f", *vector)
            server.command("HSET", f"article:{n}", *(part for pair in document.items() for part in pair))
        else:
            server.command("JSON.SET", f"article:{n}", "$", json.dumps({**document, "embedding": vector}))
    server.command(
        *("FT.CREATE", "articles", "ON", storage.upper(), "PREFIX", 1, "article", "SCORE", "1.0", "SCHEMA"),
        *(f"{at}title", "AS", "title", "TEXT", "WEIGHT", "2.0", "SORTABLE"),
        *(f"{at}kind", "AS", "kind", "TAG", "SEPARATOR", "|"),
        *(f"{at}year", "AS", "year", "NUMERIC"),
        *(f"{at}place", "AS", "place", "GEO"),
        *(f"{at}embedding", "AS", "embedding", "VECTOR", "HNSW", 14, "TYPE", "FLOAT32", "DIM", DIMS),
        *("DISTANCE_METRIC", "COSINE", "M", 16, "EF_CONSTRUCTION", 200, "EF_RUNTIME", 10, "EPSILON", "0.01"),
    )
    return server


class Program:
    """The program, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command that must end with this code; return all that it wrote."""
        self._capsys.readouterr()
        ended = run(arguments)
        out, err = self._capsys.readouterr()
        assert ended == code, out + err
        return out + err

    def plan(self, text: str, code: int = 0) -> str:
        """Plan a migration to the schema in this file."""
        Path("target.yaml").write_text(text)
        return self("plan", "--index", "articles", "--target-schema", "target.yaml", code=code)


@pytest.fixture
def fieldfare(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    return Program(capsys)


def edited(storage: Storage, edit: Target) -> str:
    """Return the file after an edit."""
    data = parse_yaml(ARTICLES[storage], "articles.yaml").data
    edit(data)
    return dump_yaml(data)


def field(target: Articles, name: str) -> dict[str, Any]:
    """Return the mapping of one field."""
    found: dict[str, Any] = next(each for each in target["fields"] if each["name"] == name)
    return found


@pytest.mark.usefixtures("articles")
def test_the_file_of_the_index_asks_for_nothing(fieldfare: Program, storage: Storage) -> None:
    assert "No changes: the index matches the target." in fieldfare.plan(ARTICLES[storage])
    backwards = edited(storage, lambda target: target["fields"].reverse())
    assert "No changes" in fieldfare.plan(backwards)


def retune(target: Articles) -> None:
    """Change attributes, in other spellings than the server's."""
    field(target, "title")["attrs"] = {"weight": 1}
    field(target, "kind")["attrs"].update(separator=";", sortable=True)
    field(target, "embedding")["attrs"] = {"dims": DIMS, "algorithm": "FLAT", "distance_metric": "L2"}


def refit(target: Articles) -> None:
    """Add, remove, and quantize."""
    target["fields"] = [each for each in target["fields"] if each["name"] not in {"year", "place"}]
    target["fields"].append({"name": "author", "type": "tag", "attrs": {"case_sensitive": True}})
    field(target, "embedding")["attrs"].update(datatype="float16", distance_metric="ip")


def rename(target: Articles) -> None:
    """Give the index another name and other words to leave out."""
    target["index"].update(name="articles_v2", stopwords=["the", "a"])


def move(target: Articles) -> None:
    """Give the keys another prefix."""
    target["index"].update(prefix="post", key_separator="/")


@pytest.mark.parametrize("edits", [[retune], [refit], [rename], [move], [retune, refit, rename, move]])
def test_what_is_asked_for_is_what_is_live_then(
    fieldfare: Program, articles: Server, storage: Storage, edits: list[Target]
) -> None:
    def edit(target: Articles) -> None:
        for each in edits:
            each(target)

    text = edited(storage, edit)
    target = from_schema(parse_yaml(text, "target.yaml").data)
    target = with_unnamed_values(target, read_definition(articles, "articles"))
    before = (database_digest(articles), index_state(articles))
    assert "\nSupported\n" in fieldfare.plan(text)
    fieldfare("apply", "--plan", "migration_plan.yaml", "--backup-dir", "backups")
    live = read_definition(articles, target.name)
    assert find_mismatches(target, live) == ()
    assert read_stats(articles, target.name).num_docs == COUNT
    again = fieldfare("plan", "--index", target.name, "--target-schema", "target.yaml", "--plan-out", "again.yaml")
    assert "No changes" in again

    fieldfare("rollback", "--backup-dir", "backups", "--yes")
    assert (database_digest(articles), index_state(articles)) == before


def other_storage(target: Articles) -> None:
    """Want the other kind of documents."""
    target["index"]["storage_type"] = "json" if target["index"]["storage_type"] == "hash" else "hash"
    for each in target["fields"]:
        each.pop("path", None)


def other_dims(target: Articles) -> None:
    """Want longer vectors."""
    field(target, "embedding")["attrs"]["dims"] = 8


def another_vector(target: Articles) -> None:
    """Want vectors that no document has."""
    target["fields"].append({**field(target, "embedding"), "name": "image", "path": None})


def other_type(target: Articles) -> None:
    """Want numbers where there is text."""
    target["fields"][1] = {"name": "kind", "type": "numeric"}


def other_name(target: Articles) -> None:
    """Want a field called something else."""
    field(target, "year").update(name="published", path=None)


@pytest.mark.usefixtures("articles")
@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (other_storage, "documents have different data formats"),
        (other_dims, "changing vector dimensions requires re-embedding"),
        (another_vector, "a new vector field requires vectors for all documents"),
        (other_type, "values that were written as tag may not be valid as numeric"),
        (other_name, "looks like a rename"),
    ],
)
def test_what_cannot_be_done_is_blocked_with_its_reason(
    fieldfare: Program, storage: Storage, edit: Target, reason: str
) -> None:
    told = fieldfare.plan(edited(storage, edit), code=4)
    assert "Not supported\n" in told
    assert reason in told
    assert len(load_plan("migration_plan.yaml").blocked_reasons) == 1
    told = fieldfare("apply", "--plan", "migration_plan.yaml", "--backup-dir", "backups", code=4)
    assert reason in told


@pytest.mark.usefixtures("articles")
def test_all_that_is_wrong_with_a_file_is_told_with_its_lines(fieldfare: Program, storage: Storage) -> None:
    text = ARTICLES[storage].replace("prefix: article", "prefixes: article").replace("separator: '|'", "separator: ab")
    told = fieldfare.plan(text.replace("- name: year\n", "- nmae: year\n"), code=2)
    assert "line 3: index.prefixes: unknown key; did you mean 'prefix'?" in told
    assert "must be a single one-byte character, not 'ab'" in told
    assert "nmae: unknown key; did you mean 'name'?" in told
    assert not Path("migration_plan.yaml").exists()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("flags", [(), ("--schema-patch", "p.yaml", "--target-schema", "t.yaml")])
def test_it_is_a_patch_or_a_schema(fieldfare: Program, flags: tuple[str, ...]) -> None:
    told = fieldfare("plan", "--index", "articles", *flags, code=2)
    assert "--schema-patch" in told
    assert "--target-schema" in told


@pytest.mark.parametrize(("options", "kept"), [(("SEPARATOR", ","), ","), ((), None), (("SEPARATOR", ";"), ";")])
def test_a_tag_of_json_documents_keeps_its_separator(
    options: tuple[str, ...], kept: str | None, server: Server, tmp_path: Path
) -> None:
    """RedisVL sends ``SEPARATOR ,`` for a field whose schema has none; an index of another origin may have none."""
    server.command("FT.CREATE", "i", "ON", "JSON", "PREFIX", 1, "d:", "SCHEMA", "$.t", "AS", "t", "TAG", *options)
    schema = tmp_path / "schema.yaml"
    fields = "  - {name: t, type: tag, path: $.t}\n"
    schema.write_text(f"index: {{name: i, prefix: 'd:', storage_type: json}}\nfields:\n{fields}")
    unchanged = MigrationPlanner().create_plan("i", server=server, target_schema_path=schema)
    assert unchanged.changes == ()
    assert unchanged.steps == ()

    schema.write_text(schema.read_text() + "  - {name: new, type: tag, path: $.new}\n")
    plan = MigrationPlanner().create_plan("i", server=server, target_schema_path=schema)
    separators = {field.name: field.attrs.get("separator") for field in plan.target.fields}
    assert separators == {"t": kept, "new": ","}


@pytest.mark.parametrize("storage", list(Storage))
def test_a_file_without_a_prefix_keeps_the_prefixes(storage: Storage, server: Server, tmp_path: Path) -> None:
    """RedisVL's default is ``rvl``; an index of another origin has its own."""
    prefixes = ("rvl", "other:")
    server.command("FT.CREATE", "i", "ON", storage, "PREFIX", 2, *prefixes, "SCHEMA", "$.t", "AS", "t", "TEXT")
    schema = tmp_path / "schema.yaml"
    schema.write_text(
        f"index: {{name: i, storage_type: {storage}}}\n"
        "fields:\n  - {name: t, type: text, path: $.t, attrs: {sortable: true}}\n"
    )
    plan = MigrationPlanner().create_plan("i", server=server, target_schema_path=schema)
    assert plan.target.prefixes == prefixes
    assert [str(change) for change in plan.changes] == ["field 't': sortable: no → yes"]


@pytest.mark.parametrize("named", [{}, {"graph_max_degree": 64}])
@pytest.mark.parametrize("live", [{}, {"graph_max_degree": 40, "construction_window_size": 250}])
def test_an_svs_field_keeps_what_the_file_does_not_name(live: dict[str, int], named: dict[str, int]) -> None:
    """RedisVL's defaults of SVS-VAMANA are not the server's."""
    vector = {"algorithm": "svs-vamana", "dims": 4}

    def schema(names: list[str], attrs: dict[str, int]) -> IndexDefinition:
        fields = [{"name": name, "type": "vector", "attrs": {**vector, **attrs}} for name in names]
        return from_schema({"index": {"name": "i", "prefix": "d"}, "fields": fields})

    target = with_unnamed_values(schema(["v", "new"], named), schema(["v"], live))
    old, new = (each.attrs for each in target.fields)
    assert old == {**schema(["v"], live).fields[0].attrs, **named}
    assert new == {
        **schema(["v"], named).fields[0].attrs,
        "graph_max_degree": named.get("graph_max_degree", 40),
        "construction_window_size": 250,
        "search_window_size": 20,
    }
    assert changes_from_schema(schema(["v"], live), evolve(target, fields=target.fields[:1])) == (
        () if not named else (UpdateField("v", "graph_max_degree", live.get("graph_max_degree", 32), 64),)
    )


def test_initial_cap_of_an_unchanged_field_asks_for_nothing(server: Server, tmp_path: Path) -> None:
    """No command tells it of a live index."""
    attrs = ("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "COSINE", "INITIAL_CAP", 5)
    server.command("FT.CREATE", "i", "PREFIX", 1, "d", "SCHEMA", "v", "VECTOR", "FLAT", 8, *attrs)
    schema = tmp_path / "schema.yaml"
    vector = "{dims: 4, algorithm: flat, initial_cap: 5}"
    schema.write_text(f"index: {{name: i, prefix: d}}\nfields:\n  - {{name: v, type: vector, attrs: {vector}}}\n")
    assert MigrationPlanner().create_plan("i", server=server, target_schema_path=schema).changes == ()
