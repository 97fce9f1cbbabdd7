"""How often a run reads or writes each document: a limit of documents per second counts each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.modes import mode_of
from fieldfare.engine.rewrite_pass import rewrite_pass
from fieldfare.engine.shadow_paths import has_shadow_fields, moved_paths
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan, Phase

__all__ = ["document_passes"]


def document_passes(plugins: Plugins, plan: MigrationPlan) -> Mapping[str, int]:
    """Return activity → how often each document is read or written in it, in the order of the run.

    Args:
        plugins: that save what their steps overwrite.
        plan: any.
    """
    work = int(bool(rewrite_pass(plan).steps))
    savers = set(plugins.implementers("fieldfare_backup")).difference(
        plugins.implementers("fieldfare_watch_dump") if work else ()  # who sees the originals in the same pass
    )
    saved = [step for step in plan.steps if not step.transforms and step.owner in savers]
    moves = [step for step in plan.steps if step.rewrites_documents and not step.transforms]
    moved = Counter(mode_of(plan).activity(step) for step in moves if step.phase is Phase.REWRITE)
    copies = 2 if copies_keys(plan) else int(has_shadow_fields(plan))  # before the switch, copies and originals
    dump = work + len(saved) + int(bool(moved_paths(plan)))
    return {"dump": dump, "rewrite": work, **moved, "index": 0, "catch_up": copies}
