"""Runs pip for the bootstrap: a log, a line of progress, failures told as cause and remedy. Standard library only."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.language import tr

STEP_SECONDS = 3600  # no pip step takes an hour; a stuck one must not wait for ever

# What pip prints when it fails -> what to do about it (es, en). The first one found in its output is shown.
REMEDIES = {
    r"No space left on device|Errno 28": (
        "Se ha llenado el disco. Libera espacio: unos 4 GB; 10 GB si PyTorch llega con CUDA.",
        "The disk is full. Free some space: about 4 GB; 10 GB if PyTorch comes with CUDA.",
    ),
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|Network is unreachable"
    r"|Connection refused|ConnectTimeout|Read timed out|ProxyError|IncompleteRead|ConnectionResetError": (
        "No se llega al índice de paquetes. Comprueba la conexión (o el proxy: variable HTTPS_PROXY).",
        "The package index cannot be reached. Check the connection (or the proxy: variable HTTPS_PROXY).",
    ),
    r"CERTIFICATE_VERIFY_FAILED|SSLError": (
        "No se puede verificar el certificado: suele ser un proxy con el suyo. Indícalo con PIP_CERT=fichero.pem",
        "The certificate cannot be verified: usually a proxy with its own. Name it with PIP_CERT=file.pem",
    ),
    r"No matching distribution found": (
        "Un paquete no existe para este sistema. El curso se prueba en Linux x86-64; en otro, mira docker/README.md.",
        "A package does not exist for this system. The course is tested on Linux x86-64; if not, see docker/README.md.",
    ),
    r"Permission denied|Errno 13": (
        "Falta permiso para escribir en la carpeta del curso. Clónalo en una carpeta tuya.",
        "There is no permission to write in the course's folder. Clone it into a folder of yours.",
    ),
}


def pip(venv: Path, log: Path, *arguments: str, packages: int = 0) -> None:
    """Run `pip arguments` of `venv`, its output appended to `log`.

    With `packages`, how many are expected, the progress is shown. Raises CourseError with the cause and the remedy.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
    command = [str(venv / "bin/python"), "-m", "pip", *arguments, "--progress-bar", "off"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True)
    late = threading.Timer(STEP_SECONDS, process.kill)
    late.start()
    lines: list[str] = []
    try:
        with log.open("a", encoding="utf-8") as copy:
            print(f"\n$ pip {' '.join(arguments)}", file=copy)
            for line in process.stdout or ():
                print(line, end="", file=copy, flush=True)
                lines.append(line.rstrip())
                _show_progress(lines, packages)
        failed = process.wait() != 0
    finally:
        late.cancel()
        _stop(process)
    if failed:
        raise CourseError(_explanation(lines, log))


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
    if process.poll() is None:
        process.kill()
        process.wait(10)


def _show_progress(lines: list[str], packages: int) -> None:
    """One line rewritten on a terminal; elsewhere a line every 40 packages."""
    now = lines[-1]
    installing = now.startswith("Installing collected")
    if not packages or not (installing or now.startswith(("Collecting", "Requirement already"))):
        return
    seen = sum(line.startswith(("Collecting", "Requirement already")) for line in lines)
    name = re.split(r"[ =<>!~;\[]", now.removeprefix("Requirement already satisfied: ").removeprefix("Collecting "))[0]
    text = tr(es="instalando…", en="installing…") if installing else f"{min(seen, packages)}/{packages} {name}"
    if sys.stdout.isatty():
        print(f"\r\033[K  {text[:70]}", end="\n" if installing else "", flush=True)
    elif installing or seen % 40 == 0:
        print(f"  {text}", flush=True)


def _explanation(lines: list[str], log: Path) -> str:
    output = "\n".join(lines)
    remedy = next((tr(es=es, en=en) for pattern, (es, en) in REMEDIES.items() if re.search(pattern, output)), None)
    parts = [
        "",
        *(f"  | {line}" for line in lines[-8:]),
        "",
        tr(
            es="La instalación ha fallado. Todo lo que dijo pip está en:",
            en="The installation failed. All pip said is in:",
        ),
        f"  {log}",
        remedy,
        tr(es="Repite la orden: seguirá por donde iba.", en="Run the command again: it goes on from where it was."),
    ]
    return "\n".join(part for part in parts if part is not None)
