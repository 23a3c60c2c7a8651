"""What a video frame costs that goes to a process of the same machine and comes back changed."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import torchpipe as tp
from tests.benchmarks import cells, peers, ray_peers
from tests.benchmarks.arrays import Arrays
from tests.benchmarks.benchmark import Asked, Benchmark
from tests.benchmarks.ring import ring

if TYPE_CHECKING:
    from torch import Tensor

FRAMES = Arrays((1080, 1920, 3), "uint8", becomes=np.bitwise_not)


def frames(count: int) -> Iterator[np.ndarray]:
    return FRAMES.stream(count)


def invert(frame: np.ndarray) -> np.ndarray:
    """The change: a new frame."""
    inverted: np.ndarray = np.bitwise_not(frame)
    return inverted


def torchpipe(count: int, window: int | None = None) -> Iterator[np.ndarray]:
    source = cells.Yields(frames, count)
    return cells.stream(cells.Scaled(source, cells.Apply(invert), [tp.RayClone()]), window)


def by_hand(count: int) -> Iterator[np.ndarray]:
    return ring(frames(count), np.bitwise_not, 1, like=FRAMES.eight[0])


def actor(count: int) -> Iterator[np.ndarray]:
    return ray_peers.actors(frames(count), invert, count=1)


def queues(count: int) -> Iterator["Tensor"]:
    import torch

    return peers.torch_queues(map(torch.from_numpy, frames(count)), invert_tensor, in_flight=3)


def invert_tensor(frame: "Tensor") -> "Tensor":
    return frame.bitwise_not()


def ray_data(count: int) -> Iterator[np.ndarray]:
    return ray_peers.ray_data([frame[None] for frame in frames(count)], invert, 1)


RAY_FRAMES = Benchmark(
    name="ray-frames",
    title="1080p frames to a Ray clone on this machine, and changed frames back",
    unit="ms a frame",
    contenders={
        "shared-memory ring": FRAMES.each(by_hand, 600),
        "torchpipe": ray_peers.with_ray(FRAMES.each(torchpipe, 600)),
        "torchpipe, window 16": ray_peers.with_ray(FRAMES.each(partial(torchpipe, window=16), 600)),
        "Ray actor": ray_peers.with_ray(FRAMES.each(actor, 400)),
        "torch.multiprocessing": FRAMES.each(queues, 200),
        "Ray Data": ray_peers.with_ray(FRAMES.each(ray_data, 80)),
    },
    asked=(
        Asked("torchpipe", "at most", 1.5),
        Asked("torchpipe, window 16", "at most", 1.5),
    ),
)
