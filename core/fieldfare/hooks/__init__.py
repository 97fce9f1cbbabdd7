"""The plugin system: hook specifications, finding and calling plugins, and the arguments of hooks.

``specs`` lists the hooks; ``run`` and ``live_index`` are the interfaces for plugin authors; ``manager`` loads and calls
plugins.
May import: ``report`` and below. Must not know: the engine that implements ``run``, the planner, the command line.
"""
