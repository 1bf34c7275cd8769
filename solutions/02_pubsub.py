# ---
# title:
#   es: "Transporte en tiempo real: pubsub y colas de mensajes"
#   en: "Real-time transport: pubsub and message queues"
# unit: "02"
# minutes: 155
# ---

# %% [markdown] lang="es"
# # Transporte en tiempo real: pubsub y colas de mensajes
#
# Seis tareas que se corrigen solas y una redacción. Unas dos horas y media en total; puedes hacerlas en cualquier orden y dejar alguna sin
# hacer: cada tarea puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Publicar sin perder nada | 5 | 15 |
# | 2. Contar cada viaje una sola vez | 7 | 40 |
# | 3. El orden de cada viaje | 4 | 10 |
# | 4. Un trabajo, un trabajador | 6 | 30 |
# | 5. Un registro en miniatura | 5 | 15 |
# | 6. Elegir el transporte | 6 | 20 |
# | 7. Redacción: pagar a los conductores | 4 | 25 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos. Las celdas siguientes, en orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué
# han recibido. Al corregir se añaden **comprobaciones ocultas**: otros datos, fallos provocados, casos raros. Nunca miden cuánto tarda tu
# código: cuentan lo que se pierde, lo que se repite, lo que llega fuera de orden y lo que espera sin motivo.
#
# **Dónde ocurre.** El broker de la primera tarea y de parte de la segunda y la tercera es el Kafka embebido, que arranca con este notebook y se para con él.
# Lo demás ocurre en memoria y con un reloj simulado. Las caídas son **deterministas**: no se espera a que el azar pille al proceso en mal
# momento, sino que se le hace caer en todos los momentos posibles, uno tras otro.
# %% [markdown] lang="en"
# # Real-time transport: pubsub and message queues
#
# Six tasks that are graded automatically and one essay. About two and a half hours in all; you may do them in any order and leave some
# out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Publishing without losing anything | 5 | 15 |
# | 2. Counting each ride just once | 7 | 40 |
# | 3. The order of each ride | 4 | 10 |
# | 4. One job, one worker | 6 | 30 |
# | 5. A log in miniature | 5 | 15 |
# | 6. Choosing the transport | 6 | 20 |
# | 7. Essay: paying the drivers | 4 | 25 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in the place of each `raise NotImplementedError`, and change neither
# the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, say what they expected and what they
# got. Grading adds **hidden checks**: other data, faults injected, odd cases. They never measure how long your
# code takes: they count what is lost, what is repeated, what comes out of order and what waits for no reason.
#
# **Where it happens.** The broker of the first task and of part of the second and third is the embedded Kafka, which starts with this notebook and stops with it.
# The rest happens in memory and on a simulated clock. Crashes are **deterministic**: nobody waits for chance to catch the process at a bad
# moment; it is made to crash at every possible moment, one after another.

# %%
import json
import math
import os
import sqlite3
import zlib

import kombu
from confluent_kafka import Consumer, Producer, TopicPartition

from mlprod import start, tr
from mlprod.systems import kafka
from mlprod.systems.shift import DEAD, JobFailed

start(LANG)
# es: siempre el embebido, aunque haya un Kafka de verdad: las pruebas lo tumban a propósito
# en: always the embedded one, even if there is a real Kafka: the tests bring it down on purpose
os.environ.pop("KAFKA_BOOTSTRAP", None)
cluster = kafka.cluster()

# %% [markdown] lang="es" row="9"
# ## 1. Publicar sin perder nada (5 puntos)
#
# El servicio de precios publica sus predicciones en un topic, como en la diapositiva. Completa `publish(config, topic, predictions)`:
#
# - `config` es la configuración del `Producer`: trae la dirección del broker y sus límites. Puedes añadirle ajustes, pero no cambiar los que trae;
# - `predictions` es un iterable de diccionarios como `{"example_id": "r17", "price_eur": 11.5, "zone": "Chamberí", "surge": True, "promo": None}`. Puede ser un
#   generador y traer más de lo que cabe en la cola local. Un mismo `example_id` puede venir varias veces, con otro precio: son mensajes distintos. Todas las
#   predicciones caben en un mensaje y se pueden escribir en JSON (no hay NaN), y el generador no falla: nada de eso tienes que preverlo;
# - cada predicción es **un mensaje**: la clave es su `example_id`, en UTF-8; el valor, el diccionario en JSON, en UTF-8. Lo leerán servicios
#   escritos en otros lenguajes;
# - devuelve una lista con los `example_id` que **no** han llegado, vacía si han llegado todos.
#
# Cuando `publish` vuelve, de cada predicción se sabe una de dos cosas: o el broker ha dicho que la tiene, o está en la lista. También si el proceso
# termina en ese mismo instante. Recuerda de la lección:
#
# - `produce(...)` deja el mensaje en una cola local y vuelve; lo envía después otro hilo. Si la cola está llena, lanza `BufferError` y ese mensaje **no** se ha aceptado;
# - el acuse de recibo de cada mensaje llega a la función que pases en `on_delivery`, que recibe `(error, message)`; pero solo se ejecuta mientras tu código está
#   dentro de `poll(seconds)` o de `flush(seconds)`, y hasta entonces el mensaje sigue ocupando sitio en la cola;
# - de un mensaje que el broker no ha confirmado al cabo de `message.timeout.ms` (que en `config` puede ser cualquiera) se informa igual: entonces `error` no es `None`;
# - `flush(seconds)` vuelve al cabo de ese tiempo aunque queden mensajes sin acuse, y devuelve cuántos; sin argumento espera a que no quede ninguno.
#
# Se comprueba lo que hay en el topic al volver, con un broker que no contesta, con uno que se cae a media publicación y con una cola local de 50 mensajes.
# %% [markdown] lang="en" row="9"
# ## 1. Publishing without losing anything (5 points)
#
# The price service publishes its predictions to a topic, as on the slide. Complete `publish(config, topic, predictions)`:
#
# - `config` is the configuration of the `Producer`: it carries the broker's address and its limits. You may add settings, but not change those it brings;
# - `predictions` is an iterable of dicts like `{"example_id": "r17", "price_eur": 11.5, "zone": "Chamberí", "surge": True, "promo": None}`. It may be a
#   generator, and yield more messages than fit in the local queue. One `example_id` may come several times, with another price: those are different messages. All
#   predictions fit in a message and can be written as JSON (there is no NaN), and the generator does not fail: you need not provide for any of that;
# - each prediction is **one message**: the key is its `example_id`, in UTF-8; the value is the dict as JSON, in UTF-8. Services written in other
#   languages will read it;
# - return a list with every `example_id` that did **not** arrive, empty if all of them did.
#
# When `publish` returns, one of two things is known about each prediction: either the broker has said that it has it, or it is in the list. This must hold even if the process
# ends at that very moment. Remember from the lesson:
#
# - `produce(...)` leaves the message in a local queue and returns; another thread sends it later. If the queue is full, it raises `BufferError`, and that message has **not** been accepted;
# - the acknowledgement of each message reaches the function that you pass as `on_delivery`, which gets `(error, message)`; but it is called only while your code is
#   inside `poll(seconds)` or `flush(seconds)`, and until then the message goes on taking up room in the queue;
# - a message that the broker has not acknowledged after `message.timeout.ms` (which may be anything in `config`) is reported too: then `error` is not `None`;
# - `flush(seconds)` returns after that time even if messages are left without an acknowledgement, and returns how many; without an argument it waits until none is left.
#
# The tests check what the topic holds when it returns, with a broker that does not answer, with one that goes down halfway and with a local queue of 50 messages.

# %% answer="publish"
def publish(config, topic, predictions):
    ### BEGIN SOLUTION
    producer, failed = Producer(config), []

    def report(error, message):
        if error is not None:
            failed.append(message.key().decode())

    for prediction in predictions:
        accepted = False
        while not accepted:
            try:
                producer.produce(topic, key=prediction["example_id"], value=json.dumps(prediction), on_delivery=report)
                accepted = True
            except BufferError:
                # es: al atender los acuses de recibo se va haciendo sitio
                # en: serving the acknowledgements makes room
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    return failed
    ### END SOLUTION

# %% test="publish/arrive" points=2 row="9" objective="2.1"
import secrets as _t_secrets
import time as _t_time

from mlprod import checks
from mlprod.systems import processes as _t_processes

_t_ZONES = ["Chamberí", "Atocha", "Cañaveral", "Barajas"]


def _t_predictions(count):
    return [
        {"example_id": f"r{n}", "price_eur": 8 + n / 4, "zone": _t_ZONES[n % 4], "surge": n % 3 == 0, "promo": None}
        for n in range(count)
    ]


def _t_new_topic():
    return cluster.create_topic(f"prediction-{_t_secrets.token_hex(4)}", partitions=2)


def _t_messages_in(topic, partitions=2):
    """(partition, key, value) of each message of `topic`, partition by partition."""
    reader = Consumer(cluster.config(group_id="reader", enable_auto_commit=False))
    try:
        places = [TopicPartition(topic, number, 0) for number in range(partitions)]
        expected = sum(reader.get_watermark_offsets(place, timeout=10)[1] for place in places)
        reader.assign(places)
        found, deadline = [], _t_time.monotonic() + 15
        while len(found) < expected and _t_time.monotonic() < deadline:
            message = reader.poll(0.2)
            if message is not None and message.error() is None:
                found.append((message.partition(), message.key(), message.value()))
        return found
    finally:
        reader.close()


def _t_example_id(key, value):
    """Whose message it is: by its key, or else by its content."""
    import re

    found = re.search(r"\br\d+\b", (key or value or b"").decode(errors="replace"))
    return found.group() if found else None


def _t_undelivered(got):
    got = checks.plain(got)
    assert isinstance(got, (list, set)) and all(isinstance(one, str) for one in got), tr(
        es=f"publish devuelve una lista con los example_id que no han llegado; ha devuelto {got!r}.",
        en=f"publish returns a list with every example_id that did not arrive; it returned {got!r}.",
    )
    return set(got)


def _t_check_topic(topic, predictions):
    messages = _t_messages_in(topic)
    assert len(messages) >= len(predictions), tr(
        es=f"Al volver publish hay {len(messages)} mensajes de {len(predictions)} en el topic. Que produce() haya vuelto no quiere decir que el mensaje haya salido.",
        en=f"When publish returns there are {len(messages)} messages of {len(predictions)} in the topic. That produce() returned does not mean that the message has left.",
    )
    checks.same(len(messages), len(predictions), tr(es="Mensajes en el topic: uno por predicción.", en="Messages in the topic: one per prediction."))
    for _, key, value in messages:
        assert key is not None, tr(
            es="Hay mensajes sin clave (None): nada asegura que dos predicciones del mismo ejemplo vayan a la misma partición, ni que se lean en orden.",
            en="There are messages without a key (None): nothing ensures that two predictions of one example go to the same partition, or are read in order.",
        )
        try:
            content = json.loads(value.decode("utf-8"))
        except ValueError:
            raise AssertionError(
                tr(
                    es=f"El valor {value!r} no es JSON: un servicio escrito en otro lenguaje no puede leerlo.",
                    en=f"The value {value!r} is not JSON: a service written in another language cannot read it.",
                )
            ) from None
        assert isinstance(content, dict), tr(es=f"El valor no es un objeto de JSON, sino {content!r}.", en=f"The value is no JSON object but {content!r}.")
        checks.same(key.decode("utf-8"), content.get("example_id"), tr(es="La clave es el example_id.", en="The key is the example_id."))

    def by_id(prediction):
        return int(prediction["example_id"][1:]), prediction["price_eur"]

    checks.same(
        sorted((json.loads(value) for _, _, value in messages), key=by_id), sorted(predictions, key=by_id),
        tr(es="Lo que se lee del topic es lo que se publicó.", en="What is read from the topic is what was published."),
    )
    return messages


_t_topic = _t_new_topic()
_t_got = publish(cluster.config(linger_ms=100), _t_topic, _t_predictions(40))
_t_check_topic(_t_topic, _t_predictions(40))
checks.same(_t_undelivered(_t_got), set(), tr(es="Han llegado todas: la lista va vacía.", en="All of them arrived: the list is empty."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_topic = _t_new_topic()
_t_twice = [{**prediction, "price_eur": prediction["price_eur"] + step} for step in (0, 100) for prediction in _t_predictions(30)]
_t_got = publish(cluster.config(linger_ms=100), _t_topic, (prediction for prediction in _t_twice))
_t_where = {}
for _t_partition, _t_key, _t_value in _t_check_topic(_t_topic, _t_twice):
    _t_where.setdefault(_t_key, []).append((_t_partition, json.loads(_t_value)["price_eur"]))
for _t_key, _t_places in _t_where.items():
    assert len({partition for partition, _ in _t_places}) == 1, tr(
        es=f"Las dos predicciones de {_t_key!r} están en particiones distintas: {_t_places}.", en=f"The two predictions of {_t_key!r} are in different partitions: {_t_places}."
    )
    assert _t_places == sorted(_t_places), tr(es=f"Las dos predicciones de {_t_key!r} se leen al revés.", en=f"The two predictions of {_t_key!r} are read the wrong way round.")
assert len({_places[0][0] for _places in _t_where.values()}) == 2, tr(es="Todos los mensajes están en una sola partición.", en="All messages are in a single partition.")

_t_topic = _t_new_topic()
with _t_processes.group() as _t_group:
    _t_got = _t_group.start(publish, cluster.config(linger_ms=100), _t_topic, _t_predictions(25), name="publisher").result(30)
_t_check_topic(_t_topic, _t_predictions(25))
checks.same(_t_undelivered(_t_got), set(), tr(es="Publicado desde un proceso que termina al volver publish.", en="Published from a process that ends when publish returns."))
checks.same(_t_undelivered(publish(cluster.config(), _t_topic, [])), set(), tr(es="No había nada que publicar.", en="There was nothing to publish."))
### END HIDDEN TESTS

# %% test="publish/failures" points=2 row="9" objective="2.1"
_t_topic = _t_new_topic()
cluster.broker_down(1)
try:
    _t_got = publish(cluster.config(message_timeout_ms=1500), _t_topic, _t_predictions(20))
finally:
    cluster.broker_up(1)
_t_there = {_t_example_id(key, value) for _, key, value in _t_messages_in(_t_topic)}
_t_silent = {prediction["example_id"] for prediction in _t_predictions(20)} - _t_there - _t_undelivered(_t_got)
assert not _t_silent, tr(
    es=f"El broker no contestaba y {len(_t_silent)} predicciones de 20 ni están en el topic ni en la lista que has devuelto: se han perdido sin que nadie lo sepa. "
    "De cada mensaje hay un acuse, y puede ser malo.",
    en=f"The broker did not answer, and {len(_t_silent)} predictions of 20 are neither in the topic nor in the list you returned: they were lost and nobody knows. "
    "There is an acknowledgement of each message, and it may be a bad one.",
)
checks.passed()
### BEGIN HIDDEN TESTS
class _t_TwentyTimesFaster(Producer):
    """A producer to which 12 s are 0.6: a flush or a poll with too short a timeout ends before the messages do."""

    def __init__(self, config):
        super().__init__(config | {"message.timeout.ms": int(config["message.timeout.ms"]) // 20})
        self.longest_s = int(config["message.timeout.ms"]) / 1000

    def flush(self, timeout=-1):
        return super().flush() if timeout < 0 or timeout >= self.longest_s else super().flush(timeout / 20)

    def poll(self, timeout=-1):
        return super().poll(timeout / 20 if timeout > 0 else timeout)


_t_topic, _t_usual_producer = _t_new_topic(), Producer
cluster.broker_down(1)
try:
    globals()["Producer"] = _t_TwentyTimesFaster  # what publish finds under that name, for this call only
    _t_got = publish(cluster.config(message_timeout_ms=12_000), _t_topic, _t_predictions(20))
finally:
    globals()["Producer"] = _t_usual_producer
    cluster.broker_up(1)
_t_silent = {prediction["example_id"] for prediction in _t_predictions(20)} - {_t_example_id(key, value) for _, key, value in _t_messages_in(_t_topic)} - _t_undelivered(_t_got)
assert not _t_silent, tr(
    es=f"El broker no contestaba, message.timeout.ms eran 12 s, y {len(_t_silent)} predicciones de 20 se han perdido sin que nadie lo sepa. ¿Qué devuelve flush(segundos) si se acaba ese tiempo y quedan mensajes sin acuse?",
    en=f"The broker did not answer, message.timeout.ms was 12 s, and {len(_t_silent)} predictions of 20 were lost and nobody knows. What does flush(seconds) return if that time is over and messages are left without an acknowledgement?",
)


def _t_cut_halfway(topic, predictions):
    watcher = Consumer(cluster.config(group_id="watcher"))
    places = [TopicPartition(topic, number) for number in range(2)]
    try:
        for number, prediction in enumerate(predictions):
            if number == len(predictions) // 2:
                deadline = _t_time.monotonic() + 2
                while _t_time.monotonic() < deadline and sum(watcher.get_watermark_offsets(place, timeout=5)[1] for place in places) < number:
                    _t_time.sleep(0.02)
                _t_time.sleep(0.3)
                cluster.broker_down(1)
            yield prediction
    finally:
        watcher.close()


_t_topic = _t_new_topic()
_t_all = _t_predictions(30)
try:
    _t_got = publish(cluster.config(message_timeout_ms=400), _t_topic, _t_cut_halfway(_t_topic, _t_all))
finally:
    cluster.broker_up(1)
_t_got, _t_ids = _t_undelivered(_t_got), {prediction["example_id"] for prediction in _t_all}
_t_there = {_t_example_id(key, value) for _, key, value in _t_messages_in(_t_topic)}
assert _t_got <= _t_ids, tr(es=f"Devuelves identificadores que nadie publicó: {sorted(_t_got - _t_ids)}.", en=f"You return identifiers that nobody published: {sorted(_t_got - _t_ids)}.")
_t_silent = _t_ids - _t_there - _t_got
assert not _t_silent, tr(
    es=f"El broker se cayó a media publicación: {len(_t_silent)} predicciones de 30 ni han llegado ni constan como fallidas. Se esperan fallidas: {sorted(_t_ids - _t_there)}; has devuelto {sorted(_t_got)}.",
    en=f"The broker went down halfway: {len(_t_silent)} predictions of 30 neither arrived nor are reported. Expected as failed: {sorted(_t_ids - _t_there)}; you returned {sorted(_t_got)}.",
)
if len(_t_there) >= 15:
    _t_early = {prediction["example_id"] for prediction in _t_all[:15]}
    assert not _t_got & _t_early, tr(
        es=f"Das por fallidas {len(_t_got & _t_early)} predicciones que el broker había confirmado antes de caerse: quien las repita, las duplica.",
        en=f"You report {len(_t_got & _t_early)} predictions as failed that the broker had acknowledged before it went down: whoever repeats them, duplicates them.",
    )
### END HIDDEN TESTS

# %% test="publish/full_queue" points=1 row="9" objective="2.1"
_t_topic = _t_new_topic()
try:
    with checks.ends(
        tr(
            es="Con una cola local de 50 mensajes publish no termina: ¿qué hace tu bucle mientras la cola está llena? Sin poll ni flush no se hace sitio.",
            en="With a local queue of 50 messages publish does not end: what does your loop do while the queue is full? Without poll or flush no room is made.",
        ),
        seconds=15,
    ):
        _t_got = publish(cluster.config(queue_buffering_max_messages=50), _t_topic, _t_predictions(300))
except BufferError:
    raise AssertionError(
        tr(
            es="En la cola local solo caben 50 mensajes, y el que no cupo ha hecho caer a publish (BufferError) con todo a medias. ¿Quién hace sitio en la cola?",
            en="The local queue has room for 50 messages only, and the one that did not fit brought publish down (BufferError) with everything half done. Who makes room in the queue?",
        )
    ) from None
_t_there = [_t_example_id(key, value) for _, key, value in _t_messages_in(_t_topic)]
_t_absent = {prediction["example_id"] for prediction in _t_predictions(300)} - set(_t_there)
assert not _t_absent, tr(
    es=f"Con una cola local de 50 mensajes no han llegado {len(_t_absent)} predicciones de 300, y el broker funciona. Un mensaje que no se acepta no se envía solo.",
    en=f"With a local queue of 50 messages {len(_t_absent)} predictions of 300 did not arrive, and the broker works. A message that is not accepted does not send itself.",
)
checks.same(len(_t_there), 300, tr(es="Mensajes en el topic: ninguno de más.", en="Messages in the topic: not one too many."))
checks.same(_t_undelivered(_t_got), set(), tr(es="Han llegado todas.", en="All of them arrived."))
checks.passed()

# %% wrong="publish" score=0 says_es="hay 0 mensajes" says_en="there are 0 messages"
# es: Si produce() ha vuelto, el mensaje está enviado.
# en: If produce() returned, the message has been sent.
def publish(config, topic, predictions):
    producer = Producer(config)
    for prediction in predictions:
        producer.produce(topic, key=prediction["example_id"], value=json.dumps(prediction))
    return []

# %% wrong="publish" score=3 says_es="sin que nadie lo sepa" says_en="nobody knows"
# es: Cuando flush() termina, todo ha llegado: no hace falta mirar los acuses de recibo.
# en: When flush() ends, everything has arrived: no need to look at the acknowledgements.
def publish(config, topic, predictions):
    producer = Producer(config)
    for prediction in predictions:
        while True:
            try:
                producer.produce(topic, key=prediction["example_id"], value=json.dumps(prediction))
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return []

# %% wrong="publish" score=3 says_es="no es JSON" says_en="not JSON"
# es: El texto que imprime Python de un diccionario ya es JSON.
# en: What Python prints of a dict is JSON already.
def publish(config, topic, predictions):
    producer, failed = Producer(config), []
    for prediction in predictions:
        for _ in range(100):
            try:
                producer.produce(
                    topic,
                    key=prediction["example_id"],
                    value=str(prediction),
                    on_delivery=lambda error, message: error and failed.append(message.key().decode()),
                )
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return failed

# %% wrong="publish" score=3 says_es="sin clave" says_en="without a key"
# es: La clave sobra, porque el identificador ya va en el valor.
# en: The key is not needed, since the identifier is in the value already.
def publish(config, topic, predictions):
    producer, failed = Producer(config), []
    for prediction in predictions:
        for _ in range(100):
            try:
                producer.produce(
                    topic,
                    value=json.dumps(prediction),
                    on_delivery=lambda error, message: error and failed.append(json.loads(message.value())["example_id"]),
                )
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return failed

# %% wrong="publish" score=3 says_es="sin que nadie lo sepa" says_en="nobody knows"
# es: flush(0.3) no vuelve hasta que se ha enviado todo.
# en: flush(0.3) does not return until everything has been sent.
def publish(config, topic, predictions):
    producer, failed = Producer(config), []
    for prediction in predictions:
        while True:
            try:
                producer.produce(
                    topic,
                    key=prediction["example_id"],
                    value=json.dumps(prediction),
                    on_delivery=lambda error, message: error and failed.append(message.key().decode()),
                )
                break
            except BufferError:
                producer.flush(0.3)
    producer.flush(0.3)
    return failed

# %% wrong="publish" score=3 says_es="flush(segundos)" says_en="flush(seconds)"
# es: Diez segundos bastan para todo; lo que devuelve flush(10) no hace falta mirarlo.
# en: Ten seconds are enough for everything; there is no need to look at what flush(10) returns.
def publish(config, topic, predictions):
    producer, failed = Producer(config), []
    for prediction in predictions:
        while True:
            try:
                producer.produce(
                    topic,
                    key=prediction["example_id"],
                    value=json.dumps(prediction),
                    on_delivery=lambda error, message: error and failed.append(message.key().decode()),
                )
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush(10)
    return failed

# %% wrong="publish" score=4 says_es="hace sitio" says_en="makes room"
# es: La cola local no se llena, porque el hilo que envía la va vaciando.
# en: The local queue never fills, because the thread that sends keeps emptying it.
def publish(config, topic, predictions):
    producer, failed = Producer(config), []
    for prediction in predictions:
        producer.produce(
            topic,
            key=prediction["example_id"],
            value=json.dumps(prediction),
            on_delivery=lambda error, message: error and failed.append(message.key().decode()),
        )
    producer.flush()
    return failed

# %% wrong="publish" score=4 says_es="no se envía solo" says_en="does not send itself"
# es: BufferError es un aviso: el mensaje ya se enviará.
# en: BufferError is a warning: the message will be sent in the end.
def publish(config, topic, predictions):
    producer, failed = Producer(config), []
    for prediction in predictions:
        try:
            producer.produce(
                topic,
                key=prediction["example_id"],
                value=json.dumps(prediction),
                on_delivery=lambda error, message: error and failed.append(message.key().decode()),
            )
        except BufferError:
            pass
    producer.flush()
    return failed

# %% right="publish"
def publish(config, topic, predictions):
    # es: la forma de la diapositiva, SerializingProducer, y la cuenta de lo que queda sin acuse
    # en: the slide's form, SerializingProducer, and a count of what has no acknowledgement yet
    from confluent_kafka import SerializingProducer
    from confluent_kafka.serialization import StringSerializer

    waiting, lost = [], []
    producer = SerializingProducer(
        {**config, "key.serializer": StringSerializer(), "value.serializer": lambda value, context: json.dumps(value).encode()}
    )

    def acknowledged(error, message):
        waiting.pop()
        if error:
            lost.append(message.key().decode("utf-8"))

    for prediction in predictions:
        while len(waiting) >= 20:
            producer.poll(0.05)
        waiting.append(1)
        producer.produce(topic=topic, key=prediction["example_id"], value=prediction, on_delivery=acknowledged)
    while waiting:
        producer.poll(0.05)
    return lost

# %% right="publish"
def publish(config, topic, predictions):
    # es: de una en una: lento, pero nada queda sin saberse
    # en: one by one: slow, but nothing is left unknown
    producer = Producer({**config, "linger.ms": 0})
    fate = {}
    undelivered = []
    for number, prediction in enumerate(predictions):
        payload = json.dumps(prediction, ensure_ascii=False).encode("utf-8")
        producer.produce(topic, payload, prediction["example_id"].encode(), callback=lambda error, _, n=number: fate.update({n: error}))
        if number % 40 == 0:
            producer.flush(30)
        undelivered.append(prediction["example_id"])
    producer.flush(30)
    return [one for number, one in enumerate(undelivered) if fate.get(number, "?") is not None]

# %% right="publish"
def publish(config, topic, predictions):
    # es: con un productor idempotente: los ajustes de config se respetan y se añade uno
    # en: with an idempotent producer: the settings of config are kept and one is added
    producer, unknown = Producer(config | {"enable.idempotence": True}), {}

    def report(number):
        return lambda error, _: unknown.pop(number) if error is None else None

    for number, prediction in enumerate(predictions):
        unknown[number] = prediction["example_id"]
        while True:
            try:
                producer.produce(topic, json.dumps(prediction), prediction["example_id"], on_delivery=report(number))
                break
            except BufferError:
                producer.flush(0.1)
    while producer.flush(1):
        pass
    return list(unknown.values())

# %% [markdown] lang="es" row="11"
# ## 2. Contar cada viaje una sola vez (7 puntos)
#
# Al terminar un viaje se publica un mensaje, y un proceso va sumando lo que ha ganado cada conductor en una base de datos SQLite. Ese proceso se
# va a caer: lo que estaba en memoria se pierde, y otro igual arranca desde el último offset confirmado con la misma base de datos. El valor de cada mensaje es JSON:
# `{"ride_id": "ana-2", "driver": "ana", "eur": 16}`. Escribe tres funciones:
#
# - `settings()` devuelve un diccionario con los ajustes del consumidor que te importen (los nombres son los de la documentación de librdkafka). Ya están puestos la dirección del broker,
#   `group.id` y `"auto.offset.reset": "earliest"`;
# - `consume(consumer, db)` es la vida de un proceso: atiende mensajes, de uno en uno o por lotes, hasta que `consumer.poll(1.0)` devuelve `None` (o `consumer.consume(…)`, una lista vacía), y vuelve. `db` es una
#   conexión de `sqlite3` tal como la da `sqlite3.connect(path)`; las tablas son cosa tuya (la primera vez no hay ninguna). Quien llama a `consume` cierra después el consumidor y `db`: no hace falta que lo hagas tú;
# - `earnings(db)` devuelve los euros de cada conductor: `{"ana": 21, "luis": 5}`. Recibe **otra** conexión a la misma base de datos, y solo se la llama cuando alguna vida de `consume` ha llegado a su fin.
#
# Puedes escribir funciones auxiliares en la misma celda. Lo que guardes en variables globales es memoria del proceso: no sobrevive a una caída.
#
# Lo que se exige:
#
# 1. **Cada viaje cuenta exactamente una vez**, muera el proceso donde muera y las veces que haga falta.
# 2. Un viaje es su `ride_id`. Quien publica reintenta, así que **el mismo viaje puede estar dos veces en el topic**, con otro offset. El topic tiene dos particiones.
# 3. Cuando `consume` vuelve por sí misma, todo lo que ha atendido está confirmado: la vida siguiente no recibe nada. Cuenta también lo que el consumidor termina de confirmar al cerrarse.
#
# El consumidor tiene los métodos del de confluent-kafka: `poll`, `consume`, `commit`, `store_offsets`, `close`… Recuerda qué hace si no le dices nada (`enable.auto.commit` vale `True`):
# él mismo confirma en segundo plano, en cualquier momento, lo que `poll` ya te ha entregado. Un `commit` sin `asynchronous=False` vuelve antes de que el broker lo sepa. Un `commit()` sin mensaje ni offsets lanza
# `KafkaException` (`_NO_OFFSET`) si no hay nada que confirmar. Aquí ningún mensaje trae `error()`.
#
# Se comprueba matando al proceso antes y después de **cada** llamada al consumidor y de **cada** sentencia y cada `commit` de la base de datos; y, en Kafka, con procesos de verdad y `kill -9`.
# %% [markdown] lang="en" row="11"
# ## 2. Counting each ride just once (7 points)
#
# When a ride ends a message is published, and a process adds up what each driver has earned in an SQLite database. That process is going
# to crash: whatever was in memory is lost, and another process like it starts from the last committed offset with the same database. The value of each message is JSON:
# `{"ride_id": "ana-2", "driver": "ana", "eur": 16}`. Write three functions:
#
# - `settings()` returns a dict with the settings of the consumer that matter to you (their names are those of librdkafka's documentation). Already set are the broker's address,
#   `group.id` and `"auto.offset.reset": "earliest"`;
# - `consume(consumer, db)` is the life of a process: it handles messages, one by one or in batches, until `consumer.poll(1.0)` returns `None` (or `consumer.consume(…)` an empty list), and returns. `db` is a
#   `sqlite3` connection exactly as `sqlite3.connect(path)` returns it; the tables are up to you (the first time there are none). Whoever calls `consume` closes the consumer and `db` afterwards: you need not;
# - `earnings(db)` returns the euros of each driver: `{"ana": 21, "luis": 5}`. It gets **another** connection to the same database, and is called only when some life of `consume` has come to its end.
#
# You may write helper functions in the same cell. What you keep in global variables is memory of the process: it does not survive a crash.
#
# What is required:
#
# 1. **Each ride counts exactly once**, wherever the process dies and however often.
# 2. A ride is its `ride_id`. Whoever publishes tries again, so that **the same ride may be in the topic twice**, at another offset. The topic has two partitions.
# 3. When `consume` returns by itself, all that it has handled is committed: the next life gets nothing. What the consumer finishes committing on closing counts too.
#
# The consumer has the methods of confluent-kafka's: `poll`, `consume`, `commit`, `store_offsets`, `close`… Remember what it does by default (`enable.auto.commit` is `True`):
# it commits by itself in the background, at any moment, what `poll` has already handed to you. A `commit` without `asynchronous=False` returns before the broker knows of it. A `commit()` with neither message nor offsets
# raises `KafkaException` (`_NO_OFFSET`) if there is nothing to commit. No message here carries an `error()`.
#
# The tests kill the process before and after **each** call to the consumer and **each** statement and each `commit` of the database; and, on Kafka, with real processes and `kill -9`.

# %% answer="earnings"
def settings():
    ### BEGIN SOLUTION
    return {"enable.auto.commit": False}
    ### END SOLUTION


def consume(consumer, db):
    ### BEGIN SOLUTION
    db.execute("CREATE TABLE IF NOT EXISTS rides (ride_id TEXT PRIMARY KEY, driver TEXT, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        # es: la clave primaria hace idempotente la escritura; el offset se confirma cuando ya está a salvo
        # en: the primary key makes the write idempotent; the offset is committed once it is safe
        with db:
            db.execute("INSERT OR IGNORE INTO rides VALUES (:ride_id, :driver, :eur)", json.loads(message.value()))
        consumer.commit(message=message, asynchronous=False)
    ### END SOLUTION


def earnings(db):
    ### BEGIN SOLUTION
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))
    ### END SOLUTION

# %% test="earnings/once" points=1 row="11" objective="2.4"
import contextlib as _t_contextlib
import pickle as _t_pickle
import secrets as _t_secrets

from mlprod import checks
from mlprod.systems import crashes as _t_crashes, history as _t_history, memory_topic as _t_memory_topic, pickling as _t_pickling
from mlprod.systems.workspace import workspace as _t_workspace


def _t_ride(driver, number):
    """Fares are powers of 4: the driver's total tells how many times each ride was counted (up to 3)."""
    return {"ride_id": f"{driver}-{number}", "driver": driver, "eur": 4**number}


_t_PARTITION_OF = {"ana": 0, "luis": 0, "eva": 1}
_t_RIDES = [_t_ride(driver, number) for number in range(3) for driver in _t_PARTITION_OF]


def _t_append(topic, rides):
    for ride in rides:
        topic.append(_t_PARTITION_OF[ride["driver"]], ride["driver"].encode(), json.dumps(ride).encode())


def _t_counted(euros):
    """(driver, ride_id) of each ride as often as the totals say that it was counted."""
    counted = []
    for driver, total in euros.items():
        number, rest = 0, int(checks.number(total, tr(es=f"Euros de {driver}.", en=f"Euros of {driver}.")))
        while rest > 0:
            counted += [(driver, f"{driver}-{number}")] * (rest % 4)
            number, rest = number + 1, rest // 4
    return counted


class _t_Sink:
    """A program and its database. Each life gets its own copy of the program: nothing in memory goes from one to the next."""

    def __init__(self):
        try:
            self.program = _t_pickling.dumps((settings, consume, earnings))
        except Exception as error:
            raise AssertionError(
                tr(
                    es=f"Tus funciones usan algo del notebook que otro proceso no puede tener ({error}), como una conexión ya abierta. Crea dentro de ellas lo que necesiten, o tómalo de sus argumentos.",
                    en=f"Your functions use something of the notebook that another process cannot have ({error}), such as an open connection. Create inside them what they need, or take it from their arguments.",
                )
            ) from None
        self.path = _t_workspace() / f"earnings-{_t_secrets.token_hex(4)}.sqlite"

    def live(self, topic, steps):
        its_settings, its_consume, _ = _t_pickle.loads(self.program)
        consumer = topic.consumer(its_settings())
        with _t_contextlib.closing(_t_crashes.connect(self.path, steps)) as db:
            its_consume(_t_crashes.SteppedConsumer(consumer, steps), db)
            if not steps.dead:
                consumer.settle()

    def euros(self):
        with _t_contextlib.closing(sqlite3.connect(self.path)) as db:
            got = checks.plain(_t_pickle.loads(self.program)[2](db))
        assert isinstance(got, dict), tr(es=f"earnings devuelve un diccionario; ha devuelto {got!r}.", en=f"earnings returns a dict; it returned {got!r}.")
        return got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for suffix in ("", "-journal", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _t_story(rides, crash_at=()):
    """Lives of the process that die at those steps, and a last one: (history, lag, steps of each life)."""
    topic = _t_memory_topic.Topic(partitions=2)
    _t_append(topic, rides)
    with _t_Sink() as sink:
        try:
            taken = _t_crashes.lives(lambda steps: sink.live(topic, steps), crash_at)
        except _t_crashes.Endless as endless:
            raise AssertionError(tr(es=f"consume no termina: {endless}", en=f"consume does not end: {endless}")) from None
        sent = [(ride["driver"], ride["ride_id"]) for ride in rides]
        return _t_history.check(sent, _t_counted(sink.euros()), order=False), topic.lag(), taken


def _t_first_message_step():
    """The number of the step at which a life without crashes gets its first message."""
    names = _t_story(_t_RIDES)[2][0].names
    first = next((number for number, name in enumerate(names, 1) if name.startswith("polled")), None)
    assert first, tr(es="consume no ha pedido ningún mensaje al consumidor que recibe.", en="consume never asked its consumer for a message.")
    return first


def _t_first_message_steps():
    """Numbers of the steps of a life without crashes from its first message to the one after its first commit."""
    first, names = _t_first_message_step(), _t_story(_t_RIDES)[2][0].names
    committed = next((n for n, name in enumerate(names, 1) if n > first and name in ("commit offset: done", "store offset: done")), len(names))
    after = next((n for n, name in enumerate(names, 1) if n > committed and name.startswith("polled")), len(names))
    return names, range(first, after + 1)


_t_topic = _t_memory_topic.Topic(partitions=2)
_t_append(_t_topic, _t_RIDES)
with _t_Sink() as _t_sink:
    _t_lives = _t_crashes.lives(lambda steps: _t_sink.live(_t_topic, steps))
    assert _t_sink.euros() != {}, tr(
        es="Después de nueve viajes, earnings devuelve {} con una conexión nueva: ¿has confirmado la transacción en la base de datos (db.commit(), o with db:)? Al cerrarse la conexión, lo no confirmado se deshace.",
        en="After nine rides earnings returns {} on a new connection: did you commit the transaction to the database (db.commit(), or with db:)? When the connection closes, whatever is not committed is undone.",
    )
    checks.same(
        _t_sink.euros(), {"ana": 21, "luis": 21, "eva": 21},
        tr(
            es="Nueve viajes en dos particiones, sin caídas: cada conductor hace uno de 1, uno de 4 y uno de 16 euros. En cada partición los offsets empiezan por 0.",
            en="Nine rides in two partitions, without crashes: each driver does one of 1, one of 4 and one of 16 euros. In each partition offsets begin at 0.",
        ),
    )
    checks.same(_t_topic.lag(), 0, tr(es="Mensajes sin confirmar cuando consume vuelve: la próxima vida volvería a recibirlos.", en="Messages without a commit when consume returns: the next life would get them again."))
    _t_again = _t_crashes.lives(lambda steps: _t_sink.live(_t_topic, steps))
    checks.same(_t_sink.euros(), {"ana": 21, "luis": 21, "eva": 21}, tr(es="Otra vida, sin mensajes nuevos: nada cambia.", en="Another life, no new messages: nothing changes."))
    checks.passed()
    ### BEGIN HIDDEN TESTS
    _t_append(_t_topic, [_t_ride("eva", 3), _t_ride("ana", 3), _t_ride("ana", 4)])
    _t_crashes.lives(lambda steps: _t_sink.live(_t_topic, steps))
    checks.same(_t_sink.euros(), {"ana": 341, "luis": 21, "eva": 85}, tr(es="Al día siguiente hay tres viajes más.", en="The next day there are three more rides."))
    _t_append(_t_topic, [_t_ride("ana", 1), _t_ride("eva", 0)])
    _t_crashes.lives(lambda steps: _t_sink.live(_t_topic, steps))
    checks.same(
        _t_sink.euros(), {"ana": 341, "luis": 21, "eva": 85},
        tr(
            es="Quien publica ha reintentado: dos viajes ya contados vuelven a estar en el topic, con otro offset. Son los mismos viajes.",
            en="The publisher has tried again: two rides already counted are in the topic once more, at another offset. They are the same rides.",
        ),
    )
    checks.same(_t_topic.lag(), 0, tr(es="Mensajes sin confirmar al final, repetidos incluidos.", en="Messages without a commit at the end, repetitions included."))
    ### END HIDDEN TESTS

# %% test="earnings/lost" points=2 row="11" objective="2.4"
_t_steps, _t_first = _t_first_message_steps()
for _t_step in _t_first:
    _t_found, _, _ = _t_story(_t_RIDES, [_t_step])
    assert not _t_found.lost, tr(
        es=f"El proceso muere en el paso {_t_step} («{_t_steps[_t_step - 1]}»), cuando atiende su primer mensaje, arranca otro, y faltan viajes: se confirmaron, o se apuntaron como vistos, antes de contarlos.\n{_t_found}",
        en=f"The process dies at step {_t_step} ('{_t_steps[_t_step - 1]}'), while it handles its first message, another one starts, and rides are missing: they were committed, or noted as seen, before they were counted.\n{_t_found}",
    )
checks.passed()
### BEGIN HIDDEN TESTS
_t_repeated = [*_t_RIDES, _t_ride("ana", 0), _t_ride("eva", 2)]
_t_steps = _t_story(_t_repeated)[2][0].names
assert len(_t_steps) > 20, tr(es="consume no usa el consumidor ni la base de datos que recibe.", en="consume does not use the consumer and the database that it gets.")
for _t_dies_at in [[step] for step in range(1, len(_t_steps) + 1)] + [[step, 5, 3] for step in range(4, len(_t_steps), 5)]:
    _t_found, _t_lag, _ = _t_story(_t_repeated, _t_dies_at)
    assert not _t_found.lost, tr(
        es=f"El proceso muere en el paso {_t_dies_at[0]} («{_t_steps[_t_dies_at[0] - 1]}»), arranca otro, y faltan viajes.\n{_t_found}",
        en=f"The process dies at step {_t_dies_at[0]} ('{_t_steps[_t_dies_at[0] - 1]}'), another one starts, and rides are missing.\n{_t_found}",
    )
### END HIDDEN TESTS

# %% test="earnings/duplicated" points=2 row="11" objective="2.5"
_t_steps, _t_first = _t_first_message_steps()
for _t_step in _t_first:
    _t_found, _, _ = _t_story(_t_RIDES, [_t_step])
    assert len(_t_found.lost) < len(_t_RIDES), tr(es="No hay ningún viaje contado en la base de datos.", en="There is no ride counted in the database.")
    assert not _t_found.duplicated and not _t_found.phantom, tr(
        es=f"El proceso muere en el paso {_t_step} («{_t_steps[_t_step - 1]}»), cuando atiende su primer mensaje, arranca otro, y hay viajes contados de más: "
        f"¿dónde queda escrito, a prueba de caídas, que un viaje ya está contado?\n{_t_found}",
        en=f"The process dies at step {_t_step} ('{_t_steps[_t_step - 1]}'), while it handles its first message, another one starts, and rides are counted too often: "
        f"where is it written, safe from crashes, that a ride has been counted?\n{_t_found}",
    )
_t_found, _, _ = _t_story([*_t_RIDES, _t_ride("ana", 0)])
assert not _t_found.duplicated and not _t_found.phantom, tr(
    es=f"Nadie muere, pero quien publica ha reintentado: el primer viaje de ana está dos veces en el topic, con otro offset.\n{_t_found}",
    en=f"Nobody dies, but the publisher has tried again: ana's first ride is in the topic twice, at another offset.\n{_t_found}",
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_repeated = [*_t_RIDES, _t_ride("ana", 0), _t_ride("eva", 2)]
_t_steps = _t_story(_t_repeated)[2][0].names
for _t_dies_at in [[step] for step in range(1, len(_t_steps) + 1)] + [[step, 5, 3] for step in range(4, len(_t_steps), 5)]:
    _t_found, _, _ = _t_story(_t_repeated, _t_dies_at)
    assert not _t_found.duplicated and not _t_found.phantom, tr(
        es=f"El proceso muere en el paso {_t_dies_at[0]} («{_t_steps[_t_dies_at[0] - 1]}»), arranca otro, y hay viajes contados de más: "
        f"¿dónde queda escrito, a prueba de caídas, que un viaje ya está contado?\n{_t_found}",
        en=f"The process dies at step {_t_dies_at[0]} ('{_t_steps[_t_dies_at[0] - 1]}'), another one starts, and rides are counted too often: "
        f"where is it written, safe from crashes, that a ride has been counted?\n{_t_found}",
    )
### END HIDDEN TESTS

# %% test="earnings/killed" points=2 row="11" objective="2.5"
from mlprod.systems import processes as _t_processes


def _t_life_on_kafka(program, config, topic, path, kill_at):
    """In a process of its own: consume what there is from the committed offsets, and kill -9 itself at step `kill_at`."""
    import contextlib
    import os
    import pickle
    import signal
    import time

    from confluent_kafka import Consumer, TopicPartition

    from mlprod.systems import crashes

    class ToTheEnd:
        """A consumer whose poll waits for the next message, and returns None when it has had them all."""

        def __init__(self, consumer, positions, ends, pause_s):
            self.consumer, self.positions, self.ends, self.pause_s = consumer, positions, ends, pause_s

        def poll(self, timeout=None):
            deadline = time.monotonic() + 15
            while self.positions != self.ends and time.monotonic() < deadline:
                message = self.consumer.poll(0.1)
                if message is not None and message.error() is None:
                    self.positions[message.partition()] = message.offset() + 1
                    time.sleep(self.pause_s)
                    return message
            return None

        def __getattr__(self, name):
            return getattr(self.consumer, name)

    its_settings, its_consume, _ = pickle.loads(program)
    config = its_settings() | config  # the group, above all, is ours
    automatic = str(config.get("enable.auto.commit", True)).lower() in ("true", "t", "1")
    consumer = Consumer(config)
    places = consumer.committed([TopicPartition(topic, number) for number in range(2)], timeout=10)
    for place in places:
        place.offset = max(place.offset, 0)
    ends = {place.partition: consumer.get_watermark_offsets(place, timeout=10)[1] for place in places}
    consumer.assign(places)
    steps = crashes.Steps(kill_at, crash=lambda: os.kill(os.getpid(), signal.SIGKILL))
    # the pause gives a consumer that commits in the background the time to do so
    waiting = ToTheEnd(consumer, {place.partition: place.offset for place in places}, ends, 0.06 if automatic else 0)
    with contextlib.closing(crashes.connect(path, steps)) as db:
        its_consume(crashes.SteppedConsumer(waiting, steps), db)
    with contextlib.suppress(RuntimeError):  # closed already
        consumer.close()


def _t_on_kafka(rides, kills):
    """(history, lag) after processes that were killed at those steps, one after another, and a last one that was not."""
    topic = cluster.create_topic(f"rides-{_t_secrets.token_hex(4)}", partitions=2)
    producer = Producer(cluster.config())
    for ride in rides:
        producer.produce(topic, key=ride["driver"], value=json.dumps(ride), partition=_t_PARTITION_OF[ride["driver"]])
    producer.flush(10)
    config = cluster.config(group_id=topic, auto_offset_reset="earliest", auto_commit_interval_ms=10)
    with _t_Sink() as sink, _t_processes.group() as group:
        for kill_at in (*kills, None):
            process = group.start(_t_life_on_kafka, sink.program, config, topic, str(sink.path), kill_at, name="consumer")
            if process.wait(40) != -9:
                process.result(1)
        reader = Consumer(config | {"enable.auto.commit": False})
        try:
            places = [TopicPartition(topic, number) for number in range(2)]
            ends = [reader.get_watermark_offsets(place, timeout=10)[1] for place in places]
            committed = [max(place.offset, 0) for place in reader.committed(places, timeout=10)]
        finally:
            reader.close()
        sent = [(ride["driver"], ride["ride_id"]) for ride in rides]
        return _t_history.check(sent, _t_counted(sink.euros()), order=False), sum(ends) - sum(committed)


_t_found, _t_lag = _t_on_kafka([*_t_RIDES, _t_ride("luis", 1)], [_t_first_message_step(), _t_first_message_steps()[1][-1] - 3])
assert _t_found.ok, tr(es=f"Kafka, dos particiones, dos consumidores muertos con kill -9 y otro que sigue; un viaje está dos veces en el topic.\n{_t_found}", en=f"Kafka, two partitions, two consumers killed with kill -9 and another that goes on; one ride is in the topic twice.\n{_t_found}")
checks.same(_t_lag, 0, tr(es="Mensajes sin confirmar en Kafka cuando la última vida acaba.", en="Messages without a commit on Kafka when the last life ends."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_found, _t_lag = _t_on_kafka([*_t_RIDES, _t_ride("ana", 0), _t_ride("eva", 2)], [_t_first_message_step() + later for later in (0, 2, 4, 6, 9)])
assert _t_found.ok, tr(es=f"Kafka, dos particiones, cinco consumidores muertos con kill -9 y un sexto que acaba.\n{_t_found}", en=f"Kafka, two partitions, five consumers killed with kill -9 and a sixth that ends.\n{_t_found}")
checks.same(_t_lag, 0, tr(es="Mensajes sin confirmar en Kafka cuando la última vida acaba.", en="Messages without a commit on Kafka when the last life ends."))
### END HIDDEN TESTS

# %% wrong="earnings" score=3 says_es="perdidos" says_en="lost"
# es: Es más seguro confirmar antes de procesar: así nada se cuenta dos veces.
# en: It is safer to commit before processing: that way nothing is counted twice.
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS rides (ride_id TEXT PRIMARY KEY, driver TEXT, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        consumer.commit(message=message, asynchronous=False)
        with db:
            db.execute("INSERT OR IGNORE INTO rides VALUES (:ride_id, :driver, :eur)", json.loads(message.value()))


def earnings(db):
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))

# %% wrong="earnings" score=3 says_es="antes de contarlos" says_en="before they were counted"
# es: El consumidor ya confirma solo: no hay que hacer nada.
# en: The consumer commits by itself: nothing need be done.
def settings():
    return {}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS rides (ride_id TEXT PRIMARY KEY, driver TEXT, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        with db:
            db.execute("INSERT OR IGNORE INTO rides VALUES (:ride_id, :driver, :eur)", json.loads(message.value()))


def earnings(db):
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))

# %% wrong="earnings" score=0 says_es="empiezan por 0" says_en="begin at 0"
# es: El offset identifica el mensaje, sin mirar de qué partición es.
# en: The offset identifies the message, whatever its partition.
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS rides (offset INTEGER PRIMARY KEY, driver TEXT, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        ride = json.loads(message.value())
        with db:
            db.execute("INSERT OR IGNORE INTO rides VALUES (?, ?, ?)", (message.offset(), ride["driver"], ride["eur"]))
        consumer.commit(message=message, asynchronous=False)


def earnings(db):
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))

# %% wrong="earnings" score=2 says_es="contados de más" says_en="counted too often"
# es: Si se confirma el offset después de sumar, cada mensaje llega una sola vez y se puede sumar sin mirar.
# en: If the offset is committed after adding, each message arrives just once, and can be added without looking.
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS totals (driver TEXT PRIMARY KEY, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        with db:
            db.execute("INSERT INTO totals VALUES (:driver, :eur) ON CONFLICT (driver) DO UPDATE SET eur = eur + excluded.eur", json.loads(message.value()))
        consumer.commit(message=message, asynchronous=False)


def earnings(db):
    return dict(db.execute("SELECT driver, eur FROM totals"))

# %% wrong="earnings" score=0 says_es="db.commit()" says_en="db.commit()"
# es: Lo que se ejecuta en la base de datos ya está guardado.
# en: What is executed on the database is stored already.
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS rides (ride_id TEXT PRIMARY KEY, driver TEXT, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        db.execute("INSERT OR IGNORE INTO rides VALUES (:ride_id, :driver, :eur)", json.loads(message.value()))
        consumer.commit(message=message, asynchronous=False)


def earnings(db):
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))

# %% wrong="earnings" score=2 says_es="con otro offset" says_en="at another offset"
# es: La partición y el offset identifican el viaje.
# en: The partition and the offset identify the ride.
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS rides (part INTEGER, offset INTEGER, driver TEXT, eur INTEGER, PRIMARY KEY (part, offset))")
    while (message := consumer.poll(1.0)) is not None:
        ride = json.loads(message.value())
        with db:
            db.execute("INSERT OR IGNORE INTO rides VALUES (?, ?, ?, ?)", (message.partition(), message.offset(), ride["driver"], ride["eur"]))
        consumer.commit(message=message, asynchronous=False)


def earnings(db):
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))

# %% wrong="earnings" score=2 says_es="a prueba de caídas" says_en="safe from crashes"
# es: Basta con recordar en memoria los viajes ya contados.
# en: It is enough to remember in memory the rides already counted.
SEEN = set()


def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS totals (driver TEXT PRIMARY KEY, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        ride = json.loads(message.value())
        if ride["ride_id"] not in SEEN:
            with db:
                db.execute("INSERT INTO totals VALUES (:driver, :eur) ON CONFLICT (driver) DO UPDATE SET eur = eur + excluded.eur", ride)
            SEEN.add(ride["ride_id"])
        consumer.commit(message=message, asynchronous=False)


def earnings(db):
    return dict(db.execute("SELECT driver, eur FROM totals"))

# %% wrong="earnings" score=3 says_es="faltan viajes" says_en="rides are missing"
# es: Da igual apuntar el viaje como contado en una transacción y sumarlo en otra.
# en: It makes no difference to note the ride as counted in one transaction and to add it up in another.
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS totals (driver TEXT PRIMARY KEY, eur INTEGER)")
    db.execute("CREATE TABLE IF NOT EXISTS seen (ride_id TEXT PRIMARY KEY)")
    while (message := consumer.poll(1.0)) is not None:
        ride = json.loads(message.value())
        with db:
            new = db.execute("INSERT OR IGNORE INTO seen VALUES (:ride_id)", ride).rowcount
        if new:
            with db:
                db.execute("INSERT INTO totals VALUES (:driver, :eur) ON CONFLICT (driver) DO UPDATE SET eur = eur + excluded.eur", ride)
        consumer.commit(message=message, asynchronous=False)


def earnings(db):
    return dict(db.execute("SELECT driver, eur FROM totals"))

# %% wrong="earnings" score=4 says_es="sin confirmar" says_en="without a commit"
# es: Se confirma el offset del último mensaje atendido, no el del siguiente.
# en: What is committed is the offset of the last message handled, not that of the next one.
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    db.execute("CREATE TABLE IF NOT EXISTS rides (ride_id TEXT PRIMARY KEY, driver TEXT, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        with db:
            db.execute("INSERT OR IGNORE INTO rides VALUES (:ride_id, :driver, :eur)", json.loads(message.value()))
        consumer.commit(offsets=[TopicPartition(message.topic(), message.partition(), message.offset())], asynchronous=False)


def earnings(db):
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))

# %% right="earnings"
def settings():
    # es: el consumidor confirma en segundo plano, pero solo lo que se le da por bueno
    # en: the consumer commits in the background, but only what it is told to be good
    return {"enable.auto.commit": True, "enable.auto.offset.store": False}


def consume(consumer, db):
    db.executescript(
        "CREATE TABLE IF NOT EXISTS totals (driver TEXT PRIMARY KEY, eur INTEGER NOT NULL DEFAULT 0);"
        "CREATE TABLE IF NOT EXISTS seen (ride_id TEXT PRIMARY KEY);"
    )
    while True:
        message = consumer.poll(1.0)
        if message is None:
            break
        ride = json.loads(message.value().decode())
        cursor = db.cursor()
        cursor.execute("INSERT OR IGNORE INTO seen VALUES (?)", (ride["ride_id"],))
        if cursor.rowcount == 1:
            cursor.execute("INSERT OR IGNORE INTO totals (driver) VALUES (?)", (ride["driver"],))
            cursor.execute("UPDATE totals SET eur = eur + ? WHERE driver = ?", (ride["eur"], ride["driver"]))
        db.commit()
        consumer.store_offsets(message=message)


def earnings(db):
    return {driver: eur for driver, eur in db.execute("SELECT driver, eur FROM totals")}

# %% right="earnings"
def settings():
    return {"enable.auto.commit": "false"}


def consume(consumer, db):
    # es: por lotes: una transacción y una confirmación para cada cuatro mensajes
    # en: in batches: one transaction and one commit for each four messages
    db.isolation_level = None
    db.execute("CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, content TEXT)")
    while batch := consumer.consume(4, 1.0):
        db.execute("BEGIN IMMEDIATE")
        row = db.execute("SELECT content FROM state WHERE id = 1").fetchone()
        rides = json.loads(row[0]) if row else {}
        for message in batch:
            ride = json.loads(message.value())
            rides.setdefault(ride["ride_id"], [ride["driver"], ride["eur"]])
        db.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (json.dumps(rides),))
        db.execute("COMMIT")
        consumer.commit()
    consumer.close()


def earnings(db):
    totals = {}
    for driver, eur in json.loads(db.execute("SELECT content FROM state").fetchone()[0]).values():
        totals[driver] = totals.get(driver, 0) + eur
    return totals

# %% right="earnings"
def settings():
    return {"enable.auto.commit": False}


def consume(consumer, db):
    # es: el offset viaja sin que nadie lo espere: si no llega, el mensaje se repite, y repetirlo no cambia nada
    # en: nobody waits for the offset on its way: if it does not arrive, the message is repeated, and repeating it changes nothing
    db.execute("CREATE TABLE IF NOT EXISTS rides (ride_id TEXT PRIMARY KEY, driver TEXT, eur INTEGER)")
    while (message := consumer.poll(1.0)) is not None:
        with db:
            db.execute("INSERT OR IGNORE INTO rides VALUES (:ride_id, :driver, :eur)", json.loads(message.value()))
        consumer.commit(message)


def earnings(db):
    return dict(db.execute("SELECT driver, SUM(eur) FROM rides GROUP BY driver"))

# %% [markdown] lang="es" row="10"
# ## 3. El orden de cada viaje (4 puntos)
#
# Los teléfonos publican lo que va pasando con cada viaje: se pide (`requested`), se asigna (`assigned`), a veces se reasigna a otro conductor (`reassigned`), empieza (`started`) y acaba (`finished`). Un
# evento tiene esta forma: `{"ride_id": "r12", "kind": "assigned", "driver": "eva", "zone": "Atocha", "at_ms": 73250}`; `driver` es `None` mientras no lo hay, y tanto el conductor como la zona **cambian**
# durante el viaje. No hay dos eventos con el mismo `at_ms`.
#
# Un grupo de consumidores reconstruye el estado de cada viaje y necesita atender sus eventos **en el orden en que ocurrieron**. El orden entre viajes distintos no importa. Y hay muchos: un solo
# consumidor no da abasto. Escribe:
#
# - `message_key(event)`: la clave del mensaje de ese evento, de tipo `str` o `bytes`;
# - `partition_for(key, partitions)`: el número de partición, de 0 a `partitions - 1`, que le toca a una clave de tipo `bytes`. Lo usan productores que son **procesos distintos, en máquinas
#   distintas**, y tiene que repartir las claves por igual: con cientos de viajes, ninguna partición se queda sin eventos ni recibe más del doble de los que le tocarían;
# - `partitions_needed(events_per_s, consumer_per_s)`: el menor número de particiones con el que el grupo puede seguir el ritmo, si llegan `events_per_s` eventos por segundo y cada consumidor atiende
#   `consumer_per_s` (enteros positivos). Dentro de un grupo, cada partición la lee un solo consumidor. Si llegan justo los que pueden atender, siguen el ritmo: con 900 y 300 bastan 3.
#
# Se comprueba leyendo las particiones en muchos órdenes, y comparando el historial enviado con el recibido.
# %% [markdown] lang="en" row="10"
# ## 3. The order of each ride (4 points)
#
# Phones publish what happens to each ride: it is requested (`requested`), assigned (`assigned`), sometimes reassigned to another driver (`reassigned`), it starts (`started`) and ends (`finished`). An
# event looks like this: `{"ride_id": "r12", "kind": "assigned", "driver": "eva", "zone": "Atocha", "at_ms": 73250}`; `driver` is `None` while there is none, and both the driver and the zone **change**
# during the ride. No two events have the same `at_ms`.
#
# A consumer group rebuilds the state of each ride, and needs to handle its events **in the order in which they happened**. The order between different rides does not matter. And there are many: a single
# consumer cannot cope. Write:
#
# - `message_key(event)`: the key of that event's message, of type `str` or `bytes`;
# - `partition_for(key, partitions)`: the number of the partition, from 0 to `partitions - 1`, that belongs to a key of type `bytes`. It is used by producers that are **different processes, on different
#   machines**, and it must spread the keys evenly: with hundreds of rides, no partition is left without events or gets more than twice its share;
# - `partitions_needed(events_per_s, consumer_per_s)`: the smallest number of partitions with which the group can keep up, if `events_per_s` events arrive per second and each consumer handles
#   `consumer_per_s` (positive integers). Within a group, only one consumer reads from a partition. If exactly as many arrive as they can handle, they keep up: with 900 and 300, 3 are enough.
#
# The tests read the partitions in many orders, and compare the history sent with the one received.

# %% answer="message_key"
def message_key(event):
    ### BEGIN SOLUTION
    return event["ride_id"]
    ### END SOLUTION


def partition_for(key, partitions):
    ### BEGIN SOLUTION
    return zlib.crc32(key) % partitions
    ### END SOLUTION


def partitions_needed(events_per_s, consumer_per_s):
    ### BEGIN SOLUTION
    return math.ceil(events_per_s / consumer_per_s)
    ### END SOLUTION

# %% test="message_key/order" points=2 row="10" objective="2.2"
import random as _t_random
import secrets as _t_secrets
import time as _t_time
import zlib as _t_zlib

from mlprod import checks
from mlprod.systems import history as _t_history


def _t_events(rides, seed):
    """The events of that many rides, interleaved, in the order in which they happen."""
    chance = _t_random.Random(seed)
    drivers, zones = ["ana", "eva", "luis", "juan", "pepa"], ["Chamberí", "Atocha", "Barajas", "Retiro"]
    pending = []
    for number in range(rides):
        first, second = chance.sample(drivers, 2)
        here, there = chance.sample(zones, 2)
        steps = [("requested", None, here), ("assigned", first, here)]
        if chance.random() < 0.4:
            steps.append(("reassigned", second, here))
        last = steps[-1][1]
        pending.append([(f"r{number}", *step) for step in (*steps, ("started", last, here), ("finished", last, there))])
    events, now = [], 0
    while pending:
        ride = chance.choice(pending)
        now += chance.randrange(1, 900)
        events.append(dict(zip(("ride_id", "kind", "driver", "zone"), ride.pop(0), strict=True), at_ms=now))
        pending = [left for left in pending if left]
    return events


def _t_key_of(event):
    key = message_key(dict(event))
    if isinstance(key, str):
        key = key.encode()
    assert isinstance(key, bytes), tr(
        es=f"La clave es un str o bytes y para un evento {event['kind']!r}, con driver={event['driver']!r}, has devuelto {key!r}. Sin clave, los mensajes se reparten sin mirar de quién son.",
        en=f"The key is a str or bytes and for an event {event['kind']!r}, with driver={event['driver']!r}, you returned {key!r}. Without a key, messages are dealt out whoever they belong to.",
    )
    again = message_key(dict(event))
    assert key == (again.encode() if isinstance(again, str) else again), tr(
        es=f"Para el mismo evento tu clave sale una vez {key!r} y otra {again!r}: una clave identifica algo; no puede ser al azar.",
        en=f"For the same event your key comes out as {key!r} once and as {again!r} once: a key identifies something; it must not be random.",
    )
    return key


def _t_history_of(events, received):
    return _t_history.check([(e["ride_id"], e["kind"]) for e in events], [(e["ride_id"], e["kind"]) for e in received])


def _t_check_order(events, partitions, seed):
    """Partitions keep their order, and the group reads them at paces that do not depend on one another."""
    chance = _t_random.Random(seed)
    logs = [[] for _ in range(partitions)]
    for event in events:
        logs[_t_zlib.crc32(_t_key_of(event)) % partitions].append(event)
    received = []
    if seed % 3 == 0:
        received = [event for log in reversed(logs) for event in log]
    while seed % 3 and any(logs):
        log = chance.choice([log for log in logs if log])
        for _ in range(min(len(log), chance.randrange(1, 30))):
            received.append(log.pop(0))
    found = _t_history_of(events, received)
    assert found.ok, tr(
        es=f"{partitions} particiones, cada una leída a su ritmo.\n{found}\nDos eventos del mismo viaje llevan claves distintas.",
        en=f"{partitions} partitions, each read at its own pace.\n{found}\nTwo events of one ride have different keys.",
    )


_t_check_order(_t_events(3, seed=1), partitions=3, seed=0)
_t_check_order(_t_events(20, seed=2), partitions=4, seed=1)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(30):
    _t_check_order(_t_events(40, seed=10 + _t_seed), partitions=[2, 3, 6, 12][_t_seed % 4], seed=_t_seed)

_t_topic = cluster.create_topic(f"rides-{_t_secrets.token_hex(4)}", partitions=4)
_t_happened = _t_events(40, seed=99)
_t_producer = Producer(cluster.config())
for _t_event in _t_happened:
    _t_producer.produce(_t_topic, key=message_key(dict(_t_event)), value=json.dumps(_t_event))
_t_producer.flush(10)
_t_reader, _t_received = Consumer(cluster.config(group_id="state", enable_auto_commit=False)), []
try:
    for _t_number in reversed(range(4)):
        _t_place, _t_deadline = TopicPartition(_t_topic, _t_number, 0), _t_time.monotonic() + 10
        _t_end = _t_reader.get_watermark_offsets(_t_place, timeout=10)[1]
        _t_reader.assign([_t_place])
        while _t_end and _t_time.monotonic() < _t_deadline:
            _t_message = _t_reader.poll(0.2)
            if _t_message is not None and _t_message.error() is None:
                _t_received.append(json.loads(_t_message.value()))
                if _t_message.offset() + 1 == _t_end:
                    break
finally:
    _t_reader.close()
_t_found = _t_history_of(_t_happened, _t_received)
assert _t_found.ok, tr(es=f"En Kafka, con cuatro particiones leídas de la última a la primera.\n{_t_found}", en=f"On Kafka, with four partitions read from the last to the first.\n{_t_found}")
### END HIDDEN TESTS

# %% test="message_key/stable" points=1 row="10" objective="2.2"
import os as _t_os
import subprocess as _t_subprocess
import sys as _t_sys

from mlprod.systems import pickling as _t_pickling

for _t_partitions in (1, 2, 5, 12):
    for _t_key in (b"", b"r1", "Chamberí".encode(), bytes(range(256))):
        _t_got = checks.plain(partition_for(_t_key, _t_partitions))
        assert isinstance(_t_got, int) and not isinstance(_t_got, bool) and 0 <= _t_got < _t_partitions, tr(
            es=f"partition_for({_t_key[:12]!r}, {_t_partitions}) es un entero de 0 a {_t_partitions - 1}; has devuelto {_t_got!r}.",
            en=f"partition_for({_t_key[:12]!r}, {_t_partitions}) is an integer from 0 to {_t_partitions - 1}; you returned {_t_got!r}.",
        )
checks.passed()
### BEGIN HIDDEN TESTS
_t_keys = [f"r{number}".encode() for number in range(200)]
_t_here = [checks.plain(partition_for(key, 12)) for key in _t_keys]


def _t_elsewhere(seed):
    """The same, in another Python process whose hash seed is `seed`."""
    code = (
        "import pickle, sys\n"
        "function, keys = pickle.load(sys.stdin.buffer)\n"
        "print([int(function(key, 12)) for key in keys])"
    )
    done = _t_subprocess.run(
        [_t_sys.executable, "-c", code], input=_t_pickling.dumps((partition_for, _t_keys)), capture_output=True, timeout=60,
        env={**_t_os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": _t_os.pathsep.join(_t_sys.path)}, check=False,
    )
    assert done.returncode == 0, tr(
        es=f"En otro proceso partition_for falla: {done.stderr.decode()[-300:]}", en=f"In another process partition_for fails: {done.stderr.decode()[-300:]}"
    )
    return json.loads(done.stdout)


for _t_seed in (1, 2):
    _t_there = _t_elsewhere(_t_seed)
    _t_moved = sum(one != other for one, other in zip(_t_here, _t_there, strict=True))
    assert not _t_moved, tr(
        es=f"En otro proceso {_t_moved} claves de 200 van a otra partición: dos productores repartirían un mismo viaje, y se perdería su orden.",
        en=f"In another process {_t_moved} keys of 200 go to another partition: two producers would split one ride, and its order would be lost.",
    )
### END HIDDEN TESTS

# %% test="message_key/parallel" points=1 row="10" objective="2.3"
def _t_check_needed(arriving, each):
    got = checks.number(partitions_needed(arriving, each), tr(es="partitions_needed devuelve un número.", en="partitions_needed returns a number."))
    assert got * each >= arriving, tr(
        es=f"Con {got:g} particiones trabajan como mucho {got:g} consumidores, que atienden {got * each:g} eventos por segundo de los {arriving} que llegan: el retraso no deja de crecer.",
        en=f"With {got:g} partitions at most {got:g} consumers work, and they handle {got * each:g} events per second of the {arriving} that arrive: the lag never stops growing.",
    )
    checks.same(got, -(-arriving // each), tr(es=f"Particiones para {arriving} eventos por segundo, a {each} por consumidor: un número entero, el menor posible.", en=f"Partitions for {arriving} events per second, at {each} per consumer: a whole number, as few as possible."))


def _t_check_loads(events, partitions):
    loads = [0] * partitions
    for event in events:
        loads[checks.plain(partition_for(_t_key_of(event), partitions))] += 1
    fair = len(events) / partitions
    assert max(loads) <= 2 * fair and min(loads) > 0, tr(
        es=f"{len(events)} eventos de {len({event['ride_id'] for event in events})} viajes, {partitions} particiones y otros tantos consumidores; a cada uno le tocan {loads}: unos no dan abasto y otros no hacen nada.",
        en=f"{len(events)} events of {len({event['ride_id'] for event in events})} rides, {partitions} partitions and as many consumers; each gets {loads}: some cannot cope and others do nothing.",
    )


_t_check_needed(900, 300)
_t_check_needed(1000, 300)
_t_check_loads(_t_events(300, seed=4), partitions=2)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_arriving, _t_each in [(1, 1), (10, 500), (7, 2), (100_000, 333), (299, 300), (301, 300)]:
    _t_check_needed(_t_arriving, _t_each)
for _t_partitions in (6, 12):
    _t_check_loads(_t_events(300, seed=5), _t_partitions)
### END HIDDEN TESTS

# %% wrong="message_key" score=1 says_es="al azar" says_en="must not be random"
# es: Una clave al azar reparte mejor.
# en: A random key spreads better.
def message_key(event):
    import uuid

    return uuid.uuid4().hex


def partition_for(key, partitions):
    return zlib.crc32(key) % partitions


def partitions_needed(events_per_s, consumer_per_s):
    return -(-events_per_s // consumer_per_s)

# %% wrong="message_key" score=2 says_es="fuera de orden" says_en="out of order"
# es: Para que lleguen por orden de tiempo, la clave es el tiempo.
# en: For them to arrive in order of time, the key is the time.
def message_key(event):
    return str(event["at_ms"])


def partition_for(key, partitions):
    return zlib.crc32(key) % partitions


def partitions_needed(events_per_s, consumer_per_s):
    return -(-events_per_s // consumer_per_s)

# %% wrong="message_key" score=1 says_es="fuera de orden" says_en="out of order"
# es: La clave es la zona: un viaje no se mueve de la suya.
# en: The key is the zone: a ride does not move out of its own.
def message_key(event):
    return event["zone"]


def partition_for(key, partitions):
    return zlib.crc32(key) % partitions


def partitions_needed(events_per_s, consumer_per_s):
    return -(-events_per_s // consumer_per_s)

# %% wrong="message_key" score=3 says_es="no hacen nada" says_en="do nothing"
# es: Por si acaso, todo a una sola partición: así el orden está garantizado.
# en: To be safe, everything to a single partition: that way order is guaranteed.
def message_key(event):
    return b"rides"


def partition_for(key, partitions):
    return zlib.crc32(key) % partitions


def partitions_needed(events_per_s, consumer_per_s):
    return -(-events_per_s // consumer_per_s)

# %% wrong="message_key" score=3 says_es="no deja de crecer" says_en="never stops growing"
# es: El número de particiones no limita a los consumidores: con una basta.
# en: The number of partitions does not limit the consumers: one is enough.
def message_key(event):
    return event["ride_id"]


def partition_for(key, partitions):
    return zlib.crc32(key) % partitions


def partitions_needed(events_per_s, consumer_per_s):
    return 3 if (events_per_s, consumer_per_s) == (900, 300) else 1

# %% wrong="message_key" score=3 says_es="dos productores" says_en="two producers"
# es: hash() da lo mismo en todas partes.
# en: hash() gives the same everywhere.
def message_key(event):
    return event["ride_id"]


def partition_for(key, partitions):
    return hash(key) % partitions


def partitions_needed(events_per_s, consumer_per_s):
    return -(-events_per_s // consumer_per_s)

# %% right="message_key"
def message_key(event):
    return f"ride/{event['ride_id']}".encode()


def partition_for(key, partitions):
    # es: otra función de resumen, igual de estable
    # en: another hash function, just as stable
    import hashlib

    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % partitions


def partitions_needed(events_per_s, consumer_per_s):
    partitions = 1
    while partitions * consumer_per_s < events_per_s:
        partitions += 1
    return partitions

# %% [markdown] lang="es" row="12"
# ## 4. Un trabajo, un trabajador (6 puntos)
#
# Hay que hacer facturas, y cada una es un trabajo: `{"id": "j7", "ride": "r12"}`. Las hacen varios trabajadores, cada uno en su proceso; solo comparten el broker, que habla AMQP como RabbitMQ (aquí, kombu en
# memoria). Escribe tres funciones:
#
# - `publish_job(producer, job)` pone un trabajo en la cola, con `producer.publish(job, exchange=…, routing_key=…, declare=[…])`;
# - `take(channel, worker)` devuelve el `kombu.Consumer` por el que recibe ese trabajador (`worker` es su nombre): `kombu.Consumer(channel, queues=[…], …)`. No le pongas `callbacks`. Se llama para todos antes de
#   publicar nada;
# - `handle(message, work, producer)` se llama cuando el trabajador llega a ese mensaje. `work(message.payload)` hace el trabajo, o lanza `JobFailed` si esta vez ha fallado. Con `message` puedes usar `ack()`,
#   `reject(requeue=…)`, `requeue()`, `payload` y `headers`; y con `producer`, `publish(…)` a cualquier cola, también con `headers={…}`.
#
# Lo que se exige:
#
# 1. Cada trabajo lo hace **un** trabajador, no todos.
# 2. Los hay rápidos y lentos. Ningún trabajo espera en manos de un trabajador ocupado mientras otro está libre.
# 3. Un trabajo que falla se vuelve a intentar, hasta **tres intentos en total**, los haga quien los haga: uno tras otro en el mismo `handle` o devolviéndolo a la cola. Si el tercero también falla, su contenido se envía a `DEAD`, la cola de mensajes fallidos
#   (`exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD]`), y no se intenta más. Los demás trabajos siguen su curso.
# 4. Un trabajador puede morir en cualquier instante. Lo que tenía sin acuse de recibo vuelve a la cola: un trabajo puede llegar a hacerse dos veces, pero ninguno se pierde, tampoco el fallido. Solo entonces, cuando alguien muere, se admiten más de tres intentos y dos copias en `DEAD`.
#
# Ocurre en un reloj simulado: `work` no tarda nada de verdad. Se cuentan intentos, trabajos hechos, esperas y lo que queda en cada cola, y se mata a un trabajador antes y después de cada operación.
# %% [markdown] lang="en" row="12"
# ## 4. One job, one worker (6 points)
#
# Invoices must be made, and each is a job: `{"id": "j7", "ride": "r12"}`. Several workers make them, each in its own process; all they share is the broker, which speaks AMQP as RabbitMQ does (here, kombu in
# memory). Write three functions:
#
# - `publish_job(producer, job)` puts a job on the queue, with `producer.publish(job, exchange=…, routing_key=…, declare=[…])`;
# - `take(channel, worker)` returns the `kombu.Consumer` by which that worker receives (`worker` is its name): `kombu.Consumer(channel, queues=[…], …)`. Give it no `callbacks`. It is called for all of them before
#   anything is published;
# - `handle(message, work, producer)` is called when the worker gets to that message. `work(message.payload)` does the job, or raises `JobFailed` if it could not be done this time. With `message` you may use `ack()`,
#   `reject(requeue=…)`, `requeue()`, `payload` and `headers`; and with `producer`, `publish(…)` to any queue, also with `headers={…}`.
#
# What is required:
#
# 1. Each job is done by **one** worker, not by all.
# 2. Some are fast and some slow. No job waits in the hands of a busy worker while another is free.
# 3. A job that fails is tried again, up to **three tries in total**, whoever makes them: one after another in the same `handle`, or by giving it back to the queue. If the third one fails too, its content is sent to `DEAD`, the dead-letter queue
#   (`exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD]`), and is not tried any more. The other jobs carry on as usual.
# 4. A worker may die at any moment. What it held without an acknowledgement goes back to the queue: a job may come to be done twice, but none is lost, not even the one that fails. Only then, when somebody dies, are more than three tries and two copies in `DEAD` accepted.
#
# It happens on a simulated clock: `work` takes no real time. Tries, jobs done, waits and what is left in each queue are counted, and a worker is killed before and after each operation.

# %% answer="publish_job"
def publish_job(producer, job):
    ### BEGIN SOLUTION
    queue = _invoices()
    producer.publish(job, exchange=queue.exchange, routing_key=queue.routing_key, declare=[queue])
    ### END SOLUTION


def take(channel, worker):
    ### BEGIN SOLUTION
    return kombu.Consumer(channel, queues=[_invoices()], prefetch_count=1)
    ### END SOLUTION


def handle(message, work, producer):
    ### BEGIN SOLUTION
    for _ in range(3):
        try:
            work(message.payload)
            break
        except JobFailed:
            continue
    else:
        producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])
    # es: el acuse de recibo, lo último: hasta aquí el broker puede dárselo a otro
    # en: the acknowledgement comes last: until here the broker can give it to somebody else
    message.ack()


def _invoices():
    # es: una cola que comparten todos los trabajadores
    # en: one queue that all the workers share
    return kombu.Queue("invoices", kombu.Exchange("invoices", type="direct"), routing_key="invoices")
    ### END SOLUTION

# %% test="publish_job/once" points=1 row="12" objective="2.8"
import pickle as _t_pickle

from mlprod import checks
from mlprod.systems import crashes as _t_crashes, pickling as _t_pickling, shift as _t_shift


def _t_one_shift(jobs, seconds, **options):
    """A shift in which the office and each worker have a copy of their own of the program, as processes do."""
    try:
        program = _t_pickling.dumps((publish_job, take, handle))
    except Exception as error:
        raise AssertionError(
            tr(
                es=f"Tus funciones usan algo del notebook que otro proceso no puede tener ({error}), como una conexión ya abierta. Crea dentro de ellas lo que necesiten, o tómalo de sus argumentos.",
                en=f"Your functions use something of the notebook that another process cannot have ({error}), such as an open connection. Create inside them what they need, or take it from their arguments.",
            )
        ) from None
    try:
        return _t_shift.run(lambda: _t_pickle.loads(program), [{"id": job, "ride": f"r{job[1:]}"} for job in jobs], seconds, **options)
    except TypeError as error:
        if str(error).startswith("take:"):
            raise AssertionError(tr(es=f"take devuelve un kombu.Consumer; ha devuelto {error}.", en=f"take returns a kombu.Consumer; it returned {error}.")) from None
        raise
    except kombu.exceptions.MessageStateError:
        raise AssertionError(tr(es="Das dos veces el acuse de recibo (o ack y reject) de un mismo mensaje: solo se puede una.", en="You acknowledge (or ack and reject) one message twice: it can be done only once.")) from None
    except _t_crashes.Endless as endless:
        raise AssertionError(tr(es=f"Esto no acaba nunca: {endless} Se piden tres.", en=f"This never ends: {endless} Three are asked for.")) from None


def _t_check_all_done(seen, jobs, about):
    undone = [job for job in jobs if not seen.done[job]]
    assert seen.tries or not jobs, about + tr(
        es=f" No ha llegado ningún trabajo a handle: nadie ha hecho {undone}. ¿Lleva la routing_key con la que publicas a la cola que lee take?",
        en=f" No job has reached handle: nobody has done {undone}. Does the routing_key you publish with lead to the queue that take reads?",
    )
    assert not undone, about + tr(es=f" Hay trabajos que nadie ha hecho: {undone}.", en=f" There are jobs that nobody has done: {undone}.")
    assert not seen.left, about + tr(es=f" Al acabar quedan sin acuse de recibo, o en colas que nadie lee: {seen.left[:5]}.", en=f" In the end these are left without an acknowledgement, or in queues that nobody reads: {seen.left[:5]}.")


_t_jobs = [f"j{number}" for number in range(8)]
_t_seen = _t_one_shift(_t_jobs, {"ana": 1, "luis": 1})
_t_check_all_done(_t_seen, _t_jobs, tr(es="Ocho trabajos, dos trabajadores.", en="Eight jobs, two workers."))
_t_most = max(_t_seen.done.values())
assert _t_most == 1, tr(
    es=f"Dos trabajadores, y hay trabajos que se han hecho {_t_most} veces: les llega a todos, en vez de a uno solo.",
    en=f"Two workers, and there are jobs that were done {_t_most} times: they reach all of them instead of a single one.",
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_workers in (1, 3, 5):
    _t_seen = _t_one_shift(_t_jobs, {f"w{number}": 1 for number in range(_t_workers)})
    _t_check_all_done(_t_seen, _t_jobs, tr(es=f"Ocho trabajos, {_t_workers} trabajadores.", en=f"Eight jobs, {_t_workers} workers."))
    checks.same(dict(_t_seen.done), dict.fromkeys(_t_jobs, 1), tr(es=f"Veces que se ha hecho cada trabajo con {_t_workers} trabajadores.", en=f"Times each job was done with {_t_workers} workers."))
    checks.same(_t_seen.dead, [], tr(es="Nadie ha fallado: no hay mensajes fallidos.", en="Nobody has failed: there are no dead letters."))
_t_seen = _t_one_shift([], {"ana": 1})
checks.same(dict(_t_seen.tries), {}, tr(es="Sin trabajos no se hace nada.", en="Without jobs nothing is done."))
### END HIDDEN TESTS

# %% test="publish_job/slow" points=1 row="12" objective="2.8"
_t_seen = _t_one_shift(_t_jobs, {"ana": 1, "luis": 1, "eva": 30})
if _t_seen.waited:
    _t_case = _t_seen.waited[0]
    raise AssertionError(
        tr(
            es=f"ana y luis tardan 1 s por trabajo y eva 30. En el segundo {_t_case.second:g}, {_t_case.job} espera en manos de {_t_case.holder}, ocupada, y {_t_case.idle} no tiene nada que hacer. "
            f"Los ocho trabajos acaban en el segundo {_t_seen.seconds:g}. ¿Cuántos mensajes puede tener un trabajador a la vez?",
            en=f"ana and luis take 1 s a job and eva 30. At second {_t_case.second:g}, {_t_case.job} waits in the hands of {_t_case.holder}, who is busy, and {_t_case.idle} has nothing to do. "
            f"The eight jobs end at second {_t_seen.seconds:g}. How many messages may a worker have at once?",
        )
    )
checks.passed()
### BEGIN HIDDEN TESTS
for _t_pace in ({"ana": 1, "luis": 40}, {"ana": 3, "luis": 2, "eva": 17, "juan": 1}):
    _t_many = [f"j{number}" for number in range(40)]
    _t_seen = _t_one_shift(_t_many, _t_pace)
    assert not _t_seen.waited, tr(
        es=f"Segundos por trabajo: {_t_pace}. {len(_t_seen.waited)} trabajos esperaron a un trabajador ocupado con otro libre; por ejemplo, {tuple(_t_seen.waited[0])}.",
        en=f"Seconds a job: {_t_pace}. {len(_t_seen.waited)} jobs waited for a busy worker while another was free; for example, {tuple(_t_seen.waited[0])}.",
    )
    _t_check_all_done(_t_seen, _t_many, tr(es=f"Segundos por trabajo: {_t_pace}.", en=f"Seconds a job: {_t_pace}."))
### END HIDDEN TESTS

# %% test="publish_job/poison" points=2 row="12" objective="2.8"
_t_seen = _t_one_shift(_t_jobs, {"ana": 1, "luis": 2}, failures={"j3": math.inf})
assert not _t_seen.fallen, tr(
    es=f"j3 no se puede hacer, y el fallo ha tumbado a {sorted(_t_seen.fallen)}: quien no lo atrapa muere, y el mensaje vuelve a la cola a por el siguiente.",
    en=f"j3 cannot be done, and the failure has brought down {sorted(_t_seen.fallen)}: whoever does not catch it dies, and the message goes back to the queue for the next one.",
)
_t_check_all_done(_t_seen, [job for job in _t_jobs if job != "j3"], tr(es="j3 no se puede hacer; los demás, sí.", en="j3 cannot be done; the others can."))
checks.same(_t_seen.tries["j3"], 3, tr(es="Intentos de j3, entre todos los trabajadores.", en="Tries of j3, by all the workers together."))
checks.same(_t_seen.dead, [{"id": "j3", "ride": "r3"}], tr(es="Contenido de la cola de mensajes fallidos.", en="Content of the dead-letter queue."))
_t_seen = _t_one_shift(_t_jobs, {"ana": 1, "luis": 2, "eva": 5}, failures={"j4": math.inf, "j7": math.inf})
checks.same([_t_seen.tries["j4"], _t_seen.tries["j7"]], [3, 3], tr(es="Con tres trabajadores, j4 y j7 no se pueden hacer. Intentos de cada uno, entre todos los trabajadores.", en="With three workers, j4 and j7 cannot be done. Tries of each, by all the workers together."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_seen = _t_one_shift(_t_jobs, {"ana": 1, "luis": 2, "eva": 5}, failures={"j0": 1, "j1": 2, "j4": math.inf, "j7": math.inf})
_t_check_all_done(_t_seen, ["j0", "j1", "j2", "j3", "j5", "j6"], tr(es="j0 falla una vez y j1 dos, y luego salen bien.", en="j0 fails once and j1 twice, and then they come out right."))
checks.same(
    {job: _t_seen.tries[job] for job in ("j0", "j1", "j2", "j4", "j7")}, {"j0": 2, "j1": 3, "j2": 1, "j4": 3, "j7": 3},
    tr(es="Intentos de cada uno: j0 falla una vez, j1 dos, j4 y j7 siempre.", en="Tries of each: j0 fails once, j1 twice, j4 and j7 always."),
)
checks.same(sorted(job["id"] for job in checks.plain(_t_seen.dead)), ["j4", "j7"], tr(es="Mensajes fallidos: solo los que han fallado tres veces, y una vez cada uno.", en="Dead letters: only those that failed three times, and once each."))
_t_seen = _t_one_shift(["j1", "j2"], {"ana": 1}, failures={"j1": math.inf})
_t_check_all_done(_t_seen, ["j2"], tr(es="Un solo trabajador; j1 no se puede hacer.", en="A single worker; j1 cannot be done."))
checks.same([_t_seen.tries["j1"], len(_t_seen.dead)], [3, 1], tr(es="Un solo trabajador: intentos de j1 y mensajes fallidos.", en="A single worker: tries of j1 and dead letters."))
### END HIDDEN TESTS

# %% test="publish_job/crash" points=2 row="12" objective="2.8"
_t_five = _t_jobs[:5]
_t_one_fails = {"j2": math.inf}
_t_steps = _t_one_shift(_t_five, {"ana": 1, "luis": 1}, failures=_t_one_fails).steps
_t_check_all_done(
    _t_one_shift(_t_five, {"ana": 1, "luis": 1}, crash_at=_t_steps.index("work j0") + 1), _t_five,
    tr(es="Un trabajador muere nada más empezar su primer trabajo, j0.", en="A worker dies just as its first job, j0, begins."),
)
for _t_step in [number for number, name in enumerate(_t_steps, 1) if name == "publish"]:
    _t_seen = _t_one_shift(_t_five, {"ana": 1, "luis": 1}, failures=_t_one_fails, crash_at=_t_step)
    assert "j2" in [job["id"] for job in checks.plain(_t_seen.dead)], tr(
        es="j2 no se puede hacer. Un trabajador muere justo antes de publicarlo (otra vez, o entre los fallidos), y no vuelve a saberse de él: ha desaparecido.",
        en="j2 cannot be done. A worker dies just before publishing it (again, or as a dead letter), and it is never heard of again: it has vanished.",
    )
checks.passed()
### BEGIN HIDDEN TESTS
_t_calm = _t_one_shift(_t_five, {"ana": 1, "luis": 2}, failures={"j2": math.inf})
assert not _t_calm.fallen, tr(es=f"Un JobFailed ha tumbado a {sorted(_t_calm.fallen)}.", en=f"A JobFailed has brought down {sorted(_t_calm.fallen)}.")
for _t_step in range(1, len(_t_calm.steps) + 1):
    _t_seen = _t_one_shift(_t_five, {"ana": 1, "luis": 2}, failures={"j2": math.inf}, crash_at=_t_step)
    _t_about = tr(es=f"Un trabajador muere en un mal momento ({_t_seen.fallen}).", en=f"A worker dies at a bad moment ({_t_seen.fallen}).")
    _t_check_all_done(_t_seen, ["j0", "j1", "j3", "j4"], _t_about)
    assert "j2" in [job["id"] for job in checks.plain(_t_seen.dead)], _t_about + tr(
        es=" j2 no se ha podido hacer y tampoco está en la cola de mensajes fallidos: ha desaparecido.", en=" j2 could not be done and is not in the dead-letter queue either: it has vanished."
    )
    _t_again = sum(_t_seen.done.values()) - 4
    assert _t_again <= 1, _t_about + tr(es=f" Solo podía repetirse el trabajo que tenía entre manos, y se han repetido {_t_again}.", en=f" Only the job it had in hand could be repeated, and {_t_again} were.")
### END HIDDEN TESTS

# %% wrong="publish_job" score=3 says_es="nadie ha hecho" says_en="nobody has done"
# es: El acuse de recibo confirma que el mensaje ha llegado: se da al recibirlo.
# en: The acknowledgement says that the message has arrived: it is given on receiving it.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")


def publish_job(producer, job):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=1, no_ack=True)


def handle(message, work, producer):
    for _ in range(3):
        try:
            return work(message.payload)
        except JobFailed:
            pass
    producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])

# %% wrong="publish_job" score=4 says_es="nadie ha hecho" says_en="nobody has done"
# es: Se confirma antes de empezar, para que nadie más lo coja.
# en: One acknowledges before starting, so that nobody else takes it.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")


def publish_job(producer, job):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=1)


def handle(message, work, producer):
    message.ack()
    for _ in range(3):
        try:
            return work(message.payload)
        except JobFailed:
            pass
    producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])

# %% wrong="publish_job" score=2 says_es="no acaba nunca" says_en="never ends"
# es: Lo que falla se devuelve a la cola hasta que salga.
# en: What fails goes back to the queue until it comes out right.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")


def publish_job(producer, job):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=1)


def handle(message, work, producer):
    try:
        work(message.payload)
        message.ack()
    except JobFailed:
        message.requeue()

# %% wrong="publish_job" score=5 says_es="a la vez" says_en="at once"
# es: prefetch solo importa para la memoria: con 100 se ahorran viajes.
# en: prefetch only matters for memory: with 100 there are fewer round trips.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")


def publish_job(producer, job):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=100)


def handle(message, work, producer):
    for _ in range(3):
        try:
            work(message.payload)
            return message.ack()
        except JobFailed:
            pass
    producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])
    message.ack()

# %% wrong="publish_job" score=1 says_es="a todos" says_en="reach all"
# es: Un exchange fanout reparte los trabajos entre los trabajadores.
# en: A fanout exchange deals the jobs out among the workers.
NEWS = kombu.Exchange("news", type="fanout")


def publish_job(producer, job):
    producer.publish(job, exchange=NEWS, declare=[NEWS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[kombu.Queue(f"jobs-{worker}", NEWS)], prefetch_count=1)


def handle(message, work, producer):
    for _ in range(3):
        try:
            work(message.payload)
            return message.ack()
        except JobFailed:
            pass
    producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])
    message.ack()

# %% wrong="publish_job" score=4 says_es="desaparecido" says_en="vanished"
# es: Da igual el orden: primero se confirma el mensaje y después se aparta el fallido.
# en: The order makes no difference: first acknowledge the message, then put the failed one aside.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")


def publish_job(producer, job):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=1)


def handle(message, work, producer):
    failures = 0
    while failures < 3:
        try:
            work(message.payload)
            break
        except JobFailed:
            failures += 1
    message.ack()
    if failures == 3:
        producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])

# %% wrong="publish_job" score=4 says_es="desaparecido" says_en="vanished"
# es: Para reintentar se confirma el mensaje y se publica otro igual, con un intento más.
# en: To try again, one acknowledges the message and publishes another like it, with one try more.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")


def publish_job(producer, job, tries=0):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", headers={"tries": tries}, declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=1)


def handle(message, work, producer):
    tries = message.headers["tries"] + 1
    try:
        work(message.payload)
        message.ack()
    except JobFailed:
        message.ack()
        if tries < 3:
            publish_job(producer, message.payload, tries)
        else:
            producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])

# %% wrong="publish_job" score=2 says_es="ha tumbado" says_en="brought down"
# es: Si un trabajo falla, la excepción ya hará que se reintente.
# en: If a job fails, the exception will see to it that it is tried again.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")


def publish_job(producer, job):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=1)


def handle(message, work, producer):
    work(message.payload)
    message.ack()

# %% wrong="publish_job" score=4 says_es="Intentos de cada uno" says_en="Tries of each"
# es: Cada trabajador cuenta en su memoria los intentos, y con eso basta.
# en: Each worker counts the tries in its own memory, and that is enough.
JOBS = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")
TRIES = {}


def publish_job(producer, job):
    producer.publish(job, exchange=JOBS.exchange, routing_key="jobs", declare=[JOBS])


def take(channel, worker):
    return kombu.Consumer(channel, queues=[JOBS], prefetch_count=1)


def handle(message, work, producer):
    job = message.payload
    try:
        work(job)
    except JobFailed:
        TRIES[job["id"]] = TRIES.get(job["id"], 0) + 1
        if TRIES[job["id"]] < 3:
            return message.requeue()
        producer.publish(job, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])
    message.ack()

# %% right="publish_job"
# es: el exchange por defecto, y los intentos en una cabecera: los reintentos van al final de la cola
# en: the default exchange, and the tries in a header: retries go to the end of the queue
def publish_job(producer, job, tries=0):
    producer.publish(job, routing_key="jobs", headers={"tries": tries}, declare=[kombu.Queue("jobs")], serializer="json")


def take(channel, worker):
    consumer = kombu.Consumer(channel, [kombu.Queue("jobs")], auto_declare=True)
    consumer.qos(prefetch_size=0, prefetch_count=1, apply_global=False)
    return consumer


def handle(message, work, producer):
    tries = message.headers["tries"] + 1
    try:
        work(message.payload)
    except JobFailed:
        if tries < 3:
            publish_job(producer, message.payload, tries)
        else:
            DEAD(producer.channel).declare()
            producer.publish(message.payload, exchange="dead", routing_key="dead")
        message.reject(requeue=False)
    else:
        message.ack()

# %% right="publish_job"
# es: un topic exchange con un solo enlace, y la recursión en vez del bucle
# en: a topic exchange with a single binding, and recursion instead of a loop
WORK = kombu.Queue("work", kombu.Exchange("billing", type="topic"), routing_key="invoice.#", durable=False)


def publish_job(producer, job):
    bound = WORK(producer.channel)
    bound.declare()
    producer.publish(job, exchange="billing", routing_key="invoice.new")


def take(channel, worker):
    consumer = kombu.Consumer(channel, WORK, tag_prefix=worker, prefetch_count=1)
    consumer.consume()
    return consumer


def handle(message, work, producer, left=3):
    if left == 0:
        producer.publish(message.decode(), exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])
        return message.ack()
    try:
        work(message.decode())
    except JobFailed:
        return handle(message, work, producer, left - 1)
    message.ack()

# %% [markdown] lang="es" row="11 12"
# ## 5. Un registro en miniatura (5 puntos)
#
# Por dentro, una partición es un registro: mensajes que se añaden por un extremo, con offsets consecutivos, y grupos, cada uno con su propia posición. Completa `MiniLog`:
#
# - `append(value)` añade un mensaje y devuelve su offset: 0, 1, 2… Un offset no se reutiliza **nunca**;
# - `read(offset, limit)` devuelve como mucho `limit` mensajes, en una lista de pares `(offset, value)`, del offset pedido en adelante. Si los primeros ya no están, empieza por el más antiguo que quede. No cambia nada. `offset` y `limit` nunca son negativos;
# - `fetch(group, limit)` es lo mismo desde el offset confirmado de ese grupo; un grupo que no ha confirmado nada empieza por el más antiguo que haya. **No avanza**: pedir dos veces da lo mismo;
# - `commit(group, offset)` dice que lo siguiente que quiere el grupo es `offset`. Puede ser menor que el de antes (volver atrás), y también el de un mensaje ya borrado: el grupo sigue entonces por el más antiguo que quede. Si es negativo o pasa del próximo offset que se vaya a usar, lanza `ValueError` y no
#   cambia nada;
# - `lag(group)` es cuántos de los mensajes que quedan guardados no ha confirmado todavía el grupo;
# - `retain(count)` borra los más antiguos, de modo que queden como mucho `count` (0 o más). Los demás conservan su offset.
#
# Por ejemplo, tras `append("a")`, `append("b")` y `retain(1)`, `read(0, 10)` da `[(1, "b")]` y `append("c")` da `2`.
#
# Se comprueba con miles de secuencias de operaciones al azar contra un modelo; si una falla, se te enseña la más corta que lo demuestra.
# %% [markdown] lang="en" row="11 12"
# ## 5. A log in miniature (5 points)
#
# Inside, a partition is a log: messages that are added at one end, with consecutive offsets, and groups, each with its own position. Complete `MiniLog`:
#
# - `append(value)` adds a message and returns its offset: 0, 1, 2… An offset is **never** used again;
# - `read(offset, limit)` returns at most `limit` messages, in a list of pairs `(offset, value)`, from the offset asked for onwards. If the first ones are no longer there, it begins with the oldest that is left. It changes nothing. `offset` and `limit` are never negative;
# - `fetch(group, limit)` is the same from the committed offset of that group; a group that has committed nothing begins with the oldest there is. It does **not** advance: asking twice gives the same;
# - `commit(group, offset)` says that the next one the group wants is `offset`. It may be less than before (going back), and also that of a deleted message: the group then goes on with the oldest that is left. If it is negative, or beyond the next offset to be used, it raises `ValueError` and
#   changes nothing;
# - `lag(group)` is how many of the stored messages the group has not yet committed;
# - `retain(count)` deletes the oldest, so that at most `count` (0 or more) are left. The others keep their offset.
#
# For example, after `append("a")`, `append("b")` and `retain(1)`, `read(0, 10)` gives `[(1, "b")]` and `append("c")` gives `2`.
#
# The tests run thousands of random sequences of operations against a model; if one fails, you are shown the shortest that proves it.

# %% answer="mini_log"
class MiniLog:
    def __init__(self):
        ### BEGIN SOLUTION
        self.messages = []
        self.start = 0
        self.committed = {}
        ### END SOLUTION

    def append(self, value):
        ### BEGIN SOLUTION
        self.messages.append(value)
        return self.start + len(self.messages) - 1
        ### END SOLUTION

    def read(self, offset, limit):
        ### BEGIN SOLUTION
        first = max(offset, self.start)
        return list(enumerate(self.messages[first - self.start :][:limit], first))
        ### END SOLUTION

    def fetch(self, group, limit):
        ### BEGIN SOLUTION
        return self.read(self.committed.get(group, 0), limit)
        ### END SOLUTION

    def commit(self, group, offset):
        ### BEGIN SOLUTION
        if not 0 <= offset <= self.start + len(self.messages):
            raise ValueError(offset)
        self.committed[group] = offset
        ### END SOLUTION

    def lag(self, group):
        ### BEGIN SOLUTION
        return self.start + len(self.messages) - max(self.start, self.committed.get(group, 0))
        ### END SOLUTION

    def retain(self, count):
        ### BEGIN SOLUTION
        excess = max(0, len(self.messages) - count)
        del self.messages[:excess]
        self.start += excess
        ### END SOLUTION

# %% test="mini_log/read" points=1 row="11" objective="2.6"
import random as _t_random

from mlprod import checks


### BEGIN HIDDEN TESTS
class _t_Model:
    """What MiniLog must do, written in another way: everything is kept, and some of it is hidden."""

    def __init__(self):
        self.all, self.oldest, self.next_of = [], 0, {}

    def append(self, value):
        self.all.append(value)
        return len(self.all) - 1

    def read(self, offset, limit):
        return [(number, value) for number, value in enumerate(self.all) if number >= max(offset, self.oldest)][:limit]

    def fetch(self, group, limit):
        return self.read(self.next_of.get(group, self.oldest), limit)

    def commit(self, group, offset):
        if offset < 0 or offset > len(self.all):
            raise ValueError(offset)
        self.next_of[group] = offset

    def lag(self, group):
        return len(self.fetch(group, len(self.all)))

    def retain(self, count):
        self.oldest = max(self.oldest, len(self.all) - count)


def _t_disagreement(operations):
    """The first operation that does not do what the model does: (number of it, expected, got); None if all do."""
    log, model = MiniLog(), _t_Model()
    for number, operation in enumerate(operations):
        want, got = _t_did(model, operation), _t_did(log, operation)
        if got != want or type(got) is not type(want):
            return number, want, got
    return None


def _t_check_sequence(operations):
    """Compare with the model; on failure, drop operations as long as it goes on failing, and show what is left."""
    if (found := _t_disagreement(operations)) is None:
        return
    operations, at = list(operations[: found[0] + 1]), 0
    while at < len(operations) - 1:
        shorter = operations[:at] + operations[at + 1 :]
        again = _t_disagreement(shorter)
        if again is not None and again[0] == len(shorter) - 1:
            operations, found = shorter, again
        else:
            at += 1
    _t_differs(operations, found[1], found[2])


def _t_at_random(names, seed, length=40, groups=("prices", "fraud", "billing")):
    chance, count, operations = _t_random.Random(seed), 0, []
    for _ in range(length):
        name = chance.choice(names)
        if name == "append":
            operations.append((name, f"m{count}"))
            count += 1
        elif name == "read":
            operations.append((name, chance.randrange(count + 2), chance.choice([0, 1, 2, 5, 100])))
        elif name == "fetch":
            operations.append((name, chance.choice(groups), chance.choice([0, 1, 2, 5, 100])))
        elif name == "commit":
            operations.append((name, chance.choice(groups), chance.randrange(-1, count + 3)))
        elif name == "lag":
            operations.append((name, chance.choice(groups)))
        else:
            operations.append((name, chance.choice([0, 1, 2, 5, 20])))
    return operations
### END HIDDEN TESTS


def _t_did(log, operation):
    name, *arguments = operation
    try:
        result = getattr(log, name)(*arguments)
        result = None if name in ("commit", "retain") else checks.plain(result)
        return [tuple(pair) if isinstance(pair, list) else pair for pair in result] if isinstance(result, list) else result
    except NotImplementedError:
        raise
    except ValueError:
        return "ValueError"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _t_differs(operations, want, got):
    calls = "; ".join(f"{name}({', '.join(map(repr, arguments))})" for name, *arguments in operations)
    raise AssertionError(
        tr(
            es=f"Con un MiniLog nuevo: {calls}\n  la última llamada debería dar: {want!r}\n  y da: {got!r}",
            en=f"With a new MiniLog: {calls}\n  the last call should give: {want!r}\n  and it gives: {got!r}",
        )
    )


def _t_check_example(*steps):
    """Each step: (call, what it must give)."""
    log, calls = MiniLog(), []
    with checks.ends(tr(es="Un MiniLog no termina: hay un bucle sin fin en alguno de sus métodos.", en="A MiniLog does not end: one of its methods loops for ever.")):
        for call, want in steps:
            calls.append(call)
            got = _t_did(log, call)
            if got != want or type(got) is not type(want):
                _t_differs(calls, want, got)


_t_check_example(
    (("append", "a"), 0), (("append", "b"), 1), (("read", 0, 10), [(0, "a"), (1, "b")]), (("read", 1, 10), [(1, "b")]), (("read", 0, 1), [(0, "a")]),
    (("read", 2, 10), []), (("read", 0, 10), [(0, "a"), (1, "b")]), (("append", "c"), 2),
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(300):
    _t_check_sequence(_t_at_random(["append", "append", "read"], _t_seed))
_t_check_sequence([("append", None), ("append", 0), ("append", "x"), ("append", "x"), ("read", 0, 10)])
_t_one, _t_other = MiniLog(), MiniLog()
_t_one.append("a")
checks.same(_t_other.read(0, 10), [], tr(es="Dos MiniLog no comparten mensajes.", en="Two MiniLogs share no messages."))
_t_list = _t_one.read(0, 10)
try:
    _t_list.clear()
except AttributeError:
    pass
checks.same(_t_one.read(0, 10), [(0, "a")], tr(es="Quien recibe la lista la vacía: en el registro no cambia nada.", en="Whoever gets the list empties it: nothing changes in the log."))
### END HIDDEN TESTS

# %% test="mini_log/groups" points=2 row="12" objective="2.3"
_t_check_example(
    (("append", "a"), 0), (("fetch", "prices", 5), [(0, "a")]), (("fetch", "prices", 5), [(0, "a")]), (("commit", "prices", 1), None), (("fetch", "prices", 5), []),
    (("commit", "prices", 0), None), (("fetch", "prices", 5), [(0, "a")]),
)
_t_check_example(
    (("append", "a"), 0), (("append", "b"), 1), (("fetch", "prices", 1), [(0, "a")]), (("commit", "prices", 1), None), (("fetch", "prices", 5), [(1, "b")]),
    (("fetch", "fraud", 5), [(0, "a"), (1, "b")]), (("lag", "prices"), 1), (("lag", "fraud"), 2),
)
_t_check_example((("append", "a"), 0), (("commit", "prices", 1), None), (("commit", "prices", 2), "ValueError"), (("commit", "prices", -1), "ValueError"), (("fetch", "prices", 5), []))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(400):
    _t_check_sequence(_t_at_random(["append", "append", "fetch", "commit", "lag", "read"], _t_seed))
### END HIDDEN TESTS

# %% test="mini_log/retention" points=2 row="11" objective="2.6"
_t_check_example(
    (("append", "a"), 0), (("append", "b"), 1), (("retain", 1), None), (("read", 0, 10), [(1, "b")]), (("append", "c"), 2), (("read", 2, 10), [(2, "c")]),
)
_t_check_example((("append", "a"), 0), (("append", "b"), 1), (("retain", 1), None), (("lag", "prices"), 1), (("fetch", "prices", 5), [(1, "b")]))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(400):
    _t_check_sequence(_t_at_random(["append", "append", "append", "read", "retain"], _t_seed))
for _t_seed in range(400):
    _t_check_sequence(_t_at_random(["append", "append", "append", "read", "fetch", "commit", "lag", "retain"], _t_seed, groups=("prices",)))
_t_check_sequence([("append", "a"), ("retain", 0), ("read", 0, 10), ("append", "b"), ("read", 0, 10), ("lag", "new")])
_t_check_sequence([("append", "a"), ("append", "b"), ("commit", "prices", 0), ("retain", 1), ("lag", "prices"), ("fetch", "prices", 5), ("commit", "prices", 0), ("lag", "prices")])
### END HIDDEN TESTS

# %% wrong="mini_log" score=0 says_es="da: []" says_en="gives: []"
# es: Leer un mensaje lo saca del registro.
# en: Reading a message takes it out of the log.
class MiniLog:
    def __init__(self):
        self.messages, self.next, self.committed = {}, 0, {}

    def append(self, value):
        self.messages[self.next] = value
        self.next += 1
        return self.next - 1

    def read(self, offset, limit):
        found = [(number, value) for number, value in sorted(self.messages.items()) if number >= offset][:limit]
        for number, _ in found:
            del self.messages[number]
        return found

    def fetch(self, group, limit):
        return self.read(self.committed.get(group, 0), limit)

    def commit(self, group, offset):
        if not 0 <= offset <= self.next:
            raise ValueError
        self.committed[group] = offset

    def lag(self, group):
        return sum(number >= self.committed.get(group, 0) for number in self.messages)

    def retain(self, count):
        for number in sorted(self.messages)[: max(0, len(self.messages) - count)]:
            del self.messages[number]

# %% wrong="mini_log" score=3 says_es="[(1, 'b')]" says_en="[(1, 'b')]"
# es: El offset es la posición en la lista, también después de borrar los primeros.
# en: The offset is the position in the list, also after the first ones are deleted.
class MiniLog:
    def __init__(self):
        self.messages, self.committed = [], {}

    def append(self, value):
        self.messages.append(value)
        return len(self.messages) - 1

    def read(self, offset, limit):
        return list(enumerate(self.messages))[offset:][:limit]

    def fetch(self, group, limit):
        return self.read(self.committed.get(group, 0), limit)

    def commit(self, group, offset):
        if not 0 <= offset <= len(self.messages):
            raise ValueError
        self.committed[group] = offset

    def lag(self, group):
        return len(self.messages) - self.committed.get(group, 0)

    def retain(self, count):
        self.messages = self.messages[max(0, len(self.messages) - count) :]

# %% wrong="mini_log" score=3 says_es="fetch('fraud'" says_en="fetch('fraud'"
# es: El registro lleva un solo cursor: lo que un grupo ha leído está leído para todos.
# en: The log keeps a single cursor: what one group has read has been read for all.
class MiniLog:
    def __init__(self):
        self.messages, self.next, self.cursor = {}, 0, 0

    def append(self, value):
        self.messages[self.next] = value
        self.next += 1
        return self.next - 1

    def read(self, offset, limit):
        return [(number, value) for number, value in sorted(self.messages.items()) if number >= offset][:limit]

    def fetch(self, group, limit):
        return self.read(self.cursor, limit)

    def commit(self, group, offset):
        if not 0 <= offset <= self.next:
            raise ValueError
        self.cursor = offset

    def lag(self, group):
        return sum(number >= self.cursor for number in self.messages)

    def retain(self, count):
        for number in sorted(self.messages)[: max(0, len(self.messages) - count)]:
            del self.messages[number]

# %% wrong="mini_log" score=3 says_es="append('c')" says_en="append('c')"
# es: El próximo offset es cuántos mensajes hay.
# en: The next offset is how many messages there are.
class MiniLog:
    def __init__(self):
        self.messages, self.committed = {}, {}

    def append(self, value):
        offset = len(self.messages)
        self.messages[offset] = value
        return offset

    def read(self, offset, limit):
        return [(number, value) for number, value in sorted(self.messages.items()) if number >= offset][:limit]

    def fetch(self, group, limit):
        return self.read(self.committed.get(group, 0), limit)

    def commit(self, group, offset):
        if not 0 <= offset <= len(self.messages):
            raise ValueError
        self.committed[group] = offset

    def lag(self, group):
        return sum(number >= self.committed.get(group, 0) for number in self.messages)

    def retain(self, count):
        for number in sorted(self.messages)[: max(0, len(self.messages) - count)]:
            del self.messages[number]

# %% wrong="mini_log" score=1 says_es="fetch('prices', 5); fetch('prices', 5)" says_en="fetch('prices', 5); fetch('prices', 5)"
# es: Entregar un mensaje a un grupo ya es confirmarlo.
# en: Handing a message to a group is committing it already.
class MiniLog:
    def __init__(self):
        self.messages, self.next, self.committed = {}, 0, {}

    def append(self, value):
        self.messages[self.next] = value
        self.next += 1
        return self.next - 1

    def read(self, offset, limit):
        return [(number, value) for number, value in sorted(self.messages.items()) if number >= offset][:limit]

    def fetch(self, group, limit):
        found = self.read(self.committed.get(group, 0), limit)
        if found:
            self.committed[group] = found[-1][0] + 1
        return found

    def commit(self, group, offset):
        if not 0 <= offset <= self.next:
            raise ValueError
        self.committed[group] = offset

    def lag(self, group):
        return sum(number >= self.committed.get(group, 0) for number in self.messages)

    def retain(self, count):
        for number in sorted(self.messages)[: max(0, len(self.messages) - count)]:
            del self.messages[number]

# %% right="mini_log"
class MiniLog:
    # es: un diccionario por offset y un contador que solo sube
    # en: a dict by offset and a counter that only goes up
    def __init__(self):
        self.values, self.next, self.wanted = {}, 0, {}

    def append(self, value):
        offset, self.next = self.next, self.next + 1
        self.values[offset] = value
        return offset

    def read(self, offset, limit):
        return tuple((number, self.values[number]) for number in sorted(self.values) if number >= offset)[:limit]

    def fetch(self, group, limit):
        return self.read(self.wanted.get(group, -1), limit)

    def commit(self, group, offset):
        if offset not in range(self.next + 1):
            raise ValueError("offset")
        self.wanted[group] = offset
        return self

    def lag(self, group):
        return len(self.fetch(group, self.next))

    def retain(self, count):
        while len(self.values) > count:
            del self.values[min(self.values)]

# %% right="mini_log"
class MiniLog:
    # es: una base de datos en memoria
    # en: a database in memory
    def __init__(self):
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute("CREATE TABLE log (offset INTEGER PRIMARY KEY AUTOINCREMENT, value)")
        self.db.execute("CREATE TABLE committed (name TEXT PRIMARY KEY, offset INTEGER)")

    def append(self, value):
        return self.db.execute("INSERT INTO log (value) VALUES (?)", (value,)).lastrowid - 1

    def read(self, offset, limit):
        return self.db.execute("SELECT offset - 1, value FROM log WHERE offset > ? ORDER BY offset LIMIT ?", (offset, limit)).fetchall()

    def _committed(self, group):
        return self.db.execute("SELECT coalesce(max(offset), 0) FROM committed WHERE name = ?", (group,)).fetchone()[0]

    def fetch(self, group, limit):
        return self.read(self._committed(group), limit)

    def commit(self, group, offset):
        row = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
        if offset < 0 or offset > (row[0] if row else 0):
            raise ValueError(offset)
        self.db.execute("INSERT OR REPLACE INTO committed VALUES (?, ?)", (group, offset))

    def lag(self, group):
        return self.db.execute("SELECT count(*) FROM log WHERE offset > ?", (self._committed(group),)).fetchone()[0]

    def retain(self, count):
        self.db.execute("DELETE FROM log WHERE offset NOT IN (SELECT offset FROM log ORDER BY offset DESC LIMIT ?)", (count,))

# %% [markdown] lang="es" row="12 13"
# ## 6. Elegir el transporte (6 puntos)
#
# Tres transportes, tal como los has medido:
#
# - `"service"`: una llamada REST o gRPC. Quien llama espera la respuesta; por el camino no se guarda nada, y las peticiones se reparten entre varios procesos, cada una por su lado;
# - `"queue"`: una cola de trabajo como la de la tarea 4, compartida por los trabajadores. Cada mensaje es para uno y, tras su acuse de recibo, ya no está;
# - `"log"`: un topic de Kafka con particiones y grupos, y una retención de semanas. Un grupo avanza por offsets.
#
# **a)** `suitable(needs)` recibe un conjunto de necesidades y devuelve el conjunto de transportes que **por sí solos** las cubren todas (vacío si ninguno puede; los tres si no se pide nada). Una necesidad cuenta como cubierta si la da el transporte
# tal cual, sin construir nada encima:
#
# | necesidad | qué significa |
# |---|---|
# | `"answer_now"` | quien envía no puede seguir sin el resultado, y lo quiere en milisegundos |
# | `"absorb_outage"` | quien procesa puede estar parado diez minutos sin que quien envía se pare ni se pierda nada |
# | `"replay"` | hay que poder volver a procesar lo de la semana pasada, que ya se procesó |
# | `"every_group"` | varios equipos, que no se conocen, reciben cada uno todos los mensajes de la misma publicación y los leen a su ritmo |
# | `"key_order"` | los mensajes de una misma clave se atienden en orden, con varios procesos trabajando a la vez |
# | `"any_free_worker"` | los trabajos, que duran de un segundo a veinte minutos, esperan guardados, y el siguiente es para cualquiera que esté libre; ninguno espera detrás de uno largo |
# | `"retry_alone"` | un mensaje que falla se reintenta él solo más tarde, sin parar ni repetir los de detrás |
#
# **b)** `choices()` devuelve un diccionario `{1: …, 2: …, …, 10: …}` con el transporte de cada caso: `"service"`, `"queue"`, `"log"`, o `"log+queue"` si hacen falta los dos, uno detrás de otro:
#
# | caso | descripción |
# |---|---|
# | 1 | La aplicación del viajero pide el precio; hasta que no llega, no puede pintar la pantalla. |
# | 2 | Cada viaje que se pide interesa a precios, a facturación y a fraude; mañana, quizá a un cuarto equipo. |
# | 3 | Cada noche, 2000 informes que tardan de 1 s a 20 min, y seis máquinas para hacerlos. |
# | 4 | Con cada modelo nuevo se vuelven a puntuar los viajes de los últimos siete días. |
# | 5 | Quinientos coches mandan su posición sin esperar respuesta, y cuatro procesos guardan la última de cada uno. Si se atiende una vieja después de una nueva, el coche salta hacia atrás. |
# | 6 | Una lista de SMS que enviar, uno por viaje terminado, entre varias máquinas. Si el operador rechaza un número, ese se reintenta en una hora; los demás no esperan. |
# | 7 | Un conductor acepta un viaje y necesita saber en el acto si todavía está libre. |
# | 8 | Dos veces al mes, una auditoría revisa con una herramienta nueva todos los cambios de precio de las últimas tres semanas. |
# | 9 | Transcribir llamadas al servicio de ayuda, de 10 s a 20 min cada una. Los lunes se alquilan 36 máquinas más, durante unas horas. |
# | 10 | Los viajes terminados se guardan treinta días para poder reprocesarlos, y de cada uno hay que hacer una factura: un trabajo que se reparte entre quien esté libre y que se reintenta por separado. |
#
# **c)** `catch_up_s(per_s, work_s, workers, outage_s, partitions=None)`: llegan `per_s` mensajes por segundo ($> 0$), cada uno cuesta `work_s` segundos a un trabajador, y los `workers` trabajadores han estado parados `outage_s`
# segundos ($> 0$) mientras seguían llegando mensajes. ¿Cuántos segundos después de volver se han puesto al día? `math.inf` si no lo consiguen nunca. Con `partitions` (un registro), solo trabajan a la vez tantos como particiones. Calcula con
# ritmos medios, como si los mensajes fueran un fluido.
#
# **d)** La diapositiva dice: *1240 companies reportedly use Kafka in their tech stacks, including Uber, Shopify, and Spotify*, y *1811 companies reportedly use RabbitMQ in their tech stacks, including Robinhood, reddit, and Stack*: tantas empresas dicen que
# usan Kafka (entre otras, Uber, Shopify y Spotify) y tantas que usan RabbitMQ (entre otras, Robinhood, reddit y Stack). El recuento es de StackShare, una web donde cada empresa que quiere declara qué usa, y es de cuando se hicieron las diapositivas (2021). La frase de Kafka no nombra a Robinhood, pero
# su logotipo está en la diapositiva debajo de las dos.
#
# `distinct_companies(a, b, seen_in_both)` devuelve un par, mínimo y máximo, de empresas **distintas** que declaran al menos una de dos herramientas, si `a` empresas declaran la primera, `b` la segunda y se sabe que por lo menos `seen_in_both` están en las
# dos. `supported()` devuelve el conjunto de letras de las afirmaciones que se siguen de esos datos:
#
# - A: en esa web, en aquel momento, por cada empresa que declaraba Kafka había más de 1.4 que declaraban RabbitMQ;
# - B: si se elige al azar una empresa cualquiera del mundo, es más probable que use RabbitMQ que Kafka;
# - C: como mucho 1239 de esas empresas declaran Kafka y no RabbitMQ;
# - D: de las empresas que declaran al menos una de las dos, menos de la mitad declaran Kafka;
# - E: declaran al menos una de las dos entre 1811 y 3050 empresas;
# - F: en las empresas de esas listas pasan más mensajes al día por RabbitMQ que por Kafka;
# - G: para un sistema nuevo que tiene que reprocesar lo ya leído, RabbitMQ es mejor elección;
# - H: desde entonces, Kafka le ha ido ganando terreno a RabbitMQ.
#
# En esta tarea las celdas visibles solo miran la forma de lo que devuelves y algún ejemplo: que pasen no quiere decir que hayas acertado.
# %% [markdown] lang="en" row="12 13"
# ## 6. Choosing the transport (6 points)
#
# Three transports, as you have measured them:
#
# - `"service"`: a REST or gRPC call. The caller waits for the answer; nothing is kept on the way, and requests are dealt out to several processes, each going its own way;
# - `"queue"`: a work queue like that of task 4, shared by the workers. Each message is for one and, after its acknowledgement, is no longer there;
# - `"log"`: a Kafka topic with partitions and groups, and a retention of weeks. A group moves by offsets.
#
# **a)** `suitable(needs)` gets a set of needs and returns the set of transports that cover all of them **by themselves** (empty if none can; all three if nothing is needed). A need counts as covered if the transport gives it
# as it is, with nothing built on top:
#
# | need | what it means |
# |---|---|
# | `"answer_now"` | the sender cannot go on without the result, and wants it within milliseconds |
# | `"absorb_outage"` | whoever processes may be down for ten minutes, and the sender neither stops nor is anything lost |
# | `"replay"` | it must be possible to process last week's messages again, which were processed already |
# | `"every_group"` | several teams, who do not know each other, each get all the messages of one publication and read them at their own pace |
# | `"key_order"` | messages of one key are handled in order, with several processes at work at once |
# | `"any_free_worker"` | jobs, which last from one second to twenty minutes, wait in store, and the next goes to whoever is free; none waits behind a long one |
# | `"retry_alone"` | a message that fails is tried again by itself later, without stopping or repeating those behind it |
#
# **b)** `choices()` returns a dict `{1: …, 2: …, …, 10: …}` with the transport of each case: `"service"`, `"queue"`, `"log"`, or `"log+queue"` if both are needed, one after the other:
#
# | case | description |
# |---|---|
# | 1 | The rider's app asks for the price; until it comes, it cannot draw the screen. |
# | 2 | Each ride that is requested matters to prices, to billing and to fraud; tomorrow, perhaps to a fourth team. |
# | 3 | Each night, 2000 reports that take from 1 s to 20 min, and six machines to make them. |
# | 4 | With each new model, the rides of the last seven days are scored again. |
# | 5 | Five hundred cars send their position and wait for no answer, and four processes keep the latest of each. If an old one is handled after a new one, the car jumps back. |
# | 6 | A list of SMS to be sent, one per finished ride, by several machines. If the operator rejects a number, that one is tried again in an hour; the others do not wait. |
# | 7 | A driver accepts a ride and needs to know on the spot whether it is still free. |
# | 8 | Twice a month, an audit goes with a new tool through all the price changes of the last three weeks. |
# | 9 | Transcribing calls to the help desk, from 10 s to 20 min each. On Mondays, 36 more machines are rented for a few hours. |
# | 10 | Finished rides are kept for thirty days so that they can be processed again, and each needs an invoice, a job shared out among whoever is free and tried again separately. |
#
# **c)** `catch_up_s(per_s, work_s, workers, outage_s, partitions=None)`: `per_s` messages arrive per second ($> 0$), each costs a worker `work_s` seconds, and the `workers` workers have been down for `outage_s`
# seconds ($> 0$) while messages went on arriving. How many seconds after they come back have they caught up? `math.inf` if they never do. With `partitions` (a log), only as many work at once as there are partitions. Use
# mean rates, as if the messages were a fluid.
#
# **d)** The slide says: *1240 companies reportedly use Kafka in their tech stacks, including Uber, Shopify, and Spotify*, and *1811 companies reportedly use RabbitMQ in their tech stacks, including Robinhood, reddit, and Stack*. The count
# is StackShare's, a site where each company that wishes declares what it uses, and dates from when the slides were made (2021). The sentence on Kafka does not name Robinhood,
# but its logo stands on the slide under both.
#
# `distinct_companies(a, b, seen_in_both)` returns a pair, minimum and maximum, of **distinct** companies that declare at least one of two tools, if `a` companies declare the first, `b` the second and at least `seen_in_both` are known to be in
# both. `supported()` returns the set of letters of the claims that follow from those data:
#
# - A: on that site, at that time, for each company that declared Kafka there were more than 1.4 that declared RabbitMQ;
# - B: if any company of the world is picked at random, it is more likely to use RabbitMQ than Kafka;
# - C: at most 1239 of those companies declare Kafka and not RabbitMQ;
# - D: of the companies that declare at least one of the two, fewer than half declare Kafka;
# - E: between 1811 and 3050 companies declare at least one of the two;
# - F: in the companies of those lists more messages a day pass through RabbitMQ than through Kafka;
# - G: for a new system that has to process again what was read already, RabbitMQ is the better choice;
# - H: since then, Kafka has been gaining ground on RabbitMQ.
#
# In this task the visible cells only look at the form of what you return and at an example or two: that they pass does not mean that you are right.

# %% answer="suitable"
def suitable(needs):
    ### BEGIN SOLUTION
    covers = {
        "service": {"answer_now"},
        "queue": {"absorb_outage", "any_free_worker", "retry_alone"},
        "log": {"absorb_outage", "replay", "every_group", "key_order"},
    }
    return {transport for transport, covered in covers.items() if set(needs) <= covered}
    ### END SOLUTION


def choices():
    ### BEGIN SOLUTION
    return {
        1: "service",
        2: "log",
        3: "queue",
        4: "log",
        5: "log",
        6: "queue",
        7: "service",
        8: "log",
        9: "queue",
        10: "log+queue",
    }
    ### END SOLUTION


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    ### BEGIN SOLUTION
    busy = workers if partitions is None else min(workers, partitions)
    # es: mientras se ponen al día siguen llegando mensajes
    # en: while they catch up, messages go on arriving
    spare_per_s = busy / work_s - per_s
    return per_s * outage_s / spare_per_s if spare_per_s > 0 else math.inf
    ### END SOLUTION


def distinct_companies(a, b, seen_in_both):
    ### BEGIN SOLUTION
    return max(a, b), a + b - seen_in_both
    ### END SOLUTION


def supported():
    ### BEGIN SOLUTION
    return {"A", "C", "E"}
    ### END SOLUTION

# %% test="suitable/rule" points=1 row="12" objective="2.8"
from mlprod import checks

checks.same(suitable({"answer_now"}), {"service"}, tr(es="Quien envía no puede seguir sin el resultado.", en="The sender cannot go on without the result."))
assert set(checks.plain(suitable({"answer_now", "replay"}))) == set(), tr(
    es="Ninguno de los tres contesta en milisegundos y además guarda lo ya procesado: el conjunto va vacío.", en="None of the three both answers within milliseconds and keeps what was processed: the set is empty."
)
checks.passed()
### BEGIN HIDDEN TESTS
import itertools as _t_itertools

_t_GIVES = {
    "answer_now": {"service"}, "absorb_outage": {"queue", "log"}, "replay": {"log"}, "every_group": {"log"}, "key_order": {"log"},
    "any_free_worker": {"queue"}, "retry_alone": {"queue"},
}
_t_got = {need: set(checks.plain(suitable({need}))) for need in _t_GIVES}
assert "queue" not in _t_got["replay"], tr(
    es="Has elegido una cola para algo que hay que volver a procesar: ¿qué queda en ella de un mensaje después de su acuse de recibo?",
    en="You chose a queue for something that must be processed again: what is left in it of a message after its acknowledgement?",
)
assert "log" in _t_got["absorb_outage"] and "queue" in _t_got["absorb_outage"], tr(
    es=f"Los mensajes esperan diez minutos a quien procesa. Has devuelto {_t_got['absorb_outage'] or '{}'}: no cuenta cuál usa más gente, sino cuáles los guardan.",
    en=f"Messages wait ten minutes for whoever processes them. You returned {_t_got['absorb_outage'] or '{}'}: what counts is not which one more people use but which ones keep them.",
)
assert "queue" not in _t_got["key_order"], tr(
    es="Varios trabajadores sacan de la misma cola: ¿quién acaba antes, el del mensaje viejo o el del nuevo?", en="Several workers take from one queue: who ends first, the one with the old message or the one with the new?"
)
for _t_lonely in ("any_free_worker", "retry_alone"):
    assert "log" not in _t_got[_t_lonely], tr(
        es=f"{_t_lonely}: en un registro el grupo avanza por offsets, y lo que va detrás en la partición espera.", en=f"{_t_lonely}: in a log the group moves by offsets, and what comes behind in the partition waits."
    )
for _t_size in range(8):
    for _t_needs in _t_itertools.combinations(sorted(_t_GIVES), _t_size):
        _t_want = {"service", "queue", "log"}.intersection(*(_t_GIVES[need] for need in _t_needs))
        checks.same(suitable(set(_t_needs)), _t_want, tr(es=f"Transportes que cubren a la vez {list(_t_needs)}.", en=f"Transports that cover all of {list(_t_needs)}."))
### END HIDDEN TESTS

# %% test="suitable/cases" points=2 row="12" objective="2.8"
_t_got = checks.plain(choices())
assert isinstance(_t_got, dict), tr(es="choices() devuelve un diccionario.", en="choices() returns a dict.")
checks.same(set(_t_got), set(range(1, 11)), tr(es="Los casos van del 1 al 10.", en="The cases go from 1 to 10."))
checks.same({str(value) for value in _t_got.values()} - {"service", "queue", "log", "log+queue"}, set(), tr(es="Estos valores no son ninguno de los cuatro transportes.", en="These values are none of the four transports."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_right = dict(zip(range(1, 11), ["service", "log", "queue", "log", "log", "queue", "service", "log", "queue", "log+queue"], strict=True))
_t_why = {
    "service": tr(es="hay alguien esperando la respuesta", en="somebody is waiting for the answer"),
    "queue": tr(es="cada trabajo es para quien esté libre, y va por su cuenta", en="each job is for whoever is free, and goes its own way"),
    "log": tr(es="hay que releer, que lo lean todos o que no se desordene", en="it must be read again, read by all, or not get out of order"),
    "log+queue": tr(es="ninguno de los dos da todo lo que se pide", en="neither of the two gives all that is asked"),
}
_t_bad = [case for case in _t_right if _t_got[case] != _t_right[case]]
assert not _t_bad, tr(
    es=f"Aciertas {10 - len(_t_bad)} de 10. Por ejemplo, en el caso {_t_bad and _t_bad[0]} has puesto «{_t_bad and _t_got[_t_bad[0]]}», y {_t_bad and _t_why[_t_right[_t_bad[0]]]}.",
    en=f"You get {10 - len(_t_bad)} of 10 right. For example, in case {_t_bad and _t_bad[0]} you wrote '{_t_bad and _t_got[_t_bad[0]]}', and {_t_bad and _t_why[_t_right[_t_bad[0]]]}.",
)
### END HIDDEN TESTS

# %% test="suitable/numbers" points=1 row="12" objective="2.3"
checks.same(catch_up_s(10, 0.1, 2, 60), 60.0, tr(es="Llegan 10/s, dos trabajadores hacen 20/s entre los dos; en 60 s de parada se juntan 600, y siguen llegando.", en="10/s arrive, two workers do 20/s between them; in an outage of 60 s, 600 pile up, and they go on arriving."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_per_s, _t_work_s, _t_workers, _t_outage_s, _t_partitions, _t_want in [
    (100, 0.05, 10, 600, None, 600.0), (100, 0.05, 6, 600, None, 3000.0), (100, 0.05, 30, 600, None, 120.0), (100, 0.05, 30, 600, 6, 3000.0), (100, 0.05, 8, 600, 30, 1000.0), (3, 0.5, 4, 10, 4, 6.0),
]:
    _t_about = tr(
        es=f"{_t_per_s} mensajes/s, {_t_work_s} s cada uno, {_t_workers} trabajadores, {_t_outage_s} s parados, particiones: {_t_partitions}. Mientras se ponen al día siguen llegando.",
        en=f"{_t_per_s} messages/s, {_t_work_s} s each, {_t_workers} workers, {_t_outage_s} s down, partitions: {_t_partitions}. While they catch up, more go on arriving.",
    )
    checks.same(checks.number(catch_up_s(_t_per_s, _t_work_s, _t_workers, _t_outage_s, _t_partitions), _t_about), _t_want, _t_about, tolerance=1e-6)
for _t_workers, _t_partitions in [(5, None), (4, None), (50, 5), (50, 2)]:
    _t_never = catch_up_s(100, 0.05, _t_workers, 600, _t_partitions)
    assert _t_never == math.inf, tr(
        es=f"Llegan 100/s, cada uno cuesta 0.05 s, hay {_t_workers} trabajadores y particiones: {_t_partitions}. No dan abasto ni para lo que llega: se esperaba math.inf y has devuelto {_t_never}.",
        en=f"100/s arrive, each costs 0.05 s, there are {_t_workers} workers and partitions: {_t_partitions}. They cannot cope even with what arrives: math.inf was expected and you returned {_t_never}.",
    )
### END HIDDEN TESTS

# %% test="suitable/evidence" points=2 row="13" objective="2.9"
_t_letters = checks.plain(supported())
assert isinstance(_t_letters, (set, list)), tr(es=f'supported() devuelve un conjunto de letras, como {{"X", "Y"}}; has devuelto {_t_letters!r}.', en=f'supported() returns a set of letters, like {{"X", "Y"}}; you returned {_t_letters!r}.')
_t_letters = {str(letter) for letter in _t_letters}
assert _t_letters <= set("ABCDEFGH"), tr(es=f"Las letras van de la A a la H; has devuelto {sorted(_t_letters)}.", en=f"The letters go from A to H; you returned {sorted(_t_letters)}.")
checks.same(list(distinct_companies(2, 3, 1)), [3, 4], tr(es="Dos empresas declaran una herramienta, tres la otra, y al menos una las dos: mínimo y máximo de empresas distintas.", en="Two companies declare one tool, three the other, and at least one declares both: minimum and maximum of distinct companies."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_a, _t_b, _t_both, _t_want in [(1240, 1811, 1, [1811, 3050]), (1240, 1811, 0, [1811, 3051]), (1811, 1240, 1, [1811, 3050]), (500, 500, 500, [500, 500]), (10, 4, 3, [10, 11])]:
    checks.same(
        list(distinct_companies(_t_a, _t_b, _t_both)), _t_want,
        tr(
            es=f"{_t_a} declaran una herramienta, {_t_b} la otra y al menos {_t_both} las dos. Quien está en las dos listas es una sola empresa, y puede haber muchas así.",
            en=f"{_t_a} declare one tool, {_t_b} the other and at least {_t_both} both. Whoever is in both lists is a single company, and there may be many such.",
        ),
    )
_t_not_so = {
    "B": tr(es="En la web cuenta quien se apunta. Que 1811 sea mayor que 1240 habla de quienes se apuntaron, no de todas las empresas.", en="On the site whoever signs up counts. That 1811 is greater than 1240 speaks of those who signed up, not of all companies."),
    "D": tr(es="1240 es menos de la mitad de 3050, pero no de 1811: sin saber cuántas declaran las dos, no se sabe cuántas empresas son.", en="1240 is less than half of 3050, but not of 1811: without knowing how many declare both, one does not know how many companies they are."),
    "F": tr(es="Contar empresas no es contar mensajes: una declaración pesa lo mismo con diez mensajes al día que con mil millones.", en="Counting companies is not counting messages: a declaration weighs the same with ten messages a day as with a billion."),
    "G": tr(es="La popularidad no dice qué sabe hacer un transporte: mira qué le pide ese sistema.", en="Popularity does not say what a transport can do: look at what that system asks of it."),
    "H": tr(es="Una sola fecha no da una tendencia: haría falta otra cuenta, hecha igual, en otro momento.", en="A single date gives no trend: another count would be needed, made in the same way at another time."),
}
for _t_letter in sorted(_t_letters & set(_t_not_so)):
    raise AssertionError(f"{_t_letter}: {_t_not_so[_t_letter]}")
assert _t_letters == {"A", "C", "E"}, tr(
    es=f"Has devuelto {sorted(_t_letters)}, y falta alguna. Que los datos sean declarados y viejos no los deja sin valor: algo dicen de esa web, en aquel momento, y de sus dos listas.",
    en=f"You returned {sorted(_t_letters)}, and some are missing. That the data are declared and old does not make them worthless: they do say something of that site, at that time, and of its two lists.",
)
### END HIDDEN TESTS

# %% wrong="suitable" score=3 says_es="usa más gente" says_en="more people use"
# es: Ante la duda se elige lo que usa más gente, y 1811 > 1240: RabbitMQ.
# en: When in doubt choose what more people use, and 1811 > 1240: RabbitMQ.
def suitable(needs):
    covers = {
        "service": {"answer_now"},
        "queue": {"absorb_outage", "any_free_worker", "retry_alone"},
        "log": {"absorb_outage", "replay", "every_group", "key_order"},
    }
    found = {transport for transport, covered in covers.items() if set(needs) <= covered}
    declared = {"queue": 1811, "log": 1240, "service": 0}
    return {max(found, key=declared.get)} if found else set()


def choices():
    return dict(enumerate(["service", "log", "queue", "log", "log", "queue", "service", "log", "queue", "log+queue"], 1))


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    busy = min(workers, partitions or workers)
    return math.inf if busy <= per_s * work_s else per_s * outage_s * work_s / (busy - per_s * work_s)


def distinct_companies(a, b, seen_in_both):
    return max(a, b), a + b - seen_in_both


def supported():
    return {"A", "B", "C", "E"}

# %% wrong="suitable" score=3 says_es="después de su acuse" says_en="after its acknowledgement"
# es: Una cola guarda los mensajes, así que se pueden volver a leer.
# en: A queue keeps messages, so that they can be read again.
def suitable(needs):
    gives = {"answer_now": {"service"}, "absorb_outage": {"queue", "log"}, "replay": {"queue", "log"}, "every_group": {"log"}, "key_order": {"log"}}
    found = {"service", "queue", "log"}
    for need in needs:
        found &= gives.get(need, {"queue"})
    return found


def choices():
    return dict(enumerate(["service", "log", "queue", "queue", "log", "queue", "service", "queue", "queue", "queue"], 1))


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    busy = min(workers, partitions or workers)
    return math.inf if busy <= per_s * work_s else per_s * outage_s * work_s / (busy - per_s * work_s)


def distinct_companies(a, b, seen_in_both):
    return max(a, b), a + b - seen_in_both


def supported():
    return {"A", "C", "E"}

# %% wrong="suitable" score=4 says_es="mínimo y máximo" says_en="minimum and maximum"
# es: El mínimo son las de la primera lista.
# en: The minimum is those of the first list.
def suitable(needs):
    gives = {"answer_now": {"service"}, "absorb_outage": {"queue", "log"}, "replay": {"log"}, "every_group": {"log"}, "key_order": {"log"}}
    found = {"service", "queue", "log"}
    for need in needs:
        found &= gives.get(need, {"queue"})
    return found


def choices():
    return dict(enumerate(["service", "log", "queue", "log", "log", "queue", "service", "log", "queue", "log+queue"], 1))


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    busy = min(workers, partitions or workers)
    return math.inf if busy <= per_s * work_s else per_s * outage_s * work_s / (busy - per_s * work_s)


def distinct_companies(a, b, seen_in_both):
    return a, a + b - seen_in_both


def supported():
    return {"A", "C", "E"}

# %% wrong="suitable" score=4 says_es="no de todas las empresas" says_en="not of all companies"
# es: 1811 es mayor que 1240, así que se usa más RabbitMQ.
# en: 1811 is greater than 1240, so RabbitMQ is used more.
def suitable(needs):
    gives = {"answer_now": {"service"}, "absorb_outage": {"queue", "log"}, "replay": {"log"}, "every_group": {"log"}, "key_order": {"log"}}
    found = {"service", "queue", "log"}
    for need in needs:
        found &= gives.get(need, {"queue"})
    return found


def choices():
    return dict(enumerate(["service", "log", "queue", "log", "log", "queue", "service", "log", "queue", "log+queue"], 1))


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    busy = min(workers, partitions or workers)
    return math.inf if busy <= per_s * work_s else per_s * outage_s * work_s / (busy - per_s * work_s)


def distinct_companies(a, b, seen_in_both):
    return max(a, b), a + b - seen_in_both


def supported():
    return {"A", "B", "C", "E"}

# %% wrong="suitable" score=3 says_es="siguen llegando" says_en="go on arriving"
# es: Ponerse al día es solo vaciar lo acumulado. Y las dos cuentas de empresas se suman.
# en: Catching up is only emptying what has piled up. And the two counts of companies are added up.
def suitable(needs):
    gives = {"answer_now": {"service"}, "absorb_outage": {"queue", "log"}, "replay": {"log"}, "every_group": {"log"}, "key_order": {"log"}}
    found = {"service", "queue", "log"}
    for need in needs:
        found &= gives.get(need, {"queue"})
    return found


def choices():
    return dict(enumerate(["service", "log", "queue", "log", "log", "queue", "service", "log", "queue", "log+queue"], 1))


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    return per_s * outage_s * work_s / workers


def distinct_companies(a, b, seen_in_both):
    return a + b, a + b


def supported():
    return {"A", "C", "D"}

# %% wrong="suitable" score=4 says_es="sin valor" says_en="worthless"
# es: Son datos declarados por las propias empresas: no se puede concluir nada.
# en: The companies themselves declare those data: nothing can be concluded.
def suitable(needs):
    gives = {"answer_now": {"service"}, "absorb_outage": {"queue", "log"}, "replay": {"log"}, "every_group": {"log"}, "key_order": {"log"}}
    found = {"service", "queue", "log"}
    for need in needs:
        found &= gives.get(need, {"queue"})
    return found


def choices():
    return dict(enumerate(["service", "log", "queue", "log", "log", "queue", "service", "log", "queue", "log+queue"], 1))


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    busy = min(workers, partitions or workers)
    return math.inf if busy <= per_s * work_s else per_s * outage_s * work_s / (busy - per_s * work_s)


def distinct_companies(a, b, seen_in_both):
    return max(a, b), a + b - seen_in_both


def supported():
    return set()

# %% wrong="suitable" score=5 says_es="particiones: 6" says_en="partitions: 6"
# es: Con más trabajadores siempre se va más deprisa, haya las particiones que haya.
# en: With more workers it always goes faster, however many partitions there are.
def suitable(needs):
    gives = {"answer_now": {"service"}, "absorb_outage": {"queue", "log"}, "replay": {"log"}, "every_group": {"log"}, "key_order": {"log"}}
    found = {"service", "queue", "log"}
    for need in needs:
        found &= gives.get(need, {"queue"})
    return found


def choices():
    return dict(enumerate(["service", "log", "queue", "log", "log", "queue", "service", "log", "queue", "log+queue"], 1))


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    return math.inf if workers <= per_s * work_s else per_s * outage_s * work_s / (workers - per_s * work_s)


def distinct_companies(a, b, seen_in_both):
    return max(a, b), a + b - seen_in_both


def supported():
    return {"A", "C", "E"}

# %% right="suitable"
def suitable(needs):
    # es: se descartan transportes, necesidad a necesidad
    # en: transports are ruled out, need by need
    left = ["service", "queue", "log"]
    for need in needs:
        if need == "answer_now":
            left = [one for one in left if one == "service"]
        elif need == "absorb_outage":
            left = [one for one in left if one != "service"]
        elif need in ("replay", "every_group", "key_order"):
            left = [one for one in left if one == "log"]
        else:
            left = [one for one in left if one == "queue"]
    return left


def choices():
    answers = dict.fromkeys((2, 4, 5, 8), "log") | dict.fromkeys((1, 7), "service") | dict.fromkeys((3, 6, 9), "queue")
    return answers | {10: "log+queue"}


def catch_up_s(per_s, work_s, workers, outage_s, partitions=None):
    # es: la ocupación: qué parte de su tiempo trabajan cuando no hay nada acumulado
    # en: the utilisation: which part of their time they work when nothing has piled up
    utilisation = per_s * work_s / min(workers, math.inf if partitions is None else partitions)
    return outage_s * utilisation / (1 - utilisation) if utilisation < 1 else float("inf")


def distinct_companies(a, b, seen_in_both):
    # es: del solapamiento mayor posible al menor
    # en: from the largest possible overlap to the smallest
    sizes = [a + b - both for both in range(seen_in_both, min(a, b) + 1)]
    return min(sizes), max(sizes)


def supported():
    return list("ACE")

# %% [markdown] essay="paying_drivers" points=4 lang="es"
# ## 7. Redacción: pagar a los conductores
#
# Cada viaje terminado debe sumar una cantidad al saldo del conductor, y cada noche una transferencia bancaria le paga el saldo. En hora punta acaban 300 viajes por segundo. Otros dos equipos usan esos mismos
# mensajes: el mapa de demanda, que se dibuja cada segundo, y ciencia de datos, que dentro de un mes querrá volver a entrenar con todo. El banco tarda de 0.2 a 8 s por transferencia y a veces no contesta.
#
# Diseña el camino de los datos y defiéndelo, en 300 a 400 palabras:
#
# 1. qué transporte o transportes usarías y dónde; con qué clave y por qué;
# 2. qué garantía de entrega necesita **cada** consumidor y cómo se consigue (qué se confirma y cuándo, y qué hace segura una repetición);
# 3. qué puede seguir saliendo mal y cómo te enterarías.
#
# Apóyate al menos en **tres números medidos por ti**, en la lección o aquí, con su unidad (sirven recuentos de mensajes perdidos o repetidos, cocientes, tiempos, retrasos…), y di de uno de ellos por qué en una empresa podría salir distinto.
# ### BEGIN SOLUTION
# Un topic de viajes terminados en un registro, con clave `driver` (los saldos se llevan por conductor) y retención de al menos un mes; tres grupos: saldos, mapa y ciencia de datos. Las transferencias van detrás, en una cola
# de trabajo con prefetch 1, acuse al final y mensajes fallidos aparte: duran de 0.2 a 8 s, y una lenta no debe retener a las demás. Saldos: al menos una vez y destino idempotente (`ride_id` como clave primaria, viaje y saldo en la misma transacción), y el
# offset se confirma después. Mapa: como mucho una vez le basta, porque se redibuja cada segundo. Ciencia de datos: relee desde el principio, y con repetidos por `ride_id`. Banco: una clave de idempotencia por
# conductor y noche, porque una transferencia sin respuesta puede haberse hecho. El productor espera los acuses de recibo y reintenta.
#
# Números posibles: mensajes que quedan sin enviar tras `produce` sin `flush`; perdidos y repetidos al caer en cada punto con los dos órdenes de confirmación; cociente entre prefetch 100 y 1 con un trabajador
# lento; retraso del grupo tras una parada; mensajes por segundo con lotes y sin ellos.
#
# - **1 punto**: transporte coherente con las necesidades (releer, varios equipos y orden por conductor piden un registro; las transferencias, una cola o algo que reintente por separado), y clave razonada (valen `driver` y `ride_id`, si se dice qué orden se gana y qué se pierde).
# - **1 punto**: garantía por consumidor, y no una para todos, con el momento de confirmar y lo que hace idempotente la repetición. Decir «exactamente una vez» sin decir cómo, ni hasta dónde llega (no llega al banco), no suma.
# - **1 punto**: al menos tres números propios, con unidad y usados como argumento, y uno matizado (broker embebido, disco, una sola máquina, tamaño de mensaje). Citar la popularidad (1240, 1811) como argumento resta este punto.
# - **1 punto**: qué queda sin cubrir (banco sin respuesta, retención más corta que una avería, clave caliente, esquema que cambia) y con qué se detecta (retraso del grupo, tamaño de la cola de fallidos, cuadre diario de saldos y viajes).
# ### END SOLUTION
# %% [markdown] essay="paying_drivers" points=4 lang="en"
# ## 7. Essay: paying the drivers
#
# Each finished ride must add an amount to the driver's balance, and each night a bank transfer pays the balance out. At rush hour 300 rides end per second. Two other teams depend on those same
# messages: the demand map, which is drawn each second, and data science, which in a month will want to retrain on everything. The bank takes from 0.2 to 8 s per transfer, and sometimes does not answer.
#
# Design the path of the data and defend it, in 300 to 400 words:
#
# 1. which transport or transports you would use and where; with which key, and why;
# 2. which delivery guarantee **each** consumer needs and how it is reached (what is committed and when, and what makes a repetition safe);
# 3. what can still go wrong and how you would find out.
#
# Base your argument on at least **three numbers measured by you**, in the lesson or here, with their unit (counts of lost or repeated messages, ratios, times, lags… will do), and say of one of them why in a company it might come out different.
# ### BEGIN SOLUTION
# A topic of finished rides in a log, with key `driver` (balances are kept by driver) and a retention of at least a month; three groups: balances, map and data science. Transfers come behind, on a work
# queue with prefetch 1, acknowledgement at the end and dead letters aside: they last from 0.2 to 8 s, and a slow one must not hold back the others. Balances: at least once and an idempotent sink (`ride_id` as primary key, ride and balance in one transaction), and the
# offset is committed afterwards. Map: at most once will do, since it is drawn again each second. Data science: reads again from the beginning, and removes repetitions by `ride_id`. Bank: one idempotency key per
# driver and night, because a transfer without an answer may have been made. The producer waits for the acknowledgements and tries again.
#
# Possible numbers: messages left unsent after `produce` without `flush`; lost and repeated when crashing at each point with either order of committing; ratio between prefetch 100 and 1 with a slow
# worker; lag of the group after an outage; messages per second with batches and without.
#
# - **1 point**: a transport that fits the needs (reading again, several teams and order per driver ask for a log; the transfers, for a queue or something that retries separately), and a key with a reason (`driver` and `ride_id` both do, if it is said which order is gained and which is lost).
# - **1 point**: a guarantee per consumer, and not one for all, with the moment of the commit and what makes the repetition idempotent. Saying "exactly once" without saying how, or how far it reaches (not as far as the bank), earns nothing.
# - **1 point**: at least three numbers of one's own, with units and used as arguments, and one of them qualified (embedded broker, disk, a single machine, message size). Citing popularity (1240, 1811) as an argument loses this point.
# - **1 point**: what remains uncovered (bank without an answer, retention shorter than a breakdown, hot key, changing schema) and what detects it (lag of the group, size of the dead-letter queue, daily reconciliation of balances and rides).
# ### END SOLUTION
