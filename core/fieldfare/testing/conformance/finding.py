"""Tests of plugins that only validate."""

from __future__ import annotations

from fieldfare.engine.run import ActiveRun
from fieldfare.errors import ValidationFailed
from fieldfare.report import Finding, MigrationReport
from fieldfare.server import Server
from fieldfare.testing.conformance.conformance_run import ConformanceRun
from fieldfare.testing.conformance.suite import ConformanceSuite
from fieldfare.testing.indexing import wait_until_indexed

__all__ = ["FindingConformance"]


class FindingConformance(ConformanceSuite):
    """Findings pass, findings fail, and validation changes nothing.

    ``changes`` may be any change that keeps the documents valid for the plugin; by default the index is renamed.
    """

    changes = {"index": {"name": "conformance-renamed"}}  # noqa: RUF012 - as PluginUnderTest declares it

    def harm(self, server: Server) -> None:
        """Damage the server in a way that the plugin must find.

        Raises:
            NotImplementedError: the test class does not override it.
        """
        raise NotImplementedError(
            f"override {type(self).__name__}.harm: it must cause the problem that the plugin must find"
        )

    def test_findings_pass(self, run: ConformanceRun) -> None:
        """A run that succeeds has the findings in its report, and all pass."""
        report = run.apply()
        found = findings(run)
        assert found, f"{self.plugin!r} finds nothing"
        assert [each for each in found if not each.passed] == []
        assert {each.name for each in found} <= {each.name for each in report.validation.findings}

    def test_harm_is_found(self, run: ConformanceRun) -> None:
        """``fieldfare validate`` finds harm that is done after the run."""
        run.apply()
        self.harm(run.server)
        wait_until_indexed(run.server)
        assert [each for each in findings(run) if not each.passed], "the plugin did not find the damage"

    def test_harm_before_the_run_raises_nothing(self, run: ConformanceRun) -> None:
        """A finding that fails ends the run and raises nothing else. The run can be rolled back."""
        self.harm(run.server)
        run.start_over()
        try:
            report: MigrationReport | None = run.apply()
        except ValidationFailed as failed:
            report = failed.report
        assert report is not None
        broken = [each for each in report.validation.findings if each.name == f"{self.plugin}:broken"]
        assert broken == []
        run.rollback()
        assert run.state() == run.original

    def test_validation_changes_nothing(self, run: ConformanceRun) -> None:
        """Two validations find the same, and change nothing."""
        run.apply()
        migrated = run.state()
        assert findings(run) == findings(run)
        assert run.state() == migrated

    def test_an_empty_index_is_survived(self, run: ConformanceRun) -> None:
        """An index without documents raises nothing."""
        run.server.bulk([("DEL", key) for key in run.server.client.scan_iter(match=f"{self.prefix}*")])
        run.apply()
        findings(run)


def findings(run: ConformanceRun) -> list[Finding]:
    """Return what the plugin finds without a backup, as on ``fieldfare validate``."""
    owner, active = run.plugin_under_test.plugin, ActiveRun(run.server, run.plan, run.plugins)
    answer = run.plugins.call(owner, "fieldfare_validate", plan=run.plan, run=active)
    if answer is None:
        return []
    assert isinstance(answer, list | tuple)
    assert all(isinstance(each, Finding) for each in answer)
    return list(answer)
