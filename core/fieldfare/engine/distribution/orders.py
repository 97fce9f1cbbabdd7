"""What a coordinator tells its workers while they work: to go on, how fast, or to stop.

The orders are a key in Redis, for every worker reaches that: ``fieldfare:work:<index>``. A worker whose key is gone, or
of another round, stops after its batch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from attrs import asdict, define, evolve, field, frozen
from redis.exceptions import RedisError

from fieldfare.engine.load.pace import TokenBucket
from fieldfare.engine.stop import StopRequested
from fieldfare.server import Server
from fieldfare.server.pipeline import encode

__all__ = ["FollowedOrders", "Orders", "give_orders", "withdraw_orders"]

KEY: Final = b"fieldfare:work:"

LOOK_SECONDS: Final = 0.25
"""How often a worker looks at its orders."""

DAY_MILLISECONDS: Final = 24 * 3600 * 1000
"""After which the orders of a coordinator that was killed vanish."""


@frozen
class Orders:
    """How a worker is to work.

    Attributes:
        holder: as in :class:`~fieldfare.engine.distribution.task.RunReference`.
        round: likewise.
        max_rate: documents per second of one worker; None for no limit.
        delay: seconds to wait after each batch.
        paused: whether to wait.
    """

    holder: str
    round: int
    max_rate: float | None = None
    delay: float = 0.0
    paused: bool = False


def give_orders(server: Server, index: str, orders: Orders) -> None:
    """Tell the workers of an index how to work.

    Raises:
        redis.exceptions.RedisError: the server does not answer.
    """
    server.command("SET", KEY + encode(index), json.dumps(asdict(orders)), "PX", DAY_MILLISECONDS)


def withdraw_orders(server: Server, index: str) -> None:
    """Tell the workers of an index to stop; a server that does not answer tells them as much."""
    with suppress(RedisError):
        server.command("SET", KEY + encode(index), b"", "PX", 1)


@define
class FollowedOrders:
    """The orders as a worker follows them.

    Attributes:
        server: where they are.
        index: of the run.
        expected: the holder and the round whose orders they must be.
        check: called after each part of a wait; raises if the worker is to stop for another reason.
        throttled: seconds for which it had to wait.
    """

    server: Server
    index: str
    expected: Orders
    check: Callable[[], None]
    throttled: float = 0.0
    _current: Orders = field(init=False)
    _looked_at: float = field(init=False, default=0.0)
    _bucket: TokenBucket = field(init=False, factory=TokenBucket)

    def __attrs_post_init__(self) -> None:
        """Start without limits; the first look comes before the first batch."""
        self._current = self.expected

    def look(self) -> None:
        """Look at the orders, a few times per second.

        Raises:
            StopRequested: to stop.
            redis.exceptions.RedisError: the server does not answer.
        """
        now = time.monotonic()
        if self._looked_at and now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._current = _parse(self.server.command("GET", KEY + encode(self.index)), self.expected)

    def wait(self, documents: int) -> None:
        """Wait until the next batch may go.

        Args:
            documents: how many the last one had.

        Raises:
            StopRequested: to stop.
        """
        began = time.monotonic()
        self._fill(began)
        self._bucket = self._bucket.take(documents)
        has_waited, resumes_at = False, began + self._current.delay
        while True:
            self.look()
            now = time.monotonic()
            self._fill(now)
            seconds = LOOK_SECONDS if self._current.paused else max(self._debt(), resumes_at - now)
            if seconds <= 0:
                break
            has_waited = True
            time.sleep(min(seconds, LOOK_SECONDS))
            self.check()
        if has_waited:
            self.throttled += time.monotonic() - began

    def _fill(self, now: float) -> None:
        rate = self._current.max_rate
        self._bucket = self._bucket.fill(rate, now) if rate else TokenBucket(filled_at=now)

    def _debt(self) -> float:
        return self._bucket.wait(self._current.max_rate) if self._current.max_rate else 0.0


def _parse(answer: Any, expected: Orders) -> Orders:
    try:
        orders = Orders(**json.loads(answer))
    except (TypeError, ValueError) as error:
        raise StopRequested from error
    if evolve(expected, max_rate=orders.max_rate, delay=orders.delay, paused=orders.paused) != orders:
        raise StopRequested
    return orders
