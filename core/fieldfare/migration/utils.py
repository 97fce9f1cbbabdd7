"""Functions for files, schemas and indexes, under the names of RedisVL's migrator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldfare.api import load_migration_plan, write_migration_plan, write_migration_report
from fieldfare.api.server_argument import server_at
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.schema import from_schema
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import Estimate, MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare.report.benchmark import write_benchmark
from fieldfare.server.client_address import AnyClient
from fieldfare.server.inspect import list_indexes as list_live_indexes
from fieldfare.support import yamlfile

__all__ = [
    "estimate_disk_space",
    "list_indexes",
    "load_migration_plan",
    "load_yaml",
    "schemas_equal",
    "write_benchmark_report",
    "write_migration_plan",
    "write_migration_report",
    "write_yaml",
]


def schemas_equal(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Tell whether two schemas mean the same index.

    Args:
        left: a schema as ``plan.merged_target_schema`` or RedisVL's ``IndexSchema.to_dict()`` gives it.
        right: another one.

    Raises:
        SchemaError: one of them is not a schema; a ``ValueError``.
    """
    return not find_mismatches(from_schema(left), from_schema(right))


def estimate_disk_space(plan: MigrationPlan) -> Estimate:
    """Return the resources that a plan needs. Does not talk to the server.

    Raises:
        PluginError: a plugin of the plan is missing, or its estimate failed.
    """
    plugins = load_plugins()
    plugins.require(plan.plugins)
    return plugins.estimate(plan)


def list_indexes(*, redis_url: str | None = None, redis_client: AnyClient | None = None) -> list[str]:
    """Return the names of all indexes, sorted.

    Raises:
        UsageError: neither argument is given.
        PreconditionError: there is no usable server.
    """
    with server_at(None, redis_url, redis_client) as server:
        return sorted(list_live_indexes(server))


def load_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        FileError: it cannot be read.
    """
    return dict(yamlfile.load_yaml(Path(path)).data)


def write_yaml(data: Mapping[str, Any], path: str | Path) -> None:
    """Write a YAML file, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    yamlfile.write_yaml(path, dict(data))


def write_benchmark_report(report: MigrationReport, path: str | Path) -> None:
    """Write the figures of a report.

    Raises:
        FileError: it cannot be written.
    """
    write_benchmark(report, Path(path))
