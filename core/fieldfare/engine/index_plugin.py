"""The kernel's own plugin, ``index``: the steps that frame a plan, and the checks that every migration needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldfare.errors import UsageError
from fieldfare.hooks.markers import hookimpl

if TYPE_CHECKING:
    from fieldfare.documents import Batch
    from fieldfare.engine.run import ActiveRun
    from fieldfare.hooks.executor import Executor, LocalThreads
    from fieldfare.plan import Estimate, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding
    from fieldfare.server import Server

__all__: list[str] = []


@hookimpl(trylast=True)
def fieldfare_executor(spec: str, server: Server) -> Executor | LocalThreads | None:
    """Work in threads of this process, or in other processes of this machine."""
    kind, _, number = spec.partition(":")
    if kind not in {"threads", "processes"}:
        return None
    if not (number.isdecimal() and int(number) > 0):
        raise UsageError(f"--executor {spec}: write {kind}:N, with N workers. Nothing was changed.")
    if kind == "threads":
        from fieldfare.hooks.executor import LocalThreads  # noqa: PLC0415 - start-up time

        return LocalThreads(int(number))
    from fieldfare.engine.processes import LocalProcesses  # noqa: PLC0415 - start-up time
    from fieldfare.engine.worker.context import use_address  # noqa: PLC0415 - start-up time

    return LocalProcesses(int(number), server, use_address)


@hookimpl
def fieldfare_transform(batch: Batch) -> Batch:
    """Leave values as they are that are copied to another field."""
    return batch


@hookimpl
def fieldfare_transform_back(batch: Batch) -> Batch:
    """Leave values as they are."""
    return batch


@hookimpl
def fieldfare_execute_step(step: Step, run: ActiveRun) -> Receipt:
    """Execute a step of the plan's mode."""
    from fieldfare.engine.modes import mode_of  # noqa: PLC0415 - start-up time

    return mode_of(run.plan).execute(run, step)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: ActiveRun) -> bool:
    """Say whether a step of the plan's mode is done."""
    from fieldfare.engine.modes import mode_of  # noqa: PLC0415 - start-up time

    return mode_of(run.plan).verify(run, step, receipt)


@hookimpl
def fieldfare_undo_step(step: Step, run: ActiveRun) -> None:
    """Undo a step of the plan's mode."""
    from fieldfare.engine.modes import mode_of  # noqa: PLC0415 - start-up time

    mode_of(run.plan).undo(run, step)


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the memory that a second index and shadow fields need until the run is finalized."""
    from fieldfare.engine.shadow.extra_memory import estimate_extra_memory  # noqa: PLC0415 - start-up time

    return estimate_extra_memory(plan)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: ActiveRun) -> Sequence[Finding]:
    """Check definition, documents and answers of the target."""
    from fieldfare.engine.checks.builtin import check  # noqa: PLC0415 - start-up time

    return check(plan, run)
