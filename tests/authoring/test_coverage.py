"""Coverage of the syllabus: from `row=` marks to the report."""

import json

import pytest

from mlprod.authoring import coverage
from mlprod.errors import CourseError


def test_the_report(tiny):
    tiny.edit(
        tiny.lesson, '# %% [markdown] lang="es" slide="slide"\n# ## El', '# %% [markdown] lang="es" row="1-2"\n# ## El'
    )
    tiny.edit(tiny.exercise, 'test="middle/unchanged"', 'test="middle/unchanged" row="2 3"')
    tiny.edit(tiny.exercise, 'essay="when_not" points=2', 'essay="when_not" row="3" points=2')
    rows = coverage.measure(tiny.root)
    report = json.loads(coverage.write(tiny.root, rows).read_text())
    assert report == {
        "rows": [
            {"id": 1, "unit": "03", "taught": True, "graded": False, "lesson": "03_streams", "tasks": []},
            {
                "id": 2,
                "unit": "03",
                "taught": True,
                "graded": True,
                "lesson": "03_streams",
                "tasks": ["03_streams/middle"],
            },
            {
                "id": 3,
                "unit": "03",
                "taught": False,
                "graded": True,
                "lesson": None,
                "tasks": ["03_streams/middle", "03_streams/when_not"],
            },
        ]
    }
    assert "2 taught, 2 graded" in coverage.table(rows).title


def test_rows_that_are_not_in_the_syllabus_are_refused(tiny):
    tiny.edit(tiny.exercise, 'test="middle/unchanged"', 'test="middle/unchanged" row="4"')
    with pytest.raises(CourseError, match=r"solutions/03_streams\.py:\d+: .* no row 4"):
        coverage.measure(tiny.root)


@pytest.mark.parametrize("text", ["- {id: 1}", "- {id: 1, unit: a, es: a, en: a}\n" * 2, "[", "a: b"])
def test_bad_syllabuses_are_refused(tiny, text):
    (tiny.root / coverage.SYLLABUS).write_text(text)
    with pytest.raises(CourseError, match=r"syllabus\.yml"):
        coverage.measure(tiny.root)
