"""What a GPU gives: images decoded by many workers, a network on the GPU, or a training step there.

Without a GPU, these are reported as missing.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torchpipe as tp
from tests.benchmarks import cells, ray_peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement, Missing
from tests.benchmarks.feed import STEPS, Step, prepared, stalled
from tests.benchmarks.feed import WARM as WARM_STEPS
from tests.benchmarks.loaders import feed, loader, read
from tests.benchmarks.modules import network
from tests.benchmarks.timing import numbers, steady

if TYPE_CHECKING:
    from torch import Tensor

GPU = "cuda:0"
WORKERS = 8
BATCH = 32
IMAGES, WARM = 2048, 256


def on_gpu(measure: Measure) -> Measure:
    """The measurement, with the GPU awake."""

    def awake() -> Measurement:
        import torch

        if not torch.cuda.is_available():
            raise Missing("no GPU here")
        torch.zeros(1, device=GPU)
        return measure()

    return awake


def rate(stream: Callable[[int], Iterator["Tensor"]]) -> Measure:
    """Measure images per second; `stream(count)` gives their rows of ten scores, on the CPU."""

    def measure() -> Measurement:
        prepared()
        return {"value": IMAGES / steady(stream(WARM + IMAGES), IMAGES, WARM)}

    return on_gpu(measure)


def scored(batches: Iterable["Tensor"], *, pinned: bool) -> Iterator["Tensor"]:
    """Run the network on the batches, one after the other."""
    import torch

    net = network().to(GPU)
    with torch.inference_mode():
        for batch in batches:
            yield from net(batch.to(GPU, non_blocking=pinned)).cpu()


def loop(count: int) -> Iterator["Tensor"]:
    """The plain loop."""
    return scored(loader(read, count, 0, batch=BATCH), pinned=False)


def workers(count: int) -> Iterator["Tensor"]:
    """Worker processes that decode, and the network in the main one."""
    return scored(loader(read, count, WORKERS, batch=BATCH, pinned=True), pinned=True)


class Scores(tp.Pipeline):
    """Numbers of images: decoded by clones, scored by a clone on the GPU, and brought back."""

    def __init__(self, count: int, reader: tp.Clone):
        super().__init__()
        self.source = cells.Yields(numbers, count)
        self.read = tp.ScaleUp(tp.cell(read), [reader] * WORKERS)
        net = tp.ModuleCell(network(), batch=tp.Batching(BATCH, max_wait=0.1))
        self.net = tp.ScaleUp(net, [tp.ThreadClone(device=GPU)])
        self.bring = tp.cell(bring)

    def build(self) -> Any:
        return self.bring(self.net(self.read(self.source())))


def bring(scores: "Tensor") -> "Tensor":
    return scores.cpu()


def torchpipe(reader: tp.Clone) -> Measure:
    """The pipeline with clones of this kind that decode."""
    return rate(lambda count: cells.stream(Scores(count, reader)))


PROCESSES = f"DataLoader, {WORKERS} workers"

GPU_SCORES = Benchmark(
    name="gpu-scores",
    title=f"JPEG images decoded by {WORKERS} workers, scored on a GPU, {BATCH} at a time",
    unit="images/s",
    contenders={
        "loop": rate(loop),
        PROCESSES: rate(workers),
        "torchpipe": torchpipe(tp.ThreadClone()),
        "torchpipe, Ray": ray_peers.with_ray(torchpipe(tp.RayClone(num_cpus=0.5))),
    },
    environment={"OMP_NUM_THREADS": "1"},
    asked=(Asked("torchpipe, Ray", "at least", 1.0, over=PROCESSES),),
)


# A training step.


def step_of(seconds: float) -> Step:
    """A step on the GPU that takes about so long, and waits for its end."""
    import torch

    matrix = torch.randn(4096, 4096, device=GPU)

    def step(batch: "Tensor | None") -> None:
        for _ in range(times):
            matrix @ matrix
        if batch is not None:
            batch.sum().item()
        torch.cuda.synchronize()

    times = 20
    step(None)
    start = time.perf_counter()
    step(None)
    times = max(1, round(times * seconds / (time.perf_counter() - start)))
    return step


def to_gpu(batches: Iterable["Tensor"]) -> Iterator["Tensor"]:
    """The usual loop: a copy from pinned memory at the start of each step."""
    return (batch.to(GPU, non_blocking=True) for batch in batches)


SMALL = 8
SEEN = SMALL * (STEPS + WARM_STEPS)

GPU_STALL = Benchmark(
    name="gpu-stall",
    title=f"a training step of about 20 ms on a GPU, {SMALL} JPEG images a step, 4 workers",
    unit="fraction that steps take longer",
    contenders={
        "torchpipe": on_gpu(
            lambda: stalled(feed(read, SEEN, batch=SMALL, clones=4, device=GPU), step_of(0.020)),
        ),
        "DataLoader, 4 workers": on_gpu(
            lambda: stalled(
                to_gpu(loader(read, SEEN, 4, batch=SMALL, pinned=True)), step_of(0.020)
            ),
        ),
    },
    environment={"OMP_NUM_THREADS": "1"},
    asked=(Asked("torchpipe", "at most", 0.03),),
)
