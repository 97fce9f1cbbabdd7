"""A session of the wizard, from the first line to Finish."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from fieldfare.definition import IndexDefinition
from fieldfare.patch import SchemaPatch
from fieldfare.plan import MigrationPlan
from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.dialogue import Dialogue, Terminal
from fieldfare.wizard.draft import Draft
from fieldfare.wizard.menu import MENU, read_choice
from fieldfare.wizard.plan_check import BlockedChange, PlanCheck

__all__ = ["MakePlan", "Outcome", "run_wizard"]

MakePlan: TypeAlias = Callable[[SchemaPatch], MigrationPlan]


@frozen(hash=False)
class Outcome:
    """The result of a session.

    Attributes:
        patch: the patch.
        plan: its plan; without claims if the patch changes nothing.
    """

    patch: SchemaPatch
    plan: MigrationPlan


def run_wizard(
    terminal: Terminal, source: IndexDefinition, make_plan: MakePlan, patch: SchemaPatch | None = None
) -> Outcome:
    """Build a patch by asking questions, until the user chooses Finish.

    Args:
        terminal: the terminal.
        source: the live index.
        make_plan: plans a patch for this index; changes nothing.
        patch: the patch to start from.

    Raises:
        EOFError: the answers ended before Finish.
        FieldfareError: ``make_plan`` refused the patch to start from.
    """
    dialogue = Dialogue(terminal)
    dialogue.show(*_introduction(source))
    draft = Draft(source, patch or SchemaPatch())
    known = make_plan(draft.patch).blocked_reasons if patch is not None else ()
    if patch is not None:
        dialogue.show("Changes of the patch:", *(f"- {change}" for change in draft.changes))
    if known:
        dialogue.show(str(BlockedChange(known)))
    context = WizardContext(dialogue, PlanCheck(make_plan, known))
    while True:
        dialogue.show("", "Choose an action:", *(f"{number}. {text}" for number, (text, _) in enumerate(MENU, 1)))
        number = dialogue.ask("Enter a number: ", read_choice)
        if number is None:
            continue
        action = MENU[number - 1][1]
        if action is not None:
            draft = _after_action(context, draft, action(context, draft))
            continue
        try:
            return Outcome(draft.patch, context.check.plan(draft))
        except BlockedChange as blocked:
            dialogue.show(str(blocked))


def _after_action(context: WizardContext, before: Draft, after: Draft) -> Draft:
    """Show what an action changed, and keep the state before it for undo, unless the action was an undo."""
    added = [change for change in after.changes if change not in before.changes]
    removed = [change for change in before.changes if change not in after.changes]
    context.dialogue.show(
        *(f"Change removed: {change}" for change in removed),
        *(f"Change added: {change}" for change in added),
    )
    return after.with_undo_to(before) if after.previous_patches == before.previous_patches else after


def _introduction(source: IndexDefinition) -> list[str]:
    return [
        f"Building a migration plan for index {source.name!r}",
        "Current schema:",
        f"- Index name: {source.name}",
        f"- Storage type: {source.storage}",
        *(f"  - {field.name} ({field.type})" for field in source.fields),
    ]
