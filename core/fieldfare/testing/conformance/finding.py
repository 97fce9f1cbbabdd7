"""Tests of plugins that only look: those that validate."""

from __future__ import annotations

from fieldfare.engine.run import Run
from fieldfare.errors import ValidationFailed
from fieldfare.findings import Finding
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.testing.conformance.subject import Subject
from fieldfare.testing.conformance.trial import Trial
from fieldfare.testing.indexing import wait_until_indexed

__all__ = ["FindingConformance"]


class FindingConformance(Subject):
    """Findings that pass, findings that fail, and nothing changed by looking.

    ``changes`` may be any change that leaves documents as the plugin wants them; by default the index is renamed.
    """

    changes = {"index": {"name": "conformance-renamed"}}  # noqa: RUF012 - as Subject declares it

    def harm(self, server: Server) -> None:
        """Do to the server what the plugin has to find.

        Raises:
            NotImplementedError: the test class does not say.
        """
        raise NotImplementedError(f"say in {type(self).__name__}.harm what the plugin has to find")

    def test_findings_pass(self, trial: Trial) -> None:
        """After a run that went well, on record in its report."""
        report = trial.apply()
        found = findings(trial)
        assert found, f"{self.plugin!r} finds nothing"
        assert [each for each in found if not each.passed] == []
        assert {each.name for each in found} <= {each.name for each in report.validation.findings}

    def test_harm_is_found(self, trial: Trial) -> None:
        """By ``fieldfare validate``, after the run."""
        trial.apply()
        self.harm(trial.server)
        wait_until_indexed(trial.server)
        assert [each for each in findings(trial) if not each.passed], "the harm was not found"

    def test_harm_before_the_run_raises_nothing(self, trial: Trial) -> None:
        """A finding that fails is a finding: the run ends with it, and can be taken back."""
        self.harm(trial.server)
        wait_until_indexed(trial.server)
        original = trial.state()
        trial.plan = trial.make_plan()
        try:
            report: MigrationReport | None = trial.apply()
        except ValidationFailed as failed:
            report = failed.report
        assert report is not None
        broken = [each for each in report.validation.findings if each.name == f"{self.plugin}:broken"]
        assert broken == []
        trial.rollback()
        assert trial.state() == original

    def test_looking_changes_nothing(self, trial: Trial) -> None:
        """And twice, it finds the same."""
        trial.apply()
        migrated = trial.state()
        assert findings(trial) == findings(trial)
        assert trial.state() == migrated

    def test_an_empty_index_is_survived(self, trial: Trial) -> None:
        """Nothing to look at is nothing to raise."""
        documents = list(trial.server.client.scan_iter(match=f"{self.prefix}*"))
        trial.server.bulk([("DEL", key) for key in documents])
        trial.apply()
        findings(trial)


def findings(trial: Trial) -> list[Finding]:
    """Return what the plugin finds without a backup, as on ``fieldfare validate``."""
    run = Run(trial.server, trial.plan, trial.plugins)
    answer = trial.plugins.ask(trial.subject.plugin, "fieldfare_validate", plan=trial.plan, run=run)
    if answer is None:
        return []
    assert isinstance(answer, list | tuple)
    assert all(isinstance(each, Finding) for each in answer)
    return list(answer)
