"""Messages of errors: whole sentences, each with one full stop, whatever they quote."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from fieldfare import errors
from fieldfare.errors import FieldfareError, PreconditionError

QUOTED = "NOPERM this user has no permissions to run the 'ft.info' command."


def example(kind: type[FieldfareError]) -> FieldfareError:
    """Make an error of this kind, of which every text is a sentence."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        annotation = str(parameter.annotation)
        arguments[name] = 1 if annotation == "int" else (QUOTED,) if "Sequence" in annotation else QUOTED
    return kind(**arguments)


@pytest.mark.parametrize("name", errors.__all__)
def test_a_quoted_sentence_keeps_one_full_stop(name: str) -> None:
    message = str(example(getattr(errors, name)))
    assert ".." not in message.replace("...", "")
    assert not message.startswith(" ")


@pytest.mark.parametrize("text", ["The backup at .. cannot be used.", "Wait ...", "a/..", "fieldfare plan ... FILE"])
def test_other_stops_stay(text: str) -> None:
    assert str(PreconditionError(text)) == text
