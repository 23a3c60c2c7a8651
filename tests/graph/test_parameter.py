"""Parameters and configs: what they take."""

import pytest

import torchpipe as tp
from tests.graph.made import Detect, error_of, made
from torchpipe.errors import ParameterError
from torchpipe.graph.parameter import UNSET, settings


class Many(tp.Cell):
    half = tp.Parameter(0.5, ge=0.0, le=1.0)
    open_half = tp.Parameter(0.5, gt=0.0, lt=1.0)
    count = tp.Parameter(3, ge=1, doc="How many.")
    name = tp.Parameter("net")
    fast = tp.Parameter(False)
    mode = tp.Parameter("a", choices=["a", "b"])
    limit = tp.Parameter(None, ge=0)
    anything = tp.Parameter()
    size = tp.Config(32, ge=1)

    def forward(self, x):
        return x


def test_defaults():
    cell = Many()
    assert (cell.half, cell.count, cell.name, cell.fast, cell.size) == (0.5, 3, "net", False, 32)
    assert cell.anything is UNSET
    assert repr(cell.anything) == "unset"
    assert Many.count.doc == "How many."
    assert (Many.count.kind, Many.size.kind) == ("parameter", "config")


class Number(float):
    """As numpy's float64 is a float."""


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("half", 0.0, 0.0),
        ("half", 1, 1.0),
        ("half", Number(0.25), 0.25),
        ("open_half", 0.999, 0.999),
        ("count", 1, 1),
        ("name", "", ""),
        ("fast", True, True),
        ("mode", "b", "b"),
        ("limit", 0, 0),
        ("limit", None, None),
        ("anything", [1], [1]),
        ("size", 64, 64),
    ],
)
def test_what_a_setting_takes(name, value, kept):
    cell, other = Many(), Many()
    setattr(cell, name, value)
    assert getattr(cell, name) == kept
    assert type(getattr(cell, name)) is type(kept)
    assert getattr(other, name) == getattr(Many, name).default


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("half", 1.5, "it must be at least 0.0 and at most 1.0"),
        ("half", float("nan"), "it must be at least 0.0 and at most 1.0"),
        ("half", "a", "a float is expected"),
        ("half", True, "a float is expected"),
        ("open_half", 0.0, "it must be greater than 0.0 and less than 1.0"),
        ("open_half", 1, "it must be greater than 0.0 and less than 1.0"),
        ("count", 0, "it must be at least 1"),
        ("count", 1.0, "an int is expected"),
        ("count", True, "an int is expected"),
        ("count", None, "an int is expected"),
        ("name", 3, "a str is expected"),
        ("fast", 1, "a bool is expected"),
        ("mode", "c", "it must be one of 'a', 'b'"),
        ("limit", -1, "it must be at least 0"),
        ("limit", "a", "a number is expected"),
        ("size", 0, "it must be at least 1"),
    ],
)
def test_what_a_setting_refuses(name, value, why):
    cell = Many()
    error = f"cannot set Many.{name} to {value!r}: {why}."
    assert error_of(lambda: setattr(cell, name, value), ParameterError) == error
    assert getattr(cell, name) == getattr(Many, name).default


def test_the_path_is_told():
    pipeline = made(lambda self, x: None, detect=Detect())
    error = "cannot set detect.level to 2.0: it must be at least 0.0 and at most 1.0."
    assert error_of(lambda: setattr(pipeline.detect, "level", 2.0)) == error


def test_a_parameter_error_is_a_value_error():
    assert issubclass(ParameterError, ValueError)


def test_a_default_must_be_allowed():
    error = "cannot set a default to 2.0: it must be at most 1.0."
    assert error_of(lambda: tp.Parameter(2.0, le=1.0), ParameterError) == error


def test_a_config_is_fixed_once_its_cell_is_set_up():
    cell = Many()
    cell.size = 16
    cell(1)
    cell.count = 7
    error = (
        "cannot set Many.size to 8: it is a Config, fixed while the pipeline runs. Set it before "
        "`run()`, or declare it as tp.Parameter."
    )
    assert error_of(lambda: setattr(cell, "size", 8), ParameterError) == error


def test_settings_come_with_those_of_base_classes_first():
    class More(Detect):
        extra = tp.Parameter(1)
        level = tp.Parameter(0.1)

    assert list(settings(More())) == ["level", "precision", "extra"]
    assert list(settings(More(), tp.Config)) == ["precision"]
    assert (More().level, Detect().level) == (0.1, 0.5)
