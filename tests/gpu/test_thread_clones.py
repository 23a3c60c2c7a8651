"""Thread clones on a GPU: where they compute, in which stream, and what they give."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

import torchpipe as tp
from tests.engine.made import consume, line, open_line, scaled
from tests.gpu.made import (
    GPU,
    SIZE,
    Bring,
    First,
    Late,
    LateDouble,
    Sees,
    expected,
    images,
    net,
    pause,
)
from torchpipe.engine.torch_state import TorchState, synchronized

ON_GPU = tp.ThreadClone(device=GPU)


def test_a_clone_computes_on_its_device():
    count = torch.cuda.device_count()
    for index in range(count):
        device = f"cuda:{index}"
        with open_line(sees=scaled(Sees(), [tp.ThreadClone(device=device)])).run() as run:
            seen = run(0)
        assert (seen.device, seen.current) == (device, (device, count))


def test_each_clone_has_a_stream_of_its_own():
    streams = []

    class Notes(tp.Cell):
        def setup(self, clone):
            streams.append(torch.cuda.current_stream(clone.device).cuda_stream)

        def forward(self, value):
            return torch.cuda.current_stream(GPU).cuda_stream

    used = consume(line(source=tp.Source(range(9)), notes=scaled(Notes(), [ON_GPU] * 3)))
    assert len(streams) == 3
    assert len({*streams, torch.cuda.default_stream(GPU).cuda_stream}) == 4
    assert set(used) <= set(streams)


def test_unscaled_cells_work_in_the_default_stream():
    seen = tp.cell(lambda value: torch.cuda.current_stream(GPU).cuda_stream)
    with open_line(same=scaled(lambda value: value, [ON_GPU]), seen=seen).run() as run:
        assert run(0) == torch.cuda.default_stream(GPU).cuda_stream


def test_clones_wait_for_unscaled_cells_and_they_for_clones():
    pipeline = line(
        source=tp.Source(range(1, 7)),
        late=Late(),
        double=scaled(LateDouble(), [ON_GPU] * 2),
        first=First(),
    )
    assert consume(pipeline) == [(2 * value, 2 * value) for value in range(1, 7)]


def test_clones_wait_for_clones():
    pipeline = line(
        source=tp.Source(range(1, 7)),
        late=scaled(Late(), [ON_GPU] * 2),
        double=scaled(LateDouble(), [ON_GPU] * 2),
        first=scaled(First(), [ON_GPU] * 2),
    )
    assert consume(pipeline) == [(2 * value, 2 * value) for value in range(1, 7)]


def test_the_memory_of_a_result_is_not_used_again_while_an_unscaled_cell_reads_it():
    made, copies = [], []

    def read():
        """As an unscaled cell, while the clone is in its next call."""
        with torch.cuda.stream(torch.cuda.default_stream(GPU)):
            pause()
            copies.append(made.pop() + 0)

    def first():
        return torch.full((SIZE,), 1.0, device=GPU)

    def second():
        read()
        return torch.full((SIZE,), 2.0, device=GPU)

    with TorchState().apply(ON_GPU):
        made.append(synchronized(first, ON_GPU)())
        synchronized(second, ON_GPU)()
    torch.cuda.synchronize()
    assert copies[0].min() == copies[0].max() == 1


TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-2, torch.float16: 5e-2}
"""Convolutions of float32 are computed with the 10 bits of TF32 where the GPU can."""


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("batch", [None, tp.Batching(4)])
@pytest.mark.parametrize("clones", [[ON_GPU] * 2, [ON_GPU, tp.ThreadClone()]], ids=["gpu", "both"])
def test_results_equal_those_of_the_cpu(clones, batch, dtype):
    cell = tp.ModuleCell(net(), dtype=dtype, batch=batch)
    pipeline = line(source=tp.Source(images(20)), net=scaled(cell, clones), bring=Bring())
    near = TOLERANCES[dtype]
    given, wanted = consume(pipeline), expected(torch.float64, 20)
    for one, other in zip(given, wanted, strict=True):
        assert (one.device.type, one.dtype) == ("cpu", dtype)
        torch.testing.assert_close(one.double(), other, rtol=near, atol=near)


def test_the_network_itself_stays_on_the_cpu():
    module = net()
    with open_line(net=scaled(tp.ModuleCell(module), [ON_GPU])).run() as run:
        assert run(images(1)[0]).device == torch.device(GPU)
    assert {parameter.device.type for parameter in module.parameters()} == {"cpu"}


def test_clones_on_one_gpu_share_one_copy_of_the_weights():
    module = nn.Linear(1000, 1000)
    size = sum(tensor.nbytes for tensor in module.parameters())
    gc.collect()
    before = torch.cuda.memory_allocated(GPU)
    with open_line(net=scaled(tp.ModuleCell(module), [ON_GPU] * 4)).run():
        used = torch.cuda.memory_allocated(GPU) - before
    assert size <= used < 2 * size
