"""Python code as the words it is made of, whatever its names, comments and layout: for telling two answers apart."""

from __future__ import annotations

import builtins
import io
import keyword
import tokenize
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

KEPT = frozenset(dir(builtins)) | frozenset(keyword.kwlist)
SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING, tokenize.ENDMARKER}
LAYOUT = {tokenize.INDENT: "{", tokenize.DEDENT: "}"}


def words(code: str) -> list[str]:
    """The tokens of `code`; names become "N" (but not builtins, keywords, nor what follows a dot), texts become "S".

    Numbers stay: two answers that share an odd constant share something. Code that cannot be tokenised is cut at
    blanks instead.
    """
    found: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in SKIPPED:
                continue
            if token.type in LAYOUT:
                found.append(LAYOUT[token.type])
            elif token.type == tokenize.NAME:
                known = token.string in KEPT or (found and found[-1] == ".")
                found.append(token.string if known else "N")
            elif token.type == tokenize.STRING:
                if found and found[-1] not in "{}":  # a string that opens a block is a docstring
                    found.append("S")
            else:
                found.append(token.string)
    except (tokenize.TokenError, SyntaxError):  # IndentationError is one of these
        return code.split()
    return found


def grams(tokens: Sequence[str], k: int) -> Counter[tuple[str, ...]]:
    """How often each run of `k` tokens occurs; one shorter run when there are fewer than `k`."""
    return Counter(tuple(tokens[i : i + k]) for i in range(max(1, len(tokens) - k + 1)))


def alike(first: str, second: str, k: int = 3) -> float:
    """From 0 (no run of `k` tokens in common) to 1 (the same): the Dice coefficient of their runs."""
    a, b = _runs(first, k), _runs(second, k)
    return 2 * sum((a & b).values()) / (sum(a.values()) + sum(b.values()))


@lru_cache(maxsize=2048)
def _runs(code: str, k: int) -> Counter[tuple[str, ...]]:
    return grams(words(code), k)
