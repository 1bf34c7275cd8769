"""What is handed out: it can be opened, it is the same each time, and no answer is in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlprod.authoring.build import build
from mlprod.errors import CourseError
from mlprod.lab import bundles

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "03_streams"


@pytest.fixture
def course(tiny):
    for name in bundles.SHARED:
        shutil.copy(REPOSITORY / name, tiny.root)
    (tiny.root / "src" / "mlprod" / "__pycache__").mkdir(parents=True)
    (tiny.root / "src" / "mlprod" / "__init__.py").touch()
    (tiny.root / "src" / "mlprod" / "__pycache__" / "x.pyc").touch()
    (tiny.root / "datasets" / "rides" / "rides.csv").write_text("a,b\n")
    (tiny.root / "grading" / "submitted" / "ana" / NAME).mkdir(parents=True)
    (tiny.root / "grading" / "submitted" / "ana" / NAME / f"{NAME}.ipynb").write_text("{}")
    build(tiny.root)
    return tiny


def contents(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name.split("/", 1)[1]: archive.read(name).decode(errors="replace") for name in archive.namelist()}


def test_three_bundles_whose_checksums_hold(course):
    folder = course.root / "out"
    *zips, sums = bundles.release(course.root, folder)
    version = bundles.version(course.root)
    assert [path.name for path in zips] == [f"mlprod-{who}-{version}.zip" for who in ("es", "en", "instructor")]
    checked = subprocess.run(["sha256sum", "--check", sums.name], cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    before = [path.read_bytes() for path in zips]
    assert [path.read_bytes() for path in bundles.release(course.root, folder)[:-1]] == before
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in [*zips, sums])


@pytest.mark.parametrize("lang", ["es", "en"])
def test_a_students_bundle_holds_one_language_and_no_answer(course, lang):
    path = course.root / "exercises" / lang / NAME / f"{NAME}.ipynb"
    path.write_text(path.read_text().replace("raise NotImplementedError", "return 42  # somebody's answer"))
    bundles.release(course.root, course.root / "out")
    files = contents(course.root / "out" / f"mlprod-{lang}-{bundles.version(course.root)}.zip")
    other = {"es": "en", "en": "es"}[lang]
    assert {f"lessons/{lang}/{NAME}.ipynb", f"exercises/{lang}/{NAME}/{NAME}.ipynb"} <= set(files)
    assert {"datasets/rides/rides.csv", "src/mlprod/__init__.py", "requirements.lock", "README.md"} <= set(files)
    assert not [name for name in files if name.startswith(("solutions", "grading", f"lessons/{other}", "tests"))]
    assert not [name for name in files if name.endswith((".pyc", "syllabus.yml")) or f"/{other}/" in name]
    notebooks = {name: text for name, text in files.items() if name.endswith(".ipynb")}
    for text in notebooks.values():
        assert "BEGIN" not in text and "somebody's answer" not in text and f"../{other}/" not in text
        first = "".join(json.loads(text)["cells"][0]["source"])
        assert " · *" not in first and "* · " not in first and "](" in first  # lesson and exercise still link


def test_the_instructors_bundle_holds_answers_and_no_submission(course):
    bundles.release(course.root, course.root / "out")
    files = contents(course.root / "out" / f"mlprod-instructor-{bundles.version(course.root)}.zip")
    assert {f"solutions/{NAME}.py", f"solutions/es/{NAME}/{NAME}.ipynb", f"lessons/{NAME}.py"} <= set(files)
    assert not [name for name in files if "submitted" in name or name.endswith(".pyc")]


def test_a_bundle_with_an_answer_is_refused_and_not_written(course, monkeypatch):
    def careless(text, lang):
        notebook = json.loads(text)
        notebook["cells"][-1]["source"] = ["### BEGIN SOLUTION\n", "x = 1"]
        return json.dumps(notebook)

    monkeypatch.setattr(bundles, "_without_twin", careless)
    with pytest.raises(CourseError, match="BEGIN SOLUTION"):
        bundles.release(course.root, course.root / "out")
    assert not (course.root / "out").exists()


def test_the_scan_sees_a_line_of_a_solution(course):
    notebooks = bundles.built(course.root)
    files = bundles.student(course.root, "en", notebooks)
    assert bundles.secrets(course.root, files, "en") == []
    place = f"exercises/en/{NAME}/{NAME}.ipynb"
    files[place] = notebooks[f"solutions/en/{NAME}/{NAME}.ipynb"].encode()
    assert [finding for finding in bundles.secrets(course.root, files, "en") if finding.startswith(place)]


def test_a_students_bundle_of_this_course_stands_alone(tmp_path):
    """Its package finds its own lessons and exercises, and misses nothing."""
    committed = {
        path.relative_to(REPOSITORY).as_posix(): path.read_text()
        for path in REPOSITORY.glob("*/en/**/*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    }
    for name, content in bundles.student(REPOSITORY, "en", committed).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    code = "from mlprod import course; from mlprod.lab import notebooks as made; root = course.root(); "
    code += "print(root, made.missing(root))"
    environment = {name: value for name, value in os.environ.items() if name != "MLPROD_ROOT"}
    environment |= {"PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == f"{tmp_path} []", done.stderr
