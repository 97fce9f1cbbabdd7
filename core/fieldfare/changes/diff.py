"""Derives typed changes from a patch or a target schema, in the order in which they are carried out.

Documents are rewritten under their current names, so renames come last.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.changes import (
    AddField,
    Change,
    ChangePrefix,
    ChangeStorage,
    CustomChange,
    RemoveField,
    RenameField,
    RenameIndex,
    UpdateField,
    apply_changes,
)
from fieldfare.changes.comparison import field_changes, option_changes, prefix_changes
from fieldfare.changes.rename_order import rename_order
from fieldfare.definition import Field, IndexDefinition, Storage, attributes_of
from fieldfare.definition.renamed_fields import find_renamed_fields
from fieldfare.definition.schema import SchemaError, field_from_dict, field_to_dict, from_schema, to_schema
from fieldfare.errors import DiffError
from fieldfare.support.suggestion import suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.patch import FieldUpdate, NewField, SchemaPatch

__all__ = ["changes_from_patch", "changes_from_schema"]


_CONVERSION_OPTIONS: Final = {
    "quantization": (
        "datatype",
        "says how its vectors are converted, and its datatype stays. Give it another datatype",
    ),
    "truncation": ("dims", "says how its vectors are cut, and its dims stay. Give it fewer dims"),
}
"""Option of ``update_fields`` that controls a conversion → the attribute that must change, and the error otherwise."""

SHOWN: Final = 20  # maximum number of field names in a message


def changes_from_patch(definition: IndexDefinition, patch: SchemaPatch) -> tuple[Change, ...]:
    """Return the changes that a patch makes to an index; none for what the index already has.

    The order: custom changes; fields updated, removed and added; options of the index; renames of fields, prefixes
    and the index.

    Args:
        definition: the current index.
        patch: the requested changes. ``update_fields`` may use the old or the new name of a field.

    Raises:
        DiffError: the patch does not fit the index; all problems at once.
    """
    reader = _PatchReader(definition, patch)
    custom = [CustomChange(request.kind, request.params) for request in patch.custom]
    fields = [*reader.updates(), *reader.removals(), *reader.additions()]
    options = reader.options(apply_changes(definition, tuple(fields)))
    names = [*reader.renames(), *reader.prefixes(), *_index_rename(definition, patch.index.name)]
    if reader.problems:
        raise DiffError(definition.name, reader.problems)
    return (*custom, *fields, *options, *names)


def changes_from_schema(source: IndexDefinition, target: IndexDefinition) -> tuple[Change, ...]:
    """Return the changes from one definition to another; none if they mean the same. The order of fields is ignored.

    A field with another name that reads the same path is renamed logically. With another path it counts as one field
    removed and one added: only a patch can say that a field is renamed in the documents.
    """
    renamed = find_renamed_fields(source, target)
    pairs = [(field, target.find(renamed.get(field.name, field.name))) for field in source.fields]
    added = [new for new in target.fields if source.find(new.name) is None and new.name not in renamed.values()]
    fields: list[Change] = [
        *chain.from_iterable(
            field_changes(old, evolve(new, name=old.name), source.storage, target.storage) for old, new in pairs if new
        ),
        *(RemoveField(old.name) for old, new in pairs if new is None),
        *map(AddField, added),
    ]
    options = option_changes(apply_changes(source, tuple(fields)), target)
    storage = _storage_change(source, target.storage)
    names = [
        *(RenameField(old.name, new.name, logical=True) for old, new in pairs if new and old.name != new.name),
        *prefix_changes(source, target),
        *_index_rename(source, target.name),
    ]
    return (*fields, *storage, *options, *names)


def _storage_change(definition: IndexDefinition, storage: Storage | None) -> list[Change]:
    if storage is None or storage is definition.storage:
        return []
    return [ChangeStorage(definition.storage.value, storage.value)]


def _index_rename(definition: IndexDefinition, name: str | None) -> list[Change]:
    return [] if name is None or name == definition.name else [RenameIndex(definition.name, name)]


class _PatchReader:
    """Derives changes from the sections of a patch, and collects every problem."""

    def __init__(self, definition: IndexDefinition, patch: SchemaPatch) -> None:
        self._definition = definition
        self._patch = patch
        self._removed = set(patch.remove_fields)
        self._added = {field.name for field in patch.add_fields}
        self._old_names = {rename.new_name: rename.old_name for rename in patch.rename_fields}
        self.problems: list[str] = []

    def updates(self) -> list[Change]:
        updated: dict[str, Field] = {}
        seen: set[tuple[str, str]] = set()
        for update in self._patch.update_fields:
            field = self._definition.find(update.name) or self._definition.find(self._old_names.get(update.name, ""))
            if field is None:
                self._not_found(update.name)
                continue
            if field.name in self._removed:
                self.problems.append(f"Field {field.name!r} is both removed and updated")
            repeated = [key for key in update.attrs if (field.name, key) in seen]
            self.problems += [f"Field {field.name!r}: {key} is updated twice" for key in repeated]
            seen |= {(field.name, key) for key in update.attrs}
            updated[field.name] = self._updated(updated.get(field.name, field), update)
        storage = self._definition.storage
        changes = [
            change
            for field in self._definition.fields
            if field.name in updated
            for change in field_changes(field, updated[field.name], storage, storage)
        ]
        self._check_conversion_options(changes)
        return changes

    def _check_conversion_options(self, changes: Sequence[Change]) -> None:
        """Add a problem for each option that controls a conversion which the patch does not request."""
        changed = {(each.name, each.attribute) for each in changes if isinstance(each, UpdateField)}
        for update in self._patch.update_fields:
            names = (update.name, self._old_names.get(update.name, ""))
            self.problems += [
                f"Field {update.name!r}: {option} {message} in the same patch, or take {option} out"
                for option, (attribute, message) in _CONVERSION_OPTIONS.items()
                if getattr(update, option) and not any((name, attribute) in changed for name in names)
            ]

    def removals(self) -> list[Change]:
        names = dict.fromkeys(self._patch.remove_fields)
        for name in names:
            if self._definition.find(name) is None:
                self._not_found(name)
        return [RemoveField(name) for name in names]

    def additions(self) -> list[Change]:
        changes: list[Change] = []
        renamed = {rename.old_name for rename in self._patch.rename_fields}
        for new in self._patch.add_fields:
            if any(isinstance(change, AddField) and change.field.name == new.name for change in changes):
                self.problems.append(f"Field {new.name!r} is added twice")
            elif new.name in renamed and self._definition.find(new.name):
                self.problems.append(
                    f"Field {new.name!r} is both renamed and added; rename it first, add the new one with another plan"
                )
            elif new.name not in self._removed and self._definition.find(new.name):
                self.problems.append(f"Field {new.name!r} exists already; change it under update_fields")
            field = self._added_field(new)
            if field is not None:
                changes.append(AddField(field))
        return changes

    def options(self, definition: IndexDefinition) -> list[Change]:
        settings = self._patch.index.settings
        storage = _storage_change(definition, self._patch.index.storage_type)
        if not settings:
            return storage
        index = {**to_schema(definition)["index"], **settings}
        try:
            target = from_schema({"index": index, "fields": []})
        except SchemaError as error:
            self.problems += [f"Index: {'.'.join(map(str, at[1:]))}: {message}" for at, message in error.problems]
            return storage
        return [*storage, *option_changes(definition, target, only=settings)]

    def renames(self) -> list[Change]:
        pairs = [(rename.old_name, rename.new_name) for rename in self._patch.rename_fields]
        for old, new in pairs:
            if self._definition.find(old) is None:
                self._not_found(old)
            if old in self._removed:
                self.problems.append(f"Field {old!r} is both removed and renamed")
            if not new:
                self.problems.append(f"Field {old!r} cannot be renamed to nothing")
            if new in self._added:
                self.problems.append(f"Field {old!r} cannot be renamed to {new!r}: a field of this name is added")
        existing = {field.name for field in self._definition.fields} - self._removed
        order, problems = rename_order("Field", pairs, existing)
        self.problems += problems
        logical = {rename.old_name for rename in self._patch.rename_fields if rename.logical}
        return [RenameField(old, new, old in logical) for old, new in order]

    def prefixes(self) -> list[Change]:
        update, has = self._patch.index, self._definition.prefixes
        pairs = list(update.prefixes.items())
        if update.prefix is not None and len(has) != 1:
            self.problems.append(
                f"The index has several prefixes ({', '.join(map(repr, has))}); "
                "map each old prefix to its new one under 'prefixes'"
            )
        elif update.prefix is not None:
            pairs.append((has[0], update.prefix))
        self.problems += [
            f"Prefix {old!r} not found{suggestion(old, has)}; the index has {', '.join(map(repr, has))}"
            for old, _ in pairs
            if old not in has
        ]
        order, problems = rename_order("Prefix", pairs, set(has))
        self.problems += problems
        return [ChangePrefix(old, new) for old, new in order]

    def _not_found(self, name: str) -> None:
        known = [field.name for field in self._definition.fields]
        if name in self._added:
            self.problems.append(f"Field {name!r} not found; this patch adds it: set its attributes under add_fields")
        else:
            hint = suggestion(name, known) or "."
            shown = ", ".join(known[:SHOWN]) + (f" and {len(known) - SHOWN} more" if len(known) > SHOWN else "")
            self.problems.append(f"Field {name!r} not found{hint} Fields: {shown or 'none'}")

    def _updated(self, field: Field, update: FieldUpdate) -> Field:
        if update.type is not None and update.type is not field.type:
            return Field(field.name, update.type, field.path)
        given = {key: value for key, value in update.attrs.items() if value is not None}
        mapping = {
            **field_to_dict(field),
            "path": field.path if update.path is None else update.path,
            "attrs": {**_unchanged_attributes(field, update), **given},
        }
        try:
            return field_from_dict(mapping, self._definition.storage)
        except SchemaError as error:
            self._add_problems(field.name, error)
            return field

    def _added_field(self, new: NewField) -> Field | None:
        if self._definition.storage is Storage.HASH and (new.path or "").startswith("$"):
            self.problems.append(
                f"Field {new.name!r}: path {new.path!r} is for JSON documents; this index covers hashes"
            )
        mapping = {"name": new.name, "type": new.type.value, "path": new.path, "attrs": dict(new.attrs)}
        try:
            return field_from_dict(mapping, self._definition.storage)
        except SchemaError as error:
            self._add_problems(new.name, error)
            return None

    def _add_problems(self, name: str, error: SchemaError) -> None:
        for at, message in error.problems:
            place = "".join(f"{part}: " for part in at if part != "attrs")
            self.problems.append(f"Field {name!r}: {place}{message}")


def _unchanged_attributes(field: Field, update: FieldUpdate) -> dict[str, object]:
    """Return the attributes of a field that an update does not change and that the field's new algorithm accepts."""
    algorithm = update.attrs.get("algorithm", field.attrs.get("algorithm"))
    takes = attributes_of(field.type, algorithm if isinstance(algorithm, str) else None)
    return {
        each.key: field.attrs[each.key] for each in takes if each.key in field.attrs and each.key not in update.attrs
    }
