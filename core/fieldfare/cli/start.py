"""The entry of the program. It imports the rest, so nothing of the command line is imported before it."""

from __future__ import annotations

import gc
from typing import Final, NoReturn

__all__ = ["main"]

YOUNG_OBJECTS: Final = 100_000
"""How many new objects Python's garbage collector lets pass before it looks at them.

The imports of a command make about as many, and all of them stay: to look at them took a twentieth of ``plan``.
"""


def main() -> NoReturn:
    """Run the program on ``sys.argv`` and end the process."""
    gc.set_threshold(YOUNG_OBJECTS)
    from fieldfare.cli.app import main as run_program  # noqa: PLC0415 - its imports are most of the new objects

    run_program()
