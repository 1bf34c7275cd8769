"""Copies are found whatever their names; what everybody has is not counted."""

import random

from mlprod.grading.similarity import MOST, similar
from mlprod.grading.tokens import alike, words

STUB = "def mean(values, weights):\n    # complete it\n    raise NotImplementedError('no answer yet')\n"
OPERATIONS = ("+", "-", "*", "/", "//", "%", "**", "<", ">", "|", "&", "^")


def answer(seed: int, names: str = "abc") -> str:
    """Code that is unlike that of any other seed, in names of your choice."""
    random_ = random.Random(seed)
    lines = ["def mean(values, weights):"]
    for _ in range(12):
        one, two, three = random_.choices(names, k=3)
        numbers = random_.randint(2, 99), random_.randint(2, 99)
        lines.append(
            f"    {one} = {two} {random_.choice(OPERATIONS)} {numbers[0]} {random_.choice(OPERATIONS)} len({three}) "
            f"{random_.choice(OPERATIONS)} {numbers[1]}"
        )
    return "\n".join([*lines, f"    return {names[0]}"])


def test_words():
    assert words('x = len(a.b)  # why\n"doc"') == ["N", "=", "len", "(", "N", ".", "b", ")"] + ["S"]
    assert words("def f(a):\n    '''doc'''\n    return a") == words("def g(b):\n    return b  # c")
    assert alike("x = 1", "y = 1") == 1 and alike("x = 1", "for y in z: pass") < 0.3
    assert words("def (") and words("'''")


def test_a_copy_with_other_names_and_comments_is_found():
    answers = {f"s{seed}": {"mean": answer(seed), "blank": STUB} for seed in range(8)}
    answers["copy"] = {"mean": answer(3, "xyz").replace("return x", "# mine\n    return x"), "blank": STUB}
    (pair,) = similar(answers, [STUB])
    assert {pair.first, pair.second} == {"copy", "s3"} and pair.share == 1 and pair.tasks == ("mean",)


def test_a_copy_in_which_some_lines_were_written_anew_is_found_and_one_of_a_few_lines_is_not():
    answers = {f"s{seed}": {"mean": answer(seed)} for seed in range(8)}
    own, other = answer(3, "xyz").split("\n"), answer(99, "xyz").split("\n")
    for kept, found in ((10, True), (4, False)):  # of twelve lines
        answers["copy"] = {"mean": "\n".join([*own[: 1 + kept], *other[1 + kept :]])}
        pairs = [pair for pair in similar(answers, [STUB]) if pair.share < 1]
        assert [(pair.first, pair.second) for pair in pairs] == ([("copy", "s3")] if found else []), kept


def test_what_was_given_out_and_what_many_write_is_not_counted():
    assert similar({f"s{n}": {"mean": answer(1)} for n in range(2)}, [answer(1)]) == []
    assert similar({f"s{n}": {"mean": answer(1)} for n in range(8)}) == [], "eight of eight: that is how it is written"
    assert len(similar({f"s{n}": {"mean": answer(1)} for n in range(3)})) == 3


def test_short_answers_say_nothing():
    assert similar({"a": {"f": "def f(x):\n    return x + 1"}, "b": {"f": "def f(x):\n    return x + 1"}}) == []


def test_a_thousand_students_in_seconds():
    answers = {f"s{n}": {"mean": answer(n % 500)} for n in range(1000)}
    assert len(similar(answers)) == MOST
