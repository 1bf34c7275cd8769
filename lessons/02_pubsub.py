# ---
# title:
#   es: "Transporte en tiempo real: pubsub y colas de mensajes"
#   en: "Real-time transport: pubsub and message queues"
# unit: "02"
# minutes: 75
# ---

# %% [markdown] lang="es" slide="slide"
# # Transporte en tiempo real: pubsub y colas de mensajes
#
# En la unidad 01 un broker llevaba los datos de un proceso a otro y sobrevivía a una caída. Ahora lo abrimos: qué guarda, quién lleva la cuenta de lo leído, qué pasa
# si un proceso muere **justo** entre dos líneas, y en qué se diferencia de una cola de trabajo. Casi todos los productores y consumidores son procesos de verdad, y hay un
# **comprobador de historias** que compara lo que se envió con lo que se atendió y le pone nombre a cada anomalía.
#
# Al terminar sabrás:
#
# 1. **(2.1)** publicar y suscribirte con el código de la diapositiva y con el de hoy, y decir cuándo un mensaje está de verdad entregado;
# 2. **(2.2)** predecir a qué partición va una clave y qué orden se conserva;
# 3. **(2.3)** repartir el trabajo en un grupo de consumidores, ver su retraso y qué pasa cuando muere uno;
# 4. **(2.4)** decir qué se pierde y qué se repite según dónde muera el proceso y cuándo confirme sus offsets;
# 5. **(2.5)** hacer que repetir no importe: destino idempotente, productor idempotente, transacciones;
# 6. **(2.6)** rebobinar el registro y reconstruir una vista; explicar retención y compactación;
# 7. **(2.7)** poner un esquema en medio, y apartar el mensaje que nadie puede leer;
# 8. **(2.8)** elegir entre cola y registro: reparto, reentrega, relectura;
# 9. **(2.9)** decir qué se gana con los lotes y qué cuesta, y leer una cifra de adopción con ojo crítico.
#
# **Tiempo:** unos 75 minutos; las celdas tardan alrededor de uno. **Qué se ejecuta:** procesos de tu máquina: un Kafka de bolsillo, un registro de esquemas hecho con FastAPI,
# SQLite y una cola en memoria. Con `KAFKA_BOOTSTRAP` y `AMQP_URL`, las mismas celdas usan un Kafka y un RabbitMQ reales.
#
# | el Kafka de bolsillo… | |
# |---|---|
# | hace de verdad | el protocolo de Kafka con el cliente de siempre, entre procesos: particiones, offsets, grupos y rebalanceos, commits, reenvíos, compresión |
# | no hace | guardar en disco ni replicar, descartar los reenvíos de un productor idempotente, esconder lo abortado, compactar |
# | aquí se **simula** | el descarte de repeticiones y la compactación (las transacciones se quedan para un clúster real) |
# | no se le puede atribuir a Kafka | ningún tiempo ni caudal: son los de este programa en tu máquina |
# %% [markdown] lang="en" slide="slide"
# # Real-time transport: pubsub and message queues
#
# In unit 01 a broker carried data from one process to another and survived a crash. Now we open it: what it keeps, who keeps track of what has been read, what happens
# if a process dies **exactly** between two lines, and how it differs from a work queue. Nearly all the producers and consumers are real processes, and there is a
# **history checker** that compares what was sent with what was handled and gives each anomaly its name.
#
# When you finish you will be able to:
#
# 1. **(2.1)** publish and subscribe with the slide's code and with today's, and say when a message has really been delivered;
# 2. **(2.2)** predict which partition a key goes to, and which order is kept;
# 3. **(2.3)** split work in a consumer group, see its lag, and what happens when a member dies;
# 4. **(2.4)** say what is lost and what is repeated, depending on where the process crashes and when it commits its offsets;
# 5. **(2.5)** make repetition harmless: idempotent sink, idempotent producer, transactions;
# 6. **(2.6)** rewind the log and rebuild a view; explain retention and compaction;
# 7. **(2.7)** put a schema in between, and set aside the message that nobody can read;
# 8. **(2.8)** choose between queue and log: assignment, redelivery, re-reading;
# 9. **(2.9)** say what batching gains and what it costs, and read an adoption figure without taking it at face value.
#
# **Time:** about 75 minutes; the cells take around one. **What runs:** processes on your machine: a pocket Kafka, a schema registry made with FastAPI,
# SQLite and an in-memory queue. With `KAFKA_BOOTSTRAP` and `AMQP_URL` the same cells use a real Kafka and a real RabbitMQ.
#
# | the pocket Kafka… | |
# |---|---|
# | does for real | Kafka's protocol with the usual client, between processes: partitions, offsets, groups and rebalances, commits, resending, compression |
# | does not | store on disk or replicate, drop what an idempotent producer resends, hide what was aborted, compact |
# | is **simulated** here | dropping repetitions, and compaction (transactions are left for a real cluster) |
# | must not be ascribed to Kafka | any time or throughput: they are this program's, on your machine |

# %% tags=["parameters"]
# es: mensajes de los experimentos que solo cuentan
# en: messages in the experiments that only count
messages = 1000
# es: trabajos que se reparten entre la cola y el registro
# en: jobs to hand out, by the queue and by the log
jobs = 1000
# es: veces que se repite cada medida de tiempo, intercaladas
# en: how often each measurement of time is repeated, interleaved
repeats = 3

# %% slide="skip"
import itertools
import json
import os
import random
import signal
import sqlite3
import statistics
import threading
import time
from collections import Counter, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from time import monotonic, sleep
from zlib import crc32

from tqdm.auto import tqdm

from mlprod import plots, start, tables, tr
from mlprod.predictions import compare
from mlprod.systems import history, kafka, processes, queues, schema_registry
from mlprod.systems.startline import StartLine
from mlprod.systems.workspace import workspace

start(LANG)
open_until_the_end = ExitStack()
broker = open_until_the_end.enter_context(kafka.cluster())

# %% [markdown] lang="es" row="9" slide="slide"
# ## El código de la diapositiva
#
# Un modelo publica sus predicciones en un **topic** (un canal con nombre, dividido en **particiones**, que son los registros donde se guardan los mensajes); quien las necesite se suscribe. Así lo escribe la diapositiva del curso CS 329S de Stanford (Chip Huyen, 2021):
#
# ```python
# from confluent_kafka import Consumer, SerializingProducer
#
# producer = SerializingProducer(producer_config)
# producer.produce(
#     topic="prediction",
#     key=example_id,
#     value=prediction,
# )
# pred_consumer = Consumer(consumer_config)
# pred_consumer.subscribe(["prediction"])
# ```
#
# Para que funcione solo le falta lo que en la diapositiva no cabe: las dos configuraciones, un ejemplo y una llamada a `poll`.
# %% [markdown] lang="en" row="9" slide="slide"
# ## The code of the slide
#
# A model publishes its predictions to a **topic** (a channel with a name, divided into **partitions**, the logs in which messages are kept); whoever needs them subscribes. This is how a slide of Stanford's course CS 329S (Chip Huyen, 2021) writes it:
#
# ```python
# from confluent_kafka import Consumer, SerializingProducer
#
# producer = SerializingProducer(producer_config)
# producer.produce(
#     topic="prediction",
#     key=example_id,
#     value=prediction,
# )
# pred_consumer = Consumer(consumer_config)
# pred_consumer.subscribe(["prediction"])
# ```
#
# To run, it needs only what did not fit on the slide: the two configurations, an example, and a call to `poll`.

# %% slide="subslide"
from confluent_kafka.serialization import StringSerializer

broker.create_topic("prediction", partitions=2, suffix=False)
producer_config = broker.config(
    {
        "key.serializer": StringSerializer(),
        "value.serializer": lambda value, context: json.dumps(value).encode(),
    }
)
# es: sin `earliest`, un grupo nuevo empieza por lo que se publique a partir de ahora
# en: without `earliest`, a new group begins with what is published from now on
consumer_config = broker.config(group_id="rides", auto_offset_reset="earliest")
example_id, prediction = "ride-17", {"price": 12.4, "model": "v3"}

# es: de aquí hasta `subscribe`, la diapositiva tal cual
# en: from here to `subscribe`, the slide as it is
from confluent_kafka import Consumer, SerializingProducer

producer = SerializingProducer(producer_config)
producer.produce(
    topic="prediction",
    key=example_id,
    value=prediction,
)
pred_consumer = Consumer(consumer_config)
pred_consumer.subscribe(["prediction"])

producer.flush(10)
message = pred_consumer.poll(20)
pred_consumer.close()
# es: `poll` devuelve None si no llega nada, y también puede traer un error
# en: `poll` returns None when nothing comes, and it may also bring an error
assert message is not None and not message.error()
tables.show(
    [
        {
            "topic": message.topic(),
            tr(es="partición", en="partition"): message.partition(),
            "offset": message.offset(),
            tr(es="clave", en="key"): message.key().decode(),
            tr(es="valor", en="value"): message.value().decode(),
        }
    ],
    caption=tr(es="Lo que llega", en="What arrives"),
)

# %% [markdown] lang="es" row="9" slide="subslide"
# ### Lo mismo, hoy
#
# `SerializingProducer` llegó con confluent-kafka 1.4 (2020), y [su propia documentación](https://docs.confluent.io/platform/current/clients/confluent-kafka-python/html/index.html) (versión 2.16, 2026) sigue llamándolo experimental, dice que es probable que se retire y recomienda
# usar los serializadores directamente. Así que hoy se escribe un `Producer` corriente, se serializa antes de `produce` y se pide un **informe de entrega** (`on_delivery`).
# Es el mismo cliente por debajo: solo cambia dónde se serializa.
#
# Fíjate en la última línea con `flush`. ¿Para qué está, si `produce` ya ha vuelto?
# %% [markdown] lang="en" row="9" slide="subslide"
# ### The same, today
#
# `SerializingProducer` came with confluent-kafka 1.4 (2020), and [its own documentation](https://docs.confluent.io/platform/current/clients/confluent-kafka-python/html/index.html) (version 2.16, 2026) still calls it experimental, says that it is likely to be removed, and recommends
# using the serializers directly. So today you write a plain `Producer`, serialize before `produce`, and ask for a **delivery report** (`on_delivery`).
# It is the same client underneath: only the place of the serialization changes.
#
# Look at the last line with `flush`. What is it for, if `produce` has returned already?

# %% slide="fragment"
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_STORED,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)


def die():
    """As by `kill -9`: no exception, no cleaning up, no goodbye."""
    os.kill(os.getpid(), signal.SIGKILL)


def publish_all(config, topic, warm_up, how_many, survives):
    """A producer, as a process. Returns how many delivery reports it had before and after `flush`, and what `flush` left."""
    reports = []
    producer = Producer(config)
    # es: que la conexión esté ya abierta, como en un servicio que lleva rato en marcha
    # en: let the connection be open already, as in a service that has been running for a while
    producer.produce(warm_up, value="")
    producer.flush(10)
    producer.list_topics(topic, timeout=10)
    for number in range(how_many):
        producer.produce(
            topic,
            key=f"ride-{number}",
            value=json.dumps({"price": 12.4, "model": "v3"}),
            on_delivery=lambda error, message: reports.append(error),
        )
    before = len(reports)
    if not survives:
        die()
    # es: envía lo que quede, espera los acuses de recibo y llama a los `on_delivery`; devuelve cuántos siguen sin informe
    # en: send what is left, wait for the acks, and call the `on_delivery`s; it returns how many still have no report
    left = producer.flush(10)
    return before, sum(error is None for error in reports), left


def next_record(consumer, timeout=10):
    """The next record, or the end of a partition (whose `error()` is true). Raises TimeoutError, or KafkaException."""
    record = consumer.poll(timeout)
    if record is None:
        raise TimeoutError(timeout)
    if record.error() and record.error().code() != KafkaError._PARTITION_EOF:
        raise KafkaException(record.error())
    return record


def count(topic, partitions):
    """How many messages the log of a topic holds."""
    with closing(Consumer(broker.config(group_id="counter"))) as consumer:
        ends = [
            consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            for partition in range(partitions)
        ]
    return sum(high - low for low, high in ends)


# %% [markdown] lang="es" row="9" slide="subslide"
# **Predice:** un proceso llama a `produce` 1000 veces. Justo después, antes de `flush`, ¿cuántos informes de entrega tiene? (Lo repetimos con otro proceso que muere
# ahí, antes de `flush`, y contamos cuántos de sus mensajes llegan al registro.)
# %% [markdown] lang="en" row="9" slide="subslide"
# **Predict:** a process calls `produce` 1000 times. Right then, before `flush`, how many delivery reports does it have? (We repeat it with another process that dies
# there, before `flush`, and count how many of its messages get to the log.)

# %%
# es: escribe aquí tu número, antes de ejecutar la celda siguiente
# en: write your number here, before you run the next cell
reports_before_flush = None

# %% slide="fragment"
rows, warm_up = [], broker.create_topic("warm-up")
for survives in (False, True):
    topic = broker.create_topic("delivered" if survives else "cut-short", partitions=2)
    process = processes.start(publish_all, broker.config(), topic, warm_up, messages, survives)
    process.wait(timeout=30)
    before, after, left = process.result(timeout=5) if survives else (None, None, None)
    rows.append(
        {
            tr(es="después de produce", en="after produce"): "flush"
            if survives
            else tr(es="muere", en="dies"),
            tr(es="llamadas a produce", en="calls of produce"): messages,
            tr(es="informes antes de flush", en="reports before flush"): before,
            tr(es="informes sin error al final", en="reports without error at the end"): after,
            tr(es="flush devuelve", en="flush returns"): left,
            tr(es="en el registro", en="in the log"): count(topic, 2),
        }
    )
tables.show(
    rows,
    caption=tr(
        es="`produce` ha vuelto: ¿está entregado?", en="`produce` has returned: is it delivered?"
    ),
)
compare(
    tr(es="informes de entrega antes de flush", en="delivery reports before flush"),
    predicted=reports_before_flush,
    measured=rows[1][tr(es="informes antes de flush", en="reports before flush")],
    unit="",
)

# %% [markdown] lang="es" row="9" slide="subslide"
# `produce` solo **apunta** el mensaje en un búfer de tu proceso; un hilo de fondo lo envía, en lotes. Lo que no haya salido cuando el proceso termina se pierde, y no hay ninguna excepción que
# te avise: cuánto llega a salir es cuestión de tiempos, y puede cambiar de una ejecución a otra. Un mensaje está entregado cuando llega **su informe sin error**, y los informes solo llegan dentro de `poll` o de `flush`.
# Por eso un productor que vive mucho llama a `poll(0)` tras cada `produce`, y todos llaman a `flush` antes de salir, miran `error` y comprueban que `flush` devuelve 0 (los que se han quedado sin informe).
#
# Y «entregado», ¿a quién? Lo dice `acks`. Con 0, el productor no espera respuesta: el informe no dice nada. Con 1, lo ha guardado el broker que manda en esa partición (el *líder*): si muere antes de copiarlo a sus **réplicas** (las copias en otros brokers), se pierde. Con `all` (por defecto en librdkafka y, desde Kafka 3.0,
# en Java) lo tienen todas las réplicas al día, que han de ser al menos `min.insync.replicas`. En RabbitMQ, lo equivalente son las *publisher confirms*, con colas duraderas y mensajes persistentes.
#
# **Una cuenta:** un servicio que se reinicia cincuenta veces al día (despliegues, escalado) y no hace `flush` puede perder hasta cincuenta búferes al día, y solo lo nota quien cuadra cuentas.
# %% [markdown] lang="en" row="9" slide="subslide"
# `produce` only **notes** the message in a buffer of your process; a background thread sends it, in batches. What has not left when the process ends is lost, and no exception tells
# you so: how much gets out is a matter of timing, and may change from one run to the next. A message is delivered when **its report arrives without an error**, and reports only arrive inside `poll` or `flush`.
# That is why a long-lived producer calls `poll(0)` after each `produce`, and why all of them call `flush` before they leave, look at `error` and check that `flush` returns 0 (those still without a report).
#
# And "delivered" to whom? `acks` says. With 0 the producer waits for no answer: the report says nothing. With 1, the broker in charge of that partition (its *leader*) has stored it: if it dies before copying it to its **replicas** (the copies on other brokers), it is lost. With `all` (the default in librdkafka and, since Kafka 3.0,
# in Java) all in-sync replicas have it, and there must be at least `min.insync.replicas` of them. In RabbitMQ the equivalent is *publisher confirms*, with durable queues and persistent messages.
#
# **Do the sum:** a service that restarts fifty times a day (deployments, scaling) and does not `flush` can lose up to fifty buffers a day, and only whoever balances the books will notice.

# %% [markdown] lang="es" row="10" slide="slide"
# ## El registro: particiones, offsets y claves
#
# Un topic es un **registro**: una lista a la que solo se añade por el final. Está dividido en **particiones** para repartirlo entre máquinas, y en cada una los mensajes llevan números
# consecutivos: sus **offsets**. Quien publica elige la partición con la **clave**: la misma clave va a la misma partición, mientras no cambien ni el número de particiones ni el particionador. Sin clave, librdkafka elige una al azar y sigue con ella unos milisegundos
# (`sticky.partitioning.linger.ms`, 10 por defecto), para llenar lotes.
#
# Tres aplicaciones (tres procesos que empiezan a la vez) publican los eventos de sus viajes: 8 viajes cada una, 25 eventos numerados por viaje. Lo hacemos dos veces: con la clave del viaje y sin clave. Después, cuando ya han terminado,
# un consumidor lo lee todo y el comprobador compara las dos historias. Un mensaje llega *fuera de orden* si antes que él llegó otro de su misma clave que se envió después.
#
# ```mermaid
# flowchart LR
#     A[aplicación 1] -- "viaje 0a" --> P0[partición 0]
#     A -- "viaje 0b" --> P2[partición 2]
#     B[aplicación 2] -- "viaje 1a" --> P1[partición 1]
#     B -- "viaje 1d" --> P2
#     C[aplicación 3] -- "viaje 2e" --> P3[partición 3]
#     P0 & P1 & P2 & P3 --> L[consumidor]
# ```
# %% [markdown] lang="en" row="10" slide="slide"
# ## The log: partitions, offsets and keys
#
# A topic is a **log**: an append-only list. It is divided into **partitions**, to spread it over machines, and in each of them messages are numbered consecutively: the numbers are
# their **offsets**. Whoever publishes chooses the partition by the **key**: the same key goes to the same partition, as long as neither the number of partitions nor the partitioner changes. Without a key, librdkafka picks one at random and keeps to it for some milliseconds
# (`sticky.partitioning.linger.ms`, 10 by default), in order to fill batches.
#
# Three apps (three processes that begin together) publish the events of their rides: 8 rides each, 25 numbered events per ride. They do it twice: with the ride as key, and without a key. Then, when they have finished,
# one consumer reads everything and the checker compares the two histories. A message arrives *out of order* if another one of its key, sent later, arrived before it.
#
# ```mermaid
# flowchart LR
#     A[app 1] -- "ride 0a" --> P0[partition 0]
#     A -- "ride 0b" --> P2[partition 2]
#     B[app 2] -- "ride 1a" --> P1[partition 1]
#     B -- "ride 1d" --> P2
#     C[app 3] -- "ride 2e" --> P3[partition 3]
#     P0 & P1 & P2 & P3 --> L[consumer]
# ```


# %% slide="subslide"
PARTITIONS = 4


def tell_rides(config, topic, app, with_key, line):
    """One app, as a process: 8 rides at once, 25 events each. Returns (moment, ride, number) in the order of sending."""
    chance, sent = random.Random(app), []
    producer = Producer(config)
    events = Counter({f"ride-{app}{letter}": 25 for letter in "abcdefgh"})
    told = Counter()
    producer.list_topics(topic, timeout=10)
    # es: a la vez que las otras aplicaciones
    # en: at the same time as the other apps
    sleep(max(0.0, line.wait() - monotonic()))
    while events:
        ride = chance.choice(sorted(events))
        told[ride] += 1
        events -= Counter([ride])
        producer.produce(
            topic, key=ride if with_key else None, value=json.dumps([ride, told[ride]])
        )
        sent.append((monotonic(), ride, told[ride]))
        producer.poll(0)
        sleep(0.001)
    producer.flush(10)
    return sent


def read_from_the_start(topic, partitions, how_many):
    """The first `how_many` messages of a topic, in the order in which a consumer gets them."""
    records = []
    with closing(Consumer(broker.config(group_id="reader"))) as consumer:
        consumer.assign(
            [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)]
        )
        deadline = monotonic() + 20
        while len(records) < how_many and monotonic() < deadline:
            records += consumer.consume(500, timeout=0.2)
    return records


logs, histories = {}, {}
for with_key in (True, False):
    topic = broker.create_topic(f"rides-{'with' if with_key else 'without'}-key", PARTITIONS)
    with processes.group() as group:
        line = StartLine(parties=3)
        apps = [
            group.start(tell_rides, broker.config(), topic, app, with_key, line, name=f"app-{app}")
            for app in range(3)
        ]
        sent = sorted(event for app in apps for event in app.result(timeout=30))
    logs[with_key] = read_from_the_start(topic, PARTITIONS, len(sent))
    received = [tuple(json.loads(record.value())) for record in logs[with_key]]
    histories[with_key] = [(ride, number) for _, ride, number in sent], received

sent, received = histories[True]
by_ride = history.check(sent, received)
print(by_ride)

# %% [markdown] lang="es" row="10" slide="subslide"
# Con clave, cada viaje llega en orden. ¿Y **todo junto**? Si la pregunta es «de los 600, ¿cuál se envió antes?», juzgamos los 600 mensajes como si fueran de una sola clave.
# %% [markdown] lang="en" row="10" slide="subslide"
# With a key each ride arrives in order. And **all together**? If the question is "of the 600, which was sent first?", we judge the 600 messages as if they all had the same key.

# %% slide="fragment"
verdicts = {}
for with_key, (sent, received) in histories.items():
    # es: con "*" como clave de todos, el comprobador juzga el orden de los 600 juntos
    # en: with "*" as the key of all, the checker judges the order of the 600 together
    everything = history.check(
        [("*", event) for event in sent], [("*", event) for event in received]
    )
    verdicts[with_key] = history.check(sent, received), everything
tables.show(
    [
        {
            tr(es="clave", en="key"): tr(es="el viaje", en="the ride")
            if with_key
            else tr(es="ninguna", en="none"),
            tr(es="mensajes", en="messages"): within.received,
            tr(es="perdidos", en="lost"): len(within.lost),
            tr(es="tarde dentro de su viaje (%)", en="late within its ride (%)"): 100
            * len(within.out_of_order)
            / within.received,
            tr(es="tarde en conjunto (%)", en="late overall (%)"): 100
            * len(overall.out_of_order)
            / overall.received,
        }
        for with_key, (within, overall) in verdicts.items()
    ],
    caption=tr(es="Qué orden se conserva", en="Which order is kept"),
)
print(verdicts[False][0])

# %% slide="fragment"
fig, axes = plots.subplots(1, 2, figsize=(10, 3.4), sharey=True)
shown = ["ride-0a", "ride-0b", "ride-1a", "ride-2a"]
markers = dict(zip(shown, "osD^", strict=True))
for ax, with_key in zip(axes, (True, False), strict=True):
    for ride in shown:
        places = [
            (record.offset(), record.partition())
            for record in logs[with_key]
            if json.loads(record.value())[0] == ride
        ]
        ax.plot(*zip(*places, strict=True), markers[ride], label=ride, markersize=5, alpha=0.8)
    ax.set(
        title=tr(es="con clave", en="with a key")
        if with_key
        else tr(es="sin clave", en="without a key"),
        xlabel="offset",
        ylabel=tr(es="partición", en="partition") if with_key else "",
        yticks=range(PARTITIONS),
    )
axes[0].legend(ncols=2, fontsize=8)
plots.show(
    fig,
    alt=tr(
        es="Cuatro viajes en las cuatro particiones. Con clave, cada viaje ocupa una sola fila; sin clave, cada viaje está desperdigado por todas.",
        en="Four rides in the four partitions. With a key each ride keeps to one row; without a key each ride is scattered over all of them.",
    ),
)

# %% [markdown] lang="es" row="10" slide="subslide"
# Kafka promete el orden **dentro de una partición**, el orden en que se añadieron, y nada más. La clave convierte eso en «el orden dentro de un viaje», que suele ser lo que hace falta, con dos condiciones: que cada clave tenga **un solo productor**, y que un reintento no adelante a otro (con varias peticiones
# en vuelo, la que falla se reenvía detrás de la siguiente; `enable.idempotence` lo impide). Un orden global exigiría una sola partición: un solo consumidor y el caudal de una sola máquina.
#
# Los porcentajes «en conjunto» son tan altos porque leemos un registro **ya terminado**, y el consumidor lo va trayendo partición a partición; quien leyera en directo vería menos desorden, pero nadie le promete cuánto.
#
# La elección de partición no tiene misterio: una función hash de la clave, módulo el número de particiones (en librdkafka, el cliente que usa Python, `crc32`; en el de Java, `murmur2`:
# si los dos publican en el mismo topic con la configuración por defecto, la misma clave va a sitios distintos). Y de ahí sale una trampa.
#
# **Predice:** el topic se queda pequeño y pasa de 4 a 5 particiones. De 1000 claves, ¿qué porcentaje cambia de partición?
# %% [markdown] lang="en" row="10" slide="subslide"
# Kafka promises the order **within a partition**, that of appending, and nothing else. The key turns that into "the order within a ride", which is usually what you need, on two conditions: each key has **one producer**, and no retry is overtaken (with several requests
# in flight, the one that fails is sent again after the next one; `enable.idempotence` prevents it). A global order would take a single partition: one consumer alone, and the throughput of a single machine.
#
# The percentages "overall" are so high because we read a **finished** log, and the consumer fetches it partition by partition; a live reader would see less disorder, but nobody promises how much.
#
# There is no mystery in the choice of a partition: a hash of the key, modulo the number of partitions (in librdkafka, the client behind Python's, `crc32`; in Java's, `murmur2`:
# if both publish to one topic with their default settings, the same key goes to different places). And there lies a trap.
#
# **Predict:** the topic has become too small and goes from 4 to 5 partitions. Of 1000 keys, what percentage changes its partition?

# %%
keys_that_move_percent = None


# %% slide="fragment"
def partition_for(key, partitions):
    return crc32(key.encode()) % partitions


agree = sum(
    partition_for(record.key().decode(), PARTITIONS) == record.partition() for record in logs[True]
)
print(
    tr(
        es=f"La fórmula acierta la partición de {agree} de {len(logs[True])} mensajes.",
        en=f"The formula gives the partition of {agree} of {len(logs[True])} messages.",
    )
)
keys = [f"ride-{number}" for number in range(1000)]
moved = sum(partition_for(key, 4) != partition_for(key, 5) for key in keys)
compare(
    tr(
        es="claves que cambian de partición, de 4 a 5", en="keys that change partition, from 4 to 5"
    ),
    predicted=keys_that_move_percent,
    measured=100 * moved / len(keys),
    unit="%",
)

# %% [markdown] lang="es" row="10" slide="notes"
# Cambian cuatro de cada cinco, no una de cada cinco: solo se queda quieta la clave cuyo resto coincide con los dos divisores. Los mensajes viejos no se mueven, así que un viaje que empezó en una
# partición sigue en otra, y su orden se rompe. Por eso el número de particiones se decide con holgura al principio, o se crea un topic nuevo y se migra.
# %% [markdown] lang="en" slide="notes" row="10"
# Four out of five change, not one out of five: only the key whose remainder is the same for both divisors stays. Old messages do not move, so a ride that began in one
# partition goes on in another, and its order breaks. That is why the number of partitions is decided generously at the start, or else you make a new topic and migrate.

# %% [markdown] lang="es" row="10 11" slide="slide"
# ## Grupos de consumidores
#
# Un consumidor se suscribe **en nombre de un grupo** (`group.id`). Dentro de un grupo, cada partición es de un solo miembro: el grupo se reparte el trabajo. Entre grupos no se reparte nada: cada grupo
# lo lee todo.
#
# Cinco procesos en el grupo `prices` y uno en el grupo `audit`, sobre un topic de 4 particiones. Cada miembro anota lo que atiende y confirma su offset mensaje a mensaje.
#
# **Predice:** de los cinco miembros de `prices`, ¿cuántos no harán nada?
# %% [markdown] lang="en" row="10 11" slide="slide"
# ## Consumer groups
#
# A consumer subscribes **on behalf of a group** (`group.id`). Within a group each partition belongs to a single member: the group splits the work. Between groups nothing is split: each group
# reads everything.
#
# Five processes in the group `prices` and one in the group `audit`, on a topic with 4 partitions. Each member notes what it handles and commits its offset message by message.
#
# **Predict:** of the five members of `prices`, how many will do nothing?

# %%
idle_members = None

# %% slide="skip"
journals = workspace() / "journals"
journals.mkdir(exist_ok=True)


def member(config, topic, work_s, journal, ready, stopping):
    """A member of a consumer group, as a process: notes what it handles and commits it. Returns the commits refused on revoke."""
    consumer = Consumer(config | {"enable.auto.commit": False, "auto.offset.reset": "earliest"})
    share, refused = journal.with_name(f"share-of-{journal.name}"), []

    def take(consumer, partitions):
        share.write_text(" ".join(str(place.partition) for place in partitions))
        ready()

    def give_up(consumer, partitions):
        share.write_text("")
        # es: antes de ceder particiones se confirma lo hecho, o el siguiente lo repetirá; el broker puede negarse
        # en: before giving up partitions commit what is done, or the next one will repeat it; the broker may refuse
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            # es: no tener nada que confirmar no es un rechazo
            # en: having nothing to commit is no refusal
            if error.args[0].code() != KafkaError._NO_OFFSET:
                refused.append(error.args[0].name())

    consumer.subscribe([topic], on_assign=take, on_revoke=give_up)
    with open(journal, "a", buffering=1) as notes:
        while not stopping.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error():
                continue
            # es: el trabajo
            # en: the work
            sleep(work_s)
            key, number = message.key().decode(), message.value().decode()
            print(monotonic(), message.partition(), key, number, file=notes)
            consumer.commit(message, asynchronous=True)
    consumer.close()
    return refused


def hire(group, topic, name, group_id, work_s, **settings):
    """Start one member, and wait until it gets its first share of the partitions."""
    config = broker.config(settings, group_id=group_id)
    return group.start(member, config, topic, work_s, journals / name, name=name, ready_timeout=60)


def join(group, topic, partitions, works, **settings):
    """Start members at the same time, {name: (its group, seconds of work a message)}, and wait until each partition has one owner in each group."""
    with ThreadPoolExecutor(len(works)) as pool:
        starts = [
            pool.submit(hire, group, topic, name, *its, **settings) for name, its in works.items()
        ]
        members = [started.result() for started in starts]
    deadline = monotonic() + 30
    while True:
        shares = defaultdict(list)
        for name, (group_id, _) in works.items():
            shares[group_id] += (journals / f"share-of-{name}").read_text().split()
        if all(sorted(map(int, share)) == list(range(partitions)) for share in shares.values()):
            return members
        if monotonic() > deadline:
            raise TimeoutError(dict(shares))
        sleep(0.05)


def handled(group):
    """What the members of a group have noted: (moment, partition, key, number), in the order of handling."""
    notes = []
    for journal in journals.glob(f"{group}-*"):
        for line in journal.read_text().splitlines():
            moment, partition, key, number = line.split()
            notes.append((float(moment), int(partition), key, int(number)))
    return sorted(notes)


def lag_of(observer, topic, partitions):
    """Of each partition, how many messages the observer's group has yet to commit. The observer is no member."""
    lag = []
    for place in observer.committed(
        [TopicPartition(topic, p) for p in range(partitions)], timeout=10
    ):
        low, high = observer.get_watermark_offsets(place, timeout=10)
        lag.append(high - max(low, place.offset))
    return lag


def until_read(topic, partitions, *groups, timeout=30):
    """Wait until these groups have committed all there is."""
    with ExitStack() as stack:
        observers = [
            stack.enter_context(closing(Consumer(broker.config(group_id=group))))
            for group in groups
        ]
        deadline = monotonic() + timeout
        while any(sum(lag_of(each, topic, partitions)) for each in observers):
            if monotonic() > deadline:
                raise TimeoutError(groups)
            sleep(0.1)


# %% slide="fragment"
shared = broker.create_topic("shared", PARTITIONS)
members = [f"prices-{number}" for number in range(1, 6)] + ["audit-1"]
with processes.group() as group:
    join(group, shared, PARTITIONS, {name: (name.split("-")[0], 0.0) for name in members})
    producer = Producer(broker.config())
    for number in range(messages):
        producer.produce(shared, key=f"ride-{number % 200}", value=str(number))
    producer.flush(10)
    until_read(shared, PARTITIONS, "prices", "audit")

rows = []
for name in members:
    notes = (journals / name).read_text().splitlines()
    rows.append(
        {
            tr(es="miembro", en="member"): name,
            tr(es="mensajes atendidos", en="messages handled"): len(notes),
            tr(es="de las particiones", en="of the partitions"): ", ".join(
                sorted({line.split()[1] for line in notes})
            ),
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Dos grupos sobre el mismo topic de 4 particiones",
        en="Two groups on the same topic of 4 partitions",
    ),
)
counts = {
    row[tr(es="miembro", en="member")]: row[tr(es="mensajes atendidos", en="messages handled")]
    for row in rows
}
compare(
    tr(es="miembros de prices que no hacen nada", en="members of prices that do nothing"),
    predicted=idle_members,
    measured=sum(not done for name, done in counts.items() if name != "audit-1"),
    unit="",
)

# %% [markdown] lang="es" row="10 11" slide="subslide"
# Quién ha quedado con cada partición puede cambiar de una ejecución a otra; lo que no cambia es el dibujo:
#
# ```mermaid
# flowchart LR
#     subgraph topic
#         P0[partición 0]
#         P1[partición 1]
#         P2[partición 2]
#         P3[partición 3]
#     end
#     subgraph prices["grupo prices"]
#         A1[prices 1]
#         A2[prices 2]
#         A3[prices 3]
#         A4[prices 4]
#         A5[prices 5]
#     end
#     subgraph audit["grupo audit"]
#         B1[audit 1]
#     end
#     P0 --> A1
#     P1 --> A2
#     P2 --> A3
#     P3 --> A4
#     topic --> B1
# ```
#
# Un miembro de más no hace nada: dentro de un grupo hay, como mucho, tantos trabajando como particiones. Y `audit` lo lee todo, sin molestar a `prices`.
# %% [markdown] lang="en" row="10 11" slide="subslide"
# Who ends up with which partition may change from run to run; what does not change is the drawing:
#
# ```mermaid
# flowchart LR
#     subgraph topic
#         P0[partition 0]
#         P1[partition 1]
#         P2[partition 2]
#         P3[partition 3]
#     end
#     subgraph prices["group prices"]
#         A1[prices 1]
#         A2[prices 2]
#         A3[prices 3]
#         A4[prices 4]
#         A5[prices 5]
#     end
#     subgraph audit["group audit"]
#         B1[audit 1]
#     end
#     P0 --> A1
#     P1 --> A2
#     P2 --> A3
#     P3 --> A4
#     topic --> B1
# ```
#
# A member too many does nothing: within a group at most as many work as there are partitions. And `audit` reads everything, without disturbing `prices`.

# %% [markdown] lang="es" row="11" slide="slide"
# ### Muere un miembro
#
# Dos miembros se reparten cuatro particiones mientras llegan 250 mensajes por segundo. A los 1.2 s matamos a uno con `SIGKILL`. El broker no lo sabe: solo nota que **ya no llegan sus latidos**, y espera
# `session.timeout.ms` antes de darlo por muerto y repartir de nuevo (*rebalanceo*). Aquí son 1.5 s (con un Kafka real, 6 s: no admite menos); por defecto, 45 s. Más tarde arranca otro proceso en su lugar.
#
# Lo que crece mientras tanto se llama **retraso** (*lag*): mensajes que están en el registro y cuyo offset el grupo aún no ha confirmado. La figura lo enseñará, partición a partición.
#
# **Predice:** ¿cuántos segundos pasarán entre el último mensaje que atiende el muerto y el siguiente de sus particiones?
# %% [markdown] lang="en" row="11" slide="slide"
# ### A member dies
#
# Two members share four partitions while 250 messages a second arrive. At 1.2 s we kill one by `SIGKILL`. The broker does not know: it only notices that **its heartbeats have ceased**, and it waits
# `session.timeout.ms` before it declares it dead and reassigns its partitions (*rebalance*). Here that is 1.5 s (6 s with a real Kafka, which takes no less); by default, 45 s. Later another process starts in its place.
#
# What grows in the meantime is called **lag**: messages that are in the log and whose offset the group has not committed yet. The figure will show it, partition by partition.
#
# **Predict:** how many seconds will go by between the last message that the dead one handles and the next one of its partitions?

# %%
orphan_seconds = None

# %% slide="fragment"
# es: un clúster real no acepta menos de 6 s (`group.min.session.timeout.ms`)
# en: a real cluster takes no less than 6 s (`group.min.session.timeout.ms`)
session_s = 1.5 if broker.embedded else 6.0
dies_at, replaced_at = 1.2, 1.2 + session_s + 2.5
stops_at, rate = replaced_at + 1.0, 250

topic = broker.create_topic("trips", PARTITIONS)
session = {"session.timeout.ms": int(1000 * session_s)}
crew = {f"trips-{name}": ("trips", 0.003) for name in ("victim", "survivor", "replacement")}
sent, lags = [], []
with (
    processes.group() as group,
    closing(Consumer(broker.config(group_id="trips"))) as observer,
    ThreadPoolExecutor(1) as hiring,
    ExitStack() as stack,
):
    first_two = {name: crew[name] for name in ("trips-victim", "trips-survivor")}
    victim, survivor = join(group, topic, PARTITIONS, first_two, **session)
    label = tr(es="segundos", en="seconds")
    bar = stack.enter_context(tqdm(desc=label, leave=False, bar_format="{desc}: {n:.0f}"))
    producer, began, replaced = Producer(broker.config()), monotonic(), None
    while (now := monotonic() - began) < stops_at or sum(lags[-1][1]):
        while len(sent) < rate * min(now, stops_at):
            sent.append((f"ride-{len(sent) % 40}", len(sent)))
            producer.produce(topic, key=sent[-1][0], value=str(sent[-1][1]))
        producer.poll(0)
        if now > dies_at and victim.alive:
            victim.kill()
        if now > replaced_at and not replaced:
            name = "trips-replacement"
            replaced = hiring.submit(hire, group, topic, name, *crew[name], **session)
        lags.append((monotonic() - began, lag_of(observer, topic, PARTITIONS)))
        bar.update(now - bar.n)
        if now > stops_at + 20:
            raise TimeoutError(lags[-1])
        sleep(0.08)
    refused = []
    for process in (survivor, replaced.result()):
        process.stop()
        refused += process.result(timeout=10)

notes = handled("trips")
lines = (journals / "trips-victim").read_text().splitlines()
orphans = sorted({int(line.split()[1]) for line in lines[-50:]})
last = float(lines[-1].split()[0])
taken_over = min(
    moment for moment, partition, *_ in notes if partition in orphans and moment > last
)
outcome = history.check(sent, [(key, number) for *_, key, number in notes])
print(outcome)
# es: ¿quién había atendido ya lo que se repite: el muerto, o uno que sigue vivo y tuvo que ceder la partición?
# en: who had already handled what is repeated: the dead one, or one that is alive and had to give the partition up?
by_the_dead = {int(line.split()[3]) for line in lines}
from_the_death = sum(message.id in by_the_dead for message in outcome.duplicated)
tables.show(
    [
        {
            tr(es="repetidos por la muerte", en="repeated because of the death"): from_the_death,
            tr(es="repetidos por los rebalanceos", en="repeated because of the rebalances"): len(
                outcome.duplicated
            )
            - from_the_death,
            tr(es="commits rechazados al ceder", en="commits refused on giving up"): len(refused),
            tr(es="perdidos", en="lost"): len(outcome.lost),
        }
    ],
    caption=tr(es="De dónde salen las repeticiones", en="Where the repetitions come from"),
)
compare(
    tr(
        es="segundos sin nadie en las particiones del muerto",
        en="seconds with nobody in the partitions of the dead one",
    ),
    predicted=orphan_seconds,
    measured=taken_over - last,
    unit="s",
    note=tr(
        es=f"El plazo de la sesión eran {session_s:g} s; lo demás se va en notar que ha vencido y en repartir de nuevo. Si predijiste el plazo, ibas bien: es lo que puedes fijar tú.",
        en=f"The session timeout was {session_s:g} s; the rest is noticing that it has expired and assigning again. If you predicted the timeout, you were on the right track: it is the part that you can set.",
    ),
)

# %% slide="fragment"
fig, ax = plots.subplots(figsize=(8.4, 3.8))
moments = [moment for moment, _ in lags]
for partition in range(PARTITIONS):
    ax.plot(
        moments,
        [lag[partition] for _, lag in lags],
        "-" if partition in orphans else ":",
        label=tr(es=f"partición {partition}", en=f"partition {partition}")
        + (tr(es=" (del muerto)", en=" (the dead one's)") if partition in orphans else ""),
    )
# es: sitio por arriba para los rótulos
# en: room above for the labels
ax.margins(y=0.14)
for moment, what in (
    (dies_at, tr(es="muere", en="dies")),
    (taken_over - began, tr(es="otro las toma", en="taken over")),
    (replaced_at, tr(es="llega el sustituto", en="replaced")),
):
    ax.axvline(moment, linestyle="--", linewidth=1, color=plots.INK)
    ax.annotate(
        what, (moment, ax.get_ylim()[1]), xytext=(3, -10), textcoords="offset points", fontsize=8
    )
ax.set(
    xlabel=tr(es="segundos desde el comienzo", en="seconds since the start"),
    ylabel=tr(es="retraso (mensajes)", en="lag (messages)"),
)
ax.legend(fontsize=8, ncols=PARTITIONS, loc="lower center", bbox_to_anchor=(0.5, 1.0))
plots.show(
    fig,
    alt=tr(
        es="El retraso de las particiones del miembro muerto crece en línea recta hasta que otro las toma, y luego baja. El de las demás empieza a subir poco antes de esa toma, porque el rebalanceo detiene al superviviente, y sigue subiendo después, mientras él se pone al día con las cuatro. Al llegar el sustituto suben las cuatro otra vez: es el segundo rebalanceo. Al final todas bajan a cero, cuando ya no llegan mensajes.",
        en="The lag of the dead member's partitions grows in a straight line until another takes them over, and then falls. That of the others begins to rise shortly before they are taken over, as the rebalance stops the survivor, and goes on rising afterwards, while it catches up with all four. When the replacement comes all four rise again: the second rebalance. At the end all fall to zero, when no more messages come.",
    ),
)

# %% [markdown] lang="es" row="11" slide="subslide"
# No se pierde nada: los mensajes están en el registro, y lo único que murió es quien los leía. Se paga en dos monedas:
#
# - **tiempo**. El hueco es el plazo de la sesión, más lo que tarda en notarse que ha vencido, más el nuevo reparto. Con los asignadores por defecto (*eager*), cada rebalanceo detiene **a todos**: por eso sube también el retraso de las particiones que no eran del muerto, poco antes
#   de que alguien tome las suyas (y después, mientras el superviviente se pone al día con las cuatro), y por eso hay **otra** subida cuando llega el sustituto: es el segundo rebalanceo. El asignador `cooperative-sticky` solo detiene las particiones que cambian de dueño.
# - **repetición**. De la muerte: lo que el muerto atendió y no llegó a confirmar (aquí pocos o ninguno, porque confirma mensaje a mensaje). De los rebalanceos: lo que un vivo atendió y no pudo confirmar antes de ceder, porque el broker puede rechazar un commit en pleno reparto. La tabla las cuenta por separado.
#
# Cuánto dura cada parada y cuántas repeticiones deja son cosas de este broker de bolsillo; no se las atribuyas a Kafka.
#
# Hay otro plazo, para otro mal: un consumidor **colgado** en su trabajo sigue latiendo, porque los latidos los manda otro hilo. Si pasa más de `max.poll.interval.ms` (5 minutos) sin llamar a `poll`, se le expulsa del grupo.
#
# Bajar `session.timeout.ms` acorta el hueco, pero una pausa del recolector de basura o de la red empieza a parecer una muerte, y cada falsa alarma es un rebalanceo. El protocolo nuevo de grupos
# ([KIP-848](https://kafka.apache.org/40/operations/consumer-rebalance-protocol), estable desde Kafka 4.0, marzo de 2025) reparte poco a poco sin parar a todos; la espera para dar a alguien por muerto sigue ahí. En el cliente de Python hay que pedirlo: `group.protocol=consumer`.
#
# **En producción**, el retraso es **la** medida que se vigila. Si crece sin parar, el grupo no da abasto, y añadir miembros solo sirve hasta llegar al número de particiones.
#
# **A una escala mil veces mayor:** con 250 000 mensajes por segundo, dos segundos de parada de todo el grupo dejan medio millón sin atender, y solo se recuperan con la capacidad que sobra. Si el grupo va al 80 %, ponerse al día le cuesta cuatro veces lo que duró la parada; si va al 100 %, no lo consigue nunca. Por eso se deja holgura, y el aviso se pone en segundos de retraso y no en mensajes.
# %% [markdown] lang="en" row="11" slide="subslide"
# Nothing is lost: the messages are in the log, and all that died is whoever was reading them. You pay in two currencies:
#
# - **time**. The gap is the session timeout, plus noticing that it has expired, plus the new assignment. With the default (*eager*) assignors each rebalance stops **everybody**: that is why the lag of the partitions that were not the dead one's rises too, shortly before
#   somebody takes over the others (and afterwards, while the survivor catches up with all four), and why there is **another** rise when the replacement comes: the second rebalance. The assignor `cooperative-sticky` only stops the partitions that change owner.
# - **repetition**. From the death: what the dead one handled and did not get to commit (here few or none, since it commits message by message). From the rebalances: what a living one handled and could not commit before giving up, since the broker may refuse a commit in the middle of a rebalance. The table counts them apart.
#
# How long each stop lasts and how many repetitions it leaves are this pocket broker's doing; do not ascribe them to Kafka.
#
# There is another timer, for another illness: a consumer **hung** in its work keeps its heartbeats, because another thread sends them. If more than `max.poll.interval.ms` (5 minutes) go by without a call of `poll`, it is expelled from the group.
#
# A lower `session.timeout.ms` shortens the gap, but then a pause of the garbage collector or of the network begins to look like a death, and each false alarm is a rebalance. The new group protocol
# ([KIP-848](https://kafka.apache.org/40/operations/consumer-rebalance-protocol), stable since Kafka 4.0, March 2025) reassigns little by little without stopping everybody; the wait before a member is declared dead is still there. In the Python client you have to ask for it: `group.protocol=consumer`.
#
# **In production**, lag is **the** measure to watch. If it keeps growing the group cannot cope, and adding members only helps up to the number of partitions.
#
# **At a thousand times this scale:** with 250 000 messages a second, a stop of two seconds of the whole group leaves half a million unhandled, and only spare capacity makes up for them. A group that is 80 % busy takes four times as long as the stop to catch up; one that is 100 % busy never does. That is why slack is left, and why the alarm is set in seconds of lag and not in messages.

# %% [markdown] lang="es" row="11" slide="slide"
# ## Semántica de entrega: morir en cada punto
#
# Un consumidor repite un ciclo de tres pasos: **lee** un lote, lo **procesa** y **confirma** el offset. Si muere, su sucesor empieza en el último offset confirmado. Todo depende del orden de los dos últimos
# pasos y del punto exacto en que muere:
#
# - *procesar y luego confirmar*: lo hecho y no confirmado se repite (**al menos una vez**);
# - *confirmar y luego procesar*: lo confirmado y no hecho se pierde (**como mucho una vez**);
# - *commit automático* (lo que hace `Consumer` por defecto): cada 5 s se confirma lo que `poll` ha **entregado**, esté hecho o no. En librdkafka lo hace un hilo de fondo, en cualquier momento; el cliente de Java, dentro de `poll`.
#
# No lo dejamos al azar: el proceso se mata a sí mismo (`SIGKILL`, como `kill -9`) en un punto con nombre, siempre en el segundo lote de diez mensajes. Luego un sucesor termina. Cuarenta mensajes en total.
#
# **Predice:** en el peor de los puntos, ¿cuántos mensajes se pierden si se confirma antes de procesar? ¿Y cuántos se repiten si se confirma después? El commit automático lo probamos cada 50 ms y, como viene por defecto, cada 5 s: ¿pierde o repite?
# %% [markdown] lang="en" row="11" slide="slide"
# ## Delivery semantics: dying at every point
#
# A consumer repeats a cycle of three steps: it **reads** a batch, **processes** it and **commits** the offset. If it dies, its successor begins at the last committed offset. Everything depends on the order of the
# last two steps and on the exact point where it crashes:
#
# - *process and then commit*: what was done and not committed is repeated (**at least once**);
# - *commit and then process*: what was committed and not done is lost (**at most once**);
# - *automatic commit* (what `Consumer` does by default): every 5 s, what `poll` has **handed over** is committed, done or not. In librdkafka a background thread does so, at any moment; Java's client, inside `poll`.
#
# We do not leave it to chance: the process kills itself (`SIGKILL`, like `kill -9`) at a point with a name, always in the second batch of ten messages. Then a successor finishes. Forty messages in all.
#
# **Predict:** at the worst of the points, how many messages are lost when you commit before processing? And how many are repeated when you commit afterwards? We try automatic commits every 50 ms and, as they come by default, every 5 s: do they lose or repeat?

# %%
lost_when_committing_first = None
repeated_when_committing_last = None

# %% slide="skip"
BATCH, TOTAL = 10, 40


def handle_all(config, topic, order, journal, dies=None):
    """A consumer, as a process: reads batches to the end of partition 0. It dies at the point `dies` of its second batch."""
    automatic = order.startswith("automatic")
    consumer = Consumer(
        config
        | {"auto.offset.reset": "earliest", "enable.partition.eof": True}
        | {"enable.auto.commit": automatic}
        | ({"auto.commit.interval.ms": 50} if order == "automatic, 50 ms" else {})
    )
    # es: la partición se asigna a mano, donde se quedó el grupo: el sucesor no tiene que esperar a que venza la sesión
    # en: the partition is assigned by hand, where the group had stopped: the successor need not wait for the session to expire
    consumer.assign([TopicPartition(topic, 0, OFFSET_STORED)])
    with open(journal, "a", buffering=1) as notes:
        for number in itertools.count(1):

            def point(name, number=number):
                if (name, number) == (dies, 2):
                    die()

            records = [next_record(consumer)]
            while len(records) < BATCH and not records[-1].error():
                records.append(next_record(consumer))
            batch = [record for record in records if not record.error()]
            point("read")
            if order == "commit, process" and batch:
                consumer.commit(asynchronous=False)
                point("committed")
            for done, record in enumerate(batch):
                if done == BATCH // 2:
                    if automatic:
                        # es: un mensaje que tarda: al commit de fondo le da tiempo
                        # en: a message that takes long: the background commit has time enough
                        sleep(0.3)
                    point("half-way")
                print(record.key().decode(), record.value().decode(), file=notes)
            point("processed")
            if order == "process, commit" and batch:
                consumer.commit(asynchronous=False)
                point("committed")
            if len(batch) < len(records):
                # es: el fin de la partición
                # en: the end of the partition
                break
    consumer.close()


# %% slide="fragment"
topic = broker.create_topic("orders", partitions=1)
producer = Producer(broker.config())
sent = [(f"ride-{number % 4}", number) for number in range(TOTAL)]
for key, number in sent:
    producer.produce(topic, key=key, value=str(number))
producer.flush(10)

scenarios = [("process, commit", point) for point in ("read", "half-way", "processed", "committed")]
scenarios += [
    ("commit, process", point) for point in ("read", "committed", "half-way", "processed")
]
scenarios += [("automatic, 50 ms", "half-way"), ("automatic, 5 s", "half-way")]
crashes = {}
with processes.group() as group:
    for life in (1, 2):
        lives = []
        for order, point in scenarios:
            name = f"{order}-{point}".replace(", ", "-")
            lives.append(
                group.start(
                    handle_all,
                    broker.config(group_id=name),
                    topic,
                    order,
                    journals / f"crash-{name}",
                    dies=point if life == 1 else None,
                    name=name,
                )
            )
        for process in tqdm(
            lives, desc=tr(es=f"vida {life} de 2", en=f"life {life} of 2"), leave=False
        ):
            code = process.wait(timeout=60)
            assert code == (-signal.SIGKILL if life == 1 else 0), process.output

for order, point in scenarios:
    notes = (journals / f"crash-{order}-{point}".replace(", ", "-")).read_text().split("\n")[:-1]
    received = [(key, int(number)) for key, number in map(str.split, notes)]
    crashes[order, point] = history.check(sent, received)

words = {
    "process, commit": tr(es="procesar, confirmar", en="process, commit"),
    "commit, process": tr(es="confirmar, procesar", en="commit, process"),
    "automatic, 50 ms": tr(es="automático cada 50 ms", en="automatic, every 50 ms"),
    "automatic, 5 s": tr(
        es="automático cada 5 s (por defecto)", en="automatic, every 5 s (default)"
    ),
    "read": tr(es="tras leer", en="after reading"),
    "half-way": tr(es="a mitad de procesar", en="half-way through processing"),
    "processed": tr(es="tras procesar", en="after processing"),
    "committed": tr(es="tras confirmar", en="after committing"),
}
anomaly_words = {
    "lost": tr(es="perdidos", en="lost"),
    "duplicated": tr(es="repetidos", en="repeated"),
    "phantom": tr(es="fantasmas", en="phantom"),
    "out_of_order": tr(es="fuera de orden", en="out of order"),
}
tables.show(
    [
        {
            tr(es="orden", en="order"): words[order],
            tr(es="muere", en="dies"): words[point],
            tr(es="perdidos", en="lost"): len(found.lost),
            tr(es="repetidos", en="repeated"): len(found.duplicated),
            tr(es="anomalías", en="anomalies"): ", ".join(map(anomaly_words.get, found.anomalies))
            or tr(es="ninguna", en="none"),
        }
        for (order, point), found in crashes.items()
    ],
    caption=tr(
        es="Una muerte en cada punto del segundo lote de diez, y un sucesor",
        en="One death at each point of the second batch of ten, and a successor",
    ),
)
print(crashes["commit, process", "half-way"])
print(crashes["process, commit", "processed"])


def worst(order, anomaly):
    return max(len(getattr(found, anomaly)) for (o, _), found in crashes.items() if o == order)


compare(
    tr(
        es="perdidos, en el peor punto, si se confirma antes",
        en="lost, at the worst point, when committing first",
    ),
    predicted=lost_when_committing_first,
    measured=worst("commit, process", "lost"),
    unit="",
)
compare(
    tr(
        es="repetidos, en el peor punto, si se confirma después",
        en="repeated, at the worst point, when committing last",
    ),
    predicted=repeated_when_committing_last,
    measured=worst("process, commit", "duplicated"),
    unit="",
)

# %% [markdown] lang="es" row="11" slide="subslide"
# Ningún orden se libra: si confirmas antes, hay un punto que pierde hasta un lote entero; si confirmas después, hay un punto que repite hasta un lote entero. Confirmar antes **no** es más seguro. Y el valor por
# defecto no es «exactamente una vez»: según dónde caiga el commit de fondo, pierde o repite, sin avisar. Con 50 ms y un mensaje que tarda, confirmó lo que aún no estaba hecho; con los 5 s por defecto no le dio tiempo a confirmar nada, y el sucesor lo repitió todo. (El término medio: `enable.auto.offset.store=False` y
# llamar a `store_offsets` al acabar cada mensaje: el hilo de fondo solo confirma lo hecho.) Lotes más pequeños achican el daño, pero no lo quitan: entre dos pasos siempre cabe una muerte.
#
# La salida no está en el broker. Lo que se ha saltado sigue en el registro, pero nadie sabe que tiene que buscarlo; **lo repetido se puede reconocer**. Así que se elige *al menos una vez* y se hace que repetir no importe.
# %% [markdown] lang="en" row="11" slide="subslide"
# Neither order gets away with it: if you commit first, there is a point that loses up to a whole batch; if you commit afterwards, there is a point that repeats up to a whole batch. Committing first is **not** safer. And
# the default is not "exactly once": depending on where the background commit falls, it loses or repeats, without telling. With 50 ms and a message that takes long, it committed what was not done yet; with the default 5 s it had no time to commit anything, and the successor repeated it all. (The middle way: `enable.auto.offset.store=False` and
# a call of `store_offsets` when each message is done: the background thread only commits what is done.) Smaller batches shrink the damage but do not remove it: there is always room for a death between two steps.
#
# The way out is not in the broker. What was skipped is still in the log, but nobody knows that they should look for it; **what is repeated can be recognised**. So you choose *at least once*, and make repetition harmless.

# %% [markdown] lang="es" row="11" slide="slide"
# ### Un destino idempotente
#
# El consumidor cobra viajes: por cada mensaje, una fila en una tabla de SQLite. Procesa y luego confirma cada diez, y muere **después de apuntar el cobro 25 y antes de confirmar**. Su sucesor vuelve al último offset
# confirmado. Cinco destinos para los mismos mensajes (dos particiones, 60 cobros de 10 €; el último cobro, además, lo **publica dos veces** un productor que reintenta):
#
# - **confiado**: apunta todo lo que llega;
# - **lista en memoria**: recuerda en un `set` los viajes ya cobrados;
# - **único por offset**: la tabla no admite dos filas con el mismo offset;
# - **único por posición**: no admite dos filas con la misma partición y el mismo offset;
# - **único por viaje**: la tabla no admite dos filas con el mismo identificador de viaje.
#
# **Predice:** por cada 100 € debidos, ¿cuántos euros cobra el de la lista en memoria? ¿Y el único por offset?
# %% [markdown] lang="en" row="11" slide="slide"
# ### An idempotent sink
#
# The consumer charges rides: for each message, one row in an SQLite table. It processes and then commits every ten, and dies **after it has noted charge 25 and before it commits**. Its successor goes back to the last
# committed offset. Five sinks for the same messages (two partitions, 60 charges of €10; and the last charge is **published twice**, by a producer that retries):
#
# - **trusting**: it notes all that arrives;
# - **list in memory**: it remembers in a `set` the rides already charged;
# - **unique by offset**: the table does not admit two rows with the same offset;
# - **unique by position**: it does not admit two rows with the same partition and the same offset;
# - **unique by ride**: the table does not admit two rows with the same identifier of the ride.
#
# **Predict:** per €100 due, how many euros does the one with the list in memory charge? And the one unique by offset?

# %%
euros_charged_list_in_memory = None
euros_charged_unique_by_offset = None

# %% slide="skip"
CHARGES = 60
IN_MEMORY = tr(es="lista en memoria", en="list in memory")
SINKS = {
    tr(es="confiado", en="trusting"): "",
    IN_MEMORY: "",
    tr(es="único por offset", en="unique by offset"): ", UNIQUE (place)",
    tr(es="único por posición", en="unique by position"): ", UNIQUE (part, place)",
    tr(es="único por viaje", en="unique by ride"): ", UNIQUE (ride)",
}


def charge_all(config, topic, sink, path, dies_at=None):
    """A consumer, as a process: charges each ride and commits every ten. It dies after `dies_at` charges."""
    consumer = Consumer(
        config
        | {
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, OFFSET_STORED) for partition in range(2)])
    charged_here, ended, read = set(), set(), 0
    with closing(sqlite3.connect(path, isolation_level=None)) as table:
        table.execute(
            "CREATE TABLE IF NOT EXISTS charges "
            f"(ride TEXT, part INTEGER, place INTEGER, euros INTEGER{SINKS[sink]})"
        )
        while len(ended) < 2:
            record = next_record(consumer)
            if record.error():
                ended.add(record.partition())
                continue
            ride = record.key().decode()
            if sink != IN_MEMORY or ride not in charged_here:
                # es: si rompe la unicidad, la fila se ignora: comprobar y apuntar son un solo paso
                # en: if it breaks uniqueness the row is ignored: checking and noting are a single step
                table.execute(
                    "INSERT OR IGNORE INTO charges VALUES (?, ?, ?, ?)",
                    (ride, record.partition(), record.offset(), int(record.value())),
                )
                charged_here.add(ride)
            read += 1
            if read == dies_at:
                die()
            if read % 10 == 0:
                consumer.commit(asynchronous=False)
    if read % 10:
        consumer.commit(asynchronous=False)
    consumer.close()


# %% slide="fragment"
topic = broker.create_topic("charges", partitions=2)
producer = Producer(broker.config())
due = [(f"ride-{number}", 10) for number in range(CHARGES)]
# es: el último, dos veces: otra posición, el mismo viaje
# en: the last one, twice: another position, the same ride
for ride, euros in [*due, due[-1]]:
    producer.produce(topic, key=ride, value=str(euros))
producer.flush(10)

paths = {sink: workspace() / f"sink-{number}.db" for number, sink in enumerate(SINKS)}
with processes.group() as group:
    for dies_at in (25, None):
        lives = [
            group.start(
                charge_all,
                broker.config(group_id=path.stem),
                topic,
                sink,
                path,
                dies_at,
                name=path.stem,
            )
            for sink, path in paths.items()
        ]
        for process in lives:
            process.wait(timeout=30)

rows = []
for sink, path in paths.items():
    with closing(sqlite3.connect(path)) as table:
        charged = table.execute("SELECT ride, euros FROM charges ORDER BY rowid").fetchall()
    found = history.check(due, charged, order=False)
    rows.append(
        {
            tr(es="destino", en="sink"): sink,
            tr(es="cobros", en="charges"): len(charged),
            tr(es="nunca cobrados", en="never charged"): len(found.lost),
            tr(es="cobrados de más", en="charged too often"): len(found.duplicated),
            tr(es="€ cobrados de cada 100", en="€ charged per €100 due"): 100
            * sum(euros for _, euros in charged)
            / (10 * CHARGES),
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Los mismos mensajes y la misma muerte, en cinco destinos",
        en="The same messages and the same death, in five sinks",
    ),
)
share = {
    row[tr(es="destino", en="sink")]: row[
        tr(es="€ cobrados de cada 100", en="€ charged per €100 due")
    ]
    for row in rows
}
by_offset = tr(es="único por offset", en="unique by offset")
for sink, predicted in (
    (IN_MEMORY, euros_charged_list_in_memory),
    (by_offset, euros_charged_unique_by_offset),
):
    compare(
        tr(es=f"cobrado de cada 100 €: {sink}", en=f"charged per €100 due: {sink}"),
        predicted=predicted,
        measured=share[sink],
        unit="€",
    )

# %% [markdown] lang="es" row="11" slide="subslide"
# Cuatro lecciones en cinco filas. La lista en memoria **muere con el proceso**, que es justo cuando hacía falta. El offset solo identifica un mensaje **dentro de su partición**: el 7 de la partición 0 y el 7 de la 1 son
# viajes distintos, y uno de los dos se queda sin cobrar. La posición entera (topic, partición, offset) reconoce lo que Kafka **reentrega**, pero no lo que el productor **publica dos veces**: son dos posiciones. Lo que funciona es una identidad que viaja **con** el mensaje, comprobada en la **misma transacción** que el efecto.
# El resultado es el de «exactamente una vez», aunque la entrega sea al menos una vez. Si el efecto está fuera (un banco, un correo), no hay transacción común: se manda esa identidad como **clave de idempotencia**, y es el otro lado quien descarta la repetida.
#
# (La otra solución correcta: guardar el offset en la misma base de datos y en la misma transacción que el efecto, y al arrancar pedirle a Kafka que siga desde ahí. Tampoco reconoce lo publicado dos veces.)
#
# **A una escala mil veces mayor:** una tabla con todas las identidades crece sin fin. Se guardan solo mientras pueda llegar una repetición (lo que dure la retención del topic y lo que insista quien publica), en una tabla partida por la fecha del viaje, para borrar un día entero de golpe (la fecha que trae el mensaje: con la de llegada, lo que se repite al día siguiente no se reconocería), y se reparte con la misma clave que el topic, para que cada consumidor mire solo su parte.
# %% [markdown] lang="en" row="11" slide="subslide"
# Four lessons in five rows. The list in memory **dies with the process**, just when it was needed. The offset identifies a message only **within its partition**: number 7 of partition 0 and number 7 of partition 1 are
# different rides, and one of the two goes uncharged. The whole position (topic, partition, offset) recognises what Kafka **redelivers**, but not what the producer **publishes twice**: those are two positions. What works is an identity that travels **with** the message, checked in the **same transaction** as the effect.
# The outcome is that of "exactly once", even though the delivery is at least once. If the effect is outside (a bank, an e-mail), there is no common transaction: you send it that identity as an **idempotency key**, and it is the other side that drops the repeated one.
#
# (The other correct solution: to store the offset in the same database and in the same transaction as the effect, and on starting to ask Kafka to go on from there. It does not recognise what was published twice either.)
#
# **At a thousand times this scale:** a table with every identity grows without end. They are kept only as long as a repetition may still come (the retention of the topic, and as long as the publisher insists), in a table partitioned by the date of the ride, so that a whole day is dropped at once (the date that the message carries: by that of arrival, what is repeated the next day would not be recognised), and it is sharded by the same key as the topic, so that each consumer looks only at its own part.

# %% [markdown] lang="es" row="11" slide="slide"
# ### El acuse de recibo que no llega
#
# Falta la otra punta: el productor. El broker guarda el mensaje, pero su acuse de recibo tarda demasiado; el productor da la petición por perdida y **reenvía**. Es el mismo dilema del cliente REST de la unidad 01.
#
# Lo provocamos: diez mensajes en un lote, un broker que de pronto tarda 5 s en contestar y un cliente que espera 0.3 s. En cuanto el cliente desiste, el broker vuelve a ser rápido.
#
# **Predice:** se han enviado 10 mensajes y llegan 10 informes sin error. ¿Cuántos hay en el registro?
# %% [markdown] lang="en" row="11" slide="slide"
# ### The ack that never arrives
#
# The other end is missing: the producer. The broker stores the message but its ack takes too long; the producer gives the request up as lost and **sends it again**. It is the dilemma of unit 01's REST client once more.
#
# We provoke it: ten messages in one batch, a broker that suddenly takes 5 s to answer, and a client that waits 0.3 s. As soon as the client gives up, the broker is quick again.
#
# **Predict:** 10 messages have been sent and 10 reports come without an error. How many are in the log?

# %%
in_the_log_after_a_lost_ack = None

# %% slide="fragment"
if broker.embedded:
    topic = broker.create_topic("lost-ack", partitions=1)
    troubles, reports = [], []
    impatient = Producer(
        broker.config({"socket.timeout.ms": 300, "linger.ms": 50, "error_cb": troubles.append})
    )
    # es: un primer envío a otro topic abre la conexión, que no es lo que medimos
    # en: a first sending to another topic opens the connection, which is not what we measure
    impatient.produce(warm_up, value="")
    impatient.flush(10)
    impatient.list_topics(topic, timeout=10)
    broker.round_trip(5000)
    for number in range(10):
        impatient.produce(
            topic,
            key="ride-1",
            value=str(number),
            on_delivery=lambda error, _: reports.append(error),
        )
    deadline = monotonic() + 8
    while not troubles and monotonic() < deadline:
        impatient.poll(0.05)
    broker.round_trip(0)
    impatient.flush(10)
    sent = [("ride-1", number) for number in range(10)]
    received = [
        (record.key().decode(), int(record.value()))
        for record in read_from_the_start(topic, 1, count(topic, 1))
    ]
    if troubles:
        print(tr(es="El cliente avisa:", en="The client says:"), troubles[0].str())
    print(tr(es="informes sin error:", en="reports without an error:"), reports.count(None))
    print(history.check(sent, received))
    compare(
        tr(es="mensajes en el registro", en="messages in the log"),
        predicted=in_the_log_after_a_lost_ack,
        measured=len(received),
        unit="",
    )
else:
    print(
        tr(
            es="Solo el broker de bolsillo se puede volver lento a voluntad: quita KAFKA_BOOTSTRAP para ver este experimento.",
            en="Only the pocket broker can be made slow at will: unset KAFKA_BOOTSTRAP to see this experiment.",
        )
    )

# %% [markdown] lang="es" row="11" slide="subslide"
# Diez informes de «entregado» y veinte mensajes en el registro: nadie ha mentido. El remedio es el **productor idempotente** (`enable.idempotence`): el broker da a cada productor un número, y sus mensajes llevan una
# secuencia, por productor y partición; el broker recuerda los últimos cinco lotes de cada uno y, si se repite alguno, lo confirma sin guardarlo otra vez. En Java viene activado por defecto desde Kafka 3.0.1 ([notas de la versión](https://kafka.apache.org/30/getting-started/upgrade), 2022); en el cliente de Python **hay que pedirlo**.
# Solo cubre los reintentos **del propio cliente**, mientras vive: si el proceso se reinicia y vuelve a publicar, es otro productor con otro número, y se guarda dos veces.
#
# El broker de bolsillo acepta ese productor pero **no descarta las repeticiones** (con él no se puede demostrar). Así que lo que sigue está **simulado**: una simplificación de lo que hace un broker de verdad, en unas líneas, con el mismo reenvío.
# %% [markdown] lang="en" row="11" slide="subslide"
# Ten reports of "delivered" and twenty messages in the log: nobody has lied. The remedy is the **idempotent producer** (`enable.idempotence`): the broker gives each producer a number, and its messages bear a
# sequence, per producer and partition; the broker remembers the last five batches of each, and acknowledges a repeated one without storing it again. In Java it is on by default since Kafka 3.0.1 ([release notes](https://kafka.apache.org/30/getting-started/upgrade), 2022); in the Python client **you have to ask for it**.
# It only covers **the client's own** retries, while it lives: if the process restarts and publishes again, it is another producer with another number, and the message is stored twice.
#
# The pocket broker accepts such a producer but **does not drop the repetitions** (it cannot be proved there). So what follows is **simulated**: a simplification of what a real broker does, in a few lines, with the same resending.


# %% slide="fragment"
class PartitionOfABroker:
    """Simulated, and simplified: a real broker counts records, and remembers the last five batches of each producer."""

    def __init__(self):
        self.log, self.last = [], defaultdict(lambda: -1)

    def append(self, producer, sequence, batch):
        if sequence > self.last[producer] + 1:
            return "OUT_OF_ORDER_SEQUENCE_NUMBER"
        if sequence == self.last[producer] + 1:
            self.log += batch
            self.last[producer] = sequence
        return "ack"


partition = PartitionOfABroker()
batch = [("ride-1", number) for number in range(10)]
answers = [partition.append(producer=7, sequence=0, batch=batch) for attempt in range(2)]
print(answers, history.check(batch, partition.log))

# %% [markdown] lang="es" row="11" slide="subslide"
# ### Transacciones: lo que añade Kafka
#
# El productor idempotente evita que **un** envío se guarde dos veces. Una **transacción** junta varios: los mensajes que publico y los offsets que he leído se confirman **todos o ninguno**, y quien lee con
# `isolation.level=read_committed` no ve los de una transacción abortada. Con eso, un paso que lee de Kafka y escribe en Kafka es exactamente una vez, *dentro de Kafka*. Un correo enviado o una fila en otra base de datos
# quedan fuera: para eso sigue haciendo falta el destino idempotente.
#
# El productor se identifica con un `transactional.id` estable: cuando arranca otro con el mismo, `init_transactions` aborta lo que el anterior dejó a medias y **le cierra el paso** (*fencing*): si solo estaba colgado y despierta, sus escrituras se rechazan.
# Abortar no mueve al consumidor: hay que volver al último offset confirmado y rehacer el lote, como hace la celda. (Usa `assign`; con `subscribe`, los metadatos del grupo que se pasan junto con los offsets rechazan además a un miembro que ya fue expulsado.)
#
# El broker de bolsillo acepta las transacciones, pero **no sabe esconder los mensajes abortados**, así que aquí no probaría nada: la celda solo se ejecuta con `KAFKA_BOOTSTRAP`. En un Kafka real, quien lee con `read_uncommitted` debería ver 40 mensajes (diez de ellos, abortados), y con `read_committed`, 30.
# %% [markdown] lang="en" row="11" slide="subslide"
# ### Transactions: what Kafka adds
#
# The idempotent producer keeps **one** sending from being stored twice. A **transaction** joins several: the messages that I publish and the offsets that I have read are committed **all or none**, and whoever reads with
# `isolation.level=read_committed` does not see those of an aborted transaction. So a step that reads from Kafka and writes to Kafka is exactly once, *within Kafka*. An e-mail sent or a row in another database
# stay outside: for those the idempotent sink is still needed.
#
# The producer identifies itself by a stable `transactional.id`: when another one starts with the same id, `init_transactions` aborts what the former left unfinished and **shuts it out** (*fencing*): if it was only hung and wakes up, its writes are refused.
# Aborting does not move the consumer: you have to go back to the last committed offset and redo the batch, as the cell does. (It uses `assign`; with `subscribe`, the group metadata sent along with the offsets also makes Kafka refuse a member that has been expelled.)
#
# The pocket broker accepts transactions but **cannot hide aborted messages**, so it would prove nothing here: the cell only runs with `KAFKA_BOOTSTRAP`. On a real Kafka, a reader with `read_uncommitted` should see 40 messages (ten of them aborted), and one with `read_committed`, 30.


# %% slide="fragment"
def charge_in_transactions(config, source, target, abort_second):
    """Write 30 messages in batches of ten; the messages written and the offsets read are committed together, or redone."""
    consumer = Consumer(config | {"enable.auto.commit": False, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(source, 0, OFFSET_BEGINNING)])
    producer = Producer(
        {"bootstrap.servers": config["bootstrap.servers"], "transactional.id": target}
    )
    producer.init_transactions(30)
    done = 0
    for number in itertools.count():
        batch = consumer.consume(10, timeout=10)
        if not batch:
            raise TimeoutError(source)
        producer.begin_transaction()
        for record in batch:
            producer.produce(target, key=record.key(), value=record.value())
        if abort_second and number == 1:
            # es: que estén en el registro antes de abortar, o no habría nada que esconder
            # en: let them be in the log before aborting, or there would be nothing to hide
            producer.flush(30)
            producer.abort_transaction(30)
            # es: abortar no mueve al consumidor: vuelve él al último offset confirmado, y el lote se rehace
            # en: aborting does not move the consumer: it goes back to the last committed offset, and the batch is redone
            consumer.seek(TopicPartition(source, 0, batch[0].offset()))
            continue
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30
        )
        producer.commit_transaction(30)
        done += len(batch)
        if done >= 30:
            break
    consumer.close()


if broker.embedded:
    print(
        tr(
            es="Sin un clúster real no hay nada que enseñar: el broker de bolsillo no esconde lo abortado.",
            en="Without a real cluster there is nothing to show: the pocket broker does not hide what was aborted.",
        )
    )
else:
    source, target = broker.create_topic("fares"), broker.create_topic("charged")
    producer = Producer(broker.config())
    for number in range(30):
        producer.produce(source, key="ride-1", value=str(number))
    producer.flush(30)
    charge_in_transactions(broker.config(group_id=target), source, target, abort_second=True)
    rows = []
    for level in ("read_uncommitted", "read_committed"):
        config = broker.config(
            {"isolation.level": level, "enable.partition.eof": True}, group_id=f"{target}-{level}"
        )
        with closing(Consumer(config)) as consumer:
            consumer.assign([TopicPartition(target, 0, OFFSET_BEGINNING)])
            seen = [
                record.value()
                for record in itertools.takewhile(
                    lambda r: not r.error(), iter(lambda: next_record(consumer, 20), None)
                )
            ]
        # es: el lote abortado se rehízo: no falta ninguno
        # en: the aborted batch was redone: none is missing
        assert len(set(seen)) == 30
        rows.append(
            {
                "isolation.level": level,
                tr(es="mensajes vistos", en="messages seen"): len(seen),
                tr(es="distintos", en="different ones"): len(set(seen)),
            }
        )
    tables.show(
        rows,
        caption=tr(
            es="Cuatro transacciones de diez: la segunda se aborta y se rehace",
            en="Four transactions of ten: the second one is aborted and redone",
        ),
    )

# %% [markdown] lang="es" row="11" slide="slide"
# ## Rebobinar: la misma historia, otra vista
#
# Leer no borra. Así que si una vista se calculó mal, no hay que pedir nada a nadie: se arregla el código, se vuelve al offset 0 y se calcula de nuevo. La vista es *derivada*; el registro es la verdad.
#
# Facturación sumó los viajes por zona y **contó también los cancelados**. El programa arreglado es otro grupo: empieza por el principio y no molesta al antiguo.
#
# **Predice:** uno de cada ocho viajes se canceló. ¿Qué porcentaje de más cobraba la vista mala?
# %% [markdown] lang="en" row="11" slide="slide"
# ## Rewinding: the same history, another view
#
# Reading does not remove. So if a view was computed wrongly, there is no need to ask anyone for anything: fix the code, go back to offset 0 and recompute. The view is *derived*; the log is the truth.
#
# Billing summed the rides by zone and **counted the cancelled ones too**. The fixed program is another group: it begins at the beginning and does not disturb the old one.
#
# **Predict:** one ride in eight was cancelled. By what percentage did the bad view overcharge?

# %%
overcharged_percent = None

# %% slide="fragment"
finished = broker.create_topic("finished-rides", partitions=2)
producer, chance = Producer(broker.config()), random.Random(5)
for number in range(messages):
    ride = {"euros": chance.randint(5, 25), "cancelled": chance.random() < 1 / 8}
    producer.produce(finished, key=f"zone-{number % 4}", value=json.dumps(ride))
producer.flush(10)


def revenue(config, topic, fixed):
    """A view of the log, as a process: euros by zone, from offset 0."""
    consumer = Consumer(config | {"enable.partition.eof": True, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(2)])
    euros, ended, read = Counter(), set(), 0
    while len(ended) < 2:
        record = next_record(consumer)
        if record.error():
            ended.add(record.partition())
            continue
        read += 1
        ride = json.loads(record.value())
        if not (fixed and ride["cancelled"]):
            euros[record.key().decode()] += ride["euros"]
    consumer.close()
    return dict(sorted(euros.items())), read


views, in_the_log = {}, count(finished, 2)
for fixed in (False, True):
    process = processes.start(
        revenue, broker.config(group_id=f"billing-{fixed}"), finished, fixed, name="billing"
    )
    views[fixed], read = process.result(timeout=30)
    process.stop()
tables.show(
    [
        {
            tr(es="zona", en="zone"): zone,
            tr(es="vista mala (€)", en="bad view (€)"): views[False][zone],
            tr(es="vista reconstruida (€)", en="rebuilt view (€)"): views[True][zone],
        }
        for zone in views[True]
    ],
    caption=tr(
        es=f"Releyendo {read} mensajes desde el offset 0",
        en=f"Reading {read} messages again from offset 0",
    ),
)
compare(
    tr(es="cobrado de más por la vista mala", en="overcharged by the bad view"),
    predicted=overcharged_percent,
    measured=100 * (sum(views[False].values()) / sum(views[True].values()) - 1),
    unit="%",
    note=tr(
        es="Lo esperado es 1/7 = 14.3 %, y no 1/8: lo que sobra (uno de cada ocho) se compara con lo que se debía (siete de cada ocho). La diferencia la pone el azar.",
        en="The expected value is 1/7 = 14.3 %, and not 1/8: the excess (one in eight) is compared with what was due (seven in eight). The difference is chance.",
    ),
)
print(
    tr(es="mensajes enviados otra vez:", en="messages sent again:"),
    count(finished, 2) - in_the_log,
)

# %% [markdown] lang="es" row="11" slide="subslide"
# ### Hasta cuándo se puede volver atrás: retención y compactación
#
# Un registro no puede crecer siempre. Kafka ofrece dos políticas por topic (`cleanup.policy`):
#
# - **`delete`**, por edad o tamaño (`retention.ms`, una semana por defecto): se borran segmentos enteros por el principio. Los offsets **no se renumeran**: el primero deja de ser 0.
# - **`compact`**: de cada clave queda al menos su **último** mensaje; un valor nulo (una *lápida*, que no es lo mismo que un valor vacío) pide olvidar la clave, y la lápida se borra a su vez pasado `delete.retention.ms` (24 h por defecto). El segmento en el que se está escribiendo no se compacta. Lo que queda ya no es la historia: es el **estado actual**, releíble.
#
# El broker de bolsillo no compacta. Lo que sigue usa un registro de verdad (1000 posiciones de 150 conductores, de los que 15 se van a casa) y una compactación **simulada** en tres líneas.
#
# **Predice:** ¿cuántos de los mensajes quedan tras compactar, cuando también hayan caducado las lápidas?
# %% [markdown] lang="en" row="11" slide="subslide"
# ### How far back you can go: retention and compaction
#
# A log cannot grow for ever. Kafka offers two policies for each topic (`cleanup.policy`):
#
# - **`delete`**, by age or size (`retention.ms`, one week by default): whole segments are removed at the beginning. Offsets are **not renumbered**: the first one is no longer 0.
# - **`compact`**: of each key, at least its **last** message remains; a null value (a *tombstone*, which is not the same as an empty value) asks to forget the key, and is itself removed after `delete.retention.ms` (24 h by default). The segment being written is not compacted. What remains is no longer the history: it is the **current state**, to be read again.
#
# The pocket broker does not compact. What follows uses a real log (1000 positions of 150 drivers, of whom 15 go home) and a compaction that is **simulated** in three lines.
#
# **Predict:** how many of the messages remain after compaction, once the tombstones have expired too?

# %%
messages_after_compaction = None

# %% slide="fragment"
positions = broker.create_topic("positions", partitions=2)
producer, chance = Producer(broker.config()), random.Random(8)
for number in range(messages):
    where = json.dumps([round(chance.uniform(0, 9), 2), round(chance.uniform(0, 9), 2)])
    driver = number % 150
    goes_home = number >= messages - 150 and driver % 10 == 0
    producer.produce(positions, key=f"driver-{driver}", value=None if goes_home else where)
producer.flush(10)


def state(log):
    """What you know after reading a log to its end: the last value of each key."""
    known = {}
    for record in log:
        known[record.key()] = record.value()
    return {key: value for key, value in known.items() if value is not None}


def compacted(log):
    """Simulated: the last message of each key, unless it is a tombstone (expired by now); offsets and order stay."""
    last = {record.key(): (record.partition(), record.offset()) for record in log}
    places = set(last.values())
    return [r for r in log if (r.partition(), r.offset()) in places and r.value() is not None]


log = read_from_the_start(positions, 2, messages)
short = compacted(log)
print(tr(es="offsets que quedan:", en="offsets that remain:"), [r.offset() for r in short[:4]], "…")
print(tr(es="mismo estado:", en="same state:"), state(short) == state(log))
compare(
    tr(es="mensajes tras compactar", en="messages after compaction"),
    predicted=messages_after_compaction,
    measured=len(short),
    unit="",
)

# %% [markdown] lang="es" row="11" slide="notes"
# El mismo estado con una fracción de los mensajes, pero ya no se puede preguntar «¿dónde estaba ayer?». Compacta lo que es estado (la última posición, el último precio, los offsets de los propios
# grupos, que Kafka guarda así); retén lo que son hechos (viajes, cobros), porque de ahí se reconstruyen las vistas y **se reentrenan los modelos**. Pero con una semana de retención no se reconstruye desde el principio: o la retención es ilimitada
# (con almacenamiento por niveles, que manda lo viejo a un almacén de objetos barato), o los hechos se archivan aparte.
#
# La cuenta del disco es una multiplicación. Con 5000 mensajes por segundo de 500 B, una semana y 3 réplicas:
# $5000 \cdot 500 \cdot 604\,800 \cdot 3 \approx 4.5$ TB. Por eso la retención es una decisión de dinero.
# %% [markdown] lang="en" row="11" slide="notes"
# The same state from a fraction of the messages, but you can no longer ask "where was it yesterday?". Compact what is state (the last position, the last price, the offsets of the groups
# themselves, which Kafka keeps that way); retain what are facts (rides, charges), for they are what views are rebuilt from and **models are retrained on**. But a week of retention does not let you rebuild from the beginning: either retention is unlimited
# (with tiered storage, which sends the old part to a cheap object store), or the facts are archived elsewhere.
#
# The sum for the disk is one multiplication. With 5000 messages a second of 500 B, one week and 3 replicas:
# $5000 \cdot 500 \cdot 604\,800 \cdot 3 \approx 4.5$ TB. That is why retention is a decision about money.

# %% [markdown] lang="es" row="9" slide="slide"
# ## Esquemas: que falle antes de publicar, no después
#
# Hasta ahora el valor era JSON sin contrato escrito. El día que otro equipo cambie `price` de número a texto, quien falla es el **consumidor**, horas después y en otro edificio. Un **registro de esquemas** le da la vuelta:
# el productor registra la forma de sus mensajes antes de publicar, y el registro de esquemas **rechaza** un cambio que no cumpla el **nivel de compatibilidad** elegido. Quien falla es quien ha cambiado algo, y falla al momento. Es un acuerdo entre clientes: el broker no mira el esquema, y cualquiera puede publicar bytes sin él.
#
# ```mermaid
# flowchart LR
#     P[productor] -- "1: ¿vale este esquema?" --> R[(registro de esquemas)]
#     R -- "2: sí, id 1" --> P
#     P -- "3: id 1 + datos" --> K{{Kafka}}
#     K -- "4" --> C[consumidor]
#     C -- "5: ¿qué es el id 1?" --> R
# ```
#
# El nuestro es un servicio pequeño (`schema_registry`, hecho con FastAPI) que habla la parte de la API de Confluent que usan sus clientes. Cada mensaje lleva 5 bytes de más: un byte a cero y los cuatro del id del esquema.
#
# **Predice:** el mismo mensaje en JSON ocupa unos 45 bytes. En Avro, un texto ocupa un byte de longitud más sus letras, un `double`, 8 bytes, y los nombres de los campos no viajan. ¿Qué porcentaje de los 45 ocupará `{"ride": "ride-17", "price": 12.4, "model": "v3"}`, con los 5 bytes incluidos?
# %% [markdown] lang="en" row="9" slide="slide"
# ## Schemas: fail before publishing, not after
#
# So far the value was JSON without a written contract. The day another team changes `price` from a number to a text, it is the **consumer** that fails, hours later and in another building. A **schema registry** turns that round:
# the producer registers the shape of its messages before it publishes, and the registry **refuses** a change that does not meet the chosen **compatibility level**. Whoever changed something is the one that fails, and fails at once. It is an agreement between clients: the broker does not look at the schema, and anyone can publish bytes without one.
#
# ```mermaid
# flowchart LR
#     P[producer] -- "1: is this schema all right?" --> R[(schema registry)]
#     R -- "2: yes, id 1" --> P
#     P -- "3: id 1 + data" --> K{{Kafka}}
#     K -- "4" --> C[consumer]
#     C -- "5: what is id 1?" --> R
# ```
#
# Ours is a small service (`schema_registry`, made with FastAPI) that speaks the part of Confluent's API that its clients use. Each message carries 5 extra bytes: a zero byte and the four-byte schema id.
#
# **Predict:** the same message takes some 45 bytes in JSON. In Avro a text takes one byte of length plus its letters, a `double` 8 bytes, and the names of the fields do not travel. What percentage of the 45 will `{"ride": "ride-17", "price": 12.4, "model": "v3"}` take, the 5 bytes included?

# %%
avro_percent_of_json = None

# %% slide="skip"
registry = open_until_the_end.enter_context(schema_registry.start())


def avro(*more):
    """The schema of a prediction, with fields added to it."""
    fields = [("ride", "string"), ("price", "double"), ("model", "string")]
    fields = [{"name": name, "type": type_} for name, type_ in fields]
    return {"type": "record", "name": "Prediction", "fields": [*fields, *more]}


def json_schema(**more):
    """The same in JSON Schema; a closed object, or else anybody may add anything."""
    properties = {"ride": {"type": "string"}, "price": {"type": "number"}}
    properties |= {"model": {"type": "string"}} | more
    return {
        "title": "Prediction",
        "type": "object",
        "properties": properties,
        "required": ["ride", "price", "model"],
        "additionalProperties": False,
    }


def publish_with_schema(config, topic, registry_url, kind, versions):
    """A producer, as a process: publishes with one schema after another. Returns how many it delivered with each, or the refusal."""
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.schema_registry.error import SchemaRegistryError
    from confluent_kafka.serialization import MessageField, SerializationContext

    client = SchemaRegistryClient({"url": registry_url})
    context = SerializationContext(topic, MessageField.VALUE)
    producer, outcomes = Producer(config), []
    for schema, values in versions:
        delivered = []
        if kind == "Avro":
            serialize = AvroSerializer(client, json.dumps(schema))
        else:
            from confluent_kafka.schema_registry.json_schema import JSONSerializer

            serialize = JSONSerializer(json.dumps(schema), client)
        try:
            for value in values:
                producer.produce(
                    topic,
                    serialize(value, context),
                    on_delivery=lambda error, _, delivered=delivered: delivered.append(error),
                )
            producer.flush(10)
            outcomes.append(delivered.count(None))
        except SchemaRegistryError as error:
            outcomes.append(f"{error.http_status_code}: {error.error_message}")
    return outcomes


def read_with_schema(config, topic, registry_url, kind, schema, expected):
    """A consumer of version 1, as a process. Returns what it understood, and why it stopped if it did."""
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import (
        MessageField,
        SerializationContext,
        SerializationError,
    )

    client = SchemaRegistryClient({"url": registry_url})
    context = SerializationContext(topic, MessageField.VALUE)
    if kind == "Avro":
        deserialize = AvroDeserializer(client, json.dumps(schema))
    else:
        from confluent_kafka.schema_registry.json_schema import JSONDeserializer

        deserialize = JSONDeserializer(json.dumps(schema), schema_registry_client=client)
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        values = []
        while len(values) < expected:
            record = next_record(consumer, timeout=30)
            try:
                values.append(deserialize(record.value(), context))
            except SerializationError as error:
                return values, str(error)
    return values, ""


# %% slide="fragment"
chance = random.Random(2)
predictions = [
    {"ride": f"ride-{n}", "price": round(chance.uniform(5, 25), 2), "model": "v3"}
    for n in range(100)
]
with_zone = [value | {"zone": 3} for value in predictions]
price_as_text = [value | {"price": str(value["price"])} for value in predictions]
zone = {"name": "zone", "type": "int"}
changes = {
    "Avro": {
        tr(es="primera versión", en="first version"): (avro(), predictions),
        tr(es="añade zone, sin valor por defecto", en="adds zone, without a default"): (
            avro(zone),
            with_zone,
        ),
        tr(es="añade zone, con valor por defecto", en="adds zone, with a default"): (
            avro(zone | {"default": 0}),
            with_zone,
        ),
    },
    "JSON Schema": {
        tr(es="primera versión", en="first version"): (json_schema(), predictions),
        tr(es="price pasa a ser texto", en="price becomes a text"): (
            json_schema(price={"type": "string"}),
            price_as_text,
        ),
        tr(es="añade zone, opcional", en="adds zone, optional"): (
            json_schema(zone={"type": "integer"}),
            with_zone,
        ),
    },
}
typed = {
    "Avro": broker.create_topic("typed-avro"),
    "JSON Schema": broker.create_topic("typed-json"),
}
first = {"Avro": avro(), "JSON Schema": json_schema()}
with processes.group() as group:
    publishers = {
        kind: group.start(
            publish_with_schema,
            broker.config(),
            topic,
            registry.address,
            kind,
            list(changes[kind].values()),
            name=f"publisher-{kind}",
        )
        for kind, topic in typed.items()
    }
    readers = {
        kind: group.start(
            read_with_schema,
            broker.config(group_id=f"reads-{topic}"),
            topic,
            registry.address,
            kind,
            first[kind],
            expected=2 * len(predictions),
            name=f"reader-{kind}",
        )
        for kind, topic in typed.items()
    }
    said = {kind: publisher.result(timeout=60) for kind, publisher in publishers.items()}
    understood = {kind: reader.result(timeout=60) for kind, reader in readers.items()}
rows = [
    {
        tr(es="cambio", en="change"): change,
        tr(es="formato", en="format"): kind,
        tr(es="mensajes publicados", en="messages published"): answer
        if isinstance(answer, int)
        else 0,
        tr(es="el registro de esquemas dice", en="the registry says"): ""
        if isinstance(answer, int)
        else answer,
    }
    for kind in changes
    for change, answer in zip(changes[kind], said[kind], strict=True)
]
tables.show(
    rows,
    caption=tr(
        es="Qué cambios acepta el registro de esquemas (nivel BACKWARD)",
        en="Which changes the registry accepts (level BACKWARD)",
    ),
)
sizes = {
    tr(es="JSON, sin esquema", en="JSON, no schema"): statistics.mean(
        len(json.dumps(value, separators=(",", ":"))) for value in predictions
    )
}
sizes |= {
    kind: statistics.mean(
        len(record.value()) for record in read_from_the_start(topic, 1, 100)[:100]
    )
    for kind, topic in typed.items()
}
tables.show(
    [
        {
            tr(es="formato", en="format"): kind,
            tr(es="bytes por mensaje", en="bytes per message"): size,
            tr(es="de ellos, del esquema", en="of those, the schema's"): 5 if kind in typed else 0,
            tr(
                es="leídos por el consumidor de la versión 1",
                en="read by the consumer of version 1",
            ): len(understood[kind][0]) if kind in understood else None,
            tr(
                es="motivo de la parada (mensaje de la biblioteca)",
                en="why it stops (the library's message)",
            ): understood[kind][1].split("(")[0] if kind in understood else "",
        }
        for kind, size in sizes.items()
    ],
    caption=tr(es="El mismo mensaje en tres formatos", en="The same message in three formats"),
)
print(
    tr(
        es="El último en Avro, leído con el esquema de la versión 1:",
        en="The last one in Avro, read with the schema of version 1:",
    ),
    understood["Avro"][0][-1],
)
compare(
    tr(es="tamaño en Avro respecto a JSON", en="size in Avro, relative to JSON"),
    predicted=avro_percent_of_json,
    measured=100 * sizes["Avro"] / next(iter(sizes.values())),
    unit="%",
)

# %% [markdown] lang="es" row="9" slide="subslide"
# Avro no manda los nombres de los campos: los pone el esquema, que viaja una vez y no en cada mensaje. Y el cambio rechazado **no llegó a publicar ni un mensaje**.
#
# El nivel `BACKWARD` exige que el esquema **nuevo sepa leer lo escrito con el anterior**, y nada más (solo con el último: quien vaya a rebobinar hasta el offset 0 necesita `BACKWARD_TRANSITIVE`, que compara con todos). Por eso un campo nuevo necesita un valor por defecto, y por eso se actualizan **primero los consumidores**. Mira la última columna: el lector de la versión 1, en JSON Schema, se para con el primer mensaje que trae
# `zone`, porque su objeto cerrado no la admite; el de Avro se la salta. Si los lectores viejos deben seguir leyendo, el nivel es `FORWARD`; si las dos cosas, `FULL`.
#
# En Avro la regla está en su especificación (la *resolución de esquemas*), y nuestro registro de esquemas le pregunta a una biblioteca de Avro. JSON Schema no define ninguna regla de compatibilidad; la nuestra está escrita en `schema_rules` y, si duda, rechaza. De ella sale una sorpresa: en un objeto **abierto** (sin `additionalProperties: false`),
# añadir una propiedad es incompatible, porque ya podía haber mensajes con esa propiedad y otro tipo. El registro de esquemas de Confluent hace lo mismo.
# %% [markdown] lang="en" row="9" slide="subslide"
# Avro does not send the names of the fields: the schema has them, and it travels once and not in every message. And the refused change **did not get to publish a single message**.
#
# The level `BACKWARD` demands that the **new schema can read what was written with the previous one**, and nothing else (only the latest: to rewind to offset 0 you need `BACKWARD_TRANSITIVE`, which compares with all of them). That is why a new field needs a default, and why the **consumers are upgraded first**. Look at the last column: the reader of version 1 stops, in JSON Schema, at the first message that brings
# `zone`, because its closed object does not admit it; Avro's skips it. If old readers must go on reading, the level is `FORWARD`; if both, `FULL`.
#
# In Avro the rule is in its specification (*schema resolution*), and our schema registry asks an Avro library. JSON Schema defines no compatibility rule; ours is written in `schema_rules` and, in doubt, refuses. A surprise comes of it: in an **open** object (without `additionalProperties: false`)
# adding a property is incompatible, because there may already be messages with that property and another type. Confluent's registry does the same.

# %% [markdown] lang="es" row="11" slide="slide"
# ### El mensaje que nadie puede leer
#
# Un día aparece en el topic algo que no es JSON: el mensaje 40 de 100. El consumidor lanza una excepción, muere sin confirmar, el orquestador lo arranca otra vez, lee el mismo mensaje, lanza la misma excepción… Es un **mensaje envenenado**,
# y *al menos una vez* se convierte en *para siempre*.
#
# Tres maneras de tratarlo, cada una con cinco vidas como mucho: morir y volver a intentarlo; saltárselo y seguir; o apartarlo en una **cola de mensajes fallidos** (otro topic), con su procedencia en las cabeceras.
# %% [markdown] lang="en" row="11" slide="slide"
# ### The message that nobody can read
#
# One day something that is not JSON appears in the topic: message 40 of 100. The consumer raises an exception, dies without committing, the orchestrator starts it again, it reads the same message, raises the same exception… It is a **poison message**,
# and *at least once* becomes *for ever*.
#
# Three ways of treating it, each with five lives at most: die and try again; skip it and go on; or set it aside in a **dead-letter queue** (another topic), with its origin in the headers.

# %% slide="skip"
poisoned = broker.create_topic("poisoned", partitions=1)
dead_letters = broker.create_topic("poisoned-dead-letters", partitions=1)
producer = Producer(broker.config())
for number in range(1, 101):
    value = b"not json" if number == 40 else json.dumps({"number": number})
    producer.produce(poisoned, key=f"ride-{number % 5}", value=value)
producer.flush(10)


def one_life(config, topic, journal, policy, dead_letters):
    """A consumer, as a process: handles what is left in partition 0, one message at a time."""
    consumer = Consumer(
        config
        | {
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_STORED)])
    producer = Producer({"bootstrap.servers": config["bootstrap.servers"]})
    with open(journal, "a", buffering=1) as notes:
        while not (record := next_record(consumer)).error():
            try:
                print(record.key().decode(), json.loads(record.value())["number"], file=notes)
            except ValueError as error:
                if policy == "die":
                    raise
                if policy == "set aside":
                    origin = {
                        "error": repr(error),
                        "topic": record.topic(),
                        "partition": str(record.partition()),
                        "offset": str(record.offset()),
                    }
                    failures = []
                    producer.produce(
                        dead_letters,
                        record.value(),
                        record.key(),
                        headers=origin,
                        on_delivery=lambda failure, _, failures=failures: failures.append(failure),
                    )
                    # es: primero a salvo, luego confirmado: al revés podría perderse
                    # en: first in safety, then committed: the other way round it might get lost
                    if producer.flush(10) or failures != [None]:
                        raise RuntimeError(failures) from error
            consumer.commit(record, asynchronous=False)
    consumer.close()


# %% slide="fragment"
rows, policies = (
    [],
    {
        "die": tr(es="morir y volver", en="die and come back"),
        "skip": tr(es="saltárselo", en="skip it"),
        "set aside": tr(es="apartarlo", en="set it aside"),
    },
)
good = [(f"ride-{number % 5}", number) for number in range(1, 101) if number != 40]
for policy, words_ in policies.items():
    journal, lives = journals / f"poison-{policy}", 0
    while lives < 5:
        lives += 1
        process = processes.start(
            one_life,
            broker.config(group_id=f"poison-{policy}"),
            poisoned,
            journal,
            policy,
            dead_letters,
        )
        code = process.wait(timeout=30)
        if code == 0:
            break
    notes = [line.split() for line in journal.read_text().splitlines()]
    found = history.check(good, [(key, int(number)) for key, number in notes])
    rows.append(
        {
            tr(es="qué se hace", en="what is done"): words_,
            tr(es="vidas", en="lives"): lives,
            tr(es="buenos atendidos", en="good ones handled"): len(good) - len(found.lost),
            tr(es="buenos sin atender", en="good ones not handled"): len(found.lost),
            tr(es="en la cola de fallidos", en="in the dead-letter queue"): count(dead_letters, 1),
        }
    )
tables.show(
    rows,
    caption=tr(es="Un mensaje ilegible entre cien", en="One unreadable message among a hundred"),
)
letter = read_from_the_start(dead_letters, 1, 1)[0]
print({name: value.decode() for name, value in letter.headers()}, letter.value())

# %% [markdown] lang="es" row="11" slide="notes"
# Apartar no es borrar: el mensaje queda entero, con su error y su dirección, para que alguien lo arregle y lo vuelva a publicar. Dos advertencias. Un error que se repetirá siempre igual, como este, se aparta a la primera; un fallo **pasajero** (la base de datos no contesta) no es veneno: se reintenta, esperando cada vez más, o una caída
# de un minuto llenará la cola de fallidos de mensajes sanos. Y si el orden importa, apartar el 40 y seguir con el 41 del mismo viaje lo rompe: hay que apartar el viaje entero.
# %% [markdown] lang="en" row="11" slide="notes"
# Setting aside is not removing: the message stays whole, with its error and its address, for somebody to fix it and publish it again. Two caveats. An error that will always repeat, like this one, is set aside at once; a **transient** failure (the database does not answer) is no poison: you retry, waiting longer each time, or an outage
# of a minute will fill the dead-letter queue with healthy messages. And if order matters, setting 40 aside and going on with 41 of the same ride breaks it: the whole ride has to be set aside.

# %% [markdown] lang="es" row="12" slide="slide"
# ## Cola contra registro: los mismos mil trabajos
#
# Una **cola de trabajo** (RabbitMQ) es otra cosa: el broker tiene una lista de trabajos pendientes, da cada uno a **un** trabajador y lo borra cuando llega su acuse de recibo. El trabajador recibe por adelantado hasta `prefetch` trabajos sin confirmar.
#
# ```mermaid
# flowchart LR
#     P[productor] --> Q[(cola)]
#     Q -- "hasta prefetch" --> A[rápido]
#     Q --> B[rápido]
#     Q --> C[rápido]
#     Q --> D[lento]
#     A & B & C & D -. "ack" .-> Q
# ```
#
# Cuatro trabajadores: tres tardan 2 ms por trabajo y uno, con una máquina peor, 15 ms. Los mil trabajos esperan ya en la cola; en el grupo de Kafka esperan los miembros, y conectarse y publicar los mil también cuenta (en la figura es lo que su curva tarda en arrancar). Medimos cuánto pasa hasta que termina **el último**, con `prefetch` 1 y 100, y con un grupo de Kafka de cuatro miembros sobre cuatro particiones.
#
# Por defecto la cola es `kombu` en memoria, con hilos; con `AMQP_URL`, la misma celda usa un RabbitMQ real. **Predice** dos cosas, tomando como 1 lo que tarda todo con `prefetch` 1: ¿cuánto tardará con `prefetch` 100? ¿Y con el grupo de Kafka?
# %% [markdown] lang="en" row="12" slide="slide"
# ## Queue against log: the same thousand jobs
#
# A **work queue** (RabbitMQ) is another thing: the broker has a list of pending jobs, gives each to **one** worker, and removes it when its ack arrives. A worker gets up to `prefetch` unacknowledged jobs in advance.
#
# ```mermaid
# flowchart LR
#     P[producer] --> Q[(queue)]
#     Q -- "up to prefetch" --> A[fast]
#     Q --> B[fast]
#     Q --> C[fast]
#     Q --> D[slow]
#     A & B & C & D -. "ack" .-> Q
# ```
#
# Four workers: three take 2 ms a job and one, on a worse machine, 15 ms. The thousand jobs are already waiting in the queue; in the Kafka group it is the members that wait, and connecting and publishing the thousand count too (in the figure, the time before its curve starts). We measure the time until **the last one** is done, with `prefetch` 1 and 100, and with a Kafka group of four members on four partitions.
#
# By default the queue is `kombu` in memory, with threads; with `AMQP_URL` the same cell uses a real RabbitMQ. **Predict** two things, taking as 1 the time of it all with `prefetch` 1: how long will it take with `prefetch` 100? And with the Kafka group?

# %%
times_as_long_prefetch_100 = None
times_as_long_kafka_group = None

# %% slide="skip"
WORKERS = {"fast 1": 0.002, "fast 2": 0.002, "fast 3": 0.002, "slow": 0.015}
rabbit = open_until_the_end.enter_context(queues.broker())
print(
    tr(
        es="cola en memoria" if rabbit.embedded else "RabbitMQ real",
        en="in-memory queue" if rabbit.embedded else "a real RabbitMQ",
    )
)


def fill(queue):
    with rabbit.connection() as connection:
        producer = connection.Producer()
        for number in range(jobs):
            producer.publish({"job": number}, routing_key=queue.name)


def work(queue, name, prefetch, done, line, finished):
    """A worker, as a thread with a connection of its own. It notes (moment, worker, job) of what it does."""
    held = deque()
    with rabbit.connection() as connection:
        consumer = connection.Consumer(
            [queue], callbacks=[lambda body, message: held.append(message)]
        )
        consumer.qos(prefetch_count=prefetch)
        with consumer:
            line.wait()
            while not finished.is_set():
                try:
                    # es: recoge lo que el broker quiera darle: hasta `prefetch` sin confirmar
                    # en: takes what the broker will give it: up to `prefetch` unacknowledged
                    while len(held) < prefetch:
                        connection.drain_events(timeout=0.001)
                except TimeoutError:
                    pass
                if held:
                    message = held.popleft()
                    sleep(WORKERS[name])
                    done.append((monotonic(), name, message.payload["job"]))
                    message.ack()
                    if len(done) >= jobs:
                        finished.set()


def by_queue(prefetch):
    """Share the jobs out by a queue. Returns (seconds since the start, worker, job)."""
    queue = rabbit.queue(f"jobs-{time.time_ns()}")
    fill(queue)
    done, finished, line = [], threading.Event(), threading.Barrier(len(WORKERS) + 1)
    threads = [
        threading.Thread(
            target=work, args=(queue, name, prefetch, done, line, finished), daemon=True
        )
        for name in WORKERS
    ]
    for thread in threads:
        thread.start()
    line.wait(20)
    began = monotonic()
    for thread in threads:
        thread.join(60)
    return sorted((moment - began, name, job) for moment, name, job in done)


log_of_jobs = []


def by_log():
    """Share the jobs out by a Kafka group: the `member` of before, with the work of each."""
    run = time.time_ns()
    topic, group_name = broker.create_topic(f"jobs-{run}", len(WORKERS)), f"jobs-{run}"
    with processes.group() as group:
        crew = {f"{group_name}-{name}": (group_name, work_s) for name, work_s in WORKERS.items()}
        join(group, topic, len(WORKERS), crew)
        # es: con los miembros ya esperando, el reloj corre también mientras el productor se conecta y publica
        # en: the members wait already, so the clock also runs while the producer connects and publishes
        producer, began = Producer(broker.config()), monotonic()
        for number in range(jobs):
            producer.produce(topic, key=str(number), value=str(number))
        producer.flush(10)
        until_read(topic, len(WORKERS), group_name)
    log_of_jobs.append(topic)
    return sorted(
        (float(line.split()[0]) - began, name, int(line.split()[3]))
        for name in WORKERS
        for line in (journals / f"{group_name}-{name}").read_text().splitlines()
    )


# %% slide="fragment"
ways = {
    "prefetch 1": lambda: by_queue(1),
    "prefetch 100": lambda: by_queue(100),
    tr(es="grupo de Kafka", en="Kafka group"): by_log,
}
done = {
    name: way() for name, way in tqdm(ways.items(), desc=tr(es="repartos", en="ways"), leave=False)
}
one, hundred, log_group = done
makespan = {name: share[-1][0] for name, share in done.items()}
rows = []
for name, share in done.items():
    found = history.check(
        [("*", job) for job in range(jobs)], [("*", job) for *_, job in share], order=False
    )
    rows.append(
        {
            "": name,
            tr(es="hasta el último (s)", en="until the last (s)"): makespan[name],
            tr(es="tiempo (prefetch 1 = 1)", en="time (prefetch 1 = 1)"): makespan[name]
            / makespan[one],
            tr(es="trabajos del lento", en="jobs of the slow one"): sum(
                w == "slow" for _, w, _ in share
            ),
            tr(es="perdidos", en="lost"): len(found.lost),
            tr(es="repetidos", en="repeated"): len(found.duplicated),
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"Los mismos {jobs} trabajos y los mismos trabajadores",
        en=f"The same {jobs} jobs and the same workers",
    ),
)
compare(
    tr(es="tiempo con prefetch 100 (prefetch 1 = 1)", en="time with prefetch 100 (prefetch 1 = 1)"),
    predicted=times_as_long_prefetch_100,
    measured=makespan[hundred] / makespan[one],
    unit="×",
)
compare(
    tr(
        es="tiempo del grupo de Kafka (prefetch 1 = 1)",
        en="time of the Kafka group (prefetch 1 = 1)",
    ),
    predicted=times_as_long_kafka_group,
    measured=makespan[log_group] / makespan[one],
    unit="×",
)

# %% slide="fragment"
fig, ax = plots.subplots(figsize=(7.6, 3.8))
for name, style in zip(done, ("-", "--", ":"), strict=True):
    ax.plot([moment for moment, *_ in done[name]], range(1, len(done[name]) + 1), style, label=name)
ax.set(
    xlabel=tr(es="segundos", en="seconds"),
    ylabel=tr(es="trabajos terminados", en="jobs done"),
)
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Trabajos terminados en el tiempo. Con prefetch 1 la curva llega arriba pronto; con prefetch 100 y con el grupo de Kafka la mayoría de los trabajos acaba igual de pronto, pero queda una cola larga, la del trabajador lento.",
        en="Jobs done over time. With prefetch 1 the curve gets to the top early; with prefetch 100 and with the Kafka group most jobs end as early, but a long tail remains: that of the slow worker.",
    ),
)

# %% [markdown] lang="es" row="12" slide="subslide"
# `prefetch` no es solo memoria: es **quién decide el reparto**. Con 1, cada trabajador pide otro cuando acaba, y el lento hace lo que puede. Con 100, el lento se queda con cien en las manos mientras los rápidos miran: acaba haciendo esos cien más los que le dio tiempo a hacer mientras quedaban en la cola. Y en el grupo de Kafka el reparto lo decide
# **la clave antes de que nadie trabaje**: la partición del lento es suya, aunque los demás ya estén parados.
#
# ¿Entonces siempre 1? No: con una red de por medio, `prefetch` 1 espera una ida y vuelta por trabajo. Con trabajos muy cortos domina esa espera. La regla: que haya en camino los trabajos que caben en una ida y vuelta, es decir, `prefetch` ≈ ida y vuelta ÷ duración de un trabajo, y un poco más. (La [guía de RabbitMQ](https://www.rabbitmq.com/docs/confirms) dice que entre 100 y 300 el caudal suele ser óptimo: vale para trabajos muy cortos y parecidos entre sí, no para los nuestros.) Y hay otra diferencia que no se ve en la tabla: con la cola, los trabajos de una misma clave los hacen
# trabajadores distintos **en cualquier orden**.
# %% [markdown] lang="en" row="12" slide="subslide"
# `prefetch` is not only about memory: it is **who decides the assignment**. With 1, each worker asks for another when it is done, and the slow one does what it can. With 100, the slow one has a hundred in its hands while the fast ones look on: it ends up doing those hundred plus the ones it had time for while there were some left in the queue. And in the Kafka group the assignment is decided by
# **the key, before anybody works**: the slow one's partition is its own, although the others are idle already.
#
# Always 1, then? No: with a network in between, `prefetch` 1 waits for a round trip for each job. With very short jobs that wait dominates. The rule: have as many jobs on their way as fit in a round trip, that is, `prefetch` ≈ round trip ÷ time of one job, and a few more. ([RabbitMQ's guide](https://www.rabbitmq.com/docs/confirms) says that between 100 and 300 throughput is usually optimal: that goes for very short jobs, all alike, and not for ours.) And there is another difference that the table does not show: with the queue, the jobs of one key are done by
# different workers **in any order**.

# %% [markdown] lang="es" row="12" slide="slide"
# ### Reentregar y releer
#
# Un trabajador recibe 10 trabajos, confirma 4 y se le corta la conexión. Después, cuando todo está hecho, llega el equipo de fraude y quiere ver **los mil**.
#
# **Predice:** ¿cuántos de los 10 vuelven a la cola?
# %% [markdown] lang="en" row="12" slide="slide"
# ### Delivering again and reading again
#
# A worker gets 10 jobs, acknowledges 4, and its connection breaks. Later, when all is done, the fraud team arrives and wants to see **all thousand**.
#
# **Predict:** how many of the 10 go back to the queue?

# %%
back_in_the_queue = None


# %% slide="fragment"
def drain(queue, most, acknowledge=lambda number: True):
    """Take up to `most` jobs of a queue, acknowledge some, and break the connection. Returns the jobs taken."""
    taken = []
    with rabbit.connection() as connection:
        consumer = connection.Consumer(
            [queue], callbacks=[lambda _, message: taken.append(message)]
        )
        consumer.qos(prefetch_count=most)
        with consumer:
            while len(taken) < most:
                try:
                    connection.drain_events(timeout=0.5)
                except TimeoutError:
                    break
            for number, message in enumerate(taken):
                if acknowledge(number):
                    message.ack()
        # es: la conexión se cierra aquí, y con ella se va quien tenía lo demás
        # en: the connection closes here, and with it goes whoever held the rest
        connection.collect()
    return [message.payload["job"] for message in taken]


queue = rabbit.queue("ten-jobs")
with rabbit.connection() as connection:
    for number in range(10):
        connection.Producer().publish({"job": number}, routing_key=queue.name)
taken = drain(queue, 10, acknowledge=lambda number: number < 4)
again = sorted(drain(queue, 10))
print(tr(es="primero:", en="first:"), taken, tr(es=" después:", en=" then:"), again)

done_queue = rabbit.queue("thousand-jobs")
fill(done_queue)
drain(done_queue, jobs)
from_the_queue = len(drain(done_queue, jobs))
from_the_log = len(read_from_the_start(log_of_jobs[-1], len(WORKERS), jobs))
compare(
    tr(es="trabajos que vuelven a la cola", en="jobs that go back to the queue"),
    predicted=back_in_the_queue,
    measured=len(again),
    unit="",
)
tables.show(
    [
        {
            tr(es="de los mil, fraude puede leer…", en="of the thousand, fraud can read…"): where,
            tr(es="mensajes", en="messages"): readable,
        }
        for where, readable in (
            (tr(es="de la cola", en="from the queue"), from_the_queue),
            (tr(es="del registro", en="from the log"), from_the_log),
        )
    ],
    caption=tr(es="Releer lo ya hecho", en="Reading again what is done"),
)

# %% [markdown] lang="es" row="12" slide="subslide"
# La cola sabe de **cada mensaje**: quién tiene cada uno y cuál hay que reentregar. El registro solo sabe de **posiciones**: por dónde va cada grupo. De ahí sale todo lo demás: la cola reentrega uno suelto, pero olvida lo hecho; el registro no puede
# confirmar el 41 sin dar por hecho el 40, pero cualquiera puede releerlo.
#
# Dos avisos sobre RabbitMQ. Una cola clásica reentrega **para siempre**: lo que aparta un mensaje tras varios fallos es una cola *quorum*, con su límite de entregas y un *dead-letter exchange*. Y pubsub también lo hay: un *exchange* de tipo `fanout` copia cada mensaje a todas las colas atadas a él,
# así que varios equipos leen lo mismo, cada uno de su cola; lo que no hay es vuelta atrás.
#
# La frontera se está borrando: RabbitMQ tiene *streams* que se releen ([3.9](https://github.com/rabbitmq/rabbitmq-server/releases/tag/v3.9.0), julio de 2021), y Kafka, *share groups* que reparten y confirman mensaje a mensaje
# ([KIP-932](https://kafka.apache.org/42/getting-started/upgrade/), listos para producción en Kafka 4.2, 2026).
# %% [markdown] lang="en" row="12" slide="subslide"
# The queue knows about **each message**: who holds which, and which to deliver again. The log only knows about **positions**: how far each group has come. All the rest follows: the queue delivers a single one again, but forgets what is done; the log cannot
# commit 41 without taking 40 for done, but anybody can read it again.
#
# Two notes on RabbitMQ. A classic queue redelivers **for ever**: what sets a message aside after some failures is a *quorum* queue, with its delivery limit and a *dead-letter exchange*. And it has pubsub too: an exchange of type `fanout` copies each message to all queues bound to it,
# so several teams read the same, each from its queue; what there is not is a way back.
#
# The line is blurring: RabbitMQ has *streams* that can be read again ([3.9](https://github.com/rabbitmq/rabbitmq-server/releases/tag/v3.9.0), July 2021), and Kafka *share groups* that hand out and acknowledge message by message
# ([KIP-932](https://kafka.apache.org/42/getting-started/upgrade/), ready for production in Kafka 4.2, 2026).

# %% [markdown] lang="es" row="9 12" slide="slide"
# ## Qué se gana con los lotes
#
# ¿Por qué mueve Kafka tantos mensajes? Porque **casi nunca mueve uno**: los junta en lotes. `linger.ms` es cuánto espera el productor a que suba más gente al autobús; `batch.num.messages` y `batch.size`, cuánta cabe.
#
# Primero a ritmo fijo: un productor que publica 1000 mensajes repartidos por igual en un segundo. Contamos **peticiones y bytes** por el cable.
#
# **Predice:** con `linger.ms` 0 cada mensaje sale en cuanto puede, casi siempre solo. ¿Cuántas peticiones saldrán con `linger.ms` 50?
# %% [markdown] lang="en" row="9 12" slide="slide"
# ## What batching gains
#
# Why does Kafka move so many messages? Because **it hardly ever moves one**: it puts them into batches. `linger.ms` is how long the producer waits for more people to get on the bus; `batch.num.messages` and `batch.size`, how many fit.
#
# First at a fixed pace: a producer that publishes 1000 messages, evenly spread over one second. We count **requests and bytes** on the wire.
#
# **Predict:** with `linger.ms` 0 each message leaves as soon as it can, nearly always alone. How many requests will go out with `linger.ms` 50?

# %%
requests_with_linger_50 = None


# %% slide="skip"
def some_predictions(size, how_many):
    """Different predictions of `size` bytes each, as JSON with the features that led to them."""
    chance, values = random.Random(size), []
    for number in range(how_many):
        features = [round(chance.gauss(0, 1), 3) for _ in range(size // 6)]
        value = {"ride": f"ride-{number}", "price": round(chance.uniform(5, 25), 2), "model": "v3"}
        values.append(json.dumps(value | {"features": features}).encode()[:size].ljust(size))
    return values


class Meter:
    """Counts what a producer sends, from librdkafka's own statistics."""

    def __init__(self, config):
        self.last = {"brokers": {}}
        self.producer = Producer(
            config
            | {
                "statistics.interval.ms": 20,
                "stats_cb": lambda text: setattr(self, "last", json.loads(text)),
            }
        )

    def read(self):
        """(produce requests, bytes) sent so far."""
        sleep(0.06)
        self.producer.poll(0.05)
        brokers = self.last["brokers"].values()
        return sum(b.get("req", {}).get("Produce", 0) for b in brokers), sum(
            b["txbytes"] for b in brokers
        )


def paced(config, topic, linger_ms, value, how_many):
    """Publish at a steady pace for a second. Returns requests, bytes and the mean wait (s) until delivered."""
    meter, waits = Meter(config | {"linger.ms": linger_ms}), []
    meter.producer.list_topics(topic, timeout=10)
    idle, began = meter.read(), monotonic()
    for number in range(how_many):
        while monotonic() < began + number / how_many:
            meter.producer.poll(0.0005)
        said = monotonic()
        meter.producer.produce(
            topic, value, on_delivery=lambda error, _, said=said: waits.append(monotonic() - said)
        )
    meter.producer.flush(10)
    sent = meter.read()
    return sent[0] - idle[0], sent[1] - idle[1], statistics.mean(waits)


# %% slide="fragment"
topic, value = broker.create_topic("paced"), some_predictions(100, 1)[0]
rows = []
with processes.group() as group:
    for linger in tqdm((0, 5, 50), desc="linger.ms", leave=False):
        process = group.start(paced, broker.config(), topic, linger, value, 1000)
        requests, sent_bytes, wait = process.result(timeout=30)
        rows.append(
            {
                "linger.ms": linger,
                tr(es="peticiones", en="requests"): requests,
                tr(es="mensajes por petición", en="messages per request"): 1000 / requests,
                tr(
                    es="bytes enviados por mensaje de 100 B", en="bytes sent per message of 100 B"
                ): sent_bytes / 1000,
                tr(es="espera media (ms)", en="mean wait (ms)"): 1000 * wait,
            }
        )
tables.show(
    rows,
    caption=tr(
        es="1000 mensajes en un segundo",
        en="1000 messages in one second",
    ),
)
compare(
    tr(es="peticiones con linger.ms 50", en="requests with linger.ms 50"),
    predicted=requests_with_linger_50,
    measured=rows[2][tr(es="peticiones", en="requests")],
    unit="",
)

# %% [markdown] lang="es" row="9 12" slide="subslide"
# La espera media es, más o menos, la **mitad** de `linger.ms` (unos mensajes llegan al abrirse el lote y otros justo antes de que salga) más una ida y vuelta, que es la de este broker de bolsillo y no la de Kafka. El trato: latencia a cambio de **menos peticiones**. El caudal es el mismo en las tres filas, porque el ritmo lo ponemos nosotros;
# cuántas peticiones salen con `linger.ms` 0 depende de tu máquina.
#
# Ahora a toda velocidad. Cada medida se repite intercalada con las demás y se compara **por cocientes** con la primera. **Predice:** ¿cuántas veces más caudal dan los lotes que enviar de uno en uno esperando cada acuse?
# %% [markdown] lang="en" row="9 12" slide="subslide"
# The mean wait is, roughly, **half** of `linger.ms` (some messages arrive as the batch opens and others just before it leaves) plus a round trip, which is this pocket broker's and not Kafka's. The bargain: latency in exchange for **fewer requests**. Throughput is the same in the three rows, because we set the pace;
# how many requests go out with `linger.ms` 0 depends on your machine.
#
# Now at full speed. Each measurement is repeated, interleaved with the others, and compared **by ratios** with the first. **Predict:** how many times the throughput do batches give, compared with sending one at a time and waiting for each ack?

# %%
times_the_throughput_of_batches = None

# %% slide="skip"
ONE_BY_ONE = tr(es="uno a uno, esperando el acuse", en="one by one, waiting for the ack")
BATCHES = tr(es="lotes (por defecto)", en="batches (default)")
# es: tamaño (B), cuántos mensajes, si se espera el acuse de cada uno, y lo que cambia en la configuración
# en: size (B), how many messages, whether to wait for the ack of each, and what changes in the configuration
variants = {
    ONE_BY_ONE: (100, 1000, True, {"linger.ms": 0}),
    tr(es="sin esperar, un mensaje por petición", en="not waiting, one message a request"): (
        100,
        2000,
        False,
        {"linger.ms": 0, "batch.num.messages": 1},
    ),
    BATCHES: (100, 10_000, False, {}),
    tr(es="lotes con lz4", en="batches with lz4"): (
        100,
        10_000,
        False,
        {"compression.type": "lz4"},
    ),
    tr(es="lotes con zstd", en="batches with zstd"): (
        100,
        10_000,
        False,
        {"compression.type": "zstd"},
    ),
    tr(es="lotes de mensajes de 10 B", en="batches of messages of 10 B"): (10, 10_000, False, {}),
    tr(es="lotes de mensajes de 1000 B", en="batches of messages of 1000 B"): (
        1000,
        2000,
        False,
        {},
    ),
}


def full_speed(config, topics, variants, repeats):
    """Each variant `repeats` times, interleaved. Returns [(messages/s, bytes on the wire a message)] of each."""
    values = {
        size: some_predictions(size, 10_000 if size < 1000 else 2000) for size in (10, 100, 1000)
    }
    outcomes = defaultdict(list)
    for _ in range(repeats):
        for name, (size, how_many, waits, settings) in variants.items():
            meter = Meter(config | settings)
            meter.producer.list_topics(topics[name], timeout=10)
            idle, began = meter.read(), time.perf_counter()
            for number in range(how_many):
                value = values[size][number % len(values[size])]
                meter.producer.produce(topics[name], value, partition=number % PARTITIONS)
                if waits:
                    meter.producer.flush(10)
            meter.producer.flush(10)
            took = time.perf_counter() - began
            outcomes[name].append((how_many / took, (meter.read()[1] - idle[1]) / how_many))
    return dict(outcomes)


# %% slide="fragment"
topics = {
    name: broker.create_topic(f"speed-{number}", PARTITIONS) for number, name in enumerate(variants)
}
with processes.group() as group:
    speeds = group.start(full_speed, broker.config(), topics, variants, repeats).result(timeout=120)
reference = statistics.median(rate for rate, _ in speeds[ONE_BY_ONE])
rows = []
for name, (size, *_) in variants.items():
    rate = statistics.median(rate for rate, _ in speeds[name])
    rows.append(
        {
            "": name,
            tr(es="mensajes/s (primera fila = 1)", en="messages/s (first row = 1)"): rate
            / reference,
            tr(es="de… a… (repeticiones)", en="from… to… (repetitions)"): " – ".join(
                f"{extreme(rate for rate, _ in speeds[name]) / reference:.3g}"
                for extreme in (min, max)
            ),
            tr(es="MB/s (primera fila = 1)", en="MB/s (first row = 1)"): rate
            * size
            / (reference * 100),
            tr(
                es="bytes por el cable, por byte de mensaje",
                en="bytes on the wire per byte of message",
            ): statistics.median(b for _, b in speeds[name]) / size,
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"Caudal relativo: mediana de {repeats}, cliente y broker de bolsillo en esta máquina",
        en=f"Relative throughput: median of {repeats}, client and pocket broker on this machine",
    ),
)
compare(
    tr(
        es="caudal de los lotes (uno a uno = 1)",
        en="throughput of batches (one by one = 1)",
    ),
    predicted=times_the_throughput_of_batches,
    measured=statistics.median(rate for rate, _ in speeds[BATCHES]) / reference,
    unit="×",
    note=tr(
        es="Cambia mucho de una ejecución a otra: lo que cuenta es el orden de magnitud.",
        en="It varies a lot from run to run: the order of magnitude is what counts.",
    ),
)

# %% [markdown] lang="es" row="9 12" slide="subslide"
# Al lado, lo que publicó LinkedIn en abril de 2014 ([Jay Kreps, *Benchmarking Apache Kafka*](https://engineering.linkedin.com/kafka/benchmarking-apache-kafka-2-million-writes-second-three-cheap-machines)): tres servidores con seis discos cada uno, mensajes de 100 B. Son cifras de los
# autores del programa, con máquinas de hace más de diez años.
#
# | prueba de LinkedIn, 2014 | mensajes/s | MB/s |
# |---|---|---|
# | 1 productor, sin réplicas | 821 557 | 78.3 |
# | 1 productor, 3 réplicas, sin esperarlas | 786 980 | 75.1 |
# | 1 productor, 3 réplicas, esperándolas | 421 823 | 40.2 |
# | 3 productores, 3 réplicas, sin esperarlas | 2 024 032 | 193.0 |
#
# **No compares fila con fila.** «Esperándolas» allí es un productor asíncrono con muchas peticiones en vuelo y `acks=all`; «uno a uno» aquí es un `flush` por mensaje. Lo que enseña nuestra tabla es otra cosa: en esta máquina **lo que más pesa es agrupar**, porque lo caro es hacer una petición por mensaje. Por eso no esperar el acuse, si cada mensaje
# sigue siendo una petición, cambia mucho menos que agrupar. Y comprimir envía muchos menos bytes, pero el caudal cambia mucho menos, y unas ejecuciones lo suben y otras lo bajan (mira los intervalos, y recuerda que son tres repeticiones): aquí cliente y broker se reparten el procesador y la «red» es la memoria; comprimir compensa cuando lo que falta es red o disco.
# Tampoco puede decir nuestra tabla cuánto da tu Kafka: no hay red, ni disco, ni réplicas. La latencia de extremo a extremo de aquella prueba: 2 ms de mediana, 3 ms en el p99 y 14 ms en el p99.9, siete veces la mediana: la cola larga (*tail*) de las latencias de la unidad 01, otra vez.
# %% [markdown] lang="en" row="9 12" slide="subslide"
# Beside it, what LinkedIn published in April 2014 ([Jay Kreps, *Benchmarking Apache Kafka*](https://engineering.linkedin.com/kafka/benchmarking-apache-kafka-2-million-writes-second-three-cheap-machines)): three servers with six disks each, messages of 100 B. They are figures of the
# program's own authors, on machines of more than ten years ago.
#
# | LinkedIn's test, 2014 | messages/s | MB/s |
# |---|---|---|
# | 1 producer, no replicas | 821 557 | 78.3 |
# | 1 producer, 3 replicas, not waiting for them | 786 980 | 75.1 |
# | 1 producer, 3 replicas, waiting for them | 421 823 | 40.2 |
# | 3 producers, 3 replicas, not waiting for them | 2 024 032 | 193.0 |
#
# **Do not compare row with row.** "Waiting for them", there, is an asynchronous producer with many requests in flight and `acks=all`; "one by one", here, is one `flush` per message. What our table shows is something else: on this machine **batching dominates**, because what is expensive is one request per message. That is why not waiting for the ack, while each message
# is still a request, changes far less than batching. And compression sends far fewer bytes, but throughput changes far less, up in some runs and down in others (look at the intervals, and remember that they are three repetitions): here client and broker share the processor, and the "network" is memory; compression pays off when network or disk is what you lack.
# Nor can our table say what your Kafka gives: there is no network, no disk, no replicas. The end-to-end latency of that test: 2 ms in the median, 3 ms at the p99 and 14 ms at the p99.9, seven times the median: the tail latency of unit 01 once more.

# %% [markdown] lang="es" row="13" slide="slide"
# ## 1240 y 1811: cómo leer una cifra de adopción
#
# La diapositiva, que cita StackShare, dice que 1240 empresas *declaran* usar Kafka (Uber, Shopify, Spotify, Udemy, Robinhood, Slack…) y 1811 declaran usar RabbitMQ (Robinhood, reddit, Stack, Accenture…). Sin mirar más: ¿qué se puede afirmar?
#
# Escribe `True` si las dos cifras y sus listas **bastan** para sostener la frase, `False` si no.
# %% [markdown] lang="en" row="13" slide="slide"
# ## 1240 and 1811: how to read an adoption figure
#
# The slide, which quotes StackShare, says that 1240 companies *report* that they use Kafka (Uber, Shopify, Spotify, Udemy, Robinhood, Slack…) and 1811 report RabbitMQ (Robinhood, reddit, Stack, Accenture…). Without looking any further: what may you claim?
#
# Write `True` if the two figures and their lists **are enough** to support the sentence, `False` if not.

# %%
# es: a: RabbitMQ se usa más que Kafka en el mundo
# en: a: RabbitMQ is used more than Kafka in the world
# es: b: RabbitMQ es mejor que Kafka
# en: b: RabbitMQ is better than Kafka
# es: c: al menos una empresa declara usar las dos cosas
# en: c: at least one company reports that it uses both
# es: d: 3051 empresas usan una de las dos
# en: d: 3051 companies use one of the two
# es: e: en ese sitio, el día de la consulta, más empresas declaraban RabbitMQ que Kafka
# en: e: on that site, on the day it was looked up, more companies reported RabbitMQ than Kafka
# es: f: por RabbitMQ pasan más mensajes que por Kafka
# en: f: more messages go through RabbitMQ than through Kafka
my_verdicts = dict(a=None, b=None, c=None, d=None, e=None, f=None)

# %% slide="fragment"
claims = {
    "a": (
        tr(
            es="RabbitMQ se usa más que Kafka en el mundo",
            en="RabbitMQ is used more than Kafka in the world",
        ),
        False,
        tr(
            es="se apuntó quien quiso: no es una muestra",
            en="whoever wanted signed up: it is no sample",
        ),
    ),
    "b": (
        tr(es="RabbitMQ es mejor que Kafka", en="RabbitMQ is better than Kafka"),
        False,
        tr(
            es="más usado no es mejor, ni mejor para ti",
            en="more used is not better, nor better for you",
        ),
    ),
    "c": (
        tr(
            es="al menos una empresa declara usar las dos cosas",
            en="at least one company reports that it uses both",
        ),
        True,
        tr(es="Robinhood está en las dos listas", en="Robinhood is in both lists"),
    ),
    "d": (
        tr(es="3051 empresas usan una de las dos", en="3051 companies use one of the two"),
        False,
        tr(
            es="al sumar se cuenta dos veces a quien usa ambas",
            en="adding counts those who use both twice",
        ),
    ),
    "e": (
        tr(
            es="en ese sitio, ese día, más declaraban RabbitMQ",
            en="on that site, that day, more reported RabbitMQ",
        ),
        True,
        tr(es="es justo lo que se contó", en="that is just what was counted"),
    ),
    "f": (
        tr(es="por RabbitMQ pasan más mensajes", en="more messages go through RabbitMQ"),
        False,
        tr(
            es="se cuentan empresas, no mensajes",
            en="companies are counted, not messages",
        ),
    ),
}
tables.show(
    [
        {
            "": letter,
            tr(es="afirmación", en="claim"): claim,
            tr(es="¿la sostienen las cifras?", en="do the figures support it?"): supported,
            tr(es="porque", en="because"): why,
            tr(es="tú", en="you"): my_verdicts[letter],
        }
        for letter, (claim, supported, why) in claims.items()
    ],
    caption=tr(es="Seis afirmaciones", en="Six claims"),
)

# %% [markdown] lang="es" row="13" slide="subslide"
# ### ¿Puede salir al revés?
#
# Una ciudad **inventada** de 10 000 empresas: 3000 usan Kafka y 2000 usan RabbitMQ (500 de ellas, ambas). En el sitio donde se declara, de las primeras se apunta el 4 %; de las segundas, el 9 %: su comunidad entra más a menudo. Simulamos las declaraciones mil veces.
#
# **Predice:** ¿cuántas declaraciones de RabbitMQ habrá por cada una de Kafka?
# %% [markdown] lang="en" row="13" slide="subslide"
# ### Can it come out the wrong way round?
#
# An **invented** town of 10 000 companies: 3000 use Kafka and 2000 use RabbitMQ (500 of them, both). On the site where they report, 4 % of the former sign up, and 9 % of the latter: their community drops in more often. We simulate the reports a thousand times.
#
# **Predict:** how many reports of RabbitMQ will there be for each one of Kafka?

# %%
reports_of_rabbitmq_per_kafka = None

# %% slide="fragment"
chance = random.Random(13)
uses = {"Kafka": range(3000), "RabbitMQ": range(2500, 4500)}
signs_up = {"Kafka": 0.04, "RabbitMQ": 0.09}


def reports():
    """Who reports what, once."""
    return {
        name: {company for company in companies if chance.random() < signs_up[name]}
        for name, companies in uses.items()
    }


many = [reports() for _ in range(1000)]
ratios = sorted(len(each["RabbitMQ"]) / len(each["Kafka"]) for each in many)
reported = many[0]
tables.show(
    [
        {
            "": name,
            tr(es="la usan", en="use it"): len(uses[name]),
            tr(es="lo declaran", en="report it"): len(reported[name]),
        }
        for name in uses
    ],
    caption=tr(
        es="Simulado, una vez: la mayoría se da la vuelta",
        en="Simulated, once: the majority is reversed",
    ),
)
both = len(reported["Kafka"] & reported["RabbitMQ"])
print(
    tr(
        es=f"Suma {sum(map(len, reported.values()))}, pero empresas distintas: {len(reported['Kafka'] | reported['RabbitMQ'])} (ambas: {both}).\n"
        f"De 1000 veces, en 950 el cociente está entre {ratios[25]:.2f} y {ratios[974]:.2f}; la mayoría se da la vuelta en {sum(ratio > 1 for ratio in ratios)}.",
        en=f"The sum is {sum(map(len, reported.values()))}, but different companies: {len(reported['Kafka'] | reported['RabbitMQ'])} (both: {both}).\n"
        f"Out of 1000 times, in 950 the ratio is between {ratios[25]:.2f} and {ratios[974]:.2f}; the majority is reversed in {sum(ratio > 1 for ratio in ratios)}.",
    )
)
compare(
    tr(
        es="declaraciones de RabbitMQ por cada una de Kafka (media de 1000 veces)",
        en="reports of RabbitMQ for each one of Kafka (mean of 1000 times)",
    ),
    predicted=reports_of_rabbitmq_per_kafka,
    measured=statistics.mean(ratios),
    unit="",
)

# %% [markdown] lang="es" row="13" slide="subslide"
# Con una mayoría real de 3 a 2 a favor de uno, las declaraciones dicen lo contrario: basta con que un grupo se apunte más. (Se esperan $2000 \cdot 0.09 / (3000 \cdot 0.04) = 1.5$; una sola simulación puede salir bastante lejos.) De 1240 y 1811 solo se puede decir que las empresas distintas están entre 1811 y 3050 (Robinhood, al menos, está en las dos listas), y que el dato tiene **fuente** (StackShare, un sitio donde cada cual declara lo suyo), **fecha** (la de la captura: las diapositivas son de 2021) y
# **sesgo** (quien se apunta). Pregunta siempre las tres cosas, también cuando el dato te guste. La [web de Kafka](https://kafka.apache.org/) dice que lo usan más del 80 % de las empresas de la lista *Fortune 100*: quien lo dice es parte interesada.
# Tampoco cuentes empresas si lo que importa son mensajes: LinkedIn sola decía mover 7 billones al día en [2019](https://engineering.linkedin.com/blog/2019/apache-kafka-trillion-messages).
#
# Y recuerda qué pregunta responde: *cuántos*, no *para qué*. La que tú tienes que responder es la otra.
# %% [markdown] lang="en" row="13" slide="subslide"
# With a true majority of 3 to 2 in favour of one, the reports say the opposite: it is enough that one group signs up more. (The expected ratio is $2000 \cdot 0.09 / (3000 \cdot 0.04) = 1.5$; a single simulation may land quite far from it.) Of 1240 and 1811 you can only say that the different companies are between 1811 and 3050 (Robinhood, at least, is in both lists), and that the figure has a **source** (StackShare, a site where each company reports its own), a **date** (that of the screenshot: the slides are from 2021) and
# a **bias** (who signs up). Always ask for all three, even when you like the figure. [Kafka's web page](https://kafka.apache.org/) says that more than 80 % of the companies in the *Fortune 100* use it: whoever says so is an interested party.
# Nor should you count companies if it is messages that matter: LinkedIn alone said in [2019](https://engineering.linkedin.com/blog/2019/apache-kafka-trillion-messages) that it moved 7 trillion a day.
#
# And remember which question it answers: *how many*, not *what for*. The question you have to answer is the other one.

# %% [markdown] lang="es" row="12" slide="slide"
# ## Cómo elegir
#
# | si necesitas… | elige | porque |
# |---|---|---|
# | que varios equipos lean lo mismo, también los que aún no existen | registro | leer no borra; cada grupo, su offset |
# | releer el pasado: reentrenar, arreglar una vista | registro | la cola olvida lo confirmado |
# | orden por viaje, por usuario, por cuenta | registro con clave | en la cola, con varios trabajadores, no hay orden (con un solo consumidor activo, sí) |
# | repartir trabajos sueltos y desiguales | cola, `prefetch` bajo | el que acaba pide otro |
# | reintentar uno suelto, con espera o prioridad | cola | el broker sigue cada mensaje |
# | mucho caudal, y que un lector lento no frene a **otro grupo** | registro | el lector tira a su ritmo; el retraso se queda en disco |
# | una respuesta ahora, para poder seguir | ni uno ni otro: un servicio | ya lo viste en la unidad 01 |
#
# Detrás hay dos diseños. RabbitMQ **empuja** (*push*): reparte al momento y hay que ponerle freno, que es `prefetch`. En Kafka el consumidor **tira** (*pull*): va a su ritmo y el freno no hace falta, pero el reparto es por particiones. Muchas empresas tienen los dos, y no es un error: Robinhood
# estaba en ambas listas.
# %% [markdown] lang="en" row="12" slide="slide"
# ## How to choose
#
# | if you need… | choose | because |
# |---|---|---|
# | several teams to read the same, also those that do not exist yet | a log | reading does not remove; each group has its offset |
# | to re-read the past: retrain, fix a view | a log | the queue forgets what was acknowledged |
# | order by ride, by user, by account | a log with a key | in a queue with several workers there is no order (with a single active consumer, there is) |
# | to hand out single, unequal jobs | a queue, low `prefetch` | whoever finishes asks for another |
# | to retry a single one, with a delay or a priority | a queue | the broker follows each message |
# | much throughput, and a slow reader that holds up no **other group** | a log | the reader pulls at its own pace; the lag stays on disk |
# | an answer now, in order to go on | neither: a service | you saw it in unit 01 |
#
# Two designs are behind it. RabbitMQ **pushes**: it hands out at once and needs a brake, which is `prefetch`. In Kafka the consumer **pulls**: it goes at its own pace and needs no brake, but the assignment is by partitions. Many companies have both, and that is no mistake: Robinhood
# was in both lists.

# %% [markdown] lang="es" slide="subslide"
# ### Qué ha cambiado desde las diapositivas
#
# Lo esencial de las diapositivas de 2021 sigue en pie. Además de lo que ya has visto (el código, el protocolo de grupos, el productor idempotente, los *streams* y los *share groups*):
#
# - **ZooKeeper ya no está**: Kafka [4.0](https://kafka.apache.org/40/getting-started/upgrade) (marzo de 2025) lo quitó.
# - **Los *share groups* en Python** están en pruebas ([*preview*](https://github.com/confluentinc/confluent-kafka-python/releases/tag/v2.15.0)) desde la versión 2.15 de su cliente (junio de 2026).
# - **Viene otro cliente de Python**, el 4.4, en pruebas en noviembre de 2026 ([guía para migrar](https://docs.confluent.io/kafka-clients/python/4.4-preview/migration.html)): está hecho en Rust, toma los nombres del cliente de Java y solo habla el protocolo nuevo de grupos. Con él, ni el `import` de la diapositiva ni los nuestros sirven; este curso usa el 2.16.
# - **RabbitMQ** [4.0](https://github.com/rabbitmq/rabbitmq-server/releases/tag/v4.0.1) (2024) retiró las colas clásicas con réplicas: hoy se replica con colas *quorum* o con *streams*.
# %% [markdown] lang="en" slide="subslide"
# ### What has changed since the slides
#
# The essence of the slides of 2021 stands. Besides what you have seen already (the code, the group protocol, the idempotent producer, *streams* and *share groups*):
#
# - **ZooKeeper is gone**: Kafka [4.0](https://kafka.apache.org/40/getting-started/upgrade) (March 2025) removed it.
# - **Share groups in Python** have been in [*preview*](https://github.com/confluentinc/confluent-kafka-python/releases/tag/v2.15.0) since version 2.15 of its client (June 2026).
# - **Another Python client is coming**, 4.4, in preview in November 2026 ([migration guide](https://docs.confluent.io/kafka-clients/python/4.4-preview/migration.html)): it is built in Rust, takes the names of Java's client and speaks only the new group protocol. With it, neither the slide's `import` nor ours works; this course uses 2.16.
# - **RabbitMQ** [4.0](https://github.com/rabbitmq/rabbitmq-server/releases/tag/v4.0.1) (2024) removed replicated classic queues: today you replicate with *quorum* queues or with *streams*.

# %% [markdown] lang="es" slide="skip"
# ## Para terminar
#
# Cierra lo que quede abierto (también se cierra solo si apagas el notebook, o si se interrumpe a mitad).
#
# Ahora te toca a ti: los ejercicios te piden un productor fiable, un consumidor que no pierda ni cobre dos veces muera donde muera, la clave que conserva el orden, una cola con un mensaje envenenado, un registro en miniatura y elegir el transporte de diez casos.
#
# **Para leer más:** Kleppmann, *Designing Data-Intensive Applications*, cap. 11 (1.ª ed.); Kreps, *The Log: What every software engineer should know* (LinkedIn Engineering, 2013); la carga de trabajo `kafka` de [Jepsen Maelstrom](https://github.com/jepsen-io/maelstrom/blob/main/doc/workloads.md),
# de donde viene la idea del comprobador de historias.
# %% [markdown] lang="en" slide="skip"
# ## To finish
#
# Close what is still open (it also closes by itself if you shut the notebook down, or if it is interrupted half-way).
#
# Now it is your turn: the exercises ask you for a reliable producer, a consumer that neither loses nor charges twice wherever it dies, the key that keeps the order, a queue with a poison message, a log in miniature, and choosing the transport for ten cases.
#
# **Further reading:** Kleppmann, *Designing Data-Intensive Applications*, ch. 11 (1st ed.); Kreps, *The Log: What every software engineer should know* (LinkedIn Engineering, 2013); the workload `kafka` of [Jepsen Maelstrom](https://github.com/jepsen-io/maelstrom/blob/main/doc/workloads.md),
# where the idea of the history checker comes from.

# %% slide="skip"
broker.check()
open_until_the_end.close()
