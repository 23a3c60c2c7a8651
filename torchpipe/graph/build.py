"""What happens while a pipeline's `build` runs: calls become connections."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torchpipe.errors import ConnectError
from torchpipe.graph.port import Connection, Constant, Input, Nothing, Output
from torchpipe.graph.signature import inputs_of
from torchpipe.graph.types import is_named_tuple

if TYPE_CHECKING:
    from torchpipe.graph.cell import Cell
    from torchpipe.graph.pipeline import Pipeline


@dataclass
class Graph:
    """What one run of `build` connected.

    Attributes:
        arguments: The arguments of `build`, as outputs seen from inside.
        results: What `build` returned, by name.
        packing: How results are put together: None (one value), tuple, dict, or a NamedTuple class.
        called: The names of the cells that `build` called.
    """

    arguments: dict[str, Output]
    results: dict[str, Output]
    packing: Any
    called: Container[str]


class Build:
    """One pipeline under construction: the names of the cells that its `build` called so far."""

    def __init__(self, pipeline: Pipeline):
        self.pipeline = pipeline
        self.called: set[str] = set()
        self.last: Cell | None = None

    def run(self, arguments: dict[str, Output]) -> Any:
        """Call the pipeline's `build`; where it unpacks wrongly, say what there was to unpack."""
        try:
            return self.pipeline.build(**arguments)
        except ValueError as error:
            if "values to unpack" in str(error) and self.last is not None:
                names = list(self.last.outputs)
                many = f"{len(names)} outputs ({', '.join(names)})"
                error.add_note(f"{self.last.path} gives {many}")
            raise

    def call(self, cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Connect the arguments to the inputs of the cell and return its outputs.

        Returns:
            One `Output`; or the NamedTuple, tuple or dict of `Output`s that the cell gives; or
            None.
        """
        cell = self._placed(cell)
        self._refuse_second_call(cell)
        self.called.add(cell._name)
        self.last = cell
        for target, value in bound(cell, args, kwargs):
            refuse_nothing(value, target)
            Connection(value if isinstance(value, Output) else Constant(value), target)
        return packed(cell)

    def _placed(self, cell: Cell) -> Cell:
        """Give a cell that is no attribute of the pipeline a name and a place in it."""
        cell = cell if cell._parent is self.pipeline else cell.fresh()
        if cell._parent is None:
            cell = self.pipeline.place(cell)
        if cell._parent is not self.pipeline:
            raise ConnectError(
                f"cannot call {cell.path} in {self.pipeline.path}.build: it belongs to "
                f"{cell._parent_path}. Make a {type(cell).__name__} of its own for each pipeline."
            )
        return cell

    def _refuse_second_call(self, cell: Cell) -> None:
        if cell._name in self.called:
            raise ConnectError(
                f"cannot call {cell.path} twice: a cell has one place in a pipeline. Make a second "
                f"{type(cell).__name__} for the second place."
            )


def bound(cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[Input, Any]]:
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
        refuse_cell(cell.inputs[name], value)
        refuse_nested(cell.inputs[name], value)
        yield cell.inputs[name], value


def refuse_cell(target: Input, value: Any) -> None:
    """Refuse a cell where its output was meant, which a constant would hide."""
    from torchpipe.graph.cell import Cell  # which imports this module

    if isinstance(value, Cell):
        raise ConnectError(
            f"cannot connect the cell {value.path} to {target}: a cell is no value. Call it, and "
            f"connect what it gives."
        )


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
    outputs, packing = list(cell.outputs.values()), cell._packing
    if packing is dict:
        return dict(cell.outputs)
    if packing is not None:
        return packing(outputs) if packing is tuple else packing(*outputs)
    return outputs[0] if outputs else Nothing(cell)


def refuse_nothing(value: Any, target: Input) -> None:
    """Refuse to connect what a cell without outputs gives."""
    if isinstance(value, Nothing):
        raise ConnectError(
            f"cannot connect {value} to {target}: {value} gives nothing (`-> None`). Annotate what "
            f"it returns, or connect another cell."
        )


def built(pipeline: Pipeline) -> Graph:
    """Run the pipeline's `build`, and name what it returns."""
    arguments = {
        port.name: Output(pipeline, port.name, port.type, argument=True)
        for port in inputs_of(pipeline, pipeline.port_function())
    }
    with building(pipeline) as build:
        returned = build.run(arguments)
    results, packing = named(returned)
    for name, value in results.items():
        refuse_result(pipeline, name, value)
    return Graph(arguments, results, packing, build.called)


def refuse_result(pipeline: Pipeline, name: str, value: Any) -> None:
    """Refuse a result that no cell of this pipeline gives."""
    if not isinstance(value, Output):
        from torchpipe.graph.cell import Cell  # which imports this module

        what, how = f"{value!r}", "Return what a cell gave"
        if isinstance(value, Cell):
            what, how = f"the cell {value.path}", "Call it, and return what it gives"
        raise ConnectError(
            f"{pipeline.path}.build returned {what} as {name!r}: an output of one of its cells is "
            f"expected. {how}."
        )
    scope = value.cell if value.argument else value.cell._parent
    if scope is not pipeline:
        raise ConnectError(
            f"{pipeline.path}.build returned {value} as {name!r}, which lies in another pipeline. "
            f"Return what a cell of this one gave."
        )


def named(returned: Any) -> tuple[dict[str, Any], Any]:
    """Name what `build` returned, and say how to put values together in the same way."""
    if returned is None or isinstance(returned, Nothing):
        return {}, None
    if isinstance(returned, tuple | list) and not returned:
        return {}, None
    if isinstance(returned, dict):
        return dict(returned), dict
    if is_named_tuple(type(returned)):
        return returned._asdict(), type(returned)
    if isinstance(returned, tuple | list):
        names: dict[str, Any] = {}
        for value in returned:
            wanted = output_name(value) if isinstance(value, Output) else "out"
            names[free_name(wanted, names)] = value
        return names, tuple
    return {"out": returned}, None


def output_name(output: Output) -> str:
    """What to call a result: its port's name, or that of the cell if the port's says nothing."""
    if output.argument or output.name != "out":
        return output.name
    return output.cell._name.replace(".", "_")


def free_name(wanted: str, taken: Container[str]) -> str:
    """The wanted name, with a number if it is taken."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


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
