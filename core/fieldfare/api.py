"""The classes that programs use; the command line uses nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fieldfare.diff import changes_from_patch, changes_from_schema
from fieldfare.engine.apply import apply
from fieldfare.engine.options import RETRY_SECONDS, Options, Verify
from fieldfare.engine.rollback import rollback
from fieldfare.engine.run import Run
from fieldfare.engine.session import list_backups, read_backup
from fieldfare.engine.stop import StopRequest
from fieldfare.engine.validate import validate
from fieldfare.errors import BackupDirectoryRequired, UsageError
from fieldfare.patch import SchemaPatch, load_patch, patch_from_dict, patch_to_dict
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import load_plan, write_plan
from fieldfare.plan_options import plan_options
from fieldfare.planner import make_plan
from fieldfare.plugins import Plugins, load_plugins
from fieldfare.progress import ProgressCallback, watched_by
from fieldfare.query_check import load_query_checks
from fieldfare.report import MigrationReport, Result, Timings, Validation
from fieldfare.report_file import write_report
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_snapshot
from fieldfare.target_schema import load_target_schema

__all__ = [
    "MigrationExecutor",
    "MigrationPlanner",
    "MigrationValidator",
    "load_migration_plan",
    "write_migration_plan",
    "write_migration_report",
]

load_migration_plan = load_plan
write_migration_plan = write_plan
write_migration_report = write_report


class MigrationPlanner:
    """Makes plans.

    Args:
        plugins: who may claim changes; by default every installed plugin.
        min_recall: the least recall@10 that a change of vectors must keep, 0 to 1; predicted on a sample.
        accept_recall_loss: plan a change that keeps less all the same, with a warning.

    Raises:
        UsageError: ``min_recall`` is not between 0 and 1.
    """

    def __init__(
        self, *, plugins: Plugins | None = None, min_recall: float = 0.95, accept_recall_loss: bool = False
    ) -> None:
        self.plugins = plugins or load_plugins()
        self.options = plan_options(min_recall, accept_recall_loss=accept_recall_loss)

    def create_plan(  # noqa: PLR0913 - the guide's signature
        self,
        index_name: str,
        *,
        redis_url: str | None = None,
        server: Server | None = None,
        schema_patch_path: str | Path | None = None,
        target_schema_path: str | Path | None = None,
        aliases: Sequence[str] = (),
        key_sample_limit: int = 10,
    ) -> MigrationPlan:
        """Make a plan from a patch file or from a file with the whole target schema.

        Args:
            index_name: the index, or one of its aliases.
            redis_url: where it lives.
            server: an open connection, in place of ``redis_url``.
            schema_patch_path: what to change.
            target_schema_path: what it shall be; exactly one of the two.
            aliases: further aliases of the index, to be kept.
            key_sample_limit: how many keys to note for validation.

        Raises:
            UsageError: both or neither file; or a file that cannot be used (all problems at once).
            PreconditionError: no server, no index, or a server that is not fit.
            PluginError: no plugin, or more than one, claims a change.
        """
        if (schema_patch_path is None) == (target_schema_path is None):
            raise UsageError("Give exactly one of schema_patch_path and target_schema_path. Nothing was changed.")
        if schema_patch_path is not None:
            patch = load_patch(Path(schema_patch_path))
            return self.create_plan_from_patch(
                index_name,
                schema_patch=patch,
                redis_url=redis_url,
                server=server,
                aliases=aliases,
                key_sample_limit=key_sample_limit,
            )
        target, content = load_target_schema(Path(str(target_schema_path)))
        with _opened(server, redis_url) as opened:
            snapshot = read_snapshot(opened, index_name, aliases=aliases, key_sample_limit=key_sample_limit)
            changes = changes_from_schema(snapshot.definition, target)
            request = {"target_schema": content}
            return make_plan(opened, self.plugins, snapshot, changes, request, options=self.options)

    def create_plan_from_patch(  # noqa: PLR0913 - the guide's signature
        self,
        index_name: str,
        *,
        schema_patch: SchemaPatch | Mapping[str, Any],
        redis_url: str | None = None,
        server: Server | None = None,
        aliases: Sequence[str] = (),
        key_sample_limit: int = 10,
    ) -> MigrationPlan:
        """Make a plan from a patch that is in memory.

        Args:
            index_name: the index, or one of its aliases.
            schema_patch: the patch, or the mapping that a patch file holds.
            redis_url: where the index lives.
            server: an open connection, in place of ``redis_url``.
            aliases: further aliases of the index, to be kept.
            key_sample_limit: how many keys to note for validation.

        Raises:
            As :meth:`create_plan`.
        """
        patch = schema_patch if isinstance(schema_patch, SchemaPatch) else patch_from_dict(schema_patch)
        with _opened(server, redis_url) as opened:
            snapshot = read_snapshot(opened, index_name, aliases=aliases, key_sample_limit=key_sample_limit)
            changes = changes_from_patch(snapshot.definition, patch)
            return make_plan(opened, self.plugins, snapshot, changes, patch_to_dict(patch), options=self.options)

    def write_plan(self, plan: MigrationPlan, plan_out: str | Path) -> None:
        """Write a plan file."""
        write_plan(plan, Path(plan_out))


class MigrationExecutor:
    """Carries out plans, and puts things back.

    Args:
        plugins: who carries out steps; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        self.plugins = plugins or load_plugins()

    def apply(  # noqa: PLR0913 - the guide's signature
        self,
        plan: MigrationPlan,
        *,
        redis_url: str | None = None,
        server: Server | None = None,
        backup_dir: str | Path | None = None,
        batch_size: int = 500,
        num_workers: int = 1,
        allow: Collection[str] = (),
        on_conflict: str | None = None,
        retry_for: float = RETRY_SECONDS,
        timeout: float | None = None,
        verify: str = Verify.SAMPLE,
        query_check_file: str | Path | None = None,
        plan_path: str | Path | None = None,
        stop: StopRequest | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> MigrationReport:
        """Carry out a plan; go on with it if an earlier run was interrupted.

        Args:
            plan: from :class:`MigrationPlanner` or :func:`load_migration_plan`.
            redis_url: where the index lives.
            server: an open connection, in place of ``redis_url``.
            backup_dir: where originals and the journal go; required.
            batch_size: documents per round trip.
            num_workers: how many share the documents; see ``docs/workers.md``.
            allow: what must not stop the run: ``overflow``.
            on_conflict: ``keep-old`` or ``keep-new``, for documents that have a renamed field under both names.
            retry_for: seconds for which a server that is away is tried again; 0 to give up at once.
            timeout: seconds to wait for the index to be ready; None for as long as it takes.
            verify: how many rewritten documents are compared with the backup: ``sample``, ``full`` or ``none``.
            query_check_file: queries for the validation, as YAML.
            plan_path: named in messages as the file to resume with.
            stop: set to stop after the current batch.
            progress_callback: called with a step and a detail as the run goes on.

        Raises:
            BackupDirectoryRequired: no ``backup_dir``; a ``ValueError``.
            FieldfareError: as :func:`fieldfare.engine.apply.apply`.
        """
        if not backup_dir or not str(backup_dir).strip():
            raise BackupDirectoryRequired
        _require_workers(num_workers)
        if batch_size < 1:
            raise UsageError(f"batch_size={batch_size}: a batch needs at least one document. Nothing was changed.")
        if on_conflict not in (None, "keep-old", "keep-new"):
            raise UsageError(f"on_conflict={on_conflict!r}: it is keep-old, keep-new or None. Nothing was changed.")
        options = Options(
            batch_size=batch_size,
            workers=num_workers,
            allow=frozenset(allow),
            on_conflict=on_conflict,
            retry_for=retry_for,
            timeout=timeout,
            verify=_required_verify(verify),
            query_checks=load_query_checks(query_check_file),
            plan_path=Path(plan_path) if plan_path else None,
        )
        plugins = watched_by(self.plugins, progress_callback)
        with _opened(server, redis_url) as opened:
            return apply(opened, plugins, plan, Path(backup_dir), options=options, stop=stop)

    def rollback(  # noqa: PLR0913 - what a rollback consists of
        self,
        *,
        redis_url: str | None = None,
        server: Server | None = None,
        backup_dir: str | Path | None = None,
        index: str | None = None,
        num_workers: int = 1,
        retry_for: float = RETRY_SECONDS,
        force: bool = False,
        stop: StopRequest | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> MigrationReport:
        """Put back what a run changed.

        Args:
            redis_url: where the index lives.
            server: an open connection, in place of ``redis_url``.
            backup_dir: of the run.
            index: its source or target name; may be left out if the directory holds one backup.
            num_workers: how many share the documents, if as many shared them before.
            retry_for: as for :meth:`apply`.
            force: drop what lives under the target's name even if it is not the target.
            stop: set to stop after the current batch.
            progress_callback: called with a step and a detail as the run goes on.

        Raises:
            FieldfareError: as :func:`fieldfare.engine.rollback.rollback`.
        """
        if not backup_dir or not str(backup_dir).strip():
            raise BackupDirectoryRequired
        _require_workers(num_workers)
        options = Options(workers=num_workers, retry_for=retry_for, force=force)
        plugins = watched_by(self.plugins, progress_callback)
        with _opened(server, redis_url) as opened:
            return rollback(opened, plugins, Path(backup_dir), index=index, options=options, stop=stop)

    def status(self, backup_dir: str | Path, index: str | None = None) -> list[dict[str, Any]]:
        """Return how far each run in a backup directory got; needs no server.

        Raises:
            BackupUnusable: no such directory, or no such backup in it.
        """
        return list_backups(Path(backup_dir), index)


class MigrationValidator:
    """Checks the result of a migration.

    Args:
        plugins: whose findings to ask for; by default every installed plugin's.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        self.plugins = plugins or load_plugins()

    def validate(  # noqa: PLR0913 - the guide's signature, and the backup
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
            plan: what should be.
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
        self.plugins.require_sound()
        started = datetime.now(UTC)
        with _opened(server, redis_url) as opened:
            options = Options(
                verify=_required_verify(verify or Verify.SAMPLE), query_checks=load_query_checks(query_check_file)
            )
            with read_backup(backup_dir, plan) as (journal, store):
                findings = Validation(validate(Run(opened, plan, self.plugins, options, journal=journal, store=store)))
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


def _required_verify(text: str) -> Verify:
    if text not in set(Verify):
        raise UsageError(f"verify={text!r}: it is {', '.join(Verify)}. Nothing was changed.")
    return Verify(text)


def _require_workers(number: int) -> None:
    if number < 1:
        raise UsageError(f"num_workers={number}: it takes at least one worker. Nothing was changed.")


@contextmanager
def _opened(server: Server | None, url: str | None) -> Iterator[Server]:
    if server is not None:
        yield server
    elif not url:
        raise UsageError("No server: give redis_url (--url, FIELDFARE_URL or REDIS_URL).")
    else:
        with connect(url) as opened:
            yield opened
