"""The linter: one small spoiling of a clean course for each rule, and the line that it must name."""

import json
from pathlib import Path

import nbformat
import pytest

from mlprod.authoring.build import build
from mlprod.authoring.lint import check
from mlprod.authoring.lint.markdown import skeleton, without_code
from mlprod.authoring.lint.names import bound
from mlprod.course import notebook
from mlprod.language import LANGUAGES

REPOSITORY = Path(__file__).resolve().parents[2]

NAME = "03_streams"
ES, EN = (
    "# De qué trata y por qué importa, en un párrafo.\n",
    "# What it is about and why it matters, in one paragraph.\n",
)


def both(es: str, en: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Edits that add a paragraph to each of the lesson's first twins."""
    return (ES, f"{ES}#\n{es}\n"), (EN, f"{EN}#\n{en}\n")


# rule, which source, edits, text on the line that is named, or that and how far below (None: line 1)
SPOILT = [
    ("twin-headings", "lesson", [(EN, EN + "#\n# ## Surprise\n")], "# ## Surprise"),
    ("twin-headings", "lesson", [("# ## The first", "# ### The first")], "# ### The first"),
    ("twin-headings", "lesson", [("# ## The first experiment\n#\n", "")], "# ## El primer"),
    ("twin-lists", "lesson", both("# - uno\n# - dos", "# - one"), "# - one"),
    ("twin-lists", "lesson", both("# 1. uno", "# - one"), "# - one"),
    ("twin-lists", "exercise", [("# - **1 point**: proposes", "# Proposes")], "# - **1 point**: says"),
    ("twin-tables", "lesson", both("# | a |\n# |---|\n# | b |\n# | c |", "# | z |\n# |---|\n# | b |"), "# | z |"),
    ("twin-code", "lesson", both("# usa `poll()`", "# use `pol()`"), "# use `pol()`"),
    ("twin-code", "lesson", both("# ```python\n# x = 1\n# ```", "# ```python\n# x = 2\n# ```"), ("# x = 2", -1)),
    ("twin-links", "lesson", both("# [a](https://a.org/x)", "# [a](https://a.org/y)"), "a.org/y"),
    ("twin-images", "lesson", both("# ![uno](https://a.org/1.png)", "# text"), "1.png"),
    ("twin-formulas", "lesson", both("# son $n(n-1)/2$ enlaces", "# $n(n+1)/2$ links"), "n+1"),
    ("glossary", "lesson", both("# Otra\n# PARTICION.", "# Another one."), "PARTICION"),
    ("glossary", "lesson", both("# Un grupo\n# consumidor", "# A consumer group"), "# Un grupo"),
    ("glossary", "lesson", [("# en: how many", "# en: a consumor: how many")], "consumor"),
    ("glossary", "lesson", [('en="median:"', 'en="consumor:"')], "consumor"),
    ("comment-twin", "lesson", [("# en: how many measures", "# how many measures")], "# es: cuántas medidas"),
    ("comment-twin", "lesson", [("seed = 1", "seed = 1  # es: la semilla")], "seed = 1"),
    ("syntax", "lesson", [("seed = 1", "seed = = 1")], "seed = = 1"),
    (
        "syntax",
        "exercise",
        [("    return sum(values)", "    return sum(values")],
        "    return sum(values",
    ),
    ("tr-arguments", "lesson", [('tr(es="mediana:", en="median:")', 'tr(es="mediana:")')], 'tr(es="mediana:")'),
    ("tr-arguments", "exercise", [('en="unsorted"', 'eng="unsorted"')], "eng="),
    ("tr-in-fstring", "lesson", [('tr(es="mediana:", en="median:")', "f\"{tr(es='m', en='m')}\"")], "tr(es='m'"),
    (
        "test-comment",
        "exercise",
        [("_t_values = [3, 1, 2]\n", "# es: tres\n# en: three\n_t_values = [3, 1, 2]\n")],
        "# es: tres",
    ),
    ("test-lang", "exercise", [("_t_values = [3, 1, 2]\n", "_t_values = [3, 1, 2]\nprint(LANG)\n")], "print(LANG)"),
    (
        "test-message",
        "exercise",
        [("middle(_t_values)\nassert", 'middle(_t_values)\nassert _t_values, "empty"\nassert')],
        '"empty"',
    ),
    (
        "task-tests",
        "exercise",
        [
            ('# %% test="middle" points=2 objective="3.1"\n', "# %%\n"),
            ('# %% test="middle/unchanged" points=1 objective="3.1"\n', "# %%\n"),
            ("### BEGIN HIDDEN TESTS\n", ""),
            ("### END HIDDEN TESTS\n", ""),
        ],
        '# %% answer="middle"',
    ),
    (
        "task-wrongs",
        "exercise",
        [('wrong="middle" score=2 says_es="ha cambiado" says_en="has changed"', 'right="middle"')],
        '# %% answer="middle"',
    ),
    (
        "task-rights",
        "exercise",
        [('# %% right="middle"', '# %% wrong="middle" score=0 says="x"\n# es: a\n# en: b')],
        '# %% answer="middle"',
    ),
    ("wrong-score", "exercise", [("score=2", "score=3")], "score=3"),
    ("title", "lesson", [('#   es: "Streams"', '#   es: "Flujos"')], "# # Streams"),
    ("parameters", "lesson", [(' tags=["parameters"]', "")], ("# es: cuántas", -1)),
    ("start", "lesson", [("start(LANG)\n", 'start("es")\n')], '# %% slide="skip"'),
    ("start", "exercise", [("from mlprod import checks, start, tr", "from mlprod import checks, start")], None),
    ("row-unknown", "lesson", [("# %%\nrandom.seed", '# %% row="2-4"\nrandom.seed')], 'row="2-4"'),
    ("objective-unknown", "exercise", [('points=1 objective="3.1"', 'points=1 objective="3.10"')], "3.10"),
    ("objective-missing", "exercise", [('points=1 objective="3.1"', "points=1")], "points=1"),
    (
        "objective-unknown",
        "lesson",
        [("**(3.1)** resumir", "**(3.2)** resumir"), ("**(3.1)** sum", "**(3.2)** sum")],
        "!",
    ),
    ("dataset", "lesson", both("# en `datasets/cities/`", "# in `datasets/cities/`"), "# en `datasets/cities/`"),
    (
        "dataset",
        "lesson",
        [("seed = 1", 'seed = 1\npath = f"../../datasets/{city}/x"\nother = "datasets/rides/a.csv"')],
        "other =",
    ),
    ("link", "lesson", both("# [a](../../data/none)", "# [a](../../data/none)"), "# [a](../../data"),
    ("link", "lesson", both("# [a](/datasets/rides)", "# [a](/datasets/rides)"), "# [a](/datasets"),
    ("link", "lesson", both("# [a](../../../secret)", "# [a](../../../secret)"), "# [a](../../../secret"),
    ("test-name", "exercise", [("_t_values = [3, 1, 2]\n", "_t_values = saved = [3, 1, 2]\n")], "saved ="),
    ("test-name", "exercise", [("for _t_values, _t_expected", "for values, _t_expected")], "for values"),  # hidden
    ("given-name", "exercise", [("start(LANG)\n", "start(LANG)\n_saved = {}\n")], "_saved"),
    ("anchor", "lesson", both("# [a](#El-final)", "# [a](#The-first-experiment)"), "#El-final"),
]


def spoil(tiny, which, edits):
    path = getattr(tiny, which)
    for old, new in edits:
        tiny.edit(path, old, new)
    return path


@pytest.mark.parametrize(("rule", "which", "edits", "at"), SPOILT)
def test_each_rule_names_its_line(tiny, rule, which, edits, at):
    path = spoil(tiny, which, edits)
    found = [(finding.rule, finding.path.parent.name, finding.line) for finding in check(tiny.root)]
    if at == "!":  # the lesson's objective changed: the exercise is told
        assert {(name, folder) for name, folder, _ in found} == {(rule, "solutions")}
        return
    line = 1 if at is None else tiny.line_of(path, *(at if isinstance(at, tuple) else (at,)))
    assert [name for name, *_ in found if name != rule] == [], found
    assert (rule, path.parent.name, line) in found


HARMLESS = [
    both("# [a](../es/03_streams.ipynb)", "# [a](../en/03_streams.ipynb)"),
    both("# [a](https://es.python.org/es/3)", "# [a](https://en.python.org/en/3)"),
    both("# [a](#El-primer-experimento)", "# [a](#The-first-experiment)"),
    both(
        "# [a](../../datasets/rides) ![](../../datasets/rides)", "# [a](../../datasets/rides) ![](../../datasets/rides)"
    ),
    both("# `b` y `a`: 5 $ y 7 $", "# `a` and `b`: $5 and $7"),
    both("# `particion` es un nombre", "# `particion` is a name"),
    both("# particiones, «repartición»", "# partitions"),
    both("# ```mermaid\n# graph LR\n#   A --> Año\n# ```", "# ```mermaid\n# graph LR\n#   A --> Year\n# ```"),
    both("# $\\text{coste} = x$", "# $\\text{cost} =  x$"),
    both("# ```python\n# x = [1](2)\n# ```", "# ```python\n# x = [1](2)\n# ```"),
    [("seed = 1", 'seed = 1\nnote = """\n# es: texto\n# en: text\n"""')],
]


@pytest.mark.parametrize("edits", HARMLESS)
def test_what_is_right_is_left_in_peace(tiny, edits):
    spoil(tiny, "lesson", edits)
    assert [str(finding) for finding in check(tiny.root)] == []


def test_a_lesson_without_exercise_and_the_reverse(tiny):
    tiny.lesson.rename(tiny.lesson.with_name("04_other.py"))
    tiny.edit(tiny.root / "lessons" / "04_other.py", '# unit: "03"', '# unit: "04"')
    assert [(f.rule, f.path.name) for f in check(tiny.root)] == [
        ("counterpart", "04_other.py"),
        ("counterpart", f"{NAME}.py"),
    ]


def test_an_exercise_needs_an_essay(tiny):
    text = tiny.exercise.read_text(encoding="utf-8")
    tiny.exercise.write_text(text[: text.index("# %% [markdown] essay=")], encoding="utf-8")
    assert [(finding.rule, finding.line) for finding in check(tiny.root)] == [("essay-missing", 1)]


@pytest.mark.parametrize(
    "line",
    [
        "    ordered, half = sorted(values), len(values) // 2",  # the answer's
        '    ([9, 1, 5, 1, 2], 2, tr(es="sin ordenar", en="unsorted")),',  # a hidden test's
        "    return sum(values) / len(values)",  # a wrong answer's
        "    from statistics import median",  # a right answer's
        "### BEGIN HIDDEN TESTS",
    ],
)
def test_nothing_secret_may_be_in_an_exercise(tiny, line):
    build(tiny.root)
    path = notebook("exercises", NAME, "en", tiny.root)
    content = json.loads(path.read_text())
    content["cells"][3]["source"].append("\n" + line)
    path.write_text(json.dumps(content))
    assert [(finding.rule, finding.path) for finding in check(tiny.root)] == [("leak", path)]


def test_what_later_tests_need_stands_above_the_first_check(tiny):
    early = "def _t_given():\n    return list(_t_KNOWN)\n"
    tiny.edit(tiny.exercise, "_t_values = [3, 1, 2]\nmiddle(", "_t_values = _t_given()\nmiddle(")
    tiny.edit(
        tiny.exercise,
        "### BEGIN HIDDEN TESTS\nfor _t_values, _t_expected",
        f"### BEGIN HIDDEN TESTS\n_t_KNOWN = [3, 1, 2]\n{early}for _t_values, _t_expected",
    )
    lines = [tiny.line_of(tiny.exercise, text) for text in ("_t_KNOWN = ", "def _t_given")]
    assert [(found.rule, found.line) for found in check(tiny.root)] == [("late-helper", line) for line in lines]

    text = tiny.exercise.read_text(encoding="utf-8").replace(f"_t_KNOWN = [3, 1, 2]\n{early}", "")
    first = 'checks.same(middle([3, 1, 2]), 2, "middle([3, 1, 2])")\n'
    assert first in text
    apart = f"### BEGIN HIDDEN TESTS\n_t_KNOWN = [3, 1, 2]\n{early}### END HIDDEN TESTS\n"
    tiny.exercise.write_text(text.replace(first, apart + first), encoding="utf-8")
    assert check(tiny.root) == []
    made = f"_t_KNOWN = middle([3, 1, 2])\n{early}"  # what an answer is needed for may fail as well
    tiny.exercise.write_text(text.replace(first, made + first), encoding="utf-8")
    assert [found.rule for found in check(tiny.root)] == ["late-helper", "late-helper"]


@pytest.mark.parametrize(
    "binds",
    [
        "_saved = 1",
        "saved: int = 1",
        "def saved():\n    pass",
        "class saved:\n    pass",
        "import saved",
        "import saved.inner",
        "from copy import copy as saved",
        "for [_, saved] in []:\n    pass",
        "with open('a') as saved:\n    pass",
        "try:\n    pass\nexcept OSError as saved:\n    pass",
        "[saved := n for n in range(3)]",
        "def _t_change():\n    global saved\n    saved = 1",
        "if True:\n    saved, _t_other = 1, 2",
    ],
)
def test_whatever_binds_a_name_is_seen(binds):
    name = "_saved" if "_saved" in binds else "saved"
    assert {name: line for name, line in bound(f"a_call()\n{binds}").items() if not name.startswith("_t_")} == {name: 2}


def test_what_binds_nothing_in_the_notebook():
    inside = "def _t_inside(saved):\n    kept = [new for new in saved]\n    return kept"
    assert bound(
        f"{inside}\nclass _t_Kept:\n    saved = 1\nfor _ in range(3):\n    saved[0] = kept.new = 1"
    ).keys() == {
        "_t_inside",
        "_t_Kept",
    }
    assert bound("%%bash\nsaved=1") == {}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", sorted(path.stem for path in (REPOSITORY / "solutions").glob("*.py")))
def test_no_test_of_the_course_binds_a_name_that_may_be_a_students(name, lang):
    master = nbformat.read(notebook("solutions", name, lang, REPOSITORY), as_version=4)
    marks = [(cell, cell.metadata.get("nbgrader", {})) for cell in master.cells]
    tests = [cell.source for cell, mark in marks if mark.get("grade") and not mark["solution"]]
    assert tests
    others = {name for code in tests for name in bound(code) if not name.startswith("_t_")}
    assert others <= {"checks", "tr"}
    assert (
        "`_t_`" in master.cells[0].source and "`checks`" in master.cells[0].source and "`tr`" in master.cells[0].source
    )


def test_a_stub_is_python(tiny):
    inside = "    ordered = sorted(\n        ### BEGIN SOLUTION\n        values\n        ### END SOLUTION\n    )\n"
    tiny.edit(
        tiny.exercise, "    ### BEGIN SOLUTION\n    ordered, half = sorted(values), len", inside + "    half = len"
    )
    tiny.edit(tiny.exercise, ") / 2\n    ### END SOLUTION\n", ") / 2\n")
    build(tiny.root)
    line = tiny.line_of(tiny.exercise, 'answer="middle"')
    assert [(finding.rule, finding.line) for finding in check(tiny.root)] == [("stub-syntax", line)]


@pytest.mark.parametrize("kind", ["lessons", "solutions", "exercises"])
def test_no_outputs_are_committed(tiny, kind):
    build(tiny.root)
    path = notebook(kind, NAME, "es", tiny.root)
    content = json.loads(path.read_text())
    content["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "42"}]
    path.write_text(json.dumps(content))
    assert [(finding.rule, finding.path) for finding in check(tiny.root)] == [("outputs", path)]


def test_bad_glossaries_and_syllabuses_are_findings_too(tiny):
    (tiny.root / "glossary.yml").write_text("- {es: a}\n")
    (tiny.root / "lessons" / "syllabus.yml").write_text("- a: [\n")
    assert [finding.rule for finding in check(tiny.root)] == ["yaml", "yaml"]


def test_money_is_not_a_formula_and_code_holds_none():
    assert skeleton("cuesta 5 $ o 7 $; $5 and $7; `$x$`").values("formulas") == []
    assert skeleton("a\nb $x$ and $$\ny\n$$").values("formulas") == [("x", 1), ("y", 1)]
    assert without_code("a `b` ``c ` d`` e\n```\nf\n```\ng") == "a     " + " " * 9 + " e\n   \n \n   \ng"
