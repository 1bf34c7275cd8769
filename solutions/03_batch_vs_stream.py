# ---
# title:
#   es: "Lotes y flujos: un modelo, dos canalizaciones"
#   en: "Batch and stream: one model, two pipelines"
# unit: "03"
# minutes: 260
# ---

# %% [markdown] lang="es"
# # Lotes y flujos: un modelo, dos canalizaciones
#
# Ocho tareas que se corrigen solas y una redacción. Algo más de cuatro horas en total, así que mejor en varios ratos; puedes hacerlas en cualquier orden y dejar alguna sin
# hacer: cada tarea puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Ventanas que se cierran solas | 6 | 40 |
# | 2. Un solo cálculo para entrenar y para servir | 6 | 30 |
# | 3. Encontrar el desajuste | 6 | 50 |
# | 4. Un flujo que no acaba | 5 | 20 |
# | 5. ¿Bastan los lotes? | 3 | 10 |
# | 6. Cuándo compensa el streaming | 7 | 30 |
# | 7. Una definición en Spark | 5 | 20 |
# | 8. Lo que se sabía en aquel momento | 5 | 20 |
# | 9. Redacción: ¿pasamos a streaming? | 4 | 40 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos. Las celdas siguientes, ejecutadas **en orden** desde la primera de la tarea, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué
# han recibido. Al corregir se añaden **comprobaciones ocultas**: otros datos, otros órdenes de llegada, casos límite. Nunca miden cuánto tarda
# tu código: comparan resultados, cuentan lo que se guarda y lo que se pierde.
#
# **Dónde ocurre.** Las seis primeras tareas son Python corriente. La 7 y la 8 usan Spark, que arranca en una celda justo antes de ellas (unos segundos)
# y se para con el notebook.
# %% [markdown] lang="en"
# # Batch and stream: one model, two pipelines
#
# Eight tasks that are graded automatically and one essay. A little over four hours in all, so better in several sittings; you may do them in any order and leave some
# out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Windows that close by themselves | 6 | 40 |
# | 2. One computation to train and to serve | 6 | 30 |
# | 3. Finding the skew | 6 | 50 |
# | 4. A stream that does not end | 5 | 20 |
# | 5. Is batch enough? | 3 | 10 |
# | 6. When streaming pays | 7 | 30 |
# | 7. One definition in Spark | 5 | 20 |
# | 8. What was known at that moment | 5 | 20 |
# | 9. Essay: shall we move to streaming? | 4 | 40 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in the place of each `raise NotImplementedError`, and change neither
# the names nor the arguments. The next cells, run **in order** from the first one of the task, check part of what is asked and, when something fails, say what they expected and what they
# got. Grading adds **hidden checks**: other data, other orders of arrival, edge cases. They never measure how long your
# code takes: they compare results, and count what is kept and what is lost.
#
# **Where it happens.** The first six tasks are plain Python. Tasks 7 and 8 use Spark, which starts in a cell just before them (a few seconds)
# and stops with the notebook.

# %%
import heapq
import math
from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from mlprod import start, tr

start(LANG)

# %% [markdown] lang="es" row="17"
# ## 1. Ventanas que se cierran solas (6 puntos)
#
# Los aviones salen, y cada aeropuerto avisa cuando puede: los avisos llegan **desordenados**. Hay que sumar, por aeropuerto y por ventana fija, cuántos vuelos salieron y cuánto retraso llevaban en total,
# y emitir cada suma **exactamente una vez**, cuando ya no se espera nada más de esa ventana. Completa `Tumbling(size_s, lateness_s, sources)`, donde `size_s` es lo que dura una ventana, `lateness_s` lo que se espera a los avisos atrasados y
# `sources` la lista con los nombres de las fuentes (colas, particiones) de las que llegan los avisos. Todos los tiempos son segundos, enteros, cuentan desde un mismo cero y nunca son negativos.
#
# - Las ventanas empiezan en 0, `size_s`, `2 * size_s`… y una que empieza en `start_s` contiene los tiempos `start_s <= at_s < start_s + size_s`.
# - `event(source, airport, at_s, delay_min)` recibe un aviso: la fuente `source`, que es una de la lista, comunica que en el instante `at_s` salió de `airport` un vuelo con `delay_min` minutos de retraso (un entero). Devuelve la lista, en cualquier orden, de lo que se cierra con él: una tupla
#   `(start_s, airport, flights, total_delay_min)` por ventana y aeropuerto que tenga algún vuelo; la lista va vacía si no se cierra nada.
# - Cada fuente promete no mandar nada que sea más de `lateness_s` segundos anterior a lo más reciente que ya ha mandado. Por eso la marca de una fuente es **el mayor `at_s` que ha llegado por ella, menos `lateness_s`** (no hay marca si todavía no ha llegado nada),
#   y la **marca de agua** es la menor de las marcas de las fuentes activas. Al empezar, todas son activas. Mientras una fuente activa no tenga marca, la marca de agua no avanza. La marca de agua **nunca retrocede**.
# - Una ventana se cierra en cuanto la marca de agua alcanza su final (`start_s + size_s`, o más).
# - Un aviso es tardío si la marca de agua, **tal como estaba antes de recibirlo**, ya había alcanzado el final de su ventana. No cuenta en ninguna suma; lleva en el atributo `self.late`, que vale 0 al principio, cuántos han llegado tarde. Un aviso tardío también cuenta para la marca de su fuente y hace que esa fuente
#   esté activa. No se descarta ningún aviso por otro motivo.
# - `idle(source)` dice que esa fuente no tiene nada que mandar. Deja de ser activa hasta su próximo aviso, y devuelve lo que se cierra por ello, igual que `event`. Al volver conserva su marca. Si no queda ninguna fuente activa, la marca de agua no se mueve.
# - `finish()` dice que no va a llegar nada más: devuelve todo lo que queda por cerrar. Después no se llama a nada.
#
# Un ejemplo, con `Tumbling(60, 10, ["a", "b"])`:
#
# | llamada | marca de agua después | devuelve |
# |---|---|---|
# | `event("a", "JFK", 50, 3)` | no hay: `b` no tiene marca | `[]` |
# | `event("b", "LGA", 75, 1)` | 40, la de `a` | `[]` |
# | `event("a", "JFK", 72, 5)` | 62, la de `a` | `[(0, "JFK", 1, 3)]` |
# | `event("b", "LGA", 20, 9)` | 62; es tardío, y `late` vale 1 | `[]` |
# | `finish()` | | `[(60, "LGA", 1, 1), (60, "JFK", 1, 5)]` |
#
# Se guarda solo lo que está abierto: ni los avisos uno a uno ni las ventanas que ya se cerraron. El tiempo lo marcan los datos, no el reloj de tu ordenador.
# %% [markdown] lang="en" row="17"
# ## 1. Windows that close by themselves (6 points)
#
# Planes leave, and each airport reports when it can: reports arrive **out of order**. We need, by airport and tumbling window, how many flights left and how much delay they had in total.
# Each sum is given **exactly once**, when nothing more is expected for that window. Complete `Tumbling(size_s, lateness_s, sources)`, where `size_s` is how long a window lasts, `lateness_s` is how long to wait for late reports and
# `sources` is the list with the names of the sources (queues, partitions) that reports come from. All times are whole seconds, count from the same zero and are never negative.
#
# - Windows begin at 0, `size_s`, `2 * size_s`… and one that begins at `start_s` holds the times `start_s <= at_s < start_s + size_s`.
# - `event(source, airport, at_s, delay_min)` gets one report: the source `source`, which is one of the list, says that at instant `at_s` a flight left `airport` with a delay of `delay_min` minutes (an integer). It returns the list, in any order, of what closes because of it: one tuple
#   `(start_s, airport, flights, total_delay_min)` for each window and airport with some flight; the list is empty if nothing closes.
# - Each source promises to send nothing that is more than `lateness_s` seconds older than the newest it has sent. Hence the mark of a source is **the greatest `at_s` that has come from it, minus `lateness_s`** (there is no mark if nothing has come yet),
#   and the **watermark** is the lowest mark of the active sources. At the start, all of them are active. As long as some active source has no mark, the watermark does not advance. The watermark **never goes back**.
# - A window closes as soon as the watermark reaches its end (`start_s + size_s`, or more).
# - A report is late if the watermark, **as it was before this report**, had already reached the end of its window. It counts in no sum; keep in the attribute `self.late`, which is 0 at the beginning, how many came late. A late report still counts for the mark of its source and makes that source
#   active. No report is dropped for any other reason.
# - `idle(source)` says that this source has nothing to send. It stops being active until its next report, and the call returns what closes because of that, as `event` does. When it comes back it keeps its mark. If no active source is left, the watermark does not move.
# - `finish()` says that nothing more will come: it returns everything that is still to be closed. Nothing is called afterwards.
#
# An example, with `Tumbling(60, 10, ["a", "b"])`:
#
# | call | watermark afterwards | returns |
# |---|---|---|
# | `event("a", "JFK", 50, 3)` | none: `b` has no mark | `[]` |
# | `event("b", "LGA", 75, 1)` | 40, that of `a` | `[]` |
# | `event("a", "JFK", 72, 5)` | 62, that of `a` | `[(0, "JFK", 1, 3)]` |
# | `event("b", "LGA", 20, 9)` | 62; it is late, and `late` is 1 | `[]` |
# | `finish()` | | `[(60, "LGA", 1, 1), (60, "JFK", 1, 5)]` |
#
# Store only what is open: neither the reports one by one nor the windows that have closed. The data tell the time, not your computer's clock.

# %% answer="tumbling"
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        ### BEGIN SOLUTION
        self.size_s, self.lateness_s = size_s, lateness_s
        self.marks = dict.fromkeys(sources, -math.inf)
        self.active = set(sources)
        self.watermark = -math.inf
        self.open = {}
        self.late = 0
        ### END SOLUTION

    def event(self, source, airport, at_s, delay_min):
        ### BEGIN SOLUTION
        start_s = at_s - at_s % self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            sums = self.open.setdefault((start_s, airport), [0, 0])
            sums[0] += 1
            sums[1] += delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self._advance()
        ### END SOLUTION

    def idle(self, source):
        ### BEGIN SOLUTION
        self.active.discard(source)
        return self._advance()
        ### END SOLUTION

    def finish(self):
        ### BEGIN SOLUTION
        self.watermark = math.inf
        return self._close()

    def _advance(self):
        if self.active:
            # es: la más atrasada manda, y la marca de agua no retrocede
            # en: the one furthest behind decides, and the watermark does not go back
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self._close()

    def _close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]
        ### END SOLUTION

# %% test="tumbling/windows" points=2 row="17" objective="3.4"
import gc as _t_gc
import itertools as _t_itertools
import math as _t_math
import random as _t_random
import tracemalloc as _t_tracemalloc

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_some_flights(count, seed, airports=("JFK", "LGA", "EWR"), span_s=4000):
    chance = _t_random.Random(seed)
    times = [chance.choice([chance.randrange(span_s), 60 * chance.randrange(span_s // 60)]) for _ in range(count)]
    return [(chance.choice(airports), at_s, chance.randrange(-10, 120)) for at_s in times]


def _t_totals(flights, size_s):
    sums = {}
    for airport, at_s, delay_min in flights:
        flights_so_far, total = sums.get((at_s // size_s * size_s, airport), (0, 0))
        sums[at_s // size_s * size_s, airport] = flights_so_far + 1, total + delay_min
    return sorted(((*key, *value) for key, value in sums.items()), key=repr)
### END HIDDEN TESTS


def _t_did(windows, step):
    name, *arguments = step
    got = checks.plain(getattr(windows, name)(*arguments), tr(es=f"Lo que devuelve {name}.", en=f"What {name} returns."))
    assert isinstance(got, list) and all(isinstance(one, list) and len(one) == 4 for one in got), tr(
        es=f"{name} devuelve una lista de tuplas (start_s, airport, flights, total_delay_min), vacía si no se cierra nada; ha devuelto {got!r}.",
        en=f"{name} returns a list of tuples (start_s, airport, flights, total_delay_min), empty if nothing closes; it returned {got!r}.",
    )
    return sorted((tuple(one) for one in got), key=repr)


def _t_late(windows):
    assert hasattr(windows, "late"), tr(es="Falta el atributo late: cuántos avisos han llegado tarde, 0 al principio.", en="The attribute late is missing: how many reports came late, 0 at the beginning.")
    return checks.plain(windows.late)


def _t_shown(step):
    name, *arguments = step
    return f"{name}({', '.join(map(repr, arguments))})"


def _t_check_steps(about, size_s, lateness_s, sources, steps):
    """Each step: (call, what closes), and a number at the end: how many were late."""
    *steps, late = steps
    windows, calls = Tumbling(size_s, lateness_s, list(sources)), []
    for call, want in steps:
        got, want = _t_did(windows, call), sorted(want, key=repr)
        calls.append(_t_shown(call))
        assert got == want, tr(
            es=f"Caso: {about}\n  Tumbling({size_s}, {lateness_s}, {list(sources)}): {'; '.join(calls[-6:])}\n  la última llamada debería cerrar: {want}\n  y cierra: {got}",
            en=f"Case: {about}\n  Tumbling({size_s}, {lateness_s}, {list(sources)}): {'; '.join(calls[-6:])}\n  the last call should close: {want}\n  and it closes: {got}",
        )
    checks.same(_t_late(windows), late, tr(es=f"Caso: {about}\n  Avisos tardíos (late) tras {'; '.join(calls[-6:])}.", en=f"Case: {about}\n  Late reports (late) after {'; '.join(calls[-6:])}."), observed=True)


def _t_arrival(flights, lateness_s, seed):
    """An order of arrival in which none comes more than `lateness_s` after a newer one."""
    chance = _t_random.Random(seed)
    return sorted(flights, key=lambda flight: (flight[1] + chance.randrange(lateness_s + 1), chance.random()))


def _t_check_arrivals(flights, totals, size_s, lateness_s, seed):
    windows, closed = Tumbling(size_s, lateness_s, ["q"]), []
    for flight in _t_arrival(flights, lateness_s, seed):
        closed += _t_did(windows, ("event", "q", *flight))
    closed += _t_did(windows, ("finish",))
    seen = [one[:2] for one in closed]
    assert len(seen) == len(set(seen)), tr(
        es=f"Ventanas de {size_s} s, con {lateness_s} s de espera: hay sumas que se dan más de una vez, como la de {next(one for one in seen if seen.count(one) > 1)}. ¿Se cerró antes de tiempo?",
        en=f"Windows of {size_s} s, waiting {lateness_s} s: some sums are given more than once, like that of {next(one for one in seen if seen.count(one) > 1)}. Was it closed too early?",
    )
    checks.same(
        sorted(closed, key=repr), sorted(totals, key=repr),
        tr(
            es=f"{len(flights)} vuelos, ventanas de {size_s} s, ninguno llega con más de {lateness_s} s de desorden: el resultado no puede depender del orden de llegada. Todo lo que se ha cerrado:",
            en=f"{len(flights)} flights, windows of {size_s} s, none more than {lateness_s} s out of order: the result cannot depend on the order of arrival. Everything that was closed:",
        ), observed=True,
    )
    checks.same(_t_late(windows), 0, tr(es="Ninguno era tardío (late).", en="None was late (late)."), observed=True)


_t_check_steps(
    tr(es="La ventana de 0 a 60 se cierra cuando la marca de agua llega a 60.", en="The window from 0 to 60 closes when the watermark gets to 60."), 60, 10, "q",
    [(("event", "q", "JFK", 5, 3), []), (("event", "q", "JFK", 59, 4), []), (("event", "q", "JFK", 69, 0), []), (("event", "q", "JFK", 70, 1), [(0, "JFK", 2, 7)]), (("finish",), [(60, "JFK", 2, 1)]), 0],
)
_t_check_steps(
    tr(es="Un vuelo que sale justo en el 60 es de la ventana que empieza en 60, y de ninguna otra.", en="A flight that leaves exactly at 60 belongs to the window that begins at 60, and to no other."), 60, 0, "q",
    [(("event", "q", "JFK", 60, 5), []), (("event", "q", "LGA", 119, 7), []), (("event", "q", "JFK", 120, 1), [(60, "JFK", 1, 5), (60, "LGA", 1, 7)]), (("finish",), [(120, "JFK", 1, 1)]), 0],
)
_t_seven = [("JFK", 0, 3), ("JFK", 40, -2), ("LGA", 41, 9), ("JFK", 59, 6), ("JFK", 60, 15), ("JFK", 95, 1), ("LGA", 180, 4)]
for _t_seed in range(3):
    _t_check_arrivals(_t_seven, [(0, "JFK", 3, 7), (0, "LGA", 1, 9), (60, "JFK", 2, 16), (180, "LGA", 1, 4)], 60, 45, _t_seed)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed, (_t_size, _t_wait) in enumerate([(60, 0), (60, 59), (60, 60), (60, 200), (7, 3), (300, 30), (1, 5), (1000, 5000)]):
    _t_many = _t_some_flights(150, seed=_t_seed)
    for _t_order in range(4):
        _t_check_arrivals(_t_many, _t_totals(_t_many, _t_size), _t_size, _t_wait, _t_order)
for _t_order in _t_itertools.permutations([("JFK", 0, 1), ("JFK", 59, 2), ("JFK", 60, 4), ("LGA", 61, 8), ("JFK", 119, 16)]):
    _t_windows, _t_closed = Tumbling(60, 120, ["q"]), []
    for _t_flight in _t_order:
        _t_closed += _t_did(_t_windows, ("event", "q", *_t_flight))
    checks.same(sorted(_t_closed + _t_did(_t_windows, ("finish",)), key=repr), [(0, "JFK", 2, 3), (60, "JFK", 2, 20), (60, "LGA", 1, 8)], tr(es=f"Llegada en el orden {_t_order}.", en=f"Arrival in the order {_t_order}."), observed=True)


def _t_kept(count):
    windows = Tumbling(10, 5, ["q"])
    _t_gc.collect()
    _t_tracemalloc.start()
    for number in range(count):
        windows.event("q", f"A{number % 3}", 10 * number + number % 7, 1)
        windows.event("q", "late", 0, 1)
    _t_gc.collect()
    kept = _t_tracemalloc.get_traced_memory()[0]
    _t_tracemalloc.stop()
    return kept


_t_kept(50)
_t_few, _t_lots = _t_kept(50), _t_kept(800)
assert _t_lots < _t_few + 20_000, tr(
    es=f"Tras 50 ventanas tu objeto guarda unos {_t_few} bytes y tras 800, {_t_lots}: lo que ya se cerró (o llegó tarde) sigue ocupando sitio, y un flujo no acaba nunca.",
    en=f"After 50 windows your object keeps about {_t_few} bytes and after 800, {_t_lots}: what was closed (or came late) goes on taking up room, and a stream never ends.",
)
### END HIDDEN TESTS

# %% test="tumbling/late" points=2 row="17" objective="3.4"
### BEGIN HIDDEN TESTS
class _t_Plain:
    """What Tumbling must do, worked out from the whole history each time."""

    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.quiet, self.newest = size_s, lateness_s, set(), {source: None for source in sources}
        self.reached, self.kept, self.given, self.late = -_t_math.inf, [], set(), 0

    def _look(self):
        awake = [newest for source, newest in self.newest.items() if source not in self.quiet]
        if awake and None not in awake:
            self.reached = max(self.reached, min(awake) - self.lateness_s)
        now = [one for one in _t_totals(self.kept, self.size_s) if one[0] + self.size_s <= self.reached and one[:2] not in self.given]
        self.given |= {one[:2] for one in now}
        return now

    def event(self, source, airport, at_s, delay_min):
        if (at_s // self.size_s + 1) * self.size_s <= self.reached:
            self.late += 1
        else:
            self.kept.append((airport, at_s, delay_min))
        self.quiet.discard(source)
        self.newest[source] = at_s if self.newest[source] is None else max(at_s, self.newest[source])
        return self._look()

    def idle(self, source):
        self.quiet.add(source)
        return self._look()

    def finish(self):
        self.reached = _t_math.inf
        return self._look()


def _t_check_random(size_s, lateness_s, sources, seed, silences):
    chance, model, now, steps = _t_random.Random(seed), _t_Plain(size_s, lateness_s, sources), 0, []
    for _ in range(60):
        now += chance.randrange(2 * size_s // 3)
        if chance.random() < silences:
            steps.append(("idle", chance.choice(sources)))
        else:
            steps.append(("event", chance.choice(sources), chance.choice(["JFK", "LGA"]), max(0, now - chance.randrange(3 * lateness_s + 1)), chance.randrange(50)))
    done = [(step, getattr(model, step[0])(*step[1:])) for step in (*steps, ("finish",))]
    _t_check_steps(tr(es="Una secuencia al azar, con avisos tardíos.", en="A random sequence, with late reports."), size_s, lateness_s, sources, [*done, model.late])
### END HIDDEN TESTS

_t_check_steps(
    tr(es="Un aviso anterior a la marca de agua no es tardío mientras su ventana siga abierta.", en="A report older than the watermark is not late as long as its window is open."), 60, 10, "q",
    [(("event", "q", "JFK", 50, 1), []), (("event", "q", "JFK", 20, 2), []), (("event", "q", "JFK", 70, 4), [(0, "JFK", 2, 3)]), (("finish",), [(60, "JFK", 1, 4)]), 0],
)
_t_check_steps(
    tr(es="La ventana ya se dio: lo que llega después es tardío, no se suma y no se vuelve a dar.", en="The window was given already: what comes afterwards is late, is not added up, and it is not given again."), 60, 10, "q",
    [(("event", "q", "JFK", 50, 1), []), (("event", "q", "JFK", 75, 2), [(0, "JFK", 1, 1)]), (("event", "q", "JFK", 59, 4), []), (("event", "q", "JFK", 74, 8), []), (("finish",), [(60, "JFK", 2, 10)]), 1],
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_steps(
    tr(es="Un aeropuerto que no había mandado nada también llega tarde a una ventana cerrada.", en="An airport that had sent nothing is late for a closed window too."), 60, 0, "q",
    [(("event", "q", "JFK", 200, 1), []), (("event", "q", "LGA", 119, 2), []), (("event", "q", "LGA", 179, 2), []), (("event", "q", "LGA", 180, 2), []), (("finish",), [(180, "JFK", 1, 1), (180, "LGA", 1, 2)]), 2],
)


for _t_seed in range(60):
    _t_check_random([60, 10][_t_seed % 2], [0, 20, 100][_t_seed % 3], ["q"], _t_seed, 0)
### END HIDDEN TESTS

# %% test="tumbling/sources" points=2 row="17" objective="3.4"
_t_check_steps(
    tr(es="Dos fuentes: manda la que va más atrasada.", en="Two sources: the one furthest behind decides."), 60, 0, "ab",
    [(("event", "a", "JFK", 100, 1), []), (("event", "b", "LGA", 10, 2), []), (("event", "b", "LGA", 50, 4), []), (("event", "b", "LGA", 60, 8), [(0, "LGA", 2, 6)]), (("finish",), [(60, "JFK", 1, 1), (60, "LGA", 1, 8)]), 0],
)
_t_check_steps(
    tr(es="La fuente b no tiene nada que mandar: que no pare a las demás.", en="Source b has nothing to send: it must not hold the others up."), 60, 0, "ab",
    [(("event", "a", "JFK", 10, 1), []), (("event", "a", "JFK", 130, 2), []), (("idle", "b"), [(0, "JFK", 1, 1)]), (("event", "a", "JFK", 180, 4), [(120, "JFK", 1, 2)]), (("finish",), [(180, "JFK", 1, 4)]), 0],
)
_t_check_steps(
    tr(es="La fuente b vuelve, con un aviso tardío: desde entonces cuenta otra vez, y la marca de agua no retrocede.", en="Source b comes back, with a late report: from then on it counts again, and the watermark does not go back."), 60, 0, "ab",
    [(("event", "a", "JFK", 10, 1), []), (("event", "a", "JFK", 70, 2), []), (("idle", "b"), [(0, "JFK", 1, 1)]), (("event", "b", "LGA", 30, 4), []), (("event", "b", "LGA", 40, 5), []), (("event", "a", "JFK", 200, 3), []),
     (("event", "b", "LGA", 120, 8), [(60, "JFK", 1, 2)]), (("finish",), [(120, "LGA", 1, 8), (180, "JFK", 1, 3)]), 2],
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_steps(
    tr(es="Una fuente vuelve, muy atrasada: lo cerrado sigue cerrado, y la marca de agua no retrocede.", en="A source comes back, far behind: what was closed stays closed, and the watermark does not go back."), 60, 0, "ab",
    [(("idle", "b"), []), (("event", "a", "JFK", 130, 2), []), (("event", "b", "LGA", 10, 4), []), (("event", "b", "LGA", 30, 4), []), (("event", "b", "LGA", 121, 8), []), (("event", "a", "JFK", 500, 1), []), (("event", "b", "LGA", 181, 1), [(120, "JFK", 1, 2), (120, "LGA", 1, 8)]),
     (("finish",), [(180, "LGA", 1, 1), (480, "JFK", 1, 1)]), 2],
)
_t_check_steps(
    tr(es="Si todas callan, la marca de agua se queda donde está.", en="If all are silent, the watermark stays where it is."), 60, 0, "ab",
    [(("event", "a", "JFK", 100, 2), []), (("event", "b", "JFK", 30, 1), []), (("idle", "a"), []), (("idle", "b"), []), (("event", "b", "LGA", 40, 3), []), (("finish",), [(0, "JFK", 1, 1), (0, "LGA", 1, 3), (60, "JFK", 1, 2)]), 0],
)
for _t_seed in range(80):
    _t_check_random([60, 10][_t_seed % 2], [0, 20, 100][_t_seed % 3], ["a", "b", "c"][: 2 + _t_seed % 2], 1000 + _t_seed, [0.05, 0.2][_t_seed % 2])
### END HIDDEN TESTS

# %% wrong="tumbling" score=0 says_es="debería cerrar" says_en="should close"
# es: La ventana se cierra cuando llega el primer aviso de la siguiente: manda el orden de llegada.
# en: The window closes when the first report of the next one comes: the order of arrival decides.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(mark + self.lateness_s for mark in self.marks.values())
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=0 says_es="y de ninguna otra" says_en="and to no other"
# es: Los dos extremos son de la ventana: el 60 cuenta en la de 0 y en la de 60.
# en: Both ends belong to the window: 60 counts in the one from 0 and in the one from 60.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
            if at_s == start_s and start_s - self.size_s >= 0 and start_s > self.watermark:
                flights, total = self.open.get((start_s - self.size_s, airport), (0, 0))
                self.open[start_s - self.size_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=2 says_es="mientras su ventana siga abierta" says_en="as long as its window is open"
# es: Lo que llega por detrás de la marca de agua es tardío.
# en: Whatever comes behind the watermark is late.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if at_s < self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=0 says_es="mientras su ventana siga abierta" says_en="as long as its window is open"
# es: Lo que llega desordenado, por detrás de lo último, es tardío.
# en: Whatever comes out of order, behind the latest, is late.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if at_s < self.marks[source] + self.lateness_s:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=4 says_es="más atrasada" says_en="furthest behind"
# es: La marca de agua es la de la fuente más adelantada: es la que sabe qué hora es.
# en: The watermark is that of the source furthest ahead: it knows what time it is.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, max(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=4 says_es="que no pare a las demás" says_en="must not hold the others up"
# es: Una fuente callada sigue contando: ya mandará algo.
# en: A silent source goes on counting: it will send something some day.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=2 says_es="no se vuelve a dar" says_en="it is not given again"
# es: Lo tardío se suma igual, y la ventana se vuelve a dar con el aviso nuevo.
# en: What is late is added all the same, and the window is given again with the new report.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        flights, total = self.open.get((start_s, airport), (0, 0))
        self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=4 says_es="sigue ocupando sitio" says_en="goes on taking up room"
# es: Las ventanas ya dadas se apuntan para no repetirlas, y no se borra nada.
# en: Windows that were given are noted down so as not to repeat them, and nothing is deleted.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        self.given = getattr(self, "given", set())
        new = [key for key in done if key not in self.given]
        self.given.update(new)
        return [(*key, *self.open[key]) for key in new]

# %% wrong="tumbling" score=4 says_es="no retrocede" says_en="does not go back"
# es: Cuando una fuente vuelve, la marca de agua vuelve atrás con ella.
# en: When a source comes back, the watermark goes back with it.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = min(self.marks[source] for source in self.active)
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s <= self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% wrong="tumbling" score=0 says_es="llega a 60" says_en="gets to 60"
# es: La ventana se cierra cuando la marca de agua pasa de su final.
# en: The window closes when the watermark goes beyond its end.
class Tumbling:
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.watermark, self.late = size_s, lateness_s, -math.inf, 0
        self.marks, self.active, self.open = {source: -math.inf for source in sources}, set(sources), {}

    def event(self, source, airport, at_s, delay_min):
        start_s = at_s // self.size_s * self.size_s
        if start_s + self.size_s <= self.watermark:
            self.late += 1
        else:
            flights, total = self.open.get((start_s, airport), (0, 0))
            self.open[start_s, airport] = flights + 1, total + delay_min
        self.active.add(source)
        self.marks[source] = max(self.marks[source], at_s - self.lateness_s)
        return self.advance()

    def idle(self, source):
        self.active.discard(source)
        return self.advance()

    def finish(self):
        self.watermark = math.inf
        return self.close()

    def advance(self):
        if self.active:
            self.watermark = max(self.watermark, min(self.marks[source] for source in self.active))
        return self.close()

    def close(self):
        done = [key for key in self.open if key[0] + self.size_s < self.watermark]
        return [(*key, *self.open.pop(key)) for key in done]

# %% right="tumbling"
class Tumbling:
    # es: un montón con los finales de las ventanas abiertas, y la marca de cada fuente en un diccionario
    # en: a heap with the ends of the open windows, and the mark of each source in a dict
    def __init__(self, size_s, lateness_s, sources):
        self.size_s, self.lateness_s, self.late, self.closed_until = size_s, lateness_s, 0, 0
        self.newest = {source: None for source in sources}
        self.silent, self.ends, self.sums = set(), [], defaultdict(dict)

    def event(self, source, airport, at_s, delay_min):
        end_s = (at_s // self.size_s + 1) * self.size_s
        if end_s > self.closed_until:
            if end_s not in self.sums:
                heapq.heappush(self.ends, end_s)
            sums = self.sums[end_s].setdefault(airport, {"flights": 0, "total": 0})
            sums["flights"] += 1
            sums["total"] += delay_min
        else:
            self.late += 1
        self.silent -= {source}
        if self.newest[source] is None or at_s > self.newest[source]:
            self.newest[source] = at_s
        return self.look()

    def idle(self, source):
        self.silent |= {source}
        return self.look()

    def look(self):
        awake = [newest for source, newest in self.newest.items() if source not in self.silent]
        if not awake or None in awake:
            return ()
        return self.until(min(awake) - self.lateness_s)

    def until(self, watermark):
        self.closed_until, given = max(self.closed_until, watermark), []
        while self.ends and self.ends[0] <= self.closed_until:
            end_s = heapq.heappop(self.ends)
            for airport, sums in self.sums.pop(end_s).items():
                given.append([end_s - self.size_s, airport, sums["flights"], sums["total"]])
        return given

    def finish(self):
        return self.until(float("inf"))

# %% right="tumbling"
class Tumbling:
    # es: con numpy y ventanas numeradas; lo que se cierra va del más nuevo al más viejo
    # en: with numpy, windows by number; what closes is given from the newest to the oldest
    def __init__(self, size_s, lateness_s, sources):
        import numpy

        self.np = numpy
        self.size, self.wait, self.names = size_s, lateness_s, list(sources)
        self.newest = numpy.full(len(sources), -numpy.inf)
        self.on = numpy.ones(len(sources), dtype=bool)
        self.first_open, self.windows, self.dropped = 0, {}, 0

    @property
    def late(self):
        return self.dropped

    def event(self, source, airport, at_s, delay_min):
        window, place = divmod(at_s, self.size)[0], self.names.index(source)
        if window < self.first_open:
            self.dropped += 1
        else:
            sums = self.windows.setdefault(window, {}).setdefault(airport, self.np.zeros(2, dtype=int))
            sums += [1, delay_min]
        self.newest[place], self.on[place] = max(self.newest[place], at_s), True
        return self._pass()

    def idle(self, source):
        self.on[self.names.index(source)] = False
        return self._pass()

    def _pass(self, everything=False):
        if everything:
            self.first_open = max([*self.windows, 0]) + 1
        elif self.on.any() and self.np.isfinite(low := self.newest[self.on].min()):
            self.first_open = max(self.first_open, int((low - self.wait) // self.size))
        gone = sorted((one for one in self.windows if one < self.first_open), reverse=True)
        return [(one * self.size, airport, *sums.tolist()) for one in gone for airport, sums in self.windows.pop(one).items()]

    def finish(self):
        return self._pass(everything=True)

# %% [markdown] lang="es" row="20"
# ## 2. Un solo cálculo para entrenar y para servir (6 puntos)
#
# El modelo que predice retrasos usa, en el momento de cada salida, tres características de su aeropuerto. Para servir, se calculan según llegan las salidas; para entrenar, sobre el historial. En lugar de dos programas que deberían
# dar lo mismo, escribe **uno**: un estado y una función que lo actualiza con cada salida. Una salida es `{"id": "f12", "airport": "JFK", "at_s": 1362898500, "delay_min": 12}`: `at_s` son segundos desde 1970 (UTC) y tanto él como
# `delay_min` son enteros. `ZONES` dice en qué zona horaria está cada aeropuerto.
#
# - `initial()` devuelve el estado inicial, cuando aún no ha salido ningún avión: uno nuevo en cada llamada.
# - `update(state, event)` devuelve un par: el estado nuevo (puede ser el mismo objeto, modificado) y las características de esa salida, un diccionario:
#     - `"last_hour"`: cuántos vuelos han salido de **ese aeropuerto** en los últimos 3600 segundos, es decir, aquellos cuyo tiempo `t` cumple `at_s - 3600 < t <= at_s`, incluido este;
#     - `"mean_delay"`: la media de `delay_min` de esos mismos vuelos;
#     - `"today"`: cuántos han salido de ese aeropuerto, contando este, en el día en curso **según el calendario del aeropuerto**. Los días en que cambia la hora duran 23 o 25 horas.
# - `training_rows(events)` recibe una lista de salidas, en **cualquier orden**, y devuelve un diccionario que asocia a cada `id` las características que `update` habría dado cuando ocurrió esa salida. Usa `update`.
#
# A `update` las salidas de un mismo aeropuerto le llegan ordenadas por `at_s`, y nunca hay dos en el mismo segundo. Las de aeropuertos distintos se mezclan de cualquier manera: la siguiente salida de otro aeropuerto puede ser de horas antes. Además hay varios procesos a la
# vez, cada uno con su propio estado: no guardes nada fuera de él.
#
# El estado se guarda cada cierto tiempo en un **punto de control**, como JSON. Tras una caída, otro proceso sigue desde `json.loads(json.dumps(state))` y vuelve a recibir las salidas desde allí: tiene que dar lo mismo. El estado contiene todo lo que hace
# falta y no crece con el tiempo: de cada aeropuerto, lo de la hora anterior a su última salida y unos pocos valores.
# %% [markdown] lang="en" row="20"
# ## 2. One computation to train and to serve (6 points)
#
# The model that predicts delays uses, at the moment of each departure, three features of its airport. To serve, they are computed as departures arrive; to train, over the history. Instead of two programs that ought
# to give the same, write **one**: a state, and a function that updates it with each departure. A departure is `{"id": "f12", "airport": "JFK", "at_s": 1362898500, "delay_min": 12}`: `at_s` is seconds since 1970 (UTC), and both it and
# `delay_min` are integers. `ZONES` says in which time zone each airport is.
#
# - `initial()` returns the first state, when no plane has left yet: a new one in each call.
# - `update(state, event)` returns a pair: the new state (it may be the same object, modified) and the features of that departure, a dict:
#     - `"last_hour"`: how many flights have left **that airport** in the last 3600 seconds, that is, those whose time `t` has `at_s - 3600 < t <= at_s`, this one included;
#     - `"mean_delay"`: the mean `delay_min` of those same flights;
#     - `"today"`: how many have left that airport, counting this one, on the current day **by the airport's calendar**. The days on which the clocks change have 23 or 25 hours.
# - `training_rows(events)` gets a list of departures, in **any order**, and returns a dict that gives for each `id` the features that `update` would have given when that departure happened. Use `update`.
#
# Departures of one airport reach `update` in order of `at_s`, and no two of them in the same second. Those of different airports are interleaved in any way: the next departure may be of another airport and hours earlier. Also, several processes run at
# once, each with its own state: keep nothing outside it.
#
# From time to time the state is stored in a **checkpoint**, as JSON. After a crash, another process goes on from `json.loads(json.dumps(state))` and receives the departures from there on again: it must give the same. The state holds all that is
# needed and does not grow with time: of each airport, what belongs to the hour before its last departure and a handful of values.

# %%
ZONES = {
    "JFK": "America/New_York",
    "ORD": "America/Chicago",
    "PHX": "America/Phoenix",
    "MAD": "Europe/Madrid",
}

# %% answer="fold"
def initial():
    ### BEGIN SOLUTION
    return {}
    ### END SOLUTION


def update(state, event):
    ### BEGIN SOLUTION
    airport, at_s = event["airport"], event["at_s"]
    mine = state.setdefault(airport, {"recent": [], "day": None, "today": 0})
    mine["recent"] = [one for one in mine["recent"] if one[0] > at_s - 3600] + [[at_s, event["delay_min"]]]
    # es: la zona del aeropuerto, con sus cambios de hora; nunca la de este ordenador
    # en: the airport's zone, with its clock changes; never that of this computer
    day = datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date().isoformat()
    mine["today"] = mine["today"] + 1 if day == mine["day"] else 1
    mine["day"] = day
    delays = [delay_min for _, delay_min in mine["recent"]]
    features = {
        "last_hour": len(delays),
        "mean_delay": sum(delays) / len(delays),
        "today": mine["today"],
    }
    return state, features
    ### END SOLUTION


def training_rows(events):
    ### BEGIN SOLUTION
    state, rows = initial(), {}
    for event in sorted(events, key=lambda event: event["at_s"]):
        state, rows[event["id"]] = update(state, event)
    return rows
    ### END SOLUTION

# %% test="fold/features" points=2 row="20" objective="3.7"
import json as _t_json
import random as _t_random
from datetime import datetime as _t_datetime, timedelta as _t_timedelta
from zoneinfo import ZoneInfo as _t_ZoneInfo

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_fold_wanted(events):
    """By looking at everything each time, with no state: (last_hour, mean_delay, today) of each departure."""
    rows = []
    for event in events:
        zone, at_s = _t_ZoneInfo(ZONES[event["airport"]]), event["at_s"]
        before = [one for one in events if one["airport"] == event["airport"] and one["at_s"] <= at_s]
        recent = [one["delay_min"] for one in before if one["at_s"] > at_s - 3600]
        day = _t_datetime.fromtimestamp(at_s, zone).date()
        rows.append((len(recent), sum(recent) / len(recent), sum(_t_datetime.fromtimestamp(one["at_s"], zone).date() == day for one in before)))
    return rows
### END HIDDEN TESTS


def _t_at(airport, text):
    return int(_t_datetime.fromisoformat(text).replace(tzinfo=_t_ZoneInfo(ZONES[airport])).timestamp())


def _t_fold_events(airport, *times_and_delays):
    return [{"id": f"{airport}-{number}", "airport": airport, "at_s": at_s, "delay_min": delay} for number, (at_s, delay) in enumerate(times_and_delays)]


def _t_call(state, event):
    got = update(state, dict(event))
    assert isinstance(got, (tuple, list)) and len(got) == 2, tr(
        es=f"update devuelve un par, el estado nuevo y las características; ha devuelto {got!r}.", en=f"update returns a pair, the new state and the features; it returned {got!r}."
    )
    features = checks.plain(got[1], tr(es="Las características de una salida.", en="The features of a departure."))
    assert isinstance(features, dict) and set(features) == {"last_hour", "mean_delay", "today"}, tr(
        es=f'Las características son un diccionario con "last_hour", "mean_delay" y "today"; has devuelto {features!r}.', en=f'The features are a dict with "last_hour", "mean_delay" and "today"; you returned {features!r}.'
    )
    return got[0], features


def _t_fold_streamed(events, state=None):
    state, given = initial() if state is None else state, {}
    for event in events:
        state, given[event["id"]] = _t_call(state, event)
    return given


def _t_fold_compare(events, given, wanted, about):
    """`wanted`: (last_hour, mean_delay, today) of each departure."""
    for event, (last_hour, mean_delay, today) in zip(events, wanted, strict=True):
        local = _t_datetime.fromtimestamp(event["at_s"], _t_ZoneInfo(ZONES[event["airport"]])).replace(tzinfo=None)
        assert event["id"] in given, tr(es=f"Caso: {about}\n  Falta {event['id']}.", en=f"Case: {about}\n  {event['id']} is missing.")
        checks.same(
            given[event["id"]], {"last_hour": last_hour, "mean_delay": mean_delay, "today": today},
            tr(
                es=f"Caso: {about}\n  Salida {event['id']}, en {event['airport']}, el {local:%Y-%m-%d} a las {local:%H:%M:%S} (hora local).",
                en=f"Case: {about}\n  Departure {event['id']}, at {event['airport']}, on {local:%Y-%m-%d} at {local:%H:%M:%S} (local time).",
            ), tolerance=1e-6,
        )


def _t_check_stream(events, wanted, about):
    _t_fold_compare(events, _t_fold_streamed(events), wanted, about)


_t_fold_noon = _t_at("JFK", "2013-07-01 12:00")
_t_check_stream(
    _t_fold_events("JFK", (_t_fold_noon, 10), (_t_fold_noon + 60, 40), (_t_fold_noon + 3599, 1), (_t_fold_noon + 3600, 3), (_t_fold_noon + 3660, 8), (_t_fold_noon + 9000, 5)),
    [(1, 10, 1), (2, 25, 2), (3, 17, 3), (3, 44 / 3, 4), (3, 4, 5), (1, 5, 6)],
    tr(es="Un aeropuerto. La ventana es de una hora, no de un número de vuelos, y lo que salió hace justo 3600 s ya no cuenta.", en="One airport. The window is one hour, not a number of flights, and what left exactly 3600 s ago no longer counts."),
)
_t_check_stream(
    [one for pair in zip(_t_fold_events("JFK", *[(_t_fold_noon + 120 * n, 10) for n in range(5)]), _t_fold_events("MAD", *[(_t_fold_noon - 9000 + 60 * n, 50) for n in range(5)]), strict=True) for one in pair],
    [(1, 10, 1), (1, 50, 1), (2, 10, 2), (2, 50, 2), (3, 10, 3), (3, 50, 3), (4, 10, 4), (4, 50, 4), (5, 10, 5), (5, 50, 5)],
    tr(es="Dos aeropuertos mezclados: el estado de uno no es el del otro.", en="Two airports mixed: the state of one is not that of the other."),
)
_t_check_stream(
    _t_fold_events("JFK", *[(_t_at("JFK", f"2013-07-{day} {time}"), 7) for day, time in [("01", "18:30"), ("01", "19:30"), ("01", "20:30"), ("01", "23:59"), ("02", "00:00"), ("02", "00:01")]]),
    [(1, 7, 1), (1, 7, 2), (1, 7, 3), (1, 7, 4), (2, 7, 1), (3, 7, 2)],
    tr(es="El día empieza a medianoche en el aeropuerto, no en Greenwich.", en="The day begins at midnight at the airport, not at Greenwich."),
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_airport, _t_day in [("JFK", "2013-11-03"), ("JFK", "2013-03-10"), ("ORD", "2013-11-03"), ("MAD", "2013-10-27"), ("MAD", "2013-03-31"), ("PHX", "2013-03-10"), ("PHX", "2013-11-03"), ("MAD", "2013-03-10")]:
    _t_start = _t_at(_t_airport, f"{_t_day} 00:00")
    _t_quarters = _t_fold_events(_t_airport, *[(_t_start + 900 * n, n % 23) for n in range(-8, 4 * 27)])
    _t_check_stream(
        _t_quarters, _t_fold_wanted(_t_quarters),
        tr(es="Un día en que cambia la hora en algún sitio: una hora son 3600 s, y el día acaba a medianoche de allí.", en="A day when the clocks change somewhere: an hour is 3600 s, and the day ends at midnight there."),
    )
for _t_seed in range(12):
    _t_chance = _t_random.Random(_t_seed)
    _t_lines = [_t_fold_events(airport, *sorted({(_t_fold_noon + _t_chance.randrange(90_000)): _t_chance.randrange(-15, 200) for _ in range(25)}.items())) for airport in ZONES]
    _t_mixed = []
    while any(_t_lines):
        _t_mixed.append(_t_chance.choice([line for line in _t_lines if line]).pop(0))
    _t_check_stream(_t_mixed, _t_fold_wanted(_t_mixed), tr(es="Cuatro aeropuertos, mezclados al azar.", en="Four airports, mixed at random."))
### END HIDDEN TESTS

# %% test="fold/checkpoint" points=2 row="20" objective="3.7"
def _t_fold_saved(state):
    try:
        return _t_json.loads(_t_json.dumps(state))
    except TypeError as error:
        raise AssertionError(tr(es=f"El estado no se puede escribir en JSON ({error}): no hay punto de control, y una caída lo pierde todo.", en=f"The state cannot be written as JSON ({error}): there is no checkpoint, and a crash loses everything.")) from None


def _t_check_restart(events, wanted, crash, about):
    """Stream up to `crash`, save; go on; then another process does the same from what was saved."""
    state = initial()
    for event in events[:crash]:
        state, _ = _t_call(state, event)
    stored = _t_fold_saved(state)
    for run in (1, 2):
        given = _t_fold_streamed(events[crash:], _t_json.loads(_t_json.dumps(stored)))
        _t_fold_compare(
            events[crash:], given, wanted[crash:],
            tr(es=f"{about} Se cae después de {crash} salidas y sigue desde el punto de control (intento {run}).", en=f"{about} It crashes after {crash} departures and goes on from the checkpoint (attempt {run})."),
        )


_t_fold_pairs = [(_t_fold_noon + 700 * n, 5 * n) for n in range(9)]
_t_nine = [(1, 0, 1), (2, 2.5, 2), (3, 5, 3), (4, 7.5, 4), (5, 10, 5), (6, 12.5, 6), (6, 17.5, 7), (6, 22.5, 8), (6, 27.5, 9)]
for _t_crash in (0, 4):
    _t_check_restart(_t_fold_events("JFK", *_t_fold_pairs), _t_nine, _t_crash, tr(es="Un aeropuerto.", en="One airport."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_mixed = [one for pair in zip(_t_fold_events("JFK", *_t_fold_pairs), _t_fold_events("PHX", *_t_fold_pairs), _t_fold_events("MAD", *[(at_s - 4000, 3) for at_s, _ in _t_fold_pairs]), strict=True) for one in pair]
for _t_crash in range(len(_t_mixed)):
    _t_check_restart(_t_mixed, _t_fold_wanted(_t_mixed), _t_crash, tr(es="Tres aeropuertos.", en="Three airports."))
_t_night = _t_fold_events("JFK", *[(_t_at("JFK", "2013-07-01 23:00") + 600 * n, n) for n in range(12)])
_t_check_restart(_t_night, _t_fold_wanted(_t_night), 5, tr(es="A medianoche.", en="At midnight."))

_t_one, _t_other = initial(), initial()
for _t_event, _t_far, (_t_hour, _t_mean, _t_today) in zip(_t_fold_events("JFK", *_t_fold_pairs), _t_fold_events("JFK", *[(at_s + 10, 100) for at_s, _ in _t_fold_pairs]), _t_nine, strict=True):
    _t_one, _t_got = _t_call(_t_one, _t_event)
    _t_other, _ = _t_call(_t_other, _t_far)
    checks.same(_t_got, {"last_hour": _t_hour, "mean_delay": _t_mean, "today": _t_today}, tr(es="Dos procesos, cada uno con su estado: no se mezclan.", en="Two processes, each with its own state: they do not mix."), tolerance=1e-6)


def _t_stored_after(count):
    state = initial()
    for event in _t_fold_events("JFK", *[(_t_fold_noon + 300 * n, n % 40) for n in range(count)]):
        state, _ = _t_call(state, event)
    return len(_t_json.dumps(state))


_t_few, _t_lots = _t_stored_after(300), _t_stored_after(3000)
assert _t_lots < _t_few + 2000, tr(
    es=f"El punto de control ocupa {_t_few} caracteres tras 300 salidas, y {_t_lots} tras 3000 al mismo ritmo: se está guardando la historia entera.",
    en=f"The checkpoint takes {_t_few} characters after 300 departures, and {_t_lots} after 3000 at the same pace: all of history is being stored.",
)
### END HIDDEN TESTS

# %% test="fold/replay" points=2 row="20" objective="3.7"
def _t_check_rows(events, wanted, seed, about):
    shuffled = _t_random.Random(seed).sample(events, len(events))
    got = checks.plain(training_rows([dict(event) for event in shuffled]), tr(es="Lo que devuelve training_rows.", en="What training_rows returns."))
    assert isinstance(got, dict) and set(got) == {event["id"] for event in events}, tr(
        es=f"{about}\n  training_rows devuelve un diccionario con una entrada por id; ha devuelto {str(got)[:200]}", en=f"{about}\n  training_rows returns a dict with an entry per id; it returned {str(got)[:200]}"
    )
    _t_fold_compare(events, got, wanted, about)
    checks.same(got, _t_fold_streamed(events), tr(es=f"{about}\n  Lo que se calcula para entrenar y lo que se sirvió.", en=f"{about}\n  What is computed to train, and what was served."), tolerance=1e-6)


_t_check_rows(_t_fold_events("JFK", *_t_fold_pairs), _t_nine, 3, tr(es="Un aeropuerto, en desorden: nadie sabía aún lo que pasó después de cada salida.", en="One airport, in disorder: nobody knew yet what happened after each departure."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(12):
    _t_chance, _t_events = _t_random.Random(_t_seed), []
    for _t_airport in list(ZONES)[: 1 + _t_seed % 4]:
        _t_begin = _t_at(_t_airport, ["2013-03-09 12:00", "2013-11-02 12:00", "2013-07-01 00:00"][_t_seed % 3])
        _t_events += _t_fold_events(_t_airport, *sorted({(_t_begin + _t_chance.randrange(100_000)): _t_chance.randrange(-15, 200) for _ in range(40)}.items()))
    _t_check_rows(_t_events, _t_fold_wanted(_t_events), _t_seed, tr(es="Historial al azar.", en="A random history."))
checks.same(training_rows([]), {}, tr(es="Sin historial.", en="With no history."))
### END HIDDEN TESTS

# %% wrong="fold" score=0 says_es="no de un número de vuelos" says_en="not a number of flights"
# es: La última hora son los últimos vuelos: con cinco basta.
# en: The last hour is the last few flights: five will do.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while len(mine["times"]) > 5:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=2 says_es="ya no cuenta" says_en="no longer counts"
# es: Hace justo una hora todavía es la última hora.
# en: Exactly one hour ago is still the last hour.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] < at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=0 says_es="el estado de uno no es el del otro" says_en="the state of one is not that of the other"
# es: Un solo estado para todos los aeropuertos.
# en: A single state for all airports.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get("all", {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state["all"] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=0 says_es="no en Greenwich" says_en="not at Greenwich"
# es: Los días son de 86 400 segundos, y empiezan en UTC.
# en: Days are 86,400 seconds, and begin in UTC.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = at_s // 86400
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=2 says_es="cambia la hora" says_en="clocks change"
# es: Cada aeropuerto tiene una diferencia fija con UTC.
# en: Each airport has a fixed offset from UTC.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    hours = {"JFK": -4, "ORD": -5, "PHX": -7, "MAD": 2}[airport]
    day = str(datetime.fromtimestamp(at_s, timezone(timedelta(hours=hours))).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=2 says_es="una hora son 3600 s" says_en="an hour is 3600 s"
# es: La hora local sirve para restar: la ventana se lleva con fechas sin zona.
# en: Local time will do for subtractions: the window is kept with dates without a zone.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    local = datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).replace(tzinfo=None)
    mine["times"].append(local.isoformat())
    mine["delays"].append(event["delay_min"])
    while datetime.fromisoformat(mine["times"][0]) <= local - timedelta(hours=1):
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=4 says_es="no se puede escribir en JSON" says_en="cannot be written as JSON"
# es: Lo reciente va en una deque, y el día, en un date: el estado ya se guardará.
# en: The recent ones go in a deque and the day in a date: the state will be stored somehow.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": deque(), "delays": deque(), "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=4 says_es="la historia entera" says_en="all of history"
# es: Los contadores del día van en un diccionario por fecha, y ninguno estorba.
# en: The counters of the day go in a dict by date, and none is in the way.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "days": {}})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["days"][day] = mine["days"].get(day, []) + [at_s]
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": len(mine["days"][day])}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=4 says_es="punto de control" says_en="from the checkpoint"
# es: El estado vive en una variable del módulo: el que se pasa sobra.
# en: The state lives in a variable of the module: the one passed in is not needed.
memory = {}


def initial():
    memory.clear()
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = memory.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    memory[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: (one["airport"], one["at_s"])):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% wrong="fold" score=4 says_es="nadie sabía aún" says_en="nobody knew yet"
# es: Para entrenar se tiene el día entero: se cuenta con todos los vuelos de la hora y del día, también los posteriores.
# en: To train one has the whole day: all the flights of the hour and of the day count, later ones too.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    rows = {}
    for event in events:
        same = [one for one in events if one["airport"] == event["airport"]]
        delays = [one["delay_min"] for one in same if abs(one["at_s"] - event["at_s"]) < 3600]
        day = event["at_s"] // 86400
        today = sum(one["at_s"] // 86400 == day for one in same)
        rows[event["id"]] = {"last_hour": len(delays), "mean_delay": sum(delays) / len(delays), "today": today}
    return rows

# %% wrong="fold" score=4 says_es="en desorden" says_en="in disorder"
# es: El historial ya viene en orden.
# en: History comes in order already.
def initial():
    return {}


def update(state, event):
    airport, at_s = event["airport"], event["at_s"]
    mine = state.get(airport, {"times": [], "delays": [], "day": "", "today": 0})
    mine["times"].append(at_s)
    mine["delays"].append(event["delay_min"])
    while mine["times"][0] <= at_s - 3600:
        del mine["times"][0], mine["delays"][0]
    day = str(datetime.fromtimestamp(at_s, ZoneInfo(ZONES[airport])).date())
    mine["today"] = 1 + (mine["today"] if mine["day"] == day else 0)
    mine["day"] = day
    state[airport] = mine
    mean = sum(mine["delays"]) / len(mine["delays"])
    return state, {"last_hour": len(mine["delays"]), "mean_delay": mean, "today": mine["today"]}


def training_rows(events):
    state, rows = initial(), {}
    for event in events:
        state, rows[event["id"]] = update(state, event)
    return rows

# %% right="fold"
def initial():
    # es: por aeropuerto, una lista plana: día, cuenta del día, y luego tiempo y retraso de cada salida reciente
    # en: for each airport, a flat list: day, count of the day, and then time and delay of each recent departure
    return {"by_airport": {}, "seen": 0}


def update(state, event):
    key, now = event["airport"], event["at_s"]
    day, count, *recent = state["by_airport"].get(key, [0, 0])
    today = datetime.fromtimestamp(now, tz=UTC).astimezone(ZoneInfo(ZONES[key])).toordinal()
    recent = [*recent, now, event["delay_min"]]
    while recent[0] + 3600 <= now:
        recent = recent[2:]
    count = count + 1 if today == day else 1
    new = {"by_airport": {**state["by_airport"], key: [today, count, *recent]}, "seen": state["seen"] + 1}
    delays = recent[1::2]
    return new, dict(last_hour=len(delays), mean_delay=sum(delays) / len(delays), today=count)


def training_rows(events):
    rows = {}
    for airport in {event["airport"] for event in events}:
        state = initial()
        for event in sorted((one for one in events if one["airport"] == airport), key=lambda one: one["at_s"]):
            state, features = update(state, event)
            rows[event["id"]] = features
    return rows

# %% right="fold"
def initial():
    return [{}, {}]


def update(state, event):
    # es: con numpy y pandas, y el total de la hora llevado al día
    # en: with numpy and pandas, and the hour's total kept up to date
    import numpy
    import pandas

    hours, days = state
    at, airport = event["at_s"], event["airport"]
    kept = hours.setdefault(airport, {"at": [], "delay": [], "total": 0})
    kept["at"].append(at)
    kept["delay"].append(event["delay_min"])
    kept["total"] += event["delay_min"]
    while at - kept["at"][0] >= 3600:
        kept["at"].pop(0)
        kept["total"] -= kept["delay"].pop(0)
    date = pandas.Timestamp(at, unit="s", tz="UTC").tz_convert(ZONES[airport]).strftime("%Y-%m-%d")
    before = days.get(airport, [date, 0])
    days[airport] = [date, before[1] + 1 if before[0] == date else 1]
    count = numpy.int64(len(kept["at"]))
    return [hours, days], {"last_hour": count, "mean_delay": numpy.float64(kept["total"]) / count, "today": days[airport][1]}


def training_rows(events):
    state, rows = initial(), {}
    for event in sorted(events, key=lambda one: one["at_s"]):
        state, rows[event["id"]] = update(state, event)
    return rows

# %% [markdown] lang="es" row="19"
# ## 3. Encontrar el desajuste (6 puntos)
#
# El modelo se entrenó con lo que calcula `training_features`, que está en la celda siguiente. En producción lo calcula otro programa, que escribió otro equipo. El modelo es el mismo archivo; las características, quizá no. Escribe la **prueba de paridad** que lo
# averigua. Una canalización (*pipeline*) es una función `pipeline(events, airport, at_s)` que devuelve `{"flights": …, "mean_delay": …, "hour": …}` para una predicción de ese aeropuerto en ese instante. Un evento es una salida
# `{"airport": "JFK", "at_s": …, "known_s": …, "delay_min": …}`: salió en `at_s`, lo supimos en `known_s` (igual o posterior) y su retraso es un entero, o `None` si no se sabe. La hora es la de Nueva York, sea cual sea el aeropuerto.
#
# **a)** `differ(one, other)` dice (`True` o `False`) si dos resultados son distintos: si no tienen las mismas claves, o si los valores de alguna lo son. Dos números son iguales si difieren en $10^{-6}$ o menos (`3` y `3.0` lo son; nada se prueba justo en el límite). `None` y `NaN` significan los dos «sin valor»: son iguales entre sí y
# distintos de cualquier número.
#
# **b)** `cases()` devuelve la lista de casos con los que se comparan las dos canalizaciones: **40 como mucho**, cada uno un trío `(events, airport, at_s)` con no más de 20 eventos. Todos los instantes son enteros y de 2013 (UTC). Para cada uno de los programas ocultos, tu lista tiene que contener un caso en que dé algo distinto de `training_features`.
# Cada programa oculto tiene **un** defecto, de una de estas familias; ninguno confunde los aeropuertos. Si usas solo salidas corrientes de una tarde cualquiera, no verás casi ninguno:
#
# | familia | qué hace mal |
# |---|---|
# | huecos | trata de otra manera los retrasos que no se saben, o que no haya ningún vuelo |
# | redondeo | redondea o trunca la media (a minutos, o hasta la segunda cifra decimal), o recorta los retrasos negativos; los decimales y los negativos no se tratan igual en todas partes |
# | bordes | incluye o excluye un vuelo justo en un extremo de la ventana, o a un segundo de él |
# | lo que se sabía | usa salidas que en `at_s` aún no habían ocurrido o de las que aún no se sabía (aunque fuera por un segundo, o por más de una hora), o deja fuera la que se supo en ese mismo segundo |
# | zona horaria | saca la hora con otra zona, con un desfase fijo, o con los cambios de hora de otro país (en Europa el reloj cambió el 31 de marzo y el 27 de octubre; en Nueva York, el 10 de marzo y el 3 de noviembre) |
#
# **c)** En un caso de 20 eventos cuesta ver el error. `smallest(pipeline, other, case)` recibe un caso en que las dos canalizaciones difieren (según `differ`) y devuelve otro, también un trío, con el mismo aeropuerto, el mismo instante y **una parte** de sus eventos (quizá todos, quizá ninguno). En él siguen difiriendo y,
# si se quita un evento cualquiera, dejan de diferir. Puede haber varias respuestas; vale cualquiera. Las canalizaciones son deterministas y no modifican nada.
# %% [markdown] lang="en" row="19"
# ## 3. Finding the skew (6 points)
#
# The model was trained with what `training_features` computes; it is in the next cell. In production another program computes it, written by another team. The model is the same file; the features perhaps are not. Write the **parity test** that
# finds out. A *pipeline* is a function `pipeline(events, airport, at_s)` that returns `{"flights": …, "mean_delay": …, "hour": …}` for a prediction for that airport at that instant. An event is a departure
# `{"airport": "JFK", "at_s": …, "known_s": …, "delay_min": …}`: it left at `at_s`, we knew of it at `known_s` (the same or later), and its delay is an integer, or `None` if it is not known. The hour is that of New York, whichever the airport.
#
# **a)** `differ(one, other)` says (`True` or `False`) whether two results are different: if they do not have the same keys, or if the values of some key are. Two numbers are equal if they are $10^{-6}$ apart or less (`3` and `3.0` are; nothing is tried right at the limit). `None` and `NaN` both mean "no value": they are equal to each other and
# different from any number.
#
# **b)** `cases()` returns the list of cases on which the two pipelines are compared: **40 at most**, each a triple `(events, airport, at_s)` with no more than 20 events. All instants are whole numbers and of 2013 (UTC). For each of the hidden programs, your list must hold a case on which it gives something other than `training_features`.
# Each hidden program has **one** defect, of one of these families; none mixes up the airports. If you use nothing but ordinary departures of some afternoon, you will see hardly any:
#
# | family | what it does wrong |
# |---|---|
# | gaps | it treats unknown delays, or there being no flight at all, in another way |
# | rounding | it rounds or truncates the mean (to minutes, or down to the second decimal), or clips negative delays; decimals and negatives are not treated alike everywhere |
# | edges | it includes or excludes a flight exactly at one end of the window, or one second from it |
# | what was known | it uses departures that had not happened yet at `at_s` or were not yet known (be it by one second, or by more than an hour), or leaves out the one that became known in that very second |
# | time zone | it takes the hour of another zone, with a fixed offset, or with the clock changes of another country (in Europe the clocks changed on 31 March and 27 October; in New York, on 10 March and 3 November) |
#
# **c)** In a case of 20 events the error is hard to see. `smallest(pipeline, other, case)` gets a case on which the two pipelines differ (according to `differ`) and returns another, also a triple, with the same airport, the same instant and **part** of its events (perhaps all, perhaps none). On it they still differ, and
# removing any one of its events makes them agree. There may be several answers; any is good. The pipelines are deterministic and modify nothing.

# %%
NEW_YORK = ZoneInfo("America/New_York")


def training_features(events, airport, at_s):
    """What the model was trained with: the last hour of this airport, as it was known at `at_s`."""
    recent = [
        event["delay_min"]
        for event in events
        if event["airport"] == airport
        and at_s - 3600 < event["at_s"] <= at_s
        and event["known_s"] <= at_s
    ]
    delays = [delay_min for delay_min in recent if delay_min is not None]
    return {
        "flights": len(recent),
        "mean_delay": sum(delays) / len(delays) if delays else None,
        "hour": datetime.fromtimestamp(at_s, NEW_YORK).hour,
    }

# %% answer="skew"
def differ(one, other):
    ### BEGIN SOLUTION
    if one.keys() != other.keys():
        return True

    def missing(value):
        return value is None or math.isnan(value)

    for key in one:
        if missing(one[key]) or missing(other[key]):
            if missing(one[key]) != missing(other[key]):
                return True
        elif abs(one[key] - other[key]) > 1e-6:
            return True
    return False
    ### END SOLUTION


def cases():
    ### BEGIN SOLUTION
    def flights(at_s, *flights):
        """Each flight: (seconds before at_s, seconds until it was known, delay)."""
        keys = ("airport", "at_s", "known_s", "delay_min")
        return [
            dict(zip(keys, ("JFK", at_s - ago, at_s - ago + lag, delay), strict=True))
            for ago, lag, delay in flights
        ]

    noon = int(datetime(2013, 7, 1, 16, tzinfo=UTC).timestamp())
    found = [
        flights(noon, *some)
        for some in (
            [],
            [(60, 0, None)],
            [(60, 0, None), (90, 0, 10), (120, 0, 11)],
            [(60, 0, 1), (90, 0, 1), (120, 0, 3)],
            [(60, 0, 1), (90, 0, 2)],
            [(60, 0, 2), (90, 0, 3)],
            [(60, 0, -1), (90, 0, -2)],
            [(60, 0, -2), (90, 0, -2), (120, 0, -3)],
            [(60, 0, -7)],
            [(3600, 0, 30), (60, 0, 10)],
            [(3599, 0, 30), (60, 0, 10)],
            [(0, 0, 30), (60, 0, 10)],
            [(1, 1, 30), (60, 0, 10)],
            [(1, 2, 30), (60, 0, 10)],
            [(1200, 1201, 30), (60, 0, 10)],
            [(1200, 86400, 30), (60, 0, 10)],
            [(-1, 0, 30), (60, 0, 10)],
            [(-600, 0, 30), (60, 0, 10)],
        )
    ]
    # es: la hora no depende de los vuelos, sino de la época del año y de la hora del día
    # en: the hour does not depend on the flights but on the time of the year and of the day
    times = [
        datetime(2013, month, day, hour, tzinfo=UTC)
        for month, day in [(1, 15), (3, 20), (7, 1), (10, 30), (12, 1)]
        for hour in (3, 15)
    ]
    times += [datetime(2013, 3, 10, 8, tzinfo=UTC), datetime(2013, 11, 3, 7, tzinfo=UTC)]
    return [(events, "JFK", noon) for events in found] + [([], "JFK", int(time.timestamp())) for time in times]
    ### END SOLUTION


def smallest(pipeline, other, case):
    ### BEGIN SOLUTION
    events, airport, at_s = case
    events = list(events)

    def still(some):
        return differ(pipeline(some, airport, at_s), other(some, airport, at_s))

    # es: quitar uno puede hacer que sobre otro que antes hacía falta: se vuelve a empezar
    # en: taking one away may make another superfluous that was needed before: start again
    at = 0
    while at < len(events):
        fewer = events[:at] + events[at + 1 :]
        if still(fewer):
            events, at = fewer, 0
        else:
            at += 1
    return events, airport, at_s
    ### END SOLUTION

# %% test="skew/differ" points=1 row="19" objective="3.6"
import itertools as _t_itertools
import math as _t_math
import random as _t_random
from datetime import UTC as _t_UTC, datetime as _t_datetime, timedelta as _t_timedelta, timezone as _t_timezone
from zoneinfo import ZoneInfo as _t_ZoneInfo

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_differ(one, other):
    """What `differ` must say, so that the parts below do not depend on it."""
    def void(value):
        return value is None or value != value

    return one.keys() != other.keys() or any(
        void(one[key]) != void(other[key]) or not void(one[key]) and abs(one[key] - other[key]) > 1e-6 for key in one
    )


def _t_pipeline(*, low=lambda t, at: t > at - 3600, high=lambda t, at: t <= at, known=lambda t, known, at: known <= at, hour=None, values=None, mean=None, flights=len):
    """training_features with one thing changed."""
    hour = hour or (lambda at: _t_datetime.fromtimestamp(at, _t_ZoneInfo("America/New_York")).hour)
    values = values or (lambda delays: [delay for delay in delays if delay is not None])
    mean = mean or (lambda delays: sum(delays) / len(delays) if delays else None)

    def pipeline(events, airport, at_s):
        recent = [one["delay_min"] for one in events if one["airport"] == airport and low(one["at_s"], at_s) and high(one["at_s"], at_s) and known(one["at_s"], one["known_s"], at_s)]
        return {"flights": flights(recent), "mean_delay": mean(values(recent)), "hour": hour(at_s)}

    return pipeline
### END HIDDEN TESTS

_t_RIGHT = {"flights": 3, "mean_delay": 7.5, "hour": 12}


def _t_check_differ(one, other, want, why):
    for left, right in ((one, other), (other, one)):
        got = checks.plain(differ(dict(left), dict(right)))
        assert got is want, tr(es=f"differ({left}, {right}) es {want}: {why} Has devuelto {got!r}.", en=f"differ({left}, {right}) is {want}: {why} You returned {got!r}.")


_t_check_differ(_t_RIGHT, dict(_t_RIGHT), False, tr(es="son iguales.", en="they are equal."))
_t_check_differ(_t_RIGHT, _t_RIGHT | {"mean_delay": 7.5 + 1e-9}, False, tr(es="sumar en otro orden no es un desajuste.", en="adding in another order is no skew."))
_t_check_differ(_t_RIGHT | {"mean_delay": None}, _t_RIGHT | {"mean_delay": 0}, True, tr(es="no saber nada no es saber que es 0.", en="knowing nothing is not knowing that it is 0."))
_t_check_differ(_t_RIGHT, {"flights": 4, "mean_delay": 6.5, "hour": 12}, True, tr(es="que la media de todo coincida no dice nada.", en="that the mean of it all agrees says nothing."))
_t_check_differ(_t_RIGHT | {"mean_delay": None}, _t_RIGHT | {"mean_delay": float("nan")}, False, tr(es="los dos dicen que no hay valor.", en="both say that there is no value."))
_t_check_differ(_t_RIGHT | {"mean_delay": None}, {"flights": 3, "hour": 12}, True, tr(es="las claves no son las mismas.", en="the keys are not the same."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_nan = float("nan")
for _t_one, _t_other, _t_want in [
    ({"mean_delay": None}, {"mean_delay": _t_nan}, False), ({"mean_delay": _t_nan}, {"mean_delay": _t_nan}, False), ({"mean_delay": None}, {"mean_delay": None}, False), ({"mean_delay": _t_nan}, {"mean_delay": 0.0}, True),
    ({"mean_delay": None}, {"mean_delay": -1}, True), ({"flights": 3.0}, {"flights": 3}, False), ({"flights": 3}, {"flights": 4}, True), ({"hour": 7}, {"hour": 8}, True), ({"mean_delay": 7.4999}, {}, True),
    ({"mean_delay": 7.5001}, {}, True), ({"mean_delay": 8}, {}, True), ({"mean_delay": None}, {}, True), ({"mean_delay": -7.5}, {}, True), ({"mean_delay": 7.5 + 5e-7}, {}, False), ({"mean_delay": 7.5 - 3e-6}, {}, True), ({"hour": 7.5, "mean_delay": 12}, {"hour": 12}, True),
]:
    _t_check_differ(_t_RIGHT | _t_one, _t_RIGHT | _t_other, _t_want, tr(es="así lo dice el enunciado.", en="so says the statement."))
_t_check_differ(_t_RIGHT, {"flights": 3, "hour": 12}, True, tr(es="falta una clave.", en="a key is missing."))
_t_check_differ({"flights": 3, "hour": 12, "mean_delay": None}, {"flights": 3, "hour": 12}, True, tr(es="falta una clave, y eso no es lo mismo que no tener valor.", en="a key is missing, and that is not the same as having no value."))
_t_check_differ(_t_RIGHT | {"mean_delay": 1_000_000.5}, _t_RIGHT | {"mean_delay": 1_000_000.0}, True, tr(es="se llevan medio minuto.", en="they are half a minute apart."))
### END HIDDEN TESTS

# %% test="skew/values" points=1 row="19" objective="3.6"
_t_YEAR = int(_t_datetime(2013, 1, 1, tzinfo=_t_UTC).timestamp()), int(_t_datetime(2014, 1, 1, tzinfo=_t_UTC).timestamp())


def _t_cases():
    got = cases()
    assert isinstance(got, (list, tuple)), tr(es=f"cases() devuelve una lista; ha devuelto {type(got).__name__}.", en=f"cases() returns a list; it returned {type(got).__name__}.")
    got = checks.plain(list(got), tr(es="Los casos de cases().", en="The cases of cases()."))
    assert 0 < len(got) <= 40, tr(es=f"cases() devuelve de 1 a 40 casos; has devuelto {len(got)}.", en=f"cases() returns from 1 to 40 cases; you returned {len(got)}.")
    for case in got:
        assert isinstance(case, list) and len(case) == 3 and isinstance(case[0], list), tr(es=f"Un caso es un trío (events, airport, at_s); has devuelto {str(case)[:150]}.", en=f"A case is a triple (events, airport, at_s); you returned {str(case)[:150]}.")
        events, airport, at_s = case
        assert len(events) <= 20 and isinstance(airport, str) and type(at_s) is int and _t_YEAR[0] <= at_s < _t_YEAR[1], tr(
            es=f"Un caso tiene 20 eventos como mucho, un aeropuerto y un segundo entero de 2013; has devuelto {len(events)} eventos, {airport!r} y {at_s!r}.",
            en=f"A case has at most 20 events, an airport and a whole second of 2013; you returned {len(events)} events, {airport!r} and {at_s!r}.",
        )
        for event in events:
            good = isinstance(event, dict) and set(event) == {"airport", "at_s", "known_s", "delay_min"} and isinstance(event["airport"], str) and type(event["at_s"]) is int and type(event["known_s"]) is int
            assert good and event["known_s"] >= event["at_s"] and _t_YEAR[0] <= event["at_s"] and event["known_s"] < _t_YEAR[1] and (event["delay_min"] is None or type(event["delay_min"]) is int), tr(
                es=f"Este evento no es posible (claves, enteros de 2013, known_s no anterior a at_s, retraso entero o None): {event}", en=f"This event is not possible (keys, integers of 2013, known_s not before at_s, whole delay or None): {event}"
            )
    return got


def _t_unequal(one, other):
    return one != other  # enough for the programs that can be seen here: they add up in the same order


def _t_check_found(pipeline, family, differs=_t_unequal):
    assert any(differs(training_features(*case), pipeline(*case)) for case in _t_cases()), tr(
        es=f"Un programa con un defecto de la familia «{family}» da, en todos tus casos, lo mismo que el de entrenamiento: tu prueba lo deja pasar.",
        en=f"A program with a defect of the family '{family}' gives, in all your cases, the same as the training one: your test lets it pass.",
    )


_t_GAPS, _t_ROUNDING = tr(es="huecos", en="gaps"), tr(es="redondeo", en="rounding")


def _t_gap_is_zero(events, airport, at_s):
    return training_features([event | {"delay_min": event["delay_min"] or 0} for event in events], airport, at_s)


def _t_whole_minutes(events, airport, at_s):
    right = training_features(events, airport, at_s)
    return right if right["mean_delay"] is None else right | {"mean_delay": round(right["mean_delay"])}


_t_check_found(_t_gap_is_zero, _t_GAPS)
_t_check_found(_t_whole_minutes, _t_ROUNDING)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_to_zero(delays):
    return sum(delays) / len(delays) if delays else 0.0


for _t_bad in (
    _t_pipeline(mean=_t_to_zero), _t_pipeline(mean=lambda delays: sum(delays) / len(delays) if delays else -1), _t_pipeline(flights=lambda recent: len([one for one in recent if one is not None])),
    _t_pipeline(values=lambda delays: [(lambda seen: sum(seen) / len(seen) if seen else 0)([d for d in delays if d is not None]) if delay is None else delay for delay in delays]),
):
    _t_check_found(_t_bad, _t_GAPS, _t_differ)
for _t_bad in (
    _t_pipeline(mean=lambda delays: int(sum(delays) / len(delays)) if delays else None), _t_pipeline(mean=lambda delays: sum(delays) // len(delays) if delays else None),
    _t_pipeline(mean=lambda delays: round(sum(delays) / len(delays), 1) if delays else None), _t_pipeline(mean=lambda delays: round(sum(delays) / len(delays), 2) if delays else None),
    _t_pipeline(mean=lambda delays: _t_math.ceil(sum(delays) / len(delays)) if delays else None), _t_pipeline(values=lambda delays: [max(delay, 0) for delay in delays if delay is not None]),
    _t_pipeline(mean=lambda delays: (lambda mean: mean if mean >= 0 else float(int(mean)))(sum(delays) / len(delays)) if delays else None),
):
    _t_check_found(_t_bad, _t_ROUNDING, _t_differ)
### END HIDDEN TESTS

# %% test="skew/time" points=1 row="19" objective="3.6"
_t_EDGES, _t_KNOWN = tr(es="bordes", en="edges"), tr(es="lo que se sabía", en="what was known")


def _t_an_hour_ago_counts(events, airport, at_s):
    return training_features([event | {"at_s": max(event["at_s"], at_s - 3599)} if event["at_s"] == at_s - 3600 else event for event in events], airport, at_s)


def _t_known_at_once(events, airport, at_s):
    return training_features([event | {"known_s": event["at_s"]} for event in events], airport, at_s)


_t_check_found(_t_an_hour_ago_counts, _t_EDGES)
_t_check_found(_t_known_at_once, _t_KNOWN)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_bad in (
    _t_pipeline(high=lambda t, at: t < at), _t_pipeline(low=lambda t, at: t > at - 3599), _t_pipeline(low=lambda t, at: t > at - 3601),
):
    _t_check_found(_t_bad, _t_EDGES, _t_differ)
for _t_bad in (
    _t_pipeline(known=lambda t, known, at: known < at), _t_pipeline(high=lambda t, at: True, known=lambda t, known, at: True), _t_pipeline(high=lambda t, at: True, known=lambda t, known, at: known <= at or t > at),
    _t_pipeline(known=lambda t, known, at: known <= at + 1), _t_pipeline(known=lambda t, known, at: known - t < 3600 or known <= at),
    _t_pipeline(high=lambda t, at: t <= at + 3600, known=lambda t, known, at: True),
):
    _t_check_found(_t_bad, _t_KNOWN, _t_differ)
### END HIDDEN TESTS

# %% test="skew/zone" points=1 row="19" objective="3.6"
_t_ZONE = tr(es="zona horaria", en="time zone")


def _t_at_offset(hours):
    return lambda events, airport, at_s: training_features(events, airport, at_s) | {"hour": _t_datetime.fromtimestamp(at_s, _t_timezone(_t_timedelta(hours=hours))).hour}


_t_check_found(_t_at_offset(0), _t_ZONE)
_t_check_found(_t_at_offset(-5), _t_ZONE)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_hour_in(zone, shift=0):
    return lambda at: _t_datetime.fromtimestamp(at + 3600 * shift, _t_ZoneInfo(zone)).hour


for _t_bad in (
    lambda at: _t_datetime.fromtimestamp(at, _t_timezone(_t_timedelta(hours=-4))).hour, _t_hour_in("Europe/Madrid"), _t_hour_in("Europe/Madrid", -6), _t_hour_in("America/Chicago"), _t_hour_in("America/Phoenix"), _t_hour_in("America/Bogota"),
):
    _t_check_found(_t_pipeline(hour=_t_bad), _t_ZONE, _t_differ)
### END HIDDEN TESTS

# %% test="skew/smallest" points=2 row="19" objective="3.6"
def _t_made(at_s, *flights):
    return [{"airport": airport, "at_s": at_s - ago, "known_s": at_s - ago + lag, "delay_min": delay} for airport, ago, lag, delay in flights]


def _t_check_smallest(other, case, about, differs=_t_unequal):
    events, airport, at_s = case
    assert differs(training_features(*case), other(*case))
    got = smallest(training_features, other, ([dict(event) for event in events], airport, at_s))
    got = checks.plain(list(got) if isinstance(got, tuple) else got, tr(es="Lo que devuelve smallest.", en="What smallest returns."))
    assert isinstance(got, list) and len(got) == 3 and isinstance(got[0], list) and got[1:] == [airport, at_s], tr(
        es=f"smallest devuelve un caso (events, airport, at_s), con el mismo aeropuerto y el mismo instante; ha devuelto {str(got)[:150]}.", en=f"smallest returns a case (events, airport, at_s), with the same airport and the same instant; it returned {str(got)[:150]}."
    )
    few, spare = got[0], [dict(event) for event in events]
    for event in few:
        assert event in spare, tr(es=f"{about}\n  Este evento no era del caso (o lo has puesto dos veces): {event}", en=f"{about}\n  This event did not belong to the case (or you put it in twice): {event}")
        spare.remove(event)
    assert differs(training_features(few, airport, at_s), other(few, airport, at_s)), tr(
        es=f"{about}\n  De {len(events)} eventos has dejado {len(few)}, y con ellos las dos canalizaciones ya no difieren.", en=f"{about}\n  Of {len(events)} events you left {len(few)}, and with them the two pipelines no longer differ."
    )
    for event in few:
        rest = [one for one in few if one is not event]
        assert not differs(training_features(rest, airport, at_s), other(rest, airport, at_s)), tr(
            es=f"{about}\n  De {len(events)} eventos has dejado {len(few)}, y aún sobra alguno: sin {event} siguen difiriendo.", en=f"{about}\n  Of {len(events)} events you left {len(few)}, and one is still too many: without {event} they go on differing."
        )


_t_skew_noon = int(_t_datetime(2013, 7, 1, 16, tzinfo=_t_UTC).timestamp())
_t_crowd = [("JFK", 100 * n + 50, 0, 2 * n) for n in range(9)]
_t_check_smallest(_t_an_hour_ago_counts, (_t_made(_t_skew_noon, *_t_crowd, ("JFK", 3600, 0, 10)), "JFK", _t_skew_noon), tr(es="El error está en un borde.", en="The error is at an edge."))
_t_check_smallest(_t_at_offset(0), (_t_made(_t_skew_noon, *_t_crowd), "JFK", _t_skew_noon), tr(es="El error está en la hora: no hace falta ningún evento.", en="The error is in the hour: no event is needed."))
_t_check_smallest(_t_whole_minutes, (_t_made(_t_skew_noon, *[("JFK", 60 * n, 0, 4 * n + 2 + n % 2) for n in range(12)]), "JFK", _t_skew_noon), tr(es="El error es un redondeo: con un solo vuelo no se ve.", en="The error is a rounding: with a single flight it does not show."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_smallest(_t_pipeline(mean=lambda delays: round(sum(delays) / len(delays)) if delays else None), (_t_made(_t_skew_noon, *[("JFK", 60 * n, 0, 10 + n) for n in range(10)]), "JFK", _t_skew_noon), tr(es="El error es un redondeo: hacen falta dos vuelos.", en="The error is a rounding: two flights are needed."), _t_differ)
_t_check_smallest(_t_pipeline(flights=lambda recent: len(recent) if len(recent) < 5 else 0), (_t_made(_t_skew_noon, *[("JFK", 60 * n, 0, 10 + n) for n in range(5)], ("LGA", 5, 0, 1)), "JFK", _t_skew_noon), tr(es="Hacen falta los cinco vuelos.", en="All five flights are needed."), _t_differ)
_t_check_smallest(_t_pipeline(flights=lambda recent: len(recent) - (3 if 30 in recent and 40 in recent and 50 in recent else 0)), (_t_made(_t_skew_noon, *[("JFK", 60 * n, 0, 10 * n) for n in range(10)]), "JFK", _t_skew_noon), tr(es="Hacen falta tres vuelos concretos, que no están juntos en ninguna mitad.", en="Three certain flights are needed, which are not together in either half."), _t_differ)
_t_check_smallest(_t_pipeline(flights=lambda recent: len(recent) + (1 if 90 in recent and (20 not in recent or 10 in recent) else 0)), (_t_made(_t_skew_noon, ("JFK", 1, 0, 10), ("JFK", 2, 0, 20), ("JFK", 3, 0, 90)), "JFK", _t_skew_noon), tr(es="Quitar un evento puede hacer que sobre otro que antes hacía falta.", en="Taking an event away may make another superfluous that was needed before."), _t_differ)
for _t_seed in range(16):
    _t_chance = _t_random.Random(_t_seed)
    _t_many = _t_made(_t_skew_noon, *[(_t_chance.choice(["JFK", "JFK", "LGA"]), _t_chance.choice([0, 60, 3599, 3600, _t_chance.randrange(4000)]), _t_chance.choice([0, 30, 5000]), _t_chance.choice([None, _t_chance.randrange(-9, 90)])) for _ in range(12)])
    for _t_bad in (
        _t_pipeline(values=lambda delays: [delay or 0 for delay in delays]), _t_pipeline(mean=lambda delays: int(sum(delays) / len(delays)) if delays else None), _t_pipeline(low=lambda t, at: t >= at - 3600), _t_pipeline(known=lambda t, known, at: True),
        _t_pipeline(flights=lambda recent: len(recent) % 4), _t_pipeline(mean=lambda delays: sorted(delays)[len(delays) // 2] if delays else None),
    ):
        if _t_differ(training_features(_t_many, "JFK", _t_skew_noon), _t_bad(_t_many, "JFK", _t_skew_noon)):
            _t_check_smallest(_t_bad, (_t_many, "JFK", _t_skew_noon), tr(es="Un caso al azar, de 12 eventos.", en="A random case, of 12 events."), _t_differ)
### END HIDDEN TESTS

# %% wrong="skew" score=5 says_es="no dice nada" says_en="says nothing"
# es: Basta con comparar la media de lo que dan los dos.
# en: It is enough to compare the mean of what both give.
def differ(one, other):
    def mean(result):
        values = [value for value in result.values() if value is not None and value == value]
        return sum(values) / len(values) if values else 0.0

    return abs(mean(one) - mean(other)) > 1e-6


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% wrong="skew" score=3 says_es="no saber nada" says_en="knowing nothing"
# es: Un hueco es un cero: da lo mismo cómo se rellene.
# en: A gap is a zero: it does not matter how it is filled.
def differ(one, other):
    def number(value):
        return 0 if value is None or value != value else value

    return one.keys() != other.keys() or any(abs(number(one[key]) - number(other[key])) > 1e-6 for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% wrong="skew" score=5 says_es="en otro orden" says_en="in another order"
# es: Con == basta para comparar.
# en: For comparing, == will do.
def differ(one, other):
    return one != other


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% wrong="skew" score=3 says_es="tu prueba lo deja pasar" says_en="your test lets it pass"
# es: Con unas cuantas tardes corrientes, como las de los datos de entrenamiento, sale todo.
# en: With a few ordinary afternoons, like those in the training data, everything comes out.
def differ(one, other):
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    found = []
    for day in range(1, 21):
        now = at(6, day, 18)
        found.append(([flight(now - 400 * i - 50, now - 400 * i, 7 * i + day) for i in range(8)], "LGA", now))
    return found


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% wrong="skew" score=5 says_es="zona horaria" says_en="time zone"
# es: La hora se comprueba un día cualquiera: todos son iguales.
# en: The hour is checked on any one day: they are all alike.
def differ(one, other):
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((6, 5),) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% wrong="skew" score=5 says_es="zona horaria" says_en="time zone"
# es: Con verano e invierno ya se ha visto todo lo de la hora.
# en: With summer and winter everything about the hour has been seen.
def differ(one, other):
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (6, 5)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% wrong="skew" score=5 says_es="lo que se sabía" says_en="what was known"
# es: Todo vuelo se sabe en cuanto sale: known_s sobra.
# en: Every flight is known as soon as it leaves: known_s is not needed.
def differ(one, other):
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now - 9, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% wrong="skew" score=4 says_es="aún sobra" says_en="one is still too many"
# es: El caso más pequeño es el que tiene un solo evento.
# en: The smallest case is the one with a single event.
def differ(one, other):
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    for event in events:
        if differ(pipeline([event], airport, at_s), other([event], airport, at_s)):
            return [event], airport, at_s
    return [], airport, at_s

# %% wrong="skew" score=4 says_es="aún sobra" says_en="one is still too many"
# es: Se parte por la mitad, y se sigue con la mitad que falle.
# en: Halve it, and go on with the half that fails.
def differ(one, other):
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    while len(events) > 1:
        half = len(events) // 2
        failing = [part for part in (events[:half], events[half:]) if differ(pipeline(part, airport, at_s), other(part, airport, at_s))]
        if not failing:
            break
        events = failing[0]
    return events, airport, at_s

# %% wrong="skew" score=4 says_es="aún sobra" says_en="one is still too many"
# es: Con una pasada basta: lo que una vez hizo falta, la hará siempre.
# en: One pass is enough: what was needed once will always be.
def differ(one, other):
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    for event in list(events):
        fewer = [one for one in events if one is not event]
        if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
            events = fewer
    return events, airport, at_s

# %% right="skew"
def differ(one, other):
    # es: con pandas, que para esto ya sabe qué es un hueco
    # en: with pandas, which knows what a gap is already
    import pandas

    if sorted(one) != sorted(other):
        return True
    left = pandas.Series(one, dtype=float).sort_index()
    right = pandas.Series(other, dtype=float).sort_index()
    return not bool((((left - right).abs() <= 1e-6) | (left.isna() & right.isna())).all())


def cases():
    # es: al azar, con una semilla, pero eligiendo siempre entre los valores de los bordes
    # en: at random, with a seed, but always choosing among the values at the edges
    import random

    chance, found = random.Random(3), []
    for number in range(40):
        month, day = [(1, 9), (3, 12), (7, 4), (10, 28), (11, 20)][number % 5]
        now = int(datetime(2013, month, day, chance.choice([0, 4, 5, 13, 20]), tzinfo=UTC).timestamp())
        events = []
        for _ in range([0, 1, 1, 2, 3, 2, 3][number % 7]):
            t = now - chance.choice([-1, 0, 3599, 3600, 700, -900])
            known = max(t, now + chance.choice([-500, 0, 1, 2, 4000]))
            events.append({"airport": "EWR", "at_s": t, "known_s": known, "delay_min": chance.choice([None, 1, 2, 5, -2, -3])})
        found.append((tuple(events), "EWR", now))
    quiet = int(datetime(2013, 7, 4, 13, tzinfo=UTC).timestamp())
    extra = [[(-1, -1)], [(3600, 0)], [(3599, 0)], [(0, 0)], [(30, 0)], [(30, 1)]]
    for number, places in enumerate(extra):
        events = [{"airport": "EWR", "at_s": quiet - ago, "known_s": quiet + max(late, -ago), "delay_min": 7} for ago, late in places]
        found[39 - number] = (events, "EWR", quiet)
    for number, delays in enumerate([[None], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [None, 8]]):
        events = [{"airport": "EWR", "at_s": quiet - 60, "known_s": quiet - 60, "delay_min": delay} for delay in delays]
        found[33 - number] = (events, "EWR", quiet)
    return found


def smallest(pipeline, other, case):
    # es: de menos a más eventos: el primero que difiere es el menor de todos
    # en: from fewer to more events: the first that differs is the smallest of all
    from itertools import combinations

    events, airport, at_s = case
    for size in range(len(events) + 1):
        for some in combinations(events, size):
            if differ(pipeline(list(some), airport, at_s), other(list(some), airport, at_s)):
                return list(some), airport, at_s


# %% right="skew"
def differ(one, other):
    # es: listas hechas a mano, una por cada cosa que puede ir mal
    # en: lists made by hand, one for each thing that can go wrong
    def same(left, right):
        left, right = (None if value is None or value != value else value for value in (left, right))
        return left is right if None in (left, right) else abs(left - right) <= 1e-6

    return set(one) != set(other) or not all(same(one[key], other[key]) for key in one)


def at(month, day, hour):
    return int(datetime(2013, month, day, hour, tzinfo=UTC).timestamp())


def flight(t, known, delay):
    return {"airport": "LGA", "at_s": t, "known_s": known, "delay_min": delay}


def cases():
    now = at(6, 5, 18)
    lists = [[], [flight(now - 5, now - 5, None)]]
    lists += [[flight(now - 5 - i, now - 5, delay) for i, delay in enumerate(delays)] for delays in ([None, 40], [1, 1, 2], [1, 2], [2, 3], [-1, -2], [-9])]
    lists += [[flight(now - ago, now - ago, 20), flight(now - 9, now, 5)] for ago in (0, 3599, 3600, 3601, -1, -60, -7200)]
    lists += [[flight(now - ago, now + late, 20), flight(now - 9, now - 8, 5)] for ago in (30, 3000) for late in (0, 1, 2, 90000)]
    moments = [at(*day, hour) for day in ((1, 5), (3, 15), (6, 5), (10, 29), (12, 31)) for hour in (2, 14)]
    return [(events, "LGA", now) for events in lists] + [([], "LGA", moment) for moment in moments]


def smallest(pipeline, other, case):
    events, airport, at_s = case
    changed = True
    while changed:
        changed = False
        for number in range(len(events)):
            fewer = [event for place, event in enumerate(events) if place != number]
            if differ(pipeline(fewer, airport, at_s), other(fewer, airport, at_s)):
                events, changed = fewer, True
                break
    return events, airport, at_s

# %% [markdown] lang="es" row="16"
# ## 4. Un flujo que no acaba (5 puntos)
#
# De un flujo de salidas queremos saber, en todo momento, cuántas van, su retraso medio y los `k` vuelos con más retraso. El flujo no acaba, así que no se puede esperar al final, ni guardarlo. Escribe:
#
# - `reports(stream, k, every, state=None)`, un **generador**. `stream` es un iterador de pares `(flight, delay_min)`, con un texto y un entero, y **puede no acabar nunca**. Cada `every` salidas, contadas desde donde empieza esta llamada, hace `yield` de un diccionario con cuatro claves:
#     - `"count"`: cuántas salidas se llevan contadas desde el principio;
#     - `"mean"`: la media de `delay_min` de **todas** ellas;
#     - `"top"`: las `k` de más retraso (todas, si aún no hay `k`), en una lista de pares `(flight, delay_min)` de mayor a menor retraso; los empates se deshacen a favor del `flight` menor (como compara textos Python);
#     - `"state"`: lo que hace falta para seguir, que se pueda escribir en JSON.
#
#   Cuando hace `yield` no ha sacado de `stream` ninguna salida más que las que cuenta. Si el flujo acaba, el generador acaba; si quedan menos de `every`, no se informa de ellas.
# - Con `state`, el de un informe anterior después de pasar por JSON, sigue desde allí, con las salidas que vengan **después**: los mismos `k` y `every`, y el mismo resultado que si no se hubiera parado. Un mismo `state` se puede usar varias veces: no lo modifiques.
# - `merge(one, other, k)` recibe los `state` de dos procesos que han contado salidas distintas, con el mismo `k`, y devuelve un `state` como el de quien las hubiera contado todas; vale para `reports` y para otro `merge`. Tampoco modifica lo que recibe.
#
# No hay dos salidas con el mismo `flight`. El estado ocupa lo que `k` salidas y unos pocos números, hayan pasado mil salidas o mil millones. `k` y `every` son enteros positivos.
# %% [markdown] lang="en" row="16"
# ## 4. A stream that does not end (5 points)
#
# We want to know, at any time, how many departures a stream has brought so far, their mean delay and the `k` flights with the greatest delays. The stream does not end, so you can neither wait for its end nor store it. Write:
#
# - `reports(stream, k, every, state=None)`, a **generator**. `stream` is an iterator of pairs `(flight, delay_min)`, a string and an integer, and **may never end**. After every `every` departures, counted from where this call starts, a `yield` gives a dict with four keys:
#     - `"count"`: how many departures have been counted since the beginning;
#     - `"mean"`: the mean `delay_min` of **all** of them;
#     - `"top"`: the `k` with the greatest delays (all, if there are not yet `k`), in a list of pairs `(flight, delay_min)` in descending order of delay; ties go to the lower `flight` (as Python compares strings);
#     - `"state"`: what is needed to go on, such that it can be written as JSON.
#
#   At each `yield` it has taken from `stream` no more departures than those it counts. If the stream ends, the generator ends; a remainder of fewer than `every` departures gives no report.
# - With `state`, that of an earlier report after going through JSON, it goes on from there, with the departures that come **afterwards**: the same `k` and `every`, and the same result as if it had not stopped. One `state` can be used several times: do not modify it.
# - `merge(one, other, k)` gets the `state` of two processes that have counted different departures, with the same `k`, and returns a `state` like that of somebody who had counted them all; it is good for `reports` and for another `merge`. It does not modify what it gets either.
#
# No two departures have the same `flight`. The state takes as much as `k` departures and a handful of numbers, whether a thousand departures have gone by or a billion. `k` and `every` are positive integers.

# %% answer="reports"
def reports(stream, k, every, state=None):
    ### BEGIN SOLUTION
    count, total, top = (0, 0, []) if state is None else (state["count"], state["total"], list(state["top"]))
    for number, (flight, delay_min) in enumerate(stream, 1):
        count += 1
        total += delay_min
        top = _most_delayed([*top, [flight, delay_min]], k)
        if number % every == 0:
            yield {
                "count": count,
                "mean": total / count,
                "top": [tuple(one) for one in top],
                "state": {"count": count, "total": total, "top": top},
            }
    ### END SOLUTION


def merge(one, other, k):
    ### BEGIN SOLUTION
    return {
        "count": one["count"] + other["count"],
        "total": one["total"] + other["total"],
        "top": _most_delayed([*one["top"], *other["top"]], k),
    }


def _most_delayed(flights, k):
    return sorted(flights, key=lambda one: (-one[1], one[0]))[:k]
    ### END SOLUTION

# %% test="reports/running" points=1 row="16" objective="3.3"
import gc as _t_gc
import itertools as _t_itertools
import json as _t_json
import random as _t_random
import tracemalloc as _t_tracemalloc
from types import GeneratorType as _t_GeneratorType

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_random_flights(count, seed, spread=200):
    chance = _t_random.Random(seed)
    return [(f"F{number:05d}", chance.randrange(-20, spread)) for number in chance.sample(range(90_000), count)]


def _t_after(seen, k):
    """What a report on all of `seen` must say: (count, mean, top)."""
    return len(seen), sum(delay for _, delay in seen) / len(seen), sorted(seen, key=lambda one: (-one[1], one[0]))[:k]


def _t_all_reports(departures, k, every):
    return [_t_after(departures[:count], k) for count in range(every, len(departures) + 1, every)]
### END HIDDEN TESTS


def _t_start(stream, k, every, state=None):
    made = reports(stream, k, every, state) if state is not None else reports(stream, k, every)
    assert isinstance(made, _t_GeneratorType) or hasattr(made, "__next__"), tr(
        es=f"reports es un generador: usa yield. Ha devuelto un {type(made).__name__}; cuando el flujo no acaba, no hay un resultado final que devolver.",
        en=f"reports is a generator: use yield. It returned a {type(made).__name__}; when the stream does not end, there is no final result to return.",
    )
    return made


def _t_report(report):
    got = checks.plain(report, tr(es="Un informe.", en="A report."))
    assert isinstance(got, dict) and set(got) == {"count", "mean", "top", "state"}, tr(
        es=f'Un informe es un diccionario con "count", "mean", "top" y "state"; has dado {str(got)[:200]}.', en=f'A report is a dict with "count", "mean", "top" and "state"; you gave {str(got)[:200]}.'
    )
    return got


def _t_state_saved(state):
    try:
        return _t_json.loads(_t_json.dumps(state))
    except TypeError as error:
        raise AssertionError(tr(es=f"El state no se puede escribir en JSON: {error}.", en=f"The state cannot be written as JSON: {error}.")) from None


def _t_check_report(report, want, k, about):
    """`want`: (count, mean, top)."""
    got = _t_report(report)
    count, mean, top = want
    checks.same(got["count"], count, tr(es=f"Caso: {about}\n  Salidas contadas.", en=f"Case: {about}\n  Departures counted."), observed=True)
    checks.same(got["mean"], mean, tr(es=f"Caso: {about}\n  La media de todas las salidas, tras {count}.", en=f"Case: {about}\n  The mean of all departures, after {count}."), tolerance=1e-9, observed=True)
    checks.same([tuple(one) for one in got["top"]], top, tr(es=f"Caso: {about}\n  Las {k} de más retraso, tras {count}.", en=f"Case: {about}\n  The {k} with most delay, after {count}."), observed=True)


def _t_check_run(departures, k, every, wanted, about):
    given = 0
    for given, report in enumerate(_t_start(iter(departures), k, every), 1):
        assert given <= len(wanted), tr(es=f"Caso: {about}\n  De {len(departures)} salidas, cada {every}, se esperaban {len(wanted)} informes, y hay más.", en=f"Case: {about}\n  Of {len(departures)} departures, every {every}, {len(wanted)} reports were expected, and there are more.")
        _t_check_report(report, wanted[given - 1], k, about)
    checks.same(given, len(wanted), tr(es=f"Caso: {about}\n  Informes de {len(departures)} salidas, cada {every}.", en=f"Case: {about}\n  Reports on {len(departures)} departures, every {every}."), observed=True)


_t_few = [("AA1", 5), ("UA2", 40), ("AA9", -3), ("DL7", 40), ("B61", 2), ("AA4", 90), ("WN3", 1)]
with checks.ends(tr(es="reports no acaba, aunque el flujo sí.", en="reports does not end, though the stream does.")):
    _t_check_run(_t_few, 2, 3, [(3, 14, [("UA2", 40), ("AA1", 5)]), (6, 29, [("AA4", 90), ("DL7", 40)])], tr(es="Siete salidas, con un empate.", en="Seven departures, with a tie."))
checks.passed()
### BEGIN HIDDEN TESTS
with checks.ends(tr(es="reports no acaba, aunque el flujo sí.", en="reports does not end, though the stream does."), 25):
    for _t_seed, (_t_k, _t_every, _t_count, _t_spread) in enumerate([(1, 1, 60, 200), (3, 7, 300, 200), (5, 50, 400, 0), (10, 4, 9, 200), (4, 5, 200, -15), (2, 100, 50, 200), (8, 25, 500, -17)]):
        _t_some = _t_random_flights(_t_count, _t_seed, _t_spread)
        _t_check_run(_t_some, _t_k, _t_every, _t_all_reports(_t_some, _t_k, _t_every), tr(es="Salidas al azar, con empates.", en="Random departures, with ties."))
    _t_check_run([], 3, 2, [], tr(es="Un flujo vacío.", en="An empty stream."))
    _t_ties = [("Z", 9), ("B", 9), ("A", 9), ("C", 9)]
    _t_check_run(_t_ties, 2, 1, _t_all_reports(_t_ties, 2, 1), tr(es="Empates.", en="Ties."))
### END HIDDEN TESTS

# %% test="reports/unbounded" points=2 row="16" objective="3.3"
class _t_EndlessFlights:
    """Departures without end; how many have been taken out is in `taken`."""

    def __init__(self, every, patience):
        self.taken, self.allowed, self.every, self.patience = 0, every, every, patience

    def __iter__(self):
        return self

    def __next__(self):
        self.taken += 1
        assert self.taken <= self.allowed + self.patience, tr(
            es=f"Has sacado {self.taken} salidas del flujo sin dar ningún informe desde la {self.allowed - self.every}. Si esperas a que acabe, esperas para siempre.",
            en=f"You took {self.taken} departures out of the stream without giving any report since number {self.allowed - self.every}. If you wait for its end, you wait for ever.",
        )
        return f"F{self.taken}", self.taken * 7919 % 1009


def _t_take(k, every, count):
    stream = _t_EndlessFlights(every, patience=1000)
    running = _t_start(stream, k, every)
    for number in range(1, count + 1):
        stream.allowed = number * every
        last = next(running)
        assert stream.taken == number * every, tr(
            es=f"Al dar el informe de {number * every} salidas habías sacado {stream.taken} del flujo: la de más puede tardar horas en llegar.", en=f"When giving the report on {number * every} departures you had taken {stream.taken} out of the stream: the extra one may take hours to come."
        )
    return last


with checks.ends(tr(es="reports no da ningún informe de un flujo sin fin.", en="reports gives no report on an endless stream.")):
    _t_check_report(_t_take(3, 10, 4), (40, 521.125, [("F33", 1005), ("F20", 976), ("F7", 947)]), 3, tr(es="Un flujo sin fin.", en="An endless stream."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_memory(count):
    _t_gc.collect()
    _t_tracemalloc.start()
    last = _t_take(10, 500, count)
    peak = _t_tracemalloc.get_traced_memory()[1]
    _t_tracemalloc.stop()
    return peak, len(_t_json.dumps(_t_report(last)["state"]))


with checks.ends(tr(es="reports no da ningún informe de un flujo sin fin.", en="reports gives no report on an endless stream."), 25):
    _t_memory(1)
    (_t_early, _t_small), (_t_peak, _t_large) = _t_memory(2), _t_memory(24)
    assert _t_peak < _t_early + 60_000, tr(
        es=f"Con 1000 salidas has llegado a ocupar {_t_early} bytes y con 12 000, {_t_peak}: estás guardando el flujo, y no acaba nunca.", en=f"With 1000 departures you got to take up {_t_early} bytes and with 12,000, {_t_peak}: you are storing the stream, and it never ends."
    )
    assert _t_large < _t_small + 300, tr(es=f"El state ocupa {_t_small} caracteres tras 1000 salidas y {_t_large} tras 12 000.", en=f"The state takes {_t_small} characters after 1000 departures and {_t_large} after 12,000.")
### END HIDDEN TESTS

# %% test="reports/resume" points=1 row="16" objective="3.3"
def _t_check_resume(departures, k, every, stop, wanted, about):
    """Go on from the state of report number `stop`, twice."""
    first = list(_t_itertools.islice(_t_start(iter(departures), k, every), stop))[-1]
    state = _t_state_saved(first["state"])
    before = _t_json.dumps(state)
    for _ in range(2):
        given = 0
        for given, report in enumerate(_t_start(iter(departures[stop * every :]), k, every, state), stop + 1):
            assert given <= len(wanted), tr(es=f"Caso: {about}\n  Se esperaban {len(wanted)} informes en total, y hay más.", en=f"Case: {about}\n  {len(wanted)} reports were expected in all, and there are more.")
            _t_check_report(report, wanted[given - 1], k, about)
        checks.same(given, len(wanted), tr(es=f"Caso: {about}\n  Informes que se llevan dados al acabar el flujo.", en=f"Case: {about}\n  Reports given so far when the stream ends."), observed=True)
        assert _t_json.dumps(state) == before, tr(es="reports ha modificado el state que recibió.", en="reports modified the state that it got.")


_t_check_resume(_t_few[:6], 2, 2, 1, [(2, 22.5, [("UA2", 40), ("AA1", 5)]), (4, 20.5, [("DL7", 40), ("UA2", 40)]), (6, 29, [("AA4", 90), ("DL7", 40)])], tr(es="Se para tras el primer informe y sigue otro proceso: lo ya contado cuenta.", en="It stops after the first report and another process goes on: what was counted already counts."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed, (_t_k, _t_every, _t_stop) in enumerate([(1, 1, 3), (3, 7, 2), (5, 20, 6), (50, 10, 3)]):
    _t_some = _t_random_flights(203, 40 + _t_seed)
    _t_check_resume(_t_some, _t_k, _t_every, _t_stop, _t_all_reports(_t_some, _t_k, _t_every), tr(es="Se para y sigue.", en="It stops and goes on."))
### END HIDDEN TESTS

# %% test="reports/merge" points=1 row="16" objective="3.3"
def _t_state_of(departures, k):
    return _t_state_saved(list(_t_start(iter(departures), k, len(departures)))[-1]["state"])


def _t_check_merge(parts, k, extra, want, about):
    """Merge the states of all parts, go on with `extra`, and look at the report on everything."""
    state = _t_state_of(parts[0], k)
    for part in parts[1:]:
        other = _t_state_of(part, k)
        before = _t_json.dumps([state, other])
        merged = _t_state_saved(merge(state, other, k))
        assert _t_json.dumps([state, other]) == before, tr(es="merge ha modificado lo que recibió.", en="merge modified what it got.")
        state = merged
    last = list(_t_start(iter(extra), k, len(extra), state))
    assert last, tr(es=f"Caso: {about}\n  reports no sigue desde lo que ha dado merge: {len(extra)} salidas nuevas, con every={len(extra)}, y ningún informe.", en=f"Case: {about}\n  reports does not go on from what merge gave: {len(extra)} new departures, with every={len(extra)}, and no report.")
    _t_check_report(last[-1], want, k, about)


_t_check_merge([_t_few[:5], _t_few[5:]], 2, [(f"X{number}", 3 * number) for number in range(7)], (14, 17, [("AA4", 90), ("DL7", 40)]), tr(es="Un proceso ha contado 5 salidas y otro 2: cada media pesa lo que cuenta.", en="One process has counted 5 departures and another 2: each mean weighs as much as it counts."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed, (_t_k, _t_sizes) in enumerate([(1, (1, 99)), (4, (50, 3, 20)), (5, (2, 2)), (3, (10, 10, 10, 10, 1))]):
    _t_all, _t_parts = _t_random_flights(sum(_t_sizes), 70 + _t_seed, [200, 0][_t_seed % 2]), []
    for _t_size in _t_sizes:
        _t_parts, _t_all = [*_t_parts, _t_all[:_t_size]], _t_all[_t_size:]
    _t_whole, _t_extra = [one for part in _t_parts for one in part], [(f"X{number}", 3 * number) for number in range(sum(_t_sizes))]
    _t_check_merge(_t_parts, _t_k, _t_extra, _t_after(_t_whole + _t_extra, _t_k), tr(es="Varios procesos.", en="Several processes."))
### END HIDDEN TESTS

# %% wrong="reports" score=3 says_es="esperas para siempre" says_en="you wait for ever"
# es: Primero se lee todo y luego se informa.
# en: First everything is read and then one reports.
def reports(stream, k, every, state=None):
    state = {"n": 0, "sum": 0, "best": []} if state is None else {**state, "best": list(state["best"])}
    for flight, delay_min in list(stream):
        state["n"] += 1
        state["sum"] += delay_min
        state["best"].append([flight, delay_min])
        state["best"] = sorted(state["best"], key=lambda one: (-one[1], one[0]))[:k]
        if state["n"] % every == 0:
            mean = state["sum"] / state["n"]
            yield {"count": state["n"], "mean": mean, "top": list(map(tuple, state["best"])), "state": dict(state)}


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "sum": one["sum"] + other["sum"], "best": best}

# %% wrong="reports" score=4 says_es="cada media pesa" says_en="each mean weighs"
# es: De la media basta con guardar la de cada tramo: la media de las medias es la media.
# en: For the mean it is enough to store that of each stretch: the mean of the means is the mean.
def reports(stream, k, every, state=None):
    count, mean, best = (0, 0.0, []) if state is None else (state["n"], state["mean"], list(state["best"]))
    for flight, delay_min in stream:
        count += 1
        mean += (delay_min - mean) / count
        best = sorted([*best, (flight, delay_min)], key=lambda one: (-one[1], one[0]))[:k]
        if count % every == 0:
            yield {"count": count, "mean": mean, "top": best, "state": {"n": count, "mean": mean, "best": best}}


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "mean": (one["mean"] + other["mean"]) / 2, "best": best}

# %% wrong="reports" score=1 says_es="La media de todas las salidas" says_en="The mean of all departures"
# es: Un informe cuenta lo de su tramo: la media global es la de los últimos.
# en: A report counts what is in its stretch: the overall mean is that of the latest ones.
def reports(stream, k, every, state=None):
    state = {"n": 0, "sum": 0, "best": []} if state is None else {**state, "best": list(state["best"])}
    for flight, delay_min in stream:
        state["n"] += 1
        state["sum"] += delay_min
        state["best"].append([flight, delay_min])
        state["best"] = sorted(state["best"], key=lambda one: (-one[1], one[0]))[:k]
        if state["n"] % every == 0:
            mean = state["sum"] / state["n"]
            yield {"count": state["n"], "mean": mean, "top": list(map(tuple, state["best"])), "state": dict(state)}
            state["sum"] = mean * 0


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "sum": one["sum"] + other["sum"], "best": best}

# %% wrong="reports" score=3 says_es="lo ya contado cuenta" says_en="what was counted already counts"
# es: Al arrancar de nuevo se empieza de cero, y ya se llenará.
# en: On starting again one begins from zero, and it will fill up.
def reports(stream, k, every, state=None):
    state = {"n": 0, "sum": 0, "best": []}
    for flight, delay_min in stream:
        state["n"] += 1
        state["sum"] += delay_min
        state["best"].append([flight, delay_min])
        state["best"] = sorted(state["best"], key=lambda one: (-one[1], one[0]))[:k]
        if state["n"] % every == 0:
            mean = state["sum"] / state["n"]
            yield {"count": state["n"], "mean": mean, "top": list(map(tuple, state["best"])), "state": dict(state)}


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "sum": one["sum"] + other["sum"], "best": best}

# %% wrong="reports" score=3 says_es="estás guardando el flujo" says_en="you are storing the stream"
# es: Para dar los mayores hay que tenerlos todos.
# en: To give the greatest ones, one must have them all.
def reports(stream, k, every, state=None):
    state = {"n": 0, "sum": 0, "best": []} if state is None else {**state, "best": list(state["best"])}
    for flight, delay_min in stream:
        state["n"] += 1
        state["sum"] += delay_min
        state["best"].append([flight, delay_min])
        if state["n"] % every == 0:
            state["best"].sort(key=lambda one: (-one[1], one[0]))
            mean = state["sum"] / state["n"]
            yield {"count": state["n"], "mean": mean, "top": list(map(tuple, state["best"][:k])), "state": dict(state)}


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "sum": one["sum"] + other["sum"], "best": best}

# %% wrong="reports" score=3 says_es="de más retraso" says_en="with most delay"
# es: De los que empatan da igual cuál se quede.
# en: Among ties it does not matter which one stays.
def reports(stream, k, every, state=None):
    state = {"n": 0, "sum": 0, "best": []} if state is None else {**state, "best": list(state["best"])}
    for flight, delay_min in stream:
        state["n"] += 1
        state["sum"] += delay_min
        state["best"].append([flight, delay_min])
        state["best"] = sorted(state["best"], key=lambda one: -one[1])[:k]
        if state["n"] % every == 0:
            mean = state["sum"] / state["n"]
            yield {"count": state["n"], "mean": mean, "top": list(map(tuple, state["best"])), "state": dict(state)}


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "sum": one["sum"] + other["sum"], "best": best}

# %% wrong="reports" score=3 says_es="la de más puede tardar" says_en="the extra one may take"
# es: Para saber si toca informar hay que mirar la siguiente.
# en: To know whether a report is due one has to look at the next one.
def reports(stream, k, every, state=None):
    state = {"n": 0, "sum": 0, "best": []} if state is None else {**state, "best": list(state["best"])}
    for flight, delay_min in ahead(stream):
        state["n"] += 1
        state["sum"] += delay_min
        state["best"].append([flight, delay_min])
        state["best"] = sorted(state["best"], key=lambda one: (-one[1], one[0]))[:k]
        if state["n"] % every == 0:
            mean = state["sum"] / state["n"]
            yield {"count": state["n"], "mean": mean, "top": list(map(tuple, state["best"])), "state": dict(state)}


def ahead(stream):
    waiting = []
    for one in stream:
        waiting.append(one)
        if len(waiting) == 2:
            yield waiting.pop(0)
    yield from waiting


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "sum": one["sum"] + other["sum"], "best": best}

# %% wrong="reports" score=4 says_es="ha modificado" says_en="modified"
# es: El state del proceso se va modificando según llegan salidas: es suyo.
# en: The state of the process is modified as departures come: it is its own.
def reports(stream, k, every, state=None):
    state = {"n": 0, "sum": 0, "best": []} if state is None else state
    for flight, delay_min in stream:
        state["n"] += 1
        state["sum"] += delay_min
        state["best"].append([flight, delay_min])
        state["best"] = sorted(state["best"], key=lambda one: (-one[1], one[0]))[:k]
        if state["n"] % every == 0:
            mean = state["sum"] / state["n"]
            yield {"count": state["n"], "mean": mean, "top": list(map(tuple, state["best"])), "state": dict(state)}


def merge(one, other, k):
    best = sorted(one["best"] + other["best"], key=lambda flight: (-flight[1], flight[0]))[:k]
    return {"n": one["n"] + other["n"], "sum": one["sum"] + other["sum"], "best": best}

# %% right="reports"
class Backwards(str):
    # es: en el montón, el peor de los que se quedan es el de menos retraso y, en un empate, el de nombre mayor
    # en: in the heap, the worst of those that stay is the one with least delay and, in a tie, with the greatest name
    def __lt__(self, other):
        return str(self) > str(other)


def reports(stream, k, every, state=None):
    count, mean, heap = 0, 0.0, []
    if state is not None:
        count, mean = state["count"], state["mean"]
        heap = [(delay, Backwards(name)) for delay, name in state["heap"]]
        heapq.heapify(heap)
    for name, delay in stream:
        count += 1
        # es: la media se corrige con cada salida, sin llevar la suma
        # en: the mean is corrected by each departure, without keeping the sum
        mean += (delay - mean) / count
        if len(heap) < k:
            heapq.heappush(heap, (delay, Backwards(name)))
        else:
            heapq.heappushpop(heap, (delay, Backwards(name)))
        if count % every == 0:
            top = [[str(name), delay] for delay, name in sorted(heap, reverse=True)]
            yield {"count": count, "mean": mean, "top": top, "state": {"count": count, "mean": mean, "heap": [[delay, name] for name, delay in top]}}


def merge(one, other, k):
    count = one["count"] + other["count"]
    mean = (one["count"] * one["mean"] + other["count"] * other["mean"]) / count
    best = sorted(one["heap"] + other["heap"], key=lambda pair: (-pair[0], pair[1]))
    return {"count": count, "mean": mean, "heap": best[:k]}

# %% right="reports"
def reports(stream, k, every, state=None):
    # es: por tramos de tamaño every, y el tramo siguiente no se pide hasta que hace falta
    # en: by stretches of size every, and the next stretch is not asked for until it is needed
    from itertools import islice

    state = state or [0, 0, []]
    while len(chunk := list(islice(stream, every))) == every:
        part = [every, sum(delay for _, delay in chunk), sorted(([-delay, name] for name, delay in chunk))[:k]]
        state = merge(state, part, k)
        count, total, best = state
        yield {"count": count, "mean": total / count, "top": [(name, -minus) for minus, name in best], "state": state}


def merge(one, other, k):
    return [one[0] + other[0], one[1] + other[1], list(heapq.merge(one[2], other[2]))[:k]]

# %% [markdown] lang="es" row="15"
# ## 5. ¿Bastan los lotes? (3 puntos)
#
# Una característica no es «por lotes» o «dinámica» por lo a menudo que cambia, sino por cuánto empeora el modelo si se le da vieja. Se mide así: se entrena una vez, se le pasa al modelo la característica con 0 minutos de antigüedad, con 10, con 60… y se anota la AUC de cada una.
#
# - `oldest_min(period_min, run_min)`: un trabajo por lotes arranca cada `period_min` minutos, lee los datos que hay al arrancar, tarda `run_min` minutos y al acabar deja los valores nuevos, que se usan hasta que acaba el siguiente (si tarda más que el periodo, hay varios en marcha a la vez). ¿Cuál es la antigüedad máxima, en minutos, de los datos con los que se calcularon los valores en uso?
# - `allowed_min(curve, tolerance)`: `curve` es una lista de pares `(age_min, auc)`, de menor a mayor antigüedad; el primero es el de antigüedad 0. Devuelve la mayor antigüedad **medida** con la que todavía es seguro: con ella, **y con todas las medidas menores**, se pierde frente a la de antigüedad 0 como mucho `tolerance` (con un margen de $10^{-9}$ para los decimales). Un buen resultado
#   con una antigüedad mayor no salva a una menor que es mala.
# - `kind(curve, tolerance, period_min, run_min)`: `"batch"` si un trabajo así basta, es decir, si nunca se usan datos de más antigüedad que la permitida (igual sí vale); `"dynamic"` si no.
# - `kinds()`: un diccionario `{1: …, 2: …, …, 8: …}` con `"batch"` o `"dynamic"` para los ocho casos de la tabla, con un trabajo que arranca **cada 24 horas y tarda una**, y una tolerancia de 0.005. Puedes escribirlo a mano. La tabla da la AUC **perdida** respecto a la de antigüedad 0; entre dos medidas no se supone nada.
#
# | caso | característica | cambia | 0 min | 10 min | 2 h | 25 h | 7 días |
# |---|---|---|---|---|---|---|---|
# | 1 | ciudad del viajero | una vez cada varios años | 0 | 0 | 0 | 0 | 0.001 |
# | 2 | retraso medio de este aeropuerto en la última hora | cada minuto | 0 | 0.001 | 0.021 | 0.034 | 0.034 |
# | 3 | viajes de este conductor en toda su vida | con cada viaje | 0 | 0 | 0 | 0.001 | 0.002 |
# | 4 | tarjeta denunciada como robada (sí o no) | casi nunca | 0 | 0.012 | 0.040 | 0.047 | 0.047 |
# | 5 | precio medio de la zona el mes pasado | una vez al mes | 0 | 0 | 0 | 0.001 | 0.008 |
# | 6 | posición del conductor en los últimos 10 min | cada segundo | 0 | 0.030 | 0.052 | 0.053 | 0.053 |
# | 7 | temperatura prevista | cada hora | 0 | 0 | 0.002 | 0.004 | 0.031 |
# | 8 | edad del avión | cada día | 0 | 0 | 0 | 0 | 0 |
# %% [markdown] lang="en" row="15"
# ## 5. Is batch enough? (3 points)
#
# A feature is not "batch" or "dynamic" by how often it changes, but by how much worse the model becomes when it is given stale. It is measured like this: train once, give the model the feature with an age of 0 minutes, of 10, of 60… and note the AUC of each.
#
# - `oldest_min(period_min, run_min)`: a batch job starts every `period_min` minutes, reads the data there are when it starts, takes `run_min` minutes and when it ends leaves the new values, which are used until the next one ends (if a run takes longer than the period, several are under way at once). How old, at most, do the data behind the values in use become, in minutes?
# - `allowed_min(curve, tolerance)`: `curve` is a list of pairs `(age_min, auc)`, from least to greatest age; the first is that of age 0. It returns the greatest **measured** age that is still safe: that age, **and all smaller measured ages**, lose at most `tolerance` against age 0 (with a margin of $10^{-9}$ for the decimals). A good result
#   at a greater age does not rescue a smaller age that is bad.
# - `kind(curve, tolerance, period_min, run_min)`: `"batch"` if such a job is enough, that is, if data older than allowed are never used (equal is fine); `"dynamic"` if not.
# - `kinds()`: a dict `{1: …, 2: …, …, 8: …}` with `"batch"` or `"dynamic"` for the eight cases of the table, with a job that starts **every 24 hours and takes one**, and a tolerance of 0.005. You may write it by hand. The table gives the AUC **lost** with respect to that of age 0; between two measurements nothing is assumed.
#
# | case | feature | changes | 0 min | 10 min | 2 h | 25 h | 7 days |
# |---|---|---|---|---|---|---|---|
# | 1 | city of the rider | once every several years | 0 | 0 | 0 | 0 | 0.001 |
# | 2 | mean delay of this airport in the last hour | every minute | 0 | 0.001 | 0.021 | 0.034 | 0.034 |
# | 3 | rides of this driver in a lifetime | with each ride | 0 | 0 | 0 | 0.001 | 0.002 |
# | 4 | card reported as stolen (yes or no) | hardly ever | 0 | 0.012 | 0.040 | 0.047 | 0.047 |
# | 5 | mean price of the zone last month | once a month | 0 | 0 | 0 | 0.001 | 0.008 |
# | 6 | position of the driver in the last 10 min | every second | 0 | 0.030 | 0.052 | 0.053 | 0.053 |
# | 7 | forecast temperature | every hour | 0 | 0 | 0.002 | 0.004 | 0.031 |
# | 8 | age of the aircraft | every day | 0 | 0 | 0 | 0 | 0 |

# %% answer="freshness"
def oldest_min(period_min, run_min):
    ### BEGIN SOLUTION
    return period_min + run_min
    ### END SOLUTION


def allowed_min(curve, tolerance):
    ### BEGIN SOLUTION
    allowed = 0
    for age_min, auc in curve:
        if curve[0][1] - auc > tolerance + 1e-9:
            break
        allowed = age_min
    return allowed
    ### END SOLUTION


def kind(curve, tolerance, period_min, run_min):
    ### BEGIN SOLUTION
    return "batch" if oldest_min(period_min, run_min) <= allowed_min(curve, tolerance) else "dynamic"
    ### END SOLUTION


def kinds():
    ### BEGIN SOLUTION
    dynamic = {2, 4, 6}
    return {case: "dynamic" if case in dynamic else "batch" for case in range(1, 9)}
    ### END SOLUTION

# %% test="freshness/rule" points=2 row="15" objective="3.2"
import random as _t_random

from mlprod import checks


def _t_check_oldest(period, run, want):
    about = tr(
        es=f"oldest_min({period}, {run}): los valores se siguen usando mientras corre el trabajo siguiente. Antigüedad máxima de los datos, en minutos.",
        en=f"oldest_min({period}, {run}): the values go on being used while the next job runs. Greatest age of the data, in minutes.",
    )
    checks.same(checks.number(oldest_min(period, run), about), want, about)


def _t_check_allowed(curve, tolerance, want):
    about = tr(
        es=f"allowed_min({curve}, {tolerance}): la mayor antigüedad medida con la que, y con todas las menores, se pierde {tolerance} o menos.",
        en=f"allowed_min({curve}, {tolerance}): the greatest measured age at which, and at all smaller ones, {tolerance} or less is lost.",
    )
    checks.same(checks.number(allowed_min(list(curve), tolerance), about), want, about)


def _t_check_kind(curve, tolerance, period, run, want):
    checks.same(
        kind(list(curve), tolerance, period, run), want,
        tr(es=f"kind({curve}, {tolerance}, {period}, {run}): ¿se usan alguna vez datos de más antigüedad que la permitida?", en=f"kind({curve}, {tolerance}, {period}, {run}): are data older than allowed ever used?"),
    )


_t_curve = [(0, 0.72), (10, 0.719), (60, 0.716), (1500, 0.702)]
_t_check_oldest(60, 10, 70)
_t_check_oldest(1440, 60, 1500)
_t_check_allowed(_t_curve, 0.005, 60)
_t_check_allowed([(0, 0.75), (15, 0.70), (30, 0.749), (60, 0.7)], 0.01, 0)
_t_check_kind(_t_curve, 0.005, 60, 10, "dynamic")
_t_check_kind(_t_curve, 0.005, 30, 10, "batch")
checks.passed()
### BEGIN HIDDEN TESTS
for _t_period, _t_run in [(30, 30), (60, 1), (15, 4), (120, 60), (90, 45), (10, 25)]:
    # by looking at every minute of a few rounds
    _t_ages = [now - max(start for start in range(0, now, _t_period) if start + _t_run < now) for now in range(_t_run + 1, 8 * _t_period + _t_run)]
    _t_check_oldest(_t_period, _t_run, max(_t_ages))
for _t_tolerance, _t_want in [(0.0, 0), (0.001, 10), (0.0039, 10), (0.004, 60), (0.018, 1500), (0.5, 1500)]:
    _t_check_allowed(_t_curve, _t_tolerance, _t_want)
_t_check_allowed([(0, 0.7), (5, 0.6), (10, 0.7), (20, 0.71)], 0.02, 0)
_t_check_allowed([(0, 0.7), (5, 0.71), (10, 0.705), (20, 0.694), (40, 0.7)], 0.005, 10)
_t_check_allowed([(0, 0.7)], 0.005, 0)
_t_check_allowed([(0, 0.8), (60, 0.79), (120, 0.785)], 0.01, 60)
for _t_period, _t_run, _t_want in [(50, 10, "batch"), (50, 11, "dynamic"), (60, 0, "batch"), (1, 59, "batch"), (1440, 60, "dynamic")]:
    _t_check_kind(_t_curve, 0.005, _t_period, _t_run, _t_want)
_t_check_kind(_t_curve, 0.018, 1440, 60, "batch")
### END HIDDEN TESTS

# %% test="freshness/cases" points=1 row="15" objective="3.2"
_t_got = checks.plain(kinds())
assert isinstance(_t_got, dict) and set(_t_got) == set(range(1, 9)), tr(es=f"kinds() devuelve un diccionario con los casos del 1 al 8; has devuelto {_t_got!r}.", en=f"kinds() returns a dict with the cases from 1 to 8; you returned {_t_got!r}.")
assert set(map(str, _t_got.values())) <= {"batch", "dynamic"}, tr(es=f'Los valores son "batch" o "dynamic"; has devuelto {_t_got!r}.', en=f'The values are "batch" or "dynamic"; you returned {_t_got!r}.')
checks.passed()
print(tr(es="Aquí solo se mira la forma: las ocho respuestas se corrigen al entregar.", en="Only the form is looked at here: the eight answers are graded when you hand in."))
### BEGIN HIDDEN TESTS
_t_why = {
    "batch": tr(es="con datos de 25 horas se pierde 0.005 o menos: que cambie a menudo no importa si al modelo le da igual", en="with data 25 hours old 0.005 or less is lost: that it changes often does not matter if the model does not care"),
    "dynamic": tr(es="con datos de 25 horas se pierde más de 0.005: que casi nunca cambie no ayuda cuando cambia", en="with data 25 hours old more than 0.005 is lost: that it hardly ever changes does not help when it does"),
}
for _t_case, _t_value in _t_got.items():
    _t_want = "dynamic" if _t_case in (2, 4, 6) else "batch"
    assert _t_value == _t_want, tr(es=f"Caso {_t_case}: has puesto «{_t_value}», y {_t_why[_t_want]}.", en=f"Case {_t_case}: you wrote '{_t_value}', and {_t_why[_t_want]}.")
### END HIDDEN TESTS

# %% wrong="freshness" score=1 says_es="mientras corre el trabajo siguiente" says_en="while the next job runs"
# es: Los datos nunca tienen más antigüedad que el periodo.
# en: The data are never older than the period.
def oldest_min(period_min, run_min):
    return period_min


def allowed_min(curve, tolerance):
    best = curve[0][1]
    safe = [age_min for number, (age_min, _) in enumerate(curve) if all(best - auc <= tolerance + 1e-9 for _, auc in curve[: number + 1])]
    return max(safe)


def kind(curve, tolerance, period_min, run_min):
    return "dynamic" if oldest_min(period_min, run_min) > allowed_min(curve, tolerance) else "batch"


def kinds():
    return dict(enumerate("batch dynamic batch dynamic batch dynamic batch batch".split(), 1))

# %% wrong="freshness" score=1 says_es="mientras corre el trabajo siguiente" says_en="while the next job runs"
# es: En media, la antigüedad es la mitad del periodo: con eso se decide.
# en: On average the age is half the period: that decides.
def oldest_min(period_min, run_min):
    return period_min / 2 + run_min


def allowed_min(curve, tolerance):
    best = curve[0][1]
    safe = [age_min for number, (age_min, _) in enumerate(curve) if all(best - auc <= tolerance + 1e-9 for _, auc in curve[: number + 1])]
    return max(safe)


def kind(curve, tolerance, period_min, run_min):
    return "dynamic" if oldest_min(period_min, run_min) > allowed_min(curve, tolerance) else "batch"


def kinds():
    return dict(enumerate("batch dynamic batch dynamic batch dynamic batch batch".split(), 1))

# %% wrong="freshness" score=1 says_es="allowed_min" says_en="allowed_min"
# es: Vale la mayor antigüedad con una AUC buena, aunque antes haya una mala.
# en: The greatest age with a good AUC is fine, even if there is a bad one before it.
def oldest_min(period_min, run_min):
    return run_min + period_min


def allowed_min(curve, tolerance):
    best = curve[0][1]
    safe = [age_min for number, (age_min, _) in enumerate(curve) if best - curve[number][1] <= tolerance + 1e-9]
    return max(safe)


def kind(curve, tolerance, period_min, run_min):
    return "dynamic" if oldest_min(period_min, run_min) > allowed_min(curve, tolerance) else "batch"


def kinds():
    return dict(enumerate("batch dynamic batch dynamic batch dynamic batch batch".split(), 1))

# %% wrong="freshness" score=2 says_es="al modelo le da igual" says_en="the model does not care"
# es: Dinámica es lo que cambia a menudo.
# en: Dynamic is what changes often.
def oldest_min(period_min, run_min):
    return run_min + period_min


def allowed_min(curve, tolerance):
    best = curve[0][1]
    safe = [age_min for number, (age_min, _) in enumerate(curve) if all(best - auc <= tolerance + 1e-9 for _, auc in curve[: number + 1])]
    return max(safe)


def kind(curve, tolerance, period_min, run_min):
    return "dynamic" if oldest_min(period_min, run_min) > allowed_min(curve, tolerance) else "batch"


def kinds():
    return dict(enumerate("batch dynamic dynamic batch batch dynamic dynamic batch".split(), 1))

# %% wrong="freshness" score=2 says_es="no ayuda cuando cambia" says_en="does not help when it does"
# es: Lo que casi nunca cambia se calcula por lotes.
# en: What hardly ever changes is computed in batch.
def oldest_min(period_min, run_min):
    return run_min + period_min


def allowed_min(curve, tolerance):
    best = curve[0][1]
    safe = [age_min for number, (age_min, _) in enumerate(curve) if all(best - auc <= tolerance + 1e-9 for _, auc in curve[: number + 1])]
    return max(safe)


def kind(curve, tolerance, period_min, run_min):
    return "dynamic" if oldest_min(period_min, run_min) > allowed_min(curve, tolerance) else "batch"


def kinds():
    return dict(enumerate("batch dynamic batch batch batch dynamic batch batch".split(), 1))

# %% wrong="freshness" score=2 says_es="al modelo le da igual" says_en="the model does not care"
# es: Si con 7 días se pierde demasiado, hay que calcularla al momento.
# en: If with 7 days too much is lost, it must be computed on the spot.
def oldest_min(period_min, run_min):
    return run_min + period_min


def allowed_min(curve, tolerance):
    best = curve[0][1]
    safe = [age_min for number, (age_min, _) in enumerate(curve) if all(best - auc <= tolerance + 1e-9 for _, auc in curve[: number + 1])]
    return max(safe)


def kind(curve, tolerance, period_min, run_min):
    return "dynamic" if oldest_min(period_min, run_min) > allowed_min(curve, tolerance) else "batch"


def kinds():
    return dict(enumerate("batch dynamic batch dynamic dynamic dynamic dynamic batch".split(), 1))

# %% right="freshness"
def oldest_min(period_min, run_min):
    # es: el valor más viejo se usa justo antes de que acabe el trabajo siguiente
    # en: the oldest value is used just before the next job ends
    next_ends = period_min + run_min
    return float(next_ends)


def allowed_min(curve, tolerance):
    from itertools import takewhile

    fresh = curve[0][1]
    return list(takewhile(lambda point: fresh - point[1] < tolerance + 1e-9, curve))[-1][0]


def kind(curve, tolerance, period_min, run_min):
    return ("dynamic", "batch")[allowed_min(curve, tolerance) >= oldest_min(period_min, run_min)]


def kinds():
    lost = {1: 0, 2: 0.034, 3: 0.001, 4: 0.047, 5: 0.001, 6: 0.053, 7: 0.004, 8: 0}
    return {case: "batch" if auc <= 0.005 else "dynamic" for case, auc in lost.items()}

# %% [markdown] lang="es" row="18 22 23 24"
# ## 6. Cuándo compensa el streaming (7 puntos)
#
# Calcular «por lotes» o «según llega» no son dos mundos: son los extremos de un mando, el **intervalo** entre dos arranques. A la izquierda, un día; a la derecha, cero, que es atender cada evento según llega. Un escenario es un diccionario
# como `SCENARIO`, en la celda siguiente:
#
# | clave | significado |
# |---|---|
# | `"events_per_day"` | eventos al día |
# | `"value_eur"` | lo que valdrían al día unas predicciones con datos de antigüedad 0 |
# | `"half_life_min"` | cada cuántos minutos de antigüedad se reduce a la mitad lo que valen |
# | `"start_eur"` | coste fijo de arrancar un lote, una vez por arranque |
# | `"batch_event_eur"` | coste de procesar un evento dentro de un lote |
# | `"run_min"` | lo que tarda un lote, en minutos |
# | `"stream_fixed_eur"` | lo que cuestan **al día** la plataforma de streaming y sus guardias, haya los eventos que haya |
# | `"stream_event_eur"` | coste de procesar un evento según llega |
# | `"stream_delay_min"` | lo que tarda en notarse un evento cuando se atiende según llega, en minutos |
#
# **a)** `net_eur(scenario, interval_min)` es lo que se gana al día (valor menos coste). Con un intervalo $T$ mayor que cero hay $1440/T$ arranques al día (no hace falta que sea entero) y la antigüedad media de los datos es $T/2$ más lo que tarda un lote; con $T = 0$ no hay arranques, la antigüedad es `stream_delay_min` y se paga la plataforma. En ambos
# casos el valor al día es $V \cdot 2^{-a/h}$, con $V$ = `value_eur`, $a$ la antigüedad media y $h$ = `half_life_min`: no crece sin fin al acortar el intervalo, sino que **se satura**.
#
# **b)** `best_interval(scenario, intervals)` es el intervalo de esa lista con el que se gana más; si empatan (con un margen de $10^{-9}$), el más largo, que es el más sencillo de mantener.
#
# **c)** `break_even_eur(scenario, interval_min)` es el menor `"value_eur"` (de 0 en adelante) con el que atender cada evento según llega compensa, es decir, gana lo mismo o más que un lote cada `interval_min` ($> 0$), con lo demás igual: 0 si ya compensa con valor 0 (aunque con más valor dejara de hacerlo), y `math.inf` si no compensa nunca, por mucho que valga.
#
# **d)** Una empresa tiene varios **segmentos** (aeropuertos, zonas, productos), cada uno un escenario. Todos los de la lista tienen el mismo `"stream_fixed_eur"`, que **se paga una sola vez** si alguno va por streaming. `split(segments, interval_min)` recibe una lista de pares `(name, scenario)`, quizá vacía, y devuelve el conjunto de los nombres de los segmentos que conviene atender según
# llegan para que el total del día sea el mayor posible; los demás van por lotes cada `interval_min`. Si da igual, por lotes: tanto un segmento como todos.
#
# **e)** El coste de llamar a Python. Cada llamada a tu código cuesta `call_us` microsegundos (serializar, cruzar de la JVM a Python y volver), traiga uno o muchos eventos, y además `event_us` por evento. `smallest_batch(events_per_s, call_us, event_us)` es el menor número **entero** de eventos por llamada con el que un solo proceso sigue el ritmo, sin acumular retraso.
# Vale que esté ocupado el 100 % del tiempo (las divisiones no son exactas: deja un margen de $10^{-9}$ para que un resultado entero no suba al siguiente). Es `None` si no basta ningún tamaño; lo es siempre que `event_us` ya ocupa por sí solo todo el tiempo y `call_us` no es 0. Todo es positivo, salvo `call_us`, que puede ser 0.
# %% [markdown] lang="en" row="18 22 23 24"
# ## 6. When streaming pays (7 points)
#
# Computing "in batch" or "as it arrives" are not two worlds: they are the ends of a dial, the **interval** between two starts. On the left, a day; on the right, zero, which is handling each event as it arrives. A scenario is a dict
# like `SCENARIO`, in the next cell:
#
# | key | meaning |
# |---|---|
# | `"events_per_day"` | events a day |
# | `"value_eur"` | what predictions made with data of age 0 would be worth a day |
# | `"half_life_min"` | their worth is halved every this many minutes of age |
# | `"start_eur"` | fixed cost of starting a batch, once per start |
# | `"batch_event_eur"` | cost of processing an event within a batch |
# | `"run_min"` | how long a batch takes, in minutes |
# | `"stream_fixed_eur"` | what the streaming platform and its on-call shifts cost **a day**, whatever the number of events |
# | `"stream_event_eur"` | cost of processing an event as it arrives |
# | `"stream_delay_min"` | how long it takes for an event to have an effect when handled as it arrives, in minutes |
#
# **a)** `net_eur(scenario, interval_min)` is what is earned a day (value minus cost). With an interval $T$ greater than zero there are $1440/T$ starts a day (it need not be a whole number) and the mean age of the data is $T/2$ plus what a batch takes; with $T = 0$ there are no starts, the age is `stream_delay_min` and the platform is paid for. In both
# cases the value a day is $V \cdot 2^{-a/h}$, with $V$ = `value_eur`, $a$ the mean age and $h$ = `half_life_min`: it does not grow without end as the interval becomes shorter, but **saturates**.
#
# **b)** `best_interval(scenario, intervals)` is the interval of that list with which most is earned; in a tie (with a margin of $10^{-9}$), the longest, which is the simplest to maintain.
#
# **c)** `break_even_eur(scenario, interval_min)` is the lowest `"value_eur"` (from 0 up) at which handling each event as it arrives pays, that is, earns the same or more than a batch every `interval_min` ($> 0$), all else being equal: 0 if it already pays with a value of 0 (even if with more value it would stop paying), and `math.inf` if it never pays, whatever the value.
#
# **d)** A company has several **segments** (airports, zones, products), each of them a scenario. Those of the list have equal `"stream_fixed_eur"`, which is **paid once only** if any of them is streamed. `split(segments, interval_min)` gets a list of pairs `(name, scenario)`, perhaps empty, and returns the set of names of those segments that should be handled as they
# arrive so that the day's total is the greatest possible; the others go in batch every `interval_min`. In a tie, in batch: one segment as well as all of them.
#
# **e)** The cost of calling Python. Each call of your code costs `call_us` microseconds (serializing, crossing from the JVM to Python and back), whether it brings one event or many, and `event_us` per event besides. `smallest_batch(events_per_s, call_us, event_us)` is the smallest **whole** number of events per call with which a single process keeps up, without falling behind.
# Being busy 100 % of the time is fine (divisions are not exact: leave a margin of $10^{-9}$ so that a whole result does not become the next one). It is `None` if no size is enough; that is always so if `event_us` alone already takes all the time and `call_us` is not 0. Everything is positive, except for `call_us`, which may be 0.

# %%
SCENARIO = {
    "events_per_day": 1_000_000,
    "value_eur": 900,
    "half_life_min": 60,
    "start_eur": 0.5,
    "batch_event_eur": 0.000_02,
    "run_min": 5,
    "stream_fixed_eur": 150,
    "stream_event_eur": 0.000_08,
    "stream_delay_min": 0.1,
}

# %% answer="dial"
def net_eur(scenario, interval_min):
    ### BEGIN SOLUTION
    if interval_min == 0:
        age_min = scenario["stream_delay_min"]
        cost_eur = scenario["stream_fixed_eur"] + scenario["events_per_day"] * scenario["stream_event_eur"]
    else:
        age_min = interval_min / 2 + scenario["run_min"]
        starts = 1440 / interval_min
        cost_eur = starts * scenario["start_eur"] + scenario["events_per_day"] * scenario["batch_event_eur"]
    return scenario["value_eur"] * 2 ** (-age_min / scenario["half_life_min"]) - cost_eur
    ### END SOLUTION


def best_interval(scenario, intervals):
    ### BEGIN SOLUTION
    most = max(net_eur(scenario, interval) for interval in intervals)
    return max(interval for interval in intervals if net_eur(scenario, interval) >= most - 1e-9)
    ### END SOLUTION


def break_even_eur(scenario, interval_min):
    ### BEGIN SOLUTION
    # es: lo que se gana es una recta del valor: una pendiente (la frescura) y un término fijo (menos el coste)
    # en: what is earned is a straight line in the value: a slope (the freshness) and an intercept (minus the cost)
    def line(interval):
        cost = -net_eur(scenario | {"value_eur": 0}, interval)
        return net_eur(scenario | {"value_eur": 1}, interval) + cost, cost

    stream_slope, stream_cost = line(0)
    batch_slope, batch_cost = line(interval_min)
    if stream_cost <= batch_cost:
        return 0
    return (stream_cost - batch_cost) / (stream_slope - batch_slope) if stream_slope > batch_slope else math.inf
    ### END SOLUTION


def split(segments, interval_min):
    ### BEGIN SOLUTION
    def gain(scenario):
        return net_eur(scenario | {"stream_fixed_eur": 0}, 0) - net_eur(scenario, interval_min)

    worth = {name: gain(scenario) for name, scenario in segments if gain(scenario) > 0}
    fixed_eur = segments[0][1]["stream_fixed_eur"] if segments else 0
    return set(worth) if sum(worth.values()) > fixed_eur else set()
    ### END SOLUTION


def smallest_batch(events_per_s, call_us, event_us):
    ### BEGIN SOLUTION
    spare_us = 1e6 / events_per_s - event_us
    if call_us == 0:
        return 1 if spare_us >= -1e-9 else None
    return max(1, math.ceil(call_us / spare_us - 1e-9)) if spare_us > 1e-12 else None
    ### END SOLUTION

# %% test="dial/net" points=1 row="18" objective="3.5"
import itertools as _t_itertools
import math as _t_math
import random as _t_random

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_net_wanted(scenario, interval):
    events = scenario["events_per_day"]
    if interval == 0:
        age, cost = scenario["stream_delay_min"], scenario["stream_fixed_eur"] + events * scenario["stream_event_eur"]
    else:
        age, cost = interval / 2 + scenario["run_min"], 1440 / interval * scenario["start_eur"] + events * scenario["batch_event_eur"]
    return scenario["value_eur"] * _t_math.pow(0.5, age / scenario["half_life_min"]) - cost


def _t_scenarios(count, seed):
    chance = _t_random.Random(seed)
    for _ in range(count):
        yield {
            "events_per_day": chance.choice([1000, 200_000, 5_000_000]), "value_eur": chance.choice([5, 100, 900, 20_000]), "half_life_min": chance.choice([5, 60, 600, 10_000]), "start_eur": chance.choice([0.02, 0.5, 4]),
            "batch_event_eur": 0.000_02, "run_min": chance.choice([1, 5, 40]), "stream_fixed_eur": chance.choice([20, 150, 900]), "stream_event_eur": chance.choice([0.000_02, 0.000_08, 0.000_3]), "stream_delay_min": chance.choice([0.01, 0.1, 2]),
        }


def _t_break_even(scenario, interval):
    cost = {i: -_t_net_wanted(scenario | {"value_eur": 0}, i) for i in (0, interval)}
    fresh = {i: _t_net_wanted(scenario | {"value_eur": 1}, i) + cost[i] for i in (0, interval)}
    if cost[0] <= cost[interval]:
        return 0
    return (cost[0] - cost[interval]) / (fresh[0] - fresh[interval]) if fresh[0] > fresh[interval] else _t_math.inf


def _t_total(segments, chosen, interval):
    fixed = segments[0][1]["stream_fixed_eur"] if chosen and segments else 0
    return -fixed + sum(_t_net_wanted(one | {"stream_fixed_eur": 0}, 0 if name in chosen else interval) for name, one in segments)


def _t_best_of(scenario, intervals):
    nets = {interval: _t_net_wanted(scenario, interval) for interval in intervals}
    return max(interval for interval in intervals if nets[interval] >= max(nets.values()) - 1e-9)


def _t_best_split(segments, interval):
    names = sorted(name for name, _ in segments)
    options = [set(some) for size in range(len(names) + 1) for some in _t_itertools.combinations(names, size)]
    return max(options, key=lambda some: (round(_t_total(segments, some, interval), 9), -len(some)))
### END HIDDEN TESTS


def _t_net(scenario, interval):
    about = tr(es=f"net_eur con un intervalo de {interval} min.", en=f"net_eur with an interval of {interval} min.")
    return checks.number(net_eur(dict(scenario), interval), about)


def _t_check_net(scenario, interval, want, why):
    checks.same(_t_net(scenario, interval), want, tr(es=f"net_eur, intervalo de {interval} min, escenario {scenario}. {why}", en=f"net_eur, interval of {interval} min, scenario {scenario}. {why}"), tolerance=1e-6)


_t_check_net(SCENARIO, 60, 568.6779343765, tr(es="Antigüedad media: 30 min de espera y 5 del lote. Con cada 60 min el valor se reduce a la mitad: no baja en línea recta, se satura.", en="Mean age: 30 min of waiting and 5 of the batch. Every 60 min the value is halved: it does not fall in a straight line, it saturates."))
_t_check_net(SCENARIO, 0, 668.9608795642, tr(es="Con 0 no hay arranques, y se paga la plataforma.", en="With 0 there are no starts, and the platform is paid for."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_one in _t_scenarios(30, 1):
    for _t_interval in (1440, 720, 90, 7, 1, 0.5, 0):
        _t_check_net(_t_one, _t_interval, _t_net_wanted(_t_one, _t_interval), tr(es="Valor que se satura, menos coste.", en="Value that saturates, minus cost."))
# a continuous dial: no cliff anywhere between a day and a second
_t_steps = [_t_net(SCENARIO | {"start_eur": 0.000_01}, 1440 * 0.9**n) for n in range(110)]
assert all(abs(a - b) < 60 for a, b in _t_itertools.pairwise(_t_steps)), tr(es="Entre dos intervalos casi iguales lo que se gana da un salto: el mando no tiene escalones.", en="Between two nearly equal intervals what is earned jumps: the dial has no steps.")
### END HIDDEN TESTS

# %% test="dial/best" points=1 row="24" objective="3.5"
def _t_check_best(scenario, intervals, want, about=""):
    got = checks.number(best_interval(dict(scenario), list(intervals)), "best_interval")
    nets = {interval: round(_t_net(scenario, interval), 3) for interval in intervals}
    checks.same(got, want, tr(es=f"best_interval. {about} Con tu net_eur se gana: {nets}", en=f"best_interval. {about} With your net_eur one earns: {nets}"))


_t_check_best(SCENARIO, [1440, 240, 60, 15, 5, 0], 15, tr(es="Ni el extremo izquierdo ni el derecho tienen por qué ser lo mejor.", en="Neither the left end nor the right one need be the best."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_one in _t_scenarios(40, 2):
    for _t_some in ([0, 5, 15, 60, 240, 1440], [720, 30]):
        _t_check_best(_t_one, _t_some, _t_best_of(_t_one, _t_some))
_t_flat = SCENARIO | {"value_eur": 0, "start_eur": 0, "stream_fixed_eur": 0, "stream_event_eur": 0.000_02}
_t_check_best(_t_flat, [0, 60, 240, 30], 240, tr(es="Todos empatan: el más largo.", en="All tie: the longest."))
for _t_change in ({"value_eur": 50_000, "half_life_min": 5}, {"value_eur": 100}):
    _t_check_best(SCENARIO | _t_change, [1440, 240, 60, 15, 5, 0], _t_best_of(SCENARIO | _t_change, [1440, 240, 60, 15, 5, 0]))
### END HIDDEN TESTS

# %% test="dial/break_even" points=2 row="22" objective="3.9"
def _t_check_break_even(scenario, interval, want, about):
    got = checks.plain(break_even_eur(dict(scenario), interval), "break_even_eur")
    if want == _t_math.inf:
        assert isinstance(got, (int, float)) and got > 1e12, tr(es=f"{about} Con un lote cada {interval} min se esperaba math.inf y has devuelto {got!r}.", en=f"{about} With a batch every {interval} min math.inf was expected and you returned {got!r}.")
    else:
        checks.same(got, want, tr(es=f"{about} Valor a partir del cual compensa, frente a un lote cada {interval} min.", en=f"{about} Value from which it pays, against a batch every {interval} min."), tolerance=1e-6)


_t_check_break_even(SCENARIO, 60, 597.4193391709, tr(es="La plataforma se paga todos los días, haya o no eventos.", en="The platform is paid for every day, with or without events."))
_t_check_break_even(SCENARIO, 15, 1215.2230475198, tr(es="Lo que se gana en frescura frente a un lote cada 15 min es menos que frente a uno diario: el valor se satura.", en="What is gained in freshness over a batch every 15 min is less than over a daily one: value saturates."))
_t_check_break_even(SCENARIO | {"start_eur": 10}, 60, 0, tr(es="Arrancar 24 veces al día cuesta aquí más que la plataforma.", en="Starting 24 times a day costs more here than the platform."))
_t_check_break_even(SCENARIO | {"stream_delay_min": 60}, 60, _t_math.inf, tr(es="Un streaming que tarda 60 min da datos más viejos que el lote, y es más caro.", en="Streaming that takes 60 min gives older data than the batch, and is more expensive."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_break_even(SCENARIO | {"stream_fixed_eur": 1, "stream_event_eur": 0.000_001}, 60, 0, tr(es="El streaming es aquí más barato: ya compensa.", en="Here streaming is cheaper: it pays already."))
_t_check_break_even(SCENARIO | {"stream_delay_min": 90}, 60, _t_math.inf, tr(es="Un streaming que tarda 90 min da datos más viejos que el lote.", en="Streaming that takes 90 min gives older data than the batch."))
_t_check_break_even(SCENARIO | {"stream_delay_min": 35}, 60, _t_math.inf, tr(es="La misma frescura y más caro.", en="The same freshness and more expensive."))
for _t_one in _t_scenarios(60, 3):
    for _t_interval in (1440, 60, 10):
        _t_check_break_even(_t_one, _t_interval, _t_break_even(_t_one, _t_interval), tr(es=f"Escenario {_t_one}.", en=f"Scenario {_t_one}."))
_t_check_break_even(SCENARIO | {"value_eur": 0}, 60, _t_break_even(SCENARIO, 60), tr(es="No depende del value_eur que traiga el escenario.", en="It does not depend on the value_eur that the scenario brings."))
### END HIDDEN TESTS

# %% test="dial/split" points=2 row="24" objective="3.5"
def _t_check_split(segments, interval, want, about):
    got = checks.plain(split([(name, dict(one)) for name, one in segments], interval), "split")
    assert isinstance(got, (set, list)), tr(es=f"split devuelve un conjunto de nombres; ha devuelto {got!r}.", en=f"split returns a set of names; it returned {got!r}.")
    names, got = {name for name, _ in segments}, set(got)
    assert got <= names, tr(es=f"Estos nombres no son de ningún segmento: {got - names}.", en=f"These names belong to no segment: {got - names}.")
    assert got == want, tr(
        es=f"{about} Se gana más con {sorted(want)} por streaming, y has puesto {sorted(got)}. La plataforma se paga una vez, no por segmento, y solo si se usa.",
        en=f"{about} Most is earned with {sorted(want)} on streaming, and you put {sorted(got)}. The platform is paid for once, not per segment, and only if it is used.",
    )


_t_two = [("JFK", SCENARIO | {"value_eur": 2000}), ("LGA", SCENARIO | {"value_eur": 60, "half_life_min": 600}), ("EWR", SCENARIO | {"value_eur": 700})]
_t_check_split(_t_two, 60, {"JFK", "EWR"}, tr(es="Tres aeropuertos: no hay por qué elegir lo mismo para todos.", en="Three airports: there is no need to choose the same for all."))
_t_check_split([(name, SCENARIO | {"value_eur": 450}) for name in ("JFK", "LGA")], 60, {"JFK", "LGA"}, tr(es="Cada aeropuerto gana con la frescura menos de lo que cuesta la plataforma; los dos juntos, más.", en="Each airport gains less from freshness than the platform costs; both together, more."))
_t_check_split([(name, SCENARIO | {"value_eur": 180}) for name in ("JFK", "LGA", "EWR")], 60, set(), tr(es="Los tres aeropuertos juntos ganan menos de lo que cuesta la plataforma.", en="The three airports together gain less than the platform costs."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_split([(name, SCENARIO | {"value_eur": 500, "stream_fixed_eur": 200}) for name in "abc"], 60, set("abc"), tr(es="Ninguno paga la plataforma él solo, pero entre todos sí.", en="None pays for the platform alone, but all of them together do."))
_t_check_split([(name, SCENARIO | {"value_eur": 190}) for name in "abc"], 60, set(), tr(es="Ni entre todos pagan la plataforma.", en="Not even all of them together pay for the platform."))
_t_check_split([], 60, set(), tr(es="Sin segmentos.", en="With no segments."))
for _t_seed in range(60):
    _t_fixed, _t_interval = [20, 150, 900][_t_seed % 3], [1440, 60, 10][_t_seed % 3]
    _t_some = [(f"s{n}", one | {"stream_fixed_eur": _t_fixed}) for n, one in enumerate(_t_scenarios(2 + _t_seed % 5, 100 + _t_seed))]
    _t_check_split(_t_some, _t_interval, _t_best_split(_t_some, _t_interval), tr(es="Segmentos al azar.", en="Random segments."))
### END HIDDEN TESTS

# %% test="dial/python" points=1 row="23" objective="3.9"
def _t_check_call(events_per_s, call_us, event_us, want):
    about = tr(es=f"smallest_batch({events_per_s}, {call_us}, {event_us}).", en=f"smallest_batch({events_per_s}, {call_us}, {event_us}).")
    got = checks.plain(smallest_batch(events_per_s, call_us, event_us), about)
    if want is None:
        assert got is None, tr(es=f"{about} Solo con event_us ya no da abasto: se esperaba None y has devuelto {got!r}.", en=f"{about} With event_us alone it cannot cope: None was expected and you returned {got!r}.")
        return
    assert got is not None, tr(es=f"{about} Se puede: {want} por llamada. Lo caro es cada llamada, no Python en sí.", en=f"{about} It can be done: {want} per call. What is expensive is each call, not Python as such.")
    checks.same(got, want, about)


_t_check_call(100, 1000, 10, 1)
_t_check_call(2000, 1000, 10, 3)
_t_check_call(200_000, 1000, 10, None)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_case in [(50_000, 1000, 10, 100), (50_000, 1000, 20, None), (50_000, 0, 20, 1), (50_000, 0, 21, None), (10_000, 900, 10, 10), (10_000, 901, 10, 11), (1, 5, 5, 1), (1000, 990, 10, 1), (1000, 991, 10, 2), (99_000, 300, 10, 2970), (400_000, 2000, 1, 1334)]:
    _t_check_call(*_t_case)
### END HIDDEN TESTS

# %% wrong="dial" score=1 says_es="se paga la plataforma" says_en="the platform is paid for"
# es: La plataforma ya está: solo cuenta lo que cuesta cada evento.
# en: The platform is there already: only what each event costs counts.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"] + interval_min / 2
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = 0 if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * 0.5 ** (age_min / scenario["half_life_min"])
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    best = None
    for interval in sorted(intervals, reverse=True):
        if best is None or net_eur(scenario, interval) > net_eur(scenario, best) + 1e-9:
            best = interval
    return best


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = net_eur(free, interval_min) - net_eur(free, 0)
    half_life = scenario["half_life_min"]
    fresher = 0.5 ** (scenario["stream_delay_min"] / half_life) - 0.5 ** ((interval_min / 2 + scenario["run_min"]) / half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) + scenario["stream_fixed_eur"] - net_eur(scenario, interval_min)
        if gain > 0:
            gains[name] = gain
    pays = bool(gains) and sum(gains.values()) > segments[0][1]["stream_fixed_eur"]
    return set(gains) if pays else set()


def smallest_batch(events_per_s, call_us, event_us):
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% wrong="dial" score=1 says_es="línea recta" says_en="straight line"
# es: La frescura vale en proporción: cada minuto menos suma lo mismo, siempre.
# en: Freshness is worth in proportion: each minute less adds the same, always.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"] + interval_min / 2
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = scenario["stream_fixed_eur"] if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * (1 - age_min / (2 * scenario["half_life_min"]))
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    best = None
    for interval in sorted(intervals, reverse=True):
        if best is None or net_eur(scenario, interval) > net_eur(scenario, best) + 1e-9:
            best = interval
    return best


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = net_eur(free, interval_min) - net_eur(free, 0)
    half_life = scenario["half_life_min"]
    fresher = (interval_min / 2 + scenario["run_min"] - scenario["stream_delay_min"]) / (2 * half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) + scenario["stream_fixed_eur"] - net_eur(scenario, interval_min)
        if gain > 0:
            gains[name] = gain
    pays = bool(gains) and sum(gains.values()) > segments[0][1]["stream_fixed_eur"]
    return set(gains) if pays else set()


def smallest_batch(events_per_s, call_us, event_us):
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% wrong="dial" score=6 says_es="Ni el extremo" says_en="Neither the left"
# es: Cuanto más a menudo, mejor.
# en: The more often, the better.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"] + interval_min / 2
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = scenario["stream_fixed_eur"] if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * 0.5 ** (age_min / scenario["half_life_min"])
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    return min(intervals)


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = net_eur(free, interval_min) - net_eur(free, 0)
    half_life = scenario["half_life_min"]
    fresher = 0.5 ** (scenario["stream_delay_min"] / half_life) - 0.5 ** ((interval_min / 2 + scenario["run_min"]) / half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) + scenario["stream_fixed_eur"] - net_eur(scenario, interval_min)
        if gain > 0:
            gains[name] = gain
    pays = bool(gains) and sum(gains.values()) > segments[0][1]["stream_fixed_eur"]
    return set(gains) if pays else set()


def smallest_batch(events_per_s, call_us, event_us):
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% wrong="dial" score=5 says_es="una vez, no por segmento" says_en="once, not per segment"
# es: Cada segmento paga su plataforma: solo va por streaming el que la paga solo.
# en: Each segment pays for its platform: only the one that pays for it alone is streamed.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"] + interval_min / 2
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = scenario["stream_fixed_eur"] if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * 0.5 ** (age_min / scenario["half_life_min"])
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    best = None
    for interval in sorted(intervals, reverse=True):
        if best is None or net_eur(scenario, interval) > net_eur(scenario, best) + 1e-9:
            best = interval
    return best


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = net_eur(free, interval_min) - net_eur(free, 0)
    half_life = scenario["half_life_min"]
    fresher = 0.5 ** (scenario["stream_delay_min"] / half_life) - 0.5 ** ((interval_min / 2 + scenario["run_min"]) / half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) - net_eur(scenario, interval_min)
        if gain > 0:
            gains[name] = gain
    return set(gains)


def smallest_batch(events_per_s, call_us, event_us):
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% wrong="dial" score=5 says_es="no hay por qué elegir" says_en="no need to choose"
# es: Hay que elegir: o todo por lotes o todo por streaming.
# en: One must choose: either all in batch or all streamed.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"] + interval_min / 2
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = scenario["stream_fixed_eur"] if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * 0.5 ** (age_min / scenario["half_life_min"])
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    best = None
    for interval in sorted(intervals, reverse=True):
        if best is None or net_eur(scenario, interval) > net_eur(scenario, best) + 1e-9:
            best = interval
    return best


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = net_eur(free, interval_min) - net_eur(free, 0)
    half_life = scenario["half_life_min"]
    fresher = 0.5 ** (scenario["stream_delay_min"] / half_life) - 0.5 ** ((interval_min / 2 + scenario["run_min"]) / half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) + scenario["stream_fixed_eur"] - net_eur(scenario, interval_min)
        gains[name] = gain
    pays = bool(gains) and sum(gains.values()) > segments[0][1]["stream_fixed_eur"]
    return set(gains) if pays else set()


def smallest_batch(events_per_s, call_us, event_us):
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% wrong="dial" score=6 says_es="Lo caro es cada llamada" says_en="What is expensive is each call"
# es: Python no sirve para el streaming en cuanto la llamada cuesta más que el hueco entre dos eventos.
# en: Python will not do for streaming as soon as the call costs more than the gap between two events.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"] + interval_min / 2
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = scenario["stream_fixed_eur"] if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * 0.5 ** (age_min / scenario["half_life_min"])
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    best = None
    for interval in sorted(intervals, reverse=True):
        if best is None or net_eur(scenario, interval) > net_eur(scenario, best) + 1e-9:
            best = interval
    return best


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = net_eur(free, interval_min) - net_eur(free, 0)
    half_life = scenario["half_life_min"]
    fresher = 0.5 ** (scenario["stream_delay_min"] / half_life) - 0.5 ** ((interval_min / 2 + scenario["run_min"]) / half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) + scenario["stream_fixed_eur"] - net_eur(scenario, interval_min)
        if gain > 0:
            gains[name] = gain
    pays = bool(gains) and sum(gains.values()) > segments[0][1]["stream_fixed_eur"]
    return set(gains) if pays else set()


def smallest_batch(events_per_s, call_us, event_us):
    if (call_us + event_us) * events_per_s > 1e6:
        return None
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% wrong="dial" score=5 says_es="se paga todos los días" says_en="is paid for every day"
# es: El coste fijo se reparte entre los eventos y, con muchos, se puede olvidar.
# en: The fixed cost is spread over the events and, with many, can be forgotten.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"] + interval_min / 2
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = scenario["stream_fixed_eur"] if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * 0.5 ** (age_min / scenario["half_life_min"])
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    best = None
    for interval in sorted(intervals, reverse=True):
        if best is None or net_eur(scenario, interval) > net_eur(scenario, best) + 1e-9:
            best = interval
    return best


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = (scenario["stream_event_eur"] - scenario["batch_event_eur"]) * scenario["events_per_day"]
    half_life = scenario["half_life_min"]
    fresher = 0.5 ** (scenario["stream_delay_min"] / half_life) - 0.5 ** ((interval_min / 2 + scenario["run_min"]) / half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) + scenario["stream_fixed_eur"] - net_eur(scenario, interval_min)
        if gain > 0:
            gains[name] = gain
    pays = bool(gains) and sum(gains.values()) > segments[0][1]["stream_fixed_eur"]
    return set(gains) if pays else set()


def smallest_batch(events_per_s, call_us, event_us):
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% wrong="dial" score=1 says_es="Antigüedad media" says_en="Mean age"
# es: La antigüedad de los datos de un lote es la de justo después de acabar: lo que tarda.
# en: The age of a batch's data is that just after it ends: what it takes.
def net_eur(scenario, interval_min):
    streamed = interval_min == 0
    age_min = scenario["stream_delay_min"] if streamed else scenario["run_min"]
    per_event = scenario["stream_event_eur" if streamed else "batch_event_eur"]
    fixed = scenario["stream_fixed_eur"] if streamed else scenario["start_eur"] * 1440 / interval_min
    value = scenario["value_eur"] * 0.5 ** (age_min / scenario["half_life_min"])
    return value - fixed - per_event * scenario["events_per_day"]


def best_interval(scenario, intervals):
    best = None
    for interval in sorted(intervals, reverse=True):
        if best is None or net_eur(scenario, interval) > net_eur(scenario, best) + 1e-9:
            best = interval
    return best


def break_even_eur(scenario, interval_min):
    free = {**scenario, "value_eur": 0}
    extra_cost = net_eur(free, interval_min) - net_eur(free, 0)
    half_life = scenario["half_life_min"]
    fresher = 0.5 ** (scenario["stream_delay_min"] / half_life) - 0.5 ** (scenario["run_min"] / half_life)
    if extra_cost <= 0:
        return 0.0
    return extra_cost / fresher if fresher > 1e-15 else math.inf


def split(segments, interval_min):
    gains = {}
    for name, scenario in segments:
        gain = net_eur(scenario, 0) + scenario["stream_fixed_eur"] - net_eur(scenario, interval_min)
        if gain > 0:
            gains[name] = gain
    pays = bool(gains) and sum(gains.values()) > segments[0][1]["stream_fixed_eur"]
    return set(gains) if pays else set()


def smallest_batch(events_per_s, call_us, event_us):
    free_us = 1e6 / events_per_s - event_us
    if call_us == 0 and free_us >= 0:
        return 1
    return None if free_us <= 0 else max(1, math.ceil(call_us / free_us - 1e-9))

# %% right="dial"
def net_eur(scenario, interval_min):
    # es: con logaritmos, y el intervalo cero como un caso más de la lista de costes
    # en: with logarithms, and the interval zero as one more case of the list of costs
    s = scenario
    if interval_min > 0:
        age, costs = interval_min / 2 + s["run_min"], [1440 / interval_min * s["start_eur"], s["events_per_day"] * s["batch_event_eur"]]
    else:
        age, costs = s["stream_delay_min"], [s["stream_fixed_eur"], s["events_per_day"] * s["stream_event_eur"]]
    return s["value_eur"] * math.exp(-math.log(2) * age / s["half_life_min"]) - sum(costs)


def best_interval(scenario, intervals):
    return max(intervals, key=lambda interval: (round(net_eur(scenario, interval), 9), interval))


def break_even_eur(scenario, interval_min):
    # es: por bisección, sin despejar nada
    # en: by bisection, without solving for anything
    def pays(value):
        valued = {**scenario, "value_eur": value}
        return net_eur(valued, 0) >= net_eur(valued, interval_min)

    if pays(0):
        return 0
    high = 1.0
    while not pays(high):
        high *= 2
        if high > 1e12:
            return math.inf
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if pays(middle) else (middle, high)
    return high


def split(segments, interval_min):
    # es: todos los repartos posibles, del que menos lleva al que más
    # en: every possible split, from the one with fewest to the one with most
    from itertools import combinations

    best, most = [], sum(net_eur(scenario, interval_min) for _, scenario in segments)
    for size in range(1, len(segments) + 1):
        for some in combinations([name for name, _ in segments], size):
            total = -segments[0][1]["stream_fixed_eur"]
            for name, scenario in segments:
                total += net_eur({**scenario, "stream_fixed_eur": 0}, 0 if name in some else interval_min)
            if total > most + 1e-9:
                best, most = list(some), total
    return best


def smallest_batch(events_per_s, call_us, event_us):
    events = 1
    while events_per_s * (call_us / events + event_us) > 1e6 + 1e-3:
        events += 1
        if events > 100_000:
            return None
    return events

# %% [markdown] lang="es" row="14 20"
# ## 7. Una definición en Spark (5 puntos)
#
# Las dos últimas tareas usan Spark. Escribe `features(df)`, que recibe un DataFrame de vuelos y devuelve otro con sus características. Exactamente la misma función se ejecuta de dos maneras: sobre el historial, con `spark.read`, y sobre un flujo, con `spark.readStream`, que lee los archivos
# según llegan y da cada fila del resultado una sola vez (`outputMode("append")`). Por eso no puedes usar nada que necesite tener todas las filas: ni `collect`, ni `toPandas`, ni `orderBy`.
#
# - Entrada: `airport` (texto), `at` (`timestamp`, cuándo sale) y `delay_min` (`double`; es nulo si el vuelo se canceló).
# - Resultado: una fila por aeropuerto y hora que tenga algún vuelo, cancelado o no. Las horas son ventanas fijas (`F.window`) de una hora, alineadas con las horas en punto, según `at`. Las columnas son cinco, con estos nombres, en el orden que quieras: `airport`; `window_start` (`timestamp`), cuándo empieza la ventana; `flights`, cuántos vuelos, con los cancelados; `cancelled`, cuántos cancelados;
#   y `mean_delay`, la media de `delay_min` de los que no se cancelaron, nula si no hay ninguno.
# - En el flujo, los vuelos llegan desordenados. Hay que esperar a los atrasados **30 minutos**, ni más ni menos. Díselo a Spark con una marca de agua sobre `at`, como la de la tarea 1: por sí solo no sabe cuándo ha acabado una ventana.
#
# La celda siguiente arranca Spark, lo que tarda unos segundos. Puedes probar tu función con `session.createDataFrame(…)`; la sesión trabaja en UTC.
# %% [markdown] lang="en" row="14 20"
# ## 7. One definition in Spark (5 points)
#
# The last two tasks use Spark. Write `features(df)`, which gets a DataFrame of departures and returns another one with their features. Exactly the same function is run in two ways: over the history, with `spark.read`, and over a stream, with `spark.readStream`, which reads the files
# as they arrive and gives each row of the result only once (`outputMode("append")`). That is why you can use nothing that needs to have all the rows: neither `collect`, nor `toPandas`, nor `orderBy`.
#
# - Input: `airport` (string), `at` (`timestamp`, when it leaves) and `delay_min` (`double`; it is null if the flight was cancelled).
# - Result: one row for each airport and hour with some flight, cancelled or not. Hours are tumbling windows (`F.window`) of one hour, on the hour, by `at`. There are five columns, with these names, in any order: `airport`; `window_start` (`timestamp`), when the window begins; `flights`, how many flights, cancelled ones included; `cancelled`, how many were cancelled;
#   and `mean_delay`, the mean `delay_min` of those that were not cancelled, null if there is none.
# - In the stream, flights come out of order. Late ones must be waited for **30 minutes**, neither more nor less. Tell Spark so with a watermark on `at`, like that of task 1: on its own it cannot know when a window has ended.
#
# The next cell starts Spark, which takes some seconds. You can try your function with `session.createDataFrame(…)`; the session works in UTC.

# %%
import os

from pyspark.sql import Window
from pyspark.sql import functions as F

from mlprod.systems import spark

# es: siempre el Spark de este ordenador, aunque haya un clúster; ajustado para tablas de unas pocas filas
# en: always this computer's Spark, even if there is a cluster; tuned for tables of a few rows
for setting in ("SPARK_REMOTE", "SPARK_MASTER"):
    os.environ.pop(setting, None)
session = spark.session(
    spark_sql_shuffle_partitions=1,
    spark_sql_adaptive_enabled="false",
    spark_sql_codegen_wholeStage="false",
    spark_sql_codegen_factoryMode="NO_CODEGEN",
)
session.sql("SELECT 1 AS ready").show()

# %% answer="features"
def features(df):
    ### BEGIN SOLUTION
    return (
        df.withWatermark("at", "30 minutes")
        .groupBy("airport", F.window("at", "1 hour").alias("hour"))
        .agg(
            F.count("*").alias("flights"),
            F.count_if(F.col("delay_min").isNull()).alias("cancelled"),
            F.avg("delay_min").alias("mean_delay"),
        )
        .select("airport", F.col("hour.start").alias("window_start"), "flights", "cancelled", "mean_delay")
    )
    ### END SOLUTION

# %% test="features/batch" points=2 row="14" objective="3.1"
import json as _t_json
import os as _t_os
import random as _t_random
import secrets as _t_secrets
import tempfile as _t_tempfile
from datetime import datetime as _t_datetime, timedelta as _t_timedelta

from mlprod import checks
from mlprod.systems import flights as _t_flights
from mlprod.systems.workspace import workspace as _t_workspace

### BEGIN HIDDEN TESTS
_t_real = _t_flights.events(days=("2013-07-01", "2013-07-02"), kinds=("departure",))
_t_chance = _t_random.Random(5)
_t_day = [(row.origin, row.event_time.to_pydatetime().replace(tzinfo=None), None if _t_chance.random() < 0.05 else float(row.delay)) for row in _t_real.itertuples()]


def _t_hours_wanted(departures):
    hours = {}
    for airport, at, delay in departures:
        hours.setdefault((airport, at.replace(minute=0, second=0, microsecond=0)), []).append(delay)
    rows = {}
    for key, delays in hours.items():
        flown = [delay for delay in delays if delay is not None]
        rows[key] = [len(delays), len(delays) - len(flown), sum(flown) / len(flown) if flown else None]
    return rows
### END HIDDEN TESTS

_t_SCHEMA = "airport string, at timestamp, delay_min double"


def _t_session():
    """The notebook's only session, also if the answer has stopped it or has given its name to something else."""
    from mlprod.systems import spark

    return spark.session()


def _t_clock(text):
    return _t_datetime.fromisoformat(f"2013-07-01 {text}")


def _t_files(*parts):
    """A folder with one file for each list of (airport, at, delay_min), to be read in that order."""
    folder = _t_tempfile.mkdtemp(prefix="departures-", dir=_t_workspace())
    for number, part in enumerate(parts):
        path = _t_os.path.join(folder, f"{number:03d}.json")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(_t_json.dumps({"airport": airport, "at": at.isoformat(), "delay_min": delay}) + "\n" for airport, at, delay in part)
        _t_os.utime(path, (1_400_000_000 + 10 * number,) * 2)
    return folder


def _t_columns(df):
    checks.same(set(df.columns), {"airport", "window_start", "flights", "cancelled", "mean_delay"}, tr(es="Columnas del resultado.", en="Columns of the result."), observed=True)
    return df


def _t_hours_compare(rows, want, about):
    got = {}
    for row in rows:
        key = (row["airport"], row["window_start"])
        assert isinstance(key[1], _t_datetime), tr(es=f"window_start es un timestamp; sale {key[1]!r}.", en=f"window_start is a timestamp; it comes out as {key[1]!r}.")
        assert key not in got, tr(es=f"Caso: {about}\n  La fila de {key[0]} y la hora {key[1]} sale dos veces.", en=f"Case: {about}\n  The row of {key[0]} at {key[1]} comes out twice.")
        got[key] = [row["flights"], row["cancelled"], row["mean_delay"]]
    checks.same(sorted((airport, str(hour)) for airport, hour in got), sorted((airport, str(hour)) for airport, hour in want), tr(es=f"Caso: {about}\n  Aeropuertos y horas del resultado.", en=f"Case: {about}\n  Airports and hours of the result."), observed=True)
    for (airport, hour), values in sorted(want.items()):
        checks.same(got[airport, hour], values, tr(es=f"Caso: {about}\n  [flights, cancelled, mean_delay] de {airport} en la hora que empieza el {hour:%Y-%m-%d} a las {hour:%H:%M}.", en=f"Case: {about}\n  [flights, cancelled, mean_delay] of {airport} in the hour that begins on {hour:%Y-%m-%d} at {hour:%H:%M}."), tolerance=1e-6, observed=True)


def _t_check_history(departures, wanted, about):
    made = _t_columns(features(_t_session().read.schema(_t_SCHEMA).json(_t_files(departures))))
    _t_hours_compare(made.collect(), wanted, about)


_t_morning = [
    ("JFK", _t_clock("10:00"), 5.0), ("JFK", _t_clock("10:20"), None), ("JFK", _t_clock("10:59:59"), 16.0), ("LGA", _t_clock("10:30"), None), ("JFK", _t_clock("11:00"), 2.0), ("LGA", _t_clock("11:45"), -4.0),
]
_t_by_hour = {("JFK", _t_clock("10:00")): [3, 1, 10.5], ("LGA", _t_clock("10:00")): [1, 1, None], ("JFK", _t_clock("11:00")): [1, 0, 2.0], ("LGA", _t_clock("11:00")): [1, 0, -4.0]}
_t_check_history(_t_morning, _t_by_hour, tr(es="Por lotes. Un cancelado es un vuelo, y su retraso no es 0: no se sabe.", en="In batch. A cancelled one is a flight, and its delay is not 0: it is not known."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance.shuffle(_t_day)
_t_check_history(_t_day, _t_hours_wanted(_t_day), tr(es="Por lotes, un día de verdad (con cancelaciones puestas al azar).", en="In batch, a real day (with cancellations put in at random)."))
### END HIDDEN TESTS

# %% test="features/stream" points=2 row="14 20" objective="3.1"
def _t_first_line(error):
    """Spark prints its whole plan after the first line, and other names with it."""
    return str(error).strip().splitlines()[0]


def _t_streamed_hours(*parts):
    """What comes out of a stream whose files arrive one after another, once everything that has arrived is processed."""
    source, name = _t_session().readStream.schema(_t_SCHEMA).option("maxFilesPerTrigger", 1).json(_t_files(*parts)), f"out_{_t_secrets.token_hex(4)}"
    try:
        made = _t_columns(features(source))
        query = made.writeStream.outputMode("append").format("memory").queryName(name).trigger(availableNow=True).start()
    except AssertionError:
        raise
    except Exception as error:
        if "watermark" in _t_first_line(error).lower():
            raise AssertionError(
                tr(
                    es=f"Spark no acepta la consulta en un flujo: {_t_first_line(error)}\n  Sin marca de agua sobre at no puede saber cuándo acaba una ventana. ¿La has puesto, y agrupas por una ventana de at?",
                    en=f"Spark does not accept the query on a stream: {_t_first_line(error)}\n  Without a watermark on at it cannot know when a window ends. Did you set one, and do you group by a window of at?",
                )
            ) from None
        raise AssertionError(
            tr(
                es=f"Sobre un flujo tu función falla: {type(error).__name__}: {_t_first_line(error)}\n  Un flujo no está entero nunca: ¿pides algo que necesita todas las filas?",
                en=f"On a stream your function fails: {type(error).__name__}: {_t_first_line(error)}\n  A stream is never complete: do you ask for something that needs all the rows?",
            )
        ) from None
    query.awaitTermination(100)
    query.stop()
    return _t_session().table(name).collect()


# the last file only moves the watermark on, so that everything before is closed
_t_CLOSING = [("ZZZ", _t_datetime(2013, 7, 3), 0.0)]
_t_hours_compare(
    _t_streamed_hours([_t_morning[4], *_t_morning[:2]], [_t_morning[2], _t_morning[3], _t_morning[5]], _t_CLOSING), _t_by_hour,
    tr(es="Los mismos vuelos, por un flujo y desordenados: tiene que salir lo mismo que por lotes.", en="The same departures, through a stream and out of order: the same must come out as in batch."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_some = sorted((one for one in _t_day if one[1] < _t_clock("16:00")), key=lambda one: one[1] + _t_timedelta(minutes=_t_chance.randrange(30)))
_t_half = len(_t_some) // 2
_t_hours_compare(_t_streamed_hours(_t_some[:_t_half], _t_some[_t_half:], _t_CLOSING), _t_hours_wanted(_t_some), tr(es="Un día de verdad por un flujo, con menos de 30 min de desorden.", en="A real day through a stream, less than 30 min out of order."))
### END HIDDEN TESTS

# %% test="features/late" points=1 row="14" objective="3.4"
# a batch drops what was late by the watermark of the batch before: hence the files in between
_t_out = _t_streamed_hours(
    [("JFK", _t_clock("10:10"), 4.0), ("JFK", _t_clock("11:35"), 8.0)], [("JFK", _t_clock("11:20"), 6.0)], [("JFK", _t_clock("10:20"), 90.0), ("JFK", _t_clock("12:25"), 2.0)],
    [("JFK", _t_clock("12:10"), 4.0)], [("JFK", _t_clock("11:50"), 1.0)], _t_CLOSING,
)
_t_hours_compare(
    _t_out, {("JFK", _t_clock("10:00")): [1, 0, 4.0], ("JFK", _t_clock("11:00")): [3, 0, 5.0], ("JFK", _t_clock("12:00")): [2, 0, 3.0]},
    tr(
        es="Se esperan 30 minutos. Con el de las 11:35 la marca de agua llega a 11:05, y el de 10:20 ya no cuenta: su ventana está cerrada. Con el de las 12:25 llega a 11:55, y el de 11:50 todavía cuenta.",
        en="30 minutes are waited for. With that of 11:35 the watermark gets to 11:05, and that of 10:20 no longer counts: its window is closed. With that of 12:25 it gets to 11:55, and that of 11:50 still counts.",
    ),
)
checks.passed()

# %% wrong="features" score=2 says_es="Sin marca de agua" says_en="Without a watermark"
# es: Spark ya sabe cuándo acaba una ventana.
# en: Spark knows when a window ends.
def features(df):
    cancelled = F.when(F.col("delay_min").isNull(), 1).otherwise(0)
    hours = df.groupBy(F.window("at", "60 minutes"), "airport")
    made = hours.agg(F.count(F.lit(1)).alias("flights"), F.sum(cancelled).alias("cancelled"), F.mean("delay_min").alias("mean_delay"))
    return made.withColumn("window_start", F.col("window").start).drop("window")

# %% wrong="features" score=1 says_es="su retraso no es 0" says_en="its delay is not 0"
# es: Si no hay retraso, es 0.
# en: If there is no delay, it is 0.
def features(df):
    cancelled = F.when(F.col("delay_min").isNull(), 1).otherwise(0)
    hours = df.withWatermark("at", "30 minutes").groupBy(F.window("at", "60 minutes"), "airport")
    made = hours.agg(F.count(F.lit(1)).alias("flights"), F.sum(cancelled).alias("cancelled"), F.mean(F.coalesce("delay_min", F.lit(0.0))).alias("mean_delay"))
    return made.withColumn("window_start", F.col("window").start).drop("window")

# %% wrong="features" score=4 says_es="su ventana está cerrada" says_en="its window is closed"
# es: Las ventanas son de una hora: se espera una hora.
# en: Windows last an hour: wait an hour.
def features(df):
    cancelled = F.when(F.col("delay_min").isNull(), 1).otherwise(0)
    hours = df.withWatermark("at", "1 hour").groupBy(F.window("at", "60 minutes"), "airport")
    made = hours.agg(F.count(F.lit(1)).alias("flights"), F.sum(cancelled).alias("cancelled"), F.mean("delay_min").alias("mean_delay"))
    return made.withColumn("window_start", F.col("window").start).drop("window")

# %% wrong="features" score=2 says_es="Un flujo no está entero nunca" says_en="A stream is never complete"
# es: El resultado se ordena al final, como el de cualquier consulta.
# en: The result is sorted at the end, like that of any query.
def features(df):
    late = df.withWatermark("at", "30 minutes")
    hours = late.groupBy("airport", F.window("at", "1 hour").alias("w")).agg(
        F.count("*").alias("flights"),
        F.count_if(F.col("delay_min").isNull()).alias("cancelled"),
        F.avg("delay_min").alias("mean_delay"),
    )
    return hours.select("airport", F.col("w.start").alias("window_start"), "flights", "cancelled", "mean_delay").orderBy("airport")

# %% right="features"
def features(df):
    # es: lo mismo, en SQL
    # en: the same, in SQL
    return df.sparkSession.sql(
        """SELECT airport, window.start AS window_start, count(*) AS flights,
                  count(*) - count(delay_min) AS cancelled, avg(delay_min) AS mean_delay
           FROM {departures} GROUP BY airport, window(at, '1 hour')""",
        departures=df.withWatermark("at", "30 minutes"),
    )

# %% [markdown] lang="es" row="21"
# ## 8. Lo que se sabía en aquel momento (5 puntos)
#
# Para entrenar hay que juntar cada predicción que se pidió con la característica que **se conocía** entonces. Escribe `point_in_time(requests, measures, ttl_min)` con DataFrames de Spark:
#
# - `requests`: `request_id` (texto, sin repetir), `airport` y `at`, cuándo se pidió;
# - `measures`: `airport`, `measured_at` (a qué instante se refiere la medida), `created_at` (cuándo se escribió en la tabla; nunca antes de `measured_at`) y `mean_delay`, que puede ser nulo. Una medida puede corregirse más tarde: es otra fila con los mismos `airport` y `measured_at`, y otro `created_at`. No hay dos filas con los tres iguales;
# - `ttl_min`: los minutos, un entero, durante los que una medida es válida.
#
# De cada petición se eligen, entre las medidas **de su aeropuerto**, las que tienen `measured_at <= at`, `created_at <= at` y no más de `ttl_min` minutos de antigüedad (`at` menos `measured_at`; justo `ttl_min` vale). De esas, la de `measured_at` más reciente y, si hay correcciones, la de `created_at` más reciente. Una medida cuyo `mean_delay` es nulo cuenta como cualquier otra.
#
# Devuelve un DataFrame con **una fila por petición**, ni una más ni una menos, y cinco columnas en el orden que quieras: `request_id`, `airport`, `at`, `measured_at` y `mean_delay`; las dos últimas, nulas si no hay ninguna medida válida. Los tiempos llegan hasta el segundo y las tablas son pequeñas; no hay aeropuertos ni tiempos nulos.
# %% [markdown] lang="en" row="21"
# ## 8. What was known at that moment (5 points)
#
# To train, each prediction that was requested must be joined with the feature that **was known** then. Write `point_in_time(requests, measures, ttl_min)` with Spark DataFrames:
#
# - `requests`: `request_id` (string, not repeated), `airport` and `at`, when it was requested;
# - `measures`: `airport`, `measured_at` (the instant the measure refers to), `created_at` (when it was written to the table; never before `measured_at`) and `mean_delay`, which may be null. A measure may be corrected later: that is another row with the same `airport` and `measured_at`, and another `created_at`. No two rows have all three equal;
# - `ttl_min`: the minutes, a whole number, during which a measure is valid.
#
# For each request, those measures **of its airport** are chosen that have `measured_at <= at`, `created_at <= at` and an age of no more than `ttl_min` minutes (`at` minus `measured_at`; exactly `ttl_min` is fine). Of these, the one with the latest `measured_at` and, if there are corrections, the one with the latest `created_at`. A measure whose `mean_delay` is null counts like any other.
#
# Return a DataFrame with **one row per request**, neither more nor fewer, and five columns in any order: `request_id`, `airport`, `at`, `measured_at` and `mean_delay`; the last two are null if no measure is valid. Times go down to the second and the tables are small; there are no null airports or times.

# %% answer="point_in_time"
def point_in_time(requests, measures, ttl_min):
    ### BEGIN SOLUTION
    known = (
        (F.col("r.airport") == F.col("m.airport"))
        & (F.col("m.measured_at") <= F.col("r.at"))
        & (F.col("m.created_at") <= F.col("r.at"))
        & (F.unix_timestamp("r.at") - F.unix_timestamp("m.measured_at") <= 60 * ttl_min)
    )
    # es: la condición va en la unión: con un where después se perderían las peticiones sin medida
    # en: the condition is in the join: a where afterwards would lose the requests without a measure
    joined = requests.alias("r").join(measures.alias("m"), known, "left")
    newest = Window.partitionBy("r.request_id").orderBy(
        F.col("m.measured_at").desc(), F.col("m.created_at").desc()
    )
    return (
        joined.withColumn("place", F.row_number().over(newest))
        .where("place = 1")
        .select("r.request_id", "r.airport", "r.at", "m.measured_at", "m.mean_delay")
    )
    ### END SOLUTION

# %% test="point_in_time/known" points=2 row="21" objective="3.8"
import random as _t_random
from datetime import datetime as _t_datetime, timedelta as _t_timedelta

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_known_wanted(requests, measures, ttl_min):
    found = {}
    for request_id, airport, at in requests:
        good = [one for one in measures if one[0] == airport and one[1] <= at and one[2] <= at and at - one[1] <= _t_timedelta(minutes=ttl_min)]
        best = max(good, key=lambda one: (one[1], one[2]), default=(None, None, None, None))
        found[request_id] = best[1], best[3]
    return found
### END HIDDEN TESTS


def _t_clock(text):
    return _t_datetime.fromisoformat(f"2013-07-01 {text}")


def _t_sql(value):
    if value is None:
        return "CAST(NULL AS DOUBLE)"
    return f"TIMESTAMP '{value}'" if isinstance(value, _t_datetime) else f"'{value}'" if isinstance(value, str) else f"{value}D"


def _t_table(names, rows):
    values = ", ".join(f"({', '.join(map(_t_sql, row))})" for row in rows)
    return spark.session().sql(f"SELECT * FROM VALUES {values} AS t({names})")


def _t_check_join(requests, measures, ttl_min, wanted, about):
    """All requests in one query; a failure shows the first that is wrong. `wanted`: request_id to (measured_at, mean_delay)."""
    made = point_in_time(_t_table("request_id, airport, at", requests), _t_table("airport, measured_at, created_at, mean_delay", measures), ttl_min)
    checks.same(set(made.columns), {"request_id", "airport", "at", "measured_at", "mean_delay"}, tr(es="Columnas del resultado.", en="Columns of the result."), observed=True)
    rows = made.collect()
    got = {row["request_id"]: [row["airport"], str(row["at"]), str(row["measured_at"]), row["mean_delay"]] for row in rows}
    missing = sorted({request_id for request_id, _, _ in requests} - set(got))
    assert not missing, tr(
        es=f"Caso: {about}\n  Faltan peticiones: {missing}. Si no se conocía ninguna medida, la petición sigue ahí, con nulos.", en=f"Case: {about}\n  Requests are missing: {missing}. If no measure was known, the request is still there, with nulls."
    )
    checks.same(len(rows), len(requests), tr(es=f"Caso: {about}\n  Filas del resultado: una por petición.", en=f"Case: {about}\n  Rows of the result: one per request."), observed=True)
    for request_id, airport, at in requests:
        measured_at, mean_delay = wanted[request_id]
        mine = [one[1:] for one in measures if one[0] == airport]
        shown = [f"{measured:%H:%M:%S}/{created:%H:%M:%S}: {value}" for measured, created, value in sorted(mine, key=lambda one: one[:2])][-8:]
        checks.same(
            got[request_id], [airport, str(at), str(measured_at), mean_delay],
            tr(
                es=f"Caso: {about}\n  Petición {request_id}, TTL de {ttl_min} min: [airport, at, measured_at, mean_delay]. Últimas medidas de su aeropuerto, measured_at/created_at: {shown}",
                en=f"Case: {about}\n  Request {request_id}, TTL of {ttl_min} min: [airport, at, measured_at, mean_delay]. Latest measures of its airport, measured_at/created_at: {shown}",
            ), tolerance=1e-9, observed=True,
        )


_t_measures = [
    ("JFK", _t_clock("10:00"), _t_clock("10:01"), 4.0), ("JFK", _t_clock("10:20"), _t_clock("10:21"), 9.0), ("JFK", _t_clock("10:40"), _t_clock("11:10"), 30.0), ("LGA", _t_clock("10:30"), _t_clock("10:30"), 1.0), ("JFK", _t_clock("11:20"), _t_clock("11:21"), 50.0),
]
_t_check_join([("before", "JFK", _t_clock("10:30")), ("other", "LGA", _t_clock("10:45"))], _t_measures, 60, {"before": (_t_clock("10:20"), 9.0), "other": (_t_clock("10:30"), 1.0)}, tr(es="Lo que se midió después de la petición no se conocía.", en="What was measured after the request was not known."))
_t_check_join([("late", "JFK", _t_clock("11:00")), ("written", "JFK", _t_clock("11:10"))], _t_measures, 60, {"late": (_t_clock("10:20"), 9.0), "written": (_t_clock("10:40"), 30.0)}, tr(es="Lo que se midió antes y se escribió después tampoco se conocía; la anterior, sí. Y desde el mismo segundo en que se escribe, se conoce.", en="What was measured before and written afterwards was not known either; the previous one was. And from the very second in which it is written, it is known."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_edge = [("JFK", _t_clock("09:00"), _t_clock("09:00"), 2.0), ("JFK", _t_clock("10:00"), _t_clock("10:00"), 7.0), ("EWR", _t_clock("10:00"), _t_clock("10:00:01"), 8.0), ("EWR", _t_clock("09:30"), _t_clock("10:00"), 3.0)]
_t_asked = [("exact", "JFK", _t_clock("10:00")), ("second", "JFK", _t_clock("09:59:59")), ("created", "EWR", _t_clock("10:00")), ("after", "EWR", _t_clock("10:00:01"))]
_t_check_join(
    _t_asked, _t_edge, 600, _t_known_wanted(_t_asked, _t_edge, 600),
    tr(es="En los bordes: lo de ese mismo segundo se conoce.", en="At the edges: what is of that very second is known."),
)
### END HIDDEN TESTS

# %% test="point_in_time/ttl" points=1 row="21" objective="3.8"
_t_check_join(
    [("fresh", "JFK", _t_clock("10:40")), ("stale", "LGA", _t_clock("11:31"))], _t_measures, 60, {"fresh": (_t_clock("10:20"), 9.0), "stale": (None, None)},
    tr(es="Una medida caduca: pasado el TTL no es válida.", en="A measure expires: after its TTL it is not valid."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_asked = [("at the limit", "LGA", _t_clock("11:30")), ("beyond", "LGA", _t_clock("11:30:01")), ("long ago", "JFK", _t_clock("23:00"))]
_t_check_join(_t_asked, _t_measures, 60, _t_known_wanted(_t_asked, _t_measures, 60), tr(es="En el borde del TTL.", en="At the edge of the TTL."))
### END HIDDEN TESTS

# %% test="point_in_time/rows" points=2 row="21" objective="3.8"
_t_corrected = [*_t_measures, ("LGA", _t_clock("10:30"), _t_clock("10:50"), 2.5), ("EWR", _t_clock("10:10"), _t_clock("10:11"), 6.0), ("EWR", _t_clock("10:30"), _t_clock("10:31"), None), ("BOS", _t_clock("10:30"), _t_clock("10:50"), 7.0), ("BOS", _t_clock("10:30"), _t_clock("10:31"), 6.0)]
_t_check_join(
    [("none", "MIA", _t_clock("10:45")), ("early", "JFK", _t_clock("10:00")), ("corrected", "LGA", _t_clock("10:55")), ("not yet", "LGA", _t_clock("10:45")), ("written first", "BOS", _t_clock("10:55"))], _t_corrected, 60,
    {"none": (None, None), "early": (None, None), "corrected": (_t_clock("10:30"), 2.5), "not yet": (_t_clock("10:30"), 1.0), "written first": (_t_clock("10:30"), 7.0)},
    tr(es="Ni se pierden peticiones ni se repiten, y una corrección vale desde que se escribe, vengan las filas en el orden que vengan.", en="No request is lost or repeated, and a correction is valid from when it is written, whatever the order of the rows."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_asked = [("null", "EWR", _t_clock("10:45")), ("twin a", "EWR", _t_clock("10:20")), ("twin b", "EWR", _t_clock("10:20"))]
_t_check_join(_t_asked, _t_corrected, 60, _t_known_wanted(_t_asked, _t_corrected, 60), tr(es="Una medida nula es una medida; dos peticiones pueden coincidir en todo menos en su identificador.", en="A null measure is a measure; two requests may agree in everything but their identifier."))
_t_chance = _t_random.Random(8)
_t_many = {}
for _ in range(90):
    _t_airport, _t_when = _t_chance.choice(["JFK", "LGA", "EWR"]), _t_clock("08:00") + _t_timedelta(minutes=5 * _t_chance.randrange(60))
    _t_many[_t_airport, _t_when, _t_when + _t_timedelta(minutes=5 * _t_chance.choice([0, 0, 1, 3, 12]))] = _t_chance.choice([None, *range(1, 60)])
_t_rows = [(*key, None if value is None else float(value)) for key, value in _t_many.items()]
_t_asked = [(f"r{number}", _t_chance.choice(["JFK", "LGA", "EWR", "MIA"]), _t_clock("08:00") + _t_timedelta(minutes=5 * _t_chance.randrange(70))) for number in range(60)]
_t_check_join(_t_asked, _t_rows, 25, _t_known_wanted(_t_asked, _t_rows, 25), tr(es="Tablas al azar.", en="Random tables."))
### END HIDDEN TESTS

# %% wrong="point_in_time" score=0 says_es="tampoco se conocía" says_en="was not known either"
# es: Si se midió antes, se sabía.
# en: If it was measured before, it was known.
def point_in_time(requests, measures, ttl_min):
    m = measures.withColumnRenamed("airport", "place")
    same = requests["airport"] == m["place"]
    known = m["measured_at"] <= requests["at"]
    fresh = m["measured_at"] >= requests["at"] - F.make_dt_interval(mins=F.lit(ttl_min))
    pairs = requests.join(m, same & known & fresh, "left")
    newest = F.max_by(F.struct("measured_at", "mean_delay"), F.struct("measured_at", "created_at"))
    chosen = pairs.groupBy("request_id", "airport", "at").agg(newest.alias("best"))
    return chosen.select("request_id", "airport", "at", "best.measured_at", "best.mean_delay")

# %% wrong="point_in_time" score=2 says_es="Una medida caduca" says_en="A measure expires"
# es: Una medida sirve hasta que llega otra.
# en: A measure is good until another one comes.
def point_in_time(requests, measures, ttl_min):
    m = measures.withColumnRenamed("airport", "place")
    same = requests["airport"] == m["place"]
    known = (m["measured_at"] <= requests["at"]) & (m["created_at"] <= requests["at"])
    fresh = m["measured_at"] >= requests["at"] - F.make_dt_interval(mins=F.lit(ttl_min))
    pairs = requests.join(m, same & known, "left")
    newest = F.max_by(F.struct("measured_at", "mean_delay"), F.struct("measured_at", "created_at"))
    chosen = pairs.groupBy("request_id", "airport", "at").agg(newest.alias("best"))
    return chosen.select("request_id", "airport", "at", "best.measured_at", "best.mean_delay")

# %% wrong="point_in_time" score=2 says_es="Faltan peticiones" says_en="Requests are missing"
# es: Con una unión interna salen las mismas filas.
# en: An inner join gives the same rows.
def point_in_time(requests, measures, ttl_min):
    m = measures.withColumnRenamed("airport", "place")
    same = requests["airport"] == m["place"]
    known = (m["measured_at"] <= requests["at"]) & (m["created_at"] <= requests["at"])
    fresh = m["measured_at"] >= requests["at"] - F.make_dt_interval(mins=F.lit(ttl_min))
    pairs = requests.join(m, same & known & fresh, "inner")
    newest = F.max_by(F.struct("measured_at", "mean_delay"), F.struct("measured_at", "created_at"))
    chosen = pairs.groupBy("request_id", "airport", "at").agg(newest.alias("best"))
    return chosen.select("request_id", "airport", "at", "best.measured_at", "best.mean_delay")

# %% wrong="point_in_time" score=3 says_es="una corrección vale desde que se escribe" says_en="a correction is valid from when it is written"
# es: Lo que decide es cuándo se midió: de una misma medida, cualquier fila vale.
# en: When it was measured decides: of one and the same measure, any row will do.
def point_in_time(requests, measures, ttl_min):
    m = measures.withColumnRenamed("airport", "place")
    same = requests["airport"] == m["place"]
    known = (m["measured_at"] <= requests["at"]) & (m["created_at"] <= requests["at"])
    fresh = m["measured_at"] >= requests["at"] - F.make_dt_interval(mins=F.lit(ttl_min))
    pairs = requests.join(m, same & known & fresh, "left")
    newest = Window.partitionBy("request_id").orderBy(F.col("measured_at").desc())
    best = pairs.withColumn("place", F.row_number().over(newest)).where("place = 1")
    return best.select("request_id", "airport", "at", "measured_at", "mean_delay")

# %% right="point_in_time"
def point_in_time(requests, measures, ttl_min):
    # es: en SQL, numerando las que sirven y uniendo después
    # en: in SQL, numbering those that are good and joining afterwards
    return requests.sparkSession.sql(
        """WITH good AS (
             SELECT request_id, measured_at, mean_delay,
                    row_number() OVER (PARTITION BY request_id ORDER BY measured_at DESC, created_at DESC) AS n
             FROM {r} r JOIN {m} m ON r.airport = m.airport
               AND measured_at BETWEEN at - make_interval(0, 0, 0, 0, 0, {ttl}) AND at AND created_at <= at)
           SELECT r.mean_delay, r.request_id, r.measured_at, r.airport, r.at
           FROM (SELECT q.*, good.measured_at, good.mean_delay FROM {r} q
                 LEFT JOIN good ON q.request_id = good.request_id AND n = 1) r""",
        r=requests,
        m=measures,
        ttl=ttl_min,
    )

# %% [markdown] essay="move_to_streaming" points=4 row="19 22 24" lang="es"
# ## 9. Redacción: ¿pasamos a streaming?
#
# Una empresa predice el retraso de los vuelos de tres aeropuertos. Cada noche, un trabajo de Spark calcula las características de todos y vuelve a entrenar el modelo; las predicciones del día siguiente salen de esa tabla. Un equipo quiere añadir «retraso de las salidas de la última hora», y ha escrito para ello un
# servicio en Java que la calcula en el momento de predecir, con el mismo archivo de modelo. En las pruebas la AUC era mejor; en producción es peor que antes. La jefa dice: «que lo vuelvan a entrenar, y si no, pasamos todo a streaming».
#
# Responde, en 400 o 500 palabras:
#
# 1. qué le dirías a la jefa sobre volver a entrenar, qué comprobarías primero y **con qué casos** (1 punto); y cómo dejarías las dos canalizaciones, y los datos de entrenamiento, para que no vuelva a pasar (1 punto);
# 2. qué características pasarías al flujo y cuáles no, con qué intervalo y con qué números; y por qué no es «todo o nada» (1 punto);
# 3. qué cuesta de verdad pasar a streaming, y qué harías si un aviso de salida llega dos horas tarde (1 punto, con los números de abajo). Piensa en las cuatro barreras de la lección: no se ve qué se gana, la inversión inicial es alta, hay que pensar de otra manera (en eventos y en dos relojes) y Python encaja mal.
#
# Apóyate en **tres números**, por lo menos, con su unidad, que hayas **medido** en la lección (cuánta AUC se pierde con la antigüedad, cuánto con cada desajuste, cuánto cuesta una llamada a Python…) o **calculado** aquí, en las tareas 5 y 6; di cuál es cuál. De uno de ellos, explica por qué en una empresa podría salir distinto.
# ### BEGIN SOLUTION
# Volver a entrenar no arregla un desajuste: el modelo aprendería otra vez de características que en producción no recibe (y si se entrena con las del servicio, hará falta su historial, calculado igual). Primero, la prueba de paridad: los mismos eventos por las dos canalizaciones, comparando fila a fila y no medias, con casos elegidos en los bordes de la ventana, huecos,
# redondeos, cambios de hora y salidas que se supieron tarde; el caso que falle se reduce al mínimo. Luego, una sola definición (una función de estado y evento, o un DataFrame que sirve para lotes y flujo), unión en el instante para entrenar, y la prueba de paridad en la integración continua y sobre una muestra de producción.
#
# Al flujo va lo que pierde AUC con la antigüedad que daría un trabajo más frecuente; aeropuerto, avión y compañía siguen por lotes. Antes de cero se prueba el mando: cada hora, cada diez minutos. Se calcula lo que vale la frescura (se satura) frente al coste fijo, que se paga una vez; solo los aeropuertos que compensan. Barreras: beneficio que nadie ha medido, plataforma y guardias, pensar en tiempo del evento y
# estado, y Python (coste por llamada, que se reparte con microlotes). La salida que llega dos horas tarde no entra en una ventana ya cerrada: se cuenta, se vigila cuántas son, y el historial se corrige por lotes sin que el entrenamiento use lo que entonces no se sabía.
#
# - **1 punto**: dice por qué volver a entrenar no basta y propone una prueba de paridad fila a fila con casos en los bordes. Comparar solo medias o distribuciones, o solo mirar la AUC, no suma.
# - **1 punto**: una sola definición usada en los dos sitios y datos de entrenamiento según lo que se sabía en el momento; dice cómo se vigila después.
# - **1 punto**: decide por característica (o por aeropuerto) con antigüedad tolerable, valor y coste, fijo incluido, y considera intervalos intermedios. «Todo a streaming» o «con lotes basta» sin cuentas no suma.
# - **1 punto**: al menos tres números propios (medidos en la lección o calculados en las tareas) con unidad y usados como argumento, uno matizado (una máquina, datos de 2013, Spark local…), y trata los datos tardíos o las barreras con algo más que nombrarlos.
# ### END SOLUTION
# %% [markdown] essay="move_to_streaming" points=4 row="19 22 24" lang="en"
# ## 9. Essay: shall we move to streaming?
#
# A company predicts the delay of the flights of three airports. Each night, a Spark job computes the features of all of them and retrains the model; the next day's predictions come out of that table. A team wants to add "delay of the departures of the last hour", and has written for it a
# service in Java that computes it when predicting, with the same model file. In tests the AUC was better; in production it is worse than before. The boss says: "let them retrain it, and if that does not help, we move everything to streaming".
#
# Answer, in 400 to 500 words:
#
# 1. what you would tell the boss about retraining, what you would check first and **with which cases** (1 point); and how you would leave the two pipelines, and the training data, so that it does not happen again (1 point);
# 2. which features you would move to the stream and which not, at what interval and on what numbers; and why it is not "all or nothing" (1 point);
# 3. what moving to streaming really costs, and what you would do if the report of a departure comes two hours late (1 point, together with the numbers below). Think of the four barriers of the lesson: one does not see what is gained, the initial investment is high, it takes another way of thinking (in events and in two clocks), and Python fits badly.
#
# Base your argument on at least **three numbers**, with their unit, that you **measured** in the lesson (how much AUC is lost with age, how much with each skew, what a call to Python costs…) or **calculated** here, in tasks 5 and 6; say which is which. Of one of them, explain why in a company it might come out different.
# ### BEGIN SOLUTION
# Retraining does not mend a skew: the model would learn once more from features that it does not get in production (and to train it with the service's, their history is needed, computed in the same way). First, the parity test: the same events through both pipelines, comparing row by row and not means, with cases chosen at the edges of the window, gaps,
# roundings, clock changes and departures that became known late; the case that fails is reduced to a minimum. Then, a single definition (a function of state and event, or a DataFrame that serves batch and stream), a point-in-time join to train, and the parity test in continuous integration and on a sample of production.
#
# To the stream goes what loses AUC with the age that a more frequent job would give; airport, aircraft and carrier stay in batch. Before zero one tries the dial: every hour, every ten minutes. What freshness is worth (it saturates) is set against the fixed cost, which is paid once; only the airports that pay. Barriers: a benefit that nobody has measured, platform and on-call shifts, thinking in event time and
# state, and Python (a cost per call, which is spread by micro-batches). The departure that comes two hours late does not enter a window that is closed: it is counted, how many there are is watched, and history is corrected in batch without training on what was not known then.
#
# - **1 point**: says why retraining is not enough and proposes a parity test row by row with cases at the edges. Comparing means or distributions only, or only looking at the AUC, earns nothing.
# - **1 point**: a single definition used in both places, and training data as known at the moment; says how it is watched afterwards.
# - **1 point**: decides by feature (or by airport) with tolerable age, value and cost, the fixed one included, and considers intervals in between. "Everything to streaming" or "batch is enough" without a calculation earns nothing.
# - **1 point**: at least three numbers of one's own (measured in the lesson or calculated in the tasks) with units and used as arguments, one of them qualified (one machine, data of 2013, local Spark…), and deals with late data or the barriers beyond naming them.
# ### END SOLUTION
