"""The documentation says what the code says."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest

from fieldfare import errors
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.definition.schema import from_schema
from fieldfare.engine.run import ActiveRun
from fieldfare.hooks import specs
from fieldfare.hooks.manager import load_plugins
from fieldfare.hooks.run import Run
from fieldfare.patch import load_patch
from fieldfare.queries.file import load_query_checks
from fieldfare.support.yamlfile import load_yaml
from fieldfare.testing.fixtures import RecordHooks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOOKS = sorted(name for name in vars(specs) if name.startswith("fieldfare_"))
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])
PLUGINS = [
    (ROOT / "README.md", "acme.redact", b"***"),
    (DOCS / "writing-a-plugin.md", "acme.redact_email", b"a***@b.c"),
]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_every_specified_hook_is_registered() -> None:
    modules = [import_module(f"{specs.__name__}.{module.name}") for module in iter_modules(specs.__path__)]
    assert sorted(name for module in modules for name in vars(module) if name.startswith("fieldfare_")) == HOOKS


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_exact_arguments(name: str) -> None:
    arguments = ", ".join(inspect.signature(getattr(specs, name)).parameters)
    headings = re.findall(r"^### (.+)$", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert f"{name}({arguments})" in headings


def test_no_hook_is_documented_that_does_not_exist() -> None:
    headings = re.findall(r"^### (\w+)\(", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert sorted(headings) == HOOKS


def test_every_member_of_the_run_is_documented_and_implemented() -> None:
    members = {name for name in vars(Run) if not name.startswith("_")}
    section = (DOCS / "hooks.md").read_text().partition("## The run")[2]
    documented = {
        name.partition("(")[0] for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for name in row.split("`")
    }
    assert members == {name for name in documented if name.isidentifier()}
    assert members <= set(dir(ActiveRun))


def test_every_exit_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", (DOCS / "exit-codes.md").read_text(), re.MULTILINE)}
    raised = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert raised <= documented


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_the_page_compiles(page: Path) -> None:
    for number, block in enumerate(blocks(page, "python")):
        compile(block, f"{page.name}, block {number}", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_on_the_page_can_be_read(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        path = tmp_path / "block.yaml"
        path.write_text(block)
        data = load_yaml(path).data
        read = (
            load_query_checks(path)
            if "queries" in data
            else (from_schema(data) if "fields" in data else load_patch(path))
        )
        assert read


@pytest.mark.parametrize(("page", "kind", "masked"), PLUGINS, ids=lambda value: getattr(value, "name", None))
def test_plugin_on_the_page_rewrites_documents(  # noqa: PLR0913, PLR0917 - a page and its fixtures
    page: Path, kind: str, masked: bytes, redis_url: str, client: Any, tmp_path: Path
) -> None:
    plugin = ModuleType("acme")
    exec(next(block for block in blocks(page, "python") if "fieldfare_transform" in block), vars(plugin))  # noqa: S102 - our own page
    plugins = load_plugins(blocked=["acme_redact"])  # an installed plugin may know the same kind of change
    plugins.register(plugin, "acme", "1.0")
    client.execute_command("FT.CREATE", "people", "PREFIX", 1, "person:", "SCHEMA", "email", "TAG")
    client.hset("person:1", mapping={"name": "Ann", "email": "ann@b.c"})
    client.hset("person:2", mapping={"name": "Bob"})
    plan = MigrationPlanner(plugins=plugins).create_plan_from_patch(
        "people",
        schema_patch={"version": 1, "changes": {"custom": [{"kind": kind, "field": "email"}]}},
        redis_url=redis_url,
    )
    MigrationExecutor(plugins=plugins).apply(plan, redis_url=redis_url, backup_dir=tmp_path)
    assert client.hgetall("person:1") == {b"name": b"Ann", b"email": masked}
    assert client.hgetall("person:2") == {b"name": b"Bob"}


@pytest.mark.parametrize("original", [b"large-v1", None], ids=["a key", "no key"])
def test_step_on_the_page_does_its_own_work(
    original: bytes | None, redis_url: str, client: Any, tmp_path: Path
) -> None:
    plugin = ModuleType("acme")
    page = DOCS / "plugin-own-step.md"
    exec(next(block for block in blocks(page, "python") if "fieldfare_undo_step" in block), vars(plugin))  # noqa: S102 - our own page
    plugins = load_plugins()
    plugins.register(plugin, "acme_set_key", "1.0")
    client.execute_command("FT.CREATE", "articles", "PREFIX", 1, "a:", "SCHEMA", "title", "TAG")
    client.hset("a:1", mapping={"title": "a"})
    if original is not None:
        client.set("app:model", original)
    (tmp_path / "patch.yaml").write_text(blocks(page, "yaml")[0])
    plan = MigrationPlanner(plugins=plugins).create_plan(
        "articles", schema_patch_path=tmp_path / "patch.yaml", redis_url=redis_url
    )
    executor = MigrationExecutor(plugins=plugins)
    report = executor.apply(plan, redis_url=redis_url, backup_dir=tmp_path / "backup")
    assert client.get("app:model") == b"small-v2"
    assert [each.passed for each in report.validation.findings if each.name == "acme.set_key"] == [True]
    executor.rollback(redis_url=redis_url, backup_dir=tmp_path / "backup")
    assert client.get("app:model") == original


def test_examples_of_the_reference_run() -> None:
    for block in blocks(DOCS / "plugin-reference.md", "python"):
        exec(block, {})  # noqa: S102 - our own page


def test_killed_and_resumed_as_the_page_does(redis_url: str, client: Any, tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    page = DOCS / "writing-a-plugin.md"
    exec(next(block for block in blocks(page, "python") if "Fault.parse" in block), names)  # noqa: S102 - our own page
    for row in range(6):
        client.hset(f"person:{row}", mapping={"email": f"ada{row}@example.org"})
    client.execute_command("FT.CREATE", "people", "PREFIX", 1, "person:", "SCHEMA", "email", "TAG")
    names["test_killed_and_resumed"](client, redis_url, tmp_path)


def test_hooks_are_recorded_as_the_page_does(redis_url: str, client: Any, record_hooks: RecordHooks) -> None:
    names: dict[str, Any] = {}
    page = DOCS / "writing-a-plugin.md"
    exec(next(block for block in blocks(page, "python") if "record_hooks" in block), names)  # noqa: S102 - our own page
    client.execute_command("FT.CREATE", "people", "PREFIX", 1, "person:", "SCHEMA", "email", "TAG")
    names["test_one_step_is_planned"](client, redis_url, record_hooks)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
