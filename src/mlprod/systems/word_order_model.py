"""A keyboard's word-order checker (unit 06), the model: a small transformer, its training and its files."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mlprod.systems.word_order import FOLDER, PAD, UNKNOWN, Vocabulary, pairs, swap


class Layer(nn.Module):
    """Self-attention and a perceptron, each added to what came in (pre-norm)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.before_attention(x)).split(width, dim=-1)
        )
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads) + mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.out(mixed)
        return x + self.down(F.relu(self.up(self.before_mlp(x))))


class Checker(nn.Module):
    """ids (n, T) int64 -> (n, 2) logits: as written, swapped. `words_out_of_place` gives one logit a word."""

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int = 4) -> None:
        super().__init__()
        self.settings = {"vocabulary": vocabulary, "width": width, "layers": layers, "heads": heads}
        self.embedding = nn.Embedding(vocabulary, width)
        self.place = nn.Embedding(128, width)
        nn.init.normal_(self.embedding.weight, std=0.3)
        nn.init.normal_(self.place.weight, std=0.3)
        self.left, self.right = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1)
        nn.init.constant_(self.head.bias, -3.0)  # at first, hardly any word is out of place

    def words_out_of_place(self, ids: torch.Tensor) -> torch.Tensor:
        """(n, T) logits; padding has a very low one."""
        there = ids != PAD
        x = self.embedding(ids) + self.place(torch.arange(ids.shape[1], device=ids.device))
        x = x * there.unsqueeze(-1)
        # each word sees its neighbours from the start: attention would take long to find out that they matter most
        x = x + self.left(F.pad(x, (0, 0, 1, 0))[:, :-1]) + self.right(F.pad(x, (0, 0, 0, 1))[:, 1:])
        mask = torch.where(there, 0.0, -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        return torch.where(there, self.head(self.norm(x)).squeeze(-1), -1e4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        # a sentence is out of order as soon as one of its words is: a soft maximum of them
        broken = torch.logsumexp(self.words_out_of_place(ids), -1)
        return torch.stack([torch.zeros_like(broken), broken], -1)


def neighbours(texts: Sequence[Sequence[str]], vocabulary: Vocabulary, width: int) -> torch.Tensor:
    """(words, width): what each word tends to come before (first half) and after (second half), by SVD of the counts.

    A place from which to start the embeddings; from random ones a book this short teaches next to nothing. The counts
    are weighed by the logarithm of how much more often than by chance (PPMI): Levy and Goldberg, NeurIPS 2014.
    """
    from scipy import sparse
    from scipy.sparse.linalg import svds

    pairs = Counter(
        pair for words in texts for ids in [vocabulary.encode(words)] for pair in zip(ids, ids[1:], strict=False)
    )
    (first, second), counts = np.array(list(pairs)).T, np.fromiter(pairs.values(), float)
    n = len(vocabulary)
    before, after = np.bincount(first, counts, n) + 1, np.bincount(second, counts, n) + 1
    weights = np.log1p(counts * counts.sum() / (before[first] * after[second])) * np.minimum(1, counts / 2)
    u, s, v = svds(sparse.csr_matrix((weights, (first, second)), (n, n)), k=width // 2, random_state=0)
    vectors = np.concatenate([u * np.sqrt(s), v.T * np.sqrt(s)], axis=1)
    vectors *= math.sqrt(width) / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6)
    return torch.tensor(vectors, dtype=torch.float32)


def new(texts: Sequence[Sequence[str]], vocabulary: Vocabulary, *, width: int, layers: int, seed: int = 0) -> Checker:
    """An untrained checker whose embeddings start from `neighbours`."""
    torch.manual_seed(seed)
    model = Checker(len(vocabulary), width, layers)
    with torch.no_grad():
        model.embedding.weight.copy_(neighbours(texts, vocabulary, width))
    return model


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]


def passes(
    texts: Sequence[Sequence[str]], vocabulary: Vocabulary, seed: int = 0, size: int = 32
) -> Iterator[list[Batch]]:
    """Passes over `texts` without end, each with swaps of its own in half of the sentences.

    A batch is ids (n, T), places (n, T) with a 1 where a word has been swapped, and what a teacher says: nothing yet.
    Sentences of about the same length go together, so that little is padding.
    """
    rng = random.Random(seed)
    while True:
        made = [(rng.random() < 0.5 and swap(words, rng)) or (list(words), ()) for words in texts]
        made.sort(key=lambda each: len(each[0]) + rng.random())
        groups = [made[i : i + size] for i in range(0, len(made), size)]
        rng.shuffle(groups)
        found: list[Batch] = []
        for group in groups:
            ids = vocabulary.batch([words for words, _ in group])
            places = np.zeros(ids.shape, np.float32)
            for row, (_, where) in enumerate(group):
                places[row, list(where)] = 1
            found.append((torch.from_numpy(ids), torch.from_numpy(places), None))
        yield found


@torch.no_grad()
def teach(teacher: Checker, batches: list[Batch]) -> list[Batch]:
    """The same batches with the teacher's logit of each word, (n, T)."""
    return [(ids, places, teacher.words_out_of_place(ids)) for ids, places, _ in batches]


def train(
    model: Checker,
    data: Iterator[list[Batch]],
    *,
    epochs: int,
    seed: int = 0,
    alpha: float = 0.0,
    temperature: float = 2.0,
    rate: float = 1e-3,
    dropped: float = 0.1,
    progress: Callable[[int, int], Any] | None = None,
) -> Checker:
    """Train `model` in place for `epochs` passes of `data`: each word's loss and the sentence's.

    Where the batches carry a teacher's answer, `alpha` of the loss is the distance to it, word by word, at
    `temperature`. `dropped` is the share of words hidden from the model. `progress(epoch, epochs)` follows each.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.02, betas=(0.9, 0.98))
    model.train()
    for epoch in range(epochs):
        batches = list(next(data))
        rng.shuffle(batches)
        for i, (ids, places, told) in enumerate(batches):
            share = (epoch + i / len(batches)) / epochs  # the rate rises for a twentieth of the way, then falls
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, 20 * share + 0.02) * (1 - share)
            hidden = torch.where((torch.rand(ids.shape) < dropped) & (ids != PAD), UNKNOWN, ids)
            optimiser.zero_grad()
            _loss(model, hidden, places, told, alpha, temperature).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        if progress:
            progress(epoch + 1, epochs)
    return model.eval()


def _loss(
    model: Checker, ids: torch.Tensor, places: torch.Tensor, told: torch.Tensor | None, alpha: float, temperature: float
) -> torch.Tensor:
    words = model.words_out_of_place(ids)
    there = (ids != PAD).float()
    weights = there * (1 + 4 * places)  # two words among twenty: they count more
    broken = torch.logsumexp(words, -1)
    hard = (F.binary_cross_entropy_with_logits(words, places, reduction="none") * weights).sum() / there.sum()
    hard = hard + F.binary_cross_entropy_with_logits(broken, places.amax(1))
    if told is None or alpha == 0:
        return hard
    soft = (_soft(words, told, temperature) * there).sum() / there.sum()
    soft = soft + _soft(broken, torch.logsumexp(told, -1), temperature).mean()
    return alpha * soft + (1 - alpha) * hard


def _soft(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T² times the KL divergence of two yes-or-no answers given as logits."""
    t = temperature
    p = torch.sigmoid(teacher / t)
    entropy = F.binary_cross_entropy(p, p, reduction="none")
    return t * t * (F.binary_cross_entropy_with_logits(student / t, p, reduction="none") - entropy)


@torch.inference_mode()
def predict(model: Checker, texts: Sequence[Sequence[str]], vocabulary: Vocabulary, size: int = 128) -> np.ndarray:
    """The sentences' logits of "swapped", (n,): positive when the model says so."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = np.zeros(len(texts), np.float32)
    for start in range(0, len(order), size):
        some = order[start : start + size]
        found[some] = model(torch.from_numpy(vocabulary.batch([texts[i] for i in some])))[:, 1].numpy()
    return found


def calibrate(model: Checker, vocabulary: Vocabulary) -> float:
    """Shift the answers of `model` by what makes most of the validation right, and return the logit that it was.

    A model that has seen its training sentences several times finds every other sentence strange.
    """
    texts, labels = pairs("validation")
    found = predict(model, texts, vocabulary)
    candidates = np.quantile(found, np.linspace(0.2, 0.8, 61))
    shift = float(candidates[np.argmax([((found > each) == labels).mean() for each in candidates])])
    with torch.no_grad():
        model.head.bias -= shift  # the same for every word, and so for the sentence
    return shift


def save(model: Checker, name: str) -> Path:
    """Write the weights in half precision to datasets/word_order/`name`.npz, and return its path."""
    path = FOLDER / f"{name}.npz"
    weights = {key: value.numpy().astype(np.float16) for key, value in model.state_dict().items()}
    np.savez(path, settings=json.dumps(model.settings), **weights)
    return path


def load(name: str) -> Checker:
    """The model that `save` wrote, in single precision, ready to predict."""
    with np.load(FOLDER / f"{name}.npz") as file:
        model = Checker(**json.loads(str(file["settings"])))
        model.load_state_dict({key: torch.from_numpy(file[key].astype(np.float32)) for key in model.state_dict()})
    return model.eval()
