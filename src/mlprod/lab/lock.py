"""Writes requirements.lock from the environment that runs it: `make lock`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HEADER = """\
# Every package of the course, pinned: Python 3.11, made and tested on Linux x86-64.
# To update: .venv/bin/pip install --upgrade -e ".[dev]" (or just the packages you mean), then `make lock`.
"""
NOT_OURS = {"pip", "wheel", "mlprod"}  # whatever the environment was born with, and the course itself


def freeze() -> list[str]:
    """`name==version` of each installed package, sorted, without local version labels such as torch's `+cpu`."""
    command = [sys.executable, "-m", "pip", "freeze", "--all", "--exclude-editable"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    listed = [line for line in listed if re.split(r"[ =@]", line)[0] not in NOT_OURS]
    unpinned = [line for line in listed if "==" not in line and not line.startswith("#")]
    if unpinned:
        raise SystemExit(f"requirements.lock: not from a package index, cannot be pinned: {', '.join(unpinned)}")
    pins = (re.sub(r"\+.*$", "", line) for line in listed if "==" in line)
    return sorted(pins, key=str.lower)


def write(file: Path) -> int:
    """Write the pins to `file` and return how many they are."""
    pins = freeze()
    file.write_text(HEADER + "\n".join(pins) + "\n")
    return len(pins)


if __name__ == "__main__":
    print(f"requirements.lock: {write(Path('requirements.lock'))} packages")
