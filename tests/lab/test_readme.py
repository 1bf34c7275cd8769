"""The READMEs agree with each other, with the units and with the program (commands: test_documentation.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.es.md", "docker/README.md")
MAKEFILE = (REPOSITORY / "Makefile").read_text()


def text(name: str) -> str:
    return (REPOSITORY / name).read_text()


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


def test_the_times_are_those_that_the_notebooks_say():
    for name in ("README.md", "README.es.md"):
        for source in (REPOSITORY / "lessons").glob("[0-9]*.py"):
            minutes = [
                re.search(r"^# minutes: (\d+)", (REPOSITORY / kind / source.name).read_text(), re.MULTILINE)[1]
                for kind in ("lessons", "solutions")
            ]
            row = re.search(rf"^\|.*{source.stem}\.ipynb.*$", text(name), re.MULTILINE)[0]
            assert f"| {minutes[0]} + {minutes[1]} min |" in row, f"{name}: {source.stem}"


def test_the_messages_in_the_table_are_those_of_the_program():
    spoken = "".join(file.read_text() for file in (REPOSITORY / "src/mlprod/lab").glob("*.py")) + MAKEFILE
    for name in ("README.md", "README.es.md"):
        for symptom in re.findall(r"^\| `([^`]+)` \|", text(name), re.MULTILINE):
            for words in symptom.split("…"):
                assert words.strip() in spoken, f"{name}: nothing says {symptom!r}"
