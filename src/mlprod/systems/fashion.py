"""Fashion-MNIST's subset and the networks of unit 06: load images, build a network, train it, take a trained one.

images, labels = fashion.load("test")        # (3000, 1, 28, 28) float32 in [0, 1], (3000,) int64
network = fashion.trained("cnn")
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mlprod import course
from mlprod.errors import CourseError
from mlprod.language import tr

SPLITS = ("train", "valid", "test")
# channels of the two convolutions and units of the hidden layer
SIZES = {"cnn": (32, 64, 128), "half": (16, 32, 64)}
SIDE, CLASSES = 28, 10


def folder() -> Path:
    """Where the images and the trained networks are."""
    return course.root() / "datasets/fashion"


def classes() -> list[str]:
    """The names of the ten labels, in the notebook's language."""
    return tr(
        es="camiseta pantalón jersey vestido abrigo sandalia camisa deportiva bolso botín",
        en="T-shirt trousers pullover dress coat sandal shirt sneaker bag boot",
    ).split()


@lru_cache
def _pixels(split: str) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow.parquet as pq

    if split not in SPLITS:
        raise ValueError(f"split: {split!r} is not one of {SPLITS}")
    table = pq.read_table(folder() / ("train.parquet" if split == "train" else "held_out.parquet"))
    table = table.filter(np.asarray(table["split"]) == split)
    pixels = np.frombuffer(b"".join(table["pixels"].to_pylist()), np.uint8).reshape(-1, SIDE, SIDE)
    return pixels, table["label"].to_numpy()


def load(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 1, 28, 28), float32 from 0 (black) to 1, and labels (n,), int64 from 0 to 9.

    split: "train" (10 000), "valid" (2000, to choose and to calibrate) or "test" (3000, to report). Raises ValueError.
    """
    pixels, labels = _pixels(split)
    return torch.from_numpy(pixels.astype(np.float32) / 255)[:, None], torch.from_numpy(labels.astype(np.int64))


def cnn(first: int = 32, second: int = 64, hidden: int = 128) -> nn.Sequential:
    """Two 3x3 convolutions with their pools, a hidden layer, and one logit a class."""
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * (SIDE // 4) ** 2, hidden),
        nn.ReLU(),
        nn.Linear(hidden, CLASSES),
    )


def mlp(*widths: int, inputs: int = SIDE * SIDE) -> nn.Sequential:
    """Linear layers with ReLU between them: `inputs`, each of `widths`, and the ten classes."""
    sizes = [inputs, *widths, CLASSES]
    layers: list[nn.Module] = [nn.Flatten()]
    for wide, narrow in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(wide, narrow), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: float,
    seed: int,
    rate: float = 1e-3,
    batch: int = 128,
    teacher: torch.Tensor | None = None,
    loss: Callable[..., torch.Tensor] | None = None,
    after_step: Callable[[], None] | None = None,
    label: str | None = None,
) -> nn.Module:
    """Train `network` in place by Adam, the rate falling to zero in a straight line; returns it, in eval mode.

    seed: of the order of the examples. teacher: (n, classes) logits; then `loss(logits, labels, teacher's)` is what is
    minimised, and else the cross-entropy. after_step: called after each step (to put pruned weights back to zero).
    label: what the progress bar says; without one there is none.
    """
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, weight_decay=1e-5, fused=True)
    steps = max(1, round(epochs * len(images) / batch))
    loss = loss or (lambda logits, target, _: nn.functional.cross_entropy(logits, target))
    network.train()
    picks: list[torch.Tensor] = []
    for step in _bar(range(steps), label):
        if not picks:
            picks = list(torch.randperm(len(images), generator=order)[: len(images) // batch * batch].split(batch))
        pick = picks.pop()
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - step / steps)
        optimiser.zero_grad()
        hints = None if teacher is None else teacher[pick]
        loss(network(images[pick]), labels[pick], hints).backward()
        optimiser.step()
        if after_step:
            after_step()
    return network.eval()


def _bar(steps: range, label: str | None):
    if label is None:
        return steps
    from tqdm.auto import tqdm

    return tqdm(steps, desc=label, leave=False)


@torch.no_grad()
def logits(network: nn.Module, images: torch.Tensor, batch: int = 100) -> torch.Tensor:
    """(n, classes), computed without gradients, `batch` images at a time."""
    return torch.cat([network(part) for part in images.split(batch)])


def hits(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """(n,) bool: which images the network gets right."""
    return (logits(network, images).argmax(1) == labels).numpy()


def trained(name: str, where: Path | None = None) -> nn.Module:
    """A network that `mlprod models` has trained, in eval mode; the card of the dataset lists them.

    where: another folder than the dataset's. Raises CourseError when there is none of that name.
    """
    path = (where or folder()) / f"{name}.pt"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in path.parent.glob("*.pt"))) or "—"
        raise CourseError(
            tr(
                es=f"No hay un modelo {name!r} en {path.parent}: hay {known}. Se hacen con «make models».",
                en=f"There is no model {name!r} in {path.parent}: there are {known}. `make models` makes them.",
            )
        )
    state = torch.load(path, weights_only=True)
    network = build(name, state)
    network.load_state_dict(state)
    return network.eval()


def build(name: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """An untrained network of the shapes that `state` has."""
    if name.startswith("mlp"):
        shapes = [part.shape for key, part in state.items() if key.endswith("weight")]
        return mlp(*(shape[0] for shape in shapes[:-1]), inputs=shapes[0][1])
    network = cnn(
        state["0.weight"].shape[0],
        state["3.weight"].shape[0],
        state["7.bias" if "7.bias" in state else "7.1.bias"].shape[0],
    )
    if "7.1.bias" in state:  # the hidden layer in two factors
        rank, inputs = state["7.0.weight"].shape
        network[7] = nn.Sequential(nn.Linear(inputs, rank, bias=False), nn.Linear(rank, len(state["7.1.bias"])))
    return network
