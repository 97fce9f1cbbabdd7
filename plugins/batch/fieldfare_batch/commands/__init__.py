"""The ``batch-*`` commands. Everything heavy is imported when a command runs."""
