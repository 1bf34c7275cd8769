"""What the lessons measure, gathered in one file: `record` in a lesson, `mlprod bench` to run them and collect.

    tables.show(bench.record("06a/families", rows), caption="…")

`record` does nothing but return its rows, unless MLPROD_BENCH names a file.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

VARIABLE = "MLPROD_BENCH"
Rows = TypeVar("Rows")


def record(name: str, rows: Rows, **facts: Any) -> Rows:
    """Keep a table of a lesson for the benchmark's report, and return `rows` as they came.

    name: unit and what it is, such as "06a/families"; unique in a run. rows: what `tables.show` takes (a list of dicts
    or a DataFrame) or a `Race`, whose times, ratios and intervals are then kept. facts: numbers that go with it (seeds,
    rounds). Raises ValueError for a name without a unit.
    """
    if not name.partition("/")[2]:
        raise ValueError(f"{name!r}: the name is unit/what, such as '06a/families'")
    if path := os.environ.get(VARIABLE):
        entry = {"name": name, "facts": plain(facts), "rows": plain(_as_rows(rows))}
        # one write in append mode: two lessons may record at the same time
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return rows


def read(path: Path) -> dict[str, dict[str, Any]]:
    """What was recorded in `path`: {name: {"facts": …, "rows": […]}}. Raises ValueError when a name comes twice."""
    found: dict[str, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        entry = json.loads(line)
        name = entry.pop("name")
        if name in found:
            raise ValueError(f"{name!r} was recorded twice")
        found[name] = entry
    return found


def plain(value: Any) -> Any:
    """`value` made of what JSON knows: numpy's numbers become Python's; NaN and infinities, null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's and PyTorch's arrays and scalars
        return plain(value.tolist())
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return str(value)


def _as_rows(rows: Any) -> list[Any]:
    if hasattr(rows, "ratio") and hasattr(rows, "seconds"):
        base = next(iter(rows.seconds))
        return [
            {
                "name": name,
                "median_s": rows.median(name),
                "base": base,
                "ratio": list(rows.ratio(name, base)),
                "rounds": len(rows.seconds[name]),
            }
            for name in rows.seconds
        ]
    if hasattr(rows, "to_dict"):
        return (rows.reset_index() if rows.index.name is not None else rows).to_dict("records")
    return list(rows)
