# ---
# title:
#   es: "Compiladores: ejercicios"
#   en: "Compilers: exercises"
# unit: "07"
# minutes: 263
# ---

# %% [markdown] lang="es"
# # Compiladores: ejercicios
#
# Ocho tareas que se corrigen solas y una redacción. Algo más de cuatro horas en total; puedes hacerlas en cualquier orden y dejar alguna sin
# hacer: cada tarea puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Qué reescrituras conservan el resultado | 3 | 15 |
# | 2. Plegar, reconocer lo repetido, quitar lo muerto | 6 | 30 |
# | 3. Qué se puede fusionar y qué se ahorra | 5 | 40 |
# | 4. Planificar la memoria | 5 | 25 |
# | 5. De Q-DQ a enteros | 6 | 40 |
# | 6. Calibrar y repartir los bits | 4 | 18 |
# | 7. Buscar la tesela | 5 | 30 |
# | 8. Medir sin hacerse trampas | 5 | 25 |
# | 9. Redacción: un modelo, tres aparatos | 4 | 40 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos. Las celdas siguientes, en orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué
# han recibido. Al corregir se añaden **comprobaciones ocultas**: otros grafos, otros chips, casos raros. Nunca miden cuánto tarda tu
# código: cuentan nodos, bytes, ciclos de un chip inventado, preguntas a un modelo de coste. Las celdas de comprobación no hace falta leerlas: basta con ejecutarlas.
#
# **El grafo.** Un modelo es aquí un `Graph`: nodos (`Node`) en un orden en que cada uno va detrás de los que usa, y los nombres de las salidas. Es lo que ve un compilador: no sabe qué significan los números, solo qué depende de qué.
# La celda siguiente lo define, con un intérprete (`run`) y una forma de verlo (`show`). Las tareas son independientes: para cada una hacen falta esa celda y las de la propia tarea, en orden. Puedes escribir funciones auxiliares en la celda de tu respuesta y usar `numpy`.
# %% [markdown] lang="en"
# # Compilers: exercises
#
# Eight tasks that are graded automatically and one essay. A little over four hours in all; you may do them in any order and leave some
# out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Which rewrites keep the result | 3 | 15 |
# | 2. Fold, recognise repetition, remove the dead | 6 | 30 |
# | 3. What may be fused, and what it saves | 5 | 40 |
# | 4. Planning memory | 5 | 25 |
# | 5. From Q-DQ to integers | 6 | 40 |
# | 6. Calibrating, and sharing out the bits | 4 | 18 |
# | 7. Searching for the tile | 5 | 30 |
# | 8. Measuring without fooling yourself | 5 | 25 |
# | 9. Essay: one model, three devices | 4 | 40 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in the place of each `raise NotImplementedError`, and change neither
# the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, say what they expected and what they
# got. Grading adds **hidden checks**: other graphs, other chips, odd cases. They never measure how long your
# code takes: they count nodes, bytes, cycles of a made-up chip, questions to a cost model. You need not read the test cells: running them is enough.
#
# **The graph.** A model is here a `Graph`: nodes (`Node`) in an order in which each one comes after those that it uses, and the names of the outputs. It is what a compiler sees: it does not know what the numbers mean, only what depends on what.
# The next cell defines it, with an interpreter (`run`) and a way to look at it (`show`). The tasks are independent: each one needs that cell and those of the task itself, in order. You may write helper functions in the cell of your answer, and use `numpy`.

# %%
import math
import random
from dataclasses import dataclass, replace

import numpy as np

from mlprod import start, tr

start(LANG)


@dataclass(frozen=True)
class Node:
    """One operation. Its name is also that of the value it gives; `inputs` are the names of earlier nodes."""

    name: str
    op: str
    inputs: tuple = ()
    attrs: tuple = ()  # pairs (key, value)


@dataclass(frozen=True)
class Graph:
    """Nodes, each one after those that it uses, and the names of the values that leave the graph, in order."""

    nodes: tuple
    outputs: tuple


ELEMENTWISE = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "tanh": np.tanh,
    "relu": lambda a: np.where(a < 0, 0.0, a),
}
REDUCTIONS = {"sum": np.sum, "max": np.max}  # attribute axis; the axis stays, with length 1


def is_pure(node):
    """Whether it always gives the same for the same inputs and does nothing else."""
    return node.op not in ("input", "uniform", "log")


def apply(node, values):
    """What a pure node gives for the values of its inputs, without warnings of overflow: an array, or a float if it is one number."""
    attrs = dict(node.attrs)
    with np.errstate(all="ignore"):
        if node.op == "const":
            given = attrs["value"]
        elif node.op == "matmul":
            given = values[0] @ values[1]
        elif node.op in REDUCTIONS:
            given = REDUCTIONS[node.op](values[0], axis=attrs["axis"], keepdims=True)
        else:
            given = ELEMENTWISE[node.op](*values)
    return given if np.ndim(given) else float(given)


def run(graph, feeds, seed=None):
    """The outputs of `graph`, and what its `log` nodes wrote: (list of values, list of pairs name and value).

    With a `seed`, each `uniform` gets a number that depends on nothing but the seed and the node's name.
    """
    values, record = {}, []
    for node in graph.nodes:
        args = [values[name] for name in node.inputs]
        if node.op == "input":
            values[node.name] = np.asarray(feeds[node.name], dtype=float)
        elif node.op == "uniform":
            own = None if seed is None else [seed, *node.name.encode()]
            values[node.name] = np.random.default_rng(own).uniform(*args)
        elif node.op == "log":
            values[node.name] = args[0]
            record.append((node.name, args[0]))
        else:
            values[node.name] = apply(node, args)
    return [values[name] for name in graph.outputs], record


def show(graph):
    """The graph as text, one line a node."""
    lines = []
    for node in graph.nodes:
        attrs = [f"{key}={value!r}" for key, value in node.attrs]
        lines.append(f"{node.name} = {node.op}({', '.join([*node.inputs, *attrs])})")
    return "\n".join([*lines, "-> " + ", ".join(graph.outputs)])

# %% [markdown] lang="es" row="58"
# ## 1. Qué reescrituras conservan el resultado (3 puntos)
#
# Un compilador puede cambiar cómo se calcula algo, no lo que sale. Con números reales, $x \cdot 0 = 0$ y $(x + 1) - 1 = x$; en coma flotante, no: $x$ puede ser NaN, infinito o `-0.0`, y las sumas redondean. Aquí una reescritura es válida solo si da **los mismos bits para todos los valores** de las entradas (todos los NaN cuentan como el mismo).
#
# `simplify(graph)` devuelve un grafo que da las mismas salidas, bit a bit, y que ya no contiene ninguno de los casos en los que un nodo sobra. Un nodo sobra si es de una de estas formas **y** en la suya quitarlo es válido para todo `x`: lo que lo usaba, sea un nodo o una salida, pasa a usar `x`. La última fila se responde para cualquier `c`: que valga con alguna suelta, como `-1.0`, no cuenta.
#
# | forma | ¿sobra el nodo? |
# |---|---|
# | `add(x, 0.0)`, `add(x, -0.0)`, `sub(x, 0.0)`, `sub(x, -0.0)` | piensa qué pasa con $x$ = `-0.0` |
# | `mul(x, 1.0)`, `div(x, 1.0)` | ¿y si $x$ es infinito? |
# | `neg(neg(x))` | ¿vuelven todos los bits? |
# | `relu(relu(x))`, que quedaría en `relu(x)`; `abs(abs(x))`, en `abs(x)` | ¿hace algo el segundo? |
# | `sub(add(x, c), c)`, `div(mul(x, c), c)`, con la misma constante `c` | prueba $x$ = `0.1` y $x$ = `-1e308` |
#
# En `add` y `mul` la constante puede estar a la izquierda. Otras tentaciones, como `mul(x, 0.0)`, `sub(x, x)` o `div(x, x)`, darían una constante, y tampoco valen para todo `x`: déjalas como están. Los nodos a los que ya no llama nadie pueden quedarse o irse; no se añaden nodos. Quitar uno puede descubrir otro que sobra: sigue hasta que no quede ninguno.
# En estos grafos no hay ni `uniform` ni `log`. Antes de escribir nada, prueba cada forma en la celda siguiente con los valores de `AWKWARD`.
# %% [markdown] lang="en" row="58"
# ## 1. Which rewrites keep the result (3 points)
#
# A compiler may change how something is computed, not what comes out. With real numbers, $x \cdot 0 = 0$ and $(x + 1) - 1 = x$; in floating point they are not: $x$ may be NaN, infinite or `-0.0`, and sums round. Here a rewrite is valid only if it gives **the same bits for all the values** of the inputs (all NaN count as one).
#
# `simplify(graph)` returns a graph that gives the same outputs, bit by bit, and that no longer has any of the cases in which a node is superfluous. A node is superfluous if it has one of these forms **and**, in its form, removing it is valid for every `x`: what used it, be it a node or an output, now uses `x`. The last row is answered for any `c`: that it holds with a single one, such as `-1.0`, does not count.
#
# | form | is the node superfluous? |
# |---|---|
# | `add(x, 0.0)`, `add(x, -0.0)`, `sub(x, 0.0)`, `sub(x, -0.0)` | think of what happens with $x$ = `-0.0` |
# | `mul(x, 1.0)`, `div(x, 1.0)` | what if $x$ is infinite? |
# | `neg(neg(x))` | do all the bits come back? |
# | `relu(relu(x))`, which would be left as `relu(x)`; `abs(abs(x))`, as `abs(x)` | does the second one do anything? |
# | `sub(add(x, c), c)`, `div(mul(x, c), c)`, with the same constant `c` | try $x$ = `0.1` and $x$ = `-1e308` |
#
# In `add` and `mul` the constant may stand on the left. Other temptations, such as `mul(x, 0.0)`, `sub(x, x)` or `div(x, x)`, would give a constant, and they do not hold for every `x` either: leave them as they are. Nodes that nobody calls any more may stay or go; no nodes are added. Removing one may uncover another that is superfluous: go on until none is left.
# In these graphs there is neither `uniform` nor `log`. Before writing anything, try each form in the next cell with the values of `AWKWARD`.

# %%
AWKWARD = np.array([0.0, -0.0, 1.0, -1.5, 0.1, 1e-300, -1e308, 1e17, np.inf, -np.inf, np.nan])


def same_bits(a, b):
    """Whether two arrays have the same bits, all NaN taken as one."""
    return bool(np.all((np.isnan(a) & np.isnan(b)) | ((a == b) & (np.signbit(a) == np.signbit(b)))))


with np.errstate(all="ignore"):
    print("mul(x, 0.0) = 0.0:", same_bits(AWKWARD * 0.0, np.zeros_like(AWKWARD)))
    print("mul(x, 1.0) = x:  ", same_bits(AWKWARD * 1.0, AWKWARD))

# %% answer="rules"
def simplify(graph):
    ### BEGIN SOLUTION
    at, now, nodes = {}, {}, []  # now: what each value has become

    def constant(name):
        """The value of a constant with its sign, as text (0.0 is not -0.0); None if it is not constant."""
        return repr(dict(at[name].attrs)["value"]) if at[name].op == "const" else None

    def becomes(node):
        if node.op in ("neg", "relu", "abs"):
            inner = at[node.inputs[0]]
            if inner.op == node.op:
                return inner.inputs[0] if node.op == "neg" else inner.name
        if node.op in ("add", "sub", "mul", "div"):
            left, right = node.inputs
            neutral = {"add": "-0.0", "sub": "0.0", "mul": "1.0", "div": "1.0"}[node.op]
            if constant(right) == neutral:
                return left
            if constant(left) == neutral and node.op in ("add", "mul"):
                return right
        return node.name

    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        at[node.name] = node
        now[node.name] = becomes(node)
        nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))
    ### END SOLUTION

# %% test="rules/zeros" points=1 row="58" objective="7.1"
import math as _t_math
import random as _t_random
import struct as _t_struct

import numpy as _t_np
from mlprod import checks

_t_ROUGH = _t_np.array([0.0, -0.0, 1.0, -1.5, 0.1, 7.3, 1e-300, 5e-324, -1e308, 1e17, -3.0000001, _t_np.inf, -_t_np.inf, _t_np.nan])


def _t_r(name, op, *inputs, **attrs):
    return Node(name, op, inputs, tuple(sorted(attrs.items())))


def _t_rtext(graph):
    return "\n" + "\n".join([*[f"    {node.name} = {node.op}({', '.join([*node.inputs, *[repr(value) for _, value in node.attrs]])})" for node in graph.nodes], "    -> " + ", ".join(graph.outputs)])


def _t_rrun(graph):
    """The outputs for all pairs of rough values of x and y."""
    values, x = {}, _t_np.repeat(_t_ROUGH, len(_t_ROUGH))
    with _t_np.errstate(all="ignore"):
        for node in graph.nodes:
            args = [values[name] for name in node.inputs]
            if node.op == "input":
                values[node.name] = x if node.name == "x" else _t_np.tile(_t_ROUGH, len(_t_ROUGH))
            elif node.op == "const":
                values[node.name] = _t_np.full(len(x), dict(node.attrs)["value"])
            else:
                values[node.name] = {
                    "add": _t_np.add, "sub": _t_np.subtract, "mul": _t_np.multiply, "div": _t_np.divide, "neg": _t_np.negative, "abs": _t_np.abs, "tanh": _t_np.tanh, "relu": lambda a: _t_np.where(a < 0, 0.0, a),
                }[node.op](*args)
    return [values[name] for name in graph.outputs]


def _t_simplified(graph, why):
    """The answer's graph, well formed and with the same outputs, or AssertionError."""
    with checks.ends(why + tr(es="\n  simplify no acaba.", en="\n  simplify does not end.")):
        got = simplify(graph)
    assert type(got) is Graph, why + tr(es=f"\n  Se esperaba un Graph y ha llegado {type(got).__name__}.", en=f"\n  A Graph was expected and {type(got).__name__} came.")
    nodes, defined = [], set()
    for node in got.nodes:
        name, inputs = checks.plain(node.name), checks.plain(node.inputs)
        for used in inputs:
            assert used in defined, why + tr(es=f"\n  {name} usa {used}, que no está antes en el grafo.", en=f"\n  {name} uses {used}, which is not in the graph before it.")
        defined.add(name)
        nodes.append(Node(name, checks.plain(node.op), tuple(inputs), tuple(tuple(pair) for pair in checks.plain(node.attrs))))
    outputs = tuple(checks.plain(got.outputs))
    shown = why + tr(es="\n  antes:", en="\n  before:") + _t_rtext(graph) + tr(es="\n  después:", en="\n  after:") + _t_rtext(Graph(tuple(nodes), outputs))
    assert defined >= set(outputs) and len(outputs) == len(graph.outputs), shown + tr(es="\n  Las salidas tienen que seguir siendo las mismas, en número y en orden.", en="\n  The outputs must still be the same, in number and in order.")
    assert len(nodes) <= len(graph.nodes), shown + tr(es="\n  Hay más nodos que antes.", en="\n  There are more nodes than before.")
    got = Graph(tuple(nodes), outputs)
    for want, gave in zip(_t_rrun(graph), _t_rrun(got), strict=True):
        off = ~((_t_np.isnan(want) & _t_np.isnan(gave)) | ((want == gave) & (_t_np.signbit(want) == _t_np.signbit(gave))))
        if off.any():
            first = int(_t_np.flatnonzero(off)[0])
            x, y = float(_t_ROUGH[first // len(_t_ROUGH)]), float(_t_ROUGH[first % len(_t_ROUGH)])
            raise AssertionError(shown + tr(es=f"\n  Con x = {x!r} e y = {y!r} salía {float(want[first])!r} y ahora sale {float(gave[first])!r}: el compilador ha cambiado el resultado.", en=f"\n  With x = {x!r} and y = {y!r}, {float(want[first])!r} came out and now {float(gave[first])!r} does: the compiler has changed the result."))
    return got, shown


def _t_needed(graph):
    """Names of the nodes that compute and that some output needs."""
    at, alive, todo = {node.name: node for node in graph.nodes}, set(), list(graph.outputs)
    while todo:
        name = todo.pop()
        if name not in alive:
            alive.add(name)
            todo += at[name].inputs
    return {name for name in alive if at[name].op not in ("input", "const")}


def _t_check_rule(form, nodes, output, left, why=""):
    """`left`: how many computing nodes the output must need afterwards."""
    got, shown = _t_simplified(Graph((_t_r("x", "input"), _t_r("y", "input"), *nodes), (output,)), form + ". " + why)
    needs = _t_needed(got)
    assert len(needs) == left, shown + tr(es=f"\n  La salida necesitaría {left} nodos que calculan y necesita {len(needs)}: {sorted(needs)}.", en=f"\n  The output would need {left} computing nodes and it needs {len(needs)}: {sorted(needs)}.")


def _t_binary(op, value, left=False):
    return [_t_r("c", "const", value=value), _t_r("a", op, *(("c", "x") if left else ("x", "c")))]


_t_check_rule("sub(x, 0.0)", _t_binary("sub", 0.0), "a", 0)
_t_check_rule("add(x, 0.0)", _t_binary("add", 0.0), "a", 1, tr(es="-0.0 + 0.0 es 0.0.", en="-0.0 + 0.0 is 0.0."))
_t_check_rule("add(x, -0.0)", _t_binary("add", -0.0), "a", 0, tr(es="El cero que no cambia nada al sumar es el negativo.", en="The zero that changes nothing when added is the negative one."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_rule("sub(x, -0.0)", _t_binary("sub", -0.0), "a", 1, tr(es="-0.0 - -0.0 es 0.0.", en="-0.0 - -0.0 is 0.0."))
_t_check_rule("add(-0.0, x)", _t_binary("add", -0.0, left=True), "a", 0)
_t_check_rule("sub(0.0, x)", _t_binary("sub", 0.0, left=True), "a", 1, tr(es="En sub el orden importa.", en="In sub the order matters."))
### END HIDDEN TESTS

# %% test="rules/others" points=1 row="58" objective="7.1"
_t_check_rule("mul(x, 1.0)", _t_binary("mul", 1.0), "a", 0)
_t_check_rule("div(1.0, x)", _t_binary("div", 1.0, left=True), "a", 1, tr(es="En div el orden importa.", en="In div the order matters."))
_t_check_rule("neg(neg(x))", [_t_r("a", "neg", "x"), _t_r("b", "neg", "a")], "b", 0)
_t_check_rule("relu(relu(x))", [_t_r("a", "relu", "x"), _t_r("b", "relu", "a")], "b", 1)
_t_check_rule("sub(add(x, 1.0), 1.0)", [*_t_binary("add", 1.0), _t_r("b", "sub", "a", "c")], "b", 2, tr(es="Con números reales, sí; en coma flotante la suma redondea.", en="With real numbers it holds; in floating point the sum rounds."))
_t_check_rule("mul(x, 0.0)", _t_binary("mul", 0.0), "a", 1, tr(es="Infinito por cero es NaN.", en="Infinity times zero is NaN."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_rule("div(x, 1.0)", _t_binary("div", 1.0), "a", 0)
_t_check_rule("abs(abs(x))", [_t_r("a", "abs", "x"), _t_r("b", "abs", "a")], "b", 1)
_t_check_rule("mul(1.0, x)", _t_binary("mul", 1.0, left=True), "a", 0)
for _t_value in (2.0, 3.0, 0.1, 0.5):
    _t_check_rule(f"div(mul(x, {_t_value}), {_t_value})", [*_t_binary("mul", _t_value), _t_r("b", "div", "a", "c")], "b", 2, tr(es="El producto puede desbordarse, o redondear.", en="The product may overflow, or round."))
_t_check_rule("sub(x, x)", [_t_r("a", "sub", "x", "x")], "a", 1)
_t_check_rule("div(x, x)", [_t_r("a", "div", "x", "x")], "a", 1)
_t_check_rule("neg(abs(x))", [_t_r("a", "abs", "x"), _t_r("b", "neg", "a")], "b", 2)
_t_check_rule("relu(abs(x)), abs(relu(x))", [_t_r("a", "abs", "x"), _t_r("b", "relu", "a")], "b", 2)
### END HIDDEN TESTS

# %% test="rules/all" points=1 row="58" objective="7.1"
_t_check_rule(
    "neg(mul(neg(x), 1.0))", [_t_r("one", "const", value=1.0), _t_r("a", "neg", "x"), _t_r("b", "mul", "a", "one"), _t_r("c", "neg", "b")], "c", 0,
    tr(es="Al quitar el mul quedan dos neg seguidos: sigue hasta que no sobre ninguno.", en="With the mul removed there are two neg in a row: go on until none is superfluous."),
)
_t_check_rule(
    "tanh(add(mul(x, 1.0), y))", [_t_r("one", "const", value=1.0), _t_r("a", "mul", "x", "one"), _t_r("b", "add", "a", "y"), _t_r("c", "tanh", "b")], "c", 2,
    tr(es="Quien usaba el mul usa x.", en="Whoever used the mul uses x."),
)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_fewest(graph):
    """The computing nodes that are left, with rules applied from the outputs down."""
    at = {node.name: node for node in graph.nodes}

    def text(name):
        return repr(at[name].attrs[0][1]) if at[name].op == "const" else ""

    def skip(name):
        node = at[name]
        below = [skip(used) for used in node.inputs]
        if node.op == "neg" and at[below[0]].op == "neg":
            return skip(at[below[0]].inputs[0])
        if node.op in ("relu", "abs") and at[below[0]].op == node.op:
            return below[0]
        if (node.op, text(below[-1]) if below else "") in {("add", "-0.0"), ("sub", "0.0"), ("mul", "1.0"), ("div", "1.0")}:
            return below[0]
        if (node.op, text(below[0]) if below else "") in {("add", "-0.0"), ("mul", "1.0")}:
            return below[1]
        return name

    alive, todo = set(), [skip(name) for name in graph.outputs]
    while todo:
        name = todo.pop()
        if name not in alive:
            alive.add(name)
            todo += [skip(used) for used in at[name].inputs]
    return {name for name in alive if at[name].op not in ("input", "const")}


_t_chance = _t_random.Random(58)
for _t_turn in range(150):
    _t_made = [_t_r("x", "input"), _t_r("y", "input"), *[_t_r(f"k{i}", "const", value=value) for i, value in enumerate([1.0, 0.0, -0.0, 2.0])]]
    for _t_number in range(_t_chance.choice([3, 8, 15])):
        _t_op = _t_chance.choice(["neg", "neg", "relu", "abs", "mul", "add", "sub", "div", "tanh"])
        _t_recent = [node.name for node in _t_made[-3:] if node.op != "const"] + ["x"]
        _t_args = [_t_chance.choice(_t_recent)]
        if _t_op in ("mul", "add", "sub", "div"):
            _t_args.append(_t_chance.choice(["k0", "k0", "k1", "k2", "k3", "y", _t_made[-1].name]))
            if _t_chance.random() < 0.3:
                _t_args.reverse()
        _t_made.append(_t_r(f"n{_t_number}", _t_op, *_t_args))
    _t_one = Graph(tuple(_t_made), (_t_made[-1].name, _t_made[-2].name))
    _t_got, _t_shown = _t_simplified(_t_one, tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}."))
    _t_left, _t_want = _t_needed(_t_got), _t_fewest(_t_one)
    assert len(_t_left) == len(_t_want), _t_shown + tr(es=f"\n  Las salidas necesitarían {len(_t_want)} nodos que calculan y necesitan {len(_t_left)}: sigue hasta que no sobre ninguno.", en=f"\n  The outputs would need {len(_t_want)} computing nodes and they need {len(_t_left)}: go on until none is superfluous.")
### END HIDDEN TESTS

# %% wrong="rules" score=1 says_es="-0.0 + 0.0 es 0.0" says_en="-0.0 + 0.0 is 0.0"
# es: Sumar cero no hace nada.
# en: Adding zero does nothing.
def simplify(graph):
    at, now, nodes = {}, {}, []

    def constant(name):
        """The value of a constant with its sign, as text (0.0 is not -0.0); None if it is not constant."""
        return repr(dict(at[name].attrs)["value"]) if at[name].op == "const" else None

    def becomes(node):
        if node.op in ("neg", "relu", "abs"):
            inner = at[node.inputs[0]]
            if inner.op == node.op:
                return inner.inputs[0] if node.op == "neg" else inner.name
        if node.op in ("add", "sub", "mul", "div"):
            left, right = node.inputs
            neutral = {"add": "-0.0", "sub": "0.0", "mul": "1.0", "div": "1.0"}[node.op]
            if constant(right) in (neutral, neutral.replace("-", ""), "-" + neutral if node.op == "sub" else neutral):
                return left
            if constant(left) in (neutral, neutral.replace("-", "")) and node.op in ("add", "mul"):
                return right
        return node.name

    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        at[node.name] = node
        now[node.name] = becomes(node)
        nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))

# %% wrong="rules" score=1 says_es="la suma redondea" says_en="the sum rounds"
# es: Sumar y restar lo mismo se anula, como en álgebra.
# en: Adding and subtracting the same cancels out, as in algebra.
def simplify(graph):
    at, now, nodes = {}, {}, []

    def constant(name):
        """The value of a constant with its sign, as text (0.0 is not -0.0); None if it is not constant."""
        return repr(dict(at[name].attrs)["value"]) if at[name].op == "const" else None

    def becomes(node):
        if node.op in ("neg", "relu", "abs"):
            inner = at[node.inputs[0]]
            if inner.op == node.op:
                return inner.inputs[0] if node.op == "neg" else inner.name
        if node.op in ("add", "sub", "mul", "div"):
            left, right = node.inputs
            undo = {"sub": "add", "div": "mul"}.get(node.op)
            if at[left].op == undo and at[left].inputs[1] == right and constant(right):
                return at[left].inputs[0]
            neutral = {"add": "-0.0", "sub": "0.0", "mul": "1.0", "div": "1.0"}[node.op]
            if constant(right) == neutral:
                return left
            if constant(left) == neutral and node.op in ("add", "mul"):
                return right
        return node.name

    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        at[node.name] = node
        now[node.name] = becomes(node)
        nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))

# %% wrong="rules" score=1 says_es="Infinito por cero es NaN" says_en="Infinity times zero is NaN"
# es: Todo lo multiplicado por cero es cero.
# en: Anything times zero is zero.
def simplify(graph):
    at, now, nodes = {}, {}, []

    def constant(name):
        """The value of a constant with its sign, as text (0.0 is not -0.0); None if it is not constant."""
        return repr(dict(at[name].attrs)["value"]) if at[name].op == "const" else None

    def becomes(node):
        if node.op in ("neg", "relu", "abs"):
            inner = at[node.inputs[0]]
            if inner.op == node.op:
                return inner.inputs[0] if node.op == "neg" else inner.name
        if node.op in ("add", "sub", "mul", "div"):
            left, right = node.inputs
            if node.op == "mul" and "0.0" in (constant(left), constant(right)):
                return right if constant(right) else left
            neutral = {"add": "-0.0", "sub": "0.0", "mul": "1.0", "div": "1.0"}[node.op]
            if constant(right) == neutral:
                return left
            if constant(left) == neutral and node.op in ("add", "mul"):
                return right
        return node.name

    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        at[node.name] = node
        now[node.name] = becomes(node)
        nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))

# %% wrong="rules" score=1 says_es="En div el orden importa" says_en="In div the order matters"
# es: El 1 no hace nada, esté donde esté.
# en: The 1 does nothing, wherever it stands.
def simplify(graph):
    at, now, nodes = {}, {}, []

    def constant(name):
        """The value of a constant with its sign, as text (0.0 is not -0.0); None if it is not constant."""
        return repr(dict(at[name].attrs)["value"]) if at[name].op == "const" else None

    def becomes(node):
        if node.op in ("neg", "relu", "abs"):
            inner = at[node.inputs[0]]
            if inner.op == node.op:
                return inner.inputs[0] if node.op == "neg" else inner.name
        if node.op in ("add", "sub", "mul", "div"):
            left, right = node.inputs
            neutral = {"add": "-0.0", "sub": "0.0", "mul": "1.0", "div": "1.0"}[node.op]
            if constant(right) == neutral:
                return left
            if constant(left) == neutral and node.op in ("add", "mul", "div"):
                return right
        return node.name

    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        at[node.name] = node
        now[node.name] = becomes(node)
        nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))

# %% wrong="rules" score=2 says_es="sigue hasta que no sobre" says_en="go on until none"
# es: Cada nodo se mira una vez, tal como estaba.
# en: Each node is looked at once, as it was.
def simplify(graph):
    at, now, nodes = {}, {}, []

    def constant(name):
        """The value of a constant with its sign, as text (0.0 is not -0.0); None if it is not constant."""
        return repr(dict(at[name].attrs)["value"]) if at[name].op == "const" else None

    def becomes(node):
        if node.op in ("neg", "relu", "abs"):
            inner = at[node.inputs[0]]
            if inner.op == node.op:
                return inner.inputs[0] if node.op == "neg" else inner.name
        if node.op in ("add", "sub", "mul", "div"):
            left, right = node.inputs
            neutral = {"add": "-0.0", "sub": "0.0", "mul": "1.0", "div": "1.0"}[node.op]
            if constant(right) == neutral:
                return left
            if constant(left) == neutral and node.op in ("add", "mul"):
                return right
        return node.name

    for node in graph.nodes:
        at[node.name] = node
        now[node.name] = becomes(node)
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(now[name] for name in node.inputs)))
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))

# %% wrong="rules" score=0 says_es="necesita 1" says_en="it needs 1"
# es: En coma flotante nada es seguro: no se toca.
# en: In floating point nothing is safe: leave it alone.
def simplify(graph):
    at, now, nodes = {}, {}, []

    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        at[node.name] = node
        now[node.name] = node.name
        nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))

# %% right="rules"
# es: una regla cada vez, con una tabla de patrones, hasta que ninguna se aplica
# en: one rule at a time, with a table of patterns, until none applies
def simplify(graph):
    nodes, outputs = list(graph.nodes), list(graph.outputs)
    changed = True
    while changed:
        changed = False
        at = {node.name: node for node in nodes}
        number = {n.name: n.attrs[0][1] for n in nodes if n.op == "const"}
        for node in nodes:
            target = None
            if node.op == "neg" and at[node.inputs[0]].op == "neg":
                target = at[node.inputs[0]].inputs[0]
            elif node.op in {"abs", "relu"} and at[node.inputs[0]].op == node.op:
                target = node.inputs[0]
            elif len(node.inputs) == 2:
                pairs = [node.inputs] + ([node.inputs[::-1]] if node.op in {"add", "mul"} else [])
                for x, c in pairs:
                    k = number.get(c, math.nan)
                    one = k == 1.0 and node.op in {"mul", "div"}
                    zero = k == 0.0 and (math.copysign(1, k) < 0) == (node.op == "add") and node.op in {"add", "sub"}
                    if one or zero:
                        target = x
                        break
            if target is not None:
                nodes.remove(node)
                nodes = [replace(n, inputs=tuple(target if i == node.name else i for i in n.inputs)) for n in nodes]
                outputs = [target if name == node.name else name for name in outputs]
                changed = True
                break
    return Graph(tuple(nodes), tuple(outputs))

# %% [markdown] lang="es" row="58"
# ## 2. Plegar, reconocer lo repetido, quitar lo muerto (6 puntos)
#
# Tres pases que hace cualquier compilador. Cada uno recibe un `Graph` y devuelve otro, que da **exactamente las mismas salidas, bit a bit**, y el mismo registro de `log`. Cada `uniform` que quede saca el mismo número que antes, aunque se hayan quitado otros: para comparar, `run(graph, feeds, seed)` lo decide por la semilla y el nombre del nodo.
#
# **a)** `fold(graph)` pliega constantes: cada nodo puro que solo depende de constantes pasa a ser un `const` con su mismo nombre y el valor que daría `apply` (un `float`). También en cadena: lo que se acaba de plegar sirve para plegar lo siguiente. No quita ningún nodo.
#
# **b)** `cse(graph)` (*common subexpression elimination*) deja un solo nodo de cada grupo que calcula lo mismo: el primero. Quien usaba los otros pasa a usar ese, y las salidas también. Dos nodos puros calculan lo mismo si tienen la misma operación, los mismos atributos y las mismas
# entradas (una vez reconocidas las repetidas). En `add` y `mul` el orden de las entradas no importa. Dos constantes son la misma si lo son **todos sus bits**: `0.0 == -0.0` en Python, pero dividir por una o por otra da infinitos de signo contrario; y dos NaN con los mismos bits son la misma, aunque `nan != nan`. Dos NaN de bits distintos puedes unirlos o no.
#
# **c)** `dce(graph)` (*dead code elimination*) quita lo que no hace falta ni para las salidas ni para el registro. Las entradas del grafo (`input`) se quedan siempre: son su firma, y quien lo llama las sigue mandando.
#
# **d)** `optimize(graph)` combina las tres de modo que no quede nada por hacer: optimizar lo optimizado no cambia nada. En `EXAMPLE`, más abajo, quedan `x`, `six`, `a` e `y`.
#
# Un nodo **puro** da siempre lo mismo con las mismas entradas y no hace nada más. `uniform` no lo es: cada uno saca su propio número al azar, entre sus dos entradas, cada vez que se ejecuta (pero si nadie usa ese número no hace falta, y `dce` lo quita). `log` tampoco: da lo mismo que recibe, y además lo apunta en el registro,
# así que no se pliega, no se une a otro y no se quita. `is_pure(node)` ya está hecha, y `apply`, `run` y `show` también. Los nodos son inmutables: `replace(node, inputs=…)` da una copia con ese cambio.
# %% [markdown] lang="en" row="58"
# ## 2. Fold, recognise repetition, remove the dead (6 points)
#
# Three passes that every compiler makes. Each one takes a `Graph` and returns another, which gives **exactly the same outputs, bit by bit**, and the same record of `log`. Each `uniform` that is left draws the same number as before, even if others have been removed: to compare, `run(graph, feeds, seed)` decides it by the seed and the node's name.
#
# **a)** `fold(graph)` folds constants: each pure node that depends on constants only becomes a `const` of its own name, with the value that `apply` would give (a `float`). In chains, too: what has just been folded serves to fold what follows. It removes no node.
#
# **b)** `cse(graph)` (*common subexpression elimination*) leaves a single node of each set that computes the same: the first one. Whoever used the others now uses that one, and so do the outputs. Two pure nodes compute the same if they have the same operation, the same attributes and the same
# inputs (once the repeated ones have been recognised). In `add` and `mul` the order of the inputs does not matter. Two constants are the same if **all their bits** are: `0.0 == -0.0` in Python, but dividing by one or by the other gives infinities of opposite signs; and two NaN with the same bits are the same one, although `nan != nan`. Two NaN with different bits you may merge or not.
#
# **c)** `dce(graph)` (*dead code elimination*) removes what neither the outputs nor the record need. The graph's inputs (`input`) always stay: they are its signature, and the caller keeps sending them.
#
# **d)** `optimize(graph)` combines the three so that nothing is left to do: optimizing what is optimized changes nothing. In `EXAMPLE`, below, `x`, `six`, `a` and `y` are left.
#
# A **pure** node always gives the same for the same inputs and does nothing else. `uniform` is not pure: each one draws its own random number, between its two inputs, each time that it runs (but if nobody uses that number it is not needed, and `dce` removes it). Nor is `log`: it gives what it takes and, besides, writes it in the record,
# so it is not folded, not merged with another and not removed. `is_pure(node)` is there already, and so are `apply`, `run` and `show`. Nodes are immutable: `replace(node, inputs=…)` gives a copy with that change.

# %%
EXAMPLE = Graph(
    (
        Node("x", "input"),
        Node("two", "const", (), (("value", 2.0),)),
        Node("three", "const", (), (("value", 3.0),)),
        Node("six", "mul", ("two", "three")),
        Node("a", "mul", ("x", "six")),
        Node("b", "mul", ("six", "x")),
        Node("unused", "exp", ("b",)),
        Node("y", "sub", ("a", "b")),
    ),
    ("y",),
)
print(show(EXAMPLE))

# %% answer="passes"
def fold(graph):
    ### BEGIN SOLUTION
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)
    ### END SOLUTION


def cse(graph):
    ### BEGIN SOLUTION
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        # repr tells 0.0 from -0.0, and a NaN is equal to itself
        key = (node.op, inputs, repr(node.attrs)) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))
    ### END SOLUTION


def dce(graph):
    ### BEGIN SOLUTION
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op in ("input", "log"):
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)
    ### END SOLUTION


def optimize(graph):
    ### BEGIN SOLUTION
    return dce(cse(fold(graph)))
    ### END SOLUTION

# %% test="passes/fold" points=1 row="58" objective="7.2"
import math as _t_math
import random as _t_random
import struct as _t_struct

import numpy as _t_np
from mlprod import checks


def _t_c(name, value):
    return Node(name, "const", (), (("value", value),))


def _t_n(name, op, *inputs, **attrs):
    return Node(name, op, inputs, tuple(sorted(attrs.items())))


def _t_bits(value):
    """All NaN alike: their payload is no part of the answer."""
    return ["nan" if _t_math.isnan(item) else _t_struct.pack("<d", float(item)).hex() for item in _t_np.asarray(value, dtype=float).ravel()]


def _t_graph(got, about):
    """The answer's graph, made again of builtin values: well formed, or AssertionError."""
    assert type(got) is Graph, about + tr(es=f"\n  Se esperaba un Graph y ha llegado {type(got).__name__}.", en=f"\n  A Graph was expected and {type(got).__name__} came.")
    nodes, defined = [], set()
    for node in got.nodes:
        assert type(node) is Node, about + tr(es=f"\n  Entre los nodos hay un {type(node).__name__}.", en=f"\n  Among the nodes there is a {type(node).__name__}.")
        name, op, inputs = checks.plain(node.name), checks.plain(node.op), checks.plain(node.inputs)
        attrs = tuple((key, value) for key, value in checks.plain(node.attrs))
        assert name not in defined, about + tr(es=f"\n  Hay dos nodos que se llaman {name}.", en=f"\n  There are two nodes called {name}.")
        for used in inputs:
            assert used in defined, about + tr(es=f"\n  {name} usa {used}, que no está antes en el grafo.", en=f"\n  {name} uses {used}, which is not in the graph before it.")
        defined.add(name)
        nodes.append(Node(name, op, tuple(inputs), attrs))
    outputs = tuple(checks.plain(got.outputs))
    for name in outputs:
        assert name in defined, about + tr(es=f"\n  La salida {name} ya no está en el grafo: lo que sale del grafo está vivo aunque ningún nodo lo use.", en=f"\n  The output {name} is no longer in the graph: what leaves the graph is alive even if no node uses it.")
    return Graph(tuple(nodes), outputs)


def _t_text(graph):
    lines = []
    for node in graph.nodes:
        attrs = ", ".join(f"{key}={value!r}" for key, value in node.attrs)
        lines.append(f"    {node.name} = {node.op}({', '.join([*node.inputs, *([attrs] if attrs else [])])})")
    return "\n".join([*lines, f"    -> {', '.join(graph.outputs)}"])


_t_FEEDS = {name: _t_np.array([[1.5, -2.0, 0.0], [4.0, -0.25, 3.0]]) * scale for name, scale in (("x", 1.0), ("y", -3.0), ("z", 0.5))}


def _t_trace(graph, draw):
    """Outputs and record as bits; `draw` gives each random number by its node's name and the run's number."""
    values, record = {}, []
    with _t_np.errstate(all="ignore"):
        for node in graph.nodes:
            args = [values[name] for name in node.inputs]
            if node.op == "input":
                value = _t_FEEDS[node.name]
            elif node.op == "const":
                value = _t_np.float64(dict(node.attrs)["value"])
            elif node.op == "uniform":
                value = args[0] + (args[1] - args[0]) * draw(node.name)
            elif node.op == "log":
                value = args[0]
                record.append((node.name, _t_bits(value)))
            elif node.op in ("sum", "max"):
                value = getattr(_t_np, node.op)(args[0], axis=dict(node.attrs)["axis"], keepdims=True)
            else:
                value = {
                    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": _t_np.divide, "neg": _t_np.negative, "abs": _t_np.abs,
                    "exp": _t_np.exp, "tanh": _t_np.tanh, "relu": lambda a: _t_np.where(a < 0, 0.0, a),
                }[node.op](*args)
            values[node.name] = value
    return [_t_bits(values[name]) for name in graph.outputs], record


def _t_same_meaning(before, got, about):
    """Both graphs give the same outputs and record in two runs, whose random numbers differ."""
    for turn in (1, 2):

        def draw(name, turn=turn):
            return (sum(map(ord, name)) * 37 * turn % 101) / 101

        wants, gives = _t_trace(before, draw), _t_trace(got, draw)
        shown = about + tr(es="\n  antes:\n", en="\n  before:\n") + _t_text(before) + tr(es="\n  después:\n", en="\n  after:\n") + _t_text(got)
        assert len(gives[0]) == len(wants[0]), shown + tr(es=f"\n  El grafo tenía {len(wants[0])} salidas y quedan {len(gives[0])}: las salidas son el contrato del grafo.", en=f"\n  The graph had {len(wants[0])} outputs and {len(gives[0])} are left: the outputs are the graph's contract.")
        assert gives[1] == wants[1], shown + tr(es="\n  El registro de log ha cambiado: un efecto se nota aunque nadie use su valor.", en="\n  The record of log has changed: an effect is noticed even if nobody uses its value.")
        for position, (gave, want) in enumerate(zip(*[gives[0], wants[0]], strict=True)):
            assert gave == want, shown + tr(
                es=f"\n  La salida número {position} no es la misma, bit a bit" + (" (cada ejecución saca números nuevos: uniform no se puede calcular al compilar ni unir a otro)." if any(n.op == "uniform" for n in before.nodes) else "."),
                en=f"\n  Output number {position} is not the same, bit by bit" + (" (each run draws new numbers: uniform cannot be computed at compile time, nor merged with another)." if any(n.op == "uniform" for n in before.nodes) else "."),
            )


def _t_check_fold(graph, consts, why):
    with checks.ends(why + tr(es="\n  fold no acaba.", en="\n  fold does not end.")):
        got = _t_graph(fold(graph), why)
    _t_same_meaning(graph, got, why)
    checks.same([node.name for node in got.nodes], [node.name for node in graph.nodes], why + tr(es=" fold no quita nodos ni los cambia de nombre o de sitio.", en=" fold neither removes nodes nor changes their names or places."))
    checks.same({node.name for node in got.nodes if node.op == "const"}, set(consts), why + "\n" + _t_text(graph) + tr(es="\n  Qué nodos deberían ser const:", en="\n  Which nodes should be const:"))


_t_folds = Graph((_t_n("x", "input"), _t_c("two", 2.0), _t_c("three", 3.0), _t_n("six", "mul", "two", "three"), _t_n("eight", "add", "six", "two"), _t_n("a", "mul", "x", "eight")), ("a",))
_t_check_fold(_t_folds, {"two", "three", "six", "eight"}, tr(es="Constantes en cadena.", en="Constants in a chain."))
_t_dice = Graph((_t_n("x", "input"), _t_c("low", 0.0), _t_c("high", 1.0), _t_n("u", "uniform", "low", "high"), _t_n("two", "add", "high", "high"), _t_n("a", "mul", "x", "u")), ("a",))
_t_check_fold(_t_dice, {"low", "high", "two"}, tr(es="Un número al azar entre dos constantes.", en="A random number between two constants."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_fold(
    Graph((_t_c("one", 1.0), _t_c("zero", 0.0), _t_n("inf", "div", "one", "zero"), _t_n("nan", "sub", "inf", "inf"), _t_n("minus", "neg", "zero"), _t_n("r", "relu", "minus"), _t_n("l", "log", "one"), _t_n("e", "exp", "l"), _t_n("t", "tanh", "one")), ("inf", "nan", "r", "e", "t")),
    {"one", "zero", "inf", "nan", "minus", "r", "t"},
    tr(es="Infinito, NaN, cero negativo; y log tiene un efecto: no se pliega, ni lo que depende de él.", en="Infinity, NaN, negative zero; and log has an effect: it is not folded, nor is what depends on it."),
)
_t_check_fold(Graph((_t_n("x", "input"), _t_n("a", "exp", "x")), ("a",)), set(), tr(es="Sin constantes no hay nada que plegar.", en="Without constants there is nothing to fold."))
### END HIDDEN TESTS

# %% test="passes/cse" points=2 row="58" objective="7.2"
def _t_check_cse(graph, names, why):
    with checks.ends(why + tr(es="\n  cse no acaba.", en="\n  cse does not end.")):
        got = _t_graph(cse(graph), why)
    _t_same_meaning(graph, got, why)
    checks.same([node.name for node in got.nodes], list(names), why + "\n" + _t_text(graph) + tr(es="\n  Qué nodos deberían quedar:", en="\n  Which nodes should be left:"))


_t_check_cse(
    Graph((_t_n("x", "input"), _t_n("a", "exp", "x"), _t_n("b", "exp", "x"), _t_n("c", "add", "a", "x"), _t_n("d", "add", "x", "b"), _t_n("e", "div", "c", "d")), ("e", "d")), ["x", "a", "c", "e"],
    tr(es="a y b son lo mismo; por eso también c y d, cuyo orden no importa.", en="a and b are the same; therefore so are c and d, whose order does not matter."),
)
_t_check_cse(
    Graph((_t_n("x", "input"), _t_n("rows", "sum", "x", axis=1), _t_n("columns", "sum", "x", axis=0), _t_n("again", "sum", "x", axis=1)), ("rows", "columns", "again")), ["x", "rows", "columns"],
    tr(es="Sumar por filas no es sumar por columnas: los atributos también cuentan.", en="Summing rows is not summing columns: attributes count, too."),
)
_t_check_cse(
    Graph((_t_n("x", "input"), _t_n("y", "input"), _t_n("a", "sub", "x", "y"), _t_n("b", "sub", "y", "x")), ("a", "b")), ["x", "y", "a", "b"],
    tr(es="x - y no es y - x: solo en add y mul da igual el orden.", en="x - y is not y - x: only in add and mul the order does not matter."),
)
_t_check_cse(
    Graph((_t_c("low", 0.0), _t_c("high", 1.0), _t_n("u", "uniform", "low", "high"), _t_n("v", "uniform", "low", "high"), _t_n("l", "log", "u"), _t_n("k", "log", "u"), _t_n("a", "exp", "l"), _t_n("b", "exp", "k")), ("u", "v", "a", "b")),
    ["low", "high", "u", "v", "l", "k", "a", "b"],
    tr(es="Dos dados no son uno, y dos apuntes tampoco.", en="Two dice are not one, and neither are two entries of the log."),
)
_t_check_cse(
    Graph((_t_n("x", "input"), _t_c("p", 0.0), _t_c("m", -0.0), _t_c("p2", 0.0), _t_n("a", "div", "x", "p"), _t_n("b", "div", "x", "m"), _t_n("c", "div", "x", "p2")), ("a", "b", "c")), ["x", "p", "m", "a", "b"],
    tr(es="0.0 y -0.0 no tienen los mismos bits: dividir por una o por otra da infinitos de signo contrario.", en="0.0 and -0.0 do not have the same bits: dividing by one or the other gives infinities of opposite signs."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_cse(Graph((_t_n("x", "input"), _t_c("n", _t_math.nan), _t_c("k", _t_math.nan), _t_n("a", "add", "x", "n"), _t_n("b", "add", "k", "x")), ("a", "b")), ["x", "n", "a"], tr(es="Dos NaN con los mismos bits son la misma constante.", en="Two NaN with the same bits are the same constant."))
_t_check_cse(Graph((_t_n("x", "input"), _t_n("y", "input"), _t_n("a", "max", "x", axis=0), _t_n("b", "max", "y", axis=0), _t_n("c", "sum", "x", axis=0)), ("a", "b", "c")), ["x", "y", "a", "b", "c"], tr(es="Dos entradas no son la misma, y sum no es max.", en="Two inputs are not the same, and sum is not max."))
### END HIDDEN TESTS

# %% test="passes/dce" points=1 row="58" objective="7.2"
def _t_check_dce(graph, names, why):
    with checks.ends(why + tr(es="\n  dce no acaba.", en="\n  dce does not end.")):
        got = _t_graph(dce(graph), why)
    _t_same_meaning(graph, got, why)
    checks.same([node.name for node in got.nodes], list(names), why + "\n" + _t_text(graph) + tr(es="\n  Qué nodos deberían quedar:", en="\n  Which nodes should be left:"))


_t_check_dce(Graph((_t_n("x", "input"), _t_n("a", "exp", "x"), _t_n("b", "neg", "a"), _t_n("c", "abs", "b"), _t_n("d", "tanh", "a")), ("d",)), ["x", "a", "d"], tr(es="c no lo usa nadie; quitado c, tampoco b.", en="Nobody uses c; with c removed, nobody uses b."))
_t_check_dce(Graph((_t_n("x", "input"), _t_n("y", "input"), _t_n("a", "exp", "x"), _t_n("l", "log", "a"), _t_n("b", "neg", "x")), ("b",)), ["x", "y", "a", "l", "b"], tr(es="Un log que nadie usa, y una entrada que nadie usa: una es un efecto y otra, la firma.", en="A log that nobody uses, and an input that nobody uses: one is an effect, the other the signature."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_dce(Graph((_t_n("x", "input"), _t_n("a", "exp", "x"), _t_n("b", "neg", "a")), ("a", "b", "a", "x")), ["x", "a", "b"], tr(es="Una salida que otro nodo también usa, dos veces la misma salida, y una entrada que sale tal cual.", en="An output that another node uses as well, the same output twice, and an input that leaves as it is."))
_t_check_dce(Graph((_t_n("x", "input"), _t_c("low", 0.0), _t_c("high", 1.0), _t_n("u", "uniform", "low", "high"), _t_n("v", "uniform", "low", "high"), _t_n("a", "mul", "x", "v")), ("a",)), ["x", "low", "high", "v", "a"], tr(es="Un número al azar que nadie usa no hace falta.", en="A random number that nobody uses is not needed."))
_t_chain = [_t_n("x", "input"), _t_n("t0", "exp", "x")] + [_t_n(f"t{i}", "neg", f"t{i - 1}") for i in range(1, 30)] + [_t_n("y", "tanh", "x")]
_t_check_dce(Graph(tuple(_t_chain), ("y",)), ["x", "y"], tr(es="Una cadena muerta de treinta nodos.", en="A dead chain of thirty nodes."))
### END HIDDEN TESTS

# %% test="passes/optimize" points=2 row="58" objective="7.2"
def _t_check_optimize(graph, count, why):
    with checks.ends(why + tr(es="\n  optimize no acaba.", en="\n  optimize does not end.")):
        got = _t_graph(optimize(graph), why)
    _t_same_meaning(graph, got, why)
    left = [node.name for node in got.nodes if node.op != "input"]
    assert len(left) == count, why + "\n" + _t_text(graph) + tr(es=f"\n  Se puede dejar en {count} nodos sin contar las entradas, y quedan {len(left)}: {', '.join(left)}.", en=f"\n  It can be left with {count} nodes, inputs apart, and {len(left)} are left: {', '.join(left)}.")
    with checks.ends(why + tr(es="\n  optimize no acaba.", en="\n  optimize does not end.")):
        again = _t_graph(optimize(got), why)
    # as text: a NaN made anew is not == to the one before, and it has not changed
    assert _t_text(again) == _t_text(got), why + "\n" + _t_text(got) + tr(es="\n  Al optimizar otra vez lo ya optimizado, ha cambiado: no se había terminado.\n", en="\n  Optimizing again what was optimized has changed it: it had not been finished.\n") + _t_text(again)


_t_check_optimize(
    Graph((_t_n("x", "input"), _t_c("two", 2.0), _t_c("three", 3.0), _t_n("six", "mul", "two", "three"), _t_n("a", "mul", "x", "six"), _t_n("b", "mul", "six", "x"), _t_n("u", "exp", "b"), _t_n("y", "sub", "a", "b")), ("y",)), 3,
    tr(es="El grafo del ejemplo.", en="The graph of the example."),
)
_t_check_optimize(
    Graph((_t_n("x", "input"), _t_c("two", 2.0), _t_c("one", 1.0), _t_n("deux", "add", "one", "one"), _t_n("a", "mul", "x", "two"), _t_n("b", "mul", "x", "deux"), _t_n("y", "add", "a", "b")), ("y",)), 3,
    tr(es="Al plegar, deux resulta ser two; entonces a y b son lo mismo, y sobra una constante.", en="Once folded, deux turns out to be two; then a and b are the same, and one constant is superfluous."),
)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_smallest(graph):
    """How many nodes are needed, by value numbering from the outputs backwards."""
    at = {node.name: node for node in graph.nodes}
    numbers, consts = {}, {}

    def number(name):
        if name not in numbers:
            node = at[name]
            below = [number(used) for used in node.inputs]
            if node.op in ("input", "uniform", "log"):
                key = (node.op, name)
            elif node.op == "const" or all(b[0] == "const" for b in below):
                value = dict(node.attrs)["value"] if node.op == "const" else None
                if value is None:
                    only = Graph(tuple(_t_c(f"c{i}", consts[b]) for i, b in enumerate(below)) + (_t_n("r", node.op, *[f"c{i}" for i in range(len(below))], **dict(node.attrs)),), ("r",))
                    bits = _t_trace(only, None)[0][0][0]
                    value = _t_math.nan if bits == "nan" else _t_struct.unpack("<d", bytes.fromhex(bits))[0]
                key = ("const", "nan" if _t_math.isnan(value) else _t_struct.pack("<d", value).hex())
                consts[key] = value
            else:
                key = (node.op, tuple(sorted(below, key=repr) if node.op in ("add", "mul") else below), node.attrs)
            numbers[name] = key
        return numbers[name]

    needed, todo = set(), [name for name in graph.outputs] + [node.name for node in graph.nodes if node.op == "log"]
    seen = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        key = number(name)
        if key[0] != "input":
            needed.add(key)
        if key[0] != "const":
            todo += at[name].inputs
    return None if any(key[1] == "nan" for key in consts) else len(needed)


def _t_random_graph(chance, size):
    nodes = [_t_n("x", "input"), _t_n("y", "input"), _t_n("z", "input")] + [_t_c(f"c{i}", chance.choice([2.0, 0.5, 1.0, 0.0, -0.0])) for i in range(5)]
    flat = {f"c{i}" for i in range(5)}
    for i in range(size):
        names = [node.name for node in nodes]
        op = chance.choice(["add", "sub", "mul", "div", "neg", "abs", "tanh", "relu", "add", "mul", "sum", "max", "uniform", "log"])
        if op == "uniform":
            node = _t_n(f"n{i}", op, *[chance.choice(sorted(flat)) for _ in range(2)])
        elif op in ("sum", "max"):
            node = _t_n(f"n{i}", op, chance.choice([name for name in names if name not in flat]), axis=chance.choice([0, 1]))
        else:
            pool = names if chance.random() < 0.6 else sorted(flat)
            node = _t_n(f"n{i}", op, *[chance.choice(pool) for _ in range(2 if op in ("add", "sub", "mul", "div") else 1)])
        if op == "log" and chance.random() < 0.7:
            node = _t_n(f"n{i}", "neg", *node.inputs)
        if i > 2 and chance.random() < 0.4:  # a twin of an earlier node, its inputs perhaps in the other order
            old = chance.choice(nodes[8:])
            node = replace(old, name=f"n{i}", inputs=old.inputs[:: chance.choice([1, -1])])
        if all(name in flat for name in node.inputs):
            flat.add(node.name)
        nodes.append(node)
    return Graph(tuple(nodes), tuple(chance.choice([node.name for node in nodes[-size:]]) for _ in range(chance.choice([2, 4, 8]))))


_t_check_optimize(
    Graph((_t_n("x", "input"), _t_c("z", 0.0), _t_n("q", "div", "z", "z"), _t_n("r", "relu", "z"), _t_n("y", "add", "x", "r"), _t_n("w", "mul", "y", "q")), ("w", "y")), 4,
    tr(es="Queda una constante NaN, que no es igual a sí misma.", en="A NaN constant is left, which is not equal to itself."),
)
_t_chance = _t_random.Random(58)
for _t_turn in range(150):
    _t_one = _t_random_graph(_t_chance, _t_chance.choice([4, 8, 16, 30]))
    _t_least = _t_smallest(_t_one)
    if _t_least is None:  # it folds to a NaN, of which there are many: which of them are one constant is a matter of taste
        continue
    _t_check_optimize(_t_one, _t_least, tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}."))
### END HIDDEN TESTS

# %% wrong="passes" score=3 says_es="uniform no se puede calcular al compilar" says_en="uniform cannot be computed at compile time"
# es: Si todas las entradas son constantes, el resultado también.
# en: If all the inputs are constant, so is the result.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if node.op not in ("const", "input", "log") and all(name in known for name in node.inputs):
            values = [known[name] for name in node.inputs]
            value = np.random.default_rng(0).uniform(*values) if node.op == "uniform" else apply(node, values)
            node = Node(node.name, "const", (), (("value", float(value)),))
        if node.op == "const":
            known[node.name] = np.float64(dict(node.attrs)["value"])
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = (node.op, inputs, repr(node.attrs)) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op in ("input", "log"):
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=2 says_es="Sumar por filas no es sumar por columnas" says_en="Summing rows is not summing columns"
# es: Misma operación y mismas entradas: mismo valor.
# en: Same operation and same inputs: same value.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = (node.op, inputs, node.attrs if node.op == "const" else ()) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op in ("input", "log"):
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=2 says_es="infinitos de signo contrario" says_en="infinities of opposite signs"
# es: Dos constantes iguales con == son la misma.
# en: Two constants that are equal by == are the same.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = (node.op, inputs, node.attrs) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op in ("input", "log"):
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=2 says_es="x - y no es y - x" says_en="x - y is not y - x"
# es: El orden de las entradas no importa: se ordenan.
# en: The order of the inputs does not matter: they are sorted.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs))
        key = (node.op, inputs, repr(node.attrs)) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op in ("input", "log"):
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=2 says_es="Dos dados no son uno" says_en="Two dice are not one"
# es: Si dos nodos se escriben igual, son el mismo.
# en: If two nodes are written alike, they are the same.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = node.name if node.op in ("input", "log") else (node.op, inputs, repr(node.attrs))
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op in ("input", "log"):
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=3 says_es="lo que sale del grafo está vivo" says_en="what leaves the graph is alive"
# es: Está muerto lo que ningún nodo usa.
# en: What no node uses is dead.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = (node.op, inputs, repr(node.attrs)) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    used = {name for node in graph.nodes for name in node.inputs}
    nodes = tuple(node for node in graph.nodes if node.name in used or node.op in ("input", "log"))
    return Graph(nodes, graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=3 says_es="quitado c, tampoco b" says_en="with c removed, nobody uses b"
# es: Se quita lo que nadie usa, en una sola vuelta.
# en: What nobody uses is removed, in a single round.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = (node.op, inputs, repr(node.attrs)) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    used = {name for node in graph.nodes for name in node.inputs} | set(graph.outputs)
    nodes = tuple(node for node in graph.nodes if node.name in used or node.op in ("input", "log"))
    return Graph(nodes, graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=3 says_es="un efecto se nota" says_en="an effect is noticed"
# es: Un log que nadie usa está muerto.
# en: A log that nobody uses is dead.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = (node.op, inputs, repr(node.attrs)) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)


def optimize(graph):
    return dce(cse(fold(graph)))

# %% wrong="passes" score=4 says_es="y quedan 5" says_en="and 5 are left"
# es: El orden de los pases da igual: primero se limpia.
# en: The order of the passes does not matter: clean first.
def fold(graph):
    known, nodes = {}, []
    for node in graph.nodes:
        if is_pure(node) and node.inputs and all(name in known for name in node.inputs):
            value = float(apply(node, [np.float64(known[name]) for name in node.inputs]))
            node = Node(node.name, "const", (), (("value", value),))
        if node.op == "const":
            known[node.name] = dict(node.attrs)["value"]
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def cse(graph):
    first, now, nodes = {}, {}, []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(now[name] for name in node.inputs))
        inputs = tuple(sorted(node.inputs)) if node.op in ("add", "mul") else node.inputs
        key = (node.op, inputs, repr(node.attrs)) if is_pure(node) else node.name
        now[node.name] = first.setdefault(key, node.name)
        if now[node.name] == node.name:
            nodes.append(node)
    return Graph(tuple(nodes), tuple(now[name] for name in graph.outputs))


def dce(graph):
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed or node.op in ("input", "log"):
            needed.update(node.inputs)
            nodes.append(node)
    return Graph(tuple(reversed(nodes)), graph.outputs)


def optimize(graph):
    return fold(cse(dce(graph)))

# %% right="passes"
# es: por detrás, con nombres de valores; y hasta que nada cambia
# en: value numbers by recursion; and until nothing changes
import struct


def fold(graph):
    table = {}
    for node in graph.nodes:
        if is_pure(node) and {table[name].op for name in node.inputs} <= {"const"}:
            # es: con tablas de un elemento
            # en: by arrays of one element
            given = apply(node, [np.array(table[name].attrs[0][1]) for name in node.inputs])
            table[node.name] = replace(node, op="const", inputs=(), attrs=(("value", np.asarray(given).item()),))
        else:
            table[node.name] = node
    return replace(graph, nodes=tuple(table.values()))


def same(a, b, now):
    if a.op != b.op or len(a.attrs) != len(b.attrs):
        return False
    if a.op == "const":
        return struct.pack("d", a.attrs[0][1]) == struct.pack("d", b.attrs[0][1])
    first, second = [now[name] for name in a.inputs], [now[name] for name in b.inputs]
    return a.attrs == b.attrs and (first == second or (a.op in {"add", "mul"} and first == second[::-1]))


def cse(graph):
    kept, now = [], {}
    for node in graph.nodes:
        twin = next((old for old in kept if is_pure(node) and same(old, node, now)), None)
        if twin is None:
            kept.append(node)
        now[node.name] = node.name if twin is None else twin.name
    nodes = [Node(n.name, n.op, tuple(now[i] for i in n.inputs), n.attrs) for n in kept]
    return Graph(tuple(nodes), tuple(map(now.get, graph.outputs)))


def dce(graph):
    at = {node.name: node for node in graph.nodes}
    alive = set()

    def visit(name):
        if name not in alive:
            alive.add(name)
            for used in at[name].inputs:
                visit(used)

    for name in list(graph.outputs) + [node.name for node in graph.nodes if node.op in ("input", "log")]:
        visit(name)
    return Graph(tuple(node for node in graph.nodes if node.name in alive), graph.outputs)


def optimize(graph):
    while True:
        new = fold(dce(cse(graph)))
        if new == graph or show(new) == show(graph):
            return new
        graph = new

# %% [markdown] lang="es" row="59"
# ## 3. Qué se puede fusionar y qué se ahorra (5 puntos)
#
# Fusionar es hacer varias operaciones en un solo **kernel**: un bucle que recorre todas las posiciones de una forma y en cada una lee lo que necesita, calcula y escribe. Lo que se queda dentro del kernel vive en un registro y no pasa por la memoria.
#
# **a)** `fuse(graph, shapes)` reparte los nodos en kernels y devuelve una lista de tuplas de nombres, en cualquier orden. `shapes` da la forma de cada valor. Las reglas:
#
# 1. Cada nodo que calcula está en **un kernel y solo uno**: nada se calcula dos veces. Los `input` y los `const` no están en ninguno.
# 2. Un `matmul` va solo.
# 3. Todos los nodos de un kernel recorren la **misma forma**: la de su resultado o, en una reducción (`sum`, `max`), la de su entrada. Leer de fuera un valor más pequeño, que se repite (*broadcast*), sí se puede.
# 4. Una reducción puede compartir kernel con lo que la alimenta, pero **nadie de su kernel puede usar su resultado**: hasta que no acaba el bucle, no existe.
# 5. Los kernels se ejecutan de uno en uno: tiene que haber un orden en el que cada uno encuentre calculado lo que viene de otros, **sin ciclos**.
#
# Además, no puede quedar nada por fusionar: si un kernel usa un valor de otro y la unión de los dos cumple las reglas (con los demás como están), había que unirlos. Que un valor lo usen varios no lo impide: si hace falta fuera, el kernel también lo escribe. Dos kernels que no usan nada el uno del otro pueden unirse o no, siempre que se cumplan las reglas. A veces hay varios repartos así, según por dónde se empiece; vale cualquiera.
#
# **b)** `traffic(graph, groups, shapes, widths)` dice lo que cuesta **cualquier** reparto que cumpla las reglas (también el de un nodo por kernel, que es lo que se hace sin compilar). `widths` son los bytes de cada elemento de un valor. Devuelve un diccionario:
#
# - `read`: bytes leídos. Cada kernel lee una vez cada valor de fuera, aunque lo use en varios nodos o lo repita (*broadcast*); los `const` van en el código y no se leen.
# - `written`: bytes escritos. Un kernel escribe los valores que usa otro kernel o que son salidas del grafo.
# - `buffers`: cuántos valores se escriben; cada uno necesita su sitio en la memoria.
# - `flops`: operaciones. Cada nodo hace una por elemento de la forma que recorre; un `matmul` de `(m, k)` por `(k, n)`, `2·m·k·n`.
# %% [markdown] lang="en" row="59"
# ## 3. What may be fused, and what it saves (5 points)
#
# To fuse is to do several operations in a single **kernel**: a loop that visits all the positions of a shape and at each of them reads what it needs, computes and writes. What stays inside the kernel lives in a register and does not go through memory.
#
# **a)** `fuse(graph, shapes)` shares out the nodes among kernels and returns a list of tuples of names, in any order. `shapes` gives the shape of each value. The rules:
#
# 1. Each node that computes is in **one kernel and only one**: nothing is computed twice. `input` and `const` are in none.
# 2. A `matmul` goes alone.
# 3. All the nodes of a kernel visit the **same shape**: that of their result or, in a reduction (`sum`, `max`), that of its input. Reading from outside a smaller value, which is repeated (*broadcast*), is allowed.
# 4. A reduction may share a kernel with what feeds it, but **nobody in its kernel may use its result**: until the loop ends, it does not exist.
# 5. Kernels run one at a time: there must be an order in which each one finds computed what comes from others, **without cycles**.
#
# Besides, there must be nothing left to fuse: if a kernel uses a value of another and the union of the two keeps the rules (the rest as they are), they had to be joined. That a value has several users is no obstacle: if it is needed outside, the kernel writes it, too. Two kernels that use nothing of each other may be joined or not, as long as the rules are kept. Sometimes there are several such groupings, depending on where one starts; any will do.
#
# **b)** `traffic(graph, groups, shapes, widths)` says what **any** grouping that keeps the rules costs (that of one node a kernel, too, which is what is done without compiling). `widths` are the bytes of each element of a value. It returns a dict:
#
# - `read`: bytes read. Each kernel reads each value from outside once, even if several of its nodes use it or it is repeated (*broadcast*); `const` are in the code and are not read.
# - `written`: bytes written. A kernel writes the values that another kernel uses or that are outputs of the graph.
# - `buffers`: how many values are written; each one needs its place in memory.
# - `flops`: operations. Each node does one for each element of the shape that it visits; a `matmul` of `(m, k)` by `(k, n)`, `2·m·k·n`.

# %%
SOFTMAX = Graph(
    (
        Node("x", "input"),
        Node("top", "max", ("x",), (("axis", 1),)),
        Node("less", "sub", ("x", "top")),
        Node("e", "exp", ("less",)),
        Node("total", "sum", ("e",), (("axis", 1),)),
        Node("y", "div", ("e", "total")),
    ),
    ("y",),
)
SOFTMAX_SHAPES = {"x": (64, 10), "top": (64, 1), "less": (64, 10), "e": (64, 10), "total": (64, 1), "y": (64, 10)}
print(show(SOFTMAX))

# %% answer="fuse"
def fuse(graph, shapes):
    ### BEGIN SOLUTION
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        # es: ¿se puede salir de la unión y volver a entrar, pasando por otros kernels?
        # en: can one leave the union and come in again, through other kernels?
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]
    ### END SOLUTION


def traffic(graph, groups, shapes, widths):
    ### BEGIN SOLUTION
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total
    ### END SOLUTION

# %% test="fuse/legal" points=2 row="59" objective="7.3"
import math as _t_math
import random as _t_random

from mlprod import checks


def _t_f(name, op, *inputs, **attrs):
    return Node(name, op, inputs, tuple(sorted(attrs.items())))


def _t_fshapes(graph, shapes):
    """The shape of every value, from those of the inputs."""
    shapes = dict(shapes)
    for node in graph.nodes:
        given = [shapes[name] for name in node.inputs]
        if node.op == "const":
            shapes[node.name] = ()
        elif node.op == "matmul":
            shapes[node.name] = (given[0][0], given[1][1])
        elif node.op in ("sum", "max"):
            shapes[node.name] = tuple(1 if axis == dict(node.attrs)["axis"] else length for axis, length in enumerate(given[0]))
        elif node.op != "input":
            shapes[node.name] = tuple(max(pair) for pair in zip(*[(1,) * (2 - len(shape)) + shape for shape in given], strict=True))
    return shapes


### BEGIN HIDDEN TESTS
def _t_random_fusion(chance, size):
    nodes = [_t_f("x", "input"), _t_f("col", "input"), _t_f("row", "input"), _t_f("w", "input"), _t_f("two", "const", value=2.0)]
    inputs = {"x": (6, 5), "col": (6, 1), "row": (1, 5), "w": (5, 5)}
    for number in range(size):
        shapes = _t_fshapes(Graph(tuple(nodes), ()), inputs)
        full = [node.name for node in nodes if shapes[node.name] == (6, 5)]
        usable = [node.name for node in nodes if node.name != "w"]
        recent = full[-4:] if chance.random() < 0.8 else usable
        op = chance.choice(["exp", "neg", "relu", "add", "add", "mul", "sub", "sum", "max", "matmul"])
        if op == "matmul":
            node = _t_f(f"n{number}", op, chance.choice(full), "w")
        elif op in ("sum", "max"):
            node = _t_f(f"n{number}", op, chance.choice(full), axis=chance.choice([0, 1]))
        elif op in ("add", "mul", "sub"):
            node = _t_f(f"n{number}", op, chance.choice(recent), chance.choice(usable))
        else:
            node = _t_f(f"n{number}", op, chance.choice([name for name in recent if name != "two"]))
        if node.inputs.count("two") == len(node.inputs):
            node = _t_f(f"n{number}", "neg", "x")
        nodes.append(node)
    used = {name for node in nodes for name in node.inputs}
    graph = Graph(tuple(nodes), tuple(node.name for node in nodes if node.op not in ("input", "const") and node.name not in used))
    return graph, inputs
### END HIDDEN TESTS


def _t_ftext(graph, shapes, groups=()):
    lines = [f"    {node.name} = {node.op}({', '.join([*node.inputs, *[f'{key}={value}' for key, value in node.attrs]])})  {shapes[node.name]}" for node in graph.nodes]
    lines.append("    -> " + ", ".join(graph.outputs))
    if groups:
        lines.append("  kernels: " + " ".join("{" + ", ".join(group) + "}" for group in groups))
    return "\n" + "\n".join(lines)


def _t_fault(graph, shapes, groups):
    """The first rule that the groups break, told to the reader, or None."""
    at = {node.name: node for node in graph.nodes}
    computing = [name for name, node in at.items() if node.op not in ("input", "const")]
    where = {}
    for number, group in enumerate(groups):
        for name in group:
            if name not in computing:
                return tr(es=f"{name} no calcula nada en este grafo, y está en un kernel.", en=f"{name} computes nothing in this graph, and is in a kernel.")
            if name in where:
                return tr(es=f"{name} está en dos kernels: se calcularía dos veces. Si hace falta fuera, se escribe.", en=f"{name} is in two kernels: it would be computed twice. If it is needed outside, it is written.")
            where[name] = number
    for name in computing:
        if name not in where:
            return tr(es=f"{name} no está en ningún kernel.", en=f"{name} is in no kernel.")
    for group in groups:
        visited = {name: shapes[at[name].inputs[0]] if at[name].op in ("sum", "max") else shapes[name] for name in group}
        if len(group) > 1 and any(at[name].op == "matmul" for name in group):
            return tr(es="Un matmul va solo en su kernel.", en="A matmul goes alone in its kernel.")
        for name in group:
            for used in at[name].inputs:
                if used in group and at[used].op in ("sum", "max"):
                    return tr(es=f"{name} usa {used}, una reducción del mismo kernel: hasta que no acaba el bucle no existe.", en=f"{name} uses {used}, a reduction of the same kernel: until the loop ends, it does not exist.")
        if len(set(visited.values())) > 1:
            return tr(es=f"Un kernel recorre una sola forma, y en este hay varias: {visited}.", en=f"A kernel visits a single shape, and in this one there are several: {visited}.")
    left = {number: {where[used] for name in group for used in at[name].inputs if used in where} - {number} for number, group in enumerate(groups)}
    while ready := [number for number in left if not left[number] & left.keys()]:
        for number in ready:
            del left[number]
    if left:
        return tr(es="Hay un ciclo entre kernels: ", en="There is a cycle among kernels: ") + " <-> ".join("{" + ", ".join(groups[number]) + "}" for number in left) + tr(es=". Ninguno puede ejecutarse primero.", en=". None of them can run first.")
    return None


def _t_groups(graph, shapes, why):
    with checks.ends(why + tr(es="\n  fuse no acaba.", en="\n  fuse does not end.")):
        got = checks.plain(fuse(graph, dict(shapes)), why)
    assert isinstance(got, list) and all(isinstance(group, (list, set)) and len(group) > 0 for group in got), why + tr(es=f"\n  fuse devuelve una lista de tuplas de nombres; ha devuelto {got!r}.", en=f"\n  fuse returns a list of tuples of names; it returned {got!r}.")
    groups = [tuple(sorted(group)) for group in got]
    fault = _t_fault(graph, shapes, groups)
    assert fault is None, why + _t_ftext(graph, shapes, groups) + "\n  " + fault
    return groups


def _t_check_fuse(graph, inputs, want, why):
    shapes = _t_fshapes(graph, inputs)
    groups = _t_groups(graph, shapes, why)
    checks.same(set(groups), {tuple(sorted(group.split())) for group in want}, why + _t_ftext(graph, shapes, groups))


_t_x = {"x": (64, 10)}
_t_softmax = Graph((_t_f("x", "input"), _t_f("top", "max", "x", axis=1), _t_f("less", "sub", "x", "top"), _t_f("e", "exp", "less"), _t_f("total", "sum", "e", axis=1), _t_f("y", "div", "e", "total")), ("y",))
_t_check_fuse(Graph((_t_f("x", "input"), _t_f("half", "const", value=0.5), _t_f("a", "mul", "x", "half"), _t_f("b", "tanh", "a"), _t_f("y", "add", "b", "x")), ("y",)), _t_x, ["a b y"], tr(es="Una cadena elemento a elemento es un kernel.", en="An elementwise chain is one kernel."))
_t_check_fuse(Graph(_t_softmax.nodes[:4], ("e",)), _t_x, ["top", "less e"], tr(es="El máximo de la fila hace falta entero antes de restarlo.", en="The whole maximum of the row is needed before it is subtracted."))
_t_groups(_t_softmax, _t_fshapes(_t_softmax, _t_x), tr(es="Softmax.", en="Softmax."))
_t_check_fuse(
    Graph((_t_f("x", "input"), _t_f("w", "input"), _t_f("a", "exp", "x"), _t_f("b", "matmul", "a", "w"), _t_f("c", "add", "a", "b")), ("c",)), {"x": (8, 4), "w": (4, 4)}, ["a", "b", "c"],
    tr(es="c usa a, pero también b, que sale de a: el camino pasa por otro kernel.", en="c uses a, but also b, which comes from a: the path goes through another kernel."),
)
_t_check_fuse(
    Graph((_t_f("x", "input"), _t_f("column", "input"), _t_f("a", "exp", "column"), _t_f("y", "mul", "x", "a")), ("y",)), {"x": (64, 10), "column": (64, 1)}, ["a", "y"],
    tr(es="a tiene una columna e y, diez: no recorren la misma forma.", en="a has one column and y has ten: they do not visit the same shape."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(590)
for _t_turn in range(60):
    _t_one, _t_inputs = _t_random_fusion(_t_chance, _t_chance.choice([4, 8, 14]))
    _t_groups(_t_one, _t_fshapes(_t_one, _t_inputs), tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}."))
### END HIDDEN TESTS

# %% test="fuse/whole" points=1 row="59" objective="7.3"
_t_check_fuse(_t_softmax, _t_x, ["top", "less e total", "y"], tr(es="Softmax: dos reducciones, tres kernels; e la usan dos, y que un valor tenga varios usos no impide fusionar.", en="Softmax: two reductions, three kernels; two use e, and several uses are no obstacle to fusing."))
_t_check_fuse(
    Graph((_t_f("x", "input"), _t_f("a", "exp", "x"), _t_f("b", "neg", "a"), _t_f("c", "tanh", "a"), _t_f("y", "add", "b", "c")), ("y",)), {"x": (64, 10)}, ["a b c y"],
    tr(es="a la usan b y c: que tenga varios usos no impide fusionar.", en="a is used by b and by c: several uses are no obstacle to fusing."),
)
_t_check_fuse(
    Graph((_t_f("x", "input"), _t_f("a", "exp", "x"), _t_f("s", "sum", "a", axis=1), _t_f("b", "neg", "a")), ("s", "b")), {"x": (64, 10)}, ["a b s"],
    tr(es="s y b leen a en el mismo bucle, y nadie usa s dentro.", en="s and b read a in the same loop, and nobody uses s inside."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_fuse(
    Graph((_t_f("x", "input"), _t_f("w", "input"), _t_f("a", "exp", "x"), _t_f("b", "matmul", "a", "w"), _t_f("c", "relu", "b"), _t_f("y", "add", "c", "b")), ("y", "a")), {"x": (8, 4), "w": (4, 4)}, ["a", "b", "c y"],
    tr(es="a antes del matmul; c e y después.", en="a before the matmul; c and y after it."),
)
_t_chance = _t_random.Random(591)
for _t_turn in range(60):
    _t_one, _t_inputs = _t_random_fusion(_t_chance, _t_chance.choice([4, 8, 14]))
    _t_shapes = _t_fshapes(_t_one, _t_inputs)
    _t_found = _t_groups(_t_one, _t_shapes, tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}."))
    _t_uses = {group: {name for node in _t_one.nodes if node.name in group for name in node.inputs} for group in _t_found}
    for _t_user in _t_found:
        for _t_giver in _t_found:
            if _t_user != _t_giver and _t_uses[_t_user] & set(_t_giver):
                _t_union = [group for group in _t_found if group not in (_t_user, _t_giver)] + [tuple(sorted(_t_user + _t_giver))]
                assert _t_fault(_t_one, _t_shapes, _t_union) is not None, tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}.") + _t_ftext(_t_one, _t_shapes, _t_found) + tr(
                    es=f"\n  Queda por fusionar: {_t_giver} con {_t_user} cumple todas las reglas.", en=f"\n  Left to fuse: {_t_giver} with {_t_user} keeps all the rules."
                )
### END HIDDEN TESTS

# %% test="fuse/traffic" points=2 row="59" objective="7.3"
def _t_check_traffic(graph, inputs, groups, widths, want, why):
    shapes = _t_fshapes(graph, inputs)
    widths = {node.name: widths.get(node.name, 4) for node in graph.nodes}
    groups = [tuple(group.split()) for group in groups]
    got = checks.plain(traffic(graph, groups, dict(shapes), dict(widths)), why)
    shown = why + _t_ftext(graph, shapes, groups)
    assert isinstance(got, dict) and set(got) == {"read", "written", "buffers", "flops"}, shown + tr(es=f"\n  Se esperaba un diccionario con read, written, buffers y flops; ha llegado {got!r}.", en=f"\n  A dict with read, written, buffers and flops was expected; {got!r} came.")
    reasons = {
        "flops": tr(es=" fusionar no quita operaciones, quita viajes a la memoria.", en=" fusing removes no operations, it removes trips to memory."),
        "read": tr(es=" cada kernel lee una vez cada valor de fuera, con los bytes de su tipo.", en=" each kernel reads each outside value once, with the bytes of its type."),
        "written": tr(es=" se escribe lo que usa otro kernel y lo que sale del grafo, con los bytes de su tipo, esté o no al final del kernel.", en=" what another kernel uses and what leaves the graph is written, with the bytes of its type, whether or not it comes last in the kernel."),
        "buffers": tr(es=" uno por cada valor que se escribe.", en=" one for each value written."),
    }
    for key in ("flops", "read", "written", "buffers"):
        checks.same(got[key], want[key], shown + f"\n  {key}:" + reasons[key])


_t_three_ops = Graph((_t_f("x", "input"), _t_f("half", "const", value=0.5), _t_f("a", "mul", "x", "half"), _t_f("b", "tanh", "a"), _t_f("y", "add", "b", "x")), ("y",))
_t_check_traffic(_t_three_ops, {"x": (1000, 1)}, ["a", "b", "y"], {}, {"read": 16_000, "written": 12_000, "buffers": 3, "flops": 3000}, tr(es="Sin fusionar: cada operación lee y escribe.", en="Not fused: each operation reads and writes."))
_t_check_traffic(_t_three_ops, {"x": (1000, 1)}, ["a b y"], {}, {"read": 4000, "written": 4000, "buffers": 1, "flops": 3000}, tr(es="Todo en un kernel.", en="All in one kernel."))
_t_check_traffic(_t_softmax, _t_x, ["top", "less e total", "y"], {"y": 2}, {"read": 2560 + 2560 + 256 + 2560 + 256, "written": 256 + 2560 + 256 + 1280, "buffers": 4, "flops": 3200}, tr(es="Softmax en tres kernels, con el resultado en 2 bytes; e hace falta fuera del suyo.", en="Softmax in three kernels, its result in 2 bytes; e is needed outside its own."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_net = Graph((_t_f("x", "input"), _t_f("w", "input"), _t_f("bias", "input"), _t_f("h", "matmul", "x", "w"), _t_f("a", "add", "h", "bias"), _t_f("y", "relu", "a"), _t_f("z", "mul", "y", "y")), ("z", "a"))
_t_in = {"x": (32, 100), "w": (100, 10), "bias": (1, 10)}
_t_check_traffic(_t_net, _t_in, ["h", "a y z"], {}, {"read": 12_800 + 4000 + 1280 + 40, "written": 1280 + 1280 + 1280, "buffers": 3, "flops": 64_000 + 960}, tr(es="Una capa: el matmul solo, y lo demás junto; a también sale del grafo.", en="A layer: the matmul alone and the rest together; a leaves the graph as well."))
_t_check_traffic(_t_net, _t_in, ["h", "a", "y", "z"], {"w": 1, "x": 2, "h": 8}, {"read": 6400 + 1000 + 2560 + 40 + 1280 + 1280, "written": 2560 + 3 * 1280, "buffers": 4, "flops": 64_000 + 960}, tr(es="La misma, sin fusionar y con tipos distintos; z usa y dos veces y la lee una.", en="The same, not fused and with several types; z uses y twice and reads it once."))


def _t_cost(graph, groups, shapes, widths):
    """traffic, from the side of the values."""
    where = {name: number for number, group in enumerate(groups) for name in group}
    readers = {node.name: {where[user.name] for user in graph.nodes if node.name in user.inputs} for node in graph.nodes}
    read = written = buffers = flops = 0
    for node in graph.nodes:
        if node.op == "const":
            continue
        size = _t_math.prod(shapes[node.name]) * widths[node.name]
        away = readers[node.name] - {where.get(node.name)}
        read += size * len(away)
        if node.op != "input":
            stored = bool(away) or node.name in graph.outputs
            written, buffers = written + size * stored, buffers + stored
            first = shapes[node.inputs[0]]
            flops += 2 * first[0] * first[1] * shapes[node.name][1] if node.op == "matmul" else _t_math.prod(first if node.op in ("sum", "max") else shapes[node.name])
    return {"read": read, "written": written, "buffers": buffers, "flops": flops}


_t_chance = _t_random.Random(592)
for _t_turn in range(60):
    _t_one, _t_inputs = _t_random_fusion(_t_chance, _t_chance.choice([4, 8, 14]))
    _t_shapes = _t_fshapes(_t_one, _t_inputs)
    _t_parts = [(node.name,) for node in _t_one.nodes if node.op not in ("input", "const")]
    for _ in range(40):  # some legal grouping, not the largest
        if len(_t_parts) == 1:
            break
        _t_pair = _t_chance.sample(_t_parts, 2)
        _t_joined = [part for part in _t_parts if part not in _t_pair] + [_t_pair[0] + _t_pair[1]]
        if _t_fault(_t_one, _t_shapes, _t_joined) is None:
            _t_parts = _t_joined
    _t_widths = {node.name: _t_chance.choice([1, 2, 4, 8]) for node in _t_one.nodes}
    _t_check_traffic(_t_one, _t_inputs, [" ".join(part) for part in _t_parts], _t_widths, _t_cost(_t_one, _t_parts, _t_shapes, _t_widths), tr(es=f"Grafo al azar número {_t_turn}, con otros kernels y otros tipos.", en=f"Random graph number {_t_turn}, with other kernels and other types."))
### END HIDDEN TESTS

# %% wrong="fuse" score=2 says_es="hasta que no acaba el bucle no existe" says_en="until the loop ends, it does not exist"
# es: Una reducción es una operación más: se fusiona con lo que viene detrás.
# en: A reduction is one more operation: it is fused with what comes after it.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=2 says_es="se calcularía dos veces" says_en="it would be computed twice"
# es: Lo que usan varios se calcula otra vez en cada uno: así no se escribe.
# en: What several use is computed again in each one: so it is not written.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    uses = {name: [node for node in graph.nodes if name in node.inputs] for name in at}

    def kernel(name, shape):
        """`name` and all that feeds it, down to a reduction, a product or an input."""
        group = {name}
        for used in at[name].inputs:
            if at[used].op in ELEMENTWISE and shapes[used] == shape and at[name].op != "matmul":
                group |= kernel(used, shape)
        return group

    groups = []
    for name, node in at.items():
        if node.op in ("input", "const"):
            continue
        shape = shapes[node.inputs[0]] if node.op in REDUCTIONS else shapes[name]
        inner = node.op in ELEMENTWISE and name not in graph.outputs
        if not (inner and all(user.op in ELEMENTWISE and shapes[user.name] == shape or user.op in REDUCTIONS for user in uses[name])):
            groups.append(tuple(kernel(name, shape)))
    return groups


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=4 says_es="varios usos no impide" says_en="several uses are no obstacle"
# es: Solo se fusiona lo que tiene un único uso.
# en: Only what has a single use is fused.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def only_here(one, other):
        readers = [node.name for node in graph.nodes if set(node.inputs) & one and node.name not in one]
        return len(readers) == 1 and set(readers) <= other and not one & set(graph.outputs)

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and only_here(one, other) and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=2 says_es="pasa por otro kernel" says_en="goes through another kernel"
# es: Si dos nodos están unidos por una flecha y son elemento a elemento, se pueden fusionar.
# en: If an arrow joins two nodes and both are elementwise, they may be fused.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=2 says_es="no recorren la misma forma" says_en="do not visit the same shape"
# es: El broadcast se resuelve solo: las formas no importan.
# en: Broadcasting takes care of itself: shapes do not matter.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union):
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=3 says_es="esté o no al final" says_en="whether or not it comes last"
# es: Un kernel solo escribe su último valor.
# en: A kernel writes its last value only.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        order = [node.name for node in graph.nodes if node.name in group]
        written = {order[-1]}
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=3 says_es="con los bytes de su tipo" says_en="with the bytes of its type"
# es: Un número son 4 bytes.
# en: A number is 4 bytes.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * 4 for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=3 says_es="fusionar no quita operaciones" says_en="fusing removes no operations"
# es: Un kernel hace una operación por elemento: por eso fusionar acelera.
# en: A kernel does one operation per element: that is why fusing makes it faster.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        inside = {name for member in group for name in at[member].inputs}
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for name in inside - set(group) if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in [at[group[0]]]:
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% wrong="fuse" score=3 says_es="cada kernel lee una vez" says_en="each kernel reads each outside value once"
# es: Se lee una vez por cada nodo que lo usa, también dentro.
# en: It is read once for each node that uses it, inside as well.
def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    groups = [{name} for name, node in at.items() if node.op not in ("input", "const")]

    def visits(name):
        return shapes[at[name].inputs[0]] if at[name].op in REDUCTIONS else shapes[name]

    def used_by(group):
        return {name for member in group for name in at[member].inputs}

    def legal(union):
        if any(at[name].op == "matmul" for name in union) or len({visits(name) for name in union}) > 1:
            return False
        if any(at[name].op in REDUCTIONS for name in union & used_by(union)):
            return False
        others = [group for group in groups if not group & union]
        reached = [group for group in others if used_by(group) & union]
        for group in reached:  # it grows meanwhile
            if group & used_by(union):
                return False
            reached += [other for other in others if used_by(other) & group and other not in reached]
        return True

    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and used_by(other) & one and legal(one | other):
                    groups.remove(one)
                    groups.remove(other)
                    groups.append(one | other)
                    merged = True
                    break
            if merged:
                break
    return [tuple(sorted(group)) for group in groups]


def traffic(graph, groups, shapes, widths):
    at = {node.name: node for node in graph.nodes}
    size = {name: math.prod(shape) * widths[name] for name, shape in shapes.items()}
    total = {"read": 0, "written": 0, "buffers": 0, "flops": 0}
    for group in groups:
        outside = {name for node in graph.nodes if node.name not in group for name in node.inputs}
        total["read"] += sum(size[name] for m in group for name in at[m].inputs if at[name].op != "const")
        written = set(group) & (outside | set(graph.outputs))
        total["written"] += sum(size[name] for name in written)
        total["buffers"] += len(written)
        for node in map(at.get, group):
            first = shapes[node.inputs[0]]
            if node.op == "matmul":
                total["flops"] += 2 * math.prod(first) * shapes[node.name][-1]
            else:
                total["flops"] += math.prod(first if node.op in REDUCTIONS else shapes[node.name])
    return total

# %% right="fuse"
# es: en orden topológico, con los antepasados de cada kernel en un conjunto
# en: in topological order, with the ancestors of each kernel in a set
from collections import Counter


def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    kernel = {name: name for name, node in at.items() if node.op not in ("input", "const")}

    def acyclic():
        edges = {(kernel[u], kernel[n]) for n in kernel for u in at[n].inputs if u in kernel}
        edges = {(a, b) for a, b in edges if a != b}
        alive = set(kernel.values())
        while alive:
            blocked = {b for a, b in edges if a in alive and b in alive}
            if blocked == alive:
                return False
            alive = blocked
        return True

    def good(label):
        members = [name for name in kernel if kernel[name] == label]
        loops = set()
        for name in members:
            node = at[name]
            loops.add(shapes[node.inputs[0] if node.op in REDUCTIONS else name])
            if node.op == "matmul" or any(u in members and at[u].op in REDUCTIONS for u in node.inputs):
                return False
        return len(loops) == 1 and acyclic()

    changed = True
    while changed:
        changed = False
        for name in reversed(list(kernel)):
            for used in at[name].inputs:
                if used in kernel and kernel[used] != kernel[name]:
                    before = dict(kernel)
                    old, new = kernel[used], kernel[name]
                    for other in kernel:
                        if kernel[other] == old:
                            kernel[other] = new
                    if good(new):
                        changed = True
                    else:
                        kernel.update(before)
    return [tuple(n for n in kernel if kernel[n] == label) for label in dict.fromkeys(kernel.values())]


def traffic(graph, groups, shapes, widths):
    home = {name: i for i, group in enumerate(groups) for name in group}
    count, seen = Counter(read=0, written=0, buffers=0, flops=0), set()
    for node in graph.nodes:
        for used in node.inputs:
            if home.get(used) != home[node.name] and (used, home[node.name]) not in seen and shapes[used] != ():
                seen.add((used, home[node.name]))
                count["read"] += int(np.prod(shapes[used])) * widths[used]
    needed = {used for used, _ in seen} | set(graph.outputs)
    for name in home:
        node = next(n for n in graph.nodes if n.name == name)
        elements = int(np.prod(shapes[name]))
        if name in needed:
            count["written"] += elements * widths[name]
            count["buffers"] += 1
        if node.op in REDUCTIONS:
            elements = int(np.prod(shapes[node.inputs[0]]))
        count["flops"] += elements * (2 * shapes[node.inputs[0]][1] if node.op == "matmul" else 1)
    return dict(count)

# %% right="fuse"
# es: une también kernels que no usan nada el uno del otro, si recorren la misma forma
# en: it joins kernels that use nothing of each other as well, if they visit the same shape
from collections import Counter


def fuse(graph, shapes):
    at = {node.name: node for node in graph.nodes}
    kernel = {name: name for name, node in at.items() if node.op not in ("input", "const")}

    def acyclic():
        edges = {(kernel[u], kernel[n]) for n in kernel for u in at[n].inputs if u in kernel}
        edges = {(a, b) for a, b in edges if a != b}
        alive = set(kernel.values())
        while alive:
            blocked = {b for a, b in edges if a in alive and b in alive}
            if blocked == alive:
                return False
            alive = blocked
        return True

    def good(label):
        members = [name for name in kernel if kernel[name] == label]
        loops = set()
        for name in members:
            node = at[name]
            loops.add(shapes[node.inputs[0] if node.op in REDUCTIONS else name])
            if node.op == "matmul" or any(u in members and at[u].op in REDUCTIONS for u in node.inputs):
                return False
        return len(loops) == 1 and acyclic()

    changed = True
    while changed:
        changed = False
        for name in reversed(list(kernel)):
            for used in [*at[name].inputs, *kernel]:
                if used in kernel and kernel[used] != kernel[name]:
                    before = dict(kernel)
                    old, new = kernel[used], kernel[name]
                    for other in kernel:
                        if kernel[other] == old:
                            kernel[other] = new
                    if good(new):
                        changed = True
                    else:
                        kernel.update(before)
    return [tuple(n for n in kernel if kernel[n] == label) for label in dict.fromkeys(kernel.values())]


def traffic(graph, groups, shapes, widths):
    home = {name: i for i, group in enumerate(groups) for name in group}
    count, seen = Counter(read=0, written=0, buffers=0, flops=0), set()
    for node in graph.nodes:
        for used in node.inputs:
            if home.get(used) != home[node.name] and (used, home[node.name]) not in seen and shapes[used] != ():
                seen.add((used, home[node.name]))
                count["read"] += int(np.prod(shapes[used])) * widths[used]
    needed = {used for used, _ in seen} | set(graph.outputs)
    for name in home:
        node = next(n for n in graph.nodes if n.name == name)
        elements = int(np.prod(shapes[name]))
        if name in needed:
            count["written"] += elements * widths[name]
            count["buffers"] += 1
        if node.op in REDUCTIONS:
            elements = int(np.prod(shapes[node.inputs[0]]))
        count["flops"] += elements * (2 * shapes[node.inputs[0]][1] if node.op == "matmul" else 1)
    return dict(count)

# %% [markdown] lang="es" row="59"
# ## 4. Planificar la memoria (5 puntos)
#
# Sin compilar, cada operación pide memoria para su resultado. Un compilador reserva un solo bloque (la *arena*) antes de empezar y decide en qué byte de él va cada valor, de modo que el sitio de los que ya no hacen falta lo ocupen otros. Los pasos son las posiciones en `graph.nodes`: en el paso 3 se ejecuta `graph.nodes[3]`.
#
# **a)** `liveness(graph)`: para cada nodo que calcula (los `input` son de quien llama y los `const` van en el código), el par `(birth, death)`. Nace en su paso. Muere en el **último** paso en que alguien lo usa. Una **salida** no muere nunca: `death` es `len(graph.nodes)`. Lo que no usa nadie muere donde nace.
#
# **b)** `plan(graph, sizes)`: el byte donde empieza cada uno de esos valores, en un diccionario; `sizes` da los bytes de cada valor. Dos valores que estén vivos en un mismo paso no pueden compartir ningún byte. El paso en que uno muere y otro nace también cuenta: un kernel no escribe encima de lo que está leyendo.
#
# La arena llega hasta el último byte que ocupa algún valor. Ningún plan puede bajar de la **cota**: lo que ocupan juntos los valores vivos en el peor paso. No siempre se puede alcanzar, pero tu plan no debe pasar, de media en muchos grafos, de 1.2 veces la cota. Una cadena de valores de 100 bytes cabe en 200, por larga que sea. Piensa también qué haces con el hueco que deja uno grande cuando lo que viene es pequeño.
#
# **c)** `in_place(graph, sizes)`: una excepción útil. Una operación **elemento a elemento** (está en `ELEMENTWISE`) lee cada posición justo antes de escribirla, así que puede escribir su resultado sobre una de sus entradas, si esa entrada muere ahí, ocupa los mismos bytes y no es ni de quien llama ni una constante.
# Devuelve un diccionario: para cada nodo que puede hacerlo, sobre qué entrada; si puede sobre las dos, la primera. `plan` no la usa: allí no hay excepciones.
# %% [markdown] lang="en" row="59"
# ## 4. Planning memory (5 points)
#
# Without compiling, each operation asks for memory for its result. A compiler reserves a single block (the *arena*) before starting and decides at which byte of it each value goes, so that the place of those no longer needed is taken by others. Steps are positions in `graph.nodes`: step 3 runs `graph.nodes[3]`.
#
# **a)** `liveness(graph)`: for each node that computes (`input` belong to the caller and `const` are in the code), the pair `(birth, death)`. It is born at its step. It dies at the **last** step at which somebody uses it. An **output** never dies: `death` is `len(graph.nodes)`. What nobody uses dies where it is born.
#
# **b)** `plan(graph, sizes)`: the byte at which each of those values begins, in a dict; `sizes` gives the bytes of each value. Two values that are alive at one step may not share any byte. The step at which one dies and another is born counts, too: a kernel does not write over what it is reading.
#
# The arena reaches as far as the last byte that any value takes. No plan can go below the **bound**: what the values alive at the worst step take together. It cannot always be reached, but your plan must not exceed, on average over many graphs, 1.2 times the bound. A chain of values of 100 bytes fits in 200, however long it is. Think, too, about what you do with the gap that a large one leaves when what comes next is small.
#
# **c)** `in_place(graph, sizes)`: a useful exception. An **elementwise** operation (it is in `ELEMENTWISE`) reads each position just before writing it, so it may write its result over one of its inputs, if that input dies there, takes the same bytes and is neither the caller's nor a constant.
# It returns a dict: for each node that may do it, over which input; if it may over both, the first. `plan` does not use it: there, there are no exceptions.

# %% answer="memory"
def liveness(graph):
    ### BEGIN SOLUTION
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives
    ### END SOLUTION


def plan(graph, sizes):
    ### BEGIN SOLUTION
    lives, offsets = liveness(graph), {}
    for name in sorted(lives, key=lambda name: -sizes[name]):  # the large ones first: the small fit in what is left
        birth, death = lives[name]
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] <= death and birth <= lives[other][1]
        )
        offset = 0
        for first, end in busy:
            if offset + sizes[name] <= first:
                break
            offset = max(offset, end)
        offsets[name] = offset
    return offsets
    ### END SOLUTION


def in_place(graph, sizes):
    ### BEGIN SOLUTION
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over
    ### END SOLUTION

# %% test="memory/liveness" points=1 row="59" objective="7.4"
import random as _t_random

from mlprod import checks


def _t_m(name, op, *inputs):
    return Node(name, op, inputs)


def _t_mtext(graph, sizes=None):
    lines = [f"    {step:2} {node.name} = {node.op}({', '.join(node.inputs)})" + (f"  {sizes[node.name]} B" if sizes else "") for step, node in enumerate(graph.nodes)]
    return "\n" + "\n".join([*lines, "    -> " + ", ".join(graph.outputs)])


def _t_random_memory(chance, size):
    nodes, sizes = [_t_m("x", "input"), _t_m("w", "input"), _t_m("two", "const")], {"x": 512, "w": 1024, "two": 8}
    for number in range(size):
        names = [node.name for node in nodes]
        recent = names[-chance.choice([1, 2, 3, 4, 12]) :]
        op = chance.choice(["exp", "neg", "relu", "add", "mul", "sub", "sum", "matmul"])
        node = _t_m(f"n{number}", op, *[chance.choice(recent) for _ in range(2 if op in ("add", "mul", "sub", "matmul") else 1)])
        nodes.append(node)
        sizes[node.name] = sizes[node.inputs[0]] if chance.random() < 0.3 and node.inputs[0] != "two" else chance.choice([64, 100, 128, 256, 300, 512, 1024, 2000])
    outputs = [nodes[-1].name] + [node.name for node in nodes[3:] if chance.random() < 0.08]
    return Graph(tuple(nodes), tuple(outputs)), sizes


def _t_lives(graph):
    """The same as liveness, written from the users' side."""
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            users = [at for at, other in enumerate(graph.nodes) if node.name in other.inputs]
            lives[node.name] = (step, len(graph.nodes) if node.name in graph.outputs else max([step, *users]))
    return lives


def _t_check_liveness(graph, why):
    got, want = checks.plain(liveness(graph), why), _t_lives(graph)
    assert isinstance(got, dict), why + tr(es=f"\n  liveness devuelve un diccionario; ha devuelto {got!r}.", en=f"\n  liveness returns a dict; it returned {got!r}.")
    checks.same(set(got), set(want), why + _t_mtext(graph) + tr(es="\n  De qué nodos hay que decir la vida: los que calculan.", en="\n  Whose lives to tell: those that compute."))
    for name in want:
        checks.same(got[name], want[name], why + _t_mtext(graph) + tr(es=f"\n  (birth, death) de {name}: nace en su paso y muere en el último en que se usa; una salida, nunca.", en=f"\n  (birth, death) of {name}: it is born at its step and dies at the last one that uses it; an output, never."))


_t_first = Graph((_t_m("x", "input"), _t_m("two", "const"), _t_m("a", "exp", "x"), _t_m("b", "mul", "a", "two"), _t_m("c", "neg", "b"), _t_m("d", "add", "a", "c"), _t_m("e", "tanh", "c")), ("d",))
_t_equal = {node.name: 100 for node in _t_first.nodes}
_t_line = Graph((_t_m("x", "input"), _t_m("a", "exp", "x"), _t_m("b", "neg", "a"), _t_m("c", "tanh", "b"), _t_m("d", "abs", "c")), ("d",))
_t_early = Graph((_t_m("x", "input"), _t_m("a", "exp", "x"), _t_m("b", "neg", "a"), _t_m("c", "tanh", "b"), _t_m("d", "abs", "c"), _t_m("e", "relu", "d")), ("a", "e"))
_t_check_liveness(_t_first, tr(es="a se usa en los pasos 3 y 5; d es una salida; e no la usa nadie.", en="a is used at steps 3 and 5; d is an output; nobody uses e."))
_t_check_liveness(Graph((_t_m("x", "input"), _t_m("a", "exp", "x"), _t_m("b", "neg", "a"), _t_m("c", "abs", "b")), ("a", "c")), tr(es="a es una salida que además usa b.", en="a is an output that b uses as well."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(740)
for _t_turn in range(60):
    _t_check_liveness(_t_random_memory(_t_chance, _t_chance.choice([3, 8, 20]))[0], tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}."))
### END HIDDEN TESTS

# %% test="memory/overlap" points=1 row="59" objective="7.4"
def _t_arena(graph, sizes, why):
    """Bytes of the answer's block, once nothing overlaps; and the bound."""
    with checks.ends(why + tr(es="\n  plan no acaba.", en="\n  plan does not end.")):
        got = checks.plain(plan(graph, dict(sizes)), why)
    lives = _t_lives(graph)
    assert isinstance(got, dict) and set(got) == set(lives), why + _t_mtext(graph, sizes) + tr(es=f"\n  Se esperaba un diccionario con un byte para {', '.join(lives)}; ha llegado {got!r}.", en=f"\n  A dict with a byte for {', '.join(lives)} was expected; {got!r} came.")
    for name, offset in got.items():
        assert type(offset) is int and offset >= 0, why + tr(es=f"\n  El byte de {name} es {offset!r}, y se esperaba un entero que no sea negativo.", en=f"\n  The byte of {name} is {offset!r}, and an integer that is not negative was expected.")
    for one in lives:
        for other in lives:
            both = lives[one][0] <= lives[other][1] and lives[other][0] <= lives[one][1]
            if one < other and both and got[one] < got[other] + sizes[other] and got[other] < got[one] + sizes[one]:
                step = max(lives[one][0], lives[other][0])
                if any(name in graph.outputs and step > max(at for at, node in enumerate(graph.nodes) if name in (node.name, *node.inputs)) for name in (one, other)):
                    reason = tr(es=", porque las salidas viven hasta el final.", en=", because outputs live to the end.")
                elif step in (lives[one][1], lives[other][1]):
                    reason = tr(es=" (en ese paso, uno se lee mientras el otro se escribe).", en=" (at that step, one is read while the other is written).")
                else:
                    reason = "."
                raise AssertionError(why + _t_mtext(graph, sizes) + tr(
                    es=f"\n  {one} ({got[one]}-{got[one] + sizes[one]}) y {other} ({got[other]}-{got[other] + sizes[other]}) comparten bytes y en el paso {step} hacen falta los dos: se escribe sobre algo que aún se va a leer",
                    en=f"\n  {one} ({got[one]}-{got[one] + sizes[one]}) and {other} ({got[other]}-{got[other] + sizes[other]}) share bytes and at step {step} both are needed: something yet to be read is overwritten",
                ) + reason)
    bound = max(sum(sizes[name] for name, (birth, death) in lives.items() if birth <= step <= death) for step in range(len(graph.nodes) + 1))
    return max(got[name] + sizes[name] for name in got), bound


_t_arena(_t_first, _t_equal, tr(es="a se usa en los pasos 3 y 5.", en="a is used at steps 3 and 5."))
_t_arena(_t_line, {**_t_equal, "d": 100}, tr(es="Una cadena.", en="A chain."))
_t_arena(_t_early, dict.fromkeys("xabcde", 100), tr(es="a es una salida; la última vez que un nodo la usa es el paso 2.", en="a is an output; the last time that a node uses it is step 2."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(741)
for _t_turn in range(80):
    _t_arena(*_t_random_memory(_t_chance, _t_chance.choice([3, 8, 20])), tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}."))
### END HIDDEN TESTS

# %% test="memory/reuse" points=2 row="59" objective="7.4"
def _t_check_arena(graph, sizes, why):
    took, bound = _t_arena(graph, sizes, why)
    assert took <= bound, why + _t_mtext(graph, sizes) + tr(es=f"\n  La cota de los valores vivos es de {bound} B y aquí se alcanza; tu arena mide {took} B: hay sitio libre que no se vuelve a usar.", en=f"\n  The bound of the values alive is {bound} B and here it is reached; your arena takes {took} B: there is free space that is not used again.")


_t_check_arena(_t_line, dict.fromkeys("xabcd", 100), tr(es="En una cadena bastan dos sitios.", en="In a chain, two places are enough."))
_t_split = Graph((_t_m("x", "input"), _t_m("big", "matmul", "x", "x"), _t_m("s", "sum", "big"), _t_m("p", "exp", "s"), _t_m("q", "neg", "s"), _t_m("r", "add", "p", "q")), ("r",))
_t_check_arena(_t_split, {"x": 50, "big": 1000, "s": 100, "p": 400, "q": 300, "r": 200}, tr(es="En el hueco de big caben varios pequeños.", en="Several small ones fit in the gap that big leaves."))


def _t_check_mean(seed, count):
    chance, ratios = _t_random.Random(seed), []
    for turn in range(count):
        took, bound = _t_arena(*_t_random_memory(chance, chance.choice([6, 12, 25])), tr(es=f"Grafo al azar número {turn}.", en=f"Random graph number {turn}."))
        ratios.append(took / bound)
    mean = sum(ratios) / count
    assert mean <= 1.2, tr(es=f"En {count} grafos al azar tu arena mide de media {mean:.2f} veces la cota, y puede medir 1.2: hay sitio libre que no se vuelve a usar.", en=f"On {count} random graphs your arena takes {mean:.2f} times the bound on average, and 1.2 is allowed: there is free space that is not used again.")


_t_check_mean(744, 60)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_mean(742, 120)
### END HIDDEN TESTS

# %% test="memory/in_place" points=1 row="59" objective="7.4"
def _t_check_in_place(graph, sizes, why):
    lives, want = _t_lives(graph), {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const", "matmul", "sum", "max"):
            able = [name for name in node.inputs if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]]
            if able:
                want[node.name] = able[0]
    got = checks.plain(in_place(graph, dict(sizes)), why)
    assert isinstance(got, dict), why + tr(es=f"\n  in_place devuelve un diccionario; ha devuelto {got!r}.", en=f"\n  in_place returns a dict; it returned {got!r}.")
    for name in [*want, *got]:
        expected = want.get(name, tr(es="nada", en="nothing"))
        assert got.get(name) == want.get(name), why + _t_mtext(graph, sizes) + tr(es=f"\n  {name} se escribiría sobre {got.get(name, 'nada')}, y se esperaba sobre {expected}.", en=f"\n  {name} would be written over {got.get(name, 'nothing')}, and over {expected} was expected.")


_t_check_in_place(_t_line, dict.fromkeys("xabcd", 100), tr(es="Una cadena: todos menos a, porque x es de quien llama.", en="A chain: all but a, because x belongs to the caller."))
_t_check_in_place(_t_first, _t_equal, tr(es="b no puede escribir sobre a, que se lee otra vez en el paso 5.", en="b may not write over a, which is read again at step 5."))
_t_check_in_place(
    Graph((_t_m("x", "input"), _t_m("a", "exp", "x"), _t_m("s", "sum", "a"), _t_m("t", "exp", "s"), _t_m("h", "neg", "x"), _t_m("b", "add", "t", "h"), _t_m("p", "matmul", "b", "b")), ("p",)), {"x": 64, "a": 64, "s": 8, "t": 8, "h": 64, "b": 64, "p": 64},
    tr(es="t es más pequeña que b; y ni sum ni matmul leen cada posición justo antes de escribirla.", en="t is smaller than b; and neither sum nor matmul reads each position just before writing it."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_in_place(_t_early, dict.fromkeys("xabcde", 100), tr(es="b no puede escribir sobre a, que es una salida.", en="b may not write over a, which is an output."))
_t_chance = _t_random.Random(743)
for _t_turn in range(80):
    _t_check_in_place(*_t_random_memory(_t_chance, _t_chance.choice([3, 8, 20])), tr(es=f"Grafo al azar número {_t_turn}.", en=f"Random graph number {_t_turn}."))
### END HIDDEN TESTS

# %% wrong="memory" score=0 says_es="muere en el último en que se usa" says_en="dies at the last one that uses it"
# es: Una vez usado, se libera.
# en: Once used, it is freed.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives and lives[name][0] == lives[name][1]:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    lives, offsets = liveness(graph), {}
    for name in sorted(lives, key=lambda name: -sizes[name]):
        birth, death = lives[name]
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] <= death and birth <= lives[other][1]
        )
        offset = 0
        for first, end in busy:
            if offset + sizes[name] <= first:
                break
            offset = max(offset, end)
        offsets[name] = offset
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=0 says_es="las salidas viven hasta el final" says_en="outputs live to the end"
# es: Una salida muere, como los demás, cuando la usa el último nodo.
# en: An output dies, as the others do, when the last node uses it.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    return lives


def plan(graph, sizes):
    lives, offsets = liveness(graph), {}
    for name in sorted(lives, key=lambda name: -sizes[name]):
        birth, death = lives[name]
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] <= death and birth <= lives[other][1]
        )
        offset = 0
        for first, end in busy:
            if offset + sizes[name] <= first:
                break
            offset = max(offset, end)
        offsets[name] = offset
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=3 says_es="no se vuelve a usar" says_en="not used again"
# es: Cada valor tiene su sitio: así no hay riesgo.
# en: Each value has its place: so there is no risk.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    offsets, end = {}, 0
    for name in liveness(graph):
        offsets[name] = end
        end += sizes[name]
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=3 says_es="no se vuelve a usar" says_en="not used again"
# es: Se reutilizan los sitios, pero solo para un valor del mismo tamaño.
# en: Places are used again, but for a value of the same size only.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    offsets, end, places = {}, 0, []  # places: [size, offset, free from this step]
    for name, (birth, death) in liveness(graph).items():
        place = next((p for p in places if p[0] == sizes[name] and p[2] < birth), None)
        if place is None:
            place = [sizes[name], end, 0]
            places.append(place)
            end += sizes[name]
        place[2] = death
        offsets[name] = place[1]
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=3 says_es="no se vuelve a usar" says_en="not used again"
# es: Un hueco, por grande que sea, es para un solo valor.
# en: A gap, however large, is for a single value.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    offsets, end, places = {}, 0, []  # places: [size, offset, free from this step]
    for name, (birth, death) in liveness(graph).items():
        free = [p for p in places if p[0] >= sizes[name] and p[2] < birth]
        if free:
            place = min(free)
        else:
            place = [sizes[name], end, 0]
            places.append(place)
            end += sizes[name]
        place[2] = death
        offsets[name] = place[1]
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=2 says_es="uno se lee mientras el otro se escribe" says_en="one is read while the other is written"
# es: En el paso en que uno muere, su sitio ya está libre.
# en: At the step at which one dies, its place is already free.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    lives, offsets = liveness(graph), {}
    for name in sorted(lives, key=lambda name: -sizes[name]):
        birth, death = lives[name]
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] < death and birth < lives[other][1]
        )
        offset = 0
        for first, end in busy:
            if offset + sizes[name] <= first:
                break
            offset = max(offset, end)
        offsets[name] = offset
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=4 says_es="x es de quien llama" says_en="x belongs to the caller"
# es: Las entradas del grafo también se pueden pisar si no se usan más.
# en: The graph's inputs may be overwritten, too, if they are used no more.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    lives, offsets = liveness(graph), {}
    for name in sorted(lives, key=lambda name: -sizes[name]):
        birth, death = lives[name]
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] <= death and birth <= lives[other][1]
        )
        offset = 0
        for first, end in busy:
            if offset + sizes[name] <= first:
                break
            offset = max(offset, end)
        offsets[name] = offset
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs if node.op in ELEMENTWISE else ():
            last = max(at for at, other in enumerate(graph.nodes) if name in other.inputs)
            if name not in graph.outputs and last == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=4 says_es="que se lee otra vez" says_en="which is read again"
# es: Si los tamaños coinciden, se escribe encima.
# en: If the sizes agree, it is written over.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    lives, offsets = liveness(graph), {}
    for name in sorted(lives, key=lambda name: -sizes[name]):
        birth, death = lives[name]
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] <= death and birth <= lives[other][1]
        )
        offset = 0
        for first, end in busy:
            if offset + sizes[name] <= first:
                break
            offset = max(offset, end)
        offsets[name] = offset
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for node in graph.nodes:
        for name in node.inputs if node.op in ELEMENTWISE else ():
            if name in lives and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% wrong="memory" score=4 says_es="ni sum ni matmul" says_en="neither sum nor matmul"
# es: Toda operación puede escribir sobre la entrada que muere en ella, si cabe.
# en: Any operation may write over the input that dies in it, if it fits.
def liveness(graph):
    lives = {}
    for step, node in enumerate(graph.nodes):
        if node.op not in ("input", "const"):
            lives[node.name] = (step, step)
        for name in node.inputs:
            if name in lives:
                lives[name] = (lives[name][0], step)
    for name in graph.outputs:
        if name in lives:
            lives[name] = (lives[name][0], len(graph.nodes))
    return lives


def plan(graph, sizes):
    lives, offsets = liveness(graph), {}
    for name in sorted(lives, key=lambda name: -sizes[name]):
        birth, death = lives[name]
        busy = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] <= death and birth <= lives[other][1]
        )
        offset = 0
        for first, end in busy:
            if offset + sizes[name] <= first:
                break
            offset = max(offset, end)
        offsets[name] = offset
    return offsets


def in_place(graph, sizes):
    lives, over = liveness(graph), {}
    for step, node in enumerate(graph.nodes):
        for name in node.inputs:
            if name in lives and lives[name][1] == step and sizes[name] == sizes[node.name]:
                over[node.name] = name
                break
    return over

# %% right="memory"
# es: un mapa de bytes por paso, y los valores en el orden en que nacen
# en: a map of bytes for each step, and the values in the order of their births
def liveness(graph):
    last = {}
    for step in range(len(graph.nodes) - 1, -1, -1):
        for name in graph.nodes[step].inputs:
            last.setdefault(name, step)
    last.update(dict.fromkeys(graph.outputs, len(graph.nodes)))
    computing = [(step, n.name) for step, n in enumerate(graph.nodes) if n.op not in {"input", "const"}]
    return {name: [step, last.get(name, step)] for step, name in computing}


def plan(graph, sizes):
    lives = liveness(graph)
    block = sum(sizes[name] for name in lives)
    busy = np.zeros((len(graph.nodes) + 1, block), dtype=bool)
    offsets = {}
    for name, (birth, death) in lives.items():
        free = np.concatenate([[0], (~busy[birth : death + 1].any(axis=0)).cumsum()])
        starts = np.flatnonzero(free[sizes[name] :] - free[: -sizes[name]] == sizes[name])
        offsets[name] = int(starts[0])
        busy[birth : death + 1, offsets[name] : offsets[name] + sizes[name]] = True
    return offsets


def in_place(graph, sizes):
    lives, answer = liveness(graph), {}
    for node in graph.nodes:
        if node.op in ELEMENTWISE:
            for name in reversed(node.inputs):
                if name in lives and lives[name][1] == lives[node.name][0] and sizes[name] == sizes[node.name]:
                    answer[node.name] = name
    return answer

# %% [markdown] lang="es" row="60"
# ## 5. De Q-DQ a enteros (6 puntos)
#
# Un entero de 8 bits `q` representa el número real `scale · (q - zero)`. Un modelo cuantizado suele llegar al compilador en forma **Q-DQ**: `dequantize` pasa de enteros a reales, se opera en coma flotante y `quantize` vuelve a enteros. Así dice qué hay que calcular, pero no ahorra nada. El compilador lo reescribe para que la capa se calcule solo con enteros:
#
# $$q_y = z_y + \mathrm{round}\Big(M_j \cdot \big(\textstyle\sum_k (q_x - z_x)\, q_w + q_b\big)\Big) \qquad M_j = \frac{s_x\, s_{w,j}}{s_y}$$
#
# Los pesos son simétricos (su cero es 0) y cada columna `j` tiene su escala; la de `x` y la de la salida son un solo número. Es, con pesos simétricos, el esquema de [Jacob y otros (2017)](https://arxiv.org/abs/1712.05877).
#
# **a)** `bias_to_int(bias, sx, sw)`: la lista de enteros $q_b$, uno por columna. Se suman al acumulador, así que tienen su escala, $s_x\, s_{w,j}$; cada uno es el entero más próximo (en un empate, cualquiera de los dos).
#
# **b)** `multiplier(real)`: $M$ tampoco puede ser un número real. Devuelve el par de enteros `(m0, shift)` con `m0 / 2**shift` lo más cerca posible de `real` y $2^{30} \le$ `m0` $< 2^{31}$: que llene un entero de 32 bits y quepa en él. `real` está entre $2^{-32}$ y $2^{20}$.
#
# **c)** `qlinear(x, w, bias, m0, shift, zx, zy, relu)`: la capa entera. `x` es una matriz `int8` de `(n, k)` y `w` otra de `(k, m)`; `bias`, `m0` y `shift` tienen `m` enteros. Devuelve una matriz `int8` de `(n, m)`: $z_y$ más el redondeo de `acc · m0 / 2**shift` (los empates, hacia arriba), sin salirse de $[-128, 127]$;
# con `relu`, además, nada queda por debajo del **cero** de la salida. El resultado es exacto: ni se pierde un bit ni se desborda. El acumulador cabe en 32 bits; su producto por `m0`, en 64.
#
# **d)** `rewrite(graph)`: cada `quantize(relu(add(matmul(dequantize(x), dequantize(w)), b)))`, **con o sin `relu`**, pasa a ser un solo nodo `qlinear`, con el nombre que tenía el `quantize` y entradas `(x, w)`.
#
# - Sus atributos son `bias`, `m0` y `shift` (tuplas de enteros), `relu` (`True` o `False`) y `zx` y `zy` (enteros).
# - `quantize` y `dequantize` tienen los atributos `scale` y `zero`; en los pesos, `scale` es una tupla y `zero`, un entero. `b` es un `const`, siempre a la derecha en su `add`, y su atributo `value` es una tupla de reales, uno por columna.
# - No se reescribe si los pesos no son simétricos, si alguno de los valores reales de en medio (`matmul`, `add`, `relu`) lo usa alguien más o es una salida, o si falta alguna pieza.
# - De una capa reescrita desaparece lo que ya no usa nadie, salvo los `input`. Un `dequantize` sí puede tener más usos, y entonces se queda para los otros.
# - Los demás nodos se quedan como están, y en su orden.
# %% [markdown] lang="en" row="60"
# ## 5. From Q-DQ to integers (6 points)
#
# An 8-bit integer `q` stands for the real number `scale · (q - zero)`. A quantized model usually reaches the compiler in **Q-DQ** form: `dequantize` goes from integers to reals, one computes in floating point and `quantize` goes back to integers. So it says what is to be computed, but it saves nothing. The compiler rewrites it so that the layer is computed with integers only:
#
# $$q_y = z_y + \mathrm{round}\Big(M_j \cdot \big(\textstyle\sum_k (q_x - z_x)\, q_w + q_b\big)\Big) \qquad M_j = \frac{s_x\, s_{w,j}}{s_y}$$
#
# Weights are symmetric (their zero is 0) and each column `j` has its scale; that of `x` and that of the output are a single number. It is, with symmetric weights, the scheme of [Jacob et al. (2017)](https://arxiv.org/abs/1712.05877).
#
# **a)** `bias_to_int(bias, sx, sw)`: the list of integers $q_b$, one a column. They are added to the accumulator, so they have its scale, $s_x\, s_{w,j}$; each one is the nearest integer (in a tie, either of the two).
#
# **b)** `multiplier(real)`: $M$ cannot be a real number either. It returns the pair of integers `(m0, shift)` with `m0 / 2**shift` as near as possible to `real` and $2^{30} \le$ `m0` $< 2^{31}$: it must fill a 32-bit integer, and fit in it. `real` lies between $2^{-32}$ and $2^{20}$.
#
# **c)** `qlinear(x, w, bias, m0, shift, zx, zy, relu)`: the whole layer. `x` is an `int8` matrix of `(n, k)` and `w` another of `(k, m)`; `bias`, `m0` and `shift` have `m` integers. It returns an `int8` matrix of `(n, m)`: $z_y$ plus the rounding of `acc · m0 / 2**shift` (ties, upwards), without leaving $[-128, 127]$;
# with `relu`, besides, nothing stays below the **zero** of the output. The result is exact: not a bit is lost, nothing overflows. The accumulator fits in 32 bits; its product by `m0`, in 64.
#
# **d)** `rewrite(graph)`: each `quantize(relu(add(matmul(dequantize(x), dequantize(w)), b)))`, **with or without `relu`**, becomes a single node `qlinear`, with the name that the `quantize` had and inputs `(x, w)`.
#
# - Its attributes are `bias`, `m0` and `shift` (tuples of integers), `relu` (`True` or `False`) and `zx` and `zy` (integers).
# - `quantize` and `dequantize` have the attributes `scale` and `zero`; in the weights, `scale` is a tuple and `zero` an integer. `b` is a `const`, always on the right in its `add`, and its attribute `value` is a tuple of reals, one a column.
# - It is not rewritten if the weights are not symmetric, if any of the real values in between (`matmul`, `add`, `relu`) has another user or is an output, or if any piece is missing.
# - Of a rewritten layer, what nobody uses any more disappears, except the `input`. A `dequantize` may have other users, and then it stays for them.
# - The other nodes stay as they are, and in their order.

# %%
LAYER = Graph(
    (
        Node("x", "input"),  # int8
        Node("w", "input"),  # int8
        Node("b", "const", (), (("value", (0.5, -1.25)),)),
        Node("xr", "dequantize", ("x",), (("scale", 0.02), ("zero", -5))),
        Node("wr", "dequantize", ("w",), (("scale", (0.01, 0.03)), ("zero", 0))),
        Node("h", "matmul", ("xr", "wr")),
        Node("a", "add", ("h", "b")),
        Node("r", "relu", ("a",)),
        Node("y", "quantize", ("r",), (("scale", 0.05), ("zero", -128))),
    ),
    ("y",),
)
print(show(LAYER))

# %% answer="qdq"
def bias_to_int(bias, sx, sw):
    ### BEGIN SOLUTION
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]
    ### END SOLUTION


def multiplier(real):
    ### BEGIN SOLUTION
    mantissa, exponent = math.frexp(real)  # real = mantissa · 2**exponent, 0.5 <= mantissa < 1
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:  # it has been rounded up to what no longer fits
        m0, shift = m0 // 2, shift - 1
    return m0, shift
    ### END SOLUTION


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    ### BEGIN SOLUTION
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)
    ### END SOLUTION


def rewrite(graph):
    ### BEGIN SOLUTION
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)
    ### END SOLUTION

# %% test="qdq/bias" points=1 row="60" objective="7.5"
import math as _t_math
import random as _t_random

import numpy as _t_np
from mlprod import checks


def _t_integers(got, want, about):
    got = checks.plain(got, about)
    assert isinstance(got, list) and all(type(item) is int for item in got), about + tr(es=f"\n  Se esperaban enteros y ha llegado {got!r}.", en=f"\n  Integers were expected and {got!r} came.")
    checks.same(got, want, about)


_t_integers(
    bias_to_int([1.0, -1.0, 0.278], 0.5, [0.01, 0.02, 0.04]), [200, -100, 14],
    tr(es="bias_to_int([1.0, -1.0, 0.278], 0.5, [0.01, 0.02, 0.04]): el sesgo se suma al acumulador, y tiene su escala, sx · sw; no la de los pesos ni la de la entrada. Se redondea al entero más próximo.", en="bias_to_int([1.0, -1.0, 0.278], 0.5, [0.01, 0.02, 0.04]): the bias is added to the accumulator and has its scale, sx · sw; not that of the weights nor that of the input. It is rounded to the nearest integer."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_integers(bias_to_int([250.0, -3.1], 0.001, [0.0005, 0.25]), [500_000_000, -12_400], tr(es="Un sesgo no cabe en 8 bits ni en 16: hacen falta 32.", en="A bias does not fit in 8 bits, nor in 16: it takes 32."))
_t_integers(bias_to_int([0.0299, -0.0299], 0.1, [0.1, 0.1]), [3, -3], tr(es="Se redondea al más próximo, no hacia cero.", en="It is rounded to the nearest, not towards zero."))
### END HIDDEN TESTS

# %% test="qdq/multiplier" points=1 row="60" objective="7.5"
def _t_check_multiplier(real):
    about = f"multiplier({real!r})"
    got = checks.plain(multiplier(real), about)
    assert isinstance(got, list) and len(got) == 2 and all(type(item) is int for item in got), about + tr(es=f": se esperaba un par de enteros y ha llegado {got!r}.", en=f": a pair of integers was expected and {got!r} came.")
    m0, shift = got
    assert 2**30 <= m0 < 2**31, about + tr(es=f": m0 es {m0}, y debe estar entre 2**30 y 2**31 - 1: {'se desborda un entero de 32 bits con signo' if m0 >= 2**31 else 'con menos se pierde exactitud'}.", en=f": m0 is {m0}, and must be between 2**30 and 2**31 - 1: {'a signed 32-bit integer overflows' if m0 >= 2**31 else 'with less, exactness is lost'}.")
    wrong_by = abs(m0 / 2.0**shift - real) / real
    assert wrong_by <= 2.0**-31 * 1.01, about + tr(es=f": {m0} / 2**{shift} = {m0 / 2.0**shift!r}, que se aparta una parte en {1 / wrong_by:.0f}; el entero más próximo se aparta menos de una en 2**31.", en=f": {m0} / 2**{shift} = {m0 / 2.0**shift!r}, which is off by one part in {1 / wrong_by:.0f}; the nearest integer is off by less than one in 2**31.")


for _t_real in (0.5, 0.75, 0.001, 0.0123, 1.0, 3.7, 1 - 2.0**-40):
    _t_check_multiplier(_t_real)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_real in (0.25 - 2.0**-45, 2 - 2.0**-35, 1e-9, 2.0**-10, 1023.999, 1 / 3, 2.0**19 + 0.1):
    _t_check_multiplier(_t_real)
_t_chance = _t_random.Random(60)
for _ in range(200):
    _t_check_multiplier(_t_math.exp(_t_chance.uniform(-15, 8)))
### END HIDDEN TESTS

# %% test="qdq/qlinear" points=2 row="60" objective="7.5"
def _t_exact(x, w, bias, m0, shift, zx, zy, relu):
    """The layer in Python's integers, which never overflow."""
    rows = []
    for row in x.tolist():
        out = []
        for j in range(w.shape[1]):
            acc = bias[j] + sum((q - zx) * weight for q, weight in zip(row, w[:, j].tolist(), strict=True))
            y = zy + (acc * m0[j] + 2 ** (shift[j] - 1)) // 2 ** shift[j]
            out.append(min(127, max(zy if relu else -128, y)))
        rows.append(out)
    return rows


def _t_check_qlinear(x, w, bias, m0, shift, zx, zy, relu, why):
    x, w = _t_np.array(x, dtype=_t_np.int8), _t_np.array(w, dtype=_t_np.int8)
    got = qlinear(x.copy(), w.copy(), list(bias), list(m0), list(shift), zx, zy, relu)
    assert type(got) is _t_np.ndarray and got.dtype == _t_np.int8 and got.shape == (len(x), w.shape[1]), why + tr(es=f"\n  Se esperaba una matriz int8 de {(len(x), w.shape[1])} y ha llegado {getattr(got, 'dtype', type(got).__name__)} de {getattr(got, 'shape', '?')}.", en=f"\n  An int8 matrix of {(len(x), w.shape[1])} was expected and {getattr(got, 'dtype', type(got).__name__)} of {getattr(got, 'shape', '?')} came.")
    want = _t_exact(x, w, bias, m0, shift, zx, zy, relu)
    if got.tolist() != want:
        off = [(i, j) for i in range(len(want)) for j in range(len(want[0])) if got[i, j] != want[i][j]]
        i, j = off[0]
        raise AssertionError(why + tr(es=f"\n  k = {len(w)}, zx = {zx}, zy = {zy}, relu = {relu}; de {got.size} valores, no coinciden {len(off)}. El primero, fila {i} y columna {j}: se esperaba {want[i][j]} y ha llegado {got[i, j]}.", en=f"\n  k = {len(w)}, zx = {zx}, zy = {zy}, relu = {relu}; {len(off)} values of {got.size} differ. The first, row {i} and column {j}: {want[i][j]} was expected and {got[i, j]} came."))


_t_half = ([2**30], [31])
_t_check_qlinear([[10, 3]], [[2], [5]], [7], *_t_half, 0, 0, False, tr(es="(10 · 2 + 3 · 5 + 7) / 2 = 21, hecho con m0 = 2**30: 42 · 2**30 ya no cabe en 32 bits, y el producto necesita 64.", en="(10 · 2 + 3 · 5 + 7) / 2 = 21, done with m0 = 2**30: 42 · 2**30 does not fit in 32 bits any more, and the product takes 64."))
_t_check_qlinear([[100, 100]], [[100], [100]], [0], [2**30], [38], 0, 0, False, tr(es="(100 · 100 + 100 · 100) / 256: la suma no cabe en 8 bits; el acumulador tiene 32.", en="(100 · 100 + 100 · 100) / 256: the sum does not fit in 8 bits; the accumulator has 32."))
_t_check_qlinear([[10, 3]], [[2], [5]], [7], *_t_half, -4, 10, False, tr(es="El cero de la entrada se resta antes de multiplicar, y el de la salida se suma al final.", en="The zero of the input is subtracted before multiplying, and that of the output is added at the end."))
_t_check_qlinear([[-10, 3]], [[9], [5]], [7], *_t_half, 0, -20, True, tr(es="Con relu, el número real no baja de 0, que en la salida es el entero zy.", en="With relu, the real number does not go below 0, which in the output is the integer zy."))
_t_check_qlinear([[1], [-1], [3], [-3], [5]], [[1]], [0], *_t_half, 0, 0, False, tr(es="1/2, -1/2, 3/2…: los empates, hacia arriba; se redondea, no se trunca.", en="1/2, -1/2, 3/2…: ties go upwards; one rounds, one does not truncate."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_qlinear([[127], [-128], [100], [-100]], [[127]], [0], *_t_half, 0, 0, False, tr(es="Lo que se sale de 8 bits se recorta, no da la vuelta.", en="What leaves 8 bits is clipped, it does not wrap around."))
_t_check_qlinear(_t_np.full((1, 4096), 127), _t_np.full((4096, 2), 127), [1, 2], [2**31 - 1, 2**30 + 12_345], [51, 51], -128, 3, False, tr(es="4096 productos de 255 · 127: el acumulador llega a 132 millones y, por m0, a más de 2**57: el producto necesita 64 bits.", en="4096 products of 255 · 127: the accumulator reaches 132 million and, times m0, more than 2**57: that takes 64 bits."))
_t_check_qlinear(_t_np.full((1, 2048), 127), _t_np.vstack([_t_np.full((2047, 1), 127), [[1]]]), [0], [2**30], [30], -128, -128, True, tr(es="Recortado a 127.", en="Clipped to 127."))
# the last bits of a long sum decide: float32 has only 24
_t_check_qlinear(_t_np.full((1, 2049), 127), _t_np.vstack([_t_np.full((1024, 1), 127), _t_np.full((1024, 1), -127), [[1]]]), [-250 + 2**26], [2**30], [31], -128, 0, False, tr(es="Otra suma larga.", en="Another long sum."))
_t_check_qlinear(_t_np.full((1, 2049), 127), _t_np.vstack([_t_np.full((1024, 1), 127), _t_np.full((1024, 1), -126), [[1]]]), [3 - 255 * 1024], [2**30], [32], -128, 0, False, tr(es="Una suma larga que casi se anula.", en="A long sum that nearly cancels."))
_t_rng = _t_np.random.default_rng(60)
for _t_turn in range(25):
    _t_n, _t_k, _t_m = (int(value) for value in _t_rng.integers(1, [5, 300, 5]))
    _t_x, _t_w = _t_rng.integers(-128, 128, (_t_n, _t_k)), _t_rng.integers(-127, 128, (_t_k, _t_m))
    _t_spread = float(_t_np.abs((_t_x - 5) @ _t_w).max()) + 1
    _t_ms = [_t_math.frexp(float(value) / _t_spread) for value in _t_rng.uniform(40, 160, _t_m)]
    _t_check_qlinear(
        _t_x, _t_w, [int(value) for value in _t_rng.integers(-2000, 2000, _t_m)], [int(mantissa * 2**31) for mantissa, _ in _t_ms], [31 - exponent for _, exponent in _t_ms],
        int(_t_rng.integers(-128, 128)), int(_t_rng.integers(-128, 128)), bool(_t_rng.integers(2)), tr(es=f"Capa al azar número {_t_turn}.", en=f"Random layer number {_t_turn}."),
    )
# sums of 2**25 and odd, scaled to a handful: exactness of the accumulator, seen at a tie
_t_check_qlinear(_t_np.full((2, 1100), 127), _t_np.vstack([_t_np.full((1099, 1), 120), [[1]]]), [5], [2**30], [30 + 20], -128, 0, False, tr(es="Un acumulador de más de 2**25.", en="An accumulator beyond 2**25."))
for _t_bump in range(4):
    _t_base = 255 * 120 * 1099
    _t_check_qlinear(_t_np.full((1, 1099), 127), _t_np.full((1099, 1), 120), [2**26 - 2**24 - _t_base + 2**19 - 2 + _t_bump], [2**30], [30 + 20], -128, 0, False, tr(es="Justo en un empate: en el acumulador cuenta hasta el último bit, y un float32 solo tiene 24.", en="Exactly at a tie: in the accumulator every bit counts, and a float32 has only 24."))
### END HIDDEN TESTS

# %% test="qdq/rewrite" points=2 row="60" objective="7.5"
def _t_q(name, op, *inputs, **attrs):
    return Node(name, op, inputs, tuple(sorted(attrs.items())))


def _t_qtext(graph):
    return "\n" + "\n".join([*[f"    {node.name} = {node.op}({', '.join([*node.inputs, *[f'{key}={value!r}' for key, value in node.attrs]])})" for node in graph.nodes], "    -> " + ", ".join(graph.outputs)])


def _t_qrun(graph, feeds):
    values = {}
    for node in graph.nodes:
        attrs, args = dict(node.attrs), [values[name] for name in node.inputs]
        if node.op == "input":
            values[node.name] = feeds[node.name]
        elif node.op == "const":
            values[node.name] = _t_np.array(attrs["value"])
        elif node.op == "dequantize":
            values[node.name] = (args[0].astype(float) - attrs["zero"]) * _t_np.array(attrs["scale"])
        elif node.op == "quantize":
            values[node.name] = _t_np.clip(_t_np.floor(args[0] / attrs["scale"] + 0.5) + attrs["zero"], -128, 127).astype(_t_np.int8)
        elif node.op == "qlinear":
            values[node.name] = _t_np.array(_t_exact(args[0], args[1], *[attrs[key] for key in ("bias", "m0", "shift", "zx", "zy", "relu")]), dtype=_t_np.int8)
        else:
            values[node.name] = {"matmul": lambda a, b: a @ b, "add": lambda a, b: a + b, "relu": lambda a: _t_np.maximum(a, 0.0), "tanh": _t_np.tanh}[node.op](*args)
    return [values[name] for name in graph.outputs]


def _t_check_rewrite(graph, feeds, ops, why):
    with checks.ends(why + tr(es="\n  rewrite no acaba.", en="\n  rewrite does not end.")):
        got = rewrite(graph)
    assert type(got) is Graph, why + tr(es=f"\n  Se esperaba un Graph y ha llegado {type(got).__name__}.", en=f"\n  A Graph was expected and {type(got).__name__} came.")
    nodes, shapes = [], {"bias": tuple, "m0": tuple, "shift": tuple}
    for node in got.nodes:
        attrs = {key: tuple(value) if isinstance(value, list) else value for key, value in checks.plain(dict(node.attrs), why).items()}
        if attrs.get("relu") in (0, 1):  # 1 and numpy's True will do
            attrs["relu"] = bool(attrs["relu"])
        nodes.append(_t_q(checks.plain(node.name), checks.plain(node.op), *checks.plain(node.inputs), **attrs))
    got = Graph(tuple(nodes), tuple(checks.plain(got.outputs)))
    shown = why + tr(es="\n  antes:", en="\n  before:") + _t_qtext(graph) + tr(es="\n  después:", en="\n  after:") + _t_qtext(got)
    left = [f"{node.name}:{node.op}" for node in got.nodes if node.op not in ("input", "const")]
    reals = [node.name for node in got.nodes if node.op in ("matmul", "dequantize", "add", "relu")]
    assert left == ops, shown + tr(es=f"\n  Se esperaba que quedaran {', '.join(ops)}.", en=f"\n  What was expected to be left: {', '.join(ops)}.") + (
        tr(es=f" Siguen calculándose con reales {', '.join(reals)}: mientras haya un dequantize antes del matmul, el producto no es de enteros.", en=f" {', '.join(reals)} are still computed with reals: as long as there is a dequantize before the matmul, the product is not one of integers.") if len(left) > len(ops) else ""
    )
    assert [node.name for node in got.nodes if node.op == "input"] == [node.name for node in graph.nodes if node.op == "input"], shown + tr(es="\n  Los input se quedan como estaban.", en="\n  The input stay as they were.")
    for node in got.nodes:
        if node.op == "qlinear":
            assert {key: type(value) for key, value in node.attrs} == {**shapes, "relu": bool, "zx": int, "zy": int}, shown + tr(es=f"\n  Los atributos de qlinear son bias, m0, shift (tuplas), relu (True o False), zx y zy (enteros), de esos tipos; han llegado {dict(node.attrs)!r}.", en=f"\n  The attributes of qlinear are bias, m0, shift (tuples), relu (True or False), zx and zy (integers), of those types; {dict(node.attrs)!r} came.")
    for name, want, gave in zip(graph.outputs, _t_qrun(graph, feeds), _t_qrun(got, feeds), strict=True):
        step = 1 if want.dtype == _t_np.int8 else 0.2
        off = _t_np.abs(want.astype(float) - gave.astype(float))
        assert off.max() <= step and (off > 1e-9).mean() <= 0.1, shown + tr(es=f"\n  La salida {name} no es la misma: difiere en {(off > 1e-9).mean():.0%} de los valores, y hasta en {off.max():.4g} (mira las escalas: ¿es sx · sw la del sesgo, y sx · sw / sy el multiplicador de cada columna?).", en=f"\n  The output {name} is not the same: it differs in {(off > 1e-9).mean():.0%} of the values, and by up to {off.max():.4g} (look at the scales: is that of the bias sx · sw, and each column's multiplier sx · sw / sy?).")


_t_weights = _t_np.random.default_rng(7)


def _t_layer(number, x, k, m, relu=True, zero=0, scale=0.02, zx=-5, zy=-20):
    """Nodes of a layer in Q-DQ form that takes the integers `x` and gives the integers f"y{number}"."""
    n = str(number)
    nodes = [
        _t_q("w" + n, "input"), _t_q("b" + n, "const", value=tuple(_t_weights.uniform(-0.5, 0.5, m).round(3).tolist())), _t_q("xr" + n, "dequantize", x, scale=scale, zero=zx),
        _t_q("wr" + n, "dequantize", "w" + n, scale=tuple(_t_weights.uniform(0.002, 0.01, m).round(5).tolist()), zero=zero), _t_q("h" + n, "matmul", "xr" + n, "wr" + n), _t_q("a" + n, "add", "h" + n, "b" + n),
    ]
    last = "a" + n
    if relu:
        nodes.append(_t_q("r" + n, "relu", last))
        last = "r" + n
    return [*nodes, _t_q("y" + n, "quantize", last, scale=0.05, zero=zy)]


_t_rng = _t_np.random.default_rng(61)


def _t_eights(*shape):
    return _t_rng.integers(-100, 101, shape).astype(_t_np.int8)


_t_feeds8 = {"x": _t_eights(40, 12), "w1": _t_eights(12, 6), "w2": _t_eights(6, 4), "w3": _t_eights(12, 6)}
_t_check_rewrite(Graph((_t_q("x", "input"), *_t_layer(1, "x", 12, 6)), ("y1",)), _t_feeds8, ["y1:qlinear"], tr(es="Una capa con relu.", en="A layer with relu."))
_t_check_rewrite(Graph((_t_q("x", "input"), *_t_layer(1, "x", 12, 6, relu=False)), ("y1",)), _t_feeds8, ["y1:qlinear"], tr(es="Una capa sin relu.", en="A layer without relu."))
_t_check_rewrite(Graph((_t_q("x", "input"), *_t_layer(1, "x", 12, 6)), ("y1", "a1")), _t_feeds8, ["xr1:dequantize", "wr1:dequantize", "h1:matmul", "a1:add", "r1:relu", "y1:quantize"], tr(es="El valor real a1 también es una salida: la capa no se puede reescribir.", en="The real value a1 is an output, too: the layer cannot be rewritten."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_two = (_t_q("x", "input"), *_t_layer(1, "x", 12, 6), *_t_layer(2, "y1", 6, 4, relu=False, scale=0.05, zx=-20), _t_q("end", "dequantize", "y2", scale=0.05, zero=-20))
_t_check_rewrite(Graph(_t_two, ("end",)), _t_feeds8, ["y1:qlinear", "y2:qlinear", "end:dequantize"], tr(es="Dos capas seguidas: entre una y otra no hay reales.", en="Two layers in a row: between them there are no reals."))
_t_check_rewrite(
    Graph((_t_q("x", "input"), *_t_layer(1, "x", 12, 6), _t_q("t", "tanh", "xr1")), ("y1", "t")), _t_feeds8, ["xr1:dequantize", "y1:qlinear", "t:tanh"],
    tr(es="tanh también usa xr1: la capa se reescribe, y ese dequantize se queda para tanh.", en="tanh uses xr1, too: the layer is rewritten, and that dequantize stays for tanh."),
)
_t_check_rewrite(Graph((_t_q("x", "input"), *_t_layer(1, "x", 12, 6, zero=3)), ("y1",)), _t_feeds8, ["xr1:dequantize", "wr1:dequantize", "h1:matmul", "a1:add", "r1:relu", "y1:quantize"], tr(es="Los pesos no son simétricos (su cero es 3): esa fórmula no vale.", en="The weights are not symmetric (their zero is 3): that formula does not hold."))
_t_check_rewrite(
    Graph((_t_q("x", "input"), *_t_layer(1, "x", 12, 6)[:-1], _t_q("t", "tanh", "r1"), _t_q("y1", "quantize", "t", scale=0.01, zero=0)), ("y1",)), _t_feeds8, ["xr1:dequantize", "wr1:dequantize", "h1:matmul", "a1:add", "r1:relu", "t:tanh", "y1:quantize"],
    tr(es="Entre relu y quantize hay un tanh: falta una pieza, y no se reescribe.", en="Between relu and quantize there is a tanh: a piece is missing, and it is not rewritten."),
)
_t_check_rewrite(
    Graph((_t_q("x", "input"), *_t_layer(1, "x", 12, 6), *_t_layer(3, "x", 12, 6, relu=False), _t_q("s", "add", "r1", "a3"), _t_q("y4", "quantize", "s", scale=0.1, zero=0)), ("y1", "y3", "y4")), _t_feeds8,
    ["xr1:dequantize", "wr1:dequantize", "h1:matmul", "a1:add", "r1:relu", "y1:quantize", "xr3:dequantize", "wr3:dequantize", "h3:matmul", "a3:add", "y3:quantize", "s:add", "y4:quantize"],
    tr(es="Los valores reales r1 y a3 los usa además una suma: no se reescribe ninguna capa.", en="A sum uses the real values r1 and a3 as well: neither layer is rewritten."),
)
_t_more = [_t_q("v0", "input"), _t_q("x", "quantize", "v0", scale=0.02, zero=-5), *_t_layer(1, "x", 12, 6), _t_q("z", "dequantize", "y1", scale=0.05, zero=-20)]
_t_check_rewrite(Graph(tuple(_t_more), ("z", "x")), {**_t_feeds8, "v0": _t_rng.normal(size=(40, 12))}, ["x:quantize", "y1:qlinear", "z:dequantize"], tr(es="La entrada es real y se cuantiza: ese quantize se queda.", en="The input is real and is quantized: that quantize stays."))
### END HIDDEN TESTS

# %% wrong="qdq" score=4 says_es="la suma no cabe en 8 bits" says_en="the sum does not fit in 8 bits"
# es: Si las dos matrices son int8, su producto también.
# en: If both matrices are int8, so is their product.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx).astype(np.int8) @ w + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=4 says_es="el producto necesita 64" says_en="the product takes 64"
# es: Todo es de 32 bits, también el producto por m0.
# en: All of it is 32-bit, the product by m0 as well.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + (((acc * m0).astype(np.int32).astype(np.int64) + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=4 says_es="un float32 solo tiene 24" says_en="a float32 has only 24"
# es: El acumulador puede ser float32, que es más rápido y tiene más rango.
# en: The accumulator may be float32, which is faster and has more range.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.float32) - zx) @ w.astype(np.float32) + np.asarray(bias, dtype=np.float32)
    acc = acc.astype(np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=4 says_es="se resta antes de multiplicar" says_en="is subtracted before multiplying"
# es: El cero solo importa al volver a reales: los enteros se multiplican tal cual.
# en: Zero matters only on the way back to reals: integers are multiplied as they are.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = x.astype(np.int64) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=4 says_es="se redondea, no se trunca" says_en="one does not truncate"
# es: Desplazar es dividir: con eso basta.
# en: To shift is to divide: that is enough.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=4 says_es="es el entero zy" says_en="is the integer zy"
# es: relu deja en 0 los enteros negativos.
# en: relu sets negative integers to 0.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, 0 if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=3 says_es="tiene su escala, sx · sw" says_en="has its scale, sx · sw"
# es: El sesgo es un parámetro más: se cuantiza con la escala de los pesos.
# en: The bias is one more parameter: it is quantized with the scale of the weights.
def bias_to_int(bias, sx, sw):
    return [round(b / s) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=5 says_es="se desborda un entero de 32 bits" says_en="a signed 32-bit integer overflows"
# es: frexp y redondear: la mantisa es menor que 1, luego m0 cabe.
# en: frexp and round: the mantissa is less than 1, so m0 fits.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    def only(name, op):
        """The node called `name` if it is an `op` that nobody else uses."""
        return at[name] if at[name].op == op and uses.count(name) == 1 else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=4 says_es="mientras haya un dequantize antes del matmul" says_en="as long as there is a dequantize before the matmul"
# es: El compilador ya sabrá: se quita relu, que lo hace el recorte de quantize, y el resto queda en Q-DQ.
# en: The compiler will know: relu goes, since the clipping of quantize does it, and the rest stays in Q-DQ.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    uses = [name for node in graph.nodes for name in node.inputs] + list(graph.outputs)

    nodes = []
    for node in graph.nodes:
        before = at[node.inputs[0]] if node.op == "quantize" else None
        if before and before.op == "relu" and dict(node.attrs)["zero"] == -128 and uses.count(before.name) == 1:
            node = replace(node, inputs=before.inputs)
        nodes.append(node)
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% wrong="qdq" score=4 says_es="también es una salida" says_en="is an output, too"
# es: El patrón está: se reescribe.
# en: The pattern is there: it is rewritten.
def bias_to_int(bias, sx, sw):
    return [round(b / (sx * s)) for b, s in zip(bias, sw, strict=True)]


def multiplier(real):
    mantissa, exponent = math.frexp(real)
    m0, shift = round(mantissa * 2**31), 31 - exponent
    if m0 == 2**31:
        m0, shift = m0 // 2, shift - 1
    return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    acc = (x.astype(np.int64) - zx) @ w.astype(np.int64) + np.asarray(bias, dtype=np.int64)
    m0, shift = np.asarray(m0, dtype=np.int64), np.asarray(shift, dtype=np.int64)
    y = zy + ((acc * m0 + (1 << (shift - 1))) >> shift)
    return np.clip(y, zy if relu else -128, 127).astype(np.int8)


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}

    def only(name, op):
        return at[name] if at[name].op == op else None

    def match(node):
        relu = only(node.inputs[0], "relu")
        add = only((relu or node).inputs[0], "add")
        matmul = add and only(add.inputs[0], "matmul")
        if not matmul or at[add.inputs[1]].op != "const":
            return node
        x, w = (at[name] for name in matmul.inputs)
        if x.op != "dequantize" or w.op != "dequantize" or dict(w.attrs)["zero"] != 0:
            return node
        x_is, w_is, y_is = dict(x.attrs), dict(w.attrs), dict(node.attrs)
        pairs = [multiplier(x_is["scale"] * scale / y_is["scale"]) for scale in w_is["scale"]]
        attrs = {
            "bias": tuple(bias_to_int(dict(at[add.inputs[1]].attrs)["value"], x_is["scale"], w_is["scale"])),
            "m0": tuple(m0 for m0, _ in pairs),
            "relu": relu is not None,
            "shift": tuple(shift for _, shift in pairs),
            "zx": x_is["zero"],
            "zy": y_is["zero"],
        }
        return Node(node.name, "qlinear", x.inputs + w.inputs, tuple(attrs.items()))

    nodes = [match(node) if node.op == "quantize" else node for node in graph.nodes]
    needed, kept = set(graph.outputs), []
    for node in reversed(nodes):
        if node.name in needed or node.op == "input":
            needed.update(node.inputs)
            kept.append(node)
    return Graph(tuple(reversed(kept)), graph.outputs)

# %% right="qdq"
# es: con fracciones exactas, columna a columna, y reescribiendo hacia delante con una tabla de patrones
# en: with exact fractions, column by column, and rewriting forwards with a table of patterns
from fractions import Fraction


def bias_to_int(bias, sx, sw):
    return np.rint(np.asarray(bias) / (sx * np.asarray(sw))).astype(np.int64)


def multiplier(real):
    about = 31 - math.ceil(math.log2(real))
    for shift in (about - 1, about, about + 1):
        m0 = math.floor(Fraction(real) * Fraction(2) ** shift + Fraction(1, 2))
        if 2**30 <= m0 < 2**31:
            return m0, shift


def qlinear(x, w, bias, m0, shift, zx, zy, relu):
    columns = []
    for j in range(w.shape[1]):
        # es: un float64 tiene 53 bits: la suma, de 32, es exacta
        # en: a float64 has 53 bits: the sum, of 32, is exact
        acc = [int(a) + bias[j] for a in (x.astype(float) - zx) @ w[:, j].astype(float)]
        rounded = [(2 * a * m0[j] + 2 ** shift[j]) // 2 ** (shift[j] + 1) for a in acc]
        columns.append([min(max(zy + r, zy if relu else -128), 127) for r in rounded])
    return np.array(columns, dtype=np.int8).T


def rewrite(graph):
    at = {node.name: node for node in graph.nodes}
    readers = {name: [node.name for node in graph.nodes for used in node.inputs if used == name] for name in at}
    for name in graph.outputs:
        readers[name].append("output")
    made = {}
    for quantize in [node for node in graph.nodes if node.op == "quantize"]:
        path, node = [], quantize
        while node.inputs and at[node.inputs[0]].op in ("relu", "add", "matmul", "dequantize"):
            node = at[node.inputs[0]]
            path.append(node)
            if node.op == "dequantize":
                break
        kinds = [node.op for node in path]
        if kinds not in (["relu", "add", "matmul", "dequantize"], ["add", "matmul", "dequantize"]):
            continue
        if any(len(readers[node.name]) > 1 for node in path[:-1]):
            continue
        add, matmul, x = path[-3:]
        bias, w = at[add.inputs[1]], at[matmul.inputs[1]]
        if bias.op != "const" or w.op != "dequantize" or dict(w.attrs)["zero"]:
            continue
        sx, sw, sy = (dict(node.attrs)["scale"] for node in (x, w, quantize))
        m0, shift = zip(*(multiplier(sx * s / sy) for s in sw), strict=True)
        new = dict(bias=bias_to_int(dict(bias.attrs)["value"], sx, sw).tolist(), m0=m0, shift=shift)
        new |= dict(zx=np.int64(dict(x.attrs)["zero"]), zy=dict(quantize.attrs)["zero"], relu=int("relu" in kinds))
        made[quantize.name] = Node(quantize.name, "qlinear", (x.inputs[0], w.inputs[0]), tuple(new.items()))
    nodes = [made.get(node.name, node) for node in graph.nodes]
    while True:
        used = {name for node in nodes for name in node.inputs} | set(graph.outputs)
        fewer = [node for node in nodes if node.name in used or node.op == "input"]
        if len(fewer) == len(nodes):
            return Graph(tuple(nodes), graph.outputs)
        nodes = fewer

# %% [markdown] lang="es" row="60"
# ## 6. Calibrar y repartir los bits (4 puntos)
#
# **a)** `calibrate(data, bits)` elige la escala de una activación simétrica: un valor `v` se guarda como `round(v / scale)`, recortado a $\pm(2^{bits-1}-1)$, con 2 bits o más. `data` es un diccionario con dos vectores de valores: `"calibration"`, apartados para esto, y `"test"`, los que servirán para informar del error.
# Con el máximo por tope no se recorta nada, pero un solo valor atípico deja a los demás casi sin niveles. Prueba cien topes, $\frac{1}{100}, \frac{2}{100}, \dots, 1$ del mayor valor absoluto; la escala de un tope es el tope entre $2^{bits-1}-1$. Devuelve la del menor error cuadrático medio; si empatan, la mayor. Al menos un valor no es 0.
#
# **b)** `choose_bits(layers, budget)`: con cuántos bits guardar los pesos de cada capa. Cada capa es un diccionario: `count`, cuántos pesos tiene, y `loss`, cuánto empeora el modelo si solo ella se guarda con 2, 3, 4 u 8 bits (las claves). Se supone que las pérdidas se suman. Una capa ocupa `count · bits / 8` bytes, redondeado hacia arriba.
# Devuelve la lista de bits con la menor pérdida total que cabe en `budget` bytes, o `None` si no cabe ninguna. Tiene que ser la mejor, no una buena. Son como mucho siete capas.
# %% [markdown] lang="en" row="60"
# ## 6. Calibrating, and sharing out the bits (4 points)
#
# **a)** `calibrate(data, bits)` chooses the scale of a symmetric activation: a value `v` is stored as `round(v / scale)`, clipped to $\pm(2^{bits-1}-1)$, with 2 bits or more. `data` is a dict with two vectors of values: `"calibration"`, set apart for this, and `"test"`, those that will serve to report the error.
# With the maximum as the top nothing is clipped, but a single outlier leaves the others nearly without levels. Try a hundred tops, $\frac{1}{100}, \frac{2}{100}, \dots, 1$ of the largest absolute value; the scale of a top is the top over $2^{bits-1}-1$. It returns that of the least mean squared error; in a tie, the largest. At least one value is not 0.
#
# **b)** `choose_bits(layers, budget)`: with how many bits to store the weights of each layer. Each layer is a dict: `count`, how many weights it has, and `loss`, how much worse the model is if only that layer is stored with 2, 3, 4 or 8 bits (the keys). Losses are assumed to add up. A layer takes `count · bits / 8` bytes, rounded up.
# It returns the list of bits with the least total loss that fits in `budget` bytes, or `None` if none fits. It has to be the best one, not a good one. There are at most seven layers.

# %% answer="bits"
def calibrate(data, bits):
    ### BEGIN SOLUTION
    values, levels = np.asarray(data["calibration"], dtype=float), 2 ** (bits - 1) - 1

    def error(scale):
        stored = np.clip(np.round(values / scale), -levels, levels)
        return np.mean((values - stored * scale) ** 2)

    scales = [np.abs(values).max() * part / 100 / levels for part in range(100, 0, -1)]
    return min(scales, key=error)  # the first of those that tie: the largest
    ### END SOLUTION


def choose_bits(layers, budget):
    ### BEGIN SOLUTION
    # es: lo mejor con cada número de bytes, capa a capa
    # en: the best with each number of bytes, layer by layer
    best = {0: (0, [])}
    for layer in layers:
        more = {}
        for used, (loss, bits) in best.items():
            for width, extra in layer["loss"].items():
                total = used + math.ceil(layer["count"] * width / 8)
                if total <= budget and (total not in more or loss + extra < more[total][0]):
                    more[total] = (loss + extra, [*bits, width])
        best = more
    return min(best.values())[1] if best else None
    ### END SOLUTION

# %% test="bits/calibrate" points=1 row="60" objective="7.5"
import itertools as _t_itertools
import math as _t_math
import random as _t_random

import numpy as _t_np
from mlprod import checks


def _t_mse(values, scale, bits):
    levels = 2 ** (bits - 1) - 1
    return float(_t_np.mean((values - _t_np.clip(_t_np.rint(values / scale), -levels, levels) * scale) ** 2))


def _t_check_scale(values, bits, why):
    values = _t_np.asarray(values, dtype=float)
    top, levels = float(_t_np.abs(values).max()), 2 ** (bits - 1) - 1
    got = checks.number(calibrate({"calibration": values.copy(), "test": values[::-1].copy()}, bits), why)
    about = why + tr(es=f" ({len(values)} valores, el mayor {top:.4g}; {bits} bits)", en=f" ({len(values)} values, the largest {top:.4g}; {bits} bits)")
    assert got > 0, about + tr(es=f"\n  Se esperaba una escala positiva y ha llegado {got}.", en=f"\n  A positive scale was expected and {got} came.")
    errors = {part: _t_mse(values, top * part / 100 / levels, bits) for part in range(1, 101)}
    least = min(errors.values())
    best = [top * part / 100 / levels for part in errors if errors[part] <= least * (1 + 1e-9)]
    assert any(_t_math.isclose(got, scale, rel_tol=1e-9) for scale in best), about + tr(
        es=f"\n  Con tu escala, {got:.6g}, el error cuadrático medio es {_t_mse(values, got, bits):.4g}; con {max(best):.6g}, {least:.4g}; con el máximo por tope, {errors[100]:.4g}. El máximo lo decide un solo valor atípico.",
        en=f"\n  With your scale, {got:.6g}, the mean squared error is {_t_mse(values, got, bits):.4g}; with {max(best):.6g}, {least:.4g}; with the maximum as top, {errors[100]:.4g}. The maximum is decided by a single outlier.",
    )


_t_values_rng = _t_np.random.default_rng(600)
_t_bell = _t_values_rng.normal(size=400)
_t_check_scale(_t_bell, 4, tr(es="Una campana.", en="A bell."))
_t_check_scale(_t_np.append(_t_bell, 40.0), 4, tr(es="La misma campana y un 40.", en="The same bell and a 40."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_scale(_t_np.append(_t_bell, -40.0), 8, tr(es="Otra campana, con el valor atípico negativo y 8 bits.", en="Another bell, with a negative outlier and 8 bits."))
for _t_bits in (2, 3, 4, 6, 8):
    _t_check_scale(_t_values_rng.standard_t(3, size=300) * 7, _t_bits, tr(es="Colas largas.", en="Long tails."))
    _t_check_scale(_t_values_rng.uniform(-1, 1, size=300), _t_bits, tr(es="Uniforme: apenas conviene recortar.", en="Uniform: clipping hardly helps."))
    _t_check_scale(_t_np.maximum(_t_values_rng.normal(size=300), 0), _t_bits, tr(es="Después de una relu.", en="After a relu."))
### END HIDDEN TESTS

# %% test="bits/apart" points=1 row="60" objective="7.5"
def _t_check_apart(first, second, bits, why):
    values = _t_np.asarray(first, dtype=float)
    one = checks.number(calibrate({"calibration": values.copy(), "test": _t_np.asarray(first, dtype=float)}, bits), why)
    other = checks.number(calibrate({"calibration": values.copy(), "test": _t_np.asarray(second, dtype=float)}, bits), why)
    assert _t_math.isclose(one, other, rel_tol=1e-12), why + tr(es=f"\n  Con los mismos datos de calibración y otros de prueba, la escala pasa de {one:.6g} a {other:.6g}: se ha calibrado con los datos de prueba, y su error ya no dice cómo irá con datos nuevos.", en=f"\n  With the same calibration data and other test data, the scale goes from {one:.6g} to {other:.6g}: it has been calibrated on the test data, and their error no longer says how it will do on new data.")
    twice = checks.number(calibrate({"calibration": values * 2, "test": _t_np.asarray(second, dtype=float)}, bits), why)
    assert _t_math.isclose(twice, 2 * one, rel_tol=1e-6), why + tr(es=f"\n  Con los datos de calibración multiplicados por dos, la escala pasa de {one:.6g} a {twice:.6g} y se esperaba el doble: no sale de ellos.", en=f"\n  With the calibration data multiplied by two, the scale goes from {one:.6g} to {twice:.6g} and twice as much was expected: it does not come from them.")


_t_check_apart(_t_bell, _t_bell * 3, 4, tr(es="Los datos de prueba son tres veces mayores.", en="The test data are three times larger."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_apart(_t_bell, [100.0], 8, tr(es="Un solo dato de prueba, enorme.", en="A single, huge test value."))
_t_check_apart(_t_bell * 0.1, _t_values_rng.normal(size=50), 3, tr(es="Otros datos.", en="Other data."))
### END HIDDEN TESTS

# %% test="bits/choose" points=2 row="60" objective="7.5"
def _t_bits_cost(layers, bits):
    return sum(-(-layer["count"] * width // 8) for layer, width in zip(layers, bits, strict=True)), sum(layer["loss"][width] for layer, width in zip(layers, bits, strict=True))


def _t_check_bits(layers, budget, why):
    with checks.ends(why + tr(es="\n  choose_bits no acaba.", en="\n  choose_bits does not end.")):
        got = checks.plain(choose_bits([{"count": layer["count"], "loss": dict(layer["loss"])} for layer in layers], budget), why)
    fitting = [(loss, bits) for bits in _t_itertools.product((2, 3, 4, 8), repeat=len(layers)) for used, loss in [_t_bits_cost(layers, bits)] if used <= budget]
    shown = why + "".join(f"\n    {layer}" for layer in layers) + f"\n  budget = {budget}"
    if not fitting:
        assert got is None, shown + tr(es=f"\n  Ni con 2 bits cabe: se esperaba None y ha llegado {got!r}.", en=f"\n  Not even with 2 bits does it fit: None was expected and {got!r} came.")
        return
    assert isinstance(got, list) and len(got) == len(layers) and all(width in (2, 3, 4, 8) for width in got), shown + tr(es=f"\n  Se esperaba una lista con los bits de cada capa y ha llegado {got!r}.", en=f"\n  A list with the bits of each layer was expected and {got!r} came.")
    (used, loss), (least, best) = _t_bits_cost(layers, got), min(fitting)
    assert used <= budget, shown + tr(es=f"\n  {got} ocupa {used} bytes y no cabe (8 bits son un byte; cada capa se redondea hacia arriba).", en=f"\n  {got} takes {used} bytes and does not fit (8 bits are a byte; each layer is rounded up).")
    uniform = [width for width in (2, 3, 4, 8) if _t_bits_cost(layers, [width] * len(layers))[0] <= budget]
    told = tr(es=f" (con los mismos bits en todas, {_t_bits_cost(layers, [max(uniform)] * len(layers))[1]})", en=f" (with the same bits in all, {_t_bits_cost(layers, [max(uniform)] * len(layers))[1]})") if uniform else ""
    assert loss <= least + 1e-9, shown + tr(es=f"\n  {got} ocupa {used} bytes y pierde {loss}; {list(best)} ocupa {_t_bits_cost(layers, best)[0]} y pierde {least}{told}. Los bits van a donde ahorran más pérdida por byte, y no sobra sitio.", en=f"\n  {got} takes {used} bytes and loses {loss}; {list(best)} takes {_t_bits_cost(layers, best)[0]} and loses {least}{told}. Bits go where they save more loss per byte, and no room is left over.")


_t_three_layers = [
    {"count": 800, "loss": {2: 90, 3: 40, 4: 10, 8: 1}},
    {"count": 8000, "loss": {2: 12, 3: 6, 4: 3, 8: 0}},
    {"count": 4000, "loss": {2: 60, 3: 20, 4: 9, 8: 2}},
]
_t_check_bits(_t_three_layers, 6400, tr(es="Caben 4 bits en todas; la pequeña es la más delicada.", en="4 bits fit in all; the small one is the most delicate."))
_t_check_bits(_t_three_layers, 3199, tr(es="Falta un byte.", en="One byte is lacking."))
_t_check_bits([{"count": 3, "loss": {2: 9, 3: 4, 4: 2, 8: 0}}] * 3, 6, tr(es="Tres pesos de 3 bits son dos bytes.", en="Three weights of 3 bits are two bytes."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_bits(_t_three_layers, 3200, tr(es="Cabe justo con 2 bits.", en="It just fits with 2 bits."))
_t_check_bits([{"count": 1000, "loss": {2: 10, 3: 9, 4: 1, 8: 0}}, {"count": 1000, "loss": {2: 10, 3: 7, 4: 6, 8: 5}}], 750, tr(es="El mejor primer paso no lleva al mejor final.", en="The best first step does not lead to the best end."))
_t_check_bits(_t_three_layers, 10**6, tr(es="Sobra sitio.", en="There is room to spare."))
_t_chance = _t_random.Random(606)
for _t_turn in range(60):
    _t_layers = []
    for _ in range(_t_chance.choice([1, 2, 3, 4, 5])):
        _t_drops = sorted((_t_chance.randint(0, 200) for _ in range(4)), reverse=True)
        _t_layers.append({"count": _t_chance.choice([5, 40, 333, 1000, 2500]), "loss": dict(zip((2, 3, 4, 8), _t_drops, strict=True))})
    _t_least, _t_most = _t_bits_cost(_t_layers, [2] * len(_t_layers))[0], _t_bits_cost(_t_layers, [8] * len(_t_layers))[0]
    _t_check_bits(_t_layers, _t_chance.randint(_t_least - 5, _t_most + 5), tr(es=f"Red al azar número {_t_turn}.", en=f"Random network number {_t_turn}."))
### END HIDDEN TESTS

# %% wrong="bits" score=3 says_es="lo decide un solo valor atípico" says_en="is decided by a single outlier"
# es: Que quepan todos: la escala es el máximo entre los niveles.
# en: All must fit: the scale is the maximum over the levels.
def calibrate(data, bits):
    values, levels = np.asarray(data["calibration"], dtype=float), 2 ** (bits - 1) - 1

    return np.abs(values).max() / levels


def choose_bits(layers, budget):
    best = {0: (0, [])}
    for layer in layers:
        more = {}
        for used, (loss, bits) in best.items():
            for width, extra in layer["loss"].items():
                total = used + math.ceil(layer["count"] * width / 8)
                if total <= budget and (total not in more or loss + extra < more[total][0]):
                    more[total] = (loss + extra, [*bits, width])
        best = more
    return min(best.values())[1] if best else None

# %% wrong="bits" score=3 says_es="se ha calibrado con los datos de prueba" says_en="calibrated on the test data"
# es: Cuantos más datos, mejor: se calibra con todos.
# en: The more data, the better: it is calibrated on all of them.
def calibrate(data, bits):
    values, levels = np.concatenate([data["calibration"], data["test"]]), 2 ** (bits - 1) - 1

    def error(scale):
        stored = np.clip(np.round(values / scale), -levels, levels)
        return np.mean((values - stored * scale) ** 2)

    scales = [np.abs(values).max() * part / 100 / levels for part in range(100, 0, -1)]
    return min(scales, key=error)


def choose_bits(layers, budget):
    best = {0: (0, [])}
    for layer in layers:
        more = {}
        for used, (loss, bits) in best.items():
            for width, extra in layer["loss"].items():
                total = used + math.ceil(layer["count"] * width / 8)
                if total <= budget and (total not in more or loss + extra < more[total][0]):
                    more[total] = (loss + extra, [*bits, width])
        best = more
    return min(best.values())[1] if best else None

# %% wrong="bits" score=3 says_es="lo decide un solo valor atípico" says_en="is decided by a single outlier"
# es: Se tira el 1 % más grande, siempre.
# en: The largest 1% is thrown away, always.
def calibrate(data, bits):
    values, levels = np.asarray(data["calibration"], dtype=float), 2 ** (bits - 1) - 1

    return np.quantile(np.abs(values), 0.99) / levels


def choose_bits(layers, budget):
    best = {0: (0, [])}
    for layer in layers:
        more = {}
        for used, (loss, bits) in best.items():
            for width, extra in layer["loss"].items():
                total = used + math.ceil(layer["count"] * width / 8)
                if total <= budget and (total not in more or loss + extra < more[total][0]):
                    more[total] = (loss + extra, [*bits, width])
        best = more
    return min(best.values())[1] if best else None

# %% wrong="bits" score=2 says_es="con los mismos bits en todas" says_en="with the same bits in all"
# es: Los mismos bits para todas, los que quepan.
# en: The same bits for all, as many as fit.
def calibrate(data, bits):
    values, levels = np.asarray(data["calibration"], dtype=float), 2 ** (bits - 1) - 1

    def error(scale):
        stored = np.clip(np.round(values / scale), -levels, levels)
        return np.mean((values - stored * scale) ** 2)

    scales = [np.abs(values).max() * part / 100 / levels for part in range(100, 0, -1)]
    return min(scales, key=error)


def choose_bits(layers, budget):
    for width in (8, 4, 3, 2):
        if sum(math.ceil(layer["count"] * width / 8) for layer in layers) <= budget:
            return [width] * len(layers)

# %% wrong="bits" score=2 says_es="ahorran más pérdida por byte" says_en="save more loss per byte"
# es: Lo que más ahorra es recortar la capa más grande, y después la siguiente.
# en: What saves most is cutting the largest layer, and then the next one.
def calibrate(data, bits):
    values, levels = np.asarray(data["calibration"], dtype=float), 2 ** (bits - 1) - 1

    def error(scale):
        stored = np.clip(np.round(values / scale), -levels, levels)
        return np.mean((values - stored * scale) ** 2)

    scales = [np.abs(values).max() * part / 100 / levels for part in range(100, 0, -1)]
    return min(scales, key=error)


def choose_bits(layers, budget):
    bits = [8] * len(layers)
    for at in sorted(range(len(layers)), key=lambda at: -layers[at]["count"]):
        for width in (8, 4, 3, 2):
            bits[at] = width
            if sum(math.ceil(layer["count"] * b / 8) for layer, b in zip(layers, bits, strict=True)) <= budget:
                return bits
    return None

# %% wrong="bits" score=2 says_es="ahorran más pérdida por byte" says_en="save more loss per byte"
# es: Se sube, paso a paso, la capa que más mejora por byte: lo mejor en cada paso es lo mejor al final.
# en: Step by step, the layer that improves most per byte is raised: the best at each step is the best at the end.
def calibrate(data, bits):
    values, levels = np.asarray(data["calibration"], dtype=float), 2 ** (bits - 1) - 1

    def error(scale):
        stored = np.clip(np.round(values / scale), -levels, levels)
        return np.mean((values - stored * scale) ** 2)

    scales = [np.abs(values).max() * part / 100 / levels for part in range(100, 0, -1)]
    return min(scales, key=error)


def choose_bits(layers, budget):
    def size(bits):
        return sum(math.ceil(layer["count"] * b / 8) for layer, b in zip(layers, bits, strict=True))

    bits, widths = [2] * len(layers), [2, 3, 4, 8]
    if size(bits) > budget:
        return None
    while True:
        steps = []
        for at, layer in enumerate(layers):
            if bits[at] < 8:
                up = widths[widths.index(bits[at]) + 1]
                new = [*bits[:at], up, *bits[at + 1 :]]
                if size(new) <= budget:
                    gain = layer["loss"][bits[at]] - layer["loss"][up]
                    steps.append((gain / (size(new) - size(bits) or 0.5), new))
        if not steps:
            return bits
        bits = max(steps)[1]

# %% wrong="bits" score=2 says_es="no cabe" says_en="does not fit"
# es: El presupuesto son los bits de todos los pesos entre ocho, sin mirar cada capa.
# en: The budget is the bits of all the weights over eight, without looking at each layer.
def calibrate(data, bits):
    values, levels = np.asarray(data["calibration"], dtype=float), 2 ** (bits - 1) - 1

    def error(scale):
        stored = np.clip(np.round(values / scale), -levels, levels)
        return np.mean((values - stored * scale) ** 2)

    scales = [np.abs(values).max() * part / 100 / levels for part in range(100, 0, -1)]
    return min(scales, key=error)


def choose_bits(layers, budget):
    best = {0: (0, [])}
    for layer in layers:
        more = {}
        for used, (loss, bits) in best.items():
            for width, extra in layer["loss"].items():
                total = used + layer["count"] * width / 8
                if total <= budget and (total not in more or loss + extra < more[total][0]):
                    more[total] = (loss + extra, [*bits, width])
        best = more
    return min(best.values())[1] if best else None

# %% right="bits"
# es: error por niveles en una tabla, y todas las combinaciones
# en: errors in a table, and all the combinations
from itertools import product


def calibrate(data, bits):
    values = np.array(data["calibration"])
    top, scale = 2 ** (bits - 1) - 1, max(abs(values.min()), abs(values.max()))
    scales = scale * np.arange(1, 101)[:, None] / (100 * top)
    stored = np.rint(values / scales).clip(-top, top)
    errors = ((values - scales * stored) ** 2).sum(axis=1)
    return float(scales[100 - 1 - errors[::-1].argmin(), 0])


def choose_bits(layers, budget):
    best, least = None, math.inf
    for bits in product(*[layer["loss"] for layer in layers]):
        total = sum(-(-layer["count"] * width // 8) for layer, width in zip(layers, bits, strict=True))
        loss = sum(layer["loss"][width] for layer, width in zip(layers, bits, strict=True))
        if total <= budget and loss < least:
            best, least = bits, loss
    return best

# %% [markdown] lang="es" row="61"
# ## 7. Buscar la tesela (5 puntos)
#
# Multiplicar una matriz de `(M, K)` por otra de `(K, N)` se hace por teselas (*tiles*), porque enteras no caben en la memoria rápida del chip. El tamaño de la tesela, `(m, n, k)`, es parte de la **planificación** (*schedule*): no cambia el resultado y cambia mucho el tiempo. Un chip inventado es un diccionario:
#
# | campo | qué es |
# |---|---|
# | `rows`, `cols` | su unidad de cálculo hace `rows` × `cols` productos en cada ciclo |
# | `scratch` | bytes de memoria rápida |
# | `bandwidth` | bytes que trae o lleva por ciclo entre la memoria grande y la rápida |
# | `overhead` | ciclos que cuesta poner en marcha cada tesela |
#
# **a)** `tile_cost(chip, shape, tile)` da los ciclos, sin redondear: lo que se tarda en traer o llevar números puede no ser entero. `shape` es `(M, N, K)` y `tile`, `(m, n, k)`; los números son de 4 bytes.
#
# - En la memoria rápida tienen que caber a la vez una tesela de cada matriz: `m·k`, `k·n` y `m·n` números. Si no caben, `math.inf`.
# - Hay `⌈M/m⌉ · ⌈N/n⌉ · ⌈K/k⌉` teselas. Las del borde, aunque estén medio vacías, cuestan como las demás.
# - Cada tesela calcula durante `⌈m/rows⌉ · ⌈n/cols⌉ · k` ciclos y, **mientras**, se traen `m·k + k·n` números, los de la siguiente (en la última, también, para no hacer excepciones): cuesta lo que tarde más de las dos cosas, y `overhead`.
# - Además, cada tesela del resultado (hay `⌈M/m⌉ · ⌈N/n⌉`) se escribe una vez: `m·n` números.
#
# **b)** `search(costs, space, budget)` busca sin conocer la fórmula, como un compilador que prueba en un aparato nuevo. `space` es un diccionario con los valores posibles de `m`, `n` y `k`, en orden creciente. `costs` es una lista de funciones, una para cada tamaño de matriz que va a tener el modelo: cada una dice lo que cuesta una tesela (`math.inf` si no cabe).
# Se compila una sola vez, así que hay que devolver **una** tesela `(m, n, k)`: la de menor coste total. Solo se puede preguntar `budget` veces en total, sumando todas las funciones; repetir una pregunta también cuenta.
#
# Hay 3375 teselas posibles y 100 preguntas por función. Se pide que, de media geométrica en muchos chips y tamaños, tu tesela cueste como mucho un 20 % más que la mejor. Al azar y sin más no basta. Si usas números al azar, fija la semilla.
#
# **c)** `tune(chips, space, budget)`: lo mismo para varios chips. `chips` es un diccionario que da la lista `costs` de cada uno; devuelve la tesela de cada uno, con `budget` preguntas **en total** (100 por función, también). Aquí la media puede llegar a un 30 % más.
# %% [markdown] lang="en" row="61"
# ## 7. Searching for the tile (5 points)
#
# Multiplying a matrix of `(M, K)` by another of `(K, N)` is done by tiles, because whole they do not fit in the chip's fast memory. The size of the tile, `(m, n, k)`, is part of the **schedule**: it does not change the result and it changes the time a lot. A made-up chip is a dict:
#
# | field | what it is |
# |---|---|
# | `rows`, `cols` | its unit does `rows` × `cols` products in each cycle |
# | `scratch` | bytes of fast memory |
# | `bandwidth` | bytes that it brings or takes per cycle between the large memory and the fast one |
# | `overhead` | cycles that starting each tile costs |
#
# **a)** `tile_cost(chip, shape, tile)` gives the cycles, not rounded: what bringing or taking numbers costs may not be an integer. `shape` is `(M, N, K)` and `tile`, `(m, n, k)`; numbers take 4 bytes.
#
# - The fast memory must hold at once a tile of each matrix: `m·k`, `k·n` and `m·n` numbers. If they do not fit, `math.inf`.
# - There are `⌈M/m⌉ · ⌈N/n⌉ · ⌈K/k⌉` tiles. Those on the edge, even if half empty, cost as much as the others.
# - Each tile computes for `⌈m/rows⌉ · ⌈n/cols⌉ · k` cycles and, **meanwhile**, `m·k + k·n` numbers are brought, those of the next one (in the last one, too, to make no exceptions): it costs whichever of the two takes longer, and `overhead`.
# - Besides, each tile of the result (there are `⌈M/m⌉ · ⌈N/n⌉`) is written once: `m·n` numbers.
#
# **b)** `search(costs, space, budget)` searches without knowing the formula, as a compiler that tries things on a new device does. `space` is a dict with the possible values of `m`, `n` and `k`, in increasing order. `costs` is a list of functions, one for each size of matrix that the model will have: each one says what a tile costs (`math.inf` if it does not fit).
# One compiles only once, so **one** tile `(m, n, k)` must be returned: that of the least total cost. Only `budget` questions may be asked in all, all functions together; repeating a question counts, too.
#
# There are 3375 possible tiles and 100 questions a function. It is asked that, in the geometric mean over many chips and sizes, your tile cost at most 20% more than the best one. Chance alone is not enough. If you use random numbers, fix the seed.
#
# **c)** `tune(chips, space, budget)`: the same for several chips. `chips` is a dict that gives the list `costs` of each one; it returns each one's tile, with `budget` questions **in all** (100 a function, again). Here the mean may be up to 30% more.

# %%
CHIP = {"rows": 8, "cols": 32, "scratch": 64 * 1024, "bandwidth": 16, "overhead": 200}
OTHER_CHIP = {"rows": 16, "cols": 16, "scratch": 24 * 1024, "bandwidth": 8, "overhead": 60}
SIDES = [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
SPACE = {"m": SIDES, "n": SIDES, "k": SIDES}

# %% answer="tiles"
def tile_cost(chip, shape, tile):
    ### BEGIN SOLUTION
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)
    ### END SOLUTION


def search(costs, space, budget):
    ### BEGIN SOLUTION
    # es: un tercio del presupuesto, al azar; desde lo mejor, y desde nuevos sitios, cuesta abajo con pasos de uno o dos
    # en: a third of the budget, at random; from the best, and from new places, downhill in steps of one or two
    chance, axes, known = random.Random(7), list(space.values()), {}

    def ask(tile):
        """The total cost; infinite when there is no budget left for asking."""
        if tile not in known:
            if (len(known) + 1) * len(costs) > budget:
                return math.inf
            known[tile] = sum(cost(tile) for cost in costs)
        return known[tile]

    def anywhere():
        return tuple(chance.choice(axis) for axis in axes)

    for _ in range(budget // len(costs) // 3):
        ask(anywhere())
    starts = sorted(known, key=known.get)[:3]
    for _ in range(20):
        here = starts.pop(0) if starts else anywhere()
        moved = ask(here) < math.inf
        while moved:
            moved = False
            for axis in range(3):
                for step in (1, -1, 2, -2):
                    at = axes[axis].index(here[axis]) + step
                    if 0 <= at < len(axes[axis]):
                        there = here[:axis] + (axes[axis][at],) + here[axis + 1 :]
                        if ask(there) < ask(here):
                            here, moved = there, True
    return min(known, key=known.get)
    ### END SOLUTION


def tune(chips, space, budget):
    ### BEGIN SOLUTION
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}
    ### END SOLUTION

# %% test="tiles/cost" points=1 row="61" objective="7.6"
import itertools as _t_itertools
import math as _t_math
import random as _t_random

from mlprod import checks

_t_SIDES = [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
_t_SPACE = {"m": _t_SIDES, "n": _t_SIDES, "k": _t_SIDES}


def _t_a_chip(rows, cols, scratch, bandwidth, overhead):
    return dict(locals())


def _t_cycles(chip, shape, tile, odd=0):
    """tile_cost; `odd` is what no formula says: the penalty of tiles whose rows fall on one bank of memory."""
    need = [tile[0] * tile[2], tile[2] * tile[1], tile[0] * tile[1]]
    if sum(need) * 4 > chip["scratch"]:
        return _t_math.inf
    count = [-(-side // part) for side, part in zip(shape, tile, strict=True)]
    busy = -(-tile[0] // chip["rows"]) * -(-tile[1] // chip["cols"]) * tile[2] * (1 + (odd if tile[1] % 64 == 0 else 0))
    each = max(busy, 4 * (need[0] + need[1]) / chip["bandwidth"]) + chip["overhead"]
    return count[0] * count[1] * count[2] * each + count[0] * count[1] * 4 * need[2] / chip["bandwidth"]


def _t_check_cost(chip, shape, tile, why):
    got = tile_cost(dict(chip), shape, tile)
    about = why + f"\n  {chip}\n  tile_cost(chip, {shape}, {tile})"
    want = _t_cycles(chip, shape, tile)
    if _t_math.isinf(want):
        assert checks.plain(got, about) == _t_math.inf, about + tr(es=f": la tesela no cabe en la memoria rápida, se esperaba math.inf y ha llegado {got!r}.", en=f": the tile does not fit in the fast memory, math.inf was expected and {got!r} came.")
    else:
        checks.same(checks.number(got, about), want, about)


_t_chip = _t_a_chip(8, 32, 64 * 1024, 16, 200)
_t_check_cost(_t_chip, (128, 128, 128), (64, 64, 64), tr(es="Una tesela que divide a la matriz.", en="A tile that divides the matrix."))
_t_check_cost(_t_chip, (130, 128, 128), (64, 64, 64), tr(es="130 filas en teselas de 64 son tres teselas, no 2.03: el resto cuesta como una tesela entera.", en="130 rows in tiles of 64 are three tiles, not 2.03: the remainder costs as much as a whole tile."))
_t_check_cost(_t_chip, (128, 128, 128), (9, 33, 64), tr(es="9 filas en una unidad de 8 son dos pasadas; y lo que se tarda en traer y llevar números no se redondea.", en="9 rows on a unit of 8 are two passes; and what bringing and taking numbers costs is not rounded."))
_t_check_cost(_t_chip, (512, 512, 512), (128, 128, 128), tr(es="Tres teselas de 64 KiB en 64 KiB.", en="Three tiles of 64 KiB in 64 KiB."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_chance = _t_random.Random(61)
for _t_turn in range(200):
    _t_made = _t_a_chip(_t_chance.choice([1, 4, 16, 128]), _t_chance.choice([1, 8, 32, 128]), _t_chance.choice([16, 64, 256]) * 1024, _t_chance.choice([2, 4, 16, 64]), _t_chance.choice([0, 50, 900]))
    _t_check_cost(_t_made, tuple(_t_chance.randint(1, 1500) for _ in range(3)), tuple(_t_chance.choice(_t_SIDES) for _ in range(3)), tr(es=f"Caso al azar número {_t_turn}.", en=f"Random case number {_t_turn}."))
_t_check_cost(_t_a_chip(8, 8, 48, 16, 10), (8, 8, 8), (2, 2, 2), tr(es="Justo lo que cabe.", en="Exactly what fits."))
### END HIDDEN TESTS

# %% test="tiles/search" points=2 row="61" objective="7.6"
_t_CHIPS = {
    "a": _t_chip,
    "b": _t_a_chip(64, 4, 256 * 1024, 64, 1500),
    "c": _t_a_chip(16, 16, 24 * 1024, 8, 60),
    "d": _t_a_chip(1, 128, 96 * 1024, 6, 100),
    "e": _t_a_chip(128, 1, 128 * 1024, 12, 800),
    "f": _t_a_chip(32, 8, 512 * 1024, 4, 400),
}
_t_SHAPES = [(512, 512, 512), (1000, 96, 300), (50, 1500, 200), (2000, 10, 777), (130, 130, 1030), (7, 3000, 450)]


class _t_Meter:
    """Counts the questions asked to all its functions; past the budget it answers no more."""

    def __init__(self, budget):
        self.budget, self.asked = budget, 0

    def function(self, chip, shape, odd=0.0):
        def cost(tile):
            self.asked += 1
            if self.asked > self.budget:
                raise RuntimeError("budget")
            return _t_cycles(chip, shape, tuple(int(side) for side in tile), odd)

        return cost

    def run(self, call, about):
        try:
            with checks.ends(about + tr(es="\n  La búsqueda no acaba: ¿qué pasa cuando ya no queda presupuesto, alrededor de una tesela que no cabe, o si vuelves a una que ya conocías?", en="\n  The search does not end: what happens when there is no budget left, around a tile that does not fit, or when you come back to one that you knew already?"), 20):
                return checks.plain(call(), about)
        except Exception:
            if self.asked <= self.budget:
                raise
        finally:
            assert self.asked <= self.budget, about + tr(es=f"\n  El presupuesto es de {self.budget} preguntas y has hecho más: probarlo todo no es buscar.", en=f"\n  The budget is {self.budget} questions and you have asked more: trying everything is not searching.")


def _t_a_tile(got, about):
    assert isinstance(got, list) and len(got) == 3 and all(side in _t_SIDES for side in got), about + tr(es=f"\n  Se esperaba una tesela (m, n, k) de space y ha llegado {got!r}.", en=f"\n  A tile (m, n, k) of space was expected and {got!r} came.")
    return tuple(got)


def _t_ratio(tile, chip, shapes, odd=0.0):
    """The tile's total cost over that of the best tile."""
    return sum(_t_cycles(chip, shape, tile, odd) for shape in shapes) / min(sum(_t_cycles(chip, shape, other, odd) for shape in shapes) for other in _t_itertools.product(_t_SIDES, repeat=3))


def _t_mean_ratio(ratios):
    return _t_math.exp(sum(map(_t_math.log, ratios)) / len(ratios))


def _t_check_search(cases, why, fault):
    """`cases`: (chip, shapes, odd). The geometric mean of what the answer costs over the best, within 20%."""
    found = []
    for chip, shapes, odd in cases:
        meter = _t_Meter(100 * len(shapes))
        about = why + f"\n  {chip}, (M, N, K) = {', '.join(map(str, shapes))}"
        tile = _t_a_tile(meter.run(lambda: search([meter.function(chip, shape, odd) for shape in shapes], {key: list(sides) for key, sides in _t_SPACE.items()}, meter.budget), about), about)
        ratio = _t_ratio(tile, chip, shapes, odd)
        assert _t_math.isfinite(ratio), about + tr(es=f"\n  La tesela {tile} no cabe.", en=f"\n  The tile {tile} does not fit.")
        found.append((ratio, tile, about))
    mean, worst = _t_mean_ratio([ratio for ratio, *_ in found]), max(found)
    assert mean <= 1.2, why + tr(
        es=f"\n  De media tus teselas cuestan {mean:.2f} veces la mejor, y se pide 1.2. El peor caso, {worst[0]:.2f} veces: {worst[1]}.{worst[2][len(why):]}\n  {fault}",
        en=f"\n  On average your tiles cost {mean:.2f} times the best, and 1.2 is asked. The worst case, {worst[0]:.2f} times: {worst[1]}.{worst[2][len(why):]}\n  {fault}",
    )


_t_hint = tr(es="¿Pruebas teselas que no sean cuadradas? ¿Sigues buscando cerca de las mejores, moviendo más de un lado?", en="Do you try tiles that are not square? Do you keep searching near the best ones, moving more than one side?")
_t_check_search([(_t_CHIPS[name], [shape], 0) for name in "abd" for shape in _t_SHAPES[:4]], tr(es="Doce búsquedas, con tres chips y un tamaño cada vez.", en="Twelve searches, with three chips and one size each time."), _t_hint)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_search([(chip, [shape], 0) for chip in _t_CHIPS.values() for shape in _t_SHAPES], tr(es="Seis chips y seis tamaños.", en="Six chips and six sizes."), _t_hint)
_t_check_search([(chip, [shape], 0.6) for chip in _t_CHIPS.values() for shape in _t_SHAPES], tr(es="Los mismos chips, con una rareza que la fórmula no dice: hay que preguntar.", en="The same chips, with an oddity that the formula does not tell: one has to ask."), _t_hint)
### END HIDDEN TESTS

# %% test="tiles/sizes" points=1 row="61" objective="7.6"
_t_hint = tr(es="Una tesela que es la mejor para un tamaño puede ser pésima para los demás: lo que cuenta es la suma de todos los costes.", en="A tile that is the best for one size may be terrible for the others: what counts is the sum of all the costs.")
_t_check_search([(_t_CHIPS[name], [_t_SHAPES[5], _t_SHAPES[3], _t_SHAPES[0]], 0) for name in "abce"], tr(es="Tres tamaños y una sola tesela.", en="Three sizes and a single tile."), _t_hint)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_search([(chip, shapes, 0) for chip in _t_CHIPS.values() for shapes in (_t_SHAPES[3:], _t_SHAPES[::-1], [_t_SHAPES[3], _t_SHAPES[2]])], tr(es="Otros tamaños, con seis chips.", en="Other sizes, with six chips."), _t_hint)
### END HIDDEN TESTS

# %% test="tiles/tune" points=1 row="61" objective="7.6"
def _t_check_tune(chips, why):
    meter = _t_Meter(100 * sum(len(shapes) for _, shapes in chips.values()))
    got = meter.run(lambda: tune({name: [meter.function(chip, shape) for shape in shapes] for name, (chip, shapes) in chips.items()}, {key: list(sides) for key, sides in _t_SPACE.items()}, meter.budget), why)
    assert isinstance(got, dict) and set(got) == set(chips), why + tr(es=f"\n  Se esperaba una tesela para cada uno de {', '.join(chips)}; ha llegado {got!r}.", en=f"\n  A tile for each of {', '.join(chips)} was expected; {got!r} came.")
    ratios = {name: _t_ratio(_t_a_tile(got[name], why), *chips[name]) for name in chips}
    mean = _t_mean_ratio(ratios.values()) if max(ratios.values()) < _t_math.inf else _t_math.inf
    if mean > 1.3:
        told = "; ".join(f"{name}: {tuple(got[name])} -> " + (f"{ratio:.2f}" if ratio < _t_math.inf else tr(es="no cabe", en="does not fit")) for name, ratio in ratios.items())
        raise AssertionError(why + tr(es=f"\n  Coste de cada tesela sobre la mejor de su chip: {told}. De media se pide 1.3; lo mejor en un chip no se lleva a otro: cada uno necesita su búsqueda.", en=f"\n  Cost of each tile over the best of its chip: {told}. On average 1.3 is asked; the best on one chip does not carry over to another: each one needs its search."))


_t_check_tune({"big": (_t_CHIPS["f"], _t_SHAPES[:1]), "small": (_t_CHIPS["c"], _t_SHAPES[:1]), "wide": (_t_CHIPS["b"], _t_SHAPES[:1])}, tr(es="La misma multiplicación en tres chips.", en="The same multiplication on three chips."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_tune({name: (chip, [_t_SHAPES[1]]) for name, chip in _t_CHIPS.items()}, tr(es="Seis chips.", en="Six chips."))
_t_check_tune({"small": (_t_CHIPS["c"], _t_SHAPES[:1]), "big": (_t_CHIPS["f"], _t_SHAPES[2:5])}, tr(es="Dos chips, uno de ellos con tres tamaños.", en="Two chips, one of them with three sizes."))
### END HIDDEN TESTS

# %% wrong="tiles" score=4 says_es="no 2.03" says_en="not 2.03"
# es: Hay M/m teselas: lo que sobra es poca cosa.
# en: There are M/m tiles: what is left over is little.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (side / part for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    chance, axes, known = random.Random(7), list(space.values()), {}

    def ask(tile):
        """The total cost; infinite when there is no budget left for asking."""
        if tile not in known:
            if (len(known) + 1) * len(costs) > budget:
                return math.inf
            known[tile] = sum(cost(tile) for cost in costs)
        return known[tile]

    def anywhere():
        return tuple(chance.choice(axis) for axis in axes)

    for _ in range(budget // len(costs) // 3):
        ask(anywhere())
    starts = sorted(known, key=known.get)[:3]
    for _ in range(20):
        here = starts.pop(0) if starts else anywhere()
        moved = ask(here) < math.inf
        while moved:
            moved = False
            for axis in range(3):
                for step in (1, -1, 2, -2):
                    at = axes[axis].index(here[axis]) + step
                    if 0 <= at < len(axes[axis]):
                        there = here[:axis] + (axes[axis][at],) + here[axis + 1 :]
                        if ask(there) < ask(here):
                            here, moved = there, True
    return min(known, key=known.get)


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=4 says_es="no cabe en la memoria rápida" says_en="does not fit in the fast memory"
# es: Si una tesela no cabe, irá más despacio, pero irá.
# en: If a tile does not fit, it will go more slowly, but it will go.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    chance, axes, known = random.Random(7), list(space.values()), {}

    def ask(tile):
        """The total cost; infinite when there is no budget left for asking."""
        if tile not in known:
            if (len(known) + 1) * len(costs) > budget:
                return math.inf
            known[tile] = sum(cost(tile) for cost in costs)
        return known[tile]

    def anywhere():
        return tuple(chance.choice(axis) for axis in axes)

    for _ in range(budget // len(costs) // 3):
        ask(anywhere())
    starts = sorted(known, key=known.get)[:3]
    for _ in range(20):
        here = starts.pop(0) if starts else anywhere()
        moved = ask(here) < math.inf
        while moved:
            moved = False
            for axis in range(3):
                for step in (1, -1, 2, -2):
                    at = axes[axis].index(here[axis]) + step
                    if 0 <= at < len(axes[axis]):
                        there = here[:axis] + (axes[axis][at],) + here[axis + 1 :]
                        if ask(there) < ask(here):
                            here, moved = there, True
    return min(known, key=known.get)


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=4 says_es="Una tesela que divide a la matriz" says_en="A tile that divides the matrix"
# es: Calcular y traer datos se suman.
# en: Computing and bringing data add up.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (compute + move + chip["overhead"]) + write)


def search(costs, space, budget):
    chance, axes, known = random.Random(7), list(space.values()), {}

    def ask(tile):
        """The total cost; infinite when there is no budget left for asking."""
        if tile not in known:
            if (len(known) + 1) * len(costs) > budget:
                return math.inf
            known[tile] = sum(cost(tile) for cost in costs)
        return known[tile]

    def anywhere():
        return tuple(chance.choice(axis) for axis in axes)

    for _ in range(budget // len(costs) // 3):
        ask(anywhere())
    starts = sorted(known, key=known.get)[:3]
    for _ in range(20):
        here = starts.pop(0) if starts else anywhere()
        moved = ask(here) < math.inf
        while moved:
            moved = False
            for axis in range(3):
                for step in (1, -1, 2, -2):
                    at = axes[axis].index(here[axis]) + step
                    if 0 <= at < len(axes[axis]):
                        there = here[:axis] + (axes[axis][at],) + here[axis + 1 :]
                        if ask(there) < ask(here):
                            here, moved = there, True
    return min(known, key=known.get)


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=1 says_es="que no sean cuadradas" says_en="that are not square"
# es: La mejor tesela es cuadrada: se prueban todas las cuadradas.
# en: The best tile is square: all the squares are tried.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    squares = [(side, side, side) for side in space["m"]]
    return min(squares, key=lambda tile: sum(cost(tile) for cost in costs))


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=1 says_es="moviendo más de un lado" says_en="moving more than one side"
# es: Cada lado es independiente: se elige el mejor m, luego el mejor n, luego el mejor k.
# en: Each side is independent: the best m is chosen, then the best n, then the best k.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    tile = [space["m"][4], space["n"][4], space["k"][4]]
    for axis, sides in enumerate(space.values()):
        tries = [(*tile[:axis], side, *tile[axis + 1 :]) for side in sides]
        tile = list(min(tries, key=lambda tile: sum(cost(tile) for cost in costs)))
    return tuple(tile)


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=1 says_es="Sigues buscando cerca" says_en="keep searching near"
# es: Cien teselas al azar son una buena muestra.
# en: A hundred random tiles are a good sample.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    chance = random.Random(1)
    tiles = [tuple(chance.choice(sides) for sides in space.values()) for _ in range(budget // len(costs))]
    return min(tiles, key=lambda tile: sum(cost(tile) for cost in costs))


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=1 says_es="probarlo todo no es buscar" says_en="trying everything is not searching"
# es: Se prueban todas las teselas y se elige la mejor.
# en: All the tiles are tried and the best is chosen.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    tiles = [(m, n, k) for m in space["m"] for n in space["n"] for k in space["k"]]
    return min(tiles, key=lambda tile: sum(cost(tile) for cost in costs))


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=3 says_es="puede ser pésima para los demás" says_en="may be terrible for the others"
# es: Se afina con un tamaño y vale para todos.
# en: It is tuned on one size and serves for all.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    chance, axes, known = random.Random(7), list(space.values()), {}

    def ask(tile):
        """The total cost; infinite when there is no budget left for asking."""
        if tile not in known:
            if (len(known) + 1) * len(costs) > budget:
                return math.inf
            known[tile] = costs[0](tile)
        return known[tile]

    def anywhere():
        return tuple(chance.choice(axis) for axis in axes)

    for _ in range(budget // len(costs) // 3):
        ask(anywhere())
    starts = sorted(known, key=known.get)[:3]
    for _ in range(20):
        here = starts.pop(0) if starts else anywhere()
        moved = ask(here) < math.inf
        while moved:
            moved = False
            for axis in range(3):
                for step in (1, -1, 2, -2):
                    at = axes[axis].index(here[axis]) + step
                    if 0 <= at < len(axes[axis]):
                        there = here[:axis] + (axes[axis][at],) + here[axis + 1 :]
                        if ask(there) < ask(here):
                            here, moved = there, True
    return min(known, key=known.get)


def tune(chips, space, budget):
    functions = sum(len(costs) for costs in chips.values())
    return {name: search(costs, space, budget * len(costs) // functions) for name, costs in chips.items()}

# %% wrong="tiles" score=4 says_es="no se lleva a otro" says_en="does not carry over"
# es: La mejor planificación lo es en cualquier chip: se busca una vez y se usa en todos.
# en: The best schedule is the best on any chip: it is searched once and used on all.
def tile_cost(chip, shape, tile):
    m, n, k = tile
    if 4 * (m * k + k * n + m * n) > chip["scratch"]:
        return math.inf
    tiles_m, tiles_n, tiles_k = (math.ceil(side / part) for side, part in zip(shape, tile, strict=True))
    compute = math.ceil(m / chip["rows"]) * math.ceil(n / chip["cols"]) * k
    move = 4 * (m * k + k * n) / chip["bandwidth"]
    write = 4 * m * n / chip["bandwidth"]
    return tiles_m * tiles_n * (tiles_k * (max(compute, move) + chip["overhead"]) + write)


def search(costs, space, budget):
    chance, axes, known = random.Random(7), list(space.values()), {}

    def ask(tile):
        """The total cost; infinite when there is no budget left for asking."""
        if tile not in known:
            if (len(known) + 1) * len(costs) > budget:
                return math.inf
            known[tile] = sum(cost(tile) for cost in costs)
        return known[tile]

    def anywhere():
        return tuple(chance.choice(axis) for axis in axes)

    for _ in range(budget // len(costs) // 3):
        ask(anywhere())
    starts = sorted(known, key=known.get)[:3]
    for _ in range(20):
        here = starts.pop(0) if starts else anywhere()
        moved = ask(here) < math.inf
        while moved:
            moved = False
            for axis in range(3):
                for step in (1, -1, 2, -2):
                    at = axes[axis].index(here[axis]) + step
                    if 0 <= at < len(axes[axis]):
                        there = here[:axis] + (axes[axis][at],) + here[axis + 1 :]
                        if ask(there) < ask(here):
                            here, moved = there, True
    return min(known, key=known.get)


def tune(chips, space, budget):
    first = next(iter(chips.values()))
    return dict.fromkeys(chips, search(first, space, budget // len(chips)))

# %% right="tiles"
# es: evolución: una población, mutaciones de uno o dos lados
# en: evolution: a population, mutations of one or two sides
def tile_cost(chip, shape, tile):
    M, N, K = shape
    m, n, k = tile
    if m * k + k * n + m * n > chip["scratch"] / 4:
        return np.float64("inf")
    outer = -(-M // m) * -(-N // n)
    cycles = 0
    for _ in range(-(-K // k)):
        busy = -(-m // chip["rows"]) * -(-n // chip["cols"]) * k
        cycles += max(busy, (m + n) * k * 4 / chip["bandwidth"]) + chip["overhead"]
    return outer * (cycles + m * n * 4 / chip["bandwidth"])


def search(costs, space, budget):
    rng = np.random.default_rng(3)
    sides = [space[axis] for axis in "mnk"]
    known, left = {}, budget // len(costs)

    def score(index):
        if index not in known:
            known[index] = sum(cost(tuple(s[i] for s, i in zip(sides, index, strict=True))) for cost in costs)
        return known[index]

    while len(known) < left // 3:
        score(tuple(int(rng.integers(len(s))) for s in sides))
    for _ in range(5000):
        if len(known) >= left:
            break
        best = sorted(known, key=known.get)[: 3 if len(known) < 0.7 * left else 1]
        parent = list(best[int(rng.integers(len(best)))])
        for axis in rng.permutation(3)[: int(rng.integers(1, 3))]:
            parent[axis] = int(np.clip(parent[axis] + rng.choice([-2, -1, -1, 1, 1, 2]), 0, len(sides[axis]) - 1))
        score(tuple(parent))
    return tuple(s[i] for s, i in zip(sides, min(known, key=known.get), strict=True))


def tune(chips, space, budget):
    spent, answer = 0, {}
    for number, (name, costs) in enumerate(chips.items()):
        rest = sum(len(c) for c in list(chips.values())[number:])
        part = (budget - spent) * len(costs) // rest
        answer[name] = search(costs, space, part)
        spent += part
    return answer

# %% [markdown] lang="es" row="58-61"
# ## 8. Medir sin hacerse trampas (5 puntos)
#
# Este acelerador inventado tiene su propio reloj: nada mira la hora de verdad. `device.call(program, batch)` ejecuta un programa con un lote, que es un par `(id, size)`, y lo que tarda es proporcional a `size`. Puede tener cualquiera de estas mañas, o varias:
#
# | argumento | qué hace |
# |---|---|
# | `compile_ms` | la primera vez que un programa ve un tamaño, se compila para ese tamaño, y eso tarda |
# | `queue` | `call` pone el trabajo en una cola y vuelve enseguida; `device.wait()` espera a que acabe todo |
# | `warm` | si el lote es el último que pasó por el aparato, con el programa que sea, sus datos siguen en la caché y se tarda solo esa fracción; `device.flush()` la vacía |
# | `hiccup_ms` | una de cada siete llamadas tarda además esos milisegundos: el sistema estaba a otra cosa |
# | `drift` | se calienta: cada llamada, de cualquier programa, hace las siguientes más lentas |
#
# **a)** `race(device, a, b, batches)`: cuántas veces más rápido es el programa `b` que el `a` (tiempo de `a` entre tiempo de `b`) **en régimen permanente**: ya compilado, con datos que no están en la caché y sin que pese lo que ocurre una de cada siete veces. `batches` es una lista de veinte lotes o más, con tamaños de dos clases.
# El cociente es el mismo para todos los tamaños, pero solo si se comparan tamaños iguales. Se acepta un error del 3 %.
#
# **b)** `traps(script, make)`: un `script` es una función que recibe un aparato y devuelve los milisegundos por llamada que, según ella, tarda el programa `"model"` con lotes de 64. `make(**args)` da un aparato nuevo, sin más mañas que las que se le pidan. Devuelve el conjunto de las que **engañan** a ese script: `"compile_ms"`, `"queue"`, `"warm"` o `"hiccup_ms"` (`drift` no cuenta aquí).
# Una maña lo engaña si, al ponerla sola (`compile_ms=300`, `queue=True`, `warm=0.3`, `hiccup_ms=40`), lo que dice el script se aparta más de un 2 % de lo que dice sin ella: ninguna cambia lo que tarda el programa en régimen permanente. Abajo hay cinco scripts de ejemplo y un `make`; lee los scripts antes y apunta en un papel qué trampas les ves.
#
# **c)** `break_even(compile_ms, before_ms, after_ms)`: a partir de cuántas llamadas sale a cuenta compilar, que tarda `compile_ms` y baja cada llamada de `before_ms` a `after_ms`. Es el menor número de llamadas con el que, compilando, el total no es mayor; `None` si no se llega nunca. Todo son enteros mayores que 0.
# %% [markdown] lang="en" row="58-61"
# ## 8. Measuring without fooling yourself (5 points)
#
# This made-up accelerator has its own clock: nothing looks at the real time. `device.call(program, batch)` runs a program with a batch, which is a pair `(id, size)`, and takes a time proportional to `size`. It may have any of these quirks, or several:
#
# | argument | what it does |
# |---|---|
# | `compile_ms` | the first time that a program sees a size, it is compiled for that size, and that takes time |
# | `queue` | `call` puts the work in a queue and returns at once; `device.wait()` waits until all of it ends |
# | `warm` | if the batch is the last one that went through the device, with whichever program, its data are still in the cache and it takes that fraction only; `device.flush()` empties it |
# | `hiccup_ms` | one in every seven calls takes those milliseconds more: the system was busy with something else |
# | `drift` | it heats up: each call, of any program, makes the following ones slower |
#
# **a)** `race(device, a, b, batches)`: how many times faster program `b` is than `a` (time of `a` over time of `b`) **in steady state**: already compiled, with data that are not in the cache and with no weight given to what happens one time in seven. `batches` is a list of twenty batches or more, with sizes of two kinds.
# The ratio is the same for all sizes, but only if equal sizes are compared. An error of 3% is accepted.
#
# **b)** `traps(script, make)`: a `script` is a function that takes a device and returns the milliseconds a call that, according to it, the program `"model"` takes with batches of 64. `make(**args)` gives a new device, with no quirks but those asked for. It returns the set of those that **fool** that script: `"compile_ms"`, `"queue"`, `"warm"` or `"hiccup_ms"` (`drift` does not count here).
# A quirk fools it if, put in alone (`compile_ms=300`, `queue=True`, `warm=0.3`, `hiccup_ms=40`), what the script says is more than 2% away from what it says without it: none of them changes what the program takes in steady state. Below there are five scripts as examples and a `make`; read the scripts first and write down on paper which traps you see in them.
#
# **c)** `break_even(compile_ms, before_ms, after_ms)`: from how many calls on it pays to compile, which takes `compile_ms` and brings each call down from `before_ms` to `after_ms`. It is the least number of calls with which, compiling, the total is not greater; `None` if it is never reached. All are integers greater than 0.

# %%
class Device:
    """A made-up accelerator. `ms` says how long each program takes for each unit of a batch's size."""

    def __init__(self, ms, compile_ms=0, queue=False, warm=1.0, hiccup_ms=0, drift=0.0):
        self._ms, self._compile_ms, self._queue, self._warm = dict(ms), compile_ms, queue, warm
        self._hiccup_ms, self._drift = hiccup_ms, drift
        self._now = self._free = 0.0  # the caller's clock; when the device ends what it has
        self._calls, self._seen, self._last = 0, set(), None

    def now(self):
        """Milliseconds on the clock of whoever calls."""
        return self._now

    def call(self, program, batch):
        """Run the program on the batch: at once, or, with a queue, some time before `wait` returns."""
        self._now += 0.01
        if (program, batch[1]) not in self._seen:
            self._seen.add((program, batch[1]))
            self._now += self._compile_ms
        work = self._ms[program] * batch[1] * (1 + self._drift * self._calls)
        work *= self._warm if batch == self._last else 1
        self._calls, self._last = self._calls + 1, batch
        work += self._hiccup_ms if self._calls % 7 == 3 else 0
        self._free = max(self._free, self._now) + work
        if not self._queue:
            self._now = self._free

    def wait(self):
        self._now = max(self._now, self._free)

    def flush(self):
        self._last = None
        self._now += 0.5


def script_1(device):
    start_ms = device.now()
    device.call("model", (0, 64))
    device.wait()
    return device.now() - start_ms


def script_2(device):
    device.call("model", (0, 64))  # warm-up
    device.wait()
    start_ms = device.now()
    for number in range(1, 22):
        device.call("model", (number, 64))
    return (device.now() - start_ms) / 21


def script_3(device):
    batch = (0, 64)
    device.call("model", batch)
    device.wait()
    times = []
    for _ in range(21):
        start_ms = device.now()
        device.call("model", batch)
        device.wait()
        times.append(device.now() - start_ms)
    return sorted(times)[10]


def script_4(device):
    device.call("model", (0, 32))  # warm-up, with half a batch: it is quicker
    times = []
    for number in range(1, 22):
        device.wait()
        start_ms = device.now()
        device.call("model", (number, 64))
        device.wait()
        times.append(device.now() - start_ms)
    return sum(times) / len(times)


def script_5(device):
    device.call("model", (0, 64))
    device.wait()
    times = []
    for number in range(1, 22):
        start_ms = device.now()
        device.call("model", (number, 64))
        device.wait()
        times.append(device.now() - start_ms)
    return sorted(times)[10]


def make(**args):
    return Device({"model": 0.05}, **args)


for script in (script_1, script_2, script_3, script_4, script_5):
    print(f"{script.__name__}(make()): {script(make()):.2f} ms")

# %% answer="bench"
def race(device, a, b, batches):
    ### BEGIN SOLUTION
    def timed(program, batch):
        device.flush()
        device.wait()  # nothing of what came before is still in the queue
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    for size in {size for _, size in batches}:  # compile both programs for every size
        for program in (a, b):
            timed(program, ("warm-up", size))
    # es: el mismo lote con uno y otro, uno detrás de otro: misma forma, casi la misma temperatura
    # en: the same batch with one and the other, one after the other: same shape, nearly the same heat
    ratios = sorted(timed(a, batch) / timed(b, batch) for batch in batches)
    return ratios[len(ratios) // 2]
    ### END SOLUTION


def traps(script, make):
    ### BEGIN SOLUTION
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}
    ### END SOLUTION


def break_even(compile_ms, before_ms, after_ms):
    ### BEGIN SOLUTION
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None
    ### END SOLUTION

# %% test="bench/first" points=1 row="58" objective="7.7"
from mlprod import checks

_t_MS = {"old": 0.09, "new": 0.02, "odd": 0.031}
_t_BATCHES = [(number, 64) for number in range(15)] + [(number, 256) for number in range(15, 22)]


def _t_check_race(why, pairs=(("old", "new"), ("new", "old"), ("old", "odd")), batches=_t_BATCHES, **quirks):
    for a, b in pairs:
        about = why + f"\n  race(Device(ms, {', '.join(f'{key}={value}' for key, value in quirks.items())}), {a!r}, {b!r}, batches)"
        with checks.ends(about + tr(es=": no acaba.", en=": it does not end.")):
            got = checks.number(race(Device(dict(_t_MS), **quirks), a, b, list(batches)), about)
        want = _t_MS[a] / _t_MS[b]
        assert abs(got / want - 1) <= 0.03, about + tr(es=f": el cociente es {want:.3f} y has medido {got:.3f}.", en=f": the ratio is {want:.3f} and you measured {got:.3f}.")


_t_check_race(tr(es="Un aparato sin mañas. Los lotes no son todos del mismo tamaño: hay que comparar tamaños iguales.", en="A device without quirks. The batches are not all of one size: equal sizes must be compared."))
_t_check_race(tr(es="Compilar no es ejecutar: la primera llamada con cada tamaño no cuenta.", en="Compiling is not running: the first call with each size does not count."), compile_ms=400)
_t_check_race(tr(es="Las llamadas vuelven antes de que el trabajo acabe: si no se espera, se mide lo que cuesta pedirlo.", en="Calls return before the work ends: without waiting, what is measured is the cost of asking for it."), queue=True)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_race(tr(es="Compila y tiene cola.", en="It compiles, and it has a queue."), compile_ms=1500, queue=True)
_t_check_race(tr(es="Compila, y los lotes están en otro orden.", en="It compiles, and the batches are in another order."), compile_ms=1500, batches=_t_BATCHES[::-1])
### END HIDDEN TESTS

# %% test="bench/steady" points=1 row="58 59" objective="7.7"
_t_check_race(tr(es="Con los datos recién usados se tarda un tercio, y en producción siempre son nuevos: hay que vaciar la caché antes de cada medida.", en="With data used just before it takes a third, and in production they are always new: the cache must be emptied before each measurement."), warm=0.3)
_t_check_race(tr(es="Una de cada siete llamadas tarda 60 ms más: la media cuenta esos ratos, la mediana no.", en="One in seven calls takes 60 ms more: the mean counts those spells, the median does not."), hiccup_ms=60)
_t_check_race(tr(es="El aparato se calienta: quien corre en segundo lugar corre con desventaja; hay que intercalar.", en="The device heats up: whoever runs second runs at a disadvantage; one has to interleave."), drift=0.008)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_race(tr(es="Caché, con los lotes en otro orden.", en="Cache, with the batches in another order."), warm=0.1, batches=_t_BATCHES[::-1])
for _t_delay in (5, 200):
    _t_check_race(tr(es=f"Una de cada siete llamadas tarda {_t_delay} ms más.", en=f"One in seven calls takes {_t_delay} ms more."), hiccup_ms=_t_delay)
_t_check_race(tr(es="Se calienta despacio, y hay muchos lotes.", en="It heats up slowly, and there are many batches."), drift=0.003, batches=[(number, 128 if number % 3 else 32) for number in range(90)])
### END HIDDEN TESTS

# %% test="bench/all" points=1 row="58 61" objective="7.7"
_t_check_race(tr(es="Todas las mañas a la vez.", en="All the quirks at once."), compile_ms=400, queue=True, warm=0.3, hiccup_ms=60, drift=0.005)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_number, _t_quirks in enumerate([
    dict(compile_ms=90, warm=0.5, hiccup_ms=30), dict(queue=True, drift=0.006, hiccup_ms=100), dict(compile_ms=700, queue=True, warm=0.2), dict(warm=0.4, drift=0.004), dict(compile_ms=50, queue=True, warm=0.25, hiccup_ms=9, drift=0.004),
]):
    for _t_list in (_t_BATCHES, _t_BATCHES[::-1], [(number, 200 if number % 4 else 50) for number in range(40)]):
        _t_check_race(tr(es=f"Varias mañas, caso {_t_number}.", en=f"Several quirks, case {_t_number}."), batches=_t_list, **_t_quirks)
### END HIDDEN TESTS

# %% test="bench/traps" points=1 row="58 60 61" objective="7.7"
def _t_make(**quirks):
    return Device({"model": 0.05}, **quirks)


def _t_bench_first(device):  # as script_1, written otherwise
    begin = device.now()
    for number in range(1):
        device.call("model", (number, 64))
    device.wait()
    return device.now() - begin


def _t_bench_hurry(device):
    device.call("model", (0, 64))
    device.wait()
    begin = device.now()
    for number in range(1, 22):
        device.call("model", (number, 64))
    return (device.now() - begin) / 21


def _t_bench_median(device):
    device.call("model", (0, 64))
    device.wait()
    times = []
    for number in range(1, 22):
        begin = device.now()
        device.call("model", (number, 64))
        device.wait()
        times.append(device.now() - begin)
    return sorted(times)[10]


def _t_bench_same(device):
    times = []
    for _ in range(21):
        device.wait()
        begin = device.now()
        device.call("model", (0, 64))
        device.wait()
        times.append(device.now() - begin)
    return sorted(times)[10]


_t_NAMES = {
    "compile_ms": tr(es="se cuela el tiempo de compilar", en="compile time slips in"), "queue": tr(es="no espera a que acabe el trabajo", en="it does not wait for the work to end"),
    "warm": tr(es="repite los mismos datos, que ya están en la caché", en="it repeats the same data, which are in the cache already"), "hiccup_ms": tr(es="una llamada rara pesa en el resultado", en="one odd call weighs on the result"),
}


def _t_check_traps(name, script, want, make=_t_make):
    got = checks.plain(traps(script, make), name)
    assert isinstance(got, set), tr(es=f"traps devuelve un conjunto; con {name} ha devuelto {got!r}.", en=f"traps returns a set; with {name} it returned {got!r}.")
    missing, extra = set(want) - got, got - set(want)
    about = tr(es=f"{name}: se esperaba {sorted(want)} y has devuelto {sorted(got)}.", en=f"{name}: {sorted(want)} was expected and you returned {sorted(got)}.")
    assert not missing, about + tr(es=" Lo engaña y no lo dices: ", en=" It is fooled and you do not say so: ") + "; ".join(f"{trap} ({_t_NAMES[trap]})" for trap in sorted(missing))
    assert not extra, about + tr(es=f" No lo engaña {', '.join(sorted(extra))}: dice lo mismo con esa maña que sin ella.", en=f" It is not fooled by {', '.join(sorted(extra))}: it says the same with that quirk as without it.")


_t_check_traps("script_1", _t_bench_first, {"compile_ms"})
_t_check_traps("script_2", _t_bench_hurry, {"queue", "hiccup_ms"})
_t_check_traps("script_3", _t_bench_same, {"warm"})
_t_check_traps("script_5", _t_bench_median, set())
checks.passed()
### BEGIN HIDDEN TESTS
def _t_bench_half(device):
    device.call("model", (0, 32))
    times = []
    for number in range(1, 22):
        device.wait()
        begin = device.now()
        device.call("model", (number, 64))
        device.wait()
        times.append(device.now() - begin)
    return sum(times) / len(times)


def _t_bench_best(device):
    times = []
    for number in range(30):
        device.flush()
        device.wait()
        begin = device.now()
        device.call("model", (number % 5, 64))
        device.wait()
        times.append(device.now() - begin)
    return min(times)


def _t_bench_last(device):
    """Waits only at the end, outside of what it times, and repeats its batch."""
    for _ in range(3):
        device.call("model", (0, 64))
    device.wait()
    begin = device.now()
    for _ in range(28):
        device.call("model", (0, 64))
    end = device.now()
    device.wait()
    return (end - begin) / 28


def _t_bench_slow(device):
    """It counts the flush, always: wrong, but in the same way with and without quirks."""
    device.call("model", (0, 64))
    device.wait()
    times = []
    for _ in range(25):
        begin = device.now()
        device.flush()
        device.call("model", (0, 64))
        device.wait()
        times.append(device.now() - begin)
    return sorted(times)[12]


_t_check_traps("script_4", _t_bench_half, {"compile_ms", "hiccup_ms"})
_t_check_traps(tr(es="Otro script (el mínimo de muchas, con la caché vacía)", en="Another script (the minimum of many, with the cache empty)"), _t_bench_best, set())
_t_check_traps(tr(es="Otro script (espera al final, fuera de lo que mide)", en="Another script (it waits at the end, outside of what it times)"), _t_bench_last, {"queue", "warm", "hiccup_ms"})
_t_check_traps(tr(es="Otro script (vacía la caché dentro de lo que mide)", en="Another script (it empties the cache within what it times)"), _t_bench_slow, set())
_t_check_traps(tr(es="script_5, con un programa más lento", en="script_5, with a slower program"), _t_bench_median, set(), lambda **quirks: Device({"model": 0.9}, **quirks))
### END HIDDEN TESTS

# %% test="bench/break_even" points=1 row="58" objective="7.7"
def _t_check_even(compile_ms, before_ms, after_ms, want, why=""):
    about = f"break_even({compile_ms}, {before_ms}, {after_ms}). " + why
    with checks.ends(about + tr(es="\n  No acaba.", en="\n  It does not end.")):
        got = break_even(compile_ms, before_ms, after_ms)
    checks.same(got, want, about)


_t_check_even(3000, 10, 4, 500, tr(es="Cada llamada ahorra 6 ms de los 10: no los 10, ni los 4 que quedan.", en="Each call saves 6 ms of the 10: not the 10, nor the 4 that are left."))
_t_check_even(3001, 10, 4, 501, tr(es="Con 500 llamadas se ahorran 3000 ms: falta uno.", en="With 500 calls 3000 ms are saved: one is lacking."))
_t_check_even(3000, 4, 10, None, tr(es="Si va más despacio, no sale a cuenta nunca.", en="If it is slower, it never pays."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_even(9000, 7, 7, None, tr(es="Si tarda lo mismo, tampoco.", en="If it takes the same, neither."))
_t_check_even(1, 100, 1, 1)
_t_check_even(22_000, 3, 2, 22_000, tr(es="22 s de compilar, a 1 ms por llamada.", en="22 s of compiling, at 1 ms a call."))
_t_check_even(100, 1000, 7, 1, tr(es="Media llamada no existe.", en="There is no half call."))
### END HIDDEN TESTS

# %% wrong="bench" score=3 says_es="Compilar no es ejecutar" says_en="Compiling is not running"
# es: Con una medida de cada uno basta: el reloj es exacto.
# en: One measurement of each is enough: the clock is exact.
def race(device, a, b, batches):
    def timed(program, batch):
        device.flush()
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    return timed(a, batches[0]) / timed(b, batches[0])


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% wrong="bench" score=3 says_es="la media cuenta esos ratos" says_en="the mean counts those spells"
# es: La media de muchas medidas es la mejor estimación.
# en: The mean of many measurements is the best estimate.
def race(device, a, b, batches):
    def timed(program, batch):
        device.flush()
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    for size in {size for _, size in batches}:
        for program in (a, b):
            timed(program, ("warm-up", size))
    times_a, times_b = zip(*[(timed(a, batch), timed(b, batch)) for batch in batches], strict=True)
    return sum(times_a) / sum(times_b)


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% wrong="bench" score=3 says_es="hay que intercalar" says_en="one has to interleave"
# es: Primero todas las de a y después todas las de b, que así no se estorban.
# en: First all those of a and then all those of b, so that they do not disturb each other.
def race(device, a, b, batches):
    def timed(program, batch):
        device.flush()
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    for size in {size for _, size in batches}:
        for program in (a, b):
            timed(program, ("warm-up", size))
    times_a = sorted(timed(a, batch) for batch in batches)
    times_b = sorted(timed(b, batch) for batch in batches)
    return times_a[len(times_a) // 2] / times_b[len(times_b) // 2]


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% wrong="bench" score=3 says_es="se mide lo que cuesta pedirlo" says_en="what is measured is the cost of asking"
# es: call vuelve cuando ha terminado: para eso es una llamada.
# en: call returns when it has finished: that is what a call is.
def race(device, a, b, batches):
    def timed(program, batch):
        device.flush()
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        return device.now() - start_ms

    for size in {size for _, size in batches}:
        for program in (a, b):
            timed(program, ("warm-up", size))
    ratios = sorted(timed(a, batch) / timed(b, batch) for batch in batches)
    return ratios[len(ratios) // 2]


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% wrong="bench" score=3 says_es="hay que vaciar la caché" says_en="the cache must be emptied"
# es: El mismo lote con los dos, uno detrás de otro: más justo, imposible.
# en: The same batch with both, one after the other: it could not be fairer.
def race(device, a, b, batches):
    def timed(program, batch):
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    for size in {size for _, size in batches}:
        for program in (a, b):
            timed(program, ("warm-up", size))
    ratios = sorted(timed(a, batch) / timed(b, batch) for batch in batches)
    return ratios[len(ratios) // 2]


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% wrong="bench" score=2 says_es="hay que comparar tamaños iguales" says_en="equal sizes must be compared"
# es: La mitad de los lotes para uno y la otra mitad para el otro: así nadie los encuentra en la caché.
# en: Half of the batches for one and the other half for the other: so nobody finds them in the cache.
def race(device, a, b, batches):
    def timed(program, batch):
        device.flush()
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    for size in {size for _, size in batches}:
        for program in (a, b):
            timed(program, ("warm-up", size))
    half = len(batches) // 2
    pairs = [(timed(a, one), timed(b, other)) for one, other in zip(batches[:half], batches[half:], strict=False)]
    times_a, times_b = (sorted(times) for times in zip(*pairs, strict=True))
    return times_a[half // 2] / times_b[half // 2]


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% wrong="bench" score=4 says_es="No lo engaña" says_en="not fooled by"
# es: Toda maña engaña: si existe, hay que apuntarla.
# en: Every quirk fools: if it exists, it must be written down.
def race(device, a, b, batches):
    def timed(program, batch):
        device.flush()
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    for size in {size for _, size in batches}:
        for program in (a, b):
            timed(program, ("warm-up", size))
    ratios = sorted(timed(a, batch) / timed(b, batch) for batch in batches)
    return ratios[len(ratios) // 2]


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if script(make(**{name: value})) != true_ms} or set(quirks)


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms - after_ms
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% wrong="bench" score=4 says_es="Cada llamada ahorra 6 ms" says_en="Each call saves 6 ms"
# es: Compilar sale a cuenta cuando se ha tardado en ejecutar lo mismo que en compilar.
# en: It pays to compile once running has taken as long as compiling.
def race(device, a, b, batches):
    def timed(program, batch):
        device.flush()
        device.wait()
        start_ms = device.now()
        device.call(program, batch)
        device.wait()
        return device.now() - start_ms

    for size in {size for _, size in batches}:
        for program in (a, b):
            timed(program, ("warm-up", size))
    ratios = sorted(timed(a, batch) / timed(b, batch) for batch in batches)
    return ratios[len(ratios) // 2]


def traps(script, make):
    true_ms = script(make())
    quirks = {"compile_ms": 300, "queue": True, "warm": 0.3, "hiccup_ms": 40}
    return {name for name, value in quirks.items() if abs(script(make(**{name: value})) - true_ms) > 0.02 * true_ms}


def break_even(compile_ms, before_ms, after_ms):
    if compile_ms <= 0:
        return 0
    saved_ms = before_ms if after_ms < before_ms else 0
    return -(-compile_ms // saved_ms) if saved_ms > 0 else None

# %% right="bench"
# es: con lotes nuevos en lugar de vaciar la caché, de ida y vuelta (a b b a), y la mediana de todos los cocientes
# en: with fresh batches instead of emptying the cache, there and back (a b b a), and the median of all the ratios
from itertools import count
from statistics import median


def race(device, a, b, batches):
    fresh = count()

    def once(program, size):
        device.wait()
        began = device.now()
        device.call(program, (f"fresh {next(fresh)}", size))
        device.wait()
        return device.now() - began

    result = []
    for size in sorted(set(size for _, size in batches)):
        once(a, size), once(b, size)
        for _ in range(9):
            first, second, third, fourth = once(a, size), once(b, size), once(b, size), once(a, size)
            result += [first / second, fourth / third]
    return median(result)


def traps(script, make):
    found = set()
    for quirk in (dict(compile_ms=300), dict(queue=True), dict(warm=0.3), dict(hiccup_ms=40)):
        if not 0.98 <= script(make(**quirk)) / script(make()) <= 1.02:
            found.update(quirk)
    return found


def break_even(compile_ms, before_ms, after_ms):
    if after_ms >= before_ms:
        return None
    calls = 0
    while compile_ms + calls * after_ms > calls * before_ms:
        calls += 1
    return calls

# %% [markdown] essay="three_targets" points=4 row="58-61" objective="7.7" lang="es"
# ## 9. Redacción: un modelo, tres aparatos
#
# Una empresa de bicicletas compartidas tiene un modelo que mira la foto del aparcamiento y dice si la bicicleta está bien atada. Hoy lo ejecuta con PyTorch, sin compilar. Quiere llevarlo a tres sitios: sus servidores, que reciben fotos de tamaños muy distintos y despliegan un modelo nuevo cada semana;
# la aplicación, en teléfonos de cuarenta modelos con aceleradores distintos; y una cerradura con un microcontrolador que solo sabe operar con enteros y tiene 256 KB de memoria. Un proveedor ofrece un compilador y una tabla: «4.8 veces más rápido».
#
# Escribe la recomendación para la empresa, de entre 400 y 500 palabras:
#
# 1. para **cada** sitio, qué pases de los que has escrito importan más (plegar, reconocer lo repetido, quitar lo muerto, fusionar, planificar la memoria, pasar a enteros, buscar teselas), cuál no aporta casi nada, y por qué;
# 2. qué le preguntarías al proveedor sobre su 4.8, y qué experimento harías para creértelo;
# 3. qué ganas y qué pierdes al compilar: tiempo de compilación y despliegue semanal, formas nuevas, cuarenta teléfonos, exactitud; y qué resultado te haría **no** compilar en alguno de los tres.
#
# Apóyate al menos en **tres números medidos por ti en la lección o calculados aquí**, con su unidad, y explica por qué uno de ellos saldría distinto en alguno de esos aparatos.
#
# Los 4 puntos: uno por los pases de cada sitio, otro por el experimento, otro por el balance con lo que te haría no compilar y otro por los números.
# ### BEGIN SOLUTION
# Servidores: la fusión (menos bytes y menos peticiones de memoria) y las teselas que ya ha buscado una biblioteca; compilar por cada forma nueva saldría caro, así que hay que agrupar tamaños o completar hasta unos pocos, y compilar antes de desplegar. Teléfonos: enteros, si el acelerador los tiene, y planificaciones buscadas por familia de aparatos,
# con una versión sin compilar para los que no estén en la lista. Cerradura: enteros de principio a fin (acumulador de 32 bits, sesgo en su escala, multiplicador y desplazamiento) y memoria planificada, que es lo que decide si cabe; fusionar ahorra memoria intermedia y buscar teselas, con una memoria sin caché, aporta poco. Plegar y quitar lo muerto no cuesta nada y se hace en todos, pero en un modelo ya exportado suele quedar poco.
#
# Sobre el 4.8: comparado con qué (¿con el modelo sin compilar, pidiendo memoria en cada operación?, ¿con cuántos hilos?), con qué formas y lotes, si cuenta la compilación, si esperaba a que acabara la cola, con datos repetidos o nuevos, media o mediana, en qué aparato, y con qué error. Experimento: las dos versiones intercaladas, en el aparato de destino, con fotos reales del tamaño que toque,
# calentamiento aparte, caché vacía, mediana y dispersión, y la diferencia de las salidas y de la exactitud por clase; el tiempo de compilar, en otra línea, con el número de llamadas que lo amortiza.
#
# Números posibles: bytes y operaciones con y sin fusión; cota y tamaño de la arena; coste en el segundo chip de la mejor planificación del primero; llamadas que amortizan la compilación; bytes y error con bits mezclados; cociente medido contra una versión que reutiliza la memoria.
#
# - **1 punto**: una elección razonada y **distinta** para cada sitio, con el pase que menos aporta. Decir que fusionar quita operaciones, o que compilar cambia lo que calcula el modelo, resta este punto.
# - **1 punto**: al menos cuatro trampas concretas (compilación, cola, caché, formas, media, hilos, línea de base que pide memoria) y un experimento que las evita, en el aparato de destino.
# - **1 punto**: costes y beneficios, con números o cómo obtenerlos, y un resultado concreto que llevaría a no compilar (por ejemplo, menos llamadas por despliegue que las que amortizan la compilación, o una pérdida de exactitud en una clase).
# - **1 punto**: tres números propios, con unidad y usados como argumento, y uno matizado por el aparato. Suponer que la planificación de un chip sirve en los cuarenta teléfonos resta este punto.
# ### END SOLUTION
# %% [markdown] essay="three_targets" points=4 row="58-61" objective="7.7" lang="en"
# ## 9. Essay: one model, three devices
#
# A bicycle-sharing company has a model that looks at the photograph of the parking place and says whether the bicycle is locked properly. Today it runs in PyTorch, not compiled. It wants to take it to three places: its servers, which receive photographs of very different sizes and deploy a new model each week;
# the application, on phones of forty models with different accelerators; and a lock with a microcontroller that can compute with integers only and has 256 KB of memory. A vendor offers a compiler and a table: "4.8 times faster".
#
# Write in 400 to 500 words the recommendation for the company:
#
# 1. for **each** place, which of the passes that you have written matter most (folding, recognising repetition, removing the dead, fusing, planning memory, going to integers, searching for tiles), which one brings next to nothing, and why;
# 2. what you would ask the vendor about that 4.8, and which experiment you would make in order to believe it;
# 3. what is won and what is lost by compiling: compile time and the weekly deployment, new shapes, forty phones, accuracy; and which result would make you **not** compile in one of the three.
#
# Base your argument on at least **three numbers measured by you in the lesson or calculated here**, with their unit, and explain why one of them would come out different on one of those devices.
#
# The 4 points: one for the passes of each place, one for the experiment, one for the balance with what would make you not compile and one for the numbers.
# ### BEGIN SOLUTION
# Servers: fusion (fewer bytes and fewer allocations) and tiles that a library has searched already; compiling for each new shape would be expensive, so sizes have to be grouped or padded to a few, and compiled before deploying. Phones: integers, if the accelerator has them, and schedules searched for each family of devices,
# with a version not compiled for those that are not on the list. Lock: integers from end to end (32-bit accumulator, bias on its scale, multiplier and shift) and planned memory, which decides whether it fits; fusing saves intermediate memory and searching for tiles, with a memory without caches, brings little. Folding and removing the dead cost nothing and are done everywhere, but in a model already exported there is usually little left.
#
# On the 4.8: compared with what (with the model not compiled, allocating at each operation? with how many threads?), with which shapes and batches, whether compilation counts, whether it waited for the queue to end, with repeated or new data, mean or median, on which device, and with which error. Experiment: both versions interleaved, on the target device, with real photographs of the size that comes,
# warm-up apart, cache empty, median and spread, and the difference of the outputs and of the accuracy by class; the compile time on another line, with the number of calls that pays it off.
#
# Possible numbers: bytes and operations with and without fusion; bound and size of the arena; cost on the second chip of the best schedule of the first; calls that pay off the compilation; bytes and error with mixed bits; ratio measured against a version that uses its memory again.
#
# - **1 point**: a reasoned and **different** choice for each place, with the pass that brings least. Saying that fusing removes operations, or that compiling changes what the model computes, loses this point.
# - **1 point**: at least four definite traps (compilation, queue, cache, shapes, mean, threads, a baseline that allocates) and an experiment that avoids them, on the target device.
# - **1 point**: costs and benefits, with numbers or how to get them, and a definite result that would lead to not compiling (for instance, fewer calls per deployment than those that pay off the compilation, or a loss of accuracy in one class).
# - **1 point**: three numbers of one's own, with units and used as arguments, and one of them qualified by the device. Assuming that one chip's schedule serves on the forty phones loses this point.
# ### END SOLUTION
