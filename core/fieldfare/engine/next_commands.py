"""The commands that messages name: how to resume, how to roll back."""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import field, frozen

from fieldfare.backup.progress import ApplyChoices, Progress
from fieldfare.hooks.run_options import RunOptions
from fieldfare.storage import BackupPath
from fieldfare.support.redaction import redact_url

__all__ = ["NextCommands", "choices_of"]


@frozen
class NextCommands:
    """What a user types next.

    Attributes:
        index: the source index.
        backup_dir: the backup directory of the run.
        plan_path: the plan file, if it came from one.
        query_check_file: the user's queries, which decide whether names move.
        min_overlap: the least overlap of their answers, if the command line gave it.
        choices: what the run was asked to do.
    """

    index: str
    backup_dir: BackupPath
    plan_path: Path | None = None
    query_check_file: Path | None = None
    min_overlap: float | None = None
    choices: ApplyChoices = field(factory=ApplyChoices)

    @classmethod
    def of_run(cls, index: str, backup_dir: BackupPath, options: RunOptions) -> NextCommands:
        """Return the commands that continue with a run of these options."""
        choices = choices_of(options)
        return cls(index, backup_dir, options.plan_path, options.query_check_file, options.min_overlap, choices)

    @classmethod
    def of_progress(cls, index: str, backup_dir: BackupPath, progress: Progress) -> NextCommands:
        """Return the commands that continue with a run as its last attempt was started."""
        plan_path = Path(progress.plan_path) if progress.plan_path else None
        queries = Path(progress.query_check_file) if progress.query_check_file else None
        return cls(index, backup_dir, plan_path, queries, progress.min_overlap, progress.choices)

    @property
    def resume(self) -> str:
        """The command that resumes the run."""
        plan = str(self.plan_path) if self.plan_path else "PLAN"
        words = ["fieldfare", "apply", "--plan", plan, "--backup-dir", str(self.backup_dir)]
        choices = self.choices
        if choices.on_conflict:
            words += ["--on-conflict", choices.on_conflict]
        words += [f"--allow-{name}" for name in choices.allow]
        if not choices.switch:
            words.append("--no-switch")
        return shlex.join([*words, *self._workers, *self._queries])

    @property
    def switch(self) -> str:
        """The command that moves the names to a target that was built beside the source."""
        return self._of_backup("switch", *self._queries)

    @property
    def finalize(self) -> str:
        """The command that removes what the switch has left."""
        return self._of_backup("finalize")

    @property
    def sync(self) -> str:
        """The command that converts what applications wrote to the originals of shadow fields."""
        return self._of_backup("sync")

    @property
    def rollback(self) -> str:
        """The command that rolls it back."""
        return self._of_backup("rollback", *self._workers)

    @property
    def _workers(self) -> list[str]:
        """Options: who works on documents."""
        if self.choices.executor:
            return ["--executor", self.choices.executor]
        return ["--workers", str(self.choices.workers)] if self.choices.workers > 1 else []

    @property
    def _queries(self) -> list[str]:
        """Options: without them, nobody would ask the queries again."""
        file = [] if self.query_check_file is None else ["--query-check-file", str(self.query_check_file)]
        return file if self.min_overlap is None else [*file, "--min-overlap", f"{self.min_overlap:g}"]

    def _of_backup(self, command: str, *options: str) -> str:
        words = ["fieldfare", command, "--backup-dir", str(self.backup_dir), "--index", self.index]
        return shlex.join([*words, *options])


def choices_of(options: RunOptions) -> ApplyChoices:
    """Return what a command repeats of a run's options. Credentials in the name of an executor are masked."""
    executor = redact_url(options.executor)
    workers = 1 if executor else options.workers
    return ApplyChoices(workers, executor, options.switch, options.on_conflict, tuple(sorted(options.allow)))
