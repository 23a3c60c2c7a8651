"""Many items to one batch, and back: what `ModuleCell` does around a batched call.

Items are stacked along a new first dimension, so that a batch of n items has n rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from torchpipe.errors import RunError
from torchpipe.graph.types import is_named_tuple


def groups(items: Sequence[tuple[Any, ...]]) -> Iterable[list[int]]:
    """The positions of items that can be stacked, group by group.

    Tensors match in shape, dtype and device; all else must be equal.
    """
    found: dict[Hashable, list[int]] = {}
    for position, item in enumerate(items):
        found.setdefault(tuple(map(likeness, item)), []).append(position)
    return found.values()


def likeness(value: Any) -> Hashable:
    """What must be equal for two arguments to go into one batch."""
    if isinstance(value, Tensor):
        return value.shape, value.dtype, value.device
    return value  # type: ignore[no-any-return]


def stack(values: Sequence[Any]) -> Any:
    """One tensor of n tensors `(...)`, shape `(n, ...)`; equal values of another kind stay one."""
    return torch.stack(tuple(values)) if isinstance(values[0], Tensor) else values[0]


def split(result: Any, count: int) -> Sequence[Any]:
    """The rows of what a network returned for a batch: one result per item.

    Tensors are split along their first dimension into views that share memory, tuples (named ones
    too) and dicts value by value, and a list is taken as one value per item.

    Raises:
        RunError: A tensor or list does not have `count` rows, or the result is something else.
    """
    if isinstance(result, Tensor):
        _refuse_other_count(result.shape[:1], count, f"a tensor of shape {tuple(result.shape)}")
        return result.unbind(0)
    if isinstance(result, list):
        _refuse_other_count((len(result),), count, f"a list of {len(result)}")
        return result
    if isinstance(result, dict):
        columns = zip(*(split(value, count) for value in result.values()), strict=True)
        return [dict(zip(result, row, strict=True)) for row in columns]
    if isinstance(result, tuple):
        rows = zip(*(split(part, count) for part in result), strict=True)
        kind = type(result)
        return [kind(*row) if is_named_tuple(kind) else row for row in rows]
    raise RunError(
        f"cannot split a {type(result).__name__} into the results of {count} items: a tensor with "
        f"{count} rows is expected, or a tuple, dict or list of them. Leave out `batch=`."
    )


def _refuse_other_count(rows: tuple[int, ...], count: int, shown: str) -> None:
    """Refuse a result that has another number of rows than the batch."""
    if rows != (count,):
        raise RunError(
            f"cannot split {shown} into the results of {count} items: {count} rows are expected, "
            f"one per item of the batch. Make the network keep the first dimension, or leave out "
            f"`batch=`."
        )
