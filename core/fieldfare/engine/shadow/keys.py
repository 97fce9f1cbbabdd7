"""Copied keys in the mode ``shadow``: what can be copied, and how the plan says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve

from fieldfare.changes import ChangePrefix, UpdateOption
from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.mode import Draft
from fieldfare.engine.shadow.names import names_to_move
from fieldfare.errors import PreconditionError
from fieldfare.plan import MigrationPlan, Phase, Step
from fieldfare.server import Server
from fieldfare.server.capabilities import format_version
from fieldfare.server.inspect import read_overlapping_indexes
from fieldfare.server.keys import scan_keys

__all__ = [
    "REMOVE_KEYS",
    "copy_blocker",
    "describe_copies",
    "require_free_prefixes",
    "with_copies",
]

REMOVE_KEYS: Final = "index.remove_keys"

NEEDED_VERSION: Final = (7, 0, 0)
"""Of Redis: PEXPIRETIME, which tells when a key expires."""


def copy_blocker(draft: Draft) -> str | None:
    """Return why documents cannot be copied to other keys; None if they can, or need not be."""
    if not any(step.moves_keys for step in draft.steps):
        return None
    return next(_problems(draft), None)


def _problems(draft: Draft) -> Iterator[str]:
    source, target, capabilities = draft.snapshot.definition, draft.target, draft.server.capabilities
    if any(step.rewrites_documents and not step.moves_keys for step in draft.steps):
        yield "it moves keys of documents that the same patch rewrites: use two migrations, one after the other"
    if not names_to_move(draft):
        yield "it moves keys and renames the index: then no name moves, and sync is not possible"
    options = [each.claimed.change for each in draft.changes if isinstance(each.claimed.change, UpdateOption)]
    changed = {each.option for each in options if each.affects_coverage}
    if changed or source.filter is not None or target.filter is not None:
        what = ", ".join(sorted(changed)) or "FILTER"
        yield f"it moves keys, and {what} of the index decides which of them are documents"
    if capabilities.redis_version < NEEDED_VERSION:
        has, needs = format_version(capabilities.redis_version), format_version(NEEDED_VERSION)
        yield f"it copies keys, which needs Redis {needs}, and this is {has}"
    moved = [each.claimed.change.new for each in draft.changes if isinstance(each.claimed.change, ChangePrefix)]
    for prefix in dict.fromkeys((*moved, *(each for each in target.prefixes if each not in source.prefixes))):
        overlapping = [each for each in source.prefixes if each.startswith(prefix) or prefix.startswith(each)]
        if overlapping:
            yield f"keys below {prefix!r} are below {overlapping[0]!r}, too: an index would hold documents twice"
        for other in draft.overlapping_indexes:
            if any(each.startswith(prefix) or prefix.startswith(each) for each in other.prefixes):
                yield f"the index {other.name!r} covers {prefix!r}, too: it would hold documents twice"
        if next(scan_keys(draft.server, source.storage, prefix), None) is not None:
            yield f"keys below {prefix!r} exist already, and cannot be distinguished from copies"


def require_free_prefixes(server: Server, plan: MigrationPlan) -> None:
    """Refuse copies that another index would hold now, beside the documents or without them.

    Raises:
        PreconditionError: one would.
    """
    own = plan.source.definition
    moved = [each for each in plan.target.prefixes if each not in own.prefixes] if copies_keys(plan) else []
    for other in read_overlapping_indexes(server, evolve(plan.target, prefixes=tuple(moved))) if moved else ():
        if other.name not in {own.name, plan.target.name}:
            raise PreconditionError(
                f"The index {other.name!r} covers keys below {', '.join(map(repr, moved))} by now, to which this plan "
                "would copy documents. Nothing was changed. Choose another prefix, and plan again"
            )


def with_copies(draft: Draft, frame: Sequence[Step]) -> tuple[Step, ...]:
    """Return the frame of a plan; if it copies documents, with the removal of their old keys at its end.

    The target is built after documents are copied: its server then indexes each document once.
    """
    if not any(step.moves_keys for step in draft.steps):
        return tuple(frame)
    source, target = draft.snapshot.definition, draft.target
    old = ", ".join(repr(each) for each in source.prefixes if each not in target.prefixes)
    removal = Step.new(
        REMOVE_KEYS,
        Phase.CONTRACT,
        params={"prefixes": [each for each in source.prefixes if each not in target.prefixes]},
        after=[step.id for step in frame if step.phase is Phase.CONTRACT],
        rewrites_documents=True,
        summary=f"On finalize: remove the keys below {old}, whose values go to the backup",
    )
    frame = [evolve(step, phase=Phase.CREATE) if step.phase is Phase.EXPAND else step for step in frame]
    return (*frame, removal.owned_by(frame[0].owner))


def describe_copies(draft: Draft) -> list[str]:
    """Return what a user should know about a plan that copies documents; nothing if it does not."""
    if not any(step.moves_keys for step in draft.steps):
        return []
    lines = (
        "Documents are copied to their new keys, and keep their old ones until 'fieldfare finalize'",
        "Until then each document takes memory twice, in addition to the second index",
        "Applications can continue to write the old keys until they write the new keys",
    )
    return list(lines)
