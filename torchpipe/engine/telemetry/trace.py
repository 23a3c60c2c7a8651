"""`Trace`: what each clone did when, for Perfetto, speedscope and Chrome: see `chrome`."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from torchpipe.engine.telemetry import recording
from torchpipe.engine.telemetry.chrome import Chart, Count, Mark
from torchpipe.engine.telemetry.recording import Called, Failed, Passed, Track
from torchpipe.engine.telemetry.states import states
from torchpipe.engine.telemetry.times import EVERY
from torchpipe.errors import RunError

if TYPE_CHECKING:
    from torchpipe.engine.core import Core

MOST = 100_000
"""Calls that a trace keeps: some 30 MB of memory, and of a file."""

PIECE = 1000
"""Events that are written at once."""


class Trace:
    """A recording of all calls of the cells of a run: see `Run.trace`.

    It begins with the items that enter after `start`. It keeps the last calls, as many as it may.

    Attributes:
        began: When it was started, by `perf_counter`; None before.
        most: Calls that it keeps.
    """

    def __init__(self, core: Core, path: str | PathLike[str] | None, most: int):
        self.core, self.most = core, most
        self.began: float | None = None
        self._path = None if path is None else writable(path)
        self._calls: deque[Called] = deque(maxlen=most)
        self._marks: deque[Mark] = deque(maxlen=most)
        self._counts: deque[Count] = deque(maxlen=most)
        self._threads: dict[Track, str] = {}
        self._seen, self._due = 0, 0.0
        self._last: dict[str, int] = {}
        self._lock = threading.Lock()

    # -- from when to when

    def start(self) -> None:
        """Record from now on; what was recorded before stays."""
        now = perf_counter()
        self.began = self.began or now
        for context, state in states(self.core, now).items():
            self._threads[context.track] = state.thread
        recording.begin(self.core, self)

    def stop(self) -> None:
        """Record no more; what was recorded stays."""
        recording.end(self.core, self)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._path is not None:
            self.save(self._path)

    # -- what it tells

    @property
    def calls(self) -> int:
        """How many calls it holds."""
        return len(self._calls)

    @property
    def dropped(self) -> int:
        """How many calls were thrown away, the oldest ones, as there were too many."""
        with self._lock:
            return self._seen - len(self._calls)

    def events(self) -> Iterator[dict[str, Any]]:
        """The events of Chrome's format, as dicts."""
        with self._lock:
            calls, marks, counts = [*self._calls], [*self._marks], [*self._counts]
        name = self.core.graph.pipeline.path
        return Chart(name, self.began or 0.0, self._threads, calls, marks, counts).events()

    def text(self) -> Iterator[str]:
        """The file, in pieces."""
        told = {"dropped": self.dropped, "pipeline": self.core.graph.pipeline.path}
        yield f'{{"displayTimeUnit": "ms", "otherData": {json.dumps(told)}, "traceEvents": [\n'
        events, before = map(json.dumps, self.events()), ""
        while piece := [*islice(events, PIECE)]:
            yield before + ",\n".join(piece)
            before = ",\n"
        yield "\n]}\n"

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file that Perfetto (ui.perfetto.dev), speedscope and chrome://tracing open.

        Raises:
            RunError: There is no such folder.
        """
        with writable(path).open("w", encoding="utf-8") as file:
            file.writelines(self.text())

    # -- what it is told

    def entered(self, passed: Passed) -> None:
        """An item has entered."""

    def left(self, passed: Passed) -> None:
        """An item has left."""

    def called(self, called: Called) -> None:
        """A call has returned; one that had begun before the recording is left out."""
        if called.began < (self.began or 0.0):
            return
        with self._lock:
            self._calls.append(called)
            self._seen += 1
            counts = called.ended >= self._due
            self._due = called.ended + EVERY if counts else self._due
        if counts:
            self._count(called.ended)

    def failed(self, failed: Failed) -> None:
        """A cell has raised an error: only its text is kept, not what its traceback holds."""
        text = f"{type(failed.error).__name__}: {failed.error}"
        what = "skipped" if failed.skipped else "error"
        self._marks.append(Mark(failed.track, failed.when, failed.path, failed.item, what, text))

    def _count(self, now: float) -> None:
        """Look at all queues and windows, as about once in a millisecond."""
        for part in self.core.rings:
            found = {f"in flight {part.plan.key}".strip(): part.ring.in_flight}
            for stage, inbox in part.ring.inboxes.items():
                found[f"queue {stage.node.path}"] = inbox.qsize()
            for name, items in found.items():
                if self._last.get(name) != items:
                    self._last[name] = items
                    self._counts.append(Count(name, now, items))


def writable(path: str | PathLike[str]) -> Path:
    """The path of a file that can be written.

    Raises:
        RunError: Its folder is not there.
    """
    found = Path(path)
    if not found.parent.is_dir():
        raise RunError(
            f"cannot write a trace to {found}: there is no folder {found.parent}. Make it, or name "
            f"another file."
        )
    return found
