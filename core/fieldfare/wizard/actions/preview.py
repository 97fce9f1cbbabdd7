"""Showing the patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.wizard.document import document_of
from fieldfare.yamlfile import dump_yaml

if TYPE_CHECKING:
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.workbench import Workbench

__all__ = ["show_patch"]


def show_patch(bench: Workbench, draft: Draft) -> Draft:
    """Show the patch as its file will be."""
    bench.dialogue.tell("Pending changes:", *dump_yaml(document_of(draft.patch)).splitlines())
    return draft
