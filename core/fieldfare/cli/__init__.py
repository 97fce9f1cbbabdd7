"""The command line. It turns arguments into calls of ``fieldfare.api``, and results into text or JSON.

May import: ``wizard``, ``api`` and below. Must not know: how a plan is made or carried out.
"""

from fieldfare.cli.start import main

__all__ = ["main"]
