"""Images for training, as torchpipe and other libraries load them: decode, augment, collate.

Every loader gives batches of a dataset of JPEG images, in order, epoch after epoch, with two
workers (threads, or processes where it has no others), and computes with one thread in each.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import torchpipe as tp

if TYPE_CHECKING:
    from torch import Tensor

WORKERS = 2
BATCH = 32
SIDE = 160  # of the square that the network gets

Batches = Iterable["Tensor"]


class Read(Protocol):
    """Gives the sample with this number."""

    def __call__(self, number: int) -> "Tensor": ...


@cache
def files() -> list[bytes]:
    """Make 64 JPEG images of 640 x 480, once a process: smooth colours with some noise."""
    import cv2
    import numpy as np

    cv2.setNumThreads(0)
    generator = np.random.default_rng(0)
    made = []
    for _ in range(64):
        coarse = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
        image = cv2.add(image, generator.integers(0, 24, image.shape, dtype=np.uint8))
        made.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    return made


def read(number: int) -> "Tensor":
    """Decode an image, crop and flip it at random, and make a float tensor `(3, SIDE, SIDE)`."""
    import cv2
    import numpy as np
    import torch

    file = files()[number % 64]
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB)
    generator = np.random.default_rng(zlib.crc32(number.to_bytes(8)))
    size = int(generator.integers(240, 480))
    x, y = generator.integers(0, 640 - size), generator.integers(0, 480 - size)
    image = cv2.resize(image[y : y + size, x : x + size], (SIDE, SIDE))
    image = cv2.flip(image, 1) if generator.random() < 0.5 else image
    return torch.from_numpy(image).permute(2, 0, 1).float().div_(255.0)


def light(number: int) -> "Tensor":
    """A sample that costs next to nothing."""
    import torch

    return torch.tensor(float(number))


def one_thread() -> None:
    """Let torch and OpenCV compute in the thread that calls them."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


class Dataset:
    """Numbers as a map-style dataset: torch's loader takes nothing else."""

    def __init__(self, read: Read, count: int):
        self.read, self.count = read, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> "Tensor":
        return self.read(number)


def feed(
    read: Read, count: int, batch: int = BATCH, clones: int = WORKERS, device: str | None = None
) -> Any:
    """`torchpipe.train.Feed`."""
    from torchpipe.train import Feed

    scaled = tp.ScaleUp(tp.cell(read), clones)
    return Feed(scaled, range(count), batch_size=batch, device=device)


def loader(
    read: Read,
    count: int,
    workers: int = WORKERS,
    *,
    batch: int = BATCH,
    persistent: bool = False,
    pinned: bool = False,
) -> Any:
    """`torch.utils.data.DataLoader`."""
    from torch.utils.data import DataLoader

    return DataLoader(
        Dataset(read, count),  # type: ignore[arg-type]
        batch_size=batch,
        num_workers=workers,
        persistent_workers=persistent,
        pin_memory=pinned,
        worker_init_fn=start_worker,
    )


def start_worker(_number: int) -> None:
    one_thread()


def nodes(read: Read, count: int) -> Any:
    """`torchdata.nodes`: a batch of numbers, read by threads, collated and prefetched."""
    from torch.utils.data import default_collate
    from torchdata.nodes import Batcher, IterableWrapper, Loader, Mapper, ParallelMapper, Prefetcher

    node = ParallelMapper(
        IterableWrapper(range(count)), read, WORKERS, in_order=True, method="thread", prebatch=8
    )
    batches = Batcher(node, BATCH, drop_last=False)
    return Loader(Prefetcher(Mapper(batches, default_collate), 2))


class Spdl:
    """`spdl.pipeline`: a pipe of threads, an aggregation, and a sink."""

    def __init__(self, read: Read, count: int):
        self.read, self.count = read, count

    def __iter__(self) -> Iterator["Tensor"]:
        from spdl.pipeline import PipelineBuilder
        from torch.utils.data import default_collate

        pipeline = (
            PipelineBuilder()
            .add_source(range(self.count))
            .pipe(self.read, concurrency=WORKERS, output_order="input")
            .aggregate(BATCH)
            .pipe(default_collate)
            .add_sink(2)
            .build(num_threads=WORKERS + 1)
        )
        with pipeline.auto_stop():
            yield from pipeline


Make = Callable[[Read, int], Batches]

LOADERS: dict[str, Make] = {
    "torchpipe": feed,
    "DataLoader, 0 workers": lambda read, count: loader(read, count, 0),
    "DataLoader, 2 workers": loader,
    "DataLoader, 2 persistent": lambda read, count: loader(read, count, persistent=True),
    "torchdata": nodes,
    "spdl": Spdl,
}
