"""Waiting with a bar: nothing in a notebook takes longer than two seconds without saying how long is left."""

from __future__ import annotations

import time


def wait_until(moment: float, label: str) -> None:
    """Sleep until `time.monotonic()` reaches `moment` (seconds); show a bar named `label` that vanishes at the end."""
    from tqdm.auto import tqdm

    began = time.monotonic()
    total = moment - began
    if total <= 0:
        return
    layout = "{desc}: {n:.1f} / {total:.1f} s {bar}"
    with tqdm(total=total, desc=label, leave=False, bar_format=layout, mininterval=0) as bar:
        while (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
            bar.n = min(total, time.monotonic() - began)
            bar.refresh()
