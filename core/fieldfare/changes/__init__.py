"""Typed, atomic changes of a definition, and the functions that derive them.

``model`` holds the changes. ``diff`` derives them from a patch or a target schema; ``comparison`` derives them from two
definitions. (``definition.mismatches`` describes the differences of two definitions as text.)
May import: ``patch`` and below. Must not know: plans, plugins, live indexes.
"""

from fieldfare.changes.model import (
    AddField,
    Change,
    ChangeFieldPath,
    ChangeFieldType,
    ChangePrefix,
    ChangeStorage,
    CustomChange,
    RemoveField,
    RenameField,
    RenameIndex,
    UpdateField,
    UpdateOption,
    apply_change,
    apply_changes,
)

__all__ = [
    "AddField",
    "Change",
    "ChangeFieldPath",
    "ChangeFieldType",
    "ChangePrefix",
    "ChangeStorage",
    "CustomChange",
    "RemoveField",
    "RenameField",
    "RenameIndex",
    "UpdateField",
    "UpdateOption",
    "apply_change",
    "apply_changes",
]
