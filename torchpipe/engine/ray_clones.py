"""`RayCluster` and `RayActor`: clones as Ray actors. The only file that imports ray.

Guarantees:

- A cluster of our own is started when the first clone needs it, and stopped with the last one. One
  that was there already, or that `RAY_ADDRESS` names, is joined and never stopped.
- Ray restarts and repeats nothing by itself: that would break the order. Loss is told as `Lost`.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from typing import Any

from torchpipe.engine.process import Lost
from torchpipe.engine.ray_resources import (
    environment,
    misplaced,
    needs,
    node_id,
    occupied,
    options_of,
    overbooked,
)
from torchpipe.engine.remote import Definition, RemoteClone, Report, Work
from torchpipe.engine.wire import decoded, encoded
from torchpipe.errors import ClusterError
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

BUSY = 15.0
"""Seconds after which a clone that has not started is taken to have no room."""

LOSS = (
    "RayActorError",
    "ObjectLostError",
    "NodeDiedError",
    "WorkerCrashedError",
    "GetTimeoutError",
    "TaskCancelledError",
    "OutOfMemoryError",
)
"""What Ray raises if a process, or what it returned, is gone."""


class Host:
    """The actor: it gives messages to a `RemoteClone`, and sends back what that returns."""

    def __init__(self, clone: RayClone, data: bytes, *buffers: Any):
        os.environ.update(environment(clone))  # before anything here looks for a GPU
        self._parts = clone, data, buffers
        self._remote: RemoteClone | None = None

    def here(self) -> bool:
        """Say that the process is there."""
        return True

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the clone."""
        if self._remote is None:
            clone, data, buffers = self._parts
            definition = decoded(data, buffers, copy=False)
            self._remote = RemoteClone(definition, clone, cloudpickle.dumps)
        return getattr(self._remote, method)(*arguments)

    def run(self, data: bytes, buffers: list[Any]) -> Any:
        """Run the items in a message; return their results in one."""
        assert self._remote is not None
        work = decoded(data, buffers, copy=False)
        report = self._remote.run(work)
        try:
            return tuple(encoded(report, cloudpickle.CloudPickler))
        except Exception:
            return tuple(encoded(self._what_can_be_sent(report, work), cloudpickle.CloudPickler))

    def _what_can_be_sent(self, report: Report, work: Work) -> Report:
        """The report, with a failure in place of each result that cannot be pickled."""
        assert self._remote is not None
        for index, result in enumerate(report.results):
            try:
                encoded(result, cloudpickle.CloudPickler)
            except Exception as error:
                report.results[index] = self._remote.failed(error, work.numbers[index])
        return report

    def run_posted(self, message: tuple[bytes, list[Any]]) -> Any:
        """As `run`, for a message in the object store."""
        return self.run(*message)


class RayActor:
    """One clone, as an actor: see `Actor`."""

    def __init__(self, name: str, clone: RayClone, posted: Any):
        self.name = name
        made = ray.remote(Host).options(**options_of(clone), **placement(clone))
        self.handle = made.remote(clone, *posted)
        self.first = self.handle.here.remote()

    def ready(self, timeout: float) -> bool:
        """Wait until the process is there; say whether it is."""
        done, _ = ray.wait([self.first], timeout=timeout)
        if done:
            with told_as_lost():
                ray.get(self.first)
        return bool(done)

    def ask(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Call a method of the `RemoteClone` and wait for what it returns."""
        with told_as_lost():
            return ray.get(self.handle.ask.remote(method, *arguments), timeout=timeout)

    def send(self, work: Work) -> Any:
        """Begin to run some items."""
        message = encoded(work, cloudpickle.CloudPickler)
        if message.size < LARGE:
            return self.handle.run.remote(*message)
        return self.handle.run_posted.remote(ray.put(tuple(message)))

    def receive(self, call: Any, timeout: float | None) -> Report:
        """Wait for what came of it; its arrays are its reader's own."""
        with told_as_lost():
            data, buffers = ray.get(call, timeout=timeout)
        report: Report = decoded(data, buffers, copy=True)
        return report

    def cancel(self, call: Any) -> None:
        """Do not begin with it, if it has not begun."""
        with suppress(Exception):
            ray.cancel(call, force=False)

    def kill(self) -> None:
        """End the process, now."""
        with suppress(Exception):  # it may be gone, and Ray with it
            ray.kill(self.handle)


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
    lost = tuple(getattr(failures, name) for name in LOSS)
    try:
        yield
    except failures.GetTimeoutError as error:
        raise Lost("it did not return before its deadline") from error
    except lost as error:
        raise Lost(first_line(error)) from error
    except failures.RayTaskError as error:
        raise error.cause from None


def first_line(error: BaseException) -> str:
    """What an error says, in short."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


class RayCluster:
    """The cluster that the clones of all runs of this process share: see `Cluster`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._own = self._connected = False
        self._posted: dict[Any, Any] = {}
        self._reserved: dict[Any, dict[str, float]] = {}

    def join(self) -> None:
        """Make sure that the cluster is there."""
        with self._lock:
            if not self._users and not ray.is_initialized():
                self._connect()
            self._users += 1

    def _connect(self) -> None:
        address = os.environ.get("RAY_ADDRESS")
        self._connected = True
        if address:
            ray.init(address=address, log_to_driver=False)
            return
        with preloading():
            ray.init(address="local", include_dashboard=False, log_to_driver=False)

    def leave(self, key: Any) -> None:
        """Need it no more: the last one stops a cluster of our own, or leaves another."""
        with self._lock:
            self._reserved.pop(key, None)
            self._users -= 1
            if self._users:
                return
            self._posted.clear()
            if self._connected:
                self._connected = False
                ray.shutdown()

    def post(self, key: Any, definition: Callable[[], Definition]) -> Any:
        """Put the definition into the object store, once for all clones of a stage."""
        with self._lock:
            if key not in self._posted:
                message = encoded(definition(), cloudpickle.CloudPickler)
                buffers = [ray.put(pickle.PickleBuffer(b)) for b in message.buffers]
                self._posted[key] = (message.data, *buffers)
            return self._posted[key]

    def reserve(self, key: Any, name: str, clone: RayClone) -> None:
        """Raise if no node could ever run such a clone, or all clones together ask for too much."""
        nodes = ray.nodes()
        with self._lock:
            others = list(self._reserved.values())
            problem = misplaced(clone, nodes) or overbooked([*others, needs(clone)], nodes)
            if problem is None:
                self._reserved[key] = needs(clone)
        refuse(name, clone, problem)

    def refuse(self, name: str, clone: RayClone, waited: float) -> None:
        """Raise if a node is gone that this clone needs, or others have what it asks for."""
        refuse(name, clone, misplaced(clone, ray.nodes()))
        if waited > BUSY:
            refuse(name, clone, occupied(needs(clone), ray.available_resources()))

    def start(self, name: str, clone: RayClone, posted: Any) -> RayActor:
        """Start an actor, as soon as there is room."""
        return RayActor(name, clone, posted)


def refuse(name: str, clone: RayClone, problem: str | None) -> None:
    """Raise if there is a problem with placing a clone."""
    if problem is not None:
        raise ClusterError(f"cannot place {name} ({clone}): {problem}")


@cache
def cluster() -> RayCluster:
    """The cluster of this process.

    Raises:
        ClusterError: The extra `ray` is not installed.
    """
    if ray is None:
        raise ClusterError(
            "cannot run a tp.RayClone: ray is not installed. Install the extra `ray`: from a "
            "checkout, pip install --editable '.[ray]'."
        )
    return RayCluster()


@contextmanager
def preloading() -> Iterator[None]:
    """Let the workers of a cluster that is started within import torch before they are needed."""
    name = "RAY_preload_python_modules"
    if "torch" not in sys.modules or name in os.environ:
        yield
        return
    os.environ[name] = "torch"
    try:
        yield
    finally:
        del os.environ[name]
