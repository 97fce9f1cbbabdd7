"""What the claims on changes of a vector field have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fieldfare.plan import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fieldfare.definition import Field
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["block_other_readers", "read_field_options"]


def read_field_options(patch: Mapping[str, Any], name: str, key: str) -> Mapping[str, Any]:
    """Return the values below a key, from all entries of ``update_fields`` that are about a field.

    Args:
        patch: the request, as plain values.
        name: the field's name before the migration; the patch may use the name after it.
        key: ``quantization``, ``truncation``.
    """
    new_names = [each["new_name"] for each in patch.get("rename_fields") or () if each["old_name"] == name]
    found: dict[str, Any] = {}
    for update in patch.get("update_fields") or ():
        if update["name"] in {name, *new_names}:
            found |= update.get(key) or {}
    return found


def block_other_readers(field: Field, live: LiveIndex, *, harm: str, vectors: str, kind: str) -> Iterator[Claim]:
    """Yield a blocked claim for each other index and field that reads the vectors of a field.

    Args:
        field: its vectors are rewritten.
        live: the index.
        harm: what an index that reads the rewritten vectors would do.
        vectors: what the field would get: ``shorter vectors``.
        kind: of the rewritten vectors: ``shorter``.
    """
    for index in live.overlapping_indexes:
        if any(each.path == field.path for each in index.fields):
            yield Claim.blocked(
                f"index {index.name!r} covers some of the same keys and reads {field.path!r} too: {harm}",
                workaround=f"write the {kind} vectors to a new field, and move every index over to it",
            )
    for other in live.definition.fields:
        if other.path == field.path and other.name != field.name:
            yield Claim.blocked(
                f"field {other.name!r} of this index reads {field.path!r} too: it would get {vectors}",
                workaround=f"remove field {other.name!r} in a migration of its own first",
            )
