"""What a patch says about a truncation: the key ``truncation`` of an entry of ``update_fields``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.patch_options import read_field_options

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_problem", "read_truncation", "renormalizes"]

RENORMALIZE: Final = "renormalize"


def find_problem(name: str, truncation: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the values below ``truncation``; None if nothing is."""
    unknown = sorted(set(truncation) - {RENORMALIZE})
    if unknown:
        return f"truncation of {name!r} knows {RENORMALIZE}, not {', '.join(unknown)}"
    if not isinstance(truncation.get(RENORMALIZE, True), bool):
        return f"truncation of {name!r}: {RENORMALIZE} takes true or false, not {truncation[RENORMALIZE]!r}"
    return None


def renormalizes(truncation: Mapping[str, Any], datatype: str) -> bool:
    """Return whether vectors keep their length. By default floats do, and integers do not."""
    return bool(truncation.get(RENORMALIZE, datatype not in INTEGERS))


def read_truncation(patch: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what a patch says about the truncation of a field, by its name before or after the patch."""
    return read_field_options(patch, name, "truncation")
