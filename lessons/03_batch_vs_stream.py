# ---
# title:
#   es: "Lotes y flujos: un modelo, dos canalizaciones"
#   en: "Batch and stream: one model, two pipelines"
# unit: "03"
# minutes: 85
# ---

# %% [markdown] lang="es" slide="slide"
# # Lotes y flujos: un modelo, dos canalizaciones
#
# Los datos de ayer están en una tabla; los de ahora llegan de uno en uno. Un modelo en producción necesita los dos: aprende de los primeros y predice con los segundos. En
# esta unidad calcularás lo mismo de las dos maneras, verás de dónde salen las diferencias y cuánto cuestan, y acabarás con **una sola definición** que sirve para entrenar y para
# predecir, y que sobrevive a un `kill -9`.
#
# Al terminar sabrás:
#
# 1. **(3.1)** calcular un agregado por lotes y en flujo, y decir en qué se distinguen (no es la respuesta);
# 2. **(3.2)** distinguir características por lotes y dinámicas, y dibujar cuánto vale su frescura;
# 3. **(3.3)** procesar un flujo que no termina con memoria acotada;
# 4. **(3.4)** usar el tiempo del evento, ventanas y marcas de agua, y explicar por qué una ventana no se cierra;
# 5. **(3.5)** tratar el intervalo como un dial continuo, de un día a un evento, y elegir un punto;
# 6. **(3.6)** encontrar, con una prueba de paridad, los desajustes entre entrenamiento y producción;
# 7. **(3.7)** escribir una sola definición de las características y usarla en lotes y en flujo, también después de una caída;
# 8. **(3.8)** construir ejemplos de entrenamiento solo con lo que se sabía entonces;
# 9. **(3.9)** calcular si el flujo compensa, y qué añade Python a la cuenta.
#
# **Tiempo:** unos 85 minutos; las celdas tardan unos dos. **Qué se ejecuta:** todo en tu máquina: Spark en dos hilos, el Kafka de bolsillo de la unidad 02 y un modelo pequeño de
# scikit-learn. Con `SPARK_MASTER` o `SPARK_REMOTE`, y con `KAFKA_BOOTSTRAP`, las mismas celdas usan un clúster.
#
# Las «diapositivas» son las del curso CS 329S de Stanford (Chip Huyen, 2021).
# %% [markdown] lang="en" slide="slide"
# # Batch and stream: one model, two pipelines
#
# Yesterday's data is in a table; today's comes one event at a time. A model in production needs both: it learns from the former and predicts with the latter. In
# this unit you will compute the same things both ways, see where the differences come from and what they cost, and end up with **a single definition** that serves for training and for
# predicting, and that survives a `kill -9`.
#
# When you finish you will be able to:
#
# 1. **(3.1)** compute an aggregate in batch and in stream, and say how they differ (not in the answer);
# 2. **(3.2)** tell batch features from dynamic ones, and draw what their freshness is worth;
# 3. **(3.3)** process a stream that never ends in bounded memory;
# 4. **(3.4)** use event time, windows and watermarks, and explain why a window does not close;
# 5. **(3.5)** treat the interval as one continuous dial, from a day to an event, and choose a point on it;
# 6. **(3.6)** find training-serving skew by a parity test;
# 7. **(3.7)** write one definition of the features and use it in batch and in stream, also after a crash;
# 8. **(3.8)** build training examples out of nothing but what was known then;
# 9. **(3.9)** work out whether streaming pays, and what Python adds to the bill.
#
# **Time:** about 85 minutes; the cells take around two. **What runs:** everything on your machine: Spark on two threads, the pocket Kafka of unit 02, and a small scikit-learn
# model. With `SPARK_MASTER` or `SPARK_REMOTE`, and with `KAFKA_BOOTSTRAP`, the same cells use a cluster.
#
# The "slides" are those of Stanford's CS 329S (Chip Huyen, 2021).

# %% tags=["parameters"]
# es: días de 2013: lo que ya es historia, con lo que se entrena y con lo que se comprueba
# en: days of 2013: what is history, what we train on, and what we test on
history_days = ("2013-04-01", "2013-05-01")
training_days = ("2013-05-01", "2013-07-01")
test_days = ("2013-07-01", "2013-09-01")
# es: días de prueba que se vuelven a servir en flujo, por Kafka y Spark
# en: test days that are served again in stream, by Kafka and Spark
live_days = ("2013-07-01", "2013-07-15")
# es: minutos antes de la salida prevista en los que alguien pregunta si el vuelo llegará tarde
# en: minutes before the scheduled departure at which somebody asks whether the flight will be late
asked_before_min = 30
seed = 1

# %% slide="skip"
import itertools
import json
import os
import random
import signal
import sqlite3
import statistics
import tracemalloc
from collections import defaultdict, deque
from contextlib import ExitStack, closing
from datetime import datetime
from time import monotonic, process_time, sleep
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from confluent_kafka import Consumer, Producer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from mlprod import plots, start, tables, tr
from mlprod.predictions import choose, compare
from mlprod.systems import flights, kafka, processes, spark, spark_kafka
from mlprod.systems.workspace import workspace

start(LANG)
open_until_the_end = ExitStack()
broker = open_until_the_end.enter_context(kafka.cluster())
MINUTE, HOUR, DAY = 60, 3600, 86400

# %% [markdown] lang="es" row="14" slide="slide"
# ## El mismo agregado, de dos maneras
#
# Los datos son reales: los 336 776 vuelos que salieron de Nueva York en 2013 ([su ficha](../../datasets/flights/README.md)). Cada salida es un evento: aeropuerto, hora y minutos de retraso. Lo único simulado es el camino del
# evento hasta nosotros: unos segundos de transporte, algún corte de la línea de un aeropuerto y un 1 % que llega mucho más tarde.
#
# | | por lotes | en flujo |
# |---|---|---|
# | datos | históricos, en una base o un almacén de datos | van llegando, por Kafka, Kinesis o Pulsar |
# | tamaño | acotado: se sabe cuándo termina | no acotado: no termina |
# | arranca | cada cierto tiempo | cuando llegan eventos |
#
# Es la tabla de la diapositiva. La pregunta: **¿cuál es el retraso medio de cada aeropuerto en cada hora del día?** Un proceso publica en Kafka las salidas de un día, a cámara rápida; el flujo actualiza su respuesta con
# cada evento que llega, y el lote espera a que acabe el día y lo lee todo de una vez.
# %% [markdown] lang="en" row="14" slide="slide"
# ## The same aggregate, in two ways
#
# The data is real: the 336 776 flights that left New York in 2013 ([its card](../../datasets/flights/README.md)). Each departure is an event: airport, time, and minutes of delay. The only simulated thing is the event's way
# to us: some seconds of transport, an airport's line that goes down now and then, and 1 % that arrives much later.
#
# | | in batch | in stream |
# |---|---|---|
# | data | historical, in a database or a data warehouse | arriving, by Kafka, Kinesis or Pulsar |
# | size | bounded: one knows when it ends | unbounded: it does not end |
# | starts | periodically | as events arrive |
#
# That is the slide's table. The question: **what is the mean delay of each airport in each hour of the day?** A process publishes a day's departures to Kafka, in fast motion; the stream updates its answer with
# each event that arrives, and the batch waits for the end of the day and reads everything at once.

# %% slide="subslide"
REPLAY_S = 3


def seconds(times):
    """A column of moments as whole seconds since 1970, UTC."""
    return ((times - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1s")).to_numpy()


def replay(config, topic, events, duration_s):
    """The airports, as a process: publish `events` in the order in which they arrive, a day in `duration_s` seconds."""
    producer = Producer(config)
    producer.list_topics(topic, timeout=10)
    moments = [event.pop("received") for event in events]
    first, scale = moments[0], duration_s / (moments[-1] - moments[0])
    began = monotonic()
    for moment, event in zip(moments, events, strict=True):
        sleep(max(0.0, began + (moment - first) * scale - monotonic()))
        producer.produce(topic, value=json.dumps(event | {"sent": monotonic()}))
        producer.poll(0)
    producer.flush(10)


one_day = flights.events(("2013-07-10", "2013-07-11"), kinds=("departure",), seed=seed)
# es: de lo que llegó con el día siguiente ya empezado se ocupa la sección sobre el tiempo
# en: what arrived after the next day had begun is for the section on time
one_day = one_day[one_day.received_at < "2013-07-11 09:00+00:00"]
messages = [
    {"origin": origin, "at": at, "delay": delay, "received": received}
    for origin, at, delay, received in zip(
        one_day.origin,
        seconds(one_day.event_time).tolist(),
        one_day.delay.tolist(),
        (one_day.received_at - pd.Timestamp(0, tz="UTC")).dt.total_seconds().tolist(),
        strict=True,
    )
]


def add(state, event):
    """Take one event into the answer so far: {(airport, hour): [departures, minutes of delay]}."""
    group = state.setdefault((event["origin"], event["at"] // HOUR), [0, 0])
    group[0] += 1
    group[1] += event["delay"]


def in_batch(events):
    """The whole answer from the whole list."""
    frame = pd.DataFrame(events)
    totals = frame.groupby(["origin", frame["at"] // HOUR]).delay.agg(["size", "sum"])
    return {key: [int(size), int(total)] for key, size, total in totals.itertuples()}


# %% [markdown] lang="es" row="14" slide="fragment"
# **Predice:** ¿cuántas de las respuestas (una por aeropuerto y hora) serán distintas según quién las calcule? ¿Y cuál de los dos es más exacto?
# %% [markdown] lang="en" row="14" slide="fragment"
# **Predict:** how many of the answers (one an airport and hour) will differ depending on who computes them? And which of the two is more accurate?

# %%
# es: escribe aquí tus respuestas, antes de ejecutar la celda siguiente
# en: write your answers here, before you run the next cell
answers_that_differ = None
# es: "stream", "batch" o "same"
# en: "stream", "batch" or "same"
more_accurate = None

# %% slide="fragment"
topic = broker.create_topic("departures")
streamed, latencies, updates = {}, [], 0
with closing(Consumer(broker.config(group_id="stream", auto_offset_reset="earliest"))) as consumer:
    consumer.subscribe([topic])
    # es: que el grupo ya esté formado cuando llegue el primer evento
    # en: let the group be formed when the first event comes
    while not consumer.assignment():
        consumer.poll(0.1)
    with processes.group() as group:
        airports = group.start(replay, broker.config(), topic, messages, REPLAY_S)
        cpu = process_time()
        bar = tqdm(total=len(messages), leave=False, desc=tr(es="salidas", en="departures"))
        while updates < len(messages) and (record := consumer.poll(20)) is not None:
            event = json.loads(record.value())
            add(streamed, event)
            latencies.append(monotonic() - event["sent"])
            updates += 1
            if updates % 50 == 0:
                bar.update(50)
        stream_cpu = process_time() - cpu
        bar.close()
        airports.result(timeout=20)

with closing(Consumer(broker.config(group_id="batch", auto_offset_reset="earliest"))) as consumer:
    consumer.subscribe([topic])
    while not consumer.assignment():
        consumer.poll(0)
        sleep(0.02)
    read, began, cpu = [], monotonic(), process_time()
    while len(read) < len(messages):
        records = consumer.consume(len(messages) - len(read), timeout=20)
        read += [json.loads(record.value()) for record in records]
    batched = in_batch(read)
    batch_cpu, batch_s = process_time() - cpu, monotonic() - began

end_of_day = seconds(one_day.received_at).max()
waits_h = (end_of_day - seconds(one_day.received_at)) / HOUR
different = sum(streamed.get(key) != batched.get(key) for key in streamed | batched)
way, answers = tr(es="manera", en="way"), tr(es="respuestas distintas", en="answers that differ")
wait = tr(
    es="de que llega un evento a que cuenta (mediana)",
    en="from an event's arrival until it counts (median)",
)
cost = tr(es="procesador por evento (µs)", en="processor per event (µs)")
changes = tr(es="veces que se actualiza", en="times it is updated")
tables.show(
    [
        {
            way: tr(es="en flujo", en="in stream"),
            answers: different,
            wait: f"{1000 * statistics.median(latencies):.1f} ms",
            changes: updates,
            cost: 1e6 * stream_cpu / updates,
        },
        {
            way: tr(es="por lotes", en="in batch"),
            answers: different,
            wait: f"{np.median(waits_h):.1f} h + {1000 * batch_s:.0f} ms",
            changes: 1,
            cost: 1e6 * batch_cpu / len(read),
        },
    ],
    caption=tr(
        es=f"{len(messages)} salidas, {len(batched)} respuestas",
        en=f"{len(messages)} departures, {len(batched)} answers",
    ),
)
compare(
    tr(es="respuestas distintas", en="answers that differ"),
    predicted=answers_that_differ,
    measured=different,
    unit="",
)
choose(
    tr(es="¿cuál es más exacto?", en="which is more accurate?"),
    {
        "stream": tr(es="el flujo", en="the stream"),
        "batch": tr(es="el lote", en="the batch"),
        "same": tr(es="ninguno: dan lo mismo", en="neither: they give the same"),
    },
    chosen=more_accurate,
    right="same" if not different else "batch",
    why=tr(
        es="La exactitud la ponen los datos y la definición; el modo de ejecución pone el cuándo y el cuánto cuesta.",
        en="Accuracy comes from the data and the definition; the way of running it decides when, and at what cost.",
    ),
)

# %% [markdown] lang="es" row="14" slide="subslide"
# La misma respuesta, hasta el último minuto: son los mismos eventos y la misma suma. Cambian el **cuándo** (milisegundos frente a horas) y el **coste**: quien atiende los eventos de uno en uno paga la espera, la llamada y el
# `json.loads` cada vez; quien los lee juntos reparte las dos primeras. Ojo con lo que hemos fijado para que coincidan: los **mismos** eventos. El flujo respondió antes, pero con lo que había llegado; si mañana aparece una salida de hoy, el
# lote de mañana la incluirá y la respuesta de hoy ya se dio. Esa es la diferencia de verdad, y lleva a la sección sobre el tiempo. Con mil veces más eventos, los milisegundos del flujo siguen siendo milisegundos (si hay particiones y procesos para repartirlos); el lote tarda más en
# leer, pero su espera la sigue marcando el calendario.
# %% [markdown] lang="en" row="14" slide="subslide"
# The same answer, to the last minute: they are the same events and the same sum. What changes is **when** (milliseconds against hours) and the **cost**: whoever handles events one at a time pays for the wait, the call and the
# `json.loads` each time; whoever reads them together spreads the former two. Mind what we have fixed so that they agree: the **same** events. The stream answered earlier, but with what had arrived; if one of today's departures turns up tomorrow,
# tomorrow's batch will include it, and today's answer has been given already. That is the true difference, and it leads to the section on time. With a thousand times more events the stream's milliseconds are still milliseconds (given partitions and processes to share them); the batch takes
# longer to read, but its wait is still the calendar's.

# %% [markdown] lang="es" row="15" slide="slide"
# ## Cuánto vale un dato fresco
#
# ¿Y a quién le importa el cuándo? A un modelo. El nuestro responde, media hora antes de la salida prevista, a una pregunta: **¿llegará este vuelo más de 15 minutos tarde?** Tiene dos clases de características:
#
# - **por lotes**: el retraso medio de la compañía y del destino en abril (el mes anterior a los de entrenamiento), la hora local, la distancia, los años del avión. Cambian despacio: las calculadas anoche sirven hoy. (Para simplificar, aquí las dos medias no se vuelven a calcular: en agosto tienen meses, y parte de lo que aportan las dinámicas puede venir de ahí);
# - **dinámicas**: el retraso medio y el número de salidas **del aeropuerto en los últimos 60 minutos**. Dentro de una hora serán otras.
#
# Que una característica sea dinámica no quiere decir que «a veces cambia»: también la edad cambia. Quiere decir que cambia **antes de que te dé tiempo a usarla** si la calculas con el lote de cada noche.
# %% [markdown] lang="en" row="15" slide="slide"
# ## What fresh data is worth
#
# And who cares about when? A model does. Ours answers a question half an hour before the scheduled departure: **will this flight arrive more than 15 minutes late?** It has two kinds of features:
#
# - **batch**: the mean delay of the carrier and of the destination in April (the month before training begins), the local hour, the distance, the age of the plane. They change slowly: computed last night, they are good today. (To keep it simple, the two means are not computed again here: by August they are months old, and part of what the dynamic features add may come from that);
# - **dynamic**: the mean delay and the number of departures **of the airport in the last 60 minutes**. An hour from now they will be others.
#
# That a feature is dynamic does not mean that "it changes sometimes": so does age. It means that it changes **before you get to use it** when you compute it in the nightly batch.

# %% slide="subslide"
WINDOW = 60 * MINUTE
NEW_YORK = ZoneInfo("America/New_York")

departures = flights.events((history_days[0], test_days[1]), kinds=("departure",), seed=seed)
departures = departures.assign(at=seconds(departures.event_time), received=seconds(departures.received_at))
every = flights.table((history_days[0], test_days[1]))
# es: sin las canceladas y desviadas, que no tienen retraso de llegada
# en: without the cancelled and the diverted ones, which have no arrival delay
every = every[every.arr_delay.notna()].reset_index(drop=True)
every["late"] = every.arr_delay > 15
every["asked"] = seconds(every.sched_dep) - asked_before_min * MINUTE


def within(days):
    """The flights of some days, by New York's calendar."""
    local = every.sched_dep_local
    return every[(local >= days[0]) & (local < days[1])].reset_index(drop=True)


history, training, test = map(within, (history_days, training_days, test_days))
typical = history.arr_delay.mean()
of_carrier = history.groupby("carrier").arr_delay.mean()
of_dest = history.groupby("dest").arr_delay.mean()


def batch_features(requests):
    """What is known since last night."""
    return pd.DataFrame(
        {
            "carrier_delay": requests.carrier.map(of_carrier).fillna(typical),
            "dest_delay": requests.dest.map(of_dest).fillna(typical),
            "hour": requests.sched_dep_local.dt.hour,
            "distance": requests.distance,
            "plane_age": 2013 - requests.plane_year,
        }
    )


def last_hour(requests, events, age=0):
    """Mean delay and number of the departures of each request's airport in the hour before it, as known then.

    With `age` (seconds), as it was that long before: a stale feature.
    """
    result = pd.DataFrame({"mean_60": np.nan, "count_60": 0}, index=requests.index)
    events = events.sort_values("at")
    for origin, rows in requests.groupby("origin").groups.items():
        own = events[events.origin == origin]
        at, received, delay = own["at"].to_numpy(), own.received.to_numpy(), own.delay.to_numpy()
        moment = requests.asked.loc[rows].to_numpy() - age
        first = np.searchsorted(at, moment - WINDOW, side="right")
        size = np.searchsorted(at, moment, side="right") - first
        # es: todas las parejas (petición, salida de su hora), de una vez
        # en: all the pairs (request, departure of its hour), at once
        request = np.repeat(np.arange(len(rows)), size)
        event = np.arange(size.sum()) - np.repeat(size.cumsum() - size, size) + first[request]
        known = received[event] <= moment[request]
        count = np.bincount(request[known], minlength=len(rows))
        total = np.bincount(request[known], weights=delay[event[known]], minlength=len(rows))
        result.loc[rows, "count_60"] = count
        result.loc[rows, "mean_60"] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result


def fit(features, late):
    """A small gradient boosting; a missing value (NaN) is one more value for it."""
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=0)
    # es: un hilo: la máquina es pequeña y la comparte con Kafka y Spark
    # en: one thread: the machine is small, and shared with Kafka and Spark
    with threadpool_limits(1):
        return model.fit(features, late)


def scores(model, features):
    with threadpool_limits(1):
        return model.predict_proba(features)[:, 1]


# %% [markdown] lang="es" row="15" slide="subslide"
# Medimos la calidad con el **AUC**: la probabilidad de que, de un vuelo que llegó tarde y otro que no, el modelo dé más riesgo al primero (0.5 es tirar una moneda). Un intervalo honesto tiene en cuenta que los vuelos de un día se parecen: una tormenta los retrasa
# a todos. Por eso remuestreamos **días** enteros, no vuelos.
# %% [markdown] lang="en" row="15" slide="subslide"
# We measure quality by the **AUC**: the probability that, of a flight that was late and another that was not, the model gives the former the higher risk (0.5 is tossing a coin). An honest interval takes into account that the flights of a day are alike: a storm delays
# them all. That is why we resample whole **days**, not flights.

# %% tags=["hide-input"] slide="skip"
test_day = pd.factorize(test.sched_dep_local.dt.date)[0]
n_days = test_day.max() + 1
late_flight = test.late.to_numpy()
positive = np.bincount(test_day[late_flight], minlength=n_days)
negative = np.bincount(test_day[~late_flight], minlength=n_days)
draws = np.random.default_rng(seed).multinomial(n_days, [1 / n_days] * n_days, size=2000)


def wins(score):
    """[i, j]: how often a late flight of day i scores above an on-time one of day j; a tie is half a win."""
    order = np.flatnonzero(late_flight)[np.argsort(score[late_flight])]
    found = np.zeros((n_days, n_days))
    for j in range(n_days):
        on_time = np.sort(score[~late_flight & (test_day == j)])
        below = np.searchsorted(on_time, score[order]) + np.searchsorted(on_time, score[order], "right")
        found[:, j] = np.bincount(test_day[order], weights=below / 2, minlength=n_days)
    return found


def auc_of(won, weights):
    """The AUC of each resample (resamples x days) from the table of wins."""
    return ((weights @ won) * weights).sum(axis=1) / ((weights @ positive) * (weights @ negative))


def auc(score):
    """The AUC over all the test flights."""
    return float(auc_of(wins(score), np.ones((1, n_days)))[0])


def against(score, reference):
    """The difference in AUC to `reference`, and its 95 % interval over resampled days."""
    ours, theirs = wins(score), wins(reference)
    point, *resampled = (auc_of(ours, weights) - auc_of(theirs, weights) for weights in (np.ones((1, n_days)), draws))
    return float(point[0]), *np.percentile(resampled, [2.5, 97.5])


# %% [markdown] lang="es" row="15" slide="fragment"
# Entrenamos el mismo modelo varias veces; en cada una, las dos características dinámicas tienen otra **antigüedad**, igual al entrenar que al predecir: la de este instante, la de hace 10 minutos… la de ayer a la misma hora.
#
# **Predice:** ¿qué antigüedad, en minutos, se come la mitad de lo que aportan?
# %% [markdown] lang="en" row="15" slide="fragment"
# We train the same model several times; in each, the two dynamic features have another **staleness**, the same in training as in predicting: this instant's, that of 10 minutes ago… yesterday's at the same time.
#
# **Predict:** which staleness, in minutes, eats up half of what they add?

# %%
half_life_min = None

# %% slide="fragment"
ages_min = [0, 10, 30, 60, 120, 240, 1440]
known_training, known_test = batch_features(training), batch_features(test)
without = scores(fit(known_training, training.late), known_test)
curve = []
for age in tqdm(ages_min, leave=False, desc=tr(es="modelos", en="models")):
    model = fit(known_training.join(last_hour(training, departures, age * MINUTE)), training.late)
    score = scores(model, known_test.join(last_hour(test, departures, age * MINUTE)))
    curve.append((age, *against(score, without)))
    if age == 0:
        fresh_model, fresh_score = model, score

print(
    tr(
        es=f"AUC sin características dinámicas: {auc(without):.3f}; con ellas, recién calculadas: {auc(fresh_score):.3f}. "
        f"Llegaron tarde el {test.late.mean():.0%} de {len(test)} vuelos de prueba, de {n_days} días.",
        en=f"AUC without dynamic features: {auc(without):.3f}; with them, freshly computed: {auc(fresh_score):.3f}. "
        f"Of {len(test)} test flights on {n_days} days, {test.late.mean():.0%} were late.",
    )
)

# %% tags=["hide-input"] slide="fragment"
ages, gains, lows, highs = map(np.array, zip(*curve, strict=True))
fig, ax = plots.subplots(figsize=(8.4, 3.8))
places = np.arange(len(ages))
ax.axhline(0, color=plots.INK, linewidth=1)
ax.fill_between(places, lows, highs, alpha=0.18, color=plots.BLUE, linewidth=0)
ax.plot(places, gains, "o-", color=plots.BLUE)
ax.set_xticks(
    places, ["0", *(f"{a} min" if a < 60 else f"{a / 60:g} h" for a in ages_min[1:])]
)
ax.set(
    xlabel=tr(es="antigüedad de las características dinámicas", en="staleness of the dynamic features"),
    ylabel=tr(es="AUC ganado", en="AUC gained"),
    title=tr(
        es="La curva de frescura (banda: 95 %, remuestreando días)",
        en="The freshness curve (band: 95 %, resampling days)",
    ),
)
plots.show(
    fig,
    alt=tr(
        es="Cuánto AUC añaden las características dinámicas según su antigüedad, con su intervalo. Recién calculadas es cuando más aportan; al envejecer aportan cada vez menos, despacio en la primera hora y mucho después; con un día de antigüedad apenas aportan algo.",
        en="How much AUC the dynamic features add depending on their staleness, with its interval. They add most when freshly computed; as they age they add less and less, slowly within the first hour and a lot afterwards; a day old they hardly add anything.",
    ),
)
below = np.flatnonzero(gains < gains[0] / 2)
after = below[0] if len(below) else len(gains) - 1
before = max(after - 1, 0)
# es: entre dos edades medidas, en línea recta
# en: between two measured ages, along a straight line
share = (gains[before] - gains[0] / 2) / max(gains[before] - gains[after], 1e-9)
half = ages[before] + min(max(share, 0), 1) * (ages[after] - ages[before])
compare(
    tr(es="antigüedad a la que queda la mitad de la ganancia", en="staleness at which half of the gain is left"),
    predicted=half_life_min,
    measured=float(half),
    unit="min",
    note=tr(
        es="En línea recta entre dos antigüedades medidas: es una estimación, y la banda es ancha.",
        en="Along a straight line between two measured ages: it is an estimate, and the band is wide.",
    ),
)

# %% [markdown] lang="es" row="15" slide="subslide"
# Tres lecturas. **Lo fresco ayuda**: mira si la banda deja fuera el cero. **Diez minutos cuestan poco** (fíjate en el eje: las antigüedades no están a la misma distancia, así que la pendiente del dibujo no es pérdida por minuto): entre un dato de este segundo y uno de hace diez minutos hay una parte pequeña de lo que aportan; aquí gana poco quien pase de diez minutos a milisegundos. Y **envejece en horas**, no en días: un aeropuerto con retrasos sigue con ellos un buen rato, así que un
# dato de hace una hora aún dice algo, y el de ayer es ya de otro día. (Cada modelo se ha entrenado con la misma antigüedad con la que predice. Entrenar con datos frescos y servir viejos sería otra cosa: un desajuste, y de esos hablaremos.)
#
# Cada problema tiene su curva. Un detector de fraude la tendrá de segundos; una recomendación de películas, quizá de días. **Mídela antes de montar nada**: solo hacen falta datos históricos con su hora. Al final de la unidad le pondremos precio.
# %% [markdown] lang="en" row="15" slide="subslide"
# Three readings. **Fresh helps**: see whether the band leaves zero out. **Ten minutes cost little** (mind the axis: the ages are not equally far apart, so the slope you see is no loss per minute): between this second's value and one of ten minutes ago there is a small part of what they add; going from ten minutes to milliseconds buys little here. And **it ages in hours**, not in days: an airport with delays keeps them for a good while, so that
# a value of an hour ago still says something, and yesterday's belongs to another day. (Each model was trained at the staleness at which it predicts. Training on fresh data and serving stale data would be another thing: a skew, and we shall come to those.)
#
# Each problem has its own curve. A fraud detector's will be one of seconds; a film recommender's, maybe of days. **Measure it before you build anything**: all it takes is historical data with its times. At the end of the unit we will put a price on it.

# %% [markdown] lang="es" row="16" slide="slide"
# ## Acotado y no acotado
#
# Un lote es **acotado**: se lee entero y se sabe cuándo ha terminado. Un flujo es **no acotado**: si tu programa espera a que acabe, no responde nunca; y si guarda lo que ha visto, se queda sin memoria. Lo que se guarda es un **estado** que no crezca con los eventos: aquí, las
# ventanas **abiertas**. Cada una se emite y se olvida cuando el tiempo la deja atrás.
#
# El flujo de abajo es infinito de verdad: repite un día de salidas para siempre, un día más tarde cada vez (y en orden; del desorden nos ocupamos enseguida).
#
# **Predice:** al pasar de 20 000 a 80 000 eventos, ¿por cuánto se multiplica la memoria de `list(stream)`? ¿Y la de quien guarda solo las ventanas abiertas?
# %% [markdown] lang="en" row="16" slide="slide"
# ## Bounded and unbounded
#
# A batch is **bounded**: it is read whole, and one knows when it has ended. A stream is **unbounded**: a program that waits for its end never answers; and one that keeps what it has seen runs out of memory. What is kept is a **state** that does not grow with the events: here, the windows
# that are **open**. Each is emitted, and forgotten, when time leaves it behind.
#
# The stream below is truly infinite: it repeats one day of departures for ever, a day later each time (and in order; disorder comes next).
#
# **Predict:** from 20 000 to 80 000 events, by what factor does the memory of `list(stream)` grow? And that of whoever keeps only the open windows?

# %%
list_memory_factor = None
windows_memory_factor = None


# %% slide="fragment"
def endless(day):
    """Departures for ever, in order of event time."""
    for number in itertools.count():
        for event in day:
            yield {"origin": event["origin"], "at": event["at"] + number * DAY, "delay": event["delay"]}


def as_list(stream, how_many, emit):
    """The batch habit: first have everything, then think."""
    everything = list(itertools.islice(stream, how_many))
    emit(in_batch(everything))
    return everything


def with_open_windows(stream, how_many, emit):
    """Keep the hour that is open, emit it as soon as an event of a later hour comes."""
    state, hour = {}, None
    for event in itertools.islice(stream, how_many):
        if event["at"] // HOUR != hour:
            emit(state)
            state, hour = {}, event["at"] // HOUR
        add(state, event)
    return state


in_order = sorted(messages, key=lambda event: event["at"])
sizes, peaks = [5000, 10_000, 20_000, 40_000, 80_000], defaultdict(list)
for size in tqdm(sizes, leave=False, desc=tr(es="flujos", en="streams")):
    for consume in (as_list, with_open_windows):
        tracemalloc.start()
        consume(endless(in_order), size, emit=lambda answer: None)
        peaks[consume.__name__].append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()

# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots(figsize=(7.2, 3.4))
for (name, megabytes), marker in zip(peaks.items(), "os", strict=True):
    ax.plot(sizes, megabytes, marker + "-", label=name)
ax.set(
    xscale="log",
    yscale="log",
    xlabel=tr(es="eventos leídos", en="events read"),
    ylabel=tr(es="memoria máxima (MB)", en="peak memory (MB)"),
)
ax.set_xticks(sizes, [f"{size:,}".replace(",", "\u202f") for size in sizes])
ax.minorticks_off()
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Memoria máxima según los eventos leídos, en escalas logarítmicas: con list crece en proporción a los eventos; con las ventanas abiertas es una línea casi horizontal, muy por debajo.",
        en="Peak memory by events read, on logarithmic scales: with list it grows in proportion to the events; with the open windows it is an almost horizontal line, far below.",
    ),
)
for question, predicted, name in (
    (tr(es="memoria con `list`, de 20 000 a 80 000 eventos", en="memory with `list`, from 20 000 to 80 000 events"), list_memory_factor, "as_list"),
    (tr(es="memoria con ventanas abiertas", en="memory with open windows"), windows_memory_factor, "with_open_windows"),
):
    compare(question, predicted=predicted, measured=peaks[name][4] / peaks[name][2], unit="×")

# %% [markdown] lang="es" row="16" slide="subslide"
# La memoria depende de **cuántas ventanas hay abiertas por cuántas claves**, no de cuántos eventos pasan: con mil veces más vuelos por hora, igual; con mil veces más aeropuertos, mil veces más. Por eso en un flujo real se vigila el tamaño del estado, y por eso una clave que crece sin fin (un
# identificador de sesión) necesita caducidad. Una ventana que no se cierra nunca es lo mismo que `list(stream)`, solo que más lenta en matarte. (El cociente medido de las ventanas abiertas no tiene por qué ser 1: se usa tan poca memoria que se notan los objetos auxiliares de Python. Lo que importa es que no crece con los eventos.)
# %% [markdown] lang="en" row="16" slide="subslide"
# Memory depends on **how many windows are open for how many keys**, not on how many events go by: with a thousand times more flights an hour, the same; with a thousand times more airports, a thousand times more. That is why the size of the state is watched in a real stream, and why a key that grows without end (a
# session id) needs an expiry. A window that never closes is the same as `list(stream)`, only slower to kill you. (The ratio measured for the open windows need not be 1: so little memory is used that Python's own small objects show. What matters is that it does not grow with the events.)

# %% [markdown] lang="es" row="17" slide="slide"
# ## La hora en que ocurrió y la hora en que llega
#
# Hay dos relojes. El **tiempo del evento** es cuándo salió el avión; el **tiempo de procesamiento**, cuándo lo atiende tu programa. Las respuestas que importan son sobre el primero («las salidas entre las 8 y las 9»), pero los eventos llegan desordenados y algunos muy tarde.
#
# - Una **ventana fija** (*tumbling window*) es un tramo de tiempo del evento, con el principio dentro y el final fuera: $[8{:}00, 9{:}00)$. Así, el evento de las 9:00 en punto cae en **una** ventana, la siguiente.
# - La **marca de agua** (*watermark*) es una afirmación: «no espero ya nada anterior a esta hora». La más corriente: el mayor tiempo de evento visto, menos un **margen** (en Flink, *bounded out-of-orderness*; en Spark, *delay threshold*). No es una garantía, es una apuesta; y solo avanza.
# - Cuando la marca de agua alcanza el final de una ventana, la ventana **se cierra**: se emite y se olvida. Un evento de una ventana cerrada es un **dato tardío**, y aquí se descarta y se cuenta.
#
# En Python son quince líneas. Ni una mira el reloj de la pared.
# %% [markdown] lang="en" row="17" slide="slide"
# ## The time it happened and the time it arrives
#
# There are two clocks. **Event time** is when the plane left; **processing time**, when your program handles it. The answers that matter are about the former ("the departures between 8 and 9"), but events arrive out of order, and some of them very late.
#
# - A **tumbling window** is a stretch of event time, with its beginning inside and its end outside: $[8{:}00, 9{:}00)$. That way the event of 9:00 sharp falls into **one** window, the next.
# - The **watermark** is a claim: "I no longer expect anything earlier than this". The usual one: the greatest event time seen, less a **margin** (in Flink, *bounded out-of-orderness*; in Spark, *delay threshold*). It is no guarantee, it is a bet; and it only moves forward.
# - When the watermark reaches the end of a window, the window **closes**: it is emitted and forgotten. An event of a closed window is **late data**, and here it is dropped and counted.
#
# In Python it is fifteen lines. None of them looks at the clock on the wall.


# %% slide="subslide"
class TumblingWindows:
    """Sum and count per window of event time; a window closes when the watermark reaches its end."""

    def __init__(self, size, margin):
        self.size, self.margin = size, margin
        self.watermark = -float("inf")
        self.open, self.dropped = {}, 0

    def take(self, at, value):
        """Take an event; return the windows that it closes: [(start, count, total), …]."""
        start = at - at % self.size
        if start + self.size <= self.watermark:
            self.dropped += 1
        else:
            count, total = self.open.get(start, (0, 0))
            self.open[start] = count + 1, total + value
        self.watermark = max(self.watermark, at - self.margin)
        closed = [start for start in sorted(self.open) if start + self.size <= self.watermark]
        return [(start, *self.open.pop(start)) for start in closed]


# %% [markdown] lang="es" row="17" slide="subslide"
# Catorce eventos, en el orden en que llegan, con ventanas de 10 minutos y un margen de 4. Cada uno es (minuto en que llega, minuto en que ocurrió).
#
# **Predice:** ¿cuántos se descartan? ¿Y en qué minuto de llegada se cierra la ventana $[0, 10)$?
# %% [markdown] lang="en" row="17" slide="subslide"
# Fourteen events, in the order in which they arrive, with windows of 10 minutes and a margin of 4. Each is (minute in which it arrives, minute in which it happened).
#
# **Predict:** how many are dropped? And in which minute of arrival does the window $[0, 10)$ close?

# %%
arrivals = [(1, 0), (3, 2), (5, 4), (8, 7), (11, 10), (13, 6), (14, 13), (16, 15), (18, 8), (21, 20), (23, 17), (26, 24), (29, 12), (31, 30)]
dropped_events = None
first_window_closes_at = None

# %% slide="fragment"
windows, trace, closings = TumblingWindows(size=10, margin=4), [], []
for arrives, at in arrivals:
    missing = windows.dropped
    highest = max([at, *(point["at"] for point in trace)])
    closed = windows.take(at, 1)
    fate = "dropped" if windows.dropped > missing else "out of order" if at < highest else "in order"
    trace.append({"arrives": arrives, "at": at, "fate": fate, "watermark": windows.watermark})
    closings += [(arrives, start, count) for start, count, _ in closed]

# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots(figsize=(9.6, 5.2))
end = arrivals[-1][0] + 4
tints = (plots.BLUE, plots.ORANGE, plots.PURPLE, plots.SKY)
for number in range(4):
    closed_by = next((c for c in closings if c[1] == 10 * number), None)
    until = closed_by[0] if closed_by else end
    ax.fill_between([0, until], 10 * number, 10 * number + 10, color=tints[number], alpha=0.14, linewidth=0)
    label = (
        tr(es=f"se cierra con {closed_by[2]} eventos", en=f"closes with {closed_by[2]} events")
        if closed_by
        else tr(es="sigue abierta", en="still open")
    )
    ax.text(0.4, 10 * number + 8.6, f"[{10 * number}, {10 * number + 10})", fontsize=9, color=plots.FAINT)
    if closed_by:
        ax.plot([until, until], [10 * number, 10 * number + 10], color=tints[number], linewidth=3)
    ax.text(until + 0.3 if closed_by else end - 0.3, 10 * number + (4.2 if closed_by else 7.2), label, fontsize=9, ha="left" if closed_by else "right")
ax.plot([0, end], [0, end], ":", color=plots.FAINT, linewidth=1)
ax.text(6.5, 7.6, tr(es="llegar sin demora", en="arriving at once"), fontsize=8, rotation=32, color=plots.FAINT)
times = [point["arrives"] for point in trace]
marks = [point["watermark"] for point in trace]
ax.step([*times, end], [*marks, marks[-1]], where="post", color=plots.INK, linewidth=1.8, label=tr(es="marca de agua", en="watermark"))
styles = {
    "in order": ("o", plots.BLUE, tr(es="en orden", en="in order")),
    "out of order": ("D", plots.GREEN, tr(es="desordenado: aún entra", en="out of order: still enters")),
    "dropped": ("X", plots.VERMILION, tr(es="tardío: descartado", en="late: dropped")),
}
for fate, (marker, color, label) in styles.items():
    chosen = [point for point in trace if point["fate"] == fate]
    ax.plot([p["arrives"] for p in chosen], [p["at"] for p in chosen], marker, color=color, markersize=9, label=label, zorder=3)
ax.set(
    xlim=(0, end),
    ylim=(-4.5, 40),
    xlabel=tr(es="tiempo de procesamiento: minuto en que llega", en="processing time: minute of arrival"),
    ylabel=tr(es="tiempo del evento (minuto)", en="event time (minute)"),
    title=tr(es="La marca de agua sube y cierra ventanas", en="The watermark rises and closes windows"),
)
ax.legend(loc="upper left", fontsize=9, bbox_to_anchor=(0.0, 0.98))
plots.show(
    fig,
    alt=tr(
        es="Catorce eventos: en horizontal cuándo llegan, en vertical cuándo ocurrieron. La marca de agua es una escalera que va cuatro minutos por debajo del mayor tiempo de evento visto. Cada banda es una ventana de diez minutos y termina cuando la escalera alcanza su borde superior. Dos eventos desordenados entran porque su banda seguía abierta; dos llegan cuando la suya ya se había cerrado y se descartan. Las dos últimas bandas siguen abiertas.",
        en="Fourteen events: across, when they arrive; upwards, when they happened. The watermark is a staircase four minutes below the greatest event time seen. Each band is a window of ten minutes, and ends when the staircase reaches its upper edge. Two events that are out of order enter because their band was still open; two come when theirs had closed, and are dropped. The last two bands stay open.",
    ),
)
compare(
    tr(es="eventos descartados", en="events dropped"),
    predicted=dropped_events,
    measured=windows.dropped,
    unit="",
)
compare(
    tr(es="minuto de llegada en que se cierra [0, 10)", en="minute of arrival in which [0, 10) closes"),
    predicted=first_window_closes_at,
    measured=closings[0][0],
    unit="min",
)

# %% [markdown] lang="es" row="17" slide="subslide"
# Mírala despacio. El evento del minuto 6 llega en el 13, desordenado, y **entra**: la marca de agua iba por el 6 y su ventana estaba abierta. El del minuto 8 llega en el 18, cuando la ventana ya se había cerrado: **se descarta**. Y las dos últimas ventanas **siguen abiertas**, y así seguirán, pase el tiempo que pase, mientras no llegue otro evento.
#
# ### «Mi ventana no se cierra»
#
# Es la pregunta más repetida sobre flujos, y tiene casi siempre la misma respuesta: **la marca de agua la mueven los eventos, no el reloj**. Si de madrugada no sale ningún avión, no hay evento que la haga avanzar. En Flink, con varias particiones es peor: la marca de agua del conjunto es la **menor** de todas, y basta con que una calle para pararla. (Spark toma el mayor tiempo visto en todas las particiones de una fuente, y su riesgo es el contrario: lo de una partición retrasada se descarta.)
# %% [markdown] lang="en" row="17" slide="subslide"
# Look at it slowly. The event of minute 6 arrives in minute 13, out of order, and **enters**: the watermark stood at 6, and its window was open. The one of minute 8 arrives in minute 18, when its window had closed: it is **dropped**. And the last two windows **stay open**, and will stay so, however much time goes by, until another event comes.
#
# ### "My window never closes"
#
# It is the most repeated question about streams, and nearly always has the same answer: **the watermark is moved by events, not by the clock**. If no plane leaves in the small hours, nobody pushes it. In Flink, with several partitions it is worse: the watermark of the whole is the **least** of them all, and one that falls silent stops it. (Spark takes the greatest time seen in all the partitions of a source, and its risk is the opposite: what a partition that lags behind brings is dropped.)


# %% slide="fragment"
def whole_watermark(last_seen, now, margin, idle_after=None):
    """The least watermark of the partitions; with `idle_after`, of those that have said something that lately.

    `last_seen`: {partition: (greatest event time, when its last event arrived)}, in minutes.
    """
    counted = [
        at - margin
        for at, arrived in last_seen.values()
        if idle_after is None or now - arrived <= idle_after
    ]
    # es: si callan todas, nadie sabe qué hora es: la marca de agua se queda donde está
    # en: if all of them are silent nobody knows what time it is: the watermark stays where it is
    return min(counted, default=None)


tables.show(
    [
        {
            tr(es="ahora (min)", en="now (min)"): now,
            tr(es="último evento de A (ocurrió en…)", en="last event of A (happened at…)"): now - 1,
            tr(es="último evento de B", en="last event of B"): 12,
            tr(es="marca de agua", en="watermark"): whole_watermark({"A": (now - 1, now), "B": (12, 13)}, now, 4),
            tr(es="apartando a quien calla 15 min", en="leaving out whoever is silent for 15 min"): whole_watermark(
                {"A": (now - 1, now), "B": (12, 13)}, now, 4, idle_after=15
            ),
        }
        for now in (14, 20, 28, 40, 60)
    ],
    caption=tr(
        es="Dos particiones; B se calla en el minuto 13",
        en="Two partitions; B falls silent in minute 13",
    ),
)

# %% [markdown] lang="es" row="17" slide="subslide"
# Hay dos remedios, y los dos tienen precio. **Apartar a quien calla** (en Flink, `withIdleness`): si B vuelve con lo que tenía guardado, llegará tarde y se descartará. O que cada fuente mande **latidos** con su hora aunque no tenga nada que contar: hay que poder tocar las fuentes. Y si callan todas, solo un latido ayuda.
#
# ### Cuánto esperar
#
# El margen es un intercambio: esperar más pierde menos datos y da la respuesta más tarde. Con las salidas de una semana, en el orden en que llegan, ventanas de una hora para los tres aeropuertos juntos y una sola marca de agua.
#
# **Predice:** ¿qué porcentaje de los eventos se descarta con un margen de 1 minuto?
# %% [markdown] lang="en" row="17" slide="subslide"
# There are two remedies, and both have their price. **Leaving out whoever is silent** (in Flink, `withIdleness`): if B comes back with what it had kept, it will be late, and dropped. Or having each source send **heartbeats** with its time even when it has nothing to tell: you must be able to change the sources. And if all of them are silent, only a heartbeat helps.
#
# ### How long to wait
#
# The margin is a trade-off: waiting longer loses less data and answers later. With a week's departures, in the order in which they arrive, windows of an hour for the three airports together, and a single watermark.
#
# **Predict:** what percentage of the events is dropped with a margin of 1 minute?

# %%
dropped_percent = None

# %% slide="fragment"
week = departures[
    (departures.received >= pd.Timestamp("2013-07-08", tz=NEW_YORK).timestamp())
    & (departures.received < pd.Timestamp("2013-07-15", tz=NEW_YORK).timestamp())
].sort_values("received")
week_events = list(zip(week["at"].tolist(), week.received.tolist(), week.delay.tolist(), strict=True))
margins_min, trade = [0, 1, 5, 15, 45, 180, 400], []
for margin in margins_min:
    state, delays = TumblingWindows(HOUR, margin * MINUTE), []
    for at, received, delay in week_events:
        delays += [(received - start - HOUR) / MINUTE for start, *_ in state.take(at, delay)]
    trade.append((margin, 100 * state.dropped / len(week_events), statistics.median(delays), len(delays)))
tables.show(
    [
        {
            tr(es="margen (min)", en="margin (min)"): margin,
            tr(es="descartados (%)", en="dropped (%)"): lost,
            tr(es="de que acaba la hora a que se emite (min, mediana)", en="from the end of the hour until it is emitted (min, median)"): late,
            tr(es="ventanas cerradas", en="windows closed"): closed,
        }
        for margin, lost, late, closed in trade
    ],
    caption=tr(
        es=f"Esperar o perder: {len(week_events)} salidas de una semana",
        en=f"Wait or lose: a week's {len(week_events)} departures",
    ),
)
compare(
    tr(es="descartados con 1 minuto de margen", en="dropped with a margin of 1 minute"),
    predicted=dropped_percent,
    measured=trade[1][1],
    unit="%",
)


def hourly(feed, margin):
    """All the windows of a feed [(time, value), …], also those that are still open at its end."""
    state = TumblingWindows(HOUR, margin)
    closed = [window for at, value in feed for window in state.take(at, value)]
    return tuple(closed + sorted((start, *rest) for start, rest in state.open.items()))


chance, by_event, by_processing = random.Random(seed), set(), set()
for _ in range(20):
    # es: otro orden de llegada, con demoras de hasta 15 minutos
    # en: another order of arrival, with delays of up to 15 minutes
    feed = sorted((at + chance.uniform(0, 15 * MINUTE), at, delay) for at, _, delay in week_events[:1000])
    by_event.add(hourly([(at, delay) for _, at, delay in feed], margin=15 * MINUTE))
    by_processing.add(hourly([(int(received), delay) for received, _, delay in feed], margin=0))
print(
    tr(
        es=f"20 órdenes de llegada distintos. Respuestas distintas, por tiempo del evento: {len(by_event)}; por tiempo de procesamiento: {len(by_processing)}.",
        en=f"20 different orders of arrival. Different answers, by event time: {len(by_event)}; by processing time: {len(by_processing)}.",
    )
)

# %% [markdown] lang="es" row="17" slide="subslide"
# Las demoras son muy desiguales: casi todo llega en segundos, unos cortes de línea retienen a un aeropuerto durante media hora, y unos pocos eventos tardan horas. Con un margen pequeño se pierde poco; para perder **nada** hay que esperar al más lento, y entonces la respuesta ya no sirve. Se elige un margen, se **cuenta** lo que se
# descarta (si sube, algo ha cambiado) y lo tardío se corrige aparte, en el lote de la noche. Y mientras las demoras quepan en el margen, la respuesta **no depende del orden de llegada**; la de quien usa su propio reloj, sí: cada repetición daría otra.
#
# ### Lo mismo, en Spark
#
# En Spark, `withWatermark` fija el margen y `window` la ventana; el estado, el cierre y el descarte son suyos. Le enviamos por Kafka los catorce eventos, en cinco entregas.
# %% [markdown] lang="en" row="17" slide="subslide"
# The spread is not smooth: nearly everything arrives within seconds, some outages hold an airport back for half an hour, and a few events take hours. A small margin loses little; to lose **nothing** you must wait for the slowest, and by then the answer is no longer of use. You choose a margin, **count** what
# is dropped (if it rises, something has changed), and correct late data separately, in the nightly batch. And as long as the delays fit in the margin, the answer **does not depend on the order of arrival**; that of whoever uses their own clock does: each repetition would give another.
#
# ### The same, in Spark
#
# In Spark, `withWatermark` sets the margin and `window` the window; state, closing and dropping are its own. We send it the fourteen events by Kafka, in five deliveries.

# %% slide="subslide"
from pyspark.sql import functions as F

session = spark.session()
KAFKA = spark_kafka.format(session)
SCHEMA = "origin STRING, at BIGINT, received BIGINT, delay INT"


def from_kafka(reader, topic, **options):
    """The departures of a topic as a DataFrame, of a batch (`session.read`) or a stream (`session.readStream`)."""
    reader = reader.format(KAFKA).options(**spark_kafka.options(broker, subscribe=topic))
    records = reader.option("startingOffsets", "earliest").options(**options).load()
    departure = records.select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("event"))
    return departure.select(
        "event.origin",
        F.timestamp_seconds("event.at").alias("event_time"),
        F.timestamp_seconds("event.received").alias("received_at"),
        "event.delay",
    )


def publish(topic, events):
    producer = Producer(broker.config())
    for event in events:
        producer.produce(topic, value=json.dumps(event), partition=0)
        producer.poll(0)
    assert producer.flush(20) == 0


START = 1_373_443_200
topic = broker.create_topic("fourteen")
ten_minutes = (
    from_kafka(session.readStream, topic)
    .withWatermark("event_time", "4 minutes")
    .groupBy(F.window("event_time", "10 minutes"))
    .count()
)
query = (
    ten_minutes.writeStream.format("memory")
    .queryName("closed")
    .outputMode("append")
    .option("checkpointLocation", str(spark.checkpoint("fourteen")))
    .start()
)
rows = []
try:
    for first in range(0, len(arrivals), 3):
        delivery = arrivals[first : first + 3]
        publish(topic, [{"origin": "JFK", "at": START + at * MINUTE, "delay": 0} for _, at in delivery])
        query.processAllAvailable()
        progress = [json.loads(report.json) for report in query.recentProgress]
        # es: antes del primer evento Spark dice 1970
        # en: before the first event Spark says 1970
        mark = (pd.Timestamp(progress[-1]["eventTime"]["watermark"]).timestamp() - START) / MINUTE
        emitted = session.table("closed").selectExpr("unix_seconds(window.start) AS start", "count").collect()
        rows.append(
            {
                tr(es="llegan (minuto del evento)", en="arrive (minute of the event)"): ", ".join(str(at) for _, at in delivery),
                tr(es="marca de agua después", en="watermark afterwards"): mark if mark > -DAY else None,
                tr(es="descartados hasta ahora", en="dropped so far"): sum(p["stateOperators"][0]["numRowsDroppedByWatermark"] for p in progress if p["stateOperators"]),
                tr(es="ventanas emitidas", en="windows emitted"): ", ".join(f"[{(w.start - START) // 60}, {(w.start - START) // 60 + 10}): {w['count']}" for w in sorted(emitted)) or None,
            }
        )
finally:
    query.stop()
tables.show(rows, caption=tr(es="Spark, entrega a entrega", en="Spark, delivery by delivery"))

# %% [markdown] lang="es" row="17" slide="subslide"
# Ventanas y margen son los de antes, pero Spark descartó **uno menos**. No es un error: Spark mueve la marca de agua **entre microlotes**, no con cada evento, así que el del minuto 8, que llegó en la misma entrega que el que habría cerrado su ventana, aún entró. La promesa es que **no se descarta nada que llegue dentro del margen**; de lo que
# llega más tarde no promete nada, ni que entre ni que no. (Por eso no se escribe una prueba que cuente con que algo tardío se descarte.) Y las dos últimas ventanas, también aquí, siguen esperando.
# %% [markdown] lang="en" row="17" slide="subslide"
# Windows and margin are those of before, but Spark dropped **one less**. That is no bug: Spark moves the watermark **between micro-batches**, not with each event, so that the one of minute 8, which came in the same delivery as the one that would have closed its window, still entered. The promise is that **nothing is dropped that arrives within the margin**; of what
# comes later it promises nothing, neither that it enters nor that it does not. (That is why one does not write a test that counts on something late being dropped.) And the last two windows, here too, go on waiting.

# %% [markdown] lang="es" row="18 24" slide="slide"
# ## Un dial, no un interruptor
#
# La diapositiva separa dos casillas: el lote «arranca cada cierto tiempo» y el flujo «puede arrancar con cada evento». Entre las dos hay un número: **cada cuánto arranca**. Probamos todo el recorrido, de una vez al día a una vez por evento, con el **mismo código**: en cada arranque se suman (con `add`) las salidas que hayan llegado y se guarda la
# respuesta en una tabla. Medimos cuánto espera un evento y cuánto procesador cuesta el día, de dos maneras de trabajar:
#
# - **con estado**: se suman solo los eventos nuevos;
# - **desde cero**: se suma otra vez todo el día, como hace quien programa su lote «cada minuto».
#
# Si no ha llegado nada, no se arranca: mirar sale gratis.
#
# **Predice:** de una vez al día a una vez por minuto, la espera cae unas mil veces. ¿Por cuánto se multiplica el coste, con estado? ¿Y desde cero?
# %% [markdown] lang="en" row="18 24" slide="slide"
# ## A dial, not a switch
#
# The slide has two boxes: the batch "is kicked off periodically", and the stream "can be kicked off as events arrive". Between them there is a number: **how often it starts**. We try the whole range, from once a day to once an event, with the **same code**: each start sums up (with `add`) the departures that have arrived, and stores the
# answer in a table. We measure how long an event waits and how much processor the day costs, in two ways of working:
#
# - **with state**: only the new events are summed up;
# - **from scratch**: the whole day is summed up again, as whoever schedules their batch "every minute" does.
#
# If nothing has arrived, nothing starts: looking is free.
#
# **Predict:** from once a day to once a minute, the wait falls some thousand times. By what factor does the cost grow, with state? And from scratch?

# %%
cost_factor_with_state = None
cost_factor_from_scratch = None


# %% slide="fragment"
def run_day(events, interval, keep_state):
    """Process a day, starting every `interval` seconds (0: at each event). Returns seconds of work, mean wait and answer."""
    path = workspace() / "dial.db"
    path.unlink(missing_ok=True)
    state, seen, waits, runs, work = {}, 0, [], 0, 0.0
    # es: el día del aeropuerto, desde la hora de su primera salida
    # en: the airport's day, from the hour of its first departure
    dawn = events[0]["received"] // HOUR * HOUR
    with closing(sqlite3.connect(path)) as db:
        # es: que el disco no lo decida todo: aquí no se espera a que confirme
        # en: do not let the disk decide everything: here nobody waits for it to confirm
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE answer (origin, hour, n, total, PRIMARY KEY (origin, hour))")
        while seen < len(events):
            first = events[seen]["received"]
            tick = first if not interval else dawn + ((first - dawn) // interval + 1) * interval
            until = seen + 1
            while interval and until < len(events) and events[until]["received"] < tick:
                until += 1
            began = process_time()
            state = state if keep_state else {}
            new = events[seen:until] if keep_state else events[:until]
            touched = {}
            for event in new:
                add(state, event)
                key = event["origin"], event["at"] // HOUR
                touched[key] = state[key]
            db.executemany("REPLACE INTO answer VALUES (?, ?, ?, ?)", [(*k, *v) for k, v in touched.items()])
            db.commit()
            spent = process_time() - began
            waits += [tick - event["received"] + spent for event in events[seen:until]]
            work, runs, seen = work + spent, runs + 1, until
        answer = {(origin, hour): [n, total] for origin, hour, n, total in db.execute("SELECT * FROM answer")}
    return work, statistics.mean(waits), runs, answer


intervals = [DAY, 6 * HOUR, HOUR, 10 * MINUTE, MINUTE, 10, 1, 0]
names = [tr(es="1 día", en="1 day"), "6 h", "1 h", "10 min", "1 min", "10 s", "1 s", tr(es="evento", en="event")]
dial, all_equal = {True: [], False: []}, True
for interval in tqdm(intervals, leave=False, desc=tr(es="posiciones del dial", en="positions of the dial")):
    tries = {True: [], False: []}
    # es: alternadas, y la mejor de varias: lo que estorbe a una manera, que estorbe a la otra
    # en: alternating, and the best of some: what disturbs one way, let it disturb the other
    for keep_state in (True, False) * (5 if interval >= HOUR else 2):
        tries[keep_state].append(run_day(messages, interval, keep_state))
    for keep_state, days in tries.items():
        dial[keep_state].append(min(days))
        all_equal &= all(answer == batched for *_, answer in days)

# %% tags=["hide-input"] slide="fragment"
fig, (left, right) = plots.subplots(1, 2, figsize=(10.4, 4))
places = range(len(intervals))
for keep_state, marker, label in (
    (True, "o", tr(es="con estado", en="with state")),
    (False, "s", tr(es="desde cero", en="from scratch")),
):
    work, waits, *_ = map(np.array, zip(*[d[:3] for d in dial[keep_state]], strict=True))
    left.plot(places, waits, marker + "-", label=label)
    right.plot(len(messages) / work, waits, marker + "-", label=label)
    if keep_state:
        for place, name in enumerate(names):
            right.annotate(name, (len(messages) / work[place], waits[place]), xytext=(7, -8), textcoords="offset points", fontsize=8)
left.set_xticks(places, names)
left.set(yscale="log", xlabel=tr(es="arranca cada…", en="starts every…"), ylabel=tr(es="espera media de un evento (s)", en="mean wait of an event (s)"), title=tr(es="No hay escalón", en="There is no step"))
right.set(xscale="log", yscale="log", xlabel=tr(es="eventos que un núcleo atiende por segundo", en="events that one core handles per second"), ylabel=tr(es="espera media (s)", en="mean wait (s)"), title=tr(es="La frontera: abajo y a la derecha, mejor", en="The frontier: down and right is better"))
left.legend()
plots.show(
    fig,
    alt=tr(
        es="Izquierda: la espera media baja de forma continua desde medio día, con un arranque diario, hasta menos de un milisegundo, con uno por evento, sin ningún escalón. Derecha: espera contra eventos por segundo que atiende un núcleo; al acortar el intervalo el caudal baja, mucho más desde cero que con estado, hasta que casi cada arranque lleva un solo evento; de ahí en adelante baja mucho menos que la espera. Con un arranque al día las dos curvas están casi en el mismo sitio.",
        en="Left: the mean wait falls continuously from half a day, with one start a day, to less than a millisecond, with one per event, without any step. Right: wait against the events per second that one core handles; as the interval shrinks the throughput falls, much more from scratch than with state, until nearly every start holds a single event; from there on it falls much less than the wait. With one start a day both curves are nearly in the same place.",
    ),
)
print(
    tr(
        es=f"Las {2 * len(intervals)} respuestas finales son iguales: {'sí' if all_equal else 'no'}. Por evento: {dial[True][-1][2]} arranques; cada minuto, {dial[True][4][2]}.",
        en=f"The {2 * len(intervals)} final answers are equal: {'yes' if all_equal else 'no'}. Per event: {dial[True][-1][2]} starts; every minute, {dial[True][4][2]}.",
    )
)
for predicted, keep_state, words in (
    (cost_factor_with_state, True, tr(es="con estado", en="with state")),
    (cost_factor_from_scratch, False, tr(es="desde cero", en="from scratch")),
):
    compare(
        tr(es=f"coste, de 1 día a 1 min, {words}", en=f"cost, from 1 day to 1 min, {words}"),
        predicted=predicted,
        measured=dial[keep_state][4][0] / dial[keep_state][0][0],
        unit="×",
    )

# %% [markdown] lang="es" row="18 24" slide="subslide"
# Ningún escalón separa el lote del flujo, y la respuesta final es siempre la misma. Con estado, acortar el intervalo reparte entre menos eventos el precio fijo de cada arranque (aquí, el `commit`), hasta que casi cada uno lleva un solo evento: desde ahí la espera sigue cayendo por órdenes de magnitud y el coste sube ya mucho menos, porque no puede haber más arranques que eventos. De ahí salen tres cosas:
#
# - **Un lote es un flujo con una sola ventana.** En el extremo de un día, las dos maneras de trabajar hacen exactamente lo mismo (si los puntos no coinciden del todo, es el ruido de la medida).
# - **«Flujo = lote de tamaño 1» es falso.** El tamaño 1 es solo el extremo del dial, el más caro por evento, y los motores de flujos lo evitan: Flink junta eventos hasta 100 ms por defecto ([`execution.buffer-timeout`](https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/overview/)), Spark trabaja en microlotes, y un productor de Kafka espera
#   `linger.ms`. Lo que hace que algo sea un flujo es que la entrada no termina y **el estado se conserva**. La curva «desde cero» con tamaño 1 no es un flujo: es un lote que se repite muchas veces.
# - **No hay que elegir para siempre.** Puedes empezar por un lote cada hora y girar el dial cuando lo pida la curva de frescura; y puedes tener dos posiciones a la vez: un flujo para el último rato y un lote cada noche que corrige lo tardío.
#
# Es lo que la diapositiva llama *the dangers of categorical thinking*: dos casillas esconden un continuo, y las elecciones ni se excluyen ni son para siempre. Con mil veces más eventos, cada arranque «desde cero» cuesta mil veces más: su coste crece con eventos **por** arranques; con estado, con eventos **más** arranques.
# %% [markdown] lang="en" row="18 24" slide="subslide"
# No step separates the batch from the stream, and the final answer is always the same. With state, a shorter interval shares the fixed price of each start (here, the `commit`) among fewer events, until nearly each of them holds a single one: from there on the wait keeps falling by orders of magnitude and the cost rises much less, since there cannot be more starts than events. Three things follow:
#
# - **A batch is a stream with a single window.** At the end of the dial that says one day both ways of working do exactly the same (if the points do not quite coincide, that is the noise of the measurement).
# - **"Stream = batch of size 1" is false.** Size 1 is only one end of the dial, the dearest per event, and stream engines avoid it: Flink gathers events for up to 100 ms by default ([`execution.buffer-timeout`](https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/overview/)), Spark works in micro-batches, and a Kafka producer waits for
#   `linger.ms`. What makes something a stream is that the input does not end and **the state is kept**. The curve "from scratch" with size 1 is no stream: it is a batch that is repeated many times.
# - **You need not choose for ever.** You can begin with a batch every hour and turn the dial when the freshness curve asks for it; and you can have two positions at once: a stream for the last while, and a batch every night that corrects what was late.
#
# That is what the slide calls *the dangers of categorical thinking*: two boxes hide a continuum, and choices neither exclude each other nor are for ever. With a thousand times more events each start "from scratch" costs a thousand times more: its cost grows with events **times** starts; with state, with events **plus** starts.

# %% [markdown] lang="es" row="19" slide="slide"
# ## Un modelo, dos canalizaciones
#
# Volvemos al modelo de los vuelos. El equipo de datos calculó las características para **entrenar**, en lote y con pandas (`last_hour`). El equipo de producción las calcula para **predecir**, evento a evento, y no puede usar aquel código: lo escribió otra vez. El fichero del modelo es el mismo. ¿Son las mismas predicciones?
#
# Esta es la segunda versión. Bien hecha, coincide con la primera; pero en `skews` se pueden activar cuatro descuidos, todos vistos en la vida real:
# %% [markdown] lang="en" row="19" slide="slide"
# ## One model, two pipelines
#
# Back to the flight model. The data team computed the features for **training**, in batch and with pandas (`last_hour`). The production team computes them for **predicting**, event by event, and cannot use that code: it wrote it again. The model's file is the same. Are the predictions?
#
# This is the second version. Well made, it agrees with the first; but `skews` can switch on four oversights, all of them seen in real life:


# %% slide="subslide"
def serve(requests, events, skews=()):
    """The features as production computes them: events and requests one at a time, in the order in which they arrive."""
    recent = defaultdict(deque)
    pending = deque(sorted(zip(events.received, events["at"], events.origin, events.delay, strict=True)))
    rows = {}
    for row, moment, origin in sorted(zip(requests.index, requests.asked, requests.origin, strict=True), key=lambda r: r[1]):
        while pending and pending[0][0] <= moment:
            _, at, where, delay = pending.popleft()
            recent[where].append((at, delay))
        known, since = recent[origin], moment - WINDOW
        while known and known[0][0] <= moment - WINDOW:
            known.popleft()
        if "window edge" in skews:
            # es: «la última hora» es la hora en curso, desde que empezó
            # en: "the last hour" is the current hour, since it began
            since = moment - moment % HOUR
        delays = [delay for at, delay in known if since < at <= moment]
        mean = sum(delays) / len(delays) if delays else float("nan")
        if "null fill" in skews and not delays:
            # es: «si no hay salidas, no hay retraso»
            # en: "without departures there is no delay"
            mean = 0.0
        if "rounding" in skews and mean == mean:
            # es: la columna de producción guarda cuartos de hora enteros
            # en: production's column holds whole quarters of an hour
            mean = int(mean / 15) * 15.0
        zone = None if "time zone" in skews else NEW_YORK
        departure = datetime.fromtimestamp(moment + asked_before_min * MINUTE, zone or ZoneInfo("UTC"))
        rows[row] = mean, len(delays), departure.hour
    served = pd.DataFrame.from_dict(rows, "index", columns=["mean_60", "count_60", "hour"])
    return served.reindex(requests.index)


def online(requests, events, skews=()):
    """What the model is given in production."""
    return batch_features(requests).drop(columns="hour").join(serve(requests, events, skews))[list(known_test) + ["mean_60", "count_60"]]


# %% [markdown] lang="es" row="19" slide="subslide"
# El quinto está en la otra canalización, la de entrenamiento. En el almacén hay una tabla con el retraso medio **de cada hora del reloj**, etiquetada con la hora en que empieza. Alguien la une por esa etiqueta: a la petición de las 8:20 le pone la fila «8:00»… que contiene lo que pasó **hasta las 9**. En producción,
# a las 8:20, ese dato aún no existe. (Cambia además la ventana: la hora del reloj en vez de los últimos 60 minutos. Su coste en la tabla es el de las dos cosas juntas; en «Lo que se sabía entonces» se separan.)
#
# **Predice:** de los cinco descuidos por separado, ¿cuál crees que baja más el AUC en producción? ¿Y en cuál saldrá el AUC de entrenamiento mejor de lo que es?
# %% [markdown] lang="en" row="19" slide="subslide"
# The fifth is in the other pipeline, that of training. The warehouse holds a table with the mean delay **of each clock hour**, labelled by the hour in which it begins. Somebody joins it by that label: the request of 8:20 gets the row "8:00"… which contains what happened **until 9**. In production, at
# 8:20, that value does not exist yet. (The window changes as well: the clock hour instead of the last 60 minutes. Its cost in the table is that of both together; "What was known then" tells them apart.)
#
# **Predict:** of the five oversights, one at a time, which do you think lowers the AUC in production most? And in which will the offline AUC come out better than it is?

# %%
# es: "null fill", "window edge", "time zone", "rounding" o "point in time"
# en: "null fill", "window edge", "time zone", "rounding" or "point in time"
worst_skew = None
flattering_skew = None


# %% slide="fragment"
def clock_hour(requests, events, shift=0):
    """The row of the hourly table whose label is the request's hour; `shift` hours before it."""
    label = requests.asked // HOUR - shift
    hours = events.groupby(["origin", events["at"] // HOUR]).delay.agg(["mean", "size"])
    found = hours.reindex(pd.MultiIndex.from_arrays([requests.origin, label]))
    return pd.DataFrame({"mean_60": found["mean"].to_numpy(), "count_60": found["size"].fillna(0).to_numpy()}, index=requests.index)


offline_features = known_test.join(last_hour(test, departures))
leaky_model = fit(known_training.join(clock_hour(training, departures)), training.late)
leaky_score = scores(leaky_model, known_test.join(clock_hour(test, departures)))

test_events = departures[departures.received >= test.asked.min() - 2 * HOUR]
skews = ["null fill", "window edge", "time zone", "rounding"]
cases = [("—", ()), *((skew, (skew,)) for skew in skews), ("point in time", ()), (tr(es="los cinco", en="all five"), tuple(skews))]
results, served = {}, {}
for name, chosen in tqdm(cases, leave=False, desc=tr(es="canalizaciones", en="pipelines")):
    leaks = name in ("point in time", cases[-1][0])
    served[name] = online(test, test_events, chosen)
    offline = leaky_score if leaks else fresh_score
    results[name] = offline, scores(leaky_model if leaks else fresh_model, served[name])

table = []
for name, (offline, live) in results.items():
    difference, low, high = against(live, offline)
    seen = known_test.join(clock_hour(test, departures)) if name in ("point in time", cases[-1][0]) else offline_features
    unequal = ~np.isclose(served[name].astype(float), seen[served[name].columns].astype(float), equal_nan=True)
    table.append(
        {
            tr(es="descuido", en="oversight"): name,
            tr(es="AUC al entrenar", en="offline AUC"): auc(offline),
            tr(es="AUC en producción", en="online AUC"): auc(live),
            tr(es="diferencia", en="difference"): difference,
            tr(es="intervalo (95 %)", en="interval (95 %)"): f"{low:+.3f} … {high:+.3f}",
            tr(es="filas distintas", en="rows that differ"): unequal.any(axis=1).mean(),
        }
    )
tables.show(
    table,
    caption=tr(es=f"El mismo modelo, {len(test)} vuelos", en=f"The same model, {len(test)} flights"),
    formats={
        tr(es="AUC al entrenar", en="offline AUC"): ".3f",
        tr(es="AUC en producción", en="online AUC"): ".3f",
        tr(es="diferencia", en="difference"): "+.3f",
        tr(es="filas distintas", en="rows that differ"): ".1%",
    },
)
single = {name: (auc(offline), auc(live)) for name, (offline, live) in results.items() if name not in ("—", cases[-1][0])}
options = {name: name for name in single}
choose(
    tr(es="el que más baja el AUC en producción", en="the one that lowers the online AUC most"),
    options,
    chosen=worst_skew,
    right=min(single, key=lambda name: single[name][1]),
    why=tr(es="Lo que cuenta no es cuántas filas cambian, sino si cambia lo que más usa el modelo.", en="What counts is not how many rows change, but whether what the model uses most does."),
)
choose(
    tr(es="el que adorna el AUC al entrenar", en="the one that flatters the offline AUC"),
    options,
    chosen=flattering_skew,
    right=max(single, key=lambda name: single[name][0]),
    why=tr(es="Es el único que está en el entrenamiento: mira al futuro.", en="It is the only one in the training: it looks into the future."),
)

# %% [markdown] lang="es" row="19" slide="subslide"
# Con la misma definición, ni una fila cambia y el AUC es el mismo. Con los descuidos, el modelo es **peor en producción y nadie recibe un error**: ninguna excepción, ningún valor imposible. Y fíjate en dos filas:
#
# - hay un descuido que **apenas mueve el AUC**: quien vigile solo la métrica no lo verá, aunque algunas peticiones reciban un dato falso;
# - el de «point in time» **adorna** la nota del entrenamiento. Un AUC que mejora de golpe al añadir una característica es motivo de sospecha, no de fiesta.
#
# Reentrenar con la misma tabla no arregla nada: la diferencia está entre las dos canalizaciones, no en el modelo. (Sí serviría entrenar con las características que se guardaron al predecir, a cambio de esperar a tener bastantes.) Y comparar **medias** tampoco basta: dos columnas pueden tener la misma media y no coincidir en ninguna fila.
#
# ### La prueba de paridad
#
# Lo que los encuentra todos es comparar, **fila a fila**, las características que dan las dos canalizaciones con los mismos eventos y la misma petición. Y cuando difieren, hay que reducir el caso al mínimo: quitar eventos mientras siga fallando. Lo que queda es la explicación.
# %% [markdown] lang="en" row="19" slide="subslide"
# With the same definition not one row changes, and the AUC is the same. With the oversights the model is **worse in production and nobody gets an error**: no exception, no impossible value. And mind two rows:
#
# - there is an oversight that **hardly moves the AUC**: whoever watches only the metric will not see it, although some requests are given a false value;
# - that of "point in time" **flatters** the training's mark. An AUC that suddenly improves when a feature is added is a reason for suspicion, not for a party.
#
# Retraining on the same table mends nothing: the difference is between the two pipelines, not in the model. (Training on the features that were logged when predicting would, at the price of waiting until there are enough.) Nor is comparing **means** enough: the means of two columns may agree although every row differs.
#
# ### The parity test
#
# What finds them all is comparing, **row by row**, the features that the two pipelines give for the same events and the same request. And when they differ, the case must be reduced to the least: remove events as long as it still fails. What is left is the explanation.


# %% slide="subslide"
def smallest(events, fails):
    """The fewest events with which `fails` still holds: first by halves, then one by one."""
    size = len(events) // 2
    while size >= 1:
        first = 0
        while first < len(events):
            fewer = events.drop(events.index[first : first + size])
            if fails(fewer):
                events = fewer
            else:
                first += size
        size //= 2
    return events


def parity(training_side, serving_side, requests, events):
    """The first request on which the two sides disagree: its row, the columns, and the fewest events that it takes. Or None."""
    ours, theirs = training_side(requests, events), serving_side(requests, events)
    columns = [c for c in theirs if c in ours]
    wrong = ~np.isclose(ours[columns].astype(float), theirs[columns].astype(float), equal_nan=True)
    if not wrong.any():
        return None
    number = int(np.flatnonzero(wrong.any(axis=1))[0])
    request = requests.iloc[[number]]
    near = events[(events.origin == request.origin.iloc[0]) & ((events["at"] - request.asked.iloc[0]).abs() <= 2 * HOUR)]

    def fails(few):
        ours, theirs = training_side(request, few), serving_side(request, few)
        return not np.allclose(ours[columns].astype(float), theirs[columns].astype(float), equal_nan=True)

    least = smallest(near, fails)
    return request, ours.iloc[number], theirs.iloc[number], [c for c, w in zip(columns, wrong[number], strict=True) if w], least


sample = test.sample(300, random_state=seed).sort_index()


def training_side(requests, events):
    return batch_features(requests)[["hour"]].join(last_hour(requests, events))


def clock(moment):
    return f"{datetime.fromtimestamp(int(moment), NEW_YORK):%H:%M}"


found = []
for name in ["—", *skews, "point in time"]:
    leaks = name == "point in time"
    ours = (lambda r, e: batch_features(r)[["hour"]].join(clock_hour(r, e))) if leaks else training_side
    case = parity(ours, lambda r, e, s=() if leaks else (name,): serve(r, e, s), sample, test_events)
    row = {tr(es="descuido", en="oversight"): name}
    if case is not None:
        request, ours_row, theirs_row, columns, least = case
        row |= {
            tr(es="columnas", en="columns"): ", ".join(columns),
            tr(es="petición", en="request"): f"{request.origin.iloc[0]} {clock(request.asked.iloc[0])}",
            tr(es="eventos que hacen falta", en="events that it takes"): "; ".join(f"{clock(at)} {delay:+d} min" for at, delay in zip(least["at"], least.delay, strict=True))
            or tr(es="ninguno", en="none"),
        }
    found.append(row)
tables.show(found, caption=tr(es="Lo que encuentra la prueba de paridad", en="What the parity test finds"))

# %% [markdown] lang="es" row="19" slide="subslide"
# Cinco de cinco, y cada uno con su caso mínimo: a la zona horaria y al nulo no les hace falta **ningún** evento; al redondeo, uno cuyo retraso no sea múltiplo de 15; a la ventana, uno que ocurrió en la hora en punto o antes; y al futuro, uno que ocurrió **después** de la petición. Esa prueba cabe en la integración continua, tarda segundos
# y no necesita el modelo.
# %% [markdown] lang="en" row="19" slide="subslide"
# Five out of five, each with its least case: the time zone and the null take **no** event at all; the rounding, one whose delay is no multiple of 15; the window, one that happened when the hour struck or before; and the future, one that happened **after** the request. Such a test fits into continuous integration, takes seconds,
# and needs no model.

# %% [markdown] lang="es" row="21" slide="slide"
# ## Lo que se sabía entonces
#
# El quinto descuido merece sección propia, porque «unir por fecha» parece suficiente y no lo es. Cada valor de una tabla de características tiene **dos** horas: la del **evento** (de qué rato habla) y la de **creación** (cuándo estuvo en la tabla). Un ejemplo de entrenamiento para el instante $t$ solo puede llevar valores cuyo rato haya terminado
# **y** que estuvieran ya publicados en $t$. A esa unión la llamamos **unión en el instante** (*point-in-time join*).
#
# La tabla por horas, con su historia: cada valor se publica al acabar la hora y se corrige cuando aparece un evento tardío. Las tres uniones que se ven por ahí:
#
# 1. por la **etiqueta** (la hora en que empieza): trae el futuro;
# 2. por el **final** de la hora, con el último valor de la tabla: no trae el futuro, pero sí las correcciones que llegaron después de $t$;
# 3. por el final **y por la creación**: la versión que había en $t$.
# %% [markdown] lang="en" row="21" slide="slide"
# ## What was known then
#
# The fifth oversight deserves a section of its own, because "joining by date" looks sufficient and is not. Each value of a feature table has **two** times: that of the **event** (which stretch of time it speaks of) and that of its **creation** (when it was in the table). A training example for the instant $t$ may only carry values whose stretch has ended
# **and** that had been published by $t$. That join is called a **point-in-time join**.
#
# The hourly table, with its history: each value is published when the hour ends, and corrected when a late event turns up. The three joins that one meets:
#
# 1. by the **label** (the hour in which it begins): it brings in the future;
# 2. by the **end** of the hour, with the table's latest value: it does not bring in the future, but it does bring corrections that came after $t$;
# 3. by the end **and by the creation**: the version that was there at $t$.


# %% slide="subslide"
def published(events):
    """The hourly table with its history: a row whenever a window's value changes, from the end of its hour on."""
    rows = events.assign(end=(events["at"] // HOUR + 1) * HOUR)
    rows["created"] = rows[["received", "end"]].max(axis=1)
    rows = rows.sort_values("created", kind="stable")
    groups = rows.groupby(["origin", "end"]).delay
    rows["count_60"] = groups.cumcount() + 1
    rows["mean_60"] = groups.cumsum() / rows.count_60
    return rows.drop_duplicates(["origin", "end", "created"], keep="last")[["origin", "end", "created", "mean_60", "count_60"]]


def as_known(requests, versions):
    """The version of the last finished hour that was in the table when each request was made."""
    wanted = requests[["origin", "asked"]].assign(end=requests.asked // HOUR * HOUR, row=requests.index)
    joined = pd.merge_asof(
        wanted.sort_values("asked"),
        versions.sort_values("created"),
        left_on="asked",
        right_on="created",
        by=["origin", "end"],
    )
    joined["count_60"] = joined.count_60.fillna(0)
    return joined.set_index("row").sort_index()[["mean_60", "count_60"]]


# %% [markdown] lang="es" row="21" slide="fragment"
# Quien consulta la tabla en producción recibe lo que da la tercera: la versión que hay en ese instante. **Predice:** ¿en qué porcentaje de las peticiones difiere la segunda unión de lo que había en la tabla en ese instante?
# %% [markdown] lang="en" row="21" slide="fragment"
# Whoever asks the table in production gets what the third gives: the version that is there at that instant. **Predict:** in what percentage of the requests does the second join differ from what was in the table at that instant?

# %%
second_join_differs_percent = None

# %% slide="fragment"
versions = published(departures)
live_test = known_test.join(as_known(test, versions))
joins = {
    tr(es="por la etiqueta", en="by the label"): lambda requests: clock_hour(requests, departures),
    tr(es="por el final", en="by the end"): lambda requests: clock_hour(requests, departures, shift=1),
    tr(es="por el final y la creación", en="by the end and the creation"): lambda requests: as_known(requests, versions),
}
rows, differs = [], {}
for name, join in joins.items():
    model = fit(known_training.join(join(training)), training.late)
    seen = known_test.join(join(test))
    differs[name] = 100 * (~np.isclose(seen.mean_60, live_test.mean_60, equal_nan=True)).mean()
    rows.append(
        {
            tr(es="unión", en="join"): name,
            tr(es="filas distintas de lo que había (%)", en="rows that differ from what was there (%)"): differs[name],
            tr(es="AUC al entrenar", en="offline AUC"): auc(scores(model, seen)),
            tr(es="AUC en producción", en="online AUC"): auc(scores(model, live_test)),
        }
    )
tables.show(
    rows,
    caption=tr(es="Tres maneras de unir la misma tabla", en="Three ways of joining the same table"),
    formats={tr(es="AUC al entrenar", en="offline AUC"): ".4f", tr(es="AUC en producción", en="online AUC"): ".4f"},
)
compare(
    tr(es="peticiones en que difiere la segunda unión", en="requests in which the second join differs"),
    predicted=second_join_differs_percent,
    measured=differs[tr(es="por el final", en="by the end")],
    unit="%",
)

# %% [markdown] lang="es" row="21" slide="subslide"
# La primera se delata por su nota demasiado buena, y se paga en producción. La segunda es más traicionera: sus filas son «casi» las buenas y aquí el AUC apenas lo nota, porque un evento tardío cambia poco la media de una hora. Pero **reentrenar mañana con los mismos días daría otros datos**, y cuanto más se corrija una tabla (ventas con devoluciones, etiquetas de
# fraude que tardan semanas), más futuro se cuela.
#
# No es un caso raro: en Feast, el almacén de características libre más conocido, la hora de creación solo servía para desempatar entre filas del mismo evento. Que también **filtre** se pidió en julio de 2026 ([issue #6615](https://github.com/feast-dev/feast/issues/6615)) y se añadió como opción, apagada por defecto ([#6617](https://github.com/feast-dev/feast/pull/6617)). Comprueba qué hace el almacén que uses tú.
# %% [markdown] lang="en" row="21" slide="subslide"
# The first gives itself away by a mark that is too good, and production pays for it. The second is more treacherous: its rows are "nearly" the right ones and here the AUC hardly notices, because one late event changes the mean of an hour but little. But **retraining tomorrow on the same days would give other data**, and the more a table is corrected (sales with returns, fraud
# labels that take weeks), the more of the future slips in.
#
# It is no rare case: in Feast, the best known open feature store, the time of creation served only to break ties between rows of the same event. That it should **filter**, too, was asked for in July 2026 ([issue #6615](https://github.com/feast-dev/feast/issues/6615)) and was added as an option, off by default ([#6617](https://github.com/feast-dev/feast/pull/6617)). Ask yours.

# %% [markdown] lang="es" row="20" slide="slide"
# ## Una sola definición
#
# El remedio no es que el segundo equipo copie mejor: es que **no haya segunda versión**. La diapositiva lo enseña con Flink; en Spark es una función de DataFrame a DataFrame, que no sabe si lo que le dan es un lote o un flujo. Los retrasos de la última hora, cada diez minutos, y en ella se escribe todo lo que antes quedaba a la
# interpretación de cada equipo: la ventana, qué se hace con los nulos (nada: no hay fila), el redondeo (ninguno) y, sobre todo, **qué se sabía y cuándo**: solo cuenta lo recibido hasta diez minutos después de que acabe la ventana, y la fila se puede usar desde esa hora (`known_at`), no antes.
# %% [markdown] lang="en" row="20" slide="slide"
# ## One definition
#
# The remedy is not that the second team copies better: it is that **there is no second version**. The slide shows it with Flink; in Spark it is a function from DataFrame to DataFrame, which does not know whether it is given a batch or a stream. The delays of the last hour, every ten minutes, and in it stands everything that was left to each team's
# interpretation before: the window, what becomes of nulls (nothing: there is no row), the rounding (none) and, above all, **what was known and when**: only what was received up to ten minutes after the window's end counts, and the row may be used from that time on (`known_at`), not before.


# %% slide="subslide"
def features(departures):
    """Mean delay and number of departures of each airport in the last hour, every 10 minutes. Batch or stream."""
    known_at = F.col("window.end") + F.expr("INTERVAL 10 MINUTES")
    return (
        departures.withWatermark("event_time", "10 minutes")
        .withColumn("window", F.window("event_time", "60 minutes", "10 minutes"))
        .where(F.col("received_at") <= known_at)
        .groupBy("window", "origin")
        .agg(F.sum("delay").alias("total"), F.count("*").alias("count_60"))
        .select(
            "origin",
            F.unix_seconds(known_at).alias("known_at"),
            (F.col("total") / F.col("count_60")).alias("mean_60"),
            "count_60",
        )
    )


def in_batch_with_spark(events):
    """`features` of a pandas table of departures, as a batch."""
    columns = ["origin", "event_time", "received_at", "delay"]
    return features(session.createDataFrame(events[columns])).toPandas()


# %% [markdown] lang="es" row="20" slide="subslide"
# El entrenamiento la usa en lote. Producción, en flujo: lee de Kafka y guarda cada fila en una tabla con `INSERT OR REPLACE`, es decir, un destino **idempotente** (escribir dos veces la misma fila es escribirla una). El mismo modelo, las mismas características, los mismos vuelos de prueba.
#
# **Predice:** ¿en cuántas de las filas diferirán el lote y el flujo?
# %% [markdown] lang="en" row="20" slide="subslide"
# Training uses it in batch. Production, in stream: it reads from Kafka and keeps each row in a table by `INSERT OR REPLACE`, that is, an **idempotent** sink (writing the same row twice is writing it once). The same model, the same features, the same test flights.
#
# **Predict:** in how many of the rows will batch and stream differ?

# %%
rows_that_differ = None


# %% slide="fragment"
def open_sink(path):
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("CREATE TABLE IF NOT EXISTS latest (origin, known_at, mean_60, count_60, PRIMARY KEY (origin, known_at))")
    db.execute("CREATE TABLE IF NOT EXISTS appended (origin, known_at, mean_60, count_60)")
    return db


def store(path, die_in_batch=None):
    """What Spark calls with each micro-batch's rows: it keeps them in the table of the latest, and appends them to a log."""

    def each(frame, batch):
        rows = [tuple(row) for row in frame.collect()]
        with closing(open_sink(path)) as db, db:
            db.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO appended VALUES (?, ?, ?, ?)", rows)
        if batch == die_in_batch:
            # es: (más abajo) el peor momento para un kill -9
            # en: (further down) the worst moment for a kill -9
            os.kill(os.getpid(), signal.SIGKILL)

    return each


def in_stream(topic, sink, checkpoint, per_trigger, die_in_batch=None):
    """`features` of what a topic holds by now, as a stream, into a sink; returns the numbers of its micro-batches."""
    own = spark.session()
    spark_kafka.format(own)
    departures = from_kafka(own.readStream, topic, maxOffsetsPerTrigger=per_trigger)
    query = (
        features(departures)
        .writeStream.outputMode("append")
        .foreachBatch(store(sink, die_in_batch))
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
    finally:
        query.stop()
    return sorted({report.batchId for report in query.recentProgress})


def as_messages(events):
    return [
        {"origin": origin, "at": at, "received": received, "delay": delay}
        for origin, at, received, delay in zip(events.origin, events["at"].tolist(), events.received.tolist(), events.delay.tolist(), strict=True)
    ]


def from_table(requests, table):
    """For each request the row of its airport that became available in the last ten minutes."""
    joined = pd.merge_asof(
        requests[["origin", "asked"]].assign(row=requests.index).sort_values("asked"),
        table.sort_values("known_at"),
        left_on="asked",
        right_on="known_at",
        by="origin",
        tolerance=10 * MINUTE - 1,
    )
    joined["count_60"] = joined.count_60.fillna(0)
    return joined.set_index("row").sort_index()[["mean_60", "count_60"]]


live = within(live_days)
is_live = (test.sched_dep_local < live_days[1]).to_numpy()
live_events = test_events[test_events.received <= live.asked.max()].sort_values("received")
past = departures[(departures.received >= training.asked.min() - DAY) & (departures.received <= live.asked.max())]
# es: por Kafka viajan segundos enteros; que el lote vea los mismos
# en: whole seconds travel by Kafka; let the batch see the same ones
past = past.assign(received_at=pd.to_datetime(past.received, unit="s", utc=True))
offline_table = in_batch_with_spark(past)

sink = workspace() / "features.db"
topic = broker.create_topic("live-departures")
publish(topic, as_messages(live_events))
batches = in_stream(topic, sink, spark.checkpoint("live"), per_trigger=4000)
with closing(open_sink(sink)) as db:
    online_table = pd.read_sql("SELECT * FROM latest", db)

one_model = fit(known_training.join(from_table(training, offline_table)), training.late)
offline_one, online_one = from_table(live, offline_table), from_table(live, online_table)
unequal = int((~np.isclose(offline_one, online_one, equal_nan=True)).any(axis=1).sum())
known_live = batch_features(live)
two = [roc_auc_score(live.late, score[is_live]) for score in results[cases[-1][0]]]
one = [roc_auc_score(live.late, scores(one_model, known_live.join(table))) for table in (offline_one, online_one)]
tables.show(
    [
        {
            "": tr(es="dos canalizaciones, cinco descuidos", en="two pipelines, five oversights"),
            tr(es="AUC al entrenar", en="offline AUC"): two[0],
            tr(es="AUC en producción", en="online AUC"): two[1],
            tr(es="brecha", en="gap"): two[0] - two[1],
        },
        {
            "": tr(es="una definición", en="one definition"),
            tr(es="AUC al entrenar", en="offline AUC"): one[0],
            tr(es="AUC en producción", en="online AUC"): one[1],
            tr(es="brecha", en="gap"): one[0] - one[1],
        },
    ],
    caption=tr(
        es=f"{len(online_table)} filas por Kafka en {len(batches)} microlotes, {len(live)} vuelos",
        en=f"{len(online_table)} rows by Kafka in {len(batches)} micro-batches, {len(live)} flights",
    ),
    formats={key: ".4f" for key in (tr(es="AUC al entrenar", en="offline AUC"), tr(es="AUC en producción", en="online AUC"), tr(es="brecha", en="gap"))},
)
print(
    tr(
        es=f"De la brecha queda el {100 * abs((one[0] - one[1]) / (two[0] - two[1])):.1f} %.",
        en=f"Of the gap, {100 * abs((one[0] - one[1]) / (two[0] - two[1])):.1f} % is left.",
    )
)
compare(
    tr(es="vuelos con alguna característica distinta", en="flights with some feature that differs"),
    predicted=rows_that_differ,
    measured=unequal,
    unit="",
)

# %% [markdown] lang="es" row="20" slide="subslide"
# La brecha desaparece, porque ya no hay dos sitios en los que equivocarse. Que coincidan con **estos** datos no demuestra que coincidan siempre, así que buscamos un contraejemplo: cuarenta aeropuertos inventados con salidas al azar (duplicadas, en el borde de la ventana, tardías), en lote y en flujo. (La batería de pruebas del curso hace lo mismo con `hypothesis`.)
# %% [markdown] lang="en" row="20" slide="subslide"
# The gap is gone, because there no longer are two places in which to go wrong. That they agree on **this** data does not prove that they always do, so we look for a counterexample: forty made-up airports with random departures (repeated, at the edge of the window, late), in batch and in stream. (The course's own tests do the same with `hypothesis`.)

# %% slide="fragment"
chance, made_up = random.Random(seed), []
for number in range(40):
    for _ in range(chance.randrange(1, 30)):
        at = START + chance.choice([chance.randrange(6 * HOUR), chance.randrange(36) * 10 * MINUTE])
        wait = chance.choice([0, 20, 10 * MINUTE, chance.randrange(20 * MINUTE)])
        made_up += [(f"X{number}", at, at + wait, chance.randrange(-20, 200))] * chance.choice([1, 1, 1, 2])
made_up = pd.DataFrame(made_up, columns=["origin", "at", "received", "delay"]).sort_values("received")
# es: un último evento, mucho después, que cierra todas las ventanas
# en: a last event, much later, that closes all the windows
last = pd.DataFrame([("end", START + 3 * DAY, START + 3 * DAY, 0)], columns=made_up.columns)
topic, sink = broker.create_topic("made-up"), workspace() / "made-up.db"
publish(topic, as_messages(pd.concat([made_up, last])))
in_stream(topic, sink, spark.checkpoint("made-up"), per_trigger=200)
with closing(open_sink(sink)) as db:
    streamed_rows = {tuple(row) for row in db.execute("SELECT * FROM latest WHERE origin != 'end'")}
times = {name: pd.to_datetime(made_up[column], unit="s", utc=True) for name, column in (("event_time", "at"), ("received_at", "received"))}
batch_rows = set(in_batch_with_spark(made_up.assign(**times)).itertuples(index=False, name=None))
print(
    tr(
        es=f"{len(made_up)} salidas inventadas, {len(batch_rows)} filas: {len(batch_rows ^ streamed_rows)} distintas.",
        en=f"{len(made_up)} made-up departures, {len(batch_rows)} rows: {len(batch_rows ^ streamed_rows)} that differ.",
    )
)

# %% [markdown] lang="es" row="20" slide="subslide"
# Compartir el **modelo** no basta, ni compartir el código del modelo: hay que compartir la definición de sus entradas. Y la regla de la hora de recepción no es un detalle: sin ella, el lote contaría también lo que llegó después, el flujo no, y la brecha volvería por la puerta de atrás.
#
# Queda un supuesto que conviene vigilar: que la fila esté en la tabla a su hora. En vivo se emite con el primer evento posterior a `known_at`, más lo que tarde el microlote; quien pregunte entremedias no la encontrará. Se mide ese retraso y, si importa, se suma a `known_at` en la definición: así también lo aprende el entrenamiento.
#
# ### `kill -9`
#
# Un flujo vive semanas, y alguien matará su proceso. Spark apunta en un **punto de control** (*checkpoint*) qué offsets entran en cada microlote **antes** de procesarlo, y que ha terminado **después**, junto con el estado de las ventanas. Lo matamos en el peor momento: cuando el microlote ya está en el destino y aún no consta como terminado. Después sigue
# con la misma carpeta otro proceso: el de este notebook.
#
# **Predice:** ¿cuántas filas faltarán al final? ¿Y en un destino que solo añade, cuántas sobrarán: ninguna, las de un microlote, o todas?
# %% [markdown] lang="en" row="20" slide="subslide"
# Sharing the **model** is not enough, nor is sharing the model's code: it is the definition of its inputs that must be shared. And the rule on the time of receipt is no detail: without it the batch would also count what came later, the stream would not, and the gap would come in again by the back door.
#
# One assumption is left, worth watching: that the row is in the table by its time. Live, it is emitted with the first event after `known_at`, plus what the micro-batch takes; whoever asks in between will not find it. Measure that delay and, if it matters, add it to `known_at` in the definition: that way the training learns it too.
#
# ### `kill -9`
#
# A stream lives for weeks, and somebody will kill its process. Spark notes in a **checkpoint** which offsets go into each micro-batch **before** it processes it, and that it has finished **afterwards**, together with the state of the windows. We kill it at the worst moment: when the micro-batch is in the sink already, and not yet on record as finished. Then
# another process goes on with the same folder: this notebook's.
#
# **Predict:** how many rows will be missing at the end? And in a sink that only appends, how many will there be too many: none, those of one micro-batch, or all?

# %%
rows_missing = None
# es: "none", "one batch" o "all"
# en: "none", "one batch" or "all"
rows_too_many = None


# %% slide="fragment"
two_days = departures[
    (departures.received >= pd.Timestamp("2013-07-08", tz=NEW_YORK).timestamp())
    & (departures.received < pd.Timestamp("2013-07-10", tz=NEW_YORK).timestamp())
].sort_values("received")
topic, sink, undisturbed = broker.create_topic("killed"), workspace() / "killed.db", workspace() / "undisturbed.db"
checkpoint = spark.checkpoint("killed")
publish(topic, as_messages(two_days))
bar = tqdm(total=3, leave=False, desc=tr(es="flujos", en="streams"))
# es: que no quede nada en memoria: también apagamos el Spark de este notebook
# en: let nothing stay in memory: we shut this notebook's Spark down, too
spark.stop()
# es: otro proceso, con su propio Spark, que muere en el microlote 2
# en: another process, with a Spark of its own, which dies in micro-batch 2
with processes.group() as group:
    victim = group.start(in_stream, topic, sink, checkpoint, 700, die_in_batch=2, name="driver")
    exit_code = victim.wait(timeout=240)
    victim.kill()
bar.update()
with closing(open_sink(sink)) as db:
    at_the_crash = db.execute("SELECT count(*) FROM appended").fetchone()[0]
# es: un Spark nuevo, en este notebook, sigue donde quedó; y, para comparar, una vida sin sobresaltos
# en: a new Spark, in this notebook, goes on where it was left; and, to compare, a life without mishap
replayed = in_stream(topic, sink, checkpoint, 700)
bar.update()
in_stream(topic, undisturbed, spark.checkpoint("undisturbed"), 5000)
bar.close()


def rows_of(path, table):
    with closing(open_sink(path)) as db:
        return [tuple(row) for row in db.execute(f"SELECT * FROM {table}")]


expected, latest, appended = set(rows_of(undisturbed, "latest")), rows_of(sink, "latest"), rows_of(sink, "appended")
tables.show(
    [
        {
            tr(es="destino", en="sink"): name,
            tr(es="filas", en="rows"): len(rows),
            tr(es="faltan", en="missing"): len(expected - set(rows)),
            tr(es="repetidas", en="repeated"): len(rows) - len(set(rows)),
            tr(es="falsas", en="false"): len(set(rows) - expected),
        }
        for name, rows in (
            (tr(es="idempotente", en="idempotent"), latest),
            (tr(es="solo añade", en="append only"), appended),
        )
    ],
    caption=tr(
        es=f"Muerto con {exit_code} (SIGKILL) y {at_the_crash} filas escritas; el otro proceso siguió por el microlote {min(replayed)}",
        en=f"Killed ({exit_code}, SIGKILL) with {at_the_crash} rows written; the other process went on with micro-batch {min(replayed)}",
    ),
)
compare(
    tr(es="filas que faltan", en="rows missing"),
    predicted=rows_missing,
    measured=len(expected - set(latest)),
    unit="",
)
extra = len(appended) - len(set(appended))
choose(
    tr(es="filas de más en el destino que solo añade", en="rows too many in the append-only sink"),
    {
        "none": tr(es="ninguna", en="none"),
        "one batch": tr(es="las de un microlote", en="those of one micro-batch"),
        "all": tr(es="todas", en="all"),
    },
    chosen=rows_too_many,
    right="none" if not extra else "all" if extra == at_the_crash else "one batch",
    why=tr(
        es=f"Se repite el microlote que no constaba como terminado: {extra} filas.",
        en=f"The micro-batch that was not on record as finished is repeated: {extra} rows.",
    ),
)

# %% [markdown] lang="es" row="20" slide="subslide"
# Nada se pierde, y el microlote que quedó a medias **se repite con los mismos offsets**: es *al menos una vez*, como en la unidad 02. Quien añade se queda con filas dobles; quien escribe por clave, ni se entera. Ese es el contrato de `foreachBatch`, y por eso el destino va primero cuando se diseña un flujo. Dos advertencias: el punto de control depende del plan de la
# consulta (cambia `features` y puede que no valga: se rehace desde Kafka, mientras la **retención** alcance), y vive en el disco de **esta** máquina: en un clúster, en un almacenamiento compartido.
# %% [markdown] lang="en" row="20" slide="subslide"
# Nothing is lost, and the micro-batch that was cut short **is repeated with the same offsets**: it is *at least once*, as in unit 02. Whoever appends is left with double rows; whoever writes by key does not even notice. That is the contract of `foreachBatch`, and why the sink comes first when one designs a stream. Two warnings: the checkpoint depends on the query's
# plan (change `features` and it may no longer do: it is rebuilt from Kafka, as far as **retention** reaches), and it lives on **this** machine's disk: on a cluster, in shared storage.

# %% [markdown] lang="es" row="23" slide="slide"
# ## Lo que añade Python
#
# La cuarta barrera de la diapositiva es la «incompatibilidad con Python»: los motores de flujos nacieron en Java y Scala. ¿Cuánto cuesta? Medimos tres cosas con el mismo trabajo, pasar minutos de retraso a una clase: Python evento a evento, NumPy con lotes de distinto tamaño, y Spark con una expresión propia, con una función de Python por filas y con una
# por lotes (`pandas_udf`).
#
# **Predice:** ¿cuántas veces más eventos por segundo atiende NumPy con lotes de 10 000 que con lotes de 1?
# %% [markdown] lang="en" row="23" slide="slide"
# ## What Python adds
#
# The slide's fourth barrier is "Python incompatibility": stream engines were born in Java and Scala. What does it cost? We measure three things on the same work, turning minutes of delay into a class: Python event by event, NumPy with batches of several sizes, and Spark with its own expression, with a Python function by row, and with one
# by batches (`pandas_udf`).
#
# **Predict:** how many times more events a second does NumPy handle in batches of 10 000 than in batches of 1?

# %%
batching_factor = None

# %% slide="fragment"
many = np.resize(departures.delay.to_numpy(np.int64), 200_000)


def one_by_one(delays):
    return [0 if delay <= 0 else 1 if delay <= 15 else 2 for delay in delays]


def vectorised(delays):
    return np.searchsorted([0, 15], delays)


def rate(function, feed, repeats=3):
    """Events a second of processor, the best of some tries."""
    best = float("inf")
    for _ in range(repeats):
        began = process_time()
        for batch in feed:
            function(batch)
        best = min(best, process_time() - began)
    return sum(map(len, feed)) / best


assert one_by_one(many[:1000].tolist()) == vectorised(many[:1000]).tolist()
batch_sizes = [1, 10, 100, 1000, 10_000]
loop = [rate(one_by_one, [part.tolist() for part in np.split(many[:20_000], 20_000 // size)]) for size in batch_sizes]
numpy = [rate(vectorised, np.split(used, len(used) // size)) for size in batch_sizes for used in [many[: min(200_000, 20_000 * size)]]]
lines = [json.dumps(message) for message in messages]
decode = rate(lambda batch: [json.loads(line) for line in batch], [lines])

session = spark.session()
column = session.range(500_000).select((F.col("id") % 200).cast("int").alias("delay")).cache()
column.count()
by_row = F.udf(lambda delay: 0 if delay <= 0 else 1 if delay <= 15 else 2, "int", useArrow=False)


@F.pandas_udf("int")
def by_batch(delay: pd.Series) -> pd.Series:
    return pd.Series(np.searchsorted([0, 15], delay))


ways = {
    tr(es="expresión de Spark (JVM)", en="Spark's expression (JVM)"): F.when(F.col("delay") <= 0, 0).when(F.col("delay") <= 15, 1).otherwise(2),
    tr(es="Python por filas (`udf`)", en="Python by row (`udf`)"): by_row("delay"),
    tr(es="Python por lotes (`pandas_udf`)", en="Python by batches (`pandas_udf`)"): by_batch("delay"),
}
times = defaultdict(list)
for _ in tqdm(range(3), leave=False, desc="Spark"):
    for name, expression in ways.items():
        began = monotonic()
        times[name].append((column.select(F.sum(expression)).first()[0], monotonic() - began))
assert len({total for tries in times.values() for total, _ in tries}) == 1
column.unpersist()
fastest = {name: min(spent for _, spent in tries) for name, tries in times.items()}
native = next(iter(fastest.values()))

# %% tags=["hide-input"] slide="fragment"
fig, (left, right) = plots.subplots(1, 2, figsize=(10.4, 3.8), width_ratios=(3, 2))
left.plot(batch_sizes, numpy, "o-", label="NumPy")
left.plot(batch_sizes, loop, "s-", label=tr(es="Python, evento a evento", en="Python, event by event"))
left.axhline(decode, linestyle=":", color=plots.INK, linewidth=1.4, label="json.loads")
left.set(xscale="log", yscale="log", xlabel=tr(es="eventos por lote", en="events per batch"), ylabel=tr(es="eventos por segundo de un núcleo", en="events per second of a core"))
left.legend(fontsize=9)
names_of_ways = [name.replace("`", "") for name in fastest]
right.barh(names_of_ways, [spent / native for spent in fastest.values()], color=plots.BLUE)
right.invert_yaxis()
right.grid(axis="y", visible=False)
right.set(xlabel=tr(es="tiempo (la expresión de Spark = 1)", en="time (Spark's expression = 1)"))
plots.show(
    fig,
    alt=tr(
        es="Izquierda: eventos por segundo según el tamaño del lote. NumPy, de uno en uno, es más lento que Python; con lotes grandes lo supera con mucho. Descodificar el JSON marca un techo por debajo de lo que NumPy alcanza. Derecha: tiempo de Spark en las mismas filas; con la función de Python por filas es cuando más tarda.",
        en="Left: events a second by batch size. One at a time NumPy is slower than Python; in large batches it beats it by far. Decoding the JSON sets a ceiling below what NumPy attains. Right: Spark's time on the same rows; it takes longest with the Python function by row.",
    ),
)
compare(
    tr(es="NumPy: lotes de 10 000 frente a lotes de 1", en="NumPy: batches of 10 000 against batches of 1"),
    predicted=batching_factor,
    measured=numpy[-1] / numpy[0],
    unit="×",
)

# %% [markdown] lang="es" row="23" slide="subslide"
# «Python no sirve para flujos» es falso, y «Python no cuesta nada», también. Lo caro no es la operación, sino **cruzar una frontera por cada evento**: la llamada, la conversión, el JSON. Por eso las soluciones son siempre la misma: cruzarla por lotes (Arrow en `pandas_udf` y en PyFlink), o no cruzarla (la expresión se escribe en Python y se ejecuta en la JVM, como `features`).
# De un lote por evento a lotes de cientos o miles se gana casi todo; lo que se paga es la espera a llenarlos, el dial otra vez. Y casi ningún problema está en ese límite: mira el eje, y cuenta cuántos eventos por segundo tienes **tú**.
# %% [markdown] lang="en" row="23" slide="subslide"
# "Python cannot stream" is false, and so is "Python costs nothing". What is dear is not the operation but **crossing a border for each event**: the call, the conversion, the JSON. That is why the solutions are always the same: crossing it by batches (Arrow in `pandas_udf` and in PyFlink), or not crossing it (the expression is written in Python and runs in the JVM, like `features`).
# From one batch per event to batches of hundreds or thousands nearly everything is gained; what you pay is the wait to fill them, the dial once more. And hardly any problem is at that limit: look at the axis, and count how many events a second **you** have.

# %% [markdown] lang="es" row="22" slide="slide"
# ## ¿Compensa?
#
# Las otras barreras de la diapositiva: no se ve qué se gana, la inversión inicial es alta y hay que cambiar de mentalidad. Las dos primeras son números. El **valor** lo da la curva de frescura de este problema: con un arranque cada $T$, la característica tiene entre $0$ y $T$ de antigüedad, y vale la media de la curva en ese tramo (que no es la curva en $T/2$). El **coste** tiene una parte fija (montar y vigilar un flujo) y otra por arranque.
#
# Los euros son **supuestos**, no medidas, y también lo es que el valor crezca en proporción al AUC ganado: cámbialos por los tuyos.
# %% [markdown] lang="en" row="22" slide="slide"
# ## Does it pay?
#
# The slide's other barriers: one does not see what is gained, the initial investment is high, and it takes a mental shift. The first two are numbers. The **value** comes from this problem's freshness curve: with a start every $T$, the feature is between $0$ and $T$ old, and is worth the mean of the curve over that stretch (which is not the curve at $T/2$). The **cost** has a fixed part (building and watching over a stream) and another per start.
#
# The euros are **assumptions**, not measurements, and so is that value grows in proportion to the AUC gained: change them for yours.

# %%
# es: SUPUESTOS. Euros al día que vale toda la ganancia de AUC, con el tráfico de hoy
# en: ASSUMPTIONS. Euros a day that the whole gain in AUC is worth, at today's traffic
value_per_day = 40.0
# es: euros al día de un lote programado, y de un flujo siempre encendido (máquinas y guardias), que hace falta por debajo de 5 minutos
# en: euros a day of a scheduled batch, and of a stream that is always on (machines and people on call), needed below 5 minutes
fixed_batch, fixed_stream, stream_below_min = 1.0, 30.0, 5
# es: euros de cada arranque de un lote: máquina, lectura y escritura
# en: euros of each start of a batch: machine, reading and writing
per_start = 0.02
# es: otro problema, INVENTADO, cuya ganancia se queda en la mitad en un minuto (fraude, por ejemplo)
# en: another problem, INVENTED, whose gain halves within one minute (fraud, say)
invented_half_life_min = 1.0

# %% [markdown] lang="es" row="22" slide="fragment"
# **Predice:** ¿qué intervalo, en minutos, deja más dinero en el problema de los vuelos?
# %% [markdown] lang="en" row="22" slide="fragment"
# **Predict:** which interval, in minutes, leaves most money in the flight problem?

# %%
best_interval_min = None

# %% slide="fragment"
# es: la curva medida, sin los altibajos del azar: más viejo no puede valer más, ni menos que nada
# en: the measured curve without the ups and downs of chance: older cannot be worth more, nor less than nothing
steady = np.clip(np.minimum.accumulate(gains), 0, None)


def share_of_flights(age_min):
    return np.interp(age_min, ages, steady) / steady[0]


def share_of_invented(age_min):
    return 0.5 ** (age_min / invented_half_life_min)


def net(interval_min, share, traffic=1.0):
    """Euros a day: what the freshness is worth less what it costs, at `traffic` times today's."""
    fixed = fixed_stream if interval_min < stream_below_min else fixed_batch + per_start * 1440 / interval_min
    mean_share = float(np.mean(share(np.linspace(0, interval_min, 200))))
    return value_per_day * traffic * mean_share - fixed


choices = [0.02, 0.2, 1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1440]
best = {name: max(choices, key=lambda i, s=share: net(i, s)) for name, share in (("flights", share_of_flights), ("invented", share_of_invented))}


def break_even(share):
    """The traffic from which a stream beats every batch, as a multiple of today's; None if none does."""
    for traffic in np.geomspace(0.01, 10_000, 601):
        streams = max(net(i, share, traffic) for i in choices if i < stream_below_min)
        batches = max(net(i, share, traffic) for i in choices if i >= stream_below_min)
        if streams > max(batches, 0):
            return float(traffic)
    return None


# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots(figsize=(8.4, 3.8))
for share, marker, label in (
    (share_of_flights, "o", tr(es="los vuelos (curva medida)", en="the flights (measured curve)")),
    (share_of_invented, "s", tr(es=f"inventado: se queda en la mitad en {invented_half_life_min:g} min", en=f"invented: halves in {invented_half_life_min:g} min")),
):
    ax.plot(choices, [net(i, share) for i in choices], marker + "-", label=label)
ax.axhline(0, color=plots.INK, linewidth=1)
ax.axvspan(choices[0], stream_below_min, color=plots.ORANGE, alpha=0.12, linewidth=0)
ax.text(0.025, ax.get_ylim()[0] + 1, tr(es="flujo siempre encendido", en="stream that is always on"), fontsize=9, color=plots.FAINT)
ax.set(xscale="log", xlabel=tr(es="arranca cada… (min)", en="starts every… (min)"), ylabel=tr(es="euros al día (con los supuestos)", en="euros a day (as assumed)"))
ax.set_xticks([0.02, 0.2, 1, 5, 20, 60, 240, 1440], ["1 s", "12 s", "1", "5", "20", "60", "240", "1440"])
ax.minorticks_off()
ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=9)
plots.show(
    fig,
    alt=tr(
        es="Euros netos al día según el intervalo, para los vuelos y para un problema inventado que caduca en un minuto, con los supuestos de la celda anterior. La franja sombreada es la del flujo siempre encendido, con su coste fijo.",
        en="Net euros a day by interval, for the flights and for an invented problem that expires within a minute, with the assumptions of the cell above. The shaded strip is that of the stream that is always on, with its fixed cost.",
    ),
)
rows = []
for name, share, label in (
    ("flights", share_of_flights, tr(es="vuelos", en="flights")),
    ("invented", share_of_invented, tr(es="inventado", en="invented")),
):
    rows.append(
        {
            tr(es="problema", en="problem"): label,
            tr(es="mejor intervalo (min)", en="best interval (min)"): best[name],
            tr(es="euros al día", en="euros a day"): net(best[name], share),
            tr(es="el flujo gana desde un tráfico de (veces el de hoy)", en="streaming wins from a traffic of (times today's)"): break_even(share),
        }
    )
tables.show(rows, caption=tr(es="Con los supuestos de arriba", en="With the assumptions above"))
compare(
    tr(es="mejor intervalo para los vuelos", en="best interval for the flights"),
    predicted=best_interval_min,
    measured=best["flights"],
    unit="min",
)

# %% [markdown] lang="es" row="22" slide="subslide"
# Cambia los supuestos y vuelve a ejecutar: los números se mueven, el razonamiento no. **El valor se satura** (ganar frescura donde la curva es plana no vale nada) y **el coste no lo hace a la vez** (con lotes, cada arranque se paga; al encender un flujo hay un escalón, y desde ahí, en este modelo, ir más deprisa no cuesta más). Por eso ni «el flujo siempre compensa» ni «con el lote vamos bien»: depende de la pendiente de **tu** curva y de cuánto tráfico
# reparte el coste fijo. Y la tercera barrera, la de mentalidad, es la que has cruzado hoy: pensar en eventos, en dos relojes y en un dial.
# %% [markdown] lang="en" row="22" slide="subslide"
# Change the assumptions and run it again: the numbers move, the reasoning does not. **Value saturates** (gaining freshness where the curve is flat is worth nothing) and **cost does not do so at the same point** (with batches each start is paid for; switching a stream on is a step, and from there on, in this model, going faster costs no more). Hence neither "streaming always pays" nor "batch works fine": it depends on the slope of **your** curve and on how much traffic
# shares the fixed cost. And the third barrier, that of mentality, is the one you have crossed today: thinking in events, in two clocks, and in a dial.

# %% [markdown] lang="es" row="18 20 23" slide="slide"
# ## Dónde está cada uno hoy
#
# Las diapositivas son de 2021. Esto es lo que se puede comprobar en noviembre de 2026:
#
# | motor | hoy | Python |
# |---|---|---|
# | Flink | [2.3](https://flink.apache.org/2026/06/25/apache-flink-2.3.0-release-announcement/) (junio de 2026); una sola API para acotado y no acotado; es el que la diapositiva pone de ejemplo | [PyFlink](https://pypi.org/project/apache-flink/): tablas y DataStream; necesita una JVM |
# | Spark | Structured Streaming, en microlotes. La *Spark Streaming* de la diapositiva (los DStreams) está [desaconsejada desde la 3.4](https://spark.apache.org/docs/latest/api/java/deprecated-list.html). Desde la 4.1 (diciembre de 2025) hay un [modo en tiempo real](https://github.com/apache/spark/blob/master/docs/streaming/real-time-mode.md) que no espera a cerrar el microlote; desde la 4.3, también con agregaciones. No sirve con cualquier fuente ni destino: de las de serie, solo la de Kafka, y `foreachBatch` no | el de esta unidad; nuestra fuente de Kafka, escrita en Python, no la admite ese modo |
# | Beam | [2.77](https://beam.apache.org/get-started/downloads/) (2026): no es un motor, sino un modelo que se ejecuta en Flink, Spark o Dataflow | de primera clase, junto a Java y Go |
# | Kafka Streams | viene con Kafka; desde la [4.2](https://kafka.apache.org/42/streams/developer-guide/streams-rebalance-protocol) (2026) puede encargarse el broker de repartir sus tareas (`group.protocol=streams`). Es una biblioteca dentro de tu servicio, no un clúster | no: Java y Scala |
# | Samza | su última versión es la [1.8.0, de enero de 2023](https://index.scala-lang.org/apache/samza) | no |
#
# Lo que ha envejecido: «Spark es para lotes» (hoy hace las dos cosas con la misma función, como has visto), Samza como ejemplo, y que haya que elegir motor según el lado. Lo que no: dos canalizaciones siguen siendo una fuente de errores, y la hora del evento sigue siendo la que importa.
# %% [markdown] lang="en" row="18 20 23" slide="slide"
# ## Where each one stands today
#
# The slides are from 2021. This is what can be checked in November 2026:
#
# | engine | today | Python |
# |---|---|---|
# | Flink | [2.3](https://flink.apache.org/2026/06/25/apache-flink-2.3.0-release-announcement/) (June 2026); a single API for bounded and unbounded; it is the slide's example | [PyFlink](https://pypi.org/project/apache-flink/): tables and DataStream; needs a JVM |
# | Spark | Structured Streaming, in micro-batches. The slide's *Spark Streaming* (DStreams) is [deprecated since 3.4](https://spark.apache.org/docs/latest/api/java/deprecated-list.html). Since 4.1 (December 2025) there is a [real-time mode](https://github.com/apache/spark/blob/master/docs/streaming/real-time-mode.md) that does not wait for the micro-batch to end; since 4.3, with aggregations too. Not every source or sink will do: of its own sources, Kafka's alone, and `foreachBatch` not | the one of this unit; that mode does not accept our Kafka source, written in Python |
# | Beam | [2.77](https://beam.apache.org/get-started/downloads/) (2026): no engine, but a model that runs on Flink, Spark or Dataflow | first class, beside Java and Go |
# | Kafka Streams | comes with Kafka; since [4.2](https://kafka.apache.org/42/streams/developer-guide/streams-rebalance-protocol) (2026) the broker can do the assigning of its tasks (`group.protocol=streams`). It is a library inside your service, not a cluster | no: Java and Scala |
# | Samza | its last release is [1.8.0, of January 2023](https://index.scala-lang.org/apache/samza) | no |
#
# What has aged: "Spark is for batch" (today it does both with the same function, as you have seen), Samza as an example, and having to choose an engine by the side it is on. What has not: two pipelines are still a source of errors, and the time that matters is still that of the event.

# %% [markdown] lang="es" slide="slide"
# ## Para llevarte
#
# - Lote y flujo dan la **misma respuesta** con los mismos eventos; cambian el cuándo y el coste. Entre ellos hay un dial.
# - Un flujo guarda **estado acotado**: ventanas abiertas por claves. La **marca de agua** la mueven los eventos, y decide qué se cierra y qué se descarta.
# - Dos canalizaciones acaban difiriendo **sin ningún error**. La prueba de paridad, fila a fila, lo encuentra; **una sola definición** lo evita.
# - Un ejemplo de entrenamiento lleva lo que **se sabía** entonces: tiempo del evento y de creación.
# - Tras un `kill -9` se repite lo que no constaba: el destino tiene que ser **idempotente**.
# - Antes de montar un flujo, **dibuja la curva de frescura** y ponle precio.
#
# Ahora te toca a ti: los ejercicios te piden ventanas con marca de agua, una definición que sirva para las dos canalizaciones, los cinco desajustes, la unión en el instante, un resumen en memoria acotada y el punto en que el flujo compensa. En la unidad 04, lo que pasa después: servir las predicciones.
#
# **Para leer más:** Akidau, *Streaming 101* y *102* (O'Reilly, 2015) y *Streaming Systems* (2018); Kleppmann, *Designing Data-Intensive Applications*, caps. 10 y 11 (1.ª ed.); Huyen, *Designing Machine Learning Systems* (2022), cap. 7; Sculley y otros, *Hidden Technical Debt in Machine Learning Systems* (2015).
# %% [markdown] lang="en" slide="slide"
# ## To take away
#
# - Batch and stream give the **same answer** for the same events; when, and the cost, change. Between them there is a dial.
# - A stream keeps **bounded state**: open windows times keys. The **watermark** is moved by events, and decides what closes and what is dropped.
# - Two pipelines end up differing **without any error**. The parity test, row by row, finds it; **one definition** avoids it.
# - A training example carries what **was known** then: event time and creation time.
# - After a `kill -9` whatever was not on record is repeated: the sink must be **idempotent**.
# - Before you build a stream, **draw the freshness curve** and put a price on it.
#
# Now it is your turn: the exercises ask you for windows with a watermark, a definition that serves both pipelines, the five skews, the point-in-time join, a summary in bounded memory, and the point at which streaming pays. In unit 04, what comes next: serving the predictions.
#
# **Further reading:** Akidau, *Streaming 101* and *102* (O'Reilly, 2015) and *Streaming Systems* (2018); Kleppmann, *Designing Data-Intensive Applications*, chs. 10 and 11 (1st ed.); Huyen, *Designing Machine Learning Systems* (2022), ch. 7; Sculley et al., *Hidden Technical Debt in Machine Learning Systems* (2015).

# %% [markdown] lang="es" slide="skip"
# Cierra lo que quede abierto (también se cierra solo si apagas el notebook, o si se interrumpe a mitad).
# %% [markdown] lang="en" slide="skip"
# Close what is still open (it also closes by itself if you shut the notebook down, or if it is interrupted half-way).

# %% slide="skip"
spark.stop()
broker.check()
open_until_the_end.close()
