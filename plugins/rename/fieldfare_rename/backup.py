"""Checking all documents before any is changed, and saving those that moving the value back does not restore."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

from attrs import evolve

from fieldfare.changes.renaming import is_same_place
from fieldfare.definition import Storage
from fieldfare.documents import KeyCounter, Note
from fieldfare.errors import UnconvertibleDocuments
from fieldfare.hooks.run import Run
from fieldfare.plan import Step
from fieldfare.server import Server
from fieldfare.server.conditional_write import is_wrong_type
from fieldfare.server.key_filter import find_other_replies
from fieldfare.server.pipeline import Command, checked, encode
from fieldfare_rename.movement import Keep
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, containers, renames_of

__all__ = ["back_up"]


FoundOriginals: TypeAlias = tuple[Sequence[bytes], list[Original]]
"""A batch of keys, and the documents of it to save in the backup."""


def back_up(step: Step, run: Run) -> None:
    """Save both values of documents that have both names; stop if a document cannot be renamed.

    Saves one batch of originals for each batch of keys, often an empty one.

    Raises:
        UnconvertibleDocuments: documents have both names, and the user did not choose which value is kept; or a
            parent of the new name is not an object; or documents have the new name, and other steps of the plan
            rewrite the field.
    """
    rename = Rename.of(step)
    keep = {"keep-old": Keep.SOURCE, "keep-new": Keep.TARGET}.get(run.options.on_conflict or "")
    scan = TargetScan(
        run.server, run.source.storage, rename, keep=keep, target_freed=_target_is_freed(step, rename, run)
    )
    for keys, originals in scan.originals(run.captured_keys()):
        run.save(step, Original.to_batch(originals))
        run.advance(len(keys) - len(originals))
    _stop_on_problems(rename, scan, keep, rewritten=_is_rewritten(rename, run))
    if scan.both_names.count:
        kept = rename.old if keep is Keep.SOURCE else rename.new
        detail = f"the value of {kept!r} is kept; the backup has both"
        run.note([Note("both names", rename.old, scan.both_names.count, tuple(scan.both_names.keys), detail=detail)])


def _target_is_freed(step: Step, rename: Rename, run: Run) -> bool:
    """Whether an earlier step moves the current value of the target away."""
    earlier = takewhile(lambda each: each.id != step.id, run.plan.steps)
    storage = run.source.storage
    return any(is_same_place(other.source, rename.target, storage) for _, other in renames_of(earlier))


def _is_rewritten(rename: Rename, run: Run) -> bool:
    """Whether another step rewrites the values under their old name."""
    storage = run.source.storage
    paths = (path for step in run.plan.steps if step.transforms for path in step.fields)
    return any(is_same_place(path, rename.source, storage) for path in paths)


def _stop_on_problems(rename: Rename, scan: TargetScan, keep: Keep | None, *, rewritten: bool) -> None:
    problems = []
    both_names = f"{rename.source!r} and {rename.target!r} both exist in {scan.both_names}"
    if scan.no_parent.count:
        problems.append(f"a parent of {rename.target} is not an object in {scan.no_parent}")
    if rewritten and scan.new_name_only.count:
        problems.append(
            f"this plan rewrites {rename.source!r} only, but {rename.target!r} exists already in {scan.new_name_only}: "
            "use two plans"
        )
    if rewritten and scan.both_names.count and keep is Keep.TARGET:
        problems.append(
            f"this plan rewrites {rename.source!r} only, but {both_names}: keep the old value, or use two plans"
        )
    advice = None
    if scan.both_names.count and keep is None:
        advice = "--on-conflict keep-old or --on-conflict keep-new" if not problems else None
        problems.append(both_names)
    if problems:
        raise UnconvertibleDocuments(problems, override=advice)


class TargetScan:
    """Finds the documents whose value cannot simply be moved, batch by batch. Only reads.

    Args:
        server: the server of the documents.
        storage: how they are stored.
        rename: the source and the target.
        keep: which value is kept if both names exist; None if the user did not choose.
        target_freed: whether an earlier step of the same plan moves the target's value away.

    Attributes:
        both_names: documents with both names.
        new_name_only: documents with the new name only.
        no_parent: documents with a value, in which a parent of the target is not an object.
    """

    def __init__(
        self, server: Server, storage: Storage, rename: Rename, *, keep: Keep | None, target_freed: bool
    ) -> None:
        self.both_names, self.new_name_only, self.no_parent = KeyCounter(), KeyCounter(), KeyCounter()
        self._server, self._storage = server, storage
        self._keep = keep
        self._source, self._target = encode(rename.source), encode(rename.target)
        self._target_freed = target_freed
        parents = map(encode, containers(rename.source, rename.target, storage))
        self._paths = [*([] if target_freed else [self._target]), *parents]

    def originals(self, key_batches: Iterable[Sequence[bytes]]) -> Iterator[FoundOriginals]:
        """Yield each batch of keys with the documents to save in the backup."""
        if self._storage is Storage.JSON:
            yield from self._json_originals(key_batches)
        elif self._target_freed:
            yield from ((keys, []) for keys in key_batches)
        else:
            others = find_other_replies(self._server, key_batches, "HEXISTS", self._target, usual=b"0")
            for keys, found in others:
                occupied = [key for key in keys if found.get(key) == b"1"]
                yield keys, list(self._with_new_name(occupied)) if occupied else []

    def _json_originals(self, key_batches: Iterable[Sequence[bytes]]) -> Iterator[FoundOriginals]:
        sent: deque[Sequence[bytes]] = deque()

        def commands() -> Iterator[list[Command]]:
            for keys in key_batches:
                sent.append(keys)
                yield [(b"JSON.TYPE", key, path) for key in keys for path in self._paths]

        for replies in self._server.bulk_stream(commands()):
            keys = sent.popleft()
            yield keys, self._json_batch(keys, replies)

    def _json_batch(self, keys: Sequence[bytes], replies: Sequence[Any]) -> list[Original]:
        occupied: list[bytes] = []
        without_parent: list[bytes] = []
        incomplete: list[Original] = []
        width = len(self._paths)
        for place, key in enumerate(keys):
            answers = replies[place * width : (place + 1) * width]
            if any(map(is_wrong_type, answers)):
                continue
            target, *parents = [None] * self._target_freed + list(map(_kind, answers))
            if target is not None:
                occupied.append(key)
            elif any(kind not in {None, b"object"} for kind in parents):
                without_parent.append(key)
            elif None in parents:
                incomplete.append(Original(key, created=b"%d" % parents.count(None)))
        kinds = map(_kind, self._read([(b"JSON.TYPE", key, self._source) for key in without_parent]))
        self.no_parent.add(key for key, kind in zip(without_parent, kinds, strict=True) if kind is not None)
        return [*incomplete, *self._with_new_name(occupied)]

    def _with_new_name(self, keys: Sequence[bytes]) -> Iterator[Original]:
        """Yield the documents that have the new name; with both values, if the user chose which one is kept."""
        read = self._hash_values if self._storage is Storage.HASH else self._json_values
        for original in read(keys):
            if original.old is None or original.new is None:
                self.new_name_only.add([original.key])
                yield Original(original.key)
                continue
            self.both_names.add([original.key])
            if self._keep is not None:
                yield evolve(original, keep=self._keep.encode())

    def _hash_values(self, keys: Sequence[bytes]) -> Iterator[Original]:
        names = (self._source, self._target)
        values = self._read([(b"HMGET", key, *names) for key in keys])
        expiries: Sequence[Any] = [(-1, -1)] * len(keys)
        if self._server.capabilities.has_hash_field_ttl:
            expiries = self._read([(b"HPEXPIRETIME", key, b"FIELDS", 2, *names) for key in keys])
        for key, (old, new), expires in zip(keys, values, expiries, strict=True):
            old_expires_at, new_expires_at = map(_digits, expires)
            yield Original(key, old, new, old_expires_at, new_expires_at)

    def _json_values(self, keys: Sequence[bytes]) -> Iterator[Original]:
        texts = self._read([(b"JSON.GET", key, path) for key in keys for path in (self._source, self._target)])
        for place, key in enumerate(keys):
            old, new = (None if text in {None, b"[]"} else text[1:-1] for text in texts[2 * place : 2 * place + 2])
            yield Original(key, old, new)

    def _read(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._server.bulk(commands) if commands else []
        return [checked(reply) for reply in replies]


def _kind(reply: Any) -> bytes | None:
    """Return the type from JSON.TYPE, in RESP2 or RESP3."""
    reply = checked(reply)
    while isinstance(reply, list):
        reply = reply[0] if reply else None
    kind: bytes | None = reply or None
    return kind


def _digits(expires_at: int) -> bytes | None:
    return b"%d" % expires_at if expires_at > 0 else None
