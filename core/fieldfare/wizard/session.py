"""A session of the wizard, from the first line to Finish."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from fieldfare.definition import IndexDefinition
from fieldfare.patch import SchemaPatch
from fieldfare.plan import MigrationPlan
from fieldfare.wizard.dialogue import Dialogue, Terminal
from fieldfare.wizard.draft import Draft
from fieldfare.wizard.examiner import Examiner, Objection
from fieldfare.wizard.menu import MENU, read_choice
from fieldfare.wizard.workbench import Workbench

__all__ = ["MakePlan", "Outcome", "run_wizard"]

MakePlan: TypeAlias = Callable[[SchemaPatch], MigrationPlan]


@frozen(hash=False)
class Outcome:
    """What a session ended with.

    Attributes:
        patch: what is asked for.
        plan: how it is carried out; it changes nothing if the patch asks for nothing.
    """

    patch: SchemaPatch
    plan: MigrationPlan


def run_wizard(
    terminal: Terminal, source: IndexDefinition, make_plan: MakePlan, patch: SchemaPatch | None = None
) -> Outcome:
    """Build a patch by asking, until the user is done.

    Args:
        terminal: whom to ask.
        source: the live index.
        make_plan: plans a patch for this index; changes nothing.
        patch: where to start from.

    Raises:
        EOFError: the answers ended before the session did.
        FieldfareError: ``make_plan`` refused the patch to start from.
    """
    dialogue = Dialogue(terminal)
    dialogue.tell(*_opening(source))
    draft = Draft(source, patch or SchemaPatch())
    known = make_plan(draft.patch).blocked_reasons if patch is not None else ()
    if patch is not None:
        dialogue.tell("The patch asks for:", *(f"- {change}" for change in draft.changes))
    if known:
        dialogue.tell(str(Objection(known)))
    bench = Workbench(dialogue, Examiner(make_plan, known))
    while True:
        dialogue.tell("", "Choose an action:", *(f"{number}. {text}" for number, (text, _) in enumerate(MENU, 1)))
        number = dialogue.ask("Enter a number: ", read_choice)
        if number is None:
            continue
        action = MENU[number - 1][1]
        if action is not None:
            draft = _carried_out(bench, draft, action(bench, draft))
            continue
        try:
            return Outcome(draft.patch, bench.examine.plan(draft))
        except Objection as objection:
            dialogue.tell(str(objection))


def _carried_out(bench: Workbench, before: Draft, after: Draft) -> Draft:
    """Say what an action changed, and remember it for undo, unless it was an undo."""
    come = [change for change in after.changes if change not in before.changes]
    gone = [change for change in before.changes if change not in after.changes]
    bench.dialogue.tell(
        *(f"Taken back: {change}" for change in gone),
        *(f"Noted: {change}" for change in come),
    )
    return after.remember(before) if after.earlier == before.earlier else after


def _opening(source: IndexDefinition) -> list[str]:
    return [
        f"Building a migration plan for index {source.name!r}",
        "Current schema:",
        f"- Index name: {source.name}",
        f"- Storage type: {source.storage}",
        *(f"  - {field.name} ({field.type})" for field in source.fields),
    ]
