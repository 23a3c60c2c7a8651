"""What a cell says of itself, against what it is."""

from __future__ import annotations

import dis
import inspect
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from types import CodeType, FunctionType, ModuleType
from typing import Any

from torchpipe.errors import ParameterError
from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import Node, leaves
from torchpipe.graph.function import FunctionCell, is_async, is_generator, is_source
from torchpipe.graph.hole import HOLE
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.policy import Batching, attempts_and_skip


def claims(node: Node) -> Iterator[str]:
    """What the cells of a node say of themselves must be so."""
    for leaf in leaves(node.cell):
        yield from policy(node, leaf)
        yield from batching(leaf)
        yield from asynchronous(leaf)
        yield from holes(leaf)


def policy(node: Node, leaf: Cell) -> Iterator[str]:
    """The error policy must be one, and possible: what a cell has yielded cannot be taken back."""
    try:
        attempts_and_skip(leaf.on_error)
    except ParameterError as error:
        yield f"{leaf.path}: {error}"
        return
    bundled = node.bundled and leaf is node.cell
    if leaf.on_error != "raise" and streams(leaf) and not bundled:
        yield (
            f"{leaf.path} cannot have on_error={leaf.on_error!r}: what a source or a cell that "
            f"yields has given cannot be taken back. Handle the error in its `forward`."
        )


def batching(cell: Cell) -> Iterator[str]:
    """Batching must be one, and possible: each item has a result of its own."""
    given: Any = cell.batching
    if given is None:
        return
    if not isinstance(given, Batching):
        yield (
            f"{cell.path} cannot have batching={given!r}: it says how many items a call takes, and "
            f"how long it waits for them. Write batching = tp.Batching(max_size=16)."
        )
    elif streams(cell):
        yield (
            f"{cell.path} cannot have batching: it has no single result for each item that it "
            f"takes. Batch in a cell after it."
        )


def streams(cell: Cell) -> bool:
    """Whether what it gives is a stream, without one result for each item."""
    return is_source(cell) or is_generator(cell)


def asynchronous(cell: Cell) -> Iterator[str]:
    """A call gives its result, not something to await."""
    if is_async(cell):
        yield (
            f"{cell.path}.forward is async, so a call gives no result. Write a plain function; "
            f"waiting in threads is what clones are for."
        )


def holes(cell: Cell) -> Iterator[str]:
    """A cell that may drop an item says so, or else others would get the hole."""
    if not cell.filters and any(map(names_hole, (cell.forward, cell.forward_batch))):
        function = isinstance(cell, FunctionCell)
        how = "tp.cell(..., filters=True)" if function else "`filters = True` in its class"
        yield f"{cell.path} returns HOLE but `filters` is False. Write {how}."


def names_hole(function: Callable[..., Any]) -> bool:
    """Whether the function's code has our HOLE in it: no cell ever gets one, so it returns it."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(function):
        return False
    scope = ChainMap(dict(closed_over(function)), function.__globals__)
    return any(loads_hole(code, scope) for code in within(function.__code__))


def closed_over(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables of the functions around it, but for those that have no value yet."""
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        with suppress(ValueError):
            yield name, cell.cell_contents


def within(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of all functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from within(constant)


def loads_hole(code: CodeType, scope: Mapping[str, Any]) -> bool:
    """Whether the code loads HOLE by its name, or that of its module, as in `tp.HOLE`."""
    names = (*code.co_names, *code.co_freevars)
    if "HOLE" not in names and not any(scope.get(name) is HOLE for name in names):
        return False
    for step, after in pairwise(dis.get_instructions(code)):
        value = scope.get(step.argval) if step.opname in ("LOAD_GLOBAL", "LOAD_DEREF") else None
        if isinstance(value, ModuleType) and after.argval == "HOLE":
            value = vars(value).get("HOLE")
        if value is HOLE:
            return True
    return False


def without_effect(pipeline: Pipeline) -> Iterator[str]:
    """What is asked of a pipeline, but only cells can do."""
    if pipeline.on_error != "raise":
        yield (
            f"{pipeline.path} cannot have on_error={pipeline.on_error!r}: it is a pipeline, and "
            f"errors are raised by its cells. Set it on those that may raise."
        )
    if pipeline.batching is not None:
        yield (
            f"{pipeline.path} cannot have batching: it is a pipeline, and its cells are called one "
            f"by one. Set it on those that take batches."
        )
