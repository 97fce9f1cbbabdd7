"""Values of options that need no conversion. typer converts with pydantic, whose import takes longer than typer's."""

from __future__ import annotations

import os
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import typer
from typer.core import TyperOption

__all__ = ["with_plain_values"]

PLAIN: Final = (str, int, float, bool)


class PlainOption(TyperOption):
    """An option that asks typer only for values that need a conversion."""

    def get_runtime_param(self) -> Any:
        """Return what converts a value: typer calls its method ``coerce``."""
        return self

    def coerce(self, value: Any, param: Any, ctx: typer.Context) -> Any:
        """Return a value with the type of the option.

        Raises:
            typer.BadParameter: the option does not take it.
        """
        if value is None:
            return () if self.multiple else None
        kind: Any = self.type_descriptor.annotation
        settings = self.type_descriptor.parameter_info
        if settings.parser is not None and not self.multiple:
            with suppress(ValueError, AssertionError):  # typer calls it again, and reports them
                return settings.parser(value)
        if kind is Path and _is_usable(value, settings):
            return Path(value)
        if get_origin(kind) is list and get_args(kind) == (str,):
            return list(value)
        if _has_type(value, kind):
            return value
        return super().get_runtime_param().coerce(value, param=param, ctx=ctx)


def with_plain_values(parameters: list[Any]) -> list[Any]:
    """Have the options among the parameters of a command take values that need no conversion as they are."""
    for each in parameters:
        if type(each) is TyperOption:
            each.__class__ = PlainOption  # typer makes the options, and has no argument for their class
    return parameters


def _has_type(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return type(value) is kind and (kind in PLAIN or issubclass(kind, Enum))


def _is_usable(value: str | Path, settings: Any) -> bool:
    """Whether a path is one that the option takes; if not, typer says why."""
    if settings.exists or settings.writable or settings.resolve_path or settings.allow_dash:
        return False
    path = Path(value)
    if not path.exists():
        return True
    allowed = settings.dir_okay if path.is_dir() else settings.file_okay or not path.is_file()
    return allowed and os.access(path, os.R_OK)
