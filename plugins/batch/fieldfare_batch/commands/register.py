"""Adding the commands to the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.hooks.command_source import CommandSource

if TYPE_CHECKING:
    import typer

__all__ = ["add_commands"]

COMMANDS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (
        "batch-plan",
        "fieldfare_batch.commands.plan:batch_plan",
        (
            "fieldfare batch-plan --pattern '*_idx' --schema-patch quantize_patch.yaml",
            "fieldfare batch-plan --indexes products_idx,users_idx --schema-patch p.yaml --plan-out batch_plan.yaml",
            "fieldfare batch-plan --indexes-file indexes.txt --schema-patch p.yaml --failure-policy continue_on_error",
        ),
    ),
    (
        "batch-apply",
        "fieldfare_batch.commands.apply:batch_apply",
        ("fieldfare batch-apply --plan batch_plan.yaml --backup-dir ./migration_backups --accept-data-loss",),
    ),
    (
        "batch-resume",
        "fieldfare_batch.commands.resume:batch_resume",
        (
            "fieldfare batch-resume --state batch_state.yaml --accept-data-loss",
            "fieldfare batch-resume --state batch_state.yaml --retry-failed",
        ),
    ),
    (
        "batch-status",
        "fieldfare_batch.commands.status:batch_status",
        ("fieldfare batch-status --state batch_state.yaml --json",),
    ),
    (
        "batch-finalize",
        "fieldfare_batch.commands.finalize:batch_finalize",
        ("fieldfare batch-finalize --state batch_state.yaml --yes",),
    ),
    (
        "batch-rollback",
        "fieldfare_batch.commands.rollback:batch_rollback",
        ("fieldfare batch-rollback --state batch_state.yaml",),
    ),
)
"""Name, module and function, and examples, in the order of the help."""


def add_commands(app: typer.Typer) -> None:
    """Add the commands."""
    for name, place, examples in COMMANDS:
        lines = "\n".join(f"  {example}" for example in examples)
        app.command(name, epilog=f"\b\nExamples:\n{lines}")(CommandSource(place))
