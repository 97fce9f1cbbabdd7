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


def block_other_readers(field: Field, live: LiveIndex, *, vectors: str) -> Iterator[Claim]:
    """Yield a blocked claim for each other field of the index that reads the vectors of a field.

    Other indexes that read them concern the mode: not every mode overwrites them.

    Args:
        field: its vectors are rewritten.
        live: the index.
        vectors: what the field would get: ``shorter vectors``.
    """
    for other in live.definition.fields:
        if other.path == field.path and other.name != field.name:
            yield Claim.blocked(
                f"field {other.name!r} of this index reads {field.path!r} too: it would get {vectors}",
                workaround=f"remove field {other.name!r} in a separate migration first",
            )
