# ---
# title:
#   es: "Proyecto final: la empresa en producción"
#   en: "Capstone: the company in production"
# unit: "08"
# minutes: 120
# ---

# %% [markdown] lang="es" slide="slide"
# # Proyecto final: la empresa en producción
#
# Cada unidad te ha dado una pieza, y la has medido sola. Aquí se montan todas en una empresa entera, la de la unidad 01, y aparece lo que ninguna pieza enseña por separado: que los fallos se combinan, que arreglar lo que no toca no se nota, y que el diseño se
# juzga con una sola unidad de medida, **los euros que pierde frente a un oráculo que lo sabe todo al instante**. La verás dos veces: **simulada**, para probar decenas de diseños en segundos, y **en marcha**, con procesos de verdad a los que vamos a matar.
#
# Al terminar sabrás:
#
# 1. **(8.1)** escribir una sola definición de las características que aguante eventos tardíos, repetidos y desordenados;
# 2. **(8.2)** responder sin red con un precio que reconoce lo viejo que es;
# 3. **(8.3)** decidir con pocos datos si una versión nueva del modelo se queda o se retira;
# 4. **(8.4)** elegir qué se precalcula y cuánto puede envejecer;
# 5. **(8.5)** averiguar qué pieza falla o pierde más dinero, con las causas de una pérdida y quitando piezas de una en una, con intervalos y no con una sola ejecución;
# 6. **(8.6)** dibujar el sistema entero y defender un diseño (dónde, cuándo y con qué modelo se predice) para unas condiciones que no conoces de antemano;
# 7. **(8.7)** romper el sistema a propósito y **demostrar** qué se ha perdido y qué no;
# 8. **(8.8)** decir cuándo fiarte de un simulador, comparándolo con el sistema en marcha.
#
# **Tiempo:** unas dos horas; las celdas tardan en total dos o tres minutos, según tu máquina. **Qué se ejecuta:** todo en tu máquina, sin Internet. Con `KAFKA_BOOTSTRAP`, los mismos procesos hablan con un Kafka de verdad.
#
# | aquí… | |
# |---|---|
# | es de verdad | los procesos, Kafka (el embebido, o el tuyo), HTTP, ONNX Runtime, los modelos, los `kill -9`, los tiempos de la empresa en marcha |
# | se **simula** | la ciudad y sus viajeros; la red de los móviles, con un programa intermedio; y, en las secciones que lo dicen, la empresa entera |
# | son **supuestos**, y lo dicen | los precios de la factura; lo que tarda cada cosa en el simulador, y lo que el servicio de precios en marcha retiene cada respuesta para tardar lo mismo |
# %% [markdown] lang="en" slide="slide"
# # Capstone: the company in production
#
# Every unit has given you a part, and you have measured it by itself. Here they are all put together in a whole company, that of unit 01, and what no part teaches by itself shows up: failures combine, mending the wrong thing goes unnoticed, and a design is
# judged by a single measure, **the euros that it loses against an oracle that knows everything at once**. You will see it twice: **simulated**, to try dozens of designs in seconds, and **live**, with real processes that we are going to kill.
#
# When you finish you will be able to:
#
# 1. **(8.1)** write a single definition of the features that withstands late, repeated and out-of-order events;
# 2. **(8.2)** answer without a network, with a price that admits how old it is;
# 3. **(8.3)** decide from few data whether a new version of the model stays or is withdrawn;
# 4. **(8.4)** choose what is precomputed, and how old it may become;
# 5. **(8.5)** find out which part fails or loses most money, by the causes of a loss and by taking parts out one at a time, with intervals and not from a single run;
# 6. **(8.6)** draw the whole system, and defend a design (where, when and by which model to predict) for conditions that you do not know beforehand;
# 7. **(8.7)** break the system on purpose and **prove** what got lost and what did not;
# 8. **(8.8)** say when to trust a simulator, by comparing it with the live system.
#
# **Time:** about two hours; the cells take two or three minutes in all, depending on your machine. **What runs:** everything on your machine, without the Internet. With `KAFKA_BOOTSTRAP`, the same processes speak to a real Kafka.
#
# | here… | |
# |---|---|
# | for real | the processes, Kafka (the embedded one, or yours), HTTP, ONNX Runtime, the models, the `kill -9`s, the times of the live company |
# | **simulated** | the city and its riders; the phones' network, by a program in between; and, in the sections that say so, the whole company |
# | **assumed**, and said so | the prices on the bill; how long each thing takes in the simulator, and how long the live price service holds each answer back to take as long |

# %% tags=["parameters"]
# es: segundos que dura cada ejecución en marcha: cada uno es un minuto de la ciudad
# en: how many seconds each live run lasts: each of them is a minute of the city
live_seconds = 14.0
# es: segundos que dura cada ejecución simulada (de la ciudad, no tuyos)
# en: how many seconds each simulated run lasts (of the city's, not yours)
simulated_seconds = 20.0
# es: cuántas veces se repite cada comparación, con otra ciudad y otras averías cada vez
# en: how many times each comparison is repeated, each time with another city and other failures
seeds = 10

# %% slide="skip"
import inspect
import math
import random
import statistics
from dataclasses import replace
from time import perf_counter

import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from mlprod import plots, start, tables, tr
from mlprod.display import number
from mlprod.predictions import choose, compare
from mlprod.systems.company import functions, live, market
from mlprod.systems.company.accounts import CAUSES
from mlprod.systems.company.design import COSTS, NAMED, Design
from mlprod.systems.company.functions import Functions, Offer
from mlprod.systems.company.live_features import FeatureLoop
from mlprod.systems.company.live_wiring import Willingness
from mlprod.systems.company.market import DESTINATIONS, KM, ZONES, Ride, willingness
from mlprod.systems.company.model import model
from mlprod.systems.company.scenario import Crash, Outage, Release, Scenario
from mlprod.systems.company.scorecard import Scorecard, cause_name
from mlprod.systems.company.simulation import simulate

start(LANG)

# %% [markdown] lang="es" row="1 7" slide="slide"
# ## La empresa entera
#
# ```mermaid
# flowchart LR
#     C["Ciudad<br/>conductores, viajeros,<br/>lluvia, peticiones"] -- eventos --> K[(Kafka)]
#     K --> F["Características<br/>una definición,<br/>instantánea + offset"]
#     F -- por zona --> K
#     K --> P["Precios<br/>ONNX Runtime,<br/>tabla precalculada"]
#     P <-- "HTTP, por una red<br/>que se corta" --> M["Móviles<br/>modelo pequeño,<br/>lo último que oyeron"]
#     M -- qué fue de cada petición --> K
#     K --> O["Observador<br/>métricas y canario"]
#     O -- versión en servicio --> K
# ```
#
# Ningún servicio llama a otro, salvo el móvil a *Precios*: lo demás son publicaciones en un topic que lee quien lo necesita. Otro observador se puede añadir mañana sin tocar a nadie. Cada pieza viene de una unidad, y cada una está ahí porque sin ella se pierde algo:
#
# | pieza | de la unidad | sin ella… |
# |---|---|---|
# | Kafka entre los procesos | 01, 02 | quien se cae pierde lo que le dijeron mientras tanto |
# | una sola definición de las características | 03 | lo que el modelo aprendió no es lo que se le pregunta |
# | características en flujo | 03 | el precio se calcula con la ciudad de hace un rato |
# | predicción en línea con la cabeza precalculada | 04 | se calcula cada vez lo que se pide a todas horas |
# | modelo de reserva en el móvil | 05 | en un túnel no hay precio |
# | modelo comprimido y compilado | 06, 07 | la cola de un servidor lento crece en hora punta |
# | canario y marcha atrás | 04 | una versión mala les llega a todos a la vez |
# | métricas de todo | 04 | nadie se entera |
# %% [markdown] lang="en" row="1 7" slide="slide"
# ## The whole company
#
# ```mermaid
# flowchart LR
#     C["City<br/>drivers, riders,<br/>rain, quotes"] -- events --> K[(Kafka)]
#     K --> F["Features<br/>one definition,<br/>snapshot + offset"]
#     F -- by zone --> K
#     K --> P["Prices<br/>ONNX Runtime,<br/>precomputed table"]
#     P <-- "HTTP, over a network<br/>that gets cut" --> M["Phones<br/>small model,<br/>what they last heard"]
#     M -- what became of each quote --> K
#     K --> O["Observer<br/>metrics and canary"]
#     O -- version in service --> K
# ```
#
# No service calls another, but for the phone, which calls *Prices*: the rest is published to a topic, and read by whoever needs it. Another observer can be added tomorrow without touching anybody. Each part comes from a unit, and each is there because something is lost without it:
#
# | part | from unit | without it… |
# |---|---|---|
# | Kafka between the processes | 01, 02 | whoever goes down loses what was said meanwhile |
# | a single definition of the features | 03 | what the model learned is not what it is asked |
# | stream features | 03 | the price is computed with the city of a while ago |
# | online prediction with a precomputed head | 04 | what is asked all the time is computed every time |
# | a model in reserve on the phone | 05 | in a tunnel there is no price |
# | a compressed and compiled model | 06, 07 | the queue of a slow server grows in the rush hour |
# | canary and rollback | 04 | a bad version reaches everybody at once |
# | metrics of everything | 04 | nobody notices |

# %% [markdown] lang="es" row="1" slide="subslide"
# ### Por qué ahora hace falta un modelo
#
# En la unidad 01 nadie pagaba más de 20 €, y el precio óptimo era una fórmula. Ahora ese tope, $m$ (el precio al que ya no acepta nadie; a mitad de tope acepta la mitad), depende del viaje: la zona, los kilómetros, la hora, la lluvia y lo solicitada que esté la zona (la **presión**: peticiones en los últimos dos segundos). Esa función **no la conoce nadie**; la empresa solo tiene
# el registro de viajes pasados, y de cuántos aceptaron estima, con ruido, qué tope tenían. Si se supiera $m$, el precio óptimo sería el de siempre, con $r$ viajeros que esperan y $d$ conductores libres:
#
# $$p^* = \max\left(\frac{m}{2},\; m\left(1 - \frac{d}{r}\right)\right).$$
#
# Así que el modelo aprende $m$, y la fórmula hace el resto. Se separan a propósito: $m$ cambia despacio (se puede precalcular) y $d/r$ cambia cada segundo (no se puede).
# %% [markdown] lang="en" row="1" slide="subslide"
# ### Why a model is needed now
#
# In unit 01 nobody paid more than 20 €, and the best price was a formula. Now that ceiling, $m$ (the price at which nobody accepts any more; at half of it, half of them do), depends on the ride: the zone, the kilometres, the hour, the rain and how much the zone is in demand (the **pressure**: quotes in the last two seconds). **Nobody knows** that function; all the company has is
# the log of past rides, and from how many accepted it estimates, with noise, what their ceiling was. If $m$ were known, the best price would be the usual one, with $r$ riders waiting and $d$ drivers free:
#
# $$p^* = \max\left(\frac{m}{2},\; m\left(1 - \frac{d}{r}\right)\right).$$
#
# So the model learns $m$, and the formula does the rest. They are kept apart on purpose: $m$ changes slowly (it can be precomputed) and $d/r$ changes every second (it cannot).

# %% slide="subslide"
# es: viajes nuevos, de los que sabemos la verdad (la empresa no)
# en: new rides, of which we know the truth (the company does not)
new_rides, _ = market.history(2000, seed=99)
truth = np.array(
    [willingness(Ride(int(z), km, int(h), int(r), int(p))) for z, km, h, r, p in new_rides.tolist()]
)


def milliseconds(call, times=200):
    """Median time of a call."""
    taken = []
    for _ in range(times):
        begin = perf_counter()
        call()
        taken.append(1000 * (perf_counter() - begin))
    return statistics.median(taken)


def facts(size):
    """What a model of this size is, how wrong it is and how long it takes here."""
    trained = model(size, "first")
    packed = trained.onnx().SerializeToString()
    compiled = Willingness(size, "first", packed)
    error = np.abs(trained.predict(new_rides) / truth - 1)
    one, whole_zone = [Ride(0, KM[0], 18, 2, 30)], [Ride(0, km, 18, 2, 30) for km in KM]
    return {
        tr(es="modelo", en="model"): size,
        tr(es="parámetros", en="parameters"): trained.parameters,
        "ONNX (bytes)": len(packed),
        tr(es="error mediano de m (%)", en="median error of m (%)"): 100 * float(np.median(error)),
        tr(es="un viaje (ms)", en="one ride (ms)"): milliseconds(lambda: compiled(one)),
        tr(es="la tabla de una zona (ms)", en="the table of a zone (ms)"): milliseconds(
            lambda: compiled(whole_zone)
        ),
        tr(
            es="10 000 viajes, sin compilar (ms)", en="10 000 rides, not compiled (ms)"
        ): milliseconds(lambda: trained.predict(many), times=20),
        tr(es="compilado (ms)", en="compiled (ms)"): milliseconds(lambda: compiled(many), times=20),
    }


many = np.tile(new_rides, (5, 1))
# es: NumPy y ONNX Runtime, los dos con un hilo
# en: NumPy and ONNX Runtime, both on one thread
with threadpool_limits(1):
    tables.show(
        [facts(size) for size in ("large", "small")],
        caption=tr(
            es=f"Dos modelos de lo que pagaría un viajero, en ONNX Runtime y, sin compilar, en NumPy; la tabla tiene {DESTINATIONS} destinos",
            en=f"Two models of what a rider would pay, in ONNX Runtime and, not compiled, in NumPy; the table has {DESTINATIONS} destinations",
        ),
    )

# %% [markdown] lang="es" slide="subslide"
# El pequeño es el **comprimido**: menos neuronas, que aprenden del mismo registro (unidad 06: prueba eso antes de destilar). ONNX Runtime es el que **compila** (unidad 07). Lo que ahorra cada cosa, o no ahorra, está en las dos últimas columnas, con miles de viajes a la vez; con uno solo no se ve, porque casi todo el tiempo es el de la llamada.
#
# Y es que los dos son diminutos: para que quepan en el móvil, y para que la lección quepa en tu tarde. En una empresa el grande tardaría mucho más, así que el simulador **supone** lo que tarda cada respuesta (`COSTS`: 14 ms con el grande sin compilar, 5 con el pequeño, 0,4 de una tabla), y la empresa en marcha retiene cada respuesta hasta
# que pasa ese tiempo. Fíjate en la columna de la tabla: los 60 destinos de una zona, juntos, cuestan muchísimo menos que 60 viajes sueltos. Esa es la razón de que precalcular salga barato, y no que la tabla sea más lista.
#
# Comparar los dos modelos por su error engaña un poco: no se cobra por acertar $m$, sino por el precio que sale de él. Eso lo dirán los euros.
# %% [markdown] lang="en" slide="subslide"
# The small one is the **compressed** one: fewer neurons, which learn from the same log (unit 06: try that before you distil). ONNX Runtime is what **compiles** (unit 07). What each of the two saves, or does not, is in the last two columns, with thousands of rides at once; with a single one it does not show, because nearly all of the time is that of the call.
#
# Both are indeed tiny: so that they fit on the phone, and so that the lesson fits in your afternoon. At a company the large one would take far longer, so the simulator **assumes** how long each answer takes (`COSTS`: 14 ms with the large one, not compiled, 5 with the small one, 0.4 from a table), and the live company holds each answer back until that
# time has passed. Look at the column of the table: the 60 destinations of a zone cost far less together than 60 single rides. That is why precomputing is cheap; the table is no cleverer.
#
# Comparing the two models by their error is somewhat misleading: nobody pays the company for hitting $m$, but for the price that follows from it. The euros will tell.

# %% [markdown] lang="es" row="40" slide="slide"
# ## El diseño, y lo que le pasa
#
# Un **diseño** es lo que un ingeniero puede elegir; un **escenario**, lo que ocurre y no se elige. Los dos son datos, y valen igual para el simulador y para la empresa en marcha.
# %% [markdown] lang="en" row="40" slide="slide"
# ## The design, and what happens to it
#
# A **design** is what an engineer can choose; a **scenario**, what happens and is not chosen. Both are data, and they serve the simulator and the live company alike.

# %% slide="fragment"
reference = Design(
    # es: cada evento cuando llega (o "batch": un trabajo cada refresh_s segundos)
    # en: each event when it comes (or "batch": a job each refresh_s seconds)
    features="stream",
    # es: lo frecuente, de una tabla de ttl_s segundos; lo demás, cuando se pide
    # en: what is frequent, from a table ttl_s seconds old at most; the rest, when asked
    prediction="hybrid",
    head=12,
    ttl_s=0.3,
    # es: en la nube, y si en timeout_s no contesta, en el móvil
    # en: in the cloud, and if it has not answered within timeout_s, on the phone
    placement="cloud_with_fallback",
    timeout_s=0.3,
    model="small",
    # es: una versión nueva atiende primero al 20 %
    # en: a new version serves 20 % first
    rollout="canary",
    fraction=0.2,
    # es: los offsets se confirman después, junto con el estado
    # en: offsets are committed afterwards, together with the state
    commit="after",
)
storm = Scenario.named("everything", seed=7, seconds=simulated_seconds)

# %% tags=["hide-input"] slide="fragment"
happens = [
    (
        o.begin,
        tr(
            es=f"zona {o.zone} sin red hasta {o.end:.1f} s",
            en=f"zone {o.zone} without a network until {o.end:.1f} s",
        ),
    )
    for o in storm.outages
]
happens += [
    (
        c.at,
        tr(
            es=f"`kill -9` de {c.service}; vuelve en {c.seconds:.1f} s",
            en=f"`kill -9` of {c.service}; back after {c.seconds:.1f} s",
        ),
    )
    for c in storm.crashes
]
happens += [
    (
        storm.release.at,
        tr(
            es=f"sale la versión {storm.release.version}",
            en=f"version {storm.release.version} comes out",
        ),
    )
]
happens += [
    (
        begin,
        tr(
            es=f"{factor:.1f} veces más peticiones hasta {end:.1f} s",
            en=f"{factor:.1f} times as many quotes until {end:.1f} s",
        ),
    )
    for begin, end, factor in storm.bursts
]
tables.show(
    [
        {tr(es="segundo", en="second"): t, tr(es="qué pasa", en="what happens"): what}
        for t, what in sorted(happens)
    ],
    caption=tr(
        es=f"Un escenario «everything»; además, el {100 * storm.late:.0f} % de los eventos llega tarde y el {100 * storm.duplicated:.0f} %, dos veces",
        en=f"A scenario 'everything'; besides, {100 * storm.late:.0f} % of the events come late and {100 * storm.duplicated:.0f} % come twice",
    ),
)

# %% [markdown] lang="es" slide="subslide"
# Lo que se pierde se reparte por **causas**, de manera que sumen el total: el precio del oráculo, después el mejor con lo que el modelo cree de $m$, después el de la versión que de verdad estaba en servicio, y al final el que se dio. Cada escalón tiene un culpable. Aparte van las peticiones sin respuesta, las mal contadas, las promesas que hay que pagar y la factura.
#
# La versión que sale es la siguiente del modelo, entrenada con más viajes, pero con un descuido por el camino: `miles` toma los kilómetros por millas, `zones` numera las zonas desde 1, y `window` cuenta la presión en la décima parte del tiempo. Ninguno da un error.
#
# **Predice:** con el diseño de referencia en este escenario, ¿qué causa pierde más? `"stale"` (datos viejos en la nube), `"offline"` (datos viejos en el móvil, cuando pone él el precio, y lo poco que se fía la gente de una estimación), `"model"` (el error del modelo), `"version"` (la versión mala) o `"bill"` (la factura).
# %% [markdown] lang="en" slide="subslide"
# What is lost is split by **causes**, so that they add up to the total: the oracle's price, then the best one with what the model believes of $m$, then that of the version that was really in service, and at last the one that was given. Each step has its culprit. Apart from these come the quotes without an answer, those wrongly counted, the promises that have to be paid and the bill.
#
# The version that comes out is the model's next one, trained on more rides, but with a slip on the way: `miles` takes kilometres for miles, `zones` numbers the zones from 1, and `window` counts the pressure over a tenth of the time. None of them raises an error.
#
# **Predict:** with the reference design in this scenario, which cause loses most? `"stale"` (old data in the cloud), `"offline"` (old data on the phone, when it sets the price, and how little people trust an estimate), `"model"` (the model's error), `"version"` (the bad version) or `"bill"` (the bill).

# %%
worst_cause = None

# %% slide="fragment"
score = simulate(reference, storm)


def by_cause(named_scores, alt):
    """Bars: euros lost by cause, a colour for each score."""
    causes = [cause for cause in CAUSES if any(s.causes[cause] for s in named_scores.values())]
    fig, ax = plots.subplots(figsize=(7.2, 0.9 + 0.5 * len(causes)))
    height = 0.8 / len(named_scores)
    for position, (name, each) in enumerate(named_scores.items()):
        places = np.arange(len(causes)) + (position - (len(named_scores) - 1) / 2) * height
        ax.barh(
            places, [100 * each.causes[c] / each.oracle for c in causes], height * 0.9, label=name
        )
    ax.set_yticks(range(len(causes)), [cause_name(cause) for cause in causes])
    ax.invert_yaxis()
    ax.grid(axis="x")
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(
        tr(es="euros perdidos de cada 100 del oráculo", en="euros lost of each 100 of the oracle's")
    )
    if len(named_scores) > 1:
        ax.legend(loc="lower right")
    plots.show(fig, alt)


by_cause(
    {"reference": score},
    tr(
        es=f"Pérdida del diseño de referencia por causas: la mayor es {cause_name(score.worst)}.",
        en=f"Loss of the reference design by cause: the largest is {cause_name(score.worst)}.",
    ),
)
choose(
    tr(es="la causa que pierde más", en="the cause that loses most"),
    {cause: cause_name(cause) for cause in CAUSES},
    chosen=worst_cause,
    right=score.worst,
    why=tr(
        es=f"En total se pierden {score.percent:.1f} de cada 100 € y la factura es {100 * score.causes['bill'] / score.oracle:.1f}: lo caro no son las máquinas.",
        en=f"In all, {score.percent:.1f} of each 100 € are lost, and the bill is {100 * score.causes['bill'] / score.oracle:.1f}: what is expensive is not the machines.",
    ),
)

# %% [markdown] lang="es" row="20" slide="slide"
# ## Las tres funciones
#
# Casi todo el sistema es fontanería. Lo que decide si está bien son tres funciones, y son las que escribirás en los ejercicios:
#
# 1. `update(state, event)`: lo que se sabe de una zona después de un evento. La misma para entrenar, para recalcular la historia y para el flujo;
# 2. `fallback(cached, age_s, most, usual)`: lo que ofrece un móvil sin red, sabiendo lo viejo que es lo que oyó;
# 3. `promote(canary, stable)`: si una versión nueva se queda, se retira o hay que esperar.
#
# Aquí está la versión que se escribe con prisa de cada una. Las tres funcionan en la demostración: ninguna lanza una excepción, y en un escenario tranquilo apenas se notan.
# %% [markdown] lang="en" row="20" slide="slide"
# ## The three functions
#
# Nearly all of the system is plumbing. What decides whether it is right are three functions, and they are those that you will write in the exercises:
#
# 1. `update(state, event)`: what is known of a zone after an event. The same one for training, for replaying history and for the stream;
# 2. `fallback(cached, age_s, most, usual)`: what a phone offers without a network, knowing how old is what it heard;
# 3. `promote(canary, stable)`: whether a new version stays, is withdrawn, or one has to wait.
#
# Here is the version of each that gets written in a hurry. All three work in the demo: none raises an exception, and in a calm scenario they hardly show.


# %% slide="subslide"
def hurried_update(state, event):
    """The last to arrive wins, and whatever arrives counts."""
    new = {**state, "newest": event.t}
    if event.kind == "quote":
        new["quotes"] = state["quotes"] + 1
        new["recent"] = [t for t in state["recent"] if t > event.t - market.WINDOW_S] + [event.t]
    else:
        new[functions.LEVELS[event.kind]] = event.level
    return new


def hurried_fallback(cached, age_s, most, usual):
    """The best price for what was last heard, however long ago that was, as a firm promise."""
    return Offer(most * market.best_price(cached.waiting, cached.drivers, 1.0), estimate=False)


def hurried_promote(canary, stable):
    """Five quotes, and whichever earns more."""
    if canary["quotes"] < 5:
        return "wait"
    return "promote" if canary["mean"] > stable["mean"] else "rollback"


# %% [markdown] lang="es" row="19 20" slide="subslide"
# ### Una propiedad que se puede comprobar: el orden de llegada no importa
#
# Los mismos eventos, en el orden en que ocurrieron, y como llegan en un mal día: uno de cada diez tarde (casi un segundo, de media) y uno de cada diez, dos veces. Los niveles de cada zona cambian más de diez veces por segundo. Si `update` es una buena definición, el estado final es el mismo, y entonces recalcular la historia y seguir el flujo dan las mismas características.
#
# **Predice:** miramos los niveles (viajeros, conductores y lluvia) cada vez que llega una petición. ¿En qué porcentaje de esos momentos difieren los de la versión apresurada de los de quien lo recibe todo en orden y al instante?
# %% [markdown] lang="en" row="19 20" slide="subslide"
# ### A property that can be checked: the order of arrival does not matter
#
# The same events, in the order in which they happened, and as they arrive on a bad day: one in ten late (nearly a second, on average), and one in ten twice. The levels of each zone change more than ten times a second. If `update` is a good definition, the final state is the same, and then replaying history and following the stream give the same features.
#
# **Predict:** we look at the levels (riders, drivers and rain) each time that a quote arrives. At what percentage of those moments do the hurried version's differ from those of somebody who gets everything in order and at once?

# %%
percent_of_moments_that_differ = None

# %% slide="fragment"
bad_day = replace(storm, late=0.1, duplicated=0.1, crashes=(), outages=(), release=None)


def follow(update, events):
    """The levels known of its zone at each event's first arrival, {(zone, kind, seq): levels}, and the states at the end."""
    states, known = [functions.initial() for _ in range(ZONES)], {}
    for event in events:
        state = states[event.zone] = update(states[event.zone], event)
        levels = state["waiting"], state["drivers"], state["rain"]
        known.setdefault((event.zone, event.kind, event.seq), levels)
    return known, states


def told(states):
    """All that anybody asks of the states at the end: the features of each zone and how many quotes it counted."""
    return [(functions.features(state, bad_day.seconds), state["quotes"]) for state in states]


in_order = bad_day.market().events
as_they_arrive = [event for _, event in bad_day.arrivals()]
perfect, history_end = follow(functions.update, in_order)
asked = [key for key in perfect if key[1] == "quote"]
DIFFER = tr(es="momentos distintos (%)", en="moments that differ (%)")
rows = []
for name, update in {
    tr(es="apresurada", en="hurried"): hurried_update,
    tr(es="de referencia", en="reference"): functions.update,
}.items():
    known, end = follow(update, as_they_arrive)
    rows.append(
        {
            "update": name,
            DIFFER: 100 * sum(known[key] != perfect[key] for key in asked) / len(asked),
            tr(es="peticiones contadas", en="quotes counted"): sum(
                state["quotes"] for state in end
            ),
            tr(es="peticiones de verdad", en="quotes in truth"): len(asked),
            tr(es="acaba como la historia", en="ends as history does"): told(end)
            == told(history_end),
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Lo que se sabe cuando llega cada petición, frente a quien lo sabe todo en orden",
        en="What is known when each quote arrives, against somebody who knows everything in order",
    ),
)
compare(
    tr(
        es="momentos distintos con la versión apresurada",
        en="moments that differ with the hurried version",
    ),
    predicted=percent_of_moments_that_differ,
    measured=rows[0][DIFFER],
    unit="%",
)

# %% [markdown] lang="es" row="20" slide="subslide"
# Dos lecturas. La versión de referencia también difiere a menudo: en un día así, **nadie puede saber lo que aún no ha llegado** (y cuando lo que llega tarde es la petición, la ciudad ya es otra). Lo que sí garantiza es que, en cuanto ha llegado todo, el resultado es el de la historia: la diferencia se cura sola, y eso dice la última columna. La apresurada no se cura: una petición repetida queda contada dos veces para siempre, y un nivel viejo que llega tarde
# tapa al nuevo hasta que haya otro cambio. La clave está en `seq`, el número que el productor pone a cada evento de su tipo y zona: sin él no hay manera de distinguir un retraso de una novedad.
# %% [markdown] lang="en" row="20" slide="subslide"
# Two readings. The reference version differs often, too: on a day like this, **nobody can know what has not arrived yet** (and when it is the quote that comes late, the city has moved on). What it does guarantee is that, as soon as everything has arrived, the result is history's: the difference heals by itself, and that is what the last column says. The hurried one does not heal: a repeated quote stays counted twice for ever, and an old level that comes late
# covers the new one until there is another change. The key is `seq`, the number that the producer gives each event of its kind and zone: without it there is no way to tell a delay from a novelty.

# %% [markdown] lang="es" row="34" slide="subslide"
# ### Lo que cuestan las prisas
#
# **Predice:** de las tres funciones apresuradas, ¿cuál sale más cara? `"update"`, `"fallback"` o `"promote"`.
# %% [markdown] lang="en" row="34" slide="subslide"
# ### What haste costs
#
# **Predict:** of the three hurried functions, which is the most expensive? `"update"`, `"fallback"` or `"promote"`.

# %%
most_expensive_hurry = None

# %% slide="fragment"
storms = [
    Scenario.named("everything", seed=seed, seconds=simulated_seconds) for seed in range(seeds)
]
hurried = {
    "update": Functions(update=hurried_update),
    "fallback": Functions(fallback=hurried_fallback),
    "promote": Functions(promote=hurried_promote),
}
with_functions = {"reference": Functions(), **hurried}
few = storms[: max(2, seeds // 2)]
card = Scorecard(
    {
        name: tuple(simulate(reference, storm, each) for storm in few)
        for name, each in tqdm(
            with_functions.items(), desc=tr(es="funciones", en="functions"), leave=False
        )
    }
)
rows = []
for name in hurried:
    mean, low, high = card.interval(name, instead_of="reference")
    more = {cause: card.causes(name)[cause] - card.causes("reference")[cause] for cause in CAUSES}
    rows.append(
        {
            tr(es="función apresurada", en="hurried function"): name,
            tr(es="pierde de más (€ de cada 100)", en="loses more (€ of each 100)"): mean,
            tr(es="intervalo del 95 %", en="95 % interval"): f"{number(low)} … {number(high)}",
            tr(es="sobre todo por", en="mostly by"): cause_name(max(more, key=more.get))
            if mean > 0
            else None,
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"Cambiar una función, en {len(few)} escenarios",
        en=f"Changing one function, in {len(few)} scenarios",
    ),
)
costs_most = max(hurried, key=lambda name: card.interval(name, instead_of="reference")[0])
choose(
    tr(es="la prisa más cara", en="the most expensive haste"),
    {name: name for name in hurried},
    chosen=most_expensive_hurry,
    right=costs_most,
    why=tr(
        es="Ninguna da un error. Solo se ven porque aquí hay un oráculo; en una empresa de verdad, sin él, hay que buscarlas.",
        en="None of them gives an error. They only show because there is an oracle here; in a real company, without one, one has to look for them.",
    ),
)

# %% [markdown] lang="es" slide="subslide"
# El precio firme y viejo de `fallback` pierde dos veces: porque no es el bueno, y porque lo prometido se paga (por cada precio firme hecho con datos de más de un segundo se devuelven 2 €, supuestos). Y el precio que **se acerca a uno normal según envejece**, y avisa de que es una estimación, es la misma idea de la hora de llegada de la unidad 05.
# %% [markdown] lang="en" slide="subslide"
# The firm old price of `fallback` loses twice: because it is not the right one, and because what was promised is paid (for each firm price made from data more than a second old, 2 € are given back, assumed). And the price that **comes closer to a usual one as it ages**, and says that it is an estimate, is the same idea as the arrival time of unit 05.

# %% [markdown] lang="es" row="34" slide="subslide"
# ¿Y `promote`? En la tabla apenas cuesta, o incluso gana. Antes de darla por buena, mira qué escenarios le hemos puesto: en «everything» **todas** las versiones nuevas son malas, y quien decide con cinco peticiones las retira antes. Lo que esos escenarios no enseñan es qué haría con una buena. Así que se la damos: la misma ciudad, todo lo demás perfecto, y cada regla decide
# cientos de veces, con peticiones al azar, mirando cada cinco peticiones del canario (y cuatro veces más de la estable).
#
# **Predice:** ¿cuántas de cada 100 veces retirará la apresurada una versión **buena**?
# %% [markdown] lang="en" row="34" slide="subslide"
# And `promote`? In the table it costs next to nothing, or even gains. Before you call it good, look at which scenarios it has been given: in 'everything' **all** new versions are bad, and whoever decides from five quotes withdraws them sooner. What those scenarios do not show is what it would do with a good one. So here is one: the same city, everything else perfect, and each rule decides
# hundreds of times, from quotes taken at random, looking after every five quotes of the canary (and four times as many of the stable version).
#
# **Predict:** how many times in 100 will the hurried one withdraw a **good** version?

# %%
percent_of_good_versions_taken_back = None

# %% slide="fragment"
truth_of = storm.market()


def earned_with(version):
    """Euros that each quote earns with this version, when it is the only thing that can be wrong."""
    rides = np.array([truth_of.ride(q.t, q.zone, q.level) for q in truth_of.quotes])
    euros = []
    for q, most in zip(truth_of.quotes, model("small", version).predict(rides), strict=True):
        waiting, drivers, _, _ = truth_of.truth(q.t, q.zone)
        price = market.best_price(waiting, drivers, float(most))
        euros.append(truth_of.earned(price, q.t, q.zone, q.level))
    return np.array(euros)


def seen(euros):
    """What a rule is told of a group."""
    return {"quotes": len(euros), "mean": float(euros.mean()), "std": float(euros.std(ddof=1))}


def verdict_and_quotes(rule, canary, stable):
    """What the rule says in the end, and after how many quotes of the canary."""
    for n in range(5, len(canary) + 1, 5):
        verdict = rule(seen(canary[:n]), seen(stable[: 4 * n]))
        if verdict != "wait":
            break
    return verdict, n


TRIALS, MOST = 200, 300
chance = np.random.default_rng(8)
with_first = earned_with("first")
rows, taken_back = [], {}
for version in ("good", "miles", "zones", "window"):
    with_new = earned_with(version)
    row = {
        tr(es="versión nueva", en="new version"): version,
        tr(es="gana respecto a la de antes (%)", en="earns, against the one before (%)"): 100
        * (with_new.mean() / with_first.mean() - 1),
    }
    for name, rule in {
        tr(es="apresurada", en="hurried"): hurried_promote,
        tr(es="de referencia", en="reference"): functions.promote,
    }.items():
        ends = [
            verdict_and_quotes(
                rule, chance.choice(with_new, MOST), chance.choice(with_first, 4 * MOST)
            )
            for _ in range(TRIALS)
        ]
        back = 100 * sum(verdict == "rollback" for verdict, _ in ends) / TRIALS
        taken_back[version, rule] = back
        row[tr(es=f"{name}: la retira (%)", en=f"{name}: withdraws it (%)")] = back
        row[tr(es=f"{name}: peticiones", en=f"{name}: quotes")] = statistics.mean(
            n for _, n in ends
        )
    rows.append(row)
tables.show(
    rows,
    caption=tr(
        es=f"Qué hace cada regla con cada versión, {TRIALS} veces, y cuántas peticiones del canario necesita",
        en=f"What each rule does with each version, {TRIALS} times, and how many quotes of the canary it needs",
    ),
)
compare(
    tr(
        es="versiones buenas que retira la apresurada",
        en="good versions that the hurried one withdraws",
    ),
    predicted=percent_of_good_versions_taken_back,
    measured=taken_back["good", hurried_promote],
    unit="%",
)

# %% [markdown] lang="es" row="34" slide="subslide"
# Con una versión buena (parecida a la anterior), la apresurada echa una moneda al aire; de las malas, deja pasar más cuanto menos malas son. La de referencia acierta mucho más, y lo paga en peticiones. Un banco de pruebas en el que todo lo nuevo es malo premia a quien lo retira todo: **mira siempre qué casos le faltan a tu prueba**. (Y aquí cada petición gana su valor esperado: con el sí o el no de cada viajero habría todavía más ruido.)
#
# ¿Cuántas peticiones hacen falta? Lo que se gana con un viaje varía mucho de uno a otro; con $n$ peticiones por grupo y desviación típica $\sigma$, el error de la diferencia de dos medias es $\sigma\sqrt{2/n}$, y solo se ve una diferencia que sea, pongamos, el doble.
#
# **Predice:** si la desviación típica fuera la mitad de la media, ¿cuántas peticiones por grupo harían falta para ver que una versión gana un 20 % menos? Haz la cuenta; abajo está con la desviación medida.
# %% [markdown] lang="en" row="34" slide="subslide"
# With a good version (much like the one before), the hurried rule tosses a coin; of the bad ones, it lets more through the less bad they are. The reference is right far more often, and pays for it in quotes. A test bench in which everything new is bad rewards whoever withdraws everything: **always look at which cases your test lacks**. (And here each quote earns its expected value: with each rider's yes or no there would be more noise still.)
#
# How many quotes does it take? What a ride earns varies a lot from ride to ride; with $n$ quotes a group and a standard deviation $\sigma$, the error of the difference of two means is $\sigma\sqrt{2/n}$, and only a difference of, say, twice that can be seen.
#
# **Predict:** if the standard deviation were half the mean, how many quotes a group would it take to see that a version earns 20 % less? Work it out; below it is done with the measured deviation.

# %%
quotes_to_see_20_percent = None

# %% slide="fragment"
earned = [
    truth_of.earned(truth_of.oracle(q.t, q.zone, q.level), q.t, q.zone, q.level)
    for q in truth_of.quotes
]
spread = statistics.stdev(earned) / statistics.mean(earned)


def quotes_needed(difference):
    """Quotes a group so that twice the error of the difference is this share of the mean."""
    return math.ceil(2 * (2 * spread / difference) ** 2)


tables.show(
    [
        {
            tr(es="diferencia (%)", en="difference (%)"): 100 * difference,
            tr(es="peticiones por grupo", en="quotes a group"): quotes_needed(difference),
            tr(
                es="segundos, con un 20 % en el canario", en="seconds, with 20 % in the canary"
            ): quotes_needed(difference) / (0.2 * len(earned) / storm.seconds),
        }
        for difference in (0.5, 0.2, 0.1, 0.02)
    ],
    caption=tr(
        es=f"Lo que se gana con un viaje tiene una desviación típica de {spread:.2f} veces su media",
        en=f"What a ride earns has a standard deviation of {spread:.2f} times its mean",
    ),
)
compare(
    tr(es="peticiones por grupo para ver un 20 %", en="quotes a group to see 20 %"),
    predicted=quotes_to_see_20_percent,
    measured=quotes_needed(0.2),
    unit="",
)

# %% [markdown] lang="es" slide="subslide"
# Ver la mitad de diferencia cuesta el cuádruple de peticiones. Un canario pequeño es prudente y lento; uno grande es rápido y caro si la versión es mala. Y si se mira muchas veces y se decide en cuanto «sale», se acaba viendo una diferencia que no existe: con dos errores de margen y una sola mirada, se retiraría por azar una versión igual de buena unas 2 veces de cada 100; compáralo con lo que hace la de referencia en la tabla de antes. Por eso exige un mínimo antes de opinar, que reduce el problema y no lo quita.
# %% [markdown] lang="en" slide="subslide"
# To see half the difference takes four times as many quotes. A small canary is prudent and slow; a large one is quick, and expensive if the version is bad. And if one looks many times and decides as soon as "it shows", one ends up seeing a difference that is not there: with a margin of two errors and a single look, a version just as good would be withdrawn by chance some 2 times in 100; compare that with what the reference does in the table above. Hence it asks for a minimum before it has an opinion, which lessens the problem and does not remove it.

# %% [markdown] lang="es" row="15 40" slide="slide"
# ## ¿Qué pieza vale más? Quitarlas de una en una
#
# A esto se le llama **ablación**: el mismo sistema sin una pieza, en los mismos escenarios. Se compara **escenario a escenario**, porque una ciudad con mucha lluvia y un túnel largo pierde más con cualquier diseño, y esa diferencia no le interesa a nadie; y se da un intervalo, porque con un solo escenario ganaría el azar.
#
# **Predice:** ¿qué pieza hace perder más dinero si se quita? `"stream"` (características cada 5 s en vez de al momento), `"fallback"` (nada en el móvil), `"canary"` (las versiones nuevas, a todos; si es mala, alguien se da cuenta a los 20 s, `COSTS.alarm_s`: aquí, cuando ya se ha acabado), `"head"` (sin tabla), `"small"` (el modelo grande) o `"commit"` (confirmar antes de procesar).
# %% [markdown] lang="en" row="15 40" slide="slide"
# ## Which part is worth most? Take them out one at a time
#
# That is called an **ablation**: the same system without one part, in the same scenarios. They are compared **scenario by scenario**, because a city with much rain and a long tunnel loses more with any design, and nobody cares for that difference; and an interval is given, because with a single scenario chance would win.
#
# **Predict:** taking out which part loses most money? `"stream"` (features each 5 s instead of at once), `"fallback"` (nothing on the phone), `"canary"` (new versions, to everybody; somebody notices a bad one after 20 s, `COSTS.alarm_s`: here, when it is all over), `"head"` (no table), `"small"` (the large model) or `"commit"` (committing before processing).

# %%
most_valuable_part = None

# %% slide="fragment"
without = {
    "stream": replace(reference, features="batch", refresh_s=5.0),
    "fallback": replace(reference, placement="cloud"),
    "canary": replace(reference, rollout="all"),
    "head": replace(reference, prediction="online"),
    "small": replace(reference, model="large"),
    "commit": replace(reference, commit="before"),
}
ablation = Scorecard(
    {
        name: tuple(simulate(design, storm) for storm in storms)
        for name, design in tqdm(
            {"reference": reference, **without}.items(),
            desc=tr(es="ablación", en="ablation"),
            leave=False,
        )
    }
)
worth = {name: ablation.interval(name, instead_of="reference") for name in without}

# %% tags=["hide-input"] slide="fragment"
ranked = sorted(worth, key=lambda name: worth[name][0])
fig, ax = plots.subplots(figsize=(7.6, 3.4))
for row, name in enumerate(ranked):
    mean, low, high = worth[name]
    each = np.array(ablation.percent(name)) - np.array(ablation.percent("reference"))
    ax.plot(each, [row] * len(each), "o", color=plots.SKY, markersize=4, alpha=0.8)
    ax.plot([low, high], [row, row], color=plots.BLUE, linewidth=4)
    ax.plot(mean, row, "D", color=plots.BLUE, markersize=7)
ax.axvline(0, color=plots.FAINT, linewidth=1)
ax.set_yticks(range(len(ranked)), [tr(es=f"sin {name}", en=f"without {name}") for name in ranked])
ax.grid(axis="x")
ax.grid(axis="y", visible=False)
ax.set_xlabel(
    tr(
        es="euros de más que se pierden, de cada 100 del oráculo",
        en="euros more that are lost, of each 100 of the oracle's",
    )
)
plots.show(
    fig,
    tr(
        es=f"Lo que se pierde de más al quitar cada pieza, con su intervalo y un punto por escenario; la que más vale es {ranked[-1]} y la que menos, {ranked[0]}.",
        en=f"What is lost on top when each part is taken out, with its interval and a dot for each scenario; the part worth most is {ranked[-1]}, and the one worth least, {ranked[0]}.",
    ),
)
choose(
    tr(es="la pieza que más vale", en="the part worth most"),
    {name: name for name in without},
    chosen=most_valuable_part,
    right=ranked[-1],
    why=tr(
        es=f"Cuesta {worth[ranked[-1]][0]:.1f} € más de cada 100; quitar {ranked[0]}, {worth[ranked[0]][0]:.1f}.",
        en=f"It costs {worth[ranked[-1]][0]:.1f} € more of each 100; taking out {ranked[0]}, {worth[ranked[0]][0]:.1f}.",
    ),
)
bad_prices = {
    name: statistics.mean(s.counters["bad_version"] for s in ablation.scores[name])
    for name in ("stream", "reference")
}
stream_causes, reference_causes = ablation.causes("stream"), ablation.causes("reference")
print(
    tr(
        es=f"Sin flujo, la versión mala cuesta {stream_causes['version']:.1f} € de cada 100 y pone {bad_prices['stream']:.0f} precios de media; con él, {reference_causes['version']:.1f} € y {bad_prices['reference']:.0f} precios. Y el canario sigue puesto.",
        en=f"Without the stream, the bad version costs {stream_causes['version']:.1f} € of each 100 and gives {bad_prices['stream']:.0f} prices on average; with it, {reference_causes['version']:.1f} € and {bad_prices['reference']:.0f} prices. And the canary is still there.",
    )
)

# %% [markdown] lang="es" row="15 22" slide="subslide"
# Tres cosas que no se ven mirando las piezas por separado:
#
# - **Las piezas se sostienen unas a otras.** Con características viejas, lo que gana cada viaje depende sobre todo de lo viejas que sean, y en ese ruido el canario tarda más en ver que la versión es mala, o no lo ve: por eso la línea de arriba. Una pieza peor estropea a otra que sigue en su sitio, y la causa que sube no es la de la pieza que falta. (Y lo que vale el canario depende de lo que se supone que se tarda en darse cuenta sin él.)
# - **Hay piezas que casi no valen nada aquí.** La tabla precalculada ahorra predicciones, pero en esta ciudad las predicciones son baratas; con un modelo cien veces mayor la cuenta es otra (pásale a `simulate` otros costes, `costs=replace(COSTS, small_ms=…)`, y repite). Un intervalo que toca el cero quiere decir eso: con estos escenarios no se puede decir que sirva.
# - **El intervalo no es la nube de puntos.** Los puntos son escenarios, y hay días en los que una pieza no hace falta. El intervalo es de la media. Un seguro se juzga por los dos.
# %% [markdown] lang="en" row="15 22" slide="subslide"
# Three things that do not show when the parts are looked at one by one:
#
# - **The parts hold one another up.** With old features, what each ride earns depends above all on how old they are, and in that noise the canary takes longer to see that the version is bad, or does not see it: hence the line above. A worse part spoils another one that is still in place, and the cause that grows is not that of the missing part. (And what the canary is worth depends on how long it is assumed to take to notice without it.)
# - **Some parts are worth next to nothing here.** The precomputed table saves predictions, but in this city predictions are cheap; with a model a hundred times as large the sum is another (give `simulate` other costs, `costs=replace(COSTS, small_ms=…)`, and run again). That is what an interval that touches zero means: from these scenarios one cannot say that it helps.
# - **The interval is not the cloud of dots.** The dots are scenarios, and there are days on which a part is not needed. The interval is of the mean. Insurance is judged by both.

# %% [markdown] lang="es" row="28 29 31" slide="slide"
# ## Qué merece estar en la tabla
#
# La ablación dice que la tabla vale poco. Pero depende de dos cosas que se pueden cambiar: cuántos destinos tiene y lo que cuesta calcular uno. Los destinos son 60 y siguen la ley de Zipf: el segundo se pide la mitad que el primero, el tercero un tercio…
#
# **Predice:** ¿qué porcentaje de las peticiones responde una tabla con los 12 destinos más pedidos?
# %% [markdown] lang="en" row="28 29 31" slide="slide"
# ## What deserves to be in the table
#
# The ablation says that the table is worth little. But that depends on two things that can be changed: how many destinations it has, and what it costs to compute one. There are 60 destinations, and they follow Zipf's law: the second is asked for half as often as the first, the third a third…
#
# **Predict:** what percentage of the quotes does a table of the 12 most popular destinations answer?

# %%
percent_from_the_table = None

# %% slide="fragment"
rush = [Scenario.named("rush_hour", seed=seed, seconds=simulated_seconds) for seed in range(2)]


def with_head(size, head):
    """Scores of the reference design with this model, and a table of so many destinations (0: no table)."""
    chosen = {"prediction": "hybrid", "head": head} if head else {"prediction": "online"}
    return [simulate(replace(reference, model=size, **chosen), each) for each in rush]


rows, FROM_TABLE = [], tr(es="de la tabla (%)", en="from the table (%)")
for head in tqdm((0, 4, 12, 30, DESTINATIONS), desc=tr(es="tablas", en="tables"), leave=False):
    scores = {size: with_head(size, head) for size in ("small", "large")}
    small = scores["small"]
    rows.append(
        {
            tr(es="destinos", en="destinations"): head,
            FROM_TABLE: 100
            * sum(s.counters["table"] for s in small)
            / sum(s.counters["quotes"] for s in small),
            tr(es="predicciones/s para la tabla", en="predictions/s for the table"): head
            * ZONES
            / reference.ttl_s,
        }
        | {
            tr(es=f"se pierde con {size} (%)", en=f"lost with {size} (%)"): statistics.mean(
                s.percent for s in each
            )
            for size, each in scores.items()
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"Tablas de distinto tamaño en hora punta, rehechas cada {reference.ttl_s:g} s",
        en=f"Tables of different sizes in the rush hour, made anew every {reference.ttl_s:g} s",
    ),
)
compare(
    tr(
        es="peticiones que responde una tabla de 12 destinos",
        en="quotes that a table of 12 destinations answers",
    ),
    predicted=percent_from_the_table,
    measured=rows[2][FROM_TABLE],
    unit="%",
)

# %% [markdown] lang="es" row="28 29 31" slide="subslide"
# La primera docena responde la mayoría de las peticiones; los que vienen detrás cuestan lo mismo de calcular (aquí, en la factura: en el simulador rehacer la tabla no le quita tiempo al servidor), se pida o no su precio, y cada uno lo pide muy poca gente. Por eso la tabla se paga con la **cabeza** y se pierde con la cola. Y cuanto más cara es una predicción, o más larga la cola de espera del servidor en hora punta, más vale tenerla hecha: compara las dos últimas columnas.
#
# Fíjate también en **qué** guarda la tabla: lo que el modelo dice de $m$, que cambia con la lluvia y la presión, y no el precio, que cambia con cada conductor. Precalcular la parte lenta y terminar la rápida al momento es el reparto de dos etapas de la unidad 04.
# %% [markdown] lang="en" row="28 29 31" slide="subslide"
# The first dozen answers most of the quotes; those behind cost the same to compute (here, on the bill: in the simulator, making the table anew takes none of the server's time), whether their price is asked or not, and hardly anybody asks for any one of them. So the table pays by its **head**, and loses by its tail. And the more expensive a prediction is, or the longer the server's queue in the rush hour, the more it is worth having it ready: compare the last two columns.
#
# Note also **what** the table keeps: what the model says of $m$, which changes with the rain and the pressure, and not the price, which changes with every driver. Precomputing the slow part and finishing the fast one on the spot is the split in two stages of unit 04.

# %% [markdown] lang="es" row="40" slide="slide"
# ## La misma aplicación en cuatro sitios
#
# La última diapositiva sobre dónde se predice apuesta por el futuro: **en línea y en el dispositivo**. Pongamos la misma aplicación en cuatro sitios y empeoremos la cobertura: nube con tablas de cada segundo, nube en línea, el móvil solo (que oye las características una vez por segundo, si tiene red) y la nube con reserva en el móvil.
#
# **Predice:** ¿a partir de qué porcentaje del tiempo sin red pierde menos el móvil solo que la nube sola en línea?
# %% [markdown] lang="en" row="40" slide="slide"
# ## The same application in four places
#
# The last slide on where to predict bets on the future: **online and on-device**. Let us put the same application in four places and worsen the coverage: cloud with tables of each second, cloud online, the phone by itself (which hears the features once a second, if it has a network) and the cloud with a reserve on the phone.
#
# **Predict:** from what percentage of the time without a network does the phone by itself lose less than the cloud by itself, online?

# %%
percent_without_network = None

# %% slide="fragment"
CLOUD_TABLES, CLOUD, PHONE, BOTH = (
    tr(es="nube, tablas", en="cloud, tables"),
    tr(es="nube, en línea", en="cloud, online"),
    tr(es="móvil", en="phone"),
    tr(es="nube y, si no, móvil", en="cloud, else phone"),
)
places = {
    CLOUD_TABLES: Design(prediction="batch", ttl_s=1.0, placement="cloud"),
    CLOUD: Design(prediction="online", placement="cloud"),
    PHONE: Design(placement="edge"),
    BOTH: Design(prediction="online", placement="cloud_with_fallback"),
}
shares = [0.0, 0.05, 0.1, 0.2, 0.4]


def with_coverage(share, seed, seconds=20.0, period=10.0):
    """A calm scenario in which each zone has no network for this share of every ten seconds, at a moment of its own."""
    chance = random.Random(f"coverage {seed}")
    cuts = []
    for zone in range(ZONES):
        for begin in np.arange(0, seconds, period):
            at = begin + chance.uniform(0, period * (1 - share))
            cuts += [Outage(zone, at, at + share * period)] if share else []
    return Scenario(name=f"{share:.0%}", seed=seed, seconds=seconds, outages=tuple(cuts))


lost_by_place = {
    place: [
        [simulate(design, with_coverage(share, seed)).percent for seed in range(3)]
        for share in shares
    ]
    for place, design in tqdm(places.items(), desc=tr(es="sitios", en="places"), leave=False)
}

# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots()
for (place, losses), marker in zip(lost_by_place.items(), "sovD", strict=True):
    ax.plot(
        [100 * share for share in shares],
        [statistics.mean(each) for each in losses],
        f"{marker}-",
        label=place,
    )
ax.set_xlabel(
    tr(es="tiempo sin red, en cada zona (%)", en="time without a network, in each zone (%)")
)
ax.set_ylabel(tr(es="se pierde de cada 100 €", en="lost of each 100 €"))
ax.set_ylim(bottom=0)
ax.legend()
means = {
    place: [statistics.mean(each) for each in losses] for place, losses in lost_by_place.items()
}
difference = [cloud - phone for cloud, phone in zip(means[CLOUD], means[PHONE], strict=True)]
# es: entre los puntos, una recta
# en: between the points, a straight line
crossing = (
    float(np.interp(0, difference, shares)) if difference[0] < 0 < difference[-1] else math.nan
)
# es: cuánto pierde de más la mezcla, en el peor punto, que el mejor de los otros tres
# en: how much more the mixture loses, at its worst point, than the best of the other three
regret = max(
    both - min(means[place][k] for place in means if place != BOTH)
    for k, both in enumerate(means[BOTH])
)
plots.show(
    fig,
    tr(
        es=f"Pérdida de los cuatro sitios según el tiempo sin red. La de la nube sola cruza la del móvil hacia el {100 * crossing:.0f} %; la de la nube con reserva queda, en el peor caso, a {regret:.1f} puntos de la mejor de las otras.",
        en=f"Loss of the four places by time without a network. That of the cloud alone crosses the phone's near {100 * crossing:.0f} %; that of the cloud with a reserve is, at worst, {regret:.1f} points from the best of the others.",
    ),
)
print(
    tr(
        es=f"La nube con reserva, en su peor punto, está a {regret:.1f} puntos de la mejor de las otras tres (negativo: la mejora siempre).",
        en=f"The cloud with a reserve is, at its worst point, {regret:.1f} points from the best of the other three (negative: it always beats it).",
    )
)
if not math.isnan(crossing):
    compare(
        tr(
            es="tiempo sin red a partir del cual gana el móvil solo",
            en="time without a network from which the phone by itself wins",
        ),
        predicted=percent_without_network,
        measured=100 * crossing,
        unit="%",
    )

# %% [markdown] lang="es" row="40" slide="subslide"
# La pregunta «¿nube o móvil?» no tiene respuesta; «¿qué cobertura hay?» sí. La combinación no tiene que acertar la cobertura de antemano: sin cortes paga algo más de factura que la nube sola, y poco más se puede perder con ella (la línea de arriba dice cuánto); en cuanto los hay, contesta quien puede. Eso es lo que compra un híbrido: **no depender de haberlo previsto**.
#
# Y fíjate en lo que **no** mejora al poner el modelo en el móvil: la inferencia se muda, pero $d$ y $r$ son de la ciudad y siguen llegando por la red. «En línea y en el dispositivo» resuelve el cálculo, no la información.
# %% [markdown] lang="en" row="40" slide="subslide"
# "Cloud or phone?" has no answer; "what is the coverage?" does. The combination need not guess the coverage beforehand: without cuts its bill is somewhat larger than that of the cloud alone, and there is little else to lose by it (the line above says how much); as soon as there are cuts, whoever can answers. That is what a hybrid buys: **not depending on having foreseen it**.
#
# And look at what does **not** get better by putting the model on the phone: the inference moves, but $d$ and $r$ are the city's and still come over the network. "Online and on-device" solves the computing, not the information.

# %% [markdown] lang="es" row="40" slide="slide"
# ## El marcador: de peor a mejor
#
# Seis diseños con nombre, de los que se encuentran de verdad, en los mismos escenarios. Cuatro (`nightly`, `streaming`, `with_fallback` y `reference`) van mejorando paso a paso, y deben quedar en orden en **todos** los escenarios; el lugar de `big_cloud` y `edge_only` depende de lo que pase. La primera tabla dice qué es cada uno (— donde la opción no tiene efecto); en la figura, cada círculo es un escenario.
# %% [markdown] lang="en" row="40" slide="slide"
# ## The scorecard: from worse to better
#
# Six designs with a name, of those that are found in real life, in the same scenarios. Four (`nightly`, `streaming`, `with_fallback` and `reference`) improve step by step, and must come out in order in **every** scenario; the place of `big_cloud` and `edge_only` depends on what happens. The first table says what each is (— where the choice has no effect); in the figure, each circle is a scenario.

# %% slide="fragment"
others = {name: design for name, design in NAMED.items() if name != "reference"}
CHOICES = ("features", "refresh_s", "prediction", "placement", "model", "rollout", "commit")
tables.show(
    [
        {tr(es="diseño", en="design"): name}
        | {choice: design.choices().get(choice) for choice in CHOICES}
        for name, design in {**others, "reference": reference}.items()
    ],
    caption=tr(
        es="Qué es cada diseño (un segundo es un minuto de la ciudad)",
        en="What each design is (a second is a minute of the city)",
    ),
)
scored = {
    name: tuple(simulate(design, storm) for storm in storms)
    for name, design in tqdm(others.items(), desc=tr(es="diseños", en="designs"), leave=False)
}
scorecard = Scorecard({**scored, "reference": ablation.scores["reference"]})
scorecard.show(
    tr(
        es=f"Seis diseños en {seeds} escenarios «everything»",
        en=f"Six designs in {seeds} scenarios 'everything'",
    )
)
scorecard.plot()
disorder = scorecard.disorder()
print(
    tr(
        es=f"De peor a mejor debían quedar nightly, streaming, with_fallback y reference. Veces que no: {len(disorder)}, de {3 * seeds} comparaciones.",
        en=f"From worse to better they should be nightly, streaming, with_fallback and reference. Times they are not: {len(disorder)}, of {3 * seeds} comparisons.",
    )
)

# %% [markdown] lang="es" slide="subslide"
# Lo que separa al primero del último no es el modelo: casi todos usan el mismo, y al que usa el grande no le sirve de nada: sus respuestas tardan tanto que el servidor no da abasto en cuanto hay prisa, y los viajeros se van sin precio. Lo que cambia es cuándo le llegan los datos, qué hace cuando no le llegan y cuánto tarda alguien en enterarse de que algo va mal. En el ejercicio, tu diseño y tus funciones pasarán por escenarios que no has visto, en una comarca donde este diseño ya no va tan bien.
# %% [markdown] lang="en" slide="subslide"
# What lies between the first and the last is not the model: nearly all of them use the same one, and the large one is of no use to the design that has it: its answers take so long that the server cannot keep up as soon as things get busy, and riders leave without a price. What changes is when the data reach it, what it does when they do not, and how long it takes for somebody to notice that something is wrong. In the exercise, your design and your functions will go through scenarios that you have not seen, in a district where this design no longer does so well.

# %% [markdown] lang="es" row="7 26" slide="slide"
# ## La empresa en marcha
#
# Ahora, de verdad. `live.start` recibe **los mismos** diseño, escenario y funciones, y arranca diez procesos: Kafka, la ciudad, el servicio de características, el de precios, los móviles, el observador y una red por zona. Un segundo dura un segundo.
#
# **Predice:** en un día tranquilo, con móviles 4G (70 ms de ida y vuelta, y encima, en cada sentido, un retraso exponencial de 10 ms de media), ¿qué p99 de espera verán los viajeros, en ms?
# %% [markdown] lang="en" row="7 26" slide="slide"
# ## The company live
#
# Now for real. `live.start` takes **the same** design, scenario and functions, and starts ten processes: Kafka, the city, the feature service, the price service, the phones, the observer and a network for each zone. A second lasts a second.
#
# **Predict:** on a calm day, with 4G phones (a round trip of 70 ms and, on top, an exponential delay of 10 ms on average each way), what p99 of the wait will riders see, in ms?

# %%
calm_p99_ms = None

# %% slide="fragment"
calm = Scenario(name="calm", seed=3, seconds=live_seconds)
with live.start(reference, calm) as company:
    calm_run = company.watch()

# %% tags=["hide-input"] slide="fragment"
compare(
    tr(es="p99 de la espera en un día tranquilo", en="p99 of the wait on a calm day"),
    predicted=calm_p99_ms,
    measured=calm_run.score.p99_ms,
    unit="ms",
)
calm_simulated = simulate(reference, calm)
luck = random.Random(8)
network_p99_ms = float(np.percentile([calm.conditions.draw_rtt(luck) for _ in range(20_000)], 99))
print(
    tr(
        es=f"El p99 de la red sola, sin nadie que conteste: {network_p99_ms:.0f} ms.",
        en=f"The p99 of the network alone, with nobody to answer: {network_p99_ms:.0f} ms.",
    )
)


def side_by_side(run, simulated, caption):
    """What the live company measured beside what the simulator says of the same; `simulated`: {column: score}."""
    rows = []
    for what, read in {
        tr(es="se pierde de cada 100 €", en="lost of each 100 €"): lambda s: s.percent,
        "p50 (ms)": lambda s: s.p50_ms,
        "p99 (ms)": lambda s: s.p99_ms,
        tr(es="antigüedad media (ms)", en="mean staleness (ms)"): lambda s: 1000 * s.staleness_s,
        tr(es="error medio del precio (€)", en="mean price error (€)"): lambda s: s.error_eur,
        tr(es="precios dados por el móvil", en="prices given by the phone"): lambda s: s.counters[
            "phone"
        ],
        tr(es="sin precio", en="without a price"): lambda s: s.counters["unanswered"],
        tr(es="precios de una versión mala", en="prices by a bad version"): lambda s: s.counters[
            "bad_version"
        ],
    }.items():
        rows.append(
            {
                "": what,
                tr(es="en marcha", en="live"): read(run.score),
            }
            | {name: read(score) for name, score in simulated.items()}
        )
    tables.show(rows, caption=caption)


SIMULATED = tr(es="simulado", en="simulated")
side_by_side(calm_run, {SIMULATED: calm_simulated}, tr(es="Un día tranquilo", en="A calm day"))

# %% [markdown] lang="es" slide="subslide"
# Casi todo el p99 simulado, y buena parte del medido, es la red, y no el modelo (unidad 05). Con menos de mil peticiones un p99 lo deciden las pocas más lentas: no te extrañe que baile unos milisegundos, ni que el de la red sola, hecho con miles, salga mayor que el simulado. Y fíjate en la primera fila: lo que la empresa en marcha añade al simulador (procesos que comparten tu procesador, HTTP, Kafka) se suele pagar. Cuánto cuesta cada cosa lo veremos al final.
#
# ### Observada
#
# Nadie mira gráficas a las tres de la mañana. El servicio de precios y el observador publican sus cuentas en `/metrics`, y con Docker las recogen Prometheus y Grafana, como en la unidad 04. Del de características habla quien lo usa: el de precios mide la antigüedad de lo último que le oyó sobre cada zona (`features_age_seconds`), y eso sigue diciendo algo cuando el otro ha muerto. Esto es lo último que contaron los dos, ya sin viajeros:
# %% [markdown] lang="en" slide="subslide"
# Nearly all of the simulated p99, and much of the measured one, is the network and not the model (unit 05). With fewer than a thousand quotes, a p99 is decided by the few slowest: do not be surprised if it moves by some milliseconds, or if that of the network alone, made from thousands, comes out above the simulated one. And look at the first row: what the live company adds to the simulator (processes that share your processor, HTTP, Kafka) usually has its price. What each of these costs we shall see at the end.
#
# ### Observed
#
# Nobody watches charts at three in the morning. The price service and the observer publish their figures at `/metrics`, and with Docker they are collected by Prometheus and Grafana, as in unit 04. For the feature service, the one that uses it speaks: the price service measures the staleness of what it last heard about each zone (`features_age_seconds`), and that still says something when the other one is dead. This is the last report of both, with the riders already gone:

# %% slide="subslide"
for page in ("observer", "prices"):
    for family in text_string_to_metric_families(calm_run.metrics[page]):
        for sample in family.samples:
            brief = sample.name.endswith("_total") or sample.name == "features_age_seconds"
            if brief or sample.labels.get("le") in ("0.1", "0.25", "1.0"):
                labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
                print(f"{sample.name}{{{labels}}} {sample.value:.4g}")

# %% [markdown] lang="es" row="7 11" slide="slide"
# ## Romperla a propósito
#
# El guion del desastre, escrito antes de ejecutarlo. Matamos el servicio de características (`kill -9`: no puede guardar nada) y el de precios, una zona se queda sin red (el 18 % del tiempo) y luego todas (el 8 %), llegan eventos tarde y repetidos, y sale una versión que toma los kilómetros por millas.
#
# A cada servicio se le arranca de nuevo un segundo después de morir, y tarda en estar listo lo que tarde en tu máquina. En la figura, el gris es más oscuro cuantas más zonas están sin red.
#
# **Predice:** ¿cuántos eventos de la ciudad quedarán sin contar? ¿Y qué porcentaje de las peticiones responderá el móvil por su cuenta?
# %% [markdown] lang="en" row="7 11" slide="slide"
# ## Breaking it on purpose
#
# The script of the disaster, written before it is run. We kill the feature service (`kill -9`: it cannot save anything) and the price service, a zone loses its network (for 18 % of the time) and later all of them do (8 %), events come late and repeated, and a version comes out that takes kilometres for miles.
#
# Each service is started again a second after it dies, and takes as long to be ready as it takes on your machine. In the figure, the grey is the darker the more zones have no network.
#
# **Predict:** how many events of the city will be left uncounted? And what percentage of the quotes will the phone answer by itself?

# %%
events_uncounted = None
percent_answered_by_the_phone = None

# %% slide="fragment"
script = Scenario(
    name="chaos",
    seed=3,
    seconds=live_seconds,
    late=0.06,
    duplicated=0.05,
    release=Release(0.08 * live_seconds, "miles"),
    outages=(
        Outage(zone=1, begin=0.12 * live_seconds, end=0.3 * live_seconds),
        *(Outage(zone, 0.8 * live_seconds, 0.88 * live_seconds) for zone in range(ZONES)),
    ),
    crashes=(
        # es: justo antes de la instantánea siguiente (hay una por segundo): el peor momento
        # en: right before the next snapshot (there is one a second): the worst moment
        Crash("features", at=math.floor(0.4 * live_seconds) + 0.9, seconds=1.0),
        Crash("prices", at=0.62 * live_seconds, seconds=1.0),
    ),
)
with live.start(reference, script) as company:
    run = company.watch()

# %% tags=["hide-input"] slide="fragment"
run.proof.show()
assert run.proof.events.ok and run.proof.quotes.ok
assert run.proof.uncounted == run.proof.repeated == 0
compare(
    tr(es="eventos de la ciudad sin contar", en="events of the city left uncounted"),
    predicted=events_uncounted,
    measured=len(run.proof.events.lost),
    unit="",
)
compare(
    tr(
        es="peticiones que responde el móvil por su cuenta",
        en="quotes that the phone answers by itself",
    ),
    predicted=percent_answered_by_the_phone,
    measured=100 * run.score.counters["phone"] / run.score.counters["quotes"],
    unit="%",
)
for down in run.downtimes:
    print(
        tr(
            es=f"{down.service}: sin servicio del segundo {down.begin:.1f} al {down.end:.1f}",
            en=f"{down.service}: out of service from second {down.begin:.1f} to {down.end:.1f}",
        )
    )
for t, verdict in run.score.verdicts:
    print(tr(es=f"canario, segundo {t:.1f}: {verdict}", en=f"canary, second {t:.1f}: {verdict}"))
to_all = simulate(replace(reference, rollout="all"), run.scenario)
print(
    tr(
        es=f"La versión mala puso {run.score.counters['bad_version']} precios. Sin canario, según el simulador, habrían sido {to_all.counters['bad_version']}.",
        en=f"The bad version gave {run.score.counters['bad_version']} prices. Without a canary, says the simulator, it would have been {to_all.counters['bad_version']}.",
    )
)

# %% [markdown] lang="es" slide="subslide"
# ### La firma de cada avería
#
# Quien está de guardia no tiene el guion: solo ve métricas. Estas son cuatro de ellas, de la ejecución que acabas de ver, mientras pasaba cada cosa. Tapa la primera columna e intenta adivinarla.
# %% [markdown] lang="en" slide="subslide"
# ### The signature of each failure
#
# Whoever is on call does not have the script: only metrics can be seen. These are four of them, of the run that you have just watched, while each thing was happening. Cover the first column and try to guess it.


# %% slide="fragment"
def signature(what, answers, begin, end, zones=range(ZONES)):
    """What can be seen from second `begin` to second `end`, in these zones."""
    seen = [a for a in answers if begin <= a.quote.t < end and a.quote.zone in zones and a.price]
    phone = [a for a in seen if a.source == "phone"]
    cloud = [a for a in seen if a.source != "phone"]
    waits = {
        name: [1000 * (a.t - a.quote.t) for a in those]
        for name, those in (("phone", phone), ("cloud", cloud))
    }
    return {
        tr(es="qué pasaba", en="what was happening"): what,
        tr(es="precios del móvil (%)", en="prices by the phone (%)"): 100 * len(phone) / len(seen)
        if seen
        else None,
        tr(es="mediana de su espera (ms)", en="median of their wait (ms)"): statistics.median(
            waits["phone"]
        )
        if phone
        else None,
        tr(es="p95 de la nube (ms)", en="p95 of the cloud (ms)"): float(
            np.percentile(waits["cloud"], 95)
        )
        if cloud
        else None,
        tr(es="antigüedad en la nube (s)", en="staleness in the cloud (s)"): statistics.mean(
            a.t - a.as_of for a in cloud
        )
        if cloud
        else None,
    }


cut = script.outages[0]
# es: los bordes de cada avería mezclan dos cosas: se deja un margen
# en: the edges of each failure mix two things: leave a margin
MARGIN = 0.3
rows = [
    signature(
        tr(es="nada (día tranquilo)", en="nothing (calm day)"), calm_run.answers, 1, live_seconds
    ),
    signature(
        tr(es=f"zona {cut.zone} sin red", en=f"zone {cut.zone} without a network"),
        run.answers,
        cut.begin,
        cut.end - MARGIN,
        [cut.zone],
    ),
    signature(
        tr(es="mientras, las demás zonas", en="meanwhile, the other zones"),
        run.answers,
        cut.begin,
        cut.end - MARGIN,
        [zone for zone in range(ZONES) if zone != cut.zone],
    ),
]
for down in sorted(run.downtimes, key=lambda down: down.begin):
    what = tr(es=f"{down.service}, sin servicio", en=f"{down.service}, out of service")
    rows.append(signature(what, run.answers, down.begin + MARGIN, down.end))
tables.show(
    rows,
    caption=tr(
        es="Cuatro métricas mientras pasa cada cosa", en="Four metrics while each thing happens"
    ),
)

# %% [markdown] lang="es" slide="subslide"
# - **Sin red**, el móvil pone el precio *después* de esperar todo su plazo: nadie le dice que no, sencillamente nadie contesta. Y solo en esa zona.
# - **Sin servicio de precios**, el móvil lo pone *enseguida*: le han rechazado la conexión. En todas las zonas a la vez.
# - **Sin servicio de características** no falla nada: la nube contesta casi igual de deprisa, con la ciudad de hace un rato. Es la avería que no se ve en la latencia ni en los errores, y por eso la antigüedad es una métrica más, con su alarma.
#
# En el ejercicio escribirás el diagnóstico como una función.
# %% [markdown] lang="en" slide="subslide"
# - **Without a network**, the phone gives the price *after* waiting for its whole timeout: nobody says no to it, simply nobody answers. And only in that zone.
# - **Without the price service**, the phone gives it *at once*: its connection has been refused. In all zones at the same time.
# - **Without the feature service** nothing fails: the cloud answers nearly as quickly, with the city of a while ago. It is the failure that shows neither in the latency nor in the errors, and so staleness is one more metric, with an alarm of its own.
#
# In the exercise you will write the diagnosis as a function.

# %% [markdown] lang="es" row="11" slide="subslide"
# ### Por qué no se ha perdido nada
#
# El servicio de características guarda en **un solo fichero, que se reemplaza de un golpe**, lo que sabe y hasta dónde ha leído. Al volver, sigue desde ahí: lo que leyó después de la última instantánea lo lee otra vez, y como el estado también es el de entonces, no se cuenta dos veces. (Contra un `kill -9`; contra un apagón haría falta además `fsync`, unidad 01.) Lo que llegó mientras estaba muerto lo tenía Kafka.
#
# «Nada perdido» no es «nada malo»: mientras no estaba, los precios se calcularon con la ciudad de antes del golpe, y eso se ve en el dibujo y se paga en la causa «datos viejos». La prueba dice que **la contabilidad cuadra**; el dinero que costó la avería está en las causas.
#
# No hay más truco que ese. Este es el código que acaba de ejecutarse, tal cual:
# %% [markdown] lang="en" row="11" slide="subslide"
# ### Why nothing has been lost
#
# The feature service saves what it knows and how far it has read in **one single file, replaced in one stroke**. When it comes back it goes on from there: what it read after the last snapshot it reads again, and as the state is also the one of that moment, nothing is counted twice. (Against a `kill -9`; against a power cut it would also take `fsync`, unit 01.) What came while it was dead, Kafka had.
#
# "Nothing lost" is not "nothing bad": while it was away, prices were computed with the city of before the blow, and that shows in the picture and is paid in the cause "old data". The proof says that **the books balance**; the money that the failure cost is in the causes.
#
# That is all there is to it. This is the code that has just run, word for word:

# %% slide="subslide"
for part in (FeatureLoop.stream, FeatureLoop.fold, FeatureLoop.save):
    print(inspect.getsource(part))

# %% [markdown] lang="es" row="11" slide="subslide"
# Lo que `read` avanza está solo en la memoria del servicio; `save` guarda a la vez los estados y los offsets que les corresponden. Muera donde muera (antes de `fold`, a mitad, después, o mientras escribe el fichero), lo que encuentra al volver es una pareja que encaja.
#
# ¿Y si los offsets se confirman **antes** de procesar? Es la rama de `fold` que empieza por `"before"`. El mismo guion, simulado:
# %% [markdown] lang="en" row="11" slide="subslide"
# What `read` advances lies only in the memory of the service; `save` keeps at once the states and the offsets that belong to them. Wherever it dies (before `fold`, half-way, after it, or while it writes the file), what it finds when it comes back is a pair that matches.
#
# And if offsets are committed **before** processing? That is the branch of `fold` that begins with `"before"`. The same script, simulated:

# %% slide="fragment"
rows = []
for commit in ("after", "before"):
    each = simulate(replace(reference, commit=commit), run.scenario)
    rows.append(
        {
            "commit": commit,
            tr(es="peticiones sin contar", en="quotes left uncounted"): each.counters["lost"],
            tr(es="peticiones contadas de más", en="quotes counted more than once"): each.counters[
                "repeated"
            ],
            tr(es="cuesta (€)", en="it costs (€)"): each.causes["ledger"],
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Confirmar después o antes de procesar", en="Committing after or before processing"
    ),
)

# %% [markdown] lang="es" slide="slide"
# ## ¿Acierta el simulador?
#
# Un simulador es un modelo más, y se valida como los demás: contra lo que no ha visto. El día tranquilo ya dice de qué pie cojea, porque se deja dos caminos: lo que HTTP añade a cada **petición** (`way_ms`) y lo que tarda cada **evento** en llegar hasta quien pone los precios, pasando dos veces por Kafka (`log_ms`, las dos juntas). Los dos se pueden medir ese día: el primero se ajusta para que coincida la espera mediana; y después el segundo, para que coincida la antigüedad media de los datos. Eso es **calibrar**; validar será aplicarlo al desastre, que no se ha usado, con las averías tal como fueron (un proceso tarda en arrancar lo que tarda).
#
# **Predice:** ¿cuál de los dos caminos cuesta más dinero, `"way"` (el de la petición) o `"log"` (el de los eventos)? Y en el desastre, ¿cuántas veces lo que dice el simulador calibrado perderá la empresa en marcha?
# %% [markdown] lang="en" slide="slide"
# ## Is the simulator right?
#
# A simulator is one more model, and is validated like the others: against what it has not seen. The calm day says already where it falls short, because it leaves out two paths: what HTTP adds to each **request** for a price (`way_ms`), and what each **event** takes to reach whoever sets the prices, going through Kafka twice (`log_ms`, both together). Both can be measured on that day: the first is adjusted so that the median wait agrees; and then the second, so that the mean staleness of the data agrees. That is **calibrating**; validating will be to apply it to the disaster, which has not been used, with the failures as they were (a process takes as long to start as it takes).
#
# **Predict:** which of the two paths costs more money, `"way"` (that of the request) or `"log"` (that of the events)? And in the disaster, how many times what the calibrated simulator says will the live company lose?

# %%
dearer_way = None
live_over_simulated = None


# %% slide="fragment"
def calibrated(run, design, scenario):
    """COSTS with what this machine adds, so that the median wait and the mean age of the data are the live ones."""
    way = run.score.p50_ms - simulate(design, scenario).p50_ms
    costs, low, high = replace(COSTS, way_ms=max(0.0, way)), 0.0, 200.0
    # es: bisección: la antigüedad crece con lo que tardan los eventos, pero no en línea recta
    # en: bisection: the age grows with what the events take, but not in a straight line
    while high - low > 1:
        costs = replace(costs, log_ms=(low + high) / 2)
        too_young = simulate(design, scenario, costs=costs).staleness_s < run.score.staleness_s
        low, high = (costs.log_ms, high) if too_young else (low, costs.log_ms)
    return costs


here = calibrated(calm_run, reference, calm)
added = {
    tr(es="nada", en="nothing"): COSTS,
    "way": replace(COSTS, way_ms=here.way_ms),
    "log": replace(COSTS, log_ms=here.log_ms),
    tr(es="los dos", en="both"): here,
}
calm_with = {name: simulate(reference, calm, costs=costs) for name, costs in added.items()}
LIVE = tr(es="(en marcha)", en="(live)")
tables.show(
    [
        {
            tr(es="se añade", en="added"): name,
            "way_ms": added[name].way_ms if name in added else None,
            "log_ms": added[name].log_ms if name in added else None,
            tr(es="se pierde de cada 100 €", en="lost of each 100 €"): each.percent,
            "p50 (ms)": each.p50_ms,
            tr(es="antigüedad media (ms)", en="mean staleness (ms)"): 1000 * each.staleness_s,
        }
        for name, each in {**calm_with, LIVE: calm_run.score}.items()
    ],
    caption=tr(
        es="El día tranquilo, simulado con lo que tu máquina añade",
        en="The calm day, simulated with what your machine adds",
    ),
)
costs_more = {name: calm_with[name].percent - calm_simulated.percent for name in ("way", "log")}
missing = abs(calm_run.score.percent - calm_simulated.percent)
still_missing = abs(calm_run.score.percent - list(calm_with.values())[-1].percent)
choose(
    tr(es="el camino más caro", en="the dearer path"),
    {
        "way": tr(es="el de la petición", en="that of the request"),
        "log": tr(es="el de los eventos", en="that of the events"),
    },
    chosen=dearer_way,
    right=max(costs_more, key=costs_more.get),
    why=tr(
        es=f"El de la petición cuesta {costs_more['way']:.2f} € de cada 100; el de los eventos, {costs_more['log']:.2f}. Entre lo simulado y lo medido había {missing:.2f} € de diferencia; con los dos caminos, {still_missing:.2f}.",
        en=f"That of the request costs {costs_more['way']:.2f} € of each 100; that of the events, {costs_more['log']:.2f}. Between simulated and measured there was a gap of {missing:.2f} €; with both paths, of {still_missing:.2f}.",
    ),
)

# %% slide="fragment"
CALIBRATED = tr(es="calibrado", en="calibrated")
simulated = {
    SIMULATED: simulate(reference, run.scenario),
    CALIBRATED: simulate(reference, run.scenario, costs=here),
}
side_by_side(
    run,
    simulated,
    tr(es="El mismo desastre, en marcha y simulado", en="The same disaster, live and simulated"),
)
by_cause(
    {tr(es="en marcha", en="live"): run.score, CALIBRATED: simulated[CALIBRATED]},
    tr(
        es=f"Pérdida por causas, en marcha ({run.score.percent:.1f} %) y con el simulador calibrado ({simulated[CALIBRATED].percent:.1f} %).",
        en=f"Loss by cause, live ({run.score.percent:.1f} %) and by the calibrated simulator ({simulated[CALIBRATED].percent:.1f} %).",
    ),
)
compare(
    tr(es="pérdida en marcha ÷ la del calibrado", en="live loss ÷ calibrated loss"),
    predicted=live_over_simulated,
    measured=run.score.percent / simulated[CALIBRATED].percent,
    unit="×",
)

# %% [markdown] lang="es" slide="subslide"
# Un milisegundo más en la petición cuesta menos que uno en los eventos: el precio se hace con los datos que hay **cuando llega** la petición, y solo envejecen a la vuelta; si son los eventos los que tardan, esos datos ya están más viejos al hacerlo. Lo que queda sin explicar del día tranquilo es el azar de la red y detalles que nadie ha metido en el simulador (por ejemplo, en marcha la presión de una zona se vuelve a contar cada décima de segundo, y no en cada petición).
#
# En el desastre, mira dónde coinciden y dónde no. Lo que depende de **qué pasa** (cortes, versión, quién responde) debe parecerse; lo que depende de **cuánto tarda** puede separarse, también del calibrado, y más cuanto más ocupado esté tu ordenador: se calibró con un día sin averías; además, el simulador tiene un servidor para él solo, y aquí diez procesos se reparten tus núcleos, un proceso que arranca le quita el turno a los demás,
# y cada petición que pasa del plazo acaba en el móvil. En euros el cociente puede quedar a cualquiera de los dos lados de 1: es **una** ejecución, y a qué peticiones les toca la versión mala o el momento justo de un golpe es azar (en la ablación, con diez escenarios, ya se veía cuánto se mueve un solo punto).
#
# Por eso se usa así: para **ordenar** diseños y descartar los malos, sí; para prometer un p99, no. Y ni siquiera el orden está demostrado con un solo diseño: ejecuta en marcha el mismo guion con otro peor, `with live.start(replace(reference, rollout="all"), script) as company: worse = company.watch()`, y mira si los dos lo ponen detrás. Si el orden no coincide más allá del azar, lo que está mal es el simulador, y averiguar por qué enseña más que la predicción.
# %% [markdown] lang="en" slide="subslide"
# A millisecond more for the request costs less than one more for the events: the price is made from the data at hand **when the request arrives**, and they only grow old on the way back; if it is the events that take longer, those data are older already when it is made. What is left unexplained of the calm day is the network's chance, and details that nobody has put into the simulator (for instance, live, the pressure of a zone is counted anew every tenth of a second, and not at each request).
#
# In the disaster, look at where they agree and where they do not. What depends on **what happens** (cuts, version, who answers) should be alike; what depends on **how long it takes** may drift apart, from the calibrated one, too, and the more so the busier your computer is: it was calibrated on a day without failures; besides, the simulator has a server to itself, and here ten processes share your cores, a process that starts takes the others' turn,
# and every quote that runs over the limit ends up on the phone. In euros the ratio may fall on either side of 1: this is **one** run, and which quotes get the bad version or the very moment of a blow is chance (the ablation, with ten scenarios, showed how far a single dot moves).
#
# So this is how it is used: to **rank** designs and discard the bad ones, yes; to promise a p99, no. And not even the ranking is proved by a single design: run the same script live with a worse one, `with live.start(replace(reference, rollout="all"), script) as company: worse = company.watch()`, and see whether both put it behind. If the ranking disagrees beyond chance, it is the simulator that is wrong, and finding out why teaches more than the prediction.

# %% [markdown] lang="es" slide="slide"
# ## Mil veces más grande
#
# Unas 50 peticiones por segundo, unos 100 eventos en total, caben en cualquier parte. ¿Qué se rompe primero con 50 000? Mide lo que cuesta cada paso en un núcleo de tu máquina y multiplica.
#
# **Predice:** ¿cuántos núcleos como los tuyos harían falta para hacer el `update` de todos los eventos (sin Kafka)? Es una función de Python que copia un diccionario pequeño: ¿cuántos microsegundos le echas?
# %% [markdown] lang="en" slide="slide"
# ## A thousand times larger
#
# Some 50 quotes a second, some 100 events in all, fit anywhere. What breaks first with 50 000? Measure what each step costs on one core of your machine, and multiply.
#
# **Predict:** how many cores like yours would it take to `update` with all the events (without Kafka)? It is a Python function that copies a small dictionary: how many microseconds do you give it?

# %%
cores_to_fold = None

# %% slide="fragment"
events = calm.market().events
begin, states = perf_counter(), [functions.initial() for _ in range(ZONES)]
for event in events:
    states[event.zone] = functions.update(states[event.zone], event)
fold_ms = 1000 * (perf_counter() - begin) / len(events)
small_model = Willingness("small", "first", model("small", "first").onnx().SerializeToString())
price_ms = milliseconds(lambda: small_model([Ride(0, KM[20], 18, 2, 30)]))
quotes_a_second = len(calm.market().quotes) / calm.seconds
events_a_second = len(events) / calm.seconds
SCALE = 1000
tables.show(
    [
        {
            tr(es="paso", en="step"): tr(es="`update` de un evento", en="`update` with one event"),
            tr(es="por segundo, ahora", en="a second, now"): events_a_second,
            tr(es="ms de un núcleo", en="ms of a core"): fold_ms,
            tr(es="núcleos con mil veces más", en="cores with a thousand times as much"): SCALE
            * events_a_second
            * fold_ms
            / 1000,
        },
        {
            tr(es="paso", en="step"): tr(
                es="predecir un precio (pequeño)", en="predicting a price (small)"
            ),
            tr(es="por segundo, ahora", en="a second, now"): quotes_a_second,
            tr(es="ms de un núcleo", en="ms of a core"): price_ms,
            tr(es="núcleos con mil veces más", en="cores with a thousand times as much"): SCALE
            * quotes_a_second
            * price_ms
            / 1000,
        },
        {
            tr(es="paso", en="step"): tr(
                es="lo mismo, con la tarifa de `COSTS`", en="the same, at the rate of `COSTS`"
            ),
            tr(es="por segundo, ahora", en="a second, now"): quotes_a_second,
            tr(es="ms de un núcleo", en="ms of a core"): COSTS.small_ms,
            tr(es="núcleos con mil veces más", en="cores with a thousand times as much"): SCALE
            * quotes_a_second
            * COSTS.small_ms
            / 1000,
        },
    ],
    caption=tr(
        es="Lo que cuesta cada paso en esta máquina (un núcleo, ocupado del todo)",
        en="What each step costs on this machine (one core, fully busy)",
    ),
)
compare(
    tr(es="núcleos para `update`", en="cores for `update`"),
    predicted=cores_to_fold,
    measured=SCALE * events_a_second * fold_ms / 1000,
    unit=tr(es="núcleos", en="cores"),
)

# %% [markdown] lang="es" slide="subslide"
# Los núcleos son lo de menos: se compran. Lo que cambia de naturaleza:
#
# - **Las particiones.** Cuatro zonas son cuatro particiones: no hay más paralelismo que ese por mucho que añadas máquinas (y la tabla de arriba solo cuenta `update`: leer de Kafka, publicar y guardar van aparte). Habría que partir la ciudad más fino, y una zona de moda seguiría siendo una sola partición.
# - **El estado.** La instantánea entera cada segundo es un fichero pequeño. Con gigabytes se guarda solo lo que ha cambiado (así son los [puntos de control incrementales](https://nightlies.apache.org/flink/flink-docs-stable/docs/ops/state/state_backends/) de Flink), y recuperarse puede costar minutos.
# - **La cola de las latencias.** Con muchas máquinas siempre hay una lenta: el p99 lo ponen las esperas, y aparecen los plazos que se propagan, las peticiones duplicadas a propósito y el rechazo de carga.
# - **El canario mejora.** Con mil veces más peticiones, las que hacen falta llegan en milisegundos y no en segundos (lo que se espera entonces es a saber qué fue de cada viaje), y se pueden ver diferencias de un 1 %. Lo difícil pasa a ser que los dos grupos sean comparables.
# - **El oráculo desaparece.** Aquí se sabe lo que habría ganado el mejor precio. En una empresa de verdad solo se sabe lo que se ganó con el que se dio: hace falta experimentar (y a los viajeros no se les debe ofrecer cualquier cosa).
#
# Y hay preguntas que este oráculo no hace: un precio que depende de lo que cada uno está dispuesto a pagar, ¿es justo?, ¿es legal donde opera la empresa?, ¿qué zonas salen perdiendo? Ganar más no es la única medida de un sistema, solo la más fácil de contar.
# %% [markdown] lang="en" slide="subslide"
# Cores are the least of it: they can be bought. What changes in kind:
#
# - **The partitions.** Four zones are four partitions: there is no more parallelism than that, however many machines you add (and the table above counts `update` only: reading from Kafka, publishing and saving come on top). The city would have to be cut finer, and a popular zone would still be a single partition.
# - **The state.** The whole snapshot each second is a small file. With gigabytes only what has changed is saved (as in Flink's [incremental checkpoints](https://nightlies.apache.org/flink/flink-docs-stable/docs/ops/state/state_backends/)), and recovery may take minutes.
# - **The tail of the latencies.** With many machines there is always a slow one: the p99 is made of waits, and deadlines that travel along, requests repeated on purpose and load shedding appear.
# - **The canary gets better.** With a thousand times as many quotes, those that it takes come in milliseconds and not in seconds (one waits, then, to know what became of each ride), and differences of 1 % can be seen. What becomes difficult is making the two groups comparable.
# - **The oracle disappears.** Here it is known what the best price would have earned. In a real company one only knows what was earned by the one that was given: it takes experiments (and riders must not be offered just anything).
#
# And there are questions that this oracle does not ask: a price that depends on what each of us is willing to pay, is it fair? Is it legal where the company works? Which zones come off worse? Earning more is not the only measure of a system, just the easiest to count.

# %% [markdown] lang="es" slide="skip"
# ## Para terminar
#
# Los ejercicios te piden las tres funciones, elegir qué se precalcula, leer unas métricas para saber qué pieza ha fallado y, al final, **tu diseño**: pasará, con tus funciones, por escenarios que no has visto, en otro sitio y con otros costes. Los ejercicios traen escenarios de práctica: prueba en ellos tu diseño antes de entregarlo.
#
# **Para leer más:** Huyen, *Designing Machine Learning Systems* (2022), caps. 7 a 9; Kleppmann, *Designing Data-Intensive Applications*, caps. 11 y 12 (1.ª ed., 2017); Sculley y otros, [*Hidden Technical Debt in Machine Learning Systems*](https://proceedings.neurips.cc/paper/2015/hash/86df7dcfd896fcaf2674f757a2463eba-Abstract.html) (NeurIPS 2015); Dean y Barroso, [*The Tail at Scale*](https://research.google/pubs/the-tail-at-scale/) (Communications of the ACM, febrero de 2013); Beyer y otros, [*Site Reliability Engineering*](https://sre.google/sre-book/table-of-contents/) (2016). Y lo que se hace después de leer: cambia una pieza de esta empresa por una de verdad, y vuelve a medir.
# %% [markdown] lang="en" slide="skip"
# ## To finish
#
# The exercises ask you for the three functions, for choosing what is precomputed, for reading some metrics to find out which part has failed and, at the end, for **your design**: it will go, with your functions, through scenarios that you have not seen, in another place and at other costs. The exercises come with practice scenarios: try your design on them before you hand it in.
#
# **Further reading:** Huyen, *Designing Machine Learning Systems* (2022), chs. 7 to 9; Kleppmann, *Designing Data-Intensive Applications*, chs. 11 and 12 (1st ed., 2017); Sculley et al., [*Hidden Technical Debt in Machine Learning Systems*](https://proceedings.neurips.cc/paper/2015/hash/86df7dcfd896fcaf2674f757a2463eba-Abstract.html) (NeurIPS 2015); Dean and Barroso, [*The Tail at Scale*](https://research.google/pubs/the-tail-at-scale/) (Communications of the ACM, February 2013); Beyer et al., [*Site Reliability Engineering*](https://sre.google/sre-book/table-of-contents/) (2016). And what one does after reading: change a part of this company for a real one, and measure again.
