"""Follows which keys below some prefixes are changed, on every node that has an index."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from redis.exceptions import RedisError

from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.server.connection import Server
from fieldfare.server.keys import nodes_with_index
from fieldfare.server.pipeline import encode

__all__ = ["ChangeFollower"]


class ChangeFollower:
    """The keys that anybody has changed, this program included; a context manager.

    It never fails: where the server cannot tell, or a connection broke, any key may have been changed, once and for
    all. A connection that breaks says nothing of the time in which it was broken.
    """

    def __init__(self, trackings: Sequence[ChangeTracking] | None, resources: ExitStack) -> None:
        self._trackings, self._resources = trackings, resources

    @classmethod
    def start(cls, server: Server, index: str, prefixes: Sequence[str]) -> Self:
        """Follow the keys below these prefixes.

        Args:
            server: all of it.
            index: in a cluster without a coordinator, only the nodes that have it are followed.
            prefixes: the prefixes of the index.
        """
        with ExitStack() as undo:
            try:
                trackings = [
                    undo.enter_context(ChangeTracking.start(node, [encode(prefix) for prefix in prefixes]))
                    for node in nodes_with_index(server, index)
                ]
            except RedisError:
                return cls(None, ExitStack())
            return cls(trackings, undo.pop_all())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; from now on any key may have been changed."""
        self._trackings = None
        self._resources.close()

    @property
    def is_reliable(self) -> bool:
        """Whether it can tell which keys are changed."""
        return self._trackings is not None

    def collect(self) -> None:
        """Take what the server has told so far, so that it need not keep it."""
        try:
            for tracking in self._trackings or ():
                tracking.collect()
        except (RedisError, OSError):
            self.close()

    def wait(self, seconds: float) -> set[bytes] | None:
        """Return keys that were changed, as soon as the server tells of some; none if it tells of none in this time.

        Returns:
            None if any key may have been changed.
        """
        if self._trackings is None:
            return None
        try:
            share = seconds / max(1, len(self._trackings))
            any(tracking.has_news(share) for tracking in self._trackings)
        except (RedisError, OSError):
            self.close()
            return None
        self.collect()
        return self._take()

    def _take(self) -> set[bytes] | None:
        """Return what was told so far, and forget it."""
        if self._trackings is None:
            return None
        found = [tracking.take_changed() for tracking in self._trackings]
        known = [keys for keys in found if keys is not None]
        return set().union(*known) if len(known) == len(found) else None

    def drain(self) -> set[bytes] | None:
        """Return every key that was changed since the last call and before this one; None if any may have been."""
        if self._trackings is None:
            return None
        try:
            for tracking in self._trackings:
                tracking.synchronize()
        except (RedisError, OSError):
            self.close()
        return self._take()
