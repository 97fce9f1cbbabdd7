"""The load of a run on its server: limits that the user sets, waiting between batches, and what ``status`` shows.

``throttle`` is where a run waits; ``pace`` the arithmetic; ``limits`` what the user set, also while the run is under
way; ``latency`` the probe; ``state`` how fast a run is; ``files`` reads and writes both small files beside the backup.
May import: ``backup``, ``server``, ``report`` and below. Must not know: the run.
"""

from fieldfare.engine.load.limits import Limits, change_limits, require_limits
from fieldfare.engine.load.session import loaded_session
from fieldfare.engine.load.state import read_state
from fieldfare.engine.load.throttle import Restriction, Throttle

__all__ = ["Limits", "Restriction", "Throttle", "change_limits", "loaded_session", "read_state", "require_limits"]
