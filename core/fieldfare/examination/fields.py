"""The kernel's own examiner: documents that are not indexed and why, fields, and the space that they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

from attrs import define, field, frozen

from fieldfare.definition import Field
from fieldfare.documents import Batch, KeyCounter
from fieldfare.examination.model import FieldMemory
from fieldfare.examination.value_problem import value_problem
from fieldfare.hooks.examination import ExaminedIndex
from fieldfare.report import Finding, Severity
from fieldfare.support.units import bytes_text
from fieldfare.support.wording import counted

__all__ = ["FieldExaminer"]


@define
class FieldCounts:
    """What was seen of one field.

    Attributes:
        documents: how many have it.
        size: bytes of their values.
        first: digest of the first value.
        differs: whether a value differs from the first one.
    """

    documents: int = 0
    size: int = 0
    first: bytes = b""
    differs: bool = False

    def add(self, value: bytes) -> None:
        """Count a value."""
        self.documents += 1
        self.size += len(value)
        if not self.differs:
            digest = blake2b(value, digest_size=16).digest()
            self.first = self.first or digest
            self.differs = digest != self.first


@frozen
class FieldExaminer:
    """Counts the values of each field, and looks for the reason why a document is not in the index.

    Attributes:
        index: the examined index.
        fields: those whose path leads to one value at most.
    """

    index: ExaminedIndex
    fields: tuple[Field, ...]
    _counts: dict[str, FieldCounts] = field(factory=dict, init=False)
    _unindexed: dict[tuple[str, str], KeyCounter] = field(factory=dict, init=False)
    _examined: KeyCounter = field(factory=KeyCounter, init=False)

    @property
    def paths(self) -> Sequence[str]:
        """All of them."""
        return tuple(dict.fromkeys(each.path for each in self.fields))

    @property
    def examined(self) -> int:
        """How many documents were read."""
        return self._examined.count

    def add(self, batch: Batch, unindexed: frozenset[bytes]) -> None:
        """Count the values of a batch."""
        self._examined.add(batch.keys)
        for each in self.fields:
            counts = self._counts.setdefault(each.name, FieldCounts())
            for value in batch[each.path]:
                if value is not None:
                    counts.add(value)
        for row, key in enumerate(batch.keys):
            if key in unindexed:
                for reason in self._reasons(batch, row):
                    self._unindexed.setdefault(reason, KeyCounter()).add([key])

    def findings(self) -> list[Finding]:
        """Return a finding for each reason, each field that no document has, and each useless SORTABLE."""
        return [*self._missing_documents(), *self._empty_fields(), *self._sortables()]

    def memory(self, index_bytes: dict[str, int]) -> tuple[FieldMemory, ...]:
        """Return the space that each field takes.

        Args:
            index_bytes: field → bytes of its part of the index, as far as that is known.
        """
        scale = self.index.document_count / self.examined if self.examined and self.index.is_sample else 1.0
        found = []
        for each in self.fields:
            counts = self._counts.get(each.name, FieldCounts())
            size = round(counts.size * scale)
            found.append(FieldMemory(each.name, each.type.value, counts.documents, size, index_bytes.get(each.name)))
        return tuple(found)

    def _reasons(self, batch: Batch, row: int) -> list[tuple[str, str]]:
        storage = self.index.definition.storage
        values = ((each, batch[each.path][row]) for each in self.fields)
        found = [
            (each.name, reason)
            for each, value in values
            if value is not None and (reason := value_problem(each, storage, value)) is not None
        ]
        return found or [("", "no value of a field explains it; 'last indexing error' in FT.INFO may")]

    def _missing_documents(self) -> Iterator[Finding]:
        if not self._unindexed:
            yield Finding("unindexed", passed=True, detail=f"examined documents, all in the index: {self.examined:,}")
        for (name, reason), counter in sorted(self._unindexed.items(), key=lambda item: -item[1].count):
            why = f"{name!r} {reason}" if name else reason
            keys = [key.decode("utf-8", "backslashreplace") for key in counter.keys]
            yield Finding(
                f"unindexed:{name}" if name else "unindexed",
                passed=False,
                detail=f"not in the index, because {why}: {counter}" if name else f"not in the index: {counter}; {why}",
                data={"field": name, "reason": reason, "documents": counter.count, "keys": keys},
            )

    def _empty_fields(self) -> Iterator[Finding]:
        for each in self.fields:
            if self.examined and not self._counts[each.name].documents:
                detail = f"none of {counted(self.examined, 'examined document')} has {each.path!r}"
                yield Finding(f"empty_field:{each.name}", passed=False, severity=Severity.WARNING, detail=detail)

    def _sortables(self) -> Iterator[Finding]:
        for each in self.fields:
            counts = self._counts.get(each.name, FieldCounts())
            if each.attrs.get("sortable") and counts.documents > 1 and not counts.differs:
                yield Finding(
                    f"unused_sortable:{each.name}",
                    passed=False,
                    severity=Severity.WARNING,
                    detail=f"SORTABLE, and all {counted(counts.documents, 'value')} are equal: sorting has no effect, "
                    f"and each value has a copy in memory ({bytes_text(counts.size)} of the examined documents)",
                )
