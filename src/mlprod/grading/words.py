"""The labels of feedback in both languages: the page and the summary say the same with the same words."""

from __future__ import annotations

from mlprod.language import Language

WORDS: dict[Language, dict[str, str]] = {
    "es": {
        "of": "de",
        "skip": "Saltar a las tareas",
        "tasks": "Tarea a tarea",
        "state": "Estado",
        "passed": "completa",
        "failed": "por mejorar",
        "blank": "sin hacer",
        "pending_task": "pendiente de corrección a mano",
        "check_passed": "bien",
        "check_failed": "falla",
        "check_hidden": "prueba que no se muestra",
        "expected": "Se esperaba",
        "came": "Llegó",
        "sure": "Lo que parece haber detrás",
        "perhaps": "Quizá",
        "perhaps_or": "O quizá",
        "guess_note": "Es una suposición: se parece a otras respuestas que fallan igual.",
        "hint": "Por dónde seguir",
        "reread": "Para releer",
        "objective": "Objetivo",
        "in_lesson": "en la lección",
        "find_note": "Para encontrar una sección: abre la lección en JupyterLab («make lab») y busca el título en el "
        "índice de la barra de la izquierda, o con Ctrl+F.",
        "link_note": "Los enlaces abren la lección si «make lab» está en marcha en tu ordenador, en el puerto 8888, y "
        "lo has abierto antes en este navegador; dentro de la lección, busca el título.",
        "notebook": "Tu código y las pruebas, como se ejecutaron",
        "notebook_open": "Ver el código y las pruebas",
        "all_right": "Todo lo que se corrige solo está bien.",
        "noted": "Al calificar",
        "waiting": "Lo escrito a mano suma cuando lo corrija una persona.",
    },
    "en": {
        "of": "out of",
        "skip": "Skip to the tasks",
        "tasks": "Task by task",
        "state": "State",
        "passed": "complete",
        "failed": "to be improved",
        "blank": "not done",
        "pending_task": "still to be graded by hand",
        "check_passed": "passes",
        "check_failed": "fails",
        "check_hidden": "a test that is not shown",
        "expected": "Expected",
        "came": "Came",
        "sure": "What seems to lie behind it",
        "perhaps": "Perhaps",
        "perhaps_or": "Or perhaps",
        "guess_note": "This is a guess: it looks like other answers that fail in the same way.",
        "hint": "Where to go on",
        "reread": "To reread",
        "objective": "Objective",
        "in_lesson": "in the lesson",
        "find_note": "To find a section: open the lesson in JupyterLab (`make lab`) and look for the title in the "
        "table of contents of the bar on the left, or with Ctrl+F.",
        "link_note": "The links open the lesson if `make lab` is running on your computer, on port 8888, and you have "
        "opened it in this browser before; inside the lesson, look for the title.",
        "notebook": "Your code and the tests, as they were executed",
        "notebook_open": "Show the code and the tests",
        "all_right": "Everything that is graded automatically is right.",
        "noted": "While grading",
        "waiting": "What you wrote adds points when a person has graded it.",
    },
}
