"""`Far`: calls to a clone on another node, through Ray; what is large lies in its object store."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from torchpipe.engine.ray.loss import cloudpickle, got, ray, told_as_lost
from torchpipe.engine.remote.held import parted
from torchpipe.engine.remote.wire import decoded, encoded
from torchpipe.engine.remote.work import Report, Work

LARGE = 100_000
"""Bytes from which a message lies in the object store by itself."""


class Sent(NamedTuple):
    """A call in flight.

    Attributes:
        items: How many there are in it.
        size: Its bytes.
        answer: What Ray knows its answer by.
        parcel: What Ray knows the results by that are held in the object store, or None.
        parcels: What Ray knows the arguments by that are.
    """

    items: int
    size: int
    answer: Any
    parcel: Any
    parcels: list[Any]


class Far:
    """This side.

    Args:
        handle: The actor.
    """

    def __init__(self, handle: Any):
        self._handle = handle

    def ask(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Call a method of the `RemoteClone` and wait for what it returns."""
        with told_as_lost():
            return ray.get(self._handle.ask.remote(method, *arguments), timeout=timeout)

    def send(self, work: Work, holding: bool) -> Sent:
        """Begin to run some items."""
        rows, parcels = parted(work.rows)
        message = encoded(work._replace(rows=rows), cloudpickle.CloudPickler)
        sent: Any = ray.put(tuple(message)) if message.size > LARGE else tuple(message)
        if holding:
            method = self._handle.run_holding.options(num_returns=2)
            answer, parcel = method.remote(sent, *parcels)
        else:
            answer, parcel = self._handle.run.remote(sent, *parcels), None
        return Sent(len(rows), message.size, answer, parcel, parcels)

    def receive(self, sent: Sent, deadline: float | None) -> Report:
        """Wait for what came of it; its arrays are its reader's own."""
        with told_as_lost():
            timeout = deadline and deadline * sent.items
            data, buffers = got(sent.answer, sent.parcels, timeout)
        report: Report = decoded(data, buffers, copy=True)
        size = len(data) + sum(memoryview(buffer).nbytes for buffer in buffers)
        report.sent, report.received, report.parcel = sent.size, size, sent.parcel
        report.size = max(sent.size, size)
        return report

    def cancel(self, sent: Sent) -> None:
        """Do not begin with it, if it has not begun."""
        with suppress(Exception):
            ray.cancel(sent.answer, force=False)

    def close(self) -> None:
        """The process is given up."""
