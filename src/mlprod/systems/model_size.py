"""How big a model is, in the three senses that get confused: bytes on disk, parameters, and operations (MACs).

size_of(network, example)    # Size(parameters=…, nonzero=…, macs=…, disk=…, gzipped=…)
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Size:
    """parameters, those that are not zero, multiply-accumulates for one example; bytes of the file, and gzipped."""

    parameters: int
    nonzero: int
    macs: int
    disk: int
    gzipped: int


def size_of(network: torch.nn.Module, example: torch.Tensor) -> Size:
    """Everything about `network`. example: a batch of one input, only used to follow the shapes."""
    return Size(parameters(network), nonzero(network), macs(network, example), *disk(network))


def parameters(network: torch.nn.Module) -> int:
    """Numbers that training changes, each counted once even when two layers share it."""
    return sum(each.numel() for each in network.parameters())


def nonzero(network: torch.nn.Module) -> int:
    """Parameters that are not exactly zero."""
    return sum(int((each != 0).sum()) for each in network.parameters())


def macs(network: torch.nn.Module, example: torch.Tensor) -> int:
    """Multiply-accumulates of one example through the convolutions and linear layers; biases and the rest do not count.

    It runs `example` (batch first) once and counts what each layer puts out, so layers used twice count twice and
    layers that are never reached do not count. Operations outside nn.Linear and nn.Conv are not seen. Zero weights
    count like any other: a dense kernel multiplies by them all the same.
    """
    import torch
    from torch import nn

    total = 0

    def count(layer: Any, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        # each output number is a sum over one filter (Conv: in/groups x kernel) or one row (Linear)
        total += output[0].numel() * prod(layer.weight.shape[1:])

    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    with ExitStack() as afterwards, torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, kinds):
                afterwards.callback(layer.register_forward_hook(count).remove)
        was_training = network.training
        afterwards.callback(network.train, was_training)
        network.eval()
        network(example[:1])
    return total


def disk(model: Any) -> tuple[int, int]:
    """(bytes of the file, bytes of the same file gzipped): written, and looked at.

    model: a path, the bytes of a file, an ONNX model, a torch network or state_dict (torch.save), or a dict of numpy
    arrays (np.savez, which does not compress). Raises TypeError for anything else.
    """
    content = _content(model)
    return len(content), len(gzip.compress(content, 6, mtime=0))


def _content(model: Any) -> bytes:
    if isinstance(model, bytes | bytearray):
        return bytes(model)
    if isinstance(model, str | Path):
        return Path(model).read_bytes()
    if hasattr(model, "SerializeToString"):
        return model.SerializeToString()
    with tempfile.TemporaryDirectory(prefix="mlprod-size-") as folder:
        file = Path(folder) / "model.npz"
        if isinstance(model, Mapping) and model and all(isinstance(part, np.ndarray) for part in model.values()):
            np.savez(file, **{str(name): part for name, part in model.items()})
        elif hasattr(model, "state_dict") or isinstance(model, Mapping):
            import torch

            torch.save(model.state_dict() if hasattr(model, "state_dict") else dict(model), file)
        else:
            raise TypeError(f"{type(model).__name__}: a path, bytes, an ONNX model, a network or a dict of arrays")
        return file.read_bytes()
