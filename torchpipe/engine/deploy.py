"""From the definition of a cell to what runs: a copy of it, and what to call."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

from torchpipe.engine.context import Context
from torchpipe.engine.torch_state import synchronized
from torchpipe.errors import GraphError
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone
from torchpipe.graph.parameter import Config, settings

Placed = list[tuple[str, Cell]]
Give = Callable[[Any], None]


def running_copy(cell: Cell, path: str, context: Context, *, deep: bool) -> Cell:
    """A copy of a definition that a run owns; it shares the values of live parameters.

    Raises:
        GraphError: A deep copy, for a clone, is impossible.
    """
    try:
        made: Cell = copy.deepcopy(cell) if deep else copy.copy(cell)
    except Exception as error:
        raise GraphError(
            f"cannot copy '{path}' for its clones: {error}. Make what cannot be copied in `setup`, "
            f"which runs in each clone."
        ) from error
    made._values = cell._values
    given = context.clone.config
    for name, config in settings(cell, Config).items():
        if name in given:
            made._configs[name] = config.checked(given[name], cell)
    made._deployed, made._context, made._name = True, context, path
    return made


def callable_of(
    cell: Cell,
    path: str,
    context: Context,
    *,
    bundled: bool = False,
    give: Give | None = None,
    definition: Cell | None = None,
) -> Callable[..., Any]:
    """What to call for a cell: its `forward`, guarded by its error policy.

    Args:
        cell: The running copy.
        path: Its path.
        context: The work of the thread that calls it.
        bundled: Whether all that a generator yields for an item is to be returned as one list.
        give: What takes each of those instead, if there is something; then the list is empty.
        definition: What it is a copy of; with it, each session has a copy of its own.
    """
    forward = cell.forward
    if definition is not None and context.copies is not None:
        forward = context.copies.forward_of(cell, path, partial(another, definition, path, context))
    forward = with_copies(forward) if cell.writes else forward
    if bundled:
        forward = listing(forward) if give is None else giving(forward, give, context.clone)
    if cell.on_error != "raise":
        forward = context.guarded(forward, cell.on_error, path)
    made: Callable[..., Any] = synchronized(forward, context.clone, context.gpu_times())
    return made


def another(definition: Cell, path: str, context: Context) -> Cell:
    """A copy for a session."""
    return running_copy(definition, path, context, deep=True)


def batch_callable_of(
    cell: Cell, path: str, context: Context
) -> Callable[[list[Any]], list[Any]] | None:
    """What to call for several items at once; None if the cell takes one after the other."""
    if cell.batching is None:
        return None
    forward = with_copies(cell.forward_batch) if cell.writes else cell.forward_batch
    made = synchronized(forward, context.clone, context.gpu_times())
    return context.counted(made, cell.on_error, path)


def with_copies(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The function, given copies of its arguments."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return forward(*copy.deepcopy(args), **copy.deepcopy(kwargs))

    return call


def listing(forward: Callable[..., Any]) -> Callable[..., list[Any]]:
    """A generator function as one that returns a list."""

    def listed(*args: Any, **kwargs: Any) -> list[Any]:
        return list(forward(*args, **kwargs))

    return listed


def giving(forward: Callable[..., Any], give: Give, clone: Clone) -> Callable[..., list[Any]]:
    """A generator function as one that gives away what it yields."""

    def gave(*args: Any, **kwargs: Any) -> list[Any]:
        with closing(forward(*args, **kwargs)) as stream:  # at once, if nobody wants the rest
            take = synchronized(stream.__next__, clone)
            while True:
                try:
                    out = take()
                except StopIteration:
                    return []
                give(out)

    return gave
