"""Tables: headers for screen readers, alignment, rounding, and the plain-text twin."""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from mlprod import tables
from mlprod.display import Shown
from mlprod.errors import CourseError

LANGUAGE = importlib.import_module("mlprod.language")  # the name is also a function of the package

ROWS = [
    {"mode": "base de datos", "p50": 12.3456, "n": 123456, "ok": True},
    {"mode": "cola `q`", "p50": None, "n": 3, "ok": False},
]


@pytest.fixture(autouse=True)
def spanish(monkeypatch):
    monkeypatch.setattr(LANGUAGE, "_chosen", "es")


@pytest.fixture
def shown(monkeypatch) -> list[Shown]:
    seen: list[Shown] = []
    monkeypatch.setattr("mlprod.display.Shown.show", lambda self: seen.append(self))
    return seen


def test_html_is_accessible(shown):
    tables.show(ROWS, caption="Modos & tiempos", columns={"mode": "Modo", "p50": "p50 (ms)", "n": "n"})
    soup = BeautifulSoup(shown[0].html, "html.parser")
    assert soup.caption.text == "Modos & tiempos"
    assert [th.text for th in soup.select('th[scope="col"]')] == ["Modo", "p50 (ms)", "n"]
    assert [th.text for th in soup.select('th[scope="row"]')] == ["base de datos", "cola q"]
    assert [td.text for td in soup.select("td")] == ["12.3", "123\u202f456", "—", "3"]
    assert all("text-align:right" in td["style"] for td in soup.select("td"))


def test_plain_text_is_aligned(shown):
    tables.show(ROWS, caption="Modos")
    lines = shown[0].text.splitlines()
    assert lines[0] == "Modos"
    assert len({line.index("sí" if "sí" in line else "no") for line in lines[3:]}) == 1
    assert lines[3].startswith("base de datos  12.3  123\u202f456  sí")


def test_data_frames(shown):
    frame = pd.DataFrame(
        {"x": [1.0, np.nan], "n": pd.array([1, None], dtype="Int64")}, index=pd.Index(["a", "b"], name="k")
    )
    tables.show(frame, caption="t")
    soup = BeautifulSoup(shown[0].html, "html.parser")
    assert [row.text for row in soup.select("tbody tr")] == ["a1.001", "b——"]


def test_formats(shown):
    tables.show([{"share": 0.256}], caption="t", formats={"share": ".1%"})
    assert "25.6%" in shown[0].text


def test_authors_are_told(shown):
    with pytest.raises(CourseError, match="caption"):
        tables.show(ROWS, caption=" ")
    with pytest.raises(CourseError, match="p99"):
        tables.show(ROWS, caption="t", columns=["mode", "p99"])
    assert not shown


def test_no_rows_still_show_their_headers(shown):
    tables.show([], caption="t", columns=["a", "b"])
    assert "a  b" in shown[0].text
