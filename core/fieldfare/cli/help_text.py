"""The help of commands: no word breaks at a hyphen, so that each option stands whole on its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from fieldfare.cli.option_values import with_plain_values

__all__ = ["Command", "Group", "fit_examples"]

HYPHEN: Final = "\ue000"
"""In place of a hyphen while lines are broken."""

WIDTH: Final = 76
"""Columns of an example, beside its indent, in a terminal of 80."""

PROGRAM: Final = re.compile("fieldfare ")


class _Formatter(typer.Context.formatter_class):  # type: ignore[misc,valid-type]  # typer has its own copy of click
    def write_text(self, text: str) -> None:
        super().write_text(text.replace("-", HYPHEN))

    def write_dl(self, rows: Sequence[tuple[str, str]], *arguments: Any, **options: Any) -> None:
        super().write_dl([(first, second.replace("-", HYPHEN)) for first, second in rows], *arguments, **options)

    def getvalue(self) -> str:
        return str(super().getvalue()).replace(HYPHEN, "-")


class _Context(typer.Context):
    formatter_class = _Formatter


class Command(TyperCommand):
    """A command whose help breaks lines between words only."""

    context_class = _Context

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options and arguments."""
        return with_plain_values(super().get_params(ctx))


class Group(TyperGroup):
    """A program whose help breaks lines between words only."""

    context_class = _Context

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options and arguments."""
        return with_plain_values(super().get_params(ctx))


def fit_examples(text: str) -> str:
    r"""Return the end of a help; an example in it that is too long for a line continues behind ``\``."""
    from fieldfare.support.text_layout import command_lines  # noqa: PLC0415 - start-up time

    lines = []
    for line in text.split("\n"):
        example = line.strip()
        indent = line[: len(line) - len(line.lstrip())]
        lines += [indent + each for each in command_lines("", example, WIDTH)] if PROGRAM.match(example) else [line]
    return "\n".join(lines)
