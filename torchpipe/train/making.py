"""`Making`: how results of the pipeline become batches on their device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torchpipe.errors import ParameterError
from torchpipe.train.batching import Made
from torchpipe.train.device import Transfer
from torchpipe.train.shard import Sharing

if TYPE_CHECKING:
    import torch


class Making:
    """Makes batches.

    Args:
        sharing: How many results make a batch.
        collate: Makes a batch of a list of results; by default what a DataLoader does.
        device: Where batches go, or None.
        prefetch: How many to make ahead.

    Raises:
        ParameterError: There is nothing to collate, or no such number to make ahead.
    """

    def __init__(
        self,
        sharing: Sharing,
        collate: Callable[[list[Any]], Any] | None,
        device: str | torch.device | None,
        prefetch: int,
    ):
        if collate is not None and sharing.size is None:
            raise ParameterError(
                "cannot collate: without a batch_size the pipeline makes the batches. Give "
                "batch_size, or use tp.Batch(size, collate=...) in the pipeline."
            )
        if prefetch < 0:
            raise ParameterError(
                f"cannot make {prefetch} batches ahead: prefetch must be at least 0."
            )
        self.sharing, self.prefetch = sharing, prefetch
        self._collate = collate or (the_only if sharing.size is None else collated)
        self._device = device
        self._transfer: Transfer | None = None

    def maker(self) -> Callable[[list[Any]], Any]:
        """What makes a batch, for the current device of this thread."""
        if self._device is None:
            return self._collate
        if self._transfer is None:
            self._transfer = Transfer(self._device)
        collate, send = self._collate, self._transfer.send
        return lambda values: send(collate(values))

    def received(self, made: Made) -> Any:
        """The batch, ready for the thread that asks."""
        return made.taken() if self._transfer is None else self._transfer.receive(*made.taken())


def the_only(values: list[Any]) -> Any:
    """What a list of one result becomes, where these are batches already."""
    return values[0]


def collated(values: list[Any]) -> Any:
    """One batch of tensors, numbers, tuples, dicts, ..., as a DataLoader makes it."""
    from torch.utils.data import default_collate

    return default_collate(values)
