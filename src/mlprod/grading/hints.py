"""What to look at first, by how a test failed: for those who do not know where to begin."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from mlprod.authoring.localise import mask_magics
from mlprod.language import Language

Texts = dict[Language, str]
STUB = "sin respuesta todavía / no answer yet"  # in what an answer that is not begun raises

BLANK: Texts = {
    "es": "Aquí no hay respuesta todavía: sustituye la línea raise NotImplementedError por tu código.",
    "en": "There is no answer here yet: put your code in the place of the line raise NotImplementedError.",
}
STUB_LEFT: Texts = {
    "es": "Queda algún raise NotImplementedError sin sustituir: una parte de la tarea está sin hacer.",
    "en": "Some raise NotImplementedError is still there: a part of the task is not done.",
}
SYNTAX: Texts = {
    "es": "La celda no se puede ejecutar: Python no entiende la línea {line} ({problem}). Arréglala y ejecútala; hasta "
    "entonces ninguna prueba puede encontrar tu función.",
    "en": "The cell cannot be executed: Python does not understand line {line} ({problem}). Mend it and execute it; "
    "until then no test can find your function.",
}
ASSUMPTION: Texts = {
    "es": "Busca en tu respuesta la línea que lo da por hecho y escribe el caso más pequeño en el que no se cumple.",
    "en": "Find the line of your answer that takes it for granted, and write the smallest case where it is not so.",
}
SMALL_CASE: Texts = {
    "es": "Reproduce el mensaje en una celda aparte con el caso más pequeño que puedas, calcula a mano lo que debería "
    "salir y compara paso a paso.",
    "en": "Reproduce the message in a cell of your own with the smallest case you can, work out by hand what should "
    "come out, and compare step by step.",
}
# the first that is found in a test's message; the names are Python's own, the rest is what mlprod says
BY_MESSAGE: tuple[tuple[str, Texts], ...] = (
    (
        r"^NameError: name '(?P<name>\w+)'",
        {
            "es": "No existe {name} cuando se ejecuta todo en orden. Reinicia el kernel, ejecuta todas las celdas y "
            "mira si el nombre es el del enunciado y si lo defines en la celda de la respuesta.",
            "en": "{name} does not exist when everything is executed in order. Restart the kernel, run all cells, and "
            "see whether the name is that of the statement and is defined in the answer's cell.",
        },
    ),
    (
        r"^TypeError: .*(positional argument|keyword argument)",
        {
            "es": "La función no recibe los argumentos del enunciado: deja la primera línea (def …) como estaba.",
            "en": "The function takes other arguments than the statement's: leave its first line (def …) as it was.",
        },
    ),
    (
        r"NoneType|(devuelto|returned): +None$",
        {
            "es": "Algo vale None: una función sin return devuelve None, y también muchos métodos que cambian el "
            "objeto (list.sort, list.append, dict.update).",
            "en": "Something is None: a function without return gives None, and so do many methods that change the "
            "object (list.sort, list.append, dict.update).",
        },
    ),
    (
        r"^(KeyError|IndexError)",
        {
            "es": "Se pide una clave o una posición que no está. ¿Y si los datos vienen vacíos, o falta ese campo?",
            "en": "A key or a position is asked for that is not there. What if the data is empty, or lacks a field?",
        },
    ),
    (
        r"^ZeroDivisionError",
        {
            "es": "Se divide entre cero: decide qué devuelve la función cuando no hay nada que contar.",
            "en": "There is a division by zero: decide what the function returns when there is nothing to count.",
        },
    ),
    (
        r"^(ModuleNotFoundError|ImportError|FileNotFoundError|ConnectionError|OSError)",
        {
            "es": "Tu respuesta usa algo que no está donde se califica (un paquete, un fichero o la red): quédate con "
            "lo que da el notebook.",
            "en": "Your answer uses something that is not there where it is graded (a package, a file or the network): "
            "keep to what the notebook gives you.",
        },
    ),
    (
        r"tardó demasiado|took too long|no termina|does not end|never ends",
        {
            "es": "Busca el bucle o la espera que no acaba nunca: ¿qué tiene que pasar para que se salga de él? ¿Pasa "
            "siempre, también cuando algo falla?",
            "en": "Look for the loop or the wait that never ends: what must happen for it to be left? Does it always "
            "happen, also when something fails?",
        },
    ),
    (
        r"salida de errores|to standard error",
        {
            "es": "Quita lo que tu código escribe en sys.stderr (también logging y traceback.print_exc).",
            "en": "Remove what your code writes to sys.stderr (logging and traceback.print_exc do it too).",
        },
    ),
)


def by_message(message: str, lang: Language) -> str | None:
    """The hint for the first pattern of BY_MESSAGE found in `message`, or None."""
    for pattern, texts in BY_MESSAGE:
        if match := re.search(pattern, message, re.MULTILINE):
            return texts[lang].format(**match.groupdict())
    return None


def mechanical(code: str, messages: Iterable[str], lang: Language) -> str:
    """What is wrong with `code` whatever it is about: it is no Python, not finished, or a message tells; else ""."""
    try:
        ast.parse(mask_magics(code))
    except SyntaxError as error:
        return SYNTAX[lang].format(line=error.lineno, problem=error.msg)
    if STUB in code:
        return STUB_LEFT[lang]
    return next(filter(None, (by_message(message, lang) for message in messages)), "")


def general(recognised: bool, lang: Language) -> str:
    """What helps with any task; `recognised`: a misconception is shown beside it."""
    return (ASSUMPTION if recognised else SMALL_CASE)[lang]
