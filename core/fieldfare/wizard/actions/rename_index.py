"""Renames the index."""

from __future__ import annotations

from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, rename_index

__all__ = ["ask_index_name"]


def ask_index_name(context: WizardContext, draft: Draft) -> Draft:
    """Ask for the index's new name."""
    context.dialogue.show(f"Current index name: {draft.target.name}")
    renamed = context.dialogue.ask("New index name: ", lambda answer: context.check(rename_index(draft, answer)))
    return renamed or draft
