"""The comments in both languages that open a wrong answer and name its misconception."""

from __future__ import annotations

import re

from mlprod.language import Language

LINE = re.compile(r"# (es|en): (.*\S)")


def leading_comments(source: str) -> dict[Language, str]:
    """The text of the `# es:` and `# en:` lines that open `source`, joined by language."""
    found: dict[Language, list[str]] = {}
    for line in source.split("\n"):
        match = LINE.fullmatch(line.rstrip())
        if not match:
            break
        found.setdefault(match[1], []).append(match[2])  # type: ignore[arg-type]
    return {lang: " ".join(lines) for lang, lines in found.items()}
