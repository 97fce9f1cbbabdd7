"""The choice of a plan's mode."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from fieldfare.engine.mode import Draft, ModePlanner
from fieldfare.engine.mode_planners import MODE_PLANNERS
from fieldfare.patch.mode import ModeName

__all__ = ["ModeChoice", "choose_mode"]

WITHOUT_OUTAGE: Final = (ModeName.ALTER, ModeName.SHADOW)
"""The modes in which the index answers all the time, in the order of preference."""


@frozen(hash=False)
class ModeChoice:
    """The mode of a plan.

    Attributes:
        mode: the mode.
        reasons: lines for the user: why this one, or which other one would do without an outage.
    """

    mode: ModePlanner
    reasons: tuple[str, ...] = ()


def choose_mode(draft: Draft, requested: ModeName) -> ModeChoice:
    """Return the mode that the user asks for; for ``auto`` the first one that can carry out every change.

    A change that no mode can carry out does not count.
    """
    if requested is ModeName.AUTO:
        return _choose(draft)
    if requested is not ModeName.DROP_RECREATE:
        return ModeChoice(MODE_PLANNERS[requested])
    other = next((each for each in WITHOUT_OUTAGE if not _blocker(draft, each)), None)
    hint = () if other is None else (f"Without an outage: plan with --mode {other}",)
    return ModeChoice(MODE_PLANNERS[requested], hint)


def _choose(draft: Draft) -> ModeChoice:
    refused: list[str] = []
    for name in WITHOUT_OUTAGE:
        blocker = _blocker(draft, name)
        if not blocker:
            because = f", because {'; '.join(refused)}" if refused else ""
            return ModeChoice(MODE_PLANNERS[name], (f"--mode auto has chosen {name}{because}",))
        refused.append(f"{name} cannot do it: {blocker}")
    chosen = ModeName.DROP_RECREATE
    return ModeChoice(MODE_PLANNERS[chosen], (f"--mode auto has chosen {chosen}, because {'; '.join(refused)}",))


def _blocker(draft: Draft, name: ModeName) -> str:
    """Return why a mode cannot carry out the changes; "" if it can."""
    for each in draft.changes:
        blocker = MODE_PLANNERS[name].blocker(draft, each) if each.claimed.claim.is_supported else None
        if blocker is not None:
            return f"{each.claimed.change}: {blocker[0]}"
    return MODE_PLANNERS[name].reluctance(draft) or ""
