"""Validates the result of a migration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fieldfare.api.arguments import required_verify, server_at
from fieldfare.engine.checks.query_check import load_query_checks
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.session import read_backup
from fieldfare.errors import UsageError
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.hooks.run_options import RunOptions, Verify
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result, Timings, Validation
from fieldfare.server import Server

__all__ = ["MigrationValidator"]


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
        server: Server | None = None,
        backup_dir: str | Path | None = None,
        verify: str | None = None,
        query_check_file: str | Path | None = None,
    ) -> MigrationReport:
        """Compare the live index with a plan's target. Changes nothing.

        Args:
            plan: with the expected target.
            redis_url: where the index lives.
            server: an open connection, in place of ``redis_url``.
            backup_dir: of the migration; with it, documents are compared, too.
            verify: how many of them: ``sample`` (if left out), ``full`` or ``none``; needs ``backup_dir``.
            query_check_file: further queries, as YAML.

        Returns:
            A report whose result is ``succeeded`` or ``failed``.

        Raises:
            UsageError: ``verify`` without ``backup_dir``, or an unknown one.
            BackupUnusable: no such backup, of another plan, of a run that is not through, or damaged.
        """
        if verify is not None and verify != Verify.NONE and backup_dir is None:
            raise UsageError(f"verify={verify!r}: documents are compared with the backup; give its directory, too.")
        self.plugins.raise_if_broken()
        started = datetime.now(UTC)
        with server_at(server, redis_url) as opened:
            options = RunOptions(
                verify=required_verify(verify or Verify.SAMPLE), query_checks=load_query_checks(query_check_file)
            )
            with read_backup(backup_dir, plan) as (journal, store):
                run = ActiveRun(opened, plan, self.plugins, options, journal=journal, store=store)
                findings = Validation(run_validators(run))
        finished = datetime.now(UTC)
        seconds = (finished - started).total_seconds()
        return MigrationReport(
            index=plan.index,
            target=plan.target.name,
            result=Result.SUCCEEDED if findings.passed else Result.FAILED,
            started_at=started.isoformat(timespec="seconds"),
            finished_at=finished.isoformat(timespec="seconds"),
            backup_dir="",
            backup_prefix="",
            timings=Timings(validate_duration_seconds=seconds, total_duration_seconds=seconds),
            validation=findings,
            warnings=plan.warnings,
        )
