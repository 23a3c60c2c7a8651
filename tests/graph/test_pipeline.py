"""Pipelines: names and places, open and closed, nesting, results."""

from typing import NamedTuple

import pytest

import torchpipe as tp
from tests.graph.made import (
    Camera,
    Detect,
    Draw,
    Inner,
    Track,
    connect_error,
    error_of,
    made,
    one,
    two,
)
from torchpipe.errors import GraphError

ONE, TWO = tp.cell(one), tp.cell(two)


def graph_error(call):
    return error_of(call, GraphError)


def test_cells_have_the_paths_of_their_attributes():
    pipeline = made(
        lambda self, x: None,
        first=tp.cell(one),
        layers=[tp.cell(one), (tp.cell(one), "text")],
        heads={"left": tp.cell(one), "none": None},
        inner=Inner(),
        scaled=tp.ScaleUp(Inner()),
    )
    assert list(pipeline.cells) == [
        "first",
        "layers.0",
        "layers.1.0",
        "heads.left",
        "inner.cell",
        "scaled",
    ]
    assert list(pipeline.children) == [
        *["first", "layers.0", "layers.1.0", "heads.left", "inner", "scaled"],
    ]
    assert pipeline.layers[1][0].path == "layers.1.0"
    assert pipeline.heads["left"].path == "heads.left"
    assert pipeline.scaled.cell.cell.path == "scaled.cell"
    assert pipeline.path == "Line"


def test_any_number_of_levels():
    pipeline = made(lambda self, x: self.a(x), a=Inner(Inner(Inner(Track()))))
    assert list(pipeline.cells) == ["a.cell.cell.cell"]
    assert pipeline.cells["a.cell.cell.cell"].path == "a.cell.cell.cell"


def test_a_cell_that_build_makes_is_named_after_its_class():
    def build(self):
        return Track()(Track()(Detect()(Camera()()).boxes))

    assert list(made(build).cells) == ["camera", "detect", "track", "track_2"]


def test_scaled_up_cells_are_named_after_what_is_inside():
    def build(self, x):
        return tp.ScaleUp(ONE)(tp.ScaleUp(Inner())(x))

    assert list(made(build).cells) == ["inner", "one"]


def test_build_runs_once_and_only_when_it_is_needed():
    count = []
    pipeline = made(lambda self, x: count.append(1))
    assert not count
    assert pipeline.cells == {}
    assert pipeline.connections == []
    assert count == [1]


def test_arguments_make_a_pipeline_open():
    assert made(lambda self, x: x).is_open
    assert not made(lambda self: Camera()()).is_open


def test_inputs_and_outputs_are_those_of_build():
    class Open(tp.Pipeline):
        def build(self, a: int, b: float = 2.0, *, c=3):
            return tp.cell(lambda a, b, c: a)(a, b, c=c)

    pipeline = Open()
    assert [*map(str, pipeline.inputs.values())] == [
        "Open.a (int)",
        "Open.b (float)",
        "Open.c (Any)",
    ]
    assert [*map(str, pipeline.outputs.values())] == ["Open.out (Any)"]
    assert [*map(str, pipeline.connections)] == [
        "<Connection Open.a (int) -> function.a (Any)>",
        "<Connection Open.b (float) -> function.b (Any)>",
        "<Connection Open.c (Any) -> function.c (Any)>",
    ]


def test_an_input_left_to_its_default_has_no_connection():
    pipeline = made(lambda self, image, boxes: self.draw(image, boxes), draw=Draw())
    assert [connection.target.name for connection in pipeline.connections] == ["image", "boxes"]


def test_connections_of_nested_pipelines_are_listed():
    pipeline = made(lambda self, x: self.inner(x), inner=Inner())
    assert [*map(str, pipeline.connections)] == [
        "<Connection Line.x (Any) -> inner.x (Any)>",
        "<Connection inner.x (Any) -> inner.cell.a (Any)>",
    ]


class Pair(NamedTuple):
    left: int
    right: int


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (lambda self, x: None, []),
        (lambda self, x: (), []),
        (lambda self, x: [], []),
        (lambda self, x: {}, []),
        (lambda self, x: ONE(x), ["out"]),
        (lambda self, x: x, ["out"]),
        (lambda self, x: (x, ONE(x), ONE(x)), ["x", "one", "one_2"]),
        (lambda self, x: [ONE(x), x, x], ["one", "x", "x_2"]),
        (lambda self, out: (out, ONE(out)), ["out", "one"]),
        (lambda self, x: Pair(x, ONE(x)), ["left", "right"]),
        (lambda self, x: {"a": x, "b": ONE(x)}, ["a", "b"]),
        (lambda self, x: (self.layers[0](x), ONE(x)), ["layers_0", "one"]),
        (lambda self, x: Detect()(x), ["boxes", "score"]),
        (lambda self, x: (Detect()(x).score, x), ["score", "x"]),
        (lambda self, x: (3, x), None),
    ],
)
def test_results_are_named(build, names):
    pipeline = made(build, layers=[tp.cell(one)])
    if names is None:
        assert error_of(lambda: pipeline.outputs) == (
            "Line.build returned 3 as 'out': an output of one of its cells is expected. Return "
            "what a cell gave."
        )
    else:
        assert list(pipeline.outputs) == names


@pytest.mark.parametrize(
    ("returned", "packing"),
    [(None, None), ((), None), ([], None), ({}, dict)],
)
def test_without_results_each_item_gives_none_or_an_empty_dict(returned, packing):
    assert made(lambda self, x: returned).graph.packing is packing


def test_an_attribute_may_be_set_again():
    pipeline = made(lambda self, x: self.a(x), a=Track(), b=Track(), layers=[Track(), Track()])
    old = pipeline.a
    pipeline.a, pipeline.b, pipeline.layers = tp.cell(one), None, [pipeline.layers[1]]
    assert list(pipeline.children) == ["a", "layers.0"]
    assert (old._parent, pipeline.a.path, pipeline.b) == (None, "a", None)
    pipeline.a = pipeline.a
    pipeline.number = 3
    assert list(pipeline.cells) == ["layers.0", "a"]


def test_a_forgotten_super_call_breaks_nothing():
    class Forgetful(tp.Pipeline):
        def __init__(self):
            self.camera = Camera()

        def build(self):
            return self.camera()

    assert list(Forgetful().cells) == ["camera"]


def test_cells_may_be_dataclasses_and_have_a_length():
    from dataclasses import dataclass

    @dataclass
    class Sized(tp.Cell):
        size: int

        def __len__(self):
            return 0

        def forward(self):
            return self.size

    pipeline = made(lambda self: (Sized(1)(), Sized(1)()))
    pipeline.check()
    assert list(pipeline.cells) == ["sized", "sized_2"]


def test_a_cell_has_one_place():
    cell = Track()
    made(lambda self: None, a=cell)
    error = "cannot place a in Line as 'b': it has a place in Line already. Make a second Track."
    assert graph_error(lambda: made(lambda self: None, b=cell)) == error


def test_a_pipeline_has_no_place_in_itself():
    outer = made(lambda self: None, inner=Inner())
    error = "cannot place Line in {} as 'me': it has a place within itself. Make a second Line."
    assert graph_error(lambda: setattr(outer, "me", outer)) == error.format("Line")
    assert graph_error(lambda: setattr(outer.inner, "me", outer)) == error.format("inner")


def test_a_name_is_given_once():
    pipeline = made(lambda self: None, a=Track())
    error = "cannot place 'a' in Line: Track() has that name. Choose another one."
    assert graph_error(lambda: pipeline.place(Track(), "a")) == error
    assert pipeline.place(Track()).path == "track"
    assert pipeline.place(Track()).path == "track_2"


@pytest.mark.parametrize("name", ["run", "cells", "graph", "check"])
def test_a_cell_hides_nothing_that_a_pipeline_needs(name):
    for cells in (Track(), [Track()]):
        error = (
            f"cannot name a cell {name!r} in Line: every pipeline has an attribute of that name. "
            f"Choose another one."
        )
        assert graph_error(lambda cells=cells: made(lambda self: None, **{name: cells})) == error


def test_nothing_changes_after_build():
    pipeline = made(lambda self, x: self.a(x), a=Track())
    _ = pipeline.graph
    error = "cannot change {!r} in Line: its `build` has run already. Make a new Line."
    assert graph_error(lambda: setattr(pipeline, "b", Track())) == error.format("b")
    assert graph_error(lambda: setattr(pipeline, "a", None)) == error.format("a")
    pipeline.number = 3


def test_a_pipeline_without_build():
    class Empty(tp.Pipeline):
        pass

    error = "Empty has no `build`: write one that connects its cells."
    assert graph_error(lambda: Empty().graph) == error
    assert graph_error(lambda: Empty().is_open) == error
    nested = made(lambda self: self.empty(), empty=Empty())
    assert graph_error(nested.check) == "empty has no `build`: write one that connects its cells."


def test_the_arguments_of_build_have_names():
    def build(self, *frames):
        return frames[0]

    assert connect_error(build) == (
        "cannot tell the inputs of Line from *frames: ports come from named parameters. Give each "
        "input a name in the signature."
    )


def test_check_lists_all_findings_in_one_error():
    pipeline = made(lambda self: self.draw(), draw=Draw())
    assert error_of(pipeline.check, tp.CheckError) == (
        "Line cannot run, 3 problems:\n"
        "  - Line has nothing that starts a stream. Add a source (a cell without inputs, such as "
        "tp.Source), or give `build` an argument.\n"
        "  - nothing is connected to draw.image (Frame). Pass it in `build`: draw(image=...).\n"
        "  - nothing is connected to draw.boxes (Boxes). Pass it in `build`: draw(boxes=...)."
    )


def test_the_error_of_a_check_can_be_sent_elsewhere():
    import pickle

    error = pickle.loads(pickle.dumps(tp.CheckError("Line", ["no source.", "no sink."])))
    assert (error.pipeline, error.findings) == ("Line", ("no source.", "no sink."))
    assert str(error) == "Line cannot run, 2 problems:\n  - no source.\n  - no sink."
    assert (
        str(tp.CheckError("Line", ["no source."])) == "Line cannot run, 1 problem:\n  - no source."
    )


def test_pull_and_call_deploy_and_stop_ends():
    pipeline = made(lambda self, x: ONE(x))
    assert [pipeline(1), pipeline(x=2)] == [1, 2]
    pipeline.stop()
    pipeline.stop()
    closed = made(lambda self: tp.Source([1, 2])())
    assert [closed.pull(), closed.pull()] == [1, 2]
    closed.stop()
    assert closed.pull() == 1
    closed.stop()


def test_a_definition_is_not_run_by_mistake():
    pipeline = made(lambda self, x: x)
    assert error_of(lambda: list(pipeline), GraphError) == (
        "cannot iterate over Line: it is a definition. Run it: with Line.run() as run, and then "
        "for x in run."
    )
    assert error_of(lambda: pipeline.__enter__(), GraphError) == (
        "cannot enter Line: it is a definition. Run it: with Line.run() as run."
    )
    with pytest.raises(GraphError, match="cannot enter Line"), pipeline:
        pass


def test_outputs_that_are_unpacked_into_another_number_say_how_many_there_are():
    def build(self, frame):
        a, b, c = self.detect(frame)
        return a, b, c

    pipeline = made(build, detect=Detect())
    with pytest.raises(ValueError, match="not enough values to unpack") as caught:
        _ = pipeline.graph
    assert caught.value.__notes__ == ["detect gives 2 outputs (boxes, score)"]
