"""Planning: live index and changes → plan. Reads the server, changes nothing.

``planner`` makes the plan, ``sampling`` reads documents for plugins, ``step_order`` sorts steps, ``warnings`` adds
what the user should know.
May import: ``engine`` and below. Must not know: the API classes, the command line.
"""
