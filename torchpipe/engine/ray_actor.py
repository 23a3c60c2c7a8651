"""`RayActor`: this process's end of a Ray clone: what is sent to its `Host`, and what comes back.

Guarantees:

- Ray restarts and repeats nothing by itself: that would break the order. Loss is told as `Lost`.
- Large contents are copied once on their way: into a segment that the actor reads, or out of one
  that it wrote; or else they go through the object store.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, NamedTuple

from torchpipe.engine.failure import Lost, ValueLost
from torchpipe.engine.lending import Lending, lent_size
from torchpipe.engine.ray_host import Answer, Host, Letter
from torchpipe.engine.ray_resources import node_id, options_of
from torchpipe.engine.remote import Report, Work
from torchpipe.engine.segments import Place, Pool
from torchpipe.engine.wire import Message, decoded, encoded
from torchpipe.graph.clone import RayClone


def loaded(name: str) -> Any:
    """A module of Ray; None if the extra is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


# Untyped, so that types are checked alike with and without ray.
ray, cloudpickle, failures = map(loaded, ("ray", "ray.cloudpickle", "ray.exceptions"))

LARGE = 100_000
"""Bytes from which a message lies in the object store by itself."""

GONE = (
    "RayActorError",
    "NodeDiedError",
    "WorkerCrashedError",
    "TaskCancelledError",
    "OutOfMemoryError",
)
"""What Ray raises if a process is gone."""


class Sent(NamedTuple):
    """A call in flight.

    Attributes:
        call: Its number.
        size: Its bytes.
        copied: Those of them that were copied here.
        answer: What Ray knows its answer by.
        parcel: What Ray knows the results by that are held in the object store, or None.
    """

    call: int
    size: int
    copied: int
    answer: Any
    parcel: Any


class RayActor:
    """One clone, as an actor: see `Actor`."""

    def __init__(self, name: str, clone: RayClone, posted: Any, pool: Pool | None):
        self.name, self.pool = name, pool
        made = ray.remote(Host).options(**options_of(clone), **placement(clone))
        self.handle = made.remote(clone, *posted)
        self._probe = pool.lease(1) if pool is not None else None
        node = ray.get_runtime_context().get_node_id()
        self._first = self.handle.here.remote(node, self._probe and self._probe.segment.place(0, 8))
        self._lending: Lending | None = None
        self._numbers = itertools.count()

    def ready(self, timeout: float) -> bool:
        """Wait until the process is there; say whether it is."""
        done, _ = ray.wait([self._first], timeout=timeout)
        if done:
            with told_as_lost():
                shares = ray.get(self._first)
            self._probe = None
            self._lending = Lending(self.pool) if shares and self.pool is not None else None
        return bool(done)

    def ask(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Call a method of the `RemoteClone` and wait for what it returns."""
        with told_as_lost():
            return ray.get(self.handle.ask.remote(method, *arguments), timeout=timeout)

    # -- calls

    def send(self, work: Work, parcels: list[Any], holding: bool) -> Sent:
        """Begin to run some items."""
        call = next(self._numbers)
        message = encoded(work, cloudpickle.CloudPickler)
        letter = self._letter(call, message)
        inside = sum(map(size_of, letter.contents))
        sent: Any = ray.put(letter) if len(letter.data) + inside > LARGE else letter
        sizes = message.size, message.size - lent_size(message)
        if holding:
            method = self.handle.run_holding.options(num_returns=2)
            return Sent(call, *sizes, *method.remote(sent, *parcels))
        return Sent(call, *sizes, self.handle.run.remote(sent, *parcels), None)

    def _letter(self, call: int, message: Message) -> Letter:
        lending = self._lending
        if lending is None:
            return Letter(call, message.data, message.buffers, None, [])
        contents = lending.contents(call, message)
        return Letter(call, message.data, contents, lending.room(call), lending.gone())

    def receive(self, sent: Sent, timeout: float | None) -> Report:
        """Wait for what came of it; its arrays are its reader's own."""
        with told_as_lost():
            answer: Answer = ray.get(sent.answer, timeout=timeout)
        views: list[Any] = []
        if self._lending is not None:
            self._lending.returned(answer.returned)
            views = self._lending.answered(sent.call, answer.sizes, answer.starts)
        report: Report = decoded(answer.data, views or answer.contents, copy=not views)
        report.sent, report.received = sent.copied, len(answer.data) + sum(answer.sizes)
        report.size, report.parcel = max(sent.size, report.received), sent.parcel
        return report

    def fetch(self, parcel: Any) -> Any:
        """Get what is held in the object store."""
        with told_as_lost():
            return ray.get(parcel)

    def cancel(self, sent: Sent) -> None:
        """Do not begin with it, if it has not begun."""
        with suppress(Exception):
            ray.cancel(sent.answer, force=False)

    def kill(self) -> None:
        """End the process, now."""
        with suppress(Exception):  # it may be gone, and Ray with it
            ray.kill(self.handle)
        if self._lending is not None:
            self._lending.lost()


def size_of(content: Any) -> int:
    """Bytes that contents take in a letter: none, if they lie in a segment."""
    return 0 if type(content) is Place else memoryview(content).nbytes


def placement(clone: RayClone) -> dict[str, Any]:
    """The option that binds an actor to the node that the clone names."""
    if clone.node is None:
        return {}
    strategies = import_module("ray.util.scheduling_strategies")
    found = node_id(clone.node, ray.nodes())
    return {"scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(found, soft=False)}


@contextmanager
def told_as_lost() -> Iterator[None]:
    """Raise `Lost` for whatever means that the process, or what it returned, is gone."""
    lost = tuple(getattr(failures, name) for name in GONE)
    try:
        yield
    except failures.GetTimeoutError as error:
        raise Lost("it did not return before its deadline") from error
    except lost as error:
        raise Lost(first_line(error)) from error
    except failures.ObjectLostError as error:
        raise ValueLost(first_line(error)) from error
    except failures.RayTaskError as error:
        if isinstance(error.cause, failures.ObjectLostError):
            raise ValueLost(first_line(error.cause)) from error
        raise error.cause from None


def first_line(error: BaseException) -> str:
    """What an error says, in short."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
