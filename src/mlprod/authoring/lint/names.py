"""Names: a notebook has one namespace, and what tests bind in it must not be what students have called their own."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator

from mlprod.authoring.lint.course import Course
from mlprod.authoring.localise import mask_magics
from mlprod.authoring.model import Answer, Code, Right, Source, Test, Wrong
from mlprod.authoring.problems import SourceError
from mlprod.language import tr

PREFIX = "_t_"
OFFERED = ("checks", "tr")
"""What a test imports under its own name; the line under an exercise's title (`navigation.TESTS_NAMES`) says so too."""


def bound(code: str) -> dict[str, int]:
    """Names that a cell's `code` binds in the notebook, each with the line (from 1) of the statement that first does.

    However it does: `=`, `def`, `class`, `import`, `for`, `with`, `except`, `:=` in a comprehension, `global`. A lone
    `_` is not one, nobody reads it; nor are names of other languages' cells (`%%`) and of code that is not Python.
    """
    names = _names(code)
    if not names:
        return {}
    first: dict[str, int] = {}
    for statement in ast.parse(mask_magics(code)).body:
        for name in _names(ast.unparse(statement)):
            first.setdefault(name, statement.lineno)
    return first


def tests_have_their_own(source: Source, course: Course) -> Iterator[SourceError]:
    """Tests bind names that begin with `_t_`, and given cells no others with `_` (rules test-name, given-name).

    A test that binds `_saved` replaces a student's helper of that name, and whatever called it fails from then on.
    """
    if source.kind != "solutions":
        return
    for cell in source.cells:
        if not isinstance(cell, Code) or isinstance(cell, Answer | Wrong | Right):
            continue
        wrong = [name for name in bound(cell.source).items() if not _allowed(name[0], isinstance(cell, Test))]
        for name, line in wrong:
            own = PREFIX + name.lstrip("_")
            if isinstance(cell, Test):
                rule, es, en = (
                    "test-name",
                    f"si quien responde tiene algo llamado {name}, esta prueba se lo cambia: llámalo {own}",
                    f"if an answer has something called {name}, this test replaces it: call it {own}",
                )
            else:
                rule, es, en = (
                    "given-name",
                    f"{name} parece de las pruebas: llámalo {own} si lo es, y si es para quien responde, quita el _",
                    f"{name} looks like the tests': call it {own} if it is, and if it is for students, drop the _",
                )
            yield SourceError(source.path, cell.first + line - 1, rule, tr(es=es, en=en))


def _allowed(name: str, in_test: bool) -> bool:
    if name.startswith(PREFIX):
        return True
    return name in OFFERED if in_test else not name.startswith("_")


def _names(code: str) -> set[str]:
    if code.startswith("%%"):
        return set()
    try:
        table = symtable.symtable(mask_magics(code), "cell", "exec")
    except SyntaxError:
        return set()  # told elsewhere
    return {name for name in _bound_in(table, top=True) if name != "_"}


def _bound_in(table: symtable.SymbolTable, *, top: bool = False) -> Iterator[str]:
    for symbol in table.get_symbols():
        if (symbol.is_assigned() or symbol.is_imported()) and (top or symbol.is_declared_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _bound_in(child)
