"""A start line for processes: each says that it is ready, and all get the same starting time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import uuid4

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.workspace import workspace


class StartLine:
    """Make one for `parties` processes, hand it to each, and let each call `wait()` when it has set itself up.

    Times are of `time.monotonic()`, which on Linux and macOS is one clock for all processes of a machine. A process
    that comes after the start (one that is restarted, say) gets the same time, now in the past.
    """

    def __init__(self, parties: int, lead: float = 0.05):
        if parties < 1:
            raise ValueError(f"parties must be at least 1, not {parties}")
        self.parties = parties
        self.lead = lead  # seconds between the last arrival and the start
        self.folder: Path = workspace() / f"start-{uuid4().hex}"
        self.folder.mkdir()

    def wait(self, timeout: float = 30.0) -> float:
        """Arrive, block until all have arrived, and return the common start in seconds of monotonic time.

        Raises CourseError when not all have arrived within `timeout` seconds.
        """
        if not self._file.exists():
            _write(self.folder / f"{os.getpid()}.here", time.monotonic())
        return self.started(timeout)

    def started(self, timeout: float = 30.0) -> float:
        """The same for a bystander, who is not counted."""
        end = time.monotonic() + timeout
        while not self._file.exists():
            arrived = list(self.folder.glob("*.here"))
            if len(arrived) >= self.parties:  # whoever sees it first writes it; all would write the same
                _write(self._file, max(float(file.read_text()) for file in arrived) + self.lead)
            elif time.monotonic() > end:
                raise CourseError(
                    tr(
                        es=f"Solo {len(arrived)} de {self.parties} procesos han llegado a la salida en {timeout:g} s. "
                        "Mira si alguno ha fallado y vuelve a ejecutar la celda.",
                        en=f"Only {len(arrived)} of {self.parties} processes reached the start line in {timeout:g} s. "
                        "See whether one of them failed and run the cell again.",
                    )
                )
            else:
                time.sleep(0.002)
        return float(self._file.read_text())

    @property
    def begun(self) -> bool:
        """Whether all have arrived."""
        return self._file.exists()

    @property
    def _file(self) -> Path:
        return self.folder / "start"


def _write(path: Path, moment: float) -> None:
    # renaming is atomic: nobody reads half a number
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(repr(moment))
    part.replace(path)
