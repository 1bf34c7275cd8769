# ---
# title:
#   es: "La empresa entera: ejercicios"
#   en: "The whole company: exercises"
# unit: "08"
# minutes: 240
# ---

# %% [markdown] lang="es"
# # La empresa entera: ejercicios
#
# Seis tareas que se corrigen solas y una redacción. Unas cuatro horas en total; puedes hacerlas en cualquier orden y dejar alguna sin
# hacer: cada tarea puntúa por separado. La sexta junta lo que hayas hecho en las tres primeras, y las necesita.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Las características, llegue lo que llegue | 6 | 40 |
# | 2. El precio sin cobertura | 5 | 20 |
# | 3. ¿Se queda la versión nueva? | 5 | 35 |
# | 4. Qué precalcular | 4 | 25 |
# | 5. ¿Qué se ha roto? | 5 | 30 |
# | 6. El diseño | 8 | 50 |
# | 7. Redacción: ambulancias | 4 | 40 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda sin terminar: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos. Las celdas siguientes, en orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué
# han recibido. Al corregir se añaden **comprobaciones ocultas**: otros escenarios, otros datos, casos raros. Nunca miden cuánto tarda tu
# código: cuentan eventos, precios y euros. Las celdas de comprobación no hace falta leerlas: basta con ejecutarlas.
#
# **Dónde ocurre.** En la ciudad simulada de la lección, con un reloj simulado: un segundo de reproducción es un minuto de la ciudad. La misma semilla da siempre lo mismo, y ninguna comprobación
# depende de tu máquina. Puedes escribir funciones auxiliares en la celda de tu respuesta y usar `numpy`.
# %% [markdown] lang="en"
# # The whole company: exercises
#
# Six tasks that are graded automatically and one essay. About four hours in all; you may do them in any order and leave some
# out: each task earns its own points. The sixth puts together what you have done in the first three, and needs it.
#
# | task | points | minutes |
# |---|---|---|
# | 1. The features, whatever arrives | 6 | 40 |
# | 2. The price without coverage | 5 | 20 |
# | 3. Does the new version stay? | 5 | 35 |
# | 4. What to precompute | 4 | 25 |
# | 5. What has broken? | 5 | 30 |
# | 6. The design | 8 | 50 |
# | 7. Essay: ambulances | 4 | 40 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in the place of each `raise NotImplementedError`, and change neither
# the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, say what they expected and what they
# got. Grading adds **hidden checks**: other scenarios, other data, odd cases. They never measure how long your
# code takes: they count events, prices and euros. You need not read the test cells: running them is enough.
#
# **Where it happens.** In the simulated city of the lesson, on a simulated clock: one second of replay is one minute of the city. The same seed always gives the same, and no check
# depends on your machine. You may write helper functions in the cell of your answer, and use `numpy`.

# %%
import json
import math
import random
from dataclasses import replace

import numpy as np

from mlprod import start, tables, tr
from mlprod.systems.company.design import Design
from mlprod.systems.company.functions import FIRM_S, USUAL, Features, Functions, Offer, features, initial
from mlprod.systems.company.market import WINDOW_S, Event, Market, best_price
from mlprod.systems.company.scenario import Crash, Outage, Release, Scenario
from mlprod.systems.company.simulation import simulate

start(LANG)

# %% [markdown] lang="es" row="20"
# ## 1. Las características, llegue lo que llegue (6 puntos)
#
# Del estado de una zona salen las características con las que se pone un precio. Hay **una** definición, `update`, que se usa para entrenar, para reconstruir tras una caída y para servir. Un evento es un
# `Event(t, kind, zone, level, seq)`: ocurrió en el segundo `t`, y `seq` numera desde 1 los eventos de cada `kind` en cada zona, en el orden en que **ocurrieron**.
#
# | `kind` | qué ha pasado | qué dice `level` |
# |---|---|---|
# | `"supply"` | han cambiado los conductores libres | cuántos hay desde entonces |
# | `"demand"` | han cambiado las personas que esperan | cuántas hay desde entonces |
# | `"rain"` | ha cambiado la lluvia | mm por hora desde entonces |
# | `"quote"` | alguien ha pedido un precio | el destino (aquí da igual) |
#
# `update(state, event)` devuelve el estado tras un evento de esa zona. Todos los eventos llegan, pero a su manera: **tarde** (hasta 10 s después de ocurrir), **dos veces o más** (también las copias, hasta 10 s después de ocurrir) y **desordenados**. Y llegue como llegue, con los mismos eventos el resultado es el mismo.
#
# El estado es un diccionario; `initial()`, que ya está hecha, da el primero. Estos campos los leen otros, y tienen que decir siempre lo siguiente:
#
# - `"drivers"`, `"waiting"`, `"rain"`: el nivel que fijó el último evento de su tipo **que ocurrió**, de los que han llegado; 0 si no ha llegado ninguno;
# - `"quotes"`: cuántas veces se ha pedido un precio en la zona; las copias no cuentan. Sirve para cobrar: una de menos es un viaje gratis; una de más, un viaje cobrado dos veces;
# - `"newest"`: el mayor `t` de los eventos que han llegado, del tipo que sean; al principio, 0;
# - `"recent"`: los instantes `t` de los precios pedidos en los últimos `WINDOW_S` segundos antes de `"newest"`, es decir, aquellos en que `newest - WINDOW_S < t`. Cada precio, una vez (dos pedidos en el mismo instante son dos) y en cualquier orden. De ahí cuenta la **presión** la función `features(state, t)`, que también está hecha.
#
# Los demás campos de `initial()` son una sugerencia: `"seq"`, el número del último evento de cada tipo; `"upto"` y `"ahead"`, que ya se han contado los precios del 1 al `upto` y los de la lista `ahead`. Úsalos como quieras. Si añades otros, recuerda que `initial()` no los trae: léelos con `state.get`.
#
# Además, el estado **se puede guardar**: `json.loads(json.dumps(state))` sigue igual de bien donde lo dejó el original. **No crece** con los eventos: lo que ocupa depende de los últimos segundos, no del día entero, y aquí no pasa nunca de 6 kB. Y `update` **no modifica** el estado que recibe, ni los diccionarios y listas que tiene dentro, porque alguien puede estar leyéndolo: devuelve otro (lo que no cambia se puede compartir).
# %% [markdown] lang="en" row="20"
# ## 1. The features, whatever arrives (6 points)
#
# From the state of a zone come the features by which a price is set. There is **one** definition, `update`, used to train, to rebuild after a crash and to serve. An event is an
# `Event(t, kind, zone, level, seq)`: it happened at second `t`, and `seq` numbers from 1 the events of each `kind` in each zone, in the order in which they **happened**.
#
# | `kind` | what has happened | what `level` says |
# |---|---|---|
# | `"supply"` | the free drivers have changed | how many there are from then on |
# | `"demand"` | the people who wait have changed | how many there are from then on |
# | `"rain"` | the rain has changed | mm an hour from then on |
# | `"quote"` | somebody has asked for a price | the destination (no matter here) |
#
# `update(state, event)` returns the state after an event of that zone. All events arrive, but in their own way: **late** (up to 10 s after they happened), **twice or more** (the copies, too, up to 10 s after they happened) and **out of order**. And however they arrive, the same events give the same result.
#
# The state is a dict; `initial()`, which is there already, gives the first one. These fields are read by others, and must always say the following:
#
# - `"drivers"`, `"waiting"`, `"rain"`: the level set by the last event of its kind **to happen**, of those that have arrived; 0 if none has arrived;
# - `"quotes"`: how many times a price has been asked for in the zone; copies do not count. It is used to charge: one too few is a free ride; one too many, a ride that is charged twice;
# - `"newest"`: the greatest `t` of the events that have arrived, of any kind; at first, 0;
# - `"recent"`: the instants `t` of the prices asked for in the last `WINDOW_S` seconds before `"newest"`, that is, those with `newest - WINDOW_S < t`. Each price once (two asked for at the same instant are two), in any order. From them the function `features(state, t)`, which is there, too, counts the **pressure**.
#
# The other fields of `initial()` are a suggestion: `"seq"`, the number of the last event of each kind; `"upto"` and `"ahead"`, that prices 1 to `upto` and those in the list `ahead` have been counted. Use them as you like. If you add others, remember that `initial()` does not have them: read them with `state.get`.
#
# Also, the state **can be stored**: `json.loads(json.dumps(state))` goes on as well as the original from where it was. It **does not grow** with the events: its size depends on the last few seconds, not on the whole day, and here it never exceeds 6 kB. And `update` **does not modify** the state that it gets, nor the dicts and lists inside it, because somebody may be reading it: it returns another (what does not change may be shared).

# %%
print(json.dumps(initial()))
print(features(initial(), 0.0))
for event in Market.simulate(seed=1, seconds=5).events[8:14]:
    print(event)

# %% answer="update"
def update(state, event):
    ### BEGIN SOLUTION
    new = dict(state)
    new["newest"] = max(state["newest"], event.t)
    if event.kind == "quote":
        if event.seq > state["upto"] and event.seq not in state["ahead"]:
            new["quotes"] = state["quotes"] + 1
            new["recent"] = state["recent"] + [event.t]
            # es: los números contados: del 1 a upto, y los sueltos de ahead; en cuanto se llena un hueco, upto avanza
            # en: the numbers counted: 1 to upto, and the single ones in ahead; as soon as a gap is filled, upto moves on
            ahead = set(state["ahead"]) | {event.seq}
            while new["upto"] + 1 in ahead:
                new["upto"] += 1
                ahead.remove(new["upto"])
            new["ahead"] = sorted(ahead)
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = state["seq"] | {event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new
    ### END SOLUTION

# %% test="update/levels" points=2 row="20" objective="8.1"
from mlprod import checks

def _t_fold(events):
    state = initial()
    for event in events:
        state = update(state, event)
        assert isinstance(state, dict), tr(es=f"update devuelve el estado, un diccionario; ha devuelto {state!r}.", en=f"update returns the state, a dict; it returned {state!r}.")
    return state


def _t_three(state):
    return [checks.plain(state[name]) for name in ("drivers", "waiting", "rain")]


### BEGIN HIDDEN TESTS
from mlprod.systems.company import functions as _t_course

checks.own_work(_t_course.update, _t_course.fallback, _t_course.promote)
checks.refuse_copy(update, _t_course.update)
### END HIDDEN TESTS

_t_e = [Event(1.0, "supply", 0, 12, 1), Event(1.2, "demand", 0, 30, 1), Event(1.5, "supply", 0, 9, 2), Event(2.0, "rain", 0, 4, 1), Event(2.5, "demand", 0, 22, 2)]
checks.same(_t_three(_t_fold(_t_e)), [9, 22, 4], tr(es="Cinco eventos en orden: conductores, personas y lluvia.", en="Five events in order: drivers, people and rain."))
checks.same(
    _t_three(_t_fold([_t_e[2], _t_e[0], _t_e[4], _t_e[3], _t_e[1]])), [9, 22, 4],
    tr(es="Los mismos eventos, llegados en otro orden. Cuenta el último que ocurrió (lo dice seq), no el último que llegó.", en="The same events, arrived in another order. What counts is the last one to happen (seq says so), not the last one to arrive."),
)
checks.same(_t_three(_t_fold([_t_e[3]])), [0, 0, 4], tr(es="Solo ha llegado la lluvia.", en="Only the rain has arrived."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_arrivals(seed, seconds=12, late=0.3, twice=0.3, zone=2):
    """Events of one zone as they arrive: some late, some twice, none of them missing."""
    chance = random.Random(seed)
    out = []
    for event in Market.simulate(seed, seconds).events:
        if event.zone == zone:
            for _ in range(1 + (chance.random() < twice) + (chance.random() < twice / 3)):
                out.append((event.t + chance.expovariate(20) + (chance.uniform(0, 9) if chance.random() < late else 0), chance.random(), event))
    return [event for _, _, event in sorted(out)]


for _t_seed in range(5):
    _t_state, _t_seen, _t_events = initial(), {}, _t_arrivals(_t_seed)
    for _t_n, _t_event in enumerate(_t_events, 1):
        _t_state = update(_t_state, _t_event)
        if _t_event.kind != "quote" and _t_event.seq >= _t_seen.get(_t_event.kind, (0, 0))[0]:
            _t_seen[_t_event.kind] = (_t_event.seq, _t_event.level)
        checks.same(
            _t_three(_t_state), [_t_seen.get(kind, (0, 0))[1] for kind in ("supply", "demand", "rain")],
            tr(es=f"Tras {_t_n} eventos desordenados y repetidos: conductores, personas y lluvia. Cuenta el último que ocurrió (lo dice seq), no el último que llegó.", en=f"After {_t_n} events out of order and repeated: drivers, people and rain. What counts is the last one to happen (seq says so), not the last one to arrive."),
        )
_t_sure = [Event(3.0, "rain", 0, 0, 2), Event(1.0, "rain", 0, 7, 1), Event(3.5, "supply", 0, 0, 2), Event(1.0, "supply", 0, 7, 1)]
checks.same(_t_three(_t_fold(_t_sure)), [0, 0, 0], tr(es="Un nivel puede ser 0: ya no llueve y no queda ningún conductor.", en="A level may be 0: the rain has stopped and no driver is left."))
### END HIDDEN TESTS

# %% test="update/once" points=2 row="20" objective="8.1"
_t_q = [Event(float(n), "quote", 1, 5 * n, n) for n in range(1, 8)]
checks.same(checks.plain(_t_fold(_t_q)["quotes"]), 7, tr(es="Siete precios pedidos, en orden.", en="Seven prices asked for, in order."))
checks.same(checks.plain(_t_fold([*_t_q, *_t_q[:2], _t_q[6]])["quotes"]), 7, tr(es="Los mismos siete, y después tres copias: un precio que llega dos veces se cuenta una.", en="The same seven, and then three copies: a price that arrives twice is counted once."))
checks.same(checks.plain(_t_fold([_t_q[0], _t_q[3], _t_q[6], _t_q[2], _t_q[1], _t_q[4], _t_q[5]])["quotes"]), 7, tr(es="Los mismos siete, desordenados: lo que llega tarde también se cuenta.", en="The same seven, out of order: what arrives late is counted, too."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_arrivals(seed, seconds=12, late=0.3, twice=0.3, zone=2):
    chance = random.Random(seed)
    out = []
    for event in Market.simulate(seed, seconds).events:
        if event.zone == zone:
            for _ in range(1 + (chance.random() < twice) + (chance.random() < twice / 3)):
                out.append((event.t + chance.expovariate(20) + (chance.uniform(0, 9) if chance.random() < late else 0), chance.random(), event))
    return [event for _, _, event in sorted(out)]


for _t_seed in range(5, 10):
    _t_state, _t_seen = initial(), set()
    for _t_n, _t_event in enumerate(_t_arrivals(_t_seed, 25), 1):
        _t_state = update(_t_state, _t_event)
        if _t_event.kind == "quote":
            _t_seen.add(_t_event.seq)
        _t_got = checks.plain(_t_state["quotes"])
        assert type(_t_got) is int and _t_got == len(_t_seen), tr(
            es=f"Han llegado {_t_n} eventos, de ellos {len(_t_seen)} precios distintos, y quotes dice {_t_got!r}. Un precio que llega dos veces se cuenta una, y lo que llega tarde también se cuenta.",
            en=f"{_t_n} events have arrived, of them {len(_t_seen)} different prices, and quotes says {_t_got!r}. A price that arrives twice is counted once, and what arrives late is counted, too.",
        )
### END HIDDEN TESTS

# %% test="update/window" points=1 row="20" objective="8.1"
_t_w = _t_fold([*_t_q[:4], Event(4.5, "rain", 1, 2, 1)])
checks.same(sorted(checks.plain(_t_w["recent"])), [3.0, 4.0], tr(es="Precios pedidos en los segundos 1, 2, 3 y 4; el último evento, de lluvia, es del 4.5: quedan los posteriores al 2.5.", en="Prices asked for at seconds 1, 2, 3 and 4; the last event, of rain, is of 4.5: those after 2.5 are left."))
checks.same(checks.plain(_t_w["newest"]), 4.5, tr(es="newest es el mayor t de todos los eventos que han llegado.", en="newest is the greatest t of all events that have arrived."))
_t_w = _t_fold([*_t_q[:4], Event(5.0, "rain", 1, 2, 1)])
checks.same(sorted(checks.plain(_t_w["recent"])), [4.0], tr(es="Precios pedidos en los segundos 1, 2, 3 y 4; el último evento es del 5: el precio del 3 es de hace justo WINDOW_S, y ya no es reciente.", en="Prices asked for at seconds 1, 2, 3 and 4; the last event is of 5: the price of 3 is of exactly WINDOW_S ago, and no longer recent."))
_t_w = _t_fold([_t_q[0], _t_q[1], _t_q[3], Event(4.5, "rain", 1, 2, 1), _t_q[2], _t_q[0], _t_q[3]])
checks.same(checks.plain(_t_w["newest"]), 4.5, tr(es="Tras la lluvia del 4.5 llegan, tarde, tres precios de antes: newest no es el t del último que llegó.", en="After the rain of 4.5 three earlier prices arrive, late: newest is not the t of the last one to arrive."))
checks.same(
    sorted(checks.plain(_t_w["recent"])), [3.0, 4.0],
    tr(es="Tras la lluvia del 4.5 llegan el precio del 3 y copias de los del 1 y el 4. En recent está el del 3, una vez el del 4, y no el del 1: importa cuándo se pidieron los precios, no cuándo llegaron.", en="After the rain of 4.5 come the price of 3 and copies of those of 1 and 4. In recent is that of 3, once that of 4, and not that of 1: what counts is when the prices were asked for, not when they arrived."),
)
_t_w = _t_fold([*_t_q[:4], Event(4.0, "quote", 1, 9, 5)])
checks.same(sorted(checks.plain(_t_w["recent"])), [3.0, 4.0, 4.0], tr(es="Dos precios, con números distintos, pedidos en el mismo instante: son dos.", en="Two prices, with different numbers, asked for at the same instant: they are two."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_pair = [Event(7.25, "quote", 1, 3, 8), Event(7.25, "quote", 1, 3, 9), Event(7.25, "quote", 1, 44, 10)]
checks.same(sorted(checks.plain(_t_fold([*_t_q, *_t_pair, _t_pair[1], _t_q[6]])["recent"])), [6.0, 7.0, 7.25, 7.25, 7.25], tr(es="Tres precios pedidos en el mismo instante, y copias: son tres.", en="Three prices asked for at the same instant, and copies: they are three."))
checks.same(sorted(checks.plain(_t_fold([*_t_q[:4], _t_q[0], _t_q[2]])["recent"])), [3.0, 4.0], tr(es="Llegan otra vez el primero y el tercero: cada uno cuenta una vez, y hace justo WINDOW_S ya no es reciente.", en="The first and the third arrive again: each counts once, and exactly WINDOW_S ago is no longer recent."))
for _t_seed in range(3):
    _t_chance = random.Random(_t_seed)
    _t_events = [e for e in Market.simulate(40 + _t_seed, 15).events if e.zone == 3]
    _t_mixed = sorted(_t_events + _t_chance.sample(_t_events, 150), key=lambda e: e.t + _t_chance.expovariate(1) + _t_chance.random() * 3)
    _t_state, _t_seen = initial(), []
    for _t_event in _t_mixed:
        _t_state = update(_t_state, _t_event)
        _t_seen.append(_t_event)
        _t_newest = max(e.t for e in _t_seen)
        checks.same(checks.plain(_t_state["newest"]), _t_newest, tr(es="newest, con eventos desordenados: no es el t del último que llegó.", en="newest, with events out of order: it is not the t of the last one to arrive."))
        checks.same(
            sorted(checks.plain(_t_state["recent"])), sorted({e.seq: e.t for e in _t_seen if e.kind == "quote" and e.t > _t_newest - WINDOW_S}.values()),
            tr(es="recent, con eventos desordenados y repetidos: cuenta cuándo se pidieron los precios, no cuándo llegaron.", en="recent, with events out of order and repeated: what counts is when the prices were asked for, not when they arrived."),
        )
### END HIDDEN TESTS

# %% test="update/state" points=1 row="20" objective="8.1"
_t_before = _t_fold([*_t_q[:3], Event(3.0, "supply", 1, 9, 1)])
_t_text = json.dumps(_t_before)
for _t_event in (_t_q[3], Event(4.0, "supply", 1, 7, 2), Event(4.0, "rain", 1, 2, 1), _t_q[6]):
    update(_t_before, _t_event)
    assert json.dumps(_t_before) == _t_text, tr(es=f"{_t_event}: update ha modificado el estado que recibió (o algo que tenía dentro): quien lo estuviera leyendo vería medio cambio. Devuelve otro.", en=f"{_t_event}: update modified the state that it got (or something inside it): whoever was reading it would see half a change. Return another one.")
_t_state = initial()
for _t_event in (_t_q[3], _t_q[0], _t_q[6], _t_q[3], _t_q[1], _t_q[2], _t_q[0], _t_q[6]):
    _t_state = json.loads(json.dumps(update(_t_state, _t_event)))
checks.same(checks.plain(_t_state["quotes"]), 5, tr(es="Cinco precios y tres copias, desordenados, con el estado guardado y leído como JSON tras cada evento.", en="Five prices and three copies, out of order, with the state stored and read as JSON after each event."))
_t_size = len(json.dumps(_t_fold(Event(n / 10, "quote", 0, 0, n) for n in range(1, 1501))))
assert _t_size < 6_000, tr(es=f"Tras 1500 precios pedidos, en orden, el estado guardado ocupa {_t_size} bytes: crece con el día. Lo ya contado sin huecos se puede resumir en un número.", en=f"After 1,500 prices asked for, in order, the stored state takes {_t_size} bytes: it grows with the day. What has been counted without gaps can be summed up in one number.")
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance, _t_state, _t_size = random.Random(1), initial(), 0
_t_stream = [Event(n / 10, "quote", 0, 0, n) if n % 2 else Event(n / 10, "supply", 0, n % 30, n) for n in range(1, 4001)]
_t_stream = [Event(e.t, e.kind, 0, e.level, (e.seq + 1) // 2) for e in _t_stream]
_t_stream = sorted(_t_stream + _t_chance.sample(_t_stream, 400), key=lambda e: e.t + 3 * _t_chance.random())
for _t_event in _t_stream:
    _t_text = json.dumps(_t_state)
    _t_new = update(_t_state, _t_event)
    assert json.dumps(_t_state) == _t_text, tr(es="update ha modificado el estado que recibió: quien lo estuviera leyendo vería medio cambio. Devuelve otro.", en="update modified the state that it got: whoever was reading it would see half a change. Return another one.")
    _t_text = json.dumps(_t_new)
    _t_size, _t_state = max(_t_size, len(_t_text)), json.loads(_t_text)
assert _t_size < 6_000, tr(es=f"El estado guardado ha llegado a ocupar {_t_size} bytes tras 2000 precios pedidos: crece con el día. Lo ya contado sin huecos se puede resumir en un número.", en=f"The stored state reached {_t_size} bytes after 2,000 prices asked for: it grows with the day. What has been counted without gaps can be summed up in one number.")
checks.same(checks.plain(_t_state["quotes"]), 2000, tr(es="2000 precios pedidos, con el estado guardado y leído como JSON tras cada evento.", en="2,000 prices asked for, with the state stored and read as JSON after each event."))
### END HIDDEN TESTS

# %% wrong="update" score=4 says_es="no el último que llegó" says_en="not the last one to arrive"
# es: El nivel bueno es el último que llega.
# en: The right level is the last one to arrive.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind != "quote":
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
    elif event.seq > state["upto"] and event.seq not in state["ahead"]:
        new["quotes"], new["recent"] = state["quotes"] + 1, [*state["recent"], event.t]
        ahead = {*state["ahead"], event.seq}
        while new["upto"] + 1 in ahead:
            new["upto"] += 1
            ahead.discard(new["upto"])
        new["ahead"] = sorted(ahead)
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=2 says_es="se cuenta una" says_en="is counted once"
# es: Cada evento que llega es un precio que se ha pedido.
# en: Each event that arrives is a price that was asked for.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        new["quotes"] = state["quotes"] + 1
        new["recent"] = [*state["recent"], event.t]
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=2 says_es="también se cuenta" says_en="counted, too"
# es: Contra las copias basta con descartar lo que trae un número menor que el último: lo que llega tarde se tira.
# en: Against copies it is enough to drop what has a smaller number than the last one: what comes late is thrown away.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        if event.seq > state["upto"]:
            new["upto"], new["quotes"] = event.seq, state["quotes"] + 1
            new["recent"] = [*state["recent"], event.t]
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=2 says_es="se cuenta una" says_en="is counted once"
# es: Las copias llegan enseguida: basta con buscar el evento entre los recientes.
# en: Copies arrive at once: it is enough to look for the event among the recent ones.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        if event.t not in state["recent"]:
            new["quotes"] = state["quotes"] + 1
            new["recent"] = [*state["recent"], event.t]
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=5 says_es="crece con el día" says_en="grows with the day"
# es: Se guarda el número de todo lo que se ha contado.
# en: The number of all that has been counted is kept.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        if event.seq not in state["ahead"]:
            new["ahead"] = [*state["ahead"], event.seq]
            new["quotes"] = len(new["ahead"])
            new["recent"] = [*state["recent"], event.t]
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=5 says_es="medio cambio" says_en="half a change"
# es: Se cambia el estado en su sitio: es más rápido.
# en: The state is changed in place: that is faster.
def update(state, event):
    state["newest"] = max(state["newest"], event.t)
    if event.kind == "quote":
        if event.seq > state["upto"] and event.seq not in state["ahead"]:
            state["quotes"] += 1
            state["recent"].append(event.t)
            state["ahead"].append(event.seq)
            while state["upto"] + 1 in state["ahead"]:
                state["upto"] += 1
                state["ahead"].remove(state["upto"])
    elif event.seq > state["seq"][event.kind]:
        state[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        state["seq"][event.kind] = event.seq
    state["recent"] = [t for t in state["recent"] if t > state["newest"] - WINDOW_S]
    return state

# %% wrong="update" score=5 says_es="cuándo se pidieron" says_en="when the prices were asked for"
# es: Lo reciente es lo que acaba de llegar: la ventana se mide desde el último evento recibido.
# en: What is recent is what has just arrived: the window is measured from the last event received.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        if event.seq > state["upto"] and event.seq not in state["ahead"]:
            new["quotes"], new["recent"] = state["quotes"] + 1, [*state["recent"], event.t]
            ahead = {*state["ahead"], event.seq}
            while new["upto"] + 1 in ahead:
                new["upto"] += 1
                ahead.discard(new["upto"])
            new["ahead"] = sorted(ahead)
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > event.t - WINDOW_S]
    return new

# %% wrong="update" score=5 says_es="no es el t del último que llegó" says_en="not the t of the last one to arrive"
# es: newest es el instante del evento que acaba de llegar.
# en: newest is the instant of the event that has just arrived.
def update(state, event):
    new = dict(state, newest=event.t)
    if event.kind == "quote":
        if event.seq > state["upto"] and event.seq not in state["ahead"]:
            new["quotes"] = state["quotes"] + 1
            new["recent"] = [*state["recent"], event.t]
            ahead = {*state["ahead"], event.seq}
            while new["upto"] + 1 in ahead:
                new["upto"] += 1
                ahead.discard(new["upto"])
            new["ahead"] = sorted(ahead)
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=5 says_es="de hace justo WINDOW_S" says_en="exactly WINDOW_S ago"
# es: Lo de hace justo WINDOW_S también entra en la ventana.
# en: What is exactly WINDOW_S ago is also inside the window.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        if event.seq > state["upto"] and event.seq not in state["ahead"]:
            new["quotes"] = state["quotes"] + 1
            new["recent"] = [*state["recent"], event.t]
            ahead = {*state["ahead"], event.seq}
            while new["upto"] + 1 in ahead:
                new["upto"] += 1
                ahead.discard(new["upto"])
            new["ahead"] = sorted(ahead)
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t >= new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=5 says_es="son dos" says_en="they are two"
# es: Dos precios en el mismo instante son una copia.
# en: Two prices at the same instant are a copy.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        if event.seq > state["upto"] and event.seq not in state["ahead"]:
            new["quotes"] = state["quotes"] + 1
            new["recent"] = sorted({*state["recent"], event.t})
            ahead = {*state["ahead"], event.seq}
            while new["upto"] + 1 in ahead:
                new["upto"] += 1
                ahead.discard(new["upto"])
            new["ahead"] = sorted(ahead)
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=5 says_es="cuándo se pidieron" says_en="when the prices were asked for"
# es: Un precio que llega tarde se cuenta para cobrar, pero ya no es reciente.
# en: A price that arrives late is counted to charge for it, but it is no longer recent.
def update(state, event):
    new = dict(state, newest=max(state["newest"], event.t))
    if event.kind == "quote":
        if event.seq > state["upto"] and event.seq not in state["ahead"]:
            new["quotes"] = state["quotes"] + 1
            new["recent"] = [*state["recent"], *([event.t] if event.t >= state["newest"] else [])]
            ahead = {*state["ahead"], event.seq}
            while new["upto"] + 1 in ahead:
                new["upto"] += 1
                ahead.discard(new["upto"])
            new["ahead"] = sorted(ahead)
    elif event.seq > state["seq"][event.kind]:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
        new["seq"] = {**state["seq"], event.kind: event.seq}
    new["recent"] = [t for t in new["recent"] if t > new["newest"] - WINDOW_S]
    return new

# %% wrong="update" score=0 says_es="del propio curso" says_en="course's own function"
# es: El curso ya tiene esa función: se importa.
# en: The course has that function already: it is imported.
from mlprod.systems.company.functions import update

# %% wrong="update" score=0 says_es="del propio curso" says_en="course's own function"
# es: El texto de la función del curso, con otros nombres.
# en: The text of the course's function, with other names.
from mlprod.systems.company.functions import LEVELS as NAMES


def update(before, one):
    after = {**before, "newest": max(before["newest"], one.t)}
    if one.kind in NAMES:
        if one.seq > before["seq"][one.kind]:
            after[NAMES[one.kind]] = one.level
            after["seq"] = {**before["seq"], one.kind: one.seq}
    elif one.seq > before["upto"] and one.seq not in before["ahead"]:
        after["quotes"] = before["quotes"] + 1
        after["recent"] = [*before["recent"], one.t]
        upto, ahead = before["upto"], {*before["ahead"], one.seq}
        while upto + 1 in ahead:
            upto += 1
            ahead.discard(upto)
        after["upto"], after["ahead"] = upto, sorted(ahead)
    if after["recent"] and min(after["recent"]) <= after["newest"] - WINDOW_S:
        after["recent"] = [t for t in after["recent"] if t > after["newest"] - WINDOW_S]
    return after

# %% wrong="update" score=0 says_es="del propio curso" says_en="course's own function"
# es: La función del curso, con otra por fuera.
# en: The course's function, inside another.
def update(state, event):
    from mlprod.systems.company import functions

    return functions.update(state, event)

# %% right="update"
# es: con copia profunda, y olvidando los números de hace más de 30 segundos
# en: with a deep copy, and forgetting the numbers of more than 30 seconds ago
import copy


def update(state, event):
    state = copy.deepcopy(state)
    state["newest"] = max(state["newest"], event.t)
    names = {"supply": "drivers", "demand": "waiting", "rain": "rain"}
    if event.kind in names:
        if state["seq"][event.kind] < event.seq:
            state["seq"][event.kind], state[names[event.kind]] = event.seq, event.level
    else:
        known = state.setdefault("known", {})
        if str(event.seq) not in known:
            known[str(event.seq)] = event.t
            state["quotes"] += 1
        # es: una copia tarda 10 s como mucho
        # en: a copy takes 10 s at most
        state["known"] = {seq: t for seq, t in known.items() if t > state["newest"] - 30}
    state["recent"] = [t for t in state.get("known", {}).values() if t > state["newest"] - WINDOW_S]
    return state

# %% right="update"
# es: con los huecos: los números que faltan por llegar
# en: with the gaps: the numbers that are yet to arrive
def update(state, event):
    field = dict(supply="drivers", demand="waiting", rain="rain").get(event.kind)
    changes = {"newest": max(event.t, state["newest"])}
    recent = list(state["recent"])
    if field is not None:
        if event.seq > state["seq"][event.kind]:
            changes[field] = event.level
            changes["seq"] = dict(state["seq"])
            changes["seq"][event.kind] = event.seq
    else:
        top, gaps = state.get("top", 0), list(state.get("gaps", []))
        fresh = event.seq > top or event.seq in gaps
        if event.seq > top:
            gaps.extend(range(top + 1, event.seq))
            top = event.seq
        elif event.seq in gaps:
            gaps.remove(event.seq)
        if fresh:
            recent.append(event.t)
        changes.update(top=top, gaps=gaps, quotes=top - len(gaps))
    changes["recent"] = tuple(t for t in recent if changes["newest"] - t < WINDOW_S)
    return {**state, **changes}

# %% [markdown] lang="es" row="40"
# ## 2. El precio sin cobertura (5 puntos)
#
# El móvil no tiene red, y quien lo lleva quiere un precio. Lo último que el móvil supo de la zona son unas `Features` (`waiting`, `drivers`, `rain`, `pressure`) de hace `age_s` segundos. Escribe
# `fallback(cached, age_s, most, usual)`, que devuelve un `Offer(price, estimate)`: un precio en euros, y si es solo una estimación (y el móvil lo dice) o un precio en firme.
#
# - `most`: los euros a los que ya nadie haría ese viaje, según el modelo pequeño del móvil;
# - `usual`: qué fracción de `most` conviene pedir cuando no se sabe nada de la zona. `usual * most` es el precio **usual**;
# - si los datos fueran de ahora mismo, el mejor precio sería `best_price(waiting, drivers, most)`, que ya está hecha: lo llamaremos precio **fresco**;
# - `cached` es `None`, y `age_s` es `math.inf`, si el móvil no ha sabido nunca nada de la zona.
#
# El precio va del fresco al usual según envejecen los datos: con `age_s == 0` es el fresco; con 30 s o más, el usual (con una diferencia de, como mucho, un 1 % de `most`); entre medias está siempre entre los dos y, con los mismos datos, a más edad nunca está más lejos del usual. La forma de la curva la eliges tú.
#
# Un precio en firme con datos de **más** de `FIRM_S` segundos se acaba pagando: la empresa devuelve dinero. Uno estimado da desconfianza, y se vende algo menos. Así que es estimado cuando los datos tienen más de `FIRM_S` segundos, y solo entonces (con `FIRM_S` justos, es en firme).
# No contestar no es una opción: es el viaje que se lleva la competencia.
#
# La última comprobación usa tu función en toda la empresa, con muchos cortes de red de poco más de un segundo, y suma lo que se pierde en los móviles (precios malos, desconfianza y promesas): no puede pasar de 1,15 veces lo que pierde la solución del profesor, ni ahí ni en los otros escenarios de las comprobaciones ocultas. Los 30 s de antes son solo un tope, y no dicen cuánto tarda un dato en dejar de valer: eso se mide. `lost_on_phones(function)`, aquí abajo, da los euros que se pierden así con cualquier función: prueba varias curvas.
# %% [markdown] lang="en" row="40"
# ## 2. The price without coverage (5 points)
#
# The phone has no network, and its owner wants a price. The last that the phone heard of the zone are some `Features` (`waiting`, `drivers`, `rain`, `pressure`), `age_s` seconds ago. Write
# `fallback(cached, age_s, most, usual)`, which returns an `Offer(price, estimate)`: a price in euros, and whether it is only an estimate (and the phone says so) or a firm price.
#
# - `most`: the euros at which nobody would take that ride any more, according to the phone's small model;
# - `usual`: which fraction of `most` is best asked when nothing is known of the zone. `usual * most` is the **usual** price;
# - if the data were of this very moment, the best price would be `best_price(waiting, drivers, most)`, which is there already: let us call it the **fresh** price;
# - `cached` is `None`, and `age_s` is `math.inf`, if the phone has never heard anything of the zone.
#
# The price goes from the fresh one to the usual one as the data grow old: with `age_s == 0` it is the fresh one; with 30 s or more, the usual one (with a difference of 1% of `most` at most); in between it always lies between the two and, for the same data, at a greater age it is never farther from the usual one. The shape of the curve is your choice.
#
# A firm price from data **more** than `FIRM_S` seconds old is paid for in the end: the company gives money back. An estimate is distrusted, and sells a little less. So it is an estimate when the data are more than `FIRM_S` seconds old, and only then (at `FIRM_S` exactly, it is firm).
# Not answering is no option: it is the ride that the competition gets.
#
# The last check uses your function in the whole company, with many network outages of little more than a second, and adds up what is lost on the phones (bad prices, distrust and promises): it may not exceed 1.15 times what the teacher's solution loses, neither there nor in the other scenarios of the hidden checks. The 30 s above are only a limit, and do not say how long data take to lose their worth: that is to be measured. `lost_on_phones(function)`, below, gives the euros lost in this way with any function: try several curves.

# %%
BUSY = Features(waiting=40, drivers=10, rain=0, pressure=30)
print(tr(es="precio fresco:", en="fresh price:"), best_price(BUSY.waiting, BUSY.drivers, 24.0), tr(es="; precio usual:", en="; usual price:"), round(USUAL * 24.0, 2))
print("FIRM_S =", FIRM_S)


# es: los euros que se pierden en los móviles con function: precios malos, desconfianza, promesas y viajes sin precio; en cada zona, cinco cortes de 1.2 s
# en: the euros lost on the phones with function: bad prices, distrust, promises and rides without a price; in each zone, five outages of 1.2 s
def lost_on_phones(function, seed=11):
    outages = tuple(Outage(zone, begin + zone / 5, begin + zone / 5 + 1.2) for zone in range(4) for begin in (1, 3.5, 6, 8.5, 11))
    score = simulate(Design(), Scenario(seed=seed, seconds=15, hour=seed, outages=outages), Functions(fallback=function))
    return score.causes["offline"] + score.causes["promises"] + score.causes["unanswered"]


# es: quien se fía siempre de sus datos, por viejos que sean
# en: whoever always trusts the data, however old
def always_trusting(cached, age_s, most, usual):
    return Offer(best_price(cached.waiting, cached.drivers, most), age_s > FIRM_S)


# es: lo que pierde la solución del profesor con la semilla 11, en euros
# en: what the teacher's solution loses with seed 11, in euros
TEACHER_ON_PHONES = 379.3
print(tr(es=f"en los móviles, quien se fía siempre pierde {lost_on_phones(always_trusting):.0f} €; la solución del profesor, {TEACHER_ON_PHONES:.0f} €", en=f"on the phones, whoever always trusts loses {lost_on_phones(always_trusting):.0f} €; the teacher's solution, {TEACHER_ON_PHONES:.0f} €"))

# %% answer="fallback"
def fallback(cached, age_s, most, usual):
    ### BEGIN SOLUTION
    if cached is None:
        return Offer(usual * most, True)
    trust = math.exp(-age_s / 2)
    fresh = best_price(cached.waiting, cached.drivers, most)
    return Offer(trust * fresh + (1 - trust) * usual * most, age_s > FIRM_S)
    ### END SOLUTION

# %% test="fallback/fresh" points=1 row="40" objective="8.2"
from mlprod import checks


def _t_offer(cached, age_s, most=24.0, usual=0.65):
    about = f"fallback({cached}, {age_s}, {most}, {usual})"
    got = checks.plain(fallback(cached, age_s, most, usual), about)
    assert isinstance(got, list) and len(got) == 2, about + tr(es=f"\n  se esperaba un Offer(price, estimate) y has devuelto {got!r}. No contestar no es una opción.", en=f"\n  expected an Offer(price, estimate) and you returned {got!r}. Not answering is no option.")
    assert type(got[1]) is bool, about + tr(es=f"\n  estimate es True o False, y es {got[1]!r}.", en=f"\n  estimate is True or False, and it is {got[1]!r}.")
    return checks.number(got[0], about), got[1]


### BEGIN HIDDEN TESTS
from mlprod.systems.company import functions as _t_course

checks.own_work(_t_course.fallback)
checks.refuse_copy(fallback, _t_course.fallback)
### END HIDDEN TESTS

_t_busy, _t_quiet = Features(40, 10, 0, 30), Features(12, 20, 3, 20)
checks.same(_t_offer(_t_busy, 0.0)[0], 18.0, tr(es="Datos de ahora mismo, con pocos conductores: el precio fresco.", en="Data of this very moment, with few drivers: the fresh price."))
checks.same(_t_offer(_t_quiet, 0.0)[0], 12.0, tr(es="Datos de ahora mismo, con conductores de sobra: el precio fresco.", en="Data of this very moment, with drivers to spare: the fresh price."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_w, _t_d in [(0, 5), (30, 0), (7, 7), (50, 24), (50, 26)]:
    checks.same(_t_offer(Features(_t_w, _t_d, 1, 9), 0, 31.0)[0], best_price(_t_w, _t_d, 31.0), tr(es=f"Datos de ahora mismo: esperan {_t_w} y hay {_t_d} conductores. El precio fresco.", en=f"Data of this very moment: {_t_w} wait and there are {_t_d} drivers. The fresh price."))
### END HIDDEN TESTS

# %% test="fallback/old" points=2 row="40" objective="8.2"
def _t_offer(cached, age_s, most=24.0, usual=0.65):
    about = f"fallback({cached}, {age_s}, {most}, {usual})"
    got = checks.plain(fallback(cached, age_s, most, usual), about)
    assert isinstance(got, list) and len(got) == 2, about + tr(es=f"\n  se esperaba un Offer(price, estimate) y has devuelto {got!r}. No contestar no es una opción.", en=f"\n  expected an Offer(price, estimate) and you returned {got!r}. Not answering is no option.")
    return checks.number(got[0], about), got[1]


for _t_cached in (Features(40, 10, 0, 30), Features(12, 20, 3, 20)):
    _t_price = _t_offer(_t_cached, 60.0)[0]
    assert abs(_t_price - 15.6) <= 0.24, tr(es=f"{_t_cached}, de hace un minuto: de eso ya no se sabe nada, y el precio usual es 15.6 €. Has pedido {_t_price:.2f} €: los datos no valen para siempre.", en=f"{_t_cached}, a minute ago: nothing is known of that any more, and the usual price is 15.6 €. You asked {_t_price:.2f} €: data are not good for ever.")
for _t_cached in (Features(40, 10, 0, 30), Features(12, 20, 3, 20)):
    _t_far = [round(abs(_t_offer(_t_cached, age)[0] - 15.6), 6) for age in (0.0, 0.5, 1.0, 1.5, 3.0, 10.0, 31.0)]
    assert all(b <= a + 1e-6 for a, b in zip(_t_far, _t_far[1:], strict=False)), tr(es=f"{_t_cached}: al aumentar la edad, el precio se aleja alguna vez del usual; distancias con 0, 0.5, 1, 1.5, 3, 10 y 31 s: {_t_far}. Y siempre está entre el fresco y el usual.", en=f"{_t_cached}: as the age increases, the price sometimes moves away from the usual one; distances at 0, 0.5, 1, 1.5, 3, 10 and 31 s: {_t_far}. And it always lies between the fresh one and the usual one.")
checks.same(_t_offer(None, math.inf)[0], 15.6, tr(es="Un móvil que no ha sabido nunca nada (cached es None): el precio usual.", en="A phone that has never heard anything (cached is None): the usual price."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_cached in (Features(40, 10, 0, 30), Features(12, 20, 3, 20), Features(30, 0, 0, 5), Features(20, 8, 1, 40), Features(0, 3, 0, 0)):
    for _t_most, _t_usual in ((24.0, 0.65), (52.0, 0.7)):
        _t_fresh, _t_far = best_price(_t_cached.waiting, _t_cached.drivers, _t_most), _t_usual * _t_most
        _t_last = None
        for _t_age in (0.0, 0.2, 0.5, 0.9, 1.0, 1.1, 1.7, 2.5, 4.0, 6.0, 9.0, 14.0, 21.0, 29.0, 30.0, 31.0, 80.0, 4000.0):
            _t_price = _t_offer(_t_cached, _t_age, _t_most, _t_usual)[0]
            assert min(_t_fresh, _t_far) - 1e-6 <= _t_price <= max(_t_fresh, _t_far) + 1e-6, tr(es=f"{_t_cached}, hace {_t_age} s: el precio, {_t_price:.2f} €, no está entre el fresco ({_t_fresh:.2f}) y el usual ({_t_far:.2f}).", en=f"{_t_cached}, {_t_age} s ago: the price, {_t_price:.2f} €, does not lie between the fresh one ({_t_fresh:.2f}) and the usual one ({_t_far:.2f}).")
            assert _t_last is None or abs(_t_price - _t_far) <= abs(_t_last - _t_far) + 1e-6, tr(es=f"{_t_cached}: con {_t_age} s el precio está más lejos del usual que con menos edad.", en=f"{_t_cached}: at {_t_age} s the price is farther from the usual one than at a lower age.")
            assert _t_age < 30 or abs(_t_price - _t_far) <= 0.01 * _t_most + 1e-6, tr(es=f"{_t_cached}, hace {_t_age} s: el precio, {_t_price:.2f} €, debería ser ya el usual, {_t_far:.2f}: los datos no valen para siempre.", en=f"{_t_cached}, {_t_age} s ago: the price, {_t_price:.2f} €, should be the usual one by now, {_t_far:.2f}: data are not good for ever.")
            _t_last = _t_price
_t_price = _t_offer(None, math.inf)[0]
checks.same(_t_price, 15.6, tr(es="Un móvil que no ha sabido nunca nada: el precio usual.", en="A phone that has never heard anything: the usual price."))
_t_price = _t_offer(Features(40, 10, 0, 30), math.inf)[0]
assert abs(_t_price - 15.6) <= 0.24, tr(es=f"Edad infinita: el precio usual es 15.6, no {_t_price}.", en=f"Infinite age: the usual price is 15.6, not {_t_price}.")
### END HIDDEN TESTS

# %% test="fallback/honest" points=1 row="40" objective="8.2"
for _t_age, _t_want in [(0.0, False), (0.5, False), (FIRM_S, False), (FIRM_S + 0.001, True), (3.0, True), (60.0, True)]:
    _t_got = checks.plain(fallback(Features(40, 10, 0, 30), _t_age, 24.0, 0.65)[1])
    assert _t_got is _t_want, tr(es=f"Con datos de hace {_t_age} s, estimate es {_t_got!r} y tiene que ser {_t_want!r}. Un precio en firme con datos viejos se paga; uno estimado sin motivo se vende menos.", en=f"With data {_t_age} s old, estimate is {_t_got!r} and must be {_t_want!r}. A firm price from old data is paid for; an estimate without reason sells less.")
assert checks.plain(fallback(None, math.inf, 24.0, 0.65)[1]) is True, tr(es="Quien no ha sabido nunca nada (cached es None) no puede prometer un precio: es una estimación.", en="Whoever has never heard anything (cached is None) cannot promise a price: it is an estimate.")
checks.passed()
### BEGIN HIDDEN TESTS
for _t_cached in (Features(40, 10, 0, 30), Features(12, 20, 3, 20), Features(20, 7, 0, 8)):
    for _t_age, _t_want in [(FIRM_S, False), (FIRM_S + 0.001, True), (FIRM_S - 0.001, False), (1e6, True)]:
        _t_got = checks.plain(fallback(_t_cached, _t_age, 33.0, 0.65)[1])
        assert _t_got is _t_want, tr(es=f"{_t_cached}, con datos de hace {_t_age} s: estimate es {_t_got!r} y tiene que ser {_t_want!r}.", en=f"{_t_cached}, with data {_t_age} s old: estimate is {_t_got!r} and must be {_t_want!r}.")
assert checks.plain(fallback(None, math.inf, 51.0, 0.7)[1]) is True, tr(es="Quien no ha sabido nunca nada no puede prometer un precio.", en="Whoever has never heard anything cannot promise a price.")
### END HIDDEN TESTS

# %% test="fallback/euros" points=1 row="40" objective="8.2"
fallback(Features(40, 10, 0, 30), 0.5, 24.0, 0.65)
_t_yours, _t_old = (lost_on_phones(function) for function in (fallback, always_trusting))
_t_about = tr(
    es=f"Con cinco cortes de 1.2 s por zona, en los móviles pierdes {_t_yours:.0f} €; quien se fía siempre de sus datos, {_t_old:.0f} €, y la solución del profesor, {TEACHER_ON_PHONES:.0f} €.",
    en=f"With five outages of 1.2 s in each zone, you lose {_t_yours:.0f} € on the phones; whoever always trusts the data loses {_t_old:.0f} €, and the teacher's solution {TEACHER_ON_PHONES:.0f} €.",
)
assert _t_yours <= 1.15 * TEACHER_ON_PHONES, _t_about + tr(es=" Puedes perder 1,15 veces lo que el profesor, como mucho: ¿cuánto tarda un dato en dejar de valer?", en=" You may lose 1.15 times what the teacher loses, at most: how long do data take to lose their worth?")
print(_t_about)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_best_known(cached, age_s, most, usual):
    trust = 0.0 if cached is None else math.exp(-age_s / 2)
    share = usual if cached is None else best_price(cached.waiting, cached.drivers, 1.0)
    return Offer(most * (trust * share + (1 - trust) * usual), age_s > FIRM_S)


_t_yours, _t_teacher = (sum(lost_on_phones(function, seed) for seed in (12, 13, 14)) for function in (fallback, _t_best_known))
assert _t_yours <= 1.15 * _t_teacher, tr(es=f"En tres escenarios con cortes, en los móviles se pierden {_t_yours:.0f} €; la solución del profesor pierde {_t_teacher:.0f} €.", en=f"In three scenarios with outages, {_t_yours:.0f} € are lost on the phones; the teacher's solution loses {_t_teacher:.0f} €.")
### END HIDDEN TESTS

# %% wrong="fallback" score=1 says_es="no valen para siempre" says_en="are not good for ever"
# es: Lo último que se supo es lo mejor que hay: se usa para siempre, y en firme.
# en: The last that was heard is the best there is: it is used for ever, as a firm price.
def fallback(cached, age_s, most, usual):
    if cached is None:
        return Offer(usual * most, False)
    return Offer(best_price(cached.waiting, cached.drivers, most), False)

# %% wrong="fallback" score=1 says_es="No contestar no es una opción" says_en="Not answering is no option"
# es: Con datos viejos es mejor no decir nada.
# en: With old data it is better to say nothing.
def fallback(cached, age_s, most, usual):
    if cached is None or age_s > FIRM_S:
        return None
    trust = math.exp(-age_s / 2)
    fresh = best_price(cached.waiting, cached.drivers, most)
    return Offer(trust * fresh + (1 - trust) * usual * most, False)

# %% wrong="fallback" score=4 says_es="el precio fresco" says_en="the fresh price"
# es: Sin red no se sabe nada: siempre el precio usual.
# en: Without a network nothing is known: always the usual price.
def fallback(cached, age_s, most, usual):
    return Offer(usual * most, age_s > FIRM_S)

# %% wrong="fallback" score=4 says_es="se vende menos" says_en="sells less"
# es: Por si acaso, todo precio sin red es una estimación.
# en: To be on the safe side, each price without a network is an estimate.
def fallback(cached, age_s, most, usual):
    if cached is None:
        return Offer(usual * most, True)
    trust = math.exp(-age_s / 2)
    fresh = best_price(cached.waiting, cached.drivers, most)
    return Offer(trust * fresh + (1 - trust) * usual * most, True)

# %% wrong="fallback" score=2 says_es="se aleja alguna vez del usual" says_en="sometimes moves away from the usual one"
# es: Cuanto más viejos los datos, más riesgo: el precio crece con la edad hasta un tope y luego es el usual.
# en: The older the data, the more risk: the price grows with age up to a limit, and then it is the usual one.
def fallback(cached, age_s, most, usual):
    if cached is None or age_s > 20:
        return Offer(usual * most, True)
    fresh = best_price(cached.waiting, cached.drivers, most)
    return Offer(fresh * (1 + min(age_s, 2) / 10), age_s > FIRM_S)

# %% wrong="fallback" score=4 says_es="en dejar de valer" says_en="to lose their worth"
# es: Si a los 30 s el dato ya no vale nada, a los 15 vale la mitad.
# en: If the data are worth nothing at 30 s, they are worth half at 15.
def fallback(cached, age_s, most, usual):
    if cached is None:
        return Offer(usual * most, True)
    trust = max(0.0, 1 - age_s / 30)
    fresh = best_price(cached.waiting, cached.drivers, most)
    return Offer(trust * fresh + (1 - trust) * usual * most, age_s > FIRM_S)

# %% wrong="fallback" score=4 says_es="no puede prometer" says_en="cannot promise"
# es: Solo es una estimación lo que sale de datos viejos; de quien no tiene datos no se puede decir.
# en: Only what comes from old data is an estimate; of whoever has no data it cannot be said.
def fallback(cached, age_s, most, usual):
    if cached is None:
        return Offer(usual * most, False)
    trust = math.exp(-age_s / 2)
    fresh = best_price(cached.waiting, cached.drivers, most)
    return Offer(trust * fresh + (1 - trust) * usual * most, age_s > FIRM_S)

# %% wrong="fallback" score=0 says_es="del propio curso" says_en="course's own function"
# es: El curso ya tiene esa función: se importa.
# en: The course has that function already: it is imported.
from mlprod.systems.company.functions import fallback

# %% wrong="fallback" score=0 says_es="del propio curso" says_en="course's own function"
# es: La función del curso, con otra por fuera.
# en: The course's function, inside another.
def fallback(cached, age_s, most, usual):
    from mlprod.systems.company import functions

    return functions.fallback(cached, age_s, most, usual)

# %% right="fallback"
# es: la confianza baja en línea recta, y a los 6 s no queda ninguna
# en: trust falls in a straight line, and after 6 s none is left
def fallback(cached, age_s, most, usual):
    if cached is None:
        return Offer(price=usual * most, estimate=True)
    trust = max(0.0, 1 - age_s / 6)
    fresh = best_price(cached.waiting, cached.drivers, most)
    return (usual * most + trust * (fresh - usual * most), bool(age_s > FIRM_S))

# %% right="fallback"
# es: a partir de FIRM_S, el usual; antes, el fresco
# en: from FIRM_S on, the usual price; before, the fresh one
def fallback(cached, age_s, most, usual):
    old = age_s > FIRM_S
    return Offer(usual * most if old else best_price(cached.waiting, cached.drivers, most), old)

# %% [markdown] lang="es" row="40"
# ## 3. ¿Se queda la versión nueva? (5 puntos)
#
# Una versión nueva del modelo contesta a una parte de las peticiones, el **canario**; la de siempre, a las demás. Cada segundo se llama a `promote(canary, stable)` con lo que ha ganado cada una desde que empezó la prueba, en euros por precio pedido:
#
# `{"quotes": n, "mean": mean, "std": std}`: cuántos, la media y la desviación típica (de la muestra, con $n-1$; 0 si $n<2$).
#
# Devuelve `"promote"` (la nueva pasa a contestar a todo), `"rollback"` (se retira) o `"wait"` (se sigue probando). Las dos primeras son definitivas. Lo que gana un precio varía mucho de uno a otro: la desviación típica suele ser **la mitad de la media**, pero a ciertas horas los precios se parecen mucho, y es la décima parte: `std` lo dice. Y la cuenta puede venir en euros o en céntimos: nada puede depender de la unidad.
#
# Tu función se prueba con cien versiones de cada clase. La empresa pide esto, contando peticiones del canario, que recibe una de cada cinco:
#
# | si la nueva gana de verdad… | tiene que… | en al menos |
# |---|---|---|
# | un 25 % menos | retirarse con 300 peticiones o menos | 93 de 100 |
# | un 15 % menos, y la desviación típica es la décima parte de la media | retirarse con 60 peticiones o menos | 93 de 100 |
# | un 15 % menos | **no** quedarse | 85 de 100 |
# | lo mismo | quedarse con 1000 peticiones o menos | 75 de 100 |
# | un 10 % más | quedarse con 1000 peticiones o menos | 90 de 100 |
#
# «Un 15 % menos» quiere decir que la media verdadera de la nueva es 0,85 veces la de la versión de siempre. De las que ganan un 10 % menos la tabla no dice nada: pueden quedarse o no.
#
# «Lo mismo» también se queda: detrás de ella vienen otras, y una prueba que no acaba nunca también cuesta. Con menos de 30 peticiones de cualquiera de las dos versiones, siempre `"wait"`.
# %% [markdown] lang="en" row="40"
# ## 3. Does the new version stay? (5 points)
#
# A new version of the model answers some of the requests, the **canary**; the usual one answers the others. Each second `promote(canary, stable)` is called with what each has earned since the trial began, in euros for each price asked for:
#
# `{"quotes": n, "mean": mean, "std": std}`: how many, the mean and the standard deviation (of the sample, with $n-1$; 0 if $n<2$).
#
# It returns `"promote"` (the new one answers everything from now on), `"rollback"` (it is withdrawn) or `"wait"` (the trial goes on). The first two are final. What a price earns varies a lot from one to the next: the standard deviation is usually **half the mean**, but at certain hours prices are much alike, and it is a tenth: `std` tells. And the figures may come in euros or in cents: nothing may depend on the unit.
#
# Your function is tried with a hundred versions of each kind. The company asks for this, counting requests of the canary, which gets one in five:
#
# | if the new one really earns… | it must… | in at least |
# |---|---|---|
# | 25% less | be withdrawn at 300 requests or fewer | 93 of 100 |
# | 15% less, and the standard deviation is a tenth of the mean | be withdrawn at 60 requests or fewer | 93 of 100 |
# | 15% less | **not** stay | 85 of 100 |
# | the same | stay at 1000 requests or fewer | 75 of 100 |
# | 10% more | stay at 1000 requests or fewer | 90 of 100 |
#
# "15% less" means that the true mean of the new one is 0.85 times that of the usual version. Of those that earn 10% less the table says nothing: they may stay or not.
#
# "The same" stays, too: others come after it, and a trial that never ends also costs. With fewer than 30 requests of either version, always `"wait"`.

# %%
# es: lo que decide function de count versiones que ganan factor veces lo que la de siempre: [(veredicto, peticiones del canario), …]
# en: what function decides on count versions that earn factor times what the usual one does: [(verdict, requests of the canary), …]
def trials(function, factor, seed, count=100, mean=5.0, limit=1000, spread=0.46):
    decided = []
    for number in range(count):
        chance = np.random.default_rng((seed, number))
        canary, stable = chance.normal(factor * mean, spread * mean, limit), chance.normal(mean, spread * mean, 4 * limit)
        verdict, n = "wait", 0
        while verdict == "wait" and n < limit:
            n = min(limit, n + 10)
            groups = ({"quotes": len(v), "mean": float(v.mean()), "std": float(v.std(ddof=1))} for v in (canary[:n], stable[: 4 * n]))
            verdict = function(*groups)
        decided.append((verdict, n))
    return decided


print(
    tr(es="tres versiones y una regla que retira todo a las 30 peticiones:", en="three versions, and a rule that withdraws everything at 30 requests:"),
    trials(lambda canary, stable: "rollback" if canary["quotes"] >= 30 else "wait", 1.0, seed=0, count=3),
)

# %% answer="promote"
def promote(canary, stable):
    ### BEGIN SOLUTION
    if min(canary["quotes"], stable["quotes"]) < 30:
        return "wait"
    error = math.sqrt(canary["std"] ** 2 / canary["quotes"] + stable["std"] ** 2 / stable["quotes"])
    difference = canary["mean"] - stable["mean"]
    if difference < -2.5 * error:
        return "rollback"
    # es: no hace falta que sea mejor: basta con que no pueda ser mucho peor
    # en: it need not be better: it is enough that it cannot be much worse
    return "promote" if difference - 2 * error > -0.1 * stable["mean"] else "wait"
    ### END SOLUTION

# %% test="promote/wait" points=1 row="40" objective="8.3"
from mlprod import checks


def _t_verdict(canary, stable):
    groups = [dict(zip(("quotes", "mean", "std"), numbers, strict=True)) for numbers in (canary, stable)]
    got = checks.plain(promote(*groups))
    assert got in ("promote", "rollback", "wait"), tr(es=f"promote{tuple(groups)} ha devuelto {got!r}.", en=f"promote{tuple(groups)} returned {got!r}.")
    return got


### BEGIN HIDDEN TESTS
from mlprod.systems.company import functions as _t_course

checks.own_work(_t_course.promote)
checks.refuse_copy(promote, _t_course.promote)
### END HIDDEN TESTS

checks.same(_t_verdict((5, 1.0, 0.5), (20, 5.0, 2.0)), "wait", tr(es="Cinco peticiones, y muy malas: son pocas para saber nada.", en="Five requests, and very bad ones: too few to know anything."))
checks.same(_t_verdict((29, 9.0, 2.0), (400, 5.0, 2.0)), "wait", tr(es="29 peticiones, y muy buenas: son pocas para saber nada.", en="29 requests, and very good ones: too few to know anything."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_canary, _t_stable in [((0, 0.0, 0.0), (0, 0.0, 0.0)), ((1, 3.0, 0.0), (9, 5.0, 2.0)), ((500, 5.0, 2.0), (29, 5.0, 2.0)), ((29, 0.1, 0.1), (900, 5.0, 2.0)), ((29, 5.0, 0.0), (29, 5.0, 0.0))]:
    checks.same(_t_verdict(_t_canary, _t_stable), "wait", tr(es=f"promote con {_t_canary} y {_t_stable}: menos de 30 peticiones de una de las dos.", en=f"promote with {_t_canary} and {_t_stable}: fewer than 30 requests of one of the two."))
checks.same(_t_verdict((200, 2.0, 1.5), (900, 5.0, 2.0)), "rollback", tr(es="200 peticiones que ganan menos de la mitad: hay que retirarla ya.", en="200 requests that earn less than half: it must be withdrawn now."))
checks.same(_t_verdict((900, 6.0, 2.5), (900, 5.0, 2.5)), "promote", tr(es="900 peticiones que ganan un 20 % más: se queda.", en="900 requests that earn 20% more: it stays."))
### END HIDDEN TESTS

# %% test="promote/bad" points=2 row="40" objective="8.3"
def _t_bad(seed, mean):
    quick = sum(verdict == "rollback" and n <= 300 for verdict, n in trials(promote, 0.75, seed, mean=mean))
    assert quick >= 93, tr(es=f"De 100 versiones que ganan un 25 % menos se retiran con 300 peticiones o menos {quick}; tienen que ser 93.", en=f"Of 100 versions that earn 25% less, {quick} are withdrawn at 300 requests or fewer; it must be 93.")
    soon = sum(verdict == "rollback" and n <= 60 for verdict, n in trials(promote, 0.85, seed + 2, mean=mean, limit=60, spread=0.1))
    assert soon >= 93, tr(es=f"De 100 versiones que ganan un 15 % menos, con una desviación típica que es la décima parte de la media, se retiran con 60 peticiones o menos {soon}; tienen que ser 93. Mira std: ahí la diferencia se ve enseguida.", en=f"Of 100 versions that earn 15% less, at a standard deviation that is a tenth of the mean, {soon} are withdrawn at 60 requests or fewer; it must be 93. Look at std: there the difference shows at once.")
    stayed = sum(verdict == "promote" for verdict, _ in trials(promote, 0.85, seed + 1, mean=mean))
    assert stayed <= 15, tr(es=f"De 100 versiones que ganan un 15 % menos se quedan {stayed}; pueden ser 15 como mucho.", en=f"Of 100 versions that earn 15% less, {stayed} stay; it may be 15 at most.")


_t_bad(1, 5.0)
checks.passed()
### BEGIN HIDDEN TESTS
_t_bad(21, 5.0)
_t_bad(31, 480.0)
### END HIDDEN TESTS

# %% test="promote/good" points=2 row="40" objective="8.3"
def _t_good(seed, mean):
    for factor, least, who in ((1.0, 75, tr(es="ganan lo mismo", en="earn the same")), (1.1, 90, tr(es="ganan un 10 % más", en="earn 10% more"))):
        stay = sum(verdict == "promote" for verdict, _ in trials(promote, factor, seed, mean=mean))
        unit = "" if mean < 100 else tr(es=" (cuentas en céntimos)", en=" (figures in cents)")
        assert stay >= least, tr(es=f"De 100 versiones que {who} se quedan con 1000 peticiones o menos {stay}; tienen que ser {least}{unit}.", en=f"Of 100 versions that {who}, {stay} stay at 1000 requests or fewer; it must be {least}{unit}.")


_t_good(2, 5.0)
_t_good(3, 480.0)
checks.passed()
### BEGIN HIDDEN TESTS
_t_good(22, 5.0)
_t_good(32, 480.0)
### END HIDDEN TESTS

# %% wrong="promote" score=0 says_es="son pocas para saber nada" says_en="too few to know anything"
# es: Con cinco peticiones ya se ve cuál gana más.
# en: With five requests one can see which one earns more.
def promote(canary, stable):
    if canary["quotes"] < 5:
        return "wait"
    return "promote" if canary["mean"] >= stable["mean"] else "rollback"

# %% wrong="promote" score=3 says_es="ganan lo mismo" says_en="earn the same"
# es: Con treinta peticiones basta con comparar las medias.
# en: With thirty requests it is enough to compare the means.
def promote(canary, stable):
    if min(canary["quotes"], stable["quotes"]) < 30:
        return "wait"
    return "promote" if canary["mean"] >= stable["mean"] else "rollback"

# %% wrong="promote" score=3 says_es="ganan lo mismo" says_en="earn the same"
# es: Solo se queda lo que sea mejor con seguridad.
# en: Only what is certainly better stays.
def promote(canary, stable):
    if min(canary["quotes"], stable["quotes"]) < 30:
        return "wait"
    error = math.sqrt(canary["std"] ** 2 / canary["quotes"] + stable["std"] ** 2 / stable["quotes"])
    difference = canary["mean"] - stable["mean"]
    if abs(difference) < 2 * error:
        return "wait"
    return "promote" if difference > 0 else "rollback"

# %% wrong="promote" score=2 says_es="un 25 % menos" says_en="25% less"
# es: Lo normal es que varíe una desviación típica o dos: si la media no baja de ahí, se queda.
# en: It is normal to vary by a standard deviation or two: if the mean does not fall below that, it stays.
def promote(canary, stable):
    if min(canary["quotes"], stable["quotes"]) < 30:
        return "wait"
    return "rollback" if canary["mean"] < stable["mean"] - 2 * stable["std"] else "promote"

# %% wrong="promote" score=3 says_es="un 25 % menos" says_en="25% less"
# es: Si no está demostrado que es peor, es que es buena.
# en: If it is not proven to be worse, it is good.
def promote(canary, stable):
    if min(canary["quotes"], stable["quotes"]) < 30:
        return "wait"
    error = math.sqrt(canary["std"] ** 2 / canary["quotes"] + stable["std"] ** 2 / stable["quotes"])
    return "rollback" if canary["mean"] - stable["mean"] < -2 * error else "promote"

# %% wrong="promote" score=3 says_es="en céntimos" says_en="in cents"
# es: Perder menos de cincuenta céntimos no es grave.
# en: To lose less than fifty cents is not serious.
def promote(canary, stable):
    if min(canary["quotes"], stable["quotes"]) < 30:
        return "wait"
    error = math.sqrt(canary["std"] ** 2 / canary["quotes"] + stable["std"] ** 2 / stable["quotes"])
    difference = canary["mean"] - stable["mean"]
    if difference < -2.5 * error:
        return "rollback"
    return "promote" if difference - 2 * error > -0.5 else "wait"

# %% wrong="promote" score=3 says_es="Mira std" says_en="Look at std"
# es: Con un número fijo de peticiones y un margen no hace falta la desviación típica.
# en: With a fixed number of requests and a margin no standard deviation is needed.
def promote(canary, stable):
    if canary["quotes"] < 200 or stable["quotes"] < 200:
        return "wait"
    return "promote" if canary["mean"] > 0.92 * stable["mean"] else "rollback"

# %% wrong="promote" score=0 says_es="del propio curso" says_en="course's own function"
# es: El curso ya tiene esa función: se importa.
# en: The course has that function already: it is imported.
from mlprod.systems.company.functions import promote

# %% wrong="promote" score=0 says_es="del propio curso" says_en="course's own function"
# es: El texto de la función del curso, con otro nombre para lo mínimo.
# en: The text of the course's function, with another name for the minimum.
LEAST = 30


def promote(canary, stable):
    if min(canary["quotes"], stable["quotes"]) < LEAST:
        return "wait"
    error = math.sqrt(canary["std"] ** 2 / canary["quotes"] + stable["std"] ** 2 / stable["quotes"])
    difference = canary["mean"] - stable["mean"]
    if difference < -2 * error:
        return "rollback"
    return "promote" if difference - 2 * error > -0.1 * stable["mean"] else "wait"

# %% wrong="promote" score=0 says_es="del propio curso" says_en="course's own function"
# es: La función del curso, con otra por fuera.
# en: The course's function, inside another.
def promote(canary, stable):
    from mlprod.systems.company import functions

    return functions.promote(canary, stable)

# %% right="promote"
# es: con un intervalo para el cociente de lo que ganan
# en: with an interval for the ratio of what they earn
def promote(canary, stable):
    if canary["quotes"] < 30 or stable["quotes"] < 30 or stable["mean"] <= 0:
        return "wait"
    ratio = canary["mean"] / stable["mean"]
    half = 2 * math.hypot(*(group["std"] / math.sqrt(group["quotes"]) for group in (canary, stable))) / stable["mean"]
    if ratio + 1.25 * half < 1:
        return "rollback"
    return "promote" if ratio - half >= 0.9 else "wait"

# %% right="promote"
# es: con la t de Student (Welch) de scipy
# en: with scipy's Student's t (Welch)
def promote(canary, stable):
    from scipy.stats import ttest_ind_from_stats

    if min(canary["quotes"], stable["quotes"]) < 40:
        return "wait"
    numbers = [(g["mean"], g["std"], g["quotes"]) for g in (canary, stable)]
    if ttest_ind_from_stats(*numbers[0], *numbers[1], equal_var=False, alternative="less").pvalue < 0.005:
        return "rollback"
    floor = (0.9 * stable["mean"], stable["std"], stable["quotes"])
    if ttest_ind_from_stats(*numbers[0], *floor, equal_var=False, alternative="greater").pvalue < 0.02:
        return "promote"
    return "wait"

# %% [markdown] lang="es" row="28 29"
# ## 4. Qué precalcular (4 puntos)
#
# Una tabla guarda lo que dice el modelo de algunas parejas (zona, destino), y se rehace entera cada `ttl_s` segundos. Lo que está en la tabla no se calcula cuando se pide. De un registro de `seconds` segundos sabemos cuántas veces se pidió cada pareja:
# `asked` es un diccionario `{(zone, destination): times}`, y las demás parejas no se pidieron.
#
# | coste | cuánto |
# |---|---|
# | calcular una pareja cuando se pide | `online_eur` cada vez |
# | calcularla para la tabla, se pida o no | `batch_eur` cada vez que se rehace |
# | contestar con un dato de la tabla | `stale_eur` por **cada segundo** de antigüedad |
#
# Las peticiones se reparten por igual entre una vez que se rehace la tabla y la siguiente: cuenta con la antigüedad **media** (la tabla se rehace al instante).
#
# **a)** `head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room)`: la lista de las parejas que conviene tener en la tabla, si se sigue pidiendo como en el registro: las que ahorran algo (más de cero), de más a menos ahorro, y como mucho `room`, que son las que caben. No se prueban empates (tampoco en **b**).
#
# **b)** `best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room)`: de los `ttl_s` de la lista `ttls`, el que menos gasta en total por segundo, cada uno con su mejor tabla. El total es lo que cuesta todo lo que se pide, esté o no en la tabla, y la tabla. Si lo mejor es no tener tabla, `None`.
# %% [markdown] lang="en" row="28 29"
# ## 4. What to precompute (4 points)
#
# A table keeps what the model says of some pairs (zone, destination), and is rebuilt every `ttl_s` seconds. What is in the table is not computed when it is asked for. From a log of `seconds` seconds we know how many times each pair was asked for:
# `asked` is a dict `{(zone, destination): times}`, and the other pairs were not asked for.
#
# | cost | how much |
# |---|---|
# | computing a pair when it is asked for | `online_eur` each time |
# | computing it for the table, whether it is asked for or not | `batch_eur` each time the table is rebuilt |
# | answering from the table | `stale_eur` for **each second** of age |
#
# Requests come evenly between one rebuilding of the table and the next: reckon with the **mean** age (rebuilding takes no time).
#
# **a)** `head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room)`: the list of the pairs that are worth having in the table, if people go on asking as in the log: those that save something (more than zero), from most to least saved, and `room`, which is how many fit, at most. Ties are not tested (nor are they in **b**).
#
# **b)** `best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room)`: of the `ttl_s` in the list `ttls`, the one that spends least in all per second, each with its best table. The total is what all that is asked for costs, in the table or not, and the table. If it is best to have no table, `None`.

# %%
# es: cuántas veces se pide cada pareja (zona, destino)
# en: how many times each pair (zone, destination) is asked for
def asked_in(market):
    counts = {}
    for quote in market.quotes:
        counts[quote.zone, quote.level] = counts.get((quote.zone, quote.level), 0) + 1
    return counts


LOG = asked_in(Market.simulate(seed=5, seconds=60))
print(len(LOG), tr(es="parejas; las más pedidas:", en="pairs; the most asked for:"), sorted(LOG.items(), key=lambda one: -one[1])[:3])

# %% answer="head"
def head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room):
    ### BEGIN SOLUTION
    each = online_eur - stale_eur * ttl_s / 2
    saved = {pair: times / seconds * each - batch_eur / ttl_s for pair, times in asked.items()}
    return sorted((pair for pair in saved if saved[pair] > 0), key=saved.get, reverse=True)[:room]
    ### END SOLUTION


def best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room):
    ### BEGIN SOLUTION
    best, most = None, 0.0
    for ttl_s in ttls:
        pairs = head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room)
        each = online_eur - stale_eur * ttl_s / 2
        saved = sum(asked[pair] for pair in pairs) / seconds * each - len(pairs) * batch_eur / ttl_s
        if saved > most:
            best, most = ttl_s, saved
    return best
    ### END SOLUTION

# %% test="head/which" points=2 row="28 29" objective="8.4"
from mlprod import checks

_t_asked = {(0, 0): 600, (0, 1): 300, (1, 0): 150, (2, 5): 60, (3, 9): 6}
checks.same(
    [list(pair) for pair in checks.plain(head(_t_asked, 60, 1.0, 0.04, 0.05, 0.0, 10))], [[0, 0], [0, 1], [1, 0]],
    tr(es="Se piden 10, 5, 2.5, 1 y 0.1 veces por segundo; cada vez que no se calcula ahorra 0.04 €, y la tabla cuesta 0.05 € por pareja y segundo.", en="They are asked for 10, 5, 2.5, 1 and 0.1 times a second; each time that is not computed saves 0.04 €, and the table costs 0.05 € per pair and second."),
)
checks.same([list(pair) for pair in checks.plain(head(_t_asked, 60, 10.0, 0.04, 0.05, 0.0, 10))], [[0, 0], [0, 1], [1, 0], [2, 5]], tr(es="Si la tabla se rehace cada 10 s, cuesta 0.005 € por pareja y segundo.", en="If the table is rebuilt every 10 s, it costs 0.005 € per pair and second."))
checks.same(checks.plain(head(_t_asked, 60, 10.0, 0.04, 0.05, 0.009, 10)), [], tr(es="Con 0.009 € por segundo de antigüedad y una tabla de 10 s, la antigüedad media cuesta más de lo que se ahorra.", en="At 0.009 € per second of age and a table of 10 s, the mean age costs more than is saved."))
checks.same(
    [list(pair) for pair in checks.plain(head(_t_asked, 60, 10.0, 0.04, 0.05, 0.005, 10))], [[0, 0], [0, 1], [1, 0], [2, 5]],
    tr(es="Con 0.005 € por segundo de antigüedad y una tabla de 10 s. Cuenta con la antigüedad media: son 0.025 € por precio, menos de lo que se ahorra.", en="At 0.005 € per second of age and a table of 10 s. Reckon with the mean age: it is 0.025 € per price, less than is saved."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = random.Random(4)
for _t_number in range(40):
    _t_log = {(zone, place): 1 + int(_t_chance.paretovariate(0.7)) % 997 + zone / 7 + place / 6151 for zone in range(4) for place in range(25)}  # no ties
    _t_seconds, _t_ttl, _t_online, _t_batch, _t_stale = _t_chance.choice([30, 60, 600]), _t_chance.choice([0.3, 1, 5]), _t_chance.uniform(0.02, 0.3), _t_chance.uniform(0.001, 0.05), _t_chance.choice([0, 0.003, 0.02])
    _t_saved = {pair: n / _t_seconds * (_t_online - _t_stale * _t_ttl / 2) - _t_batch / _t_ttl for pair, n in _t_log.items()}
    _t_want = sorted((pair for pair, euros in _t_saved.items() if euros > 0), key=lambda pair: -_t_saved[pair])
    if any(abs(euros) < 1e-9 for euros in _t_saved.values()):
        continue
    checks.same(
        [list(pair) for pair in checks.plain(head(dict(_t_log), _t_seconds, _t_ttl, _t_online, _t_batch, _t_stale, 1000))], [list(pair) for pair in _t_want],
        tr(es=f"Cien parejas, seconds={_t_seconds}, ttl_s={_t_ttl}, online_eur={_t_online:.3f}, batch_eur={_t_batch:.3f}, stale_eur={_t_stale}. Cuenta con la antigüedad media.", en=f"A hundred pairs, seconds={_t_seconds}, ttl_s={_t_ttl}, online_eur={_t_online:.3f}, batch_eur={_t_batch:.3f}, stale_eur={_t_stale}. Reckon with the mean age."),
    )
### END HIDDEN TESTS

# %% test="head/room" points=1 row="29" objective="8.4"
checks.same([list(pair) for pair in checks.plain(head(_t_asked, 60, 10.0, 0.04, 0.05, 0.0, 2))], [[0, 0], [0, 1]], tr(es="Solo caben dos.", en="Only two fit."))
checks.same(checks.plain(head({}, 60, 1.0, 0.04, 0.01, 0.0, 5)), [], tr(es="No se ha pedido nada.", en="Nothing was asked for."))
checks.passed()
### BEGIN HIDDEN TESTS
checks.same(checks.plain(head(_t_asked, 60, 10.0, 0.04, 0.05, 0.0, 0)), [], tr(es="No cabe ninguna.", en="None fits."))
checks.same(checks.plain(head(_t_asked, 60, 1.0, 0.04, 900.0, 0.0, 3)), [], tr(es="Caben tres, pero ninguna ahorra: la tabla no tiene que estar llena.", en="Three fit, but none saves: the table need not be full."))
checks.same([list(pair) for pair in checks.plain(head(_t_asked, 60, 1.0, 0.04, 0.05, 0.0, 4))], [[0, 0], [0, 1], [1, 0]], tr(es="Caben cuatro, y solo tres ahorran.", en="Four fit, and only three save."))
### END HIDDEN TESTS

# %% test="head/ttl" points=1 row="28" objective="8.4"
checks.same(checks.plain(best_ttl(_t_asked, 60, [0.1, 1.0, 10.0, 100.0], 0.04, 0.05, 0.004, 10)), 1.0, tr(es="Rehacer la tabla cada 0.1 s cuesta más que calcular; con 10 o 100 s, los datos son demasiado viejos.", en="Rebuilding the table every 0.1 s costs more than computing; at 10 or 100 s, the data are too old."))
checks.same(checks.plain(best_ttl(_t_asked, 60, [0.1, 1.0], 0.04, 9.0, 0.004, 10)), None, tr(es="Con esta factura conviene no tener tabla.", en="At this bill it is best to have no table."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = random.Random(6)
for _t_number in range(60):
    _t_log = {(zone, place): 1 + int(_t_chance.paretovariate(0.8)) % 997 + zone / 7 + place / 6151 for zone in range(4) for place in range(12)}
    _t_seconds, _t_online, _t_batch, _t_stale, _t_room = 60, _t_chance.uniform(0.02, 0.3), _t_chance.uniform(0.001, 0.2), _t_chance.choice([0.002, 0.01, 0.05]), _t_chance.choice([3, 10, 48])
    _t_ttls = _t_chance.sample([0.05, 0.2, 0.7, 2.0, 6.0, 20.0, 70.0], 4)
    _t_gains = []
    for _t_ttl in _t_ttls:
        _t_saved = sorted((n / _t_seconds * (_t_online - _t_stale * _t_ttl / 2) - _t_batch / _t_ttl for n in _t_log.values()), reverse=True)[:_t_room]
        _t_gains.append(sum(euros for euros in _t_saved if euros > 0))
    if len(set(_t_gains)) < 4 and max(_t_gains) > 0 and sorted(_t_gains)[-2] == max(_t_gains):
        continue
    checks.same(
        checks.plain(best_ttl(dict(_t_log), _t_seconds, list(_t_ttls), _t_online, _t_batch, _t_stale, _t_room)), _t_ttls[_t_gains.index(max(_t_gains))] if max(_t_gains) > 0 else None,
        tr(es=f"ttls={_t_ttls}, online_eur={_t_online:.3f}, batch_eur={_t_batch:.3f}, stale_eur={_t_stale}, room={_t_room}.", en=f"ttls={_t_ttls}, online_eur={_t_online:.3f}, batch_eur={_t_batch:.3f}, stale_eur={_t_stale}, room={_t_room}."),
    )
### END HIDDEN TESTS

# %% wrong="head" score=0 says_es="cada vez que no se calcula ahorra" says_en="each time that is not computed saves"
# es: Lo más pedido a la tabla, hasta que se llene.
# en: The most asked for into the table, until it is full.
def head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room):
    return sorted(asked, key=asked.get, reverse=True)[:room]


def best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room):
    return max(ttls)

# %% wrong="head" score=0 says_es="cada vez que no se calcula ahorra" says_en="each time that is not computed saves"
# es: La tabla se paga una vez: se compara con todo lo que se pide en el registro.
# en: The table is paid for once: it is compared with all that is asked for in the log.
def head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room):
    saved = {pair: times * (online_eur - stale_eur * ttl_s / 2) - batch_eur for pair, times in asked.items()}
    return sorted((pair for pair in saved if saved[pair] > 0), key=saved.get, reverse=True)[:room]


def best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room):
    return min(ttls)

# %% wrong="head" score=1 says_es="Cuenta con la antigüedad media" says_en="Reckon with the mean age"
# es: La tabla es tan vieja como su ttl.
# en: The table is as old as its ttl.
def head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room):
    saved = {pair: times / seconds * (online_eur - stale_eur * ttl_s) - batch_eur / ttl_s for pair, times in asked.items()}
    return sorted((pair for pair in saved if saved[pair] > 0), key=saved.get, reverse=True)[:room]


def best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room):
    best, most = None, 0
    for ttl_s in ttls:
        pairs = head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room)
        saved = sum(asked[p] / seconds * (online_eur - stale_eur * ttl_s) - batch_eur / ttl_s for p in pairs)
        if saved > most:
            best, most = ttl_s, saved
    return best

# %% wrong="head" score=3 says_es="conviene no tener tabla" says_en="best to have no table"
# es: Cuanto más fresca la tabla, mejor.
# en: The fresher the table, the better.
def head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room):
    saved = {pair: times / seconds * (online_eur - stale_eur * ttl_s / 2) - batch_eur / ttl_s for pair, times in asked.items()}
    return sorted((pair for pair in saved if saved[pair] > 0), key=saved.get, reverse=True)[:room]


def best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room):
    return min((ttl for ttl in ttls if head(asked, seconds, ttl, online_eur, batch_eur, stale_eur, room)), default=min(ttls))

# %% right="head"
# es: con numpy, y el gasto entero en lugar del ahorro
# en: with numpy, and the whole expense instead of the saving
def head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room):
    pairs = list(asked)
    rate = np.array([asked[pair] for pair in pairs], dtype=float) / seconds
    gain = rate * online_eur - (rate * stale_eur * ttl_s / 2 + batch_eur / ttl_s)
    order = [i for i in np.argsort(-gain) if gain[i] > 0]
    return [pairs[i] for i in order[:room]]


def spent(asked, seconds, ttl_s, table, online_eur, batch_eur, stale_eur):
    total = len(table) * batch_eur / ttl_s
    for pair, times in asked.items():
        total += times / seconds * (stale_eur * ttl_s / 2 if pair in table else online_eur)
    return total


def best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room):
    options = [(spent(asked, seconds, 1.0, (), online_eur, batch_eur, stale_eur), None)]
    for ttl_s in ttls:
        table = set(head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room))
        if table:
            options.append((spent(asked, seconds, ttl_s, table, online_eur, batch_eur, stale_eur), ttl_s))
    return min(options, key=lambda option: option[0])[1]

# %% right="head"
# es: pareja a pareja, y con el ahorro de tenerla durante una hora
# en: pair by pair, and by what having it for an hour saves
def saved_in_an_hour(times, seconds, ttl_s, online_eur, batch_eur, stale_eur):
    asked_for, made = 3600 * times / seconds, 3600 / ttl_s
    return asked_for * (online_eur - stale_eur * 0.5 * ttl_s) - made * batch_eur


def head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room):
    worth = []
    for pair, times in asked.items():
        euros = saved_in_an_hour(times, seconds, ttl_s, online_eur, batch_eur, stale_eur)
        if euros > 0:
            worth.append((euros, pair))
    worth.sort(reverse=True)
    return tuple(pair for _, pair in worth)[:room]


def best_ttl(asked, seconds, ttls, online_eur, batch_eur, stale_eur, room):
    gains = {None: 0.0}
    for ttl_s in ttls:
        kept = head(asked, seconds, ttl_s, online_eur, batch_eur, stale_eur, room)
        gains[ttl_s] = sum(saved_in_an_hour(asked[pair], seconds, ttl_s, online_eur, batch_eur, stale_eur) for pair in kept)
    return max(gains, key=gains.get)

# %% [markdown] lang="es" row="40"
# ## 5. ¿Qué se ha roto? (5 puntos)
#
# Son las tres de la mañana y suena una alarma. Lo que se ve son unas **medidas** de los últimos segundos (`now`) y las de un rato tranquilo de la misma empresa (`usual`), de una empresa que prueba una versión nueva con un canario del 40 %:
#
# | medida | qué es |
# |---|---|
# | `asked` | precios pedidos por segundo |
# | `phone_share` | de cada zona, qué fracción de los precios (de 0 a 1) ha puesto el móvil porque la nube no contestaba |
# | `phone_ms` | de cada zona, la mediana de lo que tardan esos precios del móvil, en ms; `None` si no ha puesto ninguno |
# | `timeout_ms` | lo que espera un móvil a la nube antes de poner él el precio, que tarda entonces `timeout_ms` o algo más. Si la nube **rechaza** la petición, no espera |
# | `cloud_ms` | percentil 95 de lo que tardan los precios que la nube da **a tiempo**, en ms: no puede pasar de `timeout_ms`; `None` si no hay ninguno |
# | `cloud_age_s` | antigüedad media de los datos con que los pone la nube; `None` si no hay ninguno |
# | `earned` | euros por precio, en esos segundos, de la versión de siempre (`"first"`) y de la nueva (`"new"`) |
#
# Escribe `diagnose(usual, now)`, que devuelve el **conjunto** de lo que va mal:
#
# - `"features"`: el servicio de características se ha parado, y la nube pone precios con datos viejos;
# - `"prices"`: el servicio de precios se ha caído, y las peticiones se rechazan;
# - `"network"`: los móviles de una o varias zonas están sin red, y nadie les contesta;
# - `"load"`: hay tantas peticiones que la nube tarda (las dos cosas: muchas y despacio);
# - `"version"`: la versión nueva es mala.
#
# Puede ser más de una cosa, o ninguna: `set()`. Que algo haya cambiado no quiere decir que se haya roto. Cuenta como cambio: una antigüedad o un número de peticiones al menos **el doble** de lo habitual; un tiempo al menos **un 50 % mayor**; más de **la mitad** de los precios de una zona puestos por móviles; que la versión nueva gane al menos **un 15 % menos que la de siempre en los mismos segundos** (las dos de `now`). Ninguna prueba se acerca a esos límites.
#
# - **Sobrecarga o falta de red.** Con demasiadas peticiones también hay móviles que se cansan de esperar, pero en **todas** las zonas, y `asked` lo explica. Sin red esperan los de unas zonas, o los de todas, con las peticiones de siempre. En ninguna prueba hay las dos cosas a la vez y, en las de sobrecarga, los móviles ponen menos de la mitad de los precios de cada zona.
# - **`None`.** Pueden serlo `cloud_ms` y `cloud_age_s` de `now`, y `phone_ms` de las zonas en que el móvil no ha puesto precios. Las demás medidas, y todo `usual` salvo `phone_ms`, son siempre números.
# - Lo que no se ve no se puede afirmar: sin precios de la nube no se sabe si sus datos son viejos ni si tarda.
# %% [markdown] lang="en" row="40"
# ## 5. What has broken? (5 points)
#
# It is three in the morning and an alarm goes off. What can be seen are some **metrics** of the last few seconds (`now`) and those of a quiet period (`usual`), of a company that is trying a new version with a canary of 40%:
#
# | metric | what it is |
# |---|---|
# | `asked` | prices asked for per second |
# | `phone_share` | for each zone, which fraction of the prices (from 0 to 1) the phone set, because the cloud did not answer |
# | `phone_ms` | for each zone, the median time that those prices of the phone take, in ms; `None` if it set none |
# | `timeout_ms` | how long a phone waits for the cloud before it sets the price itself, which then takes `timeout_ms` or a little more. If the cloud **refuses** the request, it does not wait |
# | `cloud_ms` | 95th percentile of the time that the prices which the cloud gives **in time** take, in ms: it cannot exceed `timeout_ms`; `None` if there are none |
# | `cloud_age_s` | mean age of the data from which the cloud sets them; `None` if there are none |
# | `earned` | euros per price, in those seconds, of the usual version (`"first"`) and of the new one (`"new"`) |
#
# Write `diagnose(usual, now)`, which returns the **set** of what is wrong:
#
# - `"features"`: the feature service has stopped, and the cloud sets prices from old data;
# - `"prices"`: the price service is down, and requests are refused;
# - `"network"`: the phones of one or more zones have no network, and nobody answers them;
# - `"load"`: there are so many requests that the cloud is slow (both things: many and slow);
# - `"version"`: the new version is bad.
#
# It may be more than one thing, or none: `set()`. That something has changed does not mean that it is broken. What counts as a change: an age or a number of requests at least **twice** the usual; a time at least **50% longer**; more than **half** of a zone's prices set by phones; the new version's earning at least **15% less than the usual one in the same seconds** (both of `now`). No test comes near those limits.
#
# - **Overload or no network.** With too many requests some phones get tired of waiting, too, but in **all** zones, and `asked` explains it. Without a network those of some zones wait, or those of all, with the usual requests. No test has both things at once and, in those of overload, phones set fewer than half of each zone's prices.
# - **`None`.** `cloud_ms` and `cloud_age_s` of `now` may be, and so may `phone_ms` of the zones in which the phone set no prices. The other metrics, and all of `usual` but `phone_ms`, are always numbers.
# - What is not seen cannot be stated: without prices of the cloud nobody knows whether its data are old, nor whether it is slow.

# %%
# es: el valor por debajo del cual queda esa fracción de los valores; None si no hay ninguno
# en: the value below which that fraction of the values lies; None if there are none
def middle(values, fraction=0.5):
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(fraction * len(ordered)))], 1) if ordered else None


def average(values):
    values = list(values)
    return round(sum(values) / len(values), 3) if values else None


# es: lo que se ve de los precios pedidos del segundo begin al segundo end de un escenario
# en: what is seen of the prices asked for from second begin to second end of a scenario
def metrics(scenario, begin, end):
    design, seen = Design(rollout="canary", fraction=0.4), []
    simulate(design, scenario, Functions(promote=lambda *_: "wait"), watch=lambda answer, euros: seen.append((answer, euros)))
    seen = [(answer, euros) for answer, euros in seen if begin <= answer.quote.t < end]
    asked, seen = len(seen), [(answer, euros) for answer, euros in seen if answer.price is not None]
    phone, cloud = ([answer for answer, _ in seen if (answer.source == "phone") == wanted] for wanted in (True, False))
    return {
        "asked": round(asked / (end - begin), 1),
        "phone_share": [average(answer.source == "phone" for answer, _ in seen if answer.quote.zone == zone) for zone in range(4)],
        "phone_ms": [middle(1000 * (answer.t - answer.quote.t) for answer in phone if answer.quote.zone == zone) for zone in range(4)],
        "timeout_ms": 1000 * design.timeout_s,
        "cloud_ms": middle((1000 * (answer.t - answer.quote.t) for answer in cloud), 0.95),
        "cloud_age_s": average(answer.t - answer.as_of for answer in cloud),
        "earned": {name: average(euros for answer, euros in seen if (answer.version == "first") == (name == "first")) for name in ("first", "new")},
    }


QUIET = Scenario(seed=10, seconds=18, release=Release(1, "good"))
print("usual:", metrics(QUIET, 2, 8))
print("now:  ", metrics(replace(QUIET, outages=(Outage(1, 8, 18),)), 9, 17))

# %% answer="diagnose"
def diagnose(usual, now):
    ### BEGIN SOLUTION
    wrong = set()
    for share, phone_ms in zip(now["phone_share"], now["phone_ms"], strict=True):
        if share > 0.5:
            wrong.add("network" if phone_ms >= now["timeout_ms"] else "prices")
    if now["cloud_age_s"] is not None and now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        wrong.add("features")
    if now["cloud_ms"] is not None and now["cloud_ms"] >= 1.5 * usual["cloud_ms"] and now["asked"] >= 2 * usual["asked"]:
        wrong.add("load")
    if now["earned"]["new"] <= 0.85 * now["earned"]["first"]:
        wrong.add("version")
    return wrong
    ### END SOLUTION

# %% test="diagnose/one" points=2 row="40" objective="8.5"
from mlprod import checks


def _t_found(usual, now, want, what):
    about = what + "\n  usual: " + json.dumps(usual) + "\n  now:   " + json.dumps(now)
    checks.same(diagnose(usual, now), want, about)


def _t_seen(**what):
    return metrics(replace(QUIET, **what), 9, 17)


_t_usual = metrics(QUIET, 2, 8)
_t_busy = _t_seen(bursts=((8, 18, 7.0),))
_t_down = _t_seen(crashes=(Crash("prices", 8, 10),))
_t_old = _t_seen(crashes=(Crash("features", 8, 10),))
_t_bad = _t_seen(release=Release(1, "zones"))
_t_found(_t_usual, _t_old, {"features"}, tr(es="La nube contesta a tiempo, con datos viejos.", en="The cloud answers on time, from old data."))
_t_found(_t_usual, _t_seen(outages=(Outage(1, 8, 18),)), {"network"}, tr(es="En una zona contestan los móviles, tras esperar.", en="In one zone the phones answer, after waiting."))
_t_found(_t_usual, _t_bad, {"version"}, tr(es="La versión nueva gana bastante menos que la de siempre en los mismos segundos.", en="The new version earns quite a lot less than the usual one in the same seconds."))
_t_found(_t_usual, _t_down, {"prices"}, tr(es="En todas las zonas contestan los móviles, y sin esperar.", en="In all zones the phones answer, and without waiting."))
_t_found(_t_usual, _t_busy, {"load"}, tr(es="Siete veces las peticiones de siempre, y la nube tarda más: algunos móviles, en todas las zonas, se cansan de esperar.", en="Seven times the usual requests, and the cloud is slower: some phones, in all zones, get tired of waiting."))
_t_found(_t_usual, _t_seen(outages=tuple(Outage(zone, 8, 18) for zone in range(4))), {"network"}, tr(es="En todas las zonas contestan los móviles, tras esperar: nadie les rechaza la petición.", en="In all zones the phones answer, after waiting: nobody refuses their request."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_other = replace(QUIET, seed=3)
_t_day = metrics(_t_other, 2, 8)
_t_found(_t_day, metrics(replace(_t_other, outages=tuple(Outage(zone, 8, 18) for zone in range(4))), 9, 17), {"network"}, tr(es="Otro día, y en todas las zonas contestan los móviles, tras esperar: nadie les rechaza la petición.", en="Another day, and in all zones the phones answer, after waiting: nobody refuses their request."))
_t_found(_t_day, metrics(replace(_t_other, bursts=((8, 18, 7.0),)), 9, 17), {"load"}, tr(es="Otro día con siete veces las peticiones de siempre, y la nube tarda más.", en="Another day with seven times the usual requests, and the cloud is slower."))
### END HIDDEN TESTS

# %% test="diagnose/none" points=1 row="40" objective="8.5"
_t_found(_t_usual, metrics(QUIET, 9, 17), set(), tr(es="Otro rato tranquilo.", en="Another quiet period."))
_t_poor = {**_t_usual, "earned": {"first": 0.6 * _t_usual["earned"]["first"], "new": 0.61 * _t_usual["earned"]["first"]}}
_t_found(_t_usual, _t_poor, set(), tr(es="Se gana mucho menos, y lo mismo con las dos versiones: ha cambiado la ciudad, no el modelo.", en="Much less is earned, and the same with both versions: the city has changed, not the model."))
_t_found(_t_usual, _t_seen(bursts=((8, 18, 3.0),)), set(), tr(es="El triple de peticiones, y la nube contesta como siempre: es un buen día.", en="Three times as many requests, and the cloud answers as always: it is a good day."))
_t_slow = {**_t_usual, "cloud_ms": 2.2 * _t_usual["cloud_ms"]}
_t_found(_t_usual, _t_slow, set(), tr(es="La nube tarda más con las peticiones de siempre: no es la carga, ni nada de la lista.", en="The cloud is slower with the usual requests: it is not the load, nor anything in the list."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_other = replace(QUIET, seed=3)
_t_day = metrics(_t_other, 2, 8)
_t_found(_t_day, metrics(replace(_t_other, bursts=((8, 18, 3.0),)), 9, 17), set(), tr(es="Otro día con el triple de peticiones, y la nube contesta como siempre: es un buen día.", en="Another day with three times as many requests, and the cloud answers as always: it is a good day."))
_t_found(_t_day, {**_t_day, "cloud_ms": 2.1 * _t_day["cloud_ms"]}, set(), tr(es="Otro día, la nube tarda más con las peticiones de siempre: no es la carga, ni nada de la lista.", en="Another day, the cloud is slower with the usual requests: it is not the load, nor anything in the list."))
### END HIDDEN TESTS

# %% test="diagnose/several" points=2 row="40" objective="8.5"
_t_found(
    _t_usual, _t_seen(crashes=(Crash("features", 8, 10),), outages=(Outage(0, 8, 18), Outage(2, 8, 18))), {"features", "network"},
    tr(es="Dos zonas sin red y, en las demás, datos viejos.", en="Two zones without a network and, in the others, old data."),
)
_t_found(_t_usual, _t_seen(crashes=(Crash("prices", 8, 10),), outages=(Outage(3, 8, 18),)), {"prices", "network"}, tr(es="En tres zonas contestan los móviles sin esperar, y en una, tras esperar.", en="In three zones the phones answer without waiting, and in one after waiting."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_found(_t_usual, {**_t_down, "earned": _t_bad["earned"]}, {"prices", "version"}, tr(es="El servicio de precios se ha caído y, en los móviles, la versión nueva gana bastante menos.", en="The price service is down and, on the phones, the new version earns quite a lot less."))
_t_found(_t_usual, _t_seen(crashes=(Crash("prices", 8, 10),), outages=(Outage(0, 8, 18), Outage(1, 8, 18))), {"prices", "network"}, tr(es="En dos zonas contestan los móviles sin esperar, y en las otras dos, tras esperar.", en="In two zones the phones answer without waiting, and in the other two after waiting."))
_t_found(_t_usual, {**_t_old, "earned": _t_bad["earned"]}, {"features", "version"}, tr(es="Datos viejos y una versión nueva que gana bastante menos.", en="Old data and a new version that earns quite a lot less."))
_t_found(_t_usual, _t_seen(crashes=(Crash("prices", 8, 10), Crash("features", 8, 10))), {"prices"}, tr(es="No hay ningún precio de la nube: de sus datos no se puede decir nada.", en="There is no price of the cloud: nothing can be said about its data."))
### END HIDDEN TESTS

# %% wrong="diagnose" score=1 says_es="nadie les rechaza" says_en="nobody refuses"
# es: Si contestan los móviles de todas las zonas, se ha caído el servicio de precios; si solo los de algunas, es la red.
# en: If the phones of all zones answer, the price service is down; if only those of some, it is the network.
def diagnose(usual, now):
    wrong = set()
    on_phone = [share > 0.5 for share in now["phone_share"]]
    if any(on_phone):
        wrong.add("prices" if all(on_phone) else "network")
    if now["cloud_age_s"] is not None and now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        wrong.add("features")
    if now["cloud_ms"] is not None and now["cloud_ms"] >= 1.5 * usual["cloud_ms"] and now["asked"] >= 2 * usual["asked"]:
        wrong.add("load")
    if now["earned"]["new"] <= 0.85 * now["earned"]["first"]:
        wrong.add("version")
    return wrong

# %% wrong="diagnose" score=0 says_es="ha cambiado la ciudad" says_en="the city has changed"
# es: La versión es mala si ahora gana menos que en el rato tranquilo.
# en: The version is bad if it now earns less than in the quiet period.
def diagnose(usual, now):
    wrong = set()
    for share, phone_ms in zip(now["phone_share"], now["phone_ms"], strict=True):
        if share > 0.5:
            wrong.add("network" if phone_ms >= now["timeout_ms"] else "prices")
    if now["cloud_age_s"] is not None and now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        wrong.add("features")
    if now["cloud_ms"] is not None and now["cloud_ms"] >= 1.5 * usual["cloud_ms"] and now["asked"] >= 2 * usual["asked"]:
        wrong.add("load")
    if now["earned"]["new"] <= 0.85 * usual["earned"]["new"]:
        wrong.add("version")
    return wrong

# %% wrong="diagnose" score=4 says_es="es un buen día" says_en="it is a good day"
# es: El doble de peticiones es demasiada carga.
# en: Twice as many requests is too much load.
def diagnose(usual, now):
    wrong = set()
    for share, phone_ms in zip(now["phone_share"], now["phone_ms"], strict=True):
        if share > 0.5:
            wrong.add("network" if phone_ms >= now["timeout_ms"] else "prices")
    if now["cloud_age_s"] is not None and now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        wrong.add("features")
    if now["asked"] >= 2 * usual["asked"]:
        wrong.add("load")
    if now["earned"]["new"] <= 0.85 * now["earned"]["first"]:
        wrong.add("version")
    return wrong

# %% wrong="diagnose" score=4 says_es="no es la carga" says_en="not the load"
# es: Si la nube tarda más, es que tiene demasiado trabajo.
# en: If the cloud is slower, it has too much work.
def diagnose(usual, now):
    wrong = set()
    for share, phone_ms in zip(now["phone_share"], now["phone_ms"], strict=True):
        if share > 0.5:
            wrong.add("network" if phone_ms >= now["timeout_ms"] else "prices")
    if now["cloud_age_s"] is not None and now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        wrong.add("features")
    if now["cloud_ms"] is not None and now["cloud_ms"] >= 1.5 * usual["cloud_ms"]:
        wrong.add("load")
    if now["earned"]["new"] <= 0.85 * now["earned"]["first"]:
        wrong.add("version")
    return wrong

# %% wrong="diagnose" score=3 says_es="tras esperar" says_en="after waiting"
# es: Con la zona que peor está basta: lo que le pasa a ella les pasa a todas.
# en: The zone that is worst is enough: what happens to it happens to all.
def diagnose(usual, now):
    wrong = set()
    share, phone_ms = max(zip(now["phone_share"], now["phone_ms"], strict=True), key=lambda one: one[0])
    if share > 0.5:
        wrong.add("network" if phone_ms >= now["timeout_ms"] else "prices")
    if now["cloud_age_s"] is not None and now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        wrong.add("features")
    if now["cloud_ms"] is not None and now["cloud_ms"] >= 1.5 * usual["cloud_ms"] and now["asked"] >= 2 * usual["asked"]:
        wrong.add("load")
    if now["earned"]["new"] <= 0.85 * now["earned"]["first"]:
        wrong.add("version")
    return wrong

# %% wrong="diagnose" score=3 says_es="Dos zonas sin red" says_en="Two zones without a network"
# es: Hay una causa: la primera que se encuentra.
# en: There is one cause: the first one that is found.
def diagnose(usual, now):
    for share, phone_ms in zip(now["phone_share"], now["phone_ms"], strict=True):
        if share > 0.5:
            return {"network"} if phone_ms >= now["timeout_ms"] else {"prices"}
    if now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        return {"features"}
    if now["cloud_ms"] >= 1.5 * usual["cloud_ms"] and now["asked"] >= 2 * usual["asked"]:
        return {"load"}
    return {"version"} if now["earned"]["new"] <= 0.85 * now["earned"]["first"] else set()

# %% wrong="diagnose" score=1 says_es="y sin esperar" says_en="without waiting"
# es: Si no hay datos, es que el servicio que los da también se ha parado.
# en: If there are no data, the service that gives them has stopped, too.
def diagnose(usual, now):
    wrong = set()
    for share, phone_ms in zip(now["phone_share"], now["phone_ms"], strict=True):
        if share > 0.5:
            wrong.add("network" if phone_ms >= now["timeout_ms"] else "prices")
    if now["cloud_age_s"] is None or now["cloud_age_s"] >= 2 * usual["cloud_age_s"]:
        wrong.add("features")
    if (now["cloud_ms"] or 0) >= 1.5 * usual["cloud_ms"] and now["asked"] >= 2 * usual["asked"]:
        wrong.add("load")
    if now["earned"]["new"] <= 0.85 * now["earned"]["first"]:
        wrong.add("version")
    return wrong

# %% right="diagnose"
# es: comparando proporciones
# en: comparing ratios
def diagnose(usual, now):
    def times(name):
        return (now[name] or 0) / usual[name]

    phones = [(now["phone_ms"][zone] < 0.9 * now["timeout_ms"]) for zone in range(4) if now["phone_share"][zone] > 0.5]
    found = {
        "features": times("cloud_age_s") > 2,
        "load": times("cloud_ms") > 1.5 and times("asked") > 2,
        "prices": any(phones),
        "network": not all(phones),
        "version": now["earned"]["new"] / now["earned"]["first"] < 0.85,
    }
    return {name for name, wrong in found.items() if wrong}

# %% right="diagnose"
# es: una lista sin repeticiones también es un conjunto
# en: a list without repetitions is a set, too
def diagnose(usual, now):
    out = []
    waits = [ms for ms, share in zip(now["phone_ms"], now["phone_share"], strict=True) if share > 0.5]
    if any(ms < now["timeout_ms"] for ms in waits):
        out.append("prices")
    if any(ms >= now["timeout_ms"] for ms in waits):
        out.append("network")
    if now["cloud_ms"] is not None:
        if now["cloud_age_s"] > 2 * usual["cloud_age_s"]:
            out += ["features"]
        if now["asked"] > 2 * usual["asked"] and now["cloud_ms"] > 1.5 * usual["cloud_ms"]:
            out += ["load"]
    if now["earned"]["new"] < 0.85 * now["earned"]["first"]:
        out += ["version"]
    return out

# %% [markdown] lang="es" row="40"
# ## 6. El diseño (8 puntos)
#
# La empresa abre en una comarca de montaña. El mercado es el mismo: unos 60 precios pedidos por segundo entre las cuatro zonas, y destinos tan desiguales como los de la tarea 4. Lo que cambia: los móviles van por **3G** (300 ms de ida y vuelta y unos 60 más de media, con una cola larga), el servidor es viejo, la nube es cara y la gente se fía poco de una estimación.
#
# Escribe `my_design()`, que devuelve un `Design`: qué haces y dónde. Lo que no digas toma su valor por defecto, que iba bien en la ciudad; aquí es malo en **tres campos por lo menos**. Se ejecuta con **tus** tres funciones de las tareas 1, 2 y 3 (y con las antiguas de la empresa, `old_update`, `old_fallback` y `old_promote`, en el lugar de las que no hayas escrito o no funcionen) en escenarios que no conoces, parecidos a los de práctica: eventos tardíos y repetidos, cortes de red, servicios que caen, avalanchas que multiplican por cuatro las peticiones, y versiones nuevas, buenas o malas.
#
# Tus funciones cuentan tanto como el diseño: con las tres antiguas, ni el diseño del profesor recupera el 60 %; y basta con que una sea antigua, cualquiera de las tres, para que no llegue al 93 %. Si te falta alguna de las tareas 1 a 3, hazla antes que esta.
#
# | campo | valores | qué se elige |
# |---|---|---|
# | `features`, `refresh_s` | `"batch"`, `"stream"` | características: un trabajo cada `refresh_s` segundos (0.5 a 600), o cada evento cuando llega |
# | `prediction`, `head`, `ttl_s` | `"batch"`, `"online"`, `"hybrid"` | una tabla con todos los precios cada `ttl_s` segundos (0.05 a 600); cuando se pide; o una tabla con lo que dice el modelo de los `head` destinos más pedidos de cada zona (1 a 60), y el resto cuando se pide |
# | `placement`, `timeout_s` | `"cloud"`, `"edge"`, `"cloud_with_fallback"` | en la nube; siempre en el móvil; o en el móvil si la nube no ha contestado en `timeout_s` segundos (0.01 a 60) |
# | `model` | `"large"`, `"small"` | el modelo de la nube; el móvil tiene siempre el pequeño |
# | `rollout`, `fraction` | `"all"`, `"canary"` | una versión nueva, para todos o antes para una fracción (0.01 a 1) de las peticiones |
# | `commit` | `"before"`, `"after"` | los offsets se confirman antes de procesar, o después |
#
# Lo que tarda y cuesta cada cosa está en `COSTS` (la celda siguiente dice cuánto, y cuánto era en la ciudad):
#
# | campo de `COSTS` | unidad | qué es |
# |---|---|---|
# | `large_ms`, `small_ms` | ms | lo que ocupa al servidor calcular un precio con cada modelo; los atiende **de uno en uno** |
# | `table_ms` | ms | lo que ocupa al servidor un precio de la tabla (rehacer la tabla no lo ocupa) |
# | `phone_ms` | ms | lo que tarda el móvil en calcular un precio |
# | `patience_s` | s | tras esperar tanto sin precio, la persona se va |
# | `sync_s` | s | cada cuánto oyen los móviles las novedades de su zona |
# | `job_s`, `snapshot_s` | s | lo que tarda un trabajo por lotes; cada cuánto se guarda el estado del flujo |
# | `alarm_s` | s | lo que se tarda en retirar una versión mala que ya contesta a todo |
# | `server_eur` | € por segundo | cada servicio siempre encendido: el de precios y el de características en flujo |
# | `job_eur` | € por trabajo | cada trabajo de características por lotes |
# | `large_eur`, `small_eur` | € por precio | calcular un precio cuando se pide |
# | `batch_discount` | fracción | lo que cuesta calcularlo para la tabla, dividido entre lo que cuesta cuando se pide. Mientras hay un canario, la tabla guarda lo que dicen las dos versiones, sin coste añadido |
# | `sync_eur` | € por zona, cada vez | contar a los móviles las novedades |
# | `promise_eur` | € por promesa | un precio en firme con datos viejos |
# | `doubt` | fracción | de lo que ganaría un precio, lo que se pierde por ser una estimación |
# | `refund_eur` | € por precio | uno contado dos veces |
#
# Cada escenario da una pérdida: de cada 100 € que ganaría un **oráculo** que lo supiera todo, cuántos dejas de ganar, contando también la factura. Con la media de varios escenarios se calcula qué parte de lo que se pierde **hoy** (`TODAY`, con las funciones antiguas) recuperas. Recuperarlo todo, un 100 %, es perder lo mismo que la solución del profesor, que no es la mejor posible:
#
# $$\text{recuperado} = \frac{\text{hoy} - \text{tuyo}}{\text{hoy} - \text{profesor}}$$
#
# | qué se pide | puntos |
# |---|---|
# | recuperar el 60 % | 2 |
# | recuperar el 85 % | 2 |
# | recuperar el 93 % | 2 |
# | cuentas claras: ningún precio pedido se pierde ni se cuenta dos veces; se quedan sin precio como mucho el 1 %; una versión mala pone como mucho el 20 % (las dos cuentas, de todos los escenarios juntos); no se paga ninguna promesa | 2 |
#
# Cada comprobación visible pide lo mismo que la oculta, en los escenarios de práctica. `try_company(design)` ejecuta un diseño en ellos con tus funciones (unos segundos) y dice **cuánto recuperas**, quién pone los precios y por dónde se va el dinero.
#
# - **Antes de cada intento**, apunta en el comentario de tu celda qué causa crees que bajará y cuánto. Nadie lo corrige y un bucle con veinte diseños no es caro; pero un campo puede no cambiar nada hasta que se arregla otro, y así sabrás por qué.
# - **Cuentas.** Las de la tarea 4 sirven a medias. El servidor calcula los precios de uno en uno: ¿cuántos por segundo, y cuántos le quedan por calcular cuando una parte sale de la tabla? Y lo que cuesta la antigüedad no está en `COSTS`: mídelo con dos diseños que solo se distingan en `ttl_s`.
# - **Más escenarios.** `district(seed)` da uno para cada `seed`; `loses(design, my_functions(), [301, 302, 303])` es lo que pierde un diseño en esos tres. Así verás si has acertado o solo te has ajustado a los de práctica.
# %% [markdown] lang="en" row="40"
# ## 6. The design (8 points)
#
# The company opens in a mountain district. The market is the same: some 60 prices asked for per second in the four zones, and destinations as unequal as those of task 4. What changes: phones are on **3G** (a round trip of 300 ms, and another 60 on average on top, with a long tail), the server is old, the cloud is dear, and people trust an estimate little.
#
# Write `my_design()`, which returns a `Design`: what you do and where. What you leave out keeps its default value, which did well in the city; here it is bad in **at least three fields**. It runs with **your** three functions of tasks 1, 2 and 3 (and with the company's old ones, `old_update`, `old_fallback` and `old_promote`, in the place of those that you have not written or that do not work) in scenarios that you do not know, similar to those for practice: late and repeated events, network outages, services that die, bursts that multiply requests by four, and new versions, good or bad.
#
# Your functions count as much as the design: with the three old ones, not even the teacher's design recovers 60%; with a single old one, whichever of the three, it does not reach 93%. If you have left out any of tasks 1 to 3, do it before this one.
#
# | field | values | what is chosen |
# |---|---|---|
# | `features`, `refresh_s` | `"batch"`, `"stream"` | features: a job each `refresh_s` seconds (0.5 to 600), or each event when it arrives |
# | `prediction`, `head`, `ttl_s` | `"batch"`, `"online"`, `"hybrid"` | a table of all prices each `ttl_s` seconds (0.05 to 600); when asked; or a table of what the model says for the `head` most popular destinations of each zone (1 to 60), and the rest when asked |
# | `placement`, `timeout_s` | `"cloud"`, `"edge"`, `"cloud_with_fallback"` | in the cloud; always on the phone; or on the phone if the cloud has not answered within `timeout_s` seconds (0.01 to 60) |
# | `model` | `"large"`, `"small"` | the model in the cloud; the phone always has the small one |
# | `rollout`, `fraction` | `"all"`, `"canary"` | a new version, for all or for a fraction (0.01 to 1) of the requests first |
# | `commit` | `"before"`, `"after"` | offsets are committed before processing, or after |
#
# What each thing takes and costs is in `COSTS` (the next cell says how much, and how much it was in the city):
#
# | field of `COSTS` | unit | what it is |
# |---|---|---|
# | `large_ms`, `small_ms` | ms | how long computing a price with each model keeps the server busy; it serves them **one by one** |
# | `table_ms` | ms | how long a price from the table keeps the server busy (rebuilding the table does not) |
# | `phone_ms` | ms | what a phone takes to compute a price |
# | `patience_s` | s | after so long without a price, the rider goes away |
# | `sync_s` | s | how often phones hear the news of their zone |
# | `job_s`, `snapshot_s` | s | what a batch job takes; how often the state of the stream is saved |
# | `alarm_s` | s | what it takes to withdraw a bad version that already answers everything |
# | `server_eur` | € per second | each service that is always on: that of prices and that of stream features |
# | `job_eur` | € per job | each batch job of features |
# | `large_eur`, `small_eur` | € per price | computing a price when it is asked for |
# | `batch_discount` | fraction | what computing it for the table costs, divided by what it costs when asked for. During a canary the table keeps what both versions say, at no extra cost |
# | `sync_eur` | € per zone, each time | telling phones the news |
# | `promise_eur` | € per promise | a firm price from old data |
# | `doubt` | fraction | of what a price would earn, what is lost because it is an estimate |
# | `refund_eur` | € per price | one counted twice |
#
# Each scenario gives a loss: of each 100 € that an **oracle** which knew everything would earn, how many you fail to earn, the bill counted as well. From the mean of several scenarios it is computed which part of what is lost **today** (`TODAY`, with the old functions) you recover. Recovering all of it, 100%, is losing as much as the teacher's solution, which is not the best possible:
#
# $$\text{recovered} = \frac{\text{today} - \text{yours}}{\text{today} - \text{teacher}}$$
#
# | what is asked | points |
# |---|---|
# | recovering 60% | 2 |
# | recovering 85% | 2 |
# | recovering 93% | 2 |
# | clean books: no price asked for is lost or counted twice; at most 1% are left without a price; a bad version sets at most 20% (both of all scenarios together); no promise is paid | 2 |
#
# Each visible check asks for the same as the hidden one, in the practice scenarios. `try_company(design)` runs a design in them with your functions (a few seconds), and says **how much you recover**, who sets the prices, and where the money goes.
#
# - **Before each attempt**, write down in the comment of your cell which cause you think will fall and by how much. Nobody grades it, and a loop over twenty designs is not expensive; but a field may change nothing until another one is mended, and this way you will know why.
# - **Reckoning.** That of task 4 gets you only half way. The server computes prices one by one: how many a second, and how many has it left to compute when some of them come from the table? And what age costs is not in `COSTS`: measure it with two designs that differ in `ttl_s` only.
# - **More scenarios.** `district(seed)` gives one for each `seed`; `loses(design, my_functions(), [301, 302, 303])` is what a design loses in those three. This will tell you whether you are right, or have only fitted those for practice.
# %%
import functools

from mlprod.systems.company.design import Costs
from mlprod.systems.company.scorecard import Scorecard, cause_name

COSTS = Costs(patience_s=1.5, sync_s=3.0, alarm_s=30, large_ms=100, small_ms=50, large_eur=1.0, small_eur=0.5, batch_discount=0.6, sync_eur=0.05, doubt=0.25)
TODAY = Design("batch", 2, "batch", ttl_s=5, placement="cloud", rollout="all", commit="before")
PRACTICE = (102, 104, 112)
# es: lo que pierde la solución del profesor en los escenarios de práctica, de cada 100 €
# en: what the teacher's solution loses in the practice scenarios, of each 100 €
TEACHER_LOSES = 28.6


# es: las características antiguas de la empresa: cuenta lo que llega
# en: the company's old features: what arrives is what counts
def old_update(state, event):
    new = dict(state, newest=event.t)
    if event.kind == "quote":
        new["quotes"] += 1
        new["recent"] = [*state["recent"], event.t]
    else:
        new[{"supply": "drivers", "demand": "waiting", "rain": "rain"}[event.kind]] = event.level
    new["recent"] = [t for t in new["recent"] if t > event.t - WINDOW_S]
    return new


# es: el precio antiguo sin red: el último que se supo, tan en firme como cualquiera
# en: the company's old price without a network: the last one heard, as firm as any
def old_fallback(cached, age_s, most, usual):
    return Offer(best_price(cached.waiting, cached.drivers, most), False)


# es: la regla antigua: cinco precios, y gana la media mayor
# en: the company's old rule: five prices, and the greater mean wins
def old_promote(canary, stable):
    if canary["quotes"] < 5:
        return "wait"
    return "promote" if canary["mean"] >= stable["mean"] else "rollback"


OLD = Functions(old_update, old_fallback, old_promote)


# es: tu función; o la antigua, si la tuya no está escrita, si su celda falla o si falla con alguno de unos pocos ejemplos
# en: your function; or the old one, while yours is not written, if its cell fails or if yours fails on one of a few examples
def written(name, old, *examples):
    function = globals().get(name)
    if function is None:
        print(tr(es=f"No hay {name}, porque su celda no se ha ejecutado o ha fallado: se usa la antigua.", en=f"There is no {name}, because its cell has not run or has failed: the old one is used."))
        return old
    try:
        for example in examples:
            function(*example)
    except NotImplementedError:
        return old
    except Exception as error:
        print(tr(es=f"{name} falla con un ejemplo ({error!r}): se usa la antigua.", en=f"{name} fails on an example ({error!r}): the old one is used."))
        return old
    return function


# es: tus tres funciones, con una antigua en el lugar de cada una que no esté escrita o falle
# en: your three functions, with an old one in the place of each that is not written or fails
def my_functions():
    events = [Event(0.0, kind, 0, 3, 1) for kind in ("supply", "demand", "rain", "quote")]
    few, many = ({"quotes": quotes, "mean": 1.0, "std": 0.5} for quotes in (1, 400))
    return Functions(
        written("update", old_update, *((initial(), event) for event in events)),
        written("fallback", old_fallback, *((Features(1, 1, 0, 0), age_s, 20.0, USUAL) for age_s in (0.0, 90.0))),
        written("promote", old_promote, (few, few), (many, many)),
    )


# es: un escenario en la montaña
# en: a scenario in the mountains
def district(seed):
    drawn = Scenario.draw(seed, seconds=30)
    return replace(drawn, profile="3g", bursts=tuple((begin, end, 4.0) for begin, end, _ in drawn.bursts))


@functools.cache
def run_once(design, used, seed):
    return simulate(design, district(seed), used, COSTS)


# es: lo que pierde un diseño de cada 100 €, de media
# en: what a design loses of each 100 €, on average
def loses(design, used, seeds):
    return sum(run_once(design, used, seed).percent for seed in seeds) / len(seeds)


# es: muestra lo que pierden en los escenarios de práctica la empresa de hoy y un diseño con tus funciones
# en: shows what the company of today, and a design with your functions, lose in the practice scenarios
def try_company(design):
    used = my_functions()
    both = {
        tr(es="hoy, con las funciones antiguas", en="today, with the old functions"): (TODAY, OLD),
        tr(es="este diseño, con tus funciones", en="this design, with your functions"): (design, used),
    }
    card = Scorecard({name: tuple(run_once(*one, seed) for seed in PRACTICE) for name, one in both.items()})
    card.show(tr(es="Tres escenarios de práctica", en="Three practice scenarios"))
    card.plot()
    today = loses(TODAY, OLD, PRACTICE)
    part = (today - loses(design, used, PRACTICE)) / (today - TEACHER_LOSES)
    scores = [run_once(design, used, seed) for seed in PRACTICE]
    quotes, oracle = sum(score.counters["quotes"] for score in scores), sum(score.oracle for score in scores) / len(scores)
    table, online, phone, none = (100 * sum(score.counters[source] for score in scores) / quotes for source in ("table", "online", "phone", "unanswered"))
    print(tr(
        es=f"Este diseño: de los {quotes} precios pedidos, el {table:.1f} % sale de la tabla, el {online:.1f} % se calcula al pedirlo, el {phone:.1f} % lo pone el móvil y el {none:.1f} % se queda sin precio.",
        en=f"This design: of the {quotes} prices asked for, {table:.1f}% come from the table, {online:.1f}% are computed when asked for, {phone:.1f}% are set by the phone, and {none:.1f}% get no price.",
    ))
    print(tr(es=f"El oráculo gana {oracle:.0f} € por escenario, de media: {oracle / 30:.0f} € por segundo.", en=f"The oracle earns {oracle:.0f} € a scenario, on average: {oracle / 30:.0f} € a second."))
    print(tr(es=f"Recuperas el {100 * part:.1f} %.", en=f"You recover {100 * part:.1f}%."))


# es: way_ms y log_ms no se muestran: aquí son 0
# en: way_ms and log_ms are not shown: they are 0 here
tables.show(
    [
        {tr(es="campo", en="field"): name, tr(es="ciudad", en="city"): getattr(Costs(), name), tr(es="comarca", en="district"): value}
        for name, value in vars(COSTS).items() if name not in ("way_ms", "log_ms")
    ],
    tr(es="COSTS: lo que tarda y cuesta cada cosa", en="COSTS: what each thing takes and costs"),
)
try_company(Design())

# %% answer="design"
def my_design():
    ### BEGIN SOLUTION
    # es: la ida y vuelta no cabe en 0,3 s; rehacer la tabla a menudo es caro; con una tabla mayor, el servidor aguanta las avalanchas
    # en: the round trip does not fit in 0.3 s; rebuilding the table often is dear; with a larger table the server stands the bursts
    return Design(
        features="stream",
        prediction="hybrid",
        head=35,
        ttl_s=2.5,
        placement="cloud_with_fallback",
        timeout_s=1.3,
        model="small",
        rollout="canary",
        fraction=0.2,
        commit="after",
    )
    ### END SOLUTION


# es: cuando esté escrita, quita la almohadilla de la línea siguiente y ejecuta la celda
# en: once it is written, remove the hash sign of the next line and run the cell
# try_company(my_design())

# %% test="design/half" points=2 row="40" objective="8.6"
from mlprod import checks


def _t_recovered(least, seeds, teacher, where):
    """Whether `least` per cent of what is lost today is recovered."""
    design, used = my_design(), my_functions()
    assert isinstance(design, Design), tr(es=f"my_design devuelve un Design; ha devuelto {design!r}.", en=f"my_design returns a Design; it returned {design!r}.")
    mine, today = loses(design, used, seeds), loses(TODAY, OLD, seeds)
    part = 100 * (today - mine) / (today - teacher)
    scores = [run_once(design, used, seed) for seed in seeds]
    causes = {cause: sum(100 * score.causes[cause] / score.oracle for score in scores) / len(scores) for cause in scores[0].causes}
    most = sorted(causes, key=causes.get)[-3:]
    print(tr(es=f"{where}: recuperas el {part:.1f} %.", en=f"{where}: you recover {part:.1f}%."))
    assert part >= least, tr(
        es=f"{where}: recuperas el {part:.1f} % de lo que se pierde hoy, y aquí se pide el {least} %. Pierdes {mine:.1f} de cada 100 €, sobre todo por {', '.join(f'{cause_name(cause)} ({causes[cause]:.1f})' for cause in reversed(most))}.",
        en=f"{where}: you recover {part:.1f}% of what is lost today, and here {least}% is asked for. You lose {mine:.1f} of each 100 €, mostly by {', '.join(f'{cause_name(cause)} ({causes[cause]:.1f})' for cause in reversed(most))}.",
    )


_t_practice = tr(es="En los escenarios de práctica", en="In the practice scenarios")
_t_recovered(60, PRACTICE, TEACHER_LOSES, _t_practice)
checks.passed()
### BEGIN HIDDEN TESTS
from mlprod.systems.company import functions as _t_course

assert not any(getattr(my_functions(), name) is getattr(_t_course, name) for name in ("update", "fallback", "promote")), checks.borrowed()
_t_hidden = (202, 204, 206, 208, 242)
_t_recovered(60, _t_hidden, loses(Design(head=35, ttl_s=2.5, timeout_s=1.3), Functions(), _t_hidden), tr(es="En los escenarios ocultos", en="In the hidden scenarios"))
### END HIDDEN TESTS

# %% test="design/most" points=2 row="40" objective="8.6"
_t_recovered(85, PRACTICE, TEACHER_LOSES, _t_practice)
checks.passed()
### BEGIN HIDDEN TESTS
from mlprod.systems.company import functions as _t_course

assert not any(getattr(my_functions(), name) is getattr(_t_course, name) for name in ("update", "fallback", "promote")), checks.borrowed()
_t_hidden = (202, 204, 206, 208, 242)
_t_recovered(85, _t_hidden, loses(Design(head=35, ttl_s=2.5, timeout_s=1.3), Functions(), _t_hidden), tr(es="En los escenarios ocultos", en="In the hidden scenarios"))
### END HIDDEN TESTS

# %% test="design/near" points=2 row="40" objective="8.6"
_t_recovered(93, PRACTICE, TEACHER_LOSES, _t_practice)
checks.passed()
### BEGIN HIDDEN TESTS
from mlprod.systems.company import functions as _t_course

assert not any(getattr(my_functions(), name) is getattr(_t_course, name) for name in ("update", "fallback", "promote")), checks.borrowed()
_t_hidden = (202, 204, 206, 208, 242)
_t_recovered(93, _t_hidden, loses(Design(head=35, ttl_s=2.5, timeout_s=1.3), Functions(), _t_hidden), tr(es="En los escenarios ocultos", en="In the hidden scenarios"))
### END HIDDEN TESTS

# %% test="design/books" points=2 row="40" objective="8.6"
def _t_books(seeds):
    counters = {}
    for seed in seeds:
        for name, n in run_once(my_design(), my_functions(), seed).counters.items():
            counters[name] = counters.get(name, 0) + n
    about = tr(es=f"Cuentas de {len(seeds)} escenarios: {counters}.", en=f"The books of {len(seeds)} scenarios: {counters}.")
    for name, most, what in (
        ("lost", 0, tr(es="precios pedidos que no se han contado", en="prices asked for that were not counted")),
        ("repeated", 0, tr(es="precios contados dos veces", en="prices counted twice")),
        ("unanswered", 0.01 * counters["quotes"], tr(es="sin precio", en="without a price")),
        ("bad_version", 0.2 * counters["quotes"], tr(es="puestos por una versión mala", en="set by a bad version")),
        ("promises", 0, tr(es="promesas que hay que pagar", en="promises that must be paid")),
    ):
        assert counters[name] <= most, tr(es=f"Hay {counters[name]} {what}, y puede haber {most:.0f}. {about}", en=f"There are {counters[name]} {what}, and there may be {most:.0f}. {about}")


_t_books(PRACTICE)
checks.passed()
### BEGIN HIDDEN TESTS
from mlprod.systems.company import functions as _t_course

assert not any(getattr(my_functions(), name) is getattr(_t_course, name) for name in ("update", "fallback", "promote")), checks.borrowed()
_t_books((202, 204, 206, 208, 242))
### END HIDDEN TESTS

# %% wrong="design" score=4 says_es="85 %" says_en="85%"
# es: Lo único que cambia es la red: basta con más paciencia.
# en: Only the network changes: more patience is enough.
def my_design():
    return Design(timeout_s=1.3)

# %% wrong="design" score=0 says_es="sin precio" says_en="without a price"
# es: Todo en línea, con el modelo grande, preguntando cada segundo y con paciencia: ya contestará.
# en: Everything online, with the large model, polling every second, and patience: it will answer in the end.
def my_design():
    return Design(features="batch", refresh_s=1, prediction="online", model="large", timeout_s=5, rollout="all")

# %% wrong="design" score=4 says_es="el móvil:" says_en="the phone:"
# es: Sin depender de la red: todo en el móvil.
# en: Without depending on the network: everything on the phone.
def my_design():
    return Design(placement="edge")

# %% wrong="design" score=0 says_es="sin respuesta" says_en="no answer"
# es: La nube, con todo fresco y comprimido, no falla.
# en: The cloud, with everything fresh and compressed, does not fail.
def my_design():
    return Design(placement="cloud")

# %% wrong="design" score=4 says_es="no se han contado" says_en="were not counted"
# es: Se confirma antes de procesar, para que nada se procese dos veces.
# en: Offsets are committed before processing, so that nothing is processed twice.
def my_design():
    return Design(timeout_s=1.3, head=35, ttl_s=2.5, fraction=0.1, commit="before")

# %% wrong="design" score=2 says_es="datos viejos" says_en="old data"
# es: Con un trabajo cada cinco segundos basta: la ciudad no cambia tan deprisa.
# en: A job every five seconds is enough: the city does not change that fast.
def my_design():
    return Design(features="batch", refresh_s=5, timeout_s=1.3, head=35, ttl_s=2.5)

# %% wrong="design" score=2 says_es="versión defectuosa" says_en="bad version"
# es: Si la versión nueva es mejor en las pruebas, se pone para todos.
# en: If the new version is better in the tests, everybody gets it.
def my_design():
    return Design(timeout_s=1.3, head=35, ttl_s=2.5, rollout="all")

# %% wrong="design" score=2 says_es="85 %" says_en="85%"
# es: El diseño que iba bien en la ciudad, con 4G, va bien en todas partes.
# en: The design that did well in the city, on 4G, does well everywhere.
def my_design():
    return Design()

# %% right="design"
# es: con una tabla mayor que dura más, y el canario más pequeño
# en: with a larger table that lasts longer, and a smaller canary
def my_design():
    return Design(head=40, ttl_s=3.0, timeout_s=1.35, fraction=0.1)

# %% right="design"
# es: todos los argumentos por su nombre
# en: all arguments by name
def my_design():
    return Design("stream", prediction="hybrid", head=36, ttl_s=2.2, placement="cloud_with_fallback", timeout_s=1.3, model="small", rollout="canary", fraction=0.15, commit="after")

# %% [markdown] essay="ambulances" points=4 row="40" lang="es"
# ## 7. Redacción: ambulancias (4 puntos)
#
# Con las mismas piezas, un servicio de emergencias quiere elegir qué ambulancia mandar a cada aviso. Hay eventos (posiciones, estado de cada ambulancia, avisos), un modelo que estima cuánto tardará cada una y un coordinador con una tableta en cada comarca. El modelo grande se equivoca en 50 s de media; el pequeño, en 65 s.
# Hay unos 150 avisos al día. La tableta se queda sin red un rato casi todos los días. Un aviso que se pierde no se recupera. Cada dos semanas llega una versión nueva del modelo.
#
# Defiende tu diseño en un texto de 400 a 600 palabras:
#
# 1. qué eliges en cada uno de los seis campos (características, predicción, sitio, modelo, despliegue, confirmación de offsets), aunque no sea uno de los valores de `Design`, y qué hecho descarta la alternativa;
# 2. qué hace la tableta sin red: qué muestra, con qué datos, cuándo deja de fiarse de ellos, y qué pasa con los avisos que se dan entonces;
# 3. con qué medida decidirías si la versión nueva se queda, cuántos datos hacen falta y por qué un canario al azar puede no ser aceptable aquí; qué harías en su lugar;
# 4. qué tres medidas pondrías en el panel, y qué combinación de ellas te diría que se ha roto cada cosa.
#
# Apóyate en al menos **tres números medidos por ti** en la lección o en estos ejercicios, con su unidad, y di de uno de ellos por qué no valdría aquí.
#
# Los 4 puntos: uno por el diseño y los hechos, otro por la tableta sin red, otro por la versión nueva y otro por las medidas y los números.
# ### BEGIN SOLUTION
# Características en flujo: una ambulancia cambia de estado en segundos y una posición de hace cinco minutos es otra calle; los lotes solo para lo lento (tráfico por franja horaria). Predicción en línea: los pares (aviso, ambulancia) son pocos y cada aviso es distinto, así que una tabla apenas acierta; si acaso, tiempos entre cruces precalculados. Sitio: nube, o servidor de la comarca, con plan B en la tableta; solo tableta no sabe de las demás. Modelo: 15 s de diferencia pueden importar y hay un aviso cada diez minutos, así que el coste y la latencia del grande no pesan: grande en la nube y pequeño en la tableta. Offsets confirmados después, con consumidor idempotente: perder un aviso no es aceptable y recibirlo dos veces se arregla por su número.
#
# - **1 punto**: los seis campos, cada uno con un hecho del caso (caudal, plazo, coste de perder, de repetir) que descarta la alternativa. Copiar el diseño de la tarea 6 sin razones no suma: aquí la tabla y el modelo pequeño ganan poco.
# - **1 punto**: la tableta muestra el último estado con su hora, deja de ordenar por tiempos al pasar un límite razonado (lo que recorre una ambulancia en ese tiempo) y recurre a una regla segura (la base más cercana, preguntar por radio); los avisos se guardan en una bandeja de salida con su número y se envían después sin duplicarse.
# - **1 punto**: una medida que llega pronto (segundos de error de la estimación, no vidas), comparada en los mismos minutos con la versión de siempre; error estándar o tamaño de muestra (con una desviación típica de unos 60 s, distinguir 5 s pide del orden de mil avisos por versión: una semana si las dos estiman todos los avisos, y más de un mes si la nueva solo contesta a uno de cada cinco); un canario al azar manda ambulancias por una versión sin probar: primero en sombra, después solo como segunda opinión o en una comarca con supervisión, y vuelta atrás inmediata.
# - **1 punto**: tres medidas con la combinación que señala cada fallo (antigüedad de los datos alta con latencia normal: características; tabletas sin respuesta en una comarca tras esperar: red; rechazos en todas: servicio; error de la nueva frente a la de siempre: versión) y tres números propios con unidad, uno matizado (otra red, otro coste por error, pocos avisos).
# ### END SOLUTION
# %% [markdown] essay="ambulances" points=4 row="40" lang="en"
# ## 7. Essay: ambulances (4 points)
#
# With the same parts, an emergency service wants to choose which ambulance to send to each call. There are events (positions, the state of each ambulance, calls), a model that estimates how long each one will take, and a coordinator with a tablet in each district. The large model is wrong by 50 s on average; the small one, by 65 s.
# There are some 150 calls a day. The tablet is without a network for a while nearly every day. A call that is lost cannot be recovered. Every two weeks a new version of the model arrives.
#
# Defend your design in 400 to 600 words:
#
# 1. what you choose in each of the six fields (features, prediction, placement, model, rollout, commit of offsets), even if it is none of the values of `Design`, and which fact rules out the alternative;
# 2. what the tablet does without a network: what it shows, from which data, when it stops trusting them, and what happens to the calls that are made meanwhile;
# 3. by which metric you would decide whether the new version stays, how much data it takes, and why a random canary may not be acceptable here; what you would do instead;
# 4. which three metrics you would put on the dashboard, and which combination of them would tell you that each thing has broken.
#
# Base your argument on at least **three numbers measured by you** in the lesson or in these exercises, with their unit, and say of one of them why it would not hold here.
#
# The 4 points: one for the design and the facts, one for the tablet without a network, one for the new version and one for the metrics and the numbers.
# ### BEGIN SOLUTION
# Stream features: an ambulance changes state within seconds, and a position of five minutes ago is another street; batches only for what is slow (traffic by time of day). Online prediction: the pairs (call, ambulance) are few and each call is different, so that a table hardly ever hits; if anything, precomputed times between junctions. Placement: cloud, or the district's server, with a plan B on the tablet; a tablet alone does not know of the others. Model: 15 s may matter and there is a call every ten minutes, so that the cost and the latency of the large one weigh little: large in the cloud, small on the tablet. Offsets committed after, with an idempotent consumer: losing a call is not acceptable, and getting it twice is mended by its number.
#
# - **1 point**: the six fields, each with a fact of the case (throughput, deadline, cost of losing, of repeating) that rules out the alternative. Copying the design of task 6 without reasons earns nothing: here the table and the small model gain little.
# - **1 point**: the tablet shows the last state with its time, stops ranking by times past a reasoned limit (how far an ambulance goes in that time) and resorts to a safe rule (the nearest base, asking by radio); calls are kept in an outbox with their number and sent later without being duplicated.
# - **1 point**: a metric that arrives soon (seconds of error of the estimate, not lives), compared in the same minutes with the usual version; standard error or sample size (at a standard deviation of some 60 s, telling 5 s apart takes about a thousand calls per version: a week if both estimate all calls, and more than a month if the new one answers only one in five); a random canary sends ambulances by an untried version: first as a shadow, then only as a second opinion or in one supervised district, with immediate rollback.
# - **1 point**: three metrics with the combination that points to each fault (data age high at normal latency: features; tablets unanswered in one district after waiting: network; refusals in all: service; the error of the new one against that of the usual one: version) and three numbers of one's own with units, one of them qualified (another network, another cost of an error, few calls).
# ### END SOLUTION
