"""A reader at a shell, who types the lines of a page."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import define, field

from fieldfare.testing.commandline import CommandLine
from typed_pages import ANSWERS, ASKING, EXIT_CODES, UNTIL_INTERRUPTED

__all__ = ["Reader", "at_a_shell"]

SYNTAX: Final = frozenset("|<>&;$")
"""Characters that only a shell understands."""

ENDED_BY_CTRL_C: Final = (0, 130)
SECONDS: Final = 90


@define
class Reader:
    """Types lines into a shell, in one directory.

    Attributes:
        url: the URL of the server.
        directory: where the lines are typed.
        programs: the directory with the installed ``fieldfare`` of a bare environment; None for the environment of the
            tests, which is faster.
        places: what stands on the page → what stands for it here.
        environment: the variables that the lines see, beside those of the environment.
    """

    url: str
    directory: Path
    programs: Path | None
    places: Mapping[str, str]
    environment: dict[str, str] = field(factory=dict)
    _started: dict[str, subprocess.Popen[bytes]] = field(factory=dict, init=False)

    def type(self, line: str) -> None:
        """Type a line, and check its exit code."""
        if line in self._started:
            return
        here = self._here(line)
        if here.startswith("export "):
            name, _, value = here.removeprefix("export ").partition("=")
            self.environment[name] = value
        elif line.endswith(" &") or line.startswith(tuple(UNTIL_INTERRUPTED)):
            self._start(line, here)
        else:
            code, said = self._run(here, ANSWERS.get(line))
            assert code == EXIT_CODES.get(line, 0), f"$ {here}\n{said}\n(exit code {code})"

    def finish(self) -> None:
        """Press Ctrl-C where a line runs until then, and wait for the others."""
        for line, process in reversed(self._started.items()):
            if not line.endswith(" &"):
                process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) in ENDED_BY_CTRL_C, f"$ {line}\n{self._log(line).read_text()}"
        self._started.clear()

    def kill(self) -> None:
        """End what a failed line has left."""
        for process in self._started.values():
            process.kill()
            process.wait()

    def _here(self, line: str) -> str:
        for there, here in self.places.items():
            line = line.replace(there, here)
        words = line.split()
        asks = words[0] == "fieldfare" and words[1] in ASKING and "--dry-run" not in words
        return f"{line} --yes" if asks else line

    def _run(self, line: str, answers: str | None) -> tuple[int, str]:
        words = shlex.split(line)
        is_plain = words[0] == "fieldfare" and answers is None and not SYNTAX.intersection(line)
        if self.programs is None and is_plain and not self.environment:
            outcome = CommandLine(self.url, self.directory)(*words[1:])
            return outcome.code, outcome.stdout + outcome.stderr
        done = subprocess.run(
            ["bash", "-c", line],  # noqa: S607 - that of the system
            cwd=self.directory,
            env=self._variables(),
            input=answers,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _start(self, line: str, here: str) -> None:
        """Start a line, and wait until it says that it is ready, or until its run is known to other commands."""
        command = ["bash", "-c", f"exec {here.removesuffix('&')}"]
        with self._log(line).open("wb") as log:
            self._started[line] = subprocess.Popen(
                command, cwd=self.directory, env=self._variables(), stdout=log, stderr=log
            )
        ready = next((text for start, text in UNTIL_INTERRUPTED.items() if line.startswith(start)), None)
        deadline = time.monotonic() + SECONDS
        while not (
            any(self.directory.glob("*/*.running.json")) if ready is None else ready in self._log(line).read_text()
        ):
            assert time.monotonic() < deadline, f"$ {here}\n{self._log(line).read_text()}"
            assert self._started[line].poll() is None, f"$ {here}\n{self._log(line).read_text()}"
            time.sleep(0.02)

    def _log(self, line: str) -> Path:
        return (
            self.directory / f".log-{list(self._started).index(line) if line in self._started else len(self._started)}"
        )

    def _variables(self) -> dict[str, str]:
        own = {"FIELDFARE_URL": self.url, "HOME": str(self.directory), **self.environment}
        if self.programs is not None:
            return {"PATH": f"{self.programs}:/usr/bin:/bin", **own}
        return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **own}


@contextmanager
def at_a_shell(reader: Reader) -> Iterator[Reader]:
    """End everything that the reader has started, also when the body fails."""
    try:
        yield reader
        reader.finish()
    finally:
        reader.kill()
