"""Renames fields, the index, and the prefix of its keys."""

from __future__ import annotations

from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, change_prefix, rename_field, rename_index

__all__ = ["ask_index_name", "ask_prefix", "ask_renamed_field"]


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


def ask_index_name(context: WizardContext, draft: Draft) -> Draft:
    """Ask for the index's new name."""
    context.dialogue.show(f"Current index name: {draft.target.name}")
    renamed = context.dialogue.ask("New index name: ", lambda answer: context.check(rename_index(draft, answer)))
    return renamed or draft


def ask_prefix(context: WizardContext, draft: Draft) -> Draft:
    """Ask for a new prefix; if the index has several, first ask which one to replace."""
    prefixes = dict(zip(draft.source.prefixes, draft.target.prefixes, strict=True))
    old: str | None = draft.source.prefixes[0]
    if len(prefixes) > 1:
        items = [(before, before if before == after else f"{before} → {after}") for before, after in prefixes.items()]
        old = context.dialogue.choose("Prefixes:", items, "Select a prefix by number or name: ", str)
    if old is None:
        return draft
    context.dialogue.show(f"Current prefix: {prefixes[old]}")
    moved = context.dialogue.ask("New prefix: ", lambda answer: context.check(change_prefix(draft, str(old), answer)))
    return moved or draft
