"""The result of an examination. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from fieldfare.report import Finding, Severity
from fieldfare.support.structure import make_converter, structure

__all__ = ["Examination", "FieldMemory", "examination_from_dict", "examination_to_dict"]

DERIVED: Final = "passed"

_CONVERTER: Final = make_converter()


@frozen
class FieldMemory:
    """The space that one field takes.

    Attributes:
        name: the name of the field.
        type: the type of the field.
        documents: how many of the examined documents have it.
        document_bytes: the bytes of its values in all documents; estimated from the examined ones.
        index_bytes: the bytes of its part of the index; None if the server tells only the total of all fields.
    """

    name: str
    type: str
    documents: int
    document_bytes: int
    index_bytes: int | None = None


@frozen(hash=False)
class Examination:
    """What was found in an index.

    Attributes:
        examined_index: its name.
        documents: how many it holds.
        keys: how many keys have its prefixes; None if it has a filter, so that this says nothing.
        examined: how many documents were read.
        is_sample: whether that is a sample.
        findings: the findings of the kernel, then of each plugin.
        fields: memory by field, in the order of the definition.
        index_memory_mb: part of the index → MiB, as FT.INFO names them.
    """

    examined_index: str
    documents: int
    keys: int | None
    examined: int
    is_sample: bool
    findings: tuple[Finding, ...] = ()
    fields: tuple[FieldMemory, ...] = ()
    index_memory_mb: Mapping[str, float] = field(factory=dict)
    version: int = 1

    def has_failed(self, *severities: Severity) -> bool:
        """Return whether a finding of one of these severities did not pass."""
        return any(not each.passed and each.severity in severities for each in self.findings)


def examination_to_dict(examination: Examination) -> dict[str, Any]:
    """Return an examination as plain values."""
    plain: dict[str, Any] = _CONVERTER.unstructure(examination)
    return {DERIVED: not examination.has_failed(Severity.ERROR), **plain}


def examination_from_dict(document: Mapping[str, Any]) -> Examination:
    """Return the examination that plain values describe.

    Raises:
        StructureError: they do not; with all problems.
    """
    return structure(_CONVERTER, {key: value for key, value in document.items() if key != DERIVED}, Examination)
