"""No value of a document is shown, logged or reported by the kernel, whatever a plugin or the server does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.installation import install_plugin

COUNT = 30
ADDRESS = "ada-lovelace"
PATCH = "version: 1\nchanges:\n  custom:\n    - kind: leak.rewrite\n      field: email\n"

PLUGIN = """
from fieldfare import hookimpl
from fieldfare.changes import CustomChange
from fieldfare.documents import Batch, Column
from fieldfare.plan import Claim, Phase, Receipt, Step
from fieldfare.report import Finding


@hookimpl
def fieldfare_classify(change, live):
    if isinstance(change, CustomChange) and change.kind == "leak.rewrite":
        return Claim.supported(rewrites_documents=True)


@hookimpl
def fieldfare_plan_steps(change, live):
    return [Step.rewrite("leak.rewrite", ["email"])]


@hookimpl
def fieldfare_transform(step, batch):
    values = list(batch["email"])
"""

APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "-vv")

FAIL_AT_SEVEN = """\
    for each in values:
        if each.endswith(b"-07"):
            {}
    return batch
"""

VALIDATE = """\
    return batch


@hookimpl
def fieldfare_validate(run):
    {}
"""

OBSERVE = """\
    seen.append(values[0])
    return batch


seen = []


@hookimpl
def fieldfare_step_report(report):
    if seen:
        raise ValueError(seen[0])
"""

ENDINGS = {
    "raised": (
        FAIL_AT_SEVEN.format("raise ValueError(each)"),
        6,
        "raised ValueError in leak.py, line 25 for d:07. '--tra",
    ),
    "no number": (FAIL_AT_SEVEN.format("int(each)"), 6, "raised ValueError in leak.py, line 25 for d:07"),
    "list": ("    return values", 6, "returned a list of 30 items"),
    "text": ("    return batch.replace('email', [each.decode() for each in values])", 6, "neither bytes nor None"),
    "no column": ("    return Batch(batch.keys, {'email': values})", 6, "'email' as a list of 30 items, and not as a"),
    "bytes": ("    return values[0]", 6, "returned a value of type bytes"),
    "validation": (
        VALIDATE.format("raise ValueError(run.redis.hget('d:07', 'email'))"),
        3,
        "fieldfare_validate raised ValueError in leak.py, line 28",
    ),
    "findings": (
        VALIDATE.format("return [run.redis.hget('d:07', 'email')]"),
        3,
        "it returned a list of 1 item instead of findings",
    ),
    "observer": (OBSERVE, 0, "observer_failed"),
    "unknown command": (
        VALIDATE.format("run.redis.execute_command('HSETT', 'd:07', run.redis.hget('d:07', 'email'))"),
        3,
        "unknown command 'HSETT'",
    ),
}


@frozen
class Author:
    """Somebody who tries a plugin of their own."""

    fieldfare: CommandLine

    @property
    def directory(self) -> Path:
        """Where the plugin is, and the plan."""
        return self.fieldfare.directory

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Run a command; return its exit code, and all that it shows."""
        done = self.fieldfare(*arguments)
        return done.code, done.stdout + done.stderr

    def plan(self) -> tuple[int, str]:
        """Plan the change that the plugin knows."""
        return self("plan", "--index", "idx", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")


@pytest.fixture
def author(server: Server, redis_url: str, tmp_path: Path) -> Callable[[str], Author]:
    """Lay out a plugin whose transform ends as given, and documents with a secret."""
    server.bulk([("HSET", f"d:{row:02}", "email", f"{ADDRESS}-{row:02}") for row in range(COUNT)])
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "email", "TAG")
    (tmp_path / "patch.yaml").write_text(PATCH)

    def build(ending: str) -> Author:
        (tmp_path / "leak.py").write_text(f"{PLUGIN}{ending}\n")
        return Author(CommandLine(redis_url, tmp_path, install_plugin(tmp_path, "leak")))

    return build


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_plugin_does_wrong_shows_no_value(ending: str, author: Callable[[str], Author]) -> None:
    source, expected, words = ENDINGS[ending]
    run = author(source)
    assert run.plan()[0] == 0
    code, shown = run(*APPLY, "--report-out", "report.yaml")
    assert ADDRESS not in shown
    assert code == expected, shown
    assert words in " ".join(shown.split())
    written = [path for path in run.directory.glob("*.yaml") if ADDRESS in path.read_text()]
    assert written == []


def test_the_traceback_is_there_for_those_who_ask(author: Callable[[str], Author]) -> None:
    run = author(FAIL_AT_SEVEN.format("raise ValueError(each)"))
    run.plan()
    _, shown = run(*APPLY, "--json")
    assert ADDRESS not in shown
    _, shown = run(*APPLY, "--traceback")
    assert "line 25, in fieldfare_transform" in shown, shown


def test_a_server_without_a_command_shows_no_value(server: Server) -> None:
    """Redis quotes the arguments of an unknown command."""
    with pytest.raises(ResponseError, match="This server has no command HSETT") as caught:
        server.command("HSETT", "d:07", ADDRESS)
    assert ADDRESS not in str(caught.value)


def test_a_transform_that_is_not_there_is_found_while_planning(author: Callable[[str], Author]) -> None:
    run = author("    return batch")
    source = (run.directory / "leak.py").read_text()
    (run.directory / "leak.py").write_text(
        source.replace("def fieldfare_transform", "def transform").replace("@hookimpl\ndef transform", "def transform")
    )
    code, shown = run.plan()
    assert code == 6
    assert "it planned the step 'leak.rewrite', and the plugin has no fieldfare_transform" in shown
    assert not (run.directory / "plan.yaml").exists()


def test_a_misspelled_hook_is_reported_once_with_the_right_one(author: Callable[[str], Author]) -> None:
    run = author("    return batch")
    source = (run.directory / "leak.py").read_text()
    (run.directory / "leak.py").write_text(
        source.replace("fieldfare_transform", "fieldfare_transfrom").replace(
            "fieldfare_classify(change, live)", "fieldfare_classify(chnge, live)"
        )
    )
    for arguments in (
        ("plugins",),
        ("list",),
        ("plan", "--index", "idx", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml"),
    ):
        _, shown = run(*arguments)
        assert shown.count("fieldfare_transfrom") == 1
        assert "there is no hook fieldfare_transfrom; did you mean 'fieldfare_transform'?" in shown
        assert (
            "fieldfare_classify has no argument 'chnge'; did you mean 'change'. Its arguments are change, live" in shown
        )
        assert "?." not in shown
