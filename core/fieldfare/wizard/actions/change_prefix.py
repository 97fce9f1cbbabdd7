"""Moving keys to another prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.wizard.draft import change_prefix

if TYPE_CHECKING:
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.workbench import Workbench

__all__ = ["ask_prefix"]


def ask_prefix(bench: Workbench, draft: Draft) -> Draft:
    """Ask for a new prefix; first for which one it is, if the index has several."""
    prefixes = dict(zip(draft.source.prefixes, draft.target.prefixes, strict=True))
    old: str | None = draft.source.prefixes[0]
    if len(prefixes) > 1:
        items = [(before, before if before == after else f"{before} -> {after}") for before, after in prefixes.items()]
        old = bench.dialogue.choose("Prefixes:", items, "Select a prefix by number or name: ", str)
    if old is None:
        return draft
    bench.dialogue.tell(f"Current prefix: {prefixes[old]}")
    moved = bench.dialogue.ask("New prefix: ", lambda answer: bench.examine(change_prefix(draft, str(old), answer)))
    return moved or draft
