"""What the READMEs say can be done can be done: commands, options, variables, links; and both say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.es.md", "docker/README.md")
MAKEFILE = (REPOSITORY / "Makefile").read_text()


def text(name: str) -> str:
    return (REPOSITORY / name).read_text()


def commands(name: str, program: str) -> list[str]:
    """What follows `program` wherever the file shows a command."""
    code = "\n".join(re.findall(r"```bash\n(.*?)```", text(name), re.DOTALL) + re.findall(r"`([^`\n]+)`", text(name)))
    return [line.split("#")[0].strip() for line in re.findall(rf"(?:^|&& |/){program} ([^&\n]*)", code, re.MULTILINE)]


@pytest.mark.parametrize("name", READMES)
def test_each_make_command_exists(name: str):
    targets = set(re.search(r"\.PHONY: (.*)", MAKEFILE)[1].split())
    shown = commands(name, "make")
    assert shown or name == "docker/README.md"
    for command in shown:
        target, *options = command.split()
        assert target in targets, f"{name}: make {command}"
        for option in options:
            assert f"$({option.split('=')[0]})" in MAKEFILE or option.startswith("LANG_COURSE="), f"{name}: {command}"


@pytest.mark.parametrize("name", READMES)
def test_each_mlprod_command_exists(name: str):
    for command in commands(name, "mlprod"):
        if "=" in command or command.startswith("|"):
            continue
        asked = [Path(sys.prefix, "bin/mlprod"), command.split()[0], "--help"]
        assert subprocess.run(asked, capture_output=True, timeout=60).returncode == 0, f"{name}: mlprod {command}"


@pytest.mark.parametrize("name", READMES)
def test_each_link_leads_somewhere(name: str):
    for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", text(name)):
        assert (REPOSITORY / name).parent.joinpath(link).exists(), f"{name}: {link}"


def test_both_languages_say_the_same():
    shape = {}
    for name, other in (("README.md", "en"), ("README.es.md", "es")):
        body = text(name).replace(f"/{other}/", "/LANG/")
        code = [re.sub(r"\s*#.*", "", block) for block in re.findall(r"```bash\n(.*?)```", body, re.DOTALL)]
        tables = len(re.findall(r"^\|", body, re.MULTILINE))
        links = [link for link in re.findall(r"\]\(([^)]+)\)", body) if not link.startswith("README")]
        shape[name] = (len(re.findall(r"^## ", body, re.MULTILINE)), tables, code, links)
    assert shape["README.md"] == shape["README.es.md"]


def test_each_unit_is_in_the_table():
    for name in ("README.md", "README.es.md"):
        for source in (REPOSITORY / "lessons").glob("[0-9]*.py"):
            assert f"{source.stem}.ipynb" in text(name), f"{name} does not tell of {source.stem}"


def test_the_messages_in_the_table_are_those_of_the_program():
    spoken = "".join(file.read_text() for file in (REPOSITORY / "src/mlprod/lab").glob("*.py")) + MAKEFILE
    for name in ("README.md", "README.es.md"):
        for symptom in re.findall(r"^\| `([^`]+)` \|", text(name), re.MULTILINE):
            for words in symptom.split("…"):
                assert words.strip() in spoken, f"{name}: nothing says {symptom!r}"
