"""An attribute that would hide what every cell has is refused, by name."""

import pytest

import torchpipe as tp
from tests.graph.made import error_of, made
from torchpipe.errors import GraphError


def setting(name, value):
    """A cell whose `__init__` sets this attribute."""

    class WriteCsv(tp.Cell):
        def __init__(self):
            super().__init__()
            setattr(self, name, value)

        def forward(self, x):
            return x

    return WriteCsv


def text(name, kind="WriteCsv", what="cell"):
    return (
        f"cannot set {name!r} in {kind}: every {what} has an attribute of that name. Choose "
        f"another one."
    )


@pytest.mark.parametrize("name", ["path", "seed", "suggested_name"])
def test_a_property_of_every_cell_is_refused_where_it_is_set(name):
    assert error_of(setting(name, "rows.csv"), GraphError) == text(name)


@pytest.mark.parametrize(
    "name", ["inputs", "outputs", "setup", "reset", "teardown", "forward", "state_dict", "describe"]
)
@pytest.mark.parametrize("place", [lambda cell: made(lambda self: None, a=cell), tp.ScaleUp])
def test_a_method_that_is_hidden_is_refused_where_the_cell_is_placed(name, place):
    cell = setting(name, 3)()
    assert error_of(lambda: place(cell), GraphError) == text(name)


@pytest.mark.parametrize("name", ["path", "reset", "outputs"])
@pytest.mark.parametrize("value", [3, tp.Parameter(3)])
def test_a_class_variable_is_refused_likewise(name, value):
    kind = type("Level", (tp.Cell,), {name: value, "forward": lambda self, x: x})
    assert error_of(lambda: made(lambda self: None, a=kind()), GraphError) == text(name, "Level")


@pytest.mark.parametrize("name", ["run", "check", "graph", "cells", "path", "inputs", "pull"])
def test_what_every_pipeline_has_is_not_set(name):
    error = error_of(lambda: made(lambda self, x: x, **{name: 5}), GraphError)
    assert error == text(name, "Line", "pipeline")


def test_what_a_pipeline_may_set_itself_is_set():
    pipeline = made(lambda self, x: x, window=4, on_error="raise", level=3)
    assert (pipeline.window, pipeline.level) == (4, 3)


def test_methods_may_be_given_by_a_function():
    cell = setting("reset", lambda: None)()
    made(lambda self, x: self.a(x), a=cell).check()


@pytest.mark.parametrize("setting_of", [tp.Parameter, tp.Config])
def test_a_setting_is_declared_in_the_class_body(setting_of):
    cell = setting("level", setting_of(0.5))()
    kind = setting_of.__name__
    assert error_of(lambda: tp.ScaleUp(cell), GraphError) == (
        f"cannot set 'level' in WriteCsv to a {kind}: it belongs to the class. Declare it in the "
        f"class body: level = tp.{kind}(0.5)."
    )
    assert error_of(lambda: made(lambda self, x: x, level=setting_of(2)), GraphError) == (
        f"cannot set 'level' in Line to a {kind}: it belongs to the class. Declare it in the "
        f"class body: level = tp.{kind}(2)."
    )
