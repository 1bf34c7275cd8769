"""Code put into one language: comments, `tr`, `LANG`; everything else stays as it was."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlprod.authoring.localise import localise
from mlprod.authoring.model import Code
from mlprod.authoring.problems import SourceError

PATH = Path("lessons/01_x.py")


def put(code: str, lang: str, **options) -> str:
    return localise(Code(line=10, source=code, first=11), lang, PATH, **options)


@pytest.mark.parametrize(
    ("code", "english"),
    [
        ('print(tr(es="á", en="b"))', 'print("b")'),
        ('tr(en="b", es="á").upper()', '"b".upper()'),
        ('x = tr(\n    es="á",\n    en="b",\n) + "é"', 'x = "b" + "é"'),
        ('x = tr(es="a", en="b"\n    "c")', 'x = ("b"\n    "c")'),
        ('f(tr(es="a", en="b"\n    f"c{1}"), 2)', 'f("b"\n    f"c{1}", 2)'),
        ("x = tr(es=1 + 1, en=2 + 2) * 3", "x = (2 + 2) * 3"),
        ('tr(es=f"{n} á", en=f"{n:>{w}} b")', 'f"{n:>{w}} b"'),
        ('tr(es="a", en=tr(es="b", en="c"))', '"c"'),
        ("tr(es=lambda: 1, en=lambda: 2)()", "(lambda: 2)()"),
        ("f(a=tr(es=(x := 1), en=(x := 2)))", "f(a=(x := 2))"),
        ("def g():\n    f(tr(es=(yield 1), en=(yield 2)), 3)", "def g():\n    f((yield 2), 3)"),
        ("tr(es=LANG, en=LANG)", '"en"'),
        (
            'start(LANG); s = "LANG"; o.LANG = f(LANG=LANG)  # LANG',
            'start("en"); s = "LANG"; o.LANG = f(LANG="en")  # LANG',
        ),
        ("if x:\n    # es: uno\n    # en: one\n    y()", "if x:\n    # one\n    y()"),
        ("# es: uno\n# es: dos\n# en: one\nx = 1", "# one\nx = 1"),
        ('s = """\n# es: no\n# en: no\n"""', 's = """\n# es: no\n# en: no\n"""'),
        ('%time f(1)\n!ls -l $HOME\nx = tr(es="é", en="e")', '%time f(1)\n!ls -l $HOME\nx = "e"'),
        ("x = (a\n     % tr(es=1, en=2))", "x = (a\n     % 2)"),
        ("%%bash\n# es: uno\n# en: one\necho 'tr(", "%%bash\n# one\necho 'tr("),
    ],
)
def test_in_english(code, english):
    assert put(code, "en") == english


def test_graded_code_keeps_tr_and_is_the_same_in_both():
    code = 'assert x, tr(es="a", en="b")'
    assert put(code, "es", keep_tr=True) == put(code, "en", keep_tr=True) == code


@pytest.mark.parametrize(
    ("code", "rule", "line"),
    [
        ("x = 1\ny = (", "syntax", 12),
        ('# es: á\n# en: b\nx = 1\ntr("a", en="b")', "tr-arguments", 14),
        ('x = 1\n\ntr(es="a")', "tr-arguments", 13),
        ('tr(es="a", en="b", fr="c")', "tr-arguments", 11),
        ("# en: one\n# es: uno\n\nf\"{tr(es='a', en='b')}\"", "tr-in-fstring", 14),
        ('f"{LANG}"', "tr-in-fstring", 11),
        ('%%time\n# es: uno\n# en: one\nprint(tr(es="a", en="b"))', "tr-in-magic", 14),
        ("%%bash\necho $LANG", "tr-in-magic", 12),
    ],
)
def test_errors_point_into_the_file(code, rule, line):
    with pytest.raises(SourceError) as caught:
        put(code, "en")
    assert (caught.value.rule, caught.value.line) == (rule, line)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(texts, texts, texts)
def test_tr_becomes_exactly_the_text_that_it_would_return(es, en, around):
    code = f"[{around!r}, tr(es={es!r}, en={en!r}), {around!r}.join(tr(en={en!r}, es={es!r}) for _ in range(2))]"
    for lang, said in (("es", es), ("en", en)):
        built = put(code, lang)
        assert eval(built) == [around, said, around.join([said, said])]
        assert not any(isinstance(node, ast.Name) and node.id == "tr" for node in ast.walk(ast.parse(built)))
