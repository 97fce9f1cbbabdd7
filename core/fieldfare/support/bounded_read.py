"""Reads files of limited size."""

from __future__ import annotations

from pathlib import Path

from fieldfare.errors import FileError

__all__ = ["read_bounded"]


def read_bounded(path: Path | str, largest: int) -> bytes:
    """Return the content of a file.

    Args:
        path: the path of the file.
        largest: how many bytes it may have.

    Raises:
        FileError: it cannot be read, or is larger.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(largest + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        raise FileError(path, [getattr(error, "strerror", None) or str(error)]) from error
    if len(content) > largest:
        raise FileError(path, [f"larger than {largest // 1024**2} MiB"])
    return content
