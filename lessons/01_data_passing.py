# ---
# title:
#   es: Paso de datos entre procesos
#   en: Passing data between processes
# unit: "01"
# minutes: 90
# ---

# %% [markdown] lang="es" slide="slide"
# # Paso de datos entre procesos
#
# Un modelo en producción casi nunca vive solo. Unos procesos saben cosas, otros las necesitan, y algo tiene que llevarlas
# de un sitio a otro. Hay tres maneras: **una base de datos** que todos miran, **servicios** que se preguntan unos a otros y
# **un broker** al que todos anuncian lo que pasa. Aquí verás la misma empresa funcionando de las tres maneras, con procesos
# de verdad, y medirás cuánto cuesta cada una.
#
# Al terminar sabrás:
#
# 1. **(1.1)** decir qué proceso necesita qué dato, y qué se pierde si no le llega;
# 2. **(1.2)** predecir con cuánta antigüedad llega un dato cuando se sondea una base de datos, y cuántas consultas cuesta;
# 3. **(1.3)** explicar por qué no siempre se puede compartir una base de datos;
# 4. **(1.4)** descomponer lo que tarda un dato en pasar por una base de datos (sondeo, disco, SQL) y decir quién espera a quién por un bloqueo;
# 5. **(1.5)** llamar a un servicio con plazo máximo (*timeout*), reintentos y clave de idempotencia, sin reservar dos veces;
# 6. **(1.6)** calcular cómo crecen los enlaces, los fallos y la lentitud con el número de servicios;
# 7. **(1.7)** tumbar un servicio detrás de un broker, volver a levantarlo sin perder mensajes, y decir qué se pierde: su memoria;
# 8. **(1.8)** añadir un consumidor sin tocar a los productores.
#
# **Tiempo:** unos 90 minutos; las celdas tardan menos de dos en total. **Qué se ejecuta:** procesos de tu máquina y nada más:
# SQLite, un PostgreSQL que se instala con `pip`, FastAPI y gRPC en `127.0.0.1`, y un Kafka de bolsillo. No hacen falta red, Docker
# ni Java. Para repetir un experimento, reinicia el kernel y ejecútalo todo desde el principio.
#
# Las «diapositivas» de las que hablamos son las del curso CS 329S de Stanford (Chip Huyen, 2021), de donde sale la empresa.
# %% [markdown] lang="en" slide="slide"
# # Passing data between processes
#
# A model in production rarely lives alone. Some processes know things, others need them, and something has to carry them
# across. There are three ways: **a database** that everybody looks at, **services** that ask one another, and **a broker**
# to which everyone announces what happens. Here you will see the same company run in all three ways, with real processes,
# and you will measure what each one costs.
#
# When you finish you will be able to:
#
# 1. **(1.1)** say which process needs which piece of data, and what is lost when it does not arrive;
# 2. **(1.2)** predict how old a piece of data is when it arrives through a polled database, and how many queries that costs;
# 3. **(1.3)** explain why a database cannot always be shared;
# 4. **(1.4)** break down the time data takes to get through a database (polling, disk, SQL), and say who waits for whom because of a lock;
# 5. **(1.5)** call a service with a timeout, retries and an idempotency key, without booking twice;
# 6. **(1.6)** work out how links, failures and slowness grow with the number of services;
# 7. **(1.7)** take down a service behind a broker, bring it back without losing messages, and say what is lost: its memory;
# 8. **(1.8)** add a consumer without touching the producers.
#
# **Time:** about 90 minutes; the cells themselves take under two. **What runs:** processes on your machine and nothing else:
# SQLite, a PostgreSQL that comes with `pip`, FastAPI and gRPC on `127.0.0.1`, and a pocket Kafka. No network, Docker
# or Java is needed. To repeat an experiment, restart the kernel and run everything from the top.
#
# The "slides" mentioned here are those of Stanford's CS 329S (Chip Huyen, 2021), where the company comes from.

# %% tags=["parameters"]
# es: segundos que dura cada reproducción de la ciudad
# en: how many seconds each replay of the city lasts
seconds = 3.0
# es: intervalos de sondeo, en segundos
# en: polling intervals, in seconds
poll_intervals = [0.01, 0.05, 0.2, 1.0]

# %% slide="skip"
import asyncio
import heapq
import json
import os
import queue
import random
import socket
import sqlite3
import statistics
import threading
import time
from collections import Counter, deque
from contextlib import ExitStack
from time import monotonic, sleep
from typing import NamedTuple
from uuid import uuid4

import httpx
import psycopg
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
# es: lo que se abre en una celda y se cierra en la última
# en: what one cell opens and the last one closes
open_until_the_end = ExitStack()

# %% [markdown] lang="es" row="1" slide="slide"
# ## La empresa: tres procesos y quién necesita qué
#
# Una empresa de viajes en coche. Cada proceso sabe algo que los demás necesitan:
#
# ```mermaid
# flowchart LR
#     D["Conductores<br/>sabe: conductores libres"]
#     V["Viajes<br/>sabe: viajeros que esperan"]
#     P["Precios<br/>sabe: el precio de cada zona"]
#     V -- demanda --> D
#     P -- precio --> D
#     D -- disponibilidad --> V
#     P -- precio --> V
#     V -- demanda --> P
#     D -- disponibilidad --> P
# ```
#
# - *Conductores* necesita la demanda y el precio, para animar a los conductores a ir adonde hacen falta.
# - *Viajes* necesita la disponibilidad y el precio, para enseñárselos al viajero.
# - *Precios* necesita la demanda y la disponibilidad: con una sola no puede fijar un precio.
#
# La ciudad es simulada (`datasets/rides`), y eso tiene una ventaja: se conoce el **precio óptimo** en cada instante. Con $r > 0$ viajeros
# que esperan y $d$ conductores libres, si lo que cada viajero está dispuesto a pagar se reparte por igual entre 0 y 20 €, es
#
# $$p^* = \max\left(10,\; 20\,(1 - d/r)\right)\ \text{euros}.$$
#
# Con conductores de sobra se cobran 10 €; si escasean, el precio sube hasta que solo acepten tantos viajeros como conductores hay. Cada vez que alguien **pide precio**,
# comparamos lo que se gana con el precio que le dimos y lo que ganaría un **oráculo** que lo sabe todo al instante. Lo que falta, de cada 100 € del
# oráculo, es la **pérdida**: así, lo que cuesta un dato viejo o perdido se mide en dinero. (El **error medio del precio** es cuánto se aparta, de media, del óptimo.)
#
# Un segundo de la reproducción es un minuto de la ciudad: un retraso de un segundo aquí es un retraso de un minuto allí. Fíate de los mecanismos (de qué depende cada retraso) y de las tendencias, no de los euros ni del orden de dos soluciones que queden cerca.
# %% [markdown] lang="en" row="1" slide="slide"
# ## The company: three processes, and who needs what
#
# A ride-sharing company. Each process knows something that the others need:
#
# ```mermaid
# flowchart LR
#     D["Drivers<br/>knows: free drivers"]
#     V["Rides<br/>knows: waiting riders"]
#     P["Prices<br/>knows: the price of each zone"]
#     V -- demand --> D
#     P -- price --> D
#     D -- availability --> V
#     P -- price --> V
#     V -- demand --> P
#     D -- availability --> P
# ```
#
# - *Drivers* needs the demand and the price, to encourage drivers to go where they are needed.
# - *Rides* needs the availability and the price, to show them to the rider.
# - *Prices* needs the demand and the availability: with just one of them it cannot set a price.
#
# The city is simulated (`datasets/rides`), which has one advantage: the **best price** is known at every moment. With $r > 0$ waiting
# riders and $d$ free drivers, if what each rider is willing to pay is spread evenly between 0 and 20 €, it is
#
# $$p^* = \max\left(10,\; 20\,(1 - d/r)\right)\ \text{euros}.$$
#
# With plenty of drivers it is 10 €; when they are scarce it rises until no more riders accept than there are drivers for. Each time somebody **asks for a price** (a quote),
# we compare what is earned at the price we gave with what an **oracle** that knows everything at once would earn. What is missing, out of each 100 € of the
# oracle, is the **loss**: so the harm done by stale or lost data is a number. (The **mean price error** is how far the price is, on average, from the best one.)
#
# One second of the replay is one minute of the city: a delay of one second here is a delay of one minute there. Take away the mechanisms (what each delay depends on) and the trends, not the euros, nor the order of two solutions that come out close.

# %% slide="subslide"
city = City.load(seconds=seconds)
WORDS = {
    "supply": tr(es="disponibilidad", en="availability"),
    "demand": tr(es="demanda", en="demand"),
    "quote": tr(es="piden precio", en="quote"),
    "price": tr(es="precio", en="price"),
}
after_the_start = [event for event in city.events if event.t > 0]
for event in after_the_start[:6]:
    level = "" if event.kind == "quote" else f"→ {event.level}"
    print(f"{event.t:6.3f} s", tr(es="zona", en="zone"), event.zone, WORDS[event.kind], level)

# %% tags=["hide-input"] slide="fragment"
tables.show(
    [
        {
            tr(es="evento", en="event"): WORDS[kind],
            tr(es="nombre en el código", en="name in the code"): kind,
            tr(es="cuántos", en="how many"): n,
        }
        for kind, n in Counter(event.kind for event in city.events).items()
    ],
    caption=tr(
        es=f"Lo que pasa en {seconds:g} s de reproducción",
        en=f"What happens in {seconds:g} s of replay",
    ),
)

# %% [markdown] lang="es" row="1" slide="skip"
# ### La lógica, una sola vez
#
# Un **evento** es algo que pasa en la ciudad; un **mensaje** es lo que un proceso cuenta de ello a los demás. Fíjate en lo que estas clases **no** dicen:
# cómo viaja un mensaje. Reciben mensajes, responden con mensajes, y nada más; desde fuera solo se les ponen `price_of` (de dónde saca *Viajes* el precio) y `journal` (dónde se apunta lo oído). Por
# eso podremos cambiar el transporte tres veces sin tocar ni una línea de aquí.
#
# (En esta ciudad los conductores no reaccionan al incentivo ni los viajeros a los coches que ven: en los euros solo se nota lo que oye *Precios* y cuándo le llega a *Viajes* su respuesta.)
# %% [markdown] lang="en" row="1" slide="skip"
# ### The logic, written once
#
# An **event** is something that happens in the city; a **message** is what a process tells the others about it. Notice what these classes do **not** say:
# how a message travels. They take messages, answer with messages, and that is all; the only things set from outside are `price_of` (where *Rides* gets the price) and `journal` (where what is heard gets noted). That
# is why we can change the transport three times without touching a line of this.
#
# (In this city drivers do not react to the bonus, nor riders to the cars they see: only what *Prices* hears, and when its answer reaches *Rides*, shows in the euros.)

# %% slide="skip"
# es: euros; lo que se cobra hasta que se oye algún precio
# en: euros; charged until a price is heard
FIXED_PRICE = MAX_PRICE / 2


class Message(NamedTuple):
    # es: "supply" (conductores libres), "demand" (viajeros que esperan) o "price"
    # en: "supply" (free drivers), "demand" (waiting riders) or "price"
    kind: str
    zone: int
    # es: conductores, viajeros o euros
    # en: drivers, riders or euros
    value: float
    # es: 1, 2, 3… dentro de cada tipo y zona: cuando se anuncian, un hueco es un mensaje perdido
    # en: 1, 2, 3… within each kind and zone: when they are announced, a gap is a lost message
    seq: int
    # es: cuándo se supo, en segundos de time.monotonic(), que en una misma máquina es un reloj común a
    # es: todos los procesos; entre dos máquinas no lo es, y estas restas no valdrían
    # en: when it became known, in seconds of time.monotonic(), which on one machine is a clock that all
    # en: processes share; between two machines it is not, and these differences would be wrong
    since: float


class Service:
    """What the three have in common: they number what they say and record how old what they hear is."""

    hears: tuple[str, ...] = ()

    def __init__(self):
        self.sequence = Counter()
        # es: (tipo, zona, seq, antigüedad en s) de cada mensaje oído
        # en: (kind, zone, seq, age in s) of each message heard
        self.heard = []
        # es: (momento, zona, precio o None, espera en s) de cada precio dado
        # en: (moment, zone, price or None, wait in s) of each quote
        self.quotes = []
        # es: un fichero que sobrevive si el proceso muere; lo usaremos más abajo
        # en: a file that survives if the process dies; we shall use it further down
        self.journal = os.devnull

    def say(self, kind, zone, value, since):
        self.sequence[kind, zone] += 1
        return Message(kind, zone, value, self.sequence[kind, zone], since)

    def happen(self, event, due):
        """Something of our own changed at the moment `due`: announce it."""
        return [self.say(event.kind, event.zone, event.level, since=due)]

    def hear(self, message):
        """A message from another: record it, and answer with what follows from it."""
        age = monotonic() - message.since
        self.heard.append((message.kind, message.zone, message.seq, age))
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
        known = self.prices if message.kind == "price" else self.drivers
        known[message.zone] = message.value
        return super().hear(message)

    def happen(self, event, due):
        if event.kind != "quote":
            return super().happen(event, due)
        price = self.price_of(event.zone)
        now = monotonic()
        # es: la espera cuenta desde que el viajero pide, no desde que lo atendemos
        # en: the wait counts from when the rider asks, not from when we get round to it
        self.quotes.append((now, event.zone, price, now - due))
        return []


class PriceOptimisation(Service):
    hears = ("supply", "demand")

    def __init__(self):
        super().__init__()
        # es: con lo que abre cada zona, mientras no se oiga otra cosa
        # en: what each zone opens with, until told otherwise
        self.drivers, self.waiting = Counter(), Counter()
        for zone in range(city.zones):
            self.waiting[zone], self.drivers[zone] = city.state(0, zone)

    def hear(self, message):
        super().hear(message)
        known = self.drivers if message.kind == "supply" else self.waiting
        known[message.zone] = message.value
        price = best_price(self.waiting[message.zone], self.drivers[message.zone])
        # es: con la fecha del dato que lo ha causado; el otro ingrediente puede ser más viejo
        # en: stamped with the data that caused it; the other ingredient may be older
        return [self.say("price", message.zone, price, since=message.since)]


COMPANY = {
    DriverManagement: ("supply",),
    RideManagement: ("demand", "quote"),
    PriceOptimisation: (),
}

# %% [markdown] lang="es" row="1" slide="subslide"
# ### Experimento: ¿y si *Precios* solo oye una cosa?
#
# Antes de repartir la empresa entre procesos, la ejecutamos en uno solo: cada mensaje es una llamada a función y llega al instante. Con todo a su alcance, la
# empresa gana lo mismo que el oráculo. Ahora dejamos medio sordo a *Precios*: que oiga solo la demanda, o solo la disponibilidad.
#
# **Predice:** de cada 100 € que gana el oráculo, ¿cuántos se pierden si *Precios* solo oye la demanda?
# %% [markdown] lang="en" row="1" slide="subslide"
# ### Experiment: what if *Prices* hears only one thing?
#
# Before we split the company over processes we run it in a single one: every message is a function call and arrives at once. With everything within
# reach the company earns what the oracle earns. Now we make *Prices* half deaf: it hears only the demand, or only the availability.
#
# **Predict:** of each 100 € that the oracle earns, how many are lost if *Prices* hears only the demand?

# %%
# es: escribe aquí tu número, antes de ejecutar la celda siguiente
# en: write your number here, before you run the next cell
euros_lost_hearing_only_demand = None


# %% slide="fragment"
def in_one_process(city, prices_hears):
    """The bill of the whole company without any distance in it: a message is a function call."""
    drivers, rides, prices = DriverManagement(), RideManagement(), PriceOptimisation()
    owner = {"supply": drivers, "demand": rides, "quote": rides}
    for event in city.events:
        for message in owner[event.kind].happen(event, due=monotonic()):
            if message.kind in prices_hears:
                for price in prices.hear(message):
                    rides.hear(price)
    given = [(zone, price) for _, zone, price, _ in rides.quotes]
    asked = [event.t for event in city.of("quote")]
    return city.bill((t, *quote) for t, quote in zip(asked, given, strict=True))


# es: la hora entera de la ciudad, que aquí no cuesta nada
# en: the whole hour of the city, which costs nothing here
hour = City.load()
everything, nothing = ("supply", "demand"), ()
lost = {
    heard: in_one_process(hour, heard).loss
    for heard in [everything, ("demand",), ("supply",), nothing]
}

# %% tags=["hide-input"] slide="fragment"
LOSS = tr(es="pérdida (% del oráculo)", en="loss (% of the oracle)")
tables.show(
    [
        {
            tr(es="Precios oye", en="Prices hears"): " + ".join(WORDS[kind] for kind in heard)
            or tr(es="nada", en="nothing"),
            LOSS: loss,
        }
        for heard, loss in lost.items()
    ],
    caption=tr(es="Lo que cuesta no oír", en="What it costs not to hear"),
)
compare(
    tr(
        es="euros perdidos de cada 100 si solo se oye la demanda",
        en="euros lost per 100 when only the demand is heard",
    ),
    predicted=euros_lost_hearing_only_demand,
    measured=lost[("demand",)],
    unit="€",
)

# %% [markdown] lang="es" slide="notes"
# Las flechas no son un adorno: quitar una cuesta dinero. Y oír solo *una* de las dos cosas deja escapar más de la mitad de lo que se pierde sin oír
# ninguna, porque el precio depende de la **razón** entre conductores y viajeros.
#
# Ahora repartimos la empresa entre tres procesos del sistema operativo, que no comparten memoria. ¿Por dónde viajan los mensajes?
# %% [markdown] lang="en" slide="notes"
# The arrows are not decoration: removing one costs money. And hearing only *one* of the two still costs more than half as much as hearing neither, because the price depends on the **ratio** of drivers to riders.
#
# Now we split the company over three operating-system processes, which share no memory. How do the messages travel?

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
# Cada proceso escribe sus mensajes en una tabla y **mira cada cierto tiempo** si hay mensajes nuevos de los demás: eso es **sondear**. Es lo más sencillo que
# hay, y por eso es lo primero que se hace.
#
# La tabla guarda el historial, y cada lector recuerda hasta qué fila leyó. Un detalle que, si se descuida, se paga caro: leemos cada tipo de mensaje por separado porque
# cada tipo tiene **un solo escritor**, así que sus números de fila se confirman en orden. Con dos escritores, en PostgreSQL la fila 8 puede confirmarse antes que la 7 (en SQLite no: escriben por turnos), y
# quien ya leyó «hasta la 8» no verá nunca la 7.
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
# Every process writes its messages into a table and **looks now and then** whether there are new messages from the others: that is **polling**. It is the simplest
# thing there is, which is why it is what people do first.
#
# The table keeps the history, and each reader remembers up to which row it has read. One detail that is expensive to miss: we read each kind of message by itself because
# each kind has **a single writer**, so its row numbers are committed in order. With two writers, PostgreSQL may commit row 8 before row 7 (SQLite will not: it lets one write at a time), and a
# reader that has read "up to 8" will never see 7.


# %% slide="subslide"
class SharedTable:
    """Everybody's messages in one table of SQLite or PostgreSQL: the URL decides which."""

    def __init__(self, url):
        import sqlalchemy as sql

        self.sql = sql
        self.connection = sql.create_engine(url).connect()
        if url.startswith("sqlite"):
            self.connection.execute(sql.text("PRAGMA journal_mode=WAL"))
            self.connection.execute(sql.text("PRAGMA synchronous=FULL"))
            self.connection.commit()
        self.messages = sql.Table(
            "messages",
            sql.MetaData(),
            sql.Column("id", sql.Integer, primary_key=True),
            sql.Column("kind", sql.String),
            sql.Column("zone", sql.Integer),
            sql.Column("value", sql.Float),
            sql.Column("seq", sql.Integer),
            sql.Column("since", sql.Float),
            sql.Index("by_kind", "kind", "id"),
        )
        self.last, self.queries = Counter(), 0

    def create(self):
        self.messages.metadata.create_all(self.connection)
        self.connection.commit()
        return self

    def write(self, messages):
        if messages:
            rows = [message._asdict() for message in messages]
            self.connection.execute(self.messages.insert(), rows)
            self.connection.commit()

    def read(self, kinds):
        """What is new of these kinds since the last time."""
        column, found = self.messages.c, []
        for kind in kinds:
            query = (
                self.sql.select(column.id, column.zone, column.value, column.seq, column.since)
                .where(column.kind == kind, column.id > self.last[kind])
                .order_by(column.id)
            )
            rows = self.connection.execute(query).all()
            self.queries += 1
            if rows:
                self.last[kind] = rows[-1].id
            found += [Message(kind, *row[1:]) for row in rows]
        # es: leer también abre una transacción: se cierra
        # en: reading opens a transaction too: close it
        self.connection.rollback()
        return found

    def close(self):
        self.connection.close()
        self.connection.engine.dispose()


# %% [markdown] lang="es" row="2" slide="skip"
# La vida de un proceso, paso a paso:
#
# 1. se prepara y espera en la línea de salida (`line.wait()`), para que los tres empiecen a la vez;
# 2. `timeline` va despertándolo: con un evento propio cuando toca, y con `None` cada vez que toca mirar la tabla;
# 3. si hay evento, escribe sus mensajes;
# 4. si toca mirar, lee lo nuevo, lo atiende y escribe lo que resulte;
# 5. al final devuelve lo que anotó.
#
# Cada proceso mira con su propio desfase, elegido al azar: en la vida real nadie sincroniza los relojes de quienes sondean.
# %% [markdown] lang="en" row="2" slide="skip"
# The life of a process, step by step:
#
# 1. it gets ready and waits at the start line (`line.wait()`), so that all three begin together;
# 2. `timeline` keeps waking it: with an event of its own when it is due, and with `None` whenever it is time to look at the table;
# 3. if there is an event, it writes its messages;
# 4. if it is time to look, it reads what is new, handles it and writes whatever follows;
# 5. at the end it returns what it recorded.
#
# Each process looks with an offset of its own, chosen at random: in real life nobody synchronises the clocks of those who poll.

# %% slide="subslide"
# es: segundos de más, al final, para que llegue lo último que se dijo
# en: extra seconds at the end, so that what was said last arrives
GRACE = 0.3


def timeline(events, began, seconds, every):
    """Wait for each moment; yield (moment, own event), or (moment, None) when it is time to look."""
    offset = random.uniform(0, every)
    looks = ((offset + k * every, None) for k in range(int(seconds / every) + 1))
    own = ((event.t, event) for event in events)
    for due, event in heapq.merge(own, looks, key=lambda moment: moment[0]):
        ahead = began + due - monotonic()
        if event is None and (due > seconds or ahead < -every):
            # es: fuera de hora o ya muy tarde: este sondeo se omite
            # en: after hours or far too late: skip this look
            continue
        sleep(max(0.0, ahead))
        yield began + due, event


def live_on_database(Kind, events, line, seconds, journal, url, poll):
    """One service, as a process, with a shared table between it and the others."""
    service, table = Kind(), SharedTable(url)
    service.journal = journal
    began = line.wait()
    for due, event in timeline(events, began, seconds + max(GRACE, 2 * poll), poll):
        if event is not None:
            table.write(service.happen(event, due))
        else:
            heard = table.read(service.hears)
            table.write([answer for message in heard for answer in service.hear(message)])
    table.close()
    return {"heard": service.heard, "quotes": service.quotes, "queries": table.queries}


# %% [markdown] lang="es" row="2" slide="skip"
# Y esto pone la empresa en marcha, con cualquiera de los tres transportes. `processes.start` envía la función a un proceso nuevo, junto con lo que usa de este notebook
# (por eso los procesos conocen `city` o `Message`). Con `crash`, un proceso muere sin avisar (`SIGKILL`) al acabar el primer tercio, y un suplente, que se arranca en ese momento, ocupa su lugar al empezar el último (o más tarde, si tarda más de un tercio en arrancar).
# %% [markdown] lang="en" row="2" slide="skip"
# And this starts the company, on any of the three transports. `processes.start` sends the function to a new process, together with what it uses of this notebook
# (which is how the processes know `city` or `Message`). With `crash`, one process dies without notice (`SIGKILL`) after the first third, and a substitute, started at that moment, takes its place when the last third begins (or later, if it takes longer than a third to start).


# %% slide="skip"
class Substitute:
    """The start line of a process that takes over later."""

    begun = True

    def __init__(self, line, after):
        self.line, self.after = line, after

    def wait(self):
        began = self.line.wait()
        sleep(max(0.0, began + self.after - monotonic()))
        return began


def run_company(live, *wiring, crash=None):
    """Replay the city on a transport: what each service returned, the bill, and what Prices heard."""
    line = StartLine(parties=len(COMPANY))
    journals = {Kind: line.folder / f"{Kind.__name__}.journal" for Kind in COMPANY}
    with processes.group() as company:

        def launch(Kind, events, line):
            args = (Kind, events, line, seconds, journals[Kind], *wiring)
            return company.start(live, *args, name=Kind.__name__)

        running = {Kind: launch(Kind, city.of(*kinds), line) for Kind, kinds in COMPANY.items()}
        began = line.started()
        label = tr(es="reproduciendo la ciudad", en="replaying the city")
        if crash is not None:
            wait_until(began + seconds / 3, label)
            running[crash].kill()
            running[crash] = launch(crash, [], Substitute(line, after=2 * seconds / 3))
        wait_until(began + seconds + GRACE, label)
        results = {Kind.__name__: process.result(timeout=30) for Kind, process in running.items()}
    quotes = results["RideManagement"]["quotes"]
    results["bill"] = city.bill((moment - began, zone, price) for moment, zone, price, _ in quotes)
    results["journal"] = journals[PriceOptimisation].read_text().splitlines()
    return results


def ages(results, service, kinds):
    """How old, in seconds, was what a service heard of these kinds."""
    return [age for kind, *_, age in results[service]["heard"] if kind in kinds]


def at_prices(results):
    return ages(results, "PriceOptimisation", ("supply", "demand"))


def at_rides(results):
    return ages(results, "RideManagement", ("price",))


def new_sqlite():
    """The URL of a new SQLite database in this notebook's own temporary folder."""
    url = f"sqlite:///{workspace() / f'company-{uuid4().hex}.db'}"
    SharedTable(url).create().close()
    return url


# %% [markdown] lang="es" row="2" slide="subslide"
# ### Experimento: ¿cada cuánto hay que mirar?
#
# Un cambio se escribe en un momento cualquiera y *Precios* mira cada $T$ segundos. La **antigüedad** de un dato es el tiempo desde que se
# supo hasta que se oye.
#
# **Predice:** con $T = 200$ ms, ¿qué antigüedad media (en ms) verá *Precios*? ¿Y la de los precios que llegan a *Viajes*, que pasan por dos sondeos? ¿Por cuánto
# se multiplican las consultas si $T$ baja de 200 a 10 ms?
# %% [markdown] lang="en" row="2" slide="subslide"
# ### Experiment: how often should you look?
#
# A change is written at any moment and *Prices* looks every $T$ seconds. The **staleness** of a piece of data is the time from when it
# became known until it is heard.
#
# **Predict:** with $T = 200$ ms, what mean staleness (in ms) will *Prices* see? And that of the prices that reach *Rides*, which go through two polls? By how much
# are the queries multiplied if $T$ falls from 200 to 10 ms?

# %%
mean_at_prices_ms = None
mean_at_rides_ms = None
times_as_many_queries = None

# %% slide="fragment"
sweep = {}
for poll in tqdm(poll_intervals, desc=tr(es="intervalos de sondeo", en="polling intervals")):
    sweep[poll] = run_company(live_on_database, new_sqlite(), poll)

# %% tags=["hide-input"] slide="fragment"
# es: los intervalos más parecidos a 10, 50 y 200 ms de los que se hayan probado
# en: the intervals most like 10, 50 and 200 ms among those tried
T10, T50, T200 = (min(sweep, key=lambda poll: abs(poll - wanted)) for wanted in (0.01, 0.05, 0.2))


def ms(poll):
    return f"{1000 * poll:g} ms"


def queries_per_second(results, poll):
    total = sum(results[Kind.__name__]["queries"] for Kind in COMPANY)
    return total / (seconds + max(GRACE, 2 * poll))


ERROR = tr(es="error medio del precio (€)", en="mean price error (€)")
tables.show(
    [
        {
            "T (ms)": 1000 * poll,
            tr(es="antigüedad media en Precios (ms)", en="mean staleness at Prices (ms)"): 1000
            * statistics.mean(at_prices(results)),
            tr(es="máxima (ms)", en="maximum (ms)"): 1000 * max(at_prices(results)),
            tr(es="media en Viajes (ms)", en="mean at Rides (ms)"): 1000
            * statistics.mean(at_rides(results)),
            tr(es="consultas/s", en="queries/s"): queries_per_second(results, poll),
            ERROR: results["bill"].error,
            LOSS: results["bill"].loss,
        }
        for poll, results in sweep.items()
    ],
    caption=tr(
        es="La misma empresa, sondeando cada T (una repetición: mira el orden de magnitud)",
        en="The same company, polling every T (one run: look at the order of magnitude)",
    ),
)
compare(
    tr(
        es=f"antigüedad media en Precios con T = {ms(T200)}",
        en=f"mean staleness at Prices with T = {ms(T200)}",
    ),
    predicted=mean_at_prices_ms,
    measured=1000 * statistics.mean(at_prices(sweep[T200])),
    unit="ms",
)
compare(
    tr(
        es=f"antigüedad media en Viajes con T = {ms(T200)}",
        en=f"mean staleness at Rides with T = {ms(T200)}",
    ),
    predicted=mean_at_rides_ms,
    measured=1000 * statistics.mean(at_rides(sweep[T200])),
    unit="ms",
)
compare(
    tr(
        es=f"consultas con T = {ms(T10)} por cada una con T = {ms(T200)}",
        en=f"queries with T = {ms(T10)} for each one with T = {ms(T200)}",
    ),
    predicted=times_as_many_queries,
    measured=queries_per_second(sweep[T10], T10) / queries_per_second(sweep[T200], T200),
    unit="×",
)

# %% tags=["hide-input"] slide="fragment"
never_hearing = in_one_process(city, nothing).loss
fig, (left, right) = plots.subplots(1, 2, figsize=(10, 3.8))
T = sorted(sweep)
for heard, label, marker in [
    (at_prices, tr(es="media en Precios", en="mean at Prices"), "o"),
    (at_rides, tr(es="media en Viajes", en="mean at Rides"), "s"),
]:
    left.plot(
        [1000 * t for t in T],
        [1000 * statistics.mean(heard(sweep[t])) for t in T],
        marker,
        label=label,
    )
left.plot([1000 * t for t in T], [500 * t for t in T], "--", label="T / 2")
left.plot([1000 * t for t in T], [1000 * t for t in T], ":", label="T")
left.set(
    xscale="log",
    yscale="log",
    xlabel=tr(es="intervalo de sondeo T (ms)", en="polling interval T (ms)"),
    ylabel=tr(es="antigüedad (ms)", en="staleness (ms)"),
)
left.legend()
x = [queries_per_second(sweep[t], t) for t in T]
right.plot(x, [sweep[t]["bill"].loss for t in T], "o-")
for t, at in zip(T, x, strict=True):
    right.annotate(
        f"T = {ms(t)}", (at, sweep[t]["bill"].loss), xytext=(6, 4), textcoords="offset points"
    )
right.axhline(never_hearing, linestyle=":", label=tr(es="sin oír nada", en="hearing nothing"))
right.set(
    xscale="log",
    xlabel=tr(es="consultas por segundo", en="queries per second"),
    ylabel=LOSS,
)
right.legend()
right.margins(x=0.25)
plots.show(
    fig,
    alt=tr(
        es="A la izquierda, la antigüedad media en Precios sigue la recta T/2 y en Viajes queda alrededor de la recta T. "
        "A la derecha, perder menos exige más consultas por segundo.",
        en="Left: the mean staleness at Prices follows the line T/2 and at Rides scatters around the line T. "
        "Right: losing less takes more queries per second.",
    ),
)

# %% [markdown] lang="es" row="2" slide="subslide"
# La antigüedad media es $T/2$, más lo que tarden la escritura y la consulta: si un cambio llega en un momento cualquiera, la próxima mirada está, de media, a medio
# intervalo; y como mucho, a uno entero (lo que sobre del máximo son retrasos del propio ordenador). El viajero está peor: su precio pasa por **dos** sondeos, y las medias se suman: $T/2 + T/2 = T$. Eso, de media entre muchas ejecuciones: en una sola, el desfase entre los relojes de *Precios* y de *Viajes* no cambia, y lo que midas en *Viajes* puede caer en cualquier punto entre $T/2$ y $3T/2$.
#
# Mirar el doble de veces cuesta el doble de consultas, **haya o no haya mensajes**. Y con el $T$ más largo, oír tan tarde puede salir peor que no oír nada y cobrar siempre la
# tarifa fija: un dato viejo no es «casi bueno».
#
# **A una escala mil veces mayor:** 3000 procesos que miran cada 10 ms hacen unas 600 000 consultas por segundo, casi todas para oír «nada nuevo». `LISTEN/NOTIFY` de PostgreSQL, la captura de
# cambios (CDC, que lee el registro de la base de datos) y los brokers existen para no hacerlas.
# %% [markdown] lang="en" row="2" slide="subslide"
# The mean staleness is $T/2$, plus what the write and the query take: if a change comes at any moment, the next look is, on average, half an interval
# away; and at most a whole one (whatever the maximum has in excess is the computer's own delay). The rider is worse off: their price goes through **two** polls, and the means add up: $T/2 + T/2 = T$. That is the mean over many runs: in a single one, the lag between the clocks of *Prices* and *Rides* does not change, and what you measure at *Rides* may lie anywhere between $T/2$ and $3T/2$.
#
# Looking twice as often costs twice the queries, **messages or no messages**. And with the longest $T$, hearing so late can be worse than hearing nothing and always charging the
# fixed price: old data is not "nearly good".
#
# **At a thousand times this scale:** 3,000 processes that look every 10 ms make some 600,000 queries per second, nearly all of them to hear "nothing new". PostgreSQL's `LISTEN/NOTIFY`, change data
# capture (CDC, which reads the database's log) and brokers exist to avoid them.

# %% [markdown] lang="es" row="2" slide="subslide"
# ### El mismo código en PostgreSQL
#
# Cambia la URL y nada más. Este PostgreSQL viene en un paquete de `pip`; si defines la variable de entorno `DATABASE_URL`, se usa otro servidor (que sea de pruebas: la lección crea tablas y un rol en una base de datos temporal).
# %% [markdown] lang="en" row="2" slide="subslide"
# ### The same code on PostgreSQL
#
# The URL changes and nothing else. This PostgreSQL comes in a `pip` package; if you set the environment variable `DATABASE_URL`, another server is used (a test server: the lesson creates tables and a role in a temporary database).

# %% slide="fragment"
database = open_until_the_end.enter_context(postgres.database())
postgres_url = database.url.replace("postgresql://", "postgresql+psycopg://", 1)
SharedTable(postgres_url).create().close()
on_postgres = run_company(live_on_database, postgres_url, T50)

# %% tags=["hide-input"] slide="fragment"
tables.show(
    [
        {
            "": name,
            tr(es="antigüedad media en Precios (ms)", en="mean staleness at Prices (ms)"): 1000
            * statistics.mean(at_prices(results)),
            LOSS: results["bill"].loss,
        }
        for name, results in {"SQLite": sweep[T50], "PostgreSQL": on_postgres}.items()
    ],
    caption=tr(
        es=f"T = {ms(T50)} en las dos bases de datos", en=f"T = {ms(T50)} in both databases"
    ),
)

# %% [markdown] lang="es" slide="skip"
# Mismo $T$, misma antigüedad: mientras mande el sondeo, el motor casi da igual.
# %% [markdown] lang="en" slide="skip"
# Same $T$, same staleness: while polling rules, the engine hardly matters.

# %% [markdown] lang="es" row="3" slide="slide"
# ## ¿Y si no se puede compartir la base de datos?
#
# La flota de un socio también sabe qué conductores están libres, pero sus tablas son suyas. «Pues que nos pasen la contraseña» es la
# primera idea y la peor: la contraseña no da *el dato que hace falta*, lo da **todo**, y ata nuestro código a sus columnas. Comparamos tres
# maneras de enterarnos de lo mismo: leer su tabla, leer una **vista** que el socio mantiene para nosotros, o preguntar a su **API**.
#
# **Predice:** esta noche el socio le cambia el nombre a una columna, sin avisar. De las tres maneras, ¿cuántas seguirán funcionando mañana?
# %% [markdown] lang="en" row="3" slide="slide"
# ## What if the database cannot be shared?
#
# A partner's fleet knows free drivers too, but its tables are its own. "Let them give us the password" is the first idea and
# the worst: the password does not give *the piece of data that is needed*, it gives **everything**, and it ties our code to their columns. We compare three
# ways to find out the same thing: reading their table, reading a **view** that the partner keeps for us, or asking their **API**.
#
# **Predict:** tonight the partner renames a column, without notice. Of the three ways, how many will still work tomorrow?

# %%
ways_that_still_work = None

# %% slide="fragment"
owner = open_until_the_end.enter_context(psycopg.connect(database.url, autocommit=True))
owner.execute("CREATE TABLE fleet (name text, phone text, zone int, free boolean)")
with owner.cursor() as cursor:
    cursor.executemany(
        "INSERT INTO fleet VALUES (%s, %s, %s, %s)",
        [(f"Ada {i}", f"600 000 {i:03d}", i % 4, i % 3 != 0) for i in range(40)],
    )
owner.execute(
    "CREATE VIEW availability AS"
    " SELECT zone, count(*) FILTER (WHERE free) AS drivers FROM fleet GROUP BY zone"
)


# es: dos parámetros que rellena `processes.start`: `ready` se llama cuando ya se puede preguntar, y
# es: `stopping` avisa de que hay que terminar
# en: two parameters that `processes.start` fills in: `ready` is called once we can take questions, and
# en: `stopping` tells that it is time to end
def partner_api(database_url, ready, stopping):
    from fastapi import FastAPI
    from psycopg import connect

    app = FastAPI()
    fleet = connect(database_url, autocommit=True)

    @app.get("/availability/{zone}")
    def availability(zone: int):
        query = "SELECT drivers FROM availability WHERE zone = %s"
        return {"zone": zone, "drivers": fleet.execute(query, [zone]).fetchone()[0]}

    services.serve_http(app, ready, stopping)


api = processes.start(partner_api, database.url, name="partner_api")
client = open_until_the_end.enter_context(services.http_client(api.address))
ways = {
    tr(es="su tabla", en="its table"): lambda: owner.execute(
        "SELECT * FROM fleet WHERE zone = 1 AND free"
    ).fetchall(),
    tr(es="su vista", en="its view"): lambda: owner.execute(
        "SELECT * FROM availability WHERE zone = 1"
    ).fetchall(),
    tr(es="su API", en="its API"): lambda: client.get("/availability/1").json(),
}


def answers():
    found = {}
    for way, ask in ways.items():
        try:
            found[way] = str(ask())[:46]
        except psycopg.Error as error:
            found[way] = f"error: {type(error).__name__}"
    return found


today = answers()
# es: el socio reorganiza sus tablas sin avisar, y está en su derecho
# en: the partner rearranges its tables without notice, as is its right
owner.execute("ALTER TABLE fleet RENAME COLUMN free TO is_free")
tomorrow = answers()

# %% tags=["hide-input"] slide="fragment"
tables.show(
    [
        {
            tr(es="se lee", en="we read"): way,
            tr(es="hoy", en="today"): f"`{today[way]}`",
            tr(es="mañana", en="tomorrow"): f"`{tomorrow[way]}`",
        }
        for way in ways
    ],
    caption=tr(
        es="Qué se ve de la flota del socio, y qué resiste a un cambio",
        en="What one sees of the partner's fleet, and what survives a change",
    ),
)
compare(
    tr(es="maneras que siguen funcionando", en="ways that still work"),
    predicted=ways_that_still_work,
    measured=sum(not answer.startswith("error") for answer in tomorrow.values()),
    unit="",
)

# %% slide="fragment"
# es: y a quien no tiene permiso, la base de datos le dice que no (el mensaje es del servidor)
# en: and whoever has no privilege is refused by the database itself (the message is the server's)
api.stop()
outsider = f"outsider_{os.getpid()}"
owner.execute(f"CREATE ROLE {outsider}")
try:
    owner.execute(f"SET ROLE {outsider}")
    owner.execute("SELECT * FROM fleet")
except psycopg.errors.InsufficientPrivilege as refusal:
    print("PostgreSQL:", refusal.diag.message_primary)
finally:
    owner.execute("RESET ROLE")
    owner.execute(f"DROP ROLE {outsider}")

# %% [markdown] lang="es" row="3" slide="subslide"
# Un servidor de bases de datos sabe decir que no, tabla a tabla; un fichero de SQLite, no: quien puede abrirlo puede leerlo entero (y compartirlo por red
# entre dos máquinas es mala idea: sus bloqueos no están hechos para eso).
#
# Lo que protege del cambio es un **contrato** que el dueño mantiene mientras por dentro lo reorganiza todo: una vista o una API. La API además esconde qué motor hay
# detrás, y admite límites, cuentas y versiones. Leer las tablas crudas de otro convierte **sus columnas en tu interfaz**. (Aquí la vista ha resistido sin que nadie la tocase porque PostgreSQL sigue por sí solo a una columna renombrada; si la hubiera partido en dos, el socio habría tenido que rehacer la vista: a eso obliga el contrato.)
#
# **A una escala mil veces mayor:** con mil consumidores de una tabla, nadie se atreve ya a cambiarla. Por eso, y no solo por la velocidad, se deja de compartir una base de datos.
# %% [markdown] lang="en" row="3" slide="subslide"
# A database server can say no, table by table; a SQLite file cannot: whoever can open it can read all of it (and sharing it over the network
# between two machines is a bad idea: its locks are not made for that).
#
# What protects from change is a **contract** that the owner keeps while rearranging everything inside: a view or an API. An API also hides which engine is
# behind, and admits limits, accounts and versions. Reading someone else's raw tables turns **their columns into your interface**. (Here the view survived untouched because PostgreSQL follows a renamed column by itself; had the column been split in two, the partner would have had to rewrite the view: that is what the contract obliges them to do.)
#
# **At a thousand times this scale:** with a thousand consumers of a table, nobody dares to change it any more. That is as good a reason as speed to stop sharing a database.

# %% [markdown] lang="es" row="4" slide="slide"
# ## ¿Por qué es lento leer y escribir en una base de datos?
#
# Las diapositivas dicen que puede ser lento, y es verdad; pero ¿qué es lo lento? Sospechosos: entender el SQL, escribir en el fichero, **asegurarse de que está en el
# disco** (`fsync`), el sondeo que acabas de medir y esperar a que otro suelte el bloqueo.
#
# **Predice:** ¿cuántas veces más tarda una fila confirmada (`COMMIT`) y a salvo de un apagón que la misma fila sin `fsync`?
# %% [markdown] lang="en" row="4" slide="slide"
# ## Why is reading from and writing to a database slow?
#
# The slides say that it can be slow, and it is true; but what is it that is slow? Suspects: understanding the SQL, writing to the file, **making sure that it is
# on the disk** (`fsync`), the polling that you have just measured, and waiting for somebody else to release the lock.
#
# **Predict:** how many times as long does it take to commit (`COMMIT`) a row so that it survives a power cut as to commit the same row without `fsync`?

# %%
times_slower_when_durable = None

# %% slide="fragment"
INSERT = "INSERT INTO messages (zone, value) VALUES (?, ?)"


def row_writer(name, synchronous=None, statement=INSERT):
    """A function that runs `statement`, in memory or in a file with this much care for the disk."""
    # es: sin `BEGIN`, SQLite confirma cada instrucción (COMMIT) por su cuenta; y sin caché de
    # es: instrucciones, entiende el SQL cada vez
    # en: without `BEGIN`, SQLite commits every statement by itself; and without a cache of
    # en: statements, it understands the SQL every time
    place = workspace() / f"{name}.db" if synchronous else ":memory:"
    connection = sqlite3.connect(place, isolation_level=None, cached_statements=0)
    open_until_the_end.callback(connection.close)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous or 'OFF'}")
    connection.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, zone INTEGER, value REAL)")
    return lambda: connection.execute(statement, (1, 2.0))


there, back = queue.SimpleQueue(), queue.SimpleQueue()
echo = threading.Thread(target=lambda: [back.put(x) for x in iter(there.get, None)], daemon=True)
echo.start()
acts = {
    tr(es="entender el SQL (EXPLAIN)", en="understanding the SQL (EXPLAIN)"): row_writer(
        "explained", statement=f"EXPLAIN {INSERT}"
    ),
    tr(es="COMMIT en memoria", en="COMMIT in memory"): row_writer("memory"),
    tr(es="cola entre hilos, ida y vuelta", en="queue between threads, there and back"): lambda: (
        there.put(1),
        back.get(),
    ),
    tr(es="COMMIT en fichero, sin fsync", en="COMMIT to a file, no fsync"): row_writer(
        "unsynced", "OFF"
    ),
    tr(es="COMMIT en fichero, con fsync", en="COMMIT to a file, with fsync"): row_writer(
        "durable", "FULL"
    ),
}
took = {name: [] for name in acts}
# es: intercaladas, para que un momento malo de la máquina les toque a todas por igual
# en: interleaved, so that a bad moment of the machine hits all of them alike
for _ in range(200):
    for name, act in acts.items():
        began = time.perf_counter()
        act()
        took[name].append(time.perf_counter() - began)
there.put(None)
median_ms = {name: 1000 * statistics.median(times) for name, times in took.items()}

# %% tags=["hide-input"] slide="fragment"
parse, in_memory, hop, unsynced, durable = median_ms.values()
fig, ax = plots.subplots(figsize=(8, 3))
ax.plot(list(median_ms.values()), list(median_ms), "o", markersize=9)
for row, value in enumerate(median_ms.values()):
    ax.annotate(
        f"{1000 * value:.3g} µs",
        (value, row),
        xytext=(10, 0),
        textcoords="offset points",
        va="center",
    )
ax.set(
    xscale="log", xlabel=tr(es="mediana de una operación (ms)", en="median of one operation (ms)")
)
ax.invert_yaxis()
ax.margins(x=0.25, y=0.12)
plots.show(
    fig,
    alt=tr(
        es=f"Escala logarítmica: con fsync {durable:.3g} ms; sin fsync {unsynced:.3g} ms; en memoria {in_memory:.3g} ms.",
        en=f"Log scale: with fsync {durable:.3g} ms; without {unsynced:.3g} ms; in memory {in_memory:.3g} ms.",
    ),
)
compare(
    tr(
        es="veces más lento si está a salvo de un apagón",
        en="times slower when safe from a power cut",
    ),
    predicted=times_slower_when_durable,
    measured=durable / unsynced,
    unit="×",
)
total = 1000 * statistics.mean(at_prices(sweep[T50]))
share = {
    tr(
        es="entender y ejecutar el SQL, en memoria",
        en="understanding and running the SQL, in memory",
    ): in_memory,
    tr(es="el fichero, sin asegurarse", en="the file, without making sure"): max(
        0.0, unsynced - in_memory
    ),
    tr(
        es="fsync: asegurarse de que está en el disco", en="fsync: making sure it is on the disk"
    ): max(0.0, durable - unsynced),
}
rest = tr(
    es="el resto, por diferencia: sondeo, SQLAlchemy, bloqueos, turnos de los procesos",
    en="the rest, by difference: polling, SQLAlchemy, locks, the processes' turns",
)
share[rest] = max(0.0, total - sum(share.values()))
tables.show(
    [
        {tr(es="parte", en="part"): part, "ms": value, "%": 100 * value / sum(share.values())}
        for part, value in share.items()
    ],
    caption=tr(
        es=f"De saberse a oírse, sondeando cada {ms(T50)}",
        en=f"From known to heard, polling every {ms(T50)}",
    ),
)

# %% [markdown] lang="es" row="4" slide="subslide"
# El SQL no es lo lento. Con este sondeo manda **la espera**; de lo que cuesta una fila por sí sola, en casi cualquier disco casi todo es **el `fsync`**. (La cola entre hilos da la escala: lo que cuesta entregar un dato sin base de datos.) Y el `fsync` no es opcional si hay que poder decir «hecho» y que
# un apagón no te desmienta. (Si el tuyo sale baratísimo, desconfía: quizá tu carpeta temporal esté en memoria, y en macOS `fsync` deja los datos en la caché del disco; para eso SQLite tiene `PRAGMA fullfsync`.)
#
# Queda el último sospechoso. En SQLite escribe **una sola conexión a la vez**. Dos procesos, un fichero:
# %% [markdown] lang="en" row="4" slide="subslide"
# The SQL is not what is slow. With this polling, **waiting** dominates; of what one row costs by itself, on most disks nearly all is **the `fsync`**. (The queue between threads is a yardstick: what it costs to hand over a value without a database.) And `fsync` is not optional if you must be able to say "done"
# without a power cut proving you wrong. (If yours is dirt cheap, be suspicious: your temporary folder may be in memory, and on macOS `fsync` leaves the data in the drive's cache; SQLite has `PRAGMA fullfsync` for that.)
#
# One suspect is left. In SQLite, **only one connection can write at a time**. Two processes, one file:


# %% slide="fragment"
def slow_writer(path, ready, stopping):
    """Writes without pause, and keeps each transaction open for 20 ms."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    ready()
    while not stopping.is_set():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO messages (value) VALUES (1)")
        sleep(0.02)
        connection.execute("COMMIT")
        sleep(0.005)
    connection.close()


def refused(connection, statement, tries=150):
    """The percentage of tries that find the database locked, when one does not wait."""
    locked = 0
    for _ in range(tries):
        try:
            connection.execute(statement).fetchall()
        except sqlite3.OperationalError:
            locked += 1
        sleep(0.003)
    return 100 * locked / tries


reads, writes = {}, {}
for mode in ("DELETE", "WAL"):
    path = str(workspace() / f"two-writers-{mode}.db")
    mine = sqlite3.connect(path, isolation_level=None, timeout=0)
    mine.execute(f"PRAGMA journal_mode={mode}")
    mine.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, value REAL)")
    with processes.group() as group:
        group.start(slow_writer, path, name=f"writer-{mode}")
        reads[mode] = refused(mine, "SELECT max(id) FROM messages")
        writes[mode] = refused(mine, "INSERT INTO messages (value) VALUES (2)")
    mine.close()

# %% tags=["hide-input"] slide="fragment"
tables.show(
    [
        {
            tr(es="modo de diario (journal)", en="journal mode"): mode,
            tr(es="lecturas rechazadas (%)", en="reads refused (%)"): reads[mode],
            tr(es="escrituras rechazadas (%)", en="writes refused (%)"): writes[mode],
        }
        for mode in reads
    ],
    caption=tr(es="«database is locked», sin esperar", en='"database is locked", without waiting'),
)

# %% [markdown] lang="es" row="4" slide="skip"
# En el modo clásico (`DELETE`, *rollback journal*) el escritor solo excluye a los lectores mientras confirma, y por eso se rechazan menos lecturas que escrituras aunque tenga el bloqueo la mayor parte
# del tiempo. Con **WAL** (*write-ahead log*: los cambios se añaden a otro fichero) quien lee casi nunca espera a quien escribe; pero el segundo que quiere escribir siempre espera al primero. Por eso se pone un `timeout` (SQLite reintenta por ti), las transacciones que van a escribir empiezan con `BEGIN IMMEDIATE` y se hacen cortas. PostgreSQL bloquea filas, no ficheros, y guarda versiones: en lo corriente solo se esperan quienes escriben **la misma fila** (un `ALTER TABLE` hace esperar a todos).
#
# **A una escala mil veces mayor:** el `fsync` se reparte: una base de datos confirma cientos de transacciones con uno solo (*group commit*), a
# cambio de que cada una espere un poco.
# %% [markdown] lang="en" row="4" slide="skip"
# In the classic mode (`DELETE`, *rollback journal*) the writer excludes readers only while it commits, which is why fewer reads than writes are refused although it holds the lock most
# of the time. With **WAL** (*write-ahead log*: changes are appended to a separate file) a reader hardly ever waits for a writer; but a second writer always waits for the first. That is why you set a `timeout` (SQLite tries again for you), start transactions that will write with `BEGIN IMMEDIATE`, and keep them short. PostgreSQL locks rows, not files, and keeps versions: in everyday work only those who write **the same row** wait (an `ALTER TABLE` makes everybody wait).
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
# Nadie mira por si acaso: se **pregunta cuando hace falta** y se espera la respuesta. El dato es fresco, porque viene de quien lo sabe. A cambio, la
# respuesta tarda lo que tarden todas las preguntas que hay detrás, y si alguien de la cadena no contesta, no hay precio.
#
# Fíjate en el ciclo: *Viajes* pregunta a *Precios*, que pregunta a *Viajes*. Funciona porque cada servicio contesta en otro hilo; con un solo hilo, se esperarían el uno al otro
# hasta agotar el plazo.
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
#     P->>V: waiting riders in zone 2?
#     V-->>P: 31
#     P-->>V: 14.19 €
# ```
#
# Nobody looks just in case: you **ask when you need to** and wait for the answer. The value is fresh, because it comes from its owner. In exchange, the
# answer takes as long as all the questions behind it, and if anybody in the chain does not answer, there is no price.
#
# Notice the cycle: *Rides* asks *Prices*, which asks *Rides*. It works because each service answers in another thread; with a single thread, each would wait for the other
# until the time is up.
#
# We do it with REST (FastAPI, JSON over HTTP) and with gRPC (Protocol Buffers over HTTP/2): the same function `answer` behind both.


# %% slide="subslide"
def rest_server(answer, ready, stopping):
    from fastapi import FastAPI, HTTPException

    app = FastAPI()

    @app.get("/{kind}/{zone}")
    def ask(kind: str, zone: int):
        message = answer(kind, zone)
        if message is None:
            raise HTTPException(503, "a service this answer depends on is not responding")
        return message._asdict()

    services.serve_http(app, ready, stopping)


class RestClient:
    failures = (httpx.HTTPError,)

    def __init__(self, address):
        self.http = services.http_client(address, timeout=1.0)

    def ask(self, kind, zone):
        return Message(**self.http.get(f"/{kind}/{zone}").raise_for_status().json())


# %% slide="subslide"
company_pb2, company_pb2_grpc = services.compile_proto(
    """
    syntax = "proto3";
    message Question { string kind = 1; int32 zone = 2; }
    message Answer {
        string kind = 1; int32 zone = 2; double value = 3; int64 seq = 4; double since = 5;
    }
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
                context.abort(grpc.StatusCode.UNAVAILABLE, "a service is not responding")
            return company_pb2.Answer(**message._asdict())

    server = grpc.server(ThreadPoolExecutor(8))
    company_pb2_grpc.add_CompanyServicer_to_server(Company(), server)
    services.serve_grpc(server, ready, stopping)


class GrpcClient:
    def __init__(self, address):
        import grpc

        self.failures = (grpc.RpcError,)
        self.stub = company_pb2_grpc.CompanyStub(services.grpc_channel(address))

    def ask(self, kind, zone):
        answer = self.stub.Ask(company_pb2.Question(kind=kind, zone=zone), timeout=1.0)
        return Message(answer.kind, answer.zone, answer.value, answer.seq, answer.since)


# %% [markdown] lang="es" row="5" slide="skip"
# Cada proceso hace ahora dos cosas: **contesta** por lo suyo en un hilo y **vive** sus eventos en otro. Para encontrarse, dejan su dirección en una carpeta común: un descubrimiento de
# servicios en miniatura.
# %% [markdown] lang="en" row="5" slide="skip"
# Each process does two things now: it **answers** for its own data in one thread and **lives** its events in another. To find one another they leave their addresses in a common folder: service
# discovery in miniature.

# %% slide="subslide"
OWNER = {"supply": "DriverManagement", "demand": "RideManagement", "price": "PriceOptimisation"}


class Directory:
    """The other services: where they are, and asking them."""

    def __init__(self, folder, Client):
        self.folder, self.Client, self.clients = folder, Client, {}

    def announce(self, name, address):
        # es: renombrar es atómico: nadie lee media dirección
        # en: renaming is atomic: nobody reads half an address
        draft = self.folder / f"{name}.draft"
        draft.write_text(address)
        draft.replace(self.folder / name)

    def ask(self, kind, zone):
        """The message of whoever owns this kind; None if there is no answer."""
        try:
            # es: se mira cada vez: puede haber vuelto en otra dirección
            # en: looked up every time: it may have come back at another address
            address = (self.folder / OWNER[kind]).read_text()
        except FileNotFoundError:
            return None
        if address not in self.clients:
            self.clients.setdefault(address, self.Client(address))
        client = self.clients[address]
        try:
            return client.ask(kind, zone)
        except client.failures:
            return None


# %% slide="subslide"
def live_on_services(Kind, events, line, seconds, journal, server, Client, folder, ready, stopping):
    """One service, as a process, that answers the others and asks them."""
    service, said, directory = Kind(), {}, Directory(folder, Client)
    service.journal = journal

    def answer(kind, zone):
        """What this service replies, whatever the protocol."""
        if Kind is not PriceOptimisation:
            return said[kind, zone]._replace(since=monotonic())
        # es: un precio: primero hay que preguntar por sus dos ingredientes, uno tras otro
        # en: a price: first ask for its two ingredients, one after the other
        for needed in service.hears:
            message = directory.ask(needed, zone)
            if message is None:
                return None
            (price,) = service.hear(message)
        return price

    def price_of(zone):
        message = directory.ask("price", zone)
        if message is None:
            return None
        service.hear(message)
        return message.value

    def act(event, due):
        for message in service.happen(event, due):
            said[message.kind, message.zone] = message

    address = queue.SimpleQueue()
    threading.Thread(target=server, args=(answer, address.put, stopping), daemon=True).start()
    mine = address.get(timeout=20)
    ready(mine)
    service.price_of = price_of
    if not line.begun:
        # es: antes de salir, todos saben lo que hay al empezar y se han hablado una vez
        # en: before the start, all know how things stand at first and have spoken once
        for event in events:
            if event.t == 0:
                act(event, due=monotonic())
        directory.announce(Kind.__name__, mine)
        while not stopping.is_set() and any(
            directory.ask(kind, 0) is None for kind in service.hears
        ):
            sleep(0.02)
    began = line.wait()
    directory.announce(Kind.__name__, mine)
    later = [event for event in events if event.t > 0]
    for due, event in timeline(later, began, seconds + GRACE, every=0.5):
        if stopping.is_set():
            break
        if event is not None:
            act(event, due)
        # es: cada cierto tiempo, Conductores pregunta lo que necesita para sus incentivos
        # en: now and then, Drivers asks what it needs for its bonuses
        elif Kind is DriverManagement:
            questions = [(kind, zone) for kind in service.hears for zone in range(city.zones)]
            for message in filter(None, (directory.ask(*question) for question in questions)):
                service.hear(message)
    # es: sigue contestando hasta que acaben todos
    # en: keep answering until all are done
    stopping.wait(max(0.0, began + seconds + GRACE - monotonic()))
    stopping.set()
    return {"heard": service.heard, "quotes": service.quotes}


def on_services(server, Client, crash=None):
    folder = workspace() / f"directory-{uuid4().hex}"
    folder.mkdir()
    return run_company(live_on_services, server, Client, folder, crash=crash)


# %% [markdown] lang="es" row="5" slide="subslide"
# ### Experimento: lo que cuesta preguntar
#
# Para enseñar un precio hacen falta tres preguntas: una a *Precios*, y las dos que hace *Precios*. Con la base de datos, *Viajes* tenía el precio a mano:
# viejo, pero inmediato.
#
# **Predice:** ¿cuántos milisegundos (mediana) espera el viajero con REST? Sondeando cada 50 ms, la pérdida fue la de esa fila de la primera tabla de sondeos: ¿de cuánto será con REST (en % del oráculo)?
# %% [markdown] lang="en" row="5" slide="subslide"
# ### Experiment: what asking costs
#
# It takes three questions to show a price: one to *Prices*, and the two that *Prices* asks. With the database, *Rides* had the price at hand:
# old, but immediate.
#
# **Predict:** how many milliseconds (median) does the rider wait with REST? Polling every 50 ms, the loss was that of its row in the first polling table: how big is it with REST (in % of the oracle)?

# %%
rider_waits_ms = None
loss_with_rest_percent = None

# %% slide="fragment"
on_rest = on_services(rest_server, RestClient)
on_grpc = on_services(grpc_server, GrpcClient)


def waits(results):
    """How long riders waited for their price."""
    recorder = LatencyRecorder()
    for *_, wait in results["RideManagement"]["quotes"]:
        recorder.record(max(0.0, wait))
    return recorder


# %% tags=["hide-input"] slide="fragment"
WAIT50, WAIT99 = (
    tr(es="espera p50 (ms)", en="wait p50 (ms)"),
    tr(es="espera p99 (ms)", en="wait p99 (ms)"),
)
tables.show(
    [
        {
            "": name,
            WAIT50: 1000 * waits(results).percentile(50),
            WAIT99: 1000 * waits(results).percentile(99),
            ERROR: results["bill"].error,
            LOSS: results["bill"].loss,
        }
        for name, results in {
            tr(es=f"base de datos, T = {ms(T50)}", en=f"database, T = {ms(T50)}"): sweep[T50],
            "REST": on_rest,
            "gRPC": on_grpc,
        }.items()
    ],
    caption=tr(
        es="Preguntar: fresco, pero hay que esperar (3 idas y vueltas). La espera incluye el turno",
        en="Asking: fresh, but you have to wait (3 round trips). The wait includes queueing",
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
    predicted=loss_with_rest_percent,
    measured=on_rest["bill"].loss,
    unit="%",
)

# %% [markdown] lang="es" row="5" slide="notes"
# El p50 (la mediana) lo supera la mitad de los viajeros; el p99, solo uno de cada cien.
#
# ¿Por qué hay pérdida si cada dato es fresco? Porque mientras se pregunta, la ciudad cambia, y porque *Viajes* atiende de uno en uno: quien llega durante una pregunta espera
# su turno. Lo que tarda la cadena acaba notándose también en los euros. Y no concluyas «gRPC gana a REST»: aquí se comparan dos servidores escritos en Python, y JSON y HTTP/1.1 son solo una parte de la diferencia.
#
# Cuidado también con lo que mides: un servidor mal configurado (el `http.server` de Python con conexiones persistentes, por ejemplo) puede añadir unos 40 ms por llamada en Linux, por el algoritmo
# de Nagle (juntar paquetes pequeños) y las confirmaciones retardadas de TCP. Con él habríamos «demostrado» que REST es lentísimo.
# %% [markdown] lang="en" row="5" slide="notes"
# Half of the riders wait longer than the p50 (the median); only one in a hundred waits longer than the p99.
#
# Why is there a loss if each value is fresh? Because while you ask, the city changes, and because *Rides* serves one rider at a time: whoever arrives during a question waits for
# a turn. What the chain takes ends up showing in the euros too. And do not conclude "gRPC beats REST": two servers written in Python are compared here, and JSON and HTTP/1.1 are only part of the difference.
#
# Watch what you measure, too: a badly configured server (Python's `http.server` with persistent connections, say) may add some 40 ms per call on Linux, because of Nagle's
# algorithm (gathering small packets) and TCP's delayed acknowledgements. With it we would have "proved" that REST is terribly slow.

# %% [markdown] lang="es" row="5" slide="slide"
# ### Timeouts, reintentos y el viaje reservado dos veces
#
# En una red, si no llega la respuesta puede ser que *no se hiciera*, que *se hiciera y se perdiera la respuesta* o que *todavía se esté haciendo*. Quien llama no puede
# distinguirlo. Si reintenta, arregla el primer caso; en los otros dos lo hace **dos veces**.
#
# El servicio de reservas de abajo tarda demasiado en contestar una de cada diez veces, *después* de reservar, y además rechaza una de cada veinte peticiones (503) *antes* de hacer nada. El cliente espera 60 ms y reintenta. (Eso es un *timeout*: limita un intento. Un plazo global, o *deadline*, limitaría la operación entera, reintentos incluidos.)
#
# **Predice:** de 100 viajeros, ¿cuántos viajes de más quedan reservados?
# %% [markdown] lang="en" row="5" slide="slide"
# ### Timeouts, retries and the ride that is booked twice
#
# On a network, if the answer does not come it may be that *it was not done*, that *it was done and the answer was lost*, or that *it is still being done*. The caller cannot
# tell. Retrying fixes the first case; in the other two it does the work **twice**.
#
# The booking service below takes too long to answer one time in ten, *after* it has booked, and also refuses one request in twenty (503) *before* doing anything. The client waits 60 ms and tries again. (That is a *timeout*: it limits one attempt. A *deadline* would limit the whole operation, retries included.)
#
# **Predict:** for 100 riders, how many extra rides get booked?

# %%
extra_rides = None


# %% slide="fragment"
def booking_service(ready, stopping, seed=3):
    """Books rides. Answers one request in ten too late, after booking; refuses one in twenty."""
    from fastapi import FastAPI, Header, HTTPException

    app, chance = FastAPI(), random.Random(seed)
    booked, answers = [], {}

    @app.post("/bookings")
    def book(ride: dict, idempotency_key: str | None = Header(default=None)):
        if chance.random() < 0.05:
            raise HTTPException(503, "busy")
        answer = answers.get(idempotency_key)
        if answer is None:
            booked.append(ride["rider"])
            answer = {"booking": len(booked), "rider": ride["rider"]}
            if idempotency_key is not None:
                answers[idempotency_key] = answer
        if chance.random() < 0.10:
            # es: el cliente ya no espera
            # en: the client has stopped waiting
            sleep(0.15)
        return answer

    services.serve_http(app, ready, stopping)
    return booked


def book(http, rider, key=None, tries=6):
    """Book a ride with a timeout on each try, and retries: the booking, or None when all tries failed."""
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
        # es: espera creciente, con tope y con azar (jitter), para que mil clientes no vuelvan a la vez
        # en: back off, capped and with jitter, so that a thousand clients do not come back at once
        sleep(random.uniform(0, min(0.1, 0.01 * 2**attempt)))
    return None


outcome = {}
for with_key in (False, True):
    service = processes.start(booking_service, name="bookings")
    with services.http_client(service.address) as http:
        riders = tqdm(range(100), desc=tr(es="reservas", en="bookings"), leave=False)
        done = [book(http, rider, key=str(uuid4()) if with_key else None) for rider in riders]
    service.stop()
    outcome[with_key] = (done, service.result(timeout=5))

# %% tags=["hide-input"] slide="fragment"
extra = {with_key: len(booked) - len(set(booked)) for with_key, (_, booked) in outcome.items()}
tables.show(
    [
        {
            tr(es="clave de idempotencia", en="idempotency key"): with_key,
            tr(es="viajeros con respuesta", en="riders answered"): sum(a is not None for a in done),
            tr(es="viajes reservados", en="rides booked"): len(booked),
            tr(es="de más", en="extra"): extra[with_key],
        }
        for with_key, (done, booked) in outcome.items()
    ],
    caption=tr(es="Cien viajeros que reintentan", en="A hundred riders who retry"),
)
compare(
    tr(es="viajes de más sin clave", en="extra rides without a key"),
    predicted=extra_rides,
    measured=extra[False],
    unit="",
)

# %% [markdown] lang="es" row="5" slide="skip"
# Una operación es **idempotente** si hacerla dos veces deja las cosas como hacerla una. La clave lo consigue: se elige **una vez por intención** (no por intento), y el servidor recuerda qué
# contestó. Una clave nueva en cada intento es como no tenerla. (En un servicio de verdad, la clave y la reserva se guardan **en la misma transacción**, para que un reinicio no deje una sin la otra, y la clave es `UNIQUE`, para que dos peticiones simultáneas no se cuelen a la vez.) Y hay respuestas que no se reintentan: un `400` seguirá siendo `400`.
#
# **A una escala mil veces mayor:** los reintentos multiplican la carga justo cuando el servicio menos puede con ella. Si cinco niveles hacen hasta tres intentos cada uno, una petición puede
# convertirse en $3^5 = 243$. De ahí los presupuestos de reintentos (pocos por cada cien peticiones) y los disyuntores (*circuit breakers*, que dejan de llamar por un rato).
# %% [markdown] lang="en" row="5" slide="skip"
# An operation is **idempotent** if doing it twice leaves things as doing it once does. The key achieves that: it is chosen **once per intention** (not per attempt), and the server remembers what
# it answered. A new key for each attempt is no better than none. (In a real service the key and the booking are stored **in the same transaction**, so that a restart does not leave one without the other, and the key is `UNIQUE`, so that two simultaneous requests do not slip through together.) And some answers are not worth a retry: a `400` will be a `400` again.
#
# **At a thousand times this scale:** retries multiply the load just when the service can least cope. If five layers make up to three attempts each, one request can
# become $3^5 = 243$. Hence retry budgets (a few per hundred requests) and *circuit breakers* (which stop calling for a while).

# %% [markdown] lang="es" row="6" slide="slide"
# ## Cuando los servicios se multiplican
#
# Con tres servicios hay tres parejas. Con $n$, si todos hablan con todos, hay $n(n-1)/2$ enlaces. Y no solo crece el dibujo: si una petición
# necesita a $n$ servicios y cada uno, **con independencia de los demás**, falla con probabilidad $p$ o es lento con probabilidad $q$,
#
# $$P(\text{todo bien}) = (1-p)^n, \qquad P(\text{alguno lento}) = 1-(1-q)^n.$$
#
# (Los fallos de verdad suelen venir juntos, por una misma red, máquina o versión, y entonces estas cuentas no valen.)
#
# Arrancamos 50 servidores pequeños, cada uno con su puerto (todos en un proceso, para que quepan en tu portátil), que fallan una de cada cien veces y, una de cada cien, tardan 15 ms.
#
# **Predice:** si una petición espera a los 50 a la vez, ¿qué porcentaje de peticiones será lento?
# %% [markdown] lang="en" row="6" slide="slide"
# ## When services multiply
#
# With three services there are three pairs. With $n$, if everyone talks to everyone, there are $n(n-1)/2$ links. And not only the drawing grows: if a
# request needs $n$ services and each, **independently of the others**, fails with probability $p$ or is slow with probability $q$,
#
# $$P(\text{all well}) = (1-p)^n, \qquad P(\text{any slow}) = 1-(1-q)^n.$$
#
# (Real failures often come together, from a shared network, machine or release, and then these figures do not hold.)
#
# We start 50 small servers, each on its own port (all in one process, so that they fit on your laptop), which fail once in a hundred and, once in a hundred, take 15 ms.
#
# **Predict:** if a request waits for all 50 at once, what percentage of requests is slow?

# %%
slow_requests_percent = None


# %% slide="fragment"
def neighbourhood(how_many, ready, stopping):
    """Many small servers, each on its own port: one line asked, one line answered."""

    def listener(seed):
        chance = random.Random(seed)

        async def serve(reader, writer):
            while await reader.readline():
                failed, slow = chance.random() < 0.01, chance.random() < 0.01
                await asyncio.sleep(0.015 if slow else 0)
                writer.write(b"error\n" if failed else b"ok\n")
            writer.close()

        return serve

    async def open_all():
        servers = [
            await asyncio.start_server(listener(seed), "127.0.0.1", 0) for seed in range(how_many)
        ]
        ready([server.sockets[0].getsockname() for server in servers])
        while not stopping.is_set():
            await asyncio.sleep(0.05)
        for server in servers:
            server.close()

    asyncio.run(open_all())


def ask_all(addresses, requests):
    """Send each request to all servers at once and wait for all: (seconds, any failed) of each."""

    async def measure():
        lines = [await asyncio.open_connection(*address) for address in addresses]

        async def ask(reader, writer):
            writer.write(b"price?\n")
            return await reader.readline()

        outcomes = []
        for _ in range(requests):
            began = time.perf_counter()
            answers = await asyncio.gather(*(ask(*line) for line in lines))
            failed = any(answer != b"ok\n" for answer in answers)
            outcomes.append((time.perf_counter() - began, failed))
        for _, writer in lines:
            writer.close()
        return outcomes

    return asyncio.run(measure())


requests, fan_outs, measured = 400, (1, 5, 20, 50), {}
with processes.group() as group:
    addresses = group.start(neighbourhood, max(fan_outs), name="neighbourhood").address
    for n in tqdm(fan_outs, desc=tr(es="servicios por petición", en="services per request")):
        caller = group.start(ask_all, addresses[:n], requests, name=f"caller-{n}")
        measured[n] = caller.result(timeout=60)

# %% tags=["hide-input"] slide="fragment"
# es: lenta es la petición que tarda más de esto, en segundos
# en: a request is slow when it takes longer than this, in seconds
SLOW = 0.01
rows = []
for n, outcomes in measured.items():
    times = sorted(taken for taken, _ in outcomes)
    fine = sum(not failed for _, failed in outcomes)
    rows.append(
        {
            tr(es="servicios", en="services"): n,
            tr(es="lentas, fórmula (%)", en="slow, formula (%)"): 100 * (1 - 0.99**n),
            tr(es="lentas, medido (%)", en="slow, measured (%)"): 100
            * sum(t > SLOW for t in times)
            / requests,
            tr(es="sin fallo, fórmula (%)", en="no failure, formula (%)"): 100 * 0.99**n,
            tr(es="sin fallo, medido (%)", en="no failure, measured (%)"): 100 * fine / requests,
            tr(es="mediana (ms)", en="median (ms)"): 1000 * times[requests // 2],
            "p99 (ms)": 1000 * times[int(0.99 * requests)],
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"{requests} peticiones por cada número de servicios",
        en=f"{requests} requests for each number of services",
    ),
)
shares = {n: sum(t > SLOW for t, _ in outcomes) / requests for n, outcomes in measured.items()}
fig, ax = plots.subplots(figsize=(7, 3.8))
ns = range(1, 101)
ax.plot(
    ns,
    [100 * (1 - 0.99**n) for n in ns],
    "-",
    label=tr(es="fórmula 1 − 0,99ⁿ", en="formula 1 − 0.99ⁿ"),
)
ax.errorbar(
    list(shares),
    [100 * share for share in shares.values()],
    yerr=[196 * (share * (1 - share) / requests) ** 0.5 for share in shares.values()],
    fmt="o",
    capsize=3,
    label=tr(es="medido (IC del 95 %)", en="measured (95 % CI)"),
)
ax.annotate("100 → 63 %", (100, 63.4), xytext=(-72, -4), textcoords="offset points")
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


# %% slide="fragment"
def member(line, addresses):
    """One service of a mesh: listens, calls each one with a lower port, counts who calls it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as links:
        port = listener.getsockname()[1]
        (addresses / str(port)).touch()
        line.wait()
        for other in addresses.iterdir():
            if int(other.name) < port:
                links.enter_context(
                    socket.create_connection(("127.0.0.1", int(other.name)), timeout=5)
                )
        listener.settimeout(0.5)
        answered = 0
        try:
            while True:
                links.enter_context(listener.accept()[0])
                answered += 1
        except TimeoutError:
            return answered


links = {}
for n in tqdm((3, 6, 10), desc=tr(es="procesos en la malla", en="processes in the mesh")):
    folder = workspace() / f"mesh-{n}"
    folder.mkdir()
    line = StartLine(parties=n)
    with processes.group() as group:
        mesh = [group.start(member, line, folder, name=f"member-{i}") for i in range(n)]
        links[n] = sum(process.result(timeout=30) for process in mesh)

# %% tags=["hide-input"] slide="fragment"
tables.show(
    [
        {
            tr(es="procesos", en="processes"): n,
            tr(es="enlaces que han contado", en="links they counted"): counted,
            "n(n−1)/2": n * (n - 1) // 2,
            tr(es="enlaces con algo en medio", en="links with something in the middle"): n,
        }
        for n, counted in links.items()
    ],
    caption=tr(es="Todos con todos", en="Everyone with everyone"),
)

# %% [markdown] lang="es" row="6" slide="subslide"
# Lo que era raro para un servicio es **lo normal** para una petición que necesita muchos: un retraso que sufre una de cada cien llamadas lo sufre el
# 63 % de las peticiones a cien servicios (Dean y Barroso, *The Tail at Scale*, 2013). Y treinta servicios al 99,9 % dan un
# 97 % en conjunto, no un 99,9 %. Y los enlaces crecen casi como $n^2$: diez procesos que se hablan todos abren 45; con algo en medio bastan 10.
#
# La mediana de cada servicio no avisa de nada: todos parecen rápidos. A partir de 69 servicios ($0.99^{69} \approx 1/2$) lo lento es ya la **mediana de la petición**. Para que solo una de cada cien
# peticiones a 50 servicios sea lenta, cada servicio debería serlo el 0,02 % de las veces: lo que hay que mirar de él es su p99,98.
# %% [markdown] lang="en" row="6" slide="subslide"
# What was rare for one service is **normal** for a request that needs many: a delay that one call in a hundred suffers is suffered by
# 63 % of the requests to a hundred services (Dean and Barroso, *The Tail at Scale*, 2013). And thirty services at 99.9 % make
# 97 % together, not 99.9 %. And links grow nearly as $n^2$: ten processes that all talk to one another open 45; with something in the middle 10 are enough.
#
# The median of each service gives no hint: all of them look fast. From 69 services on ($0.99^{69} \approx 1/2$) it is the **median of the request** that is slow. For only one in a hundred
# 50-service requests to be slow, each service may be slow in just 0.02 % of calls: its p99.98 is what you have to look at.

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
# Un **broker** es un intermediario de mensajes. Cada proceso anuncia lo suyo en un **topic** (un canal con nombre) y sigue con su trabajo; quien quiera enterarse se suscribe. Nadie espera respuesta y
# nadie sabe quién escucha. Un topic se divide en **particiones** (aquí, una sola); dentro de cada una, el broker guarda los mensajes en orden y recuerda hasta dónde ha leído cada **grupo** de consumidores: su *offset* confirmado.
#
# Aquí el broker es un Kafka de bolsillo: habla el protocolo de Kafka de verdad, pero vive en memoria y guarda unos 4 MiB por partición. Si defines la variable de entorno `KAFKA_BOOTSTRAP`, el mismo código usa un clúster de verdad (que sea de pruebas). La latencia que midas es **la de este broker de bolsillo**, no la de Kafka.
#
# ¿Y no es esto también sondear? En Kafka el consumidor pide, sí; pero su biblioteca deja la petición abierta y el broker contesta **en cuanto hay algo**, o con nada al cabo de un rato (medio segundo, de fábrica). Apenas hay consultas vacías que pagar, y ese rato no retrasa los datos. (El de bolsillo es más torpe: no se despierta al llegar un mensaje, y por eso lo hemos puesto a contestar cada 10 ms. Esos 10 ms sí los verás en la antigüedad.)
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
# A **broker** is a go-between for messages. Each process announces its own in a **topic** (a named channel) and gets on with its work; whoever wants to know subscribes. Nobody waits for an answer and
# nobody knows who is listening. A topic is divided into **partitions** (here, just one); within each, the broker keeps the messages in order and remembers how far each consumer **group** has read: its committed *offset*.
#
# Here the broker is a pocket Kafka: it speaks the real Kafka protocol, but lives in memory and keeps some 4 MiB per partition. If you set the environment variable `KAFKA_BOOTSTRAP`, the same code uses a real cluster (a test cluster). The latency you measure is **this pocket broker's**, not Kafka's.
#
# Is this not polling too? In Kafka the consumer does ask; but its library leaves the request open and the broker answers **as soon as there is something**, or with nothing after a while (half a second by default). There is hardly an empty query to pay for, and that while does not delay the data. (The pocket one is clumsier: it is not woken by a new message, so we have set it to answer every 10 ms. Those 10 ms you will see in the staleness.)

# %% slide="subslide"
from confluent_kafka import OFFSET_STORED, Consumer, KafkaError, Producer, TopicPartition

broker = open_until_the_end.enter_context(kafka.cluster())


def new_topics(run):
    """One topic for each kind of message, with a single partition: a single order."""
    return {kind: broker.create_topic(f"{kind}-{run}") for kind in ("supply", "demand", "price")}


def consumer_of(group, topics):
    """A consumer that goes on where its group had stopped; at the beginning if the group is new."""
    settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    # es: que avise cuando no quede nada por leer
    # en: tell when there is nothing left to read
    settings["enable.partition.eof"] = True
    consumer = Consumer(broker.config(settings))
    # es: un solo consumidor por grupo: se le asigna la partición a mano (`subscribe` reparte: unidad 02)
    # en: one consumer per group: its partition is assigned by hand (`subscribe` shares out: unit 02)
    consumer.assign([TopicPartition(topic, 0, OFFSET_STORED) for topic in topics])
    return consumer


def live_on_broker(Kind, events, line, seconds, journal, topics):
    """One service, as a process, that announces its messages and hears those of the others."""
    service = Kind()
    service.journal = journal
    producer = Producer(broker.config({"linger.ms": 0}))
    consumer = consumer_of(Kind.__name__, [topics[kind] for kind in service.hears])
    began = line.wait()
    end, coming = began + seconds + GRACE, deque(events)
    while (now := monotonic()) < end:
        if coming and began + coming[0].t <= now:
            event = coming.popleft()
            messages = service.happen(event, due=began + event.t)
        else:
            # es: espera a que llegue un mensaje, pero no más allá del próximo evento propio
            # en: wait for a message to arrive, but not beyond our next event
            until = min(end, began + coming[0].t) if coming else end
            record = consumer.poll(max(0.0, until - now))
            if record is None or record.error() is not None:
                continue
            messages = service.hear(Message(*json.loads(record.value())))
            consumer.commit(record, asynchronous=True)
        for message in messages:
            producer.produce(topics[message.kind], json.dumps(message))
        producer.poll(0)
    producer.flush(10)
    consumer.close()
    return {"heard": service.heard, "quotes": service.quotes}


# %% [markdown] lang="es" row="7" slide="subslide"
# ### Experimento: matar a *Precios* a mitad de camino
#
# Al acabar el primer tercio, *Precios* muere sin avisar; al empezar el último, un suplente arrancado entretanto ocupa su lugar. Lo hacemos de las tres maneras.
#
# **Predice:** ¿qué porcentaje de **todos** los viajeros se queda sin precio con REST? ¿Y con el broker? Y con la base de datos, ¿cuántos mensajes oirá *Precios* **dos veces**?
# %% [markdown] lang="en" row="7" slide="subslide"
# ### Experiment: killing *Prices* half-way
#
# At the end of the first third *Prices* dies without notice; when the last third begins, a substitute started meanwhile takes its place. We do it in all three ways.
#
# **Predict:** what percentage of **all** riders gets no price with REST? And with the broker? And with the database, how many messages will *Prices* hear **twice**?

# %%
no_price_with_rest_percent = None
no_price_with_broker_percent = None
heard_twice_with_database = None

# %% slide="fragment"
on_broker = run_company(live_on_broker, new_topics("calm"))

crashed, stormy = {}, new_topics("stormy")
storms = {
    "database": lambda: run_company(live_on_database, new_sqlite(), T50, crash=PriceOptimisation),
    "rest": lambda: on_services(rest_server, RestClient, crash=PriceOptimisation),
    "broker": lambda: run_company(live_on_broker, stormy, crash=PriceOptimisation),
}
for name in tqdm(
    storms, desc=tr(es="una caída con cada transporte", en="a crash with each transport")
):
    crashed[name] = storms[name]()

# %% tags=["hide-input"] slide="fragment"
NAMES = {
    "database": tr(es=f"base de datos, T = {ms(T50)}", en=f"database, T = {ms(T50)}"),
    "rest": "REST",
    "broker": "broker",
}
told = {f"{event.kind} {event.zone} {event.seq}" for event in city.of("supply", "demand")}
without_price = {
    name: 100 * results["bill"].unanswered / results["bill"].quotes
    for name, results in crashed.items()
}
twice = {name: len(r["journal"]) - len(set(r["journal"])) for name, r in crashed.items()}
never = {name: len(told - set(r["journal"])) for name, r in crashed.items()}
tables.show(
    [
        {
            "": NAMES[name],
            tr(es="viajeros sin precio (%)", en="riders without a price (%)"): without_price[name],
            # es: no se aplica: a quien pregunta nadie le manda mensajes, y lo que hubo entre dos preguntas
            # es: no lo sabe nunca
            # en: does not apply: whoever asks is sent no messages, and never learns what there was
            # en: between two questions
            tr(es="mensajes nunca oídos", en="messages never heard"): None
            if name == "rest"
            else never[name],
            tr(es="oídos dos veces", en="heard twice"): None if name == "rest" else twice[name],
            LOSS: results["bill"].loss,
        }
        for name, results in crashed.items()
    ],
    caption=tr(
        es="Con Precios muerto durante un tercio del tiempo",
        en="With Prices dead for a third of the time",
    ),
)
compare(
    tr(es="viajeros sin precio con REST", en="riders without a price with REST"),
    predicted=no_price_with_rest_percent,
    measured=without_price["rest"],
    unit="%",
)
compare(
    tr(es="viajeros sin precio con el broker", en="riders without a price with the broker"),
    predicted=no_price_with_broker_percent,
    measured=without_price["broker"],
    unit="%",
)
compare(
    tr(
        es="mensajes oídos dos veces con la base de datos",
        en="messages heard twice with the database",
    ),
    predicted=heard_twice_with_database,
    measured=twice["database"],
    unit="",
)

# %% [markdown] lang="es" row="7" slide="subslide"
# Con REST, *Viajes* deja de poder dar precio en cuanto cae *Precios*, aunque *Viajes* esté perfectamente: es el **acoplamiento temporal**. Con la base de datos y con el broker sigue
# cobrando **el último precio que oyó**: peor que uno reciente, pero mejor que no dar precio y perder el viaje. Un cliente REST también podría guardar su última respuesta; lo que no puede es enterarse de lo que no ha preguntado. Y al volver, *Precios* encuentra esperándole todo lo que se dijo mientras no estaba.
#
# Pero «ningún mensaje perdido» no es «nada perdido». El lector de la tabla no guardó hasta dónde había leído: su suplente lo oye todo otra vez, y así **recupera la memoria** de cómo está cada zona. El broker sí guardó el offset del grupo: su suplente sigue donde el otro iba, pero **sin su memoria**, con las cifras del principio hasta que le llegan mensajes nuevos. Un offset vale poco si el estado no se guarda con él. Además, nuestro código anota el mensaje como leído antes de enviar el precio que sale de él, y ese precio puede perderse: la unidad 02 trata de todo esto.
#
# El broker tampoco es una llamada síncrona con otro nombre: `produce` no espera a que nadie atienda el mensaje, ni siquiera a que lo reciba el broker (`flush` sí). Si de verdad necesitas la respuesta para seguir, pregunta.
# %% [markdown] lang="en" row="7" slide="subslide"
# With REST, *Rides* can no longer give a price as soon as *Prices* goes down, although *Rides* itself is perfectly healthy: that is **temporal coupling**. With the database and with the broker it keeps
# charging **the last price it heard**: worse than a recent one, but better than giving no price and losing the ride. A REST client could keep its last answer too; what it cannot do is find out what it has not asked. And when *Prices* comes back, all that was said while it was away is waiting for it.
#
# But "no message lost" is not "nothing lost". The reader of the table did not store how far it had read: its substitute hears everything again, and so **gets back the memory** of how each zone stands. The broker did store the group's offset: its substitute goes on where the other was, but **without its memory**, with the opening figures until new messages reach it. An offset is worth little unless the state is stored with it. Besides, our code notes the message as read before it sends the price that follows from it, and that price can be lost: unit 02 is about all this.
#
# Nor is the broker a synchronous call by another name: `produce` does not wait for anybody to handle the message, nor even for the broker to receive it (`flush` does). If you really need the answer to go on, ask.

# %% [markdown] lang="es" row="8" slide="slide"
# ## Un cuarto consumidor, y los productores ni se enteran
#
# Llega el equipo de fraude y quiere leer la demanda y los precios **desde el principio**. Con nuestros servicios solo podría preguntar por el valor de ahora: para darle todos los cambios, y los de antes, dos equipos tendrían que tocar su código. Con la tabla compartida podría leerlos, pero sondeando y atado a sus columnas. Aquí lee con un grupo nuevo, y ya está.
#
# **Predice:** *Precios* ya leyó toda la demanda. Si ahora, terminado *Precios*, otro proceso lee con su **mismo** nombre de grupo, ¿cuántos de esos mensajes recibe? ¿Y qué porcentaje recibe *fraude*, con un grupo nuevo?
# %% [markdown] lang="en" row="8" slide="slide"
# ## A fourth consumer, and the producers never know
#
# The fraud team arrives and wants to read the demand and the prices **from the beginning**. With our services it could only ask for the value of now: to give it every change, and the past ones, two teams would have to touch their code. With the shared table it could read them, but polling and tied to its columns. Here it reads with a new group, and that is all.
#
# **Predict:** *Prices* has read all the demand already. If now, with *Prices* finished, another process reads with its **same** group name, how many of those messages does it get? And what percentage does *fraud* get, with a new group?

# %%
messages_for_the_same_group = None
percent_for_a_new_group = None


# %% slide="fragment"
def read_to_the_end(group, topics):
    """How many messages of each topic a group gets when it reads all there is."""
    consumer, counts, pending = consumer_of(group, topics), Counter(), set(topics)
    while pending:
        record = consumer.poll(1.0)
        if record is None:
            continue
        if record.error() is None:
            counts[record.topic()] += 1
        elif record.error().code() == KafkaError._PARTITION_EOF:
            pending.discard(record.topic())
    consumer.close()
    return counts


groups = {"PriceOptimisation": ["demand"], "fraud": ["demand", "price"]}
with processes.group() as group:
    readers = {
        name: group.start(read_to_the_end, name, [stormy[kind] for kind in kinds], name=name)
        for name, kinds in groups.items()
    }
    read = {name: process.result(timeout=30) for name, process in readers.items()}

# %% tags=["hide-input"] slide="fragment"
demand_told = len(city.of("demand"))
tables.show(
    [
        {tr(es="grupo", en="group"): name}
        | {
            WORDS[kind]: counts[stormy[kind]] if kind in groups[name] else None
            for kind in ("demand", "price")
        }
        for name, counts in read.items()
    ],
    caption=tr(
        es=f"Mensajes que recibe quien llega ahora; de demanda se dijeron {demand_told}",
        en=f"Messages that a newcomer gets; of demand, {demand_told} were told",
    ),
)
compare(
    tr(
        es="mensajes para quien lee con el grupo de Precios",
        en="messages for whoever reads with the group of Prices",
    ),
    predicted=messages_for_the_same_group,
    measured=read["PriceOptimisation"][stormy["demand"]],
    unit="",
)
compare(
    tr(
        es="de la demanda, lo que aún puede leer fraude",
        en="of the demand, what fraud can still read",
    ),
    predicted=percent_for_a_new_group,
    measured=100 * read["fraud"][stormy["demand"]] / demand_told,
    unit="%",
)

# %% [markdown] lang="es" row="8" slide="subslide"
# Leer no borra: cada grupo lleva **su propio** offset sobre el mismo registro. Un grupo nuevo empieza por el principio de lo que aún se guarda, porque hemos puesto `auto.offset.reset` a `earliest` (de fábrica es `latest`, y solo recibiría lo que llegue desde ahora); quien retoma un grupo sigue por donde este iba. En una cola de
# trabajo clásica, en cambio, cada mensaje es para un solo consumidor (unidad 02).
#
# **A una escala mil veces mayor:** lo que crece es el disco del broker (cuánto tiempo se guarda todo: la *retención*) y su red de salida, que se paga una vez por grupo.
# %% [markdown] lang="en" row="8" slide="subslide"
# Reading does not remove: each group keeps **its own** offset over the same log. A new group starts at the beginning of what is still kept, because we set `auto.offset.reset` to `earliest` (the default, `latest`, would give it only what arrives from now on); whoever takes over a group goes on where that group was. In a classic
# work queue, by contrast, each message goes to a single consumer (unit 02).
#
# **At a thousand times this scale:** what grows is the broker's disk (for how long everything is kept: *retention*) and its outgoing network, which is paid once per group.

# %% [markdown] lang="es" row="2 5 7" slide="slide"
# ## Las tres, cara a cara
#
# La misma ciudad, las mismas clases de Python, tres transportes. Los dos tiempos **no miden lo mismo**: la *espera* es lo que tarda el viajero en tener su precio desde que lo pide (con servicios, tres
# idas y vueltas; con los otros, mirar en la propia memoria), y la *antigüedad* es la edad del dato que causó un precio cuando *Viajes* oye ese precio, en una sola dirección (con servicios se cuenta desde que contesta el último dueño consultado: solo son dos viajes de vuelta). La espera incluye el turno: mientras un proceso escribe en el disco o sondea, no atiende al viajero.
# %% [markdown] lang="en" row="2 5 7" slide="slide"
# ## The three side by side
#
# The same city, the same Python classes, three transports. The two times **do not measure the same thing**: the *wait* is how long the rider takes to get a price after asking (with services, three
# round trips; with the others, a look into local memory), and the *staleness* is the age of the data that caused a price when that price reaches *Rides*, one-way (with services it counts from when the last owner asked answers: only two ways back). The wait includes queueing: while a process writes to the disk or polls, it does not serve the rider.

# %% tags=["hide-input"] slide="fragment"
calm = {f"SQLite, T = {ms(poll)}": results for poll, results in sweep.items()}
calm |= {
    f"PostgreSQL, T = {ms(T50)}": on_postgres,
    "REST": on_rest,
    "gRPC": on_grpc,
    "broker": on_broker,
}
tables.show(
    [
        {
            "": name,
            tr(es="el precio está", en="the price is"): tr(
                es="a 3 idas y vueltas", en="3 round trips away"
            )
            if name in ("REST", "gRPC")
            else tr(es="en la propia memoria", en="in local memory"),
            WAIT50: 1000 * waits(results).percentile(50),
            WAIT99: 1000 * waits(results).percentile(99),
            tr(es="antigüedad p50 (ms)", en="staleness p50 (ms)"): 1000
            * statistics.median(at_rides(results)),
            tr(es="antigüedad p99 (ms)", en="staleness p99 (ms)"): 1000
            * statistics.quantiles(at_rides(results), n=100)[98],
            ERROR: results["bill"].error,
            LOSS: results["bill"].loss,
        }
        for name, results in calm.items()
    ],
    caption=tr(
        es="La misma empresa en cada transporte (en esta máquina, en una sola repetición)",
        en="The same company on each transport (on this machine, in a single run)",
    ),
)

# %% tags=["hide-input"] slide="fragment"
fig, (left, middle, right) = plots.subplots(1, 3, figsize=(10, 3.6), sharey=True)
names = list(calm)
for axis, values, label in [
    (left, [1000 * waits(calm[n]).percentile(50) for n in names], WAIT50),
    (
        middle,
        [1000 * statistics.median(at_rides(calm[n])) for n in names],
        tr(es="antigüedad p50 (ms)", en="staleness p50 (ms)"),
    ),
    (right, [calm[n]["bill"].loss for n in names], LOSS),
]:
    axis.plot(values, names, "o", markersize=8)
    axis.set(xlabel=label)
for axis in (left, middle):
    axis.set(xscale="log")
right.set(xlim=(0, None))
left.invert_yaxis()
plots.show(
    fig,
    alt=tr(
        es="Por cada transporte, lo que espera el viajero, lo viejo que es el dato y lo que se pierde: "
        "los servicios hacen esperar más; las bases de datos pierden más cuanto mayor es T; el broker "
        "no hace esperar y pierde poco.",
        en="For each transport, how long the rider waits, how old the data is and how much is lost: "
        "services make the rider wait most; databases lose more the larger T is; the broker makes "
        "nobody wait and loses little.",
    ),
)

# %% [markdown] lang="es" row="6 7" slide="subslide"
# Compara en tu tabla el sondeo más rápido, los servicios y el broker: a esta escala sus pérdidas suelen parecerse (y la latencia del broker es la del de bolsillo). Si solo contaran los milisegundos, no haría falta un broker. Se elige por el **acoplamiento**: qué sabe cada uno de los
# demás, y qué sobrevive.
#
# | | cada uno conoce | enlaces con $n$ servicios | si muere *Precios* | si muere lo de en medio |
# |---|---|---|---|---|
# | base de datos | la tabla y sus columnas | $n$ | se sigue con lo último que se oyó | nadie oye nada nuevo, ni puede escribir |
# | servicios | la dirección y la API de cada otro | hasta $n(n-1)/2$ | no hay precio, salvo que se guarde el último | no hay nada en medio |
# | broker | los topics y la forma de sus mensajes | $n$ | se sigue con lo último que se oyó | nadie oye nada nuevo: por eso los brokers van en clúster |
# %% [markdown] lang="en" row="6 7" slide="subslide"
# Compare in your table the fastest polling, the services and the broker: on this scale their losses tend to be alike (and the broker's latency is the pocket one's). If only milliseconds counted, a broker would not be needed. You choose it for the **coupling**: what each one knows of the
# others, and what survives.
#
# | | each one knows | links with $n$ services | if *Prices* dies | if the middle dies |
# |---|---|---|---|---|
# | database | the table and its columns | $n$ | the others go on with what they heard last | nobody hears anything new, nor can write |
# | services | the address and the API of every other | up to $n(n-1)/2$ | there is no price, unless the last one is kept | there is no middle |
# | broker | the topics and the shape of their messages | $n$ | the others go on with what they heard last | nobody hears anything new: that is why brokers run as a cluster |

# %% [markdown] lang="es" slide="slide"
# ## Cómo elegir, y lo que las diapositivas no cuentan
#
# - **Base de datos** si ya es compartida, los datos deben quedar guardados de todos modos y el retraso de un sondeo no cuesta dinero.
# - **Servicios** si hace falta la respuesta *ahora* para poder seguir, y la cadena es corta.
# - **Broker** si varios quieren oír lo mismo, si quien habla no debe esperar a quien escucha o si hay que poder volver atrás y releer.
#
# Lo normal es mezclarlas: en esta misma empresa, el viajero *pregunta* por su precio, y la demanda se *anuncia* por un broker.
#
# Tres matices con fecha. Los dos primeros ya existían en 2021: la captura de cambios (Debezium, desde 2016) evita sondear una base de datos, y las mallas de servicios (un intermediario junto a cada uno; Istio 1.0, 2018) ponen timeouts, reintentos y
# disyuntores fuera del código, aunque no cambian las fórmulas. El tercero es posterior: Kafka dejó de necesitar ZooKeeper (un servicio de coordinación aparte) gracias a KRaft (su propio protocolo de consenso, apto para producción desde la versión 3.3, 2022), y Kafka 4.0 (marzo de 2025) lo
# eliminó, con lo que tener un broker cuesta menos que entonces.
# %% [markdown] lang="en" slide="slide"
# ## How to choose, and what the slides leave out
#
# - **A database** if you share one already, the data must be stored anyway, and the delay of a poll costs no money.
# - **Services** if the answer is needed *now* in order to go on, and the chain is short.
# - **A broker** if several want to hear the same, if the speaker must not wait for the listener, or if you must be able to go back and read again.
#
# Mixing them is usual: in this very company the rider *asks* for a price, and the demand is *announced* through a broker.
#
# Three notes, with dates. The first two existed in 2021 already: change data capture (Debezium, since 2016) saves you from polling a database, and service meshes (a proxy beside each service; Istio 1.0, 2018) put timeouts, retries and
# circuit breakers outside the code, though they do not change the formulas. The third came later: Kafka stopped needing ZooKeeper (a separate coordination service) thanks to KRaft (its own consensus protocol, ready for production since version 3.3, 2022), and Kafka 4.0 (March 2025)
# removed it, so that running a broker costs less than it did.

# %% [markdown] lang="es" slide="skip"
# ## Para terminar
#
# La última celda cierra lo que queda abierto (si no la ejecutas, se cierra al cerrar el kernel).
#
# Ahora te toca a ti: los ejercicios de esta unidad te piden la tabla de quién necesita qué, la fórmula de la antigüedad, una cola de trabajo que no pierde nada, un cliente que no reserva dos veces y algo más.
#
# **Para leer más:** Kleppmann, *Designing Data-Intensive Applications* (1.ª edición), capítulos 4 y 11; Dean y Barroso, [*The Tail at Scale*](https://research.google/pubs/the-tail-at-scale/) (2013); la documentación de SQLite
# sobre [WAL](https://sqlite.org/wal.html); las [notas de Kafka 4.0](https://kafka.apache.org/blog); y el borrador del IETF sobre la cabecera `Idempotency-Key`.
# %% [markdown] lang="en" slide="skip"
# ## To finish
#
# The last cell closes what is still open (if you do not run it, shutting down the kernel does).
#
# Now it is your turn: the exercises of this unit ask you for the table of who needs what, the formula of staleness, a work queue that loses nothing, a client that does not book twice, and some more.
#
# **Further reading:** Kleppmann, *Designing Data-Intensive Applications* (1st edition), chapters 4 and 11; Dean and Barroso, [*The Tail at Scale*](https://research.google/pubs/the-tail-at-scale/) (2013); the documentation of SQLite
# on [WAL](https://sqlite.org/wal.html); the [notes on Kafka 4.0](https://kafka.apache.org/blog); and the IETF's draft on the `Idempotency-Key` header.

# %% slide="skip"
open_until_the_end.close()
