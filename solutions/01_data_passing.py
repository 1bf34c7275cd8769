# ---
# title:
#   es: Paso de datos entre procesos
#   en: Passing data between processes
# unit: "01"
# minutes: 170
# ---

# %% [markdown] lang="es"
# # Paso de datos entre procesos
#
# Nueve tareas que se corrigen solas y una redacción, sobre la misma empresa de la lección. Casi tres horas en total; puedes
# hacerlas en cualquier orden, en varias sesiones, y dejar alguna sin hacer: cada una puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Quién necesita qué | 3 | 12 |
# | 2. Cuánto envejece un dato sondeado | 3 | 10 |
# | 3. Los conductores del socio | 4 | 16 |
# | 4. Dónde se va el tiempo | 3 | 8 |
# | 5. Una cola de trabajo que no pierde nada | 6 | 30 |
# | 6. Reservar una sola vez | 6 | 22 |
# | 7. La calculadora de la explosión | 4 | 10 |
# | 8. Un cálculo, tres transportes | 6 | 26 |
# | 9. Un topic, muchos lectores | 3 | 8 |
# | 10. Redacción: de 3 servicios a 30 | 4 | 28 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos. Las celdas siguientes, por orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué han recibido. No hace falta leer su código.
# Al corregir se añaden **comprobaciones ocultas**: otros datos, fallos provocados, casos raros. Nunca miden cuánto tarda tu
# código: cuentan qué hizo (consultas, llamadas, reservas, trabajos perdidos o repetidos).
#
# **El reloj lo pone quien llama.** Ninguna tarea necesita mirar la hora ni dormir de verdad: los instantes llegan como argumentos y nunca retroceden. Fíjate en las
# unidades, que van en el nombre: `_ms` son milisegundos y `_s`, segundos.
# %% [markdown] lang="en"
# # Passing data between processes
#
# Nine tasks that are graded automatically and one essay, on the same company as the lesson. Almost three hours in all; you may
# do them in any order, in several sittings, and leave some out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Who needs what | 3 | 12 |
# | 2. How old polled data gets | 3 | 10 |
# | 3. The partner's drivers | 4 | 16 |
# | 4. Where the time goes | 3 | 8 |
# | 5. A work queue that loses nothing | 6 | 30 |
# | 6. Booking only once | 6 | 22 |
# | 7. The blow-up calculator | 4 | 10 |
# | 8. One calculation, three transports | 6 | 26 |
# | 9. One topic, many readers | 3 | 8 |
# | 10. Essay: from 3 services to 30 | 4 | 28 |
#
# **How to work.** Below each statement there is an unfinished cell: replace each `raise NotImplementedError` with your code, and change neither
# the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, report what they expected and what they got. There is no need to read their code.
# Grading adds **hidden checks**: other data, faults injected, odd cases. They never measure how long your
# code takes: they count what it did (queries, calls, bookings, jobs lost or repeated).
#
# **The caller brings the clock.** No task needs to look at the time or to sleep for real: moments come as arguments and never go back. Mind the
# units, which are part of the name: `_ms` is milliseconds and `_s`, seconds.

# %%
import json
import math
import random
import sqlite3
import time
import uuid

import httpx
import numpy as np

from mlprod import start, tr
from mlprod.systems.workspace import workspace

start(LANG)

# %% [markdown] lang="es" row="1"
# ## 1. Quién necesita qué (3 puntos)
#
# La empresa tiene tres servicios, y cada uno **publica** un dato que solo él conoce: cuántos conductores libres hay (`availability`), cuántos viajeros
# esperan (`demand`) y cuánto cuesta el viaje (`price`), en cada zona:
#
# | servicio | qué hace | publica |
# |---|---|---|
# | `driver_management` | envía a los conductores adonde hay viajeros esperando, y les dice cuánto se paga allí para animarlos a ir | `availability` |
# | `ride_management` | enseña al viajero los coches cercanos y lo que costaría el viaje | `demand` |
# | `price_optimisation` | fija el precio que equilibra a los viajeros que esperan y los conductores que hay | `price` |
#
# **a)** `who_needs_what()` devuelve un diccionario: para cada servicio, el conjunto de datos que **lee** de los otros para hacer lo que dice la tabla.
#
# **b)** Un dato deja de llegar. ¿Quién se queda trabajando con datos viejos? `who_goes_stale(needs, publishes, stopped)` recibe quién lee qué (con la
# forma de *a*), qué publica cada servicio (quien no publica nada no aparece) y el dato que se ha parado. Devuelve un diccionario con dos conjuntos de servicios:
#
# - `"direct"`: los que leen el dato parado;
# - `"indirect"`: los que no lo leen, pero leen un dato que publica un servicio afectado, directa o indirectamente, a cualquier distancia. Si hay un ciclo, puede estar aquí hasta
#   el servicio que publica el dato parado.
#
# Por ejemplo, si `map` publica `streets`, `routes` lee `streets` y publica `eta`, y `alerts` lee `eta`, al pararse `streets` el resultado es
# `{"direct": {"routes"}, "indirect": {"alerts"}}`. Se comprueba también con otras empresas, y en algunas hay ciclos.
# %% [markdown] lang="en" row="1"
# ## 1. Who needs what (3 points)
#
# The company has three services, and each one **publishes** a feed that it alone knows: how many drivers are free (`availability`), how many riders
# are waiting (`demand`) and how much a ride costs (`price`), in each zone:
#
# | service | what it does | publishes |
# |---|---|---|
# | `driver_management` | sends drivers to where riders are waiting, and tells them what a ride there pays, to encourage them to go | `availability` |
# | `ride_management` | shows riders the cars nearby and what the ride would cost | `demand` |
# | `price_optimisation` | sets the price that balances the riders waiting and the drivers there are | `price` |
#
# **a)** `who_needs_what()` returns a dict: for each service, the set of feeds that it **reads** from the others to do what the table says.
#
# **b)** One feed stops arriving. Which services are left working with old data? `who_goes_stale(needs, publishes, stopped)` gets who reads what (in the
# form of *a*), what each service publishes (services that publish nothing are left out) and the feed that has stopped. It returns a dict with two sets of services:
#
# - `"direct"`: those that read the stopped feed;
# - `"indirect"`: those that do not read it, but read a feed published by an affected service, directly or indirectly, at any distance. If there is a cycle, even
#   the service that publishes the stopped feed may be one of these.
#
# For instance, if `map` publishes `streets`, `routes` reads `streets` and publishes `eta`, and `alerts` reads `eta`, then when `streets` stops the result is
# `{"direct": {"routes"}, "indirect": {"alerts"}}`. Other companies are checked too, and some of them have cycles.

# %%
PUBLISHES = {"driver_management": "availability", "ride_management": "demand", "price_optimisation": "price"}

# %% answer="who_needs_what"
def who_needs_what():
    ### BEGIN SOLUTION
    return {
        "driver_management": {"demand", "price"},
        "ride_management": {"availability", "price"},
        "price_optimisation": {"demand", "availability"},
    }
    ### END SOLUTION


def who_goes_stale(needs, publishes, stopped):
    ### BEGIN SOLUTION
    direct = {service for service, feeds in needs.items() if stopped in feeds}
    stale = set(direct)
    # es: se repite hasta que no hay ningún afectado nuevo; así los ciclos no dan vueltas sin fin
    # en: repeat until no new service is affected; that way cycles do not go round for ever
    while True:
        old_feeds = {publishes[service] for service in stale if service in publishes}
        reached = {service for service, feeds in needs.items() if old_feeds & set(feeds)} - stale
        if not reached:
            return {"direct": direct, "indirect": stale - direct}
        stale |= reached
    ### END SOLUTION

# %% test="who_needs_what/matrix" points=1 row="1" objective="1.1"
from mlprod import checks

_t_needs = checks.plain(who_needs_what())
assert isinstance(_t_needs, dict), tr(es="who_needs_what() devuelve un diccionario.", en="who_needs_what() returns a dict.")
checks.same(set(_t_needs), set(PUBLISHES), tr(es="Las claves son los tres servicios.", en="The keys are the three services."))
for _t_service, _t_feeds in _t_needs.items():
    assert isinstance(_t_feeds, (set, list)), tr(
        es=f"{_t_service}: se espera un conjunto de datos, como {{'demand'}}, y has puesto {_t_feeds!r}.",
        en=f"{_t_service}: a set of feeds is expected, such as {{'demand'}}, and you wrote {_t_feeds!r}.",
    )
    assert _t_feeds and set(_t_feeds) <= {"availability", "demand", "price"}, tr(
        es=f"{_t_service}: los datos son tres, availability, demand y price, y alguno hace falta; has puesto {_t_feeds}.",
        en=f"{_t_service}: there are three feeds, availability, demand and price, and at least one is needed; you wrote {_t_feeds}.",
    )
for _t_service, _t_own in {"driver_management": "availability", "ride_management": "demand", "price_optimisation": "price"}.items():
    assert _t_own not in _t_needs[_t_service], tr(
        es=f"{_t_service} ya conoce {_t_own}, porque es lo que publica: no tiene que leerlo de nadie.",
        en=f"{_t_service} already knows {_t_own}, since that is what it publishes: it need not read it from any other service.",
    )
checks.passed()
### BEGIN HIDDEN TESTS
assert len(_t_needs["price_optimisation"]) > 1, tr(
    es=f"price_optimisation lee solo {set(_t_needs['price_optimisation'])}. ¿Debe costar lo mismo el viaje con 50 viajeros esperando y 5 coches que con 50 y 500?",
    en=f"price_optimisation reads {set(_t_needs['price_optimisation'])} alone. Should the ride cost the same with 50 riders waiting and 5 cars as with 50 and 500?",
)
checks.same(
    _t_needs,
    {"driver_management": {"demand", "price"}, "ride_management": {"availability", "price"}, "price_optimisation": {"demand", "availability"}},
    tr(
        es="La matriz no es la de la empresa: repasa qué hace cada servicio y qué datos necesita para hacerlo.",
        en="The matrix is not the company's: look again at what each service does and which feeds it needs for that.",
    ),
)
### END HIDDEN TESTS

# %% test="who_needs_what/stale" points=2 row="1" objective="1.1"
from mlprod import checks


def _t_stale_of(needs, publishes, stopped, want, about):
    endless = tr(
        es=f"Tu función no acaba, y aquí hay un ciclo: se para {stopped} en {needs}, que publica {publishes}.",
        en=f"Your function does not end, and there is a cycle here: {stopped} stops in {needs}, which publishes {publishes}.",
    )
    try:
        with checks.ends(endless):
            got = checks.plain(who_goes_stale(needs, publishes, stopped))
    except RecursionError:
        raise AssertionError(endless) from None
    assert isinstance(got, dict) and all(isinstance(services, (set, list)) for services in got.values()), tr(
        es=f"who_goes_stale devuelve un diccionario de conjuntos, y ha devuelto {got!r}.", en=f"who_goes_stale returns a dict of sets, and it returned {got!r}."
    )
    checks.same({kind: set(services) for kind, services in got.items()}, want, about)


_t_chain = {"routes": {"streets"}, "alerts": {"eta"}, "screens": {"warnings"}, "billing": {"payments"}}
_t_chain_publishes = {"map": "streets", "routes": "eta", "alerts": "warnings", "bank": "payments"}
_t_stale_of(
    _t_chain, _t_chain_publishes, "warnings", {"direct": {"screens"}, "indirect": set()},
    tr(es="Que se pare warnings solo afecta a quien lo lee.", en="When warnings stops, only the service that reads it is affected."),
)
_t_stale_of(
    _t_chain, _t_chain_publishes, "eta", {"direct": {"alerts"}, "indirect": {"screens"}},
    tr(
        es="alerts sigue publicando, pero con datos viejos, y screens lo lee: efecto indirecto.",
        en="alerts goes on publishing, but from old data, and screens reads it: an indirect effect.",
    ),
)
_t_stale_of(
    _t_chain, _t_chain_publishes, "streets", {"direct": {"routes"}, "indirect": {"alerts", "screens"}},
    tr(es="El efecto indirecto llega a cualquier distancia, no solo al siguiente.", en="The indirect effect reaches any distance, not just the next service."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_company = {"driver_management": {"demand", "price"}, "ride_management": {"availability", "price"}, "price_optimisation": {"demand", "availability"}}
_t_company_publishes = {"driver_management": "availability", "ride_management": "demand", "price_optimisation": "price"}
_t_stale_of(
    _t_company, _t_company_publishes, "demand", {"direct": {"driver_management", "price_optimisation"}, "indirect": {"ride_management"}},
    tr(es="También quien publica el dato parado puede acabar afectado de forma indirecta.", en="Even the service that publishes the stopped feed can end up affected, indirectly."),
)
_t_stale_of(_t_company, _t_company_publishes, "weather", {"direct": set(), "indirect": set()}, tr(es="Nadie lee ese dato.", en="No service reads that feed."))


def _t_random_company(seed, size=12):
    import random

    chance = random.Random(seed)
    services = [f"s{i}" for i in range(size)]
    publishes = {service: f"d{i}" for i, service in enumerate(services) if chance.random() < 0.9}
    return {service: {feed for feed in publishes.values() if chance.random() < 1.3 / size} for service in services}, publishes


def _t_reachable(needs, publishes, stopped):
    frontier, seen = [stopped], {stopped}
    direct, stale = {s for s in needs if stopped in needs[s]}, set()
    while frontier:
        feed = frontier.pop()
        for service in needs:
            if feed in needs[service]:
                stale.add(service)
                if publishes.get(service) and publishes[service] not in seen:
                    seen.add(publishes[service])
                    frontier.append(publishes[service])
    return {"direct": direct, "indirect": stale - direct}


for _t_seed in range(60):
    _t_n, _t_p = _t_random_company(_t_seed)
    _t_stopped = f"d{_t_seed % 12}"
    _t_stale_of(_t_n, _t_p, _t_stopped, _t_reachable(_t_n, _t_p, _t_stopped), tr(es=f"Se para {_t_stopped} en la empresa {_t_n}, que publica {_t_p}: efectos directos e indirectos.", en=f"{_t_stopped} stops in the company {_t_n}, which publishes {_t_p}: direct and indirect effects."))
### END HIDDEN TESTS

# %% wrong="who_needs_what" score=2 says_es="viajeros esperando" says_en="riders waiting"
# es: El precio solo depende de la demanda.
# en: The price depends on demand alone.
def who_needs_what():
    return {"driver_management": {"demand", "price"}, "ride_management": {"availability", "price"}, "price_optimisation": {"demand"}}


def who_goes_stale(needs, publishes, stopped):
    direct = {service for service in needs if stopped in needs[service]}
    stale, size = set(direct), -1
    while len(stale) != size:
        size = len(stale)
        stale |= {service for service in needs for other in stale if publishes.get(other) in needs[service]}
    return {"direct": direct, "indirect": stale - direct}

# %% wrong="who_needs_what" score=2 says="publi"
# es: Todos necesitan todo, también lo suyo.
# en: Every service needs everything, its own feed included.
def who_needs_what():
    return {service: {"availability", "demand", "price"} for service in ("driver_management", "ride_management", "price_optimisation")}


def who_goes_stale(needs, publishes, stopped):
    direct = {service for service in needs if stopped in needs[service]}
    stale, size = set(direct), -1
    while len(stale) != size:
        size = len(stale)
        stale |= {service for service in needs for other in stale if publishes.get(other) in needs[service]}
    return {"direct": direct, "indirect": stale - direct}

# %% wrong="who_needs_what" score=1 says_es="indirecto" says_en="indirect effect"
# es: Solo nota el corte quien lee el dato que se ha parado.
# en: Only the services that read the stopped feed notice.
def who_needs_what():
    return {"driver_management": {"demand", "price"}, "ride_management": {"availability", "price"}, "price_optimisation": {"demand", "availability"}}


def who_goes_stale(needs, publishes, stopped):
    return {"direct": {service for service in needs if stopped in needs[service]}, "indirect": set()}

# %% wrong="who_needs_what" score=1 says_es="distancia" says_en="distance"
# es: El efecto indirecto se acaba en el siguiente servicio.
# en: The indirect effect ends at the next service.
def who_needs_what():
    return {"driver_management": {"demand", "price"}, "ride_management": {"availability", "price"}, "price_optimisation": {"demand", "availability"}}


def who_goes_stale(needs, publishes, stopped):
    direct = {service for service in needs if stopped in needs[service]}
    old = {publishes[service] for service in direct if service in publishes}
    return {"direct": direct, "indirect": {service for service in needs if old & needs[service]} - direct}

# %% wrong="who_needs_what" score=2 says_es="qué datos necesita" says_en="which feeds it needs"
# es: A los conductores les basta con saber el precio.
# en: Drivers need to know the price and nothing else.
def who_needs_what():
    return {"driver_management": "price".split(), "ride_management": {"availability", "price"}, "price_optimisation": {"demand", "availability"}}


def who_goes_stale(needs, publishes, stopped):
    direct = {service for service in needs if stopped in needs[service]}
    stale, size = set(direct), -1
    while len(stale) != size:
        size = len(stale)
        stale |= {service for service in needs for other in stale if publishes.get(other) in needs[service]}
    return {"direct": direct, "indirect": stale - direct}

# %% wrong="who_needs_what" score=0 says_es="se espera un conjunto" says_en="a set of feeds is expected"
# es: Con un solo dato no hace falta un conjunto.
# en: With a single feed there is no need for a set.
def who_needs_what():
    return {"driver_management": "price", "ride_management": "availability", "price_optimisation": "demand"}


def who_goes_stale(needs, publishes, stopped):
    # es: y quien ya se había visto vuelve a entrar en la lista, sin fin
    # en: and a service already seen enters the list again, for ever
    pending, stale = [stopped], []
    while pending:
        feed = pending.pop()
        for service in needs:
            if feed in needs[service]:
                stale.append(service)
                pending += [publishes[service]] if service in publishes else []
    direct = {service for service in needs if stopped in needs[service]}
    return {"direct": direct, "indirect": set(stale) - direct}

# %% wrong="who_needs_what" score=1 says_es="ciclo" says_en="cycle"
# es: Las dependencias forman un árbol: basta con bajar por él (y en la empresa hay ciclos).
# en: Dependencies form a tree, so it is enough to go down it (and the company has cycles).
def who_needs_what():
    return {"driver_management": {"demand", "price"}, "ride_management": {"availability", "price"}, "price_optimisation": {"demand", "availability"}}


def who_goes_stale(needs, publishes, stopped):
    def below(feed):
        readers = {service for service in needs if feed in needs[service]}
        return readers.union(*(below(publishes[service]) for service in readers if service in publishes))

    direct = {service for service in needs if stopped in needs[service]}
    return {"direct": direct, "indirect": below(stopped) - direct}

# %% right="who_needs_what"
def who_needs_what():
    services = ["driver_management", "ride_management", "price_optimisation"]
    feeds = ["availability", "demand", "price"]
    return {service: [feed for j, feed in enumerate(feeds) if j != i] for i, service in enumerate(services)}


def who_goes_stale(needs, publishes, stopped):
    # es: alcanzabilidad con una matriz booleana
    # en: reachability with a boolean matrix
    services = sorted(set(needs) | set(publishes))
    n = len(services)
    hop = np.array([[publishes.get(a) in needs.get(b, ()) for b in services] for a in services], dtype=int)
    start = np.array([stopped in needs.get(service, ()) for service in services], dtype=int)
    reached = start.copy()
    for _ in range(n):
        reached = ((reached + reached @ hop) > 0).astype(int)
    return {
        "direct": [service for service, hit in zip(services, start, strict=True) if hit],
        "indirect": tuple(service for service, hit, now in zip(services, reached, start, strict=True) if hit and not now),
    }

# %% [markdown] lang="es" row="2"
# ## 2. Cuánto envejece un dato sondeado (3 puntos)
#
# Un proceso sondea una tabla: empieza una consulta en los instantes $0, T, 2T, 3T…$ Cada consulta **ve la tabla tal como está cuando
# empieza** y entrega el resultado `query_ms` después (siempre menos que $T$). Un cambio que ocurre justo en el instante en que empieza una consulta sí entra en ella.
#
# La **antigüedad** de un cambio es el tiempo que pasa desde que ocurre hasta que el lector lo ha recibido.
#
# **a)** `staleness(period_ms, query_ms, arrivals_ms)` recibe $T$, la duración de la consulta y los instantes de los cambios (lista no vacía, sin ordenar, de
# enteros $\ge 0$) y devuelve `(mean, maximum)`: la antigüedad media y la máxima, en milisegundos.
#
# **b)** `query_count(period_ms, horizon_ms)` devuelve cuántas consultas **empiezan** en el intervalo $[0, H)$, con $T$ y $H$ enteros: la que empezaría en $H$ no cuenta.
#
# Con $T = 100$ y consultas de 4 ms, el cambio de $t = 10$ lo ve la consulta que empieza en 100 y se conoce en 104: su antigüedad es de 94 ms. Se comprueba contra una simulación.
# %% [markdown] lang="en" row="2"
# ## 2. How old polled data gets (3 points)
#
# A process polls a table: it begins a query at the moments $0, T, 2T, 3T…$ Each query **sees the table as it is when the query
# begins** and returns the result `query_ms` later (always less than $T$). A change that happens at the very moment a query begins is part of it.
#
# The **staleness** of a change is the time from when it happens until the reader has received it.
#
# **a)** `staleness(period_ms, query_ms, arrivals_ms)` gets $T$, the duration of the query and the moments of the changes (a non-empty, unsorted list of
# integers $\ge 0$) and returns `(mean, maximum)`: the mean staleness and the largest one, in milliseconds.
#
# **b)** `query_count(period_ms, horizon_ms)` returns how many queries **begin** in the interval $[0, H)$, with integer $T$ and $H$: one that would begin at $H$ does not count.
#
# With $T = 100$ and queries of 4 ms, the change at $t = 10$ is seen by the query that begins at 100 and is known at 104: its staleness is 94 ms. It is checked against a simulation.

# %% answer="staleness"
def staleness(period_ms, query_ms, arrivals_ms):
    ### BEGIN SOLUTION
    # es: -(-a // T) redondea hacia arriba sin pasar por decimales
    # en: -(-a // T) rounds up without going through floats
    ages_ms = [-(-arrival // period_ms) * period_ms + query_ms - arrival for arrival in arrivals_ms]
    return sum(ages_ms) / len(ages_ms), max(ages_ms)
    ### END SOLUTION


def query_count(period_ms, horizon_ms):
    ### BEGIN SOLUTION
    return -(-horizon_ms // period_ms)
    ### END SOLUTION

# %% test="staleness/age" points=2 row="2" objective="1.2"
import math as _t_math
import time as _t_time

from mlprod import checks


def _t_compare_ages(period_ms, query_ms, arrivals_ms, mean, worst):
    got = checks.plain(staleness(period_ms, query_ms, arrivals_ms))
    assert isinstance(got, list) and len(got) == 2, tr(es="staleness devuelve dos números: (mean, maximum).", en="staleness returns two numbers: (mean, maximum).")
    got_mean, got_worst = (checks.number(each, f"staleness({period_ms}, {query_ms}, …)") for each in got)
    shut_out = [period_ms - arrival % period_ms + query_ms for arrival in arrivals_ms]  # a change at the very start of a query misses it
    why = tr(es="No coincide con la simulación.", en="It does not agree with the simulation.")
    if query_ms and _t_math.isclose(got_mean, mean - query_ms):
        why = tr(es="Falta lo que tarda la consulta: hasta que acaba, el lector no tiene nada.", en="The duration of the query is missing: until it ends, the reader has nothing.")
    elif _t_math.isclose(got_mean, mean):
        why = tr(es="La media coincide con la simulación y la máxima no.", en="The mean agrees with the simulation and the maximum does not.")
    elif _t_math.isclose(got_mean, sum(shut_out) / len(shut_out)):
        why = tr(es="Solo falla el borde: un cambio en el mismo instante en que empieza una consulta entra en ella.", en="Only the edge is wrong: a change at the very moment a query begins is part of it.")
    elif _t_math.isclose(got_mean, period_ms) or _t_math.isclose(got_mean, period_ms + query_ms):
        why = tr(es="Un periodo entero es el peor caso, no la media.", en="A whole period is the worst case, not the mean.")
    elif _t_math.isclose(got_mean, period_ms / 2 + query_ms) or _t_math.isclose(got_mean, period_ms / 2):
        why = tr(es="Eso es lo que se espera si los cambios llegan repartidos por igual; estos llegan cuando llegan.", en="That is what to expect when changes arrive evenly spread; these arrive when they arrive.")
    changes = f"arrivals_ms={arrivals_ms}" if len(arrivals_ms) < 6 else tr(es=f"{len(arrivals_ms)} cambios", en=f"{len(arrivals_ms)} changes")
    case = tr(es=f"T={period_ms} ms, consultas de {query_ms} ms, {changes}.", en=f"T={period_ms} ms, queries of {query_ms} ms, {changes}.")
    checks.same(got, (mean, worst), f"{case} {why}")


_t_first = checks.plain(staleness(100, 4, [10, 0, 99, 100, 101]))
_t_time.sleep(0.002)
assert checks.plain(staleness(100, 4, [10, 0, 99, 100, 101])) == _t_first, tr(
    es="Con los mismos datos sale otra cosa la segunda vez: tu función mira el reloj de verdad, y aquí el tiempo llega en los argumentos.",
    en="The same data give something else the second time: your function looks at the real clock, and here time comes in the arguments.",
)
_t_compare_ages(100, 4, [10], 94, 94)
_t_compare_ages(100, 4, [10, 0, 99, 100, 101], 42, 103)
checks.passed()
### BEGIN HIDDEN TESTS
import random as _t_random


def _t_simulated(period_ms, query_ms, arrivals_ms):
    waiting, ages, begins = sorted(arrivals_ms), [], 0
    while waiting:
        while waiting and waiting[0] <= begins:
            ages.append(begins + query_ms - waiting.pop(0))
        begins += period_ms
    return sum(ages) / len(ages), max(ages)


_t_chance = _t_random.Random(11)
for _t_period, _t_query, _t_arrivals in [
    (1000, 30, [_t_chance.randrange(60_000) for _ in range(300)]),
    (50, 5, [_t_chance.randrange(60_000) for _ in range(300)]),
    (200, 8, [200 * k + 1 + _t_chance.randrange(9) for k in range(100)]),
    (200, 8, [200 * k + 190 + _t_chance.randrange(10) for k in range(100)]),
    (7, 0, list(range(50))),
    (5000, 40, [12_345]),
]:
    _t_compare_ages(_t_period, _t_query, _t_arrivals, *_t_simulated(_t_period, _t_query, _t_arrivals))
### END HIDDEN TESTS

# %% test="staleness/queries" points=1 row="2" objective="1.2"
from mlprod import checks

checks.same(query_count(1000, 60_000), 60, tr(es="query_count(1000, 60_000): una consulta por segundo durante un minuto.", en="query_count(1000, 60_000): one query a second for one minute."))
checks.same(query_count(1000, 1500), 2, tr(es="query_count(1000, 1500): el intervalo no es un múltiplo de T.", en="query_count(1000, 1500): the interval is not a multiple of T."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_day_ms = 24 * 3600 * 1000
for _t_period, _t_horizon, _t_want in [(100, 60_000, 600), (10, 60_000, 6000), (5000, _t_day_ms, 17_280), (7, 100, 15), (1000, 999, 1), (1000, 1001, 2), (50, 0, 0)]:
    checks.same(
        query_count(_t_period, _t_horizon), _t_want,
        tr(
            es=f"Consultas en {_t_horizon} ms con T={_t_period} ms. Sondear más deprisa no es gratis: con T diez veces menor, la base de datos atiende diez veces más consultas.",
            en=f"Queries in {_t_horizon} ms with T={_t_period} ms. Polling faster is not free: with T ten times smaller, the database serves ten times as many queries.",
        ),
    )
### END HIDDEN TESTS

# %% wrong="staleness" score=1 says_es="peor caso" says_en="worst case"
# es: De media un dato sondeado cada T tiene T de antigüedad.
# en: On average, data polled every T are T old.
def staleness(period_ms, query_ms, arrivals_ms):
    return period_ms + query_ms, period_ms + query_ms


def query_count(period_ms, horizon_ms):
    return len(range(0, horizon_ms, period_ms))

# %% wrong="staleness" score=1 says_es="consulta" says_en="query"
# es: La consulta es instantánea: se ignora lo que tarda.
# en: The query takes no time: its duration is ignored.
def staleness(period_ms, query_ms, arrivals_ms):
    ages = [-arrival % period_ms for arrival in arrivals_ms]
    return sum(ages) / len(ages), max(ages)


def query_count(period_ms, horizon_ms):
    return len(range(0, horizon_ms, period_ms))

# %% wrong="staleness" score=1 says_es="reloj" says_en="clock"
# es: La antigüedad se mide con el reloj del ordenador, restando a la hora actual la del cambio.
# en: Staleness is measured with the computer's clock, as the present time minus that of the change.
def staleness(period_ms, query_ms, arrivals_ms):
    now_ms = 1000 * time.time()
    ages = [(now_ms - arrival) % period_ms + query_ms for arrival in arrivals_ms]
    return sum(ages) / len(ages), max(ages)


def query_count(period_ms, horizon_ms):
    return len(range(0, horizon_ms, period_ms))

# %% wrong="staleness" score=1 says_es="simulación" says_en="simulation"
# es: El cambio lo ve la última consulta que empezó antes de él.
# en: The change is seen by the last query that began before it.
def staleness(period_ms, query_ms, arrivals_ms):
    ages = [arrival % period_ms + query_ms for arrival in arrivals_ms]
    return sum(ages) / len(ages), max(ages)


def query_count(period_ms, horizon_ms):
    return len(range(0, horizon_ms, period_ms))

# %% wrong="staleness" score=1 says_es="repartidos" says_en="evenly"
# es: De media un dato sondeado tiene T/2 de antigüedad, lleguen los cambios cuando lleguen.
# en: On average polled data are T/2 old, whenever the changes arrive.
def staleness(period_ms, query_ms, arrivals_ms):
    return period_ms / 2 + query_ms, period_ms + query_ms


def query_count(period_ms, horizon_ms):
    return len(range(0, horizon_ms, period_ms))

# %% wrong="staleness" score=2 says_es="gratis" says_en="not free"
# es: Sondear más deprisa es gratis: las consultas son las que haya que hacer, una por segundo.
# en: Polling faster is free: there are as many queries as needed, one a second.
def staleness(period_ms, query_ms, arrivals_ms):
    ages = [-arrival % period_ms + query_ms for arrival in arrivals_ms]
    return sum(ages) / len(ages), max(ages)


def query_count(period_ms, horizon_ms):
    return -(-horizon_ms // 1000)

# %% wrong="staleness" score=2 says_es="múltiplo" says_en="multiple"
# es: En un intervalo H caben H / T consultas.
# en: H / T queries fit in an interval H.
def staleness(period_ms, query_ms, arrivals_ms):
    ages = [-arrival % period_ms + query_ms for arrival in arrivals_ms]
    return sum(ages) / len(ages), max(ages)


def query_count(period_ms, horizon_ms):
    return horizon_ms // period_ms

# %% wrong="staleness" score=1 says_es="Solo falla el borde" says_en="Only the edge"
# es: El cambio que coincide con el comienzo de una consulta espera a la siguiente.
# en: A change that coincides with the beginning of a query waits for the next one.
def staleness(period_ms, query_ms, arrivals_ms):
    ages = [period_ms - arrival % period_ms + query_ms for arrival in arrivals_ms]
    return sum(ages) / len(ages), max(ages)


def query_count(period_ms, horizon_ms):
    return -(-horizon_ms // period_ms)

# %% right="staleness"
def staleness(period_ms, query_ms, arrivals_ms):
    # es: con numpy y módulo en vez de división
    # en: with numpy and a modulus instead of a division
    ages = np.mod(-np.asarray(arrivals_ms), period_ms) + query_ms
    return ages.mean(), ages.max()


def query_count(period_ms, horizon_ms):
    return sum(1 for _ in range(0, horizon_ms, period_ms))

# %% right="staleness"
def staleness(period_ms, query_ms, arrivals_ms):
    # es: la simulación misma: se avanza de consulta en consulta
    # en: the simulation itself: go from query to query
    ages = []
    for arrival in arrivals_ms:
        begins = 0
        while begins < arrival:
            begins += period_ms
        ages.append(begins + query_ms - arrival)
    return [float(np.mean(ages)), float(max(ages))]


def query_count(period_ms, horizon_ms):
    import math

    return math.ceil(horizon_ms / period_ms)

# %% [markdown] lang="es" row="3"
# ## 3. Los conductores del socio (4 puntos)
#
# Cuando faltan coches, la empresa puede ofrecer los de un socio. Su base de datos es un fichero de SQLite que, por un descuido de
# despliegue, está en el mismo disco que tu servicio: `PARTNER_FILE`. Puedes abrirlo. **No es tuyo**: ni sus columnas, ni sus permisos, ni lo
# que contenga mañana. Lo acordado es su API:
#
# - `api.availability(zone)` devuelve `{"zone": …, "drivers": 4, "as_of_s": 120.0}`: cuántos conductores libres había en el instante `as_of_s`;
# - si pides demasiado, lanza `RateLimited`, que lleva `retry_after_s`: segundos durante los que **no** quiere volver a oírte;
# - si te ha retirado el permiso, lanza `NotAllowed`; si está caído o no contesta, otro `PartnerError`. `RateLimited` y `NotAllowed` son también `PartnerError`.
#
# Completa `PartnerDrivers(api, max_age_s)`. Su método `free(zone, now_s)` devuelve los conductores libres (un entero) o `None` si no se sabe. Las reglas se aplican **por orden**:
#
# 1. si la última respuesta de esa zona tiene como mucho `max_age_s` de antigüedad, devuélvela **sin llamar**, pase lo que pase con la API; la antigüedad se cuenta desde su `as_of_s`, no desde que preguntaste;
# 2. si un `RateLimited` en el instante $t$ pidió silencio, no llames (para ninguna zona) antes de $t$ + `retry_after_s`: `None`. Desde ese mismo instante ya se puede llamar;
# 3. si no, llama **una vez**; si la respuesta no es ya demasiado vieja, devuélvela;
# 4. si la API lanza cualquier `PartnerError` o la respuesta es demasiado vieja: `None`. Una respuesta caducada no se devuelve nunca, ni aunque falle la API. La próxima pregunta empieza otra vez por la regla 1.
#
# Se cuentan las llamadas a la API y se vigila el disco: ningún camino del código puede tocar el fichero, tampoco cuando la API falla.
# %% [markdown] lang="en" row="3"
# ## 3. The partner's drivers (4 points)
#
# When there are too few cars, the company may offer those of a partner. Its database is an SQLite file which, by an oversight in the
# deployment, is on the same disk as your service: `PARTNER_FILE`. You can open it. **It is not yours**: neither its columns, nor its permissions, nor what
# it will hold tomorrow. What was agreed on is its API:
#
# - `api.availability(zone)` returns `{"zone": …, "drivers": 4, "as_of_s": 120.0}`: how many drivers were free at the moment `as_of_s`;
# - if you ask too much it raises `RateLimited`, which carries `retry_after_s`: seconds during which it does **not** want to hear from you;
# - if it has withdrawn your permission, it raises `NotAllowed`; if it is down or does not answer, another `PartnerError`. `RateLimited` and `NotAllowed` are `PartnerError` too.
#
# Complete `PartnerDrivers(api, max_age_s)`. Its method `free(zone, now_s)` returns the number of free drivers (an integer), or `None` when it is not known. The rules apply **in order**:
#
# 1. if the last answer for that zone is at most `max_age_s` old, return it **without a call**, whatever happens to the API; its age counts from its `as_of_s`, not from when you asked;
# 2. if a `RateLimited` at the moment $t$ asked for silence, make no call (for any zone) before $t$ + `retry_after_s`: `None`. From that very moment on you may call again;
# 3. if not, call **once**; if the answer is not too old already, return it;
# 4. if the API raises any `PartnerError` or the answer is too old: `None`. An expired answer is never returned, not even when the API fails. The next question starts again from rule 1.
#
# Calls to the API are counted and the disk is watched: no path of the code may touch the file, not even when the API fails.

# %%
class PartnerError(Exception):
    """The partner's API gave no answer."""


class NotAllowed(PartnerError):
    """It has withdrawn the permission."""


class RateLimited(PartnerError):
    """It has been asked too often."""

    def __init__(self, retry_after_s):
        super().__init__(f"retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


PARTNER_FILE = workspace() / "partner_fleet.sqlite"
with sqlite3.connect(PARTNER_FILE) as _t_partner:
    _t_partner.execute("DROP TABLE IF EXISTS fleet")
    _t_partner.execute("CREATE TABLE fleet (zone TEXT, drivers INTEGER)")
    _t_partner.execute("INSERT INTO fleet VALUES ('centre', 999)")
_t_partner.close()

# %% answer="partner_availability"
class PartnerDrivers:
    def __init__(self, api, max_age_s):
        self.api = api
        self.max_age_s = max_age_s
        ### BEGIN SOLUTION
        self.answers = {}
        self.quiet_until_s = float("-inf")
        ### END SOLUTION

    def free(self, zone, now_s):
        ### BEGIN SOLUTION
        if not self._fresh(zone, now_s) and now_s >= self.quiet_until_s:
            try:
                self.answers[zone] = self.api.availability(zone)
            except RateLimited as refusal:
                self.quiet_until_s = now_s + refusal.retry_after_s
            except PartnerError:
                pass
        return self.answers[zone]["drivers"] if self._fresh(zone, now_s) else None

    def _fresh(self, zone, now_s):
        return zone in self.answers and now_s - self.answers[zone]["as_of_s"] <= self.max_age_s
        ### END SOLUTION

# %% test="partner_availability/answers" points=2 row="3" objective="1.3"
from mlprod import checks


class _t_TooManyCalls(BaseException):
    """Ends a loop of calls; not an Exception, so that no `except Exception` hides it."""


class _t_FakePartner:
    """The partner's API on a clock that the test moves."""

    def __init__(self, **fleet):
        self.fleet, self.as_of_s, self.refusal, self.calls = fleet, 0.0, None, 0

    def availability(self, zone):
        self.calls += 1
        if self.calls > 50:
            raise _t_TooManyCalls(tr(es="Más de 50 llamadas seguidas a la API del socio.", en="More than 50 calls in a row to the partner's API."))
        if self.refusal:
            raise self.refusal
        return {"zone": zone, "drivers": self.fleet[zone], "as_of_s": self.as_of_s}


def _t_free(drivers, zone, now_s):
    """What the student's free() returns; an exception of the API must not come out of it."""
    try:
        return drivers.free(zone, now_s)
    except PartnerError as problem:
        name = type(problem).__name__
        raise AssertionError(
            tr(
                es=f"free({zone!r}, {now_s:g}) deja escapar {name}: cuando la API falla, free devuelve None.",
                en=f"free({zone!r}, {now_s:g}) lets {name} escape: when the API fails, free returns None.",
            )
        ) from None


_t_api = _t_FakePartner(centre=4, airport=0)
_t_drivers = PartnerDrivers(_t_api, max_age_s=60)
checks.same(_t_free(_t_drivers, "centre", 0.0), 4, tr(es="La API dice que hay 4 conductores libres en el centro.", en="The API says that 4 drivers are free in the centre."))
checks.same(_t_free(_t_drivers, "airport", 0.0), 0, tr(es="En el aeropuerto hay 0: se sabe que no hay ninguno, que no es lo mismo que no saberlo.", en="At the airport there are 0: it is known that there is none, which is not the same as not knowing."))
_t_api.fleet["centre"] = 7
checks.same(_t_free(_t_drivers, "centre", 30.0), 4, tr(es="La respuesta de hace 30 s aún vale (max_age_s=60).", en="The answer of 30 s ago is still good (max_age_s=60)."))
checks.same(_t_api.calls, 2, tr(es="Llamadas hechas a la API: una por zona, y ninguna mientras la respuesta vale.", en="Calls made to the API: one per zone, and none while the answer is good."))
_t_api.as_of_s = 100.0
checks.same(_t_free(_t_drivers, "centre", 100.0), 7, tr(es="A los 100 s la respuesta de t=0 ha caducado: si no se renueva, se sirve un dato viejo para siempre.", en="At 100 s the answer of t=0 has expired: unless it is renewed, old data are served for ever."))
checks.passed()
### BEGIN HIDDEN TESTS
checks.same(_t_api.calls, 3, tr(es="Llamadas a la API tras caducar una respuesta.", en="Calls to the API after one answer expired."))
checks.same(_t_free(_t_drivers, "centre", 160.0), 7, tr(es="Con justo max_age_s de antigüedad todavía vale.", en="At exactly max_age_s of age it is still good."))
checks.same(_t_api.calls, 3, tr(es="Con justo max_age_s de antigüedad no hay que llamar.", en="At exactly max_age_s of age there is no need to call."))

_t_api = _t_FakePartner(centre=4)
_t_drivers = PartnerDrivers(_t_api, max_age_s=60)
_t_api.as_of_s = 0.0
checks.same(_t_free(_t_drivers, "centre", 50.0), 4, tr(es="Respuesta de hace 50 s: vale.", en="An answer 50 s old: good."))
_t_api.fleet["centre"], _t_api.as_of_s = 2, 70.0
checks.same(_t_free(_t_drivers, "centre", 70.0), 2, tr(es="El dato es de t=0 aunque lo pidieras en t=50: su antigüedad cuenta desde as_of_s.", en="The data are of t=0 although you asked at t=50: their age counts from as_of_s."))
checks.same(_t_free(_t_drivers, "centre", 200.0), None, tr(es="El socio contesta con un dato de hace 130 s: demasiado viejo.", en="The partner answers with data 130 s old: too old."))
checks.same(_t_api.calls, 3, tr(es="Llamadas a la API: una por pregunta, también cuando la respuesta ya llega vieja.", en="Calls to the API: one per question, even when the answer is old already."))
_t_other = PartnerDrivers(_t_FakePartner(centre=1), max_age_s=60)
checks.same(_t_free(_t_other, "centre", 0.0), 1, tr(es="Dos objetos PartnerDrivers no comparten memoria.", en="Two PartnerDrivers objects do not share their memory."))
### END HIDDEN TESTS

# %% test="partner_availability/refusals" points=2 row="3" objective="1.3"
from mlprod import checks

### BEGIN HIDDEN TESTS
import os as _t_os
import sys as _t_sys

if "_t_opened" not in globals():
    _t_opened, _t_watching = [], []

    def _t_watch_the_disk(event, args):
        if _t_watching and event not in ("compile", "exec", "import") and not event.startswith("object."):
            words = [_t_os.fspath(arg) if isinstance(arg, _t_os.PathLike) else arg for arg in args]
            if any(isinstance(word, (str, bytes, list, tuple)) and "partner_fleet" in repr(word) for word in words):
                _t_opened.append(event)

    _t_sys.addaudithook(_t_watch_the_disk)


def _t_scenes():
    results = {}
    api = _t_FakePartner(centre=4, airport=9)
    drivers = PartnerDrivers(api, max_age_s=60)
    results["known"] = _t_free(drivers, "centre", 0.0)
    api.refusal = RateLimited(30)
    results["still fresh"] = _t_free(drivers, "centre", 40.0)
    results["limited"] = _t_free(drivers, "centre", 100.0)
    calls = api.calls
    results["quiet"] = [_t_free(drivers, "centre", 101.0), _t_free(drivers, "airport", 115.0), _t_free(drivers, "centre", 129.0)]
    results["calls while quiet"] = api.calls - calls
    api.refusal, api.as_of_s = None, 131.0
    results["after"] = _t_free(drivers, "centre", 131.0)
    for name, refusal in {"not allowed": NotAllowed("403"), "down": PartnerError("503")}.items():
        api = _t_FakePartner(centre=4)
        drivers = PartnerDrivers(api, max_age_s=60)
        _t_free(drivers, "centre", 0.0)
        api.refusal = refusal
        results[name], results[f"{name}, calls"] = _t_free(drivers, "centre", 100.0), api.calls
    return results


_t_opened.clear()
_t_watching.append(True)
try:
    _t_seen = _t_scenes()
finally:
    _t_watching.clear()
assert not _t_opened, tr(
    es=f"Tu código ha tocado el fichero del socio ({', '.join(sorted(set(_t_opened)))}). Que esté en tu disco no lo hace tuyo, y que la API falle no da permiso.",
    en=f"Your code has touched the partner's file ({', '.join(sorted(set(_t_opened)))}). Being on your disk does not make it yours, and a failing API gives no permission.",
)
### END HIDDEN TESTS
_t_api = _t_FakePartner(centre=4)
_t_api.refusal = NotAllowed("403")
checks.same(_t_free(PartnerDrivers(_t_api, max_age_s=60), "centre", 0.0), None, tr(es="El socio ha dicho que no: no se sabe.", en="The partner has said no: it is not known."))
_t_api = _t_FakePartner(centre=4, airport=9)
_t_patient = PartnerDrivers(_t_api, max_age_s=60)
_t_api.refusal = RateLimited(30)
checks.same([_t_free(_t_patient, "centre", 0.0), _t_free(_t_patient, "airport", 20.0)], [None, None], tr(es="RateLimited(30) en t=0: ni entonces ni en t=20 se sabe.", en="RateLimited(30) at t=0: it is not known then, nor at t=20."))
checks.same(_t_api.calls, 1, tr(es="Llamadas a la API entre t=0 y t=20, con RateLimited(30) en t=0: el silencio vale para todas las zonas.", en="Calls to the API from t=0 to t=20, with RateLimited(30) at t=0: the silence applies to all zones."))
checks.passed()
### BEGIN HIDDEN TESTS
checks.same(_t_seen["known"], 4, tr(es="Antes del fallo la API dijo 4.", en="Before the failure the API said 4."))
checks.same(_t_seen["still fresh"], 4, tr(es="La respuesta de hace 40 s vale aunque la API ya no conteste: ni siquiera hay que llamarla.", en="The answer of 40 s ago is still good although the API no longer answers: there is no need to call it."))
checks.same(
    [_t_seen["limited"], _t_seen["not allowed"], _t_seen["down"]], [None, None, None],
    tr(es="La API falla y lo que había ha caducado: no se sabe. Ni una respuesta caducada ni un 0 valen.", en="The API fails and what there was has expired: it is not known. Neither an expired answer nor a 0 will do."),
)
checks.same([_t_seen["not allowed, calls"], _t_seen["down, calls"]], [2, 2], tr(es="Llamadas a la API: insistir en el acto no cambia una negativa.", en="Calls to the API: asking again at once does not change a refusal."))
checks.same(_t_seen["calls while quiet"], 0, tr(es="Llamadas durante el silencio que pidió el socio (retry_after_s), de cualquier zona.", en="Calls during the silence that the partner asked for (retry_after_s), for any zone."))
checks.same(_t_seen["quiet"], [None, None, None], tr(es="Mientras dura el silencio no se sabe.", en="While the silence lasts it is not known."))
checks.same(_t_seen["after"], 4, tr(es="Pasado el silencio se vuelve a preguntar.", en="After the silence the API is asked again."))
### END HIDDEN TESTS

# %% wrong="partner_availability" score=0 says_es="tocado el fichero" says_en="touched the partner's file"
# es: El fichero está en el disco: leerlo es más rápido que preguntar.
# en: The file is on the disk: reading it is faster than asking.
class PartnerDrivers:
    def __init__(self, api, max_age_s):
        pass

    def free(self, zone, now_s):
        db = sqlite3.connect(PARTNER_FILE)
        row = db.execute("SELECT drivers FROM fleet WHERE zone = ?", (zone,)).fetchone()
        db.close()
        return row[0] if row else None

# %% wrong="partner_availability" score=2 says_es="tocado el fichero" says_en="touched the partner's file"
# es: Si la API falla, se mira el fichero como plan B.
# en: If the API fails, look into the file as a plan B.
class PartnerDrivers:
    def __init__(self, api, max_age_s):
        self.api, self.max_age_s, self.known = api, max_age_s, {}

    def free(self, zone, now_s):
        known = self.known.get(zone)
        if known is None or now_s - known["as_of_s"] > self.max_age_s:
            try:
                known = self.known[zone] = self.api.availability(zone)
            except PartnerError:
                db = sqlite3.connect(f"file:{PARTNER_FILE}?mode=ro", uri=True)
                row = db.execute("SELECT drivers FROM fleet WHERE zone = ?", (zone,)).fetchone()
                db.close()
                return row[0] if row else None
        return known["drivers"] if now_s - known["as_of_s"] <= self.max_age_s else None

# %% wrong="partner_availability" score=0 says_es="para siempre" says_en="for ever"
# es: Una vez se sabe, se sabe para siempre: la caché no caduca.
# en: Once known, known for ever: the cache does not expire.
class PartnerDrivers:
    def __init__(self, api, max_age_s):
        self.api, self.known, self.quiet_until_s = api, {}, 0

    def free(self, zone, now_s):
        if zone not in self.known and now_s >= self.quiet_until_s:
            try:
                self.known[zone] = self.api.availability(zone)["drivers"]
            except RateLimited as refusal:
                self.quiet_until_s = now_s + refusal.retry_after_s
            except PartnerError:
                pass
        return self.known.get(zone)

# %% wrong="partner_availability" score=2 says_es="caducado" says_en="expired"
# es: Si el socio no contesta, mejor el último dato conocido que ninguno, por viejo que sea.
# en: If the partner does not answer, the last known answer is better than none, however old.
class PartnerDrivers:
    def __init__(self, api, max_age_s):
        self.api, self.max_age_s, self.known, self.quiet_until_s = api, max_age_s, {}, 0

    def free(self, zone, now_s):
        known = self.known.get(zone)
        if known and now_s - known["as_of_s"] <= self.max_age_s:
            return known["drivers"]
        if now_s >= self.quiet_until_s:
            try:
                known = self.known[zone] = self.api.availability(zone)
                return known["drivers"] if now_s - known["as_of_s"] <= self.max_age_s else None
            except RateLimited as refusal:
                self.quiet_until_s = now_s + refusal.retry_after_s
            except PartnerError:
                pass
        return known["drivers"] if known else None

# %% wrong="partner_availability" score=2 says_es="llamadas" says_en="calls"
# es: Si la API falla se insiste hasta que conteste.
# en: If the API fails, keep asking until it answers.
class PartnerDrivers:
    def __init__(self, api, max_age_s):
        self.api, self.max_age_s, self.known = api, max_age_s, {}

    def free(self, zone, now_s):
        known = self.known.get(zone)
        if known is None or now_s - known["as_of_s"] > self.max_age_s:
            for _ in range(10_000):
                try:
                    known = self.known[zone] = self.api.availability(zone)
                    break
                except NotAllowed:
                    return None
                except PartnerError:
                    continue
        return known["drivers"] if now_s - known["as_of_s"] <= self.max_age_s else None

# %% wrong="partner_availability" score=2 says_es="as_of_s" says_en="as_of_s"
# es: La antigüedad de un dato se cuenta desde que yo lo pedí.
# en: The age of an answer counts from when I asked for it.
class PartnerDrivers:
    def __init__(self, api, max_age_s):
        self.api, self.max_age_s, self.known, self.quiet_until_s = api, max_age_s, {}, 0

    def free(self, zone, now_s):
        asked_s, drivers = self.known.get(zone, (float("-inf"), None))
        if now_s - asked_s <= self.max_age_s:
            return drivers
        if now_s < self.quiet_until_s:
            return None
        try:
            drivers = self.api.availability(zone)["drivers"]
        except RateLimited as refusal:
            self.quiet_until_s = now_s + refusal.retry_after_s
            return None
        except PartnerError:
            return None
        self.known[zone] = now_s, drivers
        return drivers

# %% right="partner_availability"
class PartnerDrivers:
    # es: guarda hasta cuándo vale cada respuesta, y sale pronto en cada caso
    # en: keeps until when each answer is good, and leaves early in each case
    def __init__(self, api, max_age_s):
        self.api, self.max_age_s = api, max_age_s
        self.good, self.not_before = {}, None

    def free(self, zone, now_s):
        if zone in self.good:
            expires_s, drivers = self.good[zone]
            if now_s <= expires_s:
                return drivers
            del self.good[zone]
        if self.not_before is not None and now_s < self.not_before:
            return None
        try:
            answer = self.api.availability(zone)
        except PartnerError as problem:
            if isinstance(problem, RateLimited):
                self.not_before = now_s + problem.retry_after_s
            return None
        expires_s = answer["as_of_s"] + self.max_age_s
        if now_s > expires_s:
            return None
        self.good[zone] = (expires_s, answer["drivers"])
        return answer["drivers"]

# %% [markdown] lang="es" row="4"
# ## 4. Dónde se va el tiempo (3 puntos)
#
# Un servicio escribe una fila y otro la ve. Para saber en qué se va el tiempo, alguien ha cronometrado **la misma escritura** en cinco
# versiones, cada una con un paso más que la anterior (varias medidas de cada una, en ms):
#
# | versión | qué incluye |
# |---|---|
# | `parse` | solo analizar y preparar el SQL |
# | `memory` | lo anterior, y ejecutarlo y confirmarlo en una base de datos en memoria |
# | `unsynced` | lo anterior, y escribirlo en un fichero sin esperar al disco |
# | `durable` | lo anterior, y esperar a que el disco lo tenga (`fsync`) |
# | `contended` | lo anterior, con otro proceso que también escribe: hay que esperar su bloqueo |
#
# El lector sondea cada `poll_interval_ms`, con sondeos que no están sincronizados con la escritura (la consulta en sí es tan corta que no cuenta).
#
# **a)** `where_time_goes(measured_ms, poll_interval_ms)` recibe un diccionario de listas y devuelve cuántos ms corresponden **a cada paso por sí solo** en la
# versión completa: `"sql"`, `"engine"`, `"file"`, `"fsync"`, `"lock"` y `"poll"` (la espera media hasta el siguiente sondeo). De cada lista usa la **mediana**:
# un valor atípico no debe cambiar el resultado. Ninguna parte es negativa: si por ruido una versión sale más rápida que la anterior, lo que añade es `0.0` (y entonces da igual
# si la parte siguiente la cuentas desde la versión anterior o desde la más lenta hasta ahí).
#
# **b)** `slowest(parts)` devuelve el nombre de la parte que más pesa; si hay empate, el de cualquiera de ellas.
#
# Por ejemplo, si la mediana de `memory` es 0.02 y la de `parse` 0.005, `"engine"` es 0.015. Se comprueba que, cuando ninguna versión sale más rápida que la anterior, las partes suman la espera total y que
# cada parte vale lo que le corresponde.
# %% [markdown] lang="en" row="4"
# ## 4. Where the time goes (3 points)
#
# One service writes a row and another sees it. To know where the time goes, somebody has timed **the same write** in five
# versions, each with one step more than the previous one (several measurements of each, in ms):
#
# | version | what it includes |
# |---|---|
# | `parse` | only parsing and preparing the SQL |
# | `memory` | the previous one, plus executing and committing it in a database in memory |
# | `unsynced` | the previous one, plus writing it to a file without waiting for the disk |
# | `durable` | the previous one, plus waiting until the disk has it (`fsync`) |
# | `contended` | the previous one, with another process writing too: plus waiting for its lock |
#
# The reader polls every `poll_interval_ms`, and its polls are not synchronised with the write (the query itself is so short that it does not count).
#
# **a)** `where_time_goes(measured_ms, poll_interval_ms)` gets a dict of lists and returns how many ms are due to **each step alone** in the
# full version: `"sql"`, `"engine"`, `"file"`, `"fsync"`, `"lock"` and `"poll"` (the mean wait until the next poll). Use the **median** of each list:
# one outlier must not change the result. No part is negative: if noise makes a version faster than the previous one, what it adds is `0.0` (and then it does not matter
# whether you count the next part from the previous version or from the slowest one so far).
#
# **b)** `slowest(parts)` returns the name of the largest part; if there is a tie, that of any of them.
#
# For instance, if the median of `memory` is 0.02 and that of `parse` 0.005, `"engine"` is 0.015. It is checked that, when no version is faster than the previous one, the parts add up to the total wait and that
# each part has the value it should.

# %% answer="where_time_goes"
def where_time_goes(measured_ms, poll_interval_ms):
    ### BEGIN SOLUTION
    median = {version: float(np.median(times)) for version, times in measured_ms.items()}
    # es: cada parte es lo que añade una versión a la anterior
    # en: each part is what a version adds to the previous one
    steps = {"engine": ("parse", "memory"), "file": ("memory", "unsynced"), "fsync": ("unsynced", "durable"), "lock": ("durable", "contended")}
    added = {part: max(0.0, median[after] - median[before]) for part, (before, after) in steps.items()}
    return {"sql": median["parse"], **added, "poll": poll_interval_ms / 2}
    ### END SOLUTION


def slowest(parts):
    ### BEGIN SOLUTION
    return max(parts, key=parts.get)
    ### END SOLUTION

# %% test="where_time_goes/parts" points=2 row="4" objective="1.4"
import statistics as _t_statistics

from mlprod import checks


def _t_diagnosis(got, measured_ms):
    """What the student seems to have done with the five versions, in their language."""
    mean = {version: _t_statistics.fmean(times) for version, times in measured_ms.items()}
    if abs(got["lock"] - max(0.0, mean["contended"] - mean["durable"])) < 1e-9:
        return tr(es="Un valor atípico ha movido una parte: eso es la media.", en="An outlier has moved a part: that is the mean.")
    if abs(got["lock"] - _t_statistics.median(measured_ms["contended"])) < 1e-9:
        return tr(es="Hay tiempo contado dos veces: cada versión incluye la anterior.", en="Some time is counted twice: each version includes the previous one.")
    return ""


def _t_compare_parts(measured_ms, poll_ms, want):
    got = checks.plain(where_time_goes(measured_ms, poll_ms), "where_time_goes(…)")
    assert isinstance(got, dict), tr(es="where_time_goes devuelve un diccionario.", en="where_time_goes returns a dict.")
    checks.same(set(got), set(want), tr(es="Las partes son seis.", en="There are six parts."))
    got = {part: checks.number(got[part], tr(es=f"Parte {part}.", en=f"Part {part}.")) for part in want}
    shown = ", ".join(f"{part} {ms:.4g}" for part, ms in got.items())
    assert min(got.values()) >= 0, tr(es=f"Hay partes negativas: {shown}. ¿Qué versión incluye a cuál?", en=f"Some parts are negative: {shown}. Which version includes which?")
    assert got["sql"] <= 2 * want["sql"], tr(
        es=f"Al SQL le das {got['sql']:.3g} ms y prepararlo cuesta {want['sql']:.3g}: lo demás es otra cosa. Analizar el SQL no es lo lento.",
        en=f"You give {got['sql']:.3g} ms to SQL and preparing it costs {want['sql']:.3g}: the rest is something else. Parsing SQL is not what is slow.",
    )
    total, asked = sum(got.values()), sum(want.values())
    assert abs(total - asked) <= 1e-6 * asked, tr(
        es=f"De la escritura a la lectura pasan {asked:.4g} ms y tus partes suman {total:.4g}: {shown}. {_t_diagnosis(got, measured_ms)}",
        en=f"From the write to the read it takes {asked:.4g} ms and your parts add up to {total:.4g}: {shown}. {_t_diagnosis(got, measured_ms)}",
    ).rstrip()
    for part in want:
        checks.same(got[part], want[part], tr(es=f"Parte {part}, en ms, con sondeos cada {poll_ms} ms. Has devuelto: {shown}.", en=f"Part {part}, in ms, polling every {poll_ms} ms. You returned: {shown}."), tolerance=1e-6)


_t_example = {
    "parse": [0.005, 0.004, 0.006],
    "memory": [0.02, 0.02, 0.9],
    "unsynced": [0.05, 0.05, 0.04],
    "durable": [3.05, 2.9, 9.0],
    "contended": [5.05, 4.0, 30.0],
}
_t_compare_parts(_t_example, 50, {"sql": 0.005, "engine": 0.015, "file": 0.03, "fsync": 3.0, "lock": 2.0, "poll": 25.0})
checks.passed()
### BEGIN HIDDEN TESTS
import random as _t_random


def _t_measurements(seed):
    chance = _t_random.Random(seed)
    level, measured = 0.0, {}
    for version, extra in [("parse", 0.01), ("memory", 0.03), ("unsynced", 0.1), ("durable", 4.0), ("contended", 6.0)]:
        level += extra * chance.uniform(0.5, 1.5)
        measured[version] = [level * chance.uniform(0.97, 1.03) for _ in range(10)] + [level * 20]
        chance.shuffle(measured[version])
    return measured, chance.choice([1, 10, 40, 250])


def _t_want_parts(measured, poll_ms):
    parse, memory, unsynced, durable, contended = (_t_statistics.median(measured[version]) for version in ("parse", "memory", "unsynced", "durable", "contended"))
    added = {"engine": memory - parse, "file": unsynced - memory, "fsync": durable - unsynced, "lock": contended - durable}
    return {"sql": parse, **added, "poll": poll_ms / 2}


for _t_seed in range(12):
    _t_measured, _t_poll = _t_measurements(_t_seed)
    _t_compare_parts(_t_measured, _t_poll, _t_want_parts(_t_measured, _t_poll))
_t_noisy = {**_t_example, "unsynced": [0.018, 0.017, 0.4]}
_t_got = checks.plain(where_time_goes(_t_noisy, 50), "where_time_goes(…)")
_t_about = tr(es="El ruido hace que unsynced salga más rápida que memory (medianas de 0.018 y 0.02 ms).", en="Noise makes unsynced faster than memory (medians of 0.018 and 0.02 ms).")
checks.same({part: _t_got.get(part) for part in ("sql", "engine", "file", "lock", "poll")}, {"sql": 0.005, "engine": 0.015, "file": 0.0, "lock": 2.0, "poll": 25.0}, _t_about)
assert 3.03 - 1e-6 <= checks.number(_t_got.get("fsync"), _t_about) <= 3.032 + 1e-6, tr(es=f"{_t_about} A fsync le das {_t_got['fsync']:.4g} ms.", en=f"{_t_about} You give {_t_got['fsync']:.4g} ms to fsync.")
### END HIDDEN TESTS

# %% test="where_time_goes/slowest" points=1 row="4" objective="1.4"
from mlprod import checks

checks.same(slowest({"sql": 0.005, "engine": 0.015, "file": 0.03, "fsync": 3.0, "lock": 2.0, "poll": 25.0}), "poll", tr(es="Con sondeos cada 50 ms pesa más la espera.", en="Polling every 50 ms, the wait weighs most."))
checks.same(slowest({"sql": 0.005, "engine": 0.015, "file": 0.03, "fsync": 3.0, "lock": 0.0, "poll": 0.5}), "fsync", tr(es="Con sondeos cada milisegundo pesa más el disco.", en="Polling every millisecond, the disk weighs most."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_slow in ("fsync", "lock", "poll", "file"):
    _t_parts = {"sql": 0.01, "engine": 0.02, "file": 0.1, "fsync": 4.0, "lock": 0.0, "poll": 0.5} | {_t_slow: 9.0}
    checks.same(slowest(_t_parts), _t_slow, tr(es=f"La parte que más pesa depende de los números: {_t_parts}.", en=f"Which part weighs most depends on the numbers: {_t_parts}."))
### END HIDDEN TESTS

# %% wrong="where_time_goes" score=1 says_es="no es lo lento" says_en="not what is slow"
# es: Lo lento es analizar el SQL: a él se le apunta todo lo que no es disco ni espera.
# en: Parsing the SQL is the slow part: all that is neither disk nor waiting is charged to it.
def where_time_goes(measured_ms, poll_interval_ms):
    m = {version: np.median(times) for version, times in measured_ms.items()}
    return {
        "sql": m["unsynced"],
        "engine": 0.0,
        "file": 0.0,
        "fsync": max(0, m["durable"] - m["unsynced"]),
        "lock": max(0, m["contended"] - m["durable"]),
        "poll": poll_interval_ms / 2,
    }


def slowest(parts):
    return sorted(parts, key=lambda part: parts[part])[-1]

# %% wrong="where_time_goes" score=1 says_es="dos veces" says_en="twice"
# es: El tiempo de cada versión es el de su último paso: no se resta nada.
# en: The time of each version is that of its last step: nothing is subtracted.
def where_time_goes(measured_ms, poll_interval_ms):
    m = {version: np.median(times) for version, times in measured_ms.items()}
    return {
        "sql": m["parse"],
        "engine": m["memory"],
        "file": m["unsynced"],
        "fsync": m["durable"],
        "lock": m["contended"],
        "poll": poll_interval_ms / 2,
    }


def slowest(parts):
    return sorted(parts, key=lambda part: parts[part])[-1]

# %% wrong="where_time_goes" score=1 says="negativ"
# es: Se resta al revés: a la versión corta, la larga.
# en: Subtracted the wrong way: the long version from the short one.
def where_time_goes(measured_ms, poll_interval_ms):
    m = {version: np.median(times) for version, times in measured_ms.items()}
    return {
        "sql": m["parse"],
        "engine": m["parse"] - m["memory"],
        "file": m["memory"] - m["unsynced"],
        "fsync": m["unsynced"] - m["durable"],
        "lock": m["durable"] - m["contended"],
        "poll": poll_interval_ms / 2,
    }


def slowest(parts):
    return sorted(parts, key=lambda part: parts[part])[-1]

# %% wrong="where_time_goes" score=1 says_es="suman" says_en="add up"
# es: De media se espera un periodo de sondeo entero.
# en: The mean wait is a whole polling period.
def where_time_goes(measured_ms, poll_interval_ms):
    m = {version: np.median(times) for version, times in measured_ms.items()}
    return {
        "sql": m["parse"],
        "engine": max(0, m["memory"] - m["parse"]),
        "file": max(0, m["unsynced"] - m["memory"]),
        "fsync": max(0, m["durable"] - m["unsynced"]),
        "lock": max(0, m["contended"] - m["durable"]),
        "poll": poll_interval_ms,
    }


def slowest(parts):
    return sorted(parts, key=lambda part: parts[part])[-1]

# %% wrong="where_time_goes" score=1 says_es="atípico" says_en="outlier"
# es: La media resume igual de bien que la mediana.
# en: The mean is as good a summary as the median.
def where_time_goes(measured_ms, poll_interval_ms):
    m = {version: np.mean(times) for version, times in measured_ms.items()}
    return {
        "sql": m["parse"],
        "engine": max(0, m["memory"] - m["parse"]),
        "file": max(0, m["unsynced"] - m["memory"]),
        "fsync": max(0, m["durable"] - m["unsynced"]),
        "lock": max(0, m["contended"] - m["durable"]),
        "poll": poll_interval_ms / 2,
    }


def slowest(parts):
    return sorted(parts, key=lambda part: parts[part])[-1]

# %% wrong="where_time_goes" score=2 says_es="depende de los números" says_en="depends on the numbers"
# es: En una base de datos lo que más pesa es siempre el disco o la espera: no hace falta mirar los números.
# en: In a database the disk or the wait always weighs most: there is no need to look at the numbers.
def where_time_goes(measured_ms, poll_interval_ms):
    m = {version: np.median(times) for version, times in measured_ms.items()}
    return {
        "sql": m["parse"],
        "engine": max(0, m["memory"] - m["parse"]),
        "file": max(0, m["unsynced"] - m["memory"]),
        "fsync": max(0, m["durable"] - m["unsynced"]),
        "lock": max(0, m["contended"] - m["durable"]),
        "poll": poll_interval_ms / 2,
    }


def slowest(parts):
    return "poll" if parts["poll"] > 1 else "fsync"

# %% right="where_time_goes"
def where_time_goes(measured_ms, poll_interval_ms):
    # es: de fuera hacia dentro, con la biblioteca estándar
    # en: from the outside in, with the standard library
    from statistics import median

    parts, rest = {"poll": poll_interval_ms * 0.5}, median(measured_ms["contended"])
    for name, version in [("lock", "durable"), ("fsync", "unsynced"), ("file", "memory"), ("engine", "parse")]:
        inner = median(measured_ms[version])
        parts[name] = rest - inner if rest > inner else 0.0
        rest = inner
    parts["sql"] = rest
    return parts


def slowest(parts):
    best = None
    for name, ms in parts.items():
        if best is None or ms > parts[best]:
            best = name
    return best

# %% right="where_time_goes"
def where_time_goes(measured_ms, poll_interval_ms):
    # es: frente a la versión más lenta hasta ahí: así las partes suman el total aunque haya ruido
    # en: against the slowest version so far: that way the parts add up to the total in spite of noise
    parts, so_far = {}, 0.0
    for version, part in [("parse", "sql"), ("memory", "engine"), ("unsynced", "file"), ("durable", "fsync"), ("contended", "lock")]:
        reached = max(so_far, np.median(measured_ms[version]))
        parts[part] = reached - so_far
        so_far = reached
    parts["poll"] = poll_interval_ms / 2
    return parts


def slowest(parts):
    return sorted(parts, key=parts.get)[-1]

# %% [markdown] lang="es" row="2 4"
# ## 5. Una cola de trabajo que no pierde nada (6 puntos)
#
# Recalcular precios es lento y lo hacen varios trabajadores, que son procesos distintos. Los trabajos están en una tabla de SQLite (`SCHEMA`, abajo); cada trabajador
# repite: *reclama* un trabajo, lo *hace* y *acusa recibo*. Cualquiera de ellos puede morir en cualquier instante, sin avisar.
# Por eso quien reclama recibe el trabajo **prestado** por un tiempo: si el plazo vence, otro puede hacerlo.
#
# Escribe las tres operaciones. `db` es una conexión de `sqlite3` en modo *autocommit* (`isolation_level=None`): cada sentencia es su propia transacción, salvo
# que tú abras una con `BEGIN` y la cierres (por todos los caminos) con `COMMIT`; un `with db:` no abre ninguna. De la documentación de SQLite te interesan `UPDATE … RETURNING` y las clases de `BEGIN`.
# Lee con `fetchall()` todo lo que devuelve un `RETURNING`: la sentencia no acaba, ni suelta su bloqueo, hasta que se ha leído entera.
#
# - `claim(db, worker, now_s, lease_s)`: reclama el trabajo `ready` de menor `id` hasta `now_s + lease_s` y devuelve `(id, payload)`; `None` solo si no hay ninguno `ready`. No tiene que ocuparse
#   de los plazos vencidos.
# - `ack(db, job_id, worker)`: el trabajo está hecho. Devuelve `True` si seguía siendo de ese trabajador; si ya no lo era, o ya estaba hecho (un segundo acuse), no cambia nada y devuelve `False`. No mira la hora:
#   aunque el plazo haya vencido, el trabajo sigue siendo suyo hasta que `requeue_expired` lo devuelve a la cola.
# - `requeue_expired(db, now_s)`: vuelve a poner `ready` los trabajos reclamados cuyo plazo ya ha vencido, y solo esos; en el instante exacto `lease_until_s` ya ha vencido. Devuelve cuántos eran.
#
# Lo que quede en `worker` y `lease_until_s` cuando un trabajo no está reclamado es cosa tuya.
#
# Se comprueba que, **muera quien muera entre dos sentencias cualesquiera**, ningún trabajo se pierde y solo se repite el que estaba a medias; y que, aunque otro trabajador se cuele
# entre dos de tus sentencias, nunca hay dos con el mismo trabajo ni falla ninguno con un `database is locked`.
# %% [markdown] lang="en" row="2 4"
# ## 5. A work queue that loses nothing (6 points)
#
# Recalculating prices is slow and several workers do it, each a process of its own. The jobs are in an SQLite table (`SCHEMA`, below); each worker
# repeats: *claim* a job, *do* it, *acknowledge* it. Any of them may die at any moment, without notice.
# That is why a worker that claims a job has it **on loan** for some time: when the lease runs out, another one may do it.
#
# Write the three operations. `db` is a `sqlite3` connection in *autocommit* mode (`isolation_level=None`): each statement is its own transaction, unless
# you open one with `BEGIN` and close it (on every path) with `COMMIT`; a `with db:` opens none. In the SQLite documentation, `UPDATE … RETURNING` and the kinds of `BEGIN` are of interest.
# Read all that a `RETURNING` gives with `fetchall()`: the statement does not end, nor release its lock, until it has been read to the end.
#
# - `claim(db, worker, now_s, lease_s)`: claims the `ready` job with the smallest `id` until `now_s + lease_s` and returns `(id, payload)`; `None` only when none is `ready`. It need not
#   deal with expired leases.
# - `ack(db, job_id, worker)`: the job is done. Returns `True` if it still belonged to that worker; if it no longer did, or was done already (a second acknowledgement), it changes nothing and returns `False`. It does not look at the time:
#   a worker whose lease has run out still has the job until `requeue_expired` puts it back in the queue.
# - `requeue_expired(db, now_s)`: makes `ready` again the claimed jobs whose lease has run out, and only those; at the exact moment `lease_until_s` it has run out. Returns how many there were.
#
# What remains in `worker` and `lease_until_s` while a job is not claimed is up to you.
#
# It is checked that, **whichever worker dies between any two statements**, no job is lost and only the one in progress is repeated; and that, even if another worker slips in
# between two of your statements, no two ever hold the same job and none fails with a `database is locked`.

# %%
SCHEMA = """
CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY,
    payload       TEXT NOT NULL,
    state         TEXT NOT NULL DEFAULT 'ready',  -- ready, claimed, done
    worker        TEXT,                           -- the worker that has claimed it
    lease_until_s REAL                            -- until when that worker has it
)
"""

# %% answer="work_queue"
def claim(db, worker, now_s, lease_s):
    ### BEGIN SOLUTION
    # es: buscar y reclamar en una sola sentencia: nadie puede colarse en medio
    # en: find it and claim it in a single statement: nobody can slip in between
    claimed = db.execute(
        """UPDATE jobs SET state = 'claimed', worker = ?, lease_until_s = ?
           WHERE id = (SELECT min(id) FROM jobs WHERE state = 'ready')
           RETURNING id, payload""",
        (worker, now_s + lease_s),
    ).fetchall()
    return claimed[0] if claimed else None
    ### END SOLUTION


def ack(db, job_id, worker):
    ### BEGIN SOLUTION
    mine = "UPDATE jobs SET state = 'done' WHERE id = ? AND state = 'claimed' AND worker = ?"
    return db.execute(mine, (job_id, worker)).rowcount == 1
    ### END SOLUTION


def requeue_expired(db, now_s):
    ### BEGIN SOLUTION
    expired = "UPDATE jobs SET state = 'ready', worker = NULL WHERE state = 'claimed' AND lease_until_s <= ?"
    return db.execute(expired, (now_s,)).rowcount
    ### END SOLUTION

# %% test="work_queue/lease" points=1 row="2" objective="1.4"
import contextlib as _t_contextlib
import sqlite3 as _t_sqlite3
import tempfile as _t_tempfile

from mlprod import checks
from mlprod.systems.workspace import workspace as _t_workspace


class _t_StillWaiting(BaseException):
    """Ends a wait for a lock that will not be released meanwhile; not an Exception, so that no `except Exception` hides it."""


class _t_Stepped(_t_sqlite3.Connection):
    """A connection that calls `before_step(sql)` ahead of each statement, so that things can happen in between."""

    before_step = staticmethod(lambda sql: None)
    last_sql = ""

    def step(self, sql):
        self.last_sql = " ".join(sql.split())
        self.before_step(sql)

    def cursor(self, factory=None):
        return super().cursor(factory or _t_SteppedCursor)

    def execute(self, sql, *args):
        return self.cursor().execute(sql, *args)

    def executemany(self, sql, *args):
        return self.cursor().executemany(sql, *args)

    def commit(self):
        self.step("COMMIT")
        super().commit()

    def rollback(self):
        self.step("ROLLBACK")
        super().rollback()

    def __exit__(self, *raised):
        self.step("COMMIT")
        return super().__exit__(*raised)


class _t_SteppedCursor(_t_sqlite3.Cursor):
    def execute(self, sql, *args):
        self.connection.step(sql)
        return super().execute(sql, *args)

    def executemany(self, sql, *args):
        self.connection.step(sql)
        return super().executemany(sql, *args)


def _t_connect(path, wait_s=0.2):
    db = _t_sqlite3.connect(path, isolation_level=None, timeout=wait_s, factory=_t_Stepped)
    _t_sqlite3.Connection.execute(db, "PRAGMA synchronous=OFF")
    return db


def _t_did(operation, db, *arguments):
    """What that operation of the student's returns; a database error or a transaction left open is a failure that says where."""
    call = f"{operation.__name__}({', '.join(['db', *map(repr, arguments)])})"
    try:
        result = operation(db, *arguments)
    except _t_sqlite3.OperationalError as problem:
        raise AssertionError(tr(es=f"{call} ha fallado: «{problem}», en la sentencia «{db.last_sql}».", en=f"{call} failed: \"{problem}\", in the statement \"{db.last_sql}\".")) from None
    assert not db.in_transaction, tr(es=f"{call} deja una transacción abierta: nadie más podrá escribir.", en=f"{call} leaves a transaction open: nobody else will be able to write.")
    return result


@_t_contextlib.contextmanager
def _t_queue_of(jobs):
    """The path of a new queue with that many jobs: ids 1, 2, 3… and payloads zone-1, zone-2, zone-3…"""
    with _t_tempfile.TemporaryDirectory(dir=_t_workspace()) as folder:
        path = f"{folder}/queue.sqlite"
        db = _t_sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(SCHEMA)
        db.executemany("INSERT INTO jobs (payload) VALUES (?)", [(f"zone-{i}",) for i in range(1, jobs + 1)])
        db.close()
        yield path


with _t_queue_of(2) as _t_path, _t_contextlib.closing(_t_connect(_t_path)) as _t_db:
    checks.same(_t_did(claim, _t_db, "ana", 0, 30), (1, "zone-1"), tr(es="El primer trabajo que se reclama.", en="The first job claimed."))
    checks.same(_t_did(claim, _t_db, "berta", 0, 30), (2, "zone-2"), tr(es="El segundo trabajo que se reclama.", en="The second job claimed."))
    checks.same(_t_did(claim, _t_db, "carla", 0, 30), None, tr(es="No queda ninguno por reclamar.", en="None is left to claim."))
    checks.same(_t_did(requeue_expired, _t_db, 29), 0, tr(es="Plazos vencidos en el segundo 29, con préstamos de 30 s: el préstamo aún vale.", en="Leases that have run out by second 29, with leases of 30 s: the lease still holds."))
    checks.same(_t_did(ack, _t_db, 1, "ana"), True, tr(es="ana acusa recibo de lo suyo.", en="ana acknowledges her own job."))
    checks.same(_t_did(requeue_expired, _t_db, 31), 1, tr(es="Plazos vencidos en el segundo 31: solo el trabajo 2, que nadie ha terminado.", en="Leases that have run out by second 31: only that of job 2, which nobody has finished."))
    checks.same(_t_did(claim, _t_db, "carla", 31, 30), (2, "zone-2"), tr(es="El trabajo 2 vuelve a estar libre, con su contenido.", en="Job 2 is free again, with its payload."))
    checks.same(_t_did(claim, _t_db, "berta", 31, 30), None, tr(es="El trabajo 1 ya está hecho: no vuelve.", en="Job 1 is done: it does not come back."))
    checks.passed()
### BEGIN HIDDEN TESTS
    checks.same(_t_did(ack, _t_db, 2, "berta"), False, tr(es="berta llega tarde: su préstamo venció y ahora el trabajo es de carla. Ese acuse no vale.", en="berta is late: her lease ran out and the job is carla's now. That acknowledgement is void."))
    checks.same(_t_did(ack, _t_db, 1, "ana"), False, tr(es="El trabajo 1 ya se había terminado: el segundo acuse no vale.", en="Job 1 was finished already: the second acknowledgement is void."))
    checks.same(_t_did(ack, _t_db, 99, "ana"), False, tr(es="El trabajo 99 no existe.", en="Job 99 does not exist."))
    checks.same(_t_did(ack, _t_db, 2, "carla"), True, tr(es="carla sí tiene el trabajo 2: el acuse tardío de berta no debía quitárselo.", en="carla does hold job 2: berta's late acknowledgement must not take it from her."))
    checks.same(_t_did(requeue_expired, _t_db, 10_000), 0, tr(es="Lo terminado no vuelve a la cola.", en="What is done does not return to the queue."))
with _t_queue_of(2) as _t_path, _t_contextlib.closing(_t_connect(_t_path)) as _t_db:
    _t_did(claim, _t_db, "ana", 0, 10), _t_did(claim, _t_db, "berta", 0, 100)
    checks.same(_t_did(requeue_expired, _t_db, 50), 1, tr(es="Cada préstamo tiene su propio plazo.", en="Each lease has its own end."))
    checks.same(_t_did(claim, _t_db, "carla", 50, 10), (1, "zone-1"), tr(es="Solo ha vuelto el trabajo cuyo préstamo venció.", en="Only the job whose lease ran out has come back."))
### END HIDDEN TESTS

# %% test="work_queue/race" points=2 row="2 4" objective="1.4"
from mlprod import checks


def _t_interleaved(path, mine, theirs, step):
    """Run `mine(db)`, and `theirs(other)` just before its statement number `step`: (my result, theirs, whether it came to that)."""
    results, count, tries = {}, 0, 0

    def give_up(sql):
        nonlocal tries
        tries += 1
        if tries > 100:
            raise _t_StillWaiting

    def before_step(sql):
        nonlocal count
        count += 1
        if count == step:
            with _t_contextlib.closing(_t_connect(path, wait_s=0)) as other:
                other.before_step = give_up
                with _t_contextlib.suppress(_t_sqlite3.OperationalError, _t_StillWaiting):  # locked: it waits until we have finished
                    results["theirs"] = theirs(other)

    with _t_contextlib.closing(_t_connect(path)) as db:
        db.before_step = before_step
        try:
            results["mine"] = mine(db)
        except _t_sqlite3.OperationalError as problem:
            raise AssertionError(
                tr(
                    es=f"Otro trabajador ha usado la cola entre dos de tus sentencias y tu operación ha fallado: «{problem}», en la sentencia «{db.last_sql}».",
                    en=f"Another worker used the queue between two of your statements and your operation failed: \"{problem}\", in the statement \"{db.last_sql}\".",
                )
            ) from None
        db.before_step = lambda sql: None
        assert not db.in_transaction, tr(es="Tu operación deja una transacción abierta: nadie más podrá escribir.", en="Your operation leaves a transaction open: nobody else will be able to write.")
    if "theirs" not in results:
        with _t_contextlib.closing(_t_connect(path)) as other:
            results["theirs"] = theirs(other)
    return results["mine"], results["theirs"], count >= step


_t_step, _t_going_on = 1, True
while _t_going_on and _t_step < 40:
    with _t_queue_of(2) as _t_path:
        _t_mine, _t_theirs, _t_going_on = _t_interleaved(_t_path, lambda db: claim(db, "ana", 0, 30), lambda db: claim(db, "berta", 0, 30), _t_step)
    assert _t_mine is not None and _t_theirs is not None, tr(
        es=f"Hay dos trabajos y dos trabajadores, y uno se ha ido de vacío: ana {_t_mine}, berta {_t_theirs}.",
        en=f"There are two jobs and two workers, and one left with nothing: ana {_t_mine}, berta {_t_theirs}.",
    )
    assert checks.plain(_t_mine)[0] != checks.plain(_t_theirs)[0], tr(
        es=f"berta ha reclamado justo antes de la sentencia {_t_step} de ana, y las dos tienen el mismo trabajo: {_t_mine} y {_t_theirs}.",
        en=f"berta claimed just before ana's statement {_t_step}, and both have the same job: {_t_mine} and {_t_theirs}.",
    )
    _t_step += 1
checks.passed()
### BEGIN HIDDEN TESTS
_t_step, _t_going_on = 1, True
while _t_going_on and _t_step < 40:
    with _t_queue_of(1) as _t_path:
        _t_mine, _t_theirs, _t_going_on = _t_interleaved(_t_path, lambda db: claim(db, "ana", 0, 30), lambda db: claim(db, "berta", 0, 30), _t_step)
    assert (_t_mine is None) != (_t_theirs is None), tr(es=f"Un trabajo para dos trabajadores: ana {_t_mine}, berta {_t_theirs}.", en=f"One job for two workers: ana {_t_mine}, berta {_t_theirs}.")
    _t_step += 1


def _t_take_over(db):
    requeue_expired(db, 100)
    return claim(db, "berta", 100, 30)


_t_step, _t_going_on = 1, True
while _t_going_on and _t_step < 40:
    with _t_queue_of(1) as _t_path:
        with _t_contextlib.closing(_t_connect(_t_path)) as _t_db:
            claim(_t_db, "ana", 0, 30)
        _t_mine, _t_theirs, _t_going_on = _t_interleaved(_t_path, lambda db: ack(db, 1, "ana"), _t_take_over, _t_step)
    assert (checks.plain(_t_mine) is True) == (_t_theirs is None), tr(
        es=f"El préstamo de ana ha vencido y berta reclama mientras ana acusa recibo: ack de ana {_t_mine}, reclamado por berta {_t_theirs}. O lo uno o lo otro.",
        en=f"ana's lease has run out and berta claims while ana acknowledges: ana's ack {_t_mine}, claimed by berta {_t_theirs}. Either one or the other.",
    )
    _t_step += 1

_t_step, _t_going_on = 1, True
while _t_going_on and _t_step < 40:
    with _t_queue_of(1) as _t_path:
        with _t_contextlib.closing(_t_connect(_t_path)) as _t_db:
            claim(_t_db, "ana", 0, 30)
        _t_mine, _t_theirs, _t_going_on = _t_interleaved(_t_path, lambda db: requeue_expired(db, 100), lambda db: ack(db, 1, "ana"), _t_step)
        with _t_contextlib.closing(_t_connect(_t_path)) as _t_db:
            _t_again = claim(_t_db, "carla", 101, 30)
    assert (checks.plain(_t_theirs) is True) == (_t_again is None), tr(
        es=f"ana acusa recibo mientras se devuelven a la cola los vencidos: su ack {_t_theirs}, y después carla reclama {_t_again}. Un trabajo hecho no vuelve; si vuelve, es que no se aceptó el acuse.",
        en=f"ana acknowledges while the expired ones are put back: her ack {_t_theirs}, and carla claims {_t_again} afterwards. A job that is done does not come back; one that comes back was not accepted.",
    )
    _t_step += 1
### END HIDDEN TESTS

# %% test="work_queue/crash" points=2 row="4" objective="1.4"
from mlprod import checks


class _t_Killed(BaseException):
    """kill -9, simulated: from here on this connection does nothing more, not even clean up."""


def _t_shift(path, worker, now_s, done, dies_at=None):
    """A worker's shift: all the jobs it can get; `dies_at` kills it before that step. Returns (the job in hand, whether it died)."""
    steps, hand = 0, None

    def before_step(sql):
        nonlocal steps
        steps += 1
        if dies_at is not None and steps >= dies_at:
            raise _t_Killed

    with _t_contextlib.closing(_t_connect(path)) as db:
        db.before_step = before_step
        try:
            _t_did(requeue_expired, db, now_s)
            while job := _t_did(claim, db, worker, now_s, 30):
                hand = checks.plain(job)[0]
                assert len(done) < 50, tr(es="Los trabajos no se acaban nunca: los que están hechos vuelven a salir.", en="The jobs never end: jobs that are done come out again.")
                before_step("working")
                done.append(hand)
                before_step("done")
                _t_did(ack, db, hand, worker)
                hand = None
        except _t_Killed:
            return hand, True
    return None, False


_t_done = []
with _t_queue_of(3) as _t_path:
    _t_shift(_t_path, "ana", 0, _t_done)
checks.same(_t_done, [1, 2, 3], tr(es="Sin que muera nadie: cada trabajo, una vez y en orden.", en="When nobody dies: each job once, in order."))
_t_done = []
with _t_queue_of(3) as _t_path:
    _t_shift(_t_path, "ana", 0, _t_done, dies_at=6)
    _t_shift(_t_path, "berta", 100, _t_done)
assert set(_t_done) == {1, 2, 3}, tr(es=f"ana muere a medias y su préstamo vence: hay trabajos perdidos. Hechos: {_t_done}.", en=f"ana dies half-way and her lease runs out: jobs are lost. Done: {_t_done}.")
checks.passed()
### BEGIN HIDDEN TESTS
_t_point, _t_died = 1, True
while _t_died and _t_point < 80:
    _t_done = []
    with _t_queue_of(3) as _t_path:
        _t_hand, _t_died = _t_shift(_t_path, "ana", 0, _t_done, dies_at=_t_point)
        _t_before = len(_t_done)
        _t_shift(_t_path, "berta", 10, _t_done)
        _t_soon = _t_done[_t_before:]
        _t_hand_later, _ = _t_shift(_t_path, "carla", 100, _t_done, dies_at=_t_point)
        _t_shift(_t_path, "diana", 200, _t_done)
    assert set(_t_done) == {1, 2, 3}, tr(
        es=f"ana muere en el paso {_t_point} y carla después: se pierden los trabajos {sorted({1, 2, 3} - set(_t_done))}. Un trabajo que se quita de la cola antes de estar hecho se pierde con quien muere, y uno cuyo préstamo no vence no vuelve.",
        en=f"ana dies at step {_t_point} and carla later: jobs {sorted({1, 2, 3} - set(_t_done))} are lost. A job that leaves the queue before it is done dies with its worker, and one whose lease never ends does not come back.",
    )
    assert _t_hand is None or _t_hand not in _t_soon, tr(
        es=f"ana muere con el trabajo {_t_hand} prestado y berta lo hace antes de que venza el plazo: dos a la vez con el mismo trabajo.",
        en=f"ana dies holding job {_t_hand} and berta does it before the lease runs out: two at once with the same job.",
    )
    _t_repeated = {job for job in _t_done if _t_done.count(job) > 1}
    assert _t_repeated <= {_t_hand, _t_hand_later} and len(_t_done) <= 5, tr(
        es=f"Se repite más que lo que estaba a medias cuando murieron ana (trabajo {_t_hand}) y carla ({_t_hand_later}): {_t_done}.",
        en=f"More is repeated than what was in progress when ana (job {_t_hand}) and carla ({_t_hand_later}) died: {_t_done}.",
    )
    _t_point += 1
### END HIDDEN TESTS

# %% test="work_queue/processes" points=1 row="4" objective="1.4"
from mlprod import checks
from mlprod.systems import processes as _t_processes


def _t_real_worker(path, worker, now_s, diary, dies_after=None):
    """A worker in a process of its own: notes each job in `diary`; SIGKILLs itself after that many, before the acknowledgement."""
    import os
    import signal
    import sqlite3

    db = sqlite3.connect(path, isolation_level=None, timeout=5)
    requeue_expired(db, now_s)
    jobs = 0
    while jobs < 100 and (job := claim(db, worker, now_s, 30)):
        jobs += 1
        with open(diary, "a") as notes:
            print(worker, job[0], file=notes)
        if jobs == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        ack(db, job[0], worker)
    db.close()
    return jobs


with _t_queue_of(10) as _t_path, _t_processes.group() as _t_group:
    _t_diary = f"{_t_path}.diary"
    _t_group.start(_t_real_worker, _t_path, "ana", 0, _t_diary, dies_after=4, name="ana").wait(timeout=20)
    _t_group.start(_t_real_worker, _t_path, "berta", 100, _t_diary, name="berta").result(timeout=20)
    with open(_t_diary) as _t_notes:
        _t_lines = [_line.split() for _line in _t_notes]
_t_jobs = [int(_job) for _, _job in _t_lines]
assert set(_t_jobs) == set(range(1, 11)), tr(
    es=f"Con procesos de verdad y un SIGKILL de verdad se pierden los trabajos {sorted(set(range(1, 11)) - set(_t_jobs))}.",
    en=f"With real processes and a real SIGKILL, jobs {sorted(set(range(1, 11)) - set(_t_jobs))} are lost.",
)
checks.passed()
### BEGIN HIDDEN TESTS
checks.same([job for worker, job in _t_lines if worker == "ana"], ["1", "2", "3", "4"], tr(es="Lo que hizo ana antes de morir.", en="What ana did before she died."))
checks.same(sorted(_t_jobs), sorted([*range(1, 11), 4]), tr(es="Cada trabajo una vez, salvo el 4, que estaba a medias.", en="Each job once, except 4, which was in progress."))
### END HIDDEN TESTS

# %% wrong="work_queue" score=4 says_es="el mismo trabajo" says_en="the same job"
# es: Mirar cuál toca y después apuntárselo son dos sentencias seguidas: no cabe nadie en medio.
# en: Looking up the next one and then claiming it are two statements in a row: nobody can come in between.
def claim(db, worker, now_s, lease_s):
    row = db.execute("SELECT id, payload FROM jobs WHERE state = 'ready' ORDER BY id LIMIT 1").fetchone()
    if row is not None:
        db.execute("UPDATE jobs SET state = 'claimed', worker = ?, lease_until_s = ? WHERE id = ?", (worker, now_s + lease_s, row[0]))
    return row


def ack(db, job_id, worker):
    return db.execute("UPDATE jobs SET state = 'done' WHERE id = ? AND state = 'claimed' AND worker = ?", (job_id, worker)).rowcount == 1


def requeue_expired(db, now_s):
    return db.execute("UPDATE jobs SET state = 'ready' WHERE state = 'claimed' AND lease_until_s <= ?", (now_s,)).rowcount

# %% wrong="work_queue" score=4 says_es="el mismo trabajo" says_en="the same job"
# es: Un `with db:` ya hace de transacción (en modo autocommit, no).
# en: A `with db:` already makes a transaction (in autocommit mode it does not).
def claim(db, worker, now_s, lease_s):
    with db:
        row = db.execute("SELECT id, payload FROM jobs WHERE state = 'ready' ORDER BY id LIMIT 1").fetchone()
        if row is None:
            return None
        db.execute("UPDATE jobs SET state = 'claimed', worker = ?, lease_until_s = ? WHERE id = ?", (worker, now_s + lease_s, row[0]))
        return row


def ack(db, job_id, worker):
    return db.execute("UPDATE jobs SET state = 'done' WHERE id = ? AND state = 'claimed' AND worker = ?", (job_id, worker)).rowcount == 1


def requeue_expired(db, now_s):
    return db.execute("UPDATE jobs SET state = 'ready' WHERE state = 'claimed' AND lease_until_s <= ?", (now_s,)).rowcount

# %% wrong="work_queue" score=4 says="locked"
# es: Un BEGIN a secas ya reserva la escritura (solo lo hace BEGIN IMMEDIATE).
# en: A plain BEGIN already reserves the right to write (only BEGIN IMMEDIATE does).
def claim(db, worker, now_s, lease_s):
    db.execute("BEGIN")
    row = db.execute("SELECT id, payload FROM jobs WHERE state = 'ready' ORDER BY id LIMIT 1").fetchone()
    if row is not None:
        db.execute("UPDATE jobs SET state = 'claimed', worker = ?, lease_until_s = ? WHERE id = ?", (worker, now_s + lease_s, row[0]))
    db.execute("COMMIT")
    return row


def ack(db, job_id, worker):
    return db.execute("UPDATE jobs SET state = 'done' WHERE id = ? AND state = 'claimed' AND worker = ?", (job_id, worker)).rowcount == 1


def requeue_expired(db, now_s):
    return db.execute("UPDATE jobs SET state = 'ready' WHERE state = 'claimed' AND lease_until_s <= ?", (now_s,)).rowcount

# %% wrong="work_queue" score=2 says_es="se pierden" says_en="lost"
# es: Se borra el trabajo al recogerlo: así seguro que nadie lo repite.
# en: The job is deleted when it is picked up: that way nobody will repeat it.
def claim(db, worker, now_s, lease_s):
    return db.execute("DELETE FROM jobs WHERE id = (SELECT min(id) FROM jobs) RETURNING id, payload").fetchone()


def ack(db, job_id, worker):
    return True


def requeue_expired(db, now_s):
    return 0

# %% wrong="work_queue" score=2 says_es="perd" says_en="lost"
# es: El préstamo no vence: quien reclama un trabajo acabará haciéndolo.
# en: The lease never ends: the worker that claims a job will do it some day.
def claim(db, worker, now_s, lease_s):
    return db.execute(
        "UPDATE jobs SET state = 'claimed', worker = ? WHERE id = (SELECT min(id) FROM jobs WHERE state = 'ready') RETURNING id, payload", (worker,)
    ).fetchone()


def ack(db, job_id, worker):
    return db.execute("UPDATE jobs SET state = 'done' WHERE id = ? AND state = 'claimed' AND worker = ?", (job_id, worker)).rowcount == 1


def requeue_expired(db, now_s):
    return 0

# %% wrong="work_queue" score=3 says_es="aún vale" says_en="still holds"
# es: Al arrancar se devuelve a la cola todo lo reclamado: su dueño habrá muerto.
# en: On starting, every claimed job goes back to the queue: its worker must be dead.
def claim(db, worker, now_s, lease_s):
    return db.execute(
        "UPDATE jobs SET state = 'claimed', worker = ? WHERE id = (SELECT min(id) FROM jobs WHERE state = 'ready') RETURNING id, payload", (worker,)
    ).fetchone()


def ack(db, job_id, worker):
    return db.execute("UPDATE jobs SET state = 'done' WHERE id = ? AND state = 'claimed' AND worker = ?", (job_id, worker)).rowcount == 1


def requeue_expired(db, now_s):
    return db.execute("UPDATE jobs SET state = 'ready' WHERE state = 'claimed'").rowcount

# %% wrong="work_queue" score=3 says_es="llega tarde" says_en="is late"
# es: Un acuse de recibo vale siempre, venga de quien venga.
# en: An acknowledgement is always good, no matter which worker sends it.
def claim(db, worker, now_s, lease_s):
    return db.execute(
        "UPDATE jobs SET state = 'claimed', worker = ?, lease_until_s = ? WHERE id = (SELECT min(id) FROM jobs WHERE state = 'ready') RETURNING id, payload",
        (worker, now_s + lease_s),
    ).fetchone()


def ack(db, job_id, worker):
    return db.execute("UPDATE jobs SET state = 'done' WHERE id = ? AND state != 'done'", (job_id,)).rowcount == 1


def requeue_expired(db, now_s):
    return db.execute("UPDATE jobs SET state = 'ready' WHERE state = 'claimed' AND lease_until_s <= ?", (now_s,)).rowcount

# %% wrong="work_queue" score=1 says_es="transacción abierta" says_en="transaction open"
# es: Si no hay nada que reclamar, no hay nada que confirmar: se sale sin COMMIT.
# en: If there is nothing to claim, there is nothing to commit: leave without a COMMIT.
def claim(db, worker, now_s, lease_s):
    db.execute("BEGIN IMMEDIATE")
    job = db.execute("SELECT id, payload FROM jobs WHERE state = 'ready' ORDER BY id LIMIT 1").fetchone()
    if job is None:
        return None
    db.execute("UPDATE jobs SET state = 'claimed', worker = ?, lease_until_s = ? WHERE id = ?", (worker, now_s + lease_s, job[0]))
    db.execute("COMMIT")
    return job


def ack(db, job_id, worker):
    return db.execute("UPDATE jobs SET state = 'done' WHERE id = ? AND state = 'claimed' AND worker = ?", (job_id, worker)).rowcount == 1


def requeue_expired(db, now_s):
    return db.execute("UPDATE jobs SET state = 'ready' WHERE state = 'claimed' AND lease_until_s <= ?", (now_s,)).rowcount

# %% right="work_queue"
# es: una transacción que reserva la escritura desde el principio
# en: a transaction that reserves the right to write from the start
def claim(db, worker, now_s, lease_s):
    db.execute("BEGIN IMMEDIATE")
    try:
        job = db.execute("SELECT id, payload FROM jobs WHERE state = 'ready' ORDER BY id LIMIT 1").fetchone()
        if job:
            db.execute("UPDATE jobs SET state = 'claimed', worker = ?, lease_until_s = ? WHERE id = ?", (worker, now_s + lease_s, job[0]))
    except Exception:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return job


def ack(db, job_id, worker):
    # es: lo hecho se borra de la tabla
    # en: what is done is deleted from the table
    return db.execute("DELETE FROM jobs WHERE id = ? AND worker = ? AND state = 'claimed'", (job_id, worker)).rowcount > 0


def requeue_expired(db, now_s):
    db.execute("BEGIN IMMEDIATE")
    rows = db.execute("SELECT id, lease_until_s FROM jobs WHERE state = 'claimed'").fetchall()
    expired = [(job,) for job, until in rows if until <= now_s]
    db.executemany("UPDATE jobs SET state = 'ready', worker = NULL, lease_until_s = NULL WHERE id = ?", expired)
    db.commit()
    return len(expired)

# %% right="work_queue"
# es: sin transacción propia: comparar y cambiar, y si otro se adelantó, vuelta a empezar
# en: without a transaction of its own: compare and swap, and start again when somebody was faster
def claim(db, worker, now_s, lease_s):
    cursor = db.cursor()
    while True:
        cursor.execute("SELECT id, payload FROM jobs WHERE state = 'ready' ORDER BY id")
        row = cursor.fetchone()
        cursor.close()
        if row is None:
            return None
        cursor = db.cursor()
        cursor.execute(
            "UPDATE jobs SET state = 'claimed', worker = :worker, lease_until_s = :until WHERE id = :id AND state = 'ready'",
            {"worker": worker, "until": now_s + lease_s, "id": row[0]},
        )
        if cursor.rowcount:
            return list(row)


def ack(db, job_id, worker):
    cursor = db.execute("UPDATE jobs SET state = 'done', worker = NULL WHERE id = ? AND worker = ?", (job_id, worker))
    return bool(cursor.rowcount)


def requeue_expired(db, now_s):
    db.execute("UPDATE jobs SET state = 'ready', worker = NULL WHERE state = 'claimed' AND lease_until_s <= ?", (now_s,))
    return db.execute("SELECT changes()").fetchone()[0]

# %% [markdown] lang="es" row="5"
# ## 6. Reservar una sola vez (6 puntos)
#
# La aplicación del viajero reserva con `POST /bookings`. Como cualquier servicio, el de reservas a veces tarda, a veces falla y a veces **hace la reserva y la respuesta se pierde por
# el camino**. Lo acordado con él:
#
# - el viaje, `ride`, va como JSON en el cuerpo de la petición (`json=ride`);
# - `201` y un JSON con la reserva: hecho;
# - `5xx`, tiempo límite agotado o conexión cortada: puede que se haya hecho, puede que no; se puede reintentar;
# - `4xx`: la petición está mal y seguirá estándolo;
# - otra cosa no contesta nunca;
# - dos peticiones con la misma cabecera `Idempotency-Key` son **la misma reserva**: la segunda vez repite la respuesta sin reservar otra vez.
#
# Completa `book_ride`, que reserva usando el `client` de `httpx` que recibe (su dirección base ya está puesta) y devuelve el JSON de la respuesta.
#
# 1. Cada petición lleva el tiempo límite `timeout_s`. Como mucho se hacen `attempts` peticiones; si ninguna sale bien, `BookingFailed`.
# 2. Un `4xx` es un `BookingRejected` inmediato, sin más reintentos, aunque antes se haya perdido alguna respuesta.
# 3. Entre una petición y la siguiente (no después de la última) se llama a `sleep` con una espera al azar, de como mucho `base_s` tras el primer fallo, el doble tras el segundo, etcétera, y nunca más de `cap_s`.
#    El azar sale de `rng` (un `random.Random`), para que mil clientes no vuelvan a la vez. Vale cualquier distribución que alcance las esperas largas: uniforme entre 0 y ese máximo, o entre la mitad y el máximo.
# 4. Pase lo que pase, una llamada a `book_ride` deja **como mucho una reserva**. Dos llamadas son dos reservas, aunque pidan lo mismo. Las claves las hace `new_key()`.
#
# Se comprueba con un servidor de prueba que sigue un guion, una palabra por petición: `ok` (hace la reserva y contesta), `lost` (hace la reserva y la respuesta no llega), `refused` (rechaza la conexión) o el código
# con el que contesta. Nadie espera de verdad.
# %% [markdown] lang="en" row="5"
# ## 6. Booking only once (6 points)
#
# The rider's app books with `POST /bookings`. Like any service, the booking service is sometimes slow, sometimes fails, and sometimes **makes the booking and the answer is lost on
# the way**. What was agreed on with it:
#
# - the ride, `ride`, goes as JSON in the body of the request (`json=ride`);
# - `201` and a JSON with the booking: done;
# - `5xx`, timeout or broken connection: perhaps it was done, perhaps not; you may try again;
# - `4xx`: the request is bad and will remain so;
# - it never answers anything else;
# - two requests with the same `Idempotency-Key` header are **the same booking**: the second time it repeats the answer without booking again.
#
# Complete `book_ride`, which books with the `httpx` `client` that it gets (its base address is set already) and returns the JSON of the answer.
#
# 1. Each request has the timeout `timeout_s`. At most `attempts` requests are made; if none succeeds, raise `BookingFailed`.
# 2. A `4xx` is an immediate `BookingRejected`, without further retries, even if some answer was lost before.
# 3. Between one request and the next (not after the last one) `sleep` is called with a random wait of at most `base_s` after the first failure, twice that after the second, and so on, and never more than `cap_s`.
#    Take the randomness from `rng` (a `random.Random`), so that a thousand clients do not come back at once. Any distribution that reaches the long waits will do: uniform between 0 and that maximum, or between half of it and all of it.
# 4. Whatever happens, one call of `book_ride` leaves **at most one booking**. Two calls are two bookings, even if they ask for the same. `new_key()` makes the keys.
#
# It is checked with a test server that follows a script, one word per request: `ok` (makes the booking and answers), `lost` (makes the booking and the answer never arrives), `refused` (refuses the connection) or the status
# with which it answers. Nobody waits for real.

# %%
class BookingRejected(Exception):
    """The service says that the request is wrong (4xx)."""


class BookingFailed(Exception):
    """The attempts are used up: nobody knows whether the booking exists."""

# %% answer="book_ride"
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    ### BEGIN SOLUTION
    # es: una clave por reserva, no por intento
    # en: one key per booking, not per attempt
    headers = {"Idempotency-Key": new_key()}
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1))))
        try:
            response = client.post("/bookings", json=ride, headers=headers, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.is_success:
            return response.json()
        if response.is_client_error:
            raise BookingRejected(response.status_code)
    raise BookingFailed(f"{attempts} attempts")
    ### END SOLUTION

# %% test="book_ride/once" points=3 row="5" objective="1.5"
import itertools as _t_itertools
import json as _t_json
import random as _t_random

import httpx as _t_httpx

from mlprod import checks


class _t_StillTrying(BaseException):
    """Ends an endless retry; not an Exception, so that no `except Exception` hides it."""


class _t_BookingServer:
    """Follows a script, one word a request, the last one repeated: ok, lost, refused or a status. `lost`: booked, but the answer never comes."""

    def __init__(self, *script):
        self.script, self.requests, self.bookings, self.answers, self.waits_s, self.sleeps_s = script, 0, [], {}, [], []
        self.keys = (f"key-{n}" for n in _t_itertools.count())
        self.complaint = None

    def __call__(self, request):
        if self.requests >= 30:
            raise _t_StillTrying(tr(es="30 peticiones y sigue: los reintentos no tienen fin.", en="30 requests and counting: the retries have no end."))
        word = str(self.script[min(self.requests, len(self.script) - 1)])
        self.requests += 1
        if (request.method, request.url.path) != ("POST", "/bookings"):
            self.complaint = tr(es=f"Has pedido {request.method} {request.url.path}, y el servidor solo tiene POST /bookings.", en=f"You asked for {request.method} {request.url.path}, and the server has only POST /bookings.")
            return _t_httpx.Response(404, json={"error": "there is only POST /bookings"})
        try:
            ride = _t_json.loads(request.content)
        except ValueError:
            self.complaint = tr(es=f"El cuerpo de la petición no es JSON: {request.content[:60]!r}.", en=f"The body of the request is not JSON: {request.content[:60]!r}.")
            return _t_httpx.Response(400, json={"error": "the body is not JSON"})
        if word == "refused":
            raise _t_httpx.ConnectError("refused", request=request)
        if word.isdigit():
            return _t_httpx.Response(int(word), json={"error": word})
        key = request.headers.get("Idempotency-Key")
        if key is None or key not in self.answers:
            self.bookings.append(ride)
            self.answers[key] = {"booking": len(self.bookings), **self.bookings[-1]}
        if word == "lost":
            self.waits_s.append(request.extensions["timeout"]["read"])
            raise _t_httpx.ReadTimeout("no answer", request=request)
        return _t_httpx.Response(201, json=self.answers[key])

    def book(self, ride, **options):
        """Call the student's book_ride against this server."""
        options = {"sleep": self.sleeps_s.append, "rng": _t_random.Random(7), "new_key": lambda: next(self.keys), **options}
        with _t_httpx.Client(transport=_t_httpx.MockTransport(self), base_url="http://bookings.test", timeout=None) as client:
            return book_ride(client, ride, **options)


def _t_outcome(server, **options):
    """What comes of one call: the booking, or the name of the exception that the task defines."""
    try:
        result = server.book({"rider": "ana", "zone": "centre"}, **options)
    except (BookingRejected, BookingFailed) as problem:
        result = type(problem).__name__
    except _t_httpx.HTTPError as problem:
        name, at = type(problem).__name__, server.requests
        raise AssertionError(
            tr(
                es=f"De tu book_ride ha salido un {name} de httpx en la petición {at} (guion {server.script}): un 5xx, un tiempo límite agotado o una conexión cortada se reintentan.",
                en=f"A {name} of httpx came out of your book_ride at request {at} (script {server.script}): a 5xx, a timeout or a broken connection must be retried.",
            )
        ) from None
    assert server.complaint is None, server.complaint
    return result


def _t_check_timeouts(server, timeout_s):
    checks.same(
        [wait is not None and abs(wait - timeout_s) < 1e-9 for wait in server.waits_s], [True] * len(server.waits_s),
        tr(es=f"Cada petición lleva su tiempo límite, timeout_s={timeout_s}; los que han llegado (None es esperar para siempre): {server.waits_s}.", en=f"Each request has its timeout, timeout_s={timeout_s}; those that came (None is waiting for ever): {server.waits_s}."),
    )


_t_server = _t_BookingServer("ok")
checks.same(_t_outcome(_t_server), {"booking": 1, "rider": "ana", "zone": "centre"}, tr(es="Sin fallos: la reserva con la que contesta el servidor.", en="No faults: the booking with which the server answers."))
_t_server = _t_BookingServer(500, "ok")
checks.same(_t_outcome(_t_server), {"booking": 1, "rider": "ana", "zone": "centre"}, tr(es="Un 500 y después un 201: se reintenta.", en="A 500 and then a 201: try again."))
_t_server = _t_BookingServer("lost", "ok")
_t_result = _t_outcome(_t_server, timeout_s=0.5)
checks.same(len(_t_server.bookings), 1, tr(es="Se hizo y se perdió la respuesta; tras reintentar, ¿cuántas reservas hay?", en="It was done and the answer was lost; after retrying, how many bookings are there?"))
checks.same(_t_result, {"booking": 1, "rider": "ana", "zone": "centre"}, tr(es="Se perdió la respuesta; al reintentar, la reserva es la misma.", en="The answer was lost; on trying again, the booking is the same."))
_t_check_timeouts(_t_server, 0.5)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_script in [("lost", "lost", "ok"), ("refused", "lost", 503, "lost", "ok"), (500, "lost", "refused", "ok")]:
    _t_server = _t_BookingServer(*_t_script)
    _t_result = _t_outcome(_t_server, timeout_s=0.25)
    checks.same(
        len(_t_server.bookings), 1,
        tr(
            es=f"Guion {_t_script}: número de reservas de un solo viaje. Quien no recibe respuesta no sabe si se hizo, y al reintentar reserva dos veces, salvo que el servidor pueda reconocer la petición.",
            en=f"Script {_t_script}: number of bookings of a single ride. A client that gets no answer does not know whether it was done, and retrying makes a double booking, unless the server can recognise the request.",
        ),
    )
    checks.same(_t_result, {"booking": 1, "rider": "ana", "zone": "centre"}, tr(es=f"Guion {_t_script}: se acaba consiguiendo.", en=f"Script {_t_script}: it succeeds in the end."))
    _t_check_timeouts(_t_server, 0.25)
_t_server = _t_BookingServer("lost", "ok", "ok")
_t_bookings = [_t_outcome(_t_server), _t_outcome(_t_server)]
checks.same(
    len(_t_server.bookings), 2,
    tr(es="Ana reserva dos veces lo mismo, a propósito: dos llamadas son dos reservas.", en="Ana books the same twice, on purpose: two calls are two bookings."),
)
### END HIDDEN TESTS

# %% test="book_ride/limits" points=2 row="5" objective="1.5"
from mlprod import checks

_t_server = _t_BookingServer(400)
checks.same(_t_outcome(_t_server), "BookingRejected", tr(es="El servidor contesta 400.", en="The server answers 400."))
checks.same(_t_server.requests, 1, tr(es="Peticiones hechas ante un 400: estaba mal y seguirá mal.", en="Requests made for a 400: it was bad and will remain bad."))
_t_server = _t_BookingServer(503)
checks.same(_t_outcome(_t_server, attempts=3), "BookingFailed", tr(es="Siempre 503: se acaban los intentos.", en="Always 503: the attempts run out."))
checks.same(_t_server.requests, 3, tr(es="Peticiones con attempts=3 y siempre 503.", en="Requests with attempts=3 and always 503."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_server = _t_BookingServer("lost", 409)
checks.same(_t_outcome(_t_server), "BookingRejected", tr(es="Una respuesta perdida y después un 409.", en="A lost answer and then a 409."))
for _t_status in (404, 409, 422):
    _t_server = _t_BookingServer(500, _t_status)
    checks.same(_t_outcome(_t_server), "BookingRejected", tr(es=f"Un 500 y después {_t_status}.", en=f"A 500 and then {_t_status}."))
    checks.same(_t_server.requests, 2, tr(es=f"Peticiones: un {_t_status} no se reintenta.", en=f"Requests: a {_t_status} is not retried."))
for _t_word in (503, "refused", "lost"):
    for _t_attempts in (1, 2, 6):
        _t_server = _t_BookingServer(_t_word)
        checks.same(_t_outcome(_t_server, attempts=_t_attempts), "BookingFailed", tr(es=f"Siempre {_t_word}: se acaban los intentos.", en=f"Always {_t_word}: the attempts run out."))
        checks.same(_t_server.requests, _t_attempts, tr(es=f"Peticiones con attempts={_t_attempts} y siempre {_t_word}: los reintentos tienen fin.", en=f"Requests with attempts={_t_attempts} and always {_t_word}: retries have an end."))
### END HIDDEN TESTS

# %% test="book_ride/backoff" points=1 row="5" objective="1.5"
from mlprod import checks

_t_server = _t_BookingServer(503, 503, 503, "ok")
_t_outcome(_t_server, attempts=4)
checks.same(len(_t_server.sleeps_s), 3, tr(es="Esperas con sleep: una entre cada petición y la siguiente.", en="Waits with sleep: one between each request and the next."))
_t_two_clients = []
for _t_seed in (1, 2):
    _t_server = _t_BookingServer(503, 503, 503, 503, "ok")
    _t_outcome(_t_server, attempts=5, base_s=0.1, cap_s=0.25, rng=_t_random.Random(_t_seed))
    _t_two_clients.append([round(checks.number(_pause, tr(es="A sleep se le pasan segundos.", en="sleep gets seconds.")), 9) for _pause in _t_server.sleeps_s])
    assert len(_t_server.sleeps_s) == 4 and all(0 <= pause <= limit for pause, limit in zip(_t_two_clients[-1], [0.1, 0.2, 0.25, 0.25], strict=True)), tr(
        es=f"base_s=0.1, cap_s=0.25, cuatro fallos y un acierto: las esperas son de como mucho 0.1, 0.2, 0.25 y 0.25 s, y han sido {_t_two_clients[-1]}. ¿Hay tope?",
        en=f"base_s=0.1, cap_s=0.25, four failures and one success: the waits are of at most 0.1, 0.2, 0.25 and 0.25 s, and they were {_t_two_clients[-1]}. Is there a cap?",
    )
assert _t_two_clients[0] != _t_two_clients[1], tr(
    es=f"Dos clientes con azares distintos (rng) esperan lo mismo, {_t_two_clients[0]} s: volverán a la vez.",
    en=f"Two clients with different randomness (rng) wait the same, {_t_two_clients[0]} s: they will come back at once.",
)
checks.passed()
### BEGIN HIDDEN TESTS
checks.same(len(_t_server.sleeps_s), _t_server.requests - 1, tr(es="Esperas con sleep: ninguna después de la última petición.", en="Waits with sleep: none after the last request."))
_t_limits = [0.1, 0.2, 0.4, 0.5, 0.5, 0.5]
_t_clients = []
for _t_seed in range(60):
    _t_server = _t_BookingServer(*[503] * 6, "ok")
    _t_outcome(_t_server, attempts=7, base_s=0.1, cap_s=0.5, rng=_t_random.Random(_t_seed))
    _t_clients.append([checks.number(_pause, tr(es="A sleep se le pasan segundos.", en="sleep gets seconds.")) for _pause in _t_server.sleeps_s])
assert all(len(_pauses) == 6 for _pauses in _t_clients), tr(es="Seis fallos y un acierto: seis esperas.", en="Six failures and one success: six waits.")
_t_by_retry = list(zip(_t_limits, zip(*_t_clients, strict=True), strict=True))
for _t_retry, (_t_limit, _t_pauses) in enumerate(_t_by_retry, 1):
    assert min(_t_pauses) >= 0 and max(_t_pauses) <= _t_limit + 1e-9, tr(
        es=f"base_s=0.1, cap_s=0.5: la espera {_t_retry} es de como mucho {_t_limit} s y ha llegado a {max(_t_pauses):.3g}. ¿Hay tope?",
        en=f"base_s=0.1, cap_s=0.5: wait {_t_retry} is at most {_t_limit} s and went up to {max(_t_pauses):.3g}. Is there a cap?",
    )
for _t_retry, (_t_limit, _t_pauses) in enumerate(_t_by_retry, 1):
    assert max(_t_pauses) > _t_limit / 2, tr(
        es=f"base_s=0.1, cap_s=0.5: la espera {_t_retry} puede llegar a {_t_limit} s y de 60 clientes ninguno pasa de {max(_t_pauses):.3g}: no crece.",
        en=f"base_s=0.1, cap_s=0.5: wait {_t_retry} may go up to {_t_limit} s and none of 60 clients exceeds {max(_t_pauses):.3g}: it does not grow.",
    )
    assert len({round(pause, 6) for pause in _t_pauses}) > 30, tr(
        es=f"De 60 clientes con azares distintos, muchos esperan lo mismo ({_t_pauses[0]:.3g} s): volverán todos a la vez.",
        en=f"Of 60 clients with different randomness, many wait the same ({_t_pauses[0]:.3g} s): they will all come back at once.",
    )
### END HIDDEN TESTS

# %% wrong="book_ride" score=3 says_es="reservas" says_en="bookings"
# es: Reintentar siempre es seguro: basta con repetir el POST.
# en: Retrying is always safe: it is enough to repeat the POST.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1))))
        try:
            response = client.post("/bookings", json=ride, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.status_code < 400:
            return response.json()
        if response.status_code < 500:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=3 says_es="reservas" says_en="bookings"
# es: La clave identifica la petición HTTP: una nueva en cada intento.
# en: The key identifies the HTTP request: a new one for each attempt.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1))))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": new_key()}, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.status_code < 400:
            return response.json()
        if response.status_code < 500:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=3 says_es="dos reservas" says_en="two bookings"
# es: Como clave sirve el contenido: la misma petición, la misma reserva.
# en: The content can be the key: the same request, the same booking.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(ride, sort_keys=True)))
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1))))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.status_code < 400:
            return response.json()
        if response.status_code < 500:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=3 says_es="tiempo límite" says_en="timeout"
# es: El tiempo límite ya lo pondrá el cliente HTTP.
# en: The HTTP client takes care of the timeout.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key = new_key()
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1))))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            continue
        if response.status_code < 400:
            return response.json()
        if response.status_code < 500:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=4 says_es="no tienen fin" says_en="no end"
# es: Hay que insistir hasta que salga.
# en: Keep trying until it works.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key, limit = new_key(), base_s
    while True:
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
            if 400 <= response.status_code < 500:
                raise BookingRejected
            response.raise_for_status()
            return response.json()
        except httpx.HTTPError:
            sleep(rng.uniform(0, min(cap_s, limit)))
            limit *= 2

# %% wrong="book_ride" score=4 says_es="seguirá mal" says_en="remain bad"
# es: Todo lo que no es un 2xx se reintenta.
# en: Everything that is not a 2xx is retried.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key, response = new_key(), None
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1))))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.is_success:
            return response.json()
    if response is not None and response.is_client_error:
        raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=5 says_es="¿Hay tope?" says_en="Is there a cap?"
# es: Doblar la espera basta: ni tope ni azar.
# en: Doubling the wait is enough: neither a cap nor randomness is needed.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key = new_key()
    for attempt in range(attempts):
        if attempt:
            sleep(base_s * 2 ** (attempt - 1))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.is_success:
            return response.json()
        if response.is_client_error:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=5 says_es="a la vez" says_en="at once"
# es: Con tope, el azar sobra.
# en: With a cap, randomness is not needed.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key = new_key()
    for attempt in range(attempts):
        if attempt:
            sleep(min(cap_s, base_s * 2 ** (attempt - 1)))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.is_success:
            return response.json()
        if response.is_client_error:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=5 says_es="a la vez" says_en="at once"
# es: Entre reintentos basta con una pausa fija.
# en: Between retries a fixed pause is enough.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key = new_key()
    for attempt in range(attempts):
        if attempt:
            sleep(min(cap_s, base_s))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.is_success:
            return response.json()
        if response.is_client_error:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=5 says_es="no crece" says_en="does not grow"
# es: Con una pausa al azar basta: no hace falta que crezca.
# en: A random pause is enough: it need not grow.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key = new_key()
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, base_s))
        try:
            response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
        except httpx.TransportError:
            continue
        if response.is_success:
            return response.json()
        if response.is_client_error:
            raise BookingRejected
    raise BookingFailed

# %% wrong="book_ride" score=1 says_es="se reintentan" says_en="must be retried"
# es: httpx ya reintenta lo que no ha contestado.
# en: httpx already retries what got no answer.
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    key = new_key()
    for attempt in range(attempts):
        if attempt:
            sleep(rng.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1))))
        response = client.post("/bookings", json=ride, headers={"Idempotency-Key": key}, timeout=timeout_s)
        if response.is_success:
            return response.json()
        if response.is_client_error:
            raise BookingRejected
    raise BookingFailed

# %% right="book_ride"
def book_ride(client, ride, *, timeout_s=1.0, attempts=5, base_s=0.1, cap_s=2.0, sleep=time.sleep, rng=random, new_key=lambda: str(uuid.uuid4())):
    # es: con tenacity; el azar, en la mitad alta de cada espera
    # en: with tenacity; randomness, in the upper half of each wait
    from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt

    class Unavailable(Exception):
        pass

    request = client.build_request("POST", "/bookings", json=ride, headers={"Idempotency-Key": new_key()}, timeout=timeout_s)

    def wait(state):
        limit = min(cap_s, base_s * 2 ** (state.attempt_number - 1))
        return limit / 2 + rng.random() * limit / 2

    def once():
        try:
            response = client.send(request)
        except (httpx.TimeoutException, httpx.NetworkError) as problem:
            raise Unavailable from problem
        if response.status_code >= 500:
            raise Unavailable(response.status_code)
        if response.status_code >= 400:
            raise BookingRejected(response.text)
        return response.json()

    try:
        return Retrying(sleep=sleep, wait=wait, stop=stop_after_attempt(attempts), retry=retry_if_exception_type(Unavailable))(once)
    except RetryError:
        raise BookingFailed from None

# %% [markdown] lang="es" row="6"
# ## 7. La calculadora de la explosión (4 puntos)
#
# Antes de partir un sistema en servicios conviene hacer cuatro cuentas:
#
# - `links(n, broker=False)`: cuántos enlaces hay entre $n$ servicios si cada pareja habla directamente (un enlace por pareja, en los dos sentidos); con `broker=True`, cada servicio habla solo con el broker;
# - `availability(p, n)`: probabilidad de que salga bien una petición que necesita a **los $n$** servicios, si cada uno está disponible con probabilidad $p$, con independencia de los demás;
# - `any_slow(q, n)`: probabilidad de que una petición sufra **al menos una** llamada lenta, si llama a $n$ servicios y cada llamada es lenta con probabilidad $q$, con independencia;
# - `p99_ms(samples_ms, parallel)`: el p99 de la latencia **total** de una petición. `samples_ms` es una lista con una fila por petición, y cada fila, una lista con los ms de cada servicio; si `parallel`, las llamadas de
#   una petición salen a la vez; si no, una tras otra. Cualquier definición usual de percentil vale.
#
# Por ejemplo, `links(4)` es 6. Con cuatro servicios disponibles el 99 % del tiempo, `availability(0.99, 4)` es 0.9606. Se comprueba contra simulaciones.
# %% [markdown] lang="en" row="6"
# ## 7. The blow-up calculator (4 points)
#
# Before splitting a system into services, four calculations are worth doing:
#
# - `links(n, broker=False)`: how many links there are between $n$ services if each pair talks directly (one link per pair, for both directions); with `broker=True`, each service talks only to the broker;
# - `availability(p, n)`: the probability that a request which needs **all $n$** services succeeds, if each one is available with probability $p$, independently of the others;
# - `any_slow(q, n)`: the probability that a request suffers **at least one** slow call, if it calls $n$ services and each call is slow with probability $q$, independently;
# - `p99_ms(samples_ms, parallel)`: the p99 of the **total** latency of a request. `samples_ms` is a list with a row per request, and each row a list with the ms of each service; if `parallel`, the calls of
#   one request leave at the same time; if not, one after another. Any usual definition of a percentile will do.
#
# For instance, `links(4)` is 6. With four services available 99 % of the time, `availability(0.99, 4)` is 0.9606. It is checked against simulations.

# %% answer="blow_up"
def links(n, broker=False):
    ### BEGIN SOLUTION
    return n if broker else n * (n - 1) // 2
    ### END SOLUTION


def availability(p, n):
    ### BEGIN SOLUTION
    return p**n
    ### END SOLUTION


def any_slow(q, n):
    ### BEGIN SOLUTION
    return 1 - (1 - q) ** n
    ### END SOLUTION


def p99_ms(samples_ms, parallel):
    ### BEGIN SOLUTION
    # es: primero el total de cada petición, y después el percentil: los percentiles no se suman ni se promedian
    # en: first the total of each request, then the percentile: percentiles neither add nor average
    samples_ms = np.asarray(samples_ms)
    total_ms = samples_ms.max(axis=1) if parallel else samples_ms.sum(axis=1)
    return np.percentile(total_ms, 99)
    ### END SOLUTION

# %% test="blow_up/formulas" points=2 row="6" objective="1.6"
from mlprod import checks

checks.same([links(1), links(2), links(4)], [0, 1, 6], tr(es="Enlaces entre 1, 2 y 4 servicios: uno por pareja, y ningún servicio se enlaza consigo mismo.", en="Links between 1, 2 and 4 services: one per pair, and no service is linked to itself."))
checks.same(links(4, broker=True), 4, tr(es="Enlaces de 4 servicios con un broker.", en="Links of 4 services with a broker."))
checks.same(availability(0.99, 4), 0.96059601, tr(es="Disponibilidad de una petición que necesita a cuatro servicios al 99 %: si falla uno, falla la petición.", en="Availability of a request that needs four services at 99 %: if one fails, the request fails."), tolerance=1e-6)
checks.same(any_slow(0.01, 1), 0.01, tr(es="Con una sola llamada.", en="With a single call."), tolerance=1e-6)
checks.same(any_slow(0.5, 2), 0.75, tr(es="Dos llamadas, cada una lenta con probabilidad 0.5: las probabilidades no se suman sin más.", en="Two calls, each slow with probability 0.5: probabilities do not just add up."), tolerance=1e-6)
checks.passed()
### BEGIN HIDDEN TESTS
import itertools as _t_itertools

import numpy as _t_np

for _t_n in (3, 10, 30):
    _t_pairs = sum(1 for _ in _t_itertools.combinations(range(_t_n), 2))
    checks.same(links(_t_n), _t_pairs, tr(es=f"Enlaces entre {_t_n} servicios: uno por pareja, en los dos sentidos.", en=f"Links between {_t_n} services: one per pair, for both directions."))
    checks.same(links(_t_n, broker=True), _t_n, tr(es=f"Enlaces de {_t_n} servicios con un broker.", en=f"Links of {_t_n} services with a broker."))
_t_rng = _t_np.random.default_rng(6)
for _t_p, _t_n in [(0.999, 30), (0.99, 5), (0.9, 12)]:
    _t_trials = 200_000
    _t_simulated = float((_t_rng.random((_t_trials, _t_n)) < _t_p).all(axis=1).mean())
    _t_margin = 5 * (_t_simulated * (1 - _t_simulated) / _t_trials) ** 0.5
    _t_got = checks.number(availability(_t_p, _t_n), tr(es="availability devuelve una probabilidad.", en="availability returns a probability."))
    assert abs(_t_got - _t_simulated) <= _t_margin, tr(
        es=f"availability({_t_p}, {_t_n}): en {_t_trials} peticiones simuladas sale bien una fracción de {_t_simulated:.4f} ± {_t_margin:.4f} y tu función da {_t_got:.4f}. {_t_n} servicios al {100 * _t_p:g} % no dan el {100 * _t_p:g} %.",
        en=f"availability({_t_p}, {_t_n}): of {_t_trials} simulated requests a fraction of {_t_simulated:.4f} ± {_t_margin:.4f} succeeds and your function gives {_t_got:.4f}. {_t_n} services at {100 * _t_p:g} % do not give {100 * _t_p:g} %.",
    )
for _t_q, _t_n in [(0.01, 100), (0.001, 30), (0.2, 8)]:
    _t_trials = 100_000
    _t_simulated = float((_t_rng.random((_t_trials, _t_n)) < _t_q).any(axis=1).mean())
    _t_margin = 5 * (_t_simulated * (1 - _t_simulated) / _t_trials) ** 0.5
    _t_got = checks.number(any_slow(_t_q, _t_n), tr(es="any_slow devuelve una probabilidad.", en="any_slow returns a probability."))
    assert abs(_t_got - _t_simulated) <= _t_margin, tr(
        es=f"any_slow({_t_q}, {_t_n}): en {_t_trials} peticiones simuladas es lenta una fracción de {_t_simulated:.4f} ± {_t_margin:.4f} y tu función da {_t_got:.4f}. Las probabilidades no se suman sin más.",
        en=f"any_slow({_t_q}, {_t_n}): of {_t_trials} simulated requests a fraction of {_t_simulated:.4f} ± {_t_margin:.4f} is slow and your function gives {_t_got:.4f}. Probabilities do not just add up.",
    )
checks.same([availability(1.0, 50), availability(0.5, 1), any_slow(0.0, 50)], [1.0, 0.5, 0.0], tr(es="Casos extremos.", en="Extreme cases."))
### END HIDDEN TESTS

# %% test="blow_up/latency" points=2 row="6" objective="1.6"
import numpy as _t_np

from mlprod import checks


def _t_same_p99(samples_ms, parallel, total_ms):
    got = checks.number(p99_ms(samples_ms, parallel), tr(es="p99_ms devuelve milisegundos.", en="p99_ms returns milliseconds."))
    low, high = _t_np.percentile(total_ms, 98.8, method="lower"), _t_np.percentile(total_ms, 99.2, method="higher")
    how = tr(es="en paralelo", en="in parallel") if parallel else tr(es="en serie", en="in sequence")
    wanted = f"{low:.4g}" if low == high else tr(es=f"entre {low:.4g} y {high:.4g}", en=f"between {low:.4g} and {high:.4g}")
    assert low - 1e-6 <= got <= high + 1e-6, tr(
        es=f"p99 de {len(total_ms)} peticiones a {len(samples_ms[0])} servicios {how}: se esperaban {wanted} ms y has devuelto {got:.4g}.",
        en=f"p99 of {len(total_ms)} requests to {len(samples_ms[0])} services {how}: expected {wanted} ms and you returned {got:.4g}.",
    )


_t_waves = [[100 if i % 112 == 0 else 10, 100 if i % 112 == 50 else 10] for i in range(1000)]
_t_same_p99(_t_waves, True, [max(row) for row in _t_waves])
_t_same_p99(_t_waves, False, [sum(row) for row in _t_waves])
checks.passed()
### BEGIN HIDDEN TESTS
_t_rng = _t_np.random.default_rng(99)
for _t_n in (2, 10, 40):
    _t_samples = _t_rng.lognormal(2.0, 0.6, size=(4000, _t_n)) + _t_np.where(_t_rng.random((4000, _t_n)) < 0.01, 80.0, 0.0)
    try:
        _t_same_p99(_t_samples.tolist(), True, [max(row) for row in _t_samples])
        _t_same_p99(_t_samples.tolist(), False, [sum(row) for row in _t_samples])
    except AssertionError as _t_problem:
        raise AssertionError(
            tr(
                es=f"{_t_problem} ({_t_n} servicios). Quien espera a varios a la vez espera al más lento, y el percentil es de las peticiones enteras: no se puede calcular con los p99 ni con las medias de cada servicio.",
                en=f"{_t_problem} ({_t_n} services). A request that waits for several at once waits for the slowest, and the percentile is of whole requests: it cannot be worked out from each service's p99 or mean.",
            )
        ) from None
### END HIDDEN TESTS

# %% wrong="blow_up" score=2 says_es="por pareja" says_en="per pair"
# es: n servicios tienen n² enlaces.
# en: n services have n² links.
def links(n, broker=False):
    return n if broker else n**2


def availability(p, n):
    return p**n


def any_slow(q, n):
    return 1 - (1 - q) ** n


def p99_ms(samples_ms, parallel):
    return np.percentile(np.max(samples_ms, axis=1) if parallel else np.sum(samples_ms, axis=1), 99)

# %% wrong="blow_up" score=2 says_es="si falla uno, falla" says_en="if one fails"
# es: La cadena está tan disponible como su eslabón: 99.9 % por treinta sigue siendo 99.9 %.
# en: The chain is as available as its link: 99.9 % times thirty is still 99.9 %.
def links(n, broker=False):
    return n if broker else n * (n - 1) // 2


def availability(p, n):
    return p


def any_slow(q, n):
    return 1 - (1 - q) ** n


def p99_ms(samples_ms, parallel):
    return np.percentile(np.max(samples_ms, axis=1) if parallel else np.sum(samples_ms, axis=1), 99)

# %% wrong="blow_up" score=2 says_es="no se suman" says_en="do not just add up"
# es: Si una llamada es lenta con probabilidad q, alguna de n lo es con n·q.
# en: If one call is slow with probability q, some of n calls is with n·q.
def links(n, broker=False):
    return n if broker else n * (n - 1) // 2


def availability(p, n):
    return p**n


def any_slow(q, n):
    return min(1.0, q * n)


def p99_ms(samples_ms, parallel):
    return np.percentile(np.max(samples_ms, axis=1) if parallel else np.sum(samples_ms, axis=1), 99)

# %% wrong="blow_up" score=2 says="p99"
# es: El p99 del conjunto es el mayor de los p99 (o su suma, si van en serie).
# en: The p99 of the whole is the largest of the p99s (or their sum, in sequence).
def links(n, broker=False):
    return n if broker else n * (n - 1) // 2


def availability(p, n):
    return p**n


def any_slow(q, n):
    return 1 - (1 - q) ** n


def p99_ms(samples_ms, parallel):
    each = np.percentile(samples_ms, 99, axis=0)
    return each.max() if parallel else each.sum()

# %% wrong="blow_up" score=2 says_es="en paralelo" says_en="in parallel"
# es: Las latencias de las llamadas se suman, salgan a la vez o no.
# en: The latencies of the calls add up, whether they leave at the same time or not.
def links(n, broker=False):
    return n if broker else n * (n - 1) // 2


def availability(p, n):
    return p**n


def any_slow(q, n):
    return 1 - (1 - q) ** n


def p99_ms(samples_ms, parallel):
    return np.percentile(np.sum(samples_ms, axis=1), 99)

# %% wrong="blow_up" score=2 says_es="en serie" says_en="in sequence"
# es: El total es la media por el número de servicios: la cola de latencias no cuenta.
# en: The total is the mean times the number of services: the tail does not count.
def links(n, broker=False):
    return n if broker else n * (n - 1) // 2


def availability(p, n):
    return p**n


def any_slow(q, n):
    return 1 - (1 - q) ** n


def p99_ms(samples_ms, parallel):
    if parallel:
        return np.percentile(np.max(samples_ms, axis=1), 99)
    return np.mean(samples_ms) * len(samples_ms[0])

# %% right="blow_up"
import math


def links(n, broker=False):
    return {True: n, False: math.comb(n, 2)}[broker]


def availability(p, n):
    # es: multiplicando uno a uno
    # en: multiplying one by one
    return math.prod([p] * n)


def any_slow(q, n):
    # es: por inducción: o ya había una lenta, o lo es la siguiente
    # en: by induction: either one was slow already or the next one is
    slow = 0.0
    for _ in range(n):
        slow += (1 - slow) * q
    return slow


def p99_ms(samples_ms, parallel):
    # es: sin numpy, por rango
    # en: without numpy, by rank
    totals = sorted(max(row) if parallel else math.fsum(row) for row in samples_ms)
    return totals[math.ceil(0.99 * len(totals)) - 1]

# %% [markdown] lang="es" row="1 7"
# ## 8. Un cálculo, tres transportes (6 puntos)
#
# El servicio de precios recibe novedades como `{"feed": "demand", "zone": "centre", "seq": 3, "count": 40}`: la novedad número 3 sobre la demanda (`demand`) del centro dice que esperan 40 viajeros. Las de
# `drivers` dicen cuántos conductores libres hay. Cada pareja (`feed`, `zone`) tiene su propia numeración: 1, 2, 3… Hoy llegan por una base de datos, mañana por
# peticiones y pasado por un broker; el cálculo no debe enterarse.
#
# **a)** `price_handler(state, update)` devuelve `(state, quote)`: el estado nuevo y un precio. Es una función **pura**: todo lo que sabe está en `state`, que empieza como `{}` y por dentro lo organizas como
# quieras (no hace falta que se pueda convertir en JSON); no modifica lo que recibe, tampoco por dentro, ni recuerda nada fuera. El precio es `{"zone": …, "price": fare(demand, drivers)}`, con lo último que se sabe de esa zona, o `None` si
# no hay precio que dar: porque falta uno de los dos datos, o porque la novedad no es más reciente (por `seq`) que lo que ya se sabía. Si se conocen los dos, una novedad más reciente da siempre precio, aunque sea el mismo que antes. Un broker entrega
# al menos una vez: puede **repetir** y **desordenar**.
#
# **b)** Los adaptadores traducen entre el transporte y `handler`, y nada más. A `handler` le pasan siempre un diccionario como el de arriba. El de peticiones está hecho, como ejemplo. Faltan dos:
#
# - `from_database(db, last_id, state, handler)`: procesa las filas nuevas de la tabla `updates` (las de `id > last_id`), por orden de `id`; sus columnas son `id, feed, zone, seq, count`. Devuelve
#   `(last_id, state, quotes)`: el último `id` procesado, el estado nuevo y la lista de precios, sin los `None`.
# - `from_message(message, state, handler, publish)`: procesa un mensaje (bytes de JSON). Si hay precio, llama una vez a `publish("prices", zone, value)`: `zone` es la zona del precio y `value`, el JSON del precio, en bytes. Devuelve
#   el estado. `publish` no devuelve nada: quien publica no espera a nadie.
#
# Se comprueba cada pieza con las otras sustituidas; que el mismo día por los tres transportes da los mismos precios; y, con un broker que repite y desordena, y con un servicio que se reinicia (con el estado que tenía, o desde `{}`) y lo relee todo, a cuántos
# euros se quedan tus precios de los correctos.
# %% [markdown] lang="en" row="1 7"
# ## 8. One calculation, three transports (6 points)
#
# The price service gets updates such as `{"feed": "demand", "zone": "centre", "seq": 3, "count": 40}`: update number 3 about the demand (`demand`) of the centre reports that 40 riders are waiting. Those of
# `drivers` report how many drivers are free. Each pair (`feed`, `zone`) is numbered separately: 1, 2, 3… Today they come through a database, tomorrow as
# requests and the day after through a broker; the calculation must not notice.
#
# **a)** `price_handler(state, update)` returns `(state, quote)`: the new state and a price. It is a **pure** function: all it knows is in `state`, which begins as `{}` and whose structure is up to
# you (it need not be convertible to JSON); it neither modifies what it gets, not even deep inside, nor remembers anything elsewhere. The price is `{"zone": …, "price": fare(demand, drivers)}`, from the latest that is known of that zone, or `None` when
# there is no price to give: because one of the two feeds is missing, or because the update is not more recent (by `seq`) than what was known. If both are known, a more recent update always gives a price, even if it is the same as before. A broker delivers
# at least once: it may **repeat** and **reorder**.
#
# **b)** The adapters translate between the transport and `handler`, and nothing else. They always pass `handler` a dict like the one above. The one for requests is done, as an example. Two are missing:
#
# - `from_database(db, last_id, state, handler)`: processes the new rows of the table `updates` (those with `id > last_id`), in the order of `id`; its columns are `id, feed, zone, seq, count`. It returns
#   `(last_id, state, quotes)`: the last `id` processed, the new state and the list of prices, without the `None`.
# - `from_message(message, state, handler, publish)`: processes one message (bytes of JSON). If there is a price, it calls `publish("prices", zone, value)` once: `zone` is the zone of the price and `value`, the JSON of the price, in bytes. It returns
#   the state. `publish` returns nothing: a publisher waits for nobody.
#
# Each piece is checked with the others replaced; it is checked that the same day gives the same prices on the three transports; and, with a broker that repeats and reorders, and with a service that restarts (with the state it had, or from `{}`) and reads everything again, how many
# euros your prices are off from the correct ones.

# %%
def fare(demand, drivers):
    """The price of a ride in euros: 8, and up to three times as much when riders outnumber drivers."""
    return round(8.0 * min(3.0, max(1.0, demand / max(drivers, 1))), 2)

# %% answer="price_handler"
def price_handler(state, update):
    ### BEGIN SOLUTION
    feed, zone, seq = update["feed"], update["zone"], update["seq"]
    latest, _ = state.get((feed, zone), (0, None))
    if seq <= latest:
        return state, None
    # es: un diccionario nuevo: el que se recibe no se toca
    # en: a new dict: the one that comes in is left alone
    state = {**state, (feed, zone): (seq, update["count"])}
    if ("demand", zone) not in state or ("drivers", zone) not in state:
        return state, None
    return state, {"zone": zone, "price": fare(state["demand", zone][1], state["drivers", zone][1])}
    ### END SOLUTION

# %% test="price_handler/pure" points=2 row="1" objective="1.7"
from mlprod import checks


def _t_update(feed, zone, seq, count):
    return {"feed": feed, "zone": zone, "seq": seq, "count": count}


def _t_run(updates, state=None):
    """The prices that the student's handler gives for those updates, one after another."""
    state, quotes = {} if state is None else state, []
    for each in updates:
        state, quote = price_handler(state, each)
        quotes.append(quote)
    return quotes


checks.same(
    _t_run([_t_update("demand", "centre", 1, 40), _t_update("drivers", "centre", 1, 20), _t_update("drivers", "centre", 2, 80)]),
    [None, {"zone": "centre", "price": 16.0}, {"zone": "centre", "price": 8.0}],
    tr(es="Hacen falta los dos datos, y cada novedad cambia el precio.", en="Both feeds are needed, and each update changes the price."),
)
_t_empty = {}
_t_one, _ = price_handler(_t_empty, _t_update("demand", "centre", 1, 40))
_, _t_quote = price_handler(_t_one, _t_update("drivers", "centre", 1, 20))
_, _t_quote_again = price_handler(_t_one, _t_update("drivers", "centre", 1, 20))
_t_expected = {"zone": "centre", "price": 16.0}
checks.same(
    [_t_quote, _t_quote_again], [_t_expected, _t_expected],
    tr(
        es="Dos veces el mismo estado y la misma novedad: si sale otra cosa, la función modifica lo que recibe o recuerda algo fuera de state.",
        en="Twice the same state and the same update: if something else comes out, the function modifies what it gets or remembers something outside state.",
    ),
)
assert len(_t_empty) == 0, tr(es="La función modifica el estado que recibe.", en="The function modifies the state that it gets.")
checks.passed()
### BEGIN HIDDEN TESTS
checks.same(_t_run([_t_update("drivers", "centre", 1, 20)]), [None], tr(es="Con un estado vacío no se sabe nada: hay memoria fuera de state.", en="With an empty state nothing is known: there is memory outside state."))
checks.same(
    _t_run([_t_update("drivers", "centre", 1, 5), _t_update("demand", "airport", 1, 40), _t_update("demand", "centre", 1, 10), _t_update("drivers", "airport", 1, 0)]),
    [None, None, {"zone": "centre", "price": 16.0}, {"zone": "airport", "price": 24.0}],
    tr(es="Cada zona tiene su demanda y sus conductores; sin conductores el precio llega al máximo.", en="Each zone has its own demand and drivers; without drivers the price is at its maximum."),
)
checks.same(
    _t_run([_t_update("demand", "centre", 1, 30), _t_update("drivers", "centre", 1, 30), _t_update("drivers", "centre", 2, 10), _t_update("demand", "centre", 2, 15)])[1:],
    [{"zone": "centre", "price": 8.0}, {"zone": "centre", "price": 24.0}, {"zone": "centre", "price": 12.0}],
    tr(es="El precio sale de lo último que se sabe de los dos datos: ni solo de la demanda, ni de los conductores que había al principio.", en="The price comes from the latest of both feeds: neither from the demand alone, nor from the drivers there were at the start."),
)
_t_madrid, _t_lisbon = {}, {}
for _t_seq in range(1, 6):
    for _t_feed, _t_count in (("demand", 10 * _t_seq), ("drivers", 10)):
        _t_madrid, _t_madrid_quote = price_handler(_t_madrid, _t_update(_t_feed, "centre", _t_seq, _t_count))
    for _t_feed, _t_count in (("demand", 10), ("drivers", 10 * _t_seq)):
        _t_lisbon, _t_lisbon_quote = price_handler(_t_lisbon, _t_update(_t_feed, "centre", _t_seq, _t_count))
checks.same([_t_madrid_quote["price"], _t_lisbon_quote["price"]], [24.0, 8.0], tr(es="Dos ciudades a la vez, cada una con su estado, no se mezclan.", en="Two cities at once, each with its own state, do not mix."))


def _t_names(code):
    inner = [_t_names(constant) for constant in code.co_consts if hasattr(constant, "co_names")]
    return set(code.co_names).union(*inner)


_t_transports = {"sqlite3", "httpx", "requests", "socket", "urllib", "confluent_kafka", "kafka", "grpc", "fastapi", "time", "publish"}
_t_used = sorted(_t_names(price_handler.__code__) & _t_transports) if hasattr(price_handler, "__code__") else []
assert not _t_used, tr(es=f"El cálculo usa {_t_used}: eso es del transporte.", en=f"The calculation uses {_t_used}: that belongs to the transport.")
### END HIDDEN TESTS

# %% test="price_handler/broker" points=2 row="1 7" objective="1.7"
import random as _t_random

from mlprod import checks


def _t_day(seed, length=150):
    """A day of updates of three zones, in the order in which they happened."""
    chance, seqs, news = _t_random.Random(seed), {}, []
    for _ in range(length):
        feed, zone = chance.choice(["demand", "drivers"]), chance.choice(["centre", "airport", "port"])
        seqs[feed, zone] = seqs.get((feed, zone), 0) + 1
        news.append({"feed": feed, "zone": zone, "seq": seqs[feed, zone], "count": chance.randrange(60)})
    return news


def _t_prices(news, state=None):
    """What the student's handler makes of those updates, one after another: (prices, state)."""
    state, quotes = {} if state is None else state, []
    for each in news:
        state, quote = price_handler(state, each)
        quotes += [] if quote is None else [quote]
    return quotes, state


_t_first, _t_second = {"feed": "demand", "zone": "port", "seq": 1, "count": 10}, {"feed": "demand", "zone": "port", "seq": 2, "count": 20}
_t_cars = {"feed": "drivers", "zone": "port", "seq": 1, "count": 10}
checks.same(
    _t_prices([_t_cars, _t_second, _t_first, _t_second])[0], [{"zone": "port", "price": 16.0}],
    tr(es="Un broker repite y desordena: lo que ya se sabía y lo que llega tarde no dan precio nuevo.", en="A broker repeats and reorders: what was known already and what comes late give no new price."),
)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_oracle(news):
    latest, quotes = {}, []
    for each in news:
        key = each["feed"], each["zone"]
        if each["seq"] <= latest.get(key, (0,))[0]:
            continue
        latest[key] = each["seq"], each["count"]
        if ("demand", each["zone"]) in latest and ("drivers", each["zone"]) in latest:
            price = 8.0 * min(3.0, max(1.0, latest["demand", each["zone"]][1] / max(latest["drivers", each["zone"]][1], 1)))
            quotes.append({"zone": each["zone"], "price": round(price, 2)})
    return quotes


def _t_messy(news, seed):
    chance = _t_random.Random(seed)
    late = sorted(range(len(news)), key=lambda i: i + chance.random() * 9)
    delivered = []
    for i in late:
        delivered += [news[i]] * (1 + (chance.random() < 0.2))
        if chance.random() < 0.1:
            delivered.append(chance.choice(delivered))
    return delivered


def _t_last_prices(quotes):
    return {quote["zone"]: quote["price"] for quote in quotes}


for _t_seed in range(2, 8):
    _t_news = _t_day(_t_seed)
    _t_truth = _t_oracle(_t_news)
    checks.same(_t_prices(_t_news)[0], _t_truth, tr(es="Un día entero, por orden: tus precios frente a los correctos. Cada pareja (feed, zone) tiene su propia numeración.", en="A whole day, in order: your prices against the correct ones. Each pair (feed, zone) has its own numbering."))
    _t_delivered = _t_messy(_t_news, _t_seed)
    _t_quotes, _t_state = _t_prices(_t_delivered)
    _t_mine, _t_best = _t_last_prices(_t_quotes), _t_last_prices(_t_truth)
    _t_error = sum(abs(_t_mine.get(zone, 0.0) - price) for zone, price in _t_best.items()) / len(_t_best)
    assert _t_error < 0.005, tr(
        es=f"El broker repite y desordena, y al final del día tus precios se quedan a {_t_error:.2f} € de media de los correctos: alguna novedad vieja ha pasado por nueva, o al revés.",
        en=f"The broker repeats and reorders, and at the end of the day your prices are {_t_error:.2f} € off from the correct ones on average: an old update passed for a new one, or the other way round.",
    )
    checks.same(_t_quotes, _t_oracle(_t_delivered), tr(es="Los precios que se dan por el camino con un broker que repite y desordena.", en="The prices given along the way with a broker that repeats and reorders."))
    checks.same(_t_prices(_t_delivered, _t_state)[0], [], tr(es="Tras un reinicio que conserva el estado se relee todo el topic: nada es nuevo.", en="After a restart that keeps the state the whole topic is read again: nothing is new."))
    _t_half, _ = _t_prices(_t_delivered[:70])
    _t_again, _ = _t_prices(_t_delivered)
    checks.same(_t_last_prices(_t_half + _t_again), _t_best, tr(es="El servicio muere a mitad del día, pierde el estado y relee el topic desde el principio: no se pierde nada.", en="The service dies half-way through the day, loses its state and reads the topic from the start: nothing is lost."))
### END HIDDEN TESTS

# %% wrong="price_handler" score=2 says_es="repite y desordena" says_en="repeats and reorders"
# es: La última novedad en llegar es la más reciente.
# en: The last update to arrive is the newest.
def price_handler(state, update):
    state = {**state, (update["feed"], update["zone"]): update["count"]}
    demand, drivers = (state.get((feed, update["zone"])) for feed in ("demand", "drivers"))
    return state, (None if demand is None or drivers is None else {"zone": update["zone"], "price": fare(demand, drivers)})

# %% wrong="price_handler" score=0 says_es="misma novedad" says_en="same update"
# es: Los datos se guardan en una variable global: así los tienen todos a mano.
# en: The data live in a global variable: that way every function has them at hand.
KNOWN = {}


def price_handler(state, update):
    key = update["feed"], update["zone"]
    if update["seq"] <= KNOWN.get(key, (0, 0))[0]:
        return state, None
    KNOWN[key] = update["seq"], update["count"]
    demand, drivers = (KNOWN.get((feed, update["zone"])) for feed in ("demand", "drivers"))
    return state, (None if demand is None or drivers is None else {"zone": update["zone"], "price": fare(demand[1], drivers[1])})

# %% wrong="price_handler" score=0 says_es="cada novedad cambia" says_en="update changes the price"
# es: Con saber una vez cuántos conductores hay, basta: se trabaja con la copia que se guardó.
# en: It is enough to learn once how many drivers there are: work with the copy that was kept.
def price_handler(state, update):
    key = update["feed"], update["zone"]
    seq, kept = state.get(key, (0, None))
    if update["seq"] <= seq:
        return state, None
    keep = update["feed"] == "drivers" and kept is not None
    state = {**state, key: (update["seq"], kept if keep else update["count"])}
    demand, drivers = (state.get((feed, update["zone"])) for feed in ("demand", "drivers"))
    return state, (None if demand is None or drivers is None else {"zone": update["zone"], "price": fare(demand[1], drivers[1])})

# %% wrong="price_handler" score=0 says_es="los dos datos" says_en="Both feeds"
# es: El precio depende de la demanda y de nada más.
# en: The price depends on the demand and on nothing else.
def price_handler(state, update):
    if update["feed"] != "demand" or update["seq"] <= state.get(update["zone"], 0):
        return state, None
    return {**state, update["zone"]: update["seq"]}, {"zone": update["zone"], "price": fare(update["count"], 20)}

# %% wrong="price_handler" score=2 says_es="numeración" says_en="numbering"
# es: Hay una sola numeración por zona: lo que no supera el último seq visto es viejo.
# en: There is one numbering per zone: an update that does not exceed the last seq seen is old.
def price_handler(state, update):
    known = state.get(update["zone"], {"seq": 0, "seen": ()})
    news = update["feed"], update["seq"]
    if update["seq"] < known["seq"] or news in known["seen"]:
        return state, None
    known = {**known, "seq": update["seq"], "seen": (*known["seen"], news), update["feed"]: update["count"]}
    quote = {"zone": update["zone"], "price": fare(known["demand"], known["drivers"])} if {"demand", "drivers"} <= set(known) else None
    return {**state, update["zone"]: known}, quote

# %% wrong="price_handler" score=2 says_es="modifica" says_en="modifies"
# es: Da igual apuntar la novedad en el mismo estado que ha llegado, si es el que se devuelve.
# en: It makes no difference to note the update in the very state that came in, since that one is returned.
def price_handler(state, update):
    key = update["feed"], update["zone"]
    if update["seq"] <= state.get(key, (0, 0))[0]:
        return state, None
    state[key] = update["seq"], update["count"]
    demand, drivers = (state.get((feed, update["zone"])) for feed in ("demand", "drivers"))
    return state, (None if demand is None or drivers is None else {"zone": update["zone"], "price": fare(demand[1], drivers[1])})

# %% wrong="price_handler" score=2 says_es="modifica" says_en="modifies"
# es: Copiar el diccionario de fuera basta: lo de dentro ya va con él.
# en: Copying the outer dict is enough: what is inside goes with it.
def price_handler(state, update):
    state = dict(state)
    zone = state.setdefault(update["zone"], {})
    if update["seq"] <= zone.get(update["feed"], (0, 0))[0]:
        return state, None
    zone[update["feed"]] = update["seq"], update["count"]
    quote = {"zone": update["zone"], "price": fare(zone["demand"][1], zone["drivers"][1])} if len(zone) == 2 else None
    return state, quote

# %% right="price_handler"
# es: la copia del estado, hecha con JSON
# en: the copy of the state, made with JSON
def price_handler(state, update):
    state = json.loads(json.dumps(state))
    zone = state.setdefault(update["zone"], {})
    if update["seq"] <= zone.get(update["feed"], [0])[0]:
        return state, None
    zone[update["feed"]] = [update["seq"], update["count"]]
    if {"demand", "drivers"} <= zone.keys():
        return state, {"zone": update["zone"], "price": fare(zone["demand"][1], zone["drivers"][1])}
    return state, None

# %% right="price_handler"
def price_handler(state, update):
    # es: un diccionario por zona, copiado entero antes de cambiarlo
    # en: a dict per zone, copied whole before it is changed
    from copy import deepcopy

    state = deepcopy(state)
    zone = state.setdefault(update["zone"], {})
    known = zone.setdefault(update["feed"], {"seq": -1})
    if update["seq"] > known["seq"]:
        known.update(seq=update["seq"], count=update["count"])
        if len(zone) == 2:
            return state, dict(zone=update["zone"], price=fare(zone["demand"]["count"], zone["drivers"]["count"]))
    return state, None

# %%
# es: el adaptador de peticiones, de ejemplo: el precio, o null, vuelve en la respuesta
# en: the adapter for requests, as an example: the price, or null, goes back in the answer
def from_request(body, state, handler):
    state, quote = handler(state, json.loads(body))
    return state, json.dumps(quote).encode()

# %% answer="adapters"
def from_database(db, last_id, state, handler):
    ### BEGIN SOLUTION
    quotes = []
    rows = db.execute("SELECT id, feed, zone, seq, count FROM updates WHERE id > ? ORDER BY id", (last_id,)).fetchall()
    for row in rows:
        last_id, feed, zone, seq, count = row
        state, quote = handler(state, {"feed": feed, "zone": zone, "seq": seq, "count": count})
        if quote is not None:
            quotes.append(quote)
    return last_id, state, quotes
    ### END SOLUTION


def from_message(message, state, handler, publish):
    ### BEGIN SOLUTION
    state, quote = handler(state, json.loads(message))
    if quote is not None:
        publish("prices", quote["zone"], json.dumps(quote).encode())
    return state
    ### END SOLUTION

# %% test="adapters/translate" points=1 row="7" objective="1.7"
import contextlib as _t_contextlib
import json as _t_json
import sqlite3 as _t_sqlite3

from mlprod import checks


class _t_Spy:
    """Stands in for the handler: notes what it is given and returns odd prices, to show which part calculates."""

    def __init__(self):
        self.seen = []

    def __call__(self, state, update):
        try:
            self.seen.append({name: update[name] for name in ("feed", "zone", "seq", "count")})
        except (TypeError, LookupError):
            raise AssertionError(
                tr(es=f"handler espera un diccionario con feed, zone, seq y count, y le ha llegado {update!r}.", en=f"handler expects a dict with feed, zone, seq and count, and it got {update!r}.")
            ) from None
        return state + 1, (None if update["count"] == 0 else {"zone": update["zone"], "price": 1000.25 + update["count"]})


class _t_StillPublishing(BaseException):
    """Ends an endless wait; not an Exception, so that no `except Exception` hides it."""


class _t_Outbox:
    """Stands in for the broker: keeps what is published and, like it, answers nothing."""

    def __init__(self):
        self.sent = []

    def __call__(self, topic, key, value):
        assert isinstance(value, bytes), tr(es=f"publish espera bytes y ha recibido {type(value).__name__}.", en=f"publish expects bytes and got {type(value).__name__}.")
        try:
            self.sent.append((topic, key, _t_json.loads(value)))
        except ValueError:
            raise AssertionError(tr(es=f"publish espera JSON y ha recibido {value[:60]!r}.", en=f"publish expects JSON and got {value[:60]!r}.")) from None
        if len(self.sent) > 500:
            raise _t_StillPublishing(tr(es="El mismo precio publicado sin parar: publish no devuelve respuesta, y no hay nadie a quien esperar.", en="The same price published over and over: publish returns no answer, and there is nothing to wait for."))


def _t_database_of(updates):
    db = _t_sqlite3.connect(":memory:")
    db.execute("CREATE TABLE updates (id INTEGER PRIMARY KEY, feed TEXT, zone TEXT, seq INTEGER, count INTEGER)")
    db.executemany("INSERT INTO updates (feed, zone, seq, count) VALUES (:feed, :zone, :seq, :count)", updates)
    return _t_contextlib.closing(db)


_t_two = [{"feed": "demand", "zone": "centre", "seq": 1, "count": 3}, {"feed": "drivers", "zone": "centre", "seq": 1, "count": 0}]
_t_spy = _t_Spy()
with _t_database_of(_t_two) as _t_db:
    _t_result = from_database(_t_db, 0, 0, _t_spy)
checks.same(_t_spy.seen, _t_two, tr(es="Lo que from_database ha pasado al cálculo: todas las filas nuevas, por orden.", en="What from_database passed to the calculation: all the new rows, in order."))
checks.same(_t_result, (2, 2, [{"zone": "centre", "price": 1003.25}]), tr(es="from_database con un cálculo de pega: (last_id, state, quotes).", en="from_database with a dummy calculation: (last_id, state, quotes)."))
_t_outbox = _t_Outbox()
checks.same(from_message(_t_json.dumps(_t_two[0]).encode(), 5, _t_Spy(), _t_outbox), 6, tr(es="from_message devuelve el estado nuevo.", en="from_message returns the new state."))
checks.same(_t_outbox.sent, [("prices", "centre", {"zone": "centre", "price": 1003.25})], tr(es="Lo que from_message ha publicado, con un cálculo de pega: lo que devuelve handler, tal cual.", en="What from_message published, with a dummy calculation: what the handler returns, as it is."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_many = [{"feed": ("demand", "drivers")[i % 2], "zone": f"zone-{i % 3}", "seq": i, "count": i % 4} for i in range(1, 41)]
_t_spy = _t_Spy()
_t_odd = tr(es="El cálculo es de handler: si el adaptador pone o cambia precios, hay lógica de negocio en el transporte.", en="The calculation is the handler's: if the adapter makes or changes prices, there is business logic in the transport.")
with _t_database_of(_t_many) as _t_db:
    checks.same(from_database(_t_db, 0, 0, _t_spy), (40, 40, [{"zone": each["zone"], "price": 1000.25 + each["count"]} for each in _t_many if each["count"]]), _t_odd)
    checks.same(from_database(_t_db, 40, 40, _t_spy), (40, 40, []), tr(es="Sin filas nuevas: ni precios, ni cambios.", en="No new rows: neither prices nor changes."))
    _t_db.execute("INSERT INTO updates (id, feed, zone, seq, count) VALUES (90, 'demand', 'zone-0', 41, 2)")
    _t_db.execute("INSERT INTO updates (id, feed, zone, seq, count) VALUES (50, 'drivers', 'zone-1', 42, 3)")
    checks.same(from_database(_t_db, 40, 40, _t_spy), (90, 42, [{"zone": "zone-1", "price": 1003.25}, {"zone": "zone-0", "price": 1002.25}]), tr(es="Solo las filas nuevas, por orden de id, aunque haya huecos.", en="Only the new rows, in the order of id, even with gaps."))
checks.same(len(_t_spy.seen), 42, tr(es="Novedades que han llegado al cálculo: cada fila, una vez.", en="Updates that reached the calculation: each row once."))
_t_spy, _t_outbox, _t_state = _t_Spy(), _t_Outbox(), 0
for _t_each in _t_many:
    _t_state = from_message(_t_json.dumps(_t_each).encode(), _t_state, _t_spy, _t_outbox)
checks.same(_t_outbox.sent, [("prices", each["zone"], {"zone": each["zone"], "price": 1000.25 + each["count"]}) for each in _t_many if each["count"]], _t_odd)
checks.same((_t_spy.seen, _t_state), (_t_many, 40), tr(es="from_message: cada mensaje, una vez al cálculo, con el estado que toca.", en="from_message: each message, once to the calculation, with the right state."))
### END HIDDEN TESTS

# %% test="adapters/same_day" points=1 row="1 7" objective="1.7"
import random as _t_random

from mlprod import checks


def _t_plain_handler(state, update):
    """A careless handler: a price for each update, from the latest of its zone."""
    state = {**state, (update["feed"], update["zone"]): update["count"]}
    demand, drivers = (state.get((feed, update["zone"]), 0) for feed in ("demand", "drivers"))
    return state, ({"zone": update["zone"], "price": fare(demand, drivers)} if demand else None)


def _t_on_three_transports(news, handler):
    """The prices of the same updates through the database (polled now and then), by request and through the broker."""
    by_request, state = [], {}
    for each in news:
        state, answer = from_request(_t_json.dumps(each), state, handler)
        by_request.append(_t_json.loads(answer))
    outbox, state = _t_Outbox(), {}
    for each in news:
        state = from_message(_t_json.dumps(each).encode(), state, handler, outbox)
    polled, last_id, state = [], 0, {}
    with _t_database_of([]) as db:
        for each in news:
            db.execute("INSERT INTO updates (feed, zone, seq, count) VALUES (:feed, :zone, :seq, :count)", each)
            if each["count"] % 5 == 0 or each is news[-1]:
                last_id, state, quotes = from_database(db, last_id, state, handler)
                polled += quotes
    return polled, [quote for quote in by_request if quote is not None], [quote for _, _, quote in outbox.sent]


_t_chance = _t_random.Random(3)
_t_news = [{"feed": _t_chance.choice(["demand", "drivers"]), "zone": _t_chance.choice(["centre", "port"]), "seq": _n, "count": _t_chance.randrange(60)} for _n in range(1, 121)]
_t_polled, _t_requested, _t_published = _t_on_three_transports(_t_news, _t_plain_handler)
checks.same(_t_polled, _t_requested, tr(es="El mismo día por la base de datos y por peticiones: los mismos precios, en el mismo orden.", en="The same day through the database and by requests: the same prices, in the same order."))
checks.same(_t_published, _t_requested, tr(es="El mismo día por el broker y por peticiones: los mismos precios, en el mismo orden.", en="The same day through the broker and by requests: the same prices, in the same order."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_other = [{**each, "zone": each["zone"] * 2, "count": (each["count"] * 7 + 3) % 50} for each in _t_news]
_t_expected, _t_state = [], {}
for _t_each in _t_other:
    _t_state, _t_quote = _t_plain_handler(_t_state, _t_each)
    _t_expected += [_t_quote] if _t_quote else []
for _t_way, _t_quotes in zip(("database", "request", "broker"), _t_on_three_transports(_t_other, _t_plain_handler), strict=True):
    checks.same(_t_quotes, _t_expected, tr(es=f"Otro día, por {_t_way}: los precios que da el cálculo.", en=f"Another day, through {_t_way}: the prices that the calculation gives."))
### END HIDDEN TESTS

# %% wrong="adapters" score=0 says_es="tal cual" says_en="as it is"
# es: El adaptador del broker ya tiene el precio delante: que lo redondee él.
# en: The broker's adapter has the price at hand: it may as well do the rounding.
def from_database(db, last_id, state, handler):
    quotes = []
    for row in db.execute("SELECT id, feed, zone, seq, count FROM updates WHERE id > ? ORDER BY id", (last_id,)).fetchall():
        last_id = row[0]
        state, quote = handler(state, dict(zip(("feed", "zone", "seq", "count"), row[1:], strict=True)))
        quotes += [quote] if quote else []
    return last_id, state, quotes


def from_message(message, state, handler, publish):
    state, quote = handler(state, json.loads(message))
    if quote:
        publish("prices", quote["zone"], json.dumps({**quote, "price": round(quote["price"])}).encode())
    return state

# %% wrong="adapters" score=0 says_es="publish no devuelve" says_en="publish returns no answer"
# es: Publicar es llamar: se insiste hasta que el otro conteste.
# en: Publishing is calling: keep trying until the other one answers.
def from_database(db, last_id, state, handler):
    quotes = []
    for row in db.execute("SELECT id, feed, zone, seq, count FROM updates WHERE id > ? ORDER BY id", (last_id,)).fetchall():
        last_id = row[0]
        state, quote = handler(state, dict(zip(("feed", "zone", "seq", "count"), row[1:], strict=True)))
        quotes += [quote] if quote else []
    return last_id, state, quotes


def from_message(message, state, handler, publish):
    state, quote = handler(state, json.loads(message))
    if quote:
        while publish("prices", quote["zone"], json.dumps(quote).encode()) is None:
            pass
    return state

# %% wrong="adapters" score=0 says_es="filas nuevas" says_en="new rows"
# es: Al sondear se lee la tabla entera: lo repetido no molesta.
# en: Polling reads the whole table: repetitions do no harm.
def from_database(db, last_id, state, handler):
    quotes = []
    for row in db.execute("SELECT id, feed, zone, seq, count FROM updates ORDER BY id").fetchall():
        last_id = row[0]
        state, quote = handler(state, dict(zip(("feed", "zone", "seq", "count"), row[1:], strict=True)))
        quotes += [quote] if quote else []
    return last_id, state, quotes


def from_message(message, state, handler, publish):
    state, quote = handler(state, json.loads(message))
    if quote:
        publish("prices", quote["zone"], json.dumps(quote).encode())
    return state

# %% wrong="adapters" score=0 says_es="filas nuevas" says_en="new rows"
# es: De una tabla solo interesa la última fila: lo de en medio ya es viejo.
# en: Only the last row of a table matters: those in between are old already.
def from_database(db, last_id, state, handler):
    row = db.execute("SELECT id, feed, zone, seq, count FROM updates WHERE id > ? ORDER BY id DESC", (last_id,)).fetchone()
    if row is None:
        return last_id, state, []
    state, quote = handler(state, dict(zip(("feed", "zone", "seq", "count"), row[1:], strict=True)))
    return row[0], state, [quote] if quote else []


def from_message(message, state, handler, publish):
    state, quote = handler(state, json.loads(message))
    if quote:
        publish("prices", quote["zone"], json.dumps(quote).encode())
    return state

# %% wrong="adapters" score=0 says_es="espera un diccionario" says_en="expects a dict"
# es: El cálculo entiende también la fila tal como sale de la base de datos.
# en: The calculation understands the row as it comes from the database too.
def from_database(db, last_id, state, handler):
    quotes = []
    for row in db.execute("SELECT id, feed, zone, seq, count FROM updates WHERE id > ? ORDER BY id", (last_id,)).fetchall():
        last_id = row[0]
        state, quote = handler(state, row[1:])
        quotes += [quote] if quote else []
    return last_id, state, quotes


def from_message(message, state, handler, publish):
    state, quote = handler(state, json.loads(message))
    if quote:
        publish("prices", quote["zone"], json.dumps(quote).encode())
    return state

# %% right="adapters"
# es: los dos adaptadores, sobre una misma función que recorre novedades
# en: both adapters, on top of one function that goes through updates
def follow(news, state, handler):
    told = []
    while news:
        state, quote = handler(state, news.pop(0))
        told += [quote] if quote else []
    return state, told


def from_database(db, last_id, state, handler):
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    rows = [dict(row) for row in cursor.execute("SELECT * FROM updates ORDER BY id") if row["id"] > last_id]
    last_id = max([last_id, *(row["id"] for row in rows)])
    return [last_id, *follow(rows, state, handler)]


def from_message(message, state, handler, publish):
    state, told = follow([json.loads(message.decode("utf-8"))], state, handler)
    for quote in told:
        publish("prices", quote["zone"], bytes(json.dumps(quote, indent=1), "utf-8"))
    return state

# %% [markdown] lang="es" row="7 8"
# ## 9. Un topic, muchos lectores (3 puntos)
#
# Escribe `Topic`, un topic en miniatura, en memoria y con una sola partición:
#
# - `publish(value)` añade un mensaje y devuelve su offset: 0, 1, 2… No espera a nadie ni sabe quién lee.
# - `poll(subscriber, limit=100)` devuelve los siguientes mensajes **de ese suscriptor** (un nombre), como mucho `limit`, como lista de parejas `(offset, value)`, por orden. Si no hay más, una lista vacía. Un nombre
#   que aparece por primera vez empieza en el offset 0, por tarde que llegue.
#
# ```python
# topic = Topic()
# topic.publish("ride 1")       # 0
# topic.poll("pricing")         # [(0, "ride 1")]
# topic.poll("pricing")         # []
# topic.poll("fraud")           # [(0, "ride 1")]
# ```
#
# Se comprueba que cada suscriptor lo lee todo una vez y a su ritmo, que uno que se para no afecta a los demás ni al productor, y que añadir el cuarto no obliga a cambiar nada.
# %% [markdown] lang="en" row="7 8"
# ## 9. One topic, many readers (3 points)
#
# Write `Topic`, a topic in miniature, in memory and with a single partition:
#
# - `publish(value)` appends a message and returns its offset: 0, 1, 2… It waits for nobody and does not know who is reading.
# - `poll(subscriber, limit=100)` returns the next messages **of that subscriber** (a name), at most `limit`, as a list of pairs `(offset, value)`, in order. If there are no more, an empty list. A name
#   that appears for the first time begins at offset 0, however late it comes.
#
# ```python
# topic = Topic()
# topic.publish("ride 1")       # 0
# topic.poll("pricing")         # [(0, "ride 1")]
# topic.poll("pricing")         # []
# topic.poll("fraud")           # [(0, "ride 1")]
# ```
#
# It is checked that each subscriber reads everything once and at its own pace, that a stopped subscriber affects neither the others nor the producer, and that adding a fourth one requires no changes.

# %% answer="fan_out"
class Topic:
    def __init__(self):
        ### BEGIN SOLUTION
        self.log = []
        self.offsets = {}
        ### END SOLUTION

    def publish(self, value):
        ### BEGIN SOLUTION
        self.log.append(value)
        return len(self.log) - 1
        ### END SOLUTION

    def poll(self, subscriber, limit=100):
        ### BEGIN SOLUTION
        # es: leer no borra: solo avanza el offset de quien lee
        # en: reading does not remove: it only moves the reader's own offset
        begin = self.offsets.get(subscriber, 0)
        records = list(enumerate(self.log[begin : begin + limit], begin))
        self.offsets[subscriber] = begin + len(records)
        return records
        ### END SOLUTION

# %% test="fan_out/readers" points=2 row="8" objective="1.8"
from mlprod import checks

_t_topic = Topic()
checks.same([_t_topic.publish(f"ride {n}") for n in range(3)], [0, 1, 2], tr(es="publish devuelve el offset de cada mensaje.", en="publish returns each message's offset."))
_t_three = [(0, "ride 0"), (1, "ride 1"), (2, "ride 2")]
checks.same(_t_topic.poll("pricing"), _t_three, tr(es="pricing lee los tres mensajes.", en="pricing reads the three messages."))
checks.same(_t_topic.poll("drivers"), _t_three, tr(es="drivers también lee los tres: que pricing los haya leído no los borra ni mueve su offset.", en="drivers reads the three as well: pricing having read them neither removes them nor moves its offset."))
checks.same(_t_topic.poll("pricing"), [], tr(es="pricing ya lo había leído todo.", en="pricing had read everything already."))
checks.passed()
### BEGIN HIDDEN TESTS
import random as _t_random

_t_other = Topic()
checks.same([_t_other.poll("drivers"), _t_other.publish("x"), _t_other.poll("drivers")], [[], 0, [(0, "x")]], tr(es="Dos topics distintos no comparten mensajes ni offsets.", en="Another topic is a different one: they share neither messages nor offsets."))
_t_chance, _t_topic, _t_published = _t_random.Random(4), Topic(), []
_t_read = {name: [] for name in ("pricing", "drivers", "rides")}
for _t_turn in range(400):
    if _t_chance.random() < 0.4:
        _t_value = _t_chance.choice(["same", _t_turn, None, {"zone": "centre"}])
        checks.same(_t_topic.publish(_t_value), len(_t_published), tr(es="Offset del mensaje publicado: cuántos había antes, los hayan leído o no.", en="Offset of the message published: how many there were before, read or not."))
        _t_published.append(_t_value)
    else:
        _t_name, _t_limit = _t_chance.choice(["pricing", "pricing", "drivers"]), _t_chance.randrange(1, 6)
        _t_batch = list(_t_topic.poll(_t_name, limit=_t_limit))
        assert len(_t_batch) <= _t_limit, tr(es=f"poll(limit={_t_limit}) ha devuelto {len(_t_batch)} mensajes.", en=f"poll(limit={_t_limit}) returned {len(_t_batch)} messages.")
        _t_read[_t_name] += _t_batch
while _t_batch := list(_t_topic.poll("drivers", 3)):
    _t_read["drivers"] += _t_batch
    assert len(_t_read["drivers"]) <= len(_t_published), tr(es="drivers lee más mensajes de los que hay: alguno se repite.", en="drivers reads more messages than there are: some are repeated.")
_t_all = list(enumerate(_t_published))
checks.same(_t_read["drivers"], _t_all, tr(es="Lo que ha leído drivers, a trozos y con otros leyendo: todo, una vez y por orden.", en="What drivers has read, in pieces and with others reading: everything, once, in order."))
checks.same(_t_read["pricing"], _t_all[: len(_t_read["pricing"])], tr(es="Lo que ha leído pricing: sin huecos ni repeticiones.", en="What pricing has read: neither gaps nor repetitions."))
### END HIDDEN TESTS

# %% test="fan_out/newcomer" points=1 row="7 8" objective="1.8"
from mlprod import checks

_t_topic = Topic()
for _t_n in range(5):
    _t_topic.publish(_t_n)
    _t_topic.poll("pricing"), _t_topic.poll("drivers"), _t_topic.poll("rides")
checks.same(_t_topic.poll("fraud"), list(enumerate(range(5))), tr(es="fraud llega el último y lee la historia desde el principio.", en="fraud comes last and reads the history from the start."))
checks.passed()
### BEGIN HIDDEN TESTS
checks.same([_t_topic.poll(name) for name in ("pricing", "drivers", "rides")], [[], [], []], tr(es="Que llegue fraud no hace releer a los demás.", en="The arrival of fraud makes no other subscriber read again."))
_t_topic = Topic()
checks.same([_t_topic.publish(n) for n in range(250)], list(range(250)), tr(es="Con todos los lectores parados, publicar no espera a nadie ni pierde nada.", en="With all the readers stopped, publishing waits for nobody and loses nothing."))
checks.same(_t_topic.poll("pricing"), [(n, n) for n in range(100)], tr(es="Al volver, pricing encuentra lo publicado en su ausencia (limit=100 por defecto).", en="When it comes back, pricing finds what was published in its absence (limit=100 by default)."))
checks.same(_t_topic.publish("late"), 250, tr(es="El productor sigue igual, lea alguien o no.", en="The producer goes on as before, whether anyone reads or not."))
checks.same([len(_t_topic.poll("pricing", 1000)), len(_t_topic.poll("fraud", 1000))], [151, 251], tr(es="Cada uno sigue desde su propio offset.", en="Each one goes on from its own offset."))
### END HIDDEN TESTS

# %% wrong="fan_out" score=0 says_es="no los borra" says_en="neither removes them"
# es: Leer un mensaje lo saca del topic, como en una cola.
# en: Reading a message takes it out of the topic, as in a queue.
class Topic:
    def __init__(self):
        self.log, self.next = [], 0

    def publish(self, value):
        self.log.append((self.next, value))
        self.next += 1
        return self.next - 1

    def poll(self, subscriber, limit=100):
        taken, self.log = self.log[:limit], self.log[limit:]
        return taken

# %% wrong="fan_out" score=0 says_es="mueve su offset" says_en="moves its offset"
# es: Hay un offset del topic, el mismo para todos.
# en: There is one offset of the topic, the same for all.
class Topic:
    def __init__(self):
        self.log, self.offset = [], 0

    def publish(self, value):
        self.log.append(value)
        return len(self.log) - 1

    def poll(self, subscriber, limit=100):
        found = list(enumerate(self.log))[self.offset : self.offset + limit]
        self.offset += len(found)
        return found

# %% wrong="fan_out" score=0 says="drivers"
# es: El broker empuja cada mensaje a quien esté suscrito en ese momento; el que no está se lo pierde.
# en: The broker pushes each message to those subscribed at that moment; the rest miss it.
class Topic:
    def __init__(self):
        self.inboxes, self.next = {"pricing": []}, 0

    def publish(self, value):
        for inbox in self.inboxes.values():
            inbox.append((self.next, value))
        self.next += 1
        return self.next - 1

    def poll(self, subscriber, limit=100):
        inbox = self.inboxes.setdefault(subscriber, [])
        found, inbox[:] = inbox[:limit], inbox[limit:]
        return found

# %% wrong="fan_out" score=2 says_es="desde el principio" says_en="from the start"
# es: Se borra lo que ya han leído todos los suscriptores actuales: nadie más lo va a querer.
# en: What all current subscribers have read is deleted: nobody else will want it.
class Topic:
    def __init__(self):
        self.log, self.offsets, self.first = [], {"drivers": 0}, 0

    def publish(self, value):
        self.log.append(value)
        return self.first + len(self.log) - 1

    def poll(self, subscriber, limit=100):
        begin = max(self.first, self.offsets.get(subscriber, 0))
        found = list(enumerate(self.log, self.first))[begin - self.first :][:limit]
        self.offsets[subscriber] = begin + len(found)
        drop = min(self.offsets.values()) - self.first
        self.log, self.first = self.log[drop:], self.first + drop
        return found

# %% wrong="fan_out" score=0 says_es="Dos topics distintos" says_en="Another topic is a different one"
# es: Los mensajes y los offsets se declaran en la clase (y así los comparten todos los topics).
# en: Messages and offsets are declared in the class (and so all topics share them).
class Topic:
    log, offsets = [], {}

    def publish(self, value):
        self.log.append(value)
        return len(self.log) - 1

    def poll(self, subscriber, limit=100):
        begin = self.offsets.get(subscriber, 0)
        records = list(enumerate(self.log))[begin : begin + limit]
        self.offsets[subscriber] = begin + len(records)
        return records

# %% right="fan_out"
class Topic:
    # es: un iterador perezoso por suscriptor sobre el mismo registro
    # en: a lazy iterator per subscriber over the same log
    def __init__(self):
        from collections import defaultdict

        self.records = []
        self.readers = defaultdict(self._reader)

    def _reader(self):
        position = 0
        while True:
            if position < len(self.records):
                yield position, self.records[position]
                position += 1
            else:
                yield None

    def publish(self, value):
        offset = len(self.records)
        self.records.append(value)
        return offset

    def poll(self, subscriber, limit=100):
        reader, found = self.readers[subscriber], []
        while len(found) < limit and (record := next(reader)) is not None:
            found.append(record)
        return found

# %% [markdown] essay="choose" points=4 lang="es"
# ## 10. Redacción: de 3 servicios a 30 (4 puntos)
#
# La empresa tiene hoy tres servicios, una base de datos PostgreSQL que comparten y 50 viajes por minuto en una ciudad. En dos años quiere treinta servicios de seis equipos, cuarenta ciudades, dos socios con flota propia (y base de datos propia) y un
# equipo de datos que reentrena cada noche con la historia completa. El precio debe reaccionar a la demanda en menos de dos segundos, y el viajero ha de ver su precio en menos de 300 ms.
#
# ¿Por dónde debe viajar cada dato: base de datos, servicios o broker? En 350-400 palabras:
#
# 1. di qué transporte pondrías para (a) la demanda y la disponibilidad, (b) enseñar el precio al viajero, (c) los conductores de los socios y (d) el equipo de datos;
# 2. defiéndelo con **al menos cuatro números**: dos medidos por ti (en la lección o aquí) y dos calculados (enlaces, disponibilidad, llamadas lentas, antigüedad, consultas…). Los datos que falten, como el $q$ de las llamadas lentas o el $T$ de los sondeos, elígelos tú y dilo;
# 3. di qué se pierde o qué se complica con tu elección, y qué pasa cuando muere el servicio de precios;
# 4. di cuál sería el primer paso, con tres servicios, y en qué momento **no** lo darías todavía.
#
# ### BEGIN SOLUTION
# **Respuesta modelo.** (a) Demanda y disponibilidad, por un broker: las leen precios, conductores, viajes y, mañana, cualquiera; con treinta servicios hay 435 enlaces si cada pareja habla directamente y 30 con un broker. Por la base de datos compartida también se podría: para menos
# de dos segundos basta sondear cada segundo (antigüedad media de unos 0.5 s, máxima de algo más de 1 s), pero treinta servicios que sondean cuarenta ciudades cada segundo son 1 200 consultas por segundo, lleguen novedades o no. (b) El precio al viajero, con una petición: necesita la respuesta para seguir. Pero
# a **un** servicio y con tiempo límite, no a una cadena: 0.999 elevado a 30 es 0.970, y con un 1 % de llamadas lentas, treinta llamadas son un 26 % de peticiones lentas. Si precios muere, se enseña el último precio conocido, con su antigüedad. (c) Los socios, por su API, con límite de peticiones y caché con caducidad: su fichero no es nuestro. (d) El
# equipo de datos es un grupo de consumidores más, que empieza en el offset 0: los productores no cambian. Medidos: [p99 de REST y del broker, coste de un `fsync`, pérdida en euros con precios muerto], en mi máquina.
#
# Se complica: hay que operar el broker, los mensajes llegan repetidos (números de secuencia o claves de idempotencia), los esquemas pasan a ser un contrato y depurar es más difícil. Primer paso: publicar la demanda en un topic sin dejar de escribirla en la base de datos, y que precios lea de ahí. Con tres servicios de un solo equipo y una
# ciudad, 3 enlaces y sondeos de un segundo, todavía no lo daría: no compensa.
#
# **Rúbrica.** 1 punto por una elección coherente para los cuatro casos (no vale «broker para todo»: (b) necesita respuesta y (c) no es nuestro). 1 punto por cuatro números correctos que apoyan de verdad lo que dicen; medio si son correctos pero sueltos, o si se comparan idas y vueltas con tiempos de una
# sola dirección sin decirlo. 1 punto por las pérdidas: repeticiones, orden, operación, un dato viejo cuando precios muere. 1 punto por un camino gradual y un criterio claro para no darlo aún. Otra elección bien defendida con números vale lo mismo. «Lo usan las grandes» no es un argumento.
# ### END SOLUTION
# %% [markdown] essay="choose" points=4 lang="en"
# ## 10. Essay: from 3 services to 30 (4 points)
#
# The company has three services today, a PostgreSQL database that they share and 50 rides a minute in one city. In two years it wants thirty services of six teams, forty cities, two partners with a fleet of their own (and a database of their own) and a
# data team that retrains every night on the whole history. The price must react to the demand in less than two seconds, and the rider must see the price in less than 300 ms.
#
# How should each kind of data travel: database, services or broker? In 350-400 words:
#
# 1. state which transport you would choose for (a) demand and availability, (b) showing the price to the rider, (c) the partners' drivers and (d) the data team;
# 2. support your choice with **at least four numbers**: two measured by you (in the lesson or here) and two calculated (links, availability, slow calls, staleness, queries…). Choose yourself what is not given, such as the $q$ of slow calls or the $T$ of polling, and state it;
# 3. explain what is lost or becomes harder with your choice, and what happens when the price service dies;
# 4. explain what the first step would be, with three services, and when you would **not** take it yet.
#
# ### BEGIN SOLUTION
# **Model answer.** (a) Demand and availability, through a broker: prices, drivers, rides read them and, tomorrow, anybody; with thirty services there are 435 links if each pair talks directly, and 30 with a broker. The shared database could do it too: for less
# than two seconds it is enough to poll every second (mean staleness about 0.5 s, maximum a little over 1 s), but thirty services that poll forty cities every second are 1 200 queries a second, news or no news. (b) The price to the rider, with a request: the answer is needed to go on. But
# to **one** service and with a timeout, not to a chain: 0.999 to the power 30 is 0.970, and with 1 % of slow calls, thirty calls make 26 % of slow requests. If prices dies, the last price known is shown, with its age. (c) The partners, through their API, with a request limit and a cache that expires: their file is not ours. (d) The
# data team is one more consumer group, which begins at offset 0: the producers do not change. Measured: [p99 of REST and of the broker, cost of an `fsync`, loss in euros with prices dead], on my machine.
#
# What becomes harder: the broker must be operated, messages come repeated (sequence numbers or idempotency keys), schemas become a contract and debugging is harder. First step: publish the demand to a topic while still writing it into the database, and let prices read from there. With three services of a single team and one
# city, 3 links and polls of one second, I would not take it yet: it does not pay.
#
# **Rubric.** 1 point for a coherent choice in the four cases ("a broker for everything" will not do: (b) needs an answer and (c) is not ours). 1 point for four correct numbers that really support the argument; half if they are correct but play no part in it, or if round trips are compared with one-way times
# without saying so. 1 point for the losses: repetitions, order, operation, old data when prices dies. 1 point for a gradual path and a clear criterion for not taking it yet. Another choice well defended with numbers is worth the same. "The big companies use it" is not an argument.
# ### END SOLUTION
