"""Item analysis as classical test theory does it: how hard a task is, and whether it tells strong from weak students.

Sources. Upper and lower 27 %: T. L. Kelley, "The selection of upper and lower groups for the validation of test
items", Journal of Educational Psychology 30 (1939), pp. 17-24; for items with more than two scores, as here,
J. Metsämuuronen, "Generalized discrimination index", International Journal of Educational Methodology 6 (2020),
pp. 237-257. The corrected item-total correlation is Pearson's, of an item with the sum of the others (for an item that
scores all or nothing, the point-biserial correlation). Below 0.2 an item is a poor one, by R. Ebel and D. Frisbie's
usual scale (Essentials of Educational Measurement, 5th edition, Prentice Hall 1991): the report asks to look at it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

SHARE = 0.27
FEWEST = 10  # students below which a discrimination says next to nothing, and is not given


def difficulty(scores: Sequence[float], most: float) -> float | None:
    """The mean score as a share of `most`: 1 is "all got everything", 0 "nobody got anything"; None without scores."""
    return sum(scores) / len(scores) / most if scores and most else None


def item_rest(scores: Sequence[float], totals: Sequence[float]) -> float | None:
    """Pearson's correlation of an item's scores with each student's total without it; None when one does not vary."""
    if len(scores) < FEWEST:
        return None
    rest = [total - score for score, total in zip(scores, totals, strict=True)]
    mean_x, mean_y = sum(scores) / len(scores), sum(rest) / len(rest)
    x, y = [score - mean_x for score in scores], [value - mean_y for value in rest]
    spread = math.sqrt(sum(v * v for v in x) * sum(v * v for v in y))
    if spread < 1e-12:
        return None
    return sum(a * b for a, b in zip(x, y, strict=True)) / spread


def upper_lower(scores: Sequence[float], totals: Sequence[float], most: float, share: float = SHARE) -> float | None:
    """Kelley's D: the difficulty in the upper `share` of the class by total, less that in the lower; from -1 to 1.

    Where students tie at the edge of a group, each counts for their part of the places left, so that the order of a
    list decides nothing.
    """
    if len(scores) < FEWEST or not most:
        return None
    upper = _mean_of_best(scores, totals, share)
    lower = _mean_of_best(scores, [-total for total in totals], share)
    return (upper - lower) / most


def _mean_of_best(scores: Sequence[float], totals: Sequence[float], share: float) -> float:
    size = max(1.0, share * len(scores))
    left, found = size, 0.0
    for total in sorted(set(totals), reverse=True):
        tied = [score for score, own in zip(scores, totals, strict=True) if own == total]
        taken = min(left, len(tied))
        found += taken * sum(tied) / len(tied)
        left -= taken
        if left <= 0:
            break
    return found / size
