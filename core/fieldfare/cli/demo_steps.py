"""The steps of the demo, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Final, Self

from attrs import define, evolve, field

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.cli.command_line import command_line
from fieldfare.cli.demo_data import SOURCE, Entry, SearchResult, count_tagged, create, load, read_state, remove, search
from fieldfare.cli.output import bullets, table
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import report_text
from fieldfare.errors import PreconditionError
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.inspect import index_exists, read_stats
from fieldfare.support.units import bytes_text, seconds_text

__all__ = ["Demo"]

MEBIBYTE: Final = 1024 * 1024
RESULT_WIDTH: Final = 80
"""Columns of a line of the search results, in a pipe, too."""


@define
class Demo:
    """One demo: its data, and its measurements.

    Attributes:
        server: the server.
        plugins: the plugins that carry out the migration.
        data: the directory with entries and patch.
        directory: the directory for plan and backup.
        entries: the indexed entries.
        query: an entry that is not indexed.
        write: shows text to the user.
        seconds: how long each step took.
        memory: moment → what is measured → bytes.
        problems: the checks that failed.
    """

    server: Server
    plugins: Plugins
    data: Path
    directory: Path
    entries: Sequence[Entry]
    query: Entry
    write: Callable[[str], None]
    seconds: dict[str, float] = field(factory=dict)
    memory: dict[str, dict[str, float]] = field(factory=dict)
    problems: list[str] = field(factory=list)

    @classmethod
    def load(
        cls, data: Path, *, server: Server, plugins: Plugins, directory: Path, write: Callable[[str], None]
    ) -> Self:
        """Read the entries.

        Raises:
            FileError: they cannot be read.
        """
        entries = load(data, "documents.jsonl", "vectors.npy")
        query = load(data, "queries.jsonl", "queries.npy")[0]
        return cls(server, plugins, data, directory, entries, query, write)

    def run(self) -> None:
        """Run all steps, and leave the server as before.

        Raises:
            PreconditionError: the server already has an index or alias of one of the demo's names.
            FieldfareError: a step failed.
        """
        self._require_free_name(SOURCE.name)
        indexes = [SOURCE.name]
        try:
            self._create()
            results = self._search(SOURCE.name, "float32")
            original = self._measure("before", SOURCE.name)
            plan = self._plan()
            if plan.target.name != SOURCE.name:
                self._require_free_name(plan.target.name)  # else the cleanup would drop it
                indexes.append(plan.target.name)
            self._apply(plan)
            self._check("Same five results as before", self._search(plan.target.name, "float16") == results)
            self._measure("migrated", plan.target.name)
            verbs = sum(entry.pos == "verb" for entry in self.entries)
            self._check(
                f"The new field finds all {verbs} verbs", count_tagged(self.server, plan.target.name, "verb") == verbs
            )
            self._roll_back()
            self._check("Same five results as before", self._search(SOURCE.name, "float32") == results)
            self._check("Every byte is what it was", self._measure("rolled back", SOURCE.name) == original)
        finally:
            remove(self.server, indexes, len(self.entries))
        self._show_figures()

    def _require_free_name(self, name: str) -> None:
        if index_exists(self.server, name):
            raise PreconditionError(
                f"This server has an index or alias named {name!r} already, and the demo needs the name. It was not "
                "touched, and nothing of the demo is left. Leave --url out to use a private server."
            )

    def _create(self) -> None:
        self._title(f"1. An index of {len(self.entries):,} dictionary entries: HNSW over float32 vectors")
        with self._timed("create and load"):
            create(self.server, self.entries)

    def _plan(self) -> MigrationPlan:
        patch, path = self.data / "schema_patch.yaml", self.directory / "plan.yaml"
        self._title("2. Plan the change", command_line("plan", index=SOURCE.name, schema_patch=patch, plan_out=path))
        with self._timed("plan"):
            planner = MigrationPlanner(plugins=self.plugins)
            plan = planner.create_plan(SOURCE.name, server=self.server, schema_patch_path=patch)
            planner.write_plan(plan, path)
        for title, lines in (
            ("Changes:", [str(each) for each in plan.claims]),
            ("Steps:", [step.summary for step in plan.steps]),
            ("Warnings:", plan.warnings),
        ):
            self._paragraph("\n".join(bullets(title, lines)))
        return plan

    def _apply(self, plan: MigrationPlan) -> None:
        path, backup = self.directory / "plan.yaml", self.directory / "backup"
        self._title("3. Apply it", command_line("apply", plan=path, backup_dir=backup))
        with self._timed("apply"), show_progress(self.plugins):
            report = MigrationExecutor(plugins=self.plugins).apply(
                plan, server=self.server, backup_dir=backup, plan_path=path
            )
        self.seconds["index unavailable"] = report.timings.downtime_duration_seconds
        self._paragraph(report_text(evolve(report, warnings=())))
        self._title("4. Validate again, and search again", command_line("validate", plan=path))
        with self._timed("validate"):
            checked = MigrationValidator(plugins=self.plugins).validate(plan, server=self.server)
        self._check(f"{len(checked.validation.findings)} checks passed", checked.validation.passed)

    def _roll_back(self) -> None:
        backup = self.directory / "backup"
        self._title("5. Roll back", command_line("rollback", backup_dir=backup))
        with self._timed("roll back"), show_progress(self.plugins):
            MigrationExecutor(plugins=self.plugins).rollback(server=self.server, backup_dir=backup)

    def _search(self, index: str, datatype: str) -> list[bytes]:
        found = search(self.server, index, self.query.vector, datatype)
        self._paragraph(f"Nearest in {index!r} to: {self.query.gloss}")
        self._paragraph(table(["Word", "Score", "Gloss"], _rows(found)))
        return [result.key for result in found]

    def _measure(self, moment: str, index: str) -> str:
        """Record how much memory is used, and return a digest of all documents."""
        state, stats = read_state(self.server, len(self.entries)), read_stats(self.server, index)
        self.memory[moment] = {
            "vectors in documents": state.vector_bytes,
            "FT.INFO vector_index_sz_mb": stats.vector_index_size_mb * MEBIBYTE,
            "FT.INFO total_index_memory_sz_mb": stats.total_index_memory_size_mb * MEBIBYTE,
        }
        return state.digest

    def _show_figures(self) -> None:
        self._title("Time and memory")
        self._paragraph(table(["Part", "Time"], [[part, seconds_text(each)] for part, each in self.seconds.items()]))
        moments = list(self.memory)
        rows = [
            [name, *(bytes_text(self.memory[moment][name]) for moment in moments)] for name in self.memory[moments[0]]
        ]
        self._paragraph(table(["Memory", *moments], rows))

    def _check(self, statement: str, holds: bool) -> None:  # noqa: FBT001 - a statement and whether it holds
        self._paragraph(statement if holds else f"FAILED: {statement}")
        if not holds:
            self.problems.append(f"not true: {statement}")

    def _title(self, title: str, command: str = "") -> None:
        rule = "-" * len(title)
        self._paragraph("\n".join([title, rule, f"$ {command}"] if command else [title, rule]))

    def _paragraph(self, text: str) -> None:
        self.write(f"{text}\n")

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - started


def _rows(results: Sequence[SearchResult]) -> list[list[str]]:
    """Return the cells of a table of results: a gloss that is too long for a line ends with three dots."""
    rows = [[each.word, f"{each.score:.4f}"] for each in results]
    room = RESULT_WIDTH - max(sum(len(cell) + 2 for cell in row) for row in rows)
    return [[*row, shorten(each.gloss, room, placeholder=" ...")] for row, each in zip(rows, results, strict=True)]
