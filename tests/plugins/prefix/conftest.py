"""A database with documents below prefixes, and a migration of the index ``idx`` in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

import pytest
from attrs import frozen

from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

APPLY: Final = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "20")
ROLLBACK: Final = ("rollback", "--backup-dir", "backup")


@frozen
class Database:
    """An emptied server, to be filled with documents and indexes."""

    server: Server

    def index(self, name: str, *prefixes: str | bytes, storage: str = "HASH", filtered: str = "") -> None:
        """Create an index, and wait until it knows its documents."""
        path = ("$.n", "AS", "n") if storage == "JSON" else ("n",)
        options = ("FILTER", filtered) if filtered else ()
        start = ("FT.CREATE", name, "ON", storage, "PREFIX", len(prefixes), *prefixes, *options)
        self.server.command(*start, "SCHEMA", *path, "NUMERIC")
        wait_until_indexed(self.server, name)

    def documents(self, prefix: str | bytes, count: int, storage: str = "HASH") -> None:
        """Write documents of each kind that Redis treats differently: binary names, large ones, expiring ones."""
        start = prefix if isinstance(prefix, bytes) else prefix.encode()
        keys = [start + (b"%d" % row if row % 10 else b"\xff\x00%d" % row) for row in range(count)]
        bulk = self.server.bulk
        if storage == "JSON":
            bulk([("JSON.SET", key, "$", f'{{"n": {row}, "s": "é"}}') for row, key in enumerate(keys)])
        else:
            bulk([("HSET", key, "n", row, "raw", bytes([row % 256, 255, 0])) for row, key in enumerate(keys)])
            bulk([("HPEXPIREAT", key, 4102444800456, "FIELDS", 1, "raw") for key in keys[::7]])
            bulk([("HSET", key, *(part for n in range(600) for part in (f"f{n}", n))) for key in keys[:2]])
        bulk([("PEXPIREAT", key, 4102444800123) for key in keys[::5]])

    def state(self) -> tuple[str, object]:
        """Return everything that there is: keys, values, expiries, indexes."""
        return database_digest(self.server), index_state(self.server)

    def contents(self) -> dict[bytes, Any]:
        """Return what each key holds, and when it and its fields expire, to the millisecond."""
        return {
            key: self._content(key) for key in self.server.command("KEYS", "*") if not key.startswith(b"fieldfare:")
        }

    def _content(self, key: bytes) -> Any:
        expires = self.server.command("PEXPIRETIME", key)
        if self.server.command("TYPE", key) != b"hash":
            return expires, self.server.command("JSON.GET", key)
        client: Any = self.server.client
        values = client.hgetall(key)
        return expires, values, client.hpexpiretime(key, *sorted(values))


@frozen
class Migration:
    """Commands about the index ``idx``, run in this process or in one that kills itself."""

    command_line: CommandLine
    run: Callable[..., Outcome]

    def plan(self, prefixes: Mapping[str, str], *, supported: bool = True) -> str:
        """Plan other prefixes, and return the output."""
        lines = "".join(f"      {old!r}: {new!r}\n" for old, new in prefixes.items())
        return self.plan_patch(f"version: 1\nchanges:\n  index:\n    prefixes:\n{lines}", supported=supported)

    def plan_patch(self, patch: str, *, supported: bool = True) -> str:
        """Plan a patch, and return the output."""
        (self.command_line.directory / "patch.yaml").write_text(patch)
        outcome = self.run("plan", "--index", "idx", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
        assert ("\nSupported\n" in outcome.stdout) == supported, outcome.stderr
        return outcome.stdout + outcome.stderr

    def apply(self, *options: str, code: int = 0) -> Outcome:
        """Apply the plan; the exit code must be this one."""
        return self._expected(code, *APPLY, *options)

    def rollback(self, code: int = 0) -> Outcome:
        """Roll back; the exit code must be this one."""
        return self._expected(code, *ROLLBACK)

    def killed_apply(self, moment: str) -> None:
        """Apply the plan and die."""
        assert self.command_line(*APPLY, crash_at=moment).code == -SIGKILL

    def killed_rollback(self, moment: str) -> None:
        """Roll back and die."""
        assert self.command_line(*ROLLBACK, crash_at=moment).code == -SIGKILL

    def _expected(self, code: int, *arguments: str) -> Outcome:
        outcome = self.run(*arguments)
        assert outcome.code == code, outcome.stderr
        return outcome


@pytest.fixture
def database(server: Server) -> Database:
    """Give an empty database."""
    return Database(server)


@pytest.fixture
def migration(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Migration:
    """Give a command line in an empty directory."""
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)

    def in_process(*arguments: str) -> Outcome:
        capfd.readouterr()
        code = run(arguments)
        return Outcome(code, *capfd.readouterr())

    return Migration(CommandLine(redis_url, tmp_path), in_process)
