"""Helpers of tests: a test that fails early must not take from later ones what they are written with."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlprod.authoring.lint.course import Course
from mlprod.authoring.localise import mask_magics
from mlprod.authoring.model import Answer, Code, Right, Source, Test, Wrong
from mlprod.authoring.problems import SourceError
from mlprod.language import tr


@dataclass(frozen=True)
class Helper:
    """A name that `test` defines after its first check, and the statement that does."""

    name: str
    test: Test
    statement: ast.stmt


def late_helpers(source: Source) -> Iterator[tuple[Helper, Test]]:
    """Each helper that may be missing, with the later test that needs it, itself or through another helper.

    When a check fails, the rest of its cell is not executed: what is defined there is not there for the next test,
    which then fails with a NameError whatever the answer is. What stands above the cell's first check always is; a
    hidden region of its own may hold it.
    """
    late: dict[str, Helper] = {}
    answers = [cell for cell in source.cells if isinstance(cell, Answer)]
    of_students = {name for cell in answers for statement in _statements(cell.source) for name in _defines(statement)}
    for cell in source.cells:
        if not isinstance(cell, Code) or isinstance(cell, Wrong | Right):
            continue
        statements = _statements(cell.source)
        if isinstance(cell, Test):
            wanted, seen = list(_used(statements)), set[str]()
            while wanted:
                name = wanted.pop()
                if name in late and name not in seen:
                    seen.add(name)
                    yield late[name], cell
                    wanted += _used([late[name].statement])
        after = _after_a_check(statements, of_students) if isinstance(cell, Test) else []
        for statement in statements:
            for name in _defines(statement):
                if statement in after:
                    late[name] = Helper(name, cell, statement)
                elif not isinstance(cell, Answer):
                    late.pop(name, None)


def reach_later_tests(source: Source, course: Course) -> Iterator[SourceError]:
    """What several tests use is defined above the checks of the first one (rule late-helper)."""
    told = set()
    for helper, test in late_helpers(source):
        if helper.name not in told:
            told.add(helper.name)
            yield SourceError(
                source.path,
                helper.test.first + helper.statement.lineno - 1,
                "late-helper",
                tr(
                    es=f"{helper.name} le hace falta a {test.grade_id} aunque falle lo de arriba: defínelo antes de la "
                    "primera comprobación (si no debe verse, en una parte oculta propia)",
                    en=f"{test.grade_id} needs {helper.name} even if what is above fails: define it above the first "
                    "check (if nobody is to see it, in a hidden part of its own)",
                ),
            )


def _statements(code: str) -> list[ast.stmt]:
    if code.startswith("%%"):
        return []
    try:
        return ast.parse(mask_magics(code)).body
    except SyntaxError:
        return []  # told elsewhere


def _after_a_check(statements: list[ast.stmt], of_students: set[str]) -> list[ast.stmt]:
    """The statements from the first one on that an answer can make fail: it defines nothing, or uses the answer."""
    for at, statement in enumerate(statements):
        binds = isinstance(statement, ast.Assign | ast.AnnAssign)
        if not _defines(statement) or (binds and _used([statement]) & of_students):
            return statements[at:]
    return []


def _defines(statement: ast.stmt) -> Iterable[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.Import() | ast.ImportFrom():
            return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return []


def _used(statements: Iterable[ast.stmt]) -> set[str]:
    """Names that `statements` read and do not bind themselves."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {name for statement in statements for name in _defines(statement)}
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - bound
