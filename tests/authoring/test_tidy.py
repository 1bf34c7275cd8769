"""Code is laid out again after localisation, cell by cell, magics included."""

import pytest

from mlprod.authoring.tidy import tidy
from mlprod.errors import CourseError


def test_a_literal_joins_its_line_and_cells_stay_apart():
    assert tidy(['print(\n    "hola",\n)', "%matplotlib inline\nx = (\n  1)", ""]) == [
        'print("hola")',
        "%matplotlib inline\nx = 1",
        "",
    ]


def test_broken_code_is_reported():
    with pytest.raises(CourseError, match="ruff"):
        tidy(["def f(:"])
