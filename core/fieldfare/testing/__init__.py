"""What tests of plugins use, ours and those of plugin authors: real servers, fixtures, faults, a conformance suite.

May import: everything. Must not be known to: everything else.
"""
