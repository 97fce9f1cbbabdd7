"""Claims of plugins on changes, and the steps into which they turn them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from fieldfare.changes import Change, CustomChange, RenameIndex
from fieldfare.changes.parameters import with_checked_parameters
from fieldfare.definition import Storage
from fieldfare.engine.mode import PlannedChange
from fieldfare.errors import InvalidHookResult, PluginConflict
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import Claim, ClaimedChange, Step
from fieldfare.planning.options import PREFER
from fieldfare.server import Server
from fieldfare.server.inspect import index_exists
from fieldfare.support.error_text import describe_result

__all__ = ["blocked", "plan_change", "plan_further_steps"]

PLAN_STEPS: Final = "fieldfare_plan_steps"
FURTHER: Final = "fieldfare_plan_further_steps"
REWRITE_HOOKS: Final = ("fieldfare_transform",)
STEP_HOOKS: Final = ("fieldfare_execute_step", "fieldfare_verify_step", "fieldfare_undo_step")
"""What the owner of a step has to implement."""
NAME_HOOKS: Final = ("fieldfare_name_keys",)
"""What the owner of a step that moves keys has to implement besides."""


def plan_change(plugins: Plugins, server: Server, change: Change, live: LiveIndex) -> PlannedChange:
    """Have a change claimed by a plugin and turned into steps.

    Args:
        plugins: the plugins that may claim it.
        server: the server of the index.
        change: one of the patch.
        live: the index as earlier changes leave it.

    Raises:
        PluginConflict: no plugin claims the change, or more than one does.
        InvalidHookResult: a plugin returned an invalid result.
    """
    claimed = _claim(plugins, change, live)
    if not claimed.claim.is_supported:
        return PlannedChange(claimed, ())
    if isinstance(change, RenameIndex) and index_exists(server, change.new):
        reason = f"an index or alias named {change.new!r} exists already"
        return PlannedChange(blocked(claimed, reason, "choose another name, or drop that index first"), ())
    planned = plugins.call_required(
        claimed.plugin,
        PLAN_STEPS,
        (list, tuple),
        change=with_checked_parameters(change),
        claim=claimed.claim,
        live=live,
    )
    params = change.params if isinstance(change, CustomChange) else None
    steps = [_owned(step, claimed.plugin, params) for step in planned]
    for step in steps:
        _require_hooks(plugins, step)
        problem = _path_problem(step, live)
        if problem:
            return PlannedChange(blocked(claimed, *problem), ())
    return PlannedChange(claimed, tuple(steps))


def plan_further_steps(plugins: Plugins, live: LiveIndex) -> list[Step]:
    """Return steps that plugins add when all changes are planned.

    Raises:
        InvalidHookResult: a plugin returned an invalid result.
    """
    steps = []
    for owner, planned in plugins.call_each(FURTHER, live=live):
        if not isinstance(planned, (list, tuple)):
            raise InvalidHookResult(owner, FURTHER, f"it returned {describe_result(planned)}")
        steps += [_owned(step, owner, None, FURTHER) for step in planned]
    for step in steps:
        _require_hooks(plugins, step)
        problem = _path_problem(step, live)
        if problem:
            raise InvalidHookResult(step.owner, FURTHER, f"it planned to rewrite documents, and {problem[0]}")
    return steps


def _claim(plugins: Plugins, change: Change, live: LiveIndex) -> ClaimedChange:
    results = plugins.call_each("fieldfare_classify", change=with_checked_parameters(change), live=live)
    for name, result in results:
        if not isinstance(result, Claim):
            raise InvalidHookResult(name, "fieldfare_classify", f"it returned {describe_result(result)}")
    names = [name for name, _ in results]
    if not names:
        plugins_called = plugins.implementers("fieldfare_classify")
        raise PluginConflict(
            f"No plugin can carry out this change: {change}. Plugins asked: {', '.join(plugins_called) or 'none'}. "
            "Nothing was changed. Install the plugin that knows it, or take it out of the patch.",
            plugins_called,
        )
    if len(names) == 1:
        return ClaimedChange(change, names[0], results[0][1])
    preferred = [(name, claim) for name, claim in results if name in live.options.get(PREFER, ())]
    if len(preferred) != 1:
        raise PluginConflict(
            f"Several plugins claim this change: {change}: {', '.join(names)}. Nothing was changed. "
            f"Say which one carries it out with '--prefer NAME', or leave one out with '-p no:NAME'.",
            names,
        )
    [(chosen, claim)] = preferred
    others = [name for name in names if name != chosen]
    note = f"{change}: carried out by the preferred plugin {chosen}; {', '.join(others)} would do it, too"
    details = {**claim.details, "preferred_over": others}
    return ClaimedChange(change, chosen, evolve(claim, warnings=(*claim.warnings, note), details=details))


def _owned(step: object, owner: str, params: Mapping[str, Any] | None, hook: str = PLAN_STEPS) -> Step:
    if not isinstance(step, Step):
        raise InvalidHookResult(owner, hook, f"it returned {describe_result(step)} among the steps")
    return step.owned_by(owner, params)


def _require_hooks(plugins: Plugins, step: Step) -> None:
    needed = REWRITE_HOOKS if step.transforms else (*STEP_HOOKS, *(NAME_HOOKS if step.moves_keys else ()))
    missing = [hook for hook in needed if step.owner not in plugins.implementers(hook)]
    if missing:
        reason = f"it planned the step {step.kind!r}, and the plugin has no {' and no '.join(missing)}"
        raise InvalidHookResult(step.owner, PLAN_STEPS, reason)


def blocked(claimed: ClaimedChange, reason: str, workaround: str) -> ClaimedChange:
    """Return a change that is blocked in spite of its plugin's claim."""
    return evolve(claimed, claim=Claim.blocked(reason, workaround=workaround))


def _path_problem(step: Step, live: LiveIndex) -> tuple[str, str] | None:
    """Return why these fields cannot be rewritten in any mode, and a workaround; None if they can."""
    ambiguous = [path for path in step.fields if live.definition.storage is Storage.JSON and _matches_several(path)]
    if ambiguous:
        return (f"the JSON path {ambiguous[0]} can match several values", "use a path that names exactly one value")
    return None


def _matches_several(path: str) -> bool:
    return any(mark in path for mark in ("*", "..", "?", ":", ","))
