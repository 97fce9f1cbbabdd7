"""The import graph has no circle, and docs/architecture.md names what exists."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = [ROOT / "core", *sorted(path for path in (ROOT / "plugins").iterdir() if path.is_dir())]
PAGE: Final = ROOT / "docs/architecture.md"
MENTIONED: Final = re.compile(r"`((?:core|plugins|tests|docs|benchmarks|examples)/[\w/.*-]*)`")
FUNCTION: Final = re.compile(r"`([\w/]+\.py)` `([\w.]+)\(\)`")


def find_modules() -> dict[str, Path]:
    """Return every module of the source and the benchmarks: dotted name → file."""
    modules = {}
    for source in [*SOURCES, ROOT / "benchmarks"]:
        for path in source.rglob("*.py"):
            parts = path.relative_to(source).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def imports(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a file imports anywhere: at its top, in functions, and for type checking."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in modules
            )
            if any(f"{node.module}.{alias.name}" not in modules for alias in node.names) and node.module in modules:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


def test_the_imports_have_no_circle() -> None:
    modules = find_modules()
    graph = {name: set(imports(path, modules)) - {name} for name, path in modules.items()}
    assert "fieldfare.backup" in graph["fieldfare.engine.recorded_run"]
    assert "fieldfare.plan" in graph["fieldfare.hooks.specs.migration"], "type-checking imports count"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_root_of_the_kernel_holds_only_its_front_doors() -> None:
    assert {path.name for path in (ROOT / "core/fieldfare").glob("*.py")} == {
        "__init__.py",
        "__main__.py",
    }


def test_every_room_says_what_it_is() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [room for layer in layers for room in layer.split(" | ") if (ROOT / "core/fieldfare" / room).is_dir()]
    assert len(rooms) >= 17
    page = PAGE.read_text()
    for room in rooms:
        docstring = ast.get_docstring(ast.parse((ROOT / "core/fieldfare" / room / "__init__.py").read_text())) or ""
        assert "May import" in docstring, room
        assert f"`{room}`" in page, f"docs/architecture.md does not name {room}"


def test_paths_on_the_page_exist() -> None:
    paths = MENTIONED.findall(PAGE.read_text())
    assert len(paths) >= 20
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []


def test_functions_on_the_page_exist() -> None:
    mentioned = FUNCTION.findall(PAGE.read_text())
    assert len(mentioned) >= 15
    for path, name in mentioned:
        (file,) = [each for source in SOURCES for each in source.glob(f"*/{path}")]
        body = ast.parse(file.read_text()).body
        for part in name.split("."):
            (found,) = [each for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef) and each.name == part]
            body = found.body
