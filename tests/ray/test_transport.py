"""Values on their way to other processes."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

import torchpipe as tp
from tests.ray.made import Function, Same
from torchpipe.engine.remote.failure import failure_of
from torchpipe.engine.remote.wire import decoded, encoded

TENSORS = [
    torch.arange(6000, dtype=torch.float32).reshape(60, 100)[:, ::2],
    torch.full((3000,), 1.5, dtype=torch.bfloat16),
    torch.tensor(3),
    torch.zeros(0, 4),
    torch.ones(5, requires_grad=True),
    nn.Parameter(torch.ones(3000)),
    torch.ones(2000, dtype=torch.complex64).conj(),
    torch.eye(3).to_sparse(),
]


@pytest.fixture
def pickler() -> type[pickle.Pickler]:
    from ray.cloudpickle import CloudPickler  # only here: it takes its time

    return CloudPickler


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("tensor", TENSORS, ids=[f"{t.dtype} {tuple(t.shape)}" for t in TENSORS])
def test_tensors_arrive_as_they_were(tensor, copy, pickler):
    message = encoded({"x": [tensor]}, pickler)
    given = decoded(message.data, [bytes(b) for b in message.buffers], copy=copy)["x"][0]
    assert type(given) is type(tensor)
    assert given.dtype == tensor.dtype
    assert given.requires_grad == tensor.requires_grad
    assert torch.equal(given.to_dense(), tensor.to_dense())


def test_large_contents_are_not_in_the_pickle(pickler):
    message = encoded([torch.zeros(100_000), nn.Linear(300, 300)], pickler)
    assert len(message.data) < 5000
    assert message.size > 4 * (100_000 + 300 * 300)


def test_a_copy_can_be_written_to(pickler):
    message = encoded(torch.zeros(5000), pickler)
    given = decoded(message.data, [bytes(b) for b in message.buffers], copy=True)
    given += 1
    assert given.sum() == 5000


def test_a_failure_keeps_what_can_be_pickled():
    class Local(Exception):
        pass

    error = Local("here")
    error.add_note("a note")
    given = failure_of(error, pickle.dumps).error()
    assert type(given) is tp.errors.RunError
    assert str(given) == ("test_a_failure_keeps_what_can_be_pickled.<locals>.Local: here")
    assert given.__notes__ == ["a note"]


def test_tensors_pass_through_a_clone(cluster):
    with Function(Same(), [tp.RayClone(num_cpus=0.1)]).run() as run:
        for tensor in (*TENSORS[:4], torch.rand(3, 500, 500)):
            assert torch.equal(run(tensor), tensor)
