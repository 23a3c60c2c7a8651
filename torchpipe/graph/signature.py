"""The ports of a cell, from the signature of the function that does its work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torchpipe.errors import ConnectError
from torchpipe.graph.port import Input, Output
from torchpipe.graph.types import hints_of, is_named_tuple, yielded

if TYPE_CHECKING:
    from torchpipe.graph.cell import Cell


def inputs_of(cell: Cell, function: Callable[..., Any]) -> list[Input]:
    """One input per parameter of the function (a bound method, or one without `self`).

    Raises:
        ConnectError: The function takes `*args` or `**kwargs`, which have no names to connect; or,
            as some of those that are written in C, it does not say what it takes.
    """
    hints = hints_of(function)
    ports = []
    for parameter in parameters_of(cell, function):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise ConnectError(
                f"cannot tell the inputs of {cell.path} from {stars}{parameter.name}: ports come "
                f"from named parameters. Give each input a name in the signature."
            )
        hint = hints.get(parameter.name, Any)
        keyword_only = parameter.kind is parameter.KEYWORD_ONLY
        ports.append(Input(cell, parameter.name, hint, parameter.default, keyword_only))
    return ports


def parameters_of(cell: Cell, function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters in the function's signature."""
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:
        raise ConnectError(
            f"cannot tell the inputs of {cell.path}: {function!r} has no signature to read. Wrap "
            f"it in a function whose parameters have names."
        ) from None


def outputs_of(cell: Cell, function: Callable[..., Any]) -> list[Output]:
    """One output per field of a NamedTuple, none for `-> None`, else one named "out"."""
    hint = returned(function)
    if hint is type(None):
        return []
    if is_named_tuple(hint):
        fields = hints_of(hint)
        return [Output(cell, name, fields.get(name, Any)) for name in hint._fields]
    return [Output(cell, "out", hint)]


def returned(function: Callable[..., Any]) -> Any:
    """The type of what the function gives: returns, or yields one by one."""
    hint = hints_of(function).get("return", Any)
    return yielded(hint) if inspect.isgeneratorfunction(function) else hint
