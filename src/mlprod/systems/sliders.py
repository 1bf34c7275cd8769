"""A figure that moves with sliders; where there are none (a run by papermill, a page on the web), the figure alone.

def draw(interval, load): ...; return fig, "what the figure shows"
sliders.show(draw, interval=[0.5, 1, 4], load=[1, 2], labels={"interval": "refresh every (h)"})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlprod import plots


def show(
    draw: Callable[..., tuple[Any, str]],
    start: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    **choices: Sequence[Any],
) -> Callable[..., None]:
    """Show the figure that `draw(**start)` gives, with one slider for each of `choices`, its possible values.

    `draw` returns (figure, alternative text) and is called again at each move; the figure is replaced in place. The
    figure is ordinary output of the cell, so that it stays when nobody moves anything. Returns the function that a
    move calls, for whoever has no sliders: `moved(interval=1)` replaces the figure, too.
    Raises ValueError when `start` is not among the choices.
    """
    for name, values in choices.items():
        if start[name] not in values:
            raise ValueError(f"start: {name}={start[name]!r} is not one of {list(values)}")
    now = dict(start)
    handle = _Place()
    handle.show(*draw(**now))

    def moved(**changes: Any) -> None:
        now.update(changes)
        handle.show(*draw(**now))

    if (box := _box(choices, now, labels or {}, moved)) is not None:
        from IPython.display import display

        display(box)
    return moved


class _Place:
    """Where the figure is: shown once, replaced afterwards."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, fig: Any, alt: str) -> None:
        image = _image(fig, alt)
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            image.show()
        elif self._handle is None:
            self._handle = display(image, display_id=True)
        else:
            self._handle.update(image)


def _image(fig: Any, alt: str) -> Any:
    """What `plots.show` would display, caught on its way."""
    from mlprod.display import Shown

    caught: list[Shown] = []
    original = Shown.show
    Shown.show = lambda self: caught.append(self)  # type: ignore[method-assign]
    try:
        plots.show(fig, alt)
    finally:
        Shown.show = original  # type: ignore[method-assign]
    return caught[0]


def _box(choices: Mapping, now: Mapping, labels: Mapping[str, str], moved: Callable) -> Any:
    try:
        import ipywidgets as widgets
        from IPython import get_ipython
    except ImportError:
        return None
    if get_ipython() is None:
        return None
    made = []
    for name, values in choices.items():
        slider = widgets.SelectionSlider(
            options=[(f"{value:g}" if isinstance(value, (int, float)) else str(value), value) for value in values],
            value=now[name],
            description=labels.get(name, name),
            continuous_update=False,
            style={"description_width": "16em"},
            layout=widgets.Layout(width="36em"),
        )
        slider.observe(lambda change, name=name: moved(**{name: change["new"]}), names="value")
        made.append(slider)
    return widgets.VBox(made)
