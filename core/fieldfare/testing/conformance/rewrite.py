"""Tests of plugins that rewrite documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from attrs import evolve

from fieldfare.documents import MISSING, Batch, Column
from fieldfare.plan import Step
from fieldfare.report import Result
from fieldfare.server.document_reader import read_documents
from fieldfare.server.keys import iterate_keys
from fieldfare.testing.conformance.conformance_run import ConformanceRun
from fieldfare.testing.conformance.step import StepConformance

__all__ = ["RewriteConformance"]

WORKERS: Final = 4
Transform: TypeAlias = Callable[[Batch], Batch]


class RewriteConformance(StepConformance):
    """As :class:`StepConformance`. In addition, the transform is pure: workers, retries and batches do not matter."""

    def test_transform_is_pure(self, run: ConformanceRun) -> None:
        """The same batch gives the same result again."""
        for step, batch, transform in transforms(run):
            first = transform(batch)
            for _ in range(2):
                assert_same(step, transform(batch), first, "a second call gives another result")

    def test_transform_leaves_its_input_alone(self, run: ConformanceRun) -> None:
        """A transform does not change its batch, even if the batch is writable."""
        for step, batch, transform in transforms(run):
            writable = evolve(
                batch,
                columns={name: Column(bytearray(each.block), each.lengths) for name, each in batch.columns.items()},
            )
            transform(writable)
            assert_same(step, writable, batch, "it changed its input")

    def test_order_of_documents_does_not_matter(self, run: ConformanceRun) -> None:
        """Documents in reverse order get the same values, in reverse order."""
        for step, batch, transform in transforms(run):
            reverse = list(reversed(range(len(batch))))
            names = list(batch.columns)
            reversed_result = transform(batch.select(reverse, names)).select(reverse, names)
            assert_same(step, reversed_result, transform(batch), "another order of documents gives another result")

    def test_split_of_documents_does_not_matter(self, run: ConformanceRun) -> None:
        """A document alone gets the same values as in a batch."""
        for step, batch, transform in transforms(run):
            names = list(batch.columns)
            alone = [transform(batch.select([row], names)) for row in range(len(batch))]
            joined = Batch(
                batch.keys, {name: Column.of(value for each in alone for value in each[name]) for name in names}
            )
            assert_same(step, joined, transform(batch), "a document alone gives another result than in a batch")

    def test_threads_do_not_matter(self, run: ConformanceRun) -> None:
        """Several threads at once get the same result."""
        for step, batch, transform in transforms(run):
            first = transform(batch)
            with ThreadPoolExecutor(WORKERS) as pool:
                for result in pool.map(transform, [batch] * (4 * WORKERS)):
                    assert_same(step, result, first, "several threads at once give another result")

    def test_workers_do_not_matter(self, run: ConformanceRun) -> None:
        """Several workers write and restore the same bytes as one."""
        migrated = run.baseline().migrated
        assert run.apply(WORKERS, batch_size=1).result is Result.SUCCEEDED
        assert run.state() == migrated
        run.rollback(WORKERS)
        assert run.state() == run.original


def transforms(run: ConformanceRun) -> Iterator[tuple[Step, Batch, Transform]]:
    """Yield each rewrite step of the plugin, the documents as earlier steps leave them, and its transform."""
    steps = [step for step in run.plan.steps if step.transforms]
    assert any(step in run.own_steps for step in steps), "the plugin has no rewrite step: it is a StepConformance"
    source = run.plan.source
    keys = [key for keys in iterate_keys(run.server, source.definition, source.stats, 1000) for key in keys]
    paths = list(dict.fromkeys(path for step in steps for path in step.fields))
    documents, _ = read_documents(run.server, source.definition.storage, sorted(keys), paths)
    for step in steps:
        batch = documents.select(rows_with(documents, step.fields), step.fields)

        def transform(given: Batch, step: Step = step) -> Batch:
            result = run.plugins.call_required(step.owner, "fieldfare_transform", Batch, step=step, batch=given)
            assert isinstance(result, Batch)
            return result

        if step in run.own_steps:
            assert len(batch) > 1, f"{step.summary}: fewer than two documents have {', '.join(step.fields)}"
            yield step, batch, transform
        documents = merged(documents, transform(batch))


def rows_with(batch: Batch, fields: Sequence[str]) -> list[int]:
    """Return the rows of documents that have at least one of these fields."""
    return [row for row in range(len(batch)) if any(batch[name].lengths[row] != MISSING for name in fields)]


def merged(documents: Batch, part: Batch) -> Batch:
    """Return all documents, with the new values of some."""
    places = {key: row for row, key in enumerate(part.keys)}
    columns = dict(documents.columns)
    for name, column in part.columns.items():
        columns[name] = Column.of(
            column[places[key]] if key in places else value
            for key, value in zip(documents.keys, documents[name], strict=True)
        )
    return evolve(documents, columns=columns)


def assert_same(step: Step, found: Batch, expected: Batch, difference: str) -> None:
    """Compare keys and values, document by document."""
    assert found.keys == expected.keys, f"{step.summary}: {difference}"
    for name, column in expected.columns.items():
        for key, value, right in zip(expected.keys, found[name], column, strict=True):
            assert value == right, f"{step.summary}: {difference}: {name!r} of {key!r}"
