"""How long a run takes with many workers and nodes, and what limits it: a model, in plain arithmetic.

May import: ``engine`` and below. Must not know: the command line.
"""

from fieldfare.planning.sizing.deployment import Deployment, read_deployment
from fieldfare.planning.sizing.model import Limit, Part, Sizing, size_run
from fieldfare.planning.sizing.rates import Cost, Rates, WorkRates, usual_rates
from fieldfare.planning.sizing.workload import Workload, scale_plan, workload_of

__all__ = [
    "Cost",
    "Deployment",
    "Limit",
    "Part",
    "Rates",
    "Sizing",
    "WorkRates",
    "Workload",
    "read_deployment",
    "scale_plan",
    "size_run",
    "usual_rates",
    "workload_of",
]
