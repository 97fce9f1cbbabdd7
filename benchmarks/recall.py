"""Recall@10 of each datatype under each metric: our conversion, and the guide's, in one run on the same vectors.

The guide scales every vector by its own minimum and maximum; ours is what ``fieldfare plan`` would choose.
``python benchmarks/recall.py [VECTORS.npy]``: rows of float32; without a file, the 2,000 of ``examples/wordnet``.
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
from fieldfare_quantize.calibration import PER_VECTOR, calibrate
from fieldfare_quantize.codec import convert
from fieldfare_quantize.integer import encode, flip
from fieldfare_quantize.prediction import predict
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.recall import Space, recalls
from fieldfare_vectors.sample import SAMPLE_LIMIT
from fieldfare_vectors.values import cast

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "wordnet" / "vectors.npy"
METRICS: Final = ("cosine", "l2", "ip")
DATATYPES: Final = ("float16", "bfloat16", "int8", "uint8")
QUESTIONS: Final = 1000


def by_its_own_extremes(vectors: NDArray[np.float32], datatype: str) -> NDArray[Any]:
    """Convert as the guide does: each vector's least value becomes the least code, its largest the largest."""
    low, high = vectors.min(axis=1, keepdims=True), vectors.max(axis=1, keepdims=True)
    codes: NDArray[Any] = np.rint((vectors - low) / (high - low) * 255)
    codes = codes.astype(np.uint8)
    return flip(codes) if datatype == "int8" else codes


def measure(vectors: NDArray[np.float32], sample: NDArray[np.float32], metric: str) -> list[tuple[str, ...]]:
    """Return a row of the table for each datatype."""
    calibrations = {name: calibrate(sample, name, metric) if name in INTEGERS else None for name in DATATYPES}
    predicted = {name: each.recall[10] for name, each in predict(sample, metric, calibrations).items()}
    ours = [
        cast(vectors, name) if calibration is None else encode(vectors, name, calibration).codes
        for name, calibration in calibrations.items()
    ]
    theirs = [cast(vectors, name) if name not in INTEGERS else by_its_own_extremes(vectors, name) for name in DATATYPES]
    questions = np.random.default_rng(1).permutation(len(vectors))[:QUESTIONS]
    names = (*DATATYPES, *DATATYPES)
    spaces = [Space.indexed(each, name, metric) for name, each in zip(names, (*ours, *theirs), strict=True)]
    found = [each[10] for each in recalls(Space.of(vectors, metric), spaces, questions)]
    return [
        (metric, name, f"{mine:.4f}", f"{predicted[name]:.4f}", f"{other:.4f}")
        for name, mine, other in zip(DATATYPES, found[:4], found[4:], strict=True)
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
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vectors", nargs="?", type=Path, default=EXAMPLE, help="an .npy file of float32 rows")
    vectors = np.load(parser.parse_args().vectors).astype(np.float32)
    rows = np.random.default_rng(2).permutation(len(vectors))[:SAMPLE_LIMIT]
    table = Table(title=f"recall@10 on {len(vectors):,} vectors of {vectors.shape[1]} values")
    for header in ("metric", "datatype", "ours", f"predicted on {len(rows):,}", "the guide's"):
        table.add_column(header)
    for metric in METRICS:
        for row in measure(vectors, vectors[rows], metric):
            table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(f"float32 to int8: {seconds_to_encode(vectors):.3f} s")


if __name__ == "__main__":
    main()
