"""The chart of the page: how many times as much RedisVL took."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from comparison.results import CaseResult, Comparison
from comparison.table import rounds
from comparison.tools import FIELDFARE, REDISVL

__all__ = ["draw"]

BARS: Final = {
    "plan": ("plan", "wall_seconds", "#56b4e9"),
    "apply": ("apply", "wall_seconds", "#0072b2"),
    "outage": ("apply", "outage_seconds", "#d55e00"),
}
"""Name of a bar → command, metric and colour. Color-blind people can tell them apart (Okabe and Ito)."""

HEIGHT: Final = 0.25
RESOLUTION: Final = 110


def draw(comparison: Comparison, directory: Path) -> None:
    """Write ``compare.png``.

    Args:
        comparison: the figures; cases without RedisVL are left out.
        directory: for the file; created if missing.
    """
    import matplotlib as mpl  # noqa: PLC0415 - the figures need none

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the figures need none

    directory.mkdir(parents=True, exist_ok=True)
    results = [result for result in comparison.cases if result.baseline == REDISVL]
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.75 * len(results)), layout="constrained")
    for place, (name, (command, metric, colour)) in enumerate(BARS.items()):
        values = [result.ratio(command, FIELDFARE, metric) or 0 for result in results]
        bars = axes.barh(
            [row + (place - 1) * HEIGHT for row in range(len(results))], values, HEIGHT, color=colour, label=name
        )
        axes.bar_label(bars, [f"{value:.1f} x" if value else "" for value in values], padding=3, fontsize=7)
    axes.axvline(1, color="black", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(results)), [result.name for result in results], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("how many times as much RedisVL took")
    axes.set_title(_title(results, comparison), fontsize=9)
    axes.legend(fontsize=8)
    figure.savefig(directory / "compare.png", dpi=RESOLUTION, metadata={"Software": None})


def _title(results: list[CaseResult], comparison: Comparison) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in comparison.versions.items())
    return f"{versions}; {len(results)} migrations, {rounds(comparison)}"
