"""Tables in Markdown, and pages that quote them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["make_table", "write_between"]


def make_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_between(path: Path, begin: str, end: str, text: str) -> None:
    """Write text between two marks of a file.

    Raises:
        SystemExit: the file has no marks.
    """
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} has no place for the figures: '{begin}' and '{end}'")
    path.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")
