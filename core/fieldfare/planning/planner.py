"""Makes plans: live index and changes → plan. Reads the server, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.changes import Change
from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.definition.info import ambiguous_texts
from fieldfare.definition.reply import text
from fieldfare.engine.mode import Draft, ModePlanner, PlannedChange
from fieldfare.errors import PreconditionError, UnsupportedServer
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.hooks.manager import BUILTIN, Plugins
from fieldfare.patch.mode import DEFAULT_MODE, ModeName
from fieldfare.plan import ClaimedChange, MigrationPlan, Step
from fieldfare.planning.claims import blocked, plan_change, plan_further_steps
from fieldfare.planning.forecast import make_forecast
from fieldfare.planning.mode_choice import choose_mode
from fieldfare.planning.sampling import DocumentSampler, TransformedSampler
from fieldfare.planning.step_order import after_previous, order_steps
from fieldfare.planning.warnings import PlanFacts, plan_warnings
from fieldfare.server import Server
from fieldfare.server.inspect import OtherIndexes, find_overlapping_indexes, read_other_definitions

if TYPE_CHECKING:
    from fieldfare.planning.shared_listing import SharedListing

__all__ = ["PLAN_VERSION", "build_live_index", "make_plan", "require_known"]

PLAN_VERSION: Final = 1


def make_plan(  # noqa: PLR0913 - what a plan follows from
    server: Server,
    plugins: Plugins,
    snapshot: Snapshot,
    changes: Sequence[Change],
    patch: Mapping[str, Any],
    *,
    other_indexes: OtherIndexes | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
    mode: ModeName = DEFAULT_MODE,
    listing: SharedListing | None = None,
) -> MigrationPlan:
    """Have every change claimed by a plugin and turned into steps.

    Args:
        server: the server of the index.
        plugins: the plugins that may claim changes.
        snapshot: the index as it is now.
        changes: in order.
        patch: the request as the user wrote it.
        other_indexes: the other indexes to take into account; None for all live ones.
        options: the user's options for plugins, by name.
        name: the name by which the user called the index, if it is an alias.
        mode: how to change the index.
        listing: one for the keys of several indexes that are planned.

    Returns:
        The plan, including blocked changes with their reasons.

    Raises:
        UnsupportedServer: the server reports something about this index that fieldfare does not know.
        PreconditionError: the server shows names of this index in a way that could mean two things.
        PluginConflict: no plugin claims a change, or more than one does.
        PluginBroken: a plugin raised an exception.
        InvalidHookResult: a plugin returned an invalid result.
    """
    plugins.raise_if_broken()
    require_known(snapshot)
    sampler = DocumentSampler(server, snapshot, listing)
    live = build_live_index(server, snapshot, patch, other_indexes=other_indexes, options=options)
    live = evolve(live, sample=sampler, count=sampler.count)
    planned_changes: list[PlannedChange] = []
    claims: tuple[ClaimedChange, ...] = ()
    steps: list[Step] = []
    for change in changes:
        planned = plan_change(plugins, server, change, live)
        planned_changes.append(planned)
        steps.extend(after_previous(planned.steps, steps))
        claims = tuple(each.claimed for each in planned_changes)
        live = evolve(_with_transformed_samples(live.after(change), plugins, planned.steps), previous_changes=claims)
    _refuse_ambiguous_target(live.definition)
    changes_index = live.definition != snapshot.definition or any(step.rewrites_documents for step in steps)
    further = after_previous(plan_further_steps(plugins, live), steps) if changes_index and _supported(claims) else []
    draft = Draft(
        server,
        name or snapshot.definition.name,
        snapshot,
        live.definition,
        tuple(planned_changes),
        tuple(further),
        live.overlapping_indexes,
    )
    choice = choose_mode(draft, mode)
    claims = _claims(draft, choice.mode)
    supported = _supported(claims)
    target = choice.mode.target(draft) if supported and changes_index else live.definition
    if supported and changes_index:
        steps = [*map(choice.mode.adapt, (*steps, *further)), *choice.mode.frame(draft, target)]
    ordered = order_steps(steps) if supported else ()
    owners = {each.plugin for each in claims} | {step.owner for step in ordered}
    key_sample = _key_sample(sampler, snapshot)
    facts = PlanFacts(sampler.key_count, live.unreadable_indexes)
    framed = any(step.owner in BUILTIN for step in ordered)
    of_mode = tuple(choice.mode.warnings(draft, target)) if framed else ()
    hints = choice.reasons if framed else ()
    made = MigrationPlan(
        version=PLAN_VERSION,
        mode=choice.mode.name,
        source=evolve(snapshot, key_sample=key_sample),
        target=target,
        patch=patch,
        claims=claims,
        steps=ordered,
        plugins={name: plugins.versions[name] for name in sorted(owners - set(BUILTIN) - {""})},
        warnings=plan_warnings(server, snapshot, claims, ordered, facts=facts, of_mode=of_mode, hints=hints),
    )
    return evolve(made, forecast=make_forecast(server, plugins, made))


def _supported(claims: Sequence[ClaimedChange]) -> bool:
    return all(each.claim.is_supported for each in claims)


def _claims(draft: Draft, mode: ModePlanner) -> tuple[ClaimedChange, ...]:
    """Return the claims, with those blocked that the mode cannot carry out."""
    claims = []
    for each in draft.changes:
        blocker = mode.blocker(draft, each) if each.claimed.claim.is_supported else None
        claims.append(each.claimed if blocker is None else blocked(each.claimed, *blocker))
    return tuple(claims)


def require_known(snapshot: Snapshot) -> None:
    """Check that what the server shows of an index is known in full: nothing of it is to be lost.

    Raises:
        UnsupportedServer: the server reports something about this index that fieldfare does not know.
        PreconditionError: the server shows names of this index in a way that could mean two things.
    """
    if snapshot.unknown:
        raise UnsupportedServer(
            f"Index {snapshot.definition.name!r} uses {', '.join(snapshot.unknown)}; carrying it over",
            has="options that this version of fieldfare does not know",
            needs="a newer fieldfare",
        )
    if snapshot.ambiguous:
        raise PreconditionError(
            f"Index {snapshot.definition.name!r} cannot be created again as it is: where it has "
            f"{', '.join(map(repr, snapshot.ambiguous))}, FT.INFO shows a line break, or a backslash and a letter, and "
            "both in the same way. Nothing was changed. Create an index by hand without such a name, prefix or "
            "option, and migrate that index"
        )


def _key_sample(sampler: DocumentSampler, snapshot: Snapshot) -> tuple[str, ...]:
    """Return a sample of as many keys as the server gave, which does not depend on the order of its answer."""
    try:
        keys = sampler.keys(len(snapshot.key_sample) or 1)  # they are counted in any case
        return tuple(sorted(map(text, keys[: len(snapshot.key_sample)])))
    except ResponseError:
        return snapshot.key_sample  # this user may search, and may not list all keys


def build_live_index(
    server: Server,
    snapshot: Snapshot,
    patch: Mapping[str, Any] | None = None,
    *,
    other_indexes: OtherIndexes | None = None,
    options: Mapping[str, Any] | None = None,
) -> LiveIndex:
    """Return an index as plugins get it before any change; the arguments are those of :func:`make_plan`."""
    others = read_other_definitions(server, snapshot.definition) if other_indexes is None else other_indexes
    sampler = DocumentSampler(server, snapshot)
    return LiveIndex(
        definition=snapshot.definition,
        snapshot=snapshot,
        server=server.capabilities,
        overlapping_indexes=find_overlapping_indexes(snapshot.definition, others.definitions),
        sample=sampler,
        other_indexes=others.definitions,
        unreadable_indexes=others.unreadable,
        count=sampler.count,
        patch=patch or {},
        options=options or {},
    )


def _refuse_ambiguous_target(target: IndexDefinition) -> None:
    found = ambiguous_texts(target, line_breaks=True)
    if found:
        raise PreconditionError(
            f"The patch asks for {', '.join(map(repr, found))}: FT.INFO shows a line break, or a backslash and "
            "a letter, both in the same way, so the new index could not be compared with the plan. "
            "Nothing was changed. Take it out of the patch"
        )


def _with_transformed_samples(live: LiveIndex, plugins: Plugins, planned: Sequence[Step]) -> LiveIndex:
    """Return the index with samples as these steps will transform them."""
    steps = tuple(step for step in planned if step.transforms)
    if not steps:
        return live
    return evolve(live, sample=TransformedSampler(live.sample, plugins, live.definition.storage, steps))
