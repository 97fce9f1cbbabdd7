"""What a sample of the documents says about a conversion, before anything is planned to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.definition import Storage
from fieldfare_quantize.conversion import Parameters, convert_batch
from fieldfare_vectors.hygiene import duplicates, tell

if TYPE_CHECKING:
    from fieldfare_vectors.sample import Sample

__all__ = ["survey"]


def survey(parameters: Parameters, sample: Sample, storage: Storage) -> tuple[str, ...]:
    """Convert a sample, throw the result away, and tell what there was to note; one line a kind.

    The numbers of JSON documents are not converted: there, only vectors that are the same are told of.
    """
    if storage is Storage.JSON:
        return tell(duplicates(sample, parameters.path), sample.documents)
    notes = [note for batch in sample.batches for note in convert_batch(parameters, batch).notes]
    return tell([*notes, *duplicates(sample, parameters.path)], sample.documents)
