"""Renaming fields in the index alone: documents stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from attrs import define

from fieldfare.api import MigrationExecutor, MigrationPlanner, compare_indexes
from fieldfare.changes import RenameField
from fieldfare.definition import Storage
from fieldfare.errors import DiffError, TargetRejected
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.server.query_reply import result_ids
from fieldfare.server.search import count_results
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, read_state
from fieldfare.testing.indexing import wait_until_indexed

COUNT: Final = 60
DIMS: Final = 8
VECTORS: Final = np.random.default_rng(5).standard_normal((COUNT, DIMS)).astype("<f4")


@define
class Articles:
    """An index ``articles_1`` with the alias ``articles``, and its migrations, one after the other."""

    server: Server
    directory: Path
    storage: Storage
    mode: str
    number: int = 0

    def fill(self, *options: Any) -> None:
        """Write documents, and create the index."""
        self.server.bulk([self.document(row) for row in range(COUNT)])
        fields: Mapping[str, tuple[Any, ...]] = {
            "title": ("TEXT", "SORTABLE"),
            "kind": ("TAG",),
            "year": ("NUMERIC",),
            "vec": ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"),
        }
        words: list[Any] = ["FT.CREATE", "articles_1", "ON", self.storage.upper(), "PREFIX", 1, "doc:", *options]
        words.append("SCHEMA")
        for name, attributes in fields.items():
            words += [name, *attributes] if self.storage is Storage.HASH else [f"$.{name}", "AS", name, *attributes]
        self.server.command(*words)
        self.server.command("FT.ALIASADD", "articles", "articles_1")
        wait_until_indexed(self.server)

    def document(self, row: int, key: str = "") -> tuple[Any, ...]:
        """Return the command that writes a document."""
        key = key or f"doc:{row}"
        plain = {"title": f"title {row}", "kind": "ab"[row % 2], "year": 2000 + row}
        if self.storage is Storage.JSON:
            return ("JSON.SET", key, "$", json.dumps({**plain, "vec": VECTORS[row].tolist()}))
        return ("HSET", key, *(word for pair in plain.items() for word in pair), "vec", VECTORS[row].tobytes())

    def path(self, name: str) -> str:
        """Return where documents hold a value."""
        return name if self.storage is Storage.HASH else f"$.{name}"

    def plan(self, *renames: tuple[str, str], logical: bool = True, mode: str = "", **changes: Any) -> MigrationPlan:
        """Plan to rename fields, and whatever else the patch says."""
        pairs = [{"old_name": old, "new_name": new, "logical": logical} for old, new in renames]
        return MigrationPlanner(min_recall=0.1).create_plan_from_patch(
            "articles",
            schema_patch={"version": 1, "changes": {"rename_fields": pairs, **changes}},
            server=self.server,
            aliases=("articles",),
            mode=mode or self.mode,
        )

    def apply(self, plan: MigrationPlan, **options: Any) -> MigrationReport:
        """Apply a plan, with a backup directory of its own."""
        self.number += 1
        return MigrationExecutor().apply(plan, server=self.server, backup_dir=self.backup_dir, **options)

    def finalize(self) -> None:
        """Finalize the last one."""
        if self.mode == "shadow":
            MigrationExecutor().finalize(server=self.server, backup_dir=self.backup_dir)

    def rollback(self) -> None:
        """Roll the last one back."""
        MigrationExecutor().rollback(server=self.server, backup_dir=self.backup_dir)

    @property
    def backup_dir(self) -> Path:
        """Of the last migration."""
        return self.directory / f"backup_{self.number}"

    def names(self) -> dict[str, str]:
        """Return field → the place of its value, of the index that answers."""
        fields = read_definition(self.server, "articles").fields
        return {each.name: each.path.removeprefix("$.") for each in fields}

    def found(self, query: str) -> int:
        """Return how many documents a query finds."""
        return count_results(self.server, "articles", query)

    def near(self, field: str, row: int = 3) -> bool:
        """Whether a document is found by its own vector."""
        arguments = ("PARAMS", 2, "v", VECTORS[row].tobytes(), "DIALECT", 2, "NOCONTENT")
        reply = self.server.command("FT.SEARCH", "articles", f"*=>[KNN 1 @{field} $v]", *arguments)
        return result_ids(reply) == [f"doc:{row}".encode()]


@pytest.fixture(params=[Storage.HASH, Storage.JSON], ids=str)
def storage(request: pytest.FixtureRequest) -> Storage:
    chosen: Storage = request.param
    return chosen


@pytest.fixture(params=["shadow", "drop_recreate"])
def articles(request: pytest.FixtureRequest, storage: Storage, server: Server, tmp_path: Path) -> Articles:
    made = Articles(server, tmp_path, storage, request.param)
    made.fill()
    return made


@pytest.fixture
def shadowed(storage: Storage, server: Server, tmp_path: Path) -> Articles:
    """The same, to be migrated in the mode ``shadow``."""
    made = Articles(server, tmp_path, storage, "shadow")
    made.fill()
    return made


@pytest.fixture
def fieldfare(redis_url: str, tmp_path: Path) -> CommandLine:
    return CommandLine(redis_url, tmp_path)


# ---- one rename


def test_the_index_alone_is_renamed(articles: Articles) -> None:
    before, documents = read_state(articles.server), database_digest(articles.server)
    plan = articles.plan(("title", "headline"), ("vec", "embedding"))
    assert not plan.rewrites_documents
    assert {step.owner for step in plan.steps} == {"index"}

    report = articles.apply(plan)
    assert report.result == "succeeded"
    assert report.vectors["embedding"]["previous_name"] == "vec"
    assert articles.names() == {"headline": "title", "kind": "kind", "year": "year", "embedding": "vec"}
    assert database_digest(articles.server) == documents
    assert articles.found("@headline:title") == COUNT
    assert articles.near("embedding")
    # applications go on writing the old name
    articles.server.command(*articles.document(7, "doc:new"))
    assert articles.found("@headline:title") == COUNT + 1
    articles.server.command("DEL", "doc:new")

    articles.rollback()
    assert read_state(articles.server) == before


def test_documents_that_have_the_new_name_do_not_matter(articles: Articles) -> None:
    if articles.storage is Storage.HASH:
        articles.server.command("HSET", "doc:1", "headline", "another thing")
    else:
        articles.server.command("JSON.SET", "doc:1", "$.headline", '"another thing"')
    articles.apply(articles.plan(("title", "headline")))
    assert articles.found("@headline:another") == 0
    assert articles.found("@headline:title") == COUNT


def test_a_rename_of_a_rename_keeps_the_place(articles: Articles) -> None:
    """Each way on, logical or not, reads what documents have, and the first name leads back to where it was."""
    documents = database_digest(articles.server)
    original = read_definition(articles.server, "articles").fields
    for old, new, logical in (
        ("title", "headline", True),
        ("headline", "heading", False),
        ("heading", "caption", True),
        ("caption", "title", False),
    ):
        plan = articles.plan((old, new), logical=logical)
        assert not plan.rewrites_documents
        articles.apply(plan)
        assert articles.names()[new] == "title"
        articles.finalize()
    assert read_definition(articles.server, "articles").fields == original
    assert database_digest(articles.server) == documents


def test_a_chain_and_a_field_removed(articles: Articles) -> None:
    before = read_state(articles.server)
    plan = articles.plan(("title", "kind"), ("kind", "sort"), ("vec", "year"), remove_fields=["year"])
    articles.apply(plan)
    assert articles.names() == {"kind": "title", "sort": "kind", "year": "vec"}
    assert (articles.found("@kind:title"), articles.found("@sort:{a}")) == (COUNT, COUNT // 2)
    assert articles.near("year")
    articles.rollback()
    assert read_state(articles.server) == before


def test_two_names_are_swapped_by_two_plans(articles: Articles) -> None:
    with pytest.raises(DiffError, match="two plans, with a third name in between"):
        articles.plan(("title", "kind"), ("kind", "title"))
    documents = database_digest(articles.server)
    articles.apply(articles.plan(("title", "other")))
    articles.finalize()
    articles.apply(articles.plan(("kind", "title"), ("other", "kind")))
    assert articles.names() == {"kind": "title", "title": "kind", "year": "year", "vec": "vec"}
    assert (articles.found("@kind:title"), articles.found("@title:{a}")) == (COUNT, COUNT // 2)
    assert database_digest(articles.server) == documents


def test_an_option_of_the_index_goes_on_reading_its_place(server: Server, tmp_path: Path, storage: Storage) -> None:
    articles = Articles(server, tmp_path, storage, "shadow")
    articles.fill("LANGUAGE_FIELD", articles.path("kind"))
    articles.apply(articles.plan(("kind", "language")))
    assert read_definition(server, "articles").language_field == articles.path("kind")


def test_a_filter_needs_the_new_name(server: Server, tmp_path: Path, storage: Storage) -> None:
    articles = Articles(server, tmp_path, storage, "shadow")
    articles.fill("FILTER", "@year>2010")
    assert articles.found("*") < COUNT
    [reason] = articles.plan(("year", "published")).blocked_reasons
    assert "the filter would match no document" in reason
    found = articles.found("*")
    articles.apply(articles.plan(("year", "published"), index={"filter": "@published>2010"}))
    assert articles.found("*") == found


# ---- together with other changes


@pytest.mark.parametrize("apart", [False, True], ids=["one plan", "a later plan"])
def test_the_vectors_of_a_renamed_field_are_converted(
    server: Server, tmp_path: Path, storage: Storage, *, apart: bool
) -> None:
    articles = Articles(server, tmp_path, storage, "drop_recreate")
    articles.fill()
    before = read_state(server)
    to_float16 = {"name": "embedding", "attrs": {"datatype": "float16", "dims": 6}}
    if apart:
        articles.apply(articles.plan(("vec", "embedding")))
        before = read_state(server)
        report = articles.apply(articles.plan(update_fields=[to_float16]))
    else:
        report = articles.apply(articles.plan(("vec", "embedding"), update_fields=[to_float16]))
    assert report.result == "succeeded"
    assert articles.names()["embedding"] == "vec"
    found = [each for each in report.validation.findings if each.name.startswith("recall") and each.data]
    assert found
    assert all(each.passed for each in found)
    if storage is Storage.HASH:
        assert len(server.command("HGET", "doc:3", "vec")) == 6 * 2
        assert server.command("HEXISTS", "doc:3", "embedding") == 0
    articles.rollback()
    assert read_state(server) == before


def test_a_rename_in_documents_leaves_what_a_logical_one_reads(
    server: Server, tmp_path: Path, storage: Storage
) -> None:
    articles = Articles(server, tmp_path, storage, "drop_recreate")
    articles.fill()
    [reason] = articles.plan(("title", "headline"), ("kind", "title"), logical=False, mode="shadow").blocked_reasons[:1]
    assert "--logical-renames" in reason
    articles.apply(articles.plan(("title", "headline")))
    blocked = articles.plan(("kind", "title"), logical=False)
    [reason] = blocked.blocked_reasons
    assert f"field 'headline' of this index reads {articles.path('title')!r} too" in reason
    before = read_state(server)
    report = articles.apply(articles.plan(("kind", "sort"), logical=False, update_fields=[]))
    assert report.result == "succeeded"
    assert articles.names() == {"headline": "title", "sort": "sort", "year": "year", "vec": "vec"}
    articles.rollback()
    assert read_state(server) == before


def test_both_kinds_in_one_plan(server: Server, tmp_path: Path, storage: Storage) -> None:
    articles = Articles(server, tmp_path, storage, "drop_recreate")
    articles.fill()
    before = read_state(server)
    pairs = [
        {"old_name": "title", "new_name": "kind", "logical": True},
        {"old_name": "kind", "new_name": "sort"},
    ]
    patch = {"version": 1, "changes": {"rename_fields": pairs, "index": {"prefix": "article:"}}}
    plan = MigrationPlanner().create_plan_from_patch(
        "articles", schema_patch=patch, server=server, aliases=("articles",), mode="auto"
    )
    assert plan.mode == "drop_recreate"
    assert articles.apply(plan).result == "succeeded"
    assert articles.names() == {"kind": "title", "sort": "sort", "year": "year", "vec": "vec"}
    assert (articles.found("@kind:title"), articles.found("@sort:{a}")) == (COUNT, COUNT // 2)
    articles.rollback()
    assert read_state(server) == before


# ---- modes


def test_auto_takes_shadow_and_copies_values_unless_renames_are_logical(shadowed: Articles) -> None:
    logical, physical = (shadowed.plan(("title", "headline"), logical=each, mode="auto") for each in (True, False))
    assert (logical.mode, physical.mode) == ("shadow", "shadow")
    kinds = [[step.kind for step in plan.steps if step.rewrites_documents] for plan in (logical, physical)]
    assert kinds == [[], ["index.copy_field", "index.remove_originals"]]
    [reason] = shadowed.plan(("title", "headline"), mode="alter").blocked_reasons
    assert "FT.ALTER can only add fields" in reason


# ---- queries of the user


def test_the_users_queries_have_both_names(shadowed: Articles, tmp_path: Path) -> None:
    queries = tmp_path / "queries.yaml"
    queries.write_text(
        "queries:\n"
        "  - {query: '@headline:title', min_results: 60}\n"
        "  - {query: '@kind:{a}'}\n"
        "  - name: near\n"
        "    search: '*=>[KNN 5 @vec $v]'\n"
        "    against: {search: '*=>[KNN 5 @embedding $v]'}\n"
        "    params: {v: {key: 'doc:4', field: vec}}\n"
        "  - {name: titles, search: '@title:title', against: {search: '@headline:title'}}\n"
    )
    report = shadowed.apply(
        shadowed.plan(("title", "headline"), ("vec", "embedding")), query_check_file=queries, switch=False
    )
    found = {each.name: each.passed for each in report.validation.findings if each.name.startswith(("query", "over"))}
    assert found == {
        "query:@headline:title": True,
        "query:@kind:{a}": True,
        "query:near": True,
        "query:titles": True,
        "overlap:@kind:{a}": True,
        "overlap:near": True,
        "overlap:titles": True,
    }
    compared = compare_indexes("articles", "articles__v2", server=shadowed.server, samples=4)
    assert compared.passed
    assert len(compared.queries) == 1 + 4


def test_a_query_that_knows_the_old_name_only_stops_the_switch(shadowed: Articles, tmp_path: Path) -> None:
    queries = tmp_path / "queries.yaml"
    queries.write_text("queries:\n  - {query: '@title:title'}\n")
    with pytest.raises(TargetRejected):
        shadowed.apply(shadowed.plan(("title", "headline")), query_check_file=queries)
    assert shadowed.names()["title"] == "title"


# ---- ways to ask for it


def test_a_target_schema_says_it_by_the_path(articles: Articles, tmp_path: Path) -> None:
    """Also of vectors, for which a removed and an added field would be refused; other attributes may change, too."""
    from fieldfare.definition.schema import to_schema  # noqa: PLC0415
    from fieldfare.support.yamlfile import write_yaml  # noqa: PLC0415

    schema = to_schema(read_definition(articles.server, "articles"))
    for each in schema["fields"]:
        new_name = {"title": "headline", "vec": "embedding"}.get(each["name"])
        if new_name:
            each |= {"name": new_name, "path": articles.path(each["name"])}
        if new_name == "headline":
            each["attrs"]["weight"] = 2.0
    write_yaml(tmp_path / "schema.yaml", schema)
    plan = MigrationPlanner().create_plan(
        "articles",
        target_schema_path=tmp_path / "schema.yaml",
        server=articles.server,
        aliases=("articles",),
        mode=articles.mode,
    )
    assert [each for each in plan.changes if isinstance(each, RenameField)] == [
        RenameField("title", "headline", logical=True),
        RenameField("vec", "embedding", logical=True),
    ]
    assert len(plan.changes) == 3
    assert articles.apply(plan).result == "succeeded"
    assert articles.names() == {"headline": "title", "kind": "kind", "year": "year", "embedding": "vec"}


def test_on_the_command_line(fieldfare: CommandLine, server: Server, tmp_path: Path) -> None:
    articles = Articles(server, tmp_path, Storage.HASH, "shadow")
    articles.fill()
    (fieldfare.directory / "patch.yaml").write_text(
        "version: 1\nchanges:\n  rename_fields:\n  - {old_name: title, new_name: headline}\n"
    )
    asked = ("--index", "articles", "--schema-patch", "patch.yaml", "--alias", "articles", "--mode", "auto")
    planned = fieldfare("plan", *asked, "--logical-renames")
    assert planned.code == 0
    assert "rename field 'title' to 'headline' (logical)" in planned.stdout
    assert "Applications still write 'title'" in planned.stdout
    text = (fieldfare.directory / "migration_plan.yaml").read_text()
    assert text.count("logical: true") == 3  # the request, the rename operations, the changes
    assert "mode: shadow" in text
    assert "nothing is written to disk" in fieldfare("estimate", "--plan", "migration_plan.yaml").stdout
    assert fieldfare("apply", "--plan", "migration_plan.yaml", "--backup-dir", "backup").code == 0
    assert fieldfare("validate", "--plan", "migration_plan.yaml", "--backup-dir", "backup").code == 0
    assert articles.names()["headline"] == "title"
    assert "headline" in fieldfare("info", "--index", "articles").stdout

    batch = fieldfare("batch-plan", "--indexes", "articles", *asked[2:4], "--plan-out", "batch.yaml")
    assert batch.code == 4  # there is no field of the old name any more
    assert fieldfare("rollback", "--backup-dir", "backup").code == 0
    options = ("--mode", "shadow", "--logical-renames", "--alias", "articles", "--plan-out", "batch.yaml")
    assert fieldfare("batch-plan", "--indexes", "articles", *asked[2:4], *options).code == 0
    [path] = (fieldfare.directory / "plans").glob("*.yaml")
    assert "(logical)" in (fieldfare.directory / "batch.yaml").read_text() or "logical: true" in path.read_text()


def test_a_vector_is_read_where_it_is(articles: Articles) -> None:
    """A later migration of another kind measures and compares the vectors of a logically renamed field."""
    articles.apply(articles.plan(("vec", "embedding")))
    articles.finalize()
    to_hnsw = [{"name": "embedding", "attrs": {"algorithm": "hnsw"}}]
    report = articles.apply(articles.plan(update_fields=to_hnsw))
    [found] = [each for each in report.validation.findings if each.name == "knn_self_query:embedding"]
    assert (found.passed, found.data["lost"]) == (True, 0)
    assert found.data["queried"] > 0
