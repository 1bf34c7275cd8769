"""The benchmark of grading: both sides grade the same, and what it writes can be read."""

import json
import sys
from types import SimpleNamespace

import pytest

from mlprod.authoring.source import load
from mlprod.grading import sandbox, speed, speed_otter
from mlprod.grading.preload import needed
from mlprod.grading.speed_units import UNITS


@pytest.mark.parametrize("kind", UNITS)
def test_its_exercises_are_sources_and_their_libraries_are_known(kind, tmp_path):
    name, text = UNITS[kind]
    path = tmp_path / "solutions" / f"{name}.py"
    path.parent.mkdir()
    path.write_text(text)
    source = load(path)
    assert source.tasks and all(task.wrongs for task in source.tasks.values())
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": text}]}))
    modules = needed([notebook])
    assert ("torch" in modules, "pyspark.sql" in modules) == (kind == "torch", kind == "spark")
    assert "mlprod" in modules and "confluent_kafka" not in modules


def test_libraries_are_found_through_modules_of_the_course(tmp_path):
    notebook = tmp_path / "n.ipynb"
    source = ["from mlprod.systems import spark\n", "spark.session()"]
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    assert "pyspark.sql" in needed([notebook])
    assert needed([tmp_path / "absent.ipynb"]) == ("mlprod", "mlprod.checks", "mlprod.plots")


def test_of_scipy_the_parts_that_are_asked_for(tmp_path):
    notebook = tmp_path / "n.ipynb"
    source = "from scipy import stats, __version__\nfrom scipy.special import expit\nimport numpy as np"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    found = set(needed([notebook]))
    assert {"scipy", "scipy.stats", "scipy.special", "numpy.random"} <= found
    assert not {name for name in found if name.startswith("scipy.")} - {"scipy.stats", "scipy.special"}


@pytest.mark.slow
@pytest.mark.skipif(bool(sandbox.problem()), reason="it measures the sandbox")
def test_both_sides_give_the_same_scores():
    found = speed.compare("light", 4)
    assert found["same_scores"] and found["submissions"] == 4
    assert found["ratio"] > 0 and found["ours_memory_mib"] > 0
    assert 0 < found["warm_s"] < found["ours_s"], "a grader that is there has nothing to start"


def test_otters_files_test_what_nbgraders_cells_do(tmp_path, monkeypatch):
    """Without otter itself: its decorator, the only thing that they import, hands the function through."""
    name, text = UNITS["light"]
    path = tmp_path / "solutions" / f"{name}.py"
    path.parent.mkdir()
    path.write_text(text)
    source = load(path)
    through = SimpleNamespace(test_case=lambda **options: lambda function: (options, function))
    monkeypatch.setitem(sys.modules, "otter", SimpleNamespace(test_files=through))
    monkeypatch.setitem(sys.modules, "otter.test_files", through)
    for task, code in speed_otter.converted(source).items():
        file = {}
        exec(code, file)
        options, function = file["test_all"]
        assert options["points"] == file["points"] == source.tasks[task].points
        right, wrong = {}, {}
        exec(source.tasks[task].answer.source, right)
        exec(source.tasks[task].wrongs[0].source, wrong)
        function(right)
        with pytest.raises(AssertionError):
            function(wrong)


def test_without_otter_the_report_says_why(monkeypatch):
    monkeypatch.setenv(speed_otter.VARIABLE, "/nowhere/otter")
    assert speed.otter(4) == {"ran": False, "why": speed_otter.WHY_NOT}
