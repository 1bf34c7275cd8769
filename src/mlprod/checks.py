"""Test cells look at an answer through these checks: builtin values only, and failures in the reader's language."""

from __future__ import annotations

import contextlib
import inspect
import math
import reprlib
import signal
import sqlite3
import textwrap
from collections import OrderedDict, deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from types import CodeType, FunctionType, GeneratorType
from typing import Any

from mlprod.language import tr

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 120
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxdict = 12
_short.maxlevel = 4

_TOLERANCE = 1e-9  # of floats; integers are exact unless a test says otherwise
_LONG = 6
"""Lists with more items than this are not shown whole."""


_VIEWS = tuple({type(view) for empty in ({}, OrderedDict()) for view in (empty.values(), empty.items())})
_KEYS = tuple({type(empty.keys()) for empty in ({}, OrderedDict())})


def plain(value: Any, about: str = "") -> Any:
    """A copy of `value` made of builtins alone, so that no method of the answer's own classes is asked anything.

    Tuples, lists, deques, ranges, arrays, rows of sqlite3 and values of a dict become lists; sets and keys of a dict
    become sets; numpy scalars, Decimal and Fraction become Python's numbers.
    Raises AssertionError, opening with `about` (already translated), for any other kind of object.
    """
    return _copy(value, list, about)


def _copy(value: Any, sequence: type, about: str) -> Any:
    """What `plain` says, but what came as a tuple becomes a `sequence`."""

    def copy(part: Any) -> Any:
        return _copy(part, sequence, about)

    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if type(value).__module__.split(".")[0] == "numpy":
        return copy(value.tolist())
    if type(value) in (Decimal, Fraction):
        return float(value)
    for kind in (int, float, str, bytes):  # subclasses (an IntEnum, say): the base's own copy, not theirs
        if isinstance(value, kind):
            return (
                kind.__getnewargs__(value)[0] if kind in (str, bytes) else getattr(kind, f"__{kind.__name__}__")(value)
            )
    if isinstance(value, dict):
        return {_hashable(copy(k)): copy(v) for k, v in dict.items(value)}
    for kind in (list, tuple, deque):
        if isinstance(value, kind):
            return (sequence if kind is tuple else list)(copy(item) for item in kind.__iter__(value))
    if type(value) is sqlite3.Row:
        return sequence(copy(item) for item in tuple(value))
    if type(value) in (range, *_VIEWS):
        return [copy(item) for item in value]
    for kind in (set, frozenset):
        if isinstance(value, kind):
            return {_hashable(copy(item)) for item in kind.__iter__(value)}
    if type(value) in _KEYS:
        return {_hashable(copy(item)) for item in value}
    name = type(value).__name__
    if isinstance(value, GeneratorType | map | filter | zip):
        what = tr(
            es=f"Hay un objeto de tipo {name}, que solo se puede recorrer una vez: haz con él una lista.",
            en=f"There is an object of type {name}, which can be gone through only once: make a list of it.",
        )
    else:
        what = tr(
            es=f"Hay un objeto de tipo {name} donde debería haber números, textos, listas, conjuntos o diccionarios.",
            en=f"There is an object of type {name} where numbers, strings, lists, sets or dicts are expected.",
        )
    raise AssertionError(f"{about}\n  {what}" if about else what)


def same(got: Any, want: Any, about: str, *, tolerance: float = _TOLERANCE, observed: bool = False) -> None:
    """Assert that `got` holds the values of `want`; `about` (already translated) opens the failure's message.

    `observed`: the answer did not return `got`; the test saw it (calls, instants, an order), and the message says so.

    Floats are compared within `tolerance` (relative, and absolute near zero). A list, tuple or array will do for
    one another; where `want` is a set, so will a list without repetitions. True is not 1.
    """
    got, want = _copy(got, tuple, about), _copy(want, tuple, "")  # the message shows pairs as the pairs they are
    if not _alike(got, want, tolerance):
        where, got, want = _first_difference(got, want, tolerance, observed)
        if observed:
            both = tr(
                es=f"\n  se esperaba:    {_short.repr(want)}\n  se ha obtenido: {_short.repr(got)}",
                en=f"\n  expected: {_short.repr(want)}\n  observed: {_short.repr(got)}",
            )
        else:
            both = tr(
                es=f"\n  se esperaba: {_short.repr(want)}\n  has devuelto: {_short.repr(got)}",
                en=f"\n  expected:     {_short.repr(want)}\n  you returned: {_short.repr(got)}",
            )
        raise AssertionError(about + where + both)


def number(got: Any, about: str) -> float:
    """`got` as a float; AssertionError opening with `about` when it is not a finite number."""
    got = plain(got, about)
    if isinstance(got, bool) or not isinstance(got, (int, float)) or not math.isfinite(got):
        raise AssertionError(
            about
            + tr(
                es=f"\n  se esperaba un número y has devuelto: {_short.repr(got)}",
                en=f"\n  expected a number and you returned: {_short.repr(got)}",
            )
        )
    return float(got)


def passed() -> None:
    """Say that the visible part of a test cell holds: it stands where that part ends, before the hidden one."""
    print(tr(es="Pasan las comprobaciones visibles.", en="The visible checks pass."))


class _Endless(BaseException):
    """Not an Exception, so that no `except Exception` of the answer hides it."""


def own_work(*functions: FunctionType) -> None:
    """From now on `functions`, the course's own answers to a task, refuse to be called from a notebook.

    The parts of the course that are built on them go on as before. Raises ValueError for one with a closure.
    """
    for function in functions:
        name = f"_of_the_course_{function.__name__}"
        if function.__closure__:
            raise ValueError(f"{function.__name__} has a closure")
        if name in function.__globals__:
            continue
        parts = function.__globals__, function.__name__, function.__defaults__, None
        function.__globals__[name] = original = FunctionType(function.__code__, *parts)
        original.__kwdefaults__ = function.__kwdefaults__
        scope: dict[str, Any] = {}
        exec(_REFUSES.format(name=name), scope)
        function.__code__ = scope["refuses"].__code__
        function.__defaults__ = function.__kwdefaults__ = None


_REFUSES = """\
def refuses(*arguments, **options):
    if __import__("sys")._getframe(1).f_globals.get("__name__") == "__main__":
        raise AssertionError(__import__("mlprod.checks").checks.borrowed())
    return {name}(*arguments, **options)
"""


def refuse_copy(answer: Any, course: FunctionType) -> None:
    """Where `answer` is a copy of the course's own answer, it refuses to be called from now on.

    A copy has the same bytecode, whatever its names are: nobody writes a dozen lines so by chance. `course`
    may be refusing already (`own_work`).
    """
    original = course.__globals__.get(f"_of_the_course_{course.__name__}", course)
    code = getattr(answer, "__code__", None)
    if code is not None and code.co_code in _compiled(original):
        answer.__code__ = _copied.__code__


def _compiled(function: FunctionType) -> set[bytes]:
    """The bytecode of a function of a module, and what it is in a cell, apart from the module's imports."""
    both = {function.__code__.co_code}
    with contextlib.suppress(OSError):  # it has no source
        alone = compile(textwrap.dedent(inspect.getsource(function)), "<cell>", "exec")
        both |= {part.co_code for part in alone.co_consts if isinstance(part, CodeType)}
    return both


def _copied(*_: Any, **__: Any) -> None:
    raise AssertionError(__import__("mlprod.checks").checks.borrowed())


def borrowed() -> str:
    """What is said to whoever hands in the course's own function."""
    return tr(
        es="Tu respuesta es la función del propio curso, o la llama: escribe la tuya.",
        en="Your answer is, or calls, the course's own function: write yours.",
    )


@contextlib.contextmanager
def ends(about: str, seconds: float = 10.0) -> Iterator[None]:
    """A block that may take `seconds`; after them it is interrupted: AssertionError(`about`), already translated.

    For answers that could loop for ever and would take the whole notebook down with them. Only where there is
    SIGALRM, and in the main thread (a kernel's cells are); elsewhere nothing is interrupted.
    """

    def interrupt(*_: Any) -> None:
        raise _Endless

    try:
        before = signal.signal(signal.SIGALRM, interrupt)
    except (AttributeError, ValueError):  # Windows; another thread
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)  # again and again: a bare `except:` swallows the first
    try:
        yield
    except _Endless:
        raise AssertionError(about) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _alike(got: Any, want: Any, tolerance: float) -> bool:
    if isinstance(want, bool) or isinstance(got, bool):
        return got is want
    if isinstance(want, int) and isinstance(got, int) and tolerance <= _TOLERANCE:
        return got == want
    if isinstance(want, (int, float)):
        return isinstance(got, (int, float)) and math.isclose(got, want, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(want, dict):
        return (
            isinstance(got, dict)
            and got.keys() == want.keys()
            and all(_alike(got[k], want[k], tolerance) for k in want)
        )
    if isinstance(want, (list, tuple)):  # inside a set, `plain` has made lists into tuples
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(want)
            and all(_alike(g, w, tolerance) for g, w in zip(got, want, strict=True))
        )
    if isinstance(want, set):
        return (
            isinstance(got, (set, list, tuple))
            and len(got) == len(want)
            and all(any(_alike(g, w, tolerance) for g in got) for w in want)
        )
    return type(got) is type(want) and got == want


def _first_difference(got: Any, want: Any, tolerance: float, observed: bool) -> tuple[str, Any, Any]:
    """What to show of two values that differ: of long lists only the first item that does, and where it is."""
    if not (isinstance(got, (list, tuple)) and isinstance(want, (list, tuple)) and max(len(got), len(want)) > _LONG):
        return "", got, want
    pairs = enumerate(zip(got, want, strict=False))
    at = next((i for i, pair in pairs if not _alike(*pair, tolerance)), min(len(got), len(want)))
    came = (
        tr(es=f"hay {len(got)}", en=f"there are {len(got)}")
        if observed
        else tr(es=f"has devuelto {len(got)}", en=f"you returned {len(got)}")
    )
    where = tr(
        es=f"\n  primera diferencia en la posición {at} (de {len(want)} que se esperaban; {came})",
        en=f"\n  first difference at position {at} (of {len(want)} expected; {came})",
    )
    nothing = tr(es="(nada)", en="(nothing)")
    return where, *(values[at] if at < len(values) else nothing for values in (got, want))


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value
