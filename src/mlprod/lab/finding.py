"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "optional", "wrong"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do about it.

    `state` is "ok", "optional" (missing or embedded, the course runs all the same) or "wrong" (it does not).
    """

    name: str
    state: State
    detail: str
    remedy: str = ""
