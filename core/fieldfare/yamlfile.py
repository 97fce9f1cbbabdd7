"""YAML files: read with the line of every value, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from io import StringIO
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, TypeAlias

from attrs import field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import VersionedResolver

from fieldfare.errors import FileError

__all__ = ["Location", "Problem", "YamlFile", "dump_yaml", "load_yaml", "parse_yaml", "write_text", "write_yaml"]

Location: TypeAlias = tuple[str | int, ...]
"""Where a value stands: ``("changes", "add_fields", 0, "type")``."""

Problem: TypeAlias = tuple[Location, str]
"""Where something is wrong, and what."""

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_VALUES: Final = 200_000  # aliases can make a small file huge
MAX_DEPTH: Final = 50
MAX_PROBLEMS: Final = 200  # more than anybody will mend by hand

_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final = frozenset(f"{_TAG}{name}" for name in ("null", "bool", "int", "float"))
_TEXTS: Final = frozenset({f"{_TAG}str", f"{_TAG}timestamp"})  # JSON has no dates, and a prefix may look like one
_LINE_BREAKS: Final = frozenset("\n\r\x85\u2028\u2029")


@frozen(hash=False)
class YamlFile:
    """A YAML mapping and where each of its values stands.

    Attributes:
        path: of the file.
        data: plain values only: mappings with text keys, lists, text, numbers, booleans, None.
        lines: location → line number, from 1.
    """

    path: str
    data: dict[str, Any]
    lines: Mapping[Location, int] = field(factory=dict, repr=False)

    def line(self, location: Location) -> int | None:
        """Return the line of a value, or of the closest value around it that has one."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location)

    def error(self, problems: Iterable[Problem]) -> FileError:
        """Return the error that reports all problems, in the order of the file."""
        placed = sorted((self.line(location) or 0, _show(location), message) for location, message in problems)
        lines = [_sentence(line, where, message) for line, where, message in placed]
        if len(lines) > MAX_PROBLEMS:
            lines[MAX_PROBLEMS:] = [f"and {len(lines) - MAX_PROBLEMS} more"]
        return FileError(self.path, lines)


def load_yaml(path: Path | str) -> YamlFile:
    """Read a YAML 1.2 file that holds one mapping.

    Raises:
        FileError: it cannot be read, is not YAML, is not a mapping, or holds what no file of ours may
            hold: duplicate keys, keys that are not text, tags, too much.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise FileError(path, [getattr(error, "strerror", None) or str(error)]) from error
    if len(content) > MAX_BYTES:
        raise FileError(path, [f"larger than {MAX_BYTES // 1024**2} MiB"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(path, [f"not UTF-8 text: byte {error.start} is {content[error.start]:#04x}"]) from error
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path | str) -> YamlFile:
    """Read YAML 1.2 text that holds one mapping; ``path`` is what errors call it.

    Raises:
        FileError: as for :func:`load_yaml`.
    """
    yaml = YAML(typ="safe", pure=True)  # the C parser knows only YAML 1.1, where "yes" is a boolean
    yaml.composer.warn_double_anchors = False  # YAML 1.2 allows them
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise FileError(path, [_syntax(error)]) from error
    except RecursionError as error:
        raise FileError(path, ["not usable YAML: nested too deeply"]) from error
    except Exception as error:  # on hostile text ruamel also raises AssertionError, IndexError, ...
        raise FileError(path, [f"not YAML: {' '.join(str(error).split())}"]) from error
    reader = _Reader(yaml, path)
    data: Any = None if root is None else reader.read(root, ())
    file = YamlFile(str(path), data if isinstance(data, dict) else {}, reader.lines)
    if reader.problems:
        raise file.error(reader.problems)
    if data is None:
        raise FileError(path, ["empty"])
    if not isinstance(data, dict):
        raise FileError(path, [f"must be a mapping of keys to values, not {_kind(data)}"])
    return file


def dump_yaml(mapping: Mapping[str, Any]) -> str:
    """Spell plain values as YAML: the same text for the same values, keys in their order.

    Text that decodes from any bytes (``surrogateescape``) reads back as it was.

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


def write_yaml(path: Path | str, mapping: Mapping[str, Any], *, comment: str = "") -> None:
    """Write plain values as a YAML file, whole or not at all.

    Args:
        path: where to.
        mapping: plain values.
        comment: lines for the head of the file.

    Raises:
        FileError: it cannot be written.
        TypeError: a value is not plain.
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    write_text(path, head + dump_yaml(mapping))


def write_text(path: Path | str, text: str) -> None:
    """Write a file through a temporary one beside it, so that nobody ever sees half of it.

    Raises:
        FileError: it cannot be written.
    """
    target = Path(path)
    content = text.encode()
    try:
        if target.exists() and not target.is_file():  # a pipe or /dev/stdout must not be replaced
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


class _Reader:
    """Turns a tree of YAML nodes into plain values, and notes lines and problems on the way."""

    def __init__(self, yaml: YAML, path: Path | str) -> None:
        self._constructor = yaml.constructor
        self._path = path
        self._values = 0
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []

    def read(self, node: Node, at: Location) -> Any:
        self.lines.setdefault(at, node.start_mark.line + 1)
        self._values += 1
        if self._values > MAX_VALUES:
            raise FileError(self._path, [f"more than {MAX_VALUES:,} values"])
        if len(at) > MAX_DEPTH:
            raise FileError(self._path, [f"line {self.lines[at]}: nested more than {MAX_DEPTH} levels deep"])
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return dict(self._items(node, at))
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.read(child, (*at, index)) for index, child in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, at)
        return self._refuse(at, f"the tag {node.tag} is not allowed here")

    def _items(self, node: MappingNode, at: Location) -> Iterator[tuple[str, Any]]:
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else "?"
            here = (*at, key)
            earlier = self.lines.get(here)
            self.lines[here] = key_node.start_mark.line + 1
            if key_node.tag not in _TEXTS:
                self._refuse(here, "a key must be text; put it in quotes")
            elif earlier:
                self._refuse(here, f"the same key as on line {earlier}")
            else:
                yield key, self.read(value_node, here)

    def _scalar(self, node: ScalarNode, at: Location) -> Any:
        if node.tag in _TEXTS:
            return node.value
        if node.tag not in _SCALARS:
            return self._refuse(at, f"the tag {node.tag} is not allowed here")
        try:
            return self._constructor.construct_object(node)
        except Exception as error:  # noqa: BLE001 - "!!int x", integers of 5000 digits, ...
            return self._refuse(at, f"not a usable value: {error}")

    def _refuse(self, at: Location, message: str) -> None:
        self.problems.append((at, message))


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

    def represent_text(self, text: str) -> ScalarNode:
        style = '"' if _LINE_BREAKS.intersection(text) else None
        if str(_older_yaml().resolve(ScalarNode, text, (True, False))) != f"{_TAG}str":
            style = "'"  # many tools still read YAML 1.1, where a plain "no" is a boolean
        return self.represent_scalar(f"{_TAG}str", text, style=style)


_Representer.add_representer(str, _Representer.represent_text)


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
    raise TypeError(f"{_show(at)}: {type(value).__name__} is not a plain YAML value")


def _plain_key(key: Any, at: Location) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{_show(at)}: the key {key!r} is not text")
    return str(key.value) if isinstance(key, Enum) else key


def _syntax(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    what = " ".join(part for part in (error.context, error.problem) if part)
    return f"line {mark.line + 1}, column {mark.column + 1}: not YAML: {what}" if mark else f"not YAML: {what}"


def _sentence(line: int, where: str, message: str) -> str:
    return ": ".join(part for part in (f"line {line}" if line else "", where, message) if part)


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else f"{value!r:.40}"


def _show(location: Location) -> str:
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return shown.removeprefix(".")
