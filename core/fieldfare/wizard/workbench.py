"""What an action of the wizard works with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from fieldfare.definition import Field
from fieldfare.wizard.dialogue import Dialogue
from fieldfare.wizard.draft import Draft
from fieldfare.wizard.examiner import Examiner

__all__ = ["Action", "Workbench"]


@frozen
class Workbench:
    """Somebody to ask, and somebody who knows what can be done.

    Attributes:
        dialogue: asks the user.
        examine: gives a draft back if it can be carried out; else raises ``Objection``.
    """

    dialogue: Dialogue
    examine: Examiner

    def choose_field(self, title: str, draft: Draft, prompt: str) -> Field | None:
        """Ask for a field of the target; None for a blank answer."""
        fields = {each.name: each for each in draft.target.fields}
        items = [(name, f"{name} ({each.type})") for name, each in fields.items()]
        return self.dialogue.choose(title, items, prompt, fields.__getitem__)


Action: TypeAlias = Callable[[Workbench, Draft], Draft]
"""An entry of the menu: asks what it needs to know, and returns the draft with the change, or as it was."""
