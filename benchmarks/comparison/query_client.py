"""A client that queries indexes all the time: for how long each did not find all documents, and how long answers took.

An outage lasts from the first answer that is an error or incomplete to the first complete one. Between two rounds the
client pauses nine times as long as its queries took, so that it takes no more than a tenth of the server.
"""

from __future__ import annotations

import json
import math
import select
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, field
from redis.exceptions import ResponseError

from fieldfare.server import Server, connect
from fieldfare.server.search import count_results

PAUSE_SECONDS: Final = 0.005
PAUSE_FACTOR: Final = 9
RECOVERY_SECONDS: Final = 2.0
"""How long an index that does not find all documents is waited for at the end."""


@define
class Outage:
    """The time that one index did not find all documents.

    Attributes:
        seconds: the seconds of all outages that have ended.
        since: when the current one began.
    """

    seconds: float = 0.0
    since: float | None = None

    def note(self, now: float, *, complete: bool) -> None:
        """Take an answer into account."""
        if not complete and self.since is None:
            self.since = now
        elif complete and self.since is not None:
            self.seconds += now - self.since
            self.since = None


@define
class QueryClient:
    """Queries indexes in turn.

    Attributes:
        ask: returns how many documents an index finds.
        counts: name of an index → how many documents it should find.
        outages: name of an index → its outage.
        answer_seconds: the seconds of each query that found all documents.
    """

    ask: Callable[[str], int]
    counts: Mapping[str, int]
    outages: dict[str, Outage] = field(factory=dict)
    answer_seconds: list[float] = field(factory=list)

    def query(self) -> float:
        """Query every index once, and return the seconds to pause."""
        started = time.perf_counter()
        for name, count in self.counts.items():
            asked = time.perf_counter()
            complete = self.ask(name) == count
            answered = time.perf_counter()
            self.outages.setdefault(name, Outage()).note(answered, complete=complete)
            if complete:
                self.answer_seconds.append(answered - asked)
        return max(PAUSE_SECONDS, (time.perf_counter() - started) * PAUSE_FACTOR)

    @property
    def recovered(self) -> bool:
        """Whether every index finds all documents."""
        return all(outage.since is None for outage in self.outages.values())

    def p99_ms(self) -> float | None:
        """Return the milliseconds within which 99 of 100 complete answers came; None without one."""
        times = sorted(self.answer_seconds)
        return times[math.ceil(0.99 * len(times)) - 1] * 1000 if times else None

    def total(self) -> float | None:
        """Return the seconds of all outages together; None if one has not ended."""
        return sum(outage.seconds for outage in self.outages.values()) if self.recovered else None


def count_documents(server: Server, name: str) -> int:
    """Return how many documents an index finds; 0 if it does not answer."""
    try:
        return count_results(server, name, "*")
    except ResponseError:
        return 0


def main() -> None:
    """Query until the standard input ends."""
    with connect(sys.argv[1]) as server:
        client = QueryClient(lambda name: count_documents(server, name), json.loads(sys.argv[2]))
        pause = client.query()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], pause)[0]:
            pause = client.query()
        deadline = time.monotonic() + RECOVERY_SECONDS
        p99_ms = client.p99_ms()
        client.query()
        while not client.recovered and time.monotonic() < deadline:
            time.sleep(client.query())
    sys.stdout.write(json.dumps({"outage_seconds": client.total(), "query_p99_ms": p99_ms}))


if __name__ == "__main__":
    main()
