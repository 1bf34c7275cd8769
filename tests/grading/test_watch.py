"""`mlprod grade --watch`: what is handed in while it stays is graded, once, and nothing is left when it ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from classes import make_class
from running import COMMAND, UNSAFE, contents, files, mlprod_grade

from mlprod.grading import arrivals
from mlprod.grading.arrivals import Arrivals
from mlprod.grading.work import WORK

LONG_AGO = 60


@pytest.fixture
def handed_in(tmp_path):
    """Write a file of a submission, `old` seconds ago."""

    def write(student, text="{}", name="90_toy.ipynb", old=0.0):
        path = tmp_path / "grading" / "submitted" / student / "90_toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for place in (path, path.parent):
            os.utime(place, (time.time() - old,) * 2)

    return write


@pytest.fixture
def look(tmp_path):
    return Arrivals("90_toy", tmp_path)


@pytest.fixture
def later(look, monkeypatch):
    """Look when what is unchanged has been so for long enough."""

    def looked():
        with monkeypatch.context() as patched:
            patched.setattr(arrivals, "SETTLED_S", 1e-9)
            return look.look()

    return looked


def test_nobody_and_then_somebody(look, handed_in):
    assert look.look() == {}
    handed_in("ana", old=LONG_AGO)
    assert look.look() == {"ana": False}
    assert look.look() == {}, "she was taken"


def test_what_is_being_copied_is_let_be(look, later, handed_in):
    for size in (1, 2, 3):
        handed_in("ana", "x" * size)
        assert later() == {}
    assert later() == {"ana": False}, "it stays the same"


def test_a_folder_without_its_notebook_is_waited_for(look, handed_in, monkeypatch):
    handed_in("ana", name="data.csv", old=LONG_AGO)
    handed_in("bea", name="data.csv", old=LONG_AGO)
    assert look.look() == look.look() == {}
    handed_in("bea", old=LONG_AGO)
    assert look.look() == {"bea": False}
    monkeypatch.setattr(arrivals, "COMPLETE_S", 0.0)
    assert look.look() == {"ana": False}, "it does not come: that is told her"


def test_what_changes_is_taken_again(look, later, handed_in):
    handed_in("ana", old=LONG_AGO)
    handed_in("bea", old=LONG_AGO)
    look.take(["ana"])
    assert look.look() == {"bea": False}
    handed_in("ana", "{ }", old=LONG_AGO)
    assert look.look(busy=["ana"]) == {}, "she is being graded"
    assert look.look() == {"ana": True}
    for name in ("timestamp.txt", "data/rows.csv"):
        handed_in("bea", "2026-11-28 10:00:00 UTC", name=name, old=LONG_AGO)
        assert look.look() == {"bea": True}
    handed_in("bea", "1,2\n3,4\n", name="data/rows.csv")
    assert look.look() == {} and later() == {"bea": True}, "it was being copied"
    handed_in("bea", name=".ipynb_checkpoints/90_toy-checkpoint.ipynb", old=LONG_AGO)
    assert look.look() == {}, "somebody has opened it"


def test_an_empty_folder_is_waited_for_and_then_told(look, tmp_path, monkeypatch):
    (tmp_path / "grading" / "submitted" / "ana" / "90_toy").mkdir(parents=True)
    assert look.look() == look.look() == {}
    monkeypatch.setattr(arrivals, "COMPLETE_S", 0.0)
    assert look.look() == {"ana": False} and look.look() == {}


def test_it_looks_less_often_when_that_takes_long(look, monkeypatch):
    clock = SimpleNamespace(time=time.time, monotonic=lambda: clock.now, now=100.0)
    monkeypatch.setattr(arrivals, "time", clock)
    look.look()
    assert look.pause == pytest.approx(arrivals.IDLE_PAUSE_S)
    look.look(busy=["ana"])
    assert look.pause == pytest.approx(arrivals.PAUSE_S), "there is something to do"

    def slow():
        clock.now += 0.1
        return []

    monkeypatch.setattr(look, "_students", slow)
    look.look()
    assert look.pause == pytest.approx(2.0)
    clock.now += 3
    assert look.pause == 0


def test_not_for_one_person(new_course):
    said = mlprod_grade(new_course(), "90_toy", "--watch", "--student", "ana")
    assert "without --student" in said and "Traceback" not in said


class Watching:
    """The command, and what it has said."""

    def __init__(self, root, said):
        self.said = said
        environment = {**os.environ, "LANG_COURSE": "en", "COLUMNS": "300", "PYTHONUNBUFFERED": "1"}
        with open(said, "w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "90_toy", "--watch", "--workers", "2", *UNSAFE],
                cwd=root,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def until(self, *texts):
        deadline = time.monotonic() + 120
        while not all(text in self.said.read_text() for text in texts):
            assert self.process.poll() is None and time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.05)

    def end(self):
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert children and not alive
        return code


@pytest.mark.slow
def test_a_grader_that_stays(new_course, tmp_path):
    root = new_course()
    scores = {name: student.score for name, student in make_class(root, "90_toy", 6).items()}
    submitted, aside = root / "grading" / "submitted", root / "aside"
    whole = root.with_name("whole")
    shutil.copytree(root, whole)
    mlprod_grade(whole, "90_toy")
    students = sorted(path.name for path in submitted.iterdir())
    submitted.rename(aside)

    watching = Watching(root, tmp_path / "said.txt")
    try:
        watching.until("waiting for submissions")
        assert "could not" not in watching.said.read_text(), "the rehearsal is nobody's"
        submitted.mkdir()
        (aside / students[0]).rename(submitted / students[0])
        watching.until(f"{students[0]}: ")
        for student in students[1:]:
            shutil.copytree(aside / student, submitted / student)
        (submitted / "broken" / "90_toy").mkdir(parents=True)
        (submitted / "broken" / "90_toy" / "90_toy.ipynb").write_text("half a no")
        watching.until(*(f"{student}: " for student in students[1:]), "broken: could not be graded")

        busy = mlprod_grade(root, "90_toy")
        assert "Another command" in busy
        notebook = submitted / students[-1] / "90_toy" / "90_toy.ipynb"
        shutil.copy(notebook, submitted / "broken" / "90_toy" / "90_toy.ipynb")  # and without a newer timestamp
        watching.until(f"broken: {scores[students[-1]]:g} / 10")
        assert not list((root / WORK).glob("*/seed-*.db")), "what nobody needs any more"
        assert watching.end() == 0, watching.said.read_text()
    finally:
        watching.process.kill()
        watching.process.wait()

    said = watching.said.read_text()
    assert said.count("broken: ") == 2 and f"\n{len(students) + 1} graded" in said and ", 0 could not" in said
    assert sorted(path.name for path in (root / WORK).iterdir()) == [".gitignore", "lock"]
    mine = {key: value for key, value in contents(root, "90_toy").items() if key[0] != "broken"}
    assert mine == contents(whole, "90_toy")
    for step in ("autograded", "feedback"):
        assert [path for path in files(root, step) if "/broken/" not in path] == files(whole, step)
    assert not any("rehearsal" in path for step in ("autograded", "feedback") for path in files(root, step))
