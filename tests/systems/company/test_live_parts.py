"""The parts of the live company that need no other process: who gets which version, what is proved, what is drawn."""

import pickle
import time
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from mlprod.errors import CourseError
from mlprod.systems import kafka
from mlprod.systems.company.accounts import Accounts, Answer
from mlprod.systems.company.design import COSTS, NAMED, Design
from mlprod.systems.company.functions import FUNCTIONS, Functions, initial
from mlprod.systems.company.live_chaos import Chaos, Downtime
from mlprod.systems.company.live_features import Snapshot, _load, _replace
from mlprod.systems.company.live_log import Reader, Topic, Writer
from mlprod.systems.company.live_observer import Controller
from mlprod.systems.company.live_phones import answer_of, record
from mlprod.systems.company.live_picture import Picture
from mlprod.systems.company.live_prices import Prices
from mlprod.systems.company.live_result import bill, bill_rate, proof_of
from mlprod.systems.company.live_wiring import Versions, Willingness
from mlprod.systems.company.market import KM, ZONES, Event, Ride, best_price
from mlprod.systems.company.model import model
from mlprod.systems.company.scenario import Crash, Release, Scenario

SHORT = Scenario(seed=4, seconds=4)


def test_a_canary_gets_its_share_and_a_quote_always_the_same_version():
    versions = Versions(0.2)
    assert versions.of(0, 1) == "first"
    versions.take([[0.0, "first", None, None], [1.0, "first", "good", None]])
    given = {(zone, seq): versions.of(zone, seq) for zone in range(ZONES) for seq in range(1, 2001)}
    assert sum(version == "good" for version in given.values()) / len(given) == pytest.approx(0.2, abs=0.02)
    again = Versions(0.2, "first", "good")
    assert given == {key: again.of(*key) for key in given}
    versions.take([[2.0, "good", None, "promote"]])
    assert {versions.of(0, seq) for seq in range(100)} == {"good"}
    assert versions.take([]) is False


def test_a_table_made_of_nothing_is_made_again_as_soon_as_something_is_known(monkeypatch):
    coming = []
    deaf = SimpleNamespace(read=lambda timeout: [coming.pop()] if coming else [], skip_to_the_last=lambda: None)
    monkeypatch.setattr("mlprod.systems.company.live_prices.Reader", lambda topic: deaf)
    wiring = SimpleNamespace(
        design=Design(ttl_s=60),
        scenario=SHORT,
        models={("small", "first"): model("small", "first").onnx().SerializeToString()},
        features=None,
        releases=None,
        now=lambda: 0.1,
    )
    prices = Prices(wiring)
    before = prices.tabulated(1, 0, "first")
    prices.step()
    assert prices.tabulated(1, 0, "first") == before
    coming.append([1, (20, 15, 5, 40), 0.05])
    prices.listen()
    assert prices._of_nothing()
    prices.step()
    assert not prices._of_nothing()
    (most,) = Willingness("small", "first", wiring.models["small", "first"])([Ride(1, KM[0], SHORT.hour, 5, 40)])
    price, as_of = prices.tabulated(1, 0, "first")
    assert price == pytest.approx(best_price(20, 15, most)) and price != before[0] and as_of == 0.05


def controller(design, promote=FUNCTIONS.promote, version="miles"):
    told = []
    scenario = Scenario(seconds=60, release=Release(2.0, version))
    wiring = SimpleNamespace(design=design, scenario=scenario, costs=COSTS, functions=Functions(promote=promote))
    return Controller(wiring, told.append), told


def test_a_bad_version_is_offered_to_the_canary_and_taken_back():
    watch, told = controller(Design())
    watch.observe(1.0, "first", 5.0)
    watch.tick(1.9)
    assert told == []
    watch.tick(2.0)
    assert told == [[2.0, "first", "miles", None]]
    for number in range(100):
        watch.observe(2.5, "first", 5.0 + number % 2)
        watch.observe(2.5, "miles", 3.0 + number % 2)
        watch.observe(1.5, "first", -100.0)  # asked before the canary: it does not count
    watch.tick(2.9)
    watch.tick(3.0)
    watch.tick(9.0)
    assert told[1:] == [[3.0, "first", None, "rollback"]]


def test_a_version_for_everybody_is_taken_back_when_the_alarm_rings():
    watch, told = controller(Design(rollout="all"))
    for t in (2.0, 3.0, 2.0 + COSTS.alarm_s, 59.0):
        watch.tick(t)
    assert told == [[2.0, "miles", None, None], [2.0 + COSTS.alarm_s, "first", None, None]]


def test_a_promotion_is_told_and_nonsense_is_refused():
    watch, told = controller(Design(), promote=lambda canary, stable: "promote", version="good")
    watch.tick(2.0)
    watch.tick(3.0)
    watch.tick(59.0)
    assert told[1:] == [[3.0, "good", None, "promote"]]  # a good one rings no alarm
    watch, _ = controller(Design(), promote=lambda canary, stable: True)
    watch.tick(2.0)
    with pytest.raises(CourseError, match="promote"):
        watch.tick(3.0)


def test_the_proof_names_what_is_lost_repeated_and_unanswered():
    arrivals = SHORT.arrivals()
    market = SHORT.market()
    states = [initial() | {"quotes": sum(q.zone == zone for q in market.quotes)} for zone in range(ZONES)]
    handled = [(event.zone, event.kind, event.seq) for _, event in arrivals]
    answers = [Answer(quote, quote.t + 0.1, "online", 5.0) for quote in market.quotes]
    good = proof_of(arrivals, states, handled, answers, ())
    assert good.ok and proof_of(arrivals, states, [*handled, handled[3]], answers, ()).ok  # it came twice on the way

    assert len(proof_of(arrivals, states, handled[1:], answers, ()).events.lost) == 1
    assert not proof_of(arrivals, states, handled, answers[1:], ()).ok
    assert not proof_of(arrivals, states, handled, [*answers, answers[0]], ()).ok
    for change, name in ((-1, "uncounted"), (1, "repeated")):
        wrong = [dict(states[0], quotes=states[0]["quotes"] + change), *states[1:]]
        found = proof_of(arrivals, wrong, handled, answers, ())
        assert getattr(found, name) == 1 and not found.ok


def test_an_answer_travels_whole():
    answer = Answer(Event(1.5, "quote", 2, 7, 9), 1.6, "phone", 4.25, True, 0.5, "small", "miles")
    assert answer_of(record(answer, 1.25)) == (answer, 1.25)


def test_the_runtime_says_what_the_model_says():
    rides = [Ride(zone, km, 18, 2, 30) for zone in range(ZONES) for km in KM[:5]]
    for version in ("first", "zones"):
        trained = model("small", version)
        runtime = Willingness("small", version, trained.onnx().SerializeToString())
        assert runtime(rides) == pytest.approx(trained.predict(rides).tolist(), rel=1e-5)


def test_a_snapshot_is_replaced_in_one_step(tmp_path):
    file = tmp_path / "snapshot"
    assert _load(file) is None
    _replace(file, Snapshot(offsets=[1, 2]))
    old = file.stat().st_ino
    _replace(file, Snapshot(offsets=[3, 4]))
    assert _load(file).offsets == [3, 4] and file.stat().st_ino != old  # another file, not the old one written over
    assert list(tmp_path.iterdir()) == [file]
    pickle.loads(file.read_bytes())


def test_a_topic_is_read_from_anywhere():
    with kafka.cluster() as cluster:
        topic = Topic.create(cluster, "numbers", partitions=2)
        writer = Writer(topic)
        for number in range(6):
            writer.write([number], zone=number % 2)
        writer.flush()
        reader = Reader(topic)
        assert sorted(reader.read_to_the_end()) == [[n] for n in range(6)] and reader.offsets == [3, 3]
        assert reader.read_to_the_end() == []
        later = Reader(topic, [1, 3])
        assert later.read_to_the_end() == [[2], [4]]
        last = Reader(topic)
        last.skip_to_the_last()
        assert sorted(last.read_to_the_end()) == [[4], [5]]
        for each in (reader, later, last):
            each.close()


def test_chaos_kills_on_time_restarts_and_can_be_abandoned():
    done = []
    crashes = (Crash("features", 0.1, 0.1), Crash("prices", 0.1, 60.0))
    chaos = Chaos(crashes, lambda name: done.append(("kill", name)), lambda name: done.append(("restart", name)))
    chaos.begin(time.monotonic())
    deadline = time.monotonic() + 10
    while len(done) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    chaos.abandon(lambda: done.append(("end", "")))
    assert done[-2:] == [("end", "")] * 2  # what was on its way, and what had just been started
    del done[-2:]
    assert sorted(done) == [("kill", "features"), ("kill", "prices"), ("restart", "features")]
    (down,) = chaos.downtimes
    assert down.service == "features" and down.begin >= 0.1 and down.end >= down.begin + 0.1

    failing = Chaos(crashes[:1], lambda name: None, lambda name: 1 / 0)
    failing.begin(time.monotonic())
    with pytest.raises(ZeroDivisionError):
        failing.finish()
    never = Chaos(crashes, done.append, done.append)
    never.abandon(lambda: None)
    assert len(done) == 3


def test_the_bill_is_the_design_s():
    def of(design, online=0, syncs=0):
        accounts = Accounts(SHORT.market())
        accounts.counters["online"] = online
        bill(accounts, design, COSTS, SHORT.seconds, syncs)
        return accounts.causes["bill"]

    cloud = Design(prediction="online", placement="cloud")
    assert of(cloud) == pytest.approx(2 * 4 * COSTS.server_eur)  # prices and stream features, always on
    assert of(cloud, online=10) - of(cloud) == pytest.approx(10 * COSTS.small_eur)
    assert of(Design("batch", 2.0, "online", placement="cloud")) == pytest.approx(4 + 2 * COSTS.job_eur)
    assert of(Design(placement="edge"), syncs=5) == pytest.approx(4 + 5 * COSTS.sync_eur)
    assert of(Design(ttl_s=1.0)) > of(Design(ttl_s=2.0)) > of(Design(prediction="online"))


@pytest.mark.parametrize("design", [*NAMED.values(), Design(placement="edge")])
def test_what_is_paid_each_second_adds_up_to_the_bill(design):
    accounts, seconds = Accounts(SHORT.market()), 3000
    syncs = 0 if design.placement == "cloud" else ZONES * seconds
    bill(accounts, design, COSTS, seconds, syncs)
    assert bill_rate(design, COSTS) * seconds == pytest.approx(accounts.causes["bill"], rel=0.01)


def test_the_picture_says_in_words_what_it_shows(monkeypatch):
    accounts = Accounts(SHORT.market())
    seen = [(Answer(q, q.t + 0.1, "online", 5.0, False, q.t), 1.0) for q in SHORT.market().quotes]
    seen[5] = (Answer(seen[5][0].quote, 3.0, "unanswered"), 2.0)
    for answer, _ in seen:
        accounts.add(answer)
    score = accounts.score(Design(), "short")
    wrong = Scenario(seed=4, seconds=4, crashes=(Crash("prices", 1.0, 0.5),), release=Release(2.0, "good"))
    shown = Picture(wrong, Design(), COSTS).image(seen, [], score)
    assert f"{len(seen)} " in shown.text and "p99 100 ms" in shown.text and "<img" in shown.html
    assert Picture(wrong, Design(), COSTS).image(seen[:1], [Downtime("prices", 1.1, 1.9)], score).html != shown.html
    # each panel has something in it, whatever the others show
    monkeypatch.setattr("mlprod.plots.image", lambda fig, alt: fig)
    figure = Picture(wrong, Design(), COSTS).image(seen, [], score)
    plt.close(figure)
    panels = figure.axes
    assert len(panels) == 5 and all(ax.lines or ax.patches for ax in panels)
    bars = sum(bar.get_height() for container in panels[4].containers for bar in container)
    everything = sum(lost for _, lost in seen) + bill_rate(Design(), COSTS) * 4 + 0.04 * (len(seen) - 1)
    assert bars == pytest.approx(everything)  # what was not earned, what is always paid, and each prediction
