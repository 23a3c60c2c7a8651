"""`Host`: the actor that a Ray clone is: messages come in, a `RemoteClone` works, answers leave.

On the node of the process that runs the pipeline they come over a socket (see `near`), elsewhere
they are calls of Ray (see `far`).
"""

from __future__ import annotations

import ctypes
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from torchpipe.engine.ray.resources import environment
from torchpipe.engine.remote.channel import Address, connected
from torchpipe.engine.remote.clone import RemoteClone, untold
from torchpipe.engine.remote.held import Away, Held, Holds
from torchpipe.engine.remote.loans import Loans
from torchpipe.engine.remote.segments import Place
from torchpipe.engine.remote.served import Server
from torchpipe.engine.remote.wire import Message, decoded, encoded
from torchpipe.engine.remote.work import Report, Work
from torchpipe.graph.clone import RayClone

HELD = 10_000
"""Bytes from which a result that only clones elsewhere need stays where it is."""

KEPT = 256 * 2**20
"""Bytes that the process keeps for what comes next, instead of giving them back to the system."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


class Host:
    """The actor."""

    def __init__(self, clone: RayClone, data: bytes, *buffers: Any):
        os.environ.update(environment(clone))  # before anything here looks for a GPU
        keep_memory()
        self._parts = clone, data, buffers
        self._remote: RemoteClone | None = None
        self._server: Server | None = None
        self._pickling = import_module("ray.cloudpickle")

    def here(self, node: str, offer: tuple[Address, Place] | None) -> bool:
        """Say whether the process that asks is on this node; then there is a connection to it."""
        own = import_module("ray").get_runtime_context().get_node_id()
        if offer is None or node != own:
            return False
        (address, orders), loans = offer, Loans()
        try:
            memory = loans.open(orders)
            connection = connected(address)
        except OSError:
            return False
        self._server = Server(self, connection, loans, memory, self._pickling.dumps)
        return True

    def serve(self) -> None:
        """Answer what comes over the connection, until it ends."""
        assert self._server is not None
        self._server.serve()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the clone."""
        if self._remote is None:
            clone, data, buffers = self._parts
            definition = decoded(data, buffers, copy=False)
            self._remote = RemoteClone(definition, clone, self._pickling.dumps)
        return getattr(self._remote, method)(*arguments)

    def ran(self, work: Work, holding: bool, begins: Callable[[int], None] = untold) -> Message:
        """Run some items; return what came of it as a message."""
        return self._message(self._report(work, holding, begins), work)

    def _report(self, work: Work, holding: bool, begins: Callable[[int], None] = untold) -> Report:
        """Run some items; what clones elsewhere need of the results is held."""
        assert self._remote is not None
        report = self._remote.run(work, begins)
        if holding and self._remote.definition.holds is not None:
            self._hold(report, self._remote.definition.holds)
        return report

    def _message(self, report: Report, work: Work) -> Message:
        """The report as a message, with a failure for each result that cannot be pickled."""
        pickler = self._pickling.CloudPickler
        try:
            return encoded(report, pickler)
        except Exception:
            return encoded(self._what_can_be_sent(report, work), pickler)

    def run(self, message: tuple[bytes, list[Any]], *parcels: Any) -> tuple[bytes, list[Any]]:
        """Run the items in a message."""
        answer = self.ran(opened(message, parcels), holding=False)
        return answer.data, answer.buffers

    def run_holding(
        self, message: tuple[bytes, list[Any]], *parcels: Any
    ) -> tuple[tuple[bytes, list[Any]], list[Any]]:
        """Run the items in a message; what is held is returned apart, as a parcel."""
        work = opened(message, parcels)
        report = self._report(work, holding=True)
        assert self._remote is not None
        holds = self._remote.definition.holds
        assert holds is not None
        parcel: list[Any] = []

        def away(value: Any, output: int) -> Any:
            if not isinstance(value, Held):
                return value
            parcel.append((value.data, [pickle.PickleBuffer(b) for b in value.buffers]))
            return Away(0, len(parcel) - 1, output)

        report.results = [holds.applied(result, away) for result in report.results]
        answer = self._message(report, work)
        return (answer.data, answer.buffers), parcel

    def _hold(self, report: Report, holds: Holds) -> None:
        """Turn the results that clones elsewhere need into held ones."""
        pickler = self._pickling.CloudPickler
        for index, result in enumerate(report.results):
            with suppress(Exception):  # what cannot be pickled is told further on
                report.results[index] = holds.applied(result, lambda value, _: held(value, pickler))

    def _what_can_be_sent(self, report: Report, work: Work) -> Report:
        """The report, with a failure in place of each result that cannot be pickled."""
        assert self._remote is not None
        for index, result in enumerate(report.results):
            try:
                self._pickling.dumps(result)
            except Exception as error:
                report.results[index] = self._remote.failed(error, work.numbers[index])
        return report


def opened(message: tuple[bytes, list[Any]], parcels: tuple[Any, ...]) -> Work:
    """The work in a message, and the values that came beside it."""
    work: Work = decoded(*message, copy=False)

    def value_of(value: Any) -> Any:
        if type(value) is Away:
            return decoded(*parcels[value.parcel][value.place], copy=False)
        return value.value() if isinstance(value, Held) else value

    return work._replace(rows=[tuple(map(value_of, row)) for row in work.rows])


def held(value: Any, pickler: Any) -> Any:
    """The value as its message, if it is large."""
    message = encoded(value, pickler)
    return Held(*message) if message.size >= HELD else value


def keep_memory() -> None:
    """Tell the allocator not to give back what large arrays leave, where it is glibc's.

    Each item needs as much again, and clearing fresh pages takes longer than most work on them.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT // 8)  # larger ones would be refused
