"""``fieldfare sandbox``: a server that lasts as long as the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fieldfare.cli.app import run
from fieldfare.errors import ServerUnavailable
from fieldfare.server import connect
from fieldfare.server.inspect import read_stats

DATA = Path(__file__).parents[2] / "examples" / "wordnet"


def test_it_runs_until_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fieldfare", "sandbox", "--data", str(DATA), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        started = json.loads(text)
        with connect(started["url"]) as server:
            assert read_stats(server, started["index"]).num_docs == started["documents"] == 2000
        process.send_signal(signal.SIGINT)
        assert "gone" in process.stderr.read()
    assert process.returncode == 0
    with pytest.raises(ServerUnavailable):
        connect(started["url"])


def test_without_its_data_it_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--data", str(tmp_path)]) == 2
    assert "documents.jsonl" in capsys.readouterr().err
