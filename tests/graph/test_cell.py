"""Cells alone: called outside of a pipeline, copied, pickled, shown."""

import copy
import pickle
from functools import partial

import pytest

import torchpipe as tp
from tests.graph.made import Camera, Detect, Draw, Inner, Track, error_of, made, one
from torchpipe.errors import ConnectError, GraphError, RunError
from torchpipe.graph.hole import Hole


class Noted(tp.Cell):
    """Notes what is called."""

    def __init__(self):
        self.notes = []

    def setup(self, clone):
        self.notes.append(f"setup on {clone.device}")

    def reset(self):
        self.notes.append("reset")

    def forward(self, x, y=0):
        return x + y


def test_a_call_sets_up_once():
    cell = Noted()
    assert [cell(1), cell(1, y=2)] == [1, 3]
    assert cell.notes == ["setup on cpu", "reset"]


def test_what_a_cell_may_leave_out():
    cell = tp.Cell()
    assert cell.setup(tp.ThreadClone()) is None
    assert cell.reset() is None
    assert cell.teardown() is None
    assert cell.state_dict() == {}
    assert cell.load_state_dict({}) is None
    assert list(cell.flush()) == []
    assert (cell.stateful, cell.filters, cell.batching, cell.on_error) == (
        False,
        False,
        None,
        "raise",
    )


def test_a_batch_is_run_item_by_item_unless_the_cell_knows_better():
    assert Noted().forward_batch([(1, 2), (3,)]) == [3, 3]


def test_there_is_no_seed_outside_of_a_run():
    error = "Track has no seed now: there is one only while a run calls it."
    assert error_of(lambda: Track().seed, RunError) == error


def test_while_it_runs_a_cell_has_a_seed_for_each_item():
    class Seeds(tp.Cell):
        def forward(self, x):
            return self.seed

    with made(lambda self, x: Seeds()(x)).run(seed=1) as run:
        seeds = list(run.map(range(3)))
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_the_hole_is_one():
    assert Hole() is tp.HOLE
    assert copy.deepcopy(tp.HOLE) is tp.HOLE
    assert pickle.loads(pickle.dumps(tp.HOLE)) is tp.HOLE
    assert repr(tp.HOLE) == "HOLE"


def test_a_cell_shows_what_was_set():
    cell = Detect()
    assert repr(cell) == "Detect()"
    cell.level, cell.precision = 0.7, "fp16"
    assert repr(cell) == "Detect(precision='fp16', level=0.7)"


def test_a_cell_is_fresh_as_it_is_and_a_function_is_a_template():
    cell, function = Track(), tp.cell(filters=True, on_error="skip")(one)
    copied = function.fresh()
    assert cell.fresh() is cell
    assert copied is not function
    assert (copied.function, copied.filters, copied.on_error) == (one, True, "skip")
    assert copied.__doc__ == "Return what it gets."


def test_a_function_has_the_path_of_its_place():
    pipeline = made(lambda self, x: self.b(self.a(x)), a=tp.ScaleUp(tp.cell(one)), b=tp.cell(one))
    assert (tp.cell(one).path, pipeline.a.cell.path, pipeline.b.path) == ("one", "a", "b")
    assert copy.deepcopy(pipeline.b).path == "b"


def test_a_decorated_function_is_a_cell_and_still_a_function():
    @tp.cell
    def double(x: int) -> int:
        return 2 * x

    assert double(21) == 42
    assert repr(double) == "cell(double)"
    assert double.path == "double"
    assert tp.cell(partial(one)).suggested_name == "function"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))])
def test_a_copy_keeps_settings_and_path_and_leaves_the_graph(again):
    pipeline = made(lambda self: self.inner(Camera()()), inner=Inner(Detect()))
    _ = pipeline.graph
    pipeline.inner.cell.level = 0.7
    copied = again(pipeline.inner.cell)
    assert (copied.path, copied.level, copied._parent) == ("inner.cell", 0.7, None)
    assert copied.inputs.frame.connection is None
    copied.level, copied.precision = 0.1, "fp16"
    assert (pipeline.inner.cell.level, pipeline.inner.cell.precision) == (0.7, "fp32")


def test_a_shallow_copy_has_settings_of_its_own():
    cell = Detect()
    cell.level = 0.7
    copied = copy.copy(cell)
    copied.level, copied.precision = 0.1, "fp16"
    assert (cell.level, cell.precision) == (0.7, "fp32")


class Tracking(tp.Pipeline):
    """Cells as attributes, in a list, scaled up, nested, and made by `build`."""

    def __init__(self):
        super().__init__()
        self.camera = Camera()
        self.heads = [tp.ScaleUp(Detect(), clones=3)]
        self.inner = Inner(Track())

    def build(self):
        frame = self.camera()
        boxes, _ = self.heads[0](frame)
        return Draw()(frame, self.inner(boxes))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))])
@pytest.mark.parametrize("built", [False, True])
def test_a_copied_pipeline_is_whole(again, built):
    pipeline = Tracking()
    pipeline.heads[0].level = 0.7
    if built:
        pipeline.check()
    copied = again(pipeline)
    copied.check()
    assert list(copied.cells) == list(pipeline.cells) == ["camera", "heads.0", "inner.cell", "draw"]
    assert [*map(str, copied.connections)] == [*map(str, pipeline.connections)]
    assert copied.heads[0] is copied.cells["heads.0"]
    assert copied.heads[0] is not pipeline.heads[0]
    assert (copied.heads[0].level, copied.heads[0].cell.path) == (0.7, "heads.0")
    assert len(copied.heads[0].clones) == 3


def test_a_pipeline_that_runs_can_be_copied():
    pipeline = made(lambda self, x: tp.cell(one)(x))
    assert pipeline(1) == 1
    copied = copy.deepcopy(pipeline)
    assert copied(2) == 2
    pipeline.stop()
    copied.stop()


def test_a_pipeline_whose_build_fails_can_be_copied():
    pipeline = made(lambda self: tp.cell(one)(1, 2))
    error = error_of(lambda: pipeline.graph, ConnectError)
    assert error_of(lambda: copy.deepcopy(pipeline).graph, ConnectError) == error


def test_a_pipeline_cannot_be_copied_without_its_cells():
    error = (
        "cannot copy Tracking without its cells: a cell has one place in one pipeline. Use "
        "copy.deepcopy."
    )
    assert error_of(lambda: copy.copy(Tracking()), GraphError) == error


def test_a_function_keeps_its_policies_wherever_it_is_placed():
    cell = tp.cell(one)
    cell.stateful, cell.writes, cell.filters = True, True, True
    cell.batching, cell.on_error = tp.Batching(2), "skip"
    placed = made(lambda self, x: self.a(x), a=cell).a
    for name in ("stateful", "writes", "filters", "batching", "on_error"):
        assert getattr(placed, name) == getattr(cell, name)
