"""The gradebook in which a worker grades says what nbgrader's own would, though it asks and writes less often."""

import pytest
from nbgrader.api import Comment, Grade, Gradebook, InvalidEntry, Student
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from mlprod.grading import clone as clones
from mlprod.grading import quicker_gradebook

ASKED = ("90_toy", "ana")


@pytest.fixture
def exercise(once):
    """A clone's seed with the toy exercise and nobody's submission."""
    with Gradebook(f"sqlite:///{once}/grading/gradebook.db") as gradebook:
        return clones.seed(gradebook, "90_toy", [])


@pytest.fixture
def clone(exercise, monkeypatch):
    """As a worker has it; put back afterwards."""
    changed = ("__init__", "close", *quicker_gradebook._prepared_finds, *quicker_gradebook._additions)
    for name in changed:
        monkeypatch.setattr(Gradebook, name, getattr(Gradebook, name))
    quicker_gradebook.quicken_gradebooks()
    return clones.open_clone(exercise)


@pytest.fixture
def submitted(clone):
    with clone.gradebook() as gradebook:
        gradebook.update_or_create_student("ana")
        gradebook.update_or_create_submission(*ASKED, timestamp="2026-11-28 10:00:00 CET")


def rows(gradebook):
    """What was added for a submission, without the numbers that are drawn."""
    found = clones.submission_rows(gradebook, "90_toy", ["ana"])
    assert [row["id"] for row in found["student"]] == ["ana"]
    (submission,) = found["submitted_assignment"]
    assert {row["assignment_id"] for row in found["submitted_notebook"]} == {submission["id"]}
    notebooks = {row["id"]: row["notebook_id"] for row in found["submitted_notebook"]}

    def known(row):
        rest = {key: value for key, value in row.items() if key not in ("id", "notebook_id", "assignment_id")}
        return rest | {"of": notebooks.get(row.get("notebook_id"))}

    return submission["assignment_id"], {name: sorted(map(known, those), key=repr) for name, those in found.items()}


def test_a_submission_is_added_as_nbgrader_adds_it(exercise, submitted, clone, tmp_path):
    with clone.gradebook() as gradebook:
        ours = rows(gradebook)
    (tmp_path / "stock.db").write_bytes(exercise)
    with Gradebook(f"sqlite:///{tmp_path}/stock.db") as gradebook:
        quicker_gradebook._update_student(gradebook, "ana")
        quicker_gradebook._update_submission(gradebook, *ASKED, timestamp="2026-11-28 10:00:00 CET")
        assert rows(gradebook) == ours
    assert len(ours[1]["grade"]) > 2 and len(ours[1]["comment"]) > 1


def test_one_that_is_there_is_brought_up_to_date(submitted, clone):
    with clone.gradebook() as gradebook:
        before = gradebook.find_submission(*ASKED)
        after = gradebook.update_or_create_submission(*ASKED, timestamp="2026-11-28 12:00:00 UTC")
        assert after is before and after.timestamp.hour == 12
        gradebook.update_or_create_student("ana", first_name="Ana")
    with clone.gradebook() as gradebook:
        assert gradebook.find_student("ana").first_name == "Ana"
        assert len(gradebook.students) == len(gradebook.assignment_submissions("90_toy")) == 1


def test_what_the_database_computes_is_what_was_written_last(submitted, clone):
    with clone.gradebook() as outside:
        submission = outside.find_submission(*ASKED)
        assert (submission.score, submission.needs_manual_grade) == (0.0, True)
        for score in (1.0, 2.0):
            with clone.gradebook() as inside:
                notebook = inside.find_submission_notebook("90_toy", *ASKED)
                names = [grade.name for grade in notebook.grades]
                for name in names:
                    grade = inside.find_grade(name, "90_toy", *ASKED)
                    grade.auto_score, grade.needs_manual_grade = score, False
                    inside.db.commit()
            with clone.gradebook() as inside:
                assert inside.find_submission_notebook("90_toy", *ASKED).score == score * len(names)
                assert [inside.find_grade(name, "90_toy", *ASKED).score for name in names] == [score] * len(names)
                inside.find_comment("double", "90_toy", *ASKED).auto_comment = f"No response {score}."
                inside.db.commit()
            with clone.gradebook() as inside:
                assert inside.find_comment("double", "90_toy", *ASKED).comment == f"No response {score}."
            assert (submission.score, submission.needs_manual_grade) == (score * len(names), False)
            assert submission.max_score == inside.find_assignment("90_toy").max_score > 0


def test_what_was_not_to_be_written_is_not(submitted, clone):
    with clone.gradebook() as gradebook:
        gradebook.find_student("ana").first_name = "Eva"
    with clone.gradebook() as gradebook:
        assert gradebook.find_student("ana").first_name is None


def test_what_was_written_for_a_question_alone_is_not_kept(submitted, clone):
    with clone.gradebook() as gradebook:
        gradebook.find_student("ana").first_name = "Eva"
        assert [student.first_name for student in gradebook.students] == ["Eva"]
    with clone.gradebook() as gradebook:
        assert gradebook.find_student("ana").first_name is None


def test_after_what_cannot_be_written_it_goes_on(submitted, clone):
    with pytest.raises(IntegrityError), clone.gradebook() as gradebook:
        gradebook.find_submission(*ASKED).notebooks[0].grades[0].needs_manual_grade = None
        gradebook.db.commit()
    clone.reset()
    with clone.gradebook() as gradebook:
        assert gradebook.students == [] and gradebook.find_assignment("90_toy").max_score > 0


def test_a_rollback_loses_nothing_that_was_committed(clone):
    with clone.gradebook() as gradebook:
        gradebook.update_or_create_student("ana")
        with pytest.raises(InvalidEntry):
            gradebook.add_student("ana")
        assert gradebook.find_student("ana").id == "ana"
    assert [row["id"] for row in clones.submission_rows(gradebook, "90_toy", ["ana"])["student"]] == ["ana"]


def test_an_error_reaches_whoever_added_it(submitted, clone):
    with clone.gradebook() as gradebook:
        with pytest.raises(InvalidEntry):
            gradebook.add_student("ana")
        assert [student.id for student in gradebook.students] == ["ana"]


def test_the_next_submission_finds_the_assignment_and_nothing_of_the_one_before(submitted, clone):
    with clone.gradebook() as gradebook:
        assignment, ours = gradebook.find_assignment("90_toy"), gradebook.find_submission(*ASKED)
        assert assignment.submissions == [ours] and ours.notebooks[0].notebook.submissions == ours.notebooks
        assert ours.notebooks[0].grades[0].cell.grades == ours.notebooks[0].grades[:1]
        ours.notebooks[0].grades[0].manual_score = 9
    clone.reset()
    with clone.gradebook() as gradebook:
        for kind in (Student, Grade, Comment):
            assert gradebook.db.scalars(select(kind)).all() == []
        found = gradebook.find_assignment("90_toy")
        assert found.submissions == found.notebooks[0].submissions == []
        assert all(cell.grades == [] for cell in found.notebooks[0].grade_cells)
        gradebook.update_or_create_student("bea")
        assert gradebook.update_or_create_submission("90_toy", "bea").score == 0.0
    clone.reset()
    with clone.gradebook() as gradebook:
        assert gradebook.students == []


def test_another_seed_is_read_anew(exercise, submitted, clone):
    with clone.gradebook() as gradebook:
        gradebook.find_assignment("90_toy").duedate = None
        other = clones.seed(gradebook, "90_toy", ["ana"])
        before = gradebook.find_assignment("90_toy")
    clone.begin(other)
    with clone.gradebook() as gradebook:
        assert gradebook.find_assignment("90_toy") is not before
        assert gradebook.find_submission(*ASKED).student.id == "ana"
    clone.begin(exercise)
    with clone.gradebook() as gradebook:
        assert gradebook.students == []


def test_a_commit_for_each_cell_is_not_a_statement_for_each(submitted, clone):
    statements = []
    event.listen(clone.engine, "before_cursor_execute", lambda *about: statements.append(about[2]))
    with clone.gradebook() as gradebook:
        for name in [cell.name for cell in gradebook.find_notebook("90_toy", "90_toy").grade_cells]:
            gradebook.find_grade(name, "90_toy", *ASKED).auto_score = 1.0
            gradebook.db.commit()
        assert not [statement for statement in statements if statement.startswith("UPDATE")]
    assert len([statement for statement in statements if statement.startswith("UPDATE")]) == 1
