"""What validation looks at: the kernel's own checks, document contents, query checks; and asking every plugin.

May import: ``engine.concurrent`` and below. Must not know: modes, how a run is resumed.
"""
