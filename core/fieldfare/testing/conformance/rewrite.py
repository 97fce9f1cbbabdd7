"""Tests of plugins that rewrite documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from attrs import evolve

from fieldfare.documents import MISSING, Batch, Column
from fieldfare.plan import Step
from fieldfare.report import Result
from fieldfare.server.documents import read_documents
from fieldfare.server.keys import iterate_keys
from fieldfare.testing.conformance.step import StepConformance
from fieldfare.testing.conformance.trial import Trial

__all__ = ["RewriteConformance"]

WORKERS: Final = 4
Transform: TypeAlias = Callable[[Batch], Batch]


class RewriteConformance(StepConformance):
    """As :class:`StepConformance`; and the transform is pure, so that workers, retries and batches do not matter."""

    def test_transform_is_pure(self, trial: Trial) -> None:
        """The same batch, asked twice, gets the same answer."""
        for step, batch, transform in transforms(trial):
            first = transform(batch)
            for _ in range(2):
                assert_same(step, transform(batch), first, "asked again, it says something else")

    def test_transform_leaves_its_input_alone(self, trial: Trial) -> None:
        """What it is given is the same afterwards, were it writable."""
        for step, batch, transform in transforms(trial):
            writable = evolve(
                batch,
                columns={name: Column(bytearray(each.block), each.lengths) for name, each in batch.columns.items()},
            )
            transform(writable)
            assert_same(step, writable, batch, "it changed the batch that it was given")

    def test_order_of_documents_does_not_matter(self, trial: Trial) -> None:
        """Documents in reverse get the same values, in reverse."""
        for step, batch, transform in transforms(trial):
            reverse = list(reversed(range(len(batch))))
            names = list(batch.columns)
            backwards = transform(batch.select(reverse, names)).select(reverse, names)
            assert_same(step, backwards, transform(batch), "in another order, it makes something else of documents")

    def test_split_of_documents_does_not_matter(self, trial: Trial) -> None:
        """A document alone gets the same values as among others."""
        for step, batch, transform in transforms(trial):
            names = list(batch.columns)
            alone = [transform(batch.select([row], names)) for row in range(len(batch))]
            joined = Batch(
                batch.keys, {name: Column.of(value for each in alone for value in each[name]) for name in names}
            )
            assert_same(
                step, joined, transform(batch), "alone, it makes something else of a document than among others"
            )

    def test_threads_do_not_matter(self, trial: Trial) -> None:
        """Several threads, asked at once, say the same."""
        for step, batch, transform in transforms(trial):
            first = transform(batch)
            with ThreadPoolExecutor(WORKERS) as pool:
                for answer in pool.map(transform, [batch] * (4 * WORKERS)):
                    assert_same(step, answer, first, "among other threads, it says something else")

    def test_workers_do_not_matter(self, trial: Trial) -> None:
        """Several workers write the same bytes as one, and put the same back."""
        migrated = trial.survey().migrated
        assert trial.apply(WORKERS, batch_size=1).result is Result.SUCCEEDED
        assert trial.state() == migrated
        trial.rollback(WORKERS)
        assert trial.state() == trial.original


def transforms(trial: Trial) -> Iterator[tuple[Step, Batch, Transform]]:
    """Give each rewrite step of the plugin, the documents as earlier steps leave them, and how to ask it."""
    steps = [step for step in trial.plan.steps if step.transforms]
    assert any(step in trial.own_steps for step in steps), "the plugin has no rewrite step: it is a StepConformance"
    source = trial.plan.source
    keys = [key for keys in iterate_keys(trial.server, source.definition, source.stats, 1000) for key in keys]
    paths = list(dict.fromkeys(path for step in steps for path in step.fields))
    documents, _ = read_documents(trial.server, source.definition.storage, sorted(keys), paths)
    for step in steps:
        batch = documents.select(rows_with(documents, step.fields), step.fields)

        def transform(given: Batch, step: Step = step) -> Batch:
            answer = trial.plugins.demand(step.owner, "fieldfare_transform", Batch, step=step, batch=given)
            assert isinstance(answer, Batch)
            return answer

        if step in trial.own_steps:
            assert len(batch) > 1, f"{step.summary}: fewer than two documents have {', '.join(step.fields)}"
            yield step, batch, transform
        documents = merged(documents, transform(batch))


def rows_with(batch: Batch, fields: Sequence[str]) -> list[int]:
    """Return the rows of documents that have at least one of these fields."""
    return [row for row in range(len(batch)) if any(batch[name].lengths[row] != MISSING for name in fields)]


def merged(documents: Batch, part: Batch) -> Batch:
    """Return documents with the values that some of them got."""
    places = {key: row for row, key in enumerate(part.keys)}
    columns = dict(documents.columns)
    for name, column in part.columns.items():
        columns[name] = Column.of(
            column[places[key]] if key in places else value
            for key, value in zip(documents.keys, documents[name], strict=True)
        )
    return evolve(documents, columns=columns)


def assert_same(step: Step, found: Batch, expected: Batch, complaint: str) -> None:
    """Compare keys and values, document by document."""
    assert found.keys == expected.keys, f"{step.summary}: {complaint}"
    for name, column in expected.columns.items():
        for key, value, wanted in zip(expected.keys, found[name], column, strict=True):
            assert value == wanted, f"{step.summary}: {complaint}: {name!r} of {key!r}"
