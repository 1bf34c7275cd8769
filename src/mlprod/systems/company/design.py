"""A design: what an engineer of the company can choose, and what each choice costs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.company.market import DESTINATIONS

FeatureMode = Literal["batch", "stream"]
Prediction = Literal["batch", "online", "hybrid"]
Placement = Literal["cloud", "edge", "cloud_with_fallback"]
Size = Literal["large", "small"]
Rollout = Literal["all", "canary"]
Commit = Literal["before", "after"]


class BadDesign(CourseError, ValueError):
    """A choice that does not exist or makes no sense."""


@dataclass(frozen=True)
class Costs:
    """What things take and cost, in milliseconds of the replay's clock and in euros.

    The times are of the order of those that units 04 to 07 measured on two shared cores; the prices are assumed, and so
    chosen that the bill is a few per cent of what the oracle earns. way_ms and log_ms are of the simulation alone: a
    live company takes what it takes, and lesson 08 measures both on it.
    """

    large_ms: float = 14.0  # to answer one quote with the large model, HTTP included, nothing compiled
    small_ms: float = 5.0  # with the small model, compressed and compiled
    table_ms: float = 0.4  # from a table of prices computed beforehand
    phone_ms: float = 8.0  # the small model on a phone
    way_ms: float = 0.0  # what HTTP adds to each question and its answer, besides the network and the price itself
    log_ms: float = 0.0  # what an event takes through the logs to whoever computes prices, besides its own delay
    patience_s: float = 0.6  # after so long without a price the rider goes away
    sync_s: float = 1.0  # a phone with a network hears the features of its zone so often
    job_s: float = 0.5  # a batch job publishes its results so long after it began
    snapshot_s: float = 1.0  # the feature service saves its state so often
    alarm_s: float = 20.0  # after so long somebody notices a bad version that serves everybody, and takes it back
    server_eur: float = 1.0  # a second of a service that is always on (one: cloud prices; another: stream features)
    job_eur: float = 3.0  # a batch job of features
    large_eur: float = 0.3  # a prediction with the large model
    small_eur: float = 0.04  # a prediction with the small model
    batch_discount: float = 0.25  # a prediction made beforehand, many at a time, costs so much of one made when asked
    sync_eur: float = 0.15  # telling all phones of a zone its features
    promise_eur: float = 2.0  # given back for a price promised as firm although its data were old
    doubt: float = 0.05  # of what an estimate would have earned, what is lost because it is one
    refund_eur: float = 8.0  # for each quote charged twice

    def predict_ms(self, size: Size) -> float:
        return self.large_ms if size == "large" else self.small_ms

    def predict_eur(self, size: Size) -> float:
        return self.large_eur if size == "large" else self.small_eur


COSTS = Costs()
_CHOICES = {
    **{"features": FeatureMode, "prediction": Prediction, "placement": Placement},
    **{"model": Size, "rollout": Rollout, "commit": Commit},
}
_RANGES = {
    **{"refresh_s": (0.5, 600), "ttl_s": (0.05, 600), "timeout_s": (0.01, 60)},
    **{"head": (1, DESTINATIONS), "fraction": (0.01, 1)},
}


@dataclass(frozen=True)
class Design:
    """The choices of one system. Raises BadDesign (a CourseError) for one that does not exist or is out of range.

    features: "batch" (a job each refresh_s seconds) or "stream" (each event when it arrives).
    prediction: "batch" (a table of all prices, each ttl_s seconds), "online" (when asked) or "hybrid": each ttl_s
    seconds, a table of what the model says for the `head` most popular destinations, of which the price is finished
    when asked, with the riders and drivers of that moment; the rest is online.
    placement: "cloud", "edge" (always on the phone, from what it last heard) or "cloud_with_fallback" (on the phone
    when the cloud has not answered within timeout_s seconds).
    model: "large" or "small", in the cloud; a phone always has the small one.
    rollout: a new version goes to "all", or to a `fraction` of the quotes first ("canary").
    commit: offsets are committed "before" events are processed, or "after" (with the snapshot of the state).
    """

    features: FeatureMode = "stream"
    refresh_s: float = 5.0
    prediction: Prediction = "hybrid"
    head: int = 10
    ttl_s: float = 0.4
    placement: Placement = "cloud_with_fallback"
    timeout_s: float = 0.3
    model: Size = "small"
    rollout: Rollout = "canary"
    fraction: float = 0.2
    commit: Commit = "after"

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            value, allowed = getattr(self, name), get_args(kind)
            if not isinstance(value, str) or value not in allowed:
                raise _bad(name, value, " | ".join(map(repr, allowed)))
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            whole = name != "head" or isinstance(value, int)
            if isinstance(value, bool) or not isinstance(value, int | float) or not whole or not least <= value <= most:
                raise _bad(name, value, f"{least} … {most}")

    def choices(self) -> dict[str, Any]:
        """The choices by name, without those that have no effect on this design."""
        without = set()
        if self.features == "stream":
            without.add("refresh_s")
        if self.prediction != "hybrid" or self.placement == "edge":
            without.add("head")
        if self.prediction == "online" or self.placement == "edge":
            without.add("ttl_s")
        if self.placement != "cloud_with_fallback":
            without.add("timeout_s")
        if self.rollout == "all":
            without.add("fraction")
        if self.placement == "edge":
            without |= {"prediction", "model"}
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in without}


def _bad(name: str, value: object, allowed: str) -> BadDesign:
    return BadDesign(
        tr(
            es=f"Design: {name}={value!r} no es una opción; puede ser {allowed}.",
            en=f"Design: {name}={value!r} is no choice; it may be {allowed}.",
        )
    )


NAMED: dict[str, Design] = {
    "nightly": Design("batch", 30, "batch", ttl_s=30, placement="cloud", rollout="all", commit="before"),
    "edge_only": Design("batch", 10, placement="edge", rollout="all", commit="after"),
    "big_cloud": Design("batch", 2, "online", placement="cloud", model="large", rollout="all", commit="before"),
    "streaming": Design("stream", prediction="online", placement="cloud", rollout="all", commit="after"),
    "with_fallback": Design("stream", prediction="online", placement="cloud_with_fallback", rollout="all"),
    "reference": Design(),
}
"""Designs by name, from poor to good. nightly: tables each half hour of the city. edge_only: everything on the phone.
big_cloud: polls every two seconds, the large model, no plan B. streaming: fresh and compressed, but at the network's
mercy. with_fallback: the phone answers when the cloud does not. reference: also a precomputed head and a canary."""
