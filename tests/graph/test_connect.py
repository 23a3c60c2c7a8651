"""What a call in `build` connects, and every text of a ConnectError."""

import pytest

import torchpipe as tp
from tests.graph.made import (
    Camera,
    Detect,
    Draw,
    Found,
    Inner,
    Track,
    connect_error,
    error_of,
    findings,
    made,
    one,
    two,
)
from torchpipe.errors import ConnectError


def drawn(self):
    frame = self.camera()
    boxes, _ = self.detect(frame)
    return self.draw(frame, boxes=boxes, width=3)


def test_a_call_connects_by_position_and_by_name():
    pipeline = made(drawn, camera=Camera(), detect=Detect(), draw=Draw())
    assert [str(connection) for connection in pipeline.connections] == [
        "<Connection camera.out (Frame) -> detect.frame (Frame)>",
        "<Connection camera.out (Frame) -> draw.image (Frame)>",
        "<Connection detect.boxes (Boxes) -> draw.boxes (Boxes)>",
        "<Connection the constant 3 -> draw.width (int)>",
    ]


def test_an_output_knows_its_connections():
    pipeline = made(drawn, camera=Camera(), detect=Detect(), draw=Draw())
    pipeline.check()
    targets = [str(connection.target) for connection in pipeline.camera.outputs.out.connections]
    assert targets == ["detect.frame (Frame)", "draw.image (Frame)"]


def test_the_explicit_form_of_a_call():
    def build(self):
        tp.Connection(self.camera.outputs.out, self.detect.inputs.frame)
        return self.detect.outputs.boxes

    pipeline = made(build, camera=Camera(), detect=Detect())
    pipeline.check()
    assert [str(connection) for connection in pipeline.connections] == [
        "<Connection camera.out (Frame) -> detect.frame (Frame)>"
    ]


def test_a_call_gives_what_the_cell_gives():
    given = []

    def build(self, frame, boxes):
        given.append(self.detect(frame))
        given.append(self.sink(boxes))
        given.append(self.plain(boxes))

    pipeline = made(build, detect=Detect(), sink=tp.cell(sink), plain=tp.cell(one))
    _ = pipeline.graph
    found, nothing, plain = given
    assert isinstance(found, Found)
    assert found.boxes is pipeline.detect.outputs.boxes
    assert repr(nothing) == "<Nothing of sink>"
    assert plain is pipeline.plain.outputs.out


def sink(x) -> None: ...


class ThreeWays(tp.Pipeline):
    def __init__(self, way):
        super().__init__()
        self.way = way
        self.left, self.right = tp.cell(one), tp.cell(one)

    def build(self, a, b):
        left, right = self.left(a), self.right(b)
        return {"tuple": (left, right), "dict": {"l": left, "r": right}, "none": None}[self.way]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    ("way", "text"),
    [
        ("tuple", "(<Output {0}.left (Any)>, <Output {0}.right (Any)>)"),
        ("dict", "{{'l': <Output {0}.l (Any)>, 'r': <Output {0}.r (Any)>}}"),
        ("none", "<Nothing of {0}>"),
    ],
)
def test_a_nested_pipeline_gives_what_its_build_returns(scaled, way, text):
    given = []

    def build(self, a):
        given.append(self.inner(a, a))

    inner = ThreeWays(way)
    _ = made(build, inner=tp.ScaleUp(inner) if scaled else inner).graph
    assert repr(given[0]) == text.format("inner")


def test_a_function_is_placed_at_each_use():
    twice = tp.cell(one)
    pipeline = made(lambda self, x: twice(twice(x)))
    _ = pipeline.graph
    assert list(pipeline.cells) == ["one", "one_2"]
    assert tp.cell(lambda x: x).suggested_name == "function"


ONE, TWO = tp.cell(one), tp.cell(two)


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (
            lambda self: self.draw(self.detect(self.camera()).boxes, 1),
            "cannot connect detect.boxes (Boxes) to draw.image (Frame): a Frame is expected. "
            "Connect one of camera.out, or add a cell that turns Boxes into a Frame.",
        ),
        (
            lambda self: self.track(self.camera()),
            "cannot connect camera.out (Frame) to track.boxes (Boxes): a Boxes is expected. Add a "
            "cell that turns Frame into a Boxes.",
        ),
        (
            lambda self: self.draw(width="wide"),
            "cannot connect the constant 'wide' to draw.width (int): an int is expected. Pass an "
            "int.",
        ),
        (
            lambda self: (self.camera(), self.draw("image")),
            "cannot connect the constant 'image' to draw.image (Frame): a Frame is expected. "
            "Connect one of camera.out, or pass a Frame.",
        ),
        (
            lambda self: self.detect(self.camera(), 2),
            "cannot call detect: too many positional arguments. Its inputs: frame.",
        ),
        (
            lambda self: self.camera(frame=2),
            "cannot call camera: got an unexpected keyword argument 'frame'. Its inputs: none.",
        ),
        (
            lambda self: self.draw(self.camera(), 1, 2),
            "cannot call draw: too many positional arguments. Its inputs: image, boxes, width.",
        ),
        (
            lambda self: self.detect(self.detect(self.camera()).score),
            "cannot call detect twice: a cell has one place in a pipeline. Make a second Detect "
            "for the second place.",
        ),
        (
            lambda self: self.detect(self.camera),
            "cannot connect the cell camera to detect.frame (Frame): a cell is no value. Call it, "
            "and connect what it gives.",
        ),
        (
            lambda self: ONE(self.detect(self.camera())),
            "cannot connect several outputs (boxes, score) to one.a (Any): an input takes one. "
            "Pass one of them, or give the cell an input for each.",
        ),
        (
            lambda self: ONE({"frame": self.camera(), "more": 2}),
            "cannot connect several outputs (out) to one.a (Any): an input takes one. Pass one of "
            "them, or give the cell an input for each.",
        ),
        (
            lambda self: TWO(*self.camera()),
            "cannot unpack camera.out (Frame): it is one output. To give several, annotate the "
            "return type of `forward` with a NamedTuple.",
        ),
        (
            lambda self: self.detect(self.camera()) if self.camera() else None,
            "cannot branch on camera.out (Frame): `build` runs once, before there are values. "
            "Decide in a cell's `forward`, or drop items with tp.Filter.",
        ),
        (
            lambda self: (
                tp.Connection(self.camera(), self.detect.inputs.frame)
                and tp.Connection(self.camera.outputs.out, self.detect.inputs.frame)
            ),
            "cannot connect camera.out (Frame) to detect.frame (Frame): camera.out (Frame) is "
            "connected to it already. A cell has one place in a pipeline: make a second Detect for "
            "another place.",
        ),
        (
            lambda self: tp.Connection(self.camera(), self.inner.cell.inputs.a),
            "cannot connect camera.out (Frame) to inner.cell.a (Any): they lie in different "
            "pipelines (Line and inner). Return the value from the inner pipeline's `build`, or "
            "pass it in as an argument.",
        ),
        (
            lambda self: tp.Connection(Camera().outputs.out, self.detect.inputs.frame),
            "cannot connect Camera.out (Frame) to detect.frame (Frame): they lie in different "
            "pipelines (no pipeline and Line). Return the value from the inner pipeline's `build`, "
            "or pass it in as an argument.",
        ),
        (
            lambda self: tp.Connection(self.camera(), Detect().inputs.frame),
            "cannot connect camera.out (Frame) to Detect.frame (Frame): they lie in different "
            "pipelines (Line and no pipeline). Return the value from the inner pipeline's `build`, "
            "or pass it in as an argument.",
        ),
        (
            lambda self: self.other.cell(self.camera()),
            "cannot call other.cell in Line.build: it belongs to other. Make a Track of its own "
            "for each pipeline.",
        ),
        (
            lambda self: self.scaled.cell(self.camera()),
            "cannot call scaled in Line.build: it belongs to scaled. Make a Detect of its own for "
            "each pipeline.",
        ),
        (
            lambda self: self.prev.connect(3),
            "cannot connect 3 to prev.value: an output is expected. Call `connect` in `build`, "
            "with what a cell gave there.",
        ),
        (
            lambda self: 3,
            "Line.build returned 3 as 'out': an output of one of its cells is expected. Return "
            "what a cell gave.",
        ),
        (
            lambda self: ONE(tp.cell(sink)(self.camera())),
            "cannot connect sink to one.a (Any): sink gives nothing (`-> None`). Annotate what it "
            "returns, or connect another cell.",
        ),
        (
            lambda self: self.track,
            "Line.build returned the cell track as 'out': an output of one of its cells is "
            "expected. Call it, and return what it gives.",
        ),
        (
            lambda self: {"boxes": [self.camera()]},
            "Line.build returned [<Output camera.out (Frame)>] as 'boxes': an output of one of its "
            "cells is expected. Return what a cell gave.",
        ),
        (
            lambda self: (self.camera(), self.inner.cell.outputs.out),
            "Line.build returned inner.cell.out (Any) as 'cell', which lies in another pipeline. "
            "Return what a cell of this one gave.",
        ),
    ],
)
def test_what_cannot_be_connected(build, error):
    cells = {"camera": Camera(), "detect": Detect(), "draw": Draw(), "track": Track()}
    more = {
        "inner": Inner(),
        "other": Inner(Track()),
        "scaled": tp.ScaleUp(Detect()),
        "prev": tp.Feedback(),
    }
    assert connect_error(build, **cells, **more) == error


def test_cells_without_a_pipeline_may_be_connected_first():
    camera, detect = Camera(), Detect()
    tp.Connection(camera.outputs.out, detect.inputs.frame)
    made(lambda self: detect.outputs.boxes, camera=camera, detect=detect).check()


def test_types_are_checked_without_a_pipeline_too():
    camera, track = Camera(), Track()
    assert error_of(
        lambda: tp.Connection(camera.outputs.out, track.inputs.boxes), ConnectError
    ) == (
        "cannot connect Camera.out (Frame) to Track.boxes (Boxes): a Boxes is expected. Add a cell "
        "that turns Frame into a Boxes."
    )


def test_only_outputs_that_certainly_fit_are_proposed():
    def build(self):
        frame = self.camera()
        _ = self.anything(frame), self.draw.outputs
        return self.draw(self.detect(frame).boxes)

    cells = {"camera": Camera(), "anything": tp.cell(one), "detect": Detect(), "draw": Draw()}
    assert connect_error(build, **cells) == (
        "cannot connect detect.boxes (Boxes) to draw.image (Frame): a Frame is expected. Connect "
        "one of camera.out, or add a cell that turns Boxes into a Frame."
    )


def test_an_error_in_build_stays_what_it_was():
    pipeline = made(lambda self: ONE(self.camera, 5), camera=Camera())
    first, second = error_of(lambda: pipeline.graph), error_of(pipeline.check)
    assert first == second == "cannot call one: too many positional arguments. Its inputs: a."


def test_values_of_any_type_are_constants():
    pipeline = made(lambda self, x: (x, TWO([1], {"a": (2,)})))
    assert [*map(str, pipeline.connections)] == [
        "<Connection the constant [1] -> two.a (Any)>",
        "<Connection the constant {'a': (2,)} -> two.b (Any)>",
    ]


def test_what_a_sink_gives_is_no_value_under_any_name():
    def build(self, x):
        nothing = tp.cell(sink)(x)
        _ = TWO(x, 3)
        return ONE(nothing)

    assert connect_error(build) == (
        "cannot connect sink to one.a (Any): sink gives nothing (`-> None`). Annotate what it "
        "returns, or connect another cell."
    )


def test_none_is_a_constant_beside_a_sink_too():
    def build(self, x):
        tp.cell(sink)(x)
        _ = TWO(x, None)
        _ = TWO(x, self.window)
        nothing = None
        return TWO(x, nothing)

    assert findings(made(build)) == []
