"""What the authors of an exercise say to whoever is stuck in a task: where to look, never the answer.

One file a unit, task_hints/NN_name.yml, in the package and not in solutions/, so that students who grade themselves
have it too: no hint holds a line of an answer or of a hidden test (tests/grading/test_task_hints.py looks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from mlprod.language import Language

FOLDER = Path(__file__).with_name("task_hints")


@lru_cache(maxsize=16)
def load(assignment: str) -> Mapping[str, Mapping[Language, str]]:
    """The hints of unit `assignment` (02_pubsub): by task ("publish") or by part of one ("publish/arrive")."""
    path = FOLDER / f"{assignment}.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def hint(assignment: str, task: str, failed: Iterable[str], lang: Language) -> str | None:
    """The hint for `task`, of which the parts `failed` fail (in order; none: it is not begun), in `lang`.

    The first of those parts decides: its own, else that of the whole task; where there is neither, the next part.
    """
    known = load(assignment)
    keys = (key for part in (*failed, "") for key in (f"{task}/{part}", task))
    return next((known[key][lang] for key in keys if key in known), None)
