"""How long a migration will take, as far as it can be told while the plan is made. Data only."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Forecast"]


@frozen
class Forecast:
    """How long the parts of a migration will take on the server for which the plan was made.

    It varies from one measurement to the next, so that it is no part of what the fingerprint of a plan covers.

    Attributes:
        backup_seconds: to read documents and write originals to the backup, while the index answers.
        rewrite_seconds: to write the new values of documents.
        index_seconds: to build the new index.
        downtime_seconds: for how long the index cannot be queried; 0 in the modes alter and shadow.
        memory_bytes: memory of the index when the plan was made.
        memory_delta_bytes: change of the server's memory afterwards; negative for a saving.
        disk_bytes: new bytes in the backup directory.
        rdb_bytes: bytes of the rewritten values in the next RDB snapshot.
        basis: what the figures are based on, one line each.
    """

    backup_seconds: float = 0.0
    rewrite_seconds: float = 0.0
    index_seconds: float = 0.0
    downtime_seconds: float = 0.0
    memory_bytes: int = 0
    memory_delta_bytes: int = 0
    disk_bytes: int = 0
    rdb_bytes: int = 0
    basis: tuple[str, ...] = ()

    @property
    def activities(self) -> dict[str, float]:
        """Activity of step reports → its seconds."""
        return {"dump": self.backup_seconds, "rewrite": self.rewrite_seconds, "index": self.index_seconds}
