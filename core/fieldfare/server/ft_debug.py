"""Parts of a definition that FT.INFO does not report and FT.DEBUG does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen
from redis.exceptions import NoPermissionError, ResponseError

from fieldfare.definition import IndexDefinition
from fieldfare.definition.attribute import Attribute, AttributeValue, Form, attributes_of
from fieldfare.definition.reply import encode, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fieldfare.definition import Field
    from fieldfare.server import Server

__all__ = ["CompleteDefinition", "complete_definition"]

_NOT_ALLOWED: Final = "FT.DEBUG is not allowed here"
_NEVER_REPORTED: Final = frozenset({"PHONETIC", "INITIAL_CAP"})
_REFUSALS: Final = ("unknown command", "not allowed", "disabled")


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


def complete_definition(server: Server, definition: IndexDefinition) -> CompleteDefinition:
    """Add what FT.DEBUG reports to a definition, and list what neither FT.INFO nor FT.DEBUG reports.

    Call this right after FT.INFO, which restarts the timer of a temporary index.
    """
    temporary = _temporary(server, definition.name)
    unreadable: dict[tuple[str, str], list[str]] = {}
    fields: list[Field] = []
    for field in definition.fields:
        hidden = [each for each in attributes_of(field.type, _algorithm(field)) if each.info is None]
        reported = _vector_attributes(server, definition.name, field, hidden) if field.is_vector else {}
        known = {} if isinstance(reported, _Refusal) else reported
        unusual = {each.key: known[each.key] for each in hidden if known.get(each.key, each.default) != each.default}
        fields.append(evolve(field, attrs={**field.attrs, **unusual}))
        for gap in _unreported(field, hidden, reported):
            unreadable.setdefault(gap, []).append(field.name)
    lines = [f"{tokens} of {', '.join(names)}{reason}" for (tokens, reason), names in unreadable.items()]
    if isinstance(temporary, _Refusal):
        return CompleteDefinition(evolve(definition, fields=tuple(fields)), (*lines, f"TEMPORARY ({temporary.reason})"))
    return CompleteDefinition(evolve(definition, fields=tuple(fields), temporary=temporary), tuple(lines))


def _temporary(server: Server, name: str) -> int | _Refusal | None:
    reply = _ft_debug(server, "TTL", encode(name))
    if isinstance(reply, _Refusal):
        return None if "not temporary" in reply.reason else reply
    return int(text(reply)) + 1  # the timer has just started, and the whole seconds left are rounded down


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
    try:
        try:
            return server.command("FT.DEBUG", *arguments)
        except ResponseError as error:
            if "unknown command" not in str(error).lower():
                raise
            return server.command("_FT.DEBUG", *arguments)
    except ResponseError as error:
        refused = isinstance(error, NoPermissionError) or any(words in str(error).lower() for words in _REFUSALS)
        return _Refusal(_NOT_ALLOWED if refused else f"FT.DEBUG answers: {error}")


def _unreported(
    field: Field, hidden: Iterable[Attribute], reported: dict[str, AttributeValue] | _Refusal
) -> list[tuple[str, str]]:
    """Return which options of a field the server does not report, and why."""
    known, reason = ({}, f" ({reported.reason})") if isinstance(reported, _Refusal) else (reported, "")
    missing = [each.token for each in hidden if each.key not in known]
    gaps = [(token, "") for token in missing if token in _NEVER_REPORTED]
    refused = ", ".join(token for token in missing if token not in _NEVER_REPORTED)
    if refused:
        gaps.append((refused, reason))
    if field.attrs.get("compression") == "GlobalSQ8":
        gaps.append(("COMPRESSION", " (every one is reported as GlobalSQ8; it will be created with LVQ8)"))
    return gaps


def _algorithm(field: Field) -> str | None:
    return str(field.attrs["algorithm"]) if "algorithm" in field.attrs else None
