"""Shows the patch."""

from __future__ import annotations

from fieldfare.support.yamlfile import dump_yaml
from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.document import document_of
from fieldfare.wizard.draft import Draft

__all__ = ["show_patch"]


def show_patch(context: WizardContext, draft: Draft) -> Draft:
    """Show the patch as its file will be written."""
    context.dialogue.show("Pending changes:", *dump_yaml(document_of(draft.patch)).splitlines())
    return draft
