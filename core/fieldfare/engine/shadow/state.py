"""How far a run of the mode ``shadow`` is, as its journal tells."""

from __future__ import annotations

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import Status
from fieldfare.engine.outage import step_status
from fieldfare.engine.shadow.frame import BUILD, CHECK
from fieldfare.engine.shadow.names import SWITCH, moved_names
from fieldfare.plan import Phase

__all__ = ["describe", "state_of"]


def state_of(journal: Journal) -> str:
    """Return ``building``, ``built``, ``validated``, ``switched`` or ``finalized``; "" before the target is built.

    If no name moves, a target that passed its checks is ``switched``.
    """
    moves = any(step.kind == SWITCH for step in journal.plan.steps)
    last = [step.kind for step in journal.plan.steps if step.phase is Phase.CONTRACT][-1]
    for kind, name in (
        (last, "finalized"),
        (SWITCH, "switched"),
        (CHECK, "validated" if moves else "switched"),
        (BUILD, "built"),
    ):
        if step_status(journal, kind) is Status.DONE:
            return name
    return "building" if step_status(journal, BUILD) is Status.RUNNING else ""


def describe(journal: Journal) -> str:
    """Say which index answers, and what is left to do."""
    plan = journal.plan
    source, target, names = plan.source.definition.name, plan.target.name, moved_names(plan)
    shown = ", ".join(map(repr, names))
    state = state_of(journal)
    if state == "finalized":
        gone = "" if source in names else f", and {source!r} is dropped"
        leads = f"{target!r} answers to {shown}" if names else f"{target!r} answers"
        return f"finalized: {leads}{gone}"
    if step_status(journal, SWITCH) is Status.RUNNING:
        return f"switching: {shown} may lead to {target!r} or still to {source!r}"
    if state == "switched":
        return (
            f"switched: {target!r} answers to {shown}" if names else f"validated: {target!r} answers beside {source!r}"
        )
    ready = f"{target!r} is beside it"
    rejected = step_status(journal, CHECK) is Status.REJECTED
    built = f"{ready} and did not pass its checks" if rejected else f"{ready}, built"
    what = {"validated": f"{ready}, validated", "built": built, "building": f"{ready}, incomplete"}
    return f"{state or 'nothing is built'}: the source {source!r} answers" + (f"; {what[state]}" if state else "")
