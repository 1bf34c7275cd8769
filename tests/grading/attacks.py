# ruff: noqa: E501  (a table of attacks: a row a line)
"""What a submission may try, as data: how it is handed in, what stock nbgrader does with it, and what happens here.

`python tests/grading/attacks.py` writes the table of grading/README.md from it; test_attacks.py tries each of them.
All are answers to attacked.txt: `double` (2 points, and 1 of a hidden test) and `name` (4, hidden). The attack is in
`double`, or around it, and the answer of `name` is right: most keep its 4 points.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "grading" / "README.md"
BEGIN, END = "<!-- attacks: begin (python tests/grading/attacks.py) -->", "<!-- attacks: end -->"
UNTRIED = "not tried: would harm the machine"

Edit = Callable[[NotebookNode], object]


@dataclass(frozen=True)
class Attack:
    """`score`: what it earns here, None when it is reported as impossible to grade; `incidents`: what is noted of it.

    `stock` is what `nbgrader autograde` with its own preprocessors does with a class of it and an honest submission
    that comes after it: its points, "fails" (no grade), "stops the class", or why that was not tried.
    """

    name: str
    what: str
    stock: str
    score: float | None
    edit: Edit | None = None
    folder: Callable[[Path], object] | None = None
    incidents: frozenset[str] = frozenset()
    says: str = ""
    note: str = ""  # for the table
    instead: frozenset[str] = frozenset()  # incidents that may come first on a machine that is busy
    stock_timeout: int = 3  # seconds for each cell when stock nbgrader grades it; 30 is nbgrader's default


def answer(code: str) -> Edit:
    """Hand in `code` as the answer of `double`."""
    return lambda nb: cell_of(nb, "double").__setitem__("source", code)


def before(code: str) -> Edit:
    """Hand in an extra cell at the beginning; `double` is as released, that is blank."""

    def edit(nb: NotebookNode) -> None:
        nb.cells.insert(2, new_code_cell(code))
        answer("raise NotImplementedError")(nb)

    return edit


def cell_of(nb: NotebookNode, grade_id: str) -> NotebookNode:
    return next(cell for cell in nb.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def index_of(nb: NotebookNode, grade_id: str) -> int:
    return nb.cells.index(cell_of(nb, grade_id))


def noted(*what: str) -> frozenset[str]:
    return frozenset(what)


DOUBLE = "def double(x):\n    "
SWALLOWS = (  # not `while True: pass`: in Python 3.11 its jump back is outside the `try`
    "import time\n"
    + DOUBLE
    + """while True:
        try: time.sleep(1)
        except BaseException: pass"""
)
DEAF = "import signal\n" + DOUBLE + "signal.signal(signal.SIGINT, signal.SIG_IGN)\n    while True: x = x + 0"
C_LOOP = "import collections, itertools\n" + DOUBLE + "return collections.deque(itertools.repeat(x), 0)"
BOMB = DOUBLE + "return [b'x' * 10**8 for _ in iter(int, 1)]"
PROCESSES = (
    "import os, time\n"
    + DOUBLE
    + """for _ in range(12):
        if os.fork() == 0:
            kept = b"x" * (100 * 2**20)
            time.sleep(60)
            os._exit(0)
    time.sleep(20)
    return 2 * x"""
)
FORK_BOMB = (  # each of them goes on; that they rest is for the sake of whoever shares the machine with the tests
    "import os, time\n" + DOUBLE + "while True:\n        try: os.fork()\n        except OSError: time.sleep(0.2)"
)
ORPHAN = (
    "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], "
    "start_new_session=True)\n" + DOUBLE + "return x + x"
)
READS = (
    "from pathlib import Path\n"
    + DOUBLE
    + """for name in ("solutions", "grading"):
        for path in Path("@ROOT@", name).rglob("*"):
            if path.is_file() and path.read_bytes():
                return x + x
    raise RuntimeError("nothing to be read")"""
)
EQUAL = """class Equal(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = float.__hash__
    def __float__(self): return 2.0
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
def double(x): return Equal(7)"""
INPUTS = """ip = get_ipython()
def blank(lines):
    return ["pass"] if any("checks" in line or "assert" in line for line in lines) else lines
ip.input_transformers_post.append(blank)"""
TREE = """import ast
class Kind(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
    def visit_Expr(self, node):
        return ast.copy_location(ast.Pass(), node) if "same" in ast.dump(node) else node
get_ipython().ast_transformers.append(Kind())"""
CHECKS = """from mlprod import checks
checks.same = checks.number = lambda *_, **__: None
def double(x): return 0"""
FAKE_CHECKS = """import sys, types
fake = types.SimpleNamespace(same=lambda *_, **__: None)
def double(x):
    get_ipython().user_ns["checks"] = fake
    sys.modules["mlprod"].checks = fake
    return 2 if x == 1 else 0"""
HOOKS = """import sys
ip = get_ipython()
sys.excepthook = ip.showtraceback = lambda *_, **__: None
ip.set_custom_exc((Exception,), lambda *_, **__: None)
def double(x): return 0"""
RUNNER = """ip = get_ipython()
run = ip.kernel.shell.run_cell
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
async def kind(code, *a, **k):
    return ExecutionResult(ExecutionInfo(code, False, False, False, None))
ip.run_cell_async = kind
def double(x): return 0"""
CREDIT = """def double(x):
    ip = get_ipython()
    ip.display_pub.session.send(ip.kernel.iopub_socket, "execute_result",
        {"data": {"text/plain": "%s"}, "metadata": {}, "execution_count": 1}, parent=ip.parent_header)
    return 0"""
OUTPUT = DOUBLE + "print('x' * (100 * 2**20))\n    return x + x"
OUTPUT_LOOP = DOUBLE + "while True: print('x' * 1000)"
OUTPUT_LINES = DOUBLE + "for _ in range(1000): print('x' * 100_000)\n    return x + x"
DISPLAYS = "from IPython.display import display, HTML\n" + DOUBLE + "while True: display(HTML('x' * 100_000))"
WARNS = "import sys, warnings\n" + DOUBLE + "print('careful', file=sys.stderr)\n    return x + x"
HALVES = DOUBLE + "print('\\ud800')\n    return x + x"
SPEAKS = """import inspect
def double(x):
    print(In, globals().get("In"), inspect.stack())
    frame = inspect.currentframe()
    while frame:
        try: print(inspect.getsource(frame))
        except OSError: pass
        frame = frame.f_back
    return x + x"""
ENCODES = """import base64
kept = []
def double(x):
    kept.append(In[-1])
    return x + x
def name():
    print(base64.b64encode("".join(kept).encode()).decode(), "".join(kept)[::-1])
    return "cañón"
"""
RAISES = DOUBLE + "raise RuntimeError(In[-1])"
PARENTS = """import os, signal
def double(x):
    for pid in {os.getppid(), 1, 0, -1}:
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
            if pid != 0:
                try: os.kill(pid, number)
                except OSError: pass
    return x + x"""
CONNECTS = """import socket
def double(x):
    with socket.create_connection(("127.0.0.1", @PORT@), timeout=2): return x + x"""
SHUTS = "import sys\n" + DOUBLE + "sys.exit()"


def encodes(nb: NotebookNode) -> None:
    answer(ENCODES)(nb)
    cell_of(nb, "name").source = ""


def scripts(nb: NotebookNode) -> None:
    script = "<script>fetch('/formgrader/api/grades')</script>"
    nb.cells.insert(2, new_markdown_cell(f"Hello {script}"))
    nb.cells.insert(2, new_code_cell(f"from IPython.display import HTML, display\ndisplay(HTML({script!r}))"))


def skipped(nb: NotebookNode) -> None:
    answer("def double(x): return 0")(nb)
    for cell in nb.cells:
        if "grade_id" in cell.metadata.get("nbgrader", {}) and "double" in cell.metadata.nbgrader.grade_id:
            cell.metadata["tags"] = ["skip-execution"]


def edited(nb: NotebookNode) -> None:
    answer("def double(x): return 0")(nb)
    for name in ("test_double", "test_double_negative"):
        cell_of(nb, name).source = "pass"


def deleted(nb: NotebookNode) -> None:
    for name in ("test_double", "test_double_negative"):
        nb.cells.remove(cell_of(nb, name))


def copied(nb: NotebookNode) -> None:
    nb.cells.append(nbformat.from_dict(json.loads(json.dumps(cell_of(nb, "test_name")))))
    nb.cells[-1]["id"] = "copied"


def copied_answer(nb: NotebookNode) -> None:
    wrong = nbformat.from_dict(json.loads(json.dumps(cell_of(nb, "double"))))
    wrong.source, wrong["id"] = "def double(x): return 0", "copied"
    nb.cells.insert(index_of(nb, "double"), wrong)


def renamed(nb: NotebookNode) -> None:
    cell_of(nb, "test_double").metadata.nbgrader.grade_id = "test_easy"


def stripped(nb: NotebookNode) -> None:
    del cell_of(nb, "test_double").metadata["nbgrader"]


def retyped(nb: NotebookNode) -> None:
    index = index_of(nb, "test_double")
    old = nb.cells[index]
    nb.cells[index] = new_markdown_cell(old.source, metadata=old.metadata)


def raw(nb: NotebookNode) -> None:
    cell = cell_of(nb, "test_double")
    cell.cell_type = "raw"
    del cell["outputs"], cell["execution_count"]


def points(nb: NotebookNode) -> None:
    cell_of(nb, "test_double").metadata.nbgrader.points = 100


def bad_points(nb: NotebookNode) -> None:
    cell_of(nb, "test_double").metadata.nbgrader.points = "lots"


def added(nb: NotebookNode) -> None:
    extra = new_code_cell("pass", metadata=nbformat.from_dict(dict(cell_of(nb, "test_double").metadata)))
    extra.metadata["nbgrader"] = nbformat.from_dict({**extra.metadata.nbgrader, "grade_id": "mine", "points": 50})
    nb.cells.append(extra)


def no_kernel(nb: NotebookNode) -> None:
    nb.metadata["kernelspec"] = {"name": "fortran77", "display_name": "?", "language": "fortran"}


def tells_stories(nb: NotebookNode) -> None:
    nb.metadata["mlprod_incidents"] = [{"what": "memory", "where": ["nothing"]}]


def write(content: bytes) -> Callable[[Path], object]:
    return lambda folder: notebook_in(folder).write_bytes(content)


def notebook_in(folder: Path) -> Path:
    return folder / f"{folder.name}.ipynb"


def version_5(folder: Path) -> None:
    content = json.loads(notebook_in(folder).read_text())
    notebook_in(folder).write_text(json.dumps({**content, "nbformat": 5}))


def huge(folder: Path) -> None:
    with open(notebook_in(folder), "r+b") as file:
        file.truncate(200 * 2**20)  # of zeros


def huge_data(folder: Path) -> None:
    with open(folder / "data.bin", "wb") as file:
        file.truncate(200 * 2**20)


def link(folder: Path) -> None:
    """A link to the gradebook, and an answer that is right only when it can be read."""
    (folder / "data.db").symlink_to("../../../gradebook.db")
    (folder / "all").symlink_to("/")


def linked_notebook(folder: Path) -> None:
    notebook_in(folder).rename(folder.parent / "elsewhere.ipynb")
    notebook_in(folder).symlink_to("../elsewhere.ipynb")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def own_checks(folder: Path) -> None:
    (folder / "mlprod").mkdir()
    (folder / "mlprod" / "__init__.py").write_text(
        "from types import SimpleNamespace as N\nstart = tr = lambda *a, **k: ''\n"
        "checks = N(same=lambda *a, **k: None)\n"
    )


def startup(folder: Path) -> None:
    place = folder / ".ipython" / "profile_default" / "startup"
    place.mkdir(parents=True)
    (place / "0.py").write_text("import mlprod.checks; mlprod.checks.same = lambda *a, **k: None\n")


WRITES = (
    DOUBLE
    + """with open("@ROOT@/grading/gradebook.db", "r+b") as file:
        file.write(b"nothing")
    return x + x"""
)
DELETES = (
    "import shutil\n"
    + DOUBLE
    + """if x == 1: shutil.rmtree("@ROOT@/grading/submitted/@OTHER@")
    return x + x"""
)
POISONS = (
    "from pathlib import Path\n"
    + DOUBLE
    + """place = Path.home() / ".ipython/profile_default/startup"
    place.mkdir(parents=True, exist_ok=True)
    (place / "0.py").write_text("import mlprod.checks; mlprod.checks.same = lambda *a, **k: 1 / 0\\n")
    return x + x"""
)

ATTACKS = [
    Attack("loop", "infinite loop in an answer", "4 of 7", 4, answer(DOUBLE + "while True: pass"), incidents=noted("too_long")),
    Attack("swallows", "loop that swallows every exception", "fails", 4, answer(SWALLOWS), incidents=noted("hung")),
    Attack("deaf", "loop that ignores signals", "fails", 4, answer(DEAF), incidents=noted("hung")),
    Attack("c_loop", "loop inside C code", "fails", 4, answer(C_LOOP), incidents=noted("hung")),
    Attack("memory", "memory bomb", UNTRIED, 4, answer(BOMB), incidents=noted("memory")),
    Attack("processes", "many processes, each below the limit", UNTRIED, 4, answer(PROCESSES), incidents=noted("memory")),
    Attack("fork_bomb", "fork bomb", UNTRIED, 4, answer(FORK_BOMB), incidents=noted("processes"), instead=noted("hung", "too_long")),
    Attack("orphan", "a process that outlives its kernel", "7 of 7", 7, answer(ORPHAN)),
    Attack("sleeps", "sleeping child that is waited for", "4 of 7", 4,
           answer("import subprocess\n" + DOUBLE + "return subprocess.run(['sleep', '600'])"), incidents=noted("too_long")),
    Attack("os_exit", "`os._exit(0)`", "fails", 4, answer("import os\n" + DOUBLE + "os._exit(0)"), incidents=noted("died")),
    Attack("sys_exit", "`sys.exit()`", "4 of 7", 4, answer(SHUTS)),
    Attack("exit", "`exit()` in a cell of its own", "7 of 7", 7, lambda nb: nb.cells.insert(2, new_code_cell("exit()"))),
    Attack("segfault", "crash in C", "fails", 4, answer("import ctypes\n" + DOUBLE + "return ctypes.string_at(0)"), incidents=noted("died")),
    Attack("parents", "kill and stop the parent processes", UNTRIED, 7, answer(PARENTS)),
    Attack("network", "connect to the network", "7 of 7: connected", 4, answer(CONNECTS)),
    Attack("reads", "read solutions, gradebook, other submissions", "7 of 7: read", 4, answer(READS)),
    Attack("writes", "write to the gradebook", "stops the class", 4, answer(WRITES)),
    Attack("deletes", "delete another's submission", "stops the class", 5, answer(DELETES)),
    Attack("poisons", "start-up file in the home for the next student", "7 of 7, the next gets 0", 7, answer(POISONS)),
    Attack("equal", "object that is equal to anything", "4 of 7", 4, answer(EQUAL), note="the course's checks ask builtins only"),
    Attack("inputs", "input transformer that blanks tests", "7 of 7", 0, before(INPUTS), incidents=noted("tampered")),
    Attack("tree", "AST transformer that removes asserts", "7 of 7", 0, before(TREE), incidents=noted("tampered")),
    Attack("checks", "patched checks", "7 of 7", 0, answer(CHECKS), incidents=noted("tampered")),
    Attack("fake_checks", "checks replaced from inside a test", "7 of 7", 0, answer(FAKE_CHECKS), incidents=noted("tampered")),
    Attack("hooks", "patched exception hooks", "4 of 7", 4, answer(HOOKS)),
    Attack("runner", "IPython that executes nothing any more", "7 of 7", 0, answer(RUNNER), incidents=noted("tampered")),
    Attack("credit", "forged result before the test fails", "6 of 7", 4, answer(CREDIT % 1)),
    Attack("credit_nan", "forged result that is no number", "7 of 7", 4, answer(CREDIT % "nan")),
    Attack("credit_much", "forged result above the maximum", "fails", 4, answer(CREDIT % 1000)),
    Attack("skipped", "tests tagged `skip-execution`", "3 of 7, those of the skipped tests", 4, skipped, incidents=noted()),
    Attack("edited", "edited tests", "4 of 7", 4, edited, incidents=noted("edited")),
    Attack("deleted", "deleted tests, right answer", "0 of 7: a later test needed what they import", 7, deleted, incidents=noted("missing")),
    Attack("copied", "duplicated test", "stops the class", 7, copied, incidents=noted("copied")),
    Attack("copied_answer", "duplicated answer, the last one right", "stops the class", 7, copied_answer, incidents=noted("copied")),
    Attack("renamed", "renamed test", "fails", 7, renamed, incidents=noted("unknown", "missing")),
    Attack("stripped", "test without its metadata", "5 of 7", 7, stripped, incidents=noted("missing")),
    Attack("retyped", "test made Markdown", "7 of 7", 7, retyped, incidents=noted("edited")),
    Attack("raw", "test made raw", "7 of 7", 7, raw, incidents=noted("edited")),
    Attack("points", "changed points", "7 of 7", 7, points, incidents=noted("edited")),
    Attack("bad_points", "points that are no number", "fails", 7, bad_points, incidents=noted("edited")),
    Attack("added", "graded cell of one's own", "fails", 7, added, incidents=noted("unknown")),
    Attack("no_kernel", "unknown kernel", "7 of 7", 7, no_kernel),
    Attack("stories", "incidents of its own invention", "7 of 7", 7, tells_stories),
    Attack("empty", "0-byte notebook", "fails", None, folder=write(b""), says="empty"),
    Attack("not_json", "not JSON", "fails", None, folder=write(b'{"cells": '), says="not a notebook"),
    Attack("nested", "JSON nested without end", "fails", None, folder=write(b"[" * 10**6), says="not a notebook"),
    Attack("version", "format of another version", "fails", None, folder=version_5, says="version 5"),
    Attack("not_utf8", "not UTF-8", "fails", None, folder=write('{"cells": "ñ"}'.encode("latin-1")), says="UTF-8"),
    Attack("no_cells", "JSON that is no notebook", "fails", None, folder=write(b'{"nbformat": 4, "metadata": {}, "cells": [1]}'), says="cells"),
    Attack("huge", "notebook of 200 MB", "fails", None, folder=huge, says="MiB"),
    Attack("huge_data", "data of 200 MB beside it", "7 of 7, copied", None, folder=huge_data, says="MiB"),
    Attack("link", "symbolic links to the gradebook and to /", "7 of 7, the gradebook copied for it", 7, folder=link),
    Attack("linked_notebook", "notebook that is a link", "7 of 7", None, folder=linked_notebook, says="link"),
    Attack("pipe", "named pipe", "fails", 7, folder=pipe),
    Attack("own_checks", "a package mlprod of one's own", "7 of 7", 7, folder=own_checks),
    Attack("startup", "start-up file of IPython handed in", "7 of 7", 7, folder=startup),
    Attack("output", "100 MB in one print", "7 of 7, 300 MB kept, or fails by time", 7, answer(OUTPUT), incidents=noted("output"), stock_timeout=30),
    Attack("output_lines", "100 MB in a thousand prints", "7 of 7, 190 MB kept, or fails by time", 7, answer(OUTPUT_LINES), incidents=noted("output"), stock_timeout=30),
    Attack("output_loop", "output without end", "4 of 7", 4, answer(OUTPUT_LOOP), incidents=noted("output", "too_long")),
    Attack("displays", "displays without end", "fails", 4, answer(DISPLAYS), incidents=noted("output")),
    Attack("stdin", "`input()`", "4 of 7", 4, answer(DOUBLE + "return input()")),
    Attack("warns", "a line on stderr in a test", "4 of 7", 7, answer(WARNS)),
    Attack("halves", "output that is no UTF-8", "4 of 7", 7, answer(HALVES)),
    Attack("script", "scripts in a display and in Markdown, for the formgrader", "7 of 7, and they are kept", 7, scripts),
    Attack("encodes", "prints the hidden tests in base64 from another task", "7 of 7, hidden tests in the feedback", 7, encodes),
    Attack("raises", "raises the hidden tests as a message", "4 of 7, hidden tests in the feedback", 4, answer(RAISES)),
    Attack("speaks", "prints In, globals and sources of its callers", "7 of 7, hidden tests in the feedback", 7, answer(SPEAKS)),
]  # fmt: skip


def table() -> str:
    """The table of grading/README.md."""
    from mlprod.grading.incidents import TEXTS

    lines = ["| a submission with | `nbgrader autograde` 0.9.6 | here | test |", "|---|---|---|---|"]
    for attack in ATTACKS:
        here = f"{attack.score:g} of 7" if attack.score is not None else "reported, no grade"
        notes = [TEXTS[what][1] for what in sorted(attack.incidents)] + [attack.note] * bool(attack.note)
        here += f"; noted: {'; '.join(notes)}" if notes else ""
        lines.append(f"| {attack.what} | {attack.stock} | {here} | `test_attack[{attack.name}]` |")
    return "\n".join(lines)


def readme(text: str) -> str:
    """`text` with the table between its marks."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    README.write_text(readme(README.read_text()))
    print(f"{README}: {len(ATTACKS)}", file=sys.stderr)
