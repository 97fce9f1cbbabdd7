"""Copied keys in the mode ``shadow``: what can be copied, how the plan says it, and how copies follow the originals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve

from fieldfare.changes import ChangePrefix, UpdateOption
from fieldfare.engine.checks.builtin import COVERAGE
from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.mode import Draft
from fieldfare.engine.next_commands import NextCommands
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.names import moved_names, names_to_move
from fieldfare.engine.shadow_keys.synchronization import KeySynchronization, followed_prefixes, live_index
from fieldfare.errors import PreconditionError
from fieldfare.plan import MigrationPlan, Phase, Step
from fieldfare.server import Server
from fieldfare.server.capabilities import format_version
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import read_overlapping_indexes, read_stats
from fieldfare.server.keys import scan_keys

__all__ = [
    "REMOVE_KEYS",
    "compare_copies",
    "converge_copies",
    "copy_blocker",
    "copy_changes",
    "copy_until_moved",
    "describe_copies",
    "require_free_prefixes",
    "require_unused_keys",
    "with_copies",
]

REMOVE_KEYS: Final = "index.remove_keys"

NEEDED_VERSION: Final = (7, 0, 0)
"""Of Redis: PEXPIRETIME, which tells when a key expires."""

ROUNDS: Final = 20
"""How often changes are copied that applications made while the ones before were copied."""

FEW: Final = 50
"""So many changed documents are copied in a moment."""


def copy_blocker(draft: Draft) -> str | None:
    """Return why documents cannot be copied to other keys; None if they can, or need not be."""
    steps = _steps(draft)
    if not any(step.moves_keys for step in steps):
        return None
    return next(_problems(draft, steps), None)


def _problems(draft: Draft, steps: Sequence[Step]) -> Iterator[str]:
    source, target, capabilities = draft.snapshot.definition, draft.target, draft.server.capabilities
    if any(step.rewrites_documents and not step.moves_keys for step in steps):
        yield "it moves keys of documents that the same patch rewrites: use two migrations, one after the other"
    if not names_to_move(draft):
        yield "it moves keys and renames the index: then no name moves, and sync is not possible"
    options = [each.claimed.change for each in draft.changes if isinstance(each.claimed.change, UpdateOption)]
    changed = {each.option for each in options if each.option in COVERAGE}
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


def _steps(draft: Draft) -> tuple[Step, ...]:
    return (*(step for change in draft.changes for step in change.steps), *draft.further_steps)


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
    if not any(step.moves_keys for step in _steps(draft)):
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
    if not any(step.moves_keys for step in _steps(draft)):
        return []
    lines = (
        "Documents are copied to their new keys, and keep their old ones until 'fieldfare finalize'",
        "Until then each document takes memory twice, in addition to the second index",
        "Applications can continue to write the old keys until they write the new keys",
    )
    return list(lines)


def converge_copies(run: ActiveRun) -> None:
    """Make every copy equal to its original, and follow what is changed since.

    Where the server cannot tell what is changed, every document is compared.
    """
    if run.follower is None or not run.follower.is_reliable:
        if run.follower is not None:
            run.follower.close()
        run.follower = ChangeFollower.start(run.server, live_index(run), followed_prefixes(run))
        compare_copies(run, KeySynchronization(run, is_switched=False))
    if not _keep_up(run):
        compare_copies(run, KeySynchronization(run, is_switched=False))


def compare_copies(run: ActiveRun, synchronization: KeySynchronization, activity: str = "catch_up") -> None:
    """Compare every document with its copy."""
    total = 2 * read_stats(run.server, live_index(run)).num_docs
    with run.activity(activity, "Compare copies with originals", total=total):
        synchronization.compare_every()


def _keep_up(run: ActiveRun) -> bool:
    """Copy what is changed, until next to nothing is changed meanwhile; whether the follower could tell all of it."""
    for _ in range(ROUNDS):
        keys = run.follower.drain() if run.follower is not None else None
        if keys is None:
            return False
        copy_changes(run, KeySynchronization(run, is_switched=False), keys)
        if len(keys) <= FEW:
            break
    return True


def copy_changes(run: ActiveRun, synchronization: KeySynchronization, keys: set[bytes]) -> None:
    """Copy documents that were changed, in batches."""
    every, size = sorted(keys), run.options.batch_size
    for start in range(0, len(every), size):
        synchronization.follow(every[start : start + size])


def copy_until_moved(run: ActiveRun) -> None:
    """Copy what applications wrote to old keys until the name moved."""
    synchronization = KeySynchronization(run, is_switched=True)
    keys = run.follower.drain() if run.follower is not None else None
    if keys is None:
        compare_copies(run, synchronization)
    else:
        copy_changes(run, synchronization, keys)


def require_unused_keys(run: ActiveRun) -> None:
    """Refuse to remove old keys that another index covers, or that applications have written since the last sync.

    With ``--force``, what they have written is copied first.

    Raises:
        PreconditionError: says who still needs them.
    """
    known = {run.source.name, run.target.name, *(real_name(run.server, name) for name in moved_names(run.plan))}
    for other in read_overlapping_indexes(run.server, run.source):
        gone = [each for each in run.source.prefixes if each not in run.target.prefixes]
        read = [each for each in gone if any(each.startswith(own) or own.startswith(each) for own in other.prefixes)]
        if read and other.name not in known:
            raise PreconditionError(
                f"The index {other.name!r} covers keys below {', '.join(map(repr, read))}, and would lose these "
                "documents. Nothing was changed. Migrate or drop that index first"
            )
    restarted = run.server.has_restarted_since(run.journal.progress.server_processes)
    synchronization = KeySynchronization(run, is_switched=True, may_lack_copies=restarted)
    if run.options.force:
        compare_copies(run, synchronization, "sync")
        return
    with run.activity("sync", "Compare copies with originals"):
        outdated = synchronization.count_outdated()
    if outdated.count:
        commands = NextCommands.of_run(run.plan.index, run.journal.path.parent, run.options)
        raise PreconditionError(
            f"Applications wrote old keys since these were copied: {outdated}. Nothing was changed. First run: "
            f"{commands.sync} (or finalize with --force, which copies them and then removes the old keys)"
        )
