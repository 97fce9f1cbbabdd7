"""The cluster plugin of fieldfare."""
