"""What a mode is: how the steps of plugins are framed, and what the frame means for a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from fieldfare.backup.journal import Journal
    from fieldfare.definition import IndexDefinition, Snapshot
    from fieldfare.engine.run import ActiveRun
    from fieldfare.plan import ClaimedChange, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding
    from fieldfare.server import Server
    from fieldfare.server.pipeline import Command

__all__ = ["DOWNTIME", "Draft", "Mode", "ModePlanner", "Part", "PlannedChange"]


DOWNTIME: Final = "Index downtime is required"
"""The warning of a mode that drops the index."""


class Part(Enum):
    """A part of a migration that needs rights of its own."""

    RUN = auto()
    """A run, and the rollback that may follow it."""

    ROLLBACK = auto()
    FINALIZE = auto()


@frozen(hash=False)
class PlannedChange:
    """A change, and the steps that its plugin has planned for it."""

    claimed: ClaimedChange
    steps: tuple[Step, ...] = ()


@frozen(hash=False)
class Draft:
    """A plan before its mode adds steps.

    Attributes:
        server: the server of the index.
        name: the name by which the user called the index: its own, or an alias.
        snapshot: the index as it is now.
        target: the definition after every change.
        changes: in order.
        further_steps: steps of plugins that belong to no single change.
        overlapping_indexes: other live indexes that cover some of the same keys.
    """

    server: Server
    name: str
    snapshot: Snapshot
    target: IndexDefinition
    changes: tuple[PlannedChange, ...]
    further_steps: tuple[Step, ...] = ()
    overlapping_indexes: tuple[IndexDefinition, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all changes, and the further ones."""
        return (*(step for change in self.changes for step in change.steps), *self.further_steps)


class ModePlanner(ABC):
    """What one way to change an index means for a plan. Planning needs nothing of what carries the plan out.

    A mode adds steps of its own to a plan, its *frame*: they belong to the kernel's plugin ``index``.

    Attributes:
        name: what plan files call the mode.
    """

    name: ClassVar[str]

    @abstractmethod
    def blocker(self, draft: Draft, change: PlannedChange) -> tuple[str, str] | None:
        """Return why one of the changes cannot be made in this mode, and what to do instead; None if it can."""

    def reluctance(self, draft: Draft) -> str | None:
        """Return why ``auto`` should rather not take this mode; None if it may."""
        del draft
        return None

    def adapt(self, step: Step) -> Step:
        """Return the step that does in this mode what a step of a plugin does; mostly that step itself."""
        return step

    def target(self, draft: Draft) -> IndexDefinition:
        """Return the target with the name under which the mode creates it."""
        return draft.target

    @abstractmethod
    def frame(self, draft: Draft, target: IndexDefinition) -> Sequence[Step]:
        """Return the mode's own steps for a plan that changes something."""

    @abstractmethod
    def warnings(self, draft: Draft, target: IndexDefinition) -> Sequence[str]:
        """Return what a user should know before a plan with this frame is applied."""

    def expected_target(self, plan: MigrationPlan, changed: IndexDefinition) -> IndexDefinition:
        """Return the target that a plan of this mode must have.

        Args:
            plan: the plan; it may have been edited.
            changed: what its changes make of the source.

        Raises:
            ValueError: the plan is none of this mode.
        """
        del plan
        return changed


class Mode(ModePlanner):
    """One way to change an index. The engine has one object for each mode, and never asks which one it has.

    The plugin ``index`` has the steps of the frame executed, verified and undone here. Everything that all modes share
    (activities, journal transitions, receipts, interruption, retries) is the engine's.

    Attributes:
        activities: kind of one of its steps → what step reports call its execution.
        undo_activities: kind of one of its steps → what step reports call its undoing.
    """

    activities: ClassVar[Mapping[str, str]] = {}
    undo_activities: ClassVar[Mapping[str, str]] = {}

    # ---- before a run

    def back_up(self, run: ActiveRun) -> None:
        """Save what the mode needs of documents besides originals, before anything is changed.

        Raises:
            UnconvertibleDocuments: documents cannot be changed in this mode.
        """
        del run

    @abstractmethod
    def trial_commands(self, run: ActiveRun, part: Part) -> Iterable[Command]:
        """Return commands on indexes that a part of a migration needs, such that each of them is bound to fail.

        They are sent to see whether the user may run them. What no such command tells is tried on trial indexes.

        Args:
            run: has neither journal nor backup before a run.
            part: which.

        Raises:
            CommandNotAllowed: the user may not do something that was tried.
            UnsupportedServer: the server refuses it.
        """

    @abstractmethod
    def rehearse(self, server: Server, plan: MigrationPlan) -> None:
        """Prove, without changing anything, that the server will accept what the mode is going to do.

        Raises:
            UnsupportedServer: it will not.
        """

    # ---- a run, and the mode's own steps

    def during(self, run: ActiveRun) -> AbstractContextManager[None]:
        """Return what surrounds the steps of a run, and closes what they have opened."""
        del run
        return nullcontext()

    def before_rewrite(self, run: ActiveRun) -> None:
        """Prepare for the rewrite pass, which begins now."""
        del run

    def discard_unfinished(self, run: ActiveRun) -> None:
        """Remove what an interrupted attempt has left unfinished, and cannot be used."""
        del run

    @abstractmethod
    def execute(self, run: ActiveRun, step: Step) -> Receipt:
        """Carry out one of them; idempotent."""

    @abstractmethod
    def verify(self, run: ActiveRun, step: Step, receipt: Receipt | None) -> bool:
        """Say whether it is done; ``receipt`` is None after a crash."""

    @abstractmethod
    def undo(self, run: ActiveRun, step: Step) -> None:
        """Undo it; idempotent."""

    @abstractmethod
    def was_reverted(self, run: ActiveRun, step: Step) -> bool:
        """Whether a step that is done has to be done again: the server lost it in a restart or a failover."""

    # ---- the end of a run, and of a rollback

    @abstractmethod
    def validate(self, run: ActiveRun) -> Sequence[Finding]:
        """Check what the steps have made."""

    def view(self, run: ActiveRun) -> ActiveRun:
        """Return the run as validators see it now: its plan says which aliases lead to the target."""
        return run

    @abstractmethod
    def as_before(self, run: ActiveRun) -> ActiveRun:
        """Return a run whose target is what a rollback restores."""

    def require_undoable(self, run: ActiveRun) -> None:
        """Refuse a rollback that cannot be carried out, before it changes anything.

        Raises:
            PreconditionError: it cannot.
        """
        del run

    def require_finalizable(self, run: ActiveRun) -> None:
        """Refuse to remove what the switch has superseded, before anything is removed.

        Raises:
            PreconditionError: it is still needed.
        """
        del run

    # ---- what they mean for the journal; asked about every step of a plan

    def activity(self, step: Step) -> str:
        """Return what step reports call the execution of a step: its kind, unless the mode has a name for it."""
        return self.activities.get(step.kind, step.kind)

    def undo_activity(self, step: Step) -> str:
        """Return what step reports call its undoing."""
        return self.undo_activities.get(step.kind, step.kind)

    def on_start(self, step: Step) -> Mapping[str, Any]:
        """Return what changes in the journal's progress when a step starts."""
        del step
        return {}

    def on_done(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Return what changes in it when the step is done."""
        del run, step
        return {}

    def on_undo_start(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Return what changes in it when undoing a step starts."""
        del run, step
        return {}

    def on_undone(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Return what changes in it when the step is undone."""
        del run, step
        return {}

    def state(self, journal: Journal) -> str:
        """Return one word for how far the run got, or ""."""
        del journal
        return ""

    @abstractmethod
    def describe(self, journal: Journal) -> str:
        """Say in a few words what the run has done to the index, as far as the journal knows."""
