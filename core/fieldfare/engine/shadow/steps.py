"""The steps of the mode: build, check, switch, retire."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import evolve

from fieldfare.backup.progress import Status, StepRecord
from fieldfare.definition import IndexDefinition
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.copied_keys import keeps_originals
from fieldfare.engine.index import create_index, drop_index, wait_until_ready
from fieldfare.engine.next_commands import NextCommands
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.checks import check_target, find_problems
from fieldfare.engine.shadow.convergence import converge, convert_until_moved, switch_has_begun
from fieldfare.engine.shadow.name_move import choose_name_move
from fieldfare.engine.shadow.names import moved_names
from fieldfare.errors import IndexNotFound, PreconditionError, TargetRejected
from fieldfare.plan import Receipt, Step
from fieldfare.server.index_commands import find_differences
from fieldfare.server.index_names import NameMove, is_own_name, move_names, real_name
from fieldfare.server.inspect import read_definition, read_info, read_snapshot, read_stats

__all__ = [
    "agree",
    "build",
    "check",
    "is_built",
    "is_switched",
    "own_name_move",
    "require_source",
    "retire",
    "switch",
]


def build(run: ActiveRun, step: Step) -> Receipt:
    """Create the target with its synonyms, and wait until every document is indexed.

    Raises:
        PreconditionError: another index has taken the name.
        TimeoutError: it was not ready in time.
    """
    create_index(run.server, run.target, run.plan.source.synonyms, ())
    wait_until_ready(run, run.target.name, step=step.id, spare_queries=True)
    if keeps_originals(run.plan) and not switch_has_begun(run):
        converge(run)  # before anything is measured
    return Receipt(step.id, documents=read_stats(run.server, run.target.name).num_docs)


def is_built(run: ActiveRun) -> bool:
    """Whether the target is there, as planned."""
    return _leads_to(run, run.target.name, run.target)


def check(run: ActiveRun, step: Step) -> Receipt:
    """Check the target while the names still lead to the source.

    Raises:
        TargetRejected: a check failed; the source is untouched.
    """
    if not switch_has_begun(run):
        if keeps_originals(run.plan):
            converge(run)
        run.findings, comparison = check_target(run)
        problems = find_problems(run.findings, comparison)
        if problems:
            run.journal.mark(step.id, StepRecord(Status.REJECTED))
            commands = NextCommands.of_run(run.plan.index, run.journal.path.parent, run.options)
            raise TargetRejected(
                run.source.name,
                problems,
                resume=commands.resume,
                rollback=commands.rollback,
                comparison=comparison,
            )
    return Receipt(step.id)


def switch(run: ActiveRun, step: Step) -> Receipt:
    """Move the names to the target.

    Raises:
        PreconditionError: a name leads to another index now, or one of the two indexes is another one.
    """
    if not is_built(run):
        raise PreconditionError(f"the index {run.target.name!r} is not the one that was built, so no name was moved")
    names = moved_names(run.plan)
    for name in names:
        found = real_name(run.server, name)
        if found not in {None, run.source.name, run.target.name}:
            raise PreconditionError(f"{name!r} leads to the index {found!r} by now, so no name was moved")
    way = own_name_move(run, names)
    if way is not None:
        require_source(run)
    if keeps_originals(run.plan) and not switch_has_begun(run):
        converge(run)
    started = time.monotonic()
    move_names(run.server, names, run.target.name, way)
    details = {"way": "alias" if way is None else way.value, "seconds": round(time.monotonic() - started, 6)}
    if keeps_originals(run.plan):
        convert_until_moved(run)
    return Receipt(step.id, details=details)


def own_name_move(run: ActiveRun, names: Sequence[str]) -> NameMove | None:
    """Return how the name of the source moves; None if it is not among the names, or has moved already."""
    own = run.source.name
    return choose_name_move(run.server, run.source) if own in names and is_own_name(run.server, own) else None


def require_source(run: ActiveRun) -> None:
    """Refuse to drop an index that is no longer the source.

    Raises:
        PreconditionError: it is another one.
    """
    live = read_definition(run.server, run.source.name, vector_options=False)
    found = find_mismatches(run.source, live, is_complete=True)
    if found:
        raise PreconditionError(
            f"the index {run.source.name!r} has changed since the plan was made ({'; '.join(found)}), so it was "
            "not dropped"
        )


def is_switched(run: ActiveRun) -> bool:
    """Whether every name leads to the target, and the target is as planned."""
    names = moved_names(run.plan)
    if run.server.capabilities.coordinator and any(is_own_name(run.server, name) for name in names):
        return False  # on one primary
    return all(_leads_to(run, name, run.target) for name in names)


def _leads_to(run: ActiveRun, name: str, expected: IndexDefinition) -> bool:
    """Whether a name leads to an index; of its definition, what FT.INFO reports is compared.

    Around the switch FT.DEBUG is left out: of a large HNSW index, it takes the server many milliseconds.
    """
    try:
        return not find_mismatches(expected, read_info(run.server, name).definition)
    except IndexNotFound:
        return False


def agree(run: ActiveRun) -> None:
    """With a coordinator, repeat what created and switched on each primary that holds something else."""
    wanted = evolve(run.plan.source, definition=run.target, aliases=moved_names(run.plan))
    if not find_differences(run.server, wanted):
        return
    create_index(run.server, run.target, run.plan.source.synonyms, ())
    wait_until_ready(run, run.target.name)
    names = moved_names(run.plan)
    move_names(run.server, names, run.target.name, own_name_move(run, names))


def retire(run: ActiveRun, step: Step) -> Receipt:
    """Drop the source's definition, if the switch has not done so; documents stay.

    Raises:
        PreconditionError: a name does not lead to the target, or the source is another index.
    """
    if not is_built(run) or not is_switched(run):
        raise PreconditionError(
            f"{', '.join(map(repr, moved_names(run.plan)))} must lead to the index {run.target.name!r}, and does not, "
            "so nothing was removed"
        )
    name = run.source.name
    if is_own_name(run.server, name):
        require_source(run)
        drop_index(run.server, read_snapshot(run.server, name, key_sample_limit=0))
    return Receipt(step.id)
