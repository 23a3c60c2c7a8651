"""`Again`: runs an item again, whose result was lost with the node that held it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchpipe.engine.ending import stopped_error
from torchpipe.engine.remote.actor import Actor
from torchpipe.engine.remote.failure import Failure, Lost
from torchpipe.engine.remote.held import here
from torchpipe.engine.remote.work import Report, Work
from torchpipe.errors import CloneLost

if TYPE_CHECKING:
    from torchpipe.engine.remote.distant import DistantClone

ATTEMPTS = 3
"""How many processes may be lost meanwhile."""


class Again:
    """What is needed to run an item again: it is kept until nobody needs the result any more.

    Args:
        owner: The clone that ran it; any other of its stage may run it again.
        number: The item's number.
        row: Its arguments.
    """

    def __init__(self, owner: DistantClone, number: int, row: tuple[Any, ...]):
        self.owner, self.number, self.row = owner, number, row

    def output(self, index: int) -> Any:
        """One output of the cell, for this item.

        Raises:
            BaseException: What the cell raised; `CloneLost`, if no process could run it.
        """
        row = tuple(map(here, self.row))
        lost: list[Actor] = []
        while len(lost) < ATTEMPTS:
            actor = self._actor(lost)
            try:
                report = self._run(actor, Work([self.number], [row]))
            except Lost:
                lost.append(actor)
                continue
            return self._output(report, index)
        raise self._gave_up()

    def _actor(self, lost: list[Actor]) -> Actor:
        """A process that can run it; waits for one to come up, if none is there.

        Args:
            lost: Those that are none any more, which their clones may not have noticed yet.
        """
        actor = self._any_actor(lost)
        if actor is None:
            self.owner.process.there.wait()
            actor = self._any_actor(lost)
        if self.owner.part.ring.stopped:
            raise stopped_error()
        if actor is None:
            raise self._gave_up()
        return actor

    def _any_actor(self, lost: list[Actor]) -> Actor | None:
        siblings = [self.owner, *self.owner.siblings]
        actors = (clone.process.actor for clone in siblings if hasattr(clone, "process"))
        return next((actor for actor in actors if actor is not None and actor not in lost), None)

    def _run(self, actor: Actor, work: Work) -> Report:
        deadline = self.owner.clone.deadline
        return actor.receive(actor.send(work, holding=False), deadline)

    def _output(self, report: Report, index: int) -> Any:
        (result,) = report.results
        if isinstance(result, Failure):
            raise result.error()
        several = self.owner.holds is not None and self.owner.holds.several
        return result[index] if several else result

    def _gave_up(self) -> BaseException:
        path = self.owner.stage.node.path
        return CloneLost(
            f"the result of {path} for item {self.number} was lost with its node, and no clone of "
            f"it is there to make it again."
        )
