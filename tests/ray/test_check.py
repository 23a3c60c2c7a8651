"""What `check` says about clones in processes of their own; needs no cluster."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.ray.made import Function, Same


def findings(*clones: tp.RayClone) -> tuple[str, ...]:
    try:
        Function(Same(), list(clones)).check()
    except tp.CheckError as error:
        return error.findings
    return ()


@pytest.mark.parametrize(
    "clones",
    [
        (tp.RayClone(gpu=0), tp.RayClone(gpu=1)),
        (tp.RayClone(num_gpus=0.5), tp.RayClone(num_gpus=1)),
        (tp.RayClone(gpu=0), tp.RayClone()),
        (tp.RayClone(gpu=0, node="a"), tp.RayClone(num_gpus=1, node="b")),
        (tp.RayClone(gpu=0, labels={"host": "a"}), tp.RayClone(num_gpus=1, labels={"host": "b"})),
        (tp.RayClone(gpu=0, node="a", num_gpus=0.5), tp.RayClone(gpu=0, node="a", num_gpus=0.5)),
    ],
)
def test_clones_that_cannot_collide_are_fine(clones):
    assert findings(*clones) == ()


def test_pinned_beside_unpinned_is_refused():
    assert findings(tp.RayClone(gpu=0), tp.RayClone(num_gpus=0.5)) == (
        "cannot place cell (Ray clone 1 on cuda:0) beside cell (Ray clone 0 on cuda:0), which is "
        "pinned to GPU 0: Ray does not know of the pin, and may give both the same GPU. Pin every "
        "clone of a node with gpu=..., or none, or name different nodes.",
    )


def test_a_gpu_that_is_given_out_twice_is_refused():
    assert findings(tp.RayClone(gpu=0, node="a"), tp.RayClone(gpu=0, node="a")) == (
        "cannot place cell (Ray clone 1 on cuda:0) on GPU 0 of node a: the clones there ask for 2 "
        "of it. Give each a fraction: num_gpus=0.5.",
    )
