"""A Dask scheduler and workers, started as a user does: ``dask scheduler``, ``dask worker``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Self
from urllib.request import urlopen

__all__ = ["DaskCluster"]


class DaskCluster:
    """Processes on loopback; what they write is in files of a directory. A context manager.

    Args:
        directory: for their logs and files.
        url: of Redis, in the environment of the workers.
    """

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._numbers: Iterator[int] = count()
        self._file = directory / "scheduler.json"

    def __enter__(self) -> Self:
        """Start the scheduler."""
        self.directory.mkdir()
        self.scheduler = self._start("scheduler", "scheduler", "--port", "0", "--scheduler-file", str(self._file))
        deadline = time.monotonic() + 60
        while not self._file.exists() or not self._file.read_text():
            assert time.monotonic() < deadline, "the scheduler does not start"
            assert self.scheduler.poll() is None, (self.directory / "scheduler.log").read_text()
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        """End all of them."""
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait()

    @property
    def executor(self) -> str:
        """What ``--executor`` takes."""
        return str(json.loads(self._file.read_text())["address"]).replace("tcp://", "dask://")

    def pages(self) -> bytes:
        """Return what the scheduler shows to a browser."""
        port = json.loads(self._file.read_text())["services"]["dashboard"]
        shown = b""
        for name in ("info/main/workers.html", "info/main/logs.html"):
            with urlopen(f"http://127.0.0.1:{port}/{name}") as answer:
                shown += answer.read()
        return shown

    def wait_for_workers(self, number: int) -> None:
        """Wait until so many workers have come."""
        from distributed import Client  # noqa: PLC0415 - it may not be installed

        with Client(scheduler_file=str(self._file), set_as_default=False) as client:  # type: ignore[no-untyped-call]  # Dask leaves it untyped
            client.wait_for_workers(number, timeout=60)

    def add_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker with one thread, in an environment."""
        name = f"worker-{next(self._numbers)}"  # a worker with the name of one that is still there ends at once
        options = ("--scheduler-file", str(self._file), "--nthreads", "1", "--no-nanny", "--name", name)
        worker = self._start(name, "worker", *options, environment={"FIELDFARE_URL": self.url, **environment})
        self.workers.append(worker)
        return worker

    def _start(
        self, name: str, role: str, *options: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "dask",
            role,
            "--host",
            "127.0.0.1",
            "--no-dashboard",
            "--dashboard-address",
            "127.0.0.1:0",
            *options,
        ]
        with (self.directory / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=self.directory,
            )
