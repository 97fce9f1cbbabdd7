"""Carrying out plans: apply, rollback, and what any mode needs for them.

``apply`` and ``rollback`` are the two ways in. Below them: the modes (``drop_recreate``), ``checks`` (validation),
``concurrent`` (what applications write during a run), and ``run``, the state that all of them share.
May import: ``backup`` and below. Must not know: the planner, the API classes, the command line.
"""
