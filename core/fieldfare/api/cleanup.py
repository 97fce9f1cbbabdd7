"""Finds and drops indexes that migrations have left behind, and shadow fields in documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fieldfare.api.server_argument import server_at
from fieldfare.engine import abandoned_fields, cleanup
from fieldfare.engine.abandoned_fields import AbandonedField
from fieldfare.engine.cleanup import AbandonedIndex
from fieldfare.server import Server
from fieldfare.storage import BackupPath, backup_location

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient

__all__ = ["drop_abandoned", "find_abandoned", "find_abandoned_fields", "remove_abandoned_fields"]


def find_abandoned(
    *,
    redis_url: str | None = None,
    redis_client: AnyClient | None = None,
    server: Server | None = None,
    backup_dirs: Sequence[BackupPath | str] = (),
) -> tuple[AbandonedIndex, ...]:
    """Return the indexes that migrations have left behind; see :func:`fieldfare.engine.cleanup.find_abandoned`.

    Args:
        redis_url: the URL of the server.
        redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
        server: an open connection of fieldfare, instead of both.
        backup_dirs: the backup directories of migrations that are not finalized; the indexes that they need stay.
    """
    with server_at(server, redis_url, redis_client) as opened:
        return cleanup.find_abandoned(opened, [backup_location(each) for each in backup_dirs])


def drop_abandoned(
    abandoned: Iterable[AbandonedIndex],
    *,
    redis_url: str | None = None,
    redis_client: AnyClient | None = None,
    server: Server | None = None,
) -> None:
    """Drop indexes that :func:`find_abandoned` has found; their documents stay.

    Args:
        abandoned: the indexes.
        redis_url: the URL of the server.
        redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
        server: an open connection of fieldfare, instead of both.

    Raises:
        LockHeld: a migration works on one of them.
        PreconditionError: one is TEMPORARY: its documents would be deleted with it.
    """
    with server_at(server, redis_url, redis_client) as opened:
        cleanup.drop_abandoned(opened, abandoned)


def find_abandoned_fields(
    abandoned: Iterable[AbandonedIndex] = (),
    *,
    redis_url: str | None = None,
    redis_client: AnyClient | None = None,
    server: Server | None = None,
    backup_dirs: Sequence[BackupPath | str] = (),
) -> tuple[AbandonedField, ...]:
    """Return the shadow fields that migrations have left behind in documents. It reads every document.

    See :func:`fieldfare.engine.abandoned_fields.find_abandoned_fields`.

    Args:
        abandoned: the result of :func:`find_abandoned`; fields that only these indexes read are also returned.
        redis_url: the URL of the server.
        redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
        server: an open connection of fieldfare, instead of both.
        backup_dirs: the backup directories of migrations that are not finalized; the fields that they need stay.

    Raises:
        CommandNotAllowed: the user may not read an index or documents, or may not remove the fields.
    """
    with server_at(server, redis_url, redis_client) as opened:
        return abandoned_fields.find_abandoned_fields(
            opened, abandoned, [backup_location(each) for each in backup_dirs]
        )


def remove_abandoned_fields(
    fields: Iterable[AbandonedField],
    *,
    redis_url: str | None = None,
    redis_client: AnyClient | None = None,
    server: Server | None = None,
) -> None:
    """Remove fields that :func:`find_abandoned_fields` has found from all documents. No backup has their values.

    Args:
        fields: the fields.
        redis_url: the URL of the server.
        redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
        server: an open connection of fieldfare, instead of both.

    Raises:
        LockHeld: a migration works on their index.
    """
    with server_at(server, redis_url, redis_client) as opened:
        abandoned_fields.remove_abandoned_fields(opened, fields)
