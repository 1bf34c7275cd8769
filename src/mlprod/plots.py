"""Figures that everybody can read: colour-blind safe, labelled, described, and legible on light and dark themes."""

from __future__ import annotations

import base64
import html
import io
import sys
from typing import TYPE_CHECKING, Any

from mlprod.display import Shown
from mlprod.errors import CourseError
from mlprod.language import tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/; yellow last: faint on a light card
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, YELLOW = "#E69F00", "#56B4E9", "#000000", "#F0E442"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)

# A solid card, because no text colour has enough contrast on both a white and a black page.
CARD, INK, FAINT, GRID = "#faf9f6", "#22252a", "#5b616b", "#dcdad3"
DPI = 100  # of the page; the image has twice as many pixels, for retina screens
_RETINA = 2


def _style() -> dict[str, Any]:
    from cycler import cycler

    return {
        "axes.axisbelow": True,
        "axes.edgecolor": FAINT,
        "axes.facecolor": CARD,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": INK,
        "axes.labelsize": 10.5,
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "figure.constrained_layout.h_pad": 0.12,  # inches
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.12,
        "figure.dpi": DPI,
        "figure.facecolor": CARD,
        "figure.figsize": (7.2, 3.8),
        "figure.titlesize": 13,
        "font.family": "sans-serif",
        "font.size": 10.5,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 2,
        "lines.markersize": 6,
        "savefig.facecolor": CARD,
        "text.color": INK,
        "xtick.color": FAINT,
        "xtick.labelcolor": INK,
        "ytick.color": FAINT,
        "ytick.labelcolor": INK,
    }


def use_style() -> None:
    """Give every figure of this process the course's look. Costs nothing until matplotlib is imported."""
    if "matplotlib" in sys.modules:
        import matplotlib

        matplotlib.rcParams.update(_style())


def subplots(nrows: int = 1, ncols: int = 1, **kwargs: Any) -> tuple[Figure, Any]:
    """`matplotlib.pyplot.subplots` in the course's style; takes the same arguments and returns the same pair."""
    import matplotlib.pyplot as plt

    use_style()
    return plt.subplots(nrows, ncols, **kwargs)


def show(fig: Figure, alt: str) -> None:
    """Display `fig` as an image with the alternative text `alt`, and close it: see `image`."""
    image(fig, alt).show()


def image(fig: Figure, alt: str, close: bool = True) -> Shown:
    """`fig` as something to display, with the alternative text `alt`; `close=False` leaves it open, to be drawn again.

    `alt` says what the figure shows to whoever cannot see it. Raises CourseError if it is empty, or if an axis that
    shows numbers has no label; the figure is closed in any case, unless `close=False`.
    """
    import matplotlib.pyplot as plt

    try:
        if not alt or not alt.strip():
            raise CourseError(
                tr(
                    es="A la figura le falta el texto alternativo: di en `alt` qué se ve y qué se concluye.",
                    en="The figure has no alternative text: say in `alt` what it shows and what follows from it.",
                )
            )
        _check_labels(fig)
        drawn = io.BytesIO()
        fig.savefig(drawn, format="png", dpi=DPI * _RETINA)
        width = round(fig.get_figwidth() * DPI)
    finally:
        if close:
            plt.close(fig)
    return Shown(_img(drawn.getvalue(), width, alt.strip()), tr(es=f"[figura: {alt}]", en=f"[figure: {alt}]"))


def _img(png: bytes, width: int, alt: str) -> str:
    # text/html and not image/png: JupyterLab drops the alternative text of the latter
    data = base64.b64encode(png).decode("ascii")
    style = "max-width:100%;height:auto;border-radius:6px"
    return f'<img src="data:image/png;base64,{data}" width="{width}" alt="{html.escape(alt)}" style="{style}">'


def _check_labels(fig: Figure) -> None:
    """Refuse a figure in which an axis shows numbers and says nowhere what they are."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.ticker import FixedFormatter

    fig.canvas.draw()  # tick texts exist only once drawn
    for ax in fig.axes:
        for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
            words = isinstance(axis.get_major_formatter(), StrCategoryFormatter | FixedFormatter)
            if words or not ax.axison or not axis.get_visible() or not _shows_numbers(axis):
                continue
            if not _label(fig, ax, name):
                raise CourseError(
                    tr(
                        es=f"El eje {name} de la figura no dice qué mide: ponle nombre y unidad con `set_{name}label`.",
                        en=f"The {name} axis of the figure does not say what it measures: "
                        f"name it, with its unit, by `set_{name}label`.",
                    )
                )


def _shows_numbers(axis: Any) -> bool:
    return any(any(c.isdigit() for c in t.get_text()) for t in axis.get_ticklabels() if t.get_visible())


def _label(fig: Figure, ax: Axes, name: str) -> str:
    """The axis' label, else that of an axis it is shared with, else the whole figure's."""
    shared = getattr(ax, f"get_shared_{name}_axes")().get_siblings(ax)
    labels = [getattr(other, f"get_{name}label")() for other in shared]
    return next(filter(None, labels), getattr(fig, f"get_sup{name}label")())
