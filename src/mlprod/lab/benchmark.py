"""`mlprod models` trains the stored models again; `mlprod bench` runs a unit's lessons and keeps what they measure."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlprod import bench, course
from mlprod.errors import CourseError
from mlprod.lab import machine
from mlprod.language import tr

# what `bench` runs, and the parameters that make it more careful than a reader needs (those that a lesson has)
UNITS = {"compression": "06*", "compiler": "07*"}
CAREFUL = {"rounds": 25, "seeds": 12}
TIMEOUT_S = 1200  # of one cell


def makers(root: Path) -> dict[str, Path]:
    """The programs that train stored models: those of the datasets that have a metrics.json."""
    return {path.parent.name: path for path in sorted(root.glob("datasets/*/make.py")) if _trains(path)}


def _trains(maker: Path) -> bool:
    return maker.with_name("metrics.json").exists() or "metrics.json" in maker.read_text(encoding="utf-8")


def models(names: list[str] | None, check: bool) -> bool:
    """Run the makers of `names` (all of them, without names), one after the other; whether all went well."""
    known = makers(course.root())
    if unknown := [name for name in names or [] if name not in known]:
        raise CourseError(
            tr(
                es=f"No hay modelos que hacer en {', '.join(unknown)}. Hay: {', '.join(known)}.",
                en=f"There are no models to make in {', '.join(unknown)}. There are: {', '.join(known)}.",
            )
        )
    good = True
    for name in names or known:
        print(f"== {name}", flush=True)
        # a maker imports its neighbours, so it runs in the folder of the course as its docstring says
        command = [sys.executable, str(known[name]), *(["--check"] if check else [])]
        good = subprocess.run(command, cwd=course.root(), check=False).returncode == 0 and good
    return good


def run(name: str, quick: bool = False) -> Path:
    """Execute the lessons of `name` and gather every table they record; returns the path of the report.

    Lessons run in English, so the tables have English words whatever the terminal speaks. quick: with the reader's
    parameters. Raises CourseError for an unknown name, and whatever a lesson raises.
    """
    if name not in UNITS:
        raise CourseError(
            tr(
                es=f"No hay una medición {name!r}. Hay: {', '.join(UNITS)}.",
                en=f"There is no benchmark {name!r}. There are: {', '.join(UNITS)}.",
            )
        )
    root = course.root()
    folder = root / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.jsonl"
    log.unlink(missing_ok=True)
    lessons = {}
    for path in sorted(root.glob(f"lessons/en/{UNITS[name]}.ipynb")):
        print(path.relative_to(root).as_posix(), flush=True)
        began = time.monotonic()
        parameters = _execute(path, folder / path.name, log, {} if quick else CAREFUL)
        lessons[path.stem] = {"seconds": round(time.monotonic() - began, 1), "parameters": parameters}
    report = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "lessons": lessons,
        "tables": bench.read(log),
    }
    target = folder / f"{name}.json"
    target.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target


def _execute(path: Path, executed: Path, log: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Run one notebook with those of the `wanted` parameters that it has; returns them."""
    import papermill

    parameters = {key: value for key, value in wanted.items() if key in papermill.inspect_notebook(str(path))}
    before = os.environ.get(bench.VARIABLE)
    os.environ[bench.VARIABLE] = str(log)  # the kernel inherits it
    try:
        papermill.execute_notebook(
            str(path),
            str(executed),
            parameters=parameters,
            kernel_name="python3",
            cwd=str(path.parent),
            execution_timeout=TIMEOUT_S,
        )
    finally:
        if before is None:
            os.environ.pop(bench.VARIABLE)
        else:
            os.environ[bench.VARIABLE] = before
    return parameters


def _machine() -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "vector_instructions": machine.vector_instructions(),
        "versions": {name: version(name) for name in ("torch", "onnxruntime", "numpy", "scipy", "scikit-learn")},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
