"""`Process`: the life of a clone elsewhere: started, set up, reset, replaced, torn down."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from torchpipe.engine.remote.actor import Actor, Cluster
from torchpipe.engine.remote.failure import Lost, raise_failure
from torchpipe.engine.remote.passing import names_of
from torchpipe.engine.remote.work import Definition
from torchpipe.engine.saving.cut import States
from torchpipe.engine.threads import Cells
from torchpipe.errors import CloneLost, StallWarning

if TYPE_CHECKING:
    from torchpipe.engine.remote.distant import DistantClone

PATIENCE = 5.0
"""Seconds to wait for a process before looking into why it does not come up."""

LONGEST = 120.0
"""Seconds to wait for a process to come up on a cluster that has room for it."""

IN_A_ROW = 8
"""Replacements that may be lost one after the other before they have returned a single call."""


class Process(Cells):
    """The process of one clone. For its thread it stands where the `Cells` of others stand.

    Attributes:
        actor: The process; None while it is being replaced.
        there: Set while there is one, or when nobody may wait for it any more.
        losing: Held while a call joins those in flight, and while the process is given up: so each
            call is either among those that are given back, or was not sent.
    """

    def __init__(self, owner: DistantClone, cluster: Cluster):
        super().__init__([], owner.context)
        self.owner, self.cluster = owner, cluster
        self.actor: Actor | None = None
        self.there = threading.Event()
        self.lost_in_a_row = 0
        self.lock = threading.Lock()
        self.losing = threading.Lock()
        self.timer: threading.Timer | None = None
        cluster.join(owner.part.core.ray_address)  # here, in the thread that starts the run

    def set_up(self) -> None:
        """Start the process, and set up the cells in it.

        Raises:
            BaseException: What a cell's `setup` raised; `ClusterError`.
        """
        self.cluster.reserve(self, self.owner.name, self.owner.clone)
        self._start()

    def _start(self) -> None:
        """Start a process; it is there when its cells are set up, in the current epoch."""
        epoch = self.context.shared.epoch
        actor = self._placed()
        try:
            raise_failure(actor.ask("set_up", epoch))
            with self.lock:
                if epoch != self.context.shared.epoch:
                    raise_failure(actor.ask("reset", self.context.shared.epoch))
                self.actor = actor
        except BaseException:
            actor.kill()
            raise
        self.there.set()

    def _placed(self) -> Actor:
        """A process, once there was room for it."""
        posted = self.cluster.post(self.owner.stage, lambda: definition_of(self.owner))
        actor = self.cluster.start(self.owner.name, self.owner.clone, posted)
        began = monotonic()
        try:
            while not actor.ready(timeout=0.5):
                self._check_wait(monotonic() - began)
        except BaseException:
            actor.kill()
            raise
        return actor

    def _check_wait(self, waited: float) -> None:
        """Give up waiting for a process if the clone is called back, or nobody does its work."""
        owner = self.owner
        if owner.ended:
            raise Lost("it was called back")
        if waited < PATIENCE or (self.lost_in_a_row and owner.has_others):
            return
        self.cluster.refuse(owner.name, owner.clone, waited)
        if waited > LONGEST:
            raise CloneLost(
                f"no process came up for {owner.stage.node.path} ({owner.clone}) within "
                f"{waited:.0f} s. Look at the cluster with `ray status`; let the clone ask for "
                f"less, or add a node."
            )

    def lose(self) -> None:
        """The process is lost: end what may be left of it."""
        with self.losing:  # a sender is done with its call, or will not send it
            self.there.clear()
            actor, self.actor = self.actor, None
        if actor is not None:
            actor.kill()

    def replace(self) -> None:
        """Start another process in place of a lost one.

        Raises:
            CloneLost: Several were lost in a row, or there is no room.
        """
        while not self.owner.ended:
            self.lost_in_a_row += 1
            if self.lost_in_a_row > IN_A_ROW:
                raise CloneLost(
                    f"{self.owner.stage.node.path} ({self.owner.clone}) was lost {IN_A_ROW} times "
                    f"in a row. Look for what ends its process: memory, a crash in native code."
                )
            with suppress(Lost):
                self._start()
                return

    def reset(self) -> None:
        """Begin an epoch; a process that is lost meanwhile is replaced."""
        self._tell("reset", self.context.shared.epoch)

    def finish(self) -> None:
        """Tell the cells that the epoch has ended."""
        self._tell("finish")

    def states(self) -> States:
        """Ask what the stateful cells remember now."""
        with self.lock:
            if not self.owner.stage.ordered or self.actor is None:
                return {}
            try:
                found: States = self.actor.ask("states")
                return found
            except Lost:
                self.owner.refuse_loss()
                raise

    def load(self, states: Mapping[str, Any]) -> None:
        """Give back to the cells what they remembered."""
        own = {leaf.path: states[leaf.path] for leaf in self.owner.leaves if leaf.path in states}
        if own:
            self._tell("load", own)

    def _tell(self, method: str, *arguments: Any) -> None:
        with self.lock:
            if self.actor is None:  # the next one begins in the epoch that there is then
                return
            try:
                raise_failure(self.actor.ask(method, *arguments))
                return
            except Lost:
                self.owner.refuse_loss()
                self.lose()
        self.replace()

    def stop(self, wait: float | None) -> None:
        """Wake whoever waits for the process; end it, if its call has not returned in time.

        Args:
            wait: How long, in seconds, a call may go on.
        """
        self.there.set()
        if wait is not None and self.actor is not None and self.timer is None:
            self.timer = threading.Timer(wait, self._end_call)
            self.timer.daemon = True
            self.timer.start()

    def _end_call(self) -> None:
        """The run stops, and a call has not returned."""
        actor, self.actor = self.actor, None
        if actor is None:
            return
        where = f"cell {self.owner.stage.node.path!r} ({self.owner.clone})"
        text = f"the run stopped, but a call of {where} has not returned: it was ended."
        try:
            warnings.warn(text, StallWarning, stacklevel=1)
        finally:
            actor.kill()  # last: whoever waits for the end goes on at once

    def tear_down(self) -> list[BaseException]:
        """Tear down the cells and end the process; return what was raised."""
        if self.timer is not None:
            self.timer.cancel()
        actor, self.actor = self.actor, None
        try:
            return [] if actor is None else self._torn_down(actor)
        finally:
            self.cluster.leave(self)

    def _torn_down(self, actor: Actor) -> list[BaseException]:
        try:
            failures = actor.ask("tear_down", timeout=self.owner.part.core.stop_after)
            return [failure.error() for failure in failures]
        except Lost as lost:
            return self._lost_at_the_end(lost)
        except Exception as error:
            return [error]
        finally:
            actor.kill()

    def _lost_at_the_end(self, lost: Lost) -> list[BaseException]:
        """All results have left: only a stateful clone may still have had something to complete."""
        stage = self.owner.stage
        if not stage.ordered:
            return []
        return [
            CloneLost(f"a stateful clone was lost while {stage.node.path} was torn down: {lost}.")
        ]


def definition_of(owner: DistantClone) -> Definition:
    """What makes a clone of a scaled-up cell elsewhere."""
    node, core = owner.stage.node, owner.part.core
    assert node.cell is not None
    scaled = node.cell._parent  # it knows the path of the cell
    state, seed = core.state.elsewhere(), core.shared.seed
    return Definition(scaled, node.path, node.bundled, names_of(node), owner.holds, state, seed)
