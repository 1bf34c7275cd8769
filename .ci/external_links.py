#!/usr/bin/env python3
"""Asks every address that the course's notebooks and Markdown files name whether it is there. Needs a network.

    python3 .ci/external_links.py [--list]

Standard library only, so that it runs anywhere; no test calls it. Exit status: 0 all answer, 1 some do not.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("*.md", "datasets/**/*.md", "docker/*.md", "grading/*.md", "decisions/*.md", "lessons/*/*.ipynb")
ADDRESS = re.compile(r"https?://(?!127\.|localhost)[^\s<>\"'`\\|]+")
SECONDS, AT_ONCE = 20, 8
FINE = {401, 403, 405, 406, 429}  # there, though not for programs


def texts(path: Path) -> list[str]:
    """What a reader of `path` sees as prose."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [text]
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]


def trimmed(address: str) -> str:
    """Without the punctuation that follows, and without a bracket that was opened before it."""
    while address and (address[-1] in ".,;:*_" or (address[-1] == ")" and address.count("(") < address.count(")"))):
        address = address[:-1]
    return address


def ask(address: str) -> str:
    """Empty when it answers, else why not."""
    request = urllib.request.Request(address, headers={"User-Agent": "mlprod link check"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in FINE else f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(error)


def main() -> int:
    """List the addresses, or ask them all."""
    found: dict[str, set[str]] = {}
    for path in sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)}):
        for text in texts(path):
            for address in map(trimmed, ADDRESS.findall(text)):
                found.setdefault(address, set()).add(path.relative_to(ROOT).as_posix())
    if "--list" in sys.argv:
        print(*sorted(found), sep="\n")
        return 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(found, pool.map(ask, found), strict=True))
    wrong = {address: why for address, why in answers.items() if why}
    for address, why in sorted(wrong.items()):
        print(f"{address}: {why} ({', '.join(sorted(found[address]))})")
    print(f"{len(found) - len(wrong)} of {len(found)} answer")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
