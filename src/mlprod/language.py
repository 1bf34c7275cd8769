"""The reader's language: set once by a notebook's first cell, asked by everything that prints."""

from __future__ import annotations

import locale
import os
from typing import Literal, cast

from mlprod.errors import CourseError

Language = Literal["es", "en"]
LANGUAGES: tuple[Language, ...] = ("es", "en")

_chosen: Language | None = None


class UnknownLanguage(CourseError, ValueError):
    """A language that the course does not speak."""


def _checked(name: str, origin: str) -> Language:
    if name not in LANGUAGES:
        raise UnknownLanguage(
            f"{origin}: '{name}' no es un idioma del curso; elige es o en. / "
            f"{origin}: '{name}' is not a language of the course; choose es or en."
        )
    return cast(Language, name)


def language() -> Language:
    """The language in force: the notebook's, else `LANG_COURSE`, else the locale's (Spanish or English)."""
    if _chosen is not None:
        return _chosen
    if wanted := os.environ.get("LANG_COURSE"):
        return _checked(wanted, "LANG_COURSE")
    spoken = next((os.environ[v] for v in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(v)), "")
    return "es" if (spoken or locale.getlocale()[0] or "").startswith("es") else "en"


def start(lang: str) -> None:
    """Begin a notebook in `lang` ("es" or "en"): messages, figures and reports speak it from here on.

    Raises ValueError for another language. Child processes inherit the choice through `LANG_COURSE`.
    """
    global _chosen
    _chosen = _checked(lang, "start()")
    os.environ["LANG_COURSE"] = _chosen
    try:
        get_ipython  # noqa: B018  (only defined in a kernel)
    except NameError:
        return
    from mlprod import plots

    plots.use_style()


def tr(*, es: str, en: str) -> str:
    """The one of two texts that is in the reader's language."""
    return es if language() == "es" else en
