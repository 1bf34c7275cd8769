"""The company's market, functions, models, designs, scenarios and accounts, each by itself."""

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlprod.errors import CourseError
from mlprod.systems.city import COMPENSATION
from mlprod.systems.company import functions as f
from mlprod.systems.company import market as m
from mlprod.systems.company.accounts import CAUSES, Accounts, Answer
from mlprod.systems.company.design import NAMED, BadDesign, Costs, Design
from mlprod.systems.company.model import VERSIONS, encode, model
from mlprod.systems.company.scenario import SCENARIOS, Outage, Scenario


@given(st.integers(0, 60), st.integers(0, 60), st.floats(5, 80))
def test_no_price_earns_more_than_the_best(waiting, drivers, most):
    best = m.profit(m.best_price(waiting, drivers, most), waiting, drivers, most)
    for share in np.linspace(0, 1.2, 121):
        assert m.profit(share * most, waiting, drivers, most) <= best + 1e-9


def test_the_market_is_the_same_every_time_and_knows_its_truth():
    market = m.Market.simulate(3, 20)
    again = m._simulate.__wrapped__(3, 20.0, 18, ())
    assert market.events == again.events and market is m.Market.simulate(3, 20)
    assert [e.t for e in market.events] == sorted(e.t for e in market.events)
    assert 900 < len(market.quotes) < 1500
    for quote in market.quotes[:200]:
        earlier = [e for e in market.events if e.zone == quote.zone and e.t <= quote.t]
        rain = [e.level for e in earlier if e.kind == "rain"][-1]
        pressure = sum(e.kind == "quote" and e.t > quote.t - m.WINDOW_S for e in earlier)
        assert market.truth(quote.t, quote.zone)[2:] == (rain, pressure)
        assert market.earned(market.oracle(quote.t, quote.zone, quote.level), quote.t, quote.zone, quote.level) >= -1e-9


def test_bursts_bring_more_quotes_only_while_they_last():
    calm, busy = m.Market.simulate(4, 30), m.Market.simulate(4, 30, bursts=[(10, 20, 4)])
    inside = [sum(10 <= q.t < 20 for q in market.quotes) for market in (calm, busy)]
    assert inside[1] > 3 * inside[0]
    assert len(busy.quotes) - inside[1] < 1.3 * (len(calm.quotes) - inside[0])


def _folded(events):
    state = f.initial()
    for event in events:
        state = f.update(state, event)
    return state


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_update_does_not_care_how_events_arrive(seed):
    chance = random.Random(seed)
    events = [e for e in m.Market.simulate(seed % 5, 6).events if e.zone == 1]
    arrived = events + chance.sample(events, len(events) // 3)
    arrived.sort(key=lambda e: e.t + chance.expovariate(1))
    want, got = _folded(events), _folded(arrived)
    assert got | {"recent": sorted(got["recent"])} == want
    assert want["quotes"] == sum(e.kind == "quote" for e in events) and want["ahead"] == []


def test_update_leaves_the_old_state_alone_and_stays_small():
    state = f.initial()
    for event in (e for e in m.Market.simulate(1, 60).events if e.zone == 2):
        before = json.dumps(state)
        new = f.update(state, event)
        assert json.dumps(state) == before
        state = json.loads(json.dumps(new))
    assert len(json.dumps(state)) < 2_000


def test_features_of_a_replay_are_the_truth():
    market = m.Market.simulate(2, 15)
    states = [f.initial() for _ in range(m.ZONES)]
    for event in market.events:
        states[event.zone] = f.update(states[event.zone], event)
        if event.kind == "quote":
            assert tuple(f.features(states[event.zone], event.t)) == market.truth(event.t, event.zone)


def test_the_fallback_forgets():
    cached = f.Features(waiting=40, drivers=4, rain=0, pressure=30)
    fresh, old = (f.fallback(cached, age, 20.0, 0.65) for age in (0.0, 60.0))
    assert fresh.price == pytest.approx(18.0) and not fresh.estimate
    assert old.price == pytest.approx(13.0, abs=1e-6) and old.estimate


@pytest.mark.parametrize(
    ("canary", "stable", "verdict"),
    [
        ((10, 1.0, 1.0), (200, 5.0, 2.0), "wait"),
        ((100, 3.5, 2.0), (400, 5.0, 2.0), "rollback"),
        ((400, 5.1, 2.0), (900, 5.0, 2.0), "promote"),
        ((40, 5.0, 2.0), (200, 5.0, 2.0), "wait"),
    ],
)
def test_promote(canary, stable, verdict):
    names = ("quotes", "mean", "std")
    assert f.promote(dict(zip(names, canary, strict=True)), dict(zip(names, stable, strict=True))) == verdict


def test_models_are_better_the_larger_and_the_better_taught():
    rides, _ = m.history(2_000, seed=99)
    truth = np.array([m.willingness(m.Ride(int(z), k, int(h), int(r), int(p))) for z, k, h, r, p in rides.tolist()])

    def error(size, version):
        return float(np.abs(np.log(model(size, version).predict(rides) / truth)).mean())

    assert error("large", "good") < error("small", "good") < error("small", "first") < 0.06
    for version in VERSIONS[2:]:
        assert error("small", version) > 3 * error("small", "good")
    with pytest.raises(ValueError):
        model("huge", "good")


def test_a_model_as_onnx_says_the_same():
    import onnxruntime

    rides, _ = m.history(50, seed=5)
    network = model("small", "miles")
    session = onnxruntime.InferenceSession(network.onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"x": network.fed(rides)})
    assert np.allclose(np.exp(out[:, 0]), network.predict(rides), rtol=1e-4)
    assert encode(rides).shape == (50, 9)
    ride = m.Ride(1, 4.5, 9, 2, 30)
    assert network(ride) == network(ride) == pytest.approx(network.predict(np.array([ride]))[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": "fast"},
        {"features": ["stream"]},
        {"ttl_s": 0},
        {"head": 2.5},
        {"head": 61},
        {"timeout_s": "1"},
        {"fraction": True},
        {"timeout_s": math.nan},
    ],
)
def test_designs_that_do_not_exist_are_refused(reader, wrong):
    with pytest.raises(BadDesign) as refused:
        Design(**wrong)
    assert next(iter(wrong)) in str(refused.value)
    assert ("no es una opción" in str(refused.value)) == (reader == "es")


def test_choices_without_effect_are_not_choices():
    assert "timeout_s" not in NAMED["streaming"].choices() and "ttl_s" in NAMED["reference"].choices()
    assert {"prediction", "model", "ttl_s"}.isdisjoint(NAMED["edge_only"].choices())


def test_scenarios():
    for name in SCENARIOS:
        scenario = Scenario.named(name, 5, 20)
        assert scenario == Scenario.named(name, 5, 20) and scenario.name == name
        arrivals = scenario.arrivals()
        assert {event for _, event in arrivals} == set(scenario.market().events)
        assert all(t >= event.t for t, event in arrivals)
    assert Scenario.draw(1) != Scenario.draw(2) and Scenario.draw(1) == Scenario.draw(1)
    with pytest.raises(ValueError):
        Scenario.named("holiday")
    tunnel = Scenario(outages=(Outage(1, 2.0, 3.0),))
    assert [tunnel.connected(t, 1) for t in (1.9, 2.0, 3.0)] == [True, False, True] and tunnel.connected(2.5, 0)


def test_causes_add_up_to_what_is_missing():
    market, chance = m.Market.simulate(6, 10), random.Random(1)
    accounts, earned = Accounts(market, Costs()), 0.0
    for quote in market.quotes:
        t = quote.t + chance.random()
        if chance.random() < 0.2:
            answer = Answer(quote, t, "unanswered")
        else:
            source, version = chance.choice(("online", "phone")), chance.choice(VERSIONS)
            answer = Answer(quote, t, source, chance.uniform(0, 40), chance.random() < 0.5, t - 2, "small", version)
        earned += accounts.add(answer)
    accounts.count(lost=3, repeated=2)
    accounts.pay(12.5)
    score = accounts.score(Design(), "test")
    each = score.oracle / score.counters["quotes"]
    missing = score.oracle - earned + 2.0 * score.counters["promises"] + 3 * each + 2 * Costs().refund_eur + 12.5
    assert score.loss == pytest.approx(missing) and set(score.causes) == set(CAUSES)
    assert score.counters["quotes"] == len(market.quotes)
    assert Costs().refund_eur > COMPENSATION  # a double charge costs more than a missed ride


@pytest.mark.parametrize("offer", [3.0, (math.nan, True), (-1, False), ("3", True), (1, 2, 3)])
def test_impossible_offers_and_verdicts(reader, offer):
    with pytest.raises(CourseError, match="fallback"):
        f.checked_offer(offer)
    with pytest.raises(CourseError, match="promote"):
        f.checked_verdict("maybe")
