"""What tests of plugins use, other people's and our own: real servers, pytest fixtures, a conformance suite, faults."""
