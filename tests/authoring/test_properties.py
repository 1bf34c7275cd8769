"""Whatever the source: graded cells agree, no marker survives, a rebuild gives the same bytes."""

import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlprod.authoring import build as builder
from mlprod.authoring.lint.built import secrets
from mlprod.authoring.model import Code
from mlprod.authoring.source import load, parse

words = st.text(st.sampled_from("abñóX 0'\"\\{}#%ü→"), min_size=1, max_size=12)
sentences = words.map(lambda text: "Texto " + text.strip())
names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
rows = st.sampled_from(["", ' row="7"', ' row="1 3-4"', ' slide="slide"', ' tags=["x"]'])

SURVIVORS = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)|^\s*# ?%%|^\s*# ?(es|en): |\bLANG\b", re.MULTILINE)


@st.composite
def prose(draw) -> str:
    marks, es, en = draw(rows), draw(sentences), draw(sentences)
    return (
        f'# %% [markdown] lang="es"{marks}\n# {es}\n#\n# - `x`\n# %% [markdown] lang="en"{marks}\n# {en}\n#\n# - `x`\n'
    )


@st.composite
def shared(draw) -> str:
    es, en = draw(words), draw(words)
    return (
        f"# %%{draw(rows)}\n"
        f"for i in range(2):\n    # es: comentario {draw(st.integers(0, 99))}\n    # en: comment\n    print(i, LANG)\n"
        f"print(tr(es={es!r}, en={en!r}),\n      tr(en=f'{{i}}', es='''uno\ndos'''))\n"
    )


@st.composite
def task(draw, name: str) -> str:
    es, en, secret = draw(words), draw(words), draw(st.integers(10**6, 10**9))
    points = draw(st.sampled_from(["1", "2", "0.5"]))
    return (
        f'# %% answer="{name}"\ndef {name}(x):\n    # es: pista\n    # en: hint\n'
        f"    ### BEGIN SOLUTION\n    return x + {secret}\n    ### END SOLUTION\n"
        f'\n# %% test="{name}" points={points}\nassert {name}(1) != 1, tr(es={es!r}, en={en!r})\n'
        f"### BEGIN HIDDEN TESTS\nassert {name}(1) == {secret + 1}\n### END HIDDEN TESTS\n"
        f'\n# %% wrong="{name}" score=0 says="x"\n# es: uno\n# en: one\n{name} = lambda x: x - {secret}\n'
        f'\n# %% right="{name}"\n{name} = lambda x: {secret} + x  # another\n'
    )


@st.composite
def essay(draw, name: str) -> str:
    return "".join(
        f'# %% [markdown] essay="{name}" points=2 lang="{lang}"\n# {draw(sentences)}\n'
        f"# ### BEGIN SOLUTION\n# modelo {lang} {draw(st.integers(10**6, 10**9))}\n# ### END SOLUTION\n"
        for lang in ("es", "en")
    )


@st.composite
def exercises(draw) -> str:
    unique = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    parts = [draw(prose()), draw(shared())]
    for i, name in enumerate(unique):
        parts.append(draw(essay(name) if i == 1 else task(name)))
        parts += draw(st.lists(st.one_of(prose(), shared()), max_size=2))
    front = "# ---\n# title: {es: Uno, en: One}\n# minutes: 5\n# ---\n"
    return front + "\n" * draw(st.integers(0, 2)) + "\n".join(parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("course")
    (root / "solutions").mkdir()
    return root


@given(exercises())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_built_exercises(folder, text):
    path = folder / "solutions" / "05_generated.py"
    path.write_text(text, encoding="utf-8")
    texts = builder.expected(path, folder)
    assert texts == builder.expected(path, folder)  # byte-identical
    notebooks = {}
    for target, written in texts.items():
        kind, lang = target.relative_to(folder).parts[:2]
        notebooks[kind, lang] = nbformat.reads(written, as_version=4)
        nbformat.validate(notebooks[kind, lang])
    source = load(path)
    secret = secrets(source)
    for kind in ("solutions", "exercises"):
        es, en = (notebooks[kind, lang].cells for lang in ("es", "en"))
        assert [cell.id for cell in es] == [cell.id for cell in en] and len({cell.id for cell in es}) == len(es)
        for a, b in zip(es, en, strict=True):
            if a.metadata.get("nbgrader", {}).get("grade") and (a.cell_type == "code" or kind == "exercises"):
                assert a == b  # code, metadata and checksum
    for lang in ("es", "en"):
        for cell in notebooks["exercises", lang].cells:
            assert not SURVIVORS.search(cell.source)
            assert not secret & {line.strip() for line in cell.source.split("\n")}
            if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade"):
                assert "tr(" not in cell.source
                compile(cell.source, "cell", "exec")


@given(exercises())
@settings(max_examples=50, deadline=None)
def test_line_numbers_are_the_files(text):
    source, problems = parse(text, Path("solutions/05_generated.py"))
    assert source is not None, problems
    lines = text.split("\n")
    for cell in source.cells:
        assert lines[cell.line - 1].startswith("# %%")
        if isinstance(cell, Code):
            assert lines[cell.first - 1 : cell.first + cell.source.count("\n")] == cell.source.split("\n")
