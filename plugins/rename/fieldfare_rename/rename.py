"""The step ``rename.field``: its parameters, and the places of the value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

from fieldfare.definition import Field, Storage
from fieldfare.definition.jsonpath import join_path, split_path
from fieldfare.plan import Phase, Step

__all__ = ["KIND", "Rename", "containers", "place_of", "plan_rename", "renames_of"]

KIND: Final = "rename.field"


@frozen
class Rename:
    """The parameters of the step.

    Attributes:
        old: the field's name in queries, before.
        new: its name afterwards.
        source: the value's place in documents, before: a hash field's name, or a JSON path.
        target: its place afterwards.
    """

    old: str
    new: str
    source: str
    target: str

    @classmethod
    def of(cls, step: Step) -> Rename:
        """Read the parameters of a step."""
        return cls(**step.params)

    @classmethod
    def between(cls, before: Field, after: Field, storage: Storage) -> Rename:
        """Return the rename from one field to another."""
        return cls(before.name, after.name, place_of(before.path, storage), place_of(after.path, storage))


def plan_rename(rename: Rename) -> Step:
    """Build the step that moves a value in every document."""
    where = (
        "" if (rename.old, rename.new) == (rename.source, rename.target) else f" ({rename.source} to {rename.target})"
    )
    return Step.new(
        KIND,
        Phase.REWRITE,
        params={"old": rename.old, "new": rename.new, "source": rename.source, "target": rename.target},
        rewrites_documents=True,
        moves={rename.source: rename.target},
        summary=f"Rename {rename.old!r} to {rename.new!r} in every document{where}",
    )


def renames_of(steps: Iterable[Step]) -> Iterator[tuple[Step, Rename]]:
    """Yield the steps of this kind, with their parameters."""
    return ((step, Rename.of(step)) for step in steps if step.kind == KIND)


def place_of(path: str, storage: Storage) -> str:
    """Return the place of a field's value: for ``$.tags[*]``, the array."""
    return path if storage is Storage.HASH else join_path(split_path(path)[0])


def containers(source: str, target: str, storage: Storage) -> tuple[str, ...]:
    """Return the parent objects of the target that a document may lack, the outermost first.

    A document that has the source also has the parents of the source.
    """
    if storage is Storage.HASH:
        return ()
    have, need = split_path(source)[0], split_path(target)[0]
    return tuple(join_path(need[:length]) for length in range(1, len(need)) if need[:length] != have[:length])
