"""The fields plugin of fieldfare."""
