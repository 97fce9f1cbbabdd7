"""Writes YAML files atomically: the same text for the same values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from secrets import token_hex
from typing import Any

from fieldfare.errors import FileError
from fieldfare.support.yamlfile.emitter import emit_yaml
from fieldfare.support.yamlfile.file import Location, show

__all__ = ["dump_yaml", "write_text", "write_yaml"]


def dump_yaml(mapping: Mapping[str, Any]) -> str:
    """Return plain values as YAML: the same text for the same values, keys in their order.

    Text with bytes that are not UTF-8 (``surrogateescape``) is read back unchanged.

    Raises:
        TypeError: a value is not plain; the message says where.
    """
    return emit_yaml(_plain(mapping, ()))


def write_yaml(path: Path | str, mapping: Mapping[str, Any], *, comment: str = "", follow_links: bool = True) -> None:
    """Write plain values as a YAML file, atomically.

    Args:
        path: the path of the file.
        mapping: plain values.
        comment: lines for the top of the file.
        follow_links: as for :func:`write_text`.

    Raises:
        FileError: it cannot be written.
        TypeError: a value is not plain.
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    write_text(path, head + dump_yaml(mapping), follow_links=follow_links)


def write_text(path: Path | str, text: str, *, follow_links: bool = True) -> None:
    """Write a file atomically, through a temporary file in the same directory.

    Args:
        path: the path of the file.
        text: its content.
        follow_links: if the path is a link, write to its target. False replaces the link, for a directory from an
            untrusted source.

    Raises:
        FileError: it cannot be written.
    """
    target = Path(path)
    content = text.encode()
    try:
        if target.is_symlink() and not follow_links:
            _replace(target.absolute(), content)
        elif target.exists() and not target.is_file():  # a pipe or /dev/stdout must not be replaced
            target.write_bytes(content)
        else:
            _replace(target.resolve(), content)
    except (OSError, ValueError) as error:
        raise FileError(path, [f"cannot be written: {getattr(error, 'strerror', None) or error}"]) from error


def _replace(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name[:100]}.{token_hex(4)}.new")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _plain(value: Any, at: Location) -> Any:
    match value:
        case Enum():
            return _plain(value.value, at)
        case None | bool():
            return value
        case int() | float():
            return int(value) if isinstance(value, int) else float(value)
        case str():
            return str(value)
        case Mapping():
            return {_plain_key(key, at): _plain(item, (*at, key)) for key, item in value.items()}
        case Sequence() if not isinstance(value, (bytes, bytearray, memoryview)):
            return [_plain(item, (*at, index)) for index, item in enumerate(value)]
    raise TypeError(f"{show(at)}: {type(value).__name__} is not a plain YAML value")


def _plain_key(key: Any, at: Location) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{show(at)}: the key {key!r} is not text")
    return str(key.value) if isinstance(key, Enum) else key
