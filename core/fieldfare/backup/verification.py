"""Whether a backup is whole, the one that its journal means, and of no other keys than the index's own."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from fieldfare.backup.log import Log
from fieldfare.backup.record import RESTORED, REWRITE
from fieldfare.backup.shards import Shard
from fieldfare.errors import BackupCorrupt

__all__ = ["Expectation", "digest", "verify"]


@frozen(hash=False)
class Expectation:
    """What the journal knows of a backup: without it, a file that was swapped or shortened may look sound.

    Attributes:
        batches: tag → batches that must be there.
        keys: captured keys that must be there.
        digest: of :func:`digest` when the backup was made durable; "" if that is not known.
        prefixes: one of these begins every key.
    """

    batches: Mapping[str, int] = field(factory=dict)
    keys: int = 0
    digest: str = ""
    prefixes: tuple[bytes, ...] = (b"",)


def digest(keys: Log, files: Sequence[Shard], batches: Mapping[str, int]) -> str:
    """Return the SHA-256 of the checksums of all frames, in hexadecimal digits; bodies are not read.

    Args:
        keys: the captured keys.
        files: the originals.
        batches: tag → how many batches count; what came later does not.
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


def verify(keys: Log, files: Sequence[Shard], expected: Expectation) -> None:
    """Read every byte once and check it. Memory: one header, the keys of a batch, and a mebibyte.

    Raises:
        BackupCorrupt: a frame is damaged, missing or cut short; keys without their seal; files of another run, or
            with keys of another index.
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
        raise BackupCorrupt(files[0].path, 0, "the file is sound, and not the one of this run,")
    logs: list[Log | Shard] = [keys, *files]
    for log in logs:
        _refuse_other_keys(log, expected.prefixes)


def _verify_keys(log: Log, expected: Expectation) -> None:
    captured: Counter[str] = Counter()
    for record in log.check():
        captured[record.kind] += record.rows if record.kind == "keys" else 1
    if captured["keys"] < expected.keys:
        reason = f"the file ends with {captured['keys']} of {expected.keys} keys"
        raise BackupCorrupt(log.path, _size(log.path), reason)
    if captured and not captured["seal"]:
        raise BackupCorrupt(log.path, _size(log.path), "the file ends without its seal")


def _refuse_other_keys(log: Log | Shard, prefixes: tuple[bytes, ...]) -> None:
    """Refuse keys that the index does not cover: whoever put them there wants others' documents overwritten."""
    if b"" in prefixes:
        return
    for record, frame, reader in log.read():
        if record.tag not in {"", *RESTORED}:  # what plugins keep is theirs
            continue
        own = record.read_keys(reader.start(frame, sum(record.keys)))
        foreign = next((key for key in own if not key.startswith(prefixes)), None)
        if foreign is not None:
            raise BackupCorrupt(log.path, frame.offset, f"the index does not cover the key {foreign!r:.100}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
