"""How much memory of its own a Ray clone takes for the weights of its network: none, or all."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torchpipe as tp
from tests.benchmarks import cells, ray_peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.ray_idle import CLONES, clones_of, process

if TYPE_CHECKING:
    from torch import Tensor, nn

LARGE, TINY = 96_000_000, 80_000
ITEMS = 10_000


def network(size: int) -> "nn.Module":
    """Make a network of one layer whose weights take `size` bytes; it takes 2,000 numbers."""
    from torch import nn

    return nn.Linear(2_000, size // 8_000, bias=False)


def vectors(count: int) -> Iterator["Tensor"]:
    import torch

    yield from islice(cycle([torch.rand(2_000)]), count)


class Inference(tp.Pipeline):
    """The network, and after it the number of its process; scaled up together."""

    def __init__(self, net: "nn.Module"):
        super().__init__()
        self.net = tp.ModuleCell(net)
        self.process = cells.Apply(process)

    def build(self, x: Any) -> Any:
        return self.process(self.net(x))


def torchpipe(net: "nn.Module") -> AbstractContextManager[Iterable[int]]:
    clones = [tp.RayClone()] * CLONES
    return cells.Scaled(cells.Yields(vectors, ITEMS), Inference(net), clones).run()


def actors(net: "nn.Module") -> AbstractContextManager[Iterable[int]]:
    """Actors by hand that get the network as an argument."""
    return closing(ray_peers.actors(vectors(ITEMS), partial(infer, net), CLONES))


def infer(net: "nn.Module", x: "Tensor") -> int:
    import torch

    with torch.inference_mode():
        return process(net(x))


def private_bytes(pid: int) -> int:
    """Return how much memory no other process shares with this one: from `/proc`, on Linux."""
    lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Private_"))


def growth(deployed: Callable[["nn.Module"], AbstractContextManager[Iterable[int]]]) -> Measure:
    """Measure by how many MB a clone is larger with the network than with a tiny one."""

    def measure() -> Measurement:
        with deployed(network(TINY)) as tiny, deployed(network(LARGE)) as large:
            found = [sum(map(private_bytes, clones_of(each))) / 1e6 for each in (tiny, large)]
        return {"value": (found[1] - found[0]) / CLONES}

    return ray_peers.with_ray(measure)


RAY_WEIGHTS = Benchmark(
    name="ray-weights",
    title=f"the weights of a network of {LARGE / 1e6:.0f} MB, in {CLONES} Ray clones",
    unit="MB in each clone that no other process shares",
    contenders={"torchpipe": growth(torchpipe), "Ray actors": growth(actors)},
    asked=(Asked("torchpipe", "at most", 10),),
)
