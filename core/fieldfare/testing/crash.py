"""A plugin that kills its own process with SIGKILL at a chosen moment of a run.

``FIELDFARE_CRASH_AT=rewrite:progress:3`` kills at the third progress report of the activity ``rewrite``.
Activities and moments are those of :class:`fieldfare.report.StepReport`.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Final

from fieldfare.hooks.markers import hookimpl
from fieldfare.report import StepReport
from fieldfare.testing.installation import install_plugin

__all__ = ["VARIABLE", "install_crash_plugin"]

VARIABLE: Final = "FIELDFARE_CRASH_AT"
_COUNTS: Final[Counter[str]] = Counter()


@hookimpl
def fieldfare_step_report(report: StepReport) -> None:
    """Count the moments, and kill the process at the chosen one."""
    moment = f"{report.activity}:{report.moment}"
    _COUNTS[moment] += 1
    if os.environ.get(VARIABLE) == f"{moment}:{_COUNTS[moment]}":
        os.kill(os.getpid(), signal.SIGKILL)


def install_crash_plugin(directory: Path) -> Path:
    """Make this module an installed plugin for processes that have ``directory`` on their PYTHONPATH.

    Returns:
        The directory.
    """
    return install_plugin(directory, "crash", "fieldfare.testing.crash")
