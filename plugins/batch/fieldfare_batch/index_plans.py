"""The plans of the indexes of a batch: read again, and looked at together, before the first index is migrated."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fieldfare.engine.mode import Part
from fieldfare.engine.modes import mode_of
from fieldfare.engine.rights import require_rights
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import FieldfareError, FileError, PreconditionError
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import fingerprint, load_plan
from fieldfare.server import Server
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare_batch.resume import find_journal
from fieldfare_batch.state import BatchState, IndexState

__all__ = ["load_index_plan", "require_rights_for_all"]


def load_index_plan(index: IndexState, state: BatchState) -> MigrationPlan:
    """Read the plan of an index from its file, or from the journal if the run has changed something.

    Raises:
        FileError: the plan is missing.
        PlanEdited: it was edited.
        PreconditionError: the plan file was overwritten with another plan.
    """
    path = Path(str(index.plan_path))
    if path.exists() and not path.is_file():  # a pipe may never end
        raise FileError(path, ["no regular file"])
    plan = load_plan(path) if path.exists() else None
    if plan is not None and fingerprint(plan) == index.fingerprint and plan.index == index.name:
        return plan
    journal = find_journal(state, index)
    if journal is not None and journal.has_started_steps:
        return journal.plan
    if plan is None:
        raise FileError(path, ["No such file"])
    raise PreconditionError(
        f"{index.plan_path} is not the plan of {index.name!r} in this batch: the file was overwritten. "
        "Nothing was changed. Run 'fieldfare batch-plan' again, with another --plan-dir."
    )


def require_rights_for_all(server: Server, plugins: Plugins, plans: Iterable[MigrationPlan]) -> None:
    """Look at the rights for every index; what else is wrong with one, its own run tells.

    Raises:
        CommandNotAllowed: the user lacks one.
    """
    for plan in plans:
        try:
            run = ActiveRun(server, plan, plugins)
            require_rights(run, mode_of(plan).trial_commands(run, Part.RUN))
        except CommandNotAllowed:
            raise
        except FieldfareError:
            continue
