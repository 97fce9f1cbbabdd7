"""What a patch says about a truncation: the key ``truncation`` of an entry of ``update_fields``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.wish import wish_for

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["problem", "read_wish", "renormalizes"]

RENORMALIZE: Final = "renormalize"


def problem(name: str, wish: Mapping[str, Any]) -> str | None:
    """Return what is wrong about a wish; None if nothing is."""
    unknown = sorted(set(wish) - {RENORMALIZE})
    if unknown:
        return f"truncation of {name!r} knows {RENORMALIZE}, not {', '.join(unknown)}"
    if not isinstance(wish.get(RENORMALIZE, True), bool):
        return f"truncation of {name!r}: {RENORMALIZE} takes true or false, not {wish[RENORMALIZE]!r}"
    return None


def renormalizes(wish: Mapping[str, Any], datatype: str) -> bool:
    """Return whether vectors keep their length; if the user does not say, floats do, and integers are only cut."""
    return bool(wish.get(RENORMALIZE, datatype not in INTEGERS))


def read_wish(patch: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what a patch says about the truncation of a field, by its name before or after the patch."""
    return wish_for(patch, name, "truncation")
