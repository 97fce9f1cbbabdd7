"""Looks at all vectors of an index: their lengths, zeros, NaN, norms, and duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import define, field, frozen

from fieldfare.definition import Storage
from fieldfare.definition.jsonpath import split_path
from fieldfare.documents import KeyCounter
from fieldfare.report import Finding, Severity
from fieldfare.support.wording import counted
from fieldfare_vectors.datatype import INTEGERS, width_of
from fieldfare_vectors.vector_reader import read_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldfare.definition import Field
    from fieldfare.documents import Batch
    from fieldfare.hooks.examination import ExaminedIndex

__all__ = ["VectorExaminer", "vector_examiner"]

UNIT_TOLERANCE: Final = 0.01
"""How far the norm of a vector may be from 1: more than float16 and bfloat16 round off."""

DIGESTS: Final = 200_000
"""How many vectors are remembered to find duplicates; bounds the memory."""


@define
class VectorCounts:
    """What was seen of one vector field.

    Attributes:
        vectors: how many there are of the right length.
        lengths: bytes of a value → how many have it, of hashes.
        lengths_keys: documents with another length than the index takes.
        zeros: documents whose vectors are all zeros.
        non_finite: documents whose vectors have NaN or infinity.
        unnormalized: documents whose vectors do not have the norm 1.
        duplicates: documents whose vectors an earlier document has, too.
        digests: the digests of the vectors that are remembered.
    """

    vectors: int = 0
    lengths: Counter[int] = field(factory=Counter)
    lengths_keys: KeyCounter = field(factory=KeyCounter)
    zeros: KeyCounter = field(factory=KeyCounter)
    non_finite: KeyCounter = field(factory=KeyCounter)
    unnormalized: KeyCounter = field(factory=KeyCounter)
    duplicates: KeyCounter = field(factory=KeyCounter)
    digests: set[bytes] = field(factory=set)


def vector_examiner(index: ExaminedIndex) -> VectorExaminer | None:
    """Return an examiner of the vector fields of an index; None if it has none."""
    is_hash = index.definition.storage is Storage.HASH
    fields = tuple(
        each for each in index.definition.fields if each.is_vector and (is_hash or not split_path(each.path)[1])
    )
    return VectorExaminer(index, fields) if fields else None


@frozen
class VectorExaminer:
    """Counts vectors that an index cannot use, or uses badly.

    Attributes:
        index: the examined index.
        fields: its vector fields.
    """

    index: ExaminedIndex
    fields: tuple[Field, ...]
    _counts: dict[str, VectorCounts] = field(factory=dict, init=False)

    @property
    def paths(self) -> Sequence[str]:
        """Those of the vector fields."""
        return tuple(dict.fromkeys(each.path for each in self.fields))

    def add(self, batch: Batch, unindexed: frozenset[bytes]) -> None:
        """Look at the vectors of a batch."""
        del unindexed
        for each in self.fields:
            self._add(self._counts.setdefault(each.name, VectorCounts()), each, batch)

    def findings(self) -> list[Finding]:
        """Return what was found about each field."""
        return [
            finding
            for each in self.fields
            if each.name in self._counts
            for finding in _findings(each, self._counts[each.name])
        ]

    def _add(self, counts: VectorCounts, vector_field: Field, batch: Batch) -> None:
        column, storage = batch[vector_field.path], self.index.definition.storage
        datatype, dims = _datatype(vector_field), int(vector_field.attrs["dims"])
        rows, vectors = read_vectors(column, storage, datatype, dims)
        present = [row for row, length in enumerate(column.lengths) if length >= 0]
        if storage is Storage.HASH:
            counts.lengths.update(column.lengths[row] for row in present)
        counts.lengths_keys.add(batch.keys[row] for row in sorted({*present} - {*rows}) if not _is_null(column[row]))
        counts.vectors += len(rows)
        keys = [batch.keys[row] for row in rows]
        values = vectors.astype(np.float64)
        finite = np.all(np.isfinite(values), axis=1)
        zero = np.all(values == 0, axis=1)
        counts.non_finite.add(_chosen(keys, ~finite))
        counts.zeros.add(_chosen(keys, zero))
        if datatype not in INTEGERS:
            with np.errstate(all="ignore"):
                norms = np.sqrt(np.einsum("ij,ij->i", values, values))
            counts.unnormalized.add(_chosen(keys, finite & ~zero & (np.abs(norms - 1) > UNIT_TOLERANCE)))
        self._add_duplicates(counts, keys, vectors)

    def _add_duplicates(self, counts: VectorCounts, keys: Sequence[bytes], vectors: NDArray[Any]) -> None:
        for key, vector in zip(keys, vectors, strict=True):
            digest = blake2b(vector.tobytes(), digest_size=12).digest()
            if digest in counts.digests:
                counts.duplicates.add([key])
            elif len(counts.digests) < DIGESTS:
                counts.digests.add(digest)


def _findings(vector_field: Field, counts: VectorCounts) -> Iterator[Finding]:
    name, metric = vector_field.name, str(vector_field.attrs["distance_metric"]).lower()
    required = int(vector_field.attrs["dims"])
    if counts.lengths_keys.count:
        width = width_of(_datatype(vector_field))
        mixed = ", ".join(f"{length:,} bytes ({count:,})" for length, count in sorted(counts.lengths.items()))
        detail = f"other than {required:,} values ({required * width:,} bytes): {counts.lengths_keys}"
        detail = f"{detail}; lengths found: {mixed}" if mixed else detail
        yield _finding("vector_length", name, counts.lengths_keys, Severity.ERROR, detail)
    if counts.non_finite.count:
        detail = f"NaN or infinity: no distance, and they can hide others from a query: {counts.non_finite}"
        yield _finding("non_finite_vectors", name, counts.non_finite, Severity.ERROR, detail)
    if counts.zeros.count:
        effect = (
            "no distance under COSINE, and they can hide others from a query"
            if metric == "cosine"
            else "all values are 0"
        )
        severity = Severity.ERROR if metric == "cosine" else Severity.WARNING
        yield _finding("zero_vectors", name, counts.zeros, severity, f"zeros: {effect}: {counts.zeros}")
    if counts.unnormalized.count and metric == "ip":
        detail = f"the norm is not 1, so IP ranks long vectors first: {counts.unnormalized}"
        yield _finding("unnormalized_vectors", name, counts.unnormalized, Severity.WARNING, detail)
    if counts.duplicates.count:
        detail = f"another document has the same vector: {counts.duplicates}"
        yield _finding("duplicate_vectors", name, counts.duplicates, Severity.INFO, detail)
    if counts.vectors and not (counts.lengths_keys.count or counts.non_finite.count or counts.zeros.count):
        detail = f"{counted(counts.vectors, 'vector')} of {required:,} values, none of zeros, NaN or infinity"
        yield Finding(f"vectors:{name}", passed=True, detail=detail)


def _finding(check: str, name: str, counter: KeyCounter, severity: Severity, detail: str) -> Finding:
    keys = [key.decode("utf-8", "backslashreplace") for key in counter.keys]
    data = {"field": name, "documents": counter.count, "keys": keys}
    return Finding(f"{check}:{name}", passed=False, severity=severity, detail=detail, data=data)


def _datatype(vector_field: Field) -> str:
    return str(vector_field.attrs["datatype"]).lower()


def _is_null(value: bytes | None) -> bool:
    return value is None or value == b"null"


def _chosen(keys: Sequence[bytes], mask: NDArray[np.bool_]) -> Iterator[bytes]:
    return (key for key, chosen in zip(keys, mask, strict=True) if chosen)
