"""Builds a patch by asking questions. Only the command line imports it.

May import: ``patch``, ``changes`` and below. Must not know: terminals, files other than the patch, servers.
"""

from fieldfare.wizard.dialogue import Dialogue
from fieldfare.wizard.document import document_of, revise, write_new
from fieldfare.wizard.session import MakePlan, Outcome, run_wizard

__all__ = ["Dialogue", "MakePlan", "Outcome", "document_of", "revise", "run_wizard", "write_new"]
