"""The names that every cell has: an attribute that hides one of them would break the cell."""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torchpipe.errors import GraphError
from torchpipe.graph.parameter import Setting
from torchpipe.graph.port import Ports

__all__ = ["fixed", "refuse_hidden", "refuse_hiding"]

if TYPE_CHECKING:
    from builtins import property as fixed

    from torchpipe.graph.cell import Cell
    from torchpipe.graph.pipeline import Pipeline
else:

    class fixed(property):  # noqa: N801  # used as `property` is
        """A property that says so when somebody sets it."""

        def __set__(self, cell: Cell, value: object) -> None:
            raise taken(cell, self.fget.__name__)


METHODS = (
    *("setup", "reset", "seek", "finish", "interrupt", "teardown", "flush", "fresh", "describe"),
    *("forward", "forward_batch", "port_function", "state_dict", "load_state_dict"),
)
PROPERTIES = ("inputs", "outputs", "path", "seed", "suggested_name")


def taken(cell: Cell, name: str, kind: str = "cell") -> GraphError:
    """The error of an attribute that hides what every cell, or every pipeline, has."""
    return GraphError(
        f"cannot set {name!r} in {type(cell).__name__}: every {kind} has an attribute of that "
        f"name. Choose another one."
    )


def misplaced(cell: Cell, name: str, setting: Setting[Any]) -> GraphError:
    """The error of a parameter or config that is no class variable, and so would do nothing."""
    what = type(setting).__name__
    return GraphError(
        f"cannot set {name!r} in {type(cell).__name__} to a {what}: it belongs to the class. "
        f"Declare it in the class body: {name} = tp.{what}({setting.default!r})."
    )


def refuse_hidden(cell: Cell) -> None:
    """Refuse a cell some of whose attributes or class variables hide what every cell has."""
    for name, value in vars(cell).items():
        if isinstance(value, Setting):
            raise misplaced(cell, name, value)
    for name in METHODS:
        if hasattr(cell, name) and not callable(getattr(cell, name)):
            raise taken(cell, name)
    for name in PROPERTIES:
        of_class = inspect.getattr_static(type(cell), name)
        set_here = name in vars(cell) and not isinstance(vars(cell)[name], Ports)
        if set_here or not isinstance(of_class, property | cached_property):
            raise taken(cell, name)


def refuse_hiding(pipeline: Pipeline, kind: type[Pipeline], name: str, value: object) -> None:
    """Refuse to set an attribute that hides a method or a property of every pipeline."""
    if isinstance(value, Setting):
        raise misplaced(pipeline, name, value)
    found = inspect.getattr_static(kind, name, None)
    method = callable(found) and not callable(value)
    if method or isinstance(found, property | cached_property):
        raise taken(pipeline, name, "pipeline")
