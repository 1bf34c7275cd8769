"""The scorecard: several designs through the same scenarios, what each loses and by which cause, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlprod import plots, tables
from mlprod.display import number
from mlprod.language import tr
from mlprod.systems.company.accounts import CAUSES, Score
from mlprod.systems.company.design import COSTS, Costs, Design
from mlprod.systems.company.functions import FUNCTIONS, Functions
from mlprod.systems.company.scenario import Scenario
from mlprod.systems.company.simulation import simulate

EXPECTED = ("nightly", "streaming", "with_fallback", "reference")
"""Named designs, from the one that must lose most to the one that must lose least, in any scenario "everything"."""


def cause_name(cause: str) -> str:
    """The name of a cause of loss, for people."""
    return {
        "stale": tr(es="datos viejos, nube", en="old data, cloud"),
        "offline": tr(es="el móvil: datos viejos, dudas", en="the phone: old data, doubt"),
        "model": tr(es="error del modelo", en="model error"),
        "version": tr(es="versión defectuosa", en="bad version"),
        "unanswered": tr(es="sin respuesta", en="no answer"),
        "ledger": tr(es="cuentas mal hechas", en="wrong books"),
        "promises": tr(es="promesas", en="promises"),
        "bill": tr(es="factura", en="bill"),
    }[cause]


@dataclass(frozen=True)
class Scorecard:
    """`scores[name]` are those of one design, a Score for each scenario, in the same order for all designs."""

    scores: Mapping[str, tuple[Score, ...]]

    @classmethod
    def of(
        cls,
        designs: Mapping[str, Design],
        scenarios: Sequence[Scenario],
        functions: Functions | Mapping[str, Functions] = FUNCTIONS,
        costs: Costs = COSTS,
    ) -> Scorecard:
        """Simulate each design in each scenario (about a fifth of a second each). functions: for all, or by design."""
        scores = {}
        for name, design in designs.items():
            mine = functions if isinstance(functions, Functions) else functions[name]
            scores[name] = tuple(simulate(design, scenario, mine, costs) for scenario in scenarios)
        return cls(scores)

    def percent(self, name: str) -> list[float]:
        """Of each 100 euros that the oracle earns, how many this design loses: one number for each scenario."""
        return [score.percent for score in self.scores[name]]

    def causes(self, name: str) -> dict[str, float]:
        """Mean loss by cause, per 100 euros of the oracle's."""
        scores = self.scores[name]
        return {cause: math.fsum(100 * s.causes[cause] / s.oracle for s in scores) / len(scores) for cause in CAUSES}

    def interval(self, name: str, instead_of: str | None = None) -> tuple[float, float, float]:
        """(mean, low, high): mean loss and its 95 % interval over scenarios (Student's t).

        instead_of: of the difference with that design, scenario by scenario: how much more `name` loses.
        """
        values = self.percent(name)
        if instead_of is not None:
            values = [a - b for a, b in zip(values, self.percent(instead_of), strict=True)]
        n, mean = len(values), math.fsum(values) / len(values)
        if n < 2:
            return mean, -math.inf, math.inf
        from scipy.stats import t

        error = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)
        half = float(t.ppf(0.975, n - 1)) * error
        return mean, mean - half, mean + half

    def disorder(self, expected: Sequence[str] = EXPECTED) -> list[tuple[str, str, str]]:
        """(scenario, design, design) wherever the first does not lose more than the second, which comes next."""
        return [
            (first.scenario, a, b)
            for a, b in zip(expected, expected[1:], strict=False)
            for first, second in zip(self.scores[a], self.scores[b], strict=True)
            if first.percent <= second.percent
        ]

    def show(self, caption: str) -> None:
        """Display a table: a row for each design, the worst first."""
        rows = []
        for name in sorted(self.scores, key=lambda name: -self.interval(name)[0]):
            mean, low, high = self.interval(name)
            causes = self.causes(name)
            worst = max(causes, key=causes.__getitem__)
            ages = [score.staleness_s for score in self.scores[name]]
            rows.append(
                {
                    tr(es="diseño", en="design"): name,
                    tr(es="pierde (%)", en="loses (%)"): mean,
                    tr(es="intervalo del 95 %", en="95% interval"): f"{number(low)} – {number(high)}",
                    tr(es="sobre todo por", en="mostly by"): f"{cause_name(worst)} ({number(causes[worst])} %)",
                    tr(es="p99 (ms)", en="p99 (ms)"): max(score.p99_ms for score in self.scores[name]),
                    tr(es="edad media (s)", en="mean age (s)"): math.fsum(ages) / len(ages),
                }
            )
        tables.show(rows, caption)

    def plot(self) -> None:
        """Display a figure: for each design, the mean loss by cause, and a dot for each scenario."""
        names = sorted(self.scores, key=lambda name: -self.interval(name)[0])
        fig, ax = plots.subplots(figsize=(8.5, 1.8 + 0.55 * len(names)))
        left = [0.0] * len(names)
        for index, cause in enumerate(CAUSES):
            values = [max(0.0, self.causes(name)[cause]) for name in names]
            if not any(values):
                continue  # nobody loses anything by it: no entry in the legend
            hatch = "//" if index >= len(plots.PALETTE) else None
            color = plots.PALETTE[index % len(plots.PALETTE)]
            ax.barh(names, values, left=left, label=cause_name(cause), hatch=hatch, color=color, height=0.62)
            left = [a + b for a, b in zip(left, values, strict=True)]
        for row, name in enumerate(names):
            values = self.percent(name)
            label = tr(es="un escenario", en="one scenario") if row == 0 else None
            ax.plot(values, [row] * len(values), "o", color="black", ms=3.5, mfc="white", label=label)
        ax.set_xlabel(tr(es="de cada 100 € del oráculo, se pierden", en="of each 100 € of the oracle's, lost"))
        ax.set_ylabel(tr(es="diseño", en="design"))
        ax.grid(axis="y", visible=False)
        ax.invert_yaxis()
        ax.legend(fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))  # above: it would hide bars or dots
        best, worst = names[-1], names[0]
        plots.show(
            fig,
            tr(
                es=f"Barras: pérdida media de cada diseño, por causas, y un punto por escenario. El que más pierde es "
                f"{worst} ({number(self.interval(worst)[0])} %) y el que menos, {best} "
                f"({number(self.interval(best)[0])} %).",
                en=f"Bars: mean loss of each design, by cause, and a dot for each scenario. {worst} loses most "
                f"({number(self.interval(worst)[0])} %) and {best} least ({number(self.interval(best)[0])} %).",
            ),
        )
