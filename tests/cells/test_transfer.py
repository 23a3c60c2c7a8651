"""How arguments get to the device of a clone."""

import pytest
import torch

from torchpipe.cells.transfer import caster, handed_over, with_arguments

CPU = torch.device("cpu")


def test_tensors_are_changed_wherever_they_are():
    double = with_arguments(lambda *args, **kwargs: (args, kwargs), lambda tensor: tensor * 2)
    one = torch.ones(())
    args, kwargs = double(one, "text", [one, (one, 3)], {"a": one}, named=one)
    assert args == (2, "text", [2, (2, 3)], {"a": 2})
    assert kwargs == {"named": 2}


def test_only_floating_tensors_are_cast():
    cast = caster(CPU, torch.float16)
    assert cast(torch.zeros(1)).dtype == torch.float16
    assert cast(torch.zeros(1, dtype=torch.uint8)).dtype == torch.uint8


def test_a_tensor_that_is_there_already_is_not_copied():
    tensor = torch.zeros(1)
    assert caster(CPU, None)(tensor) is tensor
    assert caster(CPU, torch.float32)(tensor) is tensor


def test_tensors_move_to_the_device():
    assert caster(torch.device("meta"), None)(torch.zeros(1)).device.type == "meta"


@pytest.mark.gpu
def test_a_tensor_goes_to_the_gpu_through_pinned_memory():
    device = torch.device("cuda:0")
    there = caster(device, torch.float16)(torch.ones(1000))
    assert (there.device, there.dtype, there.sum().item()) == (device, torch.float16, 1000)


@pytest.mark.gpu
def test_results_of_another_stream_are_complete_and_see_the_default_one():
    device = torch.device("cuda:0")
    multiply = handed_over(lambda a: (a @ a) @ (a @ a), device)
    for _ in range(5):
        x = torch.zeros(1000, 1000, device=device)
        x = (x + x).cos()  # ones, queued on the default stream
        with torch.cuda.stream(torch.cuda.Stream(device)):
            result = multiply(x)
        assert result.min().item() == result.max().item() == 1000.0**3
