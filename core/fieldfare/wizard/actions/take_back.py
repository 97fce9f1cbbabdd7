"""Taking back what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from fieldfare.wizard.draft import undo
from fieldfare.wizard.request import requests_of

if TYPE_CHECKING:
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.workbench import Workbench

__all__ = ["ask_request_to_drop", "undo_last"]


def undo_last(bench: Workbench, draft: Draft) -> Draft:
    """Take back what the last action did."""
    if not draft.earlier:
        bench.dialogue.tell("There is nothing to undo.")
    return undo(draft)


def ask_request_to_drop(bench: Workbench, draft: Draft) -> Draft:
    """Ask which one of all requests in the patch to take back."""
    requests = requests_of(draft.patch)
    if not requests:
        bench.dialogue.tell("The patch asks for nothing yet.")
        return draft
    rest = {str(number): request.rest for number, request in enumerate(requests, 1)}
    dropped = bench.dialogue.choose(
        "The patch asks for:",
        [(number, request.text) for number, request in zip(rest, requests, strict=True)],
        "Select what to take back by number: ",
        lambda number: bench.examine(evolve(draft, patch=rest[number])),
    )
    return dropped or draft
