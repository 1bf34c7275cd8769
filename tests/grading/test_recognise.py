"""Misconceptions: by what the tests said, by the code, and only when they can be told apart."""

from pathlib import Path

import pytest

from mlprod.authoring.source import load
from mlprod.course import sources
from mlprod.grading import catalogue
from mlprod.grading.catalogue import Entry
from mlprod.grading.recognise import MOST, recognise

REPOSITORY = Path(__file__).parents[2]
SQUARE = "def double(x):\n    squared = x * x\n    return squared"
ABSOLUTE = "def double(x):\n    return abs(x) * 2"
OWN = "def double(number):\n    for digit in str(number):\n        pass\n    return number if number else None"


def entry(code, score=0.0, said=None, word="x", misconception=None):
    text = misconception or code
    return Entry(
        "double", score, {"es": text, "en": text}, {"es": word, "en": word}, {"es": code, "en": code}, {"es": said}
    )


KNOWN = (
    entry(SQUARE, said={"a": "el doble de 3 es 6, no 9", "b": "otra cosa"}, misconception="cuadrado"),
    entry(ABSOLUTE, said={"b": "el signo de -7"}, misconception="signo"),
)


def guesses(code, failed, score=0.0, known=KNOWN):
    return [(guess.text, guess.sure) for guess in recognise(known, code, score, failed, "es")]


def test_same_messages_and_like_code_are_sure_and_other_numbers_do_not_matter():
    assert guesses(SQUARE, {"a": "el doble de 3 es 6, no 9", "b": "otra cosa"}) == [("cuadrado", True)]
    assert guesses(SQUARE.replace("squared", "y"), {"a": "el doble de 12 es 24, no 144", "b": "otra cosa"}) == [
        ("cuadrado", True)
    ]


def test_same_messages_of_other_code_are_a_guess():
    assert guesses(OWN, {"b": "el signo de -7"}) == [("signo", False)]


def test_another_mistake_besides():
    assert guesses(OWN, {"b": "el signo de -7", "c": "y más"}) == [("signo", False)]


def test_nothing_like_it():
    assert guesses(OWN, {"a": "un mensaje que nadie ha visto"}) == []
    assert guesses(SQUARE, {}) == [], "it passed"
    assert guesses(SQUARE, {"a": "los tests han cambiado"}) == [("cuadrado", False)], "the code is known all the same"


def test_too_many_that_fit_are_none():
    same = [entry(f"def f():\n    return {n} + g(x, {n})", said={"a": "no"}, misconception=f"m{n}") for n in range(4)]
    assert guesses(OWN, {"a": "no"}, known=same[:2]) != [] and guesses(OWN, {"a": "no"}, known=same) == []


def test_without_an_audit_points_and_word_decide():
    known = (entry(SQUARE, 1.0, word="Signo"), entry(ABSOLUTE, 2.0, word="signo"))
    assert guesses(OWN, {"a": "pierde el signo"}, 2.0, known) == [(ABSOLUTE, False)]
    assert guesses(OWN, {"a": "otra palabra"}, 2.0, known) == []


def test_record_and_load(new_course):
    root = new_course()
    source = load(root / "solutions" / "90_toy.py")
    task = source.tasks["double"]
    key = catalogue.key(task, task.wrongs[0])
    before = catalogue.load(root, "90_toy")["double"]
    assert before[0].messages == {"es": None, "en": None} and not before[0].code["es"].startswith("#")
    assert catalogue.record(root, source, {(key, "es"): {"test_double": "uno"}, ("gone", "es"): {}})
    assert not catalogue.record(root, source, {(key, "es"): {"test_double": "otro"}}), "what is known stays"
    after = catalogue.load(root, "90_toy")["double"]
    assert after[0].messages == {"es": {"test_double": "uno"}, "en": None}
    changed = (root / "solutions" / "90_toy.py").read_text().replace("twice 1 is 2", "it is 2")
    (root / "solutions" / "90_toy.py").write_text(changed)
    assert catalogue.load(root, "90_toy")["double"][0].messages["es"] is None, "another test: nothing is known"
    assert catalogue.load(root, "91_none") == {}


@pytest.mark.parametrize("path", sources("solutions", REPOSITORY), ids=lambda path: path.stem)
def test_each_known_wrong_answer_is_recognised(path):
    """Of those that an audit has seen with today's tests: with its own code, all; by the messages alone, nearly all."""
    tried = own = alone = 0
    for entries in catalogue.load(REPOSITORY, path.stem).values():
        for one in entries:
            for lang, said in one.messages.items():
                same = {other.misconception[lang] for other in entries if other.messages.get(lang) == said}
                if said and len(same) <= MOST:  # when the tests tell more of them nothing apart, nobody is accused
                    tried += 1
                    first = recognise(entries, one.code[lang], one.score, said, lang)[:1]
                    own += [guess.text for guess in first] == [one.misconception[lang]]
                    found = recognise(entries, OWN, one.score, said, lang)
                    alone += one.misconception[lang] in [guess.text for guess in found]
    assert tried, f"no audit has seen these tests: mlprod audit {path.stem.split('_')[0]}"
    assert own >= 0.97 * tried and alone >= 0.85 * tried, f"{own} and {alone} of {tried}"
