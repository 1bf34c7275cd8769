"""The reader of sources: what it understands, and the file, line and rule of what it does not."""

from pathlib import Path

import pytest

from mlprod.authoring.model import Answer, Code, Essay, Prose, Test
from mlprod.authoring.source import SourceError, load, parse, scan

EXPERIMENT = "# ## El primer"
LESSON_MARKS = '# %% [markdown] lang="es" slide="slide"\n# ## El primer'

# (which source, what to replace, by what, rule, text on the line that the error names)
BROKEN = [
    ("lesson", "# ---\n# title:", "# title:", "front-matter", "# title:"),
    ("lesson", '#   es: "Streams"\n', "", "front-matter", "# title:"),
    ("lesson", "# title:\n", "# title: [\n", "front-matter", "#   en: "),
    ("lesson", "# minutes: 60\n", "", "front-matter", "# ---"),
    ("lesson", "# minutes: 60", "# minutes: a while", "front-matter", "# minutes"),
    ("lesson", '# unit: "03"', '# unit: "04"', "front-matter", "# unit"),
    ("lesson", "# ---\n\n", "# ---\n\nstray = 1\n\n", "cell-marker", "stray = 1"),
    (
        "lesson",
        '# %% [markdown] lang="en" slide="slide"\n# ## The first',
        "# %%\nx = 1\n\n# %% [markdown]\n# ## The first",
        "twin-missing",
        (EXPERIMENT, -1),
    ),
    ("lesson", LESSON_MARKS, LESSON_MARKS.replace(' lang="es"', ""), "prose-language", '# %% [markdown] slide="slide"'),
    ("lesson", LESSON_MARKS, LESSON_MARKS.replace('lang="es"', 'lang="fr"'), "attributes", 'lang="fr"'),
    ("lesson", LESSON_MARKS, LESSON_MARKS.replace('"slide"', '"slid"'), "slide", '"slid"'),
    ("lesson", LESSON_MARKS, LESSON_MARKS.replace('="slide"', '="notes"'), "twin-attributes", ("# ## The first", -1)),
    ("lesson", "# %%\n# es: escribe", "# %% sldie=1\n# es: escribe", "attributes", "sldie"),
    ("lesson", "# %%\n# es: escribe", "# %% A title\n# es: escribe", "attributes", "A title"),
    ("lesson", "# %%\n# es: escribe", "# %% row=\n# es: escribe", "attributes", "row="),
    ("lesson", "# %%\n# es: escribe", '# %% row="9-7"\n# es: escribe', "row-syntax", "9-7"),
    ("lesson", "# %%\n# es: escribe", '# %% row="seven"\n# es: escribe', "row-syntax", "seven"),
    ("lesson", "# %%\n# es: escribe", '# %% tags="parameters"\n# es: escribe', "attributes", '# %% tags="'),
    ("lesson", "# %%\n# es: escribe", "# %%\n\n# %%\n# es: escribe", "empty-cell", ("# es: escribe", -3)),
    ("lesson", "# %%\n# es: escribe", "# %% [raw]\n# hm\n\n# %%\n# es: escribe", "cell-kind", "[raw]"),
    ("lesson", "# %%\n# es: escribe", '# %% answer="f"\n# es: escribe', "lesson-graded", 'answer="f"'),
    ("lesson", "#\n# Al terminar", "import os\n#\n# Al terminar", "markdown-comment", "import os"),
    (
        "lesson",
        "mean_ms = None",
        "### BEGIN SOLUTION\nmean_ms = 1\n### END SOLUTION",
        "marker-place",
        "### BEGIN SOLUTION",
    ),
    ("exercise", "    ### END SOLUTION\n", "", "marker-unmatched", "### BEGIN SOLUTION"),
    ("exercise", "    ### BEGIN SOLUTION\n", "", "marker-unmatched", "### END SOLUTION"),
    ("exercise", "### BEGIN HIDDEN TESTS", "# BEGIN HIDDEN TEST", "marker-spelling", "# BEGIN HIDDEN TEST"),
    ("exercise", "### BEGIN HIDDEN TESTS", "### BEGIN SOLUTION", "marker-place", ("checks.same(middle([3", 1)),
    ("exercise", '# %% answer="middle"', '# %% answer="Middle one"', "name", "Middle one"),
    ("exercise", '# %% answer="middle"', '# %% answer="other"', "task-unknown", '# %% test="middle" '),
    ("exercise", "middle/unchanged", "middle/Un changed", "name", "Un changed"),
    ("exercise", 'test="middle/unchanged"', 'test="middle"', "duplicate-id", 'test="middle" points=1'),
    ("exercise", 'test="middle" points=2 ', 'test="middle" ', "points", 'test="middle" obj'),
    ("exercise", "points=1", "points=0", "points", "points=0"),
    ("exercise", 'essay="when_not" points=2 lang="es"', 'essay="when_not" points=-1 lang="es"', "points", "=-1"),
    ("exercise", 'right="middle"', 'right="middle" points=3', "attributes", 'right="middle"'),
    ("exercise", 'right="middle"', 'right="middle" test="middle"', "attributes", 'right="middle"'),
    ("exercise", "score=1 ", "", "wrong-score", 'wrong="middle" says'),
    ("exercise", ' says_en="outlier"', "", "wrong-says", "says_es"),
    ("exercise", "# en: the mean sums up any list\n", "", "wrong-misconception", 'wrong="middle"'),
    ("exercise", '# %% [markdown] essay="when_not" points=2 lang="es"', '# %% essay="e"', "cell-kind", 'essay="e"'),
    (
        "exercise",
        '# %% [markdown] essay="when_not" points=2 lang="en"',
        '# %% [markdown] essay="x" points=2 lang="en"',
        "twin-missing",
        'essay="when_not"',
    ),
    ("exercise", "# ### BEGIN SOLUTION\n# La mediana", "# La mediana", "marker-unmatched", "# ### END SOLUTION"),
]


@pytest.mark.parametrize(("which", "old", "new", "rule", "at"), BROKEN)
def test_each_rule_names_its_line(tiny, which, old, new, rule, at):
    path = getattr(tiny, which)
    tiny.edit(path, old, new)
    source, problems = scan(path)
    assert source is None
    found = [(problem.rule, problem.line) for problem in problems]
    assert (rule, tiny.line_of(path, *(at if isinstance(at, tuple) else (at,)))) in found
    with pytest.raises(SourceError, match=rf"^{path.parent.name}/{path.name}:\d+: "):
        load(path)


def test_messages_speak_the_authors_language(tiny, monkeypatch):
    tiny.edit(tiny.exercise, "points=1", "points=0")
    assert "are missing" in str(scan(tiny.exercise)[1][0])
    monkeypatch.setenv("LANG_COURSE", "es")
    assert "faltan los puntos" in str(scan(tiny.exercise)[1][0])


def test_all_problems_are_told_at_once(tiny):
    tiny.edit(tiny.exercise, "points=1", "points=0")
    tiny.edit(tiny.exercise, "score=1 ", "")
    problems = scan(tiny.exercise)[1]
    assert [problem.rule for problem in problems] == ["points", "wrong-score"]


def test_every_line_number_is_that_of_the_file(tiny):
    for path in (tiny.lesson, tiny.exercise):
        lines = path.read_text(encoding="utf-8").split("\n")
        for cell in load(path).cells:
            assert lines[cell.line - 1].startswith("# %%")
            if isinstance(cell, Code):
                count = cell.source.count("\n") + 1
                assert lines[cell.first - 1 : cell.first - 1 + count] == cell.source.split("\n")
            elif isinstance(cell, Prose | Essay):
                texts = cell.texts if isinstance(cell, Prose) else cell.model_answer
                for text in texts.values():
                    assert lines[text.line - 1] == "# " + text.source.split("\n")[0]


def test_markers_of_cells_within_strings_and_diagrams_are_text():
    text = (
        "# ---\n# title: {es: A, en: A}\n# minutes: 1\n# ---\n\n\n"
        "# %% [markdown]\n# ```mermaid\n# %% a comment of mermaid\n# graph LR\n# ```\n"
        '\n# %% row=7\n\ns = """\n# %% no\n"""\n'
    )
    source, problems = parse(text, Path("lessons/05_x.py"))
    assert source is not None and problems == []
    diagram, code = source.cells
    assert isinstance(diagram, Prose) and diagram.shared and "%% a comment" in diagram.texts["es"].source
    assert isinstance(code, Code) and code.rows == (7,) and (code.line, code.first) == (13, 15)
    assert code.source == 's = """\n# %% no\n"""'


def test_a_task_gathers_its_cells(tiny):
    source = load(tiny.exercise)
    task = source.tasks["middle"]
    assert isinstance(task.answer, Answer) and task.points == 3 and source.points == 5
    assert [test.grade_id for test in task.tests] == ["test_middle", "test_middle_unchanged"]
    assert all(isinstance(test, Test) and test.objective == "3.1" for test in task.tests)
    assert [wrong.score for wrong in task.wrongs] == [1, 1, 2]
    assert task.wrongs[0].says == {"es": "valor atípico", "en": "outlier"}
    assert task.wrongs[0].misconception["en"] == "the mean sums up any list"
    assert len(task.rights) == 1
    essay = source.essays[0]
    assert (
        essay.model_answer["en"].source.startswith("The median does not") and "BEGIN" not in essay.prompt["en"].source
    )
