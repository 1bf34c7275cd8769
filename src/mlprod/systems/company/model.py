"""Models of the riders' willingness: a large and a small network learned from the log, and versions with a slip.

A slip is what goes wrong on the way to production: the weights are good, but what they are fed is not what they were
trained on. Weights come from scikit-learn; `Model.onnx` writes them as standard ONNX for a runtime to optimise.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

import numpy as np

from mlprod.systems.company.market import ZONES, Ride, history

__all__ = ["ENCODED", "SIZES", "VERSIONS", "Model", "Size", "Version", "encode", "model"]

Size = Literal["large", "small"]
Version = Literal["first", "good", "miles", "zones", "window"]
SIZES: tuple[Size, ...] = get_args(Size)
VERSIONS: tuple[Version, ...] = get_args(Version)
"""first: in service since before, trained on few rides. good: the next one, trained on more. The others are that one
with a slip: kilometres taken for miles; the zones numbered from 1; the pressure counted over a tenth of the time."""
_HIDDEN: dict[str, tuple[int, ...]] = {"large": (48, 48), "small": (12,)}
_ALPHA = {"large": 0.6, "small": 0.1}
_ROWS = {"first": 500, "good": 6_000}
ENCODED = ZONES + 5  # columns of `encode`


def encode(rides: np.ndarray) -> np.ndarray:
    """Inputs of the network, (n, ENCODED) float32, of rides (n, 5) in the order of `Ride`: the one definition."""
    rides = np.asarray(rides, dtype=np.float32)
    zone, km, hour, rain, pressure = rides.T
    angle = 2 * math.pi * hour / 24
    columns = [
        *(zone == z for z in range(ZONES)),
        km / 10,
        np.sin(angle),
        np.cos(angle),
        rain / 5,
        np.minimum(pressure, 90) / 30 - 1,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _slipped(rides: np.ndarray, version: str) -> np.ndarray:
    """What this version feeds its network instead of `rides`."""
    fed = np.array(rides, dtype=np.float32)
    if version == "miles":
        fed[:, 1] /= 1.609
    elif version == "zones":
        fed[:, 0] = (fed[:, 0] + 1) % ZONES
    elif version == "window":
        fed[:, 4] /= 10
    return fed


@dataclass(frozen=True)
class Model:
    """A trained network: `weights` are ((inputs, outputs) matrix, (outputs,) bias) of each layer, ReLU between them.

    It gives the logarithm of the willingness in euros.
    """

    size: Size
    version: Version
    weights: tuple[tuple[np.ndarray, np.ndarray], ...] = field(repr=False)
    _known: dict[Ride, float] = field(default_factory=dict, repr=False, compare=False)

    def fed(self, rides: np.ndarray) -> np.ndarray:
        """What goes into the network, (n, ENCODED) float32, slip included, for rides (n, 5)."""
        return encode(_slipped(rides, self.version))

    def predict(self, rides: np.ndarray) -> np.ndarray:
        """The willingness in euros, (n,), of rides (n, 5)."""
        hidden = self.fed(rides)
        for matrix, bias in self.weights[:-1]:
            hidden = np.maximum(hidden @ matrix + bias, 0)
        matrix, bias = self.weights[-1]
        return np.exp(hidden @ matrix + bias)[:, 0]

    def __call__(self, ride: Ride) -> float:
        """The willingness in euros of one ride; rides seen before are remembered."""
        if ride not in self._known:
            self._known[ride] = float(self.predict(np.asarray([ride]))[0])
        return self._known[ride]

    @property
    def parameters(self) -> int:
        return sum(matrix.size + bias.size for matrix, bias in self.weights)

    def onnx(self) -> Any:
        """The network as an onnx.ModelProto: input "x" (n, ENCODED) float32, output "log_willingness" (n, 1)."""
        from onnx import TensorProto, checker, helper, numpy_helper

        nodes, tensors, at = [], [], "x"
        for number, (matrix, bias) in enumerate(self.weights):
            last = number == len(self.weights) - 1
            tensors += [numpy_helper.from_array(matrix, f"w{number}"), numpy_helper.from_array(bias, f"b{number}")]
            out = "log_willingness" if last else f"h{number}"
            nodes.append(helper.make_node("Gemm", [at, f"w{number}", f"b{number}"], [out]))
            if not last:
                nodes.append(helper.make_node("Relu", [out], [f"a{number}"]))
            at = f"a{number}"
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", ENCODED])]
        outputs = [helper.make_tensor_value_info("log_willingness", TensorProto.FLOAT, ["n", 1])]
        graph = helper.make_graph(nodes, "willingness", inputs, outputs, tensors)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        checker.check_model(proto)
        return proto


@cache
def model(size: Size = "small", version: Version = "first") -> Model:
    """The model of this size and version; trained when first asked for (seconds), then kept. Versions with a slip share
    the weights of "good". Raises ValueError for another size or version."""
    if size not in SIZES or version not in VERSIONS:
        raise ValueError(f"size must be one of {SIZES} and version one of {VERSIONS}, not {size!r}, {version!r}")
    if version not in _ROWS:
        return Model(size, version, model(size, "good").weights)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor
    from threadpoolctl import threadpool_limits

    rides, observed = history(_ROWS[version], seed=len(version))
    network = MLPRegressor(
        hidden_layer_sizes=_HIDDEN[size], solver="lbfgs", alpha=_ALPHA[size], max_iter=200, random_state=0
    )
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is good enough before it has converged
        network.fit(encode(rides), np.log(observed))
    layers = zip(network.coefs_, network.intercepts_, strict=True)
    return Model(size, version, tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in layers))
