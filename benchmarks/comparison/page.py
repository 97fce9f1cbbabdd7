"""The page of the documentation, and the figures that other pages quote: all made of the JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from comparison.floor import PARTS
from comparison.markdown import make_table, write_between
from comparison.results import CaseResult, Comparison
from comparison.table import cell, figure, ratio, rounds
from comparison.tools import FIELDFARE, REDISVL

__all__ = ["BEGIN", "END", "PAGE", "make_page", "make_quote", "quote", "write_page"]

PAGE: Final = "benchmarks.md"
BEGIN: Final = "<!-- figures of make bench -->"
END: Final = "<!-- end of figures of make bench -->"

BUSY: Final = "\n**Other programs were running: these figures are only a trial.**"

INTRODUCTION: Final = """\
# How fast is it?

fieldfare and RedisVL's migrator (`rvl migrate`) on the same migrations, in one run. `make bench` measures, and writes
this page; all rounds are in [benchmarks.json](benchmarks.json).

{setting}

- Each command is a process of its own, so its start counts. Everything that makes fieldfare safe is on, as by default.
- The commands take turns. Every run starts with a server that has just been started, and with the same documents.
- Figures are medians. A ratio is the median of the rounds' ratios: how many times as much RedisVL took. Above 1,
  fieldfare is better.
- Outage: a client in a process of its own queries the index all the time. From its first answer that is an error or
  lacks documents to the first one that has them all.
- p99 of queries: within this time 99 of 100 queries of that client were answered in full, while the command ran.
- Where HNSW or int8 takes part, vectors are sentence embeddings: {embeddings:,} real ones, and weighted means of two of
  them for further documents. All other vectors are random.

![How many times as much RedisVL took for plan, apply and outage](plots/compare.png)
"""


def write_page(comparison: Comparison, directory: Path) -> None:
    """Write the page."""
    (directory / PAGE).write_text(make_page(comparison), encoding="utf-8")


def make_page(comparison: Comparison) -> str:
    """Return the whole page."""
    compared = [result for result in comparison.cases if FIELDFARE in result.participants]
    sections = [
        INTRODUCTION.format(setting=_setting(comparison), embeddings=comparison.embeddings),
        "## Apply\n",
        _apply(compared),
        *_notes(comparison.cases),
        "## Plan and roll back\n",
        _plan_and_rollback(compared),
        "RedisVL's rollback writes vectors back and leaves the index as it is, which then lacks these documents.",
        "Other changes it does not roll back.\n",
        "## Processor, memory and other clients\n",
        _resources(compared),
        *_floor(comparison.cases),
        *_workers(comparison.cases),
    ]
    return "\n".join(sections)


def make_quote(comparison: Comparison) -> str:
    """Return the ratios that other pages quote."""
    rows = [
        (result.name, *(ratio(result.ratio(command, FIELDFARE, metric)) for command, metric in _QUOTED))
        for result in comparison.cases
        if result.baseline == REDISVL
    ]
    table = make_table(("how many times as much RedisVL takes", "`plan`", "`apply`", "outage", "memory"), rows)
    return f"{table}\n{_setting(comparison)}\n"


_QUOTED: Final = (
    ("plan", "wall_seconds"),
    ("apply", "wall_seconds"),
    ("apply", "outage_seconds"),
    ("apply", "peak_mib"),
)


def quote(comparison: Comparison, path: Path) -> None:
    """Write the figures between the marks of a file.

    Raises:
        SystemExit: the file has no marks.
    """
    write_between(path, BEGIN, END, make_quote(comparison))


def _setting(comparison: Comparison) -> str:
    machine = comparison.machine
    versions = " and ".join(f"{name} {version}" for name, version in comparison.versions.items())
    servers = ", ".join(dict.fromkeys(result.server for result in comparison.cases))
    return (
        f"{versions} (commit {comparison.commit}), {rounds(comparison)} on {comparison.date} UTC;\n"
        f"{servers}; Python {machine.python}; {machine.cores} cores of {machine.processor},"
        f" {machine.memory_mib:,} MiB,\nbackups on {machine.file_system};"
        f" load average {machine.load_average} at the start."
        f"{BUSY if machine.load_average > machine.cores / 2 else ''}"
    )


def _apply(results: Sequence[CaseResult]) -> str:
    header = ("migration", FIELDFARE, REDISVL, "ratio", "outage", "RedisVL's", "ratio", "the server's build")
    return make_table(
        header,
        [
            (
                result.name,
                *_compared(result, "apply", "wall_seconds"),
                *_compared(result, "apply", "outage_seconds"),
                figure(median(result.build_seconds), "wall_seconds"),
            )
            for result in results
        ],
    )


def _plan_and_rollback(results: Sequence[CaseResult]) -> str:
    header = ("migration", "plan", "RedisVL's", "ratio", "rollback", "RedisVL's", "ratio")
    return make_table(
        header,
        [
            (result.name, *_compared(result, "plan", "wall_seconds"), *_compared(result, "rollback", "wall_seconds"))
            for result in results
        ],
    )


def _resources(results: Sequence[CaseResult]) -> str:
    columns = {
        "apply: client CPU": ("apply", "cpu_seconds"),
        "server CPU": ("apply", "server_seconds"),
        "peak memory": ("apply", "peak_mib"),
        "plan: peak memory": ("plan", "peak_mib"),
        "apply: p99 of queries": ("apply", "query_p99_ms"),
    }
    header = ("fieldfare / RedisVL = ratio", *columns)
    return make_table(
        header,
        [
            (result.name, *(cell(result, command, FIELDFARE, metric) for command, metric in columns.values()))
            for result in results
        ],
    )


def _compared(result: CaseResult, command: str, metric: str) -> tuple[str, str, str]:
    ours, theirs = (figure(result.median(command, name, metric), metric) for name in (FIELDFARE, REDISVL))
    return ours, theirs, ratio(result.ratio(command, FIELDFARE, metric))


def _notes(results: Sequence[CaseResult]) -> list[str]:
    notes = [f"- {result.name}: {note}\n" for result in results for note in result.notes]
    return ["".join(notes)] if notes else []


def _floor(results: Sequence[CaseResult]) -> list[str]:
    found = [result for result in results if result.floor]
    rows = [
        (
            result.name,
            *(figure(median(each[part] for each in result.floor), "wall_seconds") for part in PARTS),
            figure(median(sum(each.values()) for each in result.floor), "wall_seconds"),
        )
        for result in found
    ]
    text = (
        "The same with hand-packed commands on one connection, and nothing that makes it safe except a copy on disk:\n"
    )
    return ["## The floor\n", text, make_table(("migration", *PARTS, "in all"), rows)] if rows else []


def _workers(results: Sequence[CaseResult]) -> list[str]:
    rows = [
        (
            result.name,
            name.rpartition(" ")[2],
            *(
                figure(result.median(command, name, "wall_seconds"), "wall_seconds")
                for command in ("apply", "rollback")
            ),
            *(ratio(result.ratio(command, name, "wall_seconds")) for command in ("apply", "rollback")),
        )
        for result in results
        if FIELDFARE not in result.participants
        for name in reversed(result.participants)
    ]
    header = ("migration", "workers", "apply", "rollback", "apply, ratio to one", "rollback, ratio to one")
    return ["## Workers\n", make_table(header, rows)] if rows else []
