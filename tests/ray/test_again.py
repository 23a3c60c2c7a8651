"""Results that were lost with their node are made again by a process that is there."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from torchpipe.engine.remote.again import Again
from torchpipe.engine.remote.failure import Lost
from torchpipe.engine.remote.work import Report, Work
from torchpipe.errors import CloneLost


class Process:
    """What a clone knows of its process, which may be lost without that it has noticed."""

    def __init__(self, *, alive: bool):
        self.actor, self.alive, self.sent = self, alive, 0
        self.there = Event()
        self.there.set()

    def send(self, work: Work, holding: bool) -> Work:
        self.sent += 1
        if not self.alive:
            raise Lost("its node is gone")
        return work

    def receive(self, work: Work, deadline: float | None) -> Report:
        return Report([("made", number) for number in work.numbers])


def again(*processes: Process) -> Again:
    clones: list[Any] = [SimpleNamespace(process=process) for process in processes]
    ring = SimpleNamespace(stopped=False)
    stage = SimpleNamespace(node=SimpleNamespace(path="cell"))
    owner = clones[0]
    owner.siblings, owner.part = clones[1:], SimpleNamespace(ring=ring)
    owner.clone, owner.holds, owner.stage = SimpleNamespace(deadline=None), None, stage
    return Again(owner, 7, ())


def test_a_lost_process_that_nobody_has_noticed_is_asked_once():
    gone, other = Process(alive=False), Process(alive=True)
    assert again(gone, other).output(0) == ("made", 7)
    assert (gone.sent, other.sent) == (1, 1)


def test_without_any_process_it_gives_up():
    with pytest.raises(CloneLost, match="the result of cell for item 7 was lost"):
        again(Process(alive=False), Process(alive=False)).output(0)
