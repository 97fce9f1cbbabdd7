"""Looking at all documents before anything is changed, and saving what cannot simply be moved back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile

from fieldfare.documents import Note
from fieldfare.engine.run import Run
from fieldfare.errors import DocumentsUnfit
from fieldfare.plan import Step
from fieldfare.renaming import is_same_place
from fieldfare.wire import Command
from fieldfare_rename.movement import Keep
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, renames_of
from fieldfare_rename.survey import Survey

__all__ = ["back_up"]


def back_up(step: Step, run: Run) -> None:
    """Find the documents that have the new name already, or no place for it, and save both values of the former.

    For each batch of keys one batch of originals is saved, often an empty one.

    Raises:
        DocumentsUnfit: some documents have both names and the user did not say which value stays; or have
            something that is no object where one is needed; or have the new name while other steps of the plan
            rewrite the field.
    """
    rename = Rename.of(step)
    keep = {"keep-old": Keep.SOURCE, "keep-new": Keep.TARGET}.get(run.options.on_conflict or "")
    survey = Survey(run.server, run.source.storage, rename, keep=keep, freed=_is_freed(step, rename, run))
    sent: deque[Sequence[bytes]] = deque()

    def commands() -> Iterator[list[Command]]:
        for keys in run.store.iter_keys():
            sent.append(keys)
            yield survey.commands(keys)

    for replies in run.server.bulk_stream(commands()):
        keys = sent.popleft()
        originals = survey.originals(keys, replies)
        run.save(step, Original.to_batch(originals))
        run.advance(len(keys) - len(originals))
    _refuse(rename, survey, keep, rewritten=_is_rewritten(rename, run))
    if survey.both.count:
        stays = rename.old if keep is Keep.SOURCE else rename.new
        detail = f"the value of {stays!r} stays; the backup has both"
        run.note([Note("both names", rename.old, survey.both.count, tuple(survey.both.keys), detail=detail)])


def _is_freed(step: Step, rename: Rename, run: Run) -> bool:
    """Whether an earlier step moves away what is at the target now."""
    earlier = takewhile(lambda each: each.id != step.id, run.plan.steps)
    storage = run.source.storage
    return any(is_same_place(other.source, rename.target, storage) for _, other in renames_of(earlier))


def _is_rewritten(rename: Rename, run: Run) -> bool:
    """Whether another step rewrites the values that move, under their old name."""
    storage = run.source.storage
    paths = (path for step in run.plan.steps if step.transforms for path in step.fields)
    return any(is_same_place(path, rename.source, storage) for path in paths)


def _refuse(rename: Rename, survey: Survey, keep: Keep | None, *, rewritten: bool) -> None:
    problems = []
    if survey.no_room.count:
        problems.append(f"{survey.no_room} have something else than an object on the way to {rename.target}")
    if rewritten and survey.only_new.count:
        problems.append(
            f"{survey.only_new} have {rename.target!r} already, and this plan rewrites {rename.source!r} only: "
            "do it in two plans"
        )
    if rewritten and survey.both.count and keep is Keep.TARGET:
        problems.append(
            f"{survey.both} have both {rename.source!r} and {rename.target!r}, and this plan rewrites "
            f"{rename.source!r} only: keep the old value, or do it in two plans"
        )
    advice = None
    if survey.both.count and keep is None:
        advice = "--on-conflict keep-old or --on-conflict keep-new" if not problems else None
        problems.append(f"{survey.both} have both {rename.source!r} and {rename.target!r}")
    if problems:
        raise DocumentsUnfit(problems, override=advice)
