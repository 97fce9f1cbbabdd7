"""Tests of any plugin that changes something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from signal import SIGKILL

import pytest

from fieldfare.errors import ChangeBlocked, UnconvertibleDocuments
from fieldfare.plan.file import write_plan
from fieldfare.report import Result
from fieldfare.testing.commandline import Outcome
from fieldfare.testing.conformance.conformance_run import ConformanceRun
from fieldfare.testing.conformance.suite import ConformanceSuite
from fieldfare.testing.faults import Fault

__all__ = ["StepConformance"]


class StepConformance(ConformanceSuite):
    """Plan, apply, kill, resume and roll back on a real server."""

    # ---- planning

    def test_changes_are_claimed_by_the_plugin(self, run: ConformanceRun) -> None:
        """The plan can be applied, and the plugin claims at least one change."""
        assert run.plan.blocked_reasons == ()
        claimed = {str(each.change): each.plugin for each in run.plan.claims}
        assert self.plugin in claimed.values(), f"{self.plugin!r} claims none of these: {claimed}"

    def test_two_plans_are_the_same(self, run: ConformanceRun) -> None:
        """Two plans are the same byte for byte, made here or in another process."""
        first = (run.directory / "plan.yaml").read_bytes()
        write_plan(run.make_plan(), run.directory / "again.yaml")
        assert (run.directory / "again.yaml").read_bytes() == first
        assert run.run_plan("elsewhere.yaml").code == 0
        assert (run.directory / "elsewhere.yaml").read_bytes() == first

    def test_planning_changes_nothing(self, run: ConformanceRun) -> None:
        """Planning changes no key, no time to live and no index."""
        assert run.state() == run.original

    # ---- applying

    def test_apply_gives_the_expected_documents(self, run: ConformanceRun) -> None:
        """Every document is as its example says, and validation passes."""
        assert run.apply().result is Result.SUCCEEDED
        self.check(run.server, run.plan)
        findings = run.validate().validation.findings
        assert [each for each in findings if each.fatal] == []

    def test_applying_again_is_a_no_op(self, run: ConformanceRun) -> None:
        """The same command again finds nothing to do."""
        run.apply()
        migrated = run.state()
        assert run.apply().result is Result.NOTHING_TO_DO
        assert run.state() == migrated

    def test_batches_do_not_matter(self, run: ConformanceRun) -> None:
        """Batches of one document give the same end as larger ones."""
        migrated = run.baseline().migrated
        run.apply(batch_size=1)
        assert run.state() == migrated

    def test_odd_documents_are_survived(self, run: ConformanceRun) -> None:
        """Documents without the fields, with empty values or with any bytes are migrated, or refused unchanged."""
        odd = self.odd_documents() if self.odd is None else self.odd
        keys = [f"{self.prefix}odd-{row}".encode() for row, _ in enumerate(odd)]
        self.write(run.server, {**dict(zip(keys, odd, strict=True)), self.prefix.encode() + b"\xff\x00": odd[0]})
        run.start_over()
        try:
            run.apply()
        except (ChangeBlocked, UnconvertibleDocuments):
            assert run.state() == run.original, "the run was refused, but it changed something"
            return
        self.check(run.server, run.plan)
        run.rollback()
        assert run.state() == run.original

    def test_an_empty_index_is_survived(self, run: ConformanceRun) -> None:
        """An index without documents can be migrated and rolled back."""
        run.server.bulk([("DEL", key) for key in run.server.client.scan_iter(match=f"{self.prefix}*")])
        run.start_over()
        assert run.apply().result is Result.SUCCEEDED
        run.rollback()
        assert run.state() == run.original

    # ---- rolling back

    def test_rollback_restores_everything(self, run: ConformanceRun) -> None:
        """A separate process restores every key, time to live and definition from journal and backup alone."""
        run.apply()
        undone = run.run_rollback()
        assert undone.code == 0, undone.stderr
        assert run.state() == run.original

    def test_rolling_back_again_is_a_no_op(self, run: ConformanceRun) -> None:
        """The same command again finds nothing to do."""
        run.apply()
        run.rollback()
        assert run.rollback().result is Result.NOTHING_TO_DO
        assert run.state() == run.original

    # ---- kill -9

    def test_killed_and_resumed(self, run: ConformanceRun) -> None:
        """Killed at every point of the plugin's own steps and resumed, a run ends as an undisturbed one."""
        for fault in kill_each(run, run.kills(), run.run_apply):
            run.apply()
            assert run.state() == run.baseline().migrated, f"killed at {fault} and resumed: not as an undisturbed run"
            run.rollback()
            assert run.state() == run.original, f"killed at {fault}, resumed and rolled back: not as before"

    def test_killed_and_rolled_back(self, run: ConformanceRun) -> None:
        """Killed at every point of the plugin's own steps and rolled back, everything is as before."""
        for fault in kill_each(run, run.kills(), run.run_apply):
            if any(run.backup_dir.glob("*.header")):  # without one, no run has started
                run.rollback()
            assert run.state() == run.original, f"killed at {fault} and rolled back: not as before"

    def test_killed_while_rolling_back(self, run: ConformanceRun) -> None:
        """Killed at every point of the rollback and rolled back again, everything is as before."""
        for fault in kill_each(run, run.rollback_kills(), run.run_rollback, before=run.apply):
            run.rollback()
            assert run.state() == run.original, f"killed at {fault} and rolled back again: not as before"


def kill_each(
    run: ConformanceRun,
    faults: Sequence[Fault],
    command: Callable[[Fault], Outcome],
    before: Callable[[], object] = lambda: None,
) -> Iterator[Fault]:
    """Kill a process at one point after the other, each time with a new backup directory."""
    if not faults:
        pytest.skip("the plugin owns no step: the index is only dropped and created")
    for fault in faults:
        run.use_new_backup_dir()
        before()
        outcome = command(fault)
        assert outcome.code == -SIGKILL, f"{fault} was not reached: {outcome.stderr}"
        yield fault
