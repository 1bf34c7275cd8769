# ---
# title:
#   es: "Nube y borde: ejercicios"
#   en: "Cloud and edge: exercises"
# unit: "05"
# minutes: 232
# ---

# %% [markdown] lang="es"
# # Nube y borde: ejercicios
#
# Nueve tareas que se corrigen solas y una redacción. Casi cuatro horas en total; puedes hacerlas en cualquier orden y dejar alguna sin
# hacer: cada tarea puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Dónde se ejecuta cada cosa | 6 | 30 |
# | 2. Contestar antes del plazo | 4 | 15 |
# | 3. La hora de llegada sin conexión | 5 | 12 |
# | 4. El servidor del almacén | 6 | 45 |
# | 5. Cuánto queda expuesto | 5 | 15 |
# | 6. La factura y el tope de gasto | 5 | 22 |
# | 7. Qué se gana con el doble de hardware | 3 | 10 |
# | 8. Más grandes, mejores, más lentos | 3 | 8 |
# | 9. La cascada | 5 | 35 |
# | 10. Redacción: un intérprete de bolsillo | 4 | 40 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos. Las celdas siguientes, en orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué
# han recibido. Al corregir se añaden **comprobaciones ocultas**: otros datos, otras redes, fallos provocados, casos raros. Nunca miden cuánto tarda tu
# código: cuentan respuestas a tiempo, julios, registros expuestos, euros, sucesos perdidos o repetidos. Los límites justos que se comprueban son exactos también en coma flotante: ningún empate depende del redondeo.
# Las celdas de comprobación no hace falta leerlas: basta con ejecutarlas.
#
# **Dónde ocurre.** Todo en memoria, en un fichero de SQLite y con un reloj simulado. Las redes son **trazas**: listas de tiempos de ida y vuelta, como
# los que habrás medido en la lección. Ninguna comprobación depende de tu máquina ni del azar. Puedes escribir funciones auxiliares en la celda de tu respuesta y usar `numpy`.
# %% [markdown] lang="en"
# # Cloud and edge: exercises
#
# Nine tasks that are graded automatically and one essay. Nearly four hours in all; you may do them in any order and leave some
# out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Where each thing runs | 6 | 30 |
# | 2. Answering before the deadline | 4 | 15 |
# | 3. The arrival time without a connection | 5 | 12 |
# | 4. The warehouse's rack | 6 | 45 |
# | 5. How much is exposed | 5 | 15 |
# | 6. The bill and its guard | 5 | 22 |
# | 7. What twice the hardware gains | 3 | 10 |
# | 8. Bigger, better, slower | 3 | 8 |
# | 9. The cascade | 5 | 35 |
# | 10. Essay: a pocket interpreter | 4 | 40 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in the place of each `raise NotImplementedError`, and change neither
# the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, say what they expected and what they
# got. Grading adds **hidden checks**: other data, other networks, faults injected, odd cases. They never measure how long your
# code takes: they count answers on time, joules, exposed records, euros, events lost or repeated. Exact limits, where they are checked, are exact in floating point, too: no tie depends on rounding.
# You need not read the test cells: running them is enough.
#
# **Where it happens.** All in memory, in an SQLite file and on a simulated clock. Networks are **traces**: lists of round-trip times, like
# those you will have measured in the lesson. No check depends on your machine or on chance. You may write helper functions in the cell of your answer, and use `numpy`.

# %%
import json
import math
import sqlite3

import numpy as np

from mlprod import start, tr

start(LANG)

# %% [markdown] lang="es" row="33 35 38"
# ## 1. Dónde se ejecuta cada cosa (6 puntos)
#
# «El borde» (*edge*) no es «el móvil»: es cualquier sitio que calcula cerca de donde están los datos, sea un reloj, un navegador, un coche o el servidor de un almacén. Por eso aquí no se
# decide con nombres, sino con hechos. Un **sitio** (*place*) es un diccionario:
#
# | campo | qué es |
# |---|---|
# | `name` | cómo se llama; no dice nada de cómo es |
# | `memory_mb` | memoria disponible para el modelo, en MB |
# | `gflop_per_s` | miles de millones de operaciones que hace por segundo |
# | `j_per_gflop` | julios de la batería del usuario que cuesta cada GFLOP; 0 si no se alimenta de ella |
# | `radio_j` | julios de la batería del usuario que cuesta enviar una petición y recibir la respuesta; 0 si no se envía nada |
# | `rtts_ms` | las últimas idas y vueltas hasta él, en ms, con `None` por cada una que no volvió; vacía si está en el propio dispositivo |
# | `internet` | si los datos salen a Internet |
# | `eur_per_million` | euros por millón de peticiones |
# | `age_s` | `None` si calcula cuando se le pregunta. Un número si solo guarda respuestas ya hechas (una tabla, una caché): la antigüedad, en segundos, de la respuesta que daría |
#
# Una **tarea** es otro diccionario, con `model_mb` (lo que ocupa su modelo), `gflop` (GFLOP por predicción), `deadline_ms` (plazo), `battery_j` (julios de batería que puede gastar cada predicción), `internet_allowed` (si sus datos pueden salir a Internet) y `max_age_s` (la antigüedad que puede tener, como mucho, una respuesta guardada).
#
# **a)** `route(task, places)` devuelve el par `(name, margin_ms)` del sitio elegido. Un sitio **sirve** si cumple todo esto:
#
# - **modelo**: cabe en su memoria;
# - **datos**: si no pueden salir a Internet, ese sitio no los saca;
# - **batería**: los julios del cálculo (`gflop` × `j_per_gflop`) más los de la radio (`radio_j`) no pasan de los permitidos;
# - **plazo**: contesta a tiempo **al menos el 95 % de las veces**. Su tiempo es el del cálculo más el percentil 95 de la red, y su **margen**, el plazo menos ese tiempo.
#
# Un sitio que guarda respuestas no calcula: no importa su memoria, no hace ningún GFLOP y `gflop_per_s` puede ser 0. A cambio, su respuesta no puede ser más vieja de lo permitido. La red, la radio, la salida a Internet y el precio cuentan como en los demás.
#
# De los sitios que sirven se elige el más barato; a igual precio, el de mayor margen (no se prueban sitios que empaten en las dos cosas). Si no sirve ninguno, o `places` está vacía, `(None, None)`. Todos los límites son inclusivos: un valor justo en el límite se acepta.
#
# **b)** `server_budget_ms(deadline_ms, rtts_ms)`: cuántos milisegundos puede tardar como mucho el servidor para que, con esa red, se conteste a tiempo al menos el 95 % de las veces. Si con esa red no llegaría a tiempo ni un servidor instantáneo, `None`.
#
# **c)** `edge_wins(edge_ms, server_ms, rtts_ms)`: qué fracción de esas peticiones (de 0 a 1) contesta **antes** el dispositivo, que tarda `edge_ms` sin red, que un servidor que tarda `server_ms`. Una petición que no vuelve la gana el dispositivo; un empate, no. En b) y c), `rtts_ms` no está vacía.
#
# La función `p95` ya está hecha: usa esa en a) y en b); cuenta un `None` como una espera infinita. Las trazas, `PLACES` y `TASK` son para que pruebes; las comprobaciones traen los suyos.
# %% [markdown] lang="en" row="33 35 38"
# ## 1. Where each thing runs (6 points)
#
# "The edge" is not "the phone": it is any place that computes close to where the data are, be it a watch, a browser, a car or the server rack of a warehouse. So here one decides by
# facts, not by names. A **place** is a dict:
#
# | field | what it is |
# |---|---|
# | `name` | what it is called; it says nothing about what it is like |
# | `memory_mb` | memory available for the model, in MB |
# | `gflop_per_s` | billions of operations that it does per second |
# | `j_per_gflop` | joules of the user's battery that each GFLOP costs; 0 if it does not live on that battery |
# | `radio_j` | joules of the user's battery that sending a request and receiving its answer cost; 0 if nothing is sent |
# | `rtts_ms` | the latest round trips to it, in ms, with `None` for each one that did not come back; empty if it is on the device itself |
# | `internet` | whether the data go out to the Internet |
# | `eur_per_million` | euros per million requests |
# | `age_s` | `None` if it computes when asked. A number if it only keeps answers made beforehand (a table, a cache): the age, in seconds, of the answer that it would give |
#
# A **task** is another dict, with `model_mb` (the size of its model), `gflop` (GFLOP per prediction), `deadline_ms` (deadline), `battery_j` (joules of battery that each prediction may spend), `internet_allowed` (whether its data may go out to the Internet) and `max_age_s` (how old, at most, a stored answer may be).
#
# **a)** `route(task, places)` returns the pair `(name, margin_ms)` of the chosen place. A place **is suitable** if all of this holds:
#
# - **model**: it fits in the memory;
# - **data**: if they may not go out to the Internet, that place does not send them there;
# - **battery**: the joules of the computation (`gflop` × `j_per_gflop`) plus those of the radio (`radio_j`) do not exceed those allowed;
# - **deadline**: it answers on time **at least 95% of the time**. Its time is that of the computation plus the 95th percentile of the network, and its **margin**, the deadline minus that time.
#
# A place that keeps answers computes nothing: its memory does not matter, it does not do any GFLOP and `gflop_per_s` may be 0. In exchange, its answer must not be older than allowed. Network, radio, Internet and price count as they do for the others.
#
# Of the suitable places the cheapest is chosen; at equal price, the one with the larger margin (places that tie in both are not tested). If none is suitable, or `places` is empty, `(None, None)`. All limits are inclusive: a value exactly at the limit is accepted.
#
# **b)** `server_budget_ms(deadline_ms, rtts_ms)`: how many milliseconds the server may take at most so that, on that network, at least 95% of the answers are on time. If on that network not even an instantaneous server would be on time, `None`.
#
# **c)** `edge_wins(edge_ms, server_ms, rtts_ms)`: which fraction of those requests (from 0 to 1) the device, which takes `edge_ms` without a network, answers **before** a server that takes `server_ms`. A request that does not come back is won by the device; a tie is not. In b) and c), `rtts_ms` is not empty.
#
# The function `p95` is there already: use that one in a) and b); it counts a `None` as an infinite wait. The traces, `PLACES` and `TASK` are for you to try things; the checks bring their own.

# %%
def p95(values):
    """The 95th percentile by nearest rank: at least 95% of `values` are no greater. 0 of nothing."""
    ordered = sorted(math.inf if value is None else value for value in values)
    return ordered[-(-95 * len(ordered) // 100) - 1] if ordered else 0


WIFI = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 9]
FIBRE = [9, 9, 10, 10, 10, 11, 11, 11, 12, 12, 12, 13, 13, 14, 15, 16, 18, 20, 24, 31]
MOBILE = [38, 40, 41, 43, 44, 45, 46, 48, 50, 52, 55, 58, 61, 66, 72, 80, 95, 120, 190, 310]
TRAIN = [48, 52, 55, 60, 63, 66, 70, 74, 78, 85, 92, 101, 115, 140, 190, 260, 420, None, None, None]


def a_place(name, memory_mb, gflop_per_s, j_per_gflop=0, radio_j=0, rtts_ms=(), internet=False, eur_per_million=0, age_s=None):
    return dict(locals())


PLACES = [
    a_place("phone", 300, 25, j_per_gflop=0.4),
    a_place("rack", 24_000, 4_000, radio_j=0.05, rtts_ms=WIFI, eur_per_million=40),
    a_place("cloud", 160_000, 60_000, radio_j=0.9, rtts_ms=MOBILE, internet=True, eur_per_million=15),
    a_place("cache", 0, 0, age_s=40),
]
TASK = {"model_mb": 12, "gflop": 0.05, "deadline_ms": 100, "battery_j": 0.5, "internet_allowed": False, "max_age_s": 30}

# %% answer="route"
def route(task, places):
    ### BEGIN SOLUTION
    fit = []
    for place in places:
        time_ms, battery_j = p95(place["rtts_ms"]), place["radio_j"]
        if place["age_s"] is None:
            time_ms += 1000 * task["gflop"] / place["gflop_per_s"]
            battery_j += task["gflop"] * place["j_per_gflop"]
            good = task["model_mb"] <= place["memory_mb"]
        else:
            good = place["age_s"] <= task["max_age_s"]
        if (
            good
            and (task["internet_allowed"] or not place["internet"])
            and battery_j <= task["battery_j"]
            and time_ms <= task["deadline_ms"]
        ):
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    if not fit:
        return None, None
    _, time_ms, name = min(fit)
    return name, task["deadline_ms"] - time_ms
    ### END SOLUTION


def server_budget_ms(deadline_ms, rtts_ms):
    ### BEGIN SOLUTION
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None
    ### END SOLUTION


def edge_wins(edge_ms, server_ms, rtts_ms):
    ### BEGIN SOLUTION
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)
    ### END SOLUTION

# %% test="route/places" points=2 row="33" objective="5.1"
import random as _t_random

from mlprod import checks


def _t_task(model_mb=10, gflop=1, deadline_ms=100, battery_j=1000, internet_allowed=True, max_age_s=0):
    return dict(locals())


def _t_place(name, memory_mb=100, gflop_per_s=100, j_per_gflop=0, radio_j=0, rtts_ms=(), internet=False, eur_per_million=0, age_s=None):
    return dict(locals(), rtts_ms=list(rtts_ms))


### BEGIN HIDDEN TESTS
def _t_expected(task, places):
    """route, written in another way."""
    best = None
    for place in places:
        rtts = sorted(math.inf if rtt is None else rtt for rtt in place["rtts_ms"])
        if place["age_s"] is not None and place["age_s"] > task["max_age_s"]:
            continue
        stored = place["age_s"] is not None
        time_ms = (0 if stored else task["gflop"] / place["gflop_per_s"] * 1000) + (rtts[math.ceil(len(rtts) * 95 / 100) - 1] if rtts else 0)
        if (not stored and place["memory_mb"] < task["model_mb"]) or time_ms > task["deadline_ms"] or place["internet"] > task["internet_allowed"]:
            continue
        if (0 if stored else task["gflop"] * place["j_per_gflop"]) + place["radio_j"] > task["battery_j"]:
            continue
        if best is None or (place["eur_per_million"], time_ms) < best[:2]:
            best = place["eur_per_million"], time_ms, place["name"]
    return (best[2], task["deadline_ms"] - best[1]) if best else (None, None)
### END HIDDEN TESTS


def _t_facts(task, places):
    lines = [", ".join(f"{key}={value if key != 'rtts_ms' or len(set(value)) != 1 else [value[0], '…']}" for key, value in place.items() if value is not None) for place in places]
    return f"{task}\n  - " + "\n  - ".join(lines)


def _t_check_route(task, places, want, why):
    got = checks.plain(route(dict(task), [dict(place) for place in places]))
    about = why + "\n  " + _t_facts(task, places)
    assert isinstance(got, list) and len(got) == 2, about + tr(es=f"\n  route devuelve un par (name, margin_ms); ha devuelto {got!r}.", en=f"\n  route returns a pair (name, margin_ms); it returned {got!r}.")
    checks.same(got[0], want[0], about)
    checks.same(got[1], want[1], tr(es="El margen es el plazo menos el tiempo (el cálculo y la red). ", en="The margin is the deadline minus the time (computation and network). ") + about, tolerance=1e-6)


_t_calm = [
    _t_place("phone", 300, 25, j_per_gflop=0.4),
    _t_place("rack", 24_000, 4_000, radio_j=0.05, rtts_ms=[3] * 20, eur_per_million=40),
    _t_place("cloud", 160_000, 60_000, radio_j=0.9, rtts_ms=[60] * 20, internet=True, eur_per_million=15),
]
_t_check_route(_t_task(12, 0.05, 100), _t_calm, ("phone", 98.0), tr(es="Texto predictivo: cabe en el móvil y no cuesta nada.", en="Predictive text: it fits in the phone and costs nothing."))
_t_check_route(
    _t_task(400, 8, 80, internet_allowed=False), _t_calm, ("rack", 75.0),
    tr(es="Lector de paquetes de un almacén sin Internet: ¿solo el móvil es borde? Mira los hechos de cada sitio, no su nombre.", en="Parcel reader of a warehouse without Internet: is only the phone edge? Look at each place's facts, not at its name."),
)
_t_check_route(_t_task(900, 30, 200), _t_calm, ("cloud", 139.5), tr(es="Traducción de un par de lenguas raro: no cabe en el móvil, y la nube es más barata que el servidor local.", en="Translation of a rare pair of languages: it does not fit in the phone, and the cloud is cheaper than the rack."))
_t_check_route(_t_task(900, 30, 200, internet_allowed=False), _t_calm[::2], (None, None), tr(es="No cabe en el móvil y los datos no pueden salir: no sirve ninguno.", en="It does not fit in the phone and the data may not go out: none is suitable."))
_t_twins = [_t_place("a", eur_per_million=3, gflop_per_s=50), _t_place("b", eur_per_million=3, gflop_per_s=200), _t_place("c", eur_per_million=4, gflop_per_s=1000)]
for _t_order in (_t_twins, _t_twins[::-1]):
    _t_check_route(_t_task(), _t_order, ("b", 95.0), tr(es="A igual precio, el de mayor margen; nadie pide pagar más por ir más deprisa.", en="At equal price, the one with the larger margin; paying more for speed is not asked for."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_gadgets = [
    _t_place("watch", 8, 0.5, j_per_gflop=2),
    _t_place("browser", 120, 12, j_per_gflop=0.6, eur_per_million=1),
    _t_place("van", 4_000, 300, rtts_ms=[8] * 20, radio_j=0.1, eur_per_million=5),
    _t_place("depot", 30_000, 5_000, rtts_ms=[22] * 20, radio_j=0.2, eur_per_million=30),
    _t_place("far", 300_000, 90_000, rtts_ms=[95] * 20, radio_j=1.5, internet=True, eur_per_million=12),
]
for _t_number, (_t_what, _t_want) in enumerate([
    (_t_task(2, 0.004, 200), ("watch", 192.0)), (_t_task(8, 0.0625, 125), ("watch", 0.0)), (_t_task(9, 0.12, 100), ("browser", 90.0)), (_t_task(120, 0.6, 60), ("browser", 10.0)),
    (_t_task(121, 0.6, 60), ("van", 50.0)), (_t_task(3_000, 60, 250), ("van", 42.0)), (_t_task(3_000, 90, 250), ("far", 154.0)), (_t_task(3_000, 90, 250, internet_allowed=False), ("depot", 210.0)),
    (_t_task(20_000, 90, 90), ("depot", 50.0)), (_t_task(200_000, 90, 100), ("far", 4.0)), (_t_task(200_000, 90, 95), (None, None)), (_t_task(200_000, 90, 5000, internet_allowed=False), (None, None)),
], 1):
    _t_check_route(_t_what, _t_gadgets, _t_want, tr(es=f"Tarea {_t_number} de 12, con otros sitios.", en=f"Task {_t_number} of 12, with other places."))
_t_check_route(_t_task(), [], (None, None), tr(es="Sin ningún sitio.", en="Without any place."))


_t_chance = _t_random.Random(5)
for _ in range(200):
    _t_some = [
        _t_place(
            f"p{number}", _t_chance.choice([5, 50, 500, 5000]), _t_chance.choice([3, 33, 333, 3333]), rtts_ms=[_t_chance.choice([7, 31, 90])] * 20 if _t_chance.random() < 0.6 else [],
            internet=_t_chance.random() < 0.4, eur_per_million=_t_chance.choice([0, 5, 10, 20]),
        )
        for number in range(5)
    ]
    _t_what = _t_task(_t_chance.choice([4, 40, 400]), _t_chance.uniform(0.01, 9), _t_chance.uniform(20, 300), internet_allowed=_t_chance.random() < 0.6)
    if len({(place["eur_per_million"], place["gflop_per_s"], tuple(place["rtts_ms"])) for place in _t_some}) < len(_t_some):
        continue  # equal price and margin
    _t_check_route(_t_what, _t_some, _t_expected(_t_what, _t_some), tr(es="Otra tarea y otros sitios.", en="Another task and other places."))
### END HIDDEN TESTS

# %% test="route/network" points=1 row="33 35" objective="5.1"
_t_tail = [20] * 17 + [180, 200, 400]
_t_check_route(
    _t_task(gflop=1, deadline_ms=100), [_t_place("far", rtts_ms=_t_tail, internet=True)], (None, None),
    tr(es="La media de esa red es de 56 ms, pero el plazo se cumple el 85 % de las veces, no el 95 %: la media esconde los días malos.", en="That network's mean is 56 ms, but the deadline holds 85% of the time and not 95%: the mean hides the bad days."),
)
_t_check_route(
    _t_task(gflop=1, deadline_ms=100), [_t_place("far", rtts_ms=[20] * 18 + [None, None], internet=True), _t_place("near", rtts_ms=[40] * 20, eur_per_million=90)], ("near", 50.0),
    tr(es="De cada veinte peticiones a `far` hay dos que no vuelven: no llegan tarde, no llegan.", en="Of each twenty requests to `far`, two do not come back: they are not late, they never arrive."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_route(_t_task(gflop=1, deadline_ms=100), [_t_place("far", rtts_ms=[20] * 19 + [None])], ("far", 70.0), tr(es="Se pierde una de veinte: el 95 % llega.", en="One of twenty is lost: 95% arrive."))
_t_check_route(_t_task(gflop=1, deadline_ms=100), [_t_place("far", rtts_ms=[20] * 19 + [9999])], ("far", 70.0), tr(es="Una de veinte tarda 10 s: el 95 % llega.", en="One of twenty takes 10 s: 95% arrive."))
_t_check_route(_t_task(gflop=6, deadline_ms=100), [_t_place("far", rtts_ms=[50] * 20)], (None, None), tr(es="Red y cálculo se suman: 50 y 60 ms.", en="Network and computation add up: 50 and 60 ms."))
_t_chance = _t_random.Random(6)
for _ in range(150):
    _t_some = [
        _t_place(f"p{number}", 100, _t_chance.choice([20, 100, 900]), rtts_ms=[None if _t_chance.random() < 0.04 else round(_t_chance.lognormvariate(3.3, 0.7), 1) for _ in range(_t_chance.choice([20, 40, 100, 7]))], eur_per_million=number)
        for number in range(4)
    ]
    _t_some.append(_t_place("here", 100, 4, eur_per_million=9))
    _t_what = _t_task(10, _t_chance.uniform(0.1, 1), _t_chance.uniform(40, 160))
    _t_check_route(_t_what, _t_some, _t_expected(_t_what, _t_some), tr(es="Otras trazas de red.", en="Other network traces."))
### END HIDDEN TESTS

# %% test="route/battery" points=1 row="33" objective="5.1"
_t_check_route(
    _t_task(gflop=5, deadline_ms=1000, battery_j=0.5), [_t_place("phone", j_per_gflop=0.4), _t_place("rack", rtts_ms=[3] * 20, radio_j=0.05, eur_per_million=40)], ("rack", 947.0),
    tr(es="En el móvil cada predicción gastaría 2 J de batería, y solo puede gastar 0.5.", en="On the phone each prediction would spend 2 J of battery, and it may spend 0.5 only."),
)
_t_check_route(
    _t_task(gflop=1, deadline_ms=1000, battery_j=0.5), [_t_place("cloud", rtts_ms=[30] * 20, radio_j=0.9, internet=True), _t_place("phone", gflop_per_s=4, j_per_gflop=0.5, eur_per_million=1)], ("phone", 750.0),
    tr(es="La radio también gasta batería, y aquí más que calcular.", en="The radio spends battery, too, and here more than computing."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_route(_t_task(gflop=1, battery_j=0.5), [_t_place("hybrid", j_per_gflop=0.25, radio_j=0.5)], (None, None), tr(es="Radio y cálculo se suman: 0.75 J.", en="Radio and computation add up: 0.75 J."))
_t_chance = _t_random.Random(7)
for _ in range(150):
    _t_some = [_t_place(f"p{number}", 100, round(_t_chance.uniform(20, 100), 2), _t_chance.choice([0, 0.1, 0.7, 3]), _t_chance.choice([0, 0.2, 1.1]), [12] * 20, False, _t_chance.choice([1, 2, 3])) for number in range(4)]
    _t_what = _t_task(10, _t_chance.uniform(0.1, 1.5), 90, battery_j=_t_chance.uniform(0.05, 2))
    _t_check_route(_t_what, _t_some, _t_expected(_t_what, _t_some), tr(es="Otras baterías.", en="Other batteries."))
### END HIDDEN TESTS

# %% test="route/stored" points=1 row="33 38" objective="5.6"
_t_cached = [_t_place("cache", 0, 0, age_s=40), _t_place("cloud", 160_000, 60_000, rtts_ms=[60] * 20, internet=True, eur_per_million=15)]
_t_check_route(_t_task(900, 30, 200, max_age_s=60), _t_cached, ("cache", 200.0), tr(es="La respuesta guardada tiene 40 s y puede tener 60: no hay que calcular nada.", en="The stored answer is 40 s old and may be 60: nothing need be computed."))
_t_check_route(_t_task(900, 30, 200, max_age_s=30), _t_cached, ("cloud", 139.5), tr(es="La respuesta guardada tiene 40 s y puede tener 30: una caché no vale para siempre.", en="The stored answer is 40 s old and may be 30: a cache is not good for ever."))
_t_check_route(_t_task(900, 30, 200, max_age_s=0), [_t_place("new", 0, 50, age_s=0), *_t_cached], ("new", 200.0), tr(es="Guardada hace 0 s: es una respuesta guardada, y sirve.", en="Stored 0 s ago: it is a stored answer, and it is suitable."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_route(_t_task(900, 30, 200, max_age_s=40), _t_cached, ("cache", 200.0), tr(es="Justo 40 s: sirve.", en="Exactly 40 s: it is suitable."))
_t_check_route(_t_task(900, 30, 200, battery_j=0.5, max_age_s=99), [_t_place("far", 0, 0, radio_j=0.9, age_s=1)], (None, None), tr(es="Una caché lejana también gasta radio.", en="A distant cache spends radio, too."))
_t_check_route(_t_task(900, 30, 50, max_age_s=99), [_t_place("far", 0, 0, rtts_ms=[60] * 20, age_s=1)], (None, None), tr(es="Una caché lejana también tiene red.", en="A distant cache has a network, too."))
_t_chance = _t_random.Random(8)
for _ in range(150):
    _t_some = [
        _t_place(f"p{number}", *_t_chance.choice([(0, 0), (100, 50)]), rtts_ms=_t_chance.choice([[], [25] * 20]), radio_j=_t_chance.choice([0, 0.3]), j_per_gflop=_t_chance.choice([0, 0.4]), internet=_t_chance.random() < 0.3, eur_per_million=number)
        for number in range(5)
    ]
    _t_some = [{**place, "age_s": _t_chance.choice([0, 10, 100, 1_000])} if place["gflop_per_s"] == 0 else place for place in _t_some]
    _t_what = _t_task(_t_chance.choice([50, 500]), _t_chance.uniform(0.1, 3), _t_chance.uniform(10, 90), battery_j=_t_chance.choice([0.25, 0.9]), internet_allowed=_t_chance.random() < 0.7, max_age_s=_t_chance.choice([0, 50, 5_000]))
    _t_check_route(_t_what, _t_some, _t_expected(_t_what, _t_some), tr(es="Otras respuestas guardadas.", en="Other stored answers."))
### END HIDDEN TESTS

# %% test="route/server" points=1 row="35" objective="5.2"
checks.same(server_budget_ms(100, [20] * 18 + [70, 300]), 30, tr(es="Diecinueve de cada veinte idas y vueltas son de 70 ms o menos, y el plazo son 100.", en="Nineteen of each twenty round trips take 70 ms or less, and the deadline is 100."))
checks.same(
    server_budget_ms(100, [40] * 10 + [130] * 10), None,
    tr(es="En la mitad de las peticiones la red sola tarda 130 ms de un plazo de 100. Un modelo más rápido en la nube no lo arregla, tarde lo que tarde: None.", en="In half the requests the network alone takes 130 ms of a deadline of 100. A faster model in the cloud does not fix it, whatever it takes: None."),
)
checks.same(edge_wins(60, 10, [20, 40, 51, 90]), 0.5, tr(es="El dispositivo tarda 60 ms; la nube, 30, 50, 61 y 100.", en="The device takes 60 ms; the cloud 30, 50, 61 and 100."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_deadline, _t_rtts, _t_want in [
    (100, [20] * 18 + [None, None], None), (100, [20] * 19 + [None], 80), (70, [20] * 18 + [70, 300], 0), (69.5, [20] * 18 + [70, 300], None), (100, [None], None), (250, [33.5], 216.5), (100, [300] + [10] * 39, 90), (100, [10] * 94 + [95] * 6, 5),
]:
    checks.same(server_budget_ms(_t_deadline, list(_t_rtts)), _t_want, tr(es=f"server_budget_ms con plazo {_t_deadline} e idas y vueltas {sorted(set(map(str, _t_rtts)))} (en total {len(_t_rtts)}).", en=f"server_budget_ms with deadline {_t_deadline} and round trips {sorted(set(map(str, _t_rtts)))} ({len(_t_rtts)} in all)."))
for _t_edge, _t_server, _t_rtts, _t_want in [
    (60, 10, [50, 50], 0.0), (60, 10, [20, None, None, 30], 0.5), (60, 0, [61, 62, 10, 20, None], 0.6), (5, 0, [9, 10, 11], 1.0), (500, 20, [9, 10, 11], 0.0), (15, 0, [None], 1.0), (35, 0, [30, 40, 50, 60], 0.75),
]:
    checks.same(checks.number(edge_wins(_t_edge, _t_server, list(_t_rtts)), "edge_wins"), _t_want, tr(
        es=f"edge_wins({_t_edge}, {_t_server}, {_t_rtts}): qué fracción contesta antes el dispositivo. Lo que no vuelve también cuenta, y el empate no.", en=f"edge_wins({_t_edge}, {_t_server}, {_t_rtts}): which fraction the device answers before. What does not come back counts, too; a tie does not."
    ))
### END HIDDEN TESTS

# %% wrong="route" score=4 says_es="la media esconde" says_en="the mean hides"
# es: El tiempo de la red es su media.
# en: The network's time is its mean.
def mean(rtts_ms):
    arrived = [rtt for rtt in rtts_ms if rtt is not None]
    return sum(arrived) / len(arrived) if arrived else 0


def work(task, place):
    """Milliseconds and GFLOP of computing there, and whether the place is suitable."""
    if place["age_s"] is None:
        return 1000 * task["gflop"] / place["gflop_per_s"], task["gflop"], task["model_mb"] <= place["memory_mb"]
    return 0, 0, place["age_s"] <= task["max_age_s"]


def route(task, places):
    fit = []
    for place in places:
        time_ms = work(task, place)[0] + mean(place["rtts_ms"])
        battery_j = work(task, place)[1] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if work(task, place)[2] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - mean(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=4 says_es="2 J de batería" says_en="2 J of battery"
# es: Si cabe y llega a tiempo, vale: la batería es cosa del usuario.
# en: If it fits and is on time, it is suitable: the battery is the user's business.
def work(task, place):
    """Milliseconds and GFLOP of computing there, and whether the place is suitable."""
    if place["age_s"] is None:
        return 1000 * task["gflop"] / place["gflop_per_s"], task["gflop"], task["model_mb"] <= place["memory_mb"]
    return 0, 0, place["age_s"] <= task["max_age_s"]


def route(task, places):
    fit = []
    for place in places:
        time_ms = work(task, place)[0] + p95(place["rtts_ms"])
        allowed = task["internet_allowed"] or not place["internet"]
        if work(task, place)[2] and allowed and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=1 says_es="¿solo el móvil es borde?" says_en="is only the phone edge?"
# es: El borde es el móvil, y lo que no cabe en él va a la nube.
# en: The edge is the phone, and what does not fit in it goes to the cloud.
def work(task, place):
    """Milliseconds and GFLOP of computing there, and whether the place is suitable."""
    if place["age_s"] is None:
        return 1000 * task["gflop"] / place["gflop_per_s"], task["gflop"], task["model_mb"] <= place["memory_mb"]
    return 0, 0, place["age_s"] <= task["max_age_s"]


def route(task, places):
    by_name = {place["name"]: place for place in places}
    for name in ("phone", "cloud"):
        place = by_name.get(name)
        if place is None or not work(task, place)[2] or (place["internet"] and not task["internet_allowed"]):
            continue
        time_ms = work(task, place)[0] + p95(place["rtts_ms"])
        battery_j = work(task, place)[1] * place["j_per_gflop"] + place["radio_j"]
        if time_ms <= task["deadline_ms"] and battery_j <= task["battery_j"]:
            return name, task["deadline_ms"] - time_ms
    return None, None


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=1 says_es="margen" says_en="margin"
# es: Lo que cuenta es lo que tarda el modelo, y la red ya se verá.
# en: What counts is how long the model takes; the network will see to itself.
def work(task, place):
    """Milliseconds and GFLOP of computing there, and whether the place is suitable."""
    if place["age_s"] is None:
        return 1000 * task["gflop"] / place["gflop_per_s"], task["gflop"], task["model_mb"] <= place["memory_mb"]
    return 0, 0, place["age_s"] <= task["max_age_s"]


def route(task, places):
    fit = []
    for place in places:
        time_ms = work(task, place)[0]
        battery_j = work(task, place)[1] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if work(task, place)[2] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=5 says_es="no lo arregla" says_en="does not fix it"
# es: Con un servidor bastante rápido siempre se llega a tiempo.
# en: With a server that is fast enough one is always on time.
def work(task, place):
    """Milliseconds and GFLOP of computing there, and whether the place is suitable."""
    if place["age_s"] is None:
        return 1000 * task["gflop"] / place["gflop_per_s"], task["gflop"], task["model_mb"] <= place["memory_mb"]
    return 0, 0, place["age_s"] <= task["max_age_s"]


def route(task, places):
    fit = []
    for place in places:
        time_ms = work(task, place)[0] + p95(place["rtts_ms"])
        battery_j = work(task, place)[1] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if work(task, place)[2] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    return max(0, deadline_ms - p95(rtts_ms))


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=5 says_es="también cuenta" says_en="counts, too"
# es: Las peticiones que no vuelven no se pueden comparar: se quitan.
# en: Requests that do not come back cannot be compared: they are removed.
def work(task, place):
    """Milliseconds and GFLOP of computing there, and whether the place is suitable."""
    if place["age_s"] is None:
        return 1000 * task["gflop"] / place["gflop_per_s"], task["gflop"], task["model_mb"] <= place["memory_mb"]
    return 0, 0, place["age_s"] <= task["max_age_s"]


def route(task, places):
    fit = []
    for place in places:
        time_ms = work(task, place)[0] + p95(place["rtts_ms"])
        battery_j = work(task, place)[1] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if work(task, place)[2] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    arrived = [rtt for rtt in rtts_ms if rtt is not None]
    return sum(edge_ms < rtt + server_ms for rtt in arrived) / max(1, len(arrived))

# %% wrong="route" score=1 says_es="más barata que el servidor local" says_en="cheaper than the rack"
# es: De los que sirven, el más rápido.
# en: Of the suitable ones, the fastest.
def work(task, place):
    """Milliseconds and GFLOP of computing there, and whether the place is suitable."""
    if place["age_s"] is None:
        return 1000 * task["gflop"] / place["gflop_per_s"], task["gflop"], task["model_mb"] <= place["memory_mb"]
    return 0, 0, place["age_s"] <= task["max_age_s"]


def route(task, places):
    best = None, None
    for place in places:
        margin_ms = task["deadline_ms"] - work(task, place)[0] - p95(place["rtts_ms"])
        battery_j = work(task, place)[1] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if work(task, place)[2] and allowed and battery_j <= task["battery_j"] and margin_ms >= 0 and (best[1] is None or margin_ms > best[1]):
            best = place["name"], margin_ms
    return best


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=5 says_es="no vale para siempre" says_en="not good for ever"
# es: Lo que está en la caché está calculado, y vale.
# en: What is in the cache has been computed, and is good.
def route(task, places):
    fit = []
    for place in places:
        stored = place["age_s"] is not None
        time_ms = p95(place["rtts_ms"]) + (0 if stored else 1000 * task["gflop"] / place["gflop_per_s"])
        battery_j = place["radio_j"] + (0 if stored else task["gflop"] * place["j_per_gflop"])
        allowed = task["internet_allowed"] or not place["internet"]
        if (stored or task["model_mb"] <= place["memory_mb"]) and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% right="route"
def route(task, places):
    # es: se quitan sitios, condición a condición, y queda el mejor
    # en: places are removed, condition by condition, and the best is left
    def stored(place):
        return isinstance(place["age_s"], (int, float))

    def time_ms(place):
        return p95(place["rtts_ms"]) + (0 if stored(place) else task["gflop"] / place["gflop_per_s"] * 1e3)

    left = [place for place in places if (place["age_s"] <= task["max_age_s"] if stored(place) else place["memory_mb"] >= task["model_mb"])]
    left = [place for place in left if not place["internet"] or task["internet_allowed"]]
    left = [place for place in left if place["radio_j"] + place["j_per_gflop"] * task["gflop"] * (not stored(place)) <= task["battery_j"]]
    left = [place for place in left if time_ms(place) <= task["deadline_ms"]]
    left.sort(key=time_ms)
    left.sort(key=lambda place: place["eur_per_million"])
    return [left[0]["name"], np.float64(task["deadline_ms"] - time_ms(left[0]))] if left else [None, None]


def server_budget_ms(deadline_ms, rtts_ms):
    # es: con numpy; inverted_cdf es el percentil de rango más próximo
    # en: with numpy; inverted_cdf is the percentile by nearest rank
    network = np.percentile([np.inf if rtt is None else rtt for rtt in rtts_ms], 95, method="inverted_cdf")
    return None if network > deadline_ms else deadline_ms - network


def edge_wins(edge_ms, server_ms, rtts_ms):
    cloud_ms = np.array([np.inf if rtt is None else rtt + server_ms for rtt in rtts_ms])
    return np.mean(cloud_ms > edge_ms)

# %% [markdown] lang="es" row="35"
# ## 2. Contestar antes del plazo (4 puntos)
#
# Elegir sitio de antemano no basta: la red cambia mientras preguntas. Completa `ask`, que atiende una petición con la nube, que acierta más, y con el dispositivo, que acierta menos pero no falla nunca:
#
# - `clock.now()` dice la hora, en segundos; el tiempo solo pasa dentro de `cloud` y de `device`;
# - `deadline_s` es la **hora** a la que la respuesta tiene que estar, como muy tarde;
# - `cloud(timeout_s)` pregunta a la nube y espera como mucho `timeout_s` segundos. Devuelve la respuesta, o lanza `TimeoutError` (ha pasado ese tiempo) o `ConnectionError` (se ha cortado, por lo general antes de ese tiempo);
# - `device()` calcula en el dispositivo: tarda `device_s` segundos y devuelve la respuesta. Al empezar siempre hay tiempo para él;
# - `p95_s` es el percentil 95 de lo que tarda la nube en contestar.
#
# `ask` devuelve la respuesta de la nube o la del dispositivo, tal cual. Se exige:
#
# 1. **nunca se llega tarde**: pase lo que pase con la nube, queda tiempo para el dispositivo;
# 2. se pregunta a la nube solo si, descontado el tiempo del dispositivo, quedan al menos `p95_s` segundos; y entonces se le dan **todos** esos segundos que quedan;
# 3. si falla, se repite con las condiciones del punto 2, sin esperar entre intentos, y como mucho tres veces en total. Reintentar cuando ya no da tiempo gasta batería, datos y servidores para nada;
# 4. el dispositivo solo calcula si la nube no ha contestado, y una sola vez.
# %% [markdown] lang="en" row="35"
# ## 2. Answering before the deadline (4 points)
#
# Choosing a place beforehand is not enough: the network changes while you ask. Complete `ask`, which serves one request with the cloud, which is right more often, and with the device, which is right less often but never fails:
#
# - `clock.now()` tells the time, in seconds; time only passes inside `cloud` and `device`;
# - `deadline_s` is the **moment** at which the answer must be there, at the latest;
# - `cloud(timeout_s)` asks the cloud and waits at most `timeout_s` seconds. It returns the answer, or raises `TimeoutError` (that time is over) or `ConnectionError` (it was cut, usually before the timeout);
# - `device()` computes on the device: it takes `device_s` seconds and returns the answer. At the beginning there is always time for it;
# - `p95_s` is the 95th percentile of the time that the cloud takes to answer.
#
# `ask` returns the answer of the cloud or that of the device, as it is. What is required:
#
# 1. **it is never late**: whatever happens with the cloud, there is time left for the device;
# 2. the cloud is asked only if, with the device's time set aside, at least `p95_s` seconds are left; and then it gets **all** those seconds that are left;
# 3. if it fails, it is asked again under the conditions of point 2, without waiting between tries, and at most three times in all. Trying again when there is no time spends battery, data and servers for nothing;
# 4. the device computes only if the cloud has not answered, and only once.

# %% answer="ask"
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    ### BEGIN SOLUTION
    for _ in range(3):
        left_s = deadline_s - clock.now() - device_s
        if left_s < p95_s:
            break
        try:
            return cloud(left_s)
        except (TimeoutError, ConnectionError):
            pass
    return device()
    ### END SOLUTION

# %% test="ask/on_time" points=2 row="35" objective="5.2"
import random as _t_random

from mlprod import checks
from mlprod.systems.clocks import SimulatedClock as _t_SimulatedClock


class _t_Request:
    """One request on a simulated clock. `script`: what the cloud does each time, ("ok" | "cut", after how many seconds)."""

    def __init__(self, script, start=0.0, p95_s=0.08, device_s=0.04, budget_s=0.2):
        self.script, self.clock, self.start = list(script), _t_SimulatedClock(start), start
        self.p95_s, self.device_s, self.deadline_s = p95_s, device_s, start + budget_s
        self.asked, self.computed = [], 0

    def cloud(self, timeout_s=None):
        what, after_s = self.script[len(self.asked)] if len(self.asked) < len(self.script) else ("ok", math.inf)
        timeout_s = 3600.0 if timeout_s is None else max(0.0, min(float(timeout_s), 3600.0))
        self.asked.append((self.clock.now() - self.start, timeout_s))
        if len(self.asked) > 50:
            raise AssertionError(tr(es="Se ha preguntado a la nube más de 50 veces por una petición.", en="The cloud was asked more than 50 times for one request."))
        self.clock.sleep(min(after_s, timeout_s))
        if after_s > timeout_s + 1e-9:
            raise TimeoutError("no answer")
        if what == "cut":
            raise ConnectionError("cut")
        return "cloud's answer"

    def device(self):
        self.computed += 1
        self.clock.sleep(self.device_s)
        return "device's answer"

    def run(self, answer_it=None):
        with checks.ends(tr(es="ask no termina.", en="ask does not end.")):
            try:
                self.got = (answer_it or ask)(self.deadline_s, self.cloud, self.device, self.clock, self.p95_s, self.device_s)
            except (TimeoutError, ConnectionError) as error:
                raise AssertionError(
                    tr(es=f"ask ha lanzado {type(error).__name__}: nadie ha recibido una respuesta, y el dispositivo podía darla.", en=f"ask raised {type(error).__name__}: nobody got an answer, and the device could give one.") + self.story()
                ) from None
        self.took_s = self.clock.now() - self.start
        return self

    def story(self):
        asked = ", ".join(f"{moment:.3f} s (timeout {timeout:.3f})" for moment, timeout in self.asked) or "-"
        does = ", ".join(f"{what} {after} s" for what, after in self.script) or "-"
        return tr(
            es=f"\n  plazo {self.deadline_s - self.start:.3f} s, p95_s {self.p95_s}, device_s {self.device_s}; la nube: {does}\n  preguntas a la nube en: {asked}; cálculos en el dispositivo: {self.computed}",
            en=f"\n  deadline {self.deadline_s - self.start:.3f} s, p95_s {self.p95_s}, device_s {self.device_s}; the cloud: {does}\n  the cloud was asked at: {asked}; computations on the device: {self.computed}",
        )


def _t_check_on_time(request):
    request.run()
    assert checks.plain(request.got) in ("cloud's answer", "device's answer"), tr(es=f"ask ha devuelto {request.got!r}, que no es la respuesta de nadie.", en=f"ask returned {request.got!r}, which is nobody's answer.") + request.story()
    late_s = request.took_s - (request.deadline_s - request.start)
    assert late_s <= 1e-6, tr(
        es=f"La respuesta llega {late_s:.3f} s después del plazo. El tiempo del dispositivo hay que reservarlo antes de esperar a la nube, no después.", en=f"The answer comes {late_s:.3f} s after the deadline. The device's time must be set aside before waiting for the cloud, not afterwards."
    ) + request.story()


### BEGIN HIDDEN TESTS
def _t_model(deadline_s, cloud, device, clock, p95_s, device_s):
    tries = 0
    while tries < 3 and deadline_s - device_s - clock.now() >= p95_s:
        tries += 1
        try:
            return cloud(deadline_s - device_s - clock.now())
        except OSError:
            continue
    return device()


def _t_requests(count, seed):
    """Random requests in which nothing happens within 3 ms of a limit: how a timeout is rounded makes no difference."""
    chance, found = _t_random.Random(seed), []
    while len(found) < count:
        typical, device, budget = (round(chance.uniform(low, high), 3) for low, high in [(0.03, 0.12), (0.01, 0.08), (0.09, 0.4)])
        script = [(chance.choice(["ok", "cut", "cut"]), round(chance.choice([chance.uniform(0.005, 0.3), chance.uniform(0.005, 0.05), 9.0]), 3)) for _ in range(4)]
        facts = dict(start=chance.choice([0.0, 17.25, 86_400.0]), p95_s=typical, device_s=device, budget_s=budget)
        limits, now = [], 0.0
        for _, after in script:
            left = budget - device - now
            limits += [left - typical, left - after]
            now += min(after, max(left, 0))
        if min(map(abs, limits)) > 0.003 and budget > device + 0.003:
            found.append((script, facts))
    return found
### END HIDDEN TESTS
_t_check_on_time(_t_Request([("ok", 0.05)]))
_t_check_on_time(_t_Request([("ok", 9.0)] * 5))
_t_check_on_time(_t_Request([("cut", 0.05)] * 5))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_script, _t_facts in _t_requests(400, 1):
    _t_check_on_time(_t_Request(_t_script, **_t_facts))
_t_check_on_time(_t_Request([("ok", 0.001)], budget_s=0.041))
### END HIDDEN TESTS

# %% test="ask/cloud" points=1 row="35" objective="5.2"
def _t_check_cloud(request, why):
    request.run()
    checks.same(request.got, "cloud's answer", why + request.story())


_t_check_cloud(_t_Request([("ok", 0.05)]), tr(es="La nube contesta enseguida, y acierta más que el dispositivo.", en="The cloud answers at once, and is right more often than the device."))
_t_check_cloud(_t_Request([("ok", 0.13)]), tr(es="La nube ha tardado más de lo habitual, pero había tiempo de sobra: p95_s no es el tiempo límite.", en="The cloud took longer than usual, but there was time enough: p95_s is not the timeout."))
_t_check_cloud(_t_Request([("cut", 0.02), ("ok", 0.05)]), tr(es="El primer intento se corta a los 0.02 s y hay tiempo para otro.", en="The first try is cut after 0.02 s and there is time for another."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_cloud(_t_Request([("cut", 0.01), ("cut", 0.01), ("ok", 0.1)]), tr(es="Dos cortes rápidos, y al tercero contesta.", en="Two quick cuts, and the third answers."))
for _t_script, _t_facts in _t_requests(400, 2):
    _t_want = _t_Request(_t_script, **_t_facts).run(_t_model)
    if _t_want.got == "cloud's answer":
        _t_check_cloud(_t_Request(_t_script, **_t_facts), tr(es="La nube podía contestar a tiempo.", en="The cloud could answer on time."))
### END HIDDEN TESTS

# %% test="ask/attempts" points=1 row="35" objective="5.2"
def _t_check_attempts(request, asked, computed, why):
    request.run()
    checks.same(len(request.asked), asked, tr(es="Veces que se pregunta a la nube. ", en="Times that the cloud is asked. ") + why + request.story(), observed=True)
    checks.same(request.computed, computed, tr(es="Veces que calcula el dispositivo. ", en="Times that the device computes. ") + why + request.story(), observed=True)


_t_check_attempts(_t_Request([("ok", 0.05)]), 1, 0, tr(es="La nube ha contestado: calcular además gasta batería en balde.", en="The cloud has answered: computing as well wastes battery."))
_t_check_attempts(_t_Request([("cut", 0.1), ("ok", 0.05)]), 1, 1, tr(es="Tras el corte, quitado el tiempo del dispositivo, quedan 0.06 s, menos de lo que suele tardar la nube.", en="After the cut, with the device's time set aside, 0.06 s are left, less than the cloud usually takes."))
_t_check_attempts(_t_Request([("ok", 0.01)], budget_s=0.1), 0, 1, tr(es="Desde el principio no hay tiempo para la nube y el dispositivo.", en="From the beginning there is no time for both cloud and device."))
_t_check_attempts(_t_Request([("cut", 0.01)] * 9), 3, 1, tr(es="Aunque quede tiempo, como mucho tres veces.", en="Even if there is time left, three times at most."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_script, _t_facts in _t_requests(400, 3):
    _t_want = _t_Request(_t_script, **_t_facts).run(_t_model)
    _t_check_attempts(_t_Request(_t_script, **_t_facts), len(_t_want.asked), _t_want.computed, "")
### END HIDDEN TESTS

# %% wrong="ask" score=1 says_es="después del plazo" says_en="after the deadline"
# es: Reintentar tres veces con un tiempo límite fijo es lo prudente.
# en: Trying three times with a fixed timeout is prudent.
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    for _ in range(3):
        try:
            return cloud(1.0)
        except (TimeoutError, ConnectionError):
            pass
    return device()

# %% wrong="ask" score=0 says_es="después del plazo" says_en="after the deadline"
# es: Se espera a la nube hasta el plazo, y si no llega se calcula en el dispositivo.
# en: One waits for the cloud until the deadline, and if nothing comes computes on the device.
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    try:
        return cloud(deadline_s - clock.now())
    except (TimeoutError, ConnectionError):
        return device()

# %% wrong="ask" score=2 says_es="acierta más que el dispositivo" says_en="right more often than the device"
# es: Si el dispositivo no falla nunca, la nube sobra.
# en: If the device never fails, there is no need for the cloud.
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    return device()

# %% wrong="ask" score=3 says_es="en balde" says_en="wastes battery"
# es: Primero se calcula en el dispositivo, por si acaso, y después se pregunta.
# en: First compute on the device, just in case, and then ask.
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    fallback = device()
    for _ in range(3):
        left_s = deadline_s - clock.now()
        if left_s < p95_s:
            break
        try:
            return cloud(left_s)
        except (TimeoutError, ConnectionError):
            pass
    return fallback

# %% wrong="ask" score=2 says_es="hay tiempo para otro" says_en="there is time for another"
# es: Si la nube falla una vez, volverá a fallar.
# en: If the cloud fails once, it will fail again.
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    left_s = deadline_s - clock.now() - device_s
    try:
        return cloud(left_s) if left_s >= p95_s else device()
    except (TimeoutError, ConnectionError):
        return device()

# %% wrong="ask" score=3 says_es="menos de lo que suele tardar" says_en="less than the cloud usually takes"
# es: Mientras quede algo de tiempo, se reintenta.
# en: As long as there is some time left, one tries again.
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    for _ in range(3):
        left_s = deadline_s - clock.now() - device_s
        if left_s <= 0:
            break
        try:
            return cloud(left_s)
        except (TimeoutError, ConnectionError):
            pass
    return device()

# %% wrong="ask" score=2 says_es="no es el tiempo límite" says_en="is not the timeout"
# es: El tiempo límite de una petición es lo que suele tardar.
# en: The timeout of a request is how long it usually takes.
def ask(deadline_s, cloud, device, clock, p95_s, device_s):
    for _ in range(3):
        if deadline_s - clock.now() - device_s < p95_s:
            break
        try:
            return cloud(p95_s)
        except (TimeoutError, ConnectionError):
            pass
    return device()

# %% right="ask"
def ask(deadline_s, cloud, device, clock, p95_s, device_s, tries=3):
    # es: la recursión en vez del bucle
    # en: recursion instead of a loop
    latest_s = deadline_s - device_s
    if tries == 0 or clock.now() + p95_s > latest_s:
        return device()
    try:
        answer = cloud(timeout_s=latest_s - clock.now())
    except OSError:
        return ask(deadline_s, cloud, device, clock, p95_s, device_s, tries - 1)
    else:
        return answer

# %% [markdown] lang="es" row="34"
# ## 3. La hora de llegada sin conexión (5 puntos)
#
# Calcular en el dispositivo no basta para funcionar sin conexión: la hora de llegada necesita el tráfico, y el tráfico viene de fuera. La aplicación guarda lo último que supo y **dice de cuándo es**. El tráfico es un factor: un trayecto que sin nadie en la calle dura 600 s,
# con un factor de 1.5 dura 900. Completa `OfflineEta`:
#
# - `OfflineEta(usual, half_life_s, fresh_s)`: `usual(time_s)` da el factor habitual a esa hora, y está en el dispositivo;
# - `receive(report)` guarda un informe de tráfico: `{"factor": 1.8, "measured_s": 1000, "received_s": 1030}`, es decir, el factor, cuándo se midió y cuándo ha llegado al teléfono. Los informes pueden llegar tarde, repetidos y en desorden: vale **el de medición más reciente** (no hay dos informes distintos con el mismo `measured_s`);
# - `estimate(free_flow_s, now_s)` devuelve siempre un diccionario con tres claves:
#     - `"seconds"`: la duración estimada del trayecto, que sin tráfico dura `free_flow_s`;
#     - `"age_s"`: cuánto hace que **se midió** el tráfico que se ha usado, o `None` si no ha llegado nunca un informe;
#     - `"fresh"`: `True` solo si hay informe y tiene como mucho `fresh_s` segundos.
#
# Un atasco se deshace poco a poco: la diferencia entre el factor medido y el habitual **a la hora en que se midió** se reduce a la mitad cada `half_life_s`. Con un informe de antigüedad $a$, medido en el instante $m$, la mejor estimación del factor en el instante $t$ es
# $$u(t) + (f - u(m)) \cdot 2^{-a/h}$$
# con $f$ el factor del informe, $u$ el habitual y $h$ la vida media. Sin ningún informe, el habitual. `estimate` no se llama nunca con una hora anterior al `received_s` de un informe ya recibido.
#
# Se comprueba con días simulados, con túneles y cortes de cobertura: se compara tu estimación con la mejor posible y se mira si la antigüedad que declaras es la verdadera.
# %% [markdown] lang="en" row="34"
# ## 3. The arrival time without a connection (5 points)
#
# Computing on the device is not enough to work offline: the arrival time needs the traffic, and the traffic comes from outside. The application keeps the last thing it knew and **says how old it is**. Traffic is a factor: a trip that takes 600 s with nobody on the road
# takes 900 with a factor of 1.5. Complete `OfflineEta`:
#
# - `OfflineEta(usual, half_life_s, fresh_s)`: `usual(time_s)` gives the usual factor at that time, and is on the device;
# - `receive(report)` keeps a traffic report: `{"factor": 1.8, "measured_s": 1000, "received_s": 1030}`, that is, the factor, when it was measured and when it reached the phone. Reports may come late, repeated and out of order: the one **measured last** is the one that counts (no two different reports have the same `measured_s`);
# - `estimate(free_flow_s, now_s)` always returns a dict with three keys:
#     - `"seconds"`: the estimated duration of the trip, which takes `free_flow_s` without traffic;
#     - `"age_s"`: how long ago the traffic that was used **was measured**, or `None` if no report ever came;
#     - `"fresh"`: `True` only if there is a report and it is at most `fresh_s` seconds old.
#
# A jam dissolves little by little: the difference between the measured factor and the usual factor **at the moment of measuring** halves every `half_life_s`. With a report of age $a$, measured at the instant $m$, the best estimate of the factor at the instant $t$ is
# $$u(t) + (f - u(m)) \cdot 2^{-a/h}$$
# with $f$ the factor of the report, $u$ the usual one and $h$ the half-life. Without any report, the usual one. `estimate` is never called with a time before the `received_s` of any report already received.
#
# The tests run simulated days, with tunnels and outages: they compare your estimate with the best possible, and look at whether the age that you declare is the true one.

# %% answer="offline_eta"
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        ### BEGIN SOLUTION
        self.usual, self.half_life_s, self.fresh_s = usual, half_life_s, fresh_s
        self.last = None
        ### END SOLUTION

    def receive(self, report):
        ### BEGIN SOLUTION
        if self.last is None or report["measured_s"] > self.last["measured_s"]:
            self.last = report
        ### END SOLUTION

    def estimate(self, free_flow_s, now_s):
        ### BEGIN SOLUTION
        factor = self.usual(now_s)
        if self.last is None:
            return {"seconds": free_flow_s * factor, "age_s": None, "fresh": False}
        measured_s = self.last["measured_s"]
        age_s = now_s - measured_s
        factor += (self.last["factor"] - self.usual(measured_s)) * 0.5 ** (age_s / self.half_life_s)
        return {"seconds": free_flow_s * factor, "age_s": age_s, "fresh": age_s <= self.fresh_s}
        ### END SOLUTION

# %% test="offline_eta/degrade" points=2 row="34" objective="5.3"
import random as _t_random

from mlprod import checks


def _t_usual(time_s):
    """Two rush hours a day, at 8 and at 18."""
    hour = time_s / 3600 % 24
    return 1.1 + 0.7 * math.exp(-((hour - 8) ** 2) / 2) + 0.8 * math.exp(-((hour - 18) ** 2) / 3)


def _t_report(factor, measured_s, delay_s=0):
    return {"factor": factor, "measured_s": measured_s, "received_s": measured_s + delay_s}


def _t_flat(time_s):
    return 1.2


def _t_estimate(eta, free_flow_s, now_s, about):
    got = checks.plain(eta.estimate(free_flow_s, now_s), about)
    assert got is not None, tr(
        es="Sin conexión estimate no devuelve nada. El usuario sigue en el coche: ¿qué le dices con lo que sabe el dispositivo?", en="Offline, estimate returns nothing. The user is still in the car: what do you tell them with what the device knows?"
    ) + f"\n  {about}"
    assert isinstance(got, dict) and {"seconds", "age_s", "fresh"} <= got.keys(), about + tr(es=f"\n  estimate devuelve un diccionario con seconds, age_s y fresh; ha devuelto {got!r}.", en=f"\n  estimate returns a dict with seconds, age_s and fresh; it returned {got!r}.")
    assert got["seconds"] is not None, tr(
        es="Sin conexión la duración es None: estimate no devuelve nada que se pueda enseñar.", en="Offline the duration is None: estimate returns nothing that could be shown."
    ) + f"\n  {about}"
    return got


### BEGIN HIDDEN TESTS
def _t_day(seed, half_life_s):
    """(moment, "report", report) and (moment, "ask", true factor, expected seconds, expected age) of a simulated day."""
    chance, off, last, events = _t_random.Random(seed), 0.0, None, []
    online = True
    for step in range(288 * 2):
        now, half = step * 150, 0.5 ** (150 / half_life_s)
        off = off * half + chance.gauss(0, 0.35) * math.sqrt(1 - half * half)
        true = _t_usual(now) + off
        if chance.random() < 0.06:
            online = not online
        if online and step % 2 == 0:
            last = _t_report(true, now)
            events.append((now, "report", last))
        if chance.random() < 0.5:
            free = chance.choice([300, 600, 1500])
            then = now + chance.choice([0, 40, 149])
            best = _t_usual(then) if last is None else _t_usual(then) + (last["factor"] - _t_usual(last["measured_s"])) / 2 ** ((then - last["measured_s"]) / half_life_s)
            events.append((then, "ask", free, true * free, best * free, None if last is None else then - last["measured_s"]))
    return events
### END HIDDEN TESTS


_t_eta = OfflineEta(_t_flat, half_life_s=1200, fresh_s=120)
_t_eta.receive(_t_report(2.0, 1000))
for _t_age, _t_factor, _t_why in [
    (0, 2.0, tr(es="Recién medido, vale lo medido.", en="Just measured, the measurement holds.")),
    (1200, 1.6, tr(es="Ha pasado una vida media: queda la mitad del atasco. Lo último que se supo no vale para siempre, y tampoco deja de valer de golpe.", en="One half-life has passed: half of the jam is left. The last thing known does not hold for ever, nor does it stop holding at once.")),
    (24_000, 1.2, tr(es="Siete horas después, del atasco no queda casi nada: lo último que se supo no vale para siempre.", en="Seven hours later nearly nothing is left of the jam: the last thing known does not hold for ever.")),
]:
    _t_got = _t_estimate(_t_eta, 600, 1000 + _t_age, _t_why)
    checks.same(_t_got["seconds"], 600 * _t_factor, _t_why + tr(es=f" Duración (seconds) tras {_t_age} s sin conexión; habitual 1.2, medido 2.0, vida media de 1200 s.", en=f" Duration (seconds) after {_t_age} s offline; usual 1.2, measured 2.0, half-life of 1200 s."), tolerance=1e-4)
_t_why = tr(es="Nunca ha llegado un informe: queda el tráfico habitual.", en="No report ever came: the usual traffic is what is left.")
checks.same(_t_estimate(OfflineEta(_t_flat, 1200, 120), 600, 5000, _t_why)["seconds"], 720, _t_why + " seconds:")
_t_eta = OfflineEta(_t_usual, half_life_s=1200, fresh_s=120)
_t_eta.receive(_t_report(2.5, 28_800))
_t_why = tr(
    es="A las 8 lo habitual es 1.8 y se mide 2.5; a las 9 lo habitual es 1.525. Lo que se reduce a la mitad es lo que se apartaba de lo habitual a la hora en que se midió. seconds:",
    en="At 8 the usual is 1.8 and 2.5 is measured; at 9 the usual is 1.525. What halves is how far it departed from the usual at the time when it was measured. seconds:",
)
checks.same(_t_estimate(_t_eta, 600, 32_400, _t_why)["seconds"], 967.243, _t_why, tolerance=1e-4)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed, _t_half in [(1, 1200), (2, 2400), (3, 600)]:
    _t_eta, _t_bad, _t_best, _t_wrong = OfflineEta(_t_usual, half_life_s=_t_half, fresh_s=300), 0.0, 0.0, None
    _t_asked = 0
    for _t_now, _t_kind, *_t_rest in _t_day(_t_seed, _t_half):
        if _t_kind == "report":
            _t_eta.receive(dict(_t_rest[0]))
            continue
        _t_free, _t_true, _t_ideal, _t_age = _t_rest
        _t_about = tr(es=f"Día simulado {_t_seed}, instante {_t_now} s.", en=f"Simulated day {_t_seed}, instant {_t_now} s.")
        _t_seconds = checks.number(_t_estimate(_t_eta, _t_free, _t_now, _t_about)["seconds"], _t_about)
        _t_bad, _t_best, _t_asked = _t_bad + abs(_t_seconds - _t_true), _t_best + abs(_t_ideal - _t_true), _t_asked + 1
        if _t_wrong is None and abs(_t_seconds - _t_ideal) > 1e-6 * _t_ideal:
            _t_wrong = _t_now, _t_age, _t_ideal, _t_seconds
    if _t_wrong is not None:
        raise AssertionError(tr(
            es=f"En un día simulado con cortes te equivocas de media en {_t_bad / _t_asked:.0f} s por trayecto, y se podía en {_t_best / _t_asked:.0f}. Por ejemplo, en el instante {_t_wrong[0]} s, con un informe de hace {_t_wrong[1]} s, se esperaban {_t_wrong[2]:.1f} s y has devuelto {_t_wrong[3]:.1f}. "
            "Lo que se reduce a la mitad es lo que se apartaba de lo habitual a la hora en que se midió.",
            en=f"On a simulated day with outages you are off by {_t_bad / _t_asked:.0f} s per trip on average, and {_t_best / _t_asked:.0f} was possible. For example, at instant {_t_wrong[0]} s, with a report {_t_wrong[1]} s old, {_t_wrong[2]:.1f} s were expected and you returned {_t_wrong[3]:.1f}. "
            "What halves is how far it departed from the usual at the time when it was measured.",
        ))
### END HIDDEN TESTS

# %% test="offline_eta/honest" points=2 row="34" objective="5.3"
_t_eta = OfflineEta(_t_flat, half_life_s=1200, fresh_s=120)
_t_about = tr(es="Nunca ha llegado un informe.", en="No report ever came.")
_t_got = _t_estimate(_t_eta, 600, 900, _t_about)
checks.same(_t_got["age_s"], None, _t_about + tr(es=" La antigüedad (age_s) de lo que no hay es None.", en=" The age (age_s) of what is not there is None."))
checks.same(_t_got["fresh"], False, _t_about + " fresh.")
_t_eta.receive(_t_report(2.0, 1000, delay_s=90))
for _t_now, _t_fresh in [(1100, True), (1190, False), (4600, False)]:
    _t_about = tr(es=f"Medido en 1000, recibido en 1090 y usado en {_t_now}. ", en=f"Measured at 1000, received at 1090 and used at {_t_now}. ")
    _t_got = _t_estimate(_t_eta, 600, _t_now, _t_about)
    checks.same(_t_got["age_s"], _t_now - 1000, _t_about + tr(es="La antigüedad (age_s) se cuenta desde que se midió: decir menos es dar por nuevo lo que no lo es.", en="Age (age_s) counts from when it was measured: to say less is to pass off as new what is not."))
    checks.same(_t_got["fresh"], _t_fresh, _t_about + tr(es="fresh: ¿es reciente (como mucho 120 s)? No digas que lo es si no lo es.", en="fresh: is it (at most 120 s old)? Do not claim that it is when it is not."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_eta = OfflineEta(_t_usual, half_life_s=900, fresh_s=300)
for _t_now, _t_kind, *_t_rest in _t_day(4, 900):
    if _t_kind == "report":
        _t_eta.receive({**_t_rest[0], "received_s": _t_rest[0]["measured_s"] + 35})
        continue
    _t_about = tr(es=f"Día simulado, instante {_t_now} s.", en=f"Simulated day, instant {_t_now} s.")
    _t_got = _t_estimate(_t_eta, _t_rest[0], _t_now, _t_about)
    checks.same(_t_got["age_s"], _t_rest[3], _t_about + tr(es=" Antigüedad declarada (age_s).", en=" Declared age (age_s)."))
    checks.same(_t_got["fresh"], _t_rest[3] is not None and _t_rest[3] <= 300, _t_about + tr(es=f" Con {_t_rest[3]} s de antigüedad y un límite de 300, ¿es reciente?", en=f" With an age of {_t_rest[3]} s and a limit of 300, is it fresh?"))
_t_one, _t_other = OfflineEta(_t_flat, 1200, 120), OfflineEta(_t_flat, 1200, 120)
_t_one.receive(_t_report(2.0, 10))
checks.same(_t_estimate(_t_other, 600, 20, "")["age_s"], None, tr(es="Dos OfflineEta no comparten informes.", en="Two OfflineEta share no reports."))
_t_one.estimate(600, 400)
checks.same(_t_estimate(_t_one, 600, 500, "")["age_s"], 490, tr(es="Preguntar no rejuvenece los datos.", en="Asking does not make data younger."))
### END HIDDEN TESTS

# %% test="offline_eta/reports" points=1 row="34" objective="5.3"
_t_eta = OfflineEta(_t_flat, half_life_s=1200, fresh_s=120)
_t_eta.receive(_t_report(2.0, 1000, delay_s=5))
_t_eta.receive(_t_report(3.0, 400, delay_s=640))
_t_about = tr(es="Un informe medido en 400 llega después de otro medido en 1000: el que llega el último no es el más nuevo.", en="A report measured at 400 comes after another measured at 1000: the one that arrives last is not the newest.")
_t_got = _t_estimate(_t_eta, 600, 1060, _t_about)
checks.same(_t_got["age_s"], 60, _t_about + " age_s:")
checks.same(_t_got["seconds"], 600 * (1.2 + 0.8 * 0.5**0.05), _t_about + " seconds:", tolerance=1e-6)
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(9)
for _ in range(60):
    _t_reports = [_t_report(round(_t_chance.uniform(0.9, 3), 2), _t_chance.randrange(0, 3000)) for _ in range(6)]
    if len({report["measured_s"] for report in _t_reports}) < 6:
        continue
    _t_order = _t_chance.sample(_t_reports, 6) + [dict(_t_chance.choice(_t_reports))]
    _t_eta = OfflineEta(_t_flat, half_life_s=1200, fresh_s=120)
    for _t_number, _t_one in enumerate(_t_order):
        _t_eta.receive({**_t_one, "received_s": 3000 + _t_number})
    _t_newest = max(_t_reports, key=lambda report: report["measured_s"])
    _t_got = _t_estimate(_t_eta, 100, 3100, _t_about)
    checks.same(_t_got["age_s"], 3100 - _t_newest["measured_s"], tr(es="Informes en desorden y uno repetido: manda el de medición más reciente. age_s:", en="Reports out of order and one repeated: the one measured last counts. age_s:"))
    checks.same(_t_got["seconds"], 100 * (1.2 + (_t_newest["factor"] - 1.2) * 0.5 ** ((3100 - _t_newest["measured_s"]) / 1200)), tr(es="Duración (seconds) con informes en desorden.", en="Duration (seconds) with reports out of order."), tolerance=1e-6)
_t_eta = OfflineEta(_t_flat, half_life_s=1200, fresh_s=120)
_t_eta.receive(_t_report(2.0, 0))
checks.same(_t_estimate(_t_eta, 600, 60, _t_about)["age_s"], 60, tr(es="Un informe medido en el instante 0 es un informe.", en="A report measured at instant 0 is a report."))
### END HIDDEN TESTS

# %% wrong="offline_eta" score=2 says_es="no vale para siempre" says_en="does not hold for ever"
# es: Sin conexión se sigue con el último tráfico que se supo.
# en: Offline, one goes on with the last traffic known.
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        self.usual, self.fresh_s, self.last = usual, fresh_s, None

    def receive(self, report):
        if self.last is None or report["measured_s"] > self.last["measured_s"]:
            self.last = report

    def estimate(self, free_flow_s, now_s):
        if self.last is None:
            return {"seconds": free_flow_s * self.usual(now_s), "age_s": None, "fresh": False}
        age_s = now_s - self.last["measured_s"]
        return {"seconds": free_flow_s * self.last["factor"], "age_s": age_s, "fresh": age_s <= self.fresh_s}

# %% wrong="offline_eta" score=1 says_es="no devuelve nada" says_en="returns nothing"
# es: Sin datos recientes no se da ninguna hora: mejor callar que equivocarse.
# en: Without fresh data no time is given: better silent than wrong.
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        self.usual, self.half_life_s, self.fresh_s, self.last = usual, half_life_s, fresh_s, None

    def receive(self, report):
        if self.last is None or report["measured_s"] > self.last["measured_s"]:
            self.last = report

    def estimate(self, free_flow_s, now_s):
        if self.last is None or now_s - self.last["measured_s"] > self.half_life_s * 3:
            return None
        age_s = now_s - self.last["measured_s"]
        off = (self.last["factor"] - self.usual(self.last["measured_s"])) * 0.5 ** (age_s / self.half_life_s)
        return {"seconds": free_flow_s * (self.usual(now_s) + off), "age_s": age_s, "fresh": age_s <= self.fresh_s}

# %% wrong="offline_eta" score=2 says_es="dar por nuevo" says_en="pass off as new"
# es: El dato es nuevo si acaba de llegar.
# en: The data are new if they have just arrived.
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        self.usual, self.half_life_s, self.fresh_s, self.last = usual, half_life_s, fresh_s, None

    def receive(self, report):
        if self.last is None or report["measured_s"] > self.last["measured_s"]:
            self.last = report

    def estimate(self, free_flow_s, now_s):
        factor = self.usual(now_s)
        if self.last is None:
            return {"seconds": free_flow_s * factor, "age_s": None, "fresh": False}
        age_s = now_s - self.last["received_s"]
        off = (self.last["factor"] - self.usual(self.last["measured_s"])) * 0.5 ** (age_s / self.half_life_s)
        return {"seconds": free_flow_s * (factor + off), "age_s": age_s, "fresh": age_s <= self.fresh_s}

# %% wrong="offline_eta" score=3 says_es="No digas que lo es si no lo es" says_en="Do not claim that it is when it is not"
# es: Si hay un informe, los datos son recientes: el modelo se ejecuta en el propio teléfono.
# en: If there is a report, the data are fresh: the model runs on the phone itself.
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        self.usual, self.half_life_s, self.fresh_s, self.last = usual, half_life_s, fresh_s, None

    def receive(self, report):
        if self.last is None or report["measured_s"] > self.last["measured_s"]:
            self.last = report

    def estimate(self, free_flow_s, now_s):
        factor = self.usual(now_s)
        if self.last is None:
            return {"seconds": free_flow_s * factor, "age_s": None, "fresh": False}
        age_s = now_s - self.last["measured_s"]
        off = (self.last["factor"] - self.usual(self.last["measured_s"])) * 0.5 ** (age_s / self.half_life_s)
        return {"seconds": free_flow_s * (factor + off), "age_s": age_s, "fresh": True}

# %% wrong="offline_eta" score=4 says_es="no es el más nuevo" says_en="is not the newest"
# es: Lo último que llega es lo más nuevo.
# en: What arrives last is the newest.
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        self.usual, self.half_life_s, self.fresh_s, self.last = usual, half_life_s, fresh_s, None

    def receive(self, report):
        self.last = report

    def estimate(self, free_flow_s, now_s):
        factor = self.usual(now_s)
        if self.last is None:
            return {"seconds": free_flow_s * factor, "age_s": None, "fresh": False}
        age_s = now_s - self.last["measured_s"]
        off = (self.last["factor"] - self.usual(self.last["measured_s"])) * 0.5 ** (age_s / self.half_life_s)
        return {"seconds": free_flow_s * (factor + off), "age_s": age_s, "fresh": age_s <= self.fresh_s}

# %% wrong="offline_eta" score=2 says_es="queda la mitad del atasco" says_en="half of the jam is left"
# es: En cuanto el informe deja de ser reciente, se usa solo lo habitual.
# en: As soon as the report is no longer fresh, only the usual traffic is used.
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        self.usual, self.half_life_s, self.fresh_s, self.last = usual, half_life_s, fresh_s, None

    def receive(self, report):
        if self.last is None or report["measured_s"] > self.last["measured_s"]:
            self.last = report

    def estimate(self, free_flow_s, now_s):
        if self.last is None:
            return {"seconds": free_flow_s * self.usual(now_s), "age_s": None, "fresh": False}
        age_s = now_s - self.last["measured_s"]
        fresh = age_s <= self.fresh_s
        off = (self.last["factor"] - self.usual(self.last["measured_s"])) * 0.5 ** (age_s / self.half_life_s)
        return {"seconds": free_flow_s * (self.usual(now_s) + (off if fresh else 0)), "age_s": age_s, "fresh": fresh}

# %% wrong="offline_eta" score=3 says_es="a la hora en que se midió" says_en="at the time when it was measured"
# es: Lo que se apartaba de lo habitual se mira con lo habitual de ahora.
# en: How far it departed from the usual is looked up with the usual of now.
class OfflineEta:
    def __init__(self, usual, half_life_s, fresh_s):
        self.usual, self.half_life_s, self.fresh_s, self.last = usual, half_life_s, fresh_s, None

    def receive(self, report):
        if self.last is None or report["measured_s"] > self.last["measured_s"]:
            self.last = report

    def estimate(self, free_flow_s, now_s):
        factor = self.usual(now_s)
        if self.last is None:
            return {"seconds": free_flow_s * factor, "age_s": None, "fresh": False}
        age_s = now_s - self.last["measured_s"]
        off = (self.last["factor"] - factor) * 0.5 ** (age_s / self.half_life_s)
        return {"seconds": free_flow_s * (factor + off), "age_s": age_s, "fresh": age_s <= self.fresh_s}

# %% right="offline_eta"
class OfflineEta:
    # es: guarda todos los informes y elige al preguntar
    # en: keeps all reports and chooses when asked
    def __init__(self, usual, half_life_s, fresh_s):
        self.settings, self.reports = (usual, half_life_s, fresh_s), {}

    def receive(self, report):
        self.reports[report["measured_s"]] = report["factor"]

    def estimate(self, free_flow_s, now_s):
        usual, half_life_s, fresh_s = self.settings
        if not self.reports:
            return {"seconds": np.float64(free_flow_s) * usual(now_s), "age_s": None, "fresh": False}
        measured_s = max(self.reports)
        weight = np.exp(-math.log(2) * (now_s - measured_s) / half_life_s)
        factor = usual(now_s) + weight * (self.reports[measured_s] - usual(measured_s))
        return {"fresh": np.bool_(now_s - measured_s <= fresh_s), "age_s": now_s - measured_s, "seconds": free_flow_s * factor}

# %% [markdown] lang="es" row="38"
# ## 4. El servidor del almacén (6 puntos)
#
# Cada almacén tiene su servidor local, que sigue trabajando cuando se corta la línea y pone al día la nube cuando la línea se recupera. Un **suceso** es la lectura de un lector de estanterías:
# `{"event_id": "e7", "shelf": "A3", "version": 4, "count": 12, "picked": 1}`. `version` la pone el lector y crece en cada estantería; `count` es lo que el modelo ha contado en ella, y `picked`, las unidades que se han cogido en ese suceso. El wifi del almacén entrega los sucesos al servidor local tarde, repetidos y
# en desorden. Completa cinco funciones; `db` es una conexión de `sqlite3`, la del servidor local en las tres primeras y la de la nube en las otras dos. Las tablas son cosa tuya: al principio no hay ninguna, y cualquiera de las cinco funciones puede ser la primera que se ejecute. Quien llama cierra la conexión:
#
# - `record(db, event)`, en el servidor local: apunta el suceso. Una vez que termina, el suceso no se pierde aunque el proceso muera. Si muere a medias, el lector lo repetirá;
# - `local(db)`, en el servidor local: `{shelf: count}` con el recuento de mayor versión de cada estantería, haya línea o no;
# - `sync(db, send)`, en el servidor local: manda a la nube lo que falte con `send(event)`. Si se corta la línea, `send` lanza `ConnectionError`, **y no se sabe si el suceso llegó**; entonces `sync` lo deja y termina. Devuelve siempre cuántos sucesos quedan por mandar. Se la llama una y otra vez hasta que devuelve 0;
# - `receive(db, event)`, en la nube: aplica un suceso que ha llegado. Una vez que termina, el suceso está a salvo. Se ejecuta dentro de `send`, en otro proceso; si muere, `send` lanza `ConnectionError`;
# - `cloud_state(db)`, en la nube: `{shelf: (count, picked)}`, con el recuento de mayor versión y la **suma** de `picked` de todos los sucesos de esa estantería.
#
# Lo que se exige:
#
# 1. **nada se pierde y nada se cuenta dos veces**, se corte la línea donde se corte y muera quien muera. Dos entregas con el mismo `event_id` son el mismo suceso;
# 2. los sucesos de **una misma estantería** llegan a la nube en el orden en que `record` los apuntó (el de la primera vez, si se repiten);
# 3. gana la mayor **versión**, no lo último que llega; y un suceso de versión vieja también suma su `picked`;
# 4. una vez que `sync` ha terminado, no se vuelve a mandar ningún suceso cuyo `send` terminara sin excepción (si `sync` muere después de `send`, ese sí puede repetirse).
#
# No hay dos sucesos distintos con la misma estantería y versión. Cada llamada ocurre en un proceso nuevo: lo que se guarde en una variable global se pierde al terminar (las constantes y las funciones auxiliares sí pueden ser globales).
#
# Se comprueba cortando la línea antes y después de que llegue **cada** suceso, y matando al servidor local y a la nube antes y después de **cada** sentencia y cada commit.
# %% [markdown] lang="en" row="38"
# ## 4. The warehouse's rack (6 points)
#
# Each warehouse has its rack of servers, which goes on working when the line is cut and brings the cloud up to date when it comes back. An **event** is a reading of a shelf scanner:
# `{"event_id": "e7", "shelf": "A3", "version": 4, "count": 12, "picked": 1}`. The scanner sets `version`, which grows on each shelf; `count` is what the model has counted on it, and `picked` the units taken in that event. The warehouse's wifi delivers events to the rack late, repeated and
# out of order. Complete five functions; `db` is an `sqlite3` connection, the rack's in the first three and the cloud's in the other two. The tables are up to you: at first there are none, and any of the five functions may be the first to run. Whoever calls closes the connection:
#
# - `record(db, event)`, on the rack: notes the event. Once it has finished, the event is not lost even if the process dies. If it dies halfway, the scanner will repeat it;
# - `local(db)`, on the rack: `{shelf: count}` with the count of the highest version of each shelf, with or without a line;
# - `sync(db, send)`, on the rack: sends the cloud what is missing with `send(event)`. If the line is cut, `send` raises `ConnectionError`, **and it is not known whether the event arrived**; `sync` then gives up and ends. It always returns how many events are still to be sent. It is called again and again until it returns 0;
# - `receive(db, event)`, in the cloud: applies an event that has arrived. Once it has finished, the event is safe. It runs inside `send`, in another process; if that dies, `send` raises `ConnectionError`;
# - `cloud_state(db)`, in the cloud: `{shelf: (count, picked)}`, with the count of the highest version and the **sum** of `picked` over all events of that shelf.
#
# What is required:
#
# 1. **nothing is lost and nothing is counted twice**, wherever the line is cut and whoever dies. Two deliveries with the same `event_id` are the same event;
# 2. the events of **one shelf** reach the cloud in the order in which `record` noted them (that of the first time, if they are repeated);
# 3. the highest **version** wins, not what arrives last; and an event of an old version adds its `picked`, too;
# 4. once `sync` has finished, no event whose `send` finished without an exception is sent again (if `sync` dies after `send`, that one may be).
#
# No two different events have the same shelf and version. Each call happens in a new process: what is kept in a global variable is lost when it ends (constants and helper functions may be global).
#
# The tests cut the line before and after **each** event arrives, and kill the rack and the cloud before and after **each** statement and each commit.

# %% answer="rack"
def record(db, event):
    ### BEGIN SOLUTION
    db.execute("CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)")
    # es: lo que se guarda y lo que hay que mandar son la misma fila: no puede haber lo uno sin lo otro
    # en: what is kept and what is to be sent are one row: there cannot be one without the other
    with db:
        db.execute("INSERT OR IGNORE INTO outbox (event_id, event) VALUES (?, ?)", (event["event_id"], json.dumps(event)))
    ### END SOLUTION


def local(db):
    ### BEGIN SOLUTION
    db.execute("CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)")
    events = [json.loads(text) for (text,) in db.execute("SELECT event FROM outbox")]
    events.sort(key=lambda event: event["version"])
    return {event["shelf"]: event["count"] for event in events}
    ### END SOLUTION


def sync(db, send):
    ### BEGIN SOLUTION
    db.execute("CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)")
    waiting = db.execute("SELECT number, event FROM outbox WHERE NOT sent ORDER BY number").fetchall()
    for done, (number, event) in enumerate(waiting):
        try:
            send(json.loads(event))
        except ConnectionError:
            return len(waiting) - done
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
    return 0
    ### END SOLUTION


def receive(db, event):
    ### BEGIN SOLUTION
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    with db:
        db.execute("INSERT OR IGNORE INTO events VALUES (:event_id, :shelf, :version, :count, :picked)", event)
    ### END SOLUTION


def cloud_state(db):
    ### BEGIN SOLUTION
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    # es: con MAX, SQLite toma las demás columnas de la fila que tiene el máximo
    # en: with MAX, SQLite takes the other columns from the row that has the maximum
    query = "SELECT shelf, count, MAX(version), SUM(picked) FROM events GROUP BY shelf"
    return {shelf: (count, picked) for shelf, count, _, picked in db.execute(query)}
    ### END SOLUTION

# %% test="rack/local" points=1 row="38" objective="5.6"
import contextlib as _t_contextlib
import pickle as _t_pickle
import random as _t_random
import secrets as _t_secrets

from mlprod import checks
from mlprod.systems import crashes as _t_crashes, pickling as _t_pickling
from mlprod.systems.workspace import workspace as _t_workspace


def _t_events(*facts):
    """One event for each "A1" or (shelf, version): by default versions grow. `picked` are powers of 4: a sum tells how often each was counted."""
    found, seen = [], {}
    for number, fact in enumerate(facts):
        shelf, version = fact if isinstance(fact, tuple) else (fact, seen.get(fact, 0) + 1)
        seen[shelf] = version
        found.append({"event_id": f"e{number}", "shelf": shelf, "version": version, "count": 100 * version + number, "picked": 4**number})
    return found


class _t_Warehouse:
    """A rack, a cloud and the line between them. Each call is a process of its own, with its own copy of the answer's code."""

    def __init__(self, cuts=(), cloud_dies=None):
        try:
            self.program = _t_pickling.dumps((record, local, sync, receive, cloud_state))
        except Exception as error:
            raise AssertionError(tr(es=f"Tus funciones usan algo del notebook que otro proceso no puede tener ({error}).", en=f"Your functions use something of the notebook that another process cannot have ({error}).")) from None
        name = f"warehouse-{_t_secrets.token_hex(4)}"
        self.paths = {who: _t_workspace() / f"{name}-{who}.sqlite" for who in ("rack", "cloud")}
        self.cuts, self.cloud_dies = dict(cuts), cloud_dies
        self.arrived, self.sent, self.steps = [], 0, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for path in self.paths.values():
            for suffix in ("", "-journal", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    def call(self, who, name, *arguments, die_at=None):
        """(result, whether the process has died) of a call in its own process."""
        functions = dict(zip(("record", "local", "sync", "receive", "cloud_state"), _t_pickle.loads(self.program), strict=True))
        steps = _t_crashes.Steps(die_at)
        with _t_contextlib.closing(_t_crashes.connect(self.paths[who], steps)) as db:
            sqlite3.Connection.execute(db, "PRAGMA journal_mode = MEMORY").close()
            try:
                result = functions[name](db, *arguments)
            except _t_crashes.SimulatedCrash:
                if not steps.dead:
                    raise
                result = None
            except _t_crashes.Endless as endless:
                raise AssertionError(tr(es=f"{name} no termina: {endless}", en=f"{name} does not end: {endless}")) from None
        self.steps[name] = steps.names
        return result, steps.dead

    def record(self, event, die_at=None):
        """As the scanner does: repeated until it returns."""
        while self.call("rack", "record", dict(event), die_at=die_at)[1]:
            die_at = None

    def send(self, event):
        number, self.sent = self.sent, self.sent + 1
        if self.cuts.get(number) == "before":
            raise ConnectionError("cut")
        event = json.loads(json.dumps(event))
        self.arrived.append(event.get("event_id"))
        dies, step = self.cloud_dies or (None, None)
        died = self.call("cloud", "receive", event, die_at=step if dies == number else None)[1]
        if died or self.cuts.get(number) == "after":
            raise ConnectionError("cut")

    def sync(self, die_at=None):
        """Once: how many are left, or None if sync died."""
        try:
            left, died = self.call("rack", "sync", self.send, die_at=die_at)
        except ConnectionError:
            raise AssertionError(tr(es="sync ha dejado escapar el ConnectionError: cuando se corta la línea, sync termina y dice cuántos quedan.", en="sync let the ConnectionError out: when the line is cut, sync ends and says how many are left.")) from None
        if died:
            return None
        left = checks.plain(left, "sync")
        assert isinstance(left, (int, float)) and not isinstance(left, bool), tr(es=f"sync devuelve cuántos sucesos quedan por mandar; ha devuelto {left!r}.", en=f"sync returns how many events are still to be sent; it returned {left!r}.")
        return left

    def sync_all(self, about, die_at=None):
        """Until nothing is left to be sent."""
        for _ in range(30):
            left = self.sync(die_at=die_at)
            die_at = None
            if left == 0:
                return
        raise AssertionError(about + tr(es="\n  Con la línea ya arreglada, después de llamar 30 veces a sync siguen quedando sucesos por mandar.", en="\n  With the line mended, after 30 calls of sync there are still events to be sent."))

    def check_cloud(self, events, about):
        state = checks.plain(self.call("cloud", "cloud_state")[0], about)
        assert isinstance(state, dict), about + tr(es=f"\n  cloud_state devuelve un diccionario; ha devuelto {state!r}.", en=f"\n  cloud_state returns a dict; it returned {state!r}.")
        for shelf in dict.fromkeys(event["shelf"] for event in events):
            own = {event["event_id"]: event for event in events if event["shelf"] == shelf}
            assert shelf in state and isinstance(state[shelf], list) and len(state[shelf]) == 2, about + tr(
                es=f"\n  Se han perdido en la nube todos los sucesos de {shelf}: cloud_state ha devuelto {state!r}.", en=f"\n  Lost in the cloud: all events of {shelf}; cloud_state returned {state!r}."
            )
            total = int(checks.number(state[shelf][1], about))
            times = {one: total // event["picked"] % 4 for one, event in own.items()}
            lost, twice = [one for one, count in times.items() if count == 0], [one for one, count in times.items() if count > 1]
            assert not lost, about + tr(es=f"\n  Se han perdido en la nube, de {shelf}: {', '.join(lost)}.", en=f"\n  Lost in the cloud, of {shelf}: {', '.join(lost)}.")
            assert not twice and total == sum(event["picked"] for event in own.values()), about + tr(
                es=f"\n  Se han contado dos veces en la nube, de {shelf}: {', '.join(twice)}. Quien manda no sabe si un suceso llegó; ¿quién lo sabe?", en=f"\n  Counted twice in the cloud, of {shelf}: {', '.join(twice)}. The sender does not know whether an event arrived; who does?"
            )
            newest = max(own.values(), key=lambda event: event["version"])
            checks.same(state[shelf][0], newest["count"], about + tr(es=f"\n  Recuento de {shelf} en la nube: gana la mayor versión, no lo último que llega.", en=f"\n  Count of {shelf} in the cloud: the highest version wins, not what arrives last."))
        checks.same(set(state), {event["shelf"] for event in events}, about)

    def check_order(self, events, about):
        arrived = list(dict.fromkeys(self.arrived))
        for shelf in dict.fromkeys(event["shelf"] for event in events):
            own = list(dict.fromkeys(event["event_id"] for event in events if event["shelf"] == shelf))
            checks.same([one for one in arrived if one in own], own, about + tr(es=f"\n  Orden en que llegan a la nube los sucesos de {shelf}: el de apuntarlos.", en=f"\n  Order in which the events of {shelf} reach the cloud: that of recording."), observed=True)

    def check_local(self, events, about):
        want = {}
        for event in sorted(events, key=lambda event: event["version"]):
            want[event["shelf"]] = event["count"]
        checks.same(self.call("rack", "local")[0], want, about + tr(es=" local(db) con el servidor local:", en=" local(db) on the rack:"))


with _t_Warehouse() as _t_w:
    _t_some = _t_events("A1", "B2", "A1", "A1")
    for _t_event in _t_some:
        _t_w.record(_t_event)
    _t_w.check_local(_t_some, tr(es="Cuatro sucesos apuntados, y la línea cortada todo el día.", en="Four events recorded, and the line cut all day."))
    _t_w.record(_t_some[0])
    _t_w.check_local(_t_some, tr(es="El lector repite su primer suceso: la versión 1 no es más nueva que la 3.", en="The scanner repeats its first event: version 1 is not newer than 3."))
checks.passed()
### BEGIN HIDDEN TESTS
with _t_Warehouse() as _t_w:
    checks.same(_t_w.call("rack", "local")[0], {}, tr(es="Recién instalado, local(db) está vacío.", en="Just installed, local(db) is empty."))
    checks.same(_t_w.call("cloud", "cloud_state")[0], {}, tr(es="Recién instalada, cloud_state(db) está vacío.", en="Just installed, cloud_state(db) is empty."))
    _t_some = _t_events(("A1", 3), ("A1", 1), ("B2", 9), ("A1", 2), ("B2", 12), ("B2", 10))
    for _t_number, _t_event in enumerate(_t_some, 1):
        _t_w.record(_t_event)
        _t_w.check_local(_t_some[:_t_number], tr(es="Sucesos en desorden.", en="Events out of order."))
    _t_w.sync_all("")
    _t_w.check_local(_t_some, tr(es="Lo mandado a la nube sigue valiendo en el servidor local.", en="What was sent to the cloud still holds on the rack."))
for _t_step in range(1, len(_t_w.steps["record"]) + 1):
    with _t_Warehouse() as _t_w:
        _t_w.record(_t_some[0])
        _t_w.record(_t_some[2], die_at=_t_step)
        _t_w.check_local([_t_some[0], _t_some[2]], tr(es=f"record muere en su paso {_t_step} y el lector repite el suceso.", en=f"record dies at its step {_t_step} and the scanner repeats the event."))
### END HIDDEN TESTS

# %% test="rack/cut" points=2 row="38" objective="5.6"
_t_some = _t_events("A1", "B2", "A1", "B2", "A1")


def _t_check_cuts(cuts, events, about):
    with _t_Warehouse(cuts) as w:
        for event in events:
            w.record(event)
        w.sync_all(about)
        w.check_cloud(events, about)
        w.check_order(events, about)
        return w.sent


_t_check_cuts({}, _t_some, tr(es="La línea no se corta.", en="The line is not cut."))
_t_check_cuts({1: "before"}, _t_some, tr(es="La línea se corta antes de que llegue el segundo suceso, y vuelve.", en="The line is cut before the second event arrives, and comes back."))
_t_check_cuts({1: "after"}, _t_some, tr(es="La línea se corta después de que llegue el segundo suceso y antes de que el servidor local lo sepa, y vuelve.", en="The line is cut after the second event has arrived and before the rack knows, and comes back."))
with _t_Warehouse({1: "after"}) as _t_w:
    for _t_event in _t_some[:3]:
        _t_w.record(_t_event)
    checks.same(_t_w.sync(), 2, tr(es="Tres sucesos, y la línea se corta en el segundo: sync devuelve cuántos quedan por mandar, y del segundo no se sabe si llegó.", en="Three events, and the line is cut at the second: sync returns how many are still to be sent, and of the second it is not known whether it arrived."))
    checks.same(_t_w.sync(), 0, tr(es="La línea ya funciona y sync ha mandado lo que faltaba: quedan por mandar 0.", en="The line works again and sync has sent what was missing: 0 are still to be sent."))
    _t_w.sync()
    checks.same(_t_w.sent, 4, tr(es="Envíos en total, con tres llamadas a sync: dos la primera vez (el segundo suceso se corta), dos la segunda y ninguno la tercera. Lo que la nube confirmó no se vuelve a mandar.", en="Sendings in all, with three calls of sync: two the first time (the second event is cut), two the second time and none the third. What the cloud has confirmed is not sent again."), observed=True)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_number in range(len(_t_some)):
    for _t_when in ("before", "after"):
        _t_check_cuts({_t_number: _t_when}, _t_some, tr(es=f"Corte en el envío {_t_number} ({_t_when}).", en=f"Cut at sending {_t_number} ({_t_when})."))
_t_check_cuts({0: "after", 1: "after", 2: "before", 4: "after", 6: "before"}, _t_some, tr(es="Cinco cortes seguidos.", en="Five cuts in a row."))
with _t_Warehouse({2: "after"}) as _t_w:
    for _t_event in _t_some[:3]:
        _t_w.record(_t_event)
    checks.same(_t_w.sync(), 1, tr(es="Tres sucesos; el tercero se corta: quedan por mandar los que no se sabe si han llegado.", en="Three events; the third is cut: those of which it is not known whether they arrived are still to be sent."))
    for _t_event in [*_t_some[3:], _t_some[0], _t_some[2]]:
        _t_w.record(_t_event)
    _t_w.sync_all("")
    _t_w.check_cloud(_t_some, tr(es="Entre dos sincronizaciones llegan sucesos nuevos y otros repetidos.", en="Between two synchronizations come new events, and repeated ones."))
    _t_w.check_order(_t_some, "")
    _t_before = _t_w.sent
    checks.same(_t_w.sync(), 0, tr(es="No queda nada que mandar.", en="Nothing is left to be sent."))
    _t_w.record(_t_some[1])
    checks.same(_t_w.sync(), 0, tr(es="Un suceso repetido que ya se mandó.", en="A repeated event that was sent already."))
    checks.same(_t_w.sent - _t_before, 0, tr(es="Lo que la nube confirmó no se vuelve a mandar: envíos de más.", en="What the cloud has confirmed is not sent again: sendings too many."), observed=True)
with _t_Warehouse() as _t_w:
    checks.same(_t_w.sync(), 0, tr(es="Sin sucesos apuntados.", en="Without recorded events."))
### END HIDDEN TESTS

# %% test="rack/crash" points=2 row="38" objective="5.6"
_t_three = _t_events("A1", "B2", "A1")


def _t_check_crashes(about, record_dies=None, sync_dies=None, cloud_dies=None, events=_t_three):
    with _t_Warehouse(cloud_dies=cloud_dies) as w:
        for number, event in enumerate(events):
            w.record(event, die_at=record_dies[1] if record_dies and record_dies[0] == number else None)
        w.sync_all(about, die_at=sync_dies)
        w.check_cloud(events, about)
        return w.steps


with _t_Warehouse() as _t_w:
    for _t_event in _t_three:
        _t_w.record(_t_event)
    _t_w.sync()
    assert _t_w.sent, tr(es="sync no ha mandado nada: ¿siguen ahí los sucesos que record apuntó?", en="sync has sent nothing: are the events that record noted still there?")
    _t_names = dict(_t_w.steps)
    _t_steps = {name: len(names) for name, names in _t_names.items()}
for _t_name in ("record", "sync", "receive"):
    assert _t_steps.get(_t_name), tr(es=f"{_t_name} no usa la base de datos que recibe.", en=f"{_t_name} does not use the database that it gets.")


def _t_at(name, step):
    """Which step that is, as far as is known: "6 (after INSERT INTO …)"."""
    if step > _t_steps[name]:
        return str(step)
    what = " ".join(_t_names[name][step - 1].split())
    after = what.endswith(": done")
    what = what.removesuffix(": done")
    what = what if len(what) <= 70 else what[:69] + "…"
    return tr(es=f"{step} (después de {what})", en=f"{step} (after {what})") if after else tr(es=f"{step} (antes de {what})", en=f"{step} (before {what})")


for _t_step in range(1, _t_steps["record"] + 1):
    _t_check_crashes(tr(es=f"record muere en su paso {_t_at('record', _t_step)} con el segundo suceso, y el lector lo repite.", en=f"record dies at its step {_t_at('record', _t_step)} with the second event, and the scanner repeats it."), record_dies=(1, _t_step))
for _t_step in range(1, _t_steps["receive"] + 1):
    _t_check_crashes(tr(es=f"La nube muere en el paso {_t_at('receive', _t_step)} de receive con el segundo suceso, y sync lo repite.", en=f"The cloud dies at step {_t_at('receive', _t_step)} of receive with the second event, and sync repeats it."), cloud_dies=(1, _t_step))
_t_check_crashes(tr(es=f"sync muere en su último paso, el {_t_at('sync', _t_steps['sync'])}, y se la vuelve a llamar.", en=f"sync dies at its last step, {_t_at('sync', _t_steps['sync'])}, and is called again."), sync_dies=_t_steps["sync"])
checks.passed()
### BEGIN HIDDEN TESTS
for _t_step in range(1, _t_steps["sync"] + 1):
    _t_check_crashes(tr(es=f"sync muere en su paso {_t_at('sync', _t_step)}.", en=f"sync dies at its step {_t_at('sync', _t_step)}."), sync_dies=_t_step)
for _t_number in range(3):
    for _t_step in range(1, _t_steps["receive"] + 3):
        _t_check_crashes(tr(es=f"La nube muere en el paso {_t_at('receive', _t_step)} de receive, en el envío {_t_number}.", en=f"The cloud dies at step {_t_at('receive', _t_step)} of receive, at sending {_t_number}."), cloud_dies=(_t_number, _t_step))
        if _t_step % 3 == 0:
            _t_check_crashes(tr(es=f"Mueren record, sync y la nube (pasos {_t_step}).", en=f"record, sync and the cloud die (steps {_t_step})."), (0, _t_step), _t_step, (_t_number, _t_step))
### END HIDDEN TESTS

# %% test="rack/version" points=1 row="38" objective="5.6"
def _t_check_versions(events, about):
    with _t_Warehouse() as w:
        for event in events:
            w.record(event)
        w.sync_all(about)
        w.check_cloud(events, about)


_t_check_versions(_t_events(("A1", 3), ("A1", 1)), tr(es="La versión 1 se quedó en el wifi y llega después de la 3: no gana, pero lo que se cogió se cogió.", en="Version 1 was held up in the wifi and comes after 3: it does not win, but what was picked was picked."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(4)
for _ in range(12):
    _t_facts = [(shelf, version) for shelf in ("A1", "B2", "C3") for version in _t_chance.sample(range(1, 40), 3)]
    _t_chance.shuffle(_t_facts)
    _t_check_versions(_t_events(*_t_facts), tr(es=f"Llegan en este orden: {_t_facts}.", en=f"They come in this order: {_t_facts}."))
_t_check_versions(_t_events(("A1", 9), ("A1", 10), ("A1", 2)), tr(es="Versiones 9, 10 y 2: son números, no textos.", en="Versions 9, 10 and 2: they are numbers, not strings."))
### END HIDDEN TESTS

# %% wrong="rack" score=2 says_es="Se han perdido" says_en="Lost in the cloud"
# es: Lo que se saca de la bandeja de salida se borra, y después se manda.
# en: What is taken from the outbox is deleted, and then sent.
TABLE = "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)"


def record(db, event):
    db.execute(TABLE)
    with db:
        db.execute("INSERT OR IGNORE INTO outbox (event_id, event) VALUES (?, ?)", (event["event_id"], json.dumps(event)))


def local(db):
    db.execute(TABLE)
    events = sorted((json.loads(text) for (text,) in db.execute("SELECT event FROM outbox")), key=lambda event: event["version"])
    return {event["shelf"]: event["count"] for event in events}


def sync(db, send):
    db.execute(TABLE)
    waiting = db.execute("SELECT number, event FROM outbox WHERE NOT sent ORDER BY number").fetchall()
    for done, (number, event) in enumerate(waiting, 1):
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
        try:
            send(json.loads(event))
        except ConnectionError:
            return len(waiting) - done
    return 0


def receive(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    with db:
        db.execute("INSERT OR IGNORE INTO events VALUES (:event_id, :shelf, :version, :count, :picked)", event)


def cloud_state(db):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    query = "SELECT shelf, count, MAX(version), SUM(picked) FROM events GROUP BY shelf"
    return {shelf: (count, picked) for shelf, count, _, picked in db.execute(query)}

# %% wrong="rack" score=2 says_es="Se han contado dos veces" says_en="Counted twice"
# es: Si send lanza una excepción, el suceso no ha llegado: repetirlo no tiene peligro.
# en: If send raises, the event did not arrive: repeating it is safe.
TABLE = "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)"


def record(db, event):
    db.execute(TABLE)
    with db:
        db.execute("INSERT OR IGNORE INTO outbox (event_id, event) VALUES (?, ?)", (event["event_id"], json.dumps(event)))


def local(db):
    db.execute(TABLE)
    events = sorted((json.loads(text) for (text,) in db.execute("SELECT event FROM outbox")), key=lambda event: event["version"])
    return {event["shelf"]: event["count"] for event in events}


def sync(db, send):
    db.execute(TABLE)
    waiting = db.execute("SELECT number, event FROM outbox WHERE NOT sent ORDER BY number").fetchall()
    for done, (number, event) in enumerate(waiting):
        try:
            send(json.loads(event))
        except ConnectionError:
            return len(waiting) - done
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
    return 0


def receive(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    with db:
        db.execute("INSERT INTO events VALUES (:event_id, :shelf, :version, :count, :picked)", event)


def cloud_state(db):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    query = "SELECT shelf, count, MAX(version), SUM(picked) FROM events GROUP BY shelf"
    return {shelf: (count, picked) for shelf, count, _, picked in db.execute(query)}

# %% wrong="rack" score=5 says_es="no lo último que llega" says_en="not what arrives last"
# es: El recuento bueno es el último que llega a la nube.
# en: The right count is the last to reach the cloud.
TABLE = "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)"


def record(db, event):
    db.execute(TABLE)
    with db:
        db.execute("INSERT OR IGNORE INTO outbox (event_id, event) VALUES (?, ?)", (event["event_id"], json.dumps(event)))


def local(db):
    db.execute(TABLE)
    events = sorted((json.loads(text) for (text,) in db.execute("SELECT event FROM outbox")), key=lambda event: event["version"])
    return {event["shelf"]: event["count"] for event in events}


def sync(db, send):
    db.execute(TABLE)
    waiting = db.execute("SELECT number, event FROM outbox WHERE NOT sent ORDER BY number").fetchall()
    for done, (number, event) in enumerate(waiting):
        try:
            send(json.loads(event))
        except ConnectionError:
            return len(waiting) - done
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
    return 0


def receive(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, shelf TEXT, count INTEGER, picked INTEGER)")
    with db:
        db.execute("INSERT OR IGNORE INTO events (event_id, shelf, count, picked) VALUES (:event_id, :shelf, :count, :picked)", event)


def cloud_state(db):
    db.execute("CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, shelf TEXT, count INTEGER, picked INTEGER)")
    query = "SELECT shelf, count, MAX(number), SUM(picked) FROM events GROUP BY shelf"
    return {shelf: (count, picked) for shelf, count, _, picked in db.execute(query)}

# %% wrong="rack" score=4 says_es="Orden en que llegan" says_en="Order in which"
# es: Si un suceso no sale, se prueba con el siguiente.
# en: If an event cannot be sent, one tries the next.
TABLE = "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)"


def record(db, event):
    db.execute(TABLE)
    with db:
        db.execute("INSERT OR IGNORE INTO outbox (event_id, event) VALUES (?, ?)", (event["event_id"], json.dumps(event)))


def local(db):
    db.execute(TABLE)
    events = sorted((json.loads(text) for (text,) in db.execute("SELECT event FROM outbox")), key=lambda event: event["version"])
    return {event["shelf"]: event["count"] for event in events}


def sync(db, send):
    db.execute(TABLE)
    failed = 0
    for number, event in db.execute("SELECT number, event FROM outbox WHERE NOT sent ORDER BY number").fetchall():
        try:
            send(json.loads(event))
        except ConnectionError:
            failed += 1
            continue
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
    return failed


def receive(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    with db:
        db.execute("INSERT OR IGNORE INTO events VALUES (:event_id, :shelf, :version, :count, :picked)", event)


def cloud_state(db):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    query = "SELECT shelf, count, MAX(version), SUM(picked) FROM events GROUP BY shelf"
    return {shelf: (count, picked) for shelf, count, _, picked in db.execute(query)}

# %% wrong="rack" score=4 says_es="Se han perdido" says_en="Lost in the cloud"
# es: Primero se apunta en el servidor local y después en la bandeja de salida: son dos cosas distintas.
# en: First it is noted on the rack and then in the outbox: those are two different things.
def tables(db):
    db.execute("CREATE TABLE IF NOT EXISTS known (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER)")
    db.execute("CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event TEXT)")


def record(db, event):
    tables(db)
    with db:
        fresh = db.execute("INSERT OR IGNORE INTO known VALUES (:event_id, :shelf, :version, :count)", event).rowcount
    if fresh == 1:
        with db:
            db.execute("INSERT INTO outbox (event) VALUES (?)", (json.dumps(event),))


def local(db):
    tables(db)
    return {shelf: count for shelf, count, _ in db.execute("SELECT shelf, count, MAX(version) FROM known GROUP BY shelf")}


def sync(db, send):
    tables(db)
    waiting = db.execute("SELECT number, event FROM outbox ORDER BY number").fetchall()
    for done, (number, event) in enumerate(waiting):
        try:
            send(json.loads(event))
        except ConnectionError:
            return len(waiting) - done
        with db:
            db.execute("DELETE FROM outbox WHERE number = ?", (number,))
    return 0


def receive(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    with db:
        db.execute("INSERT OR IGNORE INTO events VALUES (:event_id, :shelf, :version, :count, :picked)", event)


def cloud_state(db):
    db.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    query = "SELECT shelf, count, MAX(version), SUM(picked) FROM events GROUP BY shelf"
    return {shelf: (count, picked) for shelf, count, _, picked in db.execute(query)}

# %% wrong="rack" score=2 says_es="¿quién lo sabe?" says_en="who does?"
# es: Para no contar dos veces basta con un conjunto de identificadores ya vistos, en memoria.
# en: Not to count twice, a set of identifiers seen, in memory, is enough.
TABLE = "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)"
SEEN = set()


def record(db, event):
    db.execute(TABLE)
    with db:
        db.execute("INSERT OR IGNORE INTO outbox (event_id, event) VALUES (?, ?)", (event["event_id"], json.dumps(event)))


def local(db):
    db.execute(TABLE)
    events = sorted((json.loads(text) for (text,) in db.execute("SELECT event FROM outbox")), key=lambda event: event["version"])
    return {event["shelf"]: event["count"] for event in events}


def sync(db, send):
    db.execute(TABLE)
    waiting = db.execute("SELECT number, event FROM outbox WHERE NOT sent ORDER BY number").fetchall()
    for done, (number, event) in enumerate(waiting):
        try:
            send(json.loads(event))
        except ConnectionError:
            return len(waiting) - done
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
    return 0


def receive(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS events (shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    if event["event_id"] not in SEEN:
        with db:
            db.execute("INSERT INTO events VALUES (:shelf, :version, :count, :picked)", event)
        SEEN.add(event["event_id"])


def cloud_state(db):
    db.execute("CREATE TABLE IF NOT EXISTS events (shelf TEXT, version INTEGER, count INTEGER, picked INTEGER)")
    query = "SELECT shelf, count, MAX(version), SUM(picked) FROM events GROUP BY shelf"
    return {shelf: (count, picked) for shelf, count, _, picked in db.execute(query)}

# %% wrong="rack" score=5 says_es="lo que se cogió se cogió" says_en="what was picked was picked"
# es: Un suceso de versión vieja ya no sirve: se ignora.
# en: An event of an old version is of no more use: it is ignored.
TABLE = "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, event_id TEXT UNIQUE, event TEXT, sent INTEGER DEFAULT 0)"


def record(db, event):
    db.execute(TABLE)
    with db:
        db.execute("INSERT OR IGNORE INTO outbox (event_id, event) VALUES (?, ?)", (event["event_id"], json.dumps(event)))


def local(db):
    db.execute(TABLE)
    events = sorted((json.loads(text) for (text,) in db.execute("SELECT event FROM outbox")), key=lambda event: event["version"])
    return {event["shelf"]: event["count"] for event in events}


def sync(db, send):
    db.execute(TABLE)
    waiting = db.execute("SELECT number, event FROM outbox WHERE NOT sent ORDER BY number").fetchall()
    for done, (number, event) in enumerate(waiting):
        try:
            send(json.loads(event))
        except ConnectionError:
            return len(waiting) - done
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
    return 0


def receive(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS shelves (shelf TEXT PRIMARY KEY, version INTEGER, count INTEGER, picked INTEGER)")
    with db:
        db.execute(
            "INSERT INTO shelves VALUES (:shelf, :version, :count, :picked) ON CONFLICT (shelf) DO UPDATE SET version = excluded.version, count = excluded.count,"
            " picked = picked + excluded.picked WHERE excluded.version > version", event,
        )


def cloud_state(db):
    db.execute("CREATE TABLE IF NOT EXISTS shelves (shelf TEXT PRIMARY KEY, version INTEGER, count INTEGER, picked INTEGER)")
    return {shelf: (count, picked) for shelf, count, picked in db.execute("SELECT shelf, count, picked FROM shelves")}

# %% right="rack"
# es: dos tablas en el servidor local en una sola transacción, y en la nube el estado ya calculado y los identificadores vistos, en la misma
# en: two tables on the rack in a single transaction, and in the cloud the state already computed and the identifiers seen, in one, too
def prepare(db):
    db.executescript(
        "CREATE TABLE IF NOT EXISTS shelves (shelf TEXT PRIMARY KEY, version INTEGER, count INTEGER);"
        "CREATE TABLE IF NOT EXISTS seen (event_id TEXT PRIMARY KEY);"
        "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT);"
        "CREATE TABLE IF NOT EXISTS totals (shelf TEXT PRIMARY KEY, version INTEGER, count INTEGER, picked INTEGER);"
    )


def record(db, event):
    prepare(db)
    with db:
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event["event_id"],)).rowcount == 0:
            return
        db.execute(
            "INSERT INTO shelves VALUES (:shelf, :version, :count) ON CONFLICT (shelf) DO UPDATE SET version = excluded.version, count = excluded.count WHERE excluded.version > version", event
        )
        db.execute("INSERT INTO outbox (event) VALUES (?)", (json.dumps(event),))


def local(db):
    prepare(db)
    return dict(db.execute("SELECT shelf, count FROM shelves"))


def sync(db, send):
    prepare(db)
    try:
        while row := db.execute("SELECT number, event FROM outbox ORDER BY number LIMIT 1").fetchone():
            send(json.loads(row[1]))
            db.execute("DELETE FROM outbox WHERE number = ?", row[:1])
            db.commit()
    except ConnectionError:
        pass
    return db.execute("SELECT COUNT(*) FROM outbox").fetchone()[0]


def receive(db, event):
    prepare(db)
    known = db.execute("SELECT 1 FROM seen WHERE event_id = ?", (event["event_id"],)).fetchone()
    if known:
        return
    old = db.execute("SELECT version, count, picked FROM totals WHERE shelf = ?", (event["shelf"],)).fetchone() or (-1, 0, 0)
    version, count = max(old[:2], (event["version"], event["count"]))
    db.execute("INSERT INTO seen VALUES (?)", (event["event_id"],))
    db.execute("REPLACE INTO totals VALUES (?, ?, ?, ?)", (event["shelf"], version, count, old[2] + event["picked"]))
    db.commit()


def cloud_state(db):
    prepare(db)
    return {shelf: [count, picked] for shelf, count, picked in db.execute("SELECT shelf, count, picked FROM totals")}

# %% right="rack"
# es: todo el estado en un solo documento JSON, que se cambia entero
# en: the whole state in a single JSON document, changed as a whole
def load(db):
    db.execute("CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY, body TEXT)")
    row = db.execute("SELECT body FROM state").fetchone()
    return json.loads(row[0]) if row else {"events": [], "sent": 0}


def save(db, state):
    with db:
        db.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (json.dumps(state),))


def newest(events):
    best = {}
    for event in events:
        if event["shelf"] not in best or event["version"] > best[event["shelf"]]["version"]:
            best[event["shelf"]] = event
    return best


def record(db, event):
    state = load(db)
    if event["event_id"] not in {one["event_id"] for one in state["events"]}:
        state["events"].append(event)
        save(db, state)


def local(db):
    return {shelf: event["count"] for shelf, event in newest(load(db)["events"]).items()}


def sync(db, send):
    state = load(db)
    while state["sent"] < len(state["events"]):
        try:
            send(state["events"][state["sent"]])
        except ConnectionError:
            break
        state["sent"] += 1
        save(db, state)
    return len(state["events"]) - state["sent"]


def receive(db, event):
    record(db, event)


def cloud_state(db):
    events = load(db)["events"]
    return {shelf: (event["count"], sum(one["picked"] for one in events if one["shelf"] == shelf)) for shelf, event in newest(events).items()}

# %% [markdown] lang="es" row="36"
# ## 5. Cuánto queda expuesto (5 puntos)
#
# Los datos pueden estar en el servidor, en el dispositivo de cada usuario o en los dos sitios, y los dos tienen su riesgo: que entren en el servidor (*breach*) o que roben un dispositivo. Un **diseño** dice dónde están:
#
# | campo | qué es |
# |---|---|
# | `users` | usuarios; cada uno tiene un dispositivo |
# | `server_records`, `device_records` | registros **de cada usuario** que hay en el servidor y en su dispositivo |
# | `server_key`, `device_key` | dónde está la clave con que se cifran: `None`, sin cifrar; `"beside"`, en el mismo disco o fichero que los datos; `"apart"`, en otro sistema o en un chip aparte |
#
# y unos **riesgos** dicen qué se espera: `breaches_per_year` (intrusiones en el servidor al año, de media; cada una se lleva los datos de **todos** los usuarios), `thefts_per_device_year` (robos al año **por dispositivo**; cada uno se lleva los datos de un usuario) y `key_too` (probabilidad de que quien se ha llevado datos
# cifrados consiga además una clave que está aparte). Un registro está **expuesto** si se puede leer.
#
# **a)** `expected_records(design, risks)`: cuántos registros quedan expuestos al año, de media (si un registro se expone dos veces, cuenta dos veces).
#
# **b)** `worst_incident(design, risks)`: cuántos registros puede exponer, en el peor de los casos, **un solo** incidente (una intrusión o el robo de un dispositivo) de los que pueden ocurrir. Lo que tiene probabilidad cero no ocurre: tampoco que se lean datos cifrados con la clave aparte si `key_too` es 0. Si no puede ocurrir ninguno, 0.
#
# **c)** `duties(incident)`: qué obliga a hacer el RGPD, el Reglamento (UE) 2016/679, en sus artículos 33 y 34, aquí simplificados. Hay copia de seguridad de todo: quedarse sin los datos no es un problema aquí. El incidente es un diccionario:
#
# | campo | qué es |
# |---|---|
# | `where` | `"server"` o `"device"`; el dispositivo es de la empresa, como el móvil de un repartidor |
# | `key` | dónde está la clave, como arriba |
# | `key_taken` | si se han llevado también una clave que estaba aparte |
# | `high_risk` | si leer esos datos supone un riesgo alto para las personas: salud, ubicación, documentos… |
# | `happened_h`, `aware_h`, `now_h` | tres instantes, en horas: cuándo ocurrió, cuándo se enteró la empresa y ahora |
#
# Devuelve otro diccionario:
#
# - `"authority"`: si hay que notificarlo a la autoridad de control. Hay que hacerlo si los datos se pueden leer;
# - `"people"`: si hay que comunicarlo a las personas afectadas. Hay que hacerlo si, además, el riesgo es alto;
# - `"hours_left"`: cuántas horas quedan para notificar a la autoridad, con un plazo de 72 horas **desde que se tiene constancia**; negativo si ya se ha pasado, y `None` si no hay que notificar.
# %% [markdown] lang="en" row="36"
# ## 5. How much is exposed (5 points)
#
# The data may be on the server, on each user's device or on both, and either has its risk: that the server is broken into (a *breach*), or that a device is stolen. A **design** says where they are:
#
# | field | what it is |
# |---|---|
# | `users` | users; each one has one device |
# | `server_records`, `device_records` | records **of each user** that are on the server and on their device |
# | `server_key`, `device_key` | where the key is that encrypts them: `None`, not encrypted; `"beside"`, on the same disk or in the same file as the data; `"apart"`, in another system or in a separate chip |
#
# and **risks** say what to expect: `breaches_per_year` (break-ins into the server per year, on average; each one takes the data of **all** users), `thefts_per_device_year` (thefts per year **for each device**; each one takes those of one user) and `key_too` (probability that whoever has taken encrypted
# data also gets a key that is apart). A record is **exposed** if it can be read.
#
# **a)** `expected_records(design, risks)`: how many records are exposed per year, on average (a record that is exposed twice counts twice).
#
# **b)** `worst_incident(design, risks)`: how many records **a single** incident (a break-in or the theft of one device) may expose, in the worst case, among those that can happen. What has probability zero does not happen: neither does reading data encrypted with the key apart if `key_too` is 0. If none can happen, 0.
#
# **c)** `duties(incident)`: what the GDPR, Regulation (EU) 2016/679, demands in its articles 33 and 34, simplified here. Everything is backed up: losing access to the data is not an issue here. The incident is a dict:
#
# | field | what it is |
# |---|---|
# | `where` | `"server"` or `"device"`; the device belongs to the company, like a courier's phone |
# | `key` | where the key is, as above |
# | `key_taken` | whether a key that was apart was taken, too |
# | `high_risk` | whether reading those data means a high risk to people: health, location, documents… |
# | `happened_h`, `aware_h`, `now_h` | three moments, in hours: when it happened, when the company became aware and now |
#
# It returns another dict:
#
# - `"authority"`: whether the supervisory authority must be notified. It must if the data can be read;
# - `"people"`: whether the people affected must be told. They must if, besides, the risk is high;
# - `"hours_left"`: how many hours are left to notify the authority, which must be done within 72 hours **of becoming aware**; negative if it is late, and `None` if there is nothing to notify.

# %% answer="exposure"
def expected_records(design, risks):
    ### BEGIN SOLUTION
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    on_server = risks["breaches_per_year"] * design["users"] * design["server_records"] * chance[design["server_key"]]
    thefts_per_year = risks["thefts_per_device_year"] * design["users"]
    return on_server + thefts_per_year * design["device_records"] * chance[design["device_key"]]
    ### END SOLUTION


def worst_incident(design, risks):
    ### BEGIN SOLUTION
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    possible = [0]
    if risks["breaches_per_year"] * chance[design["server_key"]] > 0:
        possible.append(design["users"] * design["server_records"])
    if risks["thefts_per_device_year"] * chance[design["device_key"]] > 0 and design["users"] > 0:
        possible.append(design["device_records"])
    return max(possible)
    ### END SOLUTION


def duties(incident):
    ### BEGIN SOLUTION
    readable = incident["key"] in (None, "beside") or incident["key_taken"]
    left_h = 72 - (incident["now_h"] - incident["aware_h"])
    return {"authority": readable, "people": readable and incident["high_risk"], "hours_left": left_h if readable else None}
    ### END SOLUTION

# %% test="exposure/expected" points=2 row="36" objective="5.4"
import random as _t_random

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_years(design, risks, years=20_000):
    """Mean and standard error of the exposed records in `years` simulated years."""
    chance = np.random.default_rng(3)
    readable = {None: 1.0, "beside": 1.0, "apart": risks["key_too"]}
    breaches = chance.binomial(chance.poisson(risks["breaches_per_year"], years), readable[design["server_key"]])
    thefts = chance.binomial(chance.poisson(risks["thefts_per_device_year"] * design["users"], years), readable[design["device_key"]])
    exposed = breaches * float(design["users"] * design["server_records"]) + thefts * float(design["device_records"])
    return exposed.mean(), exposed.std() / math.sqrt(years)


def _t_check_simulated(design, risks):
    mean, error = _t_years(design, risks)
    about = tr(es=f"En 20 000 años simulados quedan expuestos {mean:.1f} registros al año (error típico {error:.1f}). ", en=f"In 20,000 simulated years {mean:.1f} records are exposed per year (standard error {error:.1f}). ") + f"\n  {design}\n  {risks}"
    got = checks.number(expected_records(dict(design), dict(risks)), about)
    assert abs(got - mean) <= 5 * error + 1e-9, about + tr(es=f"\n  y has devuelto {got:.1f}.", en=f"\n  and you returned {got:.1f}.")
### END HIDDEN TESTS


def _t_design(users=10_000, server_records=0, device_records=0, server_key=None, device_key=None):
    return dict(locals())


def _t_risks(breaches_per_year=0.1, thefts_per_device_year=0.02, key_too=0.05):
    return dict(locals())


def _t_check_expected(design, risks, want, why):
    about = why + f"\n  {design}\n  {risks}"
    checks.same(checks.number(expected_records(dict(design), dict(risks)), about), want, about, tolerance=1e-6)


_t_check_expected(_t_design(server_records=300), _t_risks(), 300_000.0, tr(es="Todo en el servidor: una intrusión cada diez años, y se lleva los datos de los 10 000.", en="All on the server: a break-in every ten years, and it takes the data of all 10,000."))
_t_check_expected(
    _t_design(device_records=300), _t_risks(), 60_000.0,
    tr(es="Todo en los dispositivos: no se entra en ningún servidor, pero se roban 200 al año, y cada uno lleva los datos de un usuario. En el borde el riesgo no es cero, ni un robo se lleva los datos de todos.", en="All on the devices: no server is broken into, but 200 are stolen per year, and each carries one user's data. At the edge the risk is not zero, nor does one theft take everybody's."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(8)
for _ in range(12):
    _t_check_simulated(
        _t_design(_t_chance.choice([1, 40, 5_000]), _t_chance.choice([0, 10, 250]), _t_chance.choice([0, 10, 700])), _t_risks(_t_chance.choice([0.5, 0.1, 2.5]), _t_chance.choice([0.01, 0.3]))
    )
_t_check_expected(_t_design(500, 20, 30), _t_risks(0.2, 0.1), 3_500.0, tr(es="En los dos sitios: se suman.", en="On both: they add up."))
_t_check_expected(_t_design(500, 20, 30), _t_risks(3, 0), 30_000.0, tr(es="Tres intrusiones al año.", en="Three break-ins per year."))
_t_check_expected(_t_design(0, 20, 30), _t_risks(), 0, tr(es="Sin usuarios.", en="Without users."))
### END HIDDEN TESTS

# %% test="exposure/keys" points=1 row="36" objective="5.4"
_t_check_expected(_t_design(device_records=300, device_key="apart"), _t_risks(), 3_000.0, tr(es="Cifrado en el dispositivo, con la clave en un chip aparte: el ladrón la consigue el 5 % de las veces.", en="Encrypted on the device, with the key in a separate chip: the thief gets it 5% of the time."))
_t_check_expected(_t_design(server_records=300, server_key="beside"), _t_risks(), 300_000.0, tr(es="Cifrado en el servidor, con la clave en el mismo disco: quien se lleva los datos se lleva también la clave.", en="Encrypted on the server, with the key on the same disk: whoever takes the data takes the key, too."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_design_of, _t_want in [
    (_t_design(500, 20, 30, "apart", None), 1_600.0), (_t_design(500, 20, 30, None, "apart"), 2_075.0), (_t_design(500, 20, 30, "apart", "apart"), 175.0), (_t_design(500, 20, 30, "beside", "apart"), 2_075.0), (_t_design(500, 20, 30, "apart", "beside"), 1_600.0), (_t_design(500, 20, 30, "beside", "beside"), 3_500.0),
]:
    _t_check_expected(_t_design_of, _t_risks(0.2, 0.1), _t_want, tr(es="Claves en un sitio y en otro.", en="Keys in one place and the other."))
for _t_keys in [("apart", "apart"), ("apart", None), ("beside", "apart")]:
    _t_check_simulated(_t_design(3_000, 40, 60, *_t_keys), _t_risks(0.8, 0.05, 0.2))
_t_check_expected(_t_design(500, 20, 30, "apart", "apart"), _t_risks(0.2, 0.1, 0), 0.0, tr(es="La clave que está aparte no se consigue nunca.", en="The key that is apart is never obtained."))
### END HIDDEN TESTS

# %% test="exposure/incident" points=1 row="36" objective="5.4"
def _t_check_worst(design, risks, want, why):
    checks.same(worst_incident(dict(design), dict(risks)), want, why + f"\n  {design}\n  {risks}")


_t_check_worst(_t_design(server_records=300), _t_risks(), 3_000_000, tr(es="Una intrusión en el servidor.", en="One break-in into the server."))
_t_check_worst(_t_design(device_records=300), _t_risks(), 300, tr(es="Un robo es de un dispositivo, no de todos.", en="A theft is of one device, not of all of them."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_design_of, _t_risks_of, _t_want in [
    (_t_design(10, 5, 80), _t_risks(), 80), (_t_design(100, 5, 80), _t_risks(), 500), (_t_design(100, 5, 80), _t_risks(breaches_per_year=0), 80), (_t_design(100, 5, 80), _t_risks(0, 0), 0), (_t_design(100, 5, 80, "apart"), _t_risks(key_too=0), 80),
    (_t_design(100, 5, 80, "apart"), _t_risks(), 500), (_t_design(100, 5, 80, "beside", "apart"), _t_risks(key_too=0), 500), (_t_design(100, 5, 80, "apart", "apart"), _t_risks(key_too=0), 0), (_t_design(100, 0, 80, device_key="beside"), _t_risks(thefts_per_device_year=0.5), 80),
    (_t_design(100, 0, 80), _t_risks(thefts_per_device_year=0), 0), (_t_design(1, 7, 9), _t_risks(), 9),
]:
    _t_check_worst(_t_design_of, _t_risks_of, _t_want, tr(es="El peor incidente que puede ocurrir. Cifrar con la clave aparte lo hace raro, no más pequeño.", en="The worst incident that can happen. Encrypting with the key apart makes it rare, not smaller."))
### END HIDDEN TESTS

# %% test="exposure/duties" points=1 row="36" objective="5.4"
def _t_incident(where="server", key=None, key_taken=False, high_risk=False, happened_h=0, aware_h=0, now_h=10):
    return dict(locals())


def _t_check_duties(incident, authority, people, hours_left, why):
    got = checks.plain(duties(dict(incident)))
    about = why + f"\n  {incident}"
    checks.same(got, {"authority": authority, "people": people, "hours_left": hours_left}, about)


_t_check_duties(_t_incident(happened_h=0, aware_h=100, now_h=110), True, False, 62, tr(es="Entraron en la hora 0 y la empresa se enteró en la 100: ¿desde cuándo cuentan las 72 horas?", en="They broke in at hour 0 and the company became aware at 100: from when do the 72 hours count?"))
_t_check_duties(_t_incident("device", None, high_risk=True), True, True, 62, tr(es="Roban el móvil de un repartidor con datos de salud sin cifrar. Que estuvieran en un dispositivo no los hace menos personales.", en="A courier's phone is stolen, with health data in clear. That they were on a device does not make them less personal."))
_t_check_duties(_t_incident("device", "apart", high_risk=True), False, False, None, tr(es="Los datos de salud iban cifrados, con la clave aparte, y la clave no se la han llevado.", en="The health data were encrypted, with the key apart, and the key was not taken."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_where in ("server", "device"):
    for _t_key, _t_taken, _t_read in [(None, False, True), ("beside", False, True), ("apart", False, False), ("apart", True, True)]:
        for _t_high in (False, True):
            _t_check_duties(
                _t_incident(_t_where, _t_key, _t_taken, _t_high, 5, 20, 50.5), _t_read, _t_read and _t_high, 41.5 if _t_read else None,
                tr(es="Si se puede leer, a la autoridad; si además el riesgo es alto, a las personas. Una clave guardada al lado no protege.", en="If it can be read, to the authority; if besides the risk is high, to the people. A key kept beside does not protect."),
            )
_t_check_duties(_t_incident(aware_h=8, now_h=90), True, False, -10, tr(es="Diez horas tarde.", en="Ten hours late."))
### END HIDDEN TESTS

# %% wrong="exposure" score=1 says_es="el riesgo no es cero" says_en="the risk is not zero"
# es: Lo que está en el dispositivo es privado: no hay nada que filtrar.
# en: What is on the device is private: there is nothing to leak.
def expected_records(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    return risks["breaches_per_year"] * design["users"] * design["server_records"] * chance[design["server_key"]]


def worst_incident(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    possible = risks["breaches_per_year"] * chance[design["server_key"]] > 0
    return design["users"] * design["server_records"] if possible else 0


def duties(incident):
    readable = incident["key"] in (None, "beside") or incident["key_taken"]
    left_h = 72 - (incident["now_h"] - incident["aware_h"])
    return {"authority": readable, "people": readable and incident["high_risk"], "hours_left": left_h if readable else None}

# %% wrong="exposure" score=1 says_es="no de todos" says_en="not of all of them"
# es: Un incidente expone lo de todos los usuarios, esté donde esté.
# en: An incident exposes the data of all users, wherever they are.
def expected_records(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    server = risks["breaches_per_year"] * design["server_records"] * chance[design["server_key"]]
    device = risks["thefts_per_device_year"] * design["users"] * design["device_records"] * chance[design["device_key"]]
    return design["users"] * (server + device)


def worst_incident(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    server = design["server_records"] * (risks["breaches_per_year"] * chance[design["server_key"]] > 0)
    device = design["device_records"] * (risks["thefts_per_device_year"] * chance[design["device_key"]] > 0)
    return design["users"] * max(server, device)


def duties(incident):
    readable = incident["key"] in (None, "beside") or incident["key_taken"]
    left_h = 72 - (incident["now_h"] - incident["aware_h"])
    return {"authority": readable, "people": readable and incident["high_risk"], "hours_left": left_h if readable else None}

# %% wrong="exposure" score=2 says_es="se lleva también la clave" says_en="takes the key, too"
# es: Si está cifrado, está protegido, esté la clave donde esté.
# en: If it is encrypted it is protected, wherever the key is.
def expected_records(design, risks):
    server = 1 if design["server_key"] is None else risks["key_too"]
    device = 1 if design["device_key"] is None else risks["key_too"]
    return design["users"] * (
        risks["breaches_per_year"] * design["server_records"] * server + risks["thefts_per_device_year"] * design["device_records"] * device
    )


def worst_incident(design, risks):
    server = 1 if design["server_key"] is None else risks["key_too"]
    device = 1 if design["device_key"] is None else risks["key_too"]
    in_server = design["users"] * design["server_records"] * (risks["breaches_per_year"] * server > 0)
    return max(in_server, design["device_records"] * (risks["thefts_per_device_year"] * device > 0))


def duties(incident):
    readable = incident["key"] is None or incident["key_taken"]
    left_h = 72 - (incident["now_h"] - incident["aware_h"])
    return {"authority": readable, "people": readable and incident["high_risk"], "hours_left": left_h if readable else None}

# %% wrong="exposure" score=4 says_es="desde cuándo cuentan" says_en="from when do the 72 hours count"
# es: Las 72 horas cuentan desde que ocurre.
# en: The 72 hours count from when it happens.
def expected_records(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    return design["users"] * (
        risks["breaches_per_year"] * design["server_records"] * chance[design["server_key"]] + risks["thefts_per_device_year"] * design["device_records"] * chance[design["device_key"]]
    )


def worst_incident(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    in_server = design["users"] * design["server_records"] * (risks["breaches_per_year"] * chance[design["server_key"]] > 0)
    return max(in_server, design["device_records"] * (risks["thefts_per_device_year"] * chance[design["device_key"]] > 0))


def duties(incident):
    readable = incident["key"] in (None, "beside") or incident["key_taken"]
    left_h = 72 - (incident["now_h"] - incident["happened_h"])
    return {"authority": readable, "people": readable and incident["high_risk"], "hours_left": left_h if readable else None}

# %% wrong="exposure" score=4 says_es="no los hace menos personales" says_en="does not make them less personal"
# es: El RGPD es cosa de los servidores; lo del dispositivo no hay que notificarlo.
# en: The GDPR is about servers; what is on the device need not be notified.
def expected_records(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    return design["users"] * (
        risks["breaches_per_year"] * design["server_records"] * chance[design["server_key"]] + risks["thefts_per_device_year"] * design["device_records"] * chance[design["device_key"]]
    )


def worst_incident(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    in_server = design["users"] * design["server_records"] * (risks["breaches_per_year"] * chance[design["server_key"]] > 0)
    return max(in_server, design["device_records"] * (risks["thefts_per_device_year"] * chance[design["device_key"]] > 0))


def duties(incident):
    readable = incident["where"] == "server" and (incident["key"] in (None, "beside") or incident["key_taken"])
    left_h = 72 - (incident["now_h"] - incident["aware_h"])
    return {"authority": readable, "people": readable and incident["high_risk"], "hours_left": left_h if readable else None}

# %% wrong="exposure" score=4 says_es="raro, no más pequeño" says_en="rare, not smaller"
# es: El peor incidente también se multiplica por la probabilidad de que consigan la clave.
# en: The worst incident is multiplied by the probability of getting the key, too.
def expected_records(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    return design["users"] * (
        risks["breaches_per_year"] * design["server_records"] * chance[design["server_key"]] + risks["thefts_per_device_year"] * design["device_records"] * chance[design["device_key"]]
    )


def worst_incident(design, risks):
    chance = {None: 1, "beside": 1, "apart": risks["key_too"]}
    in_server = design["users"] * design["server_records"] * chance[design["server_key"]] * (risks["breaches_per_year"] > 0)
    return max(in_server, design["device_records"] * chance[design["device_key"]] * (risks["thefts_per_device_year"] > 0))


def duties(incident):
    readable = incident["key"] in (None, "beside") or incident["key_taken"]
    left_h = 72 - (incident["now_h"] - incident["aware_h"])
    return {"authority": readable, "people": readable and incident["high_risk"], "hours_left": left_h if readable else None}

# %% right="exposure"
# es: una lista de incidentes posibles, y las dos cuentas salen de ella
# en: a list of possible incidents, and both figures come from it
def incidents(design, risks):
    """(times per year, records, probability that they can be read) of each kind."""

    def legible(key):
        return risks["key_too"] if key == "apart" else 1.0

    users = design["users"]
    yield risks["breaches_per_year"], users * design["server_records"], legible(design["server_key"])
    yield users * risks["thefts_per_device_year"], design["device_records"], legible(design["device_key"])


def expected_records(design, risks):
    return float(np.sum([np.prod(one) for one in incidents(design, risks)]))


def worst_incident(design, risks):
    return max((records for times, records, legible in incidents(design, risks) if times and legible), default=0)


def duties(incident):
    safe = incident["key"] == "apart" and not incident["key_taken"]
    if safe:
        return dict(authority=False, people=False, hours_left=None)
    return dict(authority=True, people=bool(incident["high_risk"]), hours_left=incident["aware_h"] + 72 - incident["now_h"])

# %% [markdown] lang="es" row="37"
# ## 6. La factura y el tope de gasto (5 puntos)
#
# Un error en la nube puede arruinar una empresa: un cliente que reintenta sin fin, una máquina que nadie ha apagado. Escribe el contador, la alarma y el freno: lo que se deja de atender para no pasar del tope de gasto.
#
# **a)** `cost_eur(hour, prices)`: lo que cuesta una hora, en euros. `hour` tiene:
#
# - `"requests"`: una lista de clases de peticiones, cada una con `kind`, `count` (peticiones distintas), `attempts` (intentos por petición, de media: con reintentos, más de 1), `seconds` (segundos de cálculo por intento) y `kb` (kB que salen por intento). Se paga por intento, y un intento que falla se paga igual;
# - `"instances"`: máquinas encendidas toda la hora, cada una con `name`, `eur_per_h` y `busy` (`True` si alguien la usa). Se paga lo que está encendido;
# - `"stored_gb"`: GB guardados.
#
# `prices` tiene `eur_per_compute_s` (por segundo de cálculo: el servicio pone las máquinas que hagan falta, sin límite), `eur_per_gb_out` (por GB que sale, con 1 GB = 1 000 000 kB) y `eur_per_gb_month` (por GB guardado un mes de 720 horas).
#
# **b)** `alert_hour(hourly_eur, budget_eur, month_h=720)`: `hourly_eur[i]` es lo que ha costado la hora `i` de un mes de `month_h` horas. Al acabar cada hora se hace una previsión del mes: lo gastado hasta entonces, esa hora incluida, más lo que costarían las horas que quedan a la media de las últimas 24 (o de las que haya, si son menos).
# Devuelve el índice de la primera hora cuya previsión **supera** el presupuesto, o `None` si no ocurre. La lista no pasa de `month_h` horas, y puede ser más corta o estar vacía.
#
# **c)** `keep(kinds, room_eur)`: quedan `room_eur` euros (0 o más) para esta hora, y puede que no alcance para todo. `kinds` es una lista, quizá vacía, de clases de tráfico, cada una con `kind`, `count` (más de 0), `eur_each` (lo que cuesta atender **una** petición, más de 0) y `value_eur_each` (lo que vale atender **una**, 0 o más). Devuelve `{kind: fraction}`, con todas las clases, también las que se quedan en 0: qué fracción de cada clase se atiende, de 0 a 1, para que lo atendido valga **lo máximo posible** sin gastar más de
# `room_eur`. Las peticiones son tantas que vale cualquier fracción. Si alcanza para todo, se atiende todo. Lo primero que se descarta es lo que menos vale **por cada euro que cuesta**.
# %% [markdown] lang="en" row="37"
# ## 6. The bill and its guard (5 points)
#
# A mistake in the cloud can ruin a company: a client that retries without end, a machine that nobody has turned off. Write the meter, the alarm and the guard: what is no longer served so as to stay within the budget.
#
# **a)** `cost_eur(hour, prices)`: what an hour costs, in euros. `hour` has:
#
# - `"requests"`: a list of kinds of requests, each with `kind`, `count` (distinct requests), `attempts` (attempts per request, on average: with retries, more than 1), `seconds` (seconds of computation per attempt) and `kb` (kB that go out per attempt). You pay by attempt, and an attempt that fails is paid all the same;
# - `"instances"`: machines that are on for the whole hour, each with `name`, `eur_per_h` and `busy` (`True` if anybody uses it). You pay for what is on;
# - `"stored_gb"`: GB stored.
#
# `prices` has `eur_per_compute_s` (per second of computation: the service adds as many machines as needed, without limit), `eur_per_gb_out` (per GB that goes out, with 1 GB = 1,000,000 kB) and `eur_per_gb_month` (per GB stored for a month of 720 hours).
#
# **b)** `alert_hour(hourly_eur, budget_eur, month_h=720)`: `hourly_eur[i]` is what hour `i` of a month of `month_h` hours has cost. At the end of each hour the month is forecast: what has been spent so far, that hour included, plus what the hours left would cost at the mean of the last 24 (or of those there are, if fewer).
# Return the index of the first hour whose forecast **exceeds** the budget, or `None` if that does not happen. The list has at most `month_h` hours, and may be shorter or empty.
#
# **c)** `keep(kinds, room_eur)`: `room_eur` euros (0 or more) are left for this hour, and that may not be enough for everything. `kinds` is a list, perhaps empty, of kinds of traffic, each with `kind`, `count` (more than 0), `eur_each` (what serving **one** request costs, more than 0) and `value_eur_each` (what serving **one** is worth, 0 or more). Return `{kind: fraction}`, with all kinds, also those that stay at 0: which fraction of each kind is served, from 0 to 1, so that what is served is worth **as much as possible** without spending more than
# `room_eur`. Requests are so many that any fraction is possible. If there is enough for everything, everything is served. The first to be dropped is what is worth least **for each euro that it costs**.

# %% answer="bill"
def cost_eur(hour, prices):
    ### BEGIN SOLUTION
    seconds = sum(kind["count"] * kind["attempts"] * kind["seconds"] for kind in hour["requests"])
    gb_out = sum(kind["count"] * kind["attempts"] * kind["kb"] for kind in hour["requests"]) / 1e6
    return (
        seconds * prices["eur_per_compute_s"]
        + gb_out * prices["eur_per_gb_out"]
        + sum(machine["eur_per_h"] for machine in hour["instances"])
        + hour["stored_gb"] * prices["eur_per_gb_month"] / 720
    )
    ### END SOLUTION


def alert_hour(hourly_eur, budget_eur, month_h=720):
    ### BEGIN SOLUTION
    for hour in range(len(hourly_eur)):
        so_far, latest = hourly_eur[: hour + 1], hourly_eur[max(0, hour - 23) : hour + 1]
        if sum(so_far) + (month_h - hour - 1) * sum(latest) / len(latest) > budget_eur:
            return hour
    return None
    ### END SOLUTION


def keep(kinds, room_eur):
    ### BEGIN SOLUTION
    kept = {}
    for kind in sorted(kinds, key=lambda kind: kind["value_eur_each"] / kind["eur_each"], reverse=True):
        whole_eur = kind["count"] * kind["eur_each"]
        kept[kind["kind"]] = min(1, room_eur / whole_eur) if whole_eur else 1
        room_eur -= kept[kind["kind"]] * whole_eur
    return kept
    ### END SOLUTION

# %% test="bill/cost" points=2 row="37" objective="5.5"
import random as _t_random

from mlprod import checks


def _t_requests_of(kind="booking", count=1_000, attempts=1, seconds=0.2, kb=50):
    return dict(locals())


def _t_hour(requests=(), instances=(), stored_gb=0):
    return {"requests": list(requests), "instances": [{"name": f"m{n}", "eur_per_h": eur, "busy": busy} for n, (eur, busy) in enumerate(instances)], "stored_gb": stored_gb}


_t_PRICES = {"eur_per_compute_s": 0.0001, "eur_per_gb_out": 0.08, "eur_per_gb_month": 0.0216}


def _t_check_cost(hour, want, why, prices=None):
    prices = prices or _t_PRICES
    about = why + f"\n  {hour}\n  {prices}"
    checks.same(checks.number(cost_eur(json.loads(json.dumps(hour)), dict(prices)), about), want, about, tolerance=1e-6)


_t_check_cost(_t_hour([_t_requests_of()]), 0.024, tr(es="Mil peticiones: 200 s de cálculo y 0.05 GB.", en="A thousand requests: 200 s of computation and 0.05 GB."))
_t_check_cost(
    _t_hour([_t_requests_of(count=200_000, attempts=10, kb=0)]), 40.0,
    tr(es="Una tormenta de reintentos: 200 000 peticiones, diez intentos de cada una. El servicio pone las máquinas que hagan falta, y se pagan todas.", en="A retry storm: 200,000 requests, ten attempts each. The service adds as many machines as needed, and all of them are paid."),
)
_t_check_cost(_t_hour(instances=[(3.5, True), (3.5, False)]), 7.0, tr(es="Dos máquinas con GPU, y una la dejó encendida alguien que se fue de vacaciones.", en="Two machines with a GPU, and one was left on by somebody who went on holiday."))
_t_check_cost(
    _t_hour([_t_requests_of("search", seconds=0.01, kb=0), _t_requests_of("video", seconds=30, kb=0)]), 3.001,
    tr(es="Dos clases con las mismas peticiones: una cuesta tres mil veces más que la otra. Se cobra por segundo de cálculo.", en="Two kinds with the same requests: one costs three thousand times as much as the other. One is charged by the second of computation."),
)
_t_check_cost(_t_hour(stored_gb=10_000), 0.3, tr(es="10 000 GB guardados, una hora de las 720 del mes.", en="10,000 GB stored, one hour of the month's 720."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_cost(_t_hour(), 0.0, tr(es="Una hora sin nada.", en="An hour with nothing."))
_t_chance = _t_random.Random(11)
for _ in range(40):
    _t_some = _t_hour(
        [_t_requests_of(f"k{number}", _t_chance.randrange(0, 10**6), _t_chance.choice([1, 1, 1.5, 4, 12]), _t_chance.choice([0.01, 0.3, 8]), _t_chance.choice([0, 3, 900])) for number in range(_t_chance.randrange(4))],
        [(_t_chance.choice([0.05, 1.2, 30]), _t_chance.random() < 0.5) for _ in range(_t_chance.randrange(3))], _t_chance.choice([0, 10, 5_000]),
    )
    _t_rates = {name: value * _t_chance.choice([0.5, 1, 3]) for name, value in _t_PRICES.items()}
    _t_tries = [kind["count"] * kind["attempts"] for kind in _t_some["requests"]]
    _t_want = _t_some["stored_gb"] / 720 * _t_rates["eur_per_gb_month"] + math.fsum(machine["eur_per_h"] for machine in _t_some["instances"])
    for _t_one, _t_times in zip(_t_some["requests"], _t_tries, strict=True):
        _t_want += _t_times * (_t_one["seconds"] * _t_rates["eur_per_compute_s"] + _t_one["kb"] / 10**6 * _t_rates["eur_per_gb_out"])
    _t_check_cost(_t_some, _t_want, tr(es="Otra hora, con otros precios.", en="Another hour, at other prices."), _t_rates)
### END HIDDEN TESTS

# %% test="bill/alert" points=2 row="37" objective="5.5"
def _t_spans(*spans):
    """[eur, …] for each hour, from (hours, eur per hour)."""
    return [eur for hours, eur in spans for _ in range(hours)]


def _t_check_alert(hours, budget, want, why, month_h=720):
    got = checks.plain(alert_hour(list(hours), budget, month_h))
    about = why + tr(es=f" (presupuesto {budget} €, {len(hours)} horas de {month_h})", en=f" (budget {budget} €, {len(hours)} hours of {month_h})")
    checks.same(got, want, about)


_t_check_alert(_t_spans((720, 1)), 1_000, None, tr(es="Un euro cada hora.", en="One euro each hour."))
_t_check_alert(
    _t_spans((300, 1), (420, 10)), 1_000, 301,
    tr(es="En la hora 300 empieza una tormenta de reintentos, a 10 € la hora. En la 370 el dinero ya está gastado; la previsión avisa mucho antes.", en="At hour 300 a retry storm begins, at 10 € an hour. At hour 370 the money is spent already; the forecast warns long before."),
)
_t_check_alert(_t_spans((10, 1)), 10, None, tr(es="Diez horas a 1 €, y 10 € de presupuesto: la previsión es de 10 € siempre, y no lo supera. Cuenta cuántas horas quedan al acabar cada una.", en="Ten hours at 1 €, and a budget of 10 €: the forecast is 10 € all along, and does not exceed it. Count how many hours are left at the end of each."), 10)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_first(hours, budget, month_h=720):
    spent, latest = 0.0, []
    for number, eur in enumerate(hours):
        spent, latest = spent + eur, [*latest, eur][-24:]
        if spent + (month_h - number - 1) * math.fsum(latest) / len(latest) > budget:
            return number
    return None


for _t_hours, _t_budget, _t_want, _t_why in [
    (_t_spans((100, 1), (1, 200), (619, 1)), 1_500, 100, tr(es="Un solo pico enorme: la media de 24 horas lo nota enseguida.", en="A single huge peak: the mean of 24 hours notices at once.")),
    (_t_spans((720, 2)), 1_000, 0, tr(es="Desde la primera hora se va a gastar de más.", en="From the first hour it is going to be overspent.")),
    (_t_spans((700, 1), (20, 20)), 1_000, 710, tr(es="La tormenta llega en la hora 700, cuando quedan pocas: lo que se gastará es poco.", en="The storm comes at hour 700, with few left: what will be spent is little.")),
    (_t_spans((700, 1), (20, 3)), 1_000, None, tr(es="Sube al final, pero no llega.", en="It rises at the end, but not enough.")),
    (_t_spans((5, 0)), 0, None, tr(es="Nada gastado, nada que avisar.", en="Nothing spent, nothing to warn of.")), ([], 10, None, tr(es="Aún no ha pasado ninguna hora.", en="No hour has passed yet.")),
    (_t_spans((720, 1)), 720, None, tr(es="Se gasta justo el presupuesto: no lo supera.", en="Exactly the budget is spent: that does not exceed it.")),
]:
    _t_check_alert(_t_hours, _t_budget, _t_want, _t_why)
_t_check_alert(_t_spans((48, 1), (48, 5)), 200, _t_first(_t_spans((48, 1), (48, 5)), 200, 96), tr(es="Un mes de 96 horas.", en="A month of 96 hours."), 96)
_t_chance = _t_random.Random(12)
for _ in range(60):
    _t_hours = [round(_t_chance.uniform(0.2, 3) * (_t_chance.choice([1, 1, 1, 30]) if _t_chance.random() < 0.05 else 1), 3) for _ in range(_t_chance.choice([10, 200, 720]))]
    _t_budget = _t_chance.choice([500, 900, 1_300, 2_000]) + 0.0005
    _t_check_alert(_t_hours, _t_budget, _t_first(_t_hours, _t_budget), tr(es="Otro mes.", en="Another month."))
### END HIDDEN TESTS

# %% test="bill/drop" points=1 row="37" objective="5.5"
def _t_kind(kind, count, eur_each, value_eur_each):
    return dict(locals())


def _t_check_keep(kinds, room_eur, want_eur, why):
    about = why + tr(es=f" Quedan {room_eur} €.\n  ", en=f" {room_eur} € are left.\n  ") + "\n  ".join(map(str, kinds))
    got = checks.plain(keep([dict(kind) for kind in kinds], room_eur), about)
    assert isinstance(got, dict), about + tr(es=f"\n  keep devuelve un diccionario; ha devuelto {got!r}.", en=f"\n  keep returns a dict; it returned {got!r}.")
    checks.same(set(got), {kind["kind"] for kind in kinds}, about)
    fractions = {name: checks.number(value, about) for name, value in got.items()}
    assert all(-1e-9 <= one <= 1 + 1e-9 for one in fractions.values()), about + tr(es=f"\n  Las fracciones van de 0 a 1; has devuelto {fractions}.", en=f"\n  Fractions go from 0 to 1; you returned {fractions}.")
    spent, worth = (sum(fractions[kind["kind"]] * kind["count"] * kind[field] for kind in kinds) for field in ("eur_each", "value_eur_each"))
    assert spent <= room_eur + 1e-6 * max(1, room_eur), about + tr(es=f"\n  Se gastan {spent:.4f} €, más de lo que queda: {fractions}.", en=f"\n  {spent:.4f} € are spent, more than is left: {fractions}.")
    assert worth >= want_eur * (1 - 1e-6) - 1e-9, about + tr(
        es=f"\n  Lo atendido vale {worth:.2f} €, y podía valer {want_eur:.2f} con ese presupuesto: has descartado tráfico que vale más por cada euro que cuesta. Has devuelto {fractions}.",
        en=f"\n  What is served is worth {worth:.2f} €, and could be worth {want_eur:.2f} with that budget: you dropped traffic that is worth more for each euro it costs. You returned {fractions}.",
    )
    return fractions


_t_three_kinds = [_t_kind("free", 10_000, 0.001, 0.0005), _t_kind("crawler", 50_000, 0.0004, 0), _t_kind("premium", 1_000, 0.01, 0.3)]
_t_check_keep(_t_three_kinds, 15, 302.5, tr(es="Las de pago son las más caras de atender, y las que más valen.", en="The paying ones are the dearest to serve, and those worth most."))
_t_check_keep([_t_kind("long", 10, 5, 20), _t_kind("short", 100, 0.1, 1)], 12, 108, tr(es="La que más vale por petición no es la que más vale por euro.", en="The one worth most per request is not the one worth most per euro."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_best(kinds, room_eur):
    worth, left = 0.0, room_eur
    for kind in sorted(kinds, key=lambda kind: -kind["value_eur_each"] / kind["eur_each"]):
        count = min(kind["count"], left / kind["eur_each"])
        worth, left = worth + count * kind["value_eur_each"], left - count * kind["eur_each"]
    return worth


checks.same(_t_check_keep(_t_three_kinds, 100, 305, tr(es="Alcanza para todo.", en="There is enough for everything.")), {"free": 1.0, "crawler": 1.0, "premium": 1.0}, tr(es="Alcanza para todo: no se descarta nada.", en="There is enough for everything: nothing is dropped."))
_t_check_keep(_t_three_kinds, 0, 0, tr(es="No queda nada.", en="Nothing is left."))
_t_check_keep([], 5, 0, tr(es="Sin tráfico.", en="Without traffic."))
_t_chance = _t_random.Random(13)
for _ in range(80):
    _t_some = [_t_kind(f"k{number}", _t_chance.randrange(1, 5_000), _t_chance.choice([0.0002, 0.004, 0.05]), _t_chance.choice([0, 0.001, 0.02, 0.4])) for number in range(_t_chance.randrange(1, 6))]
    _t_room = _t_chance.uniform(0, 1.2) * sum(kind["count"] * kind["eur_each"] for kind in _t_some)
    _t_check_keep(_t_some, _t_room, _t_best(_t_some, _t_room), tr(es="Otro tráfico.", en="Other traffic."))
### END HIDDEN TESTS

# %% wrong="bill" score=3 says_es="por segundo de cálculo" says_en="by the second of computation"
# es: La factura es el número de peticiones por lo que cuesta una.
# en: The bill is the number of requests times what one costs.
def cost_eur(hour, prices):
    requests = sum(kind["count"] * kind["attempts"] for kind in hour["requests"])
    return 0.2 * requests * prices["eur_per_compute_s"] + sum(kind["count"] * kind["attempts"] * kind["kb"] for kind in hour["requests"]) / 1e6 * prices["eur_per_gb_out"] + sum(
        machine["eur_per_h"] for machine in hour["instances"]
    ) + hour["stored_gb"] * prices["eur_per_gb_month"] / 720


def alert_hour(hourly_eur, budget_eur, month_h=720):
    for hour in range(len(hourly_eur)):
        latest = hourly_eur[max(0, hour - 23) : hour + 1]
        if sum(hourly_eur[: hour + 1]) + (month_h - hour - 1) * sum(latest) / len(latest) > budget_eur:
            return hour


def keep(kinds, room_eur):
    kept = {}
    for kind in sorted(kinds, key=lambda kind: -kind["value_eur_each"] / kind["eur_each"]):
        kept[kind["kind"]] = min(1, room_eur / (kind["count"] * kind["eur_each"]))
        room_eur -= kept[kind["kind"]] * kind["count"] * kind["eur_each"]
    return kept

# %% wrong="bill" score=3 says_es="se pagan todas" says_en="all of them are paid"
# es: El autoescalado limita el coste: una hora no puede tener más de 3600 segundos.
# en: Autoscaling caps the cost: an hour cannot have more than 3600 seconds.
def cost_eur(hour, prices):
    seconds = min(3600, sum(kind["count"] * kind["attempts"] * kind["seconds"] for kind in hour["requests"]))
    gb_out = sum(kind["count"] * kind["attempts"] * kind["kb"] for kind in hour["requests"]) / 1e6
    machines = sum(machine["eur_per_h"] for machine in hour["instances"])
    return seconds * prices["eur_per_compute_s"] + gb_out * prices["eur_per_gb_out"] + machines + hour["stored_gb"] * prices["eur_per_gb_month"] / 720


def alert_hour(hourly_eur, budget_eur, month_h=720):
    for hour in range(len(hourly_eur)):
        latest = hourly_eur[max(0, hour - 23) : hour + 1]
        if sum(hourly_eur[: hour + 1]) + (month_h - hour - 1) * sum(latest) / len(latest) > budget_eur:
            return hour


def keep(kinds, room_eur):
    kept = {}
    for kind in sorted(kinds, key=lambda kind: -kind["value_eur_each"] / kind["eur_each"]):
        kept[kind["kind"]] = min(1, room_eur / (kind["count"] * kind["eur_each"]))
        room_eur -= kept[kind["kind"]] * kind["count"] * kind["eur_each"]
    return kept

# %% wrong="bill" score=3 says_es="se fue de vacaciones" says_en="went on holiday"
# es: Una máquina que nadie usa no cuesta nada.
# en: A machine that nobody uses costs nothing.
def cost_eur(hour, prices):
    seconds = sum(kind["count"] * kind["attempts"] * kind["seconds"] for kind in hour["requests"])
    gb_out = sum(kind["count"] * kind["attempts"] * kind["kb"] for kind in hour["requests"]) / 1e6
    machines = sum(machine["eur_per_h"] for machine in hour["instances"] if machine["busy"])
    return seconds * prices["eur_per_compute_s"] + gb_out * prices["eur_per_gb_out"] + machines + hour["stored_gb"] * prices["eur_per_gb_month"] / 720


def alert_hour(hourly_eur, budget_eur, month_h=720):
    for hour in range(len(hourly_eur)):
        latest = hourly_eur[max(0, hour - 23) : hour + 1]
        if sum(hourly_eur[: hour + 1]) + (month_h - hour - 1) * sum(latest) / len(latest) > budget_eur:
            return hour


def keep(kinds, room_eur):
    kept = {}
    for kind in sorted(kinds, key=lambda kind: -kind["value_eur_each"] / kind["eur_each"]):
        kept[kind["kind"]] = min(1, room_eur / (kind["count"] * kind["eur_each"]))
        room_eur -= kept[kind["kind"]] * kind["count"] * kind["eur_each"]
    return kept

# %% wrong="bill" score=3 says_es="avisa mucho antes" says_en="warns long before"
# es: Se avisa cuando se ha gastado el presupuesto.
# en: One warns when the budget has been spent.
def cost_eur(hour, prices):
    seconds = sum(kind["count"] * kind["attempts"] * kind["seconds"] for kind in hour["requests"])
    gb_out = sum(kind["count"] * kind["attempts"] * kind["kb"] for kind in hour["requests"]) / 1e6
    machines = sum(machine["eur_per_h"] for machine in hour["instances"])
    return seconds * prices["eur_per_compute_s"] + gb_out * prices["eur_per_gb_out"] + machines + hour["stored_gb"] * prices["eur_per_gb_month"] / 720


def alert_hour(hourly_eur, budget_eur, month_h=720):
    for hour in range(len(hourly_eur)):
        if sum(hourly_eur[: hour + 1]) > budget_eur:
            return hour


def keep(kinds, room_eur):
    kept = {}
    for kind in sorted(kinds, key=lambda kind: -kind["value_eur_each"] / kind["eur_each"]):
        kept[kind["kind"]] = min(1, room_eur / (kind["count"] * kind["eur_each"]))
        room_eur -= kept[kind["kind"]] * kind["count"] * kind["eur_each"]
    return kept

# %% wrong="bill" score=4 says_es="por cada euro que cuesta" says_en="for each euro it costs"
# es: Para ahorrar se descarta primero lo más caro de atender.
# en: To save, the dearest to serve is dropped first.
def cost_eur(hour, prices):
    seconds = sum(kind["count"] * kind["attempts"] * kind["seconds"] for kind in hour["requests"])
    gb_out = sum(kind["count"] * kind["attempts"] * kind["kb"] for kind in hour["requests"]) / 1e6
    machines = sum(machine["eur_per_h"] for machine in hour["instances"])
    return seconds * prices["eur_per_compute_s"] + gb_out * prices["eur_per_gb_out"] + machines + hour["stored_gb"] * prices["eur_per_gb_month"] / 720


def alert_hour(hourly_eur, budget_eur, month_h=720):
    for hour in range(len(hourly_eur)):
        latest = hourly_eur[max(0, hour - 23) : hour + 1]
        if sum(hourly_eur[: hour + 1]) + (month_h - hour - 1) * sum(latest) / len(latest) > budget_eur:
            return hour


def keep(kinds, room_eur):
    kept = {}
    for kind in sorted(kinds, key=lambda kind: kind["eur_each"]):
        kept[kind["kind"]] = min(1, room_eur / (kind["count"] * kind["eur_each"]))
        room_eur -= kept[kind["kind"]] * kind["count"] * kind["eur_each"]
    return kept

# %% wrong="bill" score=2 says_es="Has devuelto" says_en="You returned"
# es: Lo justo es recortar a todos por igual; y la previsión es la media del mes entero.
# en: It is fair to cut everybody alike; and the forecast is the mean of the whole month.
def cost_eur(hour, prices):
    seconds = sum(kind["count"] * kind["attempts"] * kind["seconds"] for kind in hour["requests"])
    gb_out = sum(kind["count"] * kind["attempts"] * kind["kb"] for kind in hour["requests"]) / 1e6
    machines = sum(machine["eur_per_h"] for machine in hour["instances"])
    return seconds * prices["eur_per_compute_s"] + gb_out * prices["eur_per_gb_out"] + machines + hour["stored_gb"] * prices["eur_per_gb_month"] / 720


def alert_hour(hourly_eur, budget_eur, month_h=720):
    for hour in range(len(hourly_eur)):
        if sum(hourly_eur[: hour + 1]) / (hour + 1) * month_h > budget_eur:
            return hour


def keep(kinds, room_eur):
    whole_eur = sum(kind["count"] * kind["eur_each"] for kind in kinds)
    return {kind["kind"]: min(1, room_eur / whole_eur) for kind in kinds}

# %% right="bill"
def cost_eur(hour, prices):
    total = prices["eur_per_gb_month"] * hour["stored_gb"] / (30 * 24)
    for kind in hour["requests"]:
        each = kind["seconds"] * prices["eur_per_compute_s"] + kind["kb"] * 1e-6 * prices["eur_per_gb_out"]
        total += kind["count"] * kind["attempts"] * each
    for machine in hour["instances"]:
        total += machine["eur_per_h"]
    return total


def alert_hour(hourly_eur, budget_eur, month_h=720):
    # es: con numpy y sumas acumuladas
    # en: with numpy and running sums
    sums = np.concatenate([[0.0], np.cumsum(hourly_eur)])
    ends = np.arange(1, len(sums))
    starts = np.maximum(0, ends - 24)
    forecast = sums[1:] + (month_h - ends) * (sums[ends] - sums[starts]) / (ends - starts)
    over = np.flatnonzero(forecast > budget_eur + 1e-9)
    return over[0] if len(over) else None


def keep(kinds, room_eur):
    # es: del que menos vale por euro al que más, quitando hasta que alcance
    # en: from the one worth least per euro to the one worth most, removing until it is enough
    kept = {kind["kind"]: 1.0 for kind in kinds}
    over_eur = sum(kind["count"] * kind["eur_each"] for kind in kinds) - room_eur
    for kind in sorted(kinds, key=lambda kind: kind["value_eur_each"] / kind["eur_each"]):
        whole_eur = kind["count"] * kind["eur_each"]
        cut_eur = min(max(over_eur, 0), whole_eur)
        kept[kind["kind"]] = 1 - cut_eur / whole_eur
        over_eur -= cut_eur
    return kept

# %% [markdown] lang="es" row="39"
# ## 7. Qué se gana con el doble de hardware (3 puntos)
#
# «Un chip con el doble de TOPS (billones de operaciones por segundo, de pico) es el doble de rápido» solo es verdad si lo que falta es cálculo. Usa el modelo *roofline* de la lección. Una **máquina** es un diccionario con `gflop_per_s` (su pico de cálculo), `gb_per_s` (su ancho de banda de memoria) y `overhead_s` (segundos fijos que cuesta lanzar cada kernel). Un **kernel** es otro con
# `gflop` (los GFLOP que hace) y `gb` (los GB que mueve entre memoria y procesador, más de 0).
#
# - `dense(batch, inputs, outputs, bytes_each)`: el kernel de una capa densa, que multiplica una matriz de `batch` × `inputs` por otra de `inputs` × `outputs`. Cada elemento del resultado cuesta `inputs` multiplicaciones y otras tantas sumas; cada elemento de las dos matrices se lee una vez y cada elemento del resultado se
#   escribe una vez, y cada uno ocupa `bytes_each` bytes. No hay sesgo. Aquí 1 GFLOP y 1 GB son $10^9$;
# - `kernel_s(kernel, machine)`: lo que tarda. Calcular y mover datos ocurren **a la vez**, así que dura lo que tarde la más lenta de las dos, y al final se suma `overhead_s`;
# - `limit(kernel, machine)`: `"compute"` o `"bandwidth"`, según lo que tarde más de las dos (aquí no se comprueban empates);
# - `speedup(kernels, machine, compute=1, bandwidth=1)`: cuántas veces más rápido se ejecuta un modelo, que es una lista de kernels, uno detrás de otro, en una máquina igual pero con `compute` veces el pico de cálculo y `bandwidth` veces el ancho de banda. El coste de lanzar no cambia. La lista no está vacía.
# %% [markdown] lang="en" row="39"
# ## 7. What twice the hardware gains (3 points)
#
# "A chip with twice the TOPS (tera-operations per second, at peak) is twice as fast" is true only if computation is what is missing. Use the lesson's *roofline* model. A **machine** is a dict with `gflop_per_s` (its peak of computation), `gb_per_s` (its memory bandwidth) and `overhead_s` (fixed seconds that launching each kernel costs). A **kernel** is another with
# `gflop` (the GFLOP it does) and `gb` (the GB it moves between memory and processor, more than 0).
#
# - `dense(batch, inputs, outputs, bytes_each)`: the kernel of a dense layer, which multiplies a matrix of `batch` × `inputs` by another of `inputs` × `outputs`. Each element of the result costs `inputs` multiplications and as many additions; each element of the two matrices is read once and each element of the result is
#   written once, and each takes `bytes_each` bytes. There is no bias. Here 1 GFLOP and 1 GB are $10^9$;
# - `kernel_s(kernel, machine)`: how long it takes. Computing and moving data happen **at the same time**, so it lasts as long as the slower of the two, and `overhead_s` is added at the end;
# - `limit(kernel, machine)`: `"compute"` or `"bandwidth"`, whichever of the two takes longer (ties are not tested here);
# - `speedup(kernels, machine, compute=1, bandwidth=1)`: how many times faster a model, which is a list of kernels, one after another, runs on a machine that is identical except that its peak is `compute` times as large and its bandwidth is `bandwidth` times as large. The cost of launching does not change. The list is not empty.

# %% answer="roofline"
def dense(batch, inputs, outputs, bytes_each):
    ### BEGIN SOLUTION
    elements = batch * inputs + inputs * outputs + batch * outputs
    return {"gflop": 2 * batch * inputs * outputs / 1e9, "gb": elements * bytes_each / 1e9}
    ### END SOLUTION


def kernel_s(kernel, machine):
    ### BEGIN SOLUTION
    return max(kernel["gflop"] / machine["gflop_per_s"], kernel["gb"] / machine["gb_per_s"]) + machine["overhead_s"]
    ### END SOLUTION


def limit(kernel, machine):
    ### BEGIN SOLUTION
    computing = kernel["gflop"] / machine["gflop_per_s"] > kernel["gb"] / machine["gb_per_s"]
    return "compute" if computing else "bandwidth"
    ### END SOLUTION


def speedup(kernels, machine, compute=1, bandwidth=1):
    ### BEGIN SOLUTION
    better = {**machine, "gflop_per_s": machine["gflop_per_s"] * compute, "gb_per_s": machine["gb_per_s"] * bandwidth}
    return sum(kernel_s(kernel, machine) for kernel in kernels) / sum(kernel_s(kernel, better) for kernel in kernels)
    ### END SOLUTION

# %% test="roofline/dense" points=1 row="39" objective="5.7"
import random as _t_random

from mlprod import checks


def _t_machine(gflop_per_s=100, gb_per_s=10, overhead_s=0):
    return dict(locals())


def _t_kernel(gflop, gb):
    return dict(locals())


def _t_check_dense(shape, gflop, gb, why):
    got = checks.plain(dense(*shape))
    about = why + f" dense{shape}:"
    assert isinstance(got, dict) and {"gflop", "gb"} <= got.keys(), about + tr(es=f"\n  dense devuelve un kernel, un diccionario con gflop y gb; ha devuelto {got!r}.", en=f"\n  dense returns a kernel, a dict with gflop and gb; it returned {got!r}.")
    checks.same(got["gflop"], gflop, about + tr(es=" GFLOP (multiplicaciones y sumas).", en=" GFLOP (multiplications and additions)."), tolerance=1e-12)
    checks.same(got["gb"], gb, about + tr(es=" GB (las dos matrices se leen y el resultado se escribe; cada cosa una vez).", en=" GB (both matrices are read and the result is written; each once)."), tolerance=1e-12)


_t_check_dense((1, 1000, 2000, 4), 0.004, 0.008012, tr(es="Un ejemplo solo: la matriz de pesos es casi todo lo que se mueve.", en="A single example: the weight matrix is nearly all that moves."))
_t_check_dense((64, 1000, 2000, 4), 0.256, 0.008768, tr(es="Con 64 ejemplos los pesos se leen igualmente una sola vez.", en="With 64 examples the weights are still read only once."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_shape in [(1, 1, 1, 4), (7, 30, 20, 1), (512, 4096, 4096, 2), (3, 1, 900, 8), (1, 4096, 4096, 1)]:
    _t_b, _t_i, _t_o, _t_size = _t_shape
    _t_check_dense(_t_shape, (_t_i + _t_i) * _t_b * _t_o * 1e-9, _t_size * (_t_b * (_t_i + _t_o) + _t_i * _t_o) * 1e-9, tr(es="Otra forma.", en="Another shape."))
### END HIDDEN TESTS

# %% test="roofline/limit" points=1 row="39" objective="5.7"
def _t_check_kernel(kernel, machine, seconds, what, why):
    about = why + f"\n  {kernel}\n  {machine}"
    checks.same(checks.number(kernel_s(dict(kernel), dict(machine)), about), seconds, about + "\n  kernel_s", tolerance=1e-9)
    checks.same(limit(dict(kernel), dict(machine)), what, about + "\n  limit")


_t_check_kernel(_t_kernel(50, 1), _t_machine(), 0.5, "compute", tr(es="0.5 s de cálculo y 0.1 s de memoria, a la vez.", en="0.5 s of computation and 0.1 s of memory, at the same time."))
_t_check_kernel(_t_kernel(5, 1), _t_machine(overhead_s=0.01), 0.11, "bandwidth", tr(es="0.05 s de cálculo y 0.1 s de memoria, a la vez, y 0.01 s de lanzarlo.", en="0.05 s of computation and 0.1 s of memory, at the same time, and 0.01 s to launch it."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(21)
for _ in range(60):
    _t_one, _t_box = _t_kernel(_t_chance.uniform(0, 9), _t_chance.uniform(0.001, 2)), _t_machine(_t_chance.choice([3, 80, 2_000]), _t_chance.choice([4, 50, 900]), _t_chance.choice([0, 1e-5, 0.2]))
    _t_parts = {"compute": _t_one["gflop"] / _t_box["gflop_per_s"], "bandwidth": _t_one["gb"] / _t_box["gb_per_s"]}
    _t_slow = max(_t_parts, key=_t_parts.get)
    _t_check_kernel(_t_one, _t_box, _t_parts[_t_slow] + _t_box["overhead_s"], _t_slow, tr(es="Otro kernel en otra máquina.", en="Another kernel on another machine."))
_t_check_kernel(_t_kernel(0, 0.5), _t_machine(), 0.05, "bandwidth", tr(es="Copiar: ningún cálculo.", en="Copying: no computation."))
### END HIDDEN TESTS

# %% test="roofline/speedup" points=1 row="39" objective="5.7"
def _t_check_speedup(kernels, machine, factors, want, why):
    about = why + tr(es=f" Con {factors}.", en=f" With {factors}.") + f"\n  {machine}\n  - " + "\n  - ".join(map(str, kernels))
    checks.same(checks.number(speedup([dict(kernel) for kernel in kernels], dict(machine), **factors), about), want, about, tolerance=1e-6)


_t_words = tr(es="Un modelo de lenguaje que contesta a un solo usuario: leer los pesos tarda más que usarlos. El doble de TOPS no lo hace el doble de rápido.", en="A language model that serves a single user: reading the weights takes longer than using them. Twice the TOPS does not make it twice as fast.")
_t_check_speedup([_t_kernel(1, 2)] * 3, _t_machine(), {"compute": 2}, 1.0, _t_words)
_t_check_speedup([_t_kernel(1, 2)] * 3, _t_machine(), {"bandwidth": 2}, 2.0, _t_words)
_t_check_speedup(
    [_t_kernel(90, 1), _t_kernel(1, 1)], _t_machine(), {"compute": 2}, 1.0 / 0.55,
    tr(es="Un kernel limitado por el cálculo (0.9 s) y otro por la memoria (0.1 s): se suman los tiempos, no las aceleraciones.", en="One kernel limited by computation (0.9 s) and one by memory (0.1 s): times add up, not speed-ups."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_speedup([_t_kernel(12, 1)], _t_machine(), {"compute": 2}, 1.2, tr(es="Al doblar el cálculo pasa a mandar la memoria.", en="When computation doubles, memory takes over."))
_t_check_speedup([_t_kernel(100, 1)], _t_machine(overhead_s=1), {"compute": 2}, 2 / 1.5, tr(es="Lanzar el kernel cuesta lo mismo.", en="Launching the kernel costs the same."))
_t_check_speedup([_t_kernel(100, 1)], _t_machine(overhead_s=1), {"compute": 1e9, "bandwidth": 1e9}, 2.0, tr(es="Ni con hardware infinito: queda lanzarlo.", en="Not even with infinite hardware: launching it remains."))
_t_check_speedup([_t_kernel(5, 1)], _t_machine(), {}, 1.0, tr(es="La misma máquina.", en="The same machine."))
_t_check_speedup([_t_kernel(5, 1)], _t_machine(), {"bandwidth": 0.5}, 0.5, tr(es="Una máquina con la mitad de ancho de banda.", en="A machine with half the bandwidth."))
_t_chance = _t_random.Random(22)
for _ in range(60):
    _t_model = [_t_kernel(_t_chance.uniform(0, 30), _t_chance.uniform(0.01, 3)) for _ in range(_t_chance.randrange(1, 7))]
    _t_box, _t_factors = _t_machine(_t_chance.choice([30, 100, 300]), _t_chance.choice([4, 10, 40]), _t_chance.choice([0, 0.02])), {"compute": _t_chance.choice([1, 2, 8]), "bandwidth": _t_chance.choice([1, 2, 1.5])}
    _t_before = math.fsum(max(one["gflop"] / _t_box["gflop_per_s"], one["gb"] / _t_box["gb_per_s"]) + _t_box["overhead_s"] for one in _t_model)
    _t_after = math.fsum(max(one["gflop"] / _t_box["gflop_per_s"] / _t_factors["compute"], one["gb"] / _t_box["gb_per_s"] / _t_factors["bandwidth"]) + _t_box["overhead_s"] for one in _t_model)
    _t_check_speedup(_t_model, _t_box, _t_factors, _t_before / _t_after, tr(es="Otro modelo en otra máquina.", en="Another model on another machine."))
### END HIDDEN TESTS

# %% wrong="roofline" score=2 says_es="no lo hace el doble de rápido" says_en="does not make it twice as fast"
# es: Con el doble de TOPS todo va el doble de rápido.
# en: With twice the TOPS everything is twice as fast.
def dense(batch, inputs, outputs, bytes_each):
    elements = batch * inputs + inputs * outputs + batch * outputs
    return {"gflop": 2 * batch * inputs * outputs / 1e9, "gb": elements * bytes_each / 1e9}


def kernel_s(kernel, machine):
    return max(kernel["gflop"] / machine["gflop_per_s"], kernel["gb"] / machine["gb_per_s"]) + machine["overhead_s"]


def limit(kernel, machine):
    return "compute" if kernel["gflop"] / machine["gflop_per_s"] > kernel["gb"] / machine["gb_per_s"] else "bandwidth"


def speedup(kernels, machine, compute=1, bandwidth=1):
    return compute * bandwidth

# %% wrong="roofline" score=2 says_es="no las aceleraciones" says_en="not speed-ups"
# es: La aceleración del modelo es la media de las de sus kernels.
# en: The speed-up of the model is the mean of those of its kernels.
def dense(batch, inputs, outputs, bytes_each):
    elements = batch * inputs + inputs * outputs + batch * outputs
    return {"gflop": 2 * batch * inputs * outputs / 1e9, "gb": elements * bytes_each / 1e9}


def kernel_s(kernel, machine):
    return max(kernel["gflop"] / machine["gflop_per_s"], kernel["gb"] / machine["gb_per_s"]) + machine["overhead_s"]


def limit(kernel, machine):
    return "compute" if kernel["gflop"] / machine["gflop_per_s"] > kernel["gb"] / machine["gb_per_s"] else "bandwidth"


def speedup(kernels, machine, compute=1, bandwidth=1):
    better = {**machine, "gflop_per_s": machine["gflop_per_s"] * compute, "gb_per_s": machine["gb_per_s"] * bandwidth}
    return sum(kernel_s(kernel, machine) / kernel_s(kernel, better) for kernel in kernels) / len(kernels)

# %% wrong="roofline" score=1 says_es="a la vez" says_en="at the same time"
# es: Primero se traen los datos y después se calcula: se suman.
# en: First the data are fetched and then one computes: they add up.
def dense(batch, inputs, outputs, bytes_each):
    elements = batch * inputs + inputs * outputs + batch * outputs
    return {"gflop": 2 * batch * inputs * outputs / 1e9, "gb": elements * bytes_each / 1e9}


def kernel_s(kernel, machine):
    return kernel["gflop"] / machine["gflop_per_s"] + kernel["gb"] / machine["gb_per_s"] + machine["overhead_s"]


def limit(kernel, machine):
    return "compute" if kernel["gflop"] / machine["gflop_per_s"] > kernel["gb"] / machine["gb_per_s"] else "bandwidth"


def speedup(kernels, machine, compute=1, bandwidth=1):
    better = {**machine, "gflop_per_s": machine["gflop_per_s"] * compute, "gb_per_s": machine["gb_per_s"] * bandwidth}
    return sum(kernel_s(kernel, machine) for kernel in kernels) / sum(kernel_s(kernel, better) for kernel in kernels)

# %% wrong="roofline" score=2 says_es="una sola vez" says_en="only once"
# es: Cada ejemplo del lote vuelve a leer todos los pesos.
# en: Each example of the batch reads all weights again.
def dense(batch, inputs, outputs, bytes_each):
    elements = batch * (inputs + inputs * outputs + outputs)
    return {"gflop": 2 * batch * inputs * outputs / 1e9, "gb": elements * bytes_each / 1e9}


def kernel_s(kernel, machine):
    return max(kernel["gflop"] / machine["gflop_per_s"], kernel["gb"] / machine["gb_per_s"]) + machine["overhead_s"]


def limit(kernel, machine):
    return "compute" if kernel["gflop"] / machine["gflop_per_s"] > kernel["gb"] / machine["gb_per_s"] else "bandwidth"


def speedup(kernels, machine, compute=1, bandwidth=1):
    better = {**machine, "gflop_per_s": machine["gflop_per_s"] * compute, "gb_per_s": machine["gb_per_s"] * bandwidth}
    return sum(kernel_s(kernel, machine) for kernel in kernels) / sum(kernel_s(kernel, better) for kernel in kernels)

# %% wrong="roofline" score=1 says_es="Lanzar el kernel cuesta lo mismo" says_en="Launching the kernel costs the same"
# es: Una máquina el doble de rápida también lanza los kernels en la mitad de tiempo; y un producto cuenta una operación.
# en: A machine twice as fast launches kernels in half the time, too; and a product counts one operation.
def dense(batch, inputs, outputs, bytes_each):
    elements = batch * inputs + inputs * outputs + batch * outputs
    return {"gflop": batch * inputs * outputs / 1e9, "gb": elements * bytes_each / 1e9}


def kernel_s(kernel, machine):
    return max(kernel["gflop"] / machine["gflop_per_s"], kernel["gb"] / machine["gb_per_s"]) + machine["overhead_s"]


def limit(kernel, machine):
    return "compute" if kernel["gflop"] / machine["gflop_per_s"] > kernel["gb"] / machine["gb_per_s"] else "bandwidth"


def speedup(kernels, machine, compute=1, bandwidth=1):
    better = {"gflop_per_s": machine["gflop_per_s"] * compute, "gb_per_s": machine["gb_per_s"] * bandwidth, "overhead_s": machine["overhead_s"] / max(compute, bandwidth)}
    return sum(kernel_s(kernel, machine) for kernel in kernels) / sum(kernel_s(kernel, better) for kernel in kernels)

# %% right="roofline"
# es: con intensidad aritmética y el punto en que se cruzan las dos rectas
# en: with arithmetic intensity, and the point where the two lines cross
def dense(batch, inputs, outputs, bytes_each):
    flop = batch * outputs * (inputs + inputs)
    moved = np.prod([batch, inputs]) + np.prod([inputs, outputs]) + np.prod([batch, outputs])
    return dict(gflop=flop * 1e-9, gb=moved * bytes_each * 1e-9)


def limit(kernel, machine):
    ridge = machine["gflop_per_s"] / machine["gb_per_s"]
    return "compute" if kernel["gflop"] > ridge * kernel["gb"] else "bandwidth"


def kernel_s(kernel, machine):
    if limit(kernel, machine) == "compute":
        return machine["overhead_s"] + kernel["gflop"] / machine["gflop_per_s"]
    return machine["overhead_s"] + kernel["gb"] / machine["gb_per_s"]


def speedup(kernels, machine, compute=1, bandwidth=1):
    work = np.array([[kernel["gflop"] / machine["gflop_per_s"], kernel["gb"] / machine["gb_per_s"]] for kernel in kernels])
    overhead_s = len(kernels) * machine["overhead_s"]
    return (work.max(axis=1).sum() + overhead_s) / ((work / [compute, bandwidth]).max(axis=1).sum() + overhead_s)

# %% [markdown] lang="es" row="41"
# ## 8. Más grandes, mejores, más lentos (3 puntos)
#
# Un modelo es un diccionario: `{"name": "m", "accuracy": 0.91, "latency_ms": 12.0, "mb": 40}`. Uno **domina** a otro si no es peor en ninguna de las tres cosas (ni menos exacto, ni más lento, ni más grande) y es mejor en alguna. Quien elige un modelo dominado paga más a cambio de nada.
#
# - `front(models)` devuelve el conjunto de nombres de los modelos que ninguno de la lista domina. Dos modelos con los tres números iguales no se dominan el uno al otro. Los nombres son distintos, los números se comparan tal cual y la lista puede estar vacía;
# - `pick(models, max_latency_ms, max_mb)` devuelve el nombre del modelo más exacto de los que tardan como mucho `max_latency_ms` y ocupan como mucho `max_mb`; a igual exactitud, el más rápido, y después el más pequeño. `None` si ninguno cumple los dos límites.
# %% [markdown] lang="en" row="41"
# ## 8. Bigger, better, slower (3 points)
#
# A model is a dict: `{"name": "m", "accuracy": 0.91, "latency_ms": 12.0, "mb": 40}`. One **dominates** another if it is no worse in any of the three (neither less accurate, nor slower, nor bigger) and better in at least one. Whoever chooses a dominated model pays more in exchange for nothing.
#
# - `front(models)` returns the set of names of the models that no other in the list dominates. Two models whose three numbers are equal do not dominate each other. Names are distinct, numbers are compared as they are and the list may be empty;
# - `pick(models, max_latency_ms, max_mb)` returns the name of the most accurate of the models that take at most `max_latency_ms` and are at most `max_mb` in size; at equal accuracy the fastest, and then the smallest. `None` if none is within both limits.

# %% answer="front"
def front(models):
    ### BEGIN SOLUTION
    def dominates(one, other):
        a = one["accuracy"], -one["latency_ms"], -one["mb"]
        b = other["accuracy"], -other["latency_ms"], -other["mb"]
        return a != b and all(x >= y for x, y in zip(a, b, strict=True))

    return {model["name"] for model in models if not any(dominates(other, model) for other in models)}
    ### END SOLUTION


def pick(models, max_latency_ms, max_mb):
    ### BEGIN SOLUTION
    fit = [model for model in models if model["latency_ms"] <= max_latency_ms and model["mb"] <= max_mb]
    best = min(fit, key=lambda model: (-model["accuracy"], model["latency_ms"], model["mb"]), default=None)
    return best and best["name"]
    ### END SOLUTION

# %% test="front/dominated" points=2 row="41" objective="5.9"
import random as _t_random

from mlprod import checks


def _t_models(*facts):
    return [{"name": name, "accuracy": accuracy, "latency_ms": latency, "mb": mb} for name, accuracy, latency, mb in facts]


def _t_table(models):
    return "".join(f"\n  {model['name']}: {model['accuracy']}, {model['latency_ms']} ms, {model['mb']} MB" for model in models)


def _t_check_front(models, want, why):
    got = checks.plain(front([dict(model) for model in models]), why + _t_table(models))
    assert isinstance(got, (set, list)), why + tr(es=f"\n  front devuelve un conjunto de nombres; ha devuelto {got!r}.", en=f"\n  front returns a set of names; it returned {got!r}.")
    checks.same(got, want, why + _t_table(models))


_t_ladder = _t_models(("xs", 0.86, 1.0, 2), ("s", 0.90, 2.0, 8), ("m", 0.93, 5.0, 30), ("l", 0.93, 12.0, 110), ("xl", 0.92, 30.0, 400))
_t_check_front(_t_ladder, {"xs", "s", "m"}, tr(es="El más grande no es el mejor: xl acierta menos que m, y l lo mismo pero más despacio.", en="The biggest is not the best: xl is right less often than m, and l as often but more slowly."))
_t_check_front(_t_ladder[:2] + _t_models(("s2", 0.90, 2.0, 8)), {"xs", "s", "s2"}, tr(es="s y s2 son iguales en todo: ninguno domina al otro.", en="s and s2 are equal in everything: neither dominates the other."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_front([], set(), tr(es="Sin modelos.", en="Without models."))
_t_check_front(_t_models(("only", 0.1, 900.0, 900)), {"only"}, tr(es="Uno solo.", en="Only one."))
_t_check_front(_t_models(("a", 0.9, 5.0, 10), ("b", 0.9, 6.0, 4), ("c", 0.88, 6.0, 3)), {"a", "b", "c"}, tr(es="El tamaño también cuenta.", en="Size counts, too."))
_t_check_front(_t_models(("a", 0.9, 5.0, 10), ("b", 0.9, 5.0, 9)), {"b"}, tr(es="Igual en dos cosas y mejor en una: domina.", en="Equal in two things and better in one: it dominates."))
_t_chance = _t_random.Random(31)
for _ in range(80):
    _t_some = _t_models(*[(f"m{number}", _t_chance.choice([0.8, 0.85, 0.9, 0.95]), float(_t_chance.choice([1, 2, 5, 9])), _t_chance.choice([1, 10, 100])) for number in range(_t_chance.randrange(1, 12))])
    _t_numbers = {model["name"]: np.array([-model["accuracy"], model["latency_ms"], model["mb"]]) for model in _t_some}
    _t_want = {name for name, own in _t_numbers.items() if not any((other <= own).all() and (other < own).any() for other in _t_numbers.values())}
    _t_check_front(_t_some, _t_want, tr(es="Otra lista, con empates.", en="Another list, with ties."))
### END HIDDEN TESTS

# %% test="front/pick" points=1 row="41" objective="5.9"
def _t_check_pick(models, latency, mb, want, why):
    checks.same(pick([dict(model) for model in models], latency, mb), want, why + tr(es=f" Como mucho {latency} ms y {mb} MB.", en=f" At most {latency} ms and {mb} MB.") + _t_table(models))


_t_check_pick(_t_ladder, 50, 500, "m", tr(es="Caben todos: más grande no es siempre mejor.", en="All of them fit: bigger is not always better."))
_t_check_pick(_t_ladder, 4, 500, "s", tr(es="Hay prisa.", en="There is a hurry."))
_t_check_pick(_t_ladder, 0.5, 500, None, tr(es="No cabe ninguno.", en="None fits."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_ties = _t_models(("a", 0.9, 5.0, 10), ("b", 0.9, 4.0, 12), ("c", 0.9, 4.0, 11), ("d", 0.95, 8.0, 50))
for _t_latency, _t_mb, _t_want in [(7, 100, "c"), (8, 50, "d"), (8, 49, "c"), (5, 10, "a"), (4, 12, "c"), (3.9, 99, None), (99, 9, None)]:
    for _t_order in (_t_ties, _t_ties[::-1]):
        _t_check_pick(_t_order, _t_latency, _t_mb, _t_want, tr(es="Empates y límites justos.", en="Ties and exact limits."))
_t_check_pick([], 9, 9, None, tr(es="Sin modelos.", en="Without models."))
### END HIDDEN TESTS

# %% wrong="front" score=0 says_es="El más grande no es el mejor" says_en="The biggest is not the best"
# es: Más grande es siempre mejor: cada peldaño gana en exactitud, y el último es el bueno.
# en: Bigger is always better: each rung gains accuracy, and the last is the good one.
def front(models):
    return {model["name"] for model in models}


def pick(models, max_latency_ms, max_mb):
    fit = [model for model in models if model["latency_ms"] <= max_latency_ms and model["mb"] <= max_mb]
    return max(fit, key=lambda model: model["mb"])["name"] if fit else None

# %% wrong="front" score=1 says_es="ninguno domina al otro" says_en="neither dominates the other"
# es: Un modelo igual a otro en todo está dominado: sobra.
# en: A model equal to another in everything is dominated: it is not needed.
def front(models):
    def dominates(one, other):
        return one["accuracy"] >= other["accuracy"] and one["latency_ms"] <= other["latency_ms"] and one["mb"] <= other["mb"]

    return {model["name"] for model in models if not any(dominates(other, model) for other in models if other is not model)}


def pick(models, max_latency_ms, max_mb):
    fit = [model for model in models if model["latency_ms"] <= max_latency_ms and model["mb"] <= max_mb]
    return min(fit, key=lambda model: (-model["accuracy"], model["latency_ms"], model["mb"]))["name"] if fit else None

# %% wrong="front" score=1 says_es="l lo mismo pero más despacio" says_en="l as often but more slowly"
# es: Para dominar hay que ser mejor en las tres cosas.
# en: To dominate one must be better at all three.
def front(models):
    def dominates(one, other):
        return one["accuracy"] > other["accuracy"] and one["latency_ms"] < other["latency_ms"] and one["mb"] < other["mb"]

    return {model["name"] for model in models if not any(dominates(other, model) for other in models)}


def pick(models, max_latency_ms, max_mb):
    fit = [model for model in models if model["latency_ms"] <= max_latency_ms and model["mb"] <= max_mb]
    return min(fit, key=lambda model: (-model["accuracy"], model["latency_ms"], model["mb"]))["name"] if fit else None

# %% wrong="front" score=1 says_es="El tamaño también cuenta" says_en="Size counts, too"
# es: Basta con mirar exactitud y latencia.
# en: Looking at accuracy and latency is enough.
def front(models):
    def dominates(one, other):
        a, b = (one["accuracy"], -one["latency_ms"]), (other["accuracy"], -other["latency_ms"])
        return a != b and a[0] >= b[0] and a[1] >= b[1]

    return {model["name"] for model in models if not any(dominates(other, model) for other in models)}


def pick(models, max_latency_ms, max_mb):
    fit = [model for model in models if model["latency_ms"] <= max_latency_ms and model["mb"] <= max_mb]
    return min(fit, key=lambda model: (-model["accuracy"], model["latency_ms"], model["mb"]))["name"] if fit else None

# %% wrong="front" score=0 says_es="Hay prisa" says_en="There is a hurry"
# es: Se elige el más exacto, y el frente son los que más exactitud dan por milisegundo.
# en: One chooses the most accurate, and the front is those that give most accuracy per millisecond.
def front(models):
    best = max((model["accuracy"] / model["latency_ms"] for model in models), default=0)
    return {model["name"] for model in models if model["accuracy"] / model["latency_ms"] == best}


def pick(models, max_latency_ms, max_mb):
    return max(models, key=lambda model: (model["accuracy"], -model["latency_ms"], -model["mb"]))["name"] if models else None

# %% right="front"
def front(models):
    # es: con numpy, todos contra todos
    # en: with numpy, all against all
    if not models:
        return []
    cost = np.array([[-model["accuracy"], model["latency_ms"], model["mb"]] for model in models])
    no_worse = (cost[:, None] <= cost[None]).all(axis=2)
    better = (cost[:, None] < cost[None]).any(axis=2)
    kept = ~(no_worse & better).any(axis=0)
    return [model["name"] for model, keep_it in zip(models, kept, strict=True) if keep_it]


def pick(models, max_latency_ms, max_mb):
    best = None
    for model in models:
        if model["latency_ms"] > max_latency_ms or model["mb"] > max_mb:
            continue
        rank = model["accuracy"], -model["latency_ms"], -model["mb"]
        if best is None or rank > best[0]:
            best = rank, model["name"]
    return best[1] if best else None

# %% [markdown] lang="es" row="40"
# ## 9. La cascada (5 puntos)
#
# Un modelo pequeño contesta en el dispositivo y, cuando duda, pregunta a la nube. ¿Cuándo duda? Para cada petición el pequeño da unos **logits**, uno por clase; su respuesta es la clase del mayor. Su **confianza** es la mayor probabilidad de `softmax(logits / temperature)`, y la petición va a la nube si la confianza es **menor** que `threshold`.
#
# **a)** `fit(validation, target)` ajusta la cascada con datos de validación, y con nada más. `validation` es un diccionario de arrays de numpy: `"logits"` (siempre de dos dimensiones, una fila por petición), `"cloud"` (lo que contestó la nube a cada una) y `"label"` (la respuesta correcta). Devuelve un diccionario:
#
# - `"temperature"`: la que **calibra** la confianza, es decir, la que hace mínima la entropía cruzada media en validación, $-\frac{1}{n}\sum_i \log p_i(y_i)$, donde $p_i(y_i)$ es la probabilidad que el pequeño, con esa temperatura, da a la respuesta correcta de la petición $i$. Está entre 0.1 y 10; basta con buscarla de 0.1 en 0.1 por encima de 1 y de 0.01 en 0.01 por debajo. Una red suele estar demasiado segura: cuando dice 0.95 acierta menos del 95 % de las veces, y entonces la temperatura es mayor que 1;
# - `"threshold"`: el que manda **menos** peticiones a la nube de entre los que hacen que la cascada **entera** (lo que se contesta en el dispositivo y lo que va a la nube) acierte en validación una fracción `target` o más. Puede ser mayor que 1: `math.inf` manda todas;
# - `"cloud_fraction"`: la fracción de peticiones que se espera mandar a la nube con ese umbral.
#
# Si con ningún umbral se llega a `target` en validación, lanza `ValueError`. Si el pequeño basta, no se manda nada.
#
# **b)** `answer(fitted, logits, ask_cloud)` contesta peticiones nuevas, de las que solo se conocen los logits. `fitted` es lo que devolvió `fit`. `ask_cloud(indices)` pregunta a la nube por esas filas de `logits` y devuelve un array con sus respuestas, en el mismo orden; cada fila preguntada se paga. Se la puede llamar varias veces, y también con ninguna fila. Devuelve la clase de cada petición, en orden. Pueden llegar muchas juntas o una sola; `logits` tiene siempre dos dimensiones.
#
# Se admite un poco de holgura: que la entropía cruzada supere a la mínima en 0.002 como mucho, y que el umbral mande de más, como mucho, un 1 % del total. Con datos nuevos de la misma población la exactitud puede quedar hasta 2 puntos por debajo de `target`, y la fracción mandada, a 3 puntos de la prevista.
#
# Los datos de aquí son **sintéticos**: `synthetic_requests(seed, …)` inventa un servicio, y las pruebas usan otros. Las funciones `softmax(logits)` y `log_softmax(logits)`, por filas, ya están hechas. Para la entropía cruzada usa la segunda: con temperaturas pequeñas una probabilidad puede redondearse a 0, y su logaritmo sería infinito.
# %% [markdown] lang="en" row="40"
# ## 9. The cascade (5 points)
#
# A small model answers on the device and, when it is unsure, asks the cloud. When is it unsure? For each request the small model gives **logits**, one per class; its answer is the class of the largest. Its **confidence** is the largest probability of `softmax(logits / temperature)`, and the request goes to the cloud if the confidence is **less** than `threshold`.
#
# **a)** `fit(validation, target)` fits the cascade on validation data, and on nothing else. `validation` is a dict of numpy arrays: `"logits"` (always two-dimensional, one row per request), `"cloud"` (what the cloud answered to each one) and `"label"` (the right answer). It returns a dict:
#
# - `"temperature"`: the one that **calibrates** the confidence, that is, which makes the mean cross-entropy in validation smallest, $-\frac{1}{n}\sum_i \log p_i(y_i)$, where $p_i(y_i)$ is the probability that the small model, at that temperature, gives to the right answer of request $i$. It lies between 0.1 and 10; looking for it in steps of 0.1 above 1 and of 0.01 below is enough. A network is often too sure: when it says 0.95 it is right less than 95% of the time, and then the temperature is greater than 1;
# - `"threshold"`: the one that sends the **fewest** requests to the cloud among those that make the **whole** cascade (what is answered on the device and what goes to the cloud) right in validation for a fraction `target` or more. It may be greater than 1: `math.inf` sends all of them;
# - `"cloud_fraction"`: the fraction of requests that one expects to send to the cloud with that threshold.
#
# If no threshold reaches `target` in validation, it raises `ValueError`. If the small model is enough, nothing is sent.
#
# **b)** `answer(fitted, logits, ask_cloud)` answers new requests, of which only the logits are known. `fitted` is what `fit` returned. `ask_cloud(indices)` asks the cloud about those rows of `logits` and returns an array of its answers, in the same order; each row asked about is paid for. It may be called several times, and with no rows, too. Return the class of each request, in order. Many may come together, or a single one; `logits` is always two-dimensional.
#
# Some slack is allowed: the cross-entropy may exceed the smallest by at most 0.002, and the threshold may send at most 1% of the total more than needed. On new data from the same population the accuracy may be up to 2 points below `target`, and the fraction sent within 3 points of the one expected.
#
# The data here are **synthetic**: `synthetic_requests(seed, …)` makes up a service, and the tests use others. The functions `softmax(logits)` and `log_softmax(logits)`, by rows, are there already. For the cross-entropy use the second: at small temperatures a probability may be rounded to 0, and its logarithm would be infinite.

# %%
def synthetic_requests(seed, count=2000, classes=5, sharpness=3.0, skill=4.0, cloud_errors=0.12):
    """A made-up service: logits of a small model, answers of the cloud, right answers. Harder requests are harder for both."""
    rng = np.random.default_rng(seed)
    label = rng.integers(classes, size=count)
    ease = rng.beta(2.0, 1.2, count)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), label] += skill * ease
    wrong = rng.random(count) < 2 * cloud_errors * (1 - ease)
    cloud = np.where(wrong, (label + rng.integers(1, classes, count)) % classes, label)
    return {"logits": logits * sharpness, "cloud": cloud, "label": label}


def log_softmax(logits):
    """Logarithms of the probabilities of each row of `logits`, finite even where a probability rounds to 0."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(logits):
    """Probabilities of each row of `logits`."""
    return np.exp(log_softmax(logits))


VALIDATION = synthetic_requests(1)
print(
    tr(es="exactitud del pequeño y de la nube:", en="accuracy of the small model and of the cloud:"),
    np.mean(VALIDATION["logits"].argmax(axis=1) == VALIDATION["label"]).round(4),
    np.mean(VALIDATION["cloud"] == VALIDATION["label"]).round(4),
)

# %% answer="cascade"
def fit(validation, target):
    ### BEGIN SOLUTION
    logits, label, count = validation["logits"], validation["label"], len(validation["label"])
    temperature = min(np.geomspace(0.1, 10, 150), key=lambda t: -log_softmax(logits / t)[np.arange(count), label].mean())
    confidence = softmax(logits / temperature).max(axis=1)
    order = np.argsort(confidence)
    # es: aciertos si suben las 0, 1, 2… de menor confianza y se quedan las demás
    # en: right answers if the 0, 1, 2… of least confidence go up and the rest stay
    up = np.concatenate([[0], np.cumsum((validation["cloud"] == label)[order])])
    stay = np.concatenate([[0], np.cumsum((logits.argmax(axis=1) == label)[order])])
    enough = np.flatnonzero(up + stay[-1] - stay >= target * count)
    if len(enough) == 0:
        raise ValueError(f"no threshold reaches {target}")
    sent = enough[0]
    threshold = 0.0 if sent == 0 else confidence[order[sent]] if sent < count else 2.0
    return {"temperature": temperature, "threshold": threshold, "cloud_fraction": np.mean(confidence < threshold)}
    ### END SOLUTION


def answer(fitted, logits, ask_cloud):
    ### BEGIN SOLUTION
    labels = logits.argmax(axis=1)
    unsure = np.flatnonzero(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"])
    if len(unsure):
        labels[unsure] = ask_cloud(unsure)
    return labels
    ### END SOLUTION

# %% test="cascade/calibrated" points=1 row="40" objective="5.8"
import copy as _t_copy
import warnings as _t_warnings

from mlprod import checks


def _t_log_softmax(logits):
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _t_cross_entropy(data, temperature):
    return -_t_log_softmax(data["logits"] / temperature)[np.arange(len(data["label"])), data["label"]].mean()


def _t_confidence(logits, temperature):
    return np.exp(_t_log_softmax(logits / temperature).max(axis=1))


def _t_fit(data, target, why=""):
    """fit, and what it returned as plain numbers."""
    about = why + tr(es=f"fit con {len(data['label'])} peticiones y target={target}.", en=f"fit with {len(data['label'])} requests and target={target}.")
    try:
        with _t_warnings.catch_warnings():
            _t_warnings.simplefilter("ignore")
            got = checks.plain(fit(_t_copy.deepcopy(data), target), about)
    except ValueError as error:
        raise AssertionError(about + tr(es=f" Ha lanzado ValueError ({error}), y hay umbrales que llegan.", en=f" It raised ValueError ({error}), and there are thresholds that reach it.")) from None
    names = ("temperature", "threshold", "cloud_fraction")
    assert isinstance(got, dict) and set(names) <= got.keys(), about + tr(es=f" Devuelve un diccionario con {', '.join(names)}; ha devuelto {got!r}.", en=f" It returns a dict with {', '.join(names)}; it returned {got!r}.")
    numbers = {name: got[name] if got[name] in (math.inf, -math.inf) else checks.number(got[name], f"{about} {name}") for name in names}
    assert 0 < numbers["temperature"] < math.inf, about + f" temperature: {got['temperature']!r}"
    return numbers


def _t_check_calibrated(data, target):
    temperature = _t_fit(data, target)["temperature"]
    best = min(np.geomspace(0.1, 10, 120), key=lambda one: _t_cross_entropy(data, one))
    excess = _t_cross_entropy(data, temperature) - _t_cross_entropy(data, best)
    confidence = _t_confidence(data["logits"], temperature)
    sure = confidence >= np.quantile(confidence, 0.5)
    says, does = confidence[sure].mean(), (data["logits"].argmax(axis=1) == data["label"])[sure].mean()
    assert excess <= 0.002, tr(
        es=f"Con temperature={temperature:.3f} la confianza no está calibrada: en la mitad más segura de la validación dice de media {says:.4f} y acierta {does:.4f}. La entropía cruzada supera en {excess:.4f} a la menor posible.",
        en=f"With temperature={temperature:.3f} the confidence is not calibrated: in the surer half of the validation data it says {says:.4f} on average and is right {does:.4f} of the time. The cross-entropy exceeds the smallest possible by {excess:.4f}.",
    )


_t_check_calibrated(VALIDATION, 0.9)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed, _t_sharpness in [(11, 1.2), (12, 1.0), (13, 6.0), (14, 2.0)]:
    _t_check_calibrated(synthetic_requests(_t_seed, 1000, classes=3 + _t_seed % 4, sharpness=_t_sharpness), 0.88)
### END HIDDEN TESTS

# %% test="cascade/threshold" points=2 row="40" objective="5.8"
def _t_check_threshold(data, target, why=""):
    fitted = _t_fit(data, target, why)
    count, small = len(data["label"]), data["logits"].argmax(axis=1) == data["label"]
    cloud, confidence = data["cloud"] == data["label"], _t_confidence(data["logits"], fitted["temperature"])
    up = confidence < fitted["threshold"]
    order = np.argsort(confidence)
    right = np.array([small.sum(), *(small.sum() + np.cumsum(cloud[order].astype(int) - small[order]))])
    least = np.flatnonzero(right >= target * count)[0]
    reached = np.where(up, cloud, small).mean()
    about = why + tr(
        es=f"En validación, con target={target}, el pequeño acierta {small.mean():.4f} y la nube {cloud.mean():.4f}. Tu umbral, {fitted['threshold']:.4f}, manda a la nube {up.mean():.4f} y la cascada entera acierta {reached:.4f}.",
        en=f"In validation, with target={target}, the small model is right {small.mean():.4f} of the time and the cloud {cloud.mean():.4f}. Your threshold, {fitted['threshold']:.4f}, sends {up.mean():.4f} to the cloud and the whole cascade is right {reached:.4f} of the time.",
    )
    assert reached >= target - 1.5 / count, about + tr(es=" No llega a target.", en=" It does not reach target.")
    assert up.sum() <= least + 0.01 * count, about + tr(
        es=f" Bastaba con mandar {least / count:.4f}: se paga de más. Cuenta el acierto de la cascada entera, con lo que arregla la nube.", en=f" Sending {least / count:.4f} was enough: one pays too much. What counts is the accuracy of the whole cascade, with what the cloud mends."
    )
    assert abs(fitted["cloud_fraction"] - up.mean()) <= 0.005, about + tr(
        es=f" Y dices que se mandará {fitted['cloud_fraction']:.4f}: la fracción no es el umbral ni los errores del pequeño, hay que contarla.", en=f" And you say that {fitted['cloud_fraction']:.4f} will be sent: the fraction is neither the threshold nor the small model's errors, it has to be counted."
    )


_t_check_threshold(VALIDATION, 0.9)
_t_check_threshold(VALIDATION, 0.7)
_t_check_threshold(
    synthetic_requests(10, cloud_errors=0.3), 0.876,
    tr(es="Aquí la nube acierta menos que el pequeño, pero no en lo mismo: la exactitud de la cascada sube con el umbral y después baja. ", en="Here the cloud is right less often than the small model, but not on the same requests: the accuracy of the cascade rises with the threshold and then falls. "),
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed, _t_sharpness, _t_skill, _t_errors in [(21, 0.5, 4.0, 0.1), (22, 4.0, 3.0, 0.06), (23, 2.0, 2.0, 0.03), (24, 1.0, 5.0, 0.2)]:
    _t_data = synthetic_requests(_t_seed, 800, 4, _t_sharpness, _t_skill, _t_errors)
    _t_low, _t_high = (_t_data["logits"].argmax(axis=1) == _t_data["label"]).mean(), (_t_data["cloud"] == _t_data["label"]).mean()
    for _t_part in (0.3, 0.9):
        _t_check_threshold(_t_data, round(_t_low + _t_part * (_t_high - _t_low), 4))
    _t_check_threshold(_t_data, round(_t_low - 0.05, 4))
for _t_hopeless in (0.999, 1.0):
    try:
        with _t_warnings.catch_warnings():
            _t_warnings.simplefilter("ignore")
            _t_got = fit(synthetic_requests(25, 800), _t_hopeless)
    except ValueError:
        pass
    else:
        raise AssertionError(tr(es=f"Con target={_t_hopeless} ningún umbral llega: se esperaba ValueError y has devuelto {_t_got!r}.", en=f"With target={_t_hopeless} no threshold reaches it: ValueError was expected and you returned {_t_got!r}."))
### END HIDDEN TESTS

# %% test="cascade/answer" points=1 row="40" objective="5.8"
class _t_Cloud:
    """The cloud behind ask_cloud: which rows were asked about."""

    def __init__(self, data):
        self.data, self.asked = data, []

    def __call__(self, indices):
        rows = checks.plain(indices, tr(es="ask_cloud recibe los índices de las filas.", en="ask_cloud gets the indices of the rows."))
        assert isinstance(rows, list) and all(type(row) is int and 0 <= row < len(self.data["cloud"]) for row in rows), tr(
            es=f"ask_cloud recibe los índices de las filas, y ha recibido {str(rows)[:80]}.", en=f"ask_cloud gets the indices of the rows, and it got {str(rows)[:80]}."
        )
        self.asked += rows
        return np.array([self.data["cloud"][row] for row in rows], dtype=int)


def _t_answer(fitted, data):
    cloud = _t_Cloud(data)
    with _t_warnings.catch_warnings():
        _t_warnings.simplefilter("ignore")
        got = answer(dict(fitted), data["logits"].copy(), cloud)
    got = checks.plain(got, tr(es="answer devuelve la clase de cada petición.", en="answer returns the class of each request."))
    return got, cloud.asked


def _t_check_answer(fitted, data, why):
    up = _t_confidence(data["logits"], fitted["temperature"]) < fitted["threshold"]
    got, asked = _t_answer(fitted, data)
    checks.same(len(asked), int(up.sum()), why + tr(es=" Filas por las que se pregunta a la nube, que se pagan.", en=" Rows that the cloud is asked about, which are paid for."), observed=True)
    checks.same(set(asked), set(np.flatnonzero(up).tolist()), why + tr(es=" Van a la nube las de menor confianza que el umbral.", en=" Those of less confidence than the threshold go to the cloud."), observed=True)
    checks.same(got, np.where(up, data["cloud"], data["logits"].argmax(axis=1)).tolist(), why + tr(es=" Respuestas, en orden.", en=" Answers, in order."))


_t_fitted = {"temperature": 2.0, "threshold": 0.8, "cloud_fraction": 0.5}
_t_check_answer(_t_fitted, synthetic_requests(31, 12), tr(es="Doce peticiones.", en="Twelve requests."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_number in range(12):
    _t_check_answer({"temperature": 1.5, "threshold": 0.6 + 0.03 * _t_number, "cloud_fraction": 0.2}, synthetic_requests(40 + _t_number, 1), tr(es="Una sola petición.", en="A single request."))
for _t_temperature, _t_threshold in [(1.0, 0.9), (5.0, 0.5), (0.5, 0.99), (2.0, 0.0), (2.0, 1.5)]:
    _t_check_answer({"temperature": _t_temperature, "threshold": _t_threshold, "cloud_fraction": 0.1}, synthetic_requests(60, 300), f"temperature={_t_temperature}, threshold={_t_threshold}.")
### END HIDDEN TESTS

# %% test="cascade/fresh" points=1 row="40" objective="5.8"
def _t_check_fresh(validation, fresh, target):
    fitted = _t_fit(validation, target)
    got, asked = _t_answer(fitted, fresh)
    reached, fraction = np.mean(np.array(got) == fresh["label"]), len(asked) / len(fresh["label"])
    about = tr(es=f"Con datos nuevos y target={target}: acierta {reached:.4f} y manda a la nube {fraction:.4f}; preveías {fitted['cloud_fraction']:.4f}.", en=f"On new data and target={target}: it is right {reached:.4f} of the time and sends {fraction:.4f} to the cloud; you expected {fitted['cloud_fraction']:.4f}.")
    assert reached >= target - 0.02, about + tr(es=" No llega a la exactitud pedida.", en=" It does not reach the accuracy asked for.")
    assert abs(fraction - fitted["cloud_fraction"]) <= 0.03, about + tr(es=" La previsión no vale fuera de la validación.", en=" What was expected does not hold outside validation.")
    return about


_t_check_fresh(VALIDATION, synthetic_requests(7), 0.9)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed, _t_sharpness, _t_skill, _t_errors in [(74, 0.5, 4.0, 0.1), (76, 4.0, 3.0, 0.06), (72, 2.0, 2.5, 0.04)]:
    _t_data = synthetic_requests(_t_seed, 4000, 4, _t_sharpness, _t_skill, _t_errors)
    _t_low, _t_high = (_t_data["logits"].argmax(axis=1) == _t_data["label"]).mean(), (_t_data["cloud"] == _t_data["label"]).mean()
    for _t_part in (0.4, 0.8):
        _t_check_fresh(_t_data, synthetic_requests(_t_seed + 100, 4000, 4, _t_sharpness, _t_skill, _t_errors), round(_t_low + _t_part * (_t_high - _t_low), 3))
### END HIDDEN TESTS

# %% wrong="cascade" score=4 says_es="no está calibrada" says_en="is not calibrated"
# es: La salida de softmax ya es una probabilidad: no hay nada que calibrar.
# en: What softmax gives is a probability already: there is nothing to calibrate.
def fit(validation, target):
    label, confidence = validation["label"], softmax(validation["logits"]).max(axis=1)
    small, cloud = validation["logits"].argmax(axis=1) == label, validation["cloud"] == label
    for threshold in [0.0, *np.quantile(confidence, np.linspace(0, 1, 1001)), 1.1]:
        if np.where(confidence < threshold, cloud, small).mean() >= target:
            return {"temperature": 1.0, "threshold": threshold, "cloud_fraction": np.mean(confidence < threshold)}
    raise ValueError(target)


def answer(fitted, logits, ask_cloud):
    labels, unsure = logits.argmax(axis=1), np.flatnonzero(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"])
    labels[unsure] = ask_cloud(unsure)
    return labels

# %% wrong="cascade" score=3 says_es="la cascada entera acierta" says_en="the whole cascade is right"
# es: Lo que se queda en el dispositivo tiene que acertar lo que se pide a la cascada.
# en: What stays on the device must be as accurate as the cascade is asked to be.
def fit(validation, target):
    logits, label, rows = validation["logits"], validation["label"], np.arange(len(validation["label"]))
    temperature = min(np.geomspace(0.1, 10, 150), key=lambda t: -log_softmax(logits / t)[rows, label].mean())
    confidence, small = softmax(logits / temperature).max(axis=1), logits.argmax(axis=1) == label
    for threshold in np.quantile(confidence, np.linspace(0, 1, 1001)):
        if small[confidence >= threshold].mean() >= target:
            return {"temperature": temperature, "threshold": threshold, "cloud_fraction": np.mean(confidence < threshold)}
    raise ValueError(target)


def answer(fitted, logits, ask_cloud):
    labels, unsure = logits.argmax(axis=1), np.flatnonzero(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"])
    labels[unsure] = ask_cloud(unsure)
    return labels

# %% wrong="cascade" score=3 says_es="se paga de más" says_en="one pays too much"
# es: Con la confianza calibrada, el umbral es la exactitud que se quiere.
# en: With calibrated confidence, the threshold is the accuracy that one wants.
def fit(validation, target):
    logits, label, rows = validation["logits"], validation["label"], np.arange(len(validation["label"]))
    temperature = min(np.geomspace(0.1, 10, 150), key=lambda t: -log_softmax(logits / t)[rows, label].mean())
    confidence = softmax(logits / temperature).max(axis=1)
    return {"temperature": temperature, "threshold": target, "cloud_fraction": np.mean(confidence < target)}


def answer(fitted, logits, ask_cloud):
    labels, unsure = logits.argmax(axis=1), np.flatnonzero(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"])
    labels[unsure] = ask_cloud(unsure)
    return labels

# %% wrong="cascade" score=2 says_es="hay que contarla" says_en="it has to be counted"
# es: A la nube irá lo que el pequeño falla.
# en: What the small model gets wrong will go to the cloud.
def fit(validation, target):
    logits, label, rows = validation["logits"], validation["label"], np.arange(len(validation["label"]))
    temperature = min(np.geomspace(0.1, 10, 150), key=lambda t: -log_softmax(logits / t)[rows, label].mean())
    confidence, small = softmax(logits / temperature).max(axis=1), logits.argmax(axis=1) == label
    for threshold in [0.0, *np.quantile(confidence, np.linspace(0, 1, 1001)), 1.1]:
        if np.where(confidence < threshold, validation["cloud"] == label, small).mean() >= target:
            return {"temperature": temperature, "threshold": threshold, "cloud_fraction": 1 - small.mean()}
    raise ValueError(target)


def answer(fitted, logits, ask_cloud):
    labels, unsure = logits.argmax(axis=1), np.flatnonzero(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"])
    labels[unsure] = ask_cloud(unsure)
    return labels

# %% wrong="cascade" score=3 says_es="que se pagan" says_en="which are paid for"
# es: Se pregunta todo a la nube y se compara: así se sabe dónde se equivoca el pequeño.
# en: Everything is asked to the cloud and compared: that shows where the small model is wrong.
def fit(validation, target):
    logits, label, rows = validation["logits"], validation["label"], np.arange(len(validation["label"]))
    temperature = min(np.geomspace(0.1, 10, 150), key=lambda t: -log_softmax(logits / t)[rows, label].mean())
    confidence, small = softmax(logits / temperature).max(axis=1), logits.argmax(axis=1) == label
    for threshold in [0.0, *np.quantile(confidence, np.linspace(0, 1, 1001)), 1.1]:
        up = confidence < threshold
        if np.where(up, validation["cloud"] == label, small).mean() >= target:
            return {"temperature": temperature, "threshold": threshold, "cloud_fraction": up.mean()}
    raise ValueError(target)


def answer(fitted, logits, ask_cloud):
    cloud = ask_cloud(np.arange(len(logits)))
    return np.where(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"], cloud, logits.argmax(axis=1))

# %% wrong="cascade" score=4 says_es="Una sola petición" says_en="A single request"
# es: De cada tanda sube la fracción prevista, la de menor confianza.
# en: From each lot, the expected fraction goes up: the part with least confidence.
def fit(validation, target):
    logits, label, rows = validation["logits"], validation["label"], np.arange(len(validation["label"]))
    temperature = min(np.geomspace(0.1, 10, 150), key=lambda t: -log_softmax(logits / t)[rows, label].mean())
    confidence, small = softmax(logits / temperature).max(axis=1), logits.argmax(axis=1) == label
    for threshold in [0.0, *np.quantile(confidence, np.linspace(0, 1, 1001)), 1.1]:
        up = confidence < threshold
        if np.where(up, validation["cloud"] == label, small).mean() >= target:
            return {"temperature": temperature, "threshold": threshold, "cloud_fraction": up.mean()}
    raise ValueError(target)


def answer(fitted, logits, ask_cloud):
    labels, confidence = logits.argmax(axis=1), softmax(logits / fitted["temperature"]).max(axis=1)
    unsure = np.argsort(confidence)[: round(fitted["cloud_fraction"] * len(logits))]
    labels[unsure] = ask_cloud(unsure)
    return labels

# %% wrong="cascade" score=1 says_es="No llega a target" says_en="does not reach target"
# es: Por debajo de 0.5 el modelo no sabe: ese es el umbral, siempre.
# en: Below 0.5 the model does not know: that is the threshold, always.
def fit(validation, target):
    confidence = softmax(validation["logits"]).max(axis=1)
    return {"temperature": 1.0, "threshold": 0.5, "cloud_fraction": np.mean(confidence < 0.5)}


def answer(fitted, logits, ask_cloud):
    labels, unsure = logits.argmax(axis=1), np.flatnonzero(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"])
    labels[unsure] = ask_cloud(unsure)
    return labels

# %% wrong="cascade" score=3 says_es="sube con el umbral y después baja" says_en="rises with the threshold and then falls"
# es: Cuanto más se manda, más se acierta: el umbral se busca por bisección.
# en: The more is sent, the more is right: the threshold is found by bisection.
def fit(validation, target):
    logits, label, rows = validation["logits"], validation["label"], np.arange(len(validation["label"]))
    temperature = min(np.geomspace(0.1, 10, 150), key=lambda t: -log_softmax(logits / t)[rows, label].mean())
    confidence, small = softmax(logits / temperature).max(axis=1), logits.argmax(axis=1) == label

    def right(threshold):
        return np.where(confidence < threshold, validation["cloud"] == label, small).mean()

    if right(0.0) >= target:
        return {"temperature": temperature, "threshold": 0.0, "cloud_fraction": 0.0}
    low, high = 0.0, 1.1
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if right(middle) >= target else (middle, high)
    if right(high) < target:
        raise ValueError(target)
    return {"temperature": temperature, "threshold": high, "cloud_fraction": np.mean(confidence < high)}


def answer(fitted, logits, ask_cloud):
    labels, unsure = logits.argmax(axis=1), np.flatnonzero(softmax(logits / fitted["temperature"]).max(axis=1) < fitted["threshold"])
    labels[unsure] = ask_cloud(unsure)
    return labels

# %% right="cascade"
# es: con scipy, y probando todos los umbrales posibles
# en: with scipy, trying all possible thresholds
def fit(validation, target):
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits, label = validation["logits"], validation["label"]
    rows = np.arange(len(label))
    found = minimize_scalar(lambda log_t: -log_softmax(logits / np.exp(log_t), axis=1)[rows, label].mean(), bounds=(np.log(0.1), np.log(10)), method="bounded")
    temperature = float(np.exp(found.x))
    confidence = np.exp(log_softmax(logits / temperature, axis=1)).max(axis=1)
    small, cloud = logits.argmax(axis=1) == label, validation["cloud"] == label
    for threshold in [0.0, *sorted(confidence), math.inf]:
        up = confidence < threshold
        if (cloud[up].sum() + small[~up].sum()) / len(label) >= target:
            return {"temperature": temperature, "threshold": threshold, "cloud_fraction": float(up.mean())}
    raise ValueError


def answer(fitted, logits, ask_cloud):
    # es: una petición cada vez
    # en: one request at a time
    from scipy.special import softmax as probabilities

    given = []
    for number, row in enumerate(logits):
        if probabilities(row / fitted["temperature"]).max() < fitted["threshold"]:
            given.append(ask_cloud([number])[0])
        else:
            given.append(int(np.argmax(row)))
    return given

# %% right="cascade"
# es: una rejilla de umbrales, y con holgura
# en: a grid of thresholds, within the slack
def fit(validation, target):
    logits, label = validation["logits"], validation["label"]
    temperature = min(np.linspace(0.1, 10, 250), key=lambda t: loss(logits / t, label))
    confidence = top(logits / temperature)
    small, cloud = logits.argmax(axis=1) == label, validation["cloud"] == label
    grid = np.concatenate([np.quantile(confidence, np.linspace(0, 1, 201)), [1.01]])
    good = [t for t in grid if np.where(confidence < t, cloud, small).mean() >= target]
    if not good:
        raise ValueError("impossible")
    return dict(temperature=temperature, threshold=min(good), cloud_fraction=np.count_nonzero(confidence < min(good)) / len(label))


def loss(logits, label):
    shifted = logits - logits.max(axis=1)[:, None]
    return np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(label)), label])


def top(logits):
    return 1 / np.exp(logits - logits.max(axis=1)[:, None]).sum(axis=1)


def answer(fitted, logits, ask_cloud):
    unsure = top(logits / fitted["temperature"]) < fitted["threshold"]
    given = np.argmax(logits, axis=1)
    given[unsure] = ask_cloud(np.where(unsure)[0])
    return tuple(given)

# %% [markdown] essay="pocket_interpreter" points=4 row="33 40" lang="es"
# ## 10. Redacción: un intérprete de bolsillo
#
# Una empresa vende una aplicación que traduce lo que se dice en voz alta, entre el español y otras veinte lenguas. La usan 200 000 personas: turistas, la mitad del tiempo sin cobertura o pagando itinerancia; hospitales, que graban conversaciones con pacientes y
# no dejan que nada salga del edificio; y un servicio de atención telefónica, con 3000 llamadas a la vez en hora punta. El modelo grande ocupa 4 GB y acierta el 94 % de las frases; uno pequeño, de 120 MB, el 88 %. Una conversación se hace incómoda si la traducción tarda más de un segundo.
#
# Hay cuatro despliegues posibles: todo en el dispositivo; todo en la nube; un servidor local en cada edificio; o una cascada (el pequeño en el dispositivo y la nube cuando duda). Defiende en 400 o 500 palabras:
#
# 1. qué despliegue, o combinación, le darías a **cada** uno de los tres grupos, y qué hecho descarta las demás;
# 2. qué pasa en tu diseño cuando se corta la red, cuando roban un teléfono y cuando el tráfico se multiplica por diez;
# 3. qué tendrías que medir antes de decidir, y qué resultado te haría cambiar de opinión.
#
# Apóyate al menos en **tres números medidos por ti en la lección o calculados aquí**, con su unidad. Explica, para uno de ellos, por qué en los teléfonos de esos usuarios podría salir distinto.
#
# Los 4 puntos: uno por los despliegues y los hechos que descartan los demás, otro por los tres imprevistos, otro por los números y otro por lo que medirías antes.
# ### BEGIN SOLUTION
# Turistas: cascada, o el pequeño solo cuando no hay red; el modelo y las lenguas del viaje se descargan antes. Hospitales: un servidor en el edificio con el modelo grande; los datos no salen, la red local tarda unos milisegundos y el servidor sigue si se corta la
# línea (con una bandeja de salida para lo que sí deba subir, como los recuentos). Atención telefónica: la nube, que ya tiene el audio, necesita el modelo grande y comparte máquinas entre 3000 llamadas; con un tope de gasto, y con el modelo pequeño como plan B.
#
# Sin red: el turista oye traducciones algo peores, y la aplicación lo dice; el hospital no lo nota; en el teléfono no hay llamada. Robo: en el teléfono no se guardan conversaciones, o van cifradas con una clave que no está al lado; el modelo sí se lo llevan. Diez veces más tráfico: la factura de la nube se multiplica
# por diez (el autoescalado no la limita) y en la cascada solo la parte que sube; los servidores locales se saturan, y ahí hay que repartir o recurrir al modelo pequeño.
#
# Números posibles: percentil 95 de la red en cada perfil frente a la inferencia; fracción que va a la nube para una exactitud dada; error según la antigüedad de los datos; registros expuestos por incidente; euros por hora con reintentos; aceleración con el doble de ancho de banda.
#
# - **1 punto**: un despliegue para cada grupo y un hecho (plazo, memoria, red, datos que no pueden salir, coste) que descarta los otros. «El borde es el futuro» no es un hecho; dar lo mismo a los tres, sin decir por qué, no suma.
# - **1 punto**: los tres imprevistos, con las dos caras: qué se degrada, qué sabe el usuario y qué queda expuesto o se paga. Decir que en el dispositivo no hay riesgo, o que el autoescalado limita el coste, resta este punto.
# - **1 punto**: al menos tres números propios, con unidad y usados como argumento, y uno matizado (otro procesador, batería o temperatura, otra red, otra población de frases).
# - **1 punto**: qué medir antes (percentil 95 y pérdidas en las redes reales, exactitud por lengua y por grupo y no solo la global, fracción que duda, coste por llamada) y un resultado concreto que cambiaría la decisión.
# ### END SOLUTION
# %% [markdown] essay="pocket_interpreter" points=4 row="33 40" lang="en"
# ## 10. Essay: a pocket interpreter
#
# A company sells an application that translates what is said aloud, between Spanish and twenty other languages. It has 200,000 users: tourists, half of the time without coverage or paying for roaming; hospitals, which record conversations with patients and
# let nothing leave the building; and a telephone help desk, with 3,000 calls at once at rush hour. The large model takes 4 GB and gets 94% of the sentences right; a small one, of 120 MB, 88%. A conversation becomes awkward if the translation takes more than one second.
#
# There are four possible placements: all on the device; all in the cloud; a rack of servers in each building; or a cascade (the small one on the device, and the cloud when it is unsure). Defend in 400 to 500 words:
#
# 1. which placement, or combination, you would give **each** of the three groups, and which fact rules out the others;
# 2. what happens in your design when the network is cut, when a phone is stolen and when traffic grows tenfold;
# 3. what you would have to measure before deciding, and which result would change your mind.
#
# Base your argument on at least **three numbers measured by you in the lesson or calculated here**, with their unit. Explain, for one of them, why on the phones of those users it might come out different.
#
# The 4 points: one for the placements and the facts that rule out the others, one for the three mishaps, one for the numbers and one for what you would measure beforehand.
# ### BEGIN SOLUTION
# Tourists: a cascade, or the small one alone when there is no network; the model and the languages of the trip are downloaded beforehand. Hospitals: a rack in the building with the large model; the data do not leave, the local network takes a few milliseconds and the rack goes on if the
# line is cut (with an outbox for what does have to go up, such as counts). Help desk: the cloud, which has the audio already, needs the large model and shares machines among 3,000 calls; with a budget guard, and the small model as plan B.
#
# Without a network: the tourist hears somewhat worse translations, and the application says so; the hospital does not notice; on the telephone there is no call. Theft: no conversations are kept on the phone, or they are encrypted with a key that does not lie beside them; the model does go with the thief. Ten times the traffic: the cloud's bill is
# multiplied by ten (autoscaling does not cap it) and in the cascade only the part that goes up; racks saturate, and there one has to share out or fall back on the small model.
#
# Possible numbers: 95th percentile of the network in each profile against inference; fraction that goes to the cloud for a given accuracy; error by age of the data; records exposed per incident; euros per hour with retries; speed-up with twice the bandwidth.
#
# - **1 point**: a placement for each group and a fact (deadline, memory, network, data that may not leave, cost) that rules out the others. "The edge is the future" is no fact; giving the three the same, without saying why, earns nothing.
# - **1 point**: the three mishaps, with both sides: what degrades, what the user is told and what is exposed or paid. Saying that on the device there is no risk, or that autoscaling caps the cost, loses this point.
# - **1 point**: at least three numbers of one's own, with units and used as arguments, and one of them qualified (another processor, battery or heat, another network, another population of sentences).
# - **1 point**: what to measure before (95th percentile and losses on the real networks, accuracy by language and by group and not only overall, fraction unsure, cost per call) and a definite result that would change the decision.
# ### END SOLUTION
