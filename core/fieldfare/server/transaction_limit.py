"""How many documents share a transaction, where the server indexes each one that is written.

A transaction keeps the server from everything else. Indexing takes between 20 microseconds and some milliseconds for
each document, depending on its text, so the limit follows from what the transactions before have taken.
"""

from __future__ import annotations

from math import inf
from typing import Final

from attrs import define

__all__ = ["TransactionLimit"]

GOAL_SECONDS: Final = 0.008
"""How long a transaction should take."""

FIRST: Final = 8
"""How many documents the first transactions have."""

GROWTH: Final = 2
"""How many times as many documents a transaction may have as the one before."""

MOST_ALONG: Final = 1.5
"""How many times as many documents a transaction has at most, so that none is left for a small one of its own."""


@define
class TransactionLimit:
    """The limit; it changes with each transaction.

    Attributes:
        documents: how many documents the next transaction should have.
        transactions: how many there were.
        fastest: the least time that one of them has taken, in seconds for each document; what disturbs the others does
            not count.
    """

    documents: int = FIRST
    transactions: int = 0
    fastest: float = inf

    def next_documents(self, left: int) -> int:
        """Return how many documents of those left in a batch the next transaction has: a small rest is taken along."""
        return left if left <= self.documents * MOST_ALONG else self.documents

    def learn(self, documents: int, seconds: float) -> None:
        """Take into account how long a transaction has taken.

        Args:
            documents: how many it had.
            seconds: from its first command to its reply.
        """
        if documents:
            self.transactions += 1
            self.fastest = min(self.fastest, seconds / documents)
            fitting = int(GOAL_SECONDS * documents / max(seconds, 1e-6))
            self.documents = max(1, min(fitting, GROWTH * self.documents))
