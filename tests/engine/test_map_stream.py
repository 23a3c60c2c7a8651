"""An open pipeline that takes a stream: its items are epochs, not requests."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.engine.made import Fails, Total, open_line, scaled
from torchpipe.errors import RunError, Stopped

CLONES = [None, 3]


def pipeline(clones, cell=None):
    cell = cell or tp.cell(lambda x: x + 1)
    return open_line(cell=scaled(cell, clones) if clones else cell, total=Total())


@pytest.mark.parametrize("clones", CLONES)
def test_every_map_is_an_epoch(clones):
    with pipeline(clones).run(stream=True) as run:
        for epoch in range(3):
            assert list(run.map([1, 2, 3])) == [2, 5, 9]
            assert run.epoch == epoch
        next(run.map([1, 2, 3]))
        assert list(run.map([4])) == [5]
        assert run.epoch == 4


@pytest.mark.parametrize("clones", CLONES)
def test_an_error_ends_the_run(clones):
    with pipeline(clones, Fails(2)).run(stream=True) as run:
        with pytest.raises(ValueError, match="no 2"):
            list(run.map([1, 2, 3]))
        with pytest.raises(Stopped):
            run.map([1])


def test_no_item_can_be_submitted():
    with pipeline(2).run(stream=True) as run, pytest.raises(RunError) as error:
        run.submit(1)
    assert str(error.value) == (
        "cannot submit single items: the run takes a stream. Use run.map(items)."
    )


def test_it_can_seek():
    with pipeline(2).run(stream=True) as run:
        run.seek(3, 10, step=2)
        results = run.map([1, 2])
        assert [run.position.item for _ in results] == [12, 14]
        assert run.epoch == 3
