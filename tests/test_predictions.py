"""The reader's prediction beside the machine's measure: numbers, readings, and mistakes in typing them."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from mlprod.display import number
from mlprod.errors import CourseError
from mlprod.predictions import choose, compare

LANGUAGE = importlib.import_module("mlprod.language")  # the name is also a function of the package


@pytest.fixture(params=["es", "en"])
def lang(request, monkeypatch):
    monkeypatch.setattr(LANGUAGE, "_chosen", request.param)
    return request.param


@pytest.fixture
def spanish(monkeypatch):
    monkeypatch.setattr(LANGUAGE, "_chosen", "es")


def said(capsys) -> str:
    return capsys.readouterr().out.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("predicted", "measured", "ratio", "reading"),
    [
        (50, 51.3, "1.0×", "Muy cerca"),
        (25, 51.3, "2.1×", "factor 2.1"),
        (1.5, 510.3, "340×", "Te quedaste corto: es 340 veces"),
        (510.3, 1.5, "0.0029×", "Te pasaste: dijiste 340 veces"),
        (3, 3, "1×", "Exacto"),
        (0, 12, "—", "La diferencia es de 12 ms"),
        (-1, 2, "—", "La diferencia es de 3 ms"),
    ],
)
def test_the_ratio_and_its_reading(spanish, capsys, predicted, measured, ratio, reading):
    compare("¿Cuánto?", predicted, measured, "ms")
    text = said(capsys)
    assert f"Medido ÷ predicho: {ratio}" in text
    assert reading in text


def test_percentages_are_compared_in_points(spanish, capsys):
    compare("¿Disponibilidad?", 99.9, 97.04, "%")
    text = said(capsys)
    assert "Medido − predicho: −2.86 puntos" in text
    assert "Te pasaste por 2.86 puntos" in text


def test_the_prediction_stays_as_written(spanish, capsys):
    compare("¿Cuánto?", 1.5, 2, "s", note="Una nota.")
    text = said(capsys)
    assert "Tu predicción: 1.5 s" in text
    assert text.endswith("Una nota.\n")


def test_no_prediction_is_a_nudge_not_an_error(lang, capsys):
    compare("?", None, 3.14159, "ms")
    text = said(capsys)
    assert {"es": "Sin predicción", "en": "No prediction"}[lang] in text
    assert "3.14 ms" in text


def test_numbers_of_numpy_are_numbers(spanish, capsys):
    compare("?", np.float32(2), np.int64(2), "ms")
    assert "Exacto" in said(capsys)


@pytest.mark.parametrize(
    ("typed", "hint_es", "hint_en"),
    [
        ("50 ms", "sin comillas", "without quotes"),
        ((0, 5), "van con punto: 0.5", "take a point: 0.5"),
        ([50], "no es un número", "not a number"),
        (True, "no es un número", "not a number"),
        (float("nan"), "finito", "finite"),
    ],
)
def test_what_is_not_a_number_is_explained(lang, typed, hint_es, hint_en):
    with pytest.raises(CourseError, match=hint_es if lang == "es" else hint_en):
        compare("?", typed, 1, "ms")


def test_a_measure_that_is_not_a_number_is_an_error_too(lang):
    with pytest.raises(CourseError):
        compare("?", 1, float("inf"), "ms")


def test_html_escapes_and_keeps_code(spanish, monkeypatch):
    shown = []
    monkeypatch.setattr("mlprod.display.Shown.show", lambda self: shown.append(self))
    compare("¿`a < b`?", 1, 2, "<ms>")
    bundle = shown[0]._repr_mimebundle_()
    assert "<code>a &lt; b</code>" in bundle["text/html"]
    assert "<ms>" not in bundle["text/html"]
    assert "a < b" in bundle["text/plain"]


def test_choose(lang, capsys):
    options = {"a": "una", "b": "otra"}
    choose("?", options, "a", "b", "Porque sí.")
    choose("?", options, "b", "b", "Porque sí.")
    choose("?", options, None, "b", "Porque sí.")
    text = said(capsys)
    expected = {"es": ["Esta vez no", "Acertaste", "Sin predicción"], "en": ["Not this time", "right", "No prediction"]}
    assert all(word in text for word in expected[lang])
    with pytest.raises(CourseError, match='"a", "b"'):
        choose("?", options, "c", "b", "")
    with pytest.raises(ValueError, match="right"):
        choose("?", options, "a", "z", "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0"),
        (1234, "1234"),
        (12345, "12\u202f345"),
        (-12345.6, "−12\u202f346"),
        (9.996, "10.0"),
        (0.0123456, "0.0123"),
        (1.234e-6, "1.23e−06"),
        (99.96, "100"),
        (float("nan"), "—"),
        (2.5e15, "2.50e15"),
    ],
)
def test_numbers_for_reading(value, shown):
    assert number(value) == shown


def test_the_nudge_to_predict_is_said_once(spanish, capsys, monkeypatch):
    monkeypatch.setattr("mlprod.predictions._nudged", False)
    for _ in range(2):
        compare("¿Cuánto?", None, 3, "ms")
    text = said(capsys)
    assert text.count("Sin predicción.") == 2
    assert text.count("La próxima vez") == 1
