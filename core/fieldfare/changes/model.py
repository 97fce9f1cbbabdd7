"""Typed, atomic changes, and the effect of each on a definition.

Changes are data: they can be shown, compared and written to a plan without a server. Plugins decide whether a change
can be carried out, and how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import evolve, field, frozen

from fieldfare.changes.renaming import rename_field
from fieldfare.definition import AttributeValue, Field, IndexDefinition, attributes_of

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


def _transition(old: object, new: object) -> str:
    """Return one line: ``no → yes``, ``float32 → float16``, ``not set → dm:en``."""
    is_flag = isinstance(old, bool) or isinstance(new, bool)
    return " → ".join(_shown(value, is_flag=is_flag) for value in (old, new))


def _shown(value: object, *, is_flag: bool) -> str:
    if is_flag:
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(repr, value)) or "empty"
    return "not set" if value is None else str(value)


@frozen(hash=False)
class AddField:
    """Index one more field."""

    change: ClassVar[str] = "add_field"
    field: Field

    def __str__(self) -> str:
        """Return one line for people."""
        return f"add {self.field.type} field {self.field.name!r}"


@frozen
class RemoveField:
    """Stop indexing a field; documents keep it."""

    change: ClassVar[str] = "remove_field"
    name: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"remove field {self.name!r}"


@frozen
class UpdateField:
    """Change the value of an attribute of a field; None means "not set"."""

    change: ClassVar[str] = "update_field"
    name: str
    attribute: str
    old: AttributeValue | None
    new: AttributeValue | None

    def __str__(self) -> str:
        """Return one line for people."""
        return f"field {self.name!r}: {self.attribute}: {_transition(self.old, self.new)}"


@frozen
class RenameField:
    """Rename a field, in the index and in every document.

    Attributes:
        old: its name.
        new: its name afterwards.
        logical: rename it only in the index: documents keep the value where it is.
    """

    change: ClassVar[str] = "rename_field"
    old: str
    new: str
    logical: bool = False

    def __str__(self) -> str:
        """Return one line for people."""
        return f"rename field {self.old!r} to {self.new!r}{' (logical)' if self.logical else ''}"


@frozen
class RenameIndex:
    """Rename the index."""

    change: ClassVar[str] = "rename_index"
    old: str
    new: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"rename index {self.old!r} to {self.new!r}"


@frozen
class ChangePrefix:
    """Move every key from one prefix to another."""

    change: ClassVar[str] = "change_prefix"
    old: str
    new: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"change prefix {self.old!r} to {self.new!r}"


@frozen
class ChangeStorage:
    """Store documents as hashes instead of JSON, or as JSON instead of hashes."""

    change: ClassVar[str] = "change_storage"
    old: str
    new: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"change storage type {self.old} to {self.new}"


@frozen
class ChangeFieldType:
    """Change the type of a field."""

    change: ClassVar[str] = "change_field_type"
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"field {self.name!r}: type: {_transition(self.old, self.new)}"


@frozen
class ChangeFieldPath:
    """Change the path from which a field's value is read."""

    change: ClassVar[str] = "change_field_path"
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"field {self.name!r}: path: {_transition(repr(self.old), repr(self.new))}"


@frozen(hash=False)
class UpdateOption:
    """Change the value of an option of the whole index (filter, language, stopwords, …)."""

    change: ClassVar[str] = "update_option"
    option: str
    old: Any
    new: Any

    @property
    def affects_coverage(self) -> bool:
        """Whether the option decides which documents the index covers."""
        return self.option in {"filter", "prefixes", "index_all"}

    def __str__(self) -> str:
        """Return one line for people."""
        return f"index {self.option}: {_transition(self.old, self.new)}"


@frozen(hash=False)
class CustomChange:
    """A change that a plugin defines.

    Attributes:
        kind: ``vendor.action``.
        params: the other keys of its entry in the patch.
    """

    change: ClassVar[str] = "custom"
    kind: str
    params: Mapping[str, Any] = field(factory=dict)

    def __str__(self) -> str:
        """Return one line for people."""
        shown = ", ".join(f"{key}={value!r}" for key, value in sorted(self.params.items()))
        return f"{self.kind}({shown})"


Change: TypeAlias = (
    AddField
    | RemoveField
    | UpdateField
    | RenameField
    | RenameIndex
    | ChangePrefix
    | ChangeStorage
    | ChangeFieldType
    | ChangeFieldPath
    | UpdateOption
    | CustomChange
)


def apply_change(definition: IndexDefinition, change: Change) -> IndexDefinition:  # noqa: PLR0911 - one line per kind
    """Return the definition with a change applied. Custom changes do not change it."""
    match change:
        case AddField(new):
            return evolve(definition, fields=(*definition.fields, new))
        case RemoveField(name):
            return definition.with_field(name, None)
        case UpdateField():
            return _update_field(definition, change)
        case RenameField(old, new, logical):
            return rename_field(definition, old, new, logical=logical)
        case RenameIndex(_, new):
            return evolve(definition, name=new)
        case ChangePrefix(old, new):
            return evolve(definition, prefixes=tuple(new if each == old else each for each in definition.prefixes))
        case UpdateOption(option, _, new):
            return evolve(definition, **{option: new})
        case _:
            return definition


def apply_changes(definition: IndexDefinition, changes: tuple[Change, ...]) -> IndexDefinition:
    """Return the definition with all changes applied, in order."""
    for change in changes:
        definition = apply_change(definition, change)
    return definition


def _update_field(definition: IndexDefinition, change: UpdateField) -> IndexDefinition:
    before = definition.find(change.name)
    if before is None:
        return definition
    attrs = {key: value for key, value in before.attrs.items() if key != change.attribute}
    if change.new is not None:
        attrs[change.attribute] = change.new
    if change.attribute == "algorithm":
        known = {attribute.key for attribute in attributes_of(before.type, str(change.new))}
        attrs = {key: value for key, value in attrs.items() if key in known}
    return definition.with_field(change.name, evolve(before, attrs=attrs))
