"""The definition of an index: ``IndexDefinition`` and its ``Field``s. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import evolve, field, frozen

from fieldfare.definition.attribute import AttributeValue, FieldType

__all__ = ["UNKNOWN_SECONDS", "Field", "IndexDefinition", "Storage"]

UNKNOWN_SECONDS: Final = 0
"""TEMPORARY of an index of which the server tells that it is TEMPORARY, but not for how long."""


class Storage(StrEnum):
    """How documents are stored."""

    HASH = "hash"
    JSON = "json"


@frozen(hash=False)
class Field:
    """One field of an index.

    Attributes:
        name: its name in queries (``AS``).
        type: its type.
        path: the path of the value in the document: a hash field's name or a JSON path.
        attrs: attribute key → value (keys of :data:`fieldfare.definition.attribute.ATTRIBUTES`).
            Scalar attributes at the server's default are omitted; attributes of vectors are not.
    """

    name: str
    type: FieldType
    path: str
    attrs: Mapping[str, AttributeValue] = field(factory=dict)

    @property
    def is_vector(self) -> bool:
        """Whether this is a vector field."""
        return self.type is FieldType.VECTOR


@frozen(hash=False)
class IndexDefinition:
    """Everything that FT.CREATE needs for one index.

    Text that Redis keeps as bytes (names, prefixes, paths) is decoded as UTF-8 with
    ``surrogateescape``, so that no byte is lost.

    Attributes:
        name: the index's real name, never an alias.
        storage: hash or JSON.
        prefixes: key prefixes; ``("",)`` covers every key.
        fields: in order; the order is part of the definition.
        filter: FILTER expression, or None.
        language: LANGUAGE; None for the server's default (English).
        language_field: LANGUAGE_FIELD, or None.
        score: SCORE, 0.0 to 1.0.
        score_field: SCORE_FIELD, or None.
        payload_field: PAYLOAD_FIELD, or None.
        stopwords: STOPWORDS; None for the server's list, ``()`` for none at all.
        options: those of MAXTEXTFIELDS, NOOFFSETS, NOHL, NOFIELDS, NOFREQS that are set; sorted.
        temporary: TEMPORARY in seconds, :data:`UNKNOWN_SECONDS`, or None.
        index_all: INDEXALL ENABLE (search ≥ 8.0).
    """

    name: str
    storage: Storage
    prefixes: tuple[str, ...]
    fields: tuple[Field, ...]
    filter: str | None = None
    language: str | None = None
    language_field: str | None = None
    score: float = 1.0
    score_field: str | None = None
    payload_field: str | None = None
    stopwords: tuple[str, ...] | None = None
    options: tuple[str, ...] = ()
    temporary: int | None = None
    index_all: bool = False

    def find(self, name: str) -> Field | None:
        """Return the field of this name, or None."""
        return next((each for each in self.fields if each.name == name), None)

    def with_field(self, name: str, replacement: Field | None) -> IndexDefinition:
        """Return a copy in which field ``name`` is replaced, or removed if ``replacement`` is None."""
        fields = tuple(replacement if each.name == name else each for each in self.fields)
        return evolve(self, fields=tuple(each for each in fields if each is not None))
