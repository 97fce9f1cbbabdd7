"""Adding a field to the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.definition import FieldType, Storage
from fieldfare.definition.value import choose
from fieldfare.errors import DiffError
from fieldfare.patch import NewField
from fieldfare.wizard.attributes import ask_attributes
from fieldfare.wizard.draft import add_field
from fieldfare.wizard.examiner import Objection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare.definition import AttributeValue
    from fieldfare.wizard.draft import Draft
    from fieldfare.wizard.workbench import Workbench

__all__ = ["ask_new_field"]

OFFERED: Final = tuple(kind for kind in FieldType if kind is not FieldType.VECTOR)
ANY_VECTOR: Final[Mapping[str, AttributeValue]] = {
    "algorithm": "FLAT",
    "datatype": "float32",
    "dims": 1,
    "distance_metric": "cosine",
}


def ask_new_field(bench: Workbench, draft: Draft) -> Draft:
    """Ask for a field to add: its name, its type, its path in JSON documents, its attributes."""
    dialogue = bench.dialogue
    name = dialogue.ask("Field name: ", lambda answer: _free_name(draft, answer))
    if name is None:
        return draft
    dialogue.tell(f"Field type options: {', '.join(OFFERED)}")
    kind = dialogue.ask("Field type: ", lambda answer: _offered_type(bench, draft, name, answer))
    if kind is None:
        return draft
    new = NewField(name, kind)
    if draft.source.storage is Storage.JSON:
        dialogue.tell("  JSON path: where documents hold the value")
        new = evolve(new, path=dialogue.ask(f"JSON path [default: $.{name}]: ", _json_path) or f"$.{name}")
    added = ask_attributes(dialogue, add_field(draft, new), name)
    try:
        return bench.examine(added)  # only now: attributes tell whether it looks like a removed field
    except Objection as objection:
        dialogue.tell(str(objection))
        return draft


def _free_name(draft: Draft, name: str) -> str:
    try:
        _ = add_field(draft, NewField(name, FieldType.TEXT)).changes
    except DiffError as error:
        raise Objection(error.problems) from error
    return name


def _offered_type(bench: Workbench, draft: Draft, name: str, answer: str) -> FieldType:
    if answer.lower() == FieldType.VECTOR:
        bench.examine(add_field(draft, NewField(name, FieldType.VECTOR, attrs=ANY_VECTOR)))  # says why not
    try:
        return FieldType(choose(answer, OFFERED))
    except ValueError as error:
        raise ValueError(f"The field type {error}.") from error


def _json_path(answer: str) -> str:
    if not answer.startswith("$"):
        raise ValueError(f"A JSON path starts with $, as in $.{answer.lstrip('.')}.")
    return answer
