"""What a student may see of a graded notebook: the messages in their language, not a line of the hidden tests."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Collection, Iterable

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade, is_solution

from mlprod.grading import syntax
from mlprod.grading.incidents import STOPPED, stopped_by
from mlprod.language import LANGUAGES, Language

BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
LONGEST_MESSAGE = 2000  # characters of one test's message: more explains no better, and might carry a test out
SHORTEST_SECRET = 8  # characters: a hidden line shorter than this (`else:`, `x = 1`) tells nothing
STARTED = re.compile(r"""^\s*start\(\s*["'](\w+)["']\s*\)""", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\.ipynb(#[^)\s]*)?\)")
TOO_LONG = ("CellTimeoutError", "KeyboardInterrupt")  # nbgrader's name for it, and what its interrupt raises

TEXT = {
    "es": {
        "title": "Corrección",
        "student": "Estudiante",
        "score": "Puntos",
        "task": "Tarea",
        "late": "Penalización por entrega tardía",
        "top": "Arriba",
        "comment": "Comentario",
        "answer": "Tu respuesta",
        "essay": "Tu respuesta escrita",
        "test": "Prueba",
        "hidden": "Parte de las pruebas no se muestra: de ellas verás el mensaje de la primera que no se cumplió.",
        "only_hidden": "prueba que no se muestra",
        "pending": "pendiente de corrección a mano",
        "no_response": "Sin respuesta.",
        "failed": "No se cumple una de las pruebas que no se muestran.",
        "too_long": "Tu código tardó demasiado y se interrumpió.",
        "stderr": "Tu código escribió en la salida de errores mientras se comprobaba, y eso cuenta como fallo.",
        "removed": "Salida retirada: mostraba partes de las pruebas.",
        "after": "Salida no mostrada: es posterior a pruebas que no se muestran.",
        "no_alt": "Figura sin descripción",
        "not_run": "Esta prueba no llegó a ejecutarse.",
    },
    "en": {
        "title": "Feedback",
        "student": "Student",
        "score": "Score",
        "task": "Task",
        "late": "Late submission penalty",
        "top": "Top",
        "comment": "Comment",
        "answer": "Your answer",
        "essay": "Your written answer",
        "test": "Test",
        "hidden": "Some of the tests are not shown: of those you see the message of the first that did not hold.",
        "only_hidden": "a test that is not shown",
        "pending": "still to be graded by hand",
        "no_response": "No response.",
        "failed": "One of the tests that are not shown does not hold.",
        "too_long": "Your code took too long and was interrupted.",
        "stderr": "Your code wrote to standard error while it was being tested, which counts as a failure.",
        "removed": "Output removed: it showed parts of the tests.",
        "after": "Output not shown: it came after tests that are not shown.",
        "no_alt": "Figure without a description",
        "not_run": "This test was not reached.",
    },
}


def student_view(nb: NotebookNode, lang: Language, pending: Collection[str] = ()) -> None:
    """Change the executed notebook `nb` into what its student may see.

    `pending` has the grade ids that a person still has to grade; their cells are marked so in nbgrader's metadata.
    """
    secrets, names = {bare(line) for line in hidden_lines(nb)}, hidden_names(nb)
    after = False  # whether a hidden test has run already: from then on what was seen in it can be printed, disguised
    for cell in nb.cells:
        graded = cell.metadata.get("nbgrader", {})
        if graded.get("comment") == TEXT["en"]["no_response"]:
            graded["comment"] = TEXT[lang]["no_response"]
        graded["pending"] = graded.get("grade_id") in pending
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1", cell.source)  # there is no such file where feedback is read
        if cell.cell_type != "code":
            continue
        if is_test(cell):
            secret = BEGIN in cell.source
            cell.source = without_hidden_tests(cell.source) or f"# {TEXT[lang]['only_hidden']}"
            after = after or secret
            cell.outputs = _test_outputs(cell, lang, after)
        elif after and cell.outputs and not stopped_by(cell):
            cell.outputs = [new_output("stream", name="stdout", text=TEXT[lang]["after"])]
        cell.outputs = [_without(secrets, names, output, lang) for output in cell.outputs]


def language_of(nb: NotebookNode) -> Language:
    """The notebook's language: as the builder marked it, else as its `start("…")` says, else Spanish."""
    marked = nb.metadata.get("mlprod", {}).get("lang")
    started = (STARTED.search(cell.source) for cell in nb.cells if cell.cell_type == "code")
    candidates = [marked, *(match[1] for match in started if match)]
    return next((lang for lang in candidates if lang in LANGUAGES), "es")


def is_test(cell: NotebookNode) -> bool:
    """Whether `cell` is code that grades (and not a student's answer)."""
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def visible_message(cell: NotebookNode, lang: Language) -> str:
    """All that feedback says about why the graded cell `cell` failed, one line for each error; "" when it passed."""
    lines = []
    for output in cell.outputs:
        if output.output_type == "error":
            message = output.evalue.strip()
            if output.ename in TOO_LONG:
                message = TEXT[lang]["too_long"]
            elif output.ename not in ("AssertionError", STOPPED):
                message = f"{output.ename}: {message}".removesuffix(": ")
            lines.append(ANSI.sub("", message) or TEXT[lang]["failed"])
        elif output.output_type == "stream" and output.name == "stderr":
            lines.append(TEXT[lang]["stderr"])
    return "\n".join(dict.fromkeys(lines))


def message_shown(cell: NotebookNode) -> str:
    """What `student_view` left of the message of a graded cell; "" when it passed."""
    removed = {text["removed"] for text in TEXT.values()}
    lines = [o.evalue for o in cell.outputs if o.output_type == "error"]
    lines += [o.text for o in cell.outputs if o.output_type == "stream" and o.text in removed]
    return "\n".join(lines)


def without_hidden_tests(source: str) -> str:
    """`source` without its hidden regions, the markers included; an unclosed region reaches to the end."""
    return "\n".join(line for line, hidden in _marked(source) if not hidden).rstrip("\n")


def hidden_lines(nb: NotebookNode) -> set[str]:
    """The lines of the notebook's hidden tests that its visible part does not hold too, without their indentation."""
    hidden, shown = set(), []
    for cell in nb.cells:
        secret = is_test(cell)
        for line, is_hidden in _marked(cell.source):
            if secret and is_hidden:
                hidden.add(line.strip())
            else:
                shown.append(line)
    visible = bare("\n".join(shown))
    return {line for line in hidden if len(line) >= SHORTEST_SECRET and bare(line) not in visible}


def hidden_names(nb: NotebookNode) -> set[str]:
    """The names that only hidden tests bind, of those that nobody would write in a sentence: with _ or a digit."""
    hidden: set[str] = set()
    shown: list[str] = []
    for cell in nb.cells:
        secret = is_test(cell)
        for line, is_hidden in _marked(cell.source):
            if not (secret and is_hidden):
                shown.append(line)
        if secret and BEGIN in cell.source:
            hidden |= _bound(cell.source)
    visible = set(re.findall(r"\w+", "\n".join(shown)))
    return {name for name in hidden - visible if len(name.strip("_")) > 1 and re.search(r"[_\d]", name)}


def _bound(source: str) -> set[str]:
    try:
        nodes = list(ast.walk(syntax.parse(source)))
    except SyntaxError:
        return set()
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return names | {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _marked(source: str) -> Iterable[tuple[str, bool]]:
    inside = False
    for line in source.split("\n"):
        inside = inside or BEGIN in line
        yield line, inside
        if END in line:
            inside = False


def _test_outputs(cell: NotebookNode, lang: Language, secret: bool) -> list[NotebookNode]:
    """The message of what failed, cut when long; what it printed only while no test was `secret` (see student_view)."""
    kept = [] if secret else [o for o in cell.outputs if o.output_type not in ("error", "stream")]
    kept += [] if secret else [o for o in cell.outputs if o.output_type == "stream" and o.name == "stdout"]
    if message := visible_message(cell, lang):
        message = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"
        name = next((o.ename for o in cell.outputs if o.output_type == "error"), "Warning")
        kept.append(new_output("error", ename=name, evalue=message, traceback=message.split("\n")))
    return kept


def bare(text: str) -> str:
    """`text` without colours, entities, blanks, quotes and backslashes: the same however it was printed or quoted."""
    return re.sub(r"[\\\s'\"]", "", html.unescape(ANSI.sub("", text)))


def _without(secrets: set[str], names: set[str], output: NotebookNode, lang: Language) -> NotebookNode:
    """`output`, or a note in its place when its text holds one of `secrets` (bare lines) or one of `names`."""
    texts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", ())]
    texts += [text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")]
    text = "\n".join(map(str, texts))
    as_bare = bare(text)
    if any(secret in as_bare for secret in secrets) or names & set(re.findall(r"\w+", text)):
        return new_output("stream", name="stdout", text=TEXT[lang]["removed"])
    return output
