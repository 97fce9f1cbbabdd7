"""How a failure of the suite is shown: what was promised, what was seen, and where the plugin raised."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from traceback import FrameSummary, extract_tb
from types import TracebackType
from typing import Final

import fieldfare

__all__ = ["failure_text"]

KERNEL: Final = Path(fieldfare.__file__).parent
OTHERS: Final = ("site-packages", "<frozen", "<string>")
INDENT: Final = "    "


def failure_text(test: object, error: BaseException) -> str:
    """Return a failure as the author of a plugin reads it, without frames of fieldfare and of pytest.

    Args:
        test: the test function, whose docstring is the promise.
        error: what it raised.
    """
    promise = " ".join(str(inspect.getdoc(test) or getattr(test, "__name__", "")).split())
    seen = str(error) or type(error).__name__
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    lines = [f"Promised: {promise}", f"Seen:     {kind}{seen}".rstrip()]
    frames = [frame for each in _chain(error) for frame in _own_frames(each.__traceback__)]
    if frames:
        lines += ["In the plugin:"]
        lines += [f"{INDENT}{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    return "\n".join([*lines, "'pytest --tb=long' shows the whole traceback."])


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _own_frames(traceback: TracebackType | None) -> Iterator[FrameSummary]:
    for frame in extract_tb(traceback):
        path = Path(frame.filename)
        if not path.is_relative_to(KERNEL) and not any(part in frame.filename for part in OTHERS):
            yield frame
