"""Ports come from signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import torchpipe as tp
from tests.graph.made import Boxes, Camera, Detect, Draw, Frame, error_of
from torchpipe.errors import ConnectError

if TYPE_CHECKING:
    from nowhere import Missing


def ports(cell):
    """All ports of a cell, as text."""
    return [*map(str, cell.inputs.values())], [*map(str, cell.outputs.values())]


def test_parameters_are_inputs_and_fields_are_outputs():
    assert ports(Detect()) == (
        ["Detect.frame (Frame)"],
        ["Detect.boxes (Boxes)", "Detect.score (float)"],
    )


def test_an_input_knows_its_default_and_whether_it_needs_a_name():
    image, boxes, width = Draw().inputs.values()
    assert (image.required, boxes.required, width.required) == (True, True, False)
    assert (boxes.keyword_only, width.keyword_only) == (False, True)
    assert (width.default, width.type, width.path) == (1, int, "Draw.width")


def test_a_source_yields_what_it_gives():
    assert ports(Camera()) == ([], ["Camera.out (Frame)"])


class Pair(NamedTuple):
    left: int
    right: Missing


def pairs(a: int) -> Iterator[Pair]:
    yield Pair(a, a)


def nothing(a: int) -> None: ...


def anything(a, b=2, /, c: Missing = 3, *, d):
    return a


def unknown(a: int) -> Missing: ...


@pytest.mark.parametrize(
    ("function", "inputs", "outputs"),
    [
        (pairs, ["pairs.a (int)"], ["pairs.left (int)", "pairs.right (Any)"]),
        (nothing, ["nothing.a (int)"], []),
        (
            anything,
            ["anything.a (Any)", "anything.b (Any)", "anything.c (Any)", "anything.d (Any)"],
            ["anything.out (Any)"],
        ),
        (unknown, ["unknown.a (int)"], ["unknown.out (Any)"]),
        (abs, ["abs.x (Any)"], ["abs.out (Any)"]),
        (lambda x: x, ["function.x (Any)"], ["function.out (Any)"]),
    ],
)
def test_a_function_has_ports(function, inputs, outputs):
    assert ports(tp.cell(function)) == (inputs, outputs)


def test_ports_are_found_by_name():
    outputs = Detect().outputs
    assert outputs.boxes is outputs["boxes"]
    assert list(outputs) == ["boxes", "score"]
    assert len(outputs) == 2
    assert repr(outputs) == "<Ports boxes, score>"
    assert repr(outputs.boxes) == "<Output Detect.boxes (Boxes)>"
    assert repr(Detect().inputs.frame) == "<Input Detect.frame (Frame)>"


def test_a_port_that_is_not_there():
    message = "no port 'box'; there are: boxes, score"
    assert error_of(lambda: Detect().outputs.box, AttributeError) == message
    assert (
        error_of(lambda: Camera().inputs.frame, AttributeError)
        == "no port 'frame'; there are: none"
    )
    assert error_of(lambda: Detect().outputs["box"], KeyError) == "'box'"


def stars(a, *args: int):
    return a


def more_stars(a, **kwargs: Any):
    return a


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (
            stars,
            "cannot tell the inputs of stars from *args: ports come from named parameters. Give "
            "each input a name in the signature.",
        ),
        (
            more_stars,
            "cannot tell the inputs of more_stars from **kwargs: ports come from named parameters. "
            "Give each input a name in the signature.",
        ),
        (
            max,
            "cannot tell the inputs of max: <built-in function max> has no signature to read. Wrap "
            "it in a function whose parameters have names.",
        ),
    ],
)
def test_a_signature_that_gives_no_ports(function, error):
    assert error_of(lambda: tp.cell(function).inputs, ConnectError) == error


def test_a_cell_without_forward():
    class Empty(tp.Cell):
        pass

    error = "Empty has no `forward`: write one that does its work."
    assert error_of(lambda: Empty().inputs, tp.errors.GraphError) == error


def test_a_cell_may_take_its_ports_from_elsewhere():
    class Wrapper(tp.Cell):
        def port_function(self):
            return Draw().forward

        def forward(self, *args): ...

    assert ports(Wrapper())[1] == ["Wrapper.out (Frame)"]


def test_types_are_classes_of_the_user():
    assert Detect().inputs.frame.type is Frame
    assert Detect().outputs.boxes.type is Boxes
