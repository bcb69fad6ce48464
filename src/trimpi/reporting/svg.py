"""matplotlib figures as inline SVG that follows the page: colours are CSS variables, text is in the page's font."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# matplotlib knows only fixed colours: each variable is drawn in one that nothing else uses, and renamed afterwards.
VARIABLES: Mapping[str, str] = {
    "#010203": "--ink",
    "#010204": "--muted",
    "#010205": "--line",
    "#010206": "--free",
    "#010207": "--aware",
    "#010208": "--good",
    "#010209": "--total",
    "#01020a": "--surface",
    "#01020b": "--bad",
}
INK, MUTED, LINE, FREE, AWARE, GOOD, TOTAL, SURFACE, BAD = VARIABLES
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
}
PROLOGUE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
# Its style element would apply to the whole page; the page has the same rule for its figures only.
UNWANTED = re.compile(r"<(?P<tag>metadata|style)\b.*?</(?P=tag)>", re.DOTALL)
SIZE = re.compile(r' (?:width|height)="[^"]*"')
REFERENCE = re.compile(r'(?P<before>\bid="|href="#|url\(#)')
FONT_FAMILY = re.compile(r"font-family: [^;\"]*;? ?")


@contextmanager
def canvas(
    *, width: float = 5.8, height: float = 3.2, columns: int = 1, rows: int = 1
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in inches with its axes row by row, drawn in the page's style."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def to_svg(figure: Figure, *, name: str) -> str:
    """The figure as an <svg> element; the same figure gives the same text. `name` makes its ids unique in the page."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = UNWANTED.sub("", PROLOGUE.sub("", buffer.getvalue()))
    opening, rest = svg.split(">", maxsplit=1)
    svg = f"{SIZE.sub('', opening)}>{rest}"
    svg = REFERENCE.sub(rf"\g<before>{name}-", svg)
    svg = FONT_FAMILY.sub("", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg
