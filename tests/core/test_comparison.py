"""Two indexes are asked the same queries: what differs is told, what ties or rounds by chance is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis import Redis

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator, compare_indexes
from fieldfare.comparison import IndexComparison, comparison_findings
from fieldfare.comparison import compare_indexes as compare_with
from fieldfare.comparison.latency import summarize
from fieldfare.comparison.ranking import Ranking, Score, overlap
from fieldfare.errors import FieldfareError, IndexNotFound, UsageError
from fieldfare.hooks.manager import load_plugins
from fieldfare.queries import DocumentVector, Kind, Query, QueryCommand, VectorValues
from fieldfare.queries.arguments import SortOrder
from fieldfare.server import Server, connect
from fieldfare.server.search import search_keys
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 120, 8
VECTORS = np.random.default_rng(3).standard_normal((COUNT, DIMS)).astype("<f4")
KNN = "*=>[KNN 10 @v $q AS d]"


def fill(server: Server, vectors: Any = VECTORS) -> None:
    server.bulk(
        [
            (
                *("HSET", f"d:{row}", "v", each.tobytes(), "half", each.astype("<f2").tobytes()),
                *("t", f"owl {'hoots ' * (row % 3)}", "n", row % 7, "c", ("x", "y")[row % 2]),
            )
            for row, each in enumerate(vectors)
        ]
    )


def create(
    server: Server, name: str, *options: str, field: str = "v", datatype: str = "FLOAT32", dims: int = DIMS
) -> None:
    server.command(
        *("FT.CREATE", name, "PREFIX", 1, "d:"),
        *options,
        *("SCHEMA", field, "AS", "v", "VECTOR", "FLAT", 6, "TYPE", datatype, "DIM", dims, "DISTANCE_METRIC", "L2"),
        *("t", "TEXT", "n", "NUMERIC", "SORTABLE", "c", "TAG"),
    )
    wait_until_indexed(server, name)


def near(key: str) -> Query:
    return Query(f"near {key}", QueryCommand(Kind.SEARCH, KNN), params={"q": DocumentVector(key, "v")})


def search(text: str, *arguments: str, **options: Any) -> Query:
    return Query(text, QueryCommand(Kind.SEARCH, text, arguments), **options)


def rows(*arguments: str, text: str = "*", **options: Any) -> Query:
    return Query("rows", QueryCommand(Kind.AGGREGATE, text, arguments), **options)


def compare(server: Server, *queries: Query, **options: Any) -> IndexComparison:
    return compare_with(server, "a", "b", queries, plugins=options.pop("plugins", None) or load_plugins(), **options)


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def both(request: pytest.FixtureRequest, server: Server, redis_url: str) -> Any:
    """A connection of either protocol to a server with documents."""
    fill(server)
    with connect(f"{redis_url}?protocol={request.param}") as connected:
        yield connected


QUERIES = (
    near("d:5"),
    search("owl"),
    search("@c:{$kind}", params={"kind": "x"}),
    search("@n:[$low 5]", "SORTBY", "n", "DESC", params={"low": 1}, top=30),
    search("hoots", "SORTBY", "t"),
    search(
        "@v:[VECTOR_RANGE 9 $q]=>{$YIELD_DISTANCE_AS: far}",
        *("SORTBY", "far"),
        params={"q": DocumentVector("d:9", "v")},
    ),
    search("@c:{x}=>[KNN 5 @v $q]", params={"q": VectorValues(tuple(map(float, VECTORS[2])), "float32")}),
    rows("GROUPBY", "1", "@c", "REDUCE", "AVG", "1", "@n", "AS", "mean", "REDUCE", "TOLIST", "1", "@n", "AS", "all"),
    rows("LOAD", "2", "@__key", "@n", "SORTBY", "2", "@n", "DESC", "LIMIT", "0", "12"),
)


def test_indexes_over_the_same_documents_answer_the_same(both: Server) -> None:
    create(both, "a")
    create(both, "b")
    comparison = compare(both, *QUERIES)
    assert [(each.name, each.overlap, each.error) for each in comparison.queries] == [
        (each.name, 1.0, "") for each in QUERIES
    ]
    assert comparison.passed
    assert comparison.differences == ()
    assert comparison.documents.index == comparison.documents.against == COUNT
    assert all(each.latency and each.latency.index.median > 0 for each in comparison.queries)


def test_an_index_that_lacks_documents_fails(both: Server) -> None:
    create(both, "a")
    create(both, "b", "FILTER", "@n<3")
    comparison = compare(both, *QUERIES)
    assert not comparison.passed
    failed = {each.name for each in comparison.queries if not each.passed}
    assert {"near d:5", "owl", "@c:{$kind}", "rows"} <= failed
    assert [each.passed for each in comparison_findings(comparison)] == [each.passed for each in comparison.queries]


def test_totals_that_differ_fail_where_the_first_results_are_equal(server: Server) -> None:
    fill(server)
    create(server, "a")
    create(server, "b", "FILTER", "@n>2")
    found = compare(server, search("*", "SORTBY", "n", "DESC")).queries[0]
    assert (found.overlap, found.passed) == (1.0, False)
    assert found.results is not None
    assert found.results.index > found.results.against


def test_vectors_are_encoded_for_each_index(server: Server) -> None:
    fill(server)
    create(server, "a")
    create(server, "b", field="half", datatype="FLOAT16")
    given = search(KNN, params={"q": VectorValues(tuple(map(float, VECTORS[4])), "float32")})
    comparison = compare(server, near("d:4"), given)
    assert comparison.passed
    scores = comparison.queries[0].scores
    assert scores is not None
    assert 0 < scores.largest_difference < 0.1
    assert any("datatype: expected 'float32', found 'float16'" in each for each in comparison.differences)


@pytest.mark.parametrize("same", ["all", "a third"])
def test_documents_that_tie_at_the_end_do_not_differ(same: str, server: Server) -> None:
    """An index that was there first has documents in the order of writing; another one in that of a scan."""
    vectors = VECTORS.copy()
    vectors[:: 1 if same == "all" else 3] = vectors[0]
    create(server, "a")
    fill(server, vectors)
    create(server, "b")
    queries = [near("d:0"), near("d:1"), search("@c:{x}"), search("*"), search("@c:{y}", "SORTBY", "n")]
    first, second = (search_keys(server, name, 10) for name in "ab")
    assert set(first) != set(second)
    comparison = compare(server, *queries)
    assert [each.overlap for each in comparison.queries] == [1.0] * len(queries)


def test_rows_that_tie_at_the_end_do_not_differ(server: Server) -> None:
    create(server, "a")
    fill(server)
    create(server, "b")
    tied = rows("LOAD", "2", "@__key", "@c", "SORTBY", "2", "@c", "ASC", "MAX", "7")
    unsorted = rows("LOAD", "1", "@__key", "LIMIT", "0", "5")
    assert compare(server, tied, unsorted).passed


def test_rows_that_differ_in_the_middle_fail(server: Server) -> None:
    fill(server)
    create(server, "a")
    create(server, "b", "FILTER", "@n!=6")
    found = compare(server, rows("GROUPBY", "1", "@n", "REDUCE", "COUNT", "0", "AS", "count")).queries[0]
    assert found.overlap == pytest.approx(6 / 7)
    top = compare(server, rows("LOAD", "1", "@n", "SORTBY", "2", "@n", "DESC", "MAX", "5")).queries[0]
    assert (top.overlap, top.passed) == (0.0, False)


def test_a_query_may_be_another_one_for_the_second_index(server: Server) -> None:
    fill(server)
    create(server, "a")
    server.command("FT.CREATE", "b", "PREFIX", 1, "d:", "SCHEMA", "t", "AS", "headline", "TEXT", "n", "NUMERIC")
    wait_until_indexed(server, "b")
    plain, renamed = search("@t:hoots"), search("@t:hoots", against=QueryCommand(Kind.SEARCH, "@headline:hoots"))
    assert [each.overlap for each in compare(server, plain, renamed).queries] == [0.0, 1.0]


def test_what_a_query_lacks_is_told_and_counts_as_failed(server: Server) -> None:
    fill(server)
    create(server, "a")
    server.command("FT.CREATE", "b", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    wait_until_indexed(server, "b")
    comparison = compare(server, near("d:none"), near("d:1"), search("@t:{broken"), search("hoots"))
    errors = [each.error for each in comparison.queries]
    assert errors[0] == "There is no document 'd:none' with a vector in the field 'v' that can be queried"
    assert errors[1] == "The index 'b' has no vector field for the parameter 'q' (the query names 'v')"
    assert "Syntax error" in errors[2]
    assert [each.passed for each in comparison.queries] == [False, False, False, True]
    assert comparison.mean_overlap == 0.25
    assert [each.passed for each in comparison_findings(comparison)] == [False, False, False, True]


def test_limits_of_a_query_and_of_the_mean(server: Server) -> None:
    fill(server)
    create(server, "a")
    create(server, "b", "FILTER", "@n<6")
    every = search("@n:[0 6]", "SORTBY", "n", "ASC", top=COUNT)
    found = compare(server, every, min_overlap=0.8, min_mean_overlap=0.8)
    assert found.passed
    assert 0.8 < found.mean_overlap < 0.9
    assert not compare(server, every, min_overlap=0.9).passed
    assert not compare(server, every, min_overlap=0.8, min_mean_overlap=0.9).passed
    assert compare(server, search("*", top=1, min_overlap=0.5), min_overlap=1).passed


class Shorter:
    """Encodes queries for an index of fewer dims."""

    @hookimpl
    def fieldfare_encode_query(self, vector: Sequence[float], field: Any) -> bytes:
        """Leave out what is too much."""
        return np.asarray(vector[: int(field.attrs["dims"])], "<f4").tobytes()


def test_a_plugin_encodes_what_a_cast_of_floats_does_not(server: Server) -> None:
    fill(server)
    server.bulk([("HSET", f"d:{row}", "short", each[:4].tobytes()) for row, each in enumerate(VECTORS)])
    create(server, "a")
    create(server, "b", field="short", dims=4)
    given = search(KNN, params={"q": VectorValues(tuple(map(float, VECTORS[4])), "float32")}, min_overlap=0)
    assert "cannot be encoded for the field 'v' of 'b' (4 dims of float32)" in compare(server, given).queries[0].error
    # the document itself holds what the second index has of its vector
    assert compare(server, near("d:4")).queries[0].error == ""
    plugins = load_plugins()
    plugins.register(Shorter(), "shorter")
    assert compare(server, given, plugins=plugins).queries[0].error == ""


def test_a_plan_says_how_keys_are_named_and_vectors_encoded(server: Server) -> None:
    """The second index stands where a migration would build it: other keys, fewer dims of another datatype."""
    fill(server)
    create(server, "a")
    changes = {
        "index": {"name": "b", "prefix": "e:"},
        "update_fields": [{"name": "v", "attrs": {"dims": 4, "datatype": "float16"}}],
    }
    plan = MigrationPlanner(accept_recall_loss=True).create_plan_from_patch(
        "a", schema_patch={"version": 1, "changes": changes}, server=server
    )
    assert plan.supported, plan.blocked_reasons
    for row, each in enumerate(VECTORS):
        short = each[:4] / np.linalg.norm(each[:4])
        server.command("HSET", f"e:{row}", "v", short.astype("<f2").tobytes(), "c", ("x", "y")[row % 2])
    server.command(
        *("FT.CREATE", "b", "PREFIX", 1, "e:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT16", "DIM", 4, "DISTANCE_METRIC", "L2", "c", "TAG"),
    )
    wait_until_indexed(server, "b")
    given = search(KNN, params={"q": VectorValues(tuple(map(float, VECTORS[4])), "float32")}, min_overlap=0)
    comparison = compare(server, given, search("@c:{x}", top=COUNT), plan=plan)
    assert [each.error for each in comparison.queries] == ["", ""]
    assert comparison.queries[1].overlap == 1.0
    assert comparison.queries[0].overlap > 0


def test_integers_are_encoded_with_the_calibration_that_a_migration_stored(server: Server, tmp_path: Path) -> None:
    if not server.capabilities.indexes("int8"):
        pytest.skip("this server has no int8 vectors")
    fill(server)
    server.bulk([("HSET", f"d:{row}", "other", each.tobytes()) for row, each in enumerate(VECTORS)])
    create(server, "a")
    create(server, "b", field="other")
    patch = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "int8"}}]}}
    planner = MigrationPlanner(accept_recall_loss=True)
    plan = planner.create_plan_from_patch("b", schema_patch=patch, server=server)
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    given = search(KNN, params={"q": VectorValues(tuple(map(float, VECTORS[4])), "float32")})
    comparison = compare(server, near("d:4"), given, min_overlap=0.7)
    assert [each.error for each in comparison.queries] == ["", ""]
    assert comparison.passed
    for key in server.command("KEYS", "fieldfare:calibration:*"):
        server.command("DEL", key)
    assert "which would say what the codes of 'v' stand for" in compare(server, given).queries[0].error


NEAREST = SortOrder(by_field=True, descending=False)


def ranking(others: dict[bytes, float], **scores: float) -> Ranking:
    found: dict[bytes, Score] = {key.encode(): score for key, score in scores.items()}
    return Ranking(len(found), found, NEAREST, dict(others))


def test_what_counts_as_found() -> None:
    # the first one says of c that it is as near as its last, of d that it is nearer, of e that it is not
    first = ranking({b"c": 2.0, b"d": 1.5, b"e": 3.0}, a=1.0, b=2.0)
    assert overlap(first, ranking({}, a=1.0, c=2.0)) == 1.0
    assert overlap(first, ranking({}, a=1.0, d=1.5)) == 1.0
    assert overlap(first, ranking({}, a=1.0, e=3.0)) == 0.5
    # the second one says of b that it ties with its last; but it has only one place for b and c
    assert overlap(first, ranking({b"b": 2.0}, a=1.0, e=2.0)) == 1.0
    three = ranking({}, a=1.0, b=2.0, c=2.0)
    assert overlap(three, ranking({b"b": 2.0, b"c": 2.0}, a=1.0, e=2.0)) == pytest.approx(2 / 3)
    # the second one missed b, which is nearer than its last
    assert overlap(first, ranking({b"b": 2.0}, a=1.0, e=3.0)) == 0.5
    assert overlap(ranking({}), ranking({})) == 1.0
    assert overlap(ranking({}), ranking({}, a=1.0)) == 0.0
    assert overlap(first, ranking({})) == 0.0
    assert overlap(first, ranking({b"a": 1.0})) == 0.0


def test_the_99th_percentile_leaves_out_one_in_a_hundred() -> None:
    latency = summarize([0.001] * 98 + [0.002, 5.0])
    assert (latency.median, latency.p99) == (1.0, 2.0)


# ---- the command and the function for programs


@pytest.fixture
def command(redis_url: str, tmp_path: Path) -> CommandLine:
    return CommandLine(redis_url, tmp_path)


def test_without_a_file_all_documents_and_some_neighbours_are_compared(server: Server, command: CommandLine) -> None:
    fill(server)
    create(server, "a")
    create(server, "b")
    server.command("FT.ALIASADD", "news", "b")
    done = command("compare", "--index", "a", "--against", "news", "--samples", "3")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("Comparison passed: a against b\n")
    assert done.stdout.count("v of d:") == 3
    assert "Mean overlap: 1.000 of 4 queries" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_too_little_overlap_ends_with_4(server: Server, command: CommandLine, tmp_path: Path) -> None:
    fill(server)
    create(server, "a")
    create(server, "b", "FILTER", "@n<3")
    (tmp_path / "queries.yaml").write_text(
        "queries:\n  - {name: hooting, search: hoots, top: 100}\n  - {query: '@c:{x}', min_results: 5}\n"
    )
    line = ("compare", "-i", "a", "--against", "b", "--query-check-file", "queries.yaml")
    done = command(*line, "--report-out", "report.yaml")
    assert done.code == 4
    assert "Comparison FAILED: a against b" in done.stdout
    assert "- hooting: overlap 0.4" in done.stdout
    assert "passed: false" in (tmp_path / "report.yaml").read_text()
    found = command(*line, "--json")
    document = json.loads(found.stdout)
    assert (found.code, document["passed"]) == (4, False)
    assert [each["name"] for each in document["queries"]] == ["@c:{x}", "hooting"]
    assert document["queries"][1]["results"]["index"] == 80
    assert command(*line, "--min-overlap", "0.3").code == 0
    assert command(*line, "--min-overlap", "0.3", "--min-mean-overlap", "0.9").code == 4


def test_a_bad_request_ends_with_2_and_a_missing_index_with_4(server: Server, tmp_path: Path) -> None:
    fill(server)
    create(server, "a")
    server.command("FT.ALIASADD", "news", "a")
    with pytest.raises(UsageError, match="'a' and 'news' are one index: 'a'"):
        compare_indexes("a", "news", server=server)
    with pytest.raises(IndexNotFound, match="'b'"):
        compare_indexes("a", "b", server=server)
    create(server, "b")
    (tmp_path / "keys.yaml").write_text("keys_exist: ['d:1']\n")
    with pytest.raises(UsageError, match="has no queries"):
        compare_indexes("a", "b", server=server, query_check_file=tmp_path / "keys.yaml")
    with pytest.raises(UsageError, match=r"min_overlap=2: it is a share from 0 to 1"):
        compare_indexes("a", "b", server=server, min_overlap=2)


# ---- the same file for a migration


CHECKS = """\
queries:
  - query: "*"
  - name: like 5
    search: "*=>[KNN 10 @v $q AS d]"
    params:
      q: {key: "d:5", field: v}
    against: {search: "*=>[KNN 10 @w $q AS d]"}
  - name: nothing
    search: "@c:{none}"
"""


def test_validate_asks_the_target_under_its_new_names(server: Server, tmp_path: Path) -> None:
    fill(server)
    create(server, "a")
    changes = {
        "index": {"prefix": "e:"},
        "rename_fields": [{"old_name": "v", "new_name": "w"}],
        "update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}],
    }
    (tmp_path / "checks.yaml").write_text(CHECKS)
    plan = MigrationPlanner().create_plan_from_patch(
        "a", schema_patch={"version": 1, "changes": changes}, server=server
    )
    with pytest.raises(
        FieldfareError, match=r"such as 'like 5'. The mode 'drop_recreate' has no two indexes"
    ) as raised:
        MigrationExecutor().apply(
            plan, server=server, backup_dir=tmp_path, query_check_file=str(tmp_path / "checks.yaml")
        )
    assert raised.value.exit_code == 2
    assert server.command("FT._LIST") == [b"a"]
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path / "backup")
    report = MigrationValidator().validate(plan, server=server, query_check_file=str(tmp_path / "checks.yaml"))
    found = {each.name: (each.passed, each.detail) for each in report.validation.findings if "query:" in each.name}
    assert found["query:*"][0]
    assert found["query:like 5"] == (True, "10 results, at least 1 required")
    assert found["query:nothing"] == (False, "no results, at least 1 required")


def test_the_client_stays_as_it_is(server: Server, client: Redis) -> None:
    fill(server)
    create(server, "a")
    create(server, "b")
    assert compare_indexes("a", "b", redis_client=client, samples=1, rounds=1).passed
    assert client.ping()
