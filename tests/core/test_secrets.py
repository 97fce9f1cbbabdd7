"""A password is known to the process and to Redis, and to nothing and nobody else.

The whole life of migrations runs against a server that asks for a password. Then every byte that was written is
searched for it: files, what commands said, and everything in Redis itself.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis

from fieldfare.server.embedded import EmbeddedServer
from fieldfare.support.redaction import redact, secrets_in
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.installation import install_plugin

PASSWORD = "hünt/er@two:50%#"  # noqa: S105 - nobody's
USER = "joe"
DIMS, COUNT = 4, 60
PATCH = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
EVERY_LOG = ("-vv", "--traceback", "--log-format", "json")
NEVER = "never:progress:1"
"""A moment at which nothing crashes: only to have the plugins of the test's own directory."""

FAULTS = """
import typer
from fieldfare.hooks.markers import hookimpl
from fieldfare.server import connect

@hookimpl
def fieldfare_add_commands(app: typer.Typer) -> None:
    @app.command("fault")
    def fault(context: typer.Context, url: str = typer.Option("", envvar="FIELDFARE_URL"), how: str = "internal"):
        with connect(url) as server:
            secret = server.client.connection_pool.connection_kwargs["password"]
            import structlog
            from fieldfare.cli.session import Session
            Session.of(context)
            structlog.get_logger("fault").debug("connected", url=url, password=secret, kwargs={"password": secret})
            if how == "interrupt":
                raise KeyboardInterrupt
            raise RuntimeError(f"{url} does not take {secret!r}")
"""


@cache
def spellings(secret: str) -> set[bytes]:
    """Every form in which a secret might be written down."""
    raw = secret.encode()
    encoded = quote(secret, safe="")
    texts = {secret, encoded, encoded.lower(), quote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    texts |= {ascii(secret)[1:-1], raw.hex(), repr(raw)[2:-1]}
    found = {text.encode() for text in texts}
    for text in (raw, f"{USER}:{secret}".encode(), f":{secret}".encode()):
        for shift in range(3):  # wherever it stands in what is encoded
            code = base64.b64encode(bytes(shift) + text)
            found |= {code[4 * (shift > 0) : -4], base64.urlsafe_b64encode(bytes(shift) + text)[4 * (shift > 0) : -4]}
    return found


def assert_clean(secret: str, content: bytes, where: object) -> None:
    for each in spellings(secret):
        position = content.find(each)
        assert position < 0, (where, content[max(position - 80, 0) : position + 80])


class Witness:
    """Runs commands, and keeps all that they say."""

    def __init__(self, server: EmbeddedServer, directory: Path) -> None:
        self.url = f"redis://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}"
        self.directory = directory
        self.admin: Any = Redis(unix_socket_path=str(server.socket), password=PASSWORD)
        self.said: list[tuple[tuple[str, ...], Outcome]] = []
        self.kept: list[bytes] = []

    def __call__(self, *arguments: str, code: int = 0, url: str | None = None, crash_at: str | None = None) -> Outcome:
        """Run a command, which must end with this code."""
        command = (*arguments, *EVERY_LOG)
        outcome = CommandLine(url or self.url, self.directory)(*command, crash_at=crash_at)
        self.said.append((command, outcome))
        assert outcome.code == code, outcome.stderr
        self.look_into_redis()
        return outcome

    def look_into_redis(self) -> None:
        """Keep every key, every text, and what the server knows of its clients."""
        for key in self.admin.scan_iter(count=1000):
            self.kept.append(key + b"=" + (self.admin.get(key) if self.admin.type(key) == b"string" else b""))
        self.kept += [repr(client).encode() for client in self.admin.client_list()]

    def search(self) -> int:
        """Search everything that was written; return how many bytes that were."""
        contents: list[tuple[object, bytes]] = [
            (command, (outcome.stdout + outcome.stderr).encode(errors="surrogateescape"))
            for command, outcome in self.said
        ]
        contents += [("Redis", content) for content in self.kept]
        files = [path for path in self.directory.rglob("*") if path.is_file()]
        contents += [(path, str(path).encode() + path.read_bytes()) for path in files]
        for where, content in contents:
            assert_clean(PASSWORD, content, where)
        return sum(len(content) for _, content in contents)


@pytest.fixture
def witness(private_server: PrivateServer, tmp_path: Path) -> Iterator[Witness]:
    server = private_server(tcp=True, password=PASSWORD)
    witness = Witness(server, tmp_path)
    admin = witness.admin
    admin.acl_setuser(USER, enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], channels=["*"], commands=["+@all"])
    for name in ("articles", "books"):
        admin.execute_command(
            *("FT.CREATE", name, "PREFIX", 1, f"{name}:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
            *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        )
        for row in range(COUNT):
            admin.hset(f"{name}:{row}", "embedding", bytes([0, 0, 128, 63]) * DIMS)
    (tmp_path / "patch.yaml").write_text(PATCH)
    yield witness
    admin.close()


def install_faults(directory: Path) -> None:
    """Make a plugin of commands that fail, beside the one that crashes."""
    home = directory / "crash-plugin"
    install_plugin(home, "faults")
    (home / "faults.py").write_text(FAULTS)


def test_no_byte_of_a_migration_holds_the_password(witness: Witness) -> None:
    witness("list")
    witness("info", "--index", "articles", "--json")
    witness("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    witness("estimate")
    witness("wizard", "--index", "articles", "--patch", "patch.yaml", code=2)  # no answers
    apply = ("apply", "--backup-dir", "backup", "--batch-size", "20", "--report-out", "report.yaml")
    witness(*apply, code=-9, crash_at="rewrite:progress:2")
    assert any(b"fieldfare:lock:articles" in each for each in witness.kept), "the lock is there to be looked at"
    witness("status", "--backup-dir", "backup")
    # what is left of the run meets a server that does not let us create indexes any more
    witness.admin.execute_command("ACL", "SETUSER", USER, "-ft.create")
    failed = witness(*apply, code=4)
    assert "+ft.create" in failed.stderr
    witness.admin.execute_command("ACL", "SETUSER", USER, "+@all")
    witness(*apply, "--benchmark-out", "benchmark.yaml")
    witness("validate", "--report-out", "validation.yaml")
    witness("rollback", "--backup-dir", "backup", "--json")
    assert witness.search() > 20_000


def test_no_byte_of_a_batch_holds_the_password(witness: Witness) -> None:
    witness("batch-plan", "--indexes", "articles,books", "--schema-patch", "patch.yaml")
    witness(
        *("batch-apply", "--plan", "batch_plan.yaml", "--backup-dir", "backup", "--accept-data-loss"),
        code=-9,
        crash_at="rewrite:progress:2",
    )
    witness("batch-status", "--json")
    witness("batch-resume", "--accept-data-loss")
    witness("batch-rollback")
    assert witness.search() > 20_000


def test_no_error_holds_the_password(witness: Witness) -> None:
    install_faults(witness.directory)
    quoted = quote(PASSWORD, safe="")
    host = witness.url.rpartition("@")[2]
    for url, code in (
        (f"http://{USER}:{quoted}@{host}", 2),
        (f"{USER}:{quoted}@{host}", 2),
        (f"redis://{USER}:{PASSWORD}@{host}", 2),  # nobody encoded it
        (f"redis://{PASSWORD}@{host}", 2),
        (f"redis://{USER}:{quoted}@127.0.0.1:port", 2),
        (f"redis://{USER}:{quoted}@127.0.0.1:99999", 2),
        (f"redis://{USER}:{quoted}@127.0.0.1/3", 2),
        (f"redis://{USER}:{quoted}@127.0.0.1:1", 4),
        (f"redis://{USER}:{quoted}@no.such.host.invalid", 4),
        (f"redis://nobody:{quoted}@{host}", 4),  # the server refuses it
        (f"redis://{host}?username={USER}&password={quoted}", 0),
        (f"redis://{host}?passwort={quoted}", 2),
        (f"redis+sentinel://{USER}:{quoted}@127.0.0.1:1/main?sentinel_password={quoted}", 4),
        (f"redis+sentinel://{USER}:{quoted}@127.0.0.1:many/main", 2),
        (f"unix://{USER}:{quoted}@/no/such.sock", 4),
    ):
        witness("list", code=code, url=url)
        witness("list", "--json", "--url", url, code=code, url="redis://localhost:1")
    for arguments, code in (
        (("list", witness.url), 2),
        (("list", "--ulr", witness.url), 2),
        (("--ulr", f"redis://{USER}:{PASSWORD}@{host}"), 2),
        (("list", f"--cluster={witness.url}"), 2),
        ((witness.url,), 2),
        (("info", "--index", "nope", "--url", witness.url), 4),
        (("plan", "--index", "articles", "--schema-patch", witness.url), 2),
        (("plan", "--index", "articles", "--schema-patch", "patch.yaml", "-p", "no:quantize"), 6),
        (("-p", witness.url, "list"), 2),
        (("list", "--help"), 0),
    ):
        witness(*arguments, code=code)
    fault = witness("fault", code=70, crash_at=NEVER)
    assert "Traceback" in fault.stderr
    assert "RuntimeError" in fault.stderr
    assert "connected" in fault.stderr, "the log of debugging is there"
    witness("fault", "--json", code=70, crash_at=NEVER)
    witness("fault", "--how", "interrupt", code=130, crash_at=NEVER)
    (witness.directory / "crash-plugin" / "faults.py").unlink()
    assert witness.search() > 20_000


def test_a_url_with_a_blank_in_it_shows_neither_half(capfd: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fieldfare", "list", "--url", "redis://:open", "sesame@localhost"], check=False
    )
    assert done.returncode == 2
    out, err = capfd.readouterr()
    assert "unexpected extra argument" in err
    assert "sesame" not in out + err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process change what ps shows")
def test_other_users_of_the_machine_do_not_see_it(witness: Witness) -> None:
    arguments = [sys.executable, "-m", "fieldfare", "wizard", "--url", witness.url]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Indexes:\n"
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        names = [path.read_bytes() for path in Path(f"/proc/{process.pid}/task").glob("*/comm")]
        process.communicate("")
    assert_clean(PASSWORD, shown + b"".join(names), "the process's title")
    assert f"redis://{USER}:***".encode() in shown
    assert shown.split(b"\0")[3:5] == [b"wizard", b"--url"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["redis://joe:open%20sesame@host"], {"open%20sesame", "open sesame"}),
        (["redis://sesame@host"], {"sesame"}),
        (["redis://joe:a@host"], set()),
        (["redis://host?password=sesame&db=7777"], {"sesame"}),
        (["redis://host:6379", "articles", "--url"], set()),
    ],
)
def test_secrets_are_found_in_urls(words: list[str], found: set[str]) -> None:
    assert secrets_in(words) == found


def test_a_secret_is_blotted_out_where_it_stands_by_itself() -> None:
    text = "AUTH joe open sesame, 'open%20sesame', open sesameseed"
    assert redact(text, secrets_in(["redis://:open%20sesame@host"])) == "AUTH joe ***, '***', open sesameseed"


@pytest.mark.parametrize(
    "url", ["abfs://backups@account.dfs.core.windows.net/x", "sftp://joe@host/x", "s3://bucket/a@b"]
)
def test_a_container_or_a_user_of_a_storage_is_no_secret(url: str) -> None:
    """The command that resumes a run has it."""
    text = f"To resume: fieldfare apply --backup-dir {url}"
    assert redact(text, secrets_in(["--backup-dir", url])) == text


@pytest.mark.parametrize("url", ["sftp://joe:hunt@er/2@host/x", "abfs://hunter2:x@host/x", "SFTP://:hunter2@host/x"])
def test_a_password_of_a_storage_is_masked(url: str) -> None:
    assert redact(f"at {url}", secrets_in([url])) in {
        "at sftp://joe:***@host/x",
        "at abfs://hunter2:***@host/x",
        "at SFTP://:***@host/x",
    }
