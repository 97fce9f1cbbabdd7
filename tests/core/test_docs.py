"""The documentation says what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from fieldfare import errors, hookspecs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("fieldfare_"))
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_exact_arguments(name: str) -> None:
    arguments = ", ".join(inspect.signature(getattr(hookspecs, name)).parameters)
    headings = re.findall(r"^### (.+)$", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert f"{name}({arguments})" in headings


def test_no_hook_is_documented_that_does_not_exist() -> None:
    headings = re.findall(r"^### (\w+)\(", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert sorted(headings) == HOOKS


def test_every_exit_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", (DOCS / "exit-codes.md").read_text(), re.MULTILINE)}
    raised = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert raised <= documented


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_the_page_compiles(page: Path) -> None:
    for number, block in enumerate(re.findall(r"^```python\n(.+?)^```", page.read_text(), re.MULTILINE | re.DOTALL)):
        compile(block, f"{page.name}, block {number}", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
