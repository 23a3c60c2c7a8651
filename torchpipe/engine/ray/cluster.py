"""`RayCluster`: where Ray clones live.

Guarantees:

- A cluster of our own is started when the first clone needs it, and stopped with the last one. One
  that was there already, or that an address names, is joined and never stopped.
- The shared memory for the clones on this node is given back with the last one, too.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from torchpipe.engine.ray.actor import RayActor
from torchpipe.engine.ray.address import (
    LOCAL,
    START,
    TOKEN,
    chosen,
    not_joined,
    refuse_other,
    refuse_silent,
)
from torchpipe.engine.ray.loss import cloudpickle, failures, first_line, ray
from torchpipe.engine.ray.resources import misplaced, needs, occupied, overbooked
from torchpipe.engine.remote.segments import Pool
from torchpipe.engine.remote.wire import encoded
from torchpipe.engine.remote.work import Definition
from torchpipe.errors import ClusterError
from torchpipe.graph.clone import RayClone

BUSY = 15.0
"""Seconds after which a clone that has not started is taken to have no room."""


class RayCluster:
    """The cluster that the clones of all runs of this process share: see `Cluster`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._joined: str | None = None
        self._pool = Pool() if hasattr(os, "memfd_create") else None
        self._posted: dict[Any, Any] = {}
        self._reserved: dict[Any, dict[str, float]] = {}

    def join(self, address: str | None) -> None:
        """Make sure that the cluster is there, and that it is the one that is meant."""
        with self._lock:
            if not self._users and not ray.is_initialized():
                with sigterm_kept():
                    self._connect(chosen(address))
            elif address and address != self._joined:
                here = ray.get_runtime_context().gcs_address
                refuse_other(address, here, ray.util.get_node_ip_address())
            self._users += 1

    def _connect(self, address: str) -> None:
        if address == LOCAL:
            with preloading():
                ray.init(address=LOCAL, include_dashboard=False, log_to_driver=False)
        else:
            refuse_silent(address)
            try:
                ray.init(address=address, log_to_driver=False)
            except refusals() as error:
                fix = START if isinstance(error, ValueError) else TOKEN
                raise not_joined(address, first_line(error), fix) from error
        self._joined = address

    def leave(self, key: Any) -> None:
        """Need it no more: the last one stops a cluster of our own, or leaves another."""
        with self._lock:
            self._reserved.pop(key, None)
            self._users -= 1
            if self._users:
                return
            self._posted.clear()
            if self._pool is not None:
                self._pool.clear()
            if self._joined is not None:
                self._joined = None
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
        return RayActor(name, clone, posted, self._pool)


def refusals() -> tuple[type[Exception], ...]:
    """What Ray raises if a cluster cannot be joined."""
    wrong_token = getattr(failures, "AuthenticationError", ConnectionError)  # before 2.52: none
    return ValueError, ConnectionError, wrong_token


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
def sigterm_kept() -> Iterator[None]:
    """Keep what the program does on SIGTERM; Ray has the process exit wherever it is."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


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
