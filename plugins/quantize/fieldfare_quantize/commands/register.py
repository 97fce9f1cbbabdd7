"""The commands, and how they are added to the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.hooks.command_source import CommandSource

if TYPE_CHECKING:
    import typer

__all__ = ["add_commands"]

COMMANDS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (
        "advise",
        "fieldfare_quantize.commands.advise:advise",
        ("fieldfare advise --index products_idx", "fieldfare advise --index products_idx --field embedding --json"),
    ),
    (
        "encode-query",
        "fieldfare_quantize.commands.encode_query:encode_query",
        (
            "fieldfare encode-query --plan migration_plan.yaml --field embedding < vector.json",
            "fieldfare encode-query --report migration_report.yaml --field embedding --vector vector.json --json",
            "fieldfare encode-query --index products_idx --field embedding --vector vector.json",
        ),
    ),
)
"""Name, module and function, and examples, in the order of the help."""


def add_commands(app: typer.Typer) -> None:
    """Add the commands."""
    for name, place, examples in COMMANDS:
        lines = "\n".join(f"  {example}" for example in examples)
        app.command(name, epilog=f"\b\nExamples:\n{lines}")(CommandSource(place))
