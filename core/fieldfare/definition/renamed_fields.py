"""Finds fields that have another name in another definition, and read the same values."""

from __future__ import annotations

from collections.abc import Mapping

from fieldfare.definition.model import IndexDefinition

__all__ = ["find_renamed_fields"]


def find_renamed_fields(source: IndexDefinition, target: IndexDefinition) -> Mapping[str, str]:
    """Return old name → new name of each field of the source that the target has under another name only.

    Both read the same path, have the same type, and are the only candidates for each other.
    """
    if source.storage is not target.storage:
        return {}
    removed = [each for each in source.fields if target.find(each.name) is None]
    added = [each for each in target.fields if source.find(each.name) is None]
    renamed = {}
    for path in {each.path for each in removed}:
        candidates = [[each for each in fields if each.path == path] for fields in (removed, added)]
        if [len(each) for each in candidates] == [1, 1] and candidates[0][0].type is candidates[1][0].type:
            renamed[candidates[0][0].name] = candidates[1][0].name
    return renamed
