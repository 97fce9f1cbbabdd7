"""Reads, writes and lists objects through fsspec: each is written whole and read back, and failures are retried."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from attrs import define, field

from fieldfare.errors import BackupCorrupt, BackupUnusable, FieldfareError, StoragePackageMissing, UsageError
from fieldfare.storage.object_name import ObjectName
from fieldfare.storage.refusal import is_refusal
from fieldfare.support.fault_points import reach
from fieldfare.support.redaction import redact, secrets_in

__all__ = ["RETRY_SECONDS", "Storage"]

T = TypeVar("T")

RETRY_SECONDS: Final = 30.0
"""How long to retry, unless the run's options say otherwise."""

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0

EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), ("s3", "s3fs")),
    **dict.fromkeys(("gs", "gcs"), ("gcs", "gcsfs")),
    **dict.fromkeys(("abfs", "abfss", "az", "adl", "wasb", "wasbs"), ("azure", "adlfs")),
    **dict.fromkeys(("sftp", "ssh"), ("sftp", "paramiko")),
}
"""Protocol → the extra of fieldfare and the package that it needs."""

OPTIONS: Final[dict[str, dict[str, Any]]] = {
    protocol: {"config_kwargs": {"retries": {"total_max_attempts": 1}}} for protocol in ("s3", "s3a")
}
"""Protocol → options of its client, unless fsspec's configuration has others: fieldfare retries, not the client."""

WITH_DIRECTORIES: Final = frozenset({"file", "local", "sftp", "ssh"})
"""Protocols in which a directory must be made before a file is written to it."""

AZURE_DETAILS: Final = " RequestId:"
"""Where the reason ends, and XML begins, in an error of Azure."""

ON_DISK: Final = frozenset({"file", "local"})


@define(eq=False)
class Storage:
    """Objects below one URL; made by :func:`~fieldfare.storage.location.backup_location`.

    Attributes:
        url: of the directory, perhaps with credentials.
        protocol: the first part of the URL.
        shown: the URL without credentials.
        retry_for: seconds for which a request is retried.
        requests: operation → how many there were.
        series: backup → its series that counts, once it is known.
        sessions: backup → the number of this process among its writers, once it is known.
        written: small file → the object that this process wrote last.
        known: small file → the version that this process read last; None if there was none.
    """

    url: str = field(repr=False)
    protocol: str
    shown: str
    retry_for: float = RETRY_SECONDS
    requests: dict[str, int] = field(factory=dict, repr=False)
    series: dict[str, int] = field(factory=dict, repr=False)
    sessions: dict[str, int] = field(factory=dict, repr=False)
    written: dict[str, ObjectName] = field(factory=dict, repr=False)
    known: dict[str, ObjectName | None] = field(factory=dict, repr=False)
    _gave_up: bool = field(default=False, repr=False)
    _opened: tuple[Any, str] | None = field(default=None, repr=False)

    @property
    def has_password(self) -> bool:
        """Whether the URL holds something that must not be shown."""
        return self.url != self.shown

    def folders(self) -> list[str]:
        """Return the names of the folders, sorted; none if there is nothing yet."""
        return sorted(name for name, (kind, _) in self._entries("").items() if kind == "directory")

    def objects(self, folder: str) -> dict[ObjectName, bool]:
        """Return the objects in a folder, and whether each has the length that it was written with."""
        parsed = ((ObjectName.parse(name), size) for name, (_, size) in self._entries(folder).items())
        return {name: size == name.length for name, size in parsed if name is not None}

    def read(self, folder: str, name: ObjectName) -> bytes:
        """Return the content of an object.

        Raises:
            FileNotFoundError: it does not exist.
            BackupCorrupt: it is not what was written.
            BackupUnusable: the storage fails.
        """
        data = self.read_plain(f"{folder}/{name}")
        if not name.matches(data):
            reason = "its content is not what was written: it was truncated or changed"
            raise BackupCorrupt(f"{self.shown}/{folder}/{name}", 0, reason)
        return data

    def write(self, folder: str, name: ObjectName, data: bytes) -> None:
        """Write an object and read it back.

        Raises:
            BackupUnusable: the storage fails, or returns another content.
        """
        self.write_plain(f"{folder}/{name}", data)

    def remove(self, folder: str, name: ObjectName) -> None:
        """Remove an object; it may be missing.

        Raises:
            BackupUnusable: the storage fails.
        """
        self.remove_plain(f"{folder}/{name}")

    def read_plain(self, path: str, *, retry: bool = True) -> bytes:
        """Return the content of an object, whatever its name says."""
        filesystem, root = self.open()
        data: bytes = self._retried(
            f"{self.shown}/{path}", "read", lambda: filesystem.cat_file(f"{root}/{path}"), retry=retry
        )
        return data

    def write_plain(self, path: str, data: bytes, *, check: bool = True, retry: bool = True) -> None:
        """Write an object of any name; ``check`` says whether to read it back."""
        self.open()
        reach("storage.write:before")
        self._retried(f"{self.shown}/{path}", "written", lambda: self._write_once(path, data, check=check), retry=retry)
        reach("storage.write:after")

    def remove_plain(self, path: str, *, retry: bool = True) -> None:
        """Remove an object of any name; it may be missing."""
        filesystem, root = self.open()
        reach("storage.remove:before")
        try:
            self._retried(f"{self.shown}/{path}", "removed", lambda: filesystem.rm_file(f"{root}/{path}"), retry=retry)
        except FileNotFoundError:
            return
        reach("storage.remove:after")

    def open(self) -> tuple[Any, str]:
        """Return the file system and the path of the directory in it; the client is made once.

        Raises:
            StoragePackageMissing: fsspec or the package of the protocol is not installed.
            UsageError: fsspec knows no such protocol.
            BackupUnusable: the client cannot be made.
        """
        if self._opened is None:
            extra, package = EXTRAS.get(self.protocol, ("storage", "fsspec"))
            try:
                import fsspec  # noqa: PLC0415 - start-up time; and it is optional
            except ImportError as error:
                raise StoragePackageMissing(self.protocol, package="fsspec", extra=extra) from error
            try:
                fsspec.get_filesystem_class(self.protocol)
                options = {**OPTIONS.get(self.protocol, {}), **fsspec.config.conf.get(self.protocol, {})}
                filesystem, root = fsspec.url_to_fs(self.url, skip_instance_cache=True, **options)
            except ImportError as error:
                raise StoragePackageMissing(self.protocol, package=package, extra=extra) from error
            except ValueError as error:
                if "rotocol" not in str(error):
                    raise self._failed(self.shown, "opened", error) from error
                raise UsageError(
                    f"--backup-dir {self.shown}: fsspec knows no protocol {self.protocol!r}. Give a path, or a URL "
                    "that begins with s3://, gs://, abfs://, sftp:// or file://. Nothing was changed."
                ) from error
            except Exception as error:
                raise self._failed(self.shown, "opened", error) from error
            _leave_retries_to_us(self.protocol, filesystem)
            self._opened = filesystem, root.rstrip("/")
        return self._opened

    def _entries(self, folder: str) -> dict[str, tuple[str, int]]:
        """Return what is directly in a folder: name → kind and bytes."""
        filesystem, root = self.open()
        path = f"{root}/{folder}".rstrip("/")

        def listed() -> list[dict[str, Any]]:
            filesystem.invalidate_cache()
            found: list[dict[str, Any]] = filesystem.ls(path, detail=True)
            return found

        try:
            found = self._retried(f"{self.shown}/{folder}".rstrip("/"), "listed", listed)
        except FileNotFoundError:
            return {}
        names = ((str(each["name"]).rstrip("/").rpartition("/")[2], each) for each in found)
        return {name: (str(each["type"]), int(each.get("size") or 0)) for name, each in names if name}

    def _write_once(self, path: str, data: bytes, *, check: bool) -> None:
        filesystem, root = self.open()
        full = f"{root}/{path}"
        if self.protocol in WITH_DIRECTORIES:
            filesystem.makedirs(full.rpartition("/")[0], exist_ok=True)
        filesystem.pipe_file(full, data)
        if self.protocol in ON_DISK:
            _sync_file(filesystem, full)
        reach("storage.write:written")
        if check:
            self._count("read")
            if filesystem.cat_file(full) != data:
                raise OSError("it was read back with another content")

    def _retried(self, path: str, what: str, action: Callable[[], T], *, retry: bool = True) -> T:
        """Try a request until it succeeds, for ``retry_for`` seconds; after a request that failed for good, only once.

        Raises:
            FileNotFoundError: there is no such object.
            BackupUnusable: it fails for good.
        """
        self._count(what)
        pause, began = FIRST_PAUSE, time.monotonic()
        while True:
            try:
                result = action()
            except FileNotFoundError as error:
                if what == "written":
                    raise self._failed(path, what, error) from error
                raise
            except FieldfareError:
                raise
            except Exception as error:
                left = began + self.retry_for - time.monotonic()
                if is_refusal(error) or not retry or self._gave_up or left < pause:
                    self._gave_up = self._gave_up or retry
                    raise self._failed(path, what, error) from error
                self._log(path, error, pause, left)
            else:
                self._gave_up = False
                return result
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _count(self, what: str) -> None:
        self.requests[what] = self.requests.get(what, 0) + 1

    def _failed(self, path: str, what: str, error: Exception) -> BackupUnusable:
        advice = "Check that the storage answers and that the credentials are right. Then run the same command."
        return BackupUnusable(path, f"it cannot be {what}: {self._reason(error)}. {advice}")

    def _reason(self, error: Exception) -> str:
        # the text of a storage's error names places, and holds no value of a document
        text = " ".join(str(error).split()).partition(AZURE_DETAILS)[0] or type(error).__name__
        return redact(text, secrets_in([self.url]))[:300].rstrip(". ")

    def _log(self, path: str, error: Exception, pause: float, left: float) -> None:
        import structlog  # noqa: PLC0415 - start-up time

        structlog.get_logger("fieldfare").warning(
            "storage_away",
            path=path,
            error=self._reason(error),
            next_try_seconds=round(pause, 2),
            giving_up_in_seconds=round(left, 1),
        )


def _leave_retries_to_us(protocol: str, filesystem: Any) -> None:
    """Have a client not retry requests itself: it would do it without a word, and longer than the user says."""
    _, package = EXTRAS.get(protocol, ("", ""))
    if package == "s3fs":
        filesystem.retries = 1
    elif package == "adlfs":
        filesystem.service_client._config.retry_policy.total_retries = 0  # noqa: SLF001 - adlfs has no option for it


def _sync_file(filesystem: Any, path: str) -> None:
    """Make a file and its name durable, and the names of its directories."""
    path = filesystem._strip_protocol(path)  # noqa: SLF001 - fsspec's way to a plain path
    with _opened(path, os.O_RDONLY) as file:
        os.fsync(file)
    for directory in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):  # noqa: PTH120 - a str of fsspec
        with _opened(directory, os.O_RDONLY | os.O_DIRECTORY) as file:
            os.fsync(file)


@contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
