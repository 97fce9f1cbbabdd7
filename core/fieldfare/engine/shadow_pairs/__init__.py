"""Pairs of an original and its copy, which are kept equal until the run is finalized.

The copy of a field is its shadow field; the copy of a document has another key.

May import: ``engine.concurrent`` and below. Must not know: modes, what a pair consists of.
"""
