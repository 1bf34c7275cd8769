"""Item analysis: values worked out by hand."""

import pytest

from mlprod.grading.statistics import difficulty, item_rest, upper_lower

TOTALS = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
GOOD = [2, 2, 2, 2, 2, 0, 0, 0, 0, 0]


def test_difficulty():
    assert difficulty(GOOD, 2) == 0.5 and difficulty([2, 1], 2) == 0.75
    assert difficulty([], 2) is None


def test_the_best_have_it_and_the_others_do_not():
    assert upper_lower(GOOD, TOTALS, 2) == 1 and upper_lower(GOOD[::-1], TOTALS, 2) == -1
    assert upper_lower([1] * 10, TOTALS, 2) == 0


def test_ties_at_the_edge_of_a_group_count_in_part():
    scores = [2, 0, 2, 0, 2, 0, 2, 0, 2, 0]
    assert upper_lower(scores, [5] * 10, 2) == pytest.approx(0), "all tie: no group is better"
    # upper group of 2.7: one with 2 of 2, and 1.7 places for the nine that tie at 5, whose mean is 8/9
    assert upper_lower([2, *[0, 2] * 4, 0], [9, *[5] * 9], 2) == pytest.approx((2 + 1.7 * 8 / 9) / 5.4 - 8 / 9 / 2)


def test_correlation_is_with_the_rest_of_the_score():
    import numpy as np

    rest = np.array(TOTALS) - np.array(GOOD)
    assert item_rest(GOOD, TOTALS) == pytest.approx(np.corrcoef(GOOD, rest)[0, 1])
    assert item_rest([1] * 10, TOTALS) is None, "an item that does not vary correlates with nothing"


def test_not_given_for_a_handful_of_students():
    assert item_rest(GOOD[:9], TOTALS[:9]) is None and upper_lower(GOOD[:9], TOTALS[:9], 2) is None
