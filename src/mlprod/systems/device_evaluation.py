"""How good next-word suggestions are: accuracy and keystrokes saved on held-out text, beside counts of words."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from mlprod.systems import device_model
from mlprod.systems.device_model import Example, NextWord, Suggestion
from mlprod.systems.device_text import NUMBER, PUNCTUATION, sentence, split_text, tokens

_MARKS = {NUMBER, *PUNCTUATION}


class Counts:
    """Suggestions without a network: words counted in the training text of `lang`, alone or after the word before.

    `order` 1 ignores the context; 2 looks at the last word and falls back on 1 (unseen pairs get a tenth of the
    mass, as interpolation). It has the `suggest` of NextWord.
    """

    def __init__(self, lang: str, order: int) -> None:
        self.name, self.lang, self.order = ("unigram", "bigram")[order - 1], lang, order
        self.words = device_model.vocabulary()["tokens"]
        index = {word: i for i, word in enumerate(self.words)}
        self._alone = np.zeros(len(self.words))
        self._after: dict[str, Counter[int]] = defaultdict(Counter)
        for text in device_model.paragraphs(lang, "train"):
            before = ""
            for word in tokens(text):
                if word not in _MARKS and word in index:
                    self._alone[index[word]] += 1
                    self._after[before][index[word]] += 1
                before = "" if word in ".!?" else word
        self._alone /= self._alone.sum()
        self._model = device_model.load("main")  # for its vocabulary and ranking alone

    def suggest(self, text: str, lang: str, k: int = 3) -> list[Suggestion]:
        done, prefix = split_text(text)
        chances = self._alone
        if self.order == 2:
            line = sentence(tokens(done))
            seen = self._after.get(line[-1] if line else "")
            if seen:
                chances = 0.1 * self._alone
                chances[list(seen)] += 0.9 * np.fromiter(seen.values(), float) / seen.total()
        return self._model.rank(chances, prefix, k)


def accuracy(model: NextWord | Counts, examples: Sequence[Example], lang: str, k: int = 3) -> float:
    """Share of `examples` whose next word is among the first `k` suggestions."""
    return sum(place <= k for place in places(model, examples, lang, k)) / len(examples)


def places(model: NextWord | Counts, examples: Sequence[Example], lang: str, k: int = 3) -> list[float]:
    """For each of `examples`, the place (1 is the first) of its next word among `k` suggestions; inf: not there."""
    found = []
    for example in examples:
        words = [suggestion.word.lower() for suggestion in model.suggest(example.text, lang, k)]
        found.append(words.index(example.target) + 1 if example.target in words else math.inf)
    return found


def keystrokes_saved(model: NextWord | Counts, lang: str, paragraphs: int = 20, k: int = 3, seed: int = 1) -> float:
    """Share of the keystrokes that a perfect user of `k` suggestions saves on held-out text.

    A word costs its letters and a space; a suggestion taken, one keystroke, and it writes the space. Between two
    letters the user always looks, which nobody does: it is an upper bound.
    """
    texts = device_model.paragraphs(lang)
    chosen = np.random.default_rng(seed).choice(len(texts), min(paragraphs, len(texts)), replace=False)
    all_, needed = 0, 0
    for number in chosen:
        words = device_model.readable(tokens(texts[number]))
        for i, word in enumerate(words):
            if word in _MARKS or word == device_model.A_NUMBER:
                continue
            all_ += len(word) + 1
            needed += _keystrokes(model, " ".join(words[:i]) + " ", word, lang, k)
    return 1 - needed / all_


def _keystrokes(model: NextWord | Counts, before: str, word: str, lang: str, k: int) -> int:
    for typed in range(len(word)):
        found = model.suggest(before + word[:typed], lang, k)
        if any(suggestion.word.lower() == word for suggestion in found):
            return typed + 1
    return len(word) + 1


def report(count: int = 1000) -> dict[str, dict[str, float]]:
    """The table of the models' card: {"es main": {"top1": ..., "top3": ..., "saved": ...}, ...}."""
    table = {}
    for lang in ("es", "en"):
        new = device_model.examples(lang, count=count)
        begun = device_model.examples(lang, count=count, prefix=2)
        rivals = [Counts(lang, 1), Counts(lang, 2), device_model.load("small"), device_model.load("main")]
        for model in rivals:
            found = places(model, new, lang)
            table[f"{lang} {model.name}"] = {
                "top1": round(sum(place == 1 for place in found) / count, 3),
                "top3": round(sum(place <= 3 for place in found) / count, 3),
                "top3 after 2 letters": round(accuracy(model, begun, lang), 3),
                "keystrokes saved": round(keystrokes_saved(model, lang, 10), 3),
            }
    return table
