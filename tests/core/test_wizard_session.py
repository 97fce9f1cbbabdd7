"""Sessions of the wizard on a real server, with piped answers: their questions, and the files that they write."""

from __future__ import annotations

import io
import json
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldfare.api import MigrationPlanner
from fieldfare.cli.app import run
from fieldfare.patch import SchemaPatch, load_patch
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import load_plan
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.inspect import read_definition
from fieldfare.support.yamlfile import dump_yaml, load_yaml, parse_yaml
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.wizard import document_of, run_wizard

DIMS = 4
PATCH = Path("schema_patch.yaml")
PLAN = Path("migration_plan.yaml")


class Wizard:
    """Runs the wizard in this process, with answers, and knows what it wrote."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.shown = ""
        self.messages = ""

    def __call__(self, *answers: str, options: tuple[str, ...] = (), index: str = "myindex", code: int = 0) -> Any:
        """Give these answers; return the changes in the patch, or None if none was written."""
        typed = "".join(f"{answer}\n" for answer in answers).encode("utf-8", "surrogateescape")
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))
        self._capsys.readouterr()
        ended = run(["wizard", "--index", index, *options])
        self.shown, self.messages = self._capsys.readouterr()
        assert ended == code, self.shown + self.messages
        if not PATCH.exists():
            assert not PLAN.exists()
            return None
        patch = load_patch(PATCH)
        assert load_plan(PLAN).patch == document_of(patch)["changes"]
        return load_yaml(PATCH).data["changes"]


@pytest.fixture
def wizard(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Wizard:
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    return Wizard(capsys, monkeypatch)


@pytest.fixture
def myindex(server: Server) -> Server:
    """The index of the guide's sessions, and some documents."""
    vector = struct.pack(f"<{DIMS}f", *range(DIMS))
    server.bulk([("HSET", f"doc:{n}", "title", f"title {n}", "embedding", vector) for n in range(20)])
    server.command(
        *("FT.CREATE", "myindex", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT", "embedding", "VECTOR", "HNSW", 10),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE", "M", 16, "EF_CONSTRUCTION", 200),
    )
    return server


@pytest.fixture
def places(server: Server) -> Server:
    """A JSON index of two prefixes, with a field of every scalar type."""
    server.bulk([("JSON.SET", f"a:{n}", "$", json.dumps({"name": f"n{n}", "size": n})) for n in range(5)])
    server.command(
        *("FT.CREATE", "myindex", "ON", "JSON", "PREFIX", 2, "a:", "b:", "SCHEMA", "$.name", "AS", "name", "TEXT"),
        *("$.kind", "AS", "kind", "TAG", "$.size", "AS", "size", "NUMERIC", "$.at", "AS", "at", "GEO"),
        *("$.area", "AS", "area", "GEOSHAPE"),
    )
    return server


MENU = """
Choose an action:
1. Add field (text, tag, numeric, geo, geoshape)
2. Update field (sortable, weight, separator, vector config)
3. Remove field
4. Rename field (rename field in all documents)
5. Rename index (change index name)
6. Change prefix (rename all keys)
7. Preview patch (show pending changes as YAML)
8. Finish
9. Undo the last change
10. Remove one change from the patch
11. Update any attribute of a field
"""


@pytest.mark.usefixtures("myindex")
def test_redisvl_session_that_adds_a_field(wizard: Wizard, tmp_path: Path) -> None:
    assert wizard("1", "category", "tag", "n", "|", "8") == {
        "add_fields": [{"name": "category", "type": "tag", "attrs": {"separator": "|"}}]
    }
    assert wizard.shown.startswith(
        f"""\
Building a migration plan for index 'myindex'
Current schema:
- Index name: myindex
- Storage type: hash
  - title (text)
  - embedding (vector)
{MENU}Enter a number: 1
Field name: category
Field type options: text, tag, numeric, geo, geoshape
Field type: tag
  Sortable: enables sorting and aggregation on this field
Sortable [y/n]: n
  Separator: character that splits multiple values (default: comma)
Separator [leave blank to keep existing/default]: |
Change added: add tag field 'category'
{MENU}Enter a number: 8
Schema patch written to {tmp_path / PATCH}
Migration plan written to {tmp_path / PLAN}
Mode: drop_recreate
Supported
Warnings:
"""
    )
    assert "- Index downtime is required\n" in wizard.shown
    assert wizard.shown.endswith(f"\nNext: fieldfare apply --plan {tmp_path / PLAN} --backup-dir ./migration_backups\n")
    assert wizard.messages == ""


@pytest.mark.usefixtures("myindex")
def test_redisvl_session_that_quantizes_vectors(wizard: Wizard) -> None:
    assert wizard("2", "2", "", "float16", "", "", "", "8") == {
        "update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]
    }
    assert (
        """\
Updatable fields:
1. title (text)
2. embedding (vector)
Select a field to update by number or name: 2
Current vector config for 'embedding':
  algorithm: HNSW
  datatype: float32
  distance_metric: cosine
  dims: 4 (can be reduced with action 11)
  m: 16
  ef_construction: 200

Leave blank to keep current value.
  Algorithm: vector search method (FLAT=brute force, HNSW=graph, SVS-VAMANA=compressed graph)
Algorithm [current: HNSW]: 
  Datatype: float16, float32, bfloat16, float64, int8, uint8
            (float16 reduces memory ~50%, int8/uint8 reduce ~75%)
Datatype [current: float32]: float16
  Distance metric: how similarity is measured (cosine, l2, ip)
Distance metric [current: cosine]: 
  M: number of connections per node (higher=better recall, more memory)
M [current: 16]: 
  EF_CONSTRUCTION: build-time search depth (higher=better recall, slower build)
EF_CONSTRUCTION [current: 200]: 
Change added: field 'embedding': datatype: float32 → float16
"""  # noqa: W291 - a prompt ends with a blank
        in wizard.shown
    )


@pytest.mark.usefixtures("myindex")
@pytest.mark.parametrize(
    ("answers", "changes"),
    [
        (["1", "a", "text", "y", "2.5"], {"name": "a", "type": "text", "attrs": {"weight": 2.5, "sortable": True}}),
        (["1", "year", "numeric", "YES"], {"name": "year", "type": "numeric", "attrs": {"sortable": True}}),
        (["1", "at", "GEO", ""], {"name": "at", "type": "geo"}),
        (["1", "area", "geoshape", "flat"], {"name": "area", "type": "geoshape", "attrs": {"coord_system": "FLAT"}}),
        (["1", "kind", "tag", "", " "], {"name": "kind", "type": "tag", "attrs": {"separator": " "}}),
        (["1", "kind", "tag", "", ""], {"name": "kind", "type": "tag"}),
    ],
)  # fmt: skip
def test_add_field(wizard: Wizard, answers: list[str], changes: dict[str, Any]) -> None:
    assert wizard(*answers, "8") == {"add_fields": [changes]}


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(("path", "written"), [("", "$.city"), ("$.address.city", "$.address.city")])
def test_a_field_of_json_documents_has_a_path(wizard: Wizard, path: str, written: str) -> None:
    added = {"name": "city", "type": "tag", "path": written}
    assert wizard("1", "city", "tag", path, "n", "", "8") == {"add_fields": [added]}
    assert "JSON path [default: $.city]: " in wizard.shown
    assert "splits multiple values (default: none)" in wizard.shown


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("answers", "attrs"),
    [
        (["name", "y", "3"], {"sortable": True, "weight": 3.0}),
        (["kind", "", ";"], {"separator": ";"}),
        (["size", "y"], {"sortable": True}),
        (["at", "y"], {"sortable": True}),
        (["area", "FLAT"], {"coord_system": "FLAT"}),
    ],
)
def test_update_field(wizard: Wizard, answers: list[str], attrs: dict[str, Any]) -> None:
    assert wizard("2", *answers, "8") == {"update_fields": [{"name": answers[0], "attrs": attrs}]}


@pytest.mark.usefixtures("myindex")
def test_questions_follow_the_algorithm(wizard: Wizard) -> None:
    attrs = {"algorithm": "FLAT", "distance_metric": "l2"}
    assert wizard("2", "embedding", "flat", "", "L2", "8") == {"update_fields": [{"name": "embedding", "attrs": attrs}]}
    assert "M [current" not in wizard.shown


@pytest.mark.usefixtures("myindex")
def test_a_field_to_be_added_can_be_updated_renamed_and_removed(wizard: Wizard) -> None:
    assert wizard(*("1", "kind", "tag", "n", ""), *("2", "kind", "y", ";"), *("4", "kind", "sort"), "8") == {
        "add_fields": [{"name": "sort", "type": "tag", "attrs": {"separator": ";", "sortable": True}}]
    }
    PATCH.unlink()
    PLAN.unlink()
    assert wizard(*("1", "kind", "tag", "n", ""), *("3", "kind"), "8") is None


@pytest.mark.usefixtures("myindex")
def test_remove_field(wizard: Wizard) -> None:
    assert wizard("3", "1", "8") == {"remove_fields": ["title"]}


@pytest.mark.usefixtures("myindex")
def test_rename_field(wizard: Wizard) -> None:
    assert wizard("4", "title", "headline", "8") == {"rename_fields": [{"old_name": "title", "new_name": "headline"}]}


@pytest.mark.usefixtures("myindex")
def test_a_rename_may_leave_documents_alone(wizard: Wizard) -> None:
    """Asked where an outage is to be avoided: then both ways do without one."""
    logical = {"rename_fields": [{"old_name": "title", "new_name": "headline", "logical": True}]}
    shadow = ("--mode", "shadow")
    assert wizard("4", "title", "headline", "", "8", options=shadow) == logical
    assert "no document is rewritten" in wizard.shown
    physical = {"rename_fields": [{"old_name": "title", "new_name": "headline"}]}
    assert wizard("4", "title", "headline", "maybe", "n", "8", options=shadow) == physical
    again = ("4", "title", "heading", "y", "4", "heading", "headline", "y", "8")
    assert wizard(*again, options=shadow) == logical
    del logical["rename_fields"][0]["logical"]
    for mode in ("auto", "shadow"):
        assert wizard("4", "title", "headline", "n", "8", options=("--mode", mode)) == logical


@pytest.mark.usefixtures("myindex")
def test_a_rename_of_the_patch_stays_logical(wizard: Wizard) -> None:
    Path("given.yaml").write_text(
        "version: 1\nchanges:\n  rename_fields:\n  - {old_name: title, new_name: heading, logical: true}\n"
    )
    changes = wizard("4", "heading", "headline", "8", options=("--patch", "given.yaml"))
    assert changes == {"rename_fields": [{"old_name": "title", "new_name": "headline", "logical": True}]}
    PATCH.unlink()
    PLAN.unlink()
    assert wizard("10", "1", "8", options=("--patch", "given.yaml")) is None
    assert "rename field 'title' to 'heading' (logical)" in wizard.shown


@pytest.mark.usefixtures("myindex")
def test_rename_index(wizard: Wizard) -> None:
    assert wizard("5", "yourindex", "8") == {"index": {"name": "yourindex"}}


@pytest.mark.usefixtures("myindex")
def test_change_prefix(wizard: Wizard) -> None:
    assert wizard("6", "article:", "8") == {"index": {"prefix": "article:"}}
    assert "Current prefix: doc:" in wizard.shown


@pytest.mark.usefixtures("places")
def test_change_one_of_several_prefixes(wizard: Wizard) -> None:
    assert wizard("6", "2", "place:", "8") == {"index": {"prefixes": {"b:": "place:"}}}


@pytest.mark.usefixtures("myindex")
def test_any_attribute(wizard: Wizard) -> None:
    assert wizard("11", "title", "no_stem", "y", "11", "2", "ef_runtime", "20", "8") == {
        "update_fields": [
            {"name": "title", "attrs": {"no_stem": True}},
            {"name": "embedding", "attrs": {"ef_runtime": 20}},
        ]
    }


@pytest.mark.usefixtures("myindex")
def test_preview_shows_what_is_written(wizard: Wizard) -> None:
    changes = wizard("7", "5", "yourindex", "3", "title", "7", "8")
    first, second = wizard.shown.split("Pending changes:\n")[1:]
    assert parse_yaml(first.partition("\n\n")[0], "preview").data == {"version": 1, "changes": {}}
    assert parse_yaml(second.partition("\n\n")[0], "preview").data == {"version": 1, "changes": changes}


@pytest.mark.usefixtures("myindex")
def test_undo_reverts_one_action_after_the_other(wizard: Wizard) -> None:
    asked = ["5", "yourindex", "2", "embedding", "flat", "float16", "l2"]
    assert wizard(*asked, "9", "8") == {"index": {"name": "yourindex"}}
    assert "Change removed: field 'embedding': datatype: float32 → float16" in wizard.shown
    PATCH.unlink()
    PLAN.unlink()
    assert wizard(*asked, "9", "9", "9", "8") is None
    assert "There is nothing to undo." in wizard.shown
    assert wizard.shown.endswith("Nothing to do: the index matches the target. No file was written.\n")


@pytest.mark.usefixtures("myindex")
@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (["1", "v", "vector", ""], "a new vector field requires vectors for all documents"),
        (["1", "title", ""], "Field 'title' exists already"),
        (["2", "embedding", "", "int8", "", "", "", ""], "it has search"),
        (["2", "embedding", "svs-vamana", "", "", "", "", ""], "SVS-VAMANA needs search 8.2"),
        (["11", "embedding", "dims", "8", ""], "changing vector dimensions requires re-embedding"),
        (["4", "title", "embedding", ""], "Field 'title' cannot be renamed to 'embedding': it exists already"),
        (["5", "other", ""], "an index or alias named 'other' exists already"),
        (["5", "no\0such", ""], "must not hold a NUL character"),
        (["3", "title", "3", "embedding", "", "9"], "'embedding' is the last field"),
        (["3", "title", "1", "heading", "text", "n", "", "9"], "looks like a rename"),
    ],
)
def test_a_blocked_change_is_explained_at_once(wizard: Wizard, server: Server, answers: list[str], reason: str) -> None:
    server.command("FT.CREATE", "other", "SCHEMA", "name", "TAG")
    if reason.endswith("search 8.2") and server.capabilities.has_svs:
        pytest.skip("this server has SVS-VAMANA")
    if "int8" in answers and server.capabilities.indexes("int8"):
        pytest.skip("this server has int8 vectors")
    assert wizard(*answers, "8") is None
    assert reason in wizard.shown


@pytest.mark.usefixtures("myindex")
def test_vectors_get_fewer_dims(wizard: Wizard) -> None:
    assert wizard("11", "embedding", "dims", "0", "3", "8") == {
        "update_fields": [{"name": "embedding", "attrs": {"dims": 3}}]
    }
    assert "dims must be at least 1, not 0" in wizard.shown
    assert "Change added: field 'embedding': dims: 4 → 3" in wizard.shown


@pytest.mark.usefixtures("myindex")
def test_an_invalid_answer_is_asked_again(wizard: Wizard) -> None:
    answers = [
        *("0", "99", "add", "", "2", "7", "nothing", "embedding"),
        *("quick", "hnsw", "float17", "", "euclid", "l2", "one", "1", "24", "-5", "100"),
        *("1", "year", "number", "numeric", "maybe", "y", "8"),
    ]
    assert wizard(*answers) == {
        "add_fields": [{"name": "year", "type": "numeric", "attrs": {"sortable": True}}],
        "update_fields": [{"name": "embedding", "attrs": {"distance_metric": "l2", "m": 24, "ef_construction": 100}}],
    }
    for complaint in (
        "Please enter a number from 1 to 11.",
        "Please enter a number from 1 to 2, or a name from the list.",
        "Algorithm must be one of FLAT, HNSW, SVS-VAMANA, not 'quick'.",
        "Datatype must be one of",
        "M must be a whole number, not 'one'.",
        "M must be at least 2, not 1.",
        "EF_CONSTRUCTION must be at least 1, not -5.",
        "The field type must be one of text, tag, numeric, geo, geoshape, not 'number'",
        "Please answer y or n.",
    ):
        assert complaint in wizard.shown


@pytest.mark.usefixtures("myindex")
def test_a_session_can_start_from_a_patch_and_keeps_its_comments(wizard: Wizard, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "# for the shop\nversion: 1\nchanges:\n  remove_fields:\n    - title  # nobody reads it\n"
        "  index:\n    stopwords: []\n    name: shop\n"
    )
    changes = wizard("10", "shop", "2", "6", "shop:", "8", options=("--patch", "mine.yaml"))
    assert changes == {"remove_fields": ["title"], "index": {"stopwords": [], "prefix": "shop:"}}
    assert "Changes of the patch:\n- remove field 'title'\n" in wizard.shown
    written = PATCH.read_text()
    assert written.startswith("# for the shop\n")
    assert "    - title  # nobody reads it\n" in written

    wizard("9", "8", options=("--patch", str(PATCH)))
    assert PATCH.read_text() == written


@pytest.mark.usefixtures("myindex")
def test_a_blocked_change_of_an_existing_patch_can_be_removed(wizard: Wizard) -> None:
    PATCH.write_text("version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {dims: 8, m: 8}}\n")
    own = ("--patch", str(PATCH))
    wizard("5", "yourindex", "8", options=own, code=4)
    assert "changing vector dimensions requires re-embedding" in wizard.shown.partition("Choose an action")[0]
    assert "Not supported\n" in wizard.shown
    assert "Migration blocked: unsupported change" in wizard.messages
    assert load_plan(PLAN).supported is False
    assert wizard("10", "1", "8", options=own) == {
        "update_fields": [{"name": "embedding", "attrs": {"m": 8}}],
        "index": {"name": "yourindex"},
    }


@pytest.mark.usefixtures("myindex")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version: 1\nchanges:\n  add_field: []\n", "did you mean 'add_fields'?"),
        ("version: 1\nchanges:\n  remove_fields: [titel]\n", "Field 'titel' not found; did you mean 'title'?"),
        (None, "No such file"),
    ],
)
def test_an_invalid_patch_ends_the_session(wizard: Wizard, tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "mine.yaml").write_text(content)
    assert wizard("8", options=("--patch", "mine.yaml"), code=2) is None
    assert message in wizard.messages


@pytest.mark.usefixtures("myindex")
def test_output_paths_are_used(wizard: Wizard, tmp_path: Path) -> None:
    assert wizard("5", "b", "8", options=("--patch-out", "p.yaml", "--plan-out", "q.yaml")) is None
    assert load_patch(tmp_path / "p.yaml").index.name == "b"
    assert load_plan(tmp_path / "q.yaml").target.name == "b"
    wizard("8", options=("--patch-out", "p.yaml", "--plan-out", "./p.yaml"), code=2)
    assert "need different files" in wizard.messages
    wizard("8", options=("--patch-out", "no/p.yaml"), code=2)
    assert "does not exist" in wizard.messages


@pytest.mark.usefixtures("myindex")
def test_a_patch_that_will_be_replaced_is_named_at_the_start(wizard: Wizard) -> None:
    assert wizard("5", "b", "8") == {"index": {"name": "b"}}
    assert wizard("5", "c", "8") == {"index": {"name": "c"}}
    assert wizard.messages == f"{PATCH} exists, and will be replaced at the end. To start from it: --patch {PATCH}\n"
    wizard("8", options=("--patch", str(PATCH)))
    assert wizard.messages == ""


@pytest.mark.usefixtures("myindex")
def test_json_is_one_document_and_questions_go_to_stderr(wizard: Wizard, tmp_path: Path) -> None:
    wizard("5", "yourindex", "8", options=("--json",))
    document = json.loads(wizard.shown)
    assert document["patch_path"] == str(tmp_path / PATCH)
    assert document["plan_path"] == str(tmp_path / PLAN)
    assert document["supported"] is True
    assert "Enter a number: 5" in wizard.messages
    wizard("8", options=("--json",))
    assert json.loads(wizard.shown) == {"patch_path": None, "plan_path": None, "plan": None}


def test_without_a_name_the_index_is_asked_for(
    wizard: Wizard, myindex: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    myindex.command("FT.CREATE", "other", "SCHEMA", "name", "TAG")
    monkeypatch.setattr(sys, "stdin", io.StringIO("third\n\n2\n3\n1\n\n5\nthird\n8\n"))
    assert run(["wizard"]) == 0
    assert "Indexes:\n1. myindex\n2. other\n" in capsys.readouterr().out
    assert load_plan(PLAN).index == "other"
    del wizard


@pytest.mark.usefixtures("server")
def test_a_server_without_indexes(wizard: Wizard) -> None:
    assert run(["wizard"]) == 4
    assert wizard("8", code=4) is None
    assert "There is no index or alias named 'myindex'" in wizard.messages


def test_an_alias_names_the_index_and_is_kept(wizard: Wizard, myindex: Server) -> None:
    for alias in ("news", "articles"):
        myindex.command("FT.ALIASADD", alias, "myindex")
    wizard("5", "b", "8", index="news", options=("--alias", "articles"))
    assert load_plan(PLAN).source.aliases == ("articles", "news")


@pytest.mark.usefixtures("myindex")
@pytest.mark.parametrize("answers", [(), ("1",), ("5", "yourindex"), ("2", "embedding", "flat")])
def test_answers_that_end_too_early_write_nothing(wizard: Wizard, answers: tuple[str, ...]) -> None:
    assert wizard(*answers, code=2) is None
    assert "The answers ended before 'Finish' was chosen, so nothing was written." in wizard.messages


@pytest.fixture
def process(myindex: Server, redis_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the real program, which reads what the test writes."""
    del myindex
    command = [sys.executable, "-m", "fieldfare", "wizard", "--index", "myindex", "--url", redis_url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        yield process


def test_ctrl_c_writes_nothing(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"5\nyourindex\n")
    process.stdin.flush()
    assert any(line.startswith(b"Change added: rename index") for line in process.stdout)
    while process.poll() is None:  # Python can miss a signal between its last check and its wait for input
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    _, told = process.communicate(timeout=600)
    assert process.returncode == 130
    assert b"Nothing was written" in told
    assert b"fieldfare wizard --index myindex" in told
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_not_utf8(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    shown, told = process.communicate(b"1\n\xff\xfe\ntag\n\n\n7\n8\n", timeout=600)
    assert process.returncode == 0, told
    assert b"Change added: add tag field" in shown
    [added] = load_patch(tmp_path / PATCH).add_fields
    assert added.name.encode("utf-8", "surrogateescape") == b"\xff\xfe"


class StoppingServerInput:
    """A standard input, in the middle of which the server ends."""

    def __init__(self, server: EmbeddedServer, before: list[str], after: list[str]) -> None:
        self._server = server
        self._before = before
        self._after = after

    def isatty(self) -> bool:
        """Return that nobody types."""
        return False

    def readline(self) -> str:
        """Return the next answer."""
        if self._before:
            return self._before.pop(0) + "\n"
        self._server.stop()
        return self._after.pop(0) + "\n" if self._after else ""


def test_a_lost_connection_costs_one_answer(
    private_server: PrivateServer, wizard: Wizard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    embedded = private_server(tcp=True)
    with connect(embedded.url) as server:
        server.command("FT.CREATE", "myindex", "SCHEMA", "name", "TAG", "size", "NUMERIC")
    monkeypatch.setattr(sys, "stdin", StoppingServerInput(embedded, ["5", "yourindex"], ["3", "1", "", "7", "8"]))
    assert run(["wizard", "--index", "myindex", "--url", embedded.url]) == 2
    shown, told = capsys.readouterr()
    assert "This cannot be done:\n  - Redis refused, or gave no answer" in shown
    assert "Internal error" not in told
    assert "name: yourindex" in shown  # the preview, afterwards
    assert not PATCH.exists()
    del wizard


WORDS = st.sampled_from(
    [
        *("1", "2", "3", "4", "5", "6", "9", "10", "11", "title", "kind", "embedding", "tag", "text", "vector", "0"),
        *("y", "n", "|", ";", "float16", "flat", "hnsw", "l2", "32", "x:", "no_stem", "m", "", "\udcff", "name: x"),
    ]
)


@settings(max_examples=25)
@given(st.lists(WORDS, max_size=40))
def test_any_answers_give_a_patch_that_can_be_loaded_and_planned(myindex: Server, answers: list[str]) -> None:
    planner = MigrationPlanner()

    def make_plan(patch: SchemaPatch) -> MigrationPlan:
        return planner.create_plan_from_patch("myindex", schema_patch=document_of(patch), server=myindex)

    source = read_definition(myindex, "myindex")
    # a blank leaves every question
    outcome = run_wizard(Answers([*answers, *[""] * 12, "8"]), source, make_plan)
    written = parse_yaml(dump_yaml(document_of(outcome.patch)), "patch.yaml").data
    assert make_plan(outcome.patch).supported
    assert document_of(outcome.patch) == written


class Answers:
    """A terminal at which all answers are known beforehand."""

    def __init__(self, answers: list[str]) -> None:
        self._answers = iter(answers)

    def read(self, prompt: str) -> str:
        """Return the next answer."""
        del prompt
        return next(self._answers)

    def write(self, line: str) -> None:
        """Show nothing."""
