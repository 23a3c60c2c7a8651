"""`RemoteClone`: what a clone does in a process of its own, whatever carries the calls there.

It gets `Work`, the items of one call, and gives a `Report`: see `work`. Items that fail become a
`Failure`; so one bad item does not touch the others of its call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import pairwise
from time import perf_counter, perf_counter_ns, process_time_ns
from typing import Any

from torchpipe.engine.context import Context
from torchpipe.engine.deploy import batch_callable_of, callable_of, running_copy
from torchpipe.engine.fused import composite
from torchpipe.engine.gather import miscounted
from torchpipe.engine.remote.failure import Dumps, Failure, failure_of
from torchpipe.engine.remote.work import Definition, Parameters, Report, TimedCall, Work
from torchpipe.engine.saving.cut import Cut, States
from torchpipe.engine.shared import DeadLetter, Shared
from torchpipe.engine.threads import Cells
from torchpipe.engine.torch_state import synchronized
from torchpipe.graph.clone import Clone
from torchpipe.graph.flat import leaves
from torchpipe.graph.hole import HOLE
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.policy import Skip


class RemoteShared(Shared):
    """What the run knows, as far as it is known here: skipped items are told, not judged."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self.told: list[tuple[DeadLetter, Skip]] = []

    def skip(self, letter: DeadLetter, skip: Skip) -> None:
        """Remember it for the next report."""
        self.told.append((letter, skip))


def untold(items: int) -> None:
    """Nobody wants to know what begins."""


class RemoteClone:
    """A clone, with its copies of the cells.

    Args:
        definition: What it shall be.
        clone: Its specification.
        dumps: Pickles functions and classes too.
    """

    def __init__(self, definition: Definition, clone: Clone, dumps: Dumps):
        self.definition, self.clone, self.dumps = definition, clone, dumps
        self.shared = RemoteShared(definition.seed)
        self.context = Context(self.shared, clone)
        self.leaves = list(leaves(definition.cell))
        self._stack = ExitStack()
        self._begins: Callable[[int], None] = untold
        self._timed, self._calls = False, list[TimedCall]()
        self.call, self.cells, self.batch = self._deployed()

    def _deployed(self) -> tuple[Callable[..., Any], Cells, Callable[..., Any] | None]:
        """Copies of the cells, and what to call; the definition itself is a copy already."""
        cell, path, context = self.definition.cell, self.definition.path, self.context
        if isinstance(cell, Pipeline):
            call, placed = composite(cell, context)
            return synchronized(call, self.clone), Cells(placed, context), None
        made = running_copy(cell, path, context, deep=False)
        call = callable_of(made, path, context, bundled=self.definition.bundled)
        return call, Cells([(path, made)], context), batch_callable_of(made, path, context)

    def set_up(self, epoch: int) -> Failure | None:
        """Set up and reset the cells; return what a `setup` raised."""
        self.shared.epoch = epoch
        state = self.definition.state
        state.threads = int(os.environ.get("OMP_NUM_THREADS", "1"))  # Ray sets it to the CPUs
        self._stack.enter_context(state.apply(self.clone))
        return self._tried(self.cells.set_up)

    def reset(self, epoch: int) -> Failure | None:
        """Begin an epoch; return what a `reset` raised."""
        self.shared.epoch = epoch
        return self._tried(self.cells.reset)

    def finish(self) -> Failure | None:
        """End an epoch; return what a `finish` raised."""
        return self._tried(self.cells.finish)

    def states(self) -> States:
        """What the stateful cells remember now."""
        found = self.cells.states()
        for path, state in found.items():
            if state.error is not None:
                failure = failure_of(state.error, self.dumps)  # type: ignore[arg-type]
                found[path] = state._replace(error=failure)
        return found

    def load(self, states: Mapping[str, Any]) -> Failure | None:
        """Give back to the cells what they remembered; return what a `load_state_dict` raised."""
        return self._tried(lambda: self.cells.load(states))

    def tear_down(self) -> list[Failure]:
        """Tear down the cells; return what they raised."""
        errors = self.cells.tear_down()
        self._stack.close()
        return [failure_of(error, self.dumps) for error in errors]

    def run(self, work: Work, begins: Callable[[int], None] = untold) -> Report:
        """Run the items of a call, in order.

        Args:
            work: The items.
            begins: Told when an item or a batch begins, and of how many items it is.
        """
        self._begins = begins
        if work.parameters is not None:
            self._set(work.parameters)
        self._timed, self._calls = work.timed, []
        began, spent = perf_counter_ns(), process_time_ns()
        waited = self.context.gpu_until(perf_counter())
        results, cuts = self._cut(work, work.cuts) if work.cuts else (self._all(work), [])
        seen, letters = self.shared.seen, self.shared.told
        self.shared.seen, self.shared.told = dict.fromkeys(seen, 0), []
        told = [(mailed(letter), failure_of(letter.error, self.dumps), s) for letter, s in letters]
        busy, cpu = perf_counter_ns() - began, process_time_ns() - spent
        report = Report(results, busy, seen, told, cuts=cuts, cpu=cpu, calls=self._calls)
        if waited is not None:
            now = perf_counter()
            report.gpu = (self.context.gpu_until(now) or 0.0) - waited
            report.memory = self.context.memory(now)
        return report

    def _cut(self, work: Work, holes: dict[int, bool]) -> tuple[list[Any], list[Cut]]:
        """Run all items; look at the states before those at the cuts."""
        places = [*holes, len(work.numbers)]
        results, cuts = self._all(work.between(0, places[0])), [Cut() for _ in holes]
        for cut, (first, last) in zip(cuts, pairwise(places), strict=True):
            cut.add(self)
            hole = holes[first]
            results += [HOLE] * hole + self._all(work.between(first + hole, last))
        return results, cuts

    def _all(self, work: Work) -> list[Any]:
        if self.batch is None or not work.numbers:
            return self._one_by_one(work)
        return self._together(work)

    def _one_by_one(self, work: Work) -> list[Any]:
        one = self._one_timed if self._timed else self._one
        return [one(*item) for item in zip(work.numbers, work.rows, strict=True)]

    def _one_timed(self, number: int, row: tuple[Any, ...]) -> Any:
        began = perf_counter()
        result = self._one(number, row)
        self._note([number], began)
        return result

    def _note(self, numbers: list[int], began: float) -> None:
        """Note when a call was, if somebody wants to know."""
        if self._timed:
            self._calls.append((tuple(numbers), began, perf_counter()))

    def _together(self, work: Work) -> list[Any]:
        """Run a batch; if it fails, run its items one by one, to find the one that is to blame."""
        assert self.batch is not None
        self.context.number = work.numbers[0]
        self._begins(len(work.rows))
        began = perf_counter()
        try:
            results = list(self.batch(work.rows))
        except BaseException:
            return self._one_by_one(work)
        self._note(work.numbers, began)
        if len(results) == len(work.rows):
            return results
        error = miscounted(self.definition.path, len(work.rows), len(results))
        return [self.failed(error, work.numbers[0])] * len(work.rows)

    def _one(self, number: int, row: tuple[Any, ...]) -> Any:
        self.context.number = number
        self._begins(1)
        names = self.definition.names
        try:
            if names:
                args, named = row[: -len(names)], row[-len(names) :]
                return self.call(*args, **dict(zip(names, named, strict=True)))
            return self.call(*row)
        except BaseException as error:
            return self.failed(error, number)

    def failed(self, error: BaseException, number: int) -> Failure:
        """The failure of an item, with a note that says where."""
        error = self.context.blamed(error, self.definition.path, number)
        return failure_of(error, self.dumps)

    def _set(self, parameters: Parameters) -> None:
        """Take over the values of all live parameters."""
        for cell, values in zip(self.leaves, parameters, strict=True):
            cell._values.clear()
            cell._values.update(values)

    def _tried(self, work: Callable[[], None]) -> Failure | None:
        try:
            work()
        except BaseException as error:
            return failure_of(error, self.dumps)
        return None


def mailed(letter: DeadLetter) -> DeadLetter:
    """The letter without its error, which travels as a failure."""
    return DeadLetter(letter.cell, letter.clone, letter.epoch, letter.item, RuntimeError())
