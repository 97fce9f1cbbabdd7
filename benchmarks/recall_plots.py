"""The plots of ``docs/choosing-a-datatype.md``, from the figures of ``recall.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recall_row import RecallRow

__all__ = ["draw"]

TITLES: Final = {"cosine": "cosine", "l2": "L2", "ip": "inner product"}
COLOURS: Final = {"cosine": "#0072b2", "l2": "#d55e00", "ip": "#009e73"}
"""Colours that color-blind people can tell apart (Okabe and Ito)."""

GREY: Final = "#999999"
MIN_RECALL: Final = 0.95
BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1}
MARKS: Final = {"float32": "s", "float16": "o", "bfloat16": "D", "int8": "^", "uint8": "v"}
FLOOR: Final = 0.97
"""Where two of the plots begin, so that the points are apart; points below are listed as text."""

RESOLUTION: Final = 110


def draw(rows: Sequence[RecallRow], directory: Path, *, count: int, dims: int) -> None:
    """Write three PNG files.

    Args:
        rows: one for each metric and datatype.
        directory: for the files; created if missing.
        count: how many vectors were measured.
        dims: values of one vector.
    """
    import matplotlib as mpl  # noqa: PLC0415 - the table needs none

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the table needs none

    directory.mkdir(parents=True, exist_ok=True)
    subject = f"{count:,} sentence embeddings, {dims} dims"
    figure, columns = plt.subplots(1, len(TITLES), figsize=(9, 3.2), sharey=True, layout="constrained")
    for axes, metric in zip(columns, TITLES, strict=True):
        _by_datatype(axes, [row for row in rows if row.metric == metric], TITLES[metric])
    columns[0].set_ylabel("recall@10")
    columns[0].legend(loc="lower left", fontsize=8)
    figure.suptitle(f"What is still found: {subject}", fontsize=10)
    _save(figure, directory / "recall-by-datatype.png")
    figure, axes = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    _predicted(axes, rows)
    axes.set_title(f"Predicted on a sample, and true:\n{subject}", fontsize=9)
    _save(figure, directory / "recall-predicted.png")
    figure, axes = plt.subplots(figsize=(5.4, 3.6), layout="constrained")
    _memory(axes, rows, {name: width * count * dims / 2**20 for name, width in BYTES.items()})
    axes.set_title(f"Memory and recall: {subject}", fontsize=9)
    _save(figure, directory / "recall-memory.png")


def _by_datatype(axes: Axes, rows: Sequence[RecallRow], title: str) -> None:
    places = range(len(rows))
    axes.bar([each - 0.2 for each in places], [row.fieldfare for row in rows], 0.4, color="#0072b2", label="fieldfare")
    axes.bar(
        [each + 0.2 for each in places], [row.guide for row in rows], 0.4, color=GREY, label="each by its own extremes"
    )
    axes.axhline(MIN_RECALL, color="black", linewidth=0.8, linestyle="--")
    axes.set_xticks(list(places), [row.datatype for row in rows], fontsize=8)
    axes.set_ylim(0, 1.02)
    axes.set_title(title, fontsize=9)


def _predicted(axes: Axes, rows: Sequence[RecallRow]) -> None:
    axes.plot([FLOOR, 1], [FLOOR, 1], color=GREY, linewidth=0.8)
    axes.fill_between([FLOOR, 1], [FLOOR - 0.02, 0.98], [FLOOR + 0.02, 1.02], color=GREY, alpha=0.2, label="± 0.02")
    for metric, title in TITLES.items():
        chosen = [row for row in rows if row.metric == metric]
        for name, mark in MARKS.items():
            points = [
                (row.predicted, row.fieldfare) for row in chosen if row.datatype == name and row.fieldfare >= FLOOR
            ]
            axes.scatter(*zip(*points, strict=True) if points else ([], []), s=28, marker=mark, color=COLOURS[metric])
        axes.plot([], [], "o", color=COLOURS[metric], label=title)
    _name_marks(axes)
    _add_points_below(axes, rows)
    axes.set_xlabel("recall@10, predicted by the plan")
    axes.set_ylabel("recall@10 of all vectors")
    axes.set_xlim(FLOOR, 1.001)
    axes.set_ylim(FLOOR, 1.001)
    axes.legend(loc="upper left", fontsize=7, ncols=2)


def _memory(axes: Axes, rows: Sequence[RecallRow], size_mib: dict[str, float]) -> None:
    for place, (metric, title) in enumerate(TITLES.items(), start=-1):
        recalls = {"float32": 1.0, **{row.datatype: row.fieldfare for row in rows if row.metric == metric}}
        for name, recall in recalls.items():
            beside = size_mib[name] + place * size_mib["float32"] / 60  # so that points do not hide each other
            if recall >= FLOOR:
                axes.scatter(beside, recall, s=30, marker=MARKS[name], color=COLOURS[metric], zorder=3)
        axes.plot([], [], "o", color=COLOURS[metric], label=title)
    _name_marks(axes)
    _add_points_below(axes, rows)
    axes.set_xlim(0, size_mib["float32"] * 1.1)
    axes.set_ylim(FLOOR, 1.002)
    axes.set_xlabel("MiB of vectors")
    axes.set_ylabel("recall@10")
    axes.legend(fontsize=8, ncols=2, loc="center right")


def _name_marks(axes: Axes) -> None:
    for name, mark in MARKS.items():
        axes.plot([], [], mark, color=GREY, label=name)


def _add_points_below(axes: Axes, rows: Sequence[RecallRow]) -> None:
    below = [f"{row.datatype}, {TITLES[row.metric]}: {row.fieldfare:.3f}" for row in rows if row.fieldfare < FLOOR]
    if below:
        axes.text(0.02, 0.03, "below: " + "; ".join(below), transform=axes.transAxes, fontsize=8)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=RESOLUTION, metadata={"Software": None})
