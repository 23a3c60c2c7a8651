"""`Each`: one copy of a cell for each key, such as a tracker for each camera."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack
from typing import Any
from weakref import ref

from torchpipe.cells.keys import Boxes, Letters, handle, places_by_key
from torchpipe.errors import GraphError, StateError
from torchpipe.graph.around import Around, inner
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone
from torchpipe.graph.feedback import Feedback
from torchpipe.graph.function import is_generator
from torchpipe.graph.lookalike import advice, named
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.port import Input, Ports
from torchpipe.graph.scale import ScaleUp


class Each(Around):
    """Runs a copy of a cell for each key: what it remembers of one stream, no other one sees.

    Its inputs are `key`, which may be anything hashable, and those of the cell; its outputs are
    those of the cell. The results for a key are those of a cell of its own that gets the items of
    this key only. Parameters, configs and policies are those of the cell: to set one changes all
    copies.

    A copy is deep; it is made, set up and reset when its key is seen first. It stays until the run
    ends, through all epochs, and ends with them. Only `forget` lets it go earlier, or its key: an
    object that equals nothing but itself, such as a session, is not kept alive. When it is gone,
    its copy is finished and torn down before the next item, in the thread of the cell.

    It can be saved if all keys are text or numbers.

    Args:
        cell: What to copy: one cell that takes items and does not yield.
        prepare: Called with each new copy and its key, before the copy is set up: to give each one
            a file of its own, say.

    Raises:
        GraphError: It is no such cell, or belongs to a pipeline already.

    >>> import torchpipe as tp
    >>> before = tp.Each(tp.Delay(1))
    >>> [before(camera, item) for camera, item in [("a", 1), ("b", 2), ("a", 3), ("b", 4)]]
    [1, 2, 1, 2]
    """

    stateful = True
    filters: Any = inner("filters")
    batching: Any = inner("batching")
    on_error: Any = inner("on_error")
    _values: Any = inner("_values")
    _configs: Any = inner("_configs")

    _clone: Clone

    def __init__(self, cell: Cell, prepare: Callable[[Any, Any], object] | None = None):
        super().__init__()
        refuse(cell)
        self._hold(cell)
        self.prepare = prepare
        self._boxes = Boxes()
        self._copies: dict[Hashable, Cell] = {}
        self._gone = Letters()

    def _make_inputs(self) -> Ports[Input]:
        inputs = super()._make_inputs()
        return Ports([Input(self, "key", Hashable), *inputs.values()])

    def setup(self, clone: Clone) -> None:
        self._clone, self._copies, self._gone = clone, {}, self._boxes.new()

    def reset(self) -> None:
        self._let_go()
        for made in self._copies.values():
            made.reset()

    def finish(self) -> None:
        self._let_go()
        call_all([made.finish for made in self._copies.values()])

    def interrupt(self) -> None:
        for made in list(self._copies.values()):
            made.interrupt()

    def teardown(self) -> None:
        copies, self._copies = self._copies, {}
        call_all([made.teardown for made in copies.values()])

    def forget(self, key: Hashable) -> None:
        """Let the copy of a key go; if the key is seen again, it gets a new one.

        Safe to call from any thread, on the definition too: it reaches all runs of this process.
        The copy is finished and torn down before the next item, or at the end of the epoch.
        """
        self._boxes.post(handle(key))

    def forward(self, key: Hashable, *args: Any, **kwargs: Any) -> Any:
        """What the copy for the key gives."""
        made = self._copy_of(key)
        if made.writes:  # of the key there must be no copy
            args, kwargs = copy.deepcopy(args), copy.deepcopy(kwargs)
        return made.forward(*args, **kwargs)

    def forward_batch(self, items: list[tuple[Any, ...]]) -> list[Any]:
        results: list[Any] = [None] * len(items)
        for key, places in places_by_key(items):
            made, rows = self._copy_of(key), [items[place][1:] for place in places]
            rows = copy.deepcopy(rows) if made.writes else rows
            for place, result in zip(places, made.forward_batch(rows), strict=True):
                results[place] = result
        return results

    def _copy_of(self, key: Hashable) -> Cell:
        if self._gone:
            self._let_go()
        made = self._copies.get(handle(key))
        return self._new(key) if made is None else made

    def _new(self, key: Hashable) -> Cell:
        try:
            made = copy.deepcopy(self.cell)
        except Exception as error:
            raise GraphError(
                f"cannot copy {self.cell.path} for another key: {error}. Make what cannot be "
                f"copied in `setup`, which runs in each copy."
            ) from error
        made._values = self._values
        if self.prepare is not None:
            self.prepare(made, key)
        made._deployed, made._context = True, self._context
        try:
            made.setup(self._clone)
            made.reset()
        except BaseException:
            made.teardown()
            raise
        self._copies[handle(key, self._gone.append)] = made
        return made

    def _let_go(self) -> None:
        while self._gone:
            made = self._copies.pop(self._gone.popleft(), None)
            if made is not None:
                call_all([made.finish, made.teardown])

    def state_dict(self) -> dict[str, Any]:
        """What the copies remember, by key.

        Raises:
            StateError: A key is no text and no number, or the cell does not say what it remembers.
        """
        self._let_go()
        kind = type(self.cell)
        if self.cell.stateful and kind.state_dict is Cell.state_dict:
            raise StateError(
                f"cannot save {self.path}: {kind.__qualname__} is stateful, and does not say what "
                f"it remembers. Define state_dict and load_state_dict in it."
            )
        for key in self._copies:
            self._refuse_key(key)
        states = {key: made.state_dict() for key, made in self._copies.items()}
        return {"kind": kind.__qualname__, "copies": states}

    def _refuse_key(self, key: Hashable) -> None:
        if type(key) not in (str, int):
            key = key() if isinstance(key, ref) else key
            raise StateError(
                f"cannot save {self.path}: it has a copy for the key {key!r}, and what is saved "
                f"can be found again by text and whole numbers only. Use one of them as the key."
            )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Make the copies again, and let each remember.

        Raises:
            StateError: They were copies of another cell.
        """
        kind = type(self.cell).__qualname__
        if state["kind"] != kind:
            raise StateError(
                f"cannot load {self.path}: it was a copy of {state['kind']} for each key, and is "
                f"one of {kind} now. Load it into a pipeline with the same cells."
            )
        for key, remembered in state["copies"].items():
            self._copy_of(key).load_state_dict(remembered)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what `setup` made: copies and pickles make their own."""
        state = super().__getstate__() | {"_copies": {}, "_gone": Letters()}
        state.pop("_clone", None)
        return state

    def describe(self) -> str:
        return repr(self.cell)


def call_all(calls: list[Callable[[], None]]) -> None:
    """Call them in their order, all of them even if one raises."""
    with ExitStack() as stack:
        for call in reversed(calls):
            stack.callback(call)


def refuse(cell: Cell) -> None:
    """Refuse what cannot have a copy for each key."""
    if not isinstance(cell, Cell):
        raise GraphError(f"cannot copy {named(cell)} for each key: {advice(cell)}")
    for problem in problems(cell):
        raise GraphError(f"cannot copy {cell.path} for each key: {problem}")


def problems(cell: Cell) -> Iterator[str]:
    """Why a cell cannot have a copy for each key."""
    kind = type(cell).__name__
    if isinstance(cell, Pipeline | ScaleUp | Feedback):
        yield f"it is a {kind}, which is more than one cell. Write tp.Each around the cells in it."
    elif cell._parent is not None:
        yield f"it belongs to {cell._parent_path} already. Make a second {kind}."
    elif not cell.inputs:
        yield "it is a source, which takes no items. Put the key beside what it gives."
    elif "key" in cell.inputs:
        yield "it has an input 'key' of its own. Rename that."
    elif is_generator(cell):
        yield "it yields, and what follows would not know for which key. Give a list instead."
