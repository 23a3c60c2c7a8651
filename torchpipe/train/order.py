"""`Order`: in which order the samples of a dataset come, in each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from torchpipe.errors import ParameterError

IntArray = NDArray[np.int64]


class Indexed(Protocol):
    """A map-style dataset: a list, an array, a `torch.utils.data.Dataset`."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


class Order:
    """The samples of a dataset, as they are or shuffled by (seed, epoch).

    It draws from no global generator, and leaves none changed.

    Args:
        data: The dataset; an item is read when its turn comes, in the thread that asks for it.
        shuffle: Whether each epoch has an order of its own.
        seed: What that order comes from, with the epoch's number.

    Raises:
        ParameterError: The data cannot be read by index.
    """

    def __init__(self, data: Indexed, *, shuffle: bool, seed: int):
        for name in ("__len__", "__getitem__"):
            if not hasattr(data, name):
                raise ParameterError(
                    f"cannot feed from a {type(data).__name__}: it has no {name}, and samples are "
                    f"read by index. Give a sequence or a map-style dataset, or a pipeline with a "
                    f"tp.Source of its own."
                )
        self.data, self.shuffle, self.seed = data, shuffle, seed

    def __len__(self) -> int:
        return len(self.data)

    def indices(self, epoch: int) -> Sequence[int] | IntArray:
        """Which sample comes first, second, ... in this epoch."""
        if not self.shuffle:
            return range(len(self))
        return np.random.default_rng([self.seed, epoch]).permutation(len(self))

    def samples(self, epoch: int, numbers: range) -> Iterator[Any]:
        """Read the samples with these numbers in the epoch; beyond its end, from its start on."""
        indices = self.indices(epoch)
        for number in numbers:
            yield self.data[int(indices[number % len(indices)])]
