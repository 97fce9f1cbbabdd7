"""A hook of mkdocs: pages that are made from the sources while the site is built, so that none is ever stale."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import fieldfare
from command_reference import command_reference

__all__ = ["GENERATED", "generated_pages", "on_config", "on_files", "on_page_content"]

ROOT: Final = Path(__file__).parents[1]


@frozen
class PythonPage:
    """A page of the Python reference.

    Attributes:
        title: its title.
        introduction: what the page is about.
        modules: module → the names to document; none for all that it exports.
    """

    title: str
    introduction: str
    modules: Mapping[str, Sequence[str]]


PYTHON: Final = {
    "reference/python/executor.md": PythonPage(
        "Planner, executor, validator",
        "Programs import these from `fieldfare.migration`. [How do I call it from Python?](../../python-api.md) shows "
        "them at work.",
        {"fieldfare.api": ()},
    ),
    "reference/python/asyncio.md": PythonPage(
        "Planner, executor, validator for asyncio",
        "Programs import these from `fieldfare.migration`. [How do I run it under asyncio?](../../async.md) shows them "
        "at work.",
        {"fieldfare.api.asynchronous": ()},
    ),
    "reference/python/batch.md": PythonPage(
        "Batches of indexes",
        "The plugin `batch` provides these; programs import them from `fieldfare.migration`.",
        {"fieldfare_batch": ("BatchMigrationPlanner", "BatchMigrationExecutor", "BatchPlan", "BatchState")},
    ),
    "reference/python/plan.md": PythonPage(
        "Plans and changes",
        "What a plan holds, and the changes that it is made of.",
        {"fieldfare.plan": (), "fieldfare.changes": ()},
    ),
    "reference/python/report.md": PythonPage(
        "Reports and findings", "How a run ended, and what it reports meanwhile.", {"fieldfare.report": ()}
    ),
    "reference/python/run.md": PythonPage(
        "For plugins",
        "What the hooks give a plugin, and what it gives back. [Which hooks are there?](../../hooks.md) lists them.",
        {
            "fieldfare.documents": (),
            "fieldfare.hooks.run": ("Run",),
            "fieldfare.hooks.live_index": (),
        },
    ),
    "reference/python/backup.md": PythonPage(
        "Backups", "How a program reads the backup of a migration.", {"fieldfare.backup": ("VectorBackup",)}
    ),
    "reference/python/errors.md": PythonPage(
        "Errors",
        "[What do the exit codes mean?](../../exit-codes.md) says what the command line ends with.",
        {"fieldfare.errors": ()},
    ),
    "reference/python/testing.md": PythonPage(
        "Testing a plugin",
        "The conformance suite, and faults to inject. [How do I write a plugin?](../../writing-a-plugin.md) uses them.",
        {"fieldfare.testing.conformance": (), "fieldfare.testing.faults": ("Fault",)},
    ),
}

FINDINGS: Final = ("What is checked", "What did applications do?")
"""The sections of the page on validation that make the page of findings."""

GENERATED: Final = ("changelog.md", "reference/commands.md", "reference/findings.md", *PYTHON)
"""The generated pages, by their paths in the documentation."""


def generated_pages() -> dict[str, str]:
    """Return every generated page: its path in the documentation → Markdown."""
    return {
        "changelog.md": changelog((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")),
        "reference/commands.md": command_reference(),
        "reference/findings.md": findings((ROOT / "docs" / "validation.md").read_text(encoding="utf-8")),
        **{path: python_page(page) for path, page in PYTHON.items()},
    }


def changelog(text: str) -> str:
    """Return the changelog as a page: its links start in the directory of the documentation."""
    return re.sub(r"\]\(docs/", "](", text)


def findings(text: str) -> str:
    """Return the page with every finding of the kernel and of our plugins, from the page on validation."""
    sections = dict(re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    tables = "\n".join(f"## {title}\n{sections[title]}" for title in FINDINGS)
    links = re.sub(r"\]\((?=[\w-]+\.md)", "](../", tables).replace("](#", "](../validation.md#")
    introduction = "A finding is one result of a validation. [How do I check the result?](../validation.md)"
    return f"# Findings\n\n{introduction}\n\n{links}"


def python_page(page: PythonPage) -> str:
    """Return a page that mkdocstrings fills from docstrings."""
    parts = [f"# {page.title}\n", f"{page.introduction}\n"]
    for module, names in page.modules.items():
        parts.append(f"::: {module}\n")
        if names:
            parts += ["    options:", "      members:", *(f"        - {name}" for name in names), ""]
    return "\n".join(parts)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Show the version in the head of every page."""
    config.site_name = f"fieldfare {fieldfare.__version__}"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in generated_pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Show docstrings as a reader of the site needs them.

    A reference such as ``:class:`~fieldfare.plan.Step``` becomes the name alone; what a module may import is left out.
    """
    html = re.sub(r":(?:class|func|meth|mod|attr|exc|data):<code>~?(?:[\w.]*\.)?(\w+)</code>", r"<code>\1</code>", html)
    return (
        re.sub(r"\s*May import:.*?</p>", "</p>", html, flags=re.DOTALL)
        .replace("<p></p>", "")
        .replace("::</p>", ":</p>")
    )
