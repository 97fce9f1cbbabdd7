"""What a user asks for: ``SchemaPatch`` and its sections. Data only; ``patch.file`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from fieldfare.definition import AttributeValue, FieldType, Storage

__all__ = [
    "SETTINGS",
    "CustomRequest",
    "FieldRename",
    "FieldUpdate",
    "IndexUpdate",
    "NewField",
    "SchemaPatch",
    "Sections",
]

SETTINGS: Final = (
    "filter",
    "language",
    "language_field",
    "score",
    "score_field",
    "payload_field",
    "stopwords",
    "options",
    "temporary",
    "index_all",
)
"""The options of a whole index that a patch can set, as ``IndexDefinition`` calls them."""


@frozen(hash=False)
class NewField:
    """A field to add.

    Attributes:
        name: what queries will call it.
        type: its type.
        path: where its value lives; None for the usual place, which depends on how the index stores documents.
        attrs: attribute key → value.
    """

    name: str
    type: FieldType
    path: str | None = None
    attrs: Mapping[str, AttributeValue] = field(factory=dict)


@frozen(hash=False)
class FieldUpdate:
    """A field to change.

    Attributes:
        name: its name before or after the patch, where the patch renames it.
        attrs: attribute key → new value; None takes the attribute away.
        type: its type, or None if that is not said.
        path: where its value lives, or None if that is not said.
        quantization: how its values become integers; what may stand here, the plugin that does it knows.
        truncation: how its vectors lose dimensions; so too here.
    """

    name: str
    attrs: Mapping[str, AttributeValue | None] = field(factory=dict)
    type: FieldType | None = None
    path: str | None = None
    quantization: Mapping[str, Any] = field(factory=dict)
    truncation: Mapping[str, Any] = field(factory=dict)


@frozen
class FieldRename:
    """A field to rename, in the index and in every document."""

    old_name: str
    new_name: str


@frozen(hash=False)
class IndexUpdate:
    """What is to change about the index as a whole.

    Attributes:
        name: its new name, or None.
        prefix: the new prefix of an index that has one, or None.
        prefixes: old prefix → new prefix, for an index that has several.
        storage_type: how documents are to be stored, or None.
        settings: option (of ``SETTINGS``) → new value; None takes the option away.
    """

    name: str | None = None
    prefix: str | None = None
    prefixes: Mapping[str, str] = field(factory=dict)
    storage_type: Storage | None = None
    settings: Mapping[str, Any] = field(factory=dict)


@frozen(hash=False)
class CustomRequest:
    """Something that only its plugin understands.

    Attributes:
        kind: what is asked for, as ``vendor.action``.
        params: everything else that is said about it.
    """

    kind: str
    params: Mapping[str, Any] = field(factory=dict)


@frozen(hash=False)
class Sections:
    """What stands under ``changes:`` in a patch file.

    Attributes:
        add_fields: fields to add.
        remove_fields: names of fields to remove from the index; documents keep them.
        update_fields: fields to change.
        rename_fields: fields to rename.
        index: what changes about the index as a whole.
        custom: what plugins are asked to do.
    """

    add_fields: tuple[NewField, ...] = ()
    remove_fields: tuple[str, ...] = ()
    update_fields: tuple[FieldUpdate, ...] = ()
    rename_fields: tuple[FieldRename, ...] = ()
    index: IndexUpdate = IndexUpdate()
    custom: tuple[CustomRequest, ...] = ()


@frozen(hash=False)
class SchemaPatch(Sections):
    """What a user wants changed, in the sections of a patch file.

    Attributes:
        version: of the file format.
    """

    version: int = 1
