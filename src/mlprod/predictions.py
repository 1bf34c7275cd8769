"""Predict, run, compare: what the reader committed to beside what their own machine measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from mlprod.display import MINUS, Shown, number, plain, rich
from mlprod.errors import CourseError
from mlprod.language import tr

CLOSE = 1.25  # a factor this small is a good prediction: repeating the run often moves the measure as much
SAME_ORDER = 3.0  # beyond it the mental model, and not the arithmetic, is off
CLOSE_POINTS = 1.0  # percentages are compared by difference: 99.9 % against 97 % is not "almost the same"


def compare(question: str, predicted: Any, measured: Any, unit: str, note: str | None = None) -> None:
    """Display the reader's prediction, this machine's measure, their ratio and one sentence that reads it.

    predicted: a number in `unit`, or None when the reader has not predicted yet (a gentle nudge, no error).
    measured: a finite number in `unit`. unit: "ms", "rides", "%"…; for "%" the comparison is in points.
    Raises CourseError when either is not a number, saying what to write instead.
    """
    actual = _finite(measured, tr(es="La medida", en="The measure"))
    if predicted is None:
        reading = _nudge()
        ratio = "—"
    else:
        guess = _finite(predicted, tr(es="Tu predicción", en="Your prediction"))
        ratio, reading = _points(guess, actual) if unit == "%" else _ratio(guess, actual, unit)
    gap = (
        tr(es="Medido − predicho", en="Measured − predicted")
        if unit == "%"
        else tr(es="Medido ÷ predicho", en="Measured ÷ predicted")
    )
    facts = {
        tr(es="Tu predicción", en="Your prediction"): "—" if predicted is None else _written(predicted, unit),
        tr(es="Medido", en="Measured"): _quantity(measured, unit),
        gap: ratio,
    }
    _card(question, facts, reading, note)


_nudged = False


def _nudge() -> str:
    """Why one should predict: said once in a notebook, then only that it was not done."""
    global _nudged
    said, _nudged = _nudged, True
    if said:
        return tr(es="Sin predicción.", en="No prediction.")
    return tr(
        es="Sin predicción. La próxima vez escribe antes tu número: equivocarse por escrito es lo que se recuerda.",
        en="No prediction. Next time write your number first: what you got wrong on paper is what you remember.",
    )


def choose(question: str, options: Mapping[str, str], chosen: str | None, right: str, why: str) -> None:
    """Display the option the reader chose beside the right one, and why it is right.

    options: {key: text}, such as {"a": "…", "b": "…"}. chosen: one of the keys, or None when not chosen yet.
    right: the key that the measure says. Raises CourseError when `chosen` is not one of the keys.
    """
    keys = ", ".join(f'"{key}"' for key in options)
    if right not in options:
        raise ValueError(f"right: {right!r} is not one of {keys}")
    if chosen is not None and chosen not in options:
        raise CourseError(
            tr(
                es=f"{chosen!r} no es una de las opciones: elige {keys}.",
                en=f"{chosen!r} is not an option: choose {keys}.",
            )
        )
    if chosen is None:
        verdict = tr(es="Sin predicción.", en="No prediction.")
    elif chosen == right:
        verdict = tr(es="Acertaste.", en="You were right.")
    else:
        verdict = tr(es="Esta vez no.", en="Not this time.")
    facts = {
        tr(es="Tu predicción", en="Your prediction"): "—" if chosen is None else options[chosen],
        tr(es="Esta máquina", en="This machine"): options[right],
    }
    _card(question, facts, f"{verdict} {why}", None)


def _finite(value: Any, what: str) -> float:
    """`value` as a float, or a CourseError that says how to write `what`."""
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) for part in value):
        raise CourseError(
            tr(
                es=f"{what}: {value[0]},{value[1]} son dos números para Python. Los decimales van con punto: "
                f"{value[0]}.{value[1]}",
                en=f"{what}: {value[0]},{value[1]} is two numbers to Python. Decimals take a point: "
                f"{value[0]}.{value[1]}",
            )
        )
    if isinstance(value, bool) or not (isinstance(value, Real) or hasattr(value, "__float__")):
        raise CourseError(
            tr(
                es=f"{what}: {value!r} no es un número. "
                f"Escribe solo la cifra, sin comillas ni unidad: por ejemplo, 50.",
                en=f"{what}: {value!r} is not a number. Write the figure alone, without quotes or unit: 50, say.",
            )
        )
    result = float(value)
    if not math.isfinite(result):
        raise CourseError(
            tr(es=f"{what}: {result} no es un número finito.", en=f"{what}: {result} is not a finite number.")
        )
    return result


def _ratio(guess: float, actual: float, unit: str) -> tuple[str, str]:
    """How many times the measure is the prediction, and that in words."""
    if guess == actual:
        return "1×", tr(es="Exacto.", en="Exactly right.")
    if guess <= 0 or actual <= 0:  # no factor leads from zero to a number
        difference = actual - guess
        gap = _quantity(int(difference) if difference.is_integer() else difference, unit)
        return "—", tr(es=f"La diferencia es de {gap}.", en=f"The difference is {gap}.")
    ratio = actual / guess
    factor = max(ratio, 1 / ratio)
    times = number(factor, digits=2)
    if factor <= CLOSE:
        reading = tr(es="Muy cerca.", en="Very close.")
    elif factor <= SAME_ORDER:
        reading = tr(
            es=f"Buen orden de magnitud: te separa un factor {times}.",
            en=f"The right order of magnitude: you are a factor of {times} away.",
        )
    elif ratio > 1:
        reading = tr(
            es=f"Te quedaste corto: es {times} veces lo que dijiste.",
            en=f"You went low: it is {times} times what you said.",
        )
    else:
        reading = tr(
            es=f"Te pasaste: dijiste {times} veces lo que es.",
            en=f"You went high: you said {times} times what it is.",
        )
    return f"{number(ratio, digits=2)}×", reading


def _points(guess: float, actual: float) -> tuple[str, str]:
    """How many percentage points lie between prediction and measure, and that in words."""
    gap = actual - guess
    points = number(abs(gap))
    sign = "" if gap == 0 else MINUS if gap < 0 else "+"
    shown = tr(es=f"{sign}{points} puntos", en=f"{sign}{points} points")
    if gap == 0:
        return shown, tr(es="Exacto.", en="Exactly right.")
    if abs(gap) <= CLOSE_POINTS:
        return shown, tr(es="Muy cerca.", en="Very close.")
    if gap > 0:
        return shown, tr(es=f"Te quedaste corto por {points} puntos.", en=f"You went low by {points} points.")
    return shown, tr(es=f"Te pasaste por {points} puntos.", en=f"You went high by {points} points.")


def _quantity(value: Any, unit: str) -> str:
    """A number with its unit, kept on one line."""
    shown = number(value if isinstance(value, Real) else float(value))
    return f"{shown}\u00a0{unit}" if unit else shown


def _written(value: Any, unit: str) -> str:
    """The prediction as the reader wrote it: 1.5 stays 1.5."""
    shown = f"{float(value):.12g}".replace("-", MINUS)
    return f"{shown}\u00a0{unit}" if unit else shown


def _card(question: str, facts: Mapping[str, str], reading: str, note: str | None) -> None:
    # a description list: screen readers announce each figure with its name. JupyterLab floats its parts; undo that
    block = "display:block;float:none;clear:none;width:auto;margin:0;padding:0"
    cell = f'<div style="margin:0 2.5em .3em 0"><dt style="{block};font-size:85%;font-weight:400;opacity:.8">{{}}</dt>'
    cell += f'<dd style="{block};font-size:125%;font-variant-numeric:tabular-nums">{{}}</dd></div>'
    figures = "".join(cell.format(rich(name), rich(value)) for name, value in facts.items())
    # the left rule is Okabe-Ito blue, which stands out on both a light and a dark page
    body = f'<p style="margin:0 0 .5em"><strong>{rich(question)}</strong></p>'
    body += f'<dl style="display:flex;flex-wrap:wrap;margin:0 0 .3em">{figures}</dl>'
    body += f'<p style="margin:0">{rich(reading)}</p>'
    if note:
        body += f'<p style="margin:.4em 0 0;font-size:90%;opacity:.85">{rich(note)}</p>'
    html = f'<div style="border-left:4px solid #0072B2;padding:.3em 0 .3em 1em;margin:.5em 0">{body}</div>'
    text = [plain(question), "  ".join(f"{name}: {value}" for name, value in facts.items()), plain(reading)]
    Shown(html, "\n".join(text + ([plain(note)] if note else []))).show()
