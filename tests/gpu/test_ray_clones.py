"""Ray clones on a real GPU: which one they see, and what they give."""

from __future__ import annotations

import os

import pytest
import torch

import torchpipe as tp
from tests.engine.made import consume, line, open_line, scaled
from tests.gpu.made import GPU, Home, Meets, Sees, expected, identity, images, net

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("cluster")]

WHOLE = tp.RayClone(num_gpus=1, num_cpus=0.1)
HALF = tp.RayClone(num_gpus=0.5, num_cpus=0.1)
BESIDE = tp.ThreadClone(device=GPU)


def seen_by(clone):
    with open_line(sees=scaled(Sees(), [clone])).run() as run:
        return run(0)


@pytest.mark.parametrize("clone", [WHOLE, HALF])
def test_a_clone_computes_on_the_gpu_that_it_got_in_a_stream_of_its_own(clone):
    seen = seen_by(clone)
    assert (seen.device, seen.current) == ("cuda:0", ("cuda:0", 1))
    assert seen.gpu == identity(0)
    assert seen.stream != 0


def test_a_clone_without_a_gpu_sees_none():
    seen = seen_by(tp.RayClone(num_cpus=0.1))
    assert (seen.device, seen.current) == ("cpu", ("cpu", 0))


def test_a_clone_may_take_a_gpu_and_compute_beside_it():
    seen = seen_by(tp.RayClone(num_gpus=1, num_cpus=0.1, device="cpu"))
    assert (seen.device, seen.current) == ("cpu", ("cuda:0", 1))


def test_a_pinned_clone_sees_its_gpu_only():
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        pytest.skip(f"the GPUs here have other numbers: CUDA_VISIBLE_DEVICES is {visible!r}")
    for index in range(torch.cuda.device_count()):
        seen = seen_by(tp.RayClone(gpu=index, num_cpus=0.1))
        assert (seen.device, seen.current) == ("cuda:0", ("cuda:0", 1))
        assert seen.gpu == identity(index)


def test_two_clones_are_on_one_gpu_at_the_same_time(tmp_path):
    with open_line(meets=scaled(Meets(tmp_path, 2), [HALF] * 2)).run() as run:
        assert run(1) == 1
    assert [file.read_text() for file in tmp_path.iterdir()] == [identity(0)] * 2


def test_more_than_the_gpu_is_refused():
    with pytest.raises(tp.errors.ClusterError, match=r"all clones ask for 1\.5 GPU"):
        open_line(sees=scaled(Sees(), [HALF] * 3)).run()


@pytest.mark.parametrize(
    "clones",
    [[WHOLE], [HALF] * 2, [HALF, BESIDE], [HALF, tp.RayClone(num_cpus=0.1)]],
    ids=["whole", "halves", "beside a thread", "beside the CPU"],
)
def test_results_equal_those_of_the_cpu(clones):
    pipeline = line(source=tp.Source(images(30)), net=scaled(Home(net()), clones))
    for one, other in zip(consume(pipeline), expected(torch.float32, 30), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2)


def test_a_result_on_the_gpu_of_a_clone_arrives():
    pipeline = line(source=tp.Source(images(5)), net=scaled(tp.ModuleCell(net()), [WHOLE]))
    for one, other in zip(consume(pipeline), expected(torch.float32, 5), strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-2, atol=1e-2)
