"""`Chart`: calls as events of the Chrome trace format, which Perfetto and speedscope read, too.

Times are in microseconds. After "Trace Event Format" (Duca and Sinclair 2016),
https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from torchpipe.engine.telemetry.recording import Called, Track

Event = dict[str, Any]


class Mark(NamedTuple):
    """An error: where, when, in which cell, at which item, what came of it, and its text."""

    track: Track
    when: float
    path: str
    item: int
    what: str
    text: str


class Count(NamedTuple):
    """How many items were somewhere at a time."""

    name: str
    when: float
    items: int


class Chart:
    """Makes the events: times are microseconds since the beginning.

    Args:
        name: Of the pipeline.
        began: When the recording began.
        threads: The names of the threads of serial stages.
        calls: What has returned.
        marks: What went wrong.
        counts: How many items were in queues and windows.
    """

    def __init__(
        self,
        name: str,
        began: float,
        threads: Mapping[Track, str],
        calls: Sequence[Called],
        marks: Sequence[Mark],
        counts: Sequence[Count],
    ):
        self.name, self.began, self.threads = name, began, threads
        self.calls = sorted(calls, key=lambda call: (call.began, call.ended))
        self.marks, self.counts = marks, counts
        self.process = os.getpid()
        self.ids = {track: number for number, track in enumerate(self._tracks(), 1)}

    def _tracks(self) -> list[Track]:
        """In the order in which items pass them; clones of a cell by number."""
        first: dict[str, int] = {}
        of: dict[Track, str] = {}
        for number, call in enumerate(self.calls):
            first.setdefault(of.setdefault(call.track, call.path), number)
        found = sorted(of, key=lambda track: (first[of[track]], track.clone.index))
        return list(dict.fromkeys([*found, *(mark.track for mark in self.marks)]))

    def events(self) -> Iterator[Event]:
        """All of them."""
        yield self._event("M", 0, name="process_name", args={"name": self.name})
        for track, number in self.ids.items():
            told = self.threads.get(track, str(track.clone))
            yield self._event(
                "M", number, name="thread_name", args={"name": f"{track.name} ({told})"}
            )
            yield self._event("M", number, name="thread_sort_index", args={"sort_index": number})
        yield from map(self._slice, self.calls)
        yield from self._flows()
        yield from map(self._instant, self.marks)
        yield from map(self._counter, self.counts)

    def _event(self, kind: str, thread: int, **more: Any) -> Event:
        return {"ph": kind, "pid": self.process, "tid": thread, **more}

    def _at(self, when: float) -> float:
        """The time in microseconds, to the nanosecond."""
        return round((when - self.began) * 1e6, 3)

    def _slice(self, call: Called) -> Event:
        """A call."""
        which = {"item": call.items[0]} if len(call.items) == 1 else {"items": call.items}
        began, ended = self._at(call.began), self._at(call.ended)
        return self._event(
            "X",
            self.ids[call.track],
            name=call.path,
            cat="cell",
            ts=began,
            dur=round(ended - began, 3),
            args={**which, "epoch": call.epoch},
        )

    def _instant(self, mark: Mark) -> Event:
        """An error."""
        where = {"name": f"{mark.what} in {mark.path}", "cat": "error", "ts": self._at(mark.when)}
        told = {"item": mark.item, "error": mark.text}
        return self._event("i", self.ids[mark.track], s="t", **where, args=told)

    def _counter(self, count: Count) -> Event:
        """The length of a queue, or the fill of a window."""
        when = self._at(count.when)
        return self._event("C", 0, name=count.name, ts=when, args={"items": count.items})

    def _flows(self) -> Iterator[Event]:
        """For each item, an arrow from track to track."""
        ways: dict[tuple[str, int, int], list[tuple[float, int]]] = {}
        for call in self.calls:
            place = (call.began + call.ended) / 2, self.ids[call.track]  # within the call, surely
            for item in call.items:
                ways.setdefault((call.track.region, call.epoch, item), []).append(place)
        for number, ((region, epoch, item), way) in enumerate(ways.items()):
            name = f"item {item}" if not region else f"item {item} of {region}"
            yield from self._flow(number, name, epoch, way)

    def _flow(
        self, number: int, name: str, epoch: int, way: list[tuple[float, int]]
    ) -> Iterator[Event]:
        """The arrows of an item: what it passes in one track, one after the other, is one end."""
        ends = [next(same) for _, same in groupby(sorted(way), key=itemgetter(1))]
        kinds = ["s", *["t"] * (len(ends) - 2), "f"]
        if len(ends) < 2:
            return
        for kind, (when, thread) in zip(kinds, ends, strict=True):
            binding = {} if kind == "s" else {"bp": "e"}
            which = {"id": number, "name": name, "cat": "item", "ts": self._at(when)}
            yield self._event(kind, thread, **which, **binding, args={"epoch": epoch})
