"""The company live, for some seconds each time: what it proves and what it catches.

That nothing stays behind, also when something raises, is checked after each test (see ../conftest.py).
"""

import time
from dataclasses import replace

import pytest

from mlprod.systems import processes
from mlprod.systems.company import live
from mlprod.systems.company.design import Design
from mlprod.systems.company.functions import Functions, update
from mlprod.systems.company.scenario import Crash, Outage, Release, Scenario
from mlprod.systems.company.simulation import simulate

pytestmark = pytest.mark.slow

ALL_WRONG = Scenario(
    name="all wrong",
    seed=4,
    seconds=9,
    late=0.1,
    late_s=0.4,
    duplicated=0.1,
    outages=(Outage(1, 1.5, 2.5), Outage(2, 7.0, 7.5)),
    crashes=(Crash("features", 3.0, 0.3), Crash("prices", 5.0, 0.3)),
    release=Release(0.5, "miles"),
)


def run(design, scenario, **more):
    with live.start(design, scenario, **more) as company:
        return company.watch(draw=False)


def test_nothing_is_lost_when_everything_goes_wrong():
    result = run(Design(), ALL_WRONG)
    proof = result.proof
    assert proof.ok and not proof.left, proof
    assert proof.events.received > proof.events.sent  # some came twice
    assert {down.service for down in result.downtimes} == {"features", "prices"}
    counters = result.score.counters
    assert counters["quotes"] == len(ALL_WRONG.market().quotes) == len(result.answers)
    assert counters["phone"] > 0 and counters["online"] > 0 and counters["table"] > 0
    assert counters["bad_version"] > 0  # the canary served some
    assert {verdict for _, verdict in result.score.verdicts} & {"wait", "rollback"}  # it was judged
    assert result.score.loss == pytest.approx(sum(result.score.causes.values()))
    # in a tunnel the phone answers; near its end, what was held back may still arrive in time
    cut = [a for a in result.answers if a.quote.zone == 1 and 1.6 < a.quote.t < 2.5 - Design().timeout_s]
    assert cut and {a.source for a in cut} == {"phone"}
    # loaded machines are slow, so only what must hold on any: it loses something, and not everything
    assert 0 < result.score.percent < 100
    assert "predict_answers_total" in result.metrics["prices"]  # since it came back, which may be just now
    assert 'features_age_seconds{zone="0"}' in result.metrics["prices"]
    assert 'company_quotes_total{source="phone"}' in result.metrics["observer"]


def test_offsets_committed_before_processing_lose_what_was_not_saved():
    scenario = Scenario(seed=4, seconds=5, crashes=(Crash("features", 2.6, 0.2),))
    proof = run(Design(commit="before"), scenario).proof
    assert proof.events.lost and proof.uncounted > 0 and not proof.ok
    assert not proof.events.phantom and proof.quotes.ok


@pytest.mark.parametrize(
    "design",
    [
        Design("batch", 1.0, "batch", ttl_s=1.0, placement="cloud", model="large", rollout="all"),
        Design(placement="edge"),
    ],
    ids=["tables in the cloud", "phone"],
)
def test_other_designs_run_too(design):
    scenario = Scenario(seed=4, seconds=4, release=Release(1.0, "zones"))
    result = run(design, scenario)
    assert result.proof.ok
    sources = {source for source in ("online", "table", "phone") if result.score.counters[source]}
    assert sources == ({"phone"} if design.placement == "edge" else {"table"})
    assert result.score.counters["bad_version"] > 0
    # the bill does not depend on the machine's speed, but for the phones that a busy one did not reach in time
    simulated = simulate(design, scenario)
    assert result.score.causes["bill"] == pytest.approx(simulated.causes["bill"], rel=0.2)


def test_a_function_that_raises_ends_the_run_and_is_named():
    def broken(state, event):
        if event.t > 1:
            raise ZeroDivisionError("in the student's update")
        return update(state, event)

    with pytest.raises(processes.ChildFailed, match="in the student's update"):
        run(Design(), Scenario(seed=4, seconds=30), functions=Functions(update=broken))


def test_a_cell_that_raises_leaves_nothing():
    with pytest.raises(KeyError), live.start(Design(), replace(ALL_WRONG, seconds=30)):
        raise KeyError("in the cell")


def test_an_interrupt_while_a_service_restarts_leaves_nothing():
    scenario = Scenario(seed=4, seconds=30, crashes=(Crash("prices", 0.4, 0.0),))
    with pytest.raises(KeyboardInterrupt), live.start(Design(), scenario) as company:
        while company.now < 0.6:
            time.sleep(0.01)
        raise KeyboardInterrupt
