"""`make test`: every stage in order, each with its time, none hidden by an earlier one's failure."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mlprod import course
from mlprod.errors import CourseError
from mlprod.language import tr

BIN = Path(sys.prefix, "bin")
LIMIT_SECONDS = 3600  # the slowest stage takes minutes; one that hangs must not hold the others back for ever


@dataclass(frozen=True)
class Stage:
    """One command of the environment, run from the course's top folder."""

    name: str
    command: tuple[str, ...]


STAGES = (
    Stage("ruff", ("ruff", "check", ".")),
    Stage("format", ("ruff", "format", "--check", "src", "tests")),
    Stage("check", ("mlprod", "check")),  # the sources' own linter, and built notebooks that differ from them
    Stage("coverage", ("mlprod", "coverage")),
    # limits against what hangs, not measures: two Sparks at once on two busy cores must fit
    Stage("audit", ("mlprod", "audit", "--timeout", "60")),
    Stage("unit", ("pytest", "-ra", "-n", "2", "--junit-xml", "build/reports/pytest.xml")),
    Stage("notebooks", ("mlprod", "run", "--timeout", "600")),
)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path}


def run_stage(stage: Stage) -> bool:
    """Run `stage` with its output on the terminal; True when it passed."""
    process = subprocess.Popen([BIN / stage.command[0], *stage.command[1:]], cwd=course.root(), env=_environment())
    try:
        return process.wait(LIMIT_SECONDS) == 0
    except subprocess.TimeoutExpired:
        print(tr(es=f"{stage.name}: más de una hora, la corto.", en=f"{stage.name}: more than an hour, stopped."))
        return False
    except KeyboardInterrupt:  # the terminal has told the stage as well: let it tidy up
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        raise
    finally:
        if process.poll() is None:  # late: let it tidy up, then insist
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def run(names: list[str] | None = None) -> bool:
    """Run the stages called `names` (all when None) and print a summary; True when all passed.

    Raises CourseError for a name that is not a stage's.
    """
    known = {stage.name: stage for stage in STAGES}
    if unknown := set(names or ()) - set(known):
        raise CourseError(
            tr(es=f"No hay etapa {unknown}; hay {list(known)}", en=f"No stage {unknown}; there are {list(known)}")
        )
    (course.root() / "build/reports").mkdir(parents=True, exist_ok=True)
    results = []
    for stage in [known[name] for name in names] if names else STAGES:
        print(f"\n== {stage.name}: {' '.join(stage.command)}", flush=True)
        started = time.monotonic()
        results.append((stage, run_stage(stage), time.monotonic() - started))
    print("\n== " + tr(es="resumen", en="summary"))
    for stage, passed, seconds in results:
        print(f"{'passed' if passed else 'FAILED'}  {seconds:7.1f} s  {stage.name}")
    passed = sum(ok for _, ok, _ in results)
    print(f"stages: {passed} passed, {len(results) - passed} failed", flush=True)
    return passed == len(results)
