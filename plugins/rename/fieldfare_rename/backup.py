"""Checking all documents before any is changed, and saving those that moving the value back does not restore."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile

from fieldfare.changes.renaming import is_same_place
from fieldfare.documents import Note
from fieldfare.errors import UnconvertibleDocuments
from fieldfare.hooks.run import Run
from fieldfare.plan import Step
from fieldfare.server.pipeline import Command
from fieldfare_rename.movement import Keep
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, renames_of
from fieldfare_rename.target_scan import TargetScan

__all__ = ["back_up"]


def back_up(step: Step, run: Run) -> None:
    """Save both values of documents that have both names; stop if a document cannot be renamed.

    Saves one batch of originals for each batch of keys, often an empty one.

    Raises:
        UnconvertibleDocuments: documents have both names, and the user did not choose which value is kept; or a
            parent of the new name is not an object; or documents have the new name, and other steps of the plan
            rewrite the field.
    """
    rename = Rename.of(step)
    keep = {"keep-old": Keep.SOURCE, "keep-new": Keep.TARGET}.get(run.options.on_conflict or "")
    scan = TargetScan(
        run.server, run.source.storage, rename, keep=keep, target_freed=_target_is_freed(step, rename, run)
    )
    sent: deque[Sequence[bytes]] = deque()

    def commands() -> Iterator[list[Command]]:
        for keys in run.captured_keys():
            sent.append(keys)
            yield scan.commands(keys)

    for replies in run.server.bulk_stream(commands()):
        keys = sent.popleft()
        originals = scan.originals(keys, replies)
        run.save(step, Original.to_batch(originals))
        run.advance(len(keys) - len(originals))
    _stop_on_problems(rename, scan, keep, rewritten=_is_rewritten(rename, run))
    if scan.both_names.count:
        kept = rename.old if keep is Keep.SOURCE else rename.new
        detail = f"the value of {kept!r} is kept; the backup has both"
        run.note([Note("both names", rename.old, scan.both_names.count, tuple(scan.both_names.keys), detail=detail)])


def _target_is_freed(step: Step, rename: Rename, run: Run) -> bool:
    """Whether an earlier step moves the current value of the target away."""
    earlier = takewhile(lambda each: each.id != step.id, run.plan.steps)
    storage = run.source.storage
    return any(is_same_place(other.source, rename.target, storage) for _, other in renames_of(earlier))


def _is_rewritten(rename: Rename, run: Run) -> bool:
    """Whether another step rewrites the values under their old name."""
    storage = run.source.storage
    paths = (path for step in run.plan.steps if step.transforms for path in step.fields)
    return any(is_same_place(path, rename.source, storage) for path in paths)


def _stop_on_problems(rename: Rename, scan: TargetScan, keep: Keep | None, *, rewritten: bool) -> None:
    problems = []
    both_names = f"{rename.source!r} and {rename.target!r} both exist in {scan.both_names}"
    if scan.no_parent.count:
        problems.append(f"a parent of {rename.target} is not an object in {scan.no_parent}")
    if rewritten and scan.new_name_only.count:
        problems.append(
            f"this plan rewrites {rename.source!r} only, but {rename.target!r} exists already in {scan.new_name_only}: "
            "use two plans"
        )
    if rewritten and scan.both_names.count and keep is Keep.TARGET:
        problems.append(
            f"this plan rewrites {rename.source!r} only, but {both_names}: keep the old value, or use two plans"
        )
    advice = None
    if scan.both_names.count and keep is None:
        advice = "--on-conflict keep-old or --on-conflict keep-new" if not problems else None
        problems.append(both_names)
    if problems:
        raise UnconvertibleDocuments(problems, override=advice)
