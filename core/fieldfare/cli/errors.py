"""The message and the exit code of every exception."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Collection
from typing import Any, Final

import typer
from attrs import field, frozen

from fieldfare.cli.layout import width_of
from fieldfare.cli.output import notice, show_json
from fieldfare.errors import FieldfareError, OutputLost
from fieldfare.errors.base import single_full_stops
from fieldfare.support.error_text import describe_exception
from fieldfare.support.redaction import redact
from fieldfare.support.text_layout import command_lines, text_width

__all__ = ["Failure", "describe", "report_error", "with_command_lines"]

INTERNAL: Final = 70
INTERRUPTED: Final = 130
USAGE: Final = 2
REPORT_TO: Final = "https://github.com/fieldfare/fieldfare/issues"
PREFIX: Final = "Value error, "
"""What a library puts before the message of a value that is none of the choices."""
COMMAND: Final = re.compile(r"( +)(To [a-z ]+: *) (fieldfare .*)")
"""A line of a message that names a command."""
SPLIT_URL: Final = re.compile(r"[^\s'\"(]+@")
"""The end of a URL with a blank in its password, as a usage error quotes it."""


@frozen(hash=False)
class Failure:
    """An error as the user sees it.

    Attributes:
        type: the error's class, or ``InternalError``.
        message: what happened, and what to do.
        exit_code: the exit code of the program.
        fields: the same facts, for machines.
    """

    type: str
    message: str
    exit_code: int
    fields: dict[str, Any] = field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self.fields, "type": self.type, "message": self.message, "exit_code": self.exit_code}


def describe(error: BaseException, secrets: Collection[str] = ()) -> Failure:
    """Describe an exception to the user, without these secrets and those of any URL."""
    if isinstance(error, FieldfareError):
        facts = {key: _fact(value, secrets) for key, value in vars(error).items() if not key.startswith("_")}
        return Failure(type(error).__name__, redact(_message(error), secrets), error.exit_code, facts)
    if isinstance(error, typer.TyperException):
        shown = error.format_message().replace(PREFIX, "")
        message = SPLIT_URL.sub("***@", redact(shown, secrets))
        return Failure("UsageError", message, error.exit_code)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        message = "Interrupted. If a migration was running, the same command resumes it."
        return Failure("Interrupted", message, INTERRUPTED)
    if isinstance(error, BaseExceptionGroup):
        return _several(error, secrets)
    client = sys.modules.get("redis.exceptions")  # if it is not loaded, it was not raised
    if client is not None and isinstance(error, client.RedisError):
        message = f"Redis refused, or gave no answer: {error}. 'fieldfare status' shows the state of a migration."
        return Failure(type(error).__name__, redact(single_full_stops(message), secrets), FieldfareError.exit_code)
    message = (
        f"Internal error: {describe_exception(error)}\n"
        "If a migration was running, 'fieldfare status' shows its state. This is a defect in fieldfare or in a "
        f"plugin: please report it at {REPORT_TO}, with the output of '--traceback'."
    )
    return Failure(
        "InternalError", redact(single_full_stops(message), secrets), INTERNAL, {"error": type(error).__name__}
    )


def report_error(error: BaseException, *, as_json: bool, with_traceback: bool, secrets: Collection[str] = ()) -> int:
    """Show an error to the user and return the exit code.

    Args:
        error: what ended the program.
        as_json: whether stdout gets the error as JSON.
        with_traceback: whether stderr gets the traceback, too: without local variables.
        secrets: secrets to redact.
    """
    failure = describe(error, secrets)
    if with_traceback:
        notice(redact("".join(traceback.format_exception(error)).rstrip(), secrets))
    stdout_lost = isinstance(error, OutputLost) or isinstance(error.__cause__, OutputLost)
    if as_json and not stdout_lost:
        show_json({"error": failure.to_dict()})
        return failure.exit_code
    notice(with_command_lines(f"Error: {failure.message}", width_of(sys.stderr)))
    if isinstance(error, typer.TyperException) and failure.exit_code == USAGE:
        command = getattr(getattr(error, "ctx", None), "command_path", "fieldfare")
        notice(f"Try '{command} --help'.")
    return failure.exit_code


def with_command_lines(message: str, width: int | None) -> str:
    r"""Return a message whose lines such as ``  To resume: COMMAND`` end with ``\\`` if the next one continues them."""
    return "\n".join(_command_line(line, width) for line in message.split("\n"))


def _command_line(line: str, width: int | None) -> str:
    found = COMMAND.fullmatch(line)
    if found is None or width is None or text_width(line) <= width:
        return line
    return "\n".join(f"{found[1]}{each}" for each in command_lines(found[2], found[3], width - len(found[1])))


def _message(error: FieldfareError) -> str:
    """Return the message; a refusal that is not the reason of another error has stopped a command at its start."""
    refusal = sys.modules.get("fieldfare.server.refusal")  # if it is not loaded, it was not raised
    if refusal is None or not isinstance(error, refusal.CommandNotAllowed):
        return str(error)
    advice = f" 'ACL SETUSER NAME {error.right}' grants it" if error.right else " Ask who runs the server"
    return f"{error}. Nothing was changed.{advice}; the page 'Which rights does it need?' has a rule for each command."


def _fact(value: Any, secrets: Collection[str]) -> Any:
    """Return a fact of an error as a JSON value."""
    from fieldfare.report import MigrationReport  # noqa: PLC0415 - start-up time

    match value:
        case MigrationReport():
            from fieldfare.report.file import report_to_dict  # noqa: PLC0415 - start-up time

            return _fact(report_to_dict(value), secrets)
        case str():
            return redact(value, secrets)
        case list() | tuple():
            return [_fact(each, secrets) for each in value]
        case dict():
            return {key: _fact(each, secrets) for key, each in value.items()}
        case _:
            return value


def _several(group: BaseExceptionGroup[BaseException], secrets: Collection[str]) -> Failure:
    """Describe the errors of a group together; the worst one gives the exit code."""
    failures = [describe(error, secrets) for error in group.exceptions]
    return Failure(
        "ExceptionGroup",
        redact("\n".join([group.message, *(failure.message for failure in failures)]), secrets),
        max(failure.exit_code for failure in failures),
        {"errors": [failure.to_dict() for failure in failures]},
    )
