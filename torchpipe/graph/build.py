"""What happens while a pipeline's `build` runs: calls become connections."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torchpipe.errors import ConnectError
from torchpipe.graph.port import Connection, Constant, Input, Output, annotations
from torchpipe.graph.types import is_named_tuple, yielded

if TYPE_CHECKING:
    from torchpipe.graph.cell import Cell
    from torchpipe.graph.pipeline import Pipeline


class Build:
    """One pipeline under construction: the cells that its `build` called so far, in order."""

    def __init__(self, pipeline: Pipeline):
        self.pipeline = pipeline
        self.called: dict[Cell, None] = {}

    def call(self, cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Connect the arguments to the inputs of the cell and return its outputs.

        Returns:
            One `Output`; or the NamedTuple, tuple or dict of `Output`s that the cell gives; or
            None.
        """
        cell = self._placed(cell)
        self._refuse_second_call(cell)
        self.called[cell] = None
        for target, value in bound(cell, args, kwargs):
            Connection(value if isinstance(value, Output) else Constant(value), target)
        return packed(cell)

    def _placed(self, cell: Cell) -> Cell:
        """Give a cell that is no attribute of the pipeline a name and a place in it."""
        cell = cell if cell._parent is self.pipeline else cell.fresh()
        if cell._parent is None:
            self.pipeline.add(cell)
        if cell._parent is not self.pipeline:
            raise ConnectError(
                f"cannot call {cell.path} in {self.pipeline.path}.build: it belongs to "
                f"{cell._parent_path}. Make a {type(cell).__name__} of its own for each pipeline."
            )
        return cell

    def _refuse_second_call(self, cell: Cell) -> None:
        if cell in self.called:
            raise ConnectError(
                f"cannot call {cell.path} twice: a cell has one place in a pipeline. Make a second "
                f"{type(cell).__name__} for the second place."
            )


def bound(
    cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[Input, Any]]:
    """Match arguments with inputs as Python does for a call; yield the pairs."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [
        inspect.Parameter(port.name, kinds[port.keyword_only]) for port in cell.inputs.values()
    ]
    try:
        arguments = inspect.Signature(parameters).bind_partial(*args, **kwargs).arguments
    except TypeError as error:
        names = ", ".join(cell.inputs) or "none"
        raise ConnectError(f"cannot call {cell.path}: {error}. Its inputs: {names}.") from None
    for name, value in arguments.items():
        refuse_nested(cell.inputs[name], value)
        yield cell.inputs[name], value


def refuse_nested(target: Input, value: Any) -> None:
    """Refuse several outputs for one input, which a constant would hide."""
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, tuple | list | dict) and any(isinstance(part, Output) for part in parts):
        names = ", ".join(part.name for part in parts if isinstance(part, Output))
        raise ConnectError(
            f"cannot connect several outputs ({names}) to {target}: an input takes one. Pass one "
            f"of them, or give the cell an input for each."
        )


def packed(cell: Cell) -> Any:
    """The outputs of a cell in the form in which its values come."""
    outputs = list(cell.outputs.values())
    hint = getattr(cell, "packing", None) or returned_class(cell)
    if hint is dict:
        return dict(cell.outputs)
    if hint is not None:
        return hint(outputs) if hint is tuple else hint(*outputs)
    return outputs[0] if outputs else None


def returned_class(cell: Cell) -> type[Any] | None:
    """The NamedTuple class that the cell's function returns, if it does."""
    function = cell.port_function()
    hint = annotations(function).get("return")
    if inspect.isgeneratorfunction(function):
        hint = yielded(hint)
    return hint if is_named_tuple(hint) else None


_local = threading.local()


def current_build() -> Build | None:
    """The innermost pipeline under construction in this thread, if any."""
    stack: list[Build] = getattr(_local, "stack", [])
    return stack[-1] if stack else None


@contextmanager
def building(pipeline: Pipeline) -> Iterator[Build]:
    """Turn cell calls in this block into connections of the pipeline."""
    stack: list[Build] = _local.__dict__.setdefault("stack", [])
    build = Build(pipeline)
    stack.append(build)
    try:
        yield build
    finally:
        stack.pop()
