"""Arguments of cells that cannot be what they should be, refused where the cell is made."""

from __future__ import annotations

from typing import Any

from torchpipe.errors import ParameterError


def refuse_uncallable(cell: str, function: Any) -> None:
    """Refuse what cannot be called, where a cell needs a function."""
    if not callable(function):
        raise ParameterError(
            f"cannot make a {cell} of {function!r}: it is no function. Pass a function of an item."
        )


def refuse_uniterable(cell: str, iterable: Any) -> None:
    """Refuse what cannot be iterated over; nothing is read."""
    kind = type(iterable)
    if not hasattr(kind, "__iter__") and not hasattr(kind, "__getitem__"):
        raise ParameterError(
            f"cannot make a {cell} of {iterable!r}: it cannot be iterated over. Pass a list, a "
            f"range, or anything else with an `__iter__`."
        )
