"""The commands that messages name: how to resume, how to roll back."""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import frozen

__all__ = ["NextCommands"]


@frozen
class NextCommands:
    """What a user types next.

    Attributes:
        index: the source index.
        backup_dir: the backup directory of the run.
        plan_path: the plan file, if it came from one.
    """

    index: str
    backup_dir: Path
    plan_path: Path | None = None

    @property
    def resume(self) -> str:
        """The command that resumes the run."""
        plan = str(self.plan_path) if self.plan_path else "PLAN"
        return shlex.join(["fieldfare", "apply", "--plan", plan, "--backup-dir", str(self.backup_dir)])

    @property
    def switch(self) -> str:
        """The command that moves the names to a target that was built beside the source."""
        return self._of_backup("switch")

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

    def _of_backup(self, command: str) -> str:
        return shlex.join(["fieldfare", command, "--backup-dir", str(self.backup_dir), "--index", self.index])
