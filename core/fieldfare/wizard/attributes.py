"""Asking for a field's attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.wizard.draft import update_field, value_of
from fieldfare.wizard.question import questions_about, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from fieldfare.definition import Field
    from fieldfare.wizard.dialogue import Dialogue
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.question import Question

__all__ = ["ask_attribute", "ask_attributes"]


def ask_attributes(
    dialogue: Dialogue, draft: Draft, name: str, examine: Callable[[Draft], Draft] = lambda draft: draft
) -> Draft:
    """Ask for the attributes of a field of the target, one after the other.

    Args:
        dialogue: asks.
        draft: the patch so far.
        name: the field's name in the target.
        examine: gives a draft back if it can be carried out; else raises ``ValueError``, and the same
            question is asked again.

    Returns:
        The draft with what was answered.
    """
    asked: set[str] = set()
    while True:
        questions = _questions(draft, name)  # anew each time: they depend on the algorithm
        question = next((each for each in questions if each.attribute.key not in asked), None)
        if question is None:
            return draft
        asked.add(question.attribute.key)
        draft = ask_attribute(dialogue, draft, name, question, examine)


def ask_attribute(
    dialogue: Dialogue, draft: Draft, name: str, question: Question, examine: Callable[[Draft], Draft]
) -> Draft:
    """Ask for one attribute; a blank answer leaves it as it is.

    The arguments are those of :func:`ask_attributes`.
    """
    attribute = question.attribute
    field = _field(draft, name)
    dialogue.tell(*(f"  {line}" for line in question.explanation))
    answered = dialogue.ask(
        question.prompt(value_of(field, attribute, draft.source)),
        lambda answer: examine(update_field(draft, name, attribute, read_answer(question, answer))),
        exact=attribute.key == "separator",
    )
    return answered or draft


def _questions(draft: Draft, name: str) -> tuple[Question, ...]:
    return questions_about(_field(draft, name), draft.source.storage)


def _field(draft: Draft, name: str) -> Field:
    return next(field for field in draft.target.fields if field.name == name)
