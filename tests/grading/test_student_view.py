"""What students see: messages in their language, no hidden test in any form, nothing that runs."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.utils import determine_grade

from mlprod.grading.essays import BlankEssays
from mlprod.grading.feedback import harmless
from mlprod.grading.student_view import (
    TEXT,
    language_of,
    message_shown,
    student_view,
    visible_message,
    without_hidden_tests,
)

TEST = """assert double(1) == 2
### BEGIN HIDDEN TESTS
secret_input = "one and a half"
assert double(secret_input) == secret_input * 2, "texts too"
### END HIDDEN TESTS"""


def graded(source=TEST, outputs=(), **more):
    metadata = {"grade": True, "solution": False, "locked": True, "grade_id": "test_double", "points": 2, **more}
    return new_code_cell(source, outputs=list(outputs), metadata={"nbgrader": metadata})


def error(ename="AssertionError", evalue="texts too"):
    return new_output("error", ename=ename, evalue=evalue, traceback=["---> 4 assert double(secret_input) == …"])


def seen(*cells, lang="es"):
    notebook = new_notebook(cells=list(cells))
    student_view(notebook, lang)
    return notebook.cells


def test_hidden_tests_are_in_neither_source_nor_traceback():
    (cell,) = seen(graded(outputs=[error()]))
    assert cell.source == "assert double(1) == 2"
    assert [output.traceback for output in cell.outputs] == [["texts too"]]
    assert "secret_input" not in str(cell)


def test_what_a_student_prints_in_a_hidden_test_is_not_shown():
    printed = new_output("stream", name="stdout", text="x is 'one and a half'")
    assert seen(graded(outputs=[printed]))[0].outputs == []
    assert seen(graded("double(1)", outputs=[printed]))[0].outputs == [printed], "nothing is hidden in this one"


@pytest.mark.parametrize(
    "text",
    [
        'secret_input = "one and a half"',
        "['', 'assert double(1) == 2\\n### BEGIN\\nsecret_input = \"one and a half\"\\n']",  # print(In)
        "\x1b[0;32msecret_input\x1b[0m \x1b[38;5;28m=\x1b[39m &quot;one and a half&quot;",
    ],
)
@pytest.mark.parametrize("kind", ["stream", "html", "error"])
def test_hidden_tests_printed_back_by_another_cell_are_removed(text, kind):
    output = {
        "stream": lambda: new_output("stream", name="stdout", text=text),
        "html": lambda: new_output("display_data", data={"text/html": text}),
        "error": lambda: new_output("error", ename="E", evalue="", traceback=[text]),
    }[kind]()
    cell = seen(new_code_cell("print(In)", outputs=[output]), graded())[0]
    assert "half" not in str(cell.outputs) and "Salida retirada" in cell.outputs[0].text


def test_other_outputs_stay():
    output = new_output("stream", name="stdout", text="assert double(1) == 2: visible already")
    assert seen(new_code_cell("…", outputs=[output]), graded())[0].outputs == [output]


def test_outputs_after_a_hidden_test_are_not_shown():
    """A student's function can keep what a hidden test gives it, and a later cell print that in any disguise."""
    output = new_output("stream", name="stdout", text="b25lIGFuZCBhIGhhbGY=")
    image = new_output("display_data", data={"image/png": "aGFsZg=="})
    visible = graded("double(1)", outputs=[output], grade_id="test_double_visible")
    cells = seen(graded(), new_code_cell("print(…)", outputs=[output, image]), visible)
    assert "posterior a pruebas" in cells[1].outputs[0].text and len(cells[1].outputs) == 1
    assert cells[2].outputs == []


def test_a_message_is_cut_and_loses_hidden_names():
    (long,) = seen(graded(outputs=[error(evalue="x" * 5000)]))
    assert len(message_shown(long)) < 2100
    (named,) = seen(graded(outputs=[error("KeyError", "'secret_input'")]))
    assert message_shown(named) == TEXT["es"]["removed"] and "secret_input" not in str(named)


def test_a_test_with_nothing_to_show_says_so():
    only = TEST.split("\n", 1)[1]
    assert seen(graded(only), lang="es")[0].source == "# prueba que no se muestra"
    assert seen(graded(only), lang="en")[0].source == "# a test that is not shown"


def test_an_unclosed_region_is_hidden_to_the_end():
    assert without_hidden_tests("a\n### BEGIN HIDDEN TESTS\nb") == "a"


@pytest.mark.parametrize(
    ("output", "es", "en"),
    [
        (error(evalue="mensaje"), "mensaje", "mensaje"),
        (error(evalue=""), "No se cumple una de las pruebas", "One of the tests"),
        (error("KeyError", "'ñ'"), "KeyError: 'ñ'", "KeyError: 'ñ'"),
        (error("ValueError", ""), "ValueError", "ValueError"),
        (error("CellTimeoutError", ""), "tardó demasiado", "took too long"),
        (new_output("stream", name="stderr", text="¡aviso!"), "salida de errores", "standard error"),
        (new_output("stream", name="stdout", text="2.0"), "", ""),
    ],
)
def test_messages(output, es, en):
    cell = graded(outputs=[output])
    for lang, text in (("es", es), ("en", en)):
        message = visible_message(cell, lang)
        assert text in message and bool(message) == bool(text)
    assert bool(es) == (determine_grade(cell)[0] == 0), "there is a message exactly when nbgrader takes the points"


def test_language():
    notebook = new_notebook(metadata={"mlprod": {"lang": "en"}})
    assert language_of(notebook) == "en"
    assert language_of(new_notebook(cells=[new_code_cell('from mlprod import start\n\nstart("en")')])) == "en"
    assert language_of(new_notebook(metadata={"mlprod": {"lang": "xx"}})) == "es"


def test_links_to_notebooks_and_the_comment_of_nbgrader():
    cell = new_markdown_cell("[English](../../en/90_toy.ipynb) [web](https://example.org)")
    cell.metadata["nbgrader"] = {"grade_id": "why", "comment": "No response."}
    (cell,) = seen(cell)
    assert cell.source == "English [web](https://example.org)"
    assert cell.metadata.nbgrader.comment == "Sin respuesta."


def test_markup_is_made_harmless():
    assert harmless("<h2 class='x'>a</h2><script>alert(1)</script>").startswith('<h2 class="x">a</h2>&lt;script')
    assert "onerror" not in harmless('<img src="data:image/png;base64,x" onerror="a()">')
    assert "href" not in harmless('<a href="data:text/html,x">a</a>') and "javascript" not in harmless(
        '<a href="javascript:a()">a</a>'
    )
    assert "http" not in harmless('<img src="http://example.org/x.png">')


@pytest.mark.parametrize(
    ("text", "score"), [("*stub*", 0), ("", 0), (" \n *stub* \n", 0), ("*stub* and more", None), ("written", None)]
)
def test_blank_essays_score_zero(text, score):
    from nbgrader.utils import compute_checksum

    metadata = {"grade": True, "solution": True, "locked": False, "grade_id": "why", "points": 3}
    cell = new_markdown_cell("*stub*", metadata={"nbgrader": metadata})
    cell.metadata.nbgrader["checksum"] = compute_checksum(cell)
    cell.source = text
    cell, _ = BlankEssays(text_stub="*stub*").preprocess_cell(cell, {}, 0)
    assert determine_grade(cell)[0] == score
