"""How arguments get to the device of a clone, and how its results are handed over.

A CUDA clone works in a stream of its own, unscaled cells in the device's default stream. What the
clones of other cells give is complete; what unscaled cells give may still be computed:

* Before a call, the clone's stream waits for the default stream.
* After a call, the clone waits for its stream, without the GIL: a result that leaves is complete,
  and its arguments are no longer read.
* Results are recorded with the default stream: their memory is not given to the clone's next call
  while an unscaled cell behind it has kernels queued that read them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

Function = Callable[..., Any]


def with_arguments(function: Function, change: Callable[[Tensor], Tensor]) -> Function:
    """The function, called with the tensors changed, those in tuples, lists and dicts too."""

    def changed(value: Any) -> Any:
        if isinstance(value, Tensor):
            return change(value)
        return tree_map(changed, value) if isinstance(value, tuple | list | dict) else value

    def call(*args: Any, **kwargs: Any) -> Any:
        named = {name: changed(value) for name, value in kwargs.items()}
        return function(*map(changed, args), **named)

    return call


def caster(device: torch.device, dtype: torch.dtype | None) -> Callable[[Tensor], Tensor]:
    """Moves a tensor to the device, and a floating one to the dtype.

    From CPU to CUDA it goes through pinned memory and does not wait for the copy. The other way it
    waits: the values of an unpinned tensor are not there before.
    """
    to_cuda = device.type == "cuda"

    def cast(value: Tensor) -> Tensor:
        if to_cuda and value.device.type == "cpu":
            value = value.pin_memory()
        wanted = dtype if dtype is not None and value.is_floating_point() else value.dtype
        return value.to(device, wanted, non_blocking=to_cuda)

    return cast


def handed_over(function: Function, device: torch.device) -> Function:
    """The function, with its arguments and results safe to pass between this stream and others."""

    def call(*args: Any, **kwargs: Any) -> Any:
        here, common = torch.cuda.current_stream(device), torch.cuda.default_stream(device)
        if here == common:
            return function(*args, **kwargs)
        here.wait_stream(common)
        result = function(*args, **kwargs)
        here.synchronize()
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.is_cuda:
                leaf.record_stream(common)
        return result

    return call
