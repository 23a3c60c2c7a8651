"""`Symbol`: stands for a value that is not there yet, and says so when it is computed with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from torchpipe.errors import ConnectError


class NoValue(ConnectError, AttributeError):
    """There is no such attribute yet; `hasattr` gets its answer."""


def refuse_use(symbol: Symbol, *_: Any) -> NoReturn:
    """Refuse to compute with what has no value."""
    raise ConnectError(no_value(symbol))


def no_value(symbol: Symbol) -> str:
    """Why nothing can be computed with the symbol, and where it can."""
    return (
        f"{symbol} has no value yet: `build` only connects. Compute in a cell, such as "
        f"tp.cell(lambda x: x + 1); for several outputs annotate `forward` with a NamedTuple."
    )


class Symbol:
    """What `build` passes around: it can be connected and returned, and nothing else."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other if isinstance(other, Symbol) else bool(self)

    def __bool__(self) -> bool:
        raise ConnectError(
            f"cannot branch on {self}: `build` runs once, before there are values. Decide in a "
            f"cell's `forward`, or drop items with tp.Filter."
        )

    def __iter__(self) -> Iterator[Any]:
        raise ConnectError(
            f"cannot unpack {self}: it is one output. To give several, annotate the return type "
            f"of `forward` with a NamedTuple."
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked for by copies, pickles and other libraries
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise NoValue(no_value(self))

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], _types: Any, args: Any = (), kwargs: Any = None
    ) -> NoReturn:
        """Torch asks here, where one of its functions is called with a symbol."""
        symbol = next(symbols_in([args, kwargs]))
        name = getattr(function, "__name__", function)
        raise ConnectError(
            f"cannot call torch's {name} on {symbol} in `build`: there are no values yet. Wrap a "
            f"network, self.net = tp.ModuleCell(net), or a function, tp.cell(...)."
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = refuse_use
    __rmatmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = refuse_use
    __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __pow__ = __rpow__ = refuse_use
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = refuse_use
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = refuse_use
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = refuse_use
    __lt__ = __le__ = __gt__ = __ge__ = refuse_use
    __getitem__ = __setitem__ = __delitem__ = __contains__ = refuse_use
    __int__ = __float__ = __index__ = __len__ = refuse_use
    __array_ufunc__ = refuse_use


def symbols_in(value: Any) -> Iterator[Symbol]:
    """All symbols in nested lists, tuples and dicts."""
    if isinstance(value, Symbol):
        yield value
    elif isinstance(value, dict):
        yield from symbols_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from symbols_in(part)
