"""The draft of a patch: what each action of the wizard does to it. Pure data and functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from attrs import evolve, frozen

from fieldfare.changes import Change, apply_changes
from fieldfare.changes.diff import changes_from_patch
from fieldfare.definition import Attribute, AttributeValue, Field, IndexDefinition, attributes_of
from fieldfare.definition.canonical import default_of
from fieldfare.patch import FieldRename, FieldUpdate, NewField, SchemaPatch

__all__ = [
    "Draft",
    "add_field",
    "change_prefix",
    "remove_field",
    "rename_field",
    "rename_index",
    "undo",
    "update_field",
    "value_of",
]

T = TypeVar("T")


@frozen(hash=False)
class Draft:
    """The draft of a patch.

    Attributes:
        source: the live index.
        patch: the patch so far.
        previous_patches: the patch before each change, oldest first.
    """

    source: IndexDefinition
    patch: SchemaPatch
    previous_patches: tuple[SchemaPatch, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the patch.

        Raises:
            DiffError: the patch does not fit the index.
        """
        return changes_from_patch(self.source, self.patch)

    @property
    def target(self) -> IndexDefinition:
        """The index as the patch will leave it.

        Raises:
            DiffError: the patch does not fit the index.
        """
        return apply_changes(self.source, self.changes)

    def with_undo_to(self, before: Draft) -> Draft:
        """Return the draft with ``before`` as the state that undo restores."""
        return (
            self
            if self.patch == before.patch
            else evolve(self, previous_patches=(*before.previous_patches, before.patch))
        )

    def origin(self, name: str) -> str | None:
        """Return the source name of a field of the target; None for one that the patch adds."""
        if any(new.name == name for new in self.patch.add_fields):
            return None
        return next((each.old_name for each in self.patch.rename_fields if each.new_name == name), name)


def undo(draft: Draft) -> Draft:
    """Restore the patch before the last change, if there was one."""
    if not draft.previous_patches:
        return draft
    return evolve(draft, patch=draft.previous_patches[-1], previous_patches=draft.previous_patches[:-1])


def value_of(field: Field, attribute: Attribute, definition: IndexDefinition) -> AttributeValue | None:
    """Return the value of an attribute, or the server's default."""
    return field.attrs.get(attribute.key, default_of(attribute, definition.storage))


def add_field(draft: Draft, new: NewField) -> Draft:
    """Add a field."""
    return _patched(draft, add_fields=(*draft.patch.add_fields, new))


def update_field(draft: Draft, name: str, attribute: Attribute, value: AttributeValue) -> Draft:
    """Give one attribute of a field of the target another value.

    The present value needs no change, so the attribute is removed from the patch again. Another algorithm removes
    the attributes that it does not have.
    """
    old = draft.origin(name)
    if old is None:
        return _update_added(draft, name, attribute, value)
    field = draft.source.find(old)
    same_field = [each for each in draft.patch.update_fields if _origin_of(draft, each) == old]
    attrs = {key: item for each in same_field for key, item in each.attrs.items()} | {attribute.key: value}
    if field is not None:
        if value_of(field, attribute, draft.source) == value:
            del attrs[attribute.key]
        if attribute.key == "algorithm":
            known = {each.key for each in attributes_of(field.type, str(value))}
            attrs = {key: item for key, item in attrs.items() if key in known}
    merged = FieldUpdate(
        name=old,
        attrs=attrs,
        type=next((each.type for each in same_field if each.type is not None), None),
        path=next((each.path for each in same_field if each.path is not None), None),
        quantization={key: item for each in same_field for key, item in each.quantization.items()},
        truncation={key: item for each in same_field for key, item in each.truncation.items()},
    )
    update = None if merged == FieldUpdate(old) else merged
    return _patched(draft, update_fields=_replaced(draft.patch.update_fields, same_field, update))


def remove_field(draft: Draft, name: str) -> Draft:
    """Remove a field of the target and its other changes; a field that the patch adds is not added."""
    old = draft.origin(name)
    if old is None:
        return _patched(draft, add_fields=tuple(new for new in draft.patch.add_fields if new.name != name))
    return _patched(
        draft,
        remove_fields=(*draft.patch.remove_fields, old),
        update_fields=tuple(each for each in draft.patch.update_fields if _origin_of(draft, each) != old),
        rename_fields=tuple(each for each in draft.patch.rename_fields if each.old_name != old),
    )


def rename_field(draft: Draft, name: str, new_name: str, *, logical: bool | None = None) -> Draft:
    """Rename a field of the target; its source name removes the rename from the patch.

    Args:
        draft: the draft.
        name: the field's name in the target.
        new_name: its new name.
        logical: whether to rename it only in the index; None for what the patch says so far.
    """
    old = draft.origin(name)
    if old is None:
        added = tuple(evolve(new, name=new_name) if new.name == name else new for new in draft.patch.add_fields)
        return _patched(draft, add_fields=added)
    same_field = [each for each in draft.patch.rename_fields if each.old_name == old]
    if logical is None:
        logical = any(each.logical for each in same_field)
    return _patched(
        draft,
        # updates may use the new name of a field
        update_fields=tuple(
            evolve(each, name=old) if _origin_of(draft, each) == old else each for each in draft.patch.update_fields
        ),
        rename_fields=_replaced(
            draft.patch.rename_fields, same_field, None if new_name == old else FieldRename(old, new_name, logical)
        ),
    )


def rename_index(draft: Draft, name: str) -> Draft:
    """Rename the index; its source name removes the rename from the patch."""
    return _patched(draft, index=evolve(draft.patch.index, name=None if name == draft.source.name else name))


def change_prefix(draft: Draft, old: str, new: str) -> Draft:
    """Move the keys of a prefix of the source; the same prefix removes the move from the patch."""
    index = draft.patch.index
    has = draft.source.prefixes
    moves = {**index.prefixes, **({} if index.prefix is None else {has[0]: index.prefix}), old: new}
    if new == old:
        del moves[old]
    if len(has) == 1:
        return _patched(draft, index=evolve(index, prefix=moves.get(has[0]), prefixes={}))
    return _patched(draft, index=evolve(index, prefix=None, prefixes=moves))


def _update_added(draft: Draft, name: str, attribute: Attribute, value: AttributeValue) -> Draft:
    """Update a field that the patch adds; a default value is not written."""
    given = {} if value == default_of(attribute, draft.source.storage) else {attribute.key: value}
    added = tuple(
        evolve(new, attrs={key: item for key, item in new.attrs.items() if key != attribute.key} | given)
        if new.name == name
        else new
        for new in draft.patch.add_fields
    )
    return _patched(draft, add_fields=added)


def _patched(draft: Draft, **sections: Any) -> Draft:
    return evolve(draft, patch=evolve(draft.patch, **sections))


def _origin_of(draft: Draft, update: FieldUpdate) -> str | None:
    """Return the source name of the field that an update changes."""
    return update.name if draft.source.find(update.name) is not None else draft.origin(update.name)


def _replaced(items: Sequence[T], old: Collection[T], new: T | None) -> tuple[T, ...]:
    """Return the items with ``new`` instead of the first of ``old``, or at the end, and without the others."""
    place = next((number for number, each in enumerate(items) if each in old), len(items))
    before, after = items[:place], [each for each in items[place:] if each not in old]
    return (*before, *([] if new is None else [new]), *after)
