"""Compare fieldfare with RedisVL: whole commands as processes, on the same migrations, in turns, in one run.

``make compare`` installs both as users do, each in an environment of its own: what else an environment has slows the
start of a command. ``--fieldfare PYTHON`` and ``--redisvl PYTHON`` name other ones. Every run of a
case starts with a server that has just been started. Ratios are medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from comparison.cases import make_cases
from comparison.chart import draw
from comparison.documents import WORDNET
from comparison.machine import describe_machine, read_commit
from comparison.page import quote, write_page
from comparison.results import Comparison, read, write
from comparison.rounds import Setting, run_case
from comparison.table import make_table
from comparison.tools import find_fieldfare, find_redisvl

ROOT: Final = Path(__file__).parents[1]
REDISVL: Final = ROOT / ".venv-redisvl" / "bin" / "python"
ROUNDS: Final = 5
DATA: Final = "benchmarks.json"


def main() -> None:
    """Measure, or read a file, and write table, JSON, chart and page."""
    chosen = parse_arguments()
    directory: Path | None = chosen.out
    comparison = read(chosen.read) if chosen.read is not None else measure(chosen)
    Console(width=150).print(make_table(comparison))
    if directory is not None:
        write(comparison, directory / DATA)
        draw(comparison, directory / "plots")
        write_page(comparison, directory)
    if chosen.quote is not None:
        quote(comparison, chosen.quote)


def measure(chosen: argparse.Namespace) -> Comparison:
    """Run the chosen cases; the file holds what is done."""
    tools = find_fieldfare(chosen.fieldfare), find_redisvl(chosen.redisvl)
    setting = Setting(*tools, chosen.rounds, chosen.newer_server)
    comparison = start(setting, chosen.vectors)
    for case in make_cases(chosen.vectors, chosen.scale):
        result = run_case(case, setting) if chosen.only in case.name else None
        if result is not None:
            comparison.cases.append(result)
        if chosen.out is not None:
            write(comparison, chosen.out / DATA)
    return comparison


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fieldfare", type=Path, help="python of an environment with fieldfare; by default this one")
    parser.add_argument(
        "--redisvl",
        type=Path,
        default=Path(os.environ.get("REDISVL", REDISVL)),
        help="python of an environment with redisvl",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each case is run")
    parser.add_argument("--only", default="", help="run the cases whose names contain this")
    parser.add_argument("--scale", type=float, default=1.0, help="a factor for the number of documents")
    parser.add_argument("--vectors", type=Path, default=WORDNET, help="an .npy file of sentence embeddings")
    parser.add_argument(
        "--newer-server", help="URL of a server with search 8 for the cases that need it; ALL ITS DATA IS DELETED"
    )
    parser.add_argument("--out", type=Path, help=f"directory for {DATA}, the chart and the page")
    parser.add_argument("--quote", type=Path, help="a Markdown file that quotes the figures")
    parser.add_argument("--read", type=Path, help="make all output of this JSON file, without measuring")
    return parser.parse_args()


def start(setting: Setting, embeddings: Path) -> Comparison:
    """Return a comparison without cases."""
    tools = (setting.fieldfare, setting.redisvl)
    return Comparison(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        commit=read_commit(),
        versions={tool.name: tool.version for tool in tools},
        machine=describe_machine(),
        rounds=setting.rounds,
        embeddings=len(np.load(embeddings, mmap_mode="r")),
    )


if __name__ == "__main__":
    main()
