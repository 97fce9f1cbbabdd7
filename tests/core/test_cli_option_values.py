"""Options take the same values, and refuse the same ones, as if typer converted all of them with pydantic."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from typer.core import TyperOption

from fieldfare.cli.app import COMMANDS, build_app
from fieldfare.cli.option_values import PlainOption, with_plain_values
from fieldfare.errors import FieldfareError
from fieldfare.hooks.manager import load_plugins

TEXTS = ("", "0", "1", "-1", "1.5", "nan", "text", "auto", "drop_recreate", "redis://host", "a,b", "no", "é")


def outcome(option: TyperOption, value: Any, context: typer.Context) -> Any:
    """Return what an option makes of a value: its type and the result, or the complaint."""
    try:
        result = option.get_runtime_param().coerce(value, param=option, ctx=context)
    except (typer.BadParameter, FieldfareError) as error:
        return type(error), str(error)
    return type(result), repr(result)  # nan is not equal to itself


def as_plain(option: TyperOption) -> TyperOption:
    """Return the option as commands have it."""
    (plain,) = with_plain_values([copy(option)])
    assert isinstance(plain, PlainOption)
    return plain


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS])
def test_every_option_takes_what_typer_takes(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = typer.main.get_group(build_app(load_plugins(), only=name)).commands[name]
    context = typer.Context(command)
    paths = [str(tmp_path / each) for each in (".", "file", "missing", "missing/file")]
    for option in command.params:
        if type(option) is not TyperOption:
            continue
        choices = [each for each in get_args(option.type_descriptor.annotation) if isinstance(each, str)]
        for text in [*TEXTS, *paths, *choices]:
            given = (text, "second") if option.multiple else text
            assert outcome(as_plain(option), given, context) == outcome(option, given, context), f"{option.name} {text}"
        for value in (option.default, None):
            assert outcome(as_plain(option), value, context) == outcome(option, value, context), option.name


def test_a_parser_of_a_plugin_may_refuse_a_value() -> None:
    app = typer.Typer()

    @app.command()
    def command(*, number: int = typer.Option(1, parser=lambda text: int(text, 2)), further: str = "") -> None:
        del number, further

    made = typer.main.get_command(app)
    (number,) = [each for each in made.params if each.name == "number"]
    assert isinstance(number, TyperOption)
    context = typer.Context(made)
    assert outcome(as_plain(number), "101", context) == (int, "5")
    assert outcome(as_plain(number), "2", context) == outcome(number, "2", context)
    assert outcome(as_plain(number), "2", context)[0] is typer.BadParameter
