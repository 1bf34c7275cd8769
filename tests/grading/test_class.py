"""A class of all kinds, hostile ones among them, graded by one command; and killed in the middle, and graded again.

MLPROD_CLASS_SIZE=200 pytest tests/grading/test_class.py has every attack in it at least once.
"""

import os
import socket
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from attacked_course import LIMITS, UNIT, make_mixed_class, new_course
from running import contents, files, killed, mlprod_grade, points

from mlprod.grading import sandbox
from mlprod.grading.incidents import TEXTS

CLASS_SIZE = int(os.environ.get("MLPROD_CLASS_SIZE", "24"))


def handed_in(root):
    return sorted(str(path.relative_to(root)) for path in (root / "grading" / "submitted").rglob("*"))


def told(said):
    """The line of each student."""
    return {line.split(":")[0]: line for line in said.splitlines() if ":" in line}


def check_the_lines(lines, expected):
    for student, meant in expected.items():
        line, attack = lines[student], meant.attack
        if meant.score is None:
            assert "could not be graded" in line and attack.says in line
            continue
        assert f": {meant.score:g} / 7" in line
        noted = {what for what, (_, text) in TEXTS.items() if text in line} - {"file"}  # told beside the notebook's own
        assert bool(noted) == bool(attack and attack.incidents), line  # test_attacks.py says which; time may come first


@pytest.mark.slow
@pytest.mark.timeout(1450)
@pytest.mark.skipif(bool(sandbox.problem()), reason=f"no sandbox here: {sandbox.problem()}")
def test_a_class_of_all_kinds_and_again_after_a_kill(tmp_path):
    root, again = (new_course(tmp_path / name, LIMITS) for name in ("course", "again"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        expected, _ = (make_mixed_class(course, CLASS_SIZE, server.getsockname()[1]) for course in (root, again))
        before = handed_in(root)
        began = time.monotonic()
        said = mlprod_grade(root, UNIT, COLUMNS="300")
        seconds = time.monotonic() - began
        whole = contents(root, UNIT)
        assert points(whole) == {student: meant.score or 0 for student, meant in expected.items()}
        scores = {student: meant.score for student, meant in expected.items() if meant.score is not None}
        graded = {student for (student, _, kind), value in whole.items() if kind == "Grade" and value[0] is not None}
        assert graded == set(scores), "no grade for what cannot be graded"
        check_the_lines(told(said), expected)
        assert handed_in(root) == before, "what was handed in is as it was"
        assert {path.split("/")[2] for path in files(root, "feedback")} == set(scores)

        killed(again, UNIT, lambda: len(files(again, "feedback")) >= len(scores))  # two files each: at half of them
        half = len({path.split("/")[2] for path in files(again, "feedback")})
        assert 0 < half < len(scores)
        resumed = mlprod_grade(again, UNIT, COLUMNS="300")
    assert half - 1 <= resumed.count("graded before") < len(scores), "what was graded is not graded again"
    assert contents(again, UNIT) == whole
    check_the_lines(told(resumed), expected)
    for step in ("autograded", "feedback"):
        assert files(again, step) == files(root, step)
    hostile = sum(bool(meant.attack) for meant in expected.values())
    ungraded = len(expected) - len(scores)
    print(
        f"{len(expected)} submissions, {hostile} hostile, {ungraded} without a grade: {seconds:.0f} s; killed at {half}"
    )
