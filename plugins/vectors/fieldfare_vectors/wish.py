"""What a patch says about one field besides its attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["wish_for"]


def wish_for(patch: Mapping[str, Any], name: str, key: str) -> Mapping[str, Any]:
    """Return what stands under a key of the entries of ``update_fields`` that are about a field.

    Args:
        patch: the request, as plain values.
        name: the field's name as it is now; the patch may use the one that it will have.
        key: ``quantization``, ``truncation``.
    """
    new_names = [each["new_name"] for each in patch.get("rename_fields") or () if each["old_name"] == name]
    found: dict[str, Any] = {}
    for update in patch.get("update_fields") or ():
        if update["name"] in {name, *new_names}:
            found |= update.get(key) or {}
    return found
