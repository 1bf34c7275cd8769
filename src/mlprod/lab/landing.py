"""The page that `make lab` opens: the units, how far the reader has got in each, and the way to all of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mlprod import course
from mlprod.lab import progress
from mlprod.language import LANGUAGES, Language

OTHER: dict[Language, Language] = {"es": "en", "en": "es"}
WORDS: dict[Language, dict[str, str]] = {
    "es": {
        "title": "Puesta en producción de modelos de aprendizaje automático",
        "switch": "English",
        "head": "| unidad | lección | tiempo | va por | ejercicios | calificado |",
        "unopened": "sin empezar",
        "begun": "{done} de {all} celdas",
        "read": "**hecha**",
        "tasks": "{done} de {all} tareas",
        "solved": "**las {all} tareas**",
        "score": "{score:g} de {most:g}{notes}",
        "visible": ", solo con las pruebas visibles",
        "stale": ", pero lo has cambiado después",
        "next": "**Sigue por aquí:** [{number} · {title}]({to}){what}",
        "exercises": ", los ejercicios",
        "all": "**Lo has hecho todo.**",
        "how": "Una lección está *hecha* cuando todas sus celdas se han ejecutado sin error. Una tarea cuenta cuando "
        "sus pruebas visibles pasan; una de redacción, cuando la has escrito. Se mira lo que hay en los "
        "notebooks guardados, en el idioma en el que lleves más. *Calificado* es lo último que dijo `mlprod "
        "grade-me {unit}`, en una terminal. Esta página se escribe sola: para verla al día, ciérrala y ábrela "
        "otra vez (`{page}`, en la carpeta del curso).",
        "when": "Escrita a las {time}.",
    },
    "en": {
        "title": "Putting machine-learning models into production",
        "switch": "Español",
        "head": "| unit | lesson | time | so far | exercises | graded |",
        "unopened": "not begun",
        "begun": "{done} of {all} cells",
        "read": "**done**",
        "tasks": "{done} of {all} tasks",
        "solved": "**all {all} tasks**",
        "score": "{score:g} of {most:g}{notes}",
        "visible": ", with the visible tests alone",
        "stale": ", but you have changed it since",
        "next": "**Go on here:** [{number} · {title}]({to}){what}",
        "exercises": ", the exercises",
        "all": "**You have done it all.**",
        "how": "A lesson is *done* when all its cells have run without an error. A task counts when its visible "
        "tests pass; an essay, when you have written it. What counts is in the notebooks as they were saved, "
        "in whichever language you have done more. *Graded* is the last that `mlprod grade-me {unit}` said, "
        "in a terminal. This page writes itself: to see it up to date, close it and open it again (`{page}`, "
        "in the course's folder).",
        "when": "Written at {time}.",
    },
}


def page(lang: Language) -> Path:
    """Where the page in `lang` is, from the course's top folder."""
    return Path(f"course_{lang}.md")


def write(root: Path) -> None:
    """Write the page for the notebooks that are at `root` now, in the languages that they are in.

    A page that would say the same is let be.
    """
    there = [lang for lang in LANGUAGES if any((root / "lessons" / lang).glob("[0-9]*.ipynb"))]
    for lang in there:
        target, body = root / page(lang), render(root, lang, switch=OTHER[lang] in there)
        if target.is_file() and target.read_text(encoding="utf-8").rpartition("\n\n")[0] == body:
            continue  # but for the hour
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        when = WORDS[lang]["when"].format(time=time.strftime("%H:%M"))
        partial.write_text(f"{body}\n\n{when}\n", encoding="utf-8")
        partial.replace(target)


def render(root: Path, lang: Language, *, switch: bool = True) -> str:
    """The page in `lang`, but for the hour; `switch`: with the way to the other language."""
    words, found = WORDS[lang], progress.units(root, lang)
    following = next((unit for unit in found if not _finished(unit)), None)
    parts = [
        f"# {words['title']}",
        f"*[{words['switch']}]({page(OTHER[lang])})*" if switch else "",
        _onwards(following, lang),
        "\n".join([words["head"], "|---|---|---|---|---|---|", *(_row(unit, lang) for unit in found)]),
        words["how"].format(unit=following.number if following else "00", page=page(lang)),
    ]
    return "\n\n".join(part for part in parts if part)


def _finished(unit: progress.Unit) -> bool:
    return all(part is None or part.share == 1 for part in (unit.lesson, unit.exercise))


def _onwards(unit: progress.Unit | None, lang: Language) -> str:
    words = WORDS[lang]
    if unit is None:
        return words["all"]
    reading = unit.lesson is not None and unit.lesson.share < 1
    to = _to("lessons" if reading else "exercises", unit.name, lang)
    what = "" if reading else words["exercises"]
    return words["next"].format(number=unit.number, title=unit.title, to=to, what=what)


def _row(unit: progress.Unit, lang: Language) -> str:
    words = WORDS[lang]
    lesson = state = exercise = graded = ""
    if unit.lesson is not None:
        lesson = f"[{unit.title}]({_to('lessons', unit.name, lang)})"
        kind = "read" if unit.lesson.share == 1 else "begun" if unit.lesson.done else "unopened"
        state = words[kind].format(done=unit.lesson.done, all=unit.lesson.all)
    if unit.exercise is not None:
        kind = "solved" if unit.exercise.share == 1 else "tasks"
        tasks = words[kind].format(done=unit.exercise.done, all=unit.exercise.all)
        exercise = f"[{tasks}]({_to('exercises', unit.name, lang)})"
    if unit.graded is not None:
        notes = ("" if unit.graded.complete else words["visible"]) + (words["stale"] if unit.graded.stale else "")
        graded = words["score"].format(score=unit.graded.score, most=unit.graded.most, notes=notes)
    minutes = f"{unit.minutes} min" if unit.minutes else ""
    return f"| {unit.number} | {lesson} | {minutes} | {state} | {exercise} | {graded} |"


def _to(kind: str, name: str, lang: Language) -> str:
    return course.notebook(kind, name, lang, Path()).as_posix()
