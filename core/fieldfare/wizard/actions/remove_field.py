"""Removing a field from the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.wizard.draft import remove_field

if TYPE_CHECKING:
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.workbench import Workbench

__all__ = ["ask_removed_field"]


def ask_removed_field(bench: Workbench, draft: Draft) -> Draft:
    """Ask which field shall no longer be indexed."""
    removed = bench.dialogue.choose(
        "Removable fields:",
        [(each.name, f"{each.name} ({each.type})") for each in draft.target.fields],
        "Select a field to remove by number or name: ",
        lambda name: bench.examine(remove_field(draft, name)),
    )
    return removed or draft
