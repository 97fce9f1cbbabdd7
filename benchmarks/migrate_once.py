"""Carry out one migration, with fieldfare or with RedisVL, and print what it took as JSON.

Both have the same Python API; the name of the module decides. Runs in the environment of the one that is
measured, so nothing of fieldfare is imported here.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time


def main() -> None:
    """Read module, URL, index, patch file and backup directory from the command line."""
    module, url, index, patch, backup_dir = sys.argv[1:]
    migration = importlib.import_module(module)
    plan = migration.MigrationPlanner().create_plan(index, redis_url=url, schema_patch_path=patch)
    executor = migration.MigrationExecutor()
    started = time.perf_counter()
    report = executor.apply(plan, redis_url=url, backup_dir=backup_dir)
    seconds = time.perf_counter() - started
    timings = {name: getattr(report.timings, name) for name in dir(report.timings) if name.endswith("_seconds")}
    steps = getattr(report, "steps", None) or {}
    figures = {
        "result": str(getattr(report.result, "value", report.result)),
        "seconds": seconds,
        "timings": {name: value for name, value in timings.items() if isinstance(value, float)},
        "steps": {step: details.get("seconds", 0.0) for step, details in steps.items()},
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
