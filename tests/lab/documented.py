"""The commands that the course's pages show, and a shell that executes them one after another, as a reader would."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from markdown_it import MarkdownIt

from tests.children import end

PROGRAMS = (
    *("make", "mlprod", ".venv/bin/mlprod", "nbgrader", "python", "pytest", "docker", "conda", "dask"),
    *("sudo", "apt", "brew", "ssh", "export", "git", "./verify.sh", "docker/verify.sh"),
)
SHELLS = ("bash", "sh", "shell", "console")


@dataclass(frozen=True)
class Command:
    """One command line of a page. `fenced`: in a block of its own; else it stands in a sentence."""

    text: str
    page: str
    fenced: bool


def commands(page: Path, name: str) -> Iterator[Command]:
    """Every command of a Markdown page, in its order, without prompts and comments."""
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.info.split(" ")[0] in SHELLS:
            for line in token.content.splitlines():
                if token.info != "console" or line.startswith("$ "):
                    line = re.sub(r"(^|\s+)#.*$", "", line.removeprefix("$ ")).strip()
                    if line:
                        yield Command(line, name, True)
        for child in token.children or ():
            if child.type == "code_inline" and is_command(child.content):
                yield Command(child.content.strip(), name, False)


def is_command(text: str) -> bool:
    """Whether what stands in code is something to type, and not the name of a file, a variable or a function."""
    words = re.sub(r"^(\w+=\S+\s+)+", "", text.strip()).split()
    if not words or words[0] not in PROGRAMS:
        return False
    return len(words) > 1 or words[0] == "make" or words[0].endswith(".sh")


@dataclass
class Shell:
    """bash that keeps its folder and its variables from one command to the next."""

    folder: Path
    environment: dict[str, str]
    scratch: Path
    said: list[str] = field(default_factory=list)

    def run(self, command: str, timeout: float = 240) -> str:
        """Execute `command`; its output. Raises AssertionError when it fails."""
        state = self.scratch / "state"
        script = f"set -e\n{command}\nset +e; {{ pwd; env -0; }} >{state}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        self.said.append(done.stdout)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        folder, _, variables = state.read_text().partition("\n")
        self.folder = Path(folder)
        self.environment = dict(pair.split("=", 1) for pair in variables.split("\0") if "=" in pair)
        return done.stdout

    def serve(self, command: str, port: int, timeout: float = 120) -> str:
        """Execute a command that serves until it is interrupted: wait for its page, press Ctrl-C; its output."""
        output = (self.scratch / "served").open("w+")
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_for_page(f"http://127.0.0.1:{port}/api", process, timeout)
        finally:
            end(process, group=True)
            output.seek(0)
            text = output.read()
            output.close()
        assert f":{port}/lab" in text, f"$ {command}\n{text}"
        return text


def wait_for_page(url: str, process: subprocess.Popen, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, "it ended before it served anything"
        assert time.monotonic() < deadline, f"{url} did not answer"
        time.sleep(0.2)
