"""Running the validators: asking every plugin for its findings."""

from __future__ import annotations

from redis.exceptions import ResponseError

from fieldfare.engine.run import ActiveRun
from fieldfare.errors import InvalidHookResult, PluginBroken
from fieldfare.report import Finding
from fieldfare.support.error_text import describe_result, error_text

__all__ = ["run_validators"]


def run_validators(run: ActiveRun) -> tuple[Finding, ...]:
    """Return the findings of all plugins; a plugin that raises becomes a failed finding."""
    findings: list[Finding] = []
    with run.activity("validate", "Validate"), run.validating():
        for name in run.plugins.implementers("fieldfare_validate"):
            try:
                answer = run.plugins.call(name, "fieldfare_validate", plan=run.plan, run=run)
            except (PluginBroken, InvalidHookResult) as error:
                findings.append(Finding(f"{name}:broken", passed=False, detail=error.reason))
                continue
            except ResponseError as error:
                findings.append(
                    Finding(f"{name}:broken", passed=False, detail=f"the server refused: {error_text(error)}")
                )
                continue
            findings.extend(_checked(name, answer))
    return tuple(findings)


def _checked(name: str, answer: object) -> list[Finding]:
    if answer is None:
        return []
    if isinstance(answer, list | tuple) and all(isinstance(each, Finding) for each in answer):
        return list(answer)
    return [
        Finding(f"{name}:broken", passed=False, detail=f"it returned {describe_result(answer)} instead of findings")
    ]
