"""What is in an index: documents that are not indexed, fields that no document has, memory. Read-only.

``examine`` reads documents in batches and asks plugins. May import: ``planning`` and below. Must not know: the command
line.
"""

from fieldfare.examination.examine import SAMPLE, examine
from fieldfare.examination.model import Examination, FieldMemory

__all__ = ["SAMPLE", "Examination", "FieldMemory", "examine"]
