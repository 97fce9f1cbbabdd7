"""Asking a live index for the nearest neighbours of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from fieldfare.engine.vector import nearest
from fieldfare_vectors.neighbourhood import DEPTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.definition import Field
    from fieldfare.engine.run import Run
    from fieldfare.wire import Command

__all__ = ["WIDE", "Answer", "ask", "held_by", "is_exhaustive"]

WIDE: Final = 500
"""The EF_RUNTIME with which a graph finds nearly all that an exhaustive search would find."""

PATIENCE: Final = 60_000
"""Milliseconds that an answer may take: one cut short by the server's own limit would look like a loss."""

CHUNK: Final = 500
"""How many keys stand in one query."""


@frozen
class Answer:
    """What an index finds near a document, the nearest first; the document itself is left out.

    Attributes:
        usual: asked as applications ask.
        wide: with the graph searched as widely as makes sense; the same where there is no graph.
    """

    usual: tuple[bytes, ...]
    wide: tuple[bytes, ...]

    @property
    def all(self) -> set[bytes]:
        """Everything that was found."""
        return {*self.usual, *self.wide}


def ask(
    run: Run, index: str, field: Field, keys: Sequence[bytes], queries: Sequence[bytes | None]
) -> tuple[Answer, ...]:
    """Ask an index for the neighbours of documents.

    Args:
        run: on whose server.
        index: its name.
        field: its vector field.
        keys: of the documents.
        queries: their vectors, as the index takes them; None for one that its datatype cannot hold: no answer.

    Raises:
        redis.exceptions.ResponseError: the server refuses a query.
        StopRequested: the user asked to stop.
    """
    has_graph = _algorithm(field) == "HNSW"
    answers = []
    for key, query in zip(keys, queries, strict=True):
        run.check()
        if query is None:
            answers.append(Answer((), ()))
            continue
        usual = _neighbours(run, index, field, key, query)
        wide = _neighbours(run, index, field, key, query, ef_runtime=WIDE) if has_graph else usual
        answers.append(Answer(usual, wide))
    return tuple(answers)


def is_exhaustive(field: Field) -> bool:
    """Whether an index compares every vector with a query, so that it misses no neighbour."""
    return _algorithm(field) == "FLAT"


def held_by(run: Run, index: str, keys: Sequence[bytes]) -> set[bytes]:
    """Return which of these documents an index holds now."""
    held: set[bytes] = set()
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        query: Command = ("FT.SEARCH", index, "*", "INKEYS", len(chunk), *chunk, "NOCONTENT", "LIMIT", 0, len(chunk))
        reply = run.server.command(*query, "TIMEOUT", PATIENCE, "DIALECT", 2)
        held.update(reply[1:] if isinstance(reply, list) else (each[b"id"] for each in reply[b"results"]))
    return held


def _algorithm(field: Field) -> str:
    return str(field.attrs.get("algorithm", "")).upper()


def _neighbours(  # noqa: PLR0913 - what a question consists of
    run: Run, index: str, field: Field, key: bytes, query: bytes, *, ef_runtime: int | None = None
) -> tuple[bytes, ...]:
    found = nearest(run.server, index, field.name, query, DEPTH + 1, ef_runtime=ef_runtime, timeout=PATIENCE)
    return tuple(each for each in found if each != key)
