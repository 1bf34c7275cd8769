"""What a worker's process reuses gives what is made anew each time."""

import copy
from pathlib import Path

import pytest
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import Execute, GetGrades, SaveAutoGrades
from traitlets import Unicode
from traitlets.config import Config, Configurable

from mlprod.grading import quicker
from mlprod.grading.feedback import FeedbackExporter, StudentView, prepare
from mlprod.grading.kernels import ForkedKernelProvisioner
from mlprod.grading.wire_client import WireKernelManager

KINDS = (Autograde, GenerateFeedback, Execute, GetGrades, SaveAutoGrades, StudentView, FeedbackExporter)


@pytest.mark.parametrize("kind", [*KINDS, WireKernelManager, ForkedKernelProvisioner], ids=lambda kind: kind.__name__)
def test_traits_and_sections_are_those_that_traitlets_finds(kind):
    one = kind()
    for _ in range(2):
        found = quicker._traits_of(one, config=True)
        assert found == quicker._stock_traits(one, config=True) and len(found) > 0
        found.clear()  # whoever gets it may do so
        assert quicker._section_names(kind) == Configurable.section_names.__func__(kind)
    assert quicker._traits_of(one) == one._traits
    one.add_traits(mine=Unicode().tag(config=True))
    assert "mine" in quicker._traits_of(one, config=True)


def test_an_exporter_that_is_kept_writes_the_same_pages(notebook_of, monkeypatch):
    monkeypatch.setattr(quicker.KeptFeedbackExporter, "_only", None)

    def page(exporter, notebook, number):
        nb = copy.deepcopy(notebook)
        about = {
            "score": number,
            "max_score": 9.0,
            "late_penalty": 0.0,
            "notebook": "90_toy",
            "student": f"s{number}",
            "assignment": "90_toy",
        }
        given = {"nbgrader": about}
        prepare(nb, "es", Path(), "90_toy", given)
        exporter.register_preprocessor(lambda nb, resources: (nb, resources), enabled=True)
        return exporter.from_notebook_node(nb, given)[0]

    kept = []
    for number in range(3):
        parent = GenerateFeedback(config=Config())
        new, again = (
            kind(parent=parent, config=parent.config) for kind in (FeedbackExporter, quicker.KeptFeedbackExporter)
        )
        assert again.parent is parent and len(again._preprocessors) == len(new._preprocessors)
        notebook = notebook_of(f"x = {number}", "print(x)")
        notebook.metadata["language_info"] = {"name": "python"}
        assert page(again, notebook, number) == page(new, notebook, number)
        kept.append(again)
    assert kept[0] is kept[1] is kept[2]


def test_what_is_kept_is_of_one_configuration(monkeypatch):
    for kind in (quicker.KeptNotebookExporter, quicker.KeptFeedbackExporter):
        monkeypatch.setattr(kind, "_only", None)

    def made(text):
        config = Config({"GetGrades": {"display_data_priority": [text]}})
        exporter = quicker.KeptNotebookExporter(parent=None, config=config)
        for name in (GetGrades, "nbgrader.preprocessors.GetGrades", Execute):
            exporter.register_preprocessor(name)
        return exporter._preprocessors[-3:]

    for text in ("one", "other"):
        *first, kernel = made(text)
        *again, other = made(text)
        assert first == again and kernel is not other, "that has a kernel"
        assert first[0].display_data_priority == [text]
        quicker.forget_exporters()
