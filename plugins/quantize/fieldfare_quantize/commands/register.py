"""The commands, and how they are added to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from fieldfare_quantize.commands.advise import advise
from fieldfare_quantize.commands.encode_query import encode_query

if TYPE_CHECKING:
    import typer

__all__ = ["add_commands"]

EXAMPLES: Final[Mapping[Callable[..., None], tuple[str, ...]]] = {
    advise: ("fieldfare advise --index products_idx", "fieldfare advise --index products_idx --field embedding --json"),
    encode_query: (
        "fieldfare encode-query --plan migration_plan.yaml --field embedding < vector.json",
        "fieldfare encode-query --report migration_report.yaml --field embedding --vector vector.json --json",
        "fieldfare encode-query --index products_idx --field embedding --vector vector.json",
    ),
}
"""Command → examples, in the order of the help. The name of a command is that of its function."""


def add_commands(app: typer.Typer) -> None:
    """Add the commands."""
    for command, examples in EXAMPLES.items():
        lines = "\n".join(f"  {example}" for example in examples)
        app.command(command.__name__.replace("_", "-"), epilog=f"\b\nExamples:\n{lines}")(command)
