"""Query check files: what they may hold, and every problem with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldfare.errors import FileError
from fieldfare.queries import (
    CountQuery,
    DocumentVector,
    Kind,
    QueryChecks,
    QueryCommand,
    VectorValues,
)
from fieldfare.queries.file import load_query_checks


def read(directory: Path, text: str) -> QueryChecks:
    path = directory / "queries.yaml"
    path.write_text(text)
    return load_query_checks(path)


def problems(directory: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(FileError) as raised:
        read(directory, text)
    return raised.value.problems


def test_a_file_may_hold_everything(tmp_path: Path) -> None:
    checks = read(
        tmp_path,
        """\
keys_exist: ["d:1"]
fetch_ids: ["2"]
min_overlap: 0.8
min_mean_overlap: 0.95
queries:
  - query: "@kind:{bird}"
    min_results: 3
  - name: like 17
    search: "@kind:{$kind}=>[KNN 20 @v $q AS d]"
    params:
      kind: bird
      q: {key: "d:17", field: v}
    top: 20
    dialect: 3
    min_overlap: 1
  - search: "@title:owl"
    arguments: [SORTBY, year, DESC, FILTER, year, 1900, 2000, INFIELDS, 2, title, limit]
    against:
      search: "@headline:owl"
  - aggregate: "*"
    arguments: [GROUPBY, 1, "@kind", REDUCE, COUNT, 0, AS, n]
""",
    )
    assert (checks.keys_exist, checks.fetch_ids) == (("d:1",), ("2",))
    assert (checks.min_overlap, checks.min_mean_overlap) == (0.8, 0.95)
    assert checks.counts == (CountQuery("@kind:{bird}", 3),)
    knn, sorted_, rows = checks.queries
    assert (knn.name, knn.top, knn.dialect, knn.min_overlap) == ("like 17", 20, 3, 1)
    assert knn.params == {"kind": "bird", "q": DocumentVector("d:17", "v")}
    assert sorted_.name == "3: @title:owl"
    arguments = ("SORTBY", "year", "DESC", "FILTER", "year", "1900", "2000", "INFIELDS", "2", "title", "limit")
    assert sorted_.against == QueryCommand(Kind.SEARCH, "@headline:owl", arguments)
    assert rows.command.kind is Kind.AGGREGATE


def test_vectors_are_read_from_files_beside_the_file(tmp_path: Path) -> None:
    vectors = np.arange(8, dtype="<f4").reshape(2, 4)
    np.save(tmp_path / "one.npy", vectors[0])
    np.save(tmp_path / "two.npy", vectors.astype("<f2"))
    (tmp_path / "raw.bin").write_bytes(vectors[1].tobytes())
    np.save(tmp_path / "codes.npy", np.array([1, -2], np.int8))
    checks = read(
        tmp_path,
        """\
queries:
  - search: "*=>[KNN 10 @v $a]"
    params:
      a: {file: one.npy}
      b: {file: two.npy, row: 1, field: v}
      c: {file: raw.bin, datatype: float32}
      d: {file: codes.npy}
""",
    )
    assert checks.queries[0].params == {
        "a": VectorValues((0, 1, 2, 3), "float32"),
        "b": VectorValues((4, 5, 6, 7), "float16", "v"),
        "c": VectorValues((4, 5, 6, 7), "float32"),
        "d": VectorValues((1, -2), "int8"),
    }


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """\
keys_exist: [1]
min_overlap: 1.5
querys: []
queries:
  - min_results: 2
  - {query: "*", top: 3}
  - search: "*"
    parms: {}
  - search: "*"
    aggregate: "*"
  - search: "*"
    top: 0
    dialect: 4
    min_overlap: .nan
    params: {q: true, v: {key: "d:1"}, w: {key: "d:1", file: x.npy}}
  - {name: same, search: "*"}
  - {name: same, search: "@a:b"}
  - {search: "*", against: {aggregate: "*"}}
""",
    )
    assert found == (
        "line 1: keys_exist[0]: 1 is not a string",
        "line 2: min_overlap: must be a number from 0 to 1",
        "line 3: querys: unknown key 'querys'; known: fetch_ids, keys_exist, min_mean_overlap, min_overlap, queries",
        "line 5: queries[0]: a query needs a 'query' string",
        "line 6: queries[1]: besides 'query' there may be 'min_results', a whole number",
        "line 8: queries[2].parms: unknown key; did you mean 'params'?",
        "line 9: queries[3]: a query has either 'search' or 'aggregate'",
        "line 12: queries[4].top: must be from 1 to 10,000",
        "line 13: queries[4].dialect: must be 1, 2 or 3; dialect 4 finds what 3 does, and need not count exactly",
        "line 14: queries[4].min_overlap: must be a number from 0 to 1",
        "line 15: queries[4].params.q: must be text, a number, or a vector: 'key' and 'field', or 'file'",
        "line 15: queries[4].params.v: the key 'field' is missing: the vector field of the document",
        "line 15: queries[4].params.w: a vector has either 'key' (of a document) and 'field', or 'file'",
        "line 17: queries[6].name: query 6 has the same name; 'name' gives this one another",
        "line 18: queries[7].against: must be the same command as the query itself: search",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("[LIMIT, 0, 5]", "LIMIT does not belong here: the key 'top' says how many results are compared"),
        ("[params, 2, a, b]", "PARAMS does not belong here: the key 'params' is for parameters"),
        ("[WITHSCORES]", "WITHSCORES does not belong here: answers are compared by their keys and scores"),
        ("[SORTBI, x]", "'SORTBI' is no argument of FT.SEARCH; did you mean 'SORTBY'?"),
        ("[FILTER, year, 1900]", "FILTER lacks a value"),
    ],
)
def test_arguments_that_do_not_belong_are_named(arguments: str, message: str, tmp_path: Path) -> None:
    text = f"queries:\n  - search: '*'\n    arguments: {arguments}\n"
    assert problems(tmp_path, text) == (f"line 3: queries[0].arguments: {message}",)


def test_a_cursor_of_an_aggregation_is_refused(tmp_path: Path) -> None:
    text = "queries:\n  - aggregate: '*'\n    arguments: [WITHCURSOR]\n"
    assert "rows are compared without a cursor" in problems(tmp_path, text)[0]


class Payload:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[object, ...]:
        """Write a file."""
        return Path.write_text, (Path("pickled"), "")


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("{file: missing.npy}", "No such file or directory"),
        ("{file: pickled.npy}", "not a file of numpy (.npy)"),
        ("{file: text.npy}", "not a file of numpy (.npy)"),
        ("{file: two.npy}", "it has 2 vectors: say which one with 'row', from 0"),
        ("{file: two.npy, row: 2}", "it has no row 2: 2 vectors, counted from 0"),
        ("{file: two.npy, datatype: float32}", "is for a raw file; a numpy file has its own"),
        ("{file: words.npy}", "it has 1 dimensions of str"),
        ("{file: five.bin, datatype: float32}", "5 bytes are no vector of float32"),
        ("{file: five.bin}", "a raw file needs one of float64, float32"),
        ("{file: five.bin, datatype: float32, row: 1}", "is for a file of numpy; a raw file is one vector"),
    ],
)
def test_files_that_hold_no_vector_are_named(
    parameter: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("two.npy", np.zeros((2, 4), "<f4"))
    np.save("words.npy", np.array(["a"]))
    np.save("pickled.npy", np.array([Payload()], object), allow_pickle=True)
    Path("text.npy").write_text("no array")
    Path("five.bin").write_bytes(b"12345")
    (problem,) = problems(tmp_path, f"queries:\n  - search: '*'\n    params: {{q: {parameter}}}\n")
    assert message in problem
    assert not Path("pickled").exists()
