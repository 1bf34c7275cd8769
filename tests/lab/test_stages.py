"""`make test` runs all its stages whatever happens, and says so in a line that machines read."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mlprod.errors import CourseError
from mlprod.lab import stages
from mlprod.lab.stages import Stage


def python(name: str, code: str) -> Stage:
    return Stage(name, (Path(sys.executable).name, "-c", code))


def test_a_failing_stage_stops_no_other(monkeypatch, capfd):
    three = (
        python("first", "print('one')"),
        python("second", "raise SystemExit(3)"),
        python("third", "print('three')"),
    )
    monkeypatch.setattr(stages, "STAGES", three)
    assert stages.run() is False
    output = capfd.readouterr().out
    assert "one" in output and "three" in output
    assert re.search(r"passed +\d+\.\d s  first\nFAILED +\d+\.\d s  second\npassed +\d+\.\d s  third\n", output)
    assert output.rstrip().splitlines()[-1] == "stages: 2 passed, 1 failed"
    assert stages.run(["first", "third"]) is True
    assert capfd.readouterr().out.rstrip().endswith("stages: 2 passed, 0 failed")


def test_a_stage_that_hangs_is_stopped(monkeypatch, capfd):
    monkeypatch.setattr(stages, "LIMIT_SECONDS", 0.5)
    assert stages.run_stage(python("sleeper", "import time; time.sleep(60)")) is False


def test_an_unknown_stage(monkeypatch):
    with pytest.raises(CourseError, match="nothing"):
        stages.run(["nothing"])


def test_every_kind_of_test_has_its_stage():
    commands = {" ".join(stage.command[:2]) for stage in stages.STAGES}
    assert {"ruff check", "ruff format", "mlprod check", "mlprod audit", "mlprod run"} <= commands
    assert any(stage.command[0] == "pytest" and "-ra" in stage.command for stage in stages.STAGES)
