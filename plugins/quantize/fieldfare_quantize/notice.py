"""What applications must know once a migration is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import RenameField, UpdateField
from fieldfare.findings import Finding, Severity

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan

__all__ = ["tell_queries"]


def tell_queries(plan: MigrationPlan) -> list[Finding]:
    """Say what the queries of each field whose datatype changed must be from now on."""
    new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
    found = []
    for change in plan.changes:
        if isinstance(change, UpdateField) and change.attribute == "datatype":
            name = new_names.get(change.name, change.name)
            detail = f"must be encoded as {change.new} from now on (fieldfare encode-query --field {name})"
            data = {"field": name, "datatype": change.new}
            found.append(Finding(f"queries:{name}", passed=True, severity=Severity.INFO, detail=detail, data=data))
    return found
