"""Renaming a field, in the index and in every document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.wizard.draft import rename_field

if TYPE_CHECKING:
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.workbench import Workbench

__all__ = ["ask_renamed_field"]


def ask_renamed_field(bench: Workbench, draft: Draft) -> Draft:
    """Ask for a field and its new name."""
    field = bench.choose_field("Renamable fields:", draft, "Select a field to rename by number or name: ")
    if field is None:
        return draft
    bench.dialogue.tell(f"Current field name: {field.name}")
    renamed = bench.dialogue.ask(
        "New field name: ", lambda answer: bench.examine(rename_field(draft, field.name, answer))
    )
    return renamed or draft
