"""`RayActor`: this process's end of a Ray clone.

Ray starts its process, says whether it lives, and ends it. Calls go to it over a line: `Near` if it
is on this node, `Far` if it is not. Ray restarts and repeats nothing by itself: that would break
the order. Loss is told as `Lost`.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from torchpipe.engine.ray.far import Far
from torchpipe.engine.ray.host import Host
from torchpipe.engine.ray.loss import cloudpickle, got, ray, told_as_lost
from torchpipe.engine.ray.resources import node_id, options_of
from torchpipe.engine.remote.near import Near, Offer, offer_of
from torchpipe.engine.remote.segments import Pool
from torchpipe.engine.remote.work import Report, Work
from torchpipe.graph.clone import RayClone


class RayActor:
    """One clone, as an actor: see `Actor`."""

    def __init__(self, name: str, clone: RayClone, posted: Any, pool: Pool | None):
        self.name, self._offer = name, offer_of(pool)
        made = ray.remote(Host).options(**options_of(clone), **placement(clone))
        self.handle = made.remote(clone, *posted)
        node = ray.get_runtime_context().get_node_id()
        self._here = self.handle.here.remote(node, self._offer and self._offer.told)
        self._line: Near | Far | None = None
        self._serving: Any = None

    def ready(self, timeout: float) -> bool:
        """Wait until the process is there; say whether it is."""
        done, _ = ray.wait([self._here], timeout=timeout)
        if done and self._line is None:
            with told_as_lost():
                is_near = ray.get(self._here)
            self._line = self._near(self._offer) if is_near and self._offer else Far(self.handle)
        return bool(done)

    def _near(self, offer: Offer) -> Near:
        line = offer.accepted(self._lives, cloudpickle.CloudPickler)
        self._serving = self.handle.serve.remote()
        return line

    def _lives(self) -> bool:
        return not ray.wait([self._serving], timeout=0)[0]

    @property
    def line(self) -> Near | Far:
        """Where calls go, once the process is there."""
        assert self._line is not None
        return self._line

    def ask(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Call a method of the `RemoteClone` and wait for what it returns."""
        return self.line.ask(method, *arguments, timeout=timeout)

    def send(self, work: Work, holding: bool) -> Any:
        """Begin to run some items."""
        return self.line.send(work, holding)

    def receive(self, call: Any, deadline: float | None) -> Report:
        """Wait for what came of it; its arrays are its reader's own."""
        return self.line.receive(call, deadline)

    def fetch(self, parcel: Any) -> Any:
        """Get what is held in the object store."""
        with told_as_lost():
            return got(parcel)

    def cancel(self, call: Any) -> None:
        """Do not begin with it, if it has not begun."""
        self.line.cancel(call)

    def kill(self) -> None:
        """End the process, now."""
        with suppress(Exception):  # it may be gone, and Ray with it
            ray.kill(self.handle)
        if self._offer is not None:
            self._offer.withdraw()
        if self._line is not None:
            self._line.close()


def placement(clone: RayClone) -> dict[str, Any]:
    """The option that binds an actor to the node that the clone names."""
    if clone.node is None:
        return {}
    strategies = import_module("ray.util.scheduling_strategies")
    found = node_id(clone.node, ray.nodes())
    return {"scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(found, soft=False)}
