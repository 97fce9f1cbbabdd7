"""Shows the patch, and undoes changes of it."""

from __future__ import annotations

from attrs import evolve

from fieldfare.support.yamlfile import dump_yaml
from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.document import document_of
from fieldfare.wizard.draft import Draft, undo
from fieldfare.wizard.request import requests_of

__all__ = ["ask_request_to_remove", "show_patch", "undo_last"]


def show_patch(context: WizardContext, draft: Draft) -> Draft:
    """Show the patch as its file will be written."""
    context.dialogue.show("Pending changes:", *dump_yaml(document_of(draft.patch)).splitlines())
    return draft


def undo_last(context: WizardContext, draft: Draft) -> Draft:
    """Undo the last action."""
    if not draft.previous_patches:
        context.dialogue.show("There is nothing to undo.")
    return undo(draft)


def ask_request_to_remove(context: WizardContext, draft: Draft) -> Draft:
    """Ask which request of the patch to remove."""
    requests = requests_of(draft.patch)
    if not requests:
        context.dialogue.show("The patch has no changes yet.")
        return draft
    rest = {str(number): request.rest for number, request in enumerate(requests, 1)}
    removed = context.dialogue.choose(
        "Changes of the patch:",
        [(number, request.text) for number, request in zip(rest, requests, strict=True)],
        "Select a change to remove by number: ",
        lambda number: context.check(evolve(draft, patch=rest[number])),
    )
    return removed or draft
