"""Every finding of `check`, word by word, and what must not be one."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

import torchpipe as tp
from tests.graph.made import (
    Boxes,
    Camera,
    Detect,
    Draw,
    Frame,
    Inner,
    Split,
    Track,
    findings,
    made,
    one,
    two,
)

ONE, TWO = tp.cell(one), tp.cell(two)


def finding(build, **cells):
    """The only finding in this pipeline."""
    found = findings(made(build, **cells))
    assert len(found) == 1, found
    return found[0]


class Level(tp.Cell):
    level = tp.Parameter(ge=0)
    mode = tp.Config(choices=("a", "b"))
    share = tp.Config(0.5, le=1.0)

    def forward(self, x):
        return x


class Collect(tp.Cell):
    stateful = True

    def forward(self, x) -> Iterator[Frame]:
        yield x


class Policy(tp.Cell):
    def __init__(self, on_error="raise", batching=None):
        self.on_error, self.batching = on_error, batching

    def forward(self, x):
        return x


class SplitPolicy(Policy):
    def forward(self, x):
        yield x


class SourcePolicy(Policy):
    def forward(self):
        yield 1


def test_a_sound_pipeline_has_no_findings():
    def build(self):
        frame = self.camera()
        boxes = self.inner(self.detect(frame).boxes, self.prev())
        self.prev.connect(boxes)
        self.sink(self.split(frame))
        return self.draw(frame, boxes)

    cells = {"camera": Camera(), "detect": tp.ScaleUp(Detect(), 3), "draw": Draw()}
    inner = made(lambda self, boxes, before: self.track(TWO(boxes, before)), track=Track())
    pipeline = made(
        build, **cells, inner=inner, prev=tp.Feedback(), split=tp.ScaleUp(Split(), 2), sink=ONE
    )
    assert findings(pipeline) == []


# -- what is connected


def test_nothing_starts_a_stream():
    assert finding(lambda self: tp.cell(lambda x=1: x)()) == (
        "Line has nothing that starts a stream. Add a source (a cell without inputs, such as "
        "tp.Source), or give `build` an argument."
    )


def test_an_input_lacks_a_value():
    assert finding(lambda self: self.draw(self.camera()), camera=Camera(), draw=Draw()) == (
        "nothing is connected to draw.boxes (Boxes). Pass it in `build`: draw(boxes=...)."
    )


def test_an_input_with_a_default_lacks_nothing():
    cells = {"camera": Camera(), "draw": Draw()}
    pipeline = made(lambda self, boxes: self.draw(self.camera(), boxes), **cells)
    assert findings(pipeline) == []


def test_a_nested_pipeline_lacks_an_argument_and_is_told_once():
    class Both(tp.Pipeline):
        def build(self, x, y=2):
            return TWO(ONE(x), Inner(Inner())(x)), ONE(y), x

    error = "nothing is connected to inner.x (Any). Pass it in `build`: inner(x=...)."
    assert finding(lambda self: (self.camera(), *self.inner()), camera=Camera(), inner=Both()) == (
        error
    )


def test_a_nested_pipeline_passes_its_lack_on():
    through = made(lambda self, x: x)
    assert finding(lambda self, z: (ONE(self.through()), z), through=through) == (
        "nothing is connected to through.x (Any). Pass it in `build`: through(x=...)."
    )


def test_a_scaled_up_pipeline_lacks_something_inside():
    inner = made(lambda self, x: TWO(x))
    assert finding(lambda self, x: self.inner(x), inner=tp.ScaleUp(inner)) == (
        "nothing is connected to inner.two.b (Any). Pass it in `build`: inner.two(b=...)."
    )


def test_feedback_is_never_closed():
    assert finding(lambda self, x: TWO(x, self.prev()), prev=tp.Feedback(0)) == (
        "nothing is connected to prev.value (Any). Call prev.connect(...) in `build`."
    )


@pytest.mark.parametrize("cell", [Camera(), Track(), Inner(), tp.ScaleUp(Inner()), tp.Feedback()])
def test_a_cell_has_no_part_in_the_graph(cell):
    assert finding(lambda self, x: ONE(x), spare=cell) == (
        "spare has no part in the graph: `build` does not call it. Call it, or leave it out."
    )


@pytest.mark.parametrize("scaled", [False, True])
def test_a_cell_of_a_nested_pipeline_has_no_part_in_it(scaled):
    inner = made(lambda self, x: ONE(x), spare=Track())
    cells = {"inner": tp.ScaleUp(inner) if scaled else inner}
    assert (
        "inner.spare has no part in the graph: `build` does not call it. Call it, or leave it out."
        in (findings(made(lambda self, x: self.inner(x), **cells)))
    )


def test_a_cell_may_be_called_for_nothing():
    assert findings(made(lambda self, x: (self.camera(), x)[1], camera=Camera())) == []


def test_a_cell_may_take_part_by_explicit_connections():
    def build(self, x):
        tp.Connection(x, self.sink.inputs.a)
        tp.Connection(self.camera.outputs.out, self.detect.inputs.frame)
        return self.lone.outputs.out

    cells = {"camera": Camera(), "detect": Detect(), "sink": tp.cell(one), "lone": Camera()}
    assert findings(made(build, **cells)) == []


def test_a_feedback_may_only_be_closed():
    assert findings(made(lambda self, x: self.prev.connect(x), prev=tp.Feedback())) == []


def test_results_are_what_cells_give():
    class Default(tp.Pipeline):
        def build(self, x=3):
            return x

    assert finding(lambda self, z: (self.inner(), z), inner=Default()) == (
        "Line gives a constant as 'inner'. Return what a cell gives."
    )


def test_arguments_may_be_results():
    assert findings(made(lambda self, x: x)) == []
    assert findings(made(lambda self, x: Inner()(x))) == []


# -- cycles


def cycle(self, x):
    tp.Connection(self.a.outputs.out, self.b.inputs.a)
    tp.Connection(self.b.outputs.out, self.a.inputs.a)
    return self.a.outputs.out, x


def test_a_cycle():
    assert finding(cycle, a=tp.cell(one), b=tp.cell(one)) == (
        "cannot order a, b: each needs the result of the others at the same item. Put a "
        "tp.Feedback(initial) into the cycle, to use the result of the item before."
    )


def test_a_cell_that_needs_its_own_result():
    def build(self, x):
        tp.Connection(self.a.outputs.out, self.a.inputs.b)
        return self.a(x)

    assert finding(build, a=tp.cell(two)) == (
        "cannot order a: it needs its own at the same item. Put a tp.Feedback(initial) into the "
        "cycle, to use the result of the item before."
    )


def test_two_cycles_are_told_in_order():
    class Cycles(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = [tp.cell(one) for _ in range(4)]

        def build(self, x):
            for a, b in ((self.a, self.b), (self.c, self.d)):
                tp.Connection(a.outputs.out, b.inputs.a)
                tp.Connection(b.outputs.out, a.inputs.a)
            return x

    assert [found.partition(":")[0] for found in findings(Cycles())] == [
        "cannot order a, b",
        "cannot order c, d",
    ]


def test_a_cycle_beside_a_feedback_is_still_one():
    def build(self, x):
        tp.Connection(self.b.outputs.out, self.a.inputs.b)
        result = self.b(self.a(x), self.prev())
        self.prev.connect(result)
        return result

    cells = {"a": tp.cell(two), "b": tp.cell(two), "prev": tp.Feedback()}
    assert finding(build, **cells).startswith("cannot order a, b: each needs")


def test_feedback_of_itself_is_no_cycle():
    def build(self, x):
        self.prev.connect(self.prev())
        return x

    assert findings(made(build, prev=tp.Feedback())) == []


# -- numberings


def test_a_join_of_two_numberings():
    def build(self):
        frame = self.camera()
        return self.draw(frame, self.detect(self.split(frame)).boxes)

    cells = {"camera": Camera(), "split": Split(), "detect": Detect(), "draw": Draw()}
    assert finding(build, **cells) == (
        "cannot join camera and detect in draw: their items are numbered differently, by camera "
        "and split. Join them before split, and pass on together what belongs together."
    )


def test_a_join_with_the_inputs():
    assert finding(lambda self, x: TWO(self.split(x), x), split=Split()) == (
        "cannot join split and the inputs in two: their items are numbered differently, by split "
        "and the inputs. Join them before split, and pass on together what belongs together."
    )


def test_a_join_of_two_that_yield():
    def build(self):
        frame, other = self.camera(), self.other()
        return TWO(self.left(frame), self.right(other))

    cells = {"camera": Camera(), "other": Camera(), "left": Split(), "right": Split()}
    assert finding(build, **cells) == (
        "cannot join left and right in two: their items are numbered differently, by left and "
        "right. Join them before left and right, and pass on together what belongs together."
    )


def test_results_of_two_numberings():
    def build(self):
        frame, other = self.camera(), self.other()
        return {"frame": frame, "part": self.split(frame), "other": other}

    cells = {"camera": Camera(), "other": Camera(), "split": Split()}
    assert finding(build, **cells) == (
        "Line cannot give frame and part together: their items are numbered differently, by camera "
        "and other and split. Return those of one numbering, and put the others into a sink."
    )


def test_a_cell_that_yields_in_a_loop():
    def build(self, x):
        part = self.split(self.join(x, self.prev()))
        self.prev.connect(part)
        return x

    assert finding(build, split=Split(), join=tp.cell(two), prev=tp.Feedback()) == (
        "cannot have split in a feedback loop: it emits any number of items for each that it "
        "takes, so there is no previous item. Close the loop before or after it."
    )


# -- settings


def test_settings_need_values():
    assert findings(made(lambda self, x: self.a(x), a=Level())) == [
        "a.level is not set. Set it, or give the parameter a default.",
        "a.mode is not set. Set it, or give the config a default.",
    ]


def test_settings_in_a_scaled_up_pipeline_need_values():
    assert findings(made(lambda self, x: self.a(x), a=tp.ScaleUp(Inner(Level())))) == [
        "a.cell.level is not set. Set it, or give the parameter a default.",
        "a.cell.mode is not set. Set it, or give the config a default.",
    ]


def clone(**config):
    return tp.ThreadClone(config=config)


@pytest.mark.parametrize("inner", [False, True])
def test_every_clone_may_give_a_config(inner):
    cell = Level()
    cell.level = 1
    scaled = tp.ScaleUp(Inner(cell) if inner else cell, clones=[clone(mode="a"), clone(mode="b")])
    assert findings(made(lambda self, x: self.a(x), a=scaled)) == []
    where = "a.cell" if inner else "a"
    scaled.clones = (clone(mode="a"), clone())
    assert findings(made(lambda self, x: self.a(x), a=tp.ScaleUp(*again(scaled)))) == [
        f"{where}.mode is not set. Set it, or give the config a default."
    ]


def again(scaled):
    """The cell of a ScaleUp, and its clones, to scale it up anew."""
    scaled.cell._parent = None
    return scaled.cell, scaled.clones


def test_a_parameter_is_not_given_to_a_clone():
    cell = Level()
    cell.mode = "a"
    scaled = tp.ScaleUp(cell, clones=[clone(level=3)])
    assert findings(made(lambda self, x: self.a(x), a=scaled)) == [
        "a.level is not set. Set it, or give the parameter a default.",
        "a (clone 0 on cpu) has no config 'level'; there are: mode, share. Declare it in Level "
        "with tp.Config.",
    ]


def test_the_config_of_a_clone_is_checked():
    cell = Detect()
    clones = [clone(precision="fp8"), clone(precision="fp16"), clone(size=3)]
    assert findings(made(lambda self, x: self.a(x), a=tp.ScaleUp(cell, clones))) == [
        "a (clone 0 on cpu) cannot have precision = 'fp8': it must be one of 'fp32', 'fp16'.",
        "a (clone 2 on cpu) has no config 'size'; there are: precision. Declare it in Detect with "
        "tp.Config.",
    ]
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(ONE, [clone(size=3)])) == (
        "a (clone 0 on cpu) has no config 'size'; there are: none. Declare it in FunctionCell with "
        "tp.Config."
    )


# -- policies and batching


def test_a_policy_that_is_none():
    assert finding(lambda self, x: self.a(x), a=Policy("ignore")) == (
        'a: cannot have on_error=\'ignore\': it must be "raise", "skip", tp.Skip or tp.Retry.'
    )


@pytest.mark.parametrize(
    "cell",
    [SplitPolicy("skip"), Inner(SplitPolicy("skip")), tp.ScaleUp(Inner(SplitPolicy("skip")))],
)
def test_what_was_yielded_cannot_be_taken_back(cell):
    inside = "a" if isinstance(cell, SplitPolicy) else "a.cell"
    assert finding(lambda self, x: self.a(x), a=cell) == (
        f"{inside} cannot have on_error='skip': what a source or a cell that yields has given "
        f"cannot be taken back. Handle the error in its `forward`."
    )


@pytest.mark.parametrize("scaled", [lambda cell: cell, tp.ScaleUp])
def test_what_only_cells_can_do_is_refused_to_pipelines(scaled):
    inner = Inner(ONE)
    inner.on_error, inner.batching = "skip", tp.Batching(4)
    assert findings(made(lambda self, x: self.a(x), a=scaled(inner))) == [
        "a cannot have on_error='skip': it is a pipeline, and errors are raised by its cells. Set "
        "it on those that may raise.",
        "a cannot have batching: it is a pipeline, and its cells are called one by one. Set it on "
        "those that take batches.",
    ]


@pytest.mark.parametrize("policy", ["skip", tp.Skip(3), tp.Retry(2), tp.Retry(2, then="skip")])
def test_any_other_cell_may_have_a_policy(policy):
    assert findings(made(lambda self, x: self.a(x), a=Policy(policy))) == []
    assert findings(made(lambda self, x: self.a(x), a=tp.ScaleUp(Inner(Policy(policy))))) == []


def test_a_source_that_returns_cannot_skip_either():
    class Returning(SourcePolicy):
        def forward(self):
            return 1

    assert finding(lambda self: self.a(), a=Returning("skip")).startswith("a cannot have on_error=")


def test_a_source_cannot_skip():
    assert finding(lambda self: self.a(), a=SourcePolicy(tp.Retry(2))) == (
        "a cannot have on_error=Retry(attempts=2, then='raise'): what a source or a cell that "
        "yields has given cannot be taken back. Handle the error in its `forward`."
    )


def test_a_scaled_up_cell_that_yields_may_skip():
    """A clone gives all that it yields for an item at once."""
    assert findings(made(lambda self, x: self.a(x), a=tp.ScaleUp(SplitPolicy("skip")))) == []


@pytest.mark.parametrize("scaled", [False, True])
def test_a_cell_that_yields_cannot_batch(scaled):
    cell = SplitPolicy(batching=tp.Batching(2))
    cells = {"a": tp.ScaleUp(cell) if scaled else cell}
    assert finding(lambda self, x: self.a(x), **cells) == (
        "a cannot have batching: it has no single result for each item that it takes. Batch in a "
        "cell after it."
    )


def test_a_source_cannot_batch():
    assert finding(lambda self: self.a(), a=SourcePolicy(batching=tp.Batching(2))) == (
        "a cannot have batching: it has no single result for each item that it takes. Batch in a "
        "cell after it."
    )


def test_any_other_cell_can_batch():
    assert findings(made(lambda self, x: self.a(x), a=Policy(batching=tp.Batching(2)))) == []


# -- clones


def test_something_stateful_in_several_clones():
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(Track(), 2)) == (
        "cannot scale up 'a' to 2 clones: Track is stateful, so every item must pass through one "
        "clone. Scale up the stateless cells before it; their order is kept."
    )
    assert findings(made(lambda self, x: self.a(x), a=tp.ScaleUp(Track(), 1))) == []


def test_something_stateful_inside_several_clones():
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(Inner(Inner(tp.Delay(1))), 3)) == (
        "cannot scale up 'a' to 3 clones: a.cell.cell (Delay) is stateful, so every item must pass "
        "through one clone. Scale up the stateless cells before it; their order is kept."
    )


def test_no_clones():
    scaled = tp.ScaleUp(ONE)
    scaled.clones = ()
    assert finding(lambda self, x: self.a(x), a=scaled) == (
        "a has no clones, so nothing would run it. Give at least one."
    )


def test_a_source_in_clones():
    assert finding(lambda self: self.a(), a=tp.ScaleUp(Camera())) == (
        "cannot scale up a: a source gives its items one by one, in order. Scale up a cell after "
        "it that does the work."
    )


def test_a_feedback_in_clones():
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(tp.Feedback(), 1)) == (
        "cannot scale up a: a Feedback does no work. Use it as it is."
    )


def test_a_source_within_clones():
    inner = made(lambda self, x: TWO(x, self.camera()), camera=Camera())
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(inner)) == (
        "cannot scale up a: a.camera in it is a source, which gives its items one by one, in "
        "order. Put it before a, and pass in what it gives."
    )


def test_clones_within_clones():
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(Inner(tp.ScaleUp(Detect())))) == (
        "cannot scale up a.cell within a, which is scaled up as a whole: its clones would "
        "multiply. Scale up one of the two."
    )


def test_batching_within_clones():
    cell = Policy(batching=tp.Batching(2))
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(Inner(cell))) == (
        "cannot batch a.cell within a, which is scaled up as a whole: each of its clones works on "
        "one item at a time. Scale up a.cell instead."
    )


def test_collecting_within_clones():
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(Inner(Collect()), 1)) == (
        "cannot scale up a: a.cell in it collects items, and what it holds at the end of the "
        "stream would be lost. Put it before or after a."
    )


def test_numberings_and_cycles_within_clones():
    inner = made(lambda self, x: TWO(x, self.split(x)), split=Split())
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(inner)) == (
        "cannot join the inputs and a.split in a.two: their items are numbered differently, by the "
        "inputs and a.split. Join them before a.split, and pass on together what belongs together."
    )
    inner = made(cycle, a=tp.cell(one), b=tp.cell(one))
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(inner)).startswith(
        "cannot order a.a, a.b:"
    )
    inner = made(lambda self, x: (x, self.split(x)), split=Split())
    assert finding(lambda self, x: self.a(x), a=tp.ScaleUp(inner)) == (
        "a cannot give x and split together: their items are numbered differently, by the inputs "
        "and a.split. Return those of one numbering, and put the others into a sink."
    )


class Mixed(NamedTuple):
    boxes: Boxes
    number: int


def test_attributes_of_a_cell_are_its_own_business():
    """Names that wrappers use mean nothing in a user's cell."""

    class Wrapper(tp.Cell):
        def __init__(self):
            self.cell, self.clones, self.graph, self.packing = 3, 4, 5, 6

        def forward(self, x) -> Mixed:
            return Mixed(x, self.cell)

    pipeline = made(
        lambda self, x: (self.a(x).boxes, self.b(x).number),
        a=Wrapper(),
        b=tp.ScaleUp(Inner(Wrapper())),
    )
    assert findings(pipeline) == []
