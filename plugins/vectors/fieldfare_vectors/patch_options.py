"""What a patch says about one field besides its attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_field_options"]


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
