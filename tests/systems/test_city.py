"""The city is reproducible, and its oracle cannot be beaten."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlprod import course
from mlprod.errors import CourseError
from mlprod.systems.city import MAX_PRICE, City, best_price, profit

people = st.integers(0, 200)


@given(st.floats(0, MAX_PRICE), people, people)
def test_no_price_earns_more_than_the_best(price, waiting, drivers):
    assert profit(price, waiting, drivers) <= profit(best_price(waiting, drivers), waiting, drivers) + 1e-9


def test_the_data_set_is_what_its_maker_makes_and_what_its_card_says(tmp_path):
    folder = course.root() / "datasets" / "rides"
    City.simulate(seed=7, seconds=60, zones=4).save(tmp_path / "rides.csv")
    made = (tmp_path / "rides.csv").read_bytes()
    assert made == (folder / "rides.csv").read_bytes()
    assert hashlib.sha256(made).hexdigest() in (folder / "README.md").read_text()


def test_sequence_numbers_have_no_gap_and_time_does_not_run_back():
    city = City.load(seconds=5)
    seen = {}
    for before, after in zip(city.events, city.events[1:], strict=False):
        assert before.t <= after.t
    for event in city.events:
        assert event.seq == seen.get((event.kind, event.zone), 0) + 1
        seen[event.kind, event.zone] = event.seq


def test_the_older_the_information_the_dearer():
    city = City.load(seconds=20)
    quotes = city.of("quote")
    losses = [
        city.bill((q.t, q.zone, city.oracle(max(0.0, q.t - age), q.zone)) for q in quotes).loss
        for age in (0.0, 0.02, 0.1, 0.5)
    ]
    assert losses[0] == 0
    assert losses == sorted(losses)
    assert losses[-1] > 2


def test_an_unanswered_quote_loses_what_the_oracle_earns():
    city = City.load(seconds=2)
    quote = city.of("quote")[0]
    bill = city.bill([(quote.t, quote.zone, None)])
    assert bill.unanswered == 1
    assert bill.loss == pytest.approx(100)


def test_a_missing_or_foreign_file_says_what_to_do(tmp_path):
    with pytest.raises(CourseError, match="make.py"):
        City.load(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CourseError, match="kind"):
        City.load(tmp_path / "other.csv")
