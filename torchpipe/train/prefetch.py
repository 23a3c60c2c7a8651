"""`Prefetch`: an iterator that runs in a thread, a few steps ahead.

Guarantees:

- At most `depth` results are made ahead; then the thread waits, which costs no CPU.
- What the iterator raises is raised in its place, as it is, with its frames.
- After `stop` the thread ends as soon as the iterator returns from the step that it is in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

from torchpipe.engine.torch_state import TorchState
from torchpipe.graph.clone import ThreadClone

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Runs an iterator ahead.

    The thread has the torch state (grad mode, autocast, ...) of the one that makes it.

    Args:
        results: The iterator; it is closed in the thread, if it can be.
        depth: How many results may wait.
        left: Called in the thread if it was stopped, when the iterator is closed.
    """

    def __init__(self, results: Iterator[T], depth: int, left: Callable[[], None]):
        self._results: Iterator[T] = results
        self._left = left
        self._room = threading.Semaphore(depth)
        self._ready: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
        self._stopped = self._over = False
        self._state = TorchState()
        self.thread = threading.Thread(target=self._main, name="torchpipe feed", daemon=True)

    def started(self) -> Iterator[T]:
        """Start the thread; a Ctrl-C meanwhile leaves it to `stop`."""
        self.thread.start()
        return self

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        result, error = self._ready.get()
        if error is None:
            self._room.release()
            return result  # type: ignore[return-value]
        self._over = True
        try:
            raise error
        finally:
            del error  # or this frame would hold what holds this frame

    def stop(self) -> None:
        """Tell the thread to end; does not wait for it."""
        self._stopped = True
        self._room.release()

    def join(self, timeout: float | None) -> None:
        """Wait for the thread to end, at most so many seconds."""
        if self.thread.ident is not None:
            self.thread.join(timeout)

    def _main(self) -> None:
        end: BaseException = StopIteration()
        try:
            with self._state.apply(ThreadClone()):
                self._run()
        except StopIteration:
            pass
        except BaseException as error:
            end = error
        self._ready.put((None, end))
        del self._results, end
        if self._stopped:
            self._left()

    def _run(self) -> None:
        self._room.acquire()
        while not self._stopped:
            self._ready.put((next(self._results), None))
            self._room.acquire()
