"""The questions that are asked before and after a migration, and their true answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen

from fieldfare.documents import Batch, Column
from fieldfare.sampling import draw
from fieldfare.server.documents import read_documents
from fieldfare_vectors.nearest import Nearest, Questions
from fieldfare_vectors.neighbourhood import KEPT, Neighbourhood
from fieldfare_vectors.reading import read_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from fieldfare.engine.run import Run
    from fieldfare.plan import Step
    from fieldfare_vectors.parameters import Parameters

__all__ = ["Asked", "find_true_neighbours", "load_questions", "pick_questions", "save_questions", "score_others"]

SPARE: Final = 10
"""How many times as many documents are picked as are wanted: some have no vector."""

ANSWER: Final = "neighbourhood"


@frozen(eq=False)
class Asked:
    """Documents whose neighbours are asked for.

    Attributes:
        documents: with the vector, and all fields that the plan rewrites, as they were.
        neighbourhoods: one for each, as they were.
    """

    documents: Batch
    neighbourhoods: tuple[Neighbourhood, ...]


def pick_questions(parameters: Parameters, step: Step, run: Run) -> Batch:
    """Return documents with a sound vector, spread over the whole index; always the same ones."""
    rewritten = [path for each in run.plan.steps if each.transforms for path in each.fields]
    paths = list(dict.fromkeys([parameters.vectors(run.plan).path, *rewritten]))
    wanted = parameters.questions
    picked = draw((key for batch in run.keys(step) for key in batch), wanted * SPARE, parameters.seed)
    chosen: list[Batch] = []
    while picked and wanted:
        batch, _ = read_documents(run.server, run.source.storage, picked[: parameters.questions], paths)
        rows, _ = _sound(batch, parameters, run)
        chosen.append(batch.select(rows[:wanted], paths))
        wanted -= len(chosen[-1])
        del picked[: parameters.questions]
    columns = {path: Column.of(value for batch in chosen for value in batch[path]) for path in paths}
    return Batch(tuple(key for batch in chosen for key in batch.keys), columns)


def find_true_neighbours(
    parameters: Parameters, documents: Batch, run: Run, look: Callable[[Batch], None] | None = None
) -> tuple[Neighbourhood, ...]:
    """Compare every vector of the index, as it was, with those of some documents.

    Memory: a batch of documents at a time, and the answers.
    """
    search = Nearest(_questions(parameters, documents, run), documents.keys, KEPT)
    for batch in _originals(parameters, run):
        rows, values = _sound(batch, parameters, run)
        search.look_at([batch.keys[row] for row in rows], values)
        if look is not None:
            look(batch)
        run.advance(len(batch))
    return tuple(Neighbourhood(dict(each)) for each in search.found())


def score_others(  # noqa: PLR0913 - where they are, and under which names
    parameters: Parameters,
    documents: Batch,
    run: Run,
    wanted: Collection[bytes],
    *,
    path: str,
    moved: Callable[[bytes], bytes],
) -> dict[bytes, list[float]]:
    """Say how near other documents were to each of the questions.

    Args:
        parameters: of the measurement.
        documents: the questions.
        run: the run.
        wanted: the others, by their names now.
        path: where they have the vector now, if the plan does not rewrite it.
        moved: gives the name that a captured key has now.

    Returns:
        Key → a score for each question.
    """
    questions = _questions(parameters, documents, run)
    was = parameters.vectors(run.plan).path
    scores: dict[bytes, list[float]] = {}
    if not wanted:
        return scores
    if parameters.is_rewritten(run.plan):
        batches: Iterable[Batch] = _originals(parameters, run)
    else:
        now, _ = read_documents(run.server, run.source.storage, sorted(wanted), [path])
        batches, moved = [Batch(now.keys, {was: now[path]})], _as_it_is
    for batch in batches:
        rows = [row for row, key in enumerate(batch.keys) if moved(key) in wanted]
        part = batch.select(rows, [was])
        sound, vectors = _sound(part, parameters, run)
        columns = questions.scores(vectors).T.tolist()
        scores.update((moved(part.keys[row]), column) for row, column in zip(sound, columns, strict=True))
    return scores


def save_questions(step: Step, run: Run, asked: Asked) -> None:
    """Put questions and their answers in the backup."""
    answers = Column.of(each.to_bytes() for each in asked.neighbourhoods)
    # not with run.save, which would count them as documents that were looked at
    run.store.append(step.id, asked.documents)
    run.store.append(step.id, Batch(asked.documents.keys, {ANSWER: answers}))


def load_questions(step: Step, run: Run) -> Asked:
    """Read what :func:`save_questions` wrote."""
    documents, answers = run.originals(step)
    return Asked(documents, tuple(Neighbourhood.of(value) for value in answers[ANSWER] if value is not None))


def _originals(parameters: Parameters, run: Run) -> Iterator[Batch]:
    """Yield all documents with their vectors as they were: from the backup, where the plan rewrites them."""
    if not parameters.is_rewritten(run.plan):
        return run.documents([parameters.vectors(run.plan).path])
    return run.originals(next(step for step in run.plan.steps if step.transforms))


def _questions(parameters: Parameters, documents: Batch, run: Run) -> Questions:
    _, vectors = _sound(documents, parameters, run)
    return Questions(vectors, parameters.metric(run.plan))


def _as_it_is(key: bytes) -> bytes:
    return key


def _sound(batch: Batch, parameters: Parameters, run: Run) -> tuple[Sequence[int], NDArray[Any]]:
    """Return the rows whose vectors are of finite numbers, and these."""
    known = parameters.vectors(run.plan)
    rows, vectors = read_vectors(batch[known.path], run.source.storage, known.datatype, known.dims)
    with np.errstate(over="ignore"):
        finite: NDArray[np.bool_] = np.all(np.isfinite(vectors.astype(np.float32)), axis=1, keepdims=False)
    if finite.all():
        return rows, vectors
    return [row for row, sound in zip(rows, finite.tolist(), strict=True) if sound], vectors[finite]
