"""The C compiler is found, what it makes is loaded and removed, and what it refuses is explained."""

import ctypes
import subprocess

import pytest

from mlprod.errors import CourseError
from mlprod.systems import c_compiler
from mlprod.systems.workspace import workspace

needs_cc = pytest.mark.skipif(c_compiler.available() is None, reason="no C compiler")
TWICE = "double twice(double x) { return 2 * x; }"


@needs_cc
def test_a_library_is_compiled_once_into_the_workspace():
    file = c_compiler.library_file(TWICE)
    made = file.stat().st_mtime_ns
    assert file.is_relative_to(workspace())
    twice = c_compiler.library(TWICE).twice
    twice.argtypes, twice.restype = [ctypes.c_double], ctypes.c_double
    assert twice(21) == 42
    assert file.stat().st_mtime_ns == made
    assert not list(file.parent.glob("*.part"))
    assert c_compiler.library_file(TWICE, ("-DX",)) != file


@needs_cc
def test_a_program_runs_alone():
    program = c_compiler.program("#include <stdio.h>\nint main(void) { puts(WORD); return 0; }", ['-DWORD="hello"'])
    assert subprocess.run([program], capture_output=True, text=True).stdout == "hello\n"


@needs_cc
def test_what_the_compiler_says_reaches_the_reader():
    with pytest.raises(CourseError, match="nowhere"):
        c_compiler.library("int f(void) { return nowhere; }")


@needs_cc
def test_fast_math_does_not_change_how_this_process_computes():
    c_compiler.library("float g(float x) { return x + 1; }", ("-ffast-math",))
    tiny = 5e-324
    assert tiny > 0 and tiny * 1.0 == tiny  # not flushed to zero


@needs_cc
def test_native_flags_are_accepted():
    assert c_compiler.accepts(*c_compiler.native_flags())
    assert not c_compiler.accepts("-fno-such-flag-as-this")


def test_without_a_compiler_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("MLPROD_NO_CC", "1")
    assert c_compiler.available() is None
    with pytest.raises(CourseError, match="gcc"):
        c_compiler.library("int h(void) { return 1; }")
