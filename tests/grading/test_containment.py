"""The parts that keep a submission within its bounds, one by one: restored cells, canaries, settled outputs, intake."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from mlprod.grading import canaries, incidents, intake, memory
from mlprod.grading.canaries import AddCanaries, CheckCanaries
from mlprod.grading.execute import ContainedExecute, definitions
from mlprod.grading.inert import inert
from mlprod.grading.restore import Released, restore
from mlprod.grading.settle import settle


def test_cell(source, grade_id="test_a", points=2.0):
    graded = {"grade": True, "grade_id": grade_id, "locked": True, "points": points, "schema_version": 3}
    return new_code_cell(source, metadata={"nbgrader": {**graded, "solution": False, "task": False}})


test_cell.__test__ = False


def released(grade_id, source="pass", cell_type="code", locked=True, solution=False, points=2.0):
    return Released(grade_id, cell_type, source, "checksum", locked, solution, points)


EXERCISE = {
    "a": released("a", "stub", locked=False, solution=True, points=None),
    "test_a": released("test_a", "assert a"),
    "test_a_more": released("test_a_more", "assert b"),
    "why": released("why", "*Write*", "markdown", locked=False, solution=True, points=3.0),
}


def grade_ids(nb):
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells]


def test_missing_cells_go_where_they_were():
    nb = new_notebook(cells=[new_code_cell("import this"), new_code_cell("x = 1", metadata={"nbgrader": {}})])
    nb.cells[1].metadata["nbgrader"] = NotebookNode(grade_id="a")
    nb.cells.append(new_code_cell("the end"))
    restore(nb, EXERCISE, list(EXERCISE))
    assert grade_ids(nb) == [None, "a", "test_a", "test_a_more", "why", None]
    assert [cell.source for cell in nb.cells[1:5]] == ["x = 1", "assert a", "assert b", "*Write*"]
    assert incidents.of(nb) == [{"what": "missing", "where": ["test_a", "test_a_more", "why"]}]
    nbformat.validate(nb)


def test_a_notebook_without_any_of_its_cells():
    nb = new_notebook(cells=[new_code_cell("x = 1")])
    restore(nb, EXERCISE, list(EXERCISE))
    assert grade_ids(nb) == ["test_a", "test_a_more", "why", None], "answers are not made up"


@pytest.mark.parametrize("metadata", [None, "text", 7, [], {}, {"grade_id": 3}, {"grade_id": None, "grade": True}])
def test_metadata_that_is_none(metadata):
    nb = new_notebook(cells=[new_code_cell("x = 1", metadata={"nbgrader": metadata})])
    restore(nb, EXERCISE, list(EXERCISE))
    assert "nbgrader" not in nb.cells[-1].metadata


def test_an_honest_notebook_is_left_alone():
    hidden = "assert b\n### BEGIN HIDDEN TESTS\nassert c\n### END HIDDEN TESTS"
    exercise = {**EXERCISE, "test_a_more": released("test_a_more", hidden)}
    nb = new_notebook()
    restore(nb, exercise, list(exercise))
    nb.cells[1].source = "assert b"  # as it was handed out
    del nb.metadata[incidents.KEY]
    restore(nb, exercise, list(exercise))
    assert incidents.of(nb) == [] and nb.cells[1].source == hidden


def run(nb, light_kernels, **options):
    config = Config({"ContainedExecute": {"kernel_name": light_kernels, "timeout": 20, **options}})
    steps = (AddCanaries(), ContainedExecute(config=config), CheckCanaries())
    for step in steps:
        nb, _ = step.preprocess(nb, {"metadata": {"path": "."}})
    settle(nb)
    return nb


def errors(cell):
    return [output.ename for output in cell.outputs if output.output_type == "error"]


def test_names_that_students_use_are_not_tampering(light_kernels):
    """Who calls a variable `len` shadows it for the tests too, but has altered nothing."""
    honest = "len = isinstance = print = all = abs = AssertionError = math = mlprod = builtins = 3\ndef a(): return 1"
    tests = [test_cell("assert a() == 1"), test_cell("from mlprod import checks\nchecks.same(a(), 1, '')", "test_b")]
    nb = run(new_notebook(cells=[new_code_cell(honest), *tests, test_cell("assert a() == 2", "test_c")]), light_kernels)
    assert [errors(cell) for cell in nb.cells] == [[], [], [], ["AssertionError"]]
    assert incidents.of(nb) == []


def test_every_canary_fails_as_it_must(light_kernels, monkeypatch):
    shapes = (*canaries._ASSERTS, *canaries._SAME, *canaries._NUMBER)
    cells = [canaries._canary(kinds=((shape,),)) for shape in shapes] + [canaries._canary() for _ in range(6)]
    nb = new_notebook(cells=cells)
    config = Config({"ContainedExecute": {"kernel_name": light_kernels}})
    nb, _ = ContainedExecute(config=config).preprocess(nb, {"metadata": {"path": "."}})
    assert all(map(canaries._sang, nb.cells)), [cell.outputs for cell in nb.cells if not canaries._sang(cell)]


class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)


@pytest.mark.parametrize("patched", ["assert", "same", "number", ""])
def test_no_canary_overlooks_what_was_patched(patched, monkeypatch):
    """Each of them, whatever luck has chosen: else one in ten attacks on asserts was not noticed beside some test."""
    if patched in ("same", "number"):
        monkeypatch.setattr(f"mlprod.checks.{patched}", lambda *_: 1.0)
    for _ in range(50):
        cell = canaries._canary()
        tree = ast.parse(cell.source)
        tree = ast.fix_missing_locations(NoAsserts().visit(tree)) if patched == "assert" else tree
        said = ""
        try:
            exec(compile(tree, "canary", "exec"), {})
        except (AssertionError, RuntimeError) as error:
            said = f"{type(error).__name__}: {error}"
        assert said.startswith(f"AssertionError: {cell.metadata[canaries.KEY]}") == (patched == ""), cell.source


def test_the_rest_is_executed_without_the_cell_that_broke_the_kernel(light_kernels):
    cells = [new_code_cell("def a(): import os; os._exit(1)"), test_cell("import math\ndef f(): return 1\na()")]
    nb = run(new_notebook(cells=[*cells, test_cell("assert f() == math.gcd(1, 2)", "test_b")]), light_kernels)
    assert [errors(cell) for cell in nb.cells] == [[], [incidents.STOPPED], []]
    assert incidents.of(nb) == [{"what": "died", "where": ["test_a"]}]
    assert nb.cells[1].source.endswith("a()"), "its text is as it was"


def test_a_submission_has_a_time_of_its_own(light_kernels):
    cells = [new_code_cell("import time; time.sleep(0.7)") for _ in range(5)]
    nb = run(new_notebook(cells=[*cells, test_cell("pass")]), light_kernels, submission_timeout=2)
    assert errors(nb.cells[-1]) == [incidents.STOPPED] and errors(nb.cells[0]) == []
    assert "time" in {one["what"] for one in incidents.of(nb)}


def test_who_breaks_every_cell_gets_nothing_more(light_kernels):
    cells = [test_cell("import os; os._exit(1)", f"test_{number}") for number in range(6)]
    nb = run(new_notebook(cells=cells), light_kernels, restarts=2)
    assert all(incidents.STOPPED in errors(cell) for cell in nb.cells)


def test_definitions_call_nothing():
    source = "from x import y\nkept = [1]\nlater = f()\ndef g():\n    return f()\nassert g()\nprint(1)"
    assert definitions(source) == "from x import y\nkept = [1]\ndef g():\n    return f()"
    assert definitions("%magic") == definitions("f()") == "pass"


def result(text):
    return new_output("execute_result", data={"text/plain": text}, execution_count=1)


ERROR = new_output("error", ename="AssertionError", evalue="no", traceback=[])


@pytest.mark.parametrize(
    ("source", "outputs", "kinds", "incident"),
    [
        ("a()", [result("1.5")], ["execute_result"], False),  # partial credit, nbgrader's own
        ("a()", [result("True")], ["execute_result"], False),
        ("a()", [result("7")], ["error"], True),
        ("a()", [result("nan")], ["error"], True),
        ("a()", [result("-1")], ["error"], True),
        ("a()", [result("2"), result("0")], ["error"], True),
        ("a()", [result("2"), ERROR], ["error"], False),
        ("assert a()", [result("2")], [], True),
        ("assert a()", [new_output("stream", name="stderr", text="!")], ["stream"], False),
    ],
)
def test_what_a_test_cell_may_say(source, outputs, kinds, incident):
    cell = test_cell(source)
    cell.outputs = [nbformat.from_dict(json.loads(json.dumps(output))) for output in outputs]
    nb = new_notebook(cells=[cell])
    settle(nb)
    assert [output.output_type for output in cell.outputs] == kinds
    assert bool(incidents.of(nb)) == incident
    assert not any(output.get("name") == "stderr" for output in cell.outputs)


def test_outputs_can_be_written(tmp_path):
    cell = new_code_cell("a()")
    cell.outputs = [new_output("stream", name="stdout", text="half \ud800"), result("\udfff")]
    cell.outputs.append(new_output("error", ename="E", evalue="x" * 10**6, traceback=["y" * 10**6]))
    nb = new_notebook(cells=[cell])
    settle(nb)
    nbformat.write(nb, tmp_path / "nb.ipynb")
    assert (tmp_path / "nb.ipynb").stat().st_size < 20_000


def handed_in(folder, content=None):
    folder.mkdir()
    nb = content if content is not None else nbformat.writes(new_notebook(cells=[new_markdown_cell("hi")]))
    (folder / "90_toy.ipynb").write_text(nb)
    return folder


def test_a_notebook_is_one(tmp_path):
    assert intake.look(handed_in(tmp_path / "a"), "90_toy") == intake.Received(None, [])


@pytest.mark.parametrize(
    "change",
    [{"cells": {}}, {"cells": [7]}, {"cells": [{"cell_type": "code"}]}, {"metadata": []}, {"nbformat": 3}]
    + [{"nbformat": "4"}]
    + [{"cells": [{"cell_type": "code", "source": source, "metadata": {}}]} for source in (None, 7, [1], {})]
    + [{"cells": [{"cell_type": kind, "source": "", "metadata": {}}]} for kind in ("heading", None, 3)]
    + [{"cells": [{"cell_type": "code", "source": "", "metadata": data}]} for data in (None, "x", {"tags": "skip"})],
    ids=lambda change: json.dumps(change),
)  # fmt: skip
def test_what_only_looks_like_one_is_reported(tmp_path, change, monkeypatch):
    content = json.loads(nbformat.writes(new_notebook()))
    for lang, word in (("es", "90_toy.ipynb"), ("en", "90_toy.ipynb")):
        monkeypatch.setenv("LANG_COURSE", lang)
        folder = tmp_path / lang
        problem = intake.look(handed_in(folder, json.dumps({**content, **change})), "90_toy").problem
        assert problem and word in problem


def test_another_name_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("LANG_COURSE", "en")
    folder = handed_in(tmp_path / "a")
    (folder / "90_toy.ipynb").rename(folder / "90_toy (1).ipynb")
    assert intake.look(folder, "90_toy").problem == "90_toy.ipynb is missing (there is: 90_toy (1).ipynb)"


def test_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "MOST_FILES", 10)
    monkeypatch.setenv("LANG_COURSE", "en")
    folder = handed_in(tmp_path / "a")
    for number in range(10):
        (folder / str(number)).touch()
    assert intake.look(folder, "90_toy").problem == "there are more than 10 files beside it"


def test_links_are_left_out_while_it_is_graded(tmp_path):
    folder = handed_in(tmp_path / "a")
    (folder / "more").mkdir()
    (folder / "more" / "[link]").symlink_to("/etc/passwd")
    course = SimpleNamespace(format_path=lambda *_: str(folder), submitted_directory="", ignore=["*.pyc"])
    with intake.received(course, "90_toy", "a") as seen:
        assert seen.left_out == ["more/[link]"] and seen.problem is None
        assert course.ignore == ["*.pyc", "[[]link]"]
    assert course.ignore == ["*.pyc"]


def test_incidents_are_told_in_both_languages():
    nb = new_notebook(cells=[new_code_cell("")])
    for what in incidents.TEXTS:
        incidents.note(nb, what, [incidents.place(nb.cells[0], 0), "test_a"])
    incidents.note(nb, "died", ["test_a", "test_b"])
    assert incidents.text(incidents.of(nb)[:1], "es") == "tardó demasiado y se interrumpió (celda 1, test_a)"
    english = incidents.text(incidents.of(nb), "en")
    assert (
        "its code ended the kernel (cell 1, test_a, test_b)" in english
        and english.count(";") >= len(incidents.TEXTS) - 1
    )


def test_memory_of_nothing():
    assert memory.used(2**22 + 1) == 0 and memory.descendants(2**22 + 1) == []


@pytest.fixture
def crowd():
    """A process with five of its own, as the outermost process of a sandbox has."""
    code = "import os, time\nfor _ in range(5):\n    if os.fork() == 0: break\nprint(1, flush=True)\ntime.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    for _ in range(6):
        process.stdout.readline()
    yield process.pid
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def looks(watch, pid, limit, times=3):
    """What some looks in a row find, and the seconds of the longest of them."""
    found, longest = [], 0.0
    for _ in range(times):
        watch.next = 0.0
        began = time.monotonic()
        found += watch.over({pid: limit})
        longest = max(longest, time.monotonic() - began)
    return found, longest


def test_a_look_does_not_wait_for_what_processes_share(crowd, monkeypatch):
    """In the middle of a fork bomb that answer took nine seconds, and the next look came eighty later."""
    monkeypatch.setattr(memory, "used", lambda pid, inside: time.sleep(20))
    watch = memory.Watch()
    found, longest = looks(watch, crowd, 1)
    assert found == [] and list(watch.asked) == [crowd] and longest < 10
    assert watch.pause() <= memory.LONGEST_PAUSE_S
    monkeypatch.setattr(memory, "MOST_PROCESSES", 3)
    assert looks(watch, crowd, 1, 1)[0] == [(crowd, "processes")], "meanwhile they are counted"
    watch.next = 0.0
    assert watch.over({}) == [] and not watch.asked, "its answer is not waited for any more"


def test_memory_is_asked_for_only_when_it_may_be_too_much(crowd, monkeypatch):
    def never(*_):
        raise AssertionError

    watch = memory.Watch()
    found = []
    deadline = time.monotonic() + 60
    while not found and time.monotonic() < deadline:
        found = looks(watch, crowd, 2**20, 1)[0]
    assert found == [(crowd, "memory")] and not watch.asked
    monkeypatch.setattr(memory, "Measurement", never)
    assert looks(watch, crowd, 2**40)[0] == []


def test_who_was_killed_does_not_wait_its_turn(crowd):
    memory.hurry(crowd)
    given = {os.getpriority(os.PRIO_PROCESS, pid) for pid in memory.descendants(crowd)}
    assert given == ({-10} if os.getuid() == 0 else {os.getpriority(os.PRIO_PROCESS, 0)})


def test_nothing_in_an_autograded_notebook_runs_in_a_browser():
    script = "<script>fetch('/formgrader/api')</script>"
    table = "<table><tr><td>1 &lt; 2</td></tr></table>"
    cell = new_code_cell("pass")
    cell.outputs = [
        new_output("display_data", data={"text/html": f"{table}{script}<b onclick='x()'>b</b>", "text/plain": "1"}),
        new_output("display_data", data={"application/javascript": "x()", "image/svg+xml": f"<svg>{script}</svg>"}),
        new_output("display_data", data={"image/png": "aGk="}),
    ]
    essay = "If a < b & c, `x<y>` and $a<b$."
    nb = new_notebook(
        cells=[cell, new_markdown_cell(essay), new_markdown_cell(f"Look: {script} <IMG SRC=x onerror=x()>")]
    )
    nb.metadata["widgets"] = {"state": {}}
    inert(nb)
    text = nbformat.writes(nb)
    assert "<script" not in text and "onclick" not in text and "javascript" not in text and "<svg" not in text
    assert not re.search(r"<[^>]*onerror", text, re.IGNORECASE)
    assert "<td>1 &lt; 2</td></tr></tbody></table>&lt;script" in nb.cells[0].outputs[0].data["text/html"] and nb.cells[
        0
    ].outputs[2].data == {"image/png": "aGk="}
    assert nb.cells[1].source == essay, "prose is left alone"
    nbformat.validate(nb)
