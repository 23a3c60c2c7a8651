"""Cells that take items out of the stream. They pass on what they take, so a pipeline can go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchpipe.cells.refusals import refuse_uncallable
from torchpipe.graph.cell import Cell


class Collect(Cell):
    """Keeps the items of the current epoch in a list, in order.

    The list is that of the definition: read `collect.items` during and after a run. The items are
    kept, not copied, for as long as the cell lives or until the next epoch begins.

    >>> import torchpipe as tp
    >>> collect = tp.Collect()
    >>> collect(1), collect(2), collect.items
    (1, 2, [1, 2])
    """

    stateful = True

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Any] = []

    def reset(self) -> None:
        self.items.clear()  # in place: copies of the definition share the list

    def forward(self, item: Any) -> Any:
        """Keep the item, and pass it on."""
        self.items.append(item)
        return item

    def state_dict(self) -> dict[str, Any]:
        return {"items": list(self.items)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.items[:] = state["items"]


class Call(Cell):
    """Calls a function with each item, in order, one at a time; passes the item on.

    When a run is loaded, the function may be called again for items that it had seen.

    Args:
        function: Called for what it does (write a file, show an image); its result is ignored.

    Raises:
        ParameterError: It is no function.

    >>> import torchpipe as tp
    >>> show = tp.Call(print)
    >>> show("hello")
    hello
    'hello'
    """

    stateful = True

    def __init__(self, function: Callable[[Any], object]):
        super().__init__()
        refuse_uncallable("Call", function)
        self.function = function

    def forward(self, item: Any) -> Any:
        """Call the function with the item, and pass it on."""
        self.function(item)
        return item

    def state_dict(self) -> dict[str, Any]:
        """Nothing: what the function remembers is not known."""
        return {}

    def describe(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)
