"""Looks for what must never be released (solutions, hidden tests, wrong and right answers) in exercises/."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlprod.authoring.build import released, render
from mlprod.authoring.localise import localise
from mlprod.authoring.model import Source
from mlprod.course import notebook
from mlprod.language import LANGUAGES, Language, tr

REGIONS = ("SOLUTION", "HIDDEN TESTS")


def leaks(source: Source, root: Path) -> list[str]:
    """Each secret line of `source` that stands in the files of its exercise, as a message that names the file."""
    found = []
    for lang in LANGUAGES:
        folder = notebook("exercises", source.name, lang, root).parent
        secrets = secret_lines(source, lang)
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".ipynb_checkpoints" not in p.parts):
            for line in sorted(secrets.intersection(_lines_of(path))):
                where = path.relative_to(root)
                found.append(
                    tr(
                        es=f"{where} contiene «{line}», que no se entrega: ejecuta «mlprod build»",
                        en=f"{where} holds `{line}`, which is not for release: run `mlprod build`",
                    )
                )
    return found


def secret_lines(source: Source, lang: Language) -> set[str]:
    """Lines, without indentation, that only the unreleased parts of `source` hold."""
    hidden: set[str] = set()
    shown: set[str] = set()
    for cell in render(source, lang).cells:
        for line, secret in _regions(cell.source):
            (hidden if secret else shown).add(line)
    for essay in source.essays:
        model_answer = set(map(str.strip, essay.model_answer[lang].source.split("\n")))
        hidden |= model_answer
        shown -= model_answer
    for task in source.tasks.values():
        for other in (*task.wrongs, *task.rights):
            hidden |= {line.strip() for line in localise(other, lang, source.path).split("\n")}
    stubs = {
        line.strip() for cell in released(source, lang).cells for line in cell.source.split("\n") if "raise " in line
    }
    return {line for line in hidden - shown - stubs if any(map(str.isalnum, line))}


def _regions(text: str) -> Iterator[tuple[str, bool]]:
    inside = False
    for line in text.split("\n"):
        if any(f"BEGIN {region}" in line for region in REGIONS):
            inside = True
        elif any(f"END {region}" in line for region in REGIONS):
            inside = False
        else:
            yield line.strip(), inside


def _lines_of(path: Path) -> Iterable[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".ipynb":
        with contextlib.suppress(ValueError):  # broken: looked at as text
            text = "\n".join(_strings(json.loads(text)))
    return [line.strip() for line in text.split("\n")]


def _strings(value: object) -> Iterator[str]:
    """Every text in a notebook's JSON: sources, outputs, metadata."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        if all(isinstance(part, str) for part in value):
            yield "".join(value)
        else:
            for part in value:
                yield from _strings(part)
