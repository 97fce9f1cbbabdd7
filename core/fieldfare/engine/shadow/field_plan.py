"""Planning shadow fields: which changes can have them, how they are called, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

from fieldfare.changes.renaming import overlaps
from fieldfare.definition import IndexDefinition, Storage
from fieldfare.definition.jsonpath import split_path
from fieldfare.definition.reply import encode, text
from fieldfare.engine.mode import Draft, PlannedChange
from fieldfare.engine.shadow.names import names_to_move, split_version
from fieldfare.engine.shadow_paths import moved_paths, shadow_path, shadow_paths
from fieldfare.errors import PreconditionError
from fieldfare.plan import MigrationPlan, Step
from fieldfare.server import Server
from fieldfare.server.document_reader import read_documents
from fieldfare.server.inspect import read_overlapping_indexes
from fieldfare.server.refusal import optional

__all__ = [
    "checked_shadow_paths",
    "choose_shadow_paths",
    "describe_shadow_fields",
    "indexes_whole_documents",
    "require_free_paths",
    "rewrite_blocker",
]

FIRST_VERSION: Final = 2
"""Of a shadow field: the original counts as 1."""


def _rewritten_paths(steps: Iterable[Step]) -> tuple[str, ...]:
    """Return the paths of the fields that steps of plugins rewrite or move."""
    found = (path for step in steps for path in (*(step.fields if step.transforms else ()), *step.moves))
    return tuple(dict.fromkeys(found))


def _moves(draft: Draft) -> Mapping[str, str]:
    """Return old path → new path of everything that steps of plugins move."""
    return {old: new for step in draft.steps for old, new in step.moves.items()}


def rewrite_blocker(draft: Draft, change: PlannedChange) -> str | None:
    """Return why a change cannot be made with shadow fields; None if it can."""
    source, target, moves = draft.snapshot.definition, draft.target, _moves(draft)
    paths = _rewritten_paths((*change.steps, *draft.further_steps))
    covers_others = any(
        getattr(source, option) != getattr(target, option) for option in ("prefixes", "filter", "index_all")
    )
    if paths and not names_to_move(draft):
        return "it rewrites documents and renames the index: then no name moves, and sync is not possible"
    if paths and covers_others:
        return "it rewrites documents, and the index covers other documents afterwards"
    problems = (
        _move_problem(source, path, moves[path]) if path in moves else _field_problem(source, path) for path in paths
    )
    return next(filter(None, problems), None) or _partial_problem(draft, paths, moves)


def _partial_problem(draft: Draft, paths: Iterable[str], moves: Mapping[str, str]) -> str | None:
    """Return why the server would not index the values of a shadow field; None if it would.

    With PARTIAL_INDEXED_DOCS, Search 2.10 compares the names of the written hash fields with the names of the index's
    fields (``v``), and not with their paths (``v__v2 AS v``).
    """
    names = {field.path: field.name for field in draft.target.fields}
    renamed = [path for path in paths if path not in moves or names.get(moves[path], moves[path]) != moves[path]]
    if not renamed or indexes_whole_documents(draft.server, draft.snapshot.definition.storage) is not False:
        return None
    return (
        f"it rewrites {renamed[0]!r}, and with PARTIAL_INDEXED_DOCS the server does not index writes to a hash field "
        "that an index reads under another name"
    )


def _move_problem(source: IndexDefinition, old: str, new: str) -> str | None:
    """Return why a value cannot be copied to its new place while the live index answers; None if it can."""
    readers = [*(each.path for each in source.fields), source.language_field, source.score_field, source.payload_field]
    if any(overlaps(each, new, source.storage) for each in readers if each is not None):
        return f"it moves values to {new!r}, which the live index reads"
    if source.storage is Storage.JSON:
        parent = split_path(new)[0][:-1]
        if parent != split_path(old)[0][: len(parent)]:
            return f"it moves values to {new!r}, in an object that documents may lack"
    return None


def _field_problem(source: IndexDefinition, path: str) -> str | None:
    """Return why a field can have no shadow field; None if it can."""
    readers = [each.path for each in source.fields]
    if path not in readers:
        return f"it rewrites {path!r}, which is not a field of the index: applications would not find the new value"
    if shadow_path(source.storage, path, FIRST_VERSION) is None:
        return f"it rewrites {path!r}, which is a place in an array, or not a single value"
    if source.storage is Storage.JSON and any(_is_inside(each, path) for each in readers):
        return f"it rewrites {path!r}, and the index reads a part of it by another path"
    names = {path, *(each.name for each in source.fields if each.path == path)}
    options = {source.language_field, source.score_field, source.payload_field}
    if names & options or any(name in (source.filter or "") for name in names):
        return f"it rewrites {path!r}, which options of the index also read"
    return None


def _is_inside(path: str, other: str) -> bool:
    """Whether a path leads to a part of what another one leads to, or the other way round."""
    return path != other and any(one.startswith((f"{two}.", f"{two}[")) for one, two in ((path, other), (other, path)))


def choose_shadow_paths(draft: Draft, target: IndexDefinition) -> Mapping[str, str]:
    """Return path of an original → path of its shadow field, for all fields that the plan rewrites or moves.

    What moves goes to its new place. Of the others, the version of the target is at the end, or the next one for which
    no index and no sampled document has such a field.

    Args:
        draft: the plan.
        target: with its name.
    """
    originals, moves = _rewritten_paths(draft.steps), _moves(draft)
    source = draft.snapshot.definition
    version = max(split_version(target.name)[1], FIRST_VERSION)
    while True:
        paths = {path: shadow_path(source.storage, path, version) or path for path in originals if path not in moves}
        if not paths or not _are_taken(draft, list(paths.values())):
            return {path: moves.get(path) or paths[path] for path in originals}
        version += 1


def _are_taken(draft: Draft, paths: list[str]) -> bool:
    source = draft.snapshot.definition
    if any({each.path for each in index.fields} & set(paths) for index in (source, *draft.overlapping_indexes)):
        return True
    sample = [encode(key) for key in draft.snapshot.key_sample]
    found, _ = read_documents(draft.server, source.storage, sample, paths)
    return any(value is not None for column in found.columns.values() for value in column)


def checked_shadow_paths(plan: MigrationPlan) -> Mapping[str, str]:
    """Return the shadow paths of a plan, if no value that is not rewritten or that somebody else reads is among them.

    Raises:
        ValueError: one is.
    """
    paths = shadow_paths(plan)
    rewritten = {path for step in plan.steps if step.transforms for path in step.fields}
    taken = {field.path for field in plan.source.definition.fields}
    if paths and (set(paths) != rewritten or len(set(paths.values())) < len(paths) or taken & set(paths.values())):
        raise ValueError("shadow fields are not those of the rewritten fields")
    if any(paths.get(old) != new for old, new in moved_paths(plan).items()):
        raise ValueError("shadow fields are not the new names of fields")
    return paths


def describe_shadow_fields(draft: Draft, paths: Mapping[str, str]) -> list[str]:
    """Return what a user should know about the shadow fields of a plan; nothing if it has none."""
    if not paths:
        return []
    shown = ", ".join(f"{old!r} → {new!r}" for old, new in paths.items())
    lines = [
        f"New values go to shadow fields: {shown}",
        "Applications can continue to write the old fields until they write the shadow fields",
        "Until 'fieldfare finalize' documents hold both values, which needs memory in addition to the second index",
    ]
    storage = draft.snapshot.definition.storage
    whole = indexes_whole_documents(draft.server, storage)
    if whole is False:
        lines.append(
            "The live index does not index documents again when shadow fields are written: PARTIAL_INDEXED_DOCS is on"
        )
        lines.append(
            "With PARTIAL_INDEXED_DOCS, some servers miss the next write after an HDEL that removes nothing: an index "
            "that does not have the field then still shows a document that was deleted or changed. Do not let "
            "applications remove the old field after the switch"
        )
        return lines
    setting = "PARTIAL_INDEXED_DOCS is off" if whole else "PARTIAL_INDEXED_DOCS cannot be read"
    why = "as for all JSON documents" if storage is Storage.JSON else f"{setting}; it is set when the server starts"
    lines.append(
        "For each write of a shadow field the server indexes the whole document again, in every index that covers "
        f"it ({why})"
    )
    return lines


def indexes_whole_documents(server: Server, storage: Storage) -> bool | None:
    """Whether the server indexes the whole document again after a write of any field; None if it does not say."""
    if storage is Storage.JSON:
        return True
    settings = (("FT.CONFIG", "GET", "PARTIAL_INDEXED_DOCS"), ("CONFIG", "GET", "search-partial-indexed-docs"))
    for words in settings:
        value = _setting(optional(partial(server.command, *words), otherwise=None))
        if value is not None:
            return value not in {"1", "true", "yes"}
    return None


def require_free_paths(server: Server, plan: MigrationPlan) -> None:
    """Refuse shadow fields that another index reads now: another migration of the same documents has taken them.

    Raises:
        PreconditionError: one does.
    """
    paths = set(shadow_paths(plan).values())
    for other in read_overlapping_indexes(server, plan.source.definition) if paths else ():
        taken = sorted(paths & {each.path for each in other.fields})
        if taken and other.name != plan.target.name:
            raise PreconditionError(
                f"The index {other.name!r} reads {', '.join(map(repr, taken))} by now, which this plan would write. "
                "Nothing was changed. Plan again: the new plan takes another name"
            )


def _setting(reply: Any) -> str | None:
    """Return the value of the only setting of a reply, in lower case."""
    while isinstance(reply, dict):
        reply = next(iter(reply.values()), None)
    while isinstance(reply, (list, tuple)):
        reply = reply[-1] if reply else None
    return None if reply is None else text(reply).lower()
