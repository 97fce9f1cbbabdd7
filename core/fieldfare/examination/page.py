"""The page of an examination."""

from __future__ import annotations

from fieldfare.examination.model import Examination, FieldMemory
from fieldfare.report import Severity
from fieldfare.report.html.checks import findings_table
from fieldfare.report.html.markup import element, section, table, visible
from fieldfare.report.html.page import badge, cards, page
from fieldfare.support.units import bytes_text

__all__ = ["examination_page"]

MEBIBYTE = 1 << 20


def examination_page(examination: Examination) -> str:
    """Return the page of an examination: findings, and memory."""
    title = f"Examination of {examination.examined_index}"
    return page(
        visible(title),
        element("h1", title),
        element("p", _verdict(examination)),
        cards(_facts(examination)),
        section("Findings", findings_table(examination.findings), name="findings"),
        section(
            "Memory by field",
            table(
                ["Field", "Type", "Examined documents with it", "In documents", "In the index"],
                [_row(each) for each in examination.fields],
                numbers=[2, 3, 4],
                stacked=True,
            ),
            element("p", "Of a sample, bytes in documents are an estimate for all of them.", class_="quiet"),
            name="fields",
        ),
        section(
            "Memory of the index by part",
            table(
                ["Part", "Size"],
                [[part, bytes_text(size * MEBIBYTE)] for part, size in examination.index_memory_mb.items() if size],
                numbers=[1],
            ),
            name="parts",
        ),
        element("footer", "Written by fieldfare."),
    )


def _verdict(examination: Examination) -> str:
    if examination.has_failed(Severity.ERROR):
        return badge("errors", "bad")
    return badge("warnings", "warn") if examination.has_failed(Severity.WARNING) else badge("no problem found", "good")


def _facts(examination: Examination) -> dict[str, str]:
    facts = {"documents in the index": f"{examination.documents:,}"}
    if examination.keys is not None:
        facts["keys under its prefixes"] = f"{examination.keys:,}"
    facts["documents examined" + (", a sample" if examination.is_sample else "")] = f"{examination.examined:,}"
    facts["findings"] = f"{sum(not each.passed for each in examination.findings):,}"
    return facts


def _row(memory: FieldMemory) -> list[str]:
    in_index = "-" if memory.index_bytes is None else bytes_text(memory.index_bytes)
    return [memory.name, memory.type, f"{memory.documents:,}", bytes_text(memory.document_bytes), in_index]
