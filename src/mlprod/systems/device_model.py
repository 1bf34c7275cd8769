"""The next-word models of unit 05 and their corpus: load one, ask it for suggestions, take held-out text.

model = device_model.load("main")
model.suggest("the package man", "en")     # [Suggestion(word='manager', probability=0.9), ...]
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from mlprod import course
from mlprod.errors import CourseError
from mlprod.language import LANGUAGES, tr
from mlprod.systems.device_text import NUMBER, PUNCTUATION, sentence, split_text, tokens

__all__ = ["Example", "NextWord", "Suggestion", "examples", "folder", "load", "paragraphs", "split_text", "tokens"]

MODELS = ("main", "small")
A_NUMBER = "1"


@dataclass(frozen=True)
class Suggestion:
    """A word as it is usually written, and its probability among the words that may stand there."""

    word: str
    probability: float


@dataclass(frozen=True)
class Example:
    """A place in held-out text: what is written of its sentence, and the word that came next (in lower case)."""

    text: str
    target: str


def folder() -> Path:
    """Where the corpus and the models are."""
    return course.root() / "datasets/next_word"


@lru_cache(maxsize=1)
def vocabulary() -> dict:
    """`tokens` (the index is the id), how many of them are `specials`, `shown` forms, and the longest `context`."""
    return json.loads((folder() / "vocabulary.json").read_text(encoding="utf-8"))


class NextWord:
    """A model behind ONNX Runtime on this machine's CPU. Made by `load`."""

    def __init__(self, name: str, threads: int = 1) -> None:
        import onnxruntime

        self.name = name
        self.path = folder() / f"{name}.onnx"
        self.size = self.path.stat().st_size
        """Bytes of the file."""
        known = vocabulary()
        self.words: list[str] = known["tokens"]
        """The index of a token is its id; the first ones are marks and punctuation, never suggested."""
        self.specials: int = known["specials"]
        self._context: int = known["context"]
        self._shown: dict[str, str] = known["shown"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # anything on stderr would spoil a graded cell
        self._session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def encode(self, text: str, lang: str) -> np.ndarray:
        """Ids (int64, shape 1 x T) of the language's mark and of the finished words of the sentence being written."""
        if lang not in LANGUAGES:
            raise ValueError(f"lang: {lang!r} is not one of {LANGUAGES}")
        done, _ = split_text(text)
        known = [self._index.get(word, 0) for word in sentence(tokens(done))]
        return np.array([[self._index[f"<{lang}>"], *known[-(self._context - 1) :]]], dtype=np.int64)

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """One score for each token of the vocabulary (float32, shape V) as the next one after `ids` (int64, 1 x T)."""
        return self._session.run(None, {"ids": ids})[0][0]

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """The logits as probabilities (float32, shape V), given that a word comes next: marks and punctuation get 0."""
        scores = self.logits(ids)[self.specials :]
        weights = np.exp(scores - scores.max())
        return np.concatenate([np.zeros(self.specials, np.float32), weights / weights.sum()])

    def suggest(self, text: str, lang: str, k: int = 3) -> list[Suggestion]:
        """The `k` likeliest words to come next, or to complete the one being typed, likeliest first.

        Their probabilities are conditional on the letters typed so far; fewer than `k` when few words begin so.
        """
        _, prefix = split_text(text)
        return self.rank(self.probabilities(self.encode(text, lang)), prefix, k)

    def rank(self, probabilities: np.ndarray, prefix: str = "", k: int = 3) -> list[Suggestion]:
        """The `k` likeliest words that begin with `prefix`."""
        numbers = self._beginning(prefix)
        if not len(numbers):
            return []
        chances = probabilities[numbers]
        best = np.argsort(-chances, kind="stable")[:k]
        total = float(chances.sum()) or 1.0
        return [
            Suggestion(self._shown.get(self.words[numbers[i]], self.words[numbers[i]]), float(chances[i]) / total)
            for i in best
        ]

    @lru_cache(maxsize=2000)  # noqa: B019  (models live as long as the kernel)
    def _beginning(self, prefix: str) -> np.ndarray:
        found = [i for i in range(self.specials, len(self.words)) if self.words[i].startswith(prefix)]
        return np.array(found, dtype=np.int64)


def load(name: str = "main", threads: int = 1) -> NextWord:
    """The model `name`: "main", or "small" for a cascade; `threads` of ONNX Runtime.

    Raises CourseError when there is no such model.
    """
    if name not in MODELS:
        raise CourseError(
            tr(es=f"No hay modelo {name!r}: elige main o small.", en=f"No model {name!r}: choose main or small.")
        )
    return NextWord(name, threads)


@lru_cache(maxsize=8)
def _paragraphs(lang: str, split: str) -> tuple[str, ...]:
    import pyarrow.parquet as pq

    wanted = [("lang", "=", lang), ("split", "=", split)]
    return tuple(pq.read_table(folder() / "corpus.parquet", columns=["text"], filters=wanted)["text"].to_pylist())


def paragraphs(lang: str, split: str = "test") -> list[str]:
    """The book's paragraphs in `lang`: the pages a model was trained on ("train") or those kept apart ("test")."""
    return list(_paragraphs(lang, split))


def readable(words: list[str]) -> list[str]:
    """Tokens that, joined by spaces, give the same tokens again: the mark of a number becomes a number."""
    return [A_NUMBER if word == NUMBER else word for word in words]


def examples(lang: str, split: str = "test", count: int = 500, seed: int = 0, prefix: int = 0) -> list[Example]:
    """`count` random places of the text where a word comes next, with `prefix` of its letters already typed.

    Words that the models do not know are kept (nobody can suggest them, and a reader types them too); numbers and
    punctuation are no targets. With `prefix`, only words longer than it.
    """
    marks = {A_NUMBER, *PUNCTUATION}
    places = []
    for text in paragraphs(lang, split):
        words = readable(tokens(text))
        places += [(words, i) for i, word in enumerate(words) if word not in marks and len(word) > prefix]
    chosen = random.Random(seed).sample(places, min(count, len(places)))
    return [Example(" ".join([*sentence(words[:i]), words[i][:prefix]]), words[i]) for words, i in chosen]
