"""From a live index and a request to a plan. Reads the server, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from attrs import evolve

from fieldfare.changes import Change, CustomChange, RenameIndex
from fieldfare.definition import IndexDefinition, Snapshot, Storage
from fieldfare.errors import HookContractBroken, PluginConflict, ServerUnfit
from fieldfare.live import LiveIndex
from fieldfare.plan import Claim, ClaimedChange, MigrationPlan, Phase, Step
from fieldfare.plugins import BUILTIN, Plugins
from fieldfare.sampling import AfterSteps, Sampler
from fieldfare.server import Server
from fieldfare.server.inspect import find_neighbours, index_exists, read_others
from fieldfare.server.keys import count_keys

__all__ = ["PLAN_VERSION", "look_at", "make_plan", "order_steps"]

PLAN_VERSION: Final = 1
MODE: Final = "drop_recreate"


def make_plan(  # noqa: PLR0913 - what a plan follows from
    server: Server,
    plugins: Plugins,
    snapshot: Snapshot,
    changes: Sequence[Change],
    patch: Mapping[str, Any],
    *,
    others: Sequence[IndexDefinition] | None = None,
    options: Mapping[str, Any] | None = None,
) -> MigrationPlan:
    """Have every change claimed and turned into steps.

    Args:
        server: where the index lives.
        plugins: who may claim.
        snapshot: the index as it is now.
        changes: what is to change, in order.
        patch: the request as the user wrote it.
        others: the other indexes to take into account; None for all that are live.
        options: what the user tells plugins, by name.

    Returns:
        The plan; blocked changes are in it, with reasons.

    Raises:
        ServerUnfit: the server reports something about this index that fieldfare does not know.
        PluginConflict: no plugin claims a change, or two do.
        PluginBroken: a plugin raised.
        HookContractBroken: a plugin answered what it must not.
    """
    plugins.require_sound()
    if snapshot.unknown:
        raise ServerUnfit(
            f"Index {snapshot.definition.name!r} uses {', '.join(snapshot.unknown)}; carrying it over",
            has="options that this version of fieldfare does not know",
            needs="a newer fieldfare",
        )
    live = look_at(server, snapshot, patch, others=others, options=options)
    claims: list[ClaimedChange] = []
    steps: list[Step] = []
    for change in changes:
        claimed, planned = _plan_change(plugins, server, change, live)
        claims.append(claimed)
        steps.extend(_behind_earlier(planned, steps))
        live = evolve(_after(live.after(change), plugins, planned), earlier=tuple(claims))
    target = live.definition
    supported = all(each.claim.is_supported for each in claims)
    if supported and (target != snapshot.definition or any(step.rewrites_documents for step in steps)):
        steps.extend(_frame(snapshot.definition, target))
    ordered = order_steps(steps) if supported else ()
    owners = {each.plugin for each in claims} | {step.owner for step in ordered}
    return MigrationPlan(
        version=PLAN_VERSION,
        mode=MODE,
        source=snapshot,
        target=target,
        patch=patch,
        claims=tuple(claims),
        steps=ordered,
        plugins={name: plugins.versions[name] for name in sorted(owners - set(BUILTIN) - {""})},
        warnings=_warnings(server, snapshot, claims, ordered),
    )


def look_at(
    server: Server,
    snapshot: Snapshot,
    patch: Mapping[str, Any] | None = None,
    *,
    others: Sequence[IndexDefinition] | None = None,
    options: Mapping[str, Any] | None = None,
) -> LiveIndex:
    """Return an index as plugins see it before any change; arguments as those of :func:`make_plan`."""
    others = read_others(server, snapshot.definition) if others is None else tuple(others)
    return LiveIndex(
        definition=snapshot.definition,
        snapshot=snapshot,
        server=server.capabilities,
        neighbours=find_neighbours(snapshot.definition, others),
        sample=Sampler(server, snapshot),
        others=others,
        count=partial(count_keys, server, snapshot.definition.storage),
        patch=patch or {},
        options=options or {},
    )


def order_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps in the order in which they run: by phase, then ``after``, then id.

    Raises:
        PluginConflict: two steps are the same, or wait for each other.
    """
    by_id: dict[str, Step] = {}
    for step in steps:
        if step.id in by_id:
            raise PluginConflict(f"The step {step.id} is planned twice.", [step.owner])
        by_id[step.id] = step
    ordered: list[Step] = []
    for phase in Phase:
        members = {name: step for name, step in by_id.items() if step.phase is phase}
        graph = TopologicalSorter({name: set(step.after) & set(members) for name, step in members.items()})
        try:
            graph.prepare()
        except CycleError as error:
            raise PluginConflict(f"Steps wait for each other: {' -> '.join(error.args[1])}.") from error
        while graph.is_active():
            ready = sorted(graph.get_ready())
            ordered.extend(members[name] for name in ready)
            graph.done(*ready)
    return tuple(ordered)


def _after(live: LiveIndex, plugins: Plugins, planned: Sequence[Step]) -> LiveIndex:
    """Return the index with documents as these steps will leave them."""
    steps = tuple(step for step in planned if step.transforms)
    if not steps:
        return live
    return evolve(live, sample=AfterSteps(live.sample, plugins, live.definition.storage, steps))


def _plan_change(plugins: Plugins, server: Server, change: Change, live: LiveIndex) -> tuple[ClaimedChange, list[Step]]:
    claimed = _claim(plugins, change, live)
    if not claimed.claim.is_supported:
        return claimed, []
    if isinstance(change, RenameIndex) and index_exists(server, change.new):
        reason = f"an index or alias named {change.new!r} exists already"
        return _blocked(claimed, reason, "choose another name, or drop that index first"), []
    planned = plugins.demand(
        claimed.plugin, "fieldfare_plan_steps", (list, tuple), change=change, claim=claimed.claim, live=live
    )
    params = change.params if isinstance(change, CustomChange) else None
    steps = [_owned(step, claimed.plugin, params) for step in planned]
    for step in steps:
        problem = _unsafe(step, live)
        if problem:
            return _blocked(claimed, *problem), []
    return claimed, steps


def _claim(plugins: Plugins, change: Change, live: LiveIndex) -> ClaimedChange:
    answers = plugins.ask_each("fieldfare_classify", change=change, live=live)
    for name, answer in answers:
        if not isinstance(answer, Claim):
            raise HookContractBroken(name, "fieldfare_classify", f"it returned {answer!r}")
    names = [name for name, _ in answers]
    if not names:
        asked = plugins.implementers("fieldfare_classify")
        raise PluginConflict(
            f"No plugin can carry out this change: {change}. Plugins asked: {', '.join(asked) or 'none'}. "
            "Nothing was changed. Install the plugin that knows it, or take it out of the patch.",
            asked,
        )
    if len(names) > 1:
        raise PluginConflict(
            f"Several plugins claim this change: {change}: {', '.join(names)}. Nothing was changed. "
            f"Leave one out with '-p no:NAME'.",
            names,
        )
    return ClaimedChange(change, names[0], answers[0][1])


def _owned(step: object, owner: str, params: Mapping[str, Any] | None) -> Step:
    if not isinstance(step, Step):
        raise HookContractBroken(owner, "fieldfare_plan_steps", f"it returned {step!r} among the steps")
    return step.owned_by(owner, params)


def _blocked(claimed: ClaimedChange, reason: str, workaround: str) -> ClaimedChange:
    return evolve(claimed, claim=Claim.blocked(reason, workaround=workaround))


def _unsafe(step: Step, live: LiveIndex) -> tuple[str, str] | None:
    """Why rewriting these fields would hurt somebody else, and what to do instead; None if it does not."""
    for neighbour in live.neighbours if step.rewrites_documents else ():
        shared = sorted({each.path for each in neighbour.fields} & set(step.fields))
        if shared:
            return (
                f"index {neighbour.name!r} covers some of the same keys and reads {', '.join(shared)}",
                "write the new values to new fields, and move every index over to them",
            )
    vague = [path for path in step.fields if live.definition.storage is Storage.JSON and _is_vague(path)]
    if vague:
        return (f"the JSON path {vague[0]} can match several values", "use a path that names exactly one value")
    return None


def _is_vague(path: str) -> bool:
    return any(mark in path for mark in ("*", "..", "?", ":", ","))


def _behind_earlier(planned: Sequence[Step], earlier: Sequence[Step]) -> list[Step]:
    """Make steps wait for those that were planned earlier and that they must not overtake.

    Transforms wait for those of the same fields. All other work on documents (fields and keys get other
    names) waits for everything before it, so that each step finds the names that its params say.
    """
    rewrites = [other for other in earlier if other.phase is Phase.REWRITE]
    return [
        evolve(
            step,
            after=(
                *step.after,
                *(other.id for other in rewrites if not step.transforms or set(other.fields) & set(step.fields)),
            ),
        )
        if step.phase is Phase.REWRITE
        else step
        for step in planned
    ]


def _frame(source: IndexDefinition, target: IndexDefinition) -> list[Step]:
    drop = Step.new(
        "index.drop",
        Phase.DROP,
        params={"index": source.name},
        summary=f"Drop the definition of {source.name!r}; documents stay",
    )
    create = Step.new(
        "index.create",
        Phase.CREATE,
        params={"index": target.name},
        summary=f"Create {target.name!r}, its synonyms and its aliases, and wait for it",
    )
    return [drop.owned_by("index"), create.owned_by("index")]


def _warnings(
    server: Server, snapshot: Snapshot, claims: Sequence[ClaimedChange], steps: Sequence[Step]
) -> tuple[str, ...]:
    lines: list[str] = []
    if any(step.phase is Phase.DROP for step in steps):
        lines.append("Index downtime is required")
        if not snapshot.aliases:
            lines.append(
                "No Redis command lists aliases: name each alias of this index with --alias, "
                "or it is gone once the index is dropped"
            )
        lines.extend(
            f"This server cannot tell {line}: repeat it in the patch if it was set" for line in snapshot.unreadable
        )
    failures = snapshot.stats.hash_indexing_failures
    if failures and snapshot.definition.filter and any(step.rewrites_documents for step in steps):
        lines.append(
            f"This index failed to index documents {failures:,} times, and only the index knows what its FILTER "
            "lets through: documents that it does not hold are left as they are. Mend them first, or drop the FILTER"
        )
    for each in claims:
        lines.extend(each.claim.warnings)
        if each.claim.lossy:
            lines.append(f"Lossy: {each.change}; only the backup can undo it")
    capabilities = server.capabilities
    if capabilities.max_memory and capabilities.used_memory > 0.9 * capabilities.max_memory:
        lines.append(
            f"The server uses {capabilities.used_memory:,} of {capabilities.max_memory:,} bytes (maxmemory): "
            "building the index may run out of memory"
        )
    if capabilities.max_memory and capabilities.eviction_policy.startswith("allkeys"):
        lines.append(f"maxmemory-policy is {capabilities.eviction_policy}: Redis may evict documents during the run")
    return tuple(dict.fromkeys(lines))
