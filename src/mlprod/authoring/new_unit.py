"""A new unit: a lesson and an exercise that are small, complete, and pass every check as they stand."""

from __future__ import annotations

import re
from pathlib import Path

from mlprod.course import SOURCE_DIRECTORIES, sources
from mlprod.errors import CourseError
from mlprod.language import tr

NAME = re.compile(r"(?P<unit>\d\d[a-z]?)_(?P<words>[a-z][a-z0-9]*(?:_[a-z0-9]+)*)")
TEMPLATES = Path(__file__).parent / "templates"


def create(root: Path, name: str) -> list[Path]:
    """Write lessons/NAME.py and solutions/NAME.py; returns their paths.

    Raises CourseError for a name that is not like 03_batch_vs_stream, or whose name or number is taken.
    """
    match = NAME.fullmatch(name)
    if not match:
        raise CourseError(
            tr(
                es=f"{name!r} no sirve: dos cifras (y una letra si hace falta), _ y palabras en minúsculas, sin "
                "acentos ni espacios, como 03_batch_vs_stream o 06a_quantization",
                en=f"{name!r} will not do: two digits (and a letter if needed), _ and lower-case words, without "
                "accents or spaces, like 03_batch_vs_stream or 06a_quantization",
            )
        )
    for kind in SOURCE_DIRECTORIES:
        for path in sources(kind, root):
            if path.stem.split("_")[0] == match["unit"]:
                raise CourseError(
                    tr(
                        es=f"la unidad {match['unit']} ya existe: {kind}/{path.name}; elige otro número",
                        en=f"unit {match['unit']} exists already: {kind}/{path.name}; choose another number",
                    )
                )
    title = match["words"].replace("_", " ").capitalize()
    objective = match["unit"].removeprefix("0")
    written = []
    for kind in SOURCE_DIRECTORIES:
        path = root / kind / f"{name}.py"
        text = (TEMPLATES / f"{kind}.py.txt").read_text(encoding="utf-8")
        for word, value in (("@UNIT@", match["unit"]), ("@OBJECTIVE@", f"{objective}.1"), ("@TITLE@", title)):
            text = text.replace(word, value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
