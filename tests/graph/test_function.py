"""Functions as cells: what is none is refused at the line."""

import pytest
from torch import nn

import torchpipe as tp
from tests.graph.made import Detect, error_of, made
from torchpipe.errors import GraphError


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (Detect(), "cannot make a cell of Detect(): it is a cell already. Use it as it is."),
        (Detect, "cannot make a cell of Detect: it is a class. Make a cell: Detect(...)."),
        (
            nn.Linear(4, 2),
            "cannot make a cell of a Linear: it is a network, and no cell. Wrap it: "
            "tp.ModuleCell(net).",
        ),
        (
            3,
            "cannot make a cell of 3: it is no function. To give one value, pass it to a cell in "
            "`build`.",
        ),
        (
            print,
            "cannot make a cell of <built-in function print>: its arguments have no names. To look "
            "at items, or to write: tp.Call(print).",
        ),
    ],
)
def test_what_is_no_function_is_refused(value, error):
    assert error_of(lambda: tp.cell(value), GraphError) == error


def test_a_class_is_no_cell_of_a_pipeline():
    assert error_of(lambda: made(lambda self, x: x, d=Detect), GraphError) == (
        "cannot place Detect in Line: it is a class. Make a cell: Detect(...)."
    )


def test_classes_that_are_no_cells_may_be_functions():
    assert tp.cell(str)(5) == "5"
