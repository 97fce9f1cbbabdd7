"""Reads patch files, and reports all problems of a file at once, with their lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import fields

from fieldfare.patch.convert import from_plain, to_plain
from fieldfare.patch.mode import ModeName
from fieldfare.patch.model import SchemaPatch, Sections
from fieldfare.support.structure import StructureError
from fieldfare.support.suggestion import suggestion
from fieldfare.support.yamlfile import Problem, YamlFile, load_yaml

__all__ = ["load_patch", "patch_from_dict", "patch_to_dict"]

VERSION: Final = 1
KEYS: Final = ("version", "mode", "prefer", "changes")


def load_patch(path: Path | str) -> SchemaPatch:
    """Read a patch file.

    Raises:
        FileError: it cannot be used; all problems at once, with line numbers.
    """
    return _read(load_yaml(path))


def patch_from_dict(mapping: Mapping[str, Any]) -> SchemaPatch:
    """Read a patch from the content of its file: ``version``, ``mode``, ``prefer`` and ``changes``.

    Raises:
        FileError: it cannot be used; all problems at once.
    """
    return _read(YamlFile("the schema patch", dict(mapping)))


def patch_to_dict(patch: SchemaPatch) -> dict[str, Any]:
    """Return the content of ``changes`` in a patch's file: the sections that are not empty, as plain values."""
    return to_plain(patch)


def _read(file: YamlFile) -> SchemaPatch:
    problems: list[Problem] = [
        ((key,), f"unknown key{suggestion(key, KEYS) or '; known are ' + ', '.join(KEYS)}")
        for key in file.data
        if key not in KEYS
    ]
    version = file.data.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        problems.append((("version",), f"must be {VERSION}, the only format that this fieldfare reads"))
    mode = file.data.get("mode")
    if mode is not None and mode not in list(ModeName):
        problems.append((("mode",), f"must be one of {', '.join(ModeName)}"))
    prefer = file.data.get("prefer") or []
    if not isinstance(prefer, list) or not all(isinstance(each, str) for each in prefer):
        problems.append((("prefer",), "must be a list of names of plugins"))
    if "changes" not in file.data:
        problems.append(((), "the key 'changes' is missing"))
    sections = Sections()
    try:
        sections = from_plain(file.data.get("changes"))
    except StructureError as error:
        problems += error.within("changes")
    if problems:
        raise file.error(problems)
    return SchemaPatch(
        version=VERSION,
        mode=None if mode is None else ModeName(mode),
        prefer=tuple(prefer),
        **{each.name: getattr(sections, each.name) for each in fields(Sections)},
    )
