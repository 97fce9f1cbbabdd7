"""What became of the captured documents: which are missing, and which still have a value under its old name."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.definition.reply import encode
from fieldfare.documents import KeyCounter
from fieldfare.engine.rewrite_pass import paths_after
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.server.key_filter import GONE, find_other_replies
from fieldfare.server.keys import TYPES
from fieldfare.server.refusal import CommandNotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fieldfare.hooks.run import Run

__all__ = ["MissingDocuments", "RemainingValues", "find_missing_documents", "find_remaining_values"]

HAS_FIELD: Final = b"1"
"""What HEXISTS answers for a field that is there."""

NO_FIELD: Final = b"0"

WRONG_TYPE: Final = b"WRONGTYPE"
"""In what it answers for a key that holds something else than a hash."""


@frozen(hash=False)
class MissingDocuments:
    """Captured documents that are no longer documents of the index.

    Attributes:
        deleted: those that are gone: deleted, or expired.
        replaced: those whose key holds something else now.
    """

    deleted: KeyCounter = field(factory=KeyCounter)
    replaced: KeyCounter = field(factory=KeyCounter)

    @property
    def count(self) -> int:
        """How many they are together."""
        return self.deleted.count + self.replaced.count


@frozen(hash=False)
class RemainingValues:
    """Captured hashes that have a value under a name which the migration changes.

    Attributes:
        old: the field's name before.
        new: its name afterwards.
        old_only: documents with the old name only.
        both: documents with both names.
    """

    old: str
    new: str
    old_only: KeyCounter = field(factory=KeyCounter)
    both: KeyCounter = field(factory=KeyCounter)


@frozen(hash=False)
class _Captured:
    missing: MissingDocuments = field(factory=MissingDocuments)
    remaining: RemainingValues | None = None


def find_missing_documents(run: Run) -> MissingDocuments:
    """Look for every captured document under the name that its key has after the migration; once in a validation."""
    return _look(run).missing


def find_remaining_values(run: Run, old: str, new: str) -> RemainingValues | None:
    """Look for captured hashes with a value under its old name; together with :func:`find_missing_documents`.

    Args:
        run: the run.
        old: the name of a hash field before the migration.
        new: its name afterwards.

    Returns:
        None if that was not looked for: of several renamed fields, it is for one.
    """
    found = _look(run).remaining
    return found if found is not None and (found.old, found.new) == (old, new) else None


def _look(run: Run) -> _Captured:
    return run.once("fieldfare: captured documents", lambda: _examine(run))


def _examine(run: Run) -> _Captured:
    if not run.has_backup:
        return _Captured()
    renamed = _renamed_field(run)
    if renamed is not None:
        with suppress(CommandNotAllowed):  # a user who may ask for the type of a key alone
            return _examine_keys(run, renamed)
    return _examine_keys(run, None)


def _examine_keys(run: Run, renamed: tuple[str, str] | None) -> _Captured:
    captured: deque[Sequence[bytes]] = deque()

    def names_now() -> Iterator[Sequence[bytes]]:
        for keys in run.captured_keys():
            captured.append(keys)
            yield run.plan.moved_keys(keys)

    found = _Captured(remaining=None if renamed is None else RemainingValues(*renamed))
    for names, others in _ask(run, names_now(), None if renamed is None else renamed[0]):
        pairs = zip(captured.popleft(), names, strict=True)
        if others:
            _count_missing(found, [(key, others[name]) for key, name in pairs if name in others])
        if others and found.remaining is not None:
            _count_remaining(run, found.remaining, [name for name in names if others.get(name) == HAS_FIELD])
    return found


def _renamed_field(run: Run) -> tuple[str, str] | None:
    """Return the old and the new name of a hash field whose old name no document should have any more."""
    if run.source.storage is not Storage.HASH or has_shadow_fields(run.plan):
        return None
    after = paths_after(run.plan, [each.path for each in run.source.fields])
    moved = ((old, new) for old, new in after.items() if old != new and old not in after.values())
    return next(moved, None)


def _ask(
    run: Run, names: Iterator[Sequence[bytes]], renamed: str | None
) -> Iterator[tuple[Sequence[bytes], Mapping[bytes, bytes]]]:
    """Yield each batch of keys, with an answer for each one that is missing or has the renamed field."""
    if renamed is None:
        yield from find_other_replies(run.server, names, "TYPE", usual=TYPES[run.source.storage])
        return
    yield from find_other_replies(run.server, names, "HEXISTS", encode(renamed), usual=NO_FIELD, finds_gone=True)


def _count_missing(found: _Captured, answers: Sequence[tuple[bytes, bytes]]) -> None:
    is_type = found.remaining is None
    for key, answer in answers:
        if answer == GONE:
            found.missing.deleted.add([key])
        elif is_type or WRONG_TYPE in answer:
            found.missing.replaced.add([key])
        elif answer != HAS_FIELD:
            raise ResponseError(answer.decode("utf-8", "backslashreplace"))


def _count_remaining(run: Run, remaining: RemainingValues, names: Sequence[bytes]) -> None:
    if not names:
        return
    for keys, others in find_other_replies(run.server, [names], "HEXISTS", encode(remaining.new), usual=NO_FIELD):
        both = {key for key in keys if others.get(key) == HAS_FIELD}
        remaining.both.add(key for key in keys if key in both)
        remaining.old_only.add(key for key in keys if key not in both)
