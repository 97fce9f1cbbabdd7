"""What the Redis user may not do: refusals that name the missing right, and keys to try commands on.

See https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/ .
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from redis.exceptions import NoPermissionError, ResponseError

from fieldfare.errors import PreconditionError
from fieldfare.server.pipeline import Command, encode
from fieldfare.server.routing import command_name, route

__all__ = ["TRIAL_KEY", "CommandNotAllowed", "name_refusal", "name_refusals", "optional", "trial_keys"]

T = TypeVar("T")

TRIAL_KEY: Final = b"fieldfare:rehearsal:"
"""A key that never exists, also behind a prefix: commands are tried on it."""

OWN_KEYS: Final = b"fieldfare:"

_COMMAND: Final = re.compile(r"run the '([^']+)' command")
_VERSION: Final = re.compile(r"__v[1-9][0-9]*$")
_GLOB: Final = re.compile(r"[*?\[\]\\]")


class CommandNotAllowed(PreconditionError, NoPermissionError):
    """The user may not run a command, or not on this key; or the server has no such command (``rename-command``).

    Attributes:
        command: the command.
        right: what ``ACL SETUSER`` grants it with: ``+ft.info``, ``~articles``; None if the server lacks the command.
    """

    def __init__(self, message: str, *, command: str, right: str | None) -> None:
        self.command = command
        self.right = right
        super().__init__(message)

    def or_else(self, other: CommandNotAllowed) -> CommandNotAllowed:
        """Return the refusal of something that can be done in two ways, of which the user may use neither."""
        message = f"{self}, and in its place {other.right or other.command}"
        return CommandNotAllowed(message, command=self.command, right=self.right)

    @property
    def reason(self) -> str:
        """What to say of something that cannot be known without the command."""
        return f"{self.command} is not allowed here" if self.right else f"this server has no {self.command}"


def name_refusals(commands: Sequence[Command], replies: list[Any]) -> list[Any]:
    """Return the replies; a refusal for lack of a right becomes one that names the right."""
    if not any(isinstance(reply, ResponseError) for reply in replies):
        return replies
    return [name_refusal(command, reply) for command, reply in zip(commands, replies, strict=True)]


def name_refusal(command: Command, reply: Any) -> Any:
    """Return a reply, or the :class:`CommandNotAllowed` that names what the user lacks."""
    if not isinstance(reply, ResponseError):
        return reply
    name = command_name(command[0]).decode("utf-8", "backslashreplace")
    said = str(reply)
    if said.lower().startswith("unknown command"):
        message = f"This server has no command {name}: it is disabled, or has another name"
        return CommandNotAllowed(message, command=name, right=None)
    if not (isinstance(reply, NoPermissionError) or "NOPERM" in said):  # EXEC answers EXECABORT, with the reason
        return reply
    denied = _COMMAND.search(said)
    if denied is not None:
        right = f"+{denied[1].lower()}"
        message = f"This Redis user may not run {denied[1].upper()}: the right {right} is missing"
        return CommandNotAllowed(message, command=name, right=right)
    key = route(command) or b""
    shown = key.decode("utf-8", "backslashreplace")
    if "index" in said:  # search 8 asks for the keys of the documents, too
        right = "~PREFIX*"
        message = f"This Redis user may not read all documents of {shown!r}: {right} is missing for one of its prefixes"
        return CommandNotAllowed(message, command=name, right=right)
    right = _pattern(key)
    message = f"This Redis user may not use {shown!r} with {name}: the right {right} is missing"
    return CommandNotAllowed(message, command=name, right=right)


def _pattern(key: bytes) -> str:
    """Return the key pattern that an ACL rule needs for a key; for a trial key, for its whole prefix.

    For a version of an index (``books__v2``) it is that of all versions: a rollback may need the next one.
    """
    if key.startswith(OWN_KEYS):
        return f"~{OWN_KEYS.decode()}*"
    prefix, trial, _ = key.partition(TRIAL_KEY)
    literal = _GLOB.sub(r"\\\g<0>", prefix.decode("utf-8", "backslashreplace"))
    return f"~{literal}*" if trial else f"~{_VERSION.sub('__v*', literal)}"


def trial_keys(prefixes: Sequence[str]) -> list[bytes]:
    """Return a key for each prefix that no document has, to try commands on."""
    return [encode(prefix) + TRIAL_KEY for prefix in dict.fromkeys(prefixes)]


def optional(work: Callable[[], T], otherwise: T) -> T:
    """Do some reading that can be done without; return ``otherwise`` if the user may not do it."""
    try:
        return work()
    except CommandNotAllowed:
        return otherwise
