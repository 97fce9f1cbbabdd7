"""What the fork server of :mod:`~fieldfare.testing.commandline` does once, so that no command has to do it again.

A fork server can be asked for imports only: to import this module runs a command. It imports what a command line
needs, and fills the caches of the libraries that read it.
"""

from __future__ import annotations

import gc
import io
import os
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Final

from fieldfare.cli.app import run
from fieldfare.support.gc_freeze import frozen_gc

__all__: list[str] = []

with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    run(["--version"])
    run(["apply", "--help"])
    run(
        ["apply", "--plan", os.devnull, "--batch-size", "1"]
    )  # an empty plan: typer converts the values before it is read
# the memory stays shared with the processes that are forked: their collector leaves it alone, and frozen_gc, which is
# entered here for all of them, does not count its objects again in each
gc.collect()
FROZEN: Final = ExitStack()
FROZEN.enter_context(frozen_gc())
