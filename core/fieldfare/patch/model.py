"""The patch: ``SchemaPatch`` and its sections. Data only; ``patch.file`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from fieldfare.definition import AttributeValue, FieldType, Storage
from fieldfare.patch.mode import ModeName

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
"""The options of a whole index that a patch can set, with their names in ``IndexDefinition``."""


@frozen(hash=False)
class NewField:
    """A field to add.

    Attributes:
        name: its name in queries.
        type: its type.
        path: the path of its value in the document; None for the default, which depends on the storage.
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
        name: its old name, or its new name if the patch renames it.
        attrs: attribute key → new value; None removes the attribute.
        type: its new type; None for no change.
        path: its new path; None for no change.
        quantization: options for the conversion to integers; checked by the plugin that converts.
        truncation: options for fewer dimensions; checked by the plugin that truncates.
    """

    name: str
    attrs: Mapping[str, AttributeValue | None] = field(factory=dict)
    type: FieldType | None = None
    path: str | None = None
    quantization: Mapping[str, Any] = field(factory=dict)
    truncation: Mapping[str, Any] = field(factory=dict)


@frozen
class FieldRename:
    """A field to rename, in the index and in every document.

    Attributes:
        old_name: its name.
        new_name: its name afterwards.
        logical: rename it only in the index: documents keep the value where it is.
    """

    old_name: str
    new_name: str
    logical: bool = False


@frozen(hash=False)
class IndexUpdate:
    """Changes of the index as a whole.

    Attributes:
        name: its new name, or None.
        prefix: the new prefix of an index that has one prefix, or None.
        prefixes: old prefix → new prefix, for an index that has several.
        storage_type: the new storage of its documents, or None.
        settings: option (of ``SETTINGS``) → new value; None removes the option.
    """

    name: str | None = None
    prefix: str | None = None
    prefixes: Mapping[str, str] = field(factory=dict)
    storage_type: Storage | None = None
    settings: Mapping[str, Any] = field(factory=dict)


@frozen(hash=False)
class CustomRequest:
    """A change that a plugin defines.

    Attributes:
        kind: ``vendor.action``.
        params: the other keys of the entry.
    """

    kind: str
    params: Mapping[str, Any] = field(factory=dict)


@frozen(hash=False)
class Sections:
    """The content of ``changes:`` in a patch file.

    Attributes:
        add_fields: fields to add.
        remove_fields: names of fields to remove from the index; documents keep them.
        update_fields: fields to change.
        rename_fields: fields to rename.
        index: changes of the index as a whole.
        custom: changes that plugins define.
    """

    add_fields: tuple[NewField, ...] = ()
    remove_fields: tuple[str, ...] = ()
    update_fields: tuple[FieldUpdate, ...] = ()
    rename_fields: tuple[FieldRename, ...] = ()
    index: IndexUpdate = IndexUpdate()
    custom: tuple[CustomRequest, ...] = ()


@frozen(hash=False)
class SchemaPatch(Sections):
    """The changes that a user requests.

    Attributes:
        version: the version of the file format.
        mode: how to change the index; None if the patch does not say.
        prefer: plugins that carry out a change which another plugin claims, too.
    """

    version: int = 1
    mode: ModeName | None = None
    prefer: tuple[str, ...] = ()

    def with_logical_renames(self) -> SchemaPatch:
        """Return the patch with every field renamed only in the index."""
        return evolve(self, rename_fields=tuple(evolve(each, logical=True) for each in self.rename_fields))
