# ---
# title:
#   es: "Nube y borde: ejercicios"
#   en: "Cloud and edge: exercises"
# unit: "05"
# minutes: 180
# ---

# %% [markdown] lang="es"
# # Nube y borde: ejercicios
#
# Nueve tareas que se corrigen solas y una redacción. Unas tres horas en total; puedes hacerlas en cualquier orden y dejar alguna sin
# hacer: cada tarea puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Dónde se ejecuta cada cosa | 5 | 20 |
# | 2. Contestar antes del plazo | 4 | 15 |
# | 3. La hora de llegada sin conexión | 5 | 15 |
# | 4. El armario del almacén | 6 | 30 |
# | 5. Cuánto queda expuesto | 5 | 15 |
# | 6. La factura y su guardián | 5 | 20 |
# | 7. Qué se gana con el doble de hardware | 4 | 15 |
# | 8. Más grandes, mejores, más lentos | 3 | 10 |
# | 9. La cascada | 5 | 20 |
# | 10. Redacción: un intérprete de bolsillo | 4 | 20 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos. Las celdas siguientes, en orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué
# han recibido. Al corregir se añaden **comprobaciones ocultas**: otros datos, otras redes, fallos provocados, casos raros. Nunca miden cuánto tarda tu
# código: cuentan respuestas a tiempo, julios, registros expuestos, euros, sucesos perdidos o repetidos.
#
# **Dónde ocurre.** Todo en memoria, en un fichero de SQLite y con un reloj simulado. Las redes son **trazas**: listas de tiempos de ida y vuelta, como
# los que habrás medido en la lección. Ninguna comprobación depende de tu máquina ni del azar. Puedes escribir funciones auxiliares en la celda de tu respuesta y usar `numpy`.
# %% [markdown] lang="en"
# # Cloud and edge: exercises
#
# Nine tasks that are graded automatically and one essay. About three hours in all; you may do them in any order and leave some
# out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Where each thing runs | 5 | 20 |
# | 2. Answering before the deadline | 4 | 15 |
# | 3. The arrival time without a connection | 5 | 15 |
# | 4. The warehouse's rack | 6 | 30 |
# | 5. How much is exposed | 5 | 15 |
# | 6. The bill and its guard | 5 | 20 |
# | 7. What twice the hardware gains | 4 | 15 |
# | 8. Bigger, better, slower | 3 | 10 |
# | 9. The cascade | 5 | 20 |
# | 10. Essay: a pocket interpreter | 4 | 20 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in the place of each `raise NotImplementedError`, and change neither
# the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, say what they expected and what they
# got. Grading adds **hidden checks**: other data, other networks, faults injected, odd cases. They never measure how long your
# code takes: they count answers on time, joules, exposed records, euros, events lost or repeated.
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

# %% [markdown] lang="es" row="33 35"
# ## 1. Dónde se ejecuta cada cosa (5 puntos)
#
# «El borde» no es «el móvil»: es cualquier sitio que calcula cerca de donde están los datos, sea un reloj, un navegador, un coche o el armario de servidores de un almacén. Por eso aquí no se
# decide con nombres, sino con hechos. Un **sitio** (*place*) es un diccionario:
#
# | campo | qué es |
# |---|---|
# | `name` | cómo se llama; no dice nada de cómo es |
# | `memory_mb` | lo que ocupa, como mucho, un modelo que cabe en él |
# | `gflop_per_s` | miles de millones de operaciones que hace por segundo |
# | `j_per_gflop` | julios de la batería del usuario que cuesta cada GFLOP; 0 si no se alimenta de ella |
# | `radio_j` | julios de la batería del usuario que cuesta enviar una petición y recibir la respuesta; 0 si no se envía nada |
# | `rtts_ms` | las últimas idas y vueltas hasta él, en ms, con `None` por cada una que no volvió; vacía si está en el propio dispositivo |
# | `internet` | si los datos salen a Internet |
# | `eur_per_million` | euros por millón de peticiones |
#
# Y una **tarea** es otro: `model_mb` (lo que ocupa su modelo), `gflop` (GFLOP por predicción), `deadline_ms` (plazo), `battery_j` (julios de batería que puede gastar cada predicción) e `internet_allowed` (si sus datos pueden salir a Internet).
#
# **a)** `route(task, places)` devuelve el par `(name, margin_ms)` del sitio elegido. Sirve un sitio en el que cabe el modelo, que respeta si los datos pueden salir, que no gasta más batería de la permitida y que contesta dentro del plazo **al menos el
# 95 % de las veces**: su tiempo es el del cálculo más el percentil 95 de la red. De los que sirven, el más barato; a igual precio, el de mayor margen. El margen es el plazo menos el tiempo. Si no sirve ninguno, `(None, None)`. Todos los límites son inclusivos: lo que llega justo, sirve.
#
# **b)** `server_budget_ms(deadline_ms, rtts_ms)`: cuántos milisegundos puede tardar como mucho el servidor para que, con esa red, se conteste a tiempo al menos el 95 % de las veces. Si con esa red no llegaría a tiempo ni un servidor instantáneo, `None`.
#
# **c)** `edge_wins(edge_ms, server_ms, rtts_ms)`: qué fracción de esas peticiones (de 0 a 1) contesta **antes** el dispositivo, que tarda `edge_ms` sin red, que un servidor que tarda `server_ms`. Una petición que no vuelve la gana el dispositivo; un empate, no. En b) y c), `rtts_ms` no está vacía.
#
# La función `p95` ya está hecha, y cuenta un `None` como una espera infinita.
# %% [markdown] lang="en" row="33 35"
# ## 1. Where each thing runs (5 points)
#
# "The edge" is not "the phone": it is any place that computes close to where the data are, be it a watch, a browser, a car or the server rack of a warehouse. So here one decides by
# facts, not by names. A **place** is a dict:
#
# | field | what it is |
# |---|---|
# | `name` | what it is called; it says nothing about what it is like |
# | `memory_mb` | the size, at most, of a model that fits in it |
# | `gflop_per_s` | billions of operations that it does per second |
# | `j_per_gflop` | joules of the user's battery that each GFLOP costs; 0 if it does not live on that battery |
# | `radio_j` | joules of the user's battery that sending a request and receiving its answer cost; 0 if nothing is sent |
# | `rtts_ms` | the latest round trips to it, in ms, with `None` for each one that did not come back; empty if it is on the device itself |
# | `internet` | whether the data go out to the Internet |
# | `eur_per_million` | euros per million requests |
#
# And a **task** is another: `model_mb` (the size of its model), `gflop` (GFLOP per prediction), `deadline_ms` (deadline), `battery_j` (joules of battery that each prediction may spend) and `internet_allowed` (whether its data may go out to the Internet).
#
# **a)** `route(task, places)` returns the pair `(name, margin_ms)` of the chosen place. A place will do if the model fits in it, it respects whether the data may go out, it spends no more battery than allowed and it answers within the deadline **at least
# 95% of the time**: its time is that of the computation plus the 95th percentile of the network. Of those that will do, the cheapest; at equal price, the one with the larger margin. The margin is the deadline minus the time. If none will do, `(None, None)`. All limits are inclusive: what just fits, will do.
#
# **b)** `server_budget_ms(deadline_ms, rtts_ms)`: how many milliseconds the server may take at most so that, on that network, at least 95% of the answers are on time. If on that network not even an instantaneous server would be on time, `None`.
#
# **c)** `edge_wins(edge_ms, server_ms, rtts_ms)`: which fraction of those requests (from 0 to 1) the device, which takes `edge_ms` without a network, answers **before** a server that takes `server_ms`. A request that does not come back is won by the device; a tie is not. In b) and c), `rtts_ms` is not empty.
#
# The function `p95` is there already, and counts a `None` as an infinite wait.

# %%
def p95(values):
    """The 95th percentile by nearest rank: at least 95% of `values` are no greater. 0 of nothing."""
    ordered = sorted(math.inf if value is None else value for value in values)
    return ordered[-(-95 * len(ordered) // 100) - 1] if ordered else 0


WIFI = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 9]
FIBRE = [9, 9, 10, 10, 10, 11, 11, 11, 12, 12, 12, 13, 13, 14, 15, 16, 18, 20, 24, 31]
MOBILE = [38, 40, 41, 43, 44, 45, 46, 48, 50, 52, 55, 58, 61, 66, 72, 80, 95, 120, 190, 310]
TRAIN = [48, 52, 55, 60, 63, 66, 70, 74, 78, 85, 92, 101, 115, 140, 190, 260, 420, None, None, None]


def a_place(name, memory_mb, gflop_per_s, j_per_gflop=0, radio_j=0, rtts_ms=(), internet=False, eur_per_million=0):
    return dict(locals())


PLACES = [
    a_place("phone", 300, 25, j_per_gflop=0.4),
    a_place("rack", 24_000, 4_000, radio_j=0.05, rtts_ms=WIFI, eur_per_million=40),
    a_place("cloud", 160_000, 60_000, radio_j=0.9, rtts_ms=MOBILE, internet=True, eur_per_million=15),
]

# %% answer="route"
def route(task, places):
    ### BEGIN SOLUTION
    fit = []
    for place in places:
        time_ms = 1000 * task["gflop"] / place["gflop_per_s"] + p95(place["rtts_ms"])
        battery_j = task["gflop"] * place["j_per_gflop"] + place["radio_j"]
        if (
            task["model_mb"] <= place["memory_mb"]
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
import random

from mlprod import checks


def _task(model_mb=10, gflop=1, deadline_ms=100, battery_j=1000, internet_allowed=True):
    return dict(locals())


def _place(name, memory_mb=100, gflop_per_s=100, j_per_gflop=0, radio_j=0, rtts_ms=(), internet=False, eur_per_million=0):
    return dict(locals(), rtts_ms=list(rtts_ms))


### BEGIN HIDDEN TESTS
def _expected(task, places):
    """route, written in another way."""
    best = None
    for place in places:
        rtts = sorted(math.inf if rtt is None else rtt for rtt in place["rtts_ms"])
        time_ms = task["gflop"] / place["gflop_per_s"] * 1000 + (rtts[math.ceil(len(rtts) * 95 / 100) - 1] if rtts else 0)
        if place["memory_mb"] < task["model_mb"] or time_ms > task["deadline_ms"] or place["internet"] > task["internet_allowed"]:
            continue
        if task["gflop"] * place["j_per_gflop"] + place["radio_j"] > task["battery_j"]:
            continue
        if best is None or (place["eur_per_million"], time_ms) < best[:2]:
            best = place["eur_per_million"], time_ms, place["name"]
    return (best[2], task["deadline_ms"] - best[1]) if best else (None, None)
### END HIDDEN TESTS


def _facts(task, places):
    lines = [", ".join(f"{key}={value if key != 'rtts_ms' or len(set(value)) != 1 else [value[0], '…']}" for key, value in place.items()) for place in places]
    return f"{task}\n  - " + "\n  - ".join(lines)


def _check_route(task, places, want, why):
    got = checks.plain(route(dict(task), [dict(place) for place in places]))
    about = why + "\n  " + _facts(task, places)
    assert isinstance(got, list) and len(got) == 2, about + tr(es=f"\n  route devuelve un par (name, margin_ms); ha devuelto {got!r}.", en=f"\n  route returns a pair (name, margin_ms); it returned {got!r}.")
    checks.same(got[0], want[0], about)
    checks.same(got[1], want[1], tr(es="El margen es el plazo menos el tiempo (el cálculo y la red). ", en="The margin is the deadline minus the time (computation and network). ") + about, tolerance=1e-6)


_calm = [
    _place("phone", 300, 25, j_per_gflop=0.4),
    _place("rack", 24_000, 4_000, radio_j=0.05, rtts_ms=[3] * 20, eur_per_million=40),
    _place("cloud", 160_000, 60_000, radio_j=0.9, rtts_ms=[60] * 20, internet=True, eur_per_million=15),
]
_check_route(_task(12, 0.05, 100), _calm, ("phone", 98.0), tr(es="Texto predictivo: cabe en el móvil y no cuesta nada.", en="Predictive text: it fits in the phone and costs nothing."))
_check_route(
    _task(400, 8, 80, internet_allowed=False), _calm, ("rack", 75.0),
    tr(es="Lector de paquetes de un almacén sin Internet: ¿solo el móvil es borde? Mira los hechos de cada sitio, no su nombre.", en="Parcel reader of a warehouse without Internet: is only the phone edge? Look at each place's facts, not at its name."),
)
_check_route(_task(900, 30, 200), _calm, ("cloud", 139.5), tr(es="Traducción de un par de lenguas raro: no cabe en el móvil, y la nube es más barata que el armario.", en="Translation of a rare pair of languages: it does not fit in the phone, and the cloud is cheaper than the rack."))
_check_route(_task(900, 30, 200, internet_allowed=False), _calm[::2], (None, None), tr(es="No cabe en el móvil y los datos no pueden salir: no sirve ninguno.", en="It does not fit in the phone and the data may not go out: none will do."))
checks.passed()
### BEGIN HIDDEN TESTS
_gadgets = [
    _place("watch", 8, 0.5, j_per_gflop=2),
    _place("browser", 120, 12, j_per_gflop=0.6, eur_per_million=1),
    _place("van", 4_000, 300, rtts_ms=[8] * 20, radio_j=0.1, eur_per_million=5),
    _place("depot", 30_000, 5_000, rtts_ms=[22] * 20, radio_j=0.2, eur_per_million=30),
    _place("far", 300_000, 90_000, rtts_ms=[95] * 20, radio_j=1.5, internet=True, eur_per_million=12),
]
for _number, (_what, _want) in enumerate([
    (_task(2, 0.004, 200), ("watch", 192.0)), (_task(8, 0.05, 100), ("watch", 0.0)), (_task(9, 0.12, 100), ("browser", 90.0)), (_task(120, 0.6, 60), ("browser", 10.0)),
    (_task(121, 0.6, 60), ("van", 50.0)), (_task(3_000, 60, 250), ("van", 42.0)), (_task(3_000, 90, 250), ("far", 154.0)), (_task(3_000, 90, 250, internet_allowed=False), ("depot", 210.0)),
    (_task(20_000, 90, 90), ("depot", 50.0)), (_task(200_000, 90, 100), ("far", 4.0)), (_task(200_000, 90, 95), (None, None)), (_task(200_000, 90, 5000, internet_allowed=False), (None, None)),
], 1):
    _check_route(_what, _gadgets, _want, tr(es=f"Tarea {_number} de 12, con otros sitios.", en=f"Task {_number} of 12, with other places."))
_twins = [_place("a", eur_per_million=3, gflop_per_s=50), _place("b", eur_per_million=3, gflop_per_s=200), _place("c", eur_per_million=4, gflop_per_s=1000)]
for _order in (_twins, _twins[::-1]):
    _check_route(_task(), _order, ("b", 95.0), tr(es="A igual precio, el de mayor margen; más caro no compensa.", en="At equal price, the one with the larger margin; a dearer one does not pay."))
_check_route(_task(), [], (None, None), tr(es="Sin ningún sitio.", en="Without any place."))


_chance = random.Random(5)
for _ in range(200):
    _some = [
        _place(
            f"p{number}", _chance.choice([5, 50, 500, 5000]), _chance.choice([3, 33, 333, 3333]), rtts_ms=[_chance.choice([7, 31, 90])] * 20 if _chance.random() < 0.6 else [],
            internet=_chance.random() < 0.4, eur_per_million=_chance.choice([0, 5, 10, 20]),
        )
        for number in range(5)
    ]
    _what = _task(_chance.choice([4, 40, 400]), _chance.uniform(0.01, 9), _chance.uniform(20, 300), internet_allowed=_chance.random() < 0.6)
    _check_route(_what, _some, _expected(_what, _some), tr(es="Otra tarea y otros sitios.", en="Another task and other places."))
### END HIDDEN TESTS

# %% test="route/network" points=1 row="33 35" objective="5.1"
_tail = [20] * 17 + [180, 200, 400]
_check_route(
    _task(gflop=1, deadline_ms=100), [_place("far", rtts_ms=_tail, internet=True)], (None, None),
    tr(es="La media de esa red es de 56 ms, pero el plazo se cumple el 85 % de las veces, no el 95 %: la media esconde los días malos.", en="That network's mean is 56 ms, but the deadline holds 85% of the time and not 95%: the mean hides the bad days."),
)
_check_route(
    _task(gflop=1, deadline_ms=100), [_place("far", rtts_ms=[20] * 18 + [None, None], internet=True), _place("near", rtts_ms=[40] * 20, eur_per_million=90)], ("near", 50.0),
    tr(es="De cada veinte peticiones a `far` hay dos que no vuelven: no llegan tarde, no llegan.", en="Of each twenty requests to `far`, two do not come back: they are not late, they never arrive."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_check_route(_task(gflop=1, deadline_ms=100), [_place("far", rtts_ms=[20] * 19 + [None])], ("far", 70.0), tr(es="Se pierde una de veinte: el 95 % llega.", en="One of twenty is lost: 95% arrive."))
_check_route(_task(gflop=1, deadline_ms=100), [_place("far", rtts_ms=[20] * 19 + [9999])], ("far", 70.0), tr(es="Una de veinte tarda 10 s: el 95 % llega.", en="One of twenty takes 10 s: 95% arrive."))
_check_route(_task(gflop=6, deadline_ms=100), [_place("far", rtts_ms=[50] * 20)], (None, None), tr(es="Red y cálculo se suman: 50 y 60 ms.", en="Network and computation add up: 50 and 60 ms."))
_chance = random.Random(6)
for _ in range(150):
    _some = [
        _place(f"p{number}", 100, _chance.choice([20, 100, 900]), rtts_ms=[None if _chance.random() < 0.04 else round(_chance.lognormvariate(3.3, 0.7), 1) for _ in range(_chance.choice([20, 40, 100, 7]))], eur_per_million=number)
        for number in range(4)
    ]
    _some.append(_place("here", 100, 4, eur_per_million=9))
    _what = _task(10, _chance.uniform(0.1, 1), _chance.uniform(40, 160))
    _check_route(_what, _some, _expected(_what, _some), tr(es="Otras trazas de red.", en="Other network traces."))
### END HIDDEN TESTS

# %% test="route/battery" points=1 row="33" objective="5.1"
_check_route(
    _task(gflop=5, deadline_ms=1000, battery_j=0.5), [_place("phone", j_per_gflop=0.4), _place("rack", rtts_ms=[3] * 20, radio_j=0.05, eur_per_million=40)], ("rack", 947.0),
    tr(es="En el móvil cada predicción gastaría 2 J de batería, y solo puede gastar 0.5.", en="On the phone each prediction would spend 2 J of battery, and it may spend 0.5 only."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_check_route(
    _task(gflop=1, deadline_ms=1000, battery_j=0.5), [_place("cloud", rtts_ms=[30] * 20, radio_j=0.9, internet=True), _place("phone", gflop_per_s=4, j_per_gflop=0.5, eur_per_million=1)], ("phone", 750.0),
    tr(es="La radio también gasta batería, y aquí más que calcular.", en="The radio spends battery, too, and here more than computing."),
)
_check_route(_task(gflop=1, battery_j=0.5), [_place("hybrid", j_per_gflop=0.25, radio_j=0.5)], (None, None), tr(es="Radio y cálculo se suman: 0.75 J.", en="Radio and computation add up: 0.75 J."))
_chance = random.Random(7)
for _ in range(150):
    _some = [_place(f"p{number}", 100, _chance.choice([20, 100]), _chance.choice([0, 0.1, 0.7, 3]), _chance.choice([0, 0.2, 1.1]), [12] * 20, False, _chance.choice([1, 2, 3])) for number in range(4)]
    _what = _task(10, _chance.uniform(0.1, 1.5), 90, battery_j=_chance.uniform(0.05, 2))
    _check_route(_what, _some, _expected(_what, _some), tr(es="Otras baterías.", en="Other batteries."))
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
for _deadline, _rtts, _want in [
    (100, [20] * 18 + [None, None], None), (100, [20] * 19 + [None], 80), (70, [20] * 18 + [70, 300], 0), (69.5, [20] * 18 + [70, 300], None), (100, [None], None), (250, [33.5], 216.5), (100, [300] + [10] * 39, 90), (100, [10] * 94 + [95] * 6, 5),
]:
    checks.same(server_budget_ms(_deadline, list(_rtts)), _want, tr(es=f"server_budget_ms con plazo {_deadline} e idas y vueltas {sorted(set(map(str, _rtts)))} (en total {len(_rtts)}).", en=f"server_budget_ms with deadline {_deadline} and round trips {sorted(set(map(str, _rtts)))} ({len(_rtts)} in all)."))
for _edge, _server, _rtts, _want in [
    (60, 10, [50, 50], 0.0), (60, 10, [20, None, None, 30], 0.5), (60, 0, [61, 62, 10, 20, None], 0.6), (5, 0, [9, 10, 11], 1.0), (500, 20, [9, 10, 11], 0.0), (15, 0, [None], 1.0), (35, 0, [30, 40, 50, 60], 0.75),
]:
    checks.same(checks.number(edge_wins(_edge, _server, list(_rtts)), "edge_wins"), _want, tr(
        es=f"edge_wins({_edge}, {_server}, {_rtts}): qué fracción contesta antes el dispositivo. Lo que no vuelve también cuenta, y el empate no.", en=f"edge_wins({_edge}, {_server}, {_rtts}): which fraction the device answers before. What does not come back counts, too; a tie does not."
    ))
### END HIDDEN TESTS

# %% wrong="route" score=3 says_es="la media esconde" says_en="the mean hides"
# es: El tiempo de la red es su media.
# en: The network's time is its mean.
def mean(rtts_ms):
    arrived = [rtt for rtt in rtts_ms if rtt is not None]
    return sum(arrived) / len(arrived) if arrived else 0


def route(task, places):
    fit = []
    for place in places:
        time_ms = 1000 * task["gflop"] / place["gflop_per_s"] + mean(place["rtts_ms"])
        battery_j = task["gflop"] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if task["model_mb"] <= place["memory_mb"] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - mean(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=4 says_es="2 J de batería" says_en="2 J of battery"
# es: Si cabe y llega a tiempo, vale: la batería es cosa del usuario.
# en: If it fits and is on time, it will do: the battery is the user's business.
def route(task, places):
    fit = []
    for place in places:
        time_ms = 1000 * task["gflop"] / place["gflop_per_s"] + p95(place["rtts_ms"])
        allowed = task["internet_allowed"] or not place["internet"]
        if task["model_mb"] <= place["memory_mb"] and allowed and time_ms <= task["deadline_ms"]:
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
def route(task, places):
    by_name = {place["name"]: place for place in places}
    for name in ("phone", "cloud"):
        place = by_name.get(name)
        if place is None or place["memory_mb"] < task["model_mb"] or (place["internet"] and not task["internet_allowed"]):
            continue
        time_ms = 1000 * task["gflop"] / place["gflop_per_s"] + p95(place["rtts_ms"])
        battery_j = task["gflop"] * place["j_per_gflop"] + place["radio_j"]
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
def route(task, places):
    fit = []
    for place in places:
        time_ms = 1000 * task["gflop"] / place["gflop_per_s"]
        battery_j = task["gflop"] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if task["model_mb"] <= place["memory_mb"] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=4 says_es="no lo arregla" says_en="does not fix it"
# es: Con un servidor bastante rápido siempre se llega a tiempo.
# en: With a server that is fast enough one is always on time.
def route(task, places):
    fit = []
    for place in places:
        time_ms = 1000 * task["gflop"] / place["gflop_per_s"] + p95(place["rtts_ms"])
        battery_j = task["gflop"] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if task["model_mb"] <= place["memory_mb"] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    return max(0, deadline_ms - p95(rtts_ms))


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% wrong="route" score=4 says_es="también cuenta" says_en="counts, too"
# es: Las peticiones que no vuelven no se pueden comparar: se quitan.
# en: Requests that do not come back cannot be compared: they are removed.
def route(task, places):
    fit = []
    for place in places:
        time_ms = 1000 * task["gflop"] / place["gflop_per_s"] + p95(place["rtts_ms"])
        battery_j = task["gflop"] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if task["model_mb"] <= place["memory_mb"] and allowed and battery_j <= task["battery_j"] and time_ms <= task["deadline_ms"]:
            fit.append((place["eur_per_million"], time_ms, place["name"]))
    return (min(fit)[2], task["deadline_ms"] - min(fit)[1]) if fit else (None, None)


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    arrived = [rtt for rtt in rtts_ms if rtt is not None]
    return sum(edge_ms < rtt + server_ms for rtt in arrived) / max(1, len(arrived))

# %% wrong="route" score=1 says_es="más barata que el armario" says_en="cheaper than the rack"
# es: De los que sirven, el más rápido.
# en: Of those that will do, the fastest.
def route(task, places):
    best = None, None
    for place in places:
        margin_ms = task["deadline_ms"] - 1000 * task["gflop"] / place["gflop_per_s"] - p95(place["rtts_ms"])
        battery_j = task["gflop"] * place["j_per_gflop"] + place["radio_j"]
        allowed = task["internet_allowed"] or not place["internet"]
        if task["model_mb"] <= place["memory_mb"] and allowed and battery_j <= task["battery_j"] and margin_ms >= 0 and (best[1] is None or margin_ms > best[1]):
            best = place["name"], margin_ms
    return best


def server_budget_ms(deadline_ms, rtts_ms):
    left_ms = deadline_ms - p95(rtts_ms)
    return left_ms if left_ms >= 0 else None


def edge_wins(edge_ms, server_ms, rtts_ms):
    return sum(rtt is None or edge_ms < rtt + server_ms for rtt in rtts_ms) / len(rtts_ms)

# %% right="route"
def route(task, places):
    # es: se quitan sitios, condición a condición, y queda el mejor
    # en: places are removed, condition by condition, and the best is left
    def time_ms(place):
        return p95(place["rtts_ms"]) + task["gflop"] / place["gflop_per_s"] * 1e3

    left = [place for place in places if place["memory_mb"] >= task["model_mb"]]
    left = [place for place in left if not place["internet"] or task["internet_allowed"]]
    left = [place for place in left if place["radio_j"] + place["j_per_gflop"] * task["gflop"] <= task["battery_j"]]
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
# - `cloud(timeout_s)` pregunta a la nube y espera como mucho `timeout_s` segundos. Devuelve la respuesta, o lanza `TimeoutError` (ha pasado ese tiempo) o `ConnectionError` (se ha cortado, casi siempre antes);
# - `device()` calcula en el dispositivo: tarda `device_s` segundos y devuelve la respuesta. Al empezar siempre hay tiempo para él;
# - `typical_s` es el percentil 95 de lo que tarda la nube en contestar.
#
# `ask` devuelve la respuesta de la nube o la del dispositivo, tal cual. Se exige:
#
# 1. **nunca se llega tarde**: pase lo que pase con la nube, queda tiempo para el dispositivo;
# 2. se pregunta a la nube solo si, reservado el tiempo del dispositivo, le quedan al menos `typical_s` segundos; y entonces se le dan **todos** los que quedan, salvo esa reserva;
# 3. si falla, se repite con las mismas condiciones, sin esperar entre intentos, y como mucho tres veces en total. Reintentar cuando ya no da tiempo gasta batería, datos y servidores para nada;
# 4. el dispositivo solo calcula si la nube no ha contestado, y una sola vez.
# %% [markdown] lang="en" row="35"
# ## 2. Answering before the deadline (4 points)
#
# Choosing a place beforehand is not enough: the network changes while you ask. Complete `ask`, which serves one request with the cloud, which is right more often, and with the device, which is right less often but never fails:
#
# - `clock.now()` tells the time, in seconds; time only passes inside `cloud` and `device`;
# - `deadline_s` is the **moment** at which the answer must be there, at the latest;
# - `cloud(timeout_s)` asks the cloud and waits at most `timeout_s` seconds. It returns the answer, or raises `TimeoutError` (that time is over) or `ConnectionError` (it was cut, nearly always earlier);
# - `device()` computes on the device: it takes `device_s` seconds and returns the answer. At the beginning there is always time for it;
# - `typical_s` is the 95th percentile of the time that the cloud takes to answer.
#
# `ask` returns the answer of the cloud or that of the device, as it is. What is required:
#
# 1. **it is never late**: whatever happens with the cloud, there is time left for the device;
# 2. the cloud is asked only if, with the device's time set aside, at least `typical_s` seconds are left for it; and then it gets **all** those that are left, but for that reserve;
# 3. if it fails, it is asked again on the same conditions, without waiting between tries, and at most three times in all. Trying again when there is no time spends battery, data and servers for nothing;
# 4. the device computes only if the cloud has not answered, and only once.

# %% answer="ask"
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
    ### BEGIN SOLUTION
    for _ in range(3):
        left_s = deadline_s - clock.now() - device_s
        if left_s < typical_s:
            break
        try:
            return cloud(left_s)
        except (TimeoutError, ConnectionError):
            pass
    return device()
    ### END SOLUTION

# %% test="ask/on_time" points=2 row="35" objective="5.2"
import random

from mlprod import checks
from mlprod.systems.clocks import SimulatedClock


class _Request:
    """One request on a simulated clock. `script`: what the cloud does each time, ("ok" | "cut", after how many seconds)."""

    def __init__(self, script, start=0.0, typical_s=0.08, device_s=0.04, budget_s=0.2):
        self.script, self.clock, self.start = list(script), SimulatedClock(start), start
        self.typical_s, self.device_s, self.deadline_s = typical_s, device_s, start + budget_s
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
                self.got = (answer_it or ask)(self.deadline_s, self.cloud, self.device, self.clock, self.typical_s, self.device_s)
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
            es=f"\n  plazo {self.deadline_s - self.start:.3f} s, typical_s {self.typical_s}, device_s {self.device_s}; la nube: {does}\n  has preguntado a la nube en: {asked}; has calculado en el dispositivo {self.computed} veces",
            en=f"\n  deadline {self.deadline_s - self.start:.3f} s, typical_s {self.typical_s}, device_s {self.device_s}; the cloud: {does}\n  you asked the cloud at: {asked}; you computed on the device {self.computed} times",
        )


def _check_on_time(request):
    request.run()
    assert checks.plain(request.got) in ("cloud's answer", "device's answer"), tr(es=f"ask ha devuelto {request.got!r}, que no es la respuesta de nadie.", en=f"ask returned {request.got!r}, which is nobody's answer.") + request.story()
    late_s = request.took_s - (request.deadline_s - request.start)
    assert late_s <= 1e-6, tr(
        es=f"La respuesta llega {late_s:.3f} s después del plazo. El tiempo del dispositivo hay que reservarlo antes de esperar a la nube, no después.", en=f"The answer comes {late_s:.3f} s after the deadline. The device's time must be set aside before waiting for the cloud, not afterwards."
    ) + request.story()


### BEGIN HIDDEN TESTS
def _model(deadline_s, cloud, device, clock, typical_s, device_s):
    tries = 0
    while tries < 3 and deadline_s - device_s - clock.now() >= typical_s:
        tries += 1
        try:
            return cloud(deadline_s - device_s - clock.now())
        except OSError:
            continue
    return device()


def _requests(count, seed):
    """Random requests in which nothing happens within 3 ms of a limit: how a timeout is rounded makes no difference."""
    chance, found = random.Random(seed), []
    while len(found) < count:
        typical, device, budget = (round(chance.uniform(low, high), 3) for low, high in [(0.03, 0.12), (0.01, 0.08), (0.09, 0.4)])
        script = [(chance.choice(["ok", "cut", "cut"]), round(chance.choice([chance.uniform(0.005, 0.3), chance.uniform(0.005, 0.05), 9.0]), 3)) for _ in range(4)]
        facts = dict(start=chance.choice([0.0, 17.25, 86_400.0]), typical_s=typical, device_s=device, budget_s=budget)
        limits, now = [], 0.0
        for what, after in script:
            left = budget - device - now
            limits += [left - typical, left - after]
            now += min(after, max(left, 0))
        if min(map(abs, limits)) > 0.003 and budget > device + 0.003:
            found.append((script, facts))
    return found
### END HIDDEN TESTS
_check_on_time(_Request([("ok", 0.05)]))
_check_on_time(_Request([("ok", 9.0)] * 5))
_check_on_time(_Request([("cut", 0.05)] * 5))
checks.passed()
### BEGIN HIDDEN TESTS
for _script, _facts in _requests(400, 1):
    _check_on_time(_Request(_script, **_facts))
_check_on_time(_Request([("ok", 0.001)], budget_s=0.041))
### END HIDDEN TESTS

# %% test="ask/cloud" points=1 row="35" objective="5.2"
def _check_cloud(request, why):
    request.run()
    checks.same(request.got, "cloud's answer", why + request.story())


_check_cloud(_Request([("ok", 0.05)]), tr(es="La nube contesta enseguida, y acierta más que el dispositivo.", en="The cloud answers at once, and is right more often than the device."))
_check_cloud(_Request([("ok", 0.13)]), tr(es="La nube ha tardado más de lo habitual, pero había tiempo de sobra: typical_s no es el tiempo límite.", en="The cloud took longer than usual, but there was time enough: typical_s is not the timeout."))
_check_cloud(_Request([("cut", 0.02), ("ok", 0.05)]), tr(es="El primer intento se corta a los 0.02 s y hay tiempo para otro.", en="The first try is cut after 0.02 s and there is time for another."))
checks.passed()
### BEGIN HIDDEN TESTS
_check_cloud(_Request([("cut", 0.01), ("cut", 0.01), ("ok", 0.1)]), tr(es="Dos cortes rápidos, y al tercero contesta.", en="Two quick cuts, and the third answers."))
for _script, _facts in _requests(400, 2):
    _want = _Request(_script, **_facts).run(_model)
    if _want.got == "cloud's answer":
        _check_cloud(_Request(_script, **_facts), tr(es="La nube podía contestar a tiempo.", en="The cloud could answer on time."))
### END HIDDEN TESTS

# %% test="ask/attempts" points=1 row="35" objective="5.2"
def _check_attempts(request, asked, computed, why):
    request.run()
    checks.same(len(request.asked), asked, tr(es="Veces que se pregunta a la nube. ", en="Times that the cloud is asked. ") + why + request.story())
    checks.same(request.computed, computed, tr(es="Veces que calcula el dispositivo. ", en="Times that the device computes. ") + why + request.story())


_check_attempts(_Request([("ok", 0.05)]), 1, 0, tr(es="La nube ha contestado: calcular además gasta batería en balde.", en="The cloud has answered: computing as well wastes battery."))
_check_attempts(_Request([("cut", 0.1), ("ok", 0.05)]), 1, 1, tr(es="Tras el corte, quitado el tiempo del dispositivo, quedan 0.06 s, menos de lo que suele tardar la nube.", en="After the cut, with the device's time set aside, 0.06 s are left, less than the cloud usually takes."))
_check_attempts(_Request([("ok", 0.01)], budget_s=0.1), 0, 1, tr(es="Desde el principio no hay tiempo para la nube y el dispositivo.", en="From the beginning there is no time for both cloud and device."))
checks.passed()
### BEGIN HIDDEN TESTS
_check_attempts(_Request([("cut", 0.01)] * 9), 3, 1, tr(es="Como mucho tres.", en="At most three."))
for _script, _facts in _requests(400, 3):
    _want = _Request(_script, **_facts).run(_model)
    _check_attempts(_Request(_script, **_facts), len(_want.asked), _want.computed, "")
### END HIDDEN TESTS

# %% wrong="ask" score=1 says_es="después del plazo" says_en="after the deadline"
# es: Reintentar tres veces con un tiempo límite fijo es lo prudente.
# en: Trying three times with a fixed timeout is prudent.
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
    for _ in range(3):
        try:
            return cloud(1.0)
        except (TimeoutError, ConnectionError):
            pass
    return device()

# %% wrong="ask" score=0 says_es="después del plazo" says_en="after the deadline"
# es: Se espera a la nube hasta el plazo, y si no llega se calcula en el dispositivo.
# en: One waits for the cloud until the deadline, and if nothing comes computes on the device.
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
    try:
        return cloud(deadline_s - clock.now())
    except (TimeoutError, ConnectionError):
        return device()

# %% wrong="ask" score=2 says_es="acierta más que el dispositivo" says_en="right more often than the device"
# es: Si el dispositivo no falla nunca, la nube sobra.
# en: If the device never fails, there is no need for the cloud.
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
    return device()

# %% wrong="ask" score=3 says_es="en balde" says_en="wastes battery"
# es: Primero se calcula en el dispositivo, por si acaso, y después se pregunta.
# en: First compute on the device, just in case, and then ask.
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
    fallback = device()
    for _ in range(3):
        left_s = deadline_s - clock.now()
        if left_s < typical_s:
            break
        try:
            return cloud(left_s)
        except (TimeoutError, ConnectionError):
            pass
    return fallback

# %% wrong="ask" score=2 says_es="hay tiempo para otro" says_en="there is time for another"
# es: Si la nube falla una vez, volverá a fallar.
# en: If the cloud fails once, it will fail again.
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
    left_s = deadline_s - clock.now() - device_s
    try:
        return cloud(left_s) if left_s >= typical_s else device()
    except (TimeoutError, ConnectionError):
        return device()

# %% wrong="ask" score=3 says_es="menos de lo que suele tardar" says_en="less than the cloud usually takes"
# es: Mientras quede algo de tiempo, se reintenta.
# en: As long as there is some time left, one tries again.
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
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
def ask(deadline_s, cloud, device, clock, typical_s, device_s):
    for _ in range(3):
        if deadline_s - clock.now() - device_s < typical_s:
            break
        try:
            return cloud(typical_s)
        except (TimeoutError, ConnectionError):
            pass
    return device()

# %% right="ask"
def ask(deadline_s, cloud, device, clock, typical_s, device_s, tries=3):
    # es: la recursión en vez del bucle
    # en: recursion instead of a loop
    latest_s = deadline_s - device_s
    if tries == 0 or clock.now() + typical_s > latest_s:
        return device()
    try:
        answer = cloud(timeout_s=latest_s - clock.now())
    except OSError:
        return ask(deadline_s, cloud, device, clock, typical_s, device_s, tries - 1)
    else:
        return answer

# %% [markdown] lang="es" row="34"
# ## 3. La hora de llegada sin conexión (5 puntos)
#
# Calcular en el dispositivo no basta para funcionar sin conexión: la hora de llegada necesita el tráfico, y el tráfico viene de fuera. La aplicación guarda lo último que supo y **dice de cuándo es**. El tráfico es un factor: un trayecto que sin nadie en la calle dura 600 s,
# con un factor de 1.5 dura 900. Completa `OfflineEta`:
#
# - `OfflineEta(usual, half_life_s, fresh_s)`: `usual(time_s)` da el factor habitual a esa hora, y está en el dispositivo;
# - `receive(report)` guarda un informe de tráfico: `{"factor": 1.8, "measured_s": 1000, "received_s": 1030}`, es decir, el factor, cuándo se midió y cuándo ha llegado al teléfono. Los informes pueden llegar tarde, repetidos y en desorden: vale **el medido más tarde**;
# - `estimate(free_flow_s, now_s)` devuelve siempre un diccionario con tres claves:
#     - `"seconds"`: la duración estimada del trayecto, que sin tráfico dura `free_flow_s`;
#     - `"age_s"`: cuánto hace que **se midió** el tráfico que se ha usado, o `None` si no ha llegado nunca un informe;
#     - `"fresh"`: `True` solo si hay informe y tiene como mucho `fresh_s` segundos.
#
# Un atasco se deshace poco a poco: lo que el tráfico se aparta de lo habitual **a la hora en que se midió** se reduce a la mitad cada `half_life_s`. Con un informe de antigüedad $a$, medido en el instante $m$, el factor que mejor se puede estimar es
# $$u(\text{now}) + (f - u(m)) \cdot 2^{-a/h}$$
# con $f$ el factor del informe, $u$ el habitual y $h$ la vida media. Sin ningún informe, el habitual. `estimate` no se llama nunca con una hora anterior a la de los informes recibidos.
#
# Se comprueba con días simulados, con túneles y apagones: se compara tu estimación con la mejor posible y se mira si la antigüedad que declaras es la verdadera.
# %% [markdown] lang="en" row="34"
# ## 3. The arrival time without a connection (5 points)
#
# Computing on the device is not enough to work offline: the arrival time needs the traffic, and the traffic comes from outside. The application keeps the last thing it knew and **says how old it is**. Traffic is a factor: a trip that takes 600 s with nobody on the road
# takes 900 with a factor of 1.5. Complete `OfflineEta`:
#
# - `OfflineEta(usual, half_life_s, fresh_s)`: `usual(time_s)` gives the usual factor at that time, and is on the device;
# - `receive(report)` keeps a traffic report: `{"factor": 1.8, "measured_s": 1000, "received_s": 1030}`, that is, the factor, when it was measured and when it reached the phone. Reports may come late, repeated and out of order: the one **measured last** is the one that counts;
# - `estimate(free_flow_s, now_s)` always returns a dict with three keys:
#     - `"seconds"`: the estimated duration of the trip, which takes `free_flow_s` without traffic;
#     - `"age_s"`: how long ago the traffic that was used **was measured**, or `None` if no report ever came;
#     - `"fresh"`: `True` only if there is a report and it is at most `fresh_s` seconds old.
#
# A jam dissolves little by little: how far the traffic departs from the usual **at the time when it was measured** halves each `half_life_s`. With a report of age $a$, measured at the instant $m$, the best estimate of the factor is
# $$u(\text{now}) + (f - u(m)) \cdot 2^{-a/h}$$
# with $f$ the factor of the report, $u$ the usual one and $h$ the half-life. Without any report, the usual one. `estimate` is never called with a time before that of the reports received.
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
import random

from mlprod import checks


def _usual(time_s):
    """Two rush hours a day, at 8 and at 18."""
    hour = time_s / 3600 % 24
    return 1.1 + 0.7 * math.exp(-((hour - 8) ** 2) / 2) + 0.8 * math.exp(-((hour - 18) ** 2) / 3)


def _report(factor, measured_s, delay_s=0):
    return {"factor": factor, "measured_s": measured_s, "received_s": measured_s + delay_s}


def _flat(time_s):
    return 1.2


def _estimate(eta, free_flow_s, now_s, about):
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
def _day(seed, half_life_s):
    """(moment, "report", report) and (moment, "ask", true factor, expected seconds, expected age) of a simulated day."""
    chance, off, last, events = random.Random(seed), 0.0, None, []
    online = True
    for step in range(288 * 2):
        now, half = step * 150, 0.5 ** (150 / half_life_s)
        off = off * half + chance.gauss(0, 0.35) * math.sqrt(1 - half * half)
        true = _usual(now) + off
        if chance.random() < 0.06:
            online = not online
        if online and step % 2 == 0:
            last = _report(true, now)
            events.append((now, "report", last))
        if chance.random() < 0.5:
            free = chance.choice([300, 600, 1500])
            then = now + chance.choice([0, 40, 149])
            best = _usual(then) if last is None else _usual(then) + (last["factor"] - _usual(last["measured_s"])) / 2 ** ((then - last["measured_s"]) / half_life_s)
            events.append((then, "ask", free, true * free, best * free, None if last is None else then - last["measured_s"]))
    return events
### END HIDDEN TESTS


_eta = OfflineEta(_flat, half_life_s=1200, fresh_s=120)
_eta.receive(_report(2.0, 1000))
for _age, _factor, _why in [
    (0, 2.0, tr(es="Recién medido, vale lo medido.", en="Just measured, the measurement holds.")),
    (1200, 1.6, tr(es="Ha pasado una vida media: queda la mitad del atasco. Lo último que se supo no vale para siempre, y tampoco deja de valer de golpe.", en="One half-life has passed: half of the jam is left. The last thing known does not hold for ever, nor does it stop holding at once.")),
    (24_000, 1.2, tr(es="Siete horas después, del atasco no queda casi nada: lo último que se supo no vale para siempre.", en="Seven hours later nearly nothing is left of the jam: the last thing known does not hold for ever.")),
]:
    _got = _estimate(_eta, 600, 1000 + _age, _why)
    checks.same(_got["seconds"], 600 * _factor, _why + tr(es=f" Duración tras {_age} s sin conexión; habitual 1.2, medido 2.0, vida media de 1200 s.", en=f" Duration after {_age} s offline; usual 1.2, measured 2.0, half-life of 1200 s."), tolerance=1e-4)
_why = tr(es="Nunca ha llegado un informe: queda el tráfico habitual.", en="No report ever came: the usual traffic is what is left.")
checks.same(_estimate(OfflineEta(_flat, 1200, 120), 600, 5000, _why)["seconds"], 720, _why)
checks.passed()
### BEGIN HIDDEN TESTS
for _seed, _half in [(1, 1200), (2, 2400), (3, 600)]:
    _eta, _bad, _best, _wrong = OfflineEta(_usual, half_life_s=_half, fresh_s=300), 0.0, 0.0, None
    _asked = 0
    for _now, _kind, *_rest in _day(_seed, _half):
        if _kind == "report":
            _eta.receive(dict(_rest[0]))
            continue
        _free, _true, _ideal, _age = _rest
        _about = tr(es=f"Día simulado {_seed}, instante {_now} s.", en=f"Simulated day {_seed}, instant {_now} s.")
        _seconds = checks.number(_estimate(_eta, _free, _now, _about)["seconds"], _about)
        _bad, _best, _asked = _bad + abs(_seconds - _true), _best + abs(_ideal - _true), _asked + 1
        if _wrong is None and abs(_seconds - _ideal) > 1e-6 * _ideal:
            _wrong = _now, _age, _ideal, _seconds
    if _wrong is not None:
        raise AssertionError(tr(
            es=f"En un día simulado con cortes te equivocas de media en {_bad / _asked:.0f} s por trayecto, y se podía en {_best / _asked:.0f}. Por ejemplo, en el instante {_wrong[0]} s, con un informe de hace {_wrong[1]} s, se esperaban {_wrong[2]:.1f} s y has devuelto {_wrong[3]:.1f}. "
            "Lo que se reduce a la mitad es lo que se apartaba de lo habitual a la hora en que se midió.",
            en=f"On a simulated day with outages you are off by {_bad / _asked:.0f} s per trip on average, and {_best / _asked:.0f} was possible. For example, at instant {_wrong[0]} s, with a report {_wrong[1]} s old, {_wrong[2]:.1f} s were expected and you returned {_wrong[3]:.1f}. "
            "What halves is how far it departed from the usual at the time when it was measured.",
        ))
### END HIDDEN TESTS

# %% test="offline_eta/honest" points=2 row="34" objective="5.3"
_eta = OfflineEta(_flat, half_life_s=1200, fresh_s=120)
_about = tr(es="Nunca ha llegado un informe.", en="No report ever came.")
_got = _estimate(_eta, 600, 900, _about)
checks.same(_got["age_s"], None, _about + tr(es=" La antigüedad de lo que no hay es None.", en=" The age of what is not there is None."))
checks.same(_got["fresh"], False, _about + " fresh.")
_eta.receive(_report(2.0, 1000, delay_s=90))
for _now, _fresh in [(1100, True), (1190, False), (4600, False)]:
    _about = tr(es=f"Medido en 1000, recibido en 1090 y usado en {_now}. ", en=f"Measured at 1000, received at 1090 and used at {_now}. ")
    _got = _estimate(_eta, 600, _now, _about)
    checks.same(_got["age_s"], _now - 1000, _about + tr(es="La antigüedad se cuenta desde que se midió: decir menos es dar por nuevo lo que no lo es.", en="Age counts from when it was measured: to say less is to pass off as new what is not."))
    checks.same(_got["fresh"], _fresh, _about + tr(es="¿Es reciente (como mucho 120 s)? No digas que lo es si no lo es.", en="Is it fresh (at most 120 s)? Do not claim that it is when it is not."))
checks.passed()
### BEGIN HIDDEN TESTS
_eta = OfflineEta(_usual, half_life_s=900, fresh_s=300)
for _now, _kind, *_rest in _day(4, 900):
    if _kind == "report":
        _eta.receive({**_rest[0], "received_s": _rest[0]["measured_s"] + 35})
        continue
    _about = tr(es=f"Día simulado, instante {_now} s.", en=f"Simulated day, instant {_now} s.")
    _got = _estimate(_eta, _rest[0], _now, _about)
    checks.same(_got["age_s"], _rest[3], _about + tr(es=" Antigüedad declarada.", en=" Declared age."))
    checks.same(_got["fresh"], _rest[3] is not None and _rest[3] <= 300, _about + tr(es=f" Con {_rest[3]} s de antigüedad y un límite de 300, ¿es reciente?", en=f" With an age of {_rest[3]} s and a limit of 300, is it fresh?"))
_one, _other = OfflineEta(_flat, 1200, 120), OfflineEta(_flat, 1200, 120)
_one.receive(_report(2.0, 10))
checks.same(_estimate(_other, 600, 20, "")["age_s"], None, tr(es="Dos OfflineEta no comparten informes.", en="Two OfflineEta share no reports."))
_one.estimate(600, 400)
checks.same(_estimate(_one, 600, 500, "")["age_s"], 490, tr(es="Preguntar no rejuvenece los datos.", en="Asking does not make data younger."))
### END HIDDEN TESTS

# %% test="offline_eta/reports" points=1 row="34" objective="5.3"
_eta = OfflineEta(_flat, half_life_s=1200, fresh_s=120)
_eta.receive(_report(2.0, 1000, delay_s=5))
_eta.receive(_report(3.0, 400, delay_s=640))
_about = tr(es="Un informe medido en 400 llega después de otro medido en 1000: el que llega el último no es el más nuevo.", en="A report measured at 400 comes after another measured at 1000: the one that arrives last is not the newest.")
_got = _estimate(_eta, 600, 1060, _about)
checks.same(_got["age_s"], 60, _about)
checks.same(_got["seconds"], 600 * (1.2 + 0.8 * 0.5**0.05), _about, tolerance=1e-6)
checks.passed()
### BEGIN HIDDEN TESTS
_chance = random.Random(9)
for _ in range(60):
    _reports = [_report(round(_chance.uniform(0.9, 3), 2), _chance.randrange(0, 3000)) for _ in range(6)]
    if len({report["measured_s"] for report in _reports}) < 6:
        continue
    _order = _chance.sample(_reports, 6) + [dict(_chance.choice(_reports))]
    _eta = OfflineEta(_flat, half_life_s=1200, fresh_s=120)
    for _number, _one in enumerate(_order):
        _eta.receive({**_one, "received_s": 3000 + _number})
    _newest = max(_reports, key=lambda report: report["measured_s"])
    _got = _estimate(_eta, 100, 3100, _about)
    checks.same(_got["age_s"], 3100 - _newest["measured_s"], tr(es="Informes en desorden y uno repetido: manda el medido más tarde.", en="Reports out of order and one repeated: the one measured last counts."))
    checks.same(_got["seconds"], 100 * (1.2 + (_newest["factor"] - 1.2) * 0.5 ** ((3100 - _newest["measured_s"]) / 1200)), tr(es="Duración con informes en desorden.", en="Duration with reports out of order."), tolerance=1e-6)
_eta = OfflineEta(_flat, half_life_s=1200, fresh_s=120)
_eta.receive(_report(2.0, 0))
checks.same(_estimate(_eta, 600, 60, _about)["age_s"], 60, tr(es="Un informe medido en el instante 0 es un informe.", en="A report measured at instant 0 is a report."))
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

# %% [markdown] essay="pocket_interpreter" points=4 row="33 40" lang="es"
# ## 10. Redacción: un intérprete de bolsillo
#
# Una empresa vende una aplicación que traduce lo que se dice en voz alta, entre el español y otras veinte lenguas. La usan 200 000 personas: turistas, la mitad del tiempo sin cobertura o pagando itinerancia; hospitales, que graban conversaciones con pacientes y
# no dejan que nada salga del edificio; y un servicio de atención telefónica, con 3000 llamadas a la vez en hora punta. El modelo grande ocupa 4 GB y acierta el 94 % de las frases; uno pequeño, de 120 MB, el 88 %. Una conversación se hace incómoda si la traducción tarda más de un segundo.
#
# Hay cuatro colocaciones posibles: todo en el dispositivo; todo en la nube; un armario de servidores en cada edificio; o una cascada (el pequeño en el dispositivo y la nube cuando duda). Defiende en 300 o 400 palabras:
#
# 1. qué colocación, o combinación, le darías a **cada** uno de los tres grupos, y qué hecho descarta las demás;
# 2. qué pasa en tu diseño cuando se corta la red, cuando roban un teléfono y cuando el tráfico se multiplica por diez;
# 3. qué tendrías que medir antes de decidir, y qué resultado te haría cambiar de opinión.
#
# Apóyate al menos en **tres números medidos por ti**, en la lección o aquí, con su unidad. De uno de ellos, di por qué en los teléfonos de esos usuarios podría salir distinto.
# ### BEGIN SOLUTION
# Turistas: cascada, o el pequeño solo cuando no hay red; el modelo y las lenguas del viaje se descargan antes. Hospitales: un armario en el edificio con el modelo grande; los datos no salen, la red local tarda unos milisegundos y el armario sigue si se corta la
# línea (con una cola de salida para lo que sí deba subir, como las actualizaciones o los recuentos). Atención telefónica: la nube, que ya tiene el audio, necesita el modelo grande y comparte máquinas entre 3000 llamadas; con un guardián de gasto, y con el modelo pequeño como plan B.
#
# Sin red: el turista oye traducciones algo peores, y la aplicación lo dice; el hospital no lo nota; en el teléfono no hay llamada. Robo: en el teléfono no se guardan conversaciones, o van cifradas con una clave que no está al lado; el modelo sí se lo llevan. Diez veces más tráfico: la factura de la nube se multiplica
# por diez (el autoescalado no la limita) y en la cascada solo la parte que sube; los armarios se saturan, y ahí hay que repartir o recurrir al modelo pequeño.
#
# Números posibles: percentil 95 de la red en cada perfil frente a la inferencia; fracción que va a la nube para una exactitud dada; error según la antigüedad de los datos; registros expuestos por incidente; euros por hora con reintentos; aceleración con el doble de ancho de banda.
#
# - **1 punto**: una colocación para cada grupo y un hecho (plazo, memoria, red, datos que no pueden salir, coste) que descarta las otras. «El borde es el futuro» no es un hecho; dar lo mismo a los tres, sin decir por qué, no suma.
# - **1 punto**: los tres accidentes, con las dos caras: qué se degrada, qué sabe el usuario y qué queda expuesto o se paga. Decir que en el dispositivo no hay riesgo, o que el autoescalado limita el coste, resta este punto.
# - **1 punto**: al menos tres números propios, con unidad y usados como argumento, y uno matizado (otro procesador, batería o temperatura, otra red, otra población de frases).
# - **1 punto**: qué medir antes (percentil 95 y pérdidas en las redes reales, exactitud por lengua y por grupo y no solo la global, fracción que duda, coste por llamada) y un resultado concreto que cambiaría la decisión.
# ### END SOLUTION
# %% [markdown] essay="pocket_interpreter" points=4 row="33 40" lang="en"
# ## 10. Essay: a pocket interpreter
#
# A company sells an application that translates what is said aloud, between Spanish and another twenty languages. It has 200 000 users: tourists, half of the time without coverage or paying for roaming; hospitals, which record conversations with patients and
# let nothing leave the building; and a telephone help desk, with 3000 calls at once at rush hour. The large model takes 4 GB and gets 94% of the sentences right; a small one, of 120 MB, 88%. A conversation becomes awkward if the translation takes more than one second.
#
# There are four possible placements: all on the device; all in the cloud; a rack of servers in each building; or a cascade (the small one on the device, and the cloud when it is unsure). Defend in 300 to 400 words:
#
# 1. which placement, or combination, you would give **each** of the three groups, and which fact rules out the others;
# 2. what happens in your design when the network is cut, when a phone is stolen and when traffic grows tenfold;
# 3. what you would have to measure before deciding, and which result would change your mind.
#
# Base your argument on at least **three numbers measured by you**, in the lesson or here, with their unit. Say of one of them why on the phones of those users it might come out different.
# ### BEGIN SOLUTION
# Tourists: a cascade, or the small one alone when there is no network; the model and the languages of the trip are downloaded beforehand. Hospitals: a rack in the building with the large model; the data do not leave, the local network takes a few milliseconds and the rack goes on if the
# line is cut (with an outbox for what does have to go up, such as counts). Help desk: the cloud, which has the audio already, needs the large model and shares machines among 3000 calls; with a budget guard, and the small model as plan B.
#
# Without a network: the tourist hears somewhat worse translations, and the application says so; the hospital does not notice; on the telephone there is no call. Theft: no conversations are kept on the phone, or they are encrypted with a key that does not lie beside them; the model does go with the thief. Ten times the traffic: the cloud's bill is
# multiplied by ten (autoscaling does not cap it) and in the cascade only the part that goes up; racks saturate, and there one has to share out or fall back on the small model.
#
# Possible numbers: 95th percentile of the network in each profile against inference; fraction that goes to the cloud for a given accuracy; error by age of the data; records exposed per incident; euros per hour with retries; speed-up with twice the bandwidth.
#
# - **1 point**: a placement for each group and a fact (deadline, memory, network, data that may not leave, cost) that rules out the others. "The edge is the future" is no fact; giving the three the same, without saying why, earns nothing.
# - **1 point**: the three accidents, with both sides: what degrades, what the user is told and what is exposed or paid. Saying that on the device there is no risk, or that autoscaling caps the cost, loses this point.
# - **1 point**: at least three numbers of one's own, with units and used as arguments, and one of them qualified (another processor, battery or heat, another network, another population of sentences).
# - **1 point**: what to measure before (95th percentile and losses on the real networks, accuracy by language and by group and not only overall, fraction unsure, cost per call) and a definite result that would change the decision.
# ### END SOLUTION
