"""Typed, atomic differences between two definitions, and what each does to one.

Changes are data: they can be shown, compared and written to a plan without a server. Whether a change
can be carried out, and how, is for plugins to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import evolve, field, frozen

from fieldfare.definition import AttributeValue, Field, IndexDefinition, attributes_of
from fieldfare.renaming import rename_field

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


@frozen(hash=False)
class AddField:
    """Index one more field."""

    change: ClassVar[str] = "add_field"
    field: Field

    def __str__(self) -> str:
        """Say it in a line."""
        return f"add {self.field.type} field {self.field.name!r}"


@frozen
class RemoveField:
    """Stop indexing a field; documents keep it."""

    change: ClassVar[str] = "remove_field"
    name: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"remove field {self.name!r}"


@frozen
class UpdateField:
    """Give one attribute of a field another value; None stands for "not set"."""

    change: ClassVar[str] = "update_field"
    name: str
    attribute: str
    old: AttributeValue | None
    new: AttributeValue | None

    def __str__(self) -> str:
        """Say it in a line."""
        return f"field {self.name!r}: {self.attribute} {self.old} -> {self.new}"


@frozen
class RenameField:
    """Call a field something else, in the index and in every document."""

    change: ClassVar[str] = "rename_field"
    old: str
    new: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"rename field {self.old!r} to {self.new!r}"


@frozen
class RenameIndex:
    """Call the index something else."""

    change: ClassVar[str] = "rename_index"
    old: str
    new: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"rename index {self.old!r} to {self.new!r}"


@frozen
class ChangePrefix:
    """Move every key below one prefix to another."""

    change: ClassVar[str] = "change_prefix"
    old: str
    new: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"change prefix {self.old!r} to {self.new!r}"


@frozen
class ChangeStorage:
    """Keep documents as hashes instead of JSON, or the other way round."""

    change: ClassVar[str] = "change_storage"
    old: str
    new: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"change storage type {self.old} to {self.new}"


@frozen
class ChangeFieldType:
    """Give a field another type."""

    change: ClassVar[str] = "change_field_type"
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"field {self.name!r}: type {self.old} -> {self.new}"


@frozen
class ChangeFieldPath:
    """Read a field's value from another place in the document."""

    change: ClassVar[str] = "change_field_path"
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"field {self.name!r}: path {self.old!r} -> {self.new!r}"


@frozen(hash=False)
class UpdateOption:
    """Give an option of the whole index (filter, language, stopwords, …) another value."""

    change: ClassVar[str] = "update_option"
    option: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """Say it in a line."""
        return f"index {self.option}: {self.old!r} -> {self.new!r}"


@frozen(hash=False)
class CustomChange:
    """Something that only its plugin understands.

    Attributes:
        kind: what is asked for, as ``vendor.action``.
        params: everything else that the patch says about it.
    """

    change: ClassVar[str] = "custom"
    kind: str
    params: Mapping[str, Any] = field(factory=dict)

    def __str__(self) -> str:
        """Say it in a line."""
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
    """Return the definition as it will be after a change. Custom changes leave it as it is."""
    match change:
        case AddField(new):
            return evolve(definition, fields=(*definition.fields, new))
        case RemoveField(name):
            return definition.with_field(name, None)
        case UpdateField():
            return _update_field(definition, change)
        case RenameField(old, new):
            return rename_field(definition, old, new)
        case RenameIndex(_, new):
            return evolve(definition, name=new)
        case ChangePrefix(old, new):
            return evolve(definition, prefixes=tuple(new if each == old else each for each in definition.prefixes))
        case UpdateOption(option, _, new):
            return evolve(definition, **{option: new})
        case _:
            return definition


def apply_changes(definition: IndexDefinition, changes: tuple[Change, ...]) -> IndexDefinition:
    """Return the definition as it will be after all changes, in order."""
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
