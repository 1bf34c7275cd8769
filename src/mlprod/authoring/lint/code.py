"""Code: it can be put into both languages, and tests decide the language when they run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlprod.authoring.lint.course import Course
from mlprod.authoring.lint.words import COMMENT, TRAILING
from mlprod.authoring.localise import localise, mask_magics
from mlprod.authoring.model import Code, Source, Test
from mlprod.authoring.problems import SourceError
from mlprod.language import LANGUAGES, tr


def in_both_languages(source: Source, course: Course) -> Iterator[SourceError]:
    """Every cell is valid Python in each language (rules syntax, tr-arguments, tr-in-fstring)."""
    for cell in source.cells:
        if isinstance(cell, Code):
            said = set()
            for lang in LANGUAGES:
                try:
                    localise(cell, lang, source.path, keep_tr=isinstance(cell, Test))
                except SourceError as error:
                    if str(error) not in said:
                        yield error
                    said.add(str(error))


def tests_speak_at_run_time(source: Source, course: Course) -> Iterator[SourceError]:
    """Test cells are one text for both languages (rules test-comment, test-lang, test-message, tr-arguments)."""
    for cell in source.cells:
        if not isinstance(cell, Test):
            continue
        for number, text in enumerate(cell.source.split("\n"), cell.first):
            if COMMENT.match(text) or TRAILING.search(text):
                yield SourceError(
                    source.path,
                    number,
                    "test-comment",
                    tr(
                        es="una celda de test es igual en los dos idiomas: sin # es: ni # en: (usa tr en los mensajes)",
                        en="a test cell is the same in both languages: no # es: or # en: (use tr in its messages)",
                    ),
                )
        try:
            tree = ast.parse(mask_magics(cell.source))
        except SyntaxError:
            continue  # another rule says so
        yield from _in_tree(tree, cell, source)


def _in_tree(tree: ast.Module, cell: Test, source: Source) -> Iterator[SourceError]:
    for node in ast.walk(tree):
        line = cell.first + getattr(node, "lineno", 1) - 1
        if isinstance(node, ast.Name) and node.id == "LANG":
            yield SourceError(
                source.path,
                line,
                "test-lang",
                tr(
                    es="LANG no existe al calificar: usa tr(es=…, en=…) o mlprod.language()",
                    en="LANG does not exist when grading: use tr(es=…, en=…) or mlprod.language()",
                ),
            )
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
            if node.args or {keyword.arg for keyword in node.keywords} != set(LANGUAGES):
                yield SourceError(
                    source.path,
                    line,
                    "tr-arguments",
                    tr(
                        es='tr se llama con los dos idiomas y nada más: tr(es="…", en="…")',
                        en='tr is called with both languages and nothing else: tr(es="…", en="…")',
                    ),
                )
        elif isinstance(node, ast.Assert) and isinstance(node.msg, ast.JoinedStr | ast.Constant):
            yield SourceError(
                source.path,
                line,
                "test-message",
                tr(
                    es='el mensaje se dice en los dos idiomas: assert …, tr(es="…", en="…")',
                    en='say the message in both languages: assert …, tr(es="…", en="…")',
                ),
            )
