"""What slides and site say around the lessons, in both languages: texts.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mlprod.language import LANGUAGES, Language

_TEXTS = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))

OTHER: dict[Language, Language] = {"es": "en", "en": "es"}
COURSE: dict[Language, str] = {lang: _TEXTS[lang]["course"] for lang in LANGUAGES}
NAMES: dict[Language, str] = {lang: _TEXTS[lang]["name"] for lang in LANGUAGES}
DECK: dict[Language, dict[str, Any]] = {lang: _TEXTS[lang]["deck"] for lang in LANGUAGES}
SITE: dict[Language, dict[str, str]] = {lang: _TEXTS[lang]["site"] for lang in LANGUAGES}
START: dict[Language, str] = {lang: _TEXTS[lang]["start"] for lang in LANGUAGES}
