"""Links of the course's own notebooks and Markdown files; those to the web are only looked at, not asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlprod.publish import links

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_link_of_the_course_leads_somewhere():
    assert len(links.documents(REPOSITORY)) > 50
    assert links.check(REPOSITORY) == []


def test_addresses_on_the_web_are_well_formed_and_listed():
    addresses = links.external(REPOSITORY)
    assert len(addresses) > 50
    assert {address: links.malformed(address) for address in addresses if links.malformed(address)} == {}


@pytest.mark.parametrize(
    "address",
    ["http://localhost:8888/x", "ftp://example.org", "https://example.org/a b", "https://example", "https://a.org/x."],
)
def test_malformed_addresses(address):
    assert links.malformed(address)


def test_what_is_found(tmp_path):
    (tmp_path / "lessons/es").mkdir(parents=True)
    cells = [
        {"cell_type": "markdown", "source": ["# Una cosa\n", "\n", "[a](#Una-cosa) [b](#Otra) `[c](no.md)`"]},
        {"cell_type": "markdown", "source": "[d](../../README.md#two-words) [e](../../README.md#none) ![f](no.png)"},
        {"cell_type": "code", "source": "'[g](no.md)'"},
    ]
    (tmp_path / "lessons/es/01_a.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "README.md").write_text("# Two *words*\n\n[x](../outside.md) [y](lessons/es/01_a.ipynb#Una-cosa)\n")
    problems = links.check(tmp_path)
    assert [problem.split(": ")[1:] for problem in problems] == [
        ["../outside.md", "outside the course"],
        ["#Otra", "no such anchor"],
        ["../../README.md#none", "no such anchor"],
        ["no.png", "no such file"],
    ]


def test_the_script_that_asks_the_web_needs_nothing_and_lists_the_same():
    script = [sys.executable, "-I", "-S", REPOSITORY / ".ci/external_links.py", "--list"]
    listed = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    in_prose = {
        a
        for a, where in links.external(REPOSITORY).items()
        if not all("exercises/" in w or "solutions/" in w for w in where)
    }
    assert in_prose - set(listed) == set()
