"""Tests of any plugin that changes something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from signal import SIGKILL

import pytest

from fieldfare.errors import ChangeBlocked, DocumentsUnfit
from fieldfare.plan.file import write_plan
from fieldfare.report import Result
from fieldfare.testing.commandline import Outcome
from fieldfare.testing.conformance.subject import Subject
from fieldfare.testing.conformance.trial import Trial
from fieldfare.testing.faults import Fault
from fieldfare.testing.indexing import wait_until_indexed

__all__ = ["StepConformance"]


class StepConformance(Subject):
    """Planning, applying, being killed and being taken back, on a real server."""

    # ---- planning

    def test_changes_are_claimed_by_the_plugin(self, trial: Trial) -> None:
        """The plan can be applied, and the plugin has claimed something of it."""
        assert trial.plan.blocked_reasons == ()
        claimed = {str(each.change): each.plugin for each in trial.plan.claims}
        assert self.plugin in claimed.values(), f"{self.plugin!r} claims none of these: {claimed}"

    def test_two_plans_are_the_same(self, trial: Trial) -> None:
        """Byte for byte, made here or in another process."""
        first = (trial.directory / "plan.yaml").read_bytes()
        write_plan(trial.make_plan(), trial.directory / "again.yaml")
        assert (trial.directory / "again.yaml").read_bytes() == first
        assert trial.run_plan("elsewhere.yaml").code == 0
        assert (trial.directory / "elsewhere.yaml").read_bytes() == first

    def test_planning_changes_nothing(self, trial: Trial) -> None:
        """No key, no time to live, no index."""
        assert trial.state() == trial.original

    # ---- applying

    def test_apply_reaches_what_is_expected(self, trial: Trial) -> None:
        """Every document is as its example says, and validation has nothing against it."""
        assert trial.apply().result is Result.SUCCEEDED
        self.check(trial.server, trial.plan)
        findings = trial.validate().validation.findings
        assert [each for each in findings if each.fatal] == []

    def test_applying_again_is_a_no_op(self, trial: Trial) -> None:
        """The same command once more finds nothing to do."""
        trial.apply()
        migrated = trial.state()
        assert trial.apply().result is Result.NOTHING_TO_DO
        assert trial.state() == migrated

    def test_batches_do_not_matter(self, trial: Trial) -> None:
        """One document at a time comes to the same as several."""
        migrated = trial.survey().migrated
        trial.apply(batch_size=1)
        assert trial.state() == migrated

    def test_odd_documents_are_survived(self, trial: Trial) -> None:
        """Without the fields, empty, or any bytes: carried out, or refused before anything is changed."""
        odd = self.odd_documents() if self.odd is None else self.odd
        keys = [f"{self.prefix}odd-{row}".encode() for row, _ in enumerate(odd)]
        self.write(trial.server, {**dict(zip(keys, odd, strict=True)), self.prefix.encode() + b"\xff\x00": odd[0]})
        wait_until_indexed(trial.server)
        original = trial.state()
        trial.plan = trial.make_plan()
        try:
            trial.apply()
        except (ChangeBlocked, DocumentsUnfit):
            assert trial.state() == original, "it was refused, and something was changed all the same"
            return
        self.check(trial.server, trial.plan)
        trial.rollback()
        assert trial.state() == original

    def test_an_empty_index_is_survived(self, trial: Trial) -> None:
        """No documents, nothing to do, no complaint."""
        documents = list(trial.server.client.scan_iter(match=f"{self.prefix}*"))
        trial.server.bulk([("DEL", key) for key in documents])
        wait_until_indexed(trial.server)
        original = trial.state()
        trial.plan = trial.make_plan()
        assert trial.apply().result is Result.SUCCEEDED
        trial.rollback()
        assert trial.state() == original

    # ---- taking it back

    def test_rollback_restores_everything(self, trial: Trial) -> None:
        """Every key, time to live and definition, from journal and backup alone: by a process that knows no more."""
        trial.apply()
        undone = trial.run_rollback()
        assert undone.code == 0, undone.stderr
        assert trial.state() == trial.original

    def test_rolling_back_again_is_a_no_op(self, trial: Trial) -> None:
        """The same command once more finds nothing to do."""
        trial.apply()
        trial.rollback()
        assert trial.rollback().result is Result.NOTHING_TO_DO
        assert trial.state() == trial.original

    # ---- kill -9

    def test_killed_and_resumed(self, trial: Trial) -> None:
        """At every point of the plugin's own steps: the end is the same as undisturbed."""
        for fault in each_of(trial, trial.kills(), trial.run_apply):
            trial.apply()
            assert trial.state() == trial.survey().migrated, f"killed at {fault} and resumed: another end"
            trial.rollback()
            assert trial.state() == trial.original, f"killed at {fault}, resumed and rolled back: not as before"

    def test_killed_and_rolled_back(self, trial: Trial) -> None:
        """At every point of the plugin's own steps: everything is as before."""
        for fault in each_of(trial, trial.kills(), trial.run_apply):
            if any(trial.backup_dir.glob("*.header")):  # without one, nothing was begun
                trial.rollback()
            assert trial.state() == trial.original, f"killed at {fault} and rolled back: not as before"

    def test_killed_while_rolling_back(self, trial: Trial) -> None:
        """At every point of that: rolled back once more, everything is as before."""
        for fault in each_of(trial, trial.undo_kills(), trial.run_rollback, before=trial.apply):
            trial.rollback()
            assert trial.state() == trial.original, f"killed at {fault} and rolled back again: not as before"


def each_of(
    trial: Trial,
    faults: Sequence[Fault],
    run: Callable[[Fault], Outcome],
    before: Callable[[], object] = lambda: None,
) -> Iterator[Fault]:
    """Kill a process at one point after the other, each time from the same beginning."""
    if not faults:
        pytest.skip("the plugin has no step of its own: dropping and creating the index is all")
    for fault in faults:
        trial.start_anew()
        before()
        outcome = run(fault)
        assert outcome.code == -SIGKILL, f"{fault} was not reached: {outcome.stderr}"
        yield fault
