"""What happened to a submission while it was graded: noted in its notebook, read back for the teacher's table.

Each incident is a small dict in the autograded notebook's metadata: {"what": one of `TEXTS`, "where": the grade ids or
the number of the cell it concerns}. Grading goes on after any of them; what was not executed scores 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from mlprod.language import LANGUAGES, Language, language

KEY = "mlprod_incidents"
STOPPED = "Stopped"
"""The name of the error that stands in the outputs of a cell that was stopped or not executed."""

# for the teacher; {} is where
TEXTS = {
    "too_long": ("tardó demasiado y se interrumpió", "took too long and was interrupted"),
    "hung": ("no atendía a las interrupciones y se terminó", "did not heed interrupts and was ended"),
    "died": ("su código terminó el kernel", "its code ended the kernel"),
    "memory": ("agotó su memoria y se terminó", "used up its memory and was ended"),
    "processes": ("lanzó demasiados procesos y se terminó", "started too many processes and was ended"),
    "output": ("escribió demasiado y se recortó", "wrote too much and was cut"),
    "time": ("se le acabó el tiempo de la entrega", "ran out of the submission's time"),
    "tampered": ("alteró el kernel: 0 en esas pruebas, míralo", "altered the kernel: 0 in those tests, look at it"),
    "edited": ("celdas de prueba cambiadas, repuestas", "test cells changed, put back"),
    "missing": ("faltaban celdas de prueba, repuestas", "test cells were missing, put back"),
    "copied": ("celdas repetidas, cuenta la última", "cells repeated, the last one counts"),
    "unknown": ("celdas calificables que no son del ejercicio, sin puntos", "graded cells that are not the exercise's"),
    "file": ("ficheros que no se pueden usar, apartados", "files that cannot be used, left out"),
}
# for the student, in place of what the cell would have given
_TO_STUDENT = {
    "hung": (
        "El código de esta celda no terminaba ni se dejaba interrumpir: se detuvo.",
        "The code of this cell neither ended nor could be interrupted: it was stopped.",
    ),
    "died": (
        "El código de esta celda terminó el proceso del notebook (¿exit, os._exit, un fallo en C?).",
        "The code of this cell ended the notebook's process (exit, os._exit, a crash in C?).",
    ),
    "memory": ("El código de esta celda agotó la memoria.", "The code of this cell used up the memory."),
    "processes": (
        "El código de esta celda lanzó demasiados procesos.",
        "The code of this cell started too many processes.",
    ),
    "output": ("Esta celda escribió demasiado y se detuvo.", "This cell wrote too much and was stopped."),
    "time": (
        "Esta celda no se ejecutó: las anteriores gastaron el tiempo de la entrega.",
        "This cell was not executed: the earlier ones used up the submission's time.",
    ),
    "tampered": (
        "Esta prueba no cuenta: algo en el notebook cambia cómo se ejecutan las celdas o los tests.",
        "This test does not count: something in the notebook changes how cells or tests are executed.",
    ),
}


def note(nb: NotebookNode, what: str, where: Iterable[str | int] | str | int) -> None:
    """Record an incident; several of one kind are one with all their places."""
    places = [where] if isinstance(where, str | int) else list(where)
    if not places:
        return
    noted = nb.metadata.setdefault(KEY, [])
    for incident in noted:
        if incident["what"] == what:
            incident["where"] += [place for place in places if place not in incident["where"]]
            return
    noted.append(NotebookNode(what=what, where=places))


def of(nb: NotebookNode) -> list[dict[str, Any]]:
    """The incidents noted in `nb`."""
    return [dict(incident) for incident in nb.metadata.get(KEY, [])]


def in_file(path: Path) -> list[dict[str, Any]]:
    """Those noted in the autograded notebook at `path`; none when there is no such notebook."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["metadata"].get(KEY, []))
    except (OSError, ValueError, KeyError):
        return []


def text(incidents: Iterable[dict[str, Any]], lang: Language | None = None) -> str:
    """All of them in one line, in the reader's language: "used up its memory and was ended (cell 7); …"."""
    column = LANGUAGES.index(lang or language())
    parts = []
    for incident in incidents:
        places = [
            f"{('celda', 'cell')[column]} {place}" if isinstance(place, int) else place for place in incident["where"]
        ]
        shown = ", ".join(places[:4]) + (", …" if len(places) > 4 else "")
        parts.append(f"{TEXTS[incident['what']][column]} ({shown})")
    return "; ".join(parts)


def stopped(what: str, lang: Language) -> NotebookNode:
    """The output of a cell that was stopped, or not executed, because of `what`: an error, so it earns nothing."""
    said = _TO_STUDENT[what][LANGUAGES.index(lang)]
    return new_output("error", ename=STOPPED, evalue=said, traceback=[said])


def stopped_by(cell: NotebookNode) -> str:
    """What a cell says of its being stopped; "" for any other, also for one that only says it was."""
    said = {text for texts in _TO_STUDENT.values() for text in texts}
    only = cell.outputs[0] if len(cell.outputs) == 1 else {}
    if only.get("ename") != STOPPED or only.evalue not in said or only.traceback != [only.evalue]:
        return ""
    return only.evalue


def cut(lang: Language) -> str:
    """What stands at the end of an output that was cut."""
    return ("[… salida recortada]", "[… output cut]")[LANGUAGES.index(lang)]


def place(cell: NotebookNode, index: int) -> str | int:
    """How to name a cell: its grade id, else its number from 1."""
    return cell.metadata.get("nbgrader", {}).get("grade_id") or index + 1
