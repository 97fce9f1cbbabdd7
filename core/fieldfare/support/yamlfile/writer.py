"""Writes YAML files atomically: the same text for the same values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from io import StringIO
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import VersionedResolver

from fieldfare.errors import FileError
from fieldfare.support.yamlfile.file import Location, show

__all__ = ["dump_yaml", "write_text", "write_yaml"]

SHORT_LIST: Final = 8
"""A list of more numbers is written on one line."""

_TEXT: Final = "tag:yaml.org,2002:str"
_LIST: Final = "tag:yaml.org,2002:seq"
_LINE_BREAKS: Final = frozenset("\n\r\x85\u2028\u2029")


def dump_yaml(mapping: Mapping[str, Any]) -> str:
    """Return plain values as YAML: the same text for the same values, keys in their order.

    Text with bytes that are not UTF-8 (``surrogateescape``) is read back unchanged.

    Raises:
        TypeError: a value is not plain; the message says where.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 1_000_000  # folded lines are hard to read and to compare
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # annotated as None by ruamel
    text = StringIO()
    yaml.dump(_plain(mapping, ()), text)
    return text.getvalue()


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


@cache
def _older_yaml() -> VersionedResolver:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    resolver: VersionedResolver = yaml.resolver
    return resolver


class _Representer(SafeRepresenter):
    """Plain values without anchors; text with line breaks in double quotes, where every break survives."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - ruamel's signature
        return True

    def represent_figures(self, figures: list[Any]) -> SequenceNode:
        """Write a long list of numbers on one line."""
        is_series = len(figures) > SHORT_LIST and all(isinstance(each, (int, float)) for each in figures)
        return self.represent_sequence(_LIST, figures, flow_style=True if is_series else None)

    def represent_text(self, text: str) -> ScalarNode:
        style = '"' if _LINE_BREAKS.intersection(text) else None
        if str(_older_yaml().resolve(ScalarNode, text, (True, False))) != _TEXT:
            style = "'"  # many tools still read YAML 1.1, where a plain "no" is a boolean
        return self.represent_scalar(_TEXT, text, style=style)


_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(list, _Representer.represent_figures)


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
