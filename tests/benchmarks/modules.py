"""What torchpipe costs around a network of about 5 ms: alone, with batching, and with two clones.

Every contender computes with one torch thread, and in inference mode.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import torchpipe as tp
from tests.benchmarks import apart, cells, peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.timing import last_of, seconds

if TYPE_CHECKING:
    from torch import Tensor, nn

IMAGES = 240
BATCH = 8

# Where the network's large tensors come to lie is chance, and decides whether glibc gives their
# memory back to the system after each layer: 900 page faults an image or none, 7 ms or 5. With
# these settings it never does, whoever runs the network.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**25)}


@cache
def network(stride: int = 2) -> "nn.Module":
    """Make the network, once a process: eval mode, takes images of shape `(n, 3, side, side)`.

    An image takes about 5 ms: of side 144 with stride 2 in the first layer, of 224 with stride 3.
    """
    import torch
    from torch import nn

    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]

    torch.manual_seed(0)
    widths = [(3, 32, stride), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
    blocks = [layer for width in widths for layer in block(*width)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)).eval()


@cache
def sixteen(*shape: int, side: int) -> list["Tensor"]:
    """Make sixteen tensors of shape `(*shape, 3, side, side)`, once a process."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return [torch.randn(*shape, 3, side, side, generator=generator) for _ in range(16)]


def images(count: int, *shape: int, side: int = 144) -> Iterator["Tensor"]:
    """Yield `count` tensors of shape `(*shape, 3, side, side)`."""
    yield from islice(cycle(sixteen(*shape, side=side)), count)


class Plain(tp.Pipeline):
    """A source and one cell, not scaled up."""

    def __init__(self, source: tp.Cell, cell: tp.Cell):
        super().__init__()
        self.source, self.cell = source, cell

    def build(self) -> Any:
        return self.cell(self.source())


def rate(stream: Callable[[int], Iterator["Tensor"]], *, one_thread: bool = True) -> Measure:
    """Measure images per second; `stream(count)` gives their results.

    Also the CPU time per image, in milliseconds: other work on the machine changes it less.
    """

    spent: list[float] = []

    def consume(count: int) -> "Tensor":
        start = time.process_time()
        last: Tensor = last_of(stream(count))
        spent.append(time.process_time() - start)
        return last

    def measure() -> Measurement:
        import torch

        if one_thread:
            torch.set_num_threads(1)
        with torch.inference_mode():
            elapsed = seconds(consume, IMAGES)
        return {"value": IMAGES / elapsed, "cpu_ms": spent[-1] / IMAGES * 1e3}

    return measure


def loop(count: int) -> Iterator["Tensor"]:
    """The plain loop, image by image."""
    net = network()
    return map(net, images(count, 1))


def loop_batched(count: int) -> Iterator["Tensor"]:
    """The plain loop over batches that are there already."""
    net = network()
    for batch in images(count // BATCH, BATCH):
        yield from net(batch)


def loop_stacking(count: int) -> Iterator["Tensor"]:
    """The plain loop that makes its batches of single images."""
    import torch

    net, stream = network(), images(count)
    while batch := list(islice(stream, BATCH)):
        yield from net(torch.stack(batch))


def torchpipe(count: int) -> Iterator["Tensor"]:
    return cells.stream(Plain(cells.Yields(images, count, 1), tp.ModuleCell(network())))


def torchpipe_batched(count: int) -> Iterator["Tensor"]:
    cell = tp.ModuleCell(network(), batch=tp.Batching(BATCH, max_wait=0.1))
    return cells.stream(Plain(cells.Yields(images, count), cell))


MODULE = Benchmark(
    name="module",
    title="a network of about 5 ms, batch 1, one torch thread",
    unit="images/s",
    contenders={"loop": rate(loop), "torchpipe": rate(torchpipe)},
    environment=KEEP_MEMORY,
    asked=(Asked("torchpipe", "at least", 0.98, over="loop"),),
)

MODULE_BATCHED = Benchmark(
    name="module-batched",
    title=f"the same network on batches of {BATCH}, one torch thread",
    unit="images/s",
    contenders={
        "loop, batches given": rate(loop_batched),
        "loop, stacking": rate(loop_stacking),
        "torchpipe": rate(torchpipe_batched),
    },
    environment=KEEP_MEMORY,
    asked=(Asked("torchpipe", "at least", 0.95, over="loop, batches given"),),
)


# Two clones.


def torchpipe_clones(count: int) -> Iterator["Tensor"]:
    clones = [tp.ThreadClone(torch_threads=1), tp.ThreadClone(torch_threads=1)]
    return cells.stream(
        cells.Scaled(cells.Yields(images, count, 1), tp.ModuleCell(network()), clones)
    )


def inferring(net: "nn.Module") -> Callable[["Tensor"], "Tensor"]:
    """Return the network as a function for threads: inference mode is set in each of them."""
    import torch

    return torch.inference_mode()(net.forward)


def executor_clones(count: int) -> Iterator["Tensor"]:
    return peers.executor(images(count, 1), inferring(network()), workers=2, window=32)


def torchdata_clones(count: int) -> Iterator["Tensor"]:
    return peers.torchdata(images(count, 1), inferring(network()), workers=2)


def alone(count: int) -> None:
    """The plain loop, in a thread or a process of its own."""
    import torch

    torch.set_num_threads(1)
    with torch.inference_mode():
        last_of(loop(count))


TWO_CLONES = Benchmark(
    name="two-clones",
    title="the same network, two clones with one torch thread each",
    unit="images/s",
    contenders={
        "two processes": apart.two_processes(alone, IMAGES),
        "two threads": apart.two_threads(alone, IMAGES),
        "torchpipe": rate(torchpipe_clones, one_thread=False),
        "executor": rate(executor_clones),
        "torchdata": rate(torchdata_clones),
    },
    environment=KEEP_MEMORY,
    asked=(
        Asked("torchpipe", "at least", 0.95, over="two threads"),
        Asked("torchpipe", "at least", 0.92, over="two processes"),
    ),
)
