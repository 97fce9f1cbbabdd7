"""Record the terminal session of the front page: real commands, in a real terminal (tmux), on a private server.

``make recording`` runs it. It writes one picture for wide pages and one for phones. In the middle of the session
``kill -9`` ends a command, at the same batch of documents each time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final, TypeAlias

from attrs import frozen
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from command_reference import other_plugins
from fieldfare.cli.demo_data import create, load
from fieldfare.server import connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.testing.crash import VARIABLE, install_crash_plugin

__all__ = ["RECORDINGS", "Session", "main", "picture", "record"]

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT / "examples" / "wordnet"
PICTURES: Final = ROOT / "docs" / "plots"


@frozen
class Session:
    """A session to record.

    Attributes:
        columns: the columns of its terminal.
        commands: what is typed.
        killed: which of the commands is killed.
    """

    columns: int
    commands: Sequence[str]
    killed: int = 1


RECORDINGS: Final = {
    "session.svg": Session(
        82,
        (
            "fieldfare plan --index words --schema-patch patch.yaml | head -n 3",
            "fieldfare apply --plan migration_plan.yaml --backup-dir backups --yes",
            "fieldfare status --backup-dir backups",
            "fieldfare apply --plan migration_plan.yaml --backup-dir backups | head -n 1",
            "fieldfare rollback --backup-dir backups --yes 2> log | head -n 1",
        ),
    ),
    "session-narrow.svg": Session(
        48,
        (
            "fieldfare plan --index words \\\n    --schema-patch patch.yaml | grep Mode",
            "fieldfare apply --plan migration_plan.yaml \\\n    --backup-dir backups --yes 2> log",
            "fieldfare status --backup-dir backups \\\n    | grep -E 'Phase|Backed up'",
            "fieldfare apply --plan migration_plan.yaml \\\n    --backup-dir backups 2> log | head -n 1",
            "fieldfare rollback --backup-dir backups \\\n    --yes 2> log | head -n 1",
        ),
    ),
}
"""Picture → what it shows: one for wide pages, one for phones."""

CRASH_AT: Final = "rewrite:progress:3"
PATCH: Final = """\
version: 1
changes:
  update_fields:
    - name: embedding
      attrs: {datatype: float16}
"""
PROGRAM: Final = f"""\
#!/bin/sh
if [ -e kill-next ]; then rm kill-next; export {VARIABLE}={CRASH_AT}; fi
exec {sys.executable} -m fieldfare {{leave_out}} "$@"
"""
ROWS: Final = 300
SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.05
PROMPT: Final = "$ "
Terminal: TypeAlias = Callable[..., str]


def main() -> None:
    """Record the session for each width."""
    for name, session in RECORDINGS.items():
        text = record(session)
        (PICTURES / name).write_text(picture(text, session.columns), encoding="utf-8")
        print(f"{PICTURES / name}: {len(text.plain.splitlines())} lines")  # noqa: T201 - a script


def record(session: Session) -> Text:
    """Run the commands in a terminal, and return what it shows; their directory is shown as ``~``.

    Raises:
        TimeoutError: a command does not end.
    """
    with EmbeddedServer() as server, TemporaryDirectory(prefix="session-") as directory:
        with connect(server.url) as connection:
            create(connection, load(DATA, "documents.jsonl", "vectors.npy"))
        home = Path(directory)
        environment = _prepare(home, server.url)
        with _terminal(home, environment, session.columns) as tmux:
            for number, command in enumerate(session.commands):
                if number == session.killed:
                    (home / "kill-next").touch()
                tmux("send-keys", "-l", f"{command}\n")
                _wait_for_prompt(tmux, number + 2)
            shown = tmux("capture-pane", "-e", "-p").rstrip().removesuffix(PROMPT.strip())
    return Text.from_ansi(shown.rstrip().replace(str(home), "~"))


def picture(text: Text, columns: int) -> str:
    """Return the picture of a terminal, which loads nothing from elsewhere."""
    console = Console(record=True, width=columns, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(text, soft_wrap=True)
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="fieldfare", code_format=template, unique_id="session")


def _prepare(home: Path, url: str) -> Mapping[str, str]:
    """Write the files of the session, and return the environment of its shell."""
    (home / "patch.yaml").write_text(PATCH)
    program = home / "bin" / "fieldfare"
    program.parent.mkdir()
    others = " ".join(f"-p no:{name}" for name in other_plugins())
    program.write_text(PROGRAM.format(leave_out=others))
    program.chmod(0o755)
    (home / "shell").write_text(f"PS1='{PROMPT}'\n")
    modules = os.pathsep.join(filter(None, [str(install_crash_plugin(home / "crash")), os.environ.get("PYTHONPATH")]))
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "FIELDFARE_URL": url, "PATH": path, "PYTHONPATH": modules}


@contextmanager
def _terminal(home: Path, environment: Mapping[str, str], columns: int) -> Iterator[Terminal]:
    """Start a shell in a terminal, and give the function that sends commands to tmux."""
    program = shutil.which("tmux")
    if program is None:
        raise FileNotFoundError("tmux is not installed (apt-get install tmux)")

    def tmux(*arguments: str) -> str:
        command = [program, "-S", str(home / "socket"), "-f", "/dev/null", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603

    size = ("-x", str(columns), "-y", str(ROWS))
    tmux("new-session", "-d", *size, "-c", str(home), f"bash --noprofile --rcfile {home / 'shell'} -i")
    try:
        _wait_for_prompt(tmux, 1)
        yield tmux
    finally:
        tmux("kill-server")


def _wait_for_prompt(tmux: Terminal, number: int) -> None:
    """Wait until the shell has shown its prompt so many times, and waits behind the last one."""
    deadline = monotonic() + SECONDS
    while True:
        lines = tmux("capture-pane", "-p").rstrip().splitlines()
        if sum(line.startswith(PROMPT.strip()) for line in lines) == number and lines[-1] == PROMPT.strip():
            return
        if monotonic() > deadline:
            raise TimeoutError("\n".join(lines))
        sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
