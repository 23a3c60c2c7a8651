"""`Resuming`: where a run is in its stream, and how it goes on elsewhere, later, or further on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torchpipe.engine.core import Core
from torchpipe.engine.entry import Entry
from torchpipe.engine.position import Position, start_at, taking
from torchpipe.engine.saving.checkpoint import read, write
from torchpipe.engine.saving.saved import checked
from torchpipe.engine.saving.state import state_dict
from torchpipe.errors import RunError


class Resuming:
    """The part of a `Run` that knows positions and states."""

    _core: Core
    _entry: Entry
    _pulling: threading.RLock

    @property
    def position(self) -> Position:
        """What the consumer gets next: the epoch, the item, the result.

        Of items that are submitted one by one, it is the next to go in.
        """
        return self._core.epochs.position

    def seek(self, epoch: int, item: int = 0, result: int = 0, *, step: int = 1) -> None:
        """Go on at another position: all cells are reset, and the sources start there.

        What is inside is dropped, and an iterator that is in use ends; take a new one. A source
        that cannot jump has its items read and thrown away. `map` is given items from there on.

        Args:
            epoch: The epoch, from 0.
            item: The number of the next item of the sources.
            result: The number of the next result, where a cell that yields numbers items anew.
            step: How far the numbers of the items are apart. With n, the sources' items between are
                read and thrown away: so n runs share the same data, each from a first item of its
                own, and `Cell.seed` is that of the item in the data, whatever n is.

        Raises:
            RunError: There is no such position; or a result is being taken just now; or items that
                were submitted are in flight.
        """
        start = start_at(Position(epoch, item, result), step, self._core.plan.way[-1].key)
        with self._between_results():
            self._entry.seek(start)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save all that the run remembers, and where it is, in one file.

        A run that loads the file goes on exactly as this one does from here: in another process,
        with other numbers and kinds of clones. The states of all stateful cells are saved, the
        position, and the values of live parameters. Call it between two results, in the thread that
        takes them. Of an open pipeline, it waits until all that was submitted has left.

        Args:
            path: The file. It appears when it is whole, in place of an older one.

        Raises:
            StateError: A cell does not say what it remembers, or not in a way that can be saved.
            RunError: A result is being taken just now, or an item is being put in.
            OSError: The file cannot be written; an older one is still there.
        """
        write(path, self.state_dict())

    def load(self, path: str | os.PathLike[str]) -> Position:
        """Go on where another run of the same pipeline was saved; what is inside is dropped.

        The sources start where they were, and some results may be made again and thrown away, if
        cells ran ahead. All is checked first: if the file does not fit, nothing has changed.

        Args:
            path: The file.

        Returns:
            Where the sources start: `map` must be given the items from `item` on.

        Raises:
            StateError: The file is damaged or no saved run, or is of another pipeline or seed.
            RunError: A result is being taken just now, or an item is being put in.
            OSError: The file cannot be read.
        """
        return self._load(read(path), os.fspath(path))

    def state_dict(self) -> dict[str, Any]:
        """What `save` writes: dicts, lists, numbers, text and tensors."""
        with self._between_results(), self._entry.at_rest():
            return state_dict(self._core)

    def load_state_dict(self, state: dict[str, Any]) -> Position:
        """Go on where `state_dict` was called: see `load`. The state is copied."""
        return self._load(state, "this state")

    def _load(self, state: Any, name: str) -> Position:
        with self._between_results():
            saved = checked(self._core, state, name)
            self._entry.seek(saved.start, saved.states)
            saved.set_parameters(self._core)
        last = self._core.plan.way[-1].key
        return Position(saved.start.epoch, saved.start.item, saved.start.numbers[last])

    @contextmanager
    def _between_results(self) -> Iterator[None]:
        """Nobody pulls meanwhile."""
        self._core.refuse_stopped()
        if self._core.sessions:
            raise RunError(
                "cannot save, load or seek a run with sessions: each is a stream of its own, and "
                "ends with whoever opened it. Run without sessions to do so."
            )
        if not self._pulling.acquire(blocking=False):
            raise taking()
        try:
            yield
        finally:
            self._pulling.release()
