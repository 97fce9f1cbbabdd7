"""Claiming a renamed field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fieldfare.changes.renaming import EACH, OPTIONS, overlaps
from fieldfare.definition import Storage
from fieldfare.definition.jsonpath import split_path
from fieldfare.documents import KeyCounter
from fieldfare.plan import Claim
from fieldfare_rename.rename import Rename, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import RenameField
    from fieldfare.definition import Field, IndexDefinition
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_rename", "fields_of"]

SAMPLE_LIMIT: Final = 1000
"""How many documents are sampled while planning."""


def claim_rename(change: RenameField, live: LiveIndex) -> Claim | None:
    """Claim a renamed field, as supported or as blocked; None if there is no such field."""
    fields = fields_of(change, live)
    if fields is None:
        return None
    blocked = next(_blockers(*fields, live), None)
    if blocked is not None:
        return blocked
    before, after = fields
    if before.path == after.path:
        return Claim.supported(
            warnings=[
                f"Documents keep the value of {before.name!r} at {before.path!r}: only its name in queries changes",
                f"Applications still write {before.path!r}; FT.SEARCH without RETURN returns documents as they are",
            ]
        )
    return Claim.supported(rewrites_documents=True, warnings=list(_warnings(change, before, after, live)))


def fields_of(change: RenameField, live: LiveIndex) -> tuple[Field, Field] | None:
    """Return a field before and after the rename; None if there is no such field."""
    before, after = live.definition.find(change.old), live.after(change).definition.find(change.new)
    return None if before is None or after is None else (before, after)


def _blockers(before: Field, after: Field, live: LiveIndex) -> Iterator[Claim]:
    """Yield what blocks the rename, the most important reason first."""
    if _filter_reads(live.definition.filter, before.name):
        yield Claim.blocked(
            f"FILTER {live.definition.filter} reads {before.name!r}: after the rename the filter would match no "
            "document",
            workaround=f"set a filter that reads {after.name!r}, in the same patch",
        )
    if before.path == after.path:
        return
    if live.definition.storage is Storage.JSON:
        yield from _ambiguous_paths(before, after)
    rename = Rename.between(before, after, live.definition.storage)
    yield from _conflicts_within_plan(rename, live)
    yield from _other_readers(rename, live)


def _ambiguous_paths(before: Field, after: Field) -> Iterator[Claim]:
    (source, rest), (target, new_rest) = split_path(before.path), split_path(after.path)
    if rest not in {"", EACH}:
        yield Claim.blocked(
            f"the JSON path {before.path} can match several values",
            workaround="move the values yourself, then remove the field and add it again in two migrations",
        )
    if new_rest != rest or not target or isinstance(target[-1], int):
        yield Claim.blocked(
            f"{after.path} is not a JSON path to one value", workaround="choose a name without quotes and wildcards"
        )
    if any(
        isinstance(each, int) for place, each in enumerate(target[:-1]) if target[: place + 1] != source[: place + 1]
    ):
        yield Claim.blocked(
            f"{after.path} leads into an array that documents may not have",
            workaround="choose a name outside of arrays",
        )


def _conflicts_within_plan(rename: Rename, live: LiveIndex) -> Iterator[Claim]:
    """Yield conflicts with the other changes of this plan, and between source and target."""
    storage = live.definition.storage
    if overlaps(rename.source, rename.target, storage):
        yield Claim.blocked(
            f"one of {rename.source} and {rename.target} contains the other",
            workaround="rename in two plans, with a third name in between",
        )
    for field in live.snapshot.definition.fields:
        if (
            live.definition.find(field.name) is None
            and place_of(field.path, storage) != rename.target
            and overlaps(field.path, rename.target, storage)
        ):
            yield Claim.blocked(
                f"this plan moves or removes field {field.name!r} at {field.path}, which overlaps {rename.target}",
                workaround="use two plans",
            )


def _other_readers(rename: Rename, live: LiveIndex) -> Iterator[Claim]:
    """Yield what else reads one of the two places; fields of other indexes that read the old one are up to the mode."""
    for place, effect in (
        (rename.source, "would no longer find the values"),
        (rename.target, "would find these values"),
    ):
        for reader in _readers(live.definition, place, besides=rename.old):
            yield Claim.blocked(
                f"{reader} of this index reads {place!r} too, and {effect}",
                workaround=f"first remove or change {reader}, in a separate migration",
            )
        for other in live.overlapping_indexes:
            readers = _options(other, place) if place == rename.source else _readers(other, place)
            for reader in readers:
                yield Claim.blocked(
                    f"index {other.name!r} covers some of the same keys, and its {reader} reads {place!r}: it {effect}",
                    workaround=f"drop {other.name!r} before and create it again afterwards, or copy the value to a "
                    "new field and change every index to read it",
                )


def _warnings(change: RenameField, before: Field, after: Field, live: LiveIndex) -> Iterator[str]:
    yield (
        f"Applications must write {after.path!r} instead of {before.path!r} after the migration: "
        "the index does not read values under the old name"
    )
    followed = live.after(change).definition
    for option in OPTIONS:
        old, new = getattr(live.definition, option), getattr(followed, option)
        if old != new:
            yield f"{option.upper()} follows: {old} becomes {new}"
    yield from _sampled_conflicts(Rename.between(before, after, live.definition.storage), live)


def _sampled_conflicts(rename: Rename, live: LiveIndex) -> Iterator[str]:
    """Warn about sampled documents that have both names; not if an earlier rename moves the second one away."""
    storage = live.definition.storage
    if any(overlaps(field.path, rename.target, storage) for field in live.snapshot.definition.fields):
        return
    sampled, both_names = 0, KeyCounter()
    for batch in live.sample([rename.source, rename.target], SAMPLE_LIMIT):
        sampled += len(batch)
        both_names.add(
            key
            for key, old, new in zip(batch.keys, batch[rename.source], batch[rename.target], strict=True)
            if old is not None and new is not None
        )
    if both_names.count:
        yield (
            f"Of {sampled:,} sampled documents, both {rename.source!r} and {rename.target!r} exist in {both_names}: "
            "apply stops unless --on-conflict keep-old or --on-conflict keep-new is given"
        )


def _readers(definition: IndexDefinition, place: str, *, besides: str | None = None) -> Iterator[str]:
    """Name the fields and options of an index that read a place, or something in or around it.

    Args:
        definition: the definition of the index.
        place: a hash field's name, or a JSON path.
        besides: a field to ignore, together with the options that follow it.
    """
    storage = definition.storage
    own = definition.find(besides) if besides is not None else None
    for field in definition.fields:
        if field is not own and overlaps(field.path, place, storage):
            yield f"field {field.name!r}"
    yield from _options(definition, place, own)


def _options(definition: IndexDefinition, place: str, own: Field | None = None) -> Iterator[str]:
    """Name the options of an index that read a place; not those that follow a field."""
    storage = definition.storage
    for option in OPTIONS:
        value = getattr(definition, option)
        follows = own is not None and value is not None and overlaps(value, own.path, storage)
        if value is not None and not follows and overlaps(value, place, storage):
            yield f"{option.upper()} {value}"
    if own is None and storage is Storage.HASH and _filter_reads(definition.filter, place):
        yield f"FILTER {definition.filter}"


def _filter_reads(expression: str | None, name: str) -> bool:
    """Whether a FILTER expression reads a field."""
    return expression is not None and bool(re.search(rf"@{re.escape(name)}(?!\w)", expression.replace("\\", "")))
