"""Checks that a backup is complete, belongs to its journal, and holds only keys that the index covers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, repeat

from attrs import field, frozen

from fieldfare.backup.frame import Frame
from fieldfare.backup.record import RESTORED_TAGS, REWRITE, Record
from fieldfare.backup.segment_file import RecordLog
from fieldfare.backup.shards import Shard
from fieldfare.errors import BackupCorrupt
from fieldfare.storage import BackupPath

__all__ = ["ExpectedBackup", "digest", "verify"]


@frozen(hash=False)
class ExpectedBackup:
    """What the journal recorded about a backup. Without it, a replaced or shortened file may not be detected.

    Attributes:
        batches: tag → minimum number of batches.
        keys: minimum number of captured keys.
        digest: result of :func:`digest` when the backup was made durable; "" if it is not known.
        prefixes: every key starts with one of these.
    """

    batches: Mapping[str, int] = field(factory=dict)
    keys: int = 0
    digest: str = ""
    prefixes: tuple[bytes, ...] = (b"",)


def digest(keys: RecordLog, files: Sequence[Shard], batches: Mapping[str, int]) -> str:
    """Return the SHA-256 of the checksums of all frames, in hexadecimal digits; bodies are not read.

    Args:
        keys: the captured keys.
        files: the originals.
        batches: tag → number of batches that the digest covers, from the first on.
    """
    found = hashlib.sha256()
    for _, checksum in keys.checksums():
        found.update(checksum.to_bytes(4, "little"))
    left = Counter(batches)
    for shard in files:
        found.update(f"|{shard.number}|".encode())
        for tag, checksum in shard.checksums():
            if left[tag] > 0:
                left[tag] -= 1
                found.update(checksum.to_bytes(4, "little"))
    return found.hexdigest()


def verify(keys: RecordLog, files: Sequence[Shard], expected: ExpectedBackup) -> None:
    """Read every byte once and check it. Memory: one header, the keys of a batch, and a mebibyte.

    Raises:
        BackupCorrupt: a frame is damaged, missing or cut short; the seal of the keys is missing; a file is of another
            run, or has keys that the index does not cover.
    """
    found = hashlib.sha256()
    uncovered: BackupCorrupt | None = None  # raised last: a file of another run is to be named as such
    captured: Counter[str] = Counter()
    for record, frame, own in keys.check():
        found.update(frame.checksum.to_bytes(4, "little"))
        captured[record.kind] += record.rows if record.kind == "keys" else 1
        uncovered = uncovered or _uncovered(keys.path, record, frame, own, expected.prefixes)
    _require_all_keys(keys, captured, expected)
    dumped: Counter[str] = Counter()
    for shard in files:
        found.update(f"|{shard.number}|".encode())
        before = dumped[REWRITE]
        for record, frame, own in shard.check():
            dumped[record.tag] += 1
            if dumped[record.tag] <= expected.batches.get(record.tag, 0):
                found.update(frame.checksum.to_bytes(4, "little"))
            if record.tag in RESTORED_TAGS:  # plugins decide which keys they save
                uncovered = uncovered or _uncovered(shard.path, record, frame, own, expected.prefixes)
        _require_all_batches(shard, dumped[REWRITE] - before)
    for tag, batches in expected.batches.items():
        if dumped[tag] < batches:
            reason = f"the file ends with {dumped[tag]} of {batches} batches of {tag!r}"
            raise BackupCorrupt(files[0].end_path, files[0].size, reason)
    if expected.digest and found.hexdigest() != expected.digest:
        raise BackupCorrupt(files[0].path, 0, "the file is not damaged, but is of another run,")
    if uncovered is not None:
        raise uncovered


def _require_all_batches(shard: Shard, batches: int) -> None:
    if shard.stop is not None and batches < shard.stop - shard.start:
        reason = f"the file ends with {batches} of {shard.stop - shard.start} batches"
        raise BackupCorrupt(shard.end_path, shard.size, reason)


def _require_all_keys(log: RecordLog, captured: Counter[str], expected: ExpectedBackup) -> None:
    if captured["keys"] < expected.keys:
        reason = f"the file ends with {captured['keys']} of {expected.keys} keys"
        raise BackupCorrupt(log.end_path, log.size, reason)
    if captured and not captured["seal"]:
        raise BackupCorrupt(log.end_path, log.size, "the file ends without its seal")


def _uncovered(
    path: BackupPath, record: Record, frame: Frame, own: bytes, prefixes: tuple[bytes, ...]
) -> BackupCorrupt | None:
    """Return an error if the index does not cover a key: a rollback would overwrite another document."""
    if b"" in prefixes:
        return None
    ends = [*accumulate(record.keys, initial=0)]
    wanted = prefixes if len(prefixes) > 1 else prefixes[0]  # one is compared faster than a tuple of one
    if all(map(own.startswith, repeat(wanted), ends, ends[1:])):
        return None
    key = next(key for key in record.read_keys(own) if not key.startswith(prefixes))
    return BackupCorrupt(path, frame.offset, f"the index does not cover the key {key!r:.100}")
