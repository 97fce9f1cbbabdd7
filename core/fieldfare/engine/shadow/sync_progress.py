"""How far a synchronization is behind what applications write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

__all__ = ["SyncProgress"]


@define
class SyncProgress:
    """How far a synchronization is; one thread changes it, and any other may read it.

    Attributes:
        index: its real name.
        is_following: whether the server tells which keys are changed. If not, documents are compared over and over.
        passes: how often all documents were compared.
        lag_keys: keys that were changed, and are not looked at yet.
        converted: documents that were converted.
        left_alone: documents with a new form that an application wrote.
    """

    index: str = ""
    is_following: bool = False
    passes: int = 0
    lag_keys: int = 0
    converted: int = 0
    left_alone: int = 0
    _behind_since: float | None = field(init=False, default=None)

    @property
    def lag_seconds(self) -> float:
        """Seconds since the server has told of the keys that are not looked at yet; 0 if there are none."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    @contextmanager
    def catching_up(self, keys: int) -> Iterator[None]:
        """Count keys that are looked at during the body."""
        self._behind_since, self.lag_keys = time.monotonic(), keys
        try:
            yield
        finally:  # after a failure all documents are compared
            self._behind_since, self.lag_keys = None, 0
