"""What an action of the wizard needs: the dialogue with the user and the check of the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from fieldfare.definition import Field
from fieldfare.wizard.dialogue import Dialogue
from fieldfare.wizard.draft import Draft
from fieldfare.wizard.plan_check import PlanCheck

__all__ = ["Action", "WizardContext"]


@frozen
class WizardContext:
    """What an action works with.

    Attributes:
        dialogue: the dialogue with the user.
        check: returns a draft if it can be applied; else raises ``BlockedChange``.
    """

    dialogue: Dialogue
    check: PlanCheck

    def choose_field(self, title: str, draft: Draft, prompt: str) -> Field | None:
        """Ask for a field of the target; None for a blank answer."""
        fields = {each.name: each for each in draft.target.fields}
        items = [(name, f"{name} ({each.type})") for name, each in fields.items()]
        return self.dialogue.choose(title, items, prompt, fields.__getitem__)


Action: TypeAlias = Callable[[WizardContext, Draft], Draft]
"""An entry of the menu: asks its questions, and returns the draft with the change, or unchanged."""
