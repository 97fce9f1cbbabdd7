"""Logs: structlog on stderr, as lines for people or as JSON for machines."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Collection
from importlib.abc import Loader
from types import ModuleType
from typing import TYPE_CHECKING

from fieldfare.support.absent import absent
from fieldfare.support.late_import import on_import
from fieldfare.support.redaction import redact

if TYPE_CHECKING:
    from structlog.typing import Processor

__all__ = ["configure_logs"]


class StandardError:
    """A logger that writes to the current ``sys.stderr``, and never fails.

    Args:
        secrets: masked in the output.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets

    def msg(self, message: str) -> None:
        """Write a line."""
        with contextlib.suppress(OSError, ValueError):
            print(redact(message, self._secrets), file=sys.stderr, flush=True)  # noqa: T201 - this is where logs go

    log = debug = info = warning = error = critical = exception = msg


def configure_logs(log_format: str = "console", log_level: str = "warning", *, secrets: Collection[str] = ()) -> None:
    """Set up structlog for the process: at once, or when it is imported for the first event. Most commands log none.

    Args:
        log_format: ``console`` for lines, ``json`` for one JSON object a line.
        log_level: the least severe level that is shown: debug, info, warning, error.
        secrets: masked in the output.
    """

    def set_up() -> None:
        _configure(log_format, log_level, secrets)

    def load(module: ModuleType, loader: Loader) -> None:
        # structlog would import it for tracebacks that show local variables: half of the time that its import takes
        with absent("rich"):
            loader.exec_module(module)
        set_up()

    if "structlog" in sys.modules:
        set_up()
    else:
        on_import("structlog", load)


def _configure(log_format: str, log_level: str, secrets: Collection[str]) -> None:
    import structlog  # noqa: PLC0415 - start-up time

    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
        if log_format == "json"
        # other tracebacks would show local variables, and with them passwords
        else [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[log_level.upper()]),
        logger_factory=lambda *_: StandardError(secrets),
        cache_logger_on_first_use=False,
    )
