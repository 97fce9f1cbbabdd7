"""Words for exceptions and results that never hold a document's value: the text of a foreign exception may."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sized
from pathlib import Path
from typing import Final

from fieldfare.errors import FieldfareError
from fieldfare.support.redaction import without_arguments
from fieldfare.support.wording import counted

__all__ = ["describe_exception", "describe_result", "error_text"]

KERNEL: Final = f"{Path(__file__).parents[1]}{os.sep}"


def error_text(error: BaseException) -> str:
    """Return the text of an error of fieldfare, Redis or the system; for any other one, what it is and where."""
    client = sys.modules.get("redis.exceptions")  # if it is not loaded, it was not raised
    is_known = isinstance(error, (FieldfareError, OSError)) or (
        client is not None and isinstance(error, client.RedisError)
    )
    return (without_arguments(str(error)) or type(error).__name__) if is_known else describe_exception(error)


def describe_exception(error: BaseException) -> str:
    """Return the type of an exception, and the innermost place outside the kernel, if there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(KERNEL)]
    if not frames:
        return type(error).__name__
    frame = (outside or frames)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"


def describe_result(result: object) -> str:
    """Return the type of a result, and how many items it has."""
    if result is None:
        return "None"
    name = type(result).__name__
    if isinstance(result, Sized) and not isinstance(result, (str, bytes)):
        return f"a {name} of {counted(len(result), 'item')}"
    return f"a value of type {name}"
