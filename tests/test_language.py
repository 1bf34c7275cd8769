"""Which language the reader gets, and who decides it."""

from __future__ import annotations

import importlib
import os

import pytest

from mlprod import language, start, tr

MODULE = importlib.import_module("mlprod.language")  # the name is also a function of the package
LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(autouse=True)
def nobody_has_chosen(monkeypatch):
    monkeypatch.setattr(MODULE, "_chosen", None)
    for name in ("LANG_COURSE", *LOCALE_VARIABLES):
        monkeypatch.setenv(name, "")  # set first, so that what start() writes is undone too
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "es_MX.UTF-8"}, "es"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "es_ES.UTF-8"}, "en"),
        ({"LC_MESSAGES": "es_ES.UTF-8", "LANG": "en_GB.UTF-8"}, "es"),
        ({"LANG_COURSE": "en", "LANG": "es_ES.UTF-8"}, "en"),
    ],
)
def test_the_environment_chooses(monkeypatch, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_the_notebook_has_the_last_word(monkeypatch):
    monkeypatch.setenv("LANG_COURSE", "en")
    start("es")
    assert language() == "es"
    assert tr(es="hola", en="hello") == "hola"
    assert os.environ["LANG_COURSE"] == "es"  # for child processes


def test_a_second_start_changes_it():
    start("es")
    start("en")
    assert tr(es="hola", en="hello") == "hello"


def test_an_unknown_language_is_refused_in_both(monkeypatch):
    with pytest.raises(ValueError, match=r"start\(\).*idioma.*language"):
        start("fr")
    monkeypatch.setenv("LANG_COURSE", "fr")
    with pytest.raises(ValueError, match="LANG_COURSE"):
        language()


def test_tr_needs_both_languages():
    with pytest.raises(TypeError):
        tr(es="solo una")  # type: ignore[call-arg]
