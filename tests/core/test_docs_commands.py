"""The command lines of the documentation: each one exists, with its options. Another test types them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fieldfare.cli.app import build_app
from fieldfare.cli.arguments import read_arguments
from fieldfare.hooks.manager import load_plugins

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md")])
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
