"""Elements of a page. Whatever is not :class:`Html` is text, and is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["Html", "element", "joined", "paragraph", "section", "table", "visible"]

EMPTY: Final = frozenset({"br", "circle", "hr", "line", "meta", "rect", "wbr"})
"""Elements that have no content."""

CONTROLS: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
"""Characters that a page must not show as they are: they are invisible, change the direction, or are not UTF-8."""

BYTE: Final = 0xDC00
"""Surrogates from here on stand for bytes that are not UTF-8."""


class Html(str):
    """Markup that is safe to put in a page."""

    __slots__ = ()


def visible(text: object) -> str:
    """Return text in which control characters, and bytes that are not UTF-8, are spelled out."""
    return CONTROLS.sub(lambda match: _spelled(ord(match[0])), str(text))


def element(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: the name of the element.
        children: markup, or text, which is escaped; None is left out.
        attributes: by name, ``_`` for ``-``, and a trailing ``_`` for names that Python reserves; None is left out.
    """
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in EMPTY:
        return Html(f"<{name}{named}>" if name in {"br", "hr", "meta", "wbr"} else f"<{name}{named}/>")
    return Html(f"<{name}{named}>{joined(children)}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """Return markup and text one after the other; None is left out."""
    return Html("".join(_escaped(part) for part in parts if part is not None))


def section(title: str, *content: object, name: str) -> Html | None:
    """Return a section with its title, and with a class of this name; None without content."""
    shown = [part for part in content if part]
    return element("section", element("h2", title), *shown, class_=name) if shown else None


def paragraph(*content: object) -> Html:
    """Return a paragraph."""
    return element("p", *content)


def table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[int] = (), stacked: bool = False
) -> Html | None:
    """Return a table; None without rows.

    Args:
        headers: the headers of the columns.
        rows: cells, markup or text.
        numbers: positions of the columns that hold figures.
        stacked: whether cells stand below each other on a narrow screen, where they are long.
    """
    if not rows:
        return None
    kinds = ["number" if position in numbers else None for position in range(len(headers))]
    labels = headers if stacked else [None] * len(headers)
    head = element("tr", *(element("th", each, class_=kind) for each, kind in zip(headers, kinds, strict=True)))
    body = (
        element(
            "tr",
            *(
                element("td", cell, class_=kind, data_label=label)
                for cell, kind, label in zip(row, kinds, labels, strict=True)
            ),
        )
        for row in rows
    )
    content = element("table", element("thead", head), element("tbody", *body), class_="stack" if stacked else None)
    return element("div", content, class_="wide", tabindex="0")


def _escaped(value: object) -> str:
    return value if isinstance(value, Html) else html.escape(_lines(value), quote=True)


def _lines(value: object) -> str:
    return "\n".join(visible(line) for line in str(value).split("\n"))


def _spelled(code: int) -> str:
    if BYTE <= code < BYTE + 0x100:
        return f"\\x{code - BYTE:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - what two digits can say
