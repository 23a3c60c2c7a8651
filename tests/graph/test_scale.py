"""ScaleUp: a cell and its clones, as plain objects."""

import pytest
from torch import nn

import torchpipe as tp
from tests.graph.made import Camera, Detect, Inner, Track, error_of, made, one
from torchpipe.errors import GraphError


def test_the_ports_are_those_of_the_cell():
    scaled = tp.ScaleUp(Detect(), clones=3)
    assert [*map(str, scaled.inputs.values())] == ["ScaleUp.frame (Frame)"]
    assert [*map(str, scaled.outputs.values())] == [
        "ScaleUp.boxes (Boxes)",
        "ScaleUp.score (float)",
    ]
    assert scaled.port_function() == scaled.cell.forward
    assert repr(scaled) == "ScaleUp(Detect(), clones=3)"


def test_clones_are_numbered():
    given = [tp.ThreadClone(device="cuda:0"), tp.ThreadClone(config={"precision": "fp16"})]
    scaled = tp.ScaleUp(Detect(), clones=given)
    assert [str(clone) for clone in scaled.clones] == ["clone 0 on cuda:0", "clone 1 on cpu"]
    assert scaled.clones[1].config == {"precision": "fp16"}
    assert tp.ScaleUp(Detect()).clones == (tp.ThreadClone(index=0), tp.ThreadClone(index=1))


def test_settings_are_those_of_the_cell():
    scaled = tp.ScaleUp(Detect())
    scaled.level, scaled.precision, scaled.other = 0.7, "fp16", 3
    assert (scaled.cell.level, scaled.cell.precision) == (0.7, "fp16")
    assert (scaled.level, scaled.precision, scaled.other) == (0.7, "fp16", 3)
    assert not hasattr(scaled.cell, "other")
    error = "'ScaleUp' object has no attribute 'size'"
    assert error_of(lambda: scaled.size, AttributeError) == error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("on_error", "skip"),
        ("batching", tp.Batching(4)),
        ("stateful", True),
        ("filters", True),
        ("writes", True),
    ],
)
def test_policies_are_those_of_the_cell(name, value):
    scaled = tp.ScaleUp(Detect())
    setattr(scaled, name, value)
    assert getattr(scaled.cell, name) == getattr(scaled, name) == value


def test_a_policy_that_is_set_on_a_scaled_up_cell_holds():
    class Inverses(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.inverse = tp.ScaleUp(tp.cell(lambda x: 1 / x), clones=2)
            self.inverse.on_error = "skip"

        def build(self, x):
            return self.inverse(x)

    with Inverses().run() as run:
        assert list(run.map([1, 0, 2])) == [1.0, 0.5]


def test_outside_of_build_a_call_runs_the_cell():
    assert tp.ScaleUp(tp.cell(one))(5) == 5


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (
            lambda: tp.ScaleUp(one),
            "cannot scale up {one}: it is no cell. Wrap a function: tp.cell(...).",
        ),
        (
            lambda: tp.ScaleUp(Detect),
            "cannot scale up Detect: it is a class. Make a cell: Detect(...).",
        ),
        (
            lambda: tp.ScaleUp(nn.Linear(4, 2)),
            "cannot scale up a Linear: it is a network, and no cell. Wrap it: tp.ModuleCell(net).",
        ),
        (
            lambda: tp.ScaleUp(nn.Linear),
            "cannot scale up Linear: it is a network, and no cell. Wrap it: tp.ModuleCell(net).",
        ),
        (
            lambda: tp.ScaleUp(Detect(), 0),
            "cannot scale up Detect to 0 clones: at least one must run it. Give a number from 1 "
            "on, or a list of clones.",
        ),
        (
            lambda: tp.ScaleUp(Detect(), -1),
            "cannot scale up Detect to -1 clones: at least one must run it. Give a number from 1 "
            "on, or a list of clones.",
        ),
        (
            lambda: tp.ScaleUp(Detect(), []),
            "cannot scale up Detect to [] clones: at least one must run it. Give a number from 1 "
            "on, or a list of clones.",
        ),
        (
            lambda: tp.ScaleUp(Detect(), 2.0),
            "cannot scale up Detect to 2.0 clones: give a number, a list of clones, or "
            "clones='auto'.",
        ),
        (
            lambda: tp.ScaleUp(Detect(), tp.ThreadClone()),
            f"cannot scale up Detect to {tp.ThreadClone()!r} clones: give a number, a list of "
            f"clones, or clones='auto'.".replace("{", "{{").replace("}", "}}"),
        ),
        (
            lambda: tp.ScaleUp(tp.ScaleUp(Detect())),
            "cannot scale up ScaleUp(Detect(), clones=2): it is scaled up already. Give it all its "
            "clones at once.",
        ),
        (
            lambda: tp.ScaleUp(made(lambda self: None, detect=Detect()).detect),
            "cannot scale up detect: it belongs to Line already. Scale it up where it is made: "
            "self.name = tp.ScaleUp(Detect(...)).",
        ),
        (
            lambda: tp.ScaleUp(Detect(), clones=[tp.ThreadClone]),
            "cannot scale up Detect: {clone} is no clone. Give a number of clones, or a list such "
            "as [tp.ThreadClone(device='cuda:0')].",
        ),
    ],
)
def test_what_cannot_be_scaled_up(make, error):
    expected = error.format(one=repr(one), clone=repr(tp.ThreadClone))
    assert error_of(make, GraphError) == expected


def test_paths_skip_the_wrapper():
    pipeline = made(lambda self, x: None, a=tp.ScaleUp(Detect()), b=tp.ScaleUp(Inner(Track())))
    assert pipeline.a.cell.path == "a"
    assert pipeline.b.cell.path == "b"
    assert pipeline.b.cell.cell.path == "b.cell"


def test_a_source_may_be_wrapped_but_not_run():
    assert tp.ScaleUp(Camera()).suggested_name == "camera"
