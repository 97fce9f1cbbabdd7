"""The steps that the mode adds to a plan: build, check, switch, retire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fieldfare.definition import IndexDefinition
from fieldfare.engine.shadow.names import SWITCH
from fieldfare.engine.shadow_paths import COPY, SHADOW_FIELDS
from fieldfare.plan import Phase, Step

__all__ = ["BUILD", "CHECK", "REMOVE_ORIGINALS", "RETIRE", "plan_copy", "plan_frame"]

BUILD: Final = "index.build"
CHECK: Final = "index.check"
RETIRE: Final = "index.retire"
REMOVE_ORIGINALS: Final = "index.remove_originals"


def plan_frame(
    source: IndexDefinition,
    target: IndexDefinition,
    names: Sequence[str],
    shadow_fields: Mapping[str, str],
    measurements: Sequence[str],
) -> tuple[Step, ...]:
    """Return the steps that build the target, check it, move the names to it, and remove what they have left.

    With shadow fields, the target is built after these are filled: its server then indexes each document once.

    Args:
        source: the live index.
        target: the index that is built beside it.
        names: that move to the target.
        shadow_fields: path of an original → path of its shadow field.
        measurements: ids of the steps of plugins whose results the check judges.
    """
    shown = ", ".join(map(repr, names))
    build = Step.new(
        BUILD,
        Phase.CREATE if shadow_fields else Phase.EXPAND,
        params={"index": target.name, **({SHADOW_FIELDS: dict(shadow_fields)} if shadow_fields else {})},
        summary=f"Build {target.name!r} beside {source.name!r}, which answers",
    )
    check = Step.new(
        CHECK,
        Phase.VALIDATE,
        params={"index": target.name},
        after=measurements,
        summary=f"Check {target.name!r} against {source.name!r}",
    )
    switch = Step.new(
        SWITCH,
        Phase.SWITCH,
        params={"names": list(names), "index": target.name},
        summary=f"Switch {shown} to {target.name!r}",
    )
    retire = Step.new(
        RETIRE,
        Phase.CONTRACT,
        params={"index": source.name},
        summary=f"On finalize: remove what is left of {source.name!r}; documents stay",
    )
    steps = [build, check, *([switch] if names else []), retire]
    if shadow_fields:
        shown = ", ".join(map(repr, shadow_fields))
        summary = f"On finalize: remove the old values of {shown}, which go to the backup"
        steps.append(
            Step.new(
                REMOVE_ORIGINALS,
                Phase.CONTRACT,
                params={"fields": list(shadow_fields)},
                after=[retire.id],
                rewrites_documents=True,
                summary=summary,
            )
        )
    return tuple(each.owned_by("index") for each in steps)


def plan_copy(step: Step) -> Step:
    """Return a step that copies values within each document, instead of one that moves them."""
    shown = ", ".join(f"{old!r} to {new!r}" for old, new in step.moves.items())
    return Step.rewrite(
        COPY,
        list(step.moves),
        params={"moves": dict(step.moves)},
        lossy=False,
        summary=f"Copy {shown} in every document",
    ).owned_by("index")
