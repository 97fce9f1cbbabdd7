"""The mode ``alter``: add fields to the index as it is, with FT.ALTER.

The index keeps its name, its aliases and its synonyms, and answers all the time. Documents are found by a new field
when the server has scanned them again.
May import: ``engine.drop_recreate`` and below. Must not know: ``apply``, ``rollback``.
"""
