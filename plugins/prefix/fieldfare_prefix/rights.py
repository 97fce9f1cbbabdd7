"""Trying the commands that move keys, before anything is changed."""

from __future__ import annotations

from fieldfare.hooks.run import Run
from fieldfare.plan import Step
from fieldfare.server.permissions import require_allowed
from fieldfare.server.refusal import TRIAL_KEY
from fieldfare_prefix.move import Move
from fieldfare_prefix.rename import share_slot

__all__ = ["require_rights"]


def require_rights(step: Step, run: Run) -> None:
    """Move a key that does not exist, there and back, and look for keys.

    Raises:
        CommandNotAllowed: the user may not.
    """
    move = Move.of(step)
    old, new = move.old + TRIAL_KEY, move.new + TRIAL_KEY
    require_allowed(run.server, [("EXISTS", old), ("EXISTS", new), ("SCAN", 0, "COUNT", 1)])
    if not run.server.capabilities.cluster or share_slot((old, new)):
        require_allowed(run.server, [("RENAMENX", old, new), ("RENAMENX", new, old)])
    elif run.implementers("fieldfare_move_keys") != ("prefix",):
        run.move_keys([(old, new), (new, old)])
