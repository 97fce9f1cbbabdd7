"""Asks for the attributes of a field."""

from __future__ import annotations

from collections.abc import Callable

from fieldfare.definition import Field
from fieldfare.wizard.dialogue import Dialogue
from fieldfare.wizard.draft import Draft, update_field, value_of
from fieldfare.wizard.question import Question, main_questions, read_answer

__all__ = ["ask_attribute", "ask_attributes"]


def ask_attributes(
    dialogue: Dialogue, draft: Draft, name: str, check: Callable[[Draft], Draft] = lambda draft: draft
) -> Draft:
    """Ask for the attributes of a field of the target, one after the other.

    Args:
        dialogue: the dialogue with the user.
        draft: the patch so far.
        name: the field's name in the target.
        check: returns a draft if it can be applied; else raises ``ValueError``, and the question is asked again.

    Returns:
        The draft with the answers.
    """
    asked: set[str] = set()
    while True:
        # each time: they depend on the algorithm
        questions = main_questions(_field(draft, name), draft.source.storage)
        question = next((each for each in questions if each.attribute.key not in asked), None)
        if question is None:
            return draft
        asked.add(question.attribute.key)
        draft = ask_attribute(dialogue, draft, name, question, check)


def ask_attribute(
    dialogue: Dialogue, draft: Draft, name: str, question: Question, check: Callable[[Draft], Draft]
) -> Draft:
    """Ask for one attribute; a blank answer keeps it.

    The arguments are those of :func:`ask_attributes`.
    """
    attribute = question.attribute
    field = _field(draft, name)
    dialogue.show(*(f"  {line}" for line in question.explanation))
    answered = dialogue.ask(
        question.prompt(value_of(field, attribute, draft.source)),
        lambda answer: check(update_field(draft, name, attribute, read_answer(question, answer))),
        exact=attribute.key == "separator",
    )
    return answered or draft


def _field(draft: Draft, name: str) -> Field:
    return next(field for field in draft.target.fields if field.name == name)
