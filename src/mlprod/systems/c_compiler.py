"""The system's C compiler: find it, compile a text with it in the kernel's temporary folder, load or run the result."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.workspace import workspace

# Without contraction a * b + c is rounded twice, as PyTorch rounds it; "omp simd" marks the loops whose iterations are
# independent. Neither changes what a formula means; -ffast-math does, and is the caller's choice.
FLAGS = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd")
# A library that is *linked* with -ffast-math may change how the whole process treats tiny numbers
# (https://github.com/llvm/llvm-project/issues/57589; old GCCs too): such flags go to the compiler, not to the linker.
_SECONDS = 120


def available() -> str | None:
    """Path of the C compiler, or None when there is none, or MLPROD_NO_CC is set (to see how a lesson does without)."""
    if os.environ.get("MLPROD_NO_CC"):
        return None
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def library(source: str, flags: Sequence[str] = (), native: bool = True) -> ctypes.CDLL:
    """`source` (C) as a loaded library; compiled once a kernel for each text and flags.

    flags come after FLAGS. native: for this machine's own instructions, where the compiler knows how to.
    Raises CourseError without a compiler, or with what the compiler says when it refuses the source.
    """
    return ctypes.CDLL(str(library_file(source, flags, native)))


def library_file(source: str, flags: Sequence[str] = (), native: bool = True) -> Path:
    """The file that `library` loads."""
    return _build(source, [*FLAGS, *(native_flags() if native else ()), *flags, "-fPIC"], ["-shared"], ".so")


def program(source: str, flags: Sequence[str] = (), link: Sequence[str] = ()) -> Path:
    """`source` as an executable file, with exactly these flags. Raises CourseError as `library` does."""
    return _build(source, [*flags], [*link], ".run")


def _build(source: str, compiling: Sequence[str], linking: Sequence[str], suffix: str) -> Path:
    compiler = available()
    if compiler is None:
        raise CourseError(
            tr(
                es="No hay compilador de C en esta máquina (Debian, Ubuntu: apt install gcc; macOS: "
                "xcode-select --install).",
                en="This machine has no C compiler (Debian, Ubuntu: apt install gcc; macOS: xcode-select --install).",
            )
        )
    folder = workspace() / "c"
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256("\0".join([source, *compiling, "", *linking]).encode()).hexdigest()[:20]
    target = folder / f"{name}{suffix}"
    if not target.exists():
        text, made, unfinished = folder / f"{name}.c", folder / f"{name}.o", folder / f"{name}.part"
        text.write_text(source, encoding="utf-8")
        _call([compiler, *compiling, "-c", str(text), "-o", str(made)])
        _call([compiler, *linking, str(made), "-o", str(unfinished), "-lm"])
        unfinished.rename(target)  # a library that exists is whole, also after an interruption
    return target


def _call(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.CalledProcessError as error:
        raise CourseError(
            tr(
                es=f"El compilador de C rechaza el programa:\n{error.stderr[:2000]}",
                en=f"The C compiler refuses the program:\n{error.stderr[:2000]}",
            )
        ) from None


def accepts(*flags: str) -> bool:
    """Whether the compiler knows `flags`."""
    compiler = available()
    command = [compiler, *flags, "-x", "c", "-c", "-", "-o", os.devnull]
    return compiler is not None and (
        subprocess.run(command, input="int f(void) { return 0; }", text=True, capture_output=True).returncode == 0
    )


_native_flags: tuple[str, ...] | None = None


def native_flags() -> tuple[str, ...]:
    """How the compiler is told to use all that this processor has: -march=native, -mcpu=native on some ARMs."""
    global _native_flags
    if _native_flags is None:
        _native_flags = next((flag for flag in (("-march=native",), ("-mcpu=native",)) if accepts(*flag)), ())
    return _native_flags
