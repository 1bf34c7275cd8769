"""The checks that test cells use: they accept what is right in any form and are not taken in by __eq__."""

import enum
import math
import sqlite3
import sys
from collections import OrderedDict, deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from mlprod import checks


class AlwaysEqual:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


class LyingFloat(float):
    def __eq__(self, other):
        return True

    def __float__(self):
        return 42.0


@pytest.mark.parametrize(
    ("got", "want"),
    [
        ((1, 2.0), [1.0, 2]),
        (np.array([1, 2]), [1, 2]),
        (np.float64(0.1) + np.float64(0.2), 0.3),
        (["b", "a"], {"a", "b"}),
        ({"x": frozenset({1})}, {"x": {1}}),
        ([("a", 1)], {("a", 1)}),
        (enum.IntEnum("Port", "A").A, 1),
        ({"a": 0, "b": 0}.keys(), {"a", "b"}),
        (OrderedDict(a=1).keys(), {"a"}),
        ({"a": [1]}.values(), [[1]]),
        ({"a": 1}.items(), [("a", 1)]),
        (deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        (Decimal("0.25"), 0.25),
        ([Fraction(3, 1)], [3]),
        ({(1, (2, 3))}, {(1, (2, 3))}),
    ],
)
def test_right_in_any_form(got, want):
    checks.same(got, want, "about")


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (True, 1),
        (1, True),
        (LyingFloat(3), 42.0),
        (["a", "a"], {"a"}),
        ({"x": 1, "y": 2}, {"x": 1}),
        ("1", 1),
        (None, 0),
        (float("nan"), 0.0),
        ([1, 2, 3], [1, 2]),
        ([{}], {1}),
    ],
)
def test_wrong_says_expected_and_got(got, want, monkeypatch):
    monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", "en")
    with pytest.raises(AssertionError, match="about\n  expected: .*\n  you returned"):
        checks.same(got, want, "about")


def test_foreign_objects_are_refused():
    for disguise in (AlwaysEqual(), [AlwaysEqual()], {"x": AlwaysEqual()}):
        with pytest.raises(AssertionError, match="AlwaysEqual"):
            checks.same(disguise, 1, "about")


def test_rows_of_a_database():
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    checks.same(db.execute("SELECT 1 AS id, 'x' AS payload").fetchone(), (1, "x"), "about")
    db.close()


def test_a_message_says_which_call(monkeypatch):
    monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", "en")
    with pytest.raises(AssertionError, match="about this call\n.*generator.*list"):
        checks.same((n for n in range(3)), [0, 1, 2], "about this call")
    with pytest.raises(AssertionError, match="about this call\n.*AlwaysEqual"):
        checks.number(AlwaysEqual(), "about this call")


def test_a_message_shows_pairs_as_they_are(monkeypatch):
    monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", "en")
    with pytest.raises(AssertionError, match=r"expected: +\[\(0, 'a'\)\]\n.*returned: \[\(1, 'a'\)\]"):
        checks.same([(1, "a")], [(0, "a")], "about")
    assert checks.plain([(1, "a")]) == [[1, "a"]]


def test_what_was_observed_is_not_said_to_be_returned(monkeypatch):
    for language, said, unsaid in (
        ("es", "se ha obtenido: [2]", "has devuelto"),
        ("en", "observed: [2]", "you returned"),
    ):
        monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", language)
        with pytest.raises(AssertionError) as failure:
            checks.same([2], [1], "calls", observed=True)
        assert said in str(failure.value) and unsaid not in str(failure.value)
        with pytest.raises(AssertionError) as failure:
            checks.same([0] * 9, [1] * 8, "calls", observed=True)
        assert "9" in str(failure.value) and unsaid not in str(failure.value)
        with pytest.raises(AssertionError) as failure:
            checks.same([2], [1], "calls")
        assert unsaid in str(failure.value)


def test_what_does_not_end_is_interrupted():
    with pytest.raises(AssertionError, match="goes round for ever"), checks.ends("goes round for ever", 0.05):
        while True:
            try:
                while True:
                    pass
            except Exception:
                continue
    with checks.ends("in time", 5):
        pass


def test_passed_is_one_line_in_the_readers_language(monkeypatch, capsys):
    for language in ("es", "en"):
        monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", language)
        checks.passed()
    spanish, english = capsys.readouterr().out.splitlines()
    assert "visibles" in spanish and "visible checks" in english


def test_number():
    assert checks.number(np.int64(3), "about") == 3.0
    for bad in (None, True, float("nan"), float("inf"), "3", [3]):
        with pytest.raises(AssertionError, match="about"):
            checks.number(bad, "about")


def test_of_long_lists_only_the_first_difference_is_shown(monkeypatch):
    monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", "en")
    with pytest.raises(
        AssertionError, match=r"position 40 \(of 100 expected; you returned 100\)\n  expected: +40\n.*: -1"
    ):
        checks.same([*range(40), -1, *range(41, 100)], list(range(100)), "about")
    with pytest.raises(AssertionError, match=r"position 7 .*\n  expected: +7\n.*nothing"):
        checks.same(range_of := list(range(7)), [*range_of, 7], "about")


def test_integers_are_exact_however_large():
    checks.same(1_700_000_000_001, 1_700_000_000_001, "…")
    with pytest.raises(AssertionError):
        checks.same(4_294_967_294, 4_294_967_295, "…")
    checks.same(51, 50, "…", tolerance=0.05)


def test_the_courses_own_answers_refuse_notebooks_and_serve_the_course():
    course = {"__name__": "course"}
    exec("def right(a, b=2, *, c=3):\n    return a + b + c\n\ndef used():\n    return right(1)", course)
    notebook = {"__name__": "__main__", "theirs": course["right"]}
    exec("def mine(a):\n    return theirs(a)", notebook)
    assert notebook["mine"](1) == course["used"]() == 6
    for _ in range(2):  # a second time changes nothing
        checks.own_work(course["right"])
    with pytest.raises(AssertionError, match="own function|propio curso"):
        notebook["mine"](1)
    with pytest.raises(AssertionError):
        exec("theirs(1, 5)", notebook)
    assert course["used"]() == 6 and course["right"](1, 1, c=1) == 3
    with pytest.raises(ValueError, match="closure"):
        checks.own_work(notebook_function := (lambda x: lambda: x)(1))
    assert notebook_function() == 1


def test_a_copy_of_the_courses_own_answer_is_refused_and_an_answer_like_it_is_not():
    course = {"__name__": "course"}
    exec("def share(a, b):\n    if a > 30:\n        return a / b\n    return 0.5 * b", course)
    answers = {}
    exec("def own(a, b):\n    return a / b if 30 < a else 0.5 * b", answers)
    for refuses in (lambda: None, lambda: checks.own_work(course["share"])):  # the original serves, and does no more
        refuses()
        for answer in (answers["own"], math.hypot, None):
            checks.refuse_copy(answer, course["share"])
        assert answers["own"](40, 2) == 20
        exec("def copy(x, y):\n    if x > 40:\n        return x / y\n    return 0.7 * y", answers)
        assert answers["copy"](50, 2) == 25
        checks.refuse_copy(answers["copy"], course["share"])
        with pytest.raises(AssertionError, match="own function|propio curso"):
            answers["copy"](50, 2)
