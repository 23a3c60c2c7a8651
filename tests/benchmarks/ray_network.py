"""What two Ray clones make of a network of about 5 ms: images there, rows of ten numbers back."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torchpipe as tp
from tests.benchmarks import apart, cells, ray_peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure
from tests.benchmarks.modules import KEEP_MEMORY, images, network
from tests.benchmarks.timing import last_of, steady

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

CLONES = 2
STRIDE, SIDE = 3, 224
ITEMS = 320
WARM = 40
BLOCK = 8


def pictures(count: int) -> Iterator["Tensor"]:
    """Yield float images of shape `(1, 3, 224, 224)`, 0.6 MB."""
    return images(count, 1, side=SIDE)


def infer(picture: "Tensor") -> "Tensor":
    """The network, once in every process, on one thread."""
    import torch

    with torch.inference_mode():
        scores: Tensor = network(STRIDE)(picture)
    return scores


def infer_array(picture: "np.ndarray") -> "np.ndarray":
    """The same for an image of shape `(3, 224, 224)` as an array."""
    import torch

    return infer(torch.from_numpy(picture)[None])[0].numpy()


def alone(count: int) -> None:
    """The plain loop, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    last_of(map(infer, pictures(count)))


def rate(stream: Callable[[int], Iterator["Tensor | np.ndarray"]]) -> Measure:
    """Measure images per second; `stream(count)` gives their results."""
    return ray_peers.with_ray(lambda: {"value": ITEMS / steady(stream(WARM + ITEMS), ITEMS, WARM)})


def torchpipe(count: int) -> Iterator["Tensor"]:
    source, clones = cells.Yields(pictures, count), [tp.RayClone(torch_threads=1)] * CLONES
    return cells.stream(cells.Scaled(source, tp.ModuleCell(network(STRIDE)), clones))


def actors(count: int) -> Iterator["Tensor"]:
    return ray_peers.actors(pictures(count), infer, CLONES)


def ray_data(count: int) -> Iterator["np.ndarray"]:
    import torch

    blocks = ray_peers.chunks(pictures(count), BLOCK)
    return ray_peers.ray_data([torch.cat(block).numpy() for block in blocks], infer_array, CLONES)


RAY_NETWORK = Benchmark(
    name="ray-network",
    title=f"a network of about 5 ms on float images of 3x{SIDE}x{SIDE}, {CLONES} Ray clones",
    unit="images/s",
    contenders={
        "two processes": apart.two_processes(alone, ITEMS),
        "torchpipe": rate(torchpipe),
        "Ray actors": rate(actors),
        "Ray Data": rate(ray_data),
    },
    environment=KEEP_MEMORY,
    asked=(Asked("torchpipe", "at least", 0.88, over="two processes"),),
)
