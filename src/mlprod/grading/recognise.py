"""Which known misconception is behind an answer that failed? By what the tests said to it, and by how it is written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mlprod.grading.catalogue import Entry
from mlprod.grading.tokens import alike
from mlprod.language import Language

SAME_MESSAGE = 0.9  # messages as alike as that say the same: they hold random names and orders
SAME_CODE, LIKE_CODE, TIE = 0.9, 0.6, 0.05  # how alike the code of two answers is (tokens.alike)
MOST = 2  # misconceptions shown for one answer; when more would fit, the tests cannot tell them apart
NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Guess:
    """A misconception that fits: `sure` when both what the tests said and the code are those of a known answer."""

    text: str
    sure: bool
    entry: Entry


def recognise(
    entries: Sequence[Entry], code: str, score: float, failed: Mapping[str, str], lang: Language
) -> tuple[Guess, ...]:
    """The misconceptions of `entries` (one task's) that fit an answer: the best first, at most MOST, often none.

    `failed` has what each test that it failed says, by grade id, in `lang`; `score` is what its task earned.
    """
    if not failed or not entries:
        return ()
    likeness = {id(entry): alike(code, entry.code[lang]) for entry in entries}
    found = [(entry, _fit(entry, score, failed, lang)) for entry in entries]
    most = max(fit for _, fit in found)
    fitting = [entry for entry, fit in found if fit == most] if most else []
    if not fitting:  # nobody has failed like this; the same code has been seen, perhaps before the tests changed
        fitting = [entry for entry in entries if likeness[id(entry)] >= SAME_CODE]
    alone = len({entry.misconception[lang] for entry in fitting}) == 1
    fitting.sort(key=lambda entry: -likeness[id(entry)])
    if fitting and likeness[id(fitting[0])] >= LIKE_CODE:
        best = likeness[id(fitting[0])]
        fitting = [entry for entry in fitting if likeness[id(entry)] >= best - TIE]
    texts = {entry.misconception[lang]: entry for entry in reversed(fitting)}
    if len(texts) > MOST:
        return ()
    chosen = list(reversed(texts.items()))
    likest = likeness[id(chosen[0][1])] if chosen else 0.0
    sure = len(chosen) == 1 and most >= EXACT and likest >= (LIKE_CODE if alone else SAME_CODE)
    return tuple(Guess(text, sure, entry) for text, entry in chosen)


VERBATIM, EXACT, PART, WORD = 4, 3, 2, 1


def _fit(entry: Entry, score: float, failed: Mapping[str, str], lang: Language) -> int:
    """How well what the tests said fits `entry`: VERBATIM, EXACT but for numbers and the like, PART (others failed,
    too), WORD (no audit has seen this answer: its points, and the word that its feedback has), or 0.
    """
    said = entry.messages.get(lang)
    if said is None:
        everything = "\n".join(failed.values()).casefold()
        return WORD if abs(score - entry.score) < 1e-9 and entry.says[lang].casefold() in everything else 0
    if not said or not said.keys() <= failed.keys():
        return 0
    if not all(_same(said[grade_id], failed[grade_id]) for grade_id in said):
        return 0
    if said.keys() != failed.keys():
        return PART
    return VERBATIM if all(said[grade_id] == failed[grade_id] for grade_id in said) else EXACT


@lru_cache(maxsize=8192)
def _same(one: str, other: str) -> bool:
    one, other = (NUMBER.sub("#", text) for text in (one, other))
    if one == other:
        return True
    match = difflib.SequenceMatcher(None, one, other, autojunk=False)
    quick = (match.real_quick_ratio, match.quick_ratio, match.ratio)  # the first two are upper bounds of the third
    return all(ratio() >= SAME_MESSAGE for ratio in quick)
