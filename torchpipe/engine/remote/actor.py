"""`Actor` and `Cluster`: what a run needs of whatever starts processes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torchpipe.engine.remote.work import Definition, Report, Work
from torchpipe.graph.clone import RayClone


class Actor(Protocol):
    """A process that runs a `RemoteClone`. What it returns may raise `Lost` instead."""

    def ready(self, timeout: float) -> bool:
        """Wait until the process is there; say whether it is."""

    def ask(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Call a method of the `RemoteClone` and wait for what it returns."""

    def send(self, work: Work, holding: bool) -> Any:
        """Begin to run some items.

        Args:
            work: The items; arguments may be held elsewhere.
            holding: Whether results may stay where they are made.
        """

    def receive(self, call: Any, deadline: float | None) -> Report:
        """Wait for what came of it.

        Args:
            call: What `send` returned.
            deadline: Longest time in seconds that each item may take.
        """

    def fetch(self, parcel: Any) -> Any:
        """Get what the cluster stores."""

    def cancel(self, call: Any) -> None:
        """Do not begin with it, if it has not begun."""

    def kill(self) -> None:
        """End the process, now."""


class Cluster(Protocol):
    """Where processes are started."""

    def join(self, address: str | None) -> None:
        """Make sure that the cluster is there: see `Run`. Each call is followed by one of `leave`.

        Raises:
            ClusterError: There is none at the address, or this process is in another one.
        """

    def leave(self, key: Any) -> None:
        """Need it no more; the key is that of `reserve`."""

    def post(self, key: Any, definition: Callable[[], Definition]) -> Any:
        """Put the definition where all processes can read it; once for each key."""

    def start(self, name: str, clone: RayClone, posted: Any) -> Actor:
        """Start a process, as soon as there is room."""

    def reserve(self, key: Any, name: str, clone: RayClone) -> None:
        """Raise a `ClusterError` if there can be no room for this clone beside all others."""

    def refuse(self, name: str, clone: RayClone, waited: float) -> None:
        """Raise a `ClusterError` if there seems to be no room, now that it waited for a while."""
