"""What the fork server of :mod:`~fieldfare.testing.commandline` does once, so that no command has to do it again.

A fork server can be asked for imports only: to import this module runs a command. It imports what a command line
needs, and fills the caches of the libraries that read it.
"""

from __future__ import annotations

import gc
import io
from contextlib import redirect_stdout

from fieldfare.cli.app import run

__all__: list[str] = []

with redirect_stdout(io.StringIO()):
    run(["--version"])
    run(["apply", "--help"])
# the memory stays shared with the processes that are forked: their collector leaves it alone
gc.collect()
gc.freeze()
