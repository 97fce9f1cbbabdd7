"""The prefix plugin of fieldfare: keys move to another prefix."""
