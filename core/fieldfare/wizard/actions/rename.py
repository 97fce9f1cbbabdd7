"""Renames fields, the index, and the prefix of its keys."""

from __future__ import annotations

from typing import Final

from fieldfare.changes.renaming import renamed_path
from fieldfare.definition import Field
from fieldfare.patch.mode import ModeName
from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, change_prefix, rename_field, rename_index
from fieldfare.wizard.question import read_yes_or_no

__all__ = ["ask_index_name", "ask_prefix", "ask_renamed_field"]

ASKING_MODES: Final = (ModeName.AUTO, ModeName.SHADOW)
"""The modes in which a logical rename avoids an outage. The dialogue of other modes is that of RedisVL's wizard."""


def ask_renamed_field(context: WizardContext, draft: Draft) -> Draft:
    """Ask for a field and its new name; where it avoids an outage, also whether documents are to stay as they are."""
    field = context.choose_field("Renamable fields:", draft, "Select a field to rename by number or name: ")
    if field is None:
        return draft
    context.dialogue.show(f"Current field name: {field.name}")

    def read_name(answer: str) -> tuple[str, Draft]:
        logical = True if _has_choice(draft, field, answer) else None
        return answer, context.check(rename_field(draft, field.name, answer, logical=logical))

    answered = context.dialogue.ask("New field name: ", read_name)
    if answered is None:
        return draft
    new_name, renamed = answered
    return _ask_logical(context, draft, field, new_name, renamed) if _has_choice(draft, field, new_name) else renamed


def _ask_logical(context: WizardContext, draft: Draft, field: Field, new_name: str, renamed: Draft) -> Draft:
    """Ask whether documents keep the old name, as in ``renamed``; a blank answer means that they do."""

    def read(answer: str) -> Draft:
        if read_yes_or_no(answer):
            return renamed
        return context.check(rename_field(draft, field.name, new_name, logical=False))

    context.dialogue.show(
        "Documents may keep the old name: then only the index has the new one, and no document is rewritten."
    )
    return context.dialogue.ask("Keep the old name in documents [y/n, default y]: ", read) or renamed


def _has_choice(draft: Draft, field: Field, new_name: str) -> bool:
    """Whether the value would move, and the mode is one in which it need not."""
    source = draft.source.find(draft.origin(field.name) or "")
    moves = source is not None and renamed_path(source, new_name, draft.source.storage) != source.path
    return moves and draft.patch.mode in ASKING_MODES


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
