"""What an instructor hands out: a ZIP for students in each language, with no answer in it, and one for instructors.

build/release/mlprod-es-0.1.0.zip  mlprod-en-0.1.0.zip  mlprod-instructor-0.1.0.zip  SHA256SUMS
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mlprod import course
from mlprod.authoring.navigation import NAMES, without_switch
from mlprod.errors import CourseError
from mlprod.language import LANGUAGES, Language, tr

SHARED = ("Makefile", "environment.yml", "pyproject.toml", "requirements.lock", "LICENSE", "LICENSE-text")
FOLDERS = ("datasets", "src/mlprod")
INSTRUCTOR = (
    *SHARED,
    *("README.md", "README.es.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "glossary.yml"),
    *(".github", ".devcontainer", ".binder", ".vscode", "docker", "datasets"),
    *("src", "tests", "lessons", "solutions", "exercises"),
    *("decisions", "grading/README.md", "grading/nbgrader_config.py", ".gitignore", ".ci"),
)
NOT_CONTENT = {"__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", ".hypothesis"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that ZIP knows: the same course gives the same bytes
MARKS = ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS", "BEGIN MARK SCHEME")
WELCOME: dict[Language, str] = {
    "es": """# Puesta en producción de modelos de aprendizaje automático

Hace falta Python 3.11. En esta carpeta:

```bash
make lab
```

instala lo necesario (la primera vez, unos minutos y unos 3 GB) y abre JupyterLab. Empieza por
`lessons/es/00_welcome.ipynb`. Los ejercicios están en `exercises/es`; entrega el notebook con el mismo nombre.
Con conda, antes: `conda env create -f environment.yml && conda activate mlprod`.
Para saber cómo vas sin esperar a nadie: `.venv/bin/mlprod grade-me 02` corrige tu ejercicio con las pruebas visibles.
Si algo no va, `make doctor` dice qué falta.
""",
    "en": """# Putting machine-learning models into production

Python 3.11 is needed. In this folder:

```bash
make lab
```

installs what it takes (the first time some minutes and some 3 GB) and opens JupyterLab. Begin with
`lessons/en/00_welcome.ipynb`. The exercises are in `exercises/en`; hand in the notebook under the same name.
With conda, before that: `conda env create -f environment.yml && conda activate mlprod`.
To see how you are doing, without waiting for anybody: `.venv/bin/mlprod grade-me 02` grades yours by the visible tests.
If something fails, `make doctor` says what is missing.
""",
}


def version(root: Path) -> str:
    """The course's version, as pyproject.toml says."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def built(root: Path) -> dict[str, str]:
    """Every notebook as its source gives it now, by its path in the course. Raises CourseError for a faulty source."""
    from mlprod.authoring.build import expected

    sources = [source for kind in course.SOURCE_DIRECTORIES for source in course.sources(kind, root)]
    return {
        path.relative_to(root).as_posix(): text for source in sources for path, text in expected(source, root).items()
    }


def student(root: Path, lang: Language, notebooks: dict[str, str]) -> dict[str, bytes]:
    """The files of the students' bundle of a language, by their path in it. Raises CourseError when one is missing.

    `notebooks` is what `built` gave.
    """
    files = _read(root, (*SHARED, *FOLDERS))
    files["README.md"] = WELCOME[lang].encode()
    own = (f"lessons/{lang}/", f"exercises/{lang}/")
    files |= {path: _without_twin(text, lang).encode() for path, text in notebooks.items() if path.startswith(own)}
    return files


def instructor(root: Path, notebooks: dict[str, str]) -> dict[str, bytes]:
    """The files of the instructors' bundle: the whole course, and nothing that students handed in."""
    files = _read(root, [name for name in INSTRUCTOR if (root / name).exists()])
    return files | {path: text.encode() for path, text in notebooks.items()}


def secrets(root: Path, files: dict[str, bytes], lang: Language) -> list[str]:
    """What of solutions and hidden tests stands in a students' bundle: one message for each file and line."""
    from mlprod.authoring.source import load
    from mlprod.grading.leaks import secret_lines

    found = [f"{path}: solutions/" for path in files if path.startswith(("solutions/", "grading/", "tests/"))]
    found += [f"{path}: source" for path in files if re.fullmatch(r"(lessons|exercises)/.*\.py", path)]
    notebooks = {path: text.decode() for path, text in files.items() if path.endswith(".ipynb")}
    found += [f"{path}: {mark}" for path, text in notebooks.items() for mark in MARKS if mark in text]
    for source_path in course.sources("solutions", root):
        path = f"exercises/{lang}/{source_path.stem}/{source_path.stem}.ipynb"
        if path not in notebooks:
            found.append(f"{path}: ?")
            continue
        cells = json.loads(notebooks[path])["cells"]
        lines = {line.strip() for cell in cells for line in "".join(cell["source"]).split("\n")}
        found += [f"{path}: {line}" for line in sorted(lines & secret_lines(load(source_path), lang))]
    return found


def release(root: Path, folder: Path) -> list[Path]:
    """Write the bundles and their checksums into `folder`; returns what was written.

    Notebooks are built anew from their sources: what somebody typed into the ones on disk does not go out. Raises
    CourseError, and writes no bundle, when a source is faulty or a bundle for students would hold an answer.
    """
    notebooks = built(root)
    bundles: dict[str, dict[str, bytes]] = {}
    for lang in LANGUAGES:
        bundles[f"mlprod-{lang}"] = student(root, lang, notebooks)
        leaked = secrets(root, bundles[f"mlprod-{lang}"], lang)
        if leaked:
            raise CourseError(
                tr(es="No se entrega nada: hay respuestas en\n", en="Nothing is released: there are answers in\n")
                + "\n".join(leaked[:10])
            )
    bundles["mlprod-instructor"] = instructor(root, notebooks)
    folder.mkdir(parents=True, exist_ok=True)
    written = [_zip(folder, f"{name}-{version(root)}", files) for name, files in bundles.items()]
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in written))
    return [*written, sums]


def _zip(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    path = folder / f"{name}.zip"
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside in sorted(files):
            entry = zipfile.ZipInfo(f"{name}/{inside}", EPOCH)
            executable = inside.startswith(".ci/") or inside.endswith((".sh", "/postBuild"))
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[inside])
    return partial.replace(path)


def _read(root: Path, names: tuple[str, ...] | list[str]) -> dict[str, bytes]:
    absent = [name for name in names if not (root / name).exists()]
    if absent:
        raise CourseError(
            tr(
                es=f"Falta {', '.join(absent)}: ejecuta «make build» en una copia completa del curso",
                en=f"{', '.join(absent)} is missing: run `make build` in a whole copy of the course",
            )
        )
    return {path.relative_to(root).as_posix(): path.read_bytes() for name in names for path in _files(root / name)}


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for each in sorted(path.rglob("*")):
        outside = NOT_CONTENT.intersection(each.parts) or any(part.endswith(".egg-info") for part in each.parts)
        if each.is_file() and not each.is_symlink() and not outside and each.suffix != ".pyc":
            yield each


def _without_twin(text: str, lang: Language) -> str:
    """A notebook without the links to its twin: the bundle of a language does not hold the other."""
    twin = re.compile(rf"\[{NAMES[lang]['language']}\]\([^)]*\)(?: · )?")
    notebook = json.loads(text)
    first = next((cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"), None)
    if first is None:
        return text
    source = "".join(first["source"])
    first["source"] = twin.sub("", source, count=1).replace(" · *\n", "*\n", 1)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = without_switch("".join(cell["source"])).splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
