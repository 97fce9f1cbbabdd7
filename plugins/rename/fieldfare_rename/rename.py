"""The step ``rename.field``: which value moves from where to where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.definition.jsonpath import join_path, split_path
from fieldfare.plan import Phase, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fieldfare.definition import Field

__all__ = ["KIND", "Rename", "containers", "place_of", "plan_rename", "renames_of"]

KIND: Final = "rename.field"


@frozen
class Rename:
    """What a step of this kind has in ``params``.

    Attributes:
        old: what queries called the field.
        new: what they will call it.
        source: where documents have the value: a hash field's name, or a JSON path.
        target: where they will have it.
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
        """Return what turns documents with one field into documents with the other."""
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
        summary=f"Rename {rename.old!r} to {rename.new!r} in every document{where}",
    )


def renames_of(steps: Iterable[Step]) -> Iterator[tuple[Step, Rename]]:
    """Yield those of the steps that are of this kind, with their parameters."""
    return ((step, Rename.of(step)) for step in steps if step.kind == KIND)


def place_of(path: str, storage: Storage) -> str:
    """Return the place that a field's path leads to: of ``$.tags[*]``, the array."""
    return path if storage is Storage.HASH else join_path(split_path(path)[0])


def containers(source: str, target: str, storage: Storage) -> tuple[str, ...]:
    """Return the objects that a document needs around the target and may not have, from the outermost in.

    Those around the source are there wherever there is something to move.
    """
    if storage is Storage.HASH:
        return ()
    have, need = split_path(source)[0], split_path(target)[0]
    return tuple(join_path(need[:length]) for length in range(1, len(need)) if need[:length] != have[:length])
