"""Questions about a field's attributes, and how answers are read. Pure data and functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from fieldfare.definition import Algorithm, Attribute, AttributeValue, Field, FieldType, Form, Storage, attributes_of
from fieldfare.definition.attribute_value import parse_attribute_value
from fieldfare.definition.canonical import default_of

__all__ = ["Question", "all_questions", "format_value", "main_questions", "read_answer", "read_yes_or_no"]

_YES: Final[Mapping[str, bool]] = {"y": True, "yes": True, "n": False, "no": False}


@frozen
class Question:
    """A question about one attribute.

    Attributes:
        attribute: the attribute.
        label: its name in the prompt.
        explanation: lines to show before the prompt.
    """

    attribute: Attribute
    label: str
    explanation: tuple[str, ...] = ()

    def prompt(self, current: AttributeValue | None) -> str:
        """Return the prompt.

        Args:
            current: the value that a blank answer keeps; shown for vectors.
        """
        if self.attribute.form is Form.FLAG:
            return f"{self.label} [y/n]: "
        if FieldType.VECTOR in self.attribute.types:
            return f"{self.label} [current: {format_value(current)}]: "
        return f"{self.label} [leave blank to keep existing/default]: "


_SCALARS: Final[Mapping[FieldType, tuple[str, ...]]] = {
    FieldType.TEXT: ("sortable", "weight"),
    FieldType.TAG: ("sortable", "separator"),
    FieldType.NUMERIC: ("sortable",),
    FieldType.GEO: ("sortable",),
    FieldType.GEOSHAPE: ("coord_system",),
}
_ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    Algorithm.FLAT: (),
    Algorithm.HNSW: ("m", "ef_construction"),
    Algorithm.SVS_VAMANA: ("graph_max_degree", "compression"),
}
_WORDING: Final[Mapping[str, tuple[str, ...]]] = {
    "sortable": ("Sortable: enables sorting and aggregation on this field",),
    "weight": ("Weight: how much a match in this field counts",),
    "separator": ("Separator: character that splits multiple values",),
    "coord_system": ("Coordinates: how shapes are measured (SPHERICAL=on the globe, FLAT=on a plane)",),
    "algorithm": ("Algorithm: vector search method (FLAT=brute force, HNSW=graph, SVS-VAMANA=compressed graph)",),
    "datatype": (
        "Datatype: float16, float32, bfloat16, float64, int8, uint8",
        "          (float16 reduces memory ~50%, int8/uint8 reduce ~75%)",
    ),
    "distance_metric": ("Distance metric: how similarity is measured (cosine, l2, ip)",),
    "m": ("M: number of connections per node (higher=better recall, more memory)",),
    "ef_construction": ("EF_CONSTRUCTION: build-time search depth (higher=better recall, slower build)",),
    "graph_max_degree": ("GRAPH_MAX_DEGREE: number of connections per node (higher=better recall, more memory)",),
    "compression": (
        "COMPRESSION: LVQ4, LVQ8, LVQ4x4, LVQ4x8, LeanVec4x8, LeanVec8x8",
        "             (needs Intel's build of Redis Search)",
    ),
}
"""Attribute → its explanation, which starts with its label."""

_NAMES: Final[Mapping[str, str]] = {",": "comma", "": "none"}


def main_questions(field: Field, storage: Storage) -> tuple[Question, ...]:
    """Return the questions about the attributes that are changed most; those of a vector depend on its algorithm."""
    if not field.is_vector:
        return tuple(_question(field.type, key, storage) for key in _SCALARS[field.type])
    keys = ("algorithm", "datatype", "distance_metric", *_ALGORITHMS[str(field.attrs["algorithm"])])
    return tuple(_question(field.type, key, storage) for key in keys)


def all_questions(field: Field, storage: Storage) -> tuple[Question, ...]:
    """Return a question about every attribute that a field can have."""
    algorithm = str(field.attrs["algorithm"]) if field.is_vector else None
    return tuple(_question(field.type, each.key, storage) for each in attributes_of(field.type, algorithm))


def read_answer(question: Question, answer: str) -> AttributeValue:
    """Convert an answer to a value of the question's attribute.

    Raises:
        ValueError: the value is not valid; the message names the valid ones.
    """
    attribute = question.attribute
    if attribute.form is Form.FLAG:
        return read_yes_or_no(answer)
    try:
        return parse_attribute_value(attribute, _typed(attribute.form, answer))
    except ValueError as error:
        raise ValueError(f"{question.label} {error}.") from error


def read_yes_or_no(answer: str) -> bool:
    """Convert an answer to True or False.

    Raises:
        ValueError: the answer is neither yes nor no.
    """
    try:
        return _YES[answer.lower()]
    except KeyError:
        raise ValueError("Please answer y or n.") from None


def format_value(value: AttributeValue | None) -> str:
    """Return a value as the user would type it."""
    if isinstance(value, bool):
        return "y" if value else "n"
    return "none" if value is None else str(value)


def _question(kind: FieldType, key: str, storage: Storage) -> Question:
    attribute = next(each for each in attributes_of(kind) if each.key == key)
    explanation = _WORDING.get(key, ())
    label = explanation[0].partition(":")[0] if explanation else key
    if kind is not FieldType.VECTOR and attribute.form is not Form.FLAG:
        default = format_value(default_of(attribute, storage))
        first, *rest = explanation or (f"{key}: {', '.join(attribute.choices) or attribute.form}",)
        explanation = (f"{first} (default: {_NAMES.get(default, default)})", *rest)
    return Question(attribute, label, explanation)


def _typed(form: Form, answer: str) -> AttributeValue:
    """Return the number that was typed; other text as it is, for the attribute to refuse."""
    try:
        match form:
            case Form.INTEGER:
                return int(answer)
            case Form.NUMBER:
                return float(answer)
            case _:
                return answer
    except ValueError:
        return answer
