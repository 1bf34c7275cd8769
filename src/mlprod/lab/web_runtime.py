"""Fetches the three files that run an ONNX model in a browser (unit 05), at set-up, pinned by version and SHA-256.

They come from npm's package onnxruntime-web (see npm_files). Whatever fails, the course works without them. Standard
library only.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from mlprod.lab import npm_files
from mlprod.lab.finding import Finding
from mlprod.language import tr

PINS = Path("src/mlprod/lab/web_runtime.json")
PLACE = Path("share/mlprod/web")


def folder(venv: Path | None = None) -> Path:
    """Where the files are in the environment `venv` (default: the one that runs this)."""
    return (venv or Path(sys.prefix)) / PLACE


def pins(root: Path | None = None) -> dict | None:
    """Package, version and the SHA-256 of each file, from the course at `root`; None where a course pins nothing."""
    file = root / PINS if root else Path(__file__).with_suffix(".json")
    return json.loads(file.read_text()) if file.is_file() else None


def is_complete(place: Path, pinned: dict) -> bool:
    """Whether every file is there and is the pinned one."""
    return npm_files.is_complete(place, pinned["files"])


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
            package = f"{pinned['package']}@{pinned['version']}"
            archive = npm_files.fetch(package, pinned["npm_carrier"], venv, Path(work), log)
            files = {f"dist/{name}": digest for name, digest in pinned["files"].items()}
            npm_files.unpack(archive, files, folder(venv))
        return True
    except npm_files.WrongChecksum as error:
        print(f"\n{'!' * 80}\n{error}\n{'!' * 80}\n", file=sys.stderr, flush=True)
    except npm_files.FAILURES as error:
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
