"""Copies of documents under their new keys: made, kept equal to the documents under the old ones, and removed.

May import: ``engine.concurrent`` and below. Must not know: modes, shadow fields.
"""
