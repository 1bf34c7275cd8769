"""What students get is, byte for byte, what stock nbgrader releases from the solutions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlprod.authoring.build import build
from mlprod.authoring.release import released, released_text
from mlprod.authoring.source import load
from mlprod.course import notebook

NAME = "03_streams"


@pytest.mark.parametrize("lang", ["es", "en"])
def test_stock_nbgrader_releases_the_same_file(tiny, lang):
    build(tiny.root)
    path = notebook("exercises", NAME, lang, tiny.root)
    ours, mode = path.read_bytes(), path.stat().st_mode
    folder = Path(sys.executable).parent
    done = subprocess.run(
        [folder / "nbgrader", "generate_assignment", NAME, "--force"],
        cwd=tiny.root / "grading",
        env={**os.environ, "COURSE_LANG": lang, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == ours and path.stat().st_mode == mode


def test_what_is_graded_is_the_same_in_both_languages(tiny):
    spanish, english = (released(load(tiny.exercise), lang).cells for lang in ("es", "en"))
    assert [cell.id for cell in spanish] == [cell.id for cell in english]
    graded = 0
    for es, en in zip(spanish, english, strict=True):
        assert es.metadata == en.metadata or not es.metadata.get("nbgrader", {}).get("grade")
        if es.metadata.get("nbgrader", {}).get("grade"):
            graded += 1
            assert es.source == en.source and es.metadata["nbgrader"]["checksum"] == en.metadata["nbgrader"]["checksum"]
    assert graded == 3  # two tests and the essay


def test_lessons_are_not_released(tiny):
    with pytest.raises(ValueError, match="solutions"):
        released_text(load(tiny.lesson), "es")
