"""What is no cell, and what to make of it."""

from __future__ import annotations

import inspect
from typing import Any

from torchpipe.graph.cell import Cell


def named(value: Any) -> str:
    """What to call it: a class and a network by the name of the class alone."""
    if inspect.isclass(value):
        return value.__name__
    return f"a {type(value).__name__}" if is_network(value) else repr(value)


def advice(value: Any) -> str:
    """Why it is no cell, and how to make one of it."""
    if is_cell_class(value):
        return f"it is a class. Make a cell: {value.__name__}(...)."
    if is_network(value) or (inspect.isclass(value) and is_network_class(value)):
        return "it is a network, and no cell. Wrap it: tp.ModuleCell(net)."
    return "it is no cell. Wrap a function: tp.cell(...)."


def is_cell_class(value: Any) -> bool:
    """Whether it is a class of cells, where a cell was meant."""
    return inspect.isclass(value) and issubclass(value, Cell)


def is_network(value: Any) -> bool:
    """Whether it is an `nn.Module`."""
    return is_network_class(type(value))


def is_network_class(kind: type) -> bool:
    """Whether it is a class of `nn.Module`s; torch need not be there to tell."""
    names = [(above.__module__, above.__name__) for above in kind.__mro__]
    return ("torch.nn.modules.module", "Module") in names
