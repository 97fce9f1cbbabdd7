"""The mutations of ``make mutations`` still break what they say: each finds its lines, and Python can read the rest."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def load() -> ModuleType:
    """Load the script beside this file; directories of tests are no packages."""
    path = Path(__file__).with_name("mutations.py")
    specification = importlib.util.spec_from_file_location("mutations", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["mutations"] = module
    specification.loader.exec_module(module)
    return module


SCRIPT = load()


@pytest.mark.parametrize("mutation", SCRIPT.MUTATIONS, ids=lambda each: each.promise)
def test_a_mutation_fits_the_source(mutation: Any, tmp_path: Path) -> None:
    source, copy = SCRIPT.ROOT / mutation.path, tmp_path / mutation.path
    copy.parent.mkdir(parents=True)
    shutil.copy(source, copy)
    mutation.apply(tmp_path)
    assert ast.dump(ast.parse(copy.read_text())) != ast.dump(ast.parse(source.read_text()))


def test_there_are_ten_at_least() -> None:
    assert len({(each.path, each.old) for each in SCRIPT.MUTATIONS}) >= 10
