"""`Copies`: the stateful cells of one thread, a copy of each for every session.

Guarantees:

- A copy is made, set up, used and let go by the thread that runs its stage, so it needs no lock.
- A session ends in its place in the order: an item without values, marked `CLOSED`, passes all
  stages, and each lets its copies go when it takes that item. Nobody waits, and nothing is polled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchpipe.engine.context import Context
from torchpipe.engine.item import CLOSED, Item
from torchpipe.engine.session import Request, Stream
from torchpipe.engine.threads import Cells
from torchpipe.graph.cell import Cell

Make = Callable[[], Cell]


class Copies:
    """What the stateful cells of one thread are to the session of the current item.

    Args:
        context: The work of that thread.
    """

    def __init__(self, context: Context):
        self.current: Stream | None = None
        # It has no copies of copies.
        self._alone = Context(context.shared, context.clone, context.track)
        self._made: dict[Stream, dict[Switch, Cells]] = {}

    def within(self, item: Item) -> bool:
        """Whether a stage may take the item; if so, its cells are those of the item's session."""
        request = getattr(item, "future", None)  # first: `stop` marks items, then it takes these
        if item.error is CLOSED:
            return request is not None and self.takes(request)  # `stop` has taken it
        if item.error is None:
            self.current = getattr(request, "stream", None)
        return item.error is None

    def takes(self, request: Any) -> bool:
        """The same, for a request: none is the end of a session, whose copies are let go now."""
        self.current = None if request.ends else request.stream
        if request.ends:
            self._end(request)
        return not request.ends

    def _end(self, request: Request) -> None:
        """Finish the copies of a session and let them go; the request keeps what they raise."""
        assert request.stream is not None
        for cells in self._made.pop(request.stream, {}).values():
            try:
                cells.finish()
            except BaseException as error:
                request.errors.append(error)
            request.errors += cells.tear_down()

    def forward_of(self, cell: Cell, path: str, make: Make) -> Callable[..., Any]:
        """The `forward` of a cell; of a stateful one, that of the copy for the current session."""
        return Switch(cell, path, make, self).forward if cell.stateful else cell.forward

    def copy_for(self, switch: Switch) -> Cell:
        """The copy of a cell for the current session; made, when it is asked for first."""
        assert self.current is not None
        made = self._made.setdefault(self.current, {})
        if switch not in made:
            made[switch] = self._new(switch)
        return made[switch].cells[0][1]

    def _new(self, switch: Switch) -> Cells:
        cells = Cells([(switch.path, switch.make())], self._alone)
        try:
            cells.set_up()
        except BaseException:
            cells.tear_down()
            raise
        return cells

    def _groups(self) -> list[Cells]:
        return [cells for made in [*self._made.values()] for cells in [*made.values()]]

    def interrupt(self) -> list[BaseException]:
        """Tell all copies that the run stops; return what they raised."""
        return [error for cells in self._groups() for error in cells.interrupt()]

    def tear_down(self) -> list[BaseException]:
        """The run is over: let all copies go; return what they raised."""
        groups = self._groups()
        self._made.clear()
        return [error for cells in groups for error in cells.tear_down()]


class Switch:
    """Stands for a stateful cell where items of sessions pass: each goes to its session's copy.

    Args:
        cell: For items without a session.
        path: Its path.
        make: Makes a copy of the definition.
        copies: Those of the thread.
    """

    def __init__(self, cell: Cell, path: str, make: Make, copies: Copies):
        self.cell, self.path, self.make, self.copies = cell, path, make, copies

    def now(self) -> Any:
        """The cell for the current item."""
        return self.cell if self.copies.current is None else self.copies.copy_for(self)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        return self.now().forward(*args, **kwargs)

    @property
    def value(self) -> Any:
        """What a `Feedback` gives."""
        return self.now().value

    @value.setter
    def value(self, value: Any) -> None:
        self.now().value = value
