"""Doing some work in a thread while the caller does something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

__all__ = ["meanwhile"]

T = TypeVar("T")


@contextmanager
def meanwhile(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do some work while the body runs; worth it where one of them waits for the server, or for a disk.

    Yields:
        What waits for the work and returns its result, or raises what it raised. The context ends after the work.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="fieldfare-meanwhile") as pool:
        yield pool.submit(copy_context().run, work).result
