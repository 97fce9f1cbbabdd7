"""One invocation of the program: what every command needs."""

from __future__ import annotations

import typer
from attrs import field, frozen

from fieldfare.hooks.manager import Plugins

__all__ = ["Session"]


@frozen
class Session:
    """The program's own options, and the plugins. Commands find it in ``context.obj``.

    Attributes:
        plugins: the loaded plugins.
        json: whether stdout gets one JSON document instead of text.
        log_format: ``console`` or ``json``.
        log_level: the least severe level that is logged.
        secrets: secrets to redact in logs.
    """

    plugins: Plugins
    json: bool = False
    log_format: str = "console"
    log_level: str = "warning"
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, context: typer.Context) -> Session:
        """Return the session of a command, with logging set up."""
        session = context.obj
        if not isinstance(session, cls):
            message = "this command runs outside the fieldfare program"
            raise TypeError(message)
        from fieldfare.support.logs import configure_logs  # noqa: PLC0415 - start-up time

        configure_logs(session.log_format, session.log_level, secrets=session.secrets)
        return session
