"""The specifications of all hooks: those of a migration, and those of other commands.

A plugin manager registers this package: a hook is known if it is here.
May import: ``report`` and below, and the arguments of hooks. Must not know: who calls the hooks.
"""

from fieldfare.hooks.specs.commands import (
    fieldfare_add_commands,
    fieldfare_encode_query,
    fieldfare_examine,
    fieldfare_report_page,
)
from fieldfare.hooks.specs.migration import (
    fieldfare_backup,
    fieldfare_classify,
    fieldfare_estimate,
    fieldfare_execute_step,
    fieldfare_executor,
    fieldfare_move_keys,
    fieldfare_name_keys,
    fieldfare_plan_further_steps,
    fieldfare_plan_steps,
    fieldfare_rehearse_step,
    fieldfare_run_report,
    fieldfare_shard_report,
    fieldfare_step_report,
    fieldfare_transform,
    fieldfare_transform_back,
    fieldfare_undo_step,
    fieldfare_validate,
    fieldfare_verify_step,
    fieldfare_watch_dump,
)

__all__ = [
    "fieldfare_add_commands",
    "fieldfare_backup",
    "fieldfare_classify",
    "fieldfare_encode_query",
    "fieldfare_estimate",
    "fieldfare_examine",
    "fieldfare_execute_step",
    "fieldfare_executor",
    "fieldfare_move_keys",
    "fieldfare_name_keys",
    "fieldfare_plan_further_steps",
    "fieldfare_plan_steps",
    "fieldfare_rehearse_step",
    "fieldfare_report_page",
    "fieldfare_run_report",
    "fieldfare_shard_report",
    "fieldfare_step_report",
    "fieldfare_transform",
    "fieldfare_transform_back",
    "fieldfare_undo_step",
    "fieldfare_validate",
    "fieldfare_verify_step",
    "fieldfare_watch_dump",
]
