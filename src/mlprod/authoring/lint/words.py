"""Words: the glossary's, and comments that exist in one language only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlprod.authoring.lint.course import Course
from mlprod.authoring.lint.markdown import without_code
from mlprod.authoring.lint.twins import texts
from mlprod.authoring.localise import mask_magics
from mlprod.authoring.model import Code, Source, Test
from mlprod.authoring.problems import SourceError
from mlprod.language import LANGUAGES, Language, tr

COMMENT = re.compile(r"(?P<indent>\s*)# ?(?P<lang>es|en):(?P<text>.*)")
TRAILING = re.compile(r"\S.*\s#\s?(es|en): ")


def glossary(source: Source, course: Course) -> Iterator[SourceError]:
    """Prose, comments and `tr(...)` use the glossary's terms (rule glossary)."""
    for lang, text, line in _said(source):
        for avoided in course.avoided:
            if avoided.lang == lang:
                for match in avoided.pattern.finditer(text):
                    yield SourceError(
                        source.path,
                        line + text.count("\n", 0, match.start()),
                        "glossary",
                        tr(
                            es=f"«{match[0]}»: el curso dice «{avoided.instead}» (glossary.yml)",
                            en=f'"{match[0]}": the course says "{avoided.instead}" (glossary.yml)',
                        ),
                    )


def comment_twins(source: Source, course: Course) -> Iterator[SourceError]:
    """A `# es:` comment has its `# en:` beside it, on lines of their own (rule comment-twin)."""
    for cell in source.cells:
        if not isinstance(cell, Code):
            continue
        block: dict[str, int] = {}  # language -> line of its first comment, in a run of such comments
        for number, text in enumerate([*cell.source.split("\n"), ""], cell.first):
            if match := COMMENT.match(text):
                block.setdefault(match["lang"], number)
                continue
            if len(block) == 1:
                (lang, line), *_ = block.items()
                yield SourceError(
                    source.path,
                    line,
                    "comment-twin",
                    tr(
                        es=f"a este comentario # {lang}: le falta, pegado, el de la otra lengua",
                        en=f"this # {lang}: comment lacks the other language's beside it",
                    ),
                )
            block = {}
            if TRAILING.search(text) and not isinstance(cell, Test):
                yield SourceError(
                    source.path,
                    number,
                    "comment-twin",
                    tr(
                        es="los comentarios # es: y # en: van en su propia línea, encima del código",
                        en="# es: and # en: comments have a line of their own, above the code",
                    ),
                )


def _said(source: Source) -> Iterator[tuple[Language, str, int]]:
    """Everything said to the reader: language, text with code blanked, line on which it begins."""
    for pair in texts(source):
        for lang in LANGUAGES:
            if pair["es"] is not pair["en"]:
                yield lang, without_code(pair[lang].source), pair[lang].line
    for cell in source.cells:
        if isinstance(cell, Code):
            for number, text in enumerate(cell.source.split("\n"), cell.first):
                if match := COMMENT.match(text):
                    yield match["lang"], without_code(match["text"]), number  # type: ignore[misc]
            yield from _translated(cell)


def _translated(cell: Code) -> Iterator[tuple[Language, str, int]]:
    try:
        tree = ast.parse(mask_magics(cell.source))
    except SyntaxError:
        return  # another rule says so
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "tr":
            for keyword in call.keywords:
                for part in ast.walk(keyword.value):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and keyword.arg in LANGUAGES:
                        yield keyword.arg, without_code(part.value), cell.first + call.lineno - 1  # type: ignore[misc]
