"""Cells that change the stream itself: batch it, split it, thin it out, delay it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torchpipe.cells.refusals import refuse_uncallable
from torchpipe.errors import ParameterError
from torchpipe.graph.cell import Cell
from torchpipe.graph.hole import HOLE


class Batch(Cell):
    """Collects `size` items into one; what it gives has a numbering of its own.

    By default a batch is a plain list, which takes any values and which `Unbatch` undoes. With
    `collate` it is what that function makes of the list: `torch.stack` for tensors of one shape,
    `torch.utils.data.default_collate` for tuples and dicts of them.

    With a smaller `hop` batches overlap: a sliding window. With a larger one items between batches
    are left out. At the end of an epoch, items that are in no batch yet make a last, smaller one,
    which begins where the next would have begun.

    Use it where a batch is what should flow, as in training. To only *compute* in batches, with one
    item in and one out, give the cell `batching=tp.Batching(...)` instead.

    Args:
        size: How many items.
        hop: A batch begins every so many items; by default `size`.
        drop_last: Drop the last, smaller batch of an epoch rather than give it.
        collate: Makes the batch from a list of items.

    Raises:
        ParameterError: `size` or `hop` is less than 1.

    >>> import torchpipe as tp
    >>> from torchpipe.testing import check_cell
    >>> check_cell(tp.Batch(2), "a", "b", "c")
    [['a', 'b'], ['c']]
    >>> check_cell(tp.Batch(3, hop=1), *range(5))
    [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    """

    stateful = True

    def __init__(
        self,
        size: int,
        *,
        hop: int | None = None,
        drop_last: bool = False,
        collate: Callable[[list[Any]], Any] | None = None,
    ):
        super().__init__()
        if size < 1:
            raise ParameterError(f"cannot make batches of {size} items: size must be at least 1.")
        if hop is not None and hop < 1:
            raise ParameterError(f"cannot begin a batch every {hop} items: hop must be at least 1.")
        self.size, self.hop = size, size if hop is None else hop
        self.drop_last, self.collate = drop_last, collate
        self._begin([], 0, 0)

    def _begin(self, items: list[Any], given: int, skip: int) -> None:
        """Start a batch with items of which the last one had the first `given`, or skip some."""
        self.items, self.given, self.skip = items, given, skip
        self.due = self.size if not skip else 1  # so that `forward` looks at one length only

    def reset(self) -> None:
        self._begin([], 0, 0)

    def forward(self, item: Any) -> Iterator[Any]:
        """A batch, if this item completes one."""
        self.items.append(item)
        if len(self.items) == self.due:
            if self.skip:
                self._begin([], 0, self.skip - 1)
                return
            items, gap = self.items, self.hop - self.size
            self._begin(items[self.hop :], max(-gap, 0), max(gap, 0))
            yield self._batch(items)

    def flush(self) -> Iterator[Any]:
        """Give the last batch of the epoch, of fewer items."""
        if len(self.items) > self.given and not self.drop_last:
            items = self.items
            self.reset()
            yield self._batch(items)

    def _batch(self, items: list[Any]) -> Any:
        return items if self.collate is None else self.collate(items)

    def state_dict(self) -> dict[str, Any]:
        return {"items": list(self.items), "given": self.given, "skip": self.skip}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._begin(list(state["items"]), state["given"], state["skip"])

    def describe(self) -> str:
        hop = f", hop={self.hop}" if self.hop != self.size else ""
        return f"size={self.size}{hop}" + (", drop_last=True" if self.drop_last else "")


class Unbatch(Cell):
    """Splits each item into several; what it gives has a numbering of its own.

    Args:
        split: Gives the parts of one item. By default the item is iterated over: a list gives its
            values, a tensor its rows (views that share the batch's memory).

    Raises:
        ParameterError: `split` is no function.

    >>> import torchpipe as tp
    >>> from torchpipe.testing import check_cell
    >>> check_cell(tp.Unbatch(), ["a", "b"], [], ["c"])
    ['a', 'b', 'c']
    """

    def __init__(self, split: Callable[[Any], Iterable[Any]] = iter):
        super().__init__()
        refuse_uncallable("Unbatch", split)
        self.split = split

    def forward(self, batch: Any) -> Iterator[Any]:
        """The parts, one by one."""
        yield from self.split(batch)


class Filter(Cell):
    """Passes the items for which a function is true; the others leave a hole in the numbering.

    Joins with cells before the filter stay aligned: they skip the dropped items too.

    Args:
        predicate: Called with each item, in the cell's clone.

    Raises:
        ParameterError: It is no function.

    >>> import torchpipe as tp
    >>> even = tp.Filter(lambda x: x % 2 == 0)
    >>> [even(x) for x in range(4)]
    [0, HOLE, 2, HOLE]
    """

    filters = True

    def __init__(self, predicate: Callable[[Any], Any]):
        super().__init__()
        refuse_uncallable("Filter", predicate)
        self.predicate = predicate

    def forward(self, item: Any) -> Any:
        """The item, or `tp.HOLE` if it is dropped."""
        return item if self.predicate(item) else HOLE

    def describe(self) -> str:
        return getattr(self.predicate, "__name__", type(self.predicate).__name__)


_FIRST_ITEM = object()


class Delay(Cell):
    """Gives the value of `n` items ago; remembers, so it is stateful.

    Values are kept, not copied: a cell that changes its input in place changes what comes later.

    Args:
        n: How many items.
        initial: What the first `n` items get; by default the value of the first item.

    Raises:
        ParameterError: `n` is less than 1.

    >>> import torchpipe as tp
    >>> delay, padded = tp.Delay(1), tp.Delay(2, initial=None)
    >>> [delay(x) for x in "abc"], [padded(x) for x in "abc"]
    (['a', 'a', 'b'], [None, None, 'a'])
    """

    stateful = True

    def __init__(self, n: int = 1, initial: Any = _FIRST_ITEM):
        super().__init__()
        if n < 1:
            raise ParameterError(f"cannot delay by {n} items: n must be at least 1.")
        self.n, self.initial = n, initial
        self.has_initial = initial is not _FIRST_ITEM
        self.reset()

    def reset(self) -> None:
        self.past: deque[Any] = deque()
        if self.has_initial:
            self.past.extend([self.initial] * self.n)

    def forward(self, item: Any) -> Any:
        """The item that came `n` items before."""
        if not self.past:
            self.past.extend([item] * self.n)
        self.past.append(item)
        return self.past.popleft()

    def state_dict(self) -> dict[str, Any]:
        return {"past": list(self.past)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.past = deque(state["past"])

    def describe(self) -> str:
        return f"{self.n}"
