"""Adding the commands to the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fieldfare_batch.commands.apply import batch_apply
from fieldfare_batch.commands.plan import batch_plan
from fieldfare_batch.commands.resume import batch_resume
from fieldfare_batch.commands.rollback import batch_rollback
from fieldfare_batch.commands.status import batch_status

if TYPE_CHECKING:
    import typer

__all__ = ["add_commands"]

COMMANDS: Final[tuple[tuple[str, Callable[..., None], tuple[str, ...]], ...]] = (
    (
        "batch-plan",
        batch_plan,
        (
            "fieldfare batch-plan --pattern '*_idx' --schema-patch quantize_patch.yaml",
            "fieldfare batch-plan --indexes products_idx,users_idx --schema-patch p.yaml --plan-out batch_plan.yaml",
            "fieldfare batch-plan --indexes-file indexes.txt --schema-patch p.yaml --failure-policy continue_on_error",
        ),
    ),
    (
        "batch-apply",
        batch_apply,
        ("fieldfare batch-apply --plan batch_plan.yaml --backup-dir ./migration_backups --accept-data-loss",),
    ),
    (
        "batch-resume",
        batch_resume,
        (
            "fieldfare batch-resume --state batch_state.yaml --accept-data-loss",
            "fieldfare batch-resume --state batch_state.yaml --retry-failed",
        ),
    ),
    ("batch-status", batch_status, ("fieldfare batch-status --state batch_state.yaml --json",)),
    ("batch-rollback", batch_rollback, ("fieldfare batch-rollback --state batch_state.yaml",)),
)
"""Name, function and examples, in the order of the help."""


def add_commands(app: typer.Typer) -> None:
    """Add the commands."""
    for name, function, examples in COMMANDS:
        lines = "\n".join(f"  {example}" for example in examples)
        app.command(name, epilog=f"\b\nExamples:\n{lines}")(function)
