"""What clients do with a name that becomes an alias, and moves; docs/clients.md says what these tests see.

``make clients`` runs this: the clients have an environment of their own, and are never imported here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from attrs import evolve, frozen

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.server import Server, index_commands
from fieldfare.server.hidden_alias import find_hiding_index
from fieldfare.server.inspect import list_indexes, read_definition
from fieldfare.testing.indexing import wait_until_indexed

PYTHON = os.environ.get("REDISVL") or None
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="REDISVL does not name the Python of an environment with clients (make clients does)"
)
PAGE: Final = Path(__file__).parents[2] / "docs/clients.md"
NAME: Final = "articles"
COLUMNS: Final = ("running", "exists", "starts", "attached", "changed")
HIDES, DROPS, ALONE = "hides the target", "drops the target", "leaves it alone"
FIRST_8: Final = (8, 0, 0)


def rows() -> dict[str, dict[str, str]]:
    """Return the first table of the page: client → column → what it does."""
    table = PAGE.read_text().split("\n\n- **")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table if re.match(r"\| [\w-]+ \|", line)]
    return {client: dict(zip(COLUMNS, facts, strict=True)) for client, *facts in cells if client != "client"}


CLIENTS: Final = rows()
BOTH_WAYS: Final = [client for client, facts in CLIENTS.items() if facts["attached"] != "-"]


class Application:
    """A running application."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, action: str, **more: Any) -> Any:
        """Have it do something; return the answer, or the error as text."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"do": action, **more}), file=self._process.stdin, flush=True)
        reply = json.loads(self._process.stdout.readline())
        return reply["answer"] if "answer" in reply else reply["error"]

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


Start: TypeAlias = Callable[[str], Application]


@pytest.fixture
def start(redis_url: str) -> Iterator[Start]:
    """Return a function that starts the application of a client."""
    script = Path(__file__).with_name("name_use.py")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with ExitStack() as stack:

        def run(client: str) -> Application:
            command = [str(PYTHON), str(script), client, redis_url]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            stack.enter_context(process)
            application = Application(process)
            stack.callback(application.stop)
            return application

        yield run


@frozen
class Names:
    """Moves the name of an index as a shadow migration does."""

    server: Server

    def build(self, target: str) -> None:
        """Create an index like the one that has the name."""
        index_commands.create(self.server, evolve(read_definition(self.server, NAME), name=target))
        wait_until_indexed(self.server, target)

    def make_alias(self, target: str) -> None:
        """Make the name of a real index an alias."""
        if self.server.capabilities.search_version < FIRST_8:
            self.server.command("FT.ALIASADD", NAME, target)
            self.server.command("FT.DROPINDEX", NAME)
            return
        with self.server.nodes()[0].pipeline(transaction=True) as transaction:
            transaction.execute_command("FT.DROPINDEX", NAME)  # type: ignore[no-untyped-call]
            transaction.execute_command("FT.ALIASADD", NAME, target)  # type: ignore[no-untyped-call]
            transaction.execute()

    def move(self, target: str) -> None:
        """Move the alias to a new index, and drop the former one."""
        former = read_definition(self.server, NAME).name
        self.build(target)
        self.server.command("FT.ALIASUPDATE", NAME, target)
        self.server.command("FT.DROPINDEX", former)


@pytest.fixture
def names(server: Server) -> Names:
    """Give the moves of a name."""
    return Names(server)


def begin(application: Application, names: Names) -> None:
    """Have an application create its index and write two documents; then make its name an alias."""
    assert application("start") is None
    for key in ("1", "2"):
        assert application("load", key=key) is None
    assert (application("query"), application("exists")) == (2, True)
    names.build(f"{NAME}__v2")
    assert application("query") == 2
    names.make_alias(f"{NAME}__v2")


def outcome(server: Server) -> str:
    """Return what became of the alias and of the index behind it."""
    if f"{NAME}__v2" not in list_indexes(server):
        return DROPS
    return HIDES if find_hiding_index(server, NAME, f"{NAME}__v2") else ALONE


def test_the_page_has_every_client() -> None:
    assert list(CLIENTS) == ["redis-py", "RedisVL", "langchain-redis", "redis-om"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_running_client_follows_the_name(client: str, start: Start, names: Names) -> None:
    application = start(client)
    begin(application, names)
    assert application("query") == 2
    assert application("load", key="3") is None
    assert application("query") == 3
    assert application("exists") is (CLIENTS[client]["exists"] == "yes")
    names.move(f"{NAME}__v3")
    assert application("query") == 3
    assert application("load", key="4") is None
    assert application("query") == 4
    assert CLIENTS[client]["running"] == "answers"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_starts_again(client: str, start: Start, names: Names, server: Server) -> None:
    running = start(client)
    begin(running, names)
    restarted = start(client)
    restarted("start")
    assert outcome(server) == CLIENTS[client]["starts"]
    if outcome(server) == HIDES:
        server.command("FT.DROPINDEX", NAME)  # as the message says
    assert outcome(server) == ALONE
    assert (running("query"), restarted("query")) == (2, 2)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_one_line_leaves_the_alias_alone(client: str, start: Start, names: Names, server: Server) -> None:
    first = start(client)
    first("start_carefully")
    assert list_indexes(server) == [NAME]
    server.command("FT.DROPINDEX", NAME)
    server.command("FLUSHALL")
    begin(first, names)
    restarted = start(client)
    assert restarted("start_carefully") is None
    assert outcome(server) == ALONE
    assert restarted("load", key="3") is None
    assert restarted("query") == 3
    names.move(f"{NAME}__v3")
    assert restarted("query") == 3


@pytest.mark.parametrize("client", BOTH_WAYS)
def test_a_client_that_takes_its_schema_from_the_index(client: str, start: Start, names: Names) -> None:
    begin(start(client), names)
    bound, following = start(client), start(client)
    assert (bound("attach"), following("attach"), following("follow")) == (None, None, None)
    assert (bound("query"), following("query")) == (2, 2)
    names.move(f"{NAME}__v3")
    assert "no such index" in bound("query").lower()
    assert following("query") == 2
    assert CLIENTS[client]["attached"] == "fails"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_whose_schema_has_changed(client: str, start: Start, names: Names, server: Server) -> None:
    begin(start(client), names)
    start(client)("start_changed")
    assert outcome(server) == CLIENTS[client]["changed"]


def test_validate_finds_that_a_client_hides_an_alias(
    start: Start, names: Names, server: Server, tmp_path: Path
) -> None:
    begin(start("RedisVL"), names)
    patch = {"version": 1, "changes": {"add_fields": [{"name": "kind", "type": "tag"}]}}
    plan = MigrationPlanner().create_plan_from_patch(NAME, schema_patch=patch, server=server)
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    start("RedisVL")("start")
    (finding,) = (
        each
        for each in MigrationValidator().validate(plan, server=server).validation.findings
        if each.name == "aliases"
    )
    assert finding.fatal
    assert f"FT.DROPINDEX {NAME}, without DD" in finding.detail
    server.command("FT.DROPINDEX", NAME)
    assert MigrationValidator().validate(plan, server=server).validation.passed
