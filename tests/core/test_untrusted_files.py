"""Untrusted plans, backups and names, on a real server: none touches documents of another index."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgpack
import numpy as np
import pytest
from attrs import frozen

from fieldfare.backup import backup_file, backup_prefix
from fieldfare.backup.frame import PRELUDE, encode_frame
from fieldfare.cli.app import run
from fieldfare.errors import PlanEdited
from fieldfare.server import Server
from fieldfare.server.inspect import list_indexes
from fieldfare.support.yamlfile import dump_yaml, load_yaml
from fieldfare.testing.digest import database_digest, index_state
from file_damage import mutate_structure

SEED = os.environ.get("SEED", "1")
ROUNDS = 10 if os.environ.get("TORTURE") else 1
COUNT, DIMS = 30, 4
PATCH = """\
version: 1
changes:
  index: {prefix: "new:"}
  rename_fields: [{old_name: title, new_name: heading}]
  update_fields: [{name: embedding, attrs: {datatype: float16}}]
"""
PLAIN_PATCH = "version: 1\nchanges:\n  update_fields: [{name: title, attrs: {sortable: true}}]\n"
APPLY = ("apply", "--backup-dir", "backup", "--batch-size", "10")
ROLLBACK = ("rollback", "--backup-dir", "backup")
CODES = {0, 1, 2, 3, 4, 6}
NAMES = (
    *("a/b", "../../escape", "/absolute", "..", ".", "-rf", "a\\b", "a b", "a\tb", "\x1b[2J\x07", "\u202egnp.exe"),
    *("\udcff\udcfe", "Articles", "ARTICLES", "\u212aelvin", "kelvin", "$(id)", "`id`", "'; id; '", "A" * 10_000),
    *("migration_backup_x", "{0}", "%s", "~root", "con", "a.header", "x" * 79 + "\t"),
)


@frozen
class Place:
    """A directory to work in, and a server with an index that is ours and one that is somebody else's."""

    server: Server
    directory: Path

    def run(self, *arguments: str) -> int:
        """Run a command."""
        return run(arguments)

    def of_others(self) -> object:
        """Everything on the server that the migration must not touch."""
        client: Any = self.server.client
        keys = sorted(key for key in client.scan_iter(count=1000) if key.startswith((b"other:", b"lone")))
        states = index_state(self.server)
        alias = client.execute_command("FT.INFO", "alias-of-others")
        named = alias[b"index_name"] if isinstance(alias, dict) else alias[1]
        return [(key, client.dump(key)) for key in keys], states["others"], named


@pytest.fixture
def place(redis_url: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    create(server, "articles", "doc:")
    create(server, "others", "other:")
    server.command("FT.ALIASADD", "alias-of-others", "others")
    server.command("HSET", "lone", "title", "in no index")
    (tmp_path / "patch.yaml").write_text(PATCH)
    return Place(server, tmp_path)


def create(server: Server, name: str, prefix: str) -> None:
    vectors = np.random.default_rng(1).standard_normal((COUNT, DIMS)).astype("<f4")
    server.command(
        *("FT.CREATE", name, "PREFIX", 1, prefix, "SCHEMA", "title", "TEXT", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    rows = range(COUNT)
    server.bulk([("HSET", f"{prefix}{row}", "title", f"t{row}", "embedding", vectors[row].tobytes()) for row in rows])


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


# ---------------------------------------------------------------- names


def test_no_index_name_leads_out_of_the_backup_directory(server: Server, place: Place) -> None:
    for number, name in enumerate(NAMES):
        server.command("FT.CREATE", name, "PREFIX", 1, f"n{number}:", "SCHEMA", "title", "TEXT")
    (place.directory / "patch.yaml").write_text(PLAIN_PATCH)
    around = sorted(place.directory.parent.iterdir())
    before = state(server)
    for name in NAMES:
        assert place.run("plan", f"--index={name}", "--schema-patch", "patch.yaml") == 0, name
        assert place.run(*APPLY, "--report-out", "report.yaml") == 0, name
    assert place.run("status", "--backup-dir", "backup") == 0
    for name in NAMES:
        assert place.run(*ROLLBACK, f"--index={name}") == 0, name
    assert state(server) == before
    assert sorted(place.directory.parent.iterdir()) == around
    found = {path.name for path in place.directory.iterdir()}
    assert found == {"backup", "migration_plan.yaml", "patch.yaml", "report.yaml"}
    headers = list((place.directory / "backup").glob("*.header"))
    assert len(headers) == len(NAMES), "each has a backup of its own"
    assert all(len(path.name.encode()) < 200 for path in (place.directory / "backup").iterdir())


@pytest.mark.parametrize("name", ["a\nb", "\r"])
def test_an_index_with_a_line_break_in_its_name_is_seen_and_not_planned_with(name: str, place: Place) -> None:
    create(place.server, name, "doc:")
    assert name in list_indexes(place.server)
    assert place.run("plan", "--index", name, "--schema-patch", "patch.yaml") == 4, "FT.INFO is not clear about it"
    assert place.run("plan", "--index", "articles", "--schema-patch", "patch.yaml") == 4, "it covers the same keys"


def test_a_name_with_a_nul_is_refused(place: Place) -> None:
    for changes in ('{index: {name: "a\\0b"}}', '{remove_fields: ["a\\0"]}'):
        (place.directory / "patch.yaml").write_text(f"version: 1\nchanges: {changes}\n")
        assert place.run("plan", "--index", "articles", "--schema-patch", "patch.yaml") == 2


# ---------------------------------------------------------------- plans


@pytest.fixture
def planned(place: Place) -> Path:
    assert place.run("plan", "--index", "articles", "--schema-patch", "patch.yaml") == 0
    return place.directory / "migration_plan.yaml"


def sign(content: Any, path: Path) -> bool:
    """Write a plan with a fingerprint that fits; whether such a file can be written."""
    if not isinstance(content, dict):
        return False
    signed = {key: value for key, value in content.items() if key not in {"fingerprint", "forecast"}}
    forecast = {"forecast": content["forecast"]} if "forecast" in content else {}
    try:
        text = json.dumps(signed, sort_keys=True, separators=(",", ":"))
        path.write_text(dump_yaml({**signed, **forecast, "fingerprint": sha256(text.encode()).hexdigest()}))
    except (TypeError, ValueError):
        return False
    return True


def give_name_of_others(plan: dict[str, Any]) -> None:
    plan["merged_target_schema"]["index"]["name"] = "others"


def give_prefix_of_others(plan: dict[str, Any]) -> None:
    plan["merged_target_schema"]["index"]["prefix"] = "other:"


def take_alias_of_others(plan: dict[str, Any]) -> None:
    plan["source"]["aliases"] = ["alias-of-others"]


def pretend_to_be_others(plan: dict[str, Any]) -> None:
    plan["source"]["schema_snapshot"]["index"]["name"] = "others"
    plan["merged_target_schema"]["index"]["name"] = "others"


def move_onto_others(plan: dict[str, Any]) -> None:
    for step in plan["steps"]:
        if step["kind"] == "prefix.move":
            step["params"]["new"] = "other:"


def move_everything(plan: dict[str, Any]) -> None:
    for step in plan["steps"]:
        if step["kind"] == "prefix.move":
            step["params"]["old"] = ""


@pytest.mark.parametrize(
    "lie",
    [
        *(give_name_of_others, give_prefix_of_others, take_alias_of_others, pretend_to_be_others),
        *(move_onto_others, move_everything),
    ],
)
def test_a_forged_plan_touches_nothing_of_others(
    lie: Callable[[dict[str, Any]], None], place: Place, planned: Path
) -> None:
    others = place.of_others()
    content = dict(load_yaml(planned).data)
    lie(content)
    assert sign(content, planned)
    assert place.run(*APPLY) in CODES
    assert place.of_others() == others


def test_a_plan_with_a_step_that_stands_twice_is_refused(
    place: Place, planned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, before = dict(load_yaml(planned).data), state(place.server)
    convert = next(step for step in content["steps"] if step["kind"] == "quantize.convert")
    content["steps"] = [convert, *content["steps"]]
    assert sign(content, planned)
    assert place.run(*APPLY) == PlanEdited.exit_code
    assert f"the step {convert['id']} stands more than once" in capsys.readouterr().err
    assert state(place.server) == before


def test_no_mutated_plan_touches_anything_of_others(place: Place, planned: Path) -> None:
    content = load_yaml(planned).data
    others, before = place.of_others(), state(place.server)
    applied = 0
    for number in range(30 * ROUNDS):
        label = f"SEED={SEED}, case {number}"
        random = Random(f"{SEED}:{number}")
        if not sign(mutate_structure(content, random), planned):
            continue
        code = place.run(*APPLY)
        assert code in CODES, label
        assert place.of_others() == others, label
        if code == 0:
            applied += 1
            assert place.run(*ROLLBACK, "--index", "articles", "--force") == 0, label
        if state(place.server) != before:  # half-way, or the mutation said so
            assert code in {0, 3}, label
            restore(place)
        shutil.rmtree(place.directory / "backup", ignore_errors=True)
    assert applied, "some mutations do not matter"


def restore(place: Place) -> None:
    """Make the index of ours anew."""
    client: Any = place.server.client
    for name in set(list_indexes(place.server)) - {"others"}:
        place.server.command("FT.DROPINDEX", name)
    for key in list(client.scan_iter(count=1000)):
        if not key.startswith((b"other:", b"lone")):
            client.delete(key)
    create(place.server, "articles", "doc:")


# ---------------------------------------------------------------- backups


@pytest.fixture
def migrated(place: Place, planned: Path) -> Iterator[Place]:
    del planned
    assert place.run(*APPLY) == 0
    after = state(place.server)
    yield place
    assert state(place.server) == after, "what is refused changes nothing"


def own(place: Place, ending: str) -> Path:
    return backup_file(backup_prefix(place.directory / "backup", "articles"), ending)


def rewrite_frames(path: Path, change: Callable[[dict[str, Any], bytes], bytes]) -> None:
    """Change the bodies of a file's frames, with sound checksums."""
    content = path.read_bytes()
    pieces: list[bytes] = []
    while content:
        _, header_length, body_length, *_ = PRELUDE.unpack_from(content)
        middle = PRELUDE.size + header_length
        header = msgpack.unpackb(content[PRELUDE.size : middle], unicode_errors="surrogateescape")
        pieces += map(bytes, encode_frame(header, [change(header, content[middle : middle + body_length])]))
        content = content[middle + body_length :]
    path.write_bytes(b"".join(pieces))


def resign(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a journal, with a checksum that fits."""
    content = json.loads(path.read_text())
    change(content)
    del content["checksum"]
    content["checksum"] = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(content))


def refused(place: Place, capsys: pytest.CaptureFixture[str], *words: str) -> None:
    capsys.readouterr()
    assert place.run(*ROLLBACK) == 4
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


def test_originals_of_another_run_are_refused(migrated: Place, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite_frames(
        own(migrated, "data"), lambda _, body: body and body[:-1] + b"?"
    )  # as a run over other documents wrote them
    refused(migrated, capsys, "is of another run")


def test_keys_that_the_index_does_not_cover_are_refused(migrated: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ("keys", "data"):
        rewrite_frames(own(migrated, ending), lambda _, body: body.replace(b"doc:1", b"lone:"))
    resign(own(migrated, "header"), lambda journal: journal["progress"].update(saved_digest=""))
    refused(migrated, capsys, "does not cover the key b'lone:")


def test_a_journal_under_the_name_of_another_index_is_refused(
    migrated: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in ("header", "keys", "data"):
        path = own(migrated, ending)
        shutil.copy(path, backup_file(backup_prefix(path.parent, "others"), ending))
    capsys.readouterr()
    assert migrated.run(*ROLLBACK, "--index", "others") == 4
    assert "others" in capsys.readouterr().err


def test_links_in_the_backup_directory_are_not_followed(migrated: Place, capsys: pytest.CaptureFixture[str]) -> None:
    treasure = migrated.directory / "treasure"
    treasure.write_text("mine")
    for ending in ("data", "keys", "header", "lock"):
        path = own(migrated, ending)
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(treasure)
        refused(migrated, capsys, "not a regular file")
        path.unlink()
        path.write_bytes(kept)
    assert treasure.read_text() == "mine"
