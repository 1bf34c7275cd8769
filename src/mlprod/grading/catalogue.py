"""What is known of a unit's wrong answers: the misconception of each, its code, and how the tests answered it.

The words come from the `wrong=` cells of solutions/NN_name.py; the tests' answers, from the last audit, which leaves
them in solutions/misconceptions/NN_name.json. Both lie in solutions/, which students do not get: of all this only
the text of a misconception is ever shown to them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from mlprod.authoring.localise import localise
from mlprod.authoring.model import Source, Task, Wrong
from mlprod.authoring.source import scan
from mlprod.language import LANGUAGES, Language

FOLDER = Path("solutions", "misconceptions")


@dataclass(frozen=True)
class Entry:
    """One wrong answer. `code` is what a student would have written, `messages` what each test that it fails says
    (by grade id; None when no audit has seen this answer with these tests), both by language.
    """

    task: str
    score: float
    misconception: Mapping[Language, str]
    says: Mapping[Language, str]
    code: Mapping[Language, str]
    messages: Mapping[Language, Mapping[str, str] | None] = field(default_factory=dict)


def load(root: Path, assignment: str) -> dict[str, tuple[Entry, ...]]:
    """The wrong answers of each task of `assignment` in the course at `root`; empty where its source is not."""
    path, recorded = root / "solutions" / f"{assignment}.py", _file(root, assignment)
    if not path.is_file():
        return {}
    return _load(path, path.stat().st_mtime_ns, recorded, recorded.stat().st_mtime_ns if recorded.is_file() else 0)


def source_of(root: Path, assignment: str) -> Source | None:
    """The source of `assignment` where there is one that can be read, read once while its file stays as it is."""
    path = root / "solutions" / f"{assignment}.py"
    return _source(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=8)
def _source(path: Path, _: int) -> Source | None:
    return scan(path)[0]


@lru_cache(maxsize=8)
def _load(path: Path, changed: int, recorded: Path, _: int) -> dict[str, tuple[Entry, ...]]:
    source = _source(path, changed)
    if source is None:
        return {}
    known = _read(recorded)
    return {
        name: tuple(
            Entry(
                name,
                wrong.score,
                wrong.misconception,
                wrong.says,
                {lang: without_comments(localise(wrong, lang, path)) for lang in LANGUAGES},
                {lang: known.get(key(task, wrong), {}).get(lang) for lang in LANGUAGES},
            )
            for wrong in task.wrongs
        )
        for name, task in source.tasks.items()
    }


def key(task: Task, wrong: Wrong) -> str:
    """Names a wrong answer together with the tests that judge it: another when any of them changes."""
    parts = [*(test.source for test in task.tests), wrong.source]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def record(root: Path, source: Source, seen: Mapping[tuple[str, Language], Mapping[str, str]]) -> bool:
    """Keep what the tests said to wrong answers, `seen` by `key` and language; whether the file has changed.

    What is known already stays as it is (messages may hold random names), and what no longer exists goes.
    """
    known = _read(_file(root, source.name))
    wanted = {key(task, wrong) for task in source.tasks.values() for wrong in task.wrongs}
    after = {name: dict(by_lang) for name, by_lang in known.items() if name in wanted}
    for (name, lang), messages in seen.items():
        if name in wanted:
            after.setdefault(name, {}).setdefault(lang, dict(messages))
    if after == known or not after:
        return False
    path = _file(root, source.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(after, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return True


def without_comments(code: str) -> str:
    """`code` without the comments that open it: in a wrong answer they name the misconception."""
    lines = code.split("\n")
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    return "\n".join(lines)


def _file(root: Path, assignment: str) -> Path:
    return root / FOLDER / f"{assignment}.json"


def _read(path: Path) -> dict[str, dict[Language, dict[str, str]]]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
