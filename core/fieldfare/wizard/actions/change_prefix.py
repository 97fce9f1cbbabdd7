"""Moves keys to another prefix."""

from __future__ import annotations

from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, change_prefix

__all__ = ["ask_prefix"]


def ask_prefix(context: WizardContext, draft: Draft) -> Draft:
    """Ask for a new prefix; if the index has several, first ask which one to replace."""
    prefixes = dict(zip(draft.source.prefixes, draft.target.prefixes, strict=True))
    old: str | None = draft.source.prefixes[0]
    if len(prefixes) > 1:
        items = [(before, before if before == after else f"{before} -> {after}") for before, after in prefixes.items()]
        old = context.dialogue.choose("Prefixes:", items, "Select a prefix by number or name: ", str)
    if old is None:
        return draft
    context.dialogue.show(f"Current prefix: {prefixes[old]}")
    moved = context.dialogue.ask("New prefix: ", lambda answer: context.check(change_prefix(draft, str(old), answer)))
    return moved or draft
