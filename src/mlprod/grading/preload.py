"""Which libraries the kernel parent imports before it forks: those that an exercise uses, directly or through mlprod.

What is not among them is imported by each submission that needs it, as ever: nothing depends on the guess being right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

# By the name that an import statement has. Not among them: grpc and confluent_kafka, which keep threads and locks that
# do not survive a fork. pyspark starts nothing until it is asked for a session.
LIBRARIES = {
    "numpy": ("numpy", "numpy.random"),  # which it would import when it is first asked for it
    "scipy": ("scipy",),
    "httpx": ("httpx",),
    "pandas": ("pandas",),
    "sklearn": ("sklearn", "sklearn.linear_model"),
    "matplotlib": ("matplotlib.pyplot",),
    "torch": ("torch", "torch._dynamo"),  # the first optimiser of a process imports it
    "pyspark": ("pandas", "pyarrow", "pyspark.sql", "pyspark.sql.functions"),
}
PART = re.compile(r"scipy\.[a-z]+")
IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+([\w.]+)(?:[ \t]+import[ \t]+\(?([\w, \t]+))?", re.MULTILINE)


def needed(notebooks: Iterable[Path]) -> tuple[str, ...]:
    """The modules to import for kernels that will execute `notebooks` and the like of them.

    `mlprod.language`, which everything imports, names `plots` for those that draw: they import it themselves.
    """
    found: dict[str, None] = {}
    seen = {"mlprod.language"}
    texts = [_code(path) for path in notebooks if path.is_file()]
    while texts:
        for name in _imported(texts.pop()):
            top = name.partition(".")[0]
            if top in LIBRARIES:
                part = [name] if PART.fullmatch(name) else []
                found.update(dict.fromkeys((*LIBRARIES[top], *part)))
            elif top == "mlprod" and name not in seen:
                seen.add(name)
                if (path := _file(name)) is not None:
                    texts.append(path.read_text(encoding="utf-8"))
    return ("mlprod", "mlprod.checks", "mlprod.plots", *found)


def _imported(text: str) -> Iterable[str]:
    for module, names in IMPORT.findall(text):
        yield module
        if module.startswith(("mlprod", "scipy")):  # both import few of their parts by themselves
            yield from (f"{module}.{name.split()[0]}" for name in names.split(",") if name.strip())


def _code(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def _file(name: str) -> Path | None:
    """The source of a module of mlprod; None for what is not a module (a function that was imported)."""
    top = Path(__file__).parents[1]
    path = top.joinpath(*name.split(".")[1:])
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
