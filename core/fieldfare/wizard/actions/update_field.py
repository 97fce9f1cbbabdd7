"""Changes the attributes of a field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fieldfare.definition import Attribute, Field
from fieldfare.wizard.attributes import ask_attribute, ask_attributes
from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, value_of
from fieldfare.wizard.question import all_questions, format_value, main_questions

__all__ = ["ask_any_attribute", "ask_updates"]

PROMPT: Final = "Select a field to update by number or name: "


def ask_updates(context: WizardContext, draft: Draft) -> Draft:
    """Ask for a field, and for the attributes that are changed most."""
    field = context.choose_field("Updatable fields:", draft, PROMPT)
    if field is None:
        return draft
    context.dialogue.show(
        f"Current {field.type} config for {field.name!r}:",
        *(f"  {line}" for line in _configuration(draft, field)),
        "",
        "Leave blank to keep current value.",
    )
    return ask_attributes(context.dialogue, draft, field.name, context.check)


def ask_any_attribute(context: WizardContext, draft: Draft) -> Draft:
    """Ask for a field, and for one of all its attributes."""
    field = context.choose_field("Updatable fields:", draft, PROMPT)
    if field is None:
        return draft
    questions = {each.attribute.key: each for each in all_questions(field, draft.source.storage)}
    key = context.dialogue.choose(
        f"Attributes of {field.name!r}:",
        [(key, f"{key}: {_value(draft, field, each.attribute)}") for key, each in questions.items()],
        "Select an attribute by number or name: ",
        str,
    )
    if key is None:
        return draft
    return ask_attribute(context.dialogue, draft, field.name, questions[key], context.check)


def _configuration(draft: Draft, field: Field) -> Iterator[str]:
    for question in main_questions(field, draft.source.storage):
        key = question.attribute.key
        yield f"{key}: {_value(draft, field, question.attribute)}"
        if key == "distance_metric":
            yield f"dims: {field.attrs['dims']} (can be reduced with action 11)"


def _value(draft: Draft, field: Field, attribute: Attribute) -> str:
    return format_value(value_of(field, attribute, draft.source))
