"""`StageThread`: a thread of a run, with the cells that live in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from torchpipe.engine.context import Context
from torchpipe.engine.notes import note
from torchpipe.engine.saving.cut import States, remembers, state_of
from torchpipe.engine.torch_state import TorchState
from torchpipe.graph.cell import Cell


class Cells:
    """Some cells of a run, set up and torn down together, in the thread that runs them.

    Attributes:
        cells: The cells, by path.
        context: The work of that thread.
    """

    def __init__(self, cells: Sequence[tuple[str, Cell]], context: Context):
        self.cells, self.context = list(cells), context
        self._ready: list[tuple[str, Cell]] = []

    def set_up(self) -> None:
        """Set up and reset each cell.

        Raises:
            BaseException: What a cell's `setup` raised, with a note.
        """
        for path, cell in self.cells:
            self._ready.append((path, cell))
            self._call("setup", path, partial(cell.setup, self.context.clone))
            self._call("setup", path, cell.reset)

    def reset(self) -> None:
        """Reset each cell, for the next epoch."""
        for path, cell in self.cells:
            self._call("reset", path, cell.reset)

    def finish(self) -> None:
        """Tell each cell that the epoch has ended."""
        for path, cell in self.cells:
            self._call("finish", path, cell.finish)

    def states(self) -> States:
        """What the stateful ones remember now."""
        return {path: state_of(path, cell) for path, cell in self.cells if remembers(cell)}

    def load(self, states: Mapping[str, Any]) -> None:
        """Give back to each cell what it remembered, if that is known."""
        for path, cell in self.cells:
            if path in states:
                self._call("load_state_dict", path, partial(cell.load_state_dict, states[path]))

    def _call(self, what: str, path: str, call: Callable[[], None]) -> None:
        """Let a cell do this; its error says where it happened."""
        try:
            call()
        except BaseException as error:
            note(error, f"in the {what} of cell {path!r} ({self.context.clone})")
            raise

    def interrupt(self) -> list[BaseException]:
        """Tell each cell in motion that the run stops; return what they raised."""
        copies = self.context.copies
        errors = [] if copies is None else copies.interrupt()
        for path, cell in [*self._ready]:
            try:
                self._call("interrupt", path, cell.interrupt)
            except BaseException as error:
                errors.append(error)
        return errors

    def tear_down(self) -> list[BaseException]:
        """Tear down each cell that was set up, the last one first; return what they raised."""
        copies = self.context.copies
        errors = [] if copies is None else copies.tear_down()
        while self._ready:
            path, cell = self._ready.pop()
            try:
                self._call("teardown", path, cell.teardown)
            except BaseException as error:
                errors.append(error)
        return errors


class StageThread:
    """A thread that sets up its cells, does its work until told to end, and tears them down.

    It is a daemon: a cell that never returns does not keep the interpreter from exiting.

    Args:
        name: Shown by debuggers.
        cells: The cells that live in the thread.
        work: What it does; it returns when the run stops.
        state: The torch state to set.
        broken: Called with an error of `work` that no item could carry.
        failed: Called with an error of a teardown.
    """

    def __init__(
        self,
        name: str,
        cells: Cells,
        work: Callable[[], Any],
        state: TorchState,
        broken: Callable[[BaseException], None],
        failed: Callable[[BaseException], None],
    ):
        self.cells, self._work, self._state = cells, work, state
        self._broken, self._failed = broken, failed
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._main, name=f"torchpipe {name}", daemon=True)
        self.thread.start()

    def wait_ready(self) -> BaseException | None:
        """Wait until the cells are set up; return what their setup raised."""
        self._ready.wait()
        return self._error

    def _main(self) -> None:
        self.cells.context.thread = threading.get_ident()
        with ExitStack() as stack:
            self._error = self._set_up(stack)
            self._ready.set()
            if self._error is None:
                self._run()
            for error in self.cells.tear_down():
                self._failed(error)

    def _set_up(self, stack: ExitStack) -> BaseException | None:
        try:
            stack.enter_context(self._state.apply(self.cells.context.clone))
            self.cells.set_up()
        except BaseException as error:
            return error
        return None

    def _run(self) -> None:
        context = self.cells.context
        context.start(own=True)
        try:
            self._work()
        except BaseException as error:
            self._broken(error)
        finally:
            context.end()
