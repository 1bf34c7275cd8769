# ---
# title:
#   es: "Nube y borde: dónde se calcula una predicción"
#   en: "Cloud and edge: where a prediction is computed"
# unit: "05"
# minutes: 120
# ---

# %% [markdown] lang="es" slide="slide"
# # Nube y borde: dónde se calcula una predicción
#
# En la unidad 04 decidiste **cuándo** se calcula una predicción. Ahora toca **dónde**: en un servidor lejano (la nube) o en el aparato que hace la pregunta (el **borde**: un navegador, un móvil, un reloj, un coche,
# un armario de servidores en un almacén). El hilo de la unidad es un teclado que sugiere la palabra siguiente. El mismo modelo corre en un servidor, detrás de una red que podemos empeorar y cortar, y en tu navegador, sin red ninguna.
#
# Al terminar sabrás:
#
# 1. **(5.1)** colocar una tarea por sus datos (bytes, plazo, red, energía) y no por su nombre;
# 2. **(5.2)** separar lo que tarda la red de lo que tarda la inferencia, y decir cuándo un servidor más rápido no arregla nada;
# 3. **(5.3)** responder sin conexión diciendo qué antigüedad tiene lo que sabes;
# 4. **(5.4)** contar los datos expuestos en los dos sitios, y decir qué exige el RGPD;
# 5. **(5.5)** llevar la cuenta de la factura, y ponerle un tope antes de que sea tarde;
# 6. **(5.6)** combinar: tabla en el dispositivo, servidor local con bandeja de salida, caché con invalidación;
# 7. **(5.7)** predecir, con el modelo *roofline*, qué ganarías con un hardware el doble de rápido;
# 8. **(5.8)** montar una cascada (modelo pequeño en el dispositivo, grande en la nube) y elegir dónde poner cada parte;
# 9. **(5.9)** leer un frente de Pareto de exactitud, latencia y tamaño, y descartar lo dominado.
#
# **Tiempo:** unas dos horas; las celdas tardan en total entre uno y dos minutos. **Qué se ejecuta:** todo en tu máquina, sin Internet.
#
# | aquí… | |
# |---|---|
# | es de verdad | el modelo y sus servicios, TLS, los cortes de conexión, el navegador si tienes uno, las medidas de tu procesador |
# | se **simula** | la red: un programa intermedio retiene cada byte lo que tardaría; un dispositivo lento: el mismo procesador, con esperas |
# | son **supuestos**, y lo dicen | los perfiles de red, los precios de la nube, las probabilidades de un robo o de una brecha |
# %% [markdown] lang="en" slide="slide"
# # Cloud and edge: where a prediction is computed
#
# In unit 04 you decided **when** a prediction is computed. Now the question is **where**: on a distant server (the cloud) or on the device that asks (the **edge**: a browser, a phone, a watch, a car,
# a server rack in a warehouse). The thread of this unit is a keyboard that suggests the next word. The same model runs on a server, behind a network that we can worsen and cut, and in your browser, without any network.
#
# When you finish you will be able to:
#
# 1. **(5.1)** place a task by its facts (bytes, deadline, network, energy) and not by its name;
# 2. **(5.2)** separate network time from inference time, and say when a faster server does not help;
# 3. **(5.3)** answer without a connection, saying how old what you know is;
# 4. **(5.4)** count the data exposed in both places, and say what the GDPR demands;
# 5. **(5.5)** keep track of the bill, and stop it before it is too late;
# 6. **(5.6)** combine: a table on the device, a local server with an outbox, a cache with invalidation;
# 7. **(5.7)** predict, by the *roofline* model, what hardware twice as fast would give you;
# 8. **(5.8)** build a cascade (a small model on the device, a big one in the cloud) and choose where each part goes;
# 9. **(5.9)** read a Pareto front of accuracy, latency and size, and discard what is dominated.
#
# **Time:** about two hours; the cells take one to two minutes in all. **What runs:** everything on your machine, without the Internet.
#
# | here… | |
# |---|---|
# | for real | the model and its services, TLS, the cut connections, the browser if you have one, what is measured of your processor |
# | **simulated** | the network: a program in between holds each byte back for as long as one would; a slow device: the same processor, with pauses |
# | **assumed**, and said so | the network profiles, the prices of the cloud, the probabilities of a theft or a breach |

# %% tags=["parameters"]
# es: pulsaciones que se miden en cada red
# en: keystrokes measured on each network
keystrokes = 40
# es: peticiones de la traza que llega a la caché
# en: requests in the trace that reaches the cache
requests = 1000
# es: años que se simulan para contar los datos expuestos
# en: years simulated to count the exposed data
years = 20_000
# es: semillas con las que se entrena cada modelo de la escalera
# en: seeds with which each model of the ladder is trained
seeds = 3

# %% slide="skip"
import json
import math
import os
import random
import sqlite3
import statistics
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep

import httpx
import numpy as np
from fastapi import FastAPI, Request
from tqdm.auto import tqdm

from mlprod import plots, start, tables, tr
from mlprod.predictions import compare
from mlprod.systems import device, device_evaluation, device_model, network, processes, services
from mlprod.systems.workspace import workspace

start(LANG)
open_until_the_end = ExitStack()
main_model = device_model.load("main")

# %% [markdown] lang="es" row="33" slide="slide"
# ## El mismo modelo en tres sitios
#
# La tabla de la diapositiva (2021) tiene dos filas: **dónde se calcula** (en servidores, o en navegadores, móviles, portátiles, relojes, coches) y **ejemplos**. Los ejemplos ya avisan de que **no va por productos**: la palabra que despierta a un altavoz se reconoce en el aparato, y lo que le pides después, casi siempre en la nube;
# un traductor lleva en el móvil los pares de idiomas frecuentes, y los raros están en el servidor.
#
# Nuestro teclado propone cómo acaba la palabra que estás escribiendo, o cuál viene después. Es una red recurrente pequeña, entrenada con un libro libre que existe en los dos idiomas ([su ficha](../../datasets/next_word/README.md)).
# Este es el servicio de la nube: recibe el texto y devuelve sugerencias. Recibe **el texto**: guárdalo para luego.
# %% [markdown] lang="en" row="33" slide="slide"
# ## The same model in three places
#
# The slide's table (2021) has two rows: **where it is computed** (on servers, or in browsers, phones, laptops, watches, cars) and **examples**. The examples already warn that **it does not go by product**: the word that wakes a speaker is recognised on the device, and what you ask it next, nearly always in the cloud;
# a translator carries the frequent language pairs on the phone, and the rare ones are on the server.
#
# Our keyboard proposes how the word that you are typing ends, or which one comes next. It is a small recurrent network, trained on a free book that exists in both languages ([its card](../../datasets/next_word/README.md)).
# This is the service in the cloud: it receives the text and returns suggestions. It receives **the text**: keep that in mind for later.


# %% slide="subslide"
def keyboard_service(ready, stopping, log=None, certificate=None):
    """The cloud, as a process: POST /suggest {"lang", "text", "k", "user"}. It keeps what it is asked in `log` (SQLite), if given."""
    app, model = FastAPI(), device_model.load("main")
    # es: la página viene de otro origen y el navegador pide permiso al servicio para preguntarle (CORS)
    # en: the page comes from another origin, and the browser asks the service whether it may ask (CORS)
    device.allow_pages(app)
    if log:
        database = sqlite3.connect(log, check_same_thread=False, isolation_level=None)
        database.execute("create table if not exists requests (user, text)")

    @app.post("/suggest")
    async def suggest(request: Request):
        asked = json.loads(await request.body())
        begin = perf_counter()
        found = model.suggest(asked["text"], asked["lang"], asked.get("k", 3))
        seconds = perf_counter() - begin
        if log:
            database.execute("insert into requests values (?, ?)", (asked["user"], asked["text"]))
        return {
            "suggestions": [{"word": each.word, "probability": each.probability} for each in found],
            "seconds": seconds,
        }

    tls = dict(ssl_certfile=certificate[0], ssl_keyfile=certificate[1]) if certificate else {}
    services.serve_http(app, ready, stopping, **tls)


def ask(client, text, user="me"):
    """One keystroke answered by the cloud: (words, seconds of inference, seconds in all)."""
    begin = perf_counter()
    answer = client.post(
        "/suggest",
        content=json.dumps(
            {"lang": LANG, "text": text, "k": 3, "user": user}, ensure_ascii=False
        ).encode(),
    )
    total = perf_counter() - begin
    answer.raise_for_status()
    body = answer.json()
    return [each["word"] for each in body["suggestions"]], body["seconds"], total


cloud = open_until_the_end.enter_context(processes.start(keyboard_service))
# es: frases que el modelo no ha visto, pulsación a pulsación
# en: sentences that the model has not seen, keystroke by keystroke
sentence = next(
    text for text in device_model.paragraphs(LANG, "test") if len(text) > keystrokes + 40
)
typed = [sentence[:length] for length in range(10, 10 + keystrokes)]
with services.http_client(cloud.address) as client:
    words, _, _ = ask(client, typed[20])
print(f"{typed[20]!r} ->", ", ".join(words))

# %% [markdown] lang="es" row="33" slide="subslide"
# **Predice:** el navegador ejecuta el modelo con WebAssembly, en un solo hilo. ¿Cuántas veces más tarda que en Python con ONNX Runtime, que es código nativo? (Si esta máquina no tiene navegador, se mide solo un dispositivo lento emulado.)
# %% [markdown] lang="en" row="33" slide="subslide"
# **Predict:** the browser runs the model by WebAssembly, in a single thread. How many times as long does it take as in Python with ONNX Runtime, which is native code? (If this machine has no browser, only an emulated slow device is measured.)

# %%
times_slower_in_the_browser = None

# %% slide="fragment"
SLOWDOWN = 8
# es: un procesador ocho veces más lento, emulado: otro proceso, en un solo núcleo, que espera tras cada inferencia
# en: a processor eight times slower, emulated: another process, on a single core, that waits after each inference
slow_device = open_until_the_end.enter_context(
    processes.start(device.limited_service, slowdown=SLOWDOWN)
)
page = open_until_the_end.enter_context(device.open_page(lang=LANG))


def time_of(model, texts):
    """Seconds of each suggestion, when all of them have been asked before: a keyboard in use is warm."""
    for text in texts:
        model.suggest(text, LANG)
    times = []
    for text in texts:
        begin = perf_counter()
        model.suggest(text, LANG)
        times.append(perf_counter() - begin)
    return times


def time_of_slow_device(texts):
    """The same in the slow process, which times itself: what it takes to ask it does not count."""
    with services.http_client(slow_device.address) as client:
        for text in texts:
            device.ask_cloud(client, text, LANG)
        return [device.ask_cloud(client, text, LANG)[1] for text in texts]


in_browser = page.measure(keystrokes, texts=typed)
device_times = {
    tr(es="servidor (Python, nativo)", en="server (Python, native)"): time_of(main_model, typed),
    tr(
        es="dispositivo lento (emulado)",
        en="slow device (emulated)",
    ): time_of_slow_device(typed),
}
if in_browser:
    device_times[tr(es="navegador (WebAssembly)", en="browser (WebAssembly)")] = in_browser.device
native, *others = [statistics.median(times) for times in device_times.values()]
tables.show(
    [
        {
            tr(es="dónde", en="where"): where,
            tr(es="mediana (ms)", en="median (ms)"): 1000 * statistics.median(times),
            tr(es="p95 (ms)", en="p95 (ms)"): 1000 * np.percentile(times, 95),
            tr(es="veces el servidor", en="times the server"): statistics.median(times) / native,
        }
        for where, times in device_times.items()
    ],
    caption=tr(
        es=f"Una sugerencia: {main_model.size / 1e6:.1f} MB de modelo, {len(main_model.words)} palabras",
        en=f"One suggestion: a model of {main_model.size / 1e6:.1f} MB, {len(main_model.words)} words",
    ),
)
if in_browser:
    hidden = in_browser.where == "headless"
    measured_in = (
        tr(es="un navegador sin ventana", en="a browser without a window")
        if hidden
        else tr(es="la página abierta", en="the open page")
    )
    compare(
        tr(es="veces más lento en el navegador", en="times slower in the browser"),
        predicted=times_slower_in_the_browser,
        measured=others[-1] / native,
        unit="×",
        note=tr(
            es=f"Medido en {measured_in}. Estar listo ha costado {in_browser.load_seconds:.1f} s, una vez: {in_browser.bytes / 1e6:.1f} MB desde tu propio disco, casi todos del programa que ejecuta modelos; "
            f"por una 4G de 12 Mbit/s, solo bajarlos serían {in_browser.bytes * 8 / 12e6:.0f} s.",
            en=f"Measured in {measured_in}. Being ready took {in_browser.load_seconds:.1f} s, once: {in_browser.bytes / 1e6:.1f} MB from your own disk, nearly all of them the program that runs models; "
            f"over a 4G of 12 Mbit/s, fetching them alone would take {in_browser.bytes * 8 / 12e6:.0f} s.",
        ),
    )
# es: de aquí en adelante, «el dispositivo» es el navegador si se ha podido medir, y si no el emulado
# en: from here on, "the device" is the browser if it could be measured, and else the emulated one
device_name, at_the_edge = list(device_times.items())[-1]

# %% [markdown] lang="es" row="33" slide="subslide"
# Cuenta de qué se compone cada cifra: las dos incluyen partir el texto en palabras, la inferencia y ordenar las candidatas, así que comparan dos programas enteros y no solo dos maneras de ejecutar la red. El navegador es un entorno de verdad, con su arranque, que se paga una vez; pero corre sobre **tu** procesador: en un móvil barato tardaría varias veces más.
# El «dispositivo lento» es otro proceso de tu máquina, con la CPU limitada: tras cada inferencia espera siete veces la que ha gastado. La última columna dice cuántas veces más lento sale de verdad.
#
# Escribe tú en la página: cada pulsación pregunta al modelo de tu navegador y, además, a la nube, a través de una red 4G simulada. Fíjate en cuál de las dos respuestas llega antes de que pulses la letra siguiente.
# %% [markdown] lang="en" row="33" slide="subslide"
# Mind what each figure contains: both include splitting the text into words, the inference, and ranking the candidates, so they compare two whole programs and not just two ways of running the network. The browser is a real environment, with a start-up that is paid once; but it runs on **your** processor: on a cheap phone it would take several times as long.
# The "slow device" is another process of your machine, with limited CPU: after each inference it waits for seven times what it has used. The last column says how many times slower it really comes out.
#
# Type in the page yourself: each keystroke asks the model in your browser and also the cloud, over a simulated 4G network. Watch which of the two answers arrives before you press the next letter.

# %% slide="fragment"
to_the_cloud = open_until_the_end.enter_context(
    network.link(cloud.address, network.PROFILES["4g"], seed=1)
)
page.set_cloud(to_the_cloud.address)
page.show()

# %% [markdown] lang="es" row="35" slide="slide"
# ## A dónde se va el tiempo
#
# Cuatro redes de acceso, con cifras de perfiles publicados (los de [WebPageTest](https://github.com/catchpoint/WebPageTest); la fila 4G usa su perfil «LTE», el «4G» que trae es peor; la variación es un supuesto). La 3G se está apagando en muchos países (2026): léela como una 4G con mala cobertura. Son tiempos hasta un servidor **cercano**: a la luz le cuesta, por fibra, unos 10 ms de ida y vuelta por cada 1000 km, y eso solo se evita acercando el servidor.
# %% [markdown] lang="en" row="35" slide="slide"
# ## Where the time goes
#
# Four access networks, with figures from published profiles (those of [WebPageTest](https://github.com/catchpoint/WebPageTest); the 4G row uses its profile "LTE", its own "4G" is worse; the variation is assumed). 3G is being switched off in many countries (2026): read it as a 4G with bad coverage. They are times to a server **near by**: light takes some 10 ms there and back for each 1000 km of fibre, and the only way round that is to move the server nearer.

# %% tags=["hide-input"]
PROFILES = {name: network.PROFILES[name] for name in ("lan", "fibre", "4g", "3g")}
LABELS = {"lan": "LAN", "fibre": tr(es="fibra", en="fibre"), "4g": "4G", "3g": "3G"}
assumed = tr(es="variación supuesta", en="variation assumed")
SOURCES = {
    "lan": tr(es="supuesto: red cableada de oficina", en="assumed: a wired office network"),
    "fibre": f"WebPageTest, FIOS; {assumed}",
    "4g": f"WebPageTest, LTE; {assumed}",
    "3g": f"WebPageTest, 3G; {assumed}",
}
tables.show(
    [
        {
            tr(es="red", en="network"): LABELS[name],
            tr(es="ida y vuelta mínima (ms)", en="least round trip (ms)"): float(profile.rtt_ms),
            tr(es="más, de media (ms)", en="on top, on average (ms)"): float(profile.jitter_ms),
            tr(es="subida (Mbit/s)", en="up (Mbit/s)"): profile.up_kbps / 1000,
            tr(es="bajada (Mbit/s)", en="down (Mbit/s)"): profile.down_kbps / 1000,
            tr(es="fuente", en="source"): SOURCES[name],
        }
        for name, profile in PROFILES.items()
    ],
    caption=tr(es="Las redes de esta unidad", en="The networks of this unit"),
)

# %% [markdown] lang="es" row="35" slide="subslide"
# Hacemos pasar las mismas pulsaciones por cada red y separamos tres partes: la **inferencia** (la mide el servidor), los **programas** (HTTP, JSON y Python a los dos lados, y el propio emulador: lo que se tarda por un enlace que no retrasa nada) y la **red** (el resto). Mientras, otro teclado viaja en tren: una 4G con túneles que la cortan (supuestos; para no esperar, el tren va cuatro veces más deprisa).
#
# **Predice:** con 4G, ¿qué porcentaje de la espera es inferencia?
# %% [markdown] lang="en" row="35" slide="subslide"
# We send the same keystrokes over each network and tell three parts apart: the **inference** (the server measures it), the **software** (HTTP, JSON and Python on both sides, and the emulator itself: what it takes over a link that delays nothing) and the **network** (the rest). Meanwhile another keyboard travels by train: a 4G with tunnels that cut it (assumed; so as not to wait, the train goes four times as fast).
#
# **Predict:** on 4G, which percentage of the wait is inference?

# %%
inference_percent_on_4g = None


# %% slide="fragment"
def keystrokes_over(address, texts):
    """Each text asked over an open connection: [(seconds of inference, seconds in all)]."""
    with services.http_client(address, timeout=20) as client:
        # es: la conexión ya está abierta cuando se escribe: la primera petición no cuenta
        # en: the connection is open already when one types: the first request does not count
        ask(client, texts[0])
        return [ask(client, text)[1:] for text in texts]


def keystrokes_on_a_train(address, texts, every_s=0.15):
    """A text each `every_s` seconds, with a network or without: seconds in all, infinite where no answer came."""
    times = []
    with services.http_client(address, timeout=2) as client:
        for text in texts:
            begin, total = monotonic(), math.inf
            with suppress(httpx.TransportError):
                total = ask(client, text)[2]
            times.append(total)
            sleep(max(0.0, begin + every_s - monotonic()))
    return times


rails = network.PROFILES["train"]
rails = rails.with_outages(tuple((begin / 4, end / 4) for begin, end in rails.outages))
# es: primero en caliente y por un enlace sin retraso: lo que cuesta todo lo que no es red
# en: first warm, and over a link without delay: what everything costs that is not network
keystrokes_over(cloud.address, typed)
with network.link(cloud.address) as link:
    measured = {"": keystrokes_over(link.address, typed)}
with network.link(cloud.address, rails, seed=6) as train, ThreadPoolExecutor(1) as passenger:
    journey = passenger.submit(keystrokes_on_a_train, train.address, (typed + typed)[:60])
    for name, profile in tqdm(PROFILES.items(), desc=tr(es="redes", en="networks"), leave=False):
        # es: en las lentas, varios teclados a la vez, para no esperar tanto: casi todo es esperar
        # en: on the slow ones several keyboards at once, so as not to wait as long: nearly all of it is waiting
        at_once = 1 + (profile.rtt_ms > 20) + 2 * (profile.rtt_ms > 200)
        with (
            network.link(cloud.address, profile, seed=5) as link,
            ThreadPoolExecutor(at_once) as keyboards,
        ):
            shares = [typed[start::at_once] for start in range(at_once)]
            answers = keyboards.map(keystrokes_over, [link.address] * at_once, shares)
            measured[name] = [each for answer in answers for each in answer]
    on_the_train = journey.result()

software = statistics.median(total - inference for inference, total in measured[""])
parts = {}
for name in PROFILES:
    inference = statistics.median(i for i, _ in measured[name])
    total = statistics.median(t for _, t in measured[name])
    parts[name] = inference, software, max(0.0, total - inference - software)

# %% slide="fragment" tags=["hide-input"]
tables.show(
    [
        {
            tr(es="red", en="network"): LABELS[name],
            tr(es="inferencia (ms)", en="inference (ms)"): 1000 * inference,
            tr(es="programas (ms)", en="software (ms)"): 1000 * code,
            tr(es="red (ms)", en="network (ms)"): 1000 * wire,
            tr(es="inferencia (% del total)", en="inference (% of the total)"): 100
            * inference
            / (inference + code + wire),
        }
        for name, (inference, code, wire) in parts.items()
    ],
    columns=None,
    caption=tr(
        es=f"Mediana de {keystrokes} pulsaciones en cada red",
        en=f"Median of {keystrokes} keystrokes on each network",
    ),
)
fig, ax = plots.subplots(figsize=(8.4, 3.0))
left = np.zeros(len(parts))
for label, values in zip(
    (
        tr(es="inferencia", en="inference"),
        tr(es="programas", en="software"),
        tr(es="red", en="network"),
    ),
    1000 * np.array(list(parts.values())).T,
    strict=True,
):
    ax.barh([LABELS[name] for name in parts], values, left=left, label=label)
    left += values
for row, (inference, *rest) in enumerate(parts.values()):
    ax.annotate(
        tr(
            es=f"inferencia: {100 * inference / (inference + sum(rest)):.1f} %",
            en=f"inference: {100 * inference / (inference + sum(rest)):.1f} %",
        ),
        (left[row], row),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )
ax.set_xlim(0, 1.25 * left.max())
ax.set_xlabel(tr(es="ms por pulsación (mediana)", en="ms per keystroke (median)"))
ax.grid(axis="x")
ax.invert_yaxis()
ax.grid(visible=False, axis="y")
ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
plots.show(
    fig,
    alt=tr(
        es="Barras apiladas por red. En 4G y 3G casi toda la barra es red; la inferencia apenas se distingue.",
        en="Stacked bars by network. On 4G and 3G nearly all of the bar is network; the inference can hardly be seen.",
    ),
)
compare(
    tr(es="inferencia, del total de la espera con 4G", en="inference, of the whole wait on 4G"),
    predicted=inference_percent_on_4g,
    measured=100 * parts["4g"][0] / sum(parts["4g"]),
    unit="%",
)

# %% [markdown] lang="es" row="35" slide="subslide"
# ### El presupuesto de una pulsación
#
# Una respuesta parece instantánea si llega en una décima de segundo ([Nielsen, *Response Times*, 1993](https://www.nngroup.com/articles/response-times-3-important-limits/), que recoge estudios de Miller de 1968). Una sugerencia que llega tarde solo estorba: aparece cuando ya has escrito la palabra. Nuestro presupuesto es, pues, de 100 ms.
#
# Te propongo un arreglo habitual: «pongamos un servidor más rápido». Llevémoslo al extremo: una nube cuya inferencia y cuyos programas tarden **cero**. A cada pulsación medida le quitamos las dos cosas, y queda la red.
#
# **Predice:** con 4G, ¿en cuántos puntos porcentuales sube la fracción de pulsaciones que cumplen los 100 ms?
# %% [markdown] lang="en" row="35" slide="subslide"
# ### The budget of a keystroke
#
# An answer seems instantaneous if it comes within a tenth of a second ([Nielsen, *Response Times*, 1993](https://www.nngroup.com/articles/response-times-3-important-limits/), after studies by Miller from 1968). A late suggestion only gets in the way: it appears when you have already typed the word. Our budget, then, is 100 ms.
#
# Here is a usual remedy: "let us get a faster server". We take it to the extreme: a cloud whose inference and software take **zero**. From each keystroke measured we take both away, and the network is left.
#
# **Predict:** on 4G, by how many percentage points does the fraction of keystrokes within the 100 ms rise?

# %%
points_gained_by_an_infinitely_fast_cloud = None

# %% slide="fragment"
BUDGET = 0.100


def within(times):
    """Percentage of times within the budget."""
    return 100 * float(np.mean(np.array(times) <= BUDGET))


rows, gains, spared = [], {}, {}
totals_of = {name: [total for _, total in measured[name]] for name in PROFILES}
totals_of["train"] = on_the_train
LABELS["train"] = tr(es="4G en un tren", en="4G on a train")
for name, totals in totals_of.items():
    # es: dentro de un túnel tampoco contesta la nube infinitamente rápida
    # en: inside a tunnel the infinitely fast cloud does not answer either
    spared[name] = software + parts["4g" if name == "train" else name][0]
    fastest = within(np.array(totals) - spared[name])
    gains[name] = fastest - within(totals)
    # es: cada ida y vuelta contra cada sugerencia del dispositivo: ¿quién llega antes?
    # en: each round trip against each suggestion of the device: who comes first?
    edge_first = np.mean(np.array(at_the_edge)[:, None] < np.array(totals)[None, :])
    rows.append(
        {
            tr(es="red", en="network"): LABELS[name],
            tr(es="nube: en plazo (%)", en="cloud: in time (%)"): within(totals),
            tr(es="nube infinitamente rápida (%)", en="infinitely fast cloud (%)"): fastest,
            tr(es="dispositivo (%)", en="device (%)"): within(at_the_edge),
            tr(es="gana el dispositivo (%)", en="the device wins (%)"): 100 * float(edge_first),
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"Pulsaciones respondidas en 100 ms. El dispositivo: {device_name}",
        en=f"Keystrokes answered within 100 ms. The device: {device_name}",
    ),
)
compare(
    tr(
        es="puntos que gana una nube infinitamente rápida, con 4G",
        en="points gained by an infinitely fast cloud, on 4G",
    ),
    predicted=points_gained_by_an_infinitely_fast_cloud,
    measured=gains["4g"],
    unit=tr(es="puntos", en="points"),
    note=tr(
        es=f"Lo que se ha quitado a cada una: {1000 * spared['4g']:.1f} ms.",
        en=f"What has been taken from each: {1000 * spared['4g']:.1f} ms.",
    ),
)
fig, ax = plots.subplots(figsize=(8.4, 3.6))
for style, name in zip(("-", "--", "-.", ":"), PROFILES, strict=True):
    totals = np.sort([1000 * total for _, total in measured[name]])
    ax.step(totals, 100 * np.arange(1, len(totals) + 1) / len(totals), style, label=LABELS[name])
totals = np.sort(1000 * np.array(at_the_edge))
ax.step(
    totals,
    100 * np.arange(1, len(totals) + 1) / len(totals),
    color=plots.INK,
    label=tr(es="dispositivo", en="device"),
)
ax.axvline(1000 * BUDGET, color=plots.FAINT, linestyle="--", linewidth=1)
ax.annotate("100 ms", (1000 * BUDGET, 3), xytext=(4, 0), textcoords="offset points", fontsize=9)
ax.set(
    xscale="log",
    xlabel=tr(
        es="ms hasta la sugerencia (escala logarítmica)", en="ms to the suggestion (log scale)"
    ),
    ylabel=tr(es="% de las pulsaciones", en="% of the keystrokes"),
)
ax.xaxis.set_major_formatter("{x:g}")
ax.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.18), fontsize=9)
plots.show(
    fig,
    alt=tr(
        es="Porcentaje acumulado de pulsaciones respondidas, por tiempo. Cada red es una curva más a la derecha cuanto más lenta; la de 3G queda entera a la derecha de la línea de 100 ms.",
        en="Cumulative percentage of keystrokes answered, by time. Each network is a curve, further right the slower it is; that of 3G lies wholly to the right of the line at 100 ms.",
    ),
)

# %% [markdown] lang="es" row="35" slide="subslide"
# Con 3G ninguna nube llega a tiempo: la ida y vuelta mínima ya es el triple del presupuesto. Con 4G llegan o no según la suerte de cada ida y vuelta: **la parte que puedes acelerar es la pequeña**, y ni una nube de tiempo cero las salva todas. En el tren se pierden además las que caen en un túnel, y esas no las salva ningún servidor. Con fibra o en una red local la nube llega después, pero **a tiempo**: ahí la velocidad no basta para preferir el borde, y deciden otras cosas.
#
# Hay una cuenta que lo resume. Si el modelo tarda $t$ en el servidor, la red y los programas $w$, y el dispositivo es $s$ veces más lento, el borde gana cuando $s \cdot t < t + w$, o sea, cuando
#
# $$t < \frac{w}{s - 1}$$
#
# Un modelo que tarde más que eso en el servidor llega antes desde la nube.
# %% [markdown] lang="en" row="35" slide="subslide"
# On 3G no cloud arrives in time: the least round trip is already three times the budget. On 4G they arrive or not by the luck of each round trip: **the part that you can speed up is the small one**, and not even a cloud that takes no time saves them all. On the train those that fall into a tunnel are lost as well, and no server saves them. On fibre or in a local network the cloud arrives later, but **in time**: there speed is no reason to prefer the edge, and other things decide.
#
# One inequality sums it up. If the model takes $t$ on the server, network and software take $w$, and the device is $s$ times slower, the edge wins when $s \cdot t < t + w$, that is, when
#
# $$t < \frac{w}{s - 1}$$
#
# A model that takes longer than that on the server arrives earlier from the cloud.

# %% slide="fragment" tags=["hide-input"]
tables.show(
    [
        {
            tr(es="red", en="network"): LABELS[name],
            **{f"s = {s}": 1000 * (code + wire) / (s - 1) for s in (2, 8, 50)},
            tr(es="nuestro modelo, en el servidor", en="our model, on the server"): 1000 * native,
        }
        for name, (_, code, wire) in parts.items()
    ],
    caption=tr(
        es="Hasta qué tiempo de inferencia en el servidor (ms) gana el borde, si el dispositivo es s veces más lento",
        en="Up to which inference time on the server (ms) the edge wins, if the device is s times slower",
    ),
)

# %% [markdown] lang="es" row="35" slide="subslide"
# **A mil veces más escala** nada de esto mejora: la ida y vuelta es la misma para un usuario que para un millón, y encima el servidor empieza a tener cola (unidad 04). Lo que sí cambia la cuenta es un modelo mil veces mayor: un gran modelo de lenguaje tarda segundos en dar una respuesta entera, y ahí la red pasa a ser la parte pequeña.
# %% [markdown] lang="en" row="35" slide="subslide"
# **At a thousand times the scale** none of this gets better: the round trip is the same for one user as for a million, and on top of that the server begins to have a queue (unit 04). What does change the sum is a model a thousand times larger: a large language model takes seconds to give a whole answer, and there the network becomes the small part.

# %% [markdown] lang="es" row="34" slide="slide"
# ## Sin conexión
#
# «Se ejecuta en el dispositivo, luego funciona sin conexión.» El modelo, sí. Pero una **hora de llegada** necesita el tráfico de ahora, y eso está fuera. En un tren con túneles, o en una empresa que prohíbe Internet, el dispositivo puede calcular; lo que le falta es un dato.
#
# Una ciudad inventada: horas punta que se repiten cada día, atascos que nacen y se deshacen en una hora o así, e incidentes. El dispositivo lleva dentro **lo habitual a cada hora** (aprendido de dos semanas) y pregunta por el tráfico siempre que puede. El servicio de tráfico es un proceso de verdad, y la red se corta de verdad.
#
# Un segundo nuestro son 20 minutos de la ciudad. Lo que cuenta son los cortes: mira la hora de cada dato, que viene **en el dato** y no es la hora en que te llegó.
# %% [markdown] lang="en" row="34" slide="slide"
# ## Without a connection
#
# "It runs on the device, so it works offline." The model does. But an **arrival time** needs the traffic of this moment, and that is outside. In a train with tunnels, or in a company that forbids the Internet, the device can compute; what it lacks is a piece of data.
#
# An invented city: rush hours that come every day, jams that build up and dissolve within an hour or so, and incidents. The device carries **what is usual at each hour** (learned from two weeks) and asks for the traffic whenever it can. The traffic service is a real process, and the network is really cut.
#
# A second of ours is 20 minutes of the city. What matters are the cuts: look at the time of each piece of data, which comes **in the data** and is not the time at which you got it.

# %% slide="subslide"
from mlprod.systems.traffic import DAY, Traffic

traffic = Traffic.simulate(seed=11, days=70)
history, today = traffic.slowness[: 14 * DAY], 20 * DAY + 7 * 60
CITY_MINUTES_PER_SECOND = 20

# es: lo que el dispositivo lleva dentro: lo habitual a cada hora del día…
# en: what the device carries: what is usual at each time of day…
logs = np.log(history).reshape(14, DAY)
usual_log = np.convolve(np.tile(logs.mean(axis=0), 3), np.ones(21) / 21, "same")[DAY : 2 * DAY]
# es: …y cuánto vale, según su antigüedad, saber que hoy se va más despacio que de costumbre
# en: …and how much it is worth, by its age, to know that today it is slower than usual
deviations = (logs - usual_log).ravel()
ages = np.arange(0, 361)
worth = np.array([1.0] + [np.corrcoef(deviations[:-a], deviations[a:])[0, 1] for a in ages[1:]])
worth = np.minimum.accumulate(np.clip(worth, 0, 1))


def usual(minute):
    """How slow the roads usually are at this time of day."""
    return math.exp(usual_log[minute % DAY])


@dataclass
class Answer:
    """An arrival time in minutes, half the width of its 80 % interval, and the age in minutes of the traffic it knows."""

    minutes: float
    give_or_take: float
    age: int | None


def eta(empty_road, now, heard=None):
    """The answer of a device that last heard (minute of the data, slowness), or None. It says how old its data is."""
    age = None if heard is None else now - heard[0]
    share = 0.0 if heard is None else worth[min(age, len(worth) - 1)]
    deviation = 0.0 if heard is None else math.log(heard[1] / usual(heard[0]))
    estimate = empty_road * usual(now) * math.exp(share * deviation)
    # es: lo que queda sin saber crece con la antigüedad, hasta lo que no se sabe sin ningún dato
    # en: what is left unknown grows with the age, up to what is unknown without any data
    spread = deviations.std() * math.sqrt(1 - share**2)
    return Answer(estimate, 1.28 * spread * estimate, age)


def city_minute(began):
    """The minute of the city, if the replay began at the monotonic second `began`. One clock for all processes."""
    return today + int((monotonic() - began) * CITY_MINUTES_PER_SECOND)


def traffic_service(began, ready, stopping):
    """The traffic of this minute, as a process: the data carry their own time."""
    app = FastAPI()

    @app.get("/traffic")
    def current():
        minute = city_minute(began)
        return {"minute": minute, "slowness": float(traffic.slowness[minute])}

    services.serve_http(app, ready, stopping)


# %% [markdown] lang="es" row="34" slide="subslide"
# Un viaje en tren de nueve segundos (tres horas de la ciudad), con túneles que cortan la conexión en momentos escritos de antemano. A cada minuto de la ciudad el dispositivo pide el tráfico, y dice cuánto se tardaría ahora en un trayecto que con la calle vacía dura 20 minutos; si no hay red, responde con lo que tiene.
# %% [markdown] lang="en" row="34" slide="subslide"
# A train journey of nine seconds (three hours of the city), with tunnels that cut the connection at moments written beforehand. At each minute of the city the device asks for the traffic, and says how long a trip would take now that takes 20 minutes on an empty road; if there is no network it answers with what it has.

# %% slide="fragment"
journey_s, tunnels = 9.0, ((1.0, 2.2), (3.4, 6.4), (7.6, 8.4))
TRIP = 20
answers, heard, failures, began = [], None, 0, monotonic()
with (
    processes.start(traffic_service, began) as service,
    network.link(service.address, network.PROFILES["lan"].with_outages(tunnels)) as link,
    services.http_client(link.address, timeout=1) as client,
    tqdm(
        total=journey_s,
        desc=tr(es="viaje", en="journey"),
        leave=False,
        bar_format="{desc}: {n:.0f} s {bar}",
    ) as bar,
):
    left = monotonic()
    while (elapsed := monotonic() - left) < journey_s:
        try:
            told = client.get("/traffic").json()
            heard = told["minute"], told["slowness"]
        except httpx.TransportError:
            failures += 1
        now = city_minute(began)
        answers.append((now, eta(TRIP, now, heard), heard))
        bar.update(elapsed - bar.n)
        sleep(1 / CITY_MINUTES_PER_SECOND)

oldest = max(answers, key=lambda each: each[1].age or 0)
print(
    tr(
        es=f"{len(answers)} respuestas, {failures} de ellas sin red.\nLa más vieja decía: «{oldest[1].minutes:.0f} min, "
        f"± {oldest[1].give_or_take:.0f}; con el tráfico de hace {oldest[1].age} min». En realidad se tardaba {TRIP * traffic.slowness[oldest[0]]:.0f}.",
        en=f'{len(answers)} answers, {failures} of them without a network.\nThe oldest said: "{oldest[1].minutes:.0f} min, '
        f'± {oldest[1].give_or_take:.0f}; with the traffic of {oldest[1].age} min ago". It took {TRIP * traffic.slowness[oldest[0]]:.0f}.',
    )
)
fig, ax = plots.subplots(figsize=(8.8, 3.8))
clock = np.array([now for now, *_ in answers]) % DAY
said = np.array([answer.minutes for _, answer, _ in answers])
around = np.array([answer.give_or_take for _, answer, _ in answers])
ax.fill_between(clock, said - around, said + around, alpha=0.2, color=plots.BLUE)
ax.plot(
    clock,
    said,
    color=plots.BLUE,
    label=tr(es="respuesta, con su margen", en="answer, with its margin"),
)
ax.plot(
    clock,
    [TRIP * slowness for *_, (_, slowness) in answers],
    ":",
    color=plots.VERMILION,
    label=tr(es="el último tráfico, para siempre", en="the last traffic, for ever"),
)
ax.plot(
    clock,
    [TRIP * traffic.slowness[now] for now, *_ in answers],
    color=plots.INK,
    linewidth=1,
    label=tr(es="lo que se tarda", en="what it takes"),
)
old = np.array([answer.age > 2 for _, answer, _ in answers])
ax.fill_between(
    clock,
    0,
    1,
    where=old,
    transform=ax.get_xaxis_transform(),
    color=plots.GRID,
    alpha=0.6,
    linewidth=0,
    label=tr(es="dato de hace más de 2 min", en="data over 2 min old"),
)
ax.set(
    xlabel=tr(es="hora de la ciudad", en="hour of the city"),
    ylabel=tr(es="minutos del trayecto", en="minutes of the trip"),
)
half_hours = [minute for minute in range(0, DAY, 30) if clock[0] <= minute <= clock[-1]]
ax.set_xticks(half_hours, [f"{minute // 60}:{minute % 60:02d}" for minute in half_hours])
ax.margins(x=0)
ax.legend(ncols=2, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, 1.25))
plots.show(
    fig,
    alt=tr(
        es="La duración de un trayecto a lo largo de tres horas, y dos respuestas. En las franjas sin red, la que usa el último tráfico se queda plana y la otra vuelve poco a poco a lo habitual mientras su margen se ensancha.",
        en="The duration of a trip over three hours, and two answers. In the stretches without a network, the one that uses the last traffic stays flat and the other returns little by little to the usual, while its margin widens.",
    ),
)

# %% [markdown] lang="es" row="34" slide="subslide"
# Un viaje no demuestra nada: unos pocos túneles. La misma función, ahora sin esperar, sobre **ocho semanas** de cortes sorteados (sin red unos tres cuartos de hora de cada dos horas) y miles de trayectos. Cuatro maneras de actuar:
#
# - **nada**: sin tráfico de hace menos de 2 minutos, no respondo;
# - **el último, para siempre**: respondo como si lo último que oí fuera de ahora mismo;
# - **lo habitual**: nunca miro el tráfico;
# - **con antigüedad**: la función `eta` del viaje.
#
# **Predice:** en los trayectos que empiezan con un dato de **más de dos horas**, ¿cuántas veces mayor es el error medio de «el último, para siempre» que el de «lo habitual», que no sabe nada de hoy?
# %% [markdown] lang="en" row="34" slide="subslide"
# One journey proves nothing: a few tunnels. The same function, now without waiting, over **eight weeks** of drawn outages (no network for some three quarters of an hour out of every two hours) and thousands of trips. Four ways to behave:
#
# - **none**: without traffic from less than 2 minutes ago, I do not answer;
# - **the last, for ever**: I answer as if the last that I heard were of right now;
# - **the usual**: I never look at the traffic;
# - **with age**: the function `eta` of the journey.
#
# **Predict:** for the trips that begin with data **more than two hours** old, how many times as large is the error of "the last, for ever" as that of "the usual", which knows nothing of today?

# %%
times_worse_than_knowing_nothing = None

# %% slide="fragment"
first, last = 14 * DAY, 70 * DAY
outages = network.random_outages(seed=34, seconds=last - first, up_s=75, down_s=45)
down = np.zeros(last - first, bool)
for begin, end in outages:
    down[int(begin) : int(end)] = True

heard_at, latest = [], None
for minute, is_down in enumerate(down, first):
    latest = latest if is_down else (minute, float(traffic.slowness[minute]))
    heard_at.append(latest)

NAMES = {
    "none": tr(es="nada", en="none"),
    "forever": tr(es="el último, para siempre", en="the last, for ever"),
    "usual": tr(es="lo habitual", en="the usual"),
    "aged": tr(es="con antigüedad", en="with age"),
}
errors, trip_ages, inside = {name: [] for name in NAMES}, [], []
for minute, empty, took in traffic.trips(seed=3, begin=first, end=last, count=8000):
    known = heard_at[minute - first]
    if known is None:
        continue
    answer = eta(empty, minute, known)
    trip_ages.append(answer.age)
    errors["aged"].append(abs(answer.minutes - took))
    errors["usual"].append(abs(empty * usual(minute) - took))
    errors["forever"].append(abs(empty * known[1] - took))
    errors["none"].append(abs(empty * known[1] - took) if answer.age < 2 else math.nan)
    inside.append(errors["aged"][-1] <= answer.give_or_take + 1e-9)
trip_ages, inside = np.array(trip_ages), np.array(inside)
errors = {name: np.array(values) for name, values in errors.items()}
stale = trip_ages > 120
# es: los trayectos de un mismo corte se parecen: cuenta también los cortes
# en: the trips of one outage resemble each other: count the outages too
long_cuts = sum(end - begin > 120 for begin, end in outages)
rows = []
for name, label in NAMES.items():
    answered = ~np.isnan(errors[name])
    rows.append(
        {
            tr(es="política", en="policy"): label,
            tr(es="responde (%)", en="answers (%)"): 100 * float(answered.mean()),
            tr(es="error medio (min)", en="mean error (min)"): float(np.nanmean(errors[name])),
            tr(es="error sin red (min)", en="error without network (min)"): float(
                errors[name][trip_ages >= 2].mean()
            ),
            tr(es="con un dato de más de 2 h (min)", en="with data over 2 h old (min)"): float(
                errors[name][stale].mean()
            ),
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"Disponibilidad y error: {len(trip_ages)} trayectos en ocho semanas; {stale.sum()} con un dato de más de 2 h, de {long_cuts} cortes",
        en=f"Availability and error: {len(trip_ages)} trips in eight weeks; {stale.sum()} with data over 2 h old, from {long_cuts} outages",
    ),
)
compare(
    tr(
        es="error de «el último» entre el de «lo habitual», con datos de más de dos horas",
        en='error of "the last" over that of "the usual", with data over two hours old',
    ),
    predicted=times_worse_than_knowing_nothing,
    measured=float(errors["forever"][stale].mean() / errors["usual"][stale].mean()),
    unit="×",
)

# %% slide="fragment" tags=["hide-input"]
edges = np.array([0, 2, 10, 20, 40, 60, 90, 120, 180, 360])
middle = (edges[:-1] + edges[1:]) / 2
fig, (ax, honest) = plots.subplots(1, 2, figsize=(9.6, 3.6), width_ratios=[3, 2])
bins = np.digitize(trip_ages, edges) - 1
for style, name in zip(("--", ":", "-"), ("forever", "usual", "aged"), strict=True):
    means = [
        errors[name][bins == b].mean() if (bins == b).any() else np.nan for b in range(len(middle))
    ]
    ax.plot(middle, means, style, marker="o", label=NAMES[name])
ax.set(
    xlabel=tr(es="antigüedad del dato (min)", en="age of the data (min)"),
    ylabel=tr(es="error medio (min)", en="mean error (min)"),
)
ax.legend(fontsize=9)
covered = [
    100 * inside[bins == b].mean() if (bins == b).any() else np.nan for b in range(1, len(middle))
]
honest.plot(middle[1:], covered, "o-", color=plots.BLUE)
honest.axhline(80, color=plots.FAINT, linestyle="--", linewidth=1)
honest.set(
    xlabel=tr(es="antigüedad del dato (min)", en="age of the data (min)"),
    ylabel=tr(es="% dentro del margen", en="% inside the margin"),
    ylim=(0, 100),
)
plots.show(
    fig,
    alt=tr(
        es="A la izquierda, error según la antigüedad del dato: el del último valor crece hasta pasar al de lo habitual, y el de la respuesta con antigüedad crece y se queda junto al de lo habitual. A la derecha, el porcentaje de trayectos dentro del margen del 80 %.",
        en="Left, the error by age of the data: that of the last value grows until it passes that of the usual, and that of the answer with age grows and stays next to that of the usual. Right, the percentage of trips inside the 80 % margin.",
    ),
)

# %% [markdown] lang="es" row="34" slide="subslide"
# Con un dato recién llegado el error es casi cero; es así por construcción (en esta ciudad, lo que se tarda lo decide el tráfico de la salida). Con la edad, el dato se estropea, y a partir del punto en que se cruzan las curvas, **usarlo tal cual es peor que no saber nada de hoy**; callarse deja sin respuesta a quien la necesita. La otra vía cuesta unas líneas: pesar lo oído según su antigüedad (el peso se aprende de la historia) y **decirla**, con un margen que crece.
# No exageres lo que gana: con datos de menos de media hora, casi nada frente a usar el último valor. Gana en no hundirse con los datos viejos y en decir un **margen**. La figura de la derecha comprueba si es honesto: si digo 80 %, tiene que acertar alrededor del 80 %, tenga el dato la edad que tenga. Donde la línea se aparta de la discontinua, el margen miente. El nuestro se queda corto con los datos viejos, por dos motivos: usa una sola anchura para todas las horas, cuando de noche hay menos que fallar que de día, y la aprendió de solo dos semanas, más tranquilas que las que vinieron. ¿Cómo lo arreglarías?
#
# **A mil veces más escala** aparece otra cosa: cuando vuelve la red, todos los dispositivos preguntan a la vez. Un reintento con espera aleatoria (unidad 01) evita que la recuperación sea otra avería.
# %% [markdown] lang="en" row="34" slide="subslide"
# With data that have just arrived the error is nearly zero; that is so by construction (in this city the traffic at departure decides how long a trip takes). Data spoil with age, and from the point on where the curves cross, **using them as they are is worse than knowing nothing of today**; keeping silent leaves those who need an answer without one. The other way costs a few lines: weigh what you heard by its age (the weight is learned from the history) and **say the age**, with a margin that grows.
# Do not oversell it: with data less than half an hour old, it gains next to nothing over using the last value. It gains by not collapsing with old data, and by giving a **margin**. The figure on the right checks whether that is honest: if I say 80 %, it has to be right around 80 % of the time, whatever the age of the data. Where the line strays from the dashed one, the margin lies. Ours falls short with old data, for two reasons: it uses a single width for all hours, when at night there is less to get wrong than by day, and it learned it from just two weeks, quieter than those that came. How would you fix it?
#
# **At a thousand times the scale** something else appears: when the network comes back, all devices ask at once. A retry with a random wait (unit 01) keeps the recovery from being another failure.

# %% [markdown] lang="es" row="36" slide="slide"
# ## Quién ve los datos
#
# Un dato puede escaparse por tres sitios: el **cable**, el **servidor** y el **aparato**. El borde quita los dos primeros y agranda el tercero. Vamos a ponernos en el lugar de quien los ataca, en nuestros propios procesos.
#
# ### En el cable
#
# Alguien escucha entre el teclado y la nube (el dueño de la wifi, por ejemplo). Escribimos una frase letra a letra, primero por HTTP y luego por HTTPS.
# %% [markdown] lang="en" row="36" slide="slide"
# ## Who sees the data
#
# Data can escape in three places: the **wire**, the **server** and the **device**. The edge removes the first two and enlarges the third. Let us take the attacker's place, among our own processes.
#
# ### On the wire
#
# Somebody listens between the keyboard and the cloud (the owner of the Wi-Fi, say). We type a sentence letter by letter, first over HTTP and then over HTTPS.

# %% slide="fragment"
import ssl

from mlprod.systems.certificates import self_signed

secret = tr(
    es="el lunes me dan el resultado de la biopsia", en="tomorrow I get the result of the biopsy"
)
server_log = str(workspace() / "server-log.sqlite")
certificate = self_signed(workspace())
trusted = ssl.create_default_context(cafile=certificate[0])


def type_it(link, client):
    """Type the secret over a link: what somebody on the path hears, and how many bytes went up with each keystroke."""
    ask(client, "")
    link.eavesdrop()
    sizes, before = [], link.counters.up_bytes
    for length in range(1, len(secret) + 1):
        ask(client, secret[:length], user="ana")
        now = link.counters.up_bytes
        sizes.append(now - before)
        before = now
    return {way: b"".join(pieces) for way, pieces in link.overheard().items()}, sizes


with (
    processes.start(keyboard_service, log=server_log) as service,
    network.link(service.address) as link,
    services.http_client(link.address) as client,
):
    in_clear, clear_sizes = type_it(link, client)
    # es: y ahora la misma frase, con el modelo del aparato, mientras el otro sigue escuchando
    # en: and now the same sentence, by the model on the device, while the other one keeps listening
    link.eavesdrop()
    for length in range(1, len(secret) + 1):
        main_model.suggest(secret[:length], LANG)
    on_device = {way: b"".join(pieces) for way, pieces in link.overheard().items()}
with (
    processes.start(keyboard_service, certificate=certificate) as service,
    network.link(service.address.replace("http://", "https://")) as link,
    httpx.Client(base_url=link.address, verify=trusted, trust_env=False) as client,
):
    encrypted, tls_sizes = type_it(link, client)


def found(text, heard):
    """Whether the bytes hold the text."""
    return text.encode() in heard


print(tr(es="HTTP, lo último que se oyó:", en="HTTP, the last that was heard:"))
print(in_clear["up"][-100:].decode(errors="replace").split("\r\n\r\n")[-1])
print()
print(tr(es="HTTPS, lo último que se oyó:", en="HTTPS, the last that was heard:"))
print(encrypted["up"][-60:].hex(" "))

# %% [markdown] lang="es" row="36" slide="subslide"
# Con TLS no se lee nada. **Predice:** ¿qué porcentaje de las pulsaciones puede, aun así, adivinar el que escucha **cuántas letras** llevaba escritas, sabiendo cuántas eran al principio? (Cuenta solo los bytes que pasan.)
# %% [markdown] lang="en" row="36" slide="subslide"
# With TLS nothing can be read. **Predict:** for what percentage of the keystrokes can the listener nevertheless guess **how many letters** had been typed, knowing how many there were at first? (By counting nothing but the bytes that pass.)

# %%
lengths_guessed_percent = None


# %% slide="fragment"
def lengths_from(sizes):
    """What a listener who knows that the first request had one letter guesses: each byte more is a letter more."""
    return [1 + size - sizes[0] for size in sizes]


right = sum(
    guess == letters for letters, guess in enumerate(lengths_from(tls_sizes), start=1)
)
tables.show(
    [
        {
            tr(es="camino", en="path"): path,
            tr(es="bytes oídos, de subida", en="bytes heard, upwards"): len(heard["up"]),
            tr(es="¿está la frase?", en="is the sentence there?"): found(secret, heard["up"]),
            tr(es="¿están las sugerencias?", en="are the suggestions there?"): b"probability"
            in heard["down"],
        }
        for path, heard in {
            "HTTP": in_clear,
            "HTTPS (TLS)": encrypted,
            tr(es="en el dispositivo", en="on the device"): on_device,
        }.items()
    ],
    caption=tr(es="Lo que oye quien está en medio", en="What somebody in the middle hears"),
)
compare(
    tr(
        es="pulsaciones cuya longitud se adivina a través de TLS",
        en="keystrokes whose length is guessed through TLS",
    ),
    predicted=lengths_guessed_percent,
    measured=100 * right / len(secret),
    unit="%",
)

# %% [markdown] lang="es" row="36" slide="subslide"
# El cifrado esconde el contenido, no el **tamaño** ni el **momento**: cada letra es un byte más. (En nuestra frase, que no lleva tildes: en UTF-8 una «ñ» ocupa dos bytes, y el que escucha fallaría por uno.) Tampoco esconde el nombre del servidor, que viaja en claro al empezar salvo que se use *Encrypted Client Hello* ([RFC 9849](https://www.rfc-editor.org/info/rfc9849)). Rellenar todas las peticiones a un mismo tamaño tapa la longitud; el número de pulsaciones y su ritmo se siguen viendo. En el dispositivo no hay nada que oír, porque no se envía nada.
#
# ### En el servidor
#
# Una brecha: alguien se lleva el registro de peticiones de la nube. Lo leemos como él.
# %% [markdown] lang="en" row="36" slide="subslide"
# Encryption hides the contents, not the **size** nor the **moment**: each letter is a byte more. (In our sentence, which has no accents: in UTF-8 an "é" takes two bytes, and the listener would be off by one.) Nor does it hide the server's name, which travels in clear at the beginning unless *Encrypted Client Hello* ([RFC 9849](https://www.rfc-editor.org/info/rfc9849)) is used. Padding all requests to one size covers the length; the number of keystrokes and their rhythm can still be seen. On the device there is nothing to hear, because nothing is sent.
#
# ### On the server
#
# A breach: somebody gets away with the cloud's log of requests. We read it as they would.

# %% slide="fragment"
with closing(sqlite3.connect(server_log)) as stolen:
    kept = stolen.execute("select user, text from requests where text <> ''").fetchall()
print(
    tr(
        es=f"{len(kept)} registros de una sola frase, cada uno con el nombre de su autora. El último: {kept[-1]}",
        en=f"{len(kept)} records of a single sentence, each with its author's name. The last one: {kept[-1]}",
    )
)

# %% [markdown] lang="es" row="36" slide="subslide"
# Nadie decidió guardar la biopsia de Ana: lo hizo un registro de peticiones, que suele estar ahí «por si acaso». Multiplica por todos los usuarios y por todo el tiempo que se conserve. TLS no cambia nada aquí: una nube corriente **tiene** que leer el texto para responder. (Hay excepciones, con su precio: máquinas que ni su dueño puede inspeccionar, como la [*Private Cloud Compute*](https://security.apple.com/blog/private-cloud-compute/) de Apple (2024), o el cifrado homomórfico, que calcula sin descifrar, mucho más despacio.)
#
# ### En el aparato
#
# Ahora alguien se lleva el móvil. Dentro están el modelo y el **diccionario personal**, lo que el teclado ha aprendido de ti. Tres maneras de guardarlo:
#
# 1. tal cual;
# 2. cifrado, con la clave en un fichero al lado;
# 3. cifrado, con la clave envuelta: solo se abre con el PIN.
# %% [markdown] lang="en" row="36" slide="subslide"
# Nobody decided to keep Ana's biopsy: a log of requests did, which is usually there "just in case". Multiply by all users and by all the time that it is kept. TLS changes nothing here: an ordinary cloud **has to** read the text in order to answer. (There are exceptions, at a price: machines that not even their owner can inspect, such as Apple's [*Private Cloud Compute*](https://security.apple.com/blog/private-cloud-compute/) (2024), or homomorphic encryption, which computes without decrypting, much more slowly.)
#
# ### On the device
#
# Now somebody takes the phone. Inside are the model and the **personal dictionary**, what the keyboard has learned from you. Three ways to keep it:
#
# 1. as it is;
# 2. encrypted, with the key in a file beside it;
# 3. encrypted, with the key wrapped: only the PIN opens it.

# %% slide="fragment"
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

personal = json.dumps({word: 1 for word in secret.split()}).encode()
PIN = "4071"


def lock(key, data):
    """Encrypt and authenticate: what comes out cannot be read, nor changed unnoticed, without the key."""
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, data, None)


def unlock(key, data):
    return AESGCM(key).decrypt(data[:12], data[12:], None)


def from_pin(pin, salt):
    """A key out of a PIN, slowly on purpose (scrypt): each guess has to pay for it."""
    return Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(pin.encode())


phone = workspace() / "phone"
phone.mkdir(exist_ok=True)
(phone / "plain.json").write_bytes(personal)
key = AESGCM.generate_key(256)
(phone / "beside.locked").write_bytes(lock(key, personal))
(phone / "beside.key").write_bytes(key)
key, salt = AESGCM.generate_key(256), os.urandom(16)
(phone / "wrapped.locked").write_bytes(lock(key, personal))
(phone / "wrapped.key").write_bytes(salt + lock(from_pin(PIN, salt), key))
# es: el modelo tiene que estar en el aparato para poder usarse sin red
# en: the model has to be on the device, to be usable without a network
_ = (phone / "model.onnx").write_bytes(Path(main_model.path).read_bytes())

# %% [markdown] lang="es" row="36" slide="subslide"
# Y ahora somos el ladrón: no tenemos más que esa carpeta.
# %% [markdown] lang="en" row="36" slide="subslide"
# And now we are the thief: that folder is all we have.

# %% slide="fragment"
import onnx

loot = {file.name: file.read_bytes() for file in phone.iterdir()}
opened = {"plain": loot["plain.json"] == personal}
opened["beside"] = unlock(loot["beside.key"], loot["beside.locked"]) == personal

salt, wrapped = loot["wrapped.key"][:16], loot["wrapped.key"][16:]
guesses, began = 0, perf_counter()
for pin in random.Random(1).sample([f"{n:04d}" for n in range(10_000)], 10):
    guesses += 1
    try:
        unlock(from_pin(pin, salt), wrapped)
        break
    except InvalidTag:
        continue
seconds_each = (perf_counter() - began) / guesses
weights = {
    each.name: onnx.numpy_helper.to_array(each)
    for each in onnx.load(str(phone / "model.onnx")).graph.initializer
}
numbers = sum(array.size for array in weights.values())
tables.show(
    [
        {
            tr(es="cómo se guarda", en="how it is kept"): tr(es="tal cual", en="as it is"),
            tr(es="¿lo lee el ladrón?", en="can the thief read it?"): opened["plain"],
            tr(es="cuánto le cuesta", en="at what cost"): tr(
                es="abrir un fichero", en="opening a file"
            ),
        },
        {
            tr(es="cómo se guarda", en="how it is kept"): tr(
                es="cifrado, la clave al lado", en="encrypted, the key beside it"
            ),
            tr(es="¿lo lee el ladrón?", en="can the thief read it?"): opened["beside"],
            tr(es="cuánto le cuesta", en="at what cost"): tr(
                es="abrir dos ficheros", en="opening two files"
            ),
        },
        {
            tr(es="cómo se guarda", en="how it is kept"): tr(
                es="clave envuelta con un PIN de 4 cifras", en="key wrapped by a 4-digit PIN"
            ),
            tr(es="¿lo lee el ladrón?", en="can the thief read it?"): tr(
                es="sí, probándolos todos", en="yes, by trying all of them"
            ),
            tr(es="cuánto le cuesta", en="at what cost"): tr(
                es=f"{seconds_each * 10_000 / 60:.0f} min como mucho: 10 000 PIN a {1000 * seconds_each:.0f} ms (medido con {guesses})",
                en=f"{seconds_each * 10_000 / 60:.0f} min at most: 10 000 PINs at {1000 * seconds_each:.0f} ms (measured with {guesses})",
            ),
        },
        {
            tr(es="cómo se guarda", en="how it is kept"): tr(
                es="…y un chip que se bloquea a los 10 intentos",
                en="…and a chip that locks after 10 attempts",
            ),
            tr(es="¿lo lee el ladrón?", en="can the thief read it?"): tr(
                es="1 de cada 1000 veces", en="1 in 1000 times"
            ),
            tr(es="cuánto le cuesta", en="at what cost"): tr(
                es="10 intentos de 10 000, si el PIN es al azar",
                en="10 attempts of 10 000, if the PIN is random",
            ),
        },
        {
            tr(es="cómo se guarda", en="how it is kept"): tr(es="el modelo", en="the model"),
            tr(es="¿lo lee el ladrón?", en="can the thief read it?"): True,
            tr(es="cuánto le cuesta", en="at what cost"): tr(
                es=f"`onnx.load`: {len(weights)} matrices, {numbers / 1e6:.2f} millones de números",
                en=f"`onnx.load`: {len(weights)} arrays, {numbers / 1e6:.2f} million numbers",
            ),
        },
    ],
    caption=tr(es="Lo que saca el ladrón", en="What the thief gets out"),
)

# %% [markdown] lang="es" row="36" slide="subslide"
# La clave al lado de los datos **no es cifrado**: es una formalidad. Envolverla con un PIN obliga a adivinarlo, y un PIN corto se adivina pronto: cada intento no puede ser más lento de lo que su dueño esté dispuesto a esperar cada vez, el ladrón tiene muchos procesadores y la gente no elige los PIN al azar. Lo que de verdad protege es que **los intentos se acaben**, y de eso se encarga un chip aparte (el *Secure Enclave* de Apple; en Android, *Gatekeeper* o *Weaver*). (El chip, aquí, es aritmética: no lo hemos emulado.)
#
# Y el modelo es público desde que lo instala el primer usuario: quien pueda ejecutarlo puede leerlo. En la nube solo se le puede preguntar, aunque con bastantes preguntas se puede [entrenar una copia](https://arxiv.org/abs/1609.02943) (Tramèr y otros, 2016): también ahí hay que limitar los intentos.
#
# ### Contar los dos lados
#
# ¿Qué es peor? Cuenta **personas expuestas al año**, con supuestos a la vista: cámbialos. Un servidor sufre pocas brechas, pero en cada una caen todos. Aparatos se roban muchos, pero cada uno lleva a una persona, y solo cuenta si se puede leer.
#
# $$E_\text{nube} = p_\text{brecha} \cdot N \qquad E_\text{borde} = N \cdot p_\text{robo} \cdot p_\text{leer}$$
#
# **Predice:** con una brecha cada 50 años, un 4 % de móviles robados o perdidos al año y la clave al lado, ¿cuántas personas expone el borde por cada una que expone la nube, de media?
# %% [markdown] lang="en" row="36" slide="subslide"
# The key beside the data **is no encryption**: it is a formality. Wrapped by a PIN, the thief must guess, and a short PIN is soon guessed: an attempt cannot be slower than its owner is willing to wait each time, the thief has many processors, and people do not choose PINs at random. What really protects is that **the attempts run out**, and that is the job of a separate chip (Apple's *Secure Enclave*; on Android, *Gatekeeper* or *Weaver*). (The chip, here, is arithmetic: we have not emulated it.)
#
# And the model is public from the moment the first user installs it: whoever can run it can read it. In the cloud one can only ask it, although with enough questions one can [train a copy](https://arxiv.org/abs/1609.02943) (Tramèr et al., 2016): attempts have to be limited there too.
#
# ### Counting both sides
#
# Which is worse? Count **people exposed in a year**, with assumptions in plain sight: change them. A server is broken into seldom, but all fall with it. Many devices are stolen, but each one carries one person, and it only counts if it can be read.
#
# $$E_\text{cloud} = p_\text{breach} \cdot N \qquad E_\text{edge} = N \cdot p_\text{theft} \cdot p_\text{read}$$
#
# **Predict:** with a breach every 50 years, 4 % of the phones stolen or lost a year, and the key beside the data, how many people does the edge expose for each one that the cloud exposes, on average?

# %%
edge_over_cloud = None

# %% slide="fragment"
# es: supuestos: no son medidas de nadie. Cámbialos por los de tu caso
# en: assumptions: nobody's measures. Change them for those of your case
people = 10_000
breach_a_year, theft_a_year = 1 / 50, 0.04
readable = {"beside": 1.0, "chip": 10 / 10_000}

chance = np.random.default_rng(36)
exposed = {
    tr(es="nube", en="cloud"): np.where(chance.random(years) < breach_a_year, people, 0),
    tr(es="borde, la clave al lado", en="edge, the key beside it"): chance.binomial(
        people, theft_a_year * readable["beside"], years
    ),
    tr(es="borde, clave envuelta y chip", en="edge, wrapped key and chip"): chance.binomial(
        people, theft_a_year * readable["chip"], years
    ),
}
formula = [
    breach_a_year * people,
    people * theft_a_year * readable["beside"],
    people * theft_a_year * readable["chip"],
]
tables.show(
    [
        {
            tr(es="dónde están los datos", en="where the data are"): where,
            tr(es="fórmula: personas al año", en="formula: people a year"): by_formula,
            tr(es="simulado", en="simulated"): float(counts.mean()),
            tr(es="años sin ninguna (%)", en="years without any (%)"): 100
            * float((counts == 0).mean()),
            tr(es="el peor año", en="the worst year"): int(counts.max()),
        }
        for (where, counts), by_formula in zip(exposed.items(), formula, strict=True)
    ],
    caption=tr(
        es=f"Personas expuestas, de {people}: {years} años simulados",
        en=f"People exposed, of {people}: {years} simulated years",
    ),
)
_, beside, _ = exposed.values()
compare(
    tr(
        es="expuestas en el borde por cada una en la nube (la clave al lado)",
        en="exposed at the edge for each one in the cloud (the key beside the data)",
    ),
    predicted=edge_over_cloud,
    measured=float(beside.mean() / next(iter(exposed.values())).mean()),
    unit="×",
)
fig, ax = plots.subplots(figsize=(8.4, 3.4))
at_least = np.unique(np.logspace(0, math.log10(people), 300).round())
for style, (where, counts) in zip(("-", "--", ":"), exposed.items(), strict=True):
    share = np.array([100 * float((counts >= n).mean()) for n in at_least])
    ax.plot(at_least, np.where(share > 0, share, np.nan), style, label=where)
ax.set(
    xscale="log",
    yscale="log",
    xlabel=tr(
        es="tantas personas o más en un año (escala log.)",
        en="so many people or more in a year (log scale)",
    ),
    ylabel=tr(es="% de los años (esc. log.)", en="% of the years (log scale)"),
)
ax.xaxis.set_major_formatter("{x:g}")
ax.yaxis.set_major_formatter("{x:g}")
ax.legend(fontsize=9, loc="lower center")
plots.show(
    fig,
    alt=tr(
        es="En qué porcentaje de los años quedan expuestas tantas personas o más. El de la nube es bajo y no cambia hasta el total; el del borde con la clave al lado es de todos los años y cae de golpe; el del borde con chip cae enseguida.",
        en="In which percentage of the years so many people or more are exposed. That of the cloud is low and does not change up to the total; that of the edge with the key beside is every year and drops at once; that of the edge with a chip drops right away.",
    ),
)

# %% [markdown] lang="es" row="36" slide="subslide"
# «En el dispositivo, luego privado» no se sostiene: con la clave al lado, el borde puede exponer de media a **más** gente. Con la clave bien guardada la cuenta se da la vuelta, y por mucho. Y fíjate en la **forma** de las curvas: la nube son muchos años sin nada y uno con todos a la vez; el borde, un goteo. Dos promedios iguales no son el mismo riesgo. (El goteo supone robos independientes: una actualización maliciosa expone todos los aparatos a la vez, y convierte el borde en lo que era la nube.)
# La fórmula cuenta personas; si te importan los registros, multiplica por los que guardes de cada una: **conservar menos** mejora los dos lados. **A mil veces más escala**, las dos medias crecen mil veces y la forma se separa aún más: en la nube caen mil veces más personas el mismo día; en el borde, cada robo sigue siendo de una.
#
# ### Lo que exige el RGPD
#
# El [Reglamento (UE) 2016/679](https://eur-lex.europa.eu/eli/reg/2016/679/oj), aplicable desde el 25 de mayo de 2018, en palabras corrientes (no es asesoramiento jurídico):
#
# | artículo | si los datos van a tu nube, tienes que… | si no salen del aparato… |
# |---|---|---|
# | 5.1.c, 25 | pedir solo lo necesario, desde el diseño: ¿hace falta el texto entero? | se cumple casi solo, mientras no lo envíes |
# | 5.1.e | borrarlo cuando ya no haga falta | el usuario lo borra; al desinstalar, tiene que irse |
# | 6, 13 | tener una base jurídica y decir qué haces con ellos | decir al menos qué se guarda y dónde |
# | 9 | si revelan salud, religión, ideología… (la biopsia): no tratarlos, salvo excepción, como un consentimiento explícito | lo mismo, si eres tú quien los trata |
# | 15, 17, 20 | enseñarlos, borrarlos y entregarlos si te lo piden | los tiene él; si tú no los tienes, no puedes darlos |
# | 28, 44-49 | contrato con quien te aloja; reglas si salen del Espacio Económico Europeo | no hay tercero ni viaje |
# | 32 | seguridad adecuada al riesgo: cifrar, limitar accesos | también: cifra en reposo |
# | 33, 34 | avisar de una brecha a la autoridad en 72 h (salvo que el riesgo sea improbable) y, si es alto, a los afectados, salvo que los datos estuvieran bien cifrados | un robo de un aparato ajeno no suele ser una brecha tuya |
# | 35 | evaluar el impacto antes, si el riesgo es alto | quizá también |
#
# Y aunque nada salga, guardar o leer datos **en** el aparato del usuario pide su consentimiento, salvo lo imprescindible para lo que ha pedido (Directiva 2002/58/CE, art. 5.3; en España, LSSI, art. 22.2).
#
# El borde hace **más fácil** cumplir, no exime: en cuanto la aplicación envía estadísticas, copias de seguridad o ejemplos para reentrenar, vuelves a la columna de en medio.
# %% [markdown] lang="en" row="36" slide="subslide"
# "On the device, hence private" does not hold: with the key beside the data the edge may expose **more** people on average. With the key well kept the balance tips, and by a lot. And mind the **shape** of the curves: the cloud is many years with nothing and one with everybody at once; the edge is a trickle. Two equal averages are not the same risk. (The trickle takes thefts to be independent: a malicious update exposes all devices at once, and makes the edge what the cloud was.)
# The formula counts people; if records are what matters to you, multiply by those you keep of each: **keeping less** improves both sides. **At a thousand times the scale**, both averages grow a thousandfold and the shapes drift further apart: in the cloud a thousand times as many people fall on the same day; at the edge each theft is still of one.
#
# ### What the GDPR demands
#
# [Regulation (EU) 2016/679](https://eur-lex.europa.eu/eli/reg/2016/679/oj), applicable since 25 May 2018, in plain words (this is no legal advice):
#
# | article | if the data go to your cloud, you must… | if they do not leave the device… |
# |---|---|---|
# | 5.1.c, 25 | ask only for what is necessary, by design: is the whole text needed? | complied with nearly by itself, as long as you do not send it |
# | 5.1.e | delete it when it is no longer needed | the user deletes it; on uninstalling, it has to go |
# | 6, 13 | have a legal basis, and say what you do with them | at least say what is kept and where |
# | 9 | if they reveal health, religion, politics… (the biopsy): not process them, save for an exception such as explicit consent | the same, if it is you who processes them |
# | 15, 17, 20 | show, erase and hand them over on request | the user has them; what you do not have you cannot give |
# | 28, 44-49 | a contract with whoever hosts you; rules if they leave the European Economic Area | there is no third party and no journey |
# | 32 | security appropriate to the risk: encrypt, limit access | that too: encrypt at rest |
# | 33, 34 | report a breach to the authority within 72 h (unless a risk is unlikely) and, if it is high, to those affected, unless the data were well encrypted | the theft of somebody's own device is not usually a breach of yours |
# | 35 | assess the impact beforehand, if the risk is high | perhaps as well |
#
# And even if nothing leaves, keeping or reading data **on** the user's device takes their consent, save for what is indispensable for what they asked for (Directive 2002/58/EC, art. 5.3; in Spain, LSSI, art. 22.2).
#
# The edge makes it **easier** to comply, it does not exempt you: as soon as the app sends statistics, backups or examples to retrain on, you are back in the middle column.

# %% [markdown] lang="es" row="37" slide="slide"
# ## La factura
#
# «Cuanto más calculas en el borde, menos pagas de servidores.» Cierto; falta saber cuánto. Y la otra mitad de la diapositiva: un error en la nube puede arruinar una empresa. En 2020, la *startup* Milkie Way gastó [72 000 dólares en unas horas](https://blog.tomilkieway.com/72k-1/) de pruebas, con un presupuesto avisado de 7: su programa se llamaba a sí mismo, y la nube crecía para atenderlo. Sin error ninguno también suben: la diapositiva cita a *The Information*, que obtuvo cifras internas de AWS; según [otro artículo suyo](https://www.theinformation.com/articles/aws-customers-rack-up-hefty-bills-for-moving-data) (2019), en siete de diez grandes clientes solo lo pagado por mover datos creció al menos un 50 % en un año.
#
# Nuestro contador cobra lo que cobran las nubes: **cómputo** (GB de memoria por segundo), **peticiones**, **bytes que salen**, **bytes guardados** (aquel registro de peticiones) y **horas de máquinas encendidas**. Los precios son supuestos con fuente y fecha (los de hoy, en [su página](https://aws.amazon.com/lambda/pricing/)); los bytes y la duración de cada petición los medimos: se cobra lo que tarda **el servidor**, no lo que espera quien pregunta.
# %% [markdown] lang="en" row="37" slide="slide"
# ## The bill
#
# "The more you compute at the edge, the less you pay for servers." True; how much is the question. And the other half of the slide: a mistake in the cloud can ruin a company. In 2020 the startup Milkie Way spent [72 000 dollars in a few hours](https://blog.tomilkieway.com/72k-1/) of testing, with a budget alert set at 7: its program called itself, and the cloud grew in order to serve it. Without any mistake they climb too: the slide cites *The Information*, which got hold of internal figures of AWS; by [another of its articles](https://www.theinformation.com/articles/aws-customers-rack-up-hefty-bills-for-moving-data) (2019), for seven out of ten large customers what they paid for moving data alone grew by at least 50 % in a year.
#
# Our meter charges what clouds charge: **compute** (GB of memory per second), **requests**, **bytes that go out**, **bytes kept** (that log of requests) and **hours of machines switched on**. The prices are assumptions with a source and a date (today's, on [their page](https://aws.amazon.com/lambda/pricing/)); the bytes and the duration of each request we measure: what is charged is the **server's** time, not that of whoever asks.

# %% slide="subslide"
# es: dólares; precios de lista de AWS en us-east-1, tomados en noviembre de 2026 de páginas de terceros, sin descuentos ni capa gratuita: compruébalos
# en: dollars; AWS list prices for us-east-1, taken in November 2026 from third parties' pages, without discounts or a free tier: check them
PRICES = {
    # es: por GB·segundo, y por petición (Lambda)
    # en: per GB·second, and per request (Lambda)
    "compute": 0.0000166667,
    "requests": 0.20 / 1e6,
    # es: por byte que sale a Internet; por hora de una máquina con GPU (g5.xlarge)
    # en: per byte out to the Internet; per hour of a machine with a GPU (g5.xlarge)
    "traffic": 0.09 / 1e9,
    "machines": 1.006,
    # es: por byte guardado un mes (S3)
    # en: per byte kept for a month (S3)
    "storage": 0.023 / 1e9,
}


LINES = {
    "compute": tr(es="cómputo ($)", en="compute ($)"),
    "requests": tr(es="peticiones ($)", en="requests ($)"),
    "traffic": tr(es="tráfico ($)", en="traffic ($)"),
    "storage": tr(es="almacenamiento ($)", en="storage ($)"),
    "machines": tr(es="máquinas ($)", en="machines ($)"),
}


class Meter:
    """What has been used so far, in dollars by line of the bill."""

    def __init__(self):
        self.lines = Counter()

    def add(self, line, amount):
        self.lines[line] += amount * PRICES[line]

    @property
    def total(self):
        return sum(self.lines.values())


# es: lo medido: segundos de inferencia (se cobra por milisegundo entero), bytes que salen y bytes de cada línea del registro
# en: what was measured: seconds of inference (charged by the whole millisecond), bytes that go out and bytes of each line of the log
inference_s = statistics.median(inference for inference, _ in measured[""])
request_s = math.ceil(1000 * inference_s) / 1000
with network.link(cloud.address) as link, services.http_client(link.address) as client:
    for text in typed:
        ask(client, text)
    up_bytes, down_bytes = (
        link.counters.up_bytes / len(typed),
        link.counters.down_bytes / len(typed),
    )
record_bytes = statistics.mean(len(json.dumps(each).encode()) for each in kept)
MEMORY_GB = 1.0
per_million = Meter()
per_million.add("compute", 1e6 * request_s * MEMORY_GB)
per_million.add("requests", 1e6)
per_million.add("traffic", 1e6 * down_bytes)
# es: el registro se guarda un mes
# en: the log is kept for a month
per_million.add("storage", 1e6 * record_bytes)
tables.show(
    [
        {LINES[line]: dollars for line, dollars in per_million.lines.items()}
        | {tr(es="total ($)", en="total ($)"): per_million.total}
    ],
    caption=tr(
        es=f"Un millón de pulsaciones: {1000 * request_s:.0f} ms y {down_bytes:.0f} bytes de respuesta cada una, y {record_bytes:.0f} que se guardan",
        en=f"A million keystrokes: {1000 * request_s:.0f} ms and {down_bytes:.0f} bytes of answer each, and {record_bytes:.0f} that are kept",
    ),
)

# %% [markdown] lang="es" row="37" slide="subslide"
# Un mes de 20 millones de pulsaciones al día (el 5 % de clientes que pagan), de diez en diez minutos, con un reloj simulado. Y tres percances:
#
# - **tormenta de reintentos**: el día 10, durante seis horas de la mañana, algo de lo que depende el servicio se cuelga. Cada intento ocupa su memoria hasta que vence un plazo de 10 s, y falla. La aplicación, la pasarela y el servicio lo intentan tres veces **cada uno**: $3 \cdot 3 \cdot 3 = 27$ intentos;
# - **máquina olvidada**: una GPU encendida para una prueba el día 5, que nadie apaga;
# - **éxito**: durante cinco días, el tráfico gratuito se multiplica por 60.
#
# El servicio **escala solo**: siempre hay máquinas para todos los intentos. (Un supuesto a propósito: las nubes traen un límite de ejecuciones simultáneas, en Lambda 1000 por cuenta y región si no pides más. Ahora verás lo que vale.)
#
# **Predice:** ¿cuántas veces la factura de un mes tranquilo cuestan las seis horas de la tormenta?
# %% [markdown] lang="en" row="37" slide="subslide"
# A month of 20 million keystrokes a day (5 % from customers who pay), ten minutes at a time, on a simulated clock. And three mishaps:
#
# - **retry storm**: on day 10, for six hours of the morning, something that the service depends on hangs. Each attempt holds its memory until a timeout of 10 s expires, and fails. The app, the gateway and the service try three times **each**: $3 \cdot 3 \cdot 3 = 27$ attempts;
# - **forgotten machine**: a GPU switched on for a test on day 5, that nobody switches off;
# - **success**: for five days the free traffic is 60 times as large.
#
# The service **scales by itself**: there are always machines for all attempts. (Assumed on purpose: clouds come with a limit of executions at a time, on Lambda 1000 per account and region unless you ask for more. You will see what it is worth.)
#
# **Predict:** how many bills of a quiet month do the six hours of the storm cost?

# %%
quiet_months_in_a_storm = None

# %% slide="fragment"
STEP_S, DAYS = 600, 30
STEPS = DAYS * 86_400 // STEP_S
A_DAY, PAYING, TIMEOUT_S, TRIES = 20e6, 0.05, 10.0, 27


def demand(step):
    """Requests (free, paying) in this step: more by day than by night."""
    wave = 1 + 0.8 * math.sin(2 * math.pi * (step * STEP_S / 86_400 - 0.3))
    all_of_them = A_DAY * STEP_S / 86_400 * wave
    return all_of_them * (1 - PAYING), all_of_them * PAYING


def month(mishaps=(), guard=None, most_at_once=None, storm=10.3):
    """A month's bill, line by line, what has been spent after each step, and the requests {kind: (asked, answered)}."""
    meter, spent, tried, idle = Meter(), [], [], []
    asked, answered, stored = Counter(), Counter(), 0.0
    for step in range(STEPS):
        day = step * STEP_S / 86_400
        requests_of = dict(zip(("free", "paying"), demand(step), strict=True))
        if "success" in mishaps and 20 <= day < 25:
            requests_of["free"] *= 60
        crowd = {"free": "crowd"} if "success" in mishaps and 20 <= day < 25 else {}
        asked.update({crowd.get(kind, kind): count for kind, count in requests_of.items()})
        hangs = "storm" in mishaps and storm <= day < storm + 0.25
        tries, seconds = (TRIES, TIMEOUT_S) if hangs else (1, request_s)
        if guard:
            tries = min(tries, guard.tries)
            for kind, share in guard.admits.items():
                requests_of[kind] *= share
        attempts = tries * sum(requests_of.values())
        # es: lo que no cabe se rechaza en el acto y no se cobra, sea de quien sea
        # en: what does not fit is refused on the spot and not charged, whoever it is from
        fits = min(1.0, most_at_once * STEP_S / seconds / attempts) if most_at_once else 1.0
        attempts *= fits
        meter.add("compute", attempts * seconds * MEMORY_GB)
        meter.add("requests", attempts)
        # es: el registro apunta todos los intentos, y nadie lo borra
        # en: the log takes down every attempt, and nobody deletes it
        stored += attempts * record_bytes
        meter.add("storage", stored / STEPS)
        if not hangs:
            meter.add("traffic", attempts * down_bytes)
            answered.update({crowd.get(kind, kind): fits * n for kind, n in requests_of.items()})
        idle.append("machine" in mishaps and day >= 5 and not (guard and guard.idle_machines_off))
        meter.add("machines", idle[-1] * STEP_S / 3600)
        tried.append(tries)
        spent.append(meter.total)
        if guard:
            guard.look(spent, tried, idle)
    return meter.lines, spent, {kind: (asked[kind], answered[kind]) for kind in asked}


quiet = sum(month()[0].values())
MISHAPS = {
    (): tr(es="mes tranquilo", en="quiet month"),
    ("storm",): tr(es="tormenta de reintentos", en="retry storm"),
    ("machine",): tr(es="máquina olvidada", en="forgotten machine"),
    ("success",): tr(es="éxito", en="success"),
}
bills = {mishaps: month(mishaps)[0] for mishaps in MISHAPS}
tables.show(
    [
        {
            "": MISHAPS[mishaps],
            **{label: bills[mishaps][line] for line, label in LINES.items()},
            tr(es="total ($)", en="total ($)"): float(sum(bills[mishaps].values())),
        }
        for mishaps in MISHAPS
    ],
    caption=tr(es="La factura de un mes, sin tope", en="A month's bill, without a guard"),
)
compare(
    tr(
        es="meses tranquilos que cuesta la tormenta de seis horas",
        en="quiet months that the storm of six hours costs",
    ),
    predicted=quiet_months_in_a_storm,
    measured=(sum(bills["storm",].values()) - quiet) / quiet,
    unit="×",
    note=tr(
        es=f"Si la tormenta llega de madrugada: {sum(month(('storm',), storm=10)[0].values()) / quiet - 1:.0f}×.",
        en=f"If the storm comes before dawn: {sum(month(('storm',), storm=10)[0].values()) / quiet - 1:.0f}×.",
    ),
)

# %% slide="fragment"
a_month = A_DAY * DAYS * record_bytes
at_first, later = a_month / 2 * PRICES["storage"], 23.5 * a_month * PRICES["storage"]
print(
    tr(
        es=f"El registro de un mes tranquilo ocupa {a_month / 1e9:.0f} GB, y guardarlos cuesta ese mes {at_first:.2f} $.\n"
        f"Si nadie borra nada, dos años después se pagan al mes {later:.2f} $ por lo mismo.",
        en=f"The log of a quiet month takes {a_month / 1e9:.0f} GB, and keeping them costs ${at_first:.2f} that month.\n"
        f"If nobody deletes anything, two years later one pays ${later:.2f} a month for the same.",
    )
)

# %% [markdown] lang="es" row="37" slide="subslide"
# Mira la línea que ha crecido. No son las peticiones (veintisiete veces más durante seis horas no es tanto en un mes): son los **segundos** que cada una ocupa esperando a nada. Quien vigila el número de peticiones no ve venir esta factura. Y «escala solo» no pone techo: **es** lo que la hace crecer. El techo es otra cosa, un máximo de ejecuciones a la vez. El **almacenamiento** es la línea callada: calderilla el primer mes, y sube todos los meses sin que nadie haga nada (y es, además, lo que se lleva quien entra en el servidor).
#
# ### Un tope de gasto
#
# Aquí va un programa que mira el gasto cada diez minutos, extrapola hasta fin de mes y, si se pasa del presupuesto (tres meses tranquilos), busca la causa, **de lo que menos duele a lo que más**:
#
# 1. si hay máquinas que no atienden a nadie, las apaga;
# 2. si no, y cada petición da lugar a varios intentos, quita los reintentos;
# 3. si no, rechaza tráfico gratuito, a mitades, hasta dejar uno de cada 64 (y lo readmite poco a poco); el de pago no se toca.
#
# Y una pregunta de diseño: ¿qué mira? La factura del proveedor llega con horas de retraso; un contador propio, al momento. Quien mira tarde tiene además que **esperar a ver el efecto** de lo último que hizo antes de volver a actuar.
# %% [markdown] lang="en" row="37" slide="subslide"
# Look at the line that has grown. It is not the requests (twenty-seven times as many for six hours is not that much in a month): it is the **seconds** that each one spends waiting for nothing. Whoever watches the number of requests does not see this bill coming. Nor does "it scales by itself" put a ceiling on it: that **is** what makes it grow. The ceiling is something else, a maximum of executions at a time. **Storage** is the quiet line: small change in the first month, and it climbs every month without anybody doing anything (and it is what whoever breaks into the server takes away, too).
#
# ### A budget guard
#
# Here is one that looks at the spending every ten minutes, extrapolates to the end of the month and, if that exceeds the budget (three quiet months), looks for the cause, **from what hurts least to what hurts most**:
#
# 1. if there are machines that serve nobody, it switches them off;
# 2. if not, and each request gives rise to several attempts, it removes the retries;
# 3. if not, it refuses free traffic, by halves, down to one in 64 (and readmits it little by little); the paying one is not touched.
#
# And a question of design: what does it look at? The provider's bill comes hours late; a meter of your own, at once. Whoever looks late must also **wait to see the effect** of the last thing done before acting again.


# %% slide="fragment"
class Guard:
    """Keeps the month's forecast under `budget` dollars, seeing what happens `delay` steps late."""

    def __init__(self, budget, delay=0):
        self.budget, self.delay = budget, delay
        self.tries, self.idle_machines_off, self.acted = TRIES, False, -1
        self.admits = {"free": 1.0, "paying": 1.0}

    def look(self, spent, tries, idle):
        """What has been spent after each step, and at each one the tries per request and whether a machine was idle."""
        seen = len(spent) - 1 - self.delay
        # es: lo que ve tiene que ser posterior a lo último que hizo
        # en: what it sees must be later than the last thing it did
        if seen < 1 or seen <= self.acted:
            return
        # es: al ritmo de los últimos diez minutos que conoce, hasta fin de mes
        # en: at the pace of the last ten minutes that it knows of, until the end of the month
        forecast = spent[seen] + (spent[seen] - spent[seen - 1]) * (STEPS - seen)
        if forecast < 0.8 * self.budget:
            self.admits["free"] = min(1.0, 1.1 * self.admits["free"])
        if forecast <= self.budget:
            return
        self.acted = len(spent) - 1
        if idle[seen] and not self.idle_machines_off:
            self.idle_machines_off = True
        elif tries[seen] > 1 and self.tries > 1:
            self.tries = 1
        else:
            self.admits["free"] = max(1 / 64, self.admits["free"] / 2)


budget = 3 * quiet
all_mishaps = ("storm", "machine", "success")
WATCHES = {
    tr(es="sin tope", en="no guard"): {},
    tr(
        es="sin tope, 1000 ejecuciones a la vez como mucho",
        en="no guard, at most 1000 executions at a time",
    ): {"most_at_once": 1000},
    tr(es="tope, con la factura (8 h tarde)", en="guard, on the bill (8 h late)"): {
        "guard": Guard(budget, delay=8 * 3600 // STEP_S)
    },
    tr(es="tope, con contador propio", en="guard, on a meter of its own"): {
        "guard": Guard(budget)
    },
    tr(
        es="contador propio, y 1000 a la vez como mucho",
        en="meter of its own, and at most 1000 at a time",
    ): {"guard": Guard(budget), "most_at_once": 1000},
}
rows, paths = [], {}
for name, options in WATCHES.items():
    lines, paths[name], outcome = month(all_mishaps, **options)
    rows.append(
        {
            "": name,
            tr(es="factura ($)", en="bill ($)"): float(sum(lines.values())),
            tr(es="veces el presupuesto", en="times the budget"): sum(lines.values()) / budget,
            **{
                label: 100 * outcome[kind][1] / outcome[kind][0]
                for kind, label in {
                    "paying": tr(es="de pago atendidas (%)", en="paying answered (%)"),
                    "free": tr(es="gratuitas, días normales (%)", en="free, ordinary days (%)"),
                    "crowd": tr(es="gratuitas, en el éxito (%)", en="free, in the success (%)"),
                }.items()
            },
        }
    )
tables.show(
    rows,
    caption=tr(
        es=f"Los tres percances en un mes, con un presupuesto de {budget:.0f} $",
        en=f"The three mishaps in one month, with a budget of ${budget:.0f}",
    ),
)
fig, ax = plots.subplots(figsize=(8.8, 3.8))
days = np.arange(1, STEPS + 1) * STEP_S / 86_400
for style, (name, spent) in zip(("-", ":", "--", "-", "-."), paths.items(), strict=True):
    ax.plot(days, spent, style, label=name)
ax.axhline(budget, color=plots.FAINT, linestyle="--", linewidth=1)
ax.annotate(
    tr(es="presupuesto", en="budget"),
    (0.3, budget),
    xytext=(0, 4),
    textcoords="offset points",
    fontsize=9,
)
ax.set(
    yscale="log",
    ylim=(10, None),
    xlabel=tr(es="día del mes", en="day of the month"),
    ylabel=tr(es="gastado ($, esc. log.)", en="spent ($, log scale)"),
)
ax.yaxis.set_major_formatter("{x:g}")
ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
plots.show(
    fig,
    alt=tr(
        es="Gasto acumulado a lo largo del mes, en escala logarítmica. Sin tope salta el día 10; el tope que mira la factura no evita el salto; el del contador propio y el límite de ejecuciones lo dejan en un escalón mucho menor.",
        en="Spending over the month, on a log scale. Without a guard it jumps on day 10; the guard that looks at the bill does not prevent the jump; the one with its own meter and the limit of executions reduce it to a much smaller step.",
    ),
)

# %% [markdown] lang="es" row="37" slide="subslide"
# El tope que mira la factura llega cuando la tormenta ya ha pasado. El del contador propio la ve a los diez minutos, y la factura es decenas de veces menor; pero mira si aun así se ha pasado: diez minutos de tormenta a media mañana ya cuestan más que el presupuesto de un mes. Y ahí no acaba el daño: gastado el dinero, ninguna previsión vuelve a caber, y ese tope deja fuera a casi todo el tráfico gratuito **el resto del mes** (mira los días normales). Quien reacciona, por deprisa que lo haga, llega después; y quien llega tarde corta luego de más.
#
# El límite de ejecuciones actúa **antes**, sin mirar nada. Solo no basta: no apaga la máquina olvidada ni frena el éxito, y no distingue a quién rechaza (si el éxito no cupiera, perderían también los de pago). Los dos juntos sí acaban el mes dentro del presupuesto. (Un aviso a fin de mes ni lo hemos probado: cuando llega, está todo gastado.)
#
# ### A partir de qué volumen compensa el borde
#
# Calcular en el borde tampoco es gratis: hay que mantener la aplicación para cada plataforma (supongamos un quinto de persona: 2000 dólares al mes) y enviar cada versión del modelo a todos los aparatos. A cambio, cada predicción cuesta cero… a tu factura: la batería la pone el usuario.
#
# **Predice:** con 100 000 aparatos y nuestro modelo pequeño, ¿a partir de cuántas pulsaciones **por aparato y día** sale más barato el borde?
# %% [markdown] lang="en" row="37" slide="subslide"
# The guard that looks at the bill arrives when the storm is over. The one with its own meter sees it after ten minutes, and the bill is tens of times smaller; but look whether it is over the budget all the same: ten minutes of storm in mid-morning already cost more than a month's budget. Nor does the damage end there: with the money spent no forecast fits any more, and that guard keeps nearly all of the free traffic out **for the rest of the month** (look at the ordinary days). Whoever reacts, however fast, comes afterwards; and whoever comes late then cuts too much.
#
# The limit of executions acts **before**, without looking at anything. By itself it is not enough: it neither switches the forgotten machine off nor slows the success down, and it cannot tell whom it refuses (if the success did not fit, those who pay would lose as well). The two together do end the month within the budget. (An alert at the end of the month we have not even tried: when it comes, everything is spent.)
#
# ### From which volume on the edge pays
#
# Computing at the edge is not free either: the app has to be maintained for each platform (say a fifth of a person: 2000 dollars a month), and each version of the model has to be sent to all devices. In exchange each prediction costs zero… on your bill: the battery is the user's.
#
# **Predict:** with 100 000 devices and our small model, from how many keystrokes **per device and day** on is the edge cheaper?

# %%
keystrokes_a_day_at_the_crossing = None

# %% slide="fragment"
devices, versions_a_month, upkeep = 100_000, 2, 2000.0
send = devices * versions_a_month * main_model.size * PRICES["traffic"]


def edge_month(times_heavier=1):
    """Dollars a month: upkeep, and each version of the model sent to all devices."""
    return upkeep + send * times_heavier


def cloud_month(a_day, times_heavier=1):
    """Dollars a month: `a_day` predictions per device, by a model with `times_heavier` times the bytes and the inference."""
    meter, n = Meter(), devices * a_day * 30
    meter.add("requests", n)
    seconds = math.ceil(1000 * inference_s * times_heavier) / 1000
    meter.add("compute", n * seconds * MEMORY_GB)
    meter.add("traffic", n * down_bytes)
    meter.add("storage", n * record_bytes)
    return meter.total


crossing = {times: edge_month(times) / cloud_month(1, times) for times in (1, 100)}
# es: con mil veces más aparatos, lo que se envía crece y las personas son las mismas
# en: with a thousand times the devices, what is sent grows and the people are the same
crossing_at_scale = (upkeep + 1000 * send) / (1000 * cloud_month(1))
fig, ax = plots.subplots(figsize=(8.4, 3.7))
volumes = np.logspace(1, 4.5, 100)
for style, times in zip(("-", "--"), crossing, strict=True):
    weight = (
        tr(es="nuestro modelo", en="our model")
        if times == 1
        else tr(es=f"{times} veces más pesado", en=f"{times} times heavier")
    )
    bills_of = [cloud_month(v, times) for v in volumes]
    name = tr(es="nube", en="cloud")
    ax.plot(volumes, bills_of, style, color=plots.BLUE, label=f"{name}, {weight}")
    name = tr(es="borde", en="edge")
    at_the_edge_of = [edge_month(times)] * len(volumes)
    ax.plot(volumes, at_the_edge_of, style, color=plots.VERMILION, label=f"{name}, {weight}")
    ax.plot(crossing[times], edge_month(times), "o", color=plots.INK, markersize=5)
ax.set(
    xscale="log",
    yscale="log",
    xlabel=tr(es="predicciones por aparato y día", en="predictions per device and day"),
    ylabel=tr(es="$ al mes", en="$ a month"),
)
ax.xaxis.set_major_formatter("{x:g}")
ax.yaxis.set_major_formatter("{x:g}")
ax.legend(fontsize=9)
plots.show(
    fig,
    alt=tr(
        es="Coste mensual según las predicciones por aparato y día, en escalas logarítmicas, con dos modelos. La nube crece en línea recta; el borde es una línea horizontal que la corta. El modelo más pesado sube las dos.",
        en="Monthly cost against predictions per device and day, on log scales, for two models. The cloud grows in a straight line; the edge is a horizontal line that crosses it. The heavier model raises both.",
    ),
)
compare(
    tr(
        es="pulsaciones por aparato y día en que se cruzan, con nuestro modelo",
        en="keystrokes per device and day at the crossing, with our model",
    ),
    predicted=keystrokes_a_day_at_the_crossing,
    measured=crossing[1],
    unit="",
    note=tr(
        es=f"Con un modelo 100 veces más pesado: {crossing[100]:.0f}. Enviar las versiones: {send:.0f} $ al mes, y {100 * send:.0f} las del pesado. Con mil veces más aparatos y nuestro modelo, se cruzan en {crossing_at_scale:.0f}.",
        en=f"With a model 100 times heavier: {crossing[100]:.0f}. Sending the versions: ${send:.0f} a month, and ${100 * send:.0f} for the heavy one. With a thousand times the devices and our model, the crossing is at {crossing_at_scale:.0f}.",
    ),
)

# %% [markdown] lang="es" row="37" slide="subslide"
# «El borde es más barato» depende, pues, del volumen: con un modelo pequeño, la nube cuesta céntimos por aparato, y lo caro del borde son **las personas** que lo mantienen. Un modelo más pesado encarece los dos lados, porque también hay que enviarlo. Lo robusto es la forma: la nube crece con el uso y el borde no. Pero que las líneas se crucen no basta: con mil aparatos en vez de cien mil, el cruce pide más pulsaciones de las que nadie da en un día.
#
# La cuenta favorece a la nube y al borde en cosas distintas: no cobra a la nube mantener su aplicación, que también hace falta, y la compara pagando por petición. A partir de cierto volumen, el rival honrado del borde es un **servidor pequeño siempre encendido**, que cuesta lo mismo con una petición que con un millón. Las cifras son de tus supuestos: cámbialos.
# %% [markdown] lang="en" row="37" slide="subslide"
# So "the edge is cheaper" depends on the volume: with a small model the cloud costs cents per device, and what is expensive about the edge are **the people** who maintain it. A heavier model makes both sides dearer, because it also has to be sent. What is robust is the shape: the cloud grows with use and the edge does not. But it is not enough that the lines cross: with a thousand devices instead of a hundred thousand, the crossing takes more keystrokes than anybody types in a day.
#
# The sum favours each side in something: it does not charge the cloud for maintaining its app, which is needed too, and it compares it paying per request. From some volume on, the edge's honest rival is a **small server that is always on**, which costs the same for one request as for a million. The figures belong to your assumptions: change them.

# %% [markdown] lang="es" row="38" slide="slide"
# ## Combinar
#
# La diapositiva propone tres mezclas: lo frecuente, ya calculado en el aparato; un servidor en cada almacén; y lo que calcula la nube, guardado en el aparato. Probamos las tres, y lo que hay que cuidar en cada una.
#
# ### Una tabla en el aparato
#
# La nube calcula de antemano las sugerencias para los contextos frecuentes (aquí, las dos últimas palabras) y el aparato lleva solo esa tabla: ni modelo ni red.
#
# **Predice:** con los 2000 contextos más frecuentes del texto de entrenamiento, ¿qué porcentaje de las peticiones de un texto **nuevo** encontrará respuesta?
# %% [markdown] lang="en" row="38" slide="slide"
# ## Combining
#
# The slide proposes three mixtures: what is frequent, computed beforehand and on the device; a server in each warehouse; and what the cloud computes, kept on the device. We try all three, and what must be taken care of in each.
#
# ### A table on the device
#
# The cloud computes the suggestions for the frequent contexts (here, the last two words) beforehand, and the device carries that table alone: no model and no network.
#
# **Predict:** with the 2000 most frequent contexts of the training text, which percentage of the requests of a **new** text will find an answer?

# %%
hit_percent_with_2000_contexts = None


# %% slide="fragment"
def contexts(split):
    """Each pair of words that a keyboard would be asked about, in the order of the text."""
    for text in device_model.paragraphs(LANG, split):
        words = device_model.readable(device_model.tokens(text))
        yield from zip(words, words[1:], strict=False)


def answer_for(model, context):
    return [each.word for each in model.suggest(" ".join(context) + " ", LANG)]


frequent = Counter(contexts("train")).most_common()
trace = list(contexts("test"))
sample = {context: answer_for(main_model, context) for context, _ in frequent[:200]}
bytes_each = (
    len(json.dumps([[*c, *a] for c, a in sample.items()], ensure_ascii=False).encode()) / 200
)
sizes = [200, 2000, 20_000]
hits = {}
for size in sizes:
    table = {context for context, _ in frequent[:size]}
    hits[size] = 100 * sum(context in table for context in trace) / len(trace)
tables.show(
    [
        {
            tr(es="contextos en la tabla", en="contexts in the table"): size,
            tr(es="tamaño (kB)", en="size (kB)"): size * bytes_each / 1000,
            tr(es="tamaño, frente al modelo (%)", en="size, against the model (%)"): 100
            * size
            * bytes_each
            / main_model.size,
            tr(es="aciertos en texto nuevo (%)", en="hits on new text (%)"): hits[size],
        }
        for size in sizes
    ],
    caption=tr(
        es=f"Tabla en el aparato: {len(trace)} peticiones de texto que no se usó para hacerla",
        en=f"A table on the device: {len(trace)} requests from text that was not used to make it",
    ),
)
compare(
    tr(es="aciertos con 2000 contextos", en="hits with 2000 contexts"),
    predicted=hit_percent_with_2000_contexts,
    measured=hits[2000],
    unit="%",
)

# %% [markdown] lang="es" row="38" slide="subslide"
# Cada vez que la tabla se multiplica por diez gana más o menos los mismos puntos, así que cada contexto nuevo aporta una décima parte que los anteriores: el lenguaje tiene una cola larguísima, y lo que escribe la gente es, en buena parte, nuevo (la unidad 04 lo midió con una distribución de Zipf). Y acertar aquí solo significa que **hay respuesta**, no que sea buena; además, la tabla no sabe terminar una palabra a medias. Sirve de **primera línea**: responde al momento y sin red a lo corriente, y deja la cola a otro.
#
# ### Un servidor en el almacén
#
# En un almacén, los operarios escriben notas con ayuda de un **servidor local**: allí está el modelo, a un salto de red local. La central quiere cada nota, una vez y en orden. Pero el enlace con la central se corta.
#
# El servidor local guarda cada nota en su **bandeja de salida** (*outbox*): una tabla SQLite, en la misma transacción en que acepta la nota. Un hilo la va enviando y borra lo que la central confirma. Comparamos tres versiones:
#
# - **enviar y olvidar**: se borra de la bandeja al enviarla; si no llega, mala suerte;
# - **insistir**: se borra con el acuse, y hasta entonces se reenvía, pero la central apunta todo lo que le llega;
# - **bandeja con clave**: lo mismo, y cada nota lleva un número; la central ignora los que ya tiene. (Con más de un almacén, la clave sería el par almacén y número.)
#
# Los cortes son de verdad y llegan en el peor momento: cuando un envío **ya ha llegado** y su acuse (la confirmación) va de vuelta. Y en mitad de un corte largo **matamos** el servidor local con `SIGKILL` y lo volvemos a encender. (Una muerte repentina, no un apagón: el sistema operativo sigue vivo y acaba de escribir lo que tenía. Contra un apagón, `pragma synchronous = full`.) El comprobador de historias de la unidad 02 nombra las anomalías.
# %% [markdown] lang="en" row="38" slide="subslide"
# Each time the table grows tenfold it gains about the same points, so each new context adds a tenth of what the previous ones did: language has a very long tail, and much of what people write is new (unit 04 measured it by a Zipf distribution). And a hit only means here that **there is an answer**, not that it is a good one; besides, the table cannot finish a half-typed word. It is good as a **first line**: it answers the ordinary at once and without a network, and leaves the tail to somebody else.
#
# ### A server in the warehouse
#
# In a warehouse the workers type notes with the help of a **local server**: the model is there, one hop of local network away. Headquarters wants each note, once and in order. But the link to headquarters gets cut.
#
# The local server keeps each note in its **outbox**: a SQLite table, in the same transaction in which it accepts the note. A thread sends them and deletes what headquarters confirms. We compare three versions:
#
# - **send and forget**: it is deleted from the outbox as it is sent; if it does not arrive, bad luck;
# - **insist**: it is deleted on acknowledgement, and sent again until then, but headquarters writes down all that arrives;
# - **outbox with a key**: the same, and each note carries a number; headquarters ignores those that it has. (With more than one warehouse, the key would be the pair of warehouse and number.)
#
# The cuts are real and come at the worst moment: when a sending **has arrived** and its acknowledgement is on the way back. And in the middle of a long cut we **kill** the local server by `SIGKILL` and switch it on again. (A sudden death, not a power cut: the operating system lives on and finishes writing what it had. Against a power cut, `pragma synchronous = full`.) The history checker of unit 02 names the anomalies.

# %% slide="subslide"
from mlprod.systems import history


def headquarters(path, ignores_known, ready, stopping):
    """The cloud side, as a process: keeps the notes it gets, in the order of arrival."""
    app = FastAPI()
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.execute("create table notes (arrival integer primary key, number, text)")
    database.execute("create table known (number unique)")

    @app.post("/notes")
    async def take(request: Request):
        # es: las notas y sus números, o todo o nada
        # en: the notes and their numbers, all or nothing
        database.execute("begin")
        for number, text in await request.json():
            new = database.execute("insert or ignore into known values (?)", (number,)).rowcount
            if new or not ignores_known:
                database.execute("insert into notes (number, text) values (?, ?)", (number, text))
        database.execute("commit")
        return {}

    services.serve_http(app, ready, stopping)


def rack(path, uplink, how_many, every_s, insists, ready, stopping):
    """The local server, as a process: a note each `every_s` seconds, a suggestion made here, and the note sent up."""
    model = device_model.load("main")
    writing = sqlite3.connect(path, isolation_level=None)
    # es: para leer la bandeja mientras se escribe en ella (write-ahead log)
    # en: to read the outbox while it is written to (write-ahead log)
    writing.execute("pragma journal_mode = wal")
    writing.execute("create table if not exists outbox (number integer primary key, text)")
    writing.execute("create table if not exists accepted (number integer primary key, seconds)")
    written = threading.Event()

    def send_what_there_is(client, database):
        batch = database.execute(
            "select number, text from outbox order by number limit 20"
        ).fetchall()
        if not batch:
            return False
        if not insists:
            database.execute("delete from outbox where number <= ?", (batch[-1][0],))
        client.post("/notes", json=batch).raise_for_status()
        # es: solo ahora, con el acuse, se borra
        # en: only now, with the acknowledgement, is it deleted
        database.execute("delete from outbox where number <= ?", (batch[-1][0],))
        return True

    def sender():
        with (
            closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as database,
            services.http_client(uplink, timeout=2) as client,
        ):
            while not stopping.is_set():
                with suppress(httpx.HTTPError):
                    if not send_what_there_is(client, database) and written.is_set():
                        return
                sleep(0.01)

    ready()
    thread = threading.Thread(target=sender, daemon=True)
    thread.start()
    # es: al volver sigue donde lo dejó: lo aceptado está en el disco
    # en: when it comes back it goes on where it was: what was accepted is on the disk
    first = writing.execute("select coalesce(max(number) + 1, 0) from accepted").fetchone()[0]
    for number in range(first, how_many):
        begin = perf_counter()
        begun = tr(es="el paquete ", en="the package ")
        text = f"{number}: {begun}" + model.suggest(begun, LANG)[0].word
        seconds = perf_counter() - begin
        writing.execute("begin")
        writing.execute("insert into accepted values (?, ?)", (number, seconds))
        writing.execute("insert into outbox values (?, ?)", (number, text))
        writing.execute("commit")
        sleep(every_s)
    written.set()
    # es: hasta que la bandeja quede vacía
    # en: until the outbox is empty
    thread.join(60)


# %% [markdown] lang="es" row="38" slide="subslide"
# **Predice:** con la bandeja que insiste pero **sin clave**, ¿cuántas de las 300 notas acabarán repetidas en la central? (Hay siete cortes breves, y cada envío lleva las notas que haya en la bandeja, veinte como mucho.)
# %% [markdown] lang="en" row="38" slide="subslide"
# **Predict:** with the outbox that insists but **without a key**, how many of the 300 notes will end up repeated at headquarters? (There are seven short cuts, and each sending carries the notes that are in the outbox, twenty at most.)

# %%
notes_repeated_without_a_key = None

# %% slide="fragment"
NOTES, EVERY_S = 300, 0.012
VERSIONS = {
    tr(es="enviar y olvidar", en="send and forget"): (False, False),
    tr(es="insistir, sin clave", en="insist, without a key"): (True, False),
    tr(es="bandeja con clave", en="outbox with a key"): (True, True),
}


def cut_at_the_worst_moment(link):
    """Wait until something has reached headquarters, and cut the link while its acknowledgement is on the way."""
    before, deadline = link.counters.up_bytes, monotonic() + 2
    while link.counters.up_bytes == before and monotonic() < deadline:
        sleep(0.002)
    sleep(0.02)
    link.cut()
    sleep(0.05)
    link.restore()


def warehouse(insists, ignores_known):
    """One version, to the last note: (accepted, arrived, still in the outbox, seconds of the local suggestions)."""
    folder = workspace() / f"warehouse-{insists}-{ignores_known}"
    folder.mkdir()
    box, kept = str(folder / "outbox.sqlite"), str(folder / "headquarters.sqlite")
    # es: una central lejana
    # en: headquarters far away
    far = network.Conditions(rtt_ms=160)
    with (
        processes.start(headquarters, kept, ignores_known) as central,
        network.link(central.address, far, seed=38) as link,
    ):
        job = box, link.address, NOTES, EVERY_S, insists
        local = processes.start(rack, *job)
        try:
            for _ in range(5):
                cut_at_the_worst_moment(link)
            link.cut()
            sleep(0.5)
            local.kill()
            local = processes.start(rack, *job)
            sleep(0.3)
            link.restore()
            for _ in range(2):
                cut_at_the_worst_moment(link)
            local.result(timeout=60)
        finally:
            local.stop()
    with closing(sqlite3.connect(kept)) as database, closing(sqlite3.connect(box)) as mine:
        arrived = database.execute("select number from notes order by arrival").fetchall()
        local_s = mine.execute("select seconds from accepted").fetchall()
        accepted = mine.execute("select number from accepted order by number").fetchall()
        (left,) = mine.execute("select count(*) from outbox").fetchone()
    return accepted, arrived, left, [s for (s,) in local_s]


with ThreadPoolExecutor(3) as pool:
    runs = [pool.submit(warehouse, *version) for version in VERSIONS.values()]
    for run in tqdm(runs, desc=tr(es="almacenes", en="warehouses"), leave=False):
        run.result()
outcomes = {}
rows = []
for name, run in zip(VERSIONS, runs, strict=True):
    accepted, arrived, left, local_s = run.result()
    first_arrivals = list(dict.fromkeys(arrived))
    outcomes[name] = history.check(
        [("notes", number) for (number,) in accepted], [("notes", number) for (number,) in arrived]
    )
    rows.append(
        {
            "": name,
            tr(es="aceptadas", en="accepted"): len(accepted),
            tr(es="en la central", en="at headquarters"): len(arrived),
            tr(es="aún en la bandeja", en="still in the outbox"): left,
            tr(es="perdidas", en="lost"): len(outcomes[name].lost),
            tr(es="repetidas", en="repeated"): len(outcomes[name].duplicated),
            tr(es="en orden", en="in order"): first_arrivals == sorted(first_arrivals),
            tr(es="sugerencia local, p95 (ms)", en="local suggestion, p95 (ms)"): 1000
            * float(np.percentile(local_s, 95)),
        }
    )
tables.show(
    rows,
    caption=tr(
        es="Ocho cortes del enlace y una muerte repentina del servidor local (en orden: por su primera llegada)",
        en="Eight cuts of the uplink and one sudden death of the local server (in order: by first arrival)",
    ),
)
_, insisting, with_key = outcomes.values()
print(with_key)
compare(
    tr(es="notas repetidas, sin clave", en="notes repeated, without a key"),
    predicted=notes_repeated_without_a_key,
    measured=len(insisting.duplicated),
    unit="",
    note=tr(
        es="Depende de qué iba en camino en cada corte: cambia de una ejecución a otra.",
        en="It depends on what was under way at each cut: it changes from run to run.",
    ),
)

# %% [markdown] lang="es" row="38" slide="subslide"
# La sugerencia sale del servidor local, haya o no enlace, y las notas se aceptan todas. Para la central, la receta es la de la unidad 02: **al menos una vez** (la bandeja, que se borra con el acuse y no antes) más un **destino idempotente** (la clave) es, en la práctica, una sola vez. Las repeticiones sin clave vienen de envíos que **llegaron** y cuyo acuse cortó la red: desde el almacén no se pueden distinguir de los que no llegaron.
#
# Si dos almacenes cambiasen **el mismo** dato durante un corte, la bandeja no bastaría: habría que decidir quién gana, y «el que llega el último» premia al que estuvo más tiempo desconectado.
#
# **Con mil almacenes** y un corte en la central, al volver llegan mil bandejas llenas a la vez: hacen falta lotes, espera aleatoria y una central que pueda decir «ahora no». Y la lista de números conocidos no tiene por qué crecer para siempre: como cada almacén envía en orden, basta con recordar **el último** de cada uno.
#
# ### Lo de la nube, guardado en el aparato
#
# Ahora el aparato pregunta a la nube y **guarda** lo que le responde. A mitad de la traza, la nube cambia de modelo (por el pequeño, que acierta menos: aquí solo importa que responde otra cosa). Volvemos a reproducir las peticiones del texto, ya sin red. Cuatro políticas, con sitio para 300 respuestas:
#
# - **sin caché**;
# - **para siempre**: lo guardado vale hasta que no cabe;
# - **TTL**: caduca a las 200 peticiones;
# - **por versión**: cada respuesta de la nube trae la versión del modelo; si cambia, se vacía la caché.
#
# **Predice:** la caché empieza vacía. ¿Qué porcentaje de las peticiones se ahorra con la política «para siempre»?
# %% [markdown] lang="en" row="38" slide="subslide"
# The suggestion comes from the local server, link or no link, and all notes are accepted. For headquarters the recipe is that of unit 02: **at least once** (the outbox, which is deleted on acknowledgement and not before) plus an **idempotent sink** (the key) is, in practice, just once. The repetitions without a key come from sendings that **did arrive** and whose acknowledgement the network cut: from the warehouse they cannot be told from those that did not arrive.
#
# If two warehouses changed **the same** piece of data during a cut, the outbox would not be enough: somebody would have to decide who wins, and "the last one to arrive" rewards the one that was disconnected the longest.
#
# **With a thousand warehouses** and a cut at headquarters, a thousand full outboxes come at once when it is back: it takes batches, a random wait and a headquarters that can say "not now". And the list of known numbers need not grow for ever: as each warehouse sends in order, it is enough to remember **the last one** of each.
#
# ### From the cloud, kept on the device
#
# Now the device asks the cloud and **keeps** what it answers. Halfway through the trace the cloud changes its model (for the small one, which is worse: all that matters here is that it answers differently). We replay the requests of the text, without a network by now. Four policies, with room for 300 answers:
#
# - **no cache**;
# - **for ever**: what is kept is good until there is no room for it;
# - **TTL**: it expires after 200 requests;
# - **by version**: each answer of the cloud brings the version of the model; when it changes, the cache is emptied.
#
# **Predict:** the cache starts empty. Which percentage of the requests does the policy "for ever" save?

# %%
percent_saved_by_the_cache = None

# %% slide="fragment"
from collections import OrderedDict

new_model = device_model.load("small")
asked = trace[:requests]
distinct = sorted(set(asked))
by_version = [
    {
        context: answer_for(model, context)
        for context in tqdm(distinct, desc=tr(es="respuestas", en="answers"), leave=False)
    }
    for model in (main_model, new_model)
]


def on_the_device(policy, ttl=200, room=300):
    """A device that replays the trace: (requests sent to the cloud, answers that the cloud would no longer give)."""
    cache, known, sent, stale = OrderedDict(), 0, 0, 0
    for now, context in enumerate(asked):
        version = int(now >= len(asked) // 2)
        kept = cache.get(context)
        if kept and policy == "ttl" and now - kept[1] >= ttl:
            kept = None
        if kept:
            cache.move_to_end(context)
            stale += kept[0] != by_version[version][context]
            continue
        sent += 1
        if policy == "version" and version != known:
            # es: el aparato solo se entera cuando habla con la nube
            # en: the device only learns of it when it talks to the cloud
            cache.clear()
            known = version
        if policy != "none":
            cache[context] = by_version[version][context], now
            if len(cache) > room:
                cache.popitem(last=False)
    return sent, stale


rows, saved = [], {}
for policy, name in {
    "none": tr(es="sin caché", en="no cache"),
    "forever": tr(es="para siempre", en="for ever"),
    "ttl": tr(es="TTL de 200 peticiones", en="TTL of 200 requests"),
    "version": tr(es="por versión", en="by version"),
}.items():
    sent, stale = on_the_device(policy)
    saved[policy] = 100 * (1 - sent / len(asked))
    rows.append(
        {
            "": name,
            tr(es="aciertos (%)", en="hits (%)"): saved[policy],
            tr(es="kB por la red", en="kB on the network"): sent * (up_bytes + down_bytes) / 1000,
            tr(es="respuestas del modelo viejo", en="answers of the old model"): stale,
        }
    )
changed = sum(by_version[0][context] != by_version[1][context] for context in distinct)
tables.show(
    rows,
    caption=tr(
        es=f"{len(asked)} peticiones; el modelo nuevo cambia {100 * changed / len(distinct):.0f} % de las respuestas",
        en=f"{len(asked)} requests; the new model changes {100 * changed / len(distinct):.0f} % of the answers",
    ),
)
compare(
    tr(es="peticiones que ahorra «para siempre»", en='requests that "for ever" saves'),
    predicted=percent_saved_by_the_cache,
    measured=saved["forever"],
    unit="%",
)

# %% [markdown] lang="es" row="38" slide="subslide"
# Una caché sin invalidación acierta más… porque sigue dando las respuestas del modelo que ya has retirado. La versión cuesta unos bytes en cada respuesta y no da casi ninguna vieja; el TTL gasta tráfico porque caduca también respuestas que siguen siendo válidas. Lo que ninguna arregla: un aparato **sin red** no puede enterarse de que hay un modelo nuevo. Por eso se guarda también la fecha, y se dice (como en la hora de llegada).
#
# El porcentaje de aciertos depende de lo que escriban tus usuarios: esta traza es un libro técnico. Mídelo antes de prometer nada.
# %% [markdown] lang="en" row="38" slide="subslide"
# A cache without invalidation hits more often… because it keeps giving the answers of the model that you have retired. The version costs some bytes in each answer and gives hardly any old one; the TTL spends traffic because it also expires answers that are still valid. What none of them solves: a device **without a network** cannot learn that there is a new model. So keep the date as well, and say it (as with the arrival time).
#
# The share of hits depends on what your users type: this trace is a technical book. Measure it before you promise anything.

# %% [markdown] lang="es" row="39" slide="slide"
# ## Hardware más potente
#
# El primer reto del borde, según la diapositiva, es el hardware, y las noticias de entonces eran chips: el de Tesla (2019) y el que preparaba Google (2020). Los anuncios cuentan operaciones por segundo (TOPS). ¿Con el doble de TOPS, el doble de rápido?
#
# Un programa hace dos cosas: **calcular** y **traer datos de la memoria**. El modelo *roofline* ([Williams, Waterman y Patterson, 2009](https://doi.org/10.1145/1498765.1498785)) dice que manda la más lenta. Si de cada byte que se trae salen $I$ operaciones (su **intensidad aritmética**), lo más que se puede alcanzar es
#
# $$\text{operaciones/s} = \min(\text{pico},\; I \cdot \text{ancho de banda})$$
#
# Midamos las dos cosas en tu procesador, con un solo hilo (el pico, con un producto de matrices grande; el ancho de banda, recorriendo un vector que no cabe en la caché), y coloquemos seis cálculos **distintos**.
# %% [markdown] lang="en" row="39" slide="slide"
# ## More powerful hardware
#
# The edge's first challenge, says the slide, is hardware, and the news of that time were chips: Tesla's (2019) and the one that Google was preparing (2020). Such chips are sold by their operations per second (TOPS). Twice the TOPS, twice as fast?
#
# A program does two things: it **computes** and it **fetches data from memory**. The *roofline* model ([Williams, Waterman and Patterson, 2009](https://doi.org/10.1145/1498765.1498785)) says that the slower of them rules. If out of each byte that is fetched come $I$ operations (its **arithmetic intensity**), the most that can be reached is
#
# $$\text{operations/s} = \min(\text{peak},\; I \cdot \text{bandwidth})$$
#
# Let us measure both on your processor, with a single thread (the peak, by a large product of matrices; the bandwidth, by going through a vector that does not fit the cache), and place six **other** calculations.

# %% slide="fragment"
import torch

# es: un solo hilo: medimos un núcleo, y los vecinos molestan menos
# en: a single thread: we measure one core, and neighbours disturb less
torch.set_num_threads(1)
torch.manual_seed(0)
SIDE = 4096
pool = torch.rand(3 * SIDE * SIDE)
W = pool[: SIDE * SIDE].view(SIDE, SIDE)
x, y, z = pool.view(3, -1)
ones = {n: torch.rand(SIDE, n) for n in (1, 8, 64)}
square, little = torch.rand(1024, 1024), torch.rand(512, 512)
F32 = 4


def best_of(function, times=5):
    """The least time in seconds: what disturbs a measurement only ever makes it longer."""
    function()
    return min(timed(function) for _ in range(times))


def timed(function):
    begin = perf_counter()
    function()
    return perf_counter() - begin


# es: nombre: (operaciones, bytes que pasan por la memoria, cálculo)
# en: name: (operations, bytes that pass through the memory, calculation)
n, m = x.numel(), SIDE * SIDE
KERNELS = {
    tr(es="sumar dos vectores", en="adding two vectors"): (
        n,
        3 * n * F32,
        lambda: torch.add(x, y, out=z),
    ),
    tr(es="producto escalar", en="dot product"): (2 * n, 2 * n * F32, lambda: torch.dot(x, y)),
    tr(es="matriz por vector (un ejemplo)", en="matrix times vector (one example)"): (
        2 * m,
        m * F32,
        lambda: W @ ones[1],
    ),
    tr(es="lote de 8", en="batch of 8"): (16 * m, (m + 16 * SIDE) * F32, lambda: W @ ones[8]),
    tr(es="lote de 64", en="batch of 64"): (128 * m, (m + 128 * SIDE) * F32, lambda: W @ ones[64]),
    tr(es="matriz de 1024 por sí misma", en="matrix of 1024 times itself"): (
        2 * 1024**3,
        3 * 1024**2 * F32,
        lambda: square @ square,
    ),
}
# es: los dos límites se miden con cálculos que no están en la tabla
# en: the two limits are measured by calculations that are not in the table
large = torch.rand(1408, 1408)
LIMITS = {
    "peak": lambda: large @ large,
    # es: dos maneras de recorrerlo: cuenta la que lo haga más deprisa
    # en: two ways of going through it: the faster one counts
    "max": lambda: y.max(),
    "norm": lambda: torch.linalg.vector_norm(y),
}
calculations = {name: function for name, (_, _, function) in KERNELS.items()} | LIMITS
timings = dict.fromkeys(calculations, math.inf)
# es: por turnos, y el mejor de cada uno: si algo estorba un rato, estorba a todos
# en: in turns, and the best of each: what disturbs for a while disturbs all of them
for _ in tqdm(range(8), desc=tr(es="rondas", en="rounds"), leave=False):
    for name, function in calculations.items():
        timings[name] = min(timings[name], timed(function))
rates = {name: KERNELS[name][0] / timings[name] for name in KERNELS}
peak = 2 * 1408**3 / timings["peak"]
bandwidth = n * F32 / min(timings["max"], timings["norm"])


def model_seconds(operations, moved, compute=1.0, memory=1.0):
    """What the roofline says that a calculation takes, on hardware `compute` and `memory` times as fast."""
    return max(operations / (compute * peak), moved / (memory * bandwidth))


# %% [markdown] lang="es" row="39" slide="subslide"
# **Predice:** una capa densa o recurrente que responde a **un** ejemplo multiplica una matriz por un vector; también un modelo de lenguaje que escribe palabra a palabra. Con un chip con el doble de operaciones por segundo, y la misma memoria, ¿cuántas veces más rápido irá, según el modelo?
# %% [markdown] lang="en" row="39" slide="subslide"
# **Predict:** a dense or recurrent layer that answers **one** example multiplies a matrix by a vector; so does a language model that writes word by word. On a chip with twice the operations per second, and the same memory, how many times as fast will it be, according to the model?

# %%
speedup_of_one_example_with_twice_the_compute = None

# %% slide="fragment"
rows = []
for name, (operations, moved, _) in KERNELS.items():
    seconds = model_seconds(operations, moved)
    rows.append(
        {
            tr(es="cálculo", en="calculation"): name,
            tr(es="operaciones por byte", en="operations per byte"): operations / moved,
            tr(es="medido (Gop/s)", en="measured (Gop/s)"): rates[name] / 1e9,
            tr(es="techo (Gop/s)", en="roof (Gop/s)"): operations / seconds / 1e9,
            tr(es="2× cálculo", en="2× compute"): seconds
            / model_seconds(operations, moved, compute=2),
            tr(es="2× memoria", en="2× memory"): seconds
            / model_seconds(operations, moved, memory=2),
        }
    )
tables.show(
    rows,
    formats={
        tr(es="2× cálculo", en="2× compute"): ".2f",
        tr(es="2× memoria", en="2× memory"): ".2f",
    },
    caption=tr(
        es=f"Un hilo de esta máquina: pico {peak / 1e9:.0f} Gop/s, memoria {bandwidth / 1e9:.1f} GB/s. A la derecha, lo que predice el modelo",
        en=f"One thread of this machine: peak {peak / 1e9:.0f} Gop/s, memory {bandwidth / 1e9:.1f} GB/s. On the right, what the model predicts",
    ),
)
one_example = list(KERNELS)[2]
operations, moved, _ = KERNELS[one_example]
compare(
    tr(
        es="veces más rápido, un ejemplo con el doble de cálculo (modelo)",
        en="times as fast, one example with twice the compute (model)",
    ),
    predicted=speedup_of_one_example_with_twice_the_compute,
    measured=model_seconds(operations, moved) / model_seconds(operations, moved, compute=2),
    unit="×",
)
fig, ax = plots.subplots(figsize=(8.4, 4.2))
intensity = np.logspace(-1.5, 3, 200)
ax.plot(
    intensity,
    np.minimum(peak, intensity * bandwidth) / 1e9,
    color=plots.INK,
    label=tr(es="techo", en="roof"),
)
ax.plot(
    intensity,
    np.minimum(2 * peak, intensity * bandwidth) / 1e9,
    ":",
    color=plots.BLUE,
    label=tr(es="con 2× cálculo", en="with 2× compute"),
)
ax.plot(
    intensity,
    np.minimum(peak, intensity * 2 * bandwidth) / 1e9,
    "--",
    color=plots.VERMILION,
    label=tr(es="con 2× memoria", en="with 2× memory"),
)
for marker, (name, (operations, moved, _)) in zip("osD^vP", KERNELS.items(), strict=True):
    ax.plot(
        operations / moved,
        rates[name] / 1e9,
        marker,
        color=plots.INK,
        markerfacecolor="none",
        markeredgewidth=1.8,
        markersize=8,
        label=name,
    )
ax.set(
    xscale="log",
    yscale="log",
    xlabel=tr(es="operaciones por byte", en="operations per byte"),
    ylabel=tr(es="Gop/s", en="Gop/s"),
)
ax.xaxis.set_major_formatter("{x:g}")
ax.yaxis.set_major_formatter("{x:g}")
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
plots.show(
    fig,
    alt=tr(
        es="Roofline de un hilo, en escalas logarítmicas: una rampa que sube con la intensidad y un techo plano. Los cálculos con vectores caen junto a la rampa; los productos de matrices grandes, junto al techo plano.",
        en="Roofline of one thread, on log scales: a ramp that rises with the intensity and a flat roof. The calculations with vectors fall near the ramp; the large products of matrices, near the flat roof.",
    ),
)

# %% [markdown] lang="es" row="39" slide="subslide"
# Sumar vectores o responder a un ejemplo está en la **rampa**: espera a la memoria, y el doble de operaciones por segundo no le da nada. Los productos grandes están junto al techo plano, y a esos el doble de memoria no les da nada. Si un punto queda bastante por debajo de la línea, lo frena algo que el modelo no cuenta: el programa, o bytes de más (para escribir un vector, muchos procesadores lo leen antes: la suma mueve cuatro y no tres). El techo es un límite, no una promesa; si un punto asoma por encima, es que la medida tiene ruido.
#
# Es un modelo. ¿Acierta? No podemos cambiarte el chip, pero sí darle al mismo cálculo **otra memoria**: una matriz pequeña que cabe en la caché del procesador. Las mismas operaciones por byte, un ancho de banda mayor.
#
# **Predice:** ¿cuántas veces más operaciones por segundo hará «matriz por vector» con la matriz en la caché?
# %% [markdown] lang="en" row="39" slide="subslide"
# Adding vectors or answering one example is on the **ramp**: it waits for the memory, and twice the operations per second give it nothing. The large products are near the flat roof, and twice the memory does not speed those up. If a point lies well below the line, something holds it back that the model leaves out: the program, or extra bytes (to write a vector many processors read it first: the addition moves four and not three). The roof is a limit, not a promise; if a point shows above it, the measurement is noisy.
#
# It is a model. Is it right? We cannot change your chip, but we can give the same calculation **another memory**: a small matrix that fits the processor's cache. The same operations per byte, a larger bandwidth.
#
# **Predict:** how many times as many operations per second will "matrix times vector" make with the matrix in the cache?

# %%
times_faster_in_the_cache = None

# %% slide="fragment"
vector = torch.rand(512)
in_cache, half = torch.rand(2, 128 * 1024)
repeat = 200


def many(function):
    def run():
        for _ in range(repeat):
            function()

    return run


cache_s = best_of(many(lambda: torch.mv(little, vector))) / repeat
# es: el ancho de banda de la caché, medido con otro cálculo: el producto escalar
# en: the bandwidth of the cache, measured by another calculation: the dot product
cache_bandwidth = (
    2 * in_cache.numel() * F32 / (best_of(many(lambda: torch.dot(in_cache, half))) / repeat)
)
cache_rate = 2 * 512**2 / cache_s
predicted_rate = min(peak, 0.5 * cache_bandwidth)
tables.show(
    [
        {
            tr(es="matriz por vector", en="matrix times vector"): tr(
                es="en la memoria", en="in memory"
            ),
            tr(es="ancho de banda (GB/s)", en="bandwidth (GB/s)"): bandwidth / 1e9,
            tr(es="modelo (Gop/s)", en="model (Gop/s)"): min(peak, 0.5 * bandwidth) / 1e9,
            tr(es="medido (Gop/s)", en="measured (Gop/s)"): rates[one_example] / 1e9,
        },
        {
            tr(es="matriz por vector", en="matrix times vector"): tr(
                es="en la caché", en="in the cache"
            ),
            tr(es="ancho de banda (GB/s)", en="bandwidth (GB/s)"): cache_bandwidth / 1e9,
            tr(es="modelo (Gop/s)", en="model (Gop/s)"): predicted_rate / 1e9,
            tr(es="medido (Gop/s)", en="measured (Gop/s)"): cache_rate / 1e9,
        },
    ],
    caption=tr(
        es="El mismo cálculo con otra memoria", en="The same calculation with another memory"
    ),
)
compare(
    tr(
        es="veces más rápido con la matriz en la caché",
        en="times as fast with the matrix in the cache",
    ),
    predicted=times_faster_in_the_cache,
    measured=cache_rate / rates[one_example],
    unit="×",
    note=tr(
        es=f"El modelo decía {predicted_rate / min(peak, 0.5 * bandwidth):.1f}×. Lo que falta lo frena algo que el modelo no cuenta.",
        en=f"The model said {predicted_rate / min(peak, 0.5 * bandwidth):.1f}×. What is missing is held back by something that the model leaves out.",
    ),
)
del pool, W, x, y, z

# %% [markdown] lang="es" row="39" slide="subslide"
# Sin cambiar el procesador, el mismo cálculo corre más: lo que le faltaba era memoria. (El modelo acierta el sentido, pero se pasa en la cifra, y a veces por mucho: quitado un límite, aparece otro que no cuenta.) Por eso los chips para el borde presumen de TOPS pero se juegan la velocidad en la memoria que llevan pegada, y por eso **hacer el modelo más pequeño** (menos bytes que traer; unidad 06) acelera lo que un chip con más TOPS no acelera. En un servidor, los lotes (unidad 04) suben la intensidad; el borde suele responder de uno en uno. (Una convolución es otra cosa: usa cada peso en muchos puntos de la imagen, y hasta con un solo ejemplo puede estar junto al techo. Los chips de cámara viven de eso.)
# %% [markdown] lang="en" row="39" slide="subslide"
# Without changing the processor the same calculation runs faster: what it lacked was memory. (The model gets the direction right, but its figure is too high, at times by a lot: with one limit gone, another appears that it leaves out.) That is why chips for the edge boast of TOPS but win or lose their speed in the memory next to them, and why **making the model smaller** (fewer bytes to fetch; unit 06) speeds up what a chip with more TOPS does not. On a server, batches (unit 04) raise the intensity; the edge mostly answers one at a time. (A convolution is another matter: it uses each weight at many points of the image, and even with a single example it may be near the roof. Camera chips live on that.)

# %% [markdown] lang="es" row="41" slide="slide"
# ## Más grande, mejor, más lento
#
# La otra tendencia de la diapositiva. Entrenamos una **escalera**: la misma red para reconocer cifras escritas a mano (`digits`, de scikit-learn: 1797 imágenes de 8×8), con dos capas ocultas cada vez más anchas, y, para comparar, tres modelos que no son redes. De cada uno, tres números: exactitud, latencia y tamaño.
#
# Un modelo está **dominado** si otro es al menos igual de bueno en los tres números y mejor en alguno: si solo importan esos tres, no hay razón para elegirlo.
#
# **Predice:** al pasar del modelo de ancho 32 al de 512 (casi noventa veces más parámetros), ¿cuántos puntos de exactitud ganas?
# %% [markdown] lang="en" row="41" slide="slide"
# ## Bigger, better, slower
#
# The slide's other trend. We train a **ladder**: the same network that recognises handwritten digits (`digits`, from scikit-learn: 1797 images of 8×8), with two hidden layers, wider each time, and three models that are no networks for comparison. Of each one, three numbers: accuracy, latency and size.
#
# A model is **dominated** if another one is at least as good in all three numbers and better in some: if only those three matter, there is no reason to choose it.
#
# **Predict:** going from the model of width 32 to that of 512 (nearly ninety times as many parameters), how many points of accuracy do you gain?

# %%
points_from_32_to_512 = None

# %% slide="fragment"
import pickle

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

# es: un hilo también para scikit-learn: se compara el coste, no quién reparte mejor
# en: one thread for scikit-learn as well: we compare the cost, not who shares it out better
one_thread = open_until_the_end.enter_context(threadpool_limits(1))

images, labels = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(images))
images, labels = (images[order] / 16).astype(np.float32), labels[order]
# es: para aprender, para elegir (el umbral de la cascada) y para juzgar
# en: for learning, for choosing (the threshold of the cascade), and for judging
parts_of = {"train": slice(0, 800), "choose": slice(800, 1200), "test": slice(1200, None)}
X = {part: torch.tensor(images[where]) for part, where in parts_of.items()}
Y = {part: torch.tensor(labels[where]) for part, where in parts_of.items()}


def train(width, seed, steps=300):
    """A network 64 -> width -> width -> 10."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(64, width),
        torch.nn.ReLU(),
        torch.nn.Linear(width, width),
        torch.nn.ReLU(),
        torch.nn.Linear(width, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), 5e-3, fused=True)
    for _ in range(steps):
        batch = torch.randint(len(X["train"]), (64,))
        loss = torch.nn.functional.cross_entropy(net(X["train"][batch]), Y["train"][batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def latency_of(predict, times=200):
    """Median seconds for one example."""
    one = X["test"][:1]
    predict(one)
    return statistics.median(timed(lambda: predict(one)) for _ in range(times))


WIDTHS = (8, 16, 32, 128, 512)
nets, ladder = {}, []
for width in tqdm(WIDTHS, desc=tr(es="escalera", en="ladder"), leave=False):
    nets[width] = [train(width, seed) for seed in range(seeds)]
with torch.inference_mode():
    for width in WIDTHS:
        scores = [
            100 * float((net(X["test"]).argmax(1) == Y["test"]).float().mean())
            for net in nets[width]
        ]
        ladder.append(
            {
                "name": tr(es=f"red, ancho {width}", en=f"network, width {width}"),
                "accuracy": statistics.mean(scores),
                "spread": max(scores) - min(scores),
                "us": 1e6 * latency_of(nets[width][0]),
                "kB": sum(p.numel() for p in nets[width][0].parameters()) * F32 / 1000,
            }
        )
logistic = LogisticRegression(max_iter=500).fit(X["train"].numpy(), Y["train"].numpy())
# es: la misma recta con la misma biblioteca que las redes, para que la latencia se pueda comparar
# en: the same straight line in the same library as the networks, so that the latency can be compared
linear = torch.nn.Linear(64, 10)
linear.load_state_dict(
    {
        "weight": torch.tensor(logistic.coef_, dtype=torch.float32),
        "bias": torch.tensor(logistic.intercept_, dtype=torch.float32),
    }
)
with torch.inference_mode():
    ladder.append(
        {
            "name": tr(es="regresión logística", en="logistic regression"),
            "accuracy": 100 * float((linear(X["test"]).argmax(1) == Y["test"]).float().mean()),
            "spread": None,
            "us": 1e6 * latency_of(linear),
            "kB": sum(p.numel() for p in linear.parameters()) * F32 / 1000,
        }
    )
for name, model in {
    tr(es="3 vecinos", en="3 neighbours"): KNeighborsClassifier(3),
    tr(es="bosque de 100 árboles", en="forest of 100 trees"): RandomForestClassifier(
        random_state=0
    ),
}.items():
    model.fit(X["train"].numpy(), Y["train"].numpy())
    score = 100 * model.score(X["test"].numpy(), Y["test"].numpy())
    ladder.append(
        {
            "name": name,
            "accuracy": score,
            "spread": None,
            "us": 1e6 * latency_of(lambda one, model=model: model.predict(one.numpy()), times=20),
            "kB": len(pickle.dumps(model)) / 1000,
        }
    )


def dominated(row, others):
    """Whether some other row is at least as good in everything and better in something."""
    return any(
        o["accuracy"] >= row["accuracy"]
        and o["us"] <= row["us"]
        and o["kB"] <= row["kB"]
        and (o["accuracy"], -o["us"], -o["kB"]) != (row["accuracy"], -row["us"], -row["kB"])
        for o in others
    )


for row in ladder:
    row["dominated"] = dominated(row, ladder)
tables.show(
    ladder,
    columns={
        "name": tr(es="modelo", en="model"),
        "accuracy": tr(es="exactitud (%)", en="accuracy (%)"),
        "spread": tr(es="entre semillas (puntos)", en="between seeds (points)"),
        "us": tr(es="un ejemplo (µs)", en="one example (µs)"),
        "kB": tr(es="tamaño (kB)", en="size (kB)"),
        "dominated": tr(es="dominado", en="dominated"),
    },
    formats={"accuracy": ".1f"},
    caption=tr(
        es=f"La escalera: media de {seeds} semillas, {len(X['test'])} imágenes que no se usaron para aprender",
        en=f"The ladder: mean of {seeds} seeds, {len(X['test'])} images that were not used for learning",
    ),
)
by_width = dict(zip(WIDTHS, ladder, strict=False))
compare(
    tr(es="puntos de exactitud, de ancho 32 a 512", en="points of accuracy, from width 32 to 512"),
    predicted=points_from_32_to_512,
    measured=by_width[512]["accuracy"] - by_width[32]["accuracy"],
    unit=tr(es="puntos", en="points"),
)

# %% slide="fragment" tags=["hide-input"]
fig, axes = plots.subplots(1, 2, figsize=(9.8, 4.0), sharey=True)
for ax, key, label in zip(
    axes,
    ("us", "kB"),
    (
        tr(es="µs por ejemplo (esc. log.)", en="µs per example (log scale)"),
        tr(es="kB (esc. log.)", en="kB (log scale)"),
    ),
    strict=True,
):
    for is_net, marker, name in (
        (True, "o", tr(es="redes, con su ancho", en="networks, with their width")),
        (False, "s", tr(es="otros", en="others")),
    ):
        rows = [r for i, r in enumerate(ladder) if (i < len(WIDTHS)) == is_net]
        ax.plot(
            [r[key] for r in rows],
            [r["accuracy"] for r in rows],
            marker + ("-" if is_net else ""),
            label=name,
            linewidth=1,
        )
    bad = [r for r in ladder if r["dominated"]]
    ax.plot(
        [r[key] for r in bad],
        [r["accuracy"] for r in bad],
        "x",
        color=plots.INK,
        markersize=11,
        label=tr(es="dominado", en="dominated"),
    )
    ax.set(xscale="log", xlabel=label)
    ax.xaxis.set_major_formatter("{x:g}")
    for r, width in zip(ladder, WIDTHS, strict=False):
        ax.annotate(
            str(width),
            (r[key], r["accuracy"]),
            xytext=(9, -4) if width < max(WIDTHS) else (0, 9),
            textcoords="offset points",
            fontsize=9,
        )
    for r in ladder[len(WIDTHS) :]:
        ax.annotate(
            r["name"],
            (r[key], r["accuracy"]),
            xytext=(0, -9 if r["dominated"] else 9),
            textcoords="offset points",
            fontsize=8,
            ha="center",
            va="top" if r["dominated"] else "bottom",
        )
    ax.margins(x=0.22, y=0.12)
axes[0].set_ylabel(tr(es="exactitud (%)", en="accuracy (%)"))
axes[0].legend(fontsize=9, loc="lower right")
plots.show(
    fig,
    alt=tr(
        es="Exactitud contra latencia y contra tamaño. Sube deprisa con las redes estrechas y se aplana con las anchas; los modelos dominados llevan una cruz.",
        en="Accuracy against latency and against size. It rises fast for the narrow networks and flattens for the wide ones; the dominated models bear a cross.",
    ),
)

# %% [markdown] lang="es" row="41" slide="subslide"
# «Más grande es mejor» acaba pronto: entre las redes estrechas se ganan muchos puntos; a partir de ahí, multiplicar los parámetros por diez da uno o dos. Compara además cada ganancia con lo que ya cambia al cambiar la semilla (con unas 600 imágenes, un punto son seis imágenes). «Más grande es más lento» tarda en empezar: hasta cierto ancho la latencia es el coste fijo de llamar a la red, y solo después mandan los parámetros. Mira también lo que no son redes: la regresión logística (una sola capa) pesa y tarda menos que cualquiera de ellas y le gana a las más estrechas, así que déjala siempre en la tabla; y los 3 vecinos llevan dentro **todas las imágenes de entrenamiento**: en un aparato robado, ese modelo *es* los datos. (Los modelos de scikit-learn pagan además el coste fijo de `predict`.)
#
# Con tareas mayores el codo está más lejos, no desaparece. Lo que eliges es un **punto del frente**, no «el mejor modelo».
#
# ## Una cascada
#
# Y a menudo se pueden elegir dos puntos. Un modelo **pequeño** en el aparato responde cuando está seguro; lo demás va al **grande**, en la nube. La seguridad es la probabilidad de su primera respuesta, y el **umbral** decide cuánto se envía. Con las cifras, el pequeño es la regresión logística (que no está dominada) y el grande, la red de ancho 512; con el teclado, las dos redes que ya conoces.
#
# **Predice:** con las cifras, ¿qué porcentaje hay que enviar a la nube para perder como mucho un punto respecto al grande?
# %% [markdown] lang="en" row="41" slide="subslide"
# "Bigger is better" soon ends: among the narrow networks many points are gained; from there on, ten times the parameters give one or two. Besides, compare each gain with what changing the seed changes already (with some 600 images, a point is six images). "Bigger is slower" takes time to begin: up to some width the latency is the fixed cost of calling the network, and only then do the parameters rule. Look also at what is no network: logistic regression (a single layer) is smaller and faster than any of them and beats the narrowest, so always leave it in the table; and the 3 neighbours carry **all training images** inside: on a stolen device, that model *is* the data. (The models of scikit-learn also pay the fixed cost of `predict`.)
#
# With larger tasks the elbow is further away, it does not vanish. What you choose is a **point of the front**, not "the best model".
#
# ## A cascade
#
# And often you may choose two points. A **small** model on the device answers when it is sure; the rest goes to the **big** one, in the cloud. Its confidence is the probability of its first answer, and the **threshold** decides how much is sent. With the digits, the small one is the logistic regression (which is not dominated) and the big one, the network of width 512; with the keyboard, the two networks that you know.
#
# **Predict:** with the digits, which percentage has to be sent to the cloud to lose one point at most against the big one?

# %%
percent_sent_by_the_cascade = None


# %% slide="fragment" row="40"
def cascade(sure, small_right, big_right, threshold):
    """Share sent to the cloud, and accuracy, when whatever is less sure than `threshold` is sent. Arrays of one item per example."""
    sent = sure < threshold
    return float(sent.mean()), float(np.where(sent, big_right, small_right).mean())


def choose_threshold(sure, small_right, big_right, give_up=0.01):
    """The threshold that sends least, among those that lose at most `give_up` against the big one, one standard error included."""
    good_enough = []
    for threshold in [0.0, *np.unique(sure), 1.01]:
        sent = sure < threshold
        lost = np.where(sent, 0.0, big_right.astype(float) - small_right)
        if lost.mean() + lost.std() / math.sqrt(len(lost)) <= give_up:
            good_enough.append((sent.mean(), threshold))
    return min(good_enough)[1]


@torch.inference_mode()
def judged(part):
    """Of each image: how sure the small one is, and whether each is right."""
    probabilities = torch.softmax(linear(X[part]), 1)
    return (
        probabilities.max(1).values.numpy(),
        (probabilities.argmax(1) == Y[part]).numpy(),
        (nets[512][0](X[part]).argmax(1) == Y[part]).numpy(),
    )


small_model = device_model.load("small")


def judged_keyboard(examples):
    """The same for the keyboard: right if the word that came is among the three suggestions, after one letter."""
    sure, small_right, big_right = [], [], []
    for example in examples:
        small, big = (model.suggest(example.text, LANG) for model in (small_model, main_model))
        sure.append(small[0].probability if small else 0.0)
        small_right.append(example.target in [each.word.lower() for each in small])
        big_right.append(example.target in [each.word.lower() for each in big])
    return np.array(sure), np.array(small_right), np.array(big_right)


# es: sitios distintos del texto, para elegir y para juzgar
# en: different places of the text, for choosing and for judging
places_in_text = device_model.examples(LANG, "test", 1600, seed=1, prefix=1)
TASKS = {
    tr(es="cifras", en="digits"): (judged("choose"), judged("test")),
    tr(es="teclado", en="keyboard"): (
        judged_keyboard(places_in_text[:800]),
        judged_keyboard(places_in_text[800:]),
    ),
}
rows, thresholds = [], {}
for name, (choosing, test) in TASKS.items():
    # es: el umbral se elige con unos ejemplos y se juzga con otros
    # en: the threshold is chosen on some examples and judged on others
    thresholds[name] = choose_threshold(*choosing)
    sent, accuracy = cascade(*test, thresholds[name])
    sure, small_right, big_right = test
    doubtful = sure < thresholds[name]
    rows.append(
        {
            tr(es="tarea", en="task"): name,
            tr(es="pequeño solo (%)", en="small alone (%)"): 100 * float(test[1].mean()),
            tr(es="grande solo (%)", en="big alone (%)"): 100 * float(test[2].mean()),
            tr(es="umbral", en="threshold"): float(thresholds[name]),
            tr(es="cascada (%)", en="cascade (%)"): 100 * accuracy,
            tr(es="a la nube (%)", en="to the cloud (%)"): 100 * sent,
            tr(es="de ahí, fallan los dos (%)", en="of those, both wrong (%)"): 100
            * float((~small_right & ~big_right)[doubtful].mean()),
        }
    )
tables.show(
    rows,
    formats={tr(es="umbral", en="threshold"): ".2f"},
    caption=tr(
        es="Umbral elegido para perder un punto como mucho, error típico incluido, y lo que sale con otros ejemplos",
        en="Threshold chosen to lose one point at most, standard error included, and what comes out on other examples",
    ),
)
counts = device_evaluation.Counts(LANG, 2)
counted = 100 * device_evaluation.accuracy(counts, places_in_text[800:], LANG)
print(
    tr(
        es=f"Y en los mismos sitios, contar qué palabra sigue a cuál, sin ninguna red: {counted:.1f} %.",
        en=f"And in the same places, counting which word follows which, without any network: {counted:.1f} %.",
    )
)
compare(
    tr(es="cifras que hay que enviar a la nube", en="digits that have to be sent to the cloud"),
    predicted=percent_sent_by_the_cascade,
    measured=rows[0][tr(es="a la nube (%)", en="to the cloud (%)")],
    unit="%",
)
fig, axes = plots.subplots(1, 2, figsize=(9.8, 4.1))
for ax, (name, (_, test)) in zip(axes, TASKS.items(), strict=True):
    sure, small_right, big_right = test
    curve = [cascade(*test, t) for t in [0.0, *np.unique(sure), 1.01]]
    ax.plot(
        [100 * s for s, _ in curve],
        [100 * a for _, a in curve],
        label=tr(es="cascada", en="cascade"),
    )
    ax.plot(
        [0, 100],
        [100 * small_right.mean(), 100 * big_right.mean()],
        ":",
        label=tr(es="enviar al azar", en="sending at random"),
    )
    sent, accuracy = cascade(*test, thresholds[name])
    ax.plot(
        100 * sent,
        100 * accuracy,
        "o",
        color=plots.INK,
        label=tr(es="umbral elegido", en="threshold chosen"),
    )
    ax.axhline(
        100 * big_right.mean() - 1,
        color=plots.FAINT,
        linestyle="--",
        linewidth=1,
        label=tr(es="un punto menos que el grande", en="one point below the big one"),
    )
    ax.set(
        title=name,
        xlabel=tr(
            es="coste: % enviado a la nube\n(= % de la factura de enviarlo todo)",
            en="cost: % sent to the cloud\n(= % of the bill of sending everything)",
        ),
    )
axes[0].set_ylabel(tr(es="exactitud (%)", en="accuracy (%)"))
axes[1].set_ylabel(tr(es="entre las tres primeras (%)", en="among the first three (%)"))
axes[0].legend(fontsize=9, loc="lower right", frameon=True, framealpha=1, edgecolor="none")
plots.show(
    fig,
    alt=tr(
        es="Exactitud según el porcentaje enviado a la nube, en las dos tareas. Con las cifras, la curva de la cascada sube mucho antes que la recta de enviar al azar; con el teclado va más cerca de ella.",
        en="Accuracy against the percentage sent to the cloud, in both tasks. With the digits the curve of the cascade rises much earlier than the straight line of sending at random; with the keyboard it stays closer to it.",
    ),
)

# %% [markdown] lang="es" row="40" slide="subslide"
# Compara la curva con la recta de **enviar al azar**: lo que la cascada gana por encima es lo que vale la seguridad del modelo pequeño. Con las cifras es mucho: los errores se concentran donde duda, y el grande los arregla. Con el teclado hay que enviar varias veces más (y aun así el punto que se pierde puede pasar de uno: el umbral se eligió con otra muestra). La última columna dice por qué: donde duda el pequeño, muchas veces falla también el grande, y enviar eso no compra nada. Y lee la línea de debajo de la tabla antes de montar nada: una **tabla de recuentos** queda por encima de la red pequeña y cerca de la grande. Antes de unir dos modelos con una cascada, comprueba que cada uno se gana su sitio.
#
# Dos avisos. El umbral se elige con datos que no son los de juzgar; si los usuarios cambian, la fracción enviada cambia con ellos, y con ella la factura. Y «0.9 de probabilidad» no significa que acierte el 90 %: la cascada solo necesita que el **orden** sea bueno, pero quien lea ese número como una promesa se equivocará.
#
# **Dónde va cada parte.** El pequeño, donde está la pregunta. El grande, donde quepa y llegue a tiempo: en la nube si el plazo lo permite, en un servidor local si no. Y sin red, la cascada **sigue respondiendo** con el pequeño, y debe decirlo.
# %% [markdown] lang="en" row="40" slide="subslide"
# Compare the curve with the straight line of **sending at random**: what the cascade gains above it is what the confidence of the small model is worth. With the digits it is a lot: the errors are concentrated where it doubts, and the big one corrects them. With the keyboard several times as much has to be sent (and even so the loss may exceed a point: the threshold was chosen on another sample). The last column says why: where the small one doubts, the big one is often wrong too, and sending that buys nothing. And read the line below the table before you build anything: a **table of counts** is above the small network and near the big one. Before you join two models in a cascade, check that each of them earns its place.
#
# Two warnings. The threshold is chosen on data that are not those of judging; if the users change, the share sent changes with them, and the bill too. And "a probability of 0.9" does not mean that it is right 90 % of the time: the cascade only needs the **order** to be good, but whoever reads that number as a promise will be mistaken.
#
# **Where each part goes.** The small one, where the question is. The big one, where it fits and arrives in time: in the cloud if the deadline allows it, on a local server if not. And without a network the cascade **keeps answering** by the small one, and should say so.

# %% [markdown] lang="es" row="40 33" slide="slide"
# ## La tabla de la diapositiva, con tus números
#
# El mismo teclado en cinco sitios. Los tiempos y los aciertos son los medidos arriba (acierta: la palabra está entre las tres sugerencias, tras una letra). No es medido: el tiempo de la red pequeña en el aparato (el de aquí, en proporción al grande) y los precios; y los túneles del tren son los supuestos del perfil `train`. El servidor local se paga aparte: su máquina y su luz.
# %% [markdown] lang="en" row="40 33" slide="slide"
# ## The slide's table, with your numbers
#
# The same keyboard in five places. The times and the hits are those measured above (right: the word is among the three suggestions, after one letter). Not measured: the small network's time on the device (the time here, in proportion to the big one's) and the prices; and the train's tunnels are those assumed in the profile `train`. The local server is paid for apart: its machine and its electricity.

# %% slide="fragment"
train_up = float(np.isfinite(on_the_train).mean())
_, (sure, small_right, big_right) = list(TASKS.values())[1]
sent, cascade_right = cascade(sure, small_right, big_right, list(thresholds.values())[1])
on_4g = np.array([total for _, total in measured["4g"]])
on_lan = np.array([total for _, total in measured["lan"]])
here = np.array(at_the_edge)
# es: el pequeño, en el mismo aparato: lo que tarda aquí, multiplicado por lo mismo que el grande
# en: the small one, on the same device: what it takes here, as many times slower as the big one
here_small = np.array(time_of(small_model, typed)) * statistics.median(at_the_edge) / native
split = np.random.default_rng(0).random(4000) < sent
cascaded = np.random.default_rng(1).choice(here_small, 4000) + np.where(
    split, np.random.default_rng(2).choice(on_4g, 4000), 0.0
)
million = per_million.total
traffic_each = up_bytes + down_bytes
PLACES = {
    tr(es="nube, por 4G", en="cloud, over 4G"): (on_4g, big_right.mean(), train_up, 1.0),
    tr(es="servidor local, por la LAN", en="local server, over the LAN"): (
        on_lan,
        big_right.mean(),
        None,
        None,
    ),
    tr(es="aparato, el grande", en="device, the big one"): (here, big_right.mean(), 1.0, 0.0),
    tr(es="aparato, el pequeño", en="device, the small one"): (
        here_small,
        small_right.mean(),
        1.0,
        0.0,
    ),
    tr(es="cascada, con la nube por 4G", en="cascade, with the cloud over 4G"): (
        cascaded,
        cascade_right,
        1.0,
        sent,
    ),
}
tables.show(
    [
        {
            tr(es="dónde", en="where"): where,
            tr(es="mediana (ms)", en="median (ms)"): 1000 * float(np.median(times)),
            tr(es="p95 (ms)", en="p95 (ms)"): 1000 * float(np.percentile(times, 95)),
            tr(es="en 100 ms (%)", en="in 100 ms (%)"): within(times),
            tr(es="acierta (%)", en="right (%)"): 100 * float(right),
            tr(es="responde en el tren (%)", en="answers on the train (%)"): None
            if up is None
            else 100 * up,
            tr(es="bytes a Internet", en="bytes to the Internet"): (share or 0) * traffic_each,
            tr(es="$ por millón, nube", en="$ a million, cloud"): None
            if share is None
            else share * million,
        }
        for where, (times, right, up, share) in PLACES.items()
    ],
    caption=tr(
        es=f"El mismo teclado en cinco sitios (el aparato: {device_name})",
        en=f"The same keyboard in five places (the device: {device_name})",
    ),
)

# %% [markdown] lang="es" row="33" slide="subslide"
# Lee la tabla entera y compara filas: **«aparato, el grande»** cumple el plazo, acierta lo que la nube y más que la cascada, funciona en el tren y no envía nada. Para este teclado no hay nada que repartir. No es una ley: es que el grande cabe en el aparato. La cascada y la nube empiezan a valer cuando no cabe, o no llega a tiempo, o gasta demasiada batería. Eso depende de la tarea:
#
# ### Doce tareas, por sus datos
#
# «¿Reconocer voz va en la nube o en el borde?» no tiene respuesta. «¿Una palabra clave, siempre escuchando, con un modelo de 0.1 MB?» sí. Esta función coloca una tarea a partir de sus datos y da el **margen**: cuántas veces cabe en el plazo lo que tarda. Con margen 1.1 tu decisión depende de un mal día; con 20, no.
#
# Cuenta también la **energía** del aparato. Calcular gasta unos 2 W mientras dura, y enviar, otros 2. Además, la radio de un móvil se queda encendida tras cada envío (en LTE, del orden de 1 W durante unos 11 s, según [Huang y otros, MobiSys 2012](https://doi.org/10.1145/2307636.2307658); es antiguo: tómalo todo como supuesto). Una ráfaga de envíos seguidos comparte esa cola: por eso cada tarea dice cuántas **ráfagas** tiene al día.
#
# Las doce, con su aparato: palabra que despierta, dictado largo, pregunta abierta a un asistente, texto predictivo, traducir un cartel (par de idiomas frecuente), traducir un par raro, desbloquear con la cara, hora de llegada con tráfico, frenada de un coche, ordenar tres millones de productos, detectar una caída (en un reloj) y analizar un vídeo de una hora.
#
# **Predice:** de las doce, ¿cuántas acaban **solo** en la nube?
# %% [markdown] lang="en" row="33" slide="subslide"
# Read the whole table and compare rows: **"device, the big one"** is in time, is right as often as the cloud and more often than the cascade, works on the train and sends nothing. For this keyboard there is nothing to share out. That is no law: it is because the big one fits on the device. The cascade and the cloud begin to be worth something when it does not fit, or is late, or takes too much battery. That depends on the task:
#
# ### Twelve tasks, by their facts
#
# "Does speech recognition go to the cloud or to the edge?" has no answer. "A wake word, always listening, with a model of 0.1 MB?" has one. This function places a task by its facts, and gives the **margin**: how many times what it takes fits into the deadline. With a margin of 1.1 your decision depends on a bad day; with 20 it does not.
#
# Count the device's **energy** too. Computing takes some 2 W while it lasts, and sending another 2. Besides, a phone's radio stays on after each sending (on LTE, of the order of 1 W for some 11 s, according to [Huang et al., MobiSys 2012](https://doi.org/10.1145/2307636.2307658); it is old: take it all as an assumption). A burst of sendings in a row shares that tail: that is why each task says how many **bursts** a day it has.
#
# The twelve, with their device: wake word, long dictation, open question to an assistant, predictive text, translating a sign (frequent language pair), translating a rare pair, unlocking by face, arrival time with traffic, braking of a car, ranking three million products, detecting a fall (on a watch) and analysing an hour of video.
#
# **Predict:** of the twelve, how many end up in the cloud **alone**?

# %%
tasks_in_the_cloud_alone = None


# %% slide="fragment"
@dataclass(frozen=True)
class Task:
    """Facts of a task: kB up and down, deadline, time on a server, times slower on the device, MB of the model and free on the device, predictions and bursts of them a day, joules of the battery (None: plugged in)."""

    name: str
    up_kb: float
    down_kb: float
    deadline_s: float
    server_s: float
    slower: float
    model_mb: float
    room_mb: float
    a_day: int
    bursts: int
    battery_j: float | None
    # es: hace falta aunque no haya red; necesita datos que solo están fuera
    # en: needed even without a network; it needs data that are only outside
    offline: bool = False
    outside: bool = False


# es: vatios al calcular, al enviar y con la radio encendida después, y cuántos segundos lo está
# en: watts when computing, when sending and with the radio on afterwards, and for how many seconds it is
COMPUTE_W, SEND_W, TAIL_W, TAIL_S = 2.0, 2.0, 1.0, 11.0


def place(task, profile=network.PROFILES["4g"], budget=0.05):
    """(where, margins, why, shares of the battery a day by computing and by sending). The network counts by its p95."""
    chance = random.Random(0)
    rtt = float(np.percentile([profile.draw_rtt(chance) for _ in range(2000)], 95)) / 1000
    sending = task.up_kb * 8 / profile.up_kbps + task.down_kb * 8 / profile.down_kbps
    seconds = {"edge": task.server_s * task.slower, "cloud": rtt + sending + task.server_s}
    joules = {
        "edge": COMPUTE_W * seconds["edge"] * task.a_day,
        # es: las colas no se solapan más allá del día
        # en: the tails overlap once they fill the day
        "cloud": SEND_W * sending * task.a_day + TAIL_W * min(86_400, TAIL_S * task.bursts),
    }
    shares = {p: 100 * j / task.battery_j if task.battery_j else None for p, j in joules.items()}
    obstacles = {
        "edge": [tr(es="no cabe aquí", en="does not fit here")] * (task.model_mb > task.room_mb),
        "cloud": [tr(es="no puede faltar sin red", en="must not fail offline")] * task.offline,
    }
    late = tr(es="{} llega tarde", en="{} is late")
    drains = tr(es="{} agota la batería", en="{} drains the battery")
    for where, found in obstacles.items():
        if seconds[where] > task.deadline_s:
            found.append(late.format(NAMES_OF[where]))
        if shares[where] is not None and shares[where] > 100 * budget:
            found.append(drains.format(NAMES_OF[where]))
    margins = {where: task.deadline_s / seconds[where] for where in seconds}
    good = [where for where in obstacles if not obstacles[where]]
    why = "; ".join(obstacles["edge"] + obstacles["cloud"])
    if not good:
        best = "neither"
    elif task.outside and "edge" in good:
        best, why = "hybrid", tr(es="el dato viene de fuera", en="the data come from outside")
    elif len(good) == 2:
        best = min(good, key=joules.get)
        why = tr(es="valen los dos: gasta menos", en="both will do: it takes less energy")
    else:
        (best,) = good
    return best, margins, why, list(shares.values())


NAMES_OF = {
    "edge": tr(es="borde", en="edge"),
    "cloud": tr(es="nube", en="cloud"),
    "hybrid": tr(es="híbrido", en="hybrid"),
    "neither": tr(es="ni uno ni otro", en="neither"),
}
# es: julios de una batería de móvil (14 W·h) y de una de reloj
# en: joules of a phone's battery (14 W·h) and of a watch's
PHONE, WATCH = 50_000, 5_000
# es: datos supuestos, de órdenes de magnitud razonables. Cámbialos y vuelve a ejecutar
# en: assumed facts, of reasonable orders of magnitude. Change them and run again
keyboard_s, keyboard_mb = max(native, 0.0005), main_model.size / 1e6
# fmt: off
TWELVE = [
    Task(tr(es="palabra que despierta", en="wake word"), 30, 0.1, 0.2, 0.0001, 8, 0.1, 1, 40_000, 40_000, PHONE),
    Task(tr(es="dictado largo", en="long dictation"), 200, 1, 2, 0.3, 8, 300, 500, 20, 20, PHONE),
    Task(tr(es="pregunta abierta", en="open question"), 2, 4, 5, 1.5, 300, 140_000, 4000, 15, 15, PHONE),
    Task(tr(es="texto predictivo", en="predictive text"), 0.5, 0.5, 0.1, keyboard_s, 8, keyboard_mb, 100, 3000, 100, PHONE),
    Task(tr(es="traducir un cartel", en="translating a sign"), 300, 1, 1, 0.05, 10, 50, 500, 10, 10, PHONE),
    Task(tr(es="traducir, par raro", en="translating, rare pair"), 1, 1, 1, 0.05, 10, 900, 500, 2, 2, PHONE),
    Task(tr(es="desbloquear con la cara", en="unlocking by face"), 500, 0.1, 0.5, 0.01, 8, 10, 100, 100, 100, PHONE, offline=True),
    Task(tr(es="hora de llegada", en="arrival time"), 0.5, 1, 1, 0.005, 8, 20, 500, 30, 10, PHONE, outside=True),
    Task(tr(es="frenada (coche)", en="braking (car)"), 2000, 0.1, 0.1, 0.01, 2, 100, 8000, 500, 500, None),
    Task(tr(es="ordenar 3 millones de productos", en="ranking 3 million products"), 1, 5, 0.5, 0.05, 8, 12_000, 500, 50, 10, PHONE),
    Task(tr(es="caída (reloj)", en="fall (watch)"), 5, 0.1, 2, 0.0001, 50, 0.3, 2, 20_000, 20_000, WATCH),
    Task(tr(es="vídeo de una hora", en="an hour of video"), 900_000, 10, 3600, 120, 8, 500, 2000, 1, 1, PHONE),
]
# fmt: on
placed = {task: place(task) for task in TWELVE}
tables.show(
    [
        {
            tr(es="tarea", en="task"): task.name,
            tr(es="plazo (s)", en="deadline (s)"): float(task.deadline_s),
            tr(es="batería calculando (%)", en="battery computing (%)"): shares[0],
            tr(es="batería enviando (%)", en="battery sending (%)"): shares[1],
            tr(es="va en", en="goes to"): NAMES_OF[where],
            tr(es="margen borde", en="margin edge"): margins["edge"],
            tr(es="margen nube", en="margin cloud"): margins["cloud"],
            tr(es="porque", en="because"): why,
        }
        for task, (where, margins, why, shares) in placed.items()
    ],
    caption=tr(
        es="Doce tareas con 4G, y un 5 % de la batería al día para cada una (—: enchufado)",
        en="Twelve tasks over 4G, with 5 % of the battery a day for each (—: plugged in)",
    ),
)
compare(
    tr(es="tareas que acaban solo en la nube", en="tasks that end up in the cloud alone"),
    predicted=tasks_in_the_cloud_alone,
    measured=sum(where == "cloud" for where, *_ in placed.values()),
    unit="",
)

# %% [markdown] lang="es" row="33 40" slide="subslide"
# Ninguna fila dice «móvil» o «servidor» por costumbre: lo dicen el plazo, los bytes, el tamaño, la red y la batería. Cambia un dato (el modelo del par raro a 50 MB) y la tarea se muda; ponle al dictado un plazo de 0.2 s y no cabe en ningún sitio. Mira los márgenes antes de fiarte: el dictado se queda en la nube por poco, y el vídeo se va al borde si enviar gasta 4 W en vez de 2. Y un mismo producto aparece en varias filas: un altavoz es borde para su palabra clave y nube para tu pregunta.
#
# ### Dónde está hoy el borde
#
# Las diapositivas son de 2021. A noviembre de 2026:
#
# - **Los asistentes se han movido en los dos sentidos.** Amazon quitó el 28 de marzo de 2025 la opción de [no enviar la voz a la nube](https://www.thebridgechronicle.com/amp/story/tech/amazon-echo-cloud-processing) en los pocos Echo que la tenían, para servir Alexa+ con modelos grandes. Al revés, Apple abrió a las aplicaciones, con iOS 26 (2025), [un modelo de lenguaje de unos 3000 millones de parámetros](https://machinelearning.apple.com/research/apple-foundation-models-2025-updates) que corre en el teléfono.
# - **El navegador es ya un dispositivo serio.** WebAssembly (lo que has usado) está en todos; WebGPU, que llega a la tarjeta gráfica, está en Chrome desde la versión 113 (2023), en Firefox desde la 141 y en Safari desde la 26 (2025), [según la plataforma](https://github.com/gpuweb/gpuweb/wiki/Implementation-Status); [WebNN](https://www.w3.org/TR/webnn/), que llega también a los procesadores de redes neuronales, es candidata a recomendación del W3C, y aún no está en todos. Chrome trae modelos propios para [traducir y resumir](https://developer.chrome.com/docs/ai/built-in-apis) desde la 138 (2025).
# - **Los chips de la diapositiva.** El de Tesla (2019) hacía, según la empresa, [72 TOPS y leía 68 GB/s](https://www.guru3d.com/news-story/tesla-develops-own-self-driving-ai-chip-removes-nvidia.html) de su memoria: para llegar a su techo necesita más de mil operaciones por byte; los coches sin conductor anunciados para 2020 no llegaron ese año. El que Google preparaba en 2020 salió en 2021 con el Pixel 6 ([Tensor](https://blog.google/products/pixel/introducing-google-tensor/)). Hoy un portátil necesita una NPU (un procesador para redes neuronales) de [40 TOPS](https://blogs.microsoft.com/blog/2024/05/20/introducing-copilot-pcs/) para llamarse Copilot+ (2024); ya sabes qué preguntar a esa cifra: ¿con qué memoria?
# - **«En línea y en el dispositivo»**, el futuro según la diapositiva, se ha cumplido a medias: los asistentes más conocidos responden con modelos enormes que viven en la nube, y los pequeños han bajado al aparato. Lo que más se ve es la mezcla.
# %% [markdown] lang="en" row="33 40" slide="subslide"
# No row says "phone" or "server" out of habit: the deadline, the bytes, the size, the network and the battery say it. Change one fact (the rare pair's model to 50 MB) and the task moves; give the dictation a deadline of 0.2 s and it fits nowhere. Look at the margins before you rely on a row: the dictation stays in the cloud by a little, and the video goes to the edge if sending takes 4 W instead of 2. And one product appears in several rows: a speaker is edge for its wake word and cloud for your question.
#
# ### Where the edge stands today
#
# The slides are from 2021. As of November 2026:
#
# - **The assistants have moved both ways.** On 28 March 2025 Amazon removed the option of [not sending one's voice to the cloud](https://www.thebridgechronicle.com/amp/story/tech/amazon-echo-cloud-processing) from the few Echos that had it, to serve Alexa+ by large models. The other way round, Apple opened to apps, with iOS 26 (2025), [a language model of some 3000 million parameters](https://machinelearning.apple.com/research/apple-foundation-models-2025-updates) that runs on the phone.
# - **The browser is a serious device by now.** WebAssembly (what you have used) is in all of them; WebGPU, which reaches the graphics card, is in Chrome since version 113 (2023), in Firefox since 141 and in Safari since 26 (2025), [depending on the platform](https://github.com/gpuweb/gpuweb/wiki/Implementation-Status); [WebNN](https://www.w3.org/TR/webnn/), which also reaches processors for neural networks, is a W3C candidate recommendation, and not in all of them yet. Chrome brings models of its own to [translate and summarise](https://developer.chrome.com/docs/ai/built-in-apis) since 138 (2025).
# - **The chips of the slide.** Tesla's (2019) did, by the company's account, [72 TOPS and read 68 GB/s](https://www.guru3d.com/news-story/tesla-develops-own-self-driving-ai-chip-removes-nvidia.html) from its memory: to reach its roof it needs over a thousand operations per byte; the driverless cars announced for 2020 did not come that year. The one that Google was preparing in 2020 came out in 2021 with the Pixel 6 ([Tensor](https://blog.google/products/pixel/introducing-google-tensor/)). A laptop needs an NPU (a processor for neural networks) of [40 TOPS](https://blogs.microsoft.com/blog/2024/05/20/introducing-copilot-pcs/) to be called Copilot+ (2024); you know by now what to ask that figure: with which memory?
# - **"Online and on-device"**, the future according to the slide, has come half true: the best-known assistants answer by huge models that live in the cloud, and the small ones have come down to the device. What you see most is the mixture.

# %% [markdown] lang="es" slide="skip"
# ## Para terminar
#
# Si has escrito en la página del principio, aquí están tus pulsaciones (solo tiempos: el texto no ha salido de tu máquina).
# %% [markdown] lang="en" slide="skip"
# ## To finish
#
# If you typed in the page of the beginning, here are your keystrokes (times only: the text never left your machine).

# %% slide="skip"
mine = page.typed()
here = [each.device for each in mine if each.device is not None]
if len(here) > 5:
    answered = [each.cloud for each in mine if each.cloud is not None]
    # es: las que la nube no respondió no llegaron en plazo
    # en: those that the cloud did not answer were not in time
    lost = len(mine) - len(answered)
    tables.show(
        [
            {
                "": tr(es="tu navegador", en="your browser"),
                tr(es="mediana (ms)", en="median (ms)"): 1000 * statistics.median(here),
                tr(es="en 100 ms (%)", en="in 100 ms (%)"): within(here),
                tr(es="pulsaciones respondidas", en="keystrokes answered"): len(here),
            },
            {
                "": tr(es="la nube, por 4G", en="the cloud, over 4G"),
                tr(es="mediana (ms)", en="median (ms)"): 1000 * statistics.median(answered)
                if answered
                else None,
                tr(es="en 100 ms (%)", en="in 100 ms (%)"): within(answered + [math.inf] * lost),
                tr(es="pulsaciones respondidas", en="keystrokes answered"): len(answered),
            },
        ],
        caption=tr(es="Lo que has escrito tú", en="What you typed yourself"),
    )
else:
    print(
        tr(
            es="Nadie ha escrito en la página todavía. Escribe arriba y vuelve a ejecutar esta celda.",
            en="Nobody has typed in the page yet. Type above and run this cell again.",
        )
    )

# %% [markdown] lang="es" slide="skip"
# Ahora te toca a ti: los ejercicios te piden un encaminador entre aparato, caché y nube que mire el p95 y la batería, una hora de llegada que diga su edad, una bandeja de salida que sobreviva a los cortes, contar exposiciones en los dos lados, un tope para la factura y el umbral de una cascada.
#
# Cuando acabes con la página, cierra lo que quede abierto (también se cierra solo al apagar el notebook, o si se interrumpe a mitad): `open_until_the_end.close()`.
#
# **Para leer más:** Huyen, *Designing Machine Learning Systems*, cap. 7; Warden y Situnayake, *TinyML* (2019); Kleppmann y otros, [*Local-first software*](https://www.inkandswitch.com/essay/local-first/) (2019).
# %% [markdown] lang="en" slide="skip"
# Now it is your turn: the exercises ask you for a router between device, cache and cloud that looks at the p95 and the battery, an arrival time that says its age, an outbox that survives the cuts, counting exposures on both sides, a guard for the bill, and the threshold of a cascade.
#
# When you are done with the page, close what is still open (it also closes by itself when you shut the notebook down, or if it is interrupted half-way): `open_until_the_end.close()`.
#
# **Further reading:** Huyen, *Designing Machine Learning Systems*, ch. 7; Warden and Situnayake, *TinyML* (2019); Kleppmann et al., [*Local-first software*](https://www.inkandswitch.com/essay/local-first/) (2019).
