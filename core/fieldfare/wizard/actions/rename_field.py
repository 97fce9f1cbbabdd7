"""Renames a field in the index and in every document."""

from __future__ import annotations

from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, rename_field

__all__ = ["ask_renamed_field"]


def ask_renamed_field(context: WizardContext, draft: Draft) -> Draft:
    """Ask for a field and its new name."""
    field = context.choose_field("Renamable fields:", draft, "Select a field to rename by number or name: ")
    if field is None:
        return draft
    context.dialogue.show(f"Current field name: {field.name}")
    renamed = context.dialogue.ask(
        "New field name: ", lambda answer: context.check(rename_field(draft, field.name, answer))
    )
    return renamed or draft
