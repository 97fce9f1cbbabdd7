"""Parses and checks attribute values from files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fieldfare.definition.attribute import Attribute, AttributeValue, Form
from fieldfare.definition.reply import encode
from fieldfare.support.structure import require
from fieldfare.support.suggestion import suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parse_attribute_value", "parse_choice"]


def parse_attribute_value(attribute: Attribute, value: object) -> AttributeValue:
    """Return an attribute's value as definitions spell it. Types are not converted: ``"16"`` is not a number.

    Raises:
        ValueError: the value is not allowed; the message says what is.
    """
    match attribute.form:
        case Form.FLAG:
            require(value, bool)
            return bool(value)
        case Form.INTEGER:
            require(value, int)
            return _at_least(attribute.minimum, int(str(value)))
        case Form.NUMBER:
            require(value, float)
            return _at_least(attribute.minimum, float(str(value)))
    require(value, str)
    text = str(value)
    if attribute.choices:
        return parse_choice(text, attribute.choices)
    if len(encode(text)) != 1:
        raise ValueError(f"must be a single one-byte character, not {text!r}")
    return text


def parse_choice(word: str, choices: Sequence[str]) -> str:
    """Return the choice that equals a word, ignoring case.

    Raises:
        ValueError: none does.
    """
    found = next((choice for choice in choices if choice.lower() == word.lower()), None)
    if found is None:
        raise ValueError(f"must be one of {', '.join(choices)}, not {word!r}{suggestion(word, choices)}")
    return found


def _at_least(minimum: int | None, number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(f"must be a finite number, not {number}")
    if minimum is not None and number < minimum:
        raise ValueError(f"must be at least {minimum}, not {number}")
    return number
