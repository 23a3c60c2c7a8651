"""Copies to a GPU go through pinned memory and do not wait; those back do."""

from __future__ import annotations

import torch

from tests.gpu.made import GPU, SIZE, pause
from torchpipe.cells.transfer import caster, handed_over

DEVICE = torch.device(GPU)


def test_a_tensor_arrives_with_its_values_and_its_dtype():
    there = caster(DEVICE, torch.float16)(torch.ones(1000))
    assert (there.device, there.dtype, there.sum().item()) == (DEVICE, torch.float16, 1000)
    there = caster(DEVICE, torch.float16)(torch.arange(9))
    assert (there.device, there.tolist()) == (DEVICE, list(range(9)))


def test_a_copy_to_the_gpu_does_not_wait_for_what_is_queued():
    cast, values = caster(DEVICE, None), torch.arange(1_000_000.0)
    cast(values)  # from here on there is pinned memory of this size to be used again
    torch.cuda.synchronize()
    pause(10)
    queued = torch.cuda.Event()
    queued.record()
    there = cast(values)
    assert not queued.query()  # an unpinned tensor would have waited for the pause
    assert torch.equal(there.cpu(), values)


def test_the_values_of_a_queued_copy_are_those_of_the_call():
    cast, values = caster(DEVICE, None), torch.zeros(SIZE)
    pause()
    there = cast(values)
    values += 1
    assert there.sum().item() == 0


def test_a_copy_to_the_cpu_waits_for_the_values():
    late = torch.zeros(SIZE, device=DEVICE)
    pause()
    late.fill_(3)
    assert caster(torch.device("cpu"), None)(late).sum() == 3 * SIZE


def test_results_of_another_stream_are_complete_and_see_the_default_one():
    multiply = handed_over(lambda a: (a @ a) @ (a @ a), DEVICE)
    for _ in range(5):
        x = torch.zeros(1000, 1000, device=DEVICE)
        x = (x + x).cos()  # ones, queued on the default stream
        with torch.cuda.stream(torch.cuda.Stream(DEVICE)):
            result = multiply(x)
        assert result.min().item() == result.max().item() == 1000.0**3
