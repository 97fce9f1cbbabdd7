"""Running scripts over many batches of documents, for users who may not run scripts, too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from fieldfare.server.connection import Server
from fieldfare.server.nodes import HeldLock
from fieldfare.server.pipeline import Command, checked
from fieldfare.server.script import ScriptCall, evalsha_command, resend_unknown_scripts
from fieldfare.server.transaction import forbids_scripts

__all__ = ["stream_scripts"]

Label = TypeVar("Label")
Part = TypeVar("Part")
Outcome = TypeVar("Outcome")


def stream_scripts(
    server: Server,
    batches: Iterable[tuple[Label, Sequence[tuple[Part, ScriptCall]]]],
    read: Callable[[Part, ScriptCall, Any], Outcome],
    without_script: Callable[[Part, ScriptCall], Outcome],
    lock: HeldLock | None,
) -> Iterator[tuple[Label, list[Outcome]]]:
    """Run the calls of batch after batch. The server works on one batch while the caller makes the next one.

    Args:
        server: where the documents are.
        batches: each a label, and its calls, each with what it is about.
        read: returns what the reply to a call says.
        without_script: does what a call does, where the server forbids scripts.
        lock: that of :meth:`Server.bulk_stream`.

    Yields:
        The label of a batch, and the outcome of each of its calls.

    Raises:
        redis.exceptions.ResponseError: the first error that a call answered; other calls may have been carried out.
        redis.exceptions.ConnectionError: the server did not answer; calls may have been carried out.
    """
    in_flight: deque[tuple[Label, Sequence[tuple[Part, ScriptCall]]]] = deque()

    def commands() -> Iterator[list[Command]]:
        for batch in batches:
            in_flight.append(batch)
            yield [evalsha_command(call) for _, call in batch[1]]

    for replies in server.bulk_stream(commands(), lock):
        label, calls = in_flight.popleft()
        answers = resend_unknown_scripts(server, [call for _, call in calls], replies)
        yield (
            label,
            [
                without_script(part, call) if forbids_scripts(reply) else read(part, call, checked(reply))
                for (part, call), reply in zip(calls, answers, strict=True)
            ],
        )
        del label, calls
