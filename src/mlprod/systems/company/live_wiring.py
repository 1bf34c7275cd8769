"""What every process of a live run is given: the choices, the topics, the models and the clock of the replay."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from mlprod.systems.company.design import Costs, Design
from mlprod.systems.company.functions import Features, Functions
from mlprod.systems.company.live_log import Topic
from mlprod.systems.company.model import Size, Version
from mlprod.systems.company.parts import View
from mlprod.systems.company.scenario import Scenario
from mlprod.systems.startline import StartLine

__all__ = ["INITIAL", "Models", "Versions", "Willingness", "Wiring"]


INITIAL = View(Features(0, 0, 0, 0), 0.0)
Models = dict[tuple[Size, Version], bytes]
"""The models as ONNX files, which any process may load."""


@dataclass(frozen=True)
class Wiring:
    """It travels to child processes."""

    design: Design
    scenario: Scenario
    functions: Functions
    costs: Costs
    line: StartLine
    models: Models = field(repr=False)
    folder: Path
    """Where a service leaves what it must not forget: its disk, which outlives it."""
    events: Topic
    """What happens in the city, by zone: [t, kind, zone, level, seq]."""
    features: Topic
    """What is known of each zone: [zone, features, as_of]."""
    releases: Topic
    """Which versions are in service: [t, stable, canary or null, verdict or null]."""
    answers: Topic
    """What became of each quote: see `live_phones.record`."""

    _began: list[float] = field(default_factory=list, repr=False, compare=False)

    def now(self) -> float:
        """Second of the replay; 0 before it begins."""
        if not self._began:
            if not self.line.begun:
                return 0.0
            self._began.append(self.line.started())  # it is asked often: one look at the file is enough
        return max(0.0, time.monotonic() - self._began[0])


@dataclass
class Versions:
    """Which version prices which quote, as the last record of the topic `releases` says."""

    fraction: float
    stable: Version = "first"
    canary: Version | None = None

    def take(self, records: list) -> bool:
        """Follow records of `releases`; whether there were any."""
        for _, self.stable, self.canary, _ in records:
            pass
        return bool(records)

    def of(self, zone: int, seq: int) -> Version:
        """The version for this quote: always the same one, whoever asks and however often."""
        # a hash, so that the phone and the server agree without a word, and a retry does not change group
        share = crc32(b"%d/%d" % (zone, seq)) / 2**32
        return self.canary if self.canary and share < self.fraction else self.stable


class Willingness:
    """A model in ONNX Runtime, optimised when it is loaded: rides in, euros out."""

    def __init__(self, size: Size, version: Version, onnx: bytes):
        import onnxruntime

        from mlprod.systems.company.model import Model

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        self._fed = Model(size, version, ()).fed  # with the slip that this version may have

    def __call__(self, rides: list) -> list[float]:
        """The willingness in euros of each of these `Ride`s."""
        import numpy as np

        (logarithms,) = self._session.run(None, {"x": self._fed(np.asarray(rides))})
        return np.exp(logarithms[:, 0]).tolist()
