"""Whether a field can have another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Storage
from fieldfare.definition.jsonpath import split_path
from fieldfare.plan import Claim
from fieldfare.renaming import EACH, OPTIONS
from fieldfare_rename.reader import filter_names, overlaps, readers
from fieldfare_rename.rename import Rename, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import RenameField
    from fieldfare.definition import Field
    from fieldfare.live import LiveIndex

__all__ = ["claim_rename", "fields_of"]

SAMPLE_LIMIT: Final = 1000
"""How many documents are looked at while a plan is made."""

SHOWN: Final = 3  # example keys in a line


def claim_rename(change: RenameField, live: LiveIndex) -> Claim | None:
    """Claim another name for a field, as supported or as blocked; None if there is no such field."""
    fields = fields_of(change, live)
    if fields is None:
        return None
    refusal = next(_refusals(*fields, live), None)
    if refusal is not None:
        return refusal
    before, after = fields
    if before.path == after.path:
        line = f"Documents keep the value of {before.name!r} at {before.path!r}: only queries use another name"
        return Claim.supported(warnings=[line])
    return Claim.supported(rewrites_documents=True, warnings=list(_warnings(change, before, after, live)))


def fields_of(change: RenameField, live: LiveIndex) -> tuple[Field, Field] | None:
    """Return a field before and after it is renamed; None if there is none of this name."""
    before, after = live.definition.find(change.old), live.after(change).definition.find(change.new)
    return None if before is None or after is None else (before, after)


def _refusals(before: Field, after: Field, live: LiveIndex) -> Iterator[Claim]:
    """Give what stands in the way, the most telling first."""
    if filter_names(live.definition.filter, before.name):
        yield Claim.blocked(
            f"FILTER {live.definition.filter} names {before.name!r}: once it is renamed, the filter lets no document "
            "through",
            workaround=f"give the index a filter that names {after.name!r}, in the same patch",
        )
    if before.path == after.path:
        return
    if live.definition.storage is Storage.JSON:
        yield from _indefinite(before, after)
    rename = Rename.between(before, after, live.definition.storage)
    yield from _entangled(rename, live)
    yield from _other_readers(rename, live)


def _indefinite(before: Field, after: Field) -> Iterator[Claim]:
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


def _entangled(rename: Rename, live: LiveIndex) -> Iterator[Claim]:
    """Give what this plan does besides, or the documents would have to do, that cannot happen at once."""
    storage = live.definition.storage
    if overlaps(rename.source, rename.target, storage):
        yield Claim.blocked(
            f"one of {rename.source} and {rename.target} holds the other", workaround="take a third name in between"
        )
    for field in live.snapshot.definition.fields:
        if (
            live.definition.find(field.name) is None
            and place_of(field.path, storage) != rename.target
            and overlaps(field.path, rename.target, storage)
        ):
            yield Claim.blocked(
                f"this plan takes field {field.name!r} away from {field.path}, which {rename.target} holds or lies in",
                workaround="do it in two plans",
            )


def _other_readers(rename: Rename, live: LiveIndex) -> Iterator[Claim]:
    for place, happens in ((rename.source, "would find nothing any more"), (rename.target, "would find these values")):
        for reader in readers(live.definition, place, besides=rename.old):
            yield Claim.blocked(
                f"{reader} of this index reads {place!r} too, and {happens}",
                workaround=f"take {reader} away, or give it another value, in a migration of its own first",
            )
        for neighbour in live.neighbours:
            for reader in readers(neighbour, place):
                yield Claim.blocked(
                    f"index {neighbour.name!r} covers some of the same keys, and its {reader} reads {place!r}: "
                    f"it {happens}",
                    workaround=f"drop {neighbour.name!r} before and create it anew afterwards, or copy the value to a "
                    "new field and move every index over to it",
                )


def _warnings(change: RenameField, before: Field, after: Field, live: LiveIndex) -> Iterator[str]:
    yield (
        f"Applications must write {after.path!r} instead of {before.path!r} from then on: "
        "the index does not see what is written under the old name"
    )
    followed = live.after(change).definition
    for option in OPTIONS:
        old, new = getattr(live.definition, option), getattr(followed, option)
        if old != new:
            yield f"{option.upper()} follows: {old} becomes {new}"
    yield from _sampled_conflicts(Rename.between(before, after, live.definition.storage), live)


def _sampled_conflicts(rename: Rename, live: LiveIndex) -> Iterator[str]:
    """Tell of sampled documents that have both names; not where an earlier rename makes room first."""
    storage = live.definition.storage
    if any(overlaps(field.path, rename.target, storage) for field in live.snapshot.definition.fields):
        return
    documents, both = 0, []
    for batch in live.sample([rename.source, rename.target], SAMPLE_LIMIT):
        documents += len(batch)
        both += [
            key
            for key, old, new in zip(batch.keys, batch[rename.source], batch[rename.target], strict=True)
            if old is not None and new is not None
        ]
    if both:
        keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in both[:SHOWN])
        yield (
            f"{len(both):,} of {documents:,} sampled documents have both {rename.source!r} and {rename.target!r} "
            f"({keys}): apply stops unless --on-conflict keep-old or --on-conflict keep-new is given"
        )
