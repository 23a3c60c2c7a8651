"""`Transfer`: how batches get to the device while the step before still computes.

On CUDA, a feed has one stream of its own:

* The thread that makes a batch pins it and starts to copy it on that stream, without waiting.
* Who takes the batch lets its own stream wait for the copy; the host does not wait.
* The batch is recorded with that stream, so that its memory is not given to the next copy while a
  step still reads it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from torchpipe.cells.transfer import caster


class Transfer:
    """Moves batches to a device; tensors in tuples, lists and dicts too.

    Args:
        device: Where to; "cuda" is the current device of the thread that makes the transfer.
    """

    def __init__(self, device: str | torch.device):
        self.device = torch.empty(0, device=device).device  # "cuda" is one of them now
        self.stream: Any = None
        if self.device.type == "cuda":
            self.stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        self._cast = caster(self.device, None)

    def send(self, batch: Any) -> tuple[Any, Any]:
        """Start to move a batch; called by whoever makes it.

        Returns:
            The batch on the device, and what `receive` waits for.
        """
        if self.stream is None:
            return self._moved(batch), None
        self.stream.wait_stream(
            torch.cuda.current_stream(self.device)
        )  # which may have collated it
        with torch.cuda.stream(self.stream):
            moved = self._moved(batch)
            return moved, self.stream.record_event()

    def receive(self, batch: Any, sent: Any) -> Any:
        """Let the current stream wait for the batch; called by whoever uses it."""
        if sent is not None:
            here = torch.cuda.current_stream(self.device)
            here.wait_event(sent)
            for leaf in tree_leaves(batch):
                if isinstance(leaf, Tensor) and leaf.is_cuda:
                    leaf.record_stream(here)
        return batch

    def _moved(self, batch: Any) -> Any:
        return tree_map(lambda leaf: self._cast(leaf) if isinstance(leaf, Tensor) else leaf, batch)
