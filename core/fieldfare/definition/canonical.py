"""The canonical form of a definition.

A server adds defaults and implied options, and changes case and order. Two definitions mean the same index if their
canonical forms are equal.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from fieldfare.definition.attribute import Attribute, AttributeValue, FieldType, attributes_of
from fieldfare.definition.model import Field, IndexDefinition, Storage
from fieldfare.definition.reply import encode, text

__all__ = [
    "OPTIONS",
    "PHONETIC",
    "canonical",
    "canonical_field",
    "canonical_language",
    "comparable_option",
    "default_of",
]

OPTIONS: Final = ("MAXTEXTFIELDS", "NOFIELDS", "NOFREQS", "NOHL", "NOOFFSETS")
"""Options of the whole index, sorted."""

MAX_NARROW_TEXT_FIELDS: Final = 32
"""With more indexed text fields than this, the server adds MAXTEXTFIELDS."""

PHONETIC: Final = "dm:en"
"""Stands for every matcher."""

TRAINING_THRESHOLD: Final = 10240
"""The server's default for an SVS-VAMANA index with compression."""


def canonical(definition: IndexDefinition) -> IndexDefinition:
    """Return the canonical form of a definition.

    Scalar attributes at their default are left out; vectors get the defaults that FT.INFO reports. UNF is left out
    where sorting implies it, PHONETIC where nothing is indexed. NOHL and MAXTEXTFIELDS are put in where something
    implies them.
    """
    words = definition.stopwords
    return evolve(
        definition,
        fields=tuple(canonical_field(each, definition.storage) for each in definition.fields),
        language=canonical_language(definition.language),
        stopwords=None if words is None else tuple(sorted({_lower(word) for word in words})),
        options=_options(definition),
    )


def canonical_field(field: Field, storage: Storage) -> Field:
    """Return the canonical form of a field."""
    algorithm = str(field.attrs.get("algorithm", "")) or None
    known = attributes_of(field.type, algorithm)
    attrs = {each.key: _value(each, field.attrs[each.key]) for each in known if each.key in field.attrs}
    attrs = _vector(attrs, known) if field.is_vector else _scalar(attrs, field.type, storage, known)
    return evolve(field, attrs=attrs)


def canonical_language(language: str | None) -> str | None:
    """Return a language in lower case; None for English, which is the default and is never reported."""
    return None if language is None or language.lower() == "english" else language.lower()


def comparable_option(definition: IndexDefinition, option: str) -> object:
    """Return the value of an option of a canonical definition as it is compared.

    Stopwords are compared without regard to case. Search 2 makes ASCII letters of them lower case, search 8 those of
    its version of Unicode: ``À`` is read back as ``à``.
    """
    value = getattr(definition, option)
    if option != "stopwords" or value is None:
        return value
    # letter by letter: the server has no rule for a sigma at the end of a word
    return {"".join(map(str.lower, word)) for word in value}


def default_of(attribute: Attribute, storage: Storage) -> AttributeValue | None:
    """Return the server's default of an attribute; None if it has none.

    A TAG of JSON documents has no separator: FT.INFO shows an empty one, which FT.CREATE refuses.
    """
    return "" if attribute.key == "separator" and storage is Storage.JSON else attribute.default


def _lower(word: str) -> str:
    return text(encode(word).lower())  # ASCII letters alone, as the server does


def _value(attribute: Attribute, value: AttributeValue) -> AttributeValue:
    if attribute.key == "phonetic_matcher":
        return PHONETIC  # all matchers find the same words, and no command tells which one it was
    return attribute.spell(value) if isinstance(value, str) else value


def _scalar(
    attrs: dict[str, AttributeValue], kind: FieldType, storage: Storage, known: tuple[Attribute, ...]
) -> dict[str, AttributeValue]:
    implied = storage is Storage.JSON or kind is FieldType.NUMERIC or bool(attrs.get("case_sensitive"))
    if implied or not attrs.get("sortable"):
        attrs.pop("unf", None)
    if attrs.get("no_index"):
        attrs.pop("phonetic_matcher", None)  # nothing is searched there, by its sound or otherwise
    defaults = {each.key: default_of(each, storage) for each in known}
    return {key: value for key, value in attrs.items() if value != defaults[key] and value is not False}


def _vector(attrs: dict[str, AttributeValue], known: tuple[Attribute, ...]) -> dict[str, AttributeValue]:
    attrs = {key: value for key, value in attrs.items() if value is not False}
    compression = str(attrs.get("compression", "")).lower()
    if compression in {"", "no_compression"}:
        for key in ("compression", "training_threshold", "reduce"):
            attrs.pop(key, None)
    else:
        attrs.setdefault("training_threshold", TRAINING_THRESHOLD)
    if not compression.startswith("leanvec"):
        attrs.pop("reduce", None)
    elif "dims" in attrs:
        attrs.setdefault("reduce", int(attrs["dims"]) // 2)
    for each in known:
        if each.info is not None and each.default:
            attrs.setdefault(each.key, each.default)
    return attrs


def _options(definition: IndexDefinition) -> tuple[str, ...]:
    options = {option.upper() for option in definition.options}
    if "NOOFFSETS" in options:
        options.add("NOHL")
    indexed = [each for each in definition.fields if each.type is FieldType.TEXT and not each.attrs.get("no_index")]
    if len(indexed) > MAX_NARROW_TEXT_FIELDS and "NOFIELDS" not in options:
        options.add("MAXTEXTFIELDS")
    return tuple(sorted(options))
