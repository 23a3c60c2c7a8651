"""Small cells and pipelines for the tests of the graph; nothing here runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

import torchpipe as tp


class Frame:
    """A picture."""


class Boxes:
    """Rectangles."""


class Found(NamedTuple):
    """What a detector gives."""

    boxes: Boxes
    score: float


class Camera(tp.Cell):
    """A source."""

    def forward(self) -> Iterator[Frame]:
        yield Frame()


class Detect(tp.Cell):
    """One input, two outputs."""

    level = tp.Parameter(0.5, ge=0.0, le=1.0)
    precision = tp.Config("fp32", choices=("fp32", "fp16"))

    def forward(self, frame: Frame) -> Found:
        return Found(Boxes(), 1.0)


class Draw(tp.Cell):
    """Two inputs, one with a default."""

    def forward(self, image: Frame, boxes: Boxes, *, width: int = 1) -> Frame:
        return image


class Track(tp.Cell):
    """One input, and a state."""

    stateful = True

    def forward(self, boxes: Boxes) -> Boxes:
        return boxes


class Split(tp.Cell):
    """Any number of frames for each."""

    def forward(self, frame: Frame) -> Iterator[Frame]:
        yield frame


class Inner(tp.Pipeline):
    """An open pipeline."""

    def __init__(self, cell: tp.Cell | None = None):
        super().__init__()
        self.cell = tp.cell(one) if cell is None else cell

    def build(self, x):
        return self.cell(x)


def one(a):
    """Return what it gets."""
    return a


def two(a, b):
    """Return the first of two."""
    return a


def made(build: Callable[..., Any], **cells: Any) -> tp.Pipeline:
    """A pipeline named Line, of these cells and with this `build`."""

    class Line(tp.Pipeline):
        def __init__(self):
            super().__init__()
            for name, cell in cells.items():
                setattr(self, name, cell)

    Line.build = build  # type: ignore[method-assign]
    return Line()


def error_of(call: Callable[[], Any], kind: type[BaseException] = tp.errors.TorchpipeError) -> str:
    """The whole text of the error that this call raises, of exactly this kind if one is named."""
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def connect_error(build: Callable[..., Any], **cells: Any) -> str:
    """The whole text of the ConnectError that building this pipeline raises."""
    return error_of(lambda: made(build, **cells).graph, tp.errors.ConnectError)


def findings(pipeline: tp.Pipeline) -> list[str]:
    """What `check` finds."""
    try:
        pipeline.check()
    except tp.CheckError as error:
        return list(error.findings)
    return []
