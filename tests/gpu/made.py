"""The cells that tests on a GPU share; clones in other processes import them from here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import torchpipe as tp

GPU = "cuda:0"

SIZE = 100_000
"""Numbers in a tensor: more than fit into one small block of CUDA's memory."""

PAUSE = 100_000_000
"""Clock cycles of a GPU: tens of milliseconds."""


def pause(times: int = 1) -> None:
    """Keep the current stream busy for a while, so that whoever does not wait for it is early."""
    torch.cuda.init()
    torch.cuda._sleep(times * PAUSE)


@dataclass(frozen=True)
class Sight:
    """What a clone sees.

    Attributes:
        device: What the clone is told.
        current: Where a tensor goes that is made on "cuda", and how many GPUs there are.
        gpu: The identity of that GPU, the same in all processes.
        stream: The stream that it works in; 0 is the default one.
    """

    device: str
    current: tuple[str, int]
    gpu: str
    stream: int


class Sees(tp.Cell):
    """Tells what its clone sees."""

    def setup(self, clone: tp.Clone) -> None:
        self.clone = clone

    def forward(self, value: int) -> Sight:
        count = torch.cuda.device_count()
        if count == 0:
            return Sight(self.clone.device, ("cpu", 0), "", 0)
        here = torch.zeros(1, device="cuda").device
        stream = torch.cuda.current_stream().cuda_stream
        return Sight(self.clone.device, (str(here), count), identity(here), stream)


class Meets(tp.Cell):
    """In its setup, it waits until so many clones have used their GPU; each leaves a file.

    Args:
        folder: Where the files go, named after the processes; each holds the GPU's identity.
        count: How many clones there are.
    """

    def __init__(self, folder: Path, count: int):
        self.folder, self.count = folder, count

    def setup(self, clone: tp.Clone) -> None:
        here = torch.zeros(1, device=clone.device).device
        (self.folder / str(os.getpid())).write_text(identity(here))
        while len(list(self.folder.iterdir())) < self.count:
            pass

    def forward(self, value: int) -> int:
        return value


class Late(tp.Cell):
    """Queues a pause, and then the value, in the stream that it is called in."""

    def forward(self, value: int) -> Tensor:
        result = torch.zeros(SIZE, device=GPU)
        pause()
        return result.fill_(value)


class LateDouble(tp.Cell):
    """Queues a pause, and then twice the values."""

    def forward(self, values: Tensor) -> Tensor:
        pause()
        return values * 2


class First(tp.Cell):
    """Reads the first and the last number; this waits for nothing but its own stream."""

    def forward(self, values: Tensor) -> tuple[float, float]:
        return values[0].item(), values[-1].item()


class Net(nn.Module):
    """A small network with the layers that GPUs have kernels of their own for."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(4)
        )
        self.head = nn.Linear(16 * 4 * 4, 10)

    def forward(self, image: Tensor) -> Tensor:
        maps = self.layers(image if image.dim() == 4 else image[None])
        scores: Tensor = self.head(maps.flatten(1))
        return scores if image.dim() == 4 else scores[0]


class Home(tp.Pipeline):
    """A network, and its result brought to the CPU; scaled up as a whole."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net, self.bring = tp.ModuleCell(net), Bring()

    def build(self, image: Tensor) -> Tensor:
        return self.bring(self.net(image))


class Bring(tp.Cell):
    """Brings a tensor to the CPU."""

    def forward(self, values: Tensor) -> Tensor:
        return values.cpu()


def identity(device: torch.device | int) -> str:
    """What tells a GPU from all others."""
    return str(torch.cuda.get_device_properties(device).uuid)


def net() -> Net:
    """The network, always the same."""
    torch.manual_seed(0)
    return Net().eval()


def images(count: int) -> list[Tensor]:
    """Pictures, always the same: `(3, 32, 32)`."""
    random = torch.Generator().manual_seed(0)
    return [torch.rand(3, 32, 32, generator=random) for _ in range(count)]


def expected(dtype: torch.dtype, count: int) -> list[Tensor]:
    """What the network gives on the CPU."""
    reference = net().to(dtype)
    with torch.inference_mode():
        return [reference(image.to(dtype)) for image in images(count)]


HELD = 2**20
"""Bytes that `Holds` keeps."""


class Holds(tp.Cell):
    """Keeps some memory of its GPU, and the GPU busy."""

    def setup(self, clone: tp.Clone) -> None:
        self.kept = torch.zeros(HELD, dtype=torch.uint8, device=clone.device)

    def forward(self, value: int) -> int:
        pause()
        return value
