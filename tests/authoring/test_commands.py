"""The commands, as an author types them."""

import json

import pytest
import typer
from typer.testing import CliRunner

from mlprod.authoring import commands
from mlprod.errors import CourseError


@pytest.fixture
def run(tiny):
    app = typer.Typer()
    commands.register(app)

    def invoke(*words: str):
        return CliRunner().invoke(app, words)

    return invoke


def test_build_says_what_it_wrote_and_check_is_content(tiny, run):
    assert "lessons/es/03_streams.ipynb" in run("build").stdout
    assert "up to date" in run("build", "03").stdout
    assert run("build", "--check").exit_code == 0
    assert run("check").exit_code == 0


def test_check_prints_findings_and_drift_and_fails(tiny, run):
    run("build")
    tiny.edit(tiny.lesson, "# en: how many measures", "# how many measures")
    result = run("check")
    assert result.exit_code == 1
    assert "lessons/03_streams.py:31: comment-twin: " in result.stdout
    assert "lessons/es/03_streams.ipynb:1: drift: " in result.stdout
    result = run("build", "--check", "03_streams")
    assert result.exit_code == 1 and "lessons/es/03_streams.ipynb" in result.stderr


def test_check_tells_a_source_that_cannot_be_read_once(tiny, run):
    tiny.edit(tiny.exercise, "points=1", "points=0")
    assert run("check", "03").stdout.count(": points: ") == 1


def test_new_unit_builds_what_it_begins(tiny, run):
    run("build")
    assert "exercises/es/05_clouds/05_clouds.ipynb" in run("new-unit", "05_clouds").stdout
    assert run("check").exit_code == 0
    assert isinstance(run("new-unit", "05_clouds").exception, CourseError)


def test_coverage_writes_its_report(tiny, run):
    assert "3 rows: 0 taught, 0 graded" in run("coverage").stdout
    assert len(json.loads((tiny.root / "build" / "reports" / "coverage.json").read_text())["rows"]) == 3


@pytest.mark.parametrize("code", [0, 1])
def test_check_goes_on_to_the_audit_and_fails_with_it(tiny, code):
    app, units = typer.Typer(), []
    commands.register(app)

    @app.command()
    def audit(which: list[str]) -> None:
        units.extend(which)
        raise typer.Exit(code)

    CliRunner().invoke(app, ["build"])
    assert CliRunner().invoke(app, ["check", "--audit", "03"]).exit_code == code
    assert units == ["03"]
