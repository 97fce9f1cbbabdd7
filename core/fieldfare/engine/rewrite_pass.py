"""The rewrite pass: which steps it takes, and what they make of documents."""

from __future__ import annotations

from attrs import frozen

from fieldfare.documents import Batch
from fieldfare.engine.run import Run
from fieldfare.plan import MigrationPlan, Step
from fieldfare.transformation import transformed

__all__ = ["RewritePass", "rewrite_pass", "transform"]


@frozen(hash=False)
class RewritePass:
    """All rewrite steps of a plan, in order, and the union of their fields."""

    steps: tuple[Step, ...]
    paths: tuple[str, ...]


def rewrite_pass(plan: MigrationPlan) -> RewritePass:
    """Return the plan's rewrite pass; without steps if nothing is rewritten."""
    steps = tuple(step for step in plan.steps if step.transforms)
    return RewritePass(steps, tuple(dict.fromkeys(path for step in steps for path in step.fields)))


def transform(run: Run, work: RewritePass, batch: Batch) -> Batch:
    """Return what the documents of a batch become.

    Raises:
        PluginBroken: a transform raised.
        HookContractBroken: it returned other documents or other fields than it got.
    """
    return transformed(run.plugins, run.source.storage, work.steps, batch)
