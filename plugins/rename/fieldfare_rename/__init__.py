"""The rename plugin of fieldfare."""
