# ---
# title:
#   es: "Compiladores de modelos: del grafo al código máquina"
#   en: "Model compilers: from the graph to machine code"
# unit: "07"
# minutes: 120
# ---

# %% [markdown] lang="es" slide="slide"
# # Compiladores de modelos: del grafo al código máquina
#
# En la unidad 06 cambiaste el modelo por otro más pequeño. Aquí el modelo viene dado y se traduce mejor (solo en la parte de cuantización se redondean sus números). Vas a escribir un **compilador**, del grafo de PyTorch al código máquina, y a medirlo contra los que usa todo el mundo.
#
# Al terminar sabrás:
#
# 1. **(7.1)** leer un grafo de cómputo como lo lee un compilador, y decir qué reescrituras conservan su significado;
# 2. **(7.2)** escribir pases sobre el grafo: plegado de constantes, subexpresiones comunes, código muerto;
# 3. **(7.3)** decir cuándo se pueden fusionar dos operaciones, y predecir los bytes y las reservas de memoria que eso ahorra;
# 4. **(7.4)** planificar la memoria según cuánto vive cada valor;
# 5. **(7.5)** reescribir un grafo cuantizado (Q-DQ) en aritmética entera, con calibración y con bits distintos según la parte del modelo, dentro de un presupuesto;
# 6. **(7.6)** buscar el tamaño de las teselas con un modelo de coste, y comprobar que lo encontrado no sirve en otro chip;
# 7. **(7.7)** medir con honradez: tiempo de compilación, calentamiento, cachés y asincronía.
#
# **Tiempo:** unas dos horas; las celdas, en total, uno o dos minutos (lo que más tarda es `torch.compile`). **Qué se ejecuta:** todo en tu máquina, con un hilo y sin Internet.
#
# | aquí… | |
# |---|---|
# | es de verdad | el compilador (C si tienes un compilador de C; si no, numba), las carreras, los modelos, los cuatro ejecutables del final |
# | se **simula** | un acelerador asíncrono: un hilo que trabaja mientras tu programa sigue |
# | es un **supuesto**, y lo dice | los dos chips de la búsqueda de teselas: un modelo de coste inventado |
# %% [markdown] lang="en" slide="slide"
# # Model compilers: from the graph to machine code
#
# In unit 06 you replaced the model by a smaller one. Here the model is given and gets a better translation (only in the part on quantization are its numbers rounded). You are going to write a **compiler**, from PyTorch's graph to machine code, and to measure it against those that everybody uses.
#
# When you finish you will be able to:
#
# 1. **(7.1)** read a computation graph as a compiler does, and say which rewrites keep its meaning;
# 2. **(7.2)** write graph passes: constant folding, common subexpressions, dead code;
# 3. **(7.3)** say when two operations may be fused, and predict the bytes and the allocations that this saves;
# 4. **(7.4)** plan memory by how long each value lives;
# 5. **(7.5)** rewrite a quantized graph (Q-DQ) into integer arithmetic, with calibration and with different bits for different parts of the model, under a budget;
# 6. **(7.6)** search for tile sizes on a cost model, and see that what you find does not carry over to another chip;
# 7. **(7.7)** benchmark honestly: compile time, warm-up, caches and asynchrony.
#
# **Time:** about two hours; the cells take a minute or two in all (`torch.compile` takes longest). **What runs:** everything on your machine, on one thread, without the Internet.
#
# | here… | |
# |---|---|
# | for real | the compiler (C if you have a C compiler; numba if not), the races, the models, the four executables at the end |
# | **simulated** | an asynchronous accelerator: a thread that works while your program goes on |
# | **assumed**, and said so | the two chips of the tile search: a made-up cost model |

# %% tags=["parameters"]
# es: números en coma flotante de cada tensor de la carrera (34 MB: el de entrada y el de salida no caben juntos en casi ninguna caché)
# en: floating-point numbers in each tensor of the race (34 MB: input and output together fit in hardly any cache)
elements_in_the_race = 2**23
# es: rondas de cada carrera
# en: rounds of each race
rounds = 9
# es: ¿correr también contra torch.compile? Compilar por primera vez tarda entre diez segundos y un minuto
# en: race torch.compile too? Compiling for the first time takes from ten seconds to a minute
with_torch_compile = True
# es: medidas que puede gastar una búsqueda de teselas
# en: measurements that a tile search may spend
search_budget = 30

# %% slide="skip"
import ctypes
import logging
import math
import operator
import os
import random
import shutil
import statistics
import subprocess
import sys
import threading
import warnings
from dataclasses import dataclass, replace
from queue import SimpleQueue
from time import perf_counter

import numpy as np
import onnx
import onnxruntime
import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from mlprod import bench, plots, start, tables, tr
from mlprod.display import number
from mlprod.errors import CourseError
from mlprod.predictions import choose, compare
from mlprod.systems import c_compiler, fashion
from mlprod.systems.race import race
from mlprod.systems.workspace import workspace

start(LANG)
# es: medimos un núcleo: así un resultado no depende de cuántos tengas
# en: we measure one core: that way a result does not depend on how many you have
torch.set_num_threads(1)
torch.manual_seed(0)
print(
    tr(
        es=f"Compilador de C: {c_compiler.available() or 'no hay; usaremos numba'}",
        en=f"C compiler: {c_compiler.available() or 'none; we shall use numba'}",
    )
)

# %% [markdown] lang="es" row="58" slide="slide"
# ## Lo que lee un compilador
#
# La diapositiva del curso (CS 329S de Stanford, 2021) cita a Soumith Chintala, uno de los creadores de PyTorch ([VentureBeat, 2 de enero de 2020](https://venturebeat.com/2020/01/02/top-minds-in-machine-learning-predict-where-ai-is-going-in-2020/)): la próxima guerra es la de los compiladores (XLA, TVM, Glow), y en los años siguientes veríamos cómo cuantizar mejor, cómo fusionar mejor, cómo aprovechar más las GPU y cómo compilar de forma automática para hardware nuevo. Tres de esas cuatro promesas son partes de esta lección; para la de las GPU haría falta una.
#
# PyTorch ejecuta por defecto en modo **inmediato** (*eager*): cada línea de Python llama a una rutina ya compilada, que lee sus entradas de la memoria, reserva sitio para el resultado y lo escribe. Nadie ve la línea siguiente. Un compilador espera a tener el **grafo de cómputo** entero, y entonces sí puede ver que algo sobra, se repite o se podría hacer de una pasada.
#
# Este es el modelo que vamos a compilar. Está escrito como escribe la gente: con una línea que quedó de una depuración, con una cuenta que se repite y con otra que da siempre lo mismo.
# %% [markdown] lang="en" row="58" slide="slide"
# ## What a compiler reads
#
# The course's slide (Stanford's CS 329S, 2021) quotes Soumith Chintala, one of PyTorch's creators ([VentureBeat, 2 January 2020](https://venturebeat.com/2020/01/02/top-minds-in-machine-learning-predict-where-ai-is-going-in-2020/)): the next war is that of the compilers (XLA, TVM, Glow), and in the following years we were to see how to quantize smarter, fuse better, use GPUs more efficiently and compile automatically for new hardware. Three of those four promises are parts of this lesson; for the one about GPUs you would need a GPU.
#
# By default PyTorch runs **eagerly**: each line of Python calls a routine that was compiled long ago, which reads its inputs from memory, allocates room for the result and writes it. Nobody sees the next line. A compiler waits until it has the whole **computation graph**, and then it can see that something is superfluous, repeated, or could be done in one go.
#
# This is the model that we are going to compile. It is written as people write: with a line left over from debugging, a calculation that is repeated, and another that always gives the same.


# %% slide="subslide"
class Classifier(nn.Module):
    """(B, 64) features -> (B, 10) probabilities."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(64, 128), nn.Linear(128, 10)
        self.register_buffer("mean", torch.rand(64))
        self.register_buffer("variance", torch.rand(64))
        self.register_buffer("temperature", torch.tensor(1.3))

    def forward(self, x):
        scaled = (x - self.mean) / torch.sqrt(self.variance + 1e-5)
        torch.tanh(scaled)
        hidden = F.gelu(self.hidden(scaled))
        logits = self.out(hidden) * (1.0 / self.temperature)
        exps = torch.exp(logits - logits.amax(dim=-1, keepdim=True))
        total = torch.exp(logits - logits.amax(dim=-1, keepdim=True)).sum(dim=-1, keepdim=True)
        return exps / total


# %% [markdown] lang="es" row="58" slide="subslide"
# ### La representación intermedia
#
# `torch.fx` ejecuta `forward` con objetos que apuntan lo que se les hace, y nos da la lista de nodos. La copiamos a nuestra **representación intermedia** (IR): un valor es una `Op` con su clase, sus argumentos y su forma, siempre de dos dimensiones. El orden de la lista es un orden en que se puede ejecutar.
#
# Cada clase de operación dice aquí todo lo que hay que saber de ella: cómo se escribe en C y qué función de PyTorch hace lo mismo. Las hay de tres tipos: **elemento a elemento**, **reducciones** a lo largo de cada fila, y las que dejamos a una **biblioteca** (multiplicar matrices: también lo hacen XLA y TorchInductor cuando les conviene).
# %% [markdown] lang="en" row="58" slide="subslide"
# ### The intermediate representation
#
# `torch.fx` runs `forward` with objects that note down what is done to them, and gives us the list of nodes. We copy it to our **intermediate representation** (IR): a value is an `Op` with its kind, its arguments and its shape, always two-dimensional. The order of the list is one in which it can be executed.
#
# Here each kind of operation says all that there is to know about it: how it is written in C and which PyTorch function does the same. They are of three sorts: **elementwise**, **reductions** along each row, and those that we leave to a **library** (multiplying matrices: XLA and TorchInductor do so too when it suits them).


# %% slide="subslide"
@dataclass(frozen=True, eq=False)
class Op:
    """One value of the program: how it is computed, from which others, and its shape (rows, columns)."""

    kind: str
    args: tuple = ()
    shape: tuple = (1, 1)
    value: torch.Tensor | None = None


@dataclass(frozen=True)
class Graph:
    """Values in an order in which they can be computed, and which of them are the result."""

    ops: list
    outputs: tuple


# es: clase: (cómo se escribe, función de PyTorch)
# en: kind: (how it is written, PyTorch function)
ELEMENTWISE = {
    "add": ("({0} + {1})", torch.add),
    "sub": ("({0} - {1})", torch.sub),
    "mul": ("({0} * {1})", torch.mul),
    "div": ("({0} / {1})", torch.div),
    "neg": ("(-{0})", torch.neg),
    "abs": ("fabsf({0})", torch.abs),
    "sqrt": ("sqrtf({0})", torch.sqrt),
    "exp": ("expf({0})", torch.exp),
    "tanh": ("tanhf({0})", torch.tanh),
    "sigmoid": ("sigmoid({0})", torch.sigmoid),
    "gelu": ("gelu({0})", F.gelu),
    "relu": ("relu({0})", torch.relu),
    "maximum": ("larger({0}, {1})", torch.maximum),
}
# es: clase: (valor inicial, cómo se añade un elemento)
# en: kind: (initial value, how one element is added)
REDUCTIONS = {"sum": ("0", "({0} + {1})"), "amax": ("-INFINITY", "larger({0}, {1})")}
LOOPS = ELEMENTWISE.keys() | REDUCTIONS.keys()
LIBRARY = {"linear", "rand_like"}


# %% slide="subslide"
def two_d(shape):
    if len(shape) > 2:
        raise CourseError(
            tr(
                es=f"Este compilador solo sabe de matrices, y aquí hay una forma {tuple(shape)}.",
                en=f"This compiler only knows matrices, and here is a shape {tuple(shape)}.",
            )
        )
    return (1,) * (2 - len(shape)) + tuple(shape)


def capture(model, *examples):
    """`model` (a function or a module) as a Graph for inputs of the shapes of `examples`."""
    tracer = fx.Tracer()
    # es: sin esto, fx calcularía por su cuenta lo que solo depende de constantes, y queremos verlo
    # en: without this, fx would by itself compute what depends on constants alone, and we want to see it
    tracer.proxy_buffer_attributes = True
    nodes = tracer.trace(model)
    traced = fx.GraphModule(tracer.root, nodes)
    ShapeProp(traced).propagate(*examples)
    ops, made = [], {}

    def new(kind, args=(), shape=(1, 1), value=None):
        ops.append(Op(kind, tuple(args), two_d(shape), value))
        return ops[-1]

    def operand(arg):
        if isinstance(arg, fx.Node):
            return made[arg]
        value = torch.as_tensor(arg, dtype=torch.float32).detach()
        return new("const", (), value.shape, value)

    for node in nodes.nodes:
        if node.op == "output":
            results = node.args[0] if isinstance(node.args[0], tuple) else node.args
            return Graph(ops, tuple(made[each] for each in results))
        args, shape = list(node.args), node.meta["tensor_meta"].shape
        if node.op == "call_module":
            module = traced.get_submodule(node.target)
            kind, args = type(module).__name__.lower(), args + list(module.parameters())
        else:
            kind = node.target if isinstance(node.target, str) else node.target.__name__
        kind = {"truediv": "div", "max": "amax"}.get(kind, kind)
        if node.op == "placeholder":
            made[node] = new("input", (), shape)
        elif node.op == "get_attr":
            made[node] = operand(operator.attrgetter(node.target)(traced))
        elif kind in REDUCTIONS or kind == "mean":
            made[node] = new(kind.replace("mean", "sum"), [operand(args[0])], shape)
            if kind == "mean":
                made[node] = new("mul", (made[node], operand(1 / ops[-1].args[0].shape[1])), shape)
        elif kind in LOOPS | LIBRARY:
            made[node] = new(kind, [operand(arg) for arg in args], shape)
        else:
            raise CourseError(
                tr(
                    es=f"Este compilador no conoce la operación {kind}: añádela a `ELEMENTWISE`.",
                    en=f"This compiler does not know the operation {kind}: add it to `ELEMENTWISE`.",
                )
            )


# %% slide="fragment" tags=["hide-input"]
def listing(graph):
    """A graph as text, one value a line; constants are written where they are used."""
    names = {op: f"%{n}" for n, op in enumerate(op for op in graph.ops if op.kind != "const")}

    def written(op):
        if op in names:
            return names[op]
        return f"{op.value.item():.4g}" if op.value.numel() == 1 else f"const{list(op.shape)}"

    calls = {op: f"{op.kind}({', '.join(map(written, op.args))})" for op in names}
    width, result = max(map(len, calls.values())), "   <- " + tr(es="resultado", en="result")
    return "\n".join(
        f"{names[op]:>4} = {call:<{width}}   {op.shape[0]} x {op.shape[1]}{result * (op in graph.outputs)}"
        for op, call in calls.items()
    )


def computed(graph):
    """How many operations a graph computes."""
    return sum(op.kind not in ("input", "const") for op in graph.ops)


torch.manual_seed(1)
classifier = Classifier().eval()
batch = torch.rand(32, 64)
naive = capture(classifier, batch)
print(listing(naive))

# %% [markdown] lang="es" row="58" slide="slide"
# ## Qué reescrituras conservan el significado
#
# Un compilador cambia el programa por otro **equivalente**. ¿Equivalente en qué aritmética? Entre números reales, $(a+b)+c=a+(b+c)$ y $x\cdot 0=0$. En coma flotante hay redondeo, dos ceros, infinitos y `NaN`, y las igualdades del instituto dejan de serlo.
#
# **Predice:** de las diez reescrituras de la celda que sigue, ¿cuántas dan exactamente los mismos bits con números corrientes **y** con los especiales?
# %% [markdown] lang="en" row="58" slide="slide"
# ## Which rewrites keep the meaning
#
# A compiler exchanges the program for an **equivalent** one. Equivalent in which arithmetic? Among real numbers, $(a+b)+c=a+(b+c)$ and $x\cdot 0=0$. In floating point there are rounding, two zeros, infinities and `NaN`, and the equalities learnt at school no longer hold.
#
# **Predict:** of the ten rewrites in the next cell, how many give exactly the same bits with ordinary numbers **and** with the special ones?

# %%
rewrites_that_keep_every_bit = None

# %% slide="fragment"
REWRITES = {
    "x * 2  ->  x + x": (lambda x, y, z: x * 2, lambda x, y, z: x + x),
    "x / 8  ->  x * 0.125": (lambda x, y, z: x / 8, lambda x, y, z: x * np.float32(0.125)),
    "x / 10  ->  x * 0.1": (lambda x, y, z: x / 10, lambda x, y, z: x * np.float32(0.1)),
    "x * 1  ->  x": (lambda x, y, z: x * 1, lambda x, y, z: x),
    "x + 0  ->  x": (lambda x, y, z: x + 0, lambda x, y, z: x),
    "x * 0  ->  0": (lambda x, y, z: x * 0, lambda x, y, z: np.zeros_like(x)),
    "x - x  ->  0": (lambda x, y, z: x - x, lambda x, y, z: np.zeros_like(x)),
    "x + y  ->  y + x": (lambda x, y, z: x + y, lambda x, y, z: y + x),
    "(x + y) + z  ->  x + (y + z)": (lambda x, y, z: (x + y) + z, lambda x, y, z: x + (y + z)),
    "x * y + x * z  ->  x * (y + z)": (lambda x, y, z: x * y + x * z, lambda x, y, z: x * (y + z)),
}
chance = np.random.default_rng(0)
ordinary = chance.normal(size=(3, 4000)).astype(np.float32)
corners = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-40, 3e38], dtype=np.float32)
special = np.array(np.meshgrid(corners, corners, corners)).reshape(3, -1)


def same_bits(a, b):
    """Share of equal results, bit by bit; one NaN is as good as another."""
    return np.mean((a.view(np.int32) == b.view(np.int32)) | (np.isnan(a) & np.isnan(b)))


rows, keep = [], 0
with np.errstate(all="ignore"):
    for name, (before, after) in REWRITES.items():
        shares = [same_bits(before(*xyz), after(*xyz)) for xyz in (ordinary, special)]
        keep += min(shares) == 1
        rows.append(
            {
                tr(es="reescritura", en="rewrite"): name,
                tr(es="iguales, corrientes", en="equal, ordinary"): shares[0],
                tr(es="iguales, especiales", en="equal, special"): shares[1],
            }
        )
tables.show(
    rows,
    caption=tr(es="Resultados iguales, bit a bit", en="Equal results, bit by bit"),
    formats={key: ".1%" for key in list(rows[0])[1:]},
)
compare(
    tr(es="reescrituras que conservan cada bit", en="rewrites that keep every bit"),
    predicted=rewrites_that_keep_every_bit,
    measured=keep,
    unit="",
)

# %% [markdown] lang="es" row="58" slide="subslide"
# Hay, pues, tres grados, y un compilador serio dice en cuál está:
#
# - **Mismos bits.** Quitar lo que nadie usa, no repetir una cuenta, calcular antes lo que es constante, y multiplicar por una potencia de dos en vez de dividir. Nuestros pases son de este grado.
# - **Mismo resultado salvo redondeo.** Cambiar el orden de una suma. Hace falta para sumar con instrucciones vectoriales. Por eso, y porque cada biblioteca aproxima a su manera `exp` o `tanh`, los resultados de dos compiladores difieren en el último dígito.
# - **Mismo resultado si no hay casos especiales.** $x\cdot 0\to 0$. (La tabla la suspende también con números corrientes: un negativo por cero da $-0$, que vale lo mismo que $0$ pero no tiene sus bits.) Convierte un `NaN`, que te habría avisado de un error, en un cero que parece bueno. En C, `-ffast-math` da permiso para este grado y para el anterior.
#
# Y hay operaciones que no son funciones de sus argumentos: `rand_like(x)` escrita dos veces son **dos** sorteos. Juntarlas cambia el significado, aunque las dos líneas sean iguales letra a letra. Lo mismo pasa con lo que escribe en su entrada (`x.relu_()`): nuestro compilador lo rechaza, y los de verdad lo reescriben antes sin escrituras (lo llaman *funcionalizar*).
# %% [markdown] lang="en" row="58" slide="subslide"
# So there are three grades, and a serious compiler says on which it stands:
#
# - **Same bits.** Removing what nobody uses, not repeating a calculation, computing beforehand what is constant, and multiplying by a power of two instead of dividing. Our passes are of this grade.
# - **Same result but for rounding.** Changing the order of a sum. Adding with vector instructions needs it. For that reason, and because each library approximates `exp` or `tanh` in its own way, the results of two compilers differ in the last digit.
# - **Same result if there are no special cases.** $x\cdot 0\to 0$. (In the table it fails with ordinary numbers too: a negative times zero gives $-0$, which equals $0$ but has other bits.) It turns a `NaN`, which would have warned you of a mistake, into a zero that looks fine. In C, `-ffast-math` permits this grade and the one before.
#
# And there are operations that are not functions of their arguments: `rand_like(x)` written twice is **two** draws. Merging them changes the meaning, even though the two lines are equal letter by letter. The same goes for what writes to its input (`x.relu_()`): our compiler refuses it, and the real ones first rewrite it without writes (they call it *functionalizing*).

# %% [markdown] lang="es" row="58" slide="slide"
# ## Tres pases
#
# Un **pase** es una función de grafo a grafo. Los tres clásicos caben en una pantalla:
#
# - **plegado de constantes**: lo que solo depende de constantes se calcula ahora, con la misma función de PyTorch que se habría usado después;
# - **subexpresiones comunes** (CSE): la misma operación sobre los mismos valores se calcula una vez. La clave incluye todo lo que distingue a dos operaciones, y las operaciones con azar y las entradas quedan fuera;
# - **código muerto** (DCE): se recorre hacia atrás desde los resultados y se queda lo que hace falta. Las entradas se quedan siempre: son la firma del programa.
#
# ¿Qué ahorra cada uno? Del grafo se leen tres cuentas: las **operaciones**; los **bytes** que leen y escriben, si cada una se ejecuta por su lado; y las **reservas** de memoria, que son tantas como operaciones, porque en modo inmediato cada una pide sitio para su resultado. Para comprobarlas hay que ejecutar el grafo: `evaluate` lo hace con las rutinas de PyTorch, y un contador apunta lo que cada una lee, escribe y reserva de verdad.
#
# **Predice:** el grafo de arriba calcula las operaciones que ves en la lista. ¿Cuántas quitará cada pase? Y de los bytes, ¿qué porcentaje quedará tras los tres?
# %% [markdown] lang="en" row="58" slide="slide"
# ## Three passes
#
# A **pass** is a function from graph to graph. The three classical ones fit on one screen:
#
# - **constant folding**: what depends on constants alone is computed now, by the very PyTorch function that would have been used later;
# - **common subexpressions** (CSE): the same operation on the same values is computed once. The key includes all that tells two operations apart, and random operations and inputs are left out;
# - **dead code** (DCE): walk backwards from the results and keep what is needed. The inputs always stay: they are the program's signature.
#
# What does each of them save? Three counts can be read from the graph: the **operations**; the **bytes** that they read and write, if each is run by itself; and the **allocations**, which are as many as the operations, because in eager mode each one asks for room for its result. To check them the graph has to be run: `evaluate` does so with PyTorch's routines, and a counter notes what each of them really reads, writes and allocates.
#
# **Predict:** the graph above computes the operations that you see in the list. How many will each pass remove? And of the bytes, what percentage will be left after the three?

# %%
operations_removed = {"fold": None, "cse": None, "dce": None}
percent_of_bytes_left = None


# %% slide="fragment"
def rebuild(graph, step):
    """A new graph: `step(op, old)` receives each op with its arguments already new, and returns what takes its place."""
    new, ops = {}, {}

    def add(op):
        for arg in op.args:
            if arg not in ops:
                add(arg)
        ops[op] = None

    for op in graph.ops:
        new[op] = step(replace(op, args=tuple(new[arg] for arg in op.args)), op)
        add(new[op])
    return Graph(list(ops), tuple(new[op] for op in graph.outputs))


def fold(graph):
    """Constant folding."""

    def step(op, _):
        if op.kind in ELEMENTWISE and all(arg.kind == "const" for arg in op.args):
            value = ELEMENTWISE[op.kind][1](*(arg.value for arg in op.args))
            return Op("const", (), op.shape, value)
        return op

    return rebuild(graph, step)


def cse(graph):
    """Common subexpressions: equal operations on equal values are one."""
    seen = {}

    def step(op, _):
        if op.kind in ("input", "rand_like"):
            return op
        data = None if op.value is None else (op.value.dtype, op.value.numpy().tobytes())
        return seen.setdefault((op.kind, op.args, op.shape, data), op)

    return rebuild(graph, step)


def dce(graph):
    """Dead code: what no result needs goes; inputs stay, they are the signature."""
    live = set(graph.outputs)
    for op in reversed(graph.ops):
        if op in live:
            live.update(op.args)
    return Graph([op for op in graph.ops if op in live or op.kind == "input"], graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))


# %% slide="fragment" tags=["hide-input"]
MEANING = {kind: function for kind, (_, function) in ELEMENTWISE.items()} | {
    "sum": lambda x: x.sum(dim=-1, keepdim=True),
    "amax": lambda x: x.amax(dim=-1, keepdim=True),
    "linear": F.linear,
    "rand_like": torch.rand_like,
}


@torch.no_grad()
def evaluate(graph, *inputs, **changed):
    """What a graph means, operation by operation; `changed` puts other functions in the place of some."""
    inputs, values, meaning = iter(inputs), {}, MEANING | changed
    for op in graph.ops:
        if op.kind == "input":
            values[op] = next(inputs)
        elif op.kind == "const":
            values[op] = op.value
        else:
            values[op] = meaning[op.kind](*(values[arg] for arg in op.args))
    return values[graph.outputs[0]]


def elements(op):
    return op.shape[0] * op.shape[1]


def bytes_apart(graph):
    """Bytes that the operations read and write when each is run by itself."""
    work = [op for op in graph.ops if op.kind not in ("input", "const")]
    return sum(4 * elements(value) for op in work for value in (op, *op.args))


class Counted(TorchDispatchMode):
    """Counts what PyTorch's routines do: tensors that they allocate, and bytes that they read and write.

    One whose result is a view of an argument (a transposition, say) moves nothing.
    """

    allocations = bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        read = [each for each in args if isinstance(each, torch.Tensor)]
        known = {each.untyped_storage().data_ptr() for each in read}
        if result.untyped_storage().data_ptr() not in known:
            self.allocations += "out" not in (kwargs or {})
            self.bytes += sum(each.nbytes for each in (*read, result))
        return result


def counted(function, *inputs):
    """What one call of a function counts."""
    with torch.no_grad(), Counted() as found:
        function(*inputs)
    return found


# %% slide="fragment"
stages = {tr(es="capturado", en="captured"): naive}
for each in (fold, cse, dce):
    stages[each.__name__] = each(list(stages.values())[-1])
small = list(stages.values())[-1]
rows, before, wanted = [], None, evaluate(naive, batch)
for name, graph in stages.items():
    measured = counted(evaluate, graph, batch)
    rows.append(
        {
            tr(es="después de", en="after"): name,
            tr(es="quita, según tú", en="removes, you say"): operations_removed.get(name),
            tr(es="quita", en="removes"): before - computed(graph) if before else None,
            tr(es="operaciones", en="operations"): (before := computed(graph)),
            tr(es="constantes", en="constants"): sum(op.kind == "const" for op in graph.ops),
            tr(es="reservas medidas", en="allocations measured"): measured.allocations,
            tr(es="kB previstos", en="kB predicted"): bytes_apart(graph) / 1000,
            tr(es="kB medidos", en="kB measured"): measured.bytes / 1000,
            tr(es="¿mismos bits?", en="same bits?"): tr(es="sí", en="yes")
            if torch.equal(evaluate(graph, batch), wanted)
            else "no",
        }
    )
tables.show(
    bench.record("07/passes", rows),
    caption=tr(
        es="Lo que quita cada pase: las operaciones son también las reservas previstas",
        en="What each pass removes: the operations are also the allocations predicted",
    ),
)
print(listing(small))
compare(
    tr(es="bytes que quedan tras los pases", en="bytes left after the passes"),
    predicted=percent_of_bytes_left,
    measured=100 * bytes_apart(small) / bytes_apart(naive),
    unit="%",
)

# %% [markdown] lang="es" row="58" slide="subslide"
# Fíjate en tres cosas. La raíz de la varianza ha desaparecido: es una constante. El `tanh` que nadie usaba, también. Y las dos exponenciales son ahora un valor **con dos usos**, lo que va a importar al fusionar. (Plegar **añade** constantes: las que sustituye siguen en la lista hasta que pasa DCE.)
#
# Y fíjate en quién ahorra qué: plegar quita operaciones, pero pequeñas (un número, una fila), y casi ningún byte; las que recorren el lote entero son las repetidas y las muertas.
#
# Estos tres pases conservan los bits, como dice la última columna. Y han de ser **idempotentes**: aplicarlos otra vez no cambia nada. Comprobémoslo, y probemos también la trampa del azar con una CSE ingenua.
# %% [markdown] lang="en" row="58" slide="subslide"
# Note three things. The root of the variance is gone: it is a constant. Gone as well is the `tanh` that nobody used. And the two exponentials are now one value **with two uses**, which is going to matter when fusing. (Folding **adds** constants: those that it replaces stay in the list until DCE comes along.)
#
# And note who saves what: folding removes operations, but small ones (a number, a row), and hardly any bytes; those that go over the whole batch are the repeated and the dead ones.
#
# These three passes keep the bits, as the last column says. And they have to be **idempotent**: applying them again changes nothing. Let us check that, and also try the trap of randomness with a naive CSE.


# %% slide="fragment"
def difference_of_two_draws(x):
    return torch.rand_like(x) - torch.rand_like(x)


def naive_cse(graph):
    seen = {}
    return rebuild(graph, lambda op, _: seen.setdefault((op.kind, op.args, op.shape), op))


draws = capture(difference_of_two_draws, torch.rand(1, 5))
print(
    tr(es="idempotentes:", en="idempotent:"),
    {each.__name__: listing(each(small)) == listing(small) for each in (fold, cse, dce)},
)
for each in (cse, naive_cse):
    print(f"{each.__name__}:", listing(dce(each(draws))), sep="\n")

# %% [markdown] lang="es" row="59" slide="slide"
# ## Fusionar mejor
#
# La segunda promesa de la diapositiva. En modo inmediato, una cadena de operaciones elemento a elemento lee y escribe la memoria una vez por operación. **Fusionada** es un solo bucle: cada elemento se lee una vez, pasa por todas las operaciones en los registros del procesador y se escribe una vez. Las operaciones aritméticas son **las mismas**: lo que se ahorra son viajes a memoria y reservas. Y recuerda el modelo *roofline* de la unidad 05: en estas operaciones manda el ancho de banda.
#
# ¿Cuándo es **legal** meter una operación en el bucle de otra?
#
# 1. Las dos recorren el mismo **espacio**: las mismas filas y columnas.
# 2. Lo que lee está ya **listo en esa vuelta** del bucle. El resultado de una reducción no lo está hasta que el bucle acaba: puede cerrar un bucle, pero quien la use va en otro, posterior.
# 3. Todo lo demás que lee se calculó **antes**: un grupo no puede depender de uno posterior (ni dos grupos, uno de otro).
# 4. Ninguna de las dos es de biblioteca.
#
# Que un valor tenga **varios usos** no impide fusionarlo: se calcula una vez y, si alguien lo necesita fuera del bucle, además se escribe. Lo que no se debe es recalcularlo en cada uso sin darse cuenta. A cada grupo de operaciones fusionadas lo llamaremos **kernel**: un bucle, o una llamada a la biblioteca.
# %% [markdown] lang="en" row="59" slide="slide"
# ## Fusing better
#
# The slide's second promise. Run eagerly, a chain of elementwise operations reads and writes memory once per operation. **Fused**, it is a single loop: each element is read once, goes through all the operations in the processor's registers, and is written once. The arithmetic operations are **the same**: what is saved are trips to memory and allocations. And remember the *roofline* model of unit 05: in these operations, bandwidth rules.
#
# When is it **legal** to put an operation into the loop of another?
#
# 1. Both run over the same **space**: the same rows and columns.
# 2. What it reads is **ready in that turn** of the loop. The result of a reduction is not, until the loop ends: it may close a loop, but whatever uses it goes into a later one.
# 3. All else that it reads was computed **before**: a group may not depend on a later one (nor two groups on each other).
# 4. Neither is a library call.
#
# A value having **several uses** does not prevent its fusion: it is computed once and, if somebody needs it outside the loop, it is written as well. What must not happen is computing it anew for each use without noticing. We shall call each group of fused operations a **kernel**: one loop, or one call to the library.


# %% slide="subslide"
@dataclass(frozen=True)
class Kernel:
    """One loop nest, or one call to a library: what it computes, reads from memory and writes to it."""

    space: tuple
    ops: list
    inputs: list
    outputs: list


def space_of(op):
    return op.args[0].shape if op.kind in REDUCTIONS else op.shape


def is_literal(op):
    """Whether a constant is written in the code: a single number, and one that C can spell."""
    return op.kind == "const" and op.value.numel() == 1 and bool(op.value.isfinite())


def fuse(graph, enabled=True):
    """Kernels in the order in which they run. `enabled=False`: one for each operation."""
    groups, home = [], {}

    def legal(op, group):
        return (
            enabled
            and {op.kind, group[0].kind} <= LOOPS
            and space_of(op) == space_of(group[0])
            and not any(arg.kind in REDUCTIONS and arg in group for arg in op.args)
        )

    for op in graph.ops:
        if op.kind in ("input", "const"):
            continue
        first = max((home[arg] for arg in op.args if arg in home), default=0)
        fitting = (g for g in range(first, len(groups)) if legal(op, groups[g]))
        home[op] = next(fitting, len(groups))
        if home[op] == len(groups):
            groups.append([])
        groups[home[op]].append(op)
    kernels = []
    for number, group in enumerate(groups):
        reads = [a for op in group for a in op.args if home.get(a) != number and not is_literal(a)]
        elsewhere = {a for op in graph.ops if home.get(op) != number for a in op.args}
        writes = [op for op in group if op in elsewhere or op in graph.outputs]
        kernels.append(Kernel(space_of(group[0]), group, list(dict.fromkeys(reads)), writes))
    return kernels


# %% [markdown] lang="es" row="59" slide="subslide"
# Cuatro programas para probar: una cadena de diez operaciones, un softmax, una normalización de capa y el clasificador.
#
# **Predice**, para la cadena: sin fusionar, ¿cuántas veces más bytes mueve que fusionada? Cuenta, línea a línea, qué lee y qué escribe cada operación (las constantes van en el código).
# %% [markdown] lang="en" row="59" slide="subslide"
# Four programs to try: a chain of ten operations, a softmax, a layer normalization and the classifier.
#
# **Predict**, for the chain: unfused, how many times as many bytes does it move as when fused? Count, line by line, what each operation reads and writes (constants go into the code).

# %%
times_as_many_bytes_unfused = None


# %% slide="fragment"
def chain_of(lib, relu):
    """Ten elementwise operations, in the words of `lib` (PyTorch, or JAX if you have it)."""

    def chain(x):
        y = relu(x * 1.5 + 0.25)
        y = lib.maximum(y - x * 0.5, x)
        return lib.abs(y - 1.0) * 0.5 + x

    return chain


chain = chain_of(torch, torch.relu)


def softmax(x):
    exps = torch.exp(x - x.amax(dim=-1, keepdim=True))
    return exps / exps.sum(dim=-1, keepdim=True)


def layer_norm(x):
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(dim=-1, keepdim=True) + 1e-5)


def traffic(kernels):
    """Bytes that the kernels read and write, if nothing stays in a cache between two of them."""
    return sum(4 * elements(op) for kernel in kernels for op in kernel.inputs + kernel.outputs)


def buffers(kernels):
    return sum(len(kernel.outputs) for kernel in kernels)


wide = torch.randn(256, 1024)
PROGRAMS = {
    "chain": (chain, wide),
    "softmax": (softmax, wide),
    "layer_norm": (layer_norm, wide),
    "classifier": (classifier, torch.rand(256, 64)),
}
rows, eager_rows = [], []
for name, (function, example) in PROGRAMS.items():
    captured = capture(function, example)
    graph, measured = optimize(captured), counted(function, example)
    apart, fused = fuse(graph, enabled=False), fuse(graph)
    rows.append(
        {
            tr(es="programa", en="program"): name,
            tr(es="operaciones", en="operations"): computed(graph),
            "kernels": len(fused),
            tr(es="MB sin fusionar", en="MB unfused"): traffic(apart) / 1e6,
            tr(es="MB fusionado", en="MB fused"): traffic(fused) / 1e6,
            tr(es="veces menos", en="times fewer"): traffic(apart) / traffic(fused),
            tr(es="reservas, si no hay arena", en="allocations, without an arena"): buffers(fused),
        }
    )
    eager_rows.append(
        {
            tr(es="programa", en="program"): name,
            tr(es="reservas previstas", en="allocations predicted"): computed(captured),
            tr(es="medidas", en="measured"): measured.allocations,
            tr(es="MB previstos", en="MB predicted"): bytes_apart(captured) / 1e6,
            tr(es="MB medidos", en="MB measured"): measured.bytes / 1e6,
        }
    )
tables.show(
    bench.record("07/fusion", rows),
    caption=tr(
        es="Qué ahorra fusionar, según el grafo", en="What fusing saves, according to the graph"
    ),
)
tables.show(
    bench.record("07/eager", eager_rows),
    caption=tr(
        es="¿Es de fiar el grafo? Lo que dice de PyTorch inmediato, y lo que hace PyTorch",
        en="Can the graph be trusted? What it says of eager PyTorch, and what PyTorch does",
    ),
)
compare(
    tr(es="veces más bytes sin fusionar (cadena)", en="times as many bytes unfused (chain)"),
    predicted=times_as_many_bytes_unfused,
    measured=list(rows[0].values())[5],
    unit="×",
)

# %% [markdown] lang="es" row="59" slide="subslide"
# El grafo dice de antemano cuántas reservas hará PyTorch y cuántos bytes moverá, y al contarlos sale eso o casi (el contador suma los bytes de los tensores que cada rutina recibe y devuelve: no ve la caché). La media es para PyTorch una rutina y para nosotros dos operaciones (sumar y multiplicar), y hay dos en la normalización; al revés, `1.0 / self.temperature` es para nosotros una y para PyTorch dos (invertir y multiplicar). La cadena cabe en un bucle. El softmax necesita tres: el máximo, la suma de exponenciales y la división, porque cada reducción cierra su bucle.
#
# ¿Y si nos saltamos la regla 2? Fusionar la división con la suma es dividir por la suma **de lo que va de fila**:
# %% [markdown] lang="en" row="59" slide="subslide"
# The graph says beforehand how many allocations PyTorch will make and how many bytes it will move, and counting them gives that, or nearly (the counter adds up the bytes of the tensors that each routine takes and returns: it does not see the cache). To PyTorch the mean is one routine, and to us two operations (adding and multiplying), and the normalization has two of them; the other way round, `1.0 / self.temperature` is one to us and two to PyTorch (inverting and multiplying). The chain fits in one loop. The softmax needs three: the maximum, the sum of exponentials and the division, because each reduction closes its loop.
#
# And if we break rule 2? Fusing the division with the sum is dividing by the sum **of the row so far**:

# %% slide="fragment"
exps = torch.exp(wide - wide.amax(dim=-1, keepdim=True))
illegal = exps / exps.cumsum(dim=-1)
print(
    tr(
        es=f"cada fila de probabilidades debe sumar 1; fusionando lo que no se puede, suma de media {illegal.sum(-1).mean():.1f}",
        en=f"each row of probabilities must add up to 1; fusing what may not be fused, it adds up to {illegal.sum(-1).mean():.1f} on average",
    )
)

# %% [markdown] lang="es" row="59" slide="subslide"
# Nuestros kernels tienen un solo bucle por dentro, y de ahí los tres. Un compilador más listo fusiona solo el bucle **de fuera**: recorre las filas una vez y, en cada una, hace los tres bucles de dentro con la fila todavía en la caché. Es legal, porque cada reducción acaba antes de que alguien la use. Para juntar también los bucles de dentro hay que cambiar el **algoritmo**: el [softmax en línea](https://arxiv.org/abs/1805.02867) (2018), en el que se apoya FlashAttention, lleva a la vez el máximo y la suma, y corrige la suma cuando el máximo sube; así quedan dos. Eso ya no es mover bucles: es otra fórmula, igual entre números reales. Ningún pase de los nuestros la encontraría.
#
# ## Planificar la memoria
#
# Cada kernel escribe en memoria. Reservar y liberar en cada llamada cuesta (el sistema operativo entrega páginas vacías de una en una), y en un microcontrolador ni siquiera se puede. Como el grafo dice cuándo **nace** cada valor y cuándo se usa **por última vez**, el compilador decide de antemano su sitio en un solo bloque, la **arena**. Dos valores pueden compartir bytes si no viven a la vez.
#
# Nuestro planificador coloca primero los grandes, cada uno en el primer hueco que no pise a un contemporáneo. La **cota inferior** es lo más que vive a la vez: si cada valor tiene sus propios bytes mientras vive, ningún plan puede bajar de ahí.
# %% [markdown] lang="en" row="59" slide="subslide"
# Our kernels have a single inner loop, hence the three. A smarter compiler fuses the **outer** loop only: it goes over the rows once and, in each, runs the three inner loops while the row is still in the cache. That is legal, because each reduction ends before anything uses it. To join the inner loops too one has to change the **algorithm**: the [online softmax](https://arxiv.org/abs/1805.02867) (2018), on which FlashAttention rests, carries the maximum and the sum along, and corrects the sum whenever the maximum rises; two are left. That is no longer moving loops: it is another formula, equal among real numbers. None of our passes would find it.
#
# ## Planning memory
#
# Each kernel writes to memory. Allocating and freeing at each call costs time (the operating system hands out empty pages one by one), and on a microcontroller it is not even possible. As the graph says when each value is **born** and when it is used **for the last time**, the compiler decides its place beforehand in a single block, the **arena**. Two values may share bytes if they do not live at the same time.
#
# Our planner places the large ones first, each in the first gap that does not overlap a contemporary. The **lower bound** is the most that lives at once: if each value has bytes of its own while it lives, no plan can go below it.


# %% slide="subslide"
def lives(kernels, outputs):
    """{value: (kernel that writes it, last kernel that reads it)}; results live beyond the last kernel."""
    born = {op: k for k, kernel in enumerate(kernels) for op in kernel.outputs}
    last = {op: k for k, kernel in enumerate(kernels) for op in kernel.inputs if op in born}
    return {op: (born[op], len(kernels) if op in outputs else last[op]) for op in born}


def plan(life, reuse=True, size_of=elements):
    """{value: (begin, end)} in the arena, counted in floats (or in what `size_of` counts), and the arena's size."""
    places = {}
    for op in sorted(life, key=size_of, reverse=True):
        taken = sorted(
            place
            for other, place in places.items()
            if not reuse or (life[other][0] <= life[op][1] and life[op][0] <= life[other][1])
        )
        # es: múltiplos de 16: con números de 4 bytes, lo que suele medir una línea de la caché
        # en: multiples of 16: with numbers of 4 bytes, the usual size of a cache line
        size, begin = 16 * math.ceil(size_of(op) / 16), 0
        for low, high in taken:
            if low - begin >= size:
                break
            begin = max(begin, high)
        places[op] = begin, begin + size
    return places, max((end for _, end in places.values()), default=0)


def most_alive(life):
    """The lower bound: floats that live at once, at the worst moment."""
    moments = range(1 + max(end for _, end in life.values()))
    return max(sum(elements(op) for op, (b, d) in life.items() if b <= m <= d) for m in moments)


# %% [markdown] lang="es" row="59" slide="subslide"
# **Predice:** el clasificador **sin fusionar** y con un lote de 256. Si cada valor tiene su propio sitio, ocupa cierta memoria. ¿Qué porcentaje de ella necesita la arena?
# %% [markdown] lang="en" row="59" slide="subslide"
# **Predict:** the classifier **unfused** and with a batch of 256. If each value has a place of its own, it takes a certain memory. What percentage of it does the arena need?

# %%
arena_as_percent_of_no_reuse = None

# %% slide="fragment"
graph = optimize(capture(classifier, PROGRAMS["classifier"][1]))
rows, drawn = [], {}
for label, kernels in {
    tr(es="sin fusionar", en="unfused"): fuse(graph, enabled=False),
    tr(es="fusionado", en="fused"): fuse(graph),
}.items():
    life = lives(kernels, graph.outputs)
    alone, (places, arena) = plan(life, reuse=False)[1], plan(life)
    drawn[label] = life, places, arena
    rows.append(
        {
            "kernels": label,
            tr(es="sin reutilizar (kB)", en="without reuse (kB)"): 4 * alone / 1000,
            tr(es="arena (kB)", en="arena (kB)"): 4 * arena / 1000,
            tr(es="cota inferior (kB)", en="lower bound (kB)"): 4 * most_alive(life) / 1000,
        }
    )
tables.show(
    bench.record("07/memory", rows),
    caption=tr(es="Memoria de los valores intermedios", en="Memory of the intermediate values"),
)

# %% slide="fragment" tags=["hide-input"]
fig, axes = plots.subplots(1, 2, figsize=(9.0, 3.6), sharey=True)
for ax, (label, (life, places, arena)) in zip(axes, drawn.items(), strict=True):
    for n, (op, (begin, end)) in enumerate(places.items()):
        birth, death = life[op]
        ax.broken_barh(
            [(birth - 0.5, min(death, max(b for b, _ in life.values())) - birth + 1)],
            (4 * begin / 1000, 4 * (end - begin) / 1000),
            facecolor=plots.PALETTE[n % 6],
            edgecolor=plots.CARD,
            linewidth=1.5,
        )
        if end - begin > 0.1 * arena:
            ax.text(
                birth - 0.4,
                2 * (begin + end) / 1000,
                op.kind,
                va="center",
                fontsize=8,
                color="white",
            )
    ax.axhline(4 * arena / 1000, color=plots.INK, linewidth=1, linestyle="--")
    ax.set_title(label, fontsize=10.5)
    ax.set_xlabel(tr(es="kernel (orden de ejecución)", en="kernel (order of execution)"))
    ax.xaxis.get_major_locator().set_params(integer=True)
axes[0].set_ylabel(tr(es="posición en la arena (kB)", en="position in the arena (kB)"))
plots.show(
    fig,
    alt=tr(
        es="Dos planes de memoria: cada rectángulo es un valor, de cuando nace a cuando se usa por última vez. Ninguno pisa a otro, y los que no coinciden comparten bytes; fusionado hay menos rectángulos.",
        en="Two memory plans: each rectangle is a value, from its birth to its last use. None overlaps another, and those that do not coincide share bytes; fused, there are fewer rectangles.",
    ),
)
compare(
    tr(es="arena, de lo que ocupa sin reutilizar", en="arena, of what it takes without reuse"),
    predicted=arena_as_percent_of_no_reuse,
    measured=100 * list(rows[0].values())[2] / list(rows[0].values())[1],
    unit="%",
)

# %% [markdown] lang="es" row="59" slide="subslide"
# Aquí fusionar quita valores, pero no baja la arena: el pico lo ponen la salida de la primera capa y su GELU, que viven a la vez en los dos planes. (Se puede apurar más, por debajo de la cota: si un kernel lee un valor **solo en la misma posición** en que escribe, y ese valor muere ahí, pueden compartir sitio. Justo lo que hace la GELU. En una reducción o un producto de matrices, no.)
#
# Los errores de un planificador no hacen ruido: liberar un valor un kernel antes de su último uso, o liberar el resultado, da números falsos sin ningún aviso. Por eso lo comprobaremos con grafos al azar.
#
# ## Generar código
#
# Queda escribir los bucles. De cada kernel sale una función de C: las filas por fuera, las columnas por dentro, y una línea por operación. `#pragma omp simd` le dice al compilador de C que las vueltas son independientes, para que use las instrucciones vectoriales donde sepa (una llamada a `expf` se lo suele impedir); con `reduction(+:s)` le da permiso para sumar en otro orden (segundo grado de la lista de antes: ya no serán los mismos bits). Sin compilador de C, el mismo cuerpo se escribe en Python y lo compila numba. Con esto el compilador está completo: la captura, los pases, la fusión y el plan son unas 140 líneas de código, y generar el C, su alternativa con numba y la llamada, otras cien.
# %% [markdown] lang="en" row="59" slide="subslide"
# Here fusing removes values but does not shrink the arena: the peak is the output of the first layer and its GELU, which live at the same time in both plans. (One can go further, below the bound: if a kernel reads a value **only at the same position** where it writes, and that value dies there, they can share the place. Precisely what the GELU does. In a reduction or a matrix product, they cannot.)
#
# A planner's mistakes make no noise: freeing a value one kernel before its last use, or freeing the result, gives false numbers without any warning. That is why we shall check it with random graphs.
#
# ## Generating code
#
# What is left is to write the loops. Each kernel gives a function in C: rows outside, columns inside, and one line per operation. `#pragma omp simd` tells the C compiler that the iterations are independent, so that it uses the vector instructions where it knows how (a call to `expf` usually prevents it); with `reduction(+:s)` it may add in another order (second grade of the list above: the bits will no longer be the same). Without a C compiler, the same body is written in Python and numba compiles it. With this the compiler is complete: capture, passes, fusion and plan are some 140 lines of code, and generating the C, its numba alternative and the call, another hundred.

# %% slide="subslide"
C_TEXT = """#include <math.h>
static inline float relu(float x) { return x < 0 ? 0 : x; }
static inline float larger(float x, float y) { return x > y || x != x ? x : y; }
static inline float sigmoid(float x) { return 1 / (1 + expf(-x)); }
static inline float gelu(float x) { return 0.5f * x * (1 + erff(0.70710678f * x)); }
"""


def statements(kernel, suffix):
    """The body of the loop, [(name, expression)]; the reductions, {name: op}; what each output is called."""
    where = {(kernel.space[0], 1): "r", (1, kernel.space[1]): "c", (1, 1): "0"}
    names = {op: f"i{n}[{where.get(op.shape, 'r * C + c')}]" for n, op in enumerate(kernel.inputs)}
    lines, reductions = [], {}
    for n, op in enumerate(kernel.ops):
        values = [names.get(arg) or f"{arg.value.item()!r}{suffix}" for arg in op.args]
        if op.kind in REDUCTIONS:
            names[op], reductions[f"s{n}"] = f"s{n}", op
            lines.append((f"s{n}", REDUCTIONS[op.kind][1].format(f"s{n}", *values)))
        else:
            names[op] = f"t{n}"
            lines.append((f"t{n}", ELEMENTWISE[op.kind][0].format(*values)))
    ends = []
    for n, op in enumerate(kernel.outputs):
        (ends if op.kind in REDUCTIONS else lines).append(
            (f"o{n}[{'r' if op.kind in REDUCTIONS else 'r * C + c'}]", names[op])
        )
    return lines, reductions, ends


def c_code(kernels):
    """The kernels that are loops, in C: function `kN` is kernel N."""
    text = [C_TEXT]
    for number, kernel in enumerate(kernels):
        if kernel.ops[0].kind in LIBRARY:
            continue
        lines, reductions, ends = statements(kernel, "f")
        names = [f"const float *restrict i{n}" for n in range(len(kernel.inputs))]
        names += [f"float *restrict o{n}" for n in range(len(kernel.outputs))]
        text.append(f"void k{number}(long R, long C, {', '.join(names)}) {{")
        text.append("  for (long r = 0; r < R; r++) {")
        text += [f"    float {name} = {REDUCTIONS[op.kind][0]};" for name, op in reductions.items()]
        signs = {name: "+" if op.kind == "sum" else "max" for name, op in reductions.items()}
        shared = "".join(f" reduction({sign}:{name})" for name, sign in signs.items())
        text += [f"    #pragma omp simd{shared}", "    for (long c = 0; c < C; c++) {"]
        text += [
            f"      {'float ' * name.startswith('t')}{name} = {value};" for name, value in lines
        ]
        text += ["    }", *(f"    {name} = {value};" for name, value in ends), "  }", "}"]
    return "\n".join(text)


def python_code(kernel):
    """One kernel in the Python that numba compiles."""
    lines, reductions, ends = statements(kernel, "")
    names = [f"i{n}" for n in range(len(kernel.inputs))]
    names += [f"o{n}" for n in range(len(kernel.outputs))]
    text = [f"def kernel(R, C, {', '.join(names)}):", "  for r in range(R):"]
    text += [f"    {name} = float32({REDUCTIONS[op.kind][0]})" for name, op in reductions.items()]
    text += [
        "    for c in range(C):",
        *(f"      {name} = float32({value})" for name, value in lines),
    ]
    return "\n".join([*text, *(f"    {name} = {value}" for name, value in ends)])


# %% slide="subslide"
def numba_names():
    """What `python_code` calls, by the names that C gives it."""
    import numba

    jit = numba.njit
    return {
        **{"float32": np.float32, "INFINITY": np.inf, "fabsf": abs, "sqrtf": np.sqrt},
        **{"expf": np.exp, "tanhf": np.tanh},
        "relu": jit(lambda x: np.float32(0) if x < 0 else x),
        "larger": jit(lambda x, y: x if x > y or x != x else y),
        "sigmoid": jit(lambda x: 1 / (1 + np.exp(-x))),
        "gelu": jit(lambda x: 0.5 * x * (1 + math.erf(0.70710678 * x))),
    }


CALLS = {
    "linear": lambda R, C, x, w, b, out: torch.addmm(b, x, w.t(), out=out),
    "rand_like": lambda R, C, x, out: torch.rand(x.shape, out=out),
}


def machine_code(kernels, flags=()):
    """One callable (R, C, *tensors) for each kernel: compiled C, numba's code, or a library's function."""
    native = c_compiler.available()
    loaded = c_compiler.library(c_code(kernels), flags) if native else numba_names()
    functions = []
    for number, kernel in enumerate(kernels):
        if kernel.ops[0].kind in LIBRARY:
            functions.append(CALLS[kernel.ops[0].kind])
        elif native:
            entry = getattr(loaded, f"k{number}")
            tensors = len(kernel.inputs) + len(kernel.outputs)
            entry.argtypes, entry.restype = [ctypes.c_long] * 2 + [ctypes.c_void_p] * tensors, None
            functions.append(lambda R, C, *ts, f=entry: f(R, C, *(t.data_ptr() for t in ts)))
        else:
            import numba

            exec(python_code(kernel), loaded)
            entry = numba.njit(loaded["kernel"], error_model="numpy")
            functions.append(lambda R, C, *ts, f=entry: f(R, C, *(t.view(-1).numpy() for t in ts)))
    return functions


class Program:
    """A graph, compiled. Calling it again writes over the result of the last call: the arena is one."""

    def __init__(self, graph, fused=True, reuse=True, flags=()):
        self.graph, self.kernels = graph, fuse(graph, fused)
        places, size = plan(lives(self.kernels, graph.outputs), reuse)
        arena = torch.empty(size)
        self.values = {op: op.value.view(op.shape) for op in graph.ops if op.kind == "const"}
        for op, (begin, _) in places.items():
            self.values[op] = arena[begin : begin + elements(op)].view(op.shape)
        self.inputs = [op for op in graph.ops if op.kind == "input"]
        self.functions = machine_code(self.kernels, flags)

    def __call__(self, *tensors):
        for op, tensor in zip(self.inputs, tensors, strict=True):
            fits = two_d(tensor.shape) == op.shape and tensor.dtype == torch.float32
            if not fits or not tensor.is_contiguous():
                raise CourseError(
                    tr(
                        es=f"Este programa se compiló para una entrada contigua de {op.shape}, float32; ha llegado {tuple(tensor.shape)}, {tensor.dtype}. Compila otro.",
                        en=f"This program was compiled for a contiguous input of {op.shape}, float32; what came is {tuple(tensor.shape)}, {tensor.dtype}. Compile another.",
                    )
                )
            self.values[op] = tensor
        for kernel, function in zip(self.kernels, self.functions, strict=True):
            function(*kernel.space, *(self.values[op] for op in kernel.inputs + kernel.outputs))
        return self.values[self.graph.outputs[0]]


def compiled(model, *examples, **options):
    return Program(optimize(capture(model, *examples)), **options)


# %% slide="fragment"
print(c_code(compiled(softmax, wide).kernels).removeprefix(C_TEXT))

# %% [markdown] lang="es" row="58 59" slide="subslide"
# Y ahora, ¿calcula lo mismo? Primero los cuatro programas; después, grafos al azar con sumas, productos, reducciones, filas, columnas y valores con varios usos.
# %% [markdown] lang="en" row="58 59" slide="subslide"
# And now, does it compute the same? First the four programs; then, random graphs with sums, products, reductions, rows, columns and values with several uses.


# %% slide="fragment"
def relative_error(got, wanted):
    """Largest difference, in units of the larger of 1 and the value."""
    return ((got - wanted).abs() / wanted.abs().clamp(min=1)).max().item()


def random_function(seed):
    """A function of a matrix and a row, made by chance: every step uses values that exist already."""
    draw = random.Random(seed)
    unary = [torch.relu, torch.abs, torch.tanh, torch.sigmoid, F.gelu, torch.neg]
    binary = [torch.add, torch.sub, torch.mul, torch.maximum]
    reductions = [
        lambda v: v.mean(dim=-1, keepdim=True),
        lambda v: v.amax(dim=-1, keepdim=True),
        lambda v: torch.tanh(v.sum(dim=-1, keepdim=True)),
    ]
    steps = [draw.choice(("unary", "binary", "binary", "reduction", "constant")) for _ in range(12)]
    choices = [(draw.random(), draw.random(), draw.random()) for _ in steps]

    def function(x, row):
        values = [x, row, x + row]
        for step, (which, first, second) in zip(steps, choices, strict=True):
            a, b = values[int(first * len(values))], values[int(second * len(values))]
            if step == "unary":
                made = unary[int(which * len(unary))](a)
            elif step == "binary":
                made = torch.tanh(binary[int(which * len(binary))](a, b))
            elif step == "reduction":
                made = reductions[int(which * len(reductions))](a)
            else:
                made = a * (2 * which) + 0.5
            values.append(made)
        return values[-1] + values[2]

    return function


checks, allocated_by = {}, {}
with torch.no_grad():
    for name, (function, example) in PROGRAMS.items():
        program = compiled(function, example)
        checks[name] = relative_error(program(example), function(example))
        allocated_by[name] = counted(program, example).allocations
    x, row = torch.randn(7, 19), torch.randn(1, 19)
    # es: sin compilador de C, numba tarda más en compilar: bastan unos pocos
    # en: without a C compiler, numba takes longer to compile: a few will do
    errors = [
        relative_error(compiled(f, x, row)(x, row), f(x, row))
        for f in map(random_function, range(20 if c_compiler.available() else 3))
    ]
checks[tr(es=f"{len(errors)} grafos al azar", en=f"{len(errors)} random graphs")] = max(errors)
tables.show(
    bench.record(
        "07/correctness",
        [
            {
                tr(es="programa", en="program"): name,
                tr(es="mayor error relativo", en="largest relative error"): error,
                tr(es="reservas por llamada", en="allocations per call"): allocated_by.get(name),
            }
            for name, error in checks.items()
        ],
    ),
    caption=tr(es="Compilado contra PyTorch", en="Compiled against PyTorch"),
    formats={tr(es="mayor error relativo", en="largest relative error"): ".1e"},
)
assert max(checks.values()) < 1e-5

# %% [markdown] lang="es" row="58 59" slide="slide"
# ## La carrera
#
# La cadena de diez operaciones sobre un tensor demasiado grande para la caché. Corren por turnos, en orden barajado y con un hilo:
#
# - PyTorch **inmediato**, como se escribe; y **con memoria reservada de antemano** (`out=`), el rival justo: la diferencia entre los dos no es mérito de ningún compilador;
# - nuestro compilador, sin fusionar y fusionado;
# - ONNX Runtime y `torch.compile` (TorchInductor genera C++, si hay con qué compilarlo), también con la salida reservada;
# - JAX (XLA) y OpenVINO, si los tienes instalados (`pip install jax openvino`); si no, la celda dice que se los salta. Tampoco ellos reservan memoria en cada llamada: a XLA se le **dona** su salida anterior (nadie más la va a leer, y puede escribir encima), y a OpenVINO se le pide que no copie la suya. Sin eso, XLA reservaría sitio para la salida en cada llamada, y eso también se paga.
#
# ¿Cuál es el techo? Copiar el tensor: leer una vez y escribir una vez. Es lo mínimo para cualquier programa que lea toda la entrada y escriba toda la salida. Lo medimos de tres maneras (PyTorch, NumPy y un bucle nuestro con una sola operación) y nos quedamos con la mejor, para no presumir de ganar a una copia lenta.
#
# **Predice:** ¿cuántas veces más rápido será el nuestro, fusionado, que PyTorch con memoria reservada? Tienes la cuenta de los bytes.
# %% [markdown] lang="en" row="58 59" slide="slide"
# ## The race
#
# The chain of ten operations on a tensor too large for the cache. They run in turns, in shuffled order and on one thread:
#
# - **eager** PyTorch, as people write it; and **with memory allocated beforehand** (`out=`), the fair rival: the difference between the two is no compiler's merit;
# - our compiler, unfused and fused;
# - ONNX Runtime and `torch.compile` (TorchInductor generates C++, if there is something to compile it with), their output also allocated beforehand;
# - JAX (XLA) and OpenVINO, if you have them installed (`pip install jax openvino`); if not, the cell says that it skips them. They do not allocate at each call either: XLA is **donated** its previous output (nobody else is going to read it, and it may write over it), and OpenVINO is asked not to copy its own. Without that, XLA would allocate room for the output at each call, and that has its price, too.
#
# What is the ceiling? Copying the tensor: reading once and writing once. It is the least for any program that reads the whole input and writes the whole output. We measure it in three ways (PyTorch, NumPy and a loop of ours with a single operation) and take the best, so as not to boast of beating a slow copy.
#
# **Predict:** how many times as fast will ours, fused, be as PyTorch with allocated memory? You have the count of the bytes.

# %%
times_as_fast_as_preallocated = None


# %% slide="subslide" tags=["hide-input"]
def preallocated_chain(x):
    """The chain in eager PyTorch without allocating anything: two work tensors, used again and again."""
    a, b = torch.empty_like(x), torch.empty_like(x)

    def run():
        torch.mul(x, 1.5, out=a)
        torch.add(a, 0.25, out=a)
        torch.relu_(a)
        torch.mul(x, 0.5, out=b)
        torch.sub(a, b, out=a)
        torch.maximum(a, x, out=a)
        torch.sub(a, 1.0, out=a)
        torch.abs(a, out=a)
        torch.mul(a, 0.5, out=a)
        return torch.add(a, x, out=a)

    return run


class AsModule(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def onnx_file(model, x, name, **options):
    """`model` exported as it is written: the exporter must not optimize what we want to see ONNX Runtime optimize."""
    path = workspace() / f"{name}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(model, (x,), str(path), dynamo=False, input_names=["x"], **options)
    return path


def onnx_runner(path, x, level="ORT_ENABLE_ALL", optimized=None):
    """A function without arguments: ONNX Runtime on one thread, input and output where they are."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.log_severity_level = 3
    if optimized:
        options.optimized_model_filepath = str(optimized)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    output = torch.from_numpy(session.run(None, {"x": x.numpy()})[0].copy())
    binding = session.io_binding()
    name = session.get_outputs()[0].name
    binding.bind_input("x", "cpu", 0, np.float32, list(x.shape), x.data_ptr())
    binding.bind_output(name, "cpu", 0, np.float32, list(output.shape), output.data_ptr())

    def run():
        session.run_with_iobinding(binding)
        return output

    return run


def inductor(function, x):
    """(`function` of x by torch.compile, written into allocated memory; seconds of its first call); else (None, None)."""
    if not with_torch_compile or not (shutil.which("g++") or shutil.which("clang++")):
        return None, None
    # es: su caché va a nuestra carpeta temporal, para que la primera vez sea de verdad la primera
    # en: its cache goes to our temporary folder, so that the first time really is the first
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(workspace() / "inductor")
    from torch._inductor import config

    # es: y compila aquí: sus procesos ayudantes cargarían PyTorch una vez cada uno
    # en: and it compiles here: its helper processes would load PyTorch once each
    config.compile_threads = 1
    output = torch.empty_like(x)
    into = torch.compile(lambda x, output: output.copy_(function(x)), dynamic=False)
    begin = perf_counter()
    into(x, output)
    return lambda: into(x, output), perf_counter() - begin


def xla(x):
    """The chain by JAX's compiler, on one thread, written over its last output. Raises ImportError without JAX."""
    import jax

    # es: cuántos hilos usa lo decide al arrancar, y solo mira esta variable: sin ella, los usa todos
    # en: it decides at its start how many threads it uses, and looks only at this variable: without it, all of them
    os.environ["NPROC"] = "1"
    jax.devices()
    del os.environ["NPROC"]
    function = chain_of(jax.numpy, jax.nn.relu)
    into = jax.jit(lambda x, _: function(x), donate_argnums=1, keep_unused=True)
    there = jax.numpy.asarray(x.numpy())
    last = [jax.numpy.zeros_like(there)]

    def run():
        last[0] = into(there, last[0]).block_until_ready()
        return last[0]

    return run


def openvino_runner(path, x):
    """The model by OpenVINO, on one thread, its output where OpenVINO keeps it. Raises ImportError without it."""
    # es: sin su telemetría, que al importarlo manda datos de uso por la red: aquí nada sale de tu máquina
    # en: without its telemetry, which sends usage data over the network when it is imported: nothing leaves your machine here
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.compile_model(str(path), "CPU", options).create_infer_request()
    return lambda: request.infer([x.numpy()], share_inputs=True, share_outputs=True)[0]


def extras(x, path):
    """XLA and OpenVINO, {name: function without arguments}; those that are not here are said."""
    found = {}
    makers = {"XLA (jax)": lambda: xla(x), "OpenVINO": lambda: openvino_runner(path, x)}
    for name, make in makers.items():
        try:
            found[name] = make()
        except ImportError:
            print(
                tr(
                    es=f"{name}: no está instalado y no corre.",
                    en=f"{name}: not installed, so it does not race.",
                )
            )
    return found


# %% slide="fragment"
x, target = torch.randn(1, elements_in_the_race), torch.empty(1, elements_in_the_race)
by_inductor, inductor_seconds = inductor(chain, x)
begin = perf_counter()
# es: con una marca, para que no valga lo que ya se compiló más arriba
# en: with a mark, so that what was compiled further up does not count
ours = compiled(chain, x, flags=("-DFRESH",))
# es: numba compila en la primera llamada
# en: numba compiles at the first call
ours(x)
our_seconds = perf_counter() - begin
unfused, allocated = compiled(chain, x, fused=False), preallocated_chain(x)
chain_path = onnx_file(AsModule(chain), x, "chain")

EAGER, FAIR = tr(es="inmediato", en="eager"), tr(es="inmediato, reservado", en="eager, allocated")
OURS, UNFUSED = (
    tr(es="nuestro, fusionado", en="ours, fused"),
    tr(es="nuestro, sin fusionar", en="ours, unfused"),
)
only_one = compiled(lambda x: -x, x)
copies = {
    tr(es="copiar (PyTorch)", en="copying (PyTorch)"): lambda: target.copy_(x),
    tr(es="copiar (NumPy)", en="copying (NumPy)"): lambda: np.copyto(target.numpy(), x.numpy()),
    tr(es="un bucle, una operación", en="one loop, one operation"): lambda: only_one(x),
}
contestants = {
    FAIR: allocated,
    EAGER: lambda: chain(x),
    UNFUSED: lambda: unfused(x),
    OURS: lambda: ours(x),
    "ONNX Runtime": onnx_runner(chain_path, x),
    **({"torch.compile": by_inductor} if by_inductor else {}),
    **extras(x, chain_path),
}
for name, contestant in contestants.items():
    answer = contestant()
    if not isinstance(answer, torch.Tensor):
        answer = torch.from_numpy(np.array(answer))
    error = relative_error(answer, chain(x))
    assert error < 1e-5, (name, error)
chain_race = race(contestants | copies, rounds=rounds)
fastest_copy = min(copies, key=chain_race.median)
bench.record("07/race", chain_race)
tables.show(
    chain_race.table(FAIR),
    caption=tr(
        es=f"Diez operaciones sobre {number(elements_in_the_race)} elementos, un hilo",
        en=f"Ten operations on {number(elements_in_the_race)} elements, one thread",
    ),
)
compare(
    tr(
        es="veces más rápido que con memoria reservada", en="times as fast as with allocated memory"
    ),
    predicted=times_as_fast_as_preallocated,
    measured=chain_race.faster(OURS, FAIR).median,
    unit="×",
)

# %% [markdown] lang="es" row="59" slide="subslide"
# ### ¿Cuánto falta hasta el techo?
#
# El ancho de banda **útil**: los bytes que cualquiera tiene que mover (leer la entrada y escribir la salida), divididos por el tiempo. La raya es la mejor copia, medida en la misma carrera. La cuenta no incluye lo que el procesador lee de más: antes de escribir una línea de caché suele leerla (algunas copias lo evitan, con escrituras que se saltan la caché). Si algún programa pasa un poco del 100 %, no hay magia: va tan deprisa como copiar, y el resto es ruido.
#
# Esa lectura de más dice también por qué el cociente de la carrera no tiene que ser el de los bytes (11.5). Con ella, el bucle fusionado mueve 3 tensores (lee `x`, y lee y escribe la salida), y PyTorch con memoria reservada, 25: los 23 que contaste, más las dos salidas que no son una entrada de su propia operación (las de `torch.mul(x, …)`); las otras ocho escriben donde acaban de leer. $25/3\approx 8.3$. Nuestro programa sin fusionar nunca escribe donde lee (el paréntesis sobre la GELU), así que mueve 33, y esa es una razón por la que puede perder contra PyTorch. Son recuentos; lo demás lo ponen las cachés de tu máquina.
# %% [markdown] lang="en" row="59" slide="subslide"
# ### How far is the ceiling?
#
# The **useful** bandwidth: the bytes that anybody has to move (reading the input and writing the output), divided by the time. The line is the best copy, measured in the same race. The count leaves out what the processor reads besides: before writing a cache line it usually reads it (some copies avoid that, by writes that bypass the cache). If any program goes a little over 100 %, there is no magic: it is as fast as copying, and the rest is noise.
#
# That extra read also says why the ratio of the race need not be that of the bytes (11.5). With it, the fused loop moves 3 tensors (it reads `x`, and it reads and writes the output), and PyTorch with allocated memory 25: the 23 that you counted, plus the two outputs that are not an input of their own operation (those of `torch.mul(x, …)`); the other eight write where they have just read. $25/3\approx 8.3$. Our unfused program never writes where it reads (the parenthesis about the GELU), so that it moves 33, and that is one reason why it may lose to PyTorch. These are counts; the caches of your machine do the rest.

# %% slide="fragment" tags=["hide-input"]
rate_of = {
    name: 8 * elements_in_the_race / chain_race.median(name) / 1e9 for name in chain_race.seconds
}
useful = {name: rate for name, rate in rate_of.items() if name not in copies}
ceiling = rate_of[fastest_copy]
fig, ax = plots.subplots(figsize=(8.4, 0.5 * len(useful) + 1.2))
ax.barh(
    list(useful),
    list(useful.values()),
    color=[plots.VERMILION if name == OURS else plots.BLUE for name in useful],
)
ax.axvline(ceiling, color=plots.INK, linestyle="--", linewidth=1.2)
ax.annotate(
    fastest_copy,
    (ceiling, -0.45),
    xytext=(-4, 0),
    textcoords="offset points",
    ha="right",
    va="top",
    fontsize=9,
)
for n, rate in enumerate(useful.values()):
    ax.annotate(
        f"{100 * rate / ceiling:.0f} %",
        (rate, n),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )
ax.set_xlim(0, 1.15 * max(ceiling, *useful.values()))
ax.invert_yaxis()
ax.grid(axis="x")
ax.grid(visible=False, axis="y")
ax.set_xlabel(tr(es="ancho de banda útil (GB/s)", en="useful bandwidth (GB/s)"))
plots.show(
    fig,
    alt=tr(
        es="Barras de ancho de banda útil. Lo que fusiona llega cerca de la raya de la copia; lo que hace una operación tras otra se queda muy lejos.",
        en="Bars of useful bandwidth. Whatever fuses comes near the line of the copy; whatever does one operation after another stays far away.",
    ),
)
fused_share = 100 * useful[OURS] / ceiling
times_as_fast = chain_race.faster(OURS, FAIR)
bench.record(
    "07/goals",
    [
        {"what": "times as fast as eager, allocated", **times_as_fast._asdict()},
        {"what": "percent of the best copy's bandwidth", "median": fused_share},
        {"what": "largest relative error", "median": max(checks.values())},
    ],
)
print(
    tr(
        es=f"El nuestro llega al {fused_share:.0f} % de la mejor copia, con diez operaciones en vez de ninguna. Contra el inmediato sin reservar el cociente sería {chain_race.faster(OURS, EAGER).median:.0f}×, "
        f"pero unas {chain_race.faster(FAIR, EAGER).median:.1f}× de eso son solo no reservar memoria. (Los cocientes son medianas de los de cada ronda: no tienen por qué encajar exactamente.)",
        en=f"Ours reaches {fused_share:.0f} % of the best copy, with ten operations instead of none. Against eager without allocated memory the ratio would be {chain_race.faster(OURS, EAGER).median:.0f}×, "
        f"but about {chain_race.faster(FAIR, EAGER).median:.1f}× of that is just not allocating memory. (The ratios are medians of each round's: they need not fit together exactly.)",
    )
)

# %% [markdown] lang="es" row="58 59" slide="subslide"
# Lo que decide aquí es **quién fusiona**. ONNX Runtime ejecuta el grafo operación a operación: sus optimizaciones son una lista de patrones conocidos, y nuestra cadena no está en la lista. TorchInductor y XLA fusionan cualquier cadena de operaciones elemento a elemento, como nosotros; OpenVINO también fusiona cadenas así, en los procesadores para los que genera código.
#
# ### Los niveles de ONNX Runtime
#
# Para que sus [tres niveles](https://github.com/microsoft/onnxruntime/blob/main/docs/ONNX_Runtime_Graph_Optimizations.md) tengan algo que hacer hace falta un modelo de los suyos (convolución, normalización, ReLU) y un exportador que no lo haya hecho antes: el de PyTorch pliega por defecto la normalización dentro de la convolución. Aquí exportamos el grafo tal cual.
#
# **Predice:** ¿qué nivel da el mayor salto de velocidad?
# %% [markdown] lang="en" row="58 59" slide="subslide"
# What decides here is **who fuses**. ONNX Runtime executes the graph operation by operation: its optimizations are a list of known patterns, and our chain is not on the list. TorchInductor and XLA fuse any chain of elementwise operations, as we do; OpenVINO also fuses such chains, on the processors for which it generates code.
#
# ### ONNX Runtime's levels
#
# For its [three levels](https://github.com/microsoft/onnxruntime/blob/main/docs/ONNX_Runtime_Graph_Optimizations.md) to have something to do it takes a model of its kind (convolution, normalization, ReLU) and an exporter that has not done it before: by default PyTorch's folds the normalization into the convolution. Here we export the graph as it is.
#
# **Predict:** which level gives the largest jump in speed?

# %%
# es: "basic" (plegar, eliminar), "extended" (fusionar patrones) o "layout" (reordenar los datos en memoria)
# en: "basic" (fold, remove), "extended" (fuse patterns) or "layout" (reorder the data in memory)
level_with_the_largest_jump = None


# %% slide="fragment"
def conv_block(inputs, outputs):
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


torch.manual_seed(2)
network = nn.Sequential(
    *conv_block(1, 32), *conv_block(32, 32), nn.MaxPool2d(2), *conv_block(32, 64), nn.Flatten()
).eval()
images = torch.rand(4, 1, 28, 28)
path = onnx_file(
    network,
    images,
    "network",
    training=torch.onnx.TrainingMode.PRESERVE,
    do_constant_folding=False,
)
LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_ALL",
}
runners, nodes = {}, {}
for name, level in LEVELS.items():
    optimized = workspace() / f"network-{name}.onnx"
    runners[name] = onnx_runner(path, images, level, optimized)
    nodes[name] = [node.op_type for node in onnx.load(optimized).graph.node]
with torch.no_grad():
    wanted = network(images)
    runners["eager"] = lambda: network(images)
    for name, runner in runners.items():
        assert relative_error(runner(), wanted) < 1e-4, name
    level_race = race(runners, rounds=rounds)
rows = [
    {
        tr(es="nivel", en="level"): name,
        tr(es="nodos", en="nodes"): len(nodes[name]),
        tr(es="cuáles", en="which"): ", ".join(
            f"{kind} {nodes[name].count(kind)}" for kind in dict.fromkeys(nodes[name])
        ),
        tr(es="mediana (ms)", en="median (ms)"): 1000 * level_race.median(name),
        tr(
            es="veces más rápido que sin optimizar", en="times as fast as without"
        ): level_race.faster(name, "none").median,
    }
    for name in LEVELS
]
tables.show(
    bench.record("07/levels", rows),
    caption=tr(
        es=f"Una red convolucional, cuatro imágenes; PyTorch inmediato: {1000 * level_race.median('eager'):.2f} ms",
        en=f"A convolutional network, four images; eager PyTorch: {1000 * level_race.median('eager'):.2f} ms",
    ),
)
order = list(LEVELS)
jumps = {b: level_race.faster(b, a).median for a, b in zip(order, order[1:], strict=False)}
best_level = max(jumps, key=jumps.get)
choose(
    tr(es="¿Qué nivel da el mayor salto?", en="Which level gives the largest jump?"),
    {
        "basic": tr(es="basic: plegar y eliminar", en="basic: fold and remove"),
        "extended": tr(es="extended: fusionar patrones", en="extended: fuse patterns"),
        "layout": tr(es="layout: reordenar los datos", en="layout: reorder the data"),
    },
    level_with_the_largest_jump,
    best_level,
    tr(
        es="Cada nivel, respecto al anterior: "
        + ", ".join(f"{n} {j:.2f}×" for n, j in jumps.items())
        + ".",
        en="Each level, against the one before: "
        + ", ".join(f"{n} {j:.2f}×" for n, j in jumps.items())
        + ".",
    ),
)

# %% [markdown] lang="es" row="58" slide="subslide"
# Mira la columna de los nodos junto a la de los tiempos: que el grafo tenga menos nodos y que vaya más rápido son cosas distintas. El último nivel incluso puede **añadir** nodos (`ReorderInput`, `ReorderOutput`; su `Conv` es otra, que ya lleva la ReLU dentro): cambia la disposición de los datos a bloques de canales (NCHWc), que es como leen las instrucciones vectoriales. Un compilador no es una lista de simplificaciones: es decidir **para qué procesador** se escribe.
#
# ## Medir con honradez
#
# Ya has visto una trampa: elegir mal el rival. Hay más, y todas hacen que un compilador parezca mejor (o peor) de lo que es. Las medimos una a una en tu máquina.
#
# Para la asincronía necesitamos un acelerador. Una GPU recibe encargos en una cola y la llamada vuelve enseguida; JAX hace lo mismo incluso en la CPU. Aquí lo hace un hilo.
#
# **Predice:** compilar cuesta una vez y se ahorra algo en cada llamada. ¿A partir de cuántas llamadas compensa haber compilado con el nuestro, frente al inmediato con memoria reservada? (Lo que tarda cada uno está en la tabla de la carrera; lo que tarda en compilar, estímalo.)
# %% [markdown] lang="en" row="58" slide="subslide"
# Look at the column of the nodes beside that of the times: a graph with fewer nodes and a faster graph are different things. The last level may even **add** nodes (`ReorderInput`, `ReorderOutput`; its `Conv` is another one, with the ReLU inside): it changes the layout of the data to blocks of channels (NCHWc), which is how the vector instructions read. A compiler is not a list of simplifications: it is deciding **for which processor** one writes.
#
# ## Benchmarking honestly
#
# You have seen one trap already: choosing the wrong rival. There are more, and all of them make a compiler look better (or worse) than it is. We measure them one by one on your machine.
#
# For the asynchrony we need an accelerator. A GPU receives orders in a queue and the call returns at once; JAX does so even on the CPU. Here a thread does it.
#
# **Predict:** compiling costs once and saves something at each call. From how many calls on does having compiled with ours pay, against eager with allocated memory? (What each takes is in the table of the race; what compiling takes, estimate.)

# %%
calls_until_ours_pays = None


# %% slide="fragment"
class Accelerator:
    """Runs functions in order on its own thread; `launch` does not wait, as on a GPU."""

    def __init__(self):
        self.queue = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        while (function := self.queue.get()) is not None:
            function()

    def launch(self, function):
        self.queue.put(function)

    def synchronize(self):
        done = threading.Event()
        self.queue.put(done.set)
        done.wait()


def seconds(function, times=1):
    begin = perf_counter()
    for _ in range(times):
        function()
    return (perf_counter() - begin) / times


traps = []


def trap(name, wrong, right, unit):
    traps.append(
        {
            tr(es="trampa", en="trap"): name,
            tr(es="lo que dice", en="what it says"): wrong,
            tr(es="lo que es", en="what it is"): right,
            tr(es="unidad", en="unit"): unit,
            tr(es="factor", en="factor"): wrong / right,
        }
    )


per_call = tr(es="ms por llamada", en="ms per call")
steady, fair = chain_race.median(OURS), chain_race.median(FAIR)
trap(
    tr(es="contar la compilación en 5 llamadas", en="counting the compilation in 5 calls"),
    1000 * (our_seconds + 4 * steady) / 5,
    1000 * steady,
    per_call,
)
# es: el mismo programa, ya compilado, con una arena que nadie ha tocado: el sistema entrega sus páginas ahora
# en: the same program, compiled already, with an arena that nobody has touched: the system hands out its pages now
fresh = Program(ours.graph, flags=("-DFRESH",))
trap(
    tr(es="la primera llamada, sin calentar", en="the first call, not warmed up"),
    1000 * seconds(lambda: fresh(x)),
    1000 * steady,
    per_call,
)
trap(
    tr(es="rival sin memoria reservada", en="a rival that allocates"),
    chain_race.faster(OURS, EAGER).median,
    chain_race.faster(OURS, FAIR).median,
    tr(es="veces más rápido", en="times as fast"),
)
accelerator = Accelerator()
launched = seconds(lambda: accelerator.launch(lambda: ours(x)))
accelerator.synchronize()


def launch_and_wait():
    accelerator.launch(lambda: ours(x))
    accelerator.synchronize()


trap(
    tr(es="asíncrono y sin esperar", en="asynchronous, without waiting"),
    1000 * launched,
    1000 * statistics.median(seconds(launch_and_wait) for _ in range(rounds)),
    per_call,
)
accelerator.queue.put(None)
# es: un tensor que cabe en la caché, una y otra vez; y, por turnos, muchos que no caben todos
# en: a tensor that fits in the cache, over and over; and, in turns, many that do not all fit
little = [torch.randn(1, 2**15) for _ in range(512)]
for_little = compiled(chain, little[0])
cache_race = race(
    {
        "hot": lambda: for_little(little[0]),
        "cold": lambda: [for_little(each) for each in little],
    },
    rounds=rounds,
)
trap(
    tr(es="siempre el mismo tensor, en la caché", en="always the same tensor, in the cache"),
    1e6 * cache_race.median("hot"),
    1e6 * cache_race.median("cold") / len(little),
    tr(es="µs por llamada", en="µs per call"),
)
if c_compiler.available():
    lib = c_compiler.library(
        "#include <math.h>\n"
        "static double total(const float *x, long n)"
        "{ double s = 0; for (long i = 0; i < n; i++) s += sqrt(fabs(x[i])); return s; }\n"
        "double used(const float *x, long n) { return total(x, n); }\n"
        "double unused(const float *x, long n) { total(x, n); return 0; }\n"
    )
    for function in (lib.used, lib.unused):
        function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_long], ctypes.c_double
    dead = race(
        {
            "used": lambda: lib.used(little[0].data_ptr(), 2**15),
            "unused": lambda: lib.unused(little[0].data_ptr(), 2**15),
        },
        rounds=rounds,
    )
    trap(
        tr(es="nadie usa el resultado: código muerto", en="nobody uses the result: dead code"),
        1e6 * dead.median("unused"),
        1e6 * dead.median("used"),
        tr(es="µs por llamada", en="µs per call"),
    )
singles = [a / b for a in chain_race.seconds[FAIR] for b in chain_race.seconds[OURS]]
trap(
    tr(
        es="una sola medida de cada uno (la más favorable)",
        en="a single measure of each (the most favourable)",
    ),
    max(singles),
    chain_race.faster(OURS, FAIR).median,
    tr(es="veces más rápido", en="times as fast"),
)
tables.show(
    bench.record("07/traps", traps),
    caption=tr(
        es="Maneras de equivocarse al medir (factor: lo que dice entre lo que es)",
        en="Ways to measure wrongly (factor: what it says over what it is)",
    ),
)

# %% slide="fragment" tags=["hide-input"]
calls = np.unique(np.geomspace(1, 3000, 60).round())
fig, ax = plots.subplots(figsize=(8.0, 3.6))
lines = {FAIR: (0.0, fair), OURS: (our_seconds, steady)}
if by_inductor:
    lines["torch.compile"] = inductor_seconds, chain_race.median("torch.compile")
pays = {}
for name, (once, each) in lines.items():
    ax.plot(calls, once + calls * each, label=name)
    if once and each < fair:
        pays[name] = once / (fair - each)
        ax.plot(pays[name], fair * pays[name], "o", color=plots.INK)
ax.set_xscale("log")
ax.set_yscale("log")
ax.set_xlabel(tr(es="llamadas", en="calls"))
ax.set_ylabel(tr(es="segundos en total", en="seconds in all"))
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Segundos acumulados según el número de llamadas. Los compilados empiezan más arriba, por lo que tardan en compilar, y cruzan la línea del inmediato donde compensan.",
        en="Accumulated seconds by number of calls. The compiled ones begin higher up, because of the compilation, and cross the eager line where they pay.",
    ),
)
if OURS in pays:
    compare(
        tr(es="llamadas hasta que compensa", en="calls until it pays"),
        predicted=calls_until_ours_pays,
        measured=math.ceil(pays[OURS]),
        unit=tr(es="llamadas", en="calls"),
    )
print(
    "; ".join(
        tr(
            es=f"{name}: {lines[name][0]:.2f} s de compilación, compensa desde la llamada {math.ceil(n)}",
            en=f"{name}: {lines[name][0]:.2f} s to compile, pays from call {math.ceil(n)} on",
        )
        for name, n in pays.items()
    )
)

# %% [markdown] lang="es" row="58" slide="subslide"
# En las filas de tiempos, un factor mayor que 1 hace parecer peor al compilador, y uno menor, mejor; en las de «veces más rápido», al revés. Dos de ellas ni siquiera miden lo que dicen: la asíncrona mide lo que se tarda en hacer el encargo; la del código muerto (si tienes un compilador de C), una función vacía, porque el compilador vio que nadie usaba la suma y quitó el bucle.
#
# Recuérdalo cuando leas «5 veces más rápido»: ¿respecto a qué, con qué forma, en caliente o en frío, con el resultado en la mano? Y una más que no cabe en la tabla: **otra forma**. Nuestros programas se compilan para una forma y rechazan las demás; `torch.compile` vuelve a compilar (o compila una versión general, más lenta). Un servicio que recibe lotes de todos los tamaños paga esa compilación mientras atiende peticiones, y su p99 lo nota.
# %% [markdown] lang="en" row="58" slide="subslide"
# In the rows of times, a factor above 1 makes the compiler look worse, and one below, better; in those of "times as fast", the other way round. Two of them do not even measure what they say: the asynchronous one measures what placing the order takes; that of dead code (if you have a C compiler), an empty function, because the compiler saw that nobody used the sum and removed the loop.
#
# Remember it when you read "5 times as fast": as what, with which shape, from a warm cache or a cold one, with the result in hand? And one more that does not fit in the table: **another shape**. Our programs are compiled for one shape and refuse the others; `torch.compile` compiles again (or compiles a general version, a slower one). A service that receives batches of all sizes pays for that compilation while there is traffic, and its p99 notices.

# %% [markdown] lang="es" row="60" slide="slide"
# ## Cuantizar mejor
#
# La primera promesa de la diapositiva. En la unidad 06 cuantizaste con una escala y un punto cero. Aquí la pregunta es la del compilador: ¿cómo llega eso al grafo, y cómo se convierte en instrucciones enteras?
#
# Los exportadores escriben el modelo cuantizado como **Q-DQ**: delante de cada capa, una operación que cuantiza su entrada y otra que la descuantiza; los pesos, guardados ya como enteros, solo se descuantizan. El grafo sigue calculando en coma flotante, pero dice **qué redondeo hay que imitar**. El compilador busca el patrón y lo cambia por una sola operación entera.
#
# Compilamos la red densa de la unidad 06 ([Fashion-MNIST](../../datasets/fashion/README.md)), con sus particiones: `valid` para calibrar y `test` solo para informar.
#
# ### Calibrar
#
# El rango de los pesos se ve; el de las activaciones depende de los datos. Se **calibra** con unas cuantas imágenes: se mira qué valores pasan por cada capa y se elige hasta dónde llega el entero. Tres maneras: el **máximo**, un **percentil** (99,9) o el recorte de menor **error cuadrático** (MSE). Y dos conjuntos: uno limpio, y otro en el que el sensor falló en 3 imágenes de 500 y las entregó veinte veces más brillantes.
#
# Probamos con 8 bits, lo habitual, y con 4, que admiten algunos aceleradores.
#
# **Predice:** con activaciones de 4 bits y el máximo como regla, ¿cuántos puntos de exactitud cuestan esas tres imágenes?
# %% [markdown] lang="en" row="60" slide="slide"
# ## Quantizing smarter
#
# The slide's first promise. In unit 06 you quantized with a scale and a zero point. Here the question is the compiler's: how does that get into the graph, and how does it become integer instructions?
#
# Exporters write the quantized model as **Q-DQ**: in front of each layer, an operation that quantizes its input and another that dequantizes it; the weights, already stored as integers, are only dequantized. The graph still computes in floating point, but it says **which rounding has to be imitated**. The compiler looks for the pattern and exchanges it for a single integer operation.
#
# We compile the dense network of unit 06 ([Fashion-MNIST](../../datasets/fashion/README.md)), with its splits: `valid` to calibrate and `test` to report only.
#
# ### Calibrating
#
# The range of the weights can be seen; that of the activations depends on the data. One **calibrates** with some images: look at the values that go through each layer and choose how far the integer reaches. Three ways: the **maximum**, a **percentile** (99.9), or the clipping of least **squared error** (MSE). And two sets: a clean one, and one where the sensor failed in 3 images of 500 and gave them twenty times as bright.
#
# We try 8 bits, the usual choice, and 4, which some accelerators admit.
#
# **Predict:** with 4-bit activations and the maximum as the rule, how many points of accuracy do those three images cost?

# %%
points_lost_by_three_bad_images = None


# %% slide="fragment"
def affine(low, high, bits):
    """(scale, zero point) so that `bits`-bit signed integers cover [low, high], and 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, 1e-12) / (2**bits - 1)
    return scale, round(-(2 ** (bits - 1)) - low / scale)


def quantize(x, scale, zero, bits=8):
    limit = 2 ** (bits - 1)
    return (x / scale).round().add(zero).clamp(-limit, limit - 1).to(torch.int8)


def dequantize(q, scale, zero):
    return (q.float() - zero) * scale


def by_maximum(values, bits):
    return values.min().item(), values.max().item()


def by_percentile(values, bits):
    ordered = values.flatten().sort().values
    return ordered[0].item(), ordered[int(0.999 * (len(ordered) - 1))].item()


def by_squared_error(values, bits):
    low, high = by_maximum(values, bits)
    sample = values.flatten()[:: max(1, values.numel() // 20_000)]

    def error(part):
        scale, zero = affine(low, part * high, bits)
        return (
            (dequantize(quantize(sample, scale, zero, bits), scale, zero) - sample).square().sum()
        )

    return low, high * min(np.geomspace(0.02, 1, 40), key=error)


network = fashion.trained("mlp")[1:]
layers = [layer for layer in network if isinstance(layer, nn.Linear)]
calibration = fashion.load("valid")[0][:500].flatten(1)
test_images, labels = fashion.load("test")
test_images = test_images.flatten(1)
dirty = calibration.clone()
dirty[:3] *= 20


@torch.no_grad()
def accuracy(outputs):
    return 100 * (outputs.argmax(1) == labels).float().mean().item()


@torch.no_grad()
def ranges_of(images, rule, bits=8):
    """[(low, high)] of what enters each linear layer."""
    found = []
    for layer in network:
        if isinstance(layer, nn.Linear):
            found.append(rule(images, bits))
        images = layer(images)
    return found


@torch.no_grad()
def simulated(images, ranges, bits):
    """The network with its activations rounded to `bits` bits where each layer reads them."""
    ranges = iter(ranges)
    for layer in network:
        if isinstance(layer, nn.Linear):
            scale, zero = affine(*next(ranges), bits)
            images = dequantize(quantize(images, scale, zero, bits), scale, zero)
        images = layer(images)
    return images


RULES = {
    tr(es="máximo", en="maximum"): by_maximum,
    tr(es="percentil 99,9", en="percentile 99.9"): by_percentile,
    tr(es="error cuadrático", en="squared error"): by_squared_error,
}
SETS = {
    tr(es="limpio", en="clean"): calibration,
    tr(es="3 imágenes malas", en="3 bad images"): dirty,
}
with torch.no_grad():
    float_accuracy = accuracy(network(test_images))
results = {
    (rule, bits, name): accuracy(simulated(test_images, ranges_of(images, function, bits), bits))
    for rule, function in RULES.items()
    for bits in (8, 4)
    for name, images in SETS.items()
}
tables.show(
    bench.record(
        "07/calibration",
        [
            {
                tr(es="regla", en="rule"): rule,
                **{
                    f"{bits} bits, {name}": results[rule, bits, name]
                    for bits in (8, 4)
                    for name in SETS
                },
            }
            for rule in RULES
        ],
    ),
    caption=tr(
        es=f"Exactitud en test (%) al cuantizar las activaciones; en coma flotante, {float_accuracy:.2f} %",
        en=f"Accuracy on test (%) with quantized activations; in floating point, {float_accuracy:.2f} %",
    ),
    formats={f"{bits} bits, {name}": ".2f" for bits in (8, 4) for name in SETS},
)
clean_name, dirty_name = SETS
first_rule = next(iter(RULES))
compare(
    tr(es="exactitud perdida por tres imágenes malas", en="accuracy lost by three bad images"),
    predicted=points_lost_by_three_bad_images,
    measured=results[first_rule, 4, clean_name] - results[first_rule, 4, dirty_name],
    unit="%",
)

# %% [markdown] lang="es" row="60" slide="subslide"
# Un rango veinte veces mayor gasta $\log_2 20\approx 4.3$ bits en valores que no existen: con 8 quedan casi 4 y apenas se nota; con 4 no queda ni uno entero, y cada píxel acaba encendido o apagado. El error cuadrático protege a medias: un valor enorme pesa mucho en los cuadrados, y la regla lo respeta. El percentil, también a medias: esas tres imágenes son el 0,6 % del conjunto, y aunque más de la mitad de sus píxeles son oscuros, los brillantes pasan del 0,1 % que la regla recorta (si solo fuera mala la primera imagen, los habría ignorado). Pero si los valores grandes fueran **de verdad** (pasa en los [modelos de lenguaje](https://arxiv.org/abs/2208.07339), 2022), ignorarlos sería el error. Ninguna regla sustituye a mirar los datos de calibración. Y calibrar con las imágenes de test es hacer trampa: el rango se ajusta a lo que luego se mide.
#
# ### De Q-DQ a aritmética entera
#
# Una capa con su entrada y sus pesos cuantizados calcula
#
# $$y = s_x s_w \Big(\sum_k (q_k - z_x)\,w_k + \tfrac{b}{s_x s_w}\Big)$$
#
# con una escala $s_w$ por canal de salida, y los pesos sin punto cero. Dentro del paréntesis todo son **enteros** en cuanto se redondea el sesgo, y se acumulan en 32 bits. El sesgo se cuantiza con la escala $s_x s_w$ (la del acumulador, no la de los pesos), y $z_x\sum_k w_k$ es una constante que se pliega en él. Para entregar el resultado en 8 bits hay que multiplicar por $s_x s_w / s_y$ y sumar el punto cero de la salida. Ese número es fijo por canal: se guarda multiplicado por $2^{32}$, como entero, y se aplica con una multiplicación de 64 bits y un desplazamiento. La ReLU no cuesta nada: es recortar por abajo en ese punto cero.
#
# **Predice:** con 784 entradas y valores de 8 bits, ¿cuántos bits hacen falta, con el signo y sin contar el sesgo, para que el acumulador no se desborde ni en el peor caso?
# %% [markdown] lang="en" row="60" slide="subslide"
# A range twenty times as large spends $\log_2 20\approx 4.3$ bits on values that do not exist: of 8, nearly 4 are left and it hardly shows; of 4, not even one is left whole, and each pixel ends up on or off. The squared error protects only in part: a huge value weighs a lot in the squares, and the rule respects it. So does the percentile: those three images are 0.6 % of the set, and though more than half of their pixels are dark, the bright ones are more than the 0.1 % that the rule cuts off (had only the first image been bad, it would have ignored them). But if the large values were **real** (it happens in [language models](https://arxiv.org/abs/2208.07339), 2022), ignoring them would be the mistake. No rule replaces looking at the calibration data. And calibrating with the test images is cheating: the range is fitted to what is measured afterwards.
#
# ### From Q-DQ to integer arithmetic
#
# A layer whose input and weights are quantized computes
#
# $$y = s_x s_w \Big(\sum_k (q_k - z_x)\,w_k + \tfrac{b}{s_x s_w}\Big)$$
#
# with one scale $s_w$ per output channel, and weights without a zero point. Within the brackets all are **integers** as soon as the bias is rounded, and they are accumulated in 32 bits. The bias is quantized by the scale $s_x s_w$ (the accumulator's, not the weights'), and $z_x\sum_k w_k$ is a constant that is folded into it. To deliver the result in 8 bits it has to be multiplied by $s_x s_w / s_y$, and the output's zero point added. That number is fixed for each channel: it is kept multiplied by $2^{32}$, as an integer, and applied by a 64-bit multiplication and a shift. The ReLU costs nothing: it is clipping from below at that zero point.
#
# **Predict:** with 784 inputs and 8-bit values, how many bits does it take, with the sign and leaving out the bias, for the accumulator not to overflow even in the worst case?

# %%
bits_of_the_accumulator = None


# %% slide="fragment"
def constant(value):
    return Op("const", (), two_d(value.shape), value)


def insert_qdq(graph, ranges, bits=8):
    """Q-DQ in front of every linear layer; weights in 8 bits with a scale per output channel."""
    ranges = iter(ranges)

    def step(op, _):
        if op.kind != "linear":
            return op
        x, w, b = op.args
        scale, zero = map(torch.tensor, affine(*next(ranges), bits))
        weight_scale = w.value.abs().amax(dim=1, keepdim=True) / 127
        small_w = (w.value / weight_scale).round().to(torch.int8)
        q = Op("quantize", (x, constant(scale), constant(zero)), x.shape)
        dq = Op("dequantize", (q, *q.args[1:]), x.shape)
        none = constant(torch.tensor(0))
        dw = Op("dequantize", (constant(small_w), constant(weight_scale), none), w.shape)
        return Op("linear", (dq, dw, b), op.shape)

    return rebuild(graph, step)


def integer_constants(linear):
    """(integers that enter, weights, bias with the zero point folded in, scale of the accumulator)."""
    dq, dw, b = linear.args
    q, scale, zero = dq.args
    w, weight_scale, _ = dw.args
    scales = (scale.value * weight_scale.value).view(-1).double()
    bias = (b.value.double() / scales).round() - zero.value * w.value.double().sum(dim=1)
    return q, w, constant(bias.to(torch.int32)), scales


def is_quantized(op):
    return op.kind == "linear" and all(arg.kind == "dequantize" for arg in op.args[:2])


def integer(graph):
    """Q-DQ patterns as integer operations; what no longer matters is dead code."""

    def step(op, old):
        if op.kind == "quantize" and op.args[0].kind == "relu" and is_quantized(op.args[0].args[0]):
            q, w, bias, scales = integer_constants(op.args[0].args[0])
            _, out_scale, out_zero = op.args
            multiplier = (scales / out_scale.value * 2**32).round().long()
            return Op("int_linear", (q, w, bias, constant(multiplier), out_zero), op.shape)
        if is_quantized(op) and old in graph.outputs:
            q, w, bias, scales = integer_constants(op)
            return Op("int_logits", (q, w, bias, constant(scales.float())), op.shape)
        return op

    return dce(rebuild(graph, step))


# %% slide="subslide"
def accumulate(q, w, bias, bits=32):
    """What an accumulator of `bits` bits ends up with: sums wrap around. Float64 holds these integers exactly."""
    total = (q.double() @ w.double().t()).long() + bias
    return (total + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def int_linear(q, w, bias, multiplier, zero, bits=32):
    scaled = (accumulate(q, w, bias, bits) * multiplier + 2**31) >> 32
    # es: la ReLU: nada por debajo del cero, que es el entero `zero`
    # en: the ReLU: nothing below zero, which is the integer `zero`
    return (scaled + zero).clamp(int(zero), 127).to(torch.int8)


def int_logits(q, w, bias, scales, bits=32):
    return accumulate(q, w, bias, bits) * scales


MEANING = MEANING | {
    "quantize": quantize,
    "dequantize": dequantize,
    "int_linear": int_linear,
    "int_logits": int_logits,
}
one = torch.zeros(1, 784)
float_graph = optimize(capture(network, one))
ranges = ranges_of(calibration, by_percentile)
# es: los pesos en coma flotante ya no los usa nadie: son código muerto
# en: nobody uses the floating-point weights any more: they are dead code
qdq_graph = dce(insert_qdq(float_graph, ranges))
integer_graph = integer(qdq_graph)
print(listing(qdq_graph), listing(integer_graph), sep="\n\n")

# %% slide="fragment"
graphs = {
    tr(es="coma flotante", en="floating point"): float_graph,
    "Q-DQ": qdq_graph,
    tr(es="entero", en="integer"): integer_graph,
}
answers = {name: evaluate(graph, test_images) for name, graph in graphs.items()}
rows = []
for name, graph in graphs.items():
    consts = [op.value for op in graph.ops if op.kind == "const"]
    rows.append(
        {
            tr(es="grafo", en="graph"): name,
            tr(es="operaciones", en="operations"): computed(graph),
            tr(
                es="multiplicaciones en coma flotante (capas)",
                en="floating-point multiplications (layers)",
            ): sum(op.args[0].shape[1] * op.shape[1] for op in graph.ops if op.kind == "linear"),
            tr(es="constantes (kB)", en="constants (kB)"): sum(c.nbytes for c in consts) / 1000,
            tr(es="exactitud (%)", en="accuracy (%)"): accuracy(answers[name]),
        }
    )
tables.show(
    bench.record("07/qdq", rows),
    caption=tr(es="El mismo modelo, tres grafos", en="The same model, three graphs"),
    formats={tr(es="exactitud (%)", en="accuracy (%)"): ".2f"},
)
qdq_answer, integer_answer = list(answers.values())[1:]
print(
    tr(
        es=f"Q-DQ y entero eligen la misma clase en el {100 * (qdq_answer.argmax(1) == integer_answer.argmax(1)).float().mean():.2f} % de las imágenes.",
        en=f"Q-DQ and integer choose the same class in {100 * (qdq_answer.argmax(1) == integer_answer.argmax(1)).float().mean():.2f} % of the images.",
    )
)

# %% [markdown] lang="es" row="60" slide="subslide"
# Sin la reescritura, el grafo Q-DQ hace **más** trabajo que el original: las mismas multiplicaciones en coma flotante, más redondear. Lo único que ahorra por sí solo son bytes; el trabajo lo ahorra la reescritura. Y esta se puede romper sin que nada dé error, solo números peores. Tres ejemplos:
# %% [markdown] lang="en" row="60" slide="subslide"
# Without the rewrite, the Q-DQ graph does **more** work than the original: the same floating-point multiplications, plus the rounding. By itself it saves nothing but bytes; it is the rewrite that saves work. And the rewrite can be broken without any error, only worse numbers. Three examples:

# %% slide="fragment"
largest = 0


def watched(q, w, bias, *rest, bits=32):
    """Notes how far an accumulator goes."""
    global largest
    largest = max(largest, accumulate(q, w, bias, 62).abs().max().item())


for op in integer_graph.ops:
    if op.kind.startswith("int_"):
        part = Graph(integer_graph.ops, (op.args[0],))
        watched(evaluate(part, test_images), *(arg.value for arg in op.args[1:3]))
worst_case = 784 * 255 * 127
needed = math.ceil(math.log2(worst_case + 1)) + 1


def narrow(bits):
    return {
        "int_linear": lambda *args: int_linear(*args, bits=bits),
        "int_logits": lambda *args: int_logits(*args, bits=bits),
    }


def bias_by_weight_scale(graph):
    """The mistake: the bias divided by the weights' scale alone."""

    def step(op, _):
        if not is_quantized(op):
            return op
        scale = op.args[0].args[1].value
        return replace(op, args=(*op.args[:2], constant(op.args[2].value * scale)))

    return integer(rebuild(graph, step))


broken = {
    tr(es="acumulador de 32 bits", en="32-bit accumulator"): evaluate(integer_graph, test_images),
    tr(es="acumulador de 16 bits", en="16-bit accumulator"): evaluate(
        integer_graph, test_images, **narrow(16)
    ),
    tr(es="acumulador de 8 bits", en="8-bit accumulator"): evaluate(
        integer_graph, test_images, **narrow(8)
    ),
    tr(es="sesgo con la escala de los pesos", en="bias by the weights' scale"): evaluate(
        bias_by_weight_scale(qdq_graph), test_images
    ),
}
tables.show(
    bench.record(
        "07/accumulators",
        [
            {
                tr(es="variante", en="variant"): name,
                tr(es="exactitud (%)", en="accuracy (%)"): accuracy(answer),
            }
            for name, answer in broken.items()
        ],
    ),
    caption=tr(
        es=f"El acumulador llega a {number(largest)} en test; el peor caso es {number(worst_case)}",
        en=f"The accumulator goes up to {number(largest)} on test; the worst case is {number(worst_case)}",
    ),
    formats={tr(es="exactitud (%)", en="accuracy (%)"): ".2f"},
)
compare(
    tr(es="bits del acumulador, en el peor caso", en="bits of the accumulator, in the worst case"),
    predicted=bits_of_the_accumulator,
    measured=needed,
    unit="bits",
)

# %% [markdown] lang="es" row="60" slide="subslide"
# Un acumulador de 16 bits llega a 32 767, y estas sumas lo superan con creces (cuánto, lo dice el título de la tabla): dan la vuelta, y con diez clases se acierta más o menos una de cada diez, como a ciegas. Ese fallo, al menos, salta a la vista. El del sesgo es peor: mira qué pocos puntos cuesta. Ni un error ni una respuesta absurda, solo una tabla algo peor de lo que debería; sin la exactitud en coma flotante al lado, nadie lo buscaría.
#
# ### Bits distintos, con presupuesto
#
# ¿Y si solo caben 3 bits por peso? Lo **uniforme** es dar 3 a todos. Lo mejor es dar más donde más duele: medimos con los datos de calibración cuánto cambian las respuestas si **solo** se cuantiza un grupo de filas (**divergencia KL**: $\sum_c p_c \log(p_c/q_c)$, con $p$ las probabilidades de antes y $q$ las de después, de media en las imágenes; 0 si son iguales), y vamos subiendo bits donde más baja el error por byte, hasta gastar el presupuesto. Las activaciones se quedan en coma flotante, y las escalas no cuentan. Es un reparto voraz: supone que los errores se suman. El mínimo son 2 bits.
#
# Los grupos son de 50 neuronas de una misma capa (las 10 de la salida forman otro), ordenadas según lo grandes que son sus pesos, los que entran y los que salen.
#
# **Predice:** con los mismos bytes que 3 bits uniformes, ¿cuántas veces menor será la divergencia en test?
# %% [markdown] lang="en" row="60" slide="subslide"
# A 16-bit accumulator reaches 32 767, and these go far beyond (the table's caption says how far): the sums wrap around, and with ten classes about one answer in ten is right, no better than guessing. That failure is at least easy to see. The one of the bias is worse: look how few points it costs. No error, no absurd answer, just a table somewhat worse than it should be; without the floating-point accuracy beside it, nobody would look for it.
#
# ### Different bits, under a budget
#
# And if only 3 bits per weight fit? The **uniform** way is to give 3 to all. The better one is to give more where it hurts most: with the calibration data we measure how much the answers change if **only** one group of rows is quantized (**KL divergence**: $\sum_c p_c \log(p_c/q_c)$, with $p$ the probabilities before and $q$ those after, averaged over the images; 0 if they are equal), and keep raising bits where the error falls most per byte, until the budget is spent. The activations stay in floating point, and the scales do not count. It is a greedy allocation: it supposes that the errors add up. The least is 2 bits.
#
# The groups are of 50 neurons of one layer (the 10 of the output make another), ordered by how large their weights are, incoming and outgoing.
#
# **Predict:** with the same bytes as 3 uniform bits, how many times smaller will the divergence on test be?

# %%
times_smaller_with_mixed_bits = None


# %% slide="fragment"
BITS = (2, 3, 4, 5, 6, 8)
originals = [layer.weight.detach().clone() for layer in layers]


def rounded(w, bits):
    """Weights rounded to `bits` bits, each row with the clipping of least squared error."""
    limit, candidates = 2 ** (bits - 1) - 1, []
    for part in (1, 0.85, 0.7, 0.55, 0.4):
        scale = part * w.abs().amax(dim=1, keepdim=True) / limit
        candidates.append((w / scale).round().clamp(-limit, limit) * scale)
    errors = torch.stack([(each - w).square().sum(dim=1) for each in candidates])
    return torch.stack(candidates)[errors.argmin(dim=0), torch.arange(len(w))]


@torch.no_grad()
def divergence(images, reference, groups, bits):
    """KL from `reference` of the network with each group of rows at its bits (None: untouched)."""
    for (layer, rows), b in zip(groups, bits, strict=True):
        if b:
            layers[layer].weight[rows] = at_bits[layer, b][rows]
    answer = network(images)
    for layer, original in zip(layers, originals, strict=True):
        layer.weight.copy_(original)
    loss = F.kl_div(answer.log_softmax(1), reference.softmax(1), reduction="batchmean").item()
    return loss, answer


with torch.no_grad():
    at_bits = {(n, b): rounded(w, b) for n, w in enumerate(originals) for b in BITS}
    references = {"calibration": network(calibration), "test": network(test_images)}
groups = []
for n, w in enumerate(originals):
    leaving = originals[n + 1].abs().sum(dim=0) if n + 1 < len(originals) else torch.ones(len(w))
    groups += [(n, rows) for rows in (w.norm(dim=1) * leaving).argsort().split(50)]
weights_in = [len(rows) * originals[n].shape[1] for n, rows in groups]
# es: cuánto daña cada grupo, él solo, con cada número de bits
# en: how much each group harms, on its own, at each number of bits
harm = [
    {
        b: divergence(
            calibration,
            references["calibration"],
            groups,
            [b if other == g else None for other in range(len(groups))],
        )[0]
        for b in BITS
    }
    for g in range(len(groups))
]


def allocate(budget):
    """Bits of each group within `budget` bits in all, greedily: always the best fall of harm per bit spent."""
    bits = [min(BITS)] * len(groups)
    while True:
        left = budget - sum(n * b for n, b in zip(weights_in, bits, strict=True))
        steps = [
            ((harm[g][b] - harm[g][more]) / (weights_in[g] * (more - b)), g, more)
            for g, b in enumerate(bits)
            for more in BITS
            if more > b and weights_in[g] * (more - b) <= left
        ]
        if not steps or max(steps)[0] <= 0:
            return bits
        _, g, more = max(steps)
        bits[g] = more


rows, curve = [], []
for uniform in (2, 3, 4, 5):
    budget = uniform * sum(weights_in)
    choices = {"uniform": [uniform] * len(groups), "mixed": allocate(budget)}
    found = {k: divergence(test_images, references["test"], groups, c) for k, c in choices.items()}
    curve.append((budget / 8000, found["uniform"][0], found["mixed"][0]))
    rows.append(
        {
            tr(es="presupuesto (kB)", en="budget (kB)"): budget / 8000,
            tr(es="bits repartidos", en="bits allocated"): " ".join(map(str, choices["mixed"])),
            tr(es="KL uniforme", en="KL uniform"): found["uniform"][0],
            tr(es="KL repartido", en="KL mixed"): found["mixed"][0],
            tr(es="exactitud uniforme (%)", en="accuracy uniform (%)"): accuracy(
                found["uniform"][1]
            ),
            tr(es="exactitud repartido (%)", en="accuracy mixed (%)"): accuracy(found["mixed"][1]),
        }
    )
tables.show(
    bench.record("07/mixed_bits", rows),
    caption=tr(
        es=f"Presupuestos de 2, 3, 4 y 5 bits por peso, en test; exactitud sin cuantizar, {float_accuracy:.2f} %",
        en=f"Budgets of 2, 3, 4 and 5 bits per weight, on test; accuracy unquantized, {float_accuracy:.2f} %",
    ),
    formats={
        tr(es="exactitud uniforme (%)", en="accuracy uniform (%)"): ".2f",
        tr(es="exactitud repartido (%)", en="accuracy mixed (%)"): ".2f",
    },
)
fig, ax = plots.subplots(figsize=(7.2, 3.4))
kilobytes, uniform_kl, mixed_kl = zip(*curve, strict=True)
ax.plot(kilobytes, uniform_kl, "o-", label=tr(es="uniforme", en="uniform"))
ax.plot(kilobytes, mixed_kl, "s-", label=tr(es="repartido", en="mixed"))
ax.set_yscale("log")
ax.set_xlabel(tr(es="pesos (kB)", en="weights (kB)"))
ax.set_ylabel(tr(es="divergencia KL en test", en="KL divergence on test"))
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Divergencia según los bytes, en escala logarítmica. Con 2 bits coinciden; después la curva de los bits repartidos va por debajo de la uniforme.",
        en="Divergence by bytes, on a logarithmic scale. At 2 bits they coincide; after that the curve of the mixed bits runs below the uniform one.",
    ),
)
compare(
    tr(es="veces menor con bits repartidos (3 bits)", en="times smaller with mixed bits (3 bits)"),
    predicted=times_smaller_with_mixed_bits,
    measured=uniform_kl[1] / mixed_kl[1],
    unit="×",
)

# %% [markdown] lang="es" row="60" slide="subslide"
# Muchas neuronas de la primera capa influyen poco y les sobran bits; la capa de salida es diminuta, y darle ocho sale casi gratis. Fíjate en qué se ha medido: la divergencia baja mucho, y la exactitud, desde 3 bits, solo se mueve unas décimas: casi no quedaba nada que recuperar, y con 3000 imágenes una décima son tres aciertos. Si alguna queda por encima de la del modelo sin cuantizar, no es una mejora: es ese ruido. Y es un ahorro de **bytes**: un procesador que solo sabe multiplicar enteros de 8 bits tendrá que desempaquetar los de 3 (unidad 06: menos bits no es siempre más rápido).
# %% [markdown] lang="en" row="60" slide="subslide"
# Many neurons of the first layer have little influence and bits to spare; the output layer is tiny, and giving it eight is nearly free. Note what has been measured: the divergence falls a lot, and the accuracy, from 3 bits on, only moves by some tenths: there was hardly anything left to recover, and with 3000 images a tenth is three hits. If any is above that of the unquantized model, it is not an improvement: it is that noise. And it is a saving of **bytes**: a processor that can only multiply 8-bit integers will have to unpack those of 3 (unit 06: fewer bits are not always faster).

# %% [markdown] lang="es" row="61" slide="slide"
# ## Compilar para un chip nuevo
#
# La última promesa. Un producto de matrices $M\times K$ por $K\times N$ se hace por **teselas** (*tiles*): bloques que caben en la memoria rápida del chip. ¿De qué tamaño? Depende de cuánta memoria rápida hay, de cuántos números multiplica a la vez una instrucción, de lo que cuesta empezar una transferencia y de los **restos**: si la tesela no divide a la matriz, sobra un trozo que se hace mal aprovechado.
#
# Inventamos dos chips con un **modelo de coste**: una función que dice cuántos ciclos tarda cada tesela. Es un supuesto, pero tiene lo que tienen los de verdad:
#
# - cada transferencia cuesta un arranque por fila de la tesela y los bytes divididos por el ancho de banda;
# - calcular tiene también su arranque, y avanza de vector en vector: una tesela de 17 columnas en un chip de 16 hace dos vectores por fila;
# - calcular y transferir se solapan (doble búfer), así que manda el más lento, y las teselas ocupan el doble.
# %% [markdown] lang="en" row="61" slide="slide"
# ## Compiling for a new chip
#
# The last promise. A product of matrices $M\times K$ by $K\times N$ is done by **tiles**: blocks that fit in the chip's fast memory. Of which size? It depends on how much fast memory there is, on how many numbers an instruction multiplies at once, on what it costs to start a transfer, and on the **remainders**: if the tile does not divide the matrix, a piece is left over that is done wastefully.
#
# We make up two chips with a **cost model**: a function that says how many cycles each tiling takes. It is assumed, but it has what the real ones have:
#
# - each transfer costs a start-up per row of the tile, and the bytes divided by the bandwidth;
# - computing has its start-up as well, and proceeds vector by vector: a tile of 17 columns on a chip of 16 does two vectors per row;
# - computing and transferring overlap (double buffer), so that the slower one rules, and the tiles take double.


# %% slide="subslide"
@dataclass(frozen=True)
class Chip:
    """A made-up accelerator: bytes of fast memory, numbers in a vector, cycles to start a row, bytes a cycle."""

    name: str
    memory: int
    lanes: int
    start: float
    bandwidth: float


# es: ciclos de empezar a calcular una tesela
# en: cycles of starting to compute a tile
LAUNCH = 100


def cycles(chip, shape, tile):
    """Cycles of a matrix product `shape` = (M, N, K) by tiles (m, n, k); infinite when they do not fit."""
    m, n, k = tile
    if 2 * 4 * (m * k + k * n + m * n) > chip.memory:
        return math.inf

    def pieces(total, size):
        """[(size of the tile, how many of them)]: the whole ones and the remainder."""
        return [(s, c) for s, c in ((size, total // size), (total % size, 1)) if s and c]

    total = 0.0
    for a, times_a in pieces(shape[0], m):
        for b, times_b in pieces(shape[1], n):
            for c, times_c in pieces(shape[2], k):
                compute = LAUNCH + a * c * math.ceil(b / chip.lanes)
                transfer = (a + c) * chip.start + 4 * (a * c + c * b) / chip.bandwidth
                total += times_a * times_b * times_c * max(compute, transfer)
            # es: el resultado se escribe una vez, cuando se han sumado todos los trozos de K
            # en: the result is written once, when all the pieces of K have been added
            total += times_a * times_b * (a * chip.start + 4 * a * b / chip.bandwidth)
    return total


CHIPS = (
    Chip("A", memory=48 * 1024, lanes=16, start=4, bandwidth=4),
    Chip("B", memory=512 * 1024, lanes=64, start=60, bandwidth=32),
)
SHAPES = ((196, 384, 576), (49, 1000, 512), (300, 300, 784))
SIZES = (
    1,
    2,
    4,
    7,
    8,
    12,
    14,
    16,
    24,
    28,
    32,
    48,
    49,
    64,
    96,
    98,
    128,
    150,
    192,
    256,
    300,
    384,
    512,
)


def tiles_for(shape):
    return [
        (m, n, k)
        for m in SIZES
        for n in SIZES
        for k in SIZES
        if m <= shape[0] and n <= shape[1] and k <= shape[2]
    ]


# %% [markdown] lang="es" row="61" slide="subslide"
# ### Buscar con un presupuesto
#
# En un chip de verdad, cada medida es compilar y ejecutar: no se pueden probar todas las teselas. Comparamos tres maneras: la tesela **por defecto** (un cubo de 32, sin medir nada) y, con el mismo número de medidas las dos, **al azar** y una búsqueda **local**, que gasta un tercio al azar y después va moviendo un lado de la mejor hacia un tamaño vecino. El óptimo lo sabemos porque aquí sí podemos probarlas todas.
#
# **Predice:** ¿cuántas veces más lenta que la óptima es la tesela por defecto, en el peor de los seis casos (tres formas, dos chips)?
# %% [markdown] lang="en" row="61" slide="subslide"
# ### Searching under a budget
#
# On a real chip, each measurement is compiling and running: not all tiles can be tried. We compare three ways: the **default** tile (a cube of 32, measuring nothing) and, both with the same number of measurements, **random** and a **local** search, which spends a third at random and then moves one side of the best towards a neighbouring size. We know the optimum because here we can try them all.
#
# **Predict:** how many times as slow as the optimal one is the default tile, in the worst of the six cases (three shapes, two chips)?

# %%
default_times_as_slow_at_worst = None


# %% slide="fragment"
def random_search(cost, space, budget, draw):
    return min(draw.sample(space, budget), key=cost)


def local_search(cost, space, budget, draw):
    """A third of the budget at random, the rest on neighbours of the best so far."""
    known = set(space)
    measured = {tile: cost(tile) for tile in draw.sample(space, budget // 3)}
    while len(measured) < budget:
        best = min(measured, key=measured.get)
        side, way = draw.randrange(3), draw.choice((-2, -1, 1, 2))
        place = min(max(SIZES.index(best[side]) + way, 0), len(SIZES) - 1)
        tile = (*best[:side], SIZES[place], *best[side + 1 :])
        if tile not in known or tile in measured:
            tile = draw.choice(space)
        measured[tile] = cost(tile)
    return min(measured, key=measured.get)


optimum, rows = {}, []
for chip in CHIPS:
    for shape in SHAPES:
        space = tiles_for(shape)
        costs = {tile: cycles(chip, shape, tile) for tile in space}
        optimum[chip.name, shape] = best = min(costs, key=costs.get)
        row = {
            "chip": chip.name,
            "M N K": " ".join(map(str, shape)),
            tr(es="mejor tesela", en="best tile"): " ".join(map(str, best)),
            tr(es="por defecto", en="default"): costs[32, 32, 32] / costs[best],
        }
        for label, search in (
            (tr(es="al azar", en="random"), random_search),
            (tr(es="local", en="local"), local_search),
        ):
            found = [search(costs.get, space, search_budget, random.Random(s)) for s in range(21)]
            row[label] = statistics.median(costs[tile] for tile in found) / costs[best]
        rows.append(row)
tables.show(
    bench.record("07/tiles", rows, budget=search_budget),
    caption=tr(
        es=f"Veces más lenta que la óptima ({search_budget} medidas, mediana de 21 búsquedas)",
        en=f"Times as slow as the optimum ({search_budget} measurements, median of 21 searches)",
    ),
)
compare(
    tr(es="por defecto, en el peor caso", en="default, at worst"),
    predicted=default_times_as_slow_at_worst,
    measured=max(list(row.values())[3] for row in rows),
    unit="×",
)

# %% [markdown] lang="es" row="61" slide="subslide"
# ### ¿Sirve en el otro chip?
#
# El cubo de 32 no va mal en el chip A (tanto como buscar al azar) y es un desastre en el B: un valor por defecto siempre está ajustado a alguna máquina.
#
# Ya tienes la mejor tesela de cada forma en el chip A. La empresa cambia al chip B, que es mejor en todo menos en una cosa: empezar una transferencia le cuesta más.
#
# **Predice:** con las teselas de A, ¿cuántas veces más lento irá B que con las suyas, de media (geométrica) en las tres formas?
# %% [markdown] lang="en" row="61" slide="subslide"
# ### Does it serve on the other chip?
#
# The cube of 32 does not do badly on chip A (as well as random search) and is a disaster on B: a default is always tuned to some machine.
#
# You have the best tile of each shape on chip A. The company moves to chip B, which is better at everything but one thing: starting a transfer costs it more.
#
# **Predict:** with A's tiles, how many times as slow will B be as with its own, on (geometric) average over the three shapes?

# %%
chip_b_with_tiles_of_a = None

# %% slide="fragment"
transfer = {}
for origin in CHIPS:
    for destination in CHIPS:
        ratios = [
            cycles(destination, shape, optimum[origin.name, shape])
            / cycles(destination, shape, optimum[destination.name, shape])
            for shape in SHAPES
        ]
        transfer[origin.name, destination.name] = ratios
tables.show(
    bench.record(
        "07/transfer",
        [
            {
                tr(es="teselas buscadas para", en="tiles searched for"): origin,
                tr(es="ejecutadas en", en="run on"): destination,
                **{" ".join(map(str, s)): r for s, r in zip(SHAPES, ratios, strict=True)},
            }
            for (origin, destination), ratios in transfer.items()
        ],
    ),
    caption=tr(
        es="Veces más lento que con las teselas propias (∞: no caben)",
        en="Times as slow as with its own tiles (∞: they do not fit)",
    ),
)
fig, axes = plots.subplots(1, 2, figsize=(9.4, 4.0), sharey=True)
shape = SHAPES[0]
for ax, chip in zip(axes, CHIPS, strict=True):
    best = optimum[chip.name, shape]
    sides = [s for s in SIZES if s <= shape[0]], [s for s in SIZES if s <= shape[1]]
    grid = np.array([[cycles(chip, shape, (m, n, best[2])) for n in sides[1]] for m in sides[0]])
    slow = np.where(np.isfinite(grid), grid / grid.min(), np.nan)
    image = ax.pcolormesh(np.log10(slow), cmap="cividis_r", vmin=0, vmax=1.5)
    for name, mark, colour in (("A", "o", plots.VERMILION), ("B", "s", plots.BLACK)):
        m, n, _ = optimum[name, shape]
        ax.plot(
            *(sides[1].index(n) + 0.5, sides[0].index(m) + 0.5),
            mark,
            color=colour,
            markersize=9,
            markeredgecolor="white",
            label=tr(es=f"mejor de {name}", en=f"best of {name}"),
        )
    for set_ticks, side in ((ax.set_xticks, sides[1]), (ax.set_yticks, sides[0])):
        set_ticks(
            [n + 0.5 for n in range(0, len(side), 2)], [str(s) for s in side[::2]], fontsize=8
        )
    ax.tick_params(axis="x", rotation=60)
    ax.set_title(f"chip {chip.name}, k = {best[2]}", fontsize=10.5)
    ax.set_xlabel(tr(es="columnas de la tesela (n)", en="columns of the tile (n)"))
    ax.grid(visible=False)
axes[0].set_ylabel(tr(es="filas de la tesela (m)", en="rows of the tile (m)"))
axes[1].legend(loc="upper left", fontsize=8, facecolor=plots.CARD, framealpha=0.9, frameon=True)
bar = fig.colorbar(image, ax=axes, ticks=[0, 0.5, 1, 1.5])
bar.ax.set_yticklabels(["1", "3.2", "10", "≥32"])
bar.set_label(tr(es="ciclos ÷ los de la mejor", en="cycles ÷ those of the best"))
plots.show(
    fig,
    alt=tr(
        es="Dos mapas del coste según filas y columnas de la tesela, uno por chip. Las zonas buenas no coinciden, y en blanco queda lo que no cabe: mucho más en el chip A.",
        en="Two maps of the cost by rows and columns of the tile, one per chip. The good regions do not coincide, and what does not fit is blank: much more of it on chip A.",
    ),
)
compare(
    tr(es="chip B con las teselas de A", en="chip B with A's tiles"),
    predicted=chip_b_with_tiles_of_a,
    measured=statistics.geometric_mean(transfer["A", "B"]),
    unit="×",
)

# %% [markdown] lang="es" row="61" slide="subslide"
# En el mapa, cada chip tiene su $k$: la marca del otro dice solo dónde caen sus filas y columnas. Las teselas de A caben en B, y dan el resultado correcto: por eso este error pasa desapercibido. Al revés, las de B ni caben. Es lo que hay detrás de esa promesa: nadie puede elegir a mano las mejores para cada chip y cada forma, así que los compiladores **buscan**, con medidas o con un modelo de coste aprendido de ellas ([MetaSchedule](https://tvm.apache.org/docs/deep_dive/tensor_ir/tutorials/meta_schedule.html) de TVM, el `max-autotune` de TorchInductor).
#
# ### Un tercer chip: tu máquina
#
# El modelo de coste de un chip inventado no tiene por qué servir en este. Compilamos el mismo producto en C con ocho teselas y las corremos.
# %% [markdown] lang="en" row="61" slide="subslide"
# On the map each chip has its own $k$: the other's mark only says where its rows and columns fall. A's tiles fit on B, and give the right result: that is why this mistake goes unnoticed. The other way round, B's do not even fit. That is what lies behind that promise: nobody can choose by hand the best ones for each chip and each shape, so compilers **search**, by measuring or by a cost model learnt from measurements (TVM's [MetaSchedule](https://tvm.apache.org/docs/deep_dive/tensor_ir/tutorials/meta_schedule.html), TorchInductor's `max-autotune`).
#
# ### A third chip: your machine
#
# The cost model of a made-up chip need not serve on this one. We compile the same product in C with eight tiles and run them.

# %% slide="fragment"
TILED = """
void tiled_{name}(const float *restrict A, const float *restrict B, float *restrict C) {{
  for (int i = 0; i < {M} * {N}; i++) C[i] = 0;
  for (int i0 = 0; i0 < {M}; i0 += {m}) for (int k0 = 0; k0 < {K}; k0 += {k}) for (int j0 = 0; j0 < {N}; j0 += {n}) {{
    int i1 = i0 + {m} < {M} ? i0 + {m} : {M}, j1 = j0 + {n} < {N} ? j0 + {n} : {N}, k1 = k0 + {k} < {K} ? k0 + {k} : {K};
    for (int i = i0; i < i1; i++) for (int x = k0; x < k1; x++) {{
      float a = A[i * {K} + x];
      #pragma omp simd
      for (int j = j0; j < j1; j++) C[i * {N} + j] += a * B[x * {N} + j];
    }}
  }}
}}"""
TRIED = (
    (4, 8, 512),
    (8, 16, 64),
    (16, 64, 64),
    (32, 32, 32),
    (32, 256, 32),
    (150, 300, 4),
    (1, 300, 512),
    (64, 300, 64),
)
if c_compiler.available():
    M, N, K = shape = SHAPES[2]
    named = {f"{m} {n} {k}": (m, n, k) for m, n, k in TRIED}
    code = "".join(
        TILED.format(name=number, M=M, N=N, K=K, m=m, n=n, k=k)
        for number, (m, n, k) in enumerate(TRIED)
    )
    lib = c_compiler.library(code)
    left, right, product = torch.rand(M, K), torch.rand(K, N), torch.empty(M, N)
    runners = {}
    for number, name in enumerate(named):
        function = getattr(lib, f"tiled_{number}")
        function.argtypes, function.restype = [ctypes.c_void_p] * 3, None
        runners[name] = lambda f=function: f(left.data_ptr(), right.data_ptr(), product.data_ptr())
        runners[name]()
        assert relative_error(product, left @ right) < 1e-4
    tile_race = race(
        {**runners, "PyTorch": lambda: torch.mm(left, right, out=product)}, rounds=rounds
    )
    best_here = min(named, key=tile_race.median)
    rows = [
        {
            tr(es="tesela (m n k)", en="tile (m n k)"): name,
            tr(es="esta máquina (ms)", en="this machine (ms)"): 1000 * tile_race.median(name),
            tr(es="veces la mejor", en="times the best"): tile_race.median(name)
            / tile_race.median(best_here),
            **{
                f"chip {chip.name}" + tr(es=" (modelo)", en=" (model)"): cycles(
                    chip, shape, named[name]
                )
                / min(cycles(chip, shape, t) for t in TRIED)
                for chip in CHIPS
                if name in named
            },
        }
        for name in named
    ]
    tables.show(
        bench.record("07/this_machine", rows),
        caption=tr(
            es=f"300 x 784 por 784 x 300; la biblioteca de PyTorch tarda {1000 * tile_race.median('PyTorch'):.2f} ms",
            en=f"300 x 784 by 784 x 300; PyTorch's library takes {1000 * tile_race.median('PyTorch'):.2f} ms",
        ),
    )
    print(
        tr(
            es=f"La mejor tesela de las ocho es {best_here} en esta máquina; "
            + "; ".join(
                f"en el chip {c.name}, {min(named, key=lambda t: cycles(c, shape, named[t]))}"
                for c in CHIPS
            ),
            en=f"The best tile of the eight is {best_here} on this machine; "
            + "; ".join(
                f"on chip {c.name}, {min(named, key=lambda t: cycles(c, shape, named[t]))}"
                for c in CHIPS
            ),
        )
    )
else:
    print(
        tr(
            es="Sin compilador de C, esta parte no se ejecuta.",
            en="Without a C compiler, this part does not run.",
        )
    )

# %% [markdown] lang="es" row="61" slide="subslide"
# Compara el orden de las tres últimas columnas. Los dos modelos aciertan en lo grueso (las teselas más estrechas, de 8 y 16 columnas, son malas en todas partes) y fallan en lo que este procesador no tiene: aquí la memoria rápida es una caché de varios niveles, y una tesela que no cabe en uno está en el siguiente. Mira cómo van las que llevan $\infty$: en los chips inventados están prohibidas, y aquí alguna puede estar entre las mejores. Y mira cuánto le falta a la mejor para llegar a la biblioteca, que además de teselas tiene registros, instrucciones y precarga (*prefetch*) elegidos a mano: ese trabajo es el que un compilador quiere hacer solo.
# %% [markdown] lang="en" row="61" slide="subslide"
# Compare the order of the last three columns. Both models are right about the coarse part (the narrowest tiles, of 8 and 16 columns, are bad everywhere) and wrong about what this processor does not have: here the fast memory is a cache of several levels, and a tile that does not fit in one is in the next. Look how those with $\infty$ do: on the made-up chips they are forbidden, and here some may be among the best. And look how far the best one is from the library, which besides tiles has registers, instructions and *prefetch* chosen by hand: that work is what a compiler wants to do by itself.

# %% [markdown] lang="es" row="58 60" slide="slide"
# ## Un programa para el borde
#
# Un microcontrolador no tiene Python, ni PyTorch, ni a veces memoria dinámica. El compilador le entrega un **programa en C**: los pesos como constantes, una arena estática con el plan de memoria y una función por modelo. Así trabajaba [microTVM](https://github.com/apache/tvm/pull/17554), retirado de TVM en diciembre de 2024; los [*bundles*](https://github.com/pytorch/glow/blob/master/docs/AOT.md) de Glow eran lo mismo, ya en código objeto. ExecuTorch también planifica la memoria de antemano, pero entrega [un fichero](https://docs.pytorch.org/executorch/stable/runtime-overview.html) `.pte` que interpreta un *runtime* pequeño en C++.
#
# Compilamos la red de la unidad 06, en coma flotante y entera, para dos objetivos: **este procesador**, con todas sus instrucciones, y uno **básico** de la misma familia (x86-64 sin AVX, o un ARM de 64 bits sin extensiones), que es lo que se distribuye cuando no sabes en qué aparato correrá.
#
# **Predice:** en coma flotante, ¿cuántas veces más rápido es el programa para este procesador que el básico?
# %% [markdown] lang="en" row="58 60" slide="slide"
# ## A program for the edge
#
# A microcontroller has no Python, no PyTorch, sometimes no dynamic memory. The compiler hands it a **program in C**: the weights as constants, a static arena with the memory plan, and one function per model. That is how [microTVM](https://github.com/apache/tvm/pull/17554) worked, retired from TVM in December 2024; Glow's [*bundles*](https://github.com/pytorch/glow/blob/master/docs/AOT.md) were the same, but already object code. ExecuTorch plans the memory beforehand too, but delivers [a file](https://docs.pytorch.org/executorch/stable/runtime-overview.html), of type `.pte`, that a small *runtime* in C++ interprets.
#
# We compile the network of unit 06, in floating point and in integers, for two targets: **this processor**, with all its instructions, and a **basic** one of the same family (x86-64 without AVX, or a 64-bit ARM without extensions), which is what gets distributed when you do not know on which device it will run.
#
# **Predict:** in floating point, how many times as fast is the program for this processor as the basic one?

# %%
native_times_as_fast_as_basic = None


# %% slide="fragment"
def bytes_of(op):
    return elements(op) * (1 if op.kind in ("quantize", "int_linear") else 4)


def literal(value):
    """A tensor as the initializer of a C array, exact."""
    if value.dtype == torch.float32:
        return ", ".join(f"{v.hex()}f" for v in value.flatten().tolist())
    return ", ".join(map(str, value.flatten().tolist()))


DOT = """    {acc} a = {b}[n];
    for (int k = 0; k < {K}; k++) a += ({acc}){x}[k] * {w}[n * {K} + k];
"""
EMIT = {
    "linear": (DOT + "    {y}[n] = a;", "float"),
    "relu": ("    {y}[n] = relu({x}[n]);", ""),
    "quantize": (
        "    float a = rintf({x}[n] / {scale}) + {zero};\n"
        "    {y}[n] = a < -128 ? -128 : a > 127 ? 127 : a;",
        "",
    ),
    "int_linear": (
        DOT
        + "    long long r = (((long long)a * {scale}[n] + 2147483648LL) >> 32) + {zero};\n"
        + "    {y}[n] = r < {zero} ? {zero} : r > 127 ? 127 : r;",
        "int",
    ),
    "int_logits": (DOT + "    {y}[n] = a * {scale}[n];", "int"),
}
C_TYPES = {
    torch.float32: "float",
    torch.int8: "signed char",
    torch.int32: "int",
    torch.int64: "long long",
}


def edge_code(graph):
    """A graph of one example as C without libraries: `model(input, output)`, and `many(count, inputs, outputs)`."""
    life = lives(fuse(graph, enabled=False), graph.outputs)
    life = {op: span for op, span in life.items() if op not in graph.outputs}
    places, size = plan(life, size_of=bytes_of)
    names, text = {}, [C_TEXT, f"static _Alignas(64) char arena[{max(size, 1)}];"]
    for n, op in enumerate(op for op in graph.ops if op.kind == "const" and op.value.numel() > 1):
        names[op] = f"c{n}"
        kind = C_TYPES[op.value.dtype]
        text.append(f"static const {kind} c{n}[{elements(op)}] = {{{literal(op.value)}}};")
    source, result = next(op for op in graph.ops if op.kind == "input"), graph.outputs[0]
    names |= {source: "input", result: "output"}
    text.append("void model(const float *restrict input, float *restrict output) {")
    for n, (op, (begin, _)) in enumerate(sorted(places.items(), key=lambda item: life[item[0]])):
        names[op] = f"v{n}"
        kind = "signed char" if bytes_of(op) == elements(op) else "float"
        text.append(f"  {kind} *restrict v{n} = ({kind} *)(arena + {begin});")
    for op in graph.ops:
        if op.kind in ("input", "const"):
            continue
        template, accumulator = EMIT[op.kind]
        values = [names.get(arg) or repr(arg.value.item()) for arg in op.args] + [""] * 3
        w, b, scale, zero = (
            values[1:5] if "linear" in op.kind or "logits" in op.kind else ("", "", *values[1:3])
        )
        body = template.format(
            acc=accumulator,
            K=op.args[0].shape[1],
            x=values[0],
            y=names[op],
            w=w,
            b=b,
            scale=scale,
            zero=zero,
        )
        text.append(f"  for (int n = 0; n < {op.shape[1]}; n++) {{\n{body}\n  }}")
    text.append("}\nvoid many(long count, const float *inputs, float *outputs) {")
    text.append(
        f"  for (long i = 0; i < count; i++) model(inputs + i * {source.shape[1]}, outputs + i * {result.shape[1]});\n}}"
    )
    return "\n".join(text), size


MAIN = """
#include <stdio.h>
static float input[784], output[10];
int main(void) {
  while (fread(input, sizeof input, 1, stdin) == 1) {
    model(input, output);
    fwrite(output, sizeof output, 1, stdout);
  }
  return 0;
}
"""
if c_compiler.available():
    here, basic = tr(es="este procesador", en="this processor"), tr(es="básico", en="basic")
    kinds = {
        tr(es="coma flotante", en="floating point"): float_graph,
        tr(es="entero", en="integer"): integer_graph,
    }
    few, edge = test_images[:100].contiguous(), {}
    for kind, graph in kinds.items():
        code, arena = edge_code(graph)
        for place, native in ((here, True), (basic, False)):
            # es: -ffast-math deja sumar en otro orden, que es lo que piden las instrucciones vectoriales; los
            # es: enteros no lo necesitan: su suma da lo mismo en cualquier orden
            # en: -ffast-math lets the sum be done in another order, which the vector instructions ask for;
            # en: integers do not need it: their sum is the same in any order
            flags = ("-ffast-math",) if graph is float_graph else ()
            function = c_compiler.library(code, flags, native).many
            function.argtypes, function.restype = [ctypes.c_long] + [ctypes.c_void_p] * 2, None
            machine = c_compiler.native_flags() if native else ()
            program = c_compiler.program(code + MAIN, [*c_compiler.FLAGS, *machine, *flags], ["-s"])
            answered = subprocess.run(
                [program], input=test_images.numpy().tobytes(), capture_output=True, check=True
            ).stdout
            logits = torch.from_numpy(np.frombuffer(answered, np.float32).reshape(-1, 10).copy())
            output = torch.empty(len(few), 10)
            edge[kind, place] = {
                "run": lambda f=function, o=output: f(len(few), few.data_ptr(), o.data_ptr()),
                "logits": logits,
                "file": program.stat().st_size,
                "weights": sum(op.value.nbytes for op in graph.ops if op.kind == "const"),
                "arena": arena,
            }
    edge_race = race({f"{k}, {p}": each["run"] for (k, p), each in edge.items()}, rounds=rounds)
    tables.show(
        bench.record(
            "07/edge",
            [
                {
                    tr(es="modelo", en="model"): kind,
                    tr(es="objetivo", en="target"): place,
                    tr(es="ejecutable (kB)", en="executable (kB)"): each["file"] / 1000,
                    tr(es="de ellos, pesos (kB)", en="of which weights (kB)"): each["weights"]
                    / 1000,
                    tr(es="arena (bytes)", en="arena (bytes)"): each["arena"],
                    tr(es="µs por imagen", en="µs per image"): 1e6
                    * edge_race.median(f"{kind}, {place}")
                    / len(few),
                    tr(es="exactitud (%)", en="accuracy (%)"): accuracy(each["logits"]),
                }
                for (kind, place), each in edge.items()
            ],
        ),
        caption=tr(
            es="El modelo como programa independiente; la exactitud es la de ejecutarlo con las imágenes de test",
            en="The model as a program of its own; the accuracy is that of running it on the test images",
        ),
        formats={tr(es="exactitud (%)", en="accuracy (%)"): ".2f"},
    )
    floating, whole = kinds
    gap = (edge[floating, here]["logits"] - edge[floating, basic]["logits"]).abs().max().item()
    same = torch.equal(edge[whole, here]["logits"], edge[whole, basic]["logits"])
    meant = torch.equal(edge[whole, here]["logits"], evaluate(integer_graph, test_images))
    yes, no = tr(es="sí", en="yes"), tr(es="no", en="no")
    print(
        tr(
            es=f"Entre los dos objetivos: en coma flotante, las salidas difieren hasta en {gap:.1e}; enteras, ¿son idénticas? {yes if same else no}. ¿E iguales a las del grafo entero evaluado en Python? {yes if meant else no}.",
            en=f"Between the two targets: in floating point, the outputs differ by up to {gap:.1e}; in integers, are they identical? {yes if same else no}. And equal to those of the integer graph evaluated in Python? {yes if meant else no}.",
        )
    )
    compare(
        tr(es="veces más rápido para este procesador", en="times as fast for this processor"),
        predicted=native_times_as_fast_as_basic,
        measured=edge_race.faster(f"{floating}, {here}", f"{floating}, {basic}").median,
        unit="×",
    )
else:
    print(
        tr(
            es="Sin compilador de C no hay ejecutables. Instala gcc o clang y vuelve a ejecutar esta celda.",
            en="Without a C compiler there are no executables. Install gcc or clang and run this cell again.",
        )
    )

# %% [markdown] lang="es" row="58 60" slide="subslide"
# Tres cosas se ven en la tabla y en la línea que la sigue. El ejecutable es poco más que los pesos: por eso la cuantización decide si el modelo cabe. La memoria de trabajo son entre uno y dos kilobytes y medio, aparte de la entrada y la salida, y se sabe **antes** de ejecutar. Y la aritmética entera da lo mismo en los dos objetivos, bit a bit, mientras que en coma flotante el orden de las sumas depende de cuántas hace a la vez una instrucción.
#
# No des por hecho que el entero es el más rápido: depende de que el objetivo tenga instrucciones para multiplicar bytes y de que el compilador de C las encuentre. Tu tabla lo dice para dos objetivos.
#
# ## Dónde están hoy los compiladores
#
# La frase de la diapositiva es de enero de 2020. A noviembre de 2026:
#
# - **XLA** salió de TensorFlow (la propuesta de separarlo es de [julio de 2022](https://github.com/tensorflow/community/pull/419)) y es la base de [OpenXLA](https://github.com/openxla/xla/blob/main/docs/index.md), un proyecto común de Google, NVIDIA, AMD, Intel, Apple y otros. Es lo que compila todo programa de JAX; recibe StableHLO (un formato de intercambio de grafos), pliega, fusiona y asigna memoria, como tú, y genera código para CPU, GPU y TPU.
# - **TVM** sigue vivo en Apache: en agosto de 2026 votó la [versión 0.26](https://github.com/apache/tvm/issues/20099), y en noviembre ya se instala la 0.27. Tiene **dos** representaciones: [Relax](https://tvm.apache.org/docs/deep_dive/relax/index.html) para el grafo (nuestras `Op`) y TensorIR para los bucles (nuestros kernels, pero como datos que se pueden partir, reordenar y vectorizar). Buscar la mejor transformación de esos bucles es su seña de identidad; sin ella, su código es correcto pero suele ser lento.
# - **Glow**, el de PyTorch, perdió la guerra: en septiembre de 2023 sus autores anunciaron que, por falta de manos, se planteaban [dejar de desarrollarlo](https://github.com/pytorch/glow/issues/6135).
# - **TorchInductor** ocupó su lugar: es el compilador por defecto de [`torch.compile`](https://docs.pytorch.org/docs/stable/torch.compiler.html) desde PyTorch 2.0 (marzo de 2023). Genera Triton (un lenguaje en el que se escriben kernels de GPU) y, para la CPU, C++. En 2020 no existía.
# - **OpenVINO**, de Intel, compila para sus CPU, GPU y NPU; en noviembre de 2026 va por la [2026.4](https://github.com/openvinotoolkit/openvino/releases).
# - **Para el borde**, PyTorch tiene [ExecuTorch](https://pypi.org/project/executorch/1.5.0/) (beta en [octubre de 2024](https://pytorch.org/blog/executorch-beta); hoy, 1.5), que planifica la memoria de antemano y reparte el grafo entre los aceleradores del aparato; y Google, [LiteRT](https://ai.google.dev/edge/litert/android), el nombre de TensorFlow Lite desde septiembre de 2024, que desde su versión 2 (finales de 2025) compila el modelo para la CPU, la GPU o la NPU del aparato.
#
# Así se escribe un kernel en [TensorIR](https://tvm.apache.org/docs/deep_dive/tensor_ir/tutorials/tir_creation.html), con el principio de nuestra cadena. Parece Python, pero es la forma escrita de un objeto que TVM transforma: partir el bucle `c`, cambiar el orden o repartirlo entre hilos son llamadas que lo convierten en otro equivalente. El `sblock` es el pedazo que se mueve de sitio, y la S de cada eje dice que sus vueltas son independientes.
#
# ```python
# from tvm.script import tirx as T
#
# @T.prim_func(s_tir=True)
# def chain(x: T.Buffer((1, 8388608), "float32"), out: T.Buffer((1, 8388608), "float32")):
#     for r, c in T.grid(1, 8388608):
#         with T.sblock("chain"):
#             i, j = T.axis.remap("SS", [r, c])
#             out[i, j] = T.max(x[i, j] * T.float32(1.5) + T.float32(0.25), T.float32(0))
# ```
#
# Con la cadena entera, sobre 64 números, TVM 0.27 da diez `sblock`, uno por operación, también después de fusionar: su fusión los mete en **una** función, y para juntarlos en un solo bucle hace falta otra transformación (`compute_inline`, con los nueve primeros). Si después se parte el bucle (`split`) y se vectoriza (`vectorize`), queda esto, que es nuestro kernel (la celda siguiente lo hace, si tienes TVM; aquí, sin los tipos de los índices ni lo que el bloque lee y escribe; `spatial` es la S de antes, entera):
#
# ```python
# for r, c0 in T.grid(1, 4):
#     for c1 in T.vectorized(16):
#         with T.sblock("add"):
#             i, j = T.axis.spatial(1, r), T.axis.spatial(64, c0 * 16 + c1)
#             out[i, j] = T.fabs(T.max(T.max(x[i, j] * T.float32(1.5) + T.float32(0.25), T.float32(0)) - x[i, j] * T.float32(0.5), x[i, j]) - T.float32(1)) * T.float32(0.5) + x[i, j]
# ```
#
# ¿Acertó la cita? Los marcos no desaparecieron: el compilador se metió dentro de ellos. Y «compilar de forma automática para hardware nuevo» sigue siendo lo que menos automático es: cada chip llega con un equipo que le escribe su *backend*.
# %% [markdown] lang="en" row="58 60" slide="subslide"
# Three things show in the table and in the line after it. The executable is little more than the weights: that is why quantization decides whether the model fits. The working memory is between one and two and a half kilobytes, besides the input and the output, and it is known **before** running. And integer arithmetic gives the same for both targets, bit by bit, while in floating point the order of the sums depends on how many an instruction does at once.
#
# Do not take for granted that the integer one is the fastest: it depends on the target having instructions to multiply bytes and on the C compiler finding them. Your table says it for two targets.
#
# ## Where the compilers stand today
#
# The slide's sentence is of January 2020. As of November 2026:
#
# - **XLA** left TensorFlow (the proposal to set it apart is of [July 2022](https://github.com/tensorflow/community/pull/419)) and is the base of [OpenXLA](https://github.com/openxla/xla/blob/main/docs/index.md), a common project of Google, NVIDIA, AMD, Intel, Apple and others. It is what compiles every JAX program; it receives StableHLO (an exchange format for graphs), folds, fuses and assigns memory, as you did, and generates code for CPU, GPU and TPU.
# - **TVM** is alive at Apache: in August 2026 it voted [version 0.26](https://github.com/apache/tvm/issues/20099), and by November 0.27 can be installed. It has **two** representations: [Relax](https://tvm.apache.org/docs/deep_dive/relax/index.html) for the graph (our `Op`) and TensorIR for the loops (our kernels, but as data that can be split, reordered and vectorized). Searching for the best transformation of those loops is its hallmark; without it, its code is correct but usually slow.
# - **Glow**, PyTorch's own, lost the war: in September 2023 its authors announced that, for lack of hands, they were considering [stopping its development](https://github.com/pytorch/glow/issues/6135).
# - **TorchInductor** took its place: it is the default compiler of [`torch.compile`](https://docs.pytorch.org/docs/stable/torch.compiler.html) since PyTorch 2.0 (March 2023). It generates Triton (a language in which GPU kernels are written) and, for the CPU, C++. In 2020 it did not exist.
# - **OpenVINO**, Intel's, compiles for its CPUs, GPUs and NPUs; in November 2026 it is at [2026.4](https://github.com/openvinotoolkit/openvino/releases).
# - **For the edge**, PyTorch has [ExecuTorch](https://pypi.org/project/executorch/1.5.0/) (beta in [October 2024](https://pytorch.org/blog/executorch-beta); today, 1.5), which plans the memory beforehand and divides the graph among the device's accelerators; and Google, [LiteRT](https://ai.google.dev/edge/litert/android), TensorFlow Lite's name since September 2024, which since its version 2 (late 2025) compiles the model for the device's CPU, GPU or NPU.
#
# This is how a kernel is written in [TensorIR](https://tvm.apache.org/docs/deep_dive/tensor_ir/tutorials/tir_creation.html), with the beginning of our chain. It looks like Python, but it is the written form of an object that TVM transforms: splitting the loop `c`, changing the order or sharing it out among threads are calls that turn it into an equivalent one. The `sblock` is the piece that gets moved about, and the S of each axis says that its iterations are independent.
#
# ```python
# from tvm.script import tirx as T
#
# @T.prim_func(s_tir=True)
# def chain(x: T.Buffer((1, 8388608), "float32"), out: T.Buffer((1, 8388608), "float32")):
#     for r, c in T.grid(1, 8388608):
#         with T.sblock("chain"):
#             i, j = T.axis.remap("SS", [r, c])
#             out[i, j] = T.max(x[i, j] * T.float32(1.5) + T.float32(0.25), T.float32(0))
# ```
#
# With the whole chain, over 64 numbers, TVM 0.27 gives ten `sblock`s, one for each operation, also after fusing: its fusion puts them into **one** function, and joining them into a single loop takes another transformation (`compute_inline`, of the first nine). If then the loop is split (`split`) and vectorized (`vectorize`), this is what is left, and it is our kernel (the next cell does it, if you have TVM; here, without the types of the indices and what the block reads and writes; `spatial` is the S above, written out):
#
# ```python
# for r, c0 in T.grid(1, 4):
#     for c1 in T.vectorized(16):
#         with T.sblock("add"):
#             i, j = T.axis.spatial(1, r), T.axis.spatial(64, c0 * 16 + c1)
#             out[i, j] = T.fabs(T.max(T.max(x[i, j] * T.float32(1.5) + T.float32(0.25), T.float32(0)) - x[i, j] * T.float32(0.5), x[i, j]) - T.float32(1)) * T.float32(0.5) + x[i, j]
# ```
#
# Was the quote right? The frameworks did not disappear: the compiler moved inside them. And "automatically compile for new hardware" is still the least automatic part: each chip arrives with a team that writes its *backend*.

# %% slide="fragment"
# es: si tienes TVM, la cadena entera: su grafo, y el kernel que sale de fusionar y transformar sus bucles
# en: if you have TVM, the whole chain: its graph, and the kernel that comes of fusing and transforming its loops
try:
    import tvm
    from tvm.relax import transform
    from tvm.relax.frontend.torch import from_exported_program

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(AsModule(chain), (torch.randn(1, 64),))
        module = from_exported_program(exported)
    print(module.script())
    passes = (
        *(transform.LegalizeOps(), transform.AnnotateTIROpPattern()),
        *(transform.FuseOps(), transform.FuseTIR()),
    )
    fused_module = tvm.ir.transform.Sequential(passes)(module)
    kernel = next(f for name, f in fused_module.functions.items() if name.name_hint != "main")
    schedule = tvm.s_tir.Schedule(kernel)
    *inner, last_block = schedule.get_child_blocks(schedule.get_sblock("root"))
    for block in inner:
        schedule.compute_inline(block)
    _, columns = schedule.get_loops(last_block)
    _, sixteen = schedule.split(columns, [None, 16])
    schedule.vectorize(sixteen)
    print(schedule.mod.script())
except ImportError:
    print(
        tr(
            es="TVM no está instalado (`pip install apache-tvm`): solo queda lo escrito arriba.",
            en="TVM is not installed (`pip install apache-tvm`): there is only what is written above.",
        )
    )
except AttributeError as changed:
    print(
        tr(
            es=f"Este TVM ({tvm.__version__}) no es el 0.27 con el que se escribió la celda: {changed}",
            en=f"This TVM ({tvm.__version__}) is not the 0.27 with which the cell was written: {changed}",
        )
    )

# %% [markdown] lang="es" slide="skip"
# ## Para terminar
#
# Has escrito un compilador entero: captura, tres pases, fusión, plan de memoria, generación de código y una reescritura a enteros. Los de verdad tienen más operaciones, más formas y más chips; las preguntas son las mismas: ¿es **legal**?, ¿qué **ahorra**?, ¿en qué **máquina**?
#
# ¿Y con un modelo mil veces mayor? Los pesos, un gigabyte, ya no se escriben en un fichero de C: se guardan aparte y se cargan sin copiarlos. Nuestra fusión y nuestro plan crecen con el **cuadrado** del número de operaciones, y habría que escribirlos de otra manera. Y buscar teselas cuesta: mil medidas de un segundo son un cuarto de hora por cada forma distinta. Por eso los compiladores guardan lo encontrado, por chip y por forma, y lo reutilizan.
#
# Ahora te toca a ti: los ejercicios te piden los tres pases, decir qué fusiones son legales, un planificador que no pise nada, encontrar las trampas de cinco programas de medida, buscar teselas con presupuesto y la reescritura Q-DQ.
#
# **Para leer más:** Chen y otros, [*TVM*](https://arxiv.org/abs/1802.04799) (OSDI 2018); Rotem y otros, [*Glow*](https://arxiv.org/abs/1805.00907) (2018); Jacob y otros, [*Quantization and Training… Integer-Arithmetic-Only Inference*](https://arxiv.org/abs/1712.05877) (2018); Chen, T., [*Machine Learning Compilation*](https://mlc.ai) (curso en línea).
# %% [markdown] lang="en" slide="skip"
# ## To finish
#
# You have written a whole compiler: capture, three passes, fusion, memory plan, code generation and a rewrite to integers. The real ones have more operations, more shapes and more chips; the questions are the same: is it **legal**?, what does it **save**?, on which **machine**?
#
# And with a model a thousand times as large? The weights, one gigabyte, are no longer written in a C file: they are kept apart and loaded without copying them. Our fusion and our plan grow with the **square** of the number of operations, and would have to be written differently. And searching for tiles is expensive: a thousand measurements of one second are a quarter of an hour for each different shape. That is why compilers keep what they find, by chip and shape, and use it again.
#
# Now it is your turn: the exercises ask you for the three passes, to say which fusions are legal, a planner that overlaps nothing, to find the traps of five benchmarks, to search tiles under a budget, and the Q-DQ rewrite.
#
# **Further reading:** Chen et al., [*TVM*](https://arxiv.org/abs/1802.04799) (OSDI 2018); Rotem et al., [*Glow*](https://arxiv.org/abs/1805.00907) (2018); Jacob et al., [*Quantization and Training… Integer-Arithmetic-Only Inference*](https://arxiv.org/abs/1712.05877) (2018); Chen, T., [*Machine Learning Compilation*](https://mlc.ai) (an online course).
