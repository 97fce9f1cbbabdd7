"""What runs in a worker's process: see ``docs/many-machines.md``."""

from fieldfare.engine.worker.greeting import describe_worker
from fieldfare.engine.worker.task_run import run_task

__all__ = ["describe_worker", "run_task"]
