"""How much is tried: a sample in ``make test``, all of it in ``make torture``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import cycle, product
from typing import Final, TypeVar

__all__ = ["TORTURE", "pairs"]

TORTURE: Final = "TORTURE" in os.environ

Moment = TypeVar("Moment")
Way = TypeVar("Way")


def pairs(moments: Sequence[Moment], ways: Sequence[Way]) -> list[tuple[Moment, Way]]:
    """Return moments of a kill with ways to continue: one way for each, and in ``make torture`` all of them."""
    return list(product(moments, ways) if TORTURE else zip(moments, cycle(ways), strict=False))
