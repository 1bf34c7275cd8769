# ---
# title:
#   es: Bienvenida
#   en: Welcome
# unit: "00"
# minutes: 10
# ---

# %% [markdown] lang="es" slide="slide"
# # Bienvenida
#
# Un modelo que acierta en tu portátil todavía no le sirve a nadie. Tiene que recibir datos de otros programas, responder a
# tiempo, caber en el aparato que lo va a ejecutar y seguir en pie cuando algo falla. De eso trata este curso, y se aprende
# **midiendo**: cada lección pone en marcha sistemas de verdad en tu ordenador y compara lo que esperabas con lo que pasa.
#
# Al terminar sabrás:
#
# 1. **(0.1)** seguir una lección: predecir, ejecutar y comparar;
# 2. **(0.2)** cuánto tarda, en tu máquina, un mensaje en llegar a otra función, a otro hilo, a otro proceso y al disco;
# 3. **(0.3)** comprobar que tu máquina tiene lo que hace falta;
# 4. **(0.4)** hacer un ejercicio, validarlo y entregarlo.
#
# **Tiempo:** 10 minutos. **Qué se ejecuta:** un hilo y un proceso de tu máquina, que se cierran solos. Nada sale de tu máquina.
# %% [markdown] lang="en" slide="slide"
# # Welcome
#
# A model that works on your laptop is no use to anyone yet. It has to receive data from other programs, answer in time, fit
# the device that will run it and stay up when something fails. That is what this course is about, and you learn it by
# **measuring**: each lesson starts real systems on your computer and compares what you expected with what happens.
#
# When you finish you will know:
#
# 1. **(0.1)** how to follow a lesson: predict, run and compare;
# 2. **(0.2)** how long, on your machine, a message takes to reach another function, thread or process, and the disk;
# 3. **(0.3)** how to check that your machine has what it takes;
# 4. **(0.4)** how to do an exercise, validate it and hand it in.
#
# **Time:** 10 minutes. **What runs:** one thread and one process on your machine, which stop on their own. Nothing leaves your machine.

# %% tags=["parameters"]
# es: cuántas veces se repite cada medida
# en: how many times each measurement is repeated
rounds = 300

# %% slide="skip"
import os
import queue
import tempfile
import threading
from multiprocessing.connection import Client, Listener
from statistics import median
from time import perf_counter

from mlprod import plots, start, tables, tr
from mlprod.lab import doctor
from mlprod.predictions import choose, compare
from mlprod.systems import processes

start(LANG)

# %% [markdown] lang="es" slide="slide"
# ## Cómo es una lección
#
# Cada experimento tiene tres pasos:
#
# 1. **Predice.** Escribes un número o eliges una opción *antes* de ejecutar. No hace falta acertar: hace falta mojarse.
# 2. **Ejecuta.** Con **Mayús + Intro**, celda a celda y en orden. El código que importa está siempre a la vista.
# 3. **Compara.** Ves tu predicción al lado de lo que ha medido **tu** máquina, que no tiene por qué coincidir con la de al lado.
#
# Si no predices nada, todo funciona igual; solo te pierdes la sorpresa.
#
# Dos costumbres: los nombres, los *docstrings* y el código están en inglés, como en el oficio; y el texto escribe los decimales con
# coma, mientras que las tablas, las figuras y el código los escriben con punto.
# %% [markdown] lang="en" slide="slide"
# ## What a lesson is like
#
# Each experiment has three steps:
#
# 1. **Predict.** You write a number or choose an option *before* running. You don't have to be right; you have to commit.
# 2. **Run.** With **Shift + Enter**, cell by cell and in order. The code that matters is always visible.
# 3. **Compare.** You see your prediction beside what **your** machine has measured, which may differ from your neighbour's.
#
# If you predict nothing, everything still works; you just miss the surprise.
#
# Two conventions: names, docstrings and code are in English, as in the trade; and decimals take a point everywhere here, while the
# Spanish version writes them with a comma in its prose, and with a point in tables, figures and code.

# %% [markdown] lang="es" slide="slide"
# ## Un primer experimento: ¿cuánto cuesta cruzar una frontera?
#
# Un programa entrega un mensaje y espera la respuesta. El trabajo es nulo: quien lo recibe lo devuelve tal cual. Lo único que
# cambia es la frontera que hay que cruzar:
#
# - **función**: ninguna, es una llamada normal y corriente;
# - **hilo**: otro hilo de este mismo proceso, con una cola de ida y otra de vuelta;
# - **proceso**: otro proceso del sistema operativo, por una conexión TCP con `127.0.0.1`;
# - **disco**: el mensaje se escribe en un fichero y no se da por entregado hasta que es seguro que sobrevivirá a un apagón (`fsync`).
#
# ### Predice
#
# ¿Qué crees que tarda más, la ida y vuelta a otro hilo o a otro proceso? ¿Y cuántas llamadas a una función caben en el
# tiempo de **una** escritura en disco? Cambia los dos `None` de la celda siguiente.
# %% [markdown] lang="en" slide="slide"
# ## A first experiment: what does crossing a boundary cost?
#
# A program hands over a message and waits for the answer. There is no work to do: whoever receives it sends it straight back.
# Only the boundary to be crossed changes:
#
# - **function**: none, it is an ordinary call;
# - **thread**: another thread of this same process, with one queue each way;
# - **process**: another operating-system process, over a TCP connection to `127.0.0.1`;
# - **disk**: the message is written to a file and does not count as delivered until it is sure to survive a power cut (`fsync`).
#
# ### Predict
#
# Which do you think takes longer, the round trip to another thread or to another process? And how many function calls fit in
# the time of **one** write to disk? Change the two `None` in the next cell.

# %% slide="fragment"
slower_options = {
    "a": tr(es="el otro hilo", en="the other thread"),
    "b": tr(es="el otro proceso", en="the other process"),
    "c": tr(es="más o menos igual (menos del doble)", en="about the same (less than double)"),
}
# es: "a", "b" o "c"
# en: "a", "b" or "c"
slower = None
# es: un número
# en: a number
calls_per_disk_write = None

# %% [markdown] lang="es" slide="subslide"
# ### Ejecuta
#
# Primero, cómo se mide: se repite `rounds` veces y se guardan **todos** los tiempos, no solo la media. Una llamada a una
# función es tan corta que se cronometran cien seguidas; si no, mediríamos sobre todo el reloj.
# %% [markdown] lang="en" slide="subslide"
# ### Run
#
# First, how to measure: repeat it `rounds` times and keep **all** the times, not just the mean. A function call is so short
# that you time a hundred in a row; otherwise you would mostly be measuring the clock.

# %%
def microseconds(deliver, per_measure=1):
    """Time of each of `rounds` deliveries, in microseconds."""
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        for _ in range(per_measure):
            deliver(tr(es="hola", en="hello"))
        times.append((perf_counter() - begin) / per_measure * 1e6)
    return times


def reply(message):
    return message


times = {tr(es="función", en="function"): microseconds(reply, per_measure=100)}

# %% [markdown] lang="es" slide="subslide"
# El otro hilo espera en una cola, contesta en otra y termina cuando le llega un `None`.
# %% [markdown] lang="en" slide="subslide"
# The other thread waits at one queue, answers in another and ends when it gets a `None`.

# %%
there, back = queue.Queue(), queue.Queue()


def answer_in_thread():
    while (message := there.get()) is not None:
        back.put(reply(message))


def through_thread(message):
    there.put(message)
    return back.get()


worker = threading.Thread(target=answer_in_thread, daemon=True)
worker.start()
try:
    times[tr(es="hilo", en="thread")] = microseconds(through_thread)
finally:
    there.put(None)
    worker.join()

# %% [markdown] lang="es" slide="subslide"
# El otro proceso es de verdad: otro intérprete de Python, con su propia memoria y su número de proceso. `processes.start` y
# `processes.group` aparecen en casi todas las lecciones: ejecutan en otro proceso una función de este notebook y lo cierran
# al salir del bloque `with`, también si la celda falla o la interrumpes.
#
# Si esa función tiene un parámetro llamado `ready`, la biblioteca lo rellena con una función a la que debe llamar cuando ya puede
# recibir trabajo; si tiene otro llamado `stopping`, con un evento que se activa cuando tiene que terminar; y los `import` que veas
# dentro de una función son los que necesita el proceso hijo.
# %% [markdown] lang="en" slide="subslide"
# The other process is a real one: another Python interpreter, with its own memory and its own process number. `processes.start` and
# `processes.group` appear in almost every lesson: they run a function of this notebook in another process and close it on leaving
# the `with` block, even if the cell fails or you interrupt it.
#
# If that function has a parameter called `ready`, the library fills it in with a function to be called once it can take work; if it
# has one called `stopping`, with an event that is set when it should end; and any `import` you see inside a function is what the
# child process needs.

# %%
def answer_in_process(ready):
    with Listener(("127.0.0.1", 0)) as listener:
        # es: quien nos arrancó ya puede conectarse a esta dirección
        # en: whoever started us may now connect to this address
        ready(listener.address)
        with listener.accept() as connection:
            while (message := connection.recv()) is not None:
                connection.send(reply(message))


with processes.group() as group:
    other = group.start(answer_in_process)
    print(tr(es=f"este proceso: {os.getpid()}, el otro: {other.pid}", en=f"this process: {os.getpid()}, the other: {other.pid}"))
    with Client(other.address) as connection:

        def through_process(message):
            connection.send(message)
            return connection.recv()

        times[tr(es="proceso", en="process")] = microseconds(through_process)
        connection.send(None)

# %% [markdown] lang="es" slide="subslide"
# Y el disco. Sin `os.fsync` el sistema operativo diría «hecho» con el mensaje aún en memoria: mucho más rápido, y perdido si se
# va la luz. El fichero es temporal y desaparece al cerrarlo.
# %% [markdown] lang="en" slide="subslide"
# And the disk. Without `os.fsync` the operating system would say "done" with the message still in memory: much faster, and lost in
# a power cut. The file is temporary and disappears when it is closed.

# %%
with tempfile.TemporaryFile(dir=os.getcwd(), buffering=0) as file:

    def to_disk(message):
        file.write(message.encode())
        os.fsync(file.fileno())

    times[tr(es="disco", en="disk")] = microseconds(to_disk)

# %% [markdown] lang="es" slide="subslide"
# ### Compara
#
# De cada caso, dos cifras: la **mediana**, que deja por debajo la mitad de las medidas, y el **p99**, el tiempo que solo supera una
# de cada cien medidas. La última columna estira el tiempo: si la llamada a la función durase un segundo, ¿cuánto durarían las demás?
# %% [markdown] lang="en" slide="subslide"
# ### Compare
#
# Two figures for each case: the **median**, with half of the measurements below it, and the **p99**, the time that only one
# measurement in a hundred exceeds. The last column stretches time: if the function call took one second, how long would the others
# take?

# %%
typical = {where: median(values) for where, values in times.items()}


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def stretched(seconds):
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


tables.show(
    [
        {
            "to": where,
            "median": typical[where],
            "p99": p99(times[where]),
            "stretched": stretched(typical[where] / typical[tr(es="función", en="function")]),
        }
        for where in times
    ],
    caption=tr(es="Entregar un mensaje y recibir la respuesta, en esta máquina", en="Delivering a message and getting the answer, on this machine"),
    columns={
        "to": tr(es="Adónde va", en="Where to"),
        "median": tr(es="Mediana (µs)", en="Median (µs)"),
        "p99": "p99 (µs)",
        "stretched": tr(es="Si la función durase 1 s", en="If the function took 1 s"),
    },
)

# %% slide="subslide"
fig, ax = plots.subplots(figsize=(7.2, 2.9))
for row, where in enumerate(times):
    ax.hlines(row, typical[where], p99(times[where]), color=plots.SKY, linewidth=5)
    ax.plot(typical[where], row, "o", color=plots.BLUE, markersize=9)
ax.set_xscale("log")
ax.set_yticks(range(len(times)), list(times))
ax.set_ylim(len(times) - 0.5, -0.5)
ax.grid(axis="x")
ax.grid(visible=False, axis="y")
ax.set_xlabel(tr(es="tiempo de un mensaje (µs, escala logarítmica)", en="time of one message (µs, logarithmic scale)"))
ax.set_title(tr(es="Punto: mediana. Barra: hasta el p99", en="Dot: median. Bar: up to the p99"))
plots.show(
    fig,
    alt=tr(
        es="Tiempo de un mensaje según adónde va, en escala logarítmica. Medianas en microsegundos: "
        + ", ".join(f"{where} {typical[where]:.3g}" for where in times),
        en="Time of one message by where it goes, on a logarithmic scale. Medians in microseconds: "
        + ", ".join(f"{where} {typical[where]:.3g}" for where in times),
    ),
)

# %% slide="fragment"
thread, process = typical[tr(es="hilo", en="thread")], typical[tr(es="proceso", en="process")]
thread_over_process = thread / process
right = "a" if thread_over_process >= 2 else "b" if thread_over_process <= 0.5 else "c"
choose(
    tr(es="¿Qué tarda más, el otro hilo o el otro proceso?", en="Which takes longer, the other thread or the other process?"),
    slower_options,
    slower,
    right,
    why=tr(
        es=f"El hilo ha tardado {thread:.0f} µs y el proceso {process:.0f} µs.",
        en=f"The thread took {thread:.0f} µs and the process {process:.0f} µs.",
    ),
)
compare(
    tr(es="¿Cuántas llamadas a una función caben en una escritura en disco?", en="How many function calls fit in one write to disk?"),
    predicted=calls_per_disk_write,
    measured=round(typical[tr(es="disco", en="disk")] / typical[tr(es="función", en="function")]),
    unit=tr(es="llamadas", en="calls"),
)

# %% [markdown] lang="es" slide="subslide"
# ### Qué nos llevamos
#
# - **Salir de la función** cuesta cientos o miles de veces más que llamarla: hay que despertar a alguien y esperar turno.
# - **Otro proceso y otro hilo quedan en el mismo orden de magnitud**, y a veces gana el proceso. Compartir memoria no hace gratis
#   la entrega a otro hilo: los hilos de Python se turnan para ejecutarse (por el GIL, un cerrojo que solo tiene uno cada vez), y cada
#   mensaje obliga a dos relevos.
# - **Lo duradero se paga.** Que un mensaje sobreviva a un apagón suele ser lo más caro de la tabla, y lo que más cambia de un
#   disco a otro. Si en tu tabla sale barato, sospecha: hay discos virtuales y unidades que contestan antes de haber guardado. En
#   macOS, además, `fsync` no garantiza tanto: hay que pedir `F_FULLFSYNC` (en SQLite, `PRAGMA fullfsync`).
# - **Una mediana no basta.** Mira las barras: un mensaje de cada cien puede tardar bastante más de lo normal, y en un sistema con
#   muchos pasos es fácil que te toque alguno: con cien, le pasa al 63 % de las peticiones.
#
# Dos cautelas con el p99: con 300 medidas es la tercera peor, así que baila de una ejecución a otra; y el de la función sale de
# medias de cien llamadas, donde una llamada lenta se diluye, así que no habla de llamadas sueltas.
#
# De estas cuatro ideas parte la unidad 01: una empresa de viajes mueve sus datos por una base de datos, por servicios y por un
# **broker** (un intermediario que recibe los mensajes de unos programas y se los da a otros).
# %% [markdown] lang="en" slide="subslide"
# ### What to take away
#
# - **Leaving the function** costs hundreds or thousands of times more than calling it: someone has to be woken up and wait for a turn.
# - **Another process and another thread are of the same order of magnitude**, and sometimes the process wins. Sharing memory does not
#   make delivery to another thread free: Python's threads take turns to run (because of the GIL, a lock that only one holds at a
#   time), and each message forces two context switches.
# - **Durability has a price.** Making a message survive a power cut is usually the most expensive row of the table, and the one that
#   changes most from disk to disk. If yours is cheap, be suspicious: some virtual disks and drives answer before they have saved
#   anything. On macOS, moreover, `fsync` promises less: you have to ask for `F_FULLFSYNC` (in SQLite, `PRAGMA fullfsync`).
# - **A median is not enough.** Look at the bars: one message in a hundred may take much longer than usual, and in a system of many
#   steps you easily meet one: with a hundred steps, 63 % of requests do.
#
# Two warnings about the p99: with 300 measurements it is the third worst, so it moves from run to run; and the function's comes from
# means of a hundred calls, where one slow call is diluted, so it says nothing about single calls.
#
# Unit 01 starts from these four ideas: a ride-sharing company moves its data through a database, through services and through a
# **broker** (a go-between that takes messages from some programs and hands them to others).

# %% [markdown] lang="es" slide="slide"
# ## Comprueba tu máquina
#
# La celda dice qué está instalado y qué va incluido en el curso (la base de datos, el broker). Es lo mismo que escribir
# `mlprod doctor` en una terminal. Si falta algo, es opcional, salvo que la tabla indique lo contrario; lo *embebido* no falta: viene
# con el curso.
#
# Para qué sirve cada programa:
#
# - **Java**: Spark, en la unidad 03;
# - **Chromium**: el navegador, en la unidad 05;
# - **C++**: compilar modelos, en la unidad 07;
# - **Docker**: cambiar los servidores incluidos por otros de verdad;
# - **bubblewrap**: calificar entregas aisladas; solo le hace falta a quien da el curso.
# %% [markdown] lang="en" slide="slide"
# ## Check your machine
#
# The cell says what is installed and what comes with the course (the database, the broker). It is the same as typing
# `mlprod doctor` in a terminal. Anything marked *optional* can be ignored; what is *embedded* is not missing: it comes with the
# course.
#
# What each program is for:
#
# - **Java**: Spark, in unit 03;
# - **Chromium**: the browser, in unit 05;
# - **C++**: compiling models, in unit 07;
# - **Docker**: swapping the servers that come with the course for real ones;
# - **bubblewrap**: grading submissions in a sandbox; only whoever teaches the course needs it.

# %%
states = {
    "ok": tr(es="bien", en="fine"),
    "optional": tr(es="opcional", en="optional"),
    "wrong": tr(es="hay que arreglarlo", en="needs fixing"),
}
tables.show(
    [
        {"what": found.name, "state": states[found.state], "detail": found.detail, "remedy": found.remedy}
        for found in doctor.examine()
    ],
    caption=tr(es="Esta máquina y el curso", en="This machine and the course"),
    columns={
        "what": tr(es="Qué", en="What"),
        "state": tr(es="Estado", en="State"),
        "detail": tr(es="Detalle", en="Detail"),
        "remedy": tr(es="Qué hacer", en="What to do"),
    },
)

# %% [markdown] lang="es" slide="slide"
# ## El camino
#
# ```mermaid
# flowchart TB
#     subgraph A["Mover datos"]
#         direction LR
#         U1["01 Paso de datos<br/>entre procesos"] --> U2["02 Publicación/suscripción<br/>(pub/sub) y colas"] --> U3["03 Lotes<br/>y flujos"]
#     end
#     subgraph B["Servir predicciones"]
#         direction LR
#         U4["04 Por lotes<br/>y en línea"] --> U5["05 Nube<br/>y borde (edge)"]
#     end
#     subgraph C["Que quepa y vaya rápido"]
#         direction LR
#         U6["06 Compresión<br/>de modelos"] --> U7["07 Compiladores"]
#     end
#     A --> B --> C --> U8["08 Proyecto final: todo junto"]
# ```
#
# Cada unidad tiene una lección y unos ejercicios con el mismo nombre, en español y en inglés. El enlace que hay bajo el título te
# lleva de un idioma al otro y de la lección a sus ejercicios.
# %% [markdown] lang="en" slide="slide"
# ## The road ahead
#
# ```mermaid
# flowchart TB
#     subgraph A["Moving data"]
#         direction LR
#         U1["01 Passing data<br/>between processes"] --> U2["02 Publish/subscribe<br/>(pub/sub) and queues"] --> U3["03 Batch<br/>and stream"]
#     end
#     subgraph B["Serving predictions"]
#         direction LR
#         U4["04 Batch<br/>and online"] --> U5["05 Cloud<br/>and edge"]
#     end
#     subgraph C["Making it fit and run fast"]
#         direction LR
#         U6["06 Model<br/>compression"] --> U7["07 Compilers"]
#     end
#     A --> B --> C --> U8["08 Capstone: all of it together"]
# ```
#
# Each unit has one lesson and some exercises with the same name, in Spanish and in English. The link under the title takes you from
# one language to the other, and from the lesson to its exercises.

# %% [markdown] lang="es" slide="slide"
# ## Cómo son los ejercicios
#
# - Escribes tu código en lugar de la línea `raise NotImplementedError()`. No cambies el nombre de la función.
# - Debajo hay celdas de prueba, bloqueadas: si una falla, el mensaje dice qué se esperaba y qué ha salido.
# - El botón **Validate** de la barra del notebook lo ejecuta todo desde cero y te dice si pasan las pruebas visibles.
# - Al corregir se pasan además **pruebas ocultas**, con otros datos: no vale con que cuadre el ejemplo.
# - Alguna pregunta es de redacción y la corrige una persona. Importan las razones, no la extensión.
# - Entregas el notebook, con su mismo nombre, en el idioma que quieras: las pruebas y la nota son las mismas.
#
# `mlprod grade` es para quien da el curso; tú no lo necesitas.
# %% [markdown] lang="en" slide="slide"
# ## What the exercises are like
#
# - You replace `raise NotImplementedError()` with your code. Do not change the function's name.
# - Below there are test cells, locked: when one fails, its message says what was expected and what came out.
# - The **Validate** button of the notebook's toolbar runs it all from scratch and tells you whether the visible tests pass.
# - Grading also runs **hidden tests**, on other data: matching the example is not enough.
# - Some questions are essays, graded by a person. Reasons matter, length does not.
# - You hand in the notebook, under its own name, in whichever language you like: tests and marks are the same.
#
# `mlprod grade` is for whoever teaches the course; you do not need it.

# %% [markdown] lang="es" slide="slide"
# ## Si algo falla y cómo terminar
#
# 1. **Lee el error entero.** Los del curso dicen qué ha pasado y qué hacer.
# 2. **Empieza de cero:** menú *Kernel*, reiniciar y ejecutar todas las celdas. Casi todos los líos vienen de ejecutarlas en desorden.
# 3. **Vuelve a comprobar tu máquina**, con la celda de arriba.
# 4. **Pregunta**, con el mensaje de error, lo que dice esa comprobación y lo que ya has probado.
#
# No hay que limpiar nada: los procesos y ficheros temporales de un notebook desaparecen con su kernel, incluso si este muere de golpe.
# Para pararlo todo, cierra JupyterLab con `Ctrl + C` en la terminal donde lo abriste.
#
# Ahora te toca: los ejercicios de esta unidad son una función y una pregunta.
# %% [markdown] lang="en" slide="slide"
# ## If something fails, and how to finish
#
# 1. **Read the whole error.** The course's own errors say what happened and what to do.
# 2. **Start again:** *Kernel* menu, restart and run all cells. Most confusion comes from running them out of order.
# 3. **Check your machine again**, with the cell above.
# 4. **Ask**, with the error message, what the check says and what you have already tried.
#
# There is nothing to clean up: the processes and temporary files of a notebook disappear with its kernel, even if it dies suddenly.
# To stop everything, close JupyterLab with `Ctrl + C` in the terminal where you opened it.
#
# Now it is your turn: this unit's exercises are one function and one question.
