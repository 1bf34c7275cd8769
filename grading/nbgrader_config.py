"""nbgrader's configuration: one gradebook for both languages. Run nbgrader's commands from this folder.

COURSE_LANG (es or en) says whose sources and releases `nbgrader generate_assignment` uses; everything after that is
the same for both languages, because what is graded is identical in them.
"""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821  (given by traitlets)
root = Path(__file__).resolve().parent.parent
lang = os.environ.get("COURSE_LANG", "es")
if lang not in ("es", "en"):
    raise ValueError(f"COURSE_LANG={lang}: es o en / es or en")

# nbgrader calls `alembic` by name. Without it the first command leaves a gradebook that has no version, and the next
# ones then seem to work: the environment's own programs come first, whether or not it was activated.
programs = str(Path(sys.executable).parent)
if programs not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join(filter(None, (programs, os.environ.get("PATH"))))

c.CourseDirectory.course_id = "mlprod"
c.CourseDirectory.root = str(root)
c.CourseDirectory.source_directory = f"solutions/{lang}"
c.CourseDirectory.release_directory = f"exercises/{lang}"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
c.CourseDirectory.solution_directory = "grading/solution"
c.CourseDirectory.db_url = os.environ.get("NBGRADER_DB_URL") or f"sqlite:///{root}/grading/gradebook.db"
c.Exchange.root = str(root / "grading" / "exchange")
# downloaded/NN_name/archive/: what a platform gives, a folder for each student with the notebook in it
c.ZipCollectApp.downloaded_directory = "grading/downloaded"
c.FileNameCollectorPlugin.named_regexp = r".*/(?P<student_id>[^/]+)/(?P<file_id>[^/]+)\.ipynb"

# The same stub in both languages: a blank answer has the checksum of the release whichever language was handed in.
c.ClearSolutions.code_stub = {
    "python": "# Escribe aquí tu solución. / Write your solution here.\n"
    'raise NotImplementedError("sin respuesta todavía / no answer yet")'
}
c.ClearSolutions.text_stub = "*Escribe aquí tu respuesta. / Write your answer here.*"

c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "mlprod.grading.restore.RestoreCells",  # does what DeduplicateIds and OverwriteCells do, and more
    "mlprod.grading.essays.BlankEssays",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# What a submission does to its kernel, or to the cells that grade it, costs that submission at most: see README.md.
c.Autograde.autograde_preprocessors = [
    "mlprod.grading.canaries.AddCanaries",
    "mlprod.grading.execute.ContainedExecute",
    "mlprod.grading.canaries.CheckCanaries",
    "mlprod.grading.settle.SettleOutputs",
    "nbgrader.preprocessors.IgnorePattern",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "mlprod.grading.inert.InertNotebook",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.BlankEssays.text_stub = c.ClearSolutions.text_stub

# Warnings are noise in a correction; nbgrader gives 0 to a test cell that writes to stderr, SettleOutputs does not.
c.Execute.extra_arguments = [
    "--InteractiveShellApp.exec_lines=import warnings; warnings.simplefilter('ignore')",
    "--IPKernelApp.log_level=ERROR",  # else a warning about TCP for every submission
]

# Feedback in the student's language and without hidden tests; the formgrader keeps nbgrader's own view, with them.
c.GenerateFeedback.exporter_class = "mlprod.grading.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "mlprod.grading.feedback.StudentView",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
