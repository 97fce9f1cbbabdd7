"""Removes a field from the index."""

from __future__ import annotations

from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, remove_field

__all__ = ["ask_removed_field"]


def ask_removed_field(context: WizardContext, draft: Draft) -> Draft:
    """Ask which field to remove from the index."""
    removed = context.dialogue.choose(
        "Removable fields:",
        [(each.name, f"{each.name} ({each.type})") for each in draft.target.fields],
        "Select a field to remove by number or name: ",
        lambda name: context.check(remove_field(draft, name)),
    )
    return removed or draft
