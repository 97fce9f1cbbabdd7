"""The commands that messages name: how to resume, how to roll back."""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import frozen

from fieldfare.hooks.run_options import RunOptions
from fieldfare.storage import BackupPath

__all__ = ["NextCommands"]


@frozen
class NextCommands:
    """What a user types next.

    Attributes:
        index: the source index.
        backup_dir: the backup directory of the run.
        plan_path: the plan file, if it came from one.
        query_check_file: the user's queries, which decide whether names move.
        min_overlap: the least overlap of their answers, if the command line gave it.
    """

    index: str
    backup_dir: BackupPath
    plan_path: Path | None = None
    query_check_file: Path | None = None
    min_overlap: float | None = None

    @classmethod
    def of_run(cls, index: str, backup_dir: BackupPath, options: RunOptions) -> NextCommands:
        """Return the commands that continue with a run of these options."""
        return cls(index, backup_dir, options.plan_path, options.query_check_file, options.min_overlap)

    @property
    def resume(self) -> str:
        """The command that resumes the run."""
        plan = str(self.plan_path) if self.plan_path else "PLAN"
        words = ["fieldfare", "apply", "--plan", plan, "--backup-dir", str(self.backup_dir)]
        return shlex.join(words + self._queries)

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
        return self._of_backup("rollback")

    @property
    def _queries(self) -> list[str]:
        """Options: without them, nobody would ask the queries again."""
        file = [] if self.query_check_file is None else ["--query-check-file", str(self.query_check_file)]
        return file if self.min_overlap is None else [*file, "--min-overlap", f"{self.min_overlap:g}"]

    def _of_backup(self, command: str, *options: str) -> str:
        words = ["fieldfare", command, "--backup-dir", str(self.backup_dir), "--index", self.index]
        return shlex.join([*words, *options])
