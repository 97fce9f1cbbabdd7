"""A random sample of keys that depends neither on their order nor on chance."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SEED", "KeySample", "sample_keys"]

SEED: Final = 1
"""Seed of the samples that plugins get."""

SOME_KEYS: Final = 5000
"""How many keys are added to a sample at once."""

HIGHEST_RANK: Final = (1 << 32) - 1
"""The largest rank; a mask that is much faster than a remainder."""

SCATTER: Final = 0x9E3779B1
"""Makes ranks of checksums: those of similar keys are similar (https://en.wikipedia.org/wiki/Hash_function)."""


class KeySample:
    """Draws a sample while keys are listed. Memory grows with the sample, not with the number of keys.

    Args:
        count: the maximum size of the sample.
        seed: its seed.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed
        self._chosen: list[tuple[int, bytes]] = []
        self._last = HIGHEST_RANK + 1 if count else 0

    def add(self, keys: Sequence[bytes]) -> None:
        """Have some more keys take part; a key may come more than once."""
        seed, last = self._seed, self._last
        self._chosen += [(rank, key) for key in keys if (rank := crc32(key, seed) * SCATTER & HIGHEST_RANK) < last]
        if len(self._chosen) > 2 * self._count:  # sorted seldom, for it takes longer than the rest
            self._chosen = sorted(set(self._chosen))[: self._count]
            if len(self._chosen) == self._count:
                self._last = self._chosen[-1][0] + 1  # keys may share a rank

    def keys(self) -> list[bytes]:
        """Return the sample: a smaller one is the beginning of a larger one."""
        return [key for _, key in sorted(set(self._chosen))[: self._count]]


def sample_keys(keys: Iterable[bytes], count: int, seed: int) -> list[bytes]:
    """Return a random sample of keys. The sample and its order do not depend on the order of the keys.

    The order in which a server returns keys depends on when documents were written, or changes with a restart.

    Args:
        keys: in any order; a scan may yield a key twice.
        count: maximum size of the sample. Memory grows with it, not with the number of keys.
        seed: the seed of the sample.
    """
    sample = KeySample(count, seed)
    rest = iter(keys)
    while some := list(islice(rest, SOME_KEYS)):
        sample.add(some)
    return sample.keys()
