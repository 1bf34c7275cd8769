"""A figure with sliders: shown without a notebook, refused with a wrong start, and replaced in place in a notebook."""

import nbformat
import pytest
from nbclient import NotebookClient

from mlprod import plots
from mlprod.systems import sliders


def draw(load):
    fig, ax = plots.subplots()
    ax.plot([0, load])
    ax.set(xlabel="x (s)", ylabel="y (s)")
    return fig, f"a line up to {load}"


def test_without_a_notebook_the_figure_is_described(capsys):
    moved = sliders.show(draw, start={"load": 1}, load=[1, 2])
    moved(load=2)
    assert "a line up to 1" in capsys.readouterr().out


def test_a_start_that_is_no_choice():
    with pytest.raises(ValueError, match="load"):
        sliders.show(draw, start={"load": 3}, load=[1, 2])


@pytest.mark.slow
def test_in_a_notebook_the_figure_is_output_and_moves():
    setup = """from mlprod import plots
from mlprod.systems import sliders
def draw(load):
    fig, ax = plots.subplots()
    ax.plot([0, load])
    ax.set(xlabel="x (s)", ylabel="y (s)")
    return fig, f"a line up to {load}"
"""
    show = 'moved = sliders.show(draw, start={"load": 1}, load=[1, 2], labels={"load": "the load"})'
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (setup, show, "moved(load=2)")])
    NotebookClient(nb, kernel_name="python3", timeout=60).execute()
    outputs = nb.cells[1].outputs
    html = [o.data["text/html"] for o in outputs if "text/html" in o.get("data", {})]
    assert any("<img" in each for each in html)
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs)
    # nbclient applies update_display_data to the cell that showed the figure
    assert "a line up to 2" in html[0]
