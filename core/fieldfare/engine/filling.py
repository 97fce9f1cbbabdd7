"""A target that the writes of the rewrite pass fill, in place of a scan when all of them are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define

__all__ = ["TargetFilling"]


@define
class TargetFilling:
    """What is known of a target that was created without a scan: each document that is written is indexed.

    Attributes:
        missing: keys of documents that it may lack, because nobody has written to them since it was created.
        most: how many these may be.
        give_up: called when they are more: then it is not worth while.
        is_given_up: whether it was called.
    """

    missing: set[bytes]
    most: int
    give_up: Callable[[], None]
    is_given_up: bool = False

    def leave_out(self, keys: Iterable[bytes]) -> None:
        """Record documents that the pass has not written."""
        if self.is_given_up:
            return
        self.missing.update(keys)
        if len(self.missing) > self.most:
            self.is_given_up = True
            self.give_up()
