"""Figures as SVG files that need nothing else, coloured for a light or a dark page. The only module that imports
matplotlib. Knows no subject."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

__all__ = ["Axes", "Figure"]  # for annotations elsewhere

BLUE, AMBER, VIOLET, GREEN = "#7f95ad", "#d59a3c", "#8d7fd1", "#2f9e77"
"""Told apart on both grounds, also by readers who do not tell red from green."""

_ROW_INCHES, _WIDTH_INCHES = 0.3, 8.0


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours that differ between a light and a dark page; the ground is the page's own."""

    text: str
    grid: str


LIGHT, DARK = Theme("#1f2933", "#d9dee4"), Theme("#e4e7eb", "#3c444d")

Plot = Callable[[], Figure]
"""Makes a figure. Called once for each theme, whose colours are matplotlib's defaults meanwhile."""


def draw(plot: Plot, theme: Theme) -> bytes:
    """The figure as SVG, with text as shapes. The same figure gives the same bytes."""
    text, grid = theme.text, theme.grid
    with mpl.rc_context(
        {
            "text.color": text,
            "axes.labelcolor": text,
            "xtick.color": text,
            "ytick.color": text,
            "axes.edgecolor": grid,
            "grid.color": grid,
            "font.size": 9,
            "svg.hashsalt": "kit",
        }
    ):
        buffer = BytesIO()
        plot().savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def save(shown: Figure, file: Path) -> list[Path]:
    """The figure on white ground: ``file`` with the endings .svg and .png. Raises OSError."""
    files = [file.with_suffix(ending) for ending in (".svg", ".png")]
    with mpl.rc_context({"svg.hashsalt": "kit"}):
        shown.savefig(files[0], metadata={"Date": None})
        shown.savefig(files[1], dpi=150)
    return files


def text_colour() -> str:
    """Of the theme that is being drawn."""
    return str(mpl.rcParams["text.color"])


def grid_colour() -> str:
    """Of the theme that is being drawn."""
    return str(mpl.rcParams["grid.color"])


def figure(height_inches: float) -> tuple[Figure, Axes]:
    """One panel as wide as a page."""
    made = Figure(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")
    return made, made.add_subplot()


def rows(names: Sequence[str], panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Panels side by side with one line per name, the first one on top."""
    made = Figure(figsize=(_WIDTH_INCHES, 0.8 + _ROW_INCHES * max(1, len(names))), layout="constrained")
    found = [made.add_subplot(1, panels, number + 1) for number in range(panels)]
    for number, axes in enumerate(found):
        axes.set_yticks(range(len(names)), names if number == 0 else [""] * len(names))
        axes.set_ylim(max(1, len(names)) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return made, found


def label(axes: Axes, text: str, x: float, y: float) -> None:
    """Text that begins right of a point."""
    axes.annotate(text, (x, y), (5, 0), textcoords="offset points", va="center", fontsize=8)


def plain_numbers(axis: Axis) -> None:
    """On a logarithmic scale: 20, not 2 × 10¹."""
    axis.set_major_formatter(LogFormatter())
    axis.set_minor_formatter(LogFormatter())


def legend_above(axes: Axes, columns: int = 4) -> None:
    """The names of what is drawn, above the panel."""
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0)
