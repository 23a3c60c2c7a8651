"""`check_cell`: run a cell alone and look for what would go wrong in a pipeline."""

from __future__ import annotations

import copy
import inspect
import pickle
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from torchpipe.errors import EndOfStream
from torchpipe.graph.cell import Cell
from torchpipe.graph.claims import asynchronous
from torchpipe.graph.clone import ThreadClone
from torchpipe.graph.function import is_source
from torchpipe.graph.hole import HOLE
from torchpipe.testing.outputs import outputs_problem
from torchpipe.testing.same import first_difference, same

Calls = Sequence[tuple[Any, ...]]


def check_cell(cell: Cell, *items: Any, pickles: bool = True) -> list[Any]:
    """Run a cell alone, on the CPU, and check that it behaves as a cell must.

    Checked are: it takes such items, and gives a value for each output; it leaves them as they are,
    because other cells read them too; after `reset` it gives the same results again; deep copies
    (clones) and pickles (clones elsewhere) of the definition do as well; if it is not stateful, the
    order of the items does not matter; if it is, its state can be taken in the middle and goes on
    in a copy; a source that can `seek` gives the same from there; only a cell with `filters` drops
    items. The cell itself is not set up, its copies are, and torn down.

    Args:
        cell: The cell; a source is read to its end.
        items: What `forward` gets, one item each: its argument, or the tuple of its arguments if
            the cell has several inputs.
        pickles: Whether to try pickling: set it to False for a cell that stays in one process.

    Returns:
        The results, in order; those of a cell that yields in one list.

    Raises:
        AssertionError: The cell does not behave; the text says how.

    >>> import torchpipe as tp
    >>> @tp.cell
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> check_cell(double, 1, 2, 3, pickles=False)
    [2, 4, 6]
    """
    fail_if(cell, next(asynchronous(cell), None))
    calls = [arguments_of(cell, item, number) for number, item in enumerate(items)]
    expected = check_epochs(cell, calls)
    fail_if(cell, outputs_problem(cell, expected))
    check_seek(cell, expected)
    check_copies(cell, calls, expected, pickles)
    if cell.stateful:
        check_state(cell, calls, expected)
    elif not yields(cell):
        check_order(cell, calls, expected)
    if not cell.filters and any(result is HOLE for result in expected):
        fail(cell, "it returns HOLE but `filters` is False. Write `filters = True` in its class.")
    return expected


def fail(cell: Cell, what: str) -> None:
    """Fail the check; the text begins with the cell's class."""
    raise AssertionError(f"{type(cell).__name__} is no good cell: {what}")


def fail_if(cell: Cell, problem: str | None) -> None:
    """Fail the check if there is a problem."""
    if problem is not None:
        fail(cell, problem)


def yields(cell: Cell) -> bool:
    """Whether its `forward` is a generator."""
    return inspect.isgeneratorfunction(cell.forward)


def arguments_of(cell: Cell, item: Any, number: int) -> tuple[Any, ...]:
    """The arguments of `forward` for an item."""
    names = ", ".join(cell.inputs) or "none"
    if len(cell.inputs) == 1:
        return (item,)
    if not isinstance(item, tuple) or len(item) > len(cell.inputs):
        fail(cell, f"item {number} is no tuple of arguments for its inputs ({names}): {item!r}.")
    return tuple(item)


class Alone:
    """A cell in motion without a run: set up on entry, torn down on exit."""

    def __init__(self, cell: Cell):
        self.cell = cell
        self.number = 0

    def __enter__(self) -> Alone:
        self.cell._context = self
        self.cell.setup(ThreadClone())
        self.cell.reset()
        return self

    def __exit__(self, *error: object) -> None:
        self.cell.teardown()

    def seed_of(self, name: str) -> int:
        """A seed that depends on the item only, as in a run."""
        return zlib.crc32(str(self.number).encode())

    def epoch(self, calls: Calls) -> list[Any]:
        """All results from the start of the stream to its end."""
        if is_source(self.cell):
            return list(self.source())
        flushed = self.cell.flush() if yields(self.cell) else ()
        return [*self.results(calls), *flushed]

    def results(self, calls: Calls, first: int = 0) -> list[Any]:
        """The results for these items, the first of which has the given number."""
        found: list[Any] = []
        for self.number, arguments in enumerate(calls, first):
            result = self.cell.forward(*arguments)
            found.extend(result if yields(self.cell) else [result])
        return found

    def source(self) -> Iterator[Any]:
        """The items of a source of either kind."""
        if yields(self.cell):
            yield from self.cell.forward()
            return
        try:
            while True:
                yield self.cell.forward()
                self.number += 1
        except EndOfStream:
            return


def check_epochs(cell: Cell, calls: Calls) -> list[Any]:
    """One epoch must leave its inputs alone, and a second one must give the same; return them."""
    before = snapshot(calls)
    with Alone(copy.deepcopy(cell)) as alone:
        first = alone.epoch(calls)
        if before is not None and not same(calls, before):
            fail(
                cell,
                f"its `forward` changes its input in place: {first_difference(before, calls)}. "
                f"Other cells read the same value. Change a copy.",
            )
        alone.cell.reset()
        second = alone.epoch(calls)
    if not same(first, second):
        fail(
            cell,
            f"it gives other results after `reset`: {first_difference(first, second)}. Forget in "
            f"`reset` what `forward` remembers, and take randomness from `self.seed`.",
        )
    return first


def snapshot(calls: Calls) -> Calls | None:
    """A deep copy, or None where a value cannot be copied."""
    try:
        return copy.deepcopy(calls)
    except Exception:  # any class may refuse, each in its own way
        return None


def check_seek(cell: Cell, expected: list[Any]) -> None:
    """A source that starts further on must give what it gives from there."""
    half = len(expected) // 2
    with Alone(copy.deepcopy(cell)) as alone:
        if not is_source(cell) or alone.cell.seek(0, half) is False:
            return
        alone.number = half
        found = list(alone.source())
    if not same(expected[half:], found):
        fail(
            cell,
            f"after `seek(0, {half})` it gives other results: "
            f"{first_difference(expected[half:], found)}. Leave out so many items, or return "
            f"False.",
        )


def check_copies(cell: Cell, calls: Calls, expected: list[Any], pickles: bool) -> None:
    """Copies of the definition must give the same results."""
    compare(cell, copy.deepcopy(cell), calls, expected, "a deep copy of it, as clones are,")
    if pickles:
        compare(cell, pickled(cell), calls, expected, "a pickled copy of it")


def pickled(cell: Cell) -> Cell:
    """The cell, pickled and back."""
    try:
        found: Cell = pickle.loads(pickle.dumps(cell))
    except Exception as error:
        raise AssertionError(
            f"{type(cell).__name__} is no good cell: its definition cannot be pickled "
            f"({type(error).__name__}: {error}). Make what cannot travel in `setup`, or call "
            f"check_cell(..., pickles=False)."
        ) from error
    return found


def compare(cell: Cell, other: Cell, calls: Calls, expected: list[Any], name: str) -> None:
    """The other cell must give what this one gave."""
    with Alone(other) as alone:
        results = alone.epoch(calls)
    if not same(expected, results):
        fail(cell, f"{name} gives other results: {first_difference(expected, results)}.")


def check_order(cell: Cell, calls: Calls, expected: list[Any]) -> None:
    """Without state, items may come in any order."""
    found: list[Any] = []
    with Alone(copy.deepcopy(cell)) as alone:
        for number in reversed(range(len(calls))):
            found = alone.results([calls[number]], number) + found
    if not is_source(cell) and not same(expected, found):
        fail(
            cell,
            f"its results depend on the items before: {first_difference(expected, found)}, with "
            f"the items in reverse. Write `stateful = True` in its class.",
        )


def check_state(cell: Cell, calls: Calls, expected: list[Any]) -> None:
    """Half of the stream, then a copy that takes over."""
    half = len(calls) // 2
    with Alone(copy.deepcopy(cell)) as first, Alone(copy.deepcopy(cell)) as second:
        results = first.results(calls[:half])
        second.cell.load_state_dict(copy.deepcopy(first.cell.state_dict()))
        results += second.results(calls[half:], half)
        results += second.cell.flush() if yields(cell) else ()
    if not is_source(cell) and not same(expected, results):
        fail(
            cell,
            f"its state does not bring a copy to where it was: "
            f"{first_difference(expected, results)}, resumed at item {half}. Return in "
            f"`state_dict` all that it remembers, and take it back in `load_state_dict`.",
        )
