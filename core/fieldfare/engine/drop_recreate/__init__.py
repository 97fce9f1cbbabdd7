"""The mode ``drop_recreate``: drop the source, rewrite documents, create the target.

The index is unavailable from the drop until the target has been built.
May import: ``engine.checks`` and below. Must not know: other modes, ``apply``, ``rollback``.
"""
