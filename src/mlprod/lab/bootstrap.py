"""Makes the course's environment, run by a bare Python 3.11: it and all it imports are standard library only.

    PYTHONPATH=src python3.11 -m mlprod.lab.bootstrap [--venv .venv]

The steps (environment, PyTorch, the pinned packages, the course itself) may be interrupted anywhere: the stamp that
says "ready" is written last, and the next run goes on from what is already there. Afterwards, and without being able to
fail the set-up, come the files for the browser (see web_runtime).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.lab import web_runtime
from mlprod.lab.pip_runner import pip
from mlprod.language import tr

ROOT = Path(__file__).resolve().parents[3]
NEEDED_BYTES = 4 * 10**9  # the environment with the CPU build of PyTorch takes 2.9 GB, and pip unpacks beside it
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"  # on Linux, PyPI's own torch brings 5 GB of CUDA with it
STAMP = "mlprod-ready.json"
MADE_HERE = "mlprod-environment"  # in an environment that this program made, and so may make anew


def digest(root: Path) -> str:
    """Changes when the pinned packages or the course's own declaration change."""
    files = [root / "requirements.lock", root / "pyproject.toml"]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def is_ready(root: Path, venv: Path) -> bool:
    """True when an earlier run finished with these same files, in this same place."""
    try:
        stamp = json.loads((venv / STAMP).read_text())
    except (OSError, ValueError):
        return False
    return stamp == {"digest": digest(root), "venv": str(venv)} and (venv / "bin/python").exists()


def used_bytes(folder: Path) -> int:
    """Size of the regular files below `folder`; 0 when it does not exist."""
    return sum(Path(top, name).lstat().st_size for top, _, names in os.walk(folder) for name in names)


def check_disk(venv: Path) -> None:
    """Raises CourseError when the rest of the installation will not fit."""
    free = shutil.disk_usage(venv.parent).free
    needed = max(NEEDED_BYTES - used_bytes(venv), 500 * 10**6)  # what an interrupted run installed is not needed again
    if free < needed:
        raise CourseError(
            tr(
                es=f"Hacen falta {needed / 1e9:.1f} GB libres en {venv.parent} y quedan {free / 1e9:.1f} GB. "
                "Libera espacio y repite la orden.",
                en=f"{needed / 1e9:.1f} GB of free disk are needed in {venv.parent}; {free / 1e9:.1f} GB are left. "
                "Free some space and run the command again.",
            )
        )


def create_venv(venv: Path) -> None:
    """Make the environment, or keep a usable one; one whose Python is gone or that was moved is made anew.

    A conda environment is used as it is. Raises CourseError when other files are in its place or Python cannot make it.
    """
    if (venv / "conda-meta").is_dir():
        return
    if (venv / "pyvenv.cfg").is_file():
        if _is_usable(venv):
            return
        if venv.name != ".venv" and not (venv / MADE_HERE).exists():  # somebody else's, with who knows what in it
            raise CourseError(
                tr(
                    es=f"{venv} no sirve como entorno y no lo ha hecho el curso. Bórralo tú, o elige otro: "
                    "make … VENV=carpeta",
                    en=f"{venv} is not usable as an environment and was not made by the course. Remove it yourself, or "
                    "choose another: make … VENV=folder",
                )
            )
        _say(
            es=f"El entorno {venv} ya no sirve (¿has movido la carpeta?, ¿ha cambiado Python?): lo rehago.",
            en=f"The environment {venv} is no longer usable (folder moved? Python changed?): making it anew.",
        )
        shutil.rmtree(venv)
    elif venv.exists() and (venv.is_file() or any(venv.iterdir())):
        raise CourseError(
            tr(
                es=f"{venv} existe y no es un entorno de Python. Bórralo, o elige otro: make … VENV=carpeta",
                en=f"{venv} exists and is no Python environment. Remove it, or choose another: make … VENV=folder",
            )
        )
    python = getattr(sys, "_base_executable", sys.executable)  # this may be the very environment just removed
    made = subprocess.run([python, "-m", "venv", venv], capture_output=True, text=True, timeout=300)
    if made.returncode != 0:
        shutil.rmtree(venv, ignore_errors=True)
        remedy = tr(
            es="Python no ha podido crear el entorno. En Debian y Ubuntu falta: sudo apt install python3.11-venv",
            en="Python could not make the environment. Debian and Ubuntu often want: sudo apt install python3.11-venv",
        )
        raise CourseError(f"{made.stdout}{made.stderr}\n{remedy}")
    (venv / MADE_HERE).touch()


def _is_usable(venv: Path) -> bool:
    python = venv / "bin/python"
    if not python.exists() or str(venv) not in (venv / "pyvenv.cfg").read_text():
        return False
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, timeout=60).returncode == 0


def forget_half_installed(venv: Path) -> None:
    """Remove the metadata of packages whose installation was cut short.

    pip writes a package's RECORD last but believes it installed as soon as its metadata exists, so without this a
    second run would keep a package with files missing.
    """
    for metadata in venv.glob("lib/python3.*/site-packages/*.dist-info"):
        if not (metadata / "RECORD").is_file():
            shutil.rmtree(metadata)


def cpu_index() -> list[str]:
    """pip options to take PyTorch's CPU build; empty off Linux, or when its index does not answer within 3 s."""
    if sys.platform != "linux":
        return []
    try:
        with urllib.request.urlopen(f"{CPU_WHEELS}/torch/", timeout=3):
            return ["--index-url", CPU_WHEELS]
    except (OSError, ValueError):
        return []


def _say(*, es: str, en: str) -> None:
    print(tr(es=es, en=en), flush=True)


@contextlib.contextmanager
def _only_one(log: Path) -> Iterator[None]:
    """Two set-ups at once would spoil the environment: the second waits for the first."""
    with log.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(es="Otra instalación está en marcha: espero a que acabe.", en="Another set-up is running: waiting.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(root: Path, venv: Path) -> None:
    """Take `venv` from whatever it is to ready. Raises CourseError."""
    log = root / "build/logs/setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(log):
        if is_ready(root, venv):
            return
        started = time.monotonic()
        check_disk(venv)
        create_venv(venv)
        (venv / STAMP).unlink(missing_ok=True)
        forget_half_installed(venv)
        lock = root / "requirements.lock"
        pins = [line.strip() for line in lock.read_text().splitlines() if line.strip() and not line.startswith("#")]
        _say(
            es=f"Preparo el curso: {len(pins)} paquetes en {venv} (la primera vez tarda unos minutos).",
            en=f"Preparing the course: {len(pins)} packages into {venv} (this takes a few minutes the first time).",
        )
        torch = [pin for pin in pins if pin.startswith("torch==")]
        if torch and (index := cpu_index()):
            _say(es="  PyTorch para CPU, unos 200 MB…", en="  PyTorch for CPU, some 200 MB…")
            with contextlib.suppress(CourseError):  # then the next step takes it from the usual index
                pip(venv, log, "install", "--no-deps", *index, *torch)
        pip(venv, log, "install", "-r", str(lock), packages=len(pins))
        pip(venv, log, "install", "--no-deps", "--no-build-isolation", "-e", str(root))
        (venv / STAMP).write_text(json.dumps({"digest": digest(root), "venv": str(venv)}))
        minutes, seconds = divmod(round(time.monotonic() - started), 60)
        _say(es=f"Entorno listo en {minutes} min {seconds} s.", en=f"Environment ready in {minutes} min {seconds} s.")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Exit status: 0 ready, 1 not possible (the reason is printed), 130 interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=root / ".venv")
    venv = Path(os.path.abspath(parser.parse_args(arguments).venv))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if sys.version_info[:2] != (3, 11):
            raise CourseError("Hace falta Python 3.11. / Python 3.11 is needed.")
        if not is_ready(root, venv):
            install(root, venv)
        web_runtime.ensure(root, venv)  # the course is ready without it: what fails there is told and tried again
    except KeyboardInterrupt:
        _say(
            es="\nInterrumpido. Repite la orden: seguirá por donde iba.",
            en="\nInterrupted. Run the command again: it goes on from where it was.",
        )
        return 130
    except (CourseError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
