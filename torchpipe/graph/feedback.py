"""`Feedback`: a recurrent connection, the value of the previous item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchpipe.errors import ConnectError
from torchpipe.graph.cell import Cell
from torchpipe.graph.port import Connection, Input, Output, Ports


class Feedback(Cell):
    """Gives the value that an output had at the previous item.

    Read it by calling it, and say with `connect` what it will give at the next item. The previous
    item is the last one that had a value: filtered and skipped items change nothing. All cells
    within the loop run in order, one item at a time.

    Args:
        initial: What it gives at the first item of every epoch.

    >>> import torchpipe as tp
    >>> class RunningSum(tp.Pipeline):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.total = tp.Feedback(0)
    ...         self.add = tp.cell(lambda x, total: x + total)
    ...     def build(self, x):
    ...         total = self.add(x, self.total())
    ...         self.total.connect(total)
    ...         return total
    >>> with RunningSum().run() as run:
    ...     list(run.map([1, 2, 3]))
    [1, 3, 6]
    """

    stateful = True

    def __init__(self, initial: Any = None):
        super().__init__()
        self.initial = initial
        self.value = initial

    def port_function(self) -> Callable[..., Any]:
        """The reading side: it gives the type of the output."""
        return self.read

    def _make_inputs(self) -> Ports[Input]:
        """The recurrent input, with a default: a call leaves it open, `connect` connects it."""
        return Ports([Input(self, "value", Any)])

    def connect(self, output: Output) -> None:
        """Give this output's value at the next item.

        Raises:
            ConnectError: It is no output, or has no place in this pipeline.
        """
        if not isinstance(output, Output):
            raise ConnectError(
                f"cannot connect {output!r} to {self.path}.value: an output is expected. Call "
                f"`connect` in `build`, with what a cell gave there."
            )
        Connection(output, self.inputs.value)

    def reset(self) -> None:
        """Start again from the initial value."""
        self.value = self.initial

    def read(self) -> Any:
        """The value of the previous item."""
        return self.value

    def write(self, value: Any) -> None:
        """Keep the value for the next item."""
        self.value = value

    def forward(self, value: Any) -> Any:
        """Keep the value and return the one before: where the loop is not closed, a delay."""
        before, self.value = self.value, value
        return before

    def state_dict(self) -> dict[str, Any]:
        """The value kept for the next item."""
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the value to give next."""
        self.value = state["value"]

    def describe(self) -> str:
        """The initial value."""
        return f"initial={self.initial!r}"
