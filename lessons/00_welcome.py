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
# **Tiempo:** 10 minutos. **Qué se ejecuta:** un hilo y un proceso de tu máquina, que se cierran solos. Nada sale a la red.
# %% [markdown] lang="en" slide="slide"
# # Welcome
#
# A model that gets it right on your laptop is of no use to anybody yet. It has to receive data from other programs, answer
# in time, fit the device that will run it and stay up when something fails. That is what this course is about, and one
# learns it by **measuring**: each lesson starts real systems on your computer and compares what you expected with what happens.
#
# When you finish you will know:
#
# 1. **(0.1)** how to follow a lesson: predict, run and compare;
# 2. **(0.2)** how long, on your machine, a message takes to reach another function, thread or process, and the disk;
# 3. **(0.3)** how to check that your machine has what it takes;
# 4. **(0.4)** how to do an exercise, validate it and hand it in.
#
# **Time:** 10 minutes. **What runs:** one thread and one process on your machine, which end by themselves. Nothing goes out to the network.

# %% tags=["parameters"]
# es: cuántas veces se repite cada medida
# en: how many times each measure is repeated
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
# %% [markdown] lang="en" slide="slide"
# ## What a lesson is like
#
# Each experiment has three steps:
#
# 1. **Predict.** You write a number or choose an option *before* running. You need not be right: you need to commit yourself.
# 2. **Run.** With **Shift + Enter**, cell by cell and in order. The code that matters is always in sight.
# 3. **Compare.** You see your prediction beside what **your** machine has measured, which need not agree with your neighbour's.
#
# If you predict nothing, everything works all the same; you just miss the surprise.

# %% [markdown] lang="es" slide="slide"
# ## Un primer experimento: ¿cuánto cuesta cruzar una frontera?
#
# Un programa entrega un mensaje y espera la respuesta. El trabajo es nulo: quien lo recibe lo devuelve tal cual. Lo único que
# cambia es la frontera que hay que cruzar:
#
# - **función**: ninguna, es una llamada normal y corriente;
# - **hilo**: otro hilo de este mismo proceso, con una cola de ida y otra de vuelta;
# - **proceso**: otro proceso del sistema operativo, por una conexión TCP con `127.0.0.1`;
# - **disco**: el mensaje se escribe en un archivo y no se da por entregado hasta que sobreviviría a un apagón (`fsync`).
#
# ### Predice
#
# ¿Qué crees que tarda más, la ida y vuelta a otro hilo o a otro proceso? ¿Y cuántas llamadas a una función caben en el
# tiempo de **una** escritura en disco? Cambia los dos `None` de la celda siguiente.
# %% [markdown] lang="en" slide="slide"
# ## A first experiment: what does crossing a border cost?
#
# A program hands over a message and waits for the answer. There is no work to do: whoever receives it sends it back as it is.
# Only the border to be crossed changes:
#
# - **function**: none, it is an ordinary call;
# - **thread**: another thread of this same process, with one queue there and another back;
# - **process**: another process of the operating system, through a TCP connection with `127.0.0.1`;
# - **disk**: the message is written to a file and does not count as delivered until it would survive a power cut (`fsync`).
#
# ### Predict
#
# Which do you think takes longer, the round trip to another thread or to another process? And how many function calls fit in
# the time of **one** write to disk? Change the two `None` of the next cell.

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
# función es tan corta que se cronometran cien seguidas; si no, el reloj pesaría más que ella.
# %% [markdown] lang="en" slide="subslide"
# ### Run
#
# First, how to measure: repeat it `rounds` times and keep **all** the times, not just the mean. A function call is so short
# that a hundred in a row are timed; otherwise the clock would weigh more than the call.

# %%
def microseconds(deliver, per_measure=1):
    """Time of each of `rounds` deliveries, in microseconds."""
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        for _ in range(per_measure):
            deliver("hola")
        times.append((perf_counter() - begin) / per_measure * 1e6)
    return times


def reply(message):
    return message


times = {"function": microseconds(reply, per_measure=100)}

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
    times["thread"] = microseconds(through_thread)
finally:
    there.put(None)
    worker.join()

# %% [markdown] lang="es" slide="subslide"
# El otro proceso es de verdad: otro intérprete de Python, con su propia memoria y su número de proceso. `processes.start` y
# `processes.group` aparecen en casi todas las lecciones: ejecutan en otro proceso una función de este notebook y lo cierran
# al salir del bloque `with`, también si la celda falla o la interrumpes.
# %% [markdown] lang="en" slide="subslide"
# The other process is a real one: another Python interpreter, with its own memory and its process number. `processes.start` and
# `processes.group` appear in almost every lesson: they run a function of this notebook in another process and close it on leaving
# the `with` block, also when the cell fails or you interrupt it.

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

        times["process"] = microseconds(through_process)
        connection.send(None)

# %% [markdown] lang="es" slide="subslide"
# Y el disco. Sin `os.fsync` el sistema operativo diría «hecho» con el mensaje aún en memoria: mucho más rápido, y perdido si se
# va la luz. El archivo es temporal y desaparece al cerrarlo.
# %% [markdown] lang="en" slide="subslide"
# And the disk. Without `os.fsync` the operating system would say "done" with the message still in memory: much faster, and lost in
# a power cut. The file is temporary and disappears when it is closed.

# %%
with tempfile.TemporaryFile(dir=os.getcwd(), buffering=0) as file:

    def to_disk(message):
        file.write(message.encode())
        os.fsync(file.fileno())

    times["disk"] = microseconds(to_disk)

# %% [markdown] lang="es" slide="subslide"
# ### Compara
#
# La última columna estira el tiempo: si la llamada a la función durase un segundo, ¿cuánto durarían las demás?
# %% [markdown] lang="en" slide="subslide"
# ### Compare
#
# The last column stretches time: if the function call took one second, how long would the others take?

# %%
names = {
    "function": tr(es="función", en="function"),
    "thread": tr(es="hilo", en="thread"),
    "process": tr(es="proceso", en="process"),
    "disk": tr(es="disco", en="disk"),
}
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
            "to": names[where],
            "median": typical[where],
            "p99": p99(times[where]),
            "stretched": stretched(typical[where] / typical["function"]),
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
ax.set_yticks(range(len(times)), [names[where] for where in times])
ax.set_ylim(len(times) - 0.5, -0.5)
ax.grid(axis="x")
ax.grid(visible=False, axis="y")
ax.set_xlabel(tr(es="tiempo de un mensaje (µs, escala logarítmica)", en="time of one message (µs, logarithmic scale)"))
ax.set_title(tr(es="Punto: mediana. Barra: hasta el p99", en="Dot: median. Bar: up to the p99"))
plots.show(
    fig,
    alt=tr(
        es="Tiempo de un mensaje según adónde va, en escala logarítmica. Medianas en microsegundos: "
        + ", ".join(f"{names[where]} {typical[where]:.3g}" for where in times),
        en="Time of one message by where it goes, on a logarithmic scale. Medians in microseconds: "
        + ", ".join(f"{names[where]} {typical[where]:.3g}" for where in times),
    ),
)

# %% slide="fragment"
thread_over_process = typical["thread"] / typical["process"]
right = "a" if thread_over_process >= 2 else "b" if thread_over_process <= 0.5 else "c"
choose(
    tr(es="¿Qué tarda más, el otro hilo o el otro proceso?", en="Which takes longer, the other thread or the other process?"),
    slower_options,
    slower,
    right,
    why=tr(
        es=f"El hilo ha tardado {typical['thread']:.0f} µs y el proceso {typical['process']:.0f} µs.",
        en=f"The thread took {typical['thread']:.0f} µs and the process {typical['process']:.0f} µs.",
    ),
)
compare(
    tr(es="¿Cuántas llamadas a una función caben en una escritura en disco?", en="How many function calls fit in one write to disk?"),
    predicted=calls_per_disk_write,
    measured=round(typical["disk"] / typical["function"]),
    unit=tr(es="llamadas", en="calls"),
)

# %% [markdown] lang="es" slide="subslide"
# ### Qué nos llevamos
#
# - **Salir de la función** cuesta cientos o miles de veces más que llamarla: hay que despertar a alguien y esperar turno.
# - **Otro proceso y otro hilo quedan en el mismo orden de magnitud**, y a veces gana el proceso. Compartir memoria no hace gratis
#   la entrega a otro hilo: los hilos de Python se turnan para ejecutarse (el GIL), y cada mensaje obliga a dos relevos.
# - **Lo duradero se paga.** Que un mensaje sobreviva a un apagón suele ser lo más caro de la tabla, y lo que más cambia de un
#   disco a otro. Si en tu tabla sale barato, sospecha: hay discos virtuales y unidades que contestan antes de haber guardado.
# - **Una mediana no basta.** Mira las barras: un mensaje de cada cien tarda bastante más de lo normal, y en un sistema con muchos
#   pasos casi siempre te toca alguno.
#
# Con esas cuatro ideas empieza la unidad 01, donde una empresa de viajes mueve sus datos por una base de datos, por servicios y por
# un broker.
# %% [markdown] lang="en" slide="subslide"
# ### What to take away
#
# - **Leaving the function** costs hundreds or thousands of times more than calling it: somebody must be woken up, and turns waited for.
# - **Another process and another thread are of the same order of magnitude**, and sometimes the process wins. Sharing memory does not
#   make delivery to another thread free: Python's threads take turns to run (the GIL), and each message forces two changes of turn.
# - **Durability has a price.** Making a message survive a power cut is usually the dearest row of the table, and the one that changes
#   most from disk to disk. If yours is cheap, be suspicious: some virtual disks and drives answer before they have saved anything.
# - **One median is not enough.** Look at the bars: one message in a hundred takes much longer than usual, and in a system of many
#   steps you nearly always meet one.
#
# With these four ideas begins unit 01, where a ride-sharing company moves its data through a database, through services and through
# a broker.

# %% [markdown] lang="es" slide="slide"
# ## Comprueba tu máquina
#
# La celda dice qué está instalado y qué va incluido en el curso (la base de datos, el broker). Es lo mismo que escribir
# `mlprod doctor` en una terminal. Lo que ponga que falta es opcional, salvo que diga otra cosa.
# %% [markdown] lang="en" slide="slide"
# ## Check your machine
#
# The cell says what is installed and what the course brings along (the database, the broker). It is the same as typing
# `mlprod doctor` in a terminal. Whatever it says is missing is optional, unless it says otherwise.

# %%
states = {
    "ok": tr(es="bien", en="fine"),
    "optional": tr(es="opcional", en="optional"),
    "wrong": tr(es="hay que arreglarlo", en="to be mended"),
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
#         U1["01 Paso de datos<br/>entre procesos"] --> U2["02 Pubsub y<br/>colas de mensajes"] --> U3["03 Lotes<br/>y flujos"]
#     end
#     subgraph B["Servir predicciones"]
#         direction LR
#         U4["04 Por lotes<br/>y en línea"] --> U5["05 Nube<br/>y borde"]
#     end
#     subgraph C["Que quepa y corra"]
#         direction LR
#         U6["06 Compresión<br/>de modelos"] --> U7["07 Compiladores"]
#     end
#     A --> B --> C --> U8["08 Proyecto final: todo junto"]
# ```
#
# Cada unidad tiene una lección y unos ejercicios con el mismo nombre, en español y en inglés. El enlace que hay bajo el título te
# lleva de un idioma al otro y de la lección a sus ejercicios.
# %% [markdown] lang="en" slide="slide"
# ## The way
#
# ```mermaid
# flowchart TB
#     subgraph A["Moving data"]
#         direction LR
#         U1["01 Passing data<br/>between processes"] --> U2["02 Pubsub and<br/>message queues"] --> U3["03 Batch<br/>and stream"]
#     end
#     subgraph B["Serving predictions"]
#         direction LR
#         U4["04 Batch<br/>and online"] --> U5["05 Cloud<br/>and edge"]
#     end
#     subgraph C["Making it fit and run"]
#         direction LR
#         U6["06 Model<br/>compression"] --> U7["07 Compilers"]
#     end
#     A --> B --> C --> U8["08 Capstone: all of it together"]
# ```
#
# Each unit has one lesson and some exercises of the same name, in Spanish and in English. The link under the title takes you from
# one language to the other, and from the lesson to its exercises.

# %% [markdown] lang="es" slide="slide"
# ## Cómo son los ejercicios
#
# - Escribes tu código donde pone `raise NotImplementedError()`, que desaparece. No cambies el nombre de la función.
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
# - You write your code where it says `raise NotImplementedError()`, which goes away. Do not change the function's name.
# - Below there are test cells, locked: when one fails, its message says what was expected and what came out.
# - The **Validate** button of the notebook's toolbar runs it all from scratch and tells you whether the visible tests pass.
# - Grading also runs **hidden tests**, on other data: matching the example is not enough.
# - Some questions are essays, graded by a person. Reasons matter, length does not.
# - You hand in the notebook, under its own name, in whichever language you like: tests and marks are the same.
#
# `mlprod grade` is for whoever teaches the course; you do not need it.

# %% [markdown] lang="es" slide="slide"
# ## Si algo falla, y al terminar
#
# 1. **Lee el error entero.** Los del curso dicen qué ha pasado y qué hacer.
# 2. **Empieza de cero:** menú *Kernel*, reiniciar y ejecutar todas las celdas. Casi todos los líos vienen de ejecutarlas en desorden.
# 3. **Pasa la revisión** de la máquina, con la celda de arriba.
# 4. **Pregunta**, con el mensaje de error, lo que dice la revisión y lo que ya has probado.
#
# No hay que limpiar nada: los procesos y archivos temporales de un notebook se van con su kernel, incluso si este muere de golpe.
# Para pararlo todo, cierra JupyterLab con `Ctrl + C` en la terminal donde lo abriste.
#
# Ahora te toca: los ejercicios de esta unidad son una función y una pregunta.
# %% [markdown] lang="en" slide="slide"
# ## If something fails, and when you finish
#
# 1. **Read the whole error.** The course's own say what happened and what to do.
# 2. **Begin anew:** *Kernel* menu, restart and run all cells. Nearly every muddle comes from running them out of order.
# 3. **Run the check** of the machine, with the cell above.
# 4. **Ask**, with the error message, what the check says and what you have already tried.
#
# There is nothing to clean up: the processes and temporary files of a notebook go with its kernel, even if it dies suddenly.
# To stop everything, close JupyterLab with `Ctrl + C` in the terminal where you opened it.
#
# Now it is your turn: this unit's exercises are one function and one question.
