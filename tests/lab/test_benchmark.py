"""`mlprod models` finds who trains models, and `mlprod bench` gathers what lessons record."""

import json

import nbformat
import pytest

from mlprod import course
from mlprod.errors import CourseError
from mlprod.lab import benchmark, machine

RECORD = """
from mlprod import bench
bench.record("06x/one", [{"rounds": rounds, "value": 1.5}], seeds=3)
"""


@pytest.fixture
def small_course(tmp_path, monkeypatch):
    """A course with one dataset that trains, one that does not, and a lesson 06x with a parameter."""
    for name, text in (
        ("trains", "import pathlib, sys; pathlib.Path('ran').write_text(' '.join(sys.argv[1:])); 'metrics.json'"),
        ("plain", "raise SystemExit('not me')"),
    ):
        (tmp_path / "datasets" / name).mkdir(parents=True)
        (tmp_path / "datasets" / name / "make.py").write_text(text)
    (tmp_path / "lessons/en").mkdir(parents=True)
    first = nbformat.v4.new_code_cell("rounds = 9", metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[first, nbformat.v4.new_code_cell(RECORD)])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "lessons/en/06x_lesson.ipynb")
    monkeypatch.setenv("MLPROD_ROOT", str(tmp_path))
    return tmp_path


def test_models_runs_those_who_train_and_says_when_one_fails(small_course):
    assert list(benchmark.makers(small_course)) == ["trains"]
    assert benchmark.models(None, check=True)
    assert (small_course / "ran").read_text() == "--check"
    (small_course / "datasets/trains/make.py").write_text("'metrics.json'; raise SystemExit(3)")
    assert not benchmark.models(["trains"], check=False)
    with pytest.raises(CourseError, match="trains"):
        benchmark.models(["plain"], check=False)


def test_the_datasets_of_unit_06_train_models():
    assert "fashion" in benchmark.makers(course.root())


@pytest.mark.slow
@pytest.mark.parametrize(("quick", "rounds"), [(True, 9), (False, benchmark.CAREFUL["rounds"])])
def test_bench_gathers_what_was_recorded(small_course, monkeypatch, quick, rounds):
    monkeypatch.setitem(benchmark.UNITS, "small", "06x*")
    report = json.loads(benchmark.run("small", quick).read_text())
    assert report["tables"] == {"06x/one": {"facts": {"seeds": 3}, "rows": [{"rounds": rounds, "value": 1.5}]}}
    assert report["lessons"]["06x_lesson"]["parameters"] == ({} if quick else {"rounds": rounds})
    assert report["machine"]["vector_instructions"] == machine.vector_instructions()


def test_an_unknown_benchmark(small_course):
    with pytest.raises(CourseError, match="compression"):
        benchmark.run("everything")


def test_doctor_says_whether_int8_is_fast(monkeypatch):
    for words, fast in ((["AVX2"], False), (["AVX2", "AVX512-VNNI"], True), (["dot"], True), ([], False)):
        monkeypatch.setattr(machine, "vector_instructions", lambda words=words: words)
        said = machine.processor().detail
        assert said.endswith(("yes", "sí") if fast else "no") and "int8" in said
