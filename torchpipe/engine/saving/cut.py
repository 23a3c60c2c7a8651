"""`Cut`: what all stateful cells of a run remember between two items of the sources.

Where some of them run ahead of the consumer, their states are taken *in band*: an item carries a
cut, and each stage adds the states of its cells before it takes that item. When the item has
reached the end, the cut is whole. So it is the same whatever the clones do, and nobody waits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any, NamedTuple, Protocol

from torchpipe.engine.notes import note
from torchpipe.engine.remote.failure import Failure
from torchpipe.engine.saving.plain import NotPlain, packed
from torchpipe.errors import StateError
from torchpipe.graph.cell import Cell
from torchpipe.graph.function import is_source

SHARE = 100
"""Taking cuts may take one part in so many of the time."""


class State(NamedTuple):
    """What a cell remembers: the name of its class, its state as plain data; or why there is none.

    It is taken while others run, who do not care: the error is for those who want to save it.
    """

    kind: str
    value: Any = None
    error: Exception | Failure | None = None


States = dict[str, State]


def state_of(path: str, cell: Cell) -> State:
    """What a cell remembers now."""
    kind = type(cell).__qualname__
    if type(cell).state_dict is Cell.state_dict:
        return State(kind, error=StateError(f"cannot save {path}: {silent(kind)}"))
    try:
        state = cell.state_dict()
        if state and type(cell).load_state_dict is Cell.load_state_dict:
            return State(kind, error=StateError(f"cannot save {path}: {deaf(kind)}"))
        return State(kind, packed(state))
    except NotPlain as error:
        text = f"cannot save {path}: its state{error.place} is {error.what}. {ALLOWED}"
        return State(kind, error=StateError(text))
    except RecursionError:
        text = f"cannot save {path}: its state holds itself. {ALLOWED}"
        return State(kind, error=StateError(text))
    except Exception as error:
        note(error, f"in the state_dict of cell {path!r}")
        return State(kind, error=error)


ALLOWED = (
    "Return plain numbers and text, arrays and tensors, and lists, tuples, dicts, named tuples and "
    "dataclasses of them."
)


def silent(kind: str) -> str:
    """Why a cell without `state_dict` cannot be saved."""
    return (
        f"{kind} is stateful, and does not say what it remembers. Define state_dict and "
        f"load_state_dict in it; return {{}} if nothing it remembers changes a result."
    )


def deaf(kind: str) -> str:
    """Why a cell without `load_state_dict` cannot be saved."""
    return (
        f"{kind} defines state_dict and no load_state_dict, so what it remembers would be lost. "
        f"Define load_state_dict in it; or let state_dict return {{}}."
    )


@dataclass(eq=False)
class Cut:
    """The states, and where the regions are.

    Attributes:
        numbers: The number of the next item of each region: see `RegionPlan.key`.
        sources: The states of stateful sources at the start of the epoch.
        states: The states of all other stateful cells, by path.
        waiting: The regions whose end it has not reached yet.
        cost: Nanoseconds that it took to get the states.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    sources: States = field(default_factory=dict)
    states: States = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    cost: int = 0

    def add(self, cells: Remembering) -> None:
        """Add the states of these cells."""
        began = perf_counter_ns()
        self.states |= cells.states()
        self.cost += perf_counter_ns() - began

    def add_distant(self, other: Cut, size: int) -> None:
        """Add the states of cells in another process.

        Args:
            other: The states.
            size: Bytes of the message; a billion are taken to need a second.
        """
        self.states |= other.states
        self.cost += other.cost + size


class Remembering(Protocol):
    """Some cells that live together."""

    def states(self) -> States:
        """What those of them that are stateful remember now."""


class Cuts:
    """The cuts of a run whose cells run ahead of its consumer.

    Args:
        every: How many items there are at least from one cut to the next.
        ends: The regions whose ends a cut must reach.

    Attributes:
        next: The item of the sources before which the next cut may be.
        last: The last one that is whole.
    """

    def __init__(self, every: int, ends: Iterable[str]):
        self.every, self.ends = every, frozenset(ends)
        self.next, self.last, self._began = 0, Cut(), 0
        self._lock = threading.Lock()

    def start(self, cut: Cut, step: int) -> None:
        """An epoch begins, with a cut before its first item."""
        self.last, self._began = cut, perf_counter_ns()
        self.next = cut.numbers[""] + self.every * step

    def new(self, number: int, step: int) -> Cut | None:
        """A cut before this item of the sources; None, if they would take too long."""
        now, self.next = perf_counter_ns(), number + self.every * step
        if now - self._began < SHARE * self.last.cost:
            return None
        self._began = now
        return Cut({"": number}, self.last.sources, waiting=set(self.ends))

    def reached(self, cut: Cut, end: str) -> None:
        """A cut has reached the end of a region."""
        with self._lock:  # regions beside the way end in threads of their own
            cut.waiting.discard(end)
            if not cut.waiting and cut.numbers[""] > self.last.numbers[""]:
                self.last = cut


def remembers(cell: Cell) -> bool:
    """Whether a cell's state belongs into a cut: sources start anew, where they are told."""
    return cell.stateful and not is_source(cell)
