"""What a submission may try, tried: what it earns, what the teacher reads, and that nobody else notices."""

import base64
import contextlib
import html
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbgrader.api import Gradebook
from sqlalchemy.exc import DatabaseError

sys.path.insert(0, str(Path(__file__).parent))
import attacks
from attacked_course import UNIT, hand_in, new_course
from attacks import ATTACKS

from mlprod.grading import configuration, incidents, intake, kernels, sandbox
from mlprod.grading.student_view import bare, hidden_lines
from mlprod.grading.wire_client import WireKernelManager

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason=f"no sandbox here: {sandbox.problem()}")
MEMORY = 800 * 2**20


def nbgrader_api(config):
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory

    log = logging.getLogger("mlprod.attacks")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    api = NbGraderAPI(CourseDirectory(config=config, log=log), config=config, log=log)
    release = api.coursedir.release_directory
    with tempfile.TemporaryDirectory() as folder:
        api.coursedir.release_directory = folder
        assert api.generate_assignment(UNIT)["success"]
    api.coursedir.release_directory = release
    return api


@contextlib.contextmanager
def grading(root, **options):
    """The course, graded on sandboxed kernels as `mlprod grade` does, in this process, with short limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "MEMORY_LIMIT", MEMORY)
        patch.setenv("LANG_COURSE", "en")
        config = configuration.load(root)
        with kernels.forked_kernels(["numpy"], sandboxed=True, **options) as name:
            config.Execute.kernel_name = name
            config.Execute.timeout = 5
            config.Execute.iopub_timeout = 3
            yield SimpleNamespace(root=root, api=nbgrader_api(config))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course whose submissions are graded on light kernels, prepared."""
    root = new_course(tmp_path_factory.mktemp("attacks") / "course")
    light = configuration.kernel_arguments(configuration.load(root))
    with pytest.MonkeyPatch.context() as patch, grading(root, light=light) as course:
        patch.setattr("nbgrader.preprocessors.execute.AsyncKernelManager", WireKernelManager)
        hand_in(root, "zoe")
        yield course


@pytest.fixture(scope="module")
def ordinary_course(course):
    """The same on ordinary kernels."""
    with grading(course.root) as ordinary:
        yield ordinary


def graded(course, student):
    """Points (None: not graded), incidents, why not, and seconds."""
    began = time.monotonic()
    with intake.received(course.api.coursedir, UNIT, student) as seen:
        if seen.problem:
            return SimpleNamespace(score=None, incidents=set(), says=seen.problem, seconds=0)
        result = course.api.autograde(UNIT, student, force=True)
    assert result["success"], result
    with course.api.gradebook as gradebook:
        score = gradebook.find_submission(UNIT, student).score
    noted = incidents.in_file(course.root / "grading" / "autograded" / student / UNIT / f"{UNIT}.ipynb")
    says = incidents.text(noted)
    return SimpleNamespace(
        score=score, incidents={one["what"] for one in noted}, says=says, seconds=time.monotonic() - began
    )


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(course, attack):
    with socket.create_server(("127.0.0.1", 0)) as server:
        hand_in(course.root, attack.name, attack, server.getsockname()[1])
        before = gradebook_size(course)
        got = graded(course, attack.name)
    assert got.score == attack.score, got.says
    assert got.incidents == attack.incidents or attack.instead and got.incidents <= attack.incidents | attack.instead
    assert attack.says in got.says
    assert got.seconds < 60, "of the 300 that a submission may take"
    assert before <= gradebook_size(course), "the gradebook is as it was, and more"
    path = course.root / "grading" / "autograded" / attack.name / UNIT / f"{UNIT}.ipynb"
    if got.score is not None:
        assert path.stat().st_size < 10 * 2**20
        cells = nbformat.read(path, 4).cells
        shown = [str(cell.get("outputs")) if cell.cell_type == "code" else cell.source for cell in cells]
        assert not any("<script" in text for text in shown)
        assert sorted(path.parent.iterdir()) == [path] or attack.name in ("own_checks", "startup")
    if "hidden" in attack.stock:
        assert not leaked(course, attack.name)
    honest = graded(course, "zoe")
    assert (honest.score, honest.incidents) == (7, set()), "and the next one is graded as ever"


@pytest.mark.slow
@pytest.mark.stock
@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.stock != attacks.UNTRIED], ids=lambda attack: attack.name)
def test_stock(attack, tmp_path):
    """What nbgrader does without any of this: in a process namespace of its own, which is to be known intact."""
    assert stock_outcome(attack, tmp_path) in attack.stock


def stock_outcome(attack, tmp_path):
    root = new_course(tmp_path / "course")
    names = ("root", "source", "submitted", "autograded", "db_url")
    own = (root / "grading" / "nbgrader_config.py").read_text().split("\n")
    kept = [line for line in own if any(f"CourseDirectory.{name}" in line for name in names)]
    head = (
        f"import os\nc = get_config()\nroot, lang = {str(root)!r}, 'es'\nc.Execute.timeout = {attack.stock_timeout}\n"
    )
    (root / "grading" / "nbgrader_config.py").write_text(head + "\n".join(kept) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        hand_in(root, "zoe")
        hand_in(root, "ana", attack, server.getsockname()[1])
        home = tmp_path / "home"
        home.mkdir()
        environment = {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
        walls = ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--die-with-parent"]
        for command in (["generate_assignment", UNIT, "--force"], ["autograde", UNIT]):
            run = [*walls, Path(sys.executable).with_name("nbgrader"), *command]
            subprocess.run(run, cwd=root / "grading", env=environment, capture_output=True, timeout=150)
    scores = {}
    with contextlib.suppress(DatabaseError), Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        for student in ("ana", "zoe"):
            if (root / "grading" / "autograded" / student / UNIT / f"{UNIT}.ipynb").exists():
                scores[student] = gradebook.find_submission(UNIT, student).score
    if "zoe" not in scores:
        return "stops the class"
    said = f"{scores['ana']:g} of 7" if "ana" in scores else "fails"
    return said if scores["zoe"] == 7 else f"{said}, the next gets {scores['zoe']:g}"


def leaked(course, student):
    """What of the hidden tests stands in the feedback, as it is or in base64, backwards."""
    assert course.api.generate_feedback(UNIT, student, force=True)["success"]
    page = (course.root / "grading" / "feedback" / student / UNIT / f"{UNIT}.html").read_text()
    text = bare(html.unescape(re.sub(r"<[^>]*>", "", page)))
    secrets = hidden_lines(nbformat.read(course.root / "solutions" / "es" / UNIT / f"{UNIT}.ipynb", 4))
    assert secrets and "Corrección" in page
    decoded = [
        base64.b64decode(word + "==").decode(errors="replace") for word in re.findall(r"[A-Za-z0-9+/]{40,}", page)
    ]
    readings = [text, text[::-1], *map(bare, decoded)]
    return [secret for secret in secrets for reading in readings if bare(secret) in reading]


@pytest.mark.parametrize("name", ["swallows", "os_exit", "memory", "output_loop"])
def test_attack_on_ordinary_kernels(ordinary_course, name, monkeypatch):
    """With Jupyter's own sockets, as nbgrader's commands and formgrader have them."""
    monkeypatch.setattr("nbgrader.preprocessors.execute.AsyncKernelManager", AsyncKernelManager)
    attack = next(attack for attack in ATTACKS if attack.name == name)
    hand_in(ordinary_course.root, f"ordinary_{name}", attack)
    got = graded(ordinary_course, f"ordinary_{name}")
    assert (got.score, got.incidents) == (attack.score, set(attack.incidents)), got.says


def gradebook_size(course):
    return (course.root / "grading" / "gradebook.db").stat().st_size


def test_the_table_is_the_tests():
    assert attacks.readme(attacks.README.read_text()) == attacks.README.read_text(), "python tests/grading/attacks.py"


@pytest.mark.slow
def test_the_teacher_reads_what_happened(tmp_path):
    """`mlprod grade` itself: every submission has its line, and a reason in the language."""
    root = new_course(tmp_path / "course")
    for name in ("os_exit", "edited", "empty", "link"):
        hand_in(root, name, next(attack for attack in ATTACKS if attack.name == name))
    hand_in(root, "zoe")
    command = [sys.executable, "-c", "from mlprod.cli import main; main()", "grade", UNIT]
    environment = {**os.environ, "LANG_COURSE": "es", "COLUMNS": "300"}
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=200, env=environment)
    lines = {line.split(":")[0]: line for line in run.stdout.splitlines() if ":" in line}
    assert run.returncode == 1
    assert "7 / 7" in lines["zoe"] and "4 / 7" in lines["os_exit"] and "terminó el kernel" in lines["os_exit"]
    assert "repuestas" in lines["edited"] and "data.db" in lines["link"] and "7 / 7" in lines["link"]
    assert "está vacío" in lines["empty"]
