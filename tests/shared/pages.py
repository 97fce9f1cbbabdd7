"""The pages of the documentation, and the shell lines on them."""

from __future__ import annotations

import re
from itertools import compress
from pathlib import Path
from typing import Final

__all__ = ["DOCS", "PAGES", "ROOT", "blocks", "page_name", "shell_lines"]

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted([ROOT / "README.md", *DOCS.glob("**/*.md")])

BLOCK: Final = re.compile(r"^```([a-z]*).*\n((?:.*\n)+?)```$", re.MULTILINE)
PROMPT: Final = "$ "


def page_name(page: Path) -> str:
    """Return the name of a page as links have it."""
    return str(page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the blocks of a page in these languages; "" stands for a block without one."""
    return [text for language, text in BLOCK.findall(page.read_text()) if language in languages]


def shell_lines(page: Path) -> list[str]:
    """Return the lines of a page that a reader types into a shell, without comments at their end."""
    typed = []
    for language, text in BLOCK.findall(page.read_text()):
        lines = text.replace("\\\n", "").splitlines()
        is_typed = [line.startswith(PROMPT) or (language == "bash" and not line.startswith("#")) for line in lines]
        typed += [line.removeprefix(PROMPT) for line in compress(lines, is_typed)]
    return [line for line in (re.sub(r"\s+#\s.*", "", each) for each in typed) if line]
