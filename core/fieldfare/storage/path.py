"""A backup directory in a storage, and the files of backups in it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from fieldfare.errors import BackupCorrupt, BackupUnusable, LockLost
from fieldfare.storage.client import Storage
from fieldfare.storage.object_name import ObjectName

__all__ = ["StoragePath"]

ENDINGS: Final = ("header", "manifest", "keys", "data")
"""Files whose objects tell which series and sessions there are."""

ATTEMPTS: Final = 5
"""How often a small file is read that is replaced meanwhile."""


@frozen
class StoragePath:
    """A directory in a storage; with ``backup``, the prefix of a backup in it; with ``ending``, too, one of its files.

    A file is a folder of objects. To replace a small file, fieldfare writes another object, reads it back, and removes
    the one before: a crash leaves the old content or the new one. A reader takes the last complete object.

    Attributes:
        storage: what holds the objects.
        backup: the name that all files of a backup begin with; "" for the directory.
        ending: of a file; "" for a directory or a prefix.
    """

    storage: Storage
    backup: str = ""
    ending: str = ""

    def __str__(self) -> str:
        """Return the URL, without credentials."""
        return f"{self.storage.shown}/{self.name}".rstrip("/")

    @property
    def name(self) -> str:
        """The last part of the URL, within the storage's directory."""
        return f"{self.backup}.{self.ending}" if self.ending else self.backup

    @property
    def parent(self) -> StoragePath:
        """The directory."""
        return StoragePath(self.storage)

    def __truediv__(self, backup: str) -> StoragePath:
        """Return the prefix of a backup in this directory."""
        return StoragePath(self.storage, backup)

    def file(self, ending: str) -> StoragePath:
        """Return one of the files of this backup."""
        return evolve(self, ending=ending)

    # ------------------------------------------------------------ directory

    def names(self) -> list[str]:
        """Return the names of all files in the directory."""
        return self.storage.folders()

    def try_writing(self) -> None:
        """Write an object, read it back, and remove it.

        Raises:
            BackupUnusable: the storage does not do it.
        """
        trial = f".trial-{secrets.token_hex(4)}"
        self.storage.write_plain(trial, b"trial")
        self.storage.remove_plain(trial)

    # ------------------------------------------------------------ backup

    def forget(self) -> None:
        """Look again which series and sessions there are: another process may have written until the lock was ours."""
        self.storage.series.pop(self.backup, None)
        self.storage.sessions.pop(self.backup, None)
        self._forget_versions()

    def _forget_versions(self) -> None:
        for known in (self.storage.written, self.storage.known):
            for name in [name for name in known if name.startswith(f"{self.backup}.")]:
                del known[name]

    def set_aside(self) -> None:
        """Begin a new series: the objects of the backup stay, and are not read any more.

        Raises:
            LockLost: another process has written its journal since this one looked for it.
        """
        journal = self.file("header")
        journal._require_no_other_writer(self.storage.objects(journal.name))  # noqa: SLF001 - of this class
        if objects := self.all_objects():
            self.storage.series[self.backup] = max(each.series for each in objects) + 1
            self._forget_versions()

    @property
    def series(self) -> int:
        """The series that counts: that of the newest journal."""
        found = self.storage.series.get(self.backup)
        if found is None:
            objects = self.storage.objects(f"{self.backup}.header")
            found = max((each.series for each, whole in objects.items() if whole), default=1)
            self.storage.series[self.backup] = found
        return found

    @property
    def session(self) -> int:
        """The number of this process among those that have written to the backup.

        The one that :func:`~fieldfare.storage.session.claim_session` took. A worker, whose files belong to it alone,
        takes none: its number may be that of another worker.
        """
        found = self.storage.sessions.get(self.backup)
        if found is None:
            found = max((each.session for each in self.all_objects()), default=0) + 1
            self.storage.sessions[self.backup] = found
        return found

    def all_objects(self) -> list[ObjectName]:
        """Return the objects that tell which series and sessions there are, those of earlier series included."""
        return [each for ending in ENDINGS for each in self.storage.objects(f"{self.backup}.{ending}")]

    # ------------------------------------------------------------ file

    def objects(self) -> dict[ObjectName, bool]:
        """Return the objects of this file in the series that counts, and whether each is complete."""
        series = self.series
        return {name: whole for name, whole in self.storage.objects(self.name).items() if name.series == series}

    def exists(self) -> bool:
        """Whether the file has objects, other than a first one that a crash cut short."""
        found = any(whole or name.number for name, whole in self.objects().items())
        if not found:
            self.storage.known[self.name] = None
        return found

    def is_file(self) -> bool:
        """Whether the file has objects: as :meth:`exists`."""
        return self.exists()

    def object_path(self, name: ObjectName) -> str:
        """Return the URL of an object, without credentials."""
        return f"{self}/{name}"

    def write_object(self, number: int, data: bytes) -> ObjectName:
        """Write an object of this file, read it back, and return its name.

        Raises:
            BackupUnusable: the storage fails.
        """
        name = ObjectName.of(data, series=self.series, number=number, session=self.session)
        self.storage.write(self.name, name, data)
        return name

    def read_bytes(self, limit: int) -> bytes:
        """Return the content of a small file.

        Raises:
            FileNotFoundError: there is none.
            BackupCorrupt: it is damaged.
            BackupUnusable: it is larger than ``limit`` bytes; or the storage fails.
        """
        for _ in range(ATTEMPTS):
            newest = self._newest_version()
            self.storage.known[self.name] = newest
            if newest is None:
                break
            if newest.length > limit:
                reason = f"it is larger than {limit} bytes; fieldfare did not write it"
                raise BackupUnusable(self.object_path(newest), reason)
            try:
                return self.storage.read(self.name, newest)
            except FileNotFoundError:
                continue  # it was replaced since it was listed
        raise FileNotFoundError(str(self))

    def _newest_version(self) -> ObjectName | None:
        """Return the newest complete object of a small file; None if no version was ever complete.

        The version before is removed when the next one is complete. So an object that is not complete was never in
        use if an earlier one is still there, or if it is the first one.

        Raises:
            BackupCorrupt: the version in use was truncated.
        """
        objects = self.objects()
        versions = sorted(objects, key=_age)
        newest = next((name for name in reversed(versions) if objects[name]), None)
        if newest is None and versions and versions[0].number:
            reason = "it was truncated: it is shorter than what was written"
            raise BackupCorrupt(self.object_path(versions[0]), 0, reason)
        return newest

    def write_bytes(self, data: bytes) -> None:
        """Replace the content of a small file, durably.

        Raises:
            LockLost: another process writes to this backup.
            BackupUnusable: the storage fails; the file keeps its content.
        """
        session, is_first = self.session, self.name not in self.storage.written
        listed = self.storage.objects(self.name)
        self._require_no_other_writer(listed)
        objects = [name for name in listed if name.series == self.series]
        number = max((name.number for name in objects), default=-1) + 1
        name = ObjectName.of(data, series=self.series, number=number, session=session)
        self.storage.written[self.name] = name
        self.storage.write(self.name, name, data)
        if is_first:
            self._require_to_be_alone(name, listed)
        for earlier in objects:
            self.storage.remove(self.name, earlier)

    def _require_no_other_writer(self, listed: Mapping[ObjectName, bool]) -> None:
        """Refuse to replace what a process of a later session wrote, or what this one has never read."""
        series, session, written = self.series, self.session, self.storage.written.get(self.name)
        others = [name for name in listed if (name.series, name.session) > (series, session)]
        others += [name for name in listed if (name.series, name.session) == (series, session) and name != written]
        if written is None and self.name in self.storage.known:
            known = self.storage.known[self.name]
            complete = [name for name, whole in listed.items() if whole and name.series == series]
            others += [name for name in complete if known is None or _age(name) > _age(known)]
        if others:
            raise self._lock_lost(others)

    def _require_to_be_alone(self, name: ObjectName, listed: Mapping[ObjectName, bool]) -> None:
        """Withdraw this process's first object if another one wrote, too: the one that lists later sees both."""
        others = [each for each in self.storage.objects(self.name) if each not in listed and each != name]
        if others:
            self.storage.remove(self.name, name)
            del self.storage.written[self.name]
            raise self._lock_lost(others)

    def _lock_lost(self, others: Sequence[ObjectName]) -> LockLost:
        return LockLost(f"the backup {self.parent}/{self.backup}", f"another process wrote {max(others, key=_age)}")

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove all objects of this file, the last one first, so that after a crash the rest is still valid.

        Raises:
            FileNotFoundError: there are none.
            BackupUnusable: the storage fails.
        """
        objects = self.objects()
        if not objects and not missing_ok:
            raise FileNotFoundError(str(self))
        for name in sorted(objects, reverse=True):
            self.storage.remove(self.name, name)

    # ------------------------------------------------------------ file of which no version matters

    def overwrite(self, data: bytes) -> None:
        """Overwrite this file, which is one object, without reading it back or trying again.

        Raises:
            BackupUnusable: the storage fails.
        """
        self.storage.write_plain(self.name, data, check=False, retry=False)

    def overwritten(self) -> bytes:
        """Return what :meth:`overwrite` wrote.

        Raises:
            FileNotFoundError: there is nothing.
            BackupUnusable: the storage fails.
        """
        return self.storage.read_plain(self.name, retry=False)

    def remove_overwritten(self) -> None:
        """Remove it; it may be missing.

        Raises:
            BackupUnusable: the storage fails.
        """
        self.storage.remove_plain(self.name, retry=False)


def _age(name: ObjectName) -> tuple[int, int]:
    return name.session, name.number
