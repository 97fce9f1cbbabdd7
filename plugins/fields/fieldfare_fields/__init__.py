"""Change what is indexed, and how, without a change of any document."""
