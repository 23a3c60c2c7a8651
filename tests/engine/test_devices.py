"""Clones on devices that are not there are refused before anything starts."""

from __future__ import annotations

import pytest
import torch

import torchpipe as tp


class Placed(tp.Pipeline):
    def __init__(self, *devices: str) -> None:
        super().__init__()
        clones = [tp.ThreadClone(device=device) for device in devices]
        self.work = tp.ScaleUp(tp.cell(lambda x: x), clones=clones)

    def build(self, x: int):
        return self.work(x)


def test_devices_that_are_not_there_are_all_named():
    count = torch.cuda.device_count()
    there = ", ".join(["cpu", *(f"cuda:{index}" for index in range(count))])
    with pytest.raises(tp.CheckError) as caught:
        Placed("cpu", f"cuda:{count}", "gpu7").run()
    assert str(caught.value) == (
        "Placed cannot run, 2 problems:\n"
        f"  - work (clone 1 on cuda:{count}) cannot run: this machine has {count} CUDA devices. "
        f"Use one of {there}.\n"
        f"  - work (clone 2 on gpu7): there is no such device. Use one of {there}."
    )


def test_a_device_of_torch_that_is_there_is_accepted():
    with Placed("cpu", "cpu:0").run() as run:
        assert run(3) == 3
