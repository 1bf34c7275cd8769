"""The simulated company: the same every time, every quote accounted for, and good designs lose less."""

from dataclasses import replace

import pytest

from mlprod.systems.company import functions as f
from mlprod.systems.company.design import NAMED, Costs, Design
from mlprod.systems.company.functions import Functions
from mlprod.systems.company.scenario import Crash, Outage, Release, Scenario
from mlprod.systems.company.scorecard import EXPECTED, Scorecard, cause_name
from mlprod.systems.company.simulation import simulate

pytestmark = pytest.mark.slow
REFERENCE = NAMED["reference"]
SHORT = Scenario(seed=3, seconds=15)


def by_arrival(state, event):
    new = f.update(state, event)
    if event.kind == "quote":  # counts whatever arrives
        return {**new, "quotes": state["quotes"] + 1}
    return new


def for_ever(cached, age_s, most, usual):
    return f.Offer(most * f.best_price(cached.waiting, cached.drivers, 1.0), False)


@pytest.mark.parametrize("name", NAMED)
def test_every_quote_is_accounted_for_and_it_is_the_same_again(name):
    scenario = Scenario.named("everything", 2, 20)
    one, again = (simulate(NAMED[name], scenario) for _ in range(2))
    assert one == again
    counters = one.counters
    assert counters["quotes"] == len(scenario.market().quotes)
    assert counters["quotes"] == sum(counters[source] for source in ("online", "table", "phone", "unanswered"))
    assert counters["events"] == len(scenario.arrivals())
    assert 0 < one.percent < 100 and one.causes[one.worst] == max(one.causes.values())


def test_at_least_four_designs_are_ordered_in_every_one_of_ten_seeds():
    scenarios = [Scenario.named("everything", seed) for seed in range(10)]
    card = Scorecard.of(NAMED, scenarios)
    assert len(EXPECTED) >= 4
    assert card.disorder() == []
    assert all(a > b for a, b in zip(card.percent("big_cloud"), card.percent("streaming"), strict=True))
    assert all(a > b for a, b in zip(card.percent("edge_only"), card.percent("with_fallback"), strict=True))
    mean, low, high = card.interval("with_fallback", "reference")
    assert low < mean < high and low > 0


def test_duplicates_are_counted_once_by_those_who_look_at_the_number():
    scenario = replace(SHORT, duplicated=0.1, late=0.1)
    assert simulate(REFERENCE, scenario).counters["repeated"] == 0
    wrong = simulate(REFERENCE, scenario, Functions(update=by_arrival))
    assert wrong.counters["repeated"] > 30 and wrong.causes["ledger"] > 0


def test_a_crash_loses_only_what_was_committed_before():
    scenario = replace(SHORT, crashes=(Crash("features", 7.3, 1.0),))
    before, after = (simulate(replace(REFERENCE, commit=c), scenario) for c in ("before", "after"))
    assert after.counters["lost"] == 0 < before.counters["lost"] < 200
    assert before.causes["ledger"] > 0 == after.causes["ledger"]


def test_without_a_network_a_phone_with_a_plan_answers_in_time():
    scenario = replace(SHORT, outages=tuple(Outage(zone, 5, 10) for zone in range(4)))
    cloud, plan = (simulate(replace(REFERENCE, placement=p), scenario) for p in ("cloud", "cloud_with_fallback"))
    assert cloud.counters["unanswered"] > 200 and plan.counters["unanswered"] == 0
    assert plan.counters["phone"] >= cloud.counters["unanswered"] and plan.counters["promises"] == 0
    assert simulate(replace(REFERENCE, timeout_s=5), scenario).counters["unanswered"] >= cloud.counters["unanswered"]
    assert simulate(REFERENCE, scenario, Functions(fallback=for_ever)).causes["promises"] > 0
    assert simulate(REFERENCE, scenario, Functions(fallback=lambda *_: None)).counters["unanswered"] > 200


def test_the_fallback_never_hears_from_the_future():
    ages = []

    def fallback(cached, age_s, most, usual):
        ages.append(age_s)
        return f.fallback(cached, age_s, most, usual)

    for timeout_s in (0.01, 0.1, 0.4):
        scenario = replace(SHORT, profile="3g", outages=(Outage(1, 4, 9),), bursts=((5, 8, 4.0),))
        score = simulate(replace(REFERENCE, timeout_s=timeout_s), scenario, Functions(fallback=fallback))
        assert score.counters["unanswered"] == 0 < score.counters["phone"]
    assert min(ages) >= 0


def test_a_canary_meets_a_bad_version_first():
    scenario = replace(SHORT, release=Release(2, "window"))
    canary, everybody = (simulate(replace(REFERENCE, rollout=r), scenario) for r in ("canary", "all"))
    assert canary.verdicts[-1][1] == "rollback"
    assert 0 < canary.counters["bad_version"] < everybody.counters["bad_version"] / 3
    eager = simulate(REFERENCE, scenario, Functions(promote=lambda canary, stable: "promote"))
    assert eager.counters["bad_version"] > canary.counters["bad_version"]


def test_a_good_version_pays():
    scenario = replace(SHORT, release=Release(0.5, "good"))
    taken = simulate(REFERENCE, scenario, Functions(promote=lambda canary, stable: "promote"))
    refused = simulate(REFERENCE, scenario, Functions(promote=lambda canary, stable: "rollback"))
    assert taken.causes["model"] < refused.causes["model"] and taken.causes["version"] == 0


def test_a_burst_drowns_the_large_model_and_the_head_helps():
    scenario = replace(SHORT, bursts=((4, 10, 3.5),))
    online = Design(prediction="online", model="large", placement="cloud")
    drowned, small = simulate(online, scenario), simulate(replace(online, model="small"), scenario)
    head = simulate(replace(online, model="small", prediction="hybrid"), scenario)
    assert drowned.counters["unanswered"] > 300 > 10 * small.counters["unanswered"]
    assert small.p99_ms > 1.5 * head.p99_ms and head.counters["table"] > 0


def test_old_features_cost_more_than_fresh_ones():
    designs = [Design("batch", s) for s in (10, 2, 0.5)] + [Design("stream")]
    stale = [simulate(design, SHORT).causes["stale"] for design in designs]
    assert stale == sorted(stale, reverse=True)


def test_costs_are_the_callers():
    dear = simulate(REFERENCE, SHORT, costs=Costs(server_eur=50)).causes["bill"]
    assert dear - simulate(REFERENCE, SHORT).causes["bill"] == pytest.approx(49 * 2 * SHORT.seconds)


def test_what_a_machine_adds_is_waited_for_and_ages_the_data():
    ideal, way, log = (
        simulate(REFERENCE, SHORT, costs=costs) for costs in (Costs(), Costs(way_ms=10), Costs(log_ms=40))
    )
    assert way.p50_ms == pytest.approx(ideal.p50_ms + 10, abs=1)
    assert log.p50_ms == ideal.p50_ms
    assert log.staleness_s == pytest.approx(ideal.staleness_s + 0.04, abs=0.01)
    # half of what the question takes passes before its price is made: the data age by less
    assert ideal.staleness_s + 0.003 < way.staleness_s < ideal.staleness_s + 0.01
    assert log.causes["stale"] > ideal.causes["stale"]


def test_the_scorecard_is_shown(reader, capsys):
    card = Scorecard.of({name: NAMED[name] for name in ("nightly", "reference")}, [SHORT, replace(SHORT, seed=4)])
    card.show("caption")
    card.plot()
    shown = capsys.readouterr().out
    assert shown.index("nightly") < shown.index("reference")
    assert all(cause_name(cause) for cause in card.causes("nightly"))
    assert Scorecard.of({"a": REFERENCE}, [SHORT]).interval("a")[1] == float("-inf")
