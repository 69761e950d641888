"""Examines the machine and the stack and says what is missing and how to mend it. Changes nothing."""

from pathlib import Path

from deploy.local.doctor.finding import Finding, Severity
from deploy.local.doctor.machine_checks import check_machine
from deploy.local.doctor.stack_checks import check_stack


def examine(state_directory: Path) -> list[Finding]:
    """Every finding, good ones included."""
    state_directory = state_directory.resolve()
    return [*check_machine(state_directory), *check_stack(state_directory)]


def is_healthy(findings: list[Finding]) -> bool:
    """Whether nothing stops the stack from working."""
    return all(finding.ok or finding.severity is not Severity.ERROR for finding in findings)
