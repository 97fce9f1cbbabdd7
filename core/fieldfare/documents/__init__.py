"""Documents, as a run and its plugins handle them: batches of columns, notes and counters. Data only.

May import: nothing of fieldfare. Must not know: servers, files, plans.
"""

from fieldfare.documents.batch import MISSING, Batch, Column
from fieldfare.documents.key_counter import KeyCounter
from fieldfare.documents.note import EXAMPLES, Note

__all__ = ["EXAMPLES", "MISSING", "Batch", "Column", "KeyCounter", "Note"]
