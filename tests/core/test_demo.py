"""``fieldfare demo``, run as a new user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from fieldfare.testing.commandline import CommandLine, Outcome

DATA = Path(__file__).parents[2] / "examples" / "wordnet"


Demo: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def run_demo(
    redis_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Demo:
    """Runs the demo on a given server, with its temporary files in ``tmp_path``."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    fieldfare = CommandLine(redis_url, tmp_path_factory.mktemp("elsewhere"))

    def run(*options: str, data: Path = DATA) -> Outcome:
        return fieldfare("demo", "--data", str(data), "--url", redis_url, *options)

    return run


def test_demo_migrates_and_rolls_back_on_a_private_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fieldfare", "demo", "--data", str(DATA)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Same five results as before\n") == 2
    assert "The new field finds all 232 verbs\n" in done.stdout
    assert "Every byte is what it was\n" in done.stdout
    assert re.search(r"^\d+ checks passed$", done.stdout, re.MULTILINE)
    assert "FAILED" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_demo_halves_the_vectors_and_leaves_nothing_on_a_given_server(run_demo: Demo, client: Any) -> None:
    done = run_demo("--json")
    assert done.code == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    vectors = {moment: each["vectors in documents"] for moment, each in result["memory"].items()}
    assert vectors == {"before": 2000 * 384 * 4, "migrated": 2000 * 384 * 2, "rolled back": 2000 * 384 * 4}
    assert client.dbsize() == 0
    assert client.execute_command("FT._LIST") in ([], set())


def test_demo_keeps_plan_and_backup_when_asked(run_demo: Demo, tmp_path: Path, client: Any) -> None:
    del client  # empties the database
    done = run_demo("--keep")
    assert done.code == 0, done.stderr
    (directory,) = tmp_path.iterdir()
    assert str(directory) in done.stdout
    assert (directory / "plan.yaml").is_file()
    assert list((directory / "backup").glob("*.header"))


def test_demo_does_not_touch_an_index_of_the_same_name(run_demo: Demo, client: Any) -> None:
    client.execute_command("FT.CREATE", "words", "PREFIX", 1, "mine:", "SCHEMA", "title", "TEXT")
    client.hset("mine:1", "title", "hello")
    done = run_demo()
    assert done.code == 4
    assert "already" in done.stderr
    assert client.keys() == [b"mine:1"]
    assert client.execute_command("FT._LIST") in ([b"words"], {b"words"})


def test_demo_does_not_drop_an_index_that_has_the_new_name(run_demo: Demo, client: Any) -> None:
    client.execute_command("FT.CREATE", "mine", "PREFIX", 1, "mine:", "SCHEMA", "title", "TEXT")
    client.execute_command("FT.ALIASADD", "words_v2", "mine")
    done = run_demo()
    assert done.code == 4
    assert "an index or alias named 'words_v2' already" in done.stderr
    assert client.execute_command("FT._LIST") in ([b"mine"], {b"mine"})
    assert client.dbsize() == 0
    client.execute_command("FT.DROPINDEX", "mine")
    client.execute_command("FT.CREATE", "words_v2", "PREFIX", 1, "mine:", "SCHEMA", "title", "TEXT")
    assert run_demo().code == 4
    assert client.execute_command("FT._LIST") in ([b"words_v2"], {b"words_v2"})


def test_failed_demo_writes_one_json_document(run_demo: Demo, tmp_path: Path, client: Any) -> None:
    del client
    data = tmp_path / "data"
    shutil.copytree(DATA, data)
    patch = data / "schema_patch.yaml"
    # the tags of "verb" are "v" and "rb" then
    patch.write_text(patch.read_text().replace("type: tag", "type: tag\n      attrs: {separator: e}"))
    done = run_demo("--json", data=data)
    assert done.code == 1, done.stderr
    assert json.loads(done.stdout)["problems"]
    assert "The demo failed: not true: " in done.stderr


def test_demo_without_its_data_names_the_missing_file(run_demo: Demo, tmp_path: Path) -> None:
    done = run_demo(data=tmp_path / "nowhere")
    assert done.code == 2
    assert "documents.jsonl" in done.stderr
