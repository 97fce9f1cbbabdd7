"""Validates the result of a migration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from fieldfare.api.arguments import required_verify
from fieldfare.api.server_argument import server_at
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.modes import mode_of
from fieldfare.engine.report_builder import lasting_warnings
from fieldfare.engine.rights import require_reading_rights
from fieldfare.engine.validation_run import open_validation
from fieldfare.errors import IndexNotFound, UsageError
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.hooks.run_defaults import Verify
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan
from fieldfare.planning.redisvl import with_live_target
from fieldfare.queries.file import load_query_checks
from fieldfare.report import MigrationReport, Result, Timings, Validation
from fieldfare.report.changes import definition_diff, reported_changes
from fieldfare.server import Server
from fieldfare.server.inspect import read_stats
from fieldfare.storage import BackupPath

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient

__all__ = ["MigrationValidator", "ValidationReport"]


@frozen(hash=False, repr=False)
class ValidationReport(MigrationReport):
    """The report of a validation. It can be unpacked like RedisVL's: findings, figures of the live index, seconds.

    Attributes:
        target_info: figures of the live index, under their names in FT.INFO; empty if there is no index.
    """

    target_info: Mapping[str, float] = field(factory=dict)

    def __iter__(self) -> Iterator[Any]:
        """Yield the three parts."""
        yield from (self.validation, self.target_info, self.timings.total_duration_seconds)


class MigrationValidator:
    """Checks the result of a migration.

    Args:
        plugins: the plugins that validate; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        self.plugins = plugins or load_plugins()

    def validate(  # noqa: PLR0913 - the signature in RedisVL's migration guide, and the backup
        self,
        plan: MigrationPlan,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        backup_dir: BackupPath | str | None = None,
        verify: str | None = None,
        query_check_file: str | Path | None = None,
        executor: str | None = None,
    ) -> ValidationReport:
        """Compare the live index with a plan's target. Changes nothing.

        Args:
            plan: the plan with the expected target.
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            backup_dir: the backup directory of the migration; with it, documents are compared, too.
            verify: how many documents are compared: ``sample`` (the default), ``full`` or ``none``; needs
                ``backup_dir``.
            query_check_file: further queries, as YAML.
            executor: who compares documents with the backup: ``processes:4`` or another one, as for
                :meth:`MigrationExecutor.apply`; needs ``backup_dir``. It takes the lock on the index.

        Returns:
            A report whose result is ``succeeded`` or ``failed``.

        Raises:
            UsageError: ``verify`` or ``executor`` without ``backup_dir``, or an unknown one.
            LockHeld: with ``executor``, another command works on the index.
            CommandNotAllowed: the user may not read the index or its documents.
            BackupUnusable: the backup does not exist, belongs to another plan or to an unfinished run, or is damaged.
        """
        if verify is not None and verify != Verify.NONE and backup_dir is None:
            raise UsageError(f"verify={verify!r}: documents are compared with the backup; give its directory, too.")
        if executor and backup_dir is None:
            raise UsageError(
                f"executor={executor!r}: workers compare documents with the backup; give its directory, too."
            )
        self.plugins.raise_if_broken()
        started = datetime.now(UTC)
        with server_at(server, redis_url, redis_client) as opened:
            options = RunOptions(
                executor=executor or "",
                verify=required_verify(verify or Verify.SAMPLE),
                query_checks=load_query_checks(query_check_file),
            )
            plan = with_live_target(opened, plan, backup_dir=backup_dir)
            with open_validation(opened, self.plugins, plan, backup_dir, options) as run:
                require_reading_rights(run)
                findings = Validation(run_validators(mode_of(plan).view(run)))
            target_info = _target_info(opened, plan.target.name)
        finished = datetime.now(UTC)
        seconds = (finished - started).total_seconds()
        return ValidationReport(
            index=plan.index,
            target=plan.target.name,
            result=Result.SUCCEEDED if findings.passed else Result.FAILED,
            started_at=started.isoformat(timespec="seconds"),
            finished_at=finished.isoformat(timespec="seconds"),
            backup_dir="",
            backup_prefix="",
            timings=Timings(validate_duration_seconds=seconds, total_duration_seconds=seconds),
            validation=findings,
            warnings=lasting_warnings(plan, plan.warnings),
            mode=plan.mode,
            changes=reported_changes(plan),
            definition_diff=definition_diff(plan.source.definition, plan.target),
            target_info=target_info,
        )


def _target_info(server: Server, index: str) -> dict[str, float]:
    try:
        stats = read_stats(server, index)
    except IndexNotFound:
        return {}
    return {
        "num_docs": stats.num_docs,
        "hash_indexing_failures": stats.hash_indexing_failures,
        "vector_index_sz_mb": stats.vector_index_size_mb,
        "total_index_memory_sz_mb": stats.total_index_memory_size_mb,
    }
