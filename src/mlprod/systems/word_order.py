"""A keyboard's word-order checker (unit 06), what it reads: sentences, swaps and the vocabulary.

The question: is this sentence as somebody wrote it, or have two words near each other been swapped? A swap leaves the
same words, so that a model that only counts words is right exactly half of the time. The models: word_order_model.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from mlprod.systems import device_text

DATASETS = Path(__file__).parents[3] / "datasets"
FOLDER = DATASETS / "word_order"
PAD, UNKNOWN = 0, 1
SHORTEST, LONGEST = 6, 48  # tokens of a sentence
FARTHEST = 3  # places between the two words of a swap

_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÁÉÍÓÚÑ¿¡])")


def sentences(part: str, lang: str | None = None) -> list[list[str]]:
    """Each sentence of the book as its tokens; `part` is "train", "validation" or "test" (pages apart).

    The validation is a part of the pages that `next_word` keeps for its test.
    """
    import pyarrow.parquet as pq

    found = {}
    for row in pq.read_table(DATASETS / "next_word" / "corpus.parquet").to_pylist():
        if lang in (None, row["lang"]) and _part(row) == part:
            for text in _END.split(row["text"]):
                words = device_text.tokens(text)
                if SHORTEST <= len(words) <= LONGEST:
                    found[" ".join(words)] = words
    return list(found.values())


def _part(row: dict[str, str]) -> str:
    if row["split"] == "test" and sha256(row["page"].encode()).digest()[1] < 24:
        return "validation"
    return row["split"]


def swap(words: Sequence[str], rng: random.Random) -> tuple[list[str], tuple[int, int]] | None:
    """`words` with two different words, up to three places apart, swapped, and their places; None if there are none."""
    places = [i for i, word in enumerate(words) if word[0].isalpha()]
    pairs = [(i, j) for i in places for j in places if i < j <= i + FARTHEST and words[i] != words[j]]
    if not pairs:
        return None
    i, j = rng.choice(pairs)
    swapped = list(words)
    swapped[i], swapped[j] = swapped[j], swapped[i]
    return swapped, (i, j)


def pairs(part: str = "test", seed: int = 0) -> tuple[list[list[str]], np.ndarray]:
    """Each sentence of the `part` twice, as written (0) and with one swap (1): (2n sentences, 2n labels)."""
    rng = random.Random(seed)
    texts: list[list[str]] = []
    for words in sentences(part):
        if swapped := swap(words, rng):
            texts += [words, swapped[0]]
    return texts, np.tile([0, 1], len(texts) // 2)


class Vocabulary:
    """Words to numbers. A rare word becomes its ending ("~ción"): its place in a sentence shows in it."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = list(words)
        self.ids = {word: i for i, word in enumerate(self.words)}

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], least: int = 4, least_ending: int = 8) -> Vocabulary:
        """The words that appear `least` times, and the endings that the others share `least_ending` times."""
        counts = Counter(word for words in texts for word in words)
        kept = sorted(word for word, n in counts.items() if n >= least)
        endings = Counter("~" + w[-3:] for words in texts for w in words if counts[w] < least)
        return cls(["<pad>", "<unk>", *kept, *sorted(e for e, n in endings.items() if n >= least_ending)])

    @classmethod
    def load(cls) -> Vocabulary:
        return cls(json.loads((FOLDER / "vocabulary.json").read_text()))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Sequence[str]) -> list[int]:
        ids = self.ids
        return [ids.get(word, ids.get("~" + word[-3:], UNKNOWN)) for word in words]

    def batch(self, texts: Sequence[Sequence[str]], length: int | None = None) -> np.ndarray:
        """(n, T) int64, padded with zeros up to the longest of them, or up to `length`."""
        rows = [self.encode(words) for words in texts]
        padded = np.zeros((len(rows), length or max(map(len, rows))), np.int64)
        for i, row in enumerate(rows):
            padded[i, : len(row)] = row
        return padded


def in_groups(
    program: Callable[[np.ndarray], np.ndarray], texts: Sequence[Sequence[str]], vocabulary: Vocabulary, size: int = 32
) -> np.ndarray:
    """What `program` ((n, T) ids -> (n, 2) logits) says of each text, (n,) of 0 and 1; in groups of one length each."""
    by_length: dict[int, list[int]] = {}
    for i, words in enumerate(texts):
        by_length.setdefault(len(words), []).append(i)
    found = np.zeros(len(texts), int)
    for places in by_length.values():
        for start in range(0, len(places), size):
            some = places[start : start + size]
            found[some] = program(vocabulary.batch([texts[i] for i in some])).argmax(1)
    return found
