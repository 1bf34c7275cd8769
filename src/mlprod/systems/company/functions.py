"""The three functions that the company's engineers write, and that the simulation and the live system share.

`update` folds events into the features of one zone, the same for training, for replay and for the stream. `fallback` is
what a phone asks without a network. `promote` decides on a new version of the model from few data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.city import Event
from mlprod.systems.company.market import WINDOW_S, best_price

State = dict[str, Any]
Verdict = Literal["promote", "rollback", "wait"]
LEVELS = {"supply": "drivers", "demand": "waiting", "rain": "rain"}  # kind of event -> feature that it sets
FIRM_S = 1.0  # a price computed from data older than this may not be promised as firm: it is an estimate
USUAL = 0.65  # price / willingness that earns most when nothing is known of riders and drivers
MIN_QUOTES = 30  # of each version, before its earnings say anything


class Features(NamedTuple):
    """What the features of one zone are at a moment: riders waiting, drivers free, rain in mm/h, recent quotes."""

    waiting: int
    drivers: int
    rain: int
    pressure: int


class Offer(NamedTuple):
    """What a phone shows: a price in euros, and whether it is only an estimate (and says so)."""

    price: float
    estimate: bool


def initial() -> State:
    """The state of a zone of which nothing is known yet. JSON can carry any state.

    waiting, drivers, rain: the last levels known. seq: of the event that set each of them. quotes: how many quotes have
    been counted. recent: their times in the last WINDOW_S seconds before `newest`, the latest event time seen. upto,
    ahead: the quotes counted are numbers 1 to `upto` and those in the list `ahead`.
    """
    return {
        **{"waiting": 0, "drivers": 0, "rain": 0, "seq": {"supply": 0, "demand": 0, "rain": 0}},
        **{"quotes": 0, "recent": [], "newest": 0.0, "upto": 0, "ahead": []},
    }


def features(state: State, t: float) -> Features:
    """The features of the zone at second `t` (not before the newest event), as its state knows them."""
    recent = sum(1 for at in state["recent"] if t - WINDOW_S < at <= t)
    return Features(state["waiting"], state["drivers"], state["rain"], recent)


def update(state: State, event: Event) -> State:
    """The state after an event of its zone, which may come late, twice or out of order. Does not change `state`."""
    new = {**state, "newest": max(state["newest"], event.t)}
    if event.kind in LEVELS:
        if event.seq > state["seq"][event.kind]:  # the newest is the last that happened, not the last to arrive
            new[LEVELS[event.kind]] = event.level
            new["seq"] = {**state["seq"], event.kind: event.seq}
    elif event.seq > state["upto"] and event.seq not in state["ahead"]:
        new["quotes"] = state["quotes"] + 1
        new["recent"] = [*state["recent"], event.t]
        upto, ahead = state["upto"], {*state["ahead"], event.seq}
        while upto + 1 in ahead:
            upto += 1
            ahead.discard(upto)
        new["upto"], new["ahead"] = upto, sorted(ahead)
    if new["recent"] and min(new["recent"]) <= new["newest"] - WINDOW_S:
        new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new


def fallback(cached: Features, age_s: float, most: float, usual: float) -> Offer:
    """The offer of a phone without a network, from what it last heard, `age_s` seconds ago.

    most: the willingness in euros that the phone's own model gives. usual: price / willingness of a typical moment. The
    older the data, the nearer the price to the usual one.
    """
    trust = math.exp(-age_s / 2.0)
    share = best_price(cached.waiting, cached.drivers, 1.0)
    return Offer(most * (trust * share + (1 - trust) * usual), age_s > FIRM_S)


def promote(canary: dict[str, float], stable: dict[str, float]) -> Verdict:
    """Whether to promote a new version, from what each quote earned: {"quotes": n, "mean": euros, "std": euros}.

    It is rolled back when it earns less beyond chance, and promoted when it cannot be more than 10 % worse.
    """
    if min(canary["quotes"], stable["quotes"]) < MIN_QUOTES:
        return "wait"
    error = math.sqrt(canary["std"] ** 2 / canary["quotes"] + stable["std"] ** 2 / stable["quotes"])
    difference = canary["mean"] - stable["mean"]
    if difference < -2 * error:
        return "rollback"
    return "promote" if difference - 2 * error > -0.1 * stable["mean"] else "wait"


def checked_offer(offer: Any) -> Offer | None:
    """What a `fallback` returned, as an Offer; None where it offered nothing. Raises CourseError for anything else."""
    if offer is None:
        return None
    try:
        price, estimate = offer
        if math.isfinite(price) and price >= 0:
            return Offer(float(price), bool(estimate))
    except (TypeError, ValueError):
        pass
    raise _impossible("fallback", offer)


def checked_verdict(verdict: Any) -> Verdict:
    """What a `promote` returned. Raises CourseError when it is no verdict."""
    if not isinstance(verdict, str) or verdict not in get_args(Verdict):
        raise _impossible("promote", verdict)
    return verdict


def _impossible(name: str, value: object) -> CourseError:
    return CourseError(
        tr(
            es=f"{name} ha devuelto {value!r}, que no es ninguna de las respuestas posibles.",
            en=f"{name} returned {value!r}, which is none of the possible answers.",
        )
    )


@dataclass(frozen=True)
class Functions:
    """The three functions with which a design runs; those of this module unless others are given."""

    update: Callable[[State, Event], State] = update
    fallback: Callable[[Features, float, float, float], Offer] = fallback
    promote: Callable[[dict[str, float], dict[str, float]], Verdict] = promote


FUNCTIONS = Functions()
