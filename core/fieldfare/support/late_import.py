"""Having the code of a module run later than its import, or other code run right after it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any, TypeAlias

__all__ = ["on_import", "postpone"]

Execute: TypeAlias = Callable[[ModuleType, Loader], None]
"""Runs the code of a module, with its loader."""


def on_import(name: str, execute: Execute) -> None:
    """Have a function run the code of a module that is not imported yet, once it is imported.

    A function that was given earlier for the module is forgotten.
    """
    sys.meta_path[:] = [each for each in sys.meta_path if not (isinstance(each, _Finder) and each.name == name)]
    sys.meta_path.insert(0, _Finder(name, execute))


def postpone(name: str) -> None:
    """Have the code of a module run not when it is imported, but when something is first looked up in it.

    If the module is a package, modules in it can be imported without its code. A module that is imported already stays
    as it is.
    """
    if name not in sys.modules:
        on_import(name, _postponed)


class _Finder(MetaPathFinder):
    def __init__(self, name: str, execute: Execute) -> None:
        self.name = name
        self._execute = execute

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module with the other finders; who only asks where it is does not import it yet."""
        if fullname != self.name:
            return None
        found = (each.find_spec(fullname, path, target) for each in list(sys.meta_path) if each is not self)
        spec = next((each for each in found if each is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._run)
        return spec

    def _run(self, module: ModuleType, loader: Loader) -> None:
        self._execute(module, loader)
        sys.meta_path[:] = [each for each in sys.meta_path if each is not self]


class _Loader(Loader):
    def __init__(self, loader: Loader, execute: Execute) -> None:
        self._loader = loader
        self._execute = execute

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._execute(module, self._loader)


def _postponed(module: ModuleType, loader: Loader) -> None:
    lock = RLock()
    began = False
    names = vars(module)

    def look_up(name: str) -> Any:
        nonlocal began
        with lock:  # so that other threads do not see half of the module
            if not began:
                began = True
                loader.exec_module(module)
                if names["__getattr__"] is look_up:
                    del names["__getattr__"]
        if name not in names:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        return names[name]

    names["__getattr__"] = look_up
