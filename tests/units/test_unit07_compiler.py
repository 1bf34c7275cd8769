"""The compiler of lesson 07, from the lesson's own cells: random graphs keep their meaning through every pass."""

import ast
import ctypes

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlprod import course
from mlprod.errors import CourseError
from mlprod.systems import c_compiler

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow
needs_cc = pytest.mark.skipif(c_compiler.available() is None, reason="no C compiler")

TABLES = {"ELEMENTWISE", "REDUCTIONS", "LOOPS", "LIBRARY", "C_TEXT", "CALLS", "MEANING", "DOT", "EMIT", "C_TYPES"}
TABLES |= {"LAUNCH", "CHIPS", "SHAPES", "SIZES"}
COMPILER = (
    *("Op", "Graph", "two_d", "capture", "rebuild", "fold", "cse", "dce", "optimize", "Kernel", "space_of"),
    *("is_literal", "fuse", "lives", "plan", "statements", "c_code", "python_code", "numba_names", "machine_code"),
    *("Program", "compiled"),
)


def _definitions(tree):
    """What a cell defines and imports, without what it measures and shows."""
    kept = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    for node in tree.body:
        table = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in TABLES
        if table or isinstance(node, kept):
            yield node


def _lines_of_code(node, source):
    """Without blank lines, comments and docstrings."""
    text = source.splitlines()[node.lineno - 1 : node.end_lineno]
    inside = [n for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    docstrings = sum(len(ast.get_docstring(n, clean=False).splitlines()) for n in inside if ast.get_docstring(n))
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text) - docstrings


@pytest.fixture(scope="module")
def lesson():
    cells = nbformat.read(course.notebook("lessons", "07_compilers", "en"), as_version=4).cells
    names: dict = {"__name__": "lesson07"}
    lines = {}
    for cell in cells:
        if cell.cell_type == "code":
            tree = ast.parse(cell.source)
            tree.body = list(_definitions(tree))
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    lines[node.name] = _lines_of_code(node, cell.source)
            exec(compile(tree, "lesson07", "exec"), names)
    assert set(names) >= TABLES | set(COMPILER)
    torch.set_num_threads(1)
    names["lines"] = lines
    return names


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("relu", "abs", "neg", "tanh", "sigmoid", "gelu", "exp", "sqrt"))
        | st.sampled_from(("add", "sub", "mul", "div", "maximum"))
        | st.sampled_from(("sum", "amax", "mean", "number", "dead")),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=14,
)
SHAPES = st.tuples(st.sampled_from((1, 2, 5)), st.sampled_from((1, 3, 17)))


def made_of(steps):
    """A function of a matrix, a row and a column; every step takes values that exist, and keeps them small."""

    def function(x, row, column):
        values = [x, row, column, x + row]
        for name, first, second in steps:
            a, b = values[first % len(values)], values[second % len(values)]
            if name in ("relu", "abs", "neg", "tanh", "sigmoid"):
                made = getattr(torch, name)(a)
            elif name == "gelu":
                made = torch.nn.functional.gelu(a)
            elif name == "exp":
                made = torch.exp(torch.tanh(a))
            elif name == "sqrt":
                made = torch.sqrt(torch.abs(a) + 0.5)
            elif name == "div":
                made = a / (torch.abs(b) + 1.0)
            elif name in ("add", "sub", "mul", "maximum"):
                made = torch.tanh(getattr(torch, name)(a, b))
            elif name == "sum":
                made = torch.tanh(a.sum(dim=-1, keepdim=True))
            elif name == "amax":
                made = a.amax(dim=-1, keepdim=True)
            elif name == "mean":
                made = a.mean(dim=-1, keepdim=True)
            elif name == "number":
                made = a * (second / 10) + 0.25
            else:
                torch.tanh(a)
                continue
            values.append(made)
        return values[-1] + values[3]

    return function


def inputs(shape, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(size, generator=draw) for size in (shape, (1, shape[1]), (shape[0], 1))]


def same(a, b):
    return torch.equal(a.view(torch.int32), b.view(torch.int32))


def close(got, wanted):
    return ((got - wanted).abs() / wanted.abs().clamp(min=1)).max().item() < 1e-5


def computed(graph):
    return sum(op.kind not in ("input", "const") for op in graph.ops)


@settings(max_examples=60, deadline=None)
@given(STEPS, SHAPES)
def test_the_graph_says_what_pytorch_will_move_and_allocate(lesson, steps, shape):
    examples = inputs(shape)
    graph = lesson["capture"](made_of(steps), *examples)
    for each in (graph, lesson["fold"](graph), lesson["optimize"](graph)):
        counted = lesson["counted"](lesson["evaluate"], each, *examples)
        assert counted.allocations == lesson["computed"](each)
        assert counted.bytes == lesson["bytes_apart"](each)


@settings(max_examples=80, deadline=None)
@given(STEPS, SHAPES)
def test_passes_keep_every_bit_and_are_idempotent(lesson, steps, shape):
    xs = inputs(shape)
    graph = lesson["capture"](made_of(steps), *xs)
    wanted = lesson["evaluate"](graph, *xs)
    for name in ("fold", "cse", "dce", "optimize"):
        once = lesson[name](graph)
        assert same(lesson["evaluate"](once, *xs), wanted), name
        assert computed(lesson[name](once)) == computed(once) <= computed(graph), name


@settings(max_examples=80, deadline=None)
@given(STEPS, SHAPES, st.booleans())
def test_fusion_is_legal_and_plans_do_not_overlap(lesson, steps, shape, fused):
    graph = lesson["optimize"](lesson["capture"](made_of(steps), *inputs(shape)))
    kernels = lesson["fuse"](graph, fused)
    assert sorted(id(op) for k in kernels for op in k.ops) == sorted(
        id(op) for op in graph.ops if op.kind not in ("input", "const")
    )
    ready = {op for op in graph.ops if op.kind in ("input", "const")}
    for kernel in kernels:
        assert set(kernel.inputs) <= ready
        own = set()
        for op in kernel.ops:
            reductions = {a for a in op.args if a in own and a.kind in lesson["REDUCTIONS"]}
            assert not reductions and lesson["space_of"](op) == kernel.space
            assert all(a in own or a in kernel.inputs or lesson["is_literal"](a) for a in op.args)
            own.add(op)
        ready |= set(kernel.outputs)
    assert set(graph.outputs) <= ready
    life = lesson["lives"](kernels, graph.outputs)
    places, size = lesson["plan"](life)
    for op, (begin, end) in places.items():
        assert begin >= 0 and end <= size and end - begin >= op.shape[0] * op.shape[1] and begin % 16 == 0
        last_read = max((k for k, kernel in enumerate(kernels) if op in kernel.inputs), default=life[op][0])
        assert life[op][1] >= (len(kernels) if op in graph.outputs else last_read)
        for other, (start, stop) in places.items():
            together = life[op][0] <= life[other][1] and life[other][0] <= life[op][1]
            assert other is op or not together or end <= start or stop <= begin
    assert lesson["most_alive"](life) <= size <= lesson["plan"](life, reuse=False)[1]


@needs_cc
@settings(max_examples=25, deadline=None)
@given(STEPS, SHAPES, st.booleans())
def test_compiled_graphs_compute_the_same(lesson, steps, shape, fused):
    function = made_of(steps)
    xs = inputs(shape)
    program = lesson["compiled"](function, *xs, fused=fused)
    for seed in (0, 1):  # twice: nothing of the first call may remain
        xs = inputs(shape, seed)
        assert close(program(*xs), function(*xs))


def test_numba_computes_the_same(lesson, monkeypatch):
    monkeypatch.setenv("MLPROD_NO_CC", "1")
    x = torch.randn(5, 17)
    for name in ("softmax", "layer_norm"):
        assert close(lesson["compiled"](lesson[name], x)(x), lesson[name](x))
    model = lesson["Classifier"]().eval()
    x = torch.rand(3, 64)
    with torch.no_grad():
        assert close(lesson["compiled"](model, x)(x), model(x))


def test_draws_stay_two_and_writes_are_refused(lesson):
    x = torch.rand(1, 4)
    graph = lesson["optimize"](lesson["capture"](lambda x: torch.rand_like(x) - torch.rand_like(x), x))
    assert sum(op.kind == "rand_like" for op in graph.ops) == 2
    with pytest.raises(CourseError, match="relu_"):
        lesson["capture"](lambda x: x.relu_() + 1, x)
    with pytest.raises(CourseError, match="compiled for|compiló"):
        lesson["compiled"](lambda x: torch.abs(x), x)(torch.rand(1, 5))


def test_nan_and_the_two_zeros_survive(lesson):
    x = torch.tensor([[float("nan"), -0.0, 0.0, float("inf"), -1.0]])
    function = lambda x: torch.maximum(torch.relu(x) * 1.0, -x)  # noqa: E731
    assert torch.equal(lesson["compiled"](function, x)(x).isnan(), function(x).isnan())
    assert torch.equal(lesson["compiled"](lambda x: x + 0.0, x)(x).signbit(), (x + 0.0).signbit())


def test_the_minimal_graph_of_the_classifier(lesson):
    graph = lesson["capture"](lesson["Classifier"]().eval(), torch.rand(2, 64))
    kinds = [op.kind for op in lesson["optimize"](graph).ops if op.kind not in ("input", "const")]
    assert kinds == ["sub", "div", "linear", "gelu", "linear", "mul", "amax", "sub", "exp", "sum", "div"]


@pytest.fixture(scope="module")
def quantized(lesson):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(12, 20), torch.nn.ReLU(), torch.nn.Linear(20, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
    ).eval()
    x, ranges, inside = torch.rand(200, 12), [], torch.rand(200, 12)
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, torch.nn.Linear):
                ranges.append((inside.min().item(), inside.max().item()))
            inside = layer(inside)
    graph = lesson["optimize"](lesson["capture"](network, x[:1]))
    return x, lesson["insert_qdq"](graph, ranges)


def test_the_integer_graph_means_what_q_dq_says(lesson, quantized):
    x, simulated = quantized
    whole = lesson["integer"](simulated)
    assert [op.kind for op in whole.ops if op.kind not in ("input", "const")] == [
        *("quantize", "int_linear", "int_linear", "int_logits")
    ]
    wanted, got = lesson["evaluate"](simulated, x), lesson["evaluate"](whole, x)
    # halves are rounded to even by one and upwards by the other: a unit in the last place now and then
    assert (got - wanted).abs().max() < 0.02 * wanted.abs().max()


@needs_cc
@pytest.mark.parametrize("native", (True, False))
def test_the_edge_program_computes_the_same_integers(lesson, quantized, native):
    x, simulated = quantized
    whole = lesson["integer"](simulated)
    code, arena = lesson["edge_code"](whole)
    many = c_compiler.library(code, native=native).many
    many.argtypes, many.restype = [ctypes.c_long] + [ctypes.c_void_p] * 2, None
    output = torch.empty(len(x), 3)
    many(len(x), x.data_ptr(), output.data_ptr())
    assert torch.equal(output, lesson["evaluate"](whole, x))
    assert 0 < arena < 12 + 20 + 8 + 3 * 16


def test_a_tiling_does_all_the_work_and_remainders_are_not_free(lesson):
    cycles, (a, b) = lesson["cycles"], lesson["CHIPS"]
    for chip in (a, b):
        for shape in lesson["SHAPES"]:
            least = shape[0] * shape[2] * shape[1] / chip.lanes
            assert all(cycles(chip, shape, (m, n, k)) >= least for m in (7, 32) for n in (16, 48) for k in (8, 32))
    assert cycles(a, (64, 64, 64), (512, 512, 512)) == float("inf")
    assert cycles(a, (33, 32, 32), (32, 32, 32)) > cycles(a, (32, 32, 32), (32, 32, 32))


def test_the_compiler_is_short_enough_to_read(lesson):
    lines = lesson["lines"]
    optimizer = COMPILER[: COMPILER.index("statements")]
    assert sum(lines[name] for name in optimizer) < 150
    assert sum(lines[name] for name in COMPILER) < 250
