"""What `build` has forgotten is found before anything runs."""

import pytest

import torchpipe as tp
from tests.graph.made import Camera, Detect, Inner, findings, made, one


class Double(tp.Cell):
    def forward(self, x: int) -> int:
        return 2 * x


class Write(tp.Cell):
    def forward(self, x: int) -> None: ...


def forgets(self, x):
    self.d(x)


@pytest.mark.parametrize("cell", [Double(), tp.ScaleUp(Double())])
def test_a_forgotten_return(cell):
    assert findings(made(forgets, d=cell)) == [
        "Line.build returns nothing, and nothing reads d.out (int). Return it, or end in a cell "
        "with `-> None`, such as tp.Call makes of a function."
    ]


def test_a_forgotten_return_of_several():
    def build(self):
        self.detect(self.camera())

    assert findings(made(build, camera=Camera(), detect=Detect())) == [
        "Line.build returns nothing, and nothing reads detect.boxes (Boxes) and detect.score "
        "(float). Return it, or end in a cell with `-> None`, such as tp.Call makes of a function."
    ]


def test_a_forgotten_return_in_a_nested_pipeline():
    inner = made(forgets, d=Double())
    assert findings(made(lambda self, x: (self.inner(x), x)[1], inner=inner)) == [
        "inner.build returns nothing, and nothing reads inner.d.out (int). Return it, or end in a "
        "cell with `-> None`, such as tp.Call makes of a function."
    ]


@pytest.mark.parametrize(
    "cell", [Write(), tp.Collect(), tp.Call(print), tp.ScaleUp(Write()), Inner(tp.Collect())]
)
def test_a_pipeline_may_end_in_a_sink(cell):
    assert findings(made(forgets, d=cell)) == []


def test_a_pipeline_that_ends_in_a_sink_may_have_side_branches():
    def build(self, x):
        self.d(x)
        self.write(x)

    assert findings(made(build, d=Double(), write=Write())) == []


def test_a_pipeline_may_have_an_argument_to_spare():
    assert findings(made(lambda self, x, y: tp.cell(one)(x))) == []
    inner = made(lambda self, x, y=3: tp.cell(one)(x))
    assert findings(made(lambda self, x: self.inner(x), inner=tp.ScaleUp(inner))) == []


def test_an_argument_may_only_be_returned():
    assert findings(made(lambda self, x, y: {"a": x, "b": y})) == []
