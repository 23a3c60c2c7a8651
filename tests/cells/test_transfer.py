"""How arguments get to the device of a clone."""

import torch

from torchpipe.cells.transfer import caster, with_arguments

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
