"""Shadow fields: filled from the originals, kept equal to what the transforms make of them, and removed.

May import: ``engine.concurrent`` and below. Must not know: modes.
"""
