"""Figures: alternative text, labelled axes, closed afterwards, and a style that costs nothing until it is needed."""

from __future__ import annotations

import base64
import importlib
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

from mlprod import plots
from mlprod.display import Shown
from mlprod.errors import CourseError

LANGUAGE = importlib.import_module("mlprod.language")  # the name is also a function of the package


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setattr(LANGUAGE, "_chosen", "en")


@pytest.fixture
def shown(monkeypatch) -> list[Shown]:
    seen: list[Shown] = []
    monkeypatch.setattr("mlprod.display.Shown.show", lambda self: seen.append(self))
    return seen


def bars(**labels):
    fig, ax = plots.subplots(figsize=(4, 3))
    ax.bar(["a", "3 b"], [1, 20])
    ax.set(**labels)
    return fig


def test_the_image_carries_its_text_and_is_twice_as_dense(shown):
    plots.show(bars(ylabel="latency (ms)"), alt='b is 20 times "a"')
    img = BeautifulSoup(shown[0].html, "html.parser").img
    assert img["alt"] == 'b is 20 times "a"'
    assert img["width"] == "400"
    png = base64.b64decode(img["src"].removeprefix("data:image/png;base64,"))
    assert int.from_bytes(png[16:20], "big") == 800
    assert "20 times" in shown[0].text
    assert plt.get_fignums() == []


def test_a_figure_that_is_drawn_again_stays_open(shown):
    fig = bars(ylabel="ms")
    first = plots.image(fig, "before", close=False)
    fig.axes[0].bar(["c"], [90])
    second = plots.image(fig, "after")
    assert (first.text, second.text) != (first.text, first.text) and first.html != second.html
    assert shown == [] and plt.get_fignums() == []


def test_nbconvert_keeps_the_text(shown):
    plots.show(bars(ylabel="ms"), alt="b wins")
    output = new_output("display_data", data=shown[0]._repr_mimebundle_())
    page, _ = HTMLExporter().from_notebook_node(new_notebook(cells=[new_code_cell("x", outputs=[output])]))
    assert BeautifulSoup(page, "html.parser").select_one('img[alt="b wins"]')


@pytest.mark.parametrize("alt", ["", "  "])
def test_alt_is_required_and_the_figure_closed(shown, alt):
    with pytest.raises(CourseError, match="alt"):
        plots.show(bars(ylabel="ms"), alt=alt)
    assert plt.get_fignums() == []
    assert not shown


def test_numbers_need_a_label_and_names_do_not(shown):
    with pytest.raises(CourseError, match="set_ylabel"):
        plots.show(bars(), alt="x")
    plots.show(bars(ylabel="ms"), alt="x")


def test_shared_twin_and_hidden_axes(shown):
    fig, (top, bottom) = plots.subplots(2, 1, sharex=True)
    for ax in (top, bottom):
        ax.plot([0, 1], [1, 2])
        ax.set_ylabel("ms")
    bottom.set_xlabel("time (s)")
    other = bottom.twinx()
    other.plot([0, 1], [5, 6])
    other.set_ylabel("rides")
    plots.show(fig, alt="x")

    fig, ax = plots.subplots()
    ax.imshow([[1, 2], [3, 4]])
    ax.set_axis_off()
    plots.show(fig, alt="x")

    fig, axes = plots.subplots(1, 2)
    for ax in axes:
        ax.plot([0, 1], [1, 2])
    fig.supxlabel("s")
    fig.supylabel("ms")
    plots.show(fig, alt="x")
    assert len(shown) == 3


def test_colours_stand_out_on_the_card():
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a: str, b: str) -> float:
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert contrast(plots.INK, plots.CARD) > 7  # WCAG AAA for text
    assert all(contrast(colour, plots.CARD) > 3 for colour in plots.PALETTE[:3])  # WCAG AA for graphics


def test_the_style_is_free_until_a_figure_is_drawn():
    code = "from mlprod import plots; plots.use_style(); import sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
