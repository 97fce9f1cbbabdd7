"""Recall@10 of each datatype under each metric: fieldfare's conversion, and the guide's, on the same vectors.

RedisVL's migration guide scales every vector by its own minimum and maximum; fieldfare's conversion is the one that
``fieldfare plan`` chooses.
``python benchmarks/recall.py [VECTORS.npy] [--plots DIRECTORY]``: rows of float32; without a file, the 2,000 of
``examples/wordnet``. With a directory it also draws the plots of ``docs/choosing-a-datatype.md`` (extra ``docs``).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fieldfare.documents import Column
from fieldfare_quantize.calibrate import calibrate
from fieldfare_quantize.calibration import PER_VECTOR
from fieldfare_quantize.codec import convert
from fieldfare_quantize.integer_codec import encode, flip
from fieldfare_quantize.recall_prediction import predict
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.exact_recall import VectorSpace, compute_recall
from fieldfare_vectors.sample import SAMPLE_LIMIT
from fieldfare_vectors.values import cast
from recall_plots import draw
from recall_row import RecallRow

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "wordnet" / "vectors.npy"
METRICS: Final = ("cosine", "l2", "ip")
DATATYPES: Final = ("float16", "bfloat16", "int8", "uint8")
QUERIES: Final = 1000


def scale_by_own_extremes(vectors: NDArray[np.float32], datatype: str) -> NDArray[Any]:
    """Convert as the guide does: each vector's least value becomes the least code, its largest the largest."""
    low, high = vectors.min(axis=1, keepdims=True), vectors.max(axis=1, keepdims=True)
    codes: NDArray[Any] = np.rint((vectors - low) / (high - low) * 255)
    codes = codes.astype(np.uint8)
    return flip(codes) if datatype == "int8" else codes


def measure(vectors: NDArray[np.float32], sample: NDArray[np.float32], metric: str) -> list[RecallRow]:
    """Return what each datatype keeps."""
    calibrations = {name: calibrate(sample, name, metric) if name in INTEGERS else None for name in DATATYPES}
    predicted = {name: each.recall[10] for name, each in predict(sample, metric, calibrations).items()}
    converted = [
        cast(vectors, name) if calibration is None else encode(vectors, name, calibration).codes
        for name, calibration in calibrations.items()
    ]
    by_guide = [
        cast(vectors, name) if name not in INTEGERS else scale_by_own_extremes(vectors, name) for name in DATATYPES
    ]
    queries = np.random.default_rng(1).permutation(len(vectors))[:QUERIES]
    names = (*DATATYPES, *DATATYPES)
    spaces = [
        VectorSpace.indexed(each, name, metric) for name, each in zip(names, (*converted, *by_guide), strict=True)
    ]
    found = [each[10] for each in compute_recall(VectorSpace.of(vectors, metric), spaces, queries)]
    return [
        RecallRow(metric, name, fieldfare, predicted[name], guide)
        for name, fieldfare, guide in zip(DATATYPES, found[:4], found[4:], strict=True)
    ]


def seconds_to_encode(vectors: NDArray[np.float32]) -> float:
    """Return the time that all vectors take to become int8, the best of three."""
    dims = vectors.shape[1]
    column = Column(vectors.tobytes(), (dims * 4,) * len(vectors))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        convert(column, "float32", "int8", dims, encoding=PER_VECTOR)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table, and draw the plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vectors", nargs="?", type=Path, default=EXAMPLE, help="an .npy file of float32 rows")
    parser.add_argument("--plots", type=Path, help="a directory for the plots")
    arguments = parser.parse_args()
    vectors = np.load(arguments.vectors).astype(np.float32)
    sample = vectors[np.random.default_rng(2).permutation(len(vectors))[:SAMPLE_LIMIT]]
    rows = [row for metric in METRICS for row in measure(vectors, sample, metric)]
    table = Table(title=f"recall@10 on {len(vectors):,} vectors of {vectors.shape[1]} values")
    for header in ("metric", "datatype", "fieldfare", f"predicted on {len(sample):,}", "the guide's"):
        table.add_column(header)
    for row in rows:
        table.add_row(row.metric, row.datatype, f"{row.fieldfare:.4f}", f"{row.predicted:.4f}", f"{row.guide:.4f}")
    console = Console()
    console.print(table)
    console.print(f"float32 to int8: {seconds_to_encode(vectors):.3f} s")
    if arguments.plots is not None:
        draw(rows, arguments.plots, count=len(vectors), dims=vectors.shape[1])


if __name__ == "__main__":
    main()
