"""The plan: what will be done, by whom, in which order."""

from fieldfare.plan.claim import Claim, ClaimedChange
from fieldfare.plan.model import Estimate, MigrationPlan
from fieldfare.plan.step import Phase, Receipt, Step

__all__ = ["Claim", "ClaimedChange", "Estimate", "MigrationPlan", "Phase", "Receipt", "Step"]
