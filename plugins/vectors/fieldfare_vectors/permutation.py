"""The order in which vectors are drawn as queries: that of numpy's default generator with the seed 7.

``numpy.random`` is not imported for it: that takes 10 ms, a thirtieth of a plan. And numpy may change the streams of
its generators (https://numpy.org/neps/nep-0019-rng-policy.html), while the same index must always give the same plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SEED", "permute"]

SEED: Final = 7
"""Written into every plan."""

STATE: Final = 0x9D0AECC4E7B188919AE2415A6B292038
INCREMENT: Final = 0xC4751896CE8ACEBF66887F5AC070D959
"""What ``numpy.random.PCG64(SEED)`` starts with."""

MULTIPLIER: Final = 0x2360ED051FC65DA44385DF649FCCF645
"""That of PCG XSL RR 128/64 (https://www.pcg-random.org, https://numpy.org/doc/stable/reference/random/bit_generators/pcg64.html)."""

BITS_128: Final = (1 << 128) - 1
BITS_64: Final = (1 << 64) - 1
BITS_32: Final = (1 << 32) - 1


def permute(count: int) -> list[int]:
    """Return the numbers below ``count`` as ``numpy.random.default_rng(SEED).permutation(count)`` orders them."""
    order, words = list(range(count)), _words()
    for place in range(count - 1, 0, -1):
        mask = (1 << place.bit_length()) - 1
        other = next(words) & mask
        while other > place:
            other = next(words) & mask
        order[place], order[other] = order[other], order[place]
    return order


def _words() -> Iterator[int]:
    """Yield random numbers of 32 bits, the lower half of each number of 64 bits first."""
    state = STATE
    while True:
        state = (state * MULTIPLIER + INCREMENT) & BITS_128
        mixed, turn = (state >> 64) ^ (state & BITS_64), state >> 122
        word = (mixed >> turn | mixed << (64 - turn)) & BITS_64
        yield word & BITS_32
        yield word >> 32
