"""`Host`: the actor that a Ray clone is: messages come in, a `RemoteClone` works, answers leave.

What is large lies in segments that the process which runs the pipeline lends (see `segments`), if
both are on one node; or else in the object store.
"""

from __future__ import annotations

import ctypes
import os
import pickle
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

from torchpipe.engine.held import Away, Held, Holds, here
from torchpipe.engine.ray_resources import environment
from torchpipe.engine.remote import RemoteClone, Report, Work
from torchpipe.engine.segments import Loans, Place, fill, laid_out
from torchpipe.engine.wire import Message, decoded, encoded
from torchpipe.graph.clone import RayClone

HELD = 10_000
"""Bytes from which a result that only clones elsewhere need stays where it is."""

KEPT = 256 * 2**20
"""Bytes that the process keeps for what comes next, instead of giving them back to the system."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


class Letter(NamedTuple):
    """A message to an actor.

    Attributes:
        call: Its number.
        data: The pickled work.
        contents: Of its arrays: each a place in a segment, or bytes.
        answer: Where the contents of the answer may be put.
        gone: The keys of segments that will not be used again.
    """

    call: int
    data: bytes
    contents: list[Any]
    answer: Place | None
    gone: list[int]


class Answer(NamedTuple):
    """A message from an actor.

    Attributes:
        data: The pickled report.
        contents: Of its arrays: their bytes, unless they lie in the segment for the answer.
        sizes: Their sizes.
        starts: Where they lie in that segment, or None.
        returned: The calls of whose arguments nothing is kept any more.
    """

    data: bytes
    contents: list[Any]
    sizes: list[int]
    starts: list[int] | None
    returned: list[int]


class Host:
    """The actor."""

    def __init__(self, clone: RayClone, data: bytes, *buffers: Any):
        os.environ.update(environment(clone))  # before anything here looks for a GPU
        keep_memory()
        self._parts = clone, data, buffers
        self._remote: RemoteClone | None = None
        self._loans = Loans()
        self._pickling = import_module("ray.cloudpickle")

    def here(self, node: str, probe: Place | None) -> bool:
        """Say whether memory can be shared with the process that asks, on this node."""
        own = import_module("ray").get_runtime_context().get_node_id()
        if probe is None or node != own:
            return False
        try:
            self._loans.open(probe)
        except OSError:
            return False
        return True

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the clone."""
        if self._remote is None:
            clone, data, buffers = self._parts
            definition = decoded(data, buffers, copy=False)
            self._remote = RemoteClone(definition, clone, self._pickling.dumps)
        return getattr(self._remote, method)(*arguments)

    def run(self, letter: Letter, *parcels: Any) -> Answer:
        """Run the items in a letter."""
        return self._answered(letter, parcels, None)[0]

    def run_holding(self, letter: Letter, *parcels: Any) -> tuple[Answer, list[Any]]:
        """Run the items in a letter; return a parcel, too, with what is held and has no place."""
        assert self._remote is not None
        return self._answered(letter, parcels, self._remote.definition.holds)

    def _answered(
        self, letter: Letter, parcels: Sequence[Any], holds: Holds | None
    ) -> tuple[Answer, list[Any]]:
        self._loans.forget(letter.gone)
        message, parcel = self._ran(letter, parcels, holds)
        answer = self._answer(message, letter.answer)
        del message
        return answer._replace(returned=self._loans.take_returned()), parcel

    def _ran(
        self, letter: Letter, parcels: Sequence[Any], holds: Holds | None
    ) -> tuple[Message, list[Any]]:
        """Run the items; return the report as a message, and a parcel."""
        assert self._remote is not None
        work = self._opened(letter, parcels)
        report = self._remote.run(work)
        if holds is not None:
            self._hold(report, holds)
        try:
            message = self._encoded(report)
        except Exception:
            message = self._encoded(self._what_can_be_sent(report, work))
        if holds is not None and not fits(message.sizes, letter.answer):
            return self._parted(report, holds)
        return message, []

    def _opened(self, letter: Letter, parcels: Sequence[Any]) -> Work:
        """The work in a letter; its arrays lie where they are."""
        loan = self._loans.begin(letter.call)
        buffers = [self._loans.view(c, loan) if type(c) is Place else c for c in letter.contents]
        work: Work = decoded(letter.data, buffers, copy=False)

        def opened(value: Any) -> Any:
            if type(value) is Away:
                return decoded(*parcels[value.parcel][value.place], copy=False)
            return here(value)

        return work._replace(rows=[tuple(map(opened, row)) for row in work.rows])

    def _hold(self, report: Report, holds: Holds) -> None:
        """Turn the results that clones elsewhere need into held ones."""
        pickler = self._pickling.CloudPickler
        for index, result in enumerate(report.results):
            with suppress(Exception):  # what cannot be pickled is told further on
                report.results[index] = holds.applied(result, lambda value, _: held(value, pickler))

    def _parted(self, report: Report, holds: Holds) -> tuple[Message, list[Any]]:
        """The report without what is held, and that as a parcel of its own."""
        parcel: list[Any] = []

        def away(value: Any, output: int) -> Any:
            if not isinstance(value, Held):
                return value
            parcel.append((value.data, [pickle.PickleBuffer(b) for b in value.buffers]))
            return Away(0, len(parcel) - 1, output)

        report.results = [holds.applied(result, away) for result in report.results]
        return self._encoded(report), parcel

    def _encoded(self, report: Report) -> Message:
        return encoded(report, self._pickling.CloudPickler)

    def _what_can_be_sent(self, report: Report, work: Work) -> Report:
        """The report, with a failure in place of each result that cannot be pickled."""
        assert self._remote is not None
        for index, result in enumerate(report.results):
            try:
                self._pickling.dumps(result)
            except Exception as error:
                report.results[index] = self._remote.failed(error, work.numbers[index])
        return report

    def _answer(self, message: Message, place: Place | None) -> Answer:
        """The answer, with its contents in the place for them, if they fit."""
        sizes = message.sizes
        if not fits(sizes, place):
            return Answer(message.data, message.buffers, sizes, None, [])
        assert place is not None
        memory, starts = self._loans.open(place), laid_out(sizes)
        fill(memory, starts, message.buffers)
        return Answer(message.data, [], sizes, starts, [])


def keep_memory() -> None:
    """Tell the allocator not to give back what large arrays leave, where it is glibc's.

    Each item needs as much again, and clearing fresh pages takes longer than most work on them.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT // 8)  # larger ones would be refused


def fits(sizes: Sequence[int], place: Place | None) -> bool:
    """Whether contents of these sizes have room in a segment."""
    return place is not None and bool(sizes) and laid_out(sizes)[-1] <= place.capacity


def held(value: Any, pickler: Any) -> Any:
    """The value as its message, if it is large."""
    message = encoded(value, pickler)
    return Held(*message) if message.size >= HELD else value
