"""A feed in a `torch.utils.data.DataLoader`, which adds nothing and takes nothing away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, IterableDataset

if TYPE_CHECKING:
    from torchpipe.train.feed import Feed


class FeedDataset(IterableDataset[Any]):
    """A feed as a dataset; its length is that of the feed, if it has one."""

    def __init__(self, feed: Feed):
        self.feed = feed

    def __iter__(self) -> Iterator[Any]:
        return iter(self.feed)

    def __len__(self) -> int:
        return len(self.feed)


def as_dataloader(feed: Feed) -> DataLoader[Any]:
    """A DataLoader that gives the batches of the feed, in this process.

    It has a generator of its own: a DataLoader draws a number for each epoch, from the global one
    unless it is given another, and so would change what the training draws.
    """
    dataset, generator = FeedDataset(feed), torch.Generator()
    return DataLoader(dataset, batch_size=None, collate_fn=unchanged, generator=generator)


def unchanged(batch: Any) -> Any:
    """The batch: the feed has collated it."""
    return batch
