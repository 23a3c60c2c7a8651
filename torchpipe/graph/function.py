"""`@cell`: a plain function as a cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, overload

from torchpipe.errors import GraphError
from torchpipe.graph.cell import Cell
from torchpipe.graph.lookalike import advice, is_cell_class, is_network, named
from torchpipe.graph.policy import ErrorPolicy


class FunctionCell(Cell):
    """A cell whose `forward` is the given function; made by `tp.cell`.

    It serves as a template: each use in a `build`, each attribute and each `ScaleUp` takes a copy,
    so that one function can have many places.
    """

    def __init__(self, function: Callable[..., Any], *, filters: bool = False):
        super().__init__()
        self.function = function
        self.filters = filters
        self.__doc__ = function.__doc__
        self.forward = function

    def port_function(self) -> Callable[..., Any]:
        """The function itself."""
        return self.function

    def fresh(self) -> Cell:
        """A copy to place, so that the template stays free."""
        copy = FunctionCell(self.function, filters=self.filters)
        copy.on_error, copy.batching = self.on_error, self.batching
        copy.stateful, copy.writes = self.stateful, self.writes
        return copy

    @property
    def path(self) -> str:
        """As for any cell; the function's name, where it has no place."""
        return super().path if self._name or self._parent else self.suggested_name

    @property
    def suggested_name(self) -> str:
        """The function's name; "function" for a lambda."""
        name = getattr(self.function, "__name__", "function")
        return "function" if name == "<lambda>" else name

    def __repr__(self) -> str:
        return f"cell({self.suggested_name})"


@overload
def cell(function: Callable[..., Any], /) -> FunctionCell: ...
@overload
def cell(
    *, filters: bool = False, on_error: ErrorPolicy = "raise"
) -> Callable[[Callable[..., Any]], FunctionCell]: ...
def cell(
    function: Callable[..., Any] | None = None,
    /,
    *,
    filters: bool = False,
    on_error: ErrorPolicy = "raise",
) -> FunctionCell | Callable[[Callable[..., Any]], FunctionCell]:
    """Make a cell of a function: its parameters are the inputs, what it returns is the output.

    Args:
        function: Any function; one that yields emits many items for each that it takes.
        filters: Whether the function may return `tp.HOLE`, to drop an item.
        on_error: What to do when it raises: see `Cell`.

    >>> import torchpipe as tp
    >>> @tp.cell
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(21)
    42
    """

    def decorate(function: Callable[..., Any]) -> FunctionCell:
        refuse(function)
        made = FunctionCell(function, filters=filters)
        made.on_error = on_error
        return made

    return decorate if function is None else decorate(function)


def refuse(function: Any) -> None:
    """Refuse what is no function, or better used otherwise."""
    if isinstance(function, Cell):
        problem = "it is a cell already. Use it as it is."
    elif is_network(function) or is_cell_class(function):
        problem = advice(function)
    elif not callable(function):
        problem = "it is no function. To give one value, pass it to a cell in `build`."
    elif function is print:
        problem = "its arguments have no names. To look at items, or to write: tp.Call(print)."
    else:
        return
    raise GraphError(f"cannot make a cell of {named(function)}: {problem}")


def is_generator(cell: Cell) -> bool:
    """Whether the cell's `forward` yields."""
    return inspect.isgeneratorfunction(cell.forward)


def is_async(cell: Cell) -> bool:
    """Whether what the cell's `forward` gives would have to be awaited, which nobody does."""
    forward = inspect.unwrap(cell.forward)
    return inspect.iscoroutinefunction(forward) or inspect.isasyncgenfunction(forward)


def is_source(cell: Cell) -> bool:
    """Whether the cell has no inputs and so starts a stream."""
    return len(cell.inputs) == 0
