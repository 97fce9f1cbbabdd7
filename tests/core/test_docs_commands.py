"""The command lines of the documentation: each one exists, and those of the quick start do what the page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from fieldfare.cli.app import build_app
from fieldfare.cli.arguments import read_arguments
from fieldfare.hooks.manager import load_plugins
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md")])
QUICK_STARTS = [ROOT / "README.md", ROOT / "docs" / "quick-start.md"]
SHELL = re.compile(r"^```(bash|console)\n(.+?)^```", re.MULTILINE | re.DOTALL)
OPERATORS = {"|", ">", "2>", "<", "&&", "||", ";", "&"}


def command_lines(page: Path) -> Iterator[list[str]]:
    """Give the arguments of each command line that starts fieldfare, as a shell would."""
    for language, block in SHELL.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            if language == "console" and not line.startswith("$ "):
                continue  # output
            words = shlex.split(line.removeprefix("$ "), comments=True)
            for position, word in enumerate(words):
                if Path(word).name == "fieldfare" and (position == 0 or words[position - 1] in OPERATORS):
                    rest = words[position + 1 :]
                    yield rest[: next((at for at, each in enumerate(rest) if each in OPERATORS), len(rest))]


@pytest.fixture(scope="module")
def program() -> Any:
    return typer.main.get_command(build_app(load_plugins()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_on_the_page_exist_with_their_options(page: Path, program: Any) -> None:
    own = {option for each in program.params for option in each.opts}
    for words in command_lines(page):
        arguments = list(read_arguments(words).ordered)
        if all(each.startswith("-") for each in arguments):
            assert own.issuperset(arguments)
            continue
        context = program.make_context("fieldfare", arguments)
        name, command, rest = program.resolve_command(context, [*context._protected_args, *context.args])  # noqa: SLF001
        command.make_context(name, rest, parent=context)


def test_the_pages_have_commands() -> None:
    assert sum(len(list(command_lines(page))) for page in PAGES) > 60


@pytest.mark.parametrize("page", QUICK_STARTS, ids=lambda page: page.stem)
def test_quick_start_typed_from_top_to_bottom(page: Path, server: Server, redis_url: str, tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((30, 8)).astype("<f4")
    server.bulk(
        [
            ("HSET", f"doc:{row}", "title", f"title {row}", "category", "birds", "embedding", vectors[row].tobytes())
            for row in range(30)
        ]
    )
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT", "embedding", "VECTOR", "HNSW", 6),
        *("TYPE", "FLOAT32", "DIM", 8, "DISTANCE_METRIC", "COSINE"),
    )
    before = database_digest(server), index_state(server)
    section = page.read_text().partition("## Quick start")[2] or page.read_text()
    patch = next(block for block in re.findall(r"^```yaml\n(.+?)^```", section, re.MULTILINE | re.DOTALL))
    (tmp_path / "patch.yaml").write_text(patch)
    fieldfare = CommandLine(redis_url, tmp_path)
    page_of_section = tmp_path / "page.md"
    page_of_section.write_text(section)
    typed = list(command_lines(page_of_section))
    states = []
    for words in typed:
        outcome = fieldfare(*words, *(["--yes"] if words[0] == "rollback" else []))
        assert outcome.code == 0, f"{words}: {outcome.stderr}"
        states.append((database_digest(server), index_state(server)))
    names = [words[0] for words in typed]
    assert names[-4:] == ["plan", "apply", "validate", "rollback"]
    assert states[-4] == before
    assert states[-3] == states[-2] != before
    assert states[-1] == before
