"""nbgrader's markers (BEGIN/END SOLUTION, BEGIN/END HIDDEN TESTS): spelled right, matched, where they belong."""

from __future__ import annotations

import re

from mlprod.authoring.model import Text
from mlprod.authoring.problems import Problems
from mlprod.language import tr

# nbgrader looks for the words anywhere in a line: whatever comes near must be the marker itself, or be noticed
NEAR = re.compile(r"\b(begin|end)[ _-]*(solution|hidden[ _-]*tests?|mark[ _-]*scheme)s?\b", re.IGNORECASE)
EXACT = re.compile(r"\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\Z")


def is_marker(line: str) -> bool:
    return EXACT.match(line) is not None


def check_markers(source: str, first: int, allowed: set[str], problems: Problems) -> None:
    """Report markers of `source` (its first line is `first`) misspelled, unmatched or not in `allowed`."""
    opened: tuple[str, int] | None = None
    for number, line in enumerate(source.split("\n"), first):
        if not NEAR.search(line):
            continue
        match = EXACT.match(line)
        if not match:
            problems.add(
                number,
                "marker-spelling",
                tr(
                    es="una marca ocupa la línea y se escribe así: ### BEGIN SOLUTION, ### END SOLUTION, "
                    "### BEGIN HIDDEN TESTS, ### END HIDDEN TESTS",
                    en="a marker has the line to itself and is written ### BEGIN SOLUTION, ### END SOLUTION, "
                    "### BEGIN HIDDEN TESTS, ### END HIDDEN TESTS",
                ),
            )
            continue
        word, what = match.groups()
        if what not in allowed:
            problems.add(
                number,
                "marker-place",
                tr(
                    es="BEGIN SOLUTION va en celdas answer= y essay=; BEGIN HIDDEN TESTS, en celdas test=",
                    en="BEGIN SOLUTION belongs in answer= and essay= cells; BEGIN HIDDEN TESTS in test= cells",
                ),
            )
        elif word == "BEGIN" and opened is None:
            opened = (what, number)
        elif word == "END" and opened and opened[0] == what:
            opened = None
        else:
            _unmatched(number, f"{word} {what}", problems)
    if opened:
        _unmatched(opened[1], f"BEGIN {opened[0]}", problems)


def _unmatched(number: int, marker: str, problems: Problems) -> None:
    problems.add(
        number,
        "marker-unmatched",
        tr(es=f"### {marker} no tiene pareja en su celda", en=f"### {marker} has no counterpart in its cell"),
    )


def split_essay(text: Text, problems: Problems) -> tuple[Text, Text] | None:
    """An essay's prompt and model answer; None, and a problem, when one is missing."""
    lines = text.source.split("\n")
    begin = next((i for i, line in enumerate(lines) if line.strip() == "### BEGIN SOLUTION"), None)
    end = next((i for i, line in enumerate(lines) if line.strip() == "### END SOLUTION"), None)
    if begin is not None and end is not None and begin < end:
        prompt, answer = "\n".join(lines[:begin]).strip("\n"), "\n".join(lines[begin + 1 : end]).strip("\n")
        if prompt and answer and not "".join(lines[end + 1 :]).strip():
            return Text(prompt, text.line), Text(answer, text.line + begin + 1)
    problems.add(
        text.line,
        "essay-parts",
        tr(
            es="un ensayo es su enunciado y después, entre ### BEGIN SOLUTION y ### END SOLUTION, la respuesta modelo",
            en="an essay is its prompt and then, between ### BEGIN SOLUTION and ### END SOLUTION, the model answer",
        ),
    )
    return None
