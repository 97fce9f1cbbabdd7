"""Plain values as YAML text, by ruamel's emitter.

``YAML.dump`` makes nodes of the values and events of the nodes, and looks at each text several times. Here the events
are made of the values, and each text is looked at once. The text is the same, in less than half of the time.
"""

from __future__ import annotations

from functools import cache, lru_cache
from io import StringIO
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ruamel.yaml import YAML
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.serializer import Serializer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.emitter import ScalarAnalysis
    from ruamel.yaml.events import Event
    from ruamel.yaml.resolver import VersionedResolver
    from ruamel.yaml.tag import Tag

__all__ = ["emit_yaml"]

SHORT_LIST: Final = 8
"""A list of more numbers is written on one line."""

KNOWN_TEXTS: Final = 512
"""What is known about so many texts is kept: the plans of a batch have most of theirs in common."""

KNOWN_LENGTH: Final = 200
"""Of longer texts nothing is kept; bounds the memory."""

_TEXT: Final = "tag:yaml.org,2002:str"
_LINE_BREAKS: Final = frozenset("\n\r\x85\u2028\u2029")


def emit_yaml(plain: dict[str, Any]) -> str:
    """Return ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` and None as YAML, without anchors."""
    text = StringIO()
    _new_yaml().emit(_document(plain), text)
    return text.getvalue()


def _new_yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.Emitter, yaml.Serializer = _Emitter, Serializer
    yaml.allow_unicode = True
    yaml.width = 1_000_000  # folded lines are hard to read and to compare
    return yaml


def _document(plain: dict[str, Any]) -> Iterator[Event]:
    yield StreamStartEvent()
    yield DocumentStartEvent()
    yield from _events(plain)
    yield DocumentEndEvent()
    yield StreamEndEvent()


def _events(value: Any) -> Iterator[Event]:
    if isinstance(value, str):
        yield _text(value)
    elif isinstance(value, dict):
        yield MappingStartEvent(None, None, True, flow_style=False, nr_items=len(value))  # noqa: FBT003 - implicit
        for key, item in value.items():
            yield _text(key)
            yield from _events(item)
        yield MappingEndEvent()
    elif isinstance(value, list):
        is_series = len(value) > SHORT_LIST and all(isinstance(each, (int, float)) for each in value)
        yield SequenceStartEvent(None, None, True, flow_style=is_series)  # noqa: FBT003 - implicit
        for item in value:
            yield from _events(item)
        yield SequenceEndEvent()
    else:
        yield _scalar(_representer().represent_data(value))


def _text(text: str) -> ScalarEvent:
    return _known_text(text) if len(text) <= KNOWN_LENGTH else _new_text(text)


def _new_text(text: str) -> ScalarEvent:
    """Return text; with line breaks in double quotes, where every break survives."""
    style = '"' if _LINE_BREAKS.intersection(text) else None
    if str(_resolver((1, 1)).resolve(ScalarNode, text, (True, False))) != _TEXT:
        style = "'"  # many tools still read YAML 1.1, where a plain "no" is a boolean
    return _scalar(_representer().represent_scalar(_TEXT, text, style=style))


_known_text = lru_cache(KNOWN_TEXTS)(_new_text)


def _scalar(node: ScalarNode) -> ScalarEvent:
    is_plain = node.ctag == _resolver().resolve(ScalarNode, node.value, (True, False))
    return ScalarEvent(None, node.ctag, (is_plain, node.tag == _TEXT, True), node.value, style=node.style)


@cache
def _yaml() -> YAML:
    return _new_yaml()


@cache
def _representer() -> SafeRepresenter:
    return SafeRepresenter()


@cache
def _resolver(version: tuple[int, int] | None = None) -> VersionedResolver:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version
    resolver: VersionedResolver = yaml.resolver
    return resolver


class _Emitter(Emitter):
    _tags: ClassVar[dict[str, str]] = {}

    def analyze_scalar(self, scalar: str) -> ScalarAnalysis:
        """Return which styles a text can have."""
        return _analysis(scalar) if len(scalar) <= KNOWN_LENGTH else super().analyze_scalar(scalar)

    def write_plain(self, text: str, split: bool = True) -> None:  # noqa: FBT001, FBT002 - ruamel's signature
        """Write a text as it is, at once instead of word by word."""
        if not text or self.root_context or self.column + len(text) >= self.best_width:
            super().write_plain(text, split)
            return
        data = text if self.whitespace else f" {text}"
        self.whitespace = self.indention = False
        self.column += len(data)
        self.stream.write(data)

    def prepare_tag(self, tag: Tag) -> str:
        """Return a tag as it would be written."""
        text = str(tag)
        if text not in self._tags:
            self._tags[text] = super().prepare_tag(tag)
        return self._tags[text]


@lru_cache(KNOWN_TEXTS)
def _analysis(text: str) -> ScalarAnalysis:
    analysis: ScalarAnalysis = Emitter.analyze_scalar(_yaml().emitter, text)
    return analysis
