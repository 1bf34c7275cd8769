"""Environment variables that are set for the length of a block, and what was there before put back."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def variables(**values: str) -> Iterator[None]:
    """Have these variables in `os.environ` inside the block; afterwards they are as they were, or absent."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def skip_slow_imports() -> None:
    """Keep jsonschema, which nbformat imports, from compiling a grammar for a second and a half each time.

    It is for checking that a string is an IRI, which no notebook's schema asks for. Call it before importing nbformat.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
