"""The single requests of a patch, each of which can be removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import evolve, frozen

from fieldfare.patch import FieldUpdate, SchemaPatch

__all__ = ["Request", "requests_of"]


@frozen(hash=False)
class Request:
    """One request of a patch.

    Attributes:
        text: the request in one line.
        rest: the patch without the request.
    """

    text: str
    rest: SchemaPatch


def requests_of(patch: SchemaPatch) -> tuple[Request, ...]:
    """Return the requests of a patch, in the order of its file."""
    return tuple(_requests(patch))


def _requests(patch: SchemaPatch) -> Iterator[Request]:
    for number, new in enumerate(patch.add_fields):
        yield Request(f"add {new.type} field {new.name!r}", _without(patch, "add_fields", number))
    for number, name in enumerate(patch.remove_fields):
        yield Request(f"remove field {name!r}", _without(patch, "remove_fields", number))
    for number, update in enumerate(patch.update_fields):
        for text, rest in _parts(update):
            yield Request(text, _without(patch, "update_fields", number, rest))
    for number, rename in enumerate(patch.rename_fields):
        logical = " (logical)" if rename.logical else ""
        yield Request(
            f"rename field {rename.old_name!r} to {rename.new_name!r}{logical}",
            _without(patch, "rename_fields", number),
        )
    yield from _index_requests(patch)
    for number, custom in enumerate(patch.custom):
        yield Request(f"custom: {custom.kind}", _without(patch, "custom", number))


def _parts(update: FieldUpdate) -> Iterator[tuple[str, FieldUpdate]]:
    where = f"update field {update.name!r}"
    for key, value in update.attrs.items():
        attrs = {other: item for other, item in update.attrs.items() if other != key}
        yield f"{where}: {key} {_text(value)}", evolve(update, attrs=attrs)
    if update.type is not None:
        yield f"{where}: type {update.type}", evolve(update, type=None)
    if update.path is not None:
        yield f"{where}: path {update.path}", evolve(update, path=None)


def _index_requests(patch: SchemaPatch) -> Iterator[Request]:
    index = patch.index
    for key in ("name", "prefix", "storage_type"):
        value = getattr(index, key)
        if value is not None:
            nothing: dict[str, Any] = {key: None}
            yield Request(f"index: {key} {value!s}", evolve(patch, index=evolve(index, **nothing)))
    for old, new in index.prefixes.items():
        prefixes = {each: item for each, item in index.prefixes.items() if each != old}
        yield Request(f"index: prefix {old!r} to {new!r}", evolve(patch, index=evolve(index, prefixes=prefixes)))
    for key, value in index.settings.items():
        settings = {each: item for each, item in index.settings.items() if each != key}
        yield Request(f"index: {key} {_text(value)}", evolve(patch, index=evolve(index, settings=settings)))


def _without(patch: SchemaPatch, section: str, number: int, rest: FieldUpdate | None = None) -> SchemaPatch:
    items: Sequence[Any] = getattr(patch, section)
    replacement = [] if rest is None or rest == FieldUpdate(rest.name) else [rest]
    remaining: dict[str, Any] = {section: (*items[:number], *replacement, *items[number + 1 :])}
    return evolve(patch, **remaining)


def _text(value: object) -> str:
    return "removed" if value is None else str(value)
