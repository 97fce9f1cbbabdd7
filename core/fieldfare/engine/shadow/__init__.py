"""The mode ``shadow``: build the target beside the source, check it, then move the names.

The index answers all the time: with the source until the switch, with the target after it.
May import: ``engine.drop_recreate`` and below. Must not know: ``engine.alter``, ``apply``, ``rollback``.
"""
