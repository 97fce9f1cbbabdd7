"""Warnings about the vectors of a sample: what a conversion would do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.definition import Storage
from fieldfare_quantize.conversion import ConversionParameters, convert_batch
from fieldfare_quantize.json_vectors import check_json_vectors
from fieldfare_vectors.sample_warnings import find_duplicates, warn_of_notes

if TYPE_CHECKING:
    from fieldfare.documents import Note
    from fieldfare_vectors.sample import Sample

__all__ = ["warn_of_sample"]


def warn_of_sample(parameters: ConversionParameters, sample: Sample, storage: Storage) -> tuple[str, ...]:
    """Convert a sample, discard the result, and return the notes: one line for each kind."""
    notes: list[Note] = []
    for batch in sample.batches:
        if storage is Storage.JSON:
            notes += check_json_vectors(parameters, batch, parameters.path)
        else:
            notes += convert_batch(parameters, batch).notes
    return warn_of_notes([*notes, *find_duplicates(sample, parameters.path)], sample.document_count)
