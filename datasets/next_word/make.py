"""Makes vocabulary.json, main.onnx, small.onnx and metrics.json from corpus.parquet: python datasets/next_word/make.py

Seeded; some minutes on two cores. Training in floating point is not byte-identical between machines or versions: a new
run gives other files and metrics that differ in the third digit. `--check` only measures the files that are there.
"""

import argparse
import json
import math
import time
from collections import Counter, defaultdict
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from mlprod.systems import device_evaluation, device_model
from mlprod.systems.device_text import NUMBER, PUNCTUATION, SENTENCE_ENDS, tokens

HERE = Path(__file__).parent
LANGUAGES = ("es", "en")
SPECIALS = ["<unk>", NUMBER, "<es>", "<en>", *PUNCTUATION]
CONTEXT = 24  # tokens that a model sees at most, with the language mark
SIZES = {"main": {"width": 96, "hidden": 192}, "small": {"width": 16, "hidden": 48}}
EPOCHS, FULL_EPOCHS, SAMPLED = 12, 2, 1000  # the output is computed for a sample of words, and for all in the last two
OPSET = 17
SEED = 5


@lru_cache
def sentences(lang: str, split: str) -> list[list[str]]:
    found = []
    for text in device_model.paragraphs(lang, split):
        current: list[str] = []
        for token in tokens(text):
            current.append(token)
            if token in SENTENCE_ENDS:
                found.append(current)
                current = []
        if current:
            found.append(current)
    return found


def vocabulary() -> dict:
    """Words seen at least three times in the training text, and how each is usually written inside a sentence."""
    counts: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for lang in LANGUAGES:
        counts.update(word for line in sentences(lang, "train") for word in line)
        for text in device_model.paragraphs(lang, "train"):
            pieces = text.replace("\u2019", "'").split()
            for before, piece, after in zip([".", *pieces], pieces, [*pieces[1:], "."], strict=False):
                word = piece.strip(".,;:!?()¿¡«»“”\"'…")
                begins = (
                    before[-1] in ".!?:" or after[0] in "0123456789“«"
                )  # a sentence, or a reference ("Section 2.1")
                if tokens(word) == [word.lower()] and not begins:
                    forms[word.lower()][word] += 1
    words = sorted((w for w, n in counts.items() if n >= 3 and w not in SPECIALS), key=lambda w: (-counts[w], w))
    shown = {w: forms[w].most_common(1)[0][0] for w in words if forms[w]}
    return {
        "context": CONTEXT,
        "specials": len(SPECIALS),
        "tokens": SPECIALS + words,
        "shown": {word: form for word, form in shown.items() if form != word},
    }


class Network(nn.Module):
    """Embedding, GRU, projection; the embedding's matrix also gives the output (tied)."""

    def __init__(self, vocabulary: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.gru = nn.GRU(width, hidden, batch_first=True)
        self.project = nn.Linear(hidden, width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.drop = nn.Dropout(0.35 if hidden > 100 else 0.1)

    def points(self, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """What the network has made of the text before each of the `wanted` positions."""
        states, _ = self.gru(self.drop(self.embedding(ids)))
        return self.drop(self.project(states[wanted]))

    def forward(self, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.points(ids, wanted), self.embedding.weight, self.bias)

    def sampled_loss(self, points: torch.Tensor, target: torch.Tensor, chances: torch.Tensor) -> torch.Tensor:
        """Cross entropy against SAMPLED words instead of all, corrected by how likely each was to be drawn."""
        drawn = torch.multinomial(chances, SAMPLED, replacement=True)
        expected = (SAMPLED * chances).log()
        right = (points * self.embedding(target)).sum(1) + self.bias[target] - expected[target]
        others = nn.functional.linear(points, self.embedding(drawn), self.bias[drawn]) - expected[drawn]
        others = others.masked_fill(drawn[None] == target[:, None], -1e9)
        return (torch.cat([right[:, None], others], 1).logsumexp(1) - right).mean()


def chunks(index: dict[str, int], generator: np.random.Generator) -> list[list[int]]:
    """Sequences of at most CONTEXT + 1 ids, each beginning with its language's mark."""
    made = []
    for lang in LANGUAGES:
        for line in sentences(lang, "train"):
            ids = [index.get(word, 0) for word in line]
            first = int(generator.integers(1, CONTEXT + 1)) if len(ids) > CONTEXT else len(ids)
            cuts = [0, *range(first, len(ids), CONTEXT), len(ids)]
            made += [[index[f"<{lang}>"], *ids[a:b]] for a, b in zip(cuts, cuts[1:], strict=False) if b > a]
    return made


def train(name: str, index: dict[str, int]) -> Network:
    torch.manual_seed(SEED)
    generator = np.random.default_rng(SEED)
    network = Network(len(index), **SIZES[name])
    counts = torch.ones(len(index))
    for line in chunks(index, generator):
        for number in line[1:]:
            counts[number] += 1
    chances = counts**0.75 / (counts**0.75).sum()
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=1e-4)
    steps = EPOCHS * (len(chunks(index, generator)) // 64 + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(  # up for a twentieth of the way, then down along a cosine
        optimiser, lambda step: min(20 * step / steps + 0.02, 0.51 + 0.49 * math.cos(math.pi * min(1, step / steps)))
    )
    for epoch in range(EPOCHS):
        lines = chunks(index, generator)
        lines.sort(key=lambda line: len(line) + generator.random())
        batches = [lines[i : i + 64] for i in range(0, len(lines), 64)]
        order, losses = generator.permutation(len(batches)), []
        for batch in (batches[i] for i in order):
            longest = max(map(len, batch))
            ids = torch.tensor([line + [-1] * (longest - len(line)) for line in batch])
            target = ids[:, 1:]
            known = target > 0  # neither padding nor an unknown word
            if epoch < EPOCHS - FULL_EPOCHS:
                loss = network.sampled_loss(network.points(ids[:, :-1].clamp(min=0), known), target[known], chances)
            else:
                loss = nn.functional.cross_entropy(network(ids[:, :-1].clamp(min=0), known), target[known])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"{name} {epoch + 1}: {np.mean(losses):.3f} nats a token, {time.process_time():.0f} s of CPU", flush=True)
    return network.eval()


def export(network: Network, file: Path) -> None:
    """Write the network as ONNX by hand: the tied matrix is stored once, and only the last position is computed."""
    hidden = network.gru.hidden_size

    def gates(matrix: torch.Tensor) -> np.ndarray:  # PyTorch's order is reset, update, new; ONNX's update, reset, new
        reset, update, new = matrix.detach().split(hidden)
        return torch.cat([update, reset, new]).numpy()[None]

    gru = network.gru
    constants = {
        "E": network.embedding.weight.detach().numpy(),
        "W": gates(gru.weight_ih_l0),
        "R": gates(gru.weight_hh_l0),
        "B": np.concatenate([gates(gru.bias_ih_l0), gates(gru.bias_hh_l0)], axis=1),
        "P": network.project.weight.detach().numpy(),
        "p": network.project.bias.detach().numpy(),
        "b": network.bias.detach().numpy(),
        "first": np.array([0], dtype=np.int64),
    }
    node = helper.make_node
    graph = helper.make_graph(
        [
            node("Gather", ["E", "ids"], ["vectors"]),  # 1, T, width
            node("Transpose", ["vectors"], ["steps"], perm=[1, 0, 2]),  # T, 1, width
            node("GRU", ["steps", "W", "R", "B"], ["", "last"], hidden_size=hidden, linear_before_reset=1),
            node("Squeeze", ["last", "first"], ["state"]),  # 1, hidden
            node("Gemm", ["state", "P", "p"], ["point"], transB=1),
            node("Gemm", ["point", "E", "b"], ["logits"], transB=1),
        ],
        "next_word",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "T"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(network.bias)])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mlprod", ir_version=8
    )
    onnx.checker.check_model(model, full_check=True)
    file.write_bytes(model.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="measure the files that are there; train nothing")
    if not parser.parse_args().check:
        torch.set_num_threads(1)  # two would wait for each other on a busy machine
        words = vocabulary()
        text = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
        (HERE / "vocabulary.json").write_text(text + "\n", encoding="utf-8")
        index = {word: i for i, word in enumerate(words["tokens"])}
        print(len(index), "tokens")
        for name in SIZES:
            network = train(name, index)
            export(network, HERE / f"{name}.onnx")
            ids = torch.tensor([[3, 40, 50, 60]])
            ours = network(ids, torch.tensor([[False, False, False, True]]))[0].detach().numpy()
            difference = ours - device_model.load(name).logits(ids.numpy())
            assert np.abs(difference).max() < 1e-3, "ONNX Runtime and PyTorch do not agree"
    metrics = device_evaluation.report()
    (HERE / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    print(pd.DataFrame(metrics).to_string())
    for file in sorted(HERE.glob("*.[opj][nas]*")):
        print(sha256(file.read_bytes()).hexdigest(), file.name, file.stat().st_size)


if __name__ == "__main__":
    main()
