"""`Held`: a value that a clone elsewhere made for another one elsewhere; here it is not looked at.

Only its description passes through this process: the contents of its arrays stay where they are,
in a segment (see `segments`) or in the object store, until somebody needs them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torchpipe.engine.remote.failure import Failure, Lost
from torchpipe.engine.remote.wire import decoded
from torchpipe.graph.hole import HOLE

NOTHING = object()


class Held:
    """A value as its message; it is decoded where it is first needed.

    Args:
        data: The pickled value.
        buffers: The contents of its arrays and tensors.
    """

    def __init__(self, data: bytes, buffers: Sequence[Any]):
        self.data, self.buffers = data, buffers
        self._value: Any = NOTHING

    @property
    def size(self) -> int:
        """Bytes that are not here."""
        return sum(memoryview(buffer).nbytes for buffer in self.buffers)

    def value(self) -> Any:
        """The value itself; arrays share the memory that it lies in."""
        if self._value is NOTHING:
            self._value = decoded(self.data, self.buffers, copy=False)
        return self._value

    def __reduce__(self) -> tuple[Any, ...]:
        return Held, (self.data, [pickle.PickleBuffer(buffer) for buffer in self.buffers])


class Away(NamedTuple):
    """Stands in a message for a value in the object store.

    Attributes:
        parcel: Which of those that come with the message it is in.
        place: Where it is in there.
        output: Which output of its cell it is.
    """

    parcel: int
    place: int
    output: int


class Stored(Held):
    """A value in the object store.

    Args:
        parcel: What the store knows the results of that call by.
        away: Which of them this is.
        fetch: Gets a parcel; it raises `Lost` if the node that had it is gone.
        again: Makes this output of the cell again.
    """

    def __init__(
        self,
        parcel: Any,
        away: Away,
        fetch: Callable[[Any], Any],
        again: Callable[[int], Any],
    ):
        super().__init__(b"", ())
        self.parcel, self.away, self._fetch, self._again = parcel, away, fetch, again

    @property
    def fetched(self) -> bool:
        """Whether the value has come here."""
        return self._value is not NOTHING

    def value(self) -> Any:
        """The value itself, with memory of its own."""
        if not self.fetched:
            try:
                data, buffers = self._fetch(self.parcel)[self.away.place]
                self._value = decoded(data, buffers, copy=True)
            except Lost:
                self._value = self._again(self.away.output)
        return self._value


Rows = list[tuple[Any, ...]]


def parted(rows: Rows) -> tuple[Rows, list[Any]]:
    """Arguments as they are sent: those in the object store stay there.

    Returns:
        The arguments, and the parcels that those are in.
    """
    parcels: dict[Any, int] = {}

    def sent(value: Any) -> Any:
        if not isinstance(value, Stored):
            return value
        if value.fetched:
            return value.value()
        return value.away._replace(parcel=parcels.setdefault(value.parcel, len(parcels)))

    return [tuple(map(sent, row)) for row in rows], list(parcels)


class Holds(NamedTuple):
    """Which outputs of a cell are held where they are made.

    Attributes:
        outputs: Their positions.
        several: Whether the cell has several outputs.
    """

    outputs: tuple[int, ...]
    several: bool

    def applied(self, result: Any, change: Callable[[Any, int], Any]) -> Any:
        """What a call gave for an item, with the held outputs changed."""
        if result is HOLE or isinstance(result, BaseException | Failure):
            return result
        if not self.several:
            return change(result, 0)
        return tuple(change(v, i) if i in self.outputs else v for i, v in enumerate(result))


def here(value: Any) -> Any:
    """The value itself, if it is held."""
    return value.value() if isinstance(value, Held) else value
