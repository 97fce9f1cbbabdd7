"""Records: the content of the frames of ``.keys`` and ``.data``.

The header of a frame is a msgpack map; its body is a sequence of blocks::

    {kind: "keys", number, rows, keys}                  .keys   a batch of captured keys
    {kind: "seal", number, rows}                        .keys   the last frame: batches and keys before it
    {kind: "batch", tag, number, rows, keys, columns}   .data   the originals of a batch of documents

- ``number`` counts from 0: batches of ``.keys``, and in ``.data`` batches of one tag. A gap is corruption.
- ``rows`` is the number of documents. A batch may be empty.
- ``keys`` are lengths. The body begins with the keys, one after the other.
- ``columns`` is a list of ``[field, lengths]``. A block for each follows, in this order.
- Lengths are a list of one number per row, or one number if it is the same for all rows (as for vectors of one
  index). -1 marks a document without the field, which has no bytes in the block. Lengths of empty keys are always a
  list, so that no header can claim more rows than the file has bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from struct import unpack_from
from typing import Any, Final, Self, TypeAlias, TypeGuard

from attrs import field, frozen

from fieldfare.backup.frame import Block, TooLarge
from fieldfare.documents import MISSING, Batch, Column

__all__ = [
    "CONCURRENT_INSERTS",
    "CONCURRENT_UPDATES",
    "FORMER_TAGS",
    "OVERWRITTEN",
    "PRESENT_VALUES",
    "REMOVED_ORIGINALS",
    "REPLACED_VALUES",
    "RESTORED_TAGS",
    "REWRITE",
    "SHADOW_STATES",
    "Record",
]

REWRITE: Final = "rewrite"
"""The tag of the originals that all rewrite steps of a plan share."""

CONCURRENT_UPDATES: Final = "concurrent_updates"
"""The tag of values that an application wrote between dump and rewrite, as further originals of these documents."""

CONCURRENT_INSERTS: Final = "concurrent_inserts"
"""The tag of originals of documents that were inserted after the dump."""

OVERWRITTEN: Final = "overwritten_by_rollback"
"""The tag of values that an application wrote over converted values, and that a rollback overwrote."""

REMOVED_ORIGINALS: Final = "removed_originals"
"""The tag of originals that were removed when a run was finalized, as far as they were not in the backup before."""

PRESENT_VALUES: Final = "present_values"
"""The tag of values that documents had under the new name of a field before the run, and that it leaves alone."""

REPLACED_VALUES: Final = "replaced_values"
"""The tag of values that documents had under the new name of a field before the run, and that it replaces."""

SHADOW_STATES: Final = "shadow_states"
"""The tag of digests: of originals and of their shadow fields, as they were when a run looked at them or wrote them."""

FORMER_TAGS: Final = {"late": CONCURRENT_UPDATES, "added": CONCURRENT_INSERTS, "superseded": OVERWRITTEN}
"""Tags that version 0.1 wrote → their current names. The former ones are read, never written."""

RESTORED_TAGS: Final = frozenset({REWRITE, CONCURRENT_UPDATES, CONCURRENT_INSERTS})
"""Tags of the originals that the kernel's rollback restores."""

MOST_VALUES: Final = 2**22
"""Limit of rows times columns of one record, so that a small header cannot use much memory."""

Lengths: TypeAlias = tuple[int, ...]


@frozen(hash=False)
class Record:
    """The description of a frame's body.

    Attributes:
        kind: ``keys``, ``seal`` or ``batch``.
        number: position among the records of the same tag.
        rows: how many documents.
        tag: whose originals: a step's id, or ``rewrite``.
        keys: bytes of each key.
        columns: bytes of each value, per field.
    """

    kind: str
    number: int
    rows: int
    tag: str = ""
    keys: Lengths = ()
    columns: Mapping[str, Lengths] = field(factory=dict)

    @classmethod
    def of_keys(cls, number: int, keys: Sequence[bytes]) -> Self:
        """Describe a batch of keys."""
        return cls("keys", number, len(keys), keys=tuple(map(len, keys)))

    @classmethod
    def of_batch(cls, tag: str, number: int, batch: Batch) -> Self:
        """Describe a batch of originals.

        Raises:
            ValueError: a column has not one value per key.
            TooLarge: so many values fit no record.
        """
        rows = len(batch.keys)
        if any(len(column) != rows for column in batch.columns.values()):
            raise ValueError(f"not every column of the batch has {rows} rows")
        if rows * (len(batch.columns) + 1) > MOST_VALUES:
            raise TooLarge(f"a batch of {rows} documents with {len(batch.columns)} fields is too large")
        lengths = {name: column.lengths for name, column in batch.columns.items()}
        return cls("batch", number, rows, tag, tuple(map(len, batch.keys)), lengths)

    @classmethod
    def parse(cls, header: Mapping[str, Any], body_length: int) -> Self:
        """Read a frame's header, which must describe exactly the body that the frame has.

        Raises:
            ValueError: it does not; the message says why.
        """
        kind, number, rows = header.get("kind"), header.get("number"), header.get("rows")
        if kind not in ("keys", "seal", "batch") or not _is_count(number) or not _is_count(rows):
            raise ValueError("the header describes no keys and no documents")
        if kind == "seal":
            record = cls(kind, number, rows)
        else:
            columns = _pairs(header.get("columns", []))
            limit = min(MOST_VALUES // (len(columns) + 1), max(body_length, _listed(header.get("keys"))))
            if rows > limit:
                raise ValueError(f"the header claims {rows} documents")
            keys = _expand(header.get("keys"), rows, least=0)
            lengths = {name: _expand(each, rows, least=MISSING) for name, each in columns.items()}
            tag = str(header.get("tag", ""))
            record = cls(kind, number, rows, FORMER_TAGS.get(tag, tag), keys, lengths)
        if record.size != body_length:
            raise ValueError(f"the header describes {record.size} of {body_length} bytes")
        return record

    @property
    def header(self) -> dict[str, Any]:
        """The frame's header."""
        header: dict[str, Any] = {"kind": self.kind, "number": self.number, "rows": self.rows}
        if self.kind != "seal":
            header["keys"] = _compact(self.keys, least=1)
        if self.kind == "batch":
            header["tag"] = self.tag
            header["columns"] = [[name, _compact(lengths, least=MISSING)] for name, lengths in self.columns.items()]
        return header

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(self.keys) + sum(map(_total, self.columns.values()))

    def read_keys(self, body: bytes) -> tuple[bytes, ...]:
        """Return the keys from a body."""
        return unpack_from("%ds" * len(self.keys) % self.keys, body)

    def read_batch(self, body: bytes) -> Batch:
        """Return the batch from a body; its columns are views of the body."""
        view: Block = memoryview(body)
        ends = accumulate(map(_total, self.columns.values()), initial=sum(self.keys))
        columns = {
            name: Column(view[start:end], lengths)
            for (name, lengths), (start, end) in zip(self.columns.items(), pairwise(ends), strict=True)
        }
        return Batch(self.read_keys(body), columns)


def _total(lengths: Lengths) -> int:
    return sum(lengths) - MISSING * lengths.count(MISSING)


def _compact(lengths: Lengths, *, least: int) -> int | Lengths:
    if lengths and lengths[0] >= least and len(set(lengths)) == 1:
        return lengths[0]
    return lengths


def _expand(lengths: object, rows: int, *, least: int) -> Lengths:
    if _is_counts(lengths, least) and len(lengths) == rows:
        return tuple(lengths)
    if _is_count(lengths, least):
        return (lengths,) * rows
    raise ValueError("the header has lengths that do not fit its rows")


def _pairs(columns: object) -> dict[str, object]:
    if not isinstance(columns, list):
        raise ValueError("the header's columns are not a list")  # noqa: TRY004 - bad input, not a caller's mistake
    pairs: dict[str, object] = {}
    for each in columns:
        match each:
            case [str(name), lengths] if name not in pairs:
                pairs[name] = lengths
            case _:
                raise ValueError("the header's columns are not pairs of a field and its lengths")
    return pairs


def _listed(lengths: object) -> int:
    return len(lengths) if isinstance(lengths, list) else 0


def _is_count(value: object, least: int = 0) -> TypeGuard[int]:
    return type(value) is int and value >= least


def _is_counts(value: object, least: int) -> TypeGuard[list[int]]:
    return isinstance(value, list) and set(map(type, value)) <= {int} and min(value, default=least) >= least
