# ---
# title:
#   es: "Cuantización y poda: ejercicios"
#   en: "Quantization and pruning: exercises"
# unit: "06a"
# minutes: 355
# ---

# %% [markdown] lang="es"
# # Cuantización y poda: ejercicios
#
# Nueve tareas que se corrigen solas y una redacción. Casi seis horas en total, para varios días: puedes hacerlas en cualquier orden y dejar alguna sin hacer, porque cada tarea puntúa por separado. Si vas con el tiempo justo, las que más enseñan son la 2, la 6 y la 9.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Leer una tabla de modelos comprimidos | 3 | 25 |
# | 2. Ocho bits de verdad | 5 | 45 |
# | 3. Rango, precisión y valores atípicos | 5 | 40 |
# | 4. ¿Menos bits es más rápido? | 4 | 25 |
# | 5. Cuánto podar un árbol | 4 | 45 |
# | 6. Podar lo que menos sirve | 6 | 45 |
# | 7. Una red que encoge de verdad | 4 | 35 |
# | 8. Podar para buscar arquitecturas | 4 | 25 |
# | 9. Cuándo ahorran los ceros | 4 | 25 |
# | 10. Redacción: el audífono | 4 | 45 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar los nombres ni los argumentos. Las celdas siguientes, en orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué han recibido. Al corregir se añaden **comprobaciones ocultas**: otros datos, otras formas, casos raros. No puntúan cuánto tarda tu código (solo se interrumpe, pasados diez segundos o más, lo que parece no terminar): cuentan bytes, tipos, parámetros, pasos y errores. Las celdas de comprobación no hace falta leerlas: basta con ejecutarlas.
#
# **Dónde ocurre.** Todo en memoria y con matrices pequeñas; no se entrena ninguna red. Puedes escribir funciones auxiliares en la celda de tu respuesta. Un aviso de NumPy (por ejemplo, de una división por 0) no quita puntos, pero casi siempre señala un error.
# %% [markdown] lang="en"
# # Quantization and pruning: exercises
#
# Nine tasks that are graded automatically and one essay. Nearly six hours in all, for several days: you may do them in any order and leave some out, because each task earns its own points. If you are short of time, those that teach most are 2, 6 and 9.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Reading a table of compressed models | 3 | 25 |
# | 2. Eight bits for real | 5 | 45 |
# | 3. Range, precision and outliers | 5 | 40 |
# | 4. Are fewer bits faster? | 4 | 25 |
# | 5. How far to prune a tree | 4 | 45 |
# | 6. Pruning what is least useful | 6 | 45 |
# | 7. A network that really shrinks | 4 | 35 |
# | 8. Pruning to search for architectures | 4 | 25 |
# | 9. When zeros actually save anything | 4 | 25 |
# | 10. Essay: the hearing aid | 4 | 45 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in place of each `raise NotImplementedError`, and change neither the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, say what they expected and what they got. Grading adds **hidden checks**: other data, other shapes, odd cases. They do not grade speed (only what seems never to end is interrupted, after ten seconds or more): they count bytes, types, parameters, steps and errors. You need not read the test cells: running them is enough.
#
# **Where it happens.** All in memory and with small arrays; no network is trained. You may write helper functions in the cell of your answer. A warning from NumPy (of a division by 0, for instance) costs no points, but nearly always points at a mistake.

# %%
import math
import statistics
from datetime import date, timedelta

import numpy as np
import torch
from scipy import stats

from mlprod import start, tr

start(LANG)
torch.set_num_threads(1)

# %% [markdown] lang="es" row="42"
# ## 1. Leer una tabla de modelos comprimidos (3 puntos)
#
# Una tabla de compresión sin intervalos no dice nada: con 2000 ejemplos de prueba, medio punto de exactitud puede ser azar. Todos los modelos contestan los **mismos** ejemplos, así que se compara ejemplo a ejemplo. Completa:
#
# **a)** `accuracy_gap(correct, base_correct)`: dos listas, de igual longitud $n \ge 2$, que dicen si cada modelo acertó cada ejemplo. Devuelve `(mean, low, high)`: la media de las $n$ diferencias (el acierto de `correct` menos el de `base_correct`: 1, 0 o −1) y su intervalo del 95 %, `mean` ± $1.96\,s/\sqrt{n}$, con $s$ la desviación típica muestral (dividiendo por $n-1$) de las diferencias.
#
# **b)** `smallest(models, base, margin)`: `models` es un diccionario de nombre a `{"bytes": …, "correct": […]}` y `base` es el nombre del modelo sin comprimir, que también está en él. Un modelo es **aceptable** si, con ese intervalo, se puede descartar que pierda más de `margin` (una fracción: 0.01 es un punto) respecto a `base`: su extremo inferior no baja de `-margin`. Devuelve el nombre del aceptable de menos bytes (si empatan, cualquiera de ellos). `base` siempre es aceptable.
#
# **c)** `alive(projects, today)`: `projects` es un diccionario de nombre a `{"stars": …, "last_release": "2025-03-31", "archived": False}`, un proyecto de código abierto cada uno. Devuelve la lista de los **nombres** de los que están vivos (sin archivar y con una versión publicada hace 365 días o menos), del de versión más reciente al de más antigua; a igual fecha, en cualquier orden. `today` es otro texto como `last_release`, nunca anterior a ellos.
# %% [markdown] lang="en" row="42"
# ## 1. Reading a table of compressed models (3 points)
#
# A compression table without intervals says nothing: with 2,000 test examples, half a point of accuracy may be chance. All models answer the **same** examples, so they are compared example by example. Complete:
#
# **a)** `accuracy_gap(correct, base_correct)`: two lists of equal length $n \ge 2$ that say whether each model got each example right. It returns `(mean, low, high)`: the mean of the $n$ differences (whether `correct` is right minus whether `base_correct` is: 1, 0 or −1) and its 95% interval, `mean` ± $1.96\,s/\sqrt{n}$, where $s$ is the sample standard deviation (dividing by $n-1$) of the differences.
#
# **b)** `smallest(models, base, margin)`: `models` is a dict from name to `{"bytes": …, "correct": […]}` and `base` is the name of the uncompressed model, which is in it as well. A model is **acceptable** if, with that interval, one can rule out that it loses more than `margin` (a fraction: 0.01 is one point) against `base`: its lower end does not fall below `-margin`. It returns the name of the acceptable one with fewest bytes (if there is a tie, any of them will do). `base` is always acceptable.
#
# **c)** `alive(projects, today)`: `projects` is a dict from name to `{"stars": …, "last_release": "2025-03-31", "archived": False}`, one open-source project each. It returns the list of the **names** of those that are alive (not archived, and with a version released 365 days ago or less), from the most recent release to the oldest; with equal dates, in any order. `today` is another string like `last_release`, never before them.

# %% answer="frontier"
def accuracy_gap(correct, base_correct):
    ### BEGIN SOLUTION
    differences = np.array(correct, dtype=float) - np.array(base_correct, dtype=float)
    half = 1.96 * differences.std(ddof=1) / len(differences) ** 0.5
    return differences.mean(), differences.mean() - half, differences.mean() + half
    ### END SOLUTION


def smallest(models, base, margin):
    ### BEGIN SOLUTION
    reference = models[base]["correct"]
    good = [name for name, model in models.items() if accuracy_gap(model["correct"], reference)[1] >= -margin]
    return min(good, key=lambda name: models[name]["bytes"])
    ### END SOLUTION


def alive(projects, today):
    ### BEGIN SOLUTION
    def age(name):
        return (date.fromisoformat(today) - date.fromisoformat(projects[name]["last_release"])).days

    return sorted((name for name in projects if not projects[name]["archived"] and age(name) <= 365), key=age)
    ### END SOLUTION

# %% test="frontier/gap" points=1 row="42" objective="6a.1"
from mlprod import checks

### BEGIN HIDDEN TESTS
import statistics as _t_statistics
### END HIDDEN TESTS


def _t_f_pair(n, both, only_first, only_second):
    """Answers of two models that agree on `both` right ones, and differ as said."""
    _first = [True] * (both + only_first) + [False] * (n - both - only_first)
    _second = [True] * both + [False] * only_first + [True] * only_second + [False] * (n - both - only_first - only_second)
    return _first, _second


def _t_f_gap(first, second, want, why):
    _got = accuracy_gap(list(first), list(second))
    checks.same(_got, want, why, tolerance=1e-6)


_t_f_gap([True, False, True, True], [True, True, False, False], (0.25, 0.25 - 1.96 * 0.9574271077563381 / 2, 0.25 + 1.96 * 0.9574271077563381 / 2), tr(es="Cuatro ejemplos, cuyas diferencias, correct menos base_correct, son 0, −1, 1 y 1: se toma la desviación típica de esas cuatro, entre la raíz de 4.", en="Four examples, whose differences, correct minus base_correct, are 0, −1, 1 and 1: take the standard deviation of those four, over the root of 4."))
_t_f_gap(
    *_t_f_pair(1000, 880, 10, 30), (-0.02, -0.02 - 1.96 * 0.19908808988411776 / 1000**0.5, -0.02 + 1.96 * 0.19908808988411776 / 1000**0.5),
    tr(es="1000 ejemplos; los dos modelos solo discrepan en 40. El intervalo es el de la diferencia, ejemplo a ejemplo: los aciertos y fallos comunes no añaden incertidumbre.", en="1,000 examples; the two models only disagree on 40. The interval is that of the difference, example by example: what both get right or wrong adds no uncertainty."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_f_rng = np.random.default_rng(42)
for _t_number in range(40):
    _t_a, _t_b = (_t_f_rng.random(2 + 7 * _t_number) < 0.8).tolist(), (_t_f_rng.random(2 + 7 * _t_number) < 0.7).tolist()
    _t_d = [int(x) - int(y) for x, y in zip(_t_a, _t_b, strict=True)]
    _t_mean, _t_half = _t_statistics.fmean(_t_d), 1.96 * _t_statistics.stdev(_t_d) / len(_t_d) ** 0.5
    _t_f_gap(_t_a, _t_b, (_t_mean, _t_mean - _t_half, _t_mean + _t_half), tr(es=f"{len(_t_a)} ejemplos al azar.", en=f"{len(_t_a)} random examples."))
### END HIDDEN TESTS

# %% test="frontier/smallest" points=1 row="42" objective="6a.1"
def _t_f_models(n, table):
    """From name: (bytes, only this one is right, only the base is right) to models, with a base called full."""
    _made = {"full": {"bytes": 4_000, "correct": [True] * (n // 2) + [False] * (n - n // 2)}}
    for _name, (_bytes, _won, _lost) in table.items():
        _answers = list(_made["full"]["correct"])
        _answers[:_lost] = [False] * _lost
        _answers[n - _won :] = [True] * _won
        _made[_name] = {"bytes": _bytes, "correct": _answers}
    return _made


def _t_f_smallest(n, table, margin, want, why):
    _got = smallest(_t_f_models(n, table), "full", margin)
    checks.same(_got, want, why + tr(es=f"\n  {n} ejemplos, margin={margin}; de cada modelo, bytes y ejemplos que solo acierta él y que solo acierta full: {table}", en=f"\n  {n} examples, margin={margin}; of each model, bytes and examples that only it and that only full gets right: {table}"))


_t_f_smallest(2000, {"int8": (1_000, 20, 24), "tiny": (200, 20, 90)}, 0.01, "int8", tr(es="tiny pierde 3.5 puntos: sus aciertos menos los de full, −0.035.", en="tiny loses 3.5 points: what it gets right minus what full does, −0.035."))
_t_f_smallest(
    100, {"half": (2_000, 0, 0), "tiny": (200, 8, 8)}, 0.02, "half",
    tr(es="Con 100 ejemplos, tiny acierta lo mismo que full, pero su intervalo llega a −8 puntos: no haber visto diferencia no descarta que la haya.", en="With 100 examples tiny is right as often as full, but its interval reaches −8 points: not having seen a difference does not rule it out."),
)
_t_f_smallest(10_000, {"tiny": (200, 8, 40)}, 0.01, "tiny", tr(es="tiny es peor, sin duda, pero en menos de un punto: aceptable.", en="tiny is worse, no doubt, but by less than one point: acceptable."))
_t_f_smallest(100, {"same": (2_000, 0, 0)}, 0.0, "same", tr(es="same contesta siempre igual que full: su extremo inferior es 0, que no baja de 0.", en="same always answers as full does: its lower end is 0, which does not fall below 0."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_f_smallest(50, {"tiny": (200, 1, 10)}, 0.01, "full", tr(es="Si nada sirve, el modelo sin comprimir.", en="If nothing will do, the uncompressed model."))
_t_f_smallest(3000, {"huge": (9_000, 300, 0), "a": (3_000, 30, 10), "b": (1_500, 20, 20), "c": (900, 40, 200)}, 0.01, "b", tr(es="El más pequeño de los aceptables, no el mejor.", en="The smallest of the acceptable ones, not the best."))
_t_f_smallest(200, {"a": (900, 6, 9), "b": (950, 0, 1), "c": (400, 30, 30)}, 0.02, "b", tr(es="Solo b tiene un intervalo bastante estrecho.", en="Only b has an interval narrow enough."))
### END HIDDEN TESTS

# %% test="frontier/alive" points=1 row="42" objective="6a.1"
def _t_f_project(stars, last_release, archived=False):
    return {"stars": stars, "last_release": last_release, "archived": archived}


_t_f_some = {
    "famous": _t_f_project(13_000, "2022-09-14"),
    "quiet": _t_f_project(20, "2025-08-15"),
    "closed": _t_f_project(7_000, "2026-05-30", True),
    "steady": _t_f_project(900, "2026-02-11"),
    "late": _t_f_project(300, "2025-05-20"),
    "modest": _t_f_project(90, "2026-06-01"),
}
checks.same(alive(dict(_t_f_some), "2026-07-01"), ["modest", "steady", "quiet"], tr(es=f"Las estrellas son de quien pasó por allí una vez; las versiones, de quien sigue trabajando.\n  alive({_t_f_some}, '2026-07-01'):", en=f"Stars belong to those who once passed by; releases, to those still at work.\n  alive({_t_f_some}, '2026-07-01'):"))
checks.passed()
### BEGIN HIDDEN TESTS
checks.same(alive({}, "2026-07-01"), [], tr(es="Sin proyectos.", en="Without projects."))
for _t_day, _t_want in (("2026-09-14", ["a"]), ("2025-09-14", ["a"]), ("2027-06-20", ["a"]), ("2027-06-21", [])):
    checks.same(alive({"a": _t_f_project(1, "2026-06-20" if _t_day > "2026-01" else "2024-09-14")}, _t_day), _t_want, tr(es=f"El límite son 365 días, inclusive; hoy es {_t_day}.", en=f"The limit is 365 days, inclusive; today is {_t_day}."))
checks.same(alive({"old": _t_f_project(9, "2023-03-01")}, "2024-03-01"), [], tr(es="De 2023-03-01 a 2024-03-01 van 366 días: 2024 es bisiesto.", en="From 2023-03-01 to 2024-03-01 there are 366 days: 2024 is a leap year."))
checks.same(alive({"a": _t_f_project(5, "2026-01-02"), "b": _t_f_project(500, "2026-01-01"), "c": _t_f_project(50, "2026-01-03")}, "2026-01-10"), ["c", "a", "b"], tr(es="Del más reciente al más antiguo.", en="From the most recent to the oldest."))
### END HIDDEN TESTS

# %% wrong="frontier" score=1 says_es="desviación típica de esas" says_en="standard deviation of those"
# es: La varianza de la diferencia es la suma de las dos varianzas.
# en: The variance of the difference is the sum of both variances.
def accuracy_gap(correct, base_correct):
    differences = [int(a) - int(b) for a, b in zip(correct, base_correct, strict=True)]
    spread = statistics.variance(map(int, correct)) + statistics.variance(map(int, base_correct))
    mean, half = statistics.mean(differences), 1.96 * (spread / len(differences)) ** 0.5
    return mean, mean - half, mean + half


def smallest(models, base, margin):
    def acceptable(name):
        mean, low, high = accuracy_gap(models[name]["correct"], models[base]["correct"])
        return name == base or low >= -margin

    return min(filter(acceptable, models), key=lambda name: models[name]["bytes"])


def alive(projects, today):
    last = {name: date.fromisoformat(facts["last_release"]) for name, facts in projects.items() if not facts["archived"]}
    recent = {name: day for name, day in last.items() if date.fromisoformat(today) - day <= timedelta(days=365)}
    return sorted(recent, key=recent.get, reverse=True)

# %% wrong="frontier" score=2 says_es="no descarta que la haya" says_en="does not rule it out"
# es: Basta con que la media no pierda más que el margen.
# en: It is enough that the mean does not lose more than the margin.
def accuracy_gap(correct, base_correct):
    differences = [int(a) - int(b) for a, b in zip(correct, base_correct, strict=True)]
    mean, half = statistics.mean(differences), 1.96 * statistics.stdev(differences) / len(differences) ** 0.5
    return mean, mean - half, mean + half


def smallest(models, base, margin):
    def acceptable(name):
        mean, low, high = accuracy_gap(models[name]["correct"], models[base]["correct"])
        return name == base or mean >= -margin

    return min(filter(acceptable, models), key=lambda name: models[name]["bytes"])


def alive(projects, today):
    last = {name: date.fromisoformat(facts["last_release"]) for name, facts in projects.items() if not facts["archived"]}
    recent = {name: day for name, day in last.items() if date.fromisoformat(today) - day <= timedelta(days=365)}
    return sorted(recent, key=recent.get, reverse=True)

# %% wrong="frontier" score=2 says_es="no descarta que la haya" says_en="does not rule it out"
# es: Si el intervalo contiene el 0, los dos modelos son iguales.
# en: If the interval contains 0, both models are equal.
def accuracy_gap(correct, base_correct):
    differences = [int(a) - int(b) for a, b in zip(correct, base_correct, strict=True)]
    mean, half = statistics.mean(differences), 1.96 * statistics.stdev(differences) / len(differences) ** 0.5
    return mean, mean - half, mean + half


def smallest(models, base, margin):
    def acceptable(name):
        mean, low, high = accuracy_gap(models[name]["correct"], models[base]["correct"])
        return name == base or low <= 0 <= high or mean >= -margin

    return min(filter(acceptable, models), key=lambda name: models[name]["bytes"])


def alive(projects, today):
    last = {name: date.fromisoformat(facts["last_release"]) for name, facts in projects.items() if not facts["archived"]}
    recent = {name: day for name, day in last.items() if date.fromisoformat(today) - day <= timedelta(days=365)}
    return sorted(recent, key=recent.get, reverse=True)

# %% wrong="frontier" score=2 says_es="en menos de un punto" says_en="by less than one point"
# es: Si el intervalo no contiene el 0, el modelo es peor y no vale.
# en: If the interval does not contain 0, the model is worse and will not do.
def accuracy_gap(correct, base_correct):
    differences = [int(a) - int(b) for a, b in zip(correct, base_correct, strict=True)]
    mean, half = statistics.mean(differences), 1.96 * statistics.stdev(differences) / len(differences) ** 0.5
    return mean, mean - half, mean + half


def smallest(models, base, margin):
    def acceptable(name):
        mean, low, high = accuracy_gap(models[name]["correct"], models[base]["correct"])
        return name == base or low >= -margin and high >= 0

    return min(filter(acceptable, models), key=lambda name: models[name]["bytes"])


def alive(projects, today):
    last = {name: date.fromisoformat(facts["last_release"]) for name, facts in projects.items() if not facts["archived"]}
    recent = {name: day for name, day in last.items() if date.fromisoformat(today) - day <= timedelta(days=365)}
    return sorted(recent, key=recent.get, reverse=True)

# %% wrong="frontier" score=2 says_es="Las estrellas" says_en="Stars"
# es: Un proyecto con muchas estrellas está vivo.
# en: A project with many stars is alive.
def accuracy_gap(correct, base_correct):
    differences = [int(a) - int(b) for a, b in zip(correct, base_correct, strict=True)]
    mean, half = statistics.mean(differences), 1.96 * statistics.stdev(differences) / len(differences) ** 0.5
    return mean, mean - half, mean + half


def smallest(models, base, margin):
    def acceptable(name):
        mean, low, high = accuracy_gap(models[name]["correct"], models[base]["correct"])
        return name == base or low >= -margin

    return min(filter(acceptable, models), key=lambda name: models[name]["bytes"])


def alive(projects, today):
    popular = [name for name, facts in projects.items() if facts["stars"] >= 1000 and not facts["archived"]]
    return sorted(popular, key=lambda name: -projects[name]["stars"])

# %% wrong="frontier" score=1 says_es="entre la raíz" says_en="over the root"
# es: El intervalo es 1,96 desviaciones típicas: no hay que dividir por la raíz de n.
# en: The interval is 1.96 standard deviations: no division by the root of n.
def accuracy_gap(correct, base_correct):
    differences = [int(a) - int(b) for a, b in zip(correct, base_correct, strict=True)]
    mean, half = statistics.mean(differences), 1.96 * statistics.stdev(differences)
    return mean, mean - half, mean + half


def smallest(models, base, margin):
    def acceptable(name):
        mean, low, high = accuracy_gap(models[name]["correct"], models[base]["correct"])
        return name == base or low >= -margin

    return min(filter(acceptable, models), key=lambda name: models[name]["bytes"])


def alive(projects, today):
    last = {name: date.fromisoformat(facts["last_release"]) for name, facts in projects.items() if not facts["archived"]}
    recent = {name: day for name, day in last.items() if date.fromisoformat(today) - day <= timedelta(days=365)}
    return sorted(recent, key=recent.get, reverse=True)

# %% right="frontier"
# es: contando los desacuerdos, y con los días como ordinales
# en: counting disagreements, and with days as ordinals
def accuracy_gap(correct, base_correct):
    n = len(correct)
    won = sum(bool(a) and not b for a, b in zip(correct, base_correct, strict=True))
    lost = sum(bool(b) and not a for a, b in zip(correct, base_correct, strict=True))
    mean = (won - lost) / n
    variance = (won + lost - n * mean**2) / (n - 1)
    half = 1.96 * (max(variance, 0) / n) ** 0.5
    return [mean, mean - half, mean + half]


def smallest(models, base, margin):
    by_size = sorted(models, key=lambda name: models[name]["bytes"])
    for name in by_size:
        if name == base or accuracy_gap(models[name]["correct"], models[base]["correct"])[1] >= -margin:
            return name


def alive(projects, today):
    def day(text):
        return date(*map(int, text.split("-"))).toordinal()

    found = [(day(facts["last_release"]), name) for name, facts in projects.items() if facts["archived"] is False]
    return [name for when, name in sorted(found)[::-1] if day(today) - when < 366]

# %% [markdown] lang="es" row="43"
# ## 2. Ocho bits de verdad (5 puntos)
#
# Cuantizar no es redondear unos `float32` y dejarlos donde están: es **guardar** cada peso en un byte. En la cuantización afín, el valor real $x$ se guarda como un entero $q$, y se recupera, con un error, como $s\,(q - z)$; $s$ es la escala (*scale*) y $z$ el punto cero (*zero point*), el código del 0.
#
# Completa:
#
# - `quantize(x, axis=None)`: recibe un array de NumPy `float32` de una o más dimensiones, no vacío y sin infinitos ni NaN, y devuelve la tupla `(q, scale, zero_point)`. `q` tiene la forma de `x` y tipo `np.int8`; `zero_point` es un número entero, y su tipo y el de `scale` dan igual.
# - `dequantize(q, scale, zero_point, axis=None)`: los valores recuperados, en `float32`.
#
# Reglas:
#
# 1. Se usan los 256 códigos, de −128 a 127: entre el menor y el mayor hay 255 pasos.
# 2. El rango va del mínimo al máximo de `x`, **ampliado si hace falta para que contenga el 0**. Así el 0 tiene un código exacto (un 0 de relleno o de una ReLU tiene que seguir siendo 0) y `zero_point` cabe en un `int8`.
# 3. Se redondea al más próximo (los empates, como quieras) y lo que se salga se recorta. El error de cada valor no pasa de $s/2$.
# 4. Con `axis=None`, `scale` y `zero_point` son un número cada uno. Con `axis=k` hay una escala y un punto cero **por cada índice del eje `k`** (vectores de una sola dimensión, de longitud `x.shape[k]`): con pesos de forma (salidas, entradas), `axis=0` da una escala a cada salida. `axis` puede ser negativo.
# 5. Si `x`, o un canal, es todo ceros, la escala es 1.
# %% [markdown] lang="en" row="43"
# ## 2. Eight bits for real (5 points)
#
# Quantizing is not rounding some `float32` values and leaving them where they are: it is **storing** each weight in one byte. In affine quantization the real value $x$ is stored as an integer $q$, and is recovered, with an error, as $s\,(q - z)$; $s$ is the scale and $z$ the zero point, the code of 0.
#
# Complete:
#
# - `quantize(x, axis=None)`: gets a NumPy array of `float32` with one or more dimensions, not empty and without infinities or NaN, and returns the tuple `(q, scale, zero_point)`. `q` has the shape of `x` and type `np.int8`; `zero_point` is a whole number, and its type and that of `scale` do not matter.
# - `dequantize(q, scale, zero_point, axis=None)`: the recovered values, as `float32`.
#
# Rules:
#
# 1. All 256 codes are used, from −128 to 127: from the least to the greatest there are 255 steps.
# 2. The range goes from the minimum to the maximum of `x`, **extended if need be so that it contains 0**. So 0 has an exact code (a 0 from padding or from a ReLU has to remain 0) and `zero_point` fits in an `int8`.
# 3. Values are rounded to nearest (ties as you like) and what falls outside is clipped. The error of each value does not exceed $s/2$.
# 4. With `axis=None`, `scale` and `zero_point` are one number each. With `axis=k` there is a scale and a zero point **for each index of axis `k`** (vectors of a single dimension, of length `x.shape[k]`): with weights of shape (outputs, inputs), `axis=0` gives each output a scale of its own. `axis` may be negative.
# 5. If `x`, or a channel, is all zeros, the scale is 1.

# %% answer="quantize"
def quantize(x, axis=None):
    ### BEGIN SOLUTION
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = np.minimum(x.min(axis=others), 0), np.maximum(x.max(axis=others), 0)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127).astype(np.int8)
    steps = np.round(x / _along(scale, x.ndim, axis)) + _along(zero_point, x.ndim, axis)
    return np.clip(steps, -128, 127).astype(np.int8), scale, zero_point
    ### END SOLUTION


def dequantize(q, scale, zero_point, axis=None):
    ### BEGIN SOLUTION
    wide = q.astype(np.float32) - _along(zero_point, q.ndim, axis)
    return wide * _along(scale, q.ndim, axis)


def _along(values, ndim, axis):
    """One value a channel, in the shape that broadcasts along `axis`."""
    if axis is None:
        return np.float32(values)
    shape = [1] * ndim
    shape[axis] = -1
    return np.reshape(np.float32(values), shape)
    ### END SOLUTION

# %% test="quantize/storage" points=1 row="43" objective="6a.2"
from mlprod import checks


def _t_q_parts(x, axis=None):
    with np.errstate(all="ignore"):
        got = quantize(x.copy(), axis) if axis is not None else quantize(x.copy())
    assert isinstance(got, tuple) and len(got) == 3, tr(es=f"quantize devuelve la tupla (q, scale, zero_point); ha devuelto un {type(got).__name__}.", en=f"quantize returns the tuple (q, scale, zero_point); it returned a {type(got).__name__}.")
    return tuple(np.asarray(part) for part in got)


def _t_q_stored(x, axis, channels):
    _q, _scale, _zero = _t_q_parts(x, axis)
    assert _q.dtype == np.int8, tr(
        es=f"q es de tipo {_q.dtype} y ocupa {_q.nbytes} bytes para {x.size} pesos. Números enteros guardados en {_q.dtype} no ahorran nada: se esperaba int8, un byte por peso.",
        en=f"q is of type {_q.dtype} and takes {_q.nbytes} bytes for {x.size} weights. Whole numbers stored as {_q.dtype} save nothing: int8 was expected, one byte a weight.",
    )
    _total = _q.nbytes + _scale.nbytes + _zero.nbytes
    assert _q.nbytes == x.size and _total <= x.size + 16 * channels, tr(
        es=f"{x.size} pesos en {channels} canales ocupan {_total} bytes en total: se esperaba uno por peso más, como mucho, 16 por canal.",
        en=f"{x.size} weights in {channels} channels take {_total} bytes in all: one a weight was expected plus at most 16 a channel.",
    )


_t_q_stored(np.linspace(-1, 1, 1000, dtype=np.float32), None, 1)
_t_back = np.asarray(dequantize(*quantize(np.array([[-1, 0, 1]], dtype=np.float32))))
assert _t_back.dtype == np.float32, tr(es=f"dequantize devuelve {_t_back.dtype}; se esperaba float32.", en=f"dequantize returns {_t_back.dtype}; float32 was expected.")
checks.passed()
### BEGIN HIDDEN TESTS
_t_q_stored(np.ones((3, 4, 5), dtype=np.float32), None, 1)
_t_q_stored(np.linspace(-3, 5, 24, dtype=np.float32).reshape(4, 6), 0, 4)
_t_q_stored(np.zeros(7, dtype=np.float32), None, 1)
### END HIDDEN TESTS

# %% test="quantize/ranges" points=2 row="43 45" objective="6a.2"
def _t_q_check(x, axis, why):
    x = np.asarray(x, dtype=np.float32)
    _q, _scale, _zero = _t_q_parts(x, axis)
    assert _q.shape == x.shape, why + tr(es=f" q tiene forma {_q.shape}; se esperaba {x.shape}.", en=f" q has shape {_q.shape}; {x.shape} was expected.")
    _n = 1 if axis is None else x.shape[axis]
    assert _scale.size == _zero.size == _n, why + tr(
        es=f" Hay {_scale.size} escalas y {_zero.size} puntos cero; se esperaban {_n} de cada: con axis=k hay uno por cada índice del eje k, no por los demás ejes.",
        en=f" There are {_scale.size} scales and {_zero.size} zero points; {_n} of each were expected: with axis=k there is one for each index of axis k, not of the other axes.",
    )
    assert axis is None or _scale.shape == _zero.shape == (_n,), why + tr(es=f" Con axis, scale y zero_point son vectores de una dimensión y longitud {_n}; tienen forma {_scale.shape} y {_zero.shape}.", en=f" With axis, scale and zero_point are vectors of one dimension and length {_n}; they have shape {_scale.shape} and {_zero.shape}.")
    _rows = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, 0).reshape(_n, -1)
    _codes = (_q.reshape(1, -1) if axis is None else np.moveaxis(_q, axis, 0).reshape(_n, -1)).astype(np.float64)
    _s, _z = _scale.astype(np.float64).reshape(-1), _zero.astype(np.float64).reshape(-1)
    for _i in range(_n):
        _part = _rows[_i].astype(np.float64)
        _low, _high = min(_part.min(), 0.0), max(_part.max(), 0.0)
        _where = why + ("" if axis is None else tr(es=f" Canal {_i} de {_n}.", en=f" Channel {_i} of {_n}."))
        _said = tr(es=f" Valores entre {_part.min():.4g} y {_part.max():.4g}; scale = {_s[_i]:.6g}, zero_point = {_z[_i]:g}.", en=f" Values from {_part.min():.4g} to {_part.max():.4g}; scale = {_s[_i]:.6g}, zero_point = {_z[_i]:g}.")
        assert np.isfinite(_codes[_i]).all() and _codes[_i].min() >= -128 and _codes[_i].max() <= 127 and (_codes[_i] == np.round(_codes[_i])).all(), _where + _said + tr(es=" Los códigos son enteros de −128 a 127.", en=" Codes are whole numbers from −128 to 127.")
        assert np.isfinite(_s[_i]) and _s[_i] > 0, _where + _said + tr(es=" La escala tiene que ser un número positivo (1 si todo es 0).", en=" The scale has to be a positive number (1 if everything is 0).")
        assert -128 <= _z[_i] <= 127, _where + _said + tr(es=" El punto cero no cabe en un int8: amplía el rango para que contenga el 0.", en=" The zero point does not fit in an int8: extend the range so that it contains 0.")
        if not _part.any():
            assert _s[_i] == 1 and (_codes[_i] == _z[_i]).all(), _where + _said + tr(es=" Todo ceros: la escala es 1 y cada código es el punto cero.", en=" All zeros: the scale is 1 and each code is the zero point.")
            continue
        _want = (_high - _low) / 255
        if abs(_s[_i] * 256 / 255 / _want - 1) < 1e-4:
            _hint = tr(es=" Entre 256 códigos hay 255 pasos, no 256.", en=" Between 256 codes there are 255 steps, not 256.")
        elif _s[_i] > _want:
            _hint = tr(es=" Con un rango mayor que el de los datos (por ejemplo, uno simétrico alrededor del 0 para valores que son todos positivos) se desperdician códigos.", en=" A range wider than that of the data (for instance a symmetric one around 0 for values that are all positive) wastes codes.")
            if axis is not None:
                _hint += tr(es=" ¿O se mezclan valores de varios canales?", en=" Or are the values of several channels mixed?")
        else:
            _hint = tr(es=" ¿Contiene el rango el 0?", en=" Does the range contain 0?")
        assert abs(_s[_i] / _want - 1) < 1e-3, _where + _said + tr(es=f" Se esperaba una escala de {_want:.6g}.", en=f" A scale of {_want:.6g} was expected.") + _hint
        assert (_codes[_i][_part == 0] == _z[_i]).all(), _where + _said + tr(es=" El código del 0 es zero_point: el 0 se recupera exacto.", en=" The code of 0 is zero_point: 0 is recovered exactly.")
        _error = np.abs(_s[_i] * (_codes[_i] - _z[_i]) - _part)
        _worst = int(_error.argmax())
        _steps = _error[_worst] / _s[_i]
        if _steps > 200:
            _hint = tr(es=" Ha dado la vuelta: el paso siguiente a 127 no es −128; antes de convertir a int8 se recorta.", en=" It wrapped around: the step after 127 is not −128; clip before converting to int8.")
        elif _steps < 1.5 and (_codes[_i] == np.clip(np.round((_part - _low) / _s[_i]) - 128, -128, 127)).all():
            _hint = tr(es=" Los códigos salen de un punto cero con decimales (el mínimo siempre es −128), y el que se guarda está redondeado: a x/s hay que sumarle el ya redondeado.", en=" The codes come from a zero point with decimals (the minimum is always −128), and the one that is stored is rounded: add to x/s the one already rounded.")
        elif _steps < 1.5:
            _hint = tr(es=" Al convertir a entero se tiran los decimales: hay que redondear al más próximo antes, tanto x/s como el punto cero.", en=" Converting to an integer drops the decimals: round to nearest before, both x/s and the zero point.")
        else:
            _hint = ""
        assert _steps <= 0.502, _where + _said + tr(es=f" {_part[_worst]:.5g} se ha guardado como {_codes[_i][_worst]:g} y se recupera con un error de {_steps:.2f} pasos; no puede pasar de medio.", en=f" {_part[_worst]:.5g} is stored as {_codes[_i][_worst]:g} and is recovered with an error of {_steps:.2f} steps; it may not exceed half of one.") + _hint
    _shaped = (_q, _scale, _zero) if axis is None else (_q, _scale.reshape(-1), _zero.reshape(-1))
    _back = np.asarray(dequantize(_shaped[0].astype(np.int8), _shaped[1], _shaped[2], *([] if axis is None else [axis])), dtype=np.float64)
    _want_back = (_codes - _z[:, None]) * _s[:, None]
    _want_back = _want_back.reshape(x.shape) if axis is None else np.moveaxis(_want_back.reshape(np.moveaxis(x, axis, 0).shape), 0, axis)
    assert _back.shape == x.shape and np.allclose(_back, _want_back, rtol=1e-4, atol=1e-4 * _s.max()), why + tr(es=" dequantize no recupera s·(q − z). ¿Se resta el punto cero en int8, que da la vuelta?", en=" dequantize does not recover s·(q − z). Is the zero point subtracted in int8, which wraps around?")


_t_q_check(np.linspace(-1, 1, 501), None, tr(es="De −1 a 1.", en="From −1 to 1."))
_t_q_check([-127.5, 0, 127.5], None, tr(es="Un paso de 1, y los extremos justo a medio camino entre dos códigos.", en="A step of 1, and both ends just halfway between two codes."))
_t_q_check([5, 5.2, 5.9, 6], None, tr(es="Todos entre 5 y 6: el rango se amplía hasta el 0.", en="All between 5 and 6: the range is extended down to 0."))
_t_q_check([0, 0.5, 3, 0, 8.5], None, tr(es="Salida de una ReLU.", en="Output of a ReLU."))
_t_q_check([[0.3] * 4] * 2, None, tr(es="Una matriz constante.", en="A constant matrix."))
_t_q_check([-6, -5.5, -5], None, tr(es="Todos entre −6 y −5: el rango se amplía hasta el 0.", en="All between −6 and −5: the range is extended up to 0."))
_t_q_check(np.zeros((2, 3)), None, tr(es="Todo ceros.", en="All zeros."))
_t_q_check(np.linspace(-2, 3, 24).reshape(2, 3, 4), None, tr(es="Tres dimensiones.", en="Three dimensions."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_q_rng = np.random.default_rng(6)
_t_q_check([-0.06, -0.055, -0.05], None, tr(es="Todos entre −0.06 y −0.05.", en="All between −0.06 and −0.05."))
_t_q_check([-2.0] * 5, None, tr(es="Constante y negativa.", en="Constant and negative."))
_t_q_check(np.zeros((4, 1, 2)), None, tr(es="Todo ceros.", en="All zeros."))
_t_q_check([7], None, tr(es="Un solo número.", en="A single number."))
_t_q_check([0, 1e-6, 3e-6], None, tr(es="Valores diminutos.", en="Tiny values."))
_t_q_check([-1e6, 0, 2e6, 123456], None, tr(es="Valores enormes.", en="Huge values."))
for _t_number in range(60):
    _t_size = [(50,), (7, 9), (2, 3, 4)][_t_number % 3]
    _t_q_check(_t_q_rng.uniform(0.01, 10) * _t_q_rng.normal(_t_q_rng.uniform(-3, 3), 1, _t_size), None, tr(es="Valores al azar.", en="Random values."))
    _t_q_check(np.maximum(_t_q_rng.normal(0, 1, _t_size), 0), None, tr(es="Salidas de una ReLU, al azar.", en="Random outputs of a ReLU."))
### END HIDDEN TESTS

# %% test="quantize/channels" points=2 row="43 45" objective="6a.4"
_t_q_check([[0.001, -0.002, 0.0015], [100, -50, 25]], 0, tr(es="Dos salidas muy distintas, axis=0.", en="Two very different outputs, axis=0."))
_t_q_check([[3, 0.01], [-1, 0.02], [2, -0.03]], 1, tr(es="Forma (3, 2), axis=1.", en="Shape (3, 2), axis=1."))
_t_q_check([[3, 0.01], [-1, 0.02], [2, -0.03]], -1, tr(es="Forma (3, 2), axis=-1, que es el eje 1.", en="Shape (3, 2), axis=-1, which is axis 1."))
_t_q_check([[1, 2, 3], [0, 0, 0]], 0, tr(es="Un canal todo ceros.", en="A channel of zeros."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_q_rng = np.random.default_rng(7)
_t_q_check([[5, 6, 5.5], [0, 0, 0], [-6, -5, -5.5]], 0, tr(es="Canales que no cruzan el 0 y uno todo ceros.", en="Channels that do not cross 0, and one all zeros."))
for _t_axis in (0, 1, 2, 3, -1, -2):
    _t_x = _t_q_rng.normal(0, 1, (3, 4, 5, 2))
    _t_sizes = [1] * 4
    _t_sizes[_t_axis] = -1
    _t_x = _t_x * np.reshape(10.0 ** _t_q_rng.integers(-3, 4, _t_x.shape[_t_axis]), _t_sizes) + _t_q_rng.normal()
    _t_q_check(_t_x, _t_axis, tr(es=f"Forma {_t_x.shape}, axis={_t_axis}.", en=f"Shape {_t_x.shape}, axis={_t_axis}."))
_t_q_check(_t_q_rng.normal(0, 1, (4, 4)) * [[1], [10], [100], [1000]], 0, tr(es="Una matriz cuadrada, axis=0.", en="A square matrix, axis=0."))
### END HIDDEN TESTS

# %% wrong="quantize" score=4 says="float32"
# es: Los valores son enteros de 8 bits: da igual en qué tipo se guarden.
# en: The values are 8-bit integers: the type that holds them does not matter.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = np.minimum(x.min(axis=others, keepdims=True), 0), np.maximum(x.max(axis=others, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127)
    q = np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.float32)
    return q, scale.reshape(-1), zero_point.reshape(-1)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return (q.astype(np.float32) - np.reshape(zero_point, shape)) * np.reshape(scale, shape)

# %% wrong="quantize" score=1 says_es="contenga el 0" says_en="contains 0"
# es: El rango es el de los datos; si el punto cero no cabe, no cabe.
# en: The range is that of the data; if the zero point does not fit, it does not.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = x.min(axis=others, keepdims=True), x.max(axis=others, keepdims=True)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.round(-128 - low / scale)
    q = np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)
    return q, scale.reshape(-1), zero_point.reshape(-1).astype(np.float32)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return ((q.astype(np.float32) - np.reshape(zero_point, shape)) * np.reshape(scale, shape)).astype(np.float32)

# %% wrong="quantize" score=1 says_es="Contiene el rango el 0" says_en="contain 0"
# es: El punto cero se recorta a int8 y ya cabe.
# en: Clip the zero point to int8 and it fits.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = x.min(axis=others, keepdims=True), x.max(axis=others, keepdims=True)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127)
    q = np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)
    return q, scale.reshape(-1), zero_point.reshape(-1).astype(np.int8)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return (q.astype(np.float32) - np.reshape(zero_point, shape)) * np.reshape(scale, shape)

# %% wrong="quantize" score=1 says_es="redondear" says_en="round to nearest"
# es: astype(np.int8) ya convierte en enteros.
# en: astype(np.int8) makes integers already.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = np.minimum(x.min(axis=others, keepdims=True), 0), np.maximum(x.max(axis=others, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127)
    q = np.clip(x / scale + zero_point, -128, 127).astype(np.int8)
    return q, scale.reshape(-1), zero_point.reshape(-1).astype(np.int8)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return (q.astype(np.float32) - np.reshape(zero_point, shape)) * np.reshape(scale, shape)

# %% wrong="quantize" score=3 says_es="dado la vuelta" says_en="wrapped around"
# es: Con esta escala todo cae entre −128 y 127: no hace falta recortar.
# en: With this scale everything falls between −128 and 127: there is no need to clip.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = np.minimum(x.min(axis=others, keepdims=True), 0), np.maximum(x.max(axis=others, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127)
    q = (np.round(x / scale) + zero_point).astype(np.int32).astype(np.int8)
    return q, scale.reshape(-1), zero_point.reshape(-1).astype(np.int8)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return (q.astype(np.float32) - np.reshape(zero_point, shape)) * np.reshape(scale, shape)

# %% wrong="quantize" score=1 says_es="255 pasos, no 256" says_en="255 steps, not 256"
# es: Hay 256 códigos: el rango se parte en 256.
# en: There are 256 codes: the range is split into 256.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = np.minimum(x.min(axis=others, keepdims=True), 0), np.maximum(x.max(axis=others, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / 256, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127)
    q = np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)
    return q, scale.reshape(-1), zero_point.reshape(-1).astype(np.int8)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return (q.astype(np.float32) - np.reshape(zero_point, shape)) * np.reshape(scale, shape)

# %% wrong="quantize" score=1 says_es="desperdician códigos" says_en="wastes codes"
# es: El punto cero siempre puede ser 0: basta una escala simétrica.
# en: The zero point can always be 0: a symmetric scale is enough.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    top = np.abs(x).max(axis=others, keepdims=True)
    scale = np.where(top > 0, top / 127, 1).astype(np.float32)
    q = np.clip(np.round(x / scale), -127, 127).astype(np.int8)
    return q, scale.reshape(-1), np.zeros(scale.size, np.int8)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return q.astype(np.float32) * np.reshape(scale, shape)

# %% wrong="quantize" score=3 says_es="no por los demás ejes" says_en="not of the other axes"
# es: x.min(axis=0) da un mínimo por cada índice del eje 0.
# en: x.min(axis=0) gives one minimum for each index of axis 0.
def quantize(x, axis=None):
    low, high = np.minimum(x.min(axis=axis, keepdims=True), 0), np.maximum(x.max(axis=axis, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127)
    q = np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)
    return q, scale, zero_point.astype(np.int8)


def dequantize(q, scale, zero_point, axis=None):
    return (q.astype(np.float32) - zero_point) * scale

# %% wrong="quantize" score=1 says_es="se resta el punto cero en int8" says_en="zero point subtracted in int8"
# es: Al deshacerlo, primero se resta y después se convierte a float32.
# en: To undo it, first subtract and then convert to float32.
def quantize(x, axis=None):
    others = None if axis is None else tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    low, high = np.minimum(x.min(axis=others, keepdims=True), 0), np.maximum(x.max(axis=others, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
    zero_point = np.clip(np.round(-128 - low / scale), -128, 127)
    q = np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)
    return q, scale.reshape(-1), zero_point.reshape(-1).astype(np.int8)


def dequantize(q, scale, zero_point, axis=None):
    shape = [1] * q.ndim
    if axis is not None:
        shape[axis] = -1
    return (q - np.reshape(zero_point, shape)).astype(np.float32) * np.reshape(scale, shape)

# %% right="quantize"
# es: códigos de 0 a 255 desplazados, y un canal cada vez
# en: codes from 0 to 255, shifted, and one channel at a time
def quantize(x, axis=None):
    if axis is not None:
        parts = [quantize(channel) for channel in np.moveaxis(x, axis, 0)]
        q = np.stack([part[0] for part in parts], axis=axis % x.ndim)
        return q, np.array([part[1] for part in parts]), np.array([part[2] for part in parts])
    low, high = float(min(x.min(), 0)), float(max(x.max(), 0))
    scale = (high - low) / 255 or 1.0
    zero = round(-low / scale)
    codes = np.rint(x.astype(np.float64) / scale + zero).clip(0, 255).astype(np.uint8)
    return (codes.astype(np.int16) - 128).astype(np.int8), scale, zero - 128


def dequantize(q, scale, zero_point, axis=None):
    if axis is None:
        return np.float32(scale * (q.astype(np.int32) - int(np.reshape(zero_point, -1)[0])))
    channels = zip(np.moveaxis(q, axis, 0), scale, zero_point, strict=True)
    return np.stack([np.float32(s * (c.astype(np.int32) - int(z))) for c, s, z in channels], axis=axis % q.ndim)

# %% right="quantize"
# es: con los ejes permutados, y el entero más próximo por floor(x + 0.5)
# en: with the axes permuted, and the nearest integer by floor(x + 0.5)
def quantize(x, axis=None):
    if axis is None:
        flat = x.reshape(1, -1)
    else:
        flat = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    with_zero = np.c_[flat, np.zeros(len(flat), np.float32)].astype(np.float64)
    span = np.ptp(with_zero, axis=1)
    scale = np.where(span == 0, 255, span) / 255
    zero = np.floor(-128 - with_zero.min(axis=1) / scale + 0.5)
    q = np.minimum(np.maximum(np.floor(flat / scale[:, None] + 0.5) + zero[:, None], -128), 127).astype("int8")
    if axis is None:
        return q.reshape(x.shape), np.float32(scale[0]), np.int8(zero[0])
    moved = np.moveaxis(x, axis, 0).shape
    return np.moveaxis(q.reshape(moved), 0, axis), scale.astype(np.float32), zero.astype(np.int8)


def dequantize(q, scale, zero_point, axis=None):
    moved = q if axis is None else np.moveaxis(q, axis, -1)
    values = (moved.astype(np.float64) - np.float64(zero_point)) * np.float64(scale)
    return (values if axis is None else np.moveaxis(values, -1, axis)).astype(np.float32)

# %% [markdown] lang="es" row="45"
# ## 3. Rango, precisión y valores atípicos (5 puntos)
#
# Con 16 bits hay dos repartos. `float16` tiene 5 bits de exponente y 10 de mantisa: desborda a partir de 65 520 y convierte en cero lo que es menor de unos $3 \cdot 10^{-8}$. `bfloat16` tiene 8 y 7: el rango de `float32`, con menos cifras. La función `rounded`, ya hecha, pasa una matriz por uno de los formatos y la devuelve en `float32`. Completa:
#
# **a)** `damage(values, kind)`: un diccionario con el daño que hace el formato `kind`:
#
# - `"zeroed"`: de los valores **que no eran 0**, qué fracción pasa a valer 0;
# - `"infinite"`: qué fracción de todos los valores pasa a ser infinita;
# - `"error"`: de los no nulos que sobreviven (ni 0 ni infinito), la **mediana** del error relativo, $|v' - v| / |v|$; 0.0 si no sobrevive ninguno.
#
# `values` no contiene infinitos; si no hay ningún valor no nulo, los tres son 0.0.
#
# **b)** `choose_format(values, tolerance)`: de `"float16"` y `"bfloat16"`, los que no hacen infinito **ningún** valor (uno solo estropea todo lo que se calcule con él) y ponen a cero como mucho la fracción `tolerance`. De esos, el de menor `error`; si no vale ninguno, `"float32"`. Si los dos tienen el mismo error, da igual.
#
# **c)** `clip_threshold(values, bits)`: un solo valor atípico puede gastar todos los códigos. Se cuantiza de forma simétrica: con umbral `t` y `n = 2**(bits - 1) - 1`, la escala es `t / n` y cada valor se recupera como `np.clip(np.round(values / scale), -n, n) * scale`. Busca el `t` con menor **error cuadrático medio de todos los valores, también los recortados**, entre `m / 100`, `2 * m / 100`, …, `m`, siendo `m` el mayor valor absoluto, que no es 0. Si empatan varios, da igual cuál.
# %% [markdown] lang="en" row="45"
# ## 3. Range, precision and outliers (5 points)
#
# With 16 bits there are two ways to share them out. `float16` has 5 bits of exponent and 10 of mantissa: it overflows from 65,520 on and turns into zero what is less than about $3 \cdot 10^{-8}$. `bfloat16` has 8 and 7: the range of `float32`, with fewer digits. The function `rounded`, which is there already, passes an array through one of the formats and returns it as `float32`. Complete:
#
# **a)** `damage(values, kind)`: a dict with the damage that format `kind` does:
#
# - `"zeroed"`: of the values **that were not 0**, which fraction becomes 0;
# - `"infinite"`: which fraction of all values becomes infinite;
# - `"error"`: of the non-zero ones that survive (neither 0 nor infinite), the **median** of the relative error, $|v' - v| / |v|$; 0.0 if none survives.
#
# `values` contains no infinities; if there is no non-zero value, all three are 0.0.
#
# **b)** `choose_format(values, tolerance)`: of `"float16"` and `"bfloat16"`, those that make **no** value infinite (a single one spoils all that is computed with it) and set to zero at most the fraction `tolerance`. Of those, the one with the lower `error`; if neither will do, `"float32"`. If both have the same error, either is right.
#
# **c)** `clip_threshold(values, bits)`: a single outlier can use up all the codes. Quantization here is symmetric: with threshold `t` and `n = 2**(bits - 1) - 1`, the scale is `t / n` and each value is recovered as `np.clip(np.round(values / scale), -n, n) * scale`. Find the `t` with the lowest **mean squared error of all values, clipped ones included**, among `m / 100`, `2 * m / 100`, …, `m`, where `m` is the largest absolute value, which is not 0. If there is a tie, any of them will do.

# %%
def rounded(values, kind):
    """`values` (an array) as format `kind`, "float16" or "bfloat16", keeps them; float32."""
    tensor = torch.from_numpy(np.array(values, dtype=np.float32))
    return tensor.to(getattr(torch, kind)).to(torch.float32).numpy()


print(rounded([1e-8, 0.1, 3.1416, 70_000], "float16"))
print(rounded([1e-8, 0.1, 3.1416, 70_000], "bfloat16"))

# %% answer="formats"
def damage(values, kind):
    ### BEGIN SOLUTION
    values = np.asarray(values, dtype=np.float32)
    kept, nonzero = rounded(values, kind), values != 0
    if not nonzero.any():
        return {"zeroed": 0.0, "infinite": 0.0, "error": 0.0}
    alive = nonzero & (kept != 0) & np.isfinite(kept)
    errors = np.abs(kept[alive].astype(float) - values[alive]) / np.abs(values[alive].astype(float))
    return {
        "zeroed": np.mean(kept[nonzero] == 0),
        "infinite": np.mean(np.isinf(kept)),
        "error": np.median(errors) if alive.any() else 0.0,
    }
    ### END SOLUTION


def choose_format(values, tolerance):
    ### BEGIN SOLUTION
    harm = {kind: damage(values, kind) for kind in ("float16", "bfloat16")}
    good = [kind for kind in harm if harm[kind]["infinite"] == 0 and harm[kind]["zeroed"] <= tolerance]
    return min(good, key=lambda kind: harm[kind]["error"], default="float32")
    ### END SOLUTION


def clip_threshold(values, bits):
    ### BEGIN SOLUTION
    values = np.asarray(values, dtype=float)
    n, largest = 2 ** (bits - 1) - 1, np.abs(values).max()

    def squared_error(threshold):
        scale = threshold / n
        return np.mean((np.clip(np.round(values / scale), -n, n) * scale - values) ** 2)

    return min((largest * step / 100 for step in range(1, 101)), key=squared_error)
    ### END SOLUTION

# %% test="formats/damage" points=2 row="45" objective="6a.4"
from mlprod import checks


def _t_m_damage(values, kind, zeroed, infinite, error, why):
    values = np.array(values, dtype=np.float32)
    with np.errstate(all="ignore"):
        _got = damage(values.copy(), kind)
    assert isinstance(_got, dict) and set(_got) == {"zeroed", "infinite", "error"}, tr(es="damage devuelve un diccionario con zeroed, infinite y error.", en="damage returns a dict with zeroed, infinite and error.")
    for _key, _want in (("zeroed", zeroed), ("infinite", infinite), ("error", error)):
        checks.same(checks.number(_got[_key], _key), _want, f"{why}\n  damage(…, {kind!r})[{_key!r}]:", tolerance=1e-5)


_t_m_damage([1e-8, 2e-8, 0.0, 1.0], "float16", 2 / 3, 0.0, 0.0, tr(es="De los tres no nulos, dos pasan a 0; el que ya era 0 no cuenta. El error es solo el de los que sobreviven.", en="Of the three non-zero ones, two become 0; the one that was 0 already does not count. The error is that of the survivors alone."))
_t_m_damage([1e-8, 0.0, 1.0, 2.0], "bfloat16", 0.0, 0.0, 0.0, tr(es="bfloat16 tiene el rango de float32: 1e-8 no pasa a 0.", en="bfloat16 has the range of float32: 1e-8 does not become 0."))
_t_m_damage([70_000, -80_000, 1.0, 0.0], "float16", 0.0, 0.5, 0.0, tr(es="Dos de cuatro desbordan (aquí cuentan todos, también el 0); un infinito no entra en el error.", en="Two of four overflow (here all count, the 0 as well); an infinity does not go into the error."))
_t_m_damage([1.001, 1.001, 500.0], "bfloat16", 0.0, 0.0, 0.001 / 1.001, tr(es="bfloat16 tiene 7 bits de mantisa (8 cifras binarias con el 1 implícito): 1.001 se queda en 1.", en="bfloat16 has 7 bits of mantissa (8 binary digits with the implicit 1): 1.001 becomes 1."))
checks.passed()
### BEGIN HIDDEN TESTS
import statistics as _t_statistics


def _t_m_expected(values, kind):
    _zeroed = _infinite = _nonzero = 0
    _errors = []
    for _before, _after in zip(values.ravel().tolist(), rounded(values, kind).ravel().tolist(), strict=True):
        _infinite += _after in (float("inf"), float("-inf"))
        if _before:
            _nonzero += 1
            _zeroed += _after == 0
            if _after and abs(_after) != float("inf"):
                _errors.append(abs(_after - _before) / abs(_before))
    return _zeroed / max(_nonzero, 1), _infinite / values.size, _t_statistics.median(_errors or [0.0])


_t_m_damage([0.0, 0.0], "float16", 0.0, 0.0, 0.0, tr(es="Todo ceros.", en="All zeros."))
_t_m_damage([1e-9, 1e9], "float16", 0.5, 0.5, 0.0, tr(es="No sobrevive ninguno.", en="None survives."))
_t_m_rng = np.random.default_rng(45)
for _t_number in range(40):
    _t_x = (_t_m_rng.choice([-1, 1], (5, 8)) * 10.0 ** _t_m_rng.uniform(-11, 7, (5, 8)) * (_t_m_rng.random((5, 8)) < 0.9)).astype(np.float32)
    for _t_kind in ("float16", "bfloat16"):
        _t_m_damage(_t_x, _t_kind, *_t_m_expected(_t_x, _t_kind), tr(es="Valores al azar de muy distinto tamaño.", en="Random values of very different sizes."))
### END HIDDEN TESTS

# %% test="formats/choice" points=1 row="45" objective="6a.4"
def _t_m_choice(values, tolerance, want, why):
    with np.errstate(all="ignore"):
        checks.same(choose_format(np.array(values, dtype=np.float32), tolerance), want, why)


_t_m_weights = [0.01 * number + 0.0003 for number in range(-40, 41)]
_t_m_choice(_t_m_weights, 0.0, "float16", tr(es="Pesos entre −0.4 y 0.4: caben en los dos, y con 10 bits de mantisa float16 es más preciso que bfloat16.", en="Weights from −0.4 to 0.4: they fit in both, and with 10 bits of mantissa float16 is more precise than bfloat16."))
_t_m_choice([*_t_m_weights, 70_000.0], 0.5, "bfloat16", tr(es="Un solo valor de 70 000 desborda en float16, y un infinito lo estropea todo.", en="A single value of 70,000 overflows in float16, and one infinity spoils everything."))
_t_m_choice([1e-9, 2e-9, 3e-9, 0.5], 0.1, "bfloat16", tr(es="Gradientes diminutos: float16 los pone a cero.", en="Tiny gradients: float16 sets them to zero."))
_t_m_choice([1.1e-7, 2.3e-7, 3.9e-7], 0.0, "bfloat16", tr(es="Ninguno de los dos formatos los pone a cero, pero a esa escala float16 apenas tiene cifras: el error de bfloat16 es menor.", en="Neither format sets them to zero, but at that scale float16 has hardly any digits: the error of bfloat16 is lower."))
_t_m_choice([3.4e38, 1.0, 1e-5], 0.0, "float32", tr(es="3.4e38 desborda también en bfloat16: no vale ninguno de los dos.", en="3.4e38 overflows in bfloat16, too: neither will do."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_m_choice([1e-9, 0.5001, 0.3001, 0.7001], 0.25, "float16", tr(es="Pierde uno de cuatro, justo la tolerancia.", en="It loses one of four, exactly the tolerance."))
_t_m_choice([1e-9, 0.5001, 0.3001, 0.7001], 0.24, "bfloat16", tr(es="Pierde uno de cuatro y la tolerancia es menor.", en="It loses one of four and the tolerance is lower."))
_t_m_choice([-3.4e38, 0.0, 2.0], 0.9, "float32", tr(es="−3.4e38 desborda también en bfloat16.", en="−3.4e38 overflows in bfloat16, too."))
_t_m_choice([1.7e-7, 2.6e-7, -3.3e-7, 5.1e-7], 0.2, "bfloat16", tr(es="A esa escala float16 apenas tiene cifras.", en="At that scale float16 has hardly any digits."))
_t_m_choice([-65_519.0, 1.0003, 3.1], 0.0, "float16", tr(es="65 519 aún cabe en float16.", en="65,519 still fits in float16."))
_t_m_choice([-65_521.0, 1.0003, 3.1], 0.0, "bfloat16", tr(es="65 521 ya no cabe en float16.", en="65,521 does not fit in float16 any more."))
### END HIDDEN TESTS

# %% test="formats/clip" points=2 row="45" objective="6a.4"
def _t_m_loss(values, bits, threshold):
    _n = 2 ** (bits - 1) - 1
    _scale = threshold / _n
    return float(np.mean((np.clip(np.round(values / _scale), -_n, _n) * _scale - values) ** 2))


def _t_m_clip(values, bits, best, least, why):
    values = np.array(values, dtype=float)
    _largest = float(np.abs(values).max())
    _got = checks.number(clip_threshold(values.copy(), bits), "clip_threshold")
    assert 0 < _got <= _largest * 1.0001, why + tr(es=f" El umbral está entre 0 y {_largest:g}; has devuelto {_got:g}.", en=f" The threshold lies between 0 and {_largest:g}; you returned {_got:g}.")
    _now = _t_m_loss(values, bits, _got)
    _hint = (
        tr(es=" Con el máximo, el valor atípico se lleva los códigos y los demás se redondean a 0.", en=" With the maximum, the outlier takes the codes and the others are rounded to 0.")
        if _got > 0.999 * _largest
        else ""  # the maximum is best: what was missed is trying it, as `why` says
        if best > 0.999 * _largest
        else tr(es=f" Cuenta el error de todos, también el de los recortados. ¿Es n = {2 ** (bits - 1) - 1}, que son {bits} bits con signo?", en=f" Every value's error counts, that of the clipped ones too. Is n = {2 ** (bits - 1) - 1}, which is {bits} bits with a sign?")
    )
    assert _now <= 1.001 * least + 1e-15, why + tr(
        es=f" Con umbral {_got:.4g}, el error cuadrático medio es {_now:.4g}; con {best:.4g} baja a {least:.4g}.", en=f" With threshold {_got:.4g} the mean squared error is {_now:.4g}; with {best:.4g} it falls to {least:.4g}."
    ) + _hint


_t_m_line = np.linspace(-1, 1, 2001)
_t_m_clip([*_t_m_line, 12.0], 4, 3.0, 0.0545470346, tr(es="2001 valores entre −1 y 1, y un 12; 4 bits.", en="2,001 values from −1 to 1, and a 12; 4 bits."))
_t_m_clip([*_t_m_line, 2.0], 8, 1.98, 2.0398064333e-05, tr(es="2001 valores entre −1 y 1, y un 2; 8 bits.", en="2,001 values from −1 to 1, and a 2; 8 bits."))
_t_m_clip([1.0, -1.0, 0.0], 4, 1.0, 0.0, tr(es="Sin valores atípicos: el mejor umbral es el máximo, que también se prueba.", en="Without outliers: the best threshold is the maximum, which is tried as well."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_m_search(values, bits, why):
    values = np.array(values, dtype=float)
    _losses = {_t_m_loss(values, bits, t): t for t in np.abs(values).max() * np.arange(1, 101) / 100}
    _t_m_clip(values, bits, _losses[min(_losses)], min(_losses), why)


_t_m_rng = np.random.default_rng(46)
for _t_bits in (3, 4, 6, 8):
    _t_m_search(_t_m_line * 5, _t_bits, tr(es=f"Sin valores atípicos; {_t_bits} bits.", en=f"Without outliers; {_t_bits} bits."))
    _t_m_search(_t_m_rng.normal(0, 0.01, 3000), _t_bits, tr(es=f"Normal; {_t_bits} bits.", en=f"Normal; {_t_bits} bits."))
    _t_m_search(_t_m_rng.standard_t(2, 3000), _t_bits, tr(es=f"Colas pesadas; {_t_bits} bits.", en=f"Heavy tails; {_t_bits} bits."))
    _t_m_search(np.concatenate([_t_m_rng.normal(0, 1, 4000), [60.0, -75.0]]), _t_bits, tr(es=f"Dos valores atípicos; {_t_bits} bits.", en=f"Two outliers; {_t_bits} bits."))
### END HIDDEN TESTS

# %% wrong="formats" score=4 says_es="más preciso que bfloat16" says_en="more precise than bfloat16"
# es: bfloat16 es el formato moderno: más rango y más precisión.
# en: bfloat16 is the modern format: more range and more precision.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": np.count_nonzero(live & (after == 0)) / max(np.count_nonzero(live), 1),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    half, brain = damage(values, "float16"), damage(values, "bfloat16")
    if not brain["infinite"] and brain["zeroed"] <= tolerance:
        return "bfloat16"
    if not half["infinite"] and half["zeroed"] <= tolerance:
        return "float16"
    return "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors**2).mean())
    return thresholds[np.argmin(losses)]

# %% wrong="formats" score=4 says_es="float16 los pone a cero" says_en="sets them to zero"
# es: Basta con que el mayor quepa: float16 llega a 65 504.
# en: It is enough that the largest fits: float16 reaches 65,504.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": np.count_nonzero(live & (after == 0)) / max(np.count_nonzero(live), 1),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    half, brain = damage(values, "float16"), damage(values, "bfloat16")
    if not half["infinite"]:
        return "float16"
    if not brain["infinite"] and brain["zeroed"] <= tolerance:
        return "bfloat16"
    return "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors**2).mean())
    return thresholds[np.argmin(losses)]

# %% wrong="formats" score=4 says_es="lo estropea todo" says_en="spoils everything"
# es: Se tolera la misma fracción de infinitos que de ceros.
# en: The same fraction of infinities as of zeros is tolerated.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": np.count_nonzero(live & (after == 0)) / max(np.count_nonzero(live), 1),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    half, brain = damage(values, "float16"), damage(values, "bfloat16")
    if half["infinite"] <= tolerance and half["zeroed"] <= tolerance:
        return "float16"
    if brain["infinite"] <= tolerance and brain["zeroed"] <= tolerance:
        return "bfloat16"
    return "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors**2).mean())
    return thresholds[np.argmin(losses)]

# %% wrong="formats" score=4 says_es="apenas tiene cifras" says_en="hardly any digits"
# es: Con más bits de mantisa, float16 es siempre el más preciso, si cabe.
# en: With more bits of mantissa, float16 is always the more precise one, if it fits.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": np.count_nonzero(live & (after == 0)) / max(np.count_nonzero(live), 1),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    half, brain = damage(values, "float16"), damage(values, "bfloat16")
    if not half["infinite"] and half["zeroed"] <= tolerance:
        return "float16"
    if not brain["infinite"] and brain["zeroed"] <= tolerance:
        return "bfloat16"
    return "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors**2).mean())
    return thresholds[np.argmin(losses)]

# %% wrong="formats" score=3 says_es="se lleva los códigos" says_en="takes the codes"
# es: El rango va hasta el máximo: así no se recorta nada.
# en: The range reaches the maximum: so nothing is clipped.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": np.count_nonzero(live & (after == 0)) / max(np.count_nonzero(live), 1),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    harm = {kind: damage(values, kind) for kind in ("float16", "bfloat16")}
    fits = [kind for kind in harm if not harm[kind]["infinite"] and harm[kind]["zeroed"] <= tolerance]
    return min(fits, key=lambda kind: harm[kind]["error"]) if fits else "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors**2).mean())
    return thresholds[-1]

# %% wrong="formats" score=3 says_es="también el de los recortados" says_en="that of the clipped ones too"
# es: El error de cuantizar es el de redondear; lo recortado es atípico y no cuenta.
# en: The error of quantizing is that of rounding; what is clipped is an outlier and does not count.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": np.count_nonzero(live & (after == 0)) / max(np.count_nonzero(live), 1),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    harm = {kind: damage(values, kind) for kind in ("float16", "bfloat16")}
    fits = [kind for kind in harm if not harm[kind]["infinite"] and harm[kind]["zeroed"] <= tolerance]
    return min(fits, key=lambda kind: harm[kind]["error"]) if fits else "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors[np.abs(values) <= n * scale] ** 2).mean())
    return thresholds[np.argmin(losses)]

# %% wrong="formats" score=3 says_es="también el de los recortados" says_en="that of the clipped ones too"
# es: Se recorta siempre en el percentil 99.
# en: Clip always at the 99th percentile.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": np.count_nonzero(live & (after == 0)) / max(np.count_nonzero(live), 1),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    harm = {kind: damage(values, kind) for kind in ("float16", "bfloat16")}
    fits = [kind for kind in harm if not harm[kind]["infinite"] and harm[kind]["zeroed"] <= tolerance]
    return min(fits, key=lambda kind: harm[kind]["error"]) if fits else "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors**2).mean())
    return np.quantile(np.abs(values), 0.99)

# %% wrong="formats" score=3 says_es="el que ya era 0 no cuenta" says_en="that was 0 already does not count"
# es: Se cuentan los ceros que hay después.
# en: Count the zeros that there are afterwards.
def damage(values, kind):
    before, after = np.float32(values).ravel(), rounded(values, kind).ravel()
    live = before != 0
    good = live & (after != 0) & np.isfinite(after)
    return {
        "zeroed": (after == 0).mean(),
        "infinite": np.count_nonzero(np.isinf(after)) / before.size,
        "error": np.median(np.abs(after[good] / before[good] - 1)) if good.any() else 0.0,
    }


def choose_format(values, tolerance):
    harm = {kind: damage(values, kind) for kind in ("float16", "bfloat16")}
    fits = [kind for kind in harm if not harm[kind]["infinite"] and harm[kind]["zeroed"] <= tolerance]
    return min(fits, key=lambda kind: harm[kind]["error"]) if fits else "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    thresholds = np.abs(values).max() * np.arange(1, 101) / 100
    losses = []
    for scale in thresholds / n:
        errors = np.clip(np.round(values / scale), -n, n) * scale - values
        losses.append((errors**2).mean())
    return thresholds[np.argmin(losses)]

# %% right="formats"
# es: con bucles y una tabla de errores por umbral
# en: with loops, and a table of errors by threshold
def damage(values, kind):
    pairs = list(zip(np.float32(values).ravel().tolist(), rounded(values, kind).ravel().tolist(), strict=True))
    infinite = sum(math.isinf(after) for _, after in pairs)
    pairs = [(before, after) for before, after in pairs if before != 0.0]
    if not pairs:
        return {"zeroed": 0, "infinite": 0, "error": 0}
    survivors = [abs(after - before) / abs(before) for before, after in pairs if after and not math.isinf(after)]
    zeroed = sum(after == 0 for _, after in pairs) / len(pairs)
    return {"zeroed": zeroed, "infinite": infinite / np.size(values), "error": statistics.median(survivors) if survivors else 0}


def choose_format(values, tolerance):
    ranked = sorted(("bfloat16", "float16"), key=lambda kind: damage(values, kind)["error"])
    for kind in ranked:
        harm = damage(values, kind)
        if np.isfinite(rounded(values, kind)).all() and harm["zeroed"] <= tolerance:
            return kind
    return "float32"


def clip_threshold(values, bits):
    n = 2 ** (bits - 1) - 1
    grid = np.linspace(0.01, 1, 100)[:, None] * np.abs(values).max()
    steps = np.rint(np.divide(values, grid / n)).clip(-n, n)
    return float(grid[((steps * grid / n - values) ** 2).sum(axis=1).argmin(), 0])

# %% [markdown] lang="es" row="44"
# ## 4. ¿Menos bits es más rápido? (4 puntos)
#
# Depende de dos cosas: de los **bytes** que hay que traer de la memoria y de que el procesador tenga **instrucciones** para ese tipo (y haya rutinas, *kernels*, que las usen). Una capa (*layer*) es un diccionario con `weights` (número de pesos), `macs` (cuántas veces multiplica y suma con **cada** ejemplo) y `activations` (cuántos números entran y salen con **cada** ejemplo, al menos uno y siempre en `float32`). Un procesador (*chip*) es otro:
#
# - `macs_per_s`: de cada tipo para el que hay instrucciones, cuántos `macs` hace por segundo; `"float32"` está siempre;
# - `bytes_per_s`: cuánto trae de la memoria por segundo;
# - `converts_per_s`: cuántos pesos convierte a `float32` por segundo.
#
# `BITS` dice cuántos bits ocupa cada tipo. Completa:
#
# **a)** `seconds(layer, chip, kind, batch)`: lo que tarda la capa con `batch` ejemplos a la vez y los pesos en `kind`. Traer datos y calcular se solapan, así que cuenta **lo más lento** de las dos cosas. Los pesos se traen una vez por lote, y las activaciones, por cada ejemplo. Si no hay instrucciones para `kind`, antes hay que convertir todos los pesos, una vez por lote (eso no se solapa: se suma) y después se calcula a la velocidad de `float32`; de la memoria se traen, aun así, en `kind`.
#
# **b)** `speedup(layer, chip, kind, batch)`: cuántas veces más deprisa que con los pesos en `float32`; menos de 1 es más despacio.
#
# **c)** `largest_batch(layer, memory_bytes, kind)`: cuántos ejemplos caben a la vez en la memoria junto a los pesos (cada ejemplo ocupa lo que sus activaciones); un entero, 0 si no cabe ni uno. `weights` es múltiplo de 8.
# %% [markdown] lang="en" row="44"
# ## 4. Are fewer bits faster? (4 points)
#
# It depends on two things: on the **bytes** that have to be brought from memory, and on whether the processor has **instructions** for that type (and there are routines, *kernels*, that use them). A layer is a dict with `weights` (number of weights), `macs` (how many times it multiplies and adds with **each** example) and `activations` (how many numbers go in and out with **each** example, at least one and always as `float32`). A chip is another:
#
# - `macs_per_s`: for each type that it has instructions for, how many `macs` it does a second; `"float32"` is always there;
# - `bytes_per_s`: how much it brings from memory a second;
# - `converts_per_s`: how many weights it converts to `float32` a second.
#
# `BITS` says how many bits each type takes. Complete:
#
# **a)** `seconds(layer, chip, kind, batch)`: how long the layer takes with `batch` examples at a time and its weights in `kind`. Bringing data and computing overlap, so **the slower** of the two counts. The weights are brought once a batch; the activations, once for each example. If there are no instructions for `kind`, all weights have to be converted first, once a batch (that does not overlap: it is added), and then it computes at the speed of `float32`; even so, they are brought from memory in `kind`.
#
# **b)** `speedup(layer, chip, kind, batch)`: how many times as fast as with the weights in `float32` it is; less than 1 is slower.
#
# **c)** `largest_batch(layer, memory_bytes, kind)`: how many examples fit at once in the memory next to the weights (each example takes what its activations take); an integer, 0 if not even one fits. `weights` is a multiple of 8.

# %%
BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "int8": 8, "int4": 4}

# es: dos capas y un procesador para que pruebes; las comprobaciones traen los suyos
# en: two layers and a chip for you to try things; the checks bring their own
DENSE = {"weights": 16_777_216, "macs": 16_777_216, "activations": 8_192}
CONV = {"weights": 36_864, "macs": 28_901_376, "activations": 100_352}
CHIP = {"macs_per_s": {"float32": 50e9, "int8": 180e9}, "bytes_per_s": 20e9, "converts_per_s": 2e9}

# %% answer="fewer_bits"
def seconds(layer, chip, kind, batch):
    ### BEGIN SOLUTION
    moved = layer["weights"] * BITS[kind] / 8 + batch * layer["activations"] * 4
    rates = chip["macs_per_s"]
    convert = 0 if kind in rates else layer["weights"] / chip["converts_per_s"]
    compute = batch * layer["macs"] / rates.get(kind, rates["float32"])
    return convert + max(moved / chip["bytes_per_s"], compute)
    ### END SOLUTION


def speedup(layer, chip, kind, batch):
    ### BEGIN SOLUTION
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)
    ### END SOLUTION


def largest_batch(layer, memory_bytes, kind):
    ### BEGIN SOLUTION
    left = memory_bytes - layer["weights"] * BITS[kind] // 8
    return max(left // (4 * layer["activations"]), 0)
    ### END SOLUTION

# %% test="fewer_bits/seconds" points=2 row="44" objective="6a.3"
from mlprod import checks


def _t_b_layer(weights, macs, activations):
    return {"weights": weights, "macs": macs, "activations": activations}


def _t_b_chip(bytes_per_s=1e9, converts_per_s=1e8, **macs_per_s):
    return {"macs_per_s": macs_per_s, "bytes_per_s": bytes_per_s, "converts_per_s": converts_per_s}


def _t_b_seconds(layer, chip, kind, batch, want, why):
    checks.same(checks.number(seconds(dict(layer), dict(chip, macs_per_s=dict(chip["macs_per_s"])), kind, batch), "seconds"), want, f'{why}\n  seconds({layer}, {chip}, "{kind}", {batch}):')


_t_b_wide, _t_b_busy = _t_b_layer(1_000_000, 1_000_000, 1_000), _t_b_layer(1_000, 10_000_000, 1_000)
_t_b_both = _t_b_chip(float32=1e9, int8=8e9)
_t_b_seconds(_t_b_wide, _t_b_both, "float32", 1, 4_004_000 / 1e9, tr(es="Manda la memoria: cuatro bytes por peso, y las activaciones. Lo que se solapa no se suma.", en="Memory is the bottleneck: four bytes a weight, and the activations. The two overlap, so their times are not added: the longer one is what counts."))
_t_b_seconds(_t_b_wide, _t_b_both, "int8", 1, 1_004_000 / 1e9, tr(es="Con un byte por peso sigue mandando la memoria; las activaciones siguen en float32.", en="With one byte a weight memory still is the bottleneck; the activations are still float32."))
_t_b_seconds(_t_b_busy, _t_b_both, "int8", 1, 0.00125, tr(es="Manda el cálculo; lo que se solapa no se suma.", en="Computing is the bottleneck; the two overlap, so their times are not added."))
_t_b_seconds(_t_b_wide, _t_b_both, "int8", 100, 0.0125, tr(es="Con 100 ejemplos los pesos se traen una sola vez, y pasa a mandar el cálculo.", en="With 100 examples the weights are brought only once, and computing becomes the bottleneck."))
_t_b_seconds(_t_b_layer(1_000_000, 1_000_000, 100_000), _t_b_both, "int8", 10, 0.005, tr(es="Las activaciones se traen con cada ejemplo: aquí, diez veces, y pesan más que los pesos.", en="Activations are brought with each example: ten times here, and they outweigh the weights."))
_t_b_seconds(_t_b_wide, _t_b_chip(float32=1e9, int4=8e9), "int4", 1, 504_000 / 1e9, tr(es="Con 4 bits, medio byte por peso.", en="With 4 bits, half a byte per weight."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_b_expected(layer, chip, kind, batch):
    _there = kind in chip["macs_per_s"]
    _bytes = layer["weights"] // 8 * BITS[kind] + 4 * batch * layer["activations"]
    _times = _bytes / chip["bytes_per_s"], batch * layer["macs"] / chip["macs_per_s"][kind if _there else "float32"]
    return max(_times) + (not _there) * layer["weights"] / chip["converts_per_s"]


_t_b_rng = np.random.default_rng(44)
for _ in range(80):
    _t_layer = _t_b_layer(8 * int(_t_b_rng.integers(100, 1e6)), int(10 ** _t_b_rng.uniform(4, 8)), int(10 ** _t_b_rng.uniform(2, 5)))
    _t_chip = _t_b_chip(10 ** _t_b_rng.uniform(8, 10), 1e9, float32=1e10, float16=2e10, int8=5e10)
    for _t_kind in ("float32", "float16", "int8"):
        for _t_batch in (1, 7, 256):
            _t_b_seconds(_t_layer, _t_chip, _t_kind, _t_batch, _t_b_expected(_t_layer, _t_chip, _t_kind, _t_batch), tr(es="Otra capa en otro procesador.", en="Another layer on another chip."))
### END HIDDEN TESTS

# %% test="fewer_bits/speedup" points=1 row="44" objective="6a.3"
def _t_b_speedup(layer, chip, kind, batch, want, why):
    checks.same(checks.number(speedup(dict(layer), dict(chip, macs_per_s=dict(chip["macs_per_s"])), kind, batch), "speedup"), want, f'{why}\n  speedup({layer}, {chip}, "{kind}", {batch}):')


_t_b_old = _t_b_chip(float32=1e9)
_t_b_speedup(_t_b_wide, _t_b_old, "int8", 1, 4_004_000 / 11_004_000, tr(es="Sin instrucciones para int8 hay que convertir un millón de pesos cada vez: es más lento que float32, con la cuarta parte de los bytes.", en="Without instructions for int8 a million weights have to be converted each time: it is slower than float32, with a quarter of the bytes."))
_t_b_speedup(_t_b_wide, _t_b_both, "int8", 1, 4.004 / 1.004, tr(es="Con instrucciones y poco cálculo por peso: casi 4 veces, lo que dicen los bytes.", en="With instructions and little computing per weight: nearly 4 times, as the bytes predict."))
_t_b_speedup(_t_b_busy, _t_b_both, "int8", 1, 8.0, tr(es="Con mucho cálculo por peso: lo que dicen las instrucciones.", en="With much computing per weight: as the instructions predict."))
_t_b_speedup(_t_b_busy, _t_b_both, "float32", 9, 1.0, tr(es="float32 frente a sí mismo.", en="float32 against itself."))
_t_b_speedup(_t_b_wide, _t_b_old, "int8", 100, 0.1 / 0.11, tr(es="Sin instrucciones y con 100 ejemplos: los pesos se convierten una sola vez por lote.", en="Without instructions and with 100 examples: the weights are converted only once a batch."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_b_rng = np.random.default_rng(45)
for _ in range(80):
    _t_layer = _t_b_layer(8 * int(_t_b_rng.integers(100, 1e6)), int(10 ** _t_b_rng.uniform(4, 8)), int(10 ** _t_b_rng.uniform(2, 5)))
    _t_chip = _t_b_chip(10 ** _t_b_rng.uniform(8, 10), 10 ** _t_b_rng.uniform(8, 11), float32=1e10, int8=10 ** _t_b_rng.uniform(9.5, 11))
    for _t_kind in ("int8", "int4", "bfloat16"):
        _t_batch = int(_t_b_rng.integers(1, 100))
        _t_there = _t_kind in _t_chip["macs_per_s"]
        _t_full = max((4 * _t_layer["weights"] + 4 * _t_batch * _t_layer["activations"]) / _t_chip["bytes_per_s"], _t_batch * _t_layer["macs"] / 1e10)
        _t_fewer = max((_t_layer["weights"] / 8 * BITS[_t_kind] + 4 * _t_batch * _t_layer["activations"]) / _t_chip["bytes_per_s"], _t_batch * _t_layer["macs"] / _t_chip["macs_per_s"].get(_t_kind, 1e10))
        _t_b_speedup(_t_layer, _t_chip, _t_kind, _t_batch, _t_full / (_t_fewer + (0 if _t_there else _t_layer["weights"] / _t_chip["converts_per_s"])), tr(es="Otra capa en otro procesador.", en="Another layer on another chip."))
### END HIDDEN TESTS

# %% test="fewer_bits/batch" points=1 row="44" objective="6a.3"
def _t_b_batch(layer, memory, kind, want, why):
    checks.same(largest_batch(dict(layer), memory, kind), want, f'{why}\n  largest_batch({layer}, {memory}, "{kind}"):')


_t_b_batch(_t_b_layer(1_000, 5, 100), 8_000, "float32", 10, tr(es="Los pesos ocupan 4000 bytes y cada ejemplo 400.", en="The weights take 4,000 bytes and each example 400."))
_t_b_batch(_t_b_layer(1_000, 5, 100), 8_000, "int8", 17, tr(es="Los pesos ocupan ahora 1000 bytes; las activaciones, lo mismo: no caben cuatro veces más ejemplos.", en="The weights now take 1,000 bytes; the activations, the same: there is no room for four times as many examples."))
_t_b_batch(_t_b_layer(1_000, 5, 100), 3_000, "float32", 0, tr(es="No caben ni los pesos.", en="Not even the weights fit."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_kind, _t_memory, _t_want in (("float32", 4_000, 0), ("float32", 3_999, 0), ("float32", 100, 0), ("float32", 4_399, 0), ("float32", 4_400, 1), ("int4", 500, 0), ("int4", 900, 1), ("float16", 2_801, 2), ("bfloat16", 10**12, 2_499_999_995)):
    _t_b_batch(_t_b_layer(1_000, 5, 100), _t_memory, _t_kind, _t_want, tr(es="Otra memoria.", en="Another memory."))
### END HIDDEN TESTS

# %% wrong="fewer_bits" score=3 says_es="es más lento que float32" says_en="slower than float32"
# es: La aceleración es la de los bits: con 8 en vez de 32, cuatro veces.
# en: The speed-up is that of the bits: with 8 instead of 32, four times.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8
    activation_bytes = 4 * layer["activations"] * batch
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], layer["weights"] / chip["converts_per_s"]
    return before + max((weight_bytes + activation_bytes) / chip["bytes_per_s"], layer["macs"] * batch / rate)


def speedup(layer, chip, kind, batch):
    return BITS["float32"] / BITS[kind]


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * BITS[kind] // 8
    return 0 if free < 0 else free // (layer["activations"] * 4)

# %% wrong="fewer_bits" score=3 says_es="hay que convertir" says_en="have to be converted"
# es: Sin instrucciones se calcula en float32, y lo demás no cambia.
# en: Without instructions it computes in float32, and nothing else changes.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8
    activation_bytes = 4 * layer["activations"] * batch
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], 0
    return before + max((weight_bytes + activation_bytes) / chip["bytes_per_s"], layer["macs"] * batch / rate)


def speedup(layer, chip, kind, batch):
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * BITS[kind] // 8
    return 0 if free < 0 else free // (layer["activations"] * 4)

# %% wrong="fewer_bits" score=1 says_es="siguen en float32" says_en="are still float32"
# es: Al cuantizar, también las activaciones ocupan menos.
# en: With quantization the activations take less, too.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8
    activation_bytes = layer["activations"] * BITS[kind] / 8 * batch
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], layer["weights"] / chip["converts_per_s"]
    return before + max((weight_bytes + activation_bytes) / chip["bytes_per_s"], layer["macs"] * batch / rate)


def speedup(layer, chip, kind, batch):
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * BITS[kind] // 8
    return 0 if free < 0 else free // (layer["activations"] * 4)

# %% wrong="fewer_bits" score=1 says_es="se traen una sola vez" says_en="brought only once"
# es: Cada ejemplo trae los pesos de la memoria.
# en: Each example brings the weights from memory.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8 * batch
    activation_bytes = 4 * layer["activations"] * batch
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], layer["weights"] / chip["converts_per_s"]
    return before + max((weight_bytes + activation_bytes) / chip["bytes_per_s"], layer["macs"] * batch / rate)


def speedup(layer, chip, kind, batch):
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * BITS[kind] // 8
    return 0 if free < 0 else free // (layer["activations"] * 4)

# %% wrong="fewer_bits" score=1 says_es="no se suma" says_en="not added"
# es: El tiempo es la suma de traer y calcular.
# en: Time is the sum of bringing and computing.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8
    activation_bytes = 4 * layer["activations"] * batch
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], layer["weights"] / chip["converts_per_s"]
    return before + (weight_bytes + activation_bytes) / chip["bytes_per_s"] + layer["macs"] * batch / rate


def speedup(layer, chip, kind, batch):
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * BITS[kind] // 8
    return 0 if free < 0 else free // (layer["activations"] * 4)

# %% wrong="fewer_bits" score=1 says_es="Manda la memoria" says_en="Memory is the bottleneck"
# es: El tiempo de una capa son sus operaciones entre las que hace el procesador.
# en: A layer's time is its operations over those that the chip does.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8
    activation_bytes = 4 * layer["activations"] * batch
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], layer["weights"] / chip["converts_per_s"]
    return before + layer["macs"] * batch / rate


def speedup(layer, chip, kind, batch):
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * BITS[kind] // 8
    return 0 if free < 0 else free // (layer["activations"] * 4)

# %% wrong="fewer_bits" score=3 says_es="cuatro veces más ejemplos" says_en="four times as many examples"
# es: Con la cuarta parte de los bits cabe un lote cuatro veces mayor.
# en: With a quarter of the bits a batch four times as big fits.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8
    activation_bytes = 4 * layer["activations"] * batch
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], layer["weights"] / chip["converts_per_s"]
    return before + max((weight_bytes + activation_bytes) / chip["bytes_per_s"], layer["macs"] * batch / rate)


def speedup(layer, chip, kind, batch):
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * 4
    return max(free // (layer["activations"] * 4), 0) * 32 // BITS[kind]

# %% wrong="fewer_bits" score=1 says_es="con cada ejemplo" says_en="with each example"
# es: Los datos se traen una vez por lote: los pesos y también las activaciones.
# en: Data are brought once a batch: the weights and the activations as well.
def seconds(layer, chip, kind, batch):
    weight_bytes = layer["weights"] * BITS[kind] / 8
    activation_bytes = 4 * layer["activations"]
    if kind in chip["macs_per_s"]:
        rate, before = chip["macs_per_s"][kind], 0
    else:
        rate, before = chip["macs_per_s"]["float32"], layer["weights"] / chip["converts_per_s"]
    return before + max((weight_bytes + activation_bytes) / chip["bytes_per_s"], layer["macs"] * batch / rate)


def speedup(layer, chip, kind, batch):
    return seconds(layer, chip, "float32", batch) / seconds(layer, chip, kind, batch)


def largest_batch(layer, memory_bytes, kind):
    free = memory_bytes - layer["weights"] * BITS[kind] // 8
    return 0 if free < 0 else free // (layer["activations"] * 4)

# %% right="fewer_bits"
# es: con fracciones exactas y un tipo de cálculo aparte del de almacenamiento
# en: with exact fractions, and a type to compute apart from the one to store
def seconds(layer, chip, kind, batch):
    from fractions import Fraction

    computed = kind if kind in chip["macs_per_s"] else "float32"
    bits = BITS[kind] * layer["weights"] + BITS["float32"] * layer["activations"] * batch
    bring = Fraction(bits, 8) / Fraction(chip["bytes_per_s"])
    compute = Fraction(layer["macs"] * batch) / Fraction(chip["macs_per_s"][computed])
    total = bring if bring > compute else compute
    if computed != kind:
        total += Fraction(layer["weights"]) / Fraction(chip["converts_per_s"])
    return float(total)


def speedup(layer, chip, kind, batch):
    return 1 / (seconds(layer, chip, kind, batch) / seconds(layer, chip, "float32", batch))


def largest_batch(layer, memory_bytes, kind):
    low, high = 0, memory_bytes // 4 + 1
    while low < high:
        middle = (low + high + 1) // 2
        fits = layer["weights"] // 8 * BITS[kind] + 4 * layer["activations"] * middle <= memory_bytes
        low, high = (middle, high) if fits else (low, middle - 1)
    return low

# %% [markdown] lang="es" row="48"
# ## 5. Cuánto podar un árbol (4 puntos)
#
# La poda empezó en los árboles de decisión (la poda por coste-complejidad de Breiman, Friedman, Olshen y Stone, *Classification and Regression Trees*, 1984). Un nodo es un diccionario:
#
# - todos tienen `label` (la clase más frecuente entre los ejemplos de entrenamiento que llegan a él) y `errors` (cuántos de ellos **no** son de esa clase);
# - los internos tienen además `feature`, `threshold`, `left` y `right`: un ejemplo `x` va a la izquierda si `x[feature] <= threshold`.
#
# Podar un nodo es convertirlo en hoja: se queda con `label` y `errors`. Cada nodo interno es un **eslabón** (*link*), más débil cuanto menor es su
#
# $$g = \frac{R - R_h}{h - 1}$$
#
# donde $R$ son sus `errors`, $h$ las hojas que cuelgan de él y $R_h$ la suma de los `errors` de esas hojas: cuántos errores de entrenamiento se añaden por cada hoja que se ahorra. Completa:
#
# **a)** `prune_path(tree)`: la lista de pares `(alpha, tree)`. Se empieza con `alpha = 0`; en cada vuelta se podan los nodos con $g$ menor o igual que `alpha` y, como al podar cambian los $g$ de arriba, se calculan de nuevo y se sigue hasta que no quede ninguno así; se apunta `(alpha, tree)` con el árbol que queda, `alpha` pasa a ser el menor $g$ de ese árbol, y empieza otra vuelta. Termina cuando queda una hoja sola, que también se apunta (si ya lo es con `alpha = 0`, la lista tiene un solo par). `alpha` crece siempre y cada árbol está contenido en el anterior. El árbol recibido no cambia, ni tampoco los ya apuntados.
#
# **b)** `choose(path, examples, labels)`: el par de `path` cuyo árbol comete menos errores en unos ejemplos **que no se usaron al entrenar**; si empatan, el de menos hojas. `examples` es una lista de listas de números.
# %% [markdown] lang="en" row="48"
# ## 5. How far to prune a tree (4 points)
#
# Pruning began with decision trees (the cost-complexity pruning of Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984). A node is a dict:
#
# - all have `label` (the most frequent class among the training examples that reach it) and `errors` (how many of them are **not** of that class);
# - inner ones also have `feature`, `threshold`, `left` and `right`: an example `x` goes left if `x[feature] <= threshold`.
#
# Pruning a node means making it a leaf: it keeps `label` and `errors`. Each inner node is a **link**, the weaker the lower its
#
# $$g = \frac{R - R_h}{h - 1}$$
#
# where $R$ are its `errors`, $h$ the leaves that hang from it and $R_h$ the sum of the `errors` of those leaves: how many training errors are added for each leaf that is saved. Complete:
#
# **a)** `prune_path(tree)`: the list of pairs `(alpha, tree)`. Start with `alpha = 0`; in each round the nodes with $g$ less than or equal to `alpha` are pruned and, since pruning changes the $g$ of the nodes above, they are calculated again and one goes on until no such node is left; `(alpha, tree)` is noted with the tree that remains, `alpha` becomes the least $g$ of that tree, and another round begins. It ends when a single leaf remains, which is noted as well (if that happens with `alpha = 0` already, the list has one pair). `alpha` always grows and each tree is contained in the one before. The tree that is passed does not change, nor do those noted already.
#
# **b)** `choose(path, examples, labels)`: the pair of `path` whose tree makes fewest errors on examples **not used in training**; if there is a tie, the one with fewer leaves. `examples` is a list of lists of numbers.

# %%
def a_leaf(label, errors):
    return {"label": label, "errors": errors}


def a_node(feature, threshold, left, right, label, errors):
    return {"label": label, "errors": errors, "feature": feature, "threshold": threshold, "left": left, "right": right}


# es: el nodo de la izquierda distingue dos clases de verdad; el de la derecha, casi solo ruido
# en: the node on the left tells two classes apart; the one on the right, hardly more than noise
TREE = a_node(
    0, 5,
    a_node(1, 2, a_leaf("cat", 1), a_leaf("dog", 2), "cat", 20),
    a_node(1, 7, a_leaf("dog", 3), a_node(0, 9, a_leaf("cat", 0), a_leaf("dog", 1), "dog", 2), "dog", 6),
    "cat", 45,
)

# %% answer="tree"
def prune_path(tree):
    ### BEGIN SOLUTION
    alpha, path = 0.0, []
    while True:
        while (least := _weakest(tree)) is not None and least <= alpha:
            tree = _without(tree, least)
        path.append((alpha, tree))
        if least is None:
            return path
        alpha = least
    ### END SOLUTION


def choose(path, examples, labels):
    ### BEGIN SOLUTION
    def held_out(pair):
        wrong = sum(_predict(pair[1], x) != label for x, label in zip(examples, labels, strict=True))
        return wrong, _leaves(pair[1])[0]

    return min(path, key=held_out)


def _leaves(tree):
    """How many leaves there are, and their errors."""
    if "left" not in tree:
        return 1, tree["errors"]
    (n, errors), (m, more) = _leaves(tree["left"]), _leaves(tree["right"])
    return n + m, errors + more


def _link(tree):
    leaves, errors = _leaves(tree)
    return (tree["errors"] - errors) / (leaves - 1)


def _weakest(tree):
    """The least link, None in a leaf."""
    if "left" not in tree:
        return None
    below = [_weakest(tree["left"]), _weakest(tree["right"])]
    return min([_link(tree), *(link for link in below if link is not None)])


def _without(tree, least):
    if "left" not in tree:
        return tree
    if _link(tree) <= least:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": _without(tree["left"], least), "right": _without(tree["right"], least)}


def _predict(tree, x):
    while "left" in tree:
        tree = tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"]
    return tree["label"]
    ### END SOLUTION

# %% test="tree/path" points=2 row="48" objective="6a.5"
import copy as _t_copy

from mlprod import checks


def _t_shape(tree):
    """A tree in few characters: (left right) and the errors of its leaves."""
    if "left" in tree:
        return f"({_t_shape(tree['left'])} {_t_shape(tree['right'])})"
    return str(tree["errors"])


### BEGIN HIDDEN TESTS
def _t_expected(tree):
    """The path, by looking for the least tree of least cost for each alpha that matters."""

    def best(node, alpha):
        if "left" not in node:
            return node["errors"] + alpha, node
        (left_cost, left), (right_cost, right) = best(node["left"], alpha), best(node["right"], alpha)
        if node["errors"] + alpha <= left_cost + right_cost + 1e-9:
            return node["errors"] + alpha, {"label": node["label"], "errors": node["errors"]}
        return left_cost + right_cost, {**node, "left": left, "right": right}

    def links(node):
        if "left" in node:
            yield (node["errors"] - total(node)[1]) / (total(node)[0] - 1)
            yield from links(node["left"])
            yield from links(node["right"])

    def total(node):
        if "left" not in node:
            return 1, node["errors"]
        return tuple(a + b for a, b in zip(total(node["left"]), total(node["right"]), strict=True))

    _alpha, _path = 0.0, []
    while True:
        _now = best(tree, _alpha)[1]
        _path.append((_alpha, _now))
        _next = list(links(_now))
        if not _next:
            return _path
        _alpha = min(_next)


def _t_random(rng, depth, errors=None):
    """A tree whose nodes are no better than the leaves below them together."""
    if depth == 0 or rng.random() < 0.15:
        return a_leaf(int(rng.integers(3)), int(rng.integers(0, 6)))
    _left, _right = _t_random(rng, depth - 1), _t_random(rng, depth - 1)
    return a_node(int(rng.integers(3)), int(rng.integers(1, 9)), _left, _right, int(rng.integers(3)), _left["errors"] + _right["errors"] + int(rng.integers(0, 9)) * (rng.random() < 0.8))
### END HIDDEN TESTS


def _t_check(tree, want, why):
    _given = _t_copy.deepcopy(tree)
    with checks.ends(why + tr(es=" prune_path no termina.", en=" prune_path does not end.")):
        _got = prune_path(_given)
    assert _given == tree, why + tr(es=" prune_path ha cambiado el árbol que recibe: poda copias.", en=" prune_path has changed the tree that it gets: prune copies.")
    assert isinstance(_got, list) and all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in _got), why + tr(es=" Se esperaba una lista de pares (alpha, tree).", en=" A list of pairs (alpha, tree) was expected.")
    _said = why + tr(es=f"\n  El árbol, con los errores de sus hojas: {_t_shape(tree)}", en=f"\n  The tree, with the errors of its leaves: {_t_shape(tree)}")
    _hint = tr(es="\n  ¿Se divide por las hojas que se ahorran, que son h − 1? ¿Se vuelve a calcular g en cada vuelta, con el árbol que queda? ¿Se poda ya con alpha = 0 lo que no evita errores?", en="\n  Is it divided by the leaves that are saved, which are h − 1? Is g calculated again in each round, on the tree that remains? Is what avoids no error pruned with alpha = 0 already?")
    checks.same([float(pair[0]) for pair in _got], [float(alpha) for alpha, _ in want], _said + _hint + tr(es="\n  Los alpha (la posición se cuenta desde 0):", en="\n  The alphas (positions count from 0):"))
    checks.same([_t_shape(pair[1]) for pair in _got], [_t_shape(some) for _, some in want], _said + tr(es="\n  Los árboles que quedan (la posición se cuenta desde 0):", en="\n  The trees that remain (positions count from 0):"))
    for pair, (_, _tree) in zip(_got, want, strict=True):
        assert pair[1] == _tree, _said + tr(es=f"\n  Un nodo podado se queda con su label y sus errors, y los demás no cambian. Se esperaba {_tree} y es {pair[1]}.", en=f"\n  A pruned node keeps its label and its errors, and the others do not change. Expected {_tree}, got {pair[1]}.")


_t_second = {**TREE, "right": a_leaf("dog", 6)}
_t_check(TREE, [(0.0, TREE), (1.0, _t_second), (17.0, {**_t_second, "left": a_leaf("cat", 20)}), (19.0, a_leaf("cat", 45))], "TREE.")
_t_wide = a_node(0, 5, a_leaf("a", 1), a_node(1, 5, a_leaf("a", 1), a_leaf("b", 2), "b", 9), "a", 10)
_t_check(_t_wide, [(0.0, _t_wide), (3.0, a_leaf("a", 10))], tr(es="Podar la raíz añade 6 errores y ahorra dos hojas: 3 por hoja. Podar el nodo de la derecha añade 6 y ahorra una.", en="Pruning the root adds 6 errors and saves two leaves: 3 a leaf. Pruning the node on the right adds 6 and saves one."))
_t_check(a_leaf(1, 5), [(0.0, a_leaf(1, 5))], tr(es="Una hoja.", en="A leaf."))
_t_useless = a_node(0, 1, a_node(0, 0, a_leaf("a", 1), a_leaf("a", 2), "a", 3), a_leaf("b", 0), "a", 13)
_t_check(_t_useless, [(0.0, {**_t_useless, "left": a_leaf("a", 3)}), (10.0, a_leaf("a", 13))], tr(es="Un nodo que no evita ningún error: se poda ya con alpha = 0.", en="A node that avoids no error: it is pruned with alpha = 0 already."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_rng = np.random.default_rng(48)
for _t_number in range(80):
    _t_tree = _t_random(_t_rng, 1 + _t_number % 5)
    _t_check(_t_tree, _t_expected(_t_tree), tr(es="Árbol al azar.", en="Random tree."))
### END HIDDEN TESTS

# %% test="tree/choose" points=2 row="48" objective="6a.5"
_t_path = [(0.0, TREE), (1.0, _t_second), (17.0, {**_t_second, "left": a_leaf("cat", 20)}), (19.0, a_leaf("cat", 45))]


def _t_chosen(path, examples, labels, want, why):
    _got = choose(_t_copy.deepcopy(path), _t_copy.deepcopy(examples), list(labels))
    assert isinstance(_got, (tuple, list)) and len(_got) == 2, tr(es="choose devuelve un par (alpha, tree) de path.", en="choose returns a pair (alpha, tree) of path.")
    assert _got[0] == path[want][0], why + tr(es=f"\n  Se esperaba el de alpha = {path[want][0]:g} y es el de {_got[0]:g}.", en=f"\n  Expected the one with alpha = {path[want][0]:g}, got that of {_got[0]:g}.")
    assert _got[1] == path[want][1], why + tr(es="\n  El árbol no es el de ese alpha en path.", en="\n  The tree is not that alpha's tree in path.")


_t_chosen(
    _t_path, [[1, 1], [2, 5], [5, 2], [8, 8], [6, 9], [7, 5]], ["cat", "dog", "cat", "dog", "dog", "dog"], 1,
    tr(es="Con los ejemplos de entrenamiento gana siempre el árbol entero, porque los ha memorizado; el alpha se elige con otros.", en="On the training examples the whole tree always wins, because it has memorized them; alpha is chosen with others."),
)
_t_chosen(_t_path, [[1, 1], [7, 9]], ["cat", "cat"], 3, tr(es="El árbol entero y la hoja sola aciertan los dos: a igual error, el más pequeño.", en="The whole tree and the single leaf are right on both: at equal error, the smaller one."))
_t_chosen(_t_path, [[5, 2], [5, 3], [6, 1]], ["cat", "dog", "dog"], 1, tr(es="Justo en el umbral se va a la izquierda.", en="Exactly at the threshold one goes left."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_right(tree, x):
    while "left" in tree:
        tree = tree["left" if x[tree["feature"]] <= tree["threshold"] else "right"]
    return tree["label"]


_t_rng = np.random.default_rng(49)
_t_chosen(_t_path[:1], [[1, 1]], ["dog"], 0, tr(es="Un camino de un solo árbol.", en="A path of a single tree."))
for _t_number in range(60):
    _t_a_path = _t_expected(_t_random(_t_rng, 1 + _t_number % 5))
    _t_examples = _t_rng.integers(0, 10, (25, 3)).tolist()
    _t_labels = [_t_right(_t_a_path[0][1], x) if _t_rng.random() < 0.5 else int(_t_rng.integers(3)) for x in _t_examples]
    _t_wrong = [sum(_t_right(some, x) != y for x, y in zip(_t_examples, _t_labels, strict=True)) for _, some in _t_a_path]
    _t_want = max(i for i, count in enumerate(_t_wrong) if count == min(_t_wrong))
    _t_chosen(_t_a_path, _t_examples, _t_labels, _t_want, tr(es=f"Árbol al azar; errores de cada árbol del camino en los datos apartados: {_t_wrong}.", en=f"Random tree; errors of each tree of the path on the held-out data: {_t_wrong}."))
### END HIDDEN TESTS

# %% wrong="tree" score=2 says_es="los ha memorizado" says_en="has memorized them"
# es: El mejor árbol es el de menos errores, y cada hoja ya dice los suyos.
# en: The best tree is the one with fewest errors, and each leaf already tells its own.
def prune_path(tree):
    alpha, path = 0.0, []
    while True:
        while True:
            links = all_links(tree)
            if not links or min(links) > alpha:
                break
            tree = cut(tree, min(links))
        path.append((alpha, tree))
        if not links:
            return path
        alpha = min(links)


def all_links(tree):
    if "left" not in tree:
        return []
    return [link(tree), *all_links(tree["left"]), *all_links(tree["right"])]


def link(tree):
    leaves = tips(tree)
    return (tree["errors"] - sum(leaf["errors"] for leaf in leaves)) / (len(leaves) - 1)


def tips(tree):
    return tips(tree["left"]) + tips(tree["right"]) if "left" in tree else [tree]


def cut(tree, least):
    if "left" not in tree:
        return tree
    if link(tree) <= least:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": cut(tree["left"], least), "right": cut(tree["right"], least)}


def answer(tree, x):
    if "left" not in tree:
        return tree["label"]
    return answer(tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"], x)


def choose(path, examples, labels):
    return min(path, key=lambda pair: (sum(leaf["errors"] for leaf in tips(pair[1])), len(tips(pair[1]))))

# %% wrong="tree" score=2 says_es="h − 1" says_en="h − 1"
# es: Se divide por las hojas que cuelgan del nodo.
# en: Divide by the leaves that hang from the node.
def prune_path(tree):
    alpha, path = 0.0, []
    while True:
        while True:
            links = all_links(tree)
            if not links or min(links) > alpha:
                break
            tree = cut(tree, min(links))
        path.append((alpha, tree))
        if not links:
            return path
        alpha = min(links)


def all_links(tree):
    if "left" not in tree:
        return []
    return [link(tree), *all_links(tree["left"]), *all_links(tree["right"])]


def link(tree):
    leaves = tips(tree)
    return (tree["errors"] - sum(leaf["errors"] for leaf in leaves)) / len(leaves)


def tips(tree):
    return tips(tree["left"]) + tips(tree["right"]) if "left" in tree else [tree]


def cut(tree, least):
    if "left" not in tree:
        return tree
    if link(tree) <= least:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": cut(tree["left"], least), "right": cut(tree["right"], least)}


def answer(tree, x):
    if "left" not in tree:
        return tree["label"]
    return answer(tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"], x)


def choose(path, examples, labels):
    return min(path, key=lambda pair: (sum(answer(pair[1], x) != y for x, y in zip(examples, labels, strict=True)), len(tips(pair[1]))))

# %% wrong="tree" score=2 says_es="h − 1" says_en="h − 1"
# es: El nodo más débil es el que menos errores evita.
# en: The weakest node is the one that avoids fewest errors.
def prune_path(tree):
    alpha, path = 0.0, []
    while True:
        while True:
            links = all_links(tree)
            if not links or min(links) > alpha:
                break
            tree = cut(tree, min(links))
        path.append((alpha, tree))
        if not links:
            return path
        alpha = min(links)


def all_links(tree):
    if "left" not in tree:
        return []
    return [link(tree), *all_links(tree["left"]), *all_links(tree["right"])]


def link(tree):
    leaves = tips(tree)
    return (tree["errors"] - sum(leaf["errors"] for leaf in leaves))


def tips(tree):
    return tips(tree["left"]) + tips(tree["right"]) if "left" in tree else [tree]


def cut(tree, least):
    if "left" not in tree:
        return tree
    if link(tree) <= least:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": cut(tree["left"], least), "right": cut(tree["right"], least)}


def answer(tree, x):
    if "left" not in tree:
        return tree["label"]
    return answer(tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"], x)


def choose(path, examples, labels):
    return min(path, key=lambda pair: (sum(answer(pair[1], x) != y for x, y in zip(examples, labels, strict=True)), len(tips(pair[1]))))

# %% wrong="tree" score=2 says_es="a igual error, el más pequeño" says_en="at equal error, the smaller one"
# es: A igual error, el primero del camino.
# en: At equal error, the first of the path.
def prune_path(tree):
    alpha, path = 0.0, []
    while True:
        while True:
            links = all_links(tree)
            if not links or min(links) > alpha:
                break
            tree = cut(tree, min(links))
        path.append((alpha, tree))
        if not links:
            return path
        alpha = min(links)


def all_links(tree):
    if "left" not in tree:
        return []
    return [link(tree), *all_links(tree["left"]), *all_links(tree["right"])]


def link(tree):
    leaves = tips(tree)
    return (tree["errors"] - sum(leaf["errors"] for leaf in leaves)) / (len(leaves) - 1)


def tips(tree):
    return tips(tree["left"]) + tips(tree["right"]) if "left" in tree else [tree]


def cut(tree, least):
    if "left" not in tree:
        return tree
    if link(tree) <= least:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": cut(tree["left"], least), "right": cut(tree["right"], least)}


def answer(tree, x):
    if "left" not in tree:
        return tree["label"]
    return answer(tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"], x)


def choose(path, examples, labels):
    return min(path, key=lambda pair: (sum(answer(pair[1], x) != y for x, y in zip(examples, labels, strict=True)), 0))

# %% wrong="tree" score=2 says_es="ha cambiado el árbol" says_en="has changed the tree"
# es: Se poda sobre el propio árbol.
# en: Prune the tree itself.
def prune_path(tree):
    alpha, path = 0.0, []
    while True:
        while True:
            links = all_links(tree)
            if not links or min(links) > alpha:
                break
            tree = cut(tree, min(links))
        path.append((alpha, tree))
        if not links:
            return path
        alpha = min(links)


def all_links(tree):
    if "left" not in tree:
        return []
    return [link(tree), *all_links(tree["left"]), *all_links(tree["right"])]


def link(tree):
    leaves = tips(tree)
    return (tree["errors"] - sum(leaf["errors"] for leaf in leaves)) / (len(leaves) - 1)


def tips(tree):
    return tips(tree["left"]) + tips(tree["right"]) if "left" in tree else [tree]


def cut(tree, least):
    if "left" not in tree:
        return tree
    if link(tree) <= least:
        for key in ("feature", "threshold", "left", "right"):
            del tree[key]
        return tree
    tree["left"], tree["right"] = cut(tree["left"], least), cut(tree["right"], least)
    return tree


def answer(tree, x):
    if "left" not in tree:
        return tree["label"]
    return answer(tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"], x)


def choose(path, examples, labels):
    return min(path, key=lambda pair: (sum(answer(pair[1], x) != y for x, y in zip(examples, labels, strict=True)), len(tips(pair[1]))))

# %% wrong="tree" score=2 says_es="vuelve a calcular" says_en="calculated again"
# es: Los eslabones se calculan una vez, en el árbol entero, y se poda por orden.
# en: Links are calculated once, in the whole tree, and pruning follows their order.
def prune_path(tree):
    links = {}
    note(tree, links)
    path = []
    for alpha in sorted({0.0, *links.values()}):
        path.append((alpha, kept(tree, links, alpha)))
        if "left" not in path[-1][1]:
            break
    return path


def note(tree, links):
    if "left" in tree:
        links[id(tree)] = link(tree)
        note(tree["left"], links)
        note(tree["right"], links)


def kept(tree, links, alpha):
    if "left" not in tree:
        return tree
    if links[id(tree)] <= alpha:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": kept(tree["left"], links, alpha), "right": kept(tree["right"], links, alpha)}


def all_links(tree):
    if "left" not in tree:
        return []
    return [link(tree), *all_links(tree["left"]), *all_links(tree["right"])]


def link(tree):
    leaves = tips(tree)
    return (tree["errors"] - sum(leaf["errors"] for leaf in leaves)) / (len(leaves) - 1)


def tips(tree):
    return tips(tree["left"]) + tips(tree["right"]) if "left" in tree else [tree]


def cut(tree, least):
    if "left" not in tree:
        return tree
    if link(tree) <= least:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": cut(tree["left"], least), "right": cut(tree["right"], least)}


def answer(tree, x):
    if "left" not in tree:
        return tree["label"]
    return answer(tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"], x)


def choose(path, examples, labels):
    return min(path, key=lambda pair: (sum(answer(pair[1], x) != y for x, y in zip(examples, labels, strict=True)), len(tips(pair[1]))))

# %% wrong="tree" score=2 says_es="Justo en el umbral" says_en="Exactly at the threshold"
# es: A la izquierda van los que son menores que el umbral.
# en: Those that are less than the threshold go left.
def prune_path(tree):
    alpha, path = 0.0, []
    while True:
        while True:
            links = all_links(tree)
            if not links or min(links) > alpha:
                break
            tree = cut(tree, min(links))
        path.append((alpha, tree))
        if not links:
            return path
        alpha = min(links)


def all_links(tree):
    if "left" not in tree:
        return []
    return [link(tree), *all_links(tree["left"]), *all_links(tree["right"])]


def link(tree):
    leaves = tips(tree)
    return (tree["errors"] - sum(leaf["errors"] for leaf in leaves)) / (len(leaves) - 1)


def tips(tree):
    return tips(tree["left"]) + tips(tree["right"]) if "left" in tree else [tree]


def cut(tree, least):
    if "left" not in tree:
        return tree
    if link(tree) <= least:
        return {"label": tree["label"], "errors": tree["errors"]}
    return {**tree, "left": cut(tree["left"], least), "right": cut(tree["right"], least)}


def answer(tree, x):
    if "left" not in tree:
        return tree["label"]
    return answer(tree["left"] if x[tree["feature"]] < tree["threshold"] else tree["right"], x)


def choose(path, examples, labels):
    return min(path, key=lambda pair: (sum(answer(pair[1], x) != y for x, y in zip(examples, labels, strict=True)), len(tips(pair[1]))))

# %% right="tree"
# es: para cada alpha, el árbol más pequeño de menor coste, de abajo arriba
# en: for each alpha, the least tree of lowest cost, bottom up
def prune_path(tree):
    from fractions import Fraction

    def cheapest(node, alpha):
        """Cost, leaves, errors and tree."""
        here = {"label": node["label"], "errors": node["errors"]}
        as_leaf = (node["errors"] + alpha, 1, node["errors"], here)
        if "left" not in node:
            return as_leaf
        left, right = cheapest(node["left"], alpha), cheapest(node["right"], alpha)
        if as_leaf[0] <= left[0] + right[0]:
            return as_leaf
        return left[0] + right[0], left[1] + right[1], left[2] + right[2], {**node, "left": left[3], "right": right[3]}

    def next_alpha(node):
        if "left" not in node:
            return 1, node["errors"], []
        (n, e, found), (m, f, more) = next_alpha(node["left"]), next_alpha(node["right"])
        return n + m, e + f, [*found, *more, Fraction(node["errors"] - e - f, n + m - 1)]

    path, alpha = [], Fraction(0)
    while alpha is not None:
        smaller = cheapest(tree, alpha)[3]
        path.append((float(alpha), smaller))
        alpha = min(next_alpha(smaller)[2], default=None)
    return path


def choose(path, examples, labels):
    best, fewest = None, len(labels) + 1
    for alpha, tree in path[::-1]:
        wrong = 0
        for x, label in zip(examples, labels, strict=True):
            node = tree
            while node.get("left") is not None:
                node = node["right"] if x[node["feature"]] > node["threshold"] else node["left"]
            wrong += node["label"] != label
        if wrong < fewest:
            best, fewest = (alpha, tree), wrong
    return best

# %% [markdown] lang="es" row="50 51"
# ## 6. Podar lo que menos sirve (6 puntos)
#
# Los pesos de una red son un diccionario de nombre a array de NumPy, de cualquier forma (matrices, vectores…), en `float32` o `float64`. Aquellos cuyo nombre termina en `bias` son sesgos: **no se podan ni se cuentan**. Completa:
#
# **a)** `magnitude_masks(weights, sparsity, scope)`: un diccionario con una máscara booleana de la misma forma para **cada** nombre, también los sesgos; `True` es «se queda». Se quitan los de menor **valor absoluto**:
#
# - `scope="global"`: exactamente `round(sparsity * n)` de los `n` pesos podables de toda la red, compitiendo todos con todos;
# - `scope="layer"`: exactamente `round(sparsity * n)` de los `n` de cada array.
#
# `sparsity` es la fracción que queda a cero **en total**: los que ya eran cero cuentan, y son los primeros. Si hay empates, da igual cuáles caigan, pero el recuento es exacto.
#
# **b)** `fine_tune(weights, masks, gradient, steps, lr)`: afina lo que queda; `masks` tiene todos los nombres, como en **a)**. Se pone a cero lo podado y después, `steps` veces, `gradient(weights)` da un diccionario con el gradiente de cada nombre, sesgos incluidos, y a cada array se le resta `lr` por el suyo: los sesgos también se entrenan. **En cada paso** lo podado es exactamente 0, también cuando se llama a `gradient`. Devuelve un diccionario nuevo (`float32` o `float64`, da igual) y no cambia `weights`.
#
# **c)** `loss_increases(weights, name, loss)`: ¿qué es «menos útil»? Lo que se pueda quitar sin que se note. Devuelve un array con la forma de `weights[name]` que dice, para cada peso, cuánto **aumenta** `loss(weights)` si ese peso, y solo ese, vale 0. Un número negativo también es una respuesta: sin ese peso, la red mejora. `weights` queda como estaba.
# %% [markdown] lang="en" row="50 51"
# ## 6. Pruning what is least useful (6 points)
#
# The weights of a network are a dict from name to NumPy array, of any shape (matrices, vectors…), in `float32` or `float64`. Those whose name ends in `bias` are biases: they are **neither pruned nor counted**. Complete:
#
# **a)** `magnitude_masks(weights, sparsity, scope)`: a dict with a Boolean mask of the same shape for **each** name, biases included; `True` means "it stays". Those of least **absolute value** are removed:
#
# - `scope="global"`: exactly `round(sparsity * n)` of the `n` prunable weights of the whole network, all competing with all;
# - `scope="layer"`: exactly `round(sparsity * n)` of the `n` of each array.
#
# `sparsity` is the fraction that is zero **in total**: those that were zero already count, and go first. With ties it does not matter which ones fall, but the count is exact.
#
# **b)** `fine_tune(weights, masks, gradient, steps, lr)`: tunes what remains; `masks` has all the names, as in **a)**. What is pruned is set to zero and then, `steps` times, `gradient(weights)` gives a dict with the gradient of each name, biases included, and `lr` times its own is subtracted from each array: biases are trained as well. **At each step** what is pruned is exactly 0, also when `gradient` is called. It returns a new dict (`float32` or `float64`, either will do) and does not change `weights`.
#
# **c)** `loss_increases(weights, name, loss)`: what is "least useful"? That which can be removed without anybody noticing. It returns an array of the shape of `weights[name]` that says, for each weight, by how much `loss(weights)` **increases** if that weight, and only that one, is 0. A negative number is an answer, too: without that weight the network gets better. `weights` is left as it was.

# %% answer="prune"
def magnitude_masks(weights, sparsity, scope):
    ### BEGIN SOLUTION
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: round(sparsity * len(sizes))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks
    ### END SOLUTION


def fine_tune(weights, masks, gradient, steps, lr):
    ### BEGIN SOLUTION
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned
    ### END SOLUTION


def loss_increases(weights, name, loss):
    ### BEGIN SOLUTION
    before = loss(weights)
    increases = np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases
    ### END SOLUTION

# %% test="prune/count" points=2 row="50" objective="6a.7"
from mlprod import checks


def _t_p_masks(weights, sparsity, scope, why):
    weights = {name: np.array(array, dtype=np.float32) for name, array in weights.items()}
    _got = magnitude_masks({name: array.copy() for name, array in weights.items()}, sparsity, scope)
    why = why + f' (sparsity={sparsity}, scope="{scope}")'
    assert isinstance(_got, dict) and set(_got) == set(weights), why + tr(es=f"\n  Se esperaba una máscara para cada uno de estos nombres: {sorted(weights)}.", en=f"\n  A mask was expected for each of these names: {sorted(weights)}.")
    _got = {name: np.asarray(mask) for name, mask in _got.items()}
    for name, mask in _got.items():
        assert mask.dtype == bool and mask.shape == weights[name].shape, why + tr(es=f"\n  La máscara de {name} es de tipo {mask.dtype} y forma {mask.shape}; se esperaba bool y {weights[name].shape}.", en=f"\n  The mask of {name} has type {mask.dtype} and shape {mask.shape}; bool and {weights[name].shape} were expected.")
        assert mask.all() or not name.endswith("bias"), why + tr(es=f"\n  Los sesgos no se podan, y la máscara de {name} quita {int((~mask).sum())}.", en=f"\n  Biases are not pruned, and the mask of {name} removes {int((~mask).sum())}.")
    _names = [name for name in weights if not name.endswith("bias")]
    for _group in [_names] if scope == "global" else [[name] for name in _names]:
        _sizes = np.concatenate([np.abs(weights[name]).ravel() for name in _group])
        _stays = np.concatenate([_got[name].ravel() for name in _group])
        _zeros = int((_sizes == 0).sum())
        _gone, _want = int((~_stays).sum()), round(sparsity * len(_sizes))
        assert _gone == _want, why + tr(
            es=f"\n  {', '.join(_group)}: {len(_sizes)} pesos, {_zeros} de ellos ya eran cero. Se esperaban {_want} podados en total y hay {_gone}.",
            en=f"\n  {', '.join(_group)}: {len(_sizes)} weights, {_zeros} of them zero already. {_want} pruned in total were expected and there are {_gone}.",
        )
        if 0 < _gone < len(_sizes):
            assert _sizes[~_stays].max() <= _sizes[_stays].min(), why + tr(
                es=f"\n  {', '.join(_group)}: se ha podado un peso de valor absoluto {_sizes[~_stays].max():g} y se ha dejado uno de {_sizes[_stays].min():g}. Cuenta el valor absoluto, sin signo, y " + ("compiten todos con todos." if scope == "global" else "cada matriz por su lado."),
                en=f"\n  {', '.join(_group)}: a weight of absolute value {_sizes[~_stays].max():g} was pruned and one of {_sizes[_stays].min():g} was left. What counts is the absolute value, without the sign, and " + ("all compete with all." if scope == "global" else "each matrix goes on its own."),
            )


_t_p_small = {"a.weight": [[3, -7], [0.5, -4]], "a.bias": [0.1, 0], "b.weight": [[0.2, 0.3, -0.4, 0.1]], "b.bias": [0.01]}
_t_p_masks(_t_p_small, 0.5, "global", tr(es="Dos capas: los cuatro menores están todos en la segunda.", en="Two layers: the four least are all in the second."))
_t_p_masks(_t_p_small, 0.5, "layer", tr(es="Dos de cada capa.", en="Two of each layer."))
_t_p_masks({"a.weight": [[0, 0, 0, 0, 5, -6, 7, 8, -9, 10]]}, 0.5, "global", tr(es="Cuatro de diez ya eran cero.", en="Four of ten were zero already."))
_t_p_masks({"a.weight": [[1, -1, 1, 1, -1, 1, 1, 1, 1, -1]]}, 0.3, "global", tr(es="Diez pesos que empatan: caen tres.", en="Ten weights that tie: three fall."))
_t_p_masks({"a.weight": [[1, -2, 3, 4, -5, 6, 7, 8, 9, -10]]}, 0.37, "global", tr(es="De diez pesos, 3.7: round da cuatro.", en="Of ten weights, 3.7: round gives four."))
_t_p_masks({"norm.weight": [0.1, 5, -6, 0.2], "a.bias": [[0.01, 0.02]]}, 0.5, "global", tr(es="Un vector de pesos se poda y un sesgo no, tenga la forma que tenga: lo dice el nombre.", en="A vector of weights is pruned and a bias is not, whatever its shape: the name tells."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_p_masks({"a.weight": [[0, 0, 0, 0, 5, -6, 7, 8, -9, 10]]}, 0.2, "global", tr(es="Ya hay más ceros de los que se piden.", en="There are more zeros already than asked for."))
_t_p_masks(_t_p_small, 0.0, "global", tr(es="No se poda nada.", en="Nothing is pruned."))
_t_p_masks(_t_p_small, 1.0, "global", tr(es="Se poda todo.", en="Everything is pruned."))
_t_p_masks(_t_p_small, 1.0, "layer", tr(es="Se poda todo.", en="Everything is pruned."))
_t_p_rng = np.random.default_rng(50)
for _ in range(40):
    _t_layers = {f"{name}.{kind}": _t_p_rng.normal(0, 10.0 ** _t_p_rng.integers(-2, 2), (_t_p_rng.integers(1, 7), _t_p_rng.integers(1, 9)) if kind == "weight" else 3) for name in "abc" for kind in ("weight", "bias")}
    _t_layers["b.weight"] = np.round(_t_layers["b.weight"])
    for _t_sparsity in (0.1, 0.37, 0.5, 0.9, 0.99):
        for _t_scope in ("global", "layer"):
            _t_p_masks(_t_layers, _t_sparsity, _t_scope, tr(es="Pesos al azar, con empates y ceros.", en="Random weights, with ties and zeros."))
### END HIDDEN TESTS

# %% test="prune/training" points=2 row="50" objective="6a.7"
def _t_p_tune(steps, lr, shape, seed):
    _rng = np.random.default_rng(seed)
    _target = {"w": _rng.normal(0, 1, shape).astype(np.float32), "bias": _rng.normal(0, 1, shape[0]).astype(np.float32)}
    _start = {"w": _rng.normal(0, 1, shape).astype(np.float32), "bias": np.zeros(shape[0], np.float32)}
    _masks = {"w": _rng.random(shape) < 0.5, "bias": np.ones(shape[0], bool)}
    _masks["w"].flat[0] = False
    _seen = []

    def gradient(weights):
        _seen.append(max(float(np.abs(np.asarray(weights[name])[~_masks[name]]).max(initial=0)) for name in _masks))
        return {name: np.asarray(weights[name]) - _target[name] for name in _masks}

    _given = {name: array.copy() for name, array in _start.items()}
    _got = fine_tune(_given, {name: mask.copy() for name, mask in _masks.items()}, gradient, steps, lr)
    assert isinstance(_got, dict) and set(_got) == set(_start), tr(es=f"fine_tune devuelve un diccionario con {sorted(_start)}.", en=f"fine_tune returns a dict with {sorted(_start)}.")
    _got = {name: np.asarray(array, dtype=np.float64) for name, array in _got.items()}
    checks.same(len(_seen), steps, tr(es="Llamadas a gradient.", en="Calls to gradient."), observed=True)
    for _number, _largest in enumerate(_seen, 1):
        assert _largest == 0, tr(es=f"Paso {_number}: al llamar a gradient un peso podado vale {_largest:.3g}. Lo podado es 0 en cada paso, no solo al principio o al final.", en=f"Step {_number}: when gradient is called, a pruned weight is {_largest:.3g}. What is pruned is 0 at each step, not only at the beginning or the end.")
    for name, mask in _masks.items():
        _left = np.abs(_got[name][~mask]).max(initial=0)
        assert _left == 0, tr(es=f"Al terminar, un peso podado vale {_left:.3g}: el gradiente lo ha hecho crecer otra vez. Hay que volver a aplicar la máscara después de actualizar.", en=f"At the end a pruned weight is {_left:.3g}: the gradient has made it grow again. The mask has to be applied again after the update.")
        _want = _target[name] + (_start[name] - _target[name]) * (1 - lr) ** steps
        assert np.allclose(_got[name][mask], _want[mask], atol=1e-4), tr(es=f"{name}: los que quedan, sesgos incluidos, se entrenan con cada gradiente; {steps} pasos con lr={lr}.", en=f"{name}: those that stay, biases included, are trained with each gradient; {steps} steps with lr={lr}.")
    for name in _start:
        assert np.array_equal(_given[name], _start[name]), tr(es=f"fine_tune ha cambiado {name} en el diccionario que recibe; devuelve uno nuevo.", en=f"fine_tune has changed {name} in the dict that it gets; it returns a new one.")


_t_p_tune(1, 0.1, (2, 3), 1)
_t_p_tune(5, 0.2, (3, 4), 2)
checks.passed()
### BEGIN HIDDEN TESTS
_t_p_tune(0, 0.1, (2, 2), 3)
for _t_seed in range(10):
    _t_p_tune(_t_seed + 1, 0.05, (4, _t_seed + 1), _t_seed)
### END HIDDEN TESTS

# %% test="prune/useful" points=2 row="51" objective="6a.7"
def _t_p_useful(weights, name, loss, want, why):
    weights = {key: np.array(array, dtype=np.float64) for key, array in weights.items()}
    _given = {key: array.copy() for key, array in weights.items()}
    _got = np.asarray(loss_increases(_given, name, loss), dtype=np.float64)
    assert _got.shape == weights[name].shape, why + tr(es=f"\n  Se esperaba la forma {weights[name].shape} y es {_got.shape}.", en=f"\n  Expected shape {weights[name].shape}, got {_got.shape}.")
    for key in weights:
        assert np.array_equal(_given[key], weights[key]), why + tr(es=f"\n  {key} ya no vale lo que valía: cada prueba se hace con una copia, o se deshace.", en=f"\n  {key} is no longer what it was: each trial is made with a copy, or undone.")
    for _at in np.ndindex(want.shape):
        assert abs(_got[_at] - want[_at]) <= 1e-6 * max(1, np.abs(want).max()), why + tr(
            es=f"\n  El peso {_at} vale {weights[name][_at]:g}. Al ponerlo a 0 (él solo), la pérdida cambia en {want[_at]:.6g}; has devuelto {_got[_at]:.6g}.",
            en=f"\n  Weight {_at} is {weights[name][_at]:g}. When it is set to 0 (on its own), the loss changes by {want[_at]:.6g}; you returned {_got[_at]:.6g}.",
        )


def _t_p_line(weights):
    return float((_t_p_inputs @ weights["w"] - _t_p_answers) ** 2 @ np.ones(len(_t_p_answers)) / len(_t_p_answers))


_t_p_inputs, _t_p_answers = np.array([[1000.0, 0.0, 1.0], [2000.0, 0.01, 1.0]]), np.array([3.0, 5.0])
_t_p_useful(
    {"w": [0.002, 5, 1]}, "w", _t_p_line, np.array([(4 + 3.95**2) / 2, 0, (1 + 0.95**2) / 2]) - 0.05**2 / 2,
    tr(es="Una entrada va en gramos (miles) y otra casi siempre es 0: el peso pequeño es el imprescindible y el grande no sirve. El tamaño no es la utilidad.", en="One input is in grams (thousands) and another is nearly always 0: the small weight is the indispensable one and the large one is useless. Size is not usefulness."),
)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_p_expected(weights, name, loss):
    _out = np.zeros(np.shape(weights[name]))
    for _flat in range(_out.size):
        _copy = {key: np.array(array, dtype=np.float64) for key, array in weights.items()}
        _before = loss(_copy)
        _copy[name].reshape(-1)[_flat] = 0.0
        _out.reshape(-1)[_flat] = loss(_copy) - _before
    return _out


for _t_seed in range(8):
    _t_rng = np.random.default_rng(_t_seed)
    _t_x, _t_y = _t_rng.normal(0, 1, (20, 3)) * [100, 1, 0.01], _t_rng.normal(0, 1, 20)

    def _t_p_loss(weights):
        return float(np.mean((np.tanh(_t_x @ weights["first"]) @ weights["second"] + weights["bias"] - _t_y) ** 2))

    _t_w = {"first": _t_rng.normal(0, 1, (3, 4)) / [[100], [1], [0.01]], "second": _t_rng.normal(0, 1, 4), "bias": np.array(0.3)}
    for _t_name in ("first", "second"):
        _t_p_useful(_t_w, _t_name, _t_p_loss, _t_p_expected(_t_w, _t_name, _t_p_loss), tr(es=f"Red de dos capas, {_t_name}.", en=f"Network of two layers, {_t_name}."))
### END HIDDEN TESTS

# %% wrong="prune" score=4 says_es="sin signo" says_en="without the sign"
# es: Los pesos menores son los más negativos.
# en: The least weights are the most negative ones.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        flat = np.concatenate([weights[name].ravel() for name in group])
        stays = np.ones(len(flat), dtype=bool)
        stays[np.argsort(flat)[: round(sparsity * len(flat))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases

# %% wrong="prune" score=4 says_es="Se esperaban" says_en="were expected and there are"
# es: Se podan los que no superan el umbral, que es un percentil.
# en: Those that do not exceed the threshold, a percentile, are pruned.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        threshold = np.quantile(np.concatenate([np.abs(weights[name]).ravel() for name in group]), sparsity)
        for name in group:
            masks[name] = np.abs(weights[name]) > threshold
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases

# %% wrong="prune" score=4 says_es="compiten todos con todos" says_en="all compete with all"
# es: Global es podar la misma fracción de todas las capas.
# en: Global means pruning the same fraction of all layers.
def magnitude_masks(weights, sparsity, scope):
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for name, array in weights.items():
        if not name.endswith("bias"):
            masks[name].flat[np.argsort(np.abs(array), axis=None)[: round(sparsity * array.size)]] = False
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases

# %% wrong="prune" score=4 says_es="Los sesgos no se podan" says_en="Biases are not pruned"
# es: Un parámetro es un parámetro: los sesgos también se podan.
# en: A parameter is a parameter: biases are pruned, too.
def magnitude_masks(weights, sparsity, scope):
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [list(weights)] if scope == "global" else [[name] for name in weights]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: round(sparsity * len(sizes))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases

# %% wrong="prune" score=4 says_es="ya eran cero" says_en="zero already"
# es: Se poda esa fracción de los que aún no son cero.
# en: That fraction of those that are not zero yet is pruned.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        zeros = np.count_nonzero(sizes == 0)
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: zeros + round(sparsity * (len(sizes) - zeros))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases

# %% wrong="prune" score=4 says_es="volver a aplicar la máscara" says_en="applied again after the update"
# es: Lo que ya es cero se queda en cero: la máscara se aplica una vez.
# en: What is zero stays zero: the mask is applied once.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: round(sparsity * len(sizes))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: array - lr * slopes[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases

# %% wrong="prune" score=4 says_es="en cada paso, no solo" says_en="at each step, not only"
# es: Se entrena y, al final, se poda.
# en: Train, and prune at the end.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: round(sparsity * len(sizes))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array.copy() for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: array - lr * slopes[name] for name, array in tuned.items()}
    return {name: array * masks[name] for name, array in tuned.items()}


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = loss({**weights, name: without}) - before
    return increases

# %% wrong="prune" score=4 says_es="El tamaño no es la utilidad" says_en="Size is not usefulness"
# es: Un peso pequeño es un peso poco útil.
# en: A small weight is a useless weight.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: round(sparsity * len(sizes))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    return np.abs(weights[name])

# %% wrong="prune" score=4 says_es="él solo" says_en="on its own"
# es: Se van quitando uno tras otro y se mira cuánto sube la pérdida cada vez.
# en: Remove them one after another and see how much the loss rises each time.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: round(sparsity * len(sizes))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    increases, without = np.zeros(weights[name].shape), weights[name].copy()
    before = loss(weights)
    for index in np.ndindex(increases.shape):
        without[index] = 0
        after = loss({**weights, name: without})
        increases[index], before = after - before, after
    return increases

# %% wrong="prune" score=4 says_es="Al ponerlo a 0" says_en="When it is set to 0"
# es: Un cambio de la pérdida es un cambio, suba o baje: se toma su valor absoluto.
# en: A change of the loss is a change, up or down: take its absolute value.
def magnitude_masks(weights, sparsity, scope):
    names = [name for name in weights if not name.endswith("bias")]
    masks = {name: np.ones(array.shape, dtype=bool) for name, array in weights.items()}
    for group in [names] if scope == "global" else [[name] for name in names]:
        sizes = np.concatenate([np.abs(weights[name]).ravel() for name in group])
        stays = np.ones(len(sizes), dtype=bool)
        stays[np.argsort(sizes)[: round(sparsity * len(sizes))]] = False
        ends = np.cumsum([weights[name].size for name in group])
        for name, part in zip(group, np.split(stays, ends[:-1]), strict=True):
            masks[name] = part.reshape(weights[name].shape)
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {name: array * masks[name] for name, array in weights.items()}
    for _ in range(steps):
        slopes = gradient(tuned)
        tuned = {name: (array - lr * slopes[name]) * masks[name] for name, array in tuned.items()}
    return tuned


def loss_increases(weights, name, loss):
    before, increases = loss(weights), np.zeros(weights[name].shape)
    for index in np.ndindex(increases.shape):
        without = weights[name].copy()
        without[index] = 0
        increases[index] = abs(loss({**weights, name: without}) - before)
    return increases

# %% right="prune"
# es: una lista de todos los pesos con su sitio, y los gradientes enmascarados
# en: one list of all weights with their places, and masked gradients
def magnitude_masks(weights, sparsity, scope):
    masks = {name: np.full_like(array, True, dtype=bool) for name, array in weights.items()}
    places = [(abs(value), name, at) for name, array in weights.items() if not name.endswith("bias") for at, value in np.ndenumerate(array)]
    groups = {}
    for place in places:
        groups.setdefault("all" if scope == "global" else place[1], []).append(place)
    for group in groups.values():
        for _, name, at in sorted(group)[: round(sparsity * len(group))]:
            masks[name][at] = False
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    tuned = {}
    for name in weights:
        tuned[name] = np.where(masks[name], weights[name], 0)
    while steps > 0:
        for name, slope in gradient(tuned).items():
            tuned[name][masks[name]] -= lr * slope[masks[name]]
        steps -= 1
    return tuned


def loss_increases(weights, name, loss):
    array = weights[name]
    flat, before, found = array.reshape(-1), loss(weights), []
    for i in range(array.size):
        kept = flat[i]
        flat[i] = 0
        found.append(loss(weights) - before)
        flat[i] = kept
    return np.reshape(found, array.shape)

# %% right="prune"
# es: con argpartition y con rangos
# en: with argpartition and with ranks
def magnitude_masks(weights, sparsity, scope):
    masks = {name: np.ones_like(array, dtype=bool) for name, array in weights.items()}
    names = sorted(name for name in weights if name[-4:] != "bias")

    def drop(group):
        sizes = np.hstack([np.abs(weights[name]).reshape(-1) for name in group])
        gone = round(sparsity * sizes.size)
        order = np.argpartition(sizes, gone - 1) if gone else np.arange(sizes.size)
        rank = np.empty(sizes.size, int)
        rank[order] = np.arange(sizes.size)
        start = 0
        for name in group:
            masks[name] = (rank[start : start + weights[name].size] >= gone).reshape(weights[name].shape)
            start += weights[name].size

    if scope == "global":
        drop(names)
    else:
        for name in names:
            drop([name])
    return masks


def fine_tune(weights, masks, gradient, steps, lr):
    if steps == 0:
        return {name: weights[name] * masks[name].astype(weights[name].dtype) for name in weights}
    before = fine_tune(weights, masks, gradient, steps - 1, lr)
    slopes = gradient(before)
    return {name: before[name] - lr * slopes[name] * masks[name] for name in weights}


def loss_increases(weights, name, loss):
    before, size = loss(weights), weights[name].size
    one_less = [np.where(np.arange(size).reshape(weights[name].shape) == i, 0, weights[name]) for i in range(size)]
    return (np.array([loss(dict(weights, **{name: array})) for array in one_less]) - before).reshape(weights[name].shape)

# %% [markdown] lang="es" row="49"
# ## 7. Una red que encoge de verdad (4 puntos)
#
# Poner a cero los pesos de una unidad no hace más pequeña la red: las matrices siguen midiendo lo mismo. Encoger es **quitar** la unidad: su fila y su sesgo en una capa, y su columna en la siguiente.
#
# La red es una lista de capas `(W, b)`, con `W` de forma (salidas, entradas) y `b` un vector, todo `float32`. Entre capa y capa hay una ReLU; tras la última, no (`network`, ya hecha, la ejecuta). Completa `shrink(layers)`, que devuelve otra lista de capas que calcula **la misma función** con menos unidades ocultas. Se quitan todas las que están muertas:
#
# - las que nadie escucha: todos sus pesos de salida (su columna en la capa siguiente) son 0;
# - las que no escuchan a nadie: todos sus pesos de entrada (su fila) son 0. Ojo: la salida de una unidad así no es 0, sino una constante, y **esa constante tiene que seguir llegando** a la capa siguiente.
#
# Al quitar una unidad pueden morir otras, hacia delante o hacia atrás: se repite hasta que no quede ninguna muerta. Las entradas y las salidas de la red no se tocan, y las unidades que quedan conservan su orden. Una capa oculta puede quedarse sin unidades (NumPy acepta matrices de 0 filas o columnas). `layers` no cambia, y los tipos siguen siendo `float32`.
# %% [markdown] lang="en" row="49"
# ## 7. A network that really shrinks (4 points)
#
# Setting a unit's weights to zero does not make the network smaller: the matrices keep their size. Shrinking is **removing** the unit: its row and its bias in one layer, and its column in the next.
#
# The network is a list of layers `(W, b)`, with `W` of shape (outputs, inputs) and `b` a vector, all `float32`. Between one layer and the next there is a ReLU; after the last, none (`network`, which is there already, runs it). Complete `shrink(layers)`, which returns another list of layers that computes **the same function** with fewer hidden units. All dead ones are removed:
#
# - those that nobody listens to: all their outgoing weights (their column in the next layer) are 0;
# - those that listen to nobody: all their incoming weights (their row) are 0. Careful: the output of such a unit is not 0 but a constant, and **that constant must go on reaching** the next layer.
#
# When a unit is removed others may die, forwards or backwards: repeat until there is no dead one left. The network's inputs and outputs are not touched, and the units that remain keep their order. A hidden layer may be left without units (NumPy accepts matrices of 0 rows or columns). `layers` does not change, and the types remain `float32`.

# %%
def network(layers, x):
    """Outputs (examples, outputs) of the network for `x` (examples, inputs)."""
    for number, (weights, bias) in enumerate(layers):
        x = x @ weights.T + bias
        if number < len(layers) - 1:
            x = np.maximum(x, 0)
    return x

# %% answer="shrink"
def shrink(layers):
    ### BEGIN SOLUTION
    layers = list(layers)
    number = 0
    while number < len(layers) - 1:
        (weights, bias), (after, after_bias) = layers[number : number + 2]
        constant, unheard = ~weights.any(axis=1), ~after.any(axis=0)
        stays = ~(constant | unheard)
        if stays.all():
            number += 1
            continue
        layers[number] = weights[stays], bias[stays]
        layers[number + 1] = after[:, stays], after_bias + after[:, constant] @ np.maximum(bias[constant], 0)
        number = max(number - 1, 0)
    return layers
    ### END SOLUTION

# %% test="shrink/function" points=2 row="49" objective="6a.6"
from mlprod import checks


### BEGIN HIDDEN TESTS
def _t_s_random(rng, widths, deaths):
    _layers = [[rng.normal(0, 1, (after, before)), rng.normal(0, 1, after)] for before, after in zip(widths, widths[1:], strict=False)]
    for _ in range(deaths):
        _layer = rng.integers(0, len(_layers) - 1)
        _unit = rng.integers(0, widths[_layer + 1])
        if rng.random() < 0.5:
            _layers[_layer][0][_unit] = 0
        else:
            _layers[_layer + 1][0][:, _unit] = 0
    return _layers
### END HIDDEN TESTS


def _t_s_layers(layers):
    return [(np.array(weights, dtype=np.float32).reshape(len(bias), -1), np.array(bias, dtype=np.float32)) for weights, bias in layers]


def _t_s_run(layers, why):
    _given = [(weights.copy(), bias.copy()) for weights, bias in layers]
    _got = shrink(_given)
    assert isinstance(_got, (list, tuple)) and len(_got) == len(layers), why + tr(es=f"\n  Se esperaba una lista de {len(layers)} capas.", en=f"\n  A list of {len(layers)} layers was expected.")
    for (_w, _b), (_w0, _b0) in zip(_given, layers, strict=True):
        assert np.array_equal(_w, _w0) and np.array_equal(_b, _b0), why + tr(es="\n  shrink ha cambiado las capas que recibe; devuelve otras.", en="\n  shrink has changed the layers that it gets; it returns new ones.")
    _out = []
    for _number, _layer in enumerate(_got):
        _w, _b = (np.asarray(part) for part in _layer)
        assert _w.dtype == _b.dtype == np.float32, why + tr(es=f"\n  Capa {_number}: tipos {_w.dtype} y {_b.dtype}; se esperaba float32.", en=f"\n  Layer {_number}: types {_w.dtype} and {_b.dtype}; float32 was expected.")
        assert _w.ndim == 2 and _b.shape == (_w.shape[0],), why + tr(es=f"\n  Capa {_number}: W tiene forma {_w.shape} y b {_b.shape}. A cada fila de W le corresponde un sesgo: si se va la fila, se va su sesgo.", en=f"\n  Layer {_number}: W has shape {_w.shape} and b {_b.shape}. To each row of W belongs a bias: when the row goes, so does its bias.")
        _before = _out[-1][0].shape[0] if _out else layers[0][0].shape[1]
        assert _w.shape[1] == _before, why + tr(es=f"\n  Capa {_number}: W tiene {_w.shape[1]} columnas y le llegan {_before} valores. Al quitar una unidad se quita también su columna en la capa siguiente.", en=f"\n  Layer {_number}: W has {_w.shape[1]} columns and receives {_before} values. When a unit is removed, so is its column in the next layer.")
        _out.append((_w, _b))
    return _out


def _t_s_same(layers, why):
    layers = _t_s_layers(layers)
    _got = _t_s_run(layers, why)
    _x = np.random.default_rng(3).normal(0, 2, (30, layers[0][0].shape[1])).astype(np.float32)
    _want, _found = network(layers, _x), network(_got, _x)
    assert _want.shape == _found.shape, why + tr(es=f"\n  La red tenía {_want.shape[1]} salidas y ahora tiene {_found.shape[1]}: las salidas no se tocan.", en=f"\n  The network had {_want.shape[1]} outputs and now has {_found.shape[1]}: outputs are not touched.")
    if not np.allclose(_want, _found, rtol=1e-4, atol=1e-4):
        _at = np.unravel_index(np.abs(_want - _found).argmax(), _want.shape)
        _hint = tr(es=" Son los mismos números en otro orden: las salidas se han permutado.", en=" They are the same numbers in another order: outputs have been permuted.") if np.allclose(np.sort(_want, axis=1), np.sort(_found, axis=1), rtol=1e-3, atol=1e-3) else tr(es=" Una unidad sin entradas vale ReLU(b), no 0: ¿sigue llegando esa constante a la capa siguiente?", en=" A unit without inputs outputs ReLU(b), not 0: does that constant still reach the next layer?")
        raise AssertionError(why + tr(es=f"\n  Ya no calcula la misma función: para una misma entrada, la salida {_at[1]} era {_want[_at]:.5g} y ahora es {_found[_at]:.5g}.", en=f"\n  It does not compute the same function any more: for one input, output {_at[1]} was {_want[_at]:.5g} and now is {_found[_at]:.5g}.") + _hint)
    return layers, _got


_t_s_unheard = [([[1, 2], [3, -4], [5, 6]], [0.1, 0.2, 0.3]), ([[1, 0, -1], [2, 0, 3]], [0.5, -0.5])]
_t_s_constant = [([[1, 2], [0, 0], [5, 6]], [0.1, 2.0, 0.3]), ([[1, 7, -1], [2, -3, 3]], [0.5, -0.5])]
_t_s_negative = [([[1, 2], [0, 0], [5, 6]], [0.1, -2.0, 0.3]), ([[1, 7, -1], [2, -3, 3]], [0.5, -0.5])]
_t_s_same(_t_s_unheard, tr(es="La segunda unidad no la escucha nadie.", en="Nobody listens to the second unit."))
_t_s_same(_t_s_constant, tr(es="La segunda unidad no tiene entradas y su sesgo es 2.", en="The second unit has no inputs and its bias is 2."))
_t_s_same(_t_s_negative, tr(es="La segunda unidad no tiene entradas y su sesgo es −2.", en="The second unit has no inputs and its bias is −2."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_s_rng = np.random.default_rng(49)
for _ in range(30):
    _t_s_same(_t_s_random(_t_s_rng, [4, 6, 5, 7, 3], 6), tr(es="Red al azar con unidades muertas.", en="Random network with dead units."))
    _t_s_same(_t_s_random(_t_s_rng, [3, 8, 2], 3), tr(es="Red al azar con unidades muertas.", en="Random network with dead units."))
_t_s_same(_t_s_random(_t_s_rng, [3, 4, 2], 0), tr(es="Red sin unidades muertas.", en="Network without dead units."))
_t_s_same([([[1, 2], [3, 4]], [1, -1])], tr(es="Una sola capa.", en="A single layer."))
_t_s_same([([[1, 2], [0, 0]], [1, -1])], tr(es="Una sola capa con una fila de ceros: es una salida.", en="A single layer with a row of zeros: it is an output."))
_t_s_same([([[0, 0], [1, 2]], [1, -1]), ([[0, 0], [3, 1], [2, 2]], [5, 6, 7])], tr(es="La primera salida de la red no tiene entradas: aun así no se quita.", en="The network's first output has no inputs: even so it is not removed."))
### END HIDDEN TESTS

# %% test="shrink/smaller" points=2 row="49" objective="6a.6"
def _t_s_small(layers, want, why):
    layers, _got = _t_s_same(layers, why)
    _bytes = [sum(weights.nbytes + bias.nbytes for weights, bias in some) for some in (layers, _got)]
    _widths = [layers[0][0].shape[1], *(weights.shape[0] for weights, _ in _got)]
    assert _widths == want, why + tr(
        es=f"\n  Anchos de la red: se esperaban {want} y son {_widths}; ocupaba {_bytes[0]} bytes y ahora {_bytes[1]}. Poner pesos a cero no cambia la arquitectura, y quitar una unidad puede matar a otras: se repite hasta que no quede ninguna.",
        en=f"\n  Widths of the network: expected {want}, got {_widths}; it took {_bytes[0]} bytes and now takes {_bytes[1]}. Setting weights to zero does not change the architecture, and removing a unit may kill others: repeat until there is none left.",
    )


_t_s_small(_t_s_unheard, [2, 2, 2], tr(es="La segunda unidad no la escucha nadie.", en="Nobody listens to the second unit."))
_t_s_small(_t_s_constant, [2, 2, 2], tr(es="La segunda unidad no tiene entradas.", en="The second unit has no inputs."))
_t_s_small([([[1, 2], [3, 4]], [0, 1]), ([[1, 5], [2, 0]], [1, 1]), ([[3, 0], [1, 0]], [0, 0])], [2, 2, 1, 2], tr(es="Tres capas: muere la segunda unidad de la segunda capa oculta, y sus dos vecinas de atrás siguen teniendo quien las escuche.", en="Three layers: the second unit of the second hidden layer dies, and its two neighbours behind still have somebody who listens."))
_t_s_small([([[1, 2], [3, 4]], [0, 1]), ([[1, 0], [0, 5]], [1, 1]), ([[3, 0], [1, 0]], [0, 0])], [2, 1, 1, 2], tr(es="Muere la segunda unidad de la segunda capa oculta, y con ella la que solo ella escuchaba.", en="The second unit of the second hidden layer dies, and with it the unit that only it listened to."))
_t_s_chain = [([[0, 0], [1, 2], [3, 4]], [2, 1, 0]), *[(np.eye(3), [1, 0, 1])] * 3, ([[1, 1, 0], [2, 1, 0]], [0, 0])]
_t_s_small(_t_s_chain, [2, 1, 1, 1, 1, 2], tr(es="Cinco capas: la primera unidad muere y deja sin entradas a la de delante, y esta a la siguiente…; y desde el final, la tercera, que nadie escucha, deja sin oyentes a la de atrás.", en="Five layers: the first unit dies, so the one after it is left without inputs and dies too, and so on; and from the end, nobody listens to the third, so it dies, and then nobody listens to the one before it."))
_t_s_small([([[0, 0], [0, 0]], [2, -1]), ([[4, 1], [2, 1]], [1, 1])], [2, 0, 2], tr(es="Ninguna unidad oculta escucha las entradas: no queda ninguna.", en="No hidden unit listens to the inputs: none is left."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_s_expected(layers):
    _alive = [np.ones(len(bias), bool) for _, bias in layers]
    while True:
        _count = sum(int(part.sum()) for part in _alive)
        for _n in range(len(layers) - 1):
            _behind = _alive[_n - 1] if _n else np.ones(layers[0][0].shape[1], bool)
            _alive[_n] &= (layers[_n][0][:, _behind] != 0).any(axis=1) & (layers[_n + 1][0][_alive[_n + 1]] != 0).any(axis=0)
        if sum(int(part.sum()) for part in _alive) == _count:
            return [layers[0][0].shape[1], *(int(part.sum()) for part in _alive)]


_t_s_rng = np.random.default_rng(50)
_t_s_small([([[0, 0], [3, 4]], [2, 1]), ([[4, 0], [2, 1]], [1, 1]), ([[3, 1], [1, 2]], [0, 0])], [2, 1, 1, 2], tr(es="Muere una unidad y la de delante se queda sin entradas.", en="A unit dies and the one before it is left without inputs."))
_t_s_small([([[0, 0], [0, 0]], [2, -1]), ([[4, 1], [2, 1]], [1, 1]), ([[3, 1]], [5])], [2, 0, 0, 1], tr(es="Ninguna unidad escucha las entradas: la red es una constante.", en="No unit listens to the inputs: the network is a constant."))
for _ in range(40):
    _t_layers = _t_s_random(_t_s_rng, [3, 5, 4, 5, 2], 5)
    for _t_layer in _t_layers[1:-1]:
        _t_layer[0][_t_s_rng.random(_t_layer[0].shape) < 0.6] = 0
    _t_s_small(_t_layers, _t_s_expected(_t_s_layers(_t_layers)), tr(es="Red al azar en la que mueren unas tras otras.", en="Random network in which they die one after another."))
### END HIDDEN TESTS

# %% wrong="shrink" score=2 says_es="no cambia la arquitectura" says_en="does not change the architecture"
# es: Con los pesos a cero, la unidad ya no está.
# en: With its weights at zero the unit is gone.
def shrink(layers):
    layers = [(weights.copy(), bias.copy()) for weights, bias in layers]
    for (weights, bias), (after, after_bias) in zip(layers, layers[1:], strict=False):
        constant, unheard = ~weights.any(axis=1), ~after.any(axis=0)
        after_bias += after[:, constant] @ np.maximum(bias[constant], 0)
        weights[constant | unheard], bias[constant | unheard], after[:, constant | unheard] = 0, 0, 0
    return layers

# %% wrong="shrink" score=0 says_es="no 0" says_en="not 0"
# es: Una unidad sin pesos de entrada vale 0: se quita y ya está.
# en: A unit without incoming weights is 0: remove it and that is all.
def shrink(layers):
    layers, number = list(layers), 0
    while number < len(layers) - 1:
        (weights, bias), (after, after_bias) = layers[number : number + 2]
        stays = weights.any(axis=1) & after.any(axis=0)
        if stays.all():
            number += 1
            continue
        layers[number], layers[number + 1] = (weights[stays], bias[stays]), (after[:, stays], after_bias)
        number = max(number - 1, 0)
    return layers

# %% wrong="shrink" score=0 says_es="esa constante" says_en="that constant"
# es: La constante que pasa a la capa siguiente es el sesgo.
# en: The constant that goes to the next layer is the bias.
def shrink(layers):
    layers, number = list(layers), 0
    while number < len(layers) - 1:
        (weights, bias), (after, after_bias) = layers[number : number + 2]
        constant, unheard = ~weights.any(axis=1), ~after.any(axis=0)
        stays = ~(constant | unheard)
        if stays.all():
            number += 1
            continue
        layers[number] = weights[stays], bias[stays]
        layers[number + 1] = after[:, stays], after_bias + after[:, constant] @ bias[constant]
        number = max(number - 1, 0)
    return layers

# %% wrong="shrink" score=0 says_es="se quita también su columna" says_en="so is its column"
# es: Se quitan filas y sesgos; la capa siguiente no cambia.
# en: Remove rows and biases; the next layer does not change.
def shrink(layers):
    small = []
    for (weights, bias), (after, _) in zip(layers, layers[1:], strict=False):
        stays = weights.any(axis=1) & after.any(axis=0)
        small.append((weights[stays], bias[stays]))
    return [*small, layers[-1]]

# %% wrong="shrink" score=0 says_es="se va su sesgo" says_en="so does its bias"
# es: Solo hay que quitar filas y columnas de las matrices.
# en: Only rows and columns of the matrices have to go.
def shrink(layers):
    layers = list(layers)
    for number in range(len(layers) - 1):
        (weights, bias), (after, after_bias) = layers[number : number + 2]
        stays = weights.any(axis=1) & after.any(axis=0)
        layers[number], layers[number + 1] = (weights[stays], bias), (after[:, stays], after_bias)
    return layers

# %% wrong="shrink" score=2 says_es="puede matar a otras" says_en="may kill others"
# es: Con una pasada de la primera capa a la última se quitan todas.
# en: One pass from the first layer to the last removes all of them.
def shrink(layers):
    layers = list(layers)
    for number in range(len(layers) - 1):
        (weights, bias), (after, after_bias) = layers[number : number + 2]
        constant, unheard = ~weights.any(axis=1), ~after.any(axis=0)
        stays = ~(constant | unheard)
        layers[number] = weights[stays], bias[stays]
        layers[number + 1] = after[:, stays], after_bias + after[:, constant] @ np.maximum(bias[constant], 0)
    return layers

# %% wrong="shrink" score=0 says_es="se han permutado" says_en="been permuted"
# es: Se ordenan las unidades de cada capa por importancia y se quitan las últimas, también en la capa de salida.
# en: Sort each layer's units by importance and remove the last ones, in the output layer too.
def shrink(layers):
    layers, number = list(layers), 0
    while number < len(layers) - 1:
        (weights, bias), (after, after_bias) = layers[number : number + 2]
        constant, unheard = ~weights.any(axis=1), ~after.any(axis=0)
        stays = ~(constant | unheard)
        if stays.all():
            number += 1
            continue
        layers[number] = weights[stays], bias[stays]
        layers[number + 1] = after[:, stays], after_bias + after[:, constant] @ np.maximum(bias[constant], 0)
        number = max(number - 1, 0)
    weights, bias = layers[-1]
    order = np.argsort(-np.abs(weights).sum(axis=1))
    return [*layers[:-1], (weights[order], bias[order])]

# %% right="shrink"
# es: primero se decide qué queda y después se corta todo de una vez, de delante atrás
# en: first decide what remains, then cut everything at once
def shrink(layers):
    alive = [set(range(len(bias))) for _, bias in layers]
    inputs = set(range(layers[0][0].shape[1]))
    dying = True
    while dying:
        dying = False
        for n in range(len(layers) - 1):
            behind = alive[n - 1] if n else inputs
            for unit in sorted(alive[n]):
                hears = any(layers[n][0][unit, other] != 0 for other in behind)
                heard = any(layers[n + 1][0][other, unit] != 0 for other in alive[n + 1])
                if not (hears and heard):
                    alive[n].discard(unit)
                    dying = True
    small, constants = [], np.zeros(len(inputs), np.float32)
    for n, (weights, bias) in enumerate(layers):
        rows, columns = sorted(alive[n]), sorted(alive[n - 1] if n else inputs)
        moved = bias + weights @ constants
        small.append((weights[np.ix_(rows, columns)], moved[rows].astype(np.float32)))
        constants = np.maximum(moved, 0)
        constants[rows] = 0
    return small

# %% right="shrink"
# es: una unidad cada vez, y vuelta a empezar
# en: one unit at a time, and start again
def shrink(layers):
    for n in range(len(layers) - 1):
        weights, bias = layers[n]
        after, after_bias = layers[n + 1]
        for unit in range(len(bias)):
            if not weights[unit].any() or not after[:, unit].any():
                worth = np.float32(max(bias[unit], 0)) if not weights[unit].any() else np.float32(0)
                changed = list(layers)
                changed[n] = np.delete(weights, unit, axis=0), np.delete(bias, unit)
                changed[n + 1] = np.delete(after, unit, axis=1), after_bias + worth * after[:, unit]
                return shrink(changed)
    return layers

# %% [markdown] lang="es" row="53"
# ## 8. Podar para buscar arquitecturas (4 puntos)
#
# Se entrena una red grande, se poda y se afina. Lo que resulta, ¿es bueno por los **pesos** que sobreviven o por la **forma** (cuántas unidades quedan en cada capa)? Se compara con la misma forma entrenada desde cero y con formas al azar (lo hicieron, con redes grandes, Liu y otros en *Rethinking the Value of Network Pruning*, ICLR 2019). El objeto `lab` hace los trabajos:
#
# - `lab.dense(seed)`: entrena la red grande durante `lab.dense_steps` pasos y la devuelve;
# - `lab.prune(dense)`: el par `(widths, weights)` de lo que queda de ella;
# - `lab.parameters(widths)`: cuántos parámetros tiene una red de esa forma;
# - `lab.random_widths(parameters, seed)`: una forma al azar con ese número de parámetros;
# - `lab.train(widths, seed, steps, weights=None)`: entrena esa forma durante `steps` pasos, desde `weights` o, si es `None`, desde cero con esa semilla, y devuelve su exactitud con datos apartados (una fracción, de 0 a 1).
#
# **a)** `run_arms(lab, seeds)`: devuelve un diccionario de tres listas, `"kept"`, `"fresh"` y `"random"`, con una exactitud por semilla, en el orden de `seeds`. Con cada semilla: `kept` afina los pesos supervivientes durante `lab.tune_steps` pasos; `fresh` entrena **la misma forma** desde cero; `random`, una forma al azar **con los mismos parámetros** que la podada, desde cero. Las comparaciones han de ser justas: los tres gastan **el mismo número total de pasos**, contando los que costó la red grande, y usan la misma semilla en todo. La red grande se entrena una vez por semilla.
#
# **b)** `what_matters(arms)`: el par `(weights, shape)` de textos, cada uno `"yes"`, `"no"` o `"unclear"`. `weights` compara `kept` con `fresh` (misma forma, otros pesos) y `shape`, `fresh` con `random` (los dos desde cero, otra forma). `"yes"`: el intervalo de la diferencia está entero por encima de 0; `"no"`: entero por debajo de 0.005, es decir, si algo aporta, es menos de medio punto (mira primero si es `"yes"`); `"unclear"`: ninguna de las dos cosas. `paired`, ya hecha, da `(mean, low, high)` de la diferencia, semilla a semilla.
# %% [markdown] lang="en" row="53"
# ## 8. Pruning to search for architectures (4 points)
#
# A large network is trained, pruned and tuned. Is what results good because of the **weights** that survive or because of the **shape** (how many units remain in each layer)? It is compared with the same shape trained from scratch and with random shapes (Liu and others did so with large networks in *Rethinking the Value of Network Pruning*, ICLR 2019). The object `lab` does the jobs:
#
# - `lab.dense(seed)`: trains the large network for `lab.dense_steps` steps and returns it;
# - `lab.prune(dense)`: the pair `(widths, weights)` of what remains of it;
# - `lab.parameters(widths)`: how many parameters a network of that shape has;
# - `lab.random_widths(parameters, seed)`: a random shape with that number of parameters;
# - `lab.train(widths, seed, steps, weights=None)`: trains that shape for `steps` steps, from `weights` or, if `None`, from scratch with that seed, and returns its accuracy on held-out data (a fraction, from 0 to 1).
#
# **a)** `run_arms(lab, seeds)`: returns a dict of three lists, `"kept"`, `"fresh"` and `"random"`, with one accuracy per seed, in the order of `seeds`. With each seed: `kept` tunes the surviving weights for `lab.tune_steps` steps; `fresh` trains **the same shape** from scratch; `random`, a random shape **with as many parameters** as the pruned one, from scratch. The comparisons have to be fair: all three spend **the same total number of steps**, counting those that the large network cost, and use the same seed for everything. The large network is trained once per seed.
#
# **b)** `what_matters(arms)`: the pair `(weights, shape)` of strings, each `"yes"`, `"no"` or `"unclear"`. `weights` compares `kept` with `fresh` (same shape, other weights) and `shape`, `fresh` with `random` (both from scratch, another shape). `"yes"`: the interval of the difference lies entirely above 0; `"no"`: entirely below 0.005, that is, if it adds anything, it is less than half a point (look first whether it is `"yes"`); `"unclear"`: neither of the two. `paired`, which is there already, gives `(mean, low, high)` of the difference, seed by seed.

# %%
def paired(first, second):
    """Mean of `first - second`, pair by pair, and its 95% interval by Student's t."""
    differences = np.array(first) - np.array(second)
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    return differences.mean(), differences.mean() - half, differences.mean() + half

# %% answer="search"
def run_arms(lab, seeds):
    ### BEGIN SOLUTION
    arms = {"kept": [], "fresh": [], "random": []}
    total = lab.dense_steps + lab.tune_steps
    for seed in seeds:
        widths, weights = lab.prune(lab.dense(seed))
        others = lab.random_widths(lab.parameters(widths), seed)
        arms["kept"].append(lab.train(widths, seed, lab.tune_steps, weights))
        arms["fresh"].append(lab.train(widths, seed, total))
        arms["random"].append(lab.train(others, seed, total))
    return arms
    ### END SOLUTION


def what_matters(arms):
    ### BEGIN SOLUTION
    def verdict(first, second):
        _, low, high = paired(arms[first], arms[second])
        return "yes" if low > 0 else "no" if high < 0.005 else "unclear"

    return verdict("kept", "fresh"), verdict("fresh", "random")
    ### END SOLUTION

# %% test="search/arms" points=2 row="53" objective="6a.9"
from mlprod import checks


class _t_ALab:
    """Trains nothing: it notes what it is asked and answers by a formula with much noise for each seed."""

    def __init__(self, dense_steps, tune_steps, by_weights, by_shape, salt=0):
        self.dense_steps, self.tune_steps = dense_steps, tune_steps
        self._worth, self._salt, self.spent, self.asked = (by_weights, by_shape), salt, [], []

    def dense(self, seed):
        self.asked.append(("dense", seed))
        return {"dense": seed}

    def prune(self, dense):
        seed = dense["dense"]
        return (20 + seed % 7, 9 + seed % 3), {"survivors": seed}

    def parameters(self, widths):
        return 30 * widths[0] + widths[0] * widths[1] + 10 * widths[1]

    def random_widths(self, parameters, seed):
        self.asked.append(("random_widths", parameters, seed))
        return ("any", parameters, seed)

    def train(self, widths, seed, steps, weights=None):
        self.spent.append((tuple(widths), seed, steps, None if weights is None else weights["survivors"]))
        noise = np.random.default_rng(seed * 31 + self._salt).normal(0, 0.04) + np.random.default_rng([seed, len(self.spent), self._salt]).normal(0, 0.001)
        steps += self.dense_steps * (weights is not None)
        return float(0.8 + noise + self._worth[0] * (weights is not None) + self._worth[1] * (widths[0] != "any") - 0.5 / steps**0.5)


def _t_a_arms(dense_steps, tune_steps, seeds):
    _lab = _t_ALab(dense_steps, tune_steps, 0.0, 0.02)
    _got = run_arms(_lab, list(seeds))
    assert isinstance(_got, dict) and set(_got) == {"kept", "fresh", "random"}, tr(es="run_arms devuelve un diccionario con kept, fresh y random.", en="run_arms returns a dict with kept, fresh and random.")
    checks.same(sorted(asked[1] for asked in _lab.asked if asked[0] == "dense"), sorted(seeds), tr(es=f"Semillas con las que se entrena la red grande (seeds={list(seeds)}): una vez cada una.", en=f"Seeds with which the large network is trained (seeds={list(seeds)}): once each."), observed=True)
    _total = dense_steps + tune_steps
    for _seed in seeds:
        _widths = (20 + _seed % 7, 9 + _seed % 3)
        _n = _lab.parameters(_widths)
        checks.same([asked[1:] for asked in _lab.asked if asked[0] == "random_widths" and asked[2] == _seed], [(_n, _seed)], tr(es=f"Semilla {_seed}: forma al azar con los mismos parámetros que la podada, {_widths}; llamadas a random_widths (parámetros, semilla):", en=f"Seed {_seed}: random shape with as many parameters as the pruned one, {_widths}; calls to random_widths (parameters, seed):"), observed=True)
        for _what, _want in (("kept", (_widths, _seed, tune_steps, _seed)), ("fresh", (_widths, _seed, _total, None)), ("random", (("any", _n, _seed), _seed, _total, None))):
            _same = [some for some in _lab.spent if some[0] == _want[0] and some[1] == _seed and some[3] == _want[3]]
            assert _same, tr(es=f"Semilla {_seed}: falta el entrenamiento de {_what}: forma {_want[0]}, {'desde cero' if _want[3] is None else 'desde los pesos supervivientes'}, con esa semilla. Entrenamientos vistos (forma, semilla, pasos, pesos): {_lab.spent}", en=f"Seed {_seed}: the training of {_what} is missing: shape {_want[0]}, {'from scratch' if _want[3] is None else 'from the surviving weights'}, with that seed. Jobs seen (shape, seed, steps, weights): {_lab.spent}")
            assert [some[2] for some in _same] == [_want[2]], tr(
                es=f"Semilla {_seed}, {_what}: se esperaban {_want[2]} pasos y han sido {', '.join(str(some[2]) for some in _same)}. La red grande costó {dense_steps} y afinar {tune_steps}: para que la comparación sea justa, quien empieza desde cero gasta los {_total}, y kept, que ya ha gastado los de la red grande, solo afina.",
                en=f"Seed {_seed}, {_what}: {_want[2]} steps were expected and they were {', '.join(str(some[2]) for some in _same)}. The large network cost {dense_steps} and tuning {tune_steps}: for the comparison to be fair, what starts from scratch spends all {_total}, and kept, which has spent those of the large network already, only tunes.",
            )
    checks.same(len(_lab.spent), 3 * len(seeds), tr(es="Entrenamientos en total, sin la red grande.", en="Calls of train in all, without the large network."), observed=True)
    for _what in _got:
        checks.same(len(_got[_what]), len(seeds), tr(es=f"Exactitudes de {_what}, una por semilla.", en=f"Accuracies of {_what}, one per seed."))
    _replay = _t_ALab(dense_steps, tune_steps, 0.0, 0.02)
    for _row in _lab.spent:
        _value = _replay.train(_row[0], _row[1], _row[2], None if _row[3] is None else {"survivors": _row[3]})
        _what = "kept" if _row[3] is not None else "random" if _row[0][0] == "any" else "fresh"
        checks.same(_got[_what][list(seeds).index(_row[1])], _value, tr(es=f"{_what}, semilla {_row[1]}: la exactitud que dio lab.train, en el orden de seeds.", en=f"{_what}, seed {_row[1]}: the accuracy that lab.train gave, in the order of seeds."))


_t_a_arms(300, 60, [3, 1, 2])
checks.passed()
### BEGIN HIDDEN TESTS
_t_a_arms(1_000, 10, [11])
_t_a_arms(50, 200, [9, 7, 5, 8, 21])
### END HIDDEN TESTS

# %% test="search/verdict" points=2 row="53" objective="6a.9"
def _t_a_verdict(kept, fresh, random, want, why):
    _got = what_matters({"kept": list(kept), "fresh": list(fresh), "random": list(random)})
    checks.same(_got, want, f"{why}\n  kept={list(kept)}\n  fresh={list(fresh)}\n  random={list(random)}")


_t_a_seed = [0.90, 0.84, 0.88, 0.79, 0.86]
_t_a_verdict(
    [x + d for x, d in zip(_t_a_seed, (0.001, -0.001, 0.0, 0.001, -0.001), strict=True)], _t_a_seed, [x - d for x, d in zip(_t_a_seed, (0.02, 0.018, 0.021, 0.02, 0.019), strict=False)], ("no", "yes"),
    tr(es="Las semillas difieren mucho entre sí, pero semilla a semilla fresh gana siempre a random por 2 puntos y empata con kept.", en="The seeds differ much, but seed by seed fresh always beats random by 2 points and is level with kept."),
)
_t_a_verdict([x + d for x, d in zip(_t_a_seed, (0.02, 0.021, 0.019, 0.02, 0.02), strict=True)], _t_a_seed, [x + d for x, d in zip(_t_a_seed, (0.01, 0.011, 0.009, 0.01, 0.01), strict=False)], ("yes", "no"), tr(es="kept gana a fresh; y fresh pierde contra random, así que la forma no aporta.", en="kept beats fresh; and fresh loses against random, so the shape adds nothing."))
_t_a_verdict([x + d for x, d in zip(_t_a_seed, (0.05, -0.03, 0.04, -0.02, 0.01), strict=True)], _t_a_seed, _t_a_seed, ("unclear", "no"), tr(es="La media de kept es un punto mayor, pero el intervalo va de muy por debajo de 0 a muy por encima: no se sabe. Una media no es una conclusión.", en="The mean of kept is one point higher, but the interval goes from well below 0 to well above: unknown. A mean is no conclusion."))
_t_a_verdict([x + d for x, d in zip(_t_a_seed, (0.002, 0.0021, 0.0019, 0.002, 0.002), strict=True)], _t_a_seed, [x - d for x, d in zip(_t_a_seed, (0.03, -0.01, 0.02, 0.0, 0.01), strict=False)], ("yes", "unclear"), tr(es="kept aporta menos de medio punto, pero seguro: su intervalo está por encima de 0. El de fresh menos random va de −1 a 3 puntos.", en="kept adds less than half a point, but for sure: its interval lies above 0. That of fresh minus random goes from −1 to 3 points."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_a_verdict([x + d for x, d in zip(_t_a_seed, (0.003, 0.0031, 0.0029, 0.003, 0.003), strict=True)], _t_a_seed, [x - d for x, d in zip(_t_a_seed, (0.02, -0.01, 0.03, 0.01, 0.0), strict=False)], ("yes", "unclear"), tr(es="Poco, pero seguro: está por encima de 0.", en="Little, but sure: it lies above 0."))
_t_a_verdict([0.9, 0.8], [0.9, 0.799], [0.88, 0.78], ("unclear", "yes"), tr(es="Solo dos semillas.", en="Only two seeds."))
_t_a_rng = np.random.default_rng(53)
for _t_number in range(60):
    _t_n = 3 + _t_number % 8
    _t_b = _t_a_rng.normal(0.85, 0.05, _t_n)
    _t_k, _t_r = _t_b + _t_a_rng.normal(_t_a_rng.choice([0, 0.01, 0.03]), 0.004, _t_n), _t_b - _t_a_rng.normal(_t_a_rng.choice([0, 0.01, 0.03]), 0.004, _t_n)
    _t_want = []
    for _t_d in (_t_k - _t_b, _t_b - _t_r):
        _t_half = float(stats.t(_t_n - 1).isf(0.025)) * _t_d.std(ddof=1) / _t_n**0.5
        _t_want.append("yes" if _t_d.mean() - _t_half > 0 else "no" if _t_d.mean() + _t_half < 0.005 else "unclear")
    _t_a_verdict(_t_k.tolist(), _t_b.tolist(), _t_r.tolist(), tuple(_t_want), tr(es="Otras semillas.", en="Other seeds."))
### END HIDDEN TESTS

# %% wrong="search" score=2 says_es="para que la comparación sea justa" says_en="for the comparison to be fair"
# es: Desde cero se entrena lo mismo que se afina: los tres hacen los mismos pasos.
# en: From scratch one trains as long as one tunes: all three do the same steps.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if low > 0 else "no" if high < 0.005 else "unclear")
    return tuple(found)

# %% wrong="search" score=2 says_es="para que la comparación sea justa" says_en="for the comparison to be fair"
# es: Los tres entrenan el total de pasos, kept también.
# en: All three train for the total of steps, kept too.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, everything, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if low > 0 else "no" if high < 0.005 else "unclear")
    return tuple(found)

# %% wrong="search" score=2 says_es="con los mismos parámetros" says_en="as many parameters"
# es: Las formas al azar se sacan con un tamaño cualquiera.
# en: Random shapes are drawn with any size.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size * 3 // 2, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if low > 0 else "no" if high < 0.005 else "unclear")
    return tuple(found)

# %% wrong="search" score=2 says_es="con esa semilla" says_en="with that seed"
# es: La red podada se entrena desde cero con otra semilla, para que no dependa de la primera.
# en: The pruned shape is trained from scratch with another seed, so as not to depend on the first.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed + 1000, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if low > 0 else "no" if high < 0.005 else "unclear")
    return tuple(found)

# %% wrong="search" score=2 says_es="una vez cada una" says_en="once each"
# es: La red grande se entrena una vez y se poda; las semillas son las de lo demás.
# en: The large network is trained once and pruned; the seeds are for the rest.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    large = lab.dense(seeds[0])
    for seed in seeds:
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if low > 0 else "no" if high < 0.005 else "unclear")
    return tuple(found)

# %% wrong="search" score=2 says_es="Una media no es una conclusión" says_en="A mean is no conclusion"
# es: Gana quien tiene la media más alta.
# en: The one with the higher mean wins.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if mean > 0 else "no")
    return tuple(found)

# %% wrong="search" score=2 says_es="no se sabe" says_en="unknown"
# es: Si el intervalo contiene el 0, no aporta nada.
# en: If the interval contains 0, it adds nothing.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if low > 0 else "no")
    return tuple(found)

# %% wrong="search" score=2 says_es="y fresh pierde contra random" says_en="and fresh loses against random"
# es: La forma se juzga comparando la red podada, con sus pesos, con una al azar.
# en: The shape is judged by comparing the pruned network, with its weights, to a random one.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("kept", "random")):
        mean, low, high = paired(arms[one], arms[other])
        found.append("yes" if low > 0 else "no" if high < 0.005 else "unclear")
    return tuple(found)

# %% wrong="search" score=2 says_es="Las semillas difieren mucho entre sí" says_en="The seeds differ much"
# es: Se comparan las dos listas de exactitudes como dos grupos.
# en: The two lists of accuracies are compared as two groups.
def run_arms(lab, seeds):
    arms = {"kept": [], "fresh": [], "random": []}
    everything = lab.tune_steps + lab.dense_steps
    for seed in seeds:
        large = lab.dense(seed)
        widths, weights = lab.prune(large)
        arms["kept"] += [lab.train(widths, seed, lab.tune_steps, weights=weights)]
        arms["fresh"] += [lab.train(widths, seed, everything)]
        size = lab.parameters(widths)
        arms["random"] += [lab.train(lab.random_widths(size, seed), seed, everything)]
    return arms


def what_matters(arms):
    found = []
    for one, other in (("kept", "fresh"), ("fresh", "random")):
        a, b = np.array(arms[one]), np.array(arms[other])
        half = 1.96 * (a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)) ** 0.5
        mean, low, high = a.mean() - b.mean(), a.mean() - b.mean() - half, a.mean() - b.mean() + half
        found.append("yes" if low > 0 else "no" if high < 0.005 else "unclear")
    return tuple(found)

# %% right="search"
# es: primero todas las redes grandes y después los tres grupos, uno tras otro
# en: first all large networks and then the three arms, one after another
def run_arms(lab, seeds):
    pruned = {seed: lab.prune(lab.dense(seed)) for seed in seeds}
    fair = lab.dense_steps + lab.tune_steps
    random = {seed: lab.random_widths(lab.parameters(shape), seed) for seed, (shape, _) in pruned.items()}
    return {
        "random": [lab.train(random[seed], seed, fair, None) for seed in seeds],
        "fresh": [lab.train(pruned[seed][0], seed, fair, None) for seed in seeds],
        "kept": [lab.train(*(pruned[seed][0], seed, lab.tune_steps, pruned[seed][1])) for seed in seeds],
    }


def what_matters(arms):
    def judge(differences):
        test = stats.ttest_1samp(differences, 0.0)
        interval = test.confidence_interval(0.95)
        if interval.low > 0:
            return "yes"
        return "no" if interval.high < 0.005 else "unclear"

    kept, fresh, random = (np.array(arms[name]) for name in ("kept", "fresh", "random"))
    with np.errstate(all="ignore"):
        return [judge(kept - fresh) if np.ptp(kept - fresh) else "no", judge(fresh - random) if np.ptp(fresh - random) else "no"]

# %% [markdown] lang="es" row="52"
# ## 9. Cuándo ahorran los ceros (4 puntos)
#
# Una matriz con ceros guardada como matriz densa ocupa lo mismo y tarda lo mismo: los ceros también se multiplican. Para ahorrar hay que guardarla de otra forma. En **CSR** (*compressed sparse row*) hay tres vectores: `values`, los valores no nulos por filas (`float32`); `columns`, la columna de cada uno (`int32`); y `starts`, de longitud filas + 1 (`int32`): los de la fila `i` son los que van de `starts[i]` a `starts[i + 1]`, sin incluir este. Completa, sin usar `scipy.sparse`:
#
# **a)** `to_csr(matrix)`: la terna `(values, columns, starts)`, con las columnas de cada fila en orden creciente.
#
# **b)** `csr_times(values, columns, starts, x)`: el producto de la matriz por el vector `x`. Devuelve un array con un elemento por fila de la matriz (`float32` o `float64`) sin reconstruir la matriz densa: en una de las comprobaciones ocuparía un gigabyte.
#
# **c)** `zeros_needed(rows, cols)`: cuántos ceros ha de tener como mínimo una matriz de ese tamaño para que CSR ocupe **menos** bytes que la densa en `float32`, contando los tres vectores. `None` si no hay ceros que basten.
#
# **d)** `sparse_speedup(sparsity, kernel, macs_per_s)`: cuántas veces más deprisa que la densa va una capa con esa fracción de ceros (menos de 1). `kernel` es `"dense"` o `"csr"`, y `macs_per_s`, un diccionario con cuántas multiplicaciones por segundo hace cada uno; el denso las hace todas, también por 0, y el CSR solo las no nulas, pero cada una le cuesta más. Y `pays_from(macs_per_s)`: a partir de qué fracción de ceros empatan los dos (0.0 si el CSR hace tantas multiplicaciones por segundo como el denso, o más).
# %% [markdown] lang="en" row="52"
# ## 9. When zeros actually save anything (4 points)
#
# A matrix with zeros stored as a dense matrix takes as much room and as much time: zeros are multiplied, too. To save, it has to be stored in another form. In **CSR** (*compressed sparse row*) there are three vectors: `values`, the non-zero values by rows (`float32`); `columns`, the column of each one (`int32`); and `starts`, of length rows + 1 (`int32`): those of row `i` go from `starts[i]` to `starts[i + 1]`, the latter not included. Complete, without `scipy.sparse`:
#
# **a)** `to_csr(matrix)`: the triple `(values, columns, starts)`, with the columns of each row in increasing order.
#
# **b)** `csr_times(values, columns, starts, x)`: the product of the matrix by the vector `x`. It returns an array with one element per row of the matrix (`float32` or `float64`) without rebuilding the dense matrix: in one of the checks it would take a gigabyte.
#
# **c)** `zeros_needed(rows, cols)`: how many zeros a matrix of that size must have at least for CSR to take **fewer** bytes than the dense one in `float32`, counting all three vectors. `None` if no number of zeros will do.
#
# **d)** `sparse_speedup(sparsity, kernel, macs_per_s)`: how many times as fast as the dense one a layer with that fraction of zeros (less than 1) is. `kernel` is `"dense"` or `"csr"`, and `macs_per_s` a dict with how many multiplications a second each of them does; the dense one does them all, also by 0, and the CSR one only the non-zero ones, but each costs it more. And `pays_from(macs_per_s)`: from what fraction of zeros CSR breaks even (0.0 if CSR does as many multiplications a second as the dense one, or more).

# %% answer="sparse"
def to_csr(matrix):
    ### BEGIN SOLUTION
    rows, columns = np.nonzero(matrix)
    starts = np.concatenate([[0], np.cumsum(np.count_nonzero(matrix, axis=1))])
    return matrix[rows, columns].astype(np.float32), columns.astype(np.int32), starts.astype(np.int32)
    ### END SOLUTION


def csr_times(values, columns, starts, x):
    ### BEGIN SOLUTION
    products = values * x[columns]
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return np.bincount(rows, weights=products, minlength=len(starts) - 1)
    ### END SOLUTION


def zeros_needed(rows, cols):
    ### BEGIN SOLUTION
    nonzeros = (4 * rows * cols - 4 * (rows + 1) - 1) // 8
    return rows * cols - nonzeros if nonzeros >= 0 else None
    ### END SOLUTION


def sparse_speedup(sparsity, kernel, macs_per_s):
    ### BEGIN SOLUTION
    return 1.0 if kernel == "dense" else macs_per_s["csr"] / macs_per_s["dense"] / (1 - sparsity)
    ### END SOLUTION


def pays_from(macs_per_s):
    ### BEGIN SOLUTION
    return max(1 - macs_per_s["csr"] / macs_per_s["dense"], 0.0)
    ### END SOLUTION

# %% test="sparse/csr" points=2 row="52" objective="6a.8"
import tracemalloc as _t_tracemalloc

from mlprod import checks


def _t_z_csr(matrix, want, product, why):
    matrix = np.array(matrix, dtype=np.float32)
    _got = to_csr(matrix.copy())
    assert isinstance(_got, (tuple, list)) and len(_got) == 3, why + tr(es=" to_csr devuelve (values, columns, starts).", en=" to_csr returns (values, columns, starts).")
    _values, _columns, _starts = (np.asarray(part) for part in _got)
    assert (_values.dtype, _columns.dtype, _starts.dtype) == (np.float32, np.int32, np.int32), why + tr(es=f" Los tipos son {_values.dtype}, {_columns.dtype} y {_starts.dtype}; se esperaban float32, int32 e int32: con 8 bytes por índice no se ahorra lo mismo.", en=f" The types are {_values.dtype}, {_columns.dtype} and {_starts.dtype}; float32, int32 and int32 were expected: with 8 bytes an index the saving is another.")
    for _name, _have, _expected in zip(("values", "columns", "starts"), (_values, _columns, _starts), want, strict=True):
        checks.same(_have.tolist(), _expected, f"{why} {_name}, {matrix.shape}:")
    _y = np.asarray(csr_times(_values, _columns, _starts, np.linspace(-1, 2, matrix.shape[1]).astype(np.float32)), dtype=np.float64)
    assert _y.shape == (len(matrix),), why + tr(es=f" El producto tiene {len(matrix)} componentes, una por fila (también las filas vacías); se ha obtenido {_y.shape}.", en=f" The product has {len(matrix)} components, one per row (empty rows too); it has shape {_y.shape}.")
    assert np.allclose(_y, product, atol=1e-4), why + tr(es=f" csr_times: se esperaba {np.round(product[:6], 4).tolist()} y se ha obtenido {np.round(_y[:6], 4).tolist()} (como mucho, las seis primeras).", en=f" csr_times: {np.round(product[:6], 4).tolist()} was expected and it gave {np.round(_y[:6], 4).tolist()} (at most the first six).")


_t_z_csr([[0, 2, 0, 3], [0, 0, 0, 0], [-1, 0, 0, 4]], ([2.0, 3.0, -1.0, 4.0], [1, 3, 0, 3], [0, 2, 2, 4]), [6.0, 0.0, 9.0], tr(es="Una fila vacía en medio.", en="An empty row in the middle."))
_t_z_csr([[1, 2], [3, 4]], ([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1], [0, 2, 4]), [3.0, 5.0], tr(es="Sin ceros.", en="Without zeros."))
_t_z_csr([[5, 0], [0, 0]], ([5.0], [0], [0, 1, 1]), [-5.0, 0.0], tr(es="La última fila está vacía.", en="The last row is empty."))


def _t_z_memory(n, limit):
    """A matrix of n × n with three ones a row: multiplying must not take `limit` bytes."""
    _each, _peak = 3, None
    _big = (np.ones(n * _each, np.float32), np.random.default_rng(n).integers(0, n, n * _each).astype(np.int32), np.arange(0, n * _each + 1, _each, dtype=np.int32))
    _t_tracemalloc.start()
    try:
        with checks.ends(tr(es=f"csr_times con {n} filas y {n * _each} no nulos tarda demasiado: ¿recorre la matriz densa?", en=f"csr_times with {n} rows and {n * _each} non-zeros takes too long: does it go through the dense matrix?"), 15):
            _y = np.asarray(csr_times(*_big, np.ones(n, np.float32)))
        _peak = _t_tracemalloc.get_traced_memory()[1]
    except MemoryError:
        pass
    finally:
        _t_tracemalloc.stop()
    assert _peak is not None and _peak < limit, tr(es=f"csr_times reconstruye la matriz densa: para {n * _each} no nulos ha pedido {'demasiada memoria' if _peak is None else f'{_peak / 1e6:.0f} MB'}.", en=f"csr_times rebuilds the dense matrix: for {n * _each} non-zeros it has asked for {'too much memory' if _peak is None else f'{_peak / 1e6:.0f} MB'}.")
    assert np.allclose(_y, 3.0), tr(es="Filas con tres unos por un vector de unos: cada componente es 3 (si una columna se repite, cuenta las dos veces).", en="Rows with three ones by a vector of ones: each component is 3 (if a column repeats, it counts both times).")


_t_z_memory(2_000, 10e6)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_z_expected(matrix, why):
    matrix = np.array(matrix, dtype=np.float32)
    _want = [[float(v) for row in matrix for v in row if v != 0], [c for row in matrix for c, v in enumerate(row) if v != 0], [0]]
    for row in matrix:
        _want[2].append(_want[2][-1] + int(np.count_nonzero(row)))
    _t_z_csr(matrix, _want, matrix.astype(np.float64) @ np.linspace(-1, 2, matrix.shape[1]), why)


_t_z_expected([[0, 0, 0], [0, 0, 5], [0, 0, 0]], tr(es="Filas vacías al principio y al final.", en="Empty rows at the beginning and the end."))
_t_z_expected(np.zeros((3, 2)), tr(es="Todo ceros.", en="All zeros."))
_t_z_rng = np.random.default_rng(52)
for _t_number in range(30):
    _t_size = int(_t_z_rng.integers(1, 12)), int(_t_z_rng.integers(1, 12))
    _t_z_expected(_t_z_rng.normal(0, 1, _t_size) * (_t_z_rng.random(_t_size) < 0.3), tr(es="Matriz al azar.", en="Random matrix."))
_t_z_memory(16_000, 100e6)
### END HIDDEN TESTS

# %% test="sparse/bytes" points=1 row="52" objective="6a.8"
def _t_z_zeros(rows, cols, want):
    _n = rows * cols
    checks.same(zeros_needed(rows, cols), want, tr(
        es=f"zeros_needed({rows}, {cols}): la densa ocupa {4 * _n} bytes. En CSR cada no nulo ocupa 8, el valor y su columna, y hay que sumar starts, {4 * (rows + 1)} bytes. Tienen que ser menos bytes que la densa, no los mismos; None si no lo son ni con todo ceros.",
        en=f"zeros_needed({rows}, {cols}): the dense one takes {4 * _n} bytes. In CSR each non-zero takes 8, the value and its column, and starts has to be added, {4 * (rows + 1)} bytes. They have to be fewer bytes than the dense one takes, not as many; None if they are not even with all zeros.",
    ))


_t_z_zeros(100, 100, 5_051)
_t_z_zeros(1, 10, 7)
_t_z_zeros(1, 2, None)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_rows, _t_cols in ((1, 1), (1, 3), (2, 2), (5, 1), (7, 3), (1000, 1000), (4096, 11), (3, 4096), (64, 2), (100, 1)):
    _t_fits = [n for n in range(_t_rows * _t_cols + 1) if 8 * n + 4 * (_t_rows + 1) < 4 * _t_rows * _t_cols] if _t_rows * _t_cols < 5_000 else None
    _t_most = max(_t_fits, default=None) if _t_fits is not None else (4 * _t_rows * _t_cols - 4 * _t_rows - 5) // 8
    _t_z_zeros(_t_rows, _t_cols, None if _t_most is None else _t_rows * _t_cols - _t_most)
### END HIDDEN TESTS

# %% test="sparse/speed" points=1 row="52" objective="6a.8"
def _t_z_speed(sparsity, kernel, rates, want, why):
    checks.same(checks.number(sparse_speedup(sparsity, kernel, dict(rates)), "sparse_speedup"), want, f'{why}\n  sparse_speedup({sparsity}, "{kernel}", {rates}):')


_t_z_rates = {"dense": 20e9, "csr": 2e9}
for _t_part in (0.5, 0.95):
    _t_z_speed(_t_part, "dense", _t_z_rates, 1.0, tr(es="Poner ceros en una matriz densa no ahorra nada: se multiplica también por 0.", en="Zeros in a dense matrix save nothing: it multiplies by 0 as well."))
_t_z_speed(0.9, "csr", _t_z_rates, 1.0, tr(es="Con un 90 % de ceros no va 10 veces más deprisa: cada multiplicación del CSR cuesta 10 veces más, y empatan.", en="With 90% zeros it is not 10 times faster: each multiplication in CSR costs 10 times as much, and they break even."))
_t_z_speed(0.5, "csr", _t_z_rates, 0.2, tr(es="Con la mitad de ceros, CSR es más lento.", en="With half zeros, CSR is slower."))
checks.same(checks.number(pays_from(dict(_t_z_rates)), "pays_from"), 0.9, f"pays_from({_t_z_rates}):")
_t_z_quick = {"dense": 2e9, "csr": 4e9}
checks.same(checks.number(pays_from(dict(_t_z_quick)), "pays_from"), 0.0, tr(es=f"pays_from({_t_z_quick}), con cualquier fracción gana CSR:", en=f"pays_from({_t_z_quick}), with any fraction CSR wins:"))
checks.passed()
### BEGIN HIDDEN TESTS
_t_z_rng = np.random.default_rng(53)
for _ in range(60):
    _t_rates = {"dense": 10 ** _t_z_rng.uniform(9, 11), "csr": 10 ** _t_z_rng.uniform(8, 10)}
    _t_s = float(_t_z_rng.uniform(0, 0.999))
    _t_z_speed(_t_s, "csr", _t_rates, _t_rates["csr"] * 1.0 / (_t_rates["dense"] * (1 - _t_s)), tr(es="Otras velocidades.", en="Other speeds."))
    _t_z_speed(_t_s, "dense", _t_rates, 1.0, tr(es="Otras velocidades.", en="Other speeds."))
    checks.same(checks.number(pays_from(dict(_t_rates)), "pays_from"), max(0.0, (_t_rates["dense"] - _t_rates["csr"]) / _t_rates["dense"]), f"pays_from({_t_rates}):")
checks.same(checks.number(pays_from({"dense": 3e9, "csr": 3e9}), "pays_from"), 0.0, tr(es="Si cuestan lo mismo, pays_from es 0.", en="If they cost the same, pays_from is 0."))
### END HIDDEN TESTS

# %% wrong="sparse" score=2 says_es="reconstruye la matriz densa" says_en="rebuilds the dense matrix"
# es: Para multiplicar se vuelve a la matriz densa.
# en: To multiply, go back to the dense matrix.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int32), np.array(starts, np.int32)


def csr_times(values, columns, starts, x):
    dense = np.zeros((len(starts) - 1, len(x)), np.float32)
    for row in range(len(starts) - 1):
        for at in range(starts[row], starts[row + 1]):
            dense[row, columns[at]] += values[at]
    return dense @ x


def zeros_needed(rows, cols):
    for zeros in range(rows * cols // 2, rows * cols + 1):
        if 8 * (rows * cols - zeros) + 4 * (rows + 1) < 4 * rows * cols:
            return zeros
    return None


def sparse_speedup(sparsity, kernel, macs_per_s):
    work = {"dense": 1, "csr": 1 - sparsity}[kernel]
    return 1 / (work / macs_per_s[kernel] * macs_per_s["dense"])


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% wrong="sparse" score=2 says_es="8 bytes por índice" says_en="8 bytes an index"
# es: El tipo de los índices da igual.
# en: The type of the indices does not matter.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int64), np.array(starts, np.int64)


def csr_times(values, columns, starts, x):
    ends = list(zip(starts[:-1], starts[1:], strict=False))
    return np.array([values[start:end] @ x[columns[start:end]] for start, end in ends])


def zeros_needed(rows, cols):
    for zeros in range(rows * cols // 2, rows * cols + 1):
        if 8 * (rows * cols - zeros) + 4 * (rows + 1) < 4 * rows * cols:
            return zeros
    return None


def sparse_speedup(sparsity, kernel, macs_per_s):
    work = {"dense": 1, "csr": 1 - sparsity}[kernel]
    return 1 / (work / macs_per_s[kernel] * macs_per_s["dense"])


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% wrong="sparse" score=2 says_es="filas vacías" says_en="empty rows"
# es: Se suma desde el principio de cada fila hasta el siguiente con np.add.reduceat.
# en: Sum from the start of each row to the next with np.add.reduceat.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int32), np.array(starts, np.int32)


def csr_times(values, columns, starts, x):
    used = np.unique(starts[:-1][np.diff(starts) > 0])
    return np.add.reduceat(values * x[columns], used) if len(used) else np.zeros(0)


def zeros_needed(rows, cols):
    for zeros in range(rows * cols // 2, rows * cols + 1):
        if 8 * (rows * cols - zeros) + 4 * (rows + 1) < 4 * rows * cols:
            return zeros
    return None


def sparse_speedup(sparsity, kernel, macs_per_s):
    work = {"dense": 1, "csr": 1 - sparsity}[kernel]
    return 1 / (work / macs_per_s[kernel] * macs_per_s["dense"])


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% wrong="sparse" score=3 says_es="el valor y su columna" says_en="the value and its column"
# es: En CSR solo se guardan los no nulos: con un cero ya se ahorra.
# en: CSR only stores the non-zeros: one zero is enough to save.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int32), np.array(starts, np.int32)


def csr_times(values, columns, starts, x):
    ends = list(zip(starts[:-1], starts[1:], strict=False))
    return np.array([values[start:end] @ x[columns[start:end]] for start, end in ends])


def zeros_needed(rows, cols):
    return 1


def sparse_speedup(sparsity, kernel, macs_per_s):
    work = {"dense": 1, "csr": 1 - sparsity}[kernel]
    return 1 / (work / macs_per_s[kernel] * macs_per_s["dense"])


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% wrong="sparse" score=3 says_es="hay que sumar starts" says_en="starts has to be added"
# es: Con la mitad de ceros empatan: hace falta uno más.
# en: With half zeros they break even: one more is needed.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int32), np.array(starts, np.int32)


def csr_times(values, columns, starts, x):
    ends = list(zip(starts[:-1], starts[1:], strict=False))
    return np.array([values[start:end] @ x[columns[start:end]] for start, end in ends])


def zeros_needed(rows, cols):
    return rows * cols // 2 + 1


def sparse_speedup(sparsity, kernel, macs_per_s):
    work = {"dense": 1, "csr": 1 - sparsity}[kernel]
    return 1 / (work / macs_per_s[kernel] * macs_per_s["dense"])


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% wrong="sparse" score=3 says_es="no va 10 veces más deprisa" says_en="not 10 times faster"
# es: Con un 90 % de ceros se hace la décima parte de las cuentas: 10 veces más deprisa.
# en: With 90% zeros a tenth of the work is done: 10 times faster.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int32), np.array(starts, np.int32)


def csr_times(values, columns, starts, x):
    ends = list(zip(starts[:-1], starts[1:], strict=False))
    return np.array([values[start:end] @ x[columns[start:end]] for start, end in ends])


def zeros_needed(rows, cols):
    for zeros in range(rows * cols // 2, rows * cols + 1):
        if 8 * (rows * cols - zeros) + 4 * (rows + 1) < 4 * rows * cols:
            return zeros
    return None


def sparse_speedup(sparsity, kernel, macs_per_s):
    work = {"dense": 1, "csr": 1 - sparsity}[kernel]
    return 1 / work


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% wrong="sparse" score=3 says_es="no ahorra nada" says_en="save nothing"
# es: Multiplicar por cero es gratis: también la matriz densa se acelera.
# en: Multiplying by zero is free: the dense matrix speeds up, too.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int32), np.array(starts, np.int32)


def csr_times(values, columns, starts, x):
    ends = list(zip(starts[:-1], starts[1:], strict=False))
    return np.array([values[start:end] @ x[columns[start:end]] for start, end in ends])


def zeros_needed(rows, cols):
    for zeros in range(rows * cols // 2, rows * cols + 1):
        if 8 * (rows * cols - zeros) + 4 * (rows + 1) < 4 * rows * cols:
            return zeros
    return None


def sparse_speedup(sparsity, kernel, macs_per_s):
    work = 1 - sparsity
    return 1 / (work / macs_per_s[kernel] * macs_per_s["dense"])


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% wrong="sparse" score=3 says_es="no ahorra nada" says_en="save nothing"
# es: Si hay ceros, se usa el CSR: da igual cómo esté guardada la capa.
# en: If there are zeros, CSR is used: how the layer is stored does not matter.
def to_csr(matrix):
    values, columns, starts = [], [], [0]
    for row in matrix:
        there = np.flatnonzero(row)
        values.extend(row[there])
        columns.extend(there)
        starts.append(len(values))
    return np.array(values, np.float32), np.array(columns, np.int32), np.array(starts, np.int32)


def csr_times(values, columns, starts, x):
    ends = list(zip(starts[:-1], starts[1:], strict=False))
    return np.array([values[start:end] @ x[columns[start:end]] for start, end in ends])


def zeros_needed(rows, cols):
    for zeros in range(rows * cols // 2, rows * cols + 1):
        if 8 * (rows * cols - zeros) + 4 * (rows + 1) < 4 * rows * cols:
            return zeros
    return None


def sparse_speedup(sparsity, kernel, macs_per_s):
    return macs_per_s["csr"] / macs_per_s["dense"] / (1 - sparsity)


def pays_from(macs_per_s):
    return max(0, 1 - macs_per_s["csr"] / macs_per_s["dense"])

# %% right="sparse"
# es: una pasada elemento a elemento, y sumas acumuladas
# en: one pass, element by element, and running sums
def to_csr(matrix):
    mask = matrix != 0
    where = np.argwhere(mask).astype("i4")
    starts = np.searchsorted(where[:, 0], np.arange(matrix.shape[0] + 1)).astype("i4")
    return matrix[mask].astype("f4"), where[:, 1].copy(), starts


def csr_times(values, columns, starts, x):
    running = np.concatenate([[0.0], np.cumsum(values.astype(float) * x[columns])])
    return running[starts[1:]] - running[starts[:-1]]


def zeros_needed(rows, cols):
    low, high = 0, rows * cols
    if rows * cols <= rows + 1:
        return None
    while low < high:
        middle = (low + high) // 2
        if 2 * (rows * cols - middle) + rows + 1 < rows * cols:
            high = middle
        else:
            low = middle + 1
    return low


def sparse_speedup(sparsity, kernel, macs_per_s):
    if kernel == "dense":
        return 1
    return (1 / macs_per_s["dense"]) / ((1 - sparsity) / macs_per_s["csr"])


def pays_from(macs_per_s):
    cost = macs_per_s["dense"] / macs_per_s["csr"]
    return 1 - 1 / cost if cost > 1 else 0.0

# %% [markdown] essay="hearing_aid" points=4 row="42 44 52" lang="es"
# ## 10. Redacción: el audífono (4 puntos)
#
# Un audífono lleva una red que separa la voz del ruido: 1 600 000 parámetros en `float32`, una multiplicación por parámetro en cada ejecución y cien ejecuciones por segundo. El procesador nuevo del aparato tiene 900 kB para el modelo y una batería que tiene que llegar a la noche. Cada segundo hace 400 millones de multiplicaciones en `float32`, 1600 millones en `int8` y solo 50 millones si los pesos (en `float32`) están en CSR; no tiene instrucciones para `float16` ni para 4 bits, pero convierte a `float32` 200 millones de pesos por segundo (como en la tarea 4, convertir no se solapa con calcular: se suma). Lo que se tarda en traer los pesos de la memoria no se cuenta.
#
# Un proveedor ofrece «nuestro compresor, con 12 000 estrellas en GitHub: un 90 % de ceros, así que diez veces más pequeño y diez veces más rápido; y con 4 bits, otras ocho veces, sin pérdida de calidad: 91.2 % antes, 91.4 % después, en 500 grabaciones». Preguntado, añade que el modelo comprimido acierta 13 grabaciones que el original falla, y falla 12 que el original acierta.
#
# Escribe en 500 o 600 palabras, sin contar las cifras ni las fórmulas (si te falta algún dato, supón uno y dilo):
#
# 1. qué afirmaciones del proveedor no se sostienen en **este** procesador y por qué, con las cuentas (bytes, milisegundos por ejecución e intervalo de la diferencia);
# 2. qué harías tú: qué técnicas, en qué orden y por qué ese orden, hasta caber en 900 kB;
# 3. cómo decidirías si el modelo comprimido es aceptable: qué mides, contra qué lo comparas, con cuántos datos y con qué intervalo;
# 4. qué mirarías del proyecto, en vez de las estrellas, antes de depender de él cinco años.
#
# Apóyate al menos en **tres números medidos por ti en la lección o calculados aquí**, con su unidad. Los 4 puntos: uno por cada apartado; sin esos tres números se pierde uno.
# ### BEGIN SOLUTION
# En `float32` son 6.4 MB y 1.6 / 400 s = 4 ms por ejecución, de los 10 ms que hay; hace falta ocupar 7 veces menos. Con un 90 % de ceros guardados como matriz densa siguen siendo 6.4 MB y 4 ms: los ceros también se multiplican. En CSR, cada no nulo cuesta 8 bytes (6 si los índices se guardan con 16 bits): 160 000 no nulos son 1.28 MB, que no son 0.64 ni caben. Y son 0.16 / 50 s = 3.2 ms: 1.25 veces más rápido, no diez, porque cada multiplicación cuesta ocho veces más. Con 4 bits ocuparía 0.8 MB y cabría, pero sin instrucciones hay que convertir cada peso en cada ejecución: 8 ms, más los 4 de multiplicar, son 12 ms, y no llega a cien ejecuciones por segundo. «Otras ocho veces» tampoco se multiplica por las diez: con 4 bits por valor, en CSR mandan los índices. «Sin pérdida»: 0.2 puntos en 500 grabaciones es **una** grabación; con 25 discrepancias, la desviación típica de las diferencias es 0.224 y el intervalo, 0.2 ± 2.0 puntos: no descarta perder 1.8.
#
# Plan: primero quitar unidades enteras (la red encoge de verdad y con instrucciones normales) hasta unos 800 000 parámetros, afinar, y después cuantizar a `int8` con una escala por canal: 0.8 MB más escalas, y 0.8 / 1600 s = 0.5 ms por ejecución, ocho veces menos que al principio. En ese orden porque afinar en `float32` es más sencillo y la cuantización se calibra sobre los pesos definitivos. Si no llega, entrenar desde cero esa misma forma durante los mismos pasos, por si los pesos supervivientes no aportaban.
#
# - **1 punto**: refuta al menos dos afirmaciones con cuentas correctas: los ceros en denso no ahorran bytes ni tiempo; CSR paga índices y multiplica más despacio; 4 bits sin instrucciones no acelera; 0.2 ± 2.0 puntos no es «sin pérdida». Repetir «no es verdad» sin cuentas no suma.
# - **1 punto**: un plan que cabe en 900 kB con la cuenta hecha (parámetros × bytes más escalas), y una razón para el orden. Un plan que solo pone pesos a cero no suma.
# - **1 punto**: comparación pareada con el modelo sin comprimir sobre los mismos datos, apartados y bastantes (con el mismo 5 % de discrepancias, para ± 0.5 puntos hacen falta unas 7700 grabaciones), con un margen fijado **antes** y el extremo del intervalo como criterio; por grupos (ruidos, voces), no solo la media; energía o tiempo medidos en el aparato.
# - **1 punto**: fecha de la última versión, quién la mantiene, incidencias abiertas, licencia, formatos que exporta, y un plan si se abandona. Las estrellas no caducan; por eso no dicen nada. Sin tres números propios con unidad se pierde un punto del total.
# ### END SOLUTION
# %% [markdown] essay="hearing_aid" points=4 row="42 44 52" lang="en"
# ## 10. Essay: the hearing aid (4 points)
#
# A hearing aid carries a network that separates voice from noise: 1,600,000 parameters in `float32`, one multiplication a parameter in each run and one hundred runs a second. The device's new processor has 900 kB for the model and a battery that has to last until night. Each second it does 400 million multiplications in `float32`, 1,600 million in `int8` and only 50 million if the weights (in `float32`) are in CSR; it has no instructions for `float16` or for 4 bits, but it converts 200 million weights a second to `float32` (as in task 4, converting does not overlap with computing: it is added). The time to bring the weights from memory is not counted.
#
# A supplier offers "our compressor, with 12,000 stars on GitHub: 90% zeros, so ten times smaller and ten times faster; and with 4 bits, another eight times, without loss of quality: 91.2% before, 91.4% after, on 500 recordings". When asked, they add that the compressed model gets right 13 recordings that the original gets wrong, and gets wrong 12 that the original gets right.
#
# Write 500 to 600 words, figures and formulas not counted (if you lack some figure, assume one and say so):
#
# 1. which of the supplier's claims do not hold on **this** processor and why, with the arithmetic (bytes, milliseconds a run and interval of the difference);
# 2. what you would do: which techniques, in which order and why that order, until it fits in 900 kB;
# 3. how you would decide whether the compressed model is acceptable: what you measure, against what you compare it, with how many data and with which interval;
# 4. what you would look at in the project, instead of stars, before depending on it for five years.
#
# Base your argument on at least **three numbers measured by you in the lesson or calculated here**, with their unit. The 4 points: one for each part; without those three numbers one is lost.
# ### BEGIN SOLUTION
# In `float32` there are 6.4 MB and 1.6 / 400 s = 4 ms a run, of the 10 ms available; it has to take 7 times less room. With 90% zeros stored as a dense matrix there still are 6.4 MB and 4 ms: zeros are multiplied, too. In CSR each non-zero costs 8 bytes (6 if indices are stored with 16 bits): 160,000 non-zeros are 1.28 MB, which is not 0.64 and does not fit. And that is 0.16 / 50 s = 3.2 ms: 1.25 times faster, not ten, because each multiplication costs eight times as much. With 4 bits it would take 0.8 MB and fit, but without instructions each weight has to be converted in each run: 8 ms, plus the 4 of multiplying, make 12 ms, which falls short of one hundred runs a second. "Another eight times" does not multiply the ten either: with 4 bits a value, indices dominate in CSR. "Without loss": 0.2 points on 500 recordings is **one** recording; with 25 disagreements the standard deviation of the differences is 0.224 and the interval 0.2 ± 2.0 points: it does not rule out losing 1.8.
#
# Plan: first remove whole units (the network really shrinks, and with ordinary instructions) down to some 800,000 parameters, tune, and then quantize to `int8` with one scale a channel: 0.8 MB plus scales, and 0.8 / 1,600 s = 0.5 ms a run, eight times less than at the beginning. In that order because tuning in `float32` is simpler and quantization is calibrated on the final weights. If it falls short, train that same shape from scratch for as many steps, in case the surviving weights added nothing.
#
# - **1 point**: refutes at least two claims with correct arithmetic: zeros in a dense matrix save neither bytes nor time; CSR pays for indices and multiplies more slowly; 4 bits without instructions speed nothing up; 0.2 ± 2.0 points is not "without loss". Repeating "that is not true" without arithmetic earns nothing.
# - **1 point**: a plan that fits in 900 kB with the sum done (parameters × bytes plus scales), and a reason for the order. A plan that only sets weights to zero earns nothing.
# - **1 point**: a paired comparison with the uncompressed model on the same data, held out and numerous enough (with the same 5% of disagreements, ± 0.5 points takes some 7,700 recordings), with a margin fixed **beforehand** and the end of the interval as the criterion; by groups (noises, voices), not only the mean; energy or time measured on the device.
# - **1 point**: date of the last release, who maintains it, open issues, licence, formats that it exports, and a plan in case it is abandoned. Stars do not expire; that is why they say nothing. Without three numbers of one's own, with units, one point is lost of the total.
# ### END SOLUTION
