"""Modules whose code runs later than their import."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.abc import Loader
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from fieldfare.support.late_import import on_import, postpone


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Lay out ``slow_package``, whose ``__init__`` imports its module ``part``, and notes each time that it runs."""
    root = tmp_path / "slow_package"
    root.mkdir()
    (root / "__init__.py").write_text(
        "from pathlib import Path\n"
        "with Path(__file__).with_name('ran').open('a') as ran:\n"
        "    ran.write('x')\n"
        "from slow_package.part import VALUE\n"
        "__all__ = ['VALUE']\n"
    )
    (root / "part.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    yield root
    sys.meta_path[:] = finders
    for name in ("slow_package", "slow_package.part"):
        sys.modules.pop(name, None)


def test_the_code_runs_once_when_something_is_looked_up(package: Path) -> None:
    postpone("slow_package")
    module = import_module("slow_package")
    assert import_module("slow_package.part").VALUE == 7
    assert not (package / "ran").exists()
    assert module.VALUE == 7
    with pytest.raises(AttributeError, match="'slow_package' has no attribute 'missing'"):
        _ = module.missing
    assert (package / "ran").read_text() == "x"
    assert not hasattr(module, "__getattr__")
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__


def test_names_can_be_imported_from_a_module_whose_code_has_not_run(package: Path) -> None:
    postpone("slow_package")
    names: dict[str, object] = {}
    exec("from slow_package import *", names)  # noqa: S102 - the statement is only allowed in a module
    assert names["VALUE"] == 7
    assert (package / "ran").read_text() == "x"


def test_an_imported_module_stays_as_it_is(package: Path) -> None:
    module = import_module("slow_package")
    postpone("slow_package")
    assert import_module("slow_package") is module
    assert not hasattr(module, "__getattr__")
    assert (package / "ran").read_text() == "x"


def test_the_last_function_runs_the_code(package: Path) -> None:
    def fail(_: ModuleType, __: Loader) -> None:
        pytest.fail("it was forgotten")

    def execute(module: ModuleType, loader: Loader) -> None:
        loader.exec_module(module)
        names.append(module.__name__)

    names: list[str] = []
    on_import("slow_package", fail)
    on_import("slow_package", execute)
    assert import_module("slow_package").VALUE == 7
    assert names == ["slow_package"]
    assert (package / "ran").read_text() == "x"


def test_who_only_asks_for_the_module_changes_nothing(package: Path) -> None:
    def execute(module: ModuleType, loader: Loader) -> None:
        loader.exec_module(module)
        names.append(module.__name__)

    names: list[str] = []
    finders = list(sys.meta_path)
    on_import("slow_package", execute)
    assert find_spec("slow_package") is not None
    assert import_module("slow_package").VALUE == 7
    assert names == ["slow_package"]
    assert (package / "ran").read_text() == "x"
    assert sys.meta_path == finders


def test_a_module_that_does_not_exist_cannot_be_imported() -> None:
    postpone("slow_package_that_does_not_exist")
    with pytest.raises(ModuleNotFoundError, match="slow_package_that_does_not_exist"):
        import_module("slow_package_that_does_not_exist")
