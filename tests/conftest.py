"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, settings

# several tests run at a time; each of the threads of a matrix product would wait for a core, and keep it busy meanwhile
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - pytest makes a directory of its own there
LEAST_MEMORY: Final = 1 << 30
# runs sync whatever they write, and no test needs a disk for that: what a power loss leaves is simulated
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= LEAST_MEMORY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# a shell starts programs in the background with Ctrl-C ignored, and they would start commands so that tests interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["fieldfare.testing.fixtures"]

# how long an example takes depends on what else the machine does; fixtures serve all examples of a test
settings.register_profile(
    "fieldfare", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("fieldfare")
