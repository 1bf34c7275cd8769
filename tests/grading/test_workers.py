"""How mlprod grade works: workers, one writer, whatever happens in between; the gradebook is as nbgrader makes it."""

import contextlib
import os
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbgrader.api import Gradebook, MissingEntry

sys.path.insert(0, str(Path(__file__).parent))
from classes import make_class
from running import contents, files, killed, mlprod_grade, points

from mlprod.authoring.build import build
from mlprod.course import sources
from mlprod.errors import CourseError
from mlprod.grading import configuration, executors, grade, intake, quicker_gradebook
from mlprod.grading.clone import TABLES, URL, open_clone, seed
from mlprod.grading.executors import Pool
from mlprod.grading.gradebook import Writer
from mlprod.grading.together import Task, Together
from mlprod.grading.work import WORK, work_folder
from mlprod.grading.workers import Graded, Outcome, Setup, nbgrader_api

REPOSITORY = Path(__file__).parents[2]
CLASS_SIZE = int(os.environ.get("MLPROD_CLASS_SIZE", "8"))


def stock(root, nbgrader, assignment):
    """Let nbgrader's own commands grade the same submissions; returns what its gradebook then says."""
    for step in ("autograded", "feedback"):
        shutil.rmtree(root / "grading" / step, ignore_errors=True)
    (root / "grading" / "gradebook.db").unlink(missing_ok=True)
    nbgrader(root, "generate_assignment", assignment, "--force")
    nbgrader(root, "autograde", assignment)
    nbgrader(root, "generate_feedback", assignment)
    return contents(root, assignment)


@pytest.fixture
def recorded(once, tmp_path):
    """A copy of it, nbgrader for it, and a writer."""
    root = tmp_path / "course"
    shutil.copytree(once, root)
    config = configuration.load(root)
    api = nbgrader_api(config)
    with work_folder(root) as work:
        writer = Writer(api, Setup(root, "90_toy", work, False, None, ()))
        yield SimpleNamespace(root=root, api=api, setup=writer.setup, writer=writer, config=config)
        writer.close()


def outcome(recorded, student, score, timestamp=None):
    """What a worker would hand back for a submission that earns `score` in each cell, with its files."""
    from mlprod.grading.clone import submission_rows

    path = recorded.setup.work / f"{student}.db"
    with Gradebook(f"sqlite:///{path}") as copy:
        pass
    path.write_bytes(seed(recorded.writer.gradebook, "90_toy", [student]))
    with Gradebook(f"sqlite:///{path}") as copy:
        copy.update_or_create_student(student)
        extra = {"timestamp": timestamp} if timestamp else {}
        submission = copy.update_or_create_submission("90_toy", student, **extra)
        for given in submission.notebooks[0].grades:
            given.auto_score, given.needs_manual_grade = score, given.manual_score is not None
        copy.db.commit()
        rows = submission_rows(copy, "90_toy", [student])
    for step in ("autograded", "feedback"):
        folder = recorded.setup.folder(step) / student / "90_toy"
        folder.mkdir(parents=True)
        (folder / f"{step}.txt").write_text(str(score))
    return Outcome(Graded(student, "graded", score), rows, ("autograded", "feedback"))


def scores(recorded):
    return {key[:2]: value[0] for key, value in contents(recorded.root, "90_toy").items() if key[2] == "Grade"}


def test_a_clone_holds_the_assignment_and_only_the_submissions_asked_for(recorded, monkeypatch):
    for name in ("__init__", "close"):
        monkeypatch.setattr(Gradebook, name, getattr(Gradebook, name))  # put back what open_clone changes
    recorded.writer.record(outcome(recorded, "ana", 1.0))
    recorded.writer.record(outcome(recorded, "bea", 2.0))
    real = contents(recorded.root, "90_toy")
    clone = open_clone(seed(recorded.writer.gradebook, "90_toy", ["ana"]))
    assert contents(recorded.root, "90_toy", URL) == {key: value for key, value in real.items() if key[0] == "ana"}
    with clone.gradebook() as gradebook:
        gradebook.find_submission("90_toy", "ana").notebooks[0].grades[0].manual_score = 9
        gradebook.update_or_create_student("eva")
        gradebook.db.commit()
    clone.reset()
    with clone.gradebook() as gradebook:
        assert [student.id for student in gradebook.students] == ["ana"]
    assert contents(recorded.root, "90_toy") == real, "the real one knows nothing of it"


def test_recording_adds_updates_and_leaves_what_people_gave(recorded):
    recorded.writer.record(outcome(recorded, "ana", 1.0))
    assert set(scores(recorded).values()) == {1.0}
    with recorded.api.gradebook as gradebook:
        given = gradebook.find_submission("90_toy", "ana").notebooks[0].grades[0]
        given.manual_score, given.extra_credit, name = 0.5, 0.25, given.name
        comment = gradebook.find_submission("90_toy", "ana").notebooks[0].comments[0]
        comment.manual_comment = "Bien."
        gradebook.db.commit()
    recorded.writer.record(outcome(recorded, "ana", 2.0, "2026-11-27 10:00:00 UTC"))
    after = contents(recorded.root, "90_toy")
    assert after["ana", name, "Grade"][:4] == (2.0, 0.5, 0.25, True)
    assert [value[3] for key, value in after.items() if key[2] == "Grade" and key[1] != name] == [False] * 3
    assert ["Bien." in value for key, value in after.items() if key[2] == "Comment"].count(True) == 1
    assert {str(value[-3]) for value in after.values()} == {"2026-11-27 10:00:00"}
    with recorded.api.gradebook as gradebook:
        assert len(gradebook.assignment_submissions("90_toy")) == len(gradebook.students) == 1


@pytest.mark.parametrize("moment", ["folders", "gradebook", "autograded", "feedback"])
def test_stopped_at_any_moment_it_is_not_taken_for_done(recorded, monkeypatch, moment):
    writer = recorded.writer
    (recorded.root / "grading" / "submitted" / "ana" / "90_toy").mkdir(parents=True)
    writer.record(outcome(recorded, "ana", 1.0))
    assert writer.to_do(["ana"], force=False) == {"ana": "nothing"}

    class Killed(BaseException):
        pass

    def after(number, function):
        calls = []

        def counted(*arguments):
            calls.append(arguments)
            if len(calls) == number:
                raise Killed
            return function(*arguments)

        return counted

    again = outcome(recorded, "ana", 2.0)
    # renames, in their order: old autograded, old feedback, new autograded, new feedback
    if moment == "gradebook":
        monkeypatch.setattr("mlprod.grading.gradebook._record", after(1, None))
    else:
        number = {"folders": 2, "autograded": 3, "feedback": 4}[moment]
        monkeypatch.setattr("mlprod.grading.gradebook.os.rename", after(number, os.rename))
    with pytest.raises(Killed):
        writer.record(again)
    monkeypatch.undo()
    expected = "feedback" if moment == "feedback" else "all"
    assert writer.to_do(["ana"], force=False) == {"ana": expected}
    assert set(scores(recorded).values()) == ({1.0} if moment in ("folders", "gradebook") else {2.0})
    shutil.rmtree(recorded.setup.folder("autograded"))
    shutil.rmtree(recorded.setup.folder("feedback"))
    writer.record(outcome(recorded, "ana", 2.0))
    assert writer.to_do(["ana"], force=False) == {"ana": "nothing"}
    assert (recorded.root / "grading" / "autograded" / "ana" / "90_toy" / "autograded.txt").read_text() == "2.0"


def test_prepared_queries_find_what_nbgraders_do(recorded):
    recorded.writer.record(outcome(recorded, "ana", 1.0))
    asked = {
        "find_student": ("ana",),
        "find_assignment": ("90_toy",),
        "find_notebook": ("90_toy", "90_toy"),
        "find_submission": ("90_toy", "ana"),
        "find_submission_notebook": ("90_toy", "90_toy", "ana"),
        "find_grade": ("test_double", "90_toy", "90_toy", "ana"),
        "find_comment": ("double", "90_toy", "90_toy", "ana"),
    }
    assert set(asked) == set(quicker_gradebook._prepared_finds)
    with recorded.api.gradebook as gradebook:
        for name, find in quicker_gradebook._prepared_finds.items():
            stock = getattr(Gradebook, name)
            assert find(gradebook, *asked[name]) is stock(gradebook, *asked[name])
            for nowhere in range(len(asked[name])):
                values = [*asked[name][:nowhere], "nowhere", *asked[name][nowhere + 1 :]]
                with pytest.raises(MissingEntry):
                    find(gradebook, *values)


def test_what_is_to_be_done(recorded):
    writer, folder = recorded.writer, recorded.root / "grading"
    submitted = folder / "submitted" / "ana" / "90_toy"
    submitted.mkdir(parents=True)
    assert writer.to_do(["ana"], force=False) == {"ana": "all"}
    writer.record(outcome(recorded, "ana", 1.0))
    assert writer.to_do(["ana"], force=True) == {"ana": "all"}
    (submitted / "timestamp.txt").write_text("2026-11-27 10:00:00 UTC")
    (folder / "autograded" / "ana" / "90_toy" / "timestamp.txt").write_text("2026-11-27 09:00:00 UTC")
    assert writer.to_do(["ana"], force=False) == {"ana": "all"}, "it was handed in again"
    (submitted / "timestamp.txt").write_text("2026-11-27 09:00:00 UTC")
    assert writer.to_do(["ana"], force=False) == {"ana": "nothing"}
    shutil.rmtree(folder / "feedback" / "ana")
    assert writer.to_do(["ana"], force=False) == {"ana": "feedback"}
    with writer.gradebook.engine.begin() as connection:
        for name in reversed(TABLES):
            if name in ("grade", "comment", "submitted_notebook", "submitted_assignment"):
                connection.execute(TABLES[name].delete())
    assert writer.to_do(["ana"], force=False) == {"ana": "all"}, "the gradebook does not know of it"


def test_what_changed_is_not_done_until_it_is_graded_again(recorded):
    """Whatever ends the command in between."""
    recorded.writer.record(outcome(recorded, "ana", 1.0))
    (recorded.root / "grading" / "submitted" / "ana" / "90_toy").mkdir(parents=True)
    grader = grade.Grader(recorded.writer, Together(two_processes))
    assert [graded.state for graded in grader.begin(["ana"])] == ["skipped"]
    assert grader.begin(["ana"], changed=["ana"]) == [] and grader.together.students == {"ana"}
    assert recorded.writer.to_do(["ana"], force=False) == {"ana": "all"}


def test_there_are_no_more_workers_than_there_is_to_do(once, tmp_path, monkeypatch):
    root = tmp_path / "course"
    shutil.copytree(once, root)
    monkeypatch.setattr(Writer, "to_do", lambda self, students, force: {"ana": "nothing", "bea": "all"})
    monkeypatch.setattr(Writer, "skipped", lambda self, student: Graded(student, "skipped"))
    monkeypatch.setattr(grade, "forked_kernels", lambda *modules, **options: contextlib.nullcontext("none"))
    asked = []

    def processes(workers):
        asked.append(workers)
        raise CourseError("enough")

    monkeypatch.setattr(executors, "processes", processes)
    with pytest.raises(CourseError), grade.grade("90_toy", ["ana", "bea"], root, sandboxed=False, workers=4):
        pass
    assert asked == [1]


@pytest.mark.parametrize("text", ["tomorrow", "9" * 40, "x" * 2000, b"\xff\xfe"])
def test_a_timestamp_that_is_none_costs_its_submission_alone(recorded, text):
    submitted = recorded.root / "grading" / "submitted" / "ana" / "90_toy"
    submitted.mkdir(parents=True)
    recorded.writer.record(outcome(recorded, "ana", 1.0))
    (submitted / "timestamp.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert recorded.writer.to_do(["ana"], force=False) == {"ana": "all"}
    nbformat.write(nbformat.v4.new_notebook(), submitted / "90_toy.ipynb")
    assert "timestamp.txt" in intake.look(submitted, "90_toy").problem


def test_a_pipe_in_place_of_a_timestamp_holds_up_nobody(recorded):
    submitted = recorded.root / "grading" / "submitted" / "ana" / "90_toy"
    submitted.mkdir(parents=True)
    os.mkfifo(submitted / "timestamp.txt")
    recorded.writer.record(outcome(recorded, "ana", 1.0))
    assert recorded.writer.to_do(["ana"], force=False) == {"ana": "all"}


def test_only_one_command_grades_a_course_at_a_time(tmp_path):
    with work_folder(tmp_path) as work:
        (work / "left").touch()
        with pytest.raises(CourseError), work_folder(tmp_path):
            pass
    (tmp_path / WORK / "killed").mkdir()
    with work_folder(tmp_path) as other:
        assert other.is_dir()
    assert sorted(path.name for path in (tmp_path / WORK).iterdir()) == [".gitignore", "lock"]


def ends_at(student):
    if student.startswith("bad"):
        os._exit(3)
    time.sleep(0.05)
    return Outcome(Graded(student, "graded", 1.0))


@contextlib.contextmanager
def two_processes():
    with ProcessPoolExecutor(2) as executor:
        yield Pool(executor, 2, True)


def graded_together(monkeypatch, open_pool, work, students):
    """What comes of `students` when `work` does what a worker does."""
    monkeypatch.setattr(Together, "_submit", lambda self, task: self.pool.executor.submit(work, task.student))
    done = []
    with Together(open_pool) as together:
        together.add(Task(None, student) for student in students)
        while together.busy:
            assert {task.student for task, _ in done}.isdisjoint(together.students)
            done += together.outcomes()
    return [outcome for _, outcome in done]


def test_a_worker_that_ends_takes_nobody_with_it(monkeypatch):
    students = [*(f"s{number}" for number in range(6)), "bad1", *(f"t{number}" for number in range(6)), "bad2"]
    outcomes = graded_together(monkeypatch, two_processes, ends_at, students)
    assert sorted(outcome.graded.student for outcome in outcomes) == sorted(students)
    failed = [outcome for outcome in outcomes if outcome.graded.state == "failed"]
    assert sorted(outcome.graded.student for outcome in failed) == ["bad1", "bad2"]
    assert {outcome.ended for outcome in failed} == {True}, "nothing is recorded of them"


def test_workers_that_cannot_start_are_an_error(monkeypatch):
    @contextlib.contextmanager
    def cannot():
        raise BrokenProcessPool("no memory")
        yield

    assert list(Together(cannot).outcomes(0)) == [], "without a task nobody starts any"
    with pytest.raises(BrokenProcessPool):
        graded_together(monkeypatch, cannot, ends_at, ["ana"])


def test_what_workers_are_at_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(Together, "_submit", lambda self, task: self.pool.executor.submit(time.sleep, 60))
    began = time.monotonic()
    with Together(lambda: executors.processes(2)) as together:
        together.add([Task(None, "ana"), Task(None, "bea")])
        assert list(together.outcomes(0.1)) == [] and together.students == {"ana", "bea"}
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("order", [0, 1])
def test_the_order_of_completion_does_not_matter(recorded, order):
    outcomes = [outcome(recorded, student, float(number)) for number, student in enumerate(["ana", "bea", "eva"])]
    for each in reversed(outcomes) if order else outcomes:
        recorded.writer.record(each)
    assert {student: score for (student, _), score in scores(recorded).items()} == {"ana": 0.0, "bea": 1.0, "eva": 2.0}


def test_a_window_of_submissions_is_with_the_workers(monkeypatch):
    most, now = 0, 0

    def work(student):
        nonlocal most, now
        now += 1
        most = max(most, now)
        time.sleep(0.01)
        now -= 1
        return Outcome(Graded(student, "graded"))

    @contextlib.contextmanager
    def threads():
        with ThreadPoolExecutor(16) as executor:
            yield Pool(executor, 2, True)

    outcomes = graded_together(monkeypatch, threads, work, [str(number) for number in range(30)])
    done = [outcome.graded.student for outcome in outcomes]
    assert sorted(done, key=int) == [str(n) for n in range(30)] and most <= 4


@pytest.mark.slow
def test_gradebook_and_files_are_stock_nbgraders(new_course, nbgrader, submit):
    """The same rows in the gradebook and the same files, but for the moments at which cells were executed."""
    root = new_course()
    make_class(root, "90_toy", 8)
    (root / "grading" / "submitted" / "right_es_0000" / "90_toy" / "timestamp.txt").write_text(
        "2026-11-27 10:00:00 UTC"
    )
    (root / "grading" / "submitted" / "right_es_0000" / "90_toy" / "data.csv").write_text("1,2\n")
    mlprod_grade(root, "90_toy")
    ours, ours_files = contents(root, "90_toy"), {step: files(root, step) for step in ("autograded", "feedback")}
    pages = {path: (root / path).read_text() for path in ours_files["feedback"]}
    notebooks = {path: nbformat.read(root / path, 4) for path in ours_files["autograded"] if path.endswith("ipynb")}
    assert ours == stock(root, nbgrader, "90_toy")
    assert {step: files(root, step) for step in ("autograded", "feedback")} == ours_files
    for path, page in pages.items():
        assert (root / path).read_text() == page, path
    for path, mine in notebooks.items():
        theirs = nbformat.read(root / path, 4)
        assert [(c.source, outputs(c)) for c in mine.cells] == [(c.source, outputs(c)) for c in theirs.cells]
        assert mine.metadata == theirs.metadata


def outputs(cell):
    """A cell's outputs; where something failed, without the traceback: ours is Python's, which takes no time."""
    return [
        {name: value for name, value in output.items() if name != "traceback"} for output in cell.get("outputs", ())
    ]


@pytest.mark.slow
def test_killed_in_the_middle_and_started_again(new_course):
    root = new_course()
    students = make_class(root, "90_toy", CLASS_SIZE)
    whole = root.with_name("whole")
    shutil.copytree(root, whole)
    mlprod_grade(whole, "90_toy")
    for moment in (0.3, 0.7):
        killed(root, "90_toy", lambda moment=moment: len(files(root, "feedback")) >= 2 * moment * CLASS_SIZE)
    said = mlprod_grade(root, "90_toy")
    assert said.count("graded before") >= 0.7 * CLASS_SIZE - 1
    assert contents(root, "90_toy") == contents(whole, "90_toy")
    for step in ("autograded", "feedback"):
        assert files(root, step) == files(whole, step)
    assert points(contents(root, "90_toy")) == {name: student.score for name, student in students.items()}


@pytest.mark.slow
def test_a_dask_cluster_of_two_workers(new_course):
    from distributed import LocalCluster

    root = new_course()
    students = make_class(root, "90_toy", 4)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        said = mlprod_grade(root, "90_toy", "--scheduler", cluster.scheduler_address)
    assert "4 graded" in said
    assert points(contents(root, "90_toy")) == {name: student.score for name, student in students.items()}
    assert len(files(root, "feedback")) == 8


def test_a_scheduler_that_does_not_answer(new_course, submit, monkeypatch):
    from mlprod.authoring.source import load

    monkeypatch.setattr(executors, "ANSWER_SECONDS", 0.5)
    root = new_course()
    submit(root, load(root / "solutions" / "90_toy.py"), "ana", "es")
    with (
        pytest.raises(CourseError, match="tcp://127.0.0.1:9"),
        grade.grade("90_toy", ["ana"], root, sandboxed=False, scheduler="tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.slow
def test_a_gradebook_in_postgresql(new_course):
    from mlprod.systems import postgres

    try:
        database = postgres.database()
    except (CourseError, OSError, RuntimeError) as error:
        pytest.skip(f"no PostgreSQL here: {error}")
    root = new_course()
    students = make_class(root, "90_toy", 4)
    with database as db:
        url = db.url.replace("postgresql:", "postgresql+psycopg:")
        said = mlprod_grade(root, "90_toy", NBGRADER_DB_URL=url)
        assert "4 graded" in said, said
        again = mlprod_grade(root, "90_toy", NBGRADER_DB_URL=url)
        assert again.count("graded before") == 4
        found = contents(root, "90_toy", url)
    assert not (root / "grading" / "gradebook.db").exists()
    assert points(found) == {name: student.score for name, student in students.items()}


@pytest.mark.slow
@pytest.mark.parametrize("path", sources("solutions", REPOSITORY), ids=lambda path: path.stem)
def test_each_units_solution_scores_as_in_stock_nbgrader(path, tmp_path, nbgrader, submit):
    from mlprod.authoring.source import load

    root = tmp_path / "course"
    for folder in ("lessons", "solutions", "grading"):
        (root / folder).mkdir(parents=True)
    (root / "datasets").symlink_to(REPOSITORY / "datasets")
    shutil.copy(REPOSITORY / "grading" / "nbgrader_config.py", root / "grading")
    shutil.copy(path, root / "solutions")
    build(root)
    source = load(root / "solutions" / path.name)
    submit(root, source, "ana", "es", essay="Escrito.")
    mlprod_grade(root, source.name)
    ours = contents(root, source.name)
    full = sum(task.points for task in source.tasks.values())
    assert sum(value[0] or 0.0 for key, value in ours.items() if key[2] == "Grade") == full
    assert ours == stock(root, nbgrader, source.name)


def test_nbgraders_configuration_reads_the_address_of_the_gradebook(monkeypatch):
    monkeypatch.setenv("NBGRADER_DB_URL", "postgresql+psycopg://somewhere/grades")
    assert configuration.load(REPOSITORY).CourseDirectory.db_url == "postgresql+psycopg://somewhere/grades"
    monkeypatch.delenv("NBGRADER_DB_URL")
    assert configuration.load(REPOSITORY).CourseDirectory.db_url.endswith("grading/gradebook.db")


def test_the_api_says_nothing_to_the_terminal(recorded, capfd):
    nbgrader_api(recorded.config).log.error("not for the terminal")
    assert capfd.readouterr() == ("", "")
