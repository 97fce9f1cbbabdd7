"""The wizard in a real terminal (tmux)."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pytest

from fieldfare.patch import load_patch
from fieldfare.plan.file import load_plan
from fieldfare.server import Server

TMUX = shutil.which("tmux")
SECONDS = 120.0
POLL_SECONDS = 0.02

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed (apt-get install tmux)")


class Screen:
    """A terminal of 100 by 50."""

    def __init__(self, directory: Path, command: str) -> None:
        self._home = TemporaryDirectory(prefix="tmux-")  # the path of a test's own directory is too long for a socket
        self._socket = str(Path(self._home.name, "socket"))
        self._run("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "50", "-c", str(directory), command)

    def shows(self, text: str) -> str:
        """Wait until the screen shows a text, and return all that it shows."""
        deadline = monotonic() + SECONDS
        while text not in (shown := self._run("capture-pane", "-p")):
            assert monotonic() < deadline, f"the screen does not show {text!r}:\n{shown}"
            sleep(POLL_SECONDS)
        return shown

    def press(self, *keys: str) -> None:
        """Press keys: text, or a name such as ``Enter``, ``BSpace``, ``Left``, ``C-c``."""
        self._run("send-keys", *keys)

    def asks(self, prompt: str) -> None:
        """Wait until a prompt is the last thing that the screen shows."""
        deadline = monotonic() + SECONDS
        while not (shown := self._run("capture-pane", "-p")).rstrip().endswith(prompt):
            assert monotonic() < deadline, f"the screen does not ask {prompt!r}:\n{shown}"
            sleep(POLL_SECONDS)

    def answer(self, prompt: str, text: str) -> None:
        """Wait for a prompt, type an answer and press Enter."""
        self.asks(prompt)
        self._run("send-keys", "-l", text)
        self.press("Enter")

    def close(self) -> None:
        """End it, and all that runs in it."""
        subprocess.run([str(TMUX), "-S", self._socket, "kill-server"], check=False, capture_output=True)
        self._home.cleanup()

    def _run(self, *arguments: str) -> str:
        command = [str(TMUX), "-S", self._socket, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def screen(server: Server, redis_url: str, tmp_path: Path) -> Iterator[Screen]:
    """Start the wizard in a terminal, which stays open and shows the exit code."""
    server.command("FT.CREATE", "myindex", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT", "size", "NUMERIC")
    command = shlex.join(
        ["env", "-u", "COLUMNS", sys.executable, "-m", "fieldfare", "wizard", "--index", "myindex", "--url", redis_url]
    )
    screen = Screen(tmp_path, f"{command}; echo ended with $?; cat")
    yield screen
    screen.close()


def test_a_session(screen: Screen, tmp_path: Path) -> None:
    screen.answer("Enter a number:", "1")
    screen.answer("Field name:", "category")
    screen.answer("Field type:", "vector")
    screen.shows("a new vector field requires vectors for all documents")
    screen.answer("Field type:", "tag")
    screen.answer("Sortable [y/n]:", "n")
    screen.answer("Separator [leave blank to keep existing/default]:", "|")
    screen.shows("Change added: add tag field 'category'")
    screen.answer("Enter a number:", "8")
    shown = screen.shows("ended with 0")
    assert "Mode: drop_recreate\nSupported" in shown
    assert load_patch(tmp_path / "schema_patch.yaml").add_fields[0].attrs == {"separator": "|"}
    assert load_plan(tmp_path / "migration_plan.yaml").supported


def test_answers_are_edited_as_they_are_typed(screen: Screen, tmp_path: Path) -> None:
    screen.asks("Enter a number:")
    screen.press("6", "BSpace", "5", "Enter")
    screen.asks("New index name:")
    screen.press("ourindex", "Home", "y", "Enter")  # readline: Home goes to the start of the line
    screen.shows("Change added: rename index 'myindex' to 'yourindex'")
    screen.answer("Enter a number:", "8")
    screen.shows("ended with 0")
    assert load_patch(tmp_path / "schema_patch.yaml").index.name == "yourindex"


@pytest.mark.parametrize(("key", "code"), [("C-c", 130), ("C-d", 2)])
def test_ctrl_c_and_ctrl_d_end_it_and_write_nothing(screen: Screen, tmp_path: Path, key: str, code: int) -> None:
    screen.answer("Enter a number:", "3")
    screen.asks("Select a field to remove by number or name:")
    screen.press(key)
    shown = screen.shows(f"ended with {code}")
    assert "nothing was written" in shown.lower()
    assert "Traceback" not in shown
    assert not list(tmp_path.glob("*.yaml"))
