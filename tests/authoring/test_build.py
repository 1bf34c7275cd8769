"""Building: what is written, when, and that it never depends on anything but the sources."""

import json
import os
import subprocess
import sys
import time

import pytest

from mlprod.authoring import build as builder
from mlprod.authoring.build import SourceErrors, build, drift
from mlprod.authoring.source import load
from mlprod.course import notebook
from mlprod.errors import CourseError

NAME = "03_streams"


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in builder.built(root)}


def test_a_unit_gives_six_notebooks_and_then_nothing_to_do(tiny):
    written = build(tiny.root)
    assert sorted(path.relative_to(tiny.root).as_posix() for path in written) == [
        f"exercises/en/{NAME}/{NAME}.ipynb",
        f"exercises/es/{NAME}/{NAME}.ipynb",
        f"lessons/en/{NAME}.ipynb",
        f"lessons/es/{NAME}.ipynb",
        f"solutions/en/{NAME}/{NAME}.ipynb",
        f"solutions/es/{NAME}/{NAME}.ipynb",
    ]
    assert build(tiny.root) == [] and drift(tiny.root) == []


def test_only_what_changed_is_rebuilt(tiny, monkeypatch):
    build(tiny.root)
    seen = []
    original = builder.expected
    monkeypatch.setattr(builder, "expected", lambda path, root: seen.append(path.parent.name) or original(path, root))
    tiny.edit(tiny.lesson, "measures = 1000", "measures = 2000")
    assert {path.parts[-3] for path in build(tiny.root)} == {"lessons"}
    assert seen == ["lessons"]


def test_a_build_mends_what_was_edited_and_check_tells_it(tiny):
    build(tiny.root)
    edited, missing = (notebook("exercises", NAME, lang, tiny.root) for lang in ("es", "en"))
    edited.write_text(edited.read_text().replace("raise", "pass"))
    missing.unlink()
    assert {(item.path.parts[1], item.what) for item in drift(tiny.root)} == {("es", "differs"), ("en", "missing")}
    assert set(build(tiny.root)) == {edited, missing} and drift(tiny.root) == []


def test_notebooks_without_a_source_go_and_those_of_others_stay(tiny):
    build(tiny.root)
    mine = tiny.root / "lessons" / "es" / "my_notes.ipynb"
    mine.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    tiny.exercise.unlink()
    assert {item.what for item in drift(tiny.root)} >= {"orphan"}
    build(tiny.root)
    assert mine.exists() and not notebook("exercises", NAME, "es", tiny.root).parent.exists()
    assert "exercises/" not in notebook("lessons", NAME, "es", tiny.root).read_text()  # no link to what has gone


def test_a_bad_source_does_not_stop_the_others(tiny):
    tiny.edit(tiny.exercise, "points=1", "points=0")
    with pytest.raises(SourceErrors, match="points"):
        build(tiny.root)
    assert notebook("lessons", NAME, "es", tiny.root).exists()
    with pytest.raises(SourceErrors):
        build(tiny.root)  # it is not forgotten


def test_unknown_units_are_refused_with_those_that_there_are(tiny):
    assert build(tiny.root, ["03"]) and not build(tiny.root, [NAME, f"lessons/{NAME}.py"])
    with pytest.raises(CourseError, match=NAME):
        build(tiny.root, ["04"])


def test_another_process_elsewhere_writes_the_same_bytes(tiny, tmp_path):
    build(tiny.root)
    first = contents(tiny.root)
    for path in builder.built(tiny.root):
        path.unlink()
    environment = {**os.environ, "PYTHONHASHSEED": "7", "LANG_COURSE": "es", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run(
        [sys.executable, "-c", "from mlprod.cli import main; main()", "build"],
        cwd="/",
        env=environment,
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    assert contents(tiny.root) == first


def test_an_idle_build_imports_nothing_heavy_and_is_quick(tiny):
    build(tiny.root)
    code = (
        "import sys; from pathlib import Path; from mlprod.authoring.build import build; "
        f"assert build(Path({str(tiny.root)!r})) == []; "
        "print([m for m in ('jupytext', 'nbformat', 'nbgrader', 'nbconvert') if m in sys.modules])"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - began < 10  # 0.2 s; the limit only catches a build that is not incremental


def test_what_a_student_sees(tiny):
    build(tiny.root)
    lesson = json.loads(notebook("lessons", NAME, "en", tiny.root).read_text())
    exercise = json.loads(notebook("exercises", NAME, "es", tiny.root).read_text())
    assert "".join(lesson["cells"][0]["source"]).startswith(
        "# Streams\n\n"
        f"*60 min · [Español](../es/{NAME}.ipynb) · [Exercises](../../exercises/en/{NAME}/{NAME}.ipynb)*\n\n"
        "What it"
    )
    assert (
        f"*30 min · 5 puntos · [English](../../en/{NAME}/{NAME}.ipynb) · [Lección](../../../lessons/es/{NAME}.ipynb)*"
        in ("".join(exercise["cells"][0]["source"]))
    )
    assert lesson["metadata"]["mlprod"] == {"generated": True, "lang": "en", "source": f"lessons/{NAME}.py"}
    assert lesson["metadata"]["kernelspec"]["name"] == "python3"
    assert lesson["cells"][0]["metadata"] == {"slideshow": {"slide_type": "slide"}}
    assert lesson["cells"][1]["metadata"] == {"tags": ["parameters"]}
    code = "".join("".join(cell["source"]) + "\n" for cell in lesson["cells"] if cell["cell_type"] == "code")
    assert 'start("en")' in code and "tr" not in code.replace("from", "") and "from mlprod import start\n" in code
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in lesson["cells"])


def test_a_variant_replaces_the_answer_and_nothing_else(tiny):
    source = load(tiny.exercise)
    task = source.tasks["middle"]
    plain, variant = (
        builder.render(source, "es"),
        builder.render_variant(source, "es", {"middle": task.wrongs[0].source}),
    )
    changed = [(a, b) for a, b in zip(plain.cells, variant.cells, strict=True) if a != b]
    assert len(changed) == 1
    before, after = changed[0]
    assert before.metadata == after.metadata and before.id == after.id
    assert after.source.startswith("# la media resume cualquier lista\ndef middle")
    with pytest.raises(KeyError, match="median"):
        builder.render_variant(source, "es", {"median": ""})


def test_each_section_leads_to_its_twin(tiny):
    """By the number of its cell, which both languages share; and what publishes the course can take it away again."""
    import nbformat

    from mlprod.authoring.navigation import without_switch

    build(tiny.root)
    sections = {}
    for lang, other, label in (("es", "en", "English"), ("en", "es", "Español")):
        cells = nbformat.read(notebook("lessons", NAME, lang, tiny.root), 4).cells
        sections[lang] = [cell for cell in cells if cell.cell_type == "markdown" and cell.source.startswith("## ")]
        for cell in sections[lang]:
            heading, _, link, *rest = cell.source.split("\n")
            assert link == f"[{label}](../{other}/{NAME}.ipynb#cell-id={cell.id})"
            assert without_switch(cell.source) == "\n".join([heading, *(["", *rest[1:]] if rest else [])])
    assert len(sections["es"]) >= 1 and [c.id for c in sections["es"]] == [c.id for c in sections["en"]]
