"""Checks that a backup is complete, belongs to its journal, and holds only keys that the index covers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from fieldfare.backup.record import RESTORED_TAGS, REWRITE
from fieldfare.backup.record_file import RecordFile
from fieldfare.backup.shards import Shard
from fieldfare.errors import BackupCorrupt

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


def digest(keys: RecordFile, files: Sequence[Shard], batches: Mapping[str, int]) -> str:
    """Return the SHA-256 of the checksums of all frames, in hexadecimal digits; bodies are not read.

    Args:
        keys: the captured keys.
        files: the originals.
        batches: tag → number of batches that the digest covers, from the first on.
    """
    found = hashlib.sha256()
    for _, frame, _ in keys.read():
        found.update(frame.checksum.to_bytes(4, "little"))
    left = Counter(batches)
    for shard in files:
        found.update(f"|{shard.number}|".encode())
        for record, frame, _ in shard.read():
            if left[record.tag] > 0:
                left[record.tag] -= 1
                found.update(frame.checksum.to_bytes(4, "little"))
    return found.hexdigest()


def verify(keys: RecordFile, files: Sequence[Shard], expected: ExpectedBackup) -> None:
    """Read every byte once and check it. Memory: one header, the keys of a batch, and a mebibyte.

    Raises:
        BackupCorrupt: a frame is damaged, missing or cut short; the seal of the keys is missing; a file is of another
            run, or has keys that the index does not cover.
    """
    _verify_keys(keys, expected)
    dumped: Counter[str] = Counter()
    for shard in files:
        found = shard.check()
        dumped.update(found)
        if shard.stop is not None and found[REWRITE] < shard.stop - shard.start:
            reason = f"the file ends with {found[REWRITE]} of {shard.stop - shard.start} batches"
            raise BackupCorrupt(shard.path, _size(shard.path), reason)
    for tag, batches in expected.batches.items():
        if dumped[tag] < batches:
            reason = f"the file ends with {dumped[tag]} of {batches} batches of {tag!r}"
            raise BackupCorrupt(files[0].path, _size(files[0].path), reason)
    if expected.digest and digest(keys, files, expected.batches) != expected.digest:
        raise BackupCorrupt(files[0].path, 0, "the file is not damaged, but is of another run,")
    all_files: list[RecordFile | Shard] = [keys, *files]
    for log in all_files:
        _check_prefixes(log, expected.prefixes)


def _verify_keys(log: RecordFile, expected: ExpectedBackup) -> None:
    captured: Counter[str] = Counter()
    for record in log.check():
        captured[record.kind] += record.rows if record.kind == "keys" else 1
    if captured["keys"] < expected.keys:
        reason = f"the file ends with {captured['keys']} of {expected.keys} keys"
        raise BackupCorrupt(log.path, _size(log.path), reason)
    if captured and not captured["seal"]:
        raise BackupCorrupt(log.path, _size(log.path), "the file ends without its seal")


def _check_prefixes(log: RecordFile | Shard, prefixes: tuple[bytes, ...]) -> None:
    """Check that the index covers all keys. With other keys in a file, a rollback would overwrite other documents."""
    if b"" in prefixes:
        return
    for record, frame, reader in log.read():
        if record.tag not in {"", *RESTORED_TAGS}:  # plugins decide which keys they save
            continue
        own = record.read_keys(reader.start(frame, sum(record.keys)))
        uncovered = next((key for key in own if not key.startswith(prefixes)), None)
        if uncovered is not None:
            raise BackupCorrupt(log.path, frame.offset, f"the index does not cover the key {uncovered!r:.100}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
