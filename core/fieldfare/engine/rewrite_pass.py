"""The rewrite pass of a plan: which steps it takes, and where it leaves values."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from fieldfare.changes import RemoveField, RenameField
from fieldfare.plan import MigrationPlan, Step

__all__ = ["RewritePass", "is_renamed", "paths_after", "rewrite_pass"]


@frozen(hash=False)
class RewritePass:
    """All rewrite steps of a plan, in order, and the union of their fields."""

    steps: tuple[Step, ...]
    paths: tuple[str, ...]


def rewrite_pass(plan: MigrationPlan) -> RewritePass:
    """Return the plan's rewrite pass; without steps if nothing is rewritten."""
    steps = tuple(step for step in plan.steps if step.transforms)
    return RewritePass(steps, tuple(dict.fromkeys(path for step in steps for path in step.fields)))


def is_renamed(plan: MigrationPlan) -> bool:
    """Whether documents, or the values in them, have other names after the migration."""
    paths = [field.path for field in plan.source.definition.fields]
    return plan.moves_keys or any(old != new for old, new in paths_after(plan, paths).items())


def paths_after(plan: MigrationPlan, paths: Sequence[str]) -> dict[str, str]:
    """Return where values are after the migration: path in the source → path in the target."""
    source = plan.source.definition
    name_of = {field.path: field.name for field in source.fields}
    for change in plan.changes:
        if isinstance(change, RemoveField):
            name_of = {path: name for path, name in name_of.items() if name != change.name}
        elif isinstance(change, RenameField):
            name_of = {path: change.new if name == change.old else name for path, name in name_of.items()}
    targets = {path: plan.target.find(name) for path, name in name_of.items()}
    return {path: found.path if (found := targets.get(path)) else path for path in paths}
