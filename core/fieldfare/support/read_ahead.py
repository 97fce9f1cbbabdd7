"""Making the next item of an iteration in a thread while the caller works on the current one."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

__all__ = ["read_ahead"]

T = TypeVar("T")


def read_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """Yield items; a thread makes the next one meanwhile.

    Worth it where making an item waits for a server, or computes without Python's global lock (numpy, zlib).

    Args:
        items: made by one thread. One of them exists besides the one that the caller has.

    Raises:
        BaseException: what making an item raised, after the items before it.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="fieldfare-ahead") as pool:
        # one at a time, so that the iterator is never called by two threads
        upcoming = pool.submit(copy_context().run, _take, iterator)
        while taken := upcoming.result():
            upcoming = pool.submit(copy_context().run, _take, iterator)
            yield taken.pop()


def _take(iterator: Iterator[T]) -> list[T]:
    """Return the next item in a list; an empty one at the end."""
    return list(islice(iterator, 1))
