"""In `build` an output stands for a value, and says so when somebody computes with it."""

import copy
import operator
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import torchpipe as tp
from tests.graph.made import connect_error, error_of, made


class Give(tp.Cell):
    def forward(self, x: int) -> int:
        return x


def error_in_build(use):
    """The whole text of the ConnectError that this use of an output raises."""
    return connect_error(lambda self, x: use(self.d(x)), d=Give())


@pytest.fixture
def output():
    return Give().outputs.out


@pytest.mark.parametrize(
    "use",
    [
        lambda y: y + 1,
        lambda y: 1 + y,
        lambda y: -y,
        lambda y: y / y,
        lambda y: y**2,
        lambda y: abs(y),
        lambda y: y > 3,
        lambda y: operator.lt(3, y),
        lambda y: y <= 3,
        lambda y: y & 1,
        lambda y: y[0],
        lambda y: y[1:2],
        lambda y: operator.setitem(y, 0, 1),
        lambda y: 3 in y,
        lambda y: y.mean,
        lambda y: y.mean(),
        lambda y: y.a,
        lambda y: len(y),
        lambda y: range(y),
        lambda y: float(y),
        lambda y: int(y),
        lambda y: round(y),
        lambda y: np.float64(1) + y,
        lambda y: np.sqrt(y),
    ],
)
def test_an_output_is_not_computed_with(use):
    assert error_in_build(use) == (
        "d.out (int) has no value yet: `build` only connects. Compute in a cell, such as "
        "tp.cell(lambda x: x + 1); for several outputs annotate `forward` with a NamedTuple."
    )


@pytest.mark.parametrize(
    "use",
    [
        lambda y: y == 3,
        lambda y: operator.eq(3, y),
        lambda y: y != 3,
        lambda y: y in (1, 2),
        lambda y: y in [None],
        lambda y: not y,
        lambda y: y == {"a": 1},
    ],
)
def test_an_output_is_not_compared(use):
    assert error_in_build(use) == (
        "cannot branch on d.out (int): `build` runs once, before there are values. Decide in a "
        "cell's `forward`, or drop items with tp.Filter."
    )


def test_outputs_are_found_among_each_other(output):
    other = Give().outputs.out
    assert output == output
    assert output != other
    assert output in [other, output]
    assert {output: 1, other: 2}[output] == 1
    assert len({output, other}) == 2


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("linear", nn.Linear(4, 2)),
        ("conv2d", nn.Conv2d(1, 1, 1)),
        ("linear", nn.Sequential(nn.Linear(2, 2), nn.ReLU())),
        ("relu", torch.relu),
        ("relu", functional.relu),
        ("stack", lambda y: torch.stack([y, y])),
        ("cat", lambda y: torch.cat(tensors=(y, y))),
        ("add", lambda y: torch.ones(2) + y),
    ],
)
def test_torch_is_not_called_in_build(name, call):
    assert error_in_build(call) == (
        f"cannot call torch's {name} on d.out (int) in `build`: there are no values yet. Wrap a "
        f"network, self.net = tp.ModuleCell(net), or a function, tp.cell(...)."
    )


def test_copies_and_other_libraries_may_look_at_an_output(output):
    assert not hasattr(output, "shape")
    assert not hasattr(output, "__array_interface__")
    assert getattr(output, "dtype", None) is None
    assert copy.copy(output).cell is output.cell
    assert copy.deepcopy(output).name == pickle.loads(pickle.dumps(output)).name == "out"
    error = "'Output' object has no attribute '_shape'"
    assert error_of(lambda: output._shape, AttributeError) == error


def test_a_copy_of_a_pipeline_is_built_anew():
    pipeline = made(lambda self, x: self.d(x), d=Give())
    pipeline.check()
    copy.deepcopy(pipeline).check()
