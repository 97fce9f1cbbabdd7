"""Commands of this program, quoted for a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from fieldfare.support.redaction import redact_url

if TYPE_CHECKING:
    from fieldfare.storage import BackupPath

__all__ = ["command_line"]


def command_line(command: str, **options: BackupPath | str | None) -> str:
    """Return a command; options that are None are left out.

    Never pass a connection URL: it may hold a password. Those of a storage and of an executor are written without it.
    """
    words = ["fieldfare", command]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", redact_url(str(value)) if name == "executor" else str(value)]
    return shlex.join(words)
