"""Adds a field to the index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from fieldfare.definition import AttributeValue, FieldType, Storage
from fieldfare.definition.attribute_value import parse_choice
from fieldfare.errors import DiffError
from fieldfare.patch import NewField
from fieldfare.wizard.attributes import ask_attributes
from fieldfare.wizard.context import WizardContext
from fieldfare.wizard.draft import Draft, add_field
from fieldfare.wizard.plan_check import BlockedChange

__all__ = ["ask_new_field"]

FIELD_TYPES: Final = tuple(kind for kind in FieldType if kind is not FieldType.VECTOR)
ANY_VECTOR: Final[Mapping[str, AttributeValue]] = {
    "algorithm": "FLAT",
    "datatype": "float32",
    "dims": 1,
    "distance_metric": "cosine",
}


def ask_new_field(context: WizardContext, draft: Draft) -> Draft:
    """Ask for a field to add: its name, its type, its path in JSON documents, its attributes."""
    dialogue = context.dialogue
    name = dialogue.ask("Field name: ", lambda answer: _new_name(draft, answer))
    if name is None:
        return draft
    dialogue.show(f"Field type options: {', '.join(FIELD_TYPES)}")
    kind = dialogue.ask("Field type: ", lambda answer: _field_type(context, draft, name, answer))
    if kind is None:
        return draft
    new = NewField(name, kind)
    if draft.source.storage is Storage.JSON:
        dialogue.show("  JSON path: where documents hold the value")
        new = evolve(new, path=dialogue.ask(f"JSON path [default: $.{name}]: ", _json_path) or f"$.{name}")
    added = ask_attributes(dialogue, add_field(draft, new), name)
    try:
        return context.check(added)  # after the attributes: they show whether it is a removed field under a new name
    except BlockedChange as blocked:
        dialogue.show(str(blocked))
        return draft


def _new_name(draft: Draft, name: str) -> str:
    try:
        _ = add_field(draft, NewField(name, FieldType.TEXT)).changes
    except DiffError as error:
        raise BlockedChange(error.problems) from error
    return name


def _field_type(context: WizardContext, draft: Draft, name: str, answer: str) -> FieldType:
    if answer.lower() == FieldType.VECTOR:
        context.check(add_field(draft, NewField(name, FieldType.VECTOR, attrs=ANY_VECTOR)))  # raises the reason
    try:
        return FieldType(parse_choice(answer, FIELD_TYPES))
    except ValueError as error:
        raise ValueError(f"The field type {error}.") from error


def _json_path(answer: str) -> str:
    if not answer.startswith("$"):
        raise ValueError(f"A JSON path starts with $, as in $.{answer.lstrip('.')}.")
    return answer
