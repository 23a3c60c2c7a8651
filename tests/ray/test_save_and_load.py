"""Runs with clones in other processes are saved and go on, on clones of any kind."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

import torchpipe as tp
from tests.engine.test_save_and_load import LEGS, goes_on
from tests.ray.made import Count, Line, Picky, Refuses, Same, Seeded, Total, gone
from tests.ray.test_random_pipelines import mixed, remote
from tests.strategies import pipelines
from torchpipe.engine.saving import cut
from torchpipe.errors import StateError

RAY = tp.RayClone(num_cpus=0.01)


@pytest.fixture(autouse=True)
def _cuts_as_often_as_can_be(monkeypatch):
    monkeypatch.setattr(cut, "SHARE", 0)


class Pair(NamedTuple):
    one: Any
    two: Any


class Remembers(Total):
    """Remembers arrays, tensors, and a record."""

    def reset(self) -> None:
        self.last = Pair(np.zeros(3), torch.zeros(2))

    def forward(self, value: int) -> float:
        one, two = self.last
        self.last = Pair(np.roll(one, 1) + value, two * 0.5 + one[0])
        return float(self.last.one[0] + self.last.two.sum())

    def state_dict(self) -> dict[str, Any]:
        return {"last": self.last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last = state["last"]


class Together(Remembers):
    """Takes several items in a call."""

    batching = tp.Batching(3, max_wait=0.01)

    def forward_batch(self, items: list[tuple[int]]) -> list[float]:
        return [self.forward(*item) for item in items]


class Tracked(tp.Pipeline):
    """A scaled cell, a filter, and a stateful cell in a clone of its own."""

    def __init__(self, stateful: tp.Cell, clones: Any, own: Any):
        self.count, self.same = Count(9), tp.ScaleUp(Same(), clones)
        self.thirds = tp.Filter(lambda value: value % 3)
        self.own = tp.ScaleUp(stateful, own)
        self.seeded, self.total = tp.ScaleUp(Seeded(), clones), Total()

    def build(self) -> Any:
        value = self.same(self.count())
        return self.own(self.thirds(value)), self.seeded(value), self.total(value)


CLONES = {"threads": (3, 1), "ray": ([RAY] * 2, [RAY]), "mixed": ([RAY, tp.ThreadClone()], 1)}


@pytest.mark.parametrize(
    ("one", "other", "stateful"),
    [("threads", "ray", Remembers), ("ray", "mixed", Remembers), ("ray", "threads", Together)],
)
def test_every_item_of_two_epochs(cluster, one, other, stateful, tmp_path):
    """All in two runs: starting processes takes its time."""
    with Tracked(stateful(), *CLONES[one]).run(window=2, seed=5) as run:
        epochs = [list(run) for _ in range(3)]
        with Tracked(stateful(), *CLONES[other]).run(window=3, seed=5) as again:
            for epoch in range(2):
                for count in range(len(epochs[0]) + 1):
                    run.seek(epoch)
                    assert [run.pull() for _ in range(count)] == epochs[epoch][:count]
                    run.save(tmp_path / "run")
                    again.load(tmp_path / "run")
                    assert again.position == run.position
                    assert list(again) == epochs[epoch][count:]
                    assert list(again) == epochs[epoch + 1]
                    assert list(run) == epochs[epoch][count:]


@pytest.mark.parametrize("clones", [(remote, int), (remote, mixed)])
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(pipelines(), LEGS)
def test_random_pipelines(cluster, tmp_path, clones, drawn, legs):
    goes_on(tmp_path, drawn, legs, clones)


@pytest.mark.parametrize("pulls", [0, 1])
def test_a_state_that_cannot_be_saved(cluster, pulls):
    with Line(Refuses(set), [RAY]).run() as run:
        results = [run.pull() for _ in range(pulls)]
        with pytest.raises(StateError) as caught:
            run.state_dict()
        assert "cannot save cell: its state['total'] is of type set." in str(caught.value)
        assert len(results + list(run)) == 20


def test_a_state_dict_that_raises(cluster):
    with Line(Refuses(gone), [RAY]).run() as run:
        run.pull()
        with pytest.raises(OSError, match="gone") as caught:
            run.state_dict()
        assert "in the state_dict of cell 'cell'" in caught.value.__notes__
        assert len(list(run)) == 19


def test_a_state_that_is_not_taken(cluster):
    with Line(Picky(), [RAY]).run() as run:
        run.pull()
        state = run.state_dict()
        with pytest.raises(KeyError) as caught:
            run.load_state_dict(state)
        notes = caught.value.__notes__
        assert notes == ["in the load_state_dict of cell 'cell' (Ray clone 0 on cpu)"]
