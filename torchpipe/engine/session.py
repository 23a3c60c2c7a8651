"""`Session`: a stream of its own among the items that are submitted to a run."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from torchpipe.errors import CheckError, RunError, Stopped
from torchpipe.graph.plan import Plan
from torchpipe.graph.sessions import session_findings

if TYPE_CHECKING:
    from torchpipe.engine.entry import Entry


class Stream:
    """What tells the items of one session from all others.

    Attributes:
        ended: Whether no more of them may enter.
    """

    def __init__(self) -> None:
        self.ended = False


class Request(Future[Any]):
    """The future of an item, where there are sessions.

    Attributes:
        stream: The session that the item belongs to, or None.
        ends: Whether it is no item, but the end of that session.
        errors: What went wrong at that end.
    """

    def __init__(self, stream: Stream | None = None, *, ends: bool = False):
        super().__init__()
        self.stream, self.ends = stream, ends
        self.errors: list[BaseException] = []


class Sessions:
    """The sessions of a run that have not ended.

    Args:
        most: How many there may be at a time.
    """

    def __init__(self, most: int):
        self.most = most
        self._open: set[Stream] = set()
        self._lock = threading.Lock()

    def open(self) -> Stream:
        """Start one.

        Raises:
            RunError: There are as many as there may be.
        """
        with self._lock:
            if len(self._open) >= self.most:
                raise RunError(self._why())
            stream = Stream()
            self._open.add(stream)
        return stream

    def _why(self) -> str:
        if not self.most:
            return (
                "cannot open a session: the run has none. Say how many there may be: "
                "pipeline.run(sessions=...)."
            )
        return (
            f"cannot open another session: {self.most} are open, as many as there may be. Close "
            f"one, or raise pipeline.run(sessions=...)."
        )

    def close(self, stream: Stream) -> None:
        """Let another one take its place."""
        with self._lock:
            self._open.discard(stream)

    def __len__(self) -> int:
        return len(self._open)


class Session:
    """A stream of its own: stateful cells remember for it what they got from it, and nothing else.

    All sessions of a run share its stateless cells and their clones. Its results are those of a
    pipeline of its own; they come in the order in which items were submitted. Made by
    `Run.session`. Use it in a `with` block, or close it: until then it keeps its copies of all
    stateful cells.

    >>> import torchpipe as tp
    >>> class Before(tp.Pipeline):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.delay = tp.Delay(1)
    ...     def build(self, x):
    ...         return self.delay(x)
    >>> with Before().run(sessions=2) as run, run.session() as a, run.session() as b:
    ...     a(1), b(2), a(3), b(4)
    (1, 2, 1, 2)
    """

    def __init__(self, owner: Any, entry: Entry):
        self._owner, self._entry = owner, entry  # the run must not be collected meanwhile
        self._stream = entry.sessions.open()
        self._end: Future[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether it takes no more items."""
        return self._stream.ended

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Give it one item; waits for room in the window. See `Run.submit`."""
        return self._entry.submit(args, kwargs, self._stream)

    def submit_nowait(self, *args: Any, **kwargs: Any) -> Future[Any] | None:
        """The same from an event loop. See `Run.submit_nowait`."""
        return self._entry.submit_nowait(args, kwargs, self._stream)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run its next item and return the outputs."""
        return self.submit(*args, **kwargs).result()

    def map(self, items: Iterable[Any]) -> Iterator[Any]:
        """The outputs for each item, in order. See `Run.map`."""
        return self._entry.map(self._owner, items, self._stream)

    def end(self) -> Future[None]:
        """Let it end after what was submitted; waits for room in the window.

        Its copies of stateful cells are finished and torn down, each in the thread where it lives.

        Returns:
            A future that is done when they are; or has the first error of theirs.
        """
        if self._end is None:
            self._end = self._entry.end(self._stream)
        return self._end

    def close(self) -> None:
        """End it, and wait until it has ended; nothing is left to do if the run has."""
        with suppress(Stopped):
            self.end().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse_sessions(pipeline: str, plan: Plan, sessions: int, stream: bool | None) -> None:
    """Refuse sessions where there cannot be any.

    Raises:
        CheckError: With all reasons.
        RunError: The number is none, or the run takes a stream.
    """
    if sessions < 0 or (sessions and stream):
        why = "a stream is one session" if stream else "give 0 or more"
        raise RunError(f"cannot run with sessions={sessions}: {why}.")
    found = session_findings(plan) if sessions else []
    if found:
        raise CheckError(pipeline, found)
