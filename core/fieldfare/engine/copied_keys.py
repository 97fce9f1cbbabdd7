"""Steps that move keys, in the mode ``shadow``: documents are copied to their new keys, and keep their old ones.

The kernel carries such a step out. Its plugin says how keys are called before and after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.errors import InvalidHookResult
from fieldfare.hooks.manager import Plugins
from fieldfare.patch.mode import ModeName
from fieldfare.plan import MigrationPlan, Step

__all__ = ["Pair", "copied_steps", "copies_keys", "is_copied", "keeps_originals", "pairs_of"]

NAME_KEYS: Final = "fieldfare_name_keys"

Pair: TypeAlias = tuple[bytes, bytes]
"""The old and the new key of a document."""


def copied_steps(plan: MigrationPlan) -> tuple[Step, ...]:
    """Return the steps that move keys, if the plan copies documents instead; none otherwise."""
    return tuple(step for step in plan.steps if is_copied(plan, step))


def is_copied(plan: MigrationPlan, step: Step) -> bool:
    """Whether the kernel carries out a step that moves keys by copying documents."""
    return step.moves_keys and plan.mode == ModeName.SHADOW


def copies_keys(plan: MigrationPlan) -> bool:
    """Whether a plan copies documents to other keys, and leaves the old ones until it is finalized."""
    return bool(copied_steps(plan))


def keeps_originals(plan: MigrationPlan) -> bool:
    """Whether applications may continue writing what they wrote before: old fields, or old keys."""
    return has_shadow_fields(plan) or copies_keys(plan)


def pairs_of(plugins: Plugins, plan: MigrationPlan, keys: Iterable[bytes], *, steps: Sequence[Step] = ()) -> list[Pair]:
    """Return the pairs to which keys belong, each once; a key that no step moves belongs to none.

    Args:
        plugins: who own the steps.
        plan: that copies keys.
        keys: old or new ones.
        steps: the steps that count; all of the plan if there are none.

    Raises:
        InvalidHookResult: a plugin did not name each key.
    """
    keys = list(dict.fromkeys(keys))
    found: dict[Pair, None] = {}
    for step in steps or copied_steps(plan):
        for key, new in zip(keys, _named(plugins, step, keys, back=False), strict=True):
            if new != key:
                found[key, new] = None
        former = [
            (old, key) for key, old in zip(keys, _named(plugins, step, keys, back=True), strict=True) if old != key
        ]
        again = _named(plugins, step, [old for old, _ in former], back=False)
        found |= {pair: None for pair, new in zip(former, again, strict=True) if new == pair[1]}
    return list(found)


def _named(plugins: Plugins, step: Step, keys: Sequence[bytes], *, back: bool) -> Sequence[bytes]:
    if not keys:
        return ()
    names = plugins.call_required(step.owner, NAME_KEYS, (list, tuple), step=step, keys=keys, back=back)
    if len(names) != len(keys) or not all(isinstance(name, bytes) for name in names):
        raise InvalidHookResult(step.owner, NAME_KEYS, f"it did not return {len(keys)} keys")
    return tuple(names)
