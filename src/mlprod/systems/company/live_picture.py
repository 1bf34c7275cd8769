"""The live picture of the company: what happens in it, second by second, drawn again and again while it runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlprod import plots
from mlprod.display import Shown, number
from mlprod.language import tr
from mlprod.systems.company.accounts import SOURCES, Answer, Score
from mlprod.systems.company.design import Costs, Design
from mlprod.systems.company.live_chaos import Downtime
from mlprod.systems.company.live_result import bill_rate
from mlprod.systems.company.scenario import Crash, Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Seen = Sequence[tuple[Answer, float]]
"""(answer, euros that it lost against the oracle) of each quote."""
_COLOURS = {"online": plots.BLUE, "table": plots.SKY, "phone": plots.ORANGE, "unanswered": plots.VERMILION}


def source_name(source: str) -> str:
    """One of accounts.SOURCES in the reader's language."""
    return {
        "online": tr(es="en línea", en="online"),
        "table": tr(es="con la tabla", en="by the table"),
        "phone": tr(es="en el móvil", en="on the phone"),
        "unanswered": tr(es="sin precio", en="no price"),
    }[source]


class Picture:
    """A figure in a cell's output that `draw` replaces. Outside a notebook it draws nothing."""

    def __init__(self, scenario: Scenario, design: Design, costs: Costs):
        self.scenario, self.market = scenario, scenario.market()
        self._always, self._online = bill_rate(design, costs), costs.predict_eur(design.model)
        self._handle: Any = None

    def draw(self, seen: Seen, downtimes: Sequence[Downtime], score: Score) -> None:
        """Draw what has been seen so far, of which `score` is the sum (without the bill until the run is over)."""
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None or not seen:
            return
        shown = self.image(seen, downtimes, score)
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def image(self, seen: Seen, downtimes: Sequence[Downtime], score: Score) -> Shown:
        """The picture itself."""
        fig, axes = plots.subplots(5, 1, figsize=(8.6, 8.6), sharex=True)
        fig.suptitle(_sums(score), x=0.02, ha="left", fontsize=11)
        seconds = [[] for _ in range(math.ceil(self.scenario.seconds))]
        for answer, lost in seen:
            seconds[min(len(seconds) - 1, int(answer.quote.t))].append((answer, lost))
        middles = np.arange(len(seconds)) + 0.5
        for ax, panel in zip(axes, (self._sources, self._wait, self._age, self._error, self._loss), strict=True):
            marks = self._mark(ax, downtimes)
            panel(ax, middles, seconds)
            ax.set_ylim(bottom=0, top=ax.get_ylim()[1] * (1.15 if panel == self._sources else 1))
        for crash in self.scenario.crashes:
            where = axes[0].get_xaxis_transform()
            axes[0].text(crash.at, 0.97, f" {crash.service}", transform=where, va="top", fontsize=8.5, color=plots.INK)
        bars, names = axes[0].get_legend_handles_labels()
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "borderaxespad": 0.2, "ncols": 4}
        axes[0].legend([*bars, *marks.values()], [*names, *marks], fontsize=9, **above)
        axes[1].legend(loc="lower left", fontsize=9, ncols=2)
        axes[-1].legend(loc="upper left", fontsize=9, ncols=2)
        axes[-1].set_xlim(0, self.scenario.seconds)
        axes[-1].set_xlabel(tr(es="segundo (un minuto de la ciudad)", en="second (a minute of the city)"))
        return plots.image(fig, _alt(score))

    def _sources(self, ax: Axes, middles: np.ndarray, seconds: list) -> None:
        bottom = np.zeros(len(middles))
        for source in SOURCES:
            height = np.array([sum(answer.source == source for answer, _ in each) for each in seconds])
            ax.bar(middles, height, 0.92, bottom=bottom, color=_COLOURS[source], label=source_name(source))
            bottom += height
        ax.set_ylabel(tr(es="peticiones/s", en="quotes/s"))

    def _wait(self, ax: Axes, middles: np.ndarray, seconds: list) -> None:
        waits = _of_each(seconds, lambda answer: 1000 * (answer.t - answer.quote.t))
        for percent, colour, style in ((50, plots.BLUE, "-"), (99, plots.VERMILION, "--")):
            values = [np.percentile(each, percent) if each else np.nan for each in waits]
            ax.plot(middles, values, style, color=colour, label=f"p{percent}")
        ax.set_ylabel(tr(es="espera (ms)", en="wait (ms)"))

    def _age(self, ax: Axes, middles: np.ndarray, seconds: list) -> None:
        _line(ax, middles, _of_each(seconds, lambda answer: answer.t - answer.as_of), plots.GREEN)
        ax.set_ylabel(tr(es="antigüedad\nmedia (s)", en="mean\nstaleness (s)"))

    def _error(self, ax: Axes, middles: np.ndarray, seconds: list) -> None:
        def error(answer: Answer) -> float:
            return abs(answer.price - self.market.oracle(answer.t, answer.quote.zone, answer.quote.level))

        _line(ax, middles, _of_each(seconds, error), plots.PURPLE)
        ax.set_ylabel(tr(es="error del\nprecio (€)", en="price\nerror (€)"))

    def _loss(self, ax: Axes, middles: np.ndarray, seconds: list) -> None:
        lost = [sum(lost for _, lost in each) for each in seconds]
        # what has not happened yet costs nothing yet
        paid = [
            self._always + self._online * sum(a.source == "online" for a, _ in each) if each else 0.0
            for each in seconds
        ]
        ax.bar(middles, lost, 0.92, color=plots.FAINT, label=tr(es="de menos", en="not earned"))
        ax.bar(middles, paid, 0.92, bottom=lost, color=plots.BLUE, label=tr(es="factura", en="bill"))
        ax.set_ylabel(tr(es="pérdida\n(€/s)", en="loss\n(€/s)"))

    def _mark(self, ax: Axes, downtimes: Sequence[Downtime]) -> dict[str, Any]:
        """Shade what goes wrong: no network (the more zones, the darker), a service that is down, a new version.

        Returns one of each, by name, for a legend.
        """
        marks = {}
        for outage in self.scenario.outages:
            found = ax.axvspan(outage.begin, outage.end, color=plots.FAINT, alpha=0.15, lw=0)
            marks[tr(es="una zona sin red", en="a zone without a network")] = found
        for crash in self.scenario.crashes:
            end = max((d.end for d in downtimes if _is(d, crash)), default=crash.at + crash.seconds)
            look = {"facecolor": "none", "edgecolor": plots.VERMILION, "hatch": "////", "alpha": 0.5, "lw": 0}
            marks[tr(es="servicio muerto", en="dead service")] = ax.axvspan(crash.at, end, **look)
        if release := self.scenario.release:
            found = ax.axvline(release.at, color=plots.PURPLE, lw=1.5, ls=":")
            marks[tr(es="versión nueva", en="new version")] = found
        return marks


def _sums(score: Score) -> str:
    quotes, p99, lost = score.counters["quotes"], number(score.p99_ms), number(score.percent)
    age, error = number(score.staleness_s), number(score.error_eur)
    return tr(
        es=f"{quotes} peticiones · p99 {p99} ms · antigüedad {age} s · error {error} € · se pierde el {lost} %",
        en=f"{quotes} quotes · p99 {p99} ms · staleness {age} s · error {error} € · {lost} % lost",
    )


def _alt(score: Score) -> str:
    return tr(
        es="Cinco series por segundo: peticiones según de dónde salió su precio, espera (p50 y p99), antigüedad de los "
        f"datos, error del precio y pérdida; las franjas marcan cortes y caídas. En total, {_sums(score)}.",
        en="Five series by second: quotes by where their price came from, wait (p50 and p99), staleness, price error "
        f"and loss; bands mark outages and crashes. In all, {_sums(score)}.",
    )


def _of_each(seconds: list, value) -> list[list[float]]:
    """`value` of the answers of each second that have a price."""
    return [[value(answer) for answer, _ in each if answer.price is not None] for each in seconds]


def _line(ax: Axes, middles: np.ndarray, values: list[list[float]], colour: str) -> None:
    ax.plot(middles, [np.mean(each) if each else np.nan for each in values], color=colour)


def _is(downtime: Downtime, crash: Crash) -> bool:
    return downtime.service == crash.service and abs(downtime.begin - crash.at) < 1
