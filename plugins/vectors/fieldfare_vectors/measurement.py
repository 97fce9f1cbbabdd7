"""Measured recall: the questions of a run, asked of the source before it goes and of the target once it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.changes import ChangePrefix
from fieldfare.plan import Receipt
from fieldfare.server.documents import read_documents
from fieldfare_vectors.asking import WIDE, ask, held_by, is_exhaustive
from fieldfare_vectors.hygiene import count_hiding
from fieldfare_vectors.neighbourhood import mean, shares
from fieldfare_vectors.newer import written_since
from fieldfare_vectors.parameters import Parameters, Vectors
from fieldfare_vectors.questions import (
    Asked,
    find_true_neighbours,
    load_questions,
    pick_questions,
    save_questions,
    score_others,
)
from fieldfare_vectors.reading import as_queries, unsound_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fieldfare.definition import Field
    from fieldfare.documents import Batch
    from fieldfare.engine.run import Run
    from fieldfare.plan import Step
    from fieldfare_vectors.asking import Answer
    from fieldfare_vectors.neighbourhood import Neighbourhood

__all__ = ["measure", "record"]


def record(step: Step, run: Run, look: Callable[[Batch], None] | None = None) -> None:
    """Pick questions, find their true answers, ask the source index, and put all of it in the backup.

    Args:
        step: measures the recall.
        run: reads the documents, and keeps the backup.
        look: takes a look at each batch of documents on the way.
    """
    parameters = Parameters.of(step)
    documents = pick_questions(parameters, step, run)
    asked = Asked(documents, find_true_neighbours(parameters, documents, run, look))
    source = run.source.find(parameters.field)
    if source is not None and str(source.attrs["distance_metric"]).lower() == parameters.metric(run.plan):
        asked = _asked_before(parameters, asked, run, source)
    save_questions(step, run, asked)


def measure(step: Step, run: Run) -> Receipt:
    """Ask the target index the recorded questions, with what the documents have become.

    Returns:
        A receipt with the figures; with the server's words where it refuses to answer.
    """
    parameters = Parameters.of(step)
    field = parameters.target_field(run.plan)
    if field is None:  # removed by the same plan
        return Receipt(step.id)
    asked = load_questions(step, run)
    facts: dict[str, Any] = {
        "field": field.name,
        "questions": len(asked.documents),
        "predicted": parameters.predicted,
        "limit": parameters.limit,
        "algorithm": str(field.attrs["algorithm"]).upper(),
        "ef_runtime": WIDE,
    }
    form = Vectors.of(field)
    column = run.transformed(asked.documents)[parameters.vectors(run.plan).path]
    queries = as_queries(column, run.target.storage, form.datatype, form.dims)
    keys = [_mover(run)(key) for key in asked.documents.keys]
    there = _now(asked, run)
    try:
        answers = ask(run, run.target.name, field, keys, queries)
        held = held_by(run, run.target.name, sorted({key for each in there for key in each.neighbours}))
    except ResponseError as error:
        return Receipt(step.id, details={**facts, "error": str(error)})
    unsound = {
        *unsound_rows(column, run.target.storage, form.datatype, form.dims),
        *(row for row, query in enumerate(queries) if query is None),
    }
    seen = held.union(*(each.all for each in answers))
    newer = written_since(run, parameters.vectors(run.plan).path, seen, _mover(run))
    there = tuple(each.within(() if row in unsound else held - newer) for row, each in enumerate(there))
    strangers = _strangers(step, run, there, answers) | _unsound(run, there, answers, form) | newer
    others = _others(parameters, asked.documents, run, there, answers, path=form.path, moved=_mover(run))
    figures = {
        "recall@10": mean(shares(there, [each.wide for each in answers], others, strangers)),
        "recall@10 before": mean([each.before_wide for each in there]),
        "as asked": mean(shares(there, [each.usual for each in answers], others, strangers)),
        "as asked before": mean([each.before for each in there]),
    }
    return Receipt(step.id, details=facts | figures)


def _asked_before(parameters: Parameters, asked: Asked, run: Run, field: Field) -> Asked:
    """Return the neighbourhoods with what the source index finds of them.

    One that searches exhaustively finds them all, unless there are vectors that hide others. It is not asked: each
    answer would take a server that is in use as long as comparing all vectors does.
    """
    documents, there = asked.documents, asked.neighbourhoods
    if is_exhaustive(field) and not count_hiding(run.journal.progress.notes, field.path):
        return Asked(documents, tuple(evolve(each, before=1.0, before_wide=1.0) for each in there))
    was = parameters.vectors(run.plan)
    queries = as_queries(documents[was.path], run.source.storage, was.datatype, was.dims)
    try:
        answers = ask(run, run.source.name, field, documents.keys, queries)
    except ResponseError:  # what the source cannot answer says nothing about the target
        return asked
    strangers = _unsound(run, there, answers, was)
    others = _others(parameters, documents, run, there, answers, path=was.path, moved=_as_it_is)
    usual = shares(there, [each.usual for each in answers], others, strangers)
    wide = shares(there, [each.wide for each in answers], others, strangers)
    found = zip(there, usual, wide, strict=True)
    return Asked(documents, tuple(evolve(each, before=one, before_wide=other) for each, one, other in found))


def _now(asked: Asked, run: Run) -> tuple[Neighbourhood, ...]:
    """Return the neighbourhoods with the names that documents have after the migration."""
    moved = _mover(run)
    return tuple(
        evolve(each, neighbours={moved(key): score for key, score in each.neighbours.items()})
        for each in asked.neighbourhoods
    )


def _others(  # noqa: PLR0913 - where documents are, and under which names
    parameters: Parameters,
    documents: Batch,
    run: Run,
    there: Sequence[Neighbourhood],
    answers: Sequence[Answer],
    *,
    path: str,
    moved: Callable[[bytes], bytes],
) -> dict[bytes, list[float]]:
    """Score what an index found and nobody remembers, where it may be as near as the tenth neighbour."""
    crowded = [(each, answer) for each, answer in zip(there, answers, strict=True) if each.is_crowded]
    wanted = {key for each, answer in crowded for key in answer.all if key not in each.neighbours}
    return score_others(parameters, documents, run, wanted, path=path, moved=moved) if wanted else {}


def _strangers(step: Step, run: Run, there: Sequence[Neighbourhood], answers: Sequence[Answer]) -> set[bytes]:
    """Return documents that an index found and that were not there when the run started."""
    unknown = _unknown(there, answers)
    moved = _mover(run)
    for keys in run.keys(step):
        unknown.difference_update(map(moved, keys))
    return unknown


def _unsound(run: Run, there: Sequence[Neighbourhood], answers: Sequence[Answer], form: Vectors) -> set[bytes]:
    """Return documents that an index found though their vectors are not of finite numbers: near nothing."""
    unknown = sorted(_unknown(there, answers))
    if not unknown:
        return set()
    batch, _ = read_documents(run.server, run.source.storage, unknown, [form.path])
    rows = unsound_rows(batch[form.path], run.source.storage, form.datatype, form.dims)
    return {batch.keys[row] for row in rows}


def _unknown(there: Sequence[Neighbourhood], answers: Sequence[Answer]) -> set[bytes]:
    """Return what an index found and nobody remembers."""
    return {
        key for each, answer in zip(there, answers, strict=True) for key in answer.all if key not in each.neighbours
    }


def _mover(run: Run) -> Callable[[bytes], bytes]:
    return run.plan.moved if any(isinstance(each, ChangePrefix) for each in run.plan.changes) else _as_it_is


def _as_it_is(key: bytes) -> bytes:
    return key
