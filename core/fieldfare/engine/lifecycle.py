"""The kernel's own plugin, ``index``: drop and create the index, and check the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldfare.markers import hookimpl

if TYPE_CHECKING:
    from fieldfare.engine.run import Run
    from fieldfare.findings import Finding
    from fieldfare.plan import MigrationPlan, Receipt, Step

__all__: list[str] = []


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Drop the source, or create the target."""
    from fieldfare.engine import index  # noqa: PLC0415 - start-up time

    return index.drop_source(run, step) if step.kind == "index.drop" else index.create_target(run, step)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:
    """Whether the source is gone. After a crash the target is created once more: that adds what it lacks."""
    from fieldfare.engine import index  # noqa: PLC0415 - start-up time

    if step.kind == "index.drop":
        return index.source_is_gone(run)
    return receipt is not None


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Create the source again, or drop the target."""
    from fieldfare.engine import index  # noqa: PLC0415 - start-up time

    if step.kind == "index.drop":
        index.create_source(run)
    else:
        index.drop_target(run)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding]:
    """Check definition, documents and answers of the target."""
    from fieldfare.engine import validation  # noqa: PLC0415 - start-up time

    return validation.check(plan, run)
