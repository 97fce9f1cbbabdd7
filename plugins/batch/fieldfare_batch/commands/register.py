"""Adding the commands to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from fieldfare_batch.commands.apply import batch_apply
from fieldfare_batch.commands.finalize import batch_finalize
from fieldfare_batch.commands.plan import batch_plan
from fieldfare_batch.commands.resume import batch_resume
from fieldfare_batch.commands.rollback import batch_rollback
from fieldfare_batch.commands.status import batch_status

__all__ = ["add_commands"]

EXAMPLES: Final[Mapping[Callable[..., None], tuple[str, ...]]] = {
    batch_plan: (
        "fieldfare batch-plan --pattern '*_idx' --schema-patch quantize_patch.yaml",
        "fieldfare batch-plan --indexes products_idx,users_idx --schema-patch p.yaml --plan-out batch_plan.yaml",
        "fieldfare batch-plan --indexes-file indexes.txt --schema-patch p.yaml --failure-policy continue_on_error",
    ),
    batch_apply: ("fieldfare batch-apply --plan batch_plan.yaml --backup-dir ./migration_backups --accept-data-loss",),
    batch_resume: (
        "fieldfare batch-resume --state batch_state.yaml --accept-data-loss",
        "fieldfare batch-resume --state batch_state.yaml --retry-failed",
    ),
    batch_status: ("fieldfare batch-status --state batch_state.yaml --json",),
    batch_finalize: ("fieldfare batch-finalize --state batch_state.yaml --yes",),
    batch_rollback: ("fieldfare batch-rollback --state batch_state.yaml",),
}
"""Command → examples, in the order of the help. The name of a command is that of its function."""


def add_commands(app: typer.Typer) -> None:
    """Add the commands."""
    for command, examples in EXAMPLES.items():
        lines = "\n".join(f"  {example}" for example in examples)
        app.command(command.__name__.replace("_", "-"), epilog=f"\b\nExamples:\n{lines}")(command)
