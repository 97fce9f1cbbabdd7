"""A patch in the making: what each action of the wizard does to it. Pure data and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, frozen

from fieldfare.changes import apply_changes
from fieldfare.definition import Attribute, AttributeValue, Field, IndexDefinition, attributes_of
from fieldfare.definition.canonical import default_of
from fieldfare.diff import changes_from_patch
from fieldfare.patch import FieldRename, FieldUpdate, SchemaPatch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fieldfare.changes import Change
    from fieldfare.patch import NewField

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
    """A patch in the making.

    Attributes:
        source: the live index.
        patch: what is asked for so far.
        earlier: what was asked for before each change, oldest first.
    """

    source: IndexDefinition
    patch: SchemaPatch
    earlier: tuple[SchemaPatch, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the patch changes.

        Raises:
            DiffError: it does not fit the index.
        """
        return changes_from_patch(self.source, self.patch)

    @property
    def target(self) -> IndexDefinition:
        """The index as the patch will leave it.

        Raises:
            DiffError: the patch does not fit the index.
        """
        return apply_changes(self.source, self.changes)

    def remember(self, before: Draft) -> Draft:
        """Return the draft with ``before`` as the state that undo goes back to."""
        return self if self.patch == before.patch else evolve(self, earlier=(*before.earlier, before.patch))

    def origin(self, name: str) -> str | None:
        """Return what a field of the target is called now; None for one that the patch adds."""
        if any(new.name == name for new in self.patch.add_fields):
            return None
        return next((each.old_name for each in self.patch.rename_fields if each.new_name == name), name)


def undo(draft: Draft) -> Draft:
    """Go back to what was asked for before the last change; nothing is before the first one."""
    if not draft.earlier:
        return draft
    return evolve(draft, patch=draft.earlier[-1], earlier=draft.earlier[:-1])


def value_of(field: Field, attribute: Attribute, definition: IndexDefinition) -> AttributeValue | None:
    """Return the value of an attribute, the server's default where the field has none."""
    return field.attrs.get(attribute.key, default_of(attribute, definition.storage))


def add_field(draft: Draft, new: NewField) -> Draft:
    """Add a field."""
    return _patched(draft, add_fields=(*draft.patch.add_fields, new))


def update_field(draft: Draft, name: str, attribute: Attribute, value: AttributeValue) -> Draft:
    """Give one attribute of a field of the target another value.

    What the field has now needs no change, so that is taken out of the patch again. Another algorithm
    takes those attributes out that it does not have.
    """
    old = draft.origin(name)
    if old is None:
        return _update_added(draft, name, attribute, value)
    field = draft.source.find(old)
    mine = [update for update in draft.patch.update_fields if _origin_of(draft, update) == old]
    attrs = {key: item for update in mine for key, item in update.attrs.items()} | {attribute.key: value}
    if field is not None:
        if value_of(field, attribute, draft.source) == value:
            del attrs[attribute.key]
        if attribute.key == "algorithm":
            known = {each.key for each in attributes_of(field.type, str(value))}
            attrs = {key: item for key, item in attrs.items() if key in known}
    merged = FieldUpdate(
        name=old,
        attrs=attrs,
        type=next((update.type for update in mine if update.type is not None), None),
        path=next((update.path for update in mine if update.path is not None), None),
        quantization={key: item for update in mine for key, item in update.quantization.items()},
        truncation={key: item for update in mine for key, item in update.truncation.items()},
    )
    asks = None if merged == FieldUpdate(old) else merged
    return _patched(draft, update_fields=_replaced(draft.patch.update_fields, mine, asks))


def remove_field(draft: Draft, name: str) -> Draft:
    """Remove a field of the target, with all else that was asked for it; one that was to be added is not."""
    old = draft.origin(name)
    if old is None:
        return _patched(draft, add_fields=tuple(new for new in draft.patch.add_fields if new.name != name))
    return _patched(
        draft,
        remove_fields=(*draft.patch.remove_fields, old),
        update_fields=tuple(each for each in draft.patch.update_fields if _origin_of(draft, each) != old),
        rename_fields=tuple(each for each in draft.patch.rename_fields if each.old_name != old),
    )


def rename_field(draft: Draft, name: str, new_name: str) -> Draft:
    """Call a field of the target something else; its name as it is now takes the rename out of the patch."""
    old = draft.origin(name)
    if old is None:
        added = tuple(evolve(new, name=new_name) if new.name == name else new for new in draft.patch.add_fields)
        return _patched(draft, add_fields=added)
    mine = [each for each in draft.patch.rename_fields if each.old_name == old]
    return _patched(
        draft,
        # updates may name a field as it was to be called
        update_fields=tuple(
            evolve(each, name=old) if _origin_of(draft, each) == old else each for each in draft.patch.update_fields
        ),
        rename_fields=_replaced(
            draft.patch.rename_fields, mine, None if new_name == old else FieldRename(old, new_name)
        ),
    )


def rename_index(draft: Draft, name: str) -> Draft:
    """Call the index something else; its name as it is now takes the rename out of the patch."""
    return _patched(draft, index=evolve(draft.patch.index, name=None if name == draft.source.name else name))


def change_prefix(draft: Draft, old: str, new: str) -> Draft:
    """Move the keys below a prefix of the source; the same prefix takes the move out of the patch."""
    index = draft.patch.index
    has = draft.source.prefixes
    moves = {**index.prefixes, **({} if index.prefix is None else {has[0]: index.prefix}), old: new}
    if new == old:
        del moves[old]
    if len(has) == 1:
        return _patched(draft, index=evolve(index, prefix=moves.get(has[0]), prefixes={}))
    return _patched(draft, index=evolve(index, prefix=None, prefixes=moves))


def _update_added(draft: Draft, name: str, attribute: Attribute, value: AttributeValue) -> Draft:
    """Say more about a field that is to be added; what it has by default goes without saying."""
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
    """Return the field that an update is about, as it is called now."""
    return update.name if draft.source.find(update.name) is not None else draft.origin(update.name)


def _replaced(items: Sequence[T], mine: Collection[T], new: T | None) -> tuple[T, ...]:
    """Return the items with ``new`` where the first of ``mine`` was, or at the end, and without the others."""
    place = next((number for number, each in enumerate(items) if each in mine), len(items))
    before, after = items[:place], [each for each in items[place:] if each not in mine]
    return (*before, *([] if new is None else [new]), *after)
