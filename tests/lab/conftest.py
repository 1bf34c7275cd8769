"""A copy of the course that tests may run and dirty, and a JupyterLab open on it."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.children import end

REPOSITORY = Path(__file__).resolve().parents[2]
MLPROD = Path(sys.prefix, "bin/mlprod")
COPIED = ("lessons", "exercises", "datasets", "grading")


@dataclass
class Lab:
    """A running `mlprod lab`: its process, what it printed so far, and its address once it is up."""

    process: subprocess.Popen
    root: Path
    lines: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def base(self) -> str:
        return self.url.split("/lab")[0]

    def page(self, path: str) -> str:
        """The address of a file of the course in JupyterLab, with the token."""
        return f"{self.base}/lab/tree/{path}?token={self.token}"

    @property
    def token(self) -> str:
        return self.url.split("token=")[1]

    @property
    def text(self) -> str:
        return "".join(self.lines)


@pytest.fixture(autouse=True)
def no_language_chosen(monkeypatch):
    """Another test of this process may have begun a notebook: LANG_COURSE decides here."""
    monkeypatch.setattr(importlib.import_module("mlprod.language"), "_chosen", None)


@pytest.fixture
def course_copy(tmp_path: Path) -> Path:
    """The course as a student has it, without the package and its sources of solutions."""
    root = tmp_path / "course"
    root.mkdir()
    for name in ("glossary.yml", "requirements.lock"):
        shutil.copy(REPOSITORY / name, root)
    for name in COPIED:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(
                REPOSITORY / name,
                root / name,
                ignore=shutil.ignore_patterns("*.py", "gradebook.db*", "submitted", "autograded", "feedback", ".*"),
            )
    for file in (REPOSITORY / "grading").glob("*.py"):
        shutil.copy(file, root / "grading")
    return root


@contextlib.contextmanager
def _running_lab(root: Path, lang: str, *options: str, timeout: float = 60) -> Iterator[Lab]:
    """`mlprod lab` on the course at `root`, as `make lab BROWSER=no` starts it; stopped, as Ctrl-C does, on leaving."""
    environment = {**os.environ, "MLPROD_ROOT": str(root), "LANG_COURSE": lang, "PYTHONUNBUFFERED": "1"}
    command = [MLPROD, "lab", "--no-browser", *options]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lab, is_up = Lab(process, root), threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            lab.lines.append(line)
            if found := re.search(r"http://\S+token=\w+", line):
                lab.url = found[0]
                is_up.set()
        is_up.set()  # it ended

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert is_up.wait(timeout), f"nothing after {timeout} s: {lab.text}"
        yield lab
    finally:
        end(process)
        reader.join(10)


@pytest.fixture
def running_lab():
    """The context manager above: `with running_lab(root, "es", "--port", "8900") as lab`."""
    return _running_lab


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
