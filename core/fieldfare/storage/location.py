"""Tells the URL of a storage from a path."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, TypeAlias

from fieldfare.errors import UsageError
from fieldfare.storage.client import Storage
from fieldfare.storage.path import StoragePath
from fieldfare.support.redaction import redact_url

__all__ = ["BackupPath", "backup_location", "is_storage_url", "require_no_password", "shown_location"]

BackupPath: TypeAlias = Path | StoragePath
"""A backup directory, or a file of a backup: on a disk, or in a storage."""

URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]+)://(.*)", re.DOTALL)
BROKEN_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/].*", re.DOTALL)


def is_storage_url(location: object) -> bool:
    """Whether this is the URL of a storage, and not a path."""
    return isinstance(location, str) and URL.fullmatch(location) is not None


def backup_location(location: BackupPath | str) -> BackupPath:
    """Return a path for a path, and the directory of a storage for a URL. Nothing is opened.

    Raises:
        UsageError: a URL of a form that is not supported.
    """
    if isinstance(location, StoragePath):
        return location
    match = URL.fullmatch(location) if isinstance(location, str) else None
    if match is None:
        text = os.fspath(location)
        if isinstance(location, Path) and BROKEN_URL.fullmatch(text):
            raise UsageError(f"{redact_url(text)} was a URL before it became a Path. Give it as a str.")
        return Path(location)
    protocol, rest = match.groups()
    shown = shown_location(str(location))
    if ":" in protocol or "::" in rest:
        raise UsageError(f"The URL {shown} chains file systems of fsspec. Give the URL of one. Nothing was changed.")
    if "?" in rest or "#" in rest:
        raise UsageError(
            f"The URL {shown} has options. Give them in the environment of the storage's client, or in fsspec's "
            "configuration (FSSPEC_S3_ENDPOINT_URL, ...). Nothing was changed."
        )
    if not rest.strip("/") and protocol != "memory":
        raise UsageError(f"The URL {shown} names no place to write to. Nothing was changed.")
    return StoragePath(Storage(str(location).rstrip("/"), protocol.lower(), shown.rstrip("/")))


def require_no_password(location: StoragePath, reason: str, readers: str) -> None:
    """Refuse a URL with a password that would leave this process.

    Args:
        location: the backup directory.
        reason: why it must have no password, for the message.
        readers: the processes that need the password, for the message.

    Raises:
        UsageError: it has one.
    """
    if location.storage.has_password:
        raise UsageError(
            f"The URL {location} has a password, and {reason}. Nothing was changed. "
            f"Give the password in the environment of {readers}, or in fsspec's configuration."
        )


def shown_location(url: str) -> str:
    """Return the URL of a storage as it may be shown: without what follows a colon before an @, and without options."""
    match = URL.fullmatch(url)
    if match is None:
        return redact_url(url)
    protocol, rest = match.groups()
    place, *options = re.split(r"([?#])", rest, maxsplit=1)
    credentials, at, address = place.rpartition("@")
    if ":" in credentials:
        place = f"{credentials.partition(':')[0]}:***{at}{address}"
    return f"{protocol}://{place}{f'{options[0]}***' if options else ''}"
