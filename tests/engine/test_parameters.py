"""Parameters are live in every clone; configs are fixed, and may differ from clone to clone."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.engine.made import Made, consume, line, open_line, scaled
from torchpipe.errors import CheckError, ParameterError
from torchpipe.testing import Gate


class Scale(tp.Cell):
    factor = tp.Parameter(2, ge=0, le=100)
    name = tp.Config("none", choices=("none", "a", "b"))

    def forward(self, x):
        return x * self.factor


class Named(Scale):
    def forward(self, x):
        return self.name


class SetsItself(Scale):
    def forward(self, x):
        self.name = "a"


@pytest.mark.parametrize("clones", [None, 1, 3])
def test_a_parameter_is_set_while_items_flow(clones):
    cell = Scale() if clones is None else scaled(Scale(), clones)
    with line(source=tp.Source(range(1, 50)), scale=cell).run(window=1) as run:
        results = iter(run)
        assert next(results) == 2
        run.set("scale.factor", 10)
        rest = list(results)
        assert rest[2:] == [10 * x for x in range(4, 50)]
        assert rest[0] in (4, 20)  # it was under way


def test_every_clone_follows():
    gate = Gate()

    class Held(Scale):
        def forward(self, x):
            gate.hold(x)
            return x * self.factor

    with line(source=tp.Source(range(6)), cell=scaled(Held(), 3)).run(window=3) as run:
        results = iter(run)
        gate.wait_until_inside(0, 1, 2)
        run.set("cell.factor", 5)
        gate.open()
        assert list(results) == [5 * x for x in range(6)]


@pytest.mark.parametrize("clones", [None, 2])
def test_a_parameter_within_nested_pipelines(clones):
    inner = open_line(first=Scale(), second=open_line(deep=Scale()))
    cell = inner if clones is None else scaled(inner, clones)
    with line(source=tp.Source([1, 2]), inner=cell).run() as run:
        assert list(run) == [4, 8]
        run.set("inner.first.factor", 3)
        run.set("inner.second.deep.factor", 5)
        assert list(run) == [15, 30]


def test_the_definition_sets_it_too_and_keeps_what_was_set():
    cell = Scale()
    with open_line(scale=scaled(cell, 2)).run() as run:
        cell.factor = 7
        assert run(1) == 7
        run.set("scale.factor", 8)
    assert cell.factor == 8


def test_a_value_is_checked_before_it_is_set():
    with open_line(scale=scaled(Scale())).run() as run:
        with pytest.raises(ParameterError) as caught:
            run.set("scale.factor", 101)
        text = "cannot set scale.factor to 101: it must be at least 0 and at most 100."
        assert str(caught.value) == text
        assert run(1) == 2


@pytest.mark.parametrize("path", ["scale.speed", "nothing.factor", "scale", ""])
def test_a_parameter_that_is_not_there(path):
    with open_line(scale=scaled(Scale()), inner=open_line(deep=Scale())).run() as run:
        with pytest.raises(ParameterError) as caught:
            run.set(path, 1)
        there = "scale.factor, inner.deep.factor"
        assert str(caught.value) == f"there is no parameter {path!r} to set; there are: {there}."


def test_a_config_is_no_parameter_to_set():
    with open_line(scale=scaled(Scale())).run() as run:
        with pytest.raises(ParameterError) as caught:
            run.set("scale.name", "other")
        assert str(caught.value) == (
            "cannot set 'scale.name': it is a Config, fixed while the pipeline runs. Stop the run "
            "first; or make it a tp.Parameter, which is live."
        )


def test_no_parameters_at_all():
    pipeline = open_line(add=tp.cell(lambda x: x))
    with pipeline.run() as run, pytest.raises(ParameterError, match="there are: none"):
        run.set("add.x", 1)


# -- configs


def kinds(*names):
    return [tp.ThreadClone(config={"name": name}) for name in names]


def test_each_clone_has_its_config():
    gate = Gate()

    class Both(Scale):
        def forward(self, x):
            gate.hold(x)  # both clones are busy together: each takes one
            return self.name

    with line(source=tp.Source(range(2)), cell=scaled(Both(), kinds("a", "b"))).run() as run:
        results = iter(run)
        gate.wait_until_inside(0, 1)
        gate.open()
        assert set(results) == {"a", "b"}


def test_a_config_of_the_definition_holds_where_a_clone_has_none():
    cell = Named()
    cell.name = "b"
    assert consume(line(source=tp.Source([0]), cell=scaled(cell, [tp.ThreadClone()]))) == ["b"]
    assert cell.name == "b"


@pytest.mark.parametrize("clones", [None, 2])
def test_a_config_cannot_be_set_while_it_runs(clones):
    cell = SetsItself() if clones is None else scaled(SetsItself(), clones)
    with pytest.raises(ParameterError) as caught:
        consume(line(source=tp.Source([0]), cell=cell))
    assert str(caught.value) == (
        "cannot set cell.name to 'a': it is a Config, fixed while the pipeline runs. Set it before "
        "`run()`, or declare it as tp.Parameter."
    )


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (
            {"speed": 1},
            "cell (clone 0 on cpu) has no config 'speed'; there are: name. Declare it in Named "
            "with tp.Config.",
        ),
        (
            {"name": "c"},
            "cell (clone 0 on cpu) cannot have name = 'c': it must be one of 'none', 'a', 'b'.",
        ),
    ],
)
def test_a_config_that_cannot_be(config, text):
    clones = [tp.ThreadClone(config=config)]
    with pytest.raises(CheckError) as caught:
        line(source=tp.Source([0]), cell=scaled(Named(), clones)).run()
    assert caught.value.findings == (text,)


def test_two_runs_of_one_pipeline_share_its_parameters_only():
    class Remembers(Scale):
        stateful = True

        def reset(self):
            self.total = 0

        def forward(self, x):
            self.total += x * self.factor
            return self.total

    def build(self, x):
        return self.cell(x)

    pipeline = Made(build, cell=Remembers())
    with pipeline.run() as one, pipeline.run() as two:
        assert (one(1), one(1), two(1)) == (2, 4, 2)
        one.set("cell.factor", 10)
        assert (one(1), two(1)) == (14, 12)
