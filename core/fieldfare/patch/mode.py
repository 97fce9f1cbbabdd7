"""The modes that a user can ask for. Data only."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from fieldfare.errors import UsageError

__all__ = ["DEFAULT_MODE", "ModeName", "mode_name"]


class ModeName(StrEnum):
    """How an index is changed. Members stand in the order in which ``auto`` tries them."""

    AUTO = "auto"
    ALTER = "alter"
    SHADOW = "shadow"
    DROP_RECREATE = "drop_recreate"


DEFAULT_MODE: Final = ModeName.DROP_RECREATE


def mode_name(text: str) -> ModeName:
    """Return the mode of this name.

    Raises:
        UsageError: there is none.
    """
    if text not in set(ModeName):
        raise UsageError(f"mode={text!r}: it is {', '.join(ModeName)}. Nothing was changed.")
    return ModeName(text)
