"""One thing to show, twice: HTML for a notebook and its plain-text twin for a terminal or a log."""

from __future__ import annotations

import html
import math
import re
from numbers import Integral, Real

NARROW_SPACE = "\u202f"  # groups thousands in both languages, where "." and "," would be read differently
MINUS = "\u2212"


class Shown:
    """What a cell displays. `html` is what Jupyter renders, `text` what a terminal prints."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text

    def show(self) -> None:
        """Display it here: rendered in a notebook, printed anywhere else."""
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            print(self.text)
        else:
            display(self)


def rich(text: str) -> str:
    """`text` as HTML: escaped, with `code` in backticks as the only markup."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def plain(text: str) -> str:
    """`text` without the backticks that `rich` would turn into code."""
    return re.sub(r"`([^`]+)`", r"\1", text)


def number(value: Real, digits: int = 3) -> str:
    """A number for reading: integers whole, the rest to `digits` significant ones; decimal point in both languages.

    >>> number(1234567.8), number(0.0123456), number(12)
    ('1\u202f234\u202f568', '0.0123', '12')
    """
    if isinstance(value, Integral):
        return _grouped(f"{int(value):d}")
    value = float(value)
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: f"{MINUS}∞"}.get(value, "—")
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.{digits - 1}e}".replace("e+", "e") if abs(value) >= 1e12 else _grouped(f"{value:.0f}")
    if abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    value = float(f"{value:.{digits - 1}e}")  # round first: 9.996 becomes 10.0, not 10.00
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return _grouped(f"{value:.{decimals}f}")


def _grouped(digits: str) -> str:
    """Thousands apart from five digits on, and a true minus sign."""
    whole, point, rest = digits.lstrip("-").partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", NARROW_SPACE)
    return (MINUS if digits.startswith("-") else "") + whole + point + rest
