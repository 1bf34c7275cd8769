# ---
# title:
#   es: Paso de datos entre procesos
#   en: Passing data between processes
# unit: "01"
# minutes: 75
# ---

# %% [markdown] lang="es" slide="slide"
# # Paso de datos entre procesos
#
# Un modelo en producción casi nunca vive solo. Unos procesos saben cosas, otros las necesitan, y alguien tiene que llevarlas
# de un sitio a otro. Hay tres maneras: **una base de datos** que todos miran, **servicios** que se preguntan unos a otros y
# **un broker** al que todos cuentan lo que pasa. Aquí las tres mueven la misma empresa, con procesos de verdad, y tú mides
# qué cuesta cada una.
#
# Al terminar sabrás:
#
# 1. **(1.1)** decir qué proceso necesita qué dato, y qué se pierde si no le llega;
# 2. **(1.2)** predecir con cuánto retraso llega un dato cuando se sondea una base de datos, y cuántas consultas cuesta;
# 3. **(1.3)** explicar por qué no siempre se puede compartir una base de datos;
# 4. **(1.4)** descomponer el tiempo de una escritura: disco, bloqueo, sondeo, SQL;
# 5. **(1.5)** llamar a un servicio con plazo, reintentos y clave de idempotencia sin cobrar dos veces;
# 6. **(1.6)** calcular cómo crecen los enlaces, los fallos y la cola de latencias con el número de servicios;
# 7. **(1.7)** quitar y volver a poner un servicio detrás de un broker sin perder nada;
# 8. **(1.8)** añadir un consumidor sin tocar a los productores.
#
# **Tiempo:** unos 75 minutos; las celdas tardan menos de dos en total. **Qué se ejecuta:** procesos de tu máquina y nada más:
# SQLite, un PostgreSQL que trae `pip`, FastAPI y gRPC en `127.0.0.1`, y un Kafka de bolsillo. No hacen falta red, docker ni Java.
# %% [markdown] lang="en" slide="slide"
# # Passing data between processes
#
# A model in production hardly ever lives alone. Some processes know things, others need them, and somebody has to carry them
# across. There are three ways: **a database** that everybody looks at, **services** that ask one another, and **a broker**
# that everybody tells what happens. Here all three run the same company, with real processes, and you measure what each
# one costs.
#
# When you finish you will be able to:
#
# 1. **(1.1)** say which process needs which datum, and what is lost when it does not arrive;
# 2. **(1.2)** predict how late a datum arrives when a database is polled, and how many queries that costs;
# 3. **(1.3)** explain why a database cannot always be shared;
# 4. **(1.4)** take the time of a write apart: disk, lock, polling, SQL;
# 5. **(1.5)** call a service with a deadline, retries and an idempotency key without charging twice;
# 6. **(1.6)** work out how links, failures and tail latency grow with the number of services;
# 7. **(1.7)** take a service away from behind a broker and put it back without losing anything;
# 8. **(1.8)** add a consumer without touching the producers.
#
# **Time:** about 75 minutes; the cells take less than two of them. **What runs:** processes on your machine and nothing else:
# SQLite, a PostgreSQL that `pip` brings, FastAPI and gRPC on `127.0.0.1`, and a pocket Kafka. No network, docker or Java is needed.

# %% tags=["parameters"]
# es: segundos de ciudad que se reproducen en cada experimento
# en: seconds of the city that each experiment replays
seconds = 3.0
# es: cada cuánto mira la base de datos quien la sondea, en segundos
# en: how often whoever polls the database looks at it, in seconds
poll_intervals = [0.01, 0.05, 0.2, 1.0]

# %% slide="skip"
import heapq
import json
import os
import sqlite3
import statistics
import time
from collections import Counter
from contextlib import ExitStack
from time import monotonic, sleep
from typing import NamedTuple

from tqdm.auto import tqdm

from mlprod import plots, start, tables, tr
from mlprod.predictions import compare
from mlprod.progress import wait_until
from mlprod.systems import kafka, postgres, processes, services
from mlprod.systems.city import MAX_PRICE, City, best_price
from mlprod.systems.latency import LatencyRecorder
from mlprod.systems.startline import StartLine
from mlprod.systems.workspace import workspace

start(LANG)

# %% [markdown] lang="es" row="1" slide="slide"
# ## La empresa: tres procesos y quién necesita qué
#
# Una empresa de viajes, como la de la clase. Cada proceso sabe algo que los demás necesitan:
#
# ```mermaid
# flowchart LR
#     D["Gestión de conductores<br/>sabe: conductores libres"]
#     V["Gestión de viajes<br/>sabe: viajeros que esperan"]
#     P["Optimización de precios<br/>sabe: el precio de cada zona"]
#     V -- demanda --> D
#     P -- precio --> D
#     D -- disponibilidad --> V
#     P -- precio --> V
#     V -- demanda --> P
#     D -- disponibilidad --> P
# ```
#
# - **Conductores** necesita la demanda y el precio para animarlos a ir donde hacen falta.
# - **Viajes** necesita la disponibilidad y el precio para enseñárselos al viajero.
# - **Precios** necesita la demanda y la disponibilidad: con una sola no puede fijar un precio.
#
# La ciudad es simulada (`datasets/rides`), y eso tiene una ventaja: se conoce el **precio óptimo** en cada instante. Así, un
# dato viejo o perdido no se queda en una sensación: se ve en **euros que se dejan de ganar** frente a un oráculo que todo
# lo sabe al momento. Un segundo de la reproducción es un minuto de la ciudad.
# %% [markdown] lang="en" row="1" slide="slide"
# ## The company: three processes, and who needs what
#
# A ride-sharing company, like the one of the lecture. Each process knows something that the others need:
#
# ```mermaid
# flowchart LR
#     D["Driver management<br/>knows: free drivers"]
#     V["Ride management<br/>knows: riders who wait"]
#     P["Price optimisation<br/>knows: the price of each zone"]
#     V -- demand --> D
#     P -- price --> D
#     D -- availability --> V
#     P -- price --> V
#     V -- demand --> P
#     D -- availability --> P
# ```
#
# - **Drivers** needs the demand and the price, to encourage drivers to go where they are needed.
# - **Rides** needs the availability and the price, to show them to the rider.
# - **Prices** needs the demand and the availability: with one of the two alone it cannot set a price.
#
# The city is simulated (`datasets/rides`), which has one advantage: the **best price** is known at every moment. So a datum
# that is old or lost is not just a feeling: it shows as **euros not earned**, compared with an oracle that knows everything
# at once. One second of the replay is one minute of the city.

# %% slide="subslide"
city = City.load(seconds=seconds)
print(
    tr(
        es="Los primeros sucesos tras el estado inicial:",
        en="The first events after the initial state:",
    )
)
for event in city.events[8:14]:
    print(
        f"  {event.t:6.3f} s  {event.kind:7s}",
        tr(es="zona", en="zone"),
        event.zone,
        event.level or "",
    )
tables.show(
    [
        {tr(es="suceso", en="event"): kind, tr(es="cuántos", en="how many"): n}
        for kind, n in Counter(e.kind for e in city.events).items()
    ],
    caption=tr(
        es=f"Lo que pasa en {seconds:g} s de reproducción",
        en=f"What happens in {seconds:g} s of replay",
    ),
)

# %% [markdown] lang="es" row="1" slide="skip"
# ### La lógica, una sola vez
#
# Fíjate en lo que estas clases **no** dicen: cómo viaja un mensaje. Reciben mensajes, responden con mensajes, y nada más. Por eso
# podremos cambiar el transporte tres veces sin tocar ni una línea de aquí.
# %% [markdown] lang="en" row="1" slide="skip"
# ### The logic, written once
#
# Notice what these classes do **not** say: how a message travels. They take messages, answer with messages, and that is all.
# That is why we shall change the transport three times without touching a line of this.

# %% slide="skip"
# es: euros; lo que se cobra mientras no se ha oído ningún precio
# en: euros; what is asked while no price has been heard
FIXED_PRICE = MAX_PRICE / 2


class Message(NamedTuple):
    # es: "supply" (conductores libres), "demand" (viajeros que esperan) o "price"
    # en: "supply" (free drivers), "demand" (riders who wait) or "price"
    kind: str
    zone: int
    # es: conductores, viajeros o euros
    # en: drivers, riders or euros
    value: float
    # es: 1, 2, 3… dentro de cada tipo y zona: un hueco es un mensaje perdido
    # en: 1, 2, 3… within each kind and zone: a gap is a lost message
    seq: int
    # es: el time.monotonic() de quien lo dice, en segundos
    # en: the sender's time.monotonic(), in seconds
    sent: float


class Service:
    """What the three have in common: they number what they say and note how old is what they hear."""

    hears: tuple[str, ...] = ()

    def __init__(self):
        self.sequence = Counter()
        # es: (tipo, zona, seq, antigüedad en s) de cada mensaje oído
        # en: (kind, zone, seq, age in s) of each message heard
        self.heard = []
        # es: (momento, zona, precio o None, segundos que tardó) de cada precio dado
        # en: (moment, zone, price or None, seconds it took) of each quote
        self.quotes = []
        # es: un fichero que sobrevive si el proceso muere; lo usamos más abajo
        # en: a file that outlives the process if it dies; we use it further down
        self.journal = os.devnull

    def say(self, kind, zone, value):
        self.sequence[kind, zone] += 1
        return Message(kind, zone, value, self.sequence[kind, zone], monotonic())

    def happen(self, event):
        """Something of one's own changes: tell it."""
        return [self.say(event.kind, event.zone, event.level)]

    def hear(self, message):
        """News from another: note it, and answer with what it leads to."""
        self.heard.append((message.kind, message.zone, message.seq, monotonic() - message.sent))
        with open(self.journal, "a") as journal:
            print(message.kind, message.zone, message.seq, file=journal)
        return []


class DriverManagement(Service):
    hears = ("demand", "price")

    def __init__(self):
        super().__init__()
        self.waiting, self.bonus = {}, {}

    def hear(self, message):
        if message.kind == "demand":
            self.waiting[message.zone] = message.value
        elif self.waiting.get(message.zone):
            # es: la mitad del recargo va al conductor
            # en: half of the surcharge goes to the driver
            self.bonus[message.zone] = (message.value - FIXED_PRICE) / 2
        return super().hear(message)


class RideManagement(Service):
    hears = ("price", "supply")

    def __init__(self):
        super().__init__()
        self.prices, self.drivers = {}, {}
        self.price_of = lambda zone: self.prices.get(zone, FIXED_PRICE)

    def hear(self, message):
        (self.prices if message.kind == "price" else self.drivers)[message.zone] = message.value
        return super().hear(message)

    def happen(self, event):
        if event.kind != "quote":
            return super().happen(event)
        asked = monotonic()
        price = self.price_of(event.zone)
        self.quotes.append((monotonic(), event.zone, price, monotonic() - asked))
        return []


class PriceOptimisation(Service):
    hears = ("supply", "demand")

    def __init__(self):
        super().__init__()
        self.drivers, self.waiting = {}, {}

    def hear(self, message):
        super().hear(message)
        (self.drivers if message.kind == "supply" else self.waiting)[message.zone] = message.value
        price = best_price(self.waiting.get(message.zone, 20), self.drivers.get(message.zone, 15))
        return [self.say("price", message.zone, price)]


COMPANY = {
    DriverManagement: ("supply",),
    RideManagement: ("demand", "quote"),
    PriceOptimisation: (),
}

# %% [markdown] lang="es" row="1" slide="subslide"
# ### Experimento: ¿y si precios solo oye una cosa?
#
# Antes de repartir la empresa entre procesos, la ejecutamos en uno solo: cada mensaje llega al instante. Con todo a su alcance, la
# empresa cobra lo mismo que el oráculo. Ahora deja sordo a *precios*: que oiga solo la demanda, o solo la disponibilidad.
#
# **Predice:** de cada 100 € que gana el oráculo, ¿cuántos se pierden si *precios* solo oye la demanda?
# %% [markdown] lang="en" row="1" slide="subslide"
# ### Experiment: what if prices hears only one thing?
#
# Before we split the company over processes we run it in a single one: every message arrives at once. With everything within
# reach the company earns what the oracle earns. Now make *prices* deaf: let it hear only the demand, or only the availability.
#
# **Predict:** of each 100 € that the oracle earns, how many are lost if *prices* hears only the demand?

# %%
# es: escribe aquí tu número, antes de ejecutar la celda siguiente
# en: write your number here, before you run the next cell
euros_lost_hearing_only_demand = None


# %% slide="fragment"
def in_one_process(city, prices_hears):
    """The whole company without any distance in it: a message is a function call."""
    drivers, rides, prices = DriverManagement(), RideManagement(), PriceOptimisation()
    owner = {"supply": drivers, "demand": rides, "quote": rides}
    for event in city.events:
        for message in owner[event.kind].happen(event):
            if message.kind in prices_hears:
                for price in prices.hear(message):
                    rides.hear(price)
    return [
        (event.t, zone, price)
        for event, (_, zone, price, _) in zip(city.of("quote"), rides.quotes, strict=True)
    ]


# es: la hora entera, que aquí no cuesta nada
# en: the whole hour, which costs nothing here
day = City.load()
oracle_earns = day.bill([(quote.t, quote.zone, None) for quote in day.of("quote")]).loss
lost = {
    heard: 100 * day.bill(in_one_process(day, heard)).loss / oracle_earns
    for heard in [("supply", "demand"), ("demand",), ("supply",), ()]
}

# %% tags=["hide-input"] slide="fragment"
tables.show(
    [
        {
            tr(es="precios oye", en="prices hears"): " + ".join(heard)
            or tr(es="nada", en="nothing"),
            tr(es="pérdida (% del oráculo)", en="loss (% of the oracle)"): loss,
        }
        for heard, loss in lost.items()
    ],
    caption=tr(es="Lo que cuesta no oír", en="What it costs not to hear"),
)
compare(
    tr(
        es="euros perdidos de cada 100 si solo se oye la demanda",
        en="euros lost of each 100 when only the demand is heard",
    ),
    predicted=euros_lost_hearing_only_demand,
    measured=lost["demand",],
    unit="€",
)

# %% [markdown] lang="es" slide="notes"
# La dependencia no es un dibujo: quitar una flecha tiene precio. Y fíjate en que oír solo *una* de las dos cosas puede ser casi tan
# malo como no oír ninguna: el precio depende de la **razón** entre conductores y viajeros.
#
# Ahora sí: tres procesos del sistema operativo que no comparten memoria. ¿Por dónde pasan los mensajes?
# %% [markdown] lang="en" slide="notes"
# The dependency is not a drawing: removing an arrow has a price. And notice that hearing only *one* of the two can be almost as
# bad as hearing neither: the price depends on the **ratio** of drivers to riders.
#
# Now then: three processes of the operating system, which share no memory. Which way do the messages go?

# %% [markdown] lang="es" row="2" slide="slide"
# ## Primera manera: a través de una base de datos
#
# ```mermaid
# flowchart LR
#     D[Conductores] <--> B[(Base de datos)]
#     V[Viajes] <--> B
#     P[Precios] <--> B
# ```
#
# Cada uno escribe lo suyo en una tabla y **mira cada tanto** si los demás han escrito algo: eso es sondear. Es lo más sencillo que hay, y
# por eso es lo primero que hace todo el mundo. La tabla guarda un historial; quien lee recuerda por qué fila iba.
# %% [markdown] lang="en" row="2" slide="slide"
# ## The first way: through a database
#
# ```mermaid
# flowchart LR
#     D[Drivers] <--> B[(Database)]
#     V[Rides] <--> B
#     P[Prices] <--> B
# ```
#
# Everyone writes their own news into a table and **looks now and then** whether the others have written any: that is polling. It is the
# simplest thing there is, which is why everybody does it first. The table keeps a history; a reader remembers up to which row it has read.


# %% slide="subslide"
class SharedTable:
    """The news of everybody in one table of SQLite or PostgreSQL: the URL decides which."""

    def __init__(self, url):
        import sqlalchemy as sql

        self.sql = sql
        self.connection = sql.create_engine(url).connect()
        if url.startswith("sqlite"):
            self.connection.execute(sql.text("PRAGMA journal_mode=WAL"))
            self.connection.execute(sql.text("PRAGMA synchronous=FULL"))
            self.connection.commit()
        columns = [
            sql.Column("id", sql.Integer, primary_key=True),
            sql.Column("kind", sql.String),
            sql.Column("zone", sql.Integer),
        ]
        columns += [
            sql.Column("value", sql.Float),
            sql.Column("seq", sql.Integer),
            sql.Column("sent", sql.Float),
        ]
        self.news = sql.Table("news", sql.MetaData(), *columns, sql.Index("by_kind", "kind", "id"))
        self.last, self.queries, self.commits = Counter(), 0, 0

    def create(self):
        self.news.metadata.create_all(self.connection)
        self.connection.commit()
        return self

    def write(self, messages):
        if messages:
            self.connection.execute(self.news.insert(), [message._asdict() for message in messages])
            self.connection.commit()
            self.commits += 1

    def read(self, kinds):
        """What is new since last time. One position a kind: each kind has one writer, so its ids are committed in order."""
        news, messages = self.news.c, []
        for kind in kinds:
            rows = self.connection.execute(
                self.sql.select(news.id, news.zone, news.value, news.seq, news.sent)
                .where(news.kind == kind, news.id > self.last[kind])
                .order_by(news.id)
            ).all()
            self.queries += 1
            if rows:
                self.last[kind] = rows[-1].id
            messages += [Message(kind, *row[1:]) for row in rows]
        # es: leer también abre una transacción: se cierra
        # en: reading opens a transaction too: close it
        self.connection.rollback()
        return messages

    def close(self):
        self.connection.close()
        self.connection.engine.dispose()


# es: segundos de más, al final, para que llegue lo último que se dijo
# en: extra seconds at the end, so that what was said last arrives
GRACE = 0.3


def timeline(events, began, seconds, every):
    """Wait for each moment to come: yields one's own events when they are due, and None each `every` seconds to look around."""
    looks = ((k * every, None) for k in range(int(seconds / every) + 1))
    for due, event in heapq.merge(
        ((event.t, event) for event in events), looks, key=lambda moment: moment[0]
    ):
        ahead = began + due - monotonic()
        if event is None and ahead < -every:
            # es: ya vamos tarde: esta mirada se salta
            # en: late already: skip this look
            continue
        sleep(max(0.0, ahead))
        yield event


def live_on_database(Kind, events, line, seconds, journal, url, poll):
    """One service, as a process, with a shared table between it and the others."""
    service, table = Kind(), SharedTable(url)
    service.journal = journal
    began = line.wait()
    for event in timeline(events, began, seconds + GRACE, poll):
        if event is not None:
            table.write(service.happen(event))
        else:
            table.write(
                [
                    answer
                    for message in table.read(service.hears)
                    for answer in service.hear(message)
                ]
            )
    table.close()
    return {
        "heard": service.heard,
        "quotes": service.quotes,
        "queries": table.queries,
        "writes": table.commits,
    }


# %% [markdown] lang="es" row="2" slide="skip"
# Y esto pone la empresa en marcha: tres procesos del sistema operativo, cada uno con sus propios sucesos, que salen a la vez. Sirve
# igual para los tres transportes; `crash` mata un proceso a mitad de camino (con `SIGKILL`, sin avisar) y arranca otro en su lugar.
# %% [markdown] lang="en" row="2" slide="skip"
# And this sets the company going: three processes of the operating system, each with its own events, which start together. It
# serves all three transports; `crash` kills one process half-way (by `SIGKILL`, without notice) and starts another in its place.


# %% slide="skip"
def run_company(live, *wiring, crash=None):
    """Replay the city on a transport. Returns the results by service and the bill. `crash`: the class that dies in the middle third."""
    line = StartLine(parties=len(COMPANY))
    journals = {Kind: line.folder / f"{Kind.__name__}.journal" for Kind in COMPANY}
    with processes.group() as company:
        running = {
            Kind: company.start(
                live,
                Kind,
                city.of(*kinds),
                line,
                seconds,
                journals[Kind],
                *wiring,
                name=Kind.__name__,
            )
            for Kind, kinds in COMPANY.items()
        }
        began = line.started()
        label = tr(es="reproduciendo la ciudad", en="replaying the city")
        if crash is not None:
            wait_until(began + seconds / 3, label)
            running[crash].kill()
            wait_until(
                began + 2 * seconds / 3,
                tr(es=f"sin {crash.__name__}", en=f"without {crash.__name__}"),
            )
            running[crash] = company.start(
                live, crash, [], line, seconds, journals[crash], *wiring, name=crash.__name__
            )
        wait_until(began + seconds + GRACE, label)
        results = {Kind.__name__: process.result(timeout=30) for Kind, process in running.items()}
    quotes = results["RideManagement"]["quotes"]
    results["bill"] = city.bill((moment - began, zone, price) for moment, zone, price, _ in quotes)
    results["journal"] = journals[PriceOptimisation].read_text().splitlines()
    return results


def ages_at_prices(results):
    """Seconds from saying to hearing, of what `PriceOptimisation` heard."""
    return [age for *_, age in results["PriceOptimisation"]["heard"]]


sqlite_runs = 0


def sqlite_url():
    """A new SQLite database in this notebook's own temporary folder."""
    global sqlite_runs
    sqlite_runs += 1
    url = f"sqlite:///{workspace() / f'company-{sqlite_runs}.db'}"
    SharedTable(url).create().close()
    return url


# %% [markdown] lang="es" row="2" slide="subslide"
# ### Experimento: ¿cada cuánto hay que mirar?
#
# Un cambio se escribe en un momento cualquiera y *precios* mira cada $T$ segundos. La **antigüedad** de un dato es el tiempo desde que se
# dice hasta que se oye.
#
# **Predice:** con $T = 200$ ms, ¿qué antigüedad media (en ms) verá *precios*? ¿Y la máxima? ¿Cuántas consultas hará si $T$ baja a 10 ms,
# comparado con 200 ms?
# %% [markdown] lang="en" row="2" slide="subslide"
# ### Experiment: how often must one look?
#
# A change is written at any moment and *prices* looks each $T$ seconds. We call **staleness** the time from when a datum is said
# until it is heard.
#
# **Predict:** with $T = 200$ ms, what mean staleness (in ms) will *prices* see? And the maximum? How many queries will it make if $T$
# falls to 10 ms, compared with 200 ms?

# %%
mean_staleness_ms = None
max_staleness_ms = None
times_as_many_queries = None

# %% slide="fragment"
sweep = {}
for poll in tqdm(poll_intervals, desc=tr(es="intervalos de sondeo", en="polling intervals")):
    sweep[poll] = run_company(live_on_database, sqlite_url(), poll)

# %% tags=["hide-input"] slide="fragment"
rows = []
for poll, results in sweep.items():
    ages = ages_at_prices(results)
    queries = sum(results[Kind.__name__]["queries"] for Kind in COMPANY)
    rows.append(
        {
            "T (ms)": 1000 * poll,
            tr(es="antigüedad media (ms)", en="mean staleness (ms)"): 1000 * statistics.mean(ages),
            tr(es="máxima (ms)", en="maximum (ms)"): 1000 * max(ages),
            tr(es="consultas/s", en="queries/s"): queries / seconds,
            tr(es="error de precio (€)", en="price error (€)"): results["bill"].error,
            tr(es="pérdida (€ por 100 precios)", en="loss (€ per 100 quotes)"): results[
                "bill"
            ].loss,
        }
    )
tables.show(
    rows,
    caption=tr(
        es="La misma empresa, mirando la tabla cada T",
        en="The same company, looking at the table each T",
    ),
)

# %% tags=["hide-input"]
at_200 = sweep[0.2] if 0.2 in sweep else sweep[max(sweep)]
compare(
    tr(es="antigüedad media con T = 200 ms", en="mean staleness with T = 200 ms"),
    predicted=mean_staleness_ms,
    measured=1000 * statistics.mean(ages_at_prices(at_200)),
    unit="ms",
)
compare(
    tr(es="antigüedad máxima con T = 200 ms", en="maximum staleness with T = 200 ms"),
    predicted=max_staleness_ms,
    measured=1000 * max(ages_at_prices(at_200)),
    unit="ms",
)
queries = {
    poll: sum(results[Kind.__name__]["queries"] for Kind in COMPANY)
    for poll, results in sweep.items()
}
compare(
    tr(
        es="consultas con el T más corto, por cada una con T = 200 ms",
        en="queries with the shortest T, for each one with T = 200 ms",
    ),
    predicted=times_as_many_queries,
    measured=queries[min(sweep)] / sum(at_200[Kind.__name__]["queries"] for Kind in COMPANY),
    unit="×",
)

# %% tags=["hide-input"] slide="fragment"
fig, (left, right) = plots.subplots(1, 2, figsize=(10, 3.8))
T = sorted(sweep)
for label, measure, marker in [
    (tr(es="media", en="mean"), statistics.mean, "o"),
    (tr(es="máxima", en="maximum"), max, "s"),
]:
    left.plot(
        [1000 * t for t in T],
        [1000 * measure(ages_at_prices(sweep[t])) for t in T],
        marker,
        label=label,
    )
left.plot([1000 * t for t in T], [500 * t for t in T], "--", label="T / 2")
left.plot([1000 * t for t in T], [1000 * t for t in T], ":", label="T")
left.set(
    xscale="log",
    yscale="log",
    xlabel=tr(es="intervalo de sondeo T (ms)", en="polling interval T (ms)"),
    ylabel=tr(es="antigüedad en precios (ms)", en="staleness at prices (ms)"),
)
left.legend()
right.plot([queries[t] / seconds for t in T], [sweep[t]["bill"].loss for t in T], "o-")
for t in T:
    right.annotate(
        f"T = {1000 * t:g} ms",
        (queries[t] / seconds, sweep[t]["bill"].loss),
        xytext=(6, 4),
        textcoords="offset points",
    )
right.set(
    xscale="log",
    xlabel=tr(es="consultas por segundo", en="queries per second"),
    ylabel=tr(es="pérdida (€ por 100 precios)", en="loss (€ per 100 quotes)"),
)
right.margins(x=0.25)
plots.show(
    fig,
    alt=tr(
        es="A la izquierda, la antigüedad media sigue la recta T/2 y la máxima la recta T. A la derecha, menos pérdida exige más consultas por segundo.",
        en="Left: the mean staleness follows the line T/2 and the maximum the line T. Right: losing less takes more queries per second.",
    ),
)

# %% [markdown] lang="es" row="2" slide="subslide"
# La antigüedad media es $T/2$ y la máxima $T$ (más lo que tarden la escritura y la consulta): si un cambio llega en un momento cualquiera, la
# próxima mirada está, de media, a medio intervalo. Y mirar el doble de veces cuesta el doble de consultas, **haya o no haya noticias**:
# por debajo de cierto $T$ la antigüedad deja de bajar, porque ya no manda la espera sino el disco, pero la factura sigue subiendo.
#
# El viajero está peor aún: su precio ha pasado por **dos** sondeos (el de precios y el de viajes), así que su antigüedad media es $T$.
#
# **A mil veces esta escala:** con 60 procesos que miran cada 10 ms, la base de datos contesta miles de veces por segundo «nada nuevo».
# Por eso existen `LISTEN/NOTIFY` de PostgreSQL, la captura de cambios (CDC) y los brokers.
# %% [markdown] lang="en" row="2" slide="subslide"
# The mean staleness is $T/2$ and the maximum $T$ (plus what the write and the query take): if a change comes at any moment, the next look
# is, on average, half an interval away. And looking twice as often costs twice the queries, **news or no news**:
# below some $T$ the staleness stops falling, because the disk rules now and not the wait, but the bill keeps rising.
#
# The rider is worse off: their price has gone through **two** polls (that of prices and that of rides), so its mean staleness is $T$.
#
# **At a thousand times this scale:** with 60 processes that look each 10 ms, the database says "nothing new" thousands of times a second.
# That is why PostgreSQL has `LISTEN/NOTIFY`, and why change data capture (CDC) and brokers exist.

# %% [markdown] lang="es" row="2" slide="subslide"
# ### El mismo código en PostgreSQL
#
# Cambia la URL y nada más. Este PostgreSQL viene en un paquete de `pip`; con `DATABASE_URL` usarías el de tu empresa.
# %% [markdown] lang="en" row="2" slide="subslide"
# ### The same code on PostgreSQL
#
# The URL changes and nothing else. This PostgreSQL comes in a `pip` package; with `DATABASE_URL` you would use your company's.

# %% slide="fragment"
open_until_the_end = ExitStack()
database = open_until_the_end.enter_context(postgres.database())
postgres_url = database.url.replace("postgresql://", "postgresql+psycopg://", 1)
SharedTable(postgres_url).create().close()
on_postgres = run_company(live_on_database, postgres_url, 0.05)

# %% tags=["hide-input"] slide="fragment"
rows = []
for name, results in {"SQLite": sweep.get(0.05, at_200), "PostgreSQL": on_postgres}.items():
    ages = ages_at_prices(results)
    rows.append(
        {
            "": name,
            tr(es="antigüedad media (ms)", en="mean staleness (ms)"): 1000 * statistics.mean(ages),
            tr(es="pérdida (€ por 100 precios)", en="loss (€ per 100 quotes)"): results[
                "bill"
            ].loss,
        }
    )
tables.show(
    rows, caption=tr(es="T = 50 ms en las dos bases de datos", en="T = 50 ms in both databases")
)

# %% [markdown] lang="es" row="3" slide="slide"
# ## ¿Y si no se puede compartir la base de datos?
#
# La flota de un socio también sabe qué conductores están libres, pero sus tablas son suyas. «Pues que nos pasen la contraseña» es la
# primera idea y la peor: la contraseña no da *el dato que hace falta*, da **todo**, y ata nuestro código a sus columnas.
#
# **Predice:** con 40 conductores en la tabla, ¿cuántos datos personales (nombres y teléfonos) ve quien tiene la contraseña?
# %% [markdown] lang="en" row="3" slide="slide"
# ## What if the database cannot be shared?
#
# A partner's fleet knows free drivers too, but its tables are its own. "Let them give us the password" is the first idea and
# the worst: the password does not give *the datum that is needed*, it gives **everything**, and it ties our code to their columns.
#
# **Predict:** with 40 drivers in the table, how many pieces of personal data (names and phones) does the holder of the password see?

# %%
personal_data_seen = None

# %% slide="fragment"
import psycopg

owner = open_until_the_end.enter_context(psycopg.connect(database.url, autocommit=True))
owner.execute("CREATE TABLE fleet (name text, phone text, zone int, free boolean)")
with owner.cursor() as cursor:
    cursor.executemany(
        "INSERT INTO fleet VALUES (%s, %s, %s, %s)",
        [(f"driver {i}", f"600 000 {i:03d}", i % 4, i % 3 != 0) for i in range(40)],
    )


def partner_api(database_url, ready, stopping):
    """What the partner offers instead of its tables: one question, one number."""
    from fastapi import FastAPI
    from psycopg import connect

    app = FastAPI()
    fleet = connect(database_url, autocommit=True)
    fleet.execute(
        "CREATE VIEW availability AS SELECT zone, count(*) FILTER (WHERE free) AS drivers FROM fleet GROUP BY zone"
    )

    @app.get("/availability/{zone}")
    def availability(zone: int):
        row = fleet.execute("SELECT drivers FROM availability WHERE zone = %s", [zone]).fetchone()
        return {"zone": zone, "drivers": row[0] if row else 0}

    services.serve_http(app, ready, stopping)


api = processes.start(partner_api, database.url, name="partner_api")
client = open_until_the_end.enter_context(services.http_client(api.address))


def through_the_api():
    answer = client.get("/availability/1").raise_for_status().json()
    return len(answer) - len({"zone", "drivers"} & set(answer)), answer["drivers"]


def with_the_password():
    rows = owner.execute("SELECT name, phone, zone, free FROM fleet").fetchall()
    return 2 * len(rows), sum(free for *_, zone, free in rows if zone == 1)


def outcome(way):
    try:
        personal, drivers = way()
    except psycopg.Error as error:
        return {
            tr(es="datos personales", en="personal data"): None,
            tr(es="libres en la zona 1", en="free in zone 1"): type(error).__name__,
        }
    return {
        tr(es="datos personales", en="personal data"): personal,
        tr(es="libres en la zona 1", en="free in zone 1"): str(drivers),
    }


ways = {
    tr(es="con la contraseña", en="with the password"): with_the_password,
    tr(es="por su API", en="through its API"): through_the_api,
}
rows = [
    {tr(es="manera", en="way"): name, tr(es="cuándo", en="when"): tr(es="hoy", en="today")}
    | outcome(way)
    for name, way in ways.items()
]
personal_data_measured = with_the_password()[0]

# es: el socio reordena su casa: un cambio de nombre, sin avisar, que es su derecho
# en: the partner tidies its house: a column renamed without notice, as is its right
owner.execute("ALTER TABLE fleet RENAME COLUMN free TO is_free")
rows += [
    {
        tr(es="manera", en="way"): name,
        tr(es="cuándo", en="when"): tr(es="tras el cambio", en="after the change"),
    }
    | outcome(way)
    for name, way in ways.items()
]
tables.show(
    rows,
    caption=tr(es="Lo que ve un socio, y lo que aguanta", en="What a partner sees, and what holds"),
)
compare(
    tr(es="datos personales a la vista", en="pieces of personal data in sight"),
    predicted=personal_data_seen,
    measured=personal_data_measured,
    unit="",
)

# %% slide="fragment"
# es: y si nadie da la contraseña, la base de datos se defiende sola: una cuenta sin permiso
# en: and when nobody gives the password away, the database defends itself: an account without the right
role = f"partner_{os.getpid()}"
try:
    owner.execute(f"CREATE ROLE {role}")
    owner.execute(f"SET ROLE {role}")
    owner.execute("SELECT * FROM fleet")
except psycopg.errors.InsufficientPrivilege as refusal:
    print("PostgreSQL:", refusal.diag.message_primary)
finally:
    owner.execute("RESET ROLE")
    owner.execute(f"DROP ROLE IF EXISTS {role}")
api.stop()

# %% [markdown] lang="es" row="3" slide="subslide"
# Un servidor de bases de datos sabe decir que no, tabla a tabla; un fichero de SQLite, no: quien puede abrirlo lo puede leer entero (y
# por la red, dos procesos en máquinas distintas ni siquiera deben intentarlo). Pero hasta con permisos finos queda el segundo problema:
# **las columnas del otro se convierten en tu interfaz**. Una API es un contrato que su dueño puede mantener mientras reordena la casa.
#
# **A mil veces esta escala:** con mil consumidores de una tabla, nadie se atreve ya a cambiarla. Es la razón más común para dejar de
# compartir bases de datos, más que la velocidad.
# %% [markdown] lang="en" row="3" slide="subslide"
# A database server can say no, table by table; a SQLite file cannot: whoever may open it may read all of it (and two processes on
# different machines should not even try, over a network). But even with fine-grained rights the second problem remains:
# **the other's columns become your interface**. An API is a contract that its owner can keep while tidying the house.
#
# **At a thousand times this scale:** with a thousand consumers of a table, nobody dares to change it any more. It is the commonest reason
# to stop sharing databases, more than speed.

# %% [markdown] lang="es" row="4" slide="slide"
# ## ¿Por qué es lento leer y escribir en una base de datos?
#
# Lo dice la clase, y es verdad; pero ¿qué es lo lento? Sospechosos: entender el SQL, escribir en el fichero, **asegurarse de que está en el
# disco** (`fsync`), esperar a que otro suelte el bloqueo, y el sondeo que acabas de medir.
#
# **Predice:** una fila confirmada con `COMMIT` y segura ante un apagón, ¿cuántas veces tarda lo que la misma fila sin `fsync`?
# %% [markdown] lang="en" row="4" slide="slide"
# ## Why is reading from and writing to a database slow?
#
# The lecture says so, and it is true; but what is it that is slow? Suspects: understanding the SQL, writing to the file, **making sure that it is
# on the disk** (`fsync`), waiting for somebody else to release the lock, and the polling that you have just measured.
#
# **Predict:** a row committed with `COMMIT` and safe from a power cut takes how many times as long as the same row without `fsync`?

# %%
times_slower_when_durable = None

# %% slide="fragment"
import queue
import threading


def writer(name, synchronous=None):
    """A function that inserts and commits one row, in memory or in a file with this care for the disk."""
    connection = sqlite3.connect(
        ":memory:" if synchronous is None else workspace() / f"{name}.db", isolation_level=None
    )
    open_until_the_end.callback(connection.close)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous or 'OFF'}")
    connection.execute("CREATE TABLE news (id INTEGER PRIMARY KEY, zone INTEGER, value REAL)")
    return lambda: connection.execute("INSERT INTO news (zone, value) VALUES (?, ?)", (1, 2.0))


there, back = queue.SimpleQueue(), queue.SimpleQueue()
threading.Thread(
    target=lambda: [back.put(item) for item in iter(there.get, None)], daemon=True
).start()
parser = sqlite3.connect(":memory:", cached_statements=0)
parser.execute("CREATE TABLE news (id INTEGER PRIMARY KEY, zone INTEGER, value REAL)")
acts = {
    tr(es="solo entender el SQL (EXPLAIN)", en="only understanding the SQL (EXPLAIN)"): lambda: (
        parser.execute("EXPLAIN INSERT INTO news (zone, value) VALUES (?, ?)", (1, 2.0))
    ),
    tr(es="cola en memoria, ida y vuelta", en="queue in memory, there and back"): lambda: (
        there.put(1),
        back.get(),
    ),
    tr(es="COMMIT en memoria", en="COMMIT in memory"): writer("memory"),
    tr(es="COMMIT en fichero, sin fsync", en="COMMIT to a file, no fsync"): writer(
        "unsynced", "OFF"
    ),
    tr(es="COMMIT en fichero, con fsync", en="COMMIT to a file, with fsync"): writer(
        "durable", "FULL"
    ),
}
took = {name: [] for name in acts}
# es: intercaladas, para que un momento malo de la máquina les toque a todas por igual
# en: interleaved, so that a busy moment of the machine hits all of them alike
for _ in range(150):
    for name, act in acts.items():
        began = time.perf_counter()
        act()
        took[name].append(time.perf_counter() - began)
there.put(None)
median_ms = {name: 1000 * statistics.median(times) for name, times in took.items()}
parse, hop, in_memory, unsynced, durable = median_ms.values()

# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots(figsize=(8, 3))
ax.barh(list(median_ms), list(median_ms.values()))
for row, value in enumerate(median_ms.values()):
    ax.text(value * 1.15, row, f"{value:.3g} ms", va="center")
ax.set(
    xscale="log",
    xlabel=tr(es="mediana de una operación (ms)", en="median of one operation (ms)"),
    ylabel=tr(es="operación", en="operation"),
)
ax.invert_yaxis()
ax.margins(x=0.2)
plots.show(
    fig,
    alt=tr(
        es=f"Barras en escala logarítmica: con fsync {durable:.3g} ms; sin fsync {unsynced:.3g} ms; el SQL {parse:.3g} ms.",
        en=f"Bars on a log scale: with fsync {durable:.3g} ms; without {unsynced:.3g} ms; the SQL {parse:.3g} ms.",
    ),
)
compare(
    tr(
        es="veces más lento si es seguro ante un apagón",
        en="times slower when safe from a power cut",
    ),
    predicted=times_slower_when_durable,
    measured=durable / unsynced,
    unit="×",
)

# %% tags=["hide-input"] slide="fragment"
at_50 = statistics.mean(ages_at_prices(sweep.get(0.05, at_200))) * 1000
share = {
    tr(
        es="esperar al próximo sondeo y a los bloqueos",
        en="waiting for the next look and for locks",
    ): max(0.0, at_50 - durable),
    tr(
        es="fsync: asegurarse de que está en el disco", en="fsync: making sure it is on the disk"
    ): durable - unsynced,
    tr(es="fichero, sin asegurarse", en="the file, without making sure"): max(
        0.0, unsynced - in_memory
    ),
    tr(es="SQL", en="SQL"): in_memory,
}
tables.show(
    [
        {tr(es="parte", en="part"): part, "ms": ms, "%": 100 * ms / sum(share.values())}
        for part, ms in share.items()
    ],
    caption=tr(
        es="De escribir a que otro lo vea, sondeando cada 50 ms",
        en="From writing until another sees it, polling each 50 ms",
    ),
)

# %% [markdown] lang="es" row="4" slide="subslide"
# El SQL no es el lento: lo son **la espera** (sondeo y bloqueos) y **el disco**. El `fsync` no es un capricho: es lo que permite decir
# «hecho» y que un apagón no te desmienta. Y otra cosa que no está en las barras: solo uno escribe a la vez. Dos procesos, un fichero:
# %% [markdown] lang="en" row="4" slide="subslide"
# The SQL is not what is slow: **waiting** (polling and locks) and **the disk** are. The `fsync` is no whim: it is what lets you say
# "done" without a power cut proving you wrong. And one thing that the bars do not show: only one can write at a time. Two processes, one file:


# %% slide="fragment"
def slow_writer(path, ready, stopping):
    """Writes without pause, and keeps each transaction open for 20 ms."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    ready()
    while not stopping.is_set():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO news (value) VALUES (1)")
        sleep(0.02)
        connection.execute("COMMIT")
        sleep(0.005)
    connection.close()


def refused(connection, statement, tries=150):
    """The share of tries that find the database locked, for somebody who does not wait."""
    locked = 0
    for _ in range(tries):
        try:
            connection.execute(statement).fetchall()
        except sqlite3.OperationalError:
            locked += 1
        sleep(0.003)
    return 100 * locked / tries


rows = []
for mode in ("DELETE", "WAL"):
    path = str(workspace() / f"two-writers-{mode}.db")
    with sqlite3.connect(path, isolation_level=None, timeout=0) as mine, processes.group() as group:
        mine.execute(f"PRAGMA journal_mode={mode}")
        mine.execute("CREATE TABLE news (id INTEGER PRIMARY KEY, value REAL)")
        group.start(slow_writer, path, name=f"writer-{mode}")
        rows.append(
            {
                tr(es="diario", en="journal"): {
                    "DELETE": tr(es="de vuelta atrás (DELETE)", en="rollback (DELETE)"),
                    "WAL": "WAL",
                }[mode],
                tr(es="lecturas rechazadas (%)", en="reads refused (%)"): refused(
                    mine, "SELECT max(id) FROM news"
                ),
                tr(es="escrituras rechazadas (%)", en="writes refused (%)"): refused(
                    mine, "INSERT INTO news (value) VALUES (2)"
                ),
            }
        )
    mine.close()
tables.show(
    rows,
    caption=tr(
        es="«database is locked», si no se espera", en='"database is locked", if one does not wait'
    ),
)

# %% [markdown] lang="es" row="4" slide="skip"
# Con WAL quien lee no espera a quien escribe; quien escribe sí espera a quien escribe, siempre. Por eso se pone un `timeout` (SQLite reintenta
# por ti) y las transacciones se hacen cortas. PostgreSQL bloquea filas en vez del fichero entero, y por eso aguanta a muchos que escriben.
#
# **A mil veces esta escala:** el `fsync` se reparte: una base de datos confirma cientos de transacciones con uno solo (*group commit*), a
# cambio de que cada una espere un poco.
# %% [markdown] lang="en" row="4" slide="skip"
# With WAL a reader does not wait for a writer; a writer does wait for a writer, always. That is why one sets a `timeout` (SQLite tries again for
# you) and keeps transactions short. PostgreSQL locks rows instead of the whole file, which is why it bears many writers.
#
# **At a thousand times this scale:** the `fsync` is shared out: a database commits hundreds of transactions with a single one (*group commit*), at
# the price of each one waiting a little.

# %% [markdown] lang="es" row="5" slide="slide"
# ## Segunda manera: a través de servicios
#
# ```mermaid
# sequenceDiagram
#     participant V as Viajes
#     participant P as Precios
#     participant D as Conductores
#     V->>P: ¿precio de la zona 2?
#     P->>D: ¿conductores libres en la 2?
#     D-->>P: 9
#     P->>V: ¿viajeros que esperan en la 2?
#     V-->>P: 31
#     P-->>V: 14,19 €
# ```
#
# Nadie mira por si acaso: se **pregunta cuando hace falta** y se espera la respuesta. El dato es fresco, porque viene de quien lo sabe. El precio es
# otro: la respuesta tarda lo que tarden todas las preguntas que hay detrás, y si alguien de la cadena no contesta, no hay precio.
#
# Lo hacemos con REST (FastAPI, JSON sobre HTTP) y con gRPC (Protocol Buffers sobre HTTP/2): la misma función `answer` detrás de los dos.
# %% [markdown] lang="en" row="5" slide="slide"
# ## The second way: through services
#
# ```mermaid
# sequenceDiagram
#     participant V as Rides
#     participant P as Prices
#     participant D as Drivers
#     V->>P: the price of zone 2?
#     P->>D: free drivers in zone 2?
#     D-->>P: 9
#     P->>V: riders who wait in zone 2?
#     V-->>P: 31
#     P-->>V: 14.19 €
# ```
#
# Nobody looks just in case: one **asks when one needs to** and waits for the answer. The datum is fresh, for it comes from whoever knows it. The price
# is another: the answer takes as long as all the questions behind it, and if anybody in the chain does not answer, there is no price.
#
# We do it with REST (FastAPI, JSON over HTTP) and with gRPC (Protocol Buffers over HTTP/2): the same function `answer` behind both.

# %% slide="subslide"
import httpx


def rest_server(answer, ready, stopping):
    from fastapi import FastAPI, HTTPException

    app = FastAPI()

    @app.get("/{kind}/{zone}")
    def ask(kind: str, zone: int):
        message = answer(kind, zone)
        if message is None:
            raise HTTPException(503, "somebody this answer needs does not answer")
        return message._asdict()

    services.serve_http(app, ready, stopping)


class RestClient:
    failures = (httpx.HTTPError,)

    def __init__(self, address):
        self.http = services.http_client(address, timeout=1.0)

    def ask(self, kind, zone):
        return Message(**self.http.get(f"/{kind}/{zone}").raise_for_status().json())


company_pb2, company_pb2_grpc = services.compile_proto(
    """
    syntax = "proto3";
    message Question { string kind = 1; int32 zone = 2; }
    message Answer { string kind = 1; int32 zone = 2; double value = 3; int64 seq = 4; double sent = 5; }
    service Company { rpc Ask (Question) returns (Answer); }
    """,
    "company",
)


def grpc_server(answer, ready, stopping):
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    class Company(company_pb2_grpc.CompanyServicer):
        def Ask(self, question, context):
            message = answer(question.kind, question.zone)
            if message is None:
                context.abort(
                    grpc.StatusCode.UNAVAILABLE, "somebody this answer needs does not answer"
                )
            return company_pb2.Answer(**message._asdict())

    server = grpc.server(ThreadPoolExecutor(8))
    company_pb2_grpc.add_CompanyServicer_to_server(Company(), server)
    services.serve_grpc(server, ready, stopping)


class GrpcClient:
    def __init__(self, address):
        import grpc

        self.failures = (grpc.RpcError,)
        self.stub = company_pb2_grpc.CompanyStub(grpc.insecure_channel(address))

    def ask(self, kind, zone):
        answer = self.stub.Ask(company_pb2.Question(kind=kind, zone=zone), timeout=1.0)
        return Message(answer.kind, answer.zone, answer.value, answer.seq, answer.sent)


# %% slide="subslide"
KNOWS = {"supply": "DriverManagement", "demand": "RideManagement", "price": "PriceOptimisation"}


def live_on_services(
    Kind, events, line, seconds, journal, server, Client, directory, ready, stopping
):
    """One service, as a process, that answers the others and asks them. `directory`: a folder with the address of each."""
    service, said, clients, serving = Kind(), {}, {}, threading.Event()
    service.journal = journal

    def ask(kind, zone):
        """The message of whoever knows it, or None."""
        name = KNOWS[kind]
        try:
            if name not in clients:
                clients[name] = Client((directory / name).read_text())
            return clients[name].ask(kind, zone)
        except (FileNotFoundError, *getattr(clients.get(name), "failures", ())):
            # es: puede volver en otra dirección: la próxima vez se busca de nuevo
            # en: it may come back at another address: look it up again next time
            clients.pop(name, None)
            return None

    def answer(kind, zone):
        """What this service replies, whatever the protocol: its own datum as it is now; a price after asking for both inputs."""
        if Kind is PriceOptimisation:
            price = None
            for needed in service.hears:
                if (message := ask(needed, zone)) is None:
                    return None
                (price,) = service.hear(message)
            return price
        message = said.get((kind, zone))
        return message and message._replace(sent=monotonic())

    def price_now(zone):
        message = ask("price", zone)
        return message and message.value

    def announce(address):
        (directory / Kind.__name__).write_text(address)
        ready(address)
        serving.set()

    threading.Thread(target=server, args=(answer, announce, stopping), daemon=True).start()
    serving.wait(20)
    service.price_of = price_now
    # es: antes de salir, todos saben lo que había al empezar y han hablado ya una vez
    # en: before the start, all know how things stood at first and have spoken once
    said.update(
        {(event.kind, event.zone): service.happen(event)[0] for event in events if event.t == 0}
    )
    while any(ask(kind, zone=0) is None for kind in service.hears):
        sleep(0.02)
    began = line.wait()
    later = [event for event in events if event.t > 0]
    for event in timeline(later, began, seconds + GRACE, every=0.5):
        if stopping.is_set():
            break
        if event is not None:
            for message in service.happen(event):
                said[message.kind, message.zone] = message
        # es: cada tanto, conductores pregunta lo que necesita para sus incentivos
        # en: now and then, drivers asks what it needs for its bonuses
        elif Kind is DriverManagement:
            questions = [(kind, zone) for kind in service.hears for zone in range(city.zones)]
            for message in filter(None, (ask(*question) for question in questions)):
                service.hear(message)
    stopping.set()
    return {"heard": service.heard, "quotes": service.quotes}


def on_services(server, Client, crash=None):
    directory = workspace() / f"directory-{server.__name__}-{time.time_ns()}"
    directory.mkdir()
    return run_company(live_on_services, server, Client, directory, crash=crash)


# %% [markdown] lang="es" row="5" slide="subslide"
# ### Experimento: el precio de preguntar
#
# Para enseñar un precio hacen falta tres preguntas: una a *precios*, y las dos que hace *precios*. Con la base de datos, *viajes* tenía el precio a mano:
# viejo, pero inmediato.
#
# **Predice:** ¿cuántos milisegundos (mediana) espera el viajero con REST? ¿Y cuántos euros por cada 100 precios se pierden?
# %% [markdown] lang="en" row="5" slide="subslide"
# ### Experiment: the price of asking
#
# It takes three questions to show a price: one to *prices*, and the two that *prices* asks. With the database, *rides* had the price at hand:
# old, but immediate.
#
# **Predict:** how many milliseconds (median) does the rider wait with REST? And how many euros are lost in each 100 quotes?

# %%
rider_waits_ms = None
euros_lost_with_rest = None


# %% slide="fragment"
def waits(results):
    """How long riders waited for their price."""
    recorder = LatencyRecorder()
    for *_, took_s in results["RideManagement"]["quotes"]:
        recorder.record(took_s)
    return recorder


on_rest = on_services(rest_server, RestClient)
on_grpc = on_services(grpc_server, GrpcClient)

# %% tags=["hide-input"] slide="fragment"
rows = []
for name, results in {
    tr(es="base de datos, T = 50 ms", en="database, T = 50 ms"): sweep.get(0.05, at_200),
    "REST": on_rest,
    "gRPC": on_grpc,
}.items():
    rows.append(
        {
            "": name,
            tr(es="espera p50 (ms)", en="wait p50 (ms)"): 1000 * waits(results).percentile(50),
            tr(es="espera p99 (ms)", en="wait p99 (ms)"): 1000 * waits(results).percentile(99),
            tr(es="error de precio (€)", en="price error (€)"): results["bill"].error,
            tr(es="pérdida (€ por 100 precios)", en="loss (€ per 100 quotes)"): results[
                "bill"
            ].loss,
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Preguntar: fresco, pero hay que esperar (3 idas y vueltas)",
        en="Asking: fresh, but one has to wait (3 round trips)",
    ),
)
compare(
    tr(es="espera mediana con REST", en="median wait with REST"),
    predicted=rider_waits_ms,
    measured=1000 * waits(on_rest).percentile(50),
    unit="ms",
)
compare(
    tr(es="pérdida con REST", en="loss with REST"),
    predicted=euros_lost_with_rest,
    measured=on_rest["bill"].loss,
    unit=tr(es="€ por 100 precios", en="€ per 100 quotes"),
)

# %% [markdown] lang="es" row="5" slide="notes"
# Cuidado con lo que comparas: REST y gRPC dan **idas y vueltas**; la antigüedad del sondeo era de **una sola dirección**. Y un aviso de
# laboratorio: un servidor mal configurado (el `http.server` de Python con conexiones persistentes, por ejemplo) añade 40 ms por llamada
# por el algoritmo de Nagle y las confirmaciones retardadas de TCP. Con él habríamos «demostrado» que REST es lentísimo.
# %% [markdown] lang="en" row="5" slide="notes"
# Mind what you compare: REST and gRPC give **round trips**; the staleness of polling was **one-way**. And a warning from the lab: a badly
# configured server (Python's `http.server` with persistent connections, say) adds 40 ms a call, because of Nagle's algorithm and the delayed
# acknowledgements of TCP. With it we would have "proved" that REST is terribly slow.

# %% [markdown] lang="es" row="5" slide="slide"
# ### Plazos, reintentos y el viaje reservado dos veces
#
# En una red, una respuesta que no llega significa una de dos cosas: *no se hizo* o *se hizo y se perdió la respuesta*. Quien llama no puede
# distinguirlas. Si reintenta, arregla la primera y **duplica** la segunda.
#
# El servicio de reservas de abajo pierde una de cada diez respuestas *después* de reservar. El cliente espera 60 ms y reintenta.
#
# **Predice:** de 100 viajeros, ¿cuántos viajes de más quedan reservados?
# %% [markdown] lang="en" row="5" slide="slide"
# ### Deadlines, retries and the ride that is booked twice
#
# On a network, an answer that does not come means one of two things: *it was not done*, or *it was done and the answer was lost*. The caller cannot
# tell them apart. By trying again it mends the first and **duplicates** the second.
#
# The booking service below loses one answer in ten *after* it has booked. The client waits 60 ms and tries again.
#
# **Predict:** for 100 riders, how many rides too many get booked?

# %%
rides_too_many = None

# %% slide="fragment"
import random
from uuid import uuid4


def booking_service(ready, stopping, seed=3):
    """Books rides. It loses one answer in ten, after the booking, and refuses one request in twenty before it (503)."""
    from fastapi import FastAPI, Header, HTTPException

    app, chance = FastAPI(), random.Random(seed)
    booked, answers = [], {}

    @app.post("/bookings")
    def book(ride: dict, idempotency_key: str | None = Header(default=None)):
        if chance.random() < 0.05:
            raise HTTPException(503, "busy")
        if idempotency_key is None or idempotency_key not in answers:
            booked.append(ride["rider"])
            answers[idempotency_key] = {"booking": len(booked), "rider": ride["rider"]}
        if chance.random() < 0.10:
            # es: la respuesta se pierde: el cliente ya no espera
            # en: the answer is lost: the client has stopped waiting
            sleep(0.15)
        return answers[idempotency_key]

    services.serve_http(app, ready, stopping)
    return booked


def book(http, rider, key=None, tries=6):
    """Book a ride with a deadline and retries. Returns the booking, or None when all tries failed."""
    headers = {"Idempotency-Key": key} if key else {}
    for attempt in range(tries):
        try:
            response = http.post("/bookings", json={"rider": rider}, headers=headers, timeout=0.06)
            if response.status_code < 500:
                return response.raise_for_status().json()
        except httpx.TimeoutException:
            # es: ¿se hizo o no se hizo? No hay forma de saberlo
            # en: was it done or not? There is no way to know
            pass
        # es: espera creciente, con tope y con azar, para que mil clientes no vuelvan a la vez
        # en: back off, capped and with jitter, so that a thousand clients do not come back at once
        sleep(random.uniform(0, min(0.1, 0.01 * 2**attempt)))
    return None


rows = []
for with_key in (False, True):
    service = processes.start(booking_service, name="bookings")
    with services.http_client(service.address) as http:
        riders = tqdm(range(100), desc=tr(es="reservas", en="bookings"), leave=False)
        done = [book(http, rider, key=str(uuid4()) if with_key else None) for rider in riders]
    service.stop()
    booked = service.result(timeout=5)
    rows.append(
        {
            tr(es="clave de idempotencia", en="idempotency key"): with_key,
            tr(es="viajeros con respuesta", en="riders answered"): sum(
                answer is not None for answer in done
            ),
            tr(es="viajes reservados", en="rides booked"): len(booked),
            tr(es="de más", en="too many"): len(booked) - len(set(booked)),
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Cien viajeros, una respuesta perdida de cada diez",
        en="A hundred riders, one answer lost in ten",
    ),
)
compare(
    tr(es="viajes de más sin clave", en="rides too many without a key"),
    predicted=rides_too_many,
    measured=list(rows[0].values())[-1],
    unit="",
)

# %% [markdown] lang="es" row="5" slide="skip"
# La clave se elige **una vez por intención** (no por intento) y el servidor recuerda qué contestó. Así, reintentar un `POST` se vuelve seguro. Una
# clave nueva en cada intento es como no tenerla. Y hay respuestas que no se reintentan: un `400` seguirá siendo `400`.
#
# **A mil veces esta escala:** los reintentos multiplican la carga justo cuando el servicio no puede con ella. Cinco niveles que reintentan tres veces
# son $3^5 = 243$ peticiones por cada una. De ahí los presupuestos de reintentos y los disyuntores (*circuit breakers*).
# %% [markdown] lang="en" row="5" slide="skip"
# The key is chosen **once per intention** (not per attempt), and the server remembers what it answered. That makes retrying a `POST` safe. A new
# key for each attempt is as good as none. And some answers are not worth a retry: a `400` will be a `400` again.
#
# **At a thousand times this scale:** retries multiply the load just when the service cannot bear it. Five layers that try three times each make
# $3^5 = 243$ requests out of one. Hence retry budgets and *circuit breakers*.

# %% [markdown] lang="es" row="6" slide="slide"
# ## Cuando los servicios se multiplican
#
# Con tres servicios hay tres parejas. Con $n$, si todos hablan con todos, hay $n(n-1)/2$ enlaces. Y crece algo más que el dibujo: si una petición
# necesita a $n$ servicios y cada uno falla con probabilidad $p$ o es lento con probabilidad $q$,
#
# $$P(\text{todo bien}) = (1-p)^n, \qquad P(\text{alguno lento}) = 1-(1-q)^n.$$
#
# Levantamos servicios de verdad, cada uno con su puerto, que fallan una de cada cien veces y, una de cada cien, tardan 15 ms.
#
# **Predice:** si una petición espera a 50 servicios a la vez, ¿qué porcentaje de peticiones será lento?
# %% [markdown] lang="en" row="6" slide="slide"
# ## When services multiply
#
# With three services there are three pairs. With $n$, if everyone talks to everyone, there are $n(n-1)/2$ links. And more grows than the drawing: if a
# request needs $n$ services and each fails with probability $p$ or is slow with probability $q$,
#
# $$P(\text{all well}) = (1-p)^n, \qquad P(\text{any slow}) = 1-(1-q)^n.$$
#
# We raise real services, each with a port of its own, which fail once in a hundred and, once in a hundred, take 15 ms.
#
# **Predict:** if a request waits for 50 services at once, what percentage of requests is slow?

# %%
slow_requests_percent = None

# %% slide="fragment"
import asyncio


def neighbourhood(how_many, ready, stopping):
    """Many small services, each on its own port: one line asked, one line answered."""

    async def serve():
        async def service(reader, writer, chance):
            while await reader.readline():
                failed, slow = chance.random() < 0.01, chance.random() < 0.01
                await asyncio.sleep(0.015 if slow else 0)
                writer.write(b"error\n" if failed else b"ok\n")
            writer.close()

        def listener(seed):
            chance = random.Random(seed)
            return lambda reader, writer: service(reader, writer, chance)

        servers = [
            await asyncio.start_server(listener(seed), "127.0.0.1", 0) for seed in range(how_many)
        ]
        ready([server.sockets[0].getsockname() for server in servers])
        while not stopping.is_set():
            await asyncio.sleep(0.05)
        for server in servers:
            server.close()

    asyncio.run(serve())


def ask_all(addresses, requests):
    """Send each request to all the services at once and wait for all. Returns (seconds, any failed) of each request."""

    async def measure():
        lines = [await asyncio.open_connection(*address) for address in addresses]

        async def ask(reader, writer):
            writer.write(b"price?\n")
            return await reader.readline()

        outcomes = []
        for _ in range(requests):
            began = time.perf_counter()
            answers = await asyncio.gather(*(ask(*line) for line in lines))
            outcomes.append(
                (time.perf_counter() - began, any(answer != b"ok\n" for answer in answers))
            )
        for _, writer in lines:
            writer.close()
        return outcomes

    return asyncio.run(measure())


def everyone_to_everyone(addresses):
    """Open one connection for each pair of services; how many that makes."""
    import socket

    links = [
        socket.create_connection(there, timeout=5)
        for i, there in enumerate(addresses)
        for _ in range(i)
    ]
    for link in links:
        link.close()
    return len(links)


requests, fan_outs, measured = 400, (1, 5, 20, 50), {}
with processes.group() as group:
    addresses = group.start(neighbourhood, max(fan_outs), name="neighbourhood").address
    for n in tqdm(fan_outs, desc=tr(es="servicios por petición", en="services per request")):
        measured[n] = group.start(ask_all, addresses[:n], requests, name=f"caller-{n}").result(
            timeout=60
        )
    links = {
        n: group.start(everyone_to_everyone, addresses[:n], name="mesh").result(timeout=30)
        for n in (3, 5, 10, 15)
    }

# %% tags=["hide-input"] slide="fragment"
# es: segundos
# en: seconds
SLOW = 0.01
rows = []
for n, outcomes in measured.items():
    times = sorted(seconds_taken for seconds_taken, _ in outcomes)
    rows.append(
        {
            tr(es="servicios", en="services"): n,
            tr(es="lentas, fórmula (%)", en="slow, formula (%)"): 100 * (1 - 0.99**n),
            tr(es="lentas, medido (%)", en="slow, measured (%)"): 100
            * sum(t > SLOW for t in times)
            / requests,
            tr(es="sin fallo, fórmula (%)", en="no failure, formula (%)"): 100 * 0.99**n,
            tr(es="sin fallo, medido (%)", en="no failure, measured (%)"): 100
            * sum(not failed for _, failed in outcomes)
            / requests,
            tr(es="mediana (ms)", en="median (ms)"): 1000 * times[requests // 2],
            "p99 (ms)": 1000 * times[int(0.99 * requests)],
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"{requests} peticiones a cada número de servicios",
        en=f"{requests} requests to each number of services",
    ),
)
tables.show(
    [
        {
            tr(es="servicios", en="services"): n,
            tr(es="enlaces abiertos", en="links opened"): opened,
            "n(n-1)/2": n * (n - 1) // 2,
            tr(es="con un broker", en="with a broker"): n,
        }
        for n, opened in links.items()
    ],
    caption=tr(
        es="Todos con todos, contados abriéndolos",
        en="Everyone to everyone, counted by opening them",
    ),
)

# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots(figsize=(7, 3.8))
ns = range(1, 101)
ax.plot(
    ns,
    [100 * (1 - 0.99**n) for n in ns],
    "-",
    label=tr(es="fórmula 1 − 0,99ⁿ", en="formula 1 − 0.99ⁿ"),
)
shares = {n: sum(t > SLOW for t, _ in outcomes) / requests for n, outcomes in measured.items()}
ax.errorbar(
    list(shares),
    [100 * share for share in shares.values()],
    yerr=[196 * (share * (1 - share) / requests) ** 0.5 for share in shares.values()],
    fmt="o",
    capsize=3,
    label=tr(es="medido (±95 %)", en="measured (±95 %)"),
)
ax.axvline(100, linestyle=":")
ax.annotate("63 %", (100, 63.4), xytext=(-40, -4), textcoords="offset points")
ax.set(
    xlabel=tr(es="servicios que necesita una petición", en="services that a request needs"),
    ylabel=tr(es="peticiones lentas (%)", en="slow requests (%)"),
)
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="El porcentaje de peticiones lentas sube con el número de servicios, según la fórmula, hasta el 63 % con 100.",
        en="The percentage of slow requests rises with the number of services, as the formula says, to 63 % with 100.",
    ),
)
compare(
    tr(es="peticiones lentas con 50 servicios", en="slow requests with 50 services"),
    predicted=slow_requests_percent,
    measured=100 * shares[50],
    unit="%",
)

# %% [markdown] lang="es" row="6" slide="subslide"
# Lo que era raro para un servicio es **lo normal** para una petición que necesita muchos: un retraso que sufre una de cada cien llamadas lo sufren el
# 63 % de las peticiones a cien servicios (Dean y Barroso, *The Tail at Scale*, 2013). Y treinta servicios al 99,9 % dan un
# 97 %: no un 99,9 %. Mira también qué se hace: las medianas no lo enseñan; hay que mirar el p99.
# %% [markdown] lang="en" row="6" slide="subslide"
# What was rare for one service is **normal** for a request that needs many: a delay that one call in a hundred suffers is suffered by
# 63 % of the requests to a hundred services (Dean and Barroso, *The Tail at Scale*, 2013). And thirty services at 99.9 % make
# 97 %: not 99.9 %. See also where it shows: not in the medians; it is the p99 that one has to look at.

# %% [markdown] lang="es" row="7" slide="slide"
# ## Tercera manera: a través de un broker
#
# ```mermaid
# flowchart LR
#     D[Conductores] --> K{{Broker}}
#     V[Viajes] --> K
#     P[Precios] --> K
#     K --> D
#     K --> V
#     K --> P
# ```
#
# Cada uno **cuenta lo que pasa** en un topic y sigue a lo suyo; quien quiera saberlo se suscribe. Nadie espera respuesta y nadie sabe quién escucha. El broker
# guarda los mensajes en orden, y cada consumidor lleva la cuenta de por dónde va (su *offset*).
#
# Aquí el broker es un Kafka de bolsillo: habla el protocolo de Kafka de verdad, pero vive en memoria y guarda poco. Con `KAFKA_BOOTSTRAP` el mismo
# código usa un clúster real. La latencia que midas es **de este broker de bolsillo**, no la de Kafka.
# %% [markdown] lang="en" row="7" slide="slide"
# ## The third way: through a broker
#
# ```mermaid
# flowchart LR
#     D[Drivers] --> K{{Broker}}
#     V[Rides] --> K
#     P[Prices] --> K
#     K --> D
#     K --> V
#     K --> P
# ```
#
# Everyone **tells what happens** in a topic and gets on with their own work; whoever wants to know subscribes. Nobody waits for an answer and nobody knows who
# listens. The broker keeps the messages in order, and each consumer keeps track of how far it has read (its *offset*).
#
# Here the broker is a pocket Kafka: it speaks the real Kafka protocol, but lives in memory and keeps little. With `KAFKA_BOOTSTRAP` the same
# code uses a real cluster. The latency you measure is **this pocket broker's**, not Kafka's.

# %% slide="subslide"
from confluent_kafka import OFFSET_STORED, Consumer, Producer, TopicPartition

broker = open_until_the_end.enter_context(kafka.cluster())


def new_topics(run):
    """One topic for each kind of news, with a single partition: a single order."""
    return {
        kind: broker.create_topic(f"{kind}-{run}", partitions=1)
        for kind in ("supply", "demand", "price")
    }


def read_everything(broker, topics, group):
    """A consumer that goes on where its group had stopped; at the beginning if it is new."""
    settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer(broker.config(settings))
    # es: una sola lectora por grupo, así que se asigna la partición a mano; `subscribe` reparte entre varias (unidad 02)
    # en: one reader a group, so the partition is assigned by hand; `subscribe` shares out among several (unit 02)
    consumer.assign([TopicPartition(topic, 0, OFFSET_STORED) for topic in topics])
    return consumer


def live_on_broker(Kind, events, line, seconds, journal, broker, topics):
    """One service, as a process, that tells the broker its news and hears there those of the others."""
    service = Kind()
    service.journal = journal
    producer = Producer(broker.config({"linger.ms": 0}))
    consumer = read_everything(
        broker, [topics[kind] for kind in service.hears], group=Kind.__name__
    )
    began = line.wait()
    for event in timeline(events, began, seconds + GRACE, every=0.002):
        if event is not None:
            messages, records = service.happen(event), []
        else:
            records = consumer.consume(500, timeout=0)
            messages = [
                answer
                for record in records
                for answer in service.hear(Message(*json.loads(record.value())))
            ]
        for message in messages:
            producer.produce(topics[message.kind], key=str(message.zone), value=json.dumps(message))
        producer.poll(0)
        if records:
            consumer.commit(asynchronous=True)
    producer.flush(10)
    consumer.close()
    return {"heard": service.heard, "quotes": service.quotes}


# %% [markdown] lang="es" row="7" slide="subslide"
# ### Experimento: matar a *precios* a mitad del día
#
# En el segundo tercio del experimento *precios* muere sin avisar; al empezar el último tercio arranca otro proceso en su lugar. Lo hacemos con las tres maneras.
#
# **Predice:** mientras *precios* está muerto, ¿qué porcentaje de **todos** los viajeros se queda sin precio con REST? ¿Y con el broker? Y de los avisos que
# *precios* debía oír, ¿cuántos no oirá nunca con el broker?
# %% [markdown] lang="en" row="7" slide="subslide"
# ### Experiment: killing *prices* in the middle of the day
#
# In the second third of the experiment *prices* dies without notice; at the start of the last third another process takes its place. We do it in all three ways.
#
# **Predict:** while *prices* is dead, what percentage of **all** riders gets no price with REST? And with the broker? And of the news that *prices*
# should have heard, how many will it never hear with the broker?

# %%
no_price_with_rest_percent = None
no_price_with_broker_percent = None
never_heard_with_broker = None

# %% slide="fragment"
on_broker = run_company(live_on_broker, broker, new_topics("calm"))

crashed = {}
stormy = new_topics("stormy")
ways = {
    tr(es="base de datos, T = 50 ms", en="database, T = 50 ms"): lambda: run_company(
        live_on_database, sqlite_url(), 0.05, crash=PriceOptimisation
    ),
    "REST": lambda: on_services(rest_server, RestClient, crash=PriceOptimisation),
    "broker": lambda: run_company(live_on_broker, broker, stormy, crash=PriceOptimisation),
}
for name in tqdm(ways, desc=tr(es="una caída en cada manera", en="a crash in each way")):
    crashed[name] = ways[name]()

# %% tags=["hide-input"] slide="fragment"
told = {f"{event.kind} {event.zone} {event.seq}" for event in city.of("supply", "demand")}
rows = []
for name, results in crashed.items():
    # es: quien pregunta no se pierde avisos: pregunta por el valor de ahora
    # en: whoever asks has no news to miss: it asks for the value of now
    pulled = name == "REST"
    journal = results["journal"]
    rows.append(
        {
            "": name,
            tr(es="viajeros sin precio (%)", en="riders without a price (%)"): 100
            * results["bill"].unanswered
            / results["bill"].quotes,
            tr(es="avisos nunca oídos", en="news never heard"): None
            if pulled
            else len(told - set(journal)),
            tr(es="avisos oídos dos veces", en="news heard twice"): None
            if pulled
            else len(journal) - len(set(journal)),
            tr(es="pérdida (€ por 100 precios)", en="loss (€ per 100 quotes)"): results[
                "bill"
            ].loss,
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Con precios muerto un tercio del tiempo (más lo que tarda en arrancar otro)",
        en="With prices dead for a third of the time (plus what another takes to start)",
    ),
)
without_price = tr(es="viajeros sin precio (%)", en="riders without a price (%)")
compare(
    tr(es="viajeros sin precio con REST", en="riders without a price with REST"),
    predicted=no_price_with_rest_percent,
    measured=rows[1][without_price],
    unit="%",
)
compare(
    tr(es="viajeros sin precio con el broker", en="riders without a price with the broker"),
    predicted=no_price_with_broker_percent,
    measured=rows[2][without_price],
    unit="%",
)
compare(
    tr(es="avisos nunca oídos con el broker", en="news never heard with the broker"),
    predicted=never_heard_with_broker,
    measured=len(told - set(crashed["broker"]["journal"])),
    unit="",
)

# %% [markdown] lang="es" row="7" slide="subslide"
# Con REST, *viajes* se para en cuanto se para *precios*, aunque *viajes* esté sano: es el acoplamiento en el tiempo. Con la base de datos y con el broker sigue
# cobrando **el último precio que oyó**: peor que el fresco, mejor que nada. Y al volver, *precios* encuentra todo lo que se dijo mientras no estaba.
#
# «Nada perdido» no quiere decir «todo una vez»: el proceso que muere después de atender un mensaje y antes de anotar hasta dónde leyó lo atenderá otra vez su sucesor.
# Con la base de datos se repite todo el historial, porque nuestro lector no guardó su posición. La unidad 02 trata de eso.
#
# Y el broker no es una llamada síncrona con otro nombre: `produce` no espera a que nadie atienda el mensaje. Si de verdad necesitas la respuesta para seguir, pregunta.
# %% [markdown] lang="en" row="7" slide="subslide"
# With REST, *rides* stops as soon as *prices* stops, although *rides* is in good health: that is coupling in time. With the database and with the broker it goes on
# asking **the last price it heard**: worse than a fresh one, better than none. And when *prices* comes back it finds all that was said while it was away.
#
# "Nothing lost" does not mean "everything once": when a process dies after it has handled a message and before it has noted how far it has read, its successor handles it again.
# With the database the whole history is repeated, because our reader did not keep its position. Unit 02 is about that.
#
# And the broker is not a synchronous call by another name: `produce` does not wait for anybody to handle the message. If you really need the answer to go on, ask.

# %% [markdown] lang="es" row="8" slide="slide"
# ## Un cuarto consumidor, y los productores ni se enteran
#
# Llega el equipo de fraude y quiere leer los precios y la demanda **desde el principio del día**. Con servicios habría que pedir a dos equipos que lo avisaran. Aquí
# se suscribe y ya está.
#
# **Predice:** *precios* ya leyó la demanda. ¿Qué porcentaje de esos mensajes podrá leer todavía *fraude*?
# %% [markdown] lang="en" row="8" slide="slide"
# ## A fourth consumer, and the producers never know
#
# The fraud team arrives and wants to read the prices and the demand **since the start of the day**. With services, two teams would have to be asked to notify it. Here
# it subscribes, and that is all.
#
# **Predict:** *prices* has read the demand already. What percentage of those messages can *fraud* still read?

# %%
still_readable_percent = None


# %% slide="fragment"
def read_to_the_end(broker, topics, group):
    """How many messages of each topic a consumer group gets when it reads all there is."""
    consumer, counts, quiet = read_everything(broker, topics, group), Counter(), monotonic()
    while monotonic() - quiet < 1.0:
        for record in consumer.consume(500, timeout=0.1):
            counts[record.topic()] += 1
            quiet = monotonic()
    consumer.close()
    return counts


kept = {kind: stormy[kind] for kind in ("demand", "price")}
with processes.group() as group:
    newcomers = {
        name: group.start(read_to_the_end, broker, list(kept.values()), name, name=name)
        for name in ("fraud", "audit")
    }
    read = {name: process.result(timeout=30) for name, process in newcomers.items()}

# %% tags=["hide-input"] slide="fragment"
demand_told = len(city.of("demand"))
tables.show(
    [
        {tr(es="grupo nuevo", en="new group"): name}
        | {kind: counts[topic] for kind, topic in kept.items()}
        for name, counts in read.items()
    ],
    caption=tr(
        es=f"Mensajes leídos por dos grupos recién llegados; de demanda se dijeron {demand_told}",
        en=f"Messages read by two newly arrived groups; of demand, {demand_told} were told",
    ),
)
compare(
    tr(
        es="de la demanda que precios ya leyó, fraude aún puede leer",
        en="of the demand that prices has read, fraud can still read",
    ),
    predicted=still_readable_percent,
    measured=100 * read["fraud"][kept["demand"]] / demand_told,
    unit="%",
)

# %% [markdown] lang="es" row="8" slide="subslide"
# Leer no borra: cada grupo lleva **su propio** offset sobre el mismo registro. Por eso los dos recién llegados lo leen todo y nadie se queda sin nada. En una cola de
# trabajo clásica, en cambio, cada mensaje es para uno solo (unidad 02).
#
# **A mil veces esta escala:** lo que crece es el disco del broker (cuánto tiempo se guarda: la retención) y la red de salida, que se paga una vez por grupo.
# %% [markdown] lang="en" row="8" slide="subslide"
# Reading does not remove: each group keeps **its own** offset over the same log. That is why both newcomers read everything and nobody goes without. In a classic
# work queue, by contrast, each message is for one alone (unit 02).
#
# **At a thousand times this scale:** what grows is the disk of the broker (for how long things are kept: retention) and its outgoing network, which is paid once a group.

# %% [markdown] lang="es" row="2 5 7" slide="slide"
# ## Las tres, cara a cara
#
# La misma ciudad, las mismas clases, tres transportes. Las dos columnas de tiempo **no son lo mismo**: la *espera* es lo que tarda el viajero en tener su precio (con servicios, tres
# idas y vueltas; con los otros dos, mirar en la propia memoria), y la *antigüedad* es de una sola dirección, de decir a oír.
# %% [markdown] lang="en" row="2 5 7" slide="slide"
# ## The three, face to face
#
# The same city, the same classes, three transports. The two columns of time are **not the same thing**: the *wait* is how long the rider takes to get a price (with services, three
# round trips; with the other two, a look into one's own memory), and the *staleness* is one-way, from saying to hearing.

# %% tags=["hide-input"] slide="fragment"
calm = {f"SQLite, T = {1000 * poll:g} ms": results for poll, results in sweep.items()}
calm |= {
    "PostgreSQL, T = 50 ms": on_postgres,
    "REST": on_rest,
    "gRPC": on_grpc,
    "broker": on_broker,
}
rows = []
for name, results in calm.items():
    asks = name in ("REST", "gRPC")
    ages, wait = ages_at_prices(results), waits(results)
    rows.append(
        {
            "": name,
            tr(es="el viajero espera", en="the rider waits for"): tr(
                es="3 idas y vueltas", en="3 round trips"
            )
            if asks
            else tr(es="su memoria", en="own memory"),
            "p50 (ms)": 1000 * wait.percentile(50),
            "p99 (ms)": 1000 * wait.percentile(99),
            tr(es="antigüedad p50 (ms)", en="staleness p50 (ms)"): 1000 * statistics.median(ages),
            tr(es="antigüedad p99 (ms)", en="staleness p99 (ms)"): 1000
            * statistics.quantiles(ages, n=100)[98],
            tr(es="error de precio (€)", en="price error (€)"): results["bill"].error,
            tr(es="pérdida (€ por 100)", en="loss (€ per 100)"): results["bill"].loss,
        }
    )
tables.show(
    rows,
    caption=tr(
        es="La misma empresa en cada transporte (en esta máquina, ahora)",
        en="The same company on each transport (on this machine, now)",
    ),
)

# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots(figsize=(8, 4.2))
styles = {"SQLite": "o", "PostgreSQL": "s", "REST": "^", "gRPC": "v", "broker": "D"}
for name, results in calm.items():
    x, y = 1000 * waits(results).percentile(99), results["bill"].loss
    ax.plot([x], [y], styles[name.split(",")[0]], markersize=9)
    ax.annotate(name, (x, y), xytext=(8, 0), textcoords="offset points", va="center")
ax.set(
    xscale="log",
    yscale="log",
    xlabel=tr(es="espera del viajero, p99 (ms)", en="wait of the rider, p99 (ms)"),
    ylabel=tr(es="pérdida (€ por 100 precios)", en="loss (€ per 100 quotes)"),
)
ax.margins(x=0.35, y=0.15)
plots.show(
    fig,
    alt=tr(
        es="Cada transporte según cuánto espera el viajero y cuántos euros se pierden: preguntar es fresco pero lento; sondear, inmediato pero viejo; el broker, inmediato y casi fresco.",
        en="Each transport by how long the rider waits and how many euros are lost: asking is fresh but slow; polling is immediate but old; the broker is immediate and nearly fresh.",
    ),
)

# %% [markdown] lang="es" row="6 7" slide="subslide"
# Y lo que no se mide en milisegundos, el **acoplamiento**: qué sabe cada uno de los demás, y qué sobrevive.
#
# | | cada uno conoce | enlaces con $n$ servicios | si *precios* muere | si muere lo de en medio |
# |---|---|---|---|---|
# | base de datos | la tabla y sus columnas | $n$ | se sigue con lo último que se oyó | se paran todos |
# | servicios | la dirección y la API de cada otro | hasta $n(n-1)/2$ | no hay precio | no hay nada en medio |
# | broker | los topics y la forma de sus mensajes | $n$ | se sigue con lo último que se oyó | se paran todos: por eso un clúster son varios |
# %% [markdown] lang="en" row="6 7" slide="subslide"
# And what is not measured in milliseconds, the **coupling**: what each one knows of the others, and what survives.
#
# | | each one knows | links with $n$ services | if *prices* dies | if the middle dies |
# |---|---|---|---|---|
# | database | the table and its columns | $n$ | they go on with what they heard last | all stop |
# | services | the address and the API of every other | up to $n(n-1)/2$ | there is no price | nothing is in the middle |
# | broker | the topics and the shape of their messages | $n$ | they go on with what they heard last | all stop: that is why a cluster is several |

# %% [markdown] lang="es" slide="slide"
# ## Cómo elegir, y qué ha cambiado desde las diapositivas
#
# - **Base de datos** si ya la compartís, los datos deben quedar guardados de todos modos y unos segundos de retraso no cuestan dinero.
# - **Servicios** si hace falta la respuesta *ahora* para poder seguir, y son pocos los eslabones de la cadena.
# - **Broker** si varios quieren oír lo mismo, si quien habla no debe esperar a quien escucha o si hay que poder volver atrás y releer.
#
# Lo normal es mezclarlas: en esta misma empresa, el viajero *pregunta* por su precio, y la demanda se *cuenta* por un broker.
#
# Las diapositivas vienen del curso CS 329S de Stanford (Chip Huyen, 2021), y casi todo sigue en pie. Tres matices con fecha: las bases de datos hoy también avisan (captura de cambios; Debezium
# existe desde 2016) y el sondeo ya no es la única forma de leerlas; la maraña de servicios se gobierna con mallas (Istio 1.0 es de 2018), que ponen plazos, reintentos y
# disyuntores fuera del código, pero no cambian las fórmulas; y desde Kafka 4.0 (marzo de 2025) un clúster ya no necesita ZooKeeper, con lo que tener un broker cuesta menos que entonces.
# %% [markdown] lang="en" slide="slide"
# ## How to choose, and what has changed since the slides
#
# - **A database** if you share one already, the data must be stored anyway, and some seconds of delay cost no money.
# - **Services** if the answer is needed *now* in order to go on, and the links of the chain are few.
# - **A broker** if several want to hear the same, if the speaker must not wait for the listener, or if one must be able to go back and read again.
#
# Mixing them is the usual thing: in this very company the rider *asks* for a price, and the demand is *told* through a broker.
#
# The slides come from Stanford's course CS 329S (Chip Huyen, 2021), and nearly all of it stands. Three qualifications with dates: databases notify too nowadays (change data capture; Debezium
# has existed since 2016), so polling is not the only way to read them; the tangle of services is governed with meshes (Istio 1.0 is of 2018), which put deadlines, retries and
# circuit breakers outside the code but do not change the formulas; and since Kafka 4.0 (March 2025) a cluster no longer needs ZooKeeper, so having a broker costs less than it did.

# %% [markdown] lang="es" slide="skip"
# ## Para terminar
#
# Cierra lo que quede abierto (también se cierra solo si apagas el notebook, o si se interrumpe a mitad).
#
# Ahora te toca a ti: los ejercicios de esta unidad te piden la matriz de dependencias, la fórmula de la antigüedad, una cola de trabajo que no pierde nada, un cliente que no reserva dos veces y algo más.
#
# **Para leer más:** Kleppmann, *Designing Data-Intensive Applications*, capítulos 4 y 11; Dean y Barroso, [*The Tail at Scale*](https://research.google/pubs/the-tail-at-scale/) (2013); la documentación de SQLite
# sobre [WAL](https://sqlite.org/wal.html) y la especificación en curso de la cabecera `Idempotency-Key` en el IETF.
# %% [markdown] lang="en" slide="skip"
# ## To finish
#
# Close what is still open (it also closes by itself if you shut the notebook down, or if it is interrupted half-way).
#
# Now it is your turn: the exercises of this unit ask you for the dependency matrix, the formula of staleness, a work queue that loses nothing, a client that does not book twice, and some more.
#
# **Further reading:** Kleppmann, *Designing Data-Intensive Applications*, chapters 4 and 11; Dean and Barroso, [*The Tail at Scale*](https://research.google/pubs/the-tail-at-scale/) (2013); the documentation of SQLite
# on [WAL](https://sqlite.org/wal.html), and the IETF's draft specification of the `Idempotency-Key` header.

# %% slide="skip"
open_until_the_end.close()
