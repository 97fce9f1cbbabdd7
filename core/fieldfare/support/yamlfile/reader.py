"""Reads YAML files, also from untrusted sources: only plain values; no file can run code or use much memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fieldfare.errors import FileError
from fieldfare.support.bounded_read import read_bounded
from fieldfare.support.yamlfile.file import Location, Problem, YamlFile

__all__ = ["load_yaml", "parse_yaml"]

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_VALUES: Final = 200_000
MAX_REPEATED: Final = 10_000  # aliases can make a small file huge
MAX_DEPTH: Final = 50
MAX_NODE_DEPTH: Final = 4 * MAX_DEPTH  # up to this depth, the error names the line
MAX_BITS: Final = 1000  # of a whole number; a float holds no larger one, and Python prints none of 4,300 digits

_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final = frozenset(f"{_TAG}{name}" for name in ("null", "bool", "int", "float"))
_TEXTS: Final = frozenset({f"{_TAG}str", f"{_TAG}timestamp"})  # JSON has no dates, and a prefix may look like one


def load_yaml(path: Path | str, *, largest: int = MAX_BYTES) -> YamlFile:
    """Read a YAML 1.2 file that holds one mapping.

    Args:
        path: the path of the file.
        largest: how many bytes it may have.

    Raises:
        FileError: it cannot be read, is not YAML, is not a mapping, or has duplicate keys, keys that are not text,
            tags, or too many values.
    """
    content = read_bounded(path, largest)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(path, [f"not UTF-8 text: byte {error.start} is {content[error.start]:#04x}"]) from error
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path | str) -> YamlFile:
    """Read YAML 1.2 text that holds one mapping; ``path`` is the file name in errors.

    Raises:
        FileError: as for :func:`load_yaml`.
    """
    yaml = YAML(typ="safe", pure=True)  # the C parser knows only YAML 1.1, where "yes" is a boolean
    yaml.Composer = _Composer
    yaml.max_depth = MAX_NODE_DEPTH
    yaml.composer.warn_double_anchors = False  # YAML 1.2 allows them
    try:
        root = yaml.compose(text)
    except _TooMuchError as error:
        raise FileError(path, [str(error)]) from error
    except (MaxDepthExceededError, RecursionError) as error:
        raise FileError(path, ["not usable YAML: nested too deeply"]) from error
    except MarkedYAMLError as error:
        raise FileError(path, [_syntax(error)]) from error
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


class _TooMuchError(Exception):
    """The text has more values than allowed."""


class _Composer(Composer):
    """Composes a tree of nodes of limited size."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self._values = 0
        self._repeated = 0
        self._anchored: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Count the node; for an alias, all nodes that it repeats."""
        is_alias = self.parser.check_event(AliasEvent)
        before = self._values
        node = super().compose_node(parent, index)
        values = self._anchored.get(id(node), 1) if is_alias else 1
        self._values += values
        self._repeated += values if is_alias else 0
        if not is_alias and node.anchor is not None:
            self._anchored[id(node)] = self._values - before
        if self._values > MAX_VALUES:
            raise _TooMuchError(f"more than {MAX_VALUES:,} values")
        if self._repeated > MAX_REPEATED:
            raise _TooMuchError(f"aliases repeat more than {MAX_REPEATED:,} values")
        return node


class _Reader:
    """Converts a tree of YAML nodes into plain values, and collects lines and problems."""

    def __init__(self, yaml: YAML, path: Path | str) -> None:
        self._constructor = yaml.constructor
        self._path = path
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []

    def read(self, node: Node, at: Location) -> Any:
        self.lines.setdefault(at, node.start_mark.line + 1)
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
            value = self._constructor.construct_object(node)
        except Exception as error:  # noqa: BLE001 - "!!int x", integers of 5000 digits, ...
            return self._refuse(at, f"not a usable value: {error}")
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            return self._refuse(at, f"not a usable value: a number of more than {MAX_BITS:,} bits")
        return value

    def _refuse(self, at: Location, message: str) -> None:
        self.problems.append((at, message))


def _syntax(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    what = " ".join(part for part in (error.context, error.problem) if part)
    return f"line {mark.line + 1}, column {mark.column + 1}: not YAML: {what}" if mark else f"not YAML: {what}"


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else f"{value!r:.40}"
