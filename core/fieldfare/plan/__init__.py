"""The plan: the changes with their claims, and the steps in order. Data, and the plan file.

``model``, ``claim``, ``step`` and ``summary`` hold the data; ``file`` reads and writes plan files.
May import: ``changes`` and below. Must not know: hooks, how a plan is made or carried out.
"""

from fieldfare.plan.claim import Claim, ClaimedChange
from fieldfare.plan.model import Estimate, MigrationPlan
from fieldfare.plan.step import Phase, Receipt, Step

__all__ = ["Claim", "ClaimedChange", "Estimate", "MigrationPlan", "Phase", "Receipt", "Step"]
