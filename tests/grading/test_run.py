"""mlprod run: what passes, what fails and how it says so, what it measures, what it does not let stay."""

import json
import os
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlprod.authoring import run as runner
from mlprod.authoring.watch import Watch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are watched as on Unix")


@pytest.fixture
def execute(tmp_path, light_kernels):
    """Execute a notebook of the given cells as a lesson; its outcome."""

    def execute(*cells, timeout=30):
        path = tmp_path / "lessons" / "es" / "01_toy.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
        job = runner.Job(path.relative_to(tmp_path), "lessons", "01", "es")
        runner.papermill_engines.register("mlprod", runner.WatchedEngine)
        return runner.execute(job, tmp_path, light_kernels, timeout, lambda job, cell, cells: None)

    return execute


def test_a_notebook_that_works(execute, tmp_path):
    outcome = execute("import os; open('here', 'w').close(); x = 'ñ' * 50_000_000; print(os.getcwd())")
    assert outcome.ok and outcome.seconds > 0 and outcome.peak_memory_mb > 50
    assert (tmp_path / "lessons" / "es" / "here").exists(), "it runs where JupyterLab would run it"
    executed = nbformat.read(tmp_path / "build" / "executed" / "lessons" / "es" / "01_toy.ipynb", 4)
    assert executed.cells[0].outputs[0].text.strip().endswith("lessons/es")


def test_a_failing_cell_is_shown(execute):
    outcome = execute("1", "# the second cell\nraise ValueError('año')", "2")
    assert outcome.error == "ValueError: año"
    assert outcome.cell == "# the second cell\nraise ValueError('año')"
    assert "ValueError" in outcome.output


def test_a_notebook_that_never_ends_is_ended(execute):
    started = time.monotonic()
    outcome = execute("1", "while True:\n    try:\n        pass\n    except BaseException:\n        pass", timeout=2)
    assert time.monotonic() - started < 15
    assert "2 s" in outcome.error and outcome.cell.startswith("while True")


def test_a_dead_kernel_is_told(execute):
    outcome = execute("import os; os._exit(1)")
    assert not outcome.ok and outcome.cell.startswith("import os")


# (what stays in the kernel's own process group is ended by ipykernel itself)
@pytest.mark.parametrize("options", [", start_new_session=True", ", env={}, start_new_session=True"])
def test_a_process_left_behind_is_a_failure_and_is_ended(execute, options):
    seconds = f"97.{os.getpid()}{len(options)}"  # no other test's
    outcome = execute(f"import subprocess, time; subprocess.Popen(['sleep', '{seconds}']{options}); time.sleep(0.5)")
    assert f"sleep {seconds}" in outcome.error
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", seconds]]


def test_peak_memory_counts_children():
    with Watch(limit_s=30) as watch:
        code = "x = b'1' * 80_000_000; input()"
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=watch.environment)
        watch.kernel_is(psutil.Process().pid)
        deadline = time.monotonic() + 10
        while watch.peak_mb < 80 and time.monotonic() < deadline:
            time.sleep(0.05)
        child.communicate(b"\n")
    assert watch.peak_mb > 80


def test_report_and_order(tmp_path):
    jobs = [runner.Job(runner.Path(f"lessons/es/0{i}_x.ipynb"), "lessons", f"0{i}", "es") for i in (1, 2)]
    outcomes = [runner.Outcome(jobs[1], 9.0, 100.0), runner.Outcome(jobs[0], 1.0, 50.0, "año", "1/0", "…")]
    report = json.loads(runner.write(outcomes, tmp_path, 9.5, 2).read_text())
    assert report["ok"] is False and report["jobs"] == 2
    assert [(row["path"], row["ok"], row["seconds"]) for row in report["notebooks"]] == [
        ("lessons/es/01_x.ipynb", False, 1.0),
        ("lessons/es/02_x.ipynb", True, 9.0),
    ]
    sources = [tmp_path / "lessons" / f"0{i}_x.py" for i in (1, 2, 3)]
    assert [job.unit for job in runner.jobs_for(sources, tmp_path, ["es"])] == ["03", "02", "01"], "longest first"


@pytest.mark.slow
def test_command(new_course, tmp_path):
    """One notebook fails: the others are run, the exit code is 1, and the cell is shown."""
    root = new_course()
    broken = nbformat.read(root / "solutions" / "en" / "90_toy" / "90_toy.ipynb", 4)
    broken.cells.append(new_code_cell("1 / 0  # broken on purpose"))
    nbformat.write(broken, root / "solutions" / "en" / "90_toy" / "90_toy.ipynb")
    command = [sys.executable, "-c", "from mlprod.cli import main; main()", "run", "--jobs", "2"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "broken on purpose" in run.stdout and "ZeroDivisionError" in run.stdout
    report = json.loads((root / "build" / "reports" / "run.json").read_text())
    assert {row["lang"]: row["ok"] for row in report["notebooks"]} == {"es": True, "en": False}
