"""The prefix plugin of fieldfare."""
