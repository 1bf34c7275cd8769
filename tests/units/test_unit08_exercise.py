"""The exercise of the capstone: its answers are as good as the course's, and its thresholds tell designs apart."""

import ast
import random

import nbformat
import pytest

from mlprod import course
from mlprod.systems.company import functions as reference
from mlprod.systems.company.design import NAMED, Design
from mlprod.systems.company.functions import Features, Functions
from mlprod.systems.company.market import Market
from mlprod.systems.company.simulation import simulate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exercise():
    """What the cells of the solved exercise define, without what they run and show."""
    names: dict = {"__name__": "exercise08"}
    kept = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.Assign
    for cell in nbformat.read(course.notebook("solutions", "08_capstone", "en"), as_version=4).cells:
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("locked"):
            tree = ast.parse(cell.source)
            tree.body = [node for node in tree.body if isinstance(node, kept)]
            exec(compile(tree, "exercise08", "exec"), names)
    return names


def test_update_is_the_companys(exercise):
    chance = random.Random(1)
    events = [event for event in Market.simulate(9, 20).events if event.zone == 0]
    arrived = sorted(events + chance.sample(events, 100), key=lambda event: event.t + 3 * chance.random())
    mine = theirs = reference.initial()
    for event in arrived:
        mine, theirs = exercise["update"](mine, event), reference.update(theirs, event)
        assert mine == theirs


@pytest.mark.parametrize("age_s", [0.0, 0.7, 1.0, 1.1, 5.0, 60.0])
def test_fallback_is_the_companys(exercise, age_s):
    cached = Features(30, 8, 2, 25)
    mine, theirs = (function(cached, age_s, 30.0, 0.65) for function in (exercise["fallback"], reference.fallback))
    assert mine.price == pytest.approx(theirs.price) and mine.estimate is theirs.estimate


@pytest.mark.parametrize("mean", [5.0, 480.0])
def test_promote_keeps_its_promises_on_other_seeds(exercise, mean):
    for function in (exercise["promote"], reference.promote):
        for factor, verdict, least in ((0.75, "rollback", 93), (1.0, "promote", 75), (1.1, "promote", 90)):
            decided = exercise["trials"](function, factor, seed=77, mean=mean)
            assert sum(one == verdict for one, _ in decided) >= least
        assert sum(one == "promote" for one, _ in exercise["trials"](function, 0.85, seed=78, mean=mean)) <= 15


def test_the_thresholds_of_the_design_tell_designs_apart(exercise):
    seeds, costs = (301, 302, 303), exercise["COSTS"]  # others than those that grade

    def lost(design, functions):
        scores = [simulate(design, exercise["district"](seed), functions, costs).percent for seed in seeds]
        return sum(scores) / len(scores)

    mine = Functions(exercise["update"], exercise["fallback"], exercise["promote"])
    today, best = lost(exercise["TODAY"], exercise["OLD"]), lost(exercise["my_design"](), mine)
    assert lost(exercise["my_design"](), Functions()) == pytest.approx(best, abs=1.0)

    def recovered(design, functions=mine):
        return (today - lost(design, functions)) / (today - best)

    assert recovered(Design(prediction="online", timeout_s=1.0)) > 0.93
    assert recovered(Design(placement="edge")) < 0.9 and recovered(Design(placement="cloud")) < 0.85
    assert recovered(NAMED["reference"]) < 0.85  # the city's timeout does not fit the mountains
    assert recovered(exercise["my_design"](), exercise["OLD"]) < 0.85
    assert recovered(Design("batch", 5, timeout_s=1.2)) < 0.7


def test_functions_that_are_not_written_are_the_old_ones(exercise):
    def unwritten(*_):
        raise NotImplementedError

    namespace = {**exercise, "update": unwritten}
    for name in ("written", "my_functions"):
        code = exercise[name].__code__
        namespace[name] = type(exercise[name])(code, namespace)
    used = namespace["my_functions"]()
    assert used.update is exercise["old_update"] and used.promote is exercise["promote"]
