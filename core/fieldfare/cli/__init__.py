"""The command line. It turns arguments into calls of ``fieldfare.api``, and results into text or JSON."""

from fieldfare.cli.app import main

__all__ = ["main"]
