"""Options of a definition that FT.INFO does not report: FT.DEBUG and FT.EXPLAIN tell most of them."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen
from redis.exceptions import ResponseError

from fieldfare.definition import FieldType, IndexDefinition
from fieldfare.definition.attribute import Attribute, AttributeValue, Form, attributes_of
from fieldfare.definition.canonical import PHONETIC
from fieldfare.definition.model import UNKNOWN_SECONDS
from fieldfare.definition.reply import encode, mapping, text
from fieldfare.server.knn import escape_name
from fieldfare.server.refusal import CommandNotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fieldfare.definition import Field
    from fieldfare.definition.info import Info
    from fieldfare.server import Server

__all__ = ["CompleteDefinition", "complete_definition"]

_WITHOUT_EFFECT: Final = frozenset({"INITIAL_CAP"})
"""Options that no command reports, and that no answer depends on: INITIAL_CAP allocates memory early."""

_NOT_PHONETIC: Final = "does not support phonetics"
"""What the server answers to a query that asks for words by their sound in a field without PHONETIC."""

NO_GARBAGE_COLLECTION: Final = "NOGC"
"""The setting with which no index has its garbage collected."""

_REFUSALS: Final = ("not allowed", "disabled")


@frozen(hash=False)
class CompleteDefinition:
    """A definition with everything that the server reports.

    Attributes:
        definition: with the vector attributes that only FT.DEBUG reports, where they differ from the default.
        unreadable: what the server does not report, one line each.
    """

    definition: IndexDefinition
    unreadable: tuple[str, ...]


@frozen
class _Refusal:
    reason: str
    is_unknown_command: bool = False


def complete_definition(server: Server, info: Info, *, vector_options: bool = True) -> CompleteDefinition:
    """Add what FT.DEBUG reports to a definition, and list what neither FT.INFO nor FT.DEBUG reports.

    Call this right after FT.INFO, which restarts the timer of a temporary index.

    Args:
        server: the server of the index.
        info: what FT.INFO reports.
        vector_options: whether those of vector fields are asked for.
    """
    definition = info.definition
    temporary = _temporary(server, info)
    phonetic = _phonetic_attributes(server, definition)
    unreadable: dict[tuple[str, str], list[str]] = {}
    fields: list[Field] = []
    for field in definition.fields:
        attributes = [each for each in attributes_of(field.type, _algorithm(field)) if each.info is None]
        hidden = [each for each in attributes if each.key not in field.attrs]
        reported: dict[str, AttributeValue] | _Refusal = phonetic.get(field.name, {})
        if field.is_vector and vector_options:
            reported = _vector_attributes(server, definition.name, field, hidden)
        known = {} if isinstance(reported, _Refusal) else reported
        unusual = {each.key: known[each.key] for each in hidden if known.get(each.key, each.default) != each.default}
        usual = {each.key for each in attributes if field.attrs.get(each.key) == each.default}
        attrs = {key: value for key, value in field.attrs.items() if key not in usual}
        fields.append(evolve(field, attrs={**attrs, **unusual}))
        for gap in _unreported(field, hidden, reported):
            unreadable.setdefault(gap, []).append(field.name)
    lines = [f"{tokens} of {', '.join(names)}{reason}" for (tokens, reason), names in unreadable.items()]
    if isinstance(temporary, _Refusal):
        return CompleteDefinition(evolve(definition, fields=tuple(fields)), (*lines, f"TEMPORARY ({temporary.reason})"))
    return CompleteDefinition(evolve(definition, fields=tuple(fields), temporary=temporary), tuple(lines))


def _temporary(server: Server, info: Info) -> int | _Refusal | None:
    """Return TEMPORARY; where FT.DEBUG is refused, whether the server collects garbage tells something of it."""
    reply = _ft_debug(server, "TTL", encode(info.definition.name))
    if not isinstance(reply, _Refusal):
        return int(text(reply)) + 1  # the timer has just started, and the whole seconds left are rounded down
    if info.collects_garbage or "not temporary" in reply.reason:
        return None
    setting = _call(server, "FT.CONFIG", "GET", NO_GARBAGE_COLLECTION)
    return reply if isinstance(setting, _Refusal) or _is_set(setting) else UNKNOWN_SECONDS


def _is_set(setting: Any) -> bool:
    """Return the value in a reply to FT.CONFIG GET: a map in RESP3, a list of pairs in RESP2."""
    values = setting.values() if isinstance(setting, dict) else [pair[1] for pair in setting]
    return any(text(value).lower() in {"true", "yes"} for value in values)


def _phonetic_attributes(
    server: Server, definition: IndexDefinition
) -> dict[str, dict[str, AttributeValue] | _Refusal]:
    """Return the PHONETIC matcher of each TEXT field that has one, as FT.EXPLAIN tells.

    The query asks for it with an attribute: without one, servers before search 8.10 look at another field where a field
    that is not TEXT comes first. The four matchers (dm:en, dm:fr, dm:pt, dm:es) find the same words: which one it was
    cannot be told, nor matters.
    """
    # a field that is not indexed is explained as if it were any field
    fields = [each for each in definition.fields if each.type is FieldType.TEXT and not each.attrs.get("no_index")]
    stopwords = {word.lower() for word in definition.stopwords or ()}
    probe = next(word for word in ("word" + "x" * number for number in count()) if word not in stopwords)
    commands = [
        (
            "FT.EXPLAIN",
            encode(definition.name),
            encode(f"@{escape_name(each.name)}:{probe}=>{{$phonetic: true}}"),
            "DIALECT",
            2,
        )
        for each in fields
    ]
    replies = zip(fields, server.bulk(commands) if commands else (), strict=True)
    return {
        field.name: {"phonetic_matcher": PHONETIC}
        if not isinstance(reply, ResponseError)
        else {}
        if _NOT_PHONETIC in str(reply)
        else _refusal("FT.EXPLAIN", reply)
        for field, reply in replies
    }


def _vector_attributes(
    server: Server, index: str, field: Field, hidden: Iterable[Attribute]
) -> dict[str, AttributeValue] | _Refusal:
    # Only for vector fields: for another field, the server crashes (search 2.10.5).
    reply = _ft_debug(server, "VECSIM_INFO", encode(index), encode(field.name))
    if isinstance(reply, _Refusal):
        return reply
    facts = mapping(reply)
    facts = mapping(facts["BACKEND_INDEX"]) if "BACKEND_INDEX" in facts else facts
    return {
        each.key: int(text(facts[each.token])) if each.form is Form.INTEGER else float(text(facts[each.token]))
        for each in hidden
        if each.token in facts
    }


def _ft_debug(server: Server, *arguments: str | bytes) -> Any:
    """Return the reply to FT.DEBUG, or the refusal; search 8 calls the command ``_FT.DEBUG``."""
    reply = _call(server, "FT.DEBUG", *arguments)
    if isinstance(reply, _Refusal) and reply.is_unknown_command:
        reply = _call(server, "_FT.DEBUG", *arguments)
    return reply


def _call(server: Server, command: str, *arguments: str | bytes | int) -> Any:
    try:
        return server.command(command, *arguments)
    except ResponseError as error:
        return _refusal(command.removeprefix("_"), error)


def _refusal(command: str, error: ResponseError) -> _Refusal:
    said = str(error).lower()
    is_refused = isinstance(error, CommandNotAllowed) or any(words in said for words in _REFUSALS)
    reason = f"{command} is not allowed here" if is_refused else f"{command} answers: {error}"
    return _Refusal(reason, is_unknown_command=isinstance(error, CommandNotAllowed) and error.right is None)


def _unreported(
    field: Field, hidden: Iterable[Attribute], reported: dict[str, AttributeValue] | _Refusal
) -> list[tuple[str, str]]:
    """Return which options of a field the server does not report, and why."""
    known, reason = ({}, f" ({reported.reason})") if isinstance(reported, _Refusal) else (reported, "")
    missing = [each.token for each in hidden if each.key not in known and each.token not in _WITHOUT_EFFECT]
    gaps = [(", ".join(missing), reason)] if missing and (reason or field.is_vector) else []
    if field.attrs.get("compression") == "GlobalSQ8":
        gaps.append(("COMPRESSION", " (every one is reported as GlobalSQ8; it will be created with LVQ8)"))
    return gaps


def _algorithm(field: Field) -> str | None:
    return str(field.attrs["algorithm"]) if "algorithm" in field.attrs else None
