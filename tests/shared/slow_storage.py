"""A storage that is slow where a test wants it to be: ``slow://``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

__all__ = ["SlowFileSystem"]


class SlowFileSystem(MemoryFileSystem):  # type: ignore[misc]  # fsspec leaves it untyped
    """Objects in memory.

    Attributes:
        before_write: called with the path of each object before it is written, which takes as long as the call.
    """

    protocol = "slow"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    before_write: ClassVar[Callable[[str], object]] = lambda _: None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("slow://", "memory://")))

    def pipe_file(self, path: str, value: bytes, *arguments: Any, **options: Any) -> None:
        """Write an object."""
        type(self).before_write(path)
        super().pipe_file(path, value, *arguments, **options)


fsspec.register_implementation("slow", SlowFileSystem, clobber=True)
