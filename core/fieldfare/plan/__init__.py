"""The plan: what will be done, by whom, in which order."""

from fieldfare.plan.model import Claim, ClaimedChange, Estimate, MigrationPlan, Phase, Receipt, Step

__all__ = ["Claim", "ClaimedChange", "Estimate", "MigrationPlan", "Phase", "Receipt", "Step"]
