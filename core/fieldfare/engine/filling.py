"""A target that the writes of the rewrite pass fill, in place of a scan when all of them are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from attrs import Factory, define

from fieldfare.server.transaction_limit import TransactionLimit

__all__ = ["TargetFilling"]

LEAST_MISSING: Final = 1000
PART_MISSING: Final = 50
"""How many documents may be left out: so many, or one of so many that the pass has gone through."""

SLOW_SECONDS: Final = 0.00015
"""A document that takes so long to be indexed has much text: a scan takes hardly longer, and lets other clients in."""

LEAST_TRANSACTIONS: Final = 10
"""After how many transactions this is judged."""


@define
class TargetFilling:
    """What is known of a target that was created without a scan: each document that is written is indexed.

    Attributes:
        give_up: called when too many documents are left out, or each takes long: then it is not worth while.
        missing: keys of documents that it may lack, because nobody has written to them since it was created.
        documents: how many documents the pass has gone through.
        is_given_up: whether it was given up.
        limit: how many documents share a transaction, now that it indexes them.
    """

    give_up: Callable[[], None]
    missing: set[bytes] = Factory(set)
    documents: int = 0
    is_given_up: bool = False
    limit: TransactionLimit = Factory(TransactionLimit)

    def leave_out(self, keys: Iterable[bytes], *, of: int = 0) -> None:
        """Record documents that the pass has not written.

        Args:
            keys: theirs.
            of: how many documents it has gone through.
        """
        if self.is_given_up:
            return
        self.missing.update(keys)
        self.documents += of
        if len(self.missing) > max(LEAST_MISSING, self.documents // PART_MISSING) or self._is_slow:
            self.stop()

    @property
    def _is_slow(self) -> bool:
        return self.limit.transactions >= LEAST_TRANSACTIONS and self.limit.fastest > SLOW_SECONDS

    def stop(self) -> None:
        """Give it up."""
        self.is_given_up = True
        self.missing.clear()
        self.give_up()
