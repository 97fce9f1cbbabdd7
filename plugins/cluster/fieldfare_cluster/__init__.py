"""The cluster plugin of fieldfare: keys move between slots."""
