"""FT.INFO → definition and statistics.

Source: https://redis.io/docs/latest/commands/ft.info/, and recorded replies of search 2.10, 8.0 and 8.2.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from fieldfare.definition.attribute import Attribute, AttributeValue, FieldType, Form, attributes_of
from fieldfare.definition.canonical import OPTIONS, canonical
from fieldfare.definition.model import Field, IndexDefinition, Storage
from fieldfare.definition.reply import mapping, text
from fieldfare.definition.snapshot import IndexStats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Info", "ambiguous_texts", "parse_info"]

_DEFINITION_KEYS: Final = frozenset(
    {
        "key_type",
        "prefixes",
        "filter",
        "default_language",
        "language_field",
        "default_score",
        "score_field",
        "payload_field",
        "indexes_all",
    }
)
VECTORS: Final = "vector_index_sz_mb"
TOTAL: Final = "total_index_memory_sz_mb"

_ESCAPED: Final = {"\\n": "\n", "\\r": "\r"}
"""The server's escapes of line breaks. It does not escape backslashes, so text with these sequences is ambiguous."""
_OUT_OF_MEMORY: Final = re.compile(r"Used memory is more than \d+ percent of max memory, cancelling the scan")
"""How FT.INFO says that an index build was given up (search 2.10.13, 8.0 and newer)."""


@frozen(hash=False)
class Info:
    """The content of a reply to FT.INFO.

    Attributes:
        definition: in canonical form.
        stats: the statistics.
        unknown: one line for each part of the definition that fieldfare does not know.
        ambiguous: texts of the definition in which FT.INFO shows a line break, or a backslash and a letter.
        build_failure: why the server gave up building the index; "" if it did not.
        collects_garbage: whether the server collects garbage of the index, which it does not for a TEMPORARY one.
    """

    definition: IndexDefinition
    stats: IndexStats
    unknown: tuple[str, ...] = field(default=())
    ambiguous: tuple[str, ...] = ()
    build_failure: str = ""
    collects_garbage: bool = True


def parse_info(reply: Any) -> Info:
    """Parse a raw reply to FT.INFO, RESP2 or RESP3, bytes or text.

    Raises:
        ValueError: this is not a reply to FT.INFO, or one of another search module.
    """
    try:
        top = mapping(reply)
        unknown: list[str] = []
        definition = canonical(_definition(top, unknown))
    except KeyError as error:
        raise ValueError(f"not a reply to FT.INFO of Redis Search: it has no {error}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a reply to FT.INFO: {error!r}") from error
    return Info(
        definition,
        _stats(top),
        tuple(unknown),
        ambiguous_texts(definition),
        _build_failure(top),
        collects_garbage=bool(top.get("gc_stats")),  # a coordinator reports no numbers in place of nothing
    )


def _definition(top: Mapping[str, Any], unknown: list[str]) -> IndexDefinition:
    rule = mapping(top["index_definition"])
    unknown += [f"index definition {key} = {_show(rule[key])}" for key in rule if key not in _DEFINITION_KEYS]
    options = tuple(text(option) for option in top["index_options"])
    unknown += [f"index option {option}" for option in options if option.upper() not in OPTIONS]
    stopwords = top.get("stopwords_list")
    fields = [_field(row, unknown) for row in top["attributes"]]
    return IndexDefinition(
        name=text(top["index_name"]),
        storage=_storage(text(rule["key_type"]), unknown),
        prefixes=tuple(text(prefix) for prefix in rule.get("prefixes", ("",))),
        fields=tuple(each for each in fields if each is not None),
        filter=_optional(rule, "filter"),
        language=_optional(rule, "default_language"),
        language_field=_optional(rule, "language_field"),
        score=float(rule.get("default_score", 0)),  # the server omits a score of 0, not one of 1
        score_field=_optional(rule, "score_field"),
        payload_field=_optional(rule, "payload_field"),
        stopwords=None if stopwords is None else tuple(text(word) for word in stopwords),
        options=tuple(option for option in options if option.upper() in OPTIONS),
        index_all=text(rule.get("indexes_all", "false")).lower() == "true",
    )


def _storage(key_type: str, unknown: list[str]) -> Storage:
    try:
        return Storage(key_type.lower())
    except ValueError:
        unknown.append(f"key type {key_type}")
        return Storage.HASH


def _field(row: Any, unknown: list[str]) -> Field | None:
    identifier, name, type_name, entries = _flat(row) if isinstance(row, list) else _mapped(row)
    try:
        kind = FieldType(type_name.lower())
    except ValueError:
        unknown.append(f"type {type_name} of field {name!r}")
        return None
    # search 8.10 reports attributes that older servers leave out
    known = {(each.info or each.key).upper(): each for each in attributes_of(kind)}
    attrs: dict[str, AttributeValue] = {}
    for token, value in _paired(entries, known):
        attribute = known.get(token.upper())
        if attribute is None or (value is None) != (attribute.form is Form.FLAG):
            unknown.append(f"{token}{'' if value is None else f' = {_show(value)}'} of field {name!r}")
        else:
            attrs[attribute.key] = _value(attribute, value)
    return Field(name, kind, identifier, attrs)


def _flat(row: list[Any]) -> tuple[str, str, str, list[Any]]:
    # By position, because a field may be called "type" or "SORTABLE".
    if [text(word) for word in row[0:6:2]] != ["identifier", "attribute", "type"]:
        raise ValueError(f"a field starts with {', '.join(map(text, row[0:6:2]))}")
    return text(row[1]), text(row[3]), text(row[5]), row[6:]


def _mapped(row: Any) -> tuple[str, str, str, dict[str, Any]]:
    entries = mapping(row)
    return text(entries.pop("identifier")), text(entries.pop("attribute")), text(entries.pop("type")), entries


def _paired(entries: list[Any] | dict[str, Any], known: Mapping[str, Attribute]) -> Iterator[tuple[str, Any]]:
    """Yield each attribute with its value, each flag with None."""
    if isinstance(entries, dict):
        flags = entries.pop("flags", ())
        yield from entries.items()
        yield from ((text(flag), None) for flag in flags)
        return
    words = iter(entries)
    for word in words:
        if text(word) == "flags":  # a map of RESP3 that is given as a list
            yield from ((text(flag), None) for flag in next(words, ()))
            continue
        token = text(word)
        attribute = known.get(token.upper())
        has_value = token.islower() if attribute is None else attribute.form is not Form.FLAG  # flags are in capitals
        yield token, next(words, None) if has_value else None


def _value(attribute: Attribute, value: Any) -> AttributeValue:
    if attribute.form is Form.FLAG:
        return True
    if attribute.form is Form.INTEGER:
        return int(text(value))
    if attribute.form is Form.NUMBER:
        return float(text(value))
    shown = text(value)
    return _ESCAPED.get(shown, shown) if attribute.key == "separator" else attribute.spell(shown)


def _optional(rule: Mapping[str, Any], key: str) -> str | None:
    return text(rule[key]) if key in rule else None


def _show(value: Any) -> str:
    return repr([text(each) for each in value]) if isinstance(value, list) else repr(text(value))


def ambiguous_texts(definition: IndexDefinition, *, line_breaks: bool = False) -> tuple[str, ...]:
    """Return the texts in which FT.INFO shows a line break, or a backslash and a letter: both in the same way.

    Not the name of the index, which is asked for by name.

    Args:
        definition: as FT.INFO shows it.
        line_breaks: return those with line breaks as well, for a definition that is still to be shown.
    """
    marks = (*_ESCAPED, *_ESCAPED.values()) if line_breaks else tuple(_ESCAPED)
    named = [definition.filter, definition.language_field, definition.score_field, definition.payload_field]
    texts = [*definition.prefixes, *named]
    texts += [part for each in definition.fields for part in (each.path, each.name)]
    return tuple(sorted({shown for shown in texts if shown and any(mark in shown for mark in marks)}))


def _stats(top: Mapping[str, Any]) -> IndexStats:
    indexing = _number(top, "indexing") != 0
    return IndexStats(
        num_docs=int(_number(top, "num_docs")),
        hash_indexing_failures=int(_number(top, "hash_indexing_failures")),
        indexing=indexing,
        percent_indexed=_number(top, "percent_indexed", 0.0 if indexing else 1.0),
        vector_index_size_mb=_number(top, VECTORS),
        total_index_memory_size_mb=_number(top, TOTAL),
        other_memory_size_mb=_other_memory(top),
        indexing_seconds=_indexing_seconds(top),
    )


def _indexing_seconds(top: Mapping[str, Any]) -> float:
    """Return the seconds to index one document: every document that is written again counts once more."""
    indexed = _number(top, "max_doc_id")
    return _number(top, "total_indexing_time") / 1000 / indexed if indexed > 0 else 0.0


def _build_failure(top: Mapping[str, Any]) -> str:
    """Return why background indexing was given up; other errors quote values of documents, and are left out."""
    errors = {key: text(value) for key, value in mapping(top.get("Index Errors", {})).items()}
    status, last = errors.get("background indexing status", "OK"), errors.get("last indexing error", "")
    if _OUT_OF_MEMORY.fullmatch(last):
        return last
    return "" if status.upper() == "OK" else status


def _other_memory(top: Mapping[str, Any]) -> float:
    """Return MiB without the vectors: the total of search 2.10 leaves them out, and other versions may not."""
    vectors, total = _number(top, VECTORS), _number(top, TOTAL)
    parts = sum(_number(top, key) for key in top if key.endswith("_mb") and key not in {VECTORS, TOTAL})
    includes_vectors = abs(total - vectors - parts) < abs(total - parts)
    return total - vectors if includes_vectors else total


def _number(top: Mapping[str, Any], key: str, otherwise: float = 0.0) -> float:
    number = float(text(top.get(key, otherwise)))
    return number if math.isfinite(number) else otherwise
