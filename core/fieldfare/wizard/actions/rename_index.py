"""Renaming the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.wizard.draft import rename_index

if TYPE_CHECKING:
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.workbench import Workbench

__all__ = ["ask_index_name"]


def ask_index_name(bench: Workbench, draft: Draft) -> Draft:
    """Ask for the index's new name."""
    bench.dialogue.tell(f"Current index name: {draft.target.name}")
    renamed = bench.dialogue.ask("New index name: ", lambda answer: bench.examine(rename_index(draft, answer)))
    return renamed or draft
