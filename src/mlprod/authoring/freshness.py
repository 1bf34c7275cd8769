"""Remembers what each source last gave, so that a build touches only what changed (nothing heavy is imported)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MEMORY = Path("build", "notebooks.json")
TOOLS = ("jupytext", "nbformat", "nbconvert", "nbgrader", "ruff")


class Memory:
    """Digests of sources and of the notebooks that they gave, kept in build/notebooks.json.

    A source is fresh when it, the builder, nbgrader's configuration and the versions of the tools are what they
    were, and every notebook on disk still is what was written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self._known = json.loads((root / MEMORY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}
        if not isinstance(self._known, dict):
            self._known = {}

    def fresh(self, source: Path) -> bool:
        entry = self._known.get(self._name(source))
        if not isinstance(entry, dict) or entry.get("key") != self._key(source):
            return False
        return all(_digest(self.root / path) == digest for path, digest in entry["notebooks"].items())

    def remember(self, source: Path, texts: Mapping[Path, str]) -> None:
        notebooks = {self._name(path): sha256(text.encode()).hexdigest() for path, text in texts.items()}
        self._known[self._name(source)] = {"key": self._key(source), "notebooks": notebooks}

    def save(self) -> None:
        known = {name: entry for name, entry in self._known.items() if (self.root / name).is_file()}
        path = self.root / MEMORY
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def _name(self, path: Path) -> str:
        return path.resolve().relative_to(self.root).as_posix()

    def _key(self, source: Path) -> str:
        # a notebook links to its counterpart when there is one, so its coming and going counts
        other = "solutions" if source.parent.name == "lessons" else "lessons"
        twin = (self.root / other / source.name).is_file()
        return sha256(source.read_bytes() + f"{twin} {self._builder}".encode()).hexdigest()

    @cached_property
    def _builder(self) -> str:
        here = Path(__file__).parent
        files = [*sorted(here.glob("*.py")), here.parent / "course.py", self.root / "grading" / "nbgrader_config.py"]
        tools = [f"{name}={_version(name)}" for name in TOOLS]
        return " ".join([*(_digest(path) for path in files), *tools])


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "none"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
