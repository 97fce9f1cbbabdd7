"""A plan as text: what changes, what becomes of documents, how long it takes, what it needs, what to beware of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from fieldfare.changes import AddField, Change, RemoveField
from fieldfare.support.text_layout import Style, bullets, details, facts, table
from fieldfare.support.units import about_seconds, bytes_text, rough_seconds
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from fieldfare.definition import IndexDefinition, Snapshot
    from fieldfare.plan.claim import ClaimedChange
    from fieldfare.plan.forecast import Forecast
    from fieldfare.plan.step import Step

__all__ = ["NO_CHANGES", "forecast_lines", "plan_line", "plan_text", "summary_text"]

NO_CHANGES: Final = "No changes: the index matches the target."
REQUESTED: Final = "requested"
"""How the note of a predicted row starts that is about the change itself."""


class ShownPlan(Protocol):
    """What is shown of a plan: :class:`~fieldfare.plan.model.MigrationPlan`, which must not be imported here."""

    @property
    def index(self) -> str:
        """The real name of the index."""

    @property
    def source(self) -> Snapshot:
        """The live index as it was."""

    @property
    def target(self) -> IndexDefinition:
        """The definition afterwards."""

    @property
    def mode(self) -> str:
        """The mode."""

    @property
    def claims(self) -> tuple[ClaimedChange, ...]:
        """Every change with its claim."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """In the order in which they run."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know."""

    @property
    def forecast(self) -> Forecast | None:
        """How long it will take."""

    @property
    def blocked_reasons(self) -> tuple[str, ...]:
        """Why it cannot be applied."""

    @property
    def is_unplanned(self) -> bool:
        """Whether it has no steps yet."""

    @property
    def has_outage(self) -> bool:
        """Whether the index cannot be queried meanwhile."""


def plan_line(plan: ShownPlan) -> str:
    """Return a plan in one line."""
    names = plan.index if plan.target.name == plan.index else f"{plan.index} → {plan.target.name}"
    blocked = len(plan.blocked_reasons)
    state = f", {blocked} blocked" if blocked else ""
    return f"{names}: {counted(len(plan.claims), 'change')}{state}, mode {plan.mode}, {len(plan.steps)} steps"


def plan_text(plan: ShownPlan, width: int | None = None, style: Style | None = None) -> str:
    """Return a plan as text.

    Args:
        plan: the plan.
        width: the width of a line of a table; None for lines of any length.
        style: the style of the lines of tables.
    """
    blocks = [summary_text(plan, width)]
    if plan.forecast is not None:
        blocks.append("\n".join(bullets("The times are based on:", plan.forecast.basis)))
    blocks.append("\n".join(bullets("Warnings:", plan.warnings)))
    blocks += [
        "\n".join([f"About {each.change}:", *details(each.claim.details, width, style)])
        for each in plan.claims
        if each.claim.details
    ]
    if plan.steps:
        blocks.append(_steps(plan, width, style))
    return "\n\n".join(block for block in blocks if block)


def summary_text(plan: ShownPlan, width: int | None = None) -> str:
    """Return the changes of a plan and their consequences as text: the start of :func:`plan_text`."""
    source = plan.source
    about = f"{counted(source.stats.num_docs, 'document')}, {source.definition.storage}, mode {plan.mode}"
    names = plan.index if plan.target.name == plan.index else f"{plan.index} → {plan.target.name}"
    blocks = [f"{names} ({about})"]
    if plan.is_unplanned:
        blocks.append("A plan that RedisVL made: its steps are planned when it is applied.")
    elif not plan.claims:
        blocks.append(NO_CHANGES)
    else:
        blocks.append("\n".join(["Changes:", *(line for each in plan.claims for line in _change_lines(plan, each))]))
    if plan.steps:
        blocks.append("\n".join(facts(list(_consequences(plan)), width)))
    return "\n\n".join(blocks)


def forecast_lines(plan: ShownPlan, forecast: Forecast) -> Iterator[tuple[str, str]]:
    """Return how long an index cannot be queried, and how long all takes, with their names."""
    parts = [
        (f"documents {rough_seconds(forecast.rewrite_seconds)}", forecast.rewrite_seconds),
        (f"index {rough_seconds(forecast.index_seconds)}", forecast.index_seconds),
    ]
    shown = ", ".join(text for text, seconds in parts if seconds)
    whole = forecast.backup_seconds + forecast.rewrite_seconds + forecast.index_seconds
    if plan.has_outage:
        yield "Downtime", f"{about_seconds(forecast.downtime_seconds)}{f' ({shown})' if shown else ''}"
    else:
        yield "Downtime", "none: the index answers all the time"
    yield "Whole run", f"{about_seconds(whole)}, and the checks at its end"


def _change_lines(plan: ShownPlan, claimed: ClaimedChange) -> Iterator[str]:
    claim, change = claimed.claim, claimed.change
    if not claim.is_supported:
        yield f"  ! {change}: BLOCKED"
        yield f"      {claim.reason}"
        if claim.workaround:
            yield f"      Instead: {claim.workaround}"
        return
    effects = [
        text for text, holds in (("rewrites documents", claim.rewrites_documents), ("lossy", claim.lossy)) if holds
    ]
    owner = f"[{', '.join([claimed.plugin, *effects])}]"
    yield f"  {_described(plan, change)} {owner}"


def _described(plan: ShownPlan, change: Change) -> str:
    match change:
        case AddField(field):
            return f"+ field {field.name!r} ({field.type})"
        case RemoveField(name):
            known = plan.source.definition.find(name)
            return f"- field {name!r}{f' ({known.type})' if known else ''}"
        case _:
            return f"~ {change}"


def _consequences(plan: ShownPlan) -> Iterator[tuple[str, str]]:
    yield "Documents", _documents(plan)
    for each in plan.claims:
        recall = _predicted_recall(each.claim.details)
        if recall is not None:
            yield "Recall@10", f"{recall:.3f} predicted for {each.change}"
    forecast = plan.forecast
    if forecast is None:
        outage = "for as long as the new index takes to build" if plan.has_outage else "none"
        yield "Downtime", outage
        return
    yield from forecast_lines(plan, forecast)
    new = forecast.disk_bytes + forecast.rdb_bytes
    parts = f"backup {bytes_text(forecast.disk_bytes)}, next RDB snapshot {bytes_text(forecast.rdb_bytes)}"
    yield "Disk", f"about {bytes_text(new)} more ({parts})" if new else _disk_unestimated(plan)
    yield "Memory", _memory(plan, forecast)


def _disk_unestimated(plan: ShownPlan) -> str:
    """Say what the backup holds if no plugin has estimated its size."""
    if any(step.rewrites_documents for step in plan.steps):
        return "what is overwritten goes to the backup; no plugin has estimated how much that is"
    return "nothing but the keys in the backup"


def _documents(plan: ShownPlan) -> str:
    rewriting = [step for step in plan.steps if step.rewrites_documents]
    if not rewriting:
        return "none is changed"
    count = plan.source.stats.num_docs
    if plan.mode == "shadow":
        return f"{count:,} get new values beside the old ones, which stay until 'fieldfare finalize'"
    return f"{count:,} are rewritten; what is overwritten goes to the backup first"


def _memory(plan: ShownPlan, forecast: Forecast) -> str:
    change = forecast.memory_delta_bytes
    after = (
        f"about {bytes_text(abs(change))} {'more' if change > 0 else 'less'} afterwards" if change else "about the same"
    )
    now = f"the index has {bytes_text(forecast.memory_bytes)} now"
    beside = "; until 'fieldfare finalize' there are two indexes" if plan.mode == "shadow" else ""
    return f"{after} ({now}{beside})"


def _predicted_recall(values: Any) -> float | None:
    rows = values.get("prediction", ())
    found = (row.get("recall@10") for row in rows if str(row.get("note") or "").startswith(REQUESTED))
    return next((each for each in found if isinstance(each, int | float)), None)


def _steps(plan: ShownPlan, width: int | None, style: Style | None) -> str:
    rows = [
        [
            str(number),
            step.phase.value,
            step.summary,
            step.owner,
            _effects(rewrites=step.rewrites_documents, lossy=step.lossy, final=not step.reversible),
        ]
        for number, step in enumerate(plan.steps, 1)
    ]
    return table(["Step", "Phase", "Does", "Plugin", "Effect"], rows, width, style)


def _effects(*, rewrites: bool, lossy: bool, final: bool = False) -> str:
    effects = {"rewrites documents": rewrites, "lossy": lossy, "cannot be undone": final}
    return ", ".join(effect for effect, applies in effects.items() if applies)
