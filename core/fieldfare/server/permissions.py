"""What the Redis user may do: found out with commands that change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command
from fieldfare.server.refusal import CommandNotAllowed

__all__ = ["require_allowed"]


def require_allowed(server: Server, commands: Sequence[Command]) -> list[Any]:
    """Send commands, and return their replies; other errors are among them.

    If they change nothing, or are bound to fail, this tells whether the user may run them: Redis looks at the rights
    before it looks at the arguments.

    Raises:
        CommandNotAllowed: the user may not run one of them.
    """
    replies = server.bulk(commands) if commands else []
    for reply in replies:
        if isinstance(reply, CommandNotAllowed):
            raise reply
    return replies
