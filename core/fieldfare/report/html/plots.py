"""Plots as inline SVG. Lengths are per cent of the width, so that text keeps its size on every screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from fieldfare.report.html.markup import Html, element
from fieldfare.support.units import seconds_text

__all__ = ["Axis", "Bar", "bars_over_time", "color", "dots", "legend", "rows"]

COLORS: Final = 6
LEFT: Final = 3
SPAN: Final = 94
"""Per cent of the width before a line of dots, and its length: a dot has room at both ends."""
TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
SMALL: Final = 10
"""Figures below this have decimals."""

TOP: Final = 16.0
"""Per cent of a chart's height above its highest bar: for the label of the axis."""

FLOOR: Final = 84.0
"""Per cent of a chart's height above its time axis."""


def color(position: int) -> str:
    """Return the class with the color of a series."""
    return f"c{position % COLORS}"


@frozen
class Axis:
    """The time axis that plots share.

    Attributes:
        seconds: its length.
        outages: start and end of the times that are marked.
        resumed: moments that are marked with a line.
    """

    seconds: float
    outages: tuple[tuple[float, float], ...] = ()
    resumed: tuple[float, ...] = ()

    def percent(self, seconds: float) -> str:
        """Return a length or a moment as per cent of the width."""
        return f"{100 * min(max(seconds / self.seconds, 0), 1):.3f}%" if self.seconds else "0%"

    def marks(self, height: str = "100%") -> list[Html]:
        """Return the marks of outages and resumed attempts, from the top to this height."""
        shaded = [
            element("rect", x=self.percent(start), y=0, width=self.percent(end - start), height=height, class_="out")
            for start, end in self.outages
        ]
        lines = [
            element("line", x1=self.percent(at), x2=self.percent(at), y1=0, y2=height, class_="resume")
            for at in self.resumed
        ]
        return shaded + lines

    def labels(self, y: str) -> list[Html]:
        """Return the labels of the axis, at this height."""
        anchors = {0.0: "start", 1.0: "end"}
        return [
            element(
                "text",
                seconds_text(self.seconds * share) if share else "0",
                x=f"{100 * share:g}%",
                y=y,
                text_anchor=anchors.get(share, "middle"),
            )
            for share in TICKS[:: 1 if self.seconds else len(TICKS)]
        ]


@frozen
class Bar:
    """A part of a row.

    Attributes:
        start: where it starts, as a share (0 to 1) of the width, or a moment.
        length: how long it is, likewise.
        kind: the class with its color.
        title: shown when the mouse is over it.
    """

    start: float
    length: float
    kind: str
    title: str = ""


def rows(lines: Sequence[tuple[str, Sequence[Bar], str]], axis: Axis, *, with_time: bool = True) -> Html:
    """Return bars below each other, each with a label before it and a figure behind it.

    Args:
        lines: label, bars and figure of each row.
        axis: the axis that all of them share.
        with_time: whether the axis is labelled with seconds.
    """
    drawn = [(label, _row(label, bars, axis), figure) for label, bars, figure in lines]
    return _grid(drawn, axis.labels("60%") if with_time else [])


def dots(lines: Sequence[tuple[str, float, str]], limits: Sequence[float | None], low: float) -> Html:
    """Return shares as dots on lines below each other: shares near 1, of which a bar would show no difference.

    Args:
        lines: label, share and class of the color of each row.
        limits: the required minimum of each row; None if there is none.
        low: the share at the left end; 1 is at the right end.
    """
    width = 1 - low
    drawn = []
    for (label, share, kind), limit in zip(lines, limits, strict=True):
        place, required = (f"{LEFT + SPAN * max((each or 0) - low, 0) / width:.3f}%" for each in (share, limit))
        marks = (
            element("line", x1=f"{LEFT}%", x2=f"{LEFT + SPAN}%", y1="50%", y2="50%", class_="grid"),
            element("line", x1=required, x2=required, y1="10%", y2="90%", class_="limit") if limit else None,
            element("circle", cx=place, cy="50%", r=6, class_=kind),
        )
        drawn.append(
            (label, element("svg", element("title", f"{label}: {share:.4f}"), *marks, role="img"), f"{share:.4f}")
        )
    ticks = [
        element("text", f"{low + width * share:.3f}", x=f"{LEFT + SPAN * share:.2f}%", y="60%", text_anchor=anchor)
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    ]
    return _grid(drawn, ticks)


def _grid(lines: Sequence[tuple[str, Html, str]], ticks: Sequence[Html]) -> Html:
    cells: list[Html] = []
    for label, drawing, figure in lines:
        cells += [
            element("div", label, class_="row-label"),
            element("div", drawing, class_="bar"),
            element("div", figure, class_="figure"),
        ]
    if ticks:
        drawing = element("svg", *ticks, role="presentation")
        cells += [element("div", class_="row-label"), element("div", drawing, class_="bar"), element("div")]
    return element("div", *cells, class_="rows")


def _row(label: str, bars: Sequence[Bar], axis: Axis) -> Html:
    drawn = [
        element(
            "rect",
            x=axis.percent(bar.start),
            y="20%",
            width=axis.percent(bar.length),
            height="60%",
            class_=bar.kind,
            stroke="none",
        )
        for bar in bars
    ]
    # a bar of no width is still seen as a line
    thin = [
        element(
            "line",
            x1=axis.percent(bar.start),
            x2=axis.percent(bar.start),
            y1="20%",
            y2="80%",
            stroke=f"var(--{bar.kind})" if bar.kind.startswith("c") else "currentColor",
            stroke_width=2,
        )
        for bar in bars
    ]
    title = "; ".join([label, *(bar.title for bar in bars if bar.title)])
    return element("svg", element("title", title), *axis.marks(), *thin, *drawn, role="img")


def bars_over_time(figures: Sequence[float], interval_seconds: float, axis: Axis, *, label: str) -> Html:
    """Return a chart of figures per interval.

    Args:
        figures: one per interval.
        interval_seconds: length of an interval.
        axis: the axis of the time.
        label: what the chart shows, for those who do not see it.
    """
    highest = max(figures, default=0) or 1
    bars = [
        element(
            "rect",
            x=axis.percent(position * interval_seconds),
            width=axis.percent(min(interval_seconds, axis.seconds - position * interval_seconds)),
            y=f"{FLOOR - (FLOOR - TOP) * figure / highest:.2f}%",
            height=f"{(FLOOR - TOP) * figure / highest:.2f}%",
            class_=color(0),
        )
        for position, figure in enumerate(figures)
        if figure
    ]
    return element(
        "svg",
        element("title", label),
        *axis.marks(f"{FLOOR}%"),
        *bars,
        *(element("line", x1="0", x2="100%", y1=f"{y}%", y2=f"{y}%", class_="grid") for y in (TOP, FLOOR)),
        element("text", f"{highest:,.{0 if highest >= SMALL else 2}f}", x=0, y=f"{TOP - 4}%"),
        *axis.labels("98%"),
        class_="chart",
        role="img",
    )


def legend(names: Mapping[str, str]) -> Html:
    """Return what the colors mean: name → class."""
    items = (element("span", element("i", class_=kind), name) for name, kind in names.items())
    return element("p", *items, class_="legend")
