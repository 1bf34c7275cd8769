"""What the reader sees when a child process fails: its traceback, reduced to the lines that the reader wrote."""

from __future__ import annotations

import contextlib
import inspect
import signal
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems import pickling

_NOT_THE_READERS = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {str(Path(__file__).resolve().parents[1]), "<frozen "}
)


class ChildFailed(CourseError):
    """A process ended by an exception, by a signal, or before it was ready. `.process` is its name."""

    def __init__(self, message: str, process: str):
        super().__init__(message)
        self.process = process


class StillRunning(CourseError, TimeoutError):
    """A process has not answered in the time given; it is still running."""


def raised(process: str, story: traceback.TracebackException | str) -> ChildFailed:
    """The failure of a function that raised. `story` comes from the child; its lines of code are looked up here."""
    if isinstance(story, traceback.TracebackException):
        _reduce(story)
        story = "".join(story.format())
    return ChildFailed(
        tr(es=f"El proceso «{process}» ha fallado.", en=f"The process '{process}' failed.") + f"\n\n{story}", process
    )


def ended(process: str, code: int, output: str, *, before_ready: bool) -> ChildFailed:
    """The failure of a process that ended without returning (killed), or without ever calling `ready()`."""
    if code < 0:
        name = signal.Signals(-code).name
        message = tr(
            es=f"El proceso «{process}» murió por la señal {name} antes de terminar.",
            en=f"The process '{process}' was ended by the signal {name} before it finished.",
        )
    elif before_ready and code == 0:
        message = tr(
            es=f"La función del proceso «{process}» terminó sin llamar a ready(). "
            "Llama a ready() en cuanto pueda recibir trabajo.",
            en=f"The function of the process '{process}' returned without calling ready(). "
            "Call ready() as soon as it can take work.",
        )
    else:
        message = tr(
            es=f"El proceso «{process}» terminó con el código {code} sin devolver nada.",
            en=f"The process '{process}' ended with code {code} and returned nothing.",
        )
    return ChildFailed(message + _last_words(output), process)


def not_ready(process: str, seconds: float, output: str) -> ChildFailed:
    """The failure of a process that ran and did not call `ready()` in time; it has been stopped."""
    message = tr(
        es=f"El proceso «{process}» no llamó a ready() en {seconds:g} s y se ha detenido. "
        "Mira si espera a otro proceso que no está en marcha, o da más tiempo con ready_timeout=.",
        en=f"The process '{process}' did not call ready() in {seconds:g} s and has been stopped. "
        "See whether it waits for another process that is not running, or give it longer with ready_timeout=.",
    )
    return ChildFailed(message + _last_words(output), process)


def still_running(process: str, seconds: float | None) -> StillRunning:
    waited = f"{seconds:g} s" if seconds is not None else tr(es="este tiempo", en="this time")
    return StillRunning(
        tr(
            es=f"El proceso «{process}» sigue en marcha después de {waited}. "
            "Espera más, o detenlo con stop() o kill().",
            en=f"The process '{process}' is still running after {waited}. "
            "Wait longer, or end it with stop() or kill().",
        )
    )


def does_not_travel(process: str, function: Callable, args: tuple, kwargs: dict, error: Exception) -> CourseError:
    """The refusal of a function that uses objects bound to this process (locks, connections, open files)."""
    culprits = ", ".join(_unpicklable(function, args, kwargs)) or tr(
        es="alguno de sus argumentos", en="one of its arguments"
    )
    return CourseError(
        tr(
            es=f"La función de «{process}» usa algo que no puede viajar a otro proceso: {culprits} ({error}). "
            "Las conexiones, los cerrojos y los ficheros abiertos se crean dentro de la función; "
            "pásale la dirección o la ruta.",
            en=f"The function of '{process}' uses what cannot travel to another process: {culprits} ({error}). "
            "Connections, locks and open files are created inside the function; pass it the address or the path.",
        )
    )


def _unpicklable(function: Callable, args: tuple, kwargs: dict) -> list[str]:
    """Names of the values in `function`'s reach that do not pickle."""
    reach = {f"args[{i}]": value for i, value in enumerate(args)} | kwargs
    with contextlib.suppress(TypeError, ValueError):
        variables = inspect.getclosurevars(function)
        reach |= {**variables.globals, **variables.nonlocals}
    names = []
    for name, value in reach.items():
        try:
            pickling.dumps(value)
        except Exception:
            names.append(name)
    return names


def _last_words(output: str, lines: int = 12) -> str:
    tail = output.strip().splitlines()[-lines:]
    if not tail:
        return ""
    return "\n\n" + tr(es="Lo último que escribió:", en="The last that it wrote:") + "\n" + "\n".join(tail)


def _reduce(story: traceback.TracebackException) -> None:
    """Keep the reader's frames of `story` and of what led to it; name notebook cells as Jupyter does."""
    frames = [f for f in story.stack if not f.filename.startswith(_NOT_THE_READERS)] or list(story.stack[-1:])
    for frame in frames:
        _ = frame.line  # looked up now, while the file still has the name that linecache knows
        frame.filename = _cell_name(frame.filename) or frame.filename
    story.stack = traceback.StackSummary.from_list(frames)
    for linked in (story.__cause__, story.__context__, *(story.exceptions or ())):
        if linked is not None:
            _reduce(linked)


def _cell_name(filename: str) -> str | None:
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    shell = get_ipython()
    label = shell.compile.format_code_name(filename) if shell is not None else None
    return " ".join(label) if label else None
