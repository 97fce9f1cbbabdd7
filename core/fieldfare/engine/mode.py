"""What a mode is: how the steps of plugins are framed, and what the frame means for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fieldfare.backup.journal import Journal
    from fieldfare.definition import IndexDefinition, Snapshot
    from fieldfare.engine.run import ActiveRun
    from fieldfare.plan import MigrationPlan, Receipt, Step
    from fieldfare.server import Server

__all__ = ["Mode"]


class Mode(Protocol):
    """One way to change an index. The engine has one object for each mode, and never asks which one it has.

    A mode adds steps of its own to a plan, its *frame*: they belong to the kernel's plugin ``index``, which has them
    executed, verified and undone here. Everything that all modes share (activities, journal transitions, receipts,
    interruption, retries) is the engine's.
    """

    @property
    def name(self) -> str:
        """What plan files call it."""

    # ---- planning

    def frame(self, source: IndexDefinition, target: IndexDefinition) -> Sequence[Step]:
        """Return the mode's own steps for a plan that changes something."""

    def blocker(self, snapshot: Snapshot) -> tuple[str, str] | None:
        """Return why this index cannot be changed in this mode, and what to do instead; None if it can."""

    def warnings(self, snapshot: Snapshot) -> Sequence[str]:
        """Return what a user should know before a plan with this frame is applied."""

    # ---- before a run

    def rehearse(self, server: Server, plan: MigrationPlan) -> None:
        """Prove, without changing anything, that the server will accept what the mode is going to do.

        Raises:
            UnsupportedServer: it will not.
        """

    # ---- the mode's own steps

    def execute(self, run: ActiveRun, step: Step) -> Receipt:
        """Carry out one of them; idempotent."""

    def verify(self, run: ActiveRun, step: Step, receipt: Receipt | None) -> bool:
        """Say whether it is done; ``receipt`` is None after a crash."""

    def undo(self, run: ActiveRun, step: Step) -> None:
        """Undo it; idempotent."""

    def was_reverted(self, run: ActiveRun, step: Step) -> bool:
        """Whether a step that is done has to be done again: the server lost it in a restart or a failover."""

    # ---- what they mean for the journal; asked about every step of a plan

    def activity(self, step: Step) -> str:
        """Return what step reports call the execution of a step: its kind, unless the mode has a name for it."""

    def undo_activity(self, step: Step) -> str:
        """Return what step reports call its undoing."""

    def on_start(self, step: Step) -> Mapping[str, Any]:
        """Return what changes in the journal's progress when a step starts."""

    def on_done(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Return what changes in it when the step is done."""

    def on_undo_start(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Return what changes in it when undoing a step starts."""

    def on_undone(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Return what changes in it when the step is undone."""

    def describe(self, journal: Journal) -> str:
        """Say in a few words what the run has done to the index, as far as the journal knows."""
