"""What a trace file must be, whatever was recorded: the Chrome trace format, event by event."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import torchpipe as tp
from torchpipe.engine.telemetry.trace import Trace

Event = dict[str, Any]
NEEDED = {
    "M": {"name", "args"},
    "X": {"name", "cat", "ts", "dur", "args"},
    "s": {"name", "cat", "ts", "id", "args"},
    "t": {"name", "cat", "ts", "id", "bp", "args"},
    "f": {"name", "cat", "ts", "id", "bp", "args"},
    "i": {"name", "cat", "ts", "s", "args"},
    "C": {"name", "ts", "args"},
}


class Traced:
    """The events of a trace, looked at: all of them are valid, or making this fails."""

    def __init__(self, text: str):
        self.file = json.loads(text)
        self.events: list[Event] = self.file["traceEvents"]
        for event in self.events:
            assert set(event) == NEEDED[event["ph"]] | {"ph", "pid", "tid"}, event
            assert event.get("ts", 0) >= 0, event
            assert event.get("dur", 0) >= 0, event
        self.tracks = {event["tid"]: event["args"]["name"] for event in self.of("M", "thread_name")}
        self.slices = defaultdict(list)
        for event in sorted(self.of("X"), key=lambda event: event["ts"]):
            self.slices[event["tid"]].append(event)
        self._check_slices()
        self._check_flows()

    def of(self, kind: str, name: str | None = None) -> list[Event]:
        """All events of a kind."""
        return [e for e in self.events if e["ph"] == kind and name in (None, e["name"])]

    def calls(self) -> dict[str, list[int]]:
        """The items of all calls, by cell."""
        found = defaultdict(list)
        for event in sorted(self.of("X"), key=lambda event: event["ts"]):
            args = event["args"]
            found[event["name"]] += args.get("items", [args.get("item")])
        return dict(found)

    def ways(self) -> dict[int, list[str]]:
        """The tracks that each arrow passes."""
        found = defaultdict(list)
        for event in [*self.of("s"), *self.of("t"), *self.of("f")]:
            found[event["id"]].append((event["ts"], self.tracks[event["tid"]]))
        return {number: [track for _, track in sorted(way)] for number, way in found.items()}

    def _check_slices(self) -> None:
        """Within a track, one call comes after the other."""
        assert set(self.slices) <= set(self.tracks)
        for calls in self.slices.values():
            for one, other in pairwise(calls):
                assert nanoseconds(one["ts"] + one["dur"]) <= nanoseconds(other["ts"]), (one, other)

    def _check_flows(self) -> None:
        """Each arrow begins, goes on and ends within a call of its item."""
        flows = defaultdict(list)
        for event in [*self.of("s"), *self.of("t"), *self.of("f")]:
            item = int(event["name"].split()[1])
            assert any(is_within(event, item, call) for call in self.slices[event["tid"]]), event
            flows[event["id"]].append(event)
        for events in flows.values():
            kinds = [event["ph"] for event in sorted(events, key=lambda event: event["ts"])]
            assert kinds == ["s", *["t"] * (len(kinds) - 2), "f"]


def is_within(event: Event, item: int, call: Event) -> bool:
    """Whether the end of an arrow lies in a call of that item."""
    inside = call["ts"] - 0.001 <= event["ts"] <= call["ts"] + call["dur"] + 0.001
    return inside and item in call["args"].get("items", [call["args"].get("item")])


def nanoseconds(time: float) -> int:
    return round(time * 1000)


def traced(trace: Trace) -> Traced:
    """What a trace has recorded."""
    return Traced("".join(trace.text()))


def recorded(pipeline: tp.Pipeline, **options: Any) -> Traced:
    """The trace of a whole epoch."""
    with pipeline.run(**options) as run, run.trace() as trace:
        for _ in run:
            pass
    return traced(trace)
