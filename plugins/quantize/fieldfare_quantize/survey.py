"""What a sample of the documents says about a conversion, before anything is planned to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.definition import Storage
from fieldfare_quantize.conversion import Parameters, convert_batch
from fieldfare_quantize.numbers import look_at_numbers
from fieldfare_vectors.hygiene import duplicates, tell

if TYPE_CHECKING:
    from fieldfare.documents import Note
    from fieldfare_vectors.sample import Sample

__all__ = ["survey"]


def survey(parameters: Parameters, sample: Sample, storage: Storage) -> tuple[str, ...]:
    """Convert a sample, throw the result away, and tell what there was to note; one line a kind."""
    notes: list[Note] = []
    for batch in sample.batches:
        if storage is Storage.JSON:
            notes += look_at_numbers(parameters, batch, parameters.path)
        else:
            notes += convert_batch(parameters, batch).notes
    return tell([*notes, *duplicates(sample, parameters.path)], sample.documents)
