"""What slides and site need in a browser (reveal.js, mermaid, MathJax) and their tests (axe-core): pinned npm files.

    python -m mlprod.lab.page_files        # fetches those that are missing; `make slides`, `site` and `test` do it

They stay in the environment, and slides and site take copies along: whoever opens those needs no network.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.lab import npm_files
from mlprod.language import tr

PLACE = Path("share/mlprod/pages")


def folder() -> Path:
    """Where the files are in the environment that runs this."""
    return Path(sys.prefix) / PLACE


def pins() -> dict:
    """npm's carrier, and the packages with the SHA-256 of each file."""
    return json.loads(Path(__file__).with_suffix(".json").read_text())


def is_complete() -> bool:
    """Whether every file is there and is the pinned one."""
    return all(npm_files.is_complete(folder(), package["files"]) for package in pins()["packages"])


def need(*names: str) -> list[Path]:
    """The files called `names`, such as "reveal.js". Raises CourseError, with what to do, when one is missing."""
    found = [folder() / name for name in names]
    if missing := [path.name for path in found if not path.is_file()]:
        raise CourseError(
            tr(
                es=f"Faltan {', '.join(missing)}: se traen una vez, con red. Ejecuta: make slides",
                en=f"Missing: {', '.join(missing)}. They are fetched once, with a network: make slides",
            )
        )
    return found


def ensure(root: Path) -> bool:
    """Fetch what is missing; True when everything is there. Says what failed and never raises for it."""
    pinned, venv = pins(), Path(sys.prefix)
    missing = [package for package in pinned["packages"] if not npm_files.is_complete(folder(), package["files"])]
    if not missing:
        return True
    names = ", ".join(package["package"] for package in missing)
    print(tr(es=f"Traigo {names} (una sola vez)…", en=f"Fetching {names} (only once)…"), flush=True)
    log = root / "build/logs/setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    for package in missing:
        wanted = f"{package['package']}@{package['version']}"
        try:
            with tempfile.TemporaryDirectory(prefix="mlprod-pages-", dir=venv) as work:
                archive = npm_files.fetch(wanted, pinned["npm_carrier"], venv, Path(work), log)
                npm_files.unpack(archive, package["files"], folder())
        except npm_files.FAILURES as error:
            print(tr(es=f"No lo he conseguido: {error}", en=f"That failed: {error}"), file=sys.stderr, flush=True)
            return False
    return True


if __name__ == "__main__":
    from mlprod import course

    ensure(course.root())  # what then needs a missing file says so
