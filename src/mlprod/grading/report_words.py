"""What a class's report says, in both languages, for the terminal and for the page alike."""

from __future__ import annotations

from mlprod.language import Language

WORDS: dict[Language, dict[str, str]] = {
    "es": {
        "title": "Informe de la clase",
        "handed": "{graded} entregas calificadas (media {mean} de {most:g}); {ungraded} sin calificar.",
        "objectives": "Lo aprendido, por objetivos",
        "objectives_note": "Media: parte de los puntos que tiene la clase. Dominado: estudiantes con al menos el 80 "
        "% de "
        "los puntos del objetivo.",
        "objective": "objetivo",
        "mean": "media",
        "mastered": "dominado",
        "items": "Las tareas como prueba",
        "items_note": "Dificultad: nota media entre máxima (1: todo el mundo lo tiene todo). Correlación: de la "
        "tarea con el "
        "resto de la nota (Pearson, corregida). D de Kelley: dificultad en el 27 % con más nota menos en el 27 % con "
        "menos. Por debajo de 0,2, o negativa, mira si la tarea pide lo que crees. Con menos de diez entregas no se "
        "dan.",
        "parts": "Prueba a prueba",
        "task": "tarea",
        "part": "prueba",
        "points": "puntos",
        "difficulty": "dificultad",
        "correlation": "correlación",
        "upper_lower": "D (27 %)",
        "blank": "sin hacer",
        "mistakes": "Las equivocaciones más frecuentes",
        "mistakes_note": "Malentendidos: reconocidos por los tests que fallan y por el código. El resto es el "
        "mensaje "
        "del primer test que falla: buenos candidatos a una celda wrong= de la fuente.",
        "mistake": "equivocación",
        "students": "estudiantes",
        "student": "estudiante",
        "who": "quiénes",
        "kind": "qué es",
        "row": "fila {} del temario",
        "sure": "seguras",
        "known": "malentendido",
        "unknown": "mensaje",
        "pairs": "Entregas que se parecen",
        "pairs_note": "No es prueba de nada: dos personas que estudian juntas, o que siguen el mismo tutorial, se "
        "parecen. "
        "Es una razón para leer las dos. Se cuentan secuencias de diez símbolos poco corrientes en la clase, sin "
        "nombres "
        "ni comentarios y sin lo que venía en el enunciado.",
        "pair": "estudiantes",
        "share": "en común",
        "where": "dónde",
        "late": "Entregas tardías",
        "late_none_due": "La asignación no tiene fecha límite en el libro de notas: no se sabe quién llegó tarde.",
        "hours": "horas",
        "penalty": "penalización",
        "human": "Lo que espera a una persona",
        "human_note": "Lo escrito se corrige en el formgrader: make teach, Nbgrader, Formgrader, Manual Grading.",
        "ungraded": "Entregado y sin calificar",
        "tampered": "Cambian cómo se ejecutan los tests, que cuentan 0: por leer",
        "noted": "Lo que pasó al calificar",
        "noted_note": "Casi siempre es un descuido. Lo que se repuso no cuesta puntos; lo que se detuvo o no se "
        "ejecutó tiene 0 en sus pruebas.",
        "what": "qué pasó",
        "nobody": "Nada.",
        "files": "Ficheros para Moodle y Canvas: {ready} de {graded} estudiantes; faltan los que esperan a una "
        "persona.",
    },
    "en": {
        "title": "Class report",
        "handed": "{graded} submissions graded (mean {mean} out of {most:g}); {ungraded} not graded.",
        "objectives": "What was learnt, by objective",
        "objectives_note": "Mean: the share of the points that the class has. Mastered: students with at least 80 % "
        "of the "
        "objective's points.",
        "objective": "objective",
        "mean": "mean",
        "mastered": "mastered",
        "items": "The tasks as a test",
        "items_note": "Difficulty: mean score over maximum (1: everybody has everything). Correlation: of the task "
        "with the "
        "rest of the score (Pearson, corrected). Kelley's D: difficulty in the 27 % with the highest scores less "
        "that in "
        "the 27 % with the lowest. Below 0.2, or negative, see whether the task asks what you think. Not given for "
        "fewer "
        "than ten submissions.",
        "parts": "Test by test",
        "task": "task",
        "part": "test",
        "points": "points",
        "difficulty": "difficulty",
        "correlation": "correlation",
        "upper_lower": "D (27 %)",
        "blank": "not done",
        "mistakes": "The most frequent mistakes",
        "mistakes_note": "Misconceptions: recognised by the tests that fail and by the code. The rest is the "
        "message of "
        "the first test that fails: good candidates for a wrong= cell of the source.",
        "mistake": "mistake",
        "students": "students",
        "student": "student",
        "who": "who",
        "kind": "what it is",
        "row": "row {} of the syllabus",
        "sure": "sure",
        "known": "misconception",
        "unknown": "message",
        "pairs": "Submissions that are alike",
        "pairs_note": "This proves nothing: two people who study together, or follow one tutorial, write alike. It "
        "is a reason "
        "to read both. What is counted are runs of ten symbols that are unusual in the class, without names and "
        "comments "
        "and without what the exercise gave.",
        "pair": "students",
        "share": "in common",
        "where": "where",
        "late": "Late submissions",
        "late_none_due": "The assignment has no due date in the gradebook: nobody knows who was late.",
        "hours": "hours",
        "penalty": "penalty",
        "human": "What waits for a person",
        "human_note": "What was written is graded in the formgrader: make teach, Nbgrader, Formgrader, Manual Grading.",
        "ungraded": "Handed in and not graded",
        "tampered": "Change how tests are executed, which then count 0: to be read",
        "noted": "What happened while grading",
        "noted_note": "Nearly always it is an oversight. What was put back costs no points; what was stopped or not "
        "executed has 0 in its tests.",
        "what": "what happened",
        "nobody": "Nothing.",
        "files": "Files for Moodle and Canvas: {ready} of {graded} students; those who wait for a person are missing.",
    },
}


def share(value: float | None) -> str:
    """A share as a percentage, a dash when it is not known."""
    return "–" if value is None else f"{100 * value:.0f} %"


def number(value: float | None, lang: Language, decimals: int = 2) -> str:
    """A number written as `lang` does; a dash when it is not known."""
    text = "–" if value is None else f"{value:.{decimals}f}"
    return text.replace(".", ",") if lang == "es" else text
